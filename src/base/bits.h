/* SPDX-License-Identifier: MIT */
/* Bit ranges, named as the manuals name them: PTL_BITS(51, 12) is [51:12]. */
#ifndef PTL_BASE_BITS_H
#define PTL_BASE_BITS_H

#include <stdbool.h>
#include <stdint.h>

#define PTL_BIT(n) (UINT64_C(1) << (n))
#define PTL_BITS(hi, lo) ((~UINT64_C(0) >> (63 - (hi))) & (~UINT64_C(0) << (lo)))

static inline bool ptl_aligned(uint64_t x, unsigned int lg2)
{
	return (x & (PTL_BIT(lg2) - 1)) == 0;
}

static inline uint64_t ptl_align_down(uint64_t x, unsigned int lg2)
{
	return x & ~(PTL_BIT(lg2) - 1);
}

/* The last byte of the aligned block of 2^lg2 bytes that @x is in. */
static inline uint64_t ptl_last(uint64_t x, unsigned int lg2)
{
	return x | (PTL_BIT(lg2) - 1);
}

static inline uint64_t ptl_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

#endif /* PTL_BASE_BITS_H */
