/* SPDX-License-Identifier: MIT */
/* The direct map by itself: what is mapped how, what is split, flushed and joined. */
#include "kspace/kspace.h"

static void maps_every_frame_with_the_largest_leaves(void **state)
{
	struct kspace *k = *state;
	uint64_t tables_len = NR_TABLE_PAGES * k->granule;

	kspace_map(k);
	expect_pages(k, MEMORY_PA, 4 * MIB, true, 0);
	expect_pages(k, MEMORY_PA + MEMORY_LEN - 4 * MIB, 4 * MIB, true, 0);
	expect_pages(k, TABLES_PA, tables_len, true, 0);
	assert_false(pt_kernel_page_present(k->dm, MEMORY_PA - k->granule));
	assert_false(pt_kernel_page_present(k->dm, MEMORY_PA + MEMORY_LEN));
	assert_false(pt_kernel_page_present(k->dm, TABLES_PA + tables_len));
	assert_int_equal(level_of(k, MEMORY_PA), k->has_1g ? 2 : k->splits);
	assert_int_equal(pt_verify(pt_direct_map_pgtable(k->dm), NULL, NULL), 0);
	expect_no_flush(k);
	assert_int_equal(stats_of(k).tables, k->source.nr_live);
}

static void stands_where_linux_has_it(void **state)
{
	struct kspace *k = *state;
	pt_va_t base;

	kspace_map(k);
	base = pt_direct_map_base(k->dm);
	if (k->x86)
		assert_true(base == (k->fmt.va_bits == 48 ? UINT64_C(0xffff888000000000) :
							    UINT64_C(0xff11000000000000)));
	else
		assert_true(base == -(UINT64_C(1) << k->fmt.va_bits));
}

/*
 * x86, one page: the 1G leaf is split, everything flushed; the 2M leaf is split,
 * everything flushed; then a range of one page. Its neighbour: one page and no more.
 */
static void x86_page_at_a_time_flushes_each_page_and_each_split(void **state)
{
	struct kspace *k = *state;
	struct pt_direct_map_stats stats;
	struct pt_flush_counts f;

	kspace_map(k);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA, 1), 0);
	f = flushed(k);
	assert_int_equal(f.full, 2);
	assert_int_equal(f.ranged, 1);
	assert_int_equal(f.page_ops, 1);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA + k->granule, 1), 0);
	f = flushed(k);
	assert_int_equal(f.full, 0);
	assert_int_equal(f.ranged, 1);
	assert_int_equal(f.page_ops, 1);
	/* the next 2M: one split; all its pages */
	for (uint64_t i = 0; i < 512; i++)
		assert_int_equal(pt_set_direct_map_invalid(
					 k->dm, MEMORY_PA + k->block + i * k->granule, 1),
				 0);
	f = flushed(k);
	assert_int_equal(f.full, 1);
	assert_int_equal(f.ranged, 512);
	assert_int_equal(f.page_ops, 512);
	expect_pages(k, MEMORY_PA, 2 * k->granule, false, 0);
	expect_pages(k, MEMORY_PA + 2 * k->granule, k->block - 2 * k->granule, true, 0);
	expect_pages(k, MEMORY_PA + k->block, k->block, false, 0);
	stats = stats_of(k);
	assert_int_equal(stats.splits[2], 1);
	assert_int_equal(stats.splits[1], 2);
	assert_int_equal(stats.absent, 514);
	/* mapping again flushes nothing */
	assert_int_equal(pt_set_direct_map_default(k->dm, MEMORY_PA, 1), 0);
	assert_int_equal(pt_set_direct_map_valid(k->dm, MEMORY_PA, k->pages_per_block * 2, true),
			 0);
	expect_no_flush(k);
	expect_pages(k, MEMORY_PA, 2 * k->block, true, 0);
}

