/* SPDX-License-Identifier: MIT */
#include "base/lock.h"

void ptl_bit_lock_slow(_Atomic uint32_t *word)
{
	unsigned int spins = 0;
	uint32_t old;

	for (;;) {
		/*
		 * Only looked at while it is taken: an exchange, also a
		 * vain one, wants the line.
		 */
		old = atomic_load_explicit(word, memory_order_relaxed);
		if (!(old & PTL_LOCKED) &&
		    atomic_compare_exchange_weak_explicit(word, &old, old | PTL_LOCKED,
							  memory_order_acquire,
							  memory_order_relaxed))
			return;
		ptl_spin_wait(&spins);
	}
}
