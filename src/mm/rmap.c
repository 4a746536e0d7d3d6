/* SPDX-License-Identifier: MIT */
/*
 * Who maps a folio: every area of every address space that its offset could be in is looked
 * at. Linux keeps trees for that; here a world has few address spaces, and a list that
 * cannot be wrong is worth more.
 */
#include "mm/edit.h"

static bool may_map(const struct pt_mm_area *area, const struct ptl_page *head)
{
	if (ptl_page_flags(head) & PTL_PAGE_ANON)
		return ptl_area_is_private(area);
	return area->file && area->file == atomic_load_explicit(&head->file, memory_order_relaxed);
}

/* Where [offset, offset + len) of the folio's offsets is in @area. */
static bool find_range(const struct pt_mm_area *area, uint64_t offset, uint64_t len, pt_va_t *first,
		       pt_va_t *last)
{
	uint64_t area_last = area->offset + (area->last - area->first);

	if (offset > area_last || offset + (len - 1) < area->offset)
		return false;
	*first = area->first + (offset > area->offset ? offset - area->offset : 0);
	*last = offset + (len - 1) < area_last ? area->first + (offset + (len - 1) - area->offset)
					       : area->last;
	return true;
}

static int visit_run(pt_pa_t head, uint64_t len, struct ptl_run *run, const struct pt_mm_area *area,
		     ptl_rmap_fn fn, void *ctx)
{
	struct ptl_piece piece;
	pt_va_t va = run->va;
	int err = 0;

	if (run->kind == PTL_RUN_HOLE)
		return 0;
	if (run->kind == PTL_RUN_SOFT) {
		if (!ptl_soft_page(run, &piece) || piece.pa - head >= len)
			return 0;
		return fn(ctx, run->mm, area, run, &piece);
	}
	do {
		piece = ptl_piece_at(run, va);
		if (piece.head && piece.pa - head < len)
			err = fn(ctx, run->mm, area, run, &piece);
		va = piece.last + 1;
	} while (!err && piece.last < run->last);
	return err;
}

int ptl_rmap(struct pt_world *world, pt_pa_t head, ptl_rmap_fn fn, void *ctx)
{
	struct ptl_page *page = ptl_page_at(world, head);
	uint64_t len = ptl_page_bytes(world) << ptl_page_order(page);
	uint64_t offset = atomic_load_explicit(&page->offset, memory_order_relaxed);

	for (struct pt_mm *mm = world->mms; mm; mm = mm->next) {
		for (size_t i = 0; i < mm->areas.nr; i++) {
			const struct pt_mm_area *area = &mm->areas.at[i];
			pt_va_t first, last;
			struct ptl_run run;

			if (!may_map(area, page) || !find_range(area, offset, len, &first, &last))
				continue;
			for (bool more = ptl_run_start(&run, mm, first, last); more;
			     more = ptl_run_next(&run)) {
				int err = visit_run(head, len, &run, area, fn, ctx);

				if (err) {
					pt_range_walk_done(&run.walk);
					return err;
				}
			}
		}
	}
	return 0;
}

static int split_mapping(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
			 const struct ptl_run *run, const struct ptl_piece *piece)
{
	struct ptl_edit edit;
	int err;

	(void)ctx;
	(void)area;
	if (!run->level || !piece->counted)
		return 0;
	ptl_edit_begin(&edit, mm);
	err = ptl_split_entry(&edit, piece->va);
	ptl_edit_end(&edit);
	return err;
}

int ptl_rmap_split(struct pt_world *world, pt_pa_t head)
{
	return ptl_rmap(world, head, split_mapping, NULL);
}
