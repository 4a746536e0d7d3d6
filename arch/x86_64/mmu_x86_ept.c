/* SPDX-License-Identifier: MIT */
/* Compiles the walk for x86 EPT. */
#include "x86_64/fault_x86_ept.h"
#include "x86_64/mmu_x86_64.h"
#define MMU_WALKER ptl_walker_x86_ept
#include "mmu/walk_impl.h"

void ptl_x86_ept_init_rules(struct ptl_regime *r)
{
	x86_ept_init_rights(r);
	x86_ept_init_mem(r);
	if (!r->set_accessed)
		return;
	ptl_regime_require(r, X86_EPT_A);
	ptl_sieve_require(&r->page, X86_EPT_A);
}
