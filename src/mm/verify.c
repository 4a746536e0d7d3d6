/* SPDX-License-Identifier: MIT */
/* Everything looked at, and counted anew beside what is counted. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "mm/edit.h"

#include <stdlib.h>
#include <sys/mman.h>

#include <ptlib/verify.h>

/* What refers to each page, as sparse as the pages' own facts. */
struct counted {
	uint32_t maps, entire;
	bool cached; /* a file's cache leads here, where the folio says it is */
	bool lost; /* on the world's list of lost pages */
};

struct verify {
	const struct pt_world *world;
	struct counted **pages; /* of each region */
	bool (*report)(void *ctx, const struct pt_mm_finding *finding);
	void *ctx;
	bool found, stopped;
};

static void find(struct verify *v, const struct pt_mm *mm, pt_va_t va, pt_pa_t pa, const char *what)
{
	const struct pt_mm_finding finding = { mm, va, pa, what };

	v->found = true;
	if (v->report && !v->stopped)
		v->stopped = !v->report(v->ctx, &finding);
}

static size_t nr_pages(const struct pt_world *world, size_t i)
{
	return (size_t)(world->regions[i].len >> world->page_lg2);
}

/* @pa is of a page of ours. Regions ascend. */
static struct counted *counted_at(struct verify *v, pt_pa_t pa)
{
	const struct pt_world *world = v->world;
	size_t low = 0, high = world->nr_regions - 1;

	while (low < high) {
		size_t middle = low + (high - low + 1) / 2;

		if (world->regions[middle].pa <= pa)
			low = middle;
		else
			high = middle - 1;
	}
	return &v->pages[low][(pa - world->regions[low].pa) >> world->page_lg2];
}

/* False: not all of them are ranges, by which one could go over words. */
static bool verify_areas(struct verify *v, const struct pt_mm *mm)
{
	bool are_ranges = true;

	for (size_t i = 0; i < mm->areas.nr; i++) {
		const struct pt_mm_area *area = &mm->areas.at[i];

		are_ranges &= area->first <= area->last;
		if (area->first < v->world->user_first || area->last > v->world->user_last)
			find(v, mm, area->first, 0, "an area outside of what processes have");
		if (area->last < area->first ||
		    !ptl_aligned(area->first | (area->last + 1), v->world->page_lg2))
			find(v, mm, area->first, 0, "an area that is not whole pages");
		if (i && area[-1].last >= area->first)
			find(v, mm, area->first, 0, "areas that overlap or do not ascend");
		else if (i && ptl_area_can_follow(&area[-1], area))
			find(v, mm, area->first, 0, "areas that should be one");
	}
	return are_ranges;
}

/*
 * Whether the page of ours at @pa is of a folio: one that lies in its region, and whose head says
 * the same. Else nothing may be asked of a folio there.
 */
static bool is_of_folio(const struct pt_world *world, pt_pa_t pa)
{
	const struct ptl_page_region *region = ptl_page_region(world, pa);
	unsigned int order = ptl_page_order(ptl_page_at(world, pa));
	unsigned int lg2 = world->page_lg2 + order;
	pt_pa_t head;

	if (lg2 > 63 || region->len < PTL_BIT(lg2))
		return false;
	head = ptl_align_down(pa, lg2);
	return head >= region->pa && head - region->pa <= region->len - PTL_BIT(lg2) &&
	       ptl_page_order(ptl_page_at(world, head)) == order;
}

