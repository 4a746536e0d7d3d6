/* SPDX-License-Identifier: MIT */
/* mremap(): leaves and words of a range, at another place. */
#include "mm/edit.h"

#include <ptlib/mm_change.h>

struct move {
	struct ptl_edit edit;
	struct pt_mm *mm;
	pt_va_t va, last, to;
};

static pt_va_t there(const struct move *move, pt_va_t va)
{
	return move->to + (va - move->va);
}

/* Leaves of level 1 whose new place is not aligned for them become pages, or go. */
static int split_misfits(struct move *move)
{
	unsigned int lg2 = move->mm->world->huge_lg2;

	for (pt_va_t va = move->va; !ptl_aligned(move->to ^ move->va, lg2);
	     va = ptl_last(va, lg2) + 1) {
		const struct pt_mm_area *area = ptl_area_of(move->mm, va);
		struct ptl_run run;
		int err = 0;

		ptl_run_at(&run, move->mm, va);
		if (run.level && run.kind != PTL_RUN_HOLE && area->kind == PT_MM_HUGETLB)
			err = 0;
		else if (run.level == 1 && run.kind != PTL_RUN_HOLE && area->kind != PT_MM_PFNMAP)
			err = ptl_cut_entry(&move->edit, va);
		if (err)
			return err;
		if (ptl_last(va, lg2) >= move->last)
			break;
	}
	return 0;
}

/* Tables for everything at the new place. */
static int make_tables(struct move *move)
{
	const struct pt_format_info *info = &move->mm->world->info;
	struct pt_pgtable *pt = move->mm->pt;
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, move->mm, move->va, move->last); more;
	     more = ptl_run_next(&run)) {
		struct pt_change change = ptl_change(&move->edit, 0);
		unsigned int level = run.level;

		/* What nobody counts was not split: it becomes leaves that fit. */
		while (level && !ptl_aligned(move->to ^ move->va, info->leaf_lg2[level]))
			level--;
		/* The top table is always there. */
		if (run.kind == PTL_RUN_HOLE || level + 1 == info->nr_levels)
			continue;
		if (pt_populate(pt, ptl_align_down(there(move, run.va), info->leaf_lg2[level]),
				run.last - run.va + 1, level, &change)) {
			pt_range_walk_done(&run.walk);
			return -ENOMEM;
		}
	}
	return 0;
}

/* No table stays where no area is: a large leaf that comes there would be put as its pages. */
static void free_tables(struct move *move, pt_va_t va)
{
	struct pt_change change = ptl_change(&move->edit, PT_CHANGE_FREE_TABLES);

	PTL_BUG_ON(pt_unmap(move->mm->pt, va, move->last - move->va + 1, &change));
}

/* Whether [@first, @va) is free of areas. */
static bool is_free(const struct pt_mm *mm, pt_va_t first, pt_va_t va)
{
	const struct pt_mm_area *area = pt_mm_area_at(mm, first);

	return !area || area->first >= va;
}

/*
 * Whether Linux moves what an entry of @level covers, around @va, as one table: all of it is in
 * @area, here and there. At level 1 it may begin before the area does, if nothing else is there.
 * Source: Linux 6.15, mm/mremap.c, move_page_tables(), try_realign_addr().
 */
static bool moves_as_table(const struct move *move, const struct pt_mm_area *area, pt_va_t va,
			   unsigned int level)
{
	const struct pt_format_info *info = &move->mm->world->info;
	pt_va_t first;

	if (level + 1 >= info->nr_levels ||
	    !ptl_aligned(move->to ^ move->va, info->leaf_lg2[level]))
		return false;
	first = ptl_align_down(va, info->leaf_lg2[level]);
	if (ptl_last(va, info->leaf_lg2[level]) > area->last)
		return false;
	return first >= area->first ||
	       (level == 1 && is_free(move->mm, first, area->first) &&
		is_free(move->mm, there(move, first), there(move, area->first)));
}

/*
 * Linux 6.15: move_soft_dirty_pte() and its like mark whatever is moved entry by entry, but
 * move_huge_pte() and move_huge_pud() nothing; nor is anything marked in a table that moves.
 */
static bool is_marked(const struct move *move, const struct pt_mm_area *area,
		      const struct ptl_run *run)
{
	if (area->kind == PT_MM_HUGETLB || run->level > 1)
		return false;
	return !(run->level == 0 && moves_as_table(move, area, run->va, 1)) &&
	       !moves_as_table(move, area, run->va, 2);
}

