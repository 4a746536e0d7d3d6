/* SPDX-License-Identifier: MIT */
/* What simulated CPUs did: per thousand allocations, and as it was counted. */
#include "unmapped_pages.h"

#include <stdio.h>

typedef unsigned long long ull;

#define CYCLES(ps) ((ps)*3 / 1000) /* at 3 GHz */

void um_report(const struct um_machine *machines, unsigned int nr,
	       struct um_result (*results)[UM_WAY_NR])
{
	puts("per thousand allocations; cheaper: than page at a time, by this factor");
	printf("%-21s %4s  %-20s %11s %12s %11s %9s %14s %8s\n", "profile", "CPUs", "",
	       "shootdowns", "IPIs", "broadcasts", "full", "cycles", "cheaper");
	for (unsigned int i = 0; i < nr * UM_WAY_NR; i++) {
		const struct um_machine *machine = &machines[i / UM_WAY_NR];
		const struct um_result *by_page = &results[i / UM_WAY_NR][UM_PAGE_AT_A_TIME];
		const struct um_result *r = &results[i / UM_WAY_NR][i % UM_WAY_NR];

		char name[40];

		snprintf(name, sizeof(name), "%s%s", machine->name,
			 machine->ranges ? " + ranges" : "");
		printf("%-21s %4u  %-20s %11.3f %12.3f %11.3f %9.3f %14.1f %8.1f\n", name,
		       machine->nr_cpus, um_way_names[i % UM_WAY_NR],
		       um_per_thousand(r, r->cpus.flush_requests),
		       um_per_thousand(r, r->cpus.ipis_sent),
		       um_per_thousand(r, r->cpus.broadcasts_sent),
		       um_per_thousand(r, r->cpus.flush_full),
		       um_per_thousand(r, CYCLES(r->cpus.cost_ps)),
		       (double)by_page->cpus.cost_ps / (double)r->cpus.cost_ps);
	}
}

void um_report_json(const struct um_machine *machines, unsigned int nr,
		    const struct um_workload *workload, struct um_result (*results)[UM_WAY_NR])
{
	printf("{\"pages\": %llu, \"churn\": %llu, \"batch\": %u, \"runs\": [",
	       (ull)workload->pages, (ull)workload->churn, workload->batch);
	for (unsigned int i = 0; i < nr * UM_WAY_NR; i++) {
		const struct um_machine *machine = &machines[i / UM_WAY_NR];
		const struct um_result *r = &results[i / UM_WAY_NR][i % UM_WAY_NR];

		printf("%s\n {\"profile\": \"%s\", \"cpus\": %u, \"ranges\": %s, \"way\": \"%s\", "
		       "\"allocations\": %llu, \"looks\": %llu, \"shootdowns\": %llu, "
		       "\"full\": %llu, \"pages\": %llu, \"ipis\": %llu, "
		       "\"broadcasts\": %llu, \"cost_ps\": %llu, \"cycles\": %llu}",
		       i ? "," : "", machine->profile->name, machine->nr_cpus,
		       machine->ranges ? "true" : "false", um_way_names[i % UM_WAY_NR],
		       (ull)r->allocations, (ull)r->looks, (ull)r->cpus.flush_requests,
		       (ull)r->cpus.flush_full, (ull)r->cpus.flush_pages, (ull)r->cpus.ipis_sent,
		       (ull)r->cpus.broadcasts_sent, (ull)r->cpus.cost_ps,
		       (ull)CYCLES(r->cpus.cost_ps));
	}
	printf("\n]}\n");
}
