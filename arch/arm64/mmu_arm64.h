/* SPDX-License-Identifier: MIT */
/* The walkers of arm64, one per stage, granule and output form, and its two stages. */
#ifndef PTL_MMU_ARM64_H
#define PTL_MMU_ARM64_H

#include "mmu/mmu_internal.h"

extern const struct ptl_walker ptl_walker_arm64_4k, ptl_walker_arm64_4k_lpa2,
	ptl_walker_arm64_16k, ptl_walker_arm64_16k_lpa2, ptl_walker_arm64_64k;
extern const struct ptl_walker ptl_walker_arm64_s2_4k, ptl_walker_arm64_s2_4k_lpa2,
	ptl_walker_arm64_s2_16k, ptl_walker_arm64_s2_16k_lpa2, ptl_walker_arm64_s2_64k;

/* The walker of a stage 1 format. */
static inline const struct ptl_walker *ptl_arm64_walker(enum pt_format fmt)
{
	switch (fmt) {
	case PT_FMT_ARM64_4K:
		return &ptl_walker_arm64_4k;
	case PT_FMT_ARM64_4K_LPA2:
		return &ptl_walker_arm64_4k_lpa2;
	case PT_FMT_ARM64_16K:
		return &ptl_walker_arm64_16k;
	case PT_FMT_ARM64_16K_LPA2:
		return &ptl_walker_arm64_16k_lpa2;
	default:
		return &ptl_walker_arm64_64k;
	}
}

/* Whether @mmu has an arm64 processor's registers. */
bool ptl_arm64_is_loaded(const struct pt_mmu *mmu);

/* *@to, what stage 1 gave, becomes what stage 2 makes of it. 0 or 1. */
int ptl_arm64_second_stage(struct ptl_access *access, struct ptl_translation *to);

#endif /* PTL_MMU_ARM64_H */
