/* SPDX-License-Identifier: MIT */
/* Flushes of spaces: which CPUs, which operations, how many, and that nothing stale is left. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine_test.h"

static const struct pt_machine_policy linux_ways = { .ceiling = 33,
						     .nr_pcids = 6,
						     .generations = true,
						     .lazy = true,
						     .invpcid = true,
						     .ranges = true,
						     .max_range_pages = 2097152 };

/* CPUs 0 to @nr - 1 have run @p and keep all of @pages pages; all are parked. */
static void warm(struct fixture *f, struct process *p, unsigned int nr, unsigned int pages)
{
	struct pt_access_result result;

	for (unsigned int i = 0; i < nr; i++) {
		struct pt_cpu *cpu = run_on(f, i, p->space);

		for (unsigned int page = 0; page < pages; page++)
			assert_int_equal(
				touch(f, cpu, VA + page * f->page, PT_ACCESS_READ, &result), 0);
		pt_cpu_leave(cpu);
	}
}

static uint64_t flushes(const struct pt_cpu_stats *s, enum pt_flush_cause cause,
			enum pt_flush_kind kind)
{
	return s->flushes[cause][kind];
}

static void x86_flushes_pages_up_to_the_ceiling(void **state)
{
	static const unsigned int pages[] = { 1, 2, 32, 33, 34, 64 };

	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		unsigned int nr = pages[i], single = nr <= 33 ? nr : 0;
		struct pt_cpu_stats local, remote, idle;
		uint64_t before;
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;

		fixture_init(&f, "x86_48", 4, false);
		process_init(&f, &p);
		assert_int_equal(pt_map(p.pt, VA, DATA, 65 * f.page, RWU, NULL), 0);
		warm(&f, &p, 3, nr + 1);
		cpu = run_on(&f, 0, p.space);
		before = stats_of(cpu).cost_ps;
		assert_int_equal(pt_unmap(p.pt, VA, nr * f.page, NULL), 0);
		local = stats_of(cpu);
		pt_cpu_leave(cpu);
		remote = stats_of(pt_machine_cpu(f.machine, 2));
		idle = stats_of(pt_machine_cpu(f.machine, 3));
		assert_int_equal(local.flush_requests, 1);
		assert_int_equal(local.flush_pages, nr);
		assert_int_equal(local.flush_full, !single);
		assert_int_equal(local.ipis_sent, 2);
		assert_int_equal(local.cost_ps - before,
				 2 * UINT64_C(16500000) +
					 (single ? single * UINT64_C(100000) : 35600));
		assert_int_equal(flushes(&local, PT_FLUSH_BY_LOCAL, PT_FLUSH_KIND_PAGE), single);
		assert_int_equal(flushes(&local, PT_FLUSH_BY_LOCAL, PT_FLUSH_KIND_ASID), !single);
		assert_int_equal(remote.ipis_received, 1);
		assert_int_equal(flushes(&remote, PT_FLUSH_BY_IPI, PT_FLUSH_KIND_PAGE), single);
		assert_int_equal(flushes(&remote, PT_FLUSH_BY_IPI, PT_FLUSH_KIND_ASID), !single);
		assert_int_equal(idle.ipis_received, 0);
		for (unsigned int c = 0; c < 3; c++) {
			assert_false(has(&f, c, p.space, VA));
			assert_false(has(&f, c, p.space, VA + (nr - 1) * f.page));
			assert_int_equal(has(&f, c, p.space, VA + nr * f.page), single != 0);
		}
		process_exit(&p);
		fixture_exit(&f);
	}
}

