/* SPDX-License-Identifier: MIT */
/* What the checker says of stores and flushes by themselves, whatever a TLB holds. */
#include "machine_test.h"

struct trial {
	struct fixture f;
	struct process p;
	struct pt_flush_ops ops;
	bool forgets; /* its flushes do nothing */
	unsigned int nr_reports[PT_CHECK_KIND_NR];
	struct pt_check_report last;
};

static void note(void *ctx, const struct pt_check_report *report)
{
	struct trial *t = ctx;

	t->nr_reports[report->kind]++;
	t->last = *report;
}

static void range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct trial *t = ctx;
	const struct pt_flush_ops *real = pt_space_flush_ops(t->p.space);

	if (!t->forgets)
		real->range(real->ctx, first, last, stride_lg2);
}

static void tables(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct trial *t = ctx;
	const struct pt_flush_ops *real = pt_space_flush_ops(t->p.space);

	if (!t->forgets)
		real->tables_freed(real->ctx, first, last, stride_lg2);
}

static void trial_init(struct trial *t, const char *name)
{
	memset(t, 0, sizeof(*t));
	fixture_init_policy(&t->f, name, 2, true, NULL, true);
	t->ops = (struct pt_flush_ops){ .range = range, .tables_freed = tables, .ctx = t };
	assert_int_equal(pt_space_create(&t->p.space, t->f.machine), 0);
	t->f.cfg.flush = &t->ops;
	t->f.cfg.watch = pt_space_watch_ops(t->p.space);
	assert_int_equal(pt_pgtable_create(&t->p.pt, t->f.phys, &t->f.cfg), 0);
	assert_int_equal(pt_space_set_table(t->p.space, t->p.pt), 0);
	assert_int_equal(pt_machine_set_checker(t->f.machine, PT_CHECK_ALL, note, t), 0);
}

static void trial_exit(struct trial *t)
{
	struct pt_check_stats s;

	pt_machine_check_stats(t->f.machine, &s);
	for (unsigned int kind = 0; kind < PT_CHECK_KIND_NR; kind++)
		assert_int_equal(s.of_kind[kind], t->nr_reports[kind]);
	process_exit(&t->p);
	fixture_exit(&t->f);
}

/* ---- break before make ---- */

/*
 * 4K granule. AttrIndx 4:2 (Linux's MAIR: 0 write-back, 1 tagged, 2 non-cacheable, 3, 4 Device),
 * AP 7:6, SH 9:8, AF 10, nG 11, Contiguous 52, UXN 54.
 */
#define PAGE(pa) ((pa) | UINT64_C(0xf03))
#define BLOCK(pa) ((pa) | UINT64_C(0xf01))
#define TABLE(pa) ((pa) | UINT64_C(3))

struct store {
	unsigned int level;
	uint64_t old, new_;
	bool needs_break, size_alone;
};

static const struct store stores[] = {
	{ 0, PAGE(DATA), PAGE(DATA + 0x1000), true, false },
	{ 0, PAGE(DATA), PAGE(DATA) | 2 << 2, true, false }, /* memory type */
	{ 0, PAGE(DATA), PAGE(DATA) & ~BIT(8), true, false }, /* shareability */
	{ 0, PAGE(DATA), PAGE(DATA) & ~BIT(11), true, false }, /* global */
	{ 0, PAGE(DATA) & ~BIT(11), PAGE(DATA), false, false },
	{ 0, PAGE(DATA), PAGE(DATA) | BIT(52), true, true }, /* contiguous */
	{ 0, PAGE(DATA), PAGE(DATA) | BIT(7), false, false }, /* rights */
	{ 0, PAGE(DATA), PAGE(DATA) | BIT(54), false, false },
	{ 0, PAGE(DATA), PAGE(DATA) & ~BIT(10), false, false }, /* accessed */
	{ 0, PAGE(DATA), PAGE(DATA) | BIT(55), false, false }, /* software's */
	{ 0, PAGE(DATA), 0, false, false },
	{ 0, 0, PAGE(DATA), false, false },
	{ 1, BLOCK(DATA), TABLE(TABLES), true, true },
	{ 1, TABLE(TABLES), BLOCK(DATA), true, true },
	{ 1, BLOCK(DATA), BLOCK(DATA + BIT(21)), true, false },
	{ 1, TABLE(TABLES), TABLE(TABLES + 0x1000), true, false },
	{ 1, TABLE(TABLES), TABLE(TABLES) | BIT(59), false, false }, /* PXNTable */
};

static struct pt_store store_of(const struct store *s, uint64_t old, uint64_t new_)
{
	return (struct pt_store){
		.pa = TABLES + 8 * s->level, .level = s->level, .va = VA, .old = old, .new_ = new_
	};
}

