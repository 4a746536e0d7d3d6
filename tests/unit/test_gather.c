/* SPDX-License-Identifier: MIT */
/*
 * The gather and the flushes in the middle of operations: what is flushed, and in which order with
 * the stores around it. Orders are written as strings, one letter an event:
 *
 *	b  a live word becomes not present     m  a word becomes present where none was
 *	c  a live word becomes another         s  any other store
 *	r  range flush   t  tables_freed flush   a  flush of all
 *	F  a table page is freed   N  a table page is allocated
 *
 * What happens to tables that are not published yet, and repetitions, are left out.
 */
#include "unit/fixture.h"

struct order {
	char text[64];
	size_t nr;
};

static char event_letter(const struct watcher *w, const struct event *e)
{
	switch (e->kind) {
	case EVENT_ALLOC:
		return 'N';
	case EVENT_FREE:
		return 'F';
	case EVENT_RANGE:
		return 'r';
	case EVENT_TABLES_FREED:
		return 't';
	case EVENT_ALL:
		return 'a';
	case EVENT_TOP:
		return 'T';
	case EVENT_STORE:
		break;
	}
	if (watcher_is_valid(w, e->old))
		return watcher_is_valid(w, e->new_) ? 'c' : 'b';
	return watcher_is_valid(w, e->new_) ? 'm' : 's';
}

/* Pages that were allocated since, and not published before the event @at. */
static bool is_unpublished(const struct fixture *f, size_t at, pt_pa_t pa)
{
	const struct watcher *w = &f->watcher;
	bool fresh = false;

	for (size_t i = 0; i < at; i++) {
		const struct event *e = &w->event[i];

		if (e->kind == EVENT_ALLOC && e->pa == (pa & ~(f->granule - 1)))
			fresh = true;
		if (e->kind == EVENT_STORE && watcher_is_table(w, e->new_, e->level) &&
		    e->new_ == raw_table(&f->fmt, pa & ~(f->granule - 1)))
			fresh = false;
	}
	return fresh;
}

static struct order order_of(const struct fixture *f)
{
	struct order order = { .nr = 0 };

	for (size_t i = 0; i < f->watcher.nr_events; i++) {
		const struct event *e = &f->watcher.event[i];
		char letter = event_letter(&f->watcher, e);

		if ((e->kind == EVENT_STORE || e->kind == EVENT_FREE) &&
		    is_unpublished(f, i, e->pa))
			continue;
		if (order.nr && order.text[order.nr - 1] == letter)
			continue;
		if (order.nr < sizeof(order.text) - 1)
			order.text[order.nr++] = letter;
	}
	return order;
}

#define ASSERT_ORDER(f, want)                                                                      \
	do {                                                                                       \
		struct order order_ = order_of(f);                                                 \
		assert_string_equal(order_.text, want);                                            \
	} while (0)

static bool has_bbm2(const struct fixture *f)
{
	return f->fmt.bbm == 2;
}

static void unhooks_flushes_frees_in_that_order(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map_small(f, n, 1, n, RWX);
	do_unmap(f, n, 1, PT_CHANGE_FREE_TABLES);
	/* the leaf, then the words of the tables above it, one flush, the pages */
	ASSERT_ORDER(f, "btF");
	agree(f);
}

/* One flush of one page: it finds all that led to the page. */
static void in_every_mode_pages_are_freed_last(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), frees = 0, flushes = 0;

	do_map_small(f, n, 1, n, RWX);
	do_unmap(f, n, 1, PT_CHANGE_FREE_TABLES);
	for (size_t i = 0; i < f->watcher.nr_events; i++) {
		const struct event *e = &f->watcher.event[i];

		if (e->kind == EVENT_TABLES_FREED) {
			flushes++;
			assert_int_equal(frees, 0);
			assert_int_equal(e->first, page_va(f, n));
			assert_int_equal(e->last, page_va(f, n + 1) - 1);
			assert_int_equal(e->stride_lg2, f->info.granule_lg2);
		}
		frees += e->kind == EVENT_FREE;
	}
	assert_int_equal(flushes, 1);
	assert_int_equal(frees, f->info.nr_levels - 1);
}

