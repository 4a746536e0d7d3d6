/* SPDX-License-Identifier: MIT */
/* pt_unmap(): what goes, what stays, and what comes back. */
#include "unit/fixture.h"

static void unmaps_one_page_of_many(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 0, 2, 0, RWX);
	do_unmap(f, 0, 1, 0);
	agree(f);
	assert_int_equal(leaf_level(f, 0), -1);
	assert_int_equal(leaf_level(f, 1), 0);
}

static void passes_over_holes(void **state)
{
	struct fixture *f = *state;

	do_unmap(f, 0, f->nr_pages, 0);
	agree(f);
	do_map_small(f, f->nr_pages - 1, 1, 0, RWX);
	do_unmap(f, 0, f->nr_pages, PT_CHANGE_FREE_TABLES);
	agree(f);
	do_unmap(f, 0, f->nr_pages, PT_CHANGE_FREE_TABLES);
	agree(f);
}

static void a_page_can_be_mapped_again(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 3; i++) {
		do_map(f, 1, 1, i, RWX);
		agree(f);
		do_unmap(f, 1, 1, i == 1 ? PT_CHANGE_FREE_TABLES : 0);
		agree(f);
	}
}

static void unmaps_a_whole_large_leaf(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	size_t live;

	do_map(f, n, n, n, RWX);
	live = f->source.nr_live;
	do_unmap(f, n, n, 0);
	agree(f);
	assert_int_equal(f->source.nr_live, live); /* nothing to split */
}

/* What is outside the range keeps its translation, in the largest leaves a split gives. */
static void splits_a_large_leaf_that_reaches_outside(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map(f, n, 2 * n, n, RWX | PT_ATTR_ACCESSED);
	do_unmap(f, 2 * n - 3, 7, 0);
	agree(f);
	assert_int_equal(leaf_level(f, n), 0);
	assert_int_equal(leaf_level(f, 2 * n - 3), -1);
	assert_int_equal(leaf_level(f, 2 * n + 3), -1);
	assert_int_equal(leaf_level(f, 2 * n + 4), 0);
}

static void splits_in_the_middle_of_one_large_leaf(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map(f, n, n, n, RWX);
	do_unmap(f, n + n / 2, 1, 0);
	agree(f);
}

static void splits_a_level_2_leaf_down_to_pages(void **state)
{
	struct fixture *f = *state;
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[2];
	struct pt_change change = { 0 };
	pt_va_t hole = f->base + size / 2 + 5 * f->granule;
	struct pt_leaf leaf;

	assert_int_equal(pt_map(f->pt, f->base, f->pa, size, RWX, NULL), 0);
	assert_int_equal(pt_unmap(f->pt, hole, f->granule, &change), 0);
	assert_int_equal(change.done, f->granule);
	assert_int_equal(pt_lookup(f->pt, hole, &leaf), -ENOENT);
	assert_int_equal(pt_lookup(f->pt, hole - 1, &leaf), 0);
	assert_int_equal(leaf.level, 0);
	assert_int_equal(leaf.pa, f->pa + (hole - 1 - f->base));
	assert_int_equal(pt_lookup(f->pt, f->base, &leaf), 0);
	assert_int_equal(leaf.level, 1);
	assert_int_equal(leaf.pa, f->pa);
	assert_int_equal(pt_lookup(f->pt, f->base + size - 1, &leaf), 0);
	assert_int_equal(leaf.level, 1);
	assert_int_equal(leaf.pa, f->pa + size - 1);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

static void unfolds_a_block_that_reaches_outside(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map(f, 0, 3 * b, 0, RWX);
	do_unmap(f, b - 1, 2, 0);
	agree(f);
	assert_int_equal(span_lg2(f, 0), f->info.granule_lg2);
	assert_int_equal(span_lg2(f, b + 1), f->info.granule_lg2);
	assert_int_equal(span_lg2(f, 2 * b), lg2(f->block));
}

static void unmaps_a_whole_block_at_once(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map(f, 0, 3 * b, 0, RWX);
	do_unmap(f, b, b, 0);
	agree(f);
	assert_int_equal(span_lg2(f, 0), lg2(f->block));
	assert_int_equal(span_lg2(f, 2 * b), lg2(f->block));
}

static void splits_blocks_of_large_leaves(void **state)
{
	struct fixture *f = *state;
	uint64_t size = f->leaf1 << f->info.contig_lg2[1];
	struct pt_leaf leaf;

	assert_int_equal(pt_map(f->pt, f->base, f->pa, size, RWX, NULL), 0);
	assert_int_equal(pt_unmap(f->pt, f->base + f->leaf1, f->granule, NULL), 0);
	assert_int_equal(pt_lookup(f->pt, f->base, &leaf), 0);
	assert_int_equal(leaf.level, 1);
	assert_int_equal(leaf.contig_lg2, 0);
	assert_int_equal(pt_lookup(f->pt, f->base + f->leaf1 + f->granule, &leaf), 0);
	assert_int_equal(leaf.level, 0);
	assert_int_equal(leaf.pa, f->pa + f->leaf1 + f->granule);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

static void keeps_empty_tables_unless_told(void **state)
{
	struct fixture *f = *state;
	size_t live;

	do_map_small(f, 0, f->nr_pages, 0, RWX);
	live = f->source.nr_live;
	do_unmap(f, 0, f->nr_pages, 0);
	assert_int_equal(f->source.nr_live, live);
	do_map_small(f, 0, f->nr_pages, 0, RWX);
	assert_int_equal(f->source.nr_live, live);
	agree(f);
}

static void frees_every_empty_table_when_told(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 0, f->nr_pages, 0, RWX);
	do_unmap(f, 0, f->nr_pages, PT_CHANGE_FREE_TABLES);
	agree(f);
	assert_int_equal(f->source.nr_live, 1); /* the root */
}

/* A table that has one entry left outside the range is not empty. */
static void keeps_a_table_that_is_used_elsewhere(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), live;

	do_map_small(f, 0, 3 * n, 0, RWX);
	live = f->source.nr_live;
	do_unmap(f, 1, 3 * n - 2, PT_CHANGE_FREE_TABLES);
	agree(f);
	assert_int_equal(f->source.nr_live, live - 1); /* the middle one */
	do_unmap(f, 0, 1, PT_CHANGE_FREE_TABLES);
	agree(f);
	assert_int_equal(f->source.nr_live, live - 2);
	do_unmap(f, 3 * n - 1, 1, PT_CHANGE_FREE_TABLES);
	agree(f);
	assert_int_equal(f->source.nr_live, 1);
}

