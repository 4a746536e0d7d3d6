/* SPDX-License-Identifier: MIT */
/*
 * fuzz_mmu_regs.h - registers for fuzz_mmu.c: usual ones when the input says nothing, any 64 bits
 * when it says so.
 */
#ifndef FUZZ_MMU_REGS_H
#define FUZZ_MMU_REGS_H

#include <ptlib/mmu.h>

#include "fuzz_input.h"

#define FUZZ_BIT(n) (UINT64_C(1) << (n))

/* *@reg is replaced, a bit of it flipped, or it stays, in this order of @odd's two bits. */
static inline void draw_odd(struct fuzz_input *in, unsigned int odd, uint64_t *reg)
{
	if (odd & 1)
		*reg = fuzz_u64(in);
	else if (odd & 2)
		*reg ^= FUZZ_BIT(fuzz_u8(in) & 63);
}

/* MAXPHYADDR; the first is the usual one. */
static inline unsigned int draw_width(unsigned int choice)
{
	static const uint8_t widths[16] = { 0, 52, 51, 48, 46, 40, 39, 36,
					    32, 33, 34, 31, 53, 64, 1, 255 };

	return widths[choice & 15];
}

/* [flags 2] [odd 2], then what odd says. */
static inline struct pt_x86_regs draw_x86(struct fuzz_input *in, pt_pa_t root)
{
	uint16_t flags = fuzz_u16(in), odd = fuzz_u16(in);
	struct pt_x86_regs r = {
		.cr0 = FUZZ_BIT(31) | FUZZ_BIT(0) | (flags & 1 ? 0 : FUZZ_BIT(16)),
		.cr3 = root,
		.cr4 = FUZZ_BIT(5) | (flags & 2 ? FUZZ_BIT(12) : 0) |
		       (flags & 4 ? FUZZ_BIT(20) : 0) | (flags & 8 ? FUZZ_BIT(21) : 0) |
		       (flags & 16 ? FUZZ_BIT(22) : 0) | (flags & 32 ? FUZZ_BIT(24) : 0),
		.efer = FUZZ_BIT(8) | FUZZ_BIT(10) | (flags & 64 ? 0 : FUZZ_BIT(11)),
		.rflags = flags & 128 ? FUZZ_BIT(18) : 0,
		.no_1g = flags & 256,
		.c_bit = flags & 1024 ? (flags & 2048 ? 51 : 47) : 0,
		.maxphyaddr = draw_width(flags >> 12),
	};

	if (flags & (16 | 32)) {
		r.pkru = fuzz_u32(in);
		r.pkrs = fuzz_u32(in);
	}
	if (flags & 512)
		r.pat = fuzz_u64(in);
	draw_odd(in, odd, &r.cr0);
	draw_odd(in, odd >> 2, &r.cr3);
	draw_odd(in, odd >> 4, &r.cr4);
	draw_odd(in, odd >> 6, &r.efer);
	draw_odd(in, odd >> 8, &r.rflags);
	return r;
}

/* A TTBR or VTTBR that holds @pa, for any form of it. */
static inline uint64_t draw_ttbr(pt_pa_t pa)
{
	return (pa & (FUZZ_BIT(48) - 1)) | (pa >> 48 & 15) << 2;
}

/*
 * ID_AA64MMFR0_EL1 with granules of which the manual says what they mean; the other fields have no
 * gaps.
 */
static inline uint64_t draw_mmfr0(struct fuzz_input *in)
{
	static const uint8_t gran4[4] = { 0, 1, 1, 15 }, gran16[4] = { 0, 1, 2, 2 },
			     gran64[4] = { 0, 0, 0, 15 };
	uint64_t raw = fuzz_u64(in);
	uint64_t granules = (uint64_t)gran4[raw >> 28 & 3] << 28 |
			    (uint64_t)gran64[raw >> 24 & 3] << 24 |
			    (uint64_t)gran16[raw >> 20 & 3] << 20;

	/* and those of stage 2, which may be as of stage 1 */
	granules |= (raw & UINT64_C(0x303) << 32) | (raw & UINT64_C(0x010) << 32);
	return (raw & ~(UINT64_C(0xffffff) << 20)) | granules;
}

/* T0SZ and the like. */
static inline uint64_t draw_size(unsigned int choice)
{
	static const uint8_t sizes[16] = { 16, 25, 12, 28, 32, 39, 48, 47,
					   33, 24, 20, 15, 11, 49, 0, 40 };

	return sizes[choice & 15];
}