static void a_gather_keeps_everything_until_it_is_finished(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), live;
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather, .flags = PT_CHANGE_FREE_TABLES };

	do_map_small(f, n, 1, n, RWX);
	do_map_small(f, 3 * n, 1, n, RWX);
	live = f->source.nr_live;
	pt_gather_begin(&gather, f->pt);
	assert_ptr_equal(gather.pt, f->pt);
	assert_int_equal(gather.nr_ranges, 0);
	watcher_expect(&f->watcher, f->pt);
	assert_int_equal(pt_unmap(f->pt, page_va(f, n), f->granule, &change), 0);
	assert_int_equal(pt_unmap(f->pt, page_va(f, 3 * n), f->granule, &change), 0);
	ref_unmap(&f->ref, 0, f->nr_pages);
	for (size_t i = 0; i < f->watcher.nr_events; i++)
		assert_int_equal(f->watcher.event[i].kind, EVENT_STORE);
	assert_int_equal(f->source.nr_live, live);
	assert_int_equal(gather.nr_tables, live - 1);
	assert_true(gather.nr_ranges >= 1);
	pt_gather_finish(&gather);
	assert_int_equal(f->source.nr_live, 1);
	assert_true(watcher_was_flushed(&f->watcher, f->pt));
	/* empty, and of use again */
	assert_int_equal(gather.nr_ranges, 0);
	assert_int_equal(gather.nr_tables, 0);
	assert_int_equal(gather.over_flush, 0);
	f->watcher.nr_events = 0;
	pt_gather_finish(&gather);
	assert_int_equal(f->watcher.nr_events, 0);
	agree(f);
}

static void assert_range(const struct fixture *f, const struct pt_gather *gather, unsigned int i,
			 size_t first, size_t last)
{
	assert_true(i < gather->nr_ranges);
	assert_int_equal(gather->range[i].first, page_va(f, first));
	assert_int_equal(gather->range[i].last, page_va(f, last + 1) - 1);
	assert_int_equal(gather->range[i].stride_lg2, f->info.granule_lg2);
	assert_false(gather->range[i].tables);
}

static void neighbours_become_one_range(void **state)
{
	struct fixture *f = *state;
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather };
	/* in any order: behind, before, between */
	static const size_t page[] = { 4, 5, 3, 8, 6, 7 };

	do_map_small(f, 0, 12, 0, RWX);
	pt_gather_begin(&gather, f->pt);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(pt_unmap(f->pt, page_va(f, page[i]), f->granule, &change), 0);
	assert_int_equal(gather.nr_ranges, 1);
	assert_range(f, &gather, 0, 3, 8);
	assert_int_equal(gather.over_flush, 0);
	pt_gather_finish(&gather);
}

/* So that what led to a page below is dropped too. */
static void a_range_that_takes_in_another_takes_its_tables(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather, .flags = PT_CHANGE_FREE_TABLES };

	do_map_small(f, n - 3, 4, 0, RWX);
	pt_gather_begin(&gather, f->pt);
	assert_int_equal(pt_unmap(f->pt, page_va(f, n), f->granule, &change), 0);
	assert_int_equal(pt_unmap(f->pt, page_va(f, n - 2), f->granule, &change), 0);
	assert_int_equal(gather.nr_ranges, 2);
	assert_false(gather.range[0].tables);
	assert_int_equal(pt_unmap(f->pt, page_va(f, n - 1), f->granule, &change), 0);
	assert_int_equal(gather.nr_ranges, 1);
	assert_true(gather.range[0].tables);
	pt_gather_finish(&gather);
}

