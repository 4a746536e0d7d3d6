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
		assert_int_equal(stats.lost + stats.lost_contexts, 0);
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
			assert_int_equal(checked.lost + checked.lost_contexts > 0, failed);
			pt_machine_stats(f.machine, &s);
			assert_true(s.dropped >= s.dropped_needlessly && s.dropped > 0);
			stop(&f, p, owed);
			if (!failed)
				break;
		}
		assert_true(fail_at > 5);
	}
}

static void flush_nothing(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	(void)ctx;
	(void)first;
	(void)last;
	(void)stride_lg2;
}

/* A change that is not remembered may be why another's flush was not needed. */
static void a_lost_change_ends_all_reports(void **state)
{
	const struct pt_flush_ops none = { .range = flush_nothing };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct pt_access_result result;
		struct pt_check_stats checked;
		unsigned int nr_reports = 0;
		bool loses = i & 1;
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;

		fail_at = 0;
		fixture_init_policy(&f, both[i / 2], 1, false, NULL, true);
		assert_int_equal(pt_machine_set_checker(f.machine, PT_CHECK_WRONG, count_report,
							&nr_reports),
				 0);
		assert_int_equal(pt_space_create(&p.space, f.machine), 0);
		f.cfg.flush = &none;
		f.cfg.watch = pt_space_watch_ops(p.space);
		assert_int_equal(pt_pgtable_create(&p.pt, f.phys, &f.cfg), 0);
		assert_int_equal(pt_space_set_table(p.space, p.pt), 0);
		assert_int_equal(pt_map(p.pt, VA, DATA, 2 * f.page, RWU, NULL), 0);
		cpu = run_on(&f, 0, p.space);
		assert_false(hits(&f, cpu, VA, PT_ACCESS_WRITE, DATA));
		nr_allocs = 0;
		fail_at = loses ? 1 : 0;
		counts = true;
		assert_int_equal(pt_protect(p.pt, VA + f.page, f.page, 0, PT_ATTR_WRITE, NULL), 0);
		counts = false;
		fail_at = 0;
		assert_int_equal(pt_protect(p.pt, VA, f.page, 0, PT_ATTR_WRITE, NULL), 0);
		assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_WRITE, &result), 0);
		pt_machine_check_stats(f.machine, &checked);
		assert_int_equal(checked.lost, loses);
		assert_int_equal(nr_reports, !loses);
		load_cpu(&f, cpu, TABLES);
		pt_cpu_leave(cpu);
		process_exit(&p);
		fixture_exit(&f);
	}
}

/* ---- what ASIDs stand for ---- */

#define SPACES 9

struct spaces {
	struct fixture f;
	struct process p[SPACES];
	struct pt_flush_ops none;
	unsigned int nr_reports;
};

/* Of space @i, in a set of its own of any TLB. */
static pt_va_t page_of(const struct spaces *s, unsigned int i)
{
	return VA + i * s->f.page;
}

/* As many PCIDs as spaces but one; each has a page of its own, writable, which it has used. */
static void spaces_init(struct spaces *s, unsigned int arch, unsigned int nr)
{
	const struct pt_machine_policy policy = {
		.ceiling = 33, .nr_pcids = SPACES - 1, .generations = true, .max_dvm_ops = 34
	};

	s->nr_reports = 0;
	fail_at = 0;
	fixture_init_policy(&s->f, both[arch], 1, false, &policy, true);
	assert_int_equal(pt_machine_set_checker(s->f.machine, PT_CHECK_WRONG, count_report,
						&s->nr_reports),
			 0);
	for (unsigned int i = 0; i < SPACES; i++) {
		process_init(&s->f, &s->p[i]);
		assert_int_equal(pt_map(s->p[i].pt, page_of(s, i), DATA, s->f.page, RWU, NULL), 0);
	}
	for (unsigned int i = 0; i < nr; i++) {
		struct pt_cpu *cpu = run_on(&s->f, 0, s->p[i].space);

		assert_false(hits(&s->f, cpu, page_of(s, i), PT_ACCESS_WRITE, DATA));
		pt_cpu_leave(cpu);
	}
	nr_allocs = 0;
}

static void spaces_exit(struct spaces *s)
{
	for (unsigned int i = 0; i < SPACES; i++)
		process_exit(&s->p[i]);
	fixture_exit(&s->f);
}

/* The first allocation fails, and all of them: there is one at most. */
static struct pt_cpu *switch_without_memory(struct spaces *s, unsigned int to)
{
	struct pt_cpu *cpu;

	fail_at = 1;
	nr_allocs = 0;
	counts = true;
	cpu = run_on(&s->f, 0, s->p[to].space);
	counts = false;
	return cpu;
}

static uint64_t lost_contexts(struct spaces *s)
{
	struct pt_check_stats checked;

	pt_machine_check_stats(s->f.machine, &checked);
	assert_int_equal(checked.lost, 0);
	return checked.lost_contexts;
}

/* However many there are; x86's last space takes a PCID that another one had. */
static void contexts_that_are_known_ask_the_host_for_nothing(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2 * SPACES; i++) {
		unsigned int nr = 1 + i / 2;
		struct spaces s;

		spaces_init(&s, i & 1, nr);
		for (unsigned int n = 0; n < 2 * nr; n++)
			pt_cpu_leave(switch_without_memory(&s, n % nr));
		assert_int_equal(nr_allocs, 0);
		assert_int_equal(lost_contexts(&s), 0);
		spaces_exit(&s);
	}
	{
		struct spaces s;

		spaces_init(&s, 0, SPACES - 1);
		pt_cpu_leave(switch_without_memory(&s, SPACES - 1));
		assert_int_equal(nr_allocs, 0);
		spaces_exit(&s);
	}
}

