/* SPDX-License-Identifier: MIT */
/* CPUs that run guests: what both stages give as one entry, and flushes of the second. */
#include "machine_test.h"

#define IPA UINT64_C(0x80000000) /* guest pages are here, and in memory from DATA on */
#define PAGES 8

enum broken {
	RIGHT,
	FORGOTTEN,
	IPA_ALONE, /* arm64: without VMALLE1 after it; x86: INVVPID of another guest */
	FIRST_STAGE_ALONE, /* arm64: VMALLE1 without IPAS2E1 before; x86: INVLPG */
};

struct world {
	struct fixture f;
	struct pt_guest *guest;
	struct pt_flush_ops ops;
	struct pt_pgtable *first, *second;
	struct pt_cpu *cpu;
	enum broken how;
	unsigned int nr_reports;
	struct pt_check_report last;
};

static void note(void *ctx, const struct pt_check_report *report)
{
	struct world *w = ctx;

	w->nr_reports++;
	w->last = *report;
}

/* Of @w->cpu, which runs the guest. */
static void flush_wrongly(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct world *w = ctx;
	const struct pt_flush_ops *real = pt_guest_flush_ops(w->guest);

	if (w->how == RIGHT) {
		real->range(real->ctx, first, last, stride_lg2);
	} else if (is_x86(&w->f)) {
		if (w->how == IPA_ALONE)
			assert_int_equal(pt_cpu_invvpid(w->cpu, PT_INVVPID_CONTEXT, 77, 0), 0);
		if (w->how == FIRST_STAGE_ALONE)
			pt_cpu_invlpg(w->cpu, VA + PAGES * w->f.page);
	} else {
		for (uint64_t ipa = first; w->how == IPA_ALONE && ipa < last; ipa += w->f.page)
			assert_int_equal(pt_cpu_tlbi(w->cpu, PT_TLBI_IPAS2E1, ipa >> 12, 0, true),
					 0);
		if (w->how == FIRST_STAGE_ALONE)
			assert_int_equal(pt_cpu_tlbi(w->cpu, PT_TLBI_ASIDE1, BIT(48), 0, true), 0);
		pt_cpu_dsb(w->cpu);
	}
}

static void run_guest(struct world *w, struct pt_cpu *cpu, struct pt_guest *guest)
{
	if (is_x86(&w->f)) {
		const struct pt_x86_ept_regs ept = { .eptp = 1 << 6 | 3 << 3 | 6 };

		load_cpu(&w->f, cpu, pt_pgtable_root(w->first));
		assert_int_equal(pt_cpu_run_guest_x86_64(cpu, guest, &ept), 0);
	} else {
		const struct pt_arm64_s2_regs stage2 = {
			.vtcr = 16 | 2 << 6 | UINT64_C(5) << 16, /* T0SZ, SL0, PS */
			.hcr = 1,
		};

		load_cpu(&w->f, cpu, pt_pgtable_root(w->first));
		assert_int_equal(pt_cpu_run_guest_arm64(cpu, guest, &stage2), 0);
	}
	assert_ptr_equal(pt_cpu_guest(cpu), guest);
}

static void make_second(struct world *w, struct pt_pgtable **second, struct pt_guest *guest,
			const struct pt_flush_ops *flush, pt_pa_t pa)
{
	const pt_attr_t attr =
		RW | PT_ATTR_EXEC | PT_ATTR_EXEC_OTHER | PT_ATTR_ACCESSED | PT_ATTR_DIRTY;
	const struct pt_change single = { .flags = PT_CHANGE_NO_CONTIG };
	struct pt_change change = single;
	struct pt_pgtable_cfg cfg = w->f.cfg;

	assert_int_equal(
		pt_fmt_cfg_init(&cfg.fmt, is_x86(&w->f) ? PT_FMT_X86_EPT : PT_FMT_ARM64_S2_4K), 0);
	cfg.flush = flush;
	cfg.watch = pt_guest_watch_ops(guest);
	assert_int_equal(pt_pgtable_create(second, w->f.phys, &cfg), 0);
	assert_int_equal(pt_guest_set_table(guest, *second), 0);
	assert_int_equal(pt_map(*second, TABLES, TABLES, NR_TABLE_PAGES * w->f.page,
				is_x86(&w->f) ? attr & ~PT_ATTR_EXEC_OTHER : attr, &change),
			 0);
	assert_int_equal(pt_map(*second, IPA, pa, PAGES * w->f.page,
				is_x86(&w->f) ? attr & ~PT_ATTR_EXEC_OTHER : attr, &change),
			 0);
}

