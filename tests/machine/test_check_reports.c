/* SPDX-License-Identifier: MIT */
/*
 * What the checker knows of an entry whose use the tables of now refuse, of what was found by a
 * table that went, and of changes that came before others.
 */
#include <inttypes.h>

#include "machine_test.h"

#define TCR_HA BIT(39)
#define SUBTREE 3 /* the level of a word that leads to a whole subtree */

struct trial {
	struct fixture f;
	struct pt_space *space;
	struct pt_pgtable *pt, *library; /* see link_library() */
	struct pt_flush_ops ops;
	struct pt_watch_ops watch;
	struct pt_cpu *cpu;
	bool forgets; /* flushes do nothing */
	bool is_short; /* or the least that x86 does for page VA, and arm64 with its tables */
	bool uses; /* page VA is read between the next store and its report */
	unsigned int nr_reports;
	struct pt_check_report last;
};

static void note(void *ctx, const struct pt_check_report *report)
{
	struct trial *t = ctx;

	t->nr_reports++;
	t->last = *report;
}

static void flush_short(struct trial *t)
{
	if (is_x86(&t->f)) {
		pt_cpu_invlpg(t->cpu, VA);
		return;
	}
	assert_int_equal(pt_cpu_tlbi(t->cpu, PT_TLBI_VAAE1, VA >> 12, 0, true), 0);
	pt_cpu_dsb(t->cpu);
}

static void range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct trial *t = ctx;
	const struct pt_flush_ops *real = pt_space_flush_ops(t->space);

	if (t->is_short)
		flush_short(t);
	else if (!t->forgets)
		real->range(real->ctx, first, last, stride_lg2);
}

static void tables(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct trial *t = ctx;
	const struct pt_flush_ops *real = pt_space_flush_ops(t->space);

	if (t->is_short)
		flush_short(t);
	else if (!t->forgets)
		real->tables_freed(real->ctx, first, last, stride_lg2);
}

static void store(void *ctx, const struct pt_store *store)
{
	struct trial *t = ctx;
	const struct pt_watch_ops *real = pt_space_watch_ops(t->space);
	struct pt_access_result result;

	if (t->uses) {
		t->uses = false;
		assert_int_equal(touch(&t->f, t->cpu, VA, PT_ACCESS_READ, &result), 0);
		assert_int_equal(result.nr_loads[0], 0);
	}
	real->store(real->ctx, store);
}

static void flushed(void *ctx, pt_va_t first, pt_va_t last, bool with_tables)
{
	struct trial *t = ctx;
	const struct pt_watch_ops *real = pt_space_watch_ops(t->space);

	real->flushed(real->ctx, first, last, with_tables);
}

/* CPU 0 runs an empty space; arm64: leaves that are not accessed fault. */
static void trial_init(struct trial *t, const char *name, bool keeps_tables)
{
	const unsigned int kinds = PT_CHECK_WRONG & ~(1u << PT_CHECK_BREAK);

	memset(t, 0, sizeof(*t));
	fixture_init_policy(&t->f, name, 1, keeps_tables, NULL, true);
	assert_int_equal(pt_machine_set_checker(t->f.machine, kinds, note, t), 0);
	assert_int_equal(pt_space_create(&t->space, t->f.machine), 0);
	t->ops = (struct pt_flush_ops){ .range = range, .tables_freed = tables, .ctx = t };
	t->watch = (struct pt_watch_ops){ .store = store, .ctx = t, .flushed = flushed };
	t->f.cfg.flush = &t->ops;
	t->f.cfg.watch = &t->watch;
	assert_int_equal(pt_pgtable_create(&t->pt, t->f.phys, &t->f.cfg), 0);
	assert_int_equal(pt_space_set_table(t->space, t->pt), 0);
	t->cpu = run_on(&t->f, 0, t->space);
	if (!is_x86(&t->f)) {
		struct pt_arm64_regs regs = *pt_cpu_arm64(t->cpu);

		regs.tcr &= ~TCR_HA;
		assert_int_equal(pt_cpu_load_arm64(t->cpu, &regs), 0);
	}
	assert_int_equal(pt_cpu_switch(t->cpu, t->space), 0);
}

