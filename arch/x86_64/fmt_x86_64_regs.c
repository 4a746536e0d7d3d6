/* SPDX-License-Identifier: MIT */
/*
 * What the control registers of x86-64 select among the paging modes.
 *
 *   Intel SDM Vol. 3A, 2.5 "Control Registers", 4.1.1 "Four Paging Modes",
 *   Table 4-12 "Use of CR3" (rev. 081)
 */
#include <ptlib/format.h>

#include "base/bits.h"

#define CR0_PG PTL_BIT(31)
#define CR4_PAE PTL_BIT(5)
#define CR4_LA57 PTL_BIT(12)
#define CR4_PKE PTL_BIT(22)
#define CR4_PKS PTL_BIT(24)
#define EFER_LME PTL_BIT(8)
#define EFER_NXE PTL_BIT(11)
#define CR3_ADDRESS PTL_BITS(51, 12) /* below: PCID or PWT and PCD; above: LAM */
#define PAT_RESET UINT64_C(0x0007040600070406) /* SDM 12.12.4 "Programming the PAT" */

int pt_fmt_cfg_x86_64(struct pt_fmt_cfg *cfg, pt_pa_t *root, const struct pt_x86_regs *regs)
{
	struct pt_fmt_cfg found = {
		.fmt = PT_FMT_X86_64,
		.va_bits = regs->cr4 & CR4_LA57 ? 57 : 48,
		.pa_bits = regs->maxphyaddr ? regs->maxphyaddr : 52,
		.features = (regs->efer & EFER_NXE ? PT_FEAT_NX : 0) |
			    (regs->no_1g ? 0 : PT_FEAT_1G) |
			    (regs->cr4 & (CR4_PKE | CR4_PKS) ? PT_FEAT_PKEYS : 0),
		.mem_types = regs->pat ? regs->pat : PAT_RESET,
	};
	struct pt_format_info info;

	if (!(regs->cr0 & CR0_PG) || !(regs->cr4 & CR4_PAE) || !(regs->efer & EFER_LME) ||
	    pt_format_info(&found, &info))
		return -EINVAL;
	*cfg = found;
	*root = regs->cr3 & CR3_ADDRESS;
	return 0;
}
