/* SPDX-License-Identifier: MIT */
/* Runs and pieces; leaves put; entries split; flush, then free. */
#include "mm/edit.h"

#include <ptlib/query.h>

#include "pt/pagetable_internal.h"

void ptl_edit_begin(struct ptl_edit *edit, struct pt_mm *mm)
{
	edit->mm = mm;
	edit->dead = 0;
	pt_gather_begin(&edit->gather, mm->pt);
}

void ptl_edit_end(struct ptl_edit *edit)
{
	struct pt_world *world = edit->mm->world;

	pt_gather_finish(&edit->gather);
	while (edit->dead) {
		pt_pa_t head = edit->dead & ~UINT64_C(1);

		edit->dead = atomic_load_explicit(&ptl_page_at(world, head)->offset,
						  memory_order_relaxed);
		ptl_folio_free(world, head);
	}
}

void ptl_edit_end_area(struct ptl_edit *edit, bool merges)
{
	if (edit->gather.max_ranges != 1)
		return;
	if (!merges || edit->mm->world->cfg.fmt.fmt != PT_FMT_X86_64)
		pt_gather_finish(&edit->gather);
}

void ptl_edit_end_all(struct ptl_edit *edit)
{
	const struct pt_flush_ops *flush = edit->mm->pt->flush;

	edit->gather.full = true;
	if (!edit->gather.nr_ranges && flush && flush->all)
		flush->all(flush->ctx);
	ptl_edit_end(edit);
}

void ptl_edit_drop(struct ptl_edit *edit, pt_pa_t pa, uint64_t len, bool entire)
{
	struct pt_world *world = edit->mm->world;
	pt_pa_t head = ptl_folio_head(world, pa);
	struct ptl_page *page = ptl_page_at(world, head);
	bool unused = ptl_map_del(world, pa, len, entire);

	/* A move whose last mapping goes is over: nobody can end it. */
	if (ptl_page_flags(page) & PTL_PAGE_MOVING &&
	    !atomic_load_explicit(&page->total, memory_order_relaxed)) {
		ptl_page_set(page, 0, PTL_PAGE_MOVING);
		unused = !--page->pins;
	}
	if (!unused)
		return;
	atomic_store_explicit(&page->offset, edit->dead, memory_order_relaxed);
	edit->dead = head | 1;
}

static bool take_entry(void *ctx, const struct ptl_visit *visit,
		       const struct ptl_visit_entry *entry)
{
	pt_pa_t *pa = ctx;

	(void)visit;
	PTL_BUG_ON(entry->kind != PTL_LEAF);
	*pa = entry->pa;
	return false;
}

/* Where a leaf word of @level leads, which stands in no table. */
static pt_pa_t pa_of_leaf(const struct pt_pgtable *pt, uint64_t raw, unsigned int level)
{
	_Atomic uint64_t word = raw;
	const struct ptl_visit visit = { .table = &word, .level = level };
	pt_pa_t pa = 0;

	pt->ops.visit_entries(&pt->fmt, &visit, 0, 1, take_entry, &pa);
	return pa;
}

/* One word: software's, or PROT_NONE, which is a leaf to us. */
static void read_word(struct ptl_run *run, pt_va_t va, uint64_t raw)
{
	struct pt_world *world = run->mm->world;
	unsigned int lg2 = run->walk.size_lg2;

	run->kind = PTL_RUN_SOFT;
	run->soft = pt_soft_decode(&world->cfg.soft, run->walk.level, raw);
	run->va = va;
	run->last = ptl_min(ptl_last(va, lg2), run->limit);
	run->contig_lg2 = 0;
	run->hidden = run->soft.kind == PT_SOFT_PROT_NONE;
	if (run->hidden) {
		run->kind = PTL_RUN_LEAF;
		run->attr = pt_entry_attr(run->mm->pt, run->soft.leaf, run->walk.level);
		run->pa = pa_of_leaf(run->mm->pt, run->soft.leaf, run->walk.level) +
			  (va & (PTL_BIT(lg2) - 1));
	}
}

