/* SPDX-License-Identifier: MIT */
/*
 * The second stage of x86: what is behind a guest's tables.
 *
 *   AMD APM Vol. 2, 15.25 "Nested Paging": 15.25.5 "Nested Table Walk", 15.25.8
 *   "Combining Memory Types, MTRRs" (rev. 3.40)
 */
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

int ptl_x86_second_stage(struct ptl_access *access, struct ptl_translation *to)
{
	const struct ptl_regime *r = &access->mmu->second;
	const struct ptl_want want = {
		.perms = ptl_perms_of(access->how->kind),
		.class = X86_64_USER,
		.write = ptl_writes(access->how->kind),
	};
	struct ptl_translation host;

	if (r->walker->walk(access, r, to->pa, &want, &host))
		return 1;
	to->pa = host.pa;
	to->perms &= host.perms;
	to->size_lg2 = (unsigned int)ptl_min(to->size_lg2, host.size_lg2);
	to->mem = combine_pat(to->mem, host.mem);
	return 0;
}

int pt_mmu_set_npt(struct pt_mmu *mmu, const struct pt_x86_regs *host)
{
	struct ptl_regime *r = &mmu->second;
	struct pt_x86_regs regs;
	int err;

	if (!host) {
		r->walker = NULL;
		mmu->quick = mmu->arch->quick && mmu->half[0].walker;
		return 0;
	}
	/* What is the host's own has no say in accesses that are all a user's. */
	regs = *host;
	regs.cr4 &= ~(X86_64_CR4_SMEP | X86_64_CR4_SMAP | X86_64_CR4_PKE | X86_64_CR4_PKS);
	err = regs.cr0 & X86_64_CR0_PG ? ptl_x86_64_set_regime(r, mmu->phys, &regs) : -EINVAL;
	if (err)
		return err;
	r->stage = 2;
	r->walk_writes = true;
	mmu->quick = false;
	return 0;
}
