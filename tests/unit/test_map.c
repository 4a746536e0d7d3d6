/* SPDX-License-Identifier: MIT */
/* pt_map(): where leaves go, how large they are, and what is refused. */
#include "unit/fixture.h"

static void maps_one_page(void **state)
{
	struct fixture *f = *state;
	struct pt_leaf leaf;

	do_map(f, 1, 1, 1, RWX);
	agree(f);
	assert_int_equal(pt_lookup(f->pt, page_va(f, 1) + 3, &leaf), 0);
	assert_int_equal(leaf.pa, page_pa(f, 1) + 3);
	assert_int_equal(leaf.attr, ref_attr(&f->fmt, RWX));
	assert_int_equal(leaf.level, 0);
	assert_int_equal(leaf.size_lg2, f->info.granule_lg2);
	assert_int_equal(leaf.contig_lg2, 0);
	assert_int_equal(pt_lookup(f->pt, page_va(f, 0), &leaf), -ENOENT);
}

static void maps_to_output_address_zero(void **state)
{
	struct fixture *f = *state;
	pt_pa_t pa = 99;

	do_map_flags(f, 1, 1, 0, RWX, 0, 0);
	agree(f);
	assert_int_equal(pt_translate(f->pt, page_va(f, 1), &pa), 0);
	assert_int_equal(pa, 0);
}

static void maps_the_last_page_of_the_output_range(void **state)
{
	struct fixture *f = *state;
	pt_pa_t end = UINT64_C(1) << f->fmt.pa_bits;
	struct pt_change change;

	do_map_flags(f, 0, 2, end - 2 * f->granule, RWX, 0, 0);
	agree(f);
	memset(&change, 0, sizeof(change));
	assert_int_equal(pt_unmap(f->pt, page_va(f, 0), 2 * f->granule, NULL), 0);
	ref_unmap(&f->ref, 0, 2);
	assert_int_equal(pt_map(f->pt, page_va(f, 0), end - f->granule, 2 * f->granule, RWX,
				&change),
			 -ERANGE);
	agree(f);
}

/* Each attribute alone and all values of each field: what goes in comes out, or is refused. */
static void keeps_every_attribute_it_can_express(void **state)
{
	struct fixture *f = *state;

	for (unsigned int bit = 1; bit < 26; bit++)
		for (unsigned int field = 0; field < 16; field++) {
			pt_attr_t attr = RX | (pt_attr_t)field << bit;

			do_map_flags(f, 1, 1, page_pa(f, 1), attr, 0, 0);
			assert_true(ref_check_va(&f->ref, f->pt, page_va(f, 1)));
			do_unmap(f, 1, 1, 0);
		}
	do_map_flags(f, 1, 1, page_pa(f, 1), PT_ATTR_READ, 0, 0);
	do_map_flags(f, 0, 1, page_pa(f, 1), PT_ATTR_EXEC, 0, 0);
	agree(f);
}

static void info_says_which_attributes_it_can_express(void **state)
{
	struct fixture *f = *state;

	for (unsigned int bit = 0; bit < 64; bit++) {
		pt_attr_t attr = RX | (pt_attr_t)1 << bit;
		int err = pt_map(f->pt, page_va(f, 1), page_pa(f, 1), f->granule, attr, NULL);

		if (!(f->info.attrs >> bit & 1))
			assert_int_equal(err, -EOPNOTSUPP);
		if (!err)
			assert_int_equal(pt_unmap(f->pt, page_va(f, 1), f->granule, NULL), 0);
	}
}

/* Before anything was mapped and after: with the table there, and with a mapping like it. */
static void values_that_are_no_attributes_are_refused(void **state)
{
	struct fixture *f = *state;
	static const pt_attr_t bad[] = { 0, UINT32_MAX, UINT64_MAX, UINT64_C(0xffffffff00000000),
					 RX | UINT64_C(1) << 32, RX | UINT64_C(1) << 63,
					 UINT64_C(7) << 32 };
	struct pt_pgtable *pt;

	do_map_small(f, 1, 1, 0, RX);
	for (unsigned int mapped = 0; mapped < 2; mapped++)
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			if (!ref_attr_error(&f->fmt, bad[i]))
				continue; /* arm64 stage 2 has leaves that allow nothing */
			assert_int_equal(pt_pgtable_create(&pt, f->phys, &f->cfg), 0);
			assert_int_equal(pt_map(pt, page_va(f, 1), f->pa, f->granule, RX, NULL), 0);
			if (!mapped)
				assert_int_equal(pt_unmap(pt, page_va(f, 1), f->granule, NULL), 0);
			assert_int_equal(pt_map(pt, page_va(f, 0), f->pa, f->granule, bad[i], NULL),
					 -EOPNOTSUPP);
			assert_int_equal(pt_translate(pt, page_va(f, 0), &(pt_pa_t){ 0 }), -ENOENT);
			pt_pgtable_destroy(pt);
			/* and as the first, where all tables are there */
			assert_int_equal(pt_pgtable_open(&pt, f->phys, &f->cfg,
							 pt_pgtable_root(f->pt)),
					 0);
			assert_int_equal(pt_map(pt, page_va(f, 0), f->pa, f->granule, bad[i], NULL),
					 -EOPNOTSUPP);
			assert_int_equal(pt_translate(pt, page_va(f, 0), &(pt_pa_t){ 0 }), -ENOENT);
			pt_pgtable_destroy(pt);
		}
}

