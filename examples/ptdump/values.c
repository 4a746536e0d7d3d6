/* SPDX-License-Identifier: MIT */
/* What stands behind the options of ptdump: numbers, regions, ranges, filters, accesses. */
#include "values.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ---- */

/* Reads a number at @text; returns where it ends, or NULL if there is none. */
static const char *scan_number(const char *text, uint64_t *value)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	unsigned int shift;
	char *end;

	if (!isdigit((unsigned char)*text)) /* strtoull() would take blanks and signs */
		return NULL;
	errno = 0;
	*value = strtoull(text, &end, 0);
	if (errno)
		return NULL;
	suffix = *end ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;
	if (suffix) {
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
		if (*value > UINT64_MAX >> shift)
			return NULL;
		*value <<= shift;
		end++;
	}
	return end;
}

uint64_t dump_parse_number(const char *option, const char *text)
{
	const char *end;
	uint64_t value;

	end = scan_number(text, &value);
	if (!end || *end)
		dump_die("--%s: '%s' is not a number of 64 bits", option, text);
	return value;
}

/* "A:B:C": reads up to @max numbers; *@rest is what stands behind the last one, after a colon. */
static size_t parse_fields(const char *option, const char *text, uint64_t *fields, size_t max,
			   const char **rest)
{
	const char *at = text;
	size_t nr = 0;

	*rest = NULL;
	while (nr < max) {
		at = scan_number(at, &fields[nr]);
		if (!at || (*at && *at != ':'))
			dump_die("--%s: '%s' is not a list of numbers with ':' between", option,
				 text);
		nr++;
		if (!*at)
			return nr;
		at++;
	}
	*rest = at;
	return nr;
}

/* ---- what options take ---- */

void dump_parse_region(struct dump_options *options, const char *text)
{
	struct dump_region *region = &options->regions[options->nr_regions];
	uint64_t fields[3] = { 0 };
	const char *rest;

	if (options->nr_regions == DUMP_MAX_REGIONS)
		dump_die("--region: more than %d of them", DUMP_MAX_REGIONS);
	parse_fields("region", text, fields, 3, &rest);
	if (rest)
		dump_die("--region: '%s' is not PA:LEN:OFFSET", text);
	*region = (struct dump_region){ .pa = fields[0], .len = fields[1], .offset = fields[2] };
	options->nr_regions++;
}

static unsigned int parse_perms(const char *option, const char *letters)
{
	static const char all[] = DUMP_PERM_LETTERS;
	unsigned int perms = 0;

	for (const char *at = letters; *at; at++) {
		const char *letter = strchr(all, *at);

		if (*at == '-') /* as a dump prints it */
			continue;
		if (!letter)
			dump_die("--%s: '%c' is none of " DUMP_PERM_LETTERS, option, *at);
		perms |= 1u << (letter - all);
	}
	return perms;
}

void dump_parse_map(struct dump_options *options, const char *text)
{
	struct dump_mapping *map = &options->maps[options->nr_maps];
	const char *letters;
	uint64_t fields[3];

	if (options->nr_maps == DUMP_MAX_MAPS)
		dump_die("--map: more than %d of them", DUMP_MAX_MAPS);
	if (parse_fields("map", text, fields, 3, &letters) != 3 || !letters)
		dump_die("--map: '%s' is not VA:PA:LEN:PERMS", text);
	*map = (struct dump_mapping){
		.va = fields[0],
		.pa = fields[1],
		.len = fields[2],
		.perms = parse_perms("map", letters),
	};
	options->nr_maps++;
}

void dump_parse_read(struct dump_options *options, const char *text)
{
	uint64_t fields[2];
	const char *rest;

	if (parse_fields("read", text, fields, 2, &rest) != 2 || rest || !fields[1])
		dump_die("--read: '%s' is not VA:LEN", text);
	if (fields[0] + (fields[1] - 1) < fields[0])
		dump_die("--read: '%s' reaches beyond the last address", text);
	options->address = fields[0];
	options->read_len = fields[1];
}

