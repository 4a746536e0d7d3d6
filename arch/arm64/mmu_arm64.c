/* SPDX-License-Identifier: MIT */
/*
 * The MMU of an arm64 processor at EL1 and EL0: its registers, the two halves of
 * its address space, and which of its accesses are what.
 *
 *   Arm ARM DDI 0487 J.a, D8.2 "Translation process", D8.2.12 "The effects of
 *   disabling an address translation stage", D8.9 "Address tagging"
 */
#include "arm64/mmu_arm64.h"

#include "arm64/fault_arm64.h"
#include "arm64/fault_arm64_code.h"
#include "arm64/fault_arm64_s2.h"
#include "arm64/fmt_arm64_regs.h"
#include "mmu/kept.h"

/* Of a half: what its addresses are checked for before any table is read. */
#define HALF_TBI PTL_BIT(32)      /* the top byte is no part of a data address */
#define HALF_TBI_FETCH PTL_BIT(33) /* nor of an instruction's */
#define HALF_E0PD PTL_BIT(34)     /* EL0 may not walk here */
#define HALF_DISABLED PTL_BIT(35) /* TCR.EPD */
#define HALF_OFF PTL_BIT(36)      /* SCTLR.M=0; then both halves are */
#define HALF_UAO PTL_BIT(37)      /* LDTR and STTR are as LDR and STR */
#define HALF_CACHED PTL_BIT(38)   /* SCTLR.I */

#define ARM64_TOP_LEVEL 3 /* Arm's level 0, which faults without any entry are reported at */

static enum arm64_class class_of(const struct pt_access *how, uint64_t control)
{
	if (how->priv == 0)
		return ARM64_EL0;
	return how->flags & PT_ACCESS_UNPRIV && !(control & HALF_UAO) ? ARM64_EL0 : ARM64_EL1;
}

/* Bit 55 chooses the half, tag or not. */
static const struct ptl_regime *half_of(const struct pt_mmu *mmu, pt_va_t va)
{
	return &mmu->half[va >> 55 & 1];
}

/* @va without its tag, if it can have one. */
static pt_va_t untagged(pt_va_t va, const struct pt_access *how, uint64_t control)
{
	bool fetch = how->kind == PT_ACCESS_FETCH;

	if (!(control & (fetch ? HALF_TBI_FETCH : HALF_TBI)))
		return va;
	return (va & PTL_BITS(55, 0)) | (va >> 55 & 1 ? PTL_BITS(63, 56) : 0);
}

static bool in_range(pt_va_t va, const struct ptl_regime *r)
{
	return va - r->fmt.va_high <= r->fmt.va_mask;
}

/* A fault before any entry was read; they all are reported at level 0. */
static int fault_at_once(struct ptl_access *access, enum arm64_status status,
			 enum pt_fault_why why, pt_pa_t pa)
{
	struct arm64_fault_report report = {
		.status = status,
		.level = ARM64_TOP_LEVEL,
		.read_faults = true,
	};
	struct pt_fault fault = {
		.why = why,
		.stage = 1,
		.level = ARM64_TOP_LEVEL,
		.va = access->va,
		.pa = pa,
	};

	arm64_report(access, &report, &fault);
	return 1;
}

/* HCR.DC switches stage 1 off, whatever SCTLR says. */
static bool is_off(const struct pt_mmu *mmu, const struct ptl_regime *r)
{
	return r->control & HALF_OFF ||
	       (mmu->second.walker && mmu->second.control & ARM64_S2_RULE_DC);
}

/* D8.2.12: Device for data, unless HCR.DC makes all of it write-back. */
static enum pt_mem mem_of_off(bool fetch, const struct ptl_regime *r,
			      const struct ptl_regime *second)
{
	if (second->walker && second->control & ARM64_S2_RULE_DC)
		return PT_MEM_WB;
	if (!fetch)
		return PT_MEM_UC;
	return r->control & HALF_CACHED ? PT_MEM_WT : PT_MEM_WC;
}

/* Stage 1 is off: the address is the output, if it is one. */
static int translate_off(struct ptl_access *access, const struct ptl_regime *r,
			 struct ptl_translation *to)
{
	bool fetch = access->how->kind == PT_ACCESS_FETCH;
	/* Only a tag is dropped; bit 55 is address now. */
	pt_pa_t pa = r->control & (fetch ? HALF_TBI_FETCH : HALF_TBI) ?
			     access->va & PTL_BITS(55, 0) :
			     access->va;

