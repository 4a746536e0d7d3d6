/* SPDX-License-Identifier: MIT */
/*
 * Requests that find nothing of their migratetype: they claim a pageblock of another, or steal from
 * it, or may do neither. On 8 pageblocks of 512 pages, all of one type but for what a test says.
 */
#include "buddy/zones.h"

#define PAGEBLOCK (2 * MIB)
#define NR_PAGEBLOCKS 8

static pt_freetype_t type_at(const struct zones *z, pt_pa_t pa)
{
	return info_of(z, pa).type;
}

/* Every page held in order 0: @nr_first pageblocks, the lowest, of @first, the others of @rest. */
static void fill_all(struct zones *z, size_t nr_first, pt_freetype_t first, pt_freetype_t rest)
{
	pt_pa_t pa[NR_PAGEBLOCKS];

	for (size_t i = 0; i < NR_PAGEBLOCKS; i++)
		pa[i] = get(z, 9, first);
	for (size_t i = 0; i < NR_PAGEBLOCKS; i++)
		if (pa[i] / PAGEBLOCK >= nr_first)
			put(z, pa[i], 9);
		else
			assert_int_equal(buddy_folio_split(&z->m, pa[i], 0), 0);
	for (size_t i = nr_first; i < NR_PAGEBLOCKS; i++)
		assert_int_equal(buddy_folio_split(&z->m, get(z, 9, rest), 0), 0);
	for (size_t i = 0; i < NR_PAGEBLOCKS; i++)
		assert_true(
			pt_freetypes_equal(type_at(z, i * PAGEBLOCK), i < nr_first ? first : rest));
	assert_int_equal(z->m.nr_held, z->m.nr_frames);
}

static void free_pages(struct zones *z, pt_pa_t pa, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		put(z, pa + i * frame_bytes(z), 0);
}

static void the_first_request_claims_a_whole_block(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa = get(z, 0, UNMOVABLE), other;
	struct pt_zone_stats stats = stats_of(z);

	assert_true(pt_freetypes_equal(type_at(z, pa), UNMOVABLE));
	assert_int_equal(stats.stolen, 0);
	assert_true(stats.claimed >= 1 && stats.claimed <= 2);
	assert_int_equal(stats.pageblocks[pt_freetype_idx(UNMOVABLE)], stats.claimed);
	/* and what follows goes there */
	for (size_t i = 1; i < 512; i++)
		assert_int_equal(get(z, 0, UNMOVABLE) / PAGEBLOCK, pa / PAGEBLOCK);
	assert_int_equal(stats_of(z).claimed, stats.claimed);
	other = get(z, 0, RECLAIMABLE);
	assert_true(pt_freetypes_equal(type_at(z, other), RECLAIMABLE));
	assert_int_not_equal(other / PAGEBLOCK, pa / PAGEBLOCK);
	buddy_check(&z->m);
}

static void a_few_pages_are_stolen_and_the_block_keeps_its_type(void **state)
{
	struct zones *z = *state;
	uint64_t claimed;
	pt_pa_t pa;

	fill_all(z, NR_PAGEBLOCKS, UNMOVABLE, UNMOVABLE);
	claimed = stats_of(z).claimed;
	free_pages(z, 3 * PAGEBLOCK + 64 * KIB, 1);
	pa = get(z, 0, MOVABLE);
	assert_int_equal(pa, 3 * PAGEBLOCK + 64 * KIB);
	assert_true(pt_freetypes_equal(type_at(z, pa), UNMOVABLE));
	assert_int_equal(stats_of(z).claimed, claimed);
	assert_int_equal(stats_of(z).stolen, 1);
	/* freed again, it is the block's */
	put(z, pa, 0);
	assert_int_equal(stats_of(z).nr_free[0][pt_freetype_idx(UNMOVABLE)], 1);
	buddy_check(&z->m);
}

static void nofragment_fails_rather_than_steal(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa;

	fill_all(z, NR_PAGEBLOCKS, UNMOVABLE, UNMOVABLE);
	free_pages(z, PAGEBLOCK, 256); /* a large block, but not a whole one */
	assert_int_equal(alloc_flags(z, NULL, 0, MOVABLE, PT_ALLOC_NOFRAGMENT, &pa), -ENOMEM);
	assert_int_equal(alloc_flags(z, NULL, 0, UNMOVABLE, PT_ALLOC_NOFRAGMENT, &pa), 0);
	free_pages(z, PAGEBLOCK + MIB, 256);
	put(z, pa, 0);
	/* a whole one may change hands: nothing is mixed in it */
	assert_int_equal(alloc_flags(z, NULL, 0, MOVABLE, PT_ALLOC_NOFRAGMENT, &pa), 0);
	assert_int_equal(pa / PAGEBLOCK, 1);
	assert_true(pt_freetypes_equal(type_at(z, pa), MOVABLE));
	buddy_check(&z->m);
}

