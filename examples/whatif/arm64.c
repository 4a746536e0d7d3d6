/* SPDX-License-Identifier: MIT */
/*
 * Registers of arm64 from a job, and its verdicts.
 *
 *   Arm ARM DDI 0487 J.a, D17.2.115 "PAR_EL1"; C6.2.21 "AT"; "HPFAR_EL2"
 */
#include "explain/arm64.h"
#include "whatif.h"

static bool arm64_open(struct whatif *w)
{
	/*
	 * All that VMSAv8-64 has: PARange 52, 16K and 4K with LPA2, 64K; HAFDBS, HPDS, PAN3, XNX;
	 * UAO, LVA, TTST, FWB, E0PD.
	 */
	w->info[0] = 6 | BIT(21) | BIT(28) | BIT(40) * 3 | BIT(36) * 2 | BIT(32) * 3;
	w->info[1] = 2 | BIT(5) | BIT(8) | BIT(13) | 3 * BIT(20) | BIT(28);
	w->info[2] = BIT(4) | BIT(16) | BIT(28) | BIT(40) | 2 * BIT(52) | BIT(60);
	return true;
}

static const char *arm64_describe(struct whatif_case *c, uint32_t *code)
{
	const struct job_access *access = c->access;
	static const enum pt_access_kind kinds[JOB_OP_NR] = {
		[JOB_OP_READ] = PT_ACCESS_READ, [JOB_OP_WRITE] = PT_ACCESS_WRITE,
		[JOB_OP_RMW] = PT_ACCESS_RMW,	[JOB_OP_FETCH] = PT_ACCESS_FETCH,
		[JOB_OP_AT] = PT_ACCESS_READ,	[JOB_OP_AT_WRITE] = PT_ACCESS_WRITE,
	};

	c->seen.ask = access->op == JOB_OP_AT || access->op == JOB_OP_AT_WRITE;
	c->seen.el2 = access->level == 2;
	if (access->op == JOB_OP_IMPLICIT)
		return "arm64 has no implicit supervisor reads";
	if (access->op == JOB_OP_RMW && access->flags & JOB_UNPRIV)
		return "arm64 has no unprivileged read-modify-write";
	if (access->level > 2)
		return "arm64 jobs have no EL3";
	if (access->level == 2 && !c->seen.ask) {
		*code = JOB_ERROR_EL2;
		return "at EL2 there are only at and atw";
	}
	c->seen.how = (struct pt_access){
		.kind = kinds[access->op],
		.size = c->seen.ask		     ? 1
			: access->op == JOB_OP_FETCH ? 4
						     : access->size,
		.priv = access->level ? 1 : 0,
		.flags = access->flags & JOB_UNPRIV && access->op <= JOB_OP_WRITE ? PT_ACCESS_UNPRIV
										  : 0,
	};
	return NULL;
}

/*
 * The EL2 regime without E2H as EL1&0 with only a lower half. What it lacks, rights
 * of EL0 and PXN, does not matter to the data accesses that AT asks for.
 */
static uint64_t tcr_of_el2(uint64_t tcr)
{
	return (tcr & 0xff3f) | BIT(23) /* EPD1 */ | (tcr >> 16 & 7) << 32 /* PS */ |
	       (tcr >> 20 & 1) << 37 /* TBI */ | (tcr >> 21 & 3) << 39 /* HA, HD */ |
	       (tcr >> 24 & 1) << 41 /* HPD */ | (tcr >> 29 & 1) << 51 /* TBID */ |
	       (tcr >> 32 & 1) << 59 /* DS */;
}

/* J1.1.1 "AArch64.BranchAddr": a jump drops the tag of its target, if it can have one. */
static pt_va_t branch_target(pt_va_t va, uint64_t tcr)
{
	bool upper = va & BIT(55);
	bool tagged =
		tcr & (upper ? TCR_TBI1 : TCR_TBI0) && !(tcr & (upper ? TCR_TBID1 : TCR_TBID0));

	if (!tagged)
		return va;
	return upper ? va | BITS(63, 56) : va & BITS(55, 0);
}

