/* SPDX-License-Identifier: MIT */
/* Marks that outlive pages: guards, userfaultfd's, and what was written or used. */
#include "mm/edit.h"

#include <ptlib/mm_change.h>

static int remove_guards(struct pt_mm *mm, pt_va_t first, pt_va_t last)
{
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, mm, first, last); more; more = ptl_run_next(&run)) {
		struct pt_change change = { 0 };

		if (run.kind == PTL_RUN_SOFT && run.soft.kind == PT_SOFT_MARKER &&
		    run.soft.markers & PT_SOFT_MARKER_GUARD)
			PTL_BUG_ON(pt_unmap(mm->pt, run.va, run.last - run.va + 1, &change));
	}
	return 0;
}

int pt_mm_guard(struct pt_mm *mm, pt_va_t va, uint64_t len, bool install)
{
	const struct pt_soft guard = { .kind = PT_SOFT_MARKER, .markers = PT_SOFT_MARKER_GUARD };
	struct ptl_edit edit;
	struct pt_change change = { 0 };
	pt_va_t last;
	int err = ptl_mm_begin(mm, va, len, true, &last);

	if (err)
		return err;
	/* Source: Linux 6.15, mm/madvise.c, is_valid_guard_vma(). */
	if (!ptl_areas_are(&mm->areas, va, last, 1u << PT_MM_ANON | 1u << PT_MM_FILE,
			   install ? PT_MM_LOCKED : 0, 0))
		return -EINVAL;
	if (!(mm->world->cfg.soft.markers & PT_SOFT_MARKER_GUARD))
		return -EOPNOTSUPP;
	if (!install)
		return remove_guards(mm, va, last);
	/* Tables first: with them nothing can fail, and pages that are mapped go only then. */
	ptl_edit_begin(&edit, mm);
	err = ptl_split_ends(&edit, va, last);
	if (!err)
		err = ptl_cut_all(&edit, va, last);
	if (!err && pt_populate(mm->pt, va, len, 0, &change))
		err = -ENOMEM;
	if (!err) {
		ptl_zap_range(&edit, va, last, false);
		change = ptl_change(&edit, PT_CHANGE_SAME);
		PTL_BUG_ON(pt_soft_set(mm->pt, va, len, 0, &guard, &change));
	}
	ptl_edit_end(&edit);
	return err;
}

/* Where markers of an area stand: its pages' level. */
static unsigned int hole_level(const struct pt_mm *mm, const struct pt_mm_area *area)
{
	const struct pt_format_info *info = &mm->world->info;
	unsigned int level = 0;

	while (area->kind == PT_MM_HUGETLB && level + 1 < info->nr_levels &&
	       info->leaf_lg2[level + 1] <= area->page_lg2)
		level++;
	return level;
}

static bool holes_are_marked(const struct pt_mm *mm, const struct pt_mm_area *area)
{
	return area->kind != PT_MM_ANON && mm->world->cfg.soft.markers & PT_SOFT_MARKER_UFFD_WP;
}

