/* SPDX-License-Identifier: MIT */
/* pt_range_walk while the table changes: by the walk itself, and between its calls. */
#include "unit/walk.h"

/* The physical address of the word of @level that a walk to @va reads. */
static pt_pa_t word_pa_at(const struct fixture *f, pt_va_t va, unsigned int level)
{
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	(void)!pt_trace(f->pt, va, steps, &nr);
	for (unsigned int i = 0; i < nr; i++)
		if (steps[i].level == level)
			return steps[i].table_pa + 8 * steps[i].index;
	fail();
	return 0;
}

static void changes_the_run_it_returned(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	struct pt_gather gather;
	pt_va_t bad_va;
	uint64_t done;
	bool or_unsupported;

	do_map_small(f, 0, 3, 0, RWX);
	do_map_small(f, 4, 2, 4, RWX);
	pt_gather_begin(&gather, f->pt);
	for (type = walk_start(&walk, f->pt, page_va(f, 1), page_va(f, 5) - 1, PT_TYPE_ALL, 0);
	     type != PTW_DONE; type = pt_range_walk_next(&walk)) {
		int err = pt_range_walk_update(&walk, 0, PT_ATTR_WRITE, &gather);

		assert_int_equal(err, type == PTW_PFN ? 0 : -EINVAL);
		if (type == PTW_PFN)
			assert_true(walk.attr & PT_ATTR_WRITE); /* as before the call */
	}
	assert_int_equal(pt_range_walk_done(&walk), 0);
	assert_int_equal(gather.nr_ranges, 2);
	pt_gather_finish(&gather);
	ref_protect(&f->ref, 1, 2, 0, PT_ATTR_WRITE, 0, &bad_va, &done, &or_unsupported);
	ref_protect(&f->ref, 4, 1, 0, PT_ATTR_WRITE, 0, &bad_va, &done, &or_unsupported);
	agree(f);
	assert_int_equal(pt_range_walk_update(&walk, 0, PT_ATTR_WRITE, NULL), -EINVAL);
	assert_int_equal(pt_range_walk_clear(&walk, NULL), -EINVAL);
}

/* The run is clamped to the walk, and so is what is cleared: the edges are split. */
static void clears_the_run_it_returned(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	do_map(f, n, n, n, RWX);
	do_map_small(f, 2 * n + 1, 1, 0, RWX);
	write_word(f, word_pa(f, page_va(f, 2 * n + 1)), RAW_SOFT);
	for (type = walk_start(&walk, f->pt, page_va(f, n + 1), page_va(f, 3 * n) - 1,
			       PT_TYPE_PFN | PT_TYPE_UNKNOWN, 0);
	     type != PTW_DONE; type = pt_range_walk_next(&walk))
		assert_int_equal(pt_range_walk_clear(&walk, NULL), 0);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	ref_unmap(&f->ref, n + 1, n - 1);
	ref_unmap(&f->ref, 2 * n + 1, 1);
	agree(f);
	assert_int_equal(leaf_level(f, n), 0);
}

/* A CPU may keep that there is such a table: it is flushed as any other that goes. */
static void clears_a_bad_table_as_a_whole_and_flushes_it(void **state)
{
	struct fixture *f = *state;
	const pt_va_t va = page_va(f, pages(f, f->leaf1)), last = va + (f->leaf1 - 1);
	struct pt_range_walk walk;
	struct pt_gather gather;
	pt_pa_t word;
	uint64_t keep;

	do_map_small(f, pages(f, f->leaf1), 1, 0, RWX);
	word = word_pa_at(f, va, 1);
	keep = read_word(f, word);
	write_word(f, word, raw_table(&f->fmt, 0));
	/* not a part of what it covers */
	assert_int_equal(walk_start(&walk, f->pt, va + f->granule, last - f->granule,
				    PT_TYPE_ILLEGAL, 0),
			 PTW_ILLEGAL);
	if (walk.va > va) {
		assert_int_equal(pt_range_walk_clear(&walk, NULL), -EFAULT);
		assert_int_equal(read_word(f, word), raw_table(&f->fmt, 0));
	}
	assert_int_equal(pt_range_walk_done(&walk), 0);
	pt_gather_begin(&gather, f->pt);
	assert_int_equal(walk_start(&walk, f->pt, va, last, PT_TYPE_ILLEGAL, 0), PTW_ILLEGAL);
	assert_int_equal(pt_range_walk_clear(&walk, &gather), 0);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	assert_int_equal(read_word(f, word), 0);
	assert_int_equal(gather.nr_ranges, 1);
	assert_int_equal(gather.range[0].first, va);
	assert_int_equal(gather.range[0].last, last);
	assert_true(gather.range[0].tables);
	pt_gather_finish(&gather);
	write_word(f, word, keep);
	agree(f);
}