static void x86_cpus_elsewhere_catch_up_at_the_switch(void **state)
{
	struct fixture f;
	struct process p, q;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init(&f, "x86_48", 2, false);
	process_init(&f, &p);
	process_init(&f, &q);
	assert_int_equal(pt_map(p.pt, VA, DATA, 2 * f.page, RWU, NULL), 0);
	warm(&f, &p, 2, 2);
	/* away and back with nothing flushed: all is still there */
	cpu = run_on(&f, 1, q.space);
	pt_cpu_leave(cpu);
	assert_true(has(&f, 1, p.space, VA));
	cpu = run_on(&f, 1, q.space);
	pt_cpu_leave(cpu);
	cpu = run_on(&f, 0, p.space);
	assert_int_equal(pt_unmap(p.pt, VA, f.page, NULL), 0);
	assert_int_equal(stats_of(cpu).ipis_sent, 0);
	pt_cpu_leave(cpu);
	assert_int_equal(stats_of(pt_machine_cpu(f.machine, 1)).ipis_received, 0);
	assert_false(has(&f, 1, p.space, VA));
	process_exit(&p);
	process_exit(&q);
	fixture_exit(&f);
}

static void x86_pcids_are_given_in_turn(void **state)
{
	struct fixture f;
	struct process p[7];
	struct pt_cpu_stats s;

	(void)state;
	fixture_init(&f, "x86_48", 1, false);
	for (unsigned int i = 0; i < 7; i++) {
		process_init(&f, &p[i]);
		assert_int_equal(pt_map(p[i].pt, VA, DATA + i * f.page, f.page, RWU, NULL), 0);
		assert_false(has(&f, 0, p[i].space, VA));
	}
	s = stats_of(pt_machine_cpu(f.machine, 0));
	assert_int_equal(flushes(&s, PT_FLUSH_BY_SWITCH, PT_FLUSH_KIND_ASID), 7);
	assert_int_equal(s.switches, 7);
	for (unsigned int i = 6; i >= 1; i--)
		assert_true(has(&f, 0, p[i].space, VA));
	assert_false(has(&f, 0, p[0].space, VA)); /* its PCID is the seventh's */
	for (unsigned int i = 0; i < 7; i++)
		process_exit(&p[i]);
	fixture_exit(&f);
}

/* A kernel table at the other end of the address space, linked into nobody's. */
static void kernel_init(struct fixture *f, struct process *kernel)
{
	kernel->space = pt_machine_kernel(f->machine);
	f->cfg.flush = pt_space_flush_ops(kernel->space);
	assert_int_equal(pt_pgtable_create(&kernel->pt, f->phys, &f->cfg), 0);
	assert_int_equal(pt_space_set_table(kernel->space, kernel->pt), 0);
}

static void x86_lazy_cpus_are_left_alone_until_tables_go(void **state)
{
	struct fixture f;
	struct process p, kernel;
	struct pt_cpu *cpu;
	struct pt_change free_tables = { .flags = PT_CHANGE_FREE_TABLES };
	struct pt_cpu_stats s;

	(void)state;
	fixture_init(&f, "x86_48", 2, true);
	kernel_init(&f, &kernel);
	process_init(&f, &p);
	assert_int_equal(pt_map(p.pt, VA, DATA, 3 * f.page, RWU, NULL), 0);
	warm(&f, &p, 2, 3);
	cpu = run_on(&f, 1, p.space);
	assert_int_equal(pt_cpu_enter_lazy(cpu), 0);
	pt_cpu_leave(cpu);

	cpu = run_on(&f, 0, p.space);
	assert_int_equal(pt_unmap(p.pt, VA, f.page, NULL), 0);
	s = stats_of(cpu);
	assert_int_equal(s.ipis_sent, 0);
	assert_int_equal(s.lazy_skips, 1);
	pt_cpu_leave(cpu);
	assert_false(has(&f, 1, p.space, VA));

	cpu = run_on(&f, 1, p.space);
	assert_int_equal(pt_cpu_enter_lazy(cpu), 0);
	pt_cpu_leave(cpu);
	cpu = run_on(&f, 0, p.space);
	assert_int_equal(pt_unmap(p.pt, VA, 3 * f.page, &free_tables), 0);
	assert_int_equal(stats_of(cpu).ipis_sent, 1);
	pt_cpu_leave(cpu);
	assert_ptr_equal(pt_cpu_space(pt_machine_cpu(f.machine, 1)), kernel.space);
	assert_false(has(&f, 1, p.space, VA + f.page));
	process_exit(&p);
	pt_pgtable_destroy(kernel.pt);
	fixture_exit(&f);
}