/* One run: marked, or no more. Markers have their tables. */
static void mark_run(struct ptl_edit *edit, const struct pt_mm_area *area, struct ptl_run *run,
		     bool on)
{
	struct pt_mm *mm = edit->mm;
	const struct pt_soft_cfg *cfg = &mm->world->cfg.soft;
	const struct pt_soft hole = { .kind = PT_SOFT_MARKER, .markers = PT_SOFT_MARKER_UFFD_WP };
	struct pt_change change = ptl_change(edit, 0);
	pt_attr_t set = on ? cfg->attr_uffd_wp : 0;
	pt_attr_t clear = on ? PT_ATTR_WRITE : cfg->attr_uffd_wp;
	uint64_t len = run->last - run->va + 1;
	struct pt_soft soft = run->soft;

	if (run->kind == PTL_RUN_LEAF && run->hidden) {
		change.flags |= ptl_hide_flags(area);
		PTL_BUG_ON(pt_soft_hide(mm->pt, run->va, len, set, clear, &change));
	} else if (run->kind == PTL_RUN_LEAF) {
		PTL_BUG_ON(pt_protect(mm->pt, run->va, len, set, clear, &change));
	} else if (run->kind == PTL_RUN_HOLE) {
		if (!on || !holes_are_marked(mm, area))
			return;
		change.flags |= PT_CHANGE_SAME;
		PTL_BUG_ON(pt_soft_set(mm->pt, run->va, len, hole_level(mm, area), &hole, &change));
	} else if (soft.kind == PT_SOFT_MARKER) {
		if (on || !(soft.markers & PT_SOFT_MARKER_UFFD_WP))
			return;
		soft.markers &= ~PT_SOFT_MARKER_UFFD_WP;
		if (soft.markers)
			ptl_soft_rewrite(edit, run, &soft);
		else
			PTL_BUG_ON(pt_unmap(mm->pt, run->va, len, &change));
	} else if (soft.kind != PT_SOFT_HWPOISON && soft.kind != PT_SOFT_UNKNOWN) {
		if (on && soft.kind == PT_SOFT_MIGRATION_WRITE)
			ptl_soft_wrprotect(edit, run, false);
		soft = run->soft;
		soft.flags = on ? soft.flags | PT_SOFT_UFFD_WP : soft.flags & ~PT_SOFT_UFFD_WP;
		ptl_soft_rewrite(edit, run, &soft);
	}
}

/* @part of an area can be marked without memory. */
static int prepare_marks(struct ptl_edit *edit, const struct pt_mm_area *part)
{
	struct pt_mm *mm = edit->mm;
	struct pt_change change = ptl_change(edit, 0);
	unsigned int level = hole_level(mm, part);
	int err = 0;

	/* What outlives a page of a file is a marker, and those are of single pages. */
	if (part->kind == PT_MM_FILE)
		err = ptl_cut_all(edit, part->first, part->last);
	/* The top table is always there. */
	if (err || !holes_are_marked(mm, part) || level + 1 == mm->world->info.nr_levels)
		return err;
	return pt_populate(mm->pt, part->first, part->last - part->first + 1, level, &change)
		       ? -ENOMEM
		       : 0;
}

static void mark_part(struct ptl_edit *edit, const struct pt_mm_area *part, bool on)
{
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, edit->mm, part->first, part->last); more;
	     more = ptl_run_next(&run))
		mark_run(edit, part, &run, on);
}

int pt_mm_write_protect(struct pt_mm *mm, pt_va_t va, uint64_t len, bool on)
{
	const struct pt_soft_cfg *soft = &mm->world->cfg.soft;
	const struct ptl_areas *areas = &mm->areas;
	struct ptl_edit edit;
	size_t first;
	pt_va_t last;
	int err = ptl_mm_begin(mm, va, len, true, &last);

	if (err)
		return err;
	if (!ptl_areas_are(areas, va, last,
			   1u << PT_MM_ANON | 1u << PT_MM_FILE | 1u << PT_MM_HUGETLB,
			   on ? PT_MM_UFFD_WP : 0, on ? PT_MM_UFFD_WP : 0))
		return -EINVAL;
	/* Source: Linux 6.15, include/linux/userfaultfd_k.h, vma_can_userfault(). */
	if (!soft->attr_uffd_wp || (!(soft->markers & PT_SOFT_MARKER_UFFD_WP) &&
				    !ptl_areas_are(areas, va, last, 1u << PT_MM_ANON, 0, 0)))
		return -EOPNOTSUPP;
	/* Whatever can fail comes first, in all areas: then marks are set, or none. */
	first = ptl_areas_find(areas, va);
	ptl_edit_begin(&edit, mm);
	err = ptl_split_ends(&edit, va, last);
	for (size_t i = first; on && !err && i < areas->nr && areas->at[i].first <= last; i++) {
		const struct pt_mm_area part = ptl_area_part(&areas->at[i], va, last);

		err = prepare_marks(&edit, &part);
	}
	for (size_t i = first; !err && i < areas->nr && areas->at[i].first <= last; i++) {
		const struct pt_mm_area part = ptl_area_part(&areas->at[i], va, last);

		mark_part(&edit, &part, on);
		ptl_edit_end_area(&edit, false);
	}
	ptl_edit_end(&edit);
	return err;
}