/* x86: 512 pages are over the ceiling, so one full flush, and one for the split of the 1G leaf. */
static void x86_a_pageblock_is_one_global_flush_and_one_per_split(void **state)
{
	struct kspace *k = *state;
	struct pt_extent some = blocks(k, 0, 1);
	struct pt_flush_counts f;

	kspace_map(k);
	assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_UNMAPPED), 0);
	f = flushed(k);
	assert_int_equal(f.full, 2);
	assert_int_equal(f.ranged, 0);
	assert_int_equal(f.pages, 512);
	for (uint64_t i = 1; i < 512; i++) {
		some = blocks(k, i, 1);
		assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_UNMAPPED), 0);
		f = flushed(k);
		assert_int_equal(f.full, 1);
		assert_int_equal(f.requests, 1);
	}
	assert_int_equal(stats_of(k).splits[2], 1);
	assert_int_equal(stats_of(k).splits[1], 0);
	expect_pages(k, MEMORY_PA, GIB, false, 0);
	for (uint64_t i = 0; i < 512; i++) {
		some = blocks(k, i, 1);
		assert_int_equal(convert(k, &some, 1, PT_FREETYPE_UNMAPPED, 0), 0);
	}
	expect_no_flush(k);
	expect_pages(k, MEMORY_PA, GIB, true, 0);
	assert_int_equal(level_of(k, MEMORY_PA), 1);
}

/* In both 1G leaves: a flush for each split, one for all pageblocks. */
static void x86_several_pageblocks_are_one_flush(void **state)
{
	struct kspace *k = *state;
	struct pt_extent some[4];
	struct pt_flush_counts f;

	for (uint64_t i = 0; i < 4; i++)
		some[i] = blocks(k, 7 + 300 * i, 1);
	kspace_map(k);
	assert_int_equal(convert(k, some, 4, 0, PT_FREETYPE_UNMAPPED), 0);
	f = flushed(k);
	assert_int_equal(f.full, 2 + 1);
	assert_int_equal(f.requests, 3);
	for (size_t i = 0; i < 4; i++)
		expect_pages(k, some[i].pa, some[i].len, false, 0);
	assert_int_equal(convert(k, some, 4, PT_FREETYPE_UNMAPPED, 0), 0);
	expect_no_flush(k);
	for (size_t i = 0; i < 4; i++)
		expect_pages(k, some[i].pa, some[i].len, true, 0);
}

/* One range operation covers 512, 2048 and 8192 pages; without them each is a full flush. */
static void arm64_a_pageblock_is_one_range_or_one_full_flush(void **state)
{
	struct kspace *k = *state;
	bool range = k->config->policy == PT_FLUSH_ARM64_RANGE;
	struct pt_flush_counts f;

	kspace_map(k);
	for (uint64_t i = 0; i < 3; i++) {
		struct pt_extent some = blocks(k, i, 1);

		assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_UNMAPPED), 0);
		f = flushed(k);
		assert_int_equal(f.requests, 1);
		assert_int_equal(f.pages, k->pages_per_block);
		assert_int_equal(f.range_ops, range);
		assert_int_equal(f.full, !range);
		assert_int_equal(f.page_ops, 0);
		expect_pages(k, some.pa, some.len, false, 0);
		assert_int_equal(convert(k, &some, 1, PT_FREETYPE_UNMAPPED, 0), 0);
		expect_no_flush(k);
		expect_pages(k, some.pa, some.len, true, 0);
	}
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA, 1), 0);
	f = flushed(k);
	assert_int_equal(f.requests, 1);
	assert_int_equal(f.page_ops, 1);
	for (unsigned int level = 0; level < PT_MAX_LEVELS; level++)
		assert_true(k->splits || !stats_of(k).splits[level]);
}

static void refuses_what_is_no_memory(void **state)
{
	struct kspace *k = *state;

	kspace_map(k);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA + 1, 1), -EINVAL);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA, 0), -EINVAL);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, 0, 1), -ERANGE);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA + MEMORY_LEN - k->granule, 2),
			 -ERANGE);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA, UINT64_MAX), -ERANGE);
	assert_int_equal(pt_set_direct_map_valid(k->dm, 0, 1, true), -ERANGE);
	expect_no_flush(k);
}

static void is_idempotent(void **state)
{
	struct kspace *k = *state;

	kspace_map(k);
	for (int turn = 0; turn < 2; turn++) {
		assert_int_equal(pt_set_direct_map_valid(k->dm, MEMORY_PA, 3, false), 0);
		expect_pages(k, MEMORY_PA, 3 * k->granule, false, 0);
	}
	for (int turn = 0; turn < 2; turn++) {
		assert_int_equal(pt_set_direct_map_default(k->dm, MEMORY_PA + k->granule, 5), 0);
		expect_pages(k, MEMORY_PA, k->granule, false, 0);
		expect_pages(k, MEMORY_PA + k->granule, 8 * k->granule, true, 0);
	}
	assert_int_equal(pt_set_direct_map_valid(k->dm, MEMORY_PA, 1, true), 0);
	assert_int_equal(pt_verify(pt_direct_map_pgtable(k->dm), NULL, NULL), 0);
}

