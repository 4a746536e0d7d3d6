/* SPDX-License-Identifier: MIT */
/* Zones over memories of any shape: all of it, nothing else, and all of it again. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */

#include "buddy/zones.h"

#include <sys/mman.h>

static void everything_is_free_and_movable_at_first(void **state)
{
	struct zones *z = *state;
	struct pt_zone_stats stats = stats_of(z);
	uint64_t nr[PT_MAX_ORDER + 1];

	assert_int_equal(stats.managed, z->m.nr_frames);
	assert_int_equal(stats.free, z->m.nr_frames);
	assert_int_equal(stats.held + stats.cached, 0);
	assert_int_equal(stats.pageblocks[PT_MIGRATE_MOVABLE], z->m.nr_pageblocks);
	buddy_whole(&z->m, nr);
	for (unsigned int order = 0; order <= PT_MAX_ORDER; order++)
		assert_int_equal(stats.nr_free[order][pt_freetype_idx(MOVABLE)], nr[order]);
	buddy_check(&z->m);
}

/* Of every order as many as fit, whatever the ends of the ranges look like. */
static void hands_out_every_frame_in_every_order(void **state)
{
	struct zones *z = *state;

	for (unsigned int order = 0; order <= z->m.max_order; order++) {
		size_t nr = get_all(z, NULL, order, MOVABLE, 0), want = 0;
		uint64_t whole[PT_MAX_ORDER + 1];

		buddy_whole(&z->m, whole);
		for (unsigned int i = order; i <= z->m.max_order; i++)
			want += (size_t)(whole[i] << (i - order));
		assert_int_equal(nr, want);
		buddy_check(&z->m);
		buddy_recover(&z->m);
	}
}

static void pages_outside_are_nobodys(void **state)
{
	struct zones *z = *state;
	struct pt_page_info info;

	for (size_t i = 0; i < z->m.nr_ranges; i++) {
		const struct buddy_range *range = &z->m.range[i];
		pt_pa_t end = range->pa + (range->nr << z->m.frame_lg2);
		const pt_pa_t around[] = { range->pa - 1, end, end + frame_bytes(z) };

		for (size_t k = 0; k < 3; k++) {
			if (buddy_frame(&z->m, around[k]) != BUDDY_NONE)
				continue;
			assert_int_equal(pt_page_info(z->m.zone, around[k], &info), -ERANGE);
			for (unsigned int order = 0; order <= z->m.max_order + 1; order++)
				assert_true(buddy_free(&z->m, NULL, around[k], order) < 0);
			assert_int_equal(buddy_folio_get(&z->m, around[k]), -ERANGE);
			assert_int_equal(buddy_folio_put(&z->m, NULL, around[k]), -ERANGE);
			assert_int_equal(buddy_folio_split(&z->m, around[k], 0), -ERANGE);
		}
		assert_int_equal(pt_page_info(z->m.zone, end - 1, &info), 0);
	}
	assert_int_equal(pt_page_info(z->m.zone, UINT64_MAX, &info), -ERANGE);
	assert_int_equal(buddy_free(&z->m, NULL, UINT64_MAX & ~(frame_bytes(z) - 1), 0), -ERANGE);
	buddy_check(&z->m);
}

/* A zone leaves nothing behind in the memory that another one over it would stumble on. */
static void a_zone_may_follow_another(void **state)
{
	struct zones *z = *state;
	struct pt_phys *phys = z->phys;

	get_all(z, z->cache[0], 0, MOVABLE, 0);
	get_all(z, NULL, 0, UNMAPPED, 0);
	buddy_recover(&z->m);
	buddy_exit(&z->m);
	buddy_init(&z->m, phys, &z->layout->cfg, true);
	buddy_check(&z->m);
	hands_out_every_frame_in_every_order(state);
}