/* A request of more than a pageblock claims none that is too small for it. */
static void a_request_that_fails_claims_nothing(void **state)
{
	struct zones *z = *state;
	uint64_t claimed;
	pt_pa_t pa;

	fill_all(z, NR_PAGEBLOCKS, MOVABLE, MOVABLE);
	free_pages(z, PAGEBLOCK, 512);
	claimed = stats_of(z).claimed;
	assert_int_equal(alloc_flags(z, NULL, 10, UNMOVABLE, PT_ALLOC_NOFRAGMENT, &pa), -ENOMEM);
	assert_int_equal(alloc_flags(z, NULL, 10, UNMOVABLE, 0, &pa), -ENOMEM);
	assert_int_equal(stats_of(z).claimed, claimed);
	buddy_check(&z->m);
}

/* At half of a block free it changes hands, and what is free of it with it. */
static void a_block_that_is_half_free_is_claimed(void **state)
{
	struct zones *z = *state;
	uint64_t claimed;
	pt_pa_t pa;

	fill_all(z, NR_PAGEBLOCKS, UNMOVABLE, UNMOVABLE);
	claimed = stats_of(z).claimed;
	free_pages(z, 2 * PAGEBLOCK, 128);
	pa = get(z, 0, MOVABLE);
	assert_true(pt_freetypes_equal(type_at(z, pa), UNMOVABLE));
	assert_int_equal(stats_of(z).stolen, 1);
	put(z, pa, 0);
	free_pages(z, 2 * PAGEBLOCK + 512 * KIB, 128);
	pa = get(z, 0, MOVABLE);
	assert_int_equal(pa / PAGEBLOCK, 2);
	assert_true(pt_freetypes_equal(type_at(z, pa), MOVABLE));
	assert_int_equal(stats_of(z).claimed, claimed + 1);
	assert_int_equal(stats_of(z).stolen, 1);
	buddy_check(&z->m);
	/* its held pages come back as movable ones; as many are left of the free ones */
	free_pages(z, 2 * PAGEBLOCK + 1792 * KIB, 64);
	assert_int_equal(stats_of(z).nr_free[6][pt_freetype_idx(MOVABLE)], 2);
	buddy_check(&z->m);
}

/* What left it as movable memory counts as alike for who is not, and the other way round. */
static void pages_of_its_own_kind_count_for_a_claim(void **state)
{
	struct zones *z = *state;

	fill_all(z, NR_PAGEBLOCKS, UNMOVABLE, UNMOVABLE);
	/* 192 movable pages in an unmovable block, taken when less than half of it was theirs */
	for (size_t i = 0; i < 3; i++) {
		free_pages(z, PAGEBLOCK + i * 256 * KIB, 64);
		while (stats_of(z).free)
			get(z, 0, MOVABLE);
	}
	assert_true(pt_freetypes_equal(type_at(z, PAGEBLOCK), UNMOVABLE));
	free_pages(z, PAGEBLOCK + 1536 * KIB, 64);
	/* 64 free and 192 alike */
	assert_true(pt_freetypes_equal(type_at(z, get(z, 0, MOVABLE)), MOVABLE));
	buddy_check(&z->m);
}

static void reclaimable_is_asked_before_movable_for_unmovable(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa;

	fill_all(z, 4, RECLAIMABLE, MOVABLE);
	free_pages(z, 6 * PAGEBLOCK, 1);
	free_pages(z, 1 * PAGEBLOCK, 1);
	pa = get(z, 0, UNMOVABLE);
	assert_int_equal(pa, 1 * PAGEBLOCK);
	assert_int_equal(get(z, 0, UNMOVABLE), 6 * PAGEBLOCK);
}