/* Loads what is behind the first stage, if anything is. */
static int load_second(struct whatif *w, const struct whatif_case *c, const struct job_regs *regs)
{
	w->regime.two_stages = c->access->flags & JOB_S12 && c->access->level < 2;
	w->regime.arm64_s2 = (struct pt_arm64_s2_regs){
		.vtcr = regs->r[JOB_VTCR],
		.vttbr = regs->r[JOB_VTTBR],
		.hcr = regs->r[JOB_HCR] | HCR_VM,
		.mmfr0 = w->info[0],
		.mmfr1 = w->info[1],
		.mmfr2 = w->info[2],
	};
	return pt_mmu_set_arm64_s2(w->regime.mmu,
				   w->regime.two_stages ? &w->regime.arm64_s2 : NULL);
}

static int arm64_load(struct whatif *w, struct whatif_case *c, const struct job_regs *regs)
{
	int err;

	w->regime.arm64 = (struct pt_arm64_regs){
		.sctlr = regs->r[JOB_SCTLR],
		.tcr = regs->r[JOB_TCR],
		.ttbr0 = regs->r[JOB_TTBR0],
		.ttbr1 = regs->r[JOB_TTBR1],
		.mair = regs->r[JOB_MAIR],
		.mmfr0 = w->info[0],
		.mmfr1 = w->info[1],
		.mmfr2 = w->info[2],
		.pan = !c->seen.ask &&
		       regs->r[JOB_PAN] & 1, /* AT S1E1R and S1E1W do not look at it */
		.uao = regs->r[JOB_UAO] & 1,
	};
	if (c->access->level == 2 && !(regs->r[JOB_HCR] & HCR_E2H))
		w->regime.arm64.tcr = tcr_of_el2(w->regime.arm64.tcr);
	c->seen.va = c->seen.how.kind == PT_ACCESS_FETCH
			     ? branch_target(c->access->va, w->regime.arm64.tcr)
			     : c->access->va;
	err = pt_mmu_set_arm64(w->regime.mmu, &w->regime.arm64);
	return err ? err : load_second(w, c, regs);
}

/* None of them is ever refused: what selects no tables makes accesses fault. */
static const char *arm64_flaw(const struct whatif *w)
{
	(void)w;
	return "a processor refuses these registers";
}

static void arm64_fault(const struct whatif_case *c, struct job_result *result)
{
	const struct pt_fault *fault = &c->seen.result.fault;

	result->code = fault->stage;
	result->err = fault->code;
	result->addr = fault->va;
	result->hpfar = fault->stage == 2 ? fault->ipa >> 12 << 4 : 0;
	if (!c->seen.ask)
		return;
	if (c->access->level == 2)
		result->code = 2;
	result->err = fault->code & 0x3f;
	/* PAR_EL1.F, FST, PTW, S, and RES1. */
	result->par = 1 | result->err << 1 | (fault->in_walk ? BIT(8) : 0) |
		      (fault->stage == 2 ? BIT(9) : 0) | BIT(11);
	result->has |= JOB_HAS_PAR;
}

/* Where the fetch or the AT, or the AT behind a load or store, finds it. */
static void arm64_done(const struct whatif *w, const struct whatif_case *c,
		       struct job_result *result)
{
	const struct job_access *access = c->access;
	bool data = !c->seen.ask && access->op != JOB_OP_FETCH;

	if (data && access->flags & JOB_NOAT && !(access->flags & JOB_TRACE))
		return;
	/* Whoever has only the second stage to look with does not see where a fetch goes. */
	if (access->op == JOB_OP_FETCH && w->regime.two_stages && !(access->flags & JOB_TRACE))
		return;
	result->has |= JOB_HAS_PA;
	if (access->op == JOB_OP_FETCH || (data && access->flags & JOB_TRACE))
		return;
	result->has |= JOB_HAS_PAR;
	result->par = whatif_arm64_par(w, c);
}

/* An emulator's second stage tells pages, not words. */
static uint64_t arm64_traced(pt_pa_t entry)
{
	return entry & ~UINT64_C(0xfff);
}

const struct whatif_arch whatif_arm64 = {
	.open = arm64_open,
	.describe = arm64_describe,
	.load = arm64_load,
	.flaw = arm64_flaw,
	.fault = arm64_fault,
	.done = arm64_done,
	.traced = arm64_traced,
};