/* Full: the two with the smallest gap become one, and what is between is counted. */
static void a_full_gather_merges_the_nearest(void **state)
{
	struct fixture *f = *state;
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather };
	size_t page = 0;

	do_map_small(f, 0, 100, 0, RWX);
	pt_gather_begin(&gather, f->pt);
	/* ranges 0, 3, 7, 12, 18, ...: gaps of 2, 3, 4, 5 pages, ... */
	for (size_t i = 0; i < PT_GATHER_RANGES; i++) {
		assert_int_equal(pt_unmap(f->pt, page_va(f, page), f->granule, &change), 0);
		page += 3 + i;
	}
	assert_int_equal(gather.nr_ranges, PT_GATHER_RANGES);
	assert_int_equal(gather.over_flush, 0);
	assert_int_equal(pt_unmap(f->pt, page_va(f, 90), f->granule, &change), 0);
	assert_int_equal(gather.nr_ranges, PT_GATHER_RANGES);
	assert_int_equal(gather.over_flush, 2 * f->granule);
	assert_range(f, &gather, 0, 0, 3);
	assert_range(f, &gather, 1, 7, 7);
	assert_range(f, &gather, PT_GATHER_RANGES - 1, 90, 90);
	/* neighbours of a range need no room */
	assert_int_equal(pt_unmap(f->pt, page_va(f, 8), 2 * f->granule, &change), 0);
	assert_range(f, &gather, 1, 7, 9);
	assert_int_equal(gather.over_flush, 2 * f->granule);
	/* the nearest are now 7 to 9 and 12 */
	assert_int_equal(pt_unmap(f->pt, page_va(f, 80), f->granule, &change), 0);
	assert_int_equal(gather.nr_ranges, PT_GATHER_RANGES);
	assert_int_equal(gather.over_flush, 4 * f->granule);
	assert_range(f, &gather, 0, 0, 3);
	assert_range(f, &gather, 1, 7, 12);
	for (unsigned int i = 0; i + 1 < gather.nr_ranges; i++)
		assert_true(gather.range[i].last < gather.range[i + 1].first);
	f->watcher.nr_events = 0;
	pt_gather_finish(&gather);
	assert_int_equal(f->watcher.nr_events, PT_GATHER_RANGES);
}

/* The smallest leaf in a range says how far apart the addresses to flush are. */
static void the_stride_is_the_smallest_leafs(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather };

	do_map_flags(f, n, 2 * n, page_pa(f, n), RWX, PT_CHANGE_NO_CONTIG, 0);
	do_map_small(f, 3 * n, 1, 3 * n, RWX);
	pt_gather_begin(&gather, f->pt);
	assert_int_equal(pt_unmap(f->pt, page_va(f, n), f->leaf1, &change), 0);
	assert_int_equal(gather.nr_ranges, 1);
	assert_int_equal(gather.range[0].stride_lg2, lg2(f->leaf1));
	assert_int_equal(pt_unmap(f->pt, page_va(f, 2 * n), f->leaf1 + f->granule, &change), 0);
	assert_int_equal(gather.nr_ranges, 1);
	assert_int_equal(gather.range[0].stride_lg2, f->info.granule_lg2);
	assert_int_equal(gather.range[0].first, page_va(f, n));
	assert_int_equal(gather.range[0].last, page_va(f, 3 * n + 1) - 1);
	pt_gather_finish(&gather);
}

/* For an address space that goes away: one flush of everything, whatever was gathered. */
static void a_full_flush_replaces_all_ranges(void **state)
{
	struct fixture *f = *state;
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather, .flags = PT_CHANGE_FREE_TABLES };

	do_map_small(f, 0, f->nr_pages, 0, RWX);
	pt_gather_begin(&gather, f->pt);
	assert_false(gather.full);
	gather.full = true;
	watcher_expect(&f->watcher, f->pt);
	for (size_t i = 0; i < f->nr_pages; i += 2)
		assert_int_equal(pt_unmap(f->pt, page_va(f, i), f->granule, &change), 0);
	assert_int_equal(pt_unmap(f->pt, page_va(f, 0), f->nr_pages * f->granule, &change), 0);
	ref_unmap(&f->ref, 0, f->nr_pages);
	f->watcher.nr_events = 0;
	pt_gather_finish(&gather);
	assert_true(f->watcher.nr_events >= 1);
	assert_int_equal(f->watcher.event[0].kind, EVENT_ALL);
	for (size_t i = 1; i < f->watcher.nr_events; i++)
		assert_int_equal(f->watcher.event[i].kind, EVENT_FREE);
	assert_true(watcher_was_flushed(&f->watcher, f->pt));
	assert_int_equal(f->source.nr_live, 1);
	assert_false(gather.full);
	agree(f);
}

