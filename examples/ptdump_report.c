/* SPDX-License-Identifier: MIT */
/* What tables are made of, and what is wrong with them. */
#include "ptdump.h"

#include <inttypes.h>

/* ---- --usage ---- */

static void print_share(size_t used, size_t entries)
{
	double share = entries ? 100.0 * (double)used / (double)entries : 0;

	printf("  %9zu of %9zu  %5.1f%%\n", used, entries, share);
}

static void print_level(const struct dump_root *root, const struct pt_usage *usage,
			unsigned int level)
{
	char leaf[24], bytes[24];

	printf("%u %-9s %8zu  ", level, root->info.level_name[level], usage->tables[level]);
	if (root->info.can_leaf[level])
		printf("%9zu %6s %9s", usage->leaves[level],
		       dump_size(UINT64_C(1) << root->info.leaf_lg2[level], leaf),
		       usage->leaves[level] ? dump_size((uint64_t)usage->leaves[level]
								<< root->info.leaf_lg2[level],
							bytes)
					    : "0");
	else
		printf("%9s %6s %9s", "-", "-", "-");
	printf("  %7zu %8zu", usage->soft[level], usage->illegal[level]);
	print_share(usage->used[level], usage->entries[level]);
}

/* What the address space holds, tables that are used more than once counted each time. */
static bool print_ranges(const struct dump_root *root)
{
	const struct dump_options all = { .last = UINT64_MAX };
	uint64_t nr_ranges = 0, bytes = 0;
	struct dump_walk walk;
	struct dump_run run;
	char text[24];

	dump_walk_start(&walk, root, &all);
	while (dump_walk_next(&walk, &run)) {
		if (run.type != PTW_PFN)
			continue;
		nr_ranges++;
		bytes += run.last - run.va + 1;
	}
	printf("%" PRIu64 " ranges, %s of addresses\n", nr_ranges,
	       nr_ranges ? dump_size(bytes, text) : "0");
	return dump_walk_done(&walk);
}

bool dump_usage(const struct dump_source *source)
{
	bool findings = false;

	for (size_t i = 0; i < source->nr_roots; i++) {
		const struct dump_root *root = &source->roots[i];
		uint64_t mapped = 0, nr_bytes = 0;
		struct pt_usage usage, sum = { 0 };
		char bytes[24], text[24];
		int err = pt_usage(root->pt, &usage);

		if (err)
			dump_die("%s: %s", source->path, pt_strerror(err));
		if (i)
			putchar('\n');
		dump_title(root);
		printf("level         tables     leaves   size    mapped     soft  corrupt"
		       "           entries used\n");
		for (unsigned int level = root->info.nr_levels; level-- > 0;) {
			print_level(root, &usage, level);
			mapped += (uint64_t)usage.leaves[level] << root->info.leaf_lg2[level];
			nr_bytes += (uint64_t)usage.entries[level] * 8;
			sum.tables[0] += usage.tables[level];
			sum.leaves[0] += usage.leaves[level];
			sum.soft[0] += usage.soft[level];
			sum.illegal[0] += usage.illegal[level];
			sum.used[0] += usage.used[level];
			sum.entries[0] += usage.entries[level];
		}
		printf("%-11s %8zu  %9zu %6s %9s  %7zu %8zu", "all", sum.tables[0], sum.leaves[0],
		       "", mapped ? dump_size(mapped, bytes) : "0", sum.soft[0], sum.illegal[0]);
		print_share(sum.used[0], sum.entries[0]);
		printf("%s of tables, each counted once; ", dump_size(nr_bytes, text));
		findings |= print_ranges(root);
		findings |= sum.illegal[0] != 0;
	}
	return findings;
}

/* ---- --verify ---- */

struct findings {
	const struct dump_root *root;
	size_t nr;
};

static bool print_finding(void *ctx, const struct pt_finding *finding)
{
	struct findings *findings = ctx;
	const struct dump_root *root = findings->root;

	printf("%s: 0x%016" PRIx64 ": %s %u of the table at 0x%" PRIx64 ", word 0x%016" PRIx64
	       ": %s\n",
	       root->label, finding->va, root->info.level_name[finding->level], finding->index,
	       finding->table_pa, finding->raw,
	       finding->bad == PT_BAD_ILLEGAL ? pt_illegal_name(finding->why)
					      : pt_bad_name(finding->bad));
	findings->nr++;
	return true;
}

bool dump_verify(const struct dump_source *source)
{
	size_t nr = 0;

	for (size_t i = 0; i < source->nr_roots; i++) {
		struct findings findings = { .root = &source->roots[i] };
		int err = pt_verify(source->roots[i].pt, print_finding, &findings);

		if (err && err != -EFAULT)
			dump_die("%s: %s", source->path, pt_strerror(err));
		nr += findings.nr;
		if (!findings.nr)
			printf("%s: sound\n", source->roots[i].label);
		else
			printf("%s: %zu findings\n", source->roots[i].label, findings.nr);
	}
	return nr;
}
