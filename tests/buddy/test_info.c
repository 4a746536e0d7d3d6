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
	/* and an order that there is not says nothing, as there: __fragmentation_index() */
	assert_int_equal(pt_zone_fragmentation(z->m.zone, z->m.max_order + 1), 0);
	assert_int_equal(pt_zone_fragmentation(z->m.zone, UINT32_MAX), 0);
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
	assert_int_equal(pt_zone_unusable(z->m.zone, UINT32_MAX), 1000);
	/* what is not there cannot be used either: unusable_free_index() */
	get_all(z, NULL, 0, MOVABLE, 0);
	for (unsigned int order = 0; order <= z->m.max_order; order++)
		assert_int_equal(pt_zone_unusable(z->m.zone, order), 1000);
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

/* The numbers after @name where a line begins with it, from @text on; returns where they end. */
static const char *expect_row(const char *text, const char *name, const unsigned int *want,
			      size_t nr)
{
	char padded[64];
	const char *at;

	snprintf(padded, sizeof(padded), "\n%-44s ", name);
	at = strstr(text, padded);
	assert_non_null(at);
	at += strlen(padded) - 1;
	for (size_t i = 0; i < nr; i++) {
		char *end;

		assert_int_equal(strtoul(at, &end, 10), want[i]);
		at = end;
	}
	assert_int_equal(*at, '\n');
	return at;
}

/*
 * 16 MiB are four blocks of order 10. A page claims one of them, and leaves one free block of each
 * order; of that, the pageblock is converted, and of it again one page is taken.
 */
static void the_report_has_the_figures_of_a_count_by_hand(void **state)
{
	static const unsigned int orders[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	static const unsigned int broken[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 };
	static const unsigned int whole[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3 };
	static const unsigned int none[11];
	static const unsigned int pageblocks[] = { 1, 6, 0, 1, 0 };
	static const char *const names[] = {
		"Unmovable", "Movable", "Reclaimable", "Unmovable/unmapped", "Unmovable/keyed",
	};
	static const char head[] = "Page block order: 9\nPages per block:  512\n\n";
	struct zones *z = *state;
	char text[4096];
	const char *at;

	get(z, 0, UNMOVABLE);
	get(z, 0, UNMAPPED);
	assert_true(pt_zone_pagetypeinfo(z->m.zone, text, sizeof(text)) < sizeof(text));
	assert_memory_equal(text, head, sizeof(head) - 1);
	at = expect_row(text, "Free pages count per freetype at order", orders, 11);
	at = expect_row(at, names[0], broken, 11);
	at = expect_row(at, names[1], whole, 11);
	at = expect_row(at, names[2], none, 11);
	at = expect_row(at, names[3], broken, 11);
	at = expect_row(at, names[4], none, 11);
	for (size_t i = 0; i < 5; i++)
		at = expect_row(at, names[i], &pageblocks[i], 1);
	assert_string_equal(at, "\n");
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
		ON(the_report_has_the_figures_of_a_count_by_hand, whole_16m),
		ON(statistics_follow_every_step, holes_4k),
	};

	return RUN_ON_LAYOUTS("info on all layouts", everywhere) +
	       cmocka_run_group_tests_name("info", alone, NULL, NULL);
}
