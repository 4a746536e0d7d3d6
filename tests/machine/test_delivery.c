/* SPDX-License-Identifier: MIT */
/* Flushes that interrupt nobody, and flushes that wait for each other. */
#include "machine_test.h"

#include <pthread.h>
#include <semaphore.h>

static void deliver_init(struct fixture *f, enum pt_delivery delivery, unsigned int nr_cpus,
			 bool checked)
{
	const struct pt_machine_policy policy = { .delivery = delivery,
						  .max_count = 7,
						  .ceiling = 33,
						  .nr_pcids = 6,
						  .generations = true,
						  .lazy = true };

	fixture_init_policy(f, "x86_48", nr_cpus, true, &policy, checked);
}

/* CPUs 0 to @nr - 1 keep @pages pages of @p; all are parked. */
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

static const enum pt_delivery quiet[] = { PT_DELIVER_INVLPGB, PT_DELIVER_RAR };

static void pages_are_flushed_without_an_interrupt(void **state)
{
	static const struct {
		unsigned int pages, invlpgbs; /* eight pages each; beyond 33, the PCID */
	} tries[] = { { 1, 1 }, { 8, 1 }, { 9, 2 }, { 33, 5 }, { 34, 1 }, { 60, 1 } };

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		enum pt_delivery delivery = quiet[i & 1];
		unsigned int nr = tries[i / 2].pages;
		struct process p, q;
		struct pt_cpu_stats s;
		struct fixture f;
		struct pt_cpu *cpu;

		deliver_init(&f, delivery, 4, false);
		process_init(&f, &p);
		process_init(&f, &q);
		assert_int_equal(pt_map(p.pt, VA, DATA, 61 * f.page, RWU, NULL), 0);
		assert_int_equal(pt_map(q.pt, VA, DATA + BIT(24), f.page, RWU, NULL), 0);
		warm(&f, &q, 3, 1);
		warm(&f, &p, 3, nr + 1);
		/* CPU 2 runs the other one now, and keeps both */
		pt_cpu_leave(run_on(&f, 2, q.space));
		cpu = run_on(&f, 0, p.space);
		assert_int_equal(pt_unmap(p.pt, VA, nr * f.page, NULL), 0);
		s = stats_of(cpu);
		pt_cpu_leave(cpu);
		assert_int_equal(s.ipis_sent, 0);
		assert_int_equal(s.flush_full, nr > 33);
		if (delivery == PT_DELIVER_INVLPGB) {
			assert_int_equal(s.broadcasts_sent, tries[i / 2].invlpgbs);
			assert_int_equal(s.barriers, 1);
			s = stats_of(pt_machine_cpu(f.machine, 3));
			assert_int_equal(s.broadcasts_received, tries[i / 2].invlpgbs);
		} else {
			assert_int_equal(s.actions_sent, 2);
			s = stats_of(pt_machine_cpu(f.machine, 3));
			assert_int_equal(s.actions_received, 0);
			s = stats_of(pt_machine_cpu(f.machine, 2));
			assert_int_equal(s.actions_received, 1);
			assert_int_equal(
				s.flushes[PT_FLUSH_BY_ACTION][nr > 33  ? PT_FLUSH_KIND_ASID
							      : nr > 1 ? PT_FLUSH_KIND_RANGE
								       : PT_FLUSH_KIND_PAGE],
				1);
		}
		for (unsigned int c = 0; c < 3; c++) {
			assert_false(has(&f, c, p.space, VA));
			assert_false(has(&f, c, p.space, VA + (nr - 1) * f.page));
			assert_int_equal(has(&f, c, p.space, VA + nr * f.page), nr <= 33);
			assert_true(has(&f, c, q.space, VA));
		}
		process_exit(&p);
		process_exit(&q);
		fixture_exit(&f);
	}
}

/*
 * However many pages are to go one by one: an INVLPGB says up to 65536, of which this machine's
 * does 8, and an action 63. What is asked for need not be mapped.
 */
