/* SPDX-License-Identifier: MIT */
/* Held blocks as folios, named by any byte of them; and pages as pt_page_info() shows them. */
#include "buddy/fresh.h"
#include "buddy/pageblock.h"

static bool is_fresh(const struct pt_zone *zone, const struct ptl_span *span, pt_pa_t pa)
{
	return !ptl_pageblock_at(zone, span, pa)->frames;
}

/*
 * Only the first frame of a block says so: try the first frames of all blocks that
 * could hold @pa, the smallest first.
 */
struct pt_frame *ptl_block_of(const struct pt_zone *zone, const struct ptl_span *span, pt_pa_t pa,
			      pt_pa_t *head)
{
	for (unsigned int order = 0; order <= zone->max_order; order++) {
		pt_pa_t first = ptl_align_down(pa, order + zone->frame_lg2);
		struct pt_frame *frame;
		unsigned int block;

		if (first < span->pa)
			return NULL;
		frame = ptl_span_frame(zone, span, first);
		block = ptl_block_load(frame);
		if (block && (block & PTL_BLOCK_ORDER) >= order) {
			*head = first;
			return frame;
		}
	}
	return NULL;
}

/* -ERANGE, or -ENOENT if it is not a held block that @pa is in. */
static int find_folio(const struct pt_zone *zone, pt_pa_t pa, struct pt_frame **frame,
		      pt_pa_t *head)
{
	const struct ptl_span *span = ptl_span_of(zone, pa);

	if (!span)
		return -ERANGE;
	*frame = ptl_block_of(zone, span, pa, head);
	if (!*frame || (ptl_block_load(*frame) & PTL_BLOCK_KIND) != PTL_BLOCK_HELD)
		return -ENOENT;
	return 0;
}

/* A page table, whose references are entries, or a page of a reserve. */
static bool is_used(const struct pt_frame *frame)
{
	return atomic_load_explicit(&frame->state, memory_order_relaxed) != PTL_FRAME_NONE;
}

int pt_folio_get(struct pt_zone *zone, pt_pa_t pa)
{
	struct pt_frame *frame;
	int err = find_folio(zone, pa, &frame, &pa);

	if (err)
		return err;
	if (is_used(frame))
		return -EBUSY;
	/* Relaxed: who may take a reference has the folio already. */
	atomic_fetch_add_explicit(&frame->refs, 1, memory_order_relaxed);
	return 0;
}

int pt_folio_put(struct pt_zone *zone, struct pt_zone_cache *cache, pt_pa_t pa)
{
	struct pt_frame *frame;
	uint32_t refs;
	int err = find_folio(zone, pa, &frame, &pa);

	if (err)
		return err;
	if (is_used(frame))
		return -EBUSY;
	/* Acquire and release: what others did with the folio is before its end. */
	refs = atomic_load_explicit(&frame->refs, memory_order_acquire);
	while (refs > 1)
		if (atomic_compare_exchange_weak_explicit(&frame->refs, &refs, refs - 1,
							  memory_order_acq_rel,
							  memory_order_acquire))
			return 0;
	return pt_free_pages(zone, cache, pa, ptl_block_load(frame) & PTL_BLOCK_ORDER);
}

int pt_folio_split(struct pt_zone *zone, pt_pa_t pa, unsigned int order)
{
	struct pt_frame *frame;
	unsigned int block, whole;
	pt_pa_t head;
	int err = find_folio(zone, pa, &frame, &head);

	if (err)
		return err;
	block = ptl_block_load(frame);
	whole = block & PTL_BLOCK_ORDER;
	if (head != pa || order >= whole)
		return -EINVAL;
	if (is_used(frame) || atomic_load_explicit(&frame->refs, memory_order_relaxed) != 1)
		return -EBUSY;
	for (unsigned int at = 0; at < 1u << whole; at += 1u << order) {
		atomic_store_explicit(&frame[at].refs, 1, memory_order_relaxed);
		ptl_account_store(&frame[at], ptl_account_load(frame));
		frame[at].owner = frame->owner;
		ptl_block_store(&frame[at], (block & ~PTL_BLOCK_ORDER) | order);
	}
	return 0;
}

