/* SPDX-License-Identifier: MIT */
/*
 * Conversion of pageblocks. The order of steps is the model's to hold, at every call: the pages of
 * a block are on no list and its type is the old one until convert() has returned, and the zone can
 * be asked for pages meanwhile.
 */
#include "buddy/zones.h"

#define NR_PAGEBLOCKS 8

/* Free pageblocks of a type, in whole blocks. */
static size_t ready(const struct zones *z, pt_freetype_t type)
{
	struct pt_zone_stats stats = stats_of(z);
	uint64_t nr = 0;

	for (unsigned int order = 9; order <= 10; order++)
		nr += stats.nr_free[order][pt_freetype_idx(type)] << (order - 9);
	return (size_t)nr;
}

static void one_conversion_and_one_flush_serve_a_pageblock(void **state)
{
	struct zones *z = *state;
	size_t pages = (size_t)1 << z->m.pageblock_order;
	size_t nr = buddy_whole_pageblocks(&z->m);

	for (size_t i = 0; i < nr * pages; i++) {
		get(z, 0, UNMAPPED);
		assert_int_equal(z->m.nr_converts, i / pages + 1);
		assert_int_equal(z->m.nr_flushes, i / pages + 1);
	}
	/* what is left is in no whole pageblock */
	assert_int_equal(alloc_flags(z, NULL, 0, UNMAPPED, 0, &(pt_pa_t){ 0 }), -ENOMEM);
	assert_int_equal(stats_of(z).conversions, nr);
	assert_int_equal(stats_of(z).converted[pt_freetype_idx(UNMAPPED)], nr);
	assert_int_equal(stats_of(z).pageblocks[pt_freetype_idx(UNMAPPED)], nr);
	buddy_check(&z->m);
}

static void mapping_again_flushes_nothing(void **state)
{
	struct zones *z = *state;
	size_t nr = buddy_whole_pageblocks(&z->m);

	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, SIZE_MAX, &nr), 0);
	assert_int_equal(nr, buddy_whole_pageblocks(&z->m));
	z->m.nr_flushes = 0;
	/* asked for one by one: what is free of plain memory first */
	assert_int_equal(get_all(z, NULL, 0, UNMOVABLE, 0), z->m.nr_frames);
	assert_int_equal(z->m.nr_flushes, 0);
	buddy_check(&z->m);
}

static void a_larger_request_converts_all_it_needs_at_once(void **state)
{
	struct zones *z = *state;

	get(z, z->m.max_order, UNMAPPED);
	assert_int_equal(z->m.nr_converts, 1);
	assert_int_equal(z->m.nr_converted, 1u << (z->m.max_order - z->m.pageblock_order));
	assert_int_equal(stats_of(z).converted[pt_freetype_idx(UNMAPPED)], z->m.nr_converted);
	/* and a smaller one leaves the tail on the lists of its type */
	get(z, 1, KEYED);
	assert_int_equal(z->m.nr_converts, 2);
	for (unsigned int order = 1; order < z->m.pageblock_order; order++)
		assert_int_equal(stats_of(z).nr_free[order][pt_freetype_idx(KEYED)], 1);
	assert_int_equal(stats_of(z).nr_free[0][pt_freetype_idx(KEYED)], 0);
	buddy_check(&z->m);
}

/* The counts of blocks by order, which a failure must leave as they are. */
static void assert_unchanged(const struct zones *z, const struct pt_zone_stats *before)
{
	struct pt_zone_stats after = stats_of(z);

	assert_int_equal(after.free, before->free);
	assert_int_equal(after.held, before->held);
	assert_memory_equal(after.converted, before->converted, sizeof(after.converted));
	/* the migratetype may have changed hands with a claim; the sizes of blocks may not */
	for (unsigned int order = 0; order <= PT_MAX_ORDER; order++) {
		uint64_t nr[2] = { 0, 0 };

		for (size_t i = 0; i < NR_TYPES; i++) {
			nr[0] += before->nr_free[order][i];
			nr[1] += after.nr_free[order][i];
			if (all_types[i].flags)
				assert_int_equal(before->nr_free[order][i],
						 after.nr_free[order][i]);
		}
		assert_int_equal(nr[0], nr[1]);
	}
}