/* What goes whole may have had tables: lazy CPUs do not wait to hear of it. */
static void x86_lazy_cpus_hear_of_a_whole_space(void **state)
{
	const struct pt_flush_ops *ops;
	struct fixture f;
	struct process p, kernel;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init(&f, "x86_48", 2, true);
	kernel_init(&f, &kernel);
	process_init(&f, &p);
	assert_int_equal(pt_map(p.pt, VA, DATA, f.page, RWU, NULL), 0);
	warm(&f, &p, 2, 1);
	cpu = run_on(&f, 1, p.space);
	assert_int_equal(pt_cpu_enter_lazy(cpu), 0);
	pt_cpu_leave(cpu);
	cpu = run_on(&f, 0, p.space);
	ops = pt_space_flush_ops(p.space);
	ops->all(ops->ctx);
	assert_int_equal(stats_of(cpu).ipis_sent, 1);
	assert_int_equal(stats_of(cpu).lazy_skips, 0);
	pt_cpu_leave(cpu);
	assert_ptr_equal(pt_cpu_space(pt_machine_cpu(f.machine, 1)), kernel.space);
	process_exit(&p);
	pt_pgtable_destroy(kernel.pt);
	fixture_exit(&f);
}

/*
 * INVLPG takes the paging-structure entries of the current PCID alone (SDM Vol. 3A, 4.10.4.1):
 * where tables of the kernel went, what a CPU keeps under its other PCIDs is good no more. What it
 * keeps of the space that it runs is.
 */
static void x86_kernel_tables_go_from_other_pcids(void **state)
{
	(void)state;
	for (unsigned int tables = 0; tables < 2; tables++) {
		struct pt_change change = { .flags = tables ? PT_CHANGE_FREE_TABLES : 0 };
		struct process p, q, kernel;
		struct fixture f;
		struct pt_cpu *cpu;

		fixture_init(&f, "x86_48", 1, true);
		kernel_init(&f, &kernel);
		process_init(&f, &p);
		process_init(&f, &q);
		assert_int_equal(pt_map(kernel.pt, VA, DATA, f.page, RW | PT_ATTR_GLOBAL, NULL), 0);
		assert_int_equal(pt_map(p.pt, VA, DATA, 2 * f.page, RWU, NULL), 0);
		assert_int_equal(pt_map(q.pt, VA, DATA + f.page, f.page, RWU, NULL), 0);
		warm(&f, &q, 1, 1);
		warm(&f, &p, 1, 2);
		cpu = run_on(&f, 0, p.space);
		assert_int_equal(pt_unmap(kernel.pt, VA, f.page, &change), 0);
		assert_int_equal(pt_cpu_switch(cpu, q.space), 0);
		assert_int_equal(hits(&f, cpu, VA, PT_ACCESS_READ, DATA + f.page), !tables);
		/* the page went whose address was the kernel's too, and no other */
		assert_int_equal(pt_cpu_switch(cpu, p.space), 0);
		assert_false(hits(&f, cpu, VA, PT_ACCESS_READ, DATA));
		assert_true(hits(&f, cpu, VA + f.page, PT_ACCESS_READ, DATA + f.page));
		pt_cpu_leave(cpu);
		process_exit(&p);
		process_exit(&q);
		pt_pgtable_destroy(kernel.pt);
		fixture_exit(&f);
	}
}

