/* SPDX-License-Identifier: MIT */
/* fork(): areas, leaves and words of a parent, shared with its child. */
#include "mm/edit.h"

#include <ptlib/mm_change.h>

struct fork {
	struct ptl_edit edit; /* of the parent */
	struct pt_mm *parent, *child;
};

/* What faults would not bring back: pages of the area's own, and what stands for them. */
static bool is_own_word(const struct ptl_run *run, const struct pt_mm_area *area)
{
	const struct pt_world *world = run->mm->world;
	const struct ptl_page *page;
	struct ptl_piece piece;

	switch (run->soft.kind) {
	case PT_SOFT_SWAP:
		return true;
	case PT_SOFT_MARKER:
		return run->soft.markers & PT_SOFT_MARKER_GUARD ||
		       (run->soft.markers & PT_SOFT_MARKER_POISONED && ptl_area_is_private(area));
	case PT_SOFT_HWPOISON:
		page = ptl_folio_at(world, run->soft.pfn << world->page_lg2);
		return ptl_page_flags(page) & PTL_PAGE_ANON;
	default:
		return ptl_soft_page(run, &piece) && ptl_page_flags(piece.head) & PTL_PAGE_ANON;
	}
}

static bool has_own_page(const struct ptl_run *run)
{
	struct ptl_piece piece;
	pt_va_t va = run->va;

	do {
		piece = ptl_piece_at(run, va);
		if (piece.head && ptl_page_flags(piece.head) & PTL_PAGE_ANON)
			return true;
		/* Whoever maps it has an anon_vma: do_huge_pmd_anonymous_page() prepares one. */
		if (ptl_is_huge_zero(run->mm->world, piece.pa))
			return true;
		va = piece.last + 1;
	} while (piece.last < run->last);
	return false;
}

/*
 * Linux 6.15, mm/memory.c, vma_needs_copy(): an area without anon_vma, which is one that never had
 * a page of its own nor a guard, is not copied at all, poison included. Here it counts what the
 * area has now.
 */
static bool needs_copy(struct pt_mm *parent, const struct pt_mm_area *area)
{
	struct ptl_run run;

	if (area->kind == PT_MM_PFNMAP || area->kind == PT_MM_MIXEDMAP)
		return true;
	for (bool more = ptl_run_start(&run, parent, area->first, area->last); more;
	     more = ptl_run_next(&run)) {
		if ((run.kind == PTL_RUN_SOFT && is_own_word(&run, area)) ||
		    (run.kind == PTL_RUN_LEAF && has_own_page(&run))) {
			pt_range_walk_done(&run.walk);
			return true;
		}
	}
	return false;
}

static int copy_areas(struct pt_mm *child, const struct pt_mm *parent)
{
	int err = ptl_areas_reserve(&child->areas, parent->areas.nr);

	for (size_t i = 0; !err && i < parent->areas.nr; i++) {
		struct pt_mm_area area = parent->areas.at[i];

		if (area.flags & PT_MM_DONTFORK)
			continue;
		area.flags &= ~(PT_MM_UFFD_WP | PT_MM_LOCKED);
		ptl_area_get(&area);
		ptl_areas_insert(&child->areas, child->areas.nr, &area);
	}
	if (!err)
		ptl_areas_merge(&child->areas, 0, child->areas.nr);
	return err;
}

/* Both read it from now on. */
static void share(struct fork *fork, const struct ptl_run *run)
{
	struct pt_world *world = fork->parent->world;
	struct ptl_piece piece;
	pt_va_t va = run->va;

	do {
		piece = ptl_piece_at(run, va);
		if (piece.counted) {
			uint64_t len = piece.last - va + 1;

			ptl_map_add(world, piece.pa, len, piece.entire);
			ptl_set_exclusive(world, piece.pa, len, piece.entire, false);
		}
		va = piece.last + 1;
	} while (piece.last < run->last);
}