static void trial_exit(struct trial *t)
{
	load_cpu(&t->f, t->cpu, TABLES);
	pt_cpu_leave(t->cpu);
	pt_pgtable_destroy(t->pt);
	pt_pgtable_destroy(t->library);
	pt_space_destroy(t->space);
	fixture_exit(&t->f);
}

static void map(struct trial *t, pt_pa_t pa, uint64_t len, pt_attr_t attr)
{
	struct pt_change change = { .flags = len == t->f.page ? PT_CHANGE_NO_CONTIG : 0 };

	assert_int_equal(pt_map(t->pt, VA, pa, len, attr, &change), 0);
}

/* Nothing is mapped, nothing kept, and nobody has reported anything. */
static void start_over(struct trial *t)
{
	struct pt_change holes = { .flags = PT_CHANGE_SKIP_HOLES };

	t->forgets = false;
	assert_int_equal(pt_unmap(t->pt, VA, BIT(21), &holes), 0);
	range(t, VA, VA + BIT(21) - 1, 12);
	t->nr_reports = 0;
}

/* Whether it succeeds by an entry that is there. */
static bool hits_at(struct trial *t, pt_va_t va, enum pt_access_kind kind)
{
	struct pt_access_result result;

	return !touch(&t->f, t->cpu, va, kind, &result) && !result.nr_loads[0];
}

static const char *const both[] = { "x86_48", "arm_4k_48" };
static const char *const all[] = { "x86_48", "arm_4k_48", "arm_16k_48", "arm_64k_48" };
#define NR_ALL (sizeof(all) / sizeof(all[0]))

enum change {
	NONE,
	PROTECT, /* writes */
	MEMORY, /* type; x86 */
	MOVE, /* to other pages, that nobody has used */
	MOVE_READ_ONLY,
	NR_CHANGES,
};

#define ELSEWHERE (DATA + BIT(28))

static void apply(struct trial *t, enum change change, uint64_t len)
{
	struct pt_change how = { 0 };

	switch (change) {
	case PROTECT:
		assert_int_equal(pt_protect(t->pt, VA, len, 0, PT_ATTR_WRITE, &how), 0);
		break;
	case MEMORY:
		assert_int_equal(pt_protect(t->pt, VA, len, PT_ATTR_MEM(PT_MEM_UC),
					    PT_ATTR_MEM_MASK, &how),
				 0);
		break;
	case MOVE:
	case MOVE_READ_ONLY:
		assert_int_equal(pt_unmap(t->pt, VA, len, &how), 0);
		map(t, ELSEWHERE, len,
		    change == MOVE ? RWU & ~PT_ATTR_ACCESSED : RWU & ~PT_ATTR_WRITE);
		break;
	default:
		break;
	}
}

static const enum pt_check_kind kind_of[NR_CHANGES] = {
	[PROTECT] = PT_CHECK_RIGHTS,
	[MEMORY] = PT_CHECK_MEMORY,
	[MOVE] = PT_CHECK_ADDRESS,
	[MOVE_READ_ONLY] = PT_CHECK_ADDRESS,
};

/*
 * A leaf that was aged, and so is refused, may be used without a flush; what else was changed of it
 * may not. Found as fork's write-protection, which was forgotten only of what had been aged.
 */
