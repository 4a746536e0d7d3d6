/* SPDX-License-Identifier: MIT */
/* Caches: pages of orders 0 to 3 and of pageblock order, in batches, freed through any. */
#include "buddy/zones.h"

static int cache_get(struct zones *z, unsigned int cpu, unsigned int order, pt_freetype_t type,
		     pt_pa_t *pa)
{
	return alloc_flags(z, z->cache[cpu], order, type, 0, pa);
}

static void draining_gives_back_everything(void **state)
{
	struct zones *z = *state;

	for (size_t t = 0; t < NR_TYPES; t++)
		for (unsigned int order = 0; order <= z->m.max_order; order++) {
			pt_pa_t pa;

			if (!cache_get(z, t & 1, order, all_types[t], &pa))
				assert_int_equal(buddy_free(&z->m, z->cache[t & 1], pa, order), 0);
		}
	buddy_check(&z->m);
	assert_int_equal(stats_of(z).held, 0);
	for (unsigned int i = 0; i < 2; i++)
		pt_zone_cache_drain(z->cache[i]);
	assert_int_equal(stats_of(z).cached, 0);
	assert_int_equal(stats_of(z).free, z->m.nr_frames);
	buddy_check(&z->m);
}

/* A batch at a time: the zone's lock is taken for few of many operations. */
static void most_operations_take_no_lock(void **state)
{
	struct zones *z = *state;
	static pt_pa_t pa[1024];
	uint64_t lock_takes = stats_of(z).lock_takes;

	for (size_t i = 0; i < 1024; i++)
		assert_int_equal(cache_get(z, 0, 0, MOVABLE, &pa[i]), 0);
	for (size_t i = 0; i < 1024; i++)
		assert_int_equal(buddy_free(&z->m, z->cache[0], pa[i], 0), 0);
	assert_true(stats_of(z).lock_takes - lock_takes < 1024 / 4);
	/* the same page in and out: not at all, once there is one */
	lock_takes = stats_of(z).lock_takes;
	for (unsigned int order = 0; order <= 3; order++)
		for (size_t i = 0; i < 1000; i++) {
			assert_int_equal(cache_get(z, 0, order, MOVABLE, &pa[0]), 0);
			assert_int_equal(buddy_free(&z->m, z->cache[0], pa[0], order), 0);
		}
	assert_true(stats_of(z).lock_takes - lock_takes <= 16);
	buddy_check(&z->m);
}

/* Remote frees neither bounce nor pile up: whoever frees keeps a few, the zone the rest. */
static void pages_freed_through_another_cache_are_not_lost(void **state)
{
	struct zones *z = *state;
	uint64_t lock_takes = stats_of(z).lock_takes;
	size_t nr = 0;

	for (size_t round = 0; round < 64; round++) {
		pt_pa_t pa[256];

		for (size_t i = 0; i < 256; i++, nr++)
			assert_int_equal(cache_get(z, 0, 0, MOVABLE, &pa[i]), 0);
		for (size_t i = 0; i < 256; i++)
			assert_int_equal(buddy_free(&z->m, z->cache[1], pa[i], 0), 0);
	}
	assert_true(stats_of(z).lock_takes - lock_takes < nr / 4);
	assert_true(stats_of(z).cached < z->m.nr_frames / 2);
	buddy_check(&z->m);
	/* what one cache keeps is not out of the other's reach for ever */
	pt_zone_cache_drain(z->cache[1]);
	assert_true(get_all(z, z->cache[0], 0, MOVABLE, 0) == z->m.nr_frames);
}

static void cached_pages_are_not_free_and_not_held(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa;

	for (unsigned int order = 0; order <= 3; order++) {
		assert_int_equal(cache_get(z, 0, order, UNMOVABLE, &pa), 0);
		assert_int_equal(buddy_free(&z->m, z->cache[0], pa, order), 0);
		assert_int_equal(info_of(z, pa).state, PT_PAGE_CACHED);
		assert_int_equal(info_of(z, pa).order, order);
	}
	assert_int_equal(cache_get(z, 0, z->m.pageblock_order, UNMOVABLE, &pa), 0);
	assert_int_equal(buddy_free(&z->m, z->cache[0], pa, z->m.pageblock_order), 0);
	assert_int_equal(info_of(z, pa).state, PT_PAGE_CACHED);
	/* other orders are not kept */
	assert_int_equal(cache_get(z, 0, 5, UNMOVABLE, &pa), 0);
	assert_int_equal(buddy_free(&z->m, z->cache[0], pa, 5), 0);
	assert_int_equal(info_of(z, pa).state, PT_PAGE_FREE);
	buddy_check(&z->m);
}

/* A page in a cache keeps what it is: the model holds each that comes out to its flags. */
static void a_cache_does_not_mix_flags(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa[64];

	for (size_t round = 0; round < 50; round++)
		for (size_t t = 0; t < NR_TYPES; t++) {
			unsigned int order = (unsigned int)(round + t) % 4;
			size_t nr = 0;

			while (nr < 64 && !cache_get(z, 0, order, all_types[t], &pa[nr]))
				nr++;
			while (nr--)
				assert_int_equal(buddy_free(&z->m, z->cache[nr & 1], pa[nr], order),
						 0);
		}
	buddy_check(&z->m);
}