static void missing_flush_functions_are_nothing_to_do(void **state)
{
	struct fixture *f = *state;
	static const struct pt_flush_ops none = { 0 };
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_pgtable *pt;

	for (unsigned int i = 0; i < 2; i++) {
		cfg.flush = i ? &none : NULL;
		assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), 0);
		assert_int_equal(pt_map(pt, f->base, f->pa, f->leaf1, RWX, NULL), 0);
		assert_int_equal(pt_split(pt, f->base, f->leaf1, 0, NULL), 0);
		assert_int_equal(pt_protect(pt, f->base, f->granule, PT_ATTR_MEM(PT_MEM_UC),
					    PT_ATTR_MEM_MASK, NULL),
				 0);
		assert_int_equal(pt_unmap(pt, f->base, f->leaf1,
					  &(struct pt_change){ .flags = PT_CHANGE_FREE_TABLES }),
				 0);
		pt_pgtable_destroy(pt);
	}
}

/*
 * Sizes. arm64 below BBM level 2: broken, flushed, made. From level 2 on, and on x86, changed in
 * place, and flushed afterwards all the same.
 */
static void order_of_a_split(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map_flags(f, n, n, page_pa(f, n), RWX, PT_CHANGE_NO_CONTIG, 0);
	do_split(f, n, n, 0);
	if (fixture_is_x86(f) || has_bbm2(f))
		ASSERT_ORDER(f, "Ncr");
	else
		ASSERT_ORDER(f, "Nbrm");
	agree(f);
}

static void order_of_a_collapse(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct order order;

	do_map_small(f, n, n, n, RWX);
	do_collapse(f, n, n, 1, PT_CHANGE_NO_CONTIG);
	order = order_of(f);
	/* broken always when others may set accessed and dirty behind our back */
	if (!strcmp(order.text, "ctF"))
		assert_true(fixture_is_x86(f) || has_bbm2(f));
	else
		assert_string_equal(order.text, "btmF");
	agree_after(f, true);
}

static void order_of_a_fold(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map_small(f, b, b, b, RWX);
	do_collapse(f, b, b, 0, 0);
	if (has_bbm2(f))
		ASSERT_ORDER(f, "cr");
	else
		ASSERT_ORDER(f, "brm");
	agree_after(f, true);
}

static void order_of_an_unfold(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map(f, b, b, b, RWX);
	do_unmap(f, b, 1, 0);
	/* the block to entries, then the first of them goes */
	if (has_bbm2(f))
		ASSERT_ORDER(f, "cbr");
	else
		ASSERT_ORDER(f, "brmbr");
	agree(f);
}

static void order_of_a_change_of_memory_type(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map_small(f, 1, 1, 1, RWX);
	do_protect(f, 1, 1, PT_ATTR_MEM(PT_MEM_UC), PT_ATTR_MEM_MASK, 0);
	/* on arm64 at every level of BBM */
	if (fixture_is_x86(f))
		ASSERT_ORDER(f, "cr");
	else
		ASSERT_ORDER(f, "brm");
	agree(f);
	/* whole blocks are broken and made whole */
	do_map(f, 4 * b, 2 * b, 4 * b, RWX);
	do_protect(f, 4 * b, 2 * b, PT_ATTR_MEM(PT_MEM_UC), PT_ATTR_MEM_MASK, 0);
	agree(f);
	assert_int_equal(span_lg2(f, 4 * b), lg2(f->block));
}

static void permissions_change_in_place(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 0, 4, 0, RWX);
	do_protect(f, 0, 4, another_attr(f), PT_ATTR_WRITE, 0);
	ASSERT_ORDER(f, "cr");
	agree(f);
}