static void ageing_hides_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_ALL; i++) {
		struct trial t;

		trial_init(&t, all[i], false);
		for (unsigned int n = 0; n < 4 * NR_CHANGES; n++) {
			bool aged = n & 1, block = n & 2;
			enum change change = (enum change)(n / 4);
			uint64_t len = block ? BIT(21) : t.f.page;

			/* x86 has no blocks, arm64 no such type */
			if (is_x86(&t.f) ? block : change == MEMORY)
				continue;
			map(&t, DATA, len, RWU);
			assert_false(hits_at(&t, VA, PT_ACCESS_WRITE));
			if (aged)
				assert_int_equal(pt_test_and_clear_accessed(t.pt, VA, len, NULL),
						 0);
			assert_true(hits_at(&t, VA, PT_ACCESS_WRITE));
			assert_int_equal(t.nr_reports, 0);
			t.forgets = true;
			apply(&t, change, len);
			assert_true(hits_at(&t, VA, PT_ACCESS_WRITE));
			assert_int_equal(t.nr_reports, change != NONE);
			if (change != NONE)
				assert_int_equal(t.last.kind, kind_of[change]);
			start_over(&t);
		}
		trial_exit(&t);
	}
}

/* The address before rights, and where the tables lead though they refuse that access. */
static void reports_of_what_is_refused_say_where_tables_lead(void **state)
{
	char text[600], address[40];

	(void)state;
	for (size_t i = 0; i < NR_ALL; i++) {
		struct trial t;

		trial_init(&t, all[i], false);
		for (enum change change = PROTECT; change < NR_CHANGES; change++) {
			pt_pa_t pa = change < MOVE ? DATA : ELSEWHERE;

			if (change == MEMORY && !is_x86(&t.f))
				continue;
			map(&t, DATA, t.f.page, RWU);
			assert_false(hits_at(&t, VA, PT_ACCESS_WRITE));
			t.forgets = true;
			apply(&t, change, t.f.page);
			assert_true(hits_at(&t, VA, PT_ACCESS_WRITE));
			assert_int_equal(t.nr_reports, 1);
			assert_int_equal(t.last.kind, kind_of[change]);
			assert_true(t.last.mapped);
			assert_int_equal(t.last.pa, pa);
			(void)pt_check_report_text(&t.last, text, sizeof(text));
			(void)snprintf(address, sizeof(address), "tables %#" PRIx64 "\n", pa);
			assert_non_null(strstr(text, address));
			start_over(&t);
		}
		trial_exit(&t);
	}
}

/* ---- tables that went ---- */

/* Another table's subtree, which keeps what is in it when it is unhooked. */
static void link_library(struct trial *t)
{
	struct pt_change single = { .flags = PT_CHANGE_NO_CONTIG };

	assert_int_equal(pt_pgtable_create(&t->library, t->f.phys, &t->f.cfg), 0);
	assert_int_equal(pt_map(t->library, VA, DATA, 4 * t->f.page, RWU, &single), 0);
	assert_int_equal(
		pt_map(t->library, VA + BIT(21), DATA + BIT(21), 4 * t->f.page, RWU, &single), 0);
	assert_int_equal(pt_pgtable_link(t->pt, 0, t->library, 0, BIT(39), SUBTREE), 0);
}

static void unlink_library(struct trial *t, struct pt_gather *gather)
{
	pt_gather_begin(gather, t->pt);
	assert_int_equal(pt_pgtable_unlink(t->pt, 0, BIT(39), SUBTREE, gather), 0);
}

/*
 * A page that was found by a table of a walk cache, after the table was unhooked and before that
 * was flushed: it was legal, and has to go with the flush as what was found before.
 */
static void what_was_found_by_a_table_that_went_is_from_before_it_went(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		bool before = i & 2, right = i & 4;
		struct pt_access_result result;
		struct pt_gather gather;
		struct trial t;
		pt_va_t next;

		trial_init(&t, both[i & 1], true);
		link_library(&t);
		next = VA + t.f.page;
		assert_int_equal(touch(&t.f, t.cpu, VA, PT_ACCESS_READ, &result), 0);
		if (before)
			assert_int_equal(touch(&t.f, t.cpu, next, PT_ACCESS_READ, &result), 0);
		unlink_library(&t, &gather);
		assert_int_equal(touch(&t.f, t.cpu, next, PT_ACCESS_READ, &result), 0);
		assert_int_equal(result.nr_loads[0], !before);
		assert_true(hits_at(&t, next, PT_ACCESS_READ));
		assert_int_equal(t.nr_reports, 0);
		t.is_short = !right;
		pt_gather_finish(&gather);
		t.is_short = false;
		assert_int_equal(hits_at(&t, next, PT_ACCESS_READ), !right);
		assert_int_equal(t.nr_reports, !right);
		if (!right)
			assert_int_equal(t.last.kind, PT_CHECK_ADDRESS);
		trial_exit(&t);
	}
}

