/* SPDX-License-Identifier: MIT */
/* Holes filled: what a fault maps there, and whole ranges of it. */
#include "mm/edit.h"

#include <ptlib/mm_change.h>

/* [base, +2^lg2) around @va is all in what may be filled. */
static bool fits(const struct ptl_fill *fill, pt_va_t va, unsigned int lg2)
{
	pt_va_t base = ptl_align_down(va, lg2);

	return base >= fill->lo && base <= fill->hi && fill->hi - base >= PTL_BIT(lg2) - 1;
}

static pt_attr_t with_mark(const struct pt_mm *mm, pt_attr_t attr, bool wp)
{
	return wp ? (attr & ~PT_ATTR_WRITE) | mm->world->cfg.soft.attr_uffd_wp : attr;
}

static int put(struct pt_mm *mm, const struct pt_mm_area *area, const struct ptl_fill *fill,
	       pt_pa_t pa, pt_attr_t attr, unsigned int max_lg2)
{
	int err = ptl_put_leaf(mm, area, fill->first, pa, fill->last - fill->first + 1,
			       with_mark(mm, attr, fill->wp), max_lg2,
			       fill->marker ? PTL_OVER_MARKERS : PTL_OVER_HOLES, false);

	return err ? -ENOMEM : 0;
}

/* The pages of a folio, from @pa on, which nobody else maps here. */
static int map_pages(struct pt_mm *mm, const struct pt_mm_area *area, const struct ptl_fill *fill,
		     pt_pa_t pa, pt_attr_t attr, bool entire, bool exclusive)
{
	struct pt_world *world = mm->world;
	uint64_t len = fill->last - fill->first + 1;
	int err = put(mm, area, fill, pa, attr, 0);

	if (err)
		return err;
	ptl_map_add(world, pa, len, entire);
	if (exclusive)
		ptl_set_exclusive(world, pa, len, entire, true);
	return 0;
}

/* Own pages: zeroes, or with @from a copy of one page. */
static int fill_own(struct pt_mm *mm, const struct pt_mm_area *area, const struct ptl_run *hole,
		    pt_va_t va, struct ptl_fill *fill, const pt_pa_t *from)
{
	struct pt_world *world = mm->world;
	unsigned int lg2 = world->page_lg2 + (from ? 0 : fill->order);
	bool counted = area->kind != PT_MM_MIXEDMAP;
	int err;

	/*
	 * A leaf of level 1 takes the place of a table, not of the entries of one. In MIXEDMAP
	 * leaves of that size are frames that nobody counts.
	 */
	if ((!hole->level || !counted) && lg2 >= world->huge_lg2)
		lg2 = world->huge_lg2 - 1;
	if (lg2 < world->page_lg2)
		lg2 = world->page_lg2;
	for (;; lg2--) {
		pt_pa_t head;

		if (lg2 > world->page_lg2 && !fits(fill, va, lg2))
			continue;
		/*
		 * Linux has no anonymous folios of order 1: include/linux/huge_mm.h,
		 * THP_ORDERS_ALL_ANON. Who asks for them gets them.
		 */
		if (lg2 == world->page_lg2 + 1 && fill->order > 1)
			continue;
		fill->first = ptl_align_down(va, lg2);
		fill->last = ptl_last(va, lg2);
		if (counted)
			err = ptl_anon_alloc(mm, area, fill->first, lg2 - world->page_lg2, 0, !from,
					     &head);
		else
			err = ptl_folio_alloc(mm, world, lg2 - world->page_lg2, 0, true, &head);
		if (!err) {
			if (from)
				ptl_folio_copy(world, head, *from, PTL_BIT(lg2));
			err = map_pages(mm, area, fill, head,
					ptl_leaf_attr(mm, area, area->flags & PT_MM_WRITE),
					lg2 == world->huge_lg2 && lg2 > world->page_lg2, counted);
			if (err)
				ptl_folio_free(world, head);
		}
		if (!err || lg2 == world->page_lg2)
			return err;
	}
}

