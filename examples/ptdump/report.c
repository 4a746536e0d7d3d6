/* SPDX-License-Identifier: MIT */
/* What tables are made of, and what is wrong with them. */
#include "printer.h"

/* ---- --usage ---- */

static struct dump_share share_of(const struct dump_root *root, const struct pt_usage *usage,
				  unsigned int level)
{
	return (struct dump_share){
		.tables = usage->tables[level],
		.leaves = usage->leaves[level],
		.soft = usage->soft[level],
		.illegal = usage->illegal[level],
		.used = usage->used[level],
		.entries = usage->entries[level],
		.mapped = (uint64_t)usage->leaves[level] << root->info.leaf_lg2[level],
		.bytes = (uint64_t)usage->entries[level] * 8,
	};
}

static void add_share(struct dump_share *sum, const struct dump_share *share)
{
	sum->tables += share->tables;
	sum->leaves += share->leaves;
	sum->soft += share->soft;
	sum->illegal += share->illegal;
	sum->used += share->used;
	sum->entries += share->entries;
	sum->mapped += share->mapped;
	sum->bytes += share->bytes;
}

/*
 * What the address space holds, tables that are used more than once counted each time; returns
 * whether the walk was cut short.
 */
static bool count_ranges(const struct dump_root *root, uint64_t *nr_ranges, uint64_t *bytes)
{
	const struct dump_options all = { .last = UINT64_MAX };
	struct dump_walk walk;
	struct dump_run run;

	*nr_ranges = 0;
	*bytes = 0;
	dump_walk_start(&walk, root, &all);
	while (dump_walk_next(&walk, &run)) {
		if (run.type != PTW_PFN)
			continue;
		++*nr_ranges;
		*bytes += run.last - run.va + 1;
	}
	return dump_walk_done(&walk);
}

bool dump_usage(const struct dump_source *source, const struct dump_options *options)
{
	const struct dump_printer *print = dump_printer(options);
	bool findings = false;

	for (size_t i = 0; i < source->nr_roots; i++) {
		const struct dump_root *root = &source->roots[i];
		struct dump_share share, all = { 0 };
		uint64_t nr_ranges, bytes;
		struct pt_usage usage;
		int err = pt_usage(root->pt, &usage);

		if (err)
			dump_die("%s: %s", source->path, pt_strerror(err));
		print->start(root, !i);
		for (unsigned int level = root->info.nr_levels; level-- > 0;) {
			share = share_of(root, &usage, level);
			print->usage_level(root, level, &share);
			add_share(&all, &share);
		}
		findings |= count_ranges(root, &nr_ranges, &bytes);
		print->usage_all(root, &all, nr_ranges, bytes);
		findings |= all.illegal != 0;
	}
	return findings;
}

/* ---- --verify ---- */

struct findings {
	const struct dump_printer *print;
	const struct dump_root *root;
	size_t nr;
};

static bool take_finding(void *ctx, const struct pt_finding *finding)
{
	struct findings *findings = ctx;

	findings->print->finding(findings->root, finding);
	findings->nr++;
	return true;
}

/* Whether no address at all is mapped, as below what is no root of tables but a page of zeroes. */
static bool is_empty(const struct dump_source *source, const struct dump_root *root)
{
	struct pt_usage usage;
	size_t nr_leaves = 0;
	int err = pt_usage(root->pt, &usage);

	if (err)
		dump_die("%s: %s", source->path, pt_strerror(err));
	for (unsigned int level = 0; level < root->info.nr_levels; level++)
		nr_leaves += usage.leaves[level];
	return !nr_leaves;
}

bool dump_verify(const struct dump_source *source, const struct dump_options *options)
{
	struct findings findings = { .print = dump_printer(options) };
	size_t nr = 0;

	for (size_t i = 0; i < source->nr_roots; i++) {
		int err;

		findings.root = &source->roots[i];
		findings.nr = 0;
		err = pt_verify_range(findings.root->pt, options->first, options->last,
				      take_finding, &findings);
		if (err && err != -EFAULT)
			dump_die("%s: %s", source->path, pt_strerror(err));
		nr += findings.nr;
		findings.print->verified(findings.root, findings.nr,
					 !findings.nr && is_empty(source, findings.root));
	}
	return nr;
}