/* What is wrong with the folio of @head in @area; NULL: nothing. */
static const char *page_is_wrong(const struct pt_world *world, const struct pt_mm_area *area,
				 const struct ptl_page *head)
{
	const struct pt_file *file = atomic_load(&head->file);
	unsigned int flags = ptl_page_flags(head);

	if (!(flags & PTL_PAGE_USED))
		return "a mapping of a free page";
	if (!(flags & PTL_PAGE_HUGETLB) != (area->kind != PT_MM_HUGETLB))
		return "a page of hugetlb elsewhere, or another in its place";
	if (flags & PTL_PAGE_HUGETLB && world->page_lg2 + ptl_page_order(head) != area->page_lg2)
		return "a page of hugetlb of another size than its area's";
	if (flags & PTL_PAGE_ANON)
		return NULL;
	if (area->kind == PT_MM_PFNMAP)
		return "a page that counts in a PFN map";
	return area->kind == PT_MM_ANON || file != area->file ? "a page of another file" : NULL;
}

static void count_piece(struct verify *v, const struct pt_mm *mm, const struct pt_mm_area *area,
			const struct ptl_piece *piece)
{
	const struct pt_world *world = v->world;
	const char *wrong = page_is_wrong(world, area, piece->head);
	unsigned int flags = ptl_page_flags(piece->head);
	uint64_t page = ptl_page_bytes(world);

	if (wrong)
		find(v, mm, piece->va, piece->pa, wrong);
	if (flags & PTL_PAGE_ANON && !ptl_area_is_private(area))
		find(v, mm, piece->va, piece->pa, "an anonymous page in a shared area");
	if ((flags & PTL_PAGE_ANON || atomic_load(&piece->head->file)) &&
	    atomic_load(&piece->head->offset) + (piece->pa - ptl_folio_head(world, piece->pa)) !=
		    ptl_area_offset(area, piece->va))
		find(v, mm, piece->va, piece->pa, "a page at another offset than it says");
	if (piece->entire) {
		counted_at(v, piece->pa)->entire++;
		return;
	}
	for (pt_pa_t pa = piece->pa; pa - piece->pa < piece->last - piece->va + 1; pa += page)
		counted_at(v, pa)->maps++;
}

/* A leaf of a zero page without the special bit: of the whole huge one, to be read. */
static void verify_huge_zero(struct verify *v, const struct pt_mm *mm,
			     const struct pt_mm_area *area, const struct ptl_run *run, pt_va_t va)
{
	pt_pa_t pa = run->pa + (va - run->va);

	if (area->kind != PT_MM_ANON)
		find(v, mm, va, pa, "a zero page in an area of others");
	if (run->level != 1 || pa != ptl_huge_zero(v->world))
		find(v, mm, va, pa, "a part of the huge zero page, or one that is not special");
	if (run->attr & (PT_ATTR_WRITE | PT_ATTR_DIRTY) || ptl_is_dirty(v->world, run->attr))
		find(v, mm, va, pa, "a huge zero page that may be, or was, written");
}

