/* SPDX-License-Identifier: MIT */
/* Gathers with a bound, of whole address spaces, and with tables: how many flushes, exactly. */
#include "machine_test.h"

static const char *const both[] = { "x86_48", "arm_4k_48" };

struct trial {
	struct fixture f;
	struct process p;
	struct pt_gather gather;
	struct pt_cpu *cpu;
	struct pt_cpu_stats before;
};

static void trial_init(struct trial *t, unsigned int arch, unsigned int pages, bool checked,
		       size_t max_leaves, size_t max_tables)
{
	const struct pt_change single = { .flags = PT_CHANGE_NO_CONTIG };
	struct pt_change change = single;

	memset(t, 0, sizeof(*t));
	fixture_init_policy(&t->f, both[arch], 2, true, NULL, checked);
	t->f.cfg.max_leaves = max_leaves;
	t->f.cfg.max_tables = max_tables;
	process_init(&t->f, &t->p);
	change.max_lg2 = 12;
	assert_int_equal(pt_map(t->p.pt, VA, DATA, pages * t->f.page, RWU, &change), 0);
	pt_cpu_leave(run_on(&t->f, 1, t->p.space));
	t->cpu = run_on(&t->f, 0, t->p.space);
	t->before = stats_of(t->cpu);
	pt_gather_begin(&t->gather, t->p.pt);
}

static void unmap(struct trial *t, unsigned int first, unsigned int pages, unsigned int flags)
{
	struct pt_change change = { .gather = &t->gather, .flags = flags };

	assert_int_equal(pt_unmap(t->p.pt, VA + first * t->f.page, pages * t->f.page, &change), 0);
}

static void expect(struct trial *t, uint64_t requests, uint64_t pages, uint64_t full)
{
	struct pt_cpu_stats s = stats_of(t->cpu);

	assert_int_equal(s.flush_requests - t->before.flush_requests, requests);
	assert_int_equal(s.flush_pages - t->before.flush_pages, pages);
	assert_int_equal(s.flush_full - t->before.flush_full, full);
	if (is_x86(&t->f))
		assert_int_equal(s.ipis_sent - t->before.ipis_sent, requests);
	else
		assert_int_equal(s.barriers - t->before.barriers, requests);
}

static void trial_exit(struct trial *t)
{
	pt_cpu_leave(t->cpu);
	process_exit(&t->p);
	fixture_exit(&t->f);
}

static void a_full_bundle_is_flushed_at_once(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 4; arch++) {
		struct trial t;

		trial_init(&t, arch & 1, 40, arch & 2, 10, 0);
		unmap(&t, 0, 35, 0);
		expect(&t, 3, 30, 0);
		assert_int_equal(t.gather.nr_forced, 3);
		assert_int_equal(t.gather.nr_leaves, 5);
		/* page by page it fills as well */
		for (unsigned int page = 35; page < 39; page++)
			unmap(&t, page, 1, 0);
		expect(&t, 3, 30, 0);
		unmap(&t, 39, 1, 0);
		expect(&t, 4, 40, 0);
		assert_int_equal(t.gather.nr_forced, 4);
		pt_gather_finish(&t.gather);
		expect(&t, 4, 40, 0); /* nothing was left */
		assert_int_equal(t.gather.max_leaves, 10);
		trial_exit(&t);
	}
}

/* Holes take no room. */
static void only_leaves_count(void **state)
{
	struct trial t;

	(void)state;
	trial_init(&t, 0, 40, true, 0, 0);
	for (unsigned int page = 1; page < 40; page += 2)
		unmap(&t, page, 1, 0);
	pt_gather_finish(&t.gather);
	t.before = stats_of(t.cpu);
	t.gather.max_leaves = 8;
	unmap(&t, 0, 40, 0);
	pt_gather_finish(&t.gather);
	/* 20 leaves: 8, 8 and 4, and what is between them */
	expect(&t, 3, 15 + 15 + 7, 0);
	trial_exit(&t);
}

static void linux_bundles_come_to_9678(void **state)
{
	(void)state;
	assert_int_equal(PT_GATHER_LINUX_LEAVES, 9678);
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct trial t;

		trial_init(&t, arch, 20000, false, PT_GATHER_LINUX_LEAVES, PT_GATHER_LINUX_TABLES);
		unmap(&t, 0, 9677, 0);
		expect(&t, 0, 0, 0);
		unmap(&t, 9677, 1, 0);
		expect(&t, 1, 9678, !arch);
		unmap(&t, 9678, 20000 - 9678, 0);
		expect(&t, 2, 2 * 9678, arch ? 0 : 2);
		pt_gather_finish(&t.gather);
		expect(&t, 3, 20000, arch ? 0 : 3);
		trial_exit(&t);
	}
}

/* Without a gather of the caller's the table's bound holds too. */
static void a_call_by_itself_is_bounded_too(void **state)
{
	struct trial t;

	(void)state;
	trial_init(&t, 1, 100, true, 30, 0);
	assert_int_equal(pt_unmap(t.p.pt, VA, 100 * t.f.page, NULL), 0);
	expect(&t, 4, 100, 0);
	trial_exit(&t);
}

