/* SPDX-License-Identifier: MIT */
/*
 * A spin lock in one bit of a word whose other bits belong to its holder.
 * Held for the time of a loop over one table page at most.
 */
#ifndef PTL_BASE_LOCK_H
#define PTL_BASE_LOCK_H

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/bug.h"

#define PTL_LOCKED 1u

/* The one place that knows the host: how to tell a core that it spins. */
static inline void ptl_cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Spin a little, then let others run: the holder may have lost its CPU. */
static inline void ptl_spin_wait(unsigned int *spins)
{
	if (++*spins % 64)
		ptl_cpu_relax();
	else
		sched_yield();
}

void ptl_bit_lock_slow(_Atomic uint32_t *word);

/* Returns the other bits. Acquire pairs with the release in ptl_bit_unlock(). */
static inline uint32_t ptl_bit_lock(_Atomic uint32_t *word)
{
	uint32_t old = atomic_load_explicit(word, memory_order_relaxed) & ~PTL_LOCKED;

	if (__builtin_expect(!atomic_compare_exchange_strong_explicit(word, &old, old | PTL_LOCKED,
								      memory_order_acquire,
								      memory_order_relaxed),
			     0)) {
		ptl_bit_lock_slow(word);
		old = atomic_load_explicit(word, memory_order_relaxed) & ~PTL_LOCKED;
	}
	return old;
}

/* @bits: what the holder leaves in the other bits. */
static inline void ptl_bit_unlock(_Atomic uint32_t *word, uint32_t bits)
{
	PTL_DEBUG_ON(!(atomic_load_explicit(word, memory_order_relaxed) & PTL_LOCKED));
	atomic_store_explicit(word, bits & ~PTL_LOCKED, memory_order_release);
}

#endif /* PTL_BASE_LOCK_H */
