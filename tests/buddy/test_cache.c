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
		cmocka_unit_test(random_programs_with_caches_of_all_kinds),
	};
	const struct CMUnitTest alone[] = {
		ON(most_operations_take_no_lock, whole_16m),
		ON(pages_freed_through_another_cache_are_not_lost, whole_16m),
		ON(cached_pages_are_not_free_and_not_held, whole_256m),
		ON(a_pageblock_is_claimed_while_its_pages_are_cached, whole_16m),
		ON(a_pageblock_with_cached_pages_is_not_converted, whole_16m),
	};

	return RUN_ON_LAYOUTS("cache on all layouts", everywhere) +
	       cmocka_run_group_tests_name("cache", alone, NULL, NULL);
}
