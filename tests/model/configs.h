/* SPDX-License-Identifier: MIT */
/*
 * configs.h - the configurations that every test body runs on.
 *
 * All formats, with one, two, ... five levels, full, short and concatenated top
 * tables, both halves, every break-before-make level, with and without the features
 * that change what a word means.
 */
#ifndef MODEL_CONFIGS_H
#define MODEL_CONFIGS_H

#include <stdlib.h>
#include <string.h>

#include <ptlib/format.h>

#include "model/formats.h"

struct config {
	const char *name;
	enum pt_format fmt;
	unsigned int va_bits, pa_bits; /* 0: the usual */
	bool upper_half;
	unsigned int bbm;
	unsigned int with, without; /* PT_FEAT_* */
	unsigned int levels;        /* 0: the usual; else stage 2 with concatenated tables */
	unsigned int c_bit;
};

static const struct config configs[] = {
	{ "x86_48", PT_FMT_X86_64, 48, 52, false, 0, 0, 0, 0, 0 },
	{ "x86_57", PT_FMT_X86_64, 57, 52, false, 0, 0, 0, 0, 0 },
	{ "x86_48_no_nx_no_1g", PT_FMT_X86_64, 48, 46, false, 0, 0, PT_FEAT_NX | PT_FEAT_1G, 0, 0 },
	{ "x86_57_pa40_no_keys", PT_FMT_X86_64, 57, 40, false, 0, 0, PT_FEAT_PKEYS, 0, 0 },
	{ "arm_4k_48", PT_FMT_ARM64_4K, 48, 48, false, 0, 0, 0, 0, 0 },
	{ "arm_4k_48_upper_bbm1", PT_FMT_ARM64_4K, 48, 44, true, 1, 0, 0, 0, 0 },
	{ "arm_4k_48_hd_bbm2", PT_FMT_ARM64_4K, 48, 48, false, 2,
	  PT_FEAT_HD | PT_FEAT_NO_HPD | PT_FEAT_PKEYS, 0, 0, 0 },
	{ "arm_4k_39_upper_bbm2", PT_FMT_ARM64_4K, 39, 40, true, 2, PT_FEAT_NO_HPD, 0, 0, 0 },
	{ "arm_4k_31_hd", PT_FMT_ARM64_4K, 31, 36, false, 0, PT_FEAT_HD, 0, 0, 0 },
	{ "arm_4k_25", PT_FMT_ARM64_4K, 25, 32, false, 0, 0, 0, 0, 0 },
	{ "arm_4k_16_upper", PT_FMT_ARM64_4K, 16, 48, true, 0, PT_FEAT_TTST | PT_FEAT_HD, 0, 0, 0 },
	{ "arm_4k_lpa2_52", PT_FMT_ARM64_4K_LPA2, 52, 52, false, 0, 0, 0, 0, 0 },
	{ "arm_4k_lpa2_48_upper_hd_bbm2", PT_FMT_ARM64_4K_LPA2, 48, 52, true, 2,
	  PT_FEAT_HD | PT_FEAT_PKEYS, 0, 0, 0 },
	{ "arm_16k_48", PT_FMT_ARM64_16K, 48, 48, false, 0, 0, 0, 0, 0 },
	{ "arm_16k_47_upper_bbm2", PT_FMT_ARM64_16K, 47, 42, true, 2, PT_FEAT_NO_HPD, 0, 0, 0 },
	{ "arm_16k_36_hd", PT_FMT_ARM64_16K, 36, 48, false, 1, PT_FEAT_HD | PT_FEAT_PKEYS, 0, 0, 0 },
	{ "arm_16k_16", PT_FMT_ARM64_16K, 16, 48, false, 0, PT_FEAT_TTST, 0, 0, 0 },
	{ "arm_16k_lpa2_52_upper", PT_FMT_ARM64_16K_LPA2, 52, 52, true, 0, PT_FEAT_NO_HPD, 0, 0, 0 },
	{ "arm_16k_lpa2_48_hd_bbm2", PT_FMT_ARM64_16K_LPA2, 48, 52, false, 2, PT_FEAT_HD, 0, 0, 0 },
	{ "arm_64k_48", PT_FMT_ARM64_64K, 48, 48, false, 0, 0, 0, 0, 0 },
	{ "arm_64k_48_lpa_bbm2", PT_FMT_ARM64_64K, 48, 52, false, 2, PT_FEAT_LPA, 0, 0, 0 },
	{ "arm_64k_52_lpa_upper_hd", PT_FMT_ARM64_64K, 52, 52, true, 1,
	  PT_FEAT_LPA | PT_FEAT_HD | PT_FEAT_PKEYS | PT_FEAT_NO_HPD, 0, 0, 0 },
	{ "arm_64k_42_hd", PT_FMT_ARM64_64K, 42, 48, false, 0, PT_FEAT_HD, 0, 0, 0 },
	{ "arm_64k_17", PT_FMT_ARM64_64K, 17, 48, false, 0, PT_FEAT_TTST, 0, 0, 0 },
	{ "ept_48", PT_FMT_X86_EPT, 48, 52, false, 0, 0, 0, 0, 0 },
	{ "ept_57_mbec_no_ad_no_1g", PT_FMT_X86_EPT, 57, 46, false, 0, PT_FEAT_MBEC,
	  PT_FEAT_AD | PT_FEAT_1G | PT_FEAT_EXEC_ONLY, 0, 0 },
	{ "s2_4k_48", PT_FMT_ARM64_S2_4K, 48, 48, false, 0, 0, PT_FEAT_XNX, 0, 0 },
	{ "s2_4k_43_concat_hd_bbm2", PT_FMT_ARM64_S2_4K, 43, 44, false, 2, PT_FEAT_HD, 0, 3, 0 },
	{ "s2_4k_lpa2_52_fwb", PT_FMT_ARM64_S2_4K_LPA2, 52, 52, false, 1, PT_FEAT_FWB, 0, 0, 0 },
	{ "s2_16k_40_concat", PT_FMT_ARM64_S2_16K, 40, 40, false, 0, PT_FEAT_FWB, 0, 2, 0 },
	{ "s2_16k_lpa2_48_concat_hd", PT_FMT_ARM64_S2_16K_LPA2, 48, 52, false, 0, PT_FEAT_HD,
	  PT_FEAT_XNX, 3, 0 },
	{ "s2_64k_46_concat_hd_bbm2", PT_FMT_ARM64_S2_64K, 46, 52, false, 2,
	  PT_FEAT_HD | PT_FEAT_LPA, 0, 2, 0 },
	{ "x86_48_c_bit", PT_FMT_X86_64, 48, 47, false, 0, 0, 0, 0, 47 },
};

#define NR_CONFIGS (sizeof(configs) / sizeof(configs[0]))

static inline const struct config *config_named(const char *name)
{
	for (size_t i = 0; i < NR_CONFIGS; i++)
		if (!strcmp(configs[i].name, name))
			return &configs[i];
	abort();
}

static inline struct pt_fmt_cfg config_fmt(const struct config *config)
{
	struct pt_fmt_cfg fmt;

	if (pt_fmt_cfg_init(&fmt, config->fmt))
		abort();
	fmt.va_bits = config->va_bits;
	fmt.pa_bits = config->pa_bits;
	fmt.upper_half = config->upper_half;
	fmt.bbm = config->bbm;
	fmt.features = (fmt.features | config->with) & ~config->without;
	fmt.levels = config->levels;
	fmt.c_bit = config->c_bit;
	return fmt;
}

#endif /* MODEL_CONFIGS_H */
