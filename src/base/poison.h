/* SPDX-License-Identifier: MIT */
/*
 * Sanitizers see one big mapping where we see frames. These tell ASan and
 * Valgrind which frames nobody owns, so that a read of a freed table page is a
 * report instead of a silent zero. Nothing in plain builds but Valgrind's
 * request, which is a few no-ops.
 */
#ifndef PTL_BASE_POISON_H
#define PTL_BASE_POISON_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define PTL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PTL_ASAN 1
#endif
#endif

#ifdef PTL_ASAN
#include <sanitizer/asan_interface.h>
#endif
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define PTL_MEMCHECK 1
#endif

/* Whether anybody listens: worth asking once, where poisoning would be most of the work. */
static inline bool ptl_poison_is_heard(void)
{
#if defined(PTL_ASAN)
	return true;
#elif defined(PTL_MEMCHECK)
	return RUNNING_ON_VALGRIND;
#else
	return false;
#endif
}

static inline void ptl_poison(void *p, size_t len)
{
#ifdef PTL_ASAN
	__asan_poison_memory_region(p, len);
#endif
#ifdef PTL_MEMCHECK
	VALGRIND_MAKE_MEM_NOACCESS(p, len);
#endif
	(void)p;
	(void)len;
}

static inline void ptl_unpoison(void *p, size_t len)
{
#ifdef PTL_ASAN
	__asan_unpoison_memory_region(p, len);
#endif
#ifdef PTL_MEMCHECK
	VALGRIND_MAKE_MEM_UNDEFINED(p, len);
#endif
	(void)p;
	(void)len;
}

#endif /* PTL_BASE_POISON_H */
