/* SPDX-License-Identifier: MIT */
/* Second stages: roots of several tables, leaves that need not be readable. */
#include "unit/fixture.h"

/* An address in each of the tables that are the root, and what it maps to. */
static pt_va_t va_in_table(const struct fixture *f, size_t table)
{
	unsigned int top = f->info.nr_levels - 1;

	return ((pt_va_t)table << (f->info.leaf_lg2[top] + f->info.granule_lg2 - 3)) + f->granule;
}

static size_t nr_root_tables(const struct fixture *f)
{
	return (size_t)1 << (f->info.root_align_lg2 - f->info.granule_lg2);
}

static void every_table_of_the_root_is_used(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { .flags = PT_CHANGE_FREE_TABLES };
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_range_walk walk;
	struct pt_usage usage;
	unsigned int nr, top = f->info.nr_levels - 1;
	size_t found = 0;
	pt_pa_t pa;

	for (size_t i = 0; i < nr_root_tables(f); i++) {
		assert_int_equal(pt_map(f->pt, va_in_table(f, i), page_pa(f, i), f->granule, RWX,
					NULL),
				 0);
		assert_int_equal(pt_trace(f->pt, va_in_table(f, i), steps, &nr), 0);
		assert_int_equal(steps[0].table_pa, pt_pgtable_root(f->pt));
		assert_int_equal(steps[0].index, i << (f->info.granule_lg2 - 3));
	}
	for (size_t i = 0; i < nr_root_tables(f); i++) {
		assert_int_equal(pt_translate(f->pt, va_in_table(f, i) + 5, &pa), 0);
		assert_int_equal(pa, page_pa(f, i) + 5);
	}
	for (enum pt_range_walk_type type = pt_range_walk_start(&walk, f->pt, 0, UINT64_MAX,
								PT_TYPE_PFN, 0);
	     type == PTW_PFN; type = pt_range_walk_next(&walk))
		assert_int_equal(walk.va, va_in_table(f, found++));
	assert_int_equal(found, nr_root_tables(f));
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_int_equal(pt_usage(f->pt, &usage), 0);
	assert_int_equal(usage.tables[top], 1);
	assert_int_equal(usage.entries[top], UINT64_C(1) << f->info.entries_lg2[top]);
	assert_int_equal(usage.used[top], nr_root_tables(f));
	assert_int_equal(pt_unmap(f->pt, 0, f->info.last + 1, &change), 0);
	assert_int_equal(change.done, nr_root_tables(f) * f->granule);
	assert_int_equal(f->source.nr_live, 1);
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

/* A word that points at any page of the root is a loop: never changed through, and named. */
static void a_further_page_of_the_root_is_the_root(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	do_map_small(f, 1, 1, 1, RWX);
	assert_int_equal(pt_trace(f->pt, page_va(f, 1), steps, &nr), 0);
	for (size_t i = 0; i < nr_root_tables(f); i++) {
		pt_pa_t word = steps[0].table_pa + 8 * steps[0].index;

		write_word(f, word, raw_table(&f->fmt, steps[0].table_pa + i * f->granule));
		assert_int_equal(pt_map(f->pt, page_va(f, 2), f->pa, f->granule, RWX, NULL),
				 -EFAULT);
		assert_int_equal(pt_verify(f->pt, NULL, NULL), -EFAULT);
		write_word(f, word, steps[0].raw);
	}
	agree(f);
}

/* Each combination of loads, stores and fetches that the format has. */
static void leaves_need_not_be_readable(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 0, 8, 0, RX);
	for (pt_attr_t attr = 0; attr < 8; attr++) {
		/* those that are refused leave the leaf as it was */
		do_protect(f, attr, 1, attr, RWX & ~attr, 0);
		assert_true(ref_check_va(&f->ref, f->pt, page_va(f, attr)));
	}
	agree(f);
	for (pt_attr_t attr = 0; attr < 8; attr++) {
		do_unmap(f, attr, 1, 0);
		do_map_flags(f, attr, 1, page_pa(f, attr), attr, 0, 0);
	}
	agree(f);
}

/* Large leaves and blocks of them split and collapse as all others do. */
static void unreadable_leaves_change_size(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	if (ref_attr_error(&f->fmt, PT_ATTR_EXEC))
		skip();
	do_map_flags(f, n, n, page_pa(f, n), PT_ATTR_EXEC, PT_CHANGE_NO_CONTIG, 0);
	assert_int_equal(leaf_level(f, n), 1);
	assert_int_equal(do_split(f, n, n, 0), f->leaf1);
	agree(f);
	assert_int_equal(do_collapse(f, n, n, 1, PT_CHANGE_NO_CONTIG), f->leaf1);
	agree_after(f, true);
	assert_int_equal(leaf_level(f, n), 1);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(every_table_of_the_root_is_used, NEEDS_CONCAT),
		TEST_ON(a_further_page_of_the_root_is_the_root, NEEDS_CONCAT),
		TEST_ON(leaves_need_not_be_readable, NEEDS_STAGE2),
		TEST_ON(unreadable_leaves_change_size, NEEDS_STAGE2),
	};

	return RUN_ON_ALL("stage2", tests);
}
