/* SPDX-License-Identifier: MIT */
/*
 * The control register fields of the EL1&0 regime.
 *
 *   Arm ARM DDI 0487 J.a, D17.2.131 "TCR_EL1", D17.2.118 "SCTLR_EL1",
 *   D17.2.64 to .67 "ID_AA64MMFR0_EL1" and following; DDI 0601 (2023-12)
 *   "TCR2_EL1"
 */
#ifndef PTL_FMT_ARM64_REGS_H
#define PTL_FMT_ARM64_REGS_H

#include <ptlib/format.h>

#include "base/bits.h"

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
	bool gran4, gran16, gran64;
	bool lpa2_4k, lpa2_16k, lpa, lva, ttst, hpd, accessed, dirty;
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

#endif /* PTL_FMT_ARM64_REGS_H */
