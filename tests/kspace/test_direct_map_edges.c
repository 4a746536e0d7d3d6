/* SPDX-License-Identifier: MIT */
/* Ends of a direct map: where it begins and memory ends, and from where to where it flushes. */
#include "kspace/kspace.h"

struct flushes {
	pt_va_t first, last;
	unsigned int nr;
};

static void note_range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct flushes *flushes = ctx;

	(void)stride_lg2;
	flushes->first = first;
	flushes->last = last;
	flushes->nr++;
}

/* "Flushed at once, as one range from the first to the last", whatever order they come in. */
static void one_range_has_all_extents(void **state)
{
	static const unsigned int orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 },
						  { 1, 0, 2 }, { 0, 2, 1 }, { 2, 0, 1 } };
	struct kspace *k = *state;
	struct flushes flushes = { 0 };
	const struct pt_flush_ops ops = { .range = note_range, .ctx = &flushes };

	k->cfg.flush = &ops;
	kspace_map(k);
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct pt_extent some[3];
		pt_pa_t first = MEMORY_PA + 4 * i * k->block;

		if (first + 3 * k->block > MEMORY_PA + MEMORY_LEN)
			break;
		for (unsigned int n = 0; n < 3; n++)
			some[n] = (struct pt_extent){ first + orders[i][n] * k->block, k->block };
		flushes.nr = 0;
		assert_int_equal(convert(k, some, 3, 0, PT_FREETYPE_UNMAPPED), 0);
		assert_int_equal(flushes.nr, 1);
		assert_int_equal(flushes.first, pt_direct_map_base(k->dm) + first);
		assert_int_equal(flushes.last,
				 pt_direct_map_base(k->dm) + first + 3 * k->block - 1);
	}
}

static void refuses_bases_and_sources_that_are_none(void **state)
{
	struct kspace *k = *state;
	struct pt_direct_map_cfg cfg;
	struct pt_direct_map *dm = NULL;
	struct pt_zone *zone;

	assert_int_equal(pt_zone_create(&zone, k->phys, NULL), 0);
#define REFUSES(change, err)                                                                       \
	do {                                                                                       \
		cfg = k->cfg;                                                                      \
		change;                                                                            \
		assert_int_equal(pt_direct_map_create(&dm, k->phys, &cfg), err);                   \
		assert_null(dm);                                                                   \
		assert_int_equal(k->source.nr_live, 0);                                            \
	} while (0)
	REFUSES(cfg.base = k->info.first + k->granule / 2, -EINVAL);
	REFUSES(cfg.tables.alloc = NULL, -EINVAL);
	REFUSES(cfg.tables.free = NULL, -EINVAL);
	REFUSES((cfg.protect = zone, cfg.key = TEST_KEY, cfg.tables.alloc = NULL), -EINVAL);
	REFUSES((cfg.protect = zone, cfg.key = TEST_KEY, cfg.tables.free = NULL), -EINVAL);
	REFUSES((cfg.protect = zone, cfg.tables = (struct pt_table_ops){ 0 }), -EINVAL);
	REFUSES(cfg.flags = PT_DIRECT_MAP_JOIN << 1, -EINVAL);
	/* the key is that of KEYED pages, not one that all have */
	REFUSES(cfg.attr = PT_DIRECT_MAP_ATTR | PT_ATTR_KEY(TEST_KEY),
		k->config->with & PT_FEAT_PKEYS ? -EINVAL : -EOPNOTSUPP);
	/* its memory ends before addresses do; its table pages would begin again at the first */
	REFUSES(cfg.base = -(4 * GIB), -ERANGE);
	for (unsigned int fmt = PT_FMT_X86_EPT; fmt < PT_FMT_NR; fmt++)
		if (!pt_fmt_cfg_init(&cfg.fmt, fmt))
			REFUSES(assert_int_equal(pt_fmt_cfg_init(&cfg.fmt, fmt), 0), -EOPNOTSUPP);
	/* one table of pages has no pageblocks */
	if (k->config->fmt == PT_FMT_ARM64_64K)
		REFUSES((cfg.fmt.va_bits = 25, cfg.base = -(UINT64_C(1) << 25)), -EINVAL);
#undef REFUSES
	assert_int_equal(pt_zone_destroy(zone), 0);
}