static void none_is_asked_for_more_pages_than_it_can_say(void **state)
{
	static const uint64_t pages[] = { 62, 63, 64, 126, 127, 65536, 65537, 65600, 200000 };

	(void)state;
	for (unsigned int i = 0; i < 18; i++) {
		const struct pt_machine_policy policy = { .delivery = quiet[i & 1],
							  .max_count = 7,
							  .ceiling = UINT32_MAX };
		uint64_t nr = pages[i / 2], beyond;
		const struct pt_flush_ops *ops;
		struct process p;
		struct pt_cpu_stats s;
		struct fixture f;

		fixture_init_policy(&f, "x86_48", 2, true, &policy, false);
		process_init(&f, &p);
		beyond = VA + nr * f.page;
		assert_int_equal(pt_map(p.pt, VA, DATA, f.page, RWU, NULL), 0);
		assert_int_equal(pt_map(p.pt, beyond - f.page, DATA, 2 * f.page, RWU, NULL), 0);
		for (unsigned int c = 0; c < 2; c++) {
			assert_false(has(&f, c, p.space, VA));
			assert_false(has(&f, c, p.space, beyond - f.page));
			assert_false(has(&f, c, p.space, beyond));
		}
		assert_int_equal(pt_cpu_enter(pt_machine_cpu(f.machine, 0)), 0);
		ops = pt_space_flush_ops(p.space);
		ops->range(ops->ctx, VA, beyond - 1, 12);
		pt_cpu_leave(pt_machine_cpu(f.machine, 0));
		s = stats_of(pt_machine_cpu(f.machine, 0));
		assert_int_equal(s.flush_pages, nr);
		assert_int_equal(s.flush_full, 0);
		assert_int_equal(s.broadcasts_sent, i & 1 ? 0 : (nr + 7) / 8);
		assert_int_equal(s.actions_sent, i & 1 ? (nr + 62) / 63 : 0);
		for (unsigned int c = 0; c < 2; c++) {
			assert_true(has(&f, c, p.space, beyond));
			assert_false(has(&f, c, p.space, VA));
			assert_false(has(&f, c, p.space, beyond - f.page));
		}
		process_exit(&p);
		fixture_exit(&f);
	}
}

/* Steps are of 4K or 2M: 1G pages go one by one. Who never ran a space flushes nothing of it. */
static void pages_of_1g_go_one_by_one(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		const struct pt_flush_ops *ops;
		struct process p;
		struct pt_cpu_stats s;
		struct fixture f;

		deliver_init(&f, quiet[i], 2, false);
		process_init(&f, &p);
		assert_int_equal(pt_map(p.pt, BIT(30), DATA, BIT(31), RWU, NULL), 0);
		assert_false(has(&f, 1, p.space, BIT(30)));
		assert_false(has(&f, 1, p.space, BIT(31)));
		assert_int_equal(pt_cpu_enter(pt_machine_cpu(f.machine, 0)), 0);
		ops = pt_space_flush_ops(p.space);
		ops->range(ops->ctx, BIT(30), 3 * BIT(30) - 1, 30);
		pt_cpu_leave(pt_machine_cpu(f.machine, 0));
		s = stats_of(pt_machine_cpu(f.machine, 0));
		assert_int_equal(i ? s.actions_sent : s.broadcasts_sent, 2);
		for (unsigned int kind = 0; i && kind < PT_FLUSH_KIND_NR; kind++)
			assert_int_equal(s.flushes[PT_FLUSH_BY_LOCAL][kind], 0);
		assert_false(has(&f, 1, p.space, BIT(30)));
		assert_false(has(&f, 1, p.space, BIT(31)));
		process_exit(&p);
		fixture_exit(&f);
	}
}

