/* SPDX-License-Identifier: MIT */
/*
 * raw_words.h - table words written by hand, straight from the manuals: the fewest bits that make
 * a table entry or a leaf. Sources as in arch/, read again.
 */
#ifndef MODEL_RAW_WORDS_H
#define MODEL_RAW_WORDS_H

#include <ptlib/format.h>

static inline bool raw_is_x86(const struct pt_fmt_cfg *fmt)
{
	return fmt->fmt == PT_FMT_X86_64;
}

static inline unsigned int raw_granule_lg2(const struct pt_fmt_cfg *fmt)
{
	switch (fmt->fmt) {
	case PT_FMT_ARM64_16K:
	case PT_FMT_ARM64_16K_LPA2:
		return 14;
	case PT_FMT_ARM64_64K:
		return 16;
	default:
		return 12;
	}
}

/*
 * Arm ARM DDI 0487 J.a, D8.3.1 "VMSAv8-64 descriptor formats": with LPA2, address bits 51:50
 * stand in bits 9:8; with 64K and LPA, bits 51:48 in bits 15:12.
 */
static inline uint64_t raw_address(const struct pt_fmt_cfg *fmt, pt_pa_t pa)
{
	if (fmt->fmt == PT_FMT_ARM64_4K_LPA2 || fmt->fmt == PT_FMT_ARM64_16K_LPA2)
		return (pa & ((UINT64_C(1) << 50) - 1)) | (pa >> 50) << 8;
	if (fmt->fmt == PT_FMT_ARM64_64K)
		return (pa & ((UINT64_C(1) << 48) - 1)) | (pa >> 48) << 12;
	return pa;
}

/* x86: P, RW, US, A; arm64: a table descriptor. */
static inline uint64_t raw_table(const struct pt_fmt_cfg *fmt, pt_pa_t pa)
{
	return raw_is_x86(fmt) ? pa | 0x27 : raw_address(fmt, pa) | 3;
}

/*
 * Readable, writable, executable by the kernel, accessed, the memory type of index 0.
 * x86: P, RW, A, and PS above level 0; arm64: AF, a page or a block.
 */
static inline uint64_t raw_leaf(const struct pt_fmt_cfg *fmt, pt_pa_t pa, unsigned int level)
{
	if (raw_is_x86(fmt))
		return pa | 0x23 | (level ? 0x80 : 0);
	return raw_address(fmt, pa) | 1 << 10 | (level ? 1 : 3);
}

/* A present word that hardware refuses at @level under @fmt, or 0 if there is none there. */
static inline uint64_t raw_reserved(const struct pt_fmt_cfg *fmt, unsigned int level)
{
	if (!raw_is_x86(fmt))
		return level ? 0 : 1; /* 01 at Arm's level 3 */
	if (level >= 3)
		return 0x80 | 1; /* PS where there are no leaves */
	return level ? UINT64_C(1) << 13 | 0x80 | 1 : 0; /* below a large leaf's address */
}

/* A leaf beyond the output width, or 0 if no address is. */
static inline uint64_t raw_beyond(const struct pt_fmt_cfg *fmt, unsigned int level)
{
	if (fmt->pa_bits == 52 || (fmt->pa_bits == 48 && !raw_is_x86(fmt) &&
				   !(fmt->features & PT_FEAT_LPA)))
		return 0;
	return raw_leaf(fmt, UINT64_C(1) << fmt->pa_bits, level);
}

/* Not present, not empty, none of the library's own words. */
#define RAW_SOFT UINT64_C(0x00c0ffee5a5a5000)

#endif /* MODEL_RAW_WORDS_H */
