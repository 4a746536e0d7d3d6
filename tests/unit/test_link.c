/* SPDX-License-Identifier: MIT */
/* pt_pgtable_link() and _unlink(): subtrees with several parents. */
#include "unit/fixture.h"

/* Another table like the fixture's. */
static struct pt_pgtable *make_other(struct fixture *f)
{
	struct pt_pgtable *other;

	assert_int_equal(pt_pgtable_create(&other, f->phys, &f->cfg), 0);
	return other;
}

static void assert_same(struct fixture *f, struct pt_pgtable *other, pt_va_t va, pt_va_t from_va)
{
	pt_pa_t a = 1, b = 1;
	int err = pt_translate(f->pt, from_va, &a);

	assert_int_equal(pt_translate(other, va, &b), err);
	assert_int_equal(a, b);
}

static void borrower_sees_what_the_owner_has(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_pgtable *other = make_other(f);

	do_map_small(f, n + 1, 3, 0, RWX);
	assert_int_equal(pt_pgtable_link(other, page_va(f, 3 * n), f->pt, page_va(f, n), f->leaf1,
					 1),
			 0);
	for (size_t i = 0; i < 6; i++)
		assert_same(f, other, page_va(f, 3 * n + i), page_va(f, n + i));
	assert_int_equal(pt_verify(other, NULL, NULL), 0);
	agree(f);
	pt_pgtable_destroy(other);
	agree(f);
}

static void both_see_each_others_changes(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_pgtable *other = make_other(f);
	struct pt_leaf leaf;

	do_map_small(f, n, 3, 0, RWX);
	assert_int_equal(pt_pgtable_link(other, page_va(f, n), f->pt, page_va(f, n), f->leaf1, 1),
			 0);
	do_map_small(f, n + 5, 1, 9, RWX);
	do_protect(f, n, 1, 0, PT_ATTR_WRITE, 0);
	assert_same(f, other, page_va(f, n + 5), page_va(f, n + 5));
	assert_int_equal(pt_lookup(other, page_va(f, n), &leaf), 0);
	assert_false(leaf.attr & PT_ATTR_WRITE);

	assert_int_equal(pt_unmap(other, page_va(f, n), f->granule, NULL), 0);
	assert_int_equal(pt_map(other, page_va(f, n + 6), page_pa(f, 7), f->granule, RX, NULL), 0);
	ref_unmap(&f->ref, n, 1);
	assert_int_equal(ref_map(&f->ref, n + 6, 1, page_pa(f, 7), RX, &(pt_va_t){ 0 }), 0);
	agree(f);
	pt_pgtable_destroy(other);
	agree(f);
}

/* Freed only by the last to let go, whichever that is. */
static void the_last_to_let_go_frees(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), live;
	struct pt_pgtable *other = make_other(f);
	pt_pa_t pa;

	do_map_small(f, n, 3, 0, RWX);
	assert_int_equal(pt_pgtable_link(other, page_va(f, n), f->pt, page_va(f, n), f->leaf1, 1),
			 0);
	live = f->source.nr_live;
	do_unmap(f, n, 3, PT_CHANGE_FREE_TABLES);
	assert_int_equal(f->source.nr_live, live); /* borrowed: stays */
	do_map_small(f, n, 3, 0, RWX);
	assert_int_equal(pt_translate(other, page_va(f, n), &pa), 0);
	assert_int_equal(pt_unmap(other, page_va(f, n), f->leaf1,
				  &(struct pt_change){ .flags = PT_CHANGE_FREE_TABLES }),
			 0);
	assert_int_equal(f->source.nr_live, live);
	ref_unmap(&f->ref, n, 3);
	agree(f);

	pt_pgtable_destroy(f->pt);
	assert_true(f->source.nr_live > 0);
	assert_int_equal(pt_map(other, page_va(f, n + 1), page_pa(f, 1), f->granule, RX, NULL), 0);
	assert_int_equal(pt_translate(other, page_va(f, n + 1), &pa), 0);
	assert_int_equal(pt_verify(other, NULL, NULL), 0);
	pt_pgtable_destroy(other);
	assert_int_equal(f->source.nr_live, 0);
	f->pt = NULL;
}

