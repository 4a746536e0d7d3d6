/* SPDX-License-Identifier: MIT */
/*
 * mirror, in parts:
 *
 *	mirror.c   the command line, main()
 *	process.c  what the kernel tells of a process
 *	pagemap.c  and of each of its pages
 *	demo.c     a process to look at
 *	layout.c   where its areas are with larger pages
 *	twin.c     the same address space in simulated memory
 *	measure.c  what stands in that: by area, and in all
 *	whatif.c   what it would be otherwise
 *	report.c   what is printed
 */
#ifndef MIRROR_H
#define MIRROR_H

#include <ptlib/ptlib.h>

#include "process.h"

/* A machine that the process could run on. */
struct form {
	const char *name;
	enum pt_format fmt;
	enum pt_soft_release soft;
	enum pt_flush_policy flush;
	const char *tlb; /* a profile, for its reach */
};

#define NR_FORMS 4
extern const struct form forms[NR_FORMS]; /* the first is the one that mirrors exactly */

/* How memory is to be mapped, beside as it is. */
struct wish {
	bool huge; /* anonymous memory in leaves of level 1 wherever they fit */
	unsigned int fold_lg2; /* and in folios of so many bytes where they fit; 0: no */
};

/* The address space of a process in simulated memory. */
struct twin {
	const struct form *form;
	const struct process *process;
	struct wish wish;
	uint64_t page; /* bytes */
	unsigned int page_lg2, huge_lg2;
	pt_va_t *first; /* of each area of the process, here */
	uint64_t *len;
	struct pt_phys *phys;
	struct pt_zone *zone;
	struct pt_world *world;
	struct pt_mm *mm;
	struct pt_swap *swap;
	struct pt_flush_count *flushes;
	struct pt_file **files; /* of each area, or NULL */
	pt_pa_t huge_pages; /* of hugetlb areas */
	pt_pa_t device; /* frames that nobody counts */
};

void twin_create(struct twin *twin, const struct form *form, const struct process *process,
		 const struct wish *wish);
void twin_destroy(struct twin *twin);
/* Where byte @va of area @i is. */
pt_va_t twin_va(const struct twin *twin, size_t i, uint64_t va);

/* layout.c: fills in first[] and len[]. */
void layout(struct twin *twin);

/* What stands in a range, in bytes. */
struct figures {
	/* as Rss, Swap, Anonymous, and the three kinds of huge pages of smaps */
	uint64_t present, swapped, anonymous, huge;
	uint64_t zero, frames; /* present, and counted nowhere */
	uint64_t guards;
};

/* Entries of all sizes: what a TLB has to hold. */
#define MAX_SIZES 64
struct cost {
	uint64_t tables, bytes; /* of table pages */
	unsigned int levels;
	uint64_t entries[MAX_SIZES]; /* by log2 bytes; a contiguous block is one */
	uint64_t contiguous; /* such blocks */
	uint64_t mapped, nr_entries;
	double reach; /* share of mapped memory that the TLB can hold */
};

void measure_area(const struct twin *twin, size_t i, struct figures *figures);
void measure_cost(const struct twin *twin, struct cost *cost);

/* What an operation on the whole costs. */
struct change {
	uint64_t bytes, tables;
	struct pt_flush_counts flushes;
};

void whatif_fork(struct twin *twin, struct change *change);
/* mprotect() to read-only of the largest area that can be written; 0 bytes if there is none. */
void whatif_protect(struct twin *twin, struct change *change);

struct mirror_options {
	pid_t pid; /* 0: a process that this starts */
	bool areas, json;
	char **command; /* to be started; NULL: the demonstration */
};

/* How many areas differ between @process and its first twin, after printing what does. */
size_t report_areas(const struct mirror_options *options, const struct twin *twin);
void report_process(const struct process *process);
void report_cost(const struct twin *twin);
void report_whatif(const struct process *process);
size_t report_json(const struct process *process);

/* Starts a process with memory of all kinds, and waits until it has it. Its pid. */
pid_t demo_start(void);
pid_t command_start(char **command);

#endif /* MIRROR_H */
