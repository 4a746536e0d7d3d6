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

struct world {
	struct fixture f;
	struct process kernel, p[NR_SPACES];
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
		CHECK(pt_map(pt, va, output_of(w, first, n), nr * w->f.page, RW | PT_ATTR_USER,
			     NULL) == 0);
	else
		CHECK(pt_unmap(pt, va, nr * w->f.page, &how) == 0);
	if (r >> 24 & 1)
		CHECK(pt_test_and_clear_dirty(pt, VA + chunk * 16 * w->f.page, 16 * w->f.page,
					      NULL) == 0);
	for (unsigned int i = first; i < first + nr; i++)
		was[i - chunk * 16] = map ? OUTPUT(n) : HOLE;
	for (unsigned int i = 0; i < 16; i++)
		set(w, space, chunk * 16 + i, was[i]);
	atomic_fetch_add_explicit(&w->changes, 1, memory_order_relaxed);
}

static void run(struct worker *me, unsigned int number)
{
	struct world *w = me->w;

	while (pt_cpu_enter(pt_machine_cpu(w->f.machine, number % NR_CPUS)))
		number++;
	me->cpu = pt_machine_cpu(w->f.machine, number % NR_CPUS);
	me->space = random64(&me->seed) & 1;
	CHECK(pt_cpu_switch(me->cpu, w->p[me->space].space) == 0);
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
		case 1: /* a kernel thread for the time of a change */
			CHECK(pt_cpu_enter_lazy(me->cpu) == 0);
			change(me);
			me->space = random64(&me->seed) & 1;
			CHECK(pt_cpu_switch(me->cpu, me->w->p[me->space].space) == 0);
			break;
		case 2:
		case 3:
			me->space ^= 1;
			CHECK(pt_cpu_switch(me->cpu, me->w->p[me->space].space) == 0);
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

static void world_init(struct world *w, const char *name, bool checked)
{
	struct pt_machine_policy policy = { .ceiling = 8,
					    .nr_pcids = 3,
					    .generations = true,
					    .lazy = true,
					    .ranges = true,
					    .max_range_pages = 1024 };

	memset(w, 0, sizeof(*w));
	fixture_init_policy(&w->f, name, NR_CPUS, true, &policy, checked);
	if (checked)
		assert_int_equal(pt_machine_set_checker(w->f.machine, PT_CHECK_WRONG, show, NULL),
				 0);
	w->kernel.space = pt_machine_kernel(w->f.machine);
	w->f.cfg.flush = pt_space_flush_ops(w->kernel.space);
	assert_int_equal(pt_pgtable_create(&w->kernel.pt, w->f.phys, &w->f.cfg), 0);
	assert_int_equal(pt_space_set_table(w->kernel.space, w->kernel.pt), 0);
	for (unsigned int i = 0; i < NR_SPACES; i++) {
		process_init(&w->f, &w->p[i]);
		for (unsigned int page = 0; page < NR_PAGES; page++)
			atomic_init(&w->state[i][page], HOLE);
	}
	for (unsigned int i = 0; i < NR_CPUS; i++)
		pt_cpu_leave(run_on(&w->f, i, w->p[i & 1].space));
}

static void nobody_sees_what_was_flushed(void **state)
{
	static const char *const names[] = { "x86_48", "arm_4k_48", "arm_4k_48_hd_bbm2",
					     "arm_16k_lpa2_48_hd_bbm2" };

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		struct timespec time = { 0, 800000000 };
		struct worker workers[NR_THREADS];
		pthread_t threads[NR_THREADS];
		struct pt_check_stats checked;
		struct pt_cpu_stats s;
		struct world w;

		world_init(&w, names[i / 2], i & 1);
		for (unsigned int n = 0; n < NR_THREADS; n++) {
			workers[n] = (struct worker){ .w = &w, .index = n, .seed = i * 16 + n };
			assert_int_equal(pthread_create(&threads[n], NULL, work, &workers[n]), 0);
		}
		do
			nanosleep(&time, NULL);
		while (w.seen <= 100 || w.hits <= 10 || w.changes <= 200);
		atomic_store_explicit(&w.stop, true, memory_order_relaxed);
		for (unsigned int n = 0; n < NR_THREADS; n++)
			assert_int_equal(pthread_join(threads[n], NULL), 0);
		pt_machine_check_stats(w.f.machine, &checked);
		assert_int_equal(checked.reports, 0);
		pt_machine_stats(w.f.machine, &s);
		assert_true(s.flush_requests > 10);
		assert_int_equal(s.ipis_sent, s.ipis_received);
		if (!is_x86(&w.f))
			assert_int_equal(
				s.broadcasts_received,
				s.flushes[PT_FLUSH_BY_BROADCAST][PT_FLUSH_KIND_PAGE] +
					s.flushes[PT_FLUSH_BY_BROADCAST][PT_FLUSH_KIND_RANGE] +
					s.flushes[PT_FLUSH_BY_BROADCAST][PT_FLUSH_KIND_ASID]);
		for (unsigned int n = 0; n < NR_CPUS; n++)
			assert_int_equal(pt_tlb_verify(pt_cpu_tlb(pt_machine_cpu(w.f.machine, n))),
					 0);
		for (unsigned int n = 0; n < NR_SPACES; n++)
			process_exit(&w.p[n]);
		pt_pgtable_destroy(w.kernel.pt);
		fixture_exit(&w.f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_sees_what_was_flushed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
