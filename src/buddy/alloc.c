/* SPDX-License-Identifier: MIT */
/*
 * Allocation and free: from the cache, from the zone, by conversion, in this order.
 * A block is marked held or cached by whoever has it; that is how a wrong free is told.
 */
#include <string.h>

#include "base/poison.h"
#include "buddy/cache.h"

#define ALLOC_FLAGS (PT_ALLOC_NOBLOCK | PT_ALLOC_ZERO | PT_ALLOC_NOFRAGMENT)

/* The lowest address on top: neighbours in memory are handed out one after the other. */
static void reverse(pt_pa_t *pa, unsigned int nr)
{
	for (unsigned int i = 0; i < nr / 2; i++) {
		pt_pa_t swap = pa[i];

		pa[i] = pa[nr - 1 - i];
		pa[nr - 1 - i] = swap;
	}
}

static bool fetch(struct pt_zone *zone, const struct ptl_request *want, struct ptl_batch *batch)
{
	ptl_zone_lock(zone);
	ptl_rmqueue(zone, want, batch);
	ptl_zone_unlock(zone);
	return batch->nr;
}

/* One of @batch, which lies in the slots of @stack, if any: the others stay there. */
static pt_pa_t keep_others(struct ptl_stack *stack, const struct ptl_batch *batch)
{
	if (!stack)
		return *batch->pa;
	PTL_DEBUG_ON(!batch->nr || ptl_stack_nr(stack));
	reverse(batch->pa, batch->nr);
	ptl_stack_set(stack, batch->nr);
	return ptl_stack_pop(stack);
}

/* Somebody failed to allocate: what is cached here may be what they lack. */
static void drain_if_wanted(struct pt_zone *zone, struct pt_zone_cache *cache)
{
	uint32_t wanted = atomic_load_explicit(&zone->drain_wanted, memory_order_relaxed);

	if (!cache || cache->drained == wanted)
		return;
	pt_zone_cache_drain(cache);
	cache->drained = wanted;
}

static int alloc_from_zone(struct pt_zone *zone, struct pt_zone_cache *cache,
			   const struct ptl_request *want, unsigned int flags, pt_pa_t *pa)
{
	struct ptl_stack *stack = ptl_cache_stack(cache, want->order, want->list);
	bool may_block = !(flags & PT_ALLOC_NOBLOCK), drained = !cache;
	struct ptl_patience patience = { 0 };
	struct ptl_batch batch = { .pa = pa, .max = 1 };
	bool never = false; /* pages can never have these flags */

	if (stack && !stack->batch)
		stack = NULL;
	if (stack)
		batch = (struct ptl_batch){ .pa = stack->slot, .max = stack->batch };
	drain_if_wanted(zone, cache);
	while (!fetch(zone, want, &batch)) {
		int converted = 0;

		if (may_block && !patience.failed)
			converted = ptl_convert_for(zone, want, &batch);
		if (converted > 0)
			break;
		never |= converted == -EOPNOTSUPP;
		if (!drained) {
			pt_zone_cache_drain(cache);
			drained = true;
			continue;
		}
		if (may_block && ptl_wait_for_others(zone, &patience, converted < 0))
			continue;
		atomic_fetch_add_explicit(&zone->drain_wanted, 1, memory_order_relaxed);
		return never ? -EOPNOTSUPP : -ENOMEM;
	}
	ptl_mark_cached(zone, batch.pa, batch.nr, want->order, want->list);
	*pa = keep_others(stack, &batch);
	if (may_block && zone->ready_low)
		ptl_keep_ready(zone, want->list);
	return 0;
}

/*
 * Cached blocks become held ones and back by one bit. They have one reference and no
 * account. All of pt_frame.use is loaded and stored: a byte would have to reach the
 * cache before the whole could be loaded again.
 */
static inline uint64_t flip_held(uint64_t use)
{
	return use ^ ptl_plain_use(PTL_BLOCK_HELD) ^ ptl_plain_use(PTL_BLOCK_CACHED);
}