static void a_failed_conversion_leaves_everything_as_it_was(void **state)
{
	struct zones *z = *state;

	for (size_t i = 0; i < 2; i++)
		get(z, 3, i ? UNMAPPED : MOVABLE);
	for (size_t fail_at = 1; fail_at <= 3; fail_at++)
		for (unsigned int order = 0; order <= z->m.max_order; order++) {
			struct pt_zone_stats before = stats_of(z);
			size_t nr_failed = z->m.nr_failed;
			pt_pa_t pa;

			z->m.fail_convert = z->m.nr_converts + 1;
			z->m.allocates = fail_at == 2;
			assert_int_equal(alloc_flags(z, NULL, order, KEYED, 0, &pa), -ENOMEM);
			assert_int_equal(z->m.nr_failed, nr_failed + 1);
			assert_int_equal(stats_of(z).convert_failed, z->m.nr_failed);
			assert_unchanged(z, &before);
			buddy_check(&z->m);
		}
	get(z, z->m.pageblock_order, KEYED);
}

static void a_conversion_of_several_fails_as_a_whole(void **state)
{
	const struct pt_zone_cfg cfg = { .convert_batch = 4 };
	struct zones *z = zones_again(*state, &cfg, true);
	struct pt_zone_stats before;
	pt_pa_t pa;
	size_t nr;

	get(z, 0, UNMAPPED);
	assert_int_equal(z->m.most_pageblocks, 4);
	before = stats_of(z);
	z->m.fail_all = true;
	assert_int_equal(alloc_flags(z, NULL, 0, KEYED, 0, &pa), -ENOMEM);
	assert_unchanged(z, &before);
	buddy_check(&z->m);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, KEYED, 8, &nr), -EIO);
	assert_int_equal(nr, 0);
	assert_unchanged(z, &before);
	buddy_check(&z->m);
	z->m.fail_all = false;
	/* one may be possible where four were not */
	z->m.fail_convert = z->m.nr_converts + 1;
	nr = z->m.nr_converted;
	get(z, 0, KEYED);
	assert_int_equal(z->m.nr_converted, nr + 1);
	buddy_check(&z->m);
}

/* Those before the calls that failed, of many and then of one, are done, and counted. */
static void a_long_conversion_says_how_far_it_came(void **state)
{
	struct zones *z = *state;
	size_t nr = 0;

	z->m.fail_convert = 2;
	z->m.fail_more = 1;
	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, SIZE_MAX, &nr), -EIO);
	assert_int_equal(nr, z->m.nr_converted);
	assert_true(nr > 0 && nr <= PT_ZONE_MAX_BATCH);
	assert_int_equal(ready(z, UNMAPPED), nr);
	buddy_check(&z->m);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, SIZE_MAX, NULL), 0);
	assert_int_equal(ready(z, UNMAPPED), 128);
}

/* One may be possible where many were not, and then many again. */
static void a_long_conversion_goes_on_with_one(void **state)
{
	struct zones *z = *state;

	z->m.fail_convert = 1;
	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, SIZE_MAX, NULL), 0);
	assert_int_equal(z->m.nr_failed, 1);
	assert_int_equal(ready(z, UNMAPPED), 128);
	assert_true(z->m.nr_converts < 8);
	buddy_check(&z->m);
}

static void a_batch_is_as_large_as_it_may_be(void **state)
{
	const struct pt_zone_cfg cfg = { .convert_batch = PT_ZONE_MAX_BATCH };
	struct zones *z = zones_again(*state, &cfg, true);

	get(z, 0, UNMAPPED);
	assert_int_equal(z->m.nr_converts, 1);
	assert_int_equal(z->m.most_extents, PT_ZONE_MAX_BATCH);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, KEYED, SIZE_MAX, NULL), 0);
	assert_int_equal(z->m.nr_converts, 2);
	assert_int_equal(z->m.nr_converted, 128);
	buddy_check(&z->m);
}

/* Convert a free pageblock, and what the zone says of it meanwhile. */
struct look {
	struct zones *z;
	struct pt_zone_stats stats;
	struct pt_page_info info;
};

