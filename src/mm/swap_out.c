/* SPDX-License-Identifier: MIT */
/* Anonymous folios to swap: words for all their mappings, a flush, and then their content. */
#include "mm/folios.h"

struct swap_out {
	struct pt_swap *swap;
	uint64_t slot;
	pt_pa_t head;
};

static bool is_locked(const struct pt_mm_area *area)
{
	return area->flags & PT_MM_LOCKED;
}

/* A lock anywhere keeps it, as does what is no plain mapping of it. */
static int look(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
		const struct ptl_run *run, const struct ptl_piece *piece)
{
	(void)ctx;
	(void)mm;
	(void)piece;
	return is_locked(area) || run->kind != PTL_RUN_LEAF ? -EBUSY : 0;
}

/* Pages of one piece whose exclusiveness is alike share a call. */
static int swap_piece(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
		      const struct ptl_run *run, const struct ptl_piece *piece)
{
	struct swap_out *out = ctx;
	struct pt_world *world = mm->world;
	uint64_t page = ptl_page_bytes(world), len = piece->last - piece->va + 1;
	struct ptl_edit edit;

	(void)area;
	ptl_edit_begin(&edit, mm);
	for (uint64_t at = 0; at < len;) {
		bool exclusive = ptl_is_exclusive(world, piece->pa + at);
		struct pt_soft soft = {
			.kind = PT_SOFT_SWAP,
			.flags = exclusive ? PT_SOFT_EXCLUSIVE : 0,
			.type = ptl_swap_type(out->swap),
			.offset = out->slot + ((piece->pa + at - out->head) >> world->page_lg2),
		};
		struct ptl_piece part = *piece;
		uint64_t end = at;

		do {
			ptl_swap_get(out->swap, soft.offset + ((end - at) >> world->page_lg2));
			end += page;
		} while (end < len && ptl_is_exclusive(world, piece->pa + end) == exclusive);
		part.va = piece->va + at;
		part.last = piece->va + end - 1;
		ptl_set_words(&edit, run, &part, &soft);
		at = end;
	}
	ptl_edit_end(&edit);
	/* The folio is freed by who began this, after its content is read. */
	ptl_map_del(world, piece->pa, len, false);
	return 0;
}

static int64_t swap_folio(struct ptl_folios *folios, pt_pa_t head)
{
	struct pt_world *world = folios->mm->world;
	struct ptl_page *page = ptl_page_at(world, head);
	uint64_t nr = UINT64_C(1) << ptl_page_order(page);
	struct swap_out out = { .swap = folios->swap, .head = head };
	int err;

	if ((ptl_page_flags(page) & (PTL_PAGE_ANON | PTL_PAGE_HUGETLB | PTL_PAGE_DEVICE)) !=
		    PTL_PAGE_ANON ||
	    page->pins || ptl_rmap(world, head, look, NULL))
		return 0;
	err = ptl_swap_find(out.swap, nr, &out.slot);
	if (err)
		return err;
	err = ptl_swap_prepare(out.swap, out.slot, nr);
	if (!err)
		err = ptl_rmap_split(world, head);
	if (err) {
		ptl_swap_trim(out.swap, out.slot, nr);
		return -ENOMEM;
	}
	page->pins = 1;
	PTL_BUG_ON(ptl_rmap(world, head, swap_piece, &out));
	for (uint64_t i = 0; i < nr; i++)
		ptl_swap_write(out.swap, out.slot + i, head + (i << world->page_lg2));
	/* Pages of the folio that nobody mapped any more need no slot. */
	ptl_swap_trim(out.swap, out.slot, nr);
	page->pins = 0;
	PTL_BUG_ON(atomic_load_explicit(&page->total, memory_order_relaxed));
	ptl_folio_free(world, head);
	return (int64_t)(nr << world->page_lg2);
}

int pt_mm_swap_out(struct pt_mm *mm, pt_va_t va, uint64_t len, struct pt_swap *swap, uint64_t *done)
{
	struct ptl_folios folios = { .folio = swap_folio, .mm = mm, .swap = swap };

	return ptl_for_each_folio(&folios, va, len, done);
}