static void random_programs_lose_nothing(void **state)
{
	struct zones *z = *state;
	size_t nr_ops = 40000 / test_thin();
	struct pt_account *account = buddy_account(&z->m, z->m.nr_frames / 3);

	z->m.allocates = true;
	for (size_t i = 0; i < nr_ops; i++) {
		uint32_t pick = buddy_random(&z->seed), how = buddy_random(&z->seed);
		struct pt_zone_cache *cache = pick & 3 ? z->cache[pick & 1] : NULL;
		struct pt_alloc want = {
			.order = how % 16 < 12 ? how % 4 : how / 16 % (z->m.max_order + 1),
			.type = all_types[how / 256 % NR_TYPES],
			.flags = how >> 13 & (PT_ALLOC_NOBLOCK | PT_ALLOC_NOFRAGMENT),
			.account = how & 1u << 20 ? account : NULL,
			.owner = i,
		};
		pt_pa_t pa;

		z->m.fail_convert = pick & 0xf00 ? 0 : z->m.nr_converts + 1;
		if (z->m.nr_blocks && (pick >> 16) % 64 < (i / 4096 % 2 ? 40 : 24)) {
			const struct buddy_block *block = &z->m.block[how % z->m.nr_blocks];

			buddy_free(&z->m, cache, block->pa, block->order);
		} else {
			buddy_alloc(&z->m, cache, &want, &pa);
		}
		if (i % 4096 == 4095)
			buddy_check(&z->m);
	}
	buddy_check(&z->m);
}

static void refuses_ranges_and_options_that_cannot_be(void **state)
{
	const struct {
		struct pt_extent ranges[2];
		size_t nr;
		int err;
	} bad[] = {
		{ { { 0x1800, 0x1000 } }, 1, -EINVAL },
		{ { { 0x1000, 0x1800 } }, 1, -EINVAL },
		{ { { 0x1000, 0 } }, 1, -EINVAL },
		{ { { 0, 0 } }, 1, -EINVAL },
		{ { { 0x1000, 0x3000 }, { 0x2000, 0x1000 } }, 2, -EINVAL },
		{ { { 0x1000, 0x3000 }, { 0x3000, 0x3000 } }, 2, -EINVAL },
		{ { { 0x5000, 0x3000 }, { 0x3000, 0x3000 } }, 2, -EINVAL },
		{ { { 0x1000, 0x1000 }, { 0x1000, 0x1000 } }, 2, -EINVAL },
		{ { { 16 * MIB, 0x1000 } }, 1, -ERANGE },
		{ { { 16 * MIB - 0x1000, 0x2000 } }, 1, -ERANGE },
		{ { { UINT64_C(1) << 60, 0x1000 } }, 1, -ERANGE },
		{ { { 0x3000, -UINT64_C(0x2000) } }, 1, -ERANGE },
	};
	const struct pt_extent edges[] = { { 12 * MIB, 4 * MIB }, { 0, 0x1000 } };
	const struct pt_wait_ops no_poll = { 0 };
	const struct pt_zone_cfg options[] = {
		{ .flags = ~PT_ZONE_CONVERT_BACK_ANY },
		{ .convert_batch = PT_ZONE_MAX_BATCH + 1 },
		{ .ready_low = 2, .ready_high = 1 },
		{ .ranges = edges },
		{ .wait = &no_poll },
	};
	struct pt_zone_cfg cfg = { .ranges = edges, .nr_ranges = 2 };
	struct pt_phys *phys;
	struct pt_zone *zone;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, 16 * MIB), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct pt_zone_cfg one = { .ranges = bad[i].ranges, .nr_ranges = bad[i].nr };

		assert_int_equal(pt_zone_create(&zone, phys, &one), bad[i].err);
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		assert_int_equal(pt_zone_create(&zone, phys, &options[i]), -EINVAL);
	/* in any order, up to the very end */
	assert_int_equal(pt_zone_create(&zone, phys, &cfg), 0);
	assert_int_equal(pt_buddy_verify(zone, NULL, NULL), 0);
	assert_int_equal(pt_zone_destroy(zone), 0);
	assert_int_equal(pt_zone_destroy(NULL), 0);
	pt_phys_destroy(phys);
}