/* @tables: CPUs keep tables. */
static void world_init_keeping(struct world *w, const char *name, enum broken how, bool tables)
{
	memset(w, 0, sizeof(*w));
	fixture_init_policy(&w->f, name, 3, tables, NULL, true);
	w->how = how;
	w->ops = (struct pt_flush_ops){ .range = flush_wrongly, .ctx = w };
	assert_int_equal(pt_machine_set_checker(w->f.machine, PT_CHECK_WRONG, note, w), 0);
	assert_int_equal(pt_pgtable_create(&w->first, w->f.phys, &w->f.cfg), 0);
	assert_int_equal(pt_map(w->first, VA, IPA, PAGES * w->f.page, RWU, NULL), 0);
	assert_int_equal(pt_guest_create(&w->guest, w->f.machine), 0);
	make_second(w, &w->second, w->guest, &w->ops, DATA);
	w->cpu = pt_machine_cpu(w->f.machine, 0);
	assert_int_equal(pt_cpu_enter(w->cpu), 0);
	load_cpu(&w->f, w->cpu, TABLES);
	run_guest(w, w->cpu, w->guest);
}

static void world_init(struct world *w, const char *name, enum broken how)
{
	world_init_keeping(w, name, how, true);
}

static void world_exit(struct world *w)
{
	pt_cpu_exit_guest(w->cpu);
	assert_null(pt_cpu_guest(w->cpu));
	pt_cpu_leave(w->cpu);
	pt_pgtable_destroy(w->first);
	pt_pgtable_destroy(w->second);
	pt_guest_destroy(w->guest);
	fixture_exit(&w->f);
}

static const char *const both[] = { "x86_48", "arm_4k_48" };

static void both_stages_are_one_entry(void **state)
{
	struct pt_access_result result;
	struct world w;

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		world_init(&w, both[arch], RIGHT);
		assert_int_equal(touch(&w.f, w.cpu, VA + 8, PT_ACCESS_READ, &result), 0);
		assert_int_equal(result.piece[0].pa, DATA + 8);
		/* four tables, and each found by four of the second stage; and where it leads */
		assert_int_equal(result.nr_loads[0], 4);
		assert_int_equal(result.nr_loads[1], 20);
		assert_true(hits(&w.f, w.cpu, VA + 8, PT_ACCESS_WRITE, DATA + 8));
		assert_int_equal(w.nr_reports, 0);
		world_exit(&w);
	}
}

/* A leaf of 2M, by pages of the second stage: each page is an entry. */
static void the_smaller_size_counts(void **state)
{
	struct pt_access_result result;
	struct world w;

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		world_init(&w, both[arch], RIGHT);
		assert_int_equal(pt_map(w.first, BIT(30), IPA, BIT(21), RWU, NULL), 0);
		assert_int_equal(touch(&w.f, w.cpu, BIT(30) + 0x5123, PT_ACCESS_READ, &result), 0);
		assert_int_equal(result.piece[0].pa, DATA + 0x5123);
		assert_true(hits(&w.f, w.cpu, BIT(30) + 0x5000, PT_ACCESS_READ, DATA + 0x5000));
		assert_false(hits(&w.f, w.cpu, BIT(30) + 0x6000, PT_ACCESS_READ, DATA + 0x6000));
		/* INVLPG and VAE1 of any page of the leaf take all of it */
		if (is_x86(&w.f)) {
			pt_cpu_invlpg(w.cpu, BIT(30));
		} else {
			assert_int_equal(pt_cpu_tlbi(w.cpu, PT_TLBI_VAAE1, BIT(18), 0, false), 0);
			pt_cpu_dsb(w.cpu);
		}
		assert_false(hits(&w.f, w.cpu, BIT(30) + 0x5000, PT_ACCESS_READ, DATA + 0x5000));
		world_exit(&w);
	}
}

