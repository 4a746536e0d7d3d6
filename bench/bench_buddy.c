/* SPDX-License-Identifier: MIT */
/*
 * The page allocator: each thread with a cache of its own. ns_per_op is a thread's CPU time per
 * operation of that thread, the clock stopped for everything else; waiting for a lock is on it.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime() */

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ptlib/ptlib.h>

#include "bench.h"

#define MAX_THREADS 2
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static const pt_freetype_t movable = { PT_MIGRATE_MOVABLE, 0 };

/* What threads of a benchmark share: thread 0 makes it before the loop, and destroys it after. */
static struct world {
	struct pt_phys *phys;
	struct pt_zone *zone;
	struct pt_zone_cache *cache[MAX_THREADS];
	pt_pa_t *page[MAX_THREADS]; /* that each has allocated */
	pthread_barrier_t barrier;
} world;

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static double thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void get_many(struct world *w, unsigned int thread, unsigned int order, size_t nr)
{
	const struct pt_alloc how = { .order = order, .type = movable };

	for (size_t i = 0; i < nr; i++)
		if (pt_alloc_pages(w->zone, w->cache[thread], &how, &w->page[thread][i]))
			abort();
}

static void put_many(struct world *w, unsigned int thread, unsigned int order, size_t nr,
		     const pt_pa_t *page)
{
	for (size_t i = 0; i < nr; i++)
		if (pt_free_pages(w->zone, w->cache[thread], page[i], order))
			abort();
}

/* Room for @nr blocks of @order a thread, touched before: no page fault of the host is timed. */
static int world_init(struct world *w, uint64_t bytes, unsigned int nr_threads, unsigned int order,
		      size_t nr)
{
	int err = pt_phys_create_anon(&w->phys, bytes);

	if (err)
		return err;
	err = pt_zone_create(&w->zone, w->phys, NULL);
	for (unsigned int i = 0; i < nr_threads && !err; i++) {
		err = pt_zone_cache_create(&w->cache[i], w->zone, i);
		w->page[i] = calloc(nr, sizeof(*w->page[i]));
	}
	if (err)
		return err;
	for (unsigned int i = 0; i < nr_threads; i++)
		get_many(w, i, order, nr);
	for (unsigned int i = 0; i < nr_threads; i++)
		put_many(w, i, order, nr, w->page[i]);
	return -pthread_barrier_init(&w->barrier, NULL, nr_threads);
}

static void world_exit(struct world *w)
{
	pthread_barrier_destroy(&w->barrier);
	for (unsigned int i = 0; i < MAX_THREADS; i++) {
		pt_zone_cache_destroy(w->cache[i]);
		free(w->page[i]);
	}
	if (pt_zone_destroy(w->zone))
		abort();
	pt_phys_destroy(w->phys);
	memset(w, 0, sizeof(*w));
}

struct bulk {
	const char *name;
	unsigned int order;
	uint64_t bytes;              /* of memory */
	size_t nr;                   /* blocks a thread allocates, then frees */
	bool times_get;              /* or else the frees */
	bool shuffles;               /* frees what the next thread allocated, in random order */
	struct bench_counter_bar bars[MAX_THREADS][2]; /* with so many threads */
};

static void shuffle(pt_pa_t *page, size_t nr, uint32_t seed)
{
	for (size_t i = nr - 1; i; i--) {
		size_t k = next_random(&seed) % (i + 1);
		pt_pa_t pa = page[i];

		page[i] = page[k];
		page[k] = pa;
	}
}

static void run_bulk(struct bench *b, const void *arg)
{
	const struct bulk *bulk = arg;
	unsigned int thread = bench_thread(b), nr_threads = bench_nr_threads(b);
	unsigned int from = bulk->shuffles ? (thread + 1) % nr_threads : thread;
	double get_ns = 0, put_ns = 0, nr_ops = 0, start;
	struct world *w = &world;

	if (!thread && world_init(w, bulk->bytes, nr_threads, bulk->order, bulk->nr)) {
		bench_fail(b, "no memory");
		return;
	}
	while (bench_keep_running(b, bulk->nr)) {
		if (!bulk->times_get)
			bench_pause(b);
		start = thread_ns();
		get_many(w, thread, bulk->order, bulk->nr);
		get_ns += thread_ns() - start;
		if (bulk->shuffles) {
			shuffle(w->page[thread], bulk->nr, 77 + thread);
			pthread_barrier_wait(&w->barrier);
		}
		if (bulk->times_get)
			bench_pause(b);
		else
			bench_resume(b);
		start = thread_ns();
		put_many(w, thread, bulk->order, bulk->nr, w->page[from]);
		put_ns += thread_ns() - start;
		if (bulk->shuffles)
			pthread_barrier_wait(&w->barrier);
		if (bulk->times_get)
			bench_resume(b);
		nr_ops += (double)bulk->nr;
	}
	bench_counter(b, "ns_per_op", (bulk->times_get ? get_ns : put_ns) / nr_ops);
	if (bulk->shuffles)
		bench_counter(b, "ns_per_get", get_ns / nr_ops);
	if (thread)
		return;
	if (bulk->bars[nr_threads - 1][0].name)
		bench_bar_counters(b, bulk->bars[nr_threads - 1],
				   bulk->bars[nr_threads - 1][1].name ? 2 : 1);
	world_exit(w);
}

