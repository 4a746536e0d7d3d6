/* SPDX-License-Identifier: MIT */
/*
 * Folios to swap. Anonymous ones: words for all their mappings, a flush, and then their content.
 * Those of shmem: mappings go, and where they went is known to the file alone.
 */
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

/* A mapping of shmem goes; of what userfaultfd has marked, the mark stays. */
static int unmap_piece(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
		       const struct ptl_run *run, const struct ptl_piece *piece)
{
	const struct pt_soft mark = { .kind = PT_SOFT_MARKER, .markers = PT_SOFT_MARKER_UFFD_WP };
	const struct pt_soft_cfg *cfg = &mm->world->cfg.soft;
	uint64_t len = piece->last - piece->va + 1;
	struct pt_change change;
	struct ptl_edit edit;

	(void)ctx;
	ptl_edit_begin(&edit, mm);
	if (area->flags & PT_MM_UFFD_WP && run->attr & cfg->attr_uffd_wp &&
	    cfg->markers & PT_SOFT_MARKER_UFFD_WP) {
		change = ptl_change(&edit, PT_CHANGE_SAME);
		PTL_BUG_ON(pt_soft_set(mm->pt, piece->va, len, run->level, &mark, &change));
	} else {
		change = ptl_change(&edit, 0);
		PTL_BUG_ON(pt_unmap(mm->pt, piece->va, len, &change));
	}
	ptl_edit_end(&edit);
	ptl_map_del(mm->world, piece->pa, len, piece->entire);
	return 0;
}

/* What may go to swap: anonymous, or of shmem, and held by nobody else. */
static bool is_swappable(const struct ptl_page *page)
{
	const struct pt_file *file = atomic_load_explicit(&page->file, memory_order_relaxed);
	unsigned int flags = ptl_page_flags(page);

	if (flags & (PTL_PAGE_HUGETLB | PTL_PAGE_DEVICE))
		return false;
	if (flags & PTL_PAGE_ANON)
		return !page->pins;
	return file && pt_file_cfg(file)->shmem && page->pins == 1;
}

/* Slots in a row for all of it, or fewer pages. Return: as ptl_folios.folio; 1: there are. */
static int64_t find_slots(struct ptl_folios *folios, struct swap_out *out, uint64_t nr)
{
	struct pt_world *world = folios->mm->world;
	bool anon = ptl_page_flags(ptl_page_at(world, out->head)) & PTL_PAGE_ANON;
	int err = ptl_swap_find(out->swap, nr, &out->slot);

	if (err && nr > 1) {
		if (!ptl_split_folio(world, out->head))
			folios->again = true;
		return folios->again ? 0 : -ENOMEM;
	}
	if (!err)
		err = ptl_swap_prepare(out->swap, out->slot, nr);
	if (!err && anon)
		err = ptl_rmap_split(world, out->head);
	if (!err)
		return 1;
	ptl_swap_trim(out->swap, out->slot, nr);
	return -ENOMEM;
}

static int64_t swap_folio(struct ptl_folios *folios, pt_pa_t head)
{
	struct pt_world *world = folios->mm->world;
	struct ptl_page *page = ptl_page_at(world, head);
	struct pt_file *file = atomic_load_explicit(&page->file, memory_order_relaxed);
	uint64_t nr = UINT64_C(1) << ptl_page_order(page);
	struct swap_out out = { .swap = folios->swap, .head = head };
	int64_t found = 0;

	if (!is_swappable(page) || ptl_rmap(world, head, look, NULL))
		return 0;
	if (ptl_page_flags(page) & PTL_PAGE_LAZY)
		found = ptl_discard(folios, head);
	if (found)
		return found;
	found = find_slots(folios, &out, nr);
	if (found <= 0)
		return found;
	page->pins = 1;
	PTL_BUG_ON(ptl_rmap(world, head, file ? unmap_piece : swap_piece, &out));
	for (uint64_t i = 0; i < nr; i++) {
		uint64_t at = i << world->page_lg2;

		ptl_swap_write(out.swap, out.slot + i, head + at);
		if (file)
			ptl_file_swap_out(
				file,
				atomic_load_explicit(&page->offset, memory_order_relaxed) + at,
				out.swap, out.slot + i);
	}
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

	return ptl_go_over(&folios, va, len, done);
}