/* The piece of a hit is as large as the one of the miss that filled it, and as without a TLB. */
static void a_hit_is_as_large_as_both_stages_allow(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct pt_access_result miss, hit, without;
		struct pt_access how;
		struct world w;

		world_init(&w, both[arch], RIGHT);
		how = (struct pt_access){ .size = 8, .priv = user_priv(&w.f) };
		assert_int_equal(pt_map(w.first, BIT(30), IPA, BIT(21), RWU, NULL), 0);
		assert_int_equal(touch(&w.f, w.cpu, BIT(30) + 0x5123, PT_ACCESS_READ, &miss), 0);
		assert_int_equal(touch(&w.f, w.cpu, BIT(30) + 0x5123, PT_ACCESS_READ, &hit), 0);
		assert_int_equal(hit.nr_loads[0] + hit.nr_loads[1], 0);
		assert_int_equal(pt_access_probe(pt_cpu_mmu(w.cpu), BIT(30) + 0x5123, &how,
						 &without),
				 0);
		assert_int_equal(without.piece[0].size_lg2, 12);
		assert_int_equal(miss.piece[0].size_lg2, 12);
		assert_int_equal(hit.piece[0].size_lg2, 12);
		assert_int_equal(hit.piece[0].level, without.piece[0].level);
		world_exit(&w);
	}
}

static void flushes_of_the_second_stage_reach_every_cpu(void **state)
{
	struct pt_access_result result;
	struct world w;

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct pt_cpu *other;
		struct pt_cpu_stats s;

		world_init(&w, both[arch], RIGHT);
		/* CPU 1 has run it, and does not now; CPU 2 never has */
		other = pt_machine_cpu(w.f.machine, 1);
		pt_cpu_leave(w.cpu);
		assert_int_equal(pt_cpu_enter(other), 0);
		load_cpu(&w.f, other, TABLES);
		run_guest(&w, other, w.guest);
		assert_int_equal(touch(&w.f, other, VA, PT_ACCESS_READ, &result), 0);
		pt_cpu_exit_guest(other);
		pt_cpu_leave(other);
		assert_int_equal(pt_cpu_enter(w.cpu), 0);
		assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_READ, &result), 0);

		assert_int_equal(pt_unmap(w.second, IPA, w.f.page, NULL), 0);
		s = stats_of(w.cpu);
		if (is_x86(&w.f)) {
			assert_int_equal(s.ipis_sent, 1);
			assert_int_equal(s.flushes[PT_FLUSH_BY_LOCAL][PT_FLUSH_KIND_ALL], 1);
		} else {
			assert_int_equal(s.broadcasts_sent, 2); /* IPAS2E1IS, VMALLE1IS */
			assert_int_equal(s.barriers, 2);
		}
		assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_READ, &result), 1);
		assert_int_equal(result.fault.stage, 2);
		pt_cpu_leave(w.cpu);
		assert_int_equal(pt_cpu_enter(other), 0);
		run_guest(&w, other, w.guest);
		assert_int_equal(touch(&w.f, other, VA, PT_ACCESS_READ, &result), 1);
		assert_int_equal(touch(&w.f, other, VA + w.f.page, PT_ACCESS_READ, &result), 0);
		pt_cpu_exit_guest(other);
		pt_cpu_leave(other);
		assert_int_equal(pt_cpu_enter(w.cpu), 0);
		assert_int_equal(w.nr_reports, 0);
		world_exit(&w);
	}
}

