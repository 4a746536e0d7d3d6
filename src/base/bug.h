/* SPDX-License-Identifier: MIT */
/*
 * A broken invariant of ours: say which, and abort. PTL_DEBUG_ON is for checks
 * that cost too much in release builds.
 */
#ifndef PTL_BASE_BUG_H
#define PTL_BASE_BUG_H

_Noreturn void ptl_bug(const char *file, int line, const char *what);

#define PTL_BUG_ON(cond)                                                                           \
	do {                                                                                       \
		if (__builtin_expect(!!(cond), 0))                                                 \
			ptl_bug(__FILE__, __LINE__, #cond);                                        \
	} while (0)

#ifdef NDEBUG
#define PTL_DEBUG_ON(cond) ((void)sizeof(!!(cond)))
#else
#define PTL_DEBUG_ON(cond) PTL_BUG_ON(cond)
#endif

#endif /* PTL_BASE_BUG_H */