static void unlink_gives_back(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), live;
	struct pt_pgtable *other;
	pt_pa_t pa;

	do_map_small(f, n, 3, 0, RWX);
	live = f->source.nr_live;
	other = make_other(f);
	assert_int_equal(pt_pgtable_link(other, page_va(f, n), f->pt, page_va(f, n), f->leaf1, 1),
			 0);
	watcher_expect(&f->watcher, other);
	assert_int_equal(pt_pgtable_unlink(other, page_va(f, n), f->leaf1, 1, NULL), 0);
	assert_true(watcher_was_flushed(&f->watcher, other));
	assert_int_equal(pt_translate(other, page_va(f, n), &pa), -ENOENT);
	agree(f);
	/* once more, of nothing */
	assert_int_equal(pt_pgtable_unlink(other, page_va(f, n), f->leaf1, 1, NULL), 0);
	pt_pgtable_destroy(other);
	assert_int_equal(f->source.nr_live, live);
	/* nobody borrows it any more: it can go */
	do_unmap(f, n, 3, PT_CHANGE_FREE_TABLES);
	assert_int_equal(f->source.nr_live, 1);
}

static void unlink_by_the_last_parent_frees_after_the_flush(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), live;
	struct pt_pgtable *other = make_other(f);
	struct pt_gather gather;

	do_map_small(f, n, 3, 0, RWX);
	assert_int_equal(pt_pgtable_link(other, page_va(f, n), f->pt, page_va(f, n), f->leaf1, 1),
			 0);
	pt_pgtable_destroy(f->pt);
	live = f->source.nr_live;
	pt_gather_begin(&gather, other);
	assert_int_equal(pt_pgtable_unlink(other, page_va(f, n), f->leaf1, 1, &gather), 0);
	assert_int_equal(gather.nr_tables, 1);
	assert_int_equal(f->source.nr_live, live);
	f->watcher.nr_events = 0;
	pt_gather_finish(&gather);
	assert_int_equal(f->source.nr_live, live - 1);
	assert_int_equal(f->watcher.nr_events, 2);
	assert_int_equal(f->watcher.event[0].kind, EVENT_TABLES_FREED);
	assert_int_equal(f->watcher.event[0].first, page_va(f, n));
	assert_int_equal(f->watcher.event[0].last, page_va(f, 2 * n) - 1);
	assert_int_equal(f->watcher.event[1].kind, EVENT_FREE);
	pt_pgtable_destroy(other);
	f->pt = NULL;
}

static void links_many_entries_and_passes_over_holes(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_pgtable *other = make_other(f);

	do_map_small(f, 0, 1, 0, RWX);
	do_map_small(f, 2 * n + 1, 1, 5, RWX);
	assert_int_equal(pt_pgtable_link(other, page_va(f, 0), f->pt, page_va(f, 0), 3 * f->leaf1,
					 1),
			 0);
	for (size_t i = 0; i < 3 * n; i += n)
		for (size_t k = 0; k < 3; k++)
			assert_same(f, other, page_va(f, i + k), page_va(f, i + k));
	/* a hole at the time of the link stays the borrower's own */
	do_map_small(f, n, 1, 7, RWX);
	assert_int_equal(pt_translate(other, page_va(f, n), &(pt_pa_t){ 0 }), -ENOENT);
	assert_int_equal(pt_pgtable_unlink(other, page_va(f, 0), 3 * f->leaf1, 1, NULL), 0);
	assert_int_equal(pt_translate(other, page_va(f, 0), &(pt_pa_t){ 0 }), -ENOENT);
	pt_pgtable_destroy(other);
	agree(f);
}

static void links_whole_branches(void **state)
{
	struct fixture *f = *state;
	unsigned int top = f->info.nr_levels - 1;
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[top];
	pt_va_t va = f->base & ~(size - 1);
	struct pt_pgtable *other = make_other(f);
	size_t last;

	do_map(f, 1, 5, 1, RWX);
	assert_int_equal(pt_pgtable_link(other, va, f->pt, va, size, top), 0);
	for (size_t i = 0; i < 8; i++)
		assert_same(f, other, page_va(f, i), page_va(f, i));
	/* below the borrowed entry, everything is common: new tables too */
	last = f->nr_pages < pages(f, size) ? f->nr_pages - 1 : pages(f, size) - 1;
	do_map_small(f, last, 1, 3, RWX);
	assert_same(f, other, page_va(f, last), page_va(f, last));
	assert_int_equal(pt_verify(other, NULL, NULL), 0);
	pt_pgtable_destroy(other);
	agree(f);
}