/* A number of pages whose bytes are one page, but for 2^64. */
static void a_number_of_pages_does_not_begin_again(void **state)
{
	struct kspace *k = *state;

	kspace_map(k);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA, UINT64_MAX / k->granule + 2),
			 -ERANGE);
	expect_pages(k, MEMORY_PA, 4 * k->granule, true, 0);
}

/* Tables that are freed are a range as any other, where nothing is said of them apart. */
static void what_is_joined_is_flushed_as_a_range_where_that_is_all_there_is(void **state)
{
	struct kspace *k = *state;
	struct flushes flushes = { 0 };
	const struct pt_flush_ops ops = { .range = note_range, .ctx = &flushes };
	pt_va_t va;

	k->cfg.flush = &ops;
	k->cfg.flags = PT_DIRECT_MAP_JOIN;
	kspace_map(k);
	va = pt_direct_map_base(k->dm) + MEMORY_PA;
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA, 1), 0);
	assert_int_equal(flushes.nr, 1);
	assert_int_equal(flushes.first, va);
	assert_int_equal(flushes.last, va + k->granule - 1);
	assert_int_equal(pt_set_direct_map_default(k->dm, MEMORY_PA, 1), 0);
	assert_int_equal(flushes.nr > 1, k->splits);
	assert_true(flushes.first <= va && flushes.last >= va + k->granule - 1);
}

/* What nobody flushes at all changes all the same. */
static void nothing_is_flushed_where_nothing_caches(void **state)
{
	static const struct pt_flush_ops none;
	struct kspace *k = *state;

	k->cfg.flags = PT_DIRECT_MAP_JOIN;
	for (unsigned int i = 0; i < 2; i++) {
		k->cfg.flush = i ? &none : NULL;
		kspace_map(k);
		assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA, 1), 0);
		expect_pages(k, MEMORY_PA, k->granule, false, 0);
		assert_int_equal(pt_set_direct_map_default(k->dm, MEMORY_PA, 1), 0);
		expect_pages(k, MEMORY_PA, k->granule, true, 0);
		pt_direct_map_destroy(k->dm);
		k->dm = NULL;
	}
}

/*
 * Of 32 address bits: a contiguous block of 1G or 512M leaves is larger than the table that they
 * are in, and may reach out of it below, or in the lower half above.
 */
static void leaves_are_joined_inside_a_short_top_table(void **state)
{
	struct kspace *k = *state;
	struct pt_phys_region regions[] = {
		{ .pa = 0, .len = NR_TABLE_PAGES * k->granule, .fd = -1 },
		{ .pa = GIB, .len = 2 * GIB, .fd = -1 },
	};

	page_source_exit(&k->source);
	pt_phys_destroy(k->phys);
	assert_int_equal(pt_phys_create(&k->phys, regions, 2, k->info.granule_lg2), 0);
	page_source_init(&k->source, k->phys, 0, k->info.granule_lg2, NR_TABLE_PAGES);
	k->cfg.flags = PT_DIRECT_MAP_JOIN;
	k->cfg.fmt.va_bits = 32;
	for (unsigned int upper = 0; upper < 2; upper++) {
		unsigned int level;
		size_t tables;

		k->cfg.fmt.upper_half = upper;
		kspace_map(k);
		assert_true(pt_direct_map_base(k->dm) == (upper ? -(UINT64_C(1) << 32) : 0));
		level = level_of(k, GIB);
		tables = stats_of(k).tables;
		assert_int_equal(pt_set_direct_map_invalid(k->dm, GIB + k->granule, 1), 0);
		assert_int_equal(pt_set_direct_map_default(k->dm, GIB + k->granule, 1), 0);
		assert_int_equal(level_of(k, GIB), level);
		assert_int_equal(stats_of(k).tables, tables);
		assert_int_equal(pt_verify(pt_direct_map_pgtable(k->dm), NULL, NULL), 0);
		pt_direct_map_destroy(k->dm);
		k->dm = NULL;
	}
}

