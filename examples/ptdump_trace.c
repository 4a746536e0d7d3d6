/* SPDX-License-Identifier: MIT */
/* The walk of one address: each word on the way, taken apart, and where it ends. */
#include "ptdump.h"

#include <inttypes.h>

#include "explain.h"

/* In which words a field stands. */
enum {
	IN_TABLE = 1 << 0,
	IN_PAGE = 1 << 1, /* a leaf of level 0 */
	IN_BLOCK = 1 << 2, /* a larger one */
	IN_LEAF = IN_PAGE | IN_BLOCK,
	IN_ALL = IN_TABLE | IN_LEAF,
};

struct field {
	unsigned int shift, bits, in;
	const char *name;
};

/* Intel SDM Vol. 3A, 4.5 "4-Level Paging and 5-Level Paging", the figures of entry formats. */
static const struct field x86_fields[] = {
	/* clang-format off */
	{ 0, 1, IN_ALL, "P" },
	{ 1, 1, IN_ALL, "R/W" },
	{ 2, 1, IN_ALL, "U/S" },
	{ 3, 1, IN_ALL, "PWT" },
	{ 4, 1, IN_ALL, "PCD" },
	{ 5, 1, IN_ALL, "A" },
	{ 6, 1, IN_LEAF, "D" },
	{ 7, 1, IN_PAGE, "PAT" },
	{ 7, 1, IN_BLOCK, "PS" },
	{ 8, 1, IN_LEAF, "G" },
	{ 9, 3, IN_ALL, "software" },
	{ 12, 1, IN_BLOCK, "PAT" },
	{ 59, 4, IN_LEAF, "key" },
	{ 63, 1, IN_ALL, "XD" },
	/* clang-format on */
};

/* Arm ARM DDI 0487 J.a, D8.3 "Translation table descriptor formats", stage 1. */
static const struct field arm64_fields[] = {
	/* clang-format off */
	{ 2, 3, IN_LEAF, "AttrIndx" },
	{ 5, 1, IN_LEAF, "NS" },
	{ 6, 1, IN_LEAF, "AP[1]" },
	{ 7, 1, IN_LEAF, "AP[2]" },
	{ 8, 2, IN_LEAF, "SH" },
	{ 10, 1, IN_LEAF, "AF" },
	{ 11, 1, IN_LEAF, "nG" },
	{ 16, 1, IN_BLOCK, "nT" },
	{ 50, 1, IN_LEAF, "GP" },
	{ 51, 1, IN_LEAF, "DBM" },
	{ 52, 1, IN_LEAF, "Contiguous" },
	{ 53, 1, IN_LEAF, "PXN" },
	{ 54, 1, IN_LEAF, "UXN" },
	{ 55, 4, IN_LEAF, "software" },
	{ 59, 1, IN_TABLE, "PXNTable" },
	{ 60, 1, IN_TABLE, "UXNTable" },
	{ 61, 2, IN_TABLE, "APTable" },
	{ 63, 1, IN_TABLE, "NSTable" },
	/* clang-format on */
};

/* Intel SDM Vol. 3C, 29.3.2 "EPT Translation Mechanism", the tables of entry formats. */
static const struct field ept_fields[] = {
	/* clang-format off */
	{ 0, 1, IN_ALL, "R" },
	{ 1, 1, IN_ALL, "W" },
	{ 2, 1, IN_ALL, "X" },
	{ 3, 3, IN_LEAF, "type" },
	{ 6, 1, IN_LEAF, "ignore-PAT" },
	{ 7, 1, IN_BLOCK, "PS" },
	{ 8, 1, IN_ALL, "A" },
	{ 9, 1, IN_LEAF, "D" },
	{ 10, 1, IN_ALL, "XU" },
	{ 52, 4, IN_LEAF, "software" },
	{ 63, 1, IN_LEAF, "suppress-VE" },
	/* clang-format on */
};

