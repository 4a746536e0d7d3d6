/* SPDX-License-Identifier: MIT */
#define PT_FMT tiny
#include "fmt_tiny/fmt_tiny.h"
#include "fmt/contract_impl.h"
