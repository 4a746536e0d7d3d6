/* SPDX-License-Identifier: MIT */
/*
 * mm_test.h - a world, a checked machine and processes on it.
 *
 *	0            ZONE_LEN      DEVICE       HUGE                 MEMORY_LEN
 *	| zone: pages and tables   | a device's | huge pages, by pool |
 */
#ifndef MM_TEST_H
#define MM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <ptlib/ptlib.h>

#include "mmu/registers.h"
#include "model/configs.h"
#include "model/thin.h"

#define BIT(n) (UINT64_C(1) << (n))
#define ZONE_LEN BIT(31)
#define DEVICE_PA BIT(31)
#define DEVICE_LEN BIT(29)
#define HUGE_PA BIT(32)
#define MEMORY_LEN (HUGE_PA + BIT(32))
#define NR_TEST_CPUS 2
#define NR_PROCESSES 4

struct mm_config {
	const char *name; /* of configs.h */
	enum pt_soft_release release;
	bool no_access_flag; /* arm64: hardware does not set it */
};

static const struct mm_config mm_configs[] = {
	{ "x86_48", PT_SOFT_X86, false },
	{ "x86_57", PT_SOFT_X86_6_12, false },
	{ "arm_4k_48", PT_SOFT_ARM64, true },
	{ "arm_4k_48_hd_bbm2", PT_SOFT_ARM64_6_1, false },
	{ "arm_16k_48", PT_SOFT_ARM64_6_12, false },
	{ "arm_16k_36_hd", PT_SOFT_ARM64, false },
	{ "arm_64k_48", PT_SOFT_ARM64, false },
};
#define NR_MM_CONFIGS (sizeof(mm_configs) / sizeof(mm_configs[0]))

struct process {
	struct pt_space *space;
	struct pt_mm *mm;
};

struct mm_fixture {
	const struct mm_config *config;
	struct pt_phys *phys;
	struct pt_zone *zone, *device;
	struct pt_machine *machine;
	struct pt_fmt_cfg fmt;
	struct pt_format_info info;
	struct pt_soft_cfg soft;
	struct pt_world *world;
	struct pt_account *account;
	struct pt_space *idle_space;
	struct pt_pgtable *idle;
	struct pt_zone_source idle_tables;
	uint64_t page, huge; /* bytes: the smallest page, and a leaf of level 1 */
	unsigned int huge_lg2;
	unsigned int nr_reports;
};

static inline void mm_note(void *ctx, const struct pt_check_report *report)
{
	struct mm_fixture *f = ctx;
	char text[1024];

	pt_check_report_text(report, text, sizeof(text));
	fprintf(stderr, "%s: %s\n", f->config->name, text);
	f->nr_reports++;
}

static inline struct pt_tlb_cfg mm_tlb(void)
{
	const unsigned int pages = 1u << PT_TLB_USE_DATA | 1u << PT_TLB_USE_FETCH;
	const uint64_t sizes = BIT(12) | BIT(14) | BIT(16) | BIT(21) | BIT(25) | BIT(29) | BIT(30);

	return (struct pt_tlb_cfg){
		.nr_parts = 3,
		.parts = {
			{ 1, pages, sizes, 64, 4, PT_TLB_LRU },
			{ 2, pages, sizes, 1024, 8, PT_TLB_LRU },
			{ 1, 1u << PT_TLB_USE_TABLE,
			  BIT(21) | BIT(25) | BIT(29) | BIT(30) | BIT(36) | BIT(39) | BIT(42),
			  32, 32, PT_TLB_LRU },
		},
	};
}

/* Where there are protection keys, the last one forbids everything. */
static inline void mm_load_cpu(struct mm_fixture *f, struct pt_cpu *cpu)
{
	const bool has_keys = f->fmt.features & PT_FEAT_PKEYS;
	pt_pa_t root = pt_pgtable_root(f->idle);

	if (f->fmt.fmt == PT_FMT_X86_64) {
		struct pt_x86_regs regs = x86_registers(&f->fmt, root);

		regs.cr4 |= BIT(17) | BIT(7) | (has_keys ? BIT(22) : 0);
		regs.pkru = 3u << 30;
		assert_int_equal(pt_cpu_load_x86_64(cpu, &regs), 0);
	} else {
		struct pt_arm64_regs regs = arm64_registers(&f->fmt, root);

		regs.tcr |= BIT(36);
		regs.tcr2 = has_keys ? BIT(2) : 0; /* E0POE */
		regs.por_el0 = 0x07777777;
		if (f->config->no_access_flag)
			regs.tcr &= ~(BIT(39) | BIT(40));
		assert_int_equal(pt_cpu_load_arm64(cpu, &regs), 0);
	}
}

