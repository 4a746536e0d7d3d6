/* SPDX-License-Identifier: MIT */
/* What reports find out, as text. */
#include "printer.h"

#include <inttypes.h>
#include <string.h>

#include "explain/fields.h"

static void start(const struct dump_root *root, bool first)
{
	if (!first)
		putchar('\n');
	dump_title(root);
}

/* ---- --usage ---- */

static const char *size_or_zero(uint64_t bytes, char text[static 24])
{
	return bytes ? dump_size(bytes, text) : "0";
}

static void print_share(const struct dump_share *share)
{
	double used = share->entries ? 100.0 * (double)share->used / (double)share->entries : 0;

	printf("  %7zu %8zu  %9zu of %9zu  %5.1f%%\n", share->soft, share->illegal, share->used,
	       share->entries, used);
}

static void usage_level(const struct dump_root *root, unsigned int level,
			const struct dump_share *share)
{
	char leaf[24], bytes[24];

	if (level == root->info.nr_levels - 1)
		printf("level         tables     leaves   size    mapped     soft  corrupt"
		       "           entries used\n");
	printf("%u %-9s %8zu  ", level, root->info.level_name[level], share->tables);
	if (root->info.can_leaf[level])
		printf("%9zu %6s %9s", share->leaves,
		       dump_size(UINT64_C(1) << root->info.leaf_lg2[level], leaf),
		       size_or_zero(share->mapped, bytes));
	else
		printf("%9s %6s %9s", "-", "-", "-");
	print_share(share);
}

static void usage_all(const struct dump_root *root, const struct dump_share *all,
		      uint64_t nr_ranges, uint64_t bytes)
{
	char text[24];

	(void)root;
	printf("%-11s %8zu  %9zu %6s %9s", "all", all->tables, all->leaves, "",
	       size_or_zero(all->mapped, text));
	print_share(all);
	printf("%s of tables, each counted once; ", dump_size(all->bytes, text));
	printf("%" PRIu64 " ranges, %s of addresses\n", nr_ranges,
	       nr_ranges ? dump_size(bytes, text) : "0");
}

/* ---- --verify ---- */

/* "PTE 5"; arm64's levels have numbers themselves: "level 3 entry 5". */
static void print_finding(const struct dump_root *root, const struct pt_finding *finding)
{
	const char *name = root->info.level_name[finding->level];
	bool is_numbered = !strncmp(name, "level", strlen("level"));

	printf("%s: 0x%016" PRIx64 ": %s%s %u of the table at 0x%" PRIx64 ", word 0x%016" PRIx64
	       ": %s\n",
	       root->label, finding->va, name, is_numbered ? " entry" : "", finding->index,
	       finding->table_pa, finding->raw, dump_finding_name(finding));
}

static void verified(const struct dump_root *root, size_t nr_findings, bool empty)
{
	if (empty)
		printf("%s: sound, but empty: nothing is mapped\n", root->label);
	else if (!nr_findings)
		printf("%s: sound\n", root->label);
	else
		printf("%s: %zu findings\n", root->label, nr_findings);
}

