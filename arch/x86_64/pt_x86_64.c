/* SPDX-License-Identifier: MIT */
/* Compiles the page-table code for x86-64. */
#define PT_FMT x86_64
#include "x86_64/fmt_x86_64.h"
#include "pt/pt_impl.h"