static void noflush_leaves_out_the_range_alone(void **state)
{
	struct kspace *k = *state;

	kspace_map(k);
	assert_int_equal(pt_set_direct_map_invalid_noflush(k->dm, MEMORY_PA, 1), 0);
	assert_int_equal(flushed(k).requests, k->x86 ? 2 : 0);
	assert_int_equal(pt_set_direct_map_valid_noflush(k->dm, MEMORY_PA + k->granule, 1, false),
			 0);
	expect_no_flush(k);
	expect_pages(k, MEMORY_PA, 2 * k->granule, false, 0);
	assert_int_equal(pt_set_direct_map_default_noflush(k->dm, MEMORY_PA, 1), 0);
	assert_int_equal(pt_set_direct_map_valid_noflush(k->dm, MEMORY_PA + k->granule, 1, true),
			 0);
	expect_no_flush(k);
	expect_pages(k, MEMORY_PA, 2 * k->granule, true, 0);
}

/* A page of a pageblock that became absent whole comes back alone: that takes a table. */
static void a_page_of_an_absent_pageblock_comes_back(void **state)
{
	struct kspace *k = *state;
	struct pt_extent some = blocks(k, 1, 1);
	size_t tables;

	kspace_map(k);
	assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_UNMAPPED), 0);
	tables = stats_of(k).tables;
	k->source.fail_all = true;
	if (k->splits)
		assert_int_equal(pt_set_direct_map_default(k->dm, some.pa + k->granule, 1),
				 -ENOMEM);
	k->source.fail_all = false;
	expect_pages(k, some.pa, some.len, false, 0);
	assert_int_equal(pt_set_direct_map_default(k->dm, some.pa + k->granule, 1), 0);
	assert_int_equal(stats_of(k).tables, tables + k->splits);
	expect_pages(k, some.pa, k->granule, false, 0);
	expect_pages(k, some.pa + k->granule, k->granule, true, 0);
	expect_pages(k, some.pa + 2 * k->granule, some.len - 2 * k->granule, false, 0);
	/* and whole again, absent and present, without any */
	k->source.fail_all = true;
	assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_UNMAPPED), 0);
	expect_pages(k, some.pa, some.len, false, 0);
	assert_int_equal(convert(k, &some, 1, PT_FREETYPE_UNMAPPED, 0), 0);
	expect_pages(k, some.pa, some.len, true, 0);
	k->source.fail_all = false;
}

/* Where every page is mapped, and by which words. */
static uint64_t *snapshot(struct kspace *k, size_t *nr)
{
	struct pt_pgtable *pt = pt_direct_map_pgtable(k->dm);
	struct pt_range_walk walk;
	uint64_t *words = NULL;
	size_t room = 0;

	*nr = 0;
	for (enum pt_range_walk_type type = pt_range_walk_start(&walk, pt, 0, UINT64_MAX,
								PT_TYPE_PFN, PT_WALK_EACH);
	     type != PTW_DONE; type = pt_range_walk_next(&walk)) {
		if (type != PTW_PFN)
			continue;
		if (*nr + 2 > room) {
			room = room ? 2 * room : 1024;
			words = realloc(words, room * sizeof(*words));
			assert_non_null(words);
		}
		words[(*nr)++] = walk.va;
		words[(*nr)++] = walk.raw;
	}
	assert_int_equal(pt_range_walk_done(&walk), 0);
	return words;
}

