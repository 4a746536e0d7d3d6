/* SPDX-License-Identifier: MIT */
/* values.h - the argument @text of each option. What is wrong with one ends the program. */
#ifndef DUMP_VALUES_H
#define DUMP_VALUES_H

#include "ptdump.h"

void dump_parse_region(struct dump_options *options, const char *text);
void dump_parse_map(struct dump_options *options, const char *text);
void dump_parse_read(struct dump_options *options, const char *text);
void dump_parse_filter(struct dump_options *options, const char *text);
/* These two narrow what is left of the addresses. */
void dump_parse_range(struct dump_options *options, const char *text);
void dump_parse_half(struct dump_options *options, const char *text);
void dump_parse_leaf_size(struct dump_options *options, const char *text);
enum dump_arch dump_parse_arch(const char *text);
void dump_parse_access(struct dump_access *access, const char *text);
void dump_parse_size(struct dump_access *access, const char *text);
void dump_parse_priv(struct dump_access *access, const char *text);
unsigned int dump_parse_cpu(const char *text);

#endif /* DUMP_VALUES_H */
