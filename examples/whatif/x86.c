/* SPDX-License-Identifier: MIT */
/* Registers of x86_64 from a job, and its verdicts. */
#include "explain/x86.h"
#include "whatif.h"

#define CR0_WP BIT(16)
#define CR4_PAE BIT(5)
#define CR4_CET BIT(23)

static bool x86_open(struct whatif *w)
{
	unsigned int phys_bits = w->machine.phys_bits ? w->machine.phys_bits : 52;

	if (phys_bits < 32 || phys_bits > 52) {
		snprintf(w->error, sizeof(w->error), "physbits is 32 to 52");
		return false;
	}
	w->machine.phys_bits = phys_bits;
	/* As CPUID has them: addresses; SMEP, SMAP, PKU, LA57, PKS; NX, 1G pages, long mode. */
	w->info[0] = phys_bits | 57u << 8;
	w->info[1] = BIT(7) | BIT(20) | (BIT(3) | BIT(16) | BIT(31)) << 32;
	w->info[3] = (BIT(20) | BIT(26) | BIT(29)) << 32;
	return true;
}

static const char *x86_describe(struct whatif_case *c, uint32_t *code)
{
	const struct job_access *access = c->access;
	static const enum pt_access_kind kinds[JOB_OP_NR] = {
		[JOB_OP_READ] = PT_ACCESS_READ,	    [JOB_OP_WRITE] = PT_ACCESS_WRITE,
		[JOB_OP_RMW] = PT_ACCESS_RMW,	    [JOB_OP_FETCH] = PT_ACCESS_FETCH,
		[JOB_OP_IMPLICIT] = PT_ACCESS_READ,
	};

	(void)code;
	if (access->op == JOB_OP_AT || access->op == JOB_OP_AT_WRITE)
		return "x86_64 has no AT instruction";
	c->seen.how = (struct pt_access){
		.kind = kinds[access->op],
		.size = access->size,
		.priv = access->level,
	};
	if (access->op == JOB_OP_FETCH)
		c->seen.how.size = 1; /* a job asks for the first byte of an instruction */
	if (access->op == JOB_OP_IMPLICIT) {
		c->seen.how.size = 8; /* a descriptor */
		c->seen.how.flags = PT_ACCESS_IMPLICIT;
	}
	return NULL;
}

static int x86_load(struct whatif *w, struct whatif_case *c, const struct job_regs *regs)
{
	w->regime.x86 = (struct pt_x86_regs){
		.cr0 = regs->r[JOB_CR0] | CR0_PG | CR0_PE,
		.cr3 = regs->r[JOB_CR3],
		.cr4 = regs->r[JOB_CR4],
		.efer = regs->r[JOB_EFER] | EFER_SVME | EFER_LMA | EFER_LME,
		.maxphyaddr = w->machine.phys_bits,
		.rflags = 2 | (c->access->flags & JOB_AC ? RFLAGS_AC : 0),
		.pkru = (uint32_t)regs->r[JOB_PKRU],
		.pkrs = (uint32_t)regs->r[JOB_PKRS],
	};
	c->seen.va = c->access->va;
	return pt_mmu_set_x86_64(w->regime.mmu, &w->regime.x86);
}

static const char *x86_flaw(const struct whatif *w)
{
	const struct pt_x86_regs *regs = &w->regime.x86;

	if (!(regs->cr4 & CR4_PAE))
		return "a processor in long mode refuses CR4.PAE=0";
	if (regs->cr4 & CR4_CET && !(regs->cr0 & CR0_WP))
		return "a processor refuses CR4.CET=1 with CR0.WP=0";
	return "a processor refuses CR3: bits beyond MAXPHYADDR are reserved, 63 too without PCIDE";
}

static void x86_fault(const struct whatif_case *c, struct job_result *result)
{
	const struct pt_fault *fault = &c->seen.result.fault;

	result->code = fault->kind == PT_FAULT_PF ? 14 : fault->kind == PT_FAULT_SS ? 12 : 13;
	result->err = fault->kind == PT_FAULT_PF ? fault->code : 0;
	result->addr = fault->va;
}

/* As the emulators do, addresses of loads and stores are told only if asked for. */
static void x86_done(const struct whatif *w, const struct whatif_case *c, struct job_result *result)
{
	(void)w;
	if (c->access->op == JOB_OP_FETCH || c->access->flags & JOB_TRACE)
		result->has |= JOB_HAS_PA;
}

static uint64_t x86_traced(pt_pa_t entry)
{
	return entry;
}

const struct whatif_arch whatif_x86 = {
	.open = x86_open,
	.describe = x86_describe,
	.load = x86_load,
	.flaw = x86_flaw,
	.fault = x86_fault,
	.done = x86_done,
	.traced = x86_traced,
};
