/* SPDX-License-Identifier: MIT */
/*
 * pt_buddy_verify() on zones that are damaged on purpose, by one field at a time: each time it
 * says so, survives it, and finds nothing once the field is as it was. White-box.
 */
#include "buddy/zones.h"

#include "buddy/cache.h"
#include "buddy/pageblock.h"

static struct pt_account *account;

/* Pages of all types and orders, held, cached and free, in both caches; some are charged. */
static void live_a_little(struct zones *z)
{
	account = buddy_account(&z->m, UINT64_MAX);
	for (size_t i = 0; i < 400; i++) {
		uint32_t pick = buddy_random(&z->seed);
		const struct pt_alloc how = {
			.order = pick >> 4 & 3 ? pick >> 6 & 3 : (pick >> 8) % (z->m.max_order + 1),
			.type = all_types[(pick >> 12) % NR_TYPES],
			.account = pick >> 16 & 1 ? account : NULL,
		};
		struct pt_zone_cache *cache = z->cache[pick >> 20 & 1];
		pt_pa_t pa;

		if (i % 3 == 2 && z->m.nr_blocks) {
			struct buddy_block block = z->m.block[(pick >> 8) % z->m.nr_blocks];

			buddy_free(&z->m, cache, block.pa, block.order);
		} else {
			buddy_alloc(&z->m, cache, &how, &pa);
		}
	}
	buddy_check(&z->m);
}

struct findings {
	unsigned int nr;
	const char *wanted;
	bool said;
};

static bool collect(void *ctx, pt_pa_t pa, const char *what)
{
	struct findings *findings = ctx;

	(void)pa;
	findings->nr++;
	if (findings->wanted && !strcmp(what, findings->wanted))
		findings->said = true;
	return true;
}

/* All is well now, and was not with @len bytes at @at as they were @damaged. */
static void expect_found(struct zones *z, void *at, const void *damaged, size_t len,
			 const char *wanted, const char *field)
{
	struct findings findings = { .wanted = wanted };
	uint8_t old[16];
	int err;

	assert_true(len <= sizeof(old));
	memcpy(old, at, len);
	memcpy(at, damaged, len);
	err = pt_buddy_verify(z->m.zone, collect, &findings);
	memcpy(at, old, len);
	if (err != -EFAULT || !findings.nr || (wanted && !findings.said))
		fail_msg("%s: %s", field, err ? "said something else" : "not found");
	assert_int_equal(pt_buddy_verify(z->m.zone, NULL, NULL), 0);
}

/* Several other values of an integer of @len bytes. */
static void damage(struct zones *z, void *at, size_t len, const char *field)
{
	uint64_t old = 0, values[5];

	memcpy(&old, at, len);
	values[0] = old + 1;
	values[1] = old - 1;
	values[2] = old ^ 0x10;
	values[3] = ~UINT64_C(0);
	values[4] = 0;
	for (size_t i = 0; i < 5; i++) {
		uint64_t changed = 0;

		memcpy(&changed, &values[i], len);
		if (changed != old)
			expect_found(z, at, &changed, len, NULL, field);
	}
}

#define DAMAGE(z, lvalue) damage(z, (void *)&(lvalue), sizeof(lvalue), #lvalue)

static void damage_pageblock(struct zones *z, struct ptl_pageblock *p)
{
	DAMAGE(z, p->pa);
	DAMAGE(z, p->frames);
	DAMAGE(z, p->low);
	DAMAGE(z, p->high);
	DAMAGE(z, p->list);
	DAMAGE(z, p->order);
	DAMAGE(z, p->nr_free);
	DAMAGE(z, p->nr_movable);
	DAMAGE(z, p->orders);
	/* an order that no map has, also where nothing is free */
	expect_found(z, &p->orders, &(uint16_t){ (uint16_t)(p->orders | 0x8000) },
		     sizeof(p->orders), "a map that says more than free parts of a pageblock",
		     "orders");
	for (unsigned int order = 0; order < z->m.pageblock_order; order++)
		DAMAGE(z, p->nr[order]);
	if (p->order || p->nr_free) {
		DAMAGE(z, p->next);
		DAMAGE(z, p->prev);
	}
	if (!p->order && p->nr_free) {
		DAMAGE(z, p->fullness);
		DAMAGE(z, p->largest);
	}
}