/* SDM Vol. 3A, 4.10.2.3: leaves of two sizes for one address must not disagree. */
static void x86_flushes_between_a_split_and_a_change_of_attributes(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map(f, n, n, n, RWX);
	do_protect(f, n + 1, 1, 0, PT_ATTR_WRITE, 0);
	ASSERT_ORDER(f, "Ncrcr");
	assert_int_equal(f->watcher.bad, false);
	agree(f);
}

/* Whatever is gathered: what the architecture wants in between is not put off. */
static void a_gather_does_not_put_off_a_break(void **state)
{
	struct fixture *f = *state;
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather };
	size_t flushes = 0;

	do_map_small(f, 1, 1, 1, RWX);
	pt_gather_begin(&gather, f->pt);
	watcher_expect(&f->watcher, f->pt);
	assert_int_equal(pt_protect(f->pt, page_va(f, 1), f->granule, PT_ATTR_MEM(PT_MEM_UC),
				    PT_ATTR_MEM_MASK, &change),
			 0);
	for (size_t i = 0; i < f->watcher.nr_events; i++)
		flushes += f->watcher.event[i].kind != EVENT_STORE;
	assert_int_equal(flushes, fixture_is_x86(f) ? 0 : 1);
	pt_gather_finish(&gather);
	assert_true(watcher_was_flushed(&f->watcher, f->pt));
}

/* As Linux's, whose mmu_gather has one range. */
static void a_gather_of_one_range_flushes_once(void **state)
{
	struct fixture *f = *state;
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather };
	static const size_t page[] = { 40, 10, 20, 60, 41 };

	do_map_small(f, 0, 100, 0, RWX);
	for (unsigned int most = 1; most <= 3; most++) {
		/* between 10 and 40, and 60; 10 and 20, and 40; 10 and 20 */
		uint64_t merged = most == 1 ? 29 + 19 : most == 2 ? 9 + 19 : 9;

		pt_gather_begin(&gather, f->pt);
		assert_int_equal(gather.max_ranges, 0);
		gather.max_ranges = most;
		f->watcher.nr_events = 0;
		for (size_t i = 0; i < 5; i++) {
			assert_int_equal(pt_protect(f->pt, page_va(f, page[i]), f->granule,
						    most & 1 ? 0 : PT_ATTR_WRITE,
						    most & 1 ? PT_ATTR_WRITE : 0, &change),
					 0);
			assert_true(gather.nr_ranges <= most);
		}
		assert_int_equal(gather.nr_ranges, most);
		assert_int_equal(gather.over_flush, merged * f->granule);
		assert_range(f, &gather, 0, 10, most == 1 ? 60 : most == 2 ? 41 : 20);
		assert_range(f, &gather, most - 1, most == 1 ? 10 : 60, 60);
		f->watcher.nr_events = 0;
		pt_gather_finish(&gather);
		assert_int_equal(f->watcher.nr_events, most);
		assert_int_equal(f->watcher.event[0].kind, EVENT_RANGE);
	}
}

/* Calls without a gather have their table's bound too. */
static void a_table_says_how_many_ranges(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_gather gather;
	struct pt_pgtable *pt;

	cfg.max_ranges = 1;
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), 0);
	pt_gather_begin(&gather, pt);
	assert_int_equal(gather.max_ranges, 1);
	gather.max_ranges = 2;
	pt_gather_finish(&gather);
	assert_int_equal(gather.max_ranges, 1);
	pt_pgtable_destroy(pt);
}

static size_t nr_range_flushes(const struct fixture *f)
{
	size_t nr = 0;

	for (size_t i = 0; i < f->watcher.nr_events; i++)
		nr += f->watcher.event[i].kind == EVENT_RANGE;
	return nr;
}