/* While its pages are in a cache its pageblock may change hands; draining finds that out. */
static void a_pageblock_is_claimed_while_its_pages_are_cached(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa, page[32];

	for (size_t i = 0; i < 32; i++)
		assert_int_equal(cache_get(z, 0, 0, MOVABLE, &page[i]), 0);
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(buddy_free(&z->m, z->cache[0], page[i], 0), 0);
	/* all whole ones, and then what is left of it */
	while (!alloc_flags(z, NULL, 9, UNMOVABLE, 0, &pa))
		;
	for (unsigned int order = 9; order--;)
		while (!alloc_flags(z, NULL, order, UNMOVABLE, 0, &pa))
			;
	buddy_check(&z->m);
	assert_int_equal(info_of(z, page[0]).type.migratetype, PT_MIGRATE_UNMOVABLE);
	for (size_t i = 0; i < 8; i++)
		cache_get(z, 0, 0, MOVABLE, &page[i]);
	pt_zone_cache_drain(z->cache[0]);
	buddy_check(&z->m);
}

static void a_pageblock_with_cached_pages_is_not_converted(void **state)
{
	struct zones *z = *state;
	size_t nr;
	pt_pa_t pa;

	assert_int_equal(cache_get(z, 0, 0, MOVABLE, &pa), 0);
	assert_int_equal(buddy_free(&z->m, z->cache[0], pa, 0), 0);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, SIZE_MAX, &nr), 0);
	assert_int_equal(nr, 7);
	pt_zone_cache_drain(z->cache[0]);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, SIZE_MAX, &nr), 0);
	assert_int_equal(nr, 1);
	buddy_check(&z->m);
}

/* Whoever may not wait: it holds what is cached here already, in smaller blocks. */
static void a_request_that_finds_nothing_empties_its_own_cache(void **state)
{
	static const unsigned int flags[] = { 0, PT_ALLOC_NOBLOCK };
	struct zones *z = *state;
	pt_pa_t pa[16], whole;

	assert_true(get_all(z, NULL, 4, MOVABLE, 0) > 0);
	whole = z->m.block[0].pa;
	for (size_t i = 0; i < 2; i++) {
		put(z, whole, 4);
		for (size_t k = 0; k < 16; k++)
			assert_int_equal(cache_get(z, 0, 0, MOVABLE, &pa[k]), 0);
		for (size_t k = 0; k < 16; k++)
			assert_int_equal(buddy_free(&z->m, z->cache[0], pa[k], 0), 0);
		assert_int_equal(stats_of(z).free, 0);
		assert_int_equal(alloc_flags(z, z->cache[0], 4, MOVABLE, flags[i], &whole), 0);
	}
}

/* What others lack may be in a cache: it is emptied as it next asks the zone, and only then. */
static void a_failed_request_empties_other_caches_once(void **state)
{
	struct zones *z = *state;
	pt_pa_t page[2], other;

	for (size_t turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(cache_get(z, 0, 0, UNMOVABLE, &page[i]), 0);
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(buddy_free(&z->m, z->cache[0], page[i], 0), 0);
		if (turn < 2)
			assert_int_equal(alloc_flags(z, NULL, 0, UNMAPPED, PT_ALLOC_NOBLOCK,
						     &other),
					 -ENOMEM);
		assert_int_equal(info_of(z, page[0]).state, PT_PAGE_CACHED);
		/* of an order that it has none of */
		assert_int_equal(cache_get(z, 0, 4, UNMOVABLE, &other), 0);
		assert_int_equal(info_of(z, page[0]).state == PT_PAGE_CACHED, turn == 2);
	}
	buddy_check(&z->m);
}

/* Neighbours in memory one after the other: their descriptors are in one cache line. */
static void a_batch_is_handed_out_in_ascending_order(void **state)
{
	struct zones *z = *state;

	for (unsigned int order = 0; order <= 3; order++) {
		pt_pa_t first, next;
		uint64_t nr;

		assert_int_equal(cache_get(z, 0, order, MOVABLE, &first), 0);
		nr = stats_of(z).cached >> order;
		assert_true(nr > 0);
		for (uint64_t i = 1; i <= nr; i++) {
			assert_int_equal(cache_get(z, 0, order, MOVABLE, &next), 0);
			assert_int_equal(next, first + i * block_bytes(z, order));
		}
		assert_int_equal(stats_of(z).cached, 0);
	}
}

/* The newest are those that the CPU still has in its own caches. */
static void a_full_cache_gives_the_oldest_back(void **state)
{
	struct zones *z = *state;

	for (unsigned int order = 0; order <= 3; order++) {
		pt_pa_t pa[128];
		size_t nr = 0;

		for (size_t i = 0; i < 128; i++)
			pa[i] = get(z, order, MOVABLE);
		while (nr < 128 && info_of(z, pa[0]).state != PT_PAGE_FREE)
			assert_int_equal(buddy_free(&z->m, z->cache[0], pa[nr++], order), 0);
		assert_in_range(nr, 2, 127);
		assert_int_equal(info_of(z, pa[nr - 1]).state, PT_PAGE_CACHED);
		assert_int_equal(info_of(z, pa[nr - 2]).state, PT_PAGE_CACHED);
		while (nr < 128)
			put(z, pa[nr++], order);
	}
	buddy_check(&z->m);
}

