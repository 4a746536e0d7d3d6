/* SPDX-License-Identifier: MIT */
/*
 * Which registers select a table of stage 1 or 2: fmt_arm64_regs.c and fmt_arm64_s2_regs.c the
 * other way. Fields are set from a configuration and read again, and what is not read as it was
 * asked for cannot be had: which widths, features and levels go together is said there alone.
 *
 *   Arm ARM DDI 0487 J.a, D17.2.131 "TCR_EL1", D17.2.144 "TTBR0_EL1", D17.2.118 "SCTLR_EL1",
 *   D17.2.64 to .67 "ID_AA64MMFR0_EL1" and following; "VTCR_EL2", "VTTBR_EL2", "HCR_EL2"
 */
#include <ptlib/regs.h>

#include "arm64/fmt_arm64_regs.h"
#include "pt/fmt_cfg.h"

static uint64_t with_field(uint64_t reg, unsigned int low, unsigned int nr, uint64_t value)
{
	return (reg & ~((PTL_BIT(nr) - 1) << low)) | value << low;
}

static uint64_t with_bits(uint64_t reg, uint64_t bits, bool on)
{
	return on ? reg | bits : reg & ~bits;
}

static bool is_64k(const struct pt_fmt_cfg *cfg)
{
	return cfg->fmt == PT_FMT_ARM64_64K || cfg->fmt == PT_FMT_ARM64_S2_64K;
}

/* PARange, IPS and PS. */
static uint64_t range_of(unsigned int pa_bits)
{
	unsigned int range = 0;

	while (range < 6 && arm64_pa_bits(range) < pa_bits)
		range++;
	return range;
}

/* TG0 of TCR and VTCR; TG1 */
static uint64_t tg_of(unsigned int granule_lg2, bool upper)
{
	static const uint8_t tg[2][17] = {
		{ [12] = 0, [14] = 2, [16] = 1 },
		{ [12] = 2, [14] = 1, [16] = 3 },
	};

	return tg[upper][granule_lg2];
}

/* A TTBR or VTTBR: ASID or VMID and CnP stay. */
static uint64_t ttbr_of(uint64_t ttbr, const struct pt_fmt_cfg *cfg, pt_pa_t root)
{
	uint64_t kept = ttbr & (PTL_BITS(63, 48) | PTL_BIT(0));

	if (arm64_is_lpa2(cfg->fmt) || cfg->pa_bits == 52)
		return kept | (root & PTL_BITS(47, 6)) | (root >> 46 & PTL_BITS(5, 2));
	return kept | (root & PTL_BITS(47, 1));
}

/* A machine that has everything but what @cfg is without. */
static void fill_features(const struct pt_fmt_cfg *cfg, uint64_t *mmfr0, uint64_t *mmfr1,
			  uint64_t *mmfr2)
{
	bool narrow = is_64k(cfg) && !(cfg->features & PT_FEAT_LPA);

	/* TGran4 and TGran16 with 52 bits, TGran64, PARange; XNX, PAN3, HPDS, HAFDBS */
	*mmfr0 = UINT64_C(1) << 28 | UINT64_C(2) << 20 | range_of(narrow ? 48 : 52);
	*mmfr1 = UINT64_C(1) << 28 | UINT64_C(3) << 20 | UINT64_C(1) << 12 | 2;
	/* E0PD, BBM, FWB, TTST, VARange, UAO */
	*mmfr2 = UINT64_C(1) << 60 | (uint64_t)cfg->bbm << 52 | UINT64_C(1) << 40 |
		 (cfg->features & PT_FEAT_TTST ? UINT64_C(1) << 28 : 0) | UINT64_C(1) << 16 |
		 UINT64_C(1) << 4;
}

/* ---- stage 1 ---- */

/* What registers select for one half. */
struct half {
	int err;
	struct pt_fmt_cfg cfg;
	pt_pa_t root;
};

static struct half read_half(const struct pt_arm64_regs *regs, bool upper)
{
	struct half half = { 0 };

	half.err = pt_fmt_cfg_arm64(&half.cfg, &half.root, regs, upper);
	return half;
}

static bool is_half(const struct half *half, const struct pt_fmt_cfg *cfg, pt_pa_t root)
{
	return !half->err && half->root == root && ptl_fmt_cfg_equal(&half->cfg, cfg);
}

static void fill_id_registers(struct pt_arm64_regs *regs, const struct pt_fmt_cfg *cfg)
{
	if (regs->mmfr0 | regs->mmfr1 | regs->mmfr2 | regs->mmfr3)
		return;
	fill_features(cfg, &regs->mmfr0, &regs->mmfr1, &regs->mmfr2);
	regs->mmfr3 = UINT64_C(1) << 16 | UINT64_C(1) << 8; /* S1POE, S1PIE */
}

/* Fields of one half. */
static void set_half(struct pt_arm64_regs *regs, const struct pt_fmt_cfg *cfg,
		     unsigned int granule_lg2, pt_pa_t root)
{
	bool upper = cfg->upper_half;
	unsigned int low = upper ? 16 : 0;
	uint64_t *ttbr = upper ? &regs->ttbr1 : &regs->ttbr0;

	*ttbr = ttbr_of(*ttbr, cfg, root);
	regs->tcr = with_field(regs->tcr, low, 6, 64 - cfg->va_bits); /* TxSZ */
	regs->tcr = with_field(regs->tcr, upper ? 30 : 14, 2, tg_of(granule_lg2, upper));
	regs->tcr = with_bits(regs->tcr, ARM64_TCR_EPD(upper), false);
	regs->tcr = with_bits(regs->tcr, ARM64_TCR_HPD(upper), !(cfg->features & PT_FEAT_NO_HPD));
	if (arm64_is_lpa2(cfg->fmt))
		regs->tcr = with_field(regs->tcr, low + 12, 2, cfg->share); /* SHx */
}

