/* SPDX-License-Identifier: MIT */
/* The walk that reports are made of, and pagemap, which is one word a page. */
#include "mm/report.h"

#include "pt/soft_word.h"

struct pt_view pt_mm_view(const struct pt_mm *mm)
{
	return (struct pt_view){ mm->pt, mm->areas.at, mm->areas.nr, mm->world };
}

static enum pt_area_verdict find_area(const struct ptl_areas *areas, pt_va_t va,
				      struct pt_area *area)
{
	const struct pt_mm_area *found;
	size_t i = ptl_areas_find(areas, va);

	if (i == areas->nr)
		return PT_AREA_END;
	found = &areas->at[i];
	*area = (struct pt_area){
		.first = found->first,
		.last = found->last,
		.flags = found->kind == PT_MM_PFNMAP ? PT_AREA_PFN_MAP : 0,
		.huge_lg2 = found->page_lg2,
		.owner = (void *)(uintptr_t)found,
	};
	return PT_AREA_WALK;
}

static enum pt_area_verdict next_area(void *ctx, pt_va_t va, struct pt_area *area)
{
	const struct pt_view *view = ctx;
	const struct ptl_areas areas = { .at = (struct pt_mm_area *)(uintptr_t)view->areas,
					 .nr = view->nr_areas };

	return find_area(&areas, va, area);
}

static enum pt_area_verdict next_area_of_mm(void *ctx, pt_va_t va, struct pt_area *area)
{
	const struct pt_mm *mm = ctx;

	return find_area(&mm->areas, va, area);
}

struct pt_area_ops pt_mm_area_ops(struct pt_mm *mm)
{
	return (struct pt_area_ops){ next_area_of_mm, mm };
}

/* Ends the run where the huge zero page begins or ends. */
static void cut_at_huge_zero(struct ptl_view_walk *walk)
{
	const struct pt_world *world = walk->view->world;
	struct pt_range_walk *run = &walk->walk;
	uint64_t len = run->len;

	if (!world || !run->level || !ptl_view_is_leaf(walk))
		return;
	if (ptl_is_huge_zero(world, run->pa))
		len = PTL_BIT(world->huge_lg2) - (run->pa - ptl_huge_zero(world));
	else if (ptl_huge_zero(world) > run->pa)
		len = ptl_huge_zero(world) - run->pa;
	if (len >= run->len)
		return;
	walk->rest = run->len - len;
	run->len = len;
}

static bool settle(struct ptl_view_walk *walk)
{
	while (walk->type == PTW_AGAIN)
		walk->type = pt_range_walk_next(&walk->walk);
	if (walk->type != PTW_DONE && walk->type != PTW_ABORT) {
		cut_at_huge_zero(walk);
		return true;
	}
	(void)pt_range_walk_done(&walk->walk);
	return false;
}

bool ptl_view_start(struct ptl_view_walk *walk, const struct pt_view *view, pt_va_t first,
		    pt_va_t last)
{
	static const struct pt_soft_cfg none;
	const struct pt_soft_cfg *soft = pt_pgtable_soft(view->pt);

	walk->view = view;
	walk->soft = soft ? soft : &none;
	walk->region = NULL;
	walk->rest = 0;
	walk->ops = (struct pt_area_ops){ next_area, (void *)(uintptr_t)view };
	walk->type = pt_range_walk_start_areas(&walk->walk, view->pt, &walk->ops, first, last,
					       PT_TYPE_ALL, PT_WALK_RESPECT_AD | PT_WALK_PFNS);
	return settle(walk);
}

bool ptl_view_next(struct ptl_view_walk *walk)
{
	if (walk->rest) {
		walk->walk.va += walk->walk.len;
		walk->walk.pa += walk->walk.len;
		walk->walk.len = walk->rest;
		walk->rest = 0;
		cut_at_huge_zero(walk);
		return true;
	}
	walk->type = pt_range_walk_next(&walk->walk);
	return settle(walk);
}

const struct ptl_page *ptl_view_page(const struct pt_view *view, pt_pa_t pa)
{
	const struct ptl_page *page = view->world ? ptl_page_at(view->world, pa) : NULL;

	return page && ptl_page_flags(page) & PTL_PAGE_USED ? page : NULL;
}

const struct ptl_page *ptl_view_facts_far(struct ptl_view_walk *walk, pt_pa_t pa)
{
	const struct pt_world *world = walk->view->world;

	walk->region = world ? ptl_page_region(world, pa) : NULL;
	return walk->region ? ptl_view_facts(walk, pa) : NULL;
}

/* Kernels ask every kind of word for the bits, and markers for what they say beside. */
unsigned int ptl_view_soft_marks(const struct ptl_view_walk *walk)
{
	const struct pt_soft_cfg *cfg = walk->soft;
	const struct pt_soft *soft = &walk->walk.soft;
	unsigned int marks = walk->walk.raw & cfg->soft_dirty ? PT_SOFT_SOFT_DIRTY : 0;

	if (walk->walk.raw & cfg->uffd_wp ||
	    (soft->kind == PT_SOFT_MARKER && soft->markers & PT_SOFT_MARKER_UFFD_WP))
		marks |= PT_SOFT_UFFD_WP;
	return marks;
}