/* The largest leaf needs va, pa and len to be aligned together. */
static void picks_the_largest_leaf(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map(f, n, n, n, RWX);
	agree(f);
	assert_int_equal(leaf_level(f, n), 1);
	assert_int_equal(leaf_level(f, 2 * n - 1), 1);
	assert_int_equal(span_lg2(f, n), lg2(f->leaf1));

	/* the output address is one page off: base pages, in blocks of none */
	do_map(f, 2 * n, n, 3 * n + 1, RWX);
	agree(f);
	assert_int_equal(span_lg2(f, 2 * n), f->info.granule_lg2);
	assert_int_equal(span_lg2(f, 3 * n - 1), f->info.granule_lg2);
}

static void picks_a_level_2_leaf(void **state)
{
	struct fixture *f = *state;
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[2];
	struct pt_change change = { 0 };
	struct pt_leaf leaf;

	assert_int_equal(pt_map(f->pt, f->base, f->pa, size, RWX, &change), 0);
	assert_int_equal(change.done, size);
	assert_int_equal(pt_lookup(f->pt, f->base + size - 1, &leaf), 0);
	assert_int_equal(leaf.level, 2);
	assert_int_equal(leaf.size_lg2, f->info.leaf_lg2[2]);
	assert_int_equal(leaf.pa, f->pa + size - 1);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
}

/* A range that is aligned nowhere: base pages, blocks, leaf, blocks, base pages. */
static void uses_every_size_in_one_range(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), b = pages(f, f->block);

	do_map(f, n - b - 1, n + 2 * b + 2, n - b - 1, RWX);
	agree(f);
	assert_int_equal(span_lg2(f, n - b - 1), f->info.granule_lg2);
	assert_int_equal(span_lg2(f, n - b), lg2(f->block));
	assert_int_equal(span_lg2(f, n - 1), lg2(f->block));
	assert_int_equal(span_lg2(f, n), lg2(f->leaf1));
	assert_int_equal(span_lg2(f, 2 * n), lg2(f->block));
	assert_int_equal(span_lg2(f, 2 * n + b), f->info.granule_lg2);
}

static void folds_contiguous_blocks(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);
	struct pt_leaf leaf;

	do_map(f, b, 2 * b, b, RWX);
	agree(f);
	assert_int_equal(pt_lookup(f->pt, page_va(f, b), &leaf), 0);
	assert_int_equal(leaf.contig_lg2, f->info.contig_lg2[0]);
	assert_int_equal(pt_lookup(f->pt, page_va(f, 3 * b - 1), &leaf), 0);
	assert_int_equal(leaf.contig_lg2, f->info.contig_lg2[0]);

	do_map_flags(f, 4 * b, b, page_pa(f, 4 * b), RWX, PT_CHANGE_NO_CONTIG, 0);
	agree(f);
	assert_int_equal(span_lg2(f, 4 * b), f->info.granule_lg2);
}

/* Blocks of level 1 leaves: 16 of 2M, 32 of 32M, 32 of 512M. */
static void folds_contiguous_blocks_of_large_leaves(void **state)
{
	struct fixture *f = *state;
	uint64_t size = f->leaf1 << f->info.contig_lg2[1];
	struct pt_leaf leaf;

	assert_int_equal(pt_map(f->pt, f->base, f->pa, size, RWX, NULL), 0);
	assert_int_equal(pt_lookup(f->pt, f->base + size - 1, &leaf), 0);
	assert_int_equal(leaf.level, 1);
	assert_int_equal(leaf.contig_lg2, f->info.contig_lg2[1]);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	/* one leaf less, and there is no block */
	assert_int_equal(pt_unmap(f->pt, f->base, size, NULL), 0);
	assert_int_equal(pt_map(f->pt, f->base, f->pa, size - f->leaf1, RWX, NULL), 0);
	assert_int_equal(pt_lookup(f->pt, f->base, &leaf), 0);
	assert_int_equal(leaf.level, 1);
	assert_int_equal(leaf.contig_lg2, 0);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
}