/* Arm ARM DDI 0487 J.a, D8.3 "Translation table descriptor formats", stage 2. */
static const struct field stage2_fields[] = {
	/* clang-format off */
	{ 2, 4, IN_LEAF, "MemAttr" },
	{ 6, 2, IN_LEAF, "S2AP" },
	{ 8, 2, IN_LEAF, "SH" },
	{ 10, 1, IN_LEAF, "AF" },
	{ 16, 1, IN_BLOCK, "nT" },
	{ 51, 1, IN_LEAF, "DBM" },
	{ 52, 1, IN_LEAF, "Contiguous" },
	{ 53, 2, IN_LEAF, "XN" },
	{ 55, 4, IN_LEAF, "software" },
	/* clang-format on */
};

#define FIELDS(of) { of, sizeof(of) / sizeof((of)[0]), false }
#define FIELDS_LPA2(of) { of, sizeof(of) / sizeof((of)[0]), true }

static const struct {
	const struct field *field;
	size_t nr;
	bool lpa2; /* address bits stand in SH's place */
} fields_of[PT_FMT_NR] = {
	[PT_FMT_X86_64] = FIELDS(x86_fields),
	[PT_FMT_ARM64_4K] = FIELDS(arm64_fields),
	[PT_FMT_ARM64_4K_LPA2] = FIELDS_LPA2(arm64_fields),
	[PT_FMT_ARM64_16K] = FIELDS(arm64_fields),
	[PT_FMT_ARM64_16K_LPA2] = FIELDS_LPA2(arm64_fields),
	[PT_FMT_ARM64_64K] = FIELDS(arm64_fields),
	[PT_FMT_X86_EPT] = FIELDS(ept_fields),
	[PT_FMT_ARM64_S2_4K] = FIELDS(stage2_fields),
	[PT_FMT_ARM64_S2_4K_LPA2] = FIELDS_LPA2(stage2_fields),
	[PT_FMT_ARM64_S2_16K] = FIELDS(stage2_fields),
	[PT_FMT_ARM64_S2_16K_LPA2] = FIELDS_LPA2(stage2_fields),
	[PT_FMT_ARM64_S2_64K] = FIELDS(stage2_fields),
};

/* Prints the fields of @step's word that are not zero. */
static void print_fields(const struct dump_root *root, const struct pt_step *step)
{
	unsigned int in = step->level ? IN_BLOCK : IN_PAGE;
	bool lpa2 = fields_of[root->cfg.fmt].lpa2;

	if (step->kind == PT_KIND_TABLE)
		in = IN_TABLE;
	for (size_t i = 0; i < fields_of[root->cfg.fmt].nr; i++) {
		const struct field *field = &fields_of[root->cfg.fmt].field[i];
		uint64_t value = step->raw >> field->shift & ((UINT64_C(1) << field->bits) - 1);

		if (!value || !(field->in & in))
			continue;
		if (lpa2 && field->shift == 8) /* address bits there */
			continue;
		if (field->bits == 1)
			printf(" %s", field->name);
		else
			printf(" %s=%" PRIu64, field->name, value);
	}
}

static const char *kind_name(enum pt_kind kind)
{
	switch (kind) {
	case PT_KIND_EMPTY:
		return "empty";
	case PT_KIND_TABLE:
		return "table";
	case PT_KIND_LEAF:
		return "leaf";
	case PT_KIND_SOFT:
		return "soft";
	case PT_KIND_ILLEGAL:
		break;
	}
	return "corrupt";
}

static void print_steps(const struct dump_root *root, const struct pt_step *steps, unsigned int nr)
{
	printf("level  entry            table  index  word                is\n");
	for (unsigned int i = 0; i < nr; i++) {
		const struct pt_step *step = &steps[i];
		char table[24];

		snprintf(table, sizeof(table), "0x%" PRIx64, step->table_pa);
		printf("%-5u  %-7s  %13s  %5u  0x%016" PRIx64 "  %s", step->level,
		       root->info.level_name[step->level], table, step->index, step->raw,
		       kind_name(step->kind));
		if (step->kind == PT_KIND_TABLE || step->kind == PT_KIND_LEAF)
			print_fields(root, step);
		putchar('\n');
	}
}

