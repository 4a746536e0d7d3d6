/* SPDX-License-Identifier: MIT */
/* The life of caches, and how they are emptied. */
#include "buddy/cache.h"

#include <stdlib.h>
#include <string.h>

/* Of a small zone, a stack holds a 32nd at most; one that could hold nothing is never filled. */
static uint16_t stack_size(const struct pt_zone *zone, unsigned int order)
{
	uint64_t size = order < PTL_CACHE_LOW_ORDERS ? PTL_CACHE_SLOTS >> order :
						     PTL_CACHE_PAGEBLOCKS;

	return (uint16_t)ptl_min(size, zone->managed >> (order + 5));
}

/*
 * A quarter of small blocks, so that no call takes long. A half of pageblocks: of few, as many as
 * possible wait for their descriptors together, which are cache misses, all of them.
 */
static uint16_t batch_of(uint16_t size, unsigned int order)
{
	unsigned int parts = order < PTL_CACHE_LOW_ORDERS ? 4 : 2;

	return (uint16_t)((size + parts - 1) / parts);
}

int pt_zone_cache_create(struct pt_zone_cache **out, struct pt_zone *zone, unsigned int cpu)
{
	unsigned int nr_slots = 0;
	struct pt_zone_cache *cache;
	pt_pa_t *slot;

	for (unsigned int i = 0; i < PTL_CACHE_ORDERS; i++)
		nr_slots += PT_FREETYPE_LISTS *
			    stack_size(zone, i < PTL_CACHE_LOW_ORDERS ? i : zone->pageblock_order);
	cache = calloc(1, sizeof(*cache) + nr_slots * sizeof(pt_pa_t));
	if (!cache)
		return -ENOMEM;
	cache->zone = zone;
	cache->cpu = cpu;
	slot = cache->slots;
	for (unsigned int i = 0; i < PTL_CACHE_ORDERS; i++) {
		unsigned int order = i < PTL_CACHE_LOW_ORDERS ? i : zone->pageblock_order;
		uint16_t size = stack_size(zone, order);

		for (unsigned int list = 0; list < PT_FREETYPE_LISTS; list++, slot += size)
			cache->stack[i][list] = (struct ptl_stack){
				.size = size,
				.batch = batch_of(size, order),
				.slot = slot,
			};
	}
	ptl_zone_lock(zone);
	cache->next = zone->caches;
	if (cache->next)
		cache->next->prev = cache;
	zone->caches = cache;
	ptl_zone_unlock(zone);
	*out = cache;
	return 0;
}

void ptl_stack_spill(struct pt_zone *zone, struct ptl_stack *stack)
{
	uint32_t nr = ptl_stack_nr(stack);

	ptl_lock_and_give_back(zone, stack->slot, stack->batch);
	memmove(stack->slot, stack->slot + stack->batch, (nr - stack->batch) * sizeof(pt_pa_t));
	ptl_stack_set(stack, nr - stack->batch);
}

void pt_zone_cache_drain(struct pt_zone_cache *cache)
{
	struct ptl_stack *stack = &cache->stack[0][0];

	for (unsigned int i = 0; i < PTL_CACHE_ORDERS * PT_FREETYPE_LISTS; i++, stack++) {
		if (!ptl_stack_nr(stack))
			continue;
		ptl_lock_and_give_back(cache->zone, stack->slot, ptl_stack_nr(stack));
		ptl_stack_set(stack, 0);
	}
}

void pt_zone_cache_destroy(struct pt_zone_cache *cache)
{
	if (!cache)
		return;
	pt_zone_cache_drain(cache);
	ptl_zone_lock(cache->zone);
	if (cache->next)
		cache->next->prev = cache->prev;
	if (cache->prev)
		cache->prev->next = cache->next;
	else
		cache->zone->caches = cache->next;
	ptl_zone_unlock(cache->zone);
	free(cache);
}

/* Under the lock, which keeps caches from going away. */
uint64_t ptl_cached_frames(const struct pt_zone *zone)
{
	uint64_t frames = 0;

	for (const struct pt_zone_cache *cache = zone->caches; cache; cache = cache->next)
		for (unsigned int i = 0; i < PTL_CACHE_ORDERS; i++)
			for (unsigned int list = 0; list < PT_FREETYPE_LISTS; list++)
				frames += (uint64_t)ptl_stack_nr(&cache->stack[i][list])
					  << (i < PTL_CACHE_LOW_ORDERS ? i : zone->pageblock_order);
	return frames;
}