/* Unmapped in the second stage, and flushed in @how. */
static void try_unmap(unsigned int arch, enum broken how)
{
	struct pt_access_result result;
	char text[600];
	struct world w;

	world_init(&w, both[arch], how);
	for (unsigned int i = 0; i < PAGES; i++)
		assert_int_equal(touch(&w.f, w.cpu, VA + i * w.f.page, PT_ACCESS_READ, &result), 0);
	assert_int_equal(pt_unmap(w.second, IPA + w.f.page, 2 * w.f.page, NULL), 0);
	assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_READ, &result), 0);
	assert_int_equal(w.nr_reports, 0);
	assert_int_equal(touch(&w.f, w.cpu, VA + w.f.page, PT_ACCESS_READ, &result), how == RIGHT);
	assert_int_equal(w.nr_reports, how != RIGHT);
	if (how != RIGHT) {
		assert_int_equal(w.last.kind, PT_CHECK_ADDRESS);
		assert_int_equal(w.last.stage, 2);
		assert_int_equal(w.last.va, VA + w.f.page);
		assert_int_equal(w.last.change.va, IPA + w.f.page);
		assert_int_equal(w.last.entry.vmid, pt_guest_vmid(w.guest));
		assert_true(pt_check_report_text(&w.last, text, sizeof(text)) < sizeof(text));
		assert_non_null(strstr(text, "stage 2, level 0"));
	}
	world_exit(&w);
}

static void right_flush_is_not_reported(void **state)
{
	(void)state;
	try_unmap(0, RIGHT);
	try_unmap(1, RIGHT);
}

static void forgotten_flush_of_the_second_stage_is_caught(void **state)
{
	(void)state;
	try_unmap(0, FORGOTTEN);
	try_unmap(1, FORGOTTEN);
}

static void flush_by_ipa_without_the_combined_entries_is_caught(void **state)
{
	(void)state;
	try_unmap(1, IPA_ALONE);
}

static void flush_of_another_guest_is_caught(void **state)
{
	(void)state;
	try_unmap(0, IPA_ALONE);
}

static void flush_of_the_first_stage_in_place_of_the_second_is_caught(void **state)
{
	(void)state;
	try_unmap(0, FIRST_STAGE_ALONE);
	try_unmap(1, FIRST_STAGE_ALONE);
}

static void stale_rights_of_the_second_stage_are_caught(void **state)
{
	struct pt_access_result result;
	struct world w;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		world_init(&w, both[i & 1], i & 2 ? FORGOTTEN : RIGHT);
		assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_WRITE, &result), 0);
		assert_int_equal(pt_protect(w.second, IPA, w.f.page, 0, PT_ATTR_WRITE, NULL), 0);
		assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_READ, &result), 0);
		assert_int_equal(w.nr_reports, i >> 1);
		if (i & 2)
			assert_int_equal(w.last.kind, PT_CHECK_RIGHTS);
		else
			assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_WRITE, &result), 1);
		world_exit(&w);
	}
}

/* EPT's dirty bits: a store through a clean page walks, and sets it. */
static void stores_make_clean_pages_of_the_second_stage_dirty(void **state)
{
	struct pt_access_result result;
	struct pt_leaf leaf;
	struct world w;

	(void)state;
	for (unsigned int forgets = 0; forgets < 2; forgets++) {
		world_init(&w, "x86_48", forgets ? FORGOTTEN : RIGHT);
		assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_WRITE, &result), 0);
		assert_int_equal(pt_test_and_clear_dirty(w.second, IPA, w.f.page, NULL), 0);
		assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_READ, &result), 0);
		assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_WRITE, &result), 0);
		assert_int_equal(pt_lookup(w.second, IPA, &leaf), 0);
		assert_int_equal(!(leaf.attr & PT_ATTR_DIRTY), forgets);
		assert_int_equal(w.nr_reports, 2 * forgets);
		if (forgets)
			assert_int_equal(w.last.kind, PT_CHECK_DIRTY);
		world_exit(&w);
	}
}

