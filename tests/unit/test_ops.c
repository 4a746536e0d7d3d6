/* SPDX-License-Identifier: MIT */
/* pt_watch_ops and pt_top_ops: who is told what, and when. */
#include "unit/fixture.h"

/* The fixture's table again, with the top ops. */
static struct pt_pgtable *make_with_top(struct fixture *f)
{
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_pgtable *pt;

	cfg.top = &f->watcher.top_ops;
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), 0);
	return pt;
}

static unsigned int top_slot(const struct fixture *f, pt_va_t va)
{
	unsigned int top = f->info.nr_levels - 1;

	return (unsigned int)(va >> f->info.leaf_lg2[top] &
			      ((UINT64_C(1) << f->info.entries_lg2[top]) - 1));
}

static size_t top_events(const struct fixture *f, unsigned int *first, unsigned int *last)
{
	size_t nr = 0;

	*first = UINT32_MAX;
	*last = 0;
	for (size_t i = 0; i < f->watcher.nr_events; i++) {
		const struct event *e = &f->watcher.event[i];

		if (e->kind != EVENT_TOP)
			continue;
		nr++;
		if (e->first < *first)
			*first = (unsigned int)e->first;
		if (e->last > *last)
			*last = (unsigned int)e->last;
	}
	return nr;
}

static void assert_top(struct fixture *f, unsigned int want_first, unsigned int want_last)
{
	unsigned int first, last;

	assert_true(top_events(f, &first, &last) > 0);
	assert_int_equal(first, want_first);
	assert_int_equal(last, want_last);
	f->watcher.nr_events = 0;
}

static void assert_no_top(struct fixture *f)
{
	unsigned int first, last;

	assert_int_equal(top_events(f, &first, &last), 0);
	f->watcher.nr_events = 0;
}

static void top_is_told_of_the_slots_that_changed(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable *pt = make_with_top(f);
	unsigned int slot = top_slot(f, f->base);
	struct pt_change free_tables = { .flags = PT_CHANGE_FREE_TABLES };

	f->watcher.nr_events = 0;
	assert_int_equal(pt_map(pt, f->base, f->pa, f->granule, RWX, NULL), 0);
	assert_top(f, slot, slot);
	/* not when only a table below it changed */
	assert_int_equal(pt_map(pt, f->base + f->granule, f->pa, f->granule, RWX, NULL), 0);
	assert_int_equal(pt_protect(pt, f->base, f->granule, 0, PT_ATTR_WRITE, NULL), 0);
	assert_int_equal(pt_unmap(pt, f->base, f->granule, &free_tables), 0);
	assert_no_top(f);
	assert_int_equal(pt_unmap(pt, f->base, 2 * f->granule, &free_tables), 0);
	assert_top(f, slot, slot);
	assert_int_equal(pt_unmap(pt, f->base, 2 * f->granule, &free_tables), 0);
	assert_no_top(f);
	pt_pgtable_destroy(pt);
}

/* A table of one level: its leaves are the top slots. */
static void top_is_told_of_leaves_in_the_top_table(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable *pt = make_with_top(f);

	if (f->info.nr_levels > 1) {
		pt_pgtable_destroy(pt);
		skip();
	}
	f->watcher.nr_events = 0;
	assert_int_equal(pt_map(pt, f->base, f->pa, 2 * f->granule, RWX, NULL), 0);
	assert_top(f, 0, 1);
	assert_int_equal(pt_protect(pt, f->base + f->granule, f->granule, 0, PT_ATTR_WRITE, NULL),
			 0);
	assert_top(f, 1, 1);
	assert_int_equal(pt_protect(pt, f->base, f->granule, PT_ATTR_MEM(PT_MEM_UC),
				    PT_ATTR_MEM_MASK, NULL),
			 0);
	assert_top(f, 0, 0);
	assert_int_equal(pt_test_and_clear_accessed(pt, f->base, 2 * f->granule, NULL), 0);
	assert_no_top(f);
	assert_int_equal(pt_unmap(pt, f->base, 2 * f->granule, NULL), 0);
	assert_top(f, 0, 1);
	if (!format_lost_attrs(&f->fmt, PT_ATTR_ACCESSED)) {
		assert_int_equal(pt_map(pt, f->base + f->granule, f->pa, f->granule,
					RWX | PT_ATTR_ACCESSED, NULL),
				 0);
		f->watcher.nr_events = 0;
		assert_int_equal(pt_test_and_clear_accessed(pt, f->base, 2 * f->granule, NULL), 0);
		assert_top(f, 1, 1);
	}
	pt_pgtable_destroy(pt);
}

