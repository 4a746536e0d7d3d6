/* SPDX-License-Identifier: MIT */
#define PT_FMT x86_64
#include "x86_64/fmt_x86_64.h"
#include "fmt/contract_impl.h"