static inline void mm_fixture_init(struct mm_fixture *f, const struct mm_config *config,
				   unsigned int flags)
{
	const struct pt_phys_region region = { .pa = 0, .len = MEMORY_LEN, .fd = -1 };
	const struct pt_extent ram = { 0, ZONE_LEN }, device = { DEVICE_PA, DEVICE_LEN };
	struct pt_zone_cfg zone_cfg = { .ranges = &ram, .nr_ranges = 1 };
	struct pt_machine_cfg machine_cfg;
	struct pt_pgtable_cfg idle_cfg;
	struct pt_world_cfg cfg;

	memset(f, 0, sizeof(*f));
	f->config = config;
	f->fmt = config_fmt(config_named(config->name));
	assert_int_equal(pt_format_info(&f->fmt, &f->info), 0);
	f->page = BIT(f->info.granule_lg2);
	f->huge_lg2 = f->info.leaf_lg2[1];
	f->huge = BIT(f->huge_lg2);
	assert_int_equal(pt_phys_create(&f->phys, &region, 1, f->info.granule_lg2), 0);
	assert_int_equal(pt_zone_create(&f->zone, f->phys, &zone_cfg), 0);
	zone_cfg.ranges = &device;
	assert_int_equal(pt_zone_create(&f->device, f->phys, &zone_cfg), 0);
	assert_int_equal(pt_account_create(&f->account, f->zone, UINT64_MAX), 0);
	assert_int_equal(pt_soft_cfg_init(&f->soft, config->release, &f->fmt,
					  PT_SOFT_BUILT_DEVICE | PT_SOFT_BUILT_MARKERS),
			 0);
	pt_machine_cfg_init(&machine_cfg,
			    pt_tlb_profile_find(f->fmt.fmt == PT_FMT_X86_64 ? "skylake-sp"
									    : "neoverse-n1"),
			    NR_TEST_CPUS);
	machine_cfg.tlb = mm_tlb();
	machine_cfg.checked = true;
	assert_int_equal(pt_machine_create(&f->machine, f->phys, &machine_cfg), 0);
	assert_int_equal(pt_machine_set_checker(f->machine, PT_CHECK_WRONG, mm_note, f), 0);
	cfg = (struct pt_world_cfg){
		.zone = f->zone, .device = f->device, .fmt = f->fmt, .soft = f->soft, .flags = flags
	};
	assert_int_equal(pt_world_create(&f->world, f->phys, &cfg), 0);
	/* What a CPU has loaded while it runs no process. */
	f->idle_tables = (struct pt_zone_source){ .zone = f->zone };
	assert_int_equal(pt_space_create(&f->idle_space, f->machine), 0);
	idle_cfg = (struct pt_pgtable_cfg){
		.fmt = f->fmt,
		.mode = PT_MODE_SHARED,
		.tables = pt_zone_table_ops(&f->idle_tables),
		.flush = pt_space_flush_ops(f->idle_space),
	};
	assert_int_equal(pt_pgtable_create(&f->idle, f->phys, &idle_cfg), 0);
	assert_int_equal(pt_space_set_table(f->idle_space, f->idle), 0);
}

static inline bool mm_find(void *ctx, const struct pt_mm_finding *finding)
{
	const struct mm_fixture *f = ctx;

	fprintf(stderr, "%s: va %#llx pa %#llx: %s\n", f->config->name,
		(unsigned long long)finding->va, (unsigned long long)finding->pa, finding->what);
	return true;
}

static inline void mm_verify(struct mm_fixture *f)
{
	assert_int_equal(pt_world_verify(f->world, mm_find, f), 0);
	assert_int_equal(f->nr_reports, 0);
}

struct mm_wanted {
	const char *what;
	bool found;
};

static inline bool mm_look(void *ctx, const struct pt_mm_finding *finding)
{
	struct mm_wanted *wanted = ctx;

	wanted->found |= !strcmp(finding->what, wanted->what);
	return true;
}

/* Something is wrong with the world, @what among it. */
static inline void mm_finds(struct mm_fixture *f, const char *what)
{
	struct mm_wanted wanted = { .what = what };

	assert_int_equal(pt_world_verify(f->world, mm_look, &wanted), -EFAULT);
	if (!wanted.found)
		fprintf(stderr, "%s: not found: %s\n", f->config->name, what);
	assert_true(wanted.found);
}

