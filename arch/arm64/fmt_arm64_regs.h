/* SPDX-License-Identifier: MIT */
/*
 * The control register fields of both stages, and what the ID registers say.
 *
 *   Arm ARM DDI 0487 J.a, D17.2.131 "TCR_EL1", D17.2.118 "SCTLR_EL1", D17.2.64 to
 *   .67 "ID_AA64MMFR0_EL1" and following; "VTCR_EL2", "HCR_EL2"; DDI 0601 (2023-12)
 *   "TCR2_EL1"
 */
#ifndef PTL_FMT_ARM64_REGS_H
#define PTL_FMT_ARM64_REGS_H

#include <ptlib/format.h>

#include "base/bits.h"

static inline unsigned int arm64_field(uint64_t reg, unsigned int low, unsigned int nr)
{
	return (unsigned int)(reg >> low & (PTL_BIT(nr) - 1));
}

/* PARange, IPS and PS. */
static inline unsigned int arm64_pa_bits(unsigned int range)
{
	static const unsigned int pa_bits[] = { 32, 36, 40, 42, 44, 48, 52 };

	return pa_bits[range < 6 ? range : 6];
}

/* What a machine has of the three granules. */
struct arm64_granules {
	bool gran4, gran16, gran64;
	bool lpa2_4k, lpa2_16k;
};

#define ARM64_ALL_GRANULES { true, true, true, true, true }

/* TGran4, TGran16 and TGran64; TGran<n>_2, where they do not say that stage 2 is the same. */
static inline struct arm64_granules arm64_granules(uint64_t mmfr0, bool stage2)
{
	unsigned int gran4 = arm64_field(mmfr0, 28, 4), gran4_2 = arm64_field(mmfr0, 40, 4);
	unsigned int gran16 = arm64_field(mmfr0, 20, 4), gran16_2 = arm64_field(mmfr0, 32, 4);
	unsigned int gran64 = arm64_field(mmfr0, 24, 4), gran64_2 = arm64_field(mmfr0, 36, 4);
	struct arm64_granules has = {
		.gran4 = gran4 <= 1,
		.gran16 = gran16 >= 1,
		.gran64 = gran64 == 0,
		.lpa2_4k = gran4 == 1,
		.lpa2_16k = gran16 == 2,
	};

	if (stage2 && gran4_2) {
		has.gran4 = gran4_2 >= 2;
		has.lpa2_4k = gran4_2 == 3;
	}
	if (stage2 && gran16_2) {
		has.gran16 = gran16_2 >= 2;
		has.lpa2_16k = gran16_2 == 3;
	}
	if (stage2 && gran64_2)
		has.gran64 = gran64_2 == 2;
	return has;
}

/* TG0, in bits 15:14. 0: reserved. */
static inline unsigned int arm64_tg0_lg2(uint64_t tcr)
{
	static const unsigned int tg0[4] = { 12, 16, 14, 0 };

	return tg0[arm64_field(tcr, 14, 2)];
}

static inline bool arm64_is_lpa2(enum pt_format fmt)
{
	return fmt == PT_FMT_ARM64_4K_LPA2 || fmt == PT_FMT_ARM64_16K_LPA2 ||
	       fmt == PT_FMT_ARM64_S2_4K_LPA2 || fmt == PT_FMT_ARM64_S2_16K_LPA2;
}

/* A stage's formats, 4K first, with LPA2 behind those that have it; DS is res0 without it. */
enum { ARM64_4K, ARM64_4K_LPA2, ARM64_16K, ARM64_16K_LPA2, ARM64_64K, ARM64_NR_FORMATS };

static inline int arm64_pick_format(struct pt_fmt_cfg *cfg,
				    const enum pt_format formats[ARM64_NR_FORMATS],
				    const struct arm64_granules *has, unsigned int granule_lg2,
				    bool ds)
{
	if (granule_lg2 == 12 && has->gran4)
		cfg->fmt = formats[ds && has->lpa2_4k ? ARM64_4K_LPA2 : ARM64_4K];
	else if (granule_lg2 == 14 && has->gran16)
		cfg->fmt = formats[ds && has->lpa2_16k ? ARM64_16K_LPA2 : ARM64_16K];
	else if (granule_lg2 == 16 && has->gran64)
		cfg->fmt = formats[ARM64_64K];
	else
		return -EINVAL;
	return 0;
}

/*
 * BADDR of a TTBR or VTTBR, not yet aligned. @wide: DS=1, or 64K and 52 bits out: 5:2
 * are address bits 51:48.
 */
static inline pt_pa_t arm64_root(uint64_t ttbr, bool wide)
{
	if (wide)
		return (ttbr & PTL_BITS(47, 6)) | (ttbr & PTL_BITS(5, 2)) << 46;
	return ttbr & PTL_BITS(47, 1); /* above: ASID or VMID; bit 0: CnP */
}

/* Fields that each half has are functions of it. */
#define ARM64_TCR_EPD(upper) PTL_BIT((upper) ? 23 : 7)
#define ARM64_TCR_TBI(upper) PTL_BIT((upper) ? 38 : 37)
#define ARM64_TCR_TBID(upper) PTL_BIT((upper) ? 52 : 51)
#define ARM64_TCR_E0PD(upper) PTL_BIT((upper) ? 56 : 55)
#define ARM64_TCR_HPD(upper) PTL_BIT((upper) ? 42 : 41)
#define ARM64_TCR_HA PTL_BIT(39)
#define ARM64_TCR_HD PTL_BIT(40)
#define ARM64_TCR_DS PTL_BIT(59)

#define ARM64_SCTLR_M PTL_BIT(0)
#define ARM64_SCTLR_I PTL_BIT(12)
#define ARM64_SCTLR_WXN PTL_BIT(19)
#define ARM64_SCTLR_EPAN PTL_BIT(57)

#define ARM64_TCR2_PIE PTL_BIT(1)
#define ARM64_TCR2_E0POE PTL_BIT(2)
#define ARM64_TCR2_POE PTL_BIT(3)

/* What the ID registers say; all of it if they say nothing. */
struct ptl_arm64_features {
	struct arm64_granules granules;
	bool lpa, lva, ttst, hpd, accessed, dirty;
	bool pan, epan, uao, e0pd, pie, poe;
	unsigned int pa_bits;
	unsigned int bbm;
};

struct ptl_arm64_features ptl_arm64_read_features(const struct pt_arm64_regs *regs);

/*
 * What @regs select for one half. *@root: as TTBR holds it, with what a table's
 * alignment will clear. -EINVAL, not yet for widths, which fmt_init() checks;
 * -ENOENT if walks are disabled.
 */
int ptl_arm64_read_regs(const struct pt_arm64_regs *regs, const struct ptl_arm64_features *has,
			bool upper, struct pt_fmt_cfg *cfg, pt_pa_t *root);

#define ARM64_VTCR_HA PTL_BIT(21)
#define ARM64_VTCR_HD PTL_BIT(22)
#define ARM64_VTCR_DS PTL_BIT(32)
#define ARM64_VTCR_SL2 PTL_BIT(33)

#define ARM64_HCR_VM PTL_BIT(0)
#define ARM64_HCR_PTW PTL_BIT(2)
#define ARM64_HCR_DC PTL_BIT(12) /* as if VM were set too */
#define ARM64_HCR_FWB PTL_BIT(46)

#endif /* PTL_FMT_ARM64_REGS_H */
