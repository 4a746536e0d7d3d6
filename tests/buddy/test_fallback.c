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

/* Of no size: blocks of half a pageblock may not change hands any more than pages. */
static void nofragment_claims_no_part_of_a_pageblock(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa;

	fill_all(z, NR_PAGEBLOCKS, UNMOVABLE, UNMOVABLE);
	free_pages(z, PAGEBLOCK, 256);
	for (unsigned int order = 0; order <= 10; order++) {
		assert_int_equal(alloc_flags(z, NULL, order, MOVABLE, PT_ALLOC_NOFRAGMENT, &pa),
				 -ENOMEM);
		assert_int_equal(alloc_flags(z, NULL, order, RECLAIMABLE, PT_ALLOC_NOFRAGMENT, &pa),
				 -ENOMEM);
	}
	assert_true(pt_freetypes_equal(type_at(z, PAGEBLOCK), UNMOVABLE));
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
	free_pages(z, PAGEBLOCK + 1536 * KIB, 63);
	assert_true(pt_freetypes_equal(type_at(z, get(z, 0, MOVABLE)), UNMOVABLE));
	free_pages(z, PAGEBLOCK + 1792 * KIB, 1);
	/* 63 free and 193 alike */
	assert_true(pt_freetypes_equal(type_at(z, get(z, 0, MOVABLE)), MOVABLE));
	buddy_check(&z->m);
}

/* Nothing else than movable memory is alike: where it goes, reclaimable memory does not. */
static void pages_of_others_count_for_a_claim_of_movable_blocks_alone(void **state)
{
	struct zones *z = *state;
	uint64_t stolen;

	fill_all(z, NR_PAGEBLOCKS, RECLAIMABLE, RECLAIMABLE);
	free_pages(z, PAGEBLOCK, 64);
	assert_true(pt_freetypes_equal(type_at(z, get(z, 0, UNMOVABLE)), RECLAIMABLE));
	assert_int_equal(stats_of(z).stolen, 1);

	buddy_recover(&z->m);
	fill_all(z, NR_PAGEBLOCKS, MOVABLE, MOVABLE);
	stolen = stats_of(z).stolen;
	for (size_t i = 0; i < 3; i++) {
		free_pages(z, PAGEBLOCK + i * 256 * KIB, 64);
		while (stats_of(z).free)
			get(z, 0, UNMOVABLE);
	}
	assert_int_equal(stats_of(z).stolen, stolen + 192);
	free_pages(z, PAGEBLOCK + 1536 * KIB, 63);
	assert_true(pt_freetypes_equal(type_at(z, get(z, 0, UNMOVABLE)), MOVABLE));
	free_pages(z, PAGEBLOCK + 1792 * KIB, 1);
	/* 63 free and 193 alike */
	assert_true(pt_freetypes_equal(type_at(z, get(z, 0, UNMOVABLE)), UNMOVABLE));
	buddy_check(&z->m);
}

/* Half of the frames that it has, where a range ends inside it: some_ranges[1] has three. */
static void part_of_a_pageblock_is_claimed_by_the_frames_it_has(void **state)
{
	const pt_pa_t first = some_ranges[1].pa;
	struct zones *z = *state;

	while (z->m.nr_held < z->m.nr_frames)
		get(z, 0, MOVABLE);
	assert_true(pt_freetypes_equal(type_at(z, first), MOVABLE));
	put(z, first + 2 * 4 * KIB, 0);
	assert_int_equal(get(z, 0, UNMOVABLE), first + 2 * 4 * KIB);
	assert_int_equal(stats_of(z).stolen, 1);
	put(z, first, 0);
	/* one free and one alike */
	assert_int_equal(get(z, 0, UNMOVABLE), first);
	assert_true(pt_freetypes_equal(type_at(z, first), UNMOVABLE));
	assert_int_equal(stats_of(z).stolen, 1);
	buddy_check(&z->m);
}

/* Half of pageblock @i: every second block of @order. */
static void free_every_second(struct zones *z, size_t i, unsigned int order)
{
	for (size_t page = 0; page < 512; page += (size_t)2 << order)
		free_pages(z, i * PAGEBLOCK + page * 4 * KIB, (size_t)1 << order);
}

/* Linux, should_try_claim_block(): from half the order of a pageblock on; others, whatever size. */
static void movable_requests_claim_for_no_small_blocks(void **state)
{
	struct zones *z = *state;

	for (unsigned int order = 0; order < 9; order++) {
		pt_freetype_t want = order < 4 ? UNMOVABLE : MOVABLE;

		fill_all(z, NR_PAGEBLOCKS, UNMOVABLE, UNMOVABLE);
		free_every_second(z, 3, order);
		assert_true(pt_freetypes_equal(type_at(z, get(z, 0, MOVABLE)), want));
		buddy_recover(&z->m);
		fill_all(z, NR_PAGEBLOCKS, MOVABLE, MOVABLE);
		free_every_second(z, 3, order);
		assert_true(pt_freetypes_equal(type_at(z, get(z, 0, UNMOVABLE)), UNMOVABLE));
		buddy_recover(&z->m);
		fill_all(z, NR_PAGEBLOCKS, MOVABLE, MOVABLE);
		free_every_second(z, 3, order);
		assert_true(pt_freetypes_equal(type_at(z, get(z, 0, RECLAIMABLE)), RECLAIMABLE));
		buddy_recover(&z->m);
	}
}

