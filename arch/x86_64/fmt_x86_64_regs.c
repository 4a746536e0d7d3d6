/* SPDX-License-Identifier: MIT */
/*
 * What the control registers of x86-64 select among the paging modes, and which select a table.
 *
 *   Intel SDM Vol. 3A, 4.1.1 "Four Paging Modes", Table 4-12 "Use of CR3" (rev. 081)
 *   AMD APM Vol. 2, 7.10.1 "Determining Support for Secure Memory Encryption" (rev. 3.40)
 */
#include "x86_64/fmt_x86_64_regs.h"

#include <ptlib/regs.h>

#include "pt/fmt_cfg.h"

#define CR3_ADDRESS PTL_BITS(51, 12) /* below: PCID or PWT and PCD; above: LAM */
#define PAT_RESET UINT64_C(0x0007040600070406) /* SDM 12.12.4 "Programming the PAT" */

/* The width of addresses: where the C-bit is on it ends them. */
static unsigned int pa_bits_of(const struct pt_x86_regs *regs)
{
	unsigned int bits = regs->maxphyaddr ? regs->maxphyaddr : 52;

	return regs->c_bit && regs->c_bit < bits ? regs->c_bit : bits;
}

static uint64_t encrypted_of(const struct pt_x86_regs *regs)
{
	return regs->c_bit && regs->c_bit < 52 ? PTL_BIT(regs->c_bit) : 0;
}

void ptl_x86_64_read_regs(const struct pt_x86_regs *regs, struct pt_fmt_cfg *cfg, pt_pa_t *root)
{
	*cfg = (struct pt_fmt_cfg){
		.fmt = PT_FMT_X86_64,
		.va_bits = regs->cr4 & X86_64_CR4_LA57 ? 57 : 48,
		.pa_bits = pa_bits_of(regs),
		.features = (regs->efer & X86_64_EFER_NXE ? PT_FEAT_NX : 0) |
			    (regs->no_1g ? 0 : PT_FEAT_1G) |
			    (regs->cr4 & (X86_64_CR4_PKE | X86_64_CR4_PKS) ? PT_FEAT_PKEYS : 0),
		.mem_types = regs->pat ? regs->pat : PAT_RESET,
		.c_bit = regs->c_bit,
	};
	*root = regs->cr3 & CR3_ADDRESS & ~encrypted_of(regs);
}

/*
 * 60:M but the C-bit are reserved, and 63 but for an operand of MOV to CR3 with PCIDE. Whether
 * the processor has LAM, which 62:61 are for, is not known here.
 */
bool ptl_x86_64_cr3_fits(const struct pt_x86_regs *regs)
{
	uint64_t reserved = PTL_BITS(60, pa_bits_of(regs)) & ~encrypted_of(regs);

	if (!(regs->cr4 & X86_64_CR4_PCIDE))
		reserved |= X86_64_CR3_NO_FLUSH;
	return !(regs->cr3 & reserved);
}

int pt_fmt_cfg_x86_64(struct pt_fmt_cfg *cfg, pt_pa_t *root, const struct pt_x86_regs *regs)
{
	struct pt_fmt_cfg found;
	struct pt_format_info info;
	pt_pa_t found_root;

	if (!(regs->cr0 & X86_64_CR0_PG) || !(regs->cr4 & X86_64_CR4_PAE) ||
	    !(regs->efer & X86_64_EFER_LME))
		return -EINVAL;
	ptl_x86_64_read_regs(regs, &found, &found_root);
	if (pt_format_info(&found, &info) || !ptl_x86_64_cr3_fits(regs))
		return -EINVAL;
	*cfg = found;
	*root = found_root;
	return 0;
}

static uint64_t cr4_of(uint64_t cr4, const struct pt_fmt_cfg *cfg)
{
	cr4 |= X86_64_CR4_PAE;
	cr4 = cfg->va_bits == 57 ? cr4 | X86_64_CR4_LA57 : cr4 & ~X86_64_CR4_LA57;
	if (!(cfg->features & PT_FEAT_PKEYS))
		return cr4 & ~(X86_64_CR4_PKE | X86_64_CR4_PKS);
	return cr4 & X86_64_CR4_PKS ? cr4 : cr4 | X86_64_CR4_PKE;
}

int pt_x86_regs_select(struct pt_x86_regs *regs, const struct pt_fmt_cfg *cfg, pt_pa_t root)
{
	struct pt_x86_regs to = *regs;
	struct pt_fmt_cfg found;
	pt_pa_t found_root;

	to.cr0 |= X86_64_CR0_PG | X86_64_CR0_PE;
	if (!to.c_bit)
		to.c_bit = cfg->c_bit;
	to.cr3 = (to.cr3 & ~CR3_ADDRESS) | (root & CR3_ADDRESS) | encrypted_of(&to);
	to.cr4 = cr4_of(to.cr4, cfg);
	to.efer = (to.efer & ~X86_64_EFER_NXE) | X86_64_EFER_LME | X86_64_EFER_LMA |
		  (cfg->features & PT_FEAT_NX ? X86_64_EFER_NXE : 0);
	to.pat = cfg->mem_types;
	if (!to.maxphyaddr)
		to.maxphyaddr = cfg->pa_bits;
	if (!(cfg->features & PT_FEAT_1G))
		to.no_1g = true;
	if (pt_fmt_cfg_x86_64(&found, &found_root, &to) || found_root != root ||
	    !ptl_fmt_cfg_equal(&found, cfg))
		return -EINVAL;
	*regs = to;
	return 0;
}