/* Each table of 512 pages that goes: with a bound of two, the third waits for a flush. */
static void tables_have_a_bundle_of_their_own(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 4; arch++) {
		struct trial t;
		uint64_t live;

		trial_init(&t, arch & 1, 5 * 512, arch & 2, 0, 2);
		live = t.f.source.nr_live;
		unmap(&t, 0, 5 * 512, PT_CHANGE_FREE_TABLES);
		/* five of level 0, then what was above them: one and one */
		assert_int_equal(t.gather.nr_forced, 3);
		assert_int_equal(t.gather.nr_tables, 1);
		assert_int_equal(t.f.source.nr_live, live - 6);
		pt_gather_finish(&t.gather);
		assert_int_equal(t.f.source.nr_live, live - 7);
		assert_int_equal(t.f.source.nr_live, 1);
		expect(&t, 4, stats_of(t.cpu).flush_pages - t.before.flush_pages,
		       stats_of(t.cpu).flush_full - t.before.flush_full);
		trial_exit(&t);
	}
}

/* What goes as a whole is flushed once, whatever its ranges; what changed nothing, not at all. */
static void a_whole_space_is_one_flush(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct trial t;

		trial_init(&t, arch, 64, true, 0, 0);
		t.gather.full = true;
		pt_gather_finish(&t.gather);
		expect(&t, 0, 0, 0);
		t.gather.full = true;
		for (unsigned int page = 0; page < 64; page += 4)
			unmap(&t, page, 2, PT_CHANGE_FREE_TABLES);
		pt_gather_finish(&t.gather);
		expect(&t, 1, 0, 1);
		/* bounded, each bundle is one */
		t.before = stats_of(t.cpu);
		t.gather.full = true;
		t.gather.max_leaves = 16;
		unmap(&t, 0, 64, 0);
		pt_gather_finish(&t.gather);
		expect(&t, 2, 0, 2);
		trial_exit(&t);
	}
}

/* A range whose tables went is flushed for them; one that lost leaves alone is not. */
static void walk_caches_go_where_tables_went(void **state)
{
	(void)state;
	for (unsigned int free_tables = 0; free_tables < 2; free_tables++) {
		struct pt_access_result result;
		struct trial t;

		trial_init(&t, 1, 512, true, 0, 0);
		assert_int_equal(touch(&t.f, t.cpu, VA, PT_ACCESS_READ, &result), 0);
		unmap(&t, 0, 512, free_tables ? PT_CHANGE_FREE_TABLES : 0);
		pt_gather_finish(&t.gather);
		expect(&t, 1, 512, 0);
		/* one page in two levels; with tables, what led to it */
		assert_int_equal(stats_of(t.cpu).dropped, free_tables ? 2 + 3 : 2);
		assert_int_equal(stats_of(t.cpu).dropped_needlessly, 0);
		trial_exit(&t);
	}
}

/*
 * Tables that go with their pages make no flush longer, as in Linux, whose pte_free_tlb() adds a page
 * to the range. A table that was empty is one entry of what names it.
 */
static void tables_go_with_the_flush_of_their_pages(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct pt_access_result result;
		struct trial t;

		trial_init(&t, arch, 10, true, 0, 0);
		assert_int_equal(touch(&t.f, t.cpu, VA, PT_ACCESS_READ, &result), 0);
		unmap(&t, 0, 10, PT_CHANGE_FREE_TABLES);
		assert_int_equal(t.gather.nr_tables, 3);
		pt_gather_finish(&t.gather);
		expect(&t, 1, 10, 0);
		assert_int_equal(stats_of(t.cpu).dropped, 2 + 3);
		trial_exit(&t);

		trial_init(&t, arch, 10, true, 0, 0);
		assert_int_equal(touch(&t.f, t.cpu, VA, PT_ACCESS_READ, &result), 0);
		unmap(&t, 0, 10, 0);
		pt_gather_finish(&t.gather);
		expect(&t, 1, 10, 0);
		t.before = stats_of(t.cpu);
		unmap(&t, 3, 2, PT_CHANGE_FREE_TABLES);
		assert_int_equal(t.gather.nr_tables, 3);
		pt_gather_finish(&t.gather);
		expect(&t, 1, arch ? 512 : 1, 0);
		assert_int_equal(touch(&t.f, t.cpu, VA, PT_ACCESS_READ, &result), 1);
		trial_exit(&t);
	}
}

/* What is left of a contiguous block would translate all of it again. */
static void contiguous_blocks_are_not_cut(void **state)
{
	struct pt_check_stats checked;
	struct trial t;

	(void)state;
	trial_init(&t, 1, 1, true, 10, 0);
	assert_int_equal(pt_map(t.p.pt, VA + 16 * t.f.page, DATA + 16 * t.f.page, 48 * t.f.page,
				RWU, &(struct pt_change){ .max_lg2 = 16 }),
			 0);
	t.before = stats_of(t.cpu);
	unmap(&t, 0, 64, 0);
	/* the page and the block that has the tenth leaf, and then a block each */
	assert_int_equal(t.gather.nr_forced, 3);
	pt_gather_finish(&t.gather);
	expect(&t, 3, 32 + 16 + 16, 0);
	pt_machine_check_stats(t.f.machine, &checked);
	assert_int_equal(checked.reports, 0);
	trial_exit(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_bundle_is_flushed_at_once),
		cmocka_unit_test(only_leaves_count),
		cmocka_unit_test(linux_bundles_come_to_9678),
		cmocka_unit_test(a_call_by_itself_is_bounded_too),
		cmocka_unit_test(tables_have_a_bundle_of_their_own),
		cmocka_unit_test(a_whole_space_is_one_flush),
		cmocka_unit_test(walk_caches_go_where_tables_went),
		cmocka_unit_test(tables_go_with_the_flush_of_their_pages),
		cmocka_unit_test(contiguous_blocks_are_not_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
