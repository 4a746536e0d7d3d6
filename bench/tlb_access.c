/* SPDX-License-Identifier: MIT */
/*
 * Accesses of a CPU: what the TLB misses is walked for. walk_* do the two parts by themselves,
 * a lookup that is filled and a walk of every address: an access may take 5 ns more than that.
 * And flushes that reach other CPUs, all parked, on one thread: what the simulation takes.
 */
#include <errno.h>
#include <stdlib.h>

#include <ptlib/ptlib.h>

#include "bench.h"
#include "tlb_trace.h"

#define TABLES_PA ((pt_pa_t)1 << 20)
#define TABLES_LEN ((uint64_t)2 << 20)
#define PAGE 4096

struct world {
	struct pt_phys *phys;
	struct pt_reserve *reserve;
	struct pt_machine *machine;
	struct pt_space *space;
	struct pt_pgtable *pt;
	struct pt_tlb *tlb; /* of the walks alone */
	struct pt_mmu *mmu;
	uint64_t *trace;
};

static struct pt_x86_regs registers_of(const struct world *w)
{
	return (struct pt_x86_regs){
		.cr0 = UINT64_C(0x80010033), /* PG, WP, PE */
		.cr3 = pt_pgtable_root(w->pt),
		.cr4 = UINT64_C(0x3200a0), /* SMAP, SMEP, PCIDE, PGE, PAE */
		.efer = UINT64_C(0xd01), /* NXE, LMA, LME */
	};
}

static void world_exit(struct world *w)
{
	pt_mmu_destroy(w->mmu);
	pt_tlb_destroy(w->tlb);
	pt_pgtable_destroy(w->pt);
	if (w->space)
		pt_space_destroy(w->space);
	pt_machine_destroy(w->machine);
	pt_reserve_destroy(w->reserve);
	pt_phys_destroy(w->phys);
	free(w->trace);
}

static int make_memory(struct world *w)
{
	int err = pt_phys_create_anon(&w->phys, TABLES_PA + TABLES_LEN);

	if (!err)
		err = pt_reserve_create(&w->reserve, w->phys, 12);
	return err ? err : pt_reserve_add_range(w->reserve, TABLES_PA, TABLES_LEN);
}

/* @tables: with paging-structure caches, the last part of the geometry. */
static int make_machine(struct world *w, unsigned int nr_cpus, bool checked, bool tables)
{
	struct pt_machine_cfg cfg;

	pt_machine_cfg_init(&cfg, pt_tlb_profile_find("skylake-sp"), nr_cpus);
	cfg.tlb = trace_geometry();
	cfg.tlb.nr_parts -= !tables;
	cfg.checked = checked;
	return pt_machine_create(&w->machine, w->phys, &cfg);
}

/* Every page of every trace, there and dirty, as a user's. */
static int make_table(struct world *w)
{
	struct pt_change change = { .max_lg2 = 12 };
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_SHARED,
				      .tables = pt_reserve_ops(w->reserve),
				      .flush = pt_space_flush_ops(w->space),
				      .watch = pt_space_watch_ops(w->space) };
	int err = pt_fmt_cfg_init(&cfg.fmt, PT_FMT_X86_64);

	if (!err)
		err = pt_pgtable_create(&w->pt, w->phys, &cfg);
	if (!err)
		err = pt_map(w->pt, BASE, (pt_pa_t)1 << 38, (uint64_t)TRACE_PAGES * PAGE,
			     PT_ATTR_RW | PT_ATTR_USER | PT_ATTR_ACCESSED | PT_ATTR_DIRTY, &change);
	return err ? err : pt_space_set_table(w->space, w->pt);
}

static int run_everywhere(struct world *w)
{
	const struct pt_x86_regs regs = registers_of(w);
	int err = 0;

	for (unsigned int i = pt_machine_nr_cpus(w->machine); !err && i--;) {
		struct pt_cpu *cpu = pt_machine_cpu(w->machine, i);

		err = pt_cpu_enter(cpu);
		if (!err)
			err = pt_cpu_load_x86_64(cpu, &regs);
		if (!err)
			err = pt_cpu_switch(cpu, w->space);
		if (i)
			pt_cpu_leave(cpu);
	}
	return err;
}

/* This thread runs CPU 0 then. */
static int world_init(struct world *w, unsigned int nr_cpus, bool checked, bool tables)
{
	int err;

	*w = (struct world){ 0 };
	w->trace = malloc(NR_LOOKUPS * sizeof(*w->trace));
	err = w->trace ? make_memory(w) : -ENOMEM;
	if (!err)
		err = make_machine(w, nr_cpus, checked, tables);
	if (!err)
		err = pt_space_create(&w->space, w->machine);
	if (!err)
		err = make_table(w);
	if (!err)
		err = run_everywhere(w);
	if (err)
		world_exit(w);
	return err;
}

static void leave_everywhere(struct world *w)
{
	const struct pt_x86_regs regs = registers_of(w);

	/* Loaded by hand, the space is run by none of them. */
	for (unsigned int i = 0; i < pt_machine_nr_cpus(w->machine); i++) {
		struct pt_cpu *cpu = pt_machine_cpu(w->machine, i);
		int err = i ? pt_cpu_enter(cpu) : 0;

		if (!err)
			err = pt_cpu_load_x86_64(cpu, &regs);
		bench_use(err);
		pt_cpu_leave(cpu);
	}
}

/* ---- accesses ---- */

struct access_case {
	const char *name;
	enum order order;
	bool checked, tables;
	const char *limit; /* the sum of its parts */
};

