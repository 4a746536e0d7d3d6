/* SPDX-License-Identifier: MIT */
/*
 * Every invariant of the allocator, looked at frame by frame:
 *
 *   each frame is in one block: a held or cached one, which its first frame alone knows
 *   of, or a free one, which is a bit of its pageblock's map, or on a list; blocks are
 *   aligned to their size, and descriptors of free frames say nothing
 *   buddies are not both free, unless their flags keep them apart
 *   a pageblock with free frames is in the bin, or on the list, that these call for, and
 *   nothing else is there; one that was never used, or that only parts two spans, is empty
 *   a cached block is in one cache, of its order and of its pageblock's flags
 *   counts are what there is, and accounts are charged for what they hold
 */
#include <stdlib.h>
#include <string.h>

#include "buddy/fresh.h"
#include "buddy/pageblock.h"
#include "buddy/verify.h"

void ptl_complain(struct ptl_verifier *v, pt_pa_t pa, const char *what)
{
	v->found = true;
	if (!v->stop && v->report && !v->report(v->ctx, pa, what))
		v->stop = true;
}

static pt_pa_t pa_of(const struct ptl_verifier *v, const struct ptl_pageblock *p, unsigned int at)
{
	return p->pa + ((pt_pa_t)at << v->zone->frame_lg2);
}

/* The map has as many blocks of each order as are counted. The frames of them. */
static unsigned int check_map(struct ptl_verifier *v, const struct ptl_pageblock *p)
{
	const uint64_t *map = ptl_map_of(v->zone, p);
	unsigned int frames = 0;

	for (unsigned int order = 0; order < v->zone->pageblock_order; order++) {
		unsigned int first = ptl_node(v->zone, order, 0), nr = 0;

		for (unsigned int node = first; node < 2 * first; node++)
			nr += ptl_node_is_free(map, node);
		if (nr != p->nr[order] || !nr != !(p->orders >> order & 1))
			ptl_complain(v, p->pa, "free blocks of an order disagree with their count");
		v->nr_free[order][ptl_pageblock_list(p)] += nr;
		frames += nr << order;
	}
	if (map[0] & 3 || p->orders >> v->zone->pageblock_order)
		ptl_complain(v, p->pa, "a map that says more than free parts of a pageblock");
	return frames;
}

/* The order of the free block that begins at frame @at, or -1. */
static int free_order(struct ptl_verifier *v, const struct ptl_pageblock *p, unsigned int at)
{
	const uint64_t *map = ptl_map_of(v->zone, p);
	int found = p->order && !at ? p->order : -1;

	for (unsigned int order = 0; order < v->zone->pageblock_order && ptl_aligned(at, order);
	     order++) {
		unsigned int node = ptl_node(v->zone, order, at);

		if (!ptl_node_is_free(map, node))
			continue;
		if (found >= 0)
			ptl_complain(v, pa_of(v, p, at), "free twice, in different orders");
		if (!(node & 1) && ptl_node_is_free(map, node ^ 1))
			ptl_complain(v, pa_of(v, p, at), "two free buddies are not merged");
		found = (int)order;
	}
	return found;
}

static void check_held(struct ptl_verifier *v, const struct pt_frame *frame, pt_pa_t pa,
		       unsigned int order)
{
	unsigned int id = ptl_account_load(frame);

	if (id > v->zone->accounts_end || (id && !v->zone->accounts[id]))
		ptl_complain(v, pa, "charged to an account that does not exist");
	else if (id)
		ptl_account_tally(v->zone->accounts[id], order);
	/* References to a table are its entries: a new one has none. */
	if (atomic_load_explicit(&frame->state, memory_order_relaxed) == PTL_FRAME_NONE &&
	    !atomic_load_explicit(&frame->refs, memory_order_relaxed))
		ptl_complain(v, pa, "a held block that nobody refers to");
}

