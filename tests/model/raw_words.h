/* SPDX-License-Identifier: MIT */
/*
 * raw_words.h - table words written by hand, straight from the manuals: the fewest bits that make
 * a table entry or a leaf. Sources as in arch/, read again.
 */
#ifndef MODEL_RAW_WORDS_H
#define MODEL_RAW_WORDS_H

#include "model/formats.h"

static inline bool raw_is_x86(const struct pt_fmt_cfg *fmt)
{
	return format_is_x86(fmt->fmt);
}

/*
 * Arm ARM DDI 0487 J.a, D8.3.1 "VMSAv8-64 descriptor formats": with LPA2, address bits 51:50
 * stand in bits 9:8; with 64K and LPA, bits 51:48 in bits 15:12.
 */
static inline uint64_t raw_address(const struct pt_fmt_cfg *fmt, pt_pa_t pa)
{
	if (format_is_lpa2(fmt->fmt))
		return (pa & ((UINT64_C(1) << 50) - 1)) | (pa >> 50) << 8;
	if (format_granule_lg2(fmt->fmt) == 16)
		return (pa & ((UINT64_C(1) << 48) - 1)) | (pa >> 48) << 12;
	return pa;
}

/* x86-64: P, RW, US, A; EPT: R, W, X, and A and XU if they count; arm64: a table descriptor. */
static inline uint64_t raw_table(const struct pt_fmt_cfg *fmt, pt_pa_t pa)
{
	if (fmt->fmt == PT_FMT_X86_EPT)
		return pa | 7 | (fmt->features & PT_FEAT_AD ? 1 << 8 : 0) |
		       (fmt->features & PT_FEAT_MBEC ? 1 << 10 : 0);
	if (fmt->fmt == PT_FMT_X86_64)
		return pa | 0x27 | (fmt->c_bit ? UINT64_C(1) << fmt->c_bit : 0);
	return raw_address(fmt, pa) | 3;
}

/*
 * Readable, writable, executable by the kernel, accessed, the memory type of index 0,
 * in second stages write-back. x86-64: P, RW, A, and PS above level 0; EPT: R, W, X,
 * type 6, bit 7 the same, A; arm64: AF, a page or a block, in stage 2 with S2AP 11 and
 * MemAttr 1111 or with FWB 0110.
 */
static inline uint64_t raw_leaf(const struct pt_fmt_cfg *fmt, pt_pa_t pa, unsigned int level)
{
	uint64_t s2 = 0xc0 | (fmt->features & PT_FEAT_FWB ? 6 : 15) << 2;

	if (fmt->fmt == PT_FMT_X86_EPT)
		return pa | 0x137 | (level ? 0x80 : 0);
	if (fmt->fmt == PT_FMT_X86_64)
		return pa | 0x23 | (level ? 0x80 : 0);
	return raw_address(fmt, pa) | 1 << 10 | (level ? 1 : 3) |
	       (format_is_stage2(fmt->fmt) ? s2 : 0);
}

/* What a CPU makes of the leaf @raw by a load (accessed) or a store (dirty). */
static inline uint64_t raw_touch(const struct pt_fmt_cfg *fmt, uint64_t raw, pt_attr_t bits)
{
	if (fmt->fmt == PT_FMT_X86_64)
		return raw | (bits & PT_ATTR_ACCESSED) | (bits & PT_ATTR_DIRTY); /* 5 and 6 */
	if (fmt->fmt == PT_FMT_X86_EPT)
		return fmt->features & PT_FEAT_AD ?
			       raw | (bits & PT_ATTR_ACCESSED) << 3 | (bits & PT_ATTR_DIRTY) << 3 :
			       raw;
	if (bits & PT_ATTR_ACCESSED)
		raw |= UINT64_C(1) << 10;
	if (!(bits & PT_ATTR_DIRTY) || !(fmt->features & PT_FEAT_HD) || !(raw >> 51 & 1))
		return raw;
	/* DBM: AP[2] goes in stage 1, S2AP[1] comes in stage 2 */
	return format_is_stage2(fmt->fmt) ? raw | 1 << 7 : raw & ~(UINT64_C(1) << 7);
}

/* Whether table entries of @fmt can take away from what is below. */
static inline bool raw_limits(const struct pt_fmt_cfg *fmt)
{
	return raw_is_x86(fmt) || (!format_is_stage2(fmt->fmt) && fmt->features & PT_FEAT_NO_HPD);
}

/* A present word that hardware refuses at @level under @fmt, or 0 if there is none there. */
static inline uint64_t raw_reserved(const struct pt_fmt_cfg *fmt, unsigned int level)
{
	if (!raw_is_x86(fmt))
		return level ? 0 : 1; /* 01 at Arm's level 3 */
	if (fmt->fmt == PT_FMT_X86_EPT && !level)
		return 2 << 3 | 7; /* a memory type that is none */
	if (level >= 3)
		return 0x80 | 1; /* PS where there are no leaves */
	return level ? UINT64_C(1) << 13 | 0x80 | 1 : 0; /* below a large leaf's address */
}

/* The lowest address beyond the output width that a word could hold. */
static inline pt_pa_t raw_beyond_pa(const struct pt_fmt_cfg *fmt)
{
	return UINT64_C(1) << (fmt->c_bit == fmt->pa_bits ? fmt->pa_bits + 1 : fmt->pa_bits);
}

/* A leaf there, or 0 if no address is. */
static inline uint64_t raw_beyond(const struct pt_fmt_cfg *fmt, unsigned int level)
{
	pt_pa_t pa = raw_beyond_pa(fmt);

	if (pa >> 52 ||
	    (fmt->pa_bits == 48 && !raw_is_x86(fmt) && !(fmt->features & PT_FEAT_LPA)))
		return 0;
	return raw_leaf(fmt, pa, level);
}

/* Not present, not empty, none of the library's own words. */
#define RAW_SOFT UINT64_C(0x00c0ffee5a5a5000)

#endif /* MODEL_RAW_WORDS_H */