static const struct access_case access_cases[] = {
	{ "tlb_access_rand1k", ORDER_RAND1K, false, false, NULL },
	{ "tlb_access_rand64k", ORDER_RAND64K, false, false, "walk_rand64k" },
	{ "tlb_access_zipf64k", ORDER_ZIPF64K, false, false, NULL },
	{ "tlb_access_seq", ORDER_SEQ, false, false, NULL },
	{ "tlb_access_rand64k/tables", ORDER_RAND64K, false, true, NULL },
	{ "tlb_access_zipf64k/tables", ORDER_ZIPF64K, false, true, NULL },
	{ "tlb_access_rand1k/checked", ORDER_RAND1K, true, false, NULL },
	{ "tlb_access_rand64k/checked", ORDER_RAND64K, true, false, NULL },
	{ "tlb_access_zipf64k/checked", ORDER_ZIPF64K, true, false, NULL },
	{ "tlb_access_seq/checked", ORDER_SEQ, true, false, NULL },
};

static const struct pt_access user_load = { .kind = PT_ACCESS_READ, .size = 8, .priv = 3 };

static void tlb_access(struct bench *b, const void *arg)
{
	const struct access_case *c = arg;
	struct pt_access_result result;
	struct pt_cpu_stats before, after;
	struct pt_cpu *cpu;
	struct world w;
	size_t at = 0;
	int faults = 0;

	if (world_init(&w, 1, c->checked, c->tables)) {
		bench_fail(b, "no memory");
		return;
	}
	cpu = pt_machine_cpu(w.machine, 0);
	make_trace(w.trace, c->order);
	for (size_t i = 0; i < NR_LOOKUPS; i++)
		faults |= pt_cpu_access(cpu, w.trace[i], &user_load, &result);
	pt_cpu_stats(cpu, &before);
	while (bench_keep_running(b, BATCH)) {
		for (size_t i = 0; i < BATCH; i++) {
			faults |= pt_cpu_access(cpu, w.trace[at + i], &user_load, &result);
			bench_use(result.piece[0].pa);
		}
		at = (at + BATCH) % NR_LOOKUPS;
	}
	pt_cpu_stats(cpu, &after);
	bench_counter_per_op(b, "misses", (double)(after.misses - before.misses));
	bench_counter_per_op(b, "loads", (double)(after.loads - before.loads));
	if (c->limit)
		bench_bar(b, c->limit, 1, 5);
	if (faults)
		bench_fail(b, "an access faulted");
	leave_everywhere(&w);
	world_exit(&w);
}

/* A lookup, filled from a leaf that is known, and pt_access() of the same address. */
static void walk(struct bench *b, const void *arg)
{
	const struct pt_tlb_cfg geometry = trace_geometry();
	struct pt_tlb_fill leaf = { .size_lg2 = 12 };
	struct pt_access_result result;
	struct pt_x86_regs regs;
	struct world w;
	size_t at = 0;
	int faults;

	if (world_init(&w, 1, false, false)) {
		bench_fail(b, "no memory");
		return;
	}
	regs = registers_of(&w);
	faults = pt_tlb_create(&w.tlb, &geometry) || pt_mmu_create(&w.mmu, w.phys) ||
		 pt_mmu_set_x86_64(w.mmu, &regs);
	make_trace(w.trace, *(const enum order *)arg);
	while (!faults && bench_keep_running(b, BATCH)) {
		for (size_t i = 0; i < BATCH; i++) {
			uint64_t va = w.trace[at + i];

			if (!pt_tlb_lookup(w.tlb, PT_TLB_USE_DATA, va)) {
				leaf.pa = va & UINT64_C(0xfffff000);
				faults |= pt_tlb_fill(w.tlb, PT_TLB_USE_DATA, va, &leaf);
			}
			faults |= pt_access(w.mmu, va, &user_load, &result);
			bench_use(result.piece[0].pa);
		}
		at = (at + BATCH) % NR_LOOKUPS;
	}
	if (faults)
		bench_fail(b, "an access faulted");
	leave_everywhere(&w);
	world_exit(&w);
}

/* ---- shootdowns ---- */

static const unsigned int shootdown_cpus[] = { 2, 16, 128 };

static void shootdown(struct bench *b, const void *arg)
{
	const struct pt_flush_ops *ops;
	struct pt_cpu_stats before, after;
	struct world w;

	if (world_init(&w, *(const unsigned int *)arg, false, true)) {
		bench_fail(b, "no memory");
		return;
	}
	ops = pt_space_flush_ops(w.space);
	pt_machine_stats(w.machine, &before);
	while (bench_keep_running(b, BATCH))
		for (size_t i = 0; i < BATCH; i++)
			ops->range(ops->ctx, BASE + i * PAGE, BASE + i * PAGE + PAGE - 1, 12);
	pt_machine_stats(w.machine, &after);
	bench_counter_per_op(b, "ipis", (double)(after.ipis_sent - before.ipis_sent));
	leave_everywhere(&w);
	world_exit(&w);
}

void register_accesses(void)
{
	static const enum order rand64k = ORDER_RAND64K;

	bench_register("walk_rand64k", walk, &rand64k);
	for (size_t i = 0; i < sizeof(access_cases) / sizeof(access_cases[0]); i++)
		bench_register(access_cases[i].name, tlb_access, &access_cases[i]);
	bench_register("shootdown/cpus:2", shootdown, &shootdown_cpus[0]);
	bench_register("shootdown/cpus:16", shootdown, &shootdown_cpus[1]);
	bench_register("shootdown/cpus:128", shootdown, &shootdown_cpus[2]);
}
