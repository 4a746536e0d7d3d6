/* SPDX-License-Identifier: MIT */
/*
 * Page-table isolation, and what the kernel does while user mode runs: it is in its own table
 * then, whoever asked, and user mode is as before when that is done, or over.
 */
#include <ptlib/guest.h>

#include "pairs.h"

/* A kernel's load. 0 or 1, as pt_cpu_access(). */
static int look(struct fixture *f, struct pt_cpu *cpu, unsigned int page, bool *hit)
{
	const struct pt_access load = { .kind = PT_ACCESS_READ, .size = 8 };
	struct pt_access_result result;
	int faulted = pt_cpu_access(cpu, KERNEL + page * f->page, &load, &result);

	if (hit)
		*hit = !faulted && !result.nr_loads[0];
	return faulted;
}

/* Pages 0 and 39 of the kernel are kept under both PCIDs of @pair on CPU @number. */
static void warm_kernel(struct fixture *f, struct pair *pair, unsigned int number, bool user)
{
	struct pt_cpu *cpu = run_on(f, number, pair->p.space);

	for (unsigned int mode = 0; mode < 2; mode++) {
		assert_int_equal(look(f, cpu, 0, NULL), 0);
		assert_int_equal(look(f, cpu, 39, NULL), 0);
		assert_int_equal(pt_cpu_to_user(cpu), 0);
	}
	if (!user)
		pt_cpu_to_kernel(cpu);
	pt_cpu_leave(cpu);
}

static void set_mode(struct pt_cpu *cpu, bool user)
{
	if (user)
		assert_int_equal(pt_cpu_to_user(cpu), 0);
	else
		pt_cpu_to_kernel(cpu);
	assert_int_equal(in_user(cpu), user);
}

/* Pages that isolated kernels map are in all PCIDs of all CPUs: two of each space. */
static void a_kernel_page_goes_from_every_pcid(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		bool invpcid = i & 1, user = i & 2, whole = i & 4, hit;
		struct pt_machine_policy policy = isolated(invpcid);
		struct pair pair[2];
		struct process kernel;
		struct fixture f;

		fixture_init_policy(&f, "x86_48", 2, false, &policy, false);
		kernel_init(&f, &kernel, 40);
		for (unsigned int n = 0; n < 2; n++) {
			pair_init(&f, &pair[n], 1);
			link_kernel(&pair[n], &kernel);
		}
		for (unsigned int n = 0; n < 4; n++)
			warm_kernel(&f, &pair[n & 1], n >> 1, user);
		assert_int_equal(pt_cpu_enter(pt_machine_cpu(f.machine, 0)), 0);
		assert_int_equal(pt_unmap(kernel.pt, KERNEL, (whole ? 34 : 1) * f.page, NULL), 0);
		pt_cpu_leave(pt_machine_cpu(f.machine, 0));
		for (unsigned int c = 0; c < 2; c++) {
			enum pt_flush_cause cause = c ? PT_FLUSH_BY_IPI : PT_FLUSH_BY_LOCAL;
			struct pt_cpu *cpu = pt_machine_cpu(f.machine, c);
			unsigned int nr_all = invpcid ? 1 : 2; /* CR4.PGE over, and back */
			unsigned int nr_pages = invpcid ? 2 : 1; /* INVLPG; INVPCID of the pair */

			assert_int_equal(flushes(&f, c, cause, PT_FLUSH_KIND_ALL),
					 whole ? nr_all : 0);
			assert_int_equal(flushes(&f, c, cause, PT_FLUSH_KIND_PAGE),
					 whole ? 0 : nr_pages);
			assert_int_equal(in_user(cpu), user);
			assert_int_equal(pt_cpu_enter(cpu), 0);
			set_mode(cpu, !user);
			assert_int_equal(look(&f, cpu, 0, NULL), 1);
			set_mode(cpu, user);
			assert_int_equal(look(&f, cpu, 0, NULL), 1);
			pt_cpu_to_kernel(cpu);
			assert_int_equal(look(&f, cpu, 39, &hit), 0);
			assert_int_equal(hit, !whole);
			pt_cpu_leave(cpu);
			cpu = run_on(&f, c, pair[0].p.space);
			assert_int_equal(look(&f, cpu, 0, NULL), 1);
			set_mode(cpu, true);
			assert_int_equal(look(&f, cpu, 0, NULL), 1);
			pt_cpu_leave(cpu);
		}
		for (unsigned int n = 0; n < 2; n++) {
			unlink_kernel(&pair[n]);
			pair_exit(&pair[n]);
		}
		pt_pgtable_destroy(kernel.pt);
		fixture_exit(&f);
	}
}

