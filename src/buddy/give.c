/* SPDX-License-Identifier: MIT */
/* Blocks come back: merged with their free buddies, into the lists of their pageblock. Under the lock. */
#include "buddy/pageblock.h"

/* The neighbour that @p and it would be one block of @order + 1 with; NULL if it is no such. */
static struct ptl_pageblock *whole_buddy(struct pt_zone *zone, struct ptl_pageblock *p,
					 unsigned int order)
{
	const struct ptl_span *span = ptl_span_of(zone, p->pa);
	pt_pa_t pa = p->pa ^ PTL_BIT(order + zone->frame_lg2);
	struct ptl_pageblock *buddy;

	if (pa - span->pa >= span->len)
		return NULL;
	buddy = ptl_pageblock_at(zone, span, pa);
	if (buddy->order != order || pt_freetype_from_idx(ptl_pageblock_list(buddy)).flags !=
					     pt_freetype_from_idx(ptl_pageblock_list(p)).flags)
		return NULL;
	return buddy;
}

/* Migratetypes may differ: the pageblock that came last decides for both. */
static void give_whole(struct pt_zone *zone, struct ptl_pageblock *p, unsigned int order)
{
	unsigned int list = ptl_pageblock_list(p);
	struct ptl_pageblock *buddy;

	for (; order < zone->max_order && (buddy = whole_buddy(zone, p, order)); order++) {
		ptl_whole_remove(zone, buddy);
		ptl_set_type(zone, buddy, order, list);
		ptl_block_store(&(p < buddy ? buddy : p)->frames[0], 0);
		p = p < buddy ? p : buddy;
	}
	ptl_whole_push(zone, p, order);
}

static void give_part(struct pt_zone *zone, struct ptl_pageblock *p, unsigned int order,
		      unsigned int at)
{
	unsigned int had = p->nr_free, frames = 1u << order;

	/* A pageblock that has no free block of an order has no buddy of it either. */
	while (p->orders >> order & 1) {
		unsigned int buddy = at ^ (1u << order);

		if (buddy < p->low || buddy >= p->high ||
		    ptl_block_load(&p->frames[buddy]) != (PTL_BLOCK_FREE | order))
			break;
		ptl_free_remove(zone, p, order, buddy);
		ptl_block_store(&p->frames[at | buddy], 0);
		at &= buddy;
		order++;
	}
	if (order < zone->pageblock_order) {
		ptl_free_push(zone, p, order, at);
		p->nr_free += (uint16_t)frames;
		ptl_bin_update(zone, p, had);
		return;
	}
	ptl_bin_leave(zone, p);
	p->nr_free = 0;
	give_whole(zone, p, order);
}

void ptl_give_back(struct pt_zone *zone, pt_pa_t pa)
{
	const struct ptl_span *span = ptl_span_of(zone, pa);
	struct ptl_pageblock *p = ptl_pageblock_at(zone, span, pa);
	unsigned int at = (unsigned int)((pa - p->pa) >> zone->frame_lg2);
	unsigned int block = ptl_block_load(&p->frames[at]), order = block & PTL_BLOCK_ORDER;
	unsigned int frames = 1u << order;

	PTL_DEBUG_ON((block & PTL_BLOCK_KIND) != PTL_BLOCK_CACHED);
	zone->nr_free_frames += frames;
	if (order < zone->pageblock_order) {
		p->nr_movable -= (uint16_t)(block & PTL_BLOCK_MOVABLE ? frames : 0);
		give_part(zone, p, order, at);
		return;
	}
	for (unsigned int i = 0; i < 1u << (order - zone->pageblock_order); i++)
		p[i].nr_movable = 0;
	give_whole(zone, p, order);
}
