/* SPDX-License-Identifier: MIT */
/* The walker of x86-64 tables, which also serves as a second stage (AMD's nested paging). */
#ifndef PTL_MMU_X86_64_H
#define PTL_MMU_X86_64_H

#include "mmu/mmu_internal.h"

extern const struct ptl_walker ptl_walker_x86_64;

#endif /* PTL_MMU_X86_64_H */