static void move_run(struct move *move, const struct pt_mm_area *area, const struct ptl_run *run)
{
	struct pt_mm *mm = move->mm;
	struct pt_change change = ptl_change(&move->edit, 0);
	uint64_t len = run->last - run->va + 1;
	pt_va_t to = there(move, run->va);
	const bool marked = is_marked(move, area, run);
	struct pt_soft soft = run->soft;
	pt_attr_t attr = run->attr | (marked ? mm->world->cfg.soft.attr_soft_dirty : 0);

	PTL_BUG_ON(pt_unmap(mm->pt, run->va, len, &change));
	change = ptl_change(&move->edit, PT_CHANGE_SAME);
	if (run->kind == PTL_RUN_LEAF) {
		PTL_BUG_ON(ptl_put_leaf(mm, area, to, run->pa, len, attr,
					run->size_lg2 + run->contig_lg2, PTL_OVER_HOLES,
					run->hidden));
		return;
	}
	if (marked && mm->world->cfg.soft.soft_dirty)
		soft.flags |= PT_SOFT_SOFT_DIRTY;
	PTL_BUG_ON(pt_soft_set(mm->pt, to, len, run->level, &soft, &change));
}

/* Each table's part of the run by itself, as one may move and the next go entry by entry. */
static void move_parts(struct move *move, const struct pt_mm_area *area, const struct ptl_run *run)
{
	const struct pt_format_info *info = &move->mm->world->info;
	struct ptl_run part = *run;

	if (run->level + 1 >= info->nr_levels || area->kind == PT_MM_HUGETLB) {
		move_run(move, area, run);
		return;
	}
	for (;; part.va = part.last + 1) {
		part.pa = run->pa + (part.va - run->va);
		part.last = ptl_min(run->last, ptl_last(part.va, info->leaf_lg2[run->level + 1]));
		move_run(move, area, &part);
		if (part.last == run->last)
			return;
	}
}

static int check(const struct pt_mm *mm, pt_va_t va, uint64_t len, pt_va_t to)
{
	const struct ptl_areas *areas = &mm->areas;
	pt_va_t last, to_last;
	size_t i;
	int err = ptl_mm_begin((struct pt_mm *)(uintptr_t)mm, va, len, true, &last);

	if (!err)
		err = ptl_mm_range(mm, to, len, &to_last);
	if (err)
		return err;
	i = ptl_areas_find(areas, to);
	/* The old place too: areas cover it. */
	if (i < areas->nr && areas->at[i].first <= to_last)
		return -EEXIST;
	for (i = ptl_areas_find(areas, va); i < areas->nr && areas->at[i].first <= last; i++)
		if (areas->at[i].kind == PT_MM_HUGETLB &&
		    !ptl_aligned(to ^ va, areas->at[i].page_lg2))
			return -EINVAL;
	return 0;
}

int pt_mm_move(struct pt_mm *mm, pt_va_t va, uint64_t len, pt_va_t to)
{
	struct move move = { .mm = mm, .va = va, .last = va + len - 1, .to = to };
	struct ptl_areas *areas = &mm->areas;
	size_t i, end, at;
	int err = check(mm, va, len, to);

	if (err)
		return err;
	i = ptl_areas_find(areas, va);
	for (end = i; end < areas->nr && areas->at[end].first <= move.last; end++)
		;
	err = ptl_areas_reserve(areas, 2 + (end - i));
	if (err)
		return err;
	ptl_edit_begin(&move.edit, mm);
	err = ptl_split_ends(&move.edit, va, move.last);
	if (!err)
		err = split_misfits(&move);
	if (!err)
		err = make_tables(&move);
	if (err) {
		free_tables(&move, to);
		ptl_edit_end(&move.edit);
		return err;
	}
	ptl_areas_isolate(areas, va, move.last, &i, &end);
	for (size_t k = i; k < end; k++) {
		struct pt_mm_area area = areas->at[k];
		struct ptl_run run;

		for (bool more = ptl_run_start(&run, mm, area.first, area.last); more;
		     more = ptl_run_next(&run))
			if (run.kind != PTL_RUN_HOLE)
				move_parts(&move, &area, &run);
	}
	free_tables(&move, va);
	/* The areas themselves: each leaves, and comes back with another address. */
	at = ptl_areas_find(areas, to);
	for (size_t nr = end - i, k = 0; k < nr; k++) {
		size_t from = at > i ? i : i + k;
		struct pt_mm_area area = areas->at[from];

		ptl_area_get(&area);
		ptl_areas_remove(areas, from, 1);
		area.first = there(&move, area.first);
		area.last = there(&move, area.last);
		ptl_areas_insert(areas, at > i ? at - 1 : at + k, &area);
	}
	at = ptl_areas_find(areas, to);
	ptl_areas_merge(areas, at, at + (end - i));
	ptl_edit_end(&move.edit);
	return 0;
}