/* Destroys a machine before a space or guest of it; whether that aborted. */
static bool aborts_before(bool guest)
{
	struct pt_space *space;
	struct pt_guest *vm;
	struct fixture f;
	int status;
	pid_t child;

	fixture_init(&f, "x86_48", 2, false);
	if (guest)
		assert_int_equal(pt_guest_create(&vm, f.machine), 0);
	else
		assert_int_equal(pt_space_create(&space, f.machine), 0);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		fclose(stderr); /* where it says so */
		pt_machine_destroy(f.machine);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (guest)
		pt_guest_destroy(vm);
	else
		pt_space_destroy(space);
	fixture_exit(&f);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void a_machine_goes_after_its_spaces_and_guests(void **state)
{
	(void)state;
	assert_true(aborts_before(false));
	assert_true(aborts_before(true));
}

static void x86_kernel_ranges_reach_everybody(void **state)
{
	static const unsigned int pages[] = { 1, 33, 34 };

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct pt_machine_policy policy = linux_ways;
		unsigned int nr = pages[i % 3];
		pt_attr_t attr = i < 3 ? RWU | PT_ATTR_GLOBAL : RWU;
		struct fixture f;
		struct process p, kernel;
		struct pt_cpu_stats s;
		struct pt_cpu *cpu;

		policy.kernel_not_global = i >= 3;
		fixture_init_policy(&f, "x86_48", 3, false, &policy, false);
		kernel_init(&f, &kernel);
		process_init(&f, &p);
		/*
		 * a level-3 entry of the kernel's in the user's table,
		 * as upper halves are shared
		 */
		assert_int_equal(pt_map(kernel.pt, VA, DATA, 40 * f.page, attr, NULL), 0);
		assert_int_equal(pt_pgtable_link(p.pt, 0, kernel.pt, 0, BIT(39), 3), 0);
		warm(&f, &kernel, 2, nr + 1);
		warm(&f, &p, 2, nr + 1);
		cpu = run_on(&f, 0, p.space);
		assert_int_equal(pt_unmap(kernel.pt, VA, nr * f.page, NULL), 0);
		assert_int_equal(stats_of(cpu).ipis_sent, 2);
		pt_cpu_leave(cpu);
		s = stats_of(pt_machine_cpu(f.machine, 2));
		assert_int_equal(flushes(&s, PT_FLUSH_BY_IPI, PT_FLUSH_KIND_PAGE),
				 nr <= 33 ? nr : 0);
		assert_int_equal(flushes(&s, PT_FLUSH_BY_IPI, PT_FLUSH_KIND_ALL), nr > 33);
		for (unsigned int c = 0; c < 2; c++)
			for (unsigned int page = 0; page < nr; page++) {
				assert_false(has(&f, c, p.space, VA + page * f.page));
				assert_false(has(&f, c, kernel.space, VA + page * f.page));
			}
		assert_int_equal(pt_pgtable_unlink(p.pt, 0, BIT(39), 3, NULL), 0);
		process_exit(&p);
		pt_pgtable_destroy(kernel.pt);
		fixture_exit(&f);
	}
}

/* What the decomposition of a number of pages has to be: its digits. */
static void arm64_expect(uint64_t nr, uint64_t *singles, uint64_t *ranges)
{
	*singles = nr & 1;
	*ranges = 0;
	if (nr == 2097152) {
		*ranges = 1;
		return;
	}
	for (nr >>= 1; nr; nr >>= 5)
		*ranges += (nr & 31) != 0;
}