/* However many blocks of one order are freed through it: a 32nd of the zone. */
static void a_cache_keeps_little_of_a_small_zone(void **state)
{
	struct zones *z = *state;

	for (unsigned int order = 0; order <= z->m.max_order; order++) {
		get_all(z, NULL, order, MOVABLE, 0);
		while (z->m.nr_blocks)
			assert_int_equal(buddy_free(&z->m, z->cache[0], z->m.block[0].pa,
						    z->m.block[0].order),
					 0);
		assert_true(stats_of(z).cached <= z->m.nr_frames / 32);
		pt_zone_cache_drain(z->cache[0]);
	}
	buddy_check(&z->m);
}

/* Neighbours in a cache come back as one block, of the largest order there is at most. */
static void neighbours_come_back_as_the_largest_blocks(void **state)
{
	const pt_pa_t first = 64 * MIB;
	struct zones *z = *state;

	for (unsigned int order = 0; order <= z->m.pageblock_order; order++) {
		size_t largest = (size_t)1 << (z->m.max_order - order);

		get_all(z, NULL, order, MOVABLE, 0);
		for (size_t i = 0; i < 2 * largest; i++)
			assert_int_equal(buddy_free(&z->m, z->cache[0],
						    first + i * block_bytes(z, order), order),
					 0);
		pt_zone_cache_drain(z->cache[0]);
		assert_int_equal(stats_of(z).nr_free[z->m.max_order][PT_MIGRATE_MOVABLE], 2);
		buddy_recover(&z->m);
	}
}

static void caches_go_in_any_order(void **state)
{
	static const unsigned int orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 },
						  { 1, 0, 2 }, { 0, 2, 1 }, { 2, 0, 1 } };
	struct zones *z = *state;

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct pt_zone_cache *cache[3];

		for (unsigned int k = 0; k < 3; k++)
			assert_int_equal(pt_zone_cache_create(&cache[k], z->m.zone, k), 0);
		for (unsigned int k = 0; k < 3; k++) {
			pt_zone_cache_destroy(cache[orders[i][k]]);
			buddy_check(&z->m);
		}
	}
}

static void random_programs_with_caches_of_all_kinds(void **state)
{
	struct zones *z = *state;
	size_t nr_ops = 60000 / test_thin();

	for (size_t i = 0; i < nr_ops; i++) {
		uint32_t pick = buddy_random(&z->seed), how = buddy_random(&z->seed);
		struct pt_zone_cache *cache = z->cache[pick & 1];
		unsigned int order = how % 32 ? how % 4 : z->m.pageblock_order;
		pt_pa_t pa;

		if (pick % 1021 == 0) {
			pt_zone_cache_drain(cache);
		} else if (pick & 2 && z->m.nr_blocks) {
			const struct buddy_block *block = &z->m.block[how % z->m.nr_blocks];

			buddy_free(&z->m, cache, block->pa, block->order);
		} else {
			alloc_flags(z, cache, order, all_types[how / 64 % NR_TYPES],
				    pick & 4 ? PT_ALLOC_NOBLOCK : 0, &pa);
		}
		if (i % 8192 == 8191)
			buddy_check(&z->m);
	}
	buddy_check(&z->m);
}

int main(void)
{
	const struct CMUnitTest everywhere[] = {
		cmocka_unit_test(draining_gives_back_everything),
		cmocka_unit_test(a_cache_does_not_mix_flags),
		cmocka_unit_test(a_cache_keeps_little_of_a_small_zone),
		cmocka_unit_test(random_programs_with_caches_of_all_kinds),
	};
	const struct CMUnitTest alone[] = {
		ON(most_operations_take_no_lock, whole_16m),
		ON(pages_freed_through_another_cache_are_not_lost, whole_16m),
		ON(cached_pages_are_not_free_and_not_held, whole_256m),
		ON(a_pageblock_is_claimed_while_its_pages_are_cached, whole_16m),
		ON(a_pageblock_with_cached_pages_is_not_converted, whole_16m),
		ON(a_request_that_finds_nothing_empties_its_own_cache, whole_16m),
		ON(a_failed_request_empties_other_caches_once, whole_16m),
		ON(a_batch_is_handed_out_in_ascending_order, whole_16m),
		ON(a_full_cache_gives_the_oldest_back, whole_16m),
		ON(a_cache_keeps_little_of_a_small_zone, whole_256m),
		ON(neighbours_come_back_as_the_largest_blocks, whole_256m),
		ON(caches_go_in_any_order, whole_16m),
	};

	return RUN_ON_LAYOUTS("cache on all layouts", everywhere) +
	       cmocka_run_group_tests_name("cache", alone, NULL, NULL);
}