static void check_descriptor(struct ptl_verifier *v, const struct ptl_pageblock *p, unsigned int at)
{
	const struct pt_frame *frame = &p->frames[at];
	unsigned int block = ptl_block_load(frame), order = block & PTL_BLOCK_ORDER;
	uint64_t use = atomic_load_explicit(&frame->use, memory_order_relaxed);
	uint64_t frames = UINT64_C(1) << order;
	pt_pa_t pa = pa_of(v, p, at);

	switch (block & PTL_BLOCK_KIND) {
	case PTL_BLOCK_CACHED:
		v->frames_cached += frames;
		if (use != ptl_plain_use(block & ~PTL_BLOCK_STALE))
			ptl_complain(v, pa, "a cached block that is somebody's");
		break;
	case PTL_BLOCK_HELD:
		v->frames_held += frames;
		check_held(v, frame, pa, order);
		break;
	default:
		ptl_complain(v, pa, "a block that is neither free, cached nor held");
	}
	if (order > v->zone->max_order || !ptl_aligned(pa, order + v->zone->frame_lg2))
		ptl_complain(v, pa, "a block whose order does not fit its place");
}

/* A block that goes on in the next pageblock. */
struct rest {
	uint64_t frames;
	bool movable, free;
};

/* Goes from frame to frame; @rest belongs to a block that began before. */
static void check_blocks(struct ptl_verifier *v, const struct ptl_pageblock *p, struct rest *rest)
{
	unsigned int nr_movable = 0;

	for (unsigned int at = p->low; at < p->high; at++) {
		unsigned int block = ptl_block_load(&p->frames[at]);
		int free = free_order(v, p, at);

		if ((rest->frames > 0) + (block > 0) + (free >= 0) > 1) {
			ptl_complain(v, pa_of(v, p, at), "a block begins inside another");
		} else if (free >= 0) {
			*rest = (struct rest){ .frames = UINT64_C(1) << free, .free = true };
			v->frames_free += rest->frames;
		} else if (!rest->frames) {
			check_descriptor(v, p, at);
			rest->frames = UINT64_C(1) << (block & PTL_BLOCK_ORDER);
			rest->movable = block & PTL_BLOCK_MOVABLE;
			rest->free = false;
		}
		if (rest->frames && rest->free &&
		    atomic_load_explicit(&p->frames[at].use, memory_order_relaxed))
			ptl_complain(v, pa_of(v, p, at), "a free frame that is somebody's");
		rest->frames -= rest->frames > 0;
		nr_movable += rest->movable;
	}
	if (nr_movable != p->nr_movable)
		ptl_complain(v, p->pa, "movable frames are miscounted");
}

/* The other half of a larger block must not be free as well. */
static void check_whole_buddy(struct ptl_verifier *v, const struct ptl_span *span,
			      const struct ptl_pageblock *p)
{
	pt_pa_t pa = p->pa ^ PTL_BIT(p->order + v->zone->frame_lg2);
	const struct ptl_pageblock *buddy;

	if (!p->order || p->order == v->zone->max_order || pa - span->pa >= span->len)
		return;
	buddy = ptl_pageblock_at(v->zone, span, pa);
	if (buddy->order == p->order && ptl_pageblock_list(buddy) < PT_FREETYPE_LISTS &&
	    ptl_type_of(ptl_pageblock_list(buddy)).flags ==
		    ptl_type_of(ptl_pageblock_list(p)).flags)
		ptl_complain(v, p->pa, "two free pageblocks are not merged");
}

/* What says where @p has to be; verify_lists.c looks whether it is there. */
static void check_place(struct ptl_verifier *v, const struct ptl_pageblock *p)
{
	const struct pt_zone *zone = v->zone;

	v->listed += p->order || p->nr_free;
	if (p->order) {
		v->nr_free[p->order][ptl_pageblock_list(p)]++;
		if (p->nr_free || !ptl_aligned(p->pa, p->order + zone->frame_lg2))
			ptl_complain(v, p->pa, "free as a whole, but its frames say otherwise");
		for (uint32_t i = 1; i < 1u << (p->order - zone->pageblock_order); i++)
			if (ptl_pageblock_list(&p[i]) != ptl_pageblock_list(p))
				ptl_complain(v, p->pa, "a free block of two types");
	} else if (p->nr_free) {
		if (p->fullness != (p->nr_free - 1u) * PTL_FULLNESS >> zone->pageblock_order ||
		    !p->orders || p->largest != 31 - __builtin_clz(p->orders))
			ptl_complain(v, p->pa, "a pageblock in the wrong bin");
	}
}