static void verify_leaf(struct verify *v, const struct pt_mm *mm, const struct pt_mm_area *area,
			const struct ptl_run *run)
{
	const struct pt_world *world = v->world;
	bool special = run->attr & world->cfg.soft.attr_special;
	pt_va_t va = run->va;
	struct ptl_piece piece;

	if (!run->hidden && !ptl_is_accessible(area))
		find(v, mm, va, run->pa, "a leaf in an area without rights");
	if (special && area->kind != PT_MM_PFNMAP && area->kind != PT_MM_MIXEDMAP &&
	    (area->kind != PT_MM_ANON || run->pa != world->zero_page))
		find(v, mm, va, run->pa, "a frame that nobody counts, in an area of pages");
	if (run->attr & PT_ATTR_WRITE && !(area->flags & PT_MM_WRITE))
		find(v, mm, va, run->pa, "a writable leaf in an area that is not");
	if (!run->hidden && !(run->attr & PT_ATTR_EXEC) != !(area->flags & PT_MM_EXEC))
		find(v, mm, va, run->pa, "a leaf that may be executed, or not, unlike its area");
	if (pt_attr_key(run->attr) != area->key)
		find(v, mm, va, run->pa, "a leaf of another protection key than its area");
	if (run->attr & PT_ATTR_WRITE && run->attr & world->cfg.soft.attr_uffd_wp)
		find(v, mm, va, run->pa, "a writable leaf with a uffd-wp mark");
	do {
		pt_pa_t pa = run->pa + (va - run->va);

		if (!special && ptl_is_zero(world, pa))
			verify_huge_zero(v, mm, area, run, va);
		if (!special && (!ptl_page_at(world, pa) || !is_of_folio(world, pa))) {
			find(v, mm, va, pa,
			     ptl_page_at(world, pa) ? "a leaf of a page of no whole folio"
						    : "a leaf of no page of ours");
			piece.last = ptl_last(va, world->page_lg2);
			va = piece.last + 1;
			continue;
		}
		piece = ptl_piece_at(run, va);
		if (piece.head && ptl_page_flags(piece.head) & (PTL_PAGE_DEVICE | PTL_PAGE_MOVING))
			find(v, mm, va, pa, "a leaf of a page that moves, or is a device's");
		if (piece.counted) {
			count_piece(v, mm, area, &piece);
			if (run->attr & PT_ATTR_WRITE && !run->hidden &&
			    ptl_area_is_private(area) && area->kind != PT_MM_MIXEDMAP &&
			    !ptl_is_exclusive((struct pt_world *)(uintptr_t)world, piece.pa))
				find(v, mm, va, piece.pa, "a writable private page that is shared");
		}
		va = piece.last + 1;
	} while (piece.last < run->last);
}

/* Whether words of @kind may stand in @area, @markers what markers say. */
static bool may_stand(const struct pt_mm_area *area, enum pt_soft_kind kind, unsigned int markers)
{
	const bool files = area->kind == PT_MM_FILE || area->kind == PT_MM_HUGETLB;

	switch (kind) {
	case PT_SOFT_SWAP:
	case PT_SOFT_DEVICE_READ:
	case PT_SOFT_DEVICE_WRITE:
	case PT_SOFT_DEVICE_EXCLUSIVE:
	case PT_SOFT_DEVICE_EXCLUSIVE_WRITE:
		return ptl_area_is_private(area) && area->kind != PT_MM_HUGETLB;
	case PT_SOFT_MARKER:
		if (markers & PT_SOFT_MARKER_GUARD && area->kind != PT_MM_ANON &&
		    area->kind != PT_MM_FILE)
			return false;
		return !(markers & PT_SOFT_MARKER_UFFD_WP) || files;
	default:
		/* Private PFN maps have pages: copies. */
		return area->kind != PT_MM_PFNMAP || ptl_area_is_private(area);
	}
}

static bool says_write(const struct pt_soft *soft)
{
	return soft->kind == PT_SOFT_MIGRATION_WRITE || soft->kind == PT_SOFT_DEVICE_WRITE ||
	       soft->kind == PT_SOFT_DEVICE_EXCLUSIVE_WRITE;
}

/* What is wrong with a word that holds a frame and the page there; NULL: nothing. */
static const char *word_disagrees(const struct pt_soft *soft, const struct ptl_page *head)
{
	unsigned int flags = ptl_page_flags(head);
	bool device = soft->kind == PT_SOFT_DEVICE_READ || soft->kind == PT_SOFT_DEVICE_WRITE;
	bool moving = soft->kind >= PT_SOFT_MIGRATION_READ && soft->kind <= PT_SOFT_MIGRATION_WRITE;

	if (!(flags & PTL_PAGE_DEVICE) != !device)
		return "a word of a device for another page, or the other way round";
	if (!(flags & PTL_PAGE_MOVING) != !moving)
		return "a migration entry of a page that stays, or another of one that moves";
	if (!(flags & PTL_PAGE_POISONED) != (soft->kind != PT_SOFT_HWPOISON))
		return "a poison word of a sound page, or another of one that is lost";
	return NULL;
}