static void top_is_told_of_large_leaves_splits_and_collapses(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable *pt = make_with_top(f);
	unsigned int top = f->info.nr_levels - 1, slot;
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[top];
	struct pt_change change = { .flags = PT_CHANGE_NO_CONTIG };
	pt_va_t va = f->info.first;

	if (!f->info.can_leaf[top]) {
		pt_pgtable_destroy(pt);
		skip();
	}
	slot = top_slot(f, va);
	f->watcher.nr_events = 0;
	assert_int_equal(pt_map(pt, va, 0, 2 * size, RWX, &change), 0);
	assert_top(f, slot, slot + 1);
	assert_int_equal(pt_split(pt, va + size, f->granule, top - 1, NULL), 0);
	assert_top(f, slot + 1, slot + 1);
	assert_int_equal(pt_collapse(pt, va, 2 * size, top, &change), 0);
	assert_top(f, slot + 1, slot + 1);
	assert_int_equal(pt_protect(pt, va, size, 0, PT_ATTR_WRITE, NULL), 0);
	assert_top(f, slot, slot);
	assert_int_equal(pt_unmap(pt, va, 2 * size, NULL), 0);
	assert_top(f, slot, slot + 1);
	pt_pgtable_destroy(pt);
}

static void top_is_told_of_links(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable *pt = make_with_top(f);
	unsigned int top = f->info.nr_levels - 1, slot = top_slot(f, f->base);
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[top];
	pt_va_t va = f->base & ~(size - 1);

	do_map_small(f, 0, 1, 0, RWX);
	f->watcher.nr_events = 0;
	assert_int_equal(pt_pgtable_link(pt, va, f->pt, va, size, top), 0);
	assert_top(f, slot, slot);
	assert_int_equal(pt_unmap(pt, f->base, f->granule, NULL), 0);
	assert_no_top(f);
	assert_int_equal(pt_pgtable_unlink(pt, va, size, top, NULL), 0);
	assert_top(f, slot, slot);
	pt_pgtable_destroy(pt);
	ref_unmap(&f->ref, 0, 1);
	agree(f);
}

/* Leaves of the top table and a table beside them, which the map makes first. */
static void top_is_told_of_leaves_beside_a_new_table(void **state)
{
	struct fixture *f = *state;
	unsigned int top = f->info.nr_levels - 1, slot = top_slot(f, f->info.first);
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[top];
	struct pt_pgtable *pt;

	if (!f->info.can_leaf[top] || f->info.entries_lg2[top] < 2)
		skip();
	pt = make_with_top(f);
	f->watcher.nr_events = 0;
	assert_int_equal(pt_map(pt, f->info.first, 0, 2 * size + f->granule, RWX, NULL), 0);
	assert_top(f, slot, slot + 2);
	pt_pgtable_destroy(pt);
}

/* Of a block in the top table all entries change when one goes. */
static void top_is_told_of_a_block_that_is_one_no_more(void **state)
{
	struct fixture *f = *state;
	unsigned int top = f->info.nr_levels - 1, slot = top_slot(f, f->info.first);
	unsigned int block_lg2 = f->info.contig_lg2[top];
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[top];
	struct pt_pgtable *pt;

	if (!block_lg2 || f->info.entries_lg2[top] < block_lg2 ||
	    f->info.leaf_lg2[top] + block_lg2 > f->fmt.pa_bits)
		skip();
	pt = make_with_top(f);
	assert_int_equal(pt_map(pt, f->info.first, 0, size << block_lg2, RWX, NULL), 0);
	f->watcher.nr_events = 0;
	assert_int_equal(pt_unmap(pt, f->info.first + size, size, NULL), 0);
	assert_top(f, slot, slot + (1u << block_lg2) - 1);
	pt_pgtable_destroy(pt);
}

/* Also of what led nowhere, and was cleared by who found it. */
static void top_is_told_of_a_bad_table_that_goes(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable *pt = make_with_top(f);
	unsigned int top = f->info.nr_levels - 1, slot = top_slot(f, f->base);
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[top];
	pt_va_t va = f->base & ~(size - 1);
	struct pt_range_walk walk;

	write_word(f, pt_pgtable_root(pt) + 8 * slot, raw_table(&f->fmt, 0));
	f->watcher.nr_events = 0;
	assert_int_equal(pt_range_walk_start(&walk, pt, va, va + size - 1, PT_TYPE_ILLEGAL, 0),
			 PTW_ILLEGAL);
	assert_int_equal(pt_range_walk_clear(&walk, NULL), 0);
	assert_top(f, slot, slot);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	pt_pgtable_destroy(pt);
}

