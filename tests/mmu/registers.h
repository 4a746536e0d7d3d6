/* SPDX-License-Identifier: MIT */
/* registers.h - the control registers that select a given table, for tests of both. */
#ifndef MMU_REGISTERS_H
#define MMU_REGISTERS_H

#include <ptlib/mmu.h>

/* WP and NXE */
static inline struct pt_x86_regs x86_registers(const struct pt_fmt_cfg *fmt, pt_pa_t root)
{
	return (struct pt_x86_regs){
		.cr0 = 0x80010033,
		.cr3 = root | (fmt->c_bit ? UINT64_C(1) << fmt->c_bit : 0),
		.cr4 = 1u << 5 | (fmt->va_bits == 57 ? 1u << 12 : 0),
		.efer = 0xd00,
		.maxphyaddr = fmt->pa_bits,
		.c_bit = fmt->c_bit,
	};
}

/* TCR_EL1 with HA, for one half; the other is disabled. */
static inline struct pt_arm64_regs arm64_registers(const struct pt_fmt_cfg *fmt, pt_pa_t root)
{
	static const unsigned int ips[] = { 32, 36, 40, 42, 44, 48, 52 };
	/* by pt_format: TG0 and TG1 */
	static const uint64_t tg[][2] = {
		[PT_FMT_ARM64_4K] = { 0, 2 },  [PT_FMT_ARM64_4K_LPA2] = { 0, 2 },
		[PT_FMT_ARM64_16K] = { 2, 1 }, [PT_FMT_ARM64_16K_LPA2] = { 2, 1 },
		[PT_FMT_ARM64_64K] = { 1, 3 },
	};
	bool lpa2 = fmt->fmt == PT_FMT_ARM64_4K_LPA2 || fmt->fmt == PT_FMT_ARM64_16K_LPA2;
	uint64_t sz = 64 - fmt->va_bits,
		 ttbr = (root & ((UINT64_C(1) << 48) - 1)) | root >> 48 << 2;
	struct pt_arm64_regs regs = { .mair = fmt->mem_types, .sctlr = 1 };

	for (uint64_t i = 0; i < 7; i++)
		regs.tcr |= ips[i] == fmt->pa_bits ? i << 32 : 0;
	regs.tcr |= UINT64_C(1) << 39; /* HA; then HD, DS */
	regs.tcr |= (fmt->features & PT_FEAT_HD ? UINT64_C(1) << 40 : 0);
	regs.tcr |= lpa2 ? UINT64_C(1) << 59 : 0;
	if (fmt->upper_half) {
		regs.tcr |= sz << 16 | tg[fmt->fmt][1] << 30 | 1u << 7;
		regs.ttbr1 = ttbr;
	} else {
		regs.tcr |= sz | tg[fmt->fmt][0] << 14 | 1u << 23;
		regs.ttbr0 = ttbr;
	}
	return regs;
}

/* Loads what makes @mmu translate by the table at @root. */
static inline int load_registers(struct pt_mmu *mmu, const struct pt_fmt_cfg *fmt, pt_pa_t root)
{
	struct pt_x86_regs x86 = x86_registers(fmt, root);
	struct pt_arm64_regs arm;

	if (fmt->fmt == PT_FMT_X86_64)
		return pt_mmu_set_x86_64(mmu, &x86);
	arm = arm64_registers(fmt, root);
	return pt_mmu_set_arm64(mmu, &arm);
}

#endif /* MMU_REGISTERS_H */
