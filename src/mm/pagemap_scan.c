/* SPDX-License-Identifier: MIT */
/* Which pages are of which categories: the query of PAGEMAP_SCAN, run by run of a walk. */
#include "mm/report.h"

struct finder {
	struct pt_pagemap_scan *scan;
	unsigned int page_lg2;
	uint64_t nr_left; /* pages that may still be found */
};

/* Level that entries of @area's huge pages stand at; blocks of them at that of their parts. */
static unsigned int huge_level(const struct pt_format_info *info, const struct pt_mm_area *area)
{
	unsigned int level = 0;

	while (level + 1 < info->nr_levels && info->leaf_lg2[level + 1] <= area->page_lg2)
		level++;
	return level;
}

static uint64_t hole_categories(const struct ptl_view_walk *walk, const struct pt_format_info *info)
{
	const struct pt_mm_area *area = walk->walk.area.owner;

	if (area->kind == PT_MM_HUGETLB)
		return walk->walk.level <= huge_level(info, area) ? PT_PAGE_IS_HUGE : 0;
	return walk->walk.level ? 0 : PT_PAGE_IS_WRITTEN;
}

static bool is_huge(const struct ptl_view_walk *walk)
{
	const struct pt_mm_area *area = walk->walk.area.owner;

	return walk->walk.level || area->kind == PT_MM_HUGETLB;
}

/*
 * What the descriptor of the page at @pa tells, if it has one that counts. *@len becomes that of
 * the pages from there on that it is true of.
 */
static uint64_t page_categories(const struct pt_view *view, pt_pa_t pa, bool counted, uint64_t *len)
{
	const struct ptl_page *page = counted ? ptl_view_page(view, pa) : NULL;
	uint64_t size = pt_granule(view->pt);

	if (!view->world)
		return 0;
	if (page)
		size <<= ptl_page_order(page);
	if (size - (pa & (size - 1)) < *len)
		*len = size - (pa & (size - 1));
	if (page && !(ptl_page_flags(ptl_folio_at(view->world, pa)) & PTL_PAGE_ANON))
		return PT_PAGE_IS_FILE;
	return 0;
}

/* @len: of the run from @va on; becomes that of the pages that are alike. So in the next. */
static uint64_t leaf_categories(const struct ptl_view_walk *walk, pt_va_t va, uint64_t *len)
{
	const struct pt_view *view = walk->view;
	const struct pt_soft_cfg *soft = pt_pgtable_soft(view->pt);
	pt_pa_t pa = walk->walk.pa + (va - walk->walk.va);
	uint64_t categories = PT_PAGE_IS_PRESENT;

	if (!(soft && walk->walk.attr & soft->attr_uffd_wp))
		categories |= PT_PAGE_IS_WRITTEN;
	if (soft && walk->walk.attr & soft->attr_soft_dirty)
		categories |= PT_PAGE_IS_SOFT_DIRTY;
	if (ptl_view_is_huge_zero(walk))
		categories |= PT_PAGE_IS_PFNZERO;
	else
		categories |= page_categories(view, pa, ptl_view_has_page(walk), len);
	if (view->world && pa == view->world->zero_page)
		categories |= PT_PAGE_IS_PFNZERO;
	return is_huge(walk) ? categories | PT_PAGE_IS_HUGE : categories;
}

static uint64_t soft_categories(const struct ptl_view_walk *walk, pt_va_t va, uint64_t *len)
{
	const struct pt_view *view = walk->view;
	const struct pt_mm_area *area = walk->walk.area.owner;
	const struct pt_soft *soft = &walk->walk.soft;
	unsigned int page_lg2 = (unsigned int)__builtin_ctzll(pt_granule(view->pt));
	bool marker = soft->kind == PT_SOFT_MARKER;
	uint64_t categories = PT_PAGE_IS_SWAPPED;
	unsigned int marks = ptl_view_soft_marks(walk);

	if (!(marks & PT_SOFT_UFFD_WP))
		categories |= PT_PAGE_IS_WRITTEN;
	if (marks & PT_SOFT_SOFT_DIRTY)
		categories |= PT_PAGE_IS_SOFT_DIRTY;
	if (marker && soft->markers & PT_SOFT_MARKER_GUARD)
		categories |= PT_PAGE_IS_GUARD;
	if (!marker && soft->kind != PT_SOFT_SWAP && area->kind != PT_MM_HUGETLB)
		categories |= page_categories(view, (soft->pfn << page_lg2) + (va - walk->walk.va),
					      true, len);
	return is_huge(walk) ? categories | PT_PAGE_IS_HUGE : categories;
}

