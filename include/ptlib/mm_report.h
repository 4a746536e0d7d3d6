/* SPDX-License-Identifier: MIT */
/*
 * ptlib/mm_report.h - what /proc/PID tells of an address space, in the forms the kernel prints.
 *
 * A view is an address space of ours, or an imported one: a table opened in an image, with
 * a struct pt_soft_cfg, and areas that the caller read from its maps. There page descriptors
 * are unknown, and what needs them is left out.
 *
 * Context: beside accesses and beside changes that leave areas alone; see mm.h. Nothing is
 * allocated, written or held.
 * Source: Linux 6.12, fs/proc/task_mmu.c.
 */
#ifndef PTLIB_MM_REPORT_H
#define PTLIB_MM_REPORT_H

#include <ptlib/mm_area.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pt_world;

struct pt_view {
	struct pt_pgtable *pt;
	const struct pt_mm_area *areas; /* ascending, disjoint */
	size_t nr_areas;
	const struct pt_world *world; /* NULL: page descriptors are unknown */
};

/** The view of @mm; valid until its areas change. */
PT_API struct pt_view pt_mm_view(const struct pt_mm *mm);

/* Bytes, as smaps counts them; pss in bytes, rounded at the end. */
struct pt_smaps {
	uint64_t size, rss, referenced, anonymous;
	uint64_t anon_huge, shmem_huge, file_huge; /* by leaves of level 1 and up */
	uint64_t swap;
	uint64_t locked;
	/* 0 if page descriptors are unknown: */
	uint64_t pss_fine, pss_dirty_fine, swap_pss_fine, locked_fine; /* in 2^-12 bytes */
	uint64_t pss_anon_fine, pss_file_fine, pss_shmem_fine; /* parts of pss_fine */
	uint64_t shared_clean, shared_dirty, private_clean, private_dirty;
	uint64_t shared_hugetlb, private_hugetlb;
	uint64_t lazyfree; /* part of anonymous: given up by pt_mm_lazyfree(), and clean */
};

/**
 * pt_smaps() - Add what is mapped in [@first, @last] to @sum.
 *
 * As the kernel: special pages, zero pages and PFNMAP count nowhere, and hugetlb only in its own
 * two; pages that migration, hwpoison and device exclusive entries tell of count as shared, by
 * nobody knows how many, and as referenced by none of them. Without page descriptors, anonymous
 * is what private areas of ANON have.
 *
 * @swap: words of swap; and, with page descriptors, pages of shmem that are there: in areas that
 * are shared or not writable all of their files', in others those where the table is empty.
 * Of these swap_pss_fine has none. Source: Linux 6.15, fs/proc/task_mmu.c,
 * smap_gather_stats() and smaps_pte_hole().
 *
 * Return: 0; -EINVAL if @last < @first.
 */
PT_API PT_MUST_CHECK int pt_smaps(const struct pt_view *view, pt_va_t first, pt_va_t last,
				  struct pt_smaps *sum);

/**
 * pt_smaps_text() - The lines of one area in smaps, from Size to VmFlags, as snprintf().
 * @area: Or NULL: smaps_rollup, with its first line, from Rss to Locked.
 *
 * There are no pages that KSM has merged.
 *
 *	THPeligible    1 where a leaf of level 1 fits, as with "madvise" in transparent_hugepage's
 *	               enabled: in ANON with PT_MM_HUGEPAGE, and of files of shmem with folios of
 *	               that size, as with huge=always. Smaller folios do not count: kernels have
 *	               them off, though faults here try them too. Left out if the file is unknown
 *	ProtectionKey  pt_mm_area.key, if the format has PT_FEAT_PKEYS
 *	VmFlags        in the kernel's order, of what an area knows:
 *	               rd wr ex sh gd uw lo io dc wf sd hg   flags, sd where there is soft-dirty
 *	               pf ht mm                              kinds
 *	               mr mw me, ms if shared   files are open for everything, and may be executed
 *	               ac                       private ones that are writable now; in a kernel not
 *	                                        with MAP_NORESERVE, and still with other rights
 *	               de of pf and ht, dd of pf with io   as their drivers set them
 *	               The kernel's own areas, [vdso] and the like, have others
 *
 * Source: Linux 6.15, fs/proc/task_mmu.c, show_smap() and show_smap_vma_flags();
 * mm/huge_memory.c, __thp_vma_allowable_orders(), for shmem as corrected in 6.16.
 */
PT_API size_t pt_smaps_text(const struct pt_view *view, const struct pt_mm_area *area,
			    const struct pt_smaps *smaps, char *buf, size_t size);

/* A word of /proc/PID/pagemap: */
#define PT_PAGEMAP_PFN ((UINT64_C(1) << 55) - 1) /* swap: type 4:0, offset 54:5 */
#define PT_PAGEMAP_SOFT_DIRTY (UINT64_C(1) << 55)
#define PT_PAGEMAP_EXCLUSIVE (UINT64_C(1) << 56) /* needs page descriptors */
#define PT_PAGEMAP_UFFD_WP (UINT64_C(1) << 57)
#define PT_PAGEMAP_GUARD (UINT64_C(1) << 58)
#define PT_PAGEMAP_FILE (UINT64_C(1) << 61) /* needs page descriptors; the huge zero page too */
#define PT_PAGEMAP_SWAP (UINT64_C(1) << 62)
#define PT_PAGEMAP_PRESENT (UINT64_C(1) << 63)