/* One of each kind: in a bin, on a list, all held; of each freetype. */
static void every_field_of_a_pageblock_is_checked(void **state)
{
	struct zones *z = *state;
	struct pt_zone *zone = z->m.zone;
	unsigned int kinds = 0;

	live_a_little(z);
	for (size_t i = 0; i < zone->nr_spans; i++)
		for (uint32_t k = 0; k < zone->spans[i].fresh; k++) {
			struct ptl_pageblock *p =
				&zone->pageblocks[zone->spans[i].first_pageblock + k];
			unsigned int kind = p->order ? 0 : p->nr_free ? 1 : 2;

			kind += 3 * ptl_pageblock_list(p);
			if (kinds >> kind & 1)
				continue;
			kinds |= 1u << kind;
			damage_pageblock(z, p);
		}
	/* between holes hardly anything is free as a whole */
	for (unsigned int kind = z->layout != &whole_16m; kind < 3; kind++)
		assert_true(kinds & UINT32_C(0x9249) << kind);
	/* those that are not used: the next, and what parts spans */
	for (size_t i = 0; i < zone->nr_spans; i++) {
		const struct ptl_span *span = &zone->spans[i];
		struct ptl_pageblock *p = &zone->pageblocks[span->first_pageblock + span->fresh];

		DAMAGE(z, p->order);
		DAMAGE(z, p->nr_free);
		p = &zone->pageblocks[span->first_pageblock + span->nr_pageblocks];
		DAMAGE(z, p->order);
		DAMAGE(z, p->list);
	}
}

/* How many are used says how many are read: one too many led out of all of them. */
static void more_used_pageblocks_than_there_are_are_not_read(void **state)
{
	struct zones *z = *state;
	struct pt_zone *zone = z->m.zone;

	live_a_little(z);
	for (size_t i = 0; i < zone->nr_spans; i++) {
		struct ptl_span *span = &zone->spans[i];

		DAMAGE(z, span->fresh);
		expect_found(z, &span->fresh, &(uint32_t){ span->nr_pageblocks + 1 },
			     sizeof(uint32_t), "more pageblocks are used than there are", "fresh");
	}
}

/* Also where the first pageblock alone says which list it is on. */
static void a_free_block_of_two_types_is_found(void **state)
{
	struct zones *z = *state;
	const uint8_t list = PT_MIGRATE_RECLAIMABLE;
	struct ptl_pageblock *p;

	put(z, get(z, 10, UNMOVABLE), 10);
	p = &z->m.zone->pageblocks[z->m.zone->whole[1][PT_MIGRATE_UNMOVABLE]];
	assert_int_equal(p->order, 10);
	expect_found(z, (void *)&p[1].list, &list, 1, "a free block of two types", "list");
}

/* What a neighbour looks at: the next one that comes into use, and the one behind a span. */
static void pageblocks_that_are_not_used_are_empty(void **state)
{
	static const char wanted[] = "a pageblock that was never used is not empty";
	struct zones *z = *state;
	struct pt_zone *zone = z->m.zone;
	const uint8_t order = (uint8_t)z->m.pageblock_order, list = 1;

	for (unsigned int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < zone->nr_spans; i++) {
			const struct ptl_span *span = &zone->spans[i];
			const uint32_t at[] = { span->fresh, span->nr_pageblocks };

			for (size_t k = 0; k < 2; k++) {
				struct ptl_pageblock *p =
					&zone->pageblocks[span->first_pageblock + at[k]];

				expect_found(z, &p->order, &order, 1, wanted, "order");
				expect_found(z, (void *)&p->list, &list, 1, wanted, "list");
			}
		}
		live_a_little(z);
	}
}