/* "Where what is present stays as it is", unlike pt_set_direct_map_default(). */
static void valid_pages_keep_their_key(void **state)
{
	struct kspace *k = *state;
	struct pt_extent some = blocks(k, 1, 1);

	k->cfg.key = TEST_KEY;
	kspace_map(k);
	assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_KEYED), 0);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, some.pa, 1), 0);
	flushed(k);
	assert_int_equal(pt_set_direct_map_valid(k->dm, some.pa, k->pages_per_block, true), 0);
	expect_no_flush(k);
	/* what was absent is as it was made at first */
	expect_pages(k, some.pa, k->granule, true, 0);
	expect_pages(k, some.pa + k->granule, some.len - k->granule, true, TEST_KEY);
	assert_int_equal(pt_set_direct_map_valid_noflush(k->dm, some.pa, k->pages_per_block, true),
			 0);
	expect_pages(k, some.pa + k->granule, some.len - k->granule, true, TEST_KEY);
	assert_int_equal(pt_set_direct_map_default_noflush(k->dm, some.pa, k->pages_per_block), 0);
	expect_no_flush(k);
	expect_pages(k, some.pa, some.len, true, 0);
}

/* A pageblock that comes back needs no table: those with the key are joined to nothing larger. */
static void keyed_pageblocks_stay_by_themselves(void **state)
{
	struct kspace *k = *state;
	struct pt_extent all = { MEMORY_PA, GIB }, some = blocks(k, 1, 1);

	k->cfg.key = TEST_KEY;
	k->cfg.flags = PT_DIRECT_MAP_JOIN;
	kspace_map(k);
	assert_int_equal(convert(k, &all, 1, 0, PT_FREETYPE_KEYED), 0);
	assert_int_equal(pt_set_direct_map_valid(k->dm, some.pa, k->pages_per_block, true), 0);
	assert_int_equal(level_of(k, some.pa), k->splits);
	k->source.fail_all = true;
	assert_int_equal(convert(k, &some, 1, PT_FREETYPE_KEYED, 0), 0);
	k->source.fail_all = false;
	expect_pages(k, some.pa - k->block, k->block, true, TEST_KEY);
	expect_pages(k, some.pa, some.len, true, 0);
	expect_pages(k, some.pa + k->block, MEMORY_PA + GIB - some.pa - k->block, true, TEST_KEY);
}

/* What has the key already is not split for it: a page of a pageblock. */
static void keyed_pages_are_keyed_again_for_nothing(void **state)
{
	struct kspace *k = *state;
	struct pt_extent some = blocks(k, 1, 1);
	struct pt_direct_map_stats stats;

	k->cfg.key = TEST_KEY;
	kspace_map(k);
	assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_KEYED), 0);
	stats = stats_of(k);
	flushed(k);
	some.len = k->granule;
	assert_int_equal(convert(k, &some, 1, PT_FREETYPE_KEYED, PT_FREETYPE_KEYED), 0);
	expect_no_flush(k);
	assert_int_equal(level_of(k, some.pa), k->splits);
	assert_int_equal(stats_of(k).tables, stats.tables);
	assert_int_equal(stats_of(k).reserve, stats.reserve);
	/* pages are counted as they are asked for, by what they shall be */
	assert_int_equal(stats.keyed, k->pages_per_block);
	assert_int_equal(stats_of(k).keyed, k->pages_per_block + 1);
	assert_int_equal(stats_of(k).present, 0);
	assert_int_equal(stats_of(k).converted, 2);
	assert_int_equal(pt_set_direct_map_default(k->dm, MEMORY_PA, 3), 0);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA, 2), 0);
	assert_int_equal(stats_of(k).keyed, k->pages_per_block + 1);
	assert_int_equal(stats_of(k).present, 3);
	assert_int_equal(stats_of(k).absent, 2);
}

/* A leaf of 1G, too: its pageblocks come back one by one, without a table. */
static void large_leaves_become_absent_in_pageblocks(void **state)
{
	struct kspace *k = *state;
	size_t tables;

	kspace_map(k);
	tables = stats_of(k).tables;
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA, GIB / k->granule), 0);
	assert_int_equal(stats_of(k).tables, tables + k->has_1g);
	assert_int_equal(stats_of(k).splits[2], k->has_1g);
	assert_int_equal(stats_of(k).splits[1], 0);
	expect_pages(k, MEMORY_PA, GIB, false, 0);
	k->source.fail_all = true;
	assert_int_equal(pt_set_direct_map_default(k->dm, MEMORY_PA + k->block, k->pages_per_block),
			 0);
	k->source.fail_all = false;
	expect_pages(k, MEMORY_PA, k->block, false, 0);
	expect_pages(k, MEMORY_PA + k->block, k->block, true, 0);
}