/* Software's words in the top table, from leaves and back. */
static void top_is_told_of_softwares_words(void **state)
{
	struct fixture *f = *state;
	enum pt_soft_release release = fixture_is_x86(f) ? PT_SOFT_X86 : PT_SOFT_ARM64;
	unsigned int top = f->info.nr_levels - 1, slot = top_slot(f, f->info.first);
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[top];
	const struct pt_soft move = { .kind = PT_SOFT_MIGRATION_WRITE };
	struct pt_change change = { .flags = PT_CHANGE_NO_CONTIG };
	pt_va_t va = f->info.first, next = va + size;
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_soft_cfg soft;
	struct pt_pgtable *pt;

	if (!f->info.can_leaf[top] || pt_soft_cfg_init(&soft, release, &f->fmt, 0))
		skip();
	cfg.top = &f->watcher.top_ops;
	cfg.soft = &soft;
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), 0);
	assert_int_equal(pt_map(pt, va, 0, 2 * size, RWX, &change), 0);
	f->watcher.nr_events = 0;
	assert_int_equal(pt_soft_set(pt, va, 2 * size, top, &move, NULL), 0);
	assert_top(f, slot, slot + 1);
	assert_int_equal(pt_soft_map(pt, next, size, size, RWX, NULL), 0);
	assert_top(f, slot + 1, slot + 1);
	assert_int_equal(pt_soft_hide(pt, next, size, 0, 0, NULL), 0);
	assert_top(f, slot + 1, slot + 1);
	assert_int_equal(pt_soft_show(pt, next, size, 0, 0, NULL), 0);
	assert_top(f, slot + 1, slot + 1);
	if (top) {
		assert_int_equal(pt_soft_split(pt, va, f->granule, top - 1, NULL), 0);
		assert_top(f, slot, slot);
	}
	pt_pgtable_destroy(pt);
}

/* Also when a call fails: what it left behind may be a new table. */
static void top_is_told_of_tables_that_a_failed_call_left(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable *pt = make_with_top(f);
	unsigned int slot = top_slot(f, f->base), first, last;
	uint64_t before, after;
	int err;

	before = read_word(f, pt_pgtable_root(pt) + 8 * slot);
	f->watcher.nr_events = 0;
	f->source.fail_at = f->source.nr_allocs + 2;
	err = pt_map(pt, f->base, f->pa, f->granule, RWX, NULL);
	assert_int_equal(err, f->info.nr_levels > 2 ? -ENOMEM : 0);
	f->source.fail_at = 0;
	after = read_word(f, pt_pgtable_root(pt) + 8 * slot);
	if (before != after) {
		assert_true(top_events(f, &first, &last) > 0);
		assert_int_equal(first, slot);
		assert_int_equal(last, slot);
	}
	pt_pgtable_destroy(pt);
}

/* Old and new words, level and address of each store; the memory holds the new word by then. */
struct log {
	struct fixture *f;
	struct pt_store store[64];
	size_t nr;
	bool in_memory;
};

static void log_store(void *ctx, const struct pt_store *store)
{
	struct log *log = ctx;

	if (log->nr < 64)
		log->store[log->nr++] = *store;
	if (read_word(log->f, store->pa) != store->new_)
		log->in_memory = false;
}

/*
 * Also in the midst of a call, where a full gather frees: who follows
 * would lead to freed tables.
 */
static void top_is_told_before_what_its_slots_named_is_freed(void **state)
{
	struct fixture *f = *state;
	unsigned int top = f->info.nr_levels - 1, told = 0, freed = 0;
	unsigned int nr = f->info.entries_lg2[top] < 2 ? 2 : 4;
	uint64_t len = nr * (UINT64_C(1) << f->info.leaf_lg2[top]), word[4];
	struct pt_change change = { .flags = PT_CHANGE_FREE_TABLES };
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_pgtable *pt;

	cfg.top = &f->watcher.top_ops;
	cfg.max_tables = nr - 1;
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), 0);
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(pt_map(pt, f->info.first + len / nr * i, f->pa, f->granule, RWX,
					NULL),
				 0);
	memcpy(word, pt_phys_to_host(f->phys, pt_pgtable_root(pt), sizeof(word)), nr * 8);
	f->watcher.nr_events = 0;
	assert_int_equal(pt_unmap(pt, f->info.first, len, &change), 0);
	for (size_t i = 0; i < f->watcher.nr_events; i++) {
		const struct event *e = &f->watcher.event[i];

		for (unsigned int k = 0; k < nr; k++) {
			if (e->kind == EVENT_TOP && e->first <= k && k <= e->last)
				told |= 1u << k;
			if (e->kind != EVENT_FREE || raw_table(&f->fmt, e->pa) != word[k])
				continue;
			assert_true(told >> k & 1);
			freed |= 1u << k;
		}
	}
	assert_int_equal(freed, (1u << nr) - 1);
	pt_pgtable_destroy(pt);
}

