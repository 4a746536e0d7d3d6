/* SPDX-License-Identifier: MIT */
/*
 * json.h - JSON objects, member by member, in a line that ends as dump_put_end() ends it.
 *
 * Addresses and words are strings in hexadecimal, for not every reader has integers of 64 bits;
 * counts and sizes are numbers. An object may be longer than a line: what is ready of it goes out.
 */
#ifndef PTDUMP_JSON_H
#define PTDUMP_JSON_H

#include "ptdump.h"

/** Begins an object or array: a member @key of what is begun, or an element of it if @key is "". */
void json_begin(struct dump_line *line, const char *key, char bracket);
void json_end(struct dump_line *line, char bracket);

void json_hex(struct dump_line *line, const char *key, uint64_t value);
void json_number(struct dump_line *line, const char *key, uint64_t value);
void json_bool(struct dump_line *line, const char *key, bool value);
/** @text may hold any bytes: a table image says what its labels are. */
void json_text(struct dump_line *line, const char *key, const char *text);

/* ---- members that several objects have ---- */

/** What DUMP_* @perms are, each a member. */
void json_perms(struct dump_line *line, unsigned int perms);
/** Everything about @run, of whatever type; those that are no leaf have other keys. */
void json_run(struct dump_line *line, const struct dump_root *root, const struct dump_run *run);
/** What @raw means, as --kernel has it; nothing without. */
void json_soft(struct dump_line *line, const struct dump_root *root, unsigned int level,
	       uint64_t raw);

#endif /* PTDUMP_JSON_H */
