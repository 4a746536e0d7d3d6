/* SPDX-License-Identifier: MIT */
/* What tlbsim prints: a line a value, a table, or JSON. */
#include "tlbsim.h"

#include <stdio.h>

#define MAX_VALUES 8

struct value {
	const char *name;
	unsigned long long value;
};

/* Every page missed in the last level is a walk. Returns how many values there are. */
static size_t values_of(const struct sim_shape *shape, const struct pt_tlb_stats *stats,
			struct value values[MAX_VALUES])
{
	uint64_t lookups = stats->lookups[PT_TLB_USE_DATA];
	uint64_t l1_misses = stats->misses[0][PT_TLB_USE_DATA];
	uint64_t l2_misses = stats->misses[1][PT_TLB_USE_DATA];
	size_t nr = 0;

	values[nr++] = (struct value){ "lookups", lookups };
	values[nr++] = (struct value){ "l1_hits", lookups - l1_misses };
	values[nr++] = (struct value){ "l1_misses", l1_misses };
	if (shape->has_l2) {
		values[nr++] = (struct value){ "l2_hits", l1_misses - l2_misses };
		values[nr++] = (struct value){ "l2_misses", l2_misses };
	}
	values[nr++] = (struct value){ "walks", l2_misses };
	values[nr++] = (struct value){ "evictions", stats->evictions };
	return nr;
}

static double ratio(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static void print_table(const struct sim_options *options, const struct pt_tlb_stats stats[])
{
	printf("%-24s %12s %12s %12s %9s %9s\n", "tlb", "lookups", "l1_misses", "walks", "l1_ratio",
	       "walk_ratio");
	for (size_t i = 0; i < options->nr_shapes; i++) {
		uint64_t lookups = stats[i].lookups[PT_TLB_USE_DATA];
		uint64_t l1_misses = stats[i].misses[0][PT_TLB_USE_DATA];
		uint64_t walks = stats[i].misses[1][PT_TLB_USE_DATA];

		printf("%-24s %12llu %12llu %12llu %9.6f %9.6f\n", options->shapes[i].label,
		       (unsigned long long)lookups, (unsigned long long)l1_misses,
		       (unsigned long long)walks, ratio(l1_misses, lookups), ratio(walks, lookups));
	}
}

/* Labels are profiles' names, and shapes that were understood: nothing to escape. */
static void print_json(const struct sim_options *options, const struct pt_tlb_stats stats[])
{
	if (options->compare)
		puts("[");
	for (size_t i = 0; i < options->nr_shapes; i++) {
		struct value values[MAX_VALUES];
		size_t nr = values_of(&options->shapes[i], &stats[i], values);

		printf("{ \"tlb\": \"%s\"", options->shapes[i].label);
		for (size_t v = 0; v < nr; v++)
			printf(", \"%s\": %llu", values[v].name, values[v].value);
		puts(i + 1 < options->nr_shapes ? " }," : " }");
	}
	if (options->compare)
		puts("]");
}

void sim_report(const struct sim_options *options, const struct pt_tlb_stats stats[])
{
	struct value values[MAX_VALUES];
	size_t nr;

	if (options->json) {
		print_json(options, stats);
		return;
	}
	if (options->compare) {
		print_table(options, stats);
		return;
	}
	nr = values_of(&options->shapes[0], &stats[0], values);
	for (size_t v = 0; v < nr; v++)
		printf("%s %llu\n", values[v].name, values[v].value);
}