	if (pa >> r->flat_bits)
		return fault_at_once(access, ARM64_ADDRESS_SIZE, PT_WHY_ADDRESS_SIZE, pa);
	ptl_translate_flat(pa, mem_of_off(fetch, r, &access->mmu->second), to);
	return 0;
}

/* Field by field: a whole struct would be read back wider than it was written, and wait. */
static void set_want(struct ptl_want *want, const struct pt_access *how, uint64_t control)
{
	want->perms = ptl_perms_of(how->kind);
	want->class = class_of(how, control);
	want->write = ptl_writes(how->kind);
	want->in_walk = false;
}

static bool e0pd_forbids(const struct ptl_regime *r, const struct ptl_want *want)
{
	return r->control & HALF_E0PD && want->class == ARM64_EL0;
}

/* With EPD, as if nothing had been kept: a TLB may forget at any time. */
static bool ask(const struct ptl_access *access, struct ptl_asked *asked)
{
	const struct ptl_regime *r = half_of(access->mmu, access->va);

	asked->r = r;
	asked->in = untagged(access->va, access->how, r->control);
	set_want(&asked->want, access->how, r->control);
	return !is_off(access->mmu, r) && r->walker && in_range(asked->in, r) &&
	       !e0pd_forbids(r, &asked->want);
}

static int translate_stage1(struct ptl_access *access, struct ptl_translation *to)
{
	const struct ptl_regime *r = half_of(access->mmu, access->va);
	pt_va_t va = untagged(access->va, access->how, r->control);
	struct ptl_want want;

	set_want(&want, access->how, r->control);
	if (is_off(access->mmu, r))
		return translate_off(access, r, to);
	if (r->control & HALF_DISABLED)
		return fault_at_once(access, ARM64_TRANSLATION, PT_WHY_DISABLED, 0);
	if (!r->walker || !in_range(va, r))
		return fault_at_once(access, ARM64_TRANSLATION, PT_WHY_VA_WIDTH, 0);
	if (e0pd_forbids(r, &want))
		return fault_at_once(access, ARM64_TRANSLATION, PT_WHY_DISABLED, 0);
	return r->walker->walk(access, r, va, &want, to);
}

static int translate(struct ptl_access *access, struct ptl_translation *to)
{
	int err = translate_stage1(access, to);

	return err || !access->mmu->second.walker ? err : ptl_arm64_second_stage(access, to);
}

static const struct ptl_mmu_arch arch = {
	.max_priv = 1,
	.flags = PT_ACCESS_UNPRIV,
	.translate = translate,
	.second_stage = ptl_arm64_second_stage,
	.ask = ask,
};

/* The rules that hold in both halves. */
static uint64_t rules_of(const struct pt_arm64_regs *regs, const struct ptl_arm64_features *has)
{
	bool pie = has->pie && regs->tcr2 & ARM64_TCR2_PIE;
	bool epan = has->epan && (pie || regs->sctlr & ARM64_SCTLR_EPAN);

	return (regs->sctlr & ARM64_SCTLR_WXN ? ARM64_RULE_WXN : 0) |
	       (has->pan && regs->pan ? ARM64_RULE_PAN : 0) | (epan ? ARM64_RULE_EPAN : 0) |
	       (pie ? ARM64_RULE_PIE : 0) |
	       (has->poe && regs->tcr2 & ARM64_TCR2_POE ? ARM64_RULE_POE : 0) |
	       (has->poe && regs->tcr2 & ARM64_TCR2_E0POE ? ARM64_RULE_E0POE : 0);
}

static uint64_t half_control(const struct pt_arm64_regs *regs,
			     const struct ptl_arm64_features *has, bool upper)
{
	bool tbi = regs->tcr & ARM64_TCR_TBI(upper);

	return (tbi ? HALF_TBI : 0) |
	       (tbi && !(regs->tcr & ARM64_TCR_TBID(upper)) ? HALF_TBI_FETCH : 0) |
	       (has->e0pd && regs->tcr & ARM64_TCR_E0PD(upper) ? HALF_E0PD : 0) |
	       (regs->tcr & ARM64_TCR_EPD(upper) ? HALF_DISABLED : 0) |
	       (regs->sctlr & ARM64_SCTLR_M ? 0 : HALF_OFF) |
	       (regs->sctlr & ARM64_SCTLR_I ? HALF_CACHED : 0) |
	       (has->uao && regs->uao ? HALF_UAO : 0);
}

/*
 * D17.2.131 "TCR_EL1", TG0 and TG1: a reserved granule, or one that is not there, acts
 * as any that is there. Ours is the smallest, as QEMU's.
 */
