/* SPDX-License-Identifier: MIT */
/*
 * arm64: stage 2 of the EL1&0 regime.
 *
 * Arm ARM DDI 0487 J.a: D17.2 "VTCR_EL2", "VTTBR_EL2", "HCR_EL2"; D8.2 "Translation process",
 * D8.4.5 "Stage 2 data access permissions", D8.5 "Hardware updates to the translation tables",
 * D8.5.6 "Combining stage 1 and stage 2 memory type attributes"; the pseudocode functions that
 * are named below.
 */
#include "model/mmu_model_arm64.h"

#define HCR_VM MODEL_BIT(0)
#define HCR_PTW MODEL_BIT(2)
#define HCR_DC MODEL_BIT(12)
#define HCR_FWB MODEL_BIT(46)

/* ID_AA64MMFR0_EL1.TGran<n>_2: 0 is as stage 1, 1 not there, 2 there, 3 with 52 bits. */
static void of_stage2(uint64_t field, bool *there, bool *lpa2)
{
	if (field == 0)
		return;
	*there = field >= 2;
	*lpa2 = field == 3;
}

static struct model_arm64_id id_of(const struct pt_arm64_s2_regs *regs)
{
	struct model_arm64_id id = model_arm64_id(regs->mmfr0, regs->mmfr1, regs->mmfr2, 0);
	bool none;

	of_stage2(MODEL_FIELD(regs->mmfr0, 32, 4), &id.gran16, &id.lpa2_16);
	of_stage2(MODEL_FIELD(regs->mmfr0, 36, 4), &id.gran64, &none);
	of_stage2(MODEL_FIELD(regs->mmfr0, 40, 4), &id.gran4, &id.lpa2_4);
	return id;
}

bool model_s2_is_on(const struct pt_arm64_s2_regs *regs)
{
	return regs->hcr & (HCR_VM | HCR_DC);
}

bool model_s2_is_dc(const struct pt_arm64_s2_regs *regs)
{
	return regs->hcr & HCR_DC;
}

/* AArch64.S2StartLevel(), AArch64.S2InvalidSL(): our level of the first table; false: reserved. */
static bool start_of(const struct pt_arm64_s2_regs *regs, const struct model_arm64_id *id,
		     const struct model_shape *shape, unsigned int *top)
{
	uint64_t sl0 = MODEL_FIELD(regs->vtcr, 6, 2), sl2 = MODEL_FIELD(regs->vtcr, 33, 1);
	unsigned int pa_bits = id->pa_bits;

	if (!shape->ds && shape->granule_lg2 != 16 && pa_bits > 48)
		pa_bits = 48;
	switch (shape->granule_lg2) {
	case 12:
		if (shape->ds && sl2) {
			*top = 4;
			return sl0 == 0 && pa_bits == 52;
		}
		*top = sl0 == 3 ? 0 : (unsigned int)sl0 + 1;
		return sl0 == 3 ? id->ttst : sl0 != 2 || pa_bits >= 44;
	case 14:
		*top = (unsigned int)sl0;
		return sl0 == 3 ? shape->ds : sl0 != 2 || pa_bits >= 42;
	default:
		*top = (unsigned int)sl0;
		return sl0 != 3 && (sl0 != 2 || pa_bits >= 44);
	}
}

static bool shape_of(const struct mmu_model *m, struct model_shape *shape)
{
	static const unsigned int tg0[4] = { 12, 16, 14, 0 };
	const struct pt_arm64_s2_regs *regs = &m->s2;
	struct model_arm64_id id = id_of(regs);
	unsigned int bits, low, max, align_lg2;
	unsigned int granule_lg2 = tg0[MODEL_FIELD(regs->vtcr, 14, 2)];
	uint64_t vttbr = regs->vttbr;

	*shape = (struct model_shape){ .form = MODEL_ARM64_S2, .stage = 2 };
	/* a granule that is not there selects nothing */
	if (granule_lg2 == 12 ? !id.gran4 : granule_lg2 == 14 ? !id.gran16 :
	    granule_lg2 == 16 ? !id.gran64 : true)
		return false;
	id.lva = id.pa_bits == 52; /* inputs are as wide as outputs */
	if (!model_arm64_form(&id, granule_lg2, MODEL_FIELD(regs->vtcr, 0, 6),
			      regs->vtcr & MODEL_BIT(32), MODEL_FIELD(regs->vtcr, 16, 3), shape))
		return false;
	max = !shape->ds && shape->granule_lg2 != 16 && id.pa_bits > 48 ? 48 : id.pa_bits;
	if (shape->in_bits > max || !start_of(regs, &id, shape, &shape->top))
		return false;
	/* AArch64.S2InconsistentSL(): up to 16 tables side by side */
	bits = shape->granule_lg2 - 3;
	low = shape->granule_lg2 + bits * shape->top;
	if (shape->in_bits < low + 1 || shape->in_bits > low + bits + 4)
		return false;
	if (shape->top == 4 && shape->in_bits > 52)
		return false;
	align_lg2 = 3 + shape->in_bits - low;
	shape->root = vttbr & (MODEL_BIT(48) - 2);
	if (shape->ds || (shape->granule_lg2 == 16 && shape->pa_bits == 52)) {
		shape->root = (vttbr & (MODEL_BIT(48) - MODEL_BIT(6))) |
			      MODEL_FIELD(vttbr, 2, 4) << 48;
		if (align_lg2 < 6)
			align_lg2 = 6;
	}
	shape->root &= ~(MODEL_BIT(align_lg2) - 1);
	return true;
}