/* Prints permissions of @attr, and in which sense they hold. */
static void print_perms(const struct dump_root *root, const char *what, pt_attr_t attr)
{
	char perms[16];

	printf("  %-12s %s\n", what, dump_perms_text(root, dump_perms(root, attr), true, perms));
}

static void print_leaf(const struct dump_root *root, pt_va_t va)
{
	struct pt_range_walk walk;
	struct pt_leaf leaf;
	char size[24];

	if (pt_lookup(root->pt, va, &leaf))
		return;
	printf("0x%016" PRIx64 " -> 0x%" PRIx64 "\n", va, leaf.pa);
	printf("  %-12s %s", "leaf", dump_size(UINT64_C(1) << leaf.size_lg2, size));
	if (leaf.contig_lg2)
		printf(", %u of them contiguous", 1u << leaf.contig_lg2);
	printf("\n  %-12s %s\n", "memory", pt_mem_name(pt_attr_mem(leaf.attr)));
	if (pt_attr_key(leaf.attr))
		printf("  %-12s %u\n", "key", pt_attr_key(leaf.attr));
	print_perms(root, "permissions", leaf.attr);
	if (pt_range_walk_start(&walk, root->pt, va, va, PT_TYPE_PFN, PT_WALK_EFFECTIVE) == PTW_PFN)
		print_perms(root, "effective", walk.attr);
	(void)pt_range_walk_done(&walk);
}

/* Says why there is no translation; returns whether that is a finding. */
static bool print_failure(const struct dump_root *root, pt_va_t va, const struct pt_step *last,
			  int err)
{
	printf("0x%016" PRIx64 " is not translated: ", va);
	if (err == -ERANGE || !last) {
		printf("%s\n", pt_strerror(err));
		return false;
	}
	if (last->kind == PT_KIND_ILLEGAL) {
		printf("%s is corrupt: %s\n", root->info.level_name[last->level],
		       pt_illegal_name(last->why));
		return true;
	}
	printf("%s is %s\n", root->info.level_name[last->level],
	       last->kind == PT_KIND_SOFT ? "not present, but not zero" : "empty");
	return false;
}

/* Names a table that stands above itself; returns whether there is one. Hardware just goes on. */
static bool print_loop(const struct pt_step *steps, unsigned int nr)
{
	for (unsigned int i = 1; i < nr; i++) {
		for (unsigned int above = 0; above < i; above++) {
			if (steps[above].table_pa != steps[i].table_pa)
				continue;
			printf("loop: the table at 0x%" PRIx64 " is one of those above it\n",
			       steps[i].table_pa);
			return true;
		}
	}
	return false;
}

/* Names a contiguous block that is none; returns whether it is one. */
static bool print_block(const struct dump_root *root, const struct pt_step *leaf)
{
	struct pt_finding finding;

	if (pt_verify_block(pt_pgtable_phys(root->pt), &root->cfg, leaf->table_pa, leaf->level,
			    leaf->index, &finding) != -EFAULT)
		return false;
	fputs("  contiguous   ", stdout);
	explain_say_block(stdout, &root->info, &finding);
	putchar('\n');
	return true;
}

static bool trace_root(const struct dump_root *root, pt_va_t va)
{
	struct pt_step steps[PT_MAX_LEVELS];
	bool findings = false;
	unsigned int nr = 0;
	int err;

	dump_title(root);
	err = pt_trace(root->pt, va, steps, &nr);
	if (nr)
		print_steps(root, steps, nr);
	if (err)
		findings = print_failure(root, va, nr ? &steps[nr - 1] : NULL, err);
	else
		print_leaf(root, va);
	if (nr)
		findings |= print_block(root, &steps[nr - 1]);
	return print_loop(steps, nr) || findings;
}

bool dump_trace(const struct dump_source *source, pt_va_t va)
{
	bool findings = false, any = false;

	for (size_t i = 0; i < source->nr_roots; i++) {
		const struct dump_root *root = &source->roots[i];

		if (va < root->info.first || va > root->info.last)
			continue;
		if (any)
			putchar('\n');
		any = true;
		findings |= trace_root(root, va);
	}
	if (!any)
		printf("0x%016" PRIx64 " is not translated: no root's half reaches it\n", va);
	return findings;
}