static void every_bit_of_a_map_is_checked(void **state)
{
	struct zones *z = *state;
	struct pt_zone *zone = z->m.zone;
	const struct ptl_span *span = &zone->spans[0];
	unsigned int words = (2u << zone->pageblock_order) / 64;

	live_a_little(z);
	for (uint32_t k = 0; k < span->fresh && k < 3; k++) {
		uint64_t *map = ptl_map_of(zone, &zone->pageblocks[span->first_pageblock + k]);

		for (unsigned int bit = 0; bit < words * 64; bit += 1 + bit / 256 * 13) {
			uint64_t flipped = map[bit / 64] ^ PTL_BIT(bit % 64);

			expect_found(z, &map[bit / 64], &flipped, sizeof(flipped), NULL, "a map");
		}
	}
}

static void every_list_is_followed(void **state)
{
	struct zones *z = *state;
	struct pt_zone *zone = z->m.zone;
	unsigned int last = zone->pageblock_order - 1;

	live_a_little(z);
	for (unsigned int list = 0; list < PT_FREETYPE_LISTS; list++) {
		struct ptl_bins *bins = &zone->bins[list];

		DAMAGE(z, zone->whole[0][list]);
		DAMAGE(z, zone->whole[1][list]);
		DAMAGE(z, bins->fullness);
		for (unsigned int i = 0; i < PTL_FULLNESS; i += 5) {
			DAMAGE(z, bins->largest[i]);
			DAMAGE(z, bins->head[i][0]);
			DAMAGE(z, bins->head[i][last]);
		}
	}
}

/* Two pageblocks that only point at each other are on no list, though both have a neighbour. */
static void a_ring_beside_its_list_is_found(void **state)
{
	struct zones *z = *state;
	struct pt_zone *zone = z->m.zone;
	struct ptl_pageblock *p[2], old[2];
	uint32_t head, *list;
	pt_pa_t pa[3];

	/* of three pageblocks on a list, the last two leave it */
	for (size_t i = 0; i < 3; i++) {
		pa[i] = get(z, z->m.pageblock_order, MOVABLE);
		get(z, z->m.pageblock_order, MOVABLE);
	}
	for (size_t i = 0; i < 3; i++)
		put(z, pa[i], z->m.pageblock_order);
	list = &zone->whole[0][PTL_MOVABLE_LIST];
	head = zone->pageblocks[*list].next;
	p[0] = &zone->pageblocks[head];
	p[1] = &zone->pageblocks[p[0]->next];
	for (size_t i = 0; i < 2; i++)
		old[i] = *p[i];
	zone->pageblocks[*list].next = PTL_NO_PAGEBLOCK;
	p[0]->prev = p[0]->next;
	p[1]->next = head;
	assert_int_equal(pt_buddy_verify(zone, NULL, NULL), -EFAULT);
	zone->pageblocks[*list].next = head;
	for (size_t i = 0; i < 2; i++)
		*p[i] = old[i];
	assert_int_equal(pt_buddy_verify(zone, NULL, NULL), 0);
}

static void every_count_is_counted_anew(void **state)
{
	struct zones *z = *state;
	struct pt_zone *zone = z->m.zone;

	live_a_little(z);
	for (unsigned int list = 0; list < PT_FREETYPE_LISTS; list++) {
		for (unsigned int order = 0; order <= z->m.max_order; order++)
			DAMAGE(z, zone->stats.nr_free[order][list]);
		DAMAGE(z, zone->stats.pageblocks[list]);
	}
	DAMAGE(z, zone->nr_free_frames);
	DAMAGE(z, zone->nr_transit);
	DAMAGE(z, zone->managed);
	DAMAGE(z, zone->nr_accounts);
	expect_found(z, &zone->accounts_full, &(uint16_t){ 2 }, sizeof(uint16_t),
		     "accounts are miscounted", "accounts_full");
	expect_found(z, &zone->accounts[1], &(struct pt_account *){ NULL }, sizeof(void *),
		     "charged to an account that does not exist", "accounts");
	expect_found(z, &zone->used_flags, &(unsigned int){ 0 }, sizeof(unsigned int),
		     "a pageblock of flags that nobody uses", "used_flags");
}