static void arm64_ranges_are_exact(void **state)
{
	static const char *const formats[] = { "arm_4k_48", "arm_16k_48", "arm_64k_48" };
	uint64_t seed = 1;

	(void)state;
	for (unsigned int i = 0; i < 150; i++) {
		uint64_t nr =
			i < 70 ? i + 1
			       : 1 + random64(&seed) % (UINT64_C(1) << (random64(&seed) % 22));
		uint64_t singles, ranges;
		const struct pt_flush_ops *ops;
		struct pt_cpu_stats s, other;
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;
		unsigned int pages = 40, cut = (unsigned int)(nr < 40 ? nr : 38);

		fixture_init(&f, formats[i % 3], 2, false);
		process_init(&f, &p);
		assert_int_equal(pt_map(p.pt, VA, DATA, pages * f.page, RWU,
					&(struct pt_change){ .flags = PT_CHANGE_NO_CONTIG }),
				 0);
		warm(&f, &p, 2, pages);
		ops = pt_space_flush_ops(p.space);
		cpu = run_on(&f, 0, p.space);
		/* ends before the last page */
		ops->range(ops->ctx, VA + cut * f.page - nr * f.page, VA + cut * f.page - 1,
			   (unsigned int)__builtin_ctzll(f.page));
		s = stats_of(cpu);
		other = stats_of(pt_machine_cpu(f.machine, 1));
		pt_cpu_leave(cpu);
		arm64_expect(nr, &singles, &ranges);
		assert_int_equal(flushes(&s, PT_FLUSH_BY_LOCAL, PT_FLUSH_KIND_PAGE), singles);
		assert_int_equal(flushes(&s, PT_FLUSH_BY_LOCAL, PT_FLUSH_KIND_RANGE), ranges);
		assert_int_equal(flushes(&other, PT_FLUSH_BY_BROADCAST, PT_FLUSH_KIND_RANGE),
				 ranges);
		assert_int_equal(s.broadcasts_sent, singles + ranges);
		assert_int_equal(other.broadcasts_received, singles + ranges);
		assert_int_equal(s.barriers, 1);
		assert_int_equal(s.flush_pages, nr);
		assert_int_equal(s.cost_ps, (singles + ranges) * 23000);
		for (unsigned int c = 0; c < 2; c++)
			for (unsigned int page = 0; page < pages; page++)
				assert_int_equal(has(&f, c, p.space, VA + page * f.page),
						 page >= cut || page + nr < cut);
		process_exit(&p);
		fixture_exit(&f);
	}
}

/* A range begins on 64K then: the pages before that go one by one. */
static void arm64_ranges_with_lpa2_begin_on_64k(void **state)
{
	static const char *const formats[] = { "arm_4k_lpa2_52", "arm_16k_lpa2_48_hd_bbm2" };
	uint64_t seed = 64;

	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		uint64_t nr = 1 + random64(&seed) % (UINT64_C(1) << (random64(&seed) % 22));
		struct pt_change single = { .flags = PT_CHANGE_NO_CONTIG };
		uint64_t singles, ranges, before_64k, first_page = 1 + random64(&seed) % 20;
		const unsigned int pages = 60;
		const struct pt_flush_ops *ops;
		struct pt_cpu_stats s;
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;

		if (i < 100)
			nr = 1 + i % 40;
		fixture_init(&f, formats[i & 1], 1, false);
		process_init(&f, &p);
		assert_int_equal(pt_map(p.pt, VA, DATA, pages * f.page, RWU, &single), 0);
		warm(&f, &p, 1, pages);
		ops = pt_space_flush_ops(p.space);
		cpu = run_on(&f, 0, p.space);
		ops->range(ops->ctx, VA + first_page * f.page,
			   VA + (first_page + nr) * f.page - 1,
			   (unsigned int)__builtin_ctzll(f.page));
		s = stats_of(cpu);
		pt_cpu_leave(cpu);
		before_64k = -first_page % (BIT(16) / f.page);
		if (before_64k > nr)
			before_64k = nr;
		arm64_expect(nr - before_64k, &singles, &ranges);
		assert_int_equal(flushes(&s, PT_FLUSH_BY_LOCAL, PT_FLUSH_KIND_PAGE),
				 before_64k + singles);
		assert_int_equal(flushes(&s, PT_FLUSH_BY_LOCAL, PT_FLUSH_KIND_RANGE), ranges);
		assert_int_equal(s.flush_pages, nr);
		assert_int_equal(s.barriers, 1);
		for (unsigned int page = 0; page < pages; page++)
			assert_int_equal(has(&f, 0, p.space, VA + page * f.page),
					 page < first_page || page >= first_page + nr);
		process_exit(&p);
		fixture_exit(&f);
	}
}

