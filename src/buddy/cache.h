/* SPDX-License-Identifier: MIT */
/*
 * cache.h - one CPU's free blocks: a stack per order and freetype,
 * filled and emptied in batches.
 */
#ifndef PTL_CACHE_H
#define PTL_CACHE_H

#include "buddy/zone_internal.h"

#define PTL_CACHE_LOW_ORDERS 4                        /* orders 0 to 3, and a pageblock's */
#define PTL_CACHE_ORDERS (PTL_CACHE_LOW_ORDERS + 1)
#define PTL_CACHE_SLOTS 64                            /* of order 0; half as many of each next */
#define PTL_CACHE_PAGEBLOCKS 16

_Static_assert(PTL_CACHE_SLOTS <= PTL_MAX_GIVEN, "a stack can be given back at once");

/* Used by the cache's owner; others only look at @nr. */
struct ptl_stack {
	_Atomic uint32_t nr; /* relaxed: a figure for statistics, else the owner's */
	uint16_t size, batch;
	pt_pa_t *slot;       /* the newest last */
};

struct pt_zone_cache {
	struct ptl_stack stack[PTL_CACHE_ORDERS][PT_FREETYPE_LISTS];
	struct pt_zone *zone;
	unsigned int cpu;
	uint32_t drained;                  /* zone->drain_wanted when it was last obeyed */
	struct pt_zone_cache *next, *prev; /* zone->caches; zone lock */
	pt_pa_t slots[];
};

static inline uint32_t ptl_stack_nr(const struct ptl_stack *stack)
{
	return atomic_load_explicit(&stack->nr, memory_order_relaxed);
}

static inline void ptl_stack_set(struct ptl_stack *stack, uint32_t nr)
{
	atomic_store_explicit(&stack->nr, nr, memory_order_relaxed);
}

static inline pt_pa_t ptl_stack_pop(struct ptl_stack *stack)
{
	uint32_t nr = ptl_stack_nr(stack) - 1;

	ptl_stack_set(stack, nr);
	return stack->slot[nr];
}

static inline void ptl_stack_push(struct ptl_stack *stack, pt_pa_t pa)
{
	uint32_t nr = ptl_stack_nr(stack);

	stack->slot[nr] = pa;
	ptl_stack_set(stack, nr + 1);
}

/* The stack for blocks of @order, or NULL if the cache has none. */
static inline struct ptl_stack *ptl_cache_stack(struct pt_zone_cache *cache, unsigned int order,
						unsigned int list)
{
	if (!cache)
		return NULL;
	if (order < PTL_CACHE_LOW_ORDERS)
		return &cache->stack[order][list];
	return order == cache->zone->pageblock_order ? &cache->stack[PTL_CACHE_LOW_ORDERS][list] :
						       NULL;
}

/* Gives a batch of a full stack back, the oldest. */
void ptl_stack_spill(struct pt_zone *zone, struct ptl_stack *stack);

#endif /* PTL_CACHE_H */