static bool take_walk(struct ptl_run *run, enum pt_range_walk_type type)
{
	struct pt_range_walk *walk = &run->walk;

	while (type == PTW_AGAIN)
		type = pt_range_walk_next(walk);
	if (type == PTW_DONE) {
		pt_range_walk_done(walk);
		return false;
	}
	PTL_BUG_ON(type == PTW_ABORT || type == PTW_ILLEGAL);
	run->more = false;
	run->level = walk->level;
	run->size_lg2 = walk->size_lg2;
	run->contig_lg2 = walk->contig_lg2;
	run->hidden = false;
	run->va = walk->va;
	run->last = walk->va + walk->len - 1;
	if (type == PTW_NONE) {
		run->kind = PTL_RUN_HOLE;
	} else if (pt_entry_kind(run->mm->pt, walk->raw, walk->level) == PT_KIND_LEAF) {
		run->kind = PTL_RUN_LEAF;
		run->pa = walk->pa;
		run->attr = walk->attr;
	} else {
		pt_va_t last = run->last;

		read_word(run, run->va, walk->raw);
		run->more = run->last < last;
	}
	return true;
}

bool ptl_run_start(struct ptl_run *run, struct pt_mm *mm, pt_va_t first, pt_va_t last)
{
	const struct pt_mm_area *area = ptl_area_of(mm, first);
	/* Hardware marks entries of a contiguous block one by one; hugetlb means them all. */
	bool whole = area && area->kind == PT_MM_HUGETLB;

	run->mm = mm;
	run->limit = last;
	return take_walk(run, pt_range_walk_start(&run->walk, mm->pt, first, last, PT_TYPE_ALL,
						  whole ? 0 : PT_WALK_RESPECT_AD));
}

bool ptl_run_next(struct ptl_run *run)
{
	if (run->more) {
		pt_va_t va = run->last + 1, end = run->walk.va + run->walk.len - 1;
		struct pt_step steps[PT_MAX_LEVELS];
		unsigned int nr;
		int err = pt_trace(run->mm->pt, va, steps, &nr);

		PTL_BUG_ON(err != -ENOENT);
		read_word(run, va, steps[nr - 1].raw);
		run->more = run->last < end;
		return true;
	}
	return take_walk(run, pt_range_walk_next(&run->walk));
}

void ptl_run_at(struct ptl_run *run, struct pt_mm *mm, pt_va_t va)
{
	PTL_BUG_ON(!ptl_run_start(run, mm, va, ptl_last(va, mm->world->page_lg2)));
	pt_range_walk_done(&run->walk);
}

/* What of the folio at @piece->pa begins here. */
static void find_folio(const struct ptl_run *run, struct ptl_piece *piece, bool at_head)
{
	struct pt_world *world = run->mm->world;
	unsigned int lg2;

	piece->head = ptl_folio_at(world, piece->pa);
	lg2 = world->page_lg2 + ptl_page_order(piece->head);
	if (ptl_page_flags(piece->head) & PTL_PAGE_HUGETLB) {
		piece->entire = true;
		piece->counted = at_head;
		piece->last = ptl_last(piece->va, lg2);
		if (!at_head)
			piece->last = ptl_min(piece->last, run->last);
		return;
	}
	piece->counted = true;
	piece->entire = run->level;
	/* Not beyond the folio: virtual and physical addresses need not be aligned alike. */
	piece->last = ptl_min(run->last, piece->va + (ptl_last(piece->pa, lg2) - piece->pa));
}

struct ptl_piece ptl_piece_at(const struct ptl_run *run, pt_va_t va)
{
	struct pt_world *world = run->mm->world;
	struct ptl_piece piece = { .va = va, .last = run->last, .pa = run->pa + (va - run->va) };

	if (ptl_is_counted(world, piece.pa, run->attr))
		find_folio(run, &piece, piece.pa == ptl_folio_head(world, piece.pa));
	else if (ptl_is_huge_zero(world, piece.pa)) /* the frames behind it are others' */
		piece.last = ptl_min(piece.last, ptl_last(va, world->huge_lg2));
	return piece;
}

