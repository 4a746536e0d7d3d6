/* SPDX-License-Identifier: MIT */
/*
 * Entries that flushes drop, held to tables that are not what they were: leaves that were split, a
 * second stage that was left, or that is another one.
 */
#include "machine_test.h"

struct trial {
	struct fixture f;
	struct process p;
	struct pt_cpu *cpu;
};

static void trial_init(struct trial *t, const char *name)
{
	fixture_init_policy(&t->f, name, 1, false, NULL, true);
	process_init(&t->f, &t->p);
	t->cpu = run_on(&t->f, 0, t->p.space);
}

static void trial_exit(struct trial *t)
{
	load_cpu(&t->f, t->cpu, TABLES);
	pt_cpu_leave(t->cpu);
	process_exit(&t->p);
	fixture_exit(&t->f);
}

/* ---- split leaves ---- */

enum change {
	NONE,
	AGED,
	CLEANED, /* x86 */
	READ_ONLY,
	UNMAPPED,
	NR_CHANGES,
};

static void apply(struct trial *t, enum change what, pt_va_t va, struct pt_change *change)
{
	switch (what) {
	case AGED:
		assert_int_equal(pt_test_and_clear_accessed(t->p.pt, va, t->f.page, change), 0);
		break;
	case CLEANED:
		assert_int_equal(pt_test_and_clear_dirty(t->p.pt, va, t->f.page, change), 0);
		break;
	case READ_ONLY:
		assert_int_equal(pt_protect(t->p.pt, va, t->f.page, 0, PT_ATTR_WRITE, change), 0);
		break;
	case UNMAPPED:
		assert_int_equal(pt_unmap(t->p.pt, va, t->f.page, change), 0);
		break;
	default:
		break;
	}
}

static void drop_all(struct trial *t)
{
	if (is_x86(&t->f)) {
		assert_int_equal(pt_cpu_invpcid(t->cpu, PT_INVPCID_ALL_GLOBALS_TOO, 0, 0), 0);
		return;
	}
	assert_int_equal(pt_cpu_tlbi(t->cpu, PT_TLBI_VMALLE1, 0, 0, true), 0);
	pt_cpu_dsb(t->cpu);
}

/* Every leaf of now that is where the large one was has to agree, the last as the first. */
static void a_large_entry_is_held_to_all_leaves_that_it_was_split_into(void **state)
{
	static const char *const names[] = { "x86_48", "arm_4k_48_hd_bbm2" };
	static const unsigned int pages[] = { 0, 1, 15, 16, 300, 510, 511 };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct trial t;

		trial_init(&t, names[i]);
		for (unsigned int n = 0; n < 7 * NR_CHANGES; n++) {
			enum change what = (enum change)(n / 7);
			bool needed = what == READ_ONLY || what == UNMAPPED || what == CLEANED;
			struct pt_gather gather;
			struct pt_change change = { .gather = &gather };
			struct pt_change rest = { .flags = PT_CHANGE_SKIP_HOLES |
							   PT_CHANGE_FREE_TABLES };
			struct pt_cpu_stats old, now;

			if (what == CLEANED && !is_x86(&t.f))
				continue; /* takes more rights than one page's */
			assert_int_equal(pt_map(t.p.pt, VA, DATA, BIT(21), RWU, NULL), 0);
			assert_false(hits(&t.f, t.cpu, VA, PT_ACCESS_WRITE, DATA));
			old = stats_of(t.cpu);
			pt_gather_begin(&gather, t.p.pt);
			assert_int_equal(pt_split(t.p.pt, VA, BIT(21), 0, &change), 0);
			apply(&t, what, VA + pages[n % 7] * t.f.page, &change);
			drop_all(&t);
			now = stats_of(t.cpu);
			assert_int_equal(now.dropped - old.dropped, 2);
			assert_int_equal(now.dropped_needlessly - old.dropped_needlessly,
					 needed ? 0 : 2);
			pt_gather_finish(&gather);
			assert_int_equal(pt_unmap(t.p.pt, VA, BIT(21), &rest), 0);
		}
		trial_exit(&t);
	}
}

/* ---- registers ---- */

