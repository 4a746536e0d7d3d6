/* SPDX-License-Identifier: MIT */
/*
 * tlbsim - send a trace of addresses through TLBs and count what misses. Every page is 4K and
 * mapped; tlbsim.h says which file does what.
 */
#define _POSIX_C_SOURCE 200809L

#include "tlbsim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 65536
#define PAGE_LG2 12

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

/* Only people at a terminal wait; every few blocks is often enough for them. */
static void show_progress(const struct sim_trace *trace, unsigned long pass,
			  const struct sim_options *options, uint64_t nr_blocks)
{
	int percent;

	if (nr_blocks % 64 || !isatty(STDERR_FILENO))
		return;
	percent = sim_trace_percent(trace);
	if (percent < 0)
		fprintf(stderr, "\rpass %lu of %lu: %llu M", pass, options->passes,
			(unsigned long long)(nr_blocks * BLOCK / 1000000));
	else
		fprintf(stderr, "\rpass %lu of %lu: %d %%", pass, options->passes, percent);
}

static void run_block(struct pt_tlb *tlb, const uint64_t *va, size_t nr)
{
	struct pt_tlb_fill fill = { .size_lg2 = PAGE_LG2 };

	for (size_t i = 0; i < nr; i++) {
		if (pt_tlb_lookup(tlb, PT_TLB_USE_DATA, va[i]))
			continue;
		fill.pa = va[i] >> PAGE_LG2 << PAGE_LG2;
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
				run_block(tlbs[i], block, nr);
			show_progress(trace, pass, options, ++nr_blocks);
		}
	}
	if (nr_blocks >= 64 && isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	sim_trace_close(trace);
}

int main(int argc, char **argv)
{
	static struct sim_options options;
	struct pt_tlb_stats stats[SIM_MAX];
	struct pt_tlb *tlbs[SIM_MAX];

	sim_options_parse(&options, argc, argv);
	for (size_t i = 0; i < options.nr_shapes; i++) {
		int err = pt_tlb_create(&tlbs[i], &options.shapes[i].cfg);

		if (err)
			sim_die("%s: %s", options.shapes[i].label, pt_strerror(err));
	}
	run(&options, tlbs);
	for (size_t i = 0; i < options.nr_shapes; i++) {
		pt_tlb_stats(tlbs[i], &stats[i]);
		pt_tlb_destroy(tlbs[i]);
	}
	sim_report(&options, stats);
	if (fflush(stdout) || ferror(stdout))
		sim_die("standard output: %s", strerror(errno));
	return 0;
}
