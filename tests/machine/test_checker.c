/* SPDX-License-Identifier: MIT */
/* Flushes that are wrong, each in one way; the checker says so, and of which word. */
#include "machine_test.h"

/* Pages that stay keep their table; what is changed is PAGES from VA on. */
#define PAGES 4

enum broken {
	RIGHT,
	FORGOTTEN,
	TOO_SHORT,
	WRONG_SPACE, /* another ASID; x86: another generation and other CPUs */
	WRONG_CPUS, /* local, where others have it too */
	BEFORE, /* the change */
	LEAVES_ALONE, /* where a table was freed; arm64 */
	NO_BARRIER, /* arm64 */
	WRONG_HINT, /* arm64: the level of 2M pages */
};

struct trial {
	struct fixture f;
	struct process p, other;
	struct pt_flush_ops ops; /* of p */
	struct pt_cpu *cpu; /* that changes it */
	enum broken how;
	unsigned int nr_reports;
	struct pt_check_report last;
};

/* TLBI VALE1IS of each page, or its local form. */
static void arm64_pages(struct trial *t, pt_va_t first, pt_va_t last, uint64_t hint, bool broadcast)
{
	for (pt_va_t va = first; va < last; va += t->f.page)
		assert_int_equal(pt_cpu_tlbi(t->cpu, PT_TLBI_VAALE1, va >> 12 | hint, 0, broadcast),
				 0);
}

static void flush_wrongly(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2,
			  bool tables)
{
	struct trial *t = ctx;
	const struct pt_flush_ops *real = pt_space_flush_ops(t->p.space);

	switch (t->how) {
	case RIGHT:
		if (tables)
			real->tables_freed(real->ctx, first, last, stride_lg2);
		else
			real->range(real->ctx, first, last, stride_lg2);
		break;
	case FORGOTTEN:
	case BEFORE:
		break;
	case TOO_SHORT:
		real->range(real->ctx, first, last - t->f.page, stride_lg2);
		break;
	case WRONG_SPACE:
		real = pt_space_flush_ops(t->other.space);
		real->range(real->ctx, first, last, stride_lg2);
		break;
	case WRONG_CPUS:
		if (is_x86(&t->f)) {
			for (pt_va_t va = first; va < last; va += t->f.page)
				pt_cpu_invlpg(t->cpu, va);
		} else {
			arm64_pages(t, first, last, 0, false);
			pt_cpu_dsb(t->cpu);
		}
		break;
	case LEAVES_ALONE:
		real->range(real->ctx, first, last, stride_lg2);
		break;
	case NO_BARRIER:
		arm64_pages(t, first, last, 0, true);
		break;
	case WRONG_HINT:
		arm64_pages(t, first, last, UINT64_C(6) << 44, true);
		pt_cpu_dsb(t->cpu);
		break;
	}
}

static void range_wrongly(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	flush_wrongly(ctx, first, last, stride_lg2, false);
}

static void tables_wrongly(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	flush_wrongly(ctx, first, last, stride_lg2, true);
}

static void note(void *ctx, const struct pt_check_report *report)
{
	struct trial *t = ctx;

	t->nr_reports++;
	t->last = *report;
}

static pt_va_t last_page(const struct trial *t)
{
	return VA + (PAGES - 1) * t->f.page;
}

