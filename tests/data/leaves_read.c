/* SPDX-License-Identifier: MIT */
/* Leaves from the ground truth's tables, and from ptdump's JSON. */
#include "leaves.h"

#include <inttypes.h>
#include <string.h>

/* ---- memory types: each is a constant string, since leaves keep pointers to them ---- */

static const char *x86_type(uint64_t pat, unsigned int index)
{
	switch (pat >> 8 * index & 7) {
	case 0:
		return " UC ";
	case 1:
		return " WC ";
	case 4:
		return " WT ";
	case 5:
		return " WP ";
	case 6:
		return " WB ";
	case 7:
		return " UC- ";
	default:
		return NULL;
	}
}

static const char *arm64_type(const char *word, uint64_t mair)
{
	if (!strcmp(word, "MEM/NORMAL"))
		return " WB ";
	if (!strcmp(word, "MEM/NORMAL-NC"))
		return " WC ";
	if (!strcmp(word, "DEVICE/nGnRnE"))
		return " UC ";
	if (!strcmp(word, "DEVICE/nGnRE"))
		return " nGnRE ";
	/* The kernel's name of index 1; it holds 0xf0 only where there are tags. */
	if (!strcmp(word, "MEM/NORMAL-TAGGED"))
		return (mair >> 8 & 0xff) == 0xf0 ? NULL : " WB ";
	return NULL;
}

/* ---- flags ---- */

/* QEMU's nine letters, XGPDACTUW. */
static bool read_x86_flags(struct leaf *leaf, const char *flags, uint64_t pat)
{
	unsigned int index;

	if (strlen(flags) != 9)
		return false;
	leaf->known = LEAF_ALL;
	leaf->flags = LEAF_R;
	if (flags[0] != 'X')
		leaf->flags |= LEAF_X | LEAF_PX;
	if (flags[1] == 'G')
		leaf->flags |= LEAF_G;
	if (flags[3] == 'D')
		leaf->flags |= LEAF_D;
	if (flags[4] == 'A')
		leaf->flags |= LEAF_A;
	if (flags[7] == 'U')
		leaf->flags |= LEAF_U;
	if (flags[8] == 'W')
		leaf->flags |= LEAF_W;
	index = (flags[6] == 'T') + 2u * (flags[5] == 'C');
	if (leaf->size == 4096)
		leaf->types = x86_type(pat, index + 4u * (flags[2] == 'P'));
	else /* P is PS there, and nothing shows PAT; both halves are alike in Linux's PAT but WP */
		leaf->types = x86_type(pat, index) == x86_type(pat, index + 4)
				      ? x86_type(pat, index)
				      : NULL;
	return true;
}

/* Words of the kernel's own dumper, with commas between. */
static bool read_arm64_flags(struct leaf *leaf, char *flags, uint64_t mair)
{
	leaf->known = LEAF_ALL & ~(unsigned int)LEAF_D;
	leaf->flags = LEAF_R | LEAF_X | LEAF_PX | LEAF_G;
	for (char *word = strtok(flags, ","); word; word = strtok(NULL, ",")) {
		if (!strcmp(word, "USR"))
			leaf->flags |= LEAF_U;
		else if (!strcmp(word, "RW"))
			leaf->flags |= LEAF_W;
		else if (!strcmp(word, "NX"))
			leaf->flags &= ~(unsigned int)LEAF_PX;
		else if (!strcmp(word, "UXN"))
			leaf->flags &= ~(unsigned int)LEAF_X;
		else if (!strcmp(word, "NG"))
			leaf->flags &= ~(unsigned int)LEAF_G;
		else if (!strcmp(word, "AF"))
			leaf->flags |= LEAF_A;
		else if (!strcmp(word, "CON"))
			leaf->flags |= LEAF_CONTIG;
		else if (!strncmp(word, "MEM/", 4) || !strncmp(word, "DEVICE/", 7))
			leaf->types = arm64_type(word, mair);
		else if (strcmp(word, "ro") && strcmp(word, "x") && strcmp(word, "SHD") &&
			 strcmp(word, "BLK") && strcmp(word, "GP"))
			return false;
	}
	return true;
}

static bool read_flags(struct leaf *leaf, char *flags, const struct dialect *dialect)
{
	return dialect->arm64 ? read_arm64_flags(leaf, flags, dialect->mem_types)
			      : read_x86_flags(leaf, flags, dialect->mem_types);
}

/* ---- tables ---- */

