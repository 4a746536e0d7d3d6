/* SPDX-License-Identifier: MIT */
/* Words that are not present, as the kernel meant them that --kernel names. */
#include "json.h"

#include <string.h>

static const struct {
	const char *name;
	enum pt_soft_release release;
} kernels[] = {
	{ "x86-6.12", PT_SOFT_X86_6_12 },   { "x86-6.15", PT_SOFT_X86 },
	{ "arm64-6.1", PT_SOFT_ARM64_6_1 }, { "arm64-6.12", PT_SOFT_ARM64_6_12 },
	{ "arm64-6.15", PT_SOFT_ARM64 },
};

enum pt_soft_release dump_parse_kernel(const char *text)
{
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
		if (!strcmp(text, kernels[i].name))
			return kernels[i].release;
	dump_die("--kernel: '%s' is none of x86-6.12, x86-6.15, arm64-6.1, arm64-6.12 and "
		 "arm64-6.15",
		 text);
}

void dump_soft_init(struct dump_root *root, enum pt_soft_release release)
{
	if (pt_soft_cfg_init(&root->soft, release, &root->cfg,
			     PT_SOFT_BUILT_DEVICE | PT_SOFT_BUILT_MARKERS))
		dump_die("--kernel: it has no tables of %s", root->info.name);
	root->has_soft = true;
}

struct pt_soft dump_soft(const struct dump_root *root, unsigned int level, uint64_t raw)
{
	if (!root->has_soft)
		return (struct pt_soft){ .kind = PT_SOFT_UNKNOWN };
	return pt_soft_decode(&root->soft, level, raw);
}

bool dump_soft_continues(const struct dump_root *root, const struct dump_run *run,
			 const struct dump_run *next)
{
	uint64_t pages = (next->va - run->va) >> root->info.granule_lg2;
	struct pt_soft due = pt_soft_step(dump_soft(root, run->level, run->raw), pages);
	struct pt_soft is = dump_soft(root, next->level, next->raw);

	if (due.kind == PT_SOFT_UNKNOWN)
		return next->raw == run->raw;
	return is.kind == due.kind && is.flags == due.flags && is.type == due.type &&
	       is.markers == due.markers && is.offset == due.offset && is.pfn == due.pfn &&
	       is.leaf == due.leaf;
}

/* The words of @bits, each after a blank, or without one at the beginning of @line. */
static void put_bits(struct dump_line *line, unsigned int bits, const char *const names[],
		     unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		if (!(bits & 1u << i))
			continue;
		if (line->len)
			dump_put(line, " ");
		dump_put(line, names[i]);
	}
}

/* EXCLUSIVE, ... of @soft, and the markers of a marker. */
static void put_marks(struct dump_line *line, const struct pt_soft *soft)
{
	static const char *const flags[] = { "exclusive", "uffd-wp", "soft-dirty", "young",
					     "dirty" };
	static const char *const markers[] = { "uffd-wp", "poisoned", "guard" };

	put_bits(line, soft->flags, flags, sizeof(flags) / sizeof(flags[0]));
	put_bits(line, soft->markers, markers, sizeof(markers) / sizeof(markers[0]));
}

/* Kinds that hold a frame's number, and no leaf. */
static bool has_frame(const struct pt_soft *soft)
{
	return soft->kind >= PT_SOFT_MIGRATION_READ && soft->kind <= PT_SOFT_DEVICE_EXCLUSIVE_WRITE;
}

bool dump_put_soft(struct dump_line *line, const struct dump_root *root, unsigned int level,
		   uint64_t raw)
{
	struct pt_soft soft = dump_soft(root, level, raw);
	struct dump_line marks = { .len = 0 };

	if (soft.kind == PT_SOFT_UNKNOWN || soft.kind == PT_SOFT_NONE)
		return false;
	dump_put(line, pt_soft_kind_name(soft.kind));
	if (soft.kind == PT_SOFT_SWAP) {
		dump_put(line, ": device ");
		dump_put_number(line, soft.type);
		dump_put(line, ", offset ");
		dump_put_hex(line, soft.offset, 1);
	} else if (has_frame(&soft)) {
		dump_put(line, ": page ");
		dump_put_hex(line, soft.pfn << root->info.granule_lg2, 1);
	} else if (soft.kind == PT_SOFT_PROT_NONE) {
		dump_put(line, ": leaf ");
		dump_put_hex(line, soft.leaf, 1);
	}
	put_marks(&marks, &soft);
	if (marks.len) {
		marks.text[marks.len] = 0;
		dump_put(line, soft.kind == PT_SOFT_MARKER ? ": " : ", ");
		dump_put(line, marks.text);
	}
	return true;
}

void json_soft(struct dump_line *line, const struct dump_root *root, unsigned int level,
	       uint64_t raw)
{
	struct pt_soft soft = dump_soft(root, level, raw);
	struct dump_line marks = { .len = 0 };

	if (!root->has_soft)
		return;
	put_marks(&marks, &soft);
	marks.text[marks.len] = 0;
	json_text(line, "soft", pt_soft_kind_name(soft.kind));
	json_text(line, "marks", marks.text);
	if (soft.kind == PT_SOFT_SWAP) {
		json_number(line, "device", soft.type);
		json_hex(line, "offset", soft.offset);
	} else if (has_frame(&soft)) {
		json_hex(line, "page", soft.pfn << root->info.granule_lg2);
	} else if (soft.kind == PT_SOFT_PROT_NONE) {
		json_hex(line, "leaf", soft.leaf);
	}
}