static void caches_are_looked_into(void **state)
{
	struct zones *z = *state;
	struct pt_zone_cache *cache = z->cache[0];
	struct ptl_stack *stack = &cache->stack[0][0];
	struct ptl_stack *unmapped = &cache->stack[0][pt_freetype_idx(UNMAPPED)];
	struct findings findings = {
		.wanted = "a cached block of other flags than its pageblock",
	};
	pt_pa_t pa[4], held = get(z, 0, UNMOVABLE), outside = 1;
	uint32_t nr;

	for (size_t i = 0; i < 4; i++)
		pa[i] = get(z, 0, UNMOVABLE);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(buddy_free(&z->m, cache, pa[i], 0), 0);
	put(z, get(z, 0, UNMAPPED), 0);
	buddy_check(&z->m);

	DAMAGE(z, stack->nr);
	nr = stack->size + 1u;
	expect_found(z, &stack->nr, &nr, sizeof(nr), "a cache has more blocks than it has room for",
		     "nr");
	DAMAGE(z, stack->slot[0]);
	expect_found(z, &stack->slot[0], &stack->slot[1], sizeof(pt_pa_t),
		     "a block that is in caches twice", "slot");
	expect_found(z, &stack->slot[0], &held, sizeof(pt_pa_t),
		     "a cache has a block that is not cached", "slot");
	expect_found(z, &stack->slot[0], &outside, sizeof(pt_pa_t),
		     "a cache has what is no page of the zone", "slot");
	/* the same blocks, where those of other flags belong */
	nr = ptl_stack_nr(stack);
	memcpy(unmapped->slot, stack->slot, nr * sizeof(pt_pa_t));
	ptl_stack_set(stack, 0);
	ptl_stack_set(unmapped, nr);
	assert_int_equal(pt_buddy_verify(z->m.zone, collect, &findings), -EFAULT);
	ptl_stack_set(unmapped, 0);
	ptl_stack_set(stack, nr);
	assert_int_equal(findings.nr, nr);
	assert_true(findings.said);
}

/* Wherever the other cache keeps it: before the list that the first one has it on, or behind. */
static void a_block_in_two_caches_is_found(void **state)
{
	struct zones *z = *state;
	struct pt_zone_cache *first = z->m.zone->caches, *last = first->next;
	struct ptl_stack *stack[2][2];
	pt_pa_t pa[2][2];

	for (size_t list = 0; list < 2; list++)
		for (size_t i = 0; i < 2; i++)
			pa[i][list] = get(z, 0, all_types[list]);
	for (size_t list = 0; list < 2; list++)
		for (size_t i = 0; i < 2; i++) {
			struct pt_zone_cache *cache = i ? last : first;

			stack[i][list] = &cache->stack[0][list];
			assert_int_equal(buddy_free(&z->m, cache, pa[i][list], 0), 0);
			assert_int_equal(ptl_stack_nr(stack[i][list]), 1);
		}
	for (size_t list = 0; list < 2; list++)
		for (size_t other = 0; other < 2; other++)
			expect_found(z, stack[1][other]->slot, &pa[0][list], sizeof(pt_pa_t),
				     "a block that is in caches twice", "slot");
}

