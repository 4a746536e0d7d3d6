/* SPDX-License-Identifier: MIT */
/*
 * descent.h - from a root down to the word of a page, and nothing else: no check of
 * anything. For tables whose memory is one region at physical address 0, as fixtures' is.
 */
#ifndef BENCH_DESCENT_H
#define BENCH_DESCENT_H

/* For ptl_load() and ptl_store(); which format comes with them does not matter. */
#define PTL_MODE PTL_MODE_EXCLUSIVE
#include "x86_64/fmt_x86_64.h"
#include "pt/tree.h"

/* The lower bits of a word are attributes, the page number ends at bit 47. */
#define DESCENT_ADDRESS(granule_lg2) PTL_BITS(47, granule_lg2)

/* With constants for @granule_lg2 and @levels shifts are immediates. */
static inline __attribute__((always_inline)) _Atomic uint64_t *
descend(uint8_t *host, _Atomic uint64_t *root, pt_va_t va, unsigned int granule_lg2,
	unsigned int levels)
{
	const unsigned int index_bits = granule_lg2 - 3;
	_Atomic uint64_t *table = root;

#pragma GCC unroll 4
	for (unsigned int level = levels; --level;) {
		unsigned int shift = granule_lg2 + index_bits * level;
		uint64_t raw = ptl_load(&table[va >> shift & (PTL_BIT(index_bits) - 1)]);

		table = (_Atomic uint64_t *)(void *)(host + (raw & DESCENT_ADDRESS(granule_lg2)));
	}
	return &table[va >> granule_lg2 & (PTL_BIT(index_bits) - 1)];
}

#endif /* BENCH_DESCENT_H */