/* The same of a table below it, arm64: a TLBI of one page leaves the tables of others. */
static void so_are_the_tables_that_were_found_by_it(void **state)
{
	(void)state;
	for (unsigned int right = 0; right < 2; right++) {
		pt_va_t other = VA + BIT(21);
		struct pt_access_result result;
		struct pt_gather gather;
		struct trial t;

		trial_init(&t, "arm_4k_48", true);
		link_library(&t);
		assert_int_equal(touch(&t.f, t.cpu, VA, PT_ACCESS_READ, &result), 0);
		unlink_library(&t, &gather);
		assert_int_equal(touch(&t.f, t.cpu, other, PT_ACCESS_READ, &result), 0);
		assert_int_equal(result.nr_loads[0], 2);
		t.is_short = !right;
		pt_gather_finish(&gather);
		t.is_short = false;
		assert_int_equal(t.nr_reports, 0);
		assert_int_equal(touch(&t.f, t.cpu, other + t.f.page, PT_ACCESS_READ, &result),
				 right);
		assert_int_equal(t.nr_reports, !right);
		if (!right)
			assert_int_equal(t.last.kind, PT_CHECK_TABLE);
		trial_exit(&t);
	}
}

/* ---- several changes ---- */

/* Of the words on the way, not the one nearest the leaf. */
static void the_latest_change_is_named(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct pt_access_result result;
		bool leaf_first = i & 2;
		struct pt_gather gather;
		struct trial t;

		trial_init(&t, both[i & 1], false);
		link_library(&t);
		assert_int_equal(touch(&t.f, t.cpu, VA, PT_ACCESS_WRITE, &result), 0);
		t.forgets = true;
		for (unsigned int n = 0; n < 2; n++) {
			if (n != leaf_first) {
				assert_int_equal(pt_protect(t.library, VA, t.f.page, 0,
							    PT_ATTR_WRITE, NULL),
						 0);
				continue;
			}
			unlink_library(&t, &gather);
			pt_gather_finish(&gather);
			assert_int_equal(pt_pgtable_link(t.pt, 0, t.library, 0, BIT(39), SUBTREE),
					 0);
		}
		assert_true(hits_at(&t, VA, PT_ACCESS_WRITE));
		assert_int_equal(t.nr_reports, 1);
		assert_int_equal(t.last.kind, PT_CHECK_RIGHTS);
		assert_int_equal(t.last.change.level, leaf_first ? SUBTREE : 0);
		t.forgets = false;
		trial_exit(&t);
	}
}

/* What an open change has stored may be used until its successor is flushed, as any word may. */
static void what_stood_there_an_instant_ago_is_legal(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct pt_access_result result;
		bool stays = i & 2; /* as it was made by the flush that was forgotten */
		struct pt_gather gather;
		struct pt_change change = { .gather = &gather };
		struct trial t;

		trial_init(&t, both[i & 1], false);
		map(&t, DATA, t.f.page, RWU);
		assert_int_equal(touch(&t.f, t.cpu, VA, PT_ACCESS_WRITE, &result), 0);
		t.forgets = true;
		assert_int_equal(pt_protect(t.pt, VA, t.f.page, 0, PT_ATTR_WRITE, NULL), 0);
		t.forgets = false;
		pt_gather_begin(&gather, t.pt);
		if (!stays)
			assert_int_equal(pt_protect(t.pt, VA, t.f.page, PT_ATTR_WRITE, 0, &change),
					 0);
		t.uses = true;
		assert_int_equal(pt_unmap(t.pt, VA, t.f.page, &change), 0);
		assert_false(t.uses);
		assert_int_equal(t.nr_reports, stays);
		pt_gather_finish(&gather);
		assert_false(hits_at(&t, VA, PT_ACCESS_READ));
		assert_int_equal(t.nr_reports, stays);
		trial_exit(&t);
	}
}