static void count_stores(void *ctx, const struct pt_store *store)
{
	(void)store;
	++*(unsigned int *)ctx;
}

/* Not even what makes a contiguous block of entries. */
static void what_is_present_becomes_so_without_a_store(void **state)
{
	struct kspace *k = *state;
	unsigned int stores = 0;
	const struct pt_watch_ops watch = { .store = count_stores, .ctx = &stores };

	k->cfg.watch = &watch;
	kspace_map(k);
	assert_true(stores > 0);
	stores = 0;
	k->source.fail_all = true; /* nor with a table */
	assert_int_equal(pt_set_direct_map_valid(k->dm, MEMORY_PA + k->granule, 1, true), 0);
	assert_int_equal(pt_set_direct_map_valid(k->dm, MEMORY_PA, k->pages_per_block, true), 0);
	assert_int_equal(pt_set_direct_map_default(k->dm, MEMORY_PA + k->granule, 1), 0);
	assert_int_equal(stores, 0);
	k->source.fail_all = false;
	pt_direct_map_destroy(k->dm); /* before the watcher goes */
	k->dm = NULL;
}

/* Nor does what is absent take a table to become so again, in part. */
static void what_is_absent_becomes_so_without_a_table(void **state)
{
	struct kspace *k = *state;
	struct pt_extent some = blocks(k, 1, 1);

	kspace_map(k);
	assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_UNMAPPED), 0);
	k->source.fail_all = true;
	assert_int_equal(pt_set_direct_map_invalid(k->dm, some.pa + k->granule, 1), 0);
	k->source.fail_all = false;
	expect_pages(k, some.pa, some.len, false, 0);
}

/* Each pageblock that a range touches, and the flush of what is joined is over with the call. */
static void all_of_a_range_is_joined(void **state)
{
	struct kspace *k = *state;
	uint64_t nr = GIB / k->block + 1; /* in two leaves of 1G */
	size_t live;

	k->cfg.flags = PT_DIRECT_MAP_JOIN;
	kspace_map(k);
	live = k->source.nr_live;
	for (uint64_t i = 0; i < nr; i++)
		assert_int_equal(pt_set_direct_map_invalid(k->dm, blocks(k, i, 1).pa, 1), 0);
	assert_int_equal(pt_set_direct_map_default(k->dm, MEMORY_PA, nr * k->pages_per_block), 0);
	assert_int_equal(k->source.nr_live, live);
	assert_int_equal(level_of(k, MEMORY_PA), k->has_1g ? 2 : k->splits);
	flushed(k);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA, 1), 0);
	assert_int_equal(flushed(k).tables, 0);
}

/* Where 1G cannot be whole, pageblocks are one contiguous block again. */
static void a_contiguous_block_is_joined_below_a_leaf_that_is_not(void **state)
{
	struct kspace *k = *state;
	struct pt_leaf leaf;

	k->cfg.flags = PT_DIRECT_MAP_JOIN;
	kspace_map(k);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA + GIB - k->granule, 1), 0);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA + k->granule, 1), 0);
	assert_int_equal(pt_set_direct_map_default(k->dm, MEMORY_PA + k->granule, 1), 0);
	assert_int_equal(pt_lookup(pt_direct_map_pgtable(k->dm),
				   pt_direct_map_base(k->dm) + MEMORY_PA, &leaf),
			 0);
	assert_int_equal(leaf.level, 1);
	/* 16 of 2M; with 16K and 64K all of the block has to be there, which is 1G and more */
	assert_int_equal(leaf.contig_lg2, k->info.granule_lg2 == 12 ? 4 : 0);
}