static void live_words_replaced_at_once_are_told(void **state)
{
	static const char *const names[] = { "arm_4k_48", "arm_4k_48_hd_bbm2", "x86_48" };
	char text[600];

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		for (size_t n = 0; n < sizeof(stores) / sizeof(stores[0]); n++) {
			const struct store *s = &stores[n];
			bool told = i < 2 && s->needs_break && !(i == 1 && s->size_alone);
			struct pt_store store = store_of(s, s->old, s->new_);
			const struct pt_watch_ops *watch;
			struct trial t;

			trial_init(&t, names[i]);
			watch = pt_space_watch_ops(t.p.space);
			watch->store(watch->ctx, &store);
			assert_int_equal(t.nr_reports[PT_CHECK_BREAK], told);
			if (told) {
				assert_int_equal(t.last.change.old, s->old);
				assert_int_equal(t.last.change.new_, s->new_);
				assert_int_equal(t.last.first, VA);
				assert_int_equal(t.last.cpu, PT_CHECK_NO_CPU);
				assert_true(pt_check_report_text(&t.last, text, sizeof(text)) <
					    sizeof(text));
				assert_non_null(strstr(text, "no break before make: no CPU"));
			}
			trial_exit(&t);
		}
	}
}

/* Invalid in between, which is not enough; with the TLBI it is. */
static void invalid_in_between_is_no_break_without_the_tlbi(void **state)
{
	(void)state;
	for (unsigned int flushed = 0; flushed < 2; flushed++) {
		for (size_t n = 0; n < sizeof(stores) / sizeof(stores[0]); n++) {
			const struct store *s = &stores[n];
			struct pt_store breaks = store_of(s, s->old, 0);
			struct pt_store makes = store_of(s, 0, s->new_);
			const struct pt_flush_ops *real;
			const struct pt_watch_ops *watch;
			struct trial t;

			trial_init(&t, "arm_4k_48");
			watch = pt_space_watch_ops(t.p.space);
			real = pt_space_flush_ops(t.p.space);
			watch->store(watch->ctx, &breaks);
			if (flushed)
				real->tables_freed(real->ctx, VA, VA + BIT(21) - 1, 12);
			watch->flushed(watch->ctx, VA, VA + BIT(21) - 1, true); /* so they say */
			watch->store(watch->ctx, &makes);
			assert_int_equal(t.nr_reports[PT_CHECK_BREAK], s->needs_break && !flushed);
			trial_exit(&t);
		}
	}
}

/* The flush of leaves alone does not do where a table was unhooked; nor that of one CPU. */
static void tlbi_of_other_things_is_no_break(void **state)
{
	static const struct store block = { 1, TABLE(TABLES), BLOCK(DATA), true, true };
	static const struct store page = { 0, PAGE(DATA), PAGE(DATA + 0x1000), true, false };
	struct trial t;

	(void)state;
	for (unsigned int how = 0; how < 4; how++) {
		const struct store *s = how < 2 ? &block : &page;
		struct pt_store breaks = store_of(s, s->old, 0);
		struct pt_store makes = store_of(s, 0, s->new_);
		const struct pt_flush_ops *real;
		const struct pt_watch_ops *watch;
		struct pt_cpu *cpu;

		trial_init(&t, "arm_4k_48");
		watch = pt_space_watch_ops(t.p.space);
		real = pt_space_flush_ops(t.p.space);
		cpu = run_on(&t.f, 0, t.p.space);
		if (how == 3) /* before the change */
			assert_int_equal(pt_cpu_tlbi(cpu, PT_TLBI_VAALE1, VA >> 12, 0, true), 0);
		watch->store(watch->ctx, &breaks);
		if (how == 0)
			real->range(real->ctx, VA, VA + BIT(21) - 1, 21);
		if (how == 1)
			real->range(real->ctx, VA + BIT(21), VA + BIT(22) - 1, 12);
		if (how == 2)
			assert_int_equal(pt_cpu_tlbi(cpu, PT_TLBI_VAALE1, VA >> 12, 0, false), 0);
		pt_cpu_dsb(cpu);
		watch->store(watch->ctx, &makes);
		assert_int_equal(t.nr_reports[PT_CHECK_BREAK], 1);
		assert_int_equal(t.last.tables, how < 2);
		assert_int_equal(t.last.cpu, 0);
		load_cpu(&t.f, cpu, TABLES);
		pt_cpu_leave(cpu);
		trial_exit(&t);
	}
}

