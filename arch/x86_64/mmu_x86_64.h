/* SPDX-License-Identifier: MIT */
/* The walkers of x86, and the two stages of its translation. */
#ifndef PTL_MMU_X86_64_H
#define PTL_MMU_X86_64_H

#include "mmu/mmu_internal.h"

extern const struct ptl_walker ptl_walker_x86_64;

/* The tables that CR3 points at and the rules for them. Errors as pt_mmu_set_x86_64(). */
int ptl_x86_64_set_regime(struct ptl_regime *r, const struct pt_phys *phys,
			  const struct pt_x86_regs *regs);

/* *@to, what the guest's tables gave, becomes what the second stage makes of it. 0 or 1. */
int ptl_x86_second_stage(struct ptl_access *access, struct ptl_translation *to);

#endif /* PTL_MMU_X86_64_H */