static void pcids_are_the_same_everywhere_and_nothing_is_flushed_at_a_switch(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct process p[8];
		struct pt_cpu_stats s;
		struct fixture f;
		struct pt_cpu *cpu;
		struct pt_x86_regs regs;

		deliver_init(&f, quiet[i], 1, false);
		for (unsigned int n = 0; n < 8; n++) {
			process_init(&f, &p[n]);
			assert_int_equal(pt_map(p[n].pt, VA, DATA + n * f.page, f.page, RWU, NULL),
					 0);
			assert_false(has(&f, 0, p[n].space, VA));
		}
		for (unsigned int n = 0; n < 8; n++)
			assert_true(has(&f, 0, p[n].space, VA));
		s = stats_of(pt_machine_cpu(f.machine, 0));
		assert_int_equal(s.flushes[PT_FLUSH_BY_SWITCH][PT_FLUSH_KIND_ASID], 0);
		/* a PCID that is used again has nothing of who had it before */
		cpu = pt_machine_cpu(f.machine, 0);
		assert_int_equal(pt_cpu_enter(cpu), 0);
		load_cpu(&f, cpu, TABLES);
		pt_cpu_leave(cpu);
		process_exit(&p[3]);
		process_init(&f, &p[3]);
		assert_int_equal(pt_map(p[3].pt, VA, DATA + BIT(24), f.page, RWU, NULL), 0);
		assert_false(has(&f, 0, p[3].space, VA));
		/* without PCIDs they cannot be told apart */
		assert_int_equal(pt_cpu_enter(cpu), 0);
		regs = *pt_cpu_x86_64(cpu);
		regs.cr3 = TABLES;
		regs.cr4 &= ~CR4_PCIDE;
		assert_int_equal(pt_cpu_load_x86_64(cpu, &regs), 0);
		assert_int_equal(pt_cpu_switch(cpu, p[0].space), -EINVAL);
		pt_cpu_leave(cpu);
		for (unsigned int n = 0; n < 8; n++)
			process_exit(&p[n]);
		fixture_exit(&f);
	}
}

/* What the kernel maps in every space, global or not, goes from every PCID of every CPU. */
static void kernel_ranges_reach_every_pcid(void **state)
{
	static const unsigned int pages[] = { 1, 33, 34 };

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		unsigned int nr = pages[i % 3];
		const struct pt_access kernel_load = { PT_ACCESS_READ, 8, 0, 0 };
		struct pt_access_result result;
		struct process p[2], kernel;
		struct fixture f;
		struct pt_cpu *cpu;

		deliver_init(&f, quiet[i & 1], 2, true);
		kernel.space = pt_machine_kernel(f.machine);
		f.cfg.flush = pt_space_flush_ops(kernel.space);
		f.cfg.watch = pt_space_watch_ops(kernel.space);
		assert_int_equal(pt_pgtable_create(&kernel.pt, f.phys, &f.cfg), 0);
		assert_int_equal(pt_space_set_table(kernel.space, kernel.pt), 0);
		assert_int_equal(pt_map(kernel.pt, VA, DATA, 40 * f.page,
					i < 6 ? RW | PT_ATTR_GLOBAL : RW, NULL),
				 0);
		for (unsigned int n = 0; n < 2; n++) {
			process_init(&f, &p[n]);
			assert_int_equal(pt_pgtable_link(p[n].pt, VA & ~(BIT(30) - 1), kernel.pt,
							 VA & ~(BIT(30) - 1), BIT(30), 2),
					 0);
		}
		for (unsigned int n = 0; n < 4; n++) {
			cpu = run_on(&f, n >> 1, p[n & 1].space);
			assert_int_equal(pt_cpu_access(cpu, VA, &kernel_load, &result), 0);
			pt_cpu_leave(cpu);
		}
		assert_int_equal(pt_unmap(kernel.pt, VA, nr * f.page, NULL), 0);
		for (unsigned int n = 0; n < 4; n++) {
			cpu = run_on(&f, n >> 1, p[n & 1].space);
			assert_int_equal(pt_cpu_access(cpu, VA, &kernel_load, &result), 1);
			pt_cpu_leave(cpu);
		}
		for (unsigned int n = 0; n < 2; n++) {
			assert_int_equal(pt_pgtable_unlink(p[n].pt, VA & ~(BIT(30) - 1), BIT(30), 2,
							   NULL),
					 0);
			process_exit(&p[n]);
		}
		pt_pgtable_destroy(kernel.pt);
		fixture_exit(&f);
	}
}

/* ---- batches ---- */

#define DEFERRED 20

static const char *const both[] = { "x86_48", "arm_4k_48" };

static void count_report(void *ctx, const struct pt_check_report *report)
{
	(void)report;
	++*(unsigned int *)ctx;
}

static void unmap_into(struct pt_flush_batch *batch, struct process *p, pt_va_t va, uint64_t len)
{
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather };

	pt_gather_begin(&gather, p->pt);
	assert_int_equal(pt_unmap(p->pt, va, len, &change), 0);
	assert_int_equal(pt_flush_batch_take(batch, p->space, &gather), 0);
	assert_int_equal(gather.nr_ranges, 0);
}

