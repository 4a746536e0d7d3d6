/* SPDX-License-Identifier: MIT */
/* pt_populate(): tables ahead of what will stand in them. */
#include "unit/fixture.h"

static void what_is_populated_is_mapped_without_allocating(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { 0 };

	assert_int_equal(
		pt_populate(f->pt, page_va(f, 3), f->nr_pages / 2 * f->granule, 0, &change), 0);
	assert_int_equal(change.done, 0);
	agree(f);
	f->source.fail_all = true;
	do_map_flags(f, 3, f->nr_pages / 2, page_pa(f, 7), RWX, PT_CHANGE_NO_CONTIG,
		     f->info.granule_lg2);
	/* once more changes nothing */
	assert_int_equal(pt_populate(f->pt, page_va(f, 3), f->nr_pages / 2 * f->granule, 0, NULL),
			 0);
	f->source.fail_all = false;
	agree(f);
}

static void stops_above_the_level_that_is_asked_for(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	assert_int_equal(pt_populate(f->pt, f->base, f->granule, 1, NULL), 0);
	assert_int_equal(pt_trace(f->pt, f->base, steps, &nr), -ENOENT);
	assert_int_equal(steps[nr - 1].level, 1);
	assert_int_equal(pt_populate(f->pt, f->base, f->granule, 0, NULL), 0);
	assert_int_equal(pt_trace(f->pt, f->base, steps, &nr), -ENOENT);
	assert_int_equal(steps[nr - 1].level, 0);
	agree(f);
}

static void a_larger_leaf_is_in_the_way(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { 0 };
	size_t leaf = pages(f, f->leaf1);

	do_map(f, leaf, leaf, leaf, RWX);
	if (!leaf_level(f, leaf))
		return; /* the format's level 1 has none */
	assert_int_equal(pt_populate(f->pt, f->base, 3 * f->leaf1, 0, &change), -EEXIST);
	assert_int_equal(change.bad_va, page_va(f, leaf));
	agree(f);
}

static void every_failing_allocation_is_reported(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { 0 };
	int err = -ENOMEM;

	for (size_t fail = 1; err; fail++) {
		f->source.nr_allocs = 0;
		f->source.fail_at = fail;
		err = pt_populate(f->pt, f->base, f->nr_pages * f->granule, 0, &change);
		assert_true(!err || err == -ENOMEM);
		agree(f);
	}
	f->source.fail_at = 0;
}

static void refuses_levels_and_ranges_that_are_none(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(pt_populate(f->pt, f->base, f->granule, f->info.nr_levels - 1, NULL),
			 -EINVAL);
	assert_int_equal(pt_populate(f->pt, f->base, f->granule, 17, NULL), -EINVAL);
	assert_int_equal(pt_populate(f->pt, f->base + 1, f->granule, 0, NULL), -EINVAL);
	assert_int_equal(pt_populate(f->pt, f->base, 0, 0, NULL), -EINVAL);
	agree(f);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(what_is_populated_is_mapped_without_allocating, NEEDS_2_LEVELS),
		TEST_ON(stops_above_the_level_that_is_asked_for, NEEDS_3_LEVELS),
		TEST_ON(a_larger_leaf_is_in_the_way, NEEDS_2_LEVELS),
		TEST_ON(every_failing_allocation_is_reported, NEEDS_2_LEVELS),
		TEST(refuses_levels_and_ranges_that_are_none),
	};

	return RUN_ON_ALL("populate", tests);
}
