/* SPDX-License-Identifier: MIT */
/*
 * What an EPTP selects, as far as the processor's capabilities allow it, and which selects a
 * table.
 *
 *   Intel SDM Vol. 3C, 25.6.11 "Extended-Page-Table Pointer (EPTP)"; 27.2.1.1
 *   "VM-Execution Control Fields", the checks; Vol. 3D, A.10 "VPID and EPT
 *   Capabilities" (rev. 081)
 */
#include <ptlib/regs.h>

#include "base/bits.h"
#include "pt/fmt_cfg.h"

#define EPTP_TYPE PTL_BITS(2, 0) /* of accesses to the tables: 0 UC, 6 WB */
#define EPTP_WB UINT64_C(6)
#define EPTP_LENGTH PTL_BITS(5, 3) /* levels, less one */
#define EPTP_AD PTL_BIT(6)
#define EPTP_SHADOW_STACKS PTL_BIT(7) /* supervisor's; not modelled */
#define EPTP_RESERVED PTL_BITS(11, 8)

#define CAP_EXEC_ONLY PTL_BIT(0)
#define CAP_LENGTH(levels) PTL_BIT((levels) + 2) /* 6: 4 levels, 7: 5 */
#define CAP_UC PTL_BIT(8)
#define CAP_WB PTL_BIT(14)
#define CAP_1G PTL_BIT(17)
#define CAP_AD PTL_BIT(21)

int pt_fmt_cfg_x86_ept(struct pt_fmt_cfg *cfg, pt_pa_t *root, const struct pt_x86_ept_regs *regs)
{
	uint64_t cap = regs->ept_vpid_cap ? regs->ept_vpid_cap : UINT64_MAX;
	uint64_t type = regs->eptp & EPTP_TYPE, eptp = regs->eptp;
	unsigned int levels = (unsigned int)((eptp & EPTP_LENGTH) >> 3) + 1;
	struct pt_fmt_cfg found = {
		.fmt = PT_FMT_X86_EPT,
		.va_bits = levels == 5 ? 57 : 48,
		.pa_bits = regs->maxphyaddr ? regs->maxphyaddr : 52,
		.features = (cap & CAP_1G ? PT_FEAT_1G : 0) |
			    (cap & CAP_EXEC_ONLY ? PT_FEAT_EXEC_ONLY : 0) |
			    (regs->mbec ? PT_FEAT_MBEC : 0) | (eptp & EPTP_AD ? PT_FEAT_AD : 0),
	};
	struct pt_format_info info;

	if ((type != 0 && type != 6) || !(cap & (type ? CAP_WB : CAP_UC)) ||
	    (levels != 4 && levels != 5) || !(cap & CAP_LENGTH(levels)) ||
	    (eptp & EPTP_AD && !(cap & CAP_AD)) || eptp & EPTP_RESERVED)
		return -EINVAL;
	if (pt_format_info(&found, &info) || eptp >> found.pa_bits)
		return -EINVAL;
	*cfg = found;
	*root = ptl_align_down(eptp, info.root_align_lg2);
	return 0;
}

/* A processor that has everything but what @cfg is without. */
static uint64_t cap_of(const struct pt_fmt_cfg *cfg)
{
	return UINT64_MAX & ~(cfg->features & PT_FEAT_EXEC_ONLY ? 0 : CAP_EXEC_ONLY) &
	       ~(cfg->features & PT_FEAT_1G ? 0 : CAP_1G);
}

int pt_x86_ept_regs_select(struct pt_x86_ept_regs *regs, const struct pt_fmt_cfg *cfg, pt_pa_t root)
{
	struct pt_x86_ept_regs to = *regs;
	unsigned int levels = cfg->va_bits == 57 ? 5 : 4;
	struct pt_fmt_cfg found;
	pt_pa_t found_root;

	to.eptp = (to.eptp & EPTP_SHADOW_STACKS) | root | (uint64_t)(levels - 1) << 3 | EPTP_WB |
		  (cfg->features & PT_FEAT_AD ? EPTP_AD : 0);
	to.mbec = cfg->features & PT_FEAT_MBEC;
	if (!to.ept_vpid_cap)
		to.ept_vpid_cap = cap_of(cfg);
	if (!to.maxphyaddr)
		to.maxphyaddr = cfg->pa_bits;
	if (pt_fmt_cfg_x86_ept(&found, &found_root, &to) || found_root != root ||
	    !ptl_fmt_cfg_equal(&found, cfg))
		return -EINVAL;
	*regs = to;
	return 0;
}