/* A PCID stands for what was loaded with it last, not for what it stood for when it was asked. */
static void an_asid_is_held_to_the_registers_loaded_with_it_last(void **state)
{
	struct pt_pgtable *later;
	struct pt_x86_regs regs;
	struct pt_cpu_stats old, now;
	struct trial t;

	(void)state;
	trial_init(&t, "x86_48");
	t.f.cfg.flush = NULL;
	t.f.cfg.watch = NULL;
	assert_int_equal(pt_pgtable_create(&later, t.f.phys, &t.f.cfg), 0);
	assert_int_equal(pt_map(t.p.pt, VA, DATA, t.f.page, RWU, NULL), 0);
	assert_int_equal(pt_map(later, VA + t.f.page, DATA, t.f.page, RWU, NULL), 0);
	regs = *pt_cpu_x86_64(t.cpu);
	old = stats_of(t.cpu);
	for (unsigned int i = 0; i < 2; i++) {
		pt_va_t va = VA + i * t.f.page;

		regs.cr3 = pt_pgtable_root(i ? later : t.p.pt) | 11 | BIT(63);
		assert_int_equal(pt_cpu_load_x86_64(t.cpu, &regs), 0);
		assert_false(hits(&t.f, t.cpu, va, PT_ACCESS_READ, DATA));
		regs.cr3 = pt_pgtable_root(t.p.pt) | 12 | BIT(63);
		assert_int_equal(pt_cpu_load_x86_64(t.cpu, &regs), 0);
		assert_int_equal(pt_cpu_invpcid(t.cpu, PT_INVPCID_ADDRESS, 11, va), 0);
		now = stats_of(t.cpu);
		assert_int_equal(now.dropped - old.dropped, 2 * (i + 1));
		assert_int_equal(now.dropped_needlessly - old.dropped_needlessly, 2 * (i + 1));
	}
	load_cpu(&t.f, t.cpu, TABLES);
	pt_pgtable_destroy(later);
	trial_exit(&t);
}

/* What a table allows is kept with it: of one that allows less now, no use would be right. */
static void a_table_that_allows_less_is_dropped_for_a_reason(void **state)
{
	(void)state;
	for (unsigned int less = 0; less < 2; less++) {
		struct pt_step steps[PT_MAX_LEVELS];
		struct pt_cpu_stats old, now;
		unsigned int nr;
		struct trial t;
		uint64_t word;

		fixture_init_policy(&t.f, "x86_48", 1, true, NULL, true);
		process_init(&t.f, &t.p);
		t.cpu = run_on(&t.f, 0, t.p.space);
		assert_int_equal(pt_map(t.p.pt, VA, DATA, t.f.page, RWU, NULL), 0);
		assert_false(hits(&t.f, t.cpu, VA, PT_ACCESS_READ, DATA));
		assert_int_equal(pt_trace(t.p.pt, VA, steps, &nr), 0);
		assert_int_equal(nr, 4);
		word = steps[0].raw & ~(uint64_t)(less ? 2 : 0); /* R/W of the top entry */
		assert_int_equal(pt_phys_write(t.f.phys,
					       pt_pgtable_root(t.p.pt) + 8 * (VA >> 39 & 511),
					       &word, 8),
				 0);
		old = stats_of(t.cpu);
		drop_all(&t);
		now = stats_of(t.cpu);
		assert_int_equal(now.dropped - old.dropped, 2 + 3);
		assert_int_equal(now.dropped_needlessly - old.dropped_needlessly, less ? 0 : 2 + 3);
		trial_exit(&t);
	}
}

/* ---- second stages ---- */

#define SHIFTED (DATA + BIT(28))
#define ALL (RW | PT_ATTR_EXEC | PT_ATTR_ACCESSED | PT_ATTR_DIRTY)

struct guest_trial {
	struct trial t;
	struct pt_guest *guest;
	struct pt_pgtable *second;
	struct pt_x86_ept_regs ept;
	struct pt_x86_regs host;
};

/* Tables are where they are for the host; its pages are not. */
static void make_second(struct guest_trial *g)
{
	struct trial *t = &g->t;

	assert_int_equal(pt_pgtable_create(&g->second, t->f.phys, &t->f.cfg), 0);
	assert_int_equal(pt_guest_set_table(g->guest, g->second), 0);
	assert_int_equal(pt_map(g->second, TABLES, TABLES, NR_TABLE_PAGES * t->f.page, ALL, NULL),
			 0);
	assert_int_equal(pt_map(g->second, DATA, SHIFTED, 8 * t->f.page, ALL, NULL), 0);
}

