/* SPDX-License-Identifier: MIT */
/* The loop around a pass. */
#include "pass.h"

#include <stdio.h>

#include "bench.h"

#define NR_MAX 64 /* passes of a program times formats */

struct pass_case {
	const struct pass *pass;
	const struct fmt_case *fmt;
};

static int timed_passes(struct bench *b, const struct pass *pass, struct fixture *fx)
{
	int err = pass->init ? pass->init(fx) : 0;

	while (!err && bench_keep_running(b, WINDOW_PAGES)) {
		if (pass->prepare) {
			bench_pause(b);
			err = pass->prepare(fx);
			bench_resume(b);
		}
		if (!err)
			err = pass->run(fx);
		fx->turn++;
	}
	return err;
}

static void run_case(struct bench *b, const void *arg)
{
	const struct pass_case *c = arg;
	struct fixture fx;
	char limit[64];
	int err = fixture_init(&fx, c->fmt, c->pass->mode);

	if (!err) {
		err = timed_passes(b, c->pass, &fx);
		fixture_exit(&fx);
	}
	if (err) {
		bench_fail(b, pt_strerror(err));
		return;
	}
	if (c->pass->ratio > 0) {
		snprintf(limit, sizeof(limit), "%s/%s", c->pass->limit, c->fmt->name);
		bench_bar(b, limit, c->pass->ratio, c->pass->plus_ns);
	} else if (c->pass->plus_ns > 0) {
		bench_bar(b, NULL, 0, c->pass->plus_ns);
	}
}

void pass_register(const struct pass *passes, size_t nr)
{
	static struct pass_case cases[NR_MAX * NR_FMT_CASES];
	static size_t nr_cases;

	for (size_t i = 0; i < nr; i++) {
		for (size_t k = 0; k < NR_FMT_CASES; k++) {
			struct pass_case *c = &cases[nr_cases];
			char name[64];

			if (passes[i].nested && fmt_cases[k].fmt != PT_FMT_X86_64 &&
			    fmt_cases[k].fmt != PT_FMT_ARM64_4K)
				continue;
			if (nr_cases++ == sizeof(cases) / sizeof(cases[0]))
				return;
			*c = (struct pass_case){ &passes[i], &fmt_cases[k] };
			snprintf(name, sizeof(name), "%s/%s", passes[i].name, fmt_cases[k].name);
			bench_register(name, run_case, c);
		}
	}
}
