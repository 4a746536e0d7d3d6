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
 *
 * Each range is one call of struct pt_flush_ops. Linux's mmu_gather has one range alone,
 * from the first to the last address; so has a gather with max_ranges 1, which flushes once
 * however many changes it collected. (Where a change goes over several areas, arm64's kernel
 * flushes at the end of each; pt_mm does that too.) What is flushed in the midst of a change
 * (map.h: splits, break-before-make) comes on top. A table that an unmap leaves empty adds
 * one page at most, of the range that was asked for: an operation on any address of it drops what
 * led there, and its leaves are in the gathers of who removed them. Linux adds the first page
 * of what the table translated.
 *
 * So nothing forces it to flush early. An operating system that lists the pages it
 * will free has room for so many, and flushes in the midst of a change when that is
 * full; with a bound, so does a gather:
 *
 *	                  leaves                                table pages
 *	Linux 6.9 on      7 on the stack, 19 pages of 509       509
 *	before            8 and 19 pages of 510                 509
 *
 * Source: Linux, include/asm-generic/tlb.h MMU_GATHER_BUNDLE, MAX_GATHER_BATCH,
 * MAX_GATHER_BATCH_COUNT, MAX_TABLE_BATCH; mm/mmu_gather.c.
 */
#ifndef PTLIB_GATHER_H
#define PTLIB_GATHER_H

#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PT_GATHER_RANGES 8

#define PT_GATHER_LINUX_LEAVES (7 + 19 * 509)
#define PT_GATHER_LINUX_TABLES 509

struct pt_gather_range {
	pt_va_t first, last;     /* inclusive */
	unsigned int stride_lg2; /* log2 bytes of the smallest leaf that changed in it, or of
				    the smallest entry that named a table */
	bool tables;             /* tables were unhooked that had a part of it, see ops.h */
};

struct pt_gather {
	struct pt_pgtable *pt;
	struct pt_gather_range range[PT_GATHER_RANGES]; /* ascending, disjoint */
	unsigned int nr_ranges;
	size_t nr_tables;         /* table pages to free */
	uint64_t over_flush;      /* bytes between ranges that became one, when they did */
	bool full;                /* may be set after begin: flush everything at once, as
				     for an address space that goes away; nothing if
				     nothing was collected */
	size_t nr_leaves; /* that pt_unmap() removed since the last flush, of any size */
	/*
	 * May be set after begin, which takes them from the table: pt_unmap() flushes, waits and
	 * frees as pt_gather_finish() each time that it has removed so many; 0: no bound. Of a
	 * contiguous block all leaves go together.
	 */
	size_t max_leaves, max_tables;
	uint64_t nr_forced; /* flushes for that */
	unsigned int max_ranges; /* may be set likewise: 1 to PT_GATHER_RANGES, of @range; 0: all */
	/* private */
	pt_pa_t tables_;
};

/** Starts collecting for @pt. */
PT_API void pt_gather_begin(struct pt_gather *gather, struct pt_pgtable *pt);

/**
 * pt_gather_finish() - Flush the ranges, wait for readers if tables were
 * unhooked, free those. Always call it, also after a failed change, and before the table is
 * destroyed: pages that are still in a gather then are lost. The gather
 * is afterwards as after pt_gather_begin(): empty, with the bounds of its table.
 *
 * Context: may wait for a grace period; must not be called with the lock of a
 * range walk held or from inside a pt_*_ops callback.
 */
PT_API void pt_gather_finish(struct pt_gather *gather);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_GATHER_H */
