/* SPDX-License-Identifier: MIT */
/*
 * Bits of x86_64 that explanations talk about.
 *
 *   Intel SDM Vol. 3A, 4.5 "4-Level Paging and 5-Level Paging", 2.5 "Control
 *   Registers" (rev. 081)
 */
#ifndef EXPLAIN_X86_H
#define EXPLAIN_X86_H

#include "internal.h"

#define RW BIT(1)
#define US BIT(2)
#define PS BIT(7)
#define XD BIT(63)

#define CR0_PE BIT(0)
#define CR0_PG BIT(31)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)
#define EFER_SVME BIT(12)
#define RFLAGS_AC BIT(18)

/* The protection key of a leaf. */
static inline unsigned int key_of(uint64_t raw)
{
	return raw >> 59 & 15;
}

/* AMD's C-bit, if this stage has one. */
static inline uint64_t explain_c_bit(const struct explain_walk *walk)
{
	return walk->cfg.c_bit ? BIT(walk->cfg.c_bit) : 0;
}

/** Where an entry points, of either stage. */
pt_pa_t explain_x86_target(const struct explain_walk *walk, const struct pt_access_step *step);

#endif