static void arm64_without_ranges_counts_to_a_table(void **state)
{
	struct pt_machine_policy policy = linux_ways;

	(void)state;
	policy.ranges = false;
	for (uint64_t nr = 511; nr <= 512; nr++) {
		const struct pt_flush_ops *ops;
		struct pt_cpu_stats s;
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;

		fixture_init_policy(&f, "arm_4k_48", 1, false, &policy, false);
		process_init(&f, &p);
		ops = pt_space_flush_ops(p.space);
		cpu = run_on(&f, 0, p.space);
		ops->range(ops->ctx, VA, VA + nr * f.page - 1, 12);
		ops->range(ops->ctx, 0, 10 * BIT(21) - 1, 21);
		s = stats_of(cpu);
		pt_cpu_leave(cpu);
		assert_int_equal(flushes(&s, PT_FLUSH_BY_LOCAL, PT_FLUSH_KIND_PAGE),
				 (nr == 511 ? 511 : 0) + 10);
		assert_int_equal(flushes(&s, PT_FLUSH_BY_LOCAL, PT_FLUSH_KIND_ASID), nr == 512);
		assert_int_equal(s.flush_full, nr == 512);
		process_exit(&p);
		fixture_exit(&f);
	}
}

static void arm64_tlbi_is_done_with_the_barrier(void **state)
{
	struct fixture f;
	struct process p;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init(&f, "arm_4k_48", 2, false);
	process_init(&f, &p);
	assert_int_equal(pt_map(p.pt, VA, DATA, 2 * f.page, RWU, NULL), 0);
	warm(&f, &p, 2, 2);
	cpu = run_on(&f, 0, p.space);
	assert_int_equal(pt_cpu_tlbi(cpu, PT_TLBI_VAALE1, VA >> 12, 0, true), 0);
	pt_cpu_leave(cpu);
	assert_true(has(&f, 0, p.space, VA));
	assert_true(has(&f, 1, p.space, VA));
	cpu = run_on(&f, 0, p.space);
	pt_cpu_dsb(cpu);
	/* this one stays here */
	assert_int_equal(pt_cpu_tlbi(cpu, PT_TLBI_VAALE1, (VA + f.page) >> 12, 0, false), 0);
	pt_cpu_dsb(cpu);
	assert_int_equal(stats_of(cpu).broadcasts_sent, 1);
	assert_int_equal(stats_of(cpu).barriers, 2);
	pt_cpu_leave(cpu);
	assert_false(has(&f, 0, p.space, VA));
	assert_false(has(&f, 1, p.space, VA));
	assert_false(has(&f, 0, p.space, VA + f.page));
	assert_true(has(&f, 1, p.space, VA + f.page));
	process_exit(&p);
	fixture_exit(&f);
}

static void an_asid_is_clean_when_it_is_given_again(void **state)
{
	struct fixture f;
	struct process p, q;

	(void)state;
	fixture_init(&f, "arm_4k_48", 1, false);
	process_init(&f, &p);
	assert_int_equal(pt_map(p.pt, VA, DATA, f.page, RWU, NULL), 0);
	assert_false(has(&f, 0, p.space, VA));
	assert_true(has(&f, 0, p.space, VA));
	assert_false(has(&f, 0, pt_machine_kernel(f.machine), VA));
	process_exit(&p);
	process_init(&f, &q);
	assert_int_equal(pt_map(q.pt, VA, DATA + f.page, f.page, RWU, NULL), 0);
	assert_false(has(&f, 0, q.space, VA));
	process_exit(&q);
	fixture_exit(&f);
}

