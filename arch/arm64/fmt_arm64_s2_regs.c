/* SPDX-License-Identifier: MIT */
/*
 * What VTCR_EL2, VTTBR_EL2 and HCR_EL2 select for stage 2, as far as the ID
 * registers say that the machine has it.
 *
 *   Arm ARM DDI 0487 J.a, D17.2 "General system control registers": "VTCR_EL2",
 *   "VTTBR_EL2", "HCR_EL2", "ID_AA64MMFR0_EL1" and following; D8.2 "Translation
 *   process" and the pseudocode AArch64.S2StartLevel(), AArch64.S2InvalidSL() and
 *   AArch64.S2InconsistentSL() for which T0SZ and start levels go together
 */
#include "arm64/fmt_arm64_regs.h"

/* What the ID registers say; all of it if they say nothing. */
struct features {
	struct arm64_granules granules;
	bool ttst, dirty, xnx, fwb;
	unsigned int pa_bits;
	unsigned int bbm;
};

static struct features read_features(const struct pt_arm64_s2_regs *regs)
{
	struct features has = { ARM64_ALL_GRANULES, true, true, true, true, 52, 0 };

	if (!(regs->mmfr0 | regs->mmfr1 | regs->mmfr2))
		return has;
	has.granules = arm64_granules(regs->mmfr0, true);
	has.pa_bits = arm64_pa_bits(arm64_field(regs->mmfr0, 0, 4));
	has.dirty = arm64_field(regs->mmfr1, 0, 4) >= 2;
	has.xnx = arm64_field(regs->mmfr1, 28, 4) >= 1;
	has.ttst = arm64_field(regs->mmfr2, 28, 4) >= 1;
	has.fwb = arm64_field(regs->mmfr2, 40, 4) >= 1;
	has.bbm = arm64_field(regs->mmfr2, 52, 4);
	return has;
}

/*
 * The levels of a walk that SL0, and with 4K and DS SL2, begin; 0: none begins so on
 * a machine of @pa_bits.
 *
 *	SL2:SL0   4K                          16K                     64K
 *	  00      2                           1                       1
 *	  01      3                           2                       2
 *	  10      4, from 44 bits on          3, from 42 bits on      3, from 44 bits on
 *	  11      1, with TTST                4, with DS              -
 *	 100      5, with DS and 52 bits
 */
static unsigned int levels_of_sl(uint64_t vtcr, enum pt_format fmt, const struct features *has)
{
	unsigned int sl0 = arm64_field(vtcr, 6, 2);

	switch (fmt) {
	case PT_FMT_ARM64_S2_4K:
	case PT_FMT_ARM64_S2_4K_LPA2:
		if (fmt == PT_FMT_ARM64_S2_4K_LPA2 && vtcr & ARM64_VTCR_SL2)
			return sl0 == 0 && has->pa_bits == 52 ? 5 : 0;
		if (sl0 == 3)
			return has->ttst ? 1 : 0;
		return sl0 == 2 && has->pa_bits < 44 ? 0 : sl0 + 2;
	case PT_FMT_ARM64_S2_16K:
	case PT_FMT_ARM64_S2_16K_LPA2:
		if (sl0 == 3)
			return fmt == PT_FMT_ARM64_S2_16K_LPA2 ? 4 : 0;
		return sl0 == 2 && has->pa_bits < 42 ? 0 : sl0 + 1;
	default:
		return sl0 == 3 || (sl0 == 2 && has->pa_bits < 44) ? 0 : sl0 + 1;
	}
}

int pt_fmt_cfg_arm64_s2(struct pt_fmt_cfg *cfg, pt_pa_t *root, const struct pt_arm64_s2_regs *regs)
{
	static const enum pt_format formats[ARM64_NR_FORMATS] = {
		[ARM64_4K] = PT_FMT_ARM64_S2_4K,
		[ARM64_4K_LPA2] = PT_FMT_ARM64_S2_4K_LPA2,
		[ARM64_16K] = PT_FMT_ARM64_S2_16K,
		[ARM64_16K_LPA2] = PT_FMT_ARM64_S2_16K_LPA2,
		[ARM64_64K] = PT_FMT_ARM64_S2_64K,
	};
	struct features has = read_features(regs);
	unsigned int ps = arm64_pa_bits(arm64_field(regs->vtcr, 16, 3));
	struct pt_fmt_cfg found = { .va_bits = 64 - arm64_field(regs->vtcr, 0, 6) };
	struct pt_format_info info;
	bool lpa2;

	if (!(regs->hcr & (ARM64_HCR_VM | ARM64_HCR_DC)))
		return -ENOENT;
	if (arm64_pick_format(&found, formats, &has.granules, arm64_tg0_lg2(regs->vtcr),
			      regs->vtcr & ARM64_VTCR_DS))
		return -EINVAL;
	lpa2 = arm64_is_lpa2(found.fmt);
	/* More than the machine has means all it has; 52 only in the forms with room for it. */
	if (!lpa2 && found.fmt != PT_FMT_ARM64_S2_64K && has.pa_bits > 48)
		has.pa_bits = 48;
	found.pa_bits = ps < has.pa_bits ? ps : has.pa_bits;
	found.levels = levels_of_sl(regs->vtcr, found.fmt, &has);
	if (!found.levels || found.va_bits > has.pa_bits)
		return -EINVAL;
	found.bbm = has.bbm <= 2 ? has.bbm : 2;
	found.share = lpa2 ? arm64_field(regs->vtcr, 12, 2) : 0;
	found.features = (found.fmt == PT_FMT_ARM64_S2_64K && has.pa_bits == 52 ? PT_FEAT_LPA : 0) |
			 (has.ttst ? PT_FEAT_TTST : 0) | (has.xnx ? PT_FEAT_XNX : 0) |
			 (has.fwb && regs->hcr & ARM64_HCR_FWB ? PT_FEAT_FWB : 0);
	if (has.dirty &&
	    (regs->vtcr & (ARM64_VTCR_HA | ARM64_VTCR_HD)) == (ARM64_VTCR_HA | ARM64_VTCR_HD))
		found.features |= PT_FEAT_HD;
	if (pt_format_info(&found, &info))
		return -EINVAL;
	*root = ptl_align_down(arm64_root(regs->vttbr, found.pa_bits == 52 || lpa2),
			       info.root_align_lg2);
	*cfg = found;
	return 0;
}