/* Of those with blocks as large the one that has the most of them, wherever it is. */
static void the_emptiest_block_is_claimed(void **state)
{
	struct zones *z = *state;

	for (size_t emptiest = 2; emptiest < 6; emptiest++) {
		fill_all(z, NR_PAGEBLOCKS, UNMOVABLE, UNMOVABLE);
		for (size_t i = 2; i < 6; i++) {
			free_every_second(z, i, 7);
			if (i == emptiest)
				free_pages(z, i * PAGEBLOCK + 512 * KIB, 64);
		}
		assert_int_equal(get(z, 0, MOVABLE) / PAGEBLOCK, emptiest);
		buddy_recover(&z->m);
	}
}

/* "Largest first": though another migratetype is asked first, if blocks are as large. */
static void the_largest_block_is_claimed_whoever_has_it(void **state)
{
	struct zones *z = *state;

	fill_all(z, 4, RECLAIMABLE, MOVABLE);
	free_every_second(z, 1, 6);
	free_every_second(z, 6, 7);
	assert_int_equal(get(z, 0, UNMOVABLE) / PAGEBLOCK, 6);
	buddy_recover(&z->m);
	fill_all(z, 4, RECLAIMABLE, MOVABLE);
	free_every_second(z, 1, 7);
	free_every_second(z, 6, 7);
	assert_int_equal(get(z, 0, UNMOVABLE) / PAGEBLOCK, 1);
}

/* Also what comes in a batch, of which one alone is handed out. */
static void what_a_cache_steals_is_counted_by_blocks(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa;

	fill_all(z, NR_PAGEBLOCKS, UNMOVABLE, UNMOVABLE);
	free_pages(z, 4 * PAGEBLOCK, 8);
	assert_int_equal(alloc_flags(z, z->cache[0], 0, MOVABLE, 0, &pa), 0);
	assert_int_equal(stats_of(z).stolen, stats_of(z).cached + 1);
	assert_true(stats_of(z).cached > 0);
}

/* The last to come back decides for both, so that a free block is of one type. */
static void pageblocks_that_merge_are_of_the_type_of_the_last(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa[NR_PAGEBLOCKS], last, buddy;

	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < NR_PAGEBLOCKS; k++)
			pa[k] = get(z, 9, k < NR_PAGEBLOCKS - 1 ? UNMOVABLE : MOVABLE);
		last = pa[NR_PAGEBLOCKS - 1];
		buddy = last ^ PAGEBLOCK;
		assert_true(pt_freetypes_equal(type_at(z, last), MOVABLE));
		assert_true(pt_freetypes_equal(type_at(z, buddy), UNMOVABLE));
		put(z, i ? last : buddy, 9);
		put(z, i ? buddy : last, 9);
		assert_int_equal(stats_of(z).nr_free[10][i ? PT_MIGRATE_UNMOVABLE :
							     PT_MIGRATE_MOVABLE],
				 1);
		assert_true(pt_freetypes_equal(type_at(z, last), i ? UNMOVABLE : MOVABLE));
		assert_true(pt_freetypes_equal(type_at(z, buddy), i ? UNMOVABLE : MOVABLE));
		buddy_recover(&z->m);
	}
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
		ON(nofragment_claims_no_part_of_a_pageblock, whole_16m),
		ON(a_request_that_fails_claims_nothing, whole_16m),
		ON(a_block_that_is_half_free_is_claimed, whole_16m),
		ON(pages_of_its_own_kind_count_for_a_claim, whole_16m),
		ON(pages_of_others_count_for_a_claim_of_movable_blocks_alone, whole_16m),
		ON(part_of_a_pageblock_is_claimed_by_the_frames_it_has, part_16m),
		ON(movable_requests_claim_for_no_small_blocks, whole_16m),
		ON(the_emptiest_block_is_claimed, whole_16m),
		ON(the_largest_block_is_claimed_whoever_has_it, whole_16m),
		ON(what_a_cache_steals_is_counted_by_blocks, whole_16m),
		ON(pageblocks_that_merge_are_of_the_type_of_the_last, whole_16m),
		ON(reclaimable_is_asked_before_movable_for_unmovable, whole_16m),
		ON(reclaimable_is_asked_before_unmovable_for_movable, whole_16m),
		ON(unmovable_is_asked_before_movable_for_reclaimable, whole_16m),
		ON(steals_the_smallest_first, whole_16m),
		ON(nothing_falls_back_to_other_flags, whole_16m),
		ON(pages_come_from_the_fullest_pageblock, whole_16m),
	};

	return cmocka_run_group_tests_name("fallback", tests, NULL, NULL);
}
