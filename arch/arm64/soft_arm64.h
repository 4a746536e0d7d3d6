/* SPDX-License-Identifier: MIT */
/*
 * Words that arm64 ignores, as Linux uses them: arch/arm64/include/asm/pgtable.h (what a
 * swap entry is), pgtable-prot.h (bits of leaves).
 *
 *	              63   62  61  60:58  57:12   11    10:8     7:6   5:4  3        2          1  0
 *	to 6.10       -    -   -   0      ......offset 57:8 ...  type 7:3             exclusive  0  0
 *	since 6.11    -    -   offset 61:12 ....  0     type 10:6     -    uffd-wp  exclusive  0  0
 *
 * PROT_NONE is the leaf with bit 0 clear and a mark: to 6.10 bit 58, which software has in
 * leaves too; since 6.11 bit 11, which is nG, so that the leaf counts as non-global, as
 * user leaves are. No kernel here keeps soft-dirty.
 */
#ifndef PTL_SOFT_ARM64_H
#define PTL_SOFT_ARM64_H

#include <ptlib/soft.h>

#include "base/bits.h"

static inline void ptl_soft_arm64(struct pt_soft_cfg *cfg, const struct pt_fmt_cfg *fmt,
				  unsigned int granule_lg2, bool since_6_11)
{
	cfg->present = PTL_BIT(0);
	cfg->exclusive = PTL_BIT(2);
	if (since_6_11) {
		cfg->zero = PTL_BIT(1) | PTL_BIT(11);
		cfg->type_shift = 6;
		cfg->offset_shift = 12;
		cfg->uffd_wp = PTL_BIT(3);
		cfg->prot_none = PTL_BIT(11);
		cfg->prot_none_was = PTL_BIT(11);
		cfg->attr_uffd_wp = PT_ATTR_SW(8); /* bit 58 */
	} else {
		cfg->zero = PTL_BIT(1) | PTL_BIT(59); /* 59: a block under a split */
		cfg->type_shift = 3;
		cfg->offset_shift = 8;
		cfg->prot_none = PTL_BIT(58);
	}
	/* CONFIG_ARM64_PA_BITS is 48 or 52. */
	cfg->pfn_bits = (fmt->pa_bits == 52 ? 52 : 48) - granule_lg2;
	/* Bits 55 and 56. */
	cfg->attr_dirty = PT_ATTR_SW(1);
	cfg->attr_special = PT_ATTR_SW(2);
}

#endif /* PTL_SOFT_ARM64_H */