/* Fields of both halves; DS and IPS stay if they mean the same to this one. */
static void set_both(struct pt_arm64_regs *regs, const struct pt_fmt_cfg *cfg)
{
	regs->mair = cfg->mem_types;
	regs->sctlr |= ARM64_SCTLR_M;
	if (cfg->features & PT_FEAT_HD)
		regs->tcr |= ARM64_TCR_HA | ARM64_TCR_HD;
	else
		regs->tcr &= ~ARM64_TCR_HD;
	if (read_half(regs, cfg->upper_half).cfg.fmt != cfg->fmt)
		regs->tcr = with_bits(regs->tcr, ARM64_TCR_DS, arm64_is_lpa2(cfg->fmt));
	if (read_half(regs, cfg->upper_half).cfg.pa_bits != cfg->pa_bits)
		regs->tcr = with_field(regs->tcr, 32, 3, range_of(cfg->pa_bits)); /* IPS */
}

int pt_arm64_regs_select(struct pt_arm64_regs *regs, const struct pt_fmt_cfg *cfg, pt_pa_t root)
{
	struct pt_fmt_cfg asked = *cfg;
	struct pt_arm64_regs to = *regs;
	struct pt_format_info info;
	struct half other, mine;
	bool upper = cfg->upper_half;

	if (pt_format_info(cfg, &info) || cfg->fmt < PT_FMT_ARM64_4K ||
	    cfg->fmt > PT_FMT_ARM64_64K || root >> cfg->pa_bits)
		return -EINVAL;
	asked.features &= ~PT_FEAT_PKEYS;
	if (read_half(&to, !upper).err == -EINVAL)
		to.tcr |= ARM64_TCR_EPD(!upper);
	fill_id_registers(&to, cfg);
	other = read_half(&to, !upper);
	if (other.err == -EINVAL)
		return -EINVAL; /* this machine has not what it selected on any */
	set_half(&to, cfg, info.granule_lg2, root);
	set_both(&to, cfg);
	mine = read_half(&to, upper);
	if (!is_half(&mine, &asked, root))
		return -EINVAL;
	if (!other.err) {
		struct half now = read_half(&to, !upper);

		if (!is_half(&now, &other.cfg, other.root))
			return -EINVAL;
	}
	*regs = to;
	return 0;
}

/* ---- stage 2 ---- */

/* VTCR_EL2.SL0, and with 5 levels SL2, by granule. */
static uint64_t with_start_level(uint64_t vtcr, const struct pt_format_info *info)
{
	static const uint8_t sl0_4k[] = { [1] = 3, [2] = 0, [3] = 1, [4] = 2, [5] = 0 };
	unsigned int levels = info->nr_levels;

	vtcr = with_bits(vtcr, ARM64_VTCR_SL2, levels == 5);
	return with_field(vtcr, 6, 2, info->granule_lg2 == 12 ? sl0_4k[levels] : levels - 1);
}

static uint64_t vtcr_of(uint64_t vtcr, const struct pt_fmt_cfg *cfg,
			const struct pt_format_info *info)
{
	vtcr = with_field(vtcr, 0, 6, 64 - cfg->va_bits); /* T0SZ */
	vtcr = with_start_level(vtcr, info);
	vtcr = with_field(vtcr, 14, 2, tg_of(info->granule_lg2, false));
	vtcr = with_field(vtcr, 16, 3, range_of(cfg->pa_bits)); /* PS */
	vtcr = with_bits(vtcr, ARM64_VTCR_DS, arm64_is_lpa2(cfg->fmt));
	if (arm64_is_lpa2(cfg->fmt))
		vtcr = with_field(vtcr, 12, 2, cfg->share); /* SH0 */
	if (cfg->features & PT_FEAT_HD)
		return vtcr | ARM64_VTCR_HA | ARM64_VTCR_HD;
	return vtcr & ~ARM64_VTCR_HD;
}

int pt_arm64_s2_regs_select(struct pt_arm64_s2_regs *regs, const struct pt_fmt_cfg *cfg,
			    pt_pa_t root)
{
	struct pt_arm64_s2_regs to = *regs;
	struct pt_format_info info;
	struct pt_fmt_cfg found;
	pt_pa_t found_root;

	if (pt_format_info(cfg, &info) || cfg->fmt < PT_FMT_ARM64_S2_4K || root >> cfg->pa_bits)
		return -EINVAL;
	if (!(to.mmfr0 | to.mmfr1 | to.mmfr2)) {
		fill_features(cfg, &to.mmfr0, &to.mmfr1, &to.mmfr2);
		to.mmfr1 = with_field(to.mmfr1, 28, 4, !!(cfg->features & PT_FEAT_XNX));
	}
	to.vttbr = ttbr_of(to.vttbr, cfg, root);
	to.vtcr = vtcr_of(to.vtcr, cfg, &info);
	to.hcr = with_bits(to.hcr | ARM64_HCR_VM, ARM64_HCR_FWB, cfg->features & PT_FEAT_FWB);
	if (pt_fmt_cfg_arm64_s2(&found, &found_root, &to) || found_root != root ||
	    !ptl_fmt_cfg_equal(&found, cfg))
		return -EINVAL;
	*regs = to;
	return 0;
}
