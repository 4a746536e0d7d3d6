/* SPDX-License-Identifier: MIT */
/*
 * ptlib/mm_reclaim.h - what an operating system does to pages by itself: out and back,
 * elsewhere, larger and smaller, lost.
 *
 * A range tells which folios of one address space are meant; what is done to them is done to
 * all who map them, in every address space of the world. Folios that a call cannot take are
 * passed over: LOCKED or frames that nobody counts, those that move, and as said at each.
 *
 * Context, TLB, and what is returned: as in mm_change.h; -ENOENT where part of the range is no
 * area. @done receives the bytes of folios that were taken, also on failure, which leaves
 * those of before as they are; it may be NULL.
 */
#ifndef PTLIB_MM_RECLAIM_H
#define PTLIB_MM_RECLAIM_H

#include <ptlib/mm_store.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * pt_mm_swap_out() - Anonymous pages, and those of shmem, go to @swap, each folio to slots in a
 * row, or if there are none, page by page.
 *
 * Not hugetlb. Written after the flush, so that no store is lost. There is no swap cache.
 *
 *	anonymous  words in all tables; leaves of level 1 become pages first. Read back by
 *	           faults, each process for itself. Those that pt_mm_lazyfree() gave up, and that
 *	           are clean, go without
 *	shmem      where it went is known to the file; tables are empty, but for markers where
 *	           userfaultfd has marked it. Read back once, for all
 *
 * Return: also -ENOMEM if @swap is full.
 */
PT_API PT_MUST_CHECK int pt_mm_swap_out(struct pt_mm *mm, pt_va_t va, uint64_t len,
					struct pt_swap *swap, uint64_t *done);

/**
 * pt_mm_migrate_begin() - Folios are about to move: migration entries, at the level of each leaf
 * if the kernel has them there.
 * pt_mm_migrate_end() - Those of the range that are moving have moved, to new folios of the
 * same size; where there is none, they stay and are mapped as before.
 *
 * In between accesses are PT_VERDICT_RETRY, and everything but moving them again is allowed. A
 * folio that nobody maps any more does not move any more.
 *
 * Return: _end: also -ENOMEM if any had to stay; none moves any more then either.
 */
PT_API PT_MUST_CHECK int pt_mm_migrate_begin(struct pt_mm *mm, pt_va_t va, uint64_t len,
					     uint64_t *done);
PT_API PT_MUST_CHECK int pt_mm_migrate_end(struct pt_mm *mm, pt_va_t va, uint64_t len,
					   uint64_t *done);

/**
 * pt_mm_poison() - The page at @va is lost: everybody gets a hwpoison entry in its place.
 *
 * A large folio becomes pages first; a huge page of hugetlb is lost as a whole. It is not used
 * again before the world ends. Its file has it anew, from where it was read; but shmem and shared
 * hugetlb had nothing but this page, and it is SIGBUS_POISON to all who map it later, too.
 *
 * Source: Linux 6.15, mm/memory-failure.c, me_pagecache_clean(), me_huge_page(); mm/memory.c,
 * __do_fault().
 *
 * Return: also -ENOENT if no page is mapped there; -EBUSY if it moves, or is a driver's, of which
 * nobody knows who maps it.
 */
PT_API PT_MUST_CHECK int pt_mm_poison(struct pt_mm *mm, pt_va_t va);

/**
 * pt_mm_to_device() - Anonymous pages that only @mm maps move to the device's memory; faults
 * bring them back. Large folios become pages first.
 * Return: also -EOPNOTSUPP for a world without a device.
 */
PT_API PT_MUST_CHECK int pt_mm_to_device(struct pt_mm *mm, pt_va_t va, uint64_t len,
					 uint64_t *done);
/**
 * pt_mm_device_exclusive() - A device has these anonymous pages for itself; faults take them back.
 * Return: also -EOPNOTSUPP if the kernel has no such entry.
 */
PT_API PT_MUST_CHECK int pt_mm_device_exclusive(struct pt_mm *mm, pt_va_t va, uint64_t len,
						uint64_t *done);

/**
 * pt_mm_collapse() - Anonymous pages that fill, or partly fill, a leaf of level 1 become one
 * folio in one leaf, as khugepaged does: those that only @mm maps, beside holes and the zero page.
 * What has a leaf of level 1 already is left, the huge zero page too.
 */
PT_API PT_MUST_CHECK int pt_mm_collapse(struct pt_mm *mm, pt_va_t va, uint64_t len,
					uint64_t *done);
/** pt_mm_split() - Large anonymous folios become single pages, everywhere. Not hugetlb. */
PT_API PT_MUST_CHECK int pt_mm_split(struct pt_mm *mm, pt_va_t va, uint64_t len, uint64_t *done);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_MM_RECLAIM_H */
