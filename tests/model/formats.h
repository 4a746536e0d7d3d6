/* SPDX-License-Identifier: MIT */
/* formats.h - which formats have what in common, as tests ask it. */
#ifndef MODEL_FORMATS_H
#define MODEL_FORMATS_H

#include <ptlib/format.h>

/*
 * x86-64 and EPT: where addresses and sizes stand in a word, and that
 * nothing is broken before made.
 */
static inline bool format_is_x86(enum pt_format fmt)
{
	return fmt == PT_FMT_X86_64 || fmt == PT_FMT_X86_EPT;
}

/* Leaves without privilege, tables of one half, loads that may be forbidden. */
static inline bool format_is_stage2(enum pt_format fmt)
{
	switch (fmt) {
	case PT_FMT_X86_EPT:
	case PT_FMT_ARM64_S2_4K:
	case PT_FMT_ARM64_S2_4K_LPA2:
	case PT_FMT_ARM64_S2_16K:
	case PT_FMT_ARM64_S2_16K_LPA2:
	case PT_FMT_ARM64_S2_64K:
		return true;
	default:
		return false;
	}
}

static inline bool format_is_lpa2(enum pt_format fmt)
{
	return fmt == PT_FMT_ARM64_4K_LPA2 || fmt == PT_FMT_ARM64_16K_LPA2 ||
	       fmt == PT_FMT_ARM64_S2_4K_LPA2 || fmt == PT_FMT_ARM64_S2_16K_LPA2;
}

static inline unsigned int format_granule_lg2(enum pt_format fmt)
{
	switch (fmt) {
	case PT_FMT_ARM64_16K:
	case PT_FMT_ARM64_16K_LPA2:
	case PT_FMT_ARM64_S2_16K:
	case PT_FMT_ARM64_S2_16K_LPA2:
		return 14;
	case PT_FMT_ARM64_64K:
	case PT_FMT_ARM64_S2_64K:
		return 16;
	default:
		return 12;
	}
}

/* What an encoding of @attr loses: accessed and dirty where nothing tracks them. */
static inline pt_attr_t format_lost_attrs(const struct pt_fmt_cfg *fmt, pt_attr_t attr)
{
	if (fmt->fmt == PT_FMT_X86_64)
		return 0;
	if (fmt->fmt == PT_FMT_X86_EPT)
		return fmt->features & PT_FEAT_AD ? 0 : attr & (PT_ATTR_ACCESSED | PT_ATTR_DIRTY);
	/* arm64 has no dirty bit: a dirty leaf is one that hardware made writable */
	return fmt->features & PT_FEAT_HD && attr & PT_ATTR_WRITE ? 0 : attr & PT_ATTR_DIRTY;
}

/* Whether hardware takes @raw for an entry: none of the formats lets a present word be ignored. */
static inline bool format_is_present(const struct pt_fmt_cfg *fmt, uint64_t raw)
{
	/* EPT: R, W or X, and with mode-based execute control bit 10; all others: bit 0 */
	if (fmt->fmt == PT_FMT_X86_EPT)
		return raw & 7 || (fmt->features & PT_FEAT_MBEC && raw >> 10 & 1);
	return raw & 1;
}

#endif /* MODEL_FORMATS_H */