static int fill_file(struct pt_mm *mm, const struct pt_mm_area *area, const struct ptl_run *hole,
		     pt_va_t va, struct ptl_fill *fill)
{
	struct pt_world *world = mm->world;
	bool shared = !ptl_area_is_private(area);
	unsigned int lg2 = world->huge_lg2;
	struct ptl_page *page;
	pt_pa_t pa, head;
	uint64_t before, size;
	bool entire;
	int fresh = ptl_file_fill(area->file, mm, ptl_area_offset(area, va), &pa), err;

	if (fresh < 0)
		return fresh;
	head = ptl_folio_head(world, pa);
	page = ptl_page_at(world, head);
	if (ptl_page_flags(page) & PTL_PAGE_MOVING)
		return -EBUSY;
	va = ptl_align_down(va, world->page_lg2);
	if (!shared && fill->write) {
		err = fill_own(mm, area, hole, va, fill, &pa);
		return err ? err : fresh;
	}
	size = ptl_page_bytes(world) << ptl_page_order(page);
	before = pa - head;
	fill->first = va - fill->lo < before ? fill->lo : va - before;
	fill->last = fill->hi - fill->first < size - 1 ? fill->hi : fill->first + (size - 1);
	if (fill->last - va > size - before - 1)
		fill->last = va + (size - before - 1);
	entire = lg2 > world->page_lg2 && size >= PTL_BIT(lg2) && hole->level &&
		 ptl_aligned(fill->first, lg2) && fill->last - fill->first == size - 1;
	/* A store is told of page by page, so that the others stay clean. */
	if (shared && fill->write) {
		ptl_page_set(page, PTL_PAGE_DIRTY, 0);
		if (!entire) {
			fill->first = va;
			fill->last = ptl_last(va, world->page_lg2);
		}
	}
	err = map_pages(mm, area, fill, pa - (va - fill->first),
			ptl_leaf_attr(mm, area, shared && fill->write), entire, false);
	return err ? err : fresh;
}

static int fill_huge(struct pt_mm *mm, const struct pt_mm_area *area, pt_va_t va,
		     struct ptl_fill *fill)
{
	struct pt_world *world = mm->world;
	unsigned int lg2 = area->page_lg2;
	bool shared = !ptl_area_is_private(area);
	/* Linux 6.15, mm/hugetlb.c, hugetlb_no_page(): private ones when they are stored to. */
	bool write = area->flags & PT_MM_WRITE && (shared || fill->write);
	pt_pa_t head;
	int fresh, err;

	fill->first = ptl_align_down(va, lg2);
	fill->last = ptl_last(va, lg2);
	if (shared)
		fresh = ptl_file_fill(area->file, mm, ptl_area_offset(area, fill->first), &head);
	else
		fresh = ptl_anon_alloc(mm, area, fill->first, lg2 - world->page_lg2,
				       PTL_PAGE_HUGETLB, true, &head);
	if (fresh < 0)
		return fresh;
	if (ptl_page_flags(ptl_page_at(world, head)) & PTL_PAGE_MOVING)
		return -EBUSY;
	err = put(mm, area, fill, head, ptl_leaf_attr(mm, area, write), lg2);
	if (err) {
		if (!shared)
			ptl_folio_free(world, head);
		return err;
	}
	ptl_map_add(world, head, PTL_BIT(lg2), true);
	if (!shared)
		ptl_set_exclusive(world, head, PTL_BIT(lg2), true, true);
	return fresh;
}

/*
 * A zero page: the huge one where a leaf of level 1 is asked for and fits, and can be had.
 * Source: Linux 6.15, mm/huge_memory.c, do_huge_pmd_anonymous_page(); mm/memory.c,
 * do_anonymous_page().
 */
static int fill_zero(struct pt_mm *mm, const struct pt_mm_area *area, const struct ptl_run *hole,
		     pt_va_t va, struct ptl_fill *fill)
{
	struct pt_world *world = mm->world;
	pt_attr_t attr = ptl_leaf_attr(mm, area, false);
	unsigned int lg2 = world->huge_lg2;

	if (hole->level && world->page_lg2 + fill->order >= lg2 && fits(fill, va, lg2) &&
	    ptl_huge_zero_get(world)) {
		fill->first = ptl_align_down(va, lg2);
		fill->last = ptl_last(va, lg2);
		return put(mm, area, fill, ptl_huge_zero(world), attr, 0);
	}
	fill->first = ptl_align_down(va, world->page_lg2);
	fill->last = ptl_last(va, world->page_lg2);
	return put(mm, area, fill, world->zero_page, attr | world->cfg.soft.attr_special, 0);
}

