/* SPDX-License-Identifier: MIT */
/*
 * What stage 2 of the EL1&0 regime allows, and how it reports what it does not.
 *
 *   Arm ARM DDI 0487 J.a: D8.4.5 "Stage 2 data access permissions", "Stage 2
 *   instruction execution permissions", D8.5 "Hardware updates to the translation
 *   tables"; HCR_EL2.PTW
 */
#ifndef PTL_FAULT_ARM64_S2_H
#define PTL_FAULT_ARM64_S2_H

#include "arm64/fmt_arm64_bits.h"
#include "mmu/mmu_internal.h"

/* Registers, as far as they decide: ptl_regime.control. */
#define ARM64_S2_RULE_PTW PTL_BIT(0) /* HCR_EL2.PTW: tables of stage 1 are no device */
#define ARM64_S2_RULE_DC PTL_BIT(1)  /* HCR_EL2.DC: stage 1 is off, its output write-back */

/* What a leaf says: S2AP and XN, an index of ptl_regime.rights. */
#define ARM64_S2_SAYS_READ 1u
#define ARM64_S2_SAYS_WRITE 2u
#define ARM64_S2_SAYS_XN0 4u
#define ARM64_S2_SAYS_XN1 8u

/*
 * XN, bits 54:53. With FEAT_XNX 00 both may execute, 01 EL0, 10 nobody, 11 EL1;
 * else bit 54 alone forbids it to both.
 */
static inline bool arm64_s2_may_fetch(bool el1, unsigned int says, bool xnx)
{
	bool xn1 = says & ARM64_S2_SAYS_XN1, xn0 = says & ARM64_S2_SAYS_XN0;

	if (!xnx || !xn0)
		return !xn1;
	return el1 == xn1;
}

static inline void arm64_s2_init_rights(struct ptl_regime *r)
{
	bool xnx = r->fmt.cfg.features & PT_FEAT_XNX;

	r->key_mask = 0;
	for (unsigned int says = 0; says < 16; says++) {
		unsigned int data = (says & ARM64_S2_SAYS_READ ? PT_PERM_READ : 0) |
				    (says & ARM64_S2_SAYS_WRITE ? PT_PERM_WRITE : 0);

		r->rights[0][says] = 0;
		for (unsigned int el = 0; el < 2; el++)
			r->rights[0][says] |= PTL_RIGHTS(
				el, data | (arm64_s2_may_fetch(el, says, xnx) ? PT_PERM_EXEC : 0));
	}
}

/* Any kind of Device. */
static inline bool arm64_s2_is_device(enum pt_mem mem)
{
	return mem == PT_MEM_UC || (mem >= PT_MEM_DEV_nGnRE && mem <= PT_MEM_DEV_GRE);
}

#endif /* PTL_FAULT_ARM64_S2_H */
