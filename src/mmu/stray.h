/* SPDX-License-Identifier: MIT */
/*
 * stray.h - a walk that may have lost its way.
 *
 * The walker of a CPU whose walk cache was not flushed goes on from a table that has been
 * freed: it reads, and marks, whatever is there now. Which flush was missing the machine's
 * checker names; the memory access is the simulated hardware's, and no error of ours. So
 * ASan is not asked about words that a walk came to from a kept table (@stray), and still
 * is about those of walks from the root. Plain builds do the same in both cases.
 */
#ifndef PTL_MMU_STRAY_H
#define PTL_MMU_STRAY_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/poison.h"

#ifdef PTL_ASAN
/* Functions of their own, and not inlined: the attribute is a function's. */
__attribute__((noinline, no_sanitize_address)) static uint64_t
ptl_stray_load(_Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

__attribute__((noinline, no_sanitize_address)) static bool
ptl_stray_exchange(_Atomic uint64_t *word, uint64_t old, uint64_t marked)
{
	return atomic_compare_exchange_strong_explicit(word, &old, marked, memory_order_relaxed,
						       memory_order_relaxed);
}
#endif

/* Acquire: pairs with the release by which a writer publishes the table that the word names. */
static inline uint64_t ptl_walker_load(_Atomic uint64_t *word, bool stray)
{
#ifdef PTL_ASAN
	if (stray)
		return ptl_stray_load(word);
#endif
	(void)stray;
	return atomic_load_explicit(word, memory_order_acquire);
}

/* Relaxed: the word orders nothing; its table was found by acquire loads. */
static inline bool ptl_walker_exchange(_Atomic uint64_t *word, uint64_t old, uint64_t marked,
				       bool stray)
{
#ifdef PTL_ASAN
	if (stray)
		return ptl_stray_exchange(word, old, marked);
#endif
	(void)stray;
	return atomic_compare_exchange_strong_explicit(word, &old, marked, memory_order_relaxed,
						       memory_order_relaxed);
}

#endif /* PTL_MMU_STRAY_H */
