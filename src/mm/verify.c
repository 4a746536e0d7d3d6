/* SPDX-License-Identifier: MIT */
/* Everything looked at, and counted anew beside what is counted. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "mm/edit.h"

#include <stdlib.h>
#include <sys/mman.h>

#include <ptlib/verify.h>

/* A count of mappings of each page, as sparse as the pages' own facts. */
struct counted {
	uint32_t maps, entire;
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

static void verify_areas(struct verify *v, const struct pt_mm *mm)
{
	for (size_t i = 0; i < mm->areas.nr; i++) {
		const struct pt_mm_area *area = &mm->areas.at[i];

		if (area->last < area->first ||
		    !ptl_aligned(area->first | (area->last + 1), v->world->page_lg2))
			find(v, mm, area->first, 0, "an area that is not whole pages");
		if (i && area[-1].last >= area->first)
			find(v, mm, area->first, 0, "areas that overlap or do not ascend");
		else if (i && ptl_area_can_follow(&area[-1], area))
			find(v, mm, area->first, 0, "areas that should be one");
	}
}

static void count_piece(struct verify *v, const struct pt_mm *mm, const struct pt_mm_area *area,
			const struct ptl_piece *piece)
{
	const struct pt_world *world = v->world;
	unsigned int flags = ptl_page_flags(piece->head);
	uint64_t page = ptl_page_bytes(world);

	if (!(flags & PTL_PAGE_USED))
		find(v, mm, piece->va, piece->pa, "a mapping of a free page");
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

static void verify_leaf(struct verify *v, const struct pt_mm *mm, const struct pt_mm_area *area,
			const struct ptl_run *run)
{
	const struct pt_world *world = v->world;
	pt_va_t va = run->va;
	struct ptl_piece piece;

	if (run->hidden == ptl_is_accessible(area) && !run->hidden)
		find(v, mm, va, run->pa, "a leaf in an area without rights");
	if (run->attr & PT_ATTR_WRITE && !(area->flags & PT_MM_WRITE) && !run->hidden)
		find(v, mm, va, run->pa, "a writable leaf in an area that is not");
	if (!run->hidden && !(run->attr & PT_ATTR_EXEC) != !(area->flags & PT_MM_EXEC))
		find(v, mm, va, run->pa, "a leaf that may be executed, or not, unlike its area");
	if (run->attr & PT_ATTR_WRITE && run->attr & world->cfg.soft.attr_uffd_wp)
		find(v, mm, va, run->pa, "a writable leaf with a uffd-wp mark");
	do {
		piece = ptl_piece_at(run, va);
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

static int verify_mm(struct verify *v, struct pt_mm *mm)
{
	struct ptl_run run;
	pt_va_t from = v->world->user_first;
	int err;

	verify_areas(v, mm);
	for (size_t i = 0; i <= mm->areas.nr; i++) {
		const struct pt_mm_area *area = i < mm->areas.nr ? &mm->areas.at[i] : NULL;
		pt_va_t end = area ? area->first : v->world->user_last;

		if (end > from)
			for (bool more = ptl_run_start(&run, mm, from, area ? end - 1 : end); more;
			     more = ptl_run_next(&run))
				if (run.kind != PTL_RUN_HOLE)
					find(v, mm, run.va, 0, "an entry outside of areas");
		if (!area)
			break;
		from = area->last + 1;
		for (bool more = ptl_run_start(&run, mm, area->first, area->last); more;
		     more = ptl_run_next(&run)) {
			struct ptl_piece piece;

			if (run.kind == PTL_RUN_LEAF)
				verify_leaf(v, mm, area, &run);
			else if (run.kind == PTL_RUN_SOFT && run.soft.kind == PT_SOFT_UNKNOWN)
				find(v, mm, run.va, 0, "a word of unknown kind");
			else if (run.kind == PTL_RUN_SOFT && run.soft.kind == PT_SOFT_SWAP)
				ptl_swap_count_anew(ptl_swap_of(v->world, run.soft.type),
						    run.soft.offset);
			else if (run.kind == PTL_RUN_SOFT && ptl_soft_page(&run, &piece) &&
				 piece.counted)
				count_piece(v, mm, area, &piece);
		}
	}
	err = pt_verify(mm->pt, NULL, NULL);
	if (err && err != -ENOMEM)
		find(v, mm, 0, 0, "a table that pt_verify() finds bad");
	return err == -ENOMEM ? err : 0;
}

static void verify_pages(struct verify *v, size_t i)
{
	const struct pt_world *world = v->world;

	for (size_t k = 0; k < world->regions[i].nr_touched; k++) {
		struct ptl_page *page = &world->regions[i].pages[k];
		pt_pa_t pa = world->regions[i].pa + ((uint64_t)k << world->page_lg2);
		const struct counted *counted = &v->pages[i][k];
		uint32_t total = 0;

		if (atomic_load(&page->maps) != counted->maps)
			find(v, NULL, 0, pa,
			     "a page that is mapped more, or less, often than it counts");
		if (atomic_load(&page->entire) != counted->entire)
			find(v, NULL, 0, pa,
			     "a folio whose mappings as a whole are not as it counts");
		if (!(ptl_page_flags(page) & PTL_PAGE_USED) || ptl_folio_head(world, pa) != pa)
			continue;
		for (uint64_t n = 0; n < UINT64_C(1) << ptl_page_order(page); n++) {
			uint32_t maps = counted[n].maps + counted->entire;

			total += counted[n].maps;
			if (ptl_page_flags(&page[n]) & PTL_PAGE_EXCLUSIVE && maps > 1)
				find(v, NULL, 0, pa, "an exclusive page with several mappings");
		}
		total += counted->entire;
		if (atomic_load(&page->total) != total)
			find(v, NULL, 0, pa, "a folio whose sum of mappings is wrong");
		if (!total && !page->pins)
			find(v, NULL, 0, pa, "a folio that nobody has, and that is not free");
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
	for (size_t i = 0; !err && i < world->nr_regions; i++)
		verify_pages(&v, i);
	for (const struct pt_file *file = world->files; file && !err; file = ptl_file_next(file))
		ptl_file_count_swap(file);
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
