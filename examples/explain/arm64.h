/* SPDX-License-Identifier: MIT */
/*
 * Bits of arm64 that explanations talk about.
 *
 *   Arm ARM DDI 0487 J.a, D8.3 "Translation table descriptor formats", D17.2.118
 *   "SCTLR_EL1", D17.2.131 "TCR_EL1", D17.2.48 "HCR_EL2", "VTCR_EL2"
 */
#ifndef EXPLAIN_ARM64_H
#define EXPLAIN_ARM64_H

#include "internal.h"

#define AP_USER BIT(6)
#define AP_RO BIT(7)
#define AF BIT(10)
#define DBM BIT(51)
#define CONTIGUOUS BIT(52)
#define PXN BIT(53)
#define UXN BIT(54)
#define TABLE_PXN BIT(59)
#define TABLE_UXN BIT(60)
#define TABLE_NO_USER BIT(61) /* APTable[0] */
#define TABLE_RO BIT(62) /* APTable[1] */

#define S2AP_READ BIT(6)
#define S2AP_WRITE BIT(7)
#define XN0 BIT(53)
#define XN1 BIT(54)
#define MEMATTR BITS(5, 2)

#define SCTLR_M BIT(0)
#define SCTLR_WXN BIT(19)
#define TCR_TBI0 BIT(37)
#define TCR_TBI1 BIT(38)
#define TCR_HD BIT(40)
#define TCR_TBID0 BIT(51)
#define TCR_TBID1 BIT(52)
#define HCR_VM BIT(0)
#define HCR_DC BIT(12)
#define HCR_E2H BIT(34)
#define VTCR_HD BIT(22)

/* Bit 55 chooses the half, tag or not. */
static inline bool is_upper(const struct explain_walk *walk)
{
	return walk->va >> 55 & 1;
}

static inline bool is_lpa2(const struct pt_fmt_cfg *cfg)
{
	return cfg->fmt == PT_FMT_ARM64_4K_LPA2 || cfg->fmt == PT_FMT_ARM64_16K_LPA2 ||
	       cfg->fmt == PT_FMT_ARM64_S2_4K_LPA2 || cfg->fmt == PT_FMT_ARM64_S2_16K_LPA2;
}

/* Whether there is no first stage. */
static inline bool explain_arm64_is_off(const struct explain_regime *r)
{
	return !(r->arm64.sctlr & SCTLR_M) || (r->two_stages && r->arm64_s2.hcr & HCR_DC);
}

/* TCR.HPD: tables do not limit what is below them. */
static inline bool ignores_tables(const struct explain_walk *walk)
{
	return !(walk->cfg.features & PT_FEAT_NO_HPD);
}

/** Where an entry points, of either stage. */
pt_pa_t explain_arm64_target(const struct explain_walk *walk, const struct pt_access_step *step);

/** The syndrome of a fault, of either stage. */
void explain_arm64_say_code(FILE *out, const struct explain_walk *walk);

#endif