/* Ranges that touch are as good as one, or as two; every frame is somewhere. */
static void ranges_may_touch(void **state)
{
	const struct pt_extent ranges[] = { { 0, 3 * MIB },
					    { 3 * MIB, 0x1000 },
					    { 3 * MIB + 0x1000, 13 * MIB - 0x1000 } };
	const struct pt_zone_cfg cfg = { .ranges = ranges, .nr_ranges = 3 };
	const struct pt_alloc how = { .type = MOVABLE };
	struct pt_zone_stats stats;
	struct pt_phys *phys;
	struct pt_zone *zone;
	pt_pa_t pa;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, 16 * MIB), 0);
	assert_int_equal(pt_zone_create(&zone, phys, &cfg), 0);
	pt_zone_stats(zone, &stats);
	assert_int_equal(stats.managed, 4096);
	for (size_t i = 0; i < 4096; i++)
		assert_int_equal(pt_alloc_pages(zone, NULL, &how, &pa), 0);
	assert_int_equal(pt_alloc_pages(zone, NULL, &how, &pa), -ENOMEM);
	for (pa = 0; pa < 16 * MIB; pa += 0x1000)
		assert_int_equal(pt_free_pages(zone, NULL, pa, 0), 0);
	assert_int_equal(pt_buddy_verify(zone, NULL, NULL), 0);
	assert_int_equal(pt_zone_destroy(zone), 0);
	pt_phys_destroy(phys);
}

/* Where the first pageblock is the second half of a block: nothing stands before it. */
static void a_range_may_begin_with_the_second_half_of_a_block(void **state)
{
	const struct pt_extent range = { 2 * MIB, 4 * MIB };
	const struct pt_zone_cfg cfg = { .ranges = &range, .nr_ranges = 1 };
	const struct pt_alloc how = { .order = 9, .type = MOVABLE };
	struct pt_zone_stats stats;
	struct pt_phys *phys;
	struct pt_zone *zone;
	pt_pa_t pa[2];

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, 16 * MIB), 0);
	assert_int_equal(pt_zone_create(&zone, phys, &cfg), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pt_alloc_pages(zone, NULL, &how, &pa[i]), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pt_free_pages(zone, NULL, pa[i], 9), 0);
	pt_zone_stats(zone, &stats);
	assert_int_equal(stats.nr_free[9][PT_MIGRATE_MOVABLE], 2);
	assert_int_equal(pt_buddy_verify(zone, NULL, NULL), 0);
	assert_int_equal(pt_zone_destroy(zone), 0);
	pt_phys_destroy(phys);
}

/* Regions of a memory that touch have descriptors and host memory apart: no block is in both. */
static void no_block_is_in_two_regions(void **state)
{
	const struct pt_phys_region regions[] = { REGION(0, 3 * MIB), REGION(3 * MIB, 5 * MIB) };
	struct pt_alloc how = { .type = MOVABLE };
	struct pt_zone_stats stats;
	struct pt_phys *phys;
	struct pt_zone *zone;
	uint64_t nr = 0;
	pt_pa_t pa[8192];

	(void)state;
	assert_int_equal(pt_phys_create(&phys, regions, 2, 12), 0);
	assert_int_equal(pt_zone_create(&zone, phys, NULL), 0);
	for (how.order = 11; how.order--;) {
		uint64_t first = nr;

		while (!pt_alloc_pages(zone, NULL, &how, &pa[nr])) {
			assert_non_null(
				pt_phys_to_host(phys, pa[nr], UINT64_C(0x1000) << how.order));
			nr++;
		}
		for (uint64_t i = first; i < nr; i++)
			assert_int_equal(pt_free_pages(zone, NULL, pa[i], how.order), 0);
	}
	pt_zone_stats(zone, &stats);
	assert_int_equal(stats.free, 2048);
	assert_int_equal(pt_buddy_verify(zone, NULL, NULL), 0);
	assert_int_equal(pt_zone_destroy(zone), 0);
	pt_phys_destroy(phys);
}