/* While the blocks of one stack are looked for in the others, these may be the damaged ones. */
static void caches_are_measured_before_they_are_looked_into(void **state)
{
	struct zones *z = *state;
	struct pt_zone *zone = z->m.zone;
	struct pt_zone_cache *first = zone->caches, *last = first->next;
	pt_pa_t pa = get(z, 0, UNMOVABLE);

	assert_null(last->next);
	assert_int_equal(buddy_free(&z->m, first, pa, 0), 0);
	buddy_check(&z->m);
	expect_found(z, &last->stack[0][1].nr, &(uint32_t){ UINT32_MAX }, sizeof(uint32_t),
		     "a cache has more blocks than it has room for", "nr");
	expect_found(z, &first->stack[PTL_CACHE_LOW_ORDERS][PT_FREETYPE_LISTS - 1].nr,
		     &(uint32_t){ UINT32_MAX }, sizeof(uint32_t),
		     "a cache has more blocks than it has room for", "nr");
	expect_found(z, &last->zone, &(struct pt_zone *){ NULL }, sizeof(last->zone),
		     "a cache that is not one of the zone's", "zone");
	/* a ring that the first is not of */
	expect_found(z, &last->next, &last, sizeof(last), "a cache that is not one of the zone's",
		     "next");
}

/* Where the first identifier is free again, no count says that there are accounts. */
static void accounts_are_counted_where_the_first_is_gone(void **state)
{
	struct zones *z = *state;
	struct pt_zone *zone = z->m.zone;
	struct pt_account *first;
	struct pt_alloc how = { .type = MOVABLE };
	pt_pa_t pa;

	assert_int_equal(pt_account_create(&first, zone, 1), 0);
	how.account = buddy_account(&z->m, UINT64_MAX);
	assert_int_equal(pt_account_destroy(first), 0);
	assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa), 0);
	buddy_check(&z->m);
	assert_int_equal(zone->accounts_full, 0);
	expect_found(z, &zone->nr_accounts, &(unsigned int){ 0 }, sizeof(unsigned int),
		     "accounts are miscounted", "nr_accounts");
	expect_found(z, &zone->accounts_end, &(uint16_t){ 1 }, sizeof(uint16_t),
		     "accounts are miscounted", "accounts_end");
	/* an id that is given again is not the last one */
	assert_int_equal(pt_account_create(&first, zone, 1), 0);
	buddy_check(&z->m);
	assert_int_equal(pt_account_destroy(first), 0);
	put(z, pa, 0);
}

/* What is counted anew in an account that is another zone's does not stay there. */
static void an_account_of_another_zone_is_left_as_it_was(void **state)
{
	struct zones *z = *state;
	struct pt_account *own = buddy_account(&z->m, UINT64_MAX), *others;
	const struct pt_alloc how = { .type = MOVABLE, .account = own };
	struct pt_phys *phys;
	struct pt_zone *zone;
	pt_pa_t pa;

	assert_int_equal(pt_phys_create_anon(&phys, MIB), 0);
	assert_int_equal(pt_zone_create(&zone, phys, NULL), 0);
	assert_int_equal(pt_account_create(&others, zone, UINT64_MAX), 0);
	assert_int_equal(buddy_alloc(&z->m, NULL, &how, &pa), 0);
	expect_found(z, &z->m.zone->accounts[1], &others, sizeof(others),
		     "an account that is not one of the zone's", "accounts");
	assert_int_equal(pt_buddy_verify(zone, NULL, NULL), 0);
	assert_int_equal(pt_account_destroy(others), 0);
	assert_int_equal(pt_zone_destroy(zone), 0);
	pt_phys_destroy(phys);
	put(z, pa, 0);
}

static struct pt_frame *frame_of(const struct zones *z, pt_pa_t pa)
{
	return ptl_span_frame(z->m.zone, ptl_span_of(z->m.zone, pa), pa);
}