bool ptl_soft_page(const struct ptl_run *run, struct ptl_piece *piece)
{
	struct pt_world *world = run->mm->world;

	switch (run->soft.kind) {
	case PT_SOFT_MIGRATION_READ:
	case PT_SOFT_MIGRATION_READ_EXCLUSIVE:
	case PT_SOFT_MIGRATION_WRITE:
	case PT_SOFT_DEVICE_READ:
	case PT_SOFT_DEVICE_WRITE:
	case PT_SOFT_DEVICE_EXCLUSIVE:
	case PT_SOFT_DEVICE_EXCLUSIVE_WRITE:
		break;
	default:
		return false;
	}
	*piece = (struct ptl_piece){ .va = run->va, .pa = run->soft.pfn << world->page_lg2 };
	/* In contiguous entries of hugetlb each says the first page. */
	find_folio(run, piece,
		   ptl_aligned(run->va,
			       world->page_lg2 + ptl_page_order(ptl_page_at(world, piece->pa))));
	return true;
}

pt_attr_t ptl_leaf_attr(const struct pt_mm *mm, const struct pt_mm_area *area, bool write)
{
	const struct pt_soft_cfg *soft = &mm->world->cfg.soft;
	pt_attr_t attr = PT_ATTR_READ | PT_ATTR_USER | PT_ATTR_ACCESSED | PT_ATTR_MEM(area->mem);

	attr |= mm->world->info.attrs & PT_ATTR_ENCRYPTED;
	attr |= PT_ATTR_KEY(area->key);
	if (area->flags & PT_MM_EXEC)
		attr |= PT_ATTR_EXEC;
	if (write)
		attr |= PT_ATTR_WRITE | PT_ATTR_DIRTY | soft->attr_dirty | soft->attr_soft_dirty;
	return attr;
}

int ptl_put_leaf(struct pt_mm *mm, const struct pt_mm_area *area, pt_va_t va, pt_pa_t pa,
		 uint64_t len, pt_attr_t attr, unsigned int max_lg2, enum ptl_over over, bool hide)
{
	struct pt_change change = {
		.max_lg2 = max_lg2,
		.flags = over == PTL_OVER_WORDS ? PT_CHANGE_INHERIT : 0,
	};
	pt_attr_t now = attr;
	int err;

	/* A page that nobody may use is not the user's for the moment before it is hidden. */
	hide |= !ptl_is_accessible(area);
	if (hide)
		now &= ~(PT_ATTR_USER | PT_ATTR_WRITE | PT_ATTR_EXEC);
	if (over != PTL_OVER_HOLES)
		err = pt_soft_map(mm->pt, va, pa, len, now, &change);
	else
		err = pt_map(mm->pt, va, pa, len, now, &change);
	if (err || !hide)
		return err;
	change = (struct pt_change){ .flags = ptl_hide_flags(area) };
	err = pt_soft_hide(mm->pt, va, len, attr & PT_ATTR_USER, 0, &change);
	PTL_BUG_ON(err);
	return 0;
}

/*
 * Pages of the huge zero page, which @run has mapped as a whole, become the zero page: in a table
 * that is there, so nothing can fail. Of the leaf's marks only uffd-wp stays.
 * Source: Linux 6.15, mm/huge_memory.c, __split_huge_zero_page_pmd().
 */
static void split_huge_zero(struct ptl_edit *edit, const struct ptl_run *run)
{
	struct pt_mm *mm = edit->mm;
	const struct pt_mm_area *area = ptl_area_of(mm, run->va);
	const struct pt_soft_cfg *soft = &mm->world->cfg.soft;
	uint64_t page = ptl_page_bytes(mm->world);
	struct pt_change change = ptl_change(edit, 0);
	pt_attr_t attr = ptl_leaf_attr(mm, area, false) | soft->attr_special |
			 (run->attr & soft->attr_uffd_wp);

	PTL_BUG_ON(pt_unmap(mm->pt, run->va, run->last - run->va + 1, &change));
	pt_gather_finish(&edit->gather);
	for (pt_va_t va = run->va; va - run->va <= run->last - run->va; va += page)
		PTL_BUG_ON(ptl_put_leaf(mm, area, va, mm->world->zero_page, page, attr, 0,
					PTL_OVER_HOLES, run->hidden));
}