/*
 * A store that the entry refuses is walked for, and faults: the entry goes with it, though the
 * flush was forgotten; of arm64 none has to. The next page's stays.
 */
static void ept_violations_drop_what_the_address_led_to(void **state)
{
	struct pt_access_result result;
	struct pt_cpu_stats before, after;
	struct world w;

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		world_init(&w, both[arch], RIGHT);
		assert_int_equal(pt_protect(w.second, IPA, 2 * w.f.page, 0, PT_ATTR_WRITE, NULL),
				 0);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(
				touch(&w.f, w.cpu, VA + i * w.f.page, PT_ACCESS_READ, &result), 0);
		w.how = FORGOTTEN;
		assert_int_equal(pt_unmap(w.second, IPA, 2 * w.f.page, NULL), 0);
		before = stats_of(w.cpu);
		assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_WRITE, &result), 1);
		assert_int_equal(result.fault.stage, 2);
		assert_false(result.fault.in_walk);
		after = stats_of(w.cpu);
		assert_int_equal(after.flushes[PT_FLUSH_BY_FAULT][PT_FLUSH_KIND_PAGE] -
					 before.flushes[PT_FLUSH_BY_FAULT][PT_FLUSH_KIND_PAGE],
				 !arch);
		assert_int_equal(w.nr_reports, 0);
		assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_READ, &result), !arch);
		assert_int_equal(w.nr_reports, arch);
		assert_int_equal(touch(&w.f, w.cpu, VA + w.f.page, PT_ACCESS_READ, &result), 0);
		assert_int_equal(w.nr_reports, arch + 1);
		world_exit(&w);
	}
}

/* One of a table on the way is of no translation of the address. */
static void ept_violations_of_a_walk_drop_nothing(void **state)
{
	struct pt_access_result result;
	struct pt_cpu_stats before, after;
	struct world w;

	(void)state;
	world_init_keeping(&w, "x86_48", RIGHT, false);
	assert_int_equal(pt_protect(w.second, IPA, w.f.page, 0, PT_ATTR_WRITE, NULL), 0);
	assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_READ, &result), 0);
	w.how = FORGOTTEN;
	assert_int_equal(pt_unmap(w.second, TABLES, NR_TABLE_PAGES * w.f.page, NULL), 0);
	before = stats_of(w.cpu);
	assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_WRITE, &result), 1);
	assert_int_equal(result.fault.kind, PT_FAULT_EPT_VIOLATION);
	assert_true(result.fault.in_walk);
	after = stats_of(w.cpu);
	assert_memory_equal(before.flushes, after.flushes, sizeof(before.flushes));
	assert_true(hits(&w.f, w.cpu, VA, PT_ACCESS_READ, DATA));
	world_exit(&w);
}

static void guests_do_not_share_entries(void **state)
{
	struct pt_access_result result;
	struct world w;

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct pt_guest *other;
		struct pt_pgtable *second;

		world_init(&w, both[arch], RIGHT);
		assert_int_equal(pt_guest_create(&other, w.f.machine), 0);
		assert_true(pt_guest_vmid(other) != pt_guest_vmid(w.guest));
		make_second(&w, &second, other, pt_guest_flush_ops(other), DATA + BIT(24));
		assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_READ, &result), 0);
		run_guest(&w, w.cpu, other);
		assert_false(hits(&w.f, w.cpu, VA, PT_ACCESS_READ, DATA + BIT(24)));
		assert_true(hits(&w.f, w.cpu, VA, PT_ACCESS_READ, DATA + BIT(24)));
		/* one is flushed, the other stays */
		assert_int_equal(pt_unmap(w.second, IPA, w.f.page, NULL), 0);
		assert_true(hits(&w.f, w.cpu, VA, PT_ACCESS_READ, DATA + BIT(24)));
		run_guest(&w, w.cpu, w.guest);
		assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_READ, &result), 1);
		assert_int_equal(w.nr_reports, 0);
		pt_pgtable_destroy(second);
		pt_guest_destroy(other);
		world_exit(&w);
	}
}

