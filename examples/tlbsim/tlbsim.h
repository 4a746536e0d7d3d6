/* SPDX-License-Identifier: MIT */
/*
 * tlbsim, in parts:
 *
 *	tlbsim.c   addresses through TLBs, main()
 *	options.c  the command line
 *	shapes.c   TLBs from its words
 *	trace.c    addresses from files and pipes
 *	reach.c    misses against the memory that a TLB reaches
 *	events.c   the language of events
 *	system.c   a machine with processes
 *	run.c      events performed on it
 *	sweep.c    which ceiling and batch are best for a trace of events
 *	report.c   what is printed
 */
#ifndef TLBSIM_H
#define TLBSIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptlib/ptlib.h>

#define SIM_MAX 32 /* TLBs side by side */
#define SIM_MAX_PROCESSES 65536
#define SIM_PAGE UINT64_C(4096)
#define SIM_PAGE_LG2 12
#define SIM_MAX_PAGE_LG2 30
#define SIM_NO_CEILING UINT64_MAX
#define SIM_MAX_CEILING (UINT64_C(1) << 21) /* as many pages as arm64's ranges reach */
#define SIM_MAX_BATCH (UINT64_C(1) << 30)
#define SIM_MAX_MIB (UINT64_C(1) << 24)

/* Numbers are decimal or, behind 0x, hexadecimal: 010 is ten. */
static inline int sim_base(const char *number)
{
	return number[0] == '0' && (number[1] == 'x' || number[1] == 'X') ? 16 : 10;
}

/* Words that a walk of a page reads without paging-structure caches; x86_64's four levels. */
static inline unsigned int sim_walk_loads(unsigned int page_lg2)
{
	return 4 - (page_lg2 - SIM_PAGE_LG2) / 9;
}

/* Costs are in picoseconds, cycles are of 3 GHz. */
#define SIM_CYCLES(ps) ((ps)*3 / 1000)

enum sim_format { SIM_U64, SIM_LACKEY, SIM_EVENTS };

/* One TLB: as --l1, --l2 and --policy say, or a profile's. */
struct sim_shape {
	char label[64]; /* "64x4:1536x12:lru", "zen4" */
	struct pt_tlb_cfg cfg;
	bool has_l2;
	const struct pt_tlb_profile *profile; /* NULL: its costs are those of --arch */
};

/* What the machine under a trace of events is, beside its TLBs. */
struct sim_machine {
	unsigned int nr_cpus; /* 0: as many as the trace names */
	bool arm64, has_arch;
	uint64_t ceiling; /* pages flushed one by one; SIM_NO_CEILING: as Linux */
	uint64_t batch; /* pages that an unmap gathers before it flushes; 0: as many as there are */
	uint64_t load_ps; /* a table word read by a walk */
	enum pt_delivery delivery;
	uint64_t send_ps; /* one INVLPGB, or one RAR to one CPU */
	uint64_t memory_mib;
	bool has_send;
	unsigned int nr_pcids; /* x86_64 */
	bool has_pcids;
	bool no_ranges; /* arm64: without FEAT_TLBIRANGE */
	bool check;
};

struct sim_options {
	enum sim_format format;
	unsigned long passes;
	unsigned int page_lg2; /* of addresses */
	bool json, compare, sweep, reach;
	struct sim_shape shapes[SIM_MAX];
	size_t nr_shapes;
	struct sim_machine machine;
	uint64_t *batches; /* for the sweep; none: powers of two */
	size_t nr_batches;
	uint64_t *ceilings; /* likewise; none: all that differ */
	size_t nr_ceilings;
	const char *svg; /* a plot, or NULL */
	const char *path; /* "-": standard input */
};

/* Prints a line and ends the program with status 2: usage, or input that cannot be used. */
_Noreturn void sim_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Sees to it that what was printed has arrived; sim_die() if not. */
void sim_flush(void);
/* To people at a terminal who wait; @what is NULL at the end. */
void sim_progress(const char *what, uint64_t done, uint64_t of);

void sim_options_parse(struct sim_options *options, int argc, char **argv);

/* ---- TLBs ---- */

/* What --l1, --l2, --policy and --seed said, as text. */
struct sim_wanted {
	const char *l1, *l2, *policy;
	uint64_t seed;
};