static void clear_accessed(struct ptl_edit *edit, const struct pt_mm_area *area)
{
	struct pt_change change = ptl_change(edit, 0);
	struct ptl_run run;

	PTL_BUG_ON(pt_test_and_clear_accessed(edit->mm->pt, area->first,
					      area->last - area->first + 1, &change));
	/* PROT_NONE leaves are present to software, and say that they were used as others do. */
	for (bool more = ptl_run_start(&run, edit->mm, area->first, area->last); more;
	     more = ptl_run_next(&run)) {
		change = ptl_change(edit, 0);
		if (run.hidden && run.attr & PT_ATTR_ACCESSED)
			PTL_BUG_ON(pt_soft_hide(edit->mm->pt, run.va, run.last - run.va + 1, 0,
						PT_ATTR_ACCESSED, &change));
	}
}

static void clear_soft_dirty(struct ptl_edit *edit, const struct pt_mm_area *area)
{
	struct pt_mm *mm = edit->mm;
	pt_attr_t mark = mm->world->cfg.soft.attr_soft_dirty;
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, mm, area->first, area->last); more;
	     more = ptl_run_next(&run)) {
		struct pt_change change = ptl_change(edit, 0);
		uint64_t len = run.last - run.va + 1;

		if (run.kind == PTL_RUN_LEAF && run.hidden) {
			PTL_BUG_ON(pt_soft_hide(mm->pt, run.va, len, 0, mark, &change));
		} else if (run.kind == PTL_RUN_LEAF) {
			PTL_BUG_ON(
				pt_protect(mm->pt, run.va, len, 0, mark | PT_ATTR_WRITE, &change));
		} else if (run.kind == PTL_RUN_SOFT && run.soft.flags & PT_SOFT_SOFT_DIRTY) {
			run.soft.flags &= ~PT_SOFT_SOFT_DIRTY;
			ptl_soft_rewrite(edit, &run, &run.soft);
		}
	}
}

/* hugetlb is not walked, nor what is mapped by frame number. */
static bool is_cleared(const struct pt_mm_area *area, enum pt_mm_clear what)
{
	if (area->kind == PT_MM_PFNMAP || area->kind == PT_MM_HUGETLB)
		return false;
	if (what == PT_MM_CLEAR_ACCESSED_ANON)
		return area->kind != PT_MM_FILE;
	return what != PT_MM_CLEAR_ACCESSED_FILE || area->kind == PT_MM_FILE;
}

int pt_mm_clear_refs(struct pt_mm *mm, enum pt_mm_clear what)
{
	struct ptl_edit edit;

	if (what < PT_MM_CLEAR_ACCESSED || what > PT_MM_CLEAR_SOFT_DIRTY)
		return -EINVAL;
	if (what == PT_MM_CLEAR_SOFT_DIRTY && !mm->world->cfg.soft.attr_soft_dirty)
		return -EOPNOTSUPP;
	ptl_edit_begin(&edit, mm);
	for (size_t i = 0; i < mm->areas.nr; i++) {
		struct pt_mm_area *area = &mm->areas.at[i];

		if (what == PT_MM_CLEAR_SOFT_DIRTY)
			area->flags &= ~PT_MM_SOFT_DIRTY;
		if (!is_cleared(area, what))
			continue;
		if (what == PT_MM_CLEAR_SOFT_DIRTY)
			clear_soft_dirty(&edit, area);
		else
			clear_accessed(&edit, area);
	}
	ptl_areas_merge(&mm->areas, 0, mm->areas.nr);
	/*
	 * Old translations may say accessed a while longer; but that costs precision, no more.
	 * Source: Linux 6.15, fs/proc/task_mmu.c, clear_refs_write().
	 */
	if (what == PT_MM_CLEAR_SOFT_DIRTY)
		ptl_edit_end_all(&edit);
	else
		ptl_edit_end(&edit);
	return 0;
}
