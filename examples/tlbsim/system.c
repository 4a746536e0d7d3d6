/* SPDX-License-Identifier: MIT */
/* A machine with processes, under a trace of events: made, and given up. */
#include "tlbsim.h"

#include <stdlib.h>

#define BIT(n) (UINT64_C(1) << (n))

static void must(const struct sim_system *system, const char *what, int err)
{
	if (!err)
		return;
	if (system->line)
		sim_die("%s:%lu: %s: %s", system->where, system->line, what, pt_strerror(err));
	sim_die("%s: %s", what, pt_strerror(err));
}

static void *some(const struct sim_system *system, size_t nr, size_t size)
{
	void *memory = calloc(nr, size);

	if (!memory)
		must(system, "the machine", -ENOMEM);
	return memory;
}

/* ---- flushes on their way to the machine ---- */

static void note_size(struct sim_sizes *sizes, uint64_t size)
{
	size_t at = sizes->nr;

	while (at && sizes->at[at - 1] >= size)
		if (sizes->at[--at] == size)
			return;
	if (sizes->nr == sizes->capacity) {
		sizes->capacity = sizes->capacity ? 2 * sizes->capacity : 64;
		sizes->at = realloc(sizes->at, sizes->capacity * sizeof(*sizes->at));
		if (!sizes->at)
			sim_die("no memory for the sizes of flushes");
	}
	for (size_t i = sizes->nr++; i > at; i--)
		sizes->at[i] = sizes->at[i - 1];
	sizes->at[at] = size;
}

/* What the policy holds against the ceiling: whole strides, by the page or each as one. */
static uint64_t size_of(const struct sim_system *system, pt_va_t first, pt_va_t last,
			unsigned int stride_lg2)
{
	uint64_t strides = (last >> stride_lg2) - (first >> stride_lg2) + 1;

	return system->counts_pages ? strides << stride_lg2 >> 12 : strides;
}

/* Whether it is to be performed. */
static bool goes_on(struct sim_process *process, pt_va_t first, pt_va_t last,
		    unsigned int stride_lg2)
{
	struct sim_system *system = process->system;

	if (system->forget) {
		system->figures->forgotten++;
		return false;
	}
	if (system->sizes && first <= last)
		note_size(system->sizes, size_of(system, first, last, stride_lg2));
	return true;
}

static void flush_range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct sim_process *process = ctx;
	const struct pt_flush_ops *ops = pt_space_flush_ops(process->space);

	if (goes_on(process, first, last, stride_lg2))
		ops->range(ops->ctx, first, last, stride_lg2);
}

static void flush_all(void *ctx)
{
	struct sim_process *process = ctx;
	const struct pt_flush_ops *ops = pt_space_flush_ops(process->space);

	if (goes_on(process, 1, 0, 0)) /* it asks for no pages */
		ops->all(ops->ctx);
}

static void flush_tables(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct sim_process *process = ctx;
	const struct pt_flush_ops *ops = pt_space_flush_ops(process->space);

	if (goes_on(process, first, last, stride_lg2))
		ops->tables_freed(ops->ctx, first, last, stride_lg2);
}

/* ---- the machine ---- */

static const struct pt_tlb_profile *costs_of(bool arm64)
{
	return pt_tlb_profile_find(arm64 ? "neoverse-n1" : "skylake-sp");
}

const struct pt_tlb_profile *sim_profile_of(const struct sim_machine *machine,
					    const struct sim_shape *shape)
{
	return shape->profile ? shape->profile : costs_of(machine->arm64);
}

/*
 * With the ceiling that was asked for: beyond it a request becomes a flush of everything. Of
 * arm64 without ranges, MAX_DVM_OPS is the first number of operations that is too many.
 */
static void set_policy(struct pt_machine_cfg *cfg, const struct sim_machine *wanted)
{
	struct pt_machine_policy *policy = &cfg->policy;

	policy->delivery = wanted->delivery;
	policy->ranges = !wanted->no_ranges;
	if (wanted->has_pcids)
		policy->nr_pcids = wanted->nr_pcids;
	if (wanted->ceiling == SIM_NO_CEILING)
		return;
	policy->ceiling = (unsigned int)wanted->ceiling;
	policy->max_dvm_ops = (unsigned int)wanted->ceiling + 1;
	policy->max_range_pages = wanted->ceiling;
}

