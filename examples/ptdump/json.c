/* SPDX-License-Identifier: MIT */
/* JSON: members, and a run as an object. */
#include "json.h"

/* ---- members ---- */

/* Half of a line is more than a key, a number or a byte takes. */
static void make_room(struct dump_line *line)
{
	if (line->len <= sizeof(line->text) / 2)
		return;
	fwrite(line->text, 1, line->len, stdout);
	line->len = 0;
}

/* Sees to the comma before a member or element. */
static void next_member(struct dump_line *line)
{
	char before = line->len ? line->text[line->len - 1] : '{';

	if (before != '{' && before != '[')
		dump_put_char(line, ',');
	make_room(line);
}

static void put_key(struct dump_line *line, const char *key)
{
	next_member(line);
	dump_put_char(line, '"');
	dump_put(line, key);
	dump_put(line, "\":");
}

void json_begin(struct dump_line *line, const char *key, char bracket)
{
	if (*key)
		put_key(line, key);
	else
		next_member(line);
	dump_put_char(line, bracket);
}

void json_end(struct dump_line *line, char bracket)
{
	dump_put_char(line, bracket);
}

void json_hex(struct dump_line *line, const char *key, uint64_t value)
{
	put_key(line, key);
	dump_put_char(line, '"');
	dump_put_hex(line, value, 1);
	dump_put_char(line, '"');
}

void json_number(struct dump_line *line, const char *key, uint64_t value)
{
	put_key(line, key);
	dump_put_number(line, value);
}

void json_bool(struct dump_line *line, const char *key, bool value)
{
	put_key(line, key);
	dump_put(line, value ? "true" : "false");
}

/* A byte that may not stand in a string as it is, or would not be UTF-8 there. */
static bool is_escaped(unsigned char c)
{
	return c < ' ' || c > '~' || c == '"' || c == '\\';
}

void json_text(struct dump_line *line, const char *key, const char *text)
{
	put_key(line, key);
	dump_put_char(line, '"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		make_room(line);
		if (!is_escaped(c)) {
			dump_put_char(line, *text);
			continue;
		}
		dump_put(line, "\\u00");
		dump_put_char(line, "0123456789abcdef"[c >> 4]);
		dump_put_char(line, "0123456789abcdef"[c & 0xf]);
	}
	dump_put_char(line, '"');
}

/* ---- runs ---- */

void json_perms(struct dump_line *line, unsigned int perms)
{
	json_bool(line, "r", perms & DUMP_R);
	json_bool(line, "w", perms & DUMP_W);
	json_bool(line, "x", perms & DUMP_X);
	json_bool(line, "px", perms & DUMP_P);
	json_bool(line, "u", perms & DUMP_U);
	json_bool(line, "g", perms & DUMP_G);
	json_bool(line, "a", perms & DUMP_A);
	json_bool(line, "d", perms & DUMP_D);
}

void json_run(struct dump_line *line, const struct dump_root *root, const struct dump_run *run)
{
	bool is_leaf = run->type == PTW_PFN;

	json_hex(line, "va", run->va);
	json_hex(line, "last", run->last);
	if (is_leaf)
		json_hex(line, "pa", run->pa);
	json_number(line, "size", UINT64_C(1) << run->size_lg2);
	json_number(line, "level", run->level);
	if (!is_leaf) {
		json_hex(line, "word", run->raw);
		if (run->type == PTW_ILLEGAL)
			json_text(line, "why", pt_illegal_name(run->why));
		else
			json_soft(line, root, run->level, run->raw);
		return;
	}
	json_perms(line, run->perms);
	json_number(line, "key", pt_attr_key(run->attr));
	json_text(line, "type", pt_mem_name(pt_attr_mem(run->attr)));
	json_bool(line, "contig", run->contig_lg2);
	if (root->cfg.c_bit)
		json_bool(line, "encrypted", run->attr & PT_ATTR_ENCRYPTED);
}

void dump_json(const struct dump_root *root, const struct dump_run *run)
{
	struct dump_line line = { .len = 0 };

	json_begin(&line, "", '{');
	json_text(&line, "root", root->label);
	json_run(&line, root, run);
	json_end(&line, '}');
	dump_put_end(&line, stdout);
}
