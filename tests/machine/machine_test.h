/* SPDX-License-Identifier: MIT */
/*
 * machine_test.h - a memory, a machine and a table on it, for tests of CPUs.
 *
 *	0        TABLES              DATA                       LEN
 *	|        | table pages       | what leaves point at ... |
 */
#ifndef MACHINE_TEST_H
#define MACHINE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <ptlib/ptlib.h>

#include "mmu/registers.h"
#include "model/configs.h"
#include "model/page_source.h"

#define BIT(n) (UINT64_C(1) << (n))
#define TABLES UINT64_C(0x100000)
#define NR_TABLE_PAGES 128
#define DATA UINT64_C(0x40000000)
#define LEN UINT64_C(0x100000000)
#define VA UINT64_C(0x10000000)
#define RW (PT_ATTR_READ | PT_ATTR_WRITE)
#define RWU (RW | PT_ATTR_USER | PT_ATTR_ACCESSED | PT_ATTR_DIRTY)

#define CR4_PCIDE BIT(17)
#define CR4_PGE BIT(7)

struct fixture {
	struct pt_phys *phys;
	struct page_source source;
	struct pt_machine *machine;
	struct pt_fmt_cfg fmt;
	struct pt_pgtable_cfg cfg;
	uint64_t page; /* bytes of the smallest */
};

/* Small TLBs with paging-structure caches, or without. */
static inline struct pt_tlb_cfg small_tlb(bool tables)
{
	const unsigned int pages = 1u << PT_TLB_USE_DATA | 1u << PT_TLB_USE_FETCH;
	const uint64_t sizes = BIT(12) | BIT(14) | BIT(16) | BIT(21) | BIT(25) | BIT(30);
	struct pt_tlb_cfg cfg = {
		.nr_parts = tables ? 3 : 2,
		.parts = {
			{ 1, pages, sizes, 64, 4, PT_TLB_LRU },
			{ 2, pages, sizes, 256, 8, PT_TLB_LRU },
			{ 1, 1u << PT_TLB_USE_TABLE,
			  BIT(21) | BIT(25) | BIT(29) | BIT(30) | BIT(36) | BIT(39) | BIT(42),
			  32, 32, PT_TLB_LRU },
		},
	};

	return cfg;
}

/* @policy: NULL, Linux's. */
static inline void fixture_init_policy(struct fixture *f, const char *config, unsigned int nr_cpus,
				       bool tables, const struct pt_machine_policy *policy,
				       bool checked)
{
	struct pt_machine_cfg cfg;
	struct pt_format_info info;

	memset(f, 0, sizeof(*f));
	f->fmt = config_fmt(config_named(config));
	assert_int_equal(pt_format_info(&f->fmt, &info), 0);
	f->page = BIT(info.granule_lg2);
	assert_int_equal(pt_phys_create_anon(&f->phys, LEN), 0);
	page_source_init(&f->source, f->phys, TABLES, info.granule_lg2, NR_TABLE_PAGES);
	pt_machine_cfg_init(&cfg,
			    pt_tlb_profile_find(f->fmt.fmt == PT_FMT_X86_64 ? "skylake-sp"
									    : "neoverse-n1"),
			    nr_cpus);
	cfg.tlb = small_tlb(tables);
	cfg.checked = checked;
	if (policy)
		cfg.policy = *policy;
	assert_int_equal(pt_machine_create(&f->machine, f->phys, &cfg), 0);
	f->cfg = (struct pt_pgtable_cfg){ .fmt = f->fmt,
					  .mode = PT_MODE_SHARED,
					  .tables = page_source_ops(&f->source),
					  .wait = pt_machine_wait_ops(f->machine) };
}

static inline void fixture_init(struct fixture *f, const char *config, unsigned int nr_cpus,
				bool tables)
{
	fixture_init_policy(f, config, nr_cpus, tables, NULL, false);
}

