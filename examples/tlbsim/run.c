/* SPDX-License-Identifier: MIT */
/* Events performed, one after the other, on a machine of their own. */
#include "tlbsim.h"

#include <stdio.h>

#define MAX_TRIES 10 /* of an access, with a fault handled after each */

static _Noreturn void fail(const struct sim_system *system, const struct sim_event *event,
			   const char *why)
{
	sim_die("%s:%lu: %s: %s", system->where, event->line,
		sim_event_name((enum sim_event_kind)event->kind), why);
}

static void must(const struct sim_system *system, const struct sim_event *event, int err)
{
	if (err == -ENOMEM)
		fail(system, event, "out of memory; --memory gives more");
	if (err)
		fail(system, event, pt_strerror(err));
}

static struct sim_process *running(const struct sim_system *system, const struct sim_event *event)
{
	unsigned int cpu = pt_cpu_number(system->cpu);

	if (!system->runs[cpu])
		fail(system, event, "this CPU runs no process");
	if (system->lazy[cpu])
		fail(system, event, "this CPU runs a kernel thread");
	return system->runs[cpu];
}

static void perform_switch(struct sim_system *system, const struct sim_event *event)
{
	struct sim_process *process = sim_process_at(system, event->number);
	unsigned int cpu = pt_cpu_number(system->cpu);

	must(system, event, pt_cpu_switch(system->cpu, process->space));
	system->runs[cpu] = process;
	system->lazy[cpu] = false;
}

static void perform_lazy(struct sim_system *system, const struct sim_event *event)
{
	(void)running(system, event);
	must(system, event, pt_cpu_enter_lazy(system->cpu));
	system->lazy[pt_cpu_number(system->cpu)] = true;
}

static void perform_map(struct sim_system *system, const struct sim_event *event)
{
	const struct pt_mm_area want = {
		.first = event->va,
		.last = event->va + event->len - 1,
		.kind = PT_MM_ANON,
		.flags = event->how,
		.node = PT_MM_ANY_NODE,
	};

	must(system, event, pt_mm_map(running(system, event)->mm, &want));
}

static void perform_fork(struct sim_system *system, const struct sim_event *event)
{
	struct sim_process *parent = running(system, event);

	if (system->processes[event->number])
		fail(system, event, "there is such a process");
	sim_process_fork(system, parent, event->number);
}

static void perform_exit(struct sim_system *system, const struct sim_event *event)
{
	if (!system->processes[event->number])
		fail(system, event, "there is no such process");
	sim_process_exit(system, event->number);
}

static void access_once(struct sim_system *system, const struct sim_event *event, struct pt_mm *mm,
			pt_va_t va)
{
	const struct pt_access access = {
		.kind = (enum pt_access_kind)event->how,
		.size = 1,
		.priv = pt_pgtable_fmt(pt_mm_pgtable(mm))->fmt == PT_FMT_X86_64 ? 3 : 0,
	};

	for (unsigned int i = 0; i < MAX_TRIES; i++) {
		enum pt_mm_verdict verdict;
		struct pt_access_result result;
		int err = pt_cpu_access(system->cpu, va, &access, &result);

		if (!err)
			return;
		if (err < 0)
			must(system, event, err);
		if (result.fault.kind == PT_FAULT_GP) /* x86: an address that is not canonical */
			verdict = PT_VERDICT_SEGV_MAPERR;
		else
			must(system, event, pt_mm_fault_hw(mm, &result.fault, &verdict));
		if (verdict > PT_VERDICT_SPURIOUS) {
			system->figures->segv++;
			return;
		}
		system->figures->minor_faults += verdict == PT_VERDICT_MINOR;
	}
	fail(system, event, "it faults over and over");
}

static void perform_access(struct sim_system *system, const struct sim_event *event)
{
	struct pt_mm *mm = running(system, event)->mm;

	for (uint64_t i = 0; i < event->len; i++)
		access_once(system, event, mm, event->va + i * event->stride);
}

