/* SPDX-License-Identifier: MIT */
/*
 * ptlib/mm_change.h - what system calls do to an address space.
 *
 * Ranges are (va, len) in bytes, page aligned; in areas of hugetlb, aligned to its pages.
 * Common to all calls:
 *
 * Context: see mm.h. TLB: flushed when a call returns; pages are freed after that.
 * Return: 0; -EINVAL for an unaligned, empty or wrapping range; -ERANGE for one outside the
 * user's addresses; -ENOMEM. Nothing that programs could notice has changed on failure,
 * if nothing else is said: leaves may be smaller, or of files gone, to be faulted in again.
 *
 * A leaf of level 1 that changes in part becomes pages, if it is of anonymous memory, and of the
 * huge zero page leaves of the zero page; of a file it goes as a whole, and what was not meant is
 * faulted in again.
 * Source: Linux 6.15, mm/huge_memory.c, __split_huge_pmd_locked().
 */
#ifndef PTLIB_MM_CHANGE_H
#define PTLIB_MM_CHANGE_H

#include <ptlib/mm.h>

#ifdef __cplusplus
extern "C" {
#endif

/** pt_mm_unmap() - munmap(): areas and all that is mapped in the range go, tables too. */
PT_API PT_MUST_CHECK int pt_mm_unmap(struct pt_mm *mm, pt_va_t va, uint64_t len);

/**
 * pt_mm_zap() - madvise(MADV_DONTNEED): what is mapped goes, and areas stay.
 *
 * Guards stay too; and in areas of files with PT_MM_UFFD_WP marks, as markers. Of LOCKED areas it
 * goes as by MADV_DONTNEED_LOCKED, of PFNMAP as a driver has it; MADV_DONTNEED takes neither.
 *
 * Return: also -ENOENT if part of the range is no area.
 */
PT_API PT_MUST_CHECK int pt_mm_zap(struct pt_mm *mm, pt_va_t va, uint64_t len);

/**
 * pt_mm_lazyfree() - madvise(MADV_FREE): nobody needs what is in these pages, until it is written.
 *
 * They stay mapped, neither accessed nor dirty, and the next pt_mm_swap_out() takes those that
 * are clean still, without a slot: then they are zero. A store keeps a page, and all of its folio,
 * as if the call had not been. Flushed, so that the entry tells of a store after the call.
 *
 *	large folios           whole ones; one that the range cuts, or that is of two areas, becomes
 *	                       pages first, if no other process maps it and if there is memory
 *	pages of several       a leaf of level 1: passed over. Others: clean here; they go if they
 *	                       are clean in all; passed over if written before an entry could say it
 *	swap, poison           words go at once
 *	zero pages, guards, pages that move or are a device's    stay
 *
 * Source: Linux 6.15, mm/madvise.c, madvise_free_pte_range(), madvise_dontneed_free_valid_vma();
 * mm/huge_memory.c, madvise_free_huge_pmd().
 *
 * Return: also -EINVAL in other areas than ANON, and in LOCKED ones; -ENOENT as above. Never
 * -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_mm_lazyfree(struct pt_mm *mm, pt_va_t va, uint64_t len);

/**
 * pt_mm_protect() - mprotect(): the rights of all areas in the range.
 * @prot: PT_MM_READ, _WRITE, _EXEC; 0: leaves become PROT_NONE words.
 *
 * Pages become writable at once where a store would not have to be told of: dirty ones that are
 * the process's alone, or the file's; others when they are written. Areas keep their keys.
 *
 * Return: also -ENOENT as above.
 */
PT_API PT_MUST_CHECK int pt_mm_protect(struct pt_mm *mm, pt_va_t va, uint64_t len,
				       unsigned int prot);

/**
 * pt_mm_pkey_protect() - pkey_mprotect(): and their protection key.
 * @key: Up to what the format has: 15 on x86_64 and 7 on arm64 with PT_FEAT_PKEYS, else 0. Which
 *       keys are allocated is not kept, and 0 always is (not so in Linux without keys); none is
 *       taken for areas that may only be executed.
 *
 * Return: also -EINVAL for a key that the format has not; -ENOENT as above.
 */
PT_API PT_MUST_CHECK int pt_mm_pkey_protect(struct pt_mm *mm, pt_va_t va, uint64_t len,
					    unsigned int prot, unsigned int key);

/**
 * pt_mm_move() - mremap(MREMAP_FIXED) to a free place: areas, leaves and words move as they are.
 *
 * Leaves of level 1 and contiguous blocks stay what they are where both addresses are aligned
 * for it. Soft-dirty is set in what Linux moves entry by entry, markers and poison too, but not in
 * hugetlb, nor in what it moves with the table that it stands in: where both addresses are aligned
 * to what the table covers, and the area has all of that; for a table of pages it may also begin
 * there, with no other area before it. Source: Linux 6.15, mm/mremap.c, move_page_tables().
 *
 * Return: also -ENOENT as above; -EEXIST if an area stands at the new place, the old one
 * included.
 */
PT_API PT_MUST_CHECK int pt_mm_move(struct pt_mm *mm, pt_va_t va, uint64_t len, pt_va_t to);

/**
 * pt_mm_fork() - A child with the same areas and pages.
 * @cfg: Of the child, as in pt_mm_create().
 *
 * Of an area that has no page of its own now and no guard, nothing is copied: the child faults
 * it in. (A kernel looks at whether it ever had.) Of the others, and of PFNMAP and MIXEDMAP, all:
 *
 *	private pages          both map them, read-only, and neither has them alone
 *	shared ones            both map them; those of level 0 are clean in the child
 *	files, level 1         the child faults them in
 *	swap                   both refer to the slot
 *	migration, device      both; read-only if private
 *	poison                 both
 *	markers                POISONED and GUARD; UFFD_WP not, as the child has no uffd-wp
 *	the huge zero page     both; its area is copied as if that page were its own
 *
 * The child's leaves are old, but for hugetlb's. On failure @mm's pages are shared with nobody, but
 * the first store to each faults.
 *
 * Source: Linux 6.15, mm/memory.c, vma_needs_copy(), __copy_present_ptes(); mm/hugetlb.c,
 * copy_hugetlb_page_range().
 */
PT_API PT_MUST_CHECK int pt_mm_fork(struct pt_mm **out, struct pt_mm *mm,
				    const struct pt_mm_cfg *cfg);

/**
 * pt_mm_populate() - Map pages wherever there is a hole: written ones, or the file's.
 * @order: Of the folios, in pages: up to that of a leaf of level 1. Folios are aligned, and smaller
 *         where they do not fit between what is mapped, or cannot be had. Contiguous
 *         blocks fold by themselves. HUGETLB has its own size.
 * @done:  Receives the bytes that are mapped now and were not, also on failure; may be NULL.
 *
 * Private writable areas get pages of their own; others are mapped as read: ANON the zero
 * page, the huge one if @order is a leaf's, files their cache. In MIXEDMAP: pages that count, of
 * no file. PFNMAP has none.
 *
 * Pages of files that move, or are lost, are passed over; at the latter Linux stops.
 *
 * Return: also -ENOENT as above; -ENOMEM, what is mapped stays; -EINVAL for @order.
 */
PT_API PT_MUST_CHECK int pt_mm_populate(struct pt_mm *mm, pt_va_t va, uint64_t len,
					unsigned int order, uint64_t *done);

/**
 * pt_mm_insert_pfn() - remap_pfn_range(): frames that nobody counts, in the largest leaves. In
 * private areas stores copy them.
 * Return: also -EINVAL outside PFNMAP and MIXEDMAP areas; -EEXIST if anything is mapped there;
 * -ERANGE beyond the output width.
 */
PT_API PT_MUST_CHECK int pt_mm_insert_pfn(struct pt_mm *mm, pt_va_t va, uint64_t len, pt_pa_t pa);

/**
 * pt_mm_guard() - madvise(MADV_GUARD_INSTALL) or _REMOVE: accesses are SIGSEGV, without an area
 * of its own. What was mapped goes.
 * Return: also -EINVAL in other areas than ANON and FILE, and to install in LOCKED ones; -ENOENT
 * as above; -EOPNOTSUPP if the kernel has no such marker.
 */
PT_API PT_MUST_CHECK int pt_mm_guard(struct pt_mm *mm, pt_va_t va, uint64_t len, bool install);

/**
 * pt_mm_write_protect() - userfaultfd: stores to these pages are told of, or no more.
 *
 * Leaves and words are marked; in areas of files and of hugetlb holes get markers, so that the
 * mark outlives reclaim. Of files, leaves of level 1 go first.
 *
 * Return: also -EINVAL outside areas with PT_MM_UFFD_WP; -ENOENT; -EOPNOTSUPP if the kernel has
 * no such mark, or no such marker for areas that are not anonymous.
 */
PT_API PT_MUST_CHECK int pt_mm_write_protect(struct pt_mm *mm, pt_va_t va, uint64_t len, bool on);

enum pt_mm_clear {
	PT_MM_CLEAR_ACCESSED = 1,      /* "1" to /proc/PID/clear_refs: age everything */
	PT_MM_CLEAR_ACCESSED_ANON = 2, /* "2": areas that are of no file */
	PT_MM_CLEAR_ACCESSED_FILE = 3, /* "3": those of files */
	PT_MM_CLEAR_SOFT_DIRTY = 4,    /* "4": from now on, tell what is written */
};

/**
 * pt_mm_clear_refs() - What /proc/PID/clear_refs does.
 * Return: 0; -EINVAL; -EOPNOTSUPP for soft-dirty where leaves have no such bit (arm64).
 */
PT_API PT_MUST_CHECK int pt_mm_clear_refs(struct pt_mm *mm, enum pt_mm_clear what);

/**
 * pt_mm_numa_hint() - Hide leaves of accessible private areas, but of zero pages, so that the next
 * access tells.
 */
PT_API PT_MUST_CHECK int pt_mm_numa_hint(struct pt_mm *mm, pt_va_t va, uint64_t len);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_MM_CHANGE_H */