/* Nothing is left, and no stale translation was used. */
static inline void mm_fixture_exit(struct mm_fixture *f)
{
	struct pt_zone_stats stats;

	mm_verify(f);
	assert_int_equal(pt_world_destroy(f->world), 0);
	for (unsigned int i = 0; i < NR_TEST_CPUS; i++)
		if (pt_cpu_space(pt_machine_cpu(f->machine, i)))
			assert_ptr_equal(pt_cpu_space(pt_machine_cpu(f->machine, i)),
					 f->idle_space);
	pt_space_destroy(f->idle_space);
	pt_machine_destroy(f->machine);
	pt_pgtable_destroy(f->idle);
	assert_int_equal(pt_account_destroy(f->account), 0);
	pt_zone_stats(f->zone, &stats);
	assert_int_equal(stats.held, 0);
	pt_zone_stats(f->device, &stats);
	assert_int_equal(stats.held, 0);
	assert_int_equal(pt_buddy_verify(f->zone, NULL, NULL), 0);
	assert_int_equal(pt_zone_destroy(f->device), 0);
	assert_int_equal(pt_zone_destroy(f->zone), 0);
	pt_phys_destroy(f->phys);
}

static inline struct pt_mm_cfg mm_cfg(struct mm_fixture *f, struct process *p)
{
	assert_int_equal(pt_space_create(&p->space, f->machine), 0);
	return (struct pt_mm_cfg){
		.mode = PT_MODE_SHARED,
		.flush = pt_space_flush_ops(p->space),
		.watch = pt_space_watch_ops(p->space),
		.wait = pt_machine_wait_ops(f->machine),
		.account = f->account,
	};
}

static inline void process_init(struct mm_fixture *f, struct process *p)
{
	struct pt_mm_cfg cfg = mm_cfg(f, p);

	assert_int_equal(pt_mm_create(&p->mm, f->world, &cfg), 0);
	assert_int_equal(pt_space_set_table(p->space, pt_mm_pgtable(p->mm)), 0);
}

/* Return: as pt_mm_fork(). */
static inline int process_fork(struct mm_fixture *f, struct process *parent, struct process *child)
{
	struct pt_mm_cfg cfg = mm_cfg(f, child);
	int err = pt_mm_fork(&child->mm, parent->mm, &cfg);

	if (err)
		pt_space_destroy(child->space);
	else
		assert_int_equal(pt_space_set_table(child->space, pt_mm_pgtable(child->mm)), 0);
	return err;
}

static inline struct pt_cpu *mm_run(struct mm_fixture *f, unsigned int number,
				    struct pt_space *space)
{
	struct pt_cpu *cpu = pt_machine_cpu(f->machine, number);

	assert_int_equal(pt_cpu_enter(cpu), 0);
	if (!pt_cpu_space(cpu))
		mm_load_cpu(f, cpu);
	if (pt_cpu_space(cpu) != space)
		assert_int_equal(pt_cpu_switch(cpu, space), 0);
	return cpu;
}

static inline void process_exit(struct mm_fixture *f, struct process *p)
{
	for (unsigned int i = 0; i < NR_TEST_CPUS; i++)
		if (pt_cpu_space(pt_machine_cpu(f->machine, i)) == p->space)
			pt_cpu_leave(mm_run(f, i, f->idle_space));
	pt_mm_destroy(p->mm);
	pt_space_destroy(p->space);
}

/* What most tests begin with: a process, and a swap device of @nr_slots. */
static inline void mm_begin(struct mm_fixture *f, const struct mm_config *config, struct process *p,
			    struct pt_swap **swap, uint64_t nr_slots)
{
	mm_fixture_init(f, config, 0);
	process_init(f, p);
	assert_int_equal(pt_swap_create(swap, f->world, 2, nr_slots), 0);
}

static inline void mm_end(struct mm_fixture *f, struct process *p, struct pt_swap *swap)
{
	process_exit(f, p);
	assert_int_equal(pt_swap_destroy(swap), 0);
	mm_fixture_exit(f);
}

/* The verdict that ends an access, or PT_VERDICT_NR if it succeeds in the end. */
#define ACCESS_DONE PT_VERDICT_NR