int ptl_fill(struct pt_mm *mm, const struct pt_mm_area *area, const struct ptl_run *hole,
	     pt_va_t va, struct ptl_fill *fill)
{
	switch (area->kind) {
	case PT_MM_HUGETLB:
		return fill_huge(mm, area, va, fill);
	case PT_MM_FILE:
		return fill_file(mm, area, hole, va, fill);
	case PT_MM_PFNMAP:
		return -ENOENT;
	default:
		break;
	}
	if (fill->write || area->kind == PT_MM_MIXEDMAP)
		return fill_own(mm, area, hole, va, fill, NULL);
	return fill_zero(mm, area, hole, va, fill);
}

static unsigned int hole_level(struct pt_mm *mm, pt_va_t va)
{
	struct ptl_run run;

	ptl_run_at(&run, mm, va);
	return run.level;
}

/* One area; @done counts. */
static int populate_area(struct pt_mm *mm, const struct pt_mm_area *area, pt_va_t first,
			 pt_va_t last, unsigned int order, uint64_t *done)
{
	struct ptl_run run;

	if (area->kind == PT_MM_PFNMAP || !ptl_is_accessible(area))
		return 0;
	for (bool more = ptl_run_start(&run, mm, first, last); more; more = ptl_run_next(&run)) {
		pt_va_t va = run.va;

		if (run.kind != PTL_RUN_HOLE)
			continue;
		for (;;) {
			struct ptl_fill fill = {
				.lo = va,
				.hi = run.last,
				.order = order,
				.write = area->flags & PT_MM_WRITE && ptl_area_is_private(area),
			};
			int err = ptl_fill(mm, area, &run, va, &fill);

			if (err == -ERANGE)
				break; /* beyond the file */
			if (err < 0 && err != -EBUSY && err != -EIO) {
				pt_range_walk_done(&run.walk);
				return err;
			}
			if (err >= 0)
				*done += fill.last - fill.first + 1;
			else /* moves, or is lost: passed over */
				fill.last = ptl_last(va, area->page_lg2 ? area->page_lg2
									: mm->world->page_lg2);
			if (fill.last >= run.last)
				break;
			/* What was a hole in a higher table is now one in a new table. */
			va = fill.last + 1;
			run.level = hole_level(mm, va);
		}
	}
	return 0;
}

int pt_mm_populate(struct pt_mm *mm, pt_va_t va, uint64_t len, unsigned int order, uint64_t *done)
{
	const struct ptl_areas *areas = &mm->areas;
	uint64_t nr = 0;
	pt_va_t last;
	int err = ptl_mm_begin(mm, va, len, true, &last);

	if (done)
		*done = 0;
	if (!err && order + mm->world->page_lg2 > mm->world->huge_lg2)
		err = -EINVAL;
	for (size_t i = ptl_areas_find(areas, va);
	     !err && i < areas->nr && areas->at[i].first <= last; i++) {
		const struct pt_mm_area *area = &areas->at[i];

		err = populate_area(mm, area, area->first > va ? area->first : va,
				    area->last < last ? area->last : last, order, &nr);
	}
	if (done)
		*done = nr;
	return err;
}

int pt_mm_insert_pfn(struct pt_mm *mm, pt_va_t va, uint64_t len, pt_pa_t pa)
{
	const struct pt_mm_area *area;
	pt_attr_t attr;
	pt_va_t last;
	int err = ptl_mm_begin(mm, va, len, true, &last);

	if (err)
		return err;
	area = ptl_area_of(mm, va);
	if ((area->kind != PT_MM_PFNMAP && area->kind != PT_MM_MIXEDMAP) || area->last < last ||
	    !ptl_aligned(pa, mm->world->page_lg2))
		return -EINVAL;
	/* Stores to a private area are to copy. */
	attr = ptl_leaf_attr(mm, area, area->flags & PT_MM_WRITE && !ptl_area_is_private(area)) |
	       mm->world->cfg.soft.attr_special;
	err = ptl_put_leaf(mm, area, va, pa, len, attr, 0, PTL_OVER_HOLES, false);
	return err == -EFAULT ? -ENOMEM : err;
}
