/* SPDX-License-Identifier: MIT */
/* A page that is lost. */
#include "mm/folios.h"

static int poison_piece(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
			const struct ptl_run *run, const struct ptl_piece *piece)
{
	struct pt_world *world = mm->world;
	struct pt_soft soft = { .kind = PT_SOFT_HWPOISON, .pfn = piece->pa >> world->page_lg2 };
	struct ptl_edit edit;

	(void)ctx;
	(void)area;
	if (!piece->counted)
		return 0;
	ptl_edit_begin(&edit, mm);
	ptl_set_words(&edit, run, piece, &soft);
	ptl_edit_end(&edit);
	ptl_map_del(world, piece->pa, piece->last - piece->va + 1, piece->entire);
	return 0;
}

/* Single pages out of the folio that @pa is in; those that nobody maps are free. -ENOMEM. */
int ptl_split_folio(struct pt_world *world, pt_pa_t pa)
{
	pt_pa_t head = ptl_folio_head(world, pa);
	uint64_t nr = UINT64_C(1) << ptl_page_order(ptl_page_at(world, head));
	int err = ptl_rmap_split(world, head);

	if (err)
		return err;
	ptl_folio_split(world, head);
	/* They were flushed when they were unmapped, and only the others kept them. */
	for (uint64_t i = 0; i < nr; i++) {
		pt_pa_t at = head + (i << world->page_lg2);
		const struct ptl_page *page = ptl_page_at(world, at);

		if (!page->pins && !atomic_load_explicit(&page->total, memory_order_relaxed))
			ptl_folio_free(world, at);
	}
	return 0;
}

int pt_mm_poison(struct pt_mm *mm, pt_va_t va)
{
	struct pt_world *world = mm->world;
	struct ptl_piece piece = { 0 };
	struct ptl_page *page;
	struct pt_file *file;
	struct ptl_run run;
	pt_va_t last;
	pt_pa_t head;
	int err;

	va = ptl_align_down(va, world->page_lg2);
	err = ptl_mm_range(mm, va, ptl_page_bytes(world), &last);
	if (err)
		return err;
	ptl_run_at(&run, mm, va);
	if (run.kind == PTL_RUN_LEAF)
		piece = ptl_piece_at(&run, va);
	else if (run.kind == PTL_RUN_SOFT)
		ptl_soft_page(&run, &piece);
	/* The zero page is nobody's, and never lost. */
	if (!piece.head)
		return -ENOENT;
	page = piece.head;
	file = atomic_load_explicit(&page->file, memory_order_relaxed);
	if (run.kind == PTL_RUN_SOFT || ptl_page_flags(page) & PTL_PAGE_MOVING ||
	    (!(ptl_page_flags(page) & PTL_PAGE_ANON) && !file))
		return -EBUSY;
	if (!(ptl_page_flags(page) & PTL_PAGE_HUGETLB)) {
		err = ptl_split_folio(world, piece.pa);
		if (err)
			return err;
	}
	head = ptl_folio_head(world, piece.pa);
	page = ptl_page_at(world, head);
	PTL_BUG_ON(ptl_rmap(world, head, poison_piece, NULL));
	ptl_page_set(page, PTL_PAGE_POISONED, 0);
	if (file)
		ptl_file_lose(file, atomic_load_explicit(&page->offset, memory_order_relaxed),
			      ptl_page_bytes(world) << ptl_page_order(page));
	atomic_store_explicit(&page->file, NULL, memory_order_relaxed);
	/* Kept out of use: a list by offset, which nobody asks a lost page for. */
	page->pins = 1;
	atomic_store_explicit(&page->offset, world->poisoned, memory_order_relaxed);
	world->poisoned = head | 1;
	return 0;
}