static void every_mark_of_a_block_is_checked(void **state)
{
	struct zones *z = *state;
	pt_pa_t held, cached, free;

	account = buddy_account(&z->m, UINT64_MAX);
	for (unsigned int order = 1; order <= z->m.max_order; order++) {
		const struct pt_alloc how = { .order = order, .type = MOVABLE, .account = account };
		struct pt_frame *frame;
		uint8_t block;

		assert_int_equal(buddy_alloc(&z->m, NULL, &how, &held), 0);
		frame = frame_of(z, held);
		for (unsigned int bit = 0; bit < 8; bit++) {
			block = (uint8_t)(ptl_block_load(frame) ^ 1u << bit);
			if (1u << bit != PTL_BLOCK_STALE)
				expect_found(z, &frame->block, &block, 1, NULL, "a held block");
		}
		expect_found(z, &frame->account, &(uint16_t){ 0 }, sizeof(uint16_t),
			     "an account is not charged for what it holds", "account");
		expect_found(z, &frame->account, &(uint16_t){ 2 }, sizeof(uint16_t),
			     "charged to an account that does not exist", "account");
		expect_found(z, &frame->refs, &(uint32_t){ 0 }, sizeof(uint32_t),
			     "a held block that nobody refers to", "refs");
		block = PTL_BLOCK_HELD;
		expect_found(z, &frame[1].block, &block, 1, "a block begins inside another",
			     "inside");
		put(z, held, order);
	}
	held = get(z, 0, MOVABLE);
	free = held ^ frame_bytes(z);
	assert_int_equal(info_of(z, free).state, PT_PAGE_FREE);
	DAMAGE(z, frame_of(z, free)->refs);
	DAMAGE(z, frame_of(z, free)->state);
	DAMAGE(z, frame_of(z, free)->block);
	DAMAGE(z, frame_of(z, free)->account);
	assert_int_equal(alloc_flags(z, z->cache[0], 0, UNMOVABLE, 0, &cached), 0);
	assert_int_equal(buddy_free(&z->m, z->cache[0], cached, 0), 0);
	DAMAGE(z, frame_of(z, cached)->refs);
	DAMAGE(z, frame_of(z, cached)->state);
	DAMAGE(z, frame_of(z, cached)->block);
	DAMAGE(z, frame_of(z, cached)->account);
	put(z, held, 0);
}

static bool stop_at_once(void *ctx, pt_pa_t pa, const char *what)
{
	(void)pa;
	(void)what;
	++*(unsigned int *)ctx;
	return false;
}

static void stops_where_it_is_told_to(void **state)
{
	struct zones *z = *state;
	unsigned int calls = 0;

	live_a_little(z);
	z->m.zone->nr_free_frames++;
	z->m.zone->stats.nr_free[0][0]++;
	assert_int_equal(pt_buddy_verify(z->m.zone, stop_at_once, &calls), -EFAULT);
	assert_int_equal(calls, 1);
	z->m.zone->stats.nr_free[0][0]--;
	z->m.zone->nr_free_frames--;
	assert_int_equal(pt_buddy_verify(z->m.zone, stop_at_once, &calls), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(every_field_of_a_pageblock_is_checked, whole_16m),
		ON(every_field_of_a_pageblock_is_checked, holes_4k),
		ON(more_used_pageblocks_than_there_are_are_not_read, whole_16m),
		ON(more_used_pageblocks_than_there_are_are_not_read, holes_4k),
		ON(a_free_block_of_two_types_is_found, whole_16m),
		ON(pageblocks_that_are_not_used_are_empty, whole_16m),
		ON(pageblocks_that_are_not_used_are_empty, holes_4k),
		ON(every_bit_of_a_map_is_checked, holes_4k),
		ON(every_list_is_followed, whole_16m),
		ON(every_list_is_followed, holes_4k),
		ON(a_ring_beside_its_list_is_found, whole_16m),
		ON(every_count_is_counted_anew, holes_4k),
		ON(caches_are_looked_into, whole_16m),
		ON(a_block_in_two_caches_is_found, whole_16m),
		ON(caches_are_measured_before_they_are_looked_into, whole_16m),
		ON(accounts_are_counted_where_the_first_is_gone, whole_16m),
		ON(an_account_of_another_zone_is_left_as_it_was, whole_16m),
		ON(every_mark_of_a_block_is_checked, whole_16m),
		ON(stops_where_it_is_told_to, holes_4k),
	};

	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
