/* SPDX-License-Identifier: MIT */
/*
 * Each changing operation, once to count its allocations, then once an allocation with that one
 * failing: -ENOMEM, and the table is what it was. Then all fail, and then none: it works.
 */
#include "unit/fixture.h"
#include "unit/unit_dump.h"

struct attempt {
	struct fixture *f;
	struct pt_pgtable *other; /* for links */
	struct pt_change change;
	size_t first, nr;         /* pages */
	unsigned int level;
};

/*
 * Makes @prepare's table anew and calls @run with allocation @fail_at
 * failing; returns the error.
 */
static void assert_all_or_nothing(struct fixture *f, void (*prepare)(struct attempt *),
				  int (*run)(struct attempt *), size_t least_allocs)
{
	struct attempt attempt;
	size_t nr_allocs = 0;

	for (size_t fail_at = 0; fail_at == 0 || fail_at <= nr_allocs + 1; fail_at++) {
		struct pt_change empty = { .flags = PT_CHANGE_FREE_TABLES };
		struct dump before, after, before_other, after_other;
		size_t base;
		int err;

		attempt = (struct attempt){ .f = f };
		assert_int_equal(pt_pgtable_create(&attempt.other, f->phys, &f->cfg), 0);
		prepare(&attempt);
		before = dump_take(f->pt);
		before_other = dump_take(attempt.other);
		base = f->source.nr_allocs;
		f->source.fail_at = fail_at ? base + fail_at : 0;
		f->source.fail_all = fail_at == nr_allocs + 1 && fail_at > 1;
		watcher_expect(&f->watcher, f->pt);
		err = run(&attempt);
		assert_true(watcher_was_flushed(&f->watcher, f->pt));
		assert_true(watcher_agrees(&f->watcher, f->pt));
		f->source.fail_at = 0;
		f->source.fail_all = false;
		after = dump_take(f->pt);
		after_other = dump_take(attempt.other);
		if (!fail_at) {
			nr_allocs = f->source.nr_allocs - base;
			assert_true(nr_allocs >= least_allocs);
			assert_int_equal(err, 0);
		} else if (nr_allocs) {
			assert_int_equal(err, -ENOMEM);
			assert_int_equal(attempt.change.done, 0);
			assert_true(dump_equal(&before, &after));
			assert_true(dump_equal(&before_other, &after_other));
			/* and nothing is in the way of another attempt */
			assert_int_equal(run(&attempt), 0);
		}
		assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
		assert_int_equal(pt_verify(attempt.other, NULL, NULL), 0);
		dump_free(&before);
		dump_free(&after);
		dump_free(&before_other);
		dump_free(&after_other);
		pt_pgtable_destroy(attempt.other);
		assert_int_equal(pt_unmap(f->pt, page_va(f, 0), f->nr_pages * f->granule, &empty),
				 0);
		assert_int_equal(f->source.nr_live, 1);
	}
}

static void nothing_there(struct attempt *attempt)
{
	(void)attempt;
}

static void large_leaves(struct attempt *attempt)
{
	struct fixture *f = attempt->f;
	size_t n = pages(f, f->leaf1);

	assert_int_equal(pt_map(f->pt, page_va(f, n), page_pa(f, n), 2 * f->leaf1,
				RWX | PT_ATTR_ACCESSED, NULL),
			 0);
}

static void small_leaves(struct attempt *attempt)
{
	struct fixture *f = attempt->f;
	struct pt_change change = { .flags = PT_CHANGE_NO_CONTIG, .max_lg2 = f->info.granule_lg2 };
	size_t n = pages(f, f->leaf1);

	assert_int_equal(pt_map(f->pt, page_va(f, n), page_pa(f, n), f->leaf1, RWX, &change), 0);
}

static int run_map(struct attempt *attempt)
{
	struct fixture *f = attempt->f;
	size_t n = pages(f, f->leaf1);

	return pt_map(f->pt, page_va(f, 1), page_pa(f, 1), (4 * n - 2) * f->granule, RWX,
		      &attempt->change);
}

static int run_map_beside(struct attempt *attempt)
{
	struct fixture *f = attempt->f;
	size_t n = pages(f, f->leaf1);

	return pt_map(f->pt, page_va(f, n - 1), page_pa(f, 5), f->granule, RWX, &attempt->change);
}

static int run_unmap_middle(struct attempt *attempt)
{
	struct fixture *f = attempt->f;
	size_t n = pages(f, f->leaf1);

	return pt_unmap(f->pt, page_va(f, n + 1), f->leaf1, &attempt->change);
}

static int run_protect_middle(struct attempt *attempt)
{
	struct fixture *f = attempt->f;
	size_t n = pages(f, f->leaf1);

	return pt_protect(f->pt, page_va(f, n + 1), f->leaf1, another_attr(f), PT_ATTR_WRITE,
			  &attempt->change);
}

