/* SPDX-License-Identifier: MIT */
/* mermap_internal.h - struct pt_mermap; the state of each CPU, and who may touch it. */
#ifndef PTL_KSPACE_MERMAP_INTERNAL_H
#define PTL_KSPACE_MERMAP_INTERNAL_H

#include <ptlib/mermap.h>
#include <ptlib/pagetable.h>

#include "base/bits.h"
#include "base/bug.h"
#include "base/lock.h"

struct pt_mermap_alloc {
	unsigned int cpu;
	unsigned int first, nr; /* pages of the CPU's region */
	bool in_use;
	pt_va_t va;
};

struct ptl_mermap_cpu {
	pt_va_t base;
	unsigned int next; /* pages before it are not handed out until the wrap */
	struct pt_mermap_alloc live[PT_MERMAP_LIVE], reserved;
	bool reserved_used; /* since the last wrap */
	/*
	 * What each page of the region maps, or mapped since the last wrap; PTL_MERMAP_CLEAN:
	 * no translation of it is cached. pt_mermap.lock.
	 */
	pt_pa_t *page;
};

#define PTL_MERMAP_CLEAN UINT64_MAX
#define PTL_MERMAP_END UINT32_MAX

struct pt_mermap {
	/* constant after create */
	struct pt_pgtable *pt;
	struct pt_mermap_cfg cfg;
	unsigned int granule_lg2;
	bool local;              /* a wrap flushes one CPU by itself */
	struct ptl_mermap_cpu *cpus;
	pt_pa_t *pages;          /* ptl_mermap_cpu.page of all CPUs, one after the other */
	size_t nr_pages;         /* of all regions */

	/*
	 * Which of them map a page: heads of chains by its address, and for each of them the next
	 * one. PTL_MERMAP_END: none. The lock.
	 */
	uint32_t *chain, *next;
	unsigned int chains_lg2;

	bool prepared;           /* by pt_mermap_prepare() */
	/* guards ptl_mermap_cpu.page, chains, and marks of pages with it */
	_Atomic uint32_t lock;
	/* Counters of what happened; relaxed. */
	_Atomic uint64_t gets, nr_reserved, failed, wraps, settled, zeroed;
};

/* mermap_stale.c: which pages may be cached where. -ENOMEM, or memory for that. */
int ptl_mermap_notes_init(struct pt_mermap *mermap);
void ptl_mermap_notes_exit(struct pt_mermap *mermap);
/* False: a free page of the zone. */
bool ptl_mermap_held(const struct pt_mermap *mermap, pt_pa_t pa);
void ptl_mermap_note(struct pt_mermap *mermap, struct ptl_mermap_cpu *cpu, unsigned int index,
		     pt_pa_t pa);
/* Nothing of @cpu's region is cached but what is live in it: pages lose their marks. */
void ptl_mermap_clean(struct pt_mermap *mermap, struct ptl_mermap_cpu *cpu);

#endif /* PTL_KSPACE_MERMAP_INTERNAL_H */
