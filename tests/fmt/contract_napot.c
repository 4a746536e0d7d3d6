/* SPDX-License-Identifier: MIT */
#define PT_FMT napot
#include "fmt_tiny/fmt_napot.h"
#include "fmt/contract_impl.h"
