/* SPDX-License-Identifier: MIT */
/*
 * Each operation, once to count what it takes from the host, then once an allocation with that one
 * failing: -ENOMEM, nothing lost, and nothing in the way of another attempt.
 */
#include "buddy/zones.h"
#include "model/failing_host.h"

static struct pt_phys *phys;
static struct pt_zone *zone;
static struct pt_zone_cache *cache;
static struct pt_account *account;

static int create_zone(void)
{
	const struct pt_extent ranges[] = { { 0x3000, 3 * MIB }, { 8 * MIB, 8 * MIB } };
	const struct pt_zone_cfg cfg = { .ranges = ranges, .nr_ranges = 2 };

	return pt_zone_create(&zone, phys, &cfg);
}

static int create_cache(void)
{
	return pt_zone_cache_create(&cache, zone, 3);
}

static int create_account(void)
{
	return pt_account_create(&account, zone, 100);
}

/* @run succeeds in the end, and failed for each of its allocations before; returns how many. */
static size_t fail_each(int (*run)(void))
{
	int err;

	for (fail_at = 1;; fail_at++) {
		nr_allocs = 0;
		counts = true;
		err = run();
		counts = false;
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_true(nr_allocs >= fail_at);
		if (zone)
			assert_int_equal(pt_buddy_verify(zone, NULL, NULL), 0);
	}
	assert_int_equal(nr_allocs, fail_at - 1);
	return nr_allocs;
}

static void what_cannot_be_created_leaves_nothing_behind(void **state)
{
	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, 16 * MIB), 0);
	assert_true(fail_each(create_zone) > 0);
	assert_true(fail_each(create_cache) > 0);
	assert_true(fail_each(create_account) > 0);
	assert_int_equal(pt_account_destroy(account), 0);
	pt_zone_cache_destroy(cache);
	assert_int_equal(pt_zone_destroy(zone), 0);
	pt_phys_destroy(phys);
}

/* Pages, conversions, drains and splits need nothing of the host. */
static void a_zone_that_exists_asks_the_host_for_nothing(void **state)
{
	static pt_pa_t pa[256];
	struct zones *z = *state;
	struct pt_alloc how = { .owner = 1 };
	size_t nr = 0;

	nr_allocs = 0;
	counts = true;
	for (size_t i = 0; i < 256; i++) {
		how.type = all_types[i % NR_TYPES];
		how.order = (unsigned int)(i % 4);
		if (!pt_alloc_pages(z->m.zone, z->cache[i & 1], &how, &pa[nr]))
			nr++;
	}
	for (size_t i = 0; i < nr; i++) {
		struct pt_page_info info;

		BUDDY_CHECK(pt_page_info(z->m.zone, pa[i], &info) == 0);
		for (pt_pa_t at = 0; at < block_bytes(z, info.order); at += frame_bytes(z)) {
			if (info.order && !at)
				BUDDY_CHECK(pt_folio_split(z->m.zone, pa[i], 0) == 0);
			BUDDY_CHECK(pt_free_pages(z->m.zone, z->cache[0], pa[i] + at, 0) == 0);
		}
	}
	pt_zone_cache_drain(z->cache[0]);
	BUDDY_CHECK(pt_zone_convert(z->m.zone, MOVABLE, KEYED, 1, NULL) == 0);
	counts = false;
	assert_int_equal(nr_allocs, 0);
	assert_true(nr > 200);
	buddy_check(&z->m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_created_leaves_nothing_behind),
		ON(a_zone_that_exists_asks_the_host_for_nothing, whole_16m),
	};

	return cmocka_run_group_tests_name("failmalloc", tests, NULL, NULL);
}