/* Nothing is held between calls: what changed behind the cursor is over, ahead it is seen. */
static void sees_changes_made_between_calls(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_range_walk walk;

	do_map_small(f, 0, 1, 0, RWX);
	do_map_small(f, n, 1, n, RWX);
	do_map_small(f, 2 * n, 1, 2 * n, RWX);
	assert_int_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 4 * n) - 1, PT_TYPE_PFN,
				    0),
			 PTW_PFN);
	assert_int_equal(walk.va, page_va(f, 0));
	/* the table that the cursor stands in, and the next, go */
	do_unmap(f, 0, 2 * n, PT_CHANGE_FREE_TABLES);
	do_map_small(f, 3 * n, 1, 0, RWX); /* perhaps in the same page */
	do_map_small(f, n - 1, 1, n - 1, RX);
	assert_int_equal(pt_range_walk_next(&walk), PTW_PFN);
	assert_int_equal(walk.va, page_va(f, n - 1));
	assert_int_equal(walk.attr, RX);
	do_unmap(f, 2 * n, 1, PT_CHANGE_FREE_TABLES);
	do_map(f, 2 * n, n, 2 * n, RWX);
	assert_int_equal(pt_range_walk_next(&walk), PTW_PFN);
	assert_int_equal(walk.va, page_va(f, 2 * n));
	assert_int_equal(walk.level, 1);
	do_split(f, 2 * n, n, 0);
	assert_int_equal(pt_range_walk_next(&walk), PTW_PFN);
	assert_int_equal(walk.va, page_va(f, 3 * n));
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
}

/* Half of a leaf was reported before the leaf was split: it goes on in the middle. */
static void goes_on_in_the_middle_of_what_was_a_leaf(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_range_walk walk;

	do_map_small(f, n, n, n, RWX);
	do_protect(f, n + n / 2, n / 2, 0, PT_ATTR_WRITE, 0);
	assert_int_equal(walk_start(&walk, f->pt, page_va(f, n), page_va(f, 2 * n) - 1, PT_TYPE_ALL,
				    0),
			 PTW_PFN);
	assert_int_equal(walk.len, n / 2 * f->granule);
	/* and now all of it is one leaf */
	do_protect(f, n, n / 2, 0, PT_ATTR_WRITE, 0);
	do_collapse(f, n, n, 1, 0);
	assert_int_equal(leaf_level(f, n), 1);
	assert_int_equal(pt_range_walk_next(&walk), PTW_PFN);
	assert_int_equal(walk.va, page_va(f, n + n / 2));
	assert_int_equal(walk.len, n / 2 * f->granule);
	assert_int_equal(walk.pa, page_pa(f, n + n / 2));
	assert_int_equal(walk.level, 1);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
}

/*
 * Freed tables are gathered, the gather is not finished: in shared mode their words are the
 * library's dead ones. A cursor that stands there must not report them.
 */
static void never_returns_the_words_of_a_dead_table(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_range_walk walk;
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather, .flags = PT_CHANGE_FREE_TABLES };

	do_map_small(f, n, 1, n, RWX);
	assert_int_equal(walk_start(&walk, f->pt, page_va(f, n), page_va(f, 2 * n) - 1, PT_TYPE_ALL,
				    0),
			 PTW_PFN);
	pt_gather_begin(&gather, f->pt);
	assert_int_equal(pt_unmap(f->pt, page_va(f, n), f->leaf1, &change), 0);
	assert_true(gather.nr_tables > 0);
	assert_int_equal(pt_range_walk_next(&walk), PTW_NONE);
	assert_int_equal(walk.va, page_va(f, n + 1));
	assert_int_equal(walk.len, f->leaf1 - f->granule);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	pt_gather_finish(&gather);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(changes_the_run_it_returned, NEEDS_2_LEVELS),
		TEST_ON(clears_a_bad_table_as_a_whole_and_flushes_it, NEEDS_2_LEVELS),
		TEST_ON(clears_the_run_it_returned, NEEDS_2_LEVELS),
		TEST_ON(sees_changes_made_between_calls, NEEDS_2_LEVELS),
		TEST_ON(goes_on_in_the_middle_of_what_was_a_leaf, NEEDS_2_LEVELS),
		TEST_ON(never_returns_the_words_of_a_dead_table, NEEDS_2_LEVELS),
	};

	return RUN_WALKS("walk while things change", tests);
}
