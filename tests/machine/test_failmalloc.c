/* SPDX-License-Identifier: MIT */
/*
 * Each thing that is created, once an allocation with that one failing: -ENOMEM, nothing lost, and
 * nothing in the way of another attempt. What CPUs do later asks the host for nothing; what the
 * checker then wants and does not get, it says so.
 */
#include "machine_test.h"
#include "model/failing_host.h"

#include <stdlib.h>

static const char *const both[] = { "x86_48", "arm_4k_48" };

static struct pt_phys *phys;
static struct pt_machine_cfg cfg;
static struct pt_machine *machine;
static struct pt_space *space;
static struct pt_guest *guest;
static struct pt_flush_batch *batch;

static int create_machine(void)
{
	return pt_machine_create(&machine, phys, &cfg);
}

static int create_space(void)
{
	return pt_space_create(&space, machine);
}

static int create_guest(void)
{
	return pt_guest_create(&guest, machine);
}

static int create_batch(void)
{
	return pt_flush_batch_create(&batch, machine);
}

/* @run succeeds in the end, and failed for each of its allocations before; returns how many. */
static size_t fail_each(int (*run)(void))
{
	int err;

	for (fail_at = 1;; fail_at++) {
		nr_allocs = 0;
		counts = true;
		err = run();
		counts = false;
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_true(nr_allocs >= fail_at);
	}
	assert_int_equal(nr_allocs, fail_at - 1);
	return nr_allocs;
}

static void what_cannot_be_created_leaves_nothing_behind(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct pt_check_stats stats;
		uint16_t first_vmid;

		assert_int_equal(pt_phys_create_anon(&phys, LEN), 0);
		pt_machine_cfg_init(&cfg, pt_tlb_profile_find(i & 1 ? "neoverse-n1" : "zen4"), 3);
		cfg.checked = i & 2;
		/* of each CPU: itself, slots, MMU, TLB twice */
		assert_in_range(fail_each(create_machine), 3 * 5 + 4, 100);
		assert_true(fail_each(create_space) > 0);
		assert_true(fail_each(create_guest) > 0);
		assert_true(fail_each(create_batch) > 0);
		/* no VMID went with those that failed */
		first_vmid = pt_guest_vmid(guest);
		assert_int_equal(first_vmid, 1);
		pt_machine_check_stats(machine, &stats);
		assert_int_equal(stats.lost, 0);
		pt_flush_batch_destroy(batch);
		pt_guest_destroy(guest);
		pt_space_destroy(space);
		pt_machine_destroy(machine);
		pt_phys_destroy(phys);
	}
}

#define PAGES 100

/* Maps, runs, unmaps, and flushes by a batch; nothing of it may fail. */
static void live(struct fixture *f, struct process p[2], struct pt_flush_batch *owed)
{
	struct pt_access_result result;
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather };

	counts = true;
	for (unsigned int i = 0; i < 4; i++) {
		struct process *on = &p[i & 1];
		struct pt_cpu *cpu = run_on(f, i / 2, on->space);

		assert_int_equal(pt_map(on->pt, VA, DATA, PAGES * f->page, RWU, NULL), 0);
		for (unsigned int page = 0; page < PAGES; page++)
			assert_int_equal(
				touch(f, cpu, VA + page * f->page, PT_ACCESS_READ, &result), 0);
		pt_gather_begin(&gather, on->pt);
		assert_int_equal(pt_unmap(on->pt, VA, 2 * f->page, &change), 0);
		assert_int_equal(pt_flush_batch_take(owed, on->space, &gather), 0);
		pt_flush_batch_finish(owed);
		assert_int_equal(pt_unmap(on->pt, VA, PAGES * f->page, NULL), 0);
		pt_cpu_leave(cpu);
	}
	counts = false;
}

static void start(struct fixture *f, struct process p[2], unsigned int arch, bool checked,
		  struct pt_flush_batch **owed)
{
	fixture_init_policy(f, both[arch], 2, true, NULL, checked);
	process_init(f, &p[0]);
	process_init(f, &p[1]);
	assert_int_equal(pt_flush_batch_create(owed, f->machine), 0);
	nr_allocs = 0;
}

static void stop(struct fixture *f, struct process p[2], struct pt_flush_batch *owed)
{
	pt_flush_batch_destroy(owed);
	process_exit(&p[0]);
	process_exit(&p[1]);
	fixture_exit(f);
}

static void cpus_ask_the_host_for_nothing(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct pt_flush_batch *owed;
		struct process p[2];
		struct fixture f;

		fail_at = 0;
		start(&f, p, arch, false, &owed);
		live(&f, p, owed);
		assert_int_equal(nr_allocs, 0);
		stop(&f, p, owed);
	}
}

static void count_report(void *ctx, const struct pt_check_report *report)
{
	(void)report;
	++*(unsigned int *)ctx;
}

static void what_the_checker_cannot_remember_it_says(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		for (fail_at = 1;; fail_at++) {
			struct pt_check_stats checked;
			struct pt_flush_batch *owed;
			unsigned int nr_reports = 0;
			struct pt_cpu_stats s;
			struct process p[2];
			struct fixture f;
			bool failed;

			start(&f, p, arch, true, &owed);
			assert_int_equal(pt_machine_set_checker(f.machine, PT_CHECK_WRONG,
								count_report, &nr_reports),
					 0);
			live(&f, p, owed);
			failed = nr_allocs >= fail_at;
			assert_int_equal(nr_reports, 0);
			pt_machine_check_stats(f.machine, &checked);
			assert_int_equal(checked.lost > 0, failed);
			pt_machine_stats(f.machine, &s);
			assert_true(s.dropped >= s.dropped_needlessly && s.dropped > 0);
			stop(&f, p, owed);
			if (!failed)
				break;
		}
		assert_true(fail_at > 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_created_leaves_nothing_behind),
		cmocka_unit_test(cpus_ask_the_host_for_nothing),
		cmocka_unit_test(what_the_checker_cannot_remember_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