/* CPU 1 and then CPU 0 have used every page of a table with @attr; CPU 0 goes on. */
static void trial_init(struct trial *t, const char *name, enum broken how, pt_attr_t attr)
{
	struct pt_change single = { .flags = PT_CHANGE_NO_CONTIG };
	struct pt_access_result result;

	memset(t, 0, sizeof(*t));
	fixture_init_policy(&t->f, name, 2, how == LEAVES_ALONE, NULL, true);
	process_init(&t->f, &t->other);
	t->how = how;
	t->ops = (struct pt_flush_ops){ .range = range_wrongly,
					.tables_freed = tables_wrongly,
					.ctx = t };
	assert_int_equal(pt_space_create(&t->p.space, t->f.machine), 0);
	t->f.cfg.flush = &t->ops;
	t->f.cfg.watch = pt_space_watch_ops(t->p.space);
	assert_int_equal(pt_pgtable_create(&t->p.pt, t->f.phys, &t->f.cfg), 0);
	assert_int_equal(pt_space_set_table(t->p.space, t->p.pt), 0);
	assert_int_equal(pt_machine_set_checker(t->f.machine, PT_CHECK_WRONG, note, t), 0);
	assert_int_equal(pt_map(t->p.pt, VA, DATA, PAGES * t->f.page, attr, &single), 0);
	for (unsigned int number = 2; number--;) {
		if (t->cpu)
			pt_cpu_leave(t->cpu);
		t->cpu = run_on(&t->f, number, t->p.space);
		for (pt_va_t va = VA; va <= last_page(t); va += t->f.page)
			assert_int_equal(touch(&t->f, t->cpu, va,
					       attr & PT_ATTR_DIRTY ? PT_ACCESS_WRITE
								    : PT_ACCESS_READ,
					       &result),
					 0);
	}
	assert_int_equal(t->nr_reports, 0);
	if (how == BEFORE) {
		t->how = RIGHT;
		range_wrongly(t, VA, VA + PAGES * t->f.page - 1, 12);
		for (pt_va_t va = VA; va <= last_page(t); va += t->f.page)
			assert_int_equal(touch(&t->f, t->cpu, va, PT_ACCESS_READ, &result), 0);
		t->how = how;
	}
}

/* Both CPUs use the last page, which changed. Returns how many reports that made. */
static unsigned int use_last_page(struct trial *t)
{
	struct pt_access_result result;

	(void)!touch(&t->f, t->cpu, last_page(t), PT_ACCESS_READ, &result);
	pt_cpu_leave(t->cpu);
	t->cpu = run_on(&t->f, 1, t->p.space);
	(void)!touch(&t->f, t->cpu, last_page(t), PT_ACCESS_READ, &result);
	return t->nr_reports;
}

static void trial_exit(struct trial *t)
{
	pt_cpu_dsb(t->cpu);
	load_cpu(&t->f, t->cpu, TABLES);
	pt_cpu_leave(t->cpu);
	process_exit(&t->p);
	process_exit(&t->other);
	fixture_exit(&t->f);
}

static const char *const both[] = { "x86_48", "arm_4k_48" };

/* Unmapping, with flushes broken in @how; caught on @cpu, the last that reports, or not at all. */
static void try_unmap(unsigned int arch, enum broken how, bool caught)
{
	struct trial t;
	struct pt_leaf leaf;
	char text[600];

	trial_init(&t, both[arch], how, RWU);
	assert_int_equal(pt_lookup(t.p.pt, last_page(&t), &leaf), 0);
	assert_int_equal(pt_unmap(t.p.pt, VA, PAGES * t.f.page, NULL), 0);
	assert_int_equal(use_last_page(&t) > 0, caught);
	if (caught) {
		assert_int_equal(t.last.kind, PT_CHECK_ADDRESS);
		assert_int_equal(t.last.cpu, 1);
		assert_int_equal(t.last.va, last_page(&t));
		assert_int_equal(t.last.entry.pa, DATA + (PAGES - 1) * t.f.page);
		assert_false(t.last.mapped);
		assert_int_equal(t.last.change.old, leaf.raw);
		assert_int_equal(t.last.change.va, last_page(&t));
		assert_int_equal(t.last.first, last_page(&t));
		assert_int_equal(t.last.last, last_page(&t) + t.f.page - 1);
		assert_true(pt_check_report_text(&t.last, text, sizeof(text)) < sizeof(text));
		assert_non_null(strstr(text, "missing flush (address): CPU 1"));
	}
	trial_exit(&t);
}

/*
 * A flush that was forgotten shows in spite of a later change that is not flushed yet: of the same
 * word, or of the word that names its table. Found as a barrier that fuzz_tlb missed.
 */
