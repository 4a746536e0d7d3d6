/* SPDX-License-Identifier: MIT */
/* Machines: CPUs made, and what they counted. */
#include <stdlib.h>
#include <string.h>

#include "machine/machine_internal.h"

/* Linux: tlb_single_page_flush_ceiling, TLB_NR_DYN_ASIDS; MAX_TLBI_RANGE_PAGES. */
static const struct pt_machine_policy linux_policy = {
	.ceiling = 33,
	.nr_pcids = 6,
	.generations = true,
	.lazy = true,
	.invpcid = true,
	.ranges = true,
	.max_range_pages = UINT64_C(32) << 16,
	.max_count = 7, /* CPUID 80000008H:EDX[15:0] of Zen 3 to 5 */
};

void pt_machine_cfg_init(struct pt_machine_cfg *cfg, const struct pt_tlb_profile *profile,
			 unsigned int nr_cpus)
{
	if (!profile) {
		*cfg = (struct pt_machine_cfg){ .nr_cpus = nr_cpus };
		return;
	}
	*cfg = (struct pt_machine_cfg){
		.nr_cpus = nr_cpus,
		.arm64 = profile->arm64,
		.tlb = profile->tlb,
		.policy = linux_policy,
		.costs = {
			.page = profile->costs.page,
			.asid = profile->costs.asid,
			.all = profile->costs.asid,
			.ipi = profile->costs.shootdown,
			/*
			 * The profile's is of the whole operation, of which
			 * this CPU's part is @page.
			 */
			.broadcast = profile->costs.broadcast > profile->costs.page
					     ? profile->costs.broadcast - profile->costs.page
					     : 0,
			.request = profile->costs.request,
			.entry = profile->costs.entry,
		},
	};
}

static void cpu_destroy(struct pt_cpu *cpu)
{
	if (!cpu)
		return;
	ptl_contexts_destroy(cpu->contexts);
	pt_tlb_destroy(cpu->tlb);
	pt_mmu_destroy(cpu->mmu);
	free(cpu->slots);
	free(cpu);
}

static unsigned int nr_slots(const struct pt_machine *machine)
{
	return machine->cfg.policy.nr_pcids ? machine->cfg.policy.nr_pcids : 1;
}

static uint64_t table_sizes(const struct pt_tlb_cfg *cfg)
{
	uint64_t sizes = 0;

	for (unsigned int i = 0; i < cfg->nr_parts; i++)
		if (cfg->parts[i].uses & 1u << PT_TLB_USE_TABLE)
			sizes |= cfg->parts[i].sizes;
	return sizes;
}

static int cpu_create(struct pt_cpu **out, struct pt_machine *machine, unsigned int number)
{
	struct pt_tlb_cfg tlb = machine->cfg.tlb;
	struct pt_cpu *cpu = aligned_alloc(_Alignof(struct pt_cpu), sizeof(*cpu));
	int err;

	if (!cpu)
		return -ENOMEM;
	memset(cpu, 0, sizeof(*cpu));
	cpu->machine = machine;
	cpu->number = number;
	cpu->table_sizes = table_sizes(&tlb);
	cpu->slots = calloc(nr_slots(machine), sizeof(*cpu->slots));
	tlb.seed += number;
	err = cpu->slots ? pt_mmu_create(&cpu->mmu, machine->phys) : -ENOMEM;
	if (!err)
		err = pt_tlb_create(&cpu->tlb, &tlb);
	if (!err && machine->checker)
		err = ptl_contexts_create(&cpu->contexts, machine->phys);
	if (!err && machine->checker)
		pt_tlb_watch(cpu->tlb, ptl_check_dropped, cpu);
	if (err) {
		cpu_destroy(cpu);
		return err;
	}
	*out = cpu;
	return 0;
}

#define MAX_PAIRS 2046 /* slots whose PCID, a number more, leaves bit 11 to user mode's */

static bool can_be_isolated(const struct pt_machine_cfg *cfg)
{
	return !cfg->arm64 && cfg->policy.delivery == PT_DELIVER_IPI &&
	       cfg->policy.nr_pcids <= MAX_PAIRS;
}

static bool can_be(const struct pt_machine_cfg *cfg)
{
	return (!cfg->policy.isolation || can_be_isolated(cfg)) && cfg->nr_cpus >= 1 &&
	       cfg->nr_cpus <= PT_MACHINE_MAX_CPUS &&
	       cfg->policy.nr_pcids <= PT_MACHINE_MAX_PCIDS &&
	       cfg->policy.max_range_pages <= UINT64_C(32) << 16 &&
	       (unsigned int)cfg->policy.delivery < PT_DELIVERY_NR &&
	       (cfg->policy.delivery == PT_DELIVER_IPI || !cfg->arm64) &&
	       cfg->policy.max_count <= UINT16_MAX;
}

static void poll_own(void *ctx)
{
	ptl_cpu_poll_own(ctx);
}