static void a_batch_goes_from_both(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		bool user = i & 1;
		struct pt_machine_policy policy = isolated(i & 2);
		struct pt_gather gather;
		struct pt_change change = { .gather = &gather };
		struct pt_flush_batch *batch;
		struct pair pair;
		struct fixture f;

		fixture_init_policy(&f, "x86_48", 2, false, &policy, false);
		pair_init(&f, &pair, 8);
		assert_int_equal(pt_flush_batch_create(&batch, f.machine), 0);
		warm(&f, &pair, 2, 8, user);
		assert_int_equal(pt_cpu_enter(pt_machine_cpu(f.machine, 0)), 0);
		pt_gather_begin(&gather, pair.p.pt);
		assert_int_equal(pt_unmap(pair.p.pt, VA, f.page, &change), 0);
		assert_int_equal(pt_flush_batch_take(batch, pair.p.space, &gather), 0);
		assert_int_equal(pt_flush_batch_owed(batch), 1);
		pt_flush_batch_finish(batch);
		pt_cpu_leave(pt_machine_cpu(f.machine, 0));
		for (unsigned int c = 0; c < 2; c++) {
			struct pt_cpu *cpu = pt_machine_cpu(f.machine, c);
			struct pt_access_result result;

			assert_int_equal(flushes(&f, c, c ? PT_FLUSH_BY_IPI : PT_FLUSH_BY_LOCAL,
						 PT_FLUSH_KIND_ASID),
					 1);
			assert_int_equal(in_user(cpu), user);
			assert_int_equal(pt_cpu_enter(cpu), 0);
			for (unsigned int mode = 0; mode < 2; mode++) {
				set_mode(cpu, mode ? !user : user);
				assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_READ, &result), 1);
			}
			pt_cpu_leave(cpu);
		}
		pt_flush_batch_destroy(batch);
		pair_exit(&pair);
		fixture_exit(&f);
	}
}

/* With the policy that leaves it alone, and without. */
static void a_kernel_thread_is_not_in_user_mode(void **state)
{
	(void)state;
	for (unsigned int lazy = 0; lazy < 2; lazy++) {
		struct pt_machine_policy policy = isolated(true);
		struct process kernel;
		struct pair pair;
		struct fixture f;
		struct pt_cpu *cpu;

		policy.lazy = lazy;
		fixture_init_policy(&f, "x86_48", 1, false, &policy, false);
		pair_init(&f, &pair, 1);
		cpu = run_on(&f, 0, pair.p.space);
		set_mode(cpu, true);
		assert_int_equal(pt_cpu_enter_lazy(cpu), -EINVAL); /* the kernel has no table */
		assert_true(in_user(cpu));
		kernel_init(&f, &kernel, 1);
		assert_int_equal(pt_cpu_enter_lazy(cpu), 0);
		assert_false(in_user(cpu));
		assert_int_equal(pt_cpu_to_user(cpu), lazy ? -EINVAL : 0);
		assert_int_equal(pt_cpu_switch(cpu, pair.p.space), 0);
		assert_false(in_user(cpu));
		set_mode(cpu, true);
		pt_cpu_leave(cpu);
		pair_exit(&pair);
		pt_pgtable_destroy(kernel.pt);
		fixture_exit(&f);
	}
}