static inline enum pt_mm_verdict mm_access(struct mm_fixture *f, struct process *p,
					   unsigned int number, pt_va_t va,
					   enum pt_access_kind kind, uint64_t *value)
{
	const struct pt_access access = {
		.kind = kind,
		.size = 8,
		.priv = f->fmt.fmt == PT_FMT_X86_64 ? 3 : 0,
	};
	const struct pt_access fetch = { .kind = kind, .size = 4, .priv = access.priv };
	struct pt_cpu *cpu = mm_run(f, number, p->space);
	enum pt_mm_verdict verdict = PT_VERDICT_SPURIOUS;

	for (unsigned int i = 0; i < 10; i++) {
		struct pt_access_result result;
		int err;

		if (kind == PT_ACCESS_WRITE)
			err = pt_cpu_write(cpu, va, &access, value, &result);
		else if (kind == PT_ACCESS_FETCH)
			err = pt_cpu_access(cpu, va, &fetch, &result);
		else
			err = pt_cpu_read(cpu, va, &access, value, &result);
		if (!err) {
			pt_cpu_leave(cpu);
			return ACCESS_DONE;
		}
		assert_int_equal(err, 1);
		assert_int_equal(pt_mm_fault_hw(p->mm, &result.fault, &verdict), 0);
		if (verdict > PT_VERDICT_SPURIOUS)
			break;
	}
	pt_cpu_leave(cpu);
	return verdict;
}

static inline void mm_store(struct mm_fixture *f, struct process *p, pt_va_t va, uint64_t value)
{
	assert_int_equal(mm_access(f, p, 0, va, PT_ACCESS_WRITE, &value), ACCESS_DONE);
}

static inline uint64_t mm_load(struct mm_fixture *f, struct process *p, pt_va_t va)
{
	uint64_t value = 0;

	assert_int_equal(mm_access(f, p, 0, va, PT_ACCESS_READ, &value), ACCESS_DONE);
	return value;
}

static inline void mm_map_area(struct process *p, pt_va_t va, uint64_t len, enum pt_mm_kind kind,
			       unsigned int flags, struct pt_file *file, unsigned int page_lg2)
{
	const struct pt_mm_area want = {
		.first = va,
		.last = va + len - 1,
		.kind = kind,
		.flags = flags,
		.file = file,
		.page_lg2 = page_lg2,
		.node = PT_MM_ANY_NODE,
	};

	assert_int_equal(pt_mm_map(p->mm, &want), 0);
}

static inline struct pt_leaf mm_leaf(struct process *p, pt_va_t va)
{
	struct pt_leaf leaf;

	assert_int_equal(pt_lookup(pt_mm_pgtable(p->mm), va, &leaf), 0);
	return leaf;
}

static inline struct pt_soft mm_soft(struct process *p, pt_va_t va)
{
	struct pt_soft soft;

	assert_int_equal(pt_soft_lookup(pt_mm_pgtable(p->mm), va, &soft, NULL), 0);
	return soft;
}

static inline bool mm_is_hole(struct process *p, pt_va_t va)
{
	struct pt_soft soft;

	return pt_soft_lookup(pt_mm_pgtable(p->mm), va, &soft, NULL) == -ENOENT;
}

static inline uint64_t random64(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Each of @bodies on each configuration, which is its state, as "body/configuration". */
static inline int mm_run_on_all(const char *group, const struct CMUnitTest *bodies, size_t nr,
				CMFixtureFunction setup, CMFixtureFunction teardown)
{
	struct CMUnitTest *tests = calloc(nr * NR_MM_CONFIGS, sizeof(*tests));
	char(*names)[100] = calloc(nr * NR_MM_CONFIGS, sizeof(*names));
	int failed = 1;

	for (size_t i = 0; tests && names && i < nr * NR_MM_CONFIGS; i++) {
		const struct mm_config *config = &mm_configs[i % NR_MM_CONFIGS];

		snprintf(names[i], sizeof(names[i]), "%s/%s", bodies[i / NR_MM_CONFIGS].name,
			 config->name);
		tests[i] = bodies[i / NR_MM_CONFIGS];
		tests[i].name = names[i];
		tests[i].setup_func = setup;
		tests[i].teardown_func = teardown;
		tests[i].initial_state = (void *)(uintptr_t)config;
	}
	if (tests && names)
		failed = _cmocka_run_group_tests(group, tests, nr * NR_MM_CONFIGS, NULL, NULL);
	free(names);
	free(tests);
	return failed;
}

#define MM_RUN_ON_ALL(group, bodies)                                                               \
	mm_run_on_all(group, bodies, sizeof(bodies) / sizeof((bodies)[0]), setup, teardown)

#endif /* MM_TEST_H */