static inline void hand_out(struct pt_frame *frame, const struct pt_alloc *how)
{
	uint64_t use = atomic_load_explicit(&frame->use, memory_order_relaxed);

	atomic_store_explicit(&frame->use, flip_held(use), memory_order_relaxed);
	/* Who still has a translation to it can tell that it was handed out again. */
	atomic_store_explicit(&frame->generation,
			      atomic_load_explicit(&frame->generation, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	frame->owner = how->owner;
}

static int zero(struct pt_zone *zone, struct pt_zone_cache *cache, const struct pt_alloc *how,
		pt_pa_t pa)
{
	const struct ptl_span *span = ptl_span_of(zone, pa);
	const struct pt_extent extent = { pa, PTL_BIT(how->order + zone->frame_lg2) };

	if (ptl_freetype_is_absent(how->type.flags))
		return zone->ops->zero(zone->ops->ctx, cache->cpu, &extent, how->type.flags);
	memset(span->host + (pa - span->pa), 0, extent.len);
	return 0;
}

static int check_alloc(const struct pt_zone *zone, const struct pt_zone_cache *cache,
		       const struct pt_alloc *how, int list)
{
	if (how->order > zone->max_order || how->flags & ~ALLOC_FLAGS ||
	    (how->account && !ptl_account_is_of(how->account, zone)) ||
	    (cache && cache->zone != zone))
		return -EINVAL;
	if (list < 0)
		return -EOPNOTSUPP;
	if (!how->type.flags)
		return 0;
	if (!zone->ops)
		return -EOPNOTSUPP;
	if (how->flags & PT_ALLOC_ZERO && ptl_freetype_is_absent(how->type.flags) &&
	    (!cache || !zone->ops->zero))
		return -EOPNOTSUPP;
	return 0;
}

static __attribute__((noinline)) int alloc_thoroughly(struct pt_zone *zone,
						      struct pt_zone_cache *cache,
						      const struct pt_alloc *how, int list,
						      pt_pa_t *out)
{
	const struct ptl_request want = {
		.order = how->order,
		.list = (unsigned int)list,
		.nofragment = how->flags & PT_ALLOC_NOFRAGMENT,
	};
	int err = check_alloc(zone, cache, how, list);
	const struct ptl_span *span;
	struct ptl_stack *stack;
	struct pt_frame *frame;
	uint64_t held = 0;
	pt_pa_t pa;

	if (err)
		return err;
	if (how->account && !ptl_account_charge(how->account, how->order, &held))
		return -ENOMEM;
	stack = ptl_cache_stack(cache, how->order, want.list);
	if (stack && ptl_stack_nr(stack))
		pa = ptl_stack_pop(stack);
	else
		err = alloc_from_zone(zone, cache, &want, how->flags, &pa);
	if (err) {
		if (how->account)
			ptl_account_uncharge(how->account, how->order);
		return err;
	}
	span = ptl_span_of(zone, pa);
	frame = ptl_span_frame(zone, span, pa);
	hand_out(frame, how);
	if (how->account)
		ptl_account_store(frame, ptl_account_id(how->account));
	ptl_unpoison(span->host + (pa - span->pa), PTL_BIT(how->order + zone->frame_lg2));
	if (how->flags & PT_ALLOC_ZERO) {
		err = zero(zone, cache, how, pa);
		if (err) {
			PTL_BUG_ON(pt_free_pages(zone, cache, pa, how->order));
			return err;
		}
	}
	if (how->account)
		ptl_account_count(how->account, held);
	*out = pa;
	return 0;
}

/* The usual case: the cache has one, and nothing else is to be done. */
int pt_alloc_pages(struct pt_zone *zone, struct pt_zone_cache *cache, const struct pt_alloc *how,
		   pt_pa_t *out)
{
	int list = ptl_list_of(how->type);
	struct ptl_stack *stack;
	pt_pa_t pa;

	if (list < 0 || how->flags || how->account || zone->poisons)
		return alloc_thoroughly(zone, cache, how, list, out);
	stack = ptl_cache_stack(cache, how->order, (unsigned int)list);
	if (!stack || !ptl_stack_nr(stack))
		return alloc_thoroughly(zone, cache, how, list, out);
	PTL_DEBUG_ON(cache->zone != zone); /* too dear here: half a nanosecond of eight */
	pa = ptl_stack_pop(stack);
	hand_out(ptl_span_frame(zone, ptl_span_of(zone, pa), pa), how);
	*out = pa;
	return 0;
}

/* Why @pa, where no held block of @order begins, cannot be freed. */
static int wrong_free(const struct pt_zone *zone, const struct ptl_span *span, pt_pa_t pa)
{
	const struct pt_frame *frame = ptl_block_of(zone, span, pa, &pa);

	return frame && (ptl_block_load(frame) & PTL_BLOCK_KIND) == PTL_BLOCK_HELD ? -EINVAL :
										     -ENOENT;
}

static int check_free(const struct pt_zone *zone, const struct ptl_span *span,
		      const struct pt_frame *frame, pt_pa_t pa, unsigned int order)
{
	unsigned int block = ptl_block_load(frame);

	if (__builtin_expect((block & (PTL_BLOCK_KIND | PTL_BLOCK_ORDER)) !=
				     (PTL_BLOCK_HELD | order),
			     0))
		return wrong_free(zone, span, pa);
	if (atomic_load_explicit(&frame->state, memory_order_relaxed) != PTL_FRAME_NONE ||
	    atomic_load_explicit(&frame->refs, memory_order_relaxed) != 1)
		return -EBUSY;
	return 0;
}

/* A mapping of it elsewhere may be cached by a CPU: it goes first. */
static int settle(struct pt_zone *zone, pt_pa_t pa, unsigned int order, bool may_flush)
{
	const struct pt_extent extent = { pa, PTL_BIT(order + zone->frame_lg2) };

	if (!may_flush || !zone->ops || !zone->ops->settle)
		return -EBUSY;
	zone->ops->settle(zone->ops->ctx, &extent);
	return 0;
}

/* Into the cache, or if it has no place for such blocks, into the zone. */
static void put_away(struct pt_zone *zone, struct pt_zone_cache *cache,
			    const struct ptl_span *span, pt_pa_t pa, unsigned int order)
{
	const struct ptl_pageblock *p = ptl_pageblock_at(zone, span, pa);
	struct ptl_stack *stack = ptl_cache_stack(cache, order, ptl_pageblock_list(p));

	if (__builtin_expect(!stack || !stack->size, 0)) {
		ptl_lock_and_give_back(zone, &pa, 1);
		return;
	}
	if (__builtin_expect(ptl_stack_nr(stack) == stack->size, 0))
		ptl_stack_spill(zone, stack);
	ptl_stack_push(stack, pa);
}

static __attribute__((noinline)) int free_thoroughly(struct pt_zone *zone,
						     struct pt_zone_cache *cache, pt_pa_t pa,
						     unsigned int order, bool may_flush)
{
	const struct ptl_span *span = ptl_span_of(zone, pa);
	struct pt_frame *frame;
	unsigned int block, account;
	int err;

	if (order > zone->max_order || !ptl_aligned(pa, zone->frame_lg2) ||
	    (cache && cache->zone != zone))
		return -EINVAL;
	if (!span)
		return -ERANGE;
	frame = ptl_span_frame(zone, span, pa);
	err = check_free(zone, span, frame, pa, order);
	if (!err && ptl_block_load(frame) & PTL_BLOCK_STALE)
		err = settle(zone, pa, order, may_flush);
	if (err)
		return err;
	account = ptl_account_load(frame);
	if (account)
		ptl_account_uncharge(zone->accounts[account], order);
	ptl_account_store(frame, 0);
	block = ptl_block_load(frame) & ~(PTL_BLOCK_KIND | PTL_BLOCK_STALE);
	ptl_block_store(frame, block | PTL_BLOCK_CACHED);
	ptl_poison(span->host + (pa - span->pa), PTL_BIT(order + zone->frame_lg2));
	put_away(zone, cache, span, pa, order);
	return 0;
}

static inline uint64_t rotate_right(uint64_t x, unsigned int by)
{
	return x >> by | x << (64 - by);
}

/* The usual case: a block that nothing is to be known of, and room for it in the cache. */
int pt_free_pages(struct pt_zone *zone, struct pt_zone_cache *cache, pt_pa_t pa, unsigned int order)
{
	const uint64_t movable = ptl_plain_use(PTL_BLOCK_MOVABLE) ^ ptl_plain_use(0);
	const struct ptl_quick *quick = &zone->quick;
	/* Rotated, an unaligned address is a frame beyond all others. */
	uint64_t at = rotate_right(pa - quick->pa, zone->frame_lg2), use;
	const struct ptl_pageblock *p;
	struct ptl_stack *stack;
	struct pt_frame *frame;

	/*
	 * Descriptors of pages freed at random are cache misses. How many of them are waited
	 * for at once depends on how few instructions there are from one to the next.
	 */
	if (at >= quick->nr)
		return free_thoroughly(zone, cache, pa, order, true);
	frame = &quick->frames[at];
	use = atomic_load_explicit(&frame->use, memory_order_relaxed);
	p = &zone->pageblocks[(uint32_t)(pa >> zone->pageblock_lg2) + quick->skip];
	/* An order that does not exist has no stack. */
	stack = ptl_cache_stack(cache, order, ptl_pageblock_list(p));
	if ((use & ~movable) != ptl_plain_use(PTL_BLOCK_HELD | order) || !stack ||
	    ptl_stack_nr(stack) == stack->size)
		return free_thoroughly(zone, cache, pa, order, true);
	PTL_DEBUG_ON(cache->zone != zone);
	atomic_store_explicit(&frame->use, flip_held(use), memory_order_relaxed);
	ptl_stack_push(stack, pa);
	return 0;
}

int pt_free_pages_raw(struct pt_zone *zone, struct pt_zone_cache *cache, pt_pa_t pa,
		      unsigned int order)
{
	return free_thoroughly(zone, cache, pa, order, false);
}