/* Pages here and there of two spaces, and one flush for all of them. */
static void a_batch_flushes_once(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct pt_change single = { .flags = PT_CHANGE_NO_CONTIG };
		struct pt_access_result result;
		struct pt_flush_batch *batch;
		unsigned int nr_reports = 0;
		struct pt_cpu_stats before, s;
		struct process p, q;
		struct fixture f;
		struct pt_cpu *cpu;

		fixture_init_policy(&f, both[arch], 4, true, NULL, true);
		assert_int_equal(pt_machine_set_checker(f.machine, PT_CHECK_WRONG, count_report,
							&nr_reports),
				 0);
		process_init(&f, &p);
		process_init(&f, &q);
		assert_int_equal(pt_map(p.pt, VA, DATA, 2 * DEFERRED * f.page, RWU, &single), 0);
		assert_int_equal(pt_map(q.pt, VA, DATA, 2 * DEFERRED * f.page, RWU, &single), 0);
		warm(&f, &q, 4, 2 * DEFERRED);
		warm(&f, &p, 3, 2 * DEFERRED); /* CPU 3 still runs the other */
		assert_int_equal(pt_flush_batch_create(&batch, f.machine), 0);
		cpu = run_on(&f, 0, p.space);
		before = stats_of(cpu);
		for (unsigned int i = 0; i < DEFERRED; i++) {
			unmap_into(batch, &p, VA + 2 * i * f.page, f.page);
			unmap_into(batch, &q, VA + 2 * i * f.page, f.page);
		}
		assert_int_equal(pt_flush_batch_owed(batch), 2 * DEFERRED);
		s = stats_of(cpu);
		assert_int_equal(s.ipis_sent - before.ipis_sent, 0);
		assert_int_equal(s.deferred, 2 * DEFERRED);
		/* the last ones are there still, and may be */
		assert_int_equal(touch(&f, cpu, VA + 2 * (DEFERRED - 1) * f.page, PT_ACCESS_READ,
				       &result),
				 0);
		assert_int_equal(nr_reports, 0);
		pt_flush_batch_finish(batch);
		assert_int_equal(pt_flush_batch_owed(batch), 0);
		s = stats_of(cpu);
		if (!arch) {
			assert_int_equal(s.ipis_sent - before.ipis_sent, 3);
			assert_int_equal(s.flushes[PT_FLUSH_BY_LOCAL][PT_FLUSH_KIND_ASID], 1);
		} else {
			assert_int_equal(s.broadcasts_sent - before.broadcasts_sent, 2 * DEFERRED);
			/* 32 at most wait */
			assert_int_equal(s.barriers - before.barriers, 2);
		}
		pt_cpu_leave(cpu);
		for (unsigned int c = 0; c < 4; c++)
			for (unsigned int i = 0; i < 2 * DEFERRED; i += 2) {
				assert_false(has(&f, c, p.space, VA + i * f.page));
				assert_false(has(&f, c, q.space, VA + i * f.page));
			}
		assert_int_equal(nr_reports, 0);
		/* what comes now is flushed at once */
		cpu = run_on(&f, 0, p.space);
		before = stats_of(cpu);
		assert_int_equal(pt_unmap(p.pt, VA + f.page, f.page, NULL), 0);
		s = stats_of(cpu);
		assert_true(s.ipis_sent + s.barriers >=
			    before.ipis_sent + before.barriers + (arch ? 1 : 0));
		assert_int_equal(s.deferred, before.deferred);
		assert_int_equal(touch(&f, cpu, VA + f.page, PT_ACCESS_READ, &result), 1);
		pt_cpu_leave(cpu);
		pt_flush_batch_destroy(batch);
		pt_flush_batch_destroy(NULL);
		process_exit(&p);
		process_exit(&q);
		fixture_exit(&f);
	}
}

