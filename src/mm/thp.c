/* SPDX-License-Identifier: MIT */
/* Leaves of level 1 out of pages, and pages out of large folios. */
#include "mm/folios.h"

struct look {
	uint64_t nr; /* pages there */
	bool can;
};

/* What stands in [first, last]: pages that only this address space maps, the zero page, holes. */
static struct look look_at(struct pt_mm *mm, pt_va_t first, pt_va_t last)
{
	struct pt_world *world = mm->world;
	struct look look = { .can = true };
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, mm, first, last); more && look.can;
	     more = ptl_run_next(&run)) {
		pt_va_t va = run.va;
		struct ptl_piece piece;

		if (run.kind == PTL_RUN_HOLE)
			continue;
		if (run.kind == PTL_RUN_SOFT || run.hidden || run.level ||
		    run.attr & world->cfg.soft.attr_uffd_wp) {
			look.can = false;
			break;
		}
		do {
			piece = ptl_piece_at(&run, va);
			for (uint64_t at = 0; piece.counted && at < piece.last - piece.va + 1;
			     at += ptl_page_bytes(world)) {
				look.nr++;
				look.can &= ptl_page_flags(piece.head) & PTL_PAGE_ANON &&
					    !piece.head->pins &&
					    ptl_page_mapcount(world, piece.pa + at) == 1;
			}
			va = piece.last + 1;
		} while (piece.last < run.last);
	}
	pt_range_walk_done(&run.walk);
	look.can &= look.nr > 0;
	return look;
}

static void copy_pages(struct pt_mm *mm, struct ptl_edit *edit, pt_va_t first, pt_va_t last,
		       pt_pa_t to, bool drop)
{
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, mm, first, last); more; more = ptl_run_next(&run)) {
		pt_va_t va = run.va;
		struct ptl_piece piece;

		if (run.kind != PTL_RUN_LEAF)
			continue;
		do {
			piece = ptl_piece_at(&run, va);
			if (piece.counted && drop)
				ptl_edit_drop(edit, piece.pa, piece.last - piece.va + 1, false);
			else if (piece.counted)
				ptl_folio_copy(mm->world, to + (piece.va - first), piece.pa,
					       piece.last - piece.va + 1);
			va = piece.last + 1;
		} while (piece.last < run.last);
	}
}

static int collapse_block(struct pt_mm *mm, const struct pt_mm_area *area, pt_va_t first)
{
	struct pt_world *world = mm->world;
	uint64_t len = PTL_BIT(world->huge_lg2);
	pt_va_t last = first + (len - 1);
	struct pt_change change;
	struct ptl_edit edit;
	pt_attr_t attr;
	pt_pa_t head;

	if (ptl_anon_alloc(mm, area, first, world->huge_lg2 - world->page_lg2, 0, true, &head))
		return -ENOMEM;
	ptl_edit_begin(&edit, mm);
	/* No stores from here on: the pages are hidden, flushed, and then copied. */
	change = ptl_change(&edit, PT_CHANGE_SKIP_HOLES);
	PTL_BUG_ON(pt_soft_hide(mm->pt, first, len, 0, 0, &change));
	pt_gather_finish(&edit.gather);
	copy_pages(mm, &edit, first, last, head, false);
	copy_pages(mm, &edit, first, last, head, true);
	change = ptl_change(&edit, 0);
	PTL_BUG_ON(pt_unmap(mm->pt, first, len, &change));
	/* The table is there; only pages fit into it, and then it becomes a leaf. */
	attr = ptl_leaf_attr(mm, area, true);
	if (!(area->flags & PT_MM_WRITE))
		attr &= ~PT_ATTR_WRITE;
	PTL_BUG_ON(ptl_put_leaf(mm, area, first, head, len, attr, world->page_lg2, PTL_OVER_HOLES,
				false));
	change = ptl_change(&edit, PT_CHANGE_NO_CONTIG);
	PTL_BUG_ON(pt_collapse(mm->pt, first, len, 1, &change));
	ptl_map_add(world, head, len, true);
	ptl_set_exclusive(world, head, len, true, true);
	ptl_edit_end(&edit);
	return 0;
}

int pt_mm_collapse(struct pt_mm *mm, pt_va_t va, uint64_t len, uint64_t *done)
{
	struct pt_world *world = mm->world;
	const struct ptl_areas *areas = &mm->areas;
	uint64_t size = PTL_BIT(world->huge_lg2), nr = 0;
	pt_va_t last;
	int err = ptl_mm_begin(mm, va, len, true, &last);

	for (size_t i = ptl_areas_find(areas, va);
	     !err && i < areas->nr && areas->at[i].first <= last; i++) {
		const struct pt_mm_area *area = &areas->at[i];
		pt_va_t lo = area->first > va ? area->first : va;
		pt_va_t hi = area->last < last ? area->last : last;

		if (area->kind != PT_MM_ANON || !ptl_is_accessible(area) ||
		    world->huge_lg2 == world->page_lg2)
			continue;
		for (pt_va_t at = ptl_last(lo - 1, world->huge_lg2) + 1;
		     !err && at <= hi && hi - at >= size - 1; at += size) {
			if (!look_at(mm, at, at + (size - 1)).can)
				continue;
			err = collapse_block(mm, area, at);
			if (!err)
				nr += size;
		}
	}
	if (done)
		*done = nr;
	return err;
}

static int64_t split_one(struct ptl_folios *folios, pt_pa_t head)
{
	struct pt_world *world = folios->mm->world;
	struct ptl_page *page = ptl_page_at(world, head);
	uint64_t len = ptl_page_bytes(world) << ptl_page_order(page);

	if (!ptl_page_order(page) || page->pins ||
	    (ptl_page_flags(page) & (PTL_PAGE_ANON | PTL_PAGE_HUGETLB)) != PTL_PAGE_ANON)
		return 0;
	return ptl_split_folio(world, head) ? -ENOMEM : (int64_t)len;
}

int pt_mm_split(struct pt_mm *mm, pt_va_t va, uint64_t len, uint64_t *done)
{
	struct ptl_folios folios = { .folio = split_one, .mm = mm, .locked_too = true };

	return ptl_for_each_folio(&folios, va, len, done);
}