/* A leaf that the owner collapses to would cut the borrower off: the table stays. */
static void a_borrowed_table_does_not_collapse(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_pgtable *other = make_other(f);

	do_map_small(f, n, n, n, RWX);
	assert_int_equal(pt_pgtable_link(other, page_va(f, n), f->pt, page_va(f, n), f->leaf1, 1),
			 0);
	assert_int_equal(do_collapse(f, n, n, 1, PT_CHANGE_NO_CONTIG), 0);
	assert_int_equal(leaf_level(f, n), 0);
	assert_same(f, other, page_va(f, n + 1), page_va(f, n + 1));
	pt_pgtable_destroy(other);
	assert_int_equal(do_collapse(f, n, n, 1, PT_CHANGE_NO_CONTIG), f->leaf1);
	agree_after(f, true);
}

static void the_other_half_may_borrow(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_pgtable_cfg cfg = f->cfg;
	pt_va_t flip = ~((UINT64_C(1) << f->fmt.va_bits) - 1);
	struct pt_pgtable *other;

	cfg.fmt.upper_half = !cfg.fmt.upper_half;
	assert_int_equal(pt_pgtable_create(&other, f->phys, &cfg), 0);
	do_map_small(f, n, 3, 0, RWX);
	assert_int_equal(pt_pgtable_link(other, page_va(f, n) ^ flip, f->pt, page_va(f, n),
					 f->leaf1, 1),
			 0);
	assert_same(f, other, page_va(f, n + 2) ^ flip, page_va(f, n + 2));
	pt_pgtable_destroy(other);
}

static int alloc_elsewhere(void *ctx, unsigned int size_lg2, pt_pa_t *pa)
{
	(void)ctx;
	(void)size_lg2;
	(void)pa;
	return -ENOMEM;
}

static void free_elsewhere(void *ctx, pt_pa_t pa, unsigned int size_lg2)
{
	(void)ctx;
	(void)pa;
	(void)size_lg2;
}