/* Parts of three pageblocks, two of them under one 1G leaf: each part takes tables. */
static void a_failing_allocation_leaves_everything_as_it_was(void **state)
{
	struct kspace *k = *state;
	struct pt_extent some[3];
	uint64_t *before, *after;
	size_t nr_before, nr_after, live, fail;
	int err = -ENOMEM;

	kspace_map(k);
	some[0] = blocks(k, 0, 1);
	some[0].pa += k->granule;
	some[0].len = k->granule;
	some[1] = some[0];
	some[1].pa += k->block;
	some[2] = some[0];
	some[2].pa = MEMORY_PA + MEMORY_LEN - 2 * k->granule;
	before = snapshot(k, &nr_before);
	live = k->source.nr_live;
	for (fail = 1; err; fail++) {
		k->source.nr_allocs = 0;
		k->source.fail_at = fail;
		err = convert(k, some, 3, 0, PT_FREETYPE_UNMAPPED);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		after = snapshot(k, &nr_after);
		assert_int_equal(nr_after, nr_before);
		assert_memory_equal(after, before, nr_before * sizeof(*before));
		free(after);
		assert_int_equal(k->source.nr_live, live);
		assert_int_equal(stats_of(k).tables, live);
		assert_int_equal(stats_of(k).reserve, 0);
		expect_no_flush(k);
	}
	k->source.fail_at = 0;
	free(before);
	if (!k->splits)
		assert_int_equal(fail, 1);
	else /* two of 1G and three of 2M; three of 32M or 512M */
		assert_int_equal(fail, 1 + (k->has_1g ? 5 : 3));
	for (size_t i = 0; i < 3; i++)
		expect_pages(k, some[i].pa, some[i].len, false, 0);
}

static void joined_leaves_give_their_tables_back(void **state)
{
	struct kspace *k = *state;
	struct pt_direct_map_stats stats;
	uint64_t *before, *after;
	size_t nr_before, nr_after, live;
	struct pt_flush_counts f;

	k->cfg.flags = PT_DIRECT_MAP_JOIN;
	kspace_map(k);
	before = snapshot(k, &nr_before);
	live = k->source.nr_live;
	for (uint64_t i = 0; i < 3; i++) {
		struct pt_extent some = blocks(k, i, 1);

		assert_int_equal(pt_set_direct_map_invalid(k->dm, some.pa + 3 * k->granule, 2), 0);
		assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_UNMAPPED), 0);
	}
	assert_int_equal(k->source.nr_live > live, k->splits);
	flushed(k);
	for (uint64_t i = 0; i < 3; i++) {
		struct pt_extent some = blocks(k, i, 1);

		assert_int_equal(convert(k, &some, 1, PT_FREETYPE_UNMAPPED, 0), 0);
	}
	f = flushed(k);
	stats = stats_of(k);
	if (!k->splits)
		assert_int_equal(f.requests, 0);
	else
		assert_true(f.tables > 0);
	assert_int_equal(k->source.nr_live, live);
	assert_int_equal(stats.tables, live);
	for (unsigned int level = 0; level < PT_MAX_LEVELS; level++)
		assert_int_equal(stats.splits[level], stats.joins[level]);
	after = snapshot(k, &nr_after);
	assert_int_equal(nr_after, nr_before);
	assert_memory_equal(after, before, nr_before * sizeof(*before));
	free(before);
	free(after);
	assert_int_equal(pt_verify(pt_direct_map_pgtable(k->dm), NULL, NULL), 0);
}

static void count_store(void *ctx, const struct pt_store *store)
{
	uint64_t *stores = ctx;

	assert_true(store->old != store->new_ || store->new_ == 0);
	++*stores;
}

static void a_watched_map_does_the_same(void **state)
{
	struct kspace *k = *state;
	struct pt_extent some = blocks(k, 1, 1);
	uint64_t *before, *after, stores = 0;
	const struct pt_watch_ops watch = { .store = count_store, .ctx = &stores };
	size_t nr_before, nr_after, live;

	k->cfg.flags = PT_DIRECT_MAP_JOIN;
	k->cfg.watch = &watch;
	kspace_map(k);
	assert_true(stores > 0);
	before = snapshot(k, &nr_before);
	live = k->source.nr_live;
	stores = 0;
	assert_int_equal(pt_set_direct_map_invalid(k->dm, some.pa + k->granule, 1), 0);
	assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_UNMAPPED), 0);
	assert_true(stores > 0);
	expect_pages(k, some.pa, some.len, false, 0);
	assert_int_equal(convert(k, &some, 1, PT_FREETYPE_UNMAPPED, 0), 0);
	after = snapshot(k, &nr_after);
	assert_int_equal(nr_after, nr_before);
	assert_memory_equal(after, before, nr_before * sizeof(*before));
	assert_int_equal(k->source.nr_live, live);
	free(before);
	free(after);
	pt_direct_map_destroy(k->dm); /* before the watcher goes */
	k->dm = NULL;
}