static void verify_word(struct verify *v, const struct pt_mm *mm, const struct pt_mm_area *area,
			const struct ptl_run *run)
{
	const struct pt_world *world = v->world;
	const struct pt_soft *soft = &run->soft;
	pt_pa_t pa = soft->pfn << world->page_lg2;
	struct ptl_piece piece;
	const char *wrong;

	if (soft->kind == PT_SOFT_UNKNOWN) {
		find(v, mm, run->va, 0, "a word of unknown kind");
		return;
	}
	if (!may_stand(area, soft->kind, soft->markers))
		find(v, mm, run->va, pa, "a word of a kind that its area does not have");
	if (says_write(soft) && !(area->flags & PT_MM_WRITE))
		find(v, mm, run->va, pa, "a word of a writable page in an area that is not");
	if (soft->kind == PT_SOFT_MARKER)
		return;
	if (soft->kind == PT_SOFT_SWAP) {
		struct pt_swap *swap = ptl_swap_of(world, soft->type);

		if (!ptl_swap_count_anew(swap, soft->offset))
			find(v, mm, run->va, 0, "a swap word of no slot");
		else if (soft->flags & PT_SOFT_EXCLUSIVE && pt_swap_count(swap, soft->offset) > 1)
			find(v, mm, run->va, 0, "an exclusive swap word of a slot that is shared");
		return;
	}
	if (!ptl_page_at(world, pa)) {
		find(v, mm, run->va, pa, "a word of no page of ours");
		return;
	}
	if (!is_of_folio(world, pa)) {
		find(v, mm, run->va, pa, "a word of a page of no whole folio");
		return;
	}
	wrong = word_disagrees(soft, ptl_folio_at(world, pa));
	if (wrong)
		find(v, mm, run->va, pa, wrong);
	if (ptl_soft_page(run, &piece) && piece.counted)
		count_piece(v, mm, area, &piece);
}

/*
 * [first, last] is all between two areas, or before the first, or behind the last: nothing stands
 * there, nor does a table that is for nothing else.
 */
static void verify_gap(struct verify *v, struct pt_mm *mm, pt_va_t first, pt_va_t last)
{
	const struct pt_format_info *info = &v->world->info;
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, mm, first, last); more; more = ptl_run_next(&run)) {
		unsigned int lg2;

		if (run.kind != PTL_RUN_HOLE) {
			find(v, mm, run.va, 0, "an entry outside of areas");
			continue;
		}
		if (run.level + 1 == info->nr_levels)
			continue;
		/* A hole of a level is one of that level's tables, of which each covers: */
		lg2 = info->leaf_lg2[run.level + 1];
		for (pt_va_t at = ptl_align_down(run.va, lg2);; at += PTL_BIT(lg2)) {
			if (at >= first && ptl_last(at, lg2) <= last)
				find(v, mm, at, 0, "an empty table outside of areas");
			if (ptl_last(at, lg2) >= run.last)
				break;
		}
	}
}

static void verify_area(struct verify *v, struct pt_mm *mm, const struct pt_mm_area *area)
{
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, mm, area->first, area->last); more;
	     more = ptl_run_next(&run)) {
		if (run.kind == PTL_RUN_LEAF)
			verify_leaf(v, mm, area, &run);
		else if (run.kind == PTL_RUN_SOFT)
			verify_word(v, mm, area, &run);
	}
}

static int verify_mm(struct verify *v, struct pt_mm *mm)
{
	pt_va_t from = v->world->user_first;
	int err = pt_verify(mm->pt, NULL, NULL);
	bool are_ranges = verify_areas(v, mm);

	if (err == -ENOMEM)
		return err;
	if (err)
		find(v, mm, 0, 0, "a table that pt_verify() finds bad");
	/* What is no word of its level is not to be looked at as one. */
	if (err || !are_ranges)
		return 0;
	for (size_t i = 0; i < mm->areas.nr; i++) {
		const struct pt_mm_area *area = &mm->areas.at[i];

		if (area->first > from)
			verify_gap(v, mm, from, area->first - 1);
		verify_area(v, mm, area);
		from = area->last + 1;
		if (!from) /* nothing is behind the last address */
			return 0;
	}
	if (from <= v->world->user_last)
		verify_gap(v, mm, from, v->world->user_last);
	return 0;
}