/* With the registers that are loaded: no MOV to CR3 that flushes. */
static void resume(struct world *w, struct pt_guest *guest)
{
	const struct pt_x86_ept_regs ept = { .eptp = 1 << 6 | 3 << 3 | 6 };

	assert_int_equal(pt_cpu_run_guest_x86_64(w->cpu, guest, &ept), 0);
}

/* The ASID that a guest gives to INVLPGB is replaced by its own; a host may give any. */
static void guests_flush_no_others_by_invlpgb(void **state)
{
	const uint64_t flags[] = { 0, 4, 8, 4 | 8 };
	struct pt_access_result result;
	struct pt_pgtable *second;
	struct pt_guest *other;
	struct world w;

	(void)state;
	world_init(&w, "x86_48", RIGHT);
	assert_int_equal(pt_guest_create(&other, w.f.machine), 0);
	make_second(&w, &second, other, pt_guest_flush_ops(other), DATA + BIT(24));
	for (unsigned int i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		const uint16_t first = pt_guest_vmid(w.guest);

		resume(&w, w.guest);
		assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_READ, &result), 0);
		resume(&w, other);
		assert_int_equal(touch(&w.f, w.cpu, VA, PT_ACCESS_READ, &result), 0);
		assert_int_equal(pt_cpu_invlpgb(w.cpu, flags[i], 0, first), 0);
		pt_cpu_tlbsync(w.cpu);
		assert_false(hits(&w.f, w.cpu, VA, PT_ACCESS_READ, DATA + BIT(24)));
		resume(&w, w.guest);
		assert_true(hits(&w.f, w.cpu, VA, PT_ACCESS_READ, DATA));
		pt_cpu_exit_guest(w.cpu);
		assert_int_equal(pt_cpu_invlpgb(w.cpu, 4 | 8, 0, first), 0);
		pt_cpu_tlbsync(w.cpu);
		resume(&w, w.guest);
		assert_false(hits(&w.f, w.cpu, VA, PT_ACCESS_READ, DATA));
	}
	assert_int_equal(w.nr_reports, 0);
	pt_pgtable_destroy(second);
	pt_guest_destroy(other);
	world_exit(&w);
}

/* Its host's kernel is flushed while a CPU runs a guest. */
static void host_kernel_entries_go_while_a_guest_runs(void **state)
{
	struct pt_access_result result;
	struct world w;

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		const struct pt_access supervisor = { PT_ACCESS_READ, 8, arch, 0 };
		struct pt_space *kernel;
		struct pt_pgtable *pt;

		world_init(&w, both[arch], RIGHT);
		kernel = pt_machine_kernel(w.f.machine);
		w.f.cfg.flush = pt_space_flush_ops(kernel);
		w.f.cfg.watch = pt_space_watch_ops(kernel);
		assert_int_equal(pt_pgtable_create(&pt, w.f.phys, &w.f.cfg), 0);
		assert_int_equal(pt_space_set_table(kernel, pt), 0);
		assert_int_equal(pt_map(pt, VA, DATA, 2 * w.f.page,
					RW | PT_ATTR_GLOBAL | PT_ATTR_ACCESSED, NULL),
				 0);
		pt_cpu_exit_guest(w.cpu);
		load_cpu(&w.f, w.cpu, pt_pgtable_root(pt));
		assert_int_equal(pt_cpu_access(w.cpu, VA, &supervisor, &result), 0);
		run_guest(&w, w.cpu, w.guest);
		assert_int_equal(pt_unmap(pt, VA, w.f.page, NULL), 0);
		pt_cpu_exit_guest(w.cpu);
		load_cpu(&w.f, w.cpu, pt_pgtable_root(pt));
		assert_int_equal(pt_cpu_access(w.cpu, VA, &supervisor, &result), 1);
		assert_int_equal(w.nr_reports, 0);
		pt_pgtable_destroy(pt);
		world_exit(&w);
	}
}