/* Calls for one page have a way of their own, and owe what a range of one page owes. */
static void a_page_owes_its_own_flush(void **state)
{
	struct fixture *f = *state;
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather };

	do_map_small(f, 0, 4, 0, RWX);
	pt_gather_begin(&gather, f->pt);
	/* the second time nothing changes */
	for (unsigned int i = 0; i < 2; i++) {
		change.bad_va = 99;
		assert_int_equal(pt_protect(f->pt, page_va(f, 2), f->granule, 0, PT_ATTR_WRITE,
					    &change), 0);
		assert_int_equal(change.done, f->granule);
		assert_int_equal(change.bad_va, 0);
		assert_int_equal(gather.nr_ranges, 1);
		assert_range(f, &gather, 0, 2, 2);
		assert_int_equal(gather.nr_leaves, 0);
	}
	pt_gather_finish(&gather);
	for (unsigned int i = 0; i < 2; i++) {
		f->watcher.nr_events = 0;
		assert_int_equal(pt_protect(f->pt, page_va(f, 1), f->granule, 0, PT_ATTR_WRITE,
					    NULL), 0);
		assert_int_equal(nr_range_flushes(f), !i);
	}
	f->watcher.nr_events = 0;
	assert_int_equal(pt_unmap(f->pt, page_va(f, 1), f->granule, NULL), 0);
	assert_int_equal(nr_range_flushes(f), 1);
}

/* Its flush would be lost. */
static void refuses_a_gather_of_another_table(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable_cfg cfg = { .fmt = f->fmt, .tables = page_source_ops(&f->source) };
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather };
	struct pt_pgtable *other;

	assert_int_equal(pt_pgtable_create(&other, f->phys, &cfg), 0);
	do_map_small(f, 1, 2, 1, RWX);
	pt_gather_begin(&gather, other);
	for (uint64_t nr = 1; nr <= 2; nr++) {
		assert_int_equal(pt_unmap(f->pt, page_va(f, 1), nr * f->granule, &change), -EINVAL);
		assert_int_equal(pt_map(f->pt, page_va(f, 3), page_pa(f, 3), nr * f->granule, RWX,
					&change),
				 -EINVAL);
	}
	assert_int_equal(gather.nr_ranges, 0);
	pt_gather_finish(&gather);
	pt_pgtable_destroy(other);
	agree(f);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(unhooks_flushes_frees_in_that_order, NEEDS_2_LEVELS | NEEDS_CHECKED),
		TEST_ON(in_every_mode_pages_are_freed_last, NEEDS_2_LEVELS),
		TEST_ON(a_gather_keeps_everything_until_it_is_finished, NEEDS_2_LEVELS),
		TEST_ON(neighbours_become_one_range, NEEDS_2_LEVELS),
		TEST_ON(a_range_that_takes_in_another_takes_its_tables, NEEDS_2_LEVELS),
		TEST_ON(a_full_gather_merges_the_nearest, NEEDS_2_LEVELS),
		TEST_ON(a_gather_of_one_range_flushes_once, NEEDS_2_LEVELS),
		TEST(a_table_says_how_many_ranges),
		TEST_ON(the_stride_is_the_smallest_leafs, NEEDS_2_LEVELS),
		TEST_ON(missing_flush_functions_are_nothing_to_do, NEEDS_2_LEVELS),
		TEST(a_full_flush_replaces_all_ranges),
		TEST_ON(order_of_a_split, NEEDS_2_LEVELS | NEEDS_CHECKED),
		TEST_ON(order_of_a_collapse, NEEDS_2_LEVELS | NEEDS_CHECKED),
		TEST_ON(order_of_a_fold, NEEDS_CONTIG | NEEDS_CHECKED),
		TEST_ON(order_of_an_unfold, NEEDS_CONTIG | NEEDS_CHECKED),
		TEST_ON(order_of_a_change_of_memory_type, NEEDS_2_LEVELS | NEEDS_CHECKED),
		TEST_ON(permissions_change_in_place, NEEDS_2_LEVELS | NEEDS_CHECKED),
		TEST_ON(x86_flushes_between_a_split_and_a_change_of_attributes,
			NEEDS_X86 | NEEDS_CHECKED),
		TEST(a_gather_does_not_put_off_a_break),
		TEST_ON(a_page_owes_its_own_flush, NEEDS_2_LEVELS),
		TEST_ON(refuses_a_gather_of_another_table, NEEDS_2_LEVELS),
	};

	return RUN_ON_ALL("gather", tests);
}