/* What is remembered is bounded: a change is, until 16384 others were flushed. */
static void changes_are_found_among_many_others(void **state)
{
	enum { ROUNDS = 16384 / 2 };
	static const unsigned int rounds[] = { 1, ROUNDS / 3, ROUNDS - 1, ROUNDS, ROUNDS + 5 };

	(void)state;
	for (unsigned int same_word = 0; same_word < 2; same_word++) {
		struct trial t;

		trial_init(&t, "x86_48", false);
		for (size_t n = 0; n < sizeof(rounds) / sizeof(rounds[0]); n++) {
			pt_va_t busy = same_word ? VA : VA + t.f.page;

			map(&t, DATA, 2 * t.f.page, RWU);
			assert_false(hits_at(&t, VA, PT_ACCESS_WRITE));
			t.forgets = true;
			assert_int_equal(pt_protect(t.pt, VA, t.f.page, 0, PT_ATTR_WRITE, NULL), 0);
			for (unsigned int round = 0; round < rounds[n]; round++) {
				assert_int_equal(
					pt_protect(t.pt, busy, t.f.page, PT_ATTR_EXEC, 0, NULL), 0);
				assert_int_equal(
					pt_protect(t.pt, busy, t.f.page, 0, PT_ATTR_EXEC, NULL), 0);
			}
			assert_true(hits_at(&t, VA, PT_ACCESS_WRITE));
			/* of the same word there is a younger one */
			assert_int_equal(t.nr_reports, same_word || rounds[n] < ROUNDS);
			start_over(&t);
		}
		trial_exit(&t);
	}
}

/* ---- what a change did ---- */

/* VA as @how has it: a page, a block of a level above, nothing. */
enum as {
	AS_PAGE,
	AS_BLOCK,
	AS_TABLE_OF_PAGES,
	AS_READ_ONLY,
	AS_CLEAN,
	AS_UNCACHED,
	AS_ELSEWHERE,
	AS_SWAPPED,
	AS_NOTHING,
	AS_NO_TABLE,
};

struct deed {
	enum as from, to;
	enum pt_changed changed;
	const char *name;
};

static const struct deed deeds[] = {
	{ AS_PAGE, AS_NOTHING, PT_CHANGED_UNMAPPED, "unmapped" },
	{ AS_PAGE, AS_SWAPPED, PT_CHANGED_HIDDEN, "hidden" },
	{ AS_PAGE, AS_ELSEWHERE, PT_CHANGED_MOVED, "moved" },
	{ AS_PAGE, AS_UNCACHED, PT_CHANGED_MEMORY, "memory type changed" },
	{ AS_PAGE, AS_READ_ONLY, PT_CHANGED_RIGHTS, "rights changed" },
	{ AS_PAGE, AS_CLEAN, PT_CHANGED_CLEANED, "cleaned" },
	{ AS_CLEAN, AS_PAGE, PT_CHANGED_MARKS, "marks changed" },
	{ AS_BLOCK, AS_TABLE_OF_PAGES, PT_CHANGED_SPLIT, "split" },
	{ AS_TABLE_OF_PAGES, AS_BLOCK, PT_CHANGED_COLLAPSED, "collapsed" },
	{ AS_TABLE_OF_PAGES, AS_NO_TABLE, PT_CHANGED_UNHOOKED, "unhooked" },
};