int ptl_split_entry(struct ptl_edit *edit, pt_va_t va)
{
	struct pt_mm *mm = edit->mm;
	struct pt_world *world = mm->world;
	pt_va_t first = ptl_align_down(va, world->huge_lg2);
	uint64_t len = PTL_BIT(world->huge_lg2);
	struct pt_change change = ptl_change(edit, 0);
	struct ptl_piece piece;
	struct ptl_run run;
	int err;

	ptl_run_at(&run, mm, va);
	if (run.level != 1 || run.kind == PTL_RUN_HOLE)
		return 0;
	/* Where the whole entry begins, the run as a whole. */
	PTL_BUG_ON(!ptl_run_start(&run, mm, first, first + len - 1));
	pt_range_walk_done(&run.walk);
	if (run.kind == PTL_RUN_LEAF && !run.hidden)
		err = pt_split(mm->pt, first, len, 0, &change);
	else
		err = pt_soft_split(mm->pt, first, len, 0, &change);
	if (err)
		return -ENOMEM;
	if (run.kind == PTL_RUN_LEAF && ptl_is_huge_zero(world, run.pa)) {
		split_huge_zero(edit, &run);
		return 0;
	}
	piece = (struct ptl_piece){ 0 };
	if (run.kind == PTL_RUN_LEAF)
		piece = ptl_piece_at(&run, first);
	else
		ptl_soft_page(&run, &piece);
	if (piece.counted) {
		bool exclusive = ptl_is_exclusive(world, piece.pa);

		ptl_map_add(world, piece.pa, len, false);
		ptl_map_del(world, piece.pa, len, true);
		ptl_set_exclusive(world, piece.pa, len, false, exclusive);
	}
	return 0;
}

int ptl_cut_entry(struct ptl_edit *edit, pt_va_t va)
{
	unsigned int lg2 = edit->mm->world->huge_lg2;
	pt_va_t first = ptl_align_down(va, lg2);
	struct ptl_piece piece = { 0 };
	struct ptl_run run;

	ptl_run_at(&run, edit->mm, va);
	if (run.level == 1 && run.kind == PTL_RUN_LEAF)
		piece = ptl_piece_at(&run, run.va);
	else if (run.level == 1 && run.kind == PTL_RUN_SOFT)
		ptl_soft_page(&run, &piece);
	if (!piece.head || ptl_page_flags(piece.head) & PTL_PAGE_ANON ||
	    ptl_area_of(edit->mm, va)->kind != PT_MM_FILE)
		return ptl_split_entry(edit, va);
	ptl_zap(edit, first, ptl_last(first, lg2), false);
	/* Break before make: a table may be next to stand in that entry. */
	pt_gather_finish(&edit->gather);
	return 0;
}

/* Frames that nobody counts: their leaves may be of any level. One begins at @va afterwards. */
static int split_frames(struct ptl_edit *edit, pt_va_t va)
{
	struct pt_mm *mm = edit->mm;
	const struct pt_format_info *info = &mm->world->info;
	struct pt_change change = ptl_change(edit, 0);
	struct ptl_run run;
	unsigned int level;
	int err;

	ptl_run_at(&run, mm, va);
	if (run.kind == PTL_RUN_HOLE || ptl_aligned(va, run.size_lg2))
		return 0;
	for (level = run.level; !ptl_aligned(va, info->leaf_lg2[level]); level--)
		;
	err = pt_split(mm->pt, va, ptl_page_bytes(mm->world), level, &change);
	if (!err)
		err = pt_soft_split(mm->pt, va, ptl_page_bytes(mm->world), level, &change);
	return err ? -ENOMEM : 0;
}

static int split_end(struct ptl_edit *edit, pt_va_t va)
{
	const struct pt_mm_area *area = ptl_area_of(edit->mm, va);

	if (!area || area->kind == PT_MM_HUGETLB)
		return 0;
	if (area->kind == PT_MM_PFNMAP || area->kind == PT_MM_MIXEDMAP)
		return split_frames(edit, va);
	return ptl_aligned(va, edit->mm->world->huge_lg2) ? 0 : ptl_cut_entry(edit, va);
}

