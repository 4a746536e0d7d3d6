/* SPDX-License-Identifier: MIT */
/*
 * Simulated CPUs over the direct map: what they flush is what Linux would have had them flush,
 * and they look at pages through their TLBs, so that a flush that is missing shows.
 */
#include "unmapped_pages.h"

#include <stdlib.h>

#define BIT(n) (UINT64_C(1) << (n))

struct um_cpus {
	struct pt_machine *machine;
	pt_va_t base; /* of the direct map */
	unsigned int looking;
	struct pt_cpu_stats before; /* what they did to start */
};

static void must(const char *what, int err)
{
	if (err)
		um_die(what, err);
}

struct um_cpus *um_cpus_create(const struct um_machine *machine, struct pt_phys *phys)
{
	struct um_cpus *cpus = calloc(1, sizeof(*cpus));
	struct pt_machine_cfg cfg;

	if (!cpus)
		um_die("CPUs", -ENOMEM);
	pt_machine_cfg_init(&cfg, machine->profile, machine->nr_cpus);
	cfg.policy.ranges = machine->ranges;
	must("CPUs", pt_machine_create(&cpus->machine, phys, &cfg));
	return cpus;
}

const struct pt_flush_ops *um_cpus_flush_ops(struct um_cpus *cpus)
{
	return pt_space_flush_ops(pt_machine_kernel(cpus->machine));
}

/* As Linux has them: WP; PCIDs, global pages. */
static int load_x86(struct pt_cpu *cpu, const struct pt_fmt_cfg *fmt, pt_pa_t root)
{
	struct pt_x86_regs regs = { .cr0 = BIT(16), .cr4 = BIT(17) | BIT(7) };
	int err = pt_x86_regs_select(&regs, fmt, root);

	return err ? err : pt_cpu_load_x86_64(cpu, &regs);
}

/* ASIDs of 16 bits, HA: TCR_EL1. */
static int load_arm64(struct pt_cpu *cpu, const struct pt_fmt_cfg *fmt, pt_pa_t root)
{
	struct pt_arm64_regs regs = { .tcr = BIT(36) | BIT(39) };
	int err = pt_arm64_regs_select(&regs, fmt, root);

	return err ? err : pt_cpu_load_arm64(cpu, &regs);
}

void um_cpus_load(struct um_cpus *cpus, struct pt_direct_map *dm)
{
	struct pt_space *kernel = pt_machine_kernel(cpus->machine);
	struct pt_pgtable *pt = pt_direct_map_pgtable(dm);
	const struct pt_fmt_cfg *fmt = pt_pgtable_fmt(pt);
	pt_pa_t root = pt_pgtable_root(pt);

	cpus->base = pt_direct_map_base(dm);
	must("the kernel's table", pt_space_set_table(kernel, pt));
	for (unsigned int i = pt_machine_nr_cpus(cpus->machine); i--;) {
		struct pt_cpu *cpu = pt_machine_cpu(cpus->machine, i);

		must("a CPU", pt_cpu_enter(cpu));
		must("registers", fmt->fmt == PT_FMT_X86_64 ? load_x86(cpu, fmt, root)
							    : load_arm64(cpu, fmt, root));
		must("the kernel's space", pt_cpu_switch(cpu, kernel));
		if (i)
			pt_cpu_leave(cpu); /* the first one allocates */
	}
	pt_machine_stats(cpus->machine, &cpus->before);
}

bool um_cpus_look(struct um_cpus *cpus, pt_pa_t pa, bool again)
{
	struct pt_cpu *first = pt_machine_cpu(cpus->machine, 0), *cpu;
	struct pt_access access = { .kind = PT_ACCESS_READ, .size = 8 };
	struct pt_access_result result;
	int err;

	if (!again)
		cpus->looking = (cpus->looking + 1) % pt_machine_nr_cpus(cpus->machine);
	cpu = pt_machine_cpu(cpus->machine, cpus->looking);
	if (pt_cpu_arm64(cpu)->ttbr1)
		access.priv = 1; /* EL1; x86: CPL 0 */
	if (cpu != first) {
		pt_cpu_leave(first);
		must("a CPU", pt_cpu_enter(cpu));
	}
	err = pt_cpu_access(cpu, cpus->base + pa, &access, &result);
	if (err < 0)
		um_die("an access", err);
	if (cpu != first) {
		pt_cpu_leave(cpu);
		must("a CPU", pt_cpu_enter(first));
	}
	return !err;
}

void um_cpus_stats(const struct um_cpus *cpus, struct pt_cpu_stats *stats)
{
	uint64_t *figure = (uint64_t *)stats;

	pt_machine_stats(cpus->machine, stats);
	for (size_t i = 0; i < sizeof(*stats) / sizeof(*figure); i++)
		figure[i] -= ((const uint64_t *)&cpus->before)[i];
}

void um_cpus_destroy(struct um_cpus *cpus)
{
	if (!cpus)
		return;
	pt_cpu_leave(pt_machine_cpu(cpus->machine, 0));
	pt_machine_destroy(cpus->machine);
	free(cpus);
}