bool leaves_read_tsv(struct leaves *leaves, FILE *file, const struct dialect *dialect)
{
	char line[1024], flags[256];

	while (fgets(line, sizeof(line), file)) {
		struct leaf leaf = { 0 };
		uint64_t end;

		if (line[0] == '#')
			continue;
		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %255s", &leaf.va,
			   &end, &leaf.pa, &leaf.size, flags) != 5 ||
		    !leaf.size || !read_flags(&leaf, flags, dialect))
			return false;
		leaves_add_range(leaves, &leaf, end);
	}
	return true;
}

bool leaves_read_linear(struct leaves *leaves, FILE *file, const struct dialect *dialect,
			uint64_t pa_delta)
{
	char line[1024], flags[256];

	while (fgets(line, sizeof(line), file)) {
		struct leaf leaf = { 0 };
		uint64_t end;

		if (line[0] == '#')
			continue;
		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64 " %255s", &leaf.va, &end,
			   &leaf.size, flags) != 4 ||
		    !leaf.size || !read_flags(&leaf, flags, dialect))
			return false;
		leaf.pa = leaf.va + pa_delta;
		leaves_add_range(leaves, &leaf, end);
	}
	return true;
}

/* ---- JSON ---- */

/* The value behind the next key, which must be @key; NULL if it is another. */
static const char *value_of(const char **at, const char *key)
{
	size_t len = strlen(key);
	const char *value;

	if (**at != '{' && **at != ',')
		return NULL;
	if ((*at)[1] != '"' || strncmp(*at + 2, key, len) || strncmp(*at + 2 + len, "\":", 2))
		return NULL;
	value = *at + 2 + len + 2;
	*at = value + strcspn(value, ",}\n");
	return value;
}

static bool read_number(const char **at, const char *key, const char *format, uint64_t *number)
{
	const char *value = value_of(at, key);

	return value && sscanf(value, format, number) == 1;
}

/* Which root a leaf is of; the caller's question says that already. */
static bool read_root(const char **at)
{
	return value_of(at, "root");
}

static bool read_flag(const char **at, const char *key, unsigned int flag, struct leaf *leaf)
{
	const char *value = value_of(at, key);

	if (!value || (strncmp(value, "true", 4) && strncmp(value, "false", 5)))
		return false;
	if (*value == 't')
		leaf->flags |= flag;
	return true;
}

static bool read_type(const char **at, struct leaf *leaf)
{
	static const char *const names[] = { " WB ", " WT ",	" WC ",	  " UC ", " UC- ",
					     " WP ", " nGnRE ", " nGRE ", " GRE " };
	const char *value = value_of(at, "type");

	if (!value || *value != '"')
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]) - 2;

		if (!strncmp(value + 1, names[i] + 1, len) && value[1 + len] == '"')
			leaf->types = names[i];
	}
	return true;
}

/* All keys, in order, and nothing else. */
static bool read_object(const char *at, struct leaf *leaf, uint64_t *last)
{
	uint64_t level, key;

	leaf->known = LEAF_ALL;
	return read_root(&at) && read_number(&at, "va", "\"%" SCNx64 "\"", &leaf->va) &&
	       read_number(&at, "last", "\"%" SCNx64 "\"", last) &&
	       read_number(&at, "pa", "\"%" SCNx64 "\"", &leaf->pa) &&
	       read_number(&at, "size", "%" SCNu64, &leaf->size) &&
	       read_number(&at, "level", "%" SCNu64, &level) && read_flag(&at, "r", LEAF_R, leaf) &&
	       read_flag(&at, "w", LEAF_W, leaf) && read_flag(&at, "x", LEAF_X, leaf) &&
	       read_flag(&at, "px", LEAF_PX, leaf) && read_flag(&at, "u", LEAF_U, leaf) &&
	       read_flag(&at, "g", LEAF_G, leaf) && read_flag(&at, "a", LEAF_A, leaf) &&
	       read_flag(&at, "d", LEAF_D, leaf) && read_number(&at, "key", "%" SCNu64, &key) &&
	       read_type(&at, leaf) && read_flag(&at, "contig", LEAF_CONTIG, leaf) &&
	       !strcmp(at, "}\n") && leaf->size;
}

bool leaves_read_json(struct leaves *leaves, FILE *file, size_t *nr_lines)
{
	char line[1024];
	size_t nr = 0;

	while (fgets(line, sizeof(line), file)) {
		struct leaf leaf = { 0 };
		uint64_t last;

		if (!read_object(line, &leaf, &last) || (last - leaf.va + 1) % leaf.size)
			return false;
		leaves_add_range(leaves, &leaf, last + 1);
		nr++;
	}
	if (nr_lines)
		*nr_lines = nr;
	return true;
}
