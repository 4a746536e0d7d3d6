/* SPDX-License-Identifier: MIT */
/* Figures as a table, as JSON, as bars of text, and as a plot that gnuplot makes. */
#include "unmapped_pages.h"

#include <stdio.h>

#include "plot.h"

typedef unsigned long long ull;

double um_per_thousand(const struct um_result *result, uint64_t figure)
{
	return (double)figure * 1000 / (double)result->allocations;
}

void um_print_table(const struct um_machine *machine, const struct um_result results[UM_WAY_NR])
{
	printf("%s\n", machine->name);
	printf("  %-20s %11s %10s %9s %9s %9s %9s %9s %9s %11s %11s\n", "", "allocations",
	       "pageblocks", "splits 1G", "splits 2M", "flushes", "full", "ranged", "page ops",
	       "range ops", "cycles each");
	for (unsigned int way = 0; way < UM_WAY_NR; way++) {
		const struct um_result *r = &results[way];

		printf("  %-20s %11llu %10llu %9llu %9llu %9llu %9llu %9llu %9llu %11llu %11.1f\n",
		       um_way_names[way], (ull)r->allocations, (ull)r->pageblocks,
		       (ull)r->splits[1], (ull)r->splits[0], (ull)r->flushes.requests,
		       (ull)r->flushes.full, (ull)r->flushes.ranged, (ull)r->flushes.page_ops,
		       (ull)r->flushes.range_ops,
		       (double)r->flushes.cycles / (double)r->allocations);
	}
	printf("  flushes per thousand allocations:");
	for (unsigned int way = 0; way < UM_WAY_NR; way++)
		printf(" %s %.3f%s", um_way_names[way],
		       um_per_thousand(&results[way], results[way].flushes.requests),
		       way + 1 < UM_WAY_NR ? ";" : "\n\n");
}

void um_print_json(const struct um_machine *machines, unsigned int nr,
		   const struct um_workload *workload, struct um_result (*results)[UM_WAY_NR])
{
	printf("{\"pages\": %llu, \"churn\": %llu, \"batch\": %u, \"runs\": [",
	       (ull)workload->pages, (ull)workload->churn, workload->batch);
	for (unsigned int i = 0; i < nr * UM_WAY_NR; i++) {
		const struct um_result *r = &results[i / UM_WAY_NR][i % UM_WAY_NR];

		printf("%s\n {\"machine\": \"%s\", \"way\": \"%s\", \"allocations\": %llu, "
		       "\"pageblocks\": %llu, \"splits_1g\": %llu, \"splits_2m\": %llu, "
		       "\"tables\": %llu, \"flushes\": %llu, \"full\": %llu, \"ranged\": %llu, "
		       "\"page_ops\": %llu, \"range_ops\": %llu, \"per_thousand\": %.6f, "
		       "\"cycles\": %llu}",
		       i ? "," : "", machines[i / UM_WAY_NR].name, um_way_names[i % UM_WAY_NR],
		       (ull)r->allocations, (ull)r->pageblocks, (ull)r->splits[1],
		       (ull)r->splits[0], (ull)r->tables, (ull)r->flushes.requests,
		       (ull)r->flushes.full, (ull)r->flushes.ranged, (ull)r->flushes.page_ops,
		       (ull)r->flushes.range_ops, um_per_thousand(r, r->flushes.requests),
		       (ull)r->flushes.cycles);
	}
	printf("\n]}\n");
}

/* Each star is a factor of two, from 1 in 1024 on: what is compared spans four powers of ten. */
void um_print_bars(const struct um_machine *machines, unsigned int nr,
		   struct um_result (*results)[UM_WAY_NR])
{
	printf("flushes per thousand allocations; each star doubles, the first is for 1/1024\n");
	for (unsigned int i = 0; i < nr * UM_WAY_NR; i++) {
		const struct um_result *r = &results[i / UM_WAY_NR][i % UM_WAY_NR];
		double flushes = um_per_thousand(r, r->flushes.requests);

		plot_stars(stdout, i % UM_WAY_NR ? "" : machines[i / UM_WAY_NR].name,
			   um_way_names[i % UM_WAY_NR], flushes, 1.0 / 1024);
	}
}

bool um_plot(const char *file, const struct um_machine *machines, unsigned int nr,
	     struct um_result (*results)[UM_WAY_NR])
{
	FILE *plot = plot_open(file, "TLB flushes per thousand allocations of unmapped pages");

	if (!plot)
		return false;
	fputs("set style data histograms\nset style fill solid 0.8 border -1\n"
	      "set logscale y\nset yrange [0.01:*]\nset key top right\n"
	      "set boxwidth 0.9\n$flushes << END\n",
	      plot);
	fprintf(plot, "machine");
	for (unsigned int way = 0; way < UM_WAY_NR; way++)
		fprintf(plot, " \"%s\"", um_way_names[way]);
	for (unsigned int i = 0; i < nr; i++) {
		fprintf(plot, "\n\"%s\"", machines[i].name);
		for (unsigned int way = 0; way < UM_WAY_NR; way++)
			fprintf(plot, " %.6f",
				um_per_thousand(&results[i][way],
						results[i][way].flushes.requests));
	}
	fprintf(plot, "\nEND\nplot for [way=2:%d] $flushes using way:xtic(1) title columnheader\n",
		UM_WAY_NR + 1);
	return plot_close(plot);
}
