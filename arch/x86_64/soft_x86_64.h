/* SPDX-License-Identifier: MIT */
/*
 * Words that x86-64 ignores, as Linux uses them: arch/x86/include/asm/pgtable_64.h (what a
 * swap entry is), pgtable-invert.h (PROT_NONE), pgtable_types.h (bits of leaves).
 *
 *	        63:59  58:9           8  7  6:5    4  3          2        1           0
 *	swap    type   ~offset        0  0  A, D   -  exclusive  uffd-wp  soft-dirty  0
 *
 *	        63:52  51:lg2         11:9  8  7..1         0
 *	none    leaf   ~address       leaf  1  leaf         0
 *
 * lg2 is that of the leaf's size; words of hugetlb are inverted down to bit 12.
 *
 * Offsets, and with them frames, are stored inverted, so that what L1TF (CVE-2018-3646) can
 * be made to load from is far from memory. Bit 8, global, means PROT_NONE while P is 0; bit 7
 * stays out because a 2M leaf under a split is told by it. A and D may be set by
 * some processors in passing.
 */
#ifndef PTL_SOFT_X86_64_H
#define PTL_SOFT_X86_64_H

#include <ptlib/soft.h>

#include "base/bits.h"

static inline void ptl_soft_x86_64(struct pt_soft_cfg *cfg, const struct pt_fmt_cfg *fmt)
{
	uint64_t c_bit = fmt->c_bit ? PTL_BIT(fmt->c_bit) : 0; /* is no part of PTE_PFN_MASK */

	cfg->present = PTL_BIT(0);
	cfg->stray = PTL_BIT(5) | PTL_BIT(6);
	cfg->zero = PTL_BIT(7) | PTL_BIT(8);
	cfg->offset_flip = PTL_BITS(58, 9);
	cfg->type_shift = 59;
	cfg->offset_shift = 9;
	cfg->soft_dirty = PTL_BIT(1);
	cfg->uffd_wp = PTL_BIT(2);
	cfg->exclusive = PTL_BIT(3);
	cfg->prot_none = PTL_BIT(8);
	cfg->prot_none_was = 0; /* user leaves are not global */
	for (unsigned int level = 0; level < 3; level++)
		cfg->prot_none_flip[level] = PTL_BITS(51, 12 + 9 * level) & ~c_bit;
	/* MAX_PHYSMEM_BITS is 46, or 52 with 5 levels: sparsemem.h. */
	cfg->pfn_bits = (fmt->va_bits == 57 ? 52 : 46) - 12;
	/* Bits 9, 10, 11. */
	cfg->attr_special = PT_ATTR_SW(1);
	cfg->attr_uffd_wp = PT_ATTR_SW(2);
	cfg->attr_soft_dirty = PT_ATTR_SW(4);
}

#endif /* PTL_SOFT_X86_64_H */
