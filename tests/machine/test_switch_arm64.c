/* SPDX-License-Identifier: MIT */
/* arm64: which registers a switch of spaces writes, and how much goes by ranges. */
#include "machine_test.h"

#define TCR_A1 BIT(22)
#define TCR_AS BIT(36)

/* Arm ARM DDI 0487 J.a, D17.2.131 "TCR_EL1": A1 says which TTBR has the ASID */
static void the_asid_stands_where_tcr_says(void **state)
{
	(void)state;
	for (unsigned int a1 = 0; a1 < 2; a1++) {
		const struct pt_arm64_regs *now;
		struct pt_arm64_regs regs;
		struct fixture f;
		struct process p[2];
		struct pt_cpu *cpu;

		fixture_init(&f, "arm_4k_48", 1, false);
		process_init(&f, &p[0]);
		process_init(&f, &p[1]);
		cpu = pt_machine_cpu(f.machine, 0);
		assert_int_equal(pt_cpu_enter(cpu), 0);
		regs = arm64_registers(&f.fmt, TABLES);
		regs.tcr |= TCR_AS | (a1 ? TCR_A1 : 0);
		regs.ttbr1 = 0x5000;
		assert_int_equal(pt_cpu_load_arm64(cpu, &regs), 0);
		for (unsigned int i = 0; i < 2; i++) {
			uint64_t asid, root = pt_pgtable_root(p[i].pt);

			assert_int_equal(pt_cpu_switch(cpu, p[i].space), 0);
			now = pt_cpu_arm64(cpu);
			asid = (a1 ? now->ttbr1 : now->ttbr0) >> 48;
			assert_true(asid != 0);
			assert_int_equal(now->ttbr0, root | (a1 ? 0 : asid << 48));
			assert_int_equal(now->ttbr1, 0x5000 | (a1 ? asid << 48 : 0));
			assert_int_equal(pt_map(p[i].pt, VA, DATA + i * f.page, f.page, RWU, NULL),
					 0);
			assert_false(hits(&f, cpu, VA, PT_ACCESS_READ, DATA + i * f.page));
		}
		/* each has its own */
		assert_int_equal(pt_cpu_switch(cpu, p[0].space), 0);
		assert_true(hits(&f, cpu, VA, PT_ACCESS_READ, DATA));
		pt_cpu_leave(cpu);
		process_exit(&p[0]);
		process_exit(&p[1]);
		fixture_exit(&f);
	}
}

/* The kernel's table is TTBR1's: while it runs alone, TTBR0 leads nowhere near it. */
static void a_kernel_of_the_upper_half_is_not_in_ttbr0(void **state)
{
	struct process kernel;
	struct fixture f;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init(&f, "arm_4k_48_upper_bbm1", 1, false);
	kernel.space = pt_machine_kernel(f.machine);
	f.cfg.flush = pt_space_flush_ops(kernel.space);
	assert_int_equal(pt_pgtable_create(&kernel.pt, f.phys, &f.cfg), 0);
	assert_int_equal(pt_space_set_table(kernel.space, kernel.pt), 0);
	cpu = pt_machine_cpu(f.machine, 0);
	assert_int_equal(pt_cpu_enter(cpu), 0);
	load_cpu(&f, cpu, pt_pgtable_root(kernel.pt));
	assert_int_equal(pt_cpu_switch(cpu, kernel.space), 0);
	assert_int_equal(pt_cpu_arm64(cpu)->ttbr0 & (BIT(48) - 1), 0);
	assert_int_equal(pt_cpu_arm64(cpu)->ttbr1 & (BIT(48) - 1), pt_pgtable_root(kernel.pt));
	pt_cpu_leave(cpu);
	pt_pgtable_destroy(kernel.pt);
	fixture_exit(&f);
}

/* TCR_EL1.AS = 0: ASIDs have 8 bits, and a space with a longer one cannot be run. */
static void long_asids_need_as(void **state)
{
	enum { NR = 256 };
	struct pt_space *spaces[NR];
	struct pt_arm64_regs regs;
	struct process p;
	struct fixture f;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init(&f, "arm_4k_48", 1, false);
	for (unsigned int i = 0; i < NR; i++)
		assert_int_equal(pt_space_create(&spaces[i], f.machine), 0);
	process_init(&f, &p);
	cpu = pt_machine_cpu(f.machine, 0);
	assert_int_equal(pt_cpu_enter(cpu), 0);
	regs = arm64_registers(&f.fmt, TABLES);
	assert_int_equal(pt_cpu_load_arm64(cpu, &regs), 0);
	assert_int_equal(pt_cpu_switch(cpu, p.space), -EINVAL);
	assert_int_equal(pt_cpu_arm64(cpu)->ttbr0, regs.ttbr0);
	regs.tcr |= TCR_AS;
	assert_int_equal(pt_cpu_load_arm64(cpu, &regs), 0);
	assert_int_equal(pt_cpu_switch(cpu, p.space), 0);
	assert_true(pt_cpu_arm64(cpu)->ttbr0 >> 48 > 0xff);
	pt_cpu_leave(cpu);
	process_exit(&p);
	for (unsigned int i = 0; i < NR; i++)
		pt_space_destroy(spaces[i]);
	fixture_exit(&f);
}

/* machine.h: max_range_pages are asked for by ranges, one more by the ASID. */
static void ranges_go_up_to_the_most_pages(void **state)
{
	const struct pt_machine_policy policy = { .ranges = true, .max_range_pages = 8 };

	(void)state;
	for (unsigned int nr = 7; nr <= 9; nr++) {
		const struct pt_flush_ops *ops;
		struct process p;
		struct fixture f;
		struct pt_cpu *cpu;

		fixture_init_policy(&f, "arm_4k_48", 1, false, &policy, false);
		process_init(&f, &p);
		cpu = run_on(&f, 0, p.space);
		ops = pt_space_flush_ops(p.space);
		ops->range(ops->ctx, VA, VA + nr * f.page - 1, 12);
		assert_int_equal(stats_of(cpu).flush_full, nr > 8);
		pt_cpu_leave(cpu);
		process_exit(&p);
		fixture_exit(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_asid_stands_where_tcr_says),
		cmocka_unit_test(a_kernel_of_the_upper_half_is_not_in_ttbr0),
		cmocka_unit_test(long_asids_need_as),
		cmocka_unit_test(ranges_go_up_to_the_most_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