/* Two batches cannot owe one space; what has tables is flushed at once; blocks are broken. */
static void what_cannot_wait_is_flushed_at_once(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct pt_change free_tables = { .flags = PT_CHANGE_FREE_TABLES };
		struct pt_flush_batch *batch, *other;
		struct pt_access_result result;
		unsigned int nr_reports = 0;
		struct pt_gather gather;
		struct process p;
		struct fixture f;
		struct pt_cpu *cpu;

		fixture_init_policy(&f, both[arch], 2, true, NULL, true);
		assert_int_equal(pt_machine_set_checker(f.machine, PT_CHECK_WRONG, count_report,
							&nr_reports),
				 0);
		process_init(&f, &p);
		/* arm64: a block of 16; unmapping one page of it breaks and makes the others */
		assert_int_equal(pt_map(p.pt, VA, DATA, 32 * f.page, RWU, NULL), 0);
		warm(&f, &p, 2, 32);
		assert_int_equal(pt_flush_batch_create(&batch, f.machine), 0);
		assert_int_equal(pt_flush_batch_create(&other, f.machine), 0);
		cpu = run_on(&f, 0, p.space);
		unmap_into(batch, &p, VA + 3 * f.page, f.page);
		unmap_into(batch, &p, VA + 20 * f.page, f.page);
		assert_int_equal(pt_flush_batch_owed(batch), 2);
		pt_gather_begin(&gather, p.pt);
		assert_int_equal(pt_flush_batch_take(other, p.space, &gather), -EBUSY);
		free_tables.gather = &gather;
		assert_int_equal(pt_unmap(p.pt, VA, 32 * f.page, &free_tables), 0);
		assert_int_equal(pt_flush_batch_take(batch, p.space, &gather), 0);
		assert_int_equal(pt_flush_batch_owed(batch), 2);
		assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_READ, &result), 1);
		pt_flush_batch_finish(batch);
		pt_flush_batch_finish(other);
		pt_cpu_leave(cpu);
		assert_int_equal(nr_reports, 0);
		pt_flush_batch_destroy(batch);
		pt_flush_batch_destroy(other);
		process_exit(&p);
		fixture_exit(&f);
	}
}

static void lazy_cpus_are_left_alone_by_batches(void **state)
{
	struct process p, kernel;
	struct pt_flush_batch *batch;
	struct fixture f;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init(&f, "x86_48", 2, true);
	kernel.space = pt_machine_kernel(f.machine);
	assert_int_equal(pt_pgtable_create(&kernel.pt, f.phys, &f.cfg), 0);
	assert_int_equal(pt_space_set_table(kernel.space, kernel.pt), 0);
	process_init(&f, &p);
	assert_int_equal(pt_map(p.pt, VA, DATA, f.page, RWU, NULL), 0);
	warm(&f, &p, 2, 1);
	cpu = run_on(&f, 1, p.space);
	assert_int_equal(pt_cpu_enter_lazy(cpu), 0);
	pt_cpu_leave(cpu);
	assert_int_equal(pt_flush_batch_create(&batch, f.machine), 0);
	cpu = run_on(&f, 0, p.space);
	unmap_into(batch, &p, VA, f.page);
	pt_flush_batch_finish(batch);
	assert_int_equal(stats_of(cpu).ipis_sent, 0);
	pt_cpu_leave(cpu);
	assert_false(has(&f, 1, p.space, VA));
	pt_flush_batch_destroy(batch);
	process_exit(&p);
	pt_pgtable_destroy(kernel.pt);
	fixture_exit(&f);
}

static void what_cannot_be_is_refused(void **state)
{
	struct pt_flush_batch *batch;
	struct pt_machine_cfg cfg;
	struct pt_machine *machine;
	struct pt_gather gather;
	struct process p;
	struct fixture f;

	(void)state;
	deliver_init(&f, PT_DELIVER_INVLPGB, 1, false);
	process_init(&f, &p);
	assert_int_equal(pt_flush_batch_create(&batch, f.machine), 0);
	pt_gather_begin(&gather, p.pt);
	assert_int_equal(pt_flush_batch_take(batch, p.space, &gather), -EOPNOTSUPP);
	assert_int_equal(pt_flush_batch_take(batch, pt_machine_kernel(f.machine), &gather),
			 -EINVAL);
	pt_flush_batch_destroy(batch);
	process_exit(&p);
	/* a name that is no profile's */
	pt_machine_cfg_init(&cfg, pt_tlb_profile_find("zen"), 1);
	assert_int_equal(pt_machine_create(&machine, f.phys, &cfg), -EINVAL);
	pt_machine_cfg_init(&cfg, pt_tlb_profile_find("neoverse-n1"), 1);
	cfg.policy.delivery = PT_DELIVER_RAR;
	assert_int_equal(pt_machine_create(&machine, f.phys, &cfg), -EINVAL);
	pt_machine_cfg_init(&cfg, pt_tlb_profile_find("zen4"), 1);
	cfg.policy.delivery = PT_DELIVERY_NR;
	assert_int_equal(pt_machine_create(&machine, f.phys, &cfg), -EINVAL);
	fixture_exit(&f);
}

