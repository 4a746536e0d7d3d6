/* SPDX-License-Identifier: MIT */
/*
 * ptlib/regs.h - which registers select a table: pt_fmt_cfg_*() of format.h, the other way.
 *
 *	struct pt_x86_regs regs = { 0 };
 *
 *	if (!pt_x86_regs_select(&regs, pt_pgtable_fmt(pt), pt_pgtable_root(pt)))
 *		err = pt_mmu_set_x86_64(mmu, &regs);
 *
 * Each call changes the fields that choose tables, and leaves all others as they are: what
 * accesses may do (CR0.WP, CR4.SMEP, TCR.TBI, SCTLR.WXN, ...), PCID, ASID and VMID, cacheability.
 * Registers that are all zero need nothing else: an MMU or a CPU takes them, and accesses go
 * through the tables.
 *
 * What says what a machine has is filled in if it is 0, with everything but what @cfg is
 * without: MAXPHYADDR, the C-bit, IA32_VMX_EPT_VPID_CAP, the ID registers together. If it is
 * not, it stays, and a @cfg which that machine cannot have is refused.
 *
 * Afterwards pt_fmt_cfg_*() of @regs is @cfg and @root; where that cannot be, the call fails.
 *
 * @cfg:  As pt_pgtable_fmt() has it; levels may be 0.
 * @root: Physical address of the top table, or of the first of those side by side.
 *
 * Return: 0; -EINVAL for a @cfg of another format, or one that does not exist or that no
 * registers select, and for a @root that is not aligned as pt_format_info() says or wider than
 * @cfg->pa_bits. @regs are then as before.
 */
#ifndef PTLIB_REGS_H
#define PTLIB_REGS_H

#include <ptlib/format.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * pt_x86_regs_select() - Turn on 4- or 5-level paging, with this table.
 *
 * CR0.PG and PE, CR3's address and C-bit, CR4.PAE and LA57, EFER.LME, LMA and NXE, IA32_PAT.
 * For keys CR4.PKE, unless PKE or PKS is there; without them neither. no_1g is set for a @cfg
 * without 1G pages, never cleared.
 *
 * For AMD's nested paging: these are the host's registers.
 *
 * Return: as above; -EINVAL also for mem_types 0, which as a register stands for another value.
 */
PT_API PT_MUST_CHECK int pt_x86_regs_select(struct pt_x86_regs *regs, const struct pt_fmt_cfg *cfg,
					    pt_pa_t root);

/**
 * pt_arm64_regs_select() - Switch stage 1 on, with this table in the half of @cfg->upper_half.
 *
 * Of that half: TTBR's address, TCR's TxSZ, TGx and HPDx, SHx with LPA2, EPDx clear. Of both:
 * SCTLR.M, TCR's IPS, DS and HD, with HD also HA, and MAIR.
 *
 * The other half keeps its table: two calls make TTBR0 and TTBR1, in either order. Walks of it
 * are disabled (EPD) if it selects nothing that exists, as in registers of zeroes.
 *
 * PT_FEAT_PKEYS asks for nothing: TCR2 and POR_ELx, which make indices into overlays, decide
 * about accesses.
 *
 * Return: as above; -EINVAL also if the other half would then be another one, since both differ
 * in what they share: MAIR, HD, widths, what the machine has. To replace it, set its EPD before.
 */
PT_API PT_MUST_CHECK int pt_arm64_regs_select(struct pt_arm64_regs *regs,
					      const struct pt_fmt_cfg *cfg, pt_pa_t root);

/**
 * pt_x86_ept_regs_select() - Select this EPT.
 *
 * All of EPTP but bit 7: tables in write-back memory, the length of a walk, A and D; mbec.
 *
 * Return: as above.
 */
PT_API PT_MUST_CHECK int pt_x86_ept_regs_select(struct pt_x86_ept_regs *regs,
						const struct pt_fmt_cfg *cfg, pt_pa_t root);

/**
 * pt_arm64_s2_regs_select() - Switch stage 2 on, with this table.
 *
 * VTTBR's address, VTCR's T0SZ, SL0, SL2, TG0, PS, DS and HD, with HD also HA, with LPA2 SH0;
 * HCR.VM and FWB.
 *
 * Return: as above; -EINVAL also for inputs wider than what the machine has of outputs.
 */
PT_API PT_MUST_CHECK int pt_arm64_s2_regs_select(struct pt_arm64_s2_regs *regs,
						 const struct pt_fmt_cfg *cfg, pt_pa_t root);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_REGS_H */