/* The one that does not fit for the first time; its ASID's entries agree with what nobody knows. */
static void entries_of_a_lost_context_count_as_needed(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		unsigned int lost = 0;

		for (unsigned int nr = 1; nr < SPACES - 1; nr++) {
			struct pt_cpu_stats old, now;
			struct pt_cpu *cpu;
			struct spaces s;

			spaces_init(&s, arch, nr);
			cpu = switch_without_memory(&s, nr);
			assert_int_equal(lost_contexts(&s), nr_allocs);
			lost += nr_allocs;
			assert_false(hits(&s.f, cpu, page_of(&s, nr), PT_ACCESS_READ, DATA));
			old = stats_of(cpu);
			if (arch) {
				assert_int_equal(pt_cpu_tlbi(cpu, PT_TLBI_VMALLE1, 0, 0, true), 0);
				pt_cpu_dsb(cpu);
			} else {
				assert_int_equal(
					pt_cpu_invpcid(cpu, PT_INVPCID_ALL_GLOBALS_TOO, 0, 0), 0);
			}
			now = stats_of(cpu);
			assert_int_equal(now.dropped - old.dropped, 2 * (nr + 1));
			assert_int_equal(now.dropped_needlessly - old.dropped_needlessly,
					 2 * (nr + 1 - nr_allocs));
			pt_cpu_leave(cpu);
			spaces_exit(&s);
		}
		assert_true(lost > 0);
	}
}

/* Global entries are of what runs, and that is not known, until it is something else. */
static void so_do_global_entries_while_it_runs(void **state)
{
	unsigned int lost = 0;

	(void)state;
	for (unsigned int i = 2; i < 2 * SPACES - 2; i++) {
		unsigned int nr = i / 2;
		bool goes_on = i & 1;
		struct pt_cpu_stats old, now;
		struct pt_cpu *cpu;
		struct spaces s;

		spaces_init(&s, 0, nr);
		assert_int_equal(pt_map(s.p[0].pt, VA + SPACES * s.f.page, DATA, s.f.page,
					RWU | PT_ATTR_GLOBAL, NULL),
				 0);
		cpu = run_on(&s.f, 0, s.p[0].space);
		assert_false(hits(&s.f, cpu, VA + SPACES * s.f.page, PT_ACCESS_READ, DATA));
		pt_cpu_leave(cpu);
		cpu = switch_without_memory(&s, nr);
		lost += nr_allocs;
		if (goes_on) {
			pt_cpu_leave(cpu);
			cpu = run_on(&s.f, 0, s.p[0].space);
		}
		old = stats_of(cpu);
		pt_cpu_invlpg(cpu, VA + SPACES * s.f.page);
		now = stats_of(cpu);
		assert_int_equal(now.dropped - old.dropped, 2);
		/* by the tables of any space but the first it would not be right either */
		assert_int_equal(now.dropped_needlessly - old.dropped_needlessly, goes_on ? 2 : 0);
		pt_cpu_leave(cpu);
		spaces_exit(&s);
	}
	assert_true(lost > 0);
}

/* What an ASID stood for is needed for none of it. */
static void lost_contexts_stop_no_reports(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		unsigned int lost = 0;

		for (unsigned int nr = 1; nr < SPACES - 1; nr++) {
			struct pt_access_result result;
			struct pt_pgtable *pt;
			struct pt_cpu *cpu;
			struct spaces s;

			spaces_init(&s, arch, nr);
			s.none = (struct pt_flush_ops){ .range = flush_nothing };
			s.f.cfg.flush = &s.none;
			s.f.cfg.watch = pt_space_watch_ops(s.p[nr].space);
			assert_int_equal(pt_pgtable_create(&pt, s.f.phys, &s.f.cfg), 0);
			assert_int_equal(pt_space_set_table(s.p[nr].space, pt), 0);
			assert_int_equal(pt_map(pt, VA, DATA, s.f.page, RWU, NULL), 0);
			cpu = switch_without_memory(&s, nr);
			lost += nr_allocs;
			assert_int_equal(touch(&s.f, cpu, VA, PT_ACCESS_WRITE, &result), 0);
			assert_int_equal(pt_protect(pt, VA, s.f.page, 0, PT_ATTR_WRITE, NULL), 0);
			assert_int_equal(touch(&s.f, cpu, VA, PT_ACCESS_WRITE, &result), 0);
			assert_int_equal(s.nr_reports, 1);
			load_cpu(&s.f, cpu, TABLES);
			pt_cpu_leave(cpu);
			pt_pgtable_destroy(pt);
			spaces_exit(&s);
		}
		assert_true(lost > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_created_leaves_nothing_behind),
		cmocka_unit_test(cpus_ask_the_host_for_nothing),
		cmocka_unit_test(what_the_checker_cannot_remember_it_says),
		cmocka_unit_test(a_lost_change_ends_all_reports),
		cmocka_unit_test(contexts_that_are_known_ask_the_host_for_nothing),
		cmocka_unit_test(entries_of_a_lost_context_count_as_needed),
		cmocka_unit_test(so_do_global_entries_while_it_runs),
		cmocka_unit_test(lost_contexts_stop_no_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