/* A thread on CPU 0, whose conversion of all pages of a zone flushes the other CPUs. */
struct converter {
	struct fixture *f;
	struct process *p;
	struct pt_zone *zone;
	sem_t converting;
	pt_pa_t pa;
	int err;
};

static int convert_and_flush(void *ctx, const struct pt_extent *extent, size_t nr,
			     unsigned int from, unsigned int to)
{
	struct converter *c = ctx;
	const struct pt_flush_ops *flush = pt_space_flush_ops(c->p->space);

	(void)extent;
	(void)nr;
	(void)from;
	if (to) {
		sem_post(&c->converting);
		flush->all(flush->ctx);
	}
	return 0;
}

static void *convert_on_cpu_0(void *arg)
{
	const struct pt_alloc how = { .type = { PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED } };
	struct converter *c = arg;
	struct pt_cpu *cpu = run_on(c->f, 0, c->p->space);

	c->err = pt_alloc_pages(c->zone, NULL, &how, &c->pa);
	pt_cpu_leave(cpu);
	return NULL;
}

/* Who waits for pages that another thread converts performs the flush that this one waits for. */
static void who_waits_for_pages_can_be_flushed(void **state)
{
	const struct pt_alloc how = { .type = { PT_MIGRATE_UNMOVABLE, 0 } };
	const struct pt_extent range = { DATA, 2 * BIT(21) };
	struct pt_zone_cfg zone_cfg = { .ranges = &range, .nr_ranges = 1, .convert_batch = 2 };
	struct converter c;
	struct process p;
	struct fixture f;
	const struct pt_freetype_ops ops = { .convert = convert_and_flush, .ctx = &c };
	struct pt_cpu *cpu;
	pthread_t thread;
	pt_pa_t pa;

	(void)state;
	fixture_init(&f, "x86_48", 2, true);
	process_init(&f, &p);
	c = (struct converter){ .f = &f, .p = &p };
	zone_cfg.wait = pt_machine_wait_ops(f.machine);
	assert_int_equal(pt_zone_create(&c.zone, f.phys, &zone_cfg), 0);
	pt_zone_set_ops(c.zone, &ops);
	assert_int_equal(sem_init(&c.converting, 0, 0), 0);
	cpu = run_on(&f, 1, p.space);
	assert_int_equal(pthread_create(&thread, NULL, convert_on_cpu_0, &c), 0);
	sem_wait(&c.converting);
	assert_int_equal(pt_alloc_pages(c.zone, NULL, &how, &pa), 0);
	assert_int_equal(stats_of(cpu).ipis_received, 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pt_cpu_leave(cpu);
	assert_int_equal(c.err, 0);
	assert_int_equal(pt_free_pages(c.zone, NULL, pa, 0), 0);
	assert_int_equal(pt_free_pages(c.zone, NULL, c.pa, 0), 0);
	assert_int_equal(pt_zone_destroy(c.zone), 0);
	sem_destroy(&c.converting);
	process_exit(&p);
	fixture_exit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_flushed_without_an_interrupt),
		cmocka_unit_test(none_is_asked_for_more_pages_than_it_can_say),
		cmocka_unit_test(pages_of_1g_go_one_by_one),
		cmocka_unit_test(pcids_are_the_same_everywhere_and_nothing_is_flushed_at_a_switch),
		cmocka_unit_test(kernel_ranges_reach_every_pcid),
		cmocka_unit_test(a_batch_flushes_once),
		cmocka_unit_test(what_cannot_wait_is_flushed_at_once),
		cmocka_unit_test(lazy_cpus_are_left_alone_by_batches),
		cmocka_unit_test(who_waits_for_pages_can_be_flushed),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
