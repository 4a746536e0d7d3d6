/* SPDX-License-Identifier: MIT */
/*
 * Every invariant of the allocator, looked at frame by frame:
 *
 *   each frame is in one block: a held or cached one, which its first frame alone knows
 *   of, or a free one, which is a bit of its pageblock's map, or on a list
 *   buddies are not both free, unless their flags keep them apart
 *   a pageblock with free frames is in the bin that these call for
 *   counts are what there is
 */
#include <stdlib.h>
#include <string.h>

#include "buddy/fresh.h"
#include "buddy/pageblock.h"

struct verifier {
	const struct pt_zone *zone;
	pt_buddy_report_fn report;
	void *ctx;
	bool found, stop;
	uint64_t frames_free, frames_held, frames_cached;
	uint64_t nr_free[PT_MAX_ORDER + 1][PT_FREETYPE_LISTS];
	uint64_t pageblocks[PT_FREETYPE_LISTS];
};

static void complain(struct verifier *v, pt_pa_t pa, const char *what)
{
	v->found = true;
	if (!v->stop && v->report && !v->report(v->ctx, pa, what))
		v->stop = true;
}

static pt_pa_t pa_of(const struct verifier *v, const struct ptl_pageblock *p, unsigned int at)
{
	return p->pa + ((pt_pa_t)at << v->zone->frame_lg2);
}

/* The map has as many blocks of each order as are counted. The frames of them. */
static unsigned int check_map(struct verifier *v, const struct ptl_pageblock *p)
{
	const uint64_t *map = ptl_map_of(v->zone, p);
	unsigned int frames = 0;

	for (unsigned int order = 0; order < v->zone->pageblock_order; order++) {
		unsigned int first = ptl_node(v->zone, order, 0), nr = 0;

		for (unsigned int node = first; node < 2 * first; node++)
			nr += ptl_node_is_free(map, node);
		if (nr != p->nr[order] || !nr != !(p->orders >> order & 1))
			complain(v, p->pa, "free blocks of an order disagree with their count");
		v->nr_free[order][ptl_pageblock_list(p)] += nr;
		frames += nr << order;
	}
	if (map[0] & 3)
		complain(v, p->pa, "a map that says more than free parts of a pageblock");
	return frames;
}

/* The order of the free block that begins at frame @at, or -1. */
static int free_order(struct verifier *v, const struct ptl_pageblock *p, unsigned int at)
{
	const uint64_t *map = ptl_map_of(v->zone, p);
	int found = p->order && !at ? p->order : -1;

	for (unsigned int order = 0; order < v->zone->pageblock_order && ptl_aligned(at, order);
	     order++) {
		unsigned int node = ptl_node(v->zone, order, at);

		if (!ptl_node_is_free(map, node))
			continue;
		if (found >= 0)
			complain(v, pa_of(v, p, at), "free twice, in different orders");
		if (!(node & 1) && ptl_node_is_free(map, node ^ 1))
			complain(v, pa_of(v, p, at), "two free buddies are not merged");
		found = (int)order;
	}
	return found;
}

static void check_descriptor(struct verifier *v, const struct ptl_pageblock *p, unsigned int at)
{
	const struct pt_frame *frame = &p->frames[at];
	unsigned int block = ptl_block_load(frame), order = block & PTL_BLOCK_ORDER;
	uint64_t frames = UINT64_C(1) << order;

	switch (block & PTL_BLOCK_KIND) {
	case PTL_BLOCK_CACHED:
		v->frames_cached += frames;
		break;
	case PTL_BLOCK_HELD:
		v->frames_held += frames;
		if (ptl_account_load(frame) && !v->zone->accounts[ptl_account_load(frame)])
			complain(v, pa_of(v, p, at), "charged to an account that does not exist");
		break;
	default:
		complain(v, pa_of(v, p, at), "a block that is neither free, cached nor held");
	}
	if (order > v->zone->max_order || at & (frames - 1))
		complain(v, pa_of(v, p, at), "a block whose order does not fit its place");
}

/* A block that goes on in the next pageblock. */
struct rest {
	uint64_t frames;
	bool movable;
};

/* Goes from frame to frame; @rest belongs to a block that began before. */
static void check_blocks(struct verifier *v, const struct ptl_pageblock *p, struct rest *rest)
{
	unsigned int nr_movable = 0;

	for (unsigned int at = p->low; at < p->high; at++) {
		unsigned int block = ptl_block_load(&p->frames[at]);
		int free = free_order(v, p, at);

		if ((rest->frames > 0) + (block > 0) + (free >= 0) > 1) {
			complain(v, pa_of(v, p, at), "a block begins inside another");
		} else if (free >= 0) {
			*rest = (struct rest){ .frames = UINT64_C(1) << free };
			v->frames_free += rest->frames;
		} else if (!rest->frames) {
			check_descriptor(v, p, at);
			rest->frames = UINT64_C(1) << (block & PTL_BLOCK_ORDER);
			rest->movable = block & PTL_BLOCK_MOVABLE;
		}
		rest->frames -= rest->frames > 0;
		nr_movable += rest->movable;
	}
	if (nr_movable != p->nr_movable)
		complain(v, p->pa, "movable frames are miscounted");
}