void dump_parse_filter(struct dump_options *options, const char *text)
{
	for (const char *at = text; *at; at++) {
		bool negated = *at == '!';
		char letter[2] = { at[negated], 0 };

		if (*at == ',')
			continue;
		if (!*letter)
			dump_die("--filter: '!' wants a letter behind it");
		if (negated)
			options->refuse |= parse_perms("filter", letter);
		else
			options->want |= parse_perms("filter", letter);
		at += negated;
	}
	/* Runs are then cut where these change, or some of their leaves would not match. */
	if ((options->want | options->refuse) & (DUMP_A | DUMP_D))
		options->respect_ad = true;
}

static void narrow(struct dump_options *options, const char *option, pt_va_t first, pt_va_t last)
{
	if (options->first < first)
		options->first = first;
	if (options->last > last)
		options->last = last;
	if (options->first > options->last)
		dump_die("--%s leaves no address", option);
}

void dump_parse_range(struct dump_options *options, const char *text)
{
	uint64_t first, last;
	const char *at = scan_number(text, &first);

	if (!at || *at != '-')
		dump_die("--range: '%s' is not FIRST-LAST", text);
	at = scan_number(at + 1, &last);
	if (!at || *at || last < first)
		dump_die("--range: '%s' is not FIRST-LAST", text);
	narrow(options, "range", first, last);
}

void dump_parse_half(struct dump_options *options, const char *text)
{
	const uint64_t middle = UINT64_C(1) << 63;

	if (!strcmp(text, "lower"))
		narrow(options, "half", 0, middle - 1);
	else if (!strcmp(text, "upper"))
		narrow(options, "half", middle, UINT64_MAX);
	else
		dump_die("--half: '%s' is neither lower nor upper", text);
}

enum dump_arch dump_parse_arch(const char *text)
{
	static const struct {
		const char *name;
		enum dump_arch arch;
	} archs[] = {
		{ "x86_64", DUMP_X86_64 },   { "amd64", DUMP_X86_64 },
		{ "arm64", DUMP_ARM64 },     { "aarch64", DUMP_ARM64 },
		{ "x86_ept", DUMP_X86_EPT }, { "arm64_s2", DUMP_ARM64_S2 },
	};

	for (size_t i = 0; i < sizeof(archs) / sizeof(archs[0]); i++)
		if (!strcmp(text, archs[i].name))
			return archs[i].arch;
	dump_die("--arch: '%s' is none of x86_64, arm64, x86_ept and arm64_s2", text);
}

static const char *const access_names[] = {
	[PT_ACCESS_READ] = "read",
	[PT_ACCESS_WRITE] = "write",
	[PT_ACCESS_RMW] = "rmw",
	[PT_ACCESS_FETCH] = "fetch",
};

const char *dump_access_name(enum pt_access_kind kind)
{
	return access_names[kind];
}

void dump_parse_access(struct dump_access *access, const char *text)
{
	for (size_t i = 0; i < sizeof(access_names) / sizeof(access_names[0]); i++) {
		if (strcmp(text, access_names[i]) != 0)
			continue;
		access->kind = (enum pt_access_kind)i;
		access->wanted = true;
		return;
	}
	dump_die("--access: '%s' is none of read, write, fetch and rmw", text);
}

void dump_parse_size(struct dump_access *access, const char *text)
{
	uint64_t size = dump_parse_number("size", text);

	if (size < 1 || size > 64)
		dump_die("--size: %s is not between 1 and 64", text);
	access->size = (unsigned int)size;
}

void dump_parse_priv(struct dump_access *access, const char *text)
{
	if (strcmp(text, "user") != 0 && strcmp(text, "kernel") != 0)
		dump_die("--priv: '%s' is neither user nor kernel", text);
	access->user = !strcmp(text, "user");
}

unsigned int dump_parse_cpu(const char *text)
{
	uint64_t cpu = dump_parse_number("cpu", text);

	if (cpu > UINT32_MAX - 1)
		dump_die("--cpu: %s is no number of a processor", text);
	return (unsigned int)cpu;
}

void dump_parse_leaf_size(struct dump_options *options, const char *text)
{
	options->leaf_size = dump_parse_number("leaf-size", text);
	if (!options->leaf_size || (options->leaf_size & (options->leaf_size - 1)))
		dump_die("--leaf-size: %s is not a power of two", text);
}