static void flushing_from_outside_counts_for_nobody(void **state)
{
	static const char *const both[] = { "x86_48", "arm_4k_48" };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct pt_cpu_stats all;
		struct fixture f;
		struct process p;

		fixture_init(&f, both[i], 3, false);
		process_init(&f, &p);
		assert_int_equal(pt_map(p.pt, VA, DATA, f.page, RWU, NULL), 0);
		warm(&f, &p, 2, 1);
		assert_int_equal(pt_unmap(p.pt, VA, f.page, NULL), 0);
		pt_machine_stats(f.machine, &all);
		assert_int_equal(all.flush_requests, 1);
		assert_int_equal(all.ipis_sent, i ? 0 : 2);
		assert_int_equal(all.ipis_received, i ? 0 : 2);
		assert_int_equal(all.broadcasts_sent, i ? 1 : 0);
		assert_int_equal(all.broadcasts_received, i ? 3 : 0);
		assert_int_equal(stats_of(pt_machine_cpu(f.machine, 0)).ipis_sent, 0);
		assert_false(has(&f, 0, p.space, VA));
		assert_false(has(&f, 1, p.space, VA));
		process_exit(&p);
		fixture_exit(&f);
	}
}

static void calls_that_cannot_be_are_refused(void **state)
{
	struct fixture f, g;
	struct process p;
	struct pt_cpu *cpu;
	struct pt_machine_cfg cfg;
	struct pt_machine *machine;
	struct pt_x86_regs x86 = { 0 };
	struct pt_access_result result;
	struct pt_access none = { .kind = PT_ACCESS_READ, .size = 65 };

	(void)state;
	fixture_init(&f, "arm_4k_48", 1, false);
	fixture_init(&g, "x86_48", 1, false);
	process_init(&f, &p);
	cpu = pt_machine_cpu(f.machine, 0);
	assert_int_equal(pt_cpu_enter(cpu), 0);
	assert_int_equal(pt_cpu_enter(cpu), -EBUSY);
	assert_int_equal(pt_cpu_switch(cpu, p.space), -EINVAL); /* no registers */
	assert_int_equal(pt_cpu_load_x86_64(cpu, &x86), -EINVAL);
	load_cpu(&f, cpu, TABLES);
	assert_int_equal(pt_cpu_switch(cpu, pt_machine_kernel(g.machine)), -EINVAL);
	assert_int_equal(pt_cpu_enter_lazy(cpu), -EINVAL);
	assert_int_equal(pt_cpu_access(cpu, VA, &none, &result), -EINVAL);
	assert_int_equal(pt_space_set_table(pt_machine_kernel(g.machine), p.pt), -EINVAL);
	pt_cpu_leave(cpu);
	assert_null(pt_machine_cpu(f.machine, 1));
	pt_machine_cfg_init(&cfg, pt_tlb_profile_at(0), 0);
	assert_int_equal(pt_machine_create(&machine, f.phys, &cfg), -EINVAL);
	process_exit(&p);
	fixture_exit(&f);
	fixture_exit(&g);
}

/* ---- correct code, at random ---- */

#define NR_SPACES 3
#define NR_CPUS 4
#define SPAN 40 /* pages */

static void change(struct fixture *f, struct process *p, uint64_t *seed)
{
	unsigned int first = (unsigned int)(random64(seed) % SPAN);
	unsigned int nr = 1 + (unsigned int)(random64(seed) % (SPAN - first));
	struct pt_change change = { .flags = PT_CHANGE_FREE_TABLES | PT_CHANGE_SKIP_HOLES };
	pt_va_t va = VA + first * f->page;

	if (random64(seed) % 8)
		nr = first + 1 < SPAN ? nr % 2 + 1 : 1;
	switch (random64(seed) % 6) {
	case 0:
	case 1:
	case 2: /* fill the holes */
		for (unsigned int i = 0; i < SPAN; i++)
			(void)!pt_map(p->pt, VA + i * f->page,
				      DATA + random64(seed) % 1024 * f->page, f->page, RWU, NULL);
		break;
	case 3:
		assert_int_equal(pt_unmap(p->pt, va, nr * f->page, &change), 0);
		break;
	case 4:
		assert_int_equal(pt_protect(p->pt, va, nr * f->page, 0, PT_ATTR_WRITE, &change), 0);
		break;
	default:
		assert_int_equal(pt_test_and_clear_dirty(p->pt, va, nr * f->page, NULL), 0);
		break;
	}
}

