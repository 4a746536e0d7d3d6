/* SPDX-License-Identifier: MIT */
/* Test-and-clear of accessed and dirty, for leaves and blocks as a whole. */
#include "unit/fixture.h"

#define AD (PT_ATTR_ACCESSED | PT_ATTR_DIRTY)

static void ages_what_was_accessed_and_counts_it(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 0, 2, 0, RWX | PT_ATTR_ACCESSED);
	ref_observe(&f->ref, f->pt, false);
	do_age(f, 0, f->nr_pages);
	agree(f);
	do_age(f, 0, f->nr_pages);
	touch(f, 1, PT_ATTR_ACCESSED);
	do_age(f, 0, 1);
	agree(f);
	do_age(f, 0, 2);
	agree(f);
}

static void ageing_flushes_nothing(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 0, 2, 0, RWX | PT_ATTR_ACCESSED);
	ref_observe(&f->ref, f->pt, false);
	watcher_expect(&f->watcher, f->pt);
	do_age(f, 0, 2);
	for (size_t i = 0; i < f->watcher.nr_events; i++)
		assert_int_equal(f->watcher.event[i].kind, EVENT_STORE);
	agree(f);
}

static void ageing_leaves_dirty_alone_and_cleaning_accessed(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 0, 2, 0, RWX | AD);
	ref_observe(&f->ref, f->pt, false);
	do_age(f, 0, 1);
	do_clean(f, 1, 1);
	agree(f);
	do_clean(f, 0, 2);
	do_age(f, 0, 2);
	agree(f);
}

static void cleans_what_was_dirty_and_flushes_it(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 0, 2, 0, RWX | AD);
	ref_observe(&f->ref, f->pt, false);
	do_clean(f, 0, f->nr_pages); /* checks that a flush covers it */
	agree(f);
	touch(f, 1, AD);
	do_clean(f, 0, f->nr_pages);
	agree(f);
}

static void cleaning_what_is_clean_flushes_nothing(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 0, 2, 0, RWX | PT_ATTR_ACCESSED);
	ref_observe(&f->ref, f->pt, false);
	do_clean(f, 0, 2);
	for (size_t i = 0; i < f->watcher.nr_events; i++)
		assert_int_equal(f->watcher.event[i].kind, EVENT_STORE);
	agree(f);
}

/* The state between: stores would be recorded, none was. */
static void a_cleaned_page_is_still_writable(void **state)
{
	struct fixture *f = *state;
	struct pt_leaf leaf;

	do_map_small(f, 1, 1, 1, RWX | AD);
	ref_observe(&f->ref, f->pt, false);
	do_clean(f, 1, 1);
	assert_int_equal(pt_lookup(f->pt, page_va(f, 1), &leaf), 0);
	assert_int_equal(leaf.attr & (PT_ATTR_WRITE | PT_ATTR_DIRTY), PT_ATTR_WRITE);
	touch(f, 1, AD);
	assert_int_equal(pt_lookup(f->pt, page_va(f, 1), &leaf), 0);
	assert_int_equal(leaf.attr & AD, AD);
	agree(f);
}

static void formats_without_dirty_tracking_find_none(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { 0 };

	if (format_has_dirty(&f->fmt))
		skip();
	do_map_small(f, 0, 2, 0, RWX | AD);
	agree(f);
	assert_int_equal(pt_test_and_clear_dirty(f->pt, page_va(f, 0), 2 * f->granule, &change), 0);
	assert_int_equal(change.done, 0);
	agree(f);
}

/* A large leaf counts whole, also where it reaches outside the range. */
static void a_large_leaf_counts_as_a_whole(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map(f, n, n, n, RWX | AD);
	ref_observe(&f->ref, f->pt, false);
	do_age(f, n + 3, 1);
	do_clean(f, 2 * n - 1, 2);
	agree(f);
	assert_int_equal(leaf_level(f, n), 1); /* and was not split */
	touch(f, n, PT_ATTR_ACCESSED);
	do_age(f, 2 * n - 1, 1);
	agree(f);
}