void sim_add_levels(struct sim_options *options, const struct sim_wanted *wanted);
void sim_add_profile(struct sim_options *options, const struct pt_tlb_profile *profile);
void sim_add_compared(struct sim_options *options, char *list, const struct sim_wanted *wanted);
void sim_add_reach(struct sim_options *options, const struct sim_wanted *wanted);
_Noreturn void sim_list_profiles(void);

/* ---- addresses ---- */

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

void sim_reach_report(const struct sim_options *options, const struct pt_tlb_stats stats[]);

/* ---- events ---- */

enum sim_event_kind {
	SIM_CPU,
	SIM_SWITCH,
	SIM_LAZY,
	SIM_MAP,
	SIM_UNMAP,
	SIM_PROTECT,
	SIM_FORK,
	SIM_EXIT,
	SIM_ACCESS,
	SIM_FORGET,
	SIM_EVENT_NR,
};

struct sim_event {
	unsigned long line;
	uint64_t va;
	uint64_t len; /* bytes; ACCESS: how many */
	uint64_t stride; /* ACCESS */
	uint32_t number; /* CPU, or process */
	uint8_t kind; /* enum sim_event_kind */
	uint8_t how; /* PT_MM_READ, ...; ACCESS: enum pt_access_kind */
};

struct sim_events {
	const char *name; /* of the file, for messages */
	struct sim_event *at;
	size_t nr;
	unsigned int nr_cpus; /* that are named; 1 at least */
};

extern const char sim_events_help[];
const char *sim_event_name(enum sim_event_kind kind);
void sim_events_read(struct sim_events *events, const char *path);
void sim_events_free(struct sim_events *events);

/* How many pages requests to flush asked for: each number once, ascending. */
struct sim_sizes {
	uint64_t *at;
	size_t nr, capacity;
};

/* What came of a trace of events. */
struct sim_figures {
	struct pt_cpu_stats cpu; /* of all CPUs together */
	uint64_t lookups, l1_misses, l2_misses;
	uint64_t events, minor_faults, segv;
	uint64_t forgotten; /* flushes */
	struct pt_check_stats check;
};

/* @sizes: NULL, or initialised. Progress is shown if @progress. */
void sim_run_events(const struct sim_machine *machine, const struct sim_shape *shape,
		    const struct sim_events *events, struct sim_figures *figures,
		    struct sim_sizes *sizes, bool progress);
/* The costs that a shape has on @machine. */
const struct pt_tlb_profile *sim_profile_of(const struct sim_machine *machine,
					    const struct sim_shape *shape);
void sim_sweep(const struct sim_options *options, const struct sim_events *events);

/* ---- the system under events ---- */

struct sim_process {
	struct sim_system *system;
	struct pt_space *space;
	struct pt_mm *mm;
	struct pt_flush_ops flush; /* in front of the space's */
};

struct sim_system {
	const struct sim_machine *cfg;
	const char *where; /* the trace's name */
	unsigned long line; /* of the event that is being performed */
	struct pt_phys *phys;
	struct pt_zone *zone;
	struct pt_zone_source source; /* tables of the kernel's space */
	struct pt_world *world;
	struct pt_machine *machine;
	struct pt_pgtable *kernel;
	struct pt_cpu *cpu; /* that this thread runs */
	struct sim_process **processes; /* SIM_MAX_PROCESSES of them, or NULL */
	struct sim_process **runs; /* by CPU; NULL: none */
	bool *lazy; /* by CPU */
	bool forget;
	bool counts_pages; /* the policy, of a request: arm64 with ranges; else strides */
	struct sim_sizes *sizes;
	struct sim_figures *figures;
};

void sim_system_create(struct sim_system *system, const struct sim_machine *cfg,
		       const struct sim_shape *shape, unsigned int nr_cpus);
void sim_system_destroy(struct sim_system *system);
/* This thread runs CPU @number instead of the one before. */
void sim_system_enter(struct sim_system *system, unsigned int number);
/* Process @number, made if there is none. */
struct sim_process *sim_process_at(struct sim_system *system, uint32_t number);
void sim_process_fork(struct sim_system *system, struct sim_process *parent, uint32_t number);
void sim_process_exit(struct sim_system *system, uint32_t number);

/* ---- what is printed ---- */

void sim_report(const struct sim_options *options, const struct pt_tlb_stats stats[]);
void sim_report_events(const struct sim_options *options, const struct sim_figures figures[]);

#endif /* TLBSIM_H */
