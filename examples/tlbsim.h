/* SPDX-License-Identifier: MIT */
/*
 * tlbsim, in parts:
 *
 *	tlbsim.c          the simulation, main()
 *	tlbsim_options.c  the command line
 *	tlbsim_trace.c    addresses from files and pipes
 *	tlbsim_report.c   what is printed
 */
#ifndef TLBSIM_H
#define TLBSIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptlib/ptlib.h>

#define SIM_MAX 32 /* TLBs side by side */

enum sim_format { SIM_U64, SIM_LACKEY };

/* One TLB: as --l1, --l2 and --policy say, or a profile's. */
struct sim_shape {
	char label[64]; /* "64x4:1536x12:lru", "zen4" */
	struct pt_tlb_cfg cfg;
	bool has_l2;
};

struct sim_options {
	enum sim_format format;
	unsigned long passes;
	bool json, compare;
	struct sim_shape shapes[SIM_MAX];
	size_t nr_shapes;
	const char *path; /* "-": standard input */
};

/* Prints a line and ends the program with status 2: usage, or input that cannot be used. */
_Noreturn void sim_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

void sim_options_parse(struct sim_options *options, int argc, char **argv);

struct sim_trace;

/* @again: it will be read more than once. */
struct sim_trace *sim_trace_open(const char *path, enum sim_format format, bool again);
/* Returns how many addresses of the next data accesses it wrote to @va; 0 at the end. */
size_t sim_trace_read(struct sim_trace *trace, uint64_t *va, size_t max);
/* Starts again at the first. */
void sim_trace_rewind(struct sim_trace *trace);
/* How much of a pass has been read, in percent; -1: who knows. */
int sim_trace_percent(const struct sim_trace *trace);
void sim_trace_close(struct sim_trace *trace);

void sim_report(const struct sim_options *options, const struct pt_tlb_stats stats[]);

#endif /* TLBSIM_H */