/* Nor does a cache join them, that gives back what stands side by side in one go. */
static void caches_join_nothing_across_regions(void **state)
{
	const pt_pa_t ends[] = { 66 * MIB, 68 * MIB + 0x1000, 256 * MIB };
	const struct pt_phys_region regions[] = {
		REGION(0, ends[0]), REGION(ends[0], ends[1] - ends[0]),
		REGION(ends[1], ends[2] - ends[1]),
	};
	/* ends[0] is the middle of a block of order 10, ends[1] that of one of order 1 */
	const struct {
		unsigned int order;
		pt_pa_t pa;
	} pairs[] = { { 9, ends[0] - 2 * MIB }, { 0, ends[1] - 0x1000 } };
	static pt_pa_t pa[65536];
	struct pt_zone_cache *cache;
	struct pt_phys *phys;
	struct pt_zone *zone;

	(void)state;
	assert_int_equal(pt_phys_create(&phys, regions, 3, 12), 0);
	assert_int_equal(pt_zone_create(&zone, phys, NULL), 0);
	assert_int_equal(pt_zone_cache_create(&cache, zone, 0), 0);
	for (size_t i = 0; i < 2; i++) {
		const struct pt_alloc how = { .order = pairs[i].order, .type = MOVABLE };
		size_t nr = 0;

		while (!pt_alloc_pages(zone, NULL, &how, &pa[nr]))
			nr++;
		for (pt_pa_t side = 0; side < 2; side++)
			assert_int_equal(pt_free_pages(zone, cache,
						       pairs[i].pa + (side << how.order) * 0x1000,
						       how.order),
					 0);
		pt_zone_cache_drain(cache);
		assert_int_equal(pt_buddy_verify(zone, NULL, NULL), 0);
		while (nr--)
			if (pa[nr] - pairs[i].pa >= UINT64_C(0x2000) << how.order)
				assert_int_equal(pt_free_pages(zone, NULL, pa[nr], how.order), 0);
		assert_int_equal(pt_buddy_verify(zone, NULL, NULL), 0);
	}
	pt_zone_cache_destroy(cache);
	assert_int_equal(pt_zone_destroy(zone), 0);
	pt_phys_destroy(phys);
}

static void a_zone_in_use_is_not_destroyed(void **state)
{
	struct pt_alloc how = { .type = UNMOVABLE };
	struct pt_zone_cache *cache;
	struct pt_phys *phys;
	struct pt_zone *zone;
	pt_pa_t pa;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, 16 * MIB), 0);
	assert_int_equal(pt_zone_create(&zone, phys, NULL), 0);
	assert_int_equal(pt_zone_cache_create(&cache, zone, 0), 0);
	assert_int_equal(pt_zone_destroy(zone), -EBUSY);
	assert_int_equal(pt_alloc_pages(zone, cache, &how, &pa), 0);
	assert_int_equal(pt_free_pages(zone, cache, pa, 0), 0);
	pt_zone_cache_destroy(cache);
	pt_zone_cache_destroy(NULL);
	assert_int_equal(pt_alloc_pages(zone, NULL, &how, &pa), 0);
	assert_int_equal(pt_zone_destroy(zone), -EBUSY);
	assert_int_equal(pt_free_pages(zone, NULL, pa, 0), 0);
	assert_int_equal(pt_zone_destroy(zone), 0);
	pt_phys_destroy(phys);
}

/* Two zones of one memory know nothing of each other's frames. */
static void zones_live_side_by_side(void **state)
{
	const struct pt_extent low = { 0, 7 * MIB + 0x3000 }, high = { 7 * MIB + 0x3000, 8 * MIB };
	const struct pt_zone_cfg cfgs[] = { { .ranges = &low, .nr_ranges = 1 },
					    { .ranges = &high, .nr_ranges = 1 } };
	struct buddy_model m[2];
	struct pt_phys *phys;
	uint32_t seed = 5;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, 16 * MIB), 0);
	for (int i = 0; i < 2; i++)
		buddy_init(&m[i], phys, &cfgs[i], true);
	for (size_t i = 0; i < 20000 / test_thin(); i++) {
		uint32_t pick = buddy_random(&seed);
		struct buddy_model *one = &m[pick & 1], *other = &m[~pick & 1];
		struct pt_alloc how = { .order = pick >> 8 & 3,
					.type = all_types[(pick >> 16) % NR_TYPES] };
		pt_pa_t pa;

		if (pick & 2 && one->nr_blocks) {
			const struct buddy_block block = one->block[(pick >> 4) % one->nr_blocks];

			assert_int_equal(buddy_free(other, NULL, block.pa, block.order), -ERANGE);
			assert_int_equal(buddy_free(one, NULL, block.pa, block.order), 0);
		} else {
			buddy_alloc(one, NULL, &how, &pa);
		}
	}
	for (int i = 0; i < 2; i++) {
		buddy_recover_and_fill(&m[i]);
		buddy_exit(&m[i]);
	}
	pt_phys_destroy(phys);
}