/* [form 1] [sizes 1] [flags 4] [odd 2], then what these say. */
static inline struct pt_arm64_regs draw_arm64(struct fuzz_input *in, pt_pa_t root0, pt_pa_t root1)
{
	static const uint8_t tg0[4] = { 0, 1, 2, 3 }, tg1[4] = { 2, 3, 1, 0 }; /* 4K 64K 16K none */
	static const uint8_t tcr_bits[] = { 39, 40, 41, 42, 37, 38, 51, 52, 55, 56, 7, 23 };
	uint8_t form = fuzz_u8(in), sizes = fuzz_u8(in);
	uint32_t flags = fuzz_u32(in);
	uint16_t odd = fuzz_u16(in);
	struct pt_arm64_regs r = {
		.ttbr0 = draw_ttbr(root0),
		.ttbr1 = draw_ttbr(root1),
		.tcr = (uint64_t)tg0[form & 3] << 14 | (uint64_t)tg1[form >> 2 & 3] << 30 |
		       (form & 16 ? FUZZ_BIT(59) : 0) | (uint64_t)(5 ^ form >> 5) << 32 |
		       draw_size(sizes) | draw_size(sizes >> 4) << 16,
		.mair = UINT64_C(0x00bb44040c08f0ff),
		.sctlr = (flags & 0x1000 ? 0 : 1) | (flags & 0x2000 ? FUZZ_BIT(19) : 0) |
			 (flags & 0x4000 ? FUZZ_BIT(57) : 0) | (flags & 0x8000 ? FUZZ_BIT(12) : 0),
		.pan = flags & 0x10000,
		.uao = flags & 0x20000,
		.tcr2 = flags >> 17 & 14, /* PIE, E0POE, POE */
	};

	for (unsigned int i = 0; i < sizeof(tcr_bits); i++)
		r.tcr |= flags & 1u << i ? FUZZ_BIT(tcr_bits[i]) : 0;
	if (flags & 0x200000) {
		r.mmfr0 = draw_mmfr0(in);
		r.mmfr1 = fuzz_u64(in);
		r.mmfr2 = fuzz_u64(in);
		r.mmfr3 = fuzz_u64(in);
	}
	if (r.tcr2 & 2) {
		r.pir = fuzz_u64(in);
		r.pire0 = fuzz_u64(in);
	}
	if (r.tcr2 & 12) {
		r.por_el0 = fuzz_u64(in);
		r.por_el1 = fuzz_u64(in);
	}
	draw_odd(in, odd, &r.ttbr0);
	draw_odd(in, odd >> 2, &r.ttbr1);
	draw_odd(in, odd >> 4, &r.tcr);
	draw_odd(in, odd >> 6, &r.mair);
	draw_odd(in, odd >> 8, &r.sctlr);
	draw_odd(in, odd >> 10, &r.tcr2);
	return r;
}

/* [flags 2] [odd 1] */
static inline struct pt_x86_ept_regs draw_ept(struct fuzz_input *in, pt_pa_t root)
{
	uint16_t flags = fuzz_u16(in);
	uint8_t odd = fuzz_u8(in);
	struct pt_x86_ept_regs r = {
		.eptp = root | (flags & 1 ? 0 : 6) | (flags & 2 ? 4 : 3) << 3 |
			(flags & 4 ? 64 : 0),
		.mbec = flags & 8,
		.maxphyaddr = draw_width(flags >> 12),
	};

	if (flags & 16) /* all that EPTP may ask for; then less */
		r.ept_vpid_cap = FUZZ_BIT(6) | FUZZ_BIT(7) | FUZZ_BIT(8) | FUZZ_BIT(14) |
				 FUZZ_BIT(16) | FUZZ_BIT(21) | (flags & 32 ? FUZZ_BIT(0) : 0) |
				 (flags & 64 ? FUZZ_BIT(17) : 0);
	draw_odd(in, odd, &r.eptp);
	draw_odd(in, odd >> 2, &r.ept_vpid_cap);
	return r;
}

/* [form 1] [size 1] [flags 2] [odd 1] */
static inline struct pt_arm64_s2_regs draw_s2(struct fuzz_input *in, pt_pa_t root)
{
	static const uint8_t granules[4] = { 0, 2, 1, 0 }; /* 4K, 16K, 64K */
	static const uint8_t sizes[16] = { 24, 16, 12, 20, 22, 25, 28, 32, 39, 48, 47, 33, 15, 11,
					   30, 40 };
	uint8_t form = fuzz_u8(in), size = fuzz_u8(in), odd;
	uint16_t flags = fuzz_u16(in);
	struct pt_arm64_s2_regs r = {
		.vtcr = (uint64_t)granules[form & 3] << 14 | (form & 4 ? FUZZ_BIT(32) : 0) |
			(uint64_t)(5 ^ form >> 5) << 16 | sizes[size & 15] |
			(uint64_t)(1 ^ (size >> 4 & 3)) << 6 | (size & 64 ? FUZZ_BIT(33) : 0) |
			(flags & 1 ? FUZZ_BIT(21) : 0) | (flags & 2 ? FUZZ_BIT(22) : 0),
		.vttbr = draw_ttbr(root),
		.hcr = (flags & 4 ? 0 : FUZZ_BIT(0)) | (flags & 8 ? FUZZ_BIT(2) : 0) |
		       (flags & 16 ? FUZZ_BIT(12) : 0) | (flags & 32 ? FUZZ_BIT(46) : 0),
	};

	odd = fuzz_u8(in);
	if (flags & 64) {
		r.mmfr0 = draw_mmfr0(in);
		r.mmfr1 = fuzz_u64(in);
		r.mmfr2 = fuzz_u64(in);
	}
	draw_odd(in, odd, &r.vtcr);
	draw_odd(in, odd >> 2, &r.vttbr);
	draw_odd(in, odd >> 4, &r.hcr);
	return r;
}

#endif /* FUZZ_MMU_REGS_H */
