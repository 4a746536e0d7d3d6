/* SPDX-License-Identifier: MIT */
/*
 * Threads run CPUs and change the tables that they run on. Each page has an owner, who says
 * what may be seen of it: the old and the new while it changes, the new alone when its change
 * has returned, and with it the flush. Nobody's access may find anything else.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep() */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include <ptlib/guest.h>

#include "machine/machine_test.h"

#define NR_THREADS 4
#define NR_CPUS 6
#define NR_SPACES 2
#define NR_CHUNKS 8 /* of 16 pages; every fourth is one thread's */
#define NR_PAGES (NR_CHUNKS * 16)
#define NR_OUTPUTS 3
#define HOLE 1u
#define OUTPUT(n) (2u << (n))

/* In threads, where cmocka's assertions must not be used. */
#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Of the machine, and of how its tables are changed. */
struct way {
	const char *config;
	unsigned int nr_pcids;
	enum pt_delivery delivery;
	bool isolation, invpcid; /* user mode comes and goes */
	bool batches; /* some unmaps owe their flush for a while */
	bool guests; /* what changes is second stages; the first is always the same */
};

static const struct way ways[] = {
	{ .config = "x86_48", .nr_pcids = 3 },
	{ .config = "x86_48", .delivery = PT_DELIVER_INVLPGB },
	{ .config = "x86_48", .delivery = PT_DELIVER_RAR },
	{ .config = "x86_48", .nr_pcids = 3, .isolation = true, .invpcid = true },
	{ .config = "x86_48", .nr_pcids = 1, .isolation = true, .batches = true },
	{ .config = "x86_48", .nr_pcids = 0, .isolation = true },
	{ .config = "x86_48", .nr_pcids = 3, .batches = true },
	{ .config = "x86_48", .nr_pcids = 3, .guests = true },
	{ .config = "arm_4k_48" },
	{ .config = "arm_4k_48", .guests = true },
	{ .config = "arm_4k_48_hd_bbm2", .batches = true },
	{ .config = "arm_16k_lpa2_48_hd_bbm2" },
};

struct world {
	struct fixture f;
	const struct way *way;
	struct process kernel, p[NR_SPACES];
	struct pt_pgtable *user[NR_SPACES]; /* with isolation */
	struct pt_guest *guest[NR_SPACES]; /* of these the tables of @p are, or NULL */
	struct pt_pgtable *first; /* stage, of guests */
	_Atomic uint64_t state[NR_SPACES][NR_PAGES]; /* bits 7:0 what may be seen; a number above */
	_Atomic bool stop;
	_Atomic uint64_t seen, hits, changes;
};

struct worker {
	struct world *w;
	unsigned int index;
	uint64_t seed;
	struct pt_cpu *cpu;
	unsigned int space;
	struct pt_flush_batch *batch;
};

static pt_pa_t output_of(const struct world *w, unsigned int page, unsigned int n)
{
	return DATA + ((uint64_t)n * NR_PAGES + page) * w->f.page;
}

static void set(struct world *w, unsigned int space, unsigned int page, uint64_t bits)
{
	uint64_t old = atomic_load_explicit(&w->state[space][page], memory_order_relaxed);

	/* Release pairs with the acquire load in look(). */
	atomic_store_explicit(&w->state[space][page], ((old | 255) + 1) | bits,
			      memory_order_release);
}

static uint64_t bits_of(struct world *w, unsigned int space, unsigned int page)
{
	return atomic_load_explicit(&w->state[space][page], memory_order_relaxed) & 255;
}

/* What of @page an access finds. */
static uint64_t find(struct worker *me, unsigned int page, struct pt_access_result *result)
{
	struct world *w = me->w;
	enum pt_access_kind kind = random64(&me->seed) & 1 ? PT_ACCESS_READ : PT_ACCESS_WRITE;
	int faulted = touch(&w->f, me->cpu, VA + page * w->f.page, kind, result);

	CHECK(faulted >= 0);
	if (faulted) {
		CHECK(result->fault.why == PT_WHY_NOT_PRESENT);
		return HOLE;
	}
	for (unsigned int n = 0; n < NR_OUTPUTS; n++)
		if (result->piece[0].pa == output_of(w, page, n))
			return OUTPUT(n);
	return 0;
}

