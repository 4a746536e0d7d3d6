/* SPDX-License-Identifier: MIT */
#define PT_FMT arm64_s2_64k
#define ARM64_GRANULE_LG2 16
#define ARM64_LPA2 0
#include "arm64/fmt_arm64_s2.h"
#include "fmt/contract_impl.h"
