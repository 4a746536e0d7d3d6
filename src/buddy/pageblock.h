/* SPDX-License-Identifier: MIT */
/*
 * pageblock.h - the free lists inside one pageblock, and its place among others.
 * All of it under the zone's lock. Blocks are named by their first frame's number
 * in the pageblock; lists are linked through frame descriptors, by number + 1.
 */
#ifndef PTL_PAGEBLOCK_H
#define PTL_PAGEBLOCK_H

#include "buddy/zone_internal.h"

static inline void ptl_free_push(struct pt_zone *zone, struct ptl_pageblock *p, unsigned int order,
				 unsigned int at)
{
	struct pt_frame *frame = &p->frames[at];
	unsigned int next = p->head[order];

	frame->link = next;
	frame->owner = 0;
	if (next)
		p->frames[next - 1].owner = at + 1;
	else
		p->orders |= (uint16_t)(1u << order);
	p->head[order] = (uint16_t)(at + 1);
	ptl_block_store(frame, PTL_BLOCK_FREE | order);
	zone->stats.nr_free[order][ptl_pageblock_list(p)]++;
}

/* The caller says what the block is from now on. */
static inline void ptl_free_remove(struct pt_zone *zone, struct ptl_pageblock *p,
				   unsigned int order, unsigned int at)
{
	struct pt_frame *frame = &p->frames[at];
	unsigned int next = (unsigned int)frame->link, prev = (unsigned int)frame->owner;

	if (next)
		p->frames[next - 1].owner = prev;
	if (prev)
		p->frames[prev - 1].link = next;
	else
		p->head[order] = (uint16_t)next;
	if (!p->head[order])
		p->orders &= (uint16_t)~(1u << order);
	zone->stats.nr_free[order][ptl_pageblock_list(p)]--;
}

/* Lists of pageblocks, in bins and of whole ones. */
static inline void ptl_link(struct pt_zone *zone, uint32_t *head, struct ptl_pageblock *p)
{
	uint32_t me = (uint32_t)(p - zone->pageblocks);

	p->next = *head;
	p->prev = PTL_NO_PAGEBLOCK;
	if (*head != PTL_NO_PAGEBLOCK)
		zone->pageblocks[*head].prev = me;
	*head = me;
}

static inline void ptl_unlink(struct pt_zone *zone, uint32_t *head, const struct ptl_pageblock *p)
{
	if (p->next != PTL_NO_PAGEBLOCK)
		zone->pageblocks[p->next].prev = p->prev;
	if (p->prev != PTL_NO_PAGEBLOCK)
		zone->pageblocks[p->prev].next = p->next;
	else
		*head = p->next;
}

static inline void ptl_bin_leave(struct pt_zone *zone, struct ptl_pageblock *p)
{
	struct ptl_bins *bins = &zone->bins[ptl_pageblock_list(p)];
	uint32_t *head = &bins->head[p->fullness][p->largest];

	ptl_unlink(zone, head, p);
	if (*head != PTL_NO_PAGEBLOCK)
		return;
	bins->largest[p->fullness] &= (uint16_t)~(1u << p->largest);
	if (!bins->largest[p->fullness])
		bins->fullness &= (uint16_t)~(1u << p->fullness);
}

static inline void ptl_bin_enter(struct pt_zone *zone, struct ptl_pageblock *p)
{
	struct ptl_bins *bins = &zone->bins[ptl_pageblock_list(p)];

	p->fullness = (uint8_t)((p->nr_free - 1u) * PTL_FULLNESS >> zone->pageblock_order);
	p->largest = (uint8_t)(31 - __builtin_clz(p->orders));
	ptl_link(zone, &bins->head[p->fullness][p->largest], p);
	bins->largest[p->fullness] |= (uint16_t)(1u << p->largest);
	bins->fullness |= (uint16_t)(1u << p->fullness);
}

/* After frames came or went: @had of them were free before. */
static inline void ptl_bin_update(struct pt_zone *zone, struct ptl_pageblock *p, unsigned int had)
{
	if (had && p->nr_free &&
	    p->fullness == ((p->nr_free - 1u) * PTL_FULLNESS >> zone->pageblock_order) &&
	    p->largest == 31 - __builtin_clz(p->orders))
		return;
	if (had)
		ptl_bin_leave(zone, p);
	if (p->nr_free)
		ptl_bin_enter(zone, p);
}

/* The head of the list of free blocks of @order, a pageblock's or more. */
static inline uint32_t *ptl_whole_head(struct pt_zone *zone, unsigned int list, unsigned int order)
{
	return &zone->whole[order - zone->pageblock_order][list];
}

static inline void ptl_whole_push(struct pt_zone *zone, struct ptl_pageblock *p, unsigned int order)
{
	unsigned int list = ptl_pageblock_list(p);

	p->order = (uint8_t)order;
	ptl_block_store(&p->frames[0], PTL_BLOCK_FREE | order);
	ptl_link(zone, ptl_whole_head(zone, list, order), p);
	zone->stats.nr_free[order][list]++;
}

static inline void ptl_whole_remove(struct pt_zone *zone, struct ptl_pageblock *p)
{
	unsigned int list = ptl_pageblock_list(p);

	if (p->next != PTL_NO_PAGEBLOCK) /* likely to be wanted soon; always a cache miss */
		__builtin_prefetch(zone->pageblocks[p->next].frames, 1);
	ptl_unlink(zone, ptl_whole_head(zone, list, p->order), p);
	zone->stats.nr_free[p->order][list]--;
	p->order = 0;
}

#endif /* PTL_PAGEBLOCK_H */