static void set_mode(struct worker *me)
{
	unsigned int r = random64(&me->seed) & 7;

	if (r == 0 && me->w->way->isolation)
		CHECK(pt_cpu_to_user(me->cpu) == 0);
	else if (r == 1)
		pt_cpu_to_kernel(me->cpu);
}

/*
 * Any page of the space that is loaded. A page that is there may seem not to be: a table that
 * a neighbour has unhooked, and not yet flushed, may be kept, though the page was mapped in a
 * new one since. As operating systems do with such faults, try again: the flush will come.
 */
static void look(struct worker *me)
{
	struct world *w = me->w;
	unsigned int page = (unsigned int)(random64(&me->seed) % NR_PAGES);
	struct pt_access_result result;
	uint64_t seen, state;

	set_mode(me);
	for (unsigned int tries = 0; tries < 1000000; tries++) {
		state = atomic_load_explicit(&w->state[me->space][page], memory_order_acquire);
		seen = find(me, page, &result);
		CHECK(seen);
		/* Seq_cst: pairs with the fence in change(). */
		atomic_thread_fence(memory_order_seq_cst);
		if (atomic_load_explicit(&w->state[me->space][page], memory_order_relaxed) != state)
			return;
		if (state & seen || seen != HOLE)
			break;
		sched_yield();
	}
	CHECK(state & seen);
	atomic_fetch_add_explicit(&w->seen, 1, memory_order_relaxed);
	if (seen != HOLE && !result.nr_loads[0])
		atomic_fetch_add_explicit(&w->hits, 1, memory_order_relaxed);
}

static pt_attr_t attr_of(const struct world *w)
{
	if (!w->way->guests)
		return RW | PT_ATTR_USER;
	return RW | PT_ATTR_EXEC | PT_ATTR_ACCESSED | PT_ATTR_DIRTY |
	       (is_x86(&w->f) ? 0 : PT_ATTR_EXEC_OTHER);
}

/* A batch has a space for itself: thread 0's the first one, and thread 1's the second. */
static void unmap(struct worker *me, unsigned int space, pt_va_t va, uint64_t len,
		  struct pt_change *how)
{
	struct world *w = me->w;
	struct pt_gather gather;

	if (!w->way->batches || me->index != space) {
		CHECK(pt_unmap(w->p[space].pt, va, len, how) == 0);
		return;
	}
	how->gather = &gather;
	for (uint64_t done = 0; done < len; done += w->f.page) {
		pt_gather_begin(&gather, w->p[space].pt);
		CHECK(pt_unmap(w->p[space].pt, va + done, w->f.page, how) == 0);
		CHECK(pt_flush_batch_take(me->batch, w->p[space].space, &gather) == 0);
	}
	pt_flush_batch_finish(me->batch);
}