static void loaded_registers_end_user_mode(void **state)
{
	struct pt_machine_policy policy = isolated(true);
	struct pair pair;
	struct fixture f;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init_policy(&f, "x86_48", 1, false, &policy, false);
	pair_init(&f, &pair, 1);
	cpu = run_on(&f, 0, pair.p.space);
	set_mode(cpu, true);
	load_cpu(&f, cpu, TABLES);
	assert_int_equal(pt_cpu_to_user(cpu), -EINVAL); /* of which space? */
	pt_cpu_to_kernel(cpu);
	assert_int_equal(pt_cpu_x86_64(cpu)->cr3, TABLES);
	assert_int_equal(pt_cpu_switch(cpu, pair.p.space), 0);
	assert_false(in_user(cpu));
	set_mode(cpu, true);
	pt_cpu_leave(cpu);
	pair_exit(&pair);
	fixture_exit(&f);
}

/* ... and the kernel's flushes reach a CPU that runs one, and what it had before. */
static void a_guest_ends_user_mode(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		const struct pt_x86_ept_regs ept = { .eptp = 1 << 6 | 3 << 3 | 6 };
		struct pt_machine_policy policy = isolated(i);
		struct pt_pgtable_cfg cfg;
		struct pt_pgtable *second;
		struct pt_guest *guest;
		struct process kernel;
		struct pair pair;
		struct fixture f;
		struct pt_cpu *cpu;

		fixture_init_policy(&f, "x86_48", 2, false, &policy, false);
		kernel_init(&f, &kernel, 40);
		pair_init(&f, &pair, 1);
		link_kernel(&pair, &kernel);
		assert_int_equal(pt_guest_create(&guest, f.machine), 0);
		cfg = f.cfg;
		assert_int_equal(pt_fmt_cfg_init(&cfg.fmt, PT_FMT_X86_EPT), 0);
		cfg.flush = pt_guest_flush_ops(guest);
		assert_int_equal(pt_pgtable_create(&second, f.phys, &cfg), 0);
		assert_int_equal(pt_guest_set_table(guest, second), 0);
		warm_kernel(&f, &pair, 1, true);
		cpu = pt_machine_cpu(f.machine, 1);
		assert_int_equal(pt_cpu_enter(cpu), 0);
		assert_true(in_user(cpu));
		assert_int_equal(pt_cpu_run_guest_x86_64(cpu, guest, &ept), 0);
		assert_int_equal(pt_cpu_to_user(cpu), -EINVAL);
		pt_cpu_leave(cpu);
		assert_int_equal(pt_unmap(kernel.pt, KERNEL, f.page, NULL), 0);
		assert_int_equal(flushes(&f, 1, PT_FLUSH_BY_IPI, PT_FLUSH_KIND_ALL), i ? 1 : 2);
		assert_int_equal(pt_cpu_enter(cpu), 0);
		pt_cpu_exit_guest(cpu);
		pt_cpu_leave(cpu);
		cpu = run_on(&f, 1, pair.p.space);
		assert_false(in_user(cpu));
		assert_int_equal(look(&f, cpu, 0, NULL), 1);
		set_mode(cpu, true);
		assert_int_equal(look(&f, cpu, 0, NULL), 1);
		assert_int_equal(look(&f, cpu, 39, NULL), 0);
		pt_cpu_leave(cpu);
		pt_pgtable_destroy(second);
		pt_guest_destroy(guest);
		unlink_kernel(&pair);
		pair_exit(&pair);
		pt_pgtable_destroy(kernel.pt);
		fixture_exit(&f);
	}
}

