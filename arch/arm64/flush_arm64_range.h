/* SPDX-License-Identifier: MIT */
/*
 * How many TLBI operations a range of pages takes.
 *
 *   Arm ARM DDI 0487 J.a, C5.5 "TLBI RVAE1IS, ...": an operation covers
 *   (NUM + 1) * 2^(5 * SCALE + 1) granules; NUM is 0 to 31, SCALE 0 to 3
 *
 *   SCALE    granules          in steps of
 *     3      65536 to 2097152       65536
 *     2       2048 to   65536        2048
 *     1         64 to    2048          64
 *     0          2 to      64           2
 *
 * So a number of granules is its digits: five bits each above bit 0, one operation for
 * each digit that is not zero, and an operation on a single page for bit 0. With LPA2
 * an operation's BaseADDR is in units of 64K: pages before such a boundary are removed
 * one by one (Linux, arch/arm64/include/asm/tlbflush.h).
 */
#ifndef PTL_FLUSH_ARM64_RANGE_H
#define PTL_FLUSH_ARM64_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"

/* The most granules that one operation covers: what Linux asks for at most. */
#define ARM64_TLBI_RANGE_PAGES (UINT64_C(32) << 16)

struct arm64_tlbi_ops {
	unsigned int pages;  /* operations on single pages */
	unsigned int ranges; /* range operations */
};

/* For @nr <= ARM64_TLBI_RANGE_PAGES granules from @va on, which is aligned to one. */
static inline struct arm64_tlbi_ops arm64_tlbi_range_ops(uint64_t va, uint64_t nr,
							 unsigned int granule_lg2, bool lpa2)
{
	struct arm64_tlbi_ops ops = { 0, 0 };

	if (lpa2)
		for (; nr && !ptl_aligned(va, 16); nr--, va += PTL_BIT(granule_lg2))
			ops.pages++;
	if (nr == ARM64_TLBI_RANGE_PAGES) {
		ops.ranges++; /* NUM 31, SCALE 3: the one number with a sixth digit */
		return ops;
	}
	ops.pages += nr & 1;
	for (nr >>= 1; nr; nr >>= 5)
		ops.ranges += (nr & 31) != 0;
	return ops;
}

#endif /* PTL_FLUSH_ARM64_RANGE_H */
