/* SPDX-License-Identifier: MIT */
/*
 * unmapped_pages.h - what the files of unmapped_pages have of each other.
 *
 *   unmapped_pages.c  the command line
 *   run.c             the workload, in three ways, on one machine
 *   cpus.c            simulated CPUs, which flush and look at the pages
 *   print.c           figures as a table, as JSON, as bars, as a plot
 *   report.c          figures of simulated CPUs
 */
#ifndef UNMAPPED_PAGES_H
#define UNMAPPED_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include <ptlib/ptlib.h>

struct um_machine {
	const char *name;
	enum pt_format fmt;
	enum pt_flush_policy policy; /* of what counts flushes, if there is no profile: */
	const struct pt_tlb_profile *profile;
	unsigned int nr_cpus;
	bool ranges; /* arm64 with a profile: FEAT_TLBIRANGE, of Armv8.4 */
};

enum um_way {
	UM_PAGE_AT_A_TIME,   /* allocate, then set_direct_map_invalid() */
	UM_FREETYPE,         /* allocate what is unmapped already */
	UM_FREETYPE_BATCHED, /* several pageblocks become so at once */
	UM_WAY_NR,
};

/* Allocate @pages, replace a random one @churn times, free all. */
struct um_workload {
	uint64_t pages, churn;
	unsigned int batch; /* pageblocks at once, for UM_FREETYPE_BATCHED */
};

struct um_result {
	uint64_t allocations;
	uint64_t pageblocks;   /* converted to be unmapped */
	uint64_t splits[2];    /* of 2M and of 1G leaves of the direct map */
	uint64_t tables;       /* pages that its tables take at the end, beyond those at first */
	struct pt_flush_counts flushes;
	struct pt_cpu_stats cpus; /* of a machine with a profile, instead */
	uint64_t looks; /* at pages, by its CPUs */
};

extern const char *const um_way_names[UM_WAY_NR];

/* Exits with a message where a call fails that cannot. */
void um_die(const char *what, int err);

/* Simulated CPUs that run a kernel on a direct map. */
struct um_cpus;

struct um_cpus *um_cpus_create(const struct um_machine *machine, struct pt_phys *phys);
/* What flushes @dm, when that is made; and then the CPUs load it. */
const struct pt_flush_ops *um_cpus_flush_ops(struct um_cpus *cpus);
void um_cpus_load(struct um_cpus *cpus, struct pt_direct_map *dm);
/* The next CPU, or @again the one that did so last, loads from @pa. Returns whether it could. */
bool um_cpus_look(struct um_cpus *cpus, pt_pa_t pa, bool again);
void um_cpus_stats(const struct um_cpus *cpus, struct pt_cpu_stats *stats);
void um_cpus_destroy(struct um_cpus *cpus);

void um_run(const struct um_machine *machine, const struct um_workload *workload, enum um_way way,
	    struct um_result *result);

/* Per thousand allocations. */
double um_per_thousand(const struct um_result *result, uint64_t figure);
void um_print_table(const struct um_machine *machine, const struct um_result results[UM_WAY_NR]);
void um_print_json(const struct um_machine *machines, unsigned int nr,
		   const struct um_workload *workload, struct um_result (*results)[UM_WAY_NR]);
void um_print_bars(const struct um_machine *machines, unsigned int nr,
		   struct um_result (*results)[UM_WAY_NR]);
/* Through gnuplot; false if there is none, or it failed. */
bool um_plot(const char *file, const struct um_machine *machines, unsigned int nr,
	     struct um_result (*results)[UM_WAY_NR]);

/* Of simulated CPUs, per thousand allocations. */
void um_report(const struct um_machine *machines, unsigned int nr,
	       struct um_result (*results)[UM_WAY_NR]);
void um_report_json(const struct um_machine *machines, unsigned int nr,
		    const struct um_workload *workload, struct um_result (*results)[UM_WAY_NR]);

#endif /* UNMAPPED_PAGES_H */