/* The whole block is old only when all its entries are. */
static void a_block_counts_as_a_whole(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map(f, b, b, b, RWX);
	ref_observe(&f->ref, f->pt, false);
	for (size_t i = 0; i < b; i += b - 1) {
		touch(f, b + i, AD);
		do_age(f, 2 * b - 1 - i, 1);
		agree(f);
		do_clean(f, 2 * b - 1 - i, 1);
		agree(f);
	}
	assert_int_equal(span_lg2(f, b), lg2(f->block));
}

/* Blocks that stick out at both ends, and one inside, counted once each. */
static void blocks_at_both_ends_count_once(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map(f, b, 3 * b, b, RWX | AD);
	ref_observe(&f->ref, f->pt, false);
	do_age(f, 2 * b - 1, b + 2);
	agree(f);
	do_clean(f, 2 * b - 1, b + 2);
	agree(f);
}

static void ages_across_sizes_tables_and_holes(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), b = pages(f, f->block);

	do_map(f, n - b - 1, n + 2 * b + 2, n - b - 1, RWX | AD);
	do_map(f, 3 * n, 1, 3 * n, RX | PT_ATTR_ACCESSED);
	ref_observe(&f->ref, f->pt, false);
	do_age(f, 0, 4 * n);
	agree(f);
	do_clean(f, 0, 4 * n);
	agree(f);
	do_age(f, 0, 4 * n);
	agree(f);
}

static void ages_the_last_page_of_the_address_space(void **state)
{
	struct fixture *f = *state;
	pt_va_t va = f->info.last - (f->granule - 1);
	struct pt_change change = { 0 };

	assert_int_equal(pt_map(f->pt, va, page_pa(f, 0), f->granule, RX | PT_ATTR_ACCESSED, NULL),
			 0);
	assert_int_equal(pt_test_and_clear_accessed(f->pt, va, f->granule, &change), 0);
	assert_int_equal(change.done, f->granule);
	assert_int_equal(pt_test_and_clear_accessed(f->pt, va, f->granule, &change), 0);
	assert_int_equal(change.done, 0);
}

/* Also where pages with the same bits stand before it: a run of those ends where it begins. */
static void a_block_behind_pages_like_it_counts_as_a_whole(void **state)
{
	struct fixture *f = *state;
	size_t block = pages(f, f->block);
	struct pt_change change = { 0 };

	do_map_small(f, 0, block, 0, RWX | PT_ATTR_ACCESSED);
	do_map(f, block, block, block, RWX);
	assert_int_equal(span_lg2(f, block), lg2(f->block));
	assert_int_equal(pt_test_and_clear_accessed(f->pt, page_va(f, block), f->block, NULL), 0);
	touch(f, block, PT_ATTR_ACCESSED);
	assert_int_equal(pt_test_and_clear_accessed(f->pt, page_va(f, 0), 2 * f->block, &change),
			 0);
	assert_int_equal(change.done, 2 * f->block);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST(ages_what_was_accessed_and_counts_it),
		TEST(ageing_flushes_nothing),
		TEST(ageing_leaves_dirty_alone_and_cleaning_accessed),
		TEST(cleans_what_was_dirty_and_flushes_it),
		TEST(cleaning_what_is_clean_flushes_nothing),
		TEST_ON(a_cleaned_page_is_still_writable, NEEDS_DIRTY),
		TEST(formats_without_dirty_tracking_find_none),
		TEST_ON(a_large_leaf_counts_as_a_whole, NEEDS_2_LEVELS),
		TEST_ON(a_block_counts_as_a_whole, NEEDS_CONTIG),
		TEST_ON(a_block_behind_pages_like_it_counts_as_a_whole, NEEDS_CONTIG),
		TEST_ON(blocks_at_both_ends_count_once, NEEDS_CONTIG),
		TEST_ON(ages_across_sizes_tables_and_holes, NEEDS_2_LEVELS),
		TEST_ON(ages_the_last_page_of_the_address_space, NEEDS_ACCESSED),
	};

	return RUN_ON_ALL("age", tests);
}
