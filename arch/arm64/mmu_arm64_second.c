/* SPDX-License-Identifier: MIT */
/*
 * The second stage of arm64: what is behind a guest's tables, or behind its
 * addresses if it has none.
 *
 *   Arm ARM DDI 0487 J.a, D8.2 "Translation process"; D8.5.6 "Combining stage 1
 *   and stage 2 memory type attributes", D8.5.7 "Stage 2 memory type forcing"
 */
#include "arm64/fmt_arm64_regs.h"
#include "arm64/fault_arm64_s2.h"
#include "arm64/mmu_arm64.h"
#include "mmu/kept.h"

static const struct ptl_walker *walker_of(enum pt_format fmt)
{
	switch (fmt) {
	case PT_FMT_ARM64_S2_4K:
		return &ptl_walker_arm64_s2_4k;
	case PT_FMT_ARM64_S2_4K_LPA2:
		return &ptl_walker_arm64_s2_4k_lpa2;
	case PT_FMT_ARM64_S2_16K:
		return &ptl_walker_arm64_s2_16k;
	case PT_FMT_ARM64_S2_16K_LPA2:
		return &ptl_walker_arm64_s2_16k_lpa2;
	default:
		return &ptl_walker_arm64_s2_64k;
	}
}

/*
 * The stricter of both stages' types wins: Device before Normal, less cached before
 * more. Tags are stage 1's: it keeps them where the outcome is write-back.
 */
static unsigned int strictness(enum pt_mem mem)
{
	static const uint8_t rank[PT_MEM_NR] = {
		[PT_MEM_UC] = 7, [PT_MEM_DEV_nGnRE] = 6, [PT_MEM_DEV_nGRE] = 5,
		[PT_MEM_DEV_GRE] = 4, [PT_MEM_WC] = 3, [PT_MEM_OTHER] = 2,
		[PT_MEM_WT] = 1, [PT_MEM_WB] = 0, [PT_MEM_WB_TAGGED] = 0,
	};

	return rank[mem];
}

static enum pt_mem combine(enum pt_mem stage1, const struct ptl_translation *stage2)
{
	if (stage2->ignores_stage1_mem)
		return stage1 == PT_MEM_WB_TAGGED ? stage1 : stage2->mem;
	if (stage2->mem == PT_MEM_STAGE1)
		return stage1;
	return strictness(stage1) >= strictness(stage2->mem) ? stage1 : stage2->mem;
}

int ptl_arm64_second_stage(struct ptl_access *access, struct ptl_translation *to)
{
	const struct ptl_want want = {
		.perms = ptl_perms_of(access->how->kind),
		.class = access->how->priv,
		.write = ptl_writes(access->how->kind),
	};
	const struct ptl_regime *r = &access->mmu->second;
	struct ptl_translation host;
	unsigned int perms;

	if (ptl_second_walk(access, to->pa, &want, &host))
		return 1;
	to->pa = host.pa;
	to->perms &= host.perms;
	to->size_lg2 = (unsigned int)ptl_min(to->size_lg2, host.size_lg2);
	to->mem = combine(to->mem, &host);
	/* FEAT_XNX: EL0 and EL1 differ in fetches. There are no table attributes. */
	if (!access->kept)
		return 0;
	perms = host.perms & (PT_PERM_READ | PT_PERM_WRITE);
	perms |= r->walker->judge(r, PTL_KEPT_NO_TABLES, host.raw, 0) &
		 r->walker->judge(r, PTL_KEPT_NO_TABLES, host.raw, 1) & PT_PERM_EXEC;
	ptl_keep_second(access, &want, &host, to, perms, ARM64_AF);
	return 0;
}

/* What is set beside the tables' form. */
static void set_rules(struct ptl_regime *r, const struct pt_arm64_s2_regs *regs)
{
	const struct pt_arm64_regs id = { .mmfr0 = regs->mmfr0, .mmfr1 = regs->mmfr1,
					  .mmfr2 = regs->mmfr2 };

	r->stage = 2;
	r->stands_alone = regs->hcr & ARM64_HCR_DC;
	r->control = (regs->hcr & ARM64_HCR_PTW ? ARM64_S2_RULE_PTW : 0) |
		     (regs->hcr & ARM64_HCR_DC ? ARM64_S2_RULE_DC : 0);
	r->set_accessed = regs->vtcr & ARM64_VTCR_HA && ptl_arm64_read_features(&id).accessed;
	r->set_dirty = r->fmt.cfg.features & PT_FEAT_HD;
	r->clean_mask = r->set_dirty ? ARM64_DBM | ARM64_S2_WRITE : 0;
	r->clean_match = r->set_dirty ? ARM64_DBM : 1; /* 1: nothing is */
	arm64_s2_init_rights(r);
	ptl_sieve_require(&r->page, ARM64_AF);
	for (unsigned int index = 0; index < 16; index++) /* MemAttr, bits 5:2, in place */
		r->mem[index << 2] = r->fmt.mem_of_index[index];
}

int pt_mmu_set_arm64_s2(struct pt_mmu *mmu, const struct pt_arm64_s2_regs *regs)
{
	struct ptl_regime *r = &mmu->second;
	struct pt_fmt_cfg cfg;
	pt_pa_t root = 0;
	int err = regs ? pt_fmt_cfg_arm64_s2(&cfg, &root, regs) : -ENOENT;
	bool broken = err && err != -ENOENT;

	if (!ptl_arm64_is_loaded(mmu))
		return -EINVAL;
	if (broken) /* what to report does not depend on the form */
		err = pt_fmt_cfg_init(&cfg, PT_FMT_ARM64_S2_4K);
	if (!err)
		err = ptl_regime_init(r, mmu->phys, &cfg, root, walker_of(cfg.fmt));
	if (err) {
		r->walker = NULL;
	} else {
		set_rules(r, regs);
		r->broken = broken;
		/* What the quick way does not look at. */
		if (broken || r->control & ARM64_S2_RULE_PTW)
			r->may_be_quick = false;
	}
	ptl_mmu_stages_changed(mmu);
	return 0;
}
