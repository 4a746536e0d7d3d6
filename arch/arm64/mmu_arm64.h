/* SPDX-License-Identifier: MIT */
/* The walkers of arm64 stage 1, one per granule and output form. */
#ifndef PTL_MMU_ARM64_H
#define PTL_MMU_ARM64_H

#include "mmu/mmu_internal.h"

extern const struct ptl_walker ptl_walker_arm64_4k, ptl_walker_arm64_4k_lpa2,
	ptl_walker_arm64_16k, ptl_walker_arm64_16k_lpa2, ptl_walker_arm64_64k;

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

#endif /* PTL_MMU_ARM64_H */