static int look_and_convert(void *ctx, const struct pt_extent *extent, size_t nr, unsigned int from,
			    unsigned int to)
{
	struct look *look = ctx;
	const struct pt_freetype_ops *ops = &look->z->m.ops;

	look->stats = stats_of(look->z);
	look->info = info_of(look->z, extent->pa);
	return ops->convert(ops->ctx, extent, nr, from, to);
}

static void what_is_on_its_way_counts_as_cached(void **state)
{
	struct zones *z = *state;
	struct look look = { .z = z };
	const struct pt_freetype_ops ops = { .convert = look_and_convert, .ctx = &look };

	pt_zone_set_ops(z->m.zone, &ops);
	assert_int_equal(pt_zone_convert(z->m.zone, MOVABLE, UNMAPPED, 3, NULL), 0);
	assert_int_equal(look.stats.cached, 3 * 512);
	assert_int_equal(look.stats.held, 0);
	assert_int_equal(look.stats.free, z->m.nr_frames - 3 * 512);
	assert_int_equal(look.info.state, PT_PAGE_CACHED);
	pt_zone_set_ops(z->m.zone, &z->m.ops);
	assert_int_equal(stats_of(z).cached, 0);
	buddy_check(&z->m);
}

static int never_convert(void *ctx, const struct pt_extent *extent, size_t nr, unsigned int from,
			 unsigned int to)
{
	(void)ctx;
	(void)extent;
	(void)nr;
	(void)from;
	(void)to;
	return -EOPNOTSUPP;
}

/* However often it is tried: there is no lack of memory. */
static void what_no_page_can_be_is_not_for_want_of_memory(void **state)
{
	static const struct pt_freetype_ops ops = { .convert = never_convert };
	const struct pt_alloc how = { .type = UNMAPPED };
	struct zones *z = *state;
	pt_pa_t pa;

	pt_zone_set_ops(z->m.zone, &ops);
	assert_int_equal(pt_alloc_pages(z->m.zone, NULL, &how, &pa), -EOPNOTSUPP);
	assert_int_equal(pt_alloc_pages(z->m.zone, z->cache[0], &how, &pa), -EOPNOTSUPP);
	pt_zone_set_ops(z->m.zone, &z->m.ops);
	buddy_check(&z->m);
}

static void several_pageblocks_share_one_flush(void **state)
{
	const struct pt_zone_cfg cfg = { .convert_batch = 3 };
	struct zones *z = zones_again(*state, &cfg, true);

	for (size_t i = 0; i < 3 * 512; i++)
		get(z, 0, UNMAPPED);
	assert_int_equal(z->m.nr_converts, 1);
	assert_int_equal(z->m.nr_flushes, 1);
	assert_int_equal(z->m.nr_converted, 3);
	assert_int_equal(stats_of(z).conversions, 1);
	assert_int_equal(stats_of(z).converted[pt_freetype_idx(UNMAPPED)], 3);
	/* as many as there are, if those are fewer */
	for (size_t i = 0; i < 5 * 512; i++)
		get(z, 0, UNMAPPED);
	assert_int_equal(z->m.nr_converts, 3);
	assert_int_equal(z->m.nr_converted, 8);
	buddy_check(&z->m);
}

static void noblock_takes_what_is_ready_and_converts_nothing(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa;

	assert_int_equal(alloc_flags(z, NULL, 0, UNMAPPED, PT_ALLOC_NOBLOCK, &pa), -ENOMEM);
	assert_int_equal(alloc_flags(z, z->cache[0], 0, UNMAPPED, PT_ALLOC_NOBLOCK, &pa), -ENOMEM);
	put(z, get(z, 0, UNMAPPED), 0);
	assert_int_equal(get_all(z, NULL, 0, UNMAPPED, PT_ALLOC_NOBLOCK), 512);
	assert_int_equal(get_all(z, NULL, 0, MOVABLE, PT_ALLOC_NOBLOCK), 7 * 512);
	assert_int_equal(z->m.nr_converts, 1);
}