static void make_machine(struct sim_system *system, const struct sim_shape *shape,
			 unsigned int nr_cpus)
{
	const struct pt_tlb_profile *profile = sim_profile_of(system->cfg, shape);
	struct pt_machine_cfg cfg;

	pt_machine_cfg_init(&cfg, profile, nr_cpus);
	cfg.tlb = shape->cfg;
	/* What --l1 and --l2 describe serves fetches too. */
	for (unsigned int i = 0; !shape->profile && i < cfg.tlb.nr_parts; i++)
		cfg.tlb.parts[i].uses |= 1u << PT_TLB_USE_FETCH;
	cfg.costs.load = system->cfg->load_ps;
	if (system->cfg->delivery == PT_DELIVER_INVLPGB)
		cfg.costs.broadcast = system->cfg->send_ps;
	cfg.costs.action = system->cfg->send_ps;
	cfg.checked = system->cfg->check;
	set_policy(&cfg, system->cfg);
	must(system, "the machine", pt_machine_create(&system->machine, system->phys, &cfg));
}

/* What Linux has on: WP; SMEP, SMAP, PCIDs if any, global pages. */
static int load_x86(struct pt_cpu *cpu, const struct pt_pgtable *pt, bool pcids)
{
	struct pt_x86_regs regs = {
		.cr0 = BIT(16),
		.cr4 = BIT(21) | BIT(20) | (pcids ? BIT(17) : 0) | BIT(7),
	};
	int err = pt_x86_regs_select(&regs, pt_pgtable_fmt(pt), pt_pgtable_root(pt));

	return err ? err : pt_cpu_load_x86_64(cpu, &regs);
}

/* ASIDs of 16 bits: TCR_EL1. */
static int load_arm64(struct pt_cpu *cpu, const struct pt_pgtable *pt)
{
	struct pt_arm64_regs regs = { .tcr = BIT(36) };
	int err = pt_arm64_regs_select(&regs, pt_pgtable_fmt(pt), pt_pgtable_root(pt));

	return err ? err : pt_cpu_load_arm64(cpu, &regs);
}

/* An empty table for kernel threads, and each CPU in one. */
static void start_cpus(struct sim_system *system, const struct pt_fmt_cfg *fmt)
{
	struct pt_space *kernel = pt_machine_kernel(system->machine);
	bool pcids = !system->cfg->has_pcids || system->cfg->nr_pcids;
	struct pt_pgtable_cfg cfg = {
		.fmt = *fmt,
		.mode = PT_MODE_SHARED,
		.flush = pt_space_flush_ops(kernel),
	};

	system->source = (struct pt_zone_source){ .zone = system->zone };
	cfg.tables = pt_zone_table_ops(&system->source);
	must(system, "the kernel's table", pt_pgtable_create(&system->kernel, system->phys, &cfg));
	must(system, "the kernel's space", pt_space_set_table(kernel, system->kernel));
	for (unsigned int i = pt_machine_nr_cpus(system->machine); i--;) {
		struct pt_cpu *cpu = pt_machine_cpu(system->machine, i);

		must(system, "a CPU", pt_cpu_enter(cpu));
		must(system, "registers",
		     fmt->fmt == PT_FMT_X86_64 ? load_x86(cpu, system->kernel, pcids)
					       : load_arm64(cpu, system->kernel));
		must(system, "a switch", pt_cpu_switch(cpu, kernel));
		pt_cpu_leave(cpu);
	}
}

void sim_system_create(struct sim_system *system, const struct sim_machine *cfg,
		       const struct sim_shape *shape, unsigned int nr_cpus)
{
	bool arm64 = sim_profile_of(cfg, shape)->arm64;
	struct pt_world_cfg world = { .flags = PT_WORLD_NO_CONTENT };
	const struct pt_zone_cfg zone = { 0 };

	*system = (struct sim_system){ .cfg = cfg, .counts_pages = arm64 && !cfg->no_ranges };
	must(system, "the format",
	     pt_fmt_cfg_init(&world.fmt, arm64 ? PT_FMT_ARM64_4K : PT_FMT_X86_64));
	if (arm64)
		world.fmt.features |= PT_FEAT_HD;
	must(system, "the format",
	     pt_soft_cfg_init(&world.soft, arm64 ? PT_SOFT_ARM64 : PT_SOFT_X86, &world.fmt,
			      PT_SOFT_BUILT_MARKERS));
	must(system, "memory", pt_phys_create_anon(&system->phys, cfg->memory_mib << 20));
	must(system, "memory", pt_zone_create(&system->zone, system->phys, &zone));
	world.zone = system->zone;
	must(system, "memory", pt_world_create(&system->world, system->phys, &world));
	make_machine(system, shape, nr_cpus);
	system->processes = some(system, SIM_MAX_PROCESSES, sizeof(struct sim_process *));
	system->runs = some(system, nr_cpus, sizeof(struct sim_process *));
	system->lazy = some(system, nr_cpus, sizeof(bool));
	start_cpus(system, &world.fmt);
	sim_system_enter(system, 0);
}