static int copy_leaves(struct fork *fork, const struct pt_mm_area *area, struct ptl_run *run)
{
	struct pt_mm *parent = fork->parent;
	const struct pt_soft_cfg *soft = &parent->world->cfg.soft;
	struct pt_change change = ptl_change(&fork->edit, PT_CHANGE_SKIP_HOLES);
	uint64_t len = run->last - run->va + 1;
	pt_attr_t attr = run->attr & ~soft->attr_uffd_wp;
	int err;

	/* Linux 6.15, mm/hugetlb.c, copy_hugetlb_page_range(): these stay as young as they are. */
	if (area->kind != PT_MM_HUGETLB)
		attr &= ~PT_ATTR_ACCESSED;
	if (ptl_area_is_private(area)) {
		attr &= ~PT_ATTR_WRITE;
		if (run->attr & PT_ATTR_WRITE && !run->hidden)
			PTL_BUG_ON(pt_protect(parent->pt, run->va, len, 0, PT_ATTR_WRITE, &change));
	} else if (!run->level) {
		attr &= ~ptl_clean_bits(parent->world);
	}
	err = ptl_put_leaf(fork->child, area, run->va, run->pa, len, attr,
			   run->size_lg2 + run->contig_lg2, PTL_OVER_HOLES, run->hidden);
	if (!err)
		share(fork, run);
	return err;
}

static int copy_word(struct fork *fork, const struct pt_mm_area *area, struct ptl_run *run)
{
	struct pt_world *world = fork->parent->world;
	struct pt_change change = { .flags = PT_CHANGE_SAME };
	struct pt_soft soft;
	struct ptl_piece piece;
	int err;

	if (ptl_area_is_private(area))
		ptl_soft_wrprotect(&fork->edit, run, true);
	soft = run->soft;
	soft.flags &= ~PT_SOFT_UFFD_WP;
	if (soft.kind == PT_SOFT_MARKER) {
		soft.flags = 0;
		soft.markers &= ~PT_SOFT_MARKER_UFFD_WP;
		if (!soft.markers)
			return 0;
	}
	err = pt_soft_set(fork->child->pt, run->va, run->last - run->va + 1, run->level, &soft,
			  &change);
	if (err)
		return err;
	if (soft.kind == PT_SOFT_SWAP) {
		ptl_swap_get(ptl_swap_of(world, soft.type), soft.offset);
	} else if (ptl_soft_page(run, &piece) && piece.counted) {
		ptl_map_add(world, piece.pa, piece.last - piece.va + 1, piece.entire);
		ptl_set_exclusive(world, piece.pa, piece.last - piece.va + 1, piece.entire, false);
	}
	return 0;
}

static int copy_area(struct fork *fork, const struct pt_mm_area *area)
{
	struct ptl_run run;
	int err = 0;

	if (!needs_copy(fork->parent, area))
		return 0;
	/* What a device has for itself cannot be shared. */
	ptl_end_exclusive(fork->parent, area, area->first, area->last);
	for (bool more = ptl_run_start(&run, fork->parent, area->first, area->last); more;
	     more = ptl_run_next(&run)) {
		/* Linux 6.15, mm/huge_memory.c, copy_huge_pmd(): a fault maps it again. */
		if (run.level && area->kind == PT_MM_FILE)
			continue;
		if (run.kind == PTL_RUN_LEAF)
			err = copy_leaves(fork, area, &run);
		else if (run.kind == PTL_RUN_SOFT)
			err = copy_word(fork, area, &run);
		if (!err)
			continue;
		pt_range_walk_done(&run.walk);
		return err;
	}
	return 0;
}

int pt_mm_fork(struct pt_mm **out, struct pt_mm *mm, const struct pt_mm_cfg *cfg)
{
	struct fork fork = { .parent = mm };
	int err = pt_mm_create(&fork.child, mm->world, cfg);

	if (err)
		return err;
	ptl_edit_begin(&fork.edit, mm);
	err = copy_areas(fork.child, mm);
	for (size_t i = 0; !err && i < mm->areas.nr; i++)
		if (!(mm->areas.at[i].flags & (PT_MM_DONTFORK | PT_MM_WIPEONFORK)))
			err = copy_area(&fork, &mm->areas.at[i]);
	/* Linux 6.15, kernel/fork.c, dup_mmap(). */
	ptl_edit_end_all(&fork.edit);
	if (err) {
		pt_mm_destroy(fork.child);
		return -ENOMEM;
	}
	*out = fork.child;
	return 0;
}