/* Tables that were empty before the call, too, where the range covers all they map. */
static void frees_tables_that_were_empty_already(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map_small(f, n, n, 0, RWX);
	do_unmap(f, n, n, 0);
	do_unmap(f, n, n, PT_CHANGE_FREE_TABLES);
	agree(f);
	assert_int_equal(f->source.nr_live, 1);
}

/* Non-present words are the caller's; unmap empties them and does not count them. */
static void empties_software_entries(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { 0 };

	do_map_small(f, 0, 2, 0, RWX);
	write_word(f, word_pa(f, page_va(f, 1)), 0x1234000);
	f->ref.page[1] = (struct ref_page){ .kind = REF_SOFT, .raw = 0x1234000 };
	agree(f);
	assert_int_equal(pt_unmap(f->pt, page_va(f, 0), 2 * f->granule, &change), 0);
	assert_int_equal(change.done, f->granule);
	ref_unmap(&f->ref, 0, 2);
	agree(f);
}

static void stops_at_an_illegal_word_and_says_how_far_it_got(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { 0 };
	/* arm64: 01 in a table of pages; EPT: a memory type; x86-64: an address beyond the width */
	uint64_t illegal = raw_reserved(&f->fmt, 0);
	pt_pa_t pa;

	if (!illegal)
		illegal = raw_beyond(&f->fmt, 0);
	if (!illegal)
		skip(); /* no page table entry is illegal there */
	do_map_small(f, 0, 2, 0, RWX);
	pa = word_pa(f, page_va(f, 1));
	write_word(f, pa, illegal);
	assert_int_equal(pt_unmap(f->pt, page_va(f, 0), 2 * f->granule, &change), -EFAULT);
	assert_int_equal(change.bad_va, page_va(f, 1));
	assert_int_equal(read_word(f, pa), illegal);
	/* all of what is gone, and nothing else */
	assert_int_equal(change.done, leaf_level(f, 0) == -1 ? f->granule : 0);
	write_word(f, pa, 0);
}

/* One above the level of pages cannot be split: it goes whole, or not at all. */
static void a_large_software_entry_goes_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { 0 };
	size_t n = pages(f, f->leaf1);
	pt_pa_t pa;

	do_map_small(f, n - 1, 1, 0, RWX);
	do_map_flags(f, n, n, page_pa(f, n), RWX, PT_CHANGE_NO_CONTIG, 0);
	pa = word_pa(f, page_va(f, n));
	write_word(f, pa, RAW_SOFT);
	assert_int_equal(pt_unmap(f->pt, page_va(f, n), f->granule, &change), -EFAULT);
	assert_int_equal(change.bad_va, page_va(f, n));
	assert_int_equal(pt_unmap(f->pt, page_va(f, n + 1), f->leaf1, &change), -EFAULT);
	assert_int_equal(change.done, 0);
	assert_int_equal(read_word(f, pa), RAW_SOFT);
	/* and what is before it is gone by then */
	assert_int_equal(pt_unmap(f->pt, page_va(f, n - 1), 2 * f->granule, &change), -EFAULT);
	assert_int_equal(change.bad_va, page_va(f, n));
	assert_int_equal(change.done, leaf_level(f, n - 1) == -1 ? f->granule : 0);
	assert_int_equal(pt_unmap(f->pt, page_va(f, n), f->leaf1, &change), 0);
	assert_int_equal(change.done, 0);
	assert_int_equal(read_word(f, pa), 0);
}