/* Whether @p is the pageblock that its place among others makes it; else nothing of it is read. */
static bool is_sound(struct ptl_verifier *v, const struct ptl_span *span,
		     const struct ptl_pageblock *p)
{
	const struct pt_zone *zone = v->zone;
	struct ptl_pageblock made = { 0 };
	uint32_t i = (uint32_t)(p - zone->pageblocks) - span->first_pageblock;

	ptl_make_pageblock(zone, span, i, &made);
	if (p->pa == made.pa && p->frames == made.frames && p->low == made.low &&
	    p->high == made.high && ptl_pageblock_list(p) < PT_FREETYPE_LISTS &&
	    (!p->order || (p->order >= zone->pageblock_order && p->order <= zone->max_order)))
		return true;
	ptl_complain(v, made.pa, "a pageblock that is not what it was made");
	v->broken = true;
	return false;
}

/* One that is not used: what looks at neighbours takes it for held. */
static void check_unused(struct ptl_verifier *v, uint32_t i)
{
	static const struct ptl_pageblock unused;

	if (memcmp(&v->zone->pageblocks[i], &unused, sizeof(unused)) != 0)
		ptl_complain(v, 0, "a pageblock that was never used is not empty");
}

static void check_span(struct ptl_verifier *v, const struct ptl_span *span)
{
	unsigned int used = v->zone->used_flags;
	struct rest rest = { 0 };

	for (uint32_t i = 0; i < span->fresh && !v->stop; i++) {
		const struct ptl_pageblock *p = &v->zone->pageblocks[span->first_pageblock + i];

		if (!is_sound(v, span, p))
			continue;
		v->pageblocks[ptl_pageblock_list(p)]++;
		if (ptl_type_of(ptl_pageblock_list(p)).flags & ~used)
			ptl_complain(v, p->pa, "a pageblock of flags that nobody uses");
		if (check_map(v, p) != p->nr_free)
			ptl_complain(v, p->pa, "the count of free frames disagrees with the map");
		check_blocks(v, p, &rest);
		check_whole_buddy(v, span, p);
		check_place(v, p);
	}
	if (rest.frames)
		ptl_complain(v, span->pa, "a block that reaches out of its memory");
	/* The next one that comes into use, or that parts this span from what follows; and that. */
	check_unused(v, span->first_pageblock + span->fresh);
	check_unused(v, span->first_pageblock + span->nr_pageblocks);
}

/* What was never used is counted as it was at the start. */
static void add_fresh(struct ptl_verifier *v, const struct ptl_span *span)
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

static void check_counts(struct ptl_verifier *v)
{
	const struct pt_zone *zone = v->zone;

	if (memcmp(v->nr_free, zone->stats.nr_free, sizeof(v->nr_free)) != 0)
		ptl_complain(v, 0, "free blocks by order and freetype are miscounted");
	if (memcmp(v->pageblocks, zone->stats.pageblocks, sizeof(v->pageblocks)) != 0)
		ptl_complain(v, 0, "pageblocks by freetype are miscounted");
	if (v->frames_free != zone->nr_free_frames)
		ptl_complain(v, 0, "free frames are miscounted");
	if (v->frames_free + v->frames_cached + v->frames_held != zone->managed)
		ptl_complain(v, 0, "frames were lost, or are there twice");
}

int pt_buddy_verify(const struct pt_zone *zone, pt_buddy_report_fn report, void *ctx)
{
	struct ptl_verifier v = { .zone = zone, .report = report, .ctx = ctx };

	for (size_t i = 0; i < zone->nr_spans && !v.stop; i++) {
		const struct ptl_span *span = &zone->spans[i];

		if (span->fresh > span->nr_pageblocks) {
			ptl_complain(&v, span->pa, "more pageblocks are used than there are");
			v.broken = true;
			continue;
		}
		check_span(&v, span);
		add_fresh(&v, span);
	}
	if (!v.stop && !v.broken)
		ptl_verify_lists(&v);
	if (!v.stop && !v.broken)
		ptl_verify_caches(&v);
	ptl_verify_accounts(&v);
	if (!v.stop)
		check_counts(&v);
	return v.found ? -EFAULT : 0;
}
