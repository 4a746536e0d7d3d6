/* SPDX-License-Identifier: MIT */
/*
 * An x86-64 processor's MMU: its registers, and which of its accesses are what.
 *
 *   Intel SDM Vol. 3A, 2.5 "Control Registers"; Vol. 1, 3.3.7.1 "Canonical
 *   Addressing" (rev. 081)
 */
#include "x86_64/mmu_x86_64.h"

#include "x86_64/fmt_x86_64_regs.h"
#include "x86_64/mmu_x86_64_rules.h"
#define MMU_WALKER ptl_walker_x86_64
#include "mmu/walk_impl.h"

#define CPL_USER 3

static enum x86_64_class class_of(const struct pt_access *how)
{
	if (how->flags & PT_ACCESS_IMPLICIT)
		return X86_64_IMPLICIT;
	return how->priv == CPL_USER ? X86_64_USER : X86_64_SUPERVISOR;
}

static int not_canonical(struct ptl_access *access, const struct ptl_regime *r)
{
	*access->fault = (struct pt_fault){
		.kind = access->how->flags & PT_ACCESS_STACK ? PT_FAULT_SS : PT_FAULT_GP,
		.why = PT_WHY_NOT_CANONICAL,
		.stage = 1,
		.level = r->fmt.top_level,
		.va = access->first,
	};
	return 1;
}

/* Field by field: a whole struct would be read back wider than it was written, and wait. */
static void set_want(struct ptl_want *want, const struct pt_access *how)
{
	want->perms = ptl_perms_of(how->kind);
	want->class = class_of(how);
	want->write = ptl_writes(how->kind);
	want->in_walk = false;
}

/* Every byte of it is looked at, before any is translated. */
static bool is_canonical(const struct ptl_access *access, const struct ptl_regime *r)
{
	return fmt_va_valid(access->first, &r->fmt) &&
	       fmt_va_valid(access->first + (access->how->size - 1), &r->fmt);
}

static bool ask(const struct ptl_access *access, struct ptl_asked *asked)
{
	const struct ptl_regime *r = &access->mmu->half[0];

	asked->r = r;
	asked->in = access->va;
	set_want(&asked->want, access->how);
	return r->walker && is_canonical(access, r);
}

static int translate(struct ptl_access *access, struct ptl_translation *to)
{
	const struct pt_mmu *mmu = access->mmu;
	const struct ptl_regime *r = &mmu->half[0];
	struct ptl_want want;
	int err = 0;

	set_want(&want, access->how);
	if (!r->walker) {
		ptl_translate_flat(access->va & UINT32_MAX, PT_MEM_WB, to);
		to->user_page = true;
	} else if (!is_canonical(access, r)) {
		err = not_canonical(access, r);
	} else {
		err = mmu_walk(access, r, access->va, &want, to);
	}
	return err || !mmu->second.walker ? err : ptl_x86_second_stage(access, to);
}

static const struct ptl_mmu_arch arch = {
	.max_priv = CPL_USER,
	.flags = PT_ACCESS_IMPLICIT | PT_ACCESS_STACK,
	.translate = translate,
	.second_stage = ptl_x86_second_stage,
	.ask = ask,
};

static uint64_t control_of(const struct pt_x86_regs *regs)
{
	return (regs->cr0 & X86_64_CR0_WP ? X86_64_WP : 0) |
	       (regs->cr4 & X86_64_CR4_SMEP ? X86_64_SMEP : 0) |
	       (regs->cr4 & X86_64_CR4_SMAP ? X86_64_SMAP : 0) |
	       (regs->cr4 & X86_64_CR4_PKE ? X86_64_PKE : 0) |
	       (regs->cr4 & X86_64_CR4_PKS ? X86_64_PKS : 0) |
	       (regs->rflags & X86_64_RFLAGS_AC ? X86_64_AC : 0) |
	       (regs->efer & X86_64_EFER_NXE ? X86_64_NXE : 0);
}

int ptl_x86_64_set_regime(struct ptl_regime *r, const struct pt_phys *phys,
			  const struct pt_x86_regs *regs)
{
	struct pt_fmt_cfg cfg;
	pt_pa_t root;
	int err;

	if (!(regs->cr4 & X86_64_CR4_PAE) || !(regs->efer & X86_64_EFER_LME))
		return -EOPNOTSUPP;
	ptl_x86_64_read_regs(regs, &cfg, &root);
	if (cfg.pa_bits > PT_PHYS_MAX_BITS || !ptl_x86_64_cr3_fits(regs))
		return -EINVAL;
	err = ptl_regime_init(r, phys, &cfg, root, &ptl_walker_x86_64);
	if (err)
		return err;
	r->control = control_of(regs);
	r->keys = regs->pkru | (uint64_t)regs->pkrs << 32;
	r->set_accessed = r->set_dirty = true;
	ptl_regime_require(r, X86_64_A);
	ptl_sieve_require(&r->far, X86_64_A);
	ptl_sieve_require(&r->page, X86_64_A);
	x86_64_init_rights(r);
	if (r->key_mask)
		ptl_sieve_refuse(&r->page, X86_64_KEY);
	x86_64_init_mem(r);
	for (unsigned int cpl = 0; cpl <= CPL_USER; cpl++)
		r->class_of[cpl] = cpl == CPL_USER ? X86_64_USER : X86_64_SUPERVISOR;
	return 0;
}

bool ptl_x86_64_is_loaded(const struct pt_mmu *mmu)
{
	return mmu->arch == &arch;
}

int pt_mmu_set_x86_64(struct pt_mmu *mmu, const struct pt_x86_regs *regs)
{
	bool paging = regs->cr0 & X86_64_CR0_PG;
	/* SDM Vol. 3A, 2.5: CR4.CET can be set only if CR0.WP is */
	bool refused = regs->cr4 & X86_64_CR4_CET && !(regs->cr0 & X86_64_CR0_WP);
	int err = refused ? -EINVAL :
		  paging  ? ptl_x86_64_set_regime(&mmu->half[0], mmu->phys, regs) : 0;

	if (err)
		return err;
	if (!paging)
		mmu->half[0].walker = NULL;
	if (mmu->arch != &arch)
		mmu->second.walker = NULL; /* the other architecture's */
	mmu->arch = &arch;
	mmu->half_of[1] = &mmu->half[0];
	mmu->stage1 = paging;
	ptl_mmu_stages_changed(mmu);
	return 0;
}
