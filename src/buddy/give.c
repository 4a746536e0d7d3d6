/* SPDX-License-Identifier: MIT */
/* Blocks come back: merged with their free buddies, in their pageblock and beyond. */
#include "buddy/pageblock.h"

/* Blocks of one order that are nobody's any more, and not free yet. */
struct blocks {
	const pt_pa_t *pa;
	unsigned int nr, order;
	unsigned int first; /* the bit of @movable that is *@pa's */
	uint64_t movable;   /* which left their pageblock as movable memory */
};

/* Asks for the lines of a pageblock that a block of @order, which comes back, will change. */
static void prefetch(const struct pt_zone *zone, const struct ptl_pageblock *p, pt_pa_t pa,
		     unsigned int order)
{
	unsigned int at = (unsigned int)(pa >> zone->frame_lg2) &
			  ((1u << zone->pageblock_order) - 1);

	__builtin_prefetch(p, 1);
	if (order < zone->pageblock_order)
		__builtin_prefetch(&ptl_map_of(zone, p)[ptl_node(zone, order, at) / 64], 1);
}

/*
 * Takes the marks of cached blocks away: they are their caller's, so without the lock. The
 * pageblocks of pages that were freed at random are waited for here, all at once.
 */
static struct blocks unmark(const struct pt_zone *zone, const pt_pa_t *pa, unsigned int nr)
{
	const struct ptl_span *span = ptl_span_of(zone, *pa);
	const struct ptl_pageblock *p, *last = NULL;
	struct blocks blocks = { .pa = pa, .nr = nr };

	PTL_DEBUG_ON(nr > PTL_MAX_GIVEN);
	blocks.order = ptl_block_load(ptl_span_frame(zone, span, *pa)) & PTL_BLOCK_ORDER;
	for (unsigned int i = 0; i < nr; i++, last = p) {
		struct pt_frame *frame;
		unsigned int block;

		span = ptl_span_of(zone, pa[i]);
		p = ptl_pageblock_at(zone, span, pa[i]);
		if (p != last)
			prefetch(zone, p, pa[i], blocks.order);
		frame = ptl_span_frame(zone, span, pa[i]);
		block = ptl_block_load(frame);
		PTL_DEBUG_ON((block & ~PTL_BLOCK_MOVABLE) != (PTL_BLOCK_CACHED | blocks.order));
		blocks.movable |= (uint64_t)(block / PTL_BLOCK_MOVABLE) << i;
		atomic_store_explicit(&frame->use, 0, memory_order_relaxed);
	}
	return blocks;
}

/* Of @nr blocks from the one at @at on; mostly they are all the same. */
static unsigned int nr_movable(const struct blocks *blocks, unsigned int at, unsigned int nr)
{
	uint64_t all = ~UINT64_C(0) >> (64 - nr), movable;

	movable = blocks->movable >> (blocks->first + at) & all;
	return movable == all ? nr : (unsigned int)__builtin_popcountll(movable);
}

/*
 * The neighbour that @p, of a pageblock's @order, would be one block of the largest with; NULL if
 * it is no such. Between spans stands a pageblock that has nothing free, ever.
 */
static struct ptl_pageblock *whole_buddy(struct pt_zone *zone, struct ptl_pageblock *p,
					 unsigned int order)
{
	bool is_upper = p->pa >> (order + zone->frame_lg2) & 1;
	struct ptl_pageblock *buddy;

	if (is_upper && p == zone->pageblocks)
		return NULL;
	buddy = is_upper ? p - 1 : p + 1;
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
		p = p < buddy ? p : buddy;
	}
	ptl_whole_push(zone, p, order);
}

/* Whether all of the pageblock is free now; its bin is the caller's to update. */
static bool give_part(struct pt_zone *zone, struct ptl_pageblock *p, unsigned int order,
		      unsigned int at)
{
	unsigned int node = ptl_node(zone, order, at);
	uint64_t *map = ptl_map_of(zone, p);

	p->nr_free += (uint16_t)(1u << order);
	/* Frames that the pageblock lacks are never free: no need to look where it ends. */
	while (order < zone->pageblock_order && ptl_node_is_free(map, node ^ 1)) {
		map[node / 64] &= ~PTL_BIT((node ^ 1) % 64);
		ptl_count_free(zone, p, order, -1);
		node /= 2;
		order++;
	}
	if (order == zone->pageblock_order)
		return true;
	map[node / 64] |= PTL_BIT(node % 64);
	ptl_count_free(zone, p, order, 1);
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

/* Blocks in one pageblock that stand next to each other in @blocks; how many they were. */
static unsigned int give_parts(struct pt_zone *zone, struct ptl_pageblock *p,
			       const struct blocks *blocks)
{
	unsigned int had = p->nr_free, given = 0, order = blocks->order;

	while (given < blocks->nr) {
		const pt_pa_t *pa = blocks->pa + given;
		uint64_t at = (*pa - p->pa) >> zone->frame_lg2;
		unsigned int room, run, joined;

		/* another span may have frames of the same pageblock, apart from these */
		if (at < p->low || at >= p->high)
			break;
		room = (unsigned int)(p->high - at) >> order;
		run = run_of(zone, pa, (unsigned int)ptl_min(blocks->nr - given, room), order);
		joined = order + (unsigned int)__builtin_ctz(run);
		p->nr_movable -= (uint16_t)(nr_movable(blocks, given, run) << order);
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

/* Blocks of a pageblock or more that stand next to each other in @blocks; how many they were. */
static unsigned int give_wholes(struct pt_zone *zone, const struct ptl_span *span,
				struct ptl_pageblock *p, const struct blocks *blocks)
{
	unsigned int order = blocks->order, run = 1, most = 1u << (zone->max_order - order);
	uint64_t room = (span->pa + span->len - *blocks->pa) >> (order + zone->frame_lg2);

	if (most > 1 && blocks->nr > 1)
		run = run_of(zone, blocks->pa,
			     (unsigned int)ptl_min(ptl_min(blocks->nr, most), room), order);
	order += (unsigned int)__builtin_ctz(run);
	zone->nr_free_frames += 1u << order;
	for (unsigned int i = 0; i < 1u << (order - zone->pageblock_order); i++)
		p[i].nr_movable = 0;
	give_whole(zone, p, order);
	return run;
}

static void give(struct pt_zone *zone, struct blocks blocks)
{
	while (blocks.nr) {
		const struct ptl_span *span = ptl_span_of(zone, *blocks.pa);
		struct ptl_pageblock *p = ptl_pageblock_at(zone, span, *blocks.pa);
		unsigned int given;

		if (blocks.order < zone->pageblock_order)
			given = give_parts(zone, p, &blocks);
		else
			given = give_wholes(zone, span, p, &blocks);
		blocks.pa += given;
		blocks.nr -= given;
		blocks.first += given;
	}
}

/* Those that were in one cache are of the same flags, and whole pageblocks of the same type. */
void ptl_give_back(struct pt_zone *zone, const pt_pa_t *pa, unsigned int nr)
{
	give(zone, unmark(zone, pa, nr));
}

void ptl_lock_and_give_back(struct pt_zone *zone, const pt_pa_t *pa, unsigned int nr)
{
	const struct blocks blocks = unmark(zone, pa, nr);

	ptl_zone_lock(zone);
	give(zone, blocks);
	ptl_zone_unlock(zone);
}
