/* SPDX-License-Identifier: MIT */
/* Compiles the page-table code for the tiny format with self-similar blocks. */
#define PT_FMT napot
#include "fmt_napot.h"
#include "pt/pt_impl.h"
