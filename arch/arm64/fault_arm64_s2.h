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

/*
 * D8.5.4: DBM with hardware dirty state; stage 2 has a bit that allows writes, not one that
 * forbids them.
 */
static inline bool arm64_s2_is_clean(uint64_t leaf, const struct ptl_regime *r)
{
	return (leaf & r->clean_mask) == r->clean_match;
}

static inline unsigned int arm64_s2_says(uint64_t leaf, const struct ptl_regime *r)
{
	if (arm64_s2_is_clean(leaf, r))
		leaf |= ARM64_S2_WRITE;
	return (leaf >> 6 & 3) | (leaf >> 51 & 12);
}

static inline void arm64_s2_init_rights(struct ptl_regime *r)
{
	bool xnx = r->fmt.cfg.features & PT_FEAT_XNX;

	r->key_mask = 0;
	for (unsigned int cut = 0; cut < ARM64_NR_CUTS; cut = arm64_next_cut(cut)) {
		uint64_t leaf = arm64_leaf_of_cut(cut);
		bool clean = arm64_s2_is_clean(leaf, r);
		unsigned int says = arm64_s2_says(leaf, r);
		unsigned int data = (says & ARM64_S2_SAYS_READ ? PT_PERM_READ : 0) |
				    (says & ARM64_S2_SAYS_WRITE ? PT_PERM_WRITE : 0);

		for (unsigned int el = 0; el < 2; el++)
			r->rights[cut].of[el] = ptl_right(
				data | (arm64_s2_may_fetch(el, says, xnx) ? PT_PERM_EXEC : 0),
				clean ? PT_PERM_WRITE : 0);
	}
}

/* Any kind of Device. */
static inline bool arm64_s2_is_device(enum pt_mem mem)
{
	return mem == PT_MEM_UC || (mem >= PT_MEM_DEV_nGnRE && mem <= PT_MEM_DEV_GRE);
}

#endif /* PTL_FAULT_ARM64_S2_H */