/* Two zones, side by side in one memory, with a cache each. */
struct halves {
	struct pt_phys *phys;
	struct pt_zone *zone[2];
	struct pt_zone_cache *cache[2];
};

static void halves_create(struct halves *h)
{
	const struct pt_extent halves[] = { { 0, 8 * MIB }, { 8 * MIB, 8 * MIB } };

	assert_int_equal(pt_phys_create_anon(&h->phys, 16 * MIB), 0);
	for (int i = 0; i < 2; i++) {
		const struct pt_zone_cfg cfg = { .ranges = &halves[i], .nr_ranges = 1 };

		assert_int_equal(pt_zone_create(&h->zone[i], h->phys, &cfg), 0);
		assert_int_equal(pt_zone_cache_create(&h->cache[i], h->zone[i], 0), 0);
	}
}

static void halves_destroy(struct halves *h)
{
	for (int i = 0; i < 2; i++) {
		pt_zone_cache_destroy(h->cache[i]);
		assert_int_equal(pt_buddy_verify(h->zone[i], NULL, NULL), 0);
		assert_int_equal(pt_zone_destroy(h->zone[i]), 0);
	}
	pt_phys_destroy(h->phys);
}

/* Also where a cache has room, and the frames beside its zone's are held, as its own may be. */
static void a_cache_takes_no_page_that_begins_elsewhere(void **state)
{
	const unsigned int orders[] = { 11, 16, 32, 48, 64, 0x3000, UINT32_MAX };
	const struct pt_alloc how = { .type = MOVABLE };
	struct halves h;
	pt_pa_t pa;

	(void)state;
	halves_create(&h);
	for (int i = 0; i < 2; i++)
		for (size_t k = 0; k < 2048; k++)
			assert_int_equal(pt_alloc_pages(h.zone[i], h.cache[i], &how, &pa), 0);
	for (pa = 0; pa < 16 * MIB; pa += 0x1000) {
		int own = pa >= 8 * MIB;
		struct pt_zone_cache *cache = h.cache[own];
		struct pt_zone *zone = h.zone[own];

		assert_int_equal(pt_free_pages(h.zone[!own], h.cache[!own], pa, 0), -ERANGE);
		for (unsigned int bit = 0; bit < 12; bit++)
			assert_int_equal(pt_free_pages(zone, cache, pa + (1u << bit), 0), -EINVAL);
		for (size_t k = 0; k < sizeof(orders) / sizeof(orders[0]); k++)
			assert_int_equal(pt_free_pages(zone, cache, pa, orders[k]), -EINVAL);
		assert_int_equal(pt_free_pages(zone, cache, pa, 0), 0);
		assert_int_equal(pt_free_pages(zone, cache, pa, 0), -ENOENT);
	}
	halves_destroy(&h);
}

