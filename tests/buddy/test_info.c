/* SPDX-License-Identifier: MIT */
/* What a zone says of itself: fragmentation, and the report like /proc/pagetypeinfo. */
#include "buddy/zones.h"

/* Holds every second page of all memory: free blocks of one page each. */
static void checkerboard(struct zones *z)
{
	assert_int_equal(get_all(z, NULL, 0, MOVABLE, 0), z->m.nr_frames);
	for (size_t i = 0; i < z->m.nr_frames; i += 2)
		put(z, i * frame_bytes(z), 0);
}

static void a_request_that_would_be_served_has_no_index(void **state)
{
	struct zones *z = *state;

	for (unsigned int order = 0; order <= z->m.max_order; order++)
		assert_int_equal(pt_zone_fragmentation(z->m.zone, order), -1000);
	checkerboard(z);
	assert_int_equal(pt_zone_fragmentation(z->m.zone, 0), -1000);
}

/* extfrag_index: 1000 - (1000 + 1000 * free / wanted) / blocks. */
static void small_pieces_are_fragmentation_and_no_memory_is_not(void **state)
{
	struct zones *z = *state;

	checkerboard(z);
	assert_int_equal(pt_zone_fragmentation(z->m.zone, 1), 1000 - (1000 + 1024000) / 2048);
	assert_int_equal(pt_zone_fragmentation(z->m.zone, 9), 1000 - (1000 + 4000) / 2048);
	get_all(z, NULL, 0, MOVABLE, 0);
	for (unsigned int order = 0; order <= z->m.max_order; order++)
		assert_int_equal(pt_zone_fragmentation(z->m.zone, order), 0);
}

static void unusable_is_the_share_in_smaller_blocks(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa;

	for (unsigned int order = 0; order <= z->m.max_order; order++)
		assert_int_equal(pt_zone_unusable(z->m.zone, order), 0);
	checkerboard(z);
	assert_int_equal(pt_zone_unusable(z->m.zone, 0), 0);
	for (unsigned int order = 1; order <= z->m.max_order; order++)
		assert_int_equal(pt_zone_unusable(z->m.zone, order), 1000);
	/* one pageblock of 512 beside 7 * 256 single pages */
	for (size_t i = 1; i < 512; i += 2)
		put(z, i * frame_bytes(z), 0);
	assert_int_equal(pt_zone_unusable(z->m.zone, 9), 1000 * (7 * 256) / (512 + 7 * 256));
	pa = get(z, 9, MOVABLE);
	assert_int_equal(pt_zone_unusable(z->m.zone, 9), 1000);
	put(z, pa, 9);
}

static void the_report_names_every_type_and_says_how_long_it_is(void **state)
{
	struct zones *z = *state;
	size_t len = pt_zone_pagetypeinfo(z->m.zone, NULL, 0);
	char *whole = malloc(len + 1), *part = malloc(len + 1);

	assert_true(whole && part && len > 0);
	memset(whole, 'x', len + 1);
	assert_int_equal(pt_zone_pagetypeinfo(z->m.zone, whole, len + 1), len);
	assert_int_equal(strlen(whole), len);
	for (unsigned int i = 0; i < PT_FREETYPE_LISTS; i++)
		assert_non_null(strstr(whole, pt_freetype_name(i)));
	/* as much as fits, ended by a zero */
	for (size_t size = 0; size <= len; size += 1 + size / 16) {
		memset(part, 'x', len + 1);
		assert_int_equal(pt_zone_pagetypeinfo(z->m.zone, part, size), len);
		if (size) {
			assert_int_equal(strlen(part), size - 1);
			assert_memory_equal(part, whole, size - 1);
		}
		assert_int_equal(part[size], 'x');
	}
	free(whole);
	free(part);
}

static void statistics_follow_every_step(void **state)
{
	struct zones *z = *state;

	for (size_t i = 0; i < 2000 / test_thin(); i++) {
		uint32_t pick = buddy_random(&z->seed);
		pt_pa_t pa;

		if (pick & 1 && z->m.nr_blocks) {
			const struct buddy_block block = z->m.block[(pick >> 8) % z->m.nr_blocks];

			buddy_free(&z->m, pick & 2 ? z->cache[0] : NULL, block.pa, block.order);
		} else {
			alloc_flags(z, pick & 2 ? z->cache[1] : NULL, pick >> 4 & 7,
				    all_types[(pick >> 8) % NR_TYPES], 0, &pa);
		}
		buddy_check(&z->m);
	}
}

int main(void)
{
	const struct CMUnitTest everywhere[] = {
		cmocka_unit_test(the_report_names_every_type_and_says_how_long_it_is),
	};
	const struct CMUnitTest alone[] = {
		ON(a_request_that_would_be_served_has_no_index, whole_16m),
		ON(small_pieces_are_fragmentation_and_no_memory_is_not, whole_16m),
		ON(unusable_is_the_share_in_smaller_blocks, whole_16m),
		ON(statistics_follow_every_step, holes_4k),
	};

	return RUN_ON_LAYOUTS("info on all layouts", everywhere) +
	       cmocka_run_group_tests_name("info", alone, NULL, NULL);
}