/* The x86 word for it. */
static uint64_t word_as(enum as as)
{
	const uint64_t page = DATA | 0x67; /* D, A, U, W, P */

	switch (as) {
	case AS_BLOCK:
		return page | BIT(7);
	case AS_TABLE_OF_PAGES:
		return (TABLES + 0x5000) | 0x67;
	case AS_READ_ONLY:
		return page & ~BIT(1);
	case AS_CLEAN:
		return page & ~BIT(6);
	case AS_UNCACHED:
		return page | BIT(4);
	case AS_ELSEWHERE:
		return page + BIT(12);
	case AS_SWAPPED:
		return BIT(40) | BIT(60);
	case AS_NOTHING:
	case AS_NO_TABLE:
		return 0;
	default:
		return page;
	}
}

/* The store is told by hand, and that it was flushed; who uses the page from before is reported. */
static void reports_name_what_the_change_did_and_where(void **state)
{
	char text[600], expected[80];

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(deeds) / sizeof(deeds[0]); i++) {
		const struct deed *deed = &deeds[i / 2];
		const bool large = deed->from == AS_BLOCK || deed->from == AS_TABLE_OF_PAGES;
		bool off_cpu = i & 1;
		struct pt_access_result result;
		struct pt_change single = { .flags = PT_CHANGE_NO_CONTIG };
		const struct pt_watch_ops *watch;
		struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
		const struct pt_access load = { PT_ACCESS_READ, 8, 3, 0 };
		struct pt_store store;
		unsigned int nr;
		struct trial t;

		trial_init(&t, "x86_48", false);
		watch = pt_space_watch_ops(t.space);
		assert_int_equal(pt_map(t.pt, VA, DATA, t.f.page, RWU, &single), 0);
		assert_int_equal(touch(&t.f, t.cpu, VA, PT_ACCESS_WRITE, &result), 0);
		assert_int_equal(pt_access_trace(pt_cpu_mmu(t.cpu), VA, &load, &result, steps, &nr),
				 0);
		assert_int_equal(nr, 4);
		/* behind everybody's back, or nothing would be stale */
		t.forgets = true;
		assert_int_equal(pt_unmap(t.pt, VA, t.f.page, NULL), 0);
		store = (struct pt_store){
			.pa = steps[3 - large].table_pa + 8 * steps[3 - large].index,
			.level = large,
			.va = VA,
			.old = word_as(deed->from),
			.new_ = word_as(deed->to),
		};
		if (off_cpu)
			pt_cpu_leave(t.cpu);
		watch->store(watch->ctx, &store);
		watch->flushed(watch->ctx, VA, VA + BIT(21) - 1, true);
		if (off_cpu)
			assert_int_equal(pt_cpu_enter(t.cpu), 0);
		t.nr_reports = 0;
		(void)!touch(&t.f, t.cpu, VA, PT_ACCESS_READ, &result);
		assert_int_equal(t.nr_reports, 1);
		assert_int_equal(t.last.change.new_, store.new_);
		assert_int_equal(t.last.changed, deed->changed);
		assert_int_equal(t.last.changed_by, off_cpu ? PT_CHECK_NO_CPU : 0);
		assert_string_equal(pt_changed_name(deed->changed), deed->name);
		(void)pt_check_report_text(&t.last, text, sizeof(text));
		(void)snprintf(expected, sizeof(expected), "\n  %s by %s: word ", deed->name,
			       off_cpu ? "no CPU" : "CPU 0");
		assert_non_null(strstr(text, expected));
		t.forgets = false;
		trial_exit(&t);
	}
	assert_string_equal(pt_changed_name(PT_CHANGED_NR), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ageing_hides_nothing_else),
		cmocka_unit_test(reports_of_what_is_refused_say_where_tables_lead),
		cmocka_unit_test(what_was_found_by_a_table_that_went_is_from_before_it_went),
		cmocka_unit_test(so_are_the_tables_that_were_found_by_it),
		cmocka_unit_test(the_latest_change_is_named),
		cmocka_unit_test(what_stood_there_an_instant_ago_is_legal),
		cmocka_unit_test(changes_are_found_among_many_others),
		cmocka_unit_test(reports_name_what_the_change_did_and_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
