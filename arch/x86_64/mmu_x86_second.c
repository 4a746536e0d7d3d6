/* SPDX-License-Identifier: MIT */
/*
 * The second stage of x86: what is behind a guest's tables.
 *
 *   Intel SDM Vol. 3C, 29.3 "The Extended Page Table Mechanism (EPT)", 29.3.7 "EPT
 *   and Memory Typing" (rev. 081)
 *   AMD APM Vol. 2, 15.25 "Nested Paging": 15.25.5 "Nested Table Walk", 15.25.8
 *   "Combining Memory Types, MTRRs" (rev. 3.40)
 */
#include "mmu/kept.h"
#include "x86_64/fault_x86_64.h"
#include "x86_64/fmt_x86_64_regs.h"
#include "x86_64/mmu_x86_64.h"

/*
 * APM Table 15-19 "Combining Guest and Host PAT Types": the more restrictive of
 * both, but for write-combining, which the guest may always have.
 */
static enum pt_mem combine_pat(enum pt_mem guest, enum pt_mem host)
{
	if (guest == PT_MEM_WC)
		return PT_MEM_WC;
	if (guest == PT_MEM_UC || host == PT_MEM_UC)
		return PT_MEM_UC;
	if (guest == PT_MEM_WB)
		return host;
	if (host == PT_MEM_WB || guest == host)
		return guest;
	return guest == PT_MEM_UC_MINUS && host == PT_MEM_WC ? PT_MEM_WC : PT_MEM_UC;
}

/* SDM Vol. 3A, Table 12-7 "Effective Page-Level Memory Types", EPT's type in the MTRRs' place. */
static enum pt_mem combine_ept(enum pt_mem guest, const struct ptl_translation *ept)
{
	if (ept->ignores_stage1_mem)
		return ept->mem;
	if (guest == PT_MEM_WC || guest == PT_MEM_UC)
		return guest;
	switch (ept->mem) {
	case PT_MEM_WB:
		return guest == PT_MEM_UC_MINUS ? PT_MEM_UC : guest;
	case PT_MEM_WT:
		return guest == PT_MEM_UC_MINUS ? PT_MEM_UC
		       : guest == PT_MEM_WP	? PT_MEM_WP
						: PT_MEM_WT;
	case PT_MEM_WP:
		return guest == PT_MEM_UC_MINUS ? PT_MEM_WC
		       : guest == PT_MEM_WT	? PT_MEM_WT
						: PT_MEM_WP;
	case PT_MEM_WC:
		return guest == PT_MEM_WB || guest == PT_MEM_UC_MINUS ? PT_MEM_WC : PT_MEM_UC;
	default:
		return PT_MEM_UC;
	}
}

#define EPT_ACCESSED PTL_BIT(8) /* SDM Vol. 3C, Table 29-7 "Format of an EPT Page-Table Entry" */

static bool is_ept(const struct ptl_regime *r)
{
	return r->walker == &ptl_walker_x86_ept;
}

int ptl_x86_second_stage(struct ptl_access *access, struct ptl_translation *to)
{
	const struct ptl_regime *r = &access->mmu->second;
	const struct ptl_want want = {
		.perms = ptl_perms_of(access->how->kind),
		/* AMD: always a user. EPT: by what the guest's tables say, not by the CPL. */
		.class = !is_ept(r)	 ? X86_64_USER
			 : to->user_page ? X86_EPT_USER
					 : X86_EPT_SUPERVISOR,
		.write = ptl_writes(access->how->kind),
	};
	struct ptl_translation host;

	if (ptl_second_walk(access, to->pa, &want, &host))
		return 1;
	to->pa = host.pa;
	to->perms &= host.perms;
	to->size_lg2 = (unsigned int)ptl_min(to->size_lg2, host.size_lg2);
	to->mem = is_ept(r) ? combine_ept(to->mem, &host) : combine_pat(to->mem, host.mem);
	/* The class is the guest's page's, not the access's: all who use it have the same. */
	ptl_keep_second(access, &want, &host, to, host.perms,
			is_ept(r) ? EPT_ACCESSED : X86_64_A);
	return 0;
}

static int no_second_stage(struct pt_mmu *mmu)
{
	mmu->second.walker = NULL;
	ptl_mmu_stages_changed(mmu);
	return 0;
}

int pt_mmu_set_npt(struct pt_mmu *mmu, const struct pt_x86_regs *host)
{
	struct ptl_regime *r = &mmu->second;
	struct pt_x86_regs regs;
	int err;

	if (!ptl_x86_64_is_loaded(mmu))
		return -EINVAL;
	if (!host)
		return no_second_stage(mmu);
	/* What concerns the supervisor's accesses has no say in those that are all a user's. */
	regs = *host;
	regs.cr4 &= ~(X86_64_CR4_SMEP | X86_64_CR4_SMAP | X86_64_CR4_PKE | X86_64_CR4_PKS);
	/* nCR3 is a register, not an operand of MOV: APM2 15.25.4, no MBZ bit in it. */
	if (!(regs.cr0 & X86_64_CR0_PG) || regs.cr3 & X86_64_CR3_NO_FLUSH)
		return -EINVAL;
	err = ptl_x86_64_set_regime(r, mmu->phys, &regs);
	if (err)
		return err;
	r->stage = 2;
	r->walk_writes = true;
	ptl_mmu_stages_changed(mmu);
	return 0;
}

int pt_mmu_set_ept(struct pt_mmu *mmu, const struct pt_x86_ept_regs *regs)
{
	struct ptl_regime *r = &mmu->second;
	struct pt_fmt_cfg cfg;
	pt_pa_t root;
	int err;

	if (!ptl_x86_64_is_loaded(mmu))
		return -EINVAL;
	if (!regs)
		return no_second_stage(mmu);
	err = pt_fmt_cfg_x86_ept(&cfg, &root, regs);
	if (!err)
		err = ptl_regime_init(r, mmu->phys, &cfg, root, &ptl_walker_x86_ept);
	if (err)
		return err;
	r->stage = 2;
	/* SDM 29.3.5: with A and D, the processor's reads of a guest's tables count as writes. */
	r->walk_writes = r->set_accessed = r->set_dirty = cfg.features & PT_FEAT_AD;
	ptl_x86_ept_init_rules(r);
	ptl_mmu_stages_changed(mmu);
	return 0;
}
