/* SPDX-License-Identifier: MIT */
/* soft_word.h - PROT_NONE words, both ways, for whoever knows what a leaf is. */
#ifndef PTL_SOFT_WORD_H
#define PTL_SOFT_WORD_H

#include <ptlib/soft.h>

#include "base/bits.h"

/*
 * The leaf's word. Linux inverts the address bits of a large x86 leaf; where it takes hugetlb's
 * leaves for small ones (pte_modify()) also those below, to bit 12, which a leaf has clear
 * but for PAT at bit 12: if any is set, all were inverted.
 */
static inline uint64_t ptl_soft_shown(const struct pt_soft_cfg *cfg, unsigned int level,
				      uint64_t raw)
{
	uint64_t flip = cfg->prot_none_flip[level], lowest = flip & -flip;

	if (lowest > PTL_BIT(13) && raw & (lowest - PTL_BIT(13)))
		flip |= lowest - PTL_BIT(12);
	return ((raw ^ flip) & ~cfg->prot_none) | cfg->prot_none_was | cfg->present;
}

static inline uint64_t ptl_soft_hidden(const struct pt_soft_cfg *cfg, unsigned int level,
				       uint64_t leaf)
{
	return ((leaf & ~cfg->present) | cfg->prot_none) ^ cfg->prot_none_flip[level];
}

/* What hugetlb's form of it has inverted beside that. */
static inline uint64_t ptl_soft_hugetlb(const struct pt_soft_cfg *cfg, unsigned int level)
{
	uint64_t flip = cfg->prot_none_flip[level], lowest = flip & -flip;

	return lowest > PTL_BIT(12) ? lowest - PTL_BIT(12) : 0;
}

#endif /* PTL_SOFT_WORD_H */
