/* SPDX-License-Identifier: MIT */
/* The folios of a range, one after the other; and words in place of their leaves. */
#include "mm/folios.h"

#include <ptlib/mm_change.h>

/* The next folio from @va on, and where to go on. False: no more. */
static bool next_folio(const struct ptl_folios *folios, pt_va_t *va, pt_va_t last, pt_pa_t *head)
{
	struct pt_world *world = folios->mm->world;
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, folios->mm, *va, last); more;
	     more = ptl_run_next(&run)) {
		struct ptl_piece piece = { 0 };
		pt_va_t at = run.va;

		if (run.kind == PTL_RUN_HOLE)
			continue;
		do {
			if (run.kind == PTL_RUN_LEAF)
				piece = ptl_piece_at(&run, at);
			else if (!ptl_soft_page(&run, &piece))
				piece.last = run.last;
			at = piece.last + 1;
			if (piece.head && piece.counted &&
			    folios->moving == !!(ptl_page_flags(piece.head) & PTL_PAGE_MOVING)) {
				pt_range_walk_done(&run.walk);
				*va = at;
				*head = ptl_folio_head(world, piece.pa);
				return true;
			}
		} while (piece.last < run.last);
	}
	return false;
}

static int visit_area(struct ptl_folios *folios, pt_va_t va, pt_va_t last, uint64_t *done)
{
	pt_pa_t head;

	while (next_folio(folios, &va, last, &head)) {
		int64_t len = folios->folio(folios, head);

		if (len < 0)
			return (int)len;
		*done += (uint64_t)len;
		if (va - 1 >= last)
			break;
	}
	return 0;
}

int ptl_for_each_folio(struct ptl_folios *folios, pt_va_t va, uint64_t len, uint64_t *done)
{
	const struct ptl_areas *areas = &folios->mm->areas;
	uint64_t nr = 0;
	pt_va_t last;
	int err = ptl_mm_begin(folios->mm, va, len, true, &last);

	for (size_t i = ptl_areas_find(areas, va);
	     !err && i < areas->nr && areas->at[i].first <= last; i++) {
		const struct pt_mm_area *area = &areas->at[i];

		if (!folios->locked_too && area->flags & PT_MM_LOCKED)
			continue;
		err = visit_area(folios, area->first > va ? area->first : va,
				 area->last < last ? area->last : last, &nr);
	}
	if (done)
		*done = nr;
	return err;
}

int ptl_go_over(struct ptl_folios *folios, pt_va_t va, uint64_t len, uint64_t *done)
{
	uint64_t sum = 0, nr;
	int err;

	do {
		folios->again = false;
		err = ptl_for_each_folio(folios, va, len, &nr);
		sum += nr;
	} while (!err && folios->again);
	if (done)
		*done = sum;
	return err;
}

void ptl_set_words(struct ptl_edit *edit, const struct ptl_run *run, const struct ptl_piece *piece,
		   const struct pt_soft *soft)
{
	bool huge = ptl_page_flags(piece->head) & PTL_PAGE_HUGETLB;
	struct pt_change change = ptl_change(edit, PT_CHANGE_INHERIT | (huge ? PT_CHANGE_SAME : 0));

	PTL_BUG_ON(pt_soft_set(edit->mm->pt, piece->va, piece->last - piece->va + 1, run->level,
			       soft, &change));
	/* Whatever word stands there now: the page knows that it was written. */
	if (ptl_is_dirty(edit->mm->world, run->attr | change.was))
		ptl_page_set(piece->head, PTL_PAGE_DIRTY, 0);
}
