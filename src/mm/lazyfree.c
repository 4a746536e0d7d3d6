/* SPDX-License-Identifier: MIT */
/*
 * MADV_FREE: pages whose content nobody needs, until somebody writes them. They stay mapped, clean,
 * so that a store says so in their entries, and reclaim takes those that it finds clean.
 * Source: Linux 6.15, mm/madvise.c, madvise_free_pte_range(); mm/huge_memory.c,
 * madvise_free_huge_pmd(); mm/rmap.c, try_to_unmap_one().
 */
#include "mm/folios.h"

#include <ptlib/mm_change.h>

/* What an entry says of use, and what goes with it where hardware does not mark stores. */
static pt_attr_t marks(const struct pt_world *world)
{
	return PT_ATTR_ACCESSED | ptl_clean_bits(world);
}

/* These leaves are neither used nor written from now on. */
static void clean(struct ptl_edit *edit, pt_va_t first, pt_va_t last)
{
	struct pt_mm *mm = edit->mm;
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, mm, first, last); more; more = ptl_run_next(&run)) {
		struct pt_change change = ptl_change(edit, 0);
		uint64_t len = run.last - run.va + 1;

		if (!(run.attr & PT_ATTR_ACCESSED) && !ptl_is_dirty(mm->world, run.attr))
			continue;
		PTL_BUG_ON(run.hidden ? pt_soft_hide(mm->pt, run.va, len, 0, marks(mm->world),
						     &change)
				      : pt_protect(mm->pt, run.va, len, 0, marks(mm->world),
						   &change));
	}
}

/* Whether [va, va + len) are leaves of the folio at @head, from its first byte on. */
static bool maps_all(struct pt_mm *mm, pt_va_t va, pt_pa_t head, uint64_t len)
{
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, mm, va, va + (len - 1)); more;
	     more = ptl_run_next(&run)) {
		if (run.kind != PTL_RUN_LEAF || run.pa != head + (run.va - va)) {
			pt_range_walk_done(&run.walk);
			return false;
		}
	}
	return true;
}

static int is_other(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
		    const struct ptl_run *run, const struct ptl_piece *piece)
{
	(void)area;
	(void)run;
	(void)piece;
	return mm != ctx;
}

/*
 * The folio that @piece begins in, up to @last. Returns the last byte that was dealt with, or the
 * one before @piece if it became smaller folios.
 */
static pt_va_t give_up_folio(struct ptl_edit *edit, const struct ptl_run *run,
			     const struct ptl_piece *piece, pt_va_t last)
{
	struct pt_world *world = edit->mm->world;
	pt_pa_t head = ptl_folio_head(world, piece->pa);
	uint64_t len = ptl_page_bytes(world) << ptl_page_order(piece->head);
	unsigned int flags = ptl_page_flags(piece->head);
	bool whole = piece->pa == head && last - piece->va >= len - 1 &&
		     maps_all(edit->mm, piece->va, head, len);

	if (!(flags & PTL_PAGE_ANON) || piece->head->pins)
		return piece->last;
	if ((!whole || run->level) && ptl_rmap(world, head, is_other, edit->mm))
		return piece->last;
	if (!whole) {
		/* By changes of their own, in all who map it: what changed here is flushed first. */
		pt_gather_finish(&edit->gather);
		return ptl_split_folio(world, head) ? piece->last : piece->va - 1;
	}
	/* That a page was written is remembered for all who map it. */
	if (flags & PTL_PAGE_DIRTY &&
	    atomic_load_explicit(&piece->head->total, memory_order_relaxed) !=
		    (piece->entire ? 1 : len >> world->page_lg2))
		return piece->va + (len - 1);
	clean(edit, piece->va, piece->va + (len - 1));
	ptl_page_set(piece->head, PTL_PAGE_LAZY, PTL_PAGE_DIRTY);
	return piece->va + (len - 1);
}