/* What a cache leads to is of the folio that says so; and what is in swap, in a slot. */
static void verify_cache(struct verify *v, const struct pt_file *file)
{
	const struct pt_world *world = v->world;
	uint64_t offset = 0;
	pt_pa_t pa;

	for (; ptl_file_next_page(file, &offset, &pa); offset += ptl_page_bytes(world)) {
		const struct ptl_page *head = NULL;

		if (ptl_page_at(world, pa) && is_of_folio(world, pa))
			head = ptl_folio_at(world, pa);
		if (head && ptl_page_flags(head) & PTL_PAGE_USED &&
		    atomic_load(&head->file) == file &&
		    atomic_load(&head->offset) + (pa - ptl_folio_head(world, pa)) == offset)
			counted_at(v, pa)->cached = true;
		else
			find(v, NULL, 0, pa, "a page in a cache that says it is elsewhere");
	}
	if (!ptl_file_count_swap(file))
		find(v, NULL, 0, 0, "a file whose pages in swap are not as it counts");
}

static void verify_lost(struct verify *v)
{
	const struct pt_world *world = v->world;

	for (uint64_t at = world->poisoned; at;) {
		pt_pa_t pa = at & ~UINT64_C(1);
		const struct ptl_page *page = ptl_page_at(world, pa);

		/* What is on it twice would lead round for ever. */
		if (!page || !is_of_folio(world, pa) || ptl_folio_head(world, pa) != pa ||
		    !(ptl_page_flags(page) & PTL_PAGE_POISONED) || counted_at(v, pa)->lost) {
			find(v, NULL, 0, pa, "a list of lost pages that leads to another");
			return;
		}
		counted_at(v, pa)->lost = true;
		at = atomic_load(&page->offset);
	}
}

/* How often the folio of @page at @pa is held, by all that may do so. */
static unsigned int count_pins(const struct pt_world *world, const struct ptl_page *page,
			       pt_pa_t pa, const struct counted *counted)
{
	return !!atomic_load(&page->file) + !!(ptl_page_flags(page) & PTL_PAGE_MOVING) +
	       counted->lost + ptl_is_zero(world, pa);
}

/* @page at @pa heads a folio, whose pages were @counted. */
static void verify_folio(struct verify *v, const struct ptl_page *page, pt_pa_t pa,
			 const struct counted *counted)
{
	unsigned int pins = count_pins(v->world, page, pa, counted);
	const bool is_files = atomic_load(&page->file);
	uint32_t total = counted->entire;

	for (uint64_t n = 0; n < UINT64_C(1) << ptl_page_order(page); n++) {
		uint32_t maps = counted[n].maps + counted->entire;

		total += counted[n].maps;
		if (ptl_page_flags(&page[n]) & PTL_PAGE_EXCLUSIVE && maps > 1)
			find(v, NULL, 0, pa, "an exclusive page with several mappings");
		if (!(ptl_page_flags(&page[n]) & PTL_PAGE_USED) ||
		    ptl_page_order(&page[n]) != ptl_page_order(page))
			find(v, NULL, 0, pa, "a folio that not all its pages are of");
		if (n && (atomic_load(&page[n].total) || page[n].pins))
			find(v, NULL, 0, pa, "a page that counts what its folio's head has to");
		if (is_files && !counted[n].cached)
			find(v, NULL, 0, pa, "a page of a file whose cache does not lead to it");
	}
	if (atomic_load(&page->total) != total)
		find(v, NULL, 0, pa, "a folio whose sum of mappings is wrong");
	if (ptl_page_flags(page) & PTL_PAGE_POISONED && !counted->lost)
		find(v, NULL, 0, pa, "a lost page that is not on the list of them");
	if (ptl_page_flags(page) & PTL_PAGE_LAZY &&
	    (!(ptl_page_flags(page) & PTL_PAGE_ANON) || ptl_page_flags(page) & PTL_PAGE_HUGETLB))
		find(v, NULL, 0, pa, "a page that was given up, of a kind that cannot be");
	if (ptl_page_flags(page) & PTL_PAGE_MOVING && !total)
		find(v, NULL, 0, pa, "a folio that moves, and that nobody maps");
	if (page->pins != pins)
		find(v, NULL, 0, pa, "a folio that is held more, or less, often than it counts");
	if (!total && !pins)
		find(v, NULL, 0, pa, "a folio that nobody has, and that is not free");
}