static uint64_t area_categories(const struct pt_mm_area *area)
{
	uint64_t categories = 0;

	if (area->flags & PT_MM_UFFD_WP)
		categories |= PT_PAGE_IS_WPALLOWED;
	if (area->flags & PT_MM_SOFT_DIRTY)
		categories |= PT_PAGE_IS_SOFT_DIRTY;
	return categories;
}

static bool is_wanted(const struct pt_pagemap_scan *scan, uint64_t categories)
{
	categories ^= scan->category_inverted;
	return (categories & scan->category_mask) == scan->category_mask &&
	       (!scan->category_anyof_mask || categories & scan->category_anyof_mask);
}

/* False if not all of it could be taken: walk_end is where the rest begins. */
static bool found(struct finder *finder, pt_va_t va, uint64_t len, uint64_t categories)
{
	struct pt_pagemap_scan *scan = finder->scan;
	struct pt_pagemap_region *region =
		scan->nr_found ? &scan->regions[scan->nr_found - 1] : NULL;
	uint64_t nr = len >> finder->page_lg2;
	bool all = nr <= finder->nr_left;

	if (!is_wanted(scan, categories))
		return true;
	scan->walk_end = va;
	if (!all)
		nr = finder->nr_left;
	if (!nr)
		return false;
	categories &= scan->return_mask;
	if (region && region->last + 1 == va && region->categories == categories) {
		region->last = va + (nr << finder->page_lg2) - 1;
	} else if (scan->nr_found == scan->nr_regions) {
		return false;
	} else {
		scan->regions[scan->nr_found++] =
			(struct pt_pagemap_region){ va, va + (nr << finder->page_lg2) - 1,
						    categories };
	}
	finder->nr_left -= nr;
	scan->walk_end = va + (nr << finder->page_lg2);
	return all;
}

/* One run of the walk, in parts that are alike. */
static bool find_in_run(struct finder *finder, const struct ptl_view_walk *walk,
			const struct pt_format_info *info)
{
	const struct pt_mm_area *area = walk->walk.area.owner;
	uint64_t of_area = area_categories(area), len;

	if (area->kind == PT_MM_PFNMAP)
		return true;
	for (uint64_t at = 0; at < walk->walk.len; at += len) {
		pt_va_t va = walk->walk.va + at;
		uint64_t categories = of_area;

		len = walk->walk.len - at;
		if (ptl_view_is_leaf(walk))
			categories |= leaf_categories(walk, va, &len);
		else if (walk->type == PTW_NONE)
			categories |= hole_categories(walk, info);
		else if (walk->type >= PTW_MARKER && walk->type <= PTW_HWPOISON)
			categories |= soft_categories(walk, va, &len);
		if (!found(finder, va, len, categories))
			return false;
	}
	return true;
}

int pt_pagemap_scan(const struct pt_view *view, struct pt_pagemap_scan *scan)
{
	const struct pt_fmt_cfg *fmt = pt_pgtable_fmt(view->pt);
	uint64_t masks = scan->category_inverted | scan->category_mask | scan->category_anyof_mask |
			 scan->return_mask;
	struct pt_format_info info;
	struct ptl_view_walk walk;
	struct finder finder = {
		.scan = scan,
		.page_lg2 = (unsigned int)__builtin_ctzll(pt_granule(view->pt)),
		.nr_left = scan->max_pages ? scan->max_pages : UINT64_MAX,
	};

	if (masks & ~(uint64_t)PT_PAGE_CATEGORIES || scan->last < scan->first ||
	    !ptl_aligned(scan->first | (scan->last + 1), finder.page_lg2) ||
	    (scan->nr_regions && !scan->regions) || pt_format_info(fmt, &info))
		return -EINVAL;
	scan->nr_found = 0;
	for (bool more = scan->nr_regions && ptl_view_start(&walk, view, scan->first, scan->last);
	     more; more = ptl_view_next(&walk)) {
		if (find_in_run(&finder, &walk, &info))
			continue;
		(void)pt_range_walk_done(&walk.walk);
		return 0;
	}
	scan->walk_end = scan->last + 1;
	return 0;
}