/* What a word stands for is nothing to wait for. Guards stay, and what is on its way. */
static bool goes_at_once(const struct pt_soft *soft)
{
	return soft->kind == PT_SOFT_SWAP || soft->kind == PT_SOFT_HWPOISON ||
	       (soft->kind == PT_SOFT_MARKER && soft->markers & PT_SOFT_MARKER_POISONED);
}

/* What stands at @va, up to @last, in one area. Returns what was dealt with, as above. */
static pt_va_t give_up(struct ptl_edit *edit, pt_va_t va, pt_va_t last)
{
	struct ptl_piece piece;
	struct ptl_run run;

	PTL_BUG_ON(!ptl_run_start(&run, edit->mm, va, last));
	pt_range_walk_done(&run.walk);
	if (run.kind == PTL_RUN_SOFT && goes_at_once(&run.soft))
		ptl_zap(edit, run.va, run.last, false);
	if (run.kind != PTL_RUN_LEAF)
		return run.last;
	for (;; va = piece.last + 1) {
		pt_va_t done;

		piece = ptl_piece_at(&run, va);
		if (!piece.counted)
			done = piece.last;
		else
			done = give_up_folio(edit, &run, &piece, last);
		if (done < piece.va || done >= run.last)
			return done;
		piece.last = done;
	}
}

int pt_mm_lazyfree(struct pt_mm *mm, pt_va_t va, uint64_t len)
{
	const struct ptl_areas *areas = &mm->areas;
	struct ptl_edit edit;
	pt_va_t last;
	int err = ptl_mm_begin(mm, va, len, true, &last);

	if (err)
		return err;
	if (!ptl_areas_are(areas, va, last, 1u << PT_MM_ANON, PT_MM_LOCKED, 0))
		return -EINVAL;
	ptl_edit_begin(&edit, mm);
	for (size_t i = ptl_areas_find(areas, va); i < areas->nr && areas->at[i].first <= last;
	     i++) {
		const struct pt_mm_area part = ptl_area_part(&areas->at[i], va, last);

		for (pt_va_t done = part.first - 1; done != part.last;)
			done = give_up(&edit, done + 1, part.last);
		ptl_edit_end_area(&edit, false);
	}
	ptl_edit_end(&edit);
	return 0;
}

static int is_written(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
		      const struct ptl_run *run, const struct ptl_piece *piece)
{
	(void)ctx;
	(void)area;
	(void)piece;
	return ptl_is_dirty(mm->world, run->attr);
}

/* The word that holds the place of a leaf goes, and its mapping. */
static int drop_word(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
		     const struct ptl_run *run, const struct ptl_piece *piece)
{
	struct pt_change change = { 0 };

	(void)ctx;
	(void)area;
	PTL_BUG_ON(pt_unmap(mm->pt, run->va, run->last - run->va + 1, &change));
	ptl_map_del(mm->world, piece->pa, piece->last - piece->va + 1, piece->entire);
	return 0;
}

int64_t ptl_discard(struct ptl_folios *folios, pt_pa_t head)
{
	struct pt_world *world = folios->mm->world;
	struct ptl_page *page = ptl_page_at(world, head);
	int64_t len = 0;

	if (!(ptl_page_flags(page) & PTL_PAGE_DIRTY) && !ptl_rmap(world, head, is_written, NULL)) {
		/* No store comes after these words; one that came before them they tell of. */
		len = ptl_move_begin(world, head);
		if (len < 0)
			return len;
	}
	if (len && !(ptl_page_flags(page) & PTL_PAGE_DIRTY)) {
		PTL_BUG_ON(ptl_rmap(world, head, drop_word, NULL));
		ptl_page_set(page, 0, PTL_PAGE_MOVING);
		page->pins--;
		ptl_folio_free(world, head);
		return len;
	}
	if (len)
		ptl_move_stay(world, head);
	ptl_page_set(page, 0, PTL_PAGE_LAZY);
	return 0;
}
