/* SPDX-License-Identifier: MIT */
/* What the tests of the TLB share. */
#ifndef TESTS_TLB_TEST_H
#define TESTS_TLB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <ptlib/tlb.h>

/* 0 to @n - 1. */
static inline unsigned int random_of(uint64_t *seed, unsigned int n)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned int)(*seed >> 33) % n;
}

/* Slow builds try one of so many variants. */
static inline unsigned int thin(void)
{
	const char *text = getenv("PTLIB_TEST_THIN");

	return text && atoi(text) > 1 ? (unsigned int)atoi(text) : 1;
}

#endif /* TESTS_TLB_TEST_H */
