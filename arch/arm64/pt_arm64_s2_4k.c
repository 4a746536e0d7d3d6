/* SPDX-License-Identifier: MIT */
/* Compiles the page-table code for arm64 stage 2, 4K granule. */
#define PT_FMT arm64_s2_4k
#define ARM64_GRANULE_LG2 12
#define ARM64_LPA2 0
#include "arm64/fmt_arm64_s2.h"
#include "pt/pt_impl.h"
