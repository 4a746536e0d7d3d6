/* SPDX-License-Identifier: MIT */
/*
 * What TCR_EL1, TTBR0_EL1 and TTBR1_EL1 select, as far as the ID registers say
 * that the machine has it.
 *
 *   Arm ARM DDI 0487 J.a, D17.2.131 "TCR_EL1", D17.2.144 "TTBR0_EL1",
 *   D17.2.147 "TTBR1_EL1", D17.2.64 to .66 "ID_AA64MMFR0_EL1" and following
 */
#include <ptlib/format.h>

#include "base/bits.h"

#define TCR_EPD(upper) PTL_BIT((upper) ? 23 : 7)
#define TCR_HA PTL_BIT(39)
#define TCR_HD PTL_BIT(40)
#define TCR_HPD(upper) PTL_BIT((upper) ? 42 : 41)
#define TCR_DS PTL_BIT(59)

static unsigned int field(uint64_t reg, unsigned int low, unsigned int nr)
{
	return (unsigned int)(reg >> low & (PTL_BIT(nr) - 1));
}

/* What the ID registers say; all of it if they say nothing. */
struct features {
	bool gran4, gran16, gran64;
	bool lpa2_4k, lpa2_16k, lpa, lva, ttst, hpd, dirty;
	unsigned int pa_range; /* as TCR.IPS encodes it */
	unsigned int bbm;
};

static struct features read_features(const struct pt_arm64_regs *regs)
{
	struct features has = { true, true, true, true, true, true, true, true, true, true, 6, 0 };

	if (!(regs->mmfr0 | regs->mmfr1 | regs->mmfr2))
		return has;
	has.pa_range = field(regs->mmfr0, 0, 4);
	has.gran4 = field(regs->mmfr0, 28, 4) <= 1;
	has.gran16 = field(regs->mmfr0, 20, 4) >= 1;
	has.gran64 = field(regs->mmfr0, 24, 4) == 0;
	has.lpa2_4k = field(regs->mmfr0, 28, 4) == 1;
	has.lpa2_16k = field(regs->mmfr0, 20, 4) == 2;
	has.lpa = has.pa_range >= 6;
	has.lva = field(regs->mmfr2, 16, 4) >= 1;
	has.ttst = field(regs->mmfr2, 28, 4) >= 1;
	has.hpd = field(regs->mmfr1, 12, 4) >= 1;
	has.dirty = field(regs->mmfr1, 0, 4) >= 2;
	has.bbm = field(regs->mmfr2, 52, 4);
	return has;
}

/* TG0 and TG1 encode the same three granules differently. 0: reserved. */
static unsigned int granule_lg2(uint64_t tcr, bool upper)
{
	static const unsigned int tg0[4] = { 12, 16, 14, 0 }, tg1[4] = { 0, 14, 12, 16 };

	return upper ? tg1[field(tcr, 30, 2)] : tg0[field(tcr, 14, 2)];
}

static int pick_format(struct pt_fmt_cfg *cfg, const struct features *has, unsigned int granule,
		       bool ds)
{
	if (granule == 12 && has->gran4)
		cfg->fmt = ds && has->lpa2_4k ? PT_FMT_ARM64_4K_LPA2 : PT_FMT_ARM64_4K;
	else if (granule == 14 && has->gran16)
		cfg->fmt = ds && has->lpa2_16k ? PT_FMT_ARM64_16K_LPA2 : PT_FMT_ARM64_16K;
	else if (granule == 16 && has->gran64)
		cfg->fmt = PT_FMT_ARM64_64K;
	else
		return -EINVAL;
	return 0;
}

static pt_pa_t root_of(uint64_t ttbr, const struct pt_fmt_cfg *cfg,
		       const struct pt_format_info *info)
{
	pt_pa_t root = ttbr & PTL_BITS(47, 1); /* above: ASID; bit 0: CnP */

	/* With DS=1, or 64K and 52 bits out, bits 5:2 are address bits 51:48. */
	if (cfg->pa_bits == 52 || cfg->fmt == PT_FMT_ARM64_4K_LPA2 ||
	    cfg->fmt == PT_FMT_ARM64_16K_LPA2)
		root = (ttbr & PTL_BITS(47, 6)) | (ttbr & PTL_BITS(5, 2)) << 46;
	return ptl_align_down(root, info->root_align_lg2);
}

int pt_fmt_cfg_arm64(struct pt_fmt_cfg *cfg, pt_pa_t *root, const struct pt_arm64_regs *regs,
		     bool upper)
{
	static const unsigned int pa_bits[8] = { 32, 36, 40, 42, 44, 48, 52, 52 };
	struct features has = read_features(regs);
	unsigned int ips = field(regs->tcr, 32, 3);
	bool ds = regs->tcr & TCR_DS, lpa2;
	struct pt_fmt_cfg found = { .upper_half = upper, .mem_types = regs->mair };
	struct pt_format_info info;

	if (regs->tcr & TCR_EPD(upper))
		return -ENOENT;
	if (pick_format(&found, &has, granule_lg2(regs->tcr, upper), ds))
		return -EINVAL;
	lpa2 = found.fmt == PT_FMT_ARM64_4K_LPA2 || found.fmt == PT_FMT_ARM64_16K_LPA2;
	found.va_bits = 64 - field(regs->tcr, upper ? 16 : 0, 6);
	if (found.va_bits > 48 && !lpa2 && !has.lva)
		return -EINVAL;
	/* More than the machine has means all it has; 52 only in the forms with room for it. */
	found.pa_bits = pa_bits[ips < has.pa_range ? ips : has.pa_range & 7];
	if (found.pa_bits == 52 && !lpa2 && found.fmt != PT_FMT_ARM64_64K)
		found.pa_bits = 48;
	found.bbm = has.bbm <= 2 ? has.bbm : 2;
	found.share = lpa2 ? field(regs->tcr, upper ? 28 : 12, 2) : 0;
	if (found.fmt == PT_FMT_ARM64_64K && has.lpa)
		found.features |= PT_FEAT_LPA;
	if (has.ttst)
		found.features |= PT_FEAT_TTST;
	if (!has.hpd || !(regs->tcr & TCR_HPD(upper)))
		found.features |= PT_FEAT_NO_HPD;
	if (has.dirty && (regs->tcr & (TCR_HA | TCR_HD)) == (TCR_HA | TCR_HD))
		found.features |= PT_FEAT_HD;
	if (pt_format_info(&found, &info))
		return -EINVAL;
	*root = root_of(upper ? regs->ttbr1 : regs->ttbr0, &found, &info);
	*cfg = found;
	return 0;
}
