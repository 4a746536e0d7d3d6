/* SPDX-License-Identifier: MIT */
/*
 * ptlib/gather.h - unhook, flush, free: in that order, for many changes at once.
 *
 * What a change unhooks may still be in a TLB, in a paging-structure cache, or
 * under the feet of a lockless reader. A gather, on the caller's stack,
 * collects the ranges and the table pages of any number of changes to one
 * table; pt_gather_finish() flushes, waits for readers, and frees. It never
 * allocates: pages are linked through their frame descriptors, and when the
 * ranges are full, the two with the smallest gap between them become one.
 */
#ifndef PTLIB_GATHER_H
#define PTLIB_GATHER_H

#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PT_GATHER_RANGES 8

struct pt_gather_range {
	pt_va_t first, last;     /* inclusive */
	unsigned int stride_lg2; /* log2 bytes of the smallest leaf that changed in it */
	bool tables;             /* tables under it were unhooked */
};

struct pt_gather {
	struct pt_pgtable *pt;
	struct pt_gather_range range[PT_GATHER_RANGES]; /* ascending, disjoint */
	unsigned int nr_ranges;
	size_t nr_tables;         /* table pages to free */
	uint64_t over_flush;      /* bytes in the ranges that nothing asked for */
	bool full;                /* may be set after begin: flush everything at once, as
				     for an address space that goes away */
	/* private */
	pt_pa_t tables_;
};

/** Starts collecting for @pt. */
PT_API void pt_gather_begin(struct pt_gather *gather, struct pt_pgtable *pt);

/**
 * pt_gather_finish() - Flush the ranges, wait for readers if tables were
 * unhooked, free those. Always call it, also after a failed change; the gather
 * is then empty and may collect again.
 *
 * Context: may wait for a grace period; must not be called with the lock of a
 * range walk held or from inside a pt_*_ops callback.
 */
PT_API void pt_gather_finish(struct pt_gather *gather);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_GATHER_H */
