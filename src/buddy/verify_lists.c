/* SPDX-License-Identifier: MIT */
/*
 * What pageblocks and descriptors cannot say of themselves: that lists and caches have each of
 * them, and nothing else; and what accounts were charged for.
 */
#include "buddy/cache.h"
#include "buddy/pageblock.h"
#include "buddy/verify.h"

/* Where a pageblock with free frames has to be: a bin, or the list of an order. */
struct place {
	unsigned int list, order; /* @order 0: a bin, */
	unsigned int fullness, largest; /* this one */
};

static bool is_placed(const struct ptl_pageblock *p, const struct place *place)
{
	if (ptl_pageblock_list(p) != place->list || p->order != place->order)
		return false;
	return place->order ||
	       (p->nr_free && p->fullness == place->fullness && p->largest == place->largest);
}

/*
 * Whoever is on it belongs there and points back at who came before, so nobody is met twice: if
 * as many are met on all lists as there are, each is on its own.
 */
static uint64_t walk(struct ptl_verifier *v, uint32_t head, const struct place *place)
{
	const struct pt_zone *zone = v->zone;
	uint32_t before = PTL_NO_PAGEBLOCK, at = head;
	uint64_t met = 0;

	while (at != PTL_NO_PAGEBLOCK) {
		const struct ptl_pageblock *p;

		if (at >= zone->nr_pageblocks) {
			ptl_complain(v, 0, "a list that leads out of all pageblocks");
			return met;
		}
		p = &zone->pageblocks[at];
		if (!is_placed(p, place)) {
			ptl_complain(v, p->pa, "a pageblock on a list that it is not of");
			return met;
		}
		if (p->prev != before) {
			ptl_complain(v, p->pa, "a pageblock whose list is torn");
			return met;
		}
		met++;
		before = at;
		at = p->next;
	}
	return met;
}

static uint64_t walk_bins(struct ptl_verifier *v, unsigned int list)
{
	const struct ptl_bins *bins = &v->zone->bins[list];
	struct place place = { .list = list };
	uint64_t met = 0;

	for (place.fullness = 0; place.fullness < PTL_FULLNESS; place.fullness++) {
		unsigned int largest = 0;

		for (place.largest = 0; place.largest < PT_MAX_ORDER; place.largest++) {
			uint32_t head = bins->head[place.fullness][place.largest];

			if (head != PTL_NO_PAGEBLOCK)
				largest |= 1u << place.largest;
			met += walk(v, head, &place);
		}
		/* The masks say which bins have any. */
		if (bins->largest[place.fullness] != largest ||
		    (bins->fullness >> place.fullness & 1) != !!largest)
			ptl_complain(v, 0, "a mask of bins disagrees with the bins");
	}
	return met;
}

void ptl_verify_lists(struct ptl_verifier *v)
{
	const struct pt_zone *zone = v->zone;
	uint64_t met = 0;

	for (unsigned int list = 0; list < PT_FREETYPE_LISTS; list++) {
		met += walk_bins(v, list);
		for (unsigned int i = 0; i < 2; i++) {
			const struct place place = { .list = list,
						     .order = zone->pageblock_order + i };

			met += walk(v, zone->whole[i][list], &place);
		}
	}
	if (met != v->listed)
		ptl_complain(v, 0, "a pageblock that its list does not know");
}

/* Whether the block in slot @at of @stack is in another slot from there on, of any cache. */
static bool is_cached_twice(const struct pt_zone_cache *cache, unsigned int order,
			    const struct ptl_stack *stack, uint32_t at)
{
	pt_pa_t pa = stack->slot[at++];
	unsigned int list = (unsigned int)(stack - cache->stack[order]);

	for (; cache; cache = cache->next, list = 0)
		for (; list < PT_FREETYPE_LISTS; list++, at = 0)
			for (stack = &cache->stack[order][list]; at < ptl_stack_nr(stack); at++)
				if (stack->slot[at] == pa)
					return true;
	return false;
}