static void keyed_pages_have_the_key(void **state)
{
	struct kspace *k = *state;
	struct pt_extent some = blocks(k, 2, 1);

	k->cfg.key = TEST_KEY;
	kspace_map(k);
	assert_int_equal(stats_of(k).reserve, 4);
	k->source.fail_all = true; /* nothing may be allocated for it */
	assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_KEYED), 0);
	expect_pages(k, some.pa, some.len, true, TEST_KEY);
	expect_pages(k, some.pa - k->block, k->block, true, 0);
	if (k->block < GIB / 4)
		expect_pages(k, some.pa + k->block, k->block, true, 0);
	assert_int_equal(flushed(k).requests, 1 + k->x86); /* x86: and the split of the 1G leaf */
	assert_int_equal(stats_of(k).reserve, 4 - k->has_1g);
	/* to absent, and back with the key; a key is lost without a flush on x86 only */
	assert_int_equal(convert(k, &some, 1, PT_FREETYPE_KEYED, PT_FREETYPE_UNMAPPED), 0);
	assert_int_equal(flushed(k).requests, 1);
	expect_pages(k, some.pa, some.len, false, 0);
	assert_int_equal(convert(k, &some, 1, PT_FREETYPE_UNMAPPED, PT_FREETYPE_KEYED), 0);
	expect_no_flush(k);
	expect_pages(k, some.pa, some.len, true, TEST_KEY);
	assert_int_equal(convert(k, &some, 1, PT_FREETYPE_KEYED, 0), 0);
	assert_int_equal(flushed(k).requests, !k->x86);
	expect_pages(k, some.pa, some.len, true, 0);
	/* what has none loses none */
	assert_int_equal(pt_set_direct_map_default(k->dm, some.pa, k->pages_per_block), 0);
	expect_no_flush(k);
	k->source.fail_all = false;
	assert_int_equal(pt_direct_map_prepare(k->dm), 0);
	assert_int_equal(stats_of(k).reserve, 4);
}

/* Two of the reserve are for filling it: other conversions find two, and then none. */
static void keyed_conversions_leave_two_tables(void **state)
{
	struct kspace *k = *state;
	struct pt_extent some[3];

	if (!k->has_1g)
		return;
	for (uint64_t i = 0; i < 2; i++)
		some[i] = blocks(k, 600 * i, 1);
	some[2] = (struct pt_extent){ TABLES_PA + k->granule, k->granule };
	k->cfg.key = TEST_KEY;
	kspace_map(k);
	for (uint64_t i = 0; i < 2; i++)
		assert_int_equal(convert(k, &some[i], 1, 0, PT_FREETYPE_KEYED), 0);
	assert_int_equal(stats_of(k).reserve, 2);
	k->source.fail_all = true;
	assert_int_equal(pt_direct_map_prepare(k->dm), -ENOMEM);
	/* what needs a table finds none that it may have */
	assert_int_equal(convert(k, &some[2], 1, 0, PT_FREETYPE_KEYED), -ENOMEM);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, TABLES_PA, 1), -ENOMEM);
	expect_pages(k, TABLES_PA, 4 * k->granule, true, 0);
	k->source.fail_all = false;
	assert_int_equal(convert(k, &some[2], 1, 0, PT_FREETYPE_KEYED), -ENOMEM);
	assert_int_equal(pt_direct_map_prepare(k->dm), 0);
	assert_int_equal(convert(k, &some[2], 1, 0, PT_FREETYPE_KEYED), 0);
	expect_pages(k, some[2].pa, some[2].len, true, TEST_KEY);
}

/* Pages without the key lose none: their leaves stay, and need no table. */
static void default_of_pages_without_the_key_changes_nothing(void **state)
{
	struct kspace *k = *state;
	struct pt_extent some = blocks(k, 1, 1);
	uint64_t *before, *after;
	size_t nr_before, nr_after;

	k->cfg.key = TEST_KEY;
	kspace_map(k);
	before = snapshot(k, &nr_before);
	k->source.fail_all = true;
	/* if each were split, that would be more than the reserve has tables, where so many fit */
	for (uint64_t i = 0; i < 8 && some.pa + (i + 2) * k->block <= MEMORY_PA + MEMORY_LEN; i++)
		assert_int_equal(pt_set_direct_map_default(k->dm,
							   some.pa + i * k->block + k->granule,
							   k->pages_per_block),
				 0);
	expect_no_flush(k);
	k->source.fail_all = false;
	assert_int_equal(stats_of(k).reserve, 4);
	after = snapshot(k, &nr_after);
	assert_int_equal(nr_after, nr_before);
	assert_memory_equal(after, before, nr_before * sizeof(*before));
	free(before);
	free(after);
}

