/* SPDX-License-Identifier: MIT */
#define PT_FMT arm64_s2_16k_lpa2
#define ARM64_GRANULE_LG2 14
#define ARM64_LPA2 1
#include "arm64/fmt_arm64_s2.h"
#include "fmt/contract_impl.h"
