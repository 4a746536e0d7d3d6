/* SPDX-License-Identifier: MIT */
/*
 * What TCR_EL1, TTBR0_EL1 and TTBR1_EL1 select, as far as the ID registers say
 * that the machine has it.
 *
 *   Arm ARM DDI 0487 J.a, D17.2.131 "TCR_EL1", D17.2.144 "TTBR0_EL1",
 *   D17.2.147 "TTBR1_EL1", D17.2.64 to .66 "ID_AA64MMFR0_EL1" and following
 */
#include "arm64/fmt_arm64_regs.h"

struct ptl_arm64_features ptl_arm64_read_features(const struct pt_arm64_regs *regs)
{
	uint64_t mmfr0 = regs->mmfr0, mmfr1 = regs->mmfr1, mmfr2 = regs->mmfr2;
	struct ptl_arm64_features has;

	if (!(mmfr0 | mmfr1 | mmfr2 | regs->mmfr3))
		return (struct ptl_arm64_features){
			.granules = ARM64_ALL_GRANULES, .lpa = true, .lva = true, .ttst = true,
			.hpd = true, .accessed = true, .dirty = true, .pan = true, .epan = true,
			.uao = true, .e0pd = true, .pie = true, .poe = true, .pa_bits = 52,
		};
	has = (struct ptl_arm64_features){
		.granules = arm64_granules(mmfr0, false),
		.lpa = arm64_field(mmfr0, 0, 4) >= 6,
		.accessed = arm64_field(mmfr1, 0, 4) >= 1,
		.dirty = arm64_field(mmfr1, 0, 4) >= 2,
		.hpd = arm64_field(mmfr1, 12, 4) >= 1,
		.pan = arm64_field(mmfr1, 20, 4) >= 1,
		.epan = arm64_field(mmfr1, 20, 4) >= 3,
		.uao = arm64_field(mmfr2, 4, 4) >= 1,
		.lva = arm64_field(mmfr2, 16, 4) >= 1,
		.ttst = arm64_field(mmfr2, 28, 4) >= 1,
		.bbm = arm64_field(mmfr2, 52, 4),
		.e0pd = arm64_field(mmfr2, 60, 4) >= 1,
		.pie = arm64_field(regs->mmfr3, 8, 4) >= 1,
		.poe = arm64_field(regs->mmfr3, 16, 4) >= 1,
		.pa_bits = arm64_pa_bits(arm64_field(mmfr0, 0, 4)),
	};
	has.bbm = has.bbm <= 2 ? has.bbm : 2;
	return has;
}

/* TG0 and TG1 encode the same three granules differently. 0: reserved. */
static unsigned int granule_lg2(uint64_t tcr, bool upper)
{
	static const unsigned int tg1[4] = { 0, 14, 12, 16 };

	return upper ? tg1[arm64_field(tcr, 30, 2)] : arm64_tg0_lg2(tcr);
}

int ptl_arm64_read_regs(const struct pt_arm64_regs *regs, const struct ptl_arm64_features *has,
			bool upper, struct pt_fmt_cfg *cfg, pt_pa_t *root)
{
	static const enum pt_format formats[ARM64_NR_FORMATS] = {
		[ARM64_4K] = PT_FMT_ARM64_4K,
		[ARM64_4K_LPA2] = PT_FMT_ARM64_4K_LPA2,
		[ARM64_16K] = PT_FMT_ARM64_16K,
		[ARM64_16K_LPA2] = PT_FMT_ARM64_16K_LPA2,
		[ARM64_64K] = PT_FMT_ARM64_64K,
	};
	uint64_t tcr = regs->tcr, ttbr = upper ? regs->ttbr1 : regs->ttbr0;
	unsigned int pa_bits = arm64_pa_bits(arm64_field(tcr, 32, 3));
	bool lpa2;

	*cfg = (struct pt_fmt_cfg){ .upper_half = upper, .mem_types = regs->mair, .bbm = has->bbm };
	if (tcr & ARM64_TCR_EPD(upper))
		return -ENOENT;
	if (arm64_pick_format(cfg, formats, &has->granules, granule_lg2(tcr, upper),
			      tcr & ARM64_TCR_DS))
		return -EINVAL;
	lpa2 = arm64_is_lpa2(cfg->fmt);
	cfg->va_bits = 64 - arm64_field(tcr, upper ? 16 : 0, 6);
	if (cfg->va_bits > 48 && !lpa2 && !has->lva)
		return -EINVAL;
	/* More than the machine has means all it has; 52 only in the forms with room for it. */
	cfg->pa_bits = pa_bits < has->pa_bits ? pa_bits : has->pa_bits;
	if (cfg->pa_bits == 52 && !lpa2 && cfg->fmt != PT_FMT_ARM64_64K)
		cfg->pa_bits = 48;
	cfg->share = lpa2 ? arm64_field(tcr, upper ? 28 : 12, 2) : 0;
	if (cfg->fmt == PT_FMT_ARM64_64K && has->lpa)
		cfg->features |= PT_FEAT_LPA;
	if (has->ttst)
		cfg->features |= PT_FEAT_TTST;
	if (!has->hpd || !(tcr & ARM64_TCR_HPD(upper)))
		cfg->features |= PT_FEAT_NO_HPD;
	if (has->dirty && (tcr & ARM64_TCR_HA) && (tcr & ARM64_TCR_HD))
		cfg->features |= PT_FEAT_HD;
	*root = arm64_root(ttbr, cfg->pa_bits == 52 || lpa2);
	return 0;
}

int pt_fmt_cfg_arm64(struct pt_fmt_cfg *cfg, pt_pa_t *root, const struct pt_arm64_regs *regs,
		     bool upper)
{
	struct ptl_arm64_features has = ptl_arm64_read_features(regs);
	struct pt_fmt_cfg found;
	struct pt_format_info info;
	pt_pa_t found_root;
	int err = ptl_arm64_read_regs(regs, &has, upper, &found, &found_root);

	if (err)
		return err;
	if (pt_format_info(&found, &info))
		return -EINVAL;
	*root = ptl_align_down(found_root, info.root_align_lg2);
	*cfg = found;
	return 0;
}
