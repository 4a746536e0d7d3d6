/* SPDX-License-Identifier: MIT */
/* pt_split() and pt_collapse(): leaves change their size, translations never. */
#include "unit/fixture.h"

static void splits_a_leaf_into_pages(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map(f, n, n, n, RWX | PT_ATTR_ACCESSED | PT_ATTR_DIRTY);
	assert_int_equal(do_split(f, n, n, 0), f->leaf1);
	agree(f);
	assert_int_equal(leaf_level(f, n), 0);
	assert_int_equal(leaf_level(f, 2 * n - 1), 0);
}

/* All of a leaf that the range touches has to go: there are no halves. */
static void splits_what_the_range_only_touches(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map(f, n, 2 * n, n, RWX);
	do_split(f, 2 * n - 1, 1, 0);
	agree(f);
	assert_int_equal(leaf_level(f, n), 0);
	assert_int_equal(leaf_level(f, 2 * n), 1);
}

static void split_passes_over_holes_and_small_leaves(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_split(f, 0, f->nr_pages, 0), 0);
	do_map_small(f, 1, 1, 1, RWX);
	assert_int_equal(do_split(f, 0, f->nr_pages, 0), 0);
	agree(f);
}

static void splits_level_2_to_level_1_and_no_further(void **state)
{
	struct fixture *f = *state;
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[2];
	struct pt_change change = { 0 };
	struct pt_leaf leaf;

	assert_int_equal(pt_map(f->pt, f->base, f->pa, size, RWX, NULL), 0);
	assert_int_equal(pt_split(f->pt, f->base, size, 2, &change), 0);
	assert_int_equal(change.done, 0);
	assert_int_equal(pt_split(f->pt, f->base, size, 1, &change), 0);
	assert_int_equal(change.done, size);
	for (uint64_t at = 0; at < size; at += size / 16) {
		assert_int_equal(pt_lookup(f->pt, f->base + at, &leaf), 0);
		assert_int_equal(leaf.level, 1);
		assert_int_equal(leaf.pa, f->pa + at);
		assert_int_equal(leaf.attr, ref_attr(&f->fmt, RWX));
	}
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

/* Only what the range touches is split to the bottom; the rest as little as possible. */
static void splits_level_2_to_pages_where_asked(void **state)
{
	struct fixture *f = *state;
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[2];
	struct pt_change change = { 0 };
	struct pt_leaf leaf;

	assert_int_equal(pt_map(f->pt, f->base, f->pa, size, RWX, NULL), 0);
	assert_int_equal(pt_split(f->pt, f->base + size / 2, f->granule, 0, &change), 0);
	assert_int_equal(change.done, f->granule); /* once, though it took two steps */
	assert_int_equal(pt_lookup(f->pt, f->base + size / 2 + f->leaf1 - 1, &leaf), 0);
	assert_int_equal(leaf.level, 0);
	assert_int_equal(leaf.pa, f->pa + size / 2 + f->leaf1 - 1);
	assert_int_equal(pt_lookup(f->pt, f->base + size / 2 + f->leaf1, &leaf), 0);
	assert_int_equal(leaf.level, 1);
	assert_int_equal(leaf.pa, f->pa + size / 2 + f->leaf1);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

/* "Blocks of @level and below remain, unless they reach outside the range." */
static void split_unfolds_only_blocks_that_reach_outside(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map(f, 0, 4 * b, 0, RWX);
	do_split(f, b, 2 * b, 0);
	agree(f);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(span_lg2(f, i * b), lg2(f->block));
	do_split(f, b + 1, 2 * b - 1, 0);
	agree(f);
	assert_int_equal(span_lg2(f, b), f->info.granule_lg2);
	assert_int_equal(span_lg2(f, 2 * b), lg2(f->block));
	do_split(f, 2 * b, b + 1, 0);
	agree(f);
	assert_int_equal(span_lg2(f, 2 * b), lg2(f->block));
	assert_int_equal(span_lg2(f, 3 * b), f->info.granule_lg2);
}

static void splits_blocks_of_large_leaves(void **state)
{
	struct fixture *f = *state;
	uint64_t size = f->leaf1 << f->info.contig_lg2[1];
	struct pt_leaf leaf;

	assert_int_equal(pt_map(f->pt, f->base, f->pa, size, RWX, NULL), 0);
	assert_int_equal(pt_split(f->pt, f->base, size, 1, NULL), 0);
	assert_int_equal(pt_lookup(f->pt, f->base, &leaf), 0);
	assert_int_equal(leaf.contig_lg2, f->info.contig_lg2[1]); /* remains */
	assert_int_equal(pt_split(f->pt, f->base + f->leaf1, f->leaf1, 0, NULL), 0);
	assert_int_equal(pt_lookup(f->pt, f->base, &leaf), 0);
	assert_int_equal(leaf.level, 1);
	assert_int_equal(leaf.contig_lg2, 0);
	assert_int_equal(pt_lookup(f->pt, f->base + 2 * f->leaf1 - 1, &leaf), 0);
	assert_int_equal(leaf.level, 0);
	assert_int_equal(leaf.pa, f->pa + 2 * f->leaf1 - 1);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

static void collapses_pages_into_a_leaf(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), live;

	do_map_small(f, 0, 1, 0, RX);
	do_map_small(f, n, n, n, RWX);
	live = f->source.nr_live;
	assert_int_equal(do_collapse(f, n, n, 1, 0), f->leaf1);
	agree_after(f, true);
	assert_int_equal(leaf_level(f, n), 1);
	assert_int_equal(f->source.nr_live, live - 1);
	/* there and back again */
	do_split(f, n, n, 0);
	agree(f);
	do_collapse(f, 0, 4 * n, 1, 0);
	agree_after(f, true);
	assert_int_equal(leaf_level(f, 2 * n - 1), 1);
}

static void collapse_merges_accessed_and_dirty(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_leaf leaf;

	do_map_small(f, n, n, n, RWX);
	ref_observe(&f->ref, f->pt, false);
	touch(f, n + 7, PT_ATTR_ACCESSED | PT_ATTR_DIRTY);
	agree(f);
	do_collapse(f, n, n, 1, 0);
	agree_after(f, true);
	assert_int_equal(pt_lookup(f->pt, page_va(f, n), &leaf), 0);
	assert_int_equal(leaf.level, 1);
	assert_int_equal(leaf.attr, ref_attr(&f->fmt, RWX | PT_ATTR_ACCESSED | PT_ATTR_DIRTY));
}

/* One page with another attribute, output or none at all: the table stays. */
static void collapses_nothing_that_is_not_one_leaf(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), odd = n + n / 2;

	do_map_small(f, n, n, n, RWX);
	do_protect(f, odd, 1, PT_ATTR_SW(1), 0, 0);
	assert_int_equal(do_collapse(f, n, n, 1, PT_CHANGE_NO_CONTIG), 0);
	agree(f);
	do_unmap(f, odd, 1, 0);
	assert_int_equal(do_collapse(f, n, n, 1, PT_CHANGE_NO_CONTIG), 0);
	agree(f);
	do_map_small(f, odd, 1, 0, RWX);
	assert_int_equal(do_collapse(f, n, n, 1, PT_CHANGE_NO_CONTIG), 0);
	agree(f);
	do_unmap(f, odd, 1, 0);
	do_map_small(f, odd, 1, odd, RWX);
	assert_int_equal(do_collapse(f, n, n, 1, PT_CHANGE_NO_CONTIG), f->leaf1);
	agree_after(f, true);
}

static void collapses_nothing_that_is_not_aligned(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map_small(f, n, n, n + 1, RWX);
	assert_int_equal(do_collapse(f, n, n, 1, 0), 0);
	agree(f);
	assert_int_equal(span_lg2(f, n), f->info.granule_lg2);
}

/* "Only entries wholly inside the range change." */
static void collapses_nothing_that_reaches_outside(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map_small(f, n, 2 * n, n, RWX);
	assert_int_equal(do_collapse(f, n + 1, 2 * n - 2, 1, PT_CHANGE_NO_CONTIG), 0);
	agree(f);
	assert_int_equal(do_collapse(f, n + 1, 2 * n - 1, 1, PT_CHANGE_NO_CONTIG), f->leaf1);
	agree_after(f, true);
	assert_int_equal(leaf_level(f, n), 0);
	assert_int_equal(leaf_level(f, 2 * n), 1);
}

static void collapses_no_further_than_the_level(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map_small(f, n, n, n, RWX);
	assert_int_equal(do_collapse(f, n, n, 0, PT_CHANGE_NO_CONTIG), 0);
	agree(f);
	assert_int_equal(leaf_level(f, n), 0);
}

static void collapses_two_levels_at_once(void **state)
{
	struct fixture *f = *state;
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[2];
	struct pt_change change = { 0 };
	struct pt_leaf leaf;

	assert_int_equal(pt_map(f->pt, f->base, f->pa, size, RWX, NULL), 0);
	assert_int_equal(pt_split(f->pt, f->base + size / 2, f->leaf1, 0, NULL), 0);
	assert_int_equal(pt_collapse(f->pt, f->base, size, 2, &change), 0);
	assert_int_equal(change.done, size);
	assert_int_equal(pt_lookup(f->pt, f->base + size - 1, &leaf), 0);
	assert_int_equal(leaf.level, 2);
	assert_int_equal(leaf.pa, f->pa + size - 1);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_true(watcher_agrees(&f->watcher, f->pt));
	assert_int_equal(f->source.nr_live, f->info.nr_levels - 2);
}

static void collapse_folds_blocks(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map_small(f, 1, 3 * b, 1, RWX);
	assert_int_equal(do_collapse(f, 1, 3 * b, 0, PT_CHANGE_NO_CONTIG), 0);
	assert_int_equal(span_lg2(f, b), f->info.granule_lg2);
	assert_int_equal(do_collapse(f, 1, 3 * b, 0, 0), 2 * f->block);
	agree_after(f, true);
	assert_int_equal(span_lg2(f, 1), f->info.granule_lg2);
	assert_int_equal(span_lg2(f, b), lg2(f->block));
	assert_int_equal(span_lg2(f, 3 * b - 1), lg2(f->block));
	assert_int_equal(span_lg2(f, 3 * b), f->info.granule_lg2);
	/* nothing is left to do */
	assert_int_equal(do_collapse(f, 1, 3 * b, 0, 0), 0);
	agree(f);
}

static void fold_merges_accessed_and_dirty(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map_small(f, 0, b, 0, RWX);
	ref_observe(&f->ref, f->pt, false);
	touch(f, b - 1, PT_ATTR_ACCESSED | PT_ATTR_DIRTY);
	do_collapse(f, 0, b, 0, 0);
	agree_after(f, true);
	assert_int_equal(span_lg2(f, 0), lg2(f->block));
	do_clean(f, 0, 1);
	do_age(f, 0, 1);
	agree(f);
}

/* A CPU may note an access to any page of a block in any one of its entries. */
static void unfold_keeps_what_hardware_noted_in_one_entry(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map(f, 0, b, 0, RWX);
	ref_observe(&f->ref, f->pt, false);
	touch(f, 3, PT_ATTR_ACCESSED | PT_ATTR_DIRTY);
	do_protect(f, 0, 1, PT_ATTR_SW(1), 0, 0);
	assert_int_equal(span_lg2(f, 1), f->info.granule_lg2);
	agree(f);
}

/* A block of a table that becomes a leaf: nothing of it stays behind. */
static void collapses_blocks_into_a_leaf(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map_flags(f, n, n, page_pa(f, n), RWX, 0, lg2(f->block));
	ref_observe(&f->ref, f->pt, false);
	touch(f, n + 1, PT_ATTR_ACCESSED);
	assert_int_equal(do_collapse(f, n, n, 1, 0), f->leaf1);
	agree_after(f, true);
	assert_int_equal(leaf_level(f, n), 1);
	do_split(f, n, n, 0);
	agree(f);
}

static void collapse_folds_blocks_of_large_leaves(void **state)
{
	struct fixture *f = *state;
	uint64_t size = f->leaf1 << f->info.contig_lg2[1];
	struct pt_change change = { .flags = PT_CHANGE_NO_CONTIG };
	struct pt_leaf leaf;

	assert_int_equal(pt_map(f->pt, f->base, f->pa, size, RWX, &change), 0);
	assert_int_equal(pt_lookup(f->pt, f->base, &leaf), 0);
	assert_int_equal(leaf.level, 1);
	assert_int_equal(leaf.contig_lg2, 0);
	change.flags = 0;
	assert_int_equal(pt_collapse(f->pt, f->base, size, 1, &change), 0);
	assert_int_equal(change.done, size);
	assert_int_equal(pt_lookup(f->pt, f->base, &leaf), 0);
	assert_int_equal(leaf.contig_lg2, f->info.contig_lg2[1]);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

/* "Bytes of tables replaced by leaves, and of blocks folded." */
static void collapse_counts_tables_and_blocks(void **state)
{
	struct fixture *f = *state;
	uint64_t size = f->leaf1 << f->info.contig_lg2[1];
	struct pt_change change = { 0 };
	struct pt_leaf leaf;

	assert_int_equal(pt_map(f->pt, f->base, f->pa, size, RWX, NULL), 0);
	assert_int_equal(pt_split(f->pt, f->base, size, 0, NULL), 0);
	assert_int_equal(pt_collapse(f->pt, f->base, size, 1, &change), 0);
	assert_int_equal(pt_lookup(f->pt, f->base, &leaf), 0);
	assert_int_equal(leaf.level, 1);
	assert_int_equal(leaf.contig_lg2, f->info.contig_lg2[1]);
	assert_int_equal(change.done, size + size);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_int_equal(pt_collapse(f->pt, f->base, size, 1, &change), 0);
	assert_int_equal(change.done, 0);
}

static void refuses_a_level_that_is_not_there(void **state)
{
	struct fixture *f = *state;

	do_map(f, 1, 1, 1, RWX);
	assert_int_equal(pt_split(f->pt, page_va(f, 1), f->granule, PT_MAX_LEVELS, NULL), -EINVAL);
	assert_int_equal(pt_collapse(f->pt, page_va(f, 1), f->granule, PT_MAX_LEVELS, NULL),
			 -EINVAL);
	agree(f);
}

/* "Leaves of up to @level, ... then blocks of them." */
static void a_collapse_of_pages_folds_no_larger_leaves(void **state)
{
	struct fixture *f = *state;
	const uint64_t size = f->leaf1 << f->info.contig_lg2[1];
	struct pt_change change = { .flags = PT_CHANGE_NO_CONTIG };
	struct pt_leaf leaf;

	if (!f->info.contig_lg2[1] || f->info.entries_lg2[1] < f->info.contig_lg2[1] ||
	    size >> f->fmt.pa_bits)
		skip();
	assert_int_equal(pt_map(f->pt, f->info.first, 0, size, RWX, &change), 0);
	change.flags = 0;
	assert_int_equal(pt_collapse(f->pt, f->info.first, size, 0, &change), 0);
	assert_int_equal(change.done, 0);
	assert_int_equal(pt_lookup(f->pt, f->info.first, &leaf), 0);
	assert_int_equal(leaf.contig_lg2, 0);
	assert_int_equal(pt_collapse(f->pt, f->info.first, size, 1, &change), 0);
	assert_int_equal(change.done, size);
	assert_int_equal(pt_lookup(f->pt, f->info.first, &leaf), 0);
	assert_int_equal(leaf.contig_lg2, f->info.contig_lg2[1]);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(splits_a_leaf_into_pages, NEEDS_2_LEVELS),
		TEST_ON(splits_what_the_range_only_touches, NEEDS_2_LEVELS),
		TEST(split_passes_over_holes_and_small_leaves),
		TEST_ON(splits_level_2_to_level_1_and_no_further, NEEDS_LEVEL_2_LEAF),
		TEST_ON(splits_level_2_to_pages_where_asked, NEEDS_LEVEL_2_LEAF),
		TEST_ON(split_unfolds_only_blocks_that_reach_outside, NEEDS_CONTIG),
		TEST_ON(splits_blocks_of_large_leaves, NEEDS_CONTIG | NEEDS_3_LEVELS),
		TEST_ON(collapses_pages_into_a_leaf, NEEDS_2_LEVELS),
		TEST_ON(collapse_merges_accessed_and_dirty, NEEDS_2_LEVELS),
		TEST_ON(collapses_nothing_that_is_not_one_leaf, NEEDS_2_LEVELS),
		TEST_ON(collapses_nothing_that_is_not_aligned, NEEDS_2_LEVELS),
		TEST_ON(collapses_nothing_that_reaches_outside, NEEDS_2_LEVELS),
		TEST_ON(collapses_no_further_than_the_level, NEEDS_2_LEVELS),
		TEST_ON(collapses_two_levels_at_once, NEEDS_LEVEL_2_LEAF),
		TEST_ON(collapse_folds_blocks, NEEDS_CONTIG),
		TEST_ON(fold_merges_accessed_and_dirty, NEEDS_CONTIG),
		TEST_ON(unfold_keeps_what_hardware_noted_in_one_entry, NEEDS_CONTIG),
		TEST_ON(collapses_blocks_into_a_leaf, NEEDS_2_LEVELS),
		TEST_ON(collapse_folds_blocks_of_large_leaves, NEEDS_CONTIG | NEEDS_3_LEVELS),
		TEST_ON(collapse_counts_tables_and_blocks, NEEDS_CONTIG | NEEDS_3_LEVELS),
		TEST(refuses_a_level_that_is_not_there),
		TEST_ON(a_collapse_of_pages_folds_no_larger_leaves, NEEDS_CONTIG),
	};

	return RUN_ON_ALL("split_collapse", tests);
}