static void refuses_what_it_cannot_link_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), live;
	struct pt_pgtable *other, *stranger;
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_gather gather;
	pt_va_t va = page_va(f, n);
	pt_pa_t pa;

	do_map_small(f, n, 3, 0, RWX);
	do_map_flags(f, 2 * n, n, page_pa(f, 2 * n), RWX, PT_CHANGE_NO_CONTIG, 0);
	live = f->source.nr_live;
	other = make_other(f);

	/* malformed */
	assert_int_equal(pt_pgtable_link(other, va, f->pt, va, f->leaf1, 0), -EINVAL);
	assert_int_equal(pt_pgtable_link(other, va, f->pt, va, f->leaf1, PT_MAX_LEVELS), -EINVAL);
	assert_int_equal(pt_pgtable_link(other, va, f->pt, va, 0, 1), -EINVAL);
	assert_int_equal(pt_pgtable_link(other, va, f->pt, va, f->granule, 1), -EINVAL);
	assert_int_equal(pt_pgtable_link(other, va + f->granule, f->pt, va, f->leaf1, 1), -EINVAL);
	assert_int_equal(pt_pgtable_link(other, va, f->pt, va + f->granule, f->leaf1, 1), -EINVAL);
	assert_int_equal(pt_pgtable_unlink(other, va, f->leaf1, 0, NULL), -EINVAL);
	assert_int_equal(pt_pgtable_unlink(other, va, 0, 1, NULL), -EINVAL);
	pt_gather_begin(&gather, f->pt);
	assert_int_equal(pt_pgtable_unlink(other, va, f->leaf1, 1, &gather), -EINVAL);
	pt_gather_finish(&gather);
	/* a leaf in the source, something in the target */
	assert_int_equal(pt_pgtable_link(other, va, f->pt, va, 2 * f->leaf1, 1), -EEXIST);
	assert_int_equal(pt_translate(other, va, &pa), -ENOENT);
	assert_int_equal(pt_pgtable_link(f->pt, page_va(f, 3 * n), f->pt, page_va(f, 2 * n),
					 f->leaf1, 1),
			 -EEXIST);
	assert_int_equal(pt_pgtable_link(f->pt, page_va(f, 2 * n), f->pt, page_va(f, n), f->leaf1,
					 1),
			 -EEXIST);
	/* another configuration */
	cfg.fmt.mem_types = ~cfg.fmt.mem_types;
	if (pt_pgtable_create(&stranger, f->phys, &cfg) == 0) {
		assert_int_equal(pt_pgtable_link(stranger, va, f->pt, va, f->leaf1, 1), -EINVAL);
		pt_pgtable_destroy(stranger);
	}
	/* another place to give pages back to */
	for (unsigned int i = 0; i < 3; i++) {
		cfg = f->cfg;
		if (i == 0)
			cfg.tables.alloc = alloc_elsewhere;
		else if (i == 1)
			cfg.tables.free = free_elsewhere;
		else
			cfg.tables.ctx = &cfg;
		assert_int_equal(pt_pgtable_open(&stranger, f->phys, &cfg, pt_pgtable_root(other)),
				 0);
		assert_int_equal(pt_pgtable_link(stranger, page_va(f, 0), f->pt, va, f->leaf1, 1),
				 -EINVAL);
		pt_pgtable_destroy(stranger);
	}
	/* itself, where the ranges overlap at either end, but not beside each other */
	assert_int_equal(pt_pgtable_link(f->pt, page_va(f, 0), f->pt, va, 2 * f->leaf1, 1),
			 -EINVAL);
	assert_int_equal(pt_pgtable_link(f->pt, va, f->pt, page_va(f, 0), 2 * f->leaf1, 1),
			 -EINVAL);
	assert_int_equal(pt_pgtable_link(f->pt, page_va(f, 0), f->pt, va, f->leaf1, 1), 0);
	assert_int_equal(pt_pgtable_unlink(f->pt, page_va(f, 0), f->leaf1, 1, NULL), 0);
	/* no memory for what is above the link */
	if (f->info.nr_levels > 2) {
		stranger = make_other(f);
		f->source.fail_all = true;
		assert_int_equal(pt_pgtable_link(stranger, va, f->pt, va, f->leaf1, 1), -ENOMEM);
		f->source.fail_all = false;
		assert_int_equal(pt_translate(stranger, va, &pa), -ENOENT);
		pt_pgtable_destroy(stranger);
	}
	agree(f);
	pt_pgtable_destroy(other);
	assert_int_equal(f->source.nr_live, live);
	agree(f);
}

/* The same words but for where their tables begin: what a level's entry covers is elsewhere. */
static void refuses_tables_of_other_levels(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable_cfg cfg = f->cfg;
	pt_va_t va = page_va(f, pages(f, f->leaf1));
	struct pt_pgtable *other;

	cfg.fmt.levels = 0;
	if (pt_pgtable_create(&other, f->phys, &cfg))
		skip();
	do_map_small(f, pages(f, f->leaf1), 1, 0, RWX);
	assert_int_equal(pt_pgtable_link(other, va, f->pt, va, f->leaf1, 1), -EINVAL);
	pt_pgtable_destroy(other);
}

/* A table outside memory, and what hardware would refuse, cannot be lent. */
static void links_nothing_that_is_corrupt(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable *other = make_other(f);
	const uint64_t bad[] = { raw_table(&f->fmt, 0), raw_reserved(&f->fmt, 1),
				 raw_beyond(&f->fmt, 1) };
	struct pt_step steps[PT_MAX_LEVELS], *step;
	pt_va_t va = page_va(f, pages(f, f->leaf1));
	unsigned int nr;
	pt_pa_t pa;

	do_map_small(f, pages(f, f->leaf1), 1, 0, RWX);
	assert_int_equal(pt_trace(f->pt, va, steps, &nr), 0);
	step = &steps[nr - 2];
	for (size_t i = 0; i < 3; i++) {
		if (!bad[i])
			continue;
		write_word(f, step->table_pa + 8 * step->index, bad[i]);
		assert_int_equal(pt_pgtable_link(other, va, f->pt, va, f->leaf1, 1), -EFAULT);
		assert_int_equal(pt_translate(other, va, &pa), -ENOENT);
	}
	write_word(f, step->table_pa + 8 * step->index, step->raw);
	pt_pgtable_destroy(other);
	agree(f);
}

