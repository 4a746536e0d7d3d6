/* SPDX-License-Identifier: MIT */
/* Compiles the page-table code for x86 EPT. */
#define PT_FMT x86_ept
#include "x86_64/fmt_x86_ept.h"
#include "pt/pt_impl.h"
