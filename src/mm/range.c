/* SPDX-License-Identifier: MIT */
/* Ranges that go, and ranges whose rights change. */
#include "mm/edit.h"

#include <ptlib/mm_change.h>

static void zap_run(struct ptl_edit *edit, const struct ptl_run *run)
{
	struct pt_world *world = edit->mm->world;
	struct ptl_piece piece;
	pt_va_t va = run->va;

	if (run->kind == PTL_RUN_LEAF) {
		do {
			piece = ptl_piece_at(run, va);
			if (piece.counted)
				ptl_edit_drop(edit, piece.pa, piece.last - piece.va + 1,
					      piece.entire);
			va = piece.last + 1;
		} while (piece.last < run->last);
	} else if (run->kind == PTL_RUN_SOFT && run->soft.kind == PT_SOFT_SWAP) {
		ptl_swap_put(ptl_swap_of(world, run->soft.type), run->soft.offset);
	} else if (run->kind == PTL_RUN_SOFT && ptl_soft_page(run, &piece)) {
		if (piece.counted)
			ptl_edit_drop(edit, piece.pa, piece.last - piece.va + 1, piece.entire);
	}
}

void ptl_zap(struct ptl_edit *edit, pt_va_t first, pt_va_t last, bool free_tables)
{
	struct pt_change change = ptl_change(edit, free_tables ? PT_CHANGE_FREE_TABLES : 0);
	struct ptl_run run;
	int err;

	for (bool more = ptl_run_start(&run, edit->mm, first, last); more;
	     more = ptl_run_next(&run))
		zap_run(edit, &run);
	err = pt_unmap(edit->mm->pt, first, last - first + 1, &change);
	PTL_BUG_ON(err);
}

struct pt_mm_area ptl_area_part(const struct pt_mm_area *area, pt_va_t first, pt_va_t last)
{
	struct pt_mm_area part = *area;

	if (part.first < first) {
		part.offset += first - part.first;
		part.first = first;
	}
	if (part.last > last)
		part.last = last;
	return part;
}

void ptl_zap_range(struct ptl_edit *edit, pt_va_t first, pt_va_t last, bool free_tables)
{
	const struct ptl_areas *areas = &edit->mm->areas;

	for (size_t i = ptl_areas_find(areas, first); i < areas->nr && areas->at[i].first <= last;
	     i++) {
		struct pt_mm_area part = ptl_area_part(&areas->at[i], first, last);

		ptl_zap(edit, part.first, part.last, free_tables);
		ptl_edit_end_area(edit, free_tables);
	}
}

/* What every call of mm_change.h on a range begins with. */
int ptl_mm_begin(struct pt_mm *mm, pt_va_t va, uint64_t len, bool covered, pt_va_t *last)
{
	int err = ptl_mm_range(mm, va, len, last);

	if (err)
		return err;
	if (covered && !ptl_areas_cover(&mm->areas, va, *last))
		return -ENOENT;
	return ptl_huge_aligned(mm, va, *last) ? 0 : -EINVAL;
}

int pt_mm_unmap(struct pt_mm *mm, pt_va_t va, uint64_t len)
{
	struct ptl_edit edit;
	size_t i = 0, end = 0;
	pt_va_t last;
	int err = ptl_mm_begin(mm, va, len, false, &last);

	if (!err)
		err = ptl_areas_reserve(&mm->areas, 2);
	if (err)
		return err;
	ptl_edit_begin(&edit, mm);
	err = ptl_split_ends(&edit, va, last);
	if (!err) {
		ptl_areas_isolate(&mm->areas, va, last, &i, &end);
		ptl_zap_range(&edit, va, last, true);
	}
	ptl_edit_end(&edit);
	/* After the flush: an area may be the last to have a file, whose pages go with it. */
	ptl_areas_remove(&mm->areas, i, end - i);
	return err;
}

/* Whether userfaultfd has marked it. */
static bool is_marked(const struct pt_world *world, const struct ptl_run *run)
{
	if (run->kind == PTL_RUN_LEAF)
		return run->attr & world->cfg.soft.attr_uffd_wp;
	return run->kind == PTL_RUN_SOFT && run->soft.flags & PT_SOFT_UFFD_WP;
}

static bool is_marker(const struct ptl_run *run, unsigned int markers)
{
	return run->kind == PTL_RUN_SOFT && run->soft.kind == PT_SOFT_MARKER &&
	       run->soft.markers == markers;
}