/* The other half of a larger block must not be free as well. */
static void check_whole_buddy(struct verifier *v, const struct ptl_span *span,
			      const struct ptl_pageblock *p)
{
	pt_pa_t pa = p->pa ^ PTL_BIT(p->order + v->zone->frame_lg2);
	const struct ptl_pageblock *buddy;

	if (!p->order || p->order == v->zone->max_order || pa - span->pa >= span->len)
		return;
	buddy = ptl_pageblock_at(v->zone, span, pa);
	if (buddy->order == p->order && ptl_type_of(ptl_pageblock_list(buddy)).flags ==
						ptl_type_of(ptl_pageblock_list(p)).flags)
		complain(v, p->pa, "two free pageblocks are not merged");
}

static void check_bin(struct verifier *v, const struct ptl_pageblock *p)
{
	const struct pt_zone *zone = v->zone;
	uint32_t me = (uint32_t)(p - zone->pageblocks), at;

	if (p->order) {
		at = zone->whole[p->order - zone->pageblock_order][ptl_pageblock_list(p)];
		v->nr_free[p->order][ptl_pageblock_list(p)]++;
		if (p->order < zone->pageblock_order || p->order > zone->max_order || p->nr_free)
			complain(v, p->pa, "free as a whole, but its frames say otherwise");
	} else if (p->nr_free) {
		if (p->fullness != (p->nr_free - 1u) * PTL_FULLNESS >> zone->pageblock_order ||
		    !p->orders || p->largest != 31 - __builtin_clz(p->orders)) {
			complain(v, p->pa, "a pageblock in the wrong bin");
			return;
		}
		at = zone->bins[ptl_pageblock_list(p)].head[p->fullness][p->largest];
	} else {
		return;
	}
	/* Neighbours point back: with all pageblocks looked at, each is on its list once. */
	if (p->prev == PTL_NO_PAGEBLOCK ? at != me : zone->pageblocks[p->prev].next != me)
		complain(v, p->pa, "a pageblock that its list does not know");
	if (p->next != PTL_NO_PAGEBLOCK && zone->pageblocks[p->next].prev != me)
		complain(v, p->pa, "a pageblock whose list is torn");
}

static void check_span(struct verifier *v, const struct ptl_span *span)
{
	struct rest rest = { 0 };

	for (uint32_t i = 0; i < span->fresh && !v->stop; i++) {
		const struct ptl_pageblock *p = &v->zone->pageblocks[span->first_pageblock + i];

		v->pageblocks[ptl_pageblock_list(p)]++;
		if (check_map(v, p) != p->nr_free)
			complain(v, p->pa, "the count of free frames disagrees with the map");
		check_blocks(v, p, &rest);
		check_whole_buddy(v, span, p);
		check_bin(v, p);
	}
	if (rest.frames)
		complain(v, span->pa, "a block that reaches out of its memory");
}

/* The masks say which bins have any. */
static void check_masks(struct verifier *v)
{
	for (unsigned int list = 0; list < PT_FREETYPE_LISTS; list++) {
		const struct ptl_bins *bins = &v->zone->bins[list];

		for (unsigned int fullness = 0; fullness < PTL_FULLNESS; fullness++) {
			unsigned int largest = 0;

			for (unsigned int order = 0; order < PT_MAX_ORDER; order++)
				if (bins->head[fullness][order] != PTL_NO_PAGEBLOCK)
					largest |= 1u << order;
			if (bins->largest[fullness] != largest ||
			    (bins->fullness >> fullness & 1) != !!largest)
				complain(v, 0, "a mask of bins disagrees with the bins");
		}
	}
}

/* What was never used is counted as it was at the start. */
static void add_fresh(struct verifier *v, const struct ptl_span *span)
{
	unsigned int lg2 = v->zone->pageblock_lg2;
	pt_pa_t pa = span->pa, end = span->pa + span->len;

	v->pageblocks[PTL_MOVABLE_LIST] += span->nr_pageblocks - span->fresh;
	if (span->fresh)
		pa = ((span->pa >> lg2) + span->fresh) << lg2;
	while (pa < end) {
		pt_pa_t head = pa;
		unsigned int order = ptl_fresh_block(v->zone, span, &head);

		v->nr_free[order][PTL_MOVABLE_LIST]++;
		v->frames_free += UINT64_C(1) << order;
		pa = head + PTL_BIT(order + v->zone->frame_lg2);
	}
}

static void check_counts(struct verifier *v)
{
	const struct pt_zone *zone = v->zone;

	if (memcmp(v->nr_free, zone->stats.nr_free, sizeof(v->nr_free)) != 0)
		complain(v, 0, "free blocks by order and freetype are miscounted");
	if (memcmp(v->pageblocks, zone->stats.pageblocks, sizeof(v->pageblocks)) != 0)
		complain(v, 0, "pageblocks by freetype are miscounted");
	if (v->frames_free != zone->nr_free_frames)
		complain(v, 0, "free frames are miscounted");
	if (v->frames_cached != ptl_cached_frames(zone) || zone->nr_transit)
		complain(v, 0, "cached frames are miscounted");
	if (v->frames_free + v->frames_cached + v->frames_held != zone->managed)
		complain(v, 0, "frames were lost, or are there twice");
}

int pt_buddy_verify(const struct pt_zone *zone, pt_buddy_report_fn report, void *ctx)
{
	struct verifier v = { .zone = zone, .report = report, .ctx = ctx };

	for (size_t i = 0; i < zone->nr_spans && !v.stop; i++) {
		check_span(&v, &zone->spans[i]);
		add_fresh(&v, &zone->spans[i]);
	}
	if (!v.stop) {
		check_masks(&v);
		check_counts(&v);
	}
	return v.found ? -EFAULT : 0;
}