/* The limit holds for leaves and for blocks. */
static void uses_nothing_larger_than_the_limit(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	for (unsigned int max = f->info.granule_lg2; max <= lg2(f->leaf1); max++) {
		unsigned int want = f->info.granule_lg2;

		if (max >= lg2(f->block))
			want = lg2(f->block);
		if (max >= lg2(f->leaf1))
			want = lg2(f->leaf1);
		do_map_flags(f, n, n, page_pa(f, n), RWX, 0, max);
		agree(f);
		assert_int_equal(span_lg2(f, n), want);
		do_unmap(f, n, n, PT_CHANGE_FREE_TABLES);
	}
}

/* A table that is there already is used, empty or not: no leaf takes its place. */
static void does_not_replace_a_table_by_a_leaf(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map(f, n, 1, n, RWX);
	do_unmap(f, n, 1, 0);
	do_map(f, n, n, n, RWX);
	agree(f);
	assert_int_equal(leaf_level(f, n), 0);
	assert_int_equal(leaf_level(f, 2 * n - 1), 0);
}

static void refuses_overlap_and_leaves_the_rest_alone(void **state)
{
	struct fixture *f = *state;
	size_t last = f->nr_pages < 16 ? f->nr_pages - 1 : 12;

	do_map(f, last, 1, 0, RX);
	do_map(f, 0, last + 1, 0, RWX); /* -EEXIST at page last */
	agree(f);
	assert_int_equal(leaf_level(f, 0), -1);
	do_map(f, last, 1, 0, RX); /* the same again is refused too */
	agree(f);
}

/* Around, inside, at both ends of a leaf of level 1. */
static void refuses_overlap_with_a_large_leaf(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map(f, n, n, n, RX);
	do_map(f, n + 5, 1, 0, RX);
	do_map(f, n - 1, 2, 0, RX);
	do_map(f, 2 * n - 1, 2, 0, RX);
	do_map(f, 0, 4 * n, 0, RX);
	agree(f);
	assert_int_equal(leaf_level(f, n), 1);
	do_map(f, n - 1, 1, 0, RX);
	do_map(f, 2 * n, 1, 0, RX);
	agree(f);
}

/* The offending address is the first one that is taken, not the first of a table. */
static void names_the_first_address_that_is_taken(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map(f, 2 * n + 7, 1, 0, RX);
	do_map(f, 3 * n, n, n, RX);
	do_map(f, n + 1, 3 * n - 1, 0, RX);
	agree(f);
	do_map(f, 2 * n + 8, n, 0, RX);
	agree(f);
}

static void maps_across_many_tables(void **state)
{
	struct fixture *f = *state;

	do_map_flags(f, 1, f->nr_pages - 2, page_pa(f, 0), RWX, 0, 0);
	agree(f);
	do_unmap(f, 0, f->nr_pages, 0);
	agree(f);
}

/* Both ends of the input range, the last byte of the address space among them. */
static void maps_the_first_and_the_last_page(void **state)
{
	struct fixture *f = *state;
	pt_va_t last = f->info.last - (f->granule - 1);
	pt_pa_t pa;

	assert_int_equal(pt_map(f->pt, f->info.first, page_pa(f, 0), f->granule, RX, NULL), 0);
	assert_int_equal(pt_map(f->pt, last, page_pa(f, 1), f->granule, RX, NULL), 0);
	assert_int_equal(pt_translate(f->pt, f->info.first, &pa), 0);
	assert_int_equal(pa, page_pa(f, 0));
	assert_int_equal(pt_translate(f->pt, f->info.last, &pa), 0);
	assert_int_equal(pa, page_pa(f, 1) + f->granule - 1);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_int_equal(pt_unmap(f->pt, last, f->granule, NULL), 0);
	assert_int_equal(pt_translate(f->pt, f->info.last, &pa), -ENOENT);
}

/* The whole table space: every slot of the top table, as one request. */
static void maps_all_of_a_small_space(void **state)
{
	struct fixture *f = *state;
	uint64_t len = f->info.last - f->info.first + 1;
	struct pt_leaf leaf;

	if (len > 64 * MIB || fixture_has_gap(f))
		skip();
	assert_int_equal(pt_map(f->pt, f->info.first, 0, len, RX, NULL), 0);
	assert_int_equal(pt_lookup(f->pt, f->info.first, &leaf), 0);
	assert_int_equal(leaf.pa, 0);
	assert_int_equal(pt_lookup(f->pt, f->info.last, &leaf), 0);
	assert_int_equal(leaf.pa, len - 1);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
}

