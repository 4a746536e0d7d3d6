/* SPDX-License-Identifier: MIT */
/*
 * Memory that was never used: counted from the start as free, movable and merged, but
 * on no list, so that a zone costs nothing per frame before it is touched. It comes
 * into use from the lowest address on, a block of the largest order at a time.
 */
#include "buddy/fresh.h"

#include "buddy/pageblock.h"

/* The order of the largest aligned block at @frame that ends before @end; both in frames. */
static unsigned int largest_at(uint64_t frame, uint64_t end, unsigned int max_order)
{
	unsigned int order = 0;

	while (order < max_order && ptl_aligned(frame, order + 1) &&
	       end - frame >= PTL_BIT(order + 1))
		order++;
	return order;
}

void ptl_count_fresh(struct pt_zone *zone, const struct ptl_span *span)
{
	uint64_t *nr_free[PT_MAX_ORDER + 1], at = span->pa >> zone->frame_lg2;
	uint64_t end = at + (span->len >> zone->frame_lg2);

	for (unsigned int order = 0; order <= zone->max_order; order++)
		nr_free[order] = &zone->stats.nr_free[order][PTL_MOVABLE_LIST];
	zone->managed += end - at;
	zone->nr_free_frames += end - at;
	zone->stats.pageblocks[PTL_MOVABLE_LIST] += span->nr_pageblocks;
	while (at != end) {
		unsigned int order = largest_at(at, end, zone->max_order);
		uint64_t nr = order == zone->max_order ? (end - at) >> order : 1;

		*nr_free[order] += nr;
		at += nr << order;
	}
}

unsigned int ptl_fresh_block(const struct pt_zone *zone, const struct ptl_span *span, pt_pa_t *pa)
{
	uint64_t at = span->pa >> zone->frame_lg2, end = at + (span->len >> zone->frame_lg2);
	uint64_t frame = *pa >> zone->frame_lg2;
	unsigned int order;

	for (order = zone->max_order; order; order--) {
		uint64_t head = ptl_align_down(frame, order);

		if (head >= at && end - head >= PTL_BIT(order))
			break;
	}
	*pa = ptl_align_down(frame, order) << zone->frame_lg2;
	return order;
}

void ptl_make_pageblock(const struct pt_zone *zone, const struct ptl_span *span, uint32_t i,
			struct ptl_pageblock *p)
{
	unsigned int lg2 = zone->pageblock_lg2;
	int64_t skipped;

	p->pa = ((span->pa >> lg2) + i) << lg2;
	skipped = (int64_t)(p->pa - span->pa) >> zone->frame_lg2;
	/* Of a pageblock that begins before its span, the array has only the rest. */
	p->frames = (struct pt_frame *)((uintptr_t)span->frames +
					(uintptr_t)skipped * sizeof(struct pt_frame));
	p->low = (uint16_t)(skipped < 0 ? -skipped : 0);
	p->high = (uint16_t)ptl_min(PTL_BIT(zone->pageblock_order),
				    (span->pa + span->len - p->pa) >> zone->frame_lg2);
	atomic_store_explicit(&p->list, PTL_MOVABLE_LIST, memory_order_relaxed);
}

static void use_pieces(struct pt_zone *zone, struct ptl_pageblock *p)
{
	for (unsigned int at = p->low; at != p->high;) {
		unsigned int order = largest_at(at, p->high, zone->pageblock_order);

		zone->stats.nr_free[order][PTL_MOVABLE_LIST]--; /* counted at the start */
		ptl_free_push(zone, p, order, at);
		at += 1u << order;
	}
	p->nr_free = (uint16_t)(p->high - p->low);
	ptl_bin_update(zone, p, 0);
}

static void use_span(struct pt_zone *zone, struct ptl_span *span)
{
	uint32_t i = span->fresh, nr = 1;
	struct ptl_pageblock *p = &zone->pageblocks[span->first_pageblock + i];
	unsigned int order;

	ptl_make_pageblock(zone, span, i, p);
	if (p->high - p->low == 1 << zone->pageblock_order) {
		uint64_t end = (span->pa + span->len) >> zone->frame_lg2;

		order = largest_at(p->pa >> zone->frame_lg2, end, zone->max_order);
		nr = 1u << (order - zone->pageblock_order);
		for (uint32_t more = 1; more < nr; more++)
			ptl_make_pageblock(zone, span, i + more, p + more);
		zone->stats.nr_free[order][PTL_MOVABLE_LIST]--;
		ptl_whole_push(zone, p, order);
	} else {
		use_pieces(zone, p);
	}
	span->fresh += nr;
}

bool ptl_use_fresh(struct pt_zone *zone)
{
	for (size_t i = 0; i < zone->nr_spans; i++) {
		struct ptl_span *span = &zone->spans[i];

		if (span->fresh == span->nr_pageblocks)
			continue;
		use_span(zone, span);
		return true;
	}
	return false;
}
