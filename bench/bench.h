/* SPDX-License-Identifier: MIT */
/*
 * bench.h - Google Benchmark for C; bench_shim.cc is the only C++ here and owns main().
 *
 *	static void map_one(struct bench *b, const void *arg)
 *	{
 *		const struct fmt_case *fmt = arg;
 *
 *		... set up; bench_fail(b, "why") and return if that fails ...
 *		while (bench_keep_running(b, BATCH))
 *			... BATCH operations ...
 *		bench_counter_per_op(b, "flushes", nr_flushes);
 *		bench_bar(b, "limit_store_words/x86_64", 2.0, 0);
 *		... tear down ...
 *	}
 *
 *	void bench_register_all(void)
 *	{
 *		bench_register("map_one/x86_64", map_one, &x86_64_case);
 *	}
 *
 * Times are nanoseconds per operation; the report uses the thread's CPU time, on several threads
 * the wall's. The function runs several times per report, with growing loop counts; what it sets
 * up, it tears down.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench; /* a benchmark::State */

/* Each benchmark program defines this; it registers all its benchmarks. */
void bench_register_all(void);

/* Whether all run once, to see that they work (--once): what takes long to set up may be small. */
bool bench_is_trial(void);

/*
 * Runs @fn as the benchmark @name, on one thread. @name is copied and appears as it is in reports,
 * e.g. "map_one/x86_64"; @arg is passed through and must stay valid until the program ends.
 */
void bench_register(const char *name, void (*fn)(struct bench *b, const void *arg),
		    const void *arg);

/*
 * The same on @nr_threads threads at once, reported as "@name/threads:N". They start and end the
 * loop together; set-up that all share belongs to thread 0, before its first
 * bench_keep_running(), and tear-down to thread 0 after its last.
 */
void bench_register_threads(const char *name, void (*fn)(struct bench *b, const void *arg),
			    const void *arg, unsigned int nr_threads);
unsigned int bench_thread(const struct bench *b);
unsigned int bench_nr_threads(const struct bench *b);

/*
 * True while the loop should go on; counts @batch operations a turn. One call across the language
 * border per batch, so take 1,000 or so: the border is not what is timed.
 */
bool bench_keep_running(struct bench *b, size_t batch);

/* Stops and restarts the clock inside the loop. A pair costs about 1 us: once per batch at most. */
void bench_pause(struct bench *b);
void bench_resume(struct bench *b);

/* Reports @total divided by the operations counted, e.g. TLB flushes per map. After the loop. */
void bench_counter_per_op(struct bench *b, const char *name, double total);
/* Reports @value as it is, e.g. table pages in use. After the loop. */
void bench_counter(struct bench *b, const char *name, double value);

/*
 * Holds this benchmark to at most @ratio times the median of @limit, a benchmark of the same
 * program, plus @plus_ns. NULL and 0 for @limit and @ratio: to @plus_ns alone. report.sh prints
 * the verdict. After the loop.
 */
void bench_bar(struct bench *b, const char *limit, double ratio, double plus_ns);

/* A counter that is to be at most, or at least, @bound. */
struct bench_counter_bar {
	const char *name;
	bool at_least;
	double bound;
};

/* Holds counters instead of the time: once a benchmark, by one of its threads. After the loop. */
void bench_bar_counters(struct bench *b, const struct bench_counter_bar *bars, size_t nr);

/* Ends this benchmark with an error; the program will exit with 1. */
void bench_fail(struct bench *b, const char *why);

/* Makes the compiler compute the scalar @x; costs nothing at run time. */
#define bench_use(x) __asm__ volatile("" : : "r"(x))
/* Makes the compiler believe that everything @p points to is read and written here. */
#define bench_escape(p) __asm__ volatile("" : : "r"(p) : "memory")

#ifdef __cplusplus
}
#endif
#endif /* BENCH_H */