static void x86_maps_both_halves(void **state)
{
	struct fixture *f = *state;
	pt_va_t low_last = (UINT64_C(1) << (f->fmt.va_bits - 1)) - f->granule;
	pt_va_t high_first = ~(low_last + f->granule - 1);
	pt_pa_t pa;

	assert_int_equal(pt_map(f->pt, low_last, page_pa(f, 0), f->granule, RX, NULL), 0);
	assert_int_equal(pt_map(f->pt, high_first, page_pa(f, 1), f->granule, RX, NULL), 0);
	assert_int_equal(pt_translate(f->pt, high_first, &pa), 0);
	assert_int_equal(pa, page_pa(f, 1));
	assert_int_equal(pt_translate(f->pt, high_first - 1, &pa), -ERANGE);
	assert_int_equal(pt_translate(f->pt, low_last + f->granule, &pa), -ERANGE);
	assert_int_equal(pt_map(f->pt, low_last, page_pa(f, 0), 2 * f->granule, RX, NULL), -ERANGE);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
}

/* Whatever alloc() left in a page, a new table is empty. */
static void new_tables_are_empty(void **state)
{
	struct fixture *f = *state;
	struct pt_usage usage;

	do_map(f, 1, 1, 1, RX);
	assert_int_equal(pt_usage(f->pt, &usage), 0);
	for (unsigned int level = 0; level < f->info.nr_levels; level++) {
		assert_int_equal(usage.tables[level], 1);
		assert_int_equal(usage.used[level], 1);
		assert_int_equal(usage.illegal[level], 0);
		assert_int_equal(usage.entries[level], (size_t)1 << f->info.entries_lg2[level]);
	}
	assert_int_equal(usage.leaves[0], 1);
	assert_int_equal(f->source.nr_live, f->info.nr_levels);
}

static void needs_no_flush(void **state)
{
	struct fixture *f = *state;

	watcher_expect(&f->watcher, f->pt);
	do_map(f, 0, f->nr_pages, 0, RWX);
	for (size_t i = 0; i < f->watcher.nr_events; i++)
		assert_true(f->watcher.event[i].kind == EVENT_ALLOC ||
			    f->watcher.event[i].kind == EVENT_STORE);
	agree(f);
}

/* A table that is there stays and takes its part in pages; the leaves beside it are large. */
static void maps_through_an_empty_table_between_leaves(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), live;

	do_map_small(f, n, 1, n, RWX);
	live = f->source.nr_live;
	do_unmap(f, n, 1, 0);
	do_map_flags(f, 0, 3 * n, page_pa(f, 0), RWX, PT_CHANGE_NO_CONTIG, 0);
	assert_int_equal(leaf_level(f, 0), 1);
	assert_int_equal(leaf_level(f, n), 0);
	assert_int_equal(leaf_level(f, 2 * n), 1);
	assert_int_equal(f->source.nr_live, live);
	agree(f);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(maps_through_an_empty_table_between_leaves, NEEDS_2_LEVELS),
		TEST(maps_one_page),
		TEST(maps_to_output_address_zero),
		TEST(maps_the_last_page_of_the_output_range),
		TEST(keeps_every_attribute_it_can_express),
		TEST(info_says_which_attributes_it_can_express),
		TEST(values_that_are_no_attributes_are_refused),
		TEST_ON(picks_the_largest_leaf, NEEDS_2_LEVELS),
		TEST_ON(picks_a_level_2_leaf, NEEDS_LEVEL_2_LEAF),
		TEST_ON(uses_every_size_in_one_range, NEEDS_2_LEVELS),
		TEST_ON(folds_contiguous_blocks, NEEDS_CONTIG),
		TEST_ON(folds_contiguous_blocks_of_large_leaves, NEEDS_CONTIG | NEEDS_3_LEVELS),
		TEST_ON(uses_nothing_larger_than_the_limit, NEEDS_2_LEVELS),
		TEST_ON(does_not_replace_a_table_by_a_leaf, NEEDS_2_LEVELS),
		TEST(refuses_overlap_and_leaves_the_rest_alone),
		TEST_ON(refuses_overlap_with_a_large_leaf, NEEDS_2_LEVELS),
		TEST_ON(names_the_first_address_that_is_taken, NEEDS_2_LEVELS),
		TEST_ON(maps_across_many_tables, NEEDS_2_LEVELS),
		TEST(maps_the_first_and_the_last_page),
		TEST(maps_all_of_a_small_space),
		TEST_ON(x86_maps_both_halves, NEEDS_X86_64),
		TEST(new_tables_are_empty),
		TEST(needs_no_flush),
	};

	return RUN_ON_ALL("map", tests);
}