static void what_is_overdue_is_no_less_so_by_what_is_open(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		enum broken how = i & 2 ? FORGOTTEN : RIGHT;
		bool free_tables = i & 4, stale;
		struct pt_gather gather;
		struct pt_change later = { .gather = &gather,
					   .flags = free_tables ? PT_CHANGE_FREE_TABLES : 0 };
		struct pt_access_result result;
		struct trial t;

		trial_init(&t, both[i & 1], how, RWU);
		assert_int_equal(pt_unmap(t.p.pt, VA, PAGES * t.f.page, NULL), 0);
		if (!free_tables) /* another page comes there, and is used, and goes */
			assert_int_equal(pt_map(t.p.pt, last_page(&t), DATA + BIT(24), t.f.page,
						RWU, NULL),
					 0);
		pt_gather_begin(&gather, t.p.pt);
		assert_int_equal(pt_unmap(t.p.pt, VA, PAGES * t.f.page, &later), 0);
		assert_int_equal(gather.nr_tables > 0, free_tables);
		assert_int_equal(use_last_page(&t) > 0, how == FORGOTTEN);
		t.how = RIGHT;
		t.nr_reports = 0;
		pt_gather_finish(&gather);
		/* x86 flushes one address for an empty table: what was forgotten stays so */
		stale = how == FORGOTTEN && free_tables && is_x86(&t.f);
		assert_int_equal(touch(&t.f, t.cpu, last_page(&t), PT_ACCESS_READ, &result), !stale);
		assert_int_equal(t.nr_reports > 0, stale);
		trial_exit(&t);
	}
}

/*
 * A table that goes is flushed by any address of it. A leaf of it that another gather holds may be
 * used until that has flushed it, and no longer.
 */
static void a_leaf_is_flushed_by_who_removed_it_not_with_its_table(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		enum broken how = i & 2 ? FORGOTTEN : RIGHT;
		struct pt_change other = { .flags = PT_CHANGE_FREE_TABLES };
		struct pt_gather own;
		struct pt_change change = { .gather = &own };
		struct pt_access_result result;
		struct trial t;

		trial_init(&t, both[i & 1], RIGHT, RWU);
		pt_gather_begin(&own, t.p.pt);
		assert_int_equal(pt_unmap(t.p.pt, last_page(&t), t.f.page, &change), 0);
		assert_int_equal(pt_unmap(t.p.pt, VA, (PAGES - 1) * t.f.page, &other), 0);
		assert_int_equal(own.nr_tables, 0);
		assert_int_equal(touch(&t.f, t.cpu, VA, PT_ACCESS_READ, &result), 1);
		assert_int_equal(touch(&t.f, t.cpu, last_page(&t), PT_ACCESS_READ, &result), 0);
		assert_int_equal(t.nr_reports, 0);
		t.how = how;
		pt_gather_finish(&own);
		assert_int_equal(touch(&t.f, t.cpu, last_page(&t), PT_ACCESS_READ, &result),
				 how == RIGHT);
		assert_int_equal(t.nr_reports > 0, how == FORGOTTEN);
		t.how = RIGHT;
		trial_exit(&t);
	}
}

/*
 * The same where the table went with the flush that was forgotten, and
 * another one came and went.
 */
static void nor_by_another_table_that_came_and_went(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		enum broken how = i & 2 ? FORGOTTEN : RIGHT;
		struct pt_change at_once = { .flags = PT_CHANGE_FREE_TABLES };
		struct pt_gather gather;
		struct pt_change later = { .gather = &gather, .flags = PT_CHANGE_FREE_TABLES };
		struct trial t;

		trial_init(&t, both[i & 1], how, RWU);
		assert_int_equal(pt_unmap(t.p.pt, VA, PAGES * t.f.page, &at_once), 0);
		assert_int_equal(
			pt_map(t.p.pt, last_page(&t), DATA + BIT(24), t.f.page, RWU, NULL), 0);
		pt_gather_begin(&gather, t.p.pt);
		assert_int_equal(pt_unmap(t.p.pt, VA, PAGES * t.f.page, &later), 0);
		assert_true(gather.nr_tables > 0);
		assert_int_equal(use_last_page(&t) > 0, how == FORGOTTEN);
		t.how = RIGHT;
		pt_gather_finish(&gather);
		trial_exit(&t);
	}
}

/* What the gather itself has taken away, tables and all, may be used until it is finished. */
static void what_is_open_is_legal_with_its_tables(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct pt_access_result result;
		struct pt_gather gather;
		struct pt_change change = { .gather = &gather, .flags = PT_CHANGE_FREE_TABLES };
		struct trial t;

		trial_init(&t, both[arch], RIGHT, RWU);
		/* a change of before that was flushed, and the entries are from after it */
		assert_int_equal(pt_protect(t.p.pt, VA, PAGES * t.f.page, 0, PT_ATTR_WRITE, NULL),
				 0);
		for (pt_va_t va = VA; va <= last_page(&t); va += t.f.page)
			assert_int_equal(touch(&t.f, t.cpu, va, PT_ACCESS_READ, &result), 0);
		pt_gather_begin(&gather, t.p.pt);
		assert_int_equal(pt_unmap(t.p.pt, VA, PAGES * t.f.page, &change), 0);
		assert_true(gather.nr_tables > 0);
		assert_int_equal(touch(&t.f, t.cpu, last_page(&t), PT_ACCESS_READ, &result), 0);
		assert_int_equal(t.nr_reports, 0);
		pt_gather_finish(&gather);
		assert_int_equal(use_last_page(&t), 0);
		trial_exit(&t);
	}
}