/* One page of a pageblock that has the key: the block's leaf is split, counted and flushed. */
static void default_of_a_keyed_page_splits_its_block(void **state)
{
	struct kspace *k = *state;
	struct pt_extent some = blocks(k, 1, 1);
	struct pt_flush_counts f;

	k->cfg.key = TEST_KEY;
	kspace_map(k);
	assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_KEYED), 0);
	flushed(k);
	assert_int_equal(pt_set_direct_map_default(k->dm, some.pa + k->granule, 1), 0);
	f = flushed(k);
	expect_pages(k, some.pa, k->granule, true, TEST_KEY);
	expect_pages(k, some.pa + k->granule, k->granule, true, 0);
	expect_pages(k, some.pa + 2 * k->granule, some.len - 2 * k->granule, true, TEST_KEY);
	/* x86 flushes the split, arm64 the page */
	assert_int_equal(f.requests, 1);
	assert_int_equal(f.full, k->x86);
	assert_int_equal(stats_of(k).splits[1], k->splits);
	assert_int_equal(pt_verify(pt_direct_map_pgtable(k->dm), NULL, NULL), 0);
}

static void without_a_key_nothing_is_keyed(void **state)
{
	struct kspace *k = *state;
	struct pt_extent some = blocks(k, 0, 1);

	kspace_map(k);
	assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_KEYED), -EOPNOTSUPP);
	assert_int_equal(convert(k, &some, 1, 0, PT_FREETYPE_KEYED | PT_FREETYPE_UNMAPPED),
			 -EOPNOTSUPP);
	assert_int_equal(pt_direct_map_prepare(k->dm), 0);
	assert_int_equal(stats_of(k).reserve, 0);
	expect_pages(k, some.pa, some.len, true, 0);
	pt_direct_map_destroy(k->dm);
	k->dm = NULL;
	k->cfg.key = 1;
	k->cfg.fmt.features &= ~PT_FEAT_PKEYS;
	assert_int_equal(pt_direct_map_create(&k->dm, k->phys, &k->cfg), -EOPNOTSUPP);
}

static void a_zone_says_that_pages_cannot_be_keyed_without_a_key(void **state)
{
	struct kspace *k = *state;
	const struct pt_alloc keyed = { .type = pt_freetype(PT_MIGRATE_UNMOVABLE,
							    PT_FREETYPE_KEYED) };
	struct pt_zone_cache *cache;
	struct pt_zone *zone;
	struct pt_extent some;
	pt_pa_t pa;

	kspace_map(k);
	some = blocks(k, 0, 2);
	assert_int_equal(pt_zone_create(&zone, k->phys,
					&(struct pt_zone_cfg){ .ranges = &some, .nr_ranges = 1 }),
			 0);
	pt_zone_set_ops(zone, pt_direct_map_freetype_ops(k->dm));
	assert_int_equal(pt_zone_cache_create(&cache, zone, 0), 0);
	assert_int_equal(pt_alloc_pages(zone, NULL, &keyed, &pa), -EOPNOTSUPP);
	assert_int_equal(pt_alloc_pages(zone, cache, &keyed, &pa), -EOPNOTSUPP);
	assert_int_equal(pt_buddy_verify(zone, NULL, NULL), 0);
	pt_zone_cache_destroy(cache);
	assert_int_equal(pt_zone_destroy(zone), 0);
}

static pt_attr_t encrypted_at(struct kspace *k, pt_pa_t pa)
{
	struct pt_leaf leaf;

	assert_int_equal(pt_lookup(pt_direct_map_pgtable(k->dm), pt_direct_map_base(k->dm) + pa,
				   &leaf),
			 0);
	assert_int_equal(leaf.pa, pa);
	return leaf.attr & PT_ATTR_ENCRYPTED;
}