static void watch_is_told_of_every_store(void **state)
{
	struct fixture *f = *state;
	struct log log = { .f = f, .in_memory = true };
	const struct pt_watch_ops watch = { .store = log_store, .ctx = &log };
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_pgtable *pt;
	unsigned int nr, top = f->info.nr_levels - 1;
	uint64_t leaf;

	cfg.watch = &watch;
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), 0);
	assert_int_equal(pt_map(pt, f->base, f->pa, f->granule, RWX, NULL), 0);
	assert_int_equal(pt_trace(pt, f->base, steps, &nr), 0);
	assert_int_equal(log.nr, nr);
	/* tables from the top down, then the leaf; each where trace finds it */
	for (unsigned int i = 0; i < nr; i++) {
		const struct pt_store *s = &log.store[i];

		assert_int_equal(s->level, top - i);
		assert_int_equal(s->pa, steps[i].table_pa + 8 * steps[i].index);
		assert_int_equal(s->va,
				 f->base & ~((UINT64_C(1) << f->info.leaf_lg2[top - i]) - 1));
		assert_int_equal(s->old, 0);
		assert_int_equal(s->new_, steps[i].raw);
	}
	leaf = steps[nr - 1].raw;
	log.nr = 0;
	assert_int_equal(pt_protect(pt, f->base, f->granule, PT_ATTR_SW(1), 0, NULL), 0);
	assert_int_equal(log.nr, 1);
	assert_int_equal(log.store[0].old, leaf);
	assert_int_equal(log.store[0].level, 0);
	leaf = log.store[0].new_;
	log.nr = 0;
	assert_int_equal(pt_unmap(pt, f->base, f->granule, NULL), 0);
	assert_int_equal(log.nr, 1);
	assert_int_equal(log.store[0].old, leaf);
	assert_int_equal(log.store[0].new_, 0);
	assert_true(log.in_memory);
	pt_pgtable_destroy(pt);
}

static void reading_stores_nothing(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	struct pt_usage usage;

	do_map(f, 0, f->nr_pages, 0, RWX);
	f->watcher.nr_events = 0;
	assert_true(ref_observe(&f->ref, f->pt, false));
	assert_true(ref_check(&f->ref, f->pt));
	assert_int_equal(pt_usage(f->pt, &usage), 0);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_int_equal(pt_range_walk_start(&walk, f->pt, 0, UINT64_MAX, PT_TYPE_PFN, 0), PTW_PFN);
	assert_int_equal(f->watcher.nr_events, 0);
}

static void stores_that_change_nothing_are_not_made(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 0, 2, 0, RWX);
	f->watcher.nr_events = 0;
	do_protect(f, 0, 2, PT_ATTR_WRITE, 0, 0);
	do_age(f, 0, 2);
	for (size_t i = 0; i < f->watcher.nr_events; i++)
		assert_int_not_equal(f->watcher.event[i].kind, EVENT_STORE);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(top_is_told_of_the_slots_that_changed, NEEDS_2_LEVELS),
		TEST(top_is_told_of_leaves_in_the_top_table),
		TEST_ON(top_is_told_of_large_leaves_splits_and_collapses, NEEDS_2_LEVELS),
		TEST_ON(top_is_told_of_links, NEEDS_2_LEVELS),
		TEST_ON(top_is_told_of_leaves_beside_a_new_table, NEEDS_2_LEVELS),
		TEST(top_is_told_of_a_block_that_is_one_no_more),
		TEST_ON(top_is_told_of_a_bad_table_that_goes, NEEDS_2_LEVELS),
		TEST(top_is_told_of_softwares_words),
		TEST_ON(top_is_told_of_tables_that_a_failed_call_left, NEEDS_2_LEVELS),
		TEST_ON(top_is_told_before_what_its_slots_named_is_freed, NEEDS_2_LEVELS),
		TEST(watch_is_told_of_every_store),
		TEST(reading_stores_nothing),
		TEST_ON(stores_that_change_nothing_are_not_made, NEEDS_CHECKED),
	};

	return RUN_ON_ALL("ops", tests);
}