static void what_cannot_be_is_refused(void **state)
{
	struct world w;

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		const struct pt_x86_ept_regs ept = { .eptp = 3 << 3 | 6 };
		const struct pt_x86_ept_regs bad = { .eptp = 3 << 3 | 5 };
		const struct pt_arm64_s2_regs stage2 = { .vtcr = 16 | 2 << 6, .hcr = 1 };
		struct pt_guest *empty;
		struct process p;

		world_init(&w, both[arch], RIGHT);
		process_init(&w.f, &p);
		assert_int_equal(pt_guest_set_table(w.guest, w.first), -EINVAL);
		assert_int_equal(pt_space_set_table(p.space, w.second), -EINVAL);
		assert_int_equal(pt_cpu_switch(w.cpu, p.space), -EINVAL);
		assert_int_equal(pt_guest_create(&empty, w.f.machine), 0);
		if (arch) {
			assert_int_equal(pt_cpu_run_guest_arm64(w.cpu, empty, &stage2), -EINVAL);
			assert_int_equal(pt_cpu_run_guest_x86_64(w.cpu, w.guest, &ept), -EINVAL);
		} else {
			assert_int_equal(pt_cpu_run_guest_x86_64(w.cpu, empty, &ept), -EINVAL);
			assert_int_equal(pt_cpu_run_guest_x86_64(w.cpu, w.guest, &bad), -EINVAL);
			assert_int_equal(pt_cpu_run_guest_arm64(w.cpu, w.guest, &stage2), -EINVAL);
		}
		assert_ptr_equal(pt_cpu_guest(w.cpu), w.guest);
		assert_int_equal(pt_cpu_invvpid(w.cpu, PT_INVVPID_CONTEXT, 0, 0), -EINVAL);
		assert_int_equal(pt_cpu_invvpid(w.cpu, 4, 1, 0), -EINVAL);
		assert_int_equal(pt_cpu_invvpid(w.cpu, PT_INVVPID_ADDRESS, 1, BIT(62)), -EINVAL);
		assert_int_equal(pt_cpu_invept(w.cpu, 0, 1), -EINVAL);
		pt_guest_destroy(empty);
		pt_guest_destroy(NULL);
		process_exit(&p);
		world_exit(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_stages_are_one_entry),
		cmocka_unit_test(the_smaller_size_counts),
		cmocka_unit_test(a_hit_is_as_large_as_both_stages_allow),
		cmocka_unit_test(flushes_of_the_second_stage_reach_every_cpu),
		cmocka_unit_test(right_flush_is_not_reported),
		cmocka_unit_test(forgotten_flush_of_the_second_stage_is_caught),
		cmocka_unit_test(flush_by_ipa_without_the_combined_entries_is_caught),
		cmocka_unit_test(flush_of_another_guest_is_caught),
		cmocka_unit_test(flush_of_the_first_stage_in_place_of_the_second_is_caught),
		cmocka_unit_test(stale_rights_of_the_second_stage_are_caught),
		cmocka_unit_test(stores_make_clean_pages_of_the_second_stage_dirty),
		cmocka_unit_test(ept_violations_drop_what_the_address_led_to),
		cmocka_unit_test(ept_violations_of_a_walk_drop_nothing),
		cmocka_unit_test(guests_do_not_share_entries),
		cmocka_unit_test(guests_flush_no_others_by_invlpgb),
		cmocka_unit_test(host_kernel_entries_go_while_a_guest_runs),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