/* Split, absent and back, joined: with the C-bit or, if attributes are told, without. */
static void x86_with_a_c_bit_all_is_encrypted_unless_it_is_told(void **state)
{
	struct kspace *k = *state;

	k->cfg.fmt.pa_bits = k->cfg.fmt.c_bit = 47;
	k->cfg.flags = PT_DIRECT_MAP_JOIN;
	for (unsigned int told = 0; told < 2; told++) {
		const pt_attr_t want = told ? 0 : PT_ATTR_ENCRYPTED;

		k->cfg.attr = told ? PT_DIRECT_MAP_ATTR : 0;
		kspace_map(k);
		assert_int_equal(encrypted_at(k, MEMORY_PA), want);
		assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA + k->granule, 1), 0);
		assert_int_equal(encrypted_at(k, MEMORY_PA), want);
		assert_int_equal(pt_set_direct_map_default(k->dm, MEMORY_PA + k->granule, 1), 0);
		assert_int_equal(encrypted_at(k, MEMORY_PA + k->granule), want);
		assert_int_equal(pt_verify(pt_direct_map_pgtable(k->dm), NULL, NULL), 0);
		pt_direct_map_destroy(k->dm);
		k->dm = NULL;
	}
}

static void refuses_configurations_that_are_none(void **state)
{
	struct kspace *k = *state;
	struct pt_direct_map_cfg cfg = k->cfg;
	struct pt_direct_map *dm;
	struct pt_phys *phys;

	cfg.tables = (struct pt_table_ops){ 0 };
	assert_int_equal(pt_direct_map_create(&dm, k->phys, &cfg), -EINVAL);
	cfg = k->cfg;
	cfg.flags = 1u << 31;
	assert_int_equal(pt_direct_map_create(&dm, k->phys, &cfg), -EINVAL);
	cfg = k->cfg;
	cfg.key = 16;
	assert_int_equal(pt_direct_map_create(&dm, k->phys, &cfg), -EOPNOTSUPP);
	cfg = k->cfg;
	cfg.base = 1;
	assert_int_equal(pt_direct_map_create(&dm, k->phys, &cfg), -EINVAL);
	cfg = k->cfg;
	cfg.base = -(UINT64_C(1) << 31); /* memory does not fit behind it */
	assert_int_equal(pt_direct_map_create(&dm, k->phys, &cfg), -ERANGE);
	cfg = k->cfg;
	assert_int_equal(pt_fmt_cfg_init(&cfg.fmt, PT_FMT_X86_EPT), 0);
	assert_int_equal(pt_direct_map_create(&dm, k->phys, &cfg), -EOPNOTSUPP);
	if (k->granule > 4096) { /* frames smaller than pages */
		assert_int_equal(pt_phys_create_anon(&phys, MIB), 0);
		assert_int_equal(pt_direct_map_create(&dm, phys, &k->cfg), -EINVAL);
		pt_phys_destroy(phys);
	}
	assert_int_equal(k->source.nr_live, 0);
	for (k->source.fail_at = 1; k->source.fail_at < 4; k->source.fail_at++) {
		k->source.nr_allocs = 0;
		assert_int_equal(pt_direct_map_create(&dm, k->phys, &k->cfg), -ENOMEM);
		assert_int_equal(k->source.nr_live, 0);
	}
	k->source.fail_at = 0;
	pt_direct_map_destroy(NULL);
}

int main(void)
{
	static const struct kspace_test tests[] = {
		TEST(maps_every_frame_with_the_largest_leaves),
		TEST(stands_where_linux_has_it),
		TEST_ON(x86_page_at_a_time_flushes_each_page_and_each_split, wants_x86),
		TEST_ON(x86_a_pageblock_is_one_global_flush_and_one_per_split, wants_x86),
		TEST_ON(x86_several_pageblocks_are_one_flush, wants_x86),
		TEST_ON(arm64_a_pageblock_is_one_range_or_one_full_flush, wants_arm64),
		TEST(refuses_what_is_no_memory),
		TEST(is_idempotent),
		TEST(noflush_leaves_out_the_range_alone),
		TEST(a_page_of_an_absent_pageblock_comes_back),
		TEST(a_failing_allocation_leaves_everything_as_it_was),
		TEST(joined_leaves_give_their_tables_back),
		TEST(a_watched_map_does_the_same),
		TEST_ON(keyed_pages_have_the_key, wants_keys),
		TEST_ON(keyed_conversions_leave_two_tables, wants_keys),
		TEST_ON(default_of_pages_without_the_key_changes_nothing, wants_keys),
		TEST_ON(default_of_a_keyed_page_splits_its_block, wants_keys),
		TEST(without_a_key_nothing_is_keyed),
		TEST(a_zone_says_that_pages_cannot_be_keyed_without_a_key),
		TEST_ON(x86_with_a_c_bit_all_is_encrypted_unless_it_is_told, wants_x86),
		TEST(refuses_configurations_that_are_none),
	};

	return RUN_ON_ALL("direct_map", tests);
}
