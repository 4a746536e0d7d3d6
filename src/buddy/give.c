/* SPDX-License-Identifier: MIT */
/* Blocks come back: merged with their free buddies, into the lists of their pageblock. Under the lock. */
#include "buddy/pageblock.h"

/*
 * The neighbour that @p and it would be one block of @order + 1 with; NULL if it is no
 * such. Between spans stands a pageblock that has nothing free, ever.
 */
static struct ptl_pageblock *whole_buddy(struct pt_zone *zone, struct ptl_pageblock *p,
					 unsigned int order)
{
	uint32_t me = (uint32_t)(p - zone->pageblocks), nr = 1u << (order - zone->pageblock_order);
	bool is_upper = p->pa >> (order + zone->frame_lg2) & 1;
	struct ptl_pageblock *buddy;

	if (is_upper ? me < nr : zone->nr_pageblocks - me <= nr)
		return NULL;
	buddy = is_upper ? p - nr : p + nr;
	if (buddy->order != order || ptl_type_of(ptl_pageblock_list(buddy)).flags !=
					     ptl_type_of(ptl_pageblock_list(p)).flags)
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

/* Whether all of the pageblock is free now; its bin is the caller's to update. */
static bool give_part(struct pt_zone *zone, struct ptl_pageblock *p, unsigned int order,
		      unsigned int at)
{
	p->nr_free += (uint16_t)(1u << order);
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
	if (order == zone->pageblock_order)
		return true;
	ptl_free_push(zone, p, order, at);
	return false;
}

/*
 * How many blocks of @order from *@pa on are one larger block, as those are that were
 * freed in the order of their addresses: a power of two.
 */
static unsigned int run_of(const struct pt_zone *zone, const pt_pa_t *pa, unsigned int nr,
			   unsigned int order)
{
	unsigned int lg2 = order + zone->frame_lg2, run = 1, same = 1;

	while (run * 2 <= nr && ptl_aligned(*pa, lg2 + 1)) {
		while (same < run * 2 && pa[same] - *pa == (pt_pa_t)same
								   << (order + zone->frame_lg2))
			same++;
		if (same < run * 2)
			break;
		run *= 2;
		lg2++;
	}
	return run;
}

/* Makes one block of a run; which of its frames were movable goes out of the counts. */
static unsigned int join_run(struct ptl_pageblock *p, unsigned int at, unsigned int run,
			     unsigned int order)
{
	unsigned int frames = run << order;

	for (unsigned int i = at; i < at + frames; i += 1u << order) {
		unsigned int block = ptl_block_load(&p->frames[i]);

		PTL_DEBUG_ON((block & ~PTL_BLOCK_MOVABLE) != (PTL_BLOCK_CACHED | order));
		p->nr_movable -= (uint16_t)(block & PTL_BLOCK_MOVABLE ? 1u << order : 0);
		ptl_block_store(&p->frames[i], 0); /* the first one's comes with its list */
	}
	return order + (unsigned int)__builtin_ctz(run);
}

/* Blocks of @order in one pageblock that stand next to each other in @pa; how many they were. */
static unsigned int give_parts(struct pt_zone *zone, struct ptl_pageblock *p, const pt_pa_t *pa,
			       unsigned int nr, unsigned int order)
{
	unsigned int had = p->nr_free, given = 0;

	while (given < nr) {
		uint64_t at = (pa[given] - p->pa) >> zone->frame_lg2;
		unsigned int room, run, joined;

		/* another span may have frames of the same pageblock, apart from these */
		if (at < p->low || at >= p->high)
			break;
		room = (unsigned int)(p->high - at) >> order;
		run = run_of(zone, pa + given, (unsigned int)ptl_min(nr - given, room), order);
		joined = join_run(p, (unsigned int)at, run, order);
		given += run;
		zone->nr_free_frames += 1u << joined;
		if (!give_part(zone, p, joined, (unsigned int)at))
			continue;
		if (had)
			ptl_bin_leave(zone, p);
		p->nr_free = 0;
		give_whole(zone, p, zone->pageblock_order);
		return given;
	}
	ptl_bin_update(zone, p, had);
	return given;
}

/* Blocks of a pageblock or more that stand next to each other in @pa; how many they were. */
static unsigned int give_wholes(struct pt_zone *zone, const struct ptl_span *span,
				struct ptl_pageblock *p, const pt_pa_t *pa, unsigned int nr,
				unsigned int order)
{
	uint64_t room = (span->pa + span->len - *pa) >> (order + zone->frame_lg2);
	unsigned int run = 1, most = 1u << (zone->max_order - order);

	if (most > 1 && nr > 1)
		run = run_of(zone, pa, (unsigned int)ptl_min(ptl_min(nr, most), room), order);
	for (unsigned int i = 1; i < run; i++)
		ptl_block_store(ptl_span_frame(zone, span, pa[i]), 0);
	order += (unsigned int)__builtin_ctz(run);
	zone->nr_free_frames += 1u << order;
	for (unsigned int i = 0; i < 1u << (order - zone->pageblock_order); i++)
		p[i].nr_movable = 0;
	if (run > 1)
		ptl_set_type(zone, p, order, ptl_pageblock_list(p));
	give_whole(zone, p, order);
	return run;
}

/* Of one order, all of them; those that were in one cache are of the same flags too. */
void ptl_give_back(struct pt_zone *zone, const pt_pa_t *pa, unsigned int nr)
{
	while (nr) {
		const struct ptl_span *span = ptl_span_of(zone, *pa);
		struct ptl_pageblock *p = ptl_pageblock_at(zone, span, *pa);
		unsigned int order =
			ptl_block_load(ptl_span_frame(zone, span, *pa)) & PTL_BLOCK_ORDER;
		unsigned int given;

		if (order < zone->pageblock_order)
			given = give_parts(zone, p, pa, nr, order);
		else
			given = give_wholes(zone, span, p, pa, nr, order);
		pa += given;
		nr -= given;
	}
}
