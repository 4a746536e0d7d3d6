/* SPDX-License-Identifier: MIT */
/*
 * Grace periods, from liburcu's bp flavour: callers register nothing. The only
 * file that includes it.
 *
 * liburcu orders memory with inline assembly that ThreadSanitizer does not see;
 * under TSan the happens-before edges that a grace period promises are spelled
 * out: what a reader did before its unlock is before what follows
 * synchronize(), and what came before synchronize() is before later readers.
 */
#ifndef PTL_BASE_RCU_H
#define PTL_BASE_RCU_H

#include <stdbool.h>

/*
 * In the callers, always: left to itself GCC calls these few instructions, and on a quick
 * way the registers that it saves around the calls cost more than they do.
 */
#define PTL_RCU_INLINE static inline __attribute__((always_inline))
#ifdef _LGPL_SOURCE
PTL_RCU_INLINE void _urcu_bp_read_lock(void);
PTL_RCU_INLINE void _urcu_bp_read_unlock(void);
#endif

#include <urcu/urcu-bp.h>

#if defined(__SANITIZE_THREAD__)
#define PTL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PTL_TSAN 1
#endif
#endif

#ifdef PTL_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
/* Two tags: readers release the first, grace periods the second. */
#define PTL_RCU_READERS ((void *)&urcu_bp_gp)
#define PTL_RCU_GRACE ((void *)((char *)&urcu_bp_gp + 1))
#endif

/*
 * Whether this thread has had a read-side section before, so that the next one
 * calls nothing; true where liburcu is not inlined, for then it calls anyway.
 */
static inline bool ptl_rcu_ready(void)
{
#ifdef _LGPL_SOURCE
	return URCU_TLS(urcu_bp_reader);
#else
	return true;
#endif
}

PTL_RCU_INLINE void ptl_rcu_read_lock(void)
{
	urcu_bp_read_lock();
#ifdef PTL_TSAN
	__tsan_acquire(PTL_RCU_GRACE);
#endif
}

PTL_RCU_INLINE void ptl_rcu_read_unlock(void)
{
#ifdef PTL_TSAN
	__tsan_release(PTL_RCU_READERS);
#endif
	urcu_bp_read_unlock();
}

/* Waits until every section that was open when it was called is closed. */
static inline void ptl_rcu_synchronize(void)
{
#ifdef PTL_TSAN
	__tsan_release(PTL_RCU_GRACE);
#endif
	urcu_bp_synchronize_rcu();
#ifdef PTL_TSAN
	__tsan_acquire(PTL_RCU_READERS);
#endif
}

#endif /* PTL_BASE_RCU_H */