static void right_flush_is_not_reported(void **state)
{
	(void)state;
	try_unmap(0, RIGHT, false);
	try_unmap(1, RIGHT, false);
}

static void forgotten_flush_is_caught(void **state)
{
	(void)state;
	try_unmap(0, FORGOTTEN, true);
	try_unmap(1, FORGOTTEN, true);
}

static void flush_that_is_too_short_is_caught(void **state)
{
	(void)state;
	try_unmap(0, TOO_SHORT, true);
	try_unmap(1, TOO_SHORT, true);
}

static void flush_of_another_space_is_caught(void **state)
{
	(void)state;
	try_unmap(0, WRONG_SPACE, true);
	try_unmap(1, WRONG_SPACE, true);
}

static void local_flush_where_others_have_it_is_caught(void **state)
{
	(void)state;
	try_unmap(0, WRONG_CPUS, true);
	try_unmap(1, WRONG_CPUS, true);
}

static void flush_before_the_change_is_caught(void **state)
{
	struct trial t;

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		trial_init(&t, both[arch], BEFORE, RWU);
		assert_int_equal(pt_unmap(t.p.pt, VA, PAGES * t.f.page, NULL), 0);
		assert_int_equal(use_last_page(&t), 1);
		assert_int_equal(t.last.cpu, 0); /* CPU 1 had used nothing since */
		trial_exit(&t);
	}
}

static void tlbi_without_its_barrier_is_caught(void **state)
{
	(void)state;
	try_unmap(1, NO_BARRIER, true);
}

static void wrong_level_hint_is_caught(void **state)
{
	(void)state;
	try_unmap(1, WRONG_HINT, true);
}

/* The table is unhooked, and the next page is found through what is kept of it. */
static void leaves_alone_where_a_table_was_freed_is_caught(void **state)
{
	struct trial t;
	struct pt_change free_tables = { .flags = PT_CHANGE_FREE_TABLES };

	(void)state;
	trial_init(&t, "arm_4k_48", LEAVES_ALONE, RWU);
	/* a neighbour keeps the table above, or all of the space would be flushed */
	assert_int_equal(pt_map(t.p.pt, VA + BIT(21), DATA, t.f.page, RWU, NULL), 0);
	assert_int_equal(pt_unmap(t.p.pt, VA, PAGES * t.f.page, &free_tables), 0);
	assert_true(use_last_page(&t) > 0);
	assert_int_equal(t.last.kind, PT_CHECK_TABLE);
	assert_true(t.last.tables);
	trial_exit(&t);
}

/* Who was lazy once is looked at again. */
static void cpus_that_were_lazy_are_checked(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct pt_pgtable *kernel;
		struct trial t;

		trial_init(&t, both[arch], FORGOTTEN, RWU);
		t.f.cfg.flush = NULL;
		t.f.cfg.watch = NULL;
		assert_int_equal(pt_pgtable_create(&kernel, t.f.phys, &t.f.cfg), 0);
		assert_int_equal(pt_space_set_table(pt_machine_kernel(t.f.machine), kernel), 0);
		assert_int_equal(pt_cpu_enter_lazy(t.cpu), 0);
		assert_int_equal(pt_cpu_switch(t.cpu, t.p.space), 0);
		assert_int_equal(pt_unmap(t.p.pt, VA, PAGES * t.f.page, NULL), 0);
		assert_int_equal(use_last_page(&t), 2);
		pt_pgtable_destroy(kernel);
		trial_exit(&t);
	}
}