static void reclaimable_is_asked_before_unmovable_for_movable(void **state)
{
	struct zones *z = *state;

	fill_all(z, 4, UNMOVABLE, RECLAIMABLE);
	free_pages(z, 2 * PAGEBLOCK, 1);
	free_pages(z, 5 * PAGEBLOCK, 1);
	assert_int_equal(get(z, 0, MOVABLE), 5 * PAGEBLOCK);
	assert_int_equal(get(z, 0, MOVABLE), 2 * PAGEBLOCK);
}

static void unmovable_is_asked_before_movable_for_reclaimable(void **state)
{
	struct zones *z = *state;

	fill_all(z, 4, MOVABLE, UNMOVABLE);
	free_pages(z, 2 * PAGEBLOCK, 1);
	free_pages(z, 5 * PAGEBLOCK, 1);
	assert_int_equal(get(z, 0, RECLAIMABLE), 5 * PAGEBLOCK);
	assert_int_equal(get(z, 0, RECLAIMABLE), 2 * PAGEBLOCK);
}

/* The smallest that will do is stolen, so that larger ones stay. */
static void steals_the_smallest_first(void **state)
{
	struct zones *z = *state;

	fill_all(z, NR_PAGEBLOCKS, UNMOVABLE, UNMOVABLE);
	free_pages(z, 1 * PAGEBLOCK, 8);
	free_pages(z, 4 * PAGEBLOCK, 2);
	free_pages(z, 6 * PAGEBLOCK, 4);
	assert_int_equal(get(z, 0, MOVABLE) / PAGEBLOCK, 4);
	assert_int_equal(get(z, 1, MOVABLE) / PAGEBLOCK, 6);
	assert_int_equal(get(z, 3, MOVABLE) / PAGEBLOCK, 1);
	buddy_check(&z->m);
}

/* Neither by claim nor by theft, nor where one free block ends and another begins. */
static void nothing_falls_back_to_other_flags(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa;
	size_t nr, nr_converts;

	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, 3, &nr), 0);
	assert_int_equal(nr, 3);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, KEYED, 2, &nr), 0);
	assert_int_equal(nr, 2);
	nr_converts = z->m.nr_converts;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(get_all(z, NULL, 0, all_types[i], PT_ALLOC_NOBLOCK),
				 i ? 0 : 3 * 512);
	assert_int_equal(alloc_flags(z, NULL, 0, MOVABLE, 0, &pa), -ENOMEM);
	assert_int_equal(alloc_flags(z, NULL, 0, RECLAIMABLE, 0, &pa), -ENOMEM);
	assert_int_equal(get_all(z, NULL, 0, UNMAPPED, PT_ALLOC_NOBLOCK), 3 * 512);
	assert_int_equal(get_all(z, NULL, 0, KEYED, PT_ALLOC_NOBLOCK), 2 * 512);
	assert_int_equal(z->m.nr_converts, nr_converts);
	buddy_check(&z->m);
}

/* The fullest pageblock gives first: the others stay, or become, whole. */
static void pages_come_from_the_fullest_pageblock(void **state)
{
	struct zones *z = *state;

	fill_all(z, NR_PAGEBLOCKS, MOVABLE, MOVABLE);
	for (size_t i = 0; i < 100; i++)
		free_pages(z, 5 * PAGEBLOCK + 16 * KIB * i, 1);
	for (size_t i = 0; i < 300; i++)
		free_pages(z, 2 * PAGEBLOCK + 4 * KIB * (i + i / 3), 1);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(get(z, 0, MOVABLE) / PAGEBLOCK, 5);
	assert_int_equal(get(z, 0, MOVABLE) / PAGEBLOCK, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(the_first_request_claims_a_whole_block, whole_16m),
		ON(a_few_pages_are_stolen_and_the_block_keeps_its_type, whole_16m),
		ON(nofragment_fails_rather_than_steal, whole_16m),
		ON(a_request_that_fails_claims_nothing, whole_16m),
		ON(a_block_that_is_half_free_is_claimed, whole_16m),
		ON(pages_of_its_own_kind_count_for_a_claim, whole_16m),
		ON(reclaimable_is_asked_before_movable_for_unmovable, whole_16m),
		ON(reclaimable_is_asked_before_unmovable_for_movable, whole_16m),
		ON(unmovable_is_asked_before_movable_for_reclaimable, whole_16m),
		ON(steals_the_smallest_first, whole_16m),
		ON(nothing_falls_back_to_other_flags, whole_16m),
		ON(pages_come_from_the_fullest_pageblock, whole_16m),
	};

	return cmocka_run_group_tests_name("fallback", tests, NULL, NULL);
}