static void only_unmovable_requests_convert_back_unless_asked(void **state)
{
	const struct pt_zone_cfg any = { .flags = PT_ZONE_CONVERT_BACK_ANY };
	struct zones *z = *state;
	pt_pa_t pa;

	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, SIZE_MAX, NULL), 0);
	assert_int_equal(alloc_flags(z, NULL, 0, MOVABLE, 0, &pa), -ENOMEM);
	assert_int_equal(alloc_flags(z, NULL, 0, RECLAIMABLE, 0, &pa), -ENOMEM);
	assert_int_equal(get_all(z, NULL, 0, UNMOVABLE, 0), z->m.nr_frames);

	z = zones_again(z, &any, true);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, KEYED, SIZE_MAX, NULL), 0);
	assert_int_equal(alloc_flags(z, NULL, 0, MOVABLE, PT_ALLOC_NOBLOCK, &pa), -ENOMEM);
	get(z, 0, RECLAIMABLE);
	assert_int_equal(get_all(z, z->cache[0], 0, MOVABLE, 0), z->m.nr_frames - 1);
	buddy_check(&z->m);
}

/* Free memory serves every flag, whatever it has been; but one without flags first. */
static void a_pageblock_of_another_flag_is_converted_where_no_plain_one_is_left(void **state)
{
	struct zones *z = *state;

	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, NR_PAGEBLOCKS - 1, NULL), 0);
	get(z, 0, KEYED);
	assert_int_equal(ready(z, UNMAPPED), NR_PAGEBLOCKS - 1);
	assert_int_equal(get_all(z, NULL, 0, KEYED, 0), z->m.nr_frames - 1);
	assert_int_equal(stats_of(z).pageblocks[pt_freetype_idx(KEYED)], NR_PAGEBLOCKS);
	buddy_recover(&z->m);
	assert_int_equal(buddy_convert(&z->m, UNMOVABLE, KEYED, SIZE_MAX, NULL), 0);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, KEYED, SIZE_MAX, NULL), 0);
	assert_int_equal(alloc_flags(z, NULL, 0, UNMAPPED, PT_ALLOC_NOBLOCK, &(pt_pa_t){ 0 }),
			 -ENOMEM);
	get(z, z->m.max_order, UNMAPPED);
	buddy_check(&z->m);
}

/* Nor where plain ones cannot be converted. */
static void a_pageblock_of_another_flag_is_converted_where_a_plain_one_fails(void **state)
{
	struct zones *z = *state;

	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, 3, NULL), 0);
	z->m.fail_convert = z->m.nr_converts + 1;
	get(z, 0, KEYED);
	assert_int_equal(z->m.nr_failed, 1);
	assert_int_equal(ready(z, UNMAPPED), 2);
	buddy_check(&z->m);
}

/* The zone has no lock when it calls; and what is asked for may itself need a conversion back. */
static void a_conversion_may_ask_the_zone_for_pages(void **state)
{
	struct zones *z = *state;

	z->m.allocates = true;
	get_all(z, z->cache[0], 0, UNMAPPED, 0);
	assert_int_equal(z->m.nr_held, z->m.nr_frames);
	buddy_recover(&z->m);
	z->m.allocates = true;
	assert_int_equal(buddy_convert(&z->m, MOVABLE, KEYED, SIZE_MAX, NULL), 0);
	assert_int_equal(buddy_convert(&z->m, UNMOVABLE, KEYED, SIZE_MAX, NULL), 0);
	assert_int_equal(ready(z, KEYED), NR_PAGEBLOCKS);
	assert_int_equal(buddy_convert(&z->m, KEYED, UNMAPPED, 1, NULL), 0);
	assert_true(z->m.most_depth <= 2);
	buddy_check(&z->m);
}