/* Flushes of the kernel's tables reach them too, and those of the space that they borrow do not. */
static void lazy_cpus_are_held_to_the_kernels_changes_alone(void **state)
{
	const pt_va_t upper = UINT64_C(0xffff800000000000);
	const struct pt_access access = { .kind = PT_ACCESS_READ, .size = 8 };
	struct pt_access_result result;
	struct process kernel;
	struct trial t;

	(void)state;
	trial_init(&t, "x86_48", FORGOTTEN, RWU);
	kernel.space = pt_machine_kernel(t.f.machine);
	t.f.cfg.watch = pt_space_watch_ops(kernel.space);
	assert_int_equal(pt_pgtable_create(&kernel.pt, t.f.phys, &t.f.cfg), 0);
	assert_int_equal(pt_space_set_table(kernel.space, kernel.pt), 0);
	assert_int_equal(pt_map(kernel.pt, upper, DATA, t.f.page, PT_ATTR_RW, NULL), 0);
	assert_int_equal(pt_pgtable_link(t.p.pt, upper, kernel.pt, upper, BIT(39), 3), 0);
	assert_int_equal(pt_cpu_access(t.cpu, upper, &access, &result), 0);

	assert_int_equal(pt_cpu_enter_lazy(t.cpu), 0);
	assert_int_equal(pt_unmap(t.p.pt, VA, t.f.page, NULL), 0);
	assert_int_equal(touch(&t.f, t.cpu, VA, PT_ACCESS_READ, &result), 0);
	assert_int_equal(t.nr_reports, 0);
	assert_int_equal(pt_unmap(kernel.pt, upper, t.f.page, NULL), 0);
	assert_int_equal(pt_cpu_access(t.cpu, upper, &access, &result), 0);
	assert_int_equal(t.nr_reports, 1);
	assert_int_equal(t.last.kind, PT_CHECK_ADDRESS);
	assert_int_equal(t.last.va, upper);
	/* and so is whoever runs the space again */
	assert_int_equal(pt_cpu_switch(t.cpu, t.p.space), 0);
	assert_int_equal(touch(&t.f, t.cpu, VA, PT_ACCESS_READ, &result), 0);
	assert_int_equal(t.nr_reports, 2);
	assert_int_equal(t.last.va, VA);

	assert_int_equal(pt_pgtable_unlink(t.p.pt, upper, BIT(39), 3, NULL), 0);
	pt_pgtable_destroy(kernel.pt);
	trial_exit(&t);
}

static void stale_rights_are_caught_by_any_use(void **state)
{
	struct trial t;

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		trial_init(&t, both[arch], FORGOTTEN, RWU);
		assert_int_equal(pt_protect(t.p.pt, VA, PAGES * t.f.page, 0, PT_ATTR_WRITE, NULL),
				 0);
		assert_int_equal(use_last_page(&t), 2);
		assert_int_equal(t.last.kind, PT_CHECK_RIGHTS);
		trial_exit(&t);
	}
}

static void less_rights_than_tables_give_are_legal(void **state)
{
	struct trial t;

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		trial_init(&t, both[arch], FORGOTTEN, PT_ATTR_READ | PT_ATTR_USER);
		assert_int_equal(pt_protect(t.p.pt, VA, PAGES * t.f.page, PT_ATTR_WRITE, 0, NULL),
				 0);
		assert_int_equal(pt_test_and_clear_accessed(t.p.pt, VA, t.f.page, NULL), 0);
		assert_int_equal(use_last_page(&t), 0);
		trial_exit(&t);
	}
}

static void stale_dirty_is_caught(void **state)
{
	static const char *const tracking[] = { "x86_48", "arm_4k_48_hd_bbm2" };
	struct trial t;

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		trial_init(&t, tracking[arch], FORGOTTEN, RWU);
		assert_int_equal(pt_test_and_clear_dirty(t.p.pt, VA, PAGES * t.f.page, NULL), 0);
		assert_int_equal(use_last_page(&t), 2);
		assert_int_equal(t.last.kind, PT_CHECK_DIRTY);
		trial_exit(&t);
	}
}

/* Old, but as dirty as before: a store walks for it, and nothing is lost. */
static void dirty_leaves_made_old_are_legal(void **state)
{
	static const char *const tracking[] = { "x86_48", "arm_4k_48_hd_bbm2" };
	struct pt_change change = { 0 };
	struct trial t;

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		trial_init(&t, tracking[arch], FORGOTTEN, RWU);
		assert_int_equal(pt_test_and_clear_accessed(t.p.pt, VA, PAGES * t.f.page, &change),
				 0);
		assert_int_equal(change.done, PAGES * t.f.page);
		assert_int_equal(use_last_page(&t), 0);
		trial_exit(&t);
	}
}

