/* SPDX-License-Identifier: MIT */
/* Misses against the memory that a TLB's entries reach: a table, a chart, a plot. */
#include "tlbsim.h"

#include <stdio.h>

#include "plot.h"

static double ratio_of(const struct pt_tlb_stats *stats)
{
	uint64_t lookups = stats->lookups[PT_TLB_USE_DATA];

	return lookups ? (double)stats->misses[0][PT_TLB_USE_DATA] / (double)lookups : 0;
}

static unsigned long long kib_of(const struct sim_options *options, size_t shape)
{
	return (uint64_t)options->shapes[shape].cfg.parts[0].entries << options->page_lg2 >> 10;
}

static bool plot(const struct sim_options *options, const struct pt_tlb_stats stats[])
{
	FILE *out = plot_open(options->svg, "TLB misses against reach");

	if (!out)
		return false;
	fputs("set logscale x 2\nset xlabel \"reach, KiB\"\nset ylabel \"misses per lookup\"\n"
	      "set yrange [0:*]\nset nokey\n$ratios << END\n",
	      out);
	for (size_t i = 0; i < options->nr_shapes; i++)
		fprintf(out, "%llu %.9f\n", kib_of(options, i), ratio_of(&stats[i]));
	fputs("END\nplot $ratios using 1:2 with linespoints pointtype 7\n", out);
	return plot_close(out);
}

static void print_json(const struct sim_options *options, const struct pt_tlb_stats stats[])
{
	puts("[");
	for (size_t i = 0; i < options->nr_shapes; i++)
		printf("{ \"tlb\": \"%s\", \"reach_kib\": %llu, \"lookups\": %llu, \"misses\": "
		       "%llu }%s\n",
		       options->shapes[i].label, kib_of(options, i),
		       (unsigned long long)stats[i].lookups[PT_TLB_USE_DATA],
		       (unsigned long long)stats[i].misses[0][PT_TLB_USE_DATA],
		       i + 1 < options->nr_shapes ? "," : "");
	puts("]");
}

static void print_table(const struct sim_options *options, const struct pt_tlb_stats stats[])
{
	printf("%-24s %12s %12s %12s %10s\n", "tlb", "reach_kib", "lookups", "misses", "ratio");
	for (size_t i = 0; i < options->nr_shapes; i++)
		printf("%-24s %12llu %12llu %12llu %10.6f\n", options->shapes[i].label,
		       kib_of(options, i), (unsigned long long)stats[i].lookups[PT_TLB_USE_DATA],
		       (unsigned long long)stats[i].misses[0][PT_TLB_USE_DATA],
		       ratio_of(&stats[i]));
}

void sim_reach_report(const struct sim_options *options, const struct pt_tlb_stats stats[])
{
	if (options->json)
		print_json(options, stats);
	else
		print_table(options, stats);
	if (!options->svg || plot(options, stats))
		return;
	fprintf(stderr, "tlbsim: no plot: gnuplot is missing or refused\n");
	if (options->json)
		return;
	puts("misses per lookup");
	for (size_t i = 0; i < options->nr_shapes; i++)
		plot_share(stdout, options->shapes[i].label, ratio_of(&stats[i]), 1);
}