int ptl_split_ends(struct ptl_edit *edit, pt_va_t first, pt_va_t last)
{
	int err = split_end(edit, first);

	return err ? err : split_end(edit, last + 1);
}

bool ptl_huge_aligned(const struct pt_mm *mm, pt_va_t first, pt_va_t last)
{
	const struct pt_mm_area *low = ptl_area_of(mm, first), *high = ptl_area_of(mm, last);

	if (low && low->kind == PT_MM_HUGETLB && !ptl_aligned(first, low->page_lg2))
		return false;
	return !high || high->kind != PT_MM_HUGETLB || ptl_aligned(last + 1, high->page_lg2);
}

bool ptl_is_exclusive(struct pt_world *world, pt_pa_t pa)
{
	return ptl_page_flags(ptl_page_at(world, pa)) & PTL_PAGE_EXCLUSIVE;
}

void ptl_set_exclusive(struct pt_world *world, pt_pa_t pa, uint64_t len, bool entire, bool on)
{
	struct ptl_page *page = ptl_page_at(world, pa);
	uint64_t nr = entire ? 1 : len >> world->page_lg2;

	for (uint64_t i = 0; i < nr; i++)
		ptl_page_set(&page[i], on ? PTL_PAGE_EXCLUSIVE : 0, on ? 0 : PTL_PAGE_EXCLUSIVE);
}

int ptl_anon_alloc(struct pt_mm *mm, const struct pt_mm_area *area, pt_va_t va, unsigned int order,
		   unsigned int flags, bool zero, pt_pa_t *head)
{
	int err = ptl_folio_alloc(mm, mm->world, order, flags | PTL_PAGE_ANON, zero, head);

	if (!err)
		atomic_store_explicit(&ptl_page_at(mm->world, *head)->offset,
				      ptl_area_offset(area, va), memory_order_relaxed);
	return err;
}

void ptl_soft_rewrite(struct ptl_edit *edit, const struct ptl_run *run, const struct pt_soft *soft)
{
	struct pt_change change = ptl_change(edit, PT_CHANGE_SAME);
	uint64_t len = run->last - run->va + 1;

	PTL_BUG_ON(pt_soft_set(edit->mm->pt, run->va, len, run->level, soft, &change));
}

/* @shared: the page is not this process's alone any more. */
bool ptl_soft_wrprotect(struct ptl_edit *edit, struct ptl_run *run, bool shared)
{
	struct pt_soft *soft = &run->soft;
	struct pt_soft old = *soft;
	struct ptl_piece piece;

	switch (soft->kind) {
	case PT_SOFT_MIGRATION_WRITE:
		soft->kind = PT_SOFT_MIGRATION_READ;
		if (!shared && ptl_soft_page(run, &piece) &&
		    ptl_page_flags(piece.head) & PTL_PAGE_ANON)
			soft->kind = PT_SOFT_MIGRATION_READ_EXCLUSIVE;
		break;
	case PT_SOFT_MIGRATION_READ_EXCLUSIVE:
		if (shared)
			soft->kind = PT_SOFT_MIGRATION_READ;
		break;
	case PT_SOFT_DEVICE_WRITE:
		soft->kind = PT_SOFT_DEVICE_READ;
		break;
	case PT_SOFT_DEVICE_EXCLUSIVE_WRITE:
		soft->kind = PT_SOFT_DEVICE_EXCLUSIVE;
		break;
	case PT_SOFT_SWAP:
		if (shared)
			soft->flags &= ~PT_SOFT_EXCLUSIVE;
		break;
	default:
		break;
	}
	if (soft->kind == old.kind && soft->flags == old.flags)
		return false;
	ptl_soft_rewrite(edit, run, soft);
	return true;
}

int ptl_cut_all(struct ptl_edit *edit, pt_va_t first, pt_va_t last)
{
	unsigned int lg2 = edit->mm->world->huge_lg2;

	for (pt_va_t va = first;; va = ptl_last(va, lg2) + 1) {
		int err = ptl_cut_entry(edit, va);

		if (err || ptl_last(va, lg2) >= last)
			return err;
	}
}