static int run_split(struct attempt *attempt)
{
	struct fixture *f = attempt->f;
	size_t n = pages(f, f->leaf1);

	return pt_split(f->pt, page_va(f, n), 2 * f->leaf1, 0, &attempt->change);
}

static int run_link(struct attempt *attempt)
{
	struct fixture *f = attempt->f;
	size_t n = pages(f, f->leaf1);

	return pt_pgtable_link(attempt->other, page_va(f, n), f->pt, page_va(f, n), f->leaf1, 1);
}

static void map_happens_whole_or_not_at_all(void **state)
{
	assert_all_or_nothing(*state, nothing_there, run_map, 2);
}

static void map_beside_leaves_happens_whole_or_not_at_all(void **state)
{
	assert_all_or_nothing(*state, large_leaves, run_map_beside, 1);
}

static void unmap_splits_before_it_changes_anything(void **state)
{
	assert_all_or_nothing(*state, large_leaves, run_unmap_middle, 2);
}

static void protect_happens_whole_or_not_at_all(void **state)
{
	assert_all_or_nothing(*state, large_leaves, run_protect_middle, 2);
}

static void split_happens_whole_or_not_at_all(void **state)
{
	assert_all_or_nothing(*state, large_leaves, run_split, 2);
}

static void link_happens_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;

	assert_all_or_nothing(f, small_leaves, run_link, f->info.nr_levels > 2 ? 1 : 0);
}

/* What needs no new table asks for none. */
static void the_rest_allocates_nothing(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_range_walk walk;
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather, .flags = PT_CHANGE_FREE_TABLES };

	do_map_small(f, n, n, n, RWX | PT_ATTR_ACCESSED | PT_ATTR_DIRTY);
	do_map_small(f, 0, 9, 0, RWX);
	f->source.fail_all = true;
	ref_observe(&f->ref, f->pt, false);
	do_age(f, n, n);
	do_clean(f, n, n);
	do_protect(f, n, n, 0, PT_ATTR_WRITE, 0);
	do_collapse(f, n, n, 1, 0);
	agree_after(f, true);
	do_protect(f, n, n, PT_ATTR_WRITE, 0, 0);
	agree(f);
	assert_int_equal(pt_range_walk_start(&walk, f->pt, 0, UINT64_MAX, PT_TYPE_PFN, 0), PTW_PFN);
	assert_int_equal(pt_range_walk_clear(&walk, NULL), 0);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	pt_gather_begin(&gather, f->pt);
	for (size_t i = 0; i < f->nr_pages; i += n)
		assert_int_equal(pt_unmap(f->pt, page_va(f, i), f->leaf1, &change), 0);
	pt_gather_finish(&gather);
	f->source.fail_all = false;
	assert_int_equal(f->source.nr_live, 1);
}

/* What both ends of a range split is asked for once: no page is had that is not used. */
static void ends_inside_one_leaf_take_no_page_too_many(void **state)
{
	struct fixture *f = *state;
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[2];
	size_t live;

	assert_int_equal(pt_map(f->pt, f->base, f->pa, size, RWX, NULL), 0);
	live = f->source.nr_live;
	f->source.nr_allocs = 0;
	assert_int_equal(pt_protect(f->pt, f->base + f->granule, f->granule, 0, PT_ATTR_WRITE,
				    NULL),
			 0);
	assert_int_equal(f->source.nr_allocs, f->source.nr_live - live);
	assert_int_equal(f->source.nr_live - live, 2);
	/* the ends in two tables, of which the upper one is had already */
	live = f->source.nr_live;
	f->source.nr_allocs = 0;
	assert_int_equal(pt_unmap(f->pt, f->base + 2 * f->leaf1 - f->granule,
				  f->leaf1 + 2 * f->granule, NULL),
			 0);
	assert_int_equal(f->source.nr_allocs, f->source.nr_live - live);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(map_happens_whole_or_not_at_all, NEEDS_2_LEVELS),
		TEST_ON(map_beside_leaves_happens_whole_or_not_at_all, NEEDS_2_LEVELS),
		TEST_ON(unmap_splits_before_it_changes_anything, NEEDS_2_LEVELS),
		TEST_ON(protect_happens_whole_or_not_at_all, NEEDS_2_LEVELS),
		TEST_ON(split_happens_whole_or_not_at_all, NEEDS_2_LEVELS),
		TEST_ON(link_happens_whole_or_not_at_all, NEEDS_2_LEVELS),
		TEST_ON(the_rest_allocates_nothing, NEEDS_2_LEVELS),
		TEST_ON(ends_inside_one_leaf_take_no_page_too_many, NEEDS_LEVEL_2_LEAF),
	};

	return RUN_ON_ALL("failalloc", tests);
}