/* The table lives on in its other parent, and is none of this walk's any more. */
static void a_walk_does_not_go_on_in_what_was_unlinked(void **state)
{
	static const unsigned int flags[] = { 0, PT_WALK_EACH, PT_WALK_FOLIOS };
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	pt_va_t va = page_va(f, n), last = page_va(f, n + 6) - 1;
	struct pt_pgtable *other = make_other(f);
	struct pt_range_walk walk;

	for (size_t i = 0; i < 6; i += 2)
		do_map_small(f, n + i, 1, i, RWX);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(pt_pgtable_link(other, va, f->pt, va, f->leaf1, 1), 0);
		assert_int_equal(pt_range_walk_start(&walk, other, va, last, PT_TYPE_PFN, flags[i]),
				 PTW_PFN);
		assert_int_equal(pt_pgtable_unlink(other, va, f->leaf1, 1, NULL), 0);
		assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
		assert_int_equal(pt_range_walk_done(&walk), 0);
	}
	/* pages without a hole between them */
	do_map_small(f, n + 1, 1, 1, RWX);
	assert_int_equal(pt_pgtable_link(other, va, f->pt, va, f->leaf1, 1), 0);
	assert_int_equal(pt_range_walk_start(&walk, other, va, last, PT_TYPE_PFN, PT_WALK_EACH),
			 PTW_PFN);
	assert_int_equal(pt_pgtable_unlink(other, va, f->leaf1, 1, NULL), 0);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	pt_pgtable_destroy(other);
	agree(f);
}

/* A table may borrow from itself: one page table page at two addresses. */
static void a_table_may_borrow_from_itself(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map_small(f, n, 3, 0, RWX);
	assert_int_equal(pt_pgtable_link(f->pt, page_va(f, 3 * n), f->pt, page_va(f, n), f->leaf1,
					 1),
			 0);
	assert_same(f, f->pt, page_va(f, 3 * n + 2), page_va(f, n + 2));
	assert_int_equal(pt_unmap(f->pt, page_va(f, 3 * n + 2), f->granule, NULL), 0);
	assert_same(f, f->pt, page_va(f, 3 * n + 2), page_va(f, n + 2));
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_int_equal(pt_pgtable_unlink(f->pt, page_va(f, 3 * n), f->leaf1, 1, NULL), 0);
	ref_unmap(&f->ref, n + 2, 1);
	agree(f);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(borrower_sees_what_the_owner_has, NEEDS_2_LEVELS),
		TEST_ON(both_see_each_others_changes, NEEDS_2_LEVELS),
		TEST_ON(the_last_to_let_go_frees, NEEDS_2_LEVELS),
		TEST_ON(unlink_gives_back, NEEDS_2_LEVELS),
		TEST_ON(unlink_by_the_last_parent_frees_after_the_flush, NEEDS_2_LEVELS),
		TEST_ON(links_many_entries_and_passes_over_holes, NEEDS_2_LEVELS),
		TEST_ON(links_whole_branches, NEEDS_2_LEVELS),
		TEST_ON(a_borrowed_table_does_not_collapse, NEEDS_2_LEVELS),
		TEST_ON(the_other_half_may_borrow, NEEDS_2_LEVELS | NEEDS_HALF),
		TEST_ON(links_nothing_that_is_corrupt, NEEDS_2_LEVELS),
		TEST_ON(a_walk_does_not_go_on_in_what_was_unlinked, NEEDS_2_LEVELS),
		TEST_ON(refuses_what_it_cannot_link_and_changes_nothing, NEEDS_2_LEVELS),
		TEST_ON(a_table_may_borrow_from_itself, NEEDS_2_LEVELS),
		TEST_ON(refuses_tables_of_other_levels, NEEDS_CONCAT),
	};

	return RUN_ON_ALL("link", tests);
}