/* Source: Linux 6.15, mm/memory.c, zap_nonpresent_ptes() and zap_install_uffd_wp_if_needed(). */
static void zap_but_marks(struct ptl_edit *edit, const struct pt_mm_area *part)
{
	const struct pt_soft mark = { .kind = PT_SOFT_MARKER, .markers = PT_SOFT_MARKER_UFFD_WP };
	struct pt_mm *mm = edit->mm;
	bool marks = part->kind != PT_MM_ANON && part->flags & PT_MM_UFFD_WP &&
		     mm->world->cfg.soft.markers & PT_SOFT_MARKER_UFFD_WP;
	pt_va_t from = part->first;
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, mm, part->first, part->last); more;
	     more = ptl_run_next(&run)) {
		bool marked = marks && is_marked(mm->world, &run);

		if (!marked && !is_marker(&run, PT_SOFT_MARKER_GUARD) &&
		    !(marks && is_marker(&run, PT_SOFT_MARKER_UFFD_WP)))
			continue;
		if (from < run.va)
			ptl_zap(edit, from, run.va - 1, false);
		if (marked) {
			zap_run(edit, &run);
			ptl_soft_rewrite(edit, &run, &mark);
		}
		from = run.last + 1;
	}
	if (part->last - from < part->last - part->first + 1)
		ptl_zap(edit, from, part->last, false);
}

/* @fn on what of each area is in the range; leaves do not cross its ends then. */
static int change_parts(struct pt_mm *mm, pt_va_t va, uint64_t len,
			void (*fn)(struct ptl_edit *edit, const struct pt_mm_area *part))
{
	struct ptl_edit edit;
	pt_va_t last;
	int err = ptl_mm_begin(mm, va, len, true, &last);

	if (err)
		return err;
	ptl_edit_begin(&edit, mm);
	err = ptl_split_ends(&edit, va, last);
	for (size_t i = ptl_areas_find(&mm->areas, va);
	     !err && i < mm->areas.nr && mm->areas.at[i].first <= last; i++) {
		const struct pt_mm_area part = ptl_area_part(&mm->areas.at[i], va, last);

		fn(&edit, &part);
		ptl_edit_end_area(&edit, false);
	}
	ptl_edit_end(&edit);
	return err;
}

int pt_mm_zap(struct pt_mm *mm, pt_va_t va, uint64_t len)
{
	return change_parts(mm, va, len, zap_but_marks);
}

/* Stores to this page need not be told of. */
static bool may_write(const struct pt_mm *mm, const struct pt_mm_area *area,
		      const struct ptl_run *run, const struct ptl_piece *piece)
{
	const struct pt_world *world = mm->world;

	if (!(area->flags & PT_MM_WRITE) || run->attr & world->cfg.soft.attr_uffd_wp)
		return false;
	if (!piece->head) /* frames of a device; private areas copy them, as the zero page */
		return !ptl_area_is_private(area);
	if (world->cfg.soft.attr_soft_dirty && !(area->flags & PT_MM_SOFT_DIRTY) &&
	    !(run->attr & world->cfg.soft.attr_soft_dirty))
		return false;
	if (!ptl_is_dirty(world, run->attr))
		return false;
	if (!ptl_area_is_private(area))
		return true;
	return ptl_page_flags(piece->head) & PTL_PAGE_ANON &&
	       ptl_is_exclusive(mm->world, piece->pa);
}

static void allow_writes(struct ptl_edit *edit, const struct pt_mm_area *area, pt_va_t first,
			 pt_va_t last)
{
	struct pt_mm *mm = edit->mm;
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, mm, first, last); more; more = ptl_run_next(&run)) {
		pt_va_t va = run.va;
		struct ptl_piece piece;

		if (run.kind != PTL_RUN_LEAF || run.hidden || run.attr & PT_ATTR_WRITE)
			continue;
		do {
			struct pt_change change = ptl_change(edit, PT_CHANGE_SKIP_HOLES);

			piece = ptl_piece_at(&run, va);
			/*
			 * A page's worth at least has been looked at;
			 * parts of hugetlb count as it.
			 */
			if (may_write(mm, area, &run, &piece))
				PTL_BUG_ON(pt_protect(mm->pt, va, piece.last - va + 1,
						      PT_ATTR_WRITE | PT_ATTR_DIRTY, 0, &change));
			va = piece.last + 1;
		} while (piece.last < run.last);
	}
}

/* Words that will become leaves forget that they may be written. */
static void forget_writes(struct ptl_edit *edit, pt_va_t first, pt_va_t last)
{
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, edit->mm, first, last); more;
	     more = ptl_run_next(&run))
		if (run.kind == PTL_RUN_SOFT)
			ptl_soft_wrprotect(edit, &run, false);
}

