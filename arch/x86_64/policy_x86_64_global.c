/* SPDX-License-Identifier: MIT */
/*
 * Flushing address spaces of x86-64 where no CPU is interrupted for it. A space has one PCID
 * on all CPUs then, for what is sent names it, whatever a CPU runs; so nothing is flushed at a
 * switch, and there are no generations to catch up with.
 *
 *	INVLPGB   AMD: pages, max_count + 1 at a time, a PCID or everything, to all CPUs; and
 *	          TLBSYNC, which waits for them
 *	RAR       Intel's remote action requests: the same, up to 63 pages in one action, to
 *	          CPUs that have run the space; their microcode does it
 *
 * AMD APM Vol. 3 (rev. 3.36), "INVLPGB", "TLBSYNC"; Intel, "Remote Action Request" white
 * paper (341431). Linux: arch/x86/mm/tlb.c broadcast_tlb_flush(), arch/x86/include/asm/tlb.h;
 * the RFC "Intel RAR TLB invalidation" of 2025.
 */
#include "machine/machine_internal.h"
#include "x86_64/flush_x86_64.h"

#define MAX_PCID 4095
#define MAX_RAR_PAGES 63 /* num_pages of the RFC's struct rar_payload has six bits */

/* @nr pages, or everything. */
static void use_flush(struct pt_tlb_flush *flush, uint64_t rax, uint64_t nr, unsigned int lg2,
		      uint16_t pcid)
{
	uint32_t ecx = (uint32_t)(nr - 1) | (lg2 == 21 ? (uint32_t)X86_64_INVLPGB_2M : 0);

	PTL_BUG_ON((nr - 1) & ~X86_64_INVLPGB_COUNT); /* the rest would not be flushed */
	/* ASID 0, the host's, is always compared. */
	*flush = x86_64_invlpgb(rax | X86_64_INVLPGB_ASID, ecx, (uint32_t)pcid << 16);
}

/* ---- delivery ---- */

struct action {
	struct ptl_request request; /* first */
	const struct pt_tlb_flush *flush;
};

static void run_action(struct pt_cpu *cpu, struct ptl_request *request)
{
	ptl_count(&cpu->counters, PTL_COUNT_ACTIONS_RECEIVED, 1);
	ptl_cpu_flush(cpu, ((struct action *)request)->flush, PT_FLUSH_BY_ACTION);
}

static void send(struct pt_space *space, struct pt_cpu *self, const struct pt_tlb_flush *flush)
{
	struct pt_machine *machine = space->machine;
	struct action action = { { .run = run_action }, flush };
	unsigned int nr;

	if (machine->cfg.policy.delivery == PT_DELIVER_INVLPGB) {
		ptl_broadcast(machine, self, flush, 1, PT_FLUSH_BY_LOCAL, 0);
		return;
	}
	if (self && (space->is_kernel || ptl_space_is_marked(space, self)))
		ptl_cpu_flush(self, flush, PT_FLUSH_BY_LOCAL);
	nr = ptl_deliver(machine, self, space->is_kernel ? NULL : space->cpus, NULL,
			 &action.request);
	ptl_count_for(machine, self, PTL_COUNT_ACTIONS_SENT, nr);
}

static void finish(struct pt_space *space, struct pt_cpu *self, uint64_t pages, bool full)
{
	ptl_count_request(space, self, pages, full);
	if (space->machine->cfg.policy.delivery == PT_DELIVER_INVLPGB)
		ptl_count_for(space->machine, self, PTL_COUNT_BARRIERS, 1);
}

/* ---- requests ---- */

static void flush_everything(struct pt_space *space, uint64_t pages)
{
	struct pt_cpu *self = ptl_cpu_current(space->machine);
	struct pt_tlb_flush flush;

	if (space->guest)
		PTL_BUG_ON(pt_x86_invept(&flush, PT_INVEPT_CONTEXT, space->asid));
	else
		use_flush(&flush,
			  space->is_kernel ? X86_64_INVLPGB_GLOBALS : X86_64_INVLPGB_PCID, 1, 12,
			  space->asid);
	send(space, self, &flush);
	finish(space, self, pages, true);
}

static void flush_all(struct pt_space *space)
{
	flush_everything(space, 0);
}

static void flush_range(struct pt_space *space, pt_va_t first, pt_va_t last,
			unsigned int stride_lg2, bool tables)
{
	const struct pt_machine_policy *policy = &space->machine->cfg.policy;
	struct pt_cpu *self = ptl_cpu_current(space->machine);
	unsigned int lg2 = space->is_kernel ? space->granule_lg2 : stride_lg2;
	pt_va_t start = ptl_align_down(first, lg2);
	uint64_t nr = ((last - start) >> lg2) + 1, at_once = MAX_RAR_PAGES;
	uint64_t rax = X86_64_INVLPGB_VA |
		       (space->is_kernel ? X86_64_INVLPGB_GLOBALS : X86_64_INVLPGB_PCID) |
		       (tables ? 0 : X86_64_INVLPGB_FINAL);

	if (space->guest || nr > policy->ceiling) {
		flush_everything(space, nr);
		return;
	}
	if (policy->delivery == PT_DELIVER_INVLPGB)
		at_once = (uint64_t)policy->max_count + 1;
	if (lg2 != 12 && lg2 != 21)
		at_once = 1; /* steps are of 4K or 2M */
	for (uint64_t i = 0; i < nr; i += at_once) {
		struct pt_tlb_flush flush;

		use_flush(&flush, (start + (i << lg2)) | rax, ptl_min(at_once, nr - i), lg2,
			  space->asid);
		send(space, self, &flush);
	}
	finish(space, self, nr, false);
}

/* ---- switching ---- */

static int switch_to(struct pt_cpu *cpu, struct pt_space *space)
{
	int err;

	if (!(cpu->x86.cr4 & X86_64_CR4_PCIDE) || space->asid > MAX_PCID)
		return -EINVAL;
	if (cpu->space == space)
		return 0;
	/* Seq_cst: a flush that does not see the bit has changed the tables before we walk them. */
	ptl_space_mark(space, cpu, true);
	err = ptl_cpu_write_cr3(cpu,
				ptl_cpu_cr3_at(cpu, space->root) | space->asid |
					X86_64_CR3_NO_FLUSH,
				PT_FLUSH_BY_SWITCH);
	if (err)
		return err;
	cpu->space = space;
	ptl_count(&cpu->counters, PTL_COUNT_SWITCHES, 1);
	return 0;
}

const struct ptl_policy ptl_policy_x86_64_global = {
	.range = flush_range,
	.all = flush_all,
	.switch_to = switch_to,
};