static void check_slot(struct ptl_verifier *v, pt_pa_t pa, unsigned int order, unsigned int list)
{
	const struct pt_zone *zone = v->zone;
	const struct ptl_span *span = ptl_span_of(zone, pa);
	unsigned int block;

	if (!span || !ptl_aligned(pa, zone->frame_lg2)) {
		ptl_complain(v, pa, "a cache has what is no page of the zone");
		return;
	}
	block = ptl_block_load(ptl_span_frame(zone, span, pa));
	if ((block & (PTL_BLOCK_KIND | PTL_BLOCK_ORDER)) != (PTL_BLOCK_CACHED | order))
		ptl_complain(v, pa, "a cache has a block that is not cached");
	/* Its pageblock may have been claimed meanwhile, but not converted. */
	else if (ptl_type_of(ptl_pageblock_list(ptl_pageblock_at(zone, span, pa))).flags !=
		 ptl_type_of(list).flags)
		ptl_complain(v, pa, "a cached block of other flags than its pageblock");
}

static void check_stack(struct ptl_verifier *v, const struct pt_zone_cache *cache, unsigned int i,
			unsigned int list)
{
	const struct ptl_stack *stack = &cache->stack[i][list];
	unsigned int order = i < PTL_CACHE_LOW_ORDERS ? i : v->zone->pageblock_order;

	for (uint32_t at = 0; at < ptl_stack_nr(stack); at++) {
		check_slot(v, stack->slot[at], order, list);
		if (is_cached_twice(cache, i, stack, at))
			ptl_complain(v, stack->slot[at], "a block that is in caches twice");
	}
}

/* Whether stacks hold what they have room for, and their list ends: else they are not read. */
static bool are_sound(struct ptl_verifier *v)
{
	const struct pt_zone_cache *cache, *before = NULL;

	for (cache = v->zone->caches; cache; before = cache, cache = cache->next) {
		const struct ptl_stack *stack = &cache->stack[0][0];

		if (cache->zone != v->zone || cache->prev != before) {
			ptl_complain(v, 0, "a cache that is not one of the zone's");
			return false;
		}
		for (size_t i = 0; i < PTL_CACHE_ORDERS * PT_FREETYPE_LISTS; i++) {
			if (ptl_stack_nr(&stack[i]) <= stack[i].size)
				continue;
			ptl_complain(v, 0, "a cache has more blocks than it has room for");
			return false;
		}
	}
	return true;
}

void ptl_verify_caches(struct ptl_verifier *v)
{
	const struct pt_zone_cache *cache;

	if (!are_sound(v))
		return;
	for (cache = v->zone->caches; cache; cache = cache->next)
		for (unsigned int i = 0; i < PTL_CACHE_ORDERS; i++)
			for (unsigned int list = 0; list < PT_FREETYPE_LISTS; list++)
				check_stack(v, cache, i, list);
	if (v->frames_cached != ptl_cached_frames(v->zone))
		ptl_complain(v, 0, "cached frames are miscounted");
	if (v->zone->nr_transit)
		ptl_complain(v, 0, "a conversion is under way");
}

void ptl_verify_accounts(struct ptl_verifier *v)
{
	const struct pt_zone *zone = v->zone;
	unsigned int nr = 0;
	bool full = zone->accounts_full <= zone->accounts_end;

	if (zone->accounts[0])
		ptl_complain(v, 0, "nobody has an account");
	for (unsigned int id = 1; id <= zone->accounts_end; id++) {
		bool agrees;

		full &= id > zone->accounts_full || zone->accounts[id];
		if (!zone->accounts[id])
			continue;
		nr++;
		/* Also of another zone's: what was counted in it must not stay. */
		agrees = ptl_account_agrees(zone->accounts[id]);
		if (!ptl_account_is_of(zone->accounts[id], zone) ||
		    ptl_account_id(zone->accounts[id]) != id)
			ptl_complain(v, 0, "an account that is not one of the zone's");
		else if (!agrees)
			ptl_complain(v, 0, "an account is not charged for what it holds");
	}
	if (nr != zone->nr_accounts || !full)
		ptl_complain(v, 0, "accounts are miscounted");
}
