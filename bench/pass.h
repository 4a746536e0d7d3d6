/* SPDX-License-Identifier: MIT */
/*
 * pass.h - a benchmark as passes over the window, an operation being one base
 * page; each such benchmark runs on every format, as "<name>/<format>".
 */
#ifndef BENCH_PASS_H
#define BENCH_PASS_H

#include "fixture.h"

/* All functions return as those of fixture.h; a failure ends the benchmark. */
struct pass {
	const char *name;
	int (*run)(struct fixture *fx);     /* what is timed: WINDOW_PAGES operations */
	int (*init)(struct fixture *fx);    /* once; NULL: an empty table will do */
	int (*prepare)(struct fixture *fx); /* before each run, the clock stopped; NULL: nothing */
	bool nested;                        /* only x86_64 and arm64_4k, which have two stages */
	enum pt_mode mode;                  /* 0 is PT_MODE_PRIVATE: exclusive, no readers */

	/* The bar: ratio times the median of "<limit>/<format>", plus plus_ns; all 0: none. */
	const char *limit;
	double ratio, plus_ns;
};

/* Registers each of the @nr passes on each format; @passes must stay valid. */
void pass_register(const struct pass *passes, size_t nr);

#endif /* BENCH_PASS_H */