/* Blocks that no cache keeps: of others, builds with assertions alone tell. */
static void a_cache_of_another_zone_is_refused(void **state)
{
	const struct pt_alloc how = { .order = 4, .type = MOVABLE };
	pt_pa_t pa, other;
	struct halves h;

	(void)state;
	halves_create(&h);
	assert_int_equal(pt_alloc_pages(h.zone[0], h.cache[1], &how, &pa), -EINVAL);
	assert_int_equal(pt_alloc_pages(h.zone[0], h.cache[0], &how, &pa), 0);
	assert_int_equal(pt_free_pages(h.zone[0], h.cache[1], pa, 4), -EINVAL);
	assert_int_equal(pt_free_pages_raw(h.zone[0], h.cache[1], pa, 4), -EINVAL);
	assert_int_equal(pt_folio_put(h.zone[0], h.cache[1], pa), -EINVAL);
	assert_int_equal(pt_free_pages(h.zone[0], h.cache[0], pa, 4), 0);
	assert_int_equal(pt_alloc_pages(h.zone[1], h.cache[1], &how, &other), 0);
	assert_int_equal(pt_free_pages(h.zone[1], NULL, other, 4), 0);
	halves_destroy(&h);
}

/* Under ASan: what was freed is poisoned, and no byte is any more once the zone is gone. */
static void a_zone_that_is_gone_has_poisoned_nothing(void **state)
{
	const struct pt_alloc how = { .type = MOVABLE };

	(void)state;
	for (size_t i = 0; i < NR_LAYOUTS; i++) {
		const struct layout *layout = layouts[i];
		struct pt_zone *zone;
		struct pt_phys *phys;
		pt_pa_t page[3000];
		size_t nr = 0;

		while (nr < 4 && layout->regions[nr].len)
			nr++;
		assert_int_equal(pt_phys_create(&phys, layout->regions, nr, layout->frame_lg2), 0);
		assert_int_equal(pt_zone_create(&zone, phys, &layout->cfg), 0);
		for (nr = 0; nr < 3000 && !pt_alloc_pages(zone, NULL, &how, &page[nr]); nr++)
			;
		for (size_t k = 0; k < nr; k++)
			assert_int_equal(pt_free_pages(zone, NULL, page[k], 0), 0);
		assert_true(nr);
		assert_int_equal(pt_zone_destroy(zone), 0);
		for (size_t k = 0; k < nr; k++)
			memset(pt_phys_to_host(phys, page[k], 4 * KIB), 1, 4 * KIB);
		pt_phys_destroy(phys);
	}
}

/* Nor has memory: the host may have other uses for these addresses. */
static void memory_that_is_gone_is_not_poisoned(void **state)
{
	struct pt_phys *phys;
	uint8_t *host;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, 16 * MIB), 0);
	pt_phys_poison(phys, MIB, 4 * KIB);
	host = pt_phys_to_host(phys, MIB, 4 * KIB);
	pt_phys_destroy(phys);
	assert_ptr_equal(mmap(host, 4 * KIB, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			 host);
	memset(host, 1, 4 * KIB);
	assert_int_equal(munmap(host, 4 * KIB), 0);
}

int main(void)
{
	const struct CMUnitTest everywhere[] = {
		cmocka_unit_test(everything_is_free_and_movable_at_first),
		cmocka_unit_test(hands_out_every_frame_in_every_order),
		cmocka_unit_test(pages_outside_are_nobodys),
		cmocka_unit_test(a_zone_may_follow_another),
		cmocka_unit_test(random_programs_lose_nothing),
	};
	const struct CMUnitTest alone[] = {
		cmocka_unit_test(refuses_ranges_and_options_that_cannot_be),
		cmocka_unit_test(ranges_may_touch),
		cmocka_unit_test(a_range_may_begin_with_the_second_half_of_a_block),
		cmocka_unit_test(no_block_is_in_two_regions),
		cmocka_unit_test(caches_join_nothing_across_regions),
		cmocka_unit_test(a_zone_in_use_is_not_destroyed),
		cmocka_unit_test(zones_live_side_by_side),
		cmocka_unit_test(a_cache_takes_no_page_that_begins_elsewhere),
		cmocka_unit_test(a_cache_of_another_zone_is_refused),
		cmocka_unit_test(a_zone_that_is_gone_has_poisoned_nothing),
		cmocka_unit_test(memory_that_is_gone_is_not_poisoned),
	};

	return RUN_ON_LAYOUTS("zone on all layouts", everywhere) +
	       cmocka_run_group_tests_name("zone", alone, NULL, NULL);
}
