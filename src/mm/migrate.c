/* SPDX-License-Identifier: MIT */
/* Folios that move: migration entries for all their mappings, and leaves again. */
#include "mm/folios.h"

/* Whether migration entries may stand at @level. */
static bool may_stand(const struct pt_world *world, unsigned int level)
{
	const struct pt_soft_cfg *soft = &world->cfg.soft;

	return soft->levels[PT_SOFT_MIGRATION_READ] >> level & 1;
}

static int begin_piece(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
		       const struct ptl_run *run, const struct ptl_piece *piece)
{
	struct pt_world *world = mm->world;
	uint64_t page = piece->entire ? piece->last - piece->va + 1 : ptl_page_bytes(world);
	struct ptl_edit edit;

	(void)ctx;
	(void)area;
	if (!piece->counted || run->kind != PTL_RUN_LEAF)
		return 0;
	ptl_edit_begin(&edit, mm);
	for (pt_va_t va = piece->va; va - piece->va < piece->last - piece->va + 1; va += page) {
		pt_pa_t pa = piece->pa + (va - piece->va);
		struct pt_soft soft = { .kind = PT_SOFT_MIGRATION_READ,
					.pfn = pa >> world->page_lg2 };
		struct ptl_piece part = *piece;

		if (run->attr & PT_ATTR_WRITE)
			soft.kind = PT_SOFT_MIGRATION_WRITE;
		else if (ptl_is_exclusive(world, pa))
			soft.kind = PT_SOFT_MIGRATION_READ_EXCLUSIVE;
		part.va = va;
		part.last = va + (page - 1);
		ptl_set_words(&edit, run, &part, &soft);
	}
	ptl_edit_end(&edit);
	return 0;
}

static int is_plain(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
		    const struct ptl_run *run, const struct ptl_piece *piece)
{
	(void)ctx;
	(void)mm;
	(void)area;
	(void)piece;
	return run->kind == PTL_RUN_LEAF ? 0 : -EBUSY;
}

int64_t ptl_move_begin(struct pt_world *world, pt_pa_t head)
{
	struct ptl_page *page = ptl_page_at(world, head);
	bool file = atomic_load_explicit(&page->file, memory_order_relaxed) != NULL;
	unsigned int flags = ptl_page_flags(page);

	/* Pages of a driver are nobody's to move; a device's, poisoned ones and held ones too. */
	if (flags & (PTL_PAGE_DEVICE | PTL_PAGE_POISONED) || (!(flags & PTL_PAGE_ANON) && !file) ||
	    page->pins != file || ptl_rmap(world, head, is_plain, NULL))
		return 0;
	if (!(flags & PTL_PAGE_HUGETLB) && !may_stand(world, 1) && ptl_rmap_split(world, head))
		return -ENOMEM;
	page->pins++;
	ptl_page_set(page, PTL_PAGE_MOVING, 0);
	PTL_BUG_ON(ptl_rmap(world, head, begin_piece, NULL));
	return (int64_t)(ptl_page_bytes(world) << ptl_page_order(page));
}

static int64_t begin_folio(struct ptl_folios *folios, pt_pa_t head)
{
	return ptl_move_begin(folios->mm->world, head);
}

int pt_mm_migrate_begin(struct pt_mm *mm, pt_va_t va, uint64_t len, uint64_t *done)
{
	struct ptl_folios folios = { .folio = begin_folio, .mm = mm, .locked_too = true };

	return ptl_for_each_folio(&folios, va, len, done);
}

struct end {
	pt_pa_t head, to; /* the same, if it stays */
};

