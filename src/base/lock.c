/* SPDX-License-Identifier: MIT */
#include "base/lock.h"

void ptl_bit_lock_slow(_Atomic uint32_t *word)
{
	unsigned int spins = 0;
	uint32_t old;

	for (;;) {
		old = atomic_load_explicit(word, memory_order_relaxed) & ~PTL_LOCKED;
		if (atomic_compare_exchange_weak_explicit(word, &old, old | PTL_LOCKED,
							  memory_order_acquire,
							  memory_order_relaxed))
			return;
		ptl_spin_wait(&spins);
	}
}
