/* SPDX-License-Identifier: MIT */
/* Pages in a device's memory, and pages that a device has for itself. */
#include "mm/folios.h"

/* The one mapping of a folio, as a run and a piece of it. */
struct sole {
	struct ptl_edit *edit;
	unsigned int nr;
	enum pt_soft_kind kind;
	pt_pa_t to;
	struct pt_mm *mm;
};

static int count_piece(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
		       const struct ptl_run *run, const struct ptl_piece *piece)
{
	struct sole *sole = ctx;

	(void)area;
	(void)piece;
	if (run->kind != PTL_RUN_LEAF || mm != sole->mm || area->flags & PT_MM_LOCKED)
		return -EBUSY;
	sole->nr++;
	return 0;
}

static int set_piece(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
		     const struct ptl_run *run, const struct ptl_piece *piece)
{
	struct sole *sole = ctx;
	struct pt_soft soft = { .kind = sole->kind, .pfn = sole->to >> mm->world->page_lg2 };

	(void)area;
	if (sole->kind == PT_SOFT_DEVICE_READ && run->attr & PT_ATTR_WRITE)
		soft.kind = PT_SOFT_DEVICE_WRITE;
	if (sole->kind == PT_SOFT_DEVICE_EXCLUSIVE && run->attr & PT_ATTR_WRITE &&
	    mm->world->cfg.soft.special[PT_SOFT_DEVICE_EXCLUSIVE_WRITE] != PT_SOFT_NO_TYPE)
		soft.kind = PT_SOFT_DEVICE_EXCLUSIVE_WRITE;
	ptl_set_words(sole->edit, run, piece, &soft);
	return 0;
}

/* Single pages, anonymous, mapped here and nowhere else. */
static int64_t is_taken(struct ptl_folios *folios, pt_pa_t *head)
{
	struct pt_world *world = folios->mm->world;
	struct ptl_page *page = ptl_page_at(world, *head);
	struct sole sole = { .mm = folios->mm };
	unsigned int flags = ptl_page_flags(page);

	if (!(flags & PTL_PAGE_ANON) || flags & (PTL_PAGE_HUGETLB | PTL_PAGE_DEVICE) ||
	    page->pins || ptl_rmap(world, *head, count_piece, &sole))
		return 0;
	if (ptl_page_order(page)) {
		if (ptl_split_folio(world, *head))
			return -ENOMEM;
		folios->again = true;
		return 0;
	}
	return sole.nr == 1;
}

static int64_t device_folio(struct ptl_folios *folios, pt_pa_t head)
{
	struct pt_world *world = folios->mm->world;
	uint64_t page = ptl_page_bytes(world);
	struct sole sole = { .mm = folios->mm, .kind = PT_SOFT_DEVICE_READ };
	struct ptl_edit edit;
	int64_t taken = is_taken(folios, &head);

	if (taken <= 0)
		return taken;
	if (ptl_folio_alloc(folios->mm, world, 0, PTL_PAGE_DEVICE | PTL_PAGE_ANON, false, &sole.to))
		return -ENOMEM;
	atomic_store_explicit(&ptl_page_at(world, sole.to)->offset,
			      atomic_load_explicit(&ptl_page_at(world, head)->offset,
						   memory_order_relaxed),
			      memory_order_relaxed);
	ptl_edit_begin(&edit, folios->mm);
	sole.edit = &edit;
	PTL_BUG_ON(ptl_rmap(world, head, set_piece, &sole));
	pt_gather_finish(&edit.gather);
	/* No CPU writes it any more. */
	ptl_folio_copy(world, sole.to, head, page);
	ptl_page_set(ptl_page_at(world, sole.to),
		     ptl_page_flags(ptl_page_at(world, head)) & (PTL_PAGE_DIRTY | PTL_PAGE_LAZY),
		     0);
	ptl_map_add(world, sole.to, page, false);
	ptl_set_exclusive(world, sole.to, page, false, ptl_is_exclusive(world, head));
	ptl_edit_drop(&edit, head, page, false);
	ptl_edit_end(&edit);
	return (int64_t)page;
}

static int64_t exclusive_folio(struct ptl_folios *folios, pt_pa_t head)
{
	struct pt_world *world = folios->mm->world;
	struct sole sole = {
		.mm = folios->mm,
		.kind = PT_SOFT_DEVICE_EXCLUSIVE,
		.to = head,
	};
	struct ptl_edit edit;
	int64_t taken = is_taken(folios, &head);

	if (taken <= 0)
		return taken;
	ptl_edit_begin(&edit, folios->mm);
	sole.edit = &edit;
	PTL_BUG_ON(ptl_rmap(world, head, set_piece, &sole));
	ptl_edit_end(&edit);
	return (int64_t)ptl_page_bytes(world);
}

int pt_mm_to_device(struct pt_mm *mm, pt_va_t va, uint64_t len, uint64_t *done)
{
	const struct pt_world *world = mm->world;
	struct ptl_folios folios = { .folio = device_folio, .mm = mm };

	if (!world->cfg.device || world->cfg.soft.special[PT_SOFT_DEVICE_READ] == PT_SOFT_NO_TYPE)
		return -EOPNOTSUPP;
	return ptl_go_over(&folios, va, len, done);
}

int pt_mm_device_exclusive(struct pt_mm *mm, pt_va_t va, uint64_t len, uint64_t *done)
{
	struct ptl_folios folios = { .folio = exclusive_folio, .mm = mm };

	if (mm->world->cfg.soft.special[PT_SOFT_DEVICE_EXCLUSIVE] == PT_SOFT_NO_TYPE)
		return -EOPNOTSUPP;
	return ptl_go_over(&folios, va, len, done);
}

void ptl_end_exclusive(struct pt_mm *mm, const struct pt_mm_area *area, pt_va_t first, pt_va_t last)
{
	struct ptl_run run;

	for (bool more = ptl_run_start(&run, mm, first, last); more; more = ptl_run_next(&run)) {
		if (run.kind != PTL_RUN_SOFT || (run.soft.kind != PT_SOFT_DEVICE_EXCLUSIVE &&
						 run.soft.kind != PT_SOFT_DEVICE_EXCLUSIVE_WRITE))
			continue;
		/* Written by the device, or not: dirty, as an anonymous page is; stores ask. */
		PTL_BUG_ON(ptl_put_leaf(mm, area, run.va, run.soft.pfn << mm->world->page_lg2,
					run.last - run.va + 1,
					(ptl_leaf_attr(mm, area, true) & ~PT_ATTR_WRITE) &
						~mm->world->cfg.soft.attr_soft_dirty,
					0, PTL_OVER_WORDS, false));
	}
}
