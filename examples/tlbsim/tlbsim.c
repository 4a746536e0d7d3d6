/* SPDX-License-Identifier: MIT */
/*
 * tlbsim - send a trace of addresses through TLBs and count what misses; or perform a trace of
 * events on a machine and count what is flushed. tlbsim.h says which file does what.
 */
#define _POSIX_C_SOURCE 200809L

#include "tlbsim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 65536

void sim_die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	va_start(args, format);
	fputs("tlbsim: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

void sim_flush(void)
{
	if (fflush(stdout) || ferror(stdout))
		sim_die("standard output: %s", strerror(errno));
}

/* Only people at a terminal wait. */
void sim_progress(const char *what, uint64_t done, uint64_t of)
{
	static bool shown;

	if (what && !isatty(STDERR_FILENO))
		return;
	if (!what && shown)
		fputs("\r\033[K", stderr);
	else if (what && of)
		fprintf(stderr, "\r\033[K%s: %d %%", what, (int)(done * 100 / of));
	else if (what)
		fprintf(stderr, "\r\033[K%s: %llu", what, (unsigned long long)done);
	shown = what != NULL;
}

/* Every few blocks is often enough. */
static void show_progress(const struct sim_trace *trace, unsigned long pass,
			  const struct sim_options *options, uint64_t nr_blocks)
{
	int percent = sim_trace_percent(trace);
	char what[64];

	if (nr_blocks % 64)
		return;
	snprintf(what, sizeof(what), "pass %lu of %lu", pass, options->passes);
	if (percent < 0)
		sim_progress(what, nr_blocks * BLOCK, 0);
	else
		sim_progress(what, (uint64_t)percent, 100);
}

/* Every page is mapped, and of the same size. */
static void run_block(struct pt_tlb *tlb, unsigned int page_lg2, const uint64_t *va, size_t nr)
{
	struct pt_tlb_fill fill = { .size_lg2 = page_lg2 };

	for (size_t i = 0; i < nr; i++) {
		if (pt_tlb_lookup(tlb, PT_TLB_USE_DATA, va[i]))
			continue;
		fill.pa = va[i] >> page_lg2 << page_lg2;
		(void)pt_tlb_fill(tlb, PT_TLB_USE_DATA, va[i], &fill);
	}
}

static void run(const struct sim_options *options, struct pt_tlb *tlbs[])
{
	static uint64_t block[BLOCK];
	struct sim_trace *trace =
		sim_trace_open(options->path, options->format, options->passes > 1);
	uint64_t nr_blocks = 0;
	size_t nr;

	for (unsigned long pass = 1; pass <= options->passes; pass++) {
		if (pass > 1)
			sim_trace_rewind(trace);
		while ((nr = sim_trace_read(trace, block, BLOCK)) > 0) {
			for (size_t i = 0; i < options->nr_shapes; i++)
				run_block(tlbs[i], options->page_lg2, block, nr);
			show_progress(trace, pass, options, ++nr_blocks);
		}
	}
	sim_progress(NULL, 0, 0);
	sim_trace_close(trace);
}

static void simulate_addresses(const struct sim_options *options)
{
	struct pt_tlb_stats stats[SIM_MAX];
	struct pt_tlb *tlbs[SIM_MAX];

	for (size_t i = 0; i < options->nr_shapes; i++) {
		int err = pt_tlb_create(&tlbs[i], &options->shapes[i].cfg);

		if (err)
			sim_die("%s: %s", options->shapes[i].label, pt_strerror(err));
	}
	run(options, tlbs);
	for (size_t i = 0; i < options->nr_shapes; i++) {
		pt_tlb_stats(tlbs[i], &stats[i]);
		pt_tlb_destroy(tlbs[i]);
	}
	if (options->reach)
		sim_reach_report(options, stats);
	else
		sim_report(options, stats);
}

/* Returns whether the checker found nothing. */
static bool simulate_events(const struct sim_options *options)
{
	static struct sim_figures figures[SIM_MAX];
	struct sim_events events;
	bool good = true;

	sim_events_read(&events, options->path);
	if (options->sweep) {
		sim_sweep(options, &events);
	} else {
		for (size_t i = 0; i < options->nr_shapes; i++) {
			sim_run_events(&options->machine, &options->shapes[i], &events, &figures[i],
				       NULL, true);
			good &= !figures[i].check.reports;
		}
		sim_report_events(options, figures);
	}
	sim_events_free(&events);
	return good;
}

int main(int argc, char **argv)
{
	static struct sim_options options;
	bool good = true;

	sim_options_parse(&options, argc, argv);
	if (options.format == SIM_EVENTS)
		good = simulate_events(&options);
	else
		simulate_addresses(&options);
	free(options.ceilings);
	free(options.batches);
	sim_flush();
	return good ? 0 : 1;
}