static void after_a_flush_nothing_stale_is_seen(void **state)
{
	static const char *const all[] = {
		"x86_48",     "arm_4k_48", "arm_4k_48_hd_bbm2", "arm_16k_lpa2_48_hd_bbm2",
		"arm_64k_48", "x86_48"
	};

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		struct pt_machine_policy policy = linux_ways;
		struct process p[NR_SPACES];
		struct pt_check_stats checked;
		struct pt_cpu_stats s;
		struct fixture f;
		uint64_t seed = i;

		policy.generations = i != 5;
		policy.ceiling = 8;
		policy.nr_pcids = 2;
		policy.ranges = i & 1;
		policy.max_dvm_ops = 16;
		fixture_init_policy(&f, all[i], NR_CPUS, true, &policy, i % 3 != 1);
		for (unsigned int n = 0; n < NR_SPACES; n++)
			process_init(&f, &p[n]);
		for (unsigned int round = 0; round < 4000; round++) {
			struct process *on = &p[random64(&seed) % NR_SPACES];
			struct pt_cpu *cpu =
				run_on(&f, (unsigned int)(random64(&seed) % NR_CPUS), on->space);
			struct pt_access how = { .size = 8, .priv = user_priv(&f) };

			for (unsigned int n = 0; n < 16; n++) {
				pt_va_t va = VA + random64(&seed) % (SPAN * f.page);
				struct pt_access_result with, without;
				int faulted;

				how.kind = random64(&seed) & 3;
				faulted = pt_access_probe(pt_cpu_mmu(cpu), va, &how, &without);
				assert_int_equal(pt_cpu_access(cpu, va, &how, &with), faulted);
				if (!faulted)
					assert_int_equal(with.piece[0].pa, without.piece[0].pa);
			}
			change(&f, random64(&seed) & 1 ? on : &p[random64(&seed) % NR_SPACES],
			       &seed);
			pt_cpu_leave(cpu);
		}
		pt_machine_check_stats(f.machine, &checked);
		assert_int_equal(checked.reports, 0);
		assert_int_equal(checked.lost, 0);
		assert_int_equal(checked.changes > 1000, i % 3 != 1);
		pt_machine_stats(f.machine, &s);
		assert_true(s.hits > 2000 && s.flush_requests > 1000);
		for (unsigned int c = 0; c < NR_CPUS; c++)
			assert_int_equal(pt_tlb_verify(pt_cpu_tlb(pt_machine_cpu(f.machine, c))),
					 0);
		for (unsigned int n = 0; n < NR_SPACES; n++)
			process_exit(&p[n]);
		fixture_exit(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(x86_flushes_pages_up_to_the_ceiling),
		cmocka_unit_test(x86_cpus_elsewhere_catch_up_at_the_switch),
		cmocka_unit_test(x86_pcids_are_given_in_turn),
		cmocka_unit_test(x86_lazy_cpus_are_left_alone_until_tables_go),
		cmocka_unit_test(x86_lazy_cpus_hear_of_a_whole_space),
		cmocka_unit_test(x86_kernel_tables_go_from_other_pcids),
		cmocka_unit_test(a_machine_goes_after_its_spaces_and_guests),
		cmocka_unit_test(x86_kernel_ranges_reach_everybody),
		cmocka_unit_test(arm64_ranges_are_exact),
		cmocka_unit_test(arm64_ranges_with_lpa2_begin_on_64k),
		cmocka_unit_test(arm64_without_ranges_counts_to_a_table),
		cmocka_unit_test(arm64_tlbi_is_done_with_the_barrier),
		cmocka_unit_test(an_asid_is_clean_when_it_is_given_again),
		cmocka_unit_test(flushing_from_outside_counts_for_nobody),
		cmocka_unit_test(calls_that_cannot_be_are_refused),
		cmocka_unit_test(after_a_flush_nothing_stale_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