/* One page again and again, a pair being one operation. */
static void run_repeat(struct bench *b, const void *arg)
{
	static const struct bench_counter_bar bar = { "ns_per_op", false, 8 };
	const struct pt_alloc how = { .type = movable };
	unsigned int thread = bench_thread(b);
	double ns = 0, nr_ops = 0, start;
	struct world *w = &world;
	pt_pa_t pa;

	(void)arg;
	if (!thread && world_init(w, GIB, bench_nr_threads(b), 0, 1000)) {
		bench_fail(b, "no memory");
		return;
	}
	while (bench_keep_running(b, 1000)) {
		start = thread_ns();
		for (size_t i = 0; i < 1000; i++)
			if (pt_alloc_pages(w->zone, w->cache[thread], &how, &pa) ||
			    pt_free_pages(w->zone, w->cache[thread], pa, 0))
				abort();
		ns += thread_ns() - start;
		nr_ops += 1000;
	}
	bench_counter(b, "ns_per_op", ns / nr_ops);
	if (thread)
		return;
	if (bench_nr_threads(b) == MAX_THREADS)
		bench_bar_counters(b, &bar, 1);
	world_exit(w);
}

/* Order-0 pages of 1 GiB, held ones in an array to choose from. */
struct pages {
	struct world *w;
	size_t nr, nr_frames;
	uint32_t seed;
};

static void get_page(struct pages *pages)
{
	const struct pt_alloc how = { .type = movable };

	if (pt_alloc_pages(pages->w->zone, pages->w->cache[0], &how,
			   &pages->w->page[0][pages->nr]))
		abort();
	pages->nr++;
}

static pt_pa_t take_random(struct pages *pages)
{
	pt_pa_t *page = &pages->w->page[0][next_random(&pages->seed) % pages->nr], pa = *page;

	*page = pages->w->page[0][--pages->nr];
	return pa;
}

static void put_random(struct pages *pages)
{
	if (pt_free_pages(pages->w->zone, pages->w->cache[0], take_random(pages), 0))
		abort();
}

/*
 * Ten times full to @percent, down to half of that at random, a fifth of the rest replaced; then
 * two frees an allocation until an eighth of @percent is held. Returns the operations.
 */
static size_t swing(struct pages *pages, size_t percent)
{
	size_t full = pages->nr_frames * percent / 100, nr_ops = 0;

	for (int round = 0; round < 10; round++) {
		for (; pages->nr < full; nr_ops++)
			get_page(pages);
		for (; pages->nr > full / 2; nr_ops++)
			put_random(pages);
		for (size_t i = pages->nr / 5; i; i--, nr_ops += 2) {
			put_random(pages);
			get_page(pages);
		}
	}
	for (; pages->nr > full / 8; nr_ops += 3) {
		put_random(pages);
		put_random(pages);
		get_page(pages);
	}
	return nr_ops;
}

/* Pageblocks without a held page, as a share of those that perfect packing would leave. */
static double huge_share(const struct pages *pages)
{
	size_t nr_pageblocks = pages->nr_frames / 512, nr_empty = 0;
	bool *has_page = calloc(nr_pageblocks, sizeof(*has_page));

	if (!has_page)
		abort();
	for (size_t i = 0; i < pages->nr; i++)
		has_page[pages->w->page[0][i] >> 21] = true;
	for (size_t i = 0; i < nr_pageblocks; i++)
		nr_empty += !has_page[i];
	free(has_page);
	return (double)nr_empty / (double)(nr_pageblocks - (pages->nr + 511) / 512);
}

struct swing_case {
	const char *name;
	size_t percent;
	struct bench_counter_bar bar;
};

static void run_swing(struct bench *b, const void *arg)
{
	const struct swing_case *c = arg;
	double share = 0, nr_ops = 0, nr_turns = 0, ns = 0;
	struct world *w = &world;

	while (bench_keep_running(b, 1)) {
		struct pages pages = { .w = w, .nr_frames = GIB >> 12, .seed = 4242 };
		double start;

		bench_pause(b);
		if (world_init(w, GIB, 1, 0, pages.nr_frames)) {
			bench_fail(b, "no memory");
			return;
		}
		bench_resume(b);
		start = thread_ns();
		nr_ops += (double)swing(&pages, c->percent);
		ns += thread_ns() - start;
		bench_pause(b);
		share += huge_share(&pages);
		nr_turns++;
		put_many(w, 0, 0, pages.nr, w->page[0]);
		world_exit(w);
		bench_resume(b);
	}
	bench_counter(b, "ns_per_op", ns / nr_ops);
	bench_counter(b, "huge_share", share / nr_turns);
	bench_bar_counters(b, &c->bar, 1);
}