/* Completes the answer's fault as one of stage 2, which is taken to EL2. Returns false. */
static bool at_stage2(struct model_run *run, pt_pa_t ipa, const struct model_want *want)
{
	struct pt_fault *fault = &run->answer->fault;

	if (fault->kind == PT_FAULT_NO_MEMORY)
		return false;
	fault->ipa = ipa;
	fault->in_walk = want->in_walk;
	if (want->in_walk)
		fault->code |= MODEL_BIT(7); /* S1PTW */
	return false;
}

/* D8.5 "Memory region attributes": MemAttr without and with HCR.FWB; OTHER: mixed or reserved. */
static enum pt_mem mem_of(uint64_t leaf, bool fwb)
{
	enum { OTHER = PT_MEM_OTHER };
	static const uint8_t plain[16] = {
		PT_MEM_UC, PT_MEM_DEV_nGnRE, PT_MEM_DEV_nGRE, PT_MEM_DEV_GRE,
		OTHER, PT_MEM_WC, OTHER, OTHER, OTHER, OTHER, PT_MEM_WT, OTHER,
		OTHER, OTHER, OTHER, PT_MEM_WB,
	};
	static const uint8_t forced[16] = {
		PT_MEM_UC, PT_MEM_DEV_nGnRE, PT_MEM_DEV_nGRE, PT_MEM_DEV_GRE,
		OTHER, PT_MEM_WC, PT_MEM_WB, PT_MEM_STAGE1, OTHER, OTHER, OTHER, OTHER,
		OTHER, OTHER, OTHER, OTHER,
	};

	return (enum pt_mem)(fwb ? forced : plain)[MODEL_FIELD(leaf, 2, 4)];
}

static bool is_device(enum pt_mem mem)
{
	return mem == PT_MEM_UC || mem == PT_MEM_DEV_nGnRE || mem == PT_MEM_DEV_nGRE ||
	       mem == PT_MEM_DEV_GRE;
}

static bool may_fetch(uint64_t leaf, unsigned int el, bool xnx)
{
	switch (xnx ? MODEL_FIELD(leaf, 53, 2) : MODEL_FIELD(leaf, 54, 1) << 1) {
	case 0:
		return true;
	case 1:
		return el == 0;
	case 2:
		return false;
	default:
		return el == 1;
	}
}

/* What a leaf lets EL @el do; AArch64.S2CheckPermissions(). @clean: a write sets S2AP[1] first. */
static unsigned int perms_of(uint64_t leaf, unsigned int el, bool xnx, bool clean)
{
	return (leaf & MODEL_BIT(6) ? PT_PERM_READ : 0) |
	       (clean || leaf & MODEL_BIT(7) ? PT_PERM_WRITE : 0) |
	       (may_fetch(leaf, el, xnx) ? PT_PERM_EXEC : 0);
}

static unsigned int wants(enum pt_access_kind kind)
{
	switch (kind) {
	case PT_ACCESS_READ:
		return PT_PERM_READ;
	case PT_ACCESS_WRITE:
		return PT_PERM_WRITE;
	case PT_ACCESS_RMW:
		return PT_PERM_READ | PT_PERM_WRITE;
	default:
		return PT_PERM_EXEC;
	}
}