/* Pages of one chunk of this thread's, in any space. */
static void change(struct worker *me)
{
	struct world *w = me->w;
	uint64_t r = random64(&me->seed);
	unsigned int space = r & 1, chunk = (r >> 1 & 1) * NR_THREADS + me->index;
	unsigned int first = r >> 2 & 15, nr = 1 + (unsigned int)((r >> 6) % (16 - first));
	unsigned int n = (r >> 16) % NR_OUTPUTS;
	struct pt_change how = { .flags = r >> 20 & 1 ? PT_CHANGE_FREE_TABLES : 0 };
	struct pt_pgtable *pt = w->p[space].pt;
	bool map = r >> 21 & 1;
	uint64_t was[16];
	pt_va_t va;

	if (r >> 22 & 1) {
		first = 0;
		nr = 16;
	}
	first += chunk * 16;
	va = VA + first * w->f.page;
	for (unsigned int i = first; i < first + nr; i++)
		map &= bits_of(w, space, i) == HOLE;
	/* A contiguous block, which a chunk is on arm64, goes as a whole when a part of it does. */
	for (unsigned int i = 0; i < 16; i++) {
		was[i] = bits_of(w, space, chunk * 16 + i);
		set(w, space, chunk * 16 + i, is_x86(&w->f) ? was[i] : was[i] | HOLE);
	}
	for (unsigned int i = first; i < first + nr; i++)
		set(w, space, i, bits_of(w, space, i) | (map ? OUTPUT(n) : HOLE));
	/* Seq_cst: pairs with the fence in look(). */
	atomic_thread_fence(memory_order_seq_cst);
	if (map)
		CHECK(pt_map(pt, va, output_of(w, first, n), nr * w->f.page, attr_of(w), NULL) ==
		      0);
	else
		unmap(me, space, va, nr * w->f.page, &how);
	if (r >> 24 & 1 && !w->way->guests)
		CHECK(pt_test_and_clear_dirty(pt, VA + chunk * 16 * w->f.page, 16 * w->f.page,
					      NULL) == 0);
	for (unsigned int i = first; i < first + nr; i++)
		was[i - chunk * 16] = map ? OUTPUT(n) : HOLE;
	for (unsigned int i = 0; i < 16; i++)
		set(w, space, chunk * 16 + i, was[i]);
	atomic_fetch_add_explicit(&w->changes, 1, memory_order_relaxed);
}

static void run_guest(struct world *w, struct pt_cpu *cpu, struct pt_guest *guest)
{
	const struct pt_x86_ept_regs ept = { .eptp = 1 << 6 | 3 << 3 | 6 };
	const struct pt_arm64_s2_regs stage2 = {
		.vtcr = 16 | 2 << 6 | UINT64_C(5) << 16, /* T0SZ, SL0, PS */
		.hcr = 1,
	};

	pt_cpu_exit_guest(cpu);
	load_cpu(&w->f, cpu, pt_pgtable_root(w->first));
	if (is_x86(&w->f))
		CHECK(pt_cpu_run_guest_x86_64(cpu, guest, &ept) == 0);
	else
		CHECK(pt_cpu_run_guest_arm64(cpu, guest, &stage2) == 0);
}

static void run_space(struct worker *me, unsigned int space)
{
	struct world *w = me->w;

	me->space = space;
	if (w->way->guests)
		run_guest(w, me->cpu, w->guest[space]);
	else
		CHECK(pt_cpu_switch(me->cpu, w->p[space].space) == 0);
}

static void run(struct worker *me, unsigned int number)
{
	struct world *w = me->w;

	while (pt_cpu_enter(pt_machine_cpu(w->f.machine, number % NR_CPUS)))
		number++;
	me->cpu = pt_machine_cpu(w->f.machine, number % NR_CPUS);
	run_space(me, random64(&me->seed) & 1);
}

/* It changed nothing, but every CPU is interrupted for that, in whatever mode and guest. */
static void flush_kernel(struct worker *me)
{
	const struct pt_flush_ops *ops = pt_space_flush_ops(me->w->kernel.space);

	if (random64(&me->seed) & 1)
		ops->all(ops->ctx);
	else
		ops->range(ops->ctx, BIT(40), BIT(40) + me->w->f.page - 1,
			   (unsigned int)__builtin_ctzll(me->w->f.page));
}