#define NR_CLASSES 65536 /* cycles; what takes longer is in the last */

/* The processor's own clock: what a single operation takes is too little for any other. */
static uint64_t cycles(void)
{
#if defined(__x86_64__)
	uint64_t now;

	__builtin_ia32_lfence();
	now = __builtin_ia32_rdtsc();
	__builtin_ia32_lfence();
	return now;
#else
	return (uint64_t)thread_ns();
#endif
}

static void count_cycles(uint32_t *histogram, uint64_t took)
{
	histogram[took < NR_CLASSES ? took : NR_CLASSES - 1]++;
}

/* What all but one in 10,000 took at most. */
static double p9999(const uint32_t *histogram)
{
	uint64_t nr = 0, below = 0;
	size_t i = 0;

	for (size_t k = 0; k < NR_CLASSES; k++)
		nr += histogram[k];
	while (i < NR_CLASSES - 1 && (below += histogram[i]) < nr - nr / 10000)
		i++;
	return (double)i;
}

/*
 * Random pages are freed, and pages allocated, each timed, in memory that is 90 % full: by turns,
 * or as a coin says, so that caches run full and dry.
 */
struct tail_case {
	const char *name;
	bool by_turns;
};

static void run_tail(struct bench *b, const void *arg)
{
	static const struct bench_counter_bar bars[] = { { "p9999_get", false, 600 },
							 { "p9999_put", false, 1000 } };
	static uint32_t get[NR_CLASSES], put[NR_CLASSES];
	const struct tail_case *c = arg;
	struct world *w = &world;
	struct pages pages = { .w = w, .nr_frames = GIB >> 12, .seed = 99 };
	size_t full = pages.nr_frames / 10 * 9, span = pages.nr_frames / 100;
	uint64_t start;

	if (world_init(w, GIB, 1, 0, pages.nr_frames)) {
		bench_fail(b, "no memory");
		return;
	}
	memset(get, 0, sizeof(get));
	memset(put, 0, sizeof(put));
	while (pages.nr < pages.nr_frames)
		get_page(&pages);
	while (pages.nr > full)
		put_random(&pages);
	while (bench_keep_running(b, 100000))
		for (size_t i = 0; i < 100000; i++) {
			bool gets = c->by_turns ? i & 1 : next_random(&pages.seed) & 1;

			if (pages.nr > full + span || (!gets && pages.nr > full - span)) {
				pt_pa_t pa = take_random(&pages);

				start = cycles();
				if (pt_free_pages(w->zone, w->cache[0], pa, 0))
					abort();
				count_cycles(put, cycles() - start);
			} else {
				start = cycles();
				get_page(&pages);
				count_cycles(get, cycles() - start);
			}
		}
	bench_counter(b, "p9999_get", p9999(get));
	bench_counter(b, "p9999_put", p9999(put));
	if (c->by_turns)
		bench_bar_counters(b, bars, 2);
	put_many(w, 0, 0, pages.nr, w->page[0]);
	world_exit(w);
}

#define MOST_NS(ns) { { "ns_per_op", false, ns } }

static const struct bulk bulks[] = {
	{ .name = "alloc_bulk/o0", .bytes = GIB, .nr = 98304, .times_get = true,
	  .bars = { MOST_NS(12), MOST_NS(35) } },
	{ .name = "free_bulk/o0", .bytes = GIB, .nr = 98304,
	  .bars = { MOST_NS(8), MOST_NS(28) } },
	{ .name = "alloc_bulk/o9", .order = 9, .bytes = 4 * GIB, .nr = 768, .times_get = true,
	  .bars = { MOST_NS(10) } },
	{ .name = "free_bulk/o9", .order = 9, .bytes = 4 * GIB, .nr = 768,
	  .bars = { MOST_NS(9) } },
	{ .name = "shuffled_free/o0", .bytes = GIB, .nr = 98304, .shuffles = true,
	  .bars = { { { 0 } },
		    { { "ns_per_op", false, 74 }, { "ns_per_get", false, 33 } } } },
};

static const struct swing_case swings[] = {
	{ "swing/50", 50, { "huge_share", true, 0.53 } },
	{ "swing/90", 90, { "huge_share", true, 0.11 } },
};

static const struct tail_case tails[] = {
	{ "tail/90", true },
	{ "tail/90/runs", false },
};

void bench_register_all(void)
{
	for (unsigned int nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads++) {
		for (size_t i = 0; i < sizeof(bulks) / sizeof(bulks[0]); i++)
			bench_register_threads(bulks[i].name, run_bulk, &bulks[i], nr_threads);
		bench_register_threads("repeat/o0", run_repeat, NULL, nr_threads);
	}
	for (size_t i = 0; i < sizeof(swings) / sizeof(swings[0]); i++)
		bench_register(swings[i].name, run_swing, &swings[i]);
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
		bench_register(tails[i].name, run_tail, &tails[i]);
}