/* The guest, which has the host's tables, has used two pages. */
static void guest_init(struct guest_trial *g)
{
	const struct pt_access load = { PT_ACCESS_READ, 8, 3, 0 };
	struct pt_change single = { .flags = PT_CHANGE_NO_CONTIG };
	struct pt_access_result result;
	struct trial *t = &g->t;
	struct pt_x86_regs regs;

	trial_init(t, "x86_48");
	assert_int_equal(pt_map(t->p.pt, VA, DATA, 2 * t->f.page, RWU, &single), 0);
	g->ept = (struct pt_x86_ept_regs){ .eptp = 6 | 3 << 3 };
	assert_int_equal(pt_guest_create(&g->guest, t->f.machine), 0);
	t->f.cfg.fmt = config_fmt(config_named("ept_48"));
	t->f.cfg.flush = pt_guest_flush_ops(g->guest);
	t->f.cfg.watch = pt_guest_watch_ops(g->guest);
	make_second(g);
	g->host = *pt_cpu_x86_64(t->cpu);
	assert_int_equal(pt_cpu_run_guest_x86_64(t->cpu, g->guest, &g->ept), 0);
	regs = g->host;
	regs.cr3 = pt_pgtable_root(t->p.pt) | 1;
	assert_int_equal(pt_cpu_load_x86_64(t->cpu, &regs), 0);
	for (unsigned int page = 0; page < 2; page++) {
		assert_int_equal(pt_cpu_access(t->cpu, VA + page * t->f.page, &load, &result), 0);
		assert_int_equal(result.piece[0].pa, SHIFTED + page * t->f.page);
	}
}

static void guest_exit(struct guest_trial *g)
{
	load_cpu(&g->t.f, g->t.cpu, TABLES);
	pt_guest_destroy(g->guest);
	pt_pgtable_destroy(g->second);
	trial_exit(&g->t);
}

/* All that guests have; how much of it needlessly. */
static void drop_guests(struct guest_trial *g, uint64_t dropped, uint64_t needlessly)
{
	struct pt_cpu_stats old = stats_of(g->t.cpu), now;

	assert_int_equal(pt_cpu_invept(g->t.cpu, PT_INVEPT_ALL, 0), 0);
	now = stats_of(g->t.cpu);
	assert_int_equal(now.dropped - old.dropped, dropped);
	assert_int_equal(now.dropped_needlessly - old.dropped_needlessly, needlessly);
}

/* Until the host has loaded its registers the CPU translates by the guest's, but as nobody. */
static void what_a_guest_has_is_held_to_both_stages_when_it_is_left(void **state)
{
	struct guest_trial g;

	(void)state;
	guest_init(&g);
	pt_cpu_exit_guest(g.t.cpu);
	drop_guests(&g, 2 * 2, 2 * 2);
	guest_exit(&g);
}

/* Another second stage, alike to a bit and where the one before was: it is another one. */
static void nothing_agrees_with_a_second_stage_that_is_gone(void **state)
{
	struct guest_trial g;
	pt_pa_t root;

	(void)state;
	guest_init(&g);
	pt_cpu_exit_guest(g.t.cpu);
	load_cpu(&g.t.f, g.t.cpu, TABLES);
	root = pt_pgtable_root(g.second);
	/* nobody flushes: whose table goes so has no more use for what CPUs keep */
	pt_pgtable_destroy(g.second);
	make_second(&g);
	assert_int_equal(pt_pgtable_root(g.second), root);
	drop_guests(&g, 2 * 2, 0);
	guest_exit(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_large_entry_is_held_to_all_leaves_that_it_was_split_into),
		cmocka_unit_test(an_asid_is_held_to_the_registers_loaded_with_it_last),
		cmocka_unit_test(a_table_that_allows_less_is_dropped_for_a_reason),
		cmocka_unit_test(what_a_guest_has_is_held_to_both_stages_when_it_is_left),
		cmocka_unit_test(nothing_agrees_with_a_second_stage_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