/* Tables of joined leaves go back to their source, but for the four that stay in reserve. */
static void a_join_leaves_the_reserve_full(void **state)
{
	struct kspace *k = *state;
	size_t live;

	k->cfg.key = TEST_KEY;
	k->cfg.flags = PT_DIRECT_MAP_JOIN;
	kspace_map(k);
	live = k->source.nr_live;
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA, 1), 0);
		assert_int_equal(pt_set_direct_map_default(k->dm, MEMORY_PA, 1), 0);
		assert_int_equal(pt_direct_map_prepare(k->dm), 0);
		assert_int_equal(stats_of(k).reserve, 4);
		assert_int_equal(k->source.nr_live, live);
	}
	k->source.fail_all = true;
	assert_int_equal(pt_set_direct_map_default(k->dm, MEMORY_PA, 1), 0);
	assert_int_equal(stats_of(k).reserve, 4);
	k->source.fail_all = false;
}

/* PT_DIRECT_MAP_ATTR: the kernel's own, the same everywhere, with nothing for hardware to write. */
static void pages_have_the_attributes_of_the_kernels_own(void **state)
{
	const pt_attr_t attrs[] = { 0, PT_ATTR_READ | PT_ATTR_ACCESSED };
	struct kspace *k = *state;
	/* arm64 without DBM: what is writable is as good as dirty, and no bit says so */
	const pt_attr_t all = PT_ATTR_USER | PT_ATTR_EXEC |
			      (PT_DIRECT_MAP_ATTR & ~(k->x86 ? 0 : PT_ATTR_DIRTY));

	for (size_t i = 0; i < 2; i++) {
		pt_attr_t want = attrs[i] ? attrs[i] : PT_DIRECT_MAP_ATTR;
		struct pt_leaf leaf;

		k->cfg.attr = attrs[i];
		kspace_map(k);
		for (unsigned int turn = 0; turn < 2; turn++) {
			assert_int_equal(pt_lookup(pt_direct_map_pgtable(k->dm),
						   pt_direct_map_base(k->dm) + MEMORY_PA, &leaf),
					 0);
			assert_true((leaf.attr & all) == (want & all));
			assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA, 1), 0);
			assert_int_equal(pt_set_direct_map_default(k->dm, MEMORY_PA, 1), 0);
		}
		pt_direct_map_destroy(k->dm);
		k->dm = NULL;
	}
}

static void without_a_mermap_nothing_is_zeroed_or_settled(void **state)
{
	const struct pt_extent some = { MEMORY_PA, 4096 };
	const struct pt_freetype_ops *ops;
	struct kspace *k = *state;

	kspace_map(k);
	ops = pt_direct_map_freetype_ops(k->dm);
	assert_int_equal(ops->zero(ops->ctx, 0, &some, PT_FREETYPE_UNMAPPED), -EOPNOTSUPP);
	ops->settle(ops->ctx, &some);
	expect_no_flush(k);
}

static bool wants_bbm2(const struct kspace_config *config)
{
	return config->bbm == 2;
}

int main(void)
{
	static const struct kspace_test tests[] = {
		TEST(one_range_has_all_extents),
		TEST(refuses_bases_and_sources_that_are_none),
		TEST(a_number_of_pages_does_not_begin_again),
		TEST(what_is_joined_is_flushed_as_a_range_where_that_is_all_there_is),
		TEST(nothing_is_flushed_where_nothing_caches),
		TEST(large_leaves_become_absent_in_pageblocks),
		TEST(what_is_present_becomes_so_without_a_store),
		TEST(what_is_absent_becomes_so_without_a_table),
		TEST(all_of_a_range_is_joined),
		TEST_ON(a_contiguous_block_is_joined_below_a_leaf_that_is_not, wants_bbm2),
		TEST(pages_have_the_attributes_of_the_kernels_own),
		TEST(without_a_mermap_nothing_is_zeroed_or_settled),
		TEST_ON(keyed_pages_are_keyed_again_for_nothing, wants_keys),
		TEST_ON(a_join_leaves_the_reserve_full, wants_keys),
		TEST_ON(leaves_are_joined_inside_a_short_top_table, wants_bbm2),
		TEST_ON(valid_pages_keep_their_key, wants_keys),
		TEST_ON(keyed_pageblocks_stay_by_themselves, wants_keys),
	};

	return RUN_ON_ALL("direct_map_edges", tests);
}
