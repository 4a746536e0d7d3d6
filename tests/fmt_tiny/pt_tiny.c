/* SPDX-License-Identifier: MIT */
/* Compiles the page-table code for the tiny format. */
#define PT_FMT tiny
#include "fmt_tiny.h"
#include "pt/pt_impl.h"
