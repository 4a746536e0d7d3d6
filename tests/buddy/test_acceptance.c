/* SPDX-License-Identifier: MIT */
/*
 * What the series that introduces freetypes tests of itself, on zones of ordinary size, and what a
 * zone of a large machine costs before anything is done with it.
 */
#include "buddy/zones.h"

#include <unistd.h>

/* More than half of memory, each page absent; freed; the same amount, each page present. */
static void more_than_half_of_memory_unmapped_then_mapped(void **state)
{
	struct zones *z = *state;
	size_t nr = z->m.nr_frames / 2 + 100, pages = (size_t)1 << z->m.pageblock_order;

	for (size_t i = 0; i < nr; i++) {
		pt_pa_t pa = get(z, 0, UNMAPPED);

		assert_int_equal(buddy_pageblock_at(&z->m, pa)->flags, PT_FREETYPE_UNMAPPED);
		assert_int_equal(info_of(z, pa).type.flags, PT_FREETYPE_UNMAPPED);
	}
	assert_int_equal(z->m.nr_flushes, (nr + pages - 1) / pages);
	buddy_check(&z->m);
	buddy_free_all(&z->m);
	for (size_t i = 0; i < nr; i++) {
		pt_pa_t pa = get(z, 0, UNMOVABLE);

		assert_int_equal(buddy_pageblock_at(&z->m, pa)->flags, 0);
		assert_int_equal(info_of(z, pa).type.flags, 0);
	}
	/* mapping again flushes nothing */
	assert_int_equal(z->m.nr_flushes, (nr + pages - 1) / pages);
	buddy_check(&z->m);
}

static void ten_million_random_operations_hand_no_page_out_twice(void **state)
{
	struct zones *z = *state;
	size_t nr_ops = 10000000 / test_thin(), nr_unmapped = 0;

	for (size_t i = 0; i < nr_ops; i++) {
		uint32_t pick = buddy_random(&z->seed), how = buddy_random(&z->seed);
		struct pt_zone_cache *cache = z->cache[pick & 1];
		pt_pa_t pa;

		if (z->m.nr_blocks && (pick & 2 || z->m.nr_held > z->m.nr_frames / 5 * 2)) {
			const struct buddy_block *block = &z->m.block[how % z->m.nr_blocks];

			BUDDY_CHECK(buddy_free(&z->m, cache, block->pa, block->order) == 0);
		} else {
			bool unmapped = pick & 4;

			/* the model checks that it was free, and absent or present */
			if (!alloc_flags(z, cache, pick >> 4 & 3,
					 unmapped ? UNMAPPED : pick & 8 ? MOVABLE : UNMOVABLE, 0,
					 &pa))
				nr_unmapped += unmapped;
		}
	}
	assert_true(nr_unmapped > nr_ops / 8);
	buddy_check(&z->m);
}

/* Bytes of this process that are mapped, and that are in memory. */
static void measure(uint64_t *mapped, uint64_t *resident)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned long size = 0, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &size, &pages), 2);
	fclose(file);
	*mapped = size * page;
	*resident = pages * page;
}

/* What is asserted is what it takes, which is exact, and not for how long. */
static void a_zone_of_16_terabytes_costs_next_to_nothing(void **state)
{
	const uint64_t frames = UINT64_C(1) << 32;
	struct pt_zone_stats stats;
	struct pt_phys *phys;
	struct pt_zone *zone;
	uint64_t mapped, resident, mapped_before, before;

	(void)state;
	if (test_thin() > 1)
		skip(); /* sanitizers and Valgrind keep shadows of the address space */
	assert_int_equal(pt_phys_create_anon(&phys, frames << 12), 0);
	measure(&mapped_before, &before);
	assert_int_equal(pt_zone_create(&zone, phys, NULL), 0);
	measure(&mapped, &resident);
	assert_true(resident - before < 2 * MIB);
	pt_zone_stats(zone, &stats);
	assert_int_equal(stats.free, frames);
	assert_int_equal(stats.nr_free[10][pt_freetype_idx(MOVABLE)], frames >> 10);
	assert_int_equal(stats.pageblocks[pt_freetype_idx(MOVABLE)], frames >> 9);
	/* nor does using a little of it */
	for (unsigned int i = 0; i < 1000; i++) {
		const struct pt_alloc how = { .order = i % 11, .type = all_types[i % 3] };
		pt_pa_t pa;

		assert_int_equal(pt_alloc_pages(zone, NULL, &how, &pa), 0);
		assert_int_equal(pt_free_pages(zone, NULL, pa, i % 11), 0);
	}
	measure(&mapped, &resident);
	assert_true(resident - before < 4 * MIB);
	pt_zone_stats(zone, &stats);
	assert_int_equal(stats.free, frames);
	assert_true(stats.lock_takes <= 2 * 1000 + 16);
	/* and when it is gone, so is what it mapped: the host's own allocator may keep a little */
	assert_int_equal(pt_zone_destroy(zone), 0);
	measure(&mapped, &resident);
	assert_true(mapped < mapped_before + 256 * KIB);
	pt_phys_destroy(phys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(more_than_half_of_memory_unmapped_then_mapped, whole_256m),
		ON(more_than_half_of_memory_unmapped_then_mapped, holes_64k),
		ON(ten_million_random_operations_hand_no_page_out_twice, whole_256m),
		cmocka_unit_test(a_zone_of_16_terabytes_costs_next_to_nothing),
	};

	return cmocka_run_group_tests_name("acceptance", tests, NULL, NULL);
}