static void *work(void *arg)
{
	struct worker *me = arg;

	run(me, me->index);
	while (!atomic_load_explicit(&me->w->stop, memory_order_relaxed)) {
		for (unsigned int i = 0; i < 40; i++)
			look(me);
		switch (random64(&me->seed) & 15) {
		case 0:
			pt_cpu_leave(me->cpu);
			run(me, (unsigned int)random64(&me->seed) % NR_CPUS);
			break;
		case 1: /* a kernel thread, or a host, for the time of a change */
			if (me->w->way->guests)
				pt_cpu_exit_guest(me->cpu);
			else
				CHECK(pt_cpu_enter_lazy(me->cpu) == 0);
			change(me);
			run_space(me, random64(&me->seed) & 1);
			break;
		case 2:
		case 3:
			run_space(me, me->space ^ 1);
			break;
		case 4:
			if (!(random64(&me->seed) & 3))
				flush_kernel(me);
			break;
		default:
			change(me);
			break;
		}
	}
	pt_cpu_leave(me->cpu);
	return NULL;
}

/* Correct code is reported for nothing; what is, is shown. */
static void show(void *ctx, const struct pt_check_report *report)
{
	char text[800];

	(void)ctx;
	(void)pt_check_report_text(report, text, sizeof(text));
	fputs(text, stderr);
}

static void guest_init(struct world *w, unsigned int i)
{
	struct pt_change single = { .flags = PT_CHANGE_NO_CONTIG };
	struct pt_pgtable_cfg cfg = w->f.cfg;

	assert_int_equal(pt_guest_create(&w->guest[i], w->f.machine), 0);
	assert_int_equal(
		pt_fmt_cfg_init(&cfg.fmt, is_x86(&w->f) ? PT_FMT_X86_EPT : PT_FMT_ARM64_S2_4K), 0);
	cfg.flush = pt_guest_flush_ops(w->guest[i]);
	cfg.watch = pt_guest_watch_ops(w->guest[i]);
	assert_int_equal(pt_pgtable_create(&w->p[i].pt, w->f.phys, &cfg), 0);
	assert_int_equal(pt_guest_set_table(w->guest[i], w->p[i].pt), 0);
	/* where the first stage is */
	assert_int_equal(pt_map(w->p[i].pt, TABLES, TABLES, NR_TABLE_PAGES * w->f.page, attr_of(w),
				&single),
			 0);
}

static void first_stage_init(struct world *w)
{
	struct pt_pgtable_cfg cfg = w->f.cfg;

	cfg.flush = NULL;
	cfg.watch = NULL;
	assert_int_equal(pt_pgtable_create(&w->first, w->f.phys, &cfg), 0);
	assert_int_equal(pt_map(w->first, VA, VA, NR_PAGES * w->f.page, RWU, NULL), 0);
}

/* What threads map is under the first word of the top table. */
static void user_table_init(struct world *w, unsigned int i)
{
	assert_int_equal(pt_populate(w->p[i].pt, 0, BIT(39), 2, NULL), 0);
	assert_int_equal(pt_pgtable_create(&w->user[i], w->f.phys, &w->f.cfg), 0);
	assert_int_equal(pt_pgtable_link(w->user[i], 0, w->p[i].pt, 0, BIT(39), 3), 0);
	assert_int_equal(pt_space_set_user_table(w->p[i].space, w->user[i]), 0);
}

static void world_init(struct world *w, const struct way *way, bool checked)
{
	struct pt_machine_policy policy = { .ceiling = 8,
					    .max_count = 3,
					    .delivery = way->delivery,
					    .nr_pcids = way->nr_pcids,
					    .isolation = way->isolation,
					    .invpcid = way->invpcid,
					    .generations = true,
					    .lazy = true,
					    .ranges = true,
					    .max_range_pages = 1024 };

	memset(w, 0, sizeof(*w));
	w->way = way;
	fixture_init_policy(&w->f, way->config, NR_CPUS, true, &policy, checked);
	if (checked)
		assert_int_equal(pt_machine_set_checker(w->f.machine, PT_CHECK_WRONG, show, NULL),
				 0);
	w->kernel.space = pt_machine_kernel(w->f.machine);
	w->f.cfg.flush = pt_space_flush_ops(w->kernel.space);
	assert_int_equal(pt_pgtable_create(&w->kernel.pt, w->f.phys, &w->f.cfg), 0);
	assert_int_equal(pt_space_set_table(w->kernel.space, w->kernel.pt), 0);
	if (way->guests)
		first_stage_init(w);
	for (unsigned int i = 0; i < NR_SPACES; i++) {
		if (way->guests)
			guest_init(w, i);
		else
			process_init(&w->f, &w->p[i]);
		if (way->isolation)
			user_table_init(w, i);
		for (unsigned int page = 0; page < NR_PAGES; page++)
			atomic_init(&w->state[i][page], HOLE);
	}
	for (unsigned int i = 0; !way->guests && i < NR_CPUS; i++)
		pt_cpu_leave(run_on(&w->f, i, w->p[i & 1].space));
}