static uint64_t choose_granule(uint64_t tcr, const struct ptl_arm64_features *has, bool upper)
{
	const struct {
		bool there;
		uint64_t tg0, tg1;
	} granules[] = { { has->granules.gran4, 0, 2 },
			{ has->granules.gran16, 2, 1 },
			{ has->granules.gran64, 1, 3 } };
	unsigned int shift = upper ? 30 : 14;
	uint64_t chosen = tcr;

	for (unsigned int i = 3; i--;) {
		uint64_t tg = upper ? granules[i].tg1 : granules[i].tg0;

		if (!granules[i].there)
			continue;
		if ((tcr >> shift & 3) == tg)
			return tcr;
		chosen = (tcr & ~(UINT64_C(3) << shift)) | tg << shift;
	}
	return chosen;
}

/* What a quick way takes for granted, tags, whom E0PD forbids; with EPD there is no walker. */
static void set_quick(struct ptl_regime *r)
{
	ptl_sieve_require(&r->page, ARM64_AF);
	if (r->key_mask)
		ptl_sieve_refuse(&r->page, ARM64_PO_INDEX);
	for (unsigned int index = 0; index < 8; index++) /* AttrIndx, bits 4:2, in place */
		r->mem[index << 2] = r->fmt.mem_of_index[index];

	/* Near tables are within the width; through a second stage nobody looks at the root. */
	r->is_usual = r->is_usual && !(r->root_pa >> r->fmt.cfg.pa_bits);
	r->class_of[0] = r->control & HALF_E0PD ? PTL_NO_CLASS : ARM64_EL0;
	r->class_of[1] = ARM64_EL1;
	r->class_of[2] = r->class_of[3] = PTL_NO_CLASS;
	if (r->control & HALF_TBI)
		r->va_counts[0] = PTL_BITS(55, 0);
	if (r->control & HALF_TBI_FETCH)
		r->va_counts[1] = PTL_BITS(55, 0);
}

static void set_half(struct ptl_regime *r, const struct pt_phys *phys,
		     const struct pt_arm64_regs *regs, const struct ptl_arm64_features *has,
		     bool upper)
{
	struct pt_arm64_regs chosen = *regs;
	struct pt_fmt_cfg cfg;
	pt_pa_t root;
	bool ok;

	chosen.tcr = choose_granule(regs->tcr, has, upper);
	ok = !ptl_arm64_read_regs(&chosen, has, upper, &cfg, &root);

	if (!ok || ptl_regime_init(r, phys, &cfg, root, ptl_arm64_walker(cfg.fmt)))
		r->walker = NULL;
	r->control = rules_of(regs, has) | half_control(regs, has, upper);
	r->flat_bits = has->pa_bits;
	r->pir = regs->pir;
	r->pire0 = regs->pire0;
	r->keys = regs->por_el0;
	r->priv_keys = regs->por_el1;
	r->set_accessed = has->accessed && regs->tcr & ARM64_TCR_HA;
	r->set_dirty = r->set_accessed && has->dirty && regs->tcr & ARM64_TCR_HD;
	r->clean_mask = 0;
	r->clean_match = 1; /* nothing is */
	if (r->set_dirty)
		r->clean_mask = r->clean_match = r->control & ARM64_RULE_PIE ?
							 ARM64_AP_RO :
							 ARM64_AP_RO | ARM64_DBM;
	/* Indirect permissions and overlays leave no place for hierarchical ones. */
	r->table_mask = cfg.features & PT_FEAT_NO_HPD &&
					!(r->control & (ARM64_RULE_PIE | ARM64_RULE_POE |
							ARM64_RULE_E0POE)) ?
				ARM64_TABLE_RO | ARM64_TABLE_NO_USER | ARM64_TABLE_UXN |
					ARM64_TABLE_PXN :
				0;
	arm64_init_rights(r);
	set_quick(r);
}

bool ptl_arm64_is_loaded(const struct pt_mmu *mmu)
{
	return mmu->arch == &arch;
}

int pt_mmu_set_arm64(struct pt_mmu *mmu, const struct pt_arm64_regs *regs)
{
	struct ptl_arm64_features has = ptl_arm64_read_features(regs);

	for (unsigned int upper = 0; upper < 2; upper++)
		set_half(&mmu->half[upper], mmu->phys, regs, &has, upper);
	if (mmu->arch != &arch)
		mmu->second.walker = NULL; /* the other architecture's */
	mmu->arch = &arch;
	mmu->half_of[1] = &mmu->half[1];
	mmu->stage1 = regs->sctlr & ARM64_SCTLR_M;
	ptl_mmu_stages_changed(mmu);
	return 0;
}