static void converts_ahead_of_time_as_many_as_were_asked_for(void **state)
{
	struct zones *z = *state;
	pt_freetype_t bad = { PT_MIGRATE_MOVABLE, PT_FREETYPE_UNMAPPED };
	pt_pa_t pa;
	size_t nr;

	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, 0, &nr), 0);
	assert_int_equal(nr, 0);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, 3, &nr), 0);
	assert_int_equal(nr, 3);
	assert_int_equal(ready(z, UNMAPPED), 3);
	/* only whole free ones */
	pa = get(z, 0, MOVABLE);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, 100, &nr), 0);
	assert_int_equal(nr, 4);
	put(z, pa, 0);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, 100, &nr), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(buddy_convert(&z->m, UNMAPPED, MOVABLE, 2, NULL), 0);
	assert_int_equal(ready(z, MOVABLE), 2);

	assert_int_equal(buddy_convert(&z->m, MOVABLE, RECLAIMABLE, 1, &nr), -EINVAL);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, MOVABLE, 1, &nr), -EINVAL);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, bad, 1, &nr), -EINVAL);
	assert_int_equal(buddy_convert(&z->m, bad, MOVABLE, 1, &nr), -EINVAL);
	buddy_check(&z->m);
	z = zones_again(z, NULL, false);
	assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, 1, &nr), -EOPNOTSUPP);
}

static void balance_keeps_pageblocks_ready_between_the_watermarks(void **state)
{
	const struct pt_zone_cfg cfg = { .ready_low = 2, .ready_high = 3 };
	struct zones *z = zones_again(*state, &cfg, true);
	pt_pa_t pa[3];

	/* of a flag that nobody uses none are wanted */
	assert_int_equal(pt_zone_balance(z->m.zone), 0);
	assert_int_equal(z->m.nr_converts, 0);
	put(z, get(z, 0, UNMAPPED), 0);
	assert_int_equal(pt_zone_balance(z->m.zone), 0);
	assert_int_equal(ready(z, UNMAPPED), 3);
	assert_int_equal(ready(z, KEYED), 0);
	/* still between them */
	pa[0] = get(z, 9, UNMAPPED);
	assert_int_equal(pt_zone_balance(z->m.zone), 0);
	assert_int_equal(ready(z, UNMAPPED), 2);
	/* below: who took it sees to that, as far as balance would */
	pa[1] = get(z, 9, UNMAPPED);
	assert_int_equal(ready(z, UNMAPPED), 3);
	assert_int_equal(pt_zone_balance(z->m.zone), 0);
	assert_int_equal(ready(z, UNMAPPED), 3);
	pa[2] = get(z, 0, UNMAPPED);
	buddy_check(&z->m);
	/* above */
	put(z, pa[0], 9);
	put(z, pa[1], 9);
	put(z, pa[2], 0);
	assert_true(ready(z, UNMAPPED) > 3);
	z->m.nr_flushes = 0;
	assert_int_equal(pt_zone_balance(z->m.zone), 0);
	assert_int_equal(ready(z, UNMAPPED), 3);
	assert_int_equal(z->m.nr_flushes, 0);
	/* as far as it goes */
	get_all(z, NULL, 9, MOVABLE, 0);
	get(z, 9, UNMAPPED);
	get(z, 9, UNMAPPED);
	assert_int_equal(pt_zone_balance(z->m.zone), 0);
	assert_true(ready(z, UNMAPPED) <= 1);
	buddy_check(&z->m);
}

static void balance_leaves_what_is_between_the_watermarks(void **state)
{
	const struct pt_zone_cfg one = { .ready_low = 1, .ready_high = 1 };
	const struct pt_zone_cfg cfg = { .ready_low = 2, .ready_high = 5 };
	struct zones *z = zones_again(*state, &cfg, true);

	put(z, get(z, 0, UNMAPPED), 0);
	assert_int_equal(buddy_convert(&z->m, UNMAPPED, MOVABLE, SIZE_MAX, NULL), 0);
	for (size_t nr = 2; nr <= 5; nr++) {
		size_t nr_converts;

		assert_int_equal(buddy_convert(&z->m, MOVABLE, UNMAPPED, nr == 2 ? 2 : 1, NULL), 0);
		nr_converts = z->m.nr_converts;
		assert_int_equal(pt_zone_balance(z->m.zone), 0);
		assert_int_equal(z->m.nr_converts, nr_converts);
		assert_int_equal(ready(z, UNMAPPED), nr);
	}
	buddy_check(&z->m);
	/* both may be the same, and one is enough to have one ready */
	z = zones_again(z, &one, true);
	get(z, 9, UNMAPPED);
	assert_int_equal(ready(z, UNMAPPED), 1);
	assert_int_equal(pt_zone_balance(z->m.zone), 0);
	assert_int_equal(z->m.nr_converts, 2);
}