static int end_piece(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
		     const struct ptl_run *run, const struct ptl_piece *piece)
{
	struct end *end = ctx;
	struct pt_world *world = mm->world;
	pt_pa_t to = end->to + (piece->pa - end->head);
	uint64_t len = piece->last - piece->va + 1;
	bool write = run->soft.kind == PT_SOFT_MIGRATION_WRITE && area->flags & PT_MM_WRITE;
	bool exclusive = ptl_page_flags(piece->head) & PTL_PAGE_ANON &&
			 run->soft.kind != PT_SOFT_MIGRATION_READ;
	pt_attr_t attr = ptl_leaf_attr(mm, area, write);

	if (!piece->counted)
		return 0;
	if (run->soft.flags & PT_SOFT_UFFD_WP)
		attr &= ~PT_ATTR_WRITE;
	/* Young is what the word says, and without room to say it, old: nobody has used it here. */
	if (!(run->soft.flags & PT_SOFT_YOUNG))
		attr &= ~PT_ATTR_ACCESSED;
	/* Soft-dirty comes over from the word; that the move itself writes is nobody's store. */
	attr &= ~world->cfg.soft.attr_soft_dirty;
	/* Given up, and clean unless the word, or the page, says more. */
	if (ptl_page_flags(piece->head) & PTL_PAGE_LAZY)
		attr &= ~ptl_clean_bits(world);
	PTL_BUG_ON(ptl_put_leaf(mm, area, piece->va, to, len, attr,
				area->kind == PT_MM_HUGETLB ? area->page_lg2 : 0, PTL_OVER_WORDS,
				false));
	ptl_map_add(world, to, len, piece->entire);
	ptl_map_del(world, piece->pa, len, piece->entire);
	ptl_set_exclusive(world, piece->pa, len, piece->entire, false);
	ptl_set_exclusive(world, to, len, piece->entire, exclusive);
	return 0;
}

/* The new folio is what the old one was. */
static void take_over(struct pt_world *world, pt_pa_t head, pt_pa_t to)
{
	struct ptl_page *old = ptl_page_at(world, head), *page = ptl_page_at(world, to);
	struct pt_file *file = atomic_load_explicit(&old->file, memory_order_relaxed);
	uint64_t offset = atomic_load_explicit(&old->offset, memory_order_relaxed);

	ptl_folio_copy(world, to, head, ptl_page_bytes(world) << ptl_page_order(old));
	atomic_store_explicit(&page->offset, offset, memory_order_relaxed);
	atomic_store_explicit(&page->file, file, memory_order_relaxed);
	ptl_page_set(page,
		     ptl_page_flags(old) & (PTL_PAGE_ANON | PTL_PAGE_DIRTY | PTL_PAGE_LAZY), 0);
	if (file) {
		ptl_file_replace(file, offset, head, to);
		page->pins = 1;
		old->pins--;
	}
}

static void end_move(struct pt_world *world, pt_pa_t head, pt_pa_t to)
{
	struct ptl_page *page = ptl_page_at(world, head);
	struct end end = { head, to };

	ptl_page_set(page, 0, PTL_PAGE_MOVING);
	PTL_BUG_ON(ptl_rmap(world, head, end_piece, &end));
	page->pins--;
}

void ptl_move_stay(struct pt_world *world, pt_pa_t head)
{
	end_move(world, head, head);
}

static int64_t end_folio(struct ptl_folios *folios, pt_pa_t head)
{
	struct pt_world *world = folios->mm->world;
	struct ptl_page *page = ptl_page_at(world, head);
	uint64_t len = ptl_page_bytes(world) << ptl_page_order(page);
	pt_pa_t to;

	if (ptl_folio_alloc(folios->mm, world, ptl_page_order(page),
			    ptl_page_flags(page) & PTL_PAGE_HUGETLB, false, &to)) {
		ptl_move_stay(world, head);
		folios->failed = true;
		return 0;
	}
	take_over(world, head, to);
	end_move(world, head, to);
	PTL_BUG_ON(page->pins || atomic_load_explicit(&page->total, memory_order_relaxed));
	ptl_folio_free(world, head);
	return (int64_t)len;
}

int pt_mm_migrate_end(struct pt_mm *mm, pt_va_t va, uint64_t len, uint64_t *done)
{
	struct ptl_folios folios = {
		.folio = end_folio,
		.mm = mm,
		.locked_too = true,
		.moving = true,
	};
	int err = ptl_for_each_folio(&folios, va, len, done);

	return !err && folios.failed ? -ENOMEM : err;
}