/* Of a table that CR3 cannot hold: memory is larger than what the CPU can address. */
static void a_switch_that_fails_stays_in_user_mode(void **state)
{
	struct pt_machine_policy policy = isolated(true);
	struct pt_machine_cfg machine_cfg;
	struct pt_pgtable_cfg high_cfg;
	struct page_source high_source;
	struct fixture f = { 0 };
	struct process high;
	struct pt_x86_regs regs;
	struct pair pair;
	struct pt_cpu *cpu;
	uint64_t cr3;

	(void)state;
	f.fmt = config_fmt(config_named("x86_48"));
	f.page = BIT(12);
	assert_int_equal(pt_phys_create_anon(&f.phys, BIT(33)), 0);
	page_source_init(&f.source, f.phys, TABLES, 12, NR_TABLE_PAGES);
	page_source_init(&high_source, f.phys, BIT(32), 12, NR_TABLE_PAGES);
	pt_machine_cfg_init(&machine_cfg, pt_tlb_profile_find("skylake-sp"), 1);
	machine_cfg.policy = policy;
	assert_int_equal(pt_machine_create(&f.machine, f.phys, &machine_cfg), 0);
	f.cfg = (struct pt_pgtable_cfg){ .fmt = f.fmt, .tables = page_source_ops(&f.source) };
	pair_init(&f, &pair, 1);
	high_cfg = f.cfg;
	high_cfg.tables = page_source_ops(&high_source);
	assert_int_equal(pt_space_create(&high.space, f.machine), 0);
	assert_int_equal(pt_pgtable_create(&high.pt, f.phys, &high_cfg), 0);
	assert_int_equal(pt_space_set_table(high.space, high.pt), 0);
	cpu = pt_machine_cpu(f.machine, 0);
	assert_int_equal(pt_cpu_enter(cpu), 0);
	regs = x86_registers(&f.fmt, TABLES);
	regs.cr4 |= CR4_PCIDE | CR4_PGE;
	regs.maxphyaddr = 32;
	assert_int_equal(pt_cpu_load_x86_64(cpu, &regs), 0);
	assert_int_equal(pt_cpu_switch(cpu, pair.p.space), 0);
	for (unsigned int user = 0; user < 2; user++) {
		set_mode(cpu, user);
		cr3 = pt_cpu_x86_64(cpu)->cr3;
		assert_int_equal(pt_cpu_switch(cpu, high.space), -EINVAL);
		assert_int_equal(pt_cpu_x86_64(cpu)->cr3, cr3);
		assert_ptr_equal(pt_cpu_space(cpu), pair.p.space);
		set_mode(cpu, !user);
		set_mode(cpu, user);
		assert_int_equal(pt_cpu_x86_64(cpu)->cr3, cr3);
	}
	pt_cpu_leave(cpu);
	process_exit(&high);
	pair_exit(&pair);
	pt_machine_destroy(f.machine);
	page_source_exit(&f.source);
	page_source_exit(&high_source);
	pt_phys_destroy(f.phys);
}

/* CR4.LA57 and all else that registers say is the same for both tables of a pair. */
static void a_user_table_is_of_the_spaces_configuration(void **state)
{
	struct pt_machine_policy policy = isolated(true);
	struct pt_pgtable *user;
	struct process p, other;
	struct fixture f;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init_policy(&f, "x86_48", 1, false, &policy, false);
	process_init(&f, &p);
	for (unsigned int i = 0; i < 3; i++) {
		struct pt_pgtable_cfg cfg = f.cfg;

		cfg.fmt.va_bits = i == 0 ? 57 : cfg.fmt.va_bits;
		cfg.fmt.pa_bits = i == 1 ? 40 : cfg.fmt.pa_bits;
		assert_int_equal(pt_pgtable_create(&user, f.phys, &cfg), 0);
		assert_int_equal(pt_space_set_user_table(p.space, user), i == 2 ? 0 : -EINVAL);
		if (i < 2)
			pt_pgtable_destroy(user);
	}
	cpu = run_on(&f, 0, p.space);
	set_mode(cpu, true);
	load_cpu(&f, cpu, TABLES);
	/* another table, which that user table is not of */
	process_init(&f, &other);
	assert_int_equal(pt_space_set_table(p.space, other.pt), 0);
	assert_int_equal(pt_cpu_switch(cpu, p.space), 0);
	assert_int_equal(pt_cpu_to_user(cpu), -EINVAL);
	load_cpu(&f, cpu, TABLES);
	pt_cpu_leave(cpu);
	pt_pgtable_destroy(user);
	process_exit(&p);
	process_exit(&other);
	fixture_exit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernel_page_goes_from_every_pcid),
		cmocka_unit_test(a_batch_goes_from_both),
		cmocka_unit_test(a_kernel_thread_is_not_in_user_mode),
		cmocka_unit_test(loaded_registers_end_user_mode),
		cmocka_unit_test(a_guest_ends_user_mode),
		cmocka_unit_test(a_switch_that_fails_stays_in_user_mode),
		cmocka_unit_test(a_user_table_is_of_the_spaces_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