/* ---- --va ---- */

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
	if (nr)
		printf("level  entry            table  index  word                is\n");
	for (unsigned int i = 0; i < nr; i++) {
		const struct pt_step *step = &steps[i];
		char table[24];

		snprintf(table, sizeof(table), "0x%" PRIx64, step->table_pa);
		printf("%-5u  %-7s  %13s  %5u  0x%016" PRIx64 "  %s", step->level,
		       root->info.level_name[step->level], table, step->index, step->raw,
		       dump_kind_name(step->kind));
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

static void print_leaf(const struct dump_root *root, const struct dump_outcome *outcome)
{
	const struct pt_leaf *leaf = &outcome->leaf;
	char size[24];

	printf("0x%016" PRIx64 " -> 0x%" PRIx64 "\n", outcome->va, leaf->pa);
	printf("  %-12s %s", "leaf", dump_size(UINT64_C(1) << leaf->size_lg2, size));
	if (leaf->contig_lg2)
		printf(", %u of them contiguous", 1u << leaf->contig_lg2);
	printf("\n  %-12s %s\n", "memory", pt_mem_name(pt_attr_mem(leaf->attr)));
	if (pt_attr_key(leaf->attr))
		printf("  %-12s %u\n", "key", pt_attr_key(leaf->attr));
	print_perms(root, "permissions", leaf->attr);
	if (outcome->has_effective)
		print_perms(root, "effective", outcome->effective);
}

static void print_failure(const struct dump_root *root, const struct dump_outcome *outcome)
{
	const struct pt_step *last = outcome->last;

	printf("0x%016" PRIx64 " is not translated: ", outcome->va);
	if (outcome->err == -ERANGE || !last)
		printf("%s\n", pt_strerror(outcome->err));
	else if (last->kind == PT_KIND_ILLEGAL)
		printf("%s is corrupt: %s\n", root->info.level_name[last->level],
		       pt_illegal_name(last->why));
	else
		printf("%s is %s\n", root->info.level_name[last->level],
		       last->kind == PT_KIND_SOFT ? "not present, but not zero" : "empty");
}

static void print_outcome(const struct dump_root *root, const struct dump_outcome *outcome)
{
	if (outcome->err)
		print_failure(root, outcome);
	else
		print_leaf(root, outcome);
	if (outcome->has_block) {
		fputs("  contiguous   ", stdout);
		explain_say_block(stdout, &root->info, &outcome->block);
		putchar('\n');
	}
	if (outcome->loop)
		printf("loop: the table at 0x%" PRIx64 " is one of those above it\n",
		       outcome->loop->table_pa);
}

static void no_root(pt_va_t va, bool access)
{
	printf("0x%016" PRIx64 " %s: no root's half reaches it\n", va,
	       access ? "faults" : "is not translated");
}

static bool print_access(const struct dump_root *root, const struct explain_regime *machine,
			 const struct explain_case *c)
{
	(void)root;
	printf("0x%016" PRIx64 " %s\n", c->va, c->result.nr_pieces ? "is allowed" : "faults");
	return explain_access(stdout, machine, c);
}

static void print_assumed(const struct explain_regime *machine, const struct dump_regs *regs)
{
	struct dump_line line = { .len = 0 };

	dump_put(&line, "    under  ");
	dump_put_assumed(&line, machine, regs);
	if (line.len == sizeof("    under  ") - 1)
		return;
	dump_put(&line, ": not given");
	dump_put_end(&line, stdout);
}

/* ---- --find-roots ---- */

/* What of @found is worth a word. */
static void print_remarks(const struct dump_root *root, const struct dump_found *found)
{
	const struct dump_tree *tree = &found->tree;

	if (found->is_given)
		fputs("  of the registers", stdout);
	if ((root->info.attrs & PT_ATTR_USER) && tree->leaves && !tree->user_leaves)
		fputs("  no user pages", stdout);
	if (tree->corrupt)
		printf("  corrupt entries: %" PRIu64, tree->corrupt);
}

static void print_found(const struct dump_root *root, const struct dump_found *found, size_t nr)
{
	char bytes[24];

	printf("%-31s %8s %9s %9s\n", "root", "tables", "leaves", "mapped");
	for (size_t i = 0; i < nr; i++) {
		const struct dump_tree *tree = &found[i].tree;

		printf("--%s 0x%-*" PRIx64 " %8" PRIu64 " %9" PRIu64 " %9s", root->label,
		       (int)(26 - strlen(root->label)), found[i].value, tree->tables, tree->leaves,
		       size_or_zero(tree->mapped, bytes));
		print_remarks(root, &found[i]);
		putchar('\n');
	}
}

/* ---- --diff ---- */

static void print_side(const struct dump_root *root, const char *mark, const struct dump_run *run,
		       bool addresses, bool ad)
{
	struct dump_line line = { .len = 0 };

	dump_put(&line, mark);
	if (addresses) {
		dump_put_hex(&line, run->va, 16);
		dump_put(&line, " ");
		dump_put_hex(&line, run->last, 16);
	}
	dump_put_run(&line, root, run, ad);
	dump_put_end(&line, stdout);
}

static void print_piece(const struct dump_root *before, const struct dump_root *after,
			const struct dump_piece *piece, bool ad)
{
	if (piece->has_before && piece->has_after) {
		print_side(after, "~ ", &piece->after, true, ad);
		print_side(before, "     was", &piece->before, false, ad);
	} else if (piece->has_before) {
		print_side(before, "- ", &piece->before, true, ad);
	} else {
		print_side(after, "+ ", &piece->after, true, ad);
	}
}

static void no_difference(void)
{
	puts("no difference");
}

const struct dump_printer dump_text_printer = {
	.start = start,
	.usage_level = usage_level,
	.usage_all = usage_all,
	.finding = print_finding,
	.verified = verified,
	.steps = print_steps,
	.outcome = print_outcome,
	.no_root = no_root,
	.access = print_access,
	.assumed = print_assumed,
	.found = print_found,
	.piece = print_piece,
	.no_difference = no_difference,
};