static bool refuse(struct model_run *run, const struct model_want *want, unsigned int missing,
		   unsigned int has, unsigned int level, const struct model_path *path)
{
	bool fails_reads = want->in_walk ? want->for_all : !(has & PT_PERM_READ);

	model_arm64_fault(run, 2, MODEL_PERMISSION, PT_WHY_STAGE2_DEVICE, level, path);
	/* WnR of an atomic, unless its read would have failed */
	if (run->how->kind == PT_ACCESS_RMW && !fails_reads)
		run->answer->fault.code |= MODEL_BIT(6);
	if (missing)
		run->answer->whys = (missing & PT_PERM_READ ? 1u << PT_WHY_READ : 0) |
				    (missing & PT_PERM_WRITE ? 1u << PT_WHY_WRITE : 0) |
				    (missing & PT_PERM_EXEC ? 1u << PT_WHY_EXEC : 0);
	return false;
}

static bool translate(struct model_run *run, pt_pa_t ipa, const struct model_want *want,
		      struct model_leaf *to)
{
	const struct pt_arm64_s2_regs *regs = &run->m->s2;
	struct model_arm64_id id = id_of(regs);
	bool all = !(regs->mmfr0 | regs->mmfr1 | regs->mmfr2);
	bool xnx = all || MODEL_FIELD(regs->mmfr1, 28, 4);
	bool fwb = regs->hcr & HCR_FWB && (all || MODEL_FIELD(regs->mmfr2, 40, 4));
	bool ha = id.hafdbs >= 1 && regs->vtcr & MODEL_BIT(21);
	bool hd = ha && id.hafdbs >= 2 && regs->vtcr & MODEL_BIT(22), clean;
	/* the walker is no exception level: only data rights are asked of it */
	unsigned int el = want->in_walk ? 0 : run->how->priv, level, has, missing;
	struct model_shape shape;
	struct model_path path;
	uint64_t tables, leaf;

	if (!shape_of(run->m, &shape) || ipa >> shape.in_bits) {
		model_arm64_fault(run, 2, MODEL_TRANSLATION, PT_WHY_NOT_PRESENT, 3, NULL);
		return at_stage2(run, ipa, want);
	}
	if (!model_arm64_walk(run, &shape, ipa, &path, &level, &tables))
		return at_stage2(run, ipa, want);
	leaf = path.raw[level];
	if (!(leaf & MODEL_BIT(10)) && !ha) {
		model_arm64_fault(run, 2, MODEL_ACCESS_FLAG, PT_WHY_ACCESS_FLAG, level, &path);
		return at_stage2(run, ipa, want);
	}
	clean = hd && leaf & MODEL_BIT(51) && !(leaf & MODEL_BIT(7));
	has = perms_of(leaf, el, xnx, clean);
	missing = wants(want->kind) & ~has;
	if (missing || (want->in_walk && regs->hcr & HCR_PTW && is_device(mem_of(leaf, fwb)))) {
		refuse(run, want, missing, has, level, &path);
		return at_stage2(run, ipa, want);
	}
	model_change(run, &shape, &path, level,
		     MODEL_BIT(10) | (clean && model_writes(want->kind) ? MODEL_BIT(7) : 0), 0);
	model_arm64_place(&shape, &path, level, ipa, to);
	to->mem = mem_of(leaf, fwb);
	to->ignores_first = fwb && to->mem == PT_MEM_WB;
	to->perms = has;
	return true;
}

/* Device before Normal, and of each the stricter; of Normal the less cached. */
static bool combine(const struct mmu_model *m, struct model_leaf *to,
		    const struct model_leaf *second)
{
	static const enum pt_mem strictest_first[] = {
		PT_MEM_UC, PT_MEM_DEV_nGnRE, PT_MEM_DEV_nGRE, PT_MEM_DEV_GRE, PT_MEM_WC,
		PT_MEM_WT, PT_MEM_WB,
	};
	enum pt_mem first = to->mem;

	(void)m;
	if (second->mem == PT_MEM_STAGE1)
		return true;
	if (second->ignores_first) {
		to->mem = second->mem;
		return first != PT_MEM_WB_TAGGED;
	}
	/* what has no name here may be any; tags stay if both are write-back */
	if ((first == PT_MEM_OTHER && !is_device(second->mem)) || second->mem == PT_MEM_OTHER)
		return false;
	if (first == PT_MEM_WB_TAGGED && second->mem == PT_MEM_WB)
		return true;
	for (unsigned int i = 0; i < sizeof(strictest_first) / sizeof(strictest_first[0]); i++) {
		to->mem = strictest_first[i];
		if (first == to->mem || second->mem == to->mem)
			break;
	}
	return true;
}

const struct model_second model_arm64_s2 = {
	.name = "stage 2",
	.translate = translate,
	.combine = combine,
	.shape = shape_of,
};