static void perform(struct sim_system *system, const struct sim_event *event)
{
	system->line = event->line;
	switch ((enum sim_event_kind)event->kind) {
	case SIM_CPU:
		if (event->number >= pt_machine_nr_cpus(system->machine))
			fail(system, event, "--cpus says that there are fewer");
		sim_system_enter(system, event->number);
		break;
	case SIM_SWITCH:
		perform_switch(system, event);
		break;
	case SIM_LAZY:
		perform_lazy(system, event);
		break;
	case SIM_MAP:
		perform_map(system, event);
		break;
	case SIM_UNMAP:
		must(system, event,
		     pt_mm_unmap(running(system, event)->mm, event->va, event->len));
		break;
	case SIM_PROTECT:
		must(system, event,
		     pt_mm_protect(running(system, event)->mm, event->va, event->len, event->how));
		break;
	case SIM_FORK:
		perform_fork(system, event);
		break;
	case SIM_EXIT:
		perform_exit(system, event);
		break;
	case SIM_ACCESS:
		perform_access(system, event);
		break;
	case SIM_FORGET:
		system->forget = true;
		return;
	case SIM_EVENT_NR:
		break;
	}
	system->forget = false;
}

static void tell(void *ctx, const struct pt_check_report *report)
{
	const struct sim_system *system = ctx;
	char text[1024];

	sim_progress(NULL, 0, 0);
	fflush(stdout);
	(void)pt_check_report_text(report, text, sizeof(text));
	fprintf(stderr, "%s:%lu: %s", system->where, system->line, text);
}

/* Of all CPUs, loads and stores as well as fetches. */
static void add_tlbs(const struct sim_system *system, struct sim_figures *figures)
{
	for (unsigned int i = 0; i < pt_machine_nr_cpus(system->machine); i++) {
		struct pt_tlb_stats stats;

		pt_tlb_stats(pt_cpu_tlb(pt_machine_cpu(system->machine, i)), &stats);
		for (unsigned int use = PT_TLB_USE_DATA; use <= PT_TLB_USE_FETCH; use++) {
			figures->lookups += stats.lookups[use];
			figures->l1_misses += stats.misses[0][use];
			figures->l2_misses += stats.misses[1][use];
		}
	}
}

/* What the CPUs did until their first event is not the trace's. */
static void subtract(struct pt_cpu_stats *stats, const struct pt_cpu_stats *before)
{
	uint64_t *figure = (uint64_t *)stats;

	for (size_t i = 0; i < sizeof(*stats) / sizeof(*figure); i++)
		figure[i] -= ((const uint64_t *)before)[i];
}

void sim_run_events(const struct sim_machine *machine, const struct sim_shape *shape,
		    const struct sim_events *events, struct sim_figures *figures,
		    struct sim_sizes *sizes, bool progress)
{
	unsigned int nr_cpus = machine->nr_cpus ? machine->nr_cpus : events->nr_cpus;
	struct pt_cpu_stats before;
	struct sim_system system;

	*figures = (struct sim_figures){ .events = events->nr };
	sim_system_create(&system, machine, shape, nr_cpus);
	system.where = events->name;
	system.sizes = sizes;
	system.figures = figures;
	if (machine->check) {
		/* No CPU runs while it is told whom to tell. */
		pt_cpu_leave(system.cpu);
		system.cpu = NULL;
		if (pt_machine_set_checker(system.machine, PT_CHECK_WRONG, tell, &system))
			sim_die("the checker: no such kinds");
		sim_system_enter(&system, 0);
	}
	pt_machine_stats(system.machine, &before);
	for (size_t i = 0; i < events->nr; i++) {
		perform(&system, &events->at[i]);
		if (progress && !(i % 4096))
			sim_progress(shape->label, i, events->nr);
	}
	if (progress)
		sim_progress(NULL, 0, 0);
	pt_machine_stats(system.machine, &figures->cpu);
	subtract(&figures->cpu, &before);
	add_tlbs(&system, figures);
	pt_machine_check_stats(system.machine, &figures->check);
	/* What ends now is not the trace's. */
	system.sizes = NULL;
	system.forget = false;
	sim_system_destroy(&system);
}
