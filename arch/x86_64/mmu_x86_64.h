/* SPDX-License-Identifier: MIT */
/* The walkers of x86, and the two stages of its translation. */
#ifndef PTL_MMU_X86_64_H
#define PTL_MMU_X86_64_H

#include "mmu/mmu_internal.h"

extern const struct ptl_walker ptl_walker_x86_64, ptl_walker_x86_ept;

/* Who asks EPT: the owner of the page that the guest's own tables map. */
enum x86_ept_class {
	X86_EPT_USER,
	X86_EPT_SUPERVISOR,
	X86_EPT_NR_CLASSES,
};

/* The rules of @r, an EPT. */
void ptl_x86_ept_init_rules(struct ptl_regime *r);

/* The tables that CR3 points at and the rules for them. Errors as pt_mmu_set_x86_64(). */
int ptl_x86_64_set_regime(struct ptl_regime *r, const struct pt_phys *phys,
			  const struct pt_x86_regs *regs);

/* Whether @mmu has an x86 processor's registers. */
bool ptl_x86_64_is_loaded(const struct pt_mmu *mmu);

/* *@to, what the guest's tables gave, becomes what the second stage makes of it. 0 or 1. */
int ptl_x86_second_stage(struct ptl_access *access, struct ptl_translation *to);

#endif /* PTL_MMU_X86_64_H */
