/* SPDX-License-Identifier: MIT */
/*
 * thin.h - how much less slow builds (sanitizers, Valgrind) try:
 * PTLIB_TEST_THIN says one in how many.
 */
#ifndef MODEL_THIN_H
#define MODEL_THIN_H

#include <stdlib.h>

static inline size_t test_thin(void)
{
	const char *thin = getenv("PTLIB_TEST_THIN");
	size_t n = thin ? strtoul(thin, NULL, 10) : 1;

	return n ? n : 1;
}

#endif /* MODEL_THIN_H */
