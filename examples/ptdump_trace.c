/* SPDX-License-Identifier: MIT */
/* The walk of one address: each word on the way, taken apart, and where it ends. */
#include "ptdump.h"

#include <inttypes.h>

#include "explain.h"
#include "explain_fields.h"

/* Prints the fields of @step's word that are not zero. */
static void print_fields(const struct dump_root *root, const struct pt_step *step)
{
	const struct explain_field *field = NULL;

	while ((field = explain_next_field(&root->cfg, step->level, step->kind, field))) {
		if (!explain_field_value(field, step->raw))
			continue;
		putchar(' ');
		if (field->bits == 1)
			fputs(field->name, stdout);
		else
			explain_put_field(stdout, field, step->raw);
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

/* Prints what the kernel of --kernel meant by @step's word. */
static void print_soft(const struct dump_root *root, const struct pt_step *step)
{
	struct dump_line line = { .len = 0 };

	dump_put(&line, " ");
	if (dump_put_soft(&line, root, step->level, step->raw))
		fwrite(line.text, 1, line.len, stdout);
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
		if (step->kind == PT_KIND_SOFT)
			print_soft(root, step);
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