static void verify_pages(struct verify *v, size_t i)
{
	const struct pt_world *world = v->world;
	const struct ptl_page_region *region = &world->regions[i];
	size_t nr = nr_pages(world, i);

	for (size_t k = ptl_page_touched(world, region, 0); k < nr;
	     k = ptl_page_touched(world, region, k + 1)) {
		struct ptl_page *page = &region->pages[k];
		pt_pa_t pa = region->pa + ((uint64_t)k << world->page_lg2);
		const struct counted *counted = &v->pages[i][k];

		if (atomic_load(&page->maps) != counted->maps)
			find(v, NULL, 0, pa,
			     "a page that is mapped more, or less, often than it counts");
		if (atomic_load(&page->entire) != counted->entire)
			find(v, NULL, 0, pa,
			     "a folio whose mappings as a whole are not as it counts");
		if (!is_of_folio(world, pa))
			find(v, NULL, 0, pa, "a page of no whole folio");
		else if (!(ptl_page_flags(page) & PTL_PAGE_USED) &&
			 (ptl_page_flags(page) || ptl_page_order(page) ||
			  atomic_load(&page->total) || page->pins))
			find(v, NULL, 0, pa, "a free page that is not as it was left");
		else if (ptl_page_flags(page) & PTL_PAGE_USED && ptl_folio_head(world, pa) == pa)
			verify_folio(v, page, pa, counted);
	}
}

int pt_world_verify(const struct pt_world *world,
		    bool (*report)(void *ctx, const struct pt_mm_finding *), void *ctx)
{
	struct verify v = { .world = world, .report = report, .ctx = ctx };
	int err = 0;

	v.pages = calloc(world->nr_regions, sizeof(struct counted *));
	if (!v.pages)
		return -ENOMEM;
	for (size_t i = 0; i < world->nr_regions; i++) {
		void *pages = mmap(NULL, nr_pages(world, i) * sizeof(struct counted),
				   PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (pages == MAP_FAILED)
			err = -ENOMEM;
		else
			v.pages[i] = pages;
	}
	for (struct pt_mm *mm = world->mms; mm && !err; mm = mm->next)
		err = verify_mm(&v, mm);
	for (const struct pt_file *file = world->files; file && !err; file = ptl_file_next(file))
		verify_cache(&v, file);
	if (!err)
		verify_lost(&v);
	for (size_t i = 0; !err && i < world->nr_regions; i++)
		verify_pages(&v, i);
	/* On failure too, so that the next time counts from 0. */
	for (struct pt_swap *swap = world->swaps; swap; swap = ptl_swap_next(swap))
		if (!ptl_swap_counts_agree(swap) && !err)
			find(&v, NULL, 0, 0,
			     "a swap slot that is referred to otherwise than it counts");
	for (size_t i = 0; i < world->nr_regions; i++)
		if (v.pages[i])
			munmap(v.pages[i], nr_pages(world, i) * sizeof(struct counted));
	free(v.pages);
	return err ? err : v.found ? -EFAULT : 0;
}