void sim_system_destroy(struct sim_system *system)
{
	system->line = 0;
	for (uint32_t i = 0; i < SIM_MAX_PROCESSES; i++)
		if (system->processes[i])
			sim_process_exit(system, i);
	pt_cpu_leave(system->cpu);
	must(system, "memory is lost", pt_world_destroy(system->world));
	pt_machine_destroy(system->machine);
	pt_pgtable_destroy(system->kernel);
	must(system, "memory is lost", pt_zone_destroy(system->zone));
	pt_phys_destroy(system->phys);
	free(system->processes);
	free(system->runs);
	free(system->lazy);
}

void sim_system_enter(struct sim_system *system, unsigned int number)
{
	if (system->cpu)
		pt_cpu_leave(system->cpu);
	system->cpu = pt_machine_cpu(system->machine, number);
	must(system, "a CPU", pt_cpu_enter(system->cpu));
}

/* ---- processes ---- */

static struct sim_process *make_process(struct sim_system *system, uint32_t number,
					struct pt_mm_cfg *cfg)
{
	struct sim_process *process = some(system, 1, sizeof(*process));

	process->system = system;
	must(system, "a process", pt_space_create(&process->space, system->machine));
	process->flush = (struct pt_flush_ops){ flush_range, flush_all, flush_tables, process };
	*cfg = (struct pt_mm_cfg){
		.mode = PT_MODE_SHARED,
		.flush = &process->flush,
		.watch = pt_space_watch_ops(process->space),
		.wait = pt_machine_wait_ops(system->machine),
		.max_ranges = 1, /* as Linux's gathers */
		.max_leaves = system->cfg->batch,
		.max_tables = system->cfg->batch ? PT_GATHER_LINUX_TABLES : 0,
	};
	system->processes[number] = process;
	return process;
}

static void set_table(struct sim_system *system, struct sim_process *process)
{
	must(system, "a process", pt_space_set_table(process->space, pt_mm_pgtable(process->mm)));
}

struct sim_process *sim_process_at(struct sim_system *system, uint32_t number)
{
	struct sim_process *process = system->processes[number];
	struct pt_mm_cfg cfg;

	if (process)
		return process;
	process = make_process(system, number, &cfg);
	must(system, "a process", pt_mm_create(&process->mm, system->world, &cfg));
	set_table(system, process);
	return process;
}

void sim_process_fork(struct sim_system *system, struct sim_process *parent, uint32_t number)
{
	struct pt_mm_cfg cfg;
	struct sim_process *child = make_process(system, number, &cfg);

	must(system, "fork", pt_mm_fork(&child->mm, parent->mm, &cfg));
	set_table(system, child);
}

/* CPUs that have it loaded, lazy ones too, go to the kernel's space first. */
void sim_process_exit(struct sim_system *system, uint32_t number)
{
	struct sim_process *process = system->processes[number];
	unsigned int here = pt_cpu_number(system->cpu);

	for (unsigned int i = 0; i < pt_machine_nr_cpus(system->machine); i++) {
		if (pt_cpu_space(pt_machine_cpu(system->machine, i)) != process->space)
			continue;
		sim_system_enter(system, i);
		must(system, "a switch",
		     pt_cpu_switch(system->cpu, pt_machine_kernel(system->machine)));
	}
	for (unsigned int i = 0; i < pt_machine_nr_cpus(system->machine); i++)
		if (system->runs[i] == process)
			system->runs[i] = NULL;
	sim_system_enter(system, here);
	pt_mm_destroy(process->mm);
	pt_space_destroy(process->space);
	free(process);
	system->processes[number] = NULL;
}