/* One gather: unmapped, mapped elsewhere, and flushed too late. */
static void mapping_again_before_the_gather_is_flushed_is_told(void **state)
{
	static const char *const names[] = { "arm_4k_48", "arm_4k_48_hd_bbm2", "x86_48" };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct pt_gather gather;
		struct pt_change change = { .gather = &gather };
		struct trial t;

		trial_init(&t, names[i]);
		assert_int_equal(pt_map(t.p.pt, VA, DATA, t.f.page, RWU, NULL), 0);
		pt_gather_begin(&gather, t.p.pt);
		assert_int_equal(pt_unmap(t.p.pt, VA, t.f.page, &change), 0);
		assert_int_equal(pt_map(t.p.pt, VA, DATA + t.f.page, t.f.page, RWU, &change), 0);
		pt_gather_finish(&gather);
		assert_int_equal(t.nr_reports[PT_CHECK_BREAK], i < 2);
		/* and in the right order */
		assert_int_equal(pt_unmap(t.p.pt, VA, t.f.page, NULL), 0);
		assert_int_equal(pt_map(t.p.pt, VA, DATA, t.f.page, RWU, NULL), 0);
		assert_int_equal(t.nr_reports[PT_CHECK_BREAK], i < 2);
		trial_exit(&t);
	}
}

/* Splits break by themselves; if the flush that they ask for does nothing, that is told. */
static void break_whose_flush_does_nothing_is_told(void **state)
{
	(void)state;
	for (unsigned int forgets = 0; forgets < 2; forgets++) {
		for (unsigned int bbm = 0; bbm < 3; bbm += 2) {
			struct trial t;

			trial_init(&t, bbm ? "arm_4k_48_hd_bbm2" : "arm_4k_48");
			t.forgets = forgets;
			assert_int_equal(pt_map(t.p.pt, BIT(30), DATA, BIT(21), RWU, NULL), 0);
			assert_int_equal(pt_split(t.p.pt, BIT(30), BIT(21), 0, NULL), 0);
			assert_int_equal(t.nr_reports[PT_CHECK_BREAK] > 0, forgets && !bbm);
			assert_int_equal(pt_protect(t.p.pt, BIT(30), t.f.page,
						    PT_ATTR_MEM(PT_MEM_WC), PT_ATTR_MEM_MASK, NULL),
					 0);
			assert_int_equal(t.nr_reports[PT_CHECK_BREAK] > 0, forgets);
			assert_int_equal(t.nr_reports[PT_CHECK_NEEDLESS], 0);
			trial_exit(&t);
		}
	}
}

/* ---- needless flushes ---- */

static void needless_flushes_are_named(void **state)
{
	static const char *const names[] = { "arm_4k_48", "x86_48" };
	char text[600];

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct pt_gather gather;
		struct pt_change change = { .gather = &gather };
		const struct pt_watch_ops *watch;
		struct trial t;

		trial_init(&t, names[i]);
		watch = pt_space_watch_ops(t.p.space);
		assert_int_equal(pt_map(t.p.pt, VA, DATA, 4 * t.f.page, RWU, NULL), 0);
		assert_int_equal(pt_unmap(t.p.pt, VA, 2 * t.f.page, NULL), 0);
		assert_int_equal(t.nr_reports[PT_CHECK_NEEDLESS], 0);
		/* a hole: nothing is flushed for it */
		assert_int_equal(pt_unmap(t.p.pt, VA, 2 * t.f.page, NULL), 0);
		assert_int_equal(t.nr_reports[PT_CHECK_NEEDLESS], 0);
		pt_gather_begin(&gather, t.p.pt);
		assert_int_equal(pt_protect(t.p.pt, VA + 2 * t.f.page, t.f.page, 0, PT_ATTR_WRITE,
					    &change),
				 0);
		/* beside it, and then twice what once is enough for */
		watch->flushed(watch->ctx, VA, VA + 2 * t.f.page - 1, true);
		assert_int_equal(t.nr_reports[PT_CHECK_NEEDLESS], 1);
		pt_gather_finish(&gather);
		assert_int_equal(t.nr_reports[PT_CHECK_NEEDLESS], 1);
		watch->flushed(watch->ctx, VA, VA + 4 * t.f.page - 1, true);
		assert_int_equal(t.nr_reports[PT_CHECK_NEEDLESS], 2);
		assert_int_equal(t.last.kind, PT_CHECK_NEEDLESS);
		assert_int_equal(t.last.first, VA);
		assert_int_equal(t.last.last, VA + 4 * t.f.page - 1);
		assert_true(pt_check_report_text(&t.last, text, sizeof(text)) < sizeof(text));
		assert_non_null(strstr(text, "needless flush: no CPU"));
		trial_exit(&t);
	}
}

