/* SPDX-License-Identifier: MIT */
/* Compiles the walk for arm64 stage 2, 16K granule. */
#define ARM64_GRANULE_LG2 14
#define ARM64_LPA2 0
#include "arm64/fmt_arm64_s2.h"
#include "arm64/mmu_arm64.h"
#include "arm64/mmu_arm64_s2_rules.h"
#define MMU_WALKER ptl_walker_arm64_s2_16k
#include "mmu/walk_impl.h"