static void balance_says_what_failed(void **state)
{
	const struct pt_zone_cfg cfg = { .ready_low = 2, .ready_high = 4 };
	struct zones *z = zones_again(*state, &cfg, true);

	put(z, get(z, 0, KEYED), 0);
	assert_int_equal(buddy_convert(&z->m, KEYED, MOVABLE, SIZE_MAX, NULL), 0);
	z->m.fail_convert = z->m.nr_converts + 1;
	z->m.fail_more = 1;
	assert_int_equal(pt_zone_balance(z->m.zone), -EIO);
	buddy_check(&z->m);
	assert_int_equal(pt_zone_balance(z->m.zone), 0);
	assert_int_equal(ready(z, KEYED), 4);
	buddy_check(&z->m);
	z = zones_again(z, &cfg, false);
	assert_int_equal(pt_zone_balance(z->m.zone), -EOPNOTSUPP);
}

static void without_watermarks_there_is_no_balance(void **state)
{
	struct zones *z = *state;

	put(z, get(z, 0, UNMAPPED), 0);
	assert_int_equal(pt_zone_balance(z->m.zone), 0);
	assert_int_equal(z->m.nr_converts, 1);
	assert_int_equal(ready(z, UNMAPPED), 1);
}

/* Whole pageblocks of two flags side by side: blocks that would be one if flags did not count. */
static void merging_stops_where_flags_change(void **state)
{
	struct zones *z = *state;
	pt_pa_t pa[NR_PAGEBLOCKS];

	for (size_t i = 0; i < NR_PAGEBLOCKS; i++)
		pa[i] = get(z, 9, i % 2 ? UNMAPPED : UNMOVABLE);
	for (size_t i = 0; i < NR_PAGEBLOCKS; i++)
		put(z, pa[i], 9);
	buddy_check(&z->m);
	assert_int_equal(ready(z, UNMAPPED), NR_PAGEBLOCKS / 2);
	assert_int_equal(stats_of(z).free, z->m.nr_frames);
}

int main(void)
{
	const struct CMUnitTest everywhere[] = {
		cmocka_unit_test(one_conversion_and_one_flush_serve_a_pageblock),
		cmocka_unit_test(mapping_again_flushes_nothing),
		cmocka_unit_test(a_larger_request_converts_all_it_needs_at_once),
	};
	const struct CMUnitTest alone[] = {
		ON(a_failed_conversion_leaves_everything_as_it_was, whole_16m),
		ON(a_conversion_of_several_fails_as_a_whole, whole_16m),
		ON(a_long_conversion_says_how_far_it_came, whole_256m),
		ON(a_long_conversion_goes_on_with_one, whole_256m),
		ON(a_batch_is_as_large_as_it_may_be, whole_256m),
		ON(what_is_on_its_way_counts_as_cached, whole_16m),
		ON(what_no_page_can_be_is_not_for_want_of_memory, whole_16m),
		ON(several_pageblocks_share_one_flush, whole_16m),
		ON(noblock_takes_what_is_ready_and_converts_nothing, whole_16m),
		ON(only_unmovable_requests_convert_back_unless_asked, whole_16m),
		ON(a_pageblock_of_another_flag_is_converted_where_no_plain_one_is_left, whole_16m),
		ON(a_pageblock_of_another_flag_is_converted_where_a_plain_one_fails, whole_16m),
		ON(a_conversion_may_ask_the_zone_for_pages, whole_16m),
		ON(converts_ahead_of_time_as_many_as_were_asked_for, whole_16m),
		ON(balance_keeps_pageblocks_ready_between_the_watermarks, whole_16m),
		ON(balance_leaves_what_is_between_the_watermarks, whole_16m),
		ON(balance_says_what_failed, whole_16m),
		ON(without_watermarks_there_is_no_balance, whole_16m),
		ON(merging_stops_where_flags_change, whole_16m),
	};

	return RUN_ON_LAYOUTS("convert on all layouts", everywhere) +
	       cmocka_run_group_tests_name("convert", alone, NULL, NULL);
}