/**
 * pt_pagemap() - The words of the pages in [@first, @last], in granules.
 * @words: Room for each page that the range touches.
 * Return: 0; -EINVAL if @last < @first.
 */
PT_API PT_MUST_CHECK int pt_pagemap(const struct pt_view *view, pt_va_t first, pt_va_t last,
				    uint64_t *words);

/*
 * Categories of pages, as PAGEMAP_SCAN numbers them. Pages of areas have those of their area and
 * of what stands at their address:
 *
 *	WPALLOWED   areas with PT_MM_UFFD_WP. The kernel asks for asynchronous userfaultfd too;
 *	            who resolves faults is not known here
 *	WRITTEN     leaves and software's words that userfaultfd has not marked; and what is
 *	            empty where there is a table of level 0, but not in hugetlb. Stable releases
 *	            of 6.12 report empty entries so, 6.12 itself only if asked for nothing else
 *	FILE        leaves, and but for hugetlb words that hold a frame, whose page is not
 *	            anonymous. Needs page descriptors
 *	PRESENT     leaves, PROT_NONE too
 *	SWAPPED     software's words, of all kinds: markers, migration and poison too
 *	PFNZERO     leaves of the zero page, and of the huge one, as corrected in 6.16. Needs page
 *	            descriptors, as those pages are the world's
 *	HUGE        leaves and words of level 1 and up; hugetlb, empty entries too, but not where
 *	            there is no table that one could stand in
 *	SOFT_DIRTY  leaves and words with the mark, and all of an area with PT_MM_SOFT_DIRTY
 *	GUARD       guard markers; releases before 6.15 have no such category
 *
 * What lies outside areas and in PFNMAP is no page. Words that no kernel writes have none
 * but the area's. Source: Linux 6.12.107 and 6.15, fs/proc/task_mmu.c, pagemap_scan_*().
 */
#define PT_PAGE_IS_WPALLOWED (UINT64_C(1) << 0)
#define PT_PAGE_IS_WRITTEN (UINT64_C(1) << 1)
#define PT_PAGE_IS_FILE (UINT64_C(1) << 2)
#define PT_PAGE_IS_PRESENT (UINT64_C(1) << 3)
#define PT_PAGE_IS_SWAPPED (UINT64_C(1) << 4)
#define PT_PAGE_IS_PFNZERO (UINT64_C(1) << 5)
#define PT_PAGE_IS_HUGE (UINT64_C(1) << 6)
#define PT_PAGE_IS_SOFT_DIRTY (UINT64_C(1) << 7)
#define PT_PAGE_IS_GUARD (UINT64_C(1) << 8)
#define PT_PAGE_CATEGORIES 0x1ffu

struct pt_pagemap_region {
	pt_va_t first, last; /* inclusive */
	uint64_t categories;
};

struct pt_pagemap_scan {
	pt_va_t first, last; /* bytes, inclusive; whole granules */
	/* A page is found if its categories, with these inverted first, ... */
	uint64_t category_inverted;
	uint64_t category_mask; /* ... hold all of these */
	uint64_t category_anyof_mask; /* ... and one of these, unless it is 0. */
	uint64_t return_mask; /* of what is told, as it was before anything was inverted */
	uint64_t max_pages; /* found; 0: any number */
	struct pt_pagemap_region *regions; /* room for @nr_regions */
	size_t nr_regions;
	/* out: */
	size_t nr_found; /* regions */
	uint64_t walk_end; /* where to go on: the first page found that there was no room or count
			      for; or what follows @last, 0 standing for 2^64 */
};

/**
 * pt_pagemap_scan() - Find the pages of some categories.
 *
 * Regions ascend and are as few as can be: neighbours are one if what is told of them is the
 * same. Those at either end are cut to [first, last]. Without room nothing is looked at.
 * Nothing is write-protected. Who wants PM_SCAN_WP_MATCHING gives the regions to
 * pt_mm_write_protect(): the kernel has it in one call lest a store come between, and here the
 * one thread that changes @view's memory decides what does.
 *
 * Return: 0; -EINVAL for unknown categories, a range that is not of whole granules,
 * @last < @first, or @nr_regions without @regions; nothing is written then.
 */
PT_API PT_MUST_CHECK int pt_pagemap_scan(const struct pt_view *view, struct pt_pagemap_scan *scan);

/**
 * pt_numa_maps_line() - The line of @area in numa_maps, as snprintf(). Without page descriptors
 * nothing is counted.
 *
 * There is no LRU here: all pages count as active, so nothing is said of it.
 */
PT_API size_t pt_numa_maps_line(const struct pt_view *view, const struct pt_mm_area *area,
				char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_MM_REPORT_H */