/* A gather may flush leaves first: its tables are still to come, and may be used. */
static void leaves_flushed_do_not_make_tables_due(void **state)
{
	static const struct store unhook = { 1, TABLE(TABLES), 0, false, false };
	const struct pt_store store = store_of(&unhook, unhook.old, unhook.new_);
	const struct pt_watch_ops *watch;
	struct trial t;

	(void)state;
	trial_init(&t, "x86_48");
	watch = pt_space_watch_ops(t.p.space);
	watch->store(watch->ctx, &store);
	watch->flushed(watch->ctx, VA, VA + t.f.page - 1, false);
	assert_int_equal(t.nr_reports[PT_CHECK_NEEDLESS], 1); /* no leaf had changed */
	watch->flushed(watch->ctx, VA, VA + t.f.page - 1, true);
	assert_int_equal(t.nr_reports[PT_CHECK_NEEDLESS], 1);
	watch->flushed(watch->ctx, VA, VA + t.f.page - 1, true);
	assert_int_equal(t.nr_reports[PT_CHECK_NEEDLESS], 2);
	trial_exit(&t);
}

/* ---- frames ---- */

#define ZONE (DATA + BIT(28))

/* Unmapped, freed, and only then flushed; the table that they were in may have gone before. */
static void frames_freed_before_their_flush_are_told(void **state)
{
	static const char *const names[] = { "arm_4k_48", "x86_48" };

	(void)state;
	for (unsigned int i = 0; i < 16; i++) {
		bool freed = i & 2, again = i & 4, gone = i & 8;
		struct pt_zone_cfg cfg = { .ranges = &(struct pt_extent){ ZONE, BIT(24) },
					   .nr_ranges = 1 };
		struct pt_alloc how = { .order = 3, .type = pt_freetype(PT_MIGRATE_MOVABLE, 0) };
		struct pt_access_result result;
		struct pt_gather gather;
		struct pt_change change = { .gather = &gather, .flags = PT_CHANGE_NO_CONTIG };
		struct pt_change rest = { .flags = PT_CHANGE_FREE_TABLES };
		struct pt_zone *zone;
		struct pt_cpu *cpu;
		pt_pa_t pa, other;
		struct trial t;

		trial_init(&t, names[i & 1]);
		assert_int_equal(pt_zone_create(&zone, t.f.phys, &cfg), 0);
		assert_int_equal(pt_alloc_pages(zone, NULL, &how, &pa), 0);
		/* the third page of a block of eight */
		assert_int_equal(pt_map(t.p.pt, VA, pa + 2 * t.f.page, t.f.page, RWU, NULL), 0);
		assert_int_equal(pt_map(t.p.pt, VA + t.f.page, DATA, t.f.page, RWU, NULL), 0);
		cpu = run_on(&t.f, 0, t.p.space);
		assert_int_equal(touch(&t.f, cpu, VA, PT_ACCESS_READ, &result), 0);
		pt_gather_begin(&gather, t.p.pt);
		assert_int_equal(pt_unmap(t.p.pt, VA, t.f.page, &change), 0);
		if (gone)
			assert_int_equal(pt_unmap(t.p.pt, VA + t.f.page, t.f.page, &rest), 0);
		assert_int_equal(touch(&t.f, cpu, VA, PT_ACCESS_READ, &result), 0);
		assert_int_equal(t.nr_reports[PT_CHECK_FRAME], 0); /* not yet due */
		if (freed)
			assert_int_equal(pt_free_pages(zone, NULL, pa, 3), 0);
		if (freed && again) {
			assert_int_equal(pt_alloc_pages(zone, NULL, &how, &other), 0);
			assert_int_equal(other, pa);
		}
		assert_int_equal(touch(&t.f, cpu, VA, PT_ACCESS_READ, &result), 0);
		assert_int_equal(t.nr_reports[PT_CHECK_FRAME], freed);
		if (freed) {
			assert_int_equal(t.last.va, VA);
			assert_int_equal(t.last.entry.pa, pa + 2 * t.f.page);
		}
		pt_gather_finish(&gather);
		assert_int_equal(touch(&t.f, cpu, VA, PT_ACCESS_READ, &result), 1);
		assert_int_equal(t.nr_reports[PT_CHECK_FRAME], freed);
		if (!freed || again)
			assert_int_equal(pt_free_pages(zone, NULL, pa, 3), 0);
		load_cpu(&t.f, cpu, TABLES);
		pt_cpu_leave(cpu);
		assert_int_equal(pt_zone_destroy(zone), 0);
		trial_exit(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_words_replaced_at_once_are_told),
		cmocka_unit_test(invalid_in_between_is_no_break_without_the_tlbi),
		cmocka_unit_test(tlbi_of_other_things_is_no_break),
		cmocka_unit_test(mapping_again_before_the_gather_is_flushed_is_told),
		cmocka_unit_test(break_whose_flush_does_nothing_is_told),
		cmocka_unit_test(needless_flushes_are_named),
		cmocka_unit_test(leaves_flushed_do_not_make_tables_due),
		cmocka_unit_test(frames_freed_before_their_flush_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