static void unmaps_the_last_page_of_the_address_space(void **state)
{
	struct fixture *f = *state;
	pt_va_t va = f->info.last - (2 * f->granule - 1);
	struct pt_change change = { .flags = PT_CHANGE_FREE_TABLES };
	pt_pa_t pa;

	assert_int_equal(pt_map(f->pt, va, page_pa(f, 0), 2 * f->granule, RX, NULL), 0);
	assert_int_equal(pt_unmap(f->pt, va + f->granule, f->granule, &change), 0);
	assert_int_equal(change.done, f->granule);
	assert_int_equal(pt_translate(f->pt, f->info.last, &pa), -ENOENT);
	assert_int_equal(pt_translate(f->pt, va, &pa), 0);
	assert_int_equal(pt_unmap(f->pt, va, 2 * f->granule, &change), 0);
	assert_int_equal(change.done, f->granule);
	assert_int_equal(f->source.nr_live, 1);
}

/* Everything there is, in one call. */
static void unmaps_a_whole_half_of_the_address_space(void **state)
{
	struct fixture *f = *state;
	uint64_t len = fixture_has_gap(f) ? UINT64_C(1) << (f->fmt.va_bits - 1) :
					   f->info.last - f->info.first + 1;
	struct pt_change change = { .flags = PT_CHANGE_FREE_TABLES };

	do_map(f, 0, f->nr_pages, 1, RWX);
	assert_int_equal(pt_unmap(f->pt, f->info.first, len, &change), 0);
	assert_int_equal(change.done, ref_unmap(&f->ref, 0, f->nr_pages));
	agree(f);
	assert_int_equal(f->source.nr_live, 1);
}

/*
 * An ill-aligned hole in every phase to the blocks and leaves:
 *
 *	n-b      n        n+b         2n
 *	 |xxxxxxxx|xxxxxxxxx|xx...xxxx|
 *	      [first ........ last)
 */
static void unmaps_at_every_phase(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), b = pages(f, f->block);
	const size_t edge[] = { n - b, n - b + 1, n - 1,     n,	     n + 1,
				n + b, n + b + 1, 2 * n - 1, 2 * n - b };

	for (size_t i = 0; i < sizeof(edge) / sizeof(edge[0]); i++)
		for (size_t j = 0; j < sizeof(edge) / sizeof(edge[0]); j++) {
			if (edge[i] >= edge[j])
				continue;
			do_map(f, n - b, n + b, n - b, RWX);
			ref_observe(&f->ref, f->pt, false);
			do_unmap(f, edge[i], edge[j] - edge[i], j & 1 ? PT_CHANGE_FREE_TABLES : 0);
			agree(f);
			do_unmap(f, 0, 3 * n, PT_CHANGE_FREE_TABLES);
		}
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST(unmaps_one_page_of_many),
		TEST(passes_over_holes),
		TEST(a_page_can_be_mapped_again),
		TEST_ON(unmaps_a_whole_large_leaf, NEEDS_2_LEVELS),
		TEST_ON(splits_a_large_leaf_that_reaches_outside, NEEDS_2_LEVELS),
		TEST_ON(splits_in_the_middle_of_one_large_leaf, NEEDS_2_LEVELS),
		TEST_ON(splits_a_level_2_leaf_down_to_pages, NEEDS_LEVEL_2_LEAF),
		TEST_ON(unfolds_a_block_that_reaches_outside, NEEDS_CONTIG),
		TEST_ON(unmaps_a_whole_block_at_once, NEEDS_CONTIG),
		TEST_ON(splits_blocks_of_large_leaves, NEEDS_CONTIG | NEEDS_3_LEVELS),
		TEST(keeps_empty_tables_unless_told),
		TEST(frees_every_empty_table_when_told),
		TEST_ON(keeps_a_table_that_is_used_elsewhere, NEEDS_2_LEVELS),
		TEST_ON(frees_tables_that_were_empty_already, NEEDS_2_LEVELS),
		TEST(empties_software_entries),
		TEST_ON(a_large_software_entry_goes_whole_or_not_at_all, NEEDS_2_LEVELS),
		TEST(stops_at_an_illegal_word_and_says_how_far_it_got),
		TEST(unmaps_the_last_page_of_the_address_space),
		TEST(unmaps_a_whole_half_of_the_address_space),
		TEST_ON(unmaps_at_every_phase, NEEDS_2_LEVELS),
	};

	return RUN_ON_ALL("unmap", tests);
}