static inline void fixture_exit(struct fixture *f)
{
	pt_machine_destroy(f->machine);
	assert_int_equal(f->source.nr_live, 0);
	page_source_exit(&f->source);
	pt_phys_destroy(f->phys);
}

static inline uint64_t random64(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* A space with an empty table. */
struct process {
	struct pt_space *space;
	struct pt_pgtable *pt;
};

static inline void process_init(struct fixture *f, struct process *p)
{
	assert_int_equal(pt_space_create(&p->space, f->machine), 0);
	f->cfg.flush = pt_space_flush_ops(p->space);
	f->cfg.watch = pt_space_watch_ops(p->space);
	assert_int_equal(pt_pgtable_create(&p->pt, f->phys, &f->cfg), 0);
	assert_int_equal(pt_space_set_table(p->space, p->pt), 0);
}

static inline void process_exit(struct process *p)
{
	pt_pgtable_destroy(p->pt);
	pt_space_destroy(p->space);
}

static inline bool is_x86(const struct fixture *f)
{
	return f->fmt.fmt == PT_FMT_X86_64;
}

/* Registers for f->fmt, without tables yet; PCIDs and global pages on. */
static inline void load_cpu(struct fixture *f, struct pt_cpu *cpu, pt_pa_t root)
{
	if (is_x86(f)) {
		struct pt_x86_regs regs = x86_registers(&f->fmt, root);

		regs.cr4 |= CR4_PCIDE | CR4_PGE;
		assert_int_equal(pt_cpu_load_x86_64(cpu, &regs), 0);
	} else {
		struct pt_arm64_regs regs = arm64_registers(&f->fmt, root);

		regs.tcr |= BIT(36);
		assert_int_equal(pt_cpu_load_arm64(cpu, &regs), 0);
	}
}

/* This thread runs CPU @number, which runs @space. */
static inline struct pt_cpu *run_on(struct fixture *f, unsigned int number, struct pt_space *space)
{
	struct pt_cpu *cpu = pt_machine_cpu(f->machine, number);

	assert_int_equal(pt_cpu_enter(cpu), 0);
	if (!pt_cpu_space(cpu))
		load_cpu(f, cpu, TABLES);
	assert_int_equal(pt_cpu_switch(cpu, space), 0);
	return cpu;
}

static inline unsigned int user_priv(const struct fixture *f)
{
	return is_x86(f) ? 3 : 0;
}

/* One user access of 8 bytes. */
static inline int touch(struct fixture *f, struct pt_cpu *cpu, pt_va_t va, enum pt_access_kind kind,
			struct pt_access_result *result)
{
	struct pt_access access = { .kind = kind, .size = 8, .priv = user_priv(f) };

	return pt_cpu_access(cpu, va, &access, result);
}

/* ... that has to succeed. Whether it hit: */
static inline bool hits(struct fixture *f, struct pt_cpu *cpu, pt_va_t va, enum pt_access_kind kind,
			pt_pa_t pa)
{
	struct pt_access_result result;

	assert_int_equal(touch(f, cpu, va, kind, &result), 0);
	assert_int_equal(result.nr_pieces, 1);
	assert_int_equal(result.piece[0].pa, pa);
	return !result.nr_loads[0];
}

/* Whether CPU @number, which runs @space for this, has @va of it in its TLB. */
static inline bool has(struct fixture *f, unsigned int number, struct pt_space *space, pt_va_t va)
{
	struct pt_cpu *cpu = run_on(f, number, space);
	struct pt_access_result result;
	bool hit = !touch(f, cpu, va, PT_ACCESS_READ, &result) && !result.nr_loads[0];

	pt_cpu_leave(cpu);
	return hit;
}

static inline struct pt_cpu_stats stats_of(const struct pt_cpu *cpu)
{
	struct pt_cpu_stats stats;

	pt_cpu_stats(cpu, &stats);
	return stats;
}

#endif /* MACHINE_TEST_H */
