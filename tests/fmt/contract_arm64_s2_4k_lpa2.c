/* SPDX-License-Identifier: MIT */
#define PT_FMT arm64_s2_4k_lpa2
#define ARM64_GRANULE_LG2 12
#define ARM64_LPA2 1
#include "arm64/fmt_arm64_s2.h"
#include "fmt/contract_impl.h"
