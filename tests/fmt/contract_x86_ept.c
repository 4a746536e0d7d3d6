/* SPDX-License-Identifier: MIT */
#define PT_FMT x86_ept
#include "x86_64/fmt_x86_ept.h"
#include "fmt/contract_impl.h"