int pt_machine_create(struct pt_machine **out, struct pt_phys *phys,
		      const struct pt_machine_cfg *cfg)
{
	struct pt_machine *machine;
	int err = 0;

	if (!can_be(cfg))
		return -EINVAL;
	machine = calloc(1, sizeof(*machine));
	if (!machine)
		return -ENOMEM;
	machine->phys = phys;
	machine->cfg = *cfg;
	machine->policy = cfg->arm64		    ? &ptl_policy_arm64 :
			  ptl_pcids_are_global(machine) ? &ptl_policy_x86_64_global :
							&ptl_policy_x86_64;
	machine->wait = (struct pt_wait_ops){ poll_own, machine };
	machine->cpu = calloc(cfg->nr_cpus, sizeof(*machine->cpu));
	machine->asids = calloc(PTL_NR_ASIDS / 64, sizeof(*machine->asids));
	machine->vmids = calloc(PTL_NR_ASIDS / 64, sizeof(*machine->vmids));
	if (!machine->cpu || !machine->asids || !machine->vmids)
		err = -ENOMEM;
	else
		machine->vmids[0] = 1;
	if (!err && cfg->checked)
		err = ptl_checker_create(&machine->checker);
	for (unsigned int i = 0; !err && i < cfg->nr_cpus; i++)
		err = cpu_create(&machine->cpu[i], machine, i);
	if (!err)
		err = pt_space_create(&machine->kernel, machine); /* the first: ASID 0 */
	if (err) {
		pt_machine_destroy(machine);
		return err;
	}
	machine->kernel->is_kernel = true;
	*out = machine;
	return 0;
}

/* Number 0 is the machine's own. */
static bool somebody_has_one(const uint64_t *ids)
{
	bool found = ids && ids[0] & ~PTL_BIT(0);

	for (unsigned int word = 1; ids && word < PTL_NR_ASIDS / 64; word++)
		found |= ids[word] != 0;
	return found;
}

void pt_machine_destroy(struct pt_machine *machine)
{
	bool has_spaces, has_guests;

	if (!machine)
		return;
	has_spaces = somebody_has_one(machine->asids);
	has_guests = somebody_has_one(machine->vmids);
	PTL_BUG_ON(has_spaces || has_guests);
	for (unsigned int i = 0; machine->cpu && i < machine->cfg.nr_cpus; i++)
		cpu_destroy(machine->cpu[i]);
	if (machine->kernel)
		ptl_space_free(machine->kernel);
	ptl_checker_destroy(machine->checker);
	free(machine->cpu);
	free(machine->asids);
	free(machine->vmids);
	free(machine);
}

struct pt_phys *pt_machine_phys(const struct pt_machine *machine)
{
	return machine->phys;
}

unsigned int pt_machine_nr_cpus(const struct pt_machine *machine)
{
	return machine->cfg.nr_cpus;
}

struct pt_cpu *pt_machine_cpu(struct pt_machine *machine, unsigned int number)
{
	return number < machine->cfg.nr_cpus ? machine->cpu[number] : NULL;
}

struct pt_space *pt_machine_kernel(struct pt_machine *machine)
{
	return machine->kernel;
}

const struct pt_wait_ops *pt_machine_wait_ops(const struct pt_machine *machine)
{
	return &machine->wait;
}

/* ---- figures ---- */

void ptl_count_for(struct pt_machine *machine, struct pt_cpu *cpu, enum ptl_count which,
		   uint64_t nr)
{
	if (cpu)
		ptl_count(&cpu->counters, which, nr);
	else
		atomic_fetch_add_explicit(&machine->outside.count[which], nr, memory_order_relaxed);
}

static void add(struct pt_cpu_stats *stats, const struct ptl_counters *counters)
{
	uint64_t *figure = (uint64_t *)stats;

	for (unsigned int i = 0; i < PTL_COUNT_NR; i++)
		figure[i] += atomic_load_explicit(
			(_Atomic uint64_t *)(uintptr_t)&counters->count[i], memory_order_relaxed);
}

/* What a CPU did for another one is in what that one sent. */
static uint64_t cost_of(const struct pt_cpu_stats *stats, const struct pt_machine_costs *costs)
{
	uint64_t ps = stats->loads * costs->load + stats->ipis_sent * costs->ipi +
		      stats->broadcasts_sent * costs->broadcast +
		      stats->actions_sent * costs->action + stats->flush_requests * costs->request +
		      stats->flush_pages * costs->entry;

	for (unsigned int cause = 0; cause < PT_FLUSH_CAUSE_NR; cause++) {
		const uint64_t *nr = stats->flushes[cause];

		if (cause == PT_FLUSH_BY_IPI || cause == PT_FLUSH_BY_BROADCAST ||
		    cause == PT_FLUSH_BY_ACTION || cause == PT_FLUSH_BY_FAULT)
			continue;
		ps += (nr[PT_FLUSH_KIND_PAGE] + nr[PT_FLUSH_KIND_RANGE]) * costs->page +
		      nr[PT_FLUSH_KIND_ASID] * costs->asid + nr[PT_FLUSH_KIND_ALL] * costs->all;
	}
	return ps;
}

void pt_cpu_stats(const struct pt_cpu *cpu, struct pt_cpu_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	add(stats, &cpu->counters);
	stats->cost_ps = cost_of(stats, &cpu->machine->cfg.costs);
}

void pt_machine_stats(const struct pt_machine *machine, struct pt_cpu_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	for (unsigned int i = 0; i < machine->cfg.nr_cpus; i++)
		add(stats, &machine->cpu[i]->counters);
	add(stats, &machine->outside);
	stats->cost_ps = cost_of(stats, &machine->cfg.costs);
}

const char *pt_flush_kind_name(enum pt_flush_kind kind)
{
	static const char *const names[PT_FLUSH_KIND_NR] = { "page", "range", "ASID", "all" };

	return (unsigned int)kind < PT_FLUSH_KIND_NR ? names[kind] : "unknown";
}

const char *pt_flush_cause_name(enum pt_flush_cause cause)
{
	static const char *const names[PT_FLUSH_CAUSE_NR] = {
		"local change", "IPI", "broadcast", "remote action", "switch", "registers",
		"fault", "instruction",
	};

	return (unsigned int)cause < PT_FLUSH_CAUSE_NR ? names[cause] : "unknown";
}
