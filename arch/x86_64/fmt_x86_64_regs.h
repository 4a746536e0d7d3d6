/* SPDX-License-Identifier: MIT */
/*
 * The control register bits of x86-64 that have to do with paging.
 *
 *   Intel SDM Vol. 3A, 2.5 "Control Registers", 2.2.1 "Extended Feature Enable
 *   Register", 2.3 "System Flags and Fields in the EFLAGS Register" (rev. 081)
 */
#ifndef PTL_FMT_X86_64_REGS_H
#define PTL_FMT_X86_64_REGS_H

#include <ptlib/format.h>

#include "base/bits.h"

#define X86_64_CR0_PE PTL_BIT(0)
#define X86_64_CR0_WP PTL_BIT(16)
#define X86_64_CR0_PG PTL_BIT(31)
#define X86_64_CR3_NO_FLUSH PTL_BIT(63) /* of an operand of MOV to CR3 */
#define X86_64_PCID PTL_BITS(11, 0)
#define X86_64_CR4_PAE PTL_BIT(5)
#define X86_64_CR4_PGE PTL_BIT(7)
#define X86_64_CR4_LA57 PTL_BIT(12)
#define X86_64_CR4_PCIDE PTL_BIT(17)
#define X86_64_CR4_SMEP PTL_BIT(20)
#define X86_64_CR4_SMAP PTL_BIT(21)
#define X86_64_CR4_PKE PTL_BIT(22)
#define X86_64_CR4_CET PTL_BIT(23)
#define X86_64_CR4_PKS PTL_BIT(24)
#define X86_64_EFER_LME PTL_BIT(8)
#define X86_64_EFER_LMA PTL_BIT(10)
#define X86_64_EFER_NXE PTL_BIT(11)
#define X86_64_RFLAGS_AC PTL_BIT(18)

/* What @regs, in which paging is on, select; not yet checked. */
void ptl_x86_64_read_regs(const struct pt_x86_regs *regs, struct pt_fmt_cfg *cfg, pt_pa_t *root);
/* Whether CR3 can be loaded beside the other @regs, whose MAXPHYADDR is one. */
bool ptl_x86_64_cr3_fits(const struct pt_x86_regs *regs);

#endif /* PTL_FMT_X86_64_REGS_H */