static struct pt_frame *held_frame(const struct pt_zone *zone, pt_pa_t pa)
{
	struct pt_frame *frame;

	PTL_BUG_ON(find_folio(zone, pa, &frame, &pa));
	return frame;
}

/* Relaxed: its holder marks it, and frees it after that. */
void pt_page_mark_stale(struct pt_zone *zone, pt_pa_t pa)
{
	atomic_fetch_or_explicit(&held_frame(zone, pa)->block, PTL_BLOCK_STALE,
				 memory_order_relaxed);
}

void pt_page_clear_stale(struct pt_zone *zone, pt_pa_t pa)
{
	atomic_fetch_and_explicit(&held_frame(zone, pa)->block, (uint8_t)~PTL_BLOCK_STALE,
				  memory_order_relaxed);
}

static void fresh_info(const struct pt_zone *zone, const struct ptl_span *span, pt_pa_t pa,
		       struct pt_page_info *info)
{
	*info = (struct pt_page_info){
		.head = pa,
		.type = ptl_type_of(PTL_MOVABLE_LIST),
	};
	info->order = ptl_fresh_block(zone, span, &info->head);
}

/* The order of the free block that @pa is in, under the lock. -1: neither free nor anybody's. */
static int free_order(const struct pt_zone *zone, const struct ptl_span *span, pt_pa_t pa)
{
	const struct ptl_pageblock *p = ptl_pageblock_at(zone, span, pa);
	unsigned int at = (unsigned int)((pa - p->pa) >> zone->frame_lg2), order;

	for (order = 0; order < zone->pageblock_order; order++)
		if (ptl_node_is_free(ptl_map_of(zone, p), ptl_node(zone, order, at)))
			return (int)order;
	for (; order <= zone->max_order; order++) {
		pt_pa_t head = ptl_align_down(pa, order + zone->frame_lg2);

		if (head >= span->pa && ptl_pageblock_at(zone, span, head)->order == order)
			return (int)order;
	}
	return -1;
}

/*
 * On a list; or on its way between one and a cache, outside the lock, which pt_page_info() is not
 * called during. By whoever does all the same it is told to be cached.
 */
static void free_info(const struct pt_zone *zone, const struct ptl_span *span, pt_pa_t pa,
		      struct pt_page_info *info)
{
	struct pt_zone *lockable = (struct pt_zone *)(uintptr_t)zone;
	int order;

	ptl_bit_lock(&lockable->lock);
	order = free_order(zone, span, pa);
	ptl_zone_unlock(lockable);
	info->state = order < 0 ? PT_PAGE_CACHED : PT_PAGE_FREE;
	info->order = order < 0 ? 0 : (unsigned int)order;
	info->head = ptl_align_down(pa, info->order + zone->frame_lg2);
}

int pt_page_info(const struct pt_zone *zone, pt_pa_t pa, struct pt_page_info *info)
{
	const struct ptl_span *span = ptl_span_of(zone, pa);
	const struct pt_frame *frame;
	unsigned int block;

	if (!span)
		return -ERANGE;
	if (is_fresh(zone, span, pa)) {
		fresh_info(zone, span, pa, info);
		return 0;
	}
	*info = (struct pt_page_info){
		.type = ptl_type_of(ptl_pageblock_list(ptl_pageblock_at(zone, span, pa))),
	};
	frame = ptl_block_of(zone, span, pa, &info->head);
	if (!frame) {
		free_info(zone, span, pa, info);
		return 0;
	}
	block = ptl_block_load(frame);
	info->order = block & PTL_BLOCK_ORDER;
	info->state = (block & PTL_BLOCK_KIND) == PTL_BLOCK_CACHED ? PT_PAGE_CACHED : PT_PAGE_HELD;
	if (info->state == PT_PAGE_HELD) {
		info->account = zone->accounts[ptl_account_load(frame)];
		info->owner = frame->owner;
		info->refs = atomic_load_explicit(&frame->refs, memory_order_relaxed);
		info->is_table = atomic_load_explicit(&frame->state, memory_order_relaxed) ==
				 PTL_FRAME_TABLE;
		info->stale = block & PTL_BLOCK_STALE;
	}
	return 0;
}