static void world_exit(struct world *w)
{
	for (unsigned int i = 0; i < NR_CPUS; i++) {
		struct pt_cpu *cpu = pt_machine_cpu(w->f.machine, i);

		assert_int_equal(pt_tlb_verify(pt_cpu_tlb(cpu)), 0);
		assert_int_equal(pt_cpu_enter(cpu), 0);
		pt_cpu_exit_guest(cpu);
		load_cpu(&w->f, cpu, TABLES);
		pt_cpu_leave(cpu);
	}
	for (unsigned int i = 0; i < NR_SPACES; i++) {
		if (w->user[i])
			assert_int_equal(pt_pgtable_unlink(w->user[i], 0, BIT(39), 3, NULL), 0);
		pt_pgtable_destroy(w->user[i]);
		process_exit(&w->p[i]);
		pt_guest_destroy(w->guest[i]);
	}
	pt_pgtable_destroy(w->first);
	pt_pgtable_destroy(w->kernel.pt);
	fixture_exit(&w->f);
}

/* Whoever was sent anything has received it, and what was broadcast was performed everywhere. */
static void check_counts(const struct world *w)
{
	struct pt_check_stats checked;
	struct pt_cpu_stats s;
	uint64_t performed = 0;

	pt_machine_check_stats(w->f.machine, &checked);
	assert_int_equal(checked.reports, 0);
	pt_machine_stats(w->f.machine, &s);
	assert_true(s.flush_requests > 10);
	assert_int_equal(s.ipis_sent, s.ipis_received);
	assert_int_equal(s.actions_sent, s.actions_received);
	for (unsigned int kind = 0; kind < PT_FLUSH_KIND_NR; kind++)
		performed += s.flushes[PT_FLUSH_BY_BROADCAST][kind];
	assert_int_equal(s.broadcasts_received, performed);
	assert_int_equal(s.deferred > 0, w->way->batches);
	if (is_x86(&w->f) && w->way->delivery == PT_DELIVER_IPI)
		assert_true(s.ipis_sent > 10);
	else
		assert_true(s.actions_sent + s.broadcasts_sent > 10);
}

static void nobody_sees_what_was_flushed(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2 * sizeof(ways) / sizeof(ways[0]); i++) {
		struct timespec time = { 0, 500000000 };
		struct worker workers[NR_THREADS];
		pthread_t threads[NR_THREADS];
		struct world w;

		world_init(&w, &ways[i / 2], i & 1);
		for (unsigned int n = 0; n < NR_THREADS; n++) {
			workers[n] = (struct worker){ .w = &w, .index = n, .seed = i * 16 + n };
			assert_int_equal(pt_flush_batch_create(&workers[n].batch, w.f.machine), 0);
			assert_int_equal(pthread_create(&threads[n], NULL, work, &workers[n]), 0);
		}
		do
			nanosleep(&time, NULL);
		while (w.seen <= 100 || w.hits <= 10 || w.changes <= 200);
		atomic_store_explicit(&w.stop, true, memory_order_relaxed);
		for (unsigned int n = 0; n < NR_THREADS; n++) {
			assert_int_equal(pthread_join(threads[n], NULL), 0);
			pt_flush_batch_destroy(workers[n].batch);
		}
		check_counts(&w);
		world_exit(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_sees_what_was_flushed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
