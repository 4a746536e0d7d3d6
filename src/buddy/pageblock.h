/* SPDX-License-Identifier: MIT */
/*
 * pageblock.h - the free blocks inside one pageblock, and its place among others.
 * All of it under the zone's lock. Blocks are named by their first frame's number in
 * the pageblock.
 *
 * Its free blocks are bits of its map, which is a binary tree in an array: node 1 is the
 * pageblock, the halves of node n are 2n and 2n + 1. A block of an order is then
 *
 *	node  = (frames of a pageblock + its first frame) >> order
 *
 * with its buddy at node ^ 1, and both of them as one block at node / 2. For 512 frames:
 *
 *	bits   1  2..3  4..7  8..15  ...  64..127  128..255  256..511 | 512..1023
 *	order  9   8     7      6           3         2         1     |     0
 *
 * which is two cache lines, the second for single frames. A pageblock that is free as a
 * whole has no bit: it is on a list.
 */
#ifndef PTL_PAGEBLOCK_H
#define PTL_PAGEBLOCK_H

#include "buddy/zone_internal.h"

static inline uint64_t *ptl_map_of(const struct pt_zone *zone, const struct ptl_pageblock *p)
{
	return &zone->maps[(size_t)(p - zone->pageblocks) << zone->pageblock_order >> 5];
}

static inline unsigned int ptl_node(const struct pt_zone *zone, unsigned int order, unsigned int at)
{
	return ((1u << zone->pageblock_order) + at) >> order;
}

static inline bool ptl_node_is_free(const uint64_t *map, unsigned int node)
{
	return map[node / 64] >> node % 64 & 1;
}

/* After the bit of a block has come or gone. */
static inline void ptl_count_free(struct pt_zone *zone, struct ptl_pageblock *p, unsigned int order,
				  int by)
{
	p->nr[order] = (uint16_t)(p->nr[order] + by);
	if (p->nr[order])
		p->orders |= (uint16_t)(1u << order);
	else
		p->orders &= (uint16_t)~(1u << order);
	zone->stats.nr_free[order][ptl_pageblock_list(p)] += (uint64_t)by;
}

static inline void ptl_free_push(struct pt_zone *zone, struct ptl_pageblock *p, unsigned int order,
				 unsigned int at)
{
	unsigned int node = ptl_node(zone, order, at);

	ptl_map_of(zone, p)[node / 64] |= PTL_BIT(node % 64);
	ptl_count_free(zone, p, order, 1);
}

/* The first of the free blocks of @order, which has some, is free no more. */
static inline unsigned int ptl_free_pop(struct pt_zone *zone, struct ptl_pageblock *p,
					unsigned int order)
{
	unsigned int first = ptl_node(zone, order, 0), word = first / 64, node;
	uint64_t *map = ptl_map_of(zone, p), bits;

	/* Nodes of several orders share the first word: [first, 2 * first) are of this one. */
	bits = first < 64 ? map[0] & (PTL_BIT(first) - 1) << first : map[word];
	while (!bits)
		bits = map[++word];
	node = word * 64 + (unsigned int)__builtin_ctzll(bits);
	map[word] &= ~(bits & -bits);
	ptl_count_free(zone, p, order, -1);
	return (node - first) << order;
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