static void protect_area(struct ptl_edit *edit, const struct pt_mm_area *area, pt_va_t first,
			 pt_va_t last)
{
	struct pt_mm *mm = edit->mm;
	struct pt_change change = ptl_change(edit, PT_CHANGE_SKIP_HOLES);
	pt_attr_t set = PT_ATTR_KEY(area->key) | (area->flags & PT_MM_EXEC ? PT_ATTR_EXEC : 0);
	pt_attr_t keys = mm->world->info.attrs & PT_ATTR_KEY_MASK;
	pt_attr_t clear = (PT_ATTR_EXEC | keys) & ~set;

	forget_writes(edit, first, last);
	if (!ptl_is_accessible(area)) {
		change.flags |= ptl_hide_flags(area);
		PTL_BUG_ON(pt_soft_hide(mm->pt, first, last - first + 1, set, PT_ATTR_WRITE | clear,
					&change));
		return;
	}
	if (!(area->flags & PT_MM_WRITE))
		clear |= PT_ATTR_WRITE;
	PTL_BUG_ON(pt_soft_show(mm->pt, first, last - first + 1, set, clear, &change));
	PTL_BUG_ON(pt_protect(mm->pt, first, last - first + 1, set, clear, &change));
	if (area->flags & PT_MM_WRITE)
		allow_writes(edit, area, first, last);
}

/* @key: NULL: areas keep theirs. */
static int protect_areas(struct pt_mm *mm, pt_va_t va, uint64_t len, unsigned int prot,
			 const unsigned int *key)
{
	struct ptl_edit edit;
	size_t i, end;
	pt_va_t last;
	int err = prot & ~PT_MM_PROT ? -EINVAL : ptl_mm_begin(mm, va, len, true, &last);

	if (!err)
		err = ptl_areas_reserve(&mm->areas, 2);
	if (err)
		return err;
	ptl_edit_begin(&edit, mm);
	err = ptl_split_ends(&edit, va, last);
	if (!err) {
		ptl_areas_isolate(&mm->areas, va, last, &i, &end);
		for (size_t k = i; k < end; k++) {
			struct pt_mm_area *area = &mm->areas.at[k];

			area->flags = (area->flags & ~PT_MM_PROT) | prot;
			if (key)
				area->key = *key;
			protect_area(&edit, area, area->first, area->last);
			ptl_edit_end_area(&edit, true);
		}
		ptl_areas_merge(&mm->areas, i, end);
	}
	ptl_edit_end(&edit);
	return err;
}

int pt_mm_protect(struct pt_mm *mm, pt_va_t va, uint64_t len, unsigned int prot)
{
	return protect_areas(mm, va, len, prot, NULL);
}

int pt_mm_pkey_protect(struct pt_mm *mm, pt_va_t va, uint64_t len, unsigned int prot,
		       unsigned int key)
{
	return ptl_has_key(mm->world, key) ? protect_areas(mm, va, len, prot, &key) : -EINVAL;
}

int pt_mm_set_flags(struct pt_mm *mm, pt_va_t va, uint64_t len, unsigned int set,
		    unsigned int clear)
{
	const unsigned int fixed = PT_MM_PROT | PT_MM_SHARED;
	struct ptl_areas *areas = &mm->areas;
	struct ptl_edit edit;
	size_t i, end;
	pt_va_t last;
	int err = (set | clear) & (fixed | ~PT_MM_FLAGS) ? -EINVAL
							 : ptl_mm_begin(mm, va, len, true, &last);

	if (!err)
		err = ptl_areas_reserve(areas, 2);
	if (err)
		return err;
	/* No leaf is of two areas. */
	ptl_edit_begin(&edit, mm);
	err = ptl_split_ends(&edit, va, last);
	ptl_edit_end(&edit);
	if (err)
		return err;
	ptl_areas_isolate(areas, va, last, &i, &end);
	for (size_t k = i; k < end; k++)
		areas->at[k].flags = (areas->at[k].flags & ~clear) | set;
	ptl_areas_merge(areas, i, end);
	return 0;
}

/*
 * As Linux: what a process shares or cannot use tells nothing of where it runs, nor do zero pages.
 * But the words keep their area's key, which Linux's have not until they are shown again.
 * Source: Linux 6.15, mm/mprotect.c, change_pte_range(); mm/huge_memory.c, change_huge_pmd().
 */
static void hint_part(struct ptl_edit *edit, const struct pt_mm_area *part)
{
	struct pt_mm *mm = edit->mm;
	struct ptl_run run;

	if ((part->kind != PT_MM_ANON && part->kind != PT_MM_FILE) || !ptl_area_is_private(part) ||
	    !ptl_is_accessible(part))
		return;
	for (bool more = ptl_run_start(&run, mm, part->first, part->last); more;
	     more = ptl_run_next(&run)) {
		pt_va_t va = run.va;
		struct ptl_piece piece;

		if (run.kind != PTL_RUN_LEAF || run.hidden)
			continue;
		do {
			struct pt_change change = ptl_change(edit, 0);

			piece = ptl_piece_at(&run, va);
			if (piece.counted)
				PTL_BUG_ON(pt_soft_hide(mm->pt, va, piece.last - va + 1, 0,
							PT_ATTR_WRITE | PT_ATTR_EXEC, &change));
			va = piece.last + 1;
		} while (piece.last < run.last);
	}
}

int pt_mm_numa_hint(struct pt_mm *mm, pt_va_t va, uint64_t len)
{
	return change_parts(mm, va, len, hint_part);
}