/* Bits that come from the page's descriptor. */
static uint64_t page_bits(const struct pt_view *view, pt_pa_t pa, bool moving)
{
	uint64_t word = 0;

	if (!ptl_view_page(view, pa))
		return 0;
	if (!(ptl_page_flags(ptl_folio_at(view->world, pa)) & PTL_PAGE_ANON))
		word |= PT_PAGEMAP_FILE;
	if (!moving && ptl_page_mapcount(view->world, pa) == 1)
		word |= PT_PAGEMAP_EXCLUSIVE;
	return word;
}

static uint64_t leaf_word(const struct ptl_view_walk *walk, pt_va_t va, unsigned int page_lg2)
{
	const struct pt_soft_cfg *soft = pt_pgtable_soft(walk->view->pt);
	const struct pt_mm_area *area = walk->walk.area.owner;
	pt_pa_t pa = walk->walk.pa + (va - walk->walk.va);
	uint64_t word = PT_PAGEMAP_PRESENT | pa >> page_lg2;

	/* What is mapped by frame number is not shown at all. */
	if (area->kind == PT_MM_PFNMAP)
		return 0;
	/* hugetlb does not track what is written. */
	if (soft && walk->walk.attr & soft->attr_soft_dirty && area->kind != PT_MM_HUGETLB)
		word |= PT_PAGEMAP_SOFT_DIRTY;
	if (soft && walk->walk.attr & soft->attr_uffd_wp)
		word |= PT_PAGEMAP_UFFD_WP;
	/* As pagemap_pmd_range() has it: a page, and no anonymous one. */
	if (ptl_view_is_huge_zero(walk))
		return word | PT_PAGEMAP_FILE;
	return ptl_view_has_page(walk) ? word | page_bits(walk->view, pa, false) : word;
}

static uint64_t soft_word(const struct ptl_view_walk *walk, pt_va_t va, unsigned int page_lg2)
{
	const struct pt_soft_cfg *cfg = pt_pgtable_soft(walk->view->pt);
	const struct pt_mm_area *area = walk->walk.area.owner;
	const struct pt_soft *first = &walk->walk.soft;
	struct pt_soft soft = pt_soft_step(*first, (va - walk->walk.va) >> page_lg2);
	bool wp = ptl_view_soft_marks(walk) & PT_SOFT_UFFD_WP;
	uint64_t word = PT_PAGEMAP_SWAP, offset;
	unsigned int type;

	if (area->kind == PT_MM_HUGETLB)
		return wp ? PT_PAGEMAP_UFFD_WP : 0;
	switch (soft.kind) {
	case PT_SOFT_SWAP:
		type = soft.type;
		offset = soft.offset;
		break;
	case PT_SOFT_MARKER:
		/* As they stand: what 6.1 has for POISONED is another type, with a frame. */
		type = walk->walk.raw >> cfg->type_shift & (PTL_BIT(PTL_SOFT_TYPE_BITS) - 1);
		offset = (walk->walk.raw ^ cfg->offset_flip) >> cfg->offset_shift &
			 (PTL_BIT(PTL_SOFT_OFFSET_BITS) - 1);
		break;
	default:
		type = cfg->special[soft.kind];
		offset = soft.pfn;
		word |= page_bits(walk->view, soft.pfn << page_lg2, true) & PT_PAGEMAP_FILE;
		break;
	}
	word |= ((uint64_t)type | offset << 5) & PT_PAGEMAP_PFN;
	if (ptl_view_soft_marks(walk) & PT_SOFT_SOFT_DIRTY)
		word |= PT_PAGEMAP_SOFT_DIRTY;
	if (soft.kind == PT_SOFT_MARKER && soft.markers & PT_SOFT_MARKER_GUARD)
		word |= PT_PAGEMAP_GUARD;
	return wp ? word | PT_PAGEMAP_UFFD_WP : word;
}

int pt_pagemap(const struct pt_view *view, pt_va_t first, pt_va_t last, uint64_t *words)
{
	uint64_t page = pt_granule(view->pt);
	unsigned int lg2 = (unsigned int)__builtin_ctzll(page);
	struct ptl_view_walk walk;

	if (last < first)
		return -EINVAL;
	first = ptl_align_down(first, lg2);
	last = ptl_last(last, lg2);
	for (uint64_t i = 0; i <= (last - first) >> lg2; i++)
		words[i] = 0;
	for (bool more = ptl_view_start(&walk, view, first, last); more;
	     more = ptl_view_next(&walk)) {
		const struct pt_mm_area *area = walk.walk.area.owner;

		for (pt_va_t va = walk.walk.va; va - walk.walk.va < walk.walk.len; va += page) {
			uint64_t *word = &words[(va - first) >> lg2];

			if (ptl_view_is_leaf(&walk))
				*word = leaf_word(&walk, va, lg2);
			else if (walk.type >= PTW_MARKER && walk.type <= PTW_HWPOISON)
				*word = soft_word(&walk, va, lg2);
			if (area->flags & PT_MM_SOFT_DIRTY)
				*word |= PT_PAGEMAP_SOFT_DIRTY;
		}
	}
	return 0;
}