/* Where hardware sets the flag, a store through an entry from before finds it clear, and dirty. */
static void ageing_is_no_loss_of_dirty(void **state)
{
	static const char *const all[] = { "x86_48", "arm_4k_48", "arm_16k_48",
					   "arm_4k_48_hd_bbm2" };
	struct pt_access_result result;
	struct trial t;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		trial_init(&t, all[i], RIGHT, RWU);
		if (i == 1) { /* without hardware that sets it, the tables would refuse the store */
			struct pt_arm64_regs regs = *pt_cpu_arm64(t.cpu);

			regs.tcr &= ~BIT(39);
			assert_int_equal(pt_cpu_load_arm64(t.cpu, &regs), 0);
		}
		assert_int_equal(pt_test_and_clear_accessed(t.p.pt, VA, t.f.page, NULL), 0);
		/* Due, as when something near was flushed. */
		t.f.cfg.watch->flushed(t.f.cfg.watch->ctx, VA, VA + t.f.page - 1, false);
		assert_int_equal(touch(&t.f, t.cpu, VA, PT_ACCESS_WRITE, &result), 0);
		assert_int_equal(result.nr_loads[0], 0);
		assert_int_equal(t.nr_reports, 0);
		trial_exit(&t);
	}
}

static void stale_memory_type_is_caught(void **state)
{
	struct trial t;

	(void)state;
	trial_init(&t, "x86_48", FORGOTTEN, RWU);
	assert_int_equal(pt_protect(t.p.pt, VA, PAGES * t.f.page, PT_ATTR_MEM(PT_MEM_UC),
				    PT_ATTR_MEM_MASK, NULL),
			 0);
	assert_int_equal(use_last_page(&t), 2);
	assert_int_equal(t.last.kind, PT_CHECK_MEMORY);
	trial_exit(&t);
}

/* Until the gather is finished, old and new may be used. */
static void between_change_and_flush_both_are_legal(void **state)
{
	struct pt_check_stats s;
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather };
	struct trial t;

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		trial_init(&t, both[arch], FORGOTTEN, RWU);
		pt_gather_begin(&gather, t.p.pt);
		assert_int_equal(pt_unmap(t.p.pt, VA, PAGES * t.f.page, &change), 0);
		assert_int_equal(use_last_page(&t), 0);
		pt_gather_finish(&gather);
		assert_int_equal(use_last_page(&t), 2);
		pt_machine_check_stats(t.f.machine, &s);
		assert_int_equal(s.reports, 2);
		assert_int_equal(s.changes, PAGES);
		assert_int_equal(s.flushes, 1);
		assert_int_equal(s.of_kind[PT_CHECK_NEEDLESS], 0);
		trial_exit(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_overdue_is_no_less_so_by_what_is_open),
		cmocka_unit_test(a_leaf_is_flushed_by_who_removed_it_not_with_its_table),
		cmocka_unit_test(nor_by_another_table_that_came_and_went),
		cmocka_unit_test(what_is_open_is_legal_with_its_tables),
		cmocka_unit_test(right_flush_is_not_reported),
		cmocka_unit_test(forgotten_flush_is_caught),
		cmocka_unit_test(flush_that_is_too_short_is_caught),
		cmocka_unit_test(flush_of_another_space_is_caught),
		cmocka_unit_test(local_flush_where_others_have_it_is_caught),
		cmocka_unit_test(flush_before_the_change_is_caught),
		cmocka_unit_test(tlbi_without_its_barrier_is_caught),
		cmocka_unit_test(wrong_level_hint_is_caught),
		cmocka_unit_test(leaves_alone_where_a_table_was_freed_is_caught),
		cmocka_unit_test(cpus_that_were_lazy_are_checked),
		cmocka_unit_test(lazy_cpus_are_held_to_the_kernels_changes_alone),
		cmocka_unit_test(stale_rights_are_caught_by_any_use),
		cmocka_unit_test(less_rights_than_tables_give_are_legal),
		cmocka_unit_test(stale_dirty_is_caught),
		cmocka_unit_test(dirty_leaves_made_old_are_legal),
		cmocka_unit_test(ageing_is_no_loss_of_dirty),
		cmocka_unit_test(stale_memory_type_is_caught),
		cmocka_unit_test(between_change_and_flush_both_are_legal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
