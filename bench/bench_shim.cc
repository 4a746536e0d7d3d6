// SPDX-License-Identifier: MIT
// bench.h over Google Benchmark, and main(). Works with libbenchmark 1.7 (Debian 12) and later.
#include "bench.h"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>

#include <benchmark/benchmark.h>

static std::atomic<bool> failed;
// --once: one turn of each loop. The syntax of --benchmark_min_time varies by version.
static bool once;

static benchmark::State &state(struct bench *b)
{
	return *reinterpret_cast<benchmark::State *>(b);
}

static const benchmark::State &state(const struct bench *b)
{
	return *reinterpret_cast<const benchmark::State *>(b);
}

bool bench_is_trial(void)
{
	return once;
}

void bench_register_threads(const char *name, void (*fn)(struct bench *b, const void *arg),
			    const void *arg, unsigned int nr_threads)
{
	auto *bm = benchmark::RegisterBenchmark(name, [fn, arg](benchmark::State &s) {
		fn(reinterpret_cast<struct bench *>(&s), arg);
	});

	bm->UseRealTime();
	bm->Unit(benchmark::kNanosecond);
	if (nr_threads)
		bm->Threads(static_cast<int>(nr_threads));
	if (once)
		bm->Iterations(1);
}

void bench_register(const char *name, void (*fn)(struct bench *b, const void *arg), const void *arg)
{
	bench_register_threads(name, fn, arg, 0);
}

unsigned int bench_thread(const struct bench *b)
{
	return static_cast<unsigned int>(state(b).thread_index());
}

unsigned int bench_nr_threads(const struct bench *b)
{
	return static_cast<unsigned int>(state(b).threads());
}

bool bench_keep_running(struct bench *b, size_t batch)
{
	return state(b).KeepRunningBatch(static_cast<benchmark::IterationCount>(batch));
}

void bench_pause(struct bench *b)
{
	state(b).PauseTiming();
}

void bench_resume(struct bench *b)
{
	state(b).ResumeTiming();
}

void bench_counter_per_op(struct bench *b, const char *name, double total)
{
	state(b).counters[name] = benchmark::Counter(total, benchmark::Counter::kAvgIterations);
}

void bench_counter(struct bench *b, const char *name, double value)
{
	state(b).counters[name] = benchmark::Counter(value, benchmark::Counter::kAvgThreads);
}

// The label is the one free text that reaches the report.
void bench_bar(struct bench *b, const char *limit, double ratio, double plus_ns)
{
	char label[256];

	std::snprintf(label, sizeof(label), "<= %g x %s + %g ns", ratio, limit ? limit : "nothing",
		      plus_ns);
	state(b).SetLabel(label);
}

// Three words each.
void bench_bar_counters(struct bench *b, const struct bench_counter_bar *bars, size_t nr)
{
	std::string label;
	char bar[128];

	for (size_t i = 0; i < nr; i++) {
		std::snprintf(bar, sizeof(bar), "%s%s %s %g", i ? " " : "", bars[i].name,
			      bars[i].at_least ? ">=" : "<=", bars[i].bound);
		label += bar;
	}
	state(b).SetLabel(label);
}

void bench_fail(struct bench *b, const char *why)
{
	failed = true;
	state(b).SkipWithError(why);
}

int main(int argc, char **argv)
{
	int kept = 1;

	for (int i = 1; i < argc; i++) {
		if (!std::strcmp(argv[i], "--once"))
			once = true;
		else
			argv[kept++] = argv[i];
	}
	argc = kept;
	argv[argc] = nullptr;

	benchmark::Initialize(&argc, argv);
	benchmark::AddCustomContext("c_compiler", BENCH_COMPILER);
	benchmark::AddCustomContext("c_flags", BENCH_FLAGS);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 2;
	bench_register_all();
	if (!benchmark::RunSpecifiedBenchmarks())
		failed = true; // nothing matched the filter
	benchmark::Shutdown();
	return failed ? 1 : 0;
}
