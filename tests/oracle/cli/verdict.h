/* SPDX-License-Identifier: MIT */
/* Results as text, and whether that text is what a job expected. */
#ifndef VERDICT_H
#define VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "expr.h"
#include "oracle.h"

#define VERDICT_MAX 1024

void verdict_format(enum orc_arch arch, const struct orc_vec *vec, const struct orc_res *res,
		    char text[VERDICT_MAX]);

/*
 * Expectation @text with all its numbers evaluated, for the caller to free; NULL
 * with *bad at the token that is none.
 */
char *expect_evaluate(const struct symbols *symbols, const char *text, const char **bad);

/*
 * Whether each token of @expected occurs in @got, and none that is written !token.
 * Numbers compare as numbers, also in lists (walk=1,2).  With @in_order the n-th
 * token must be the n-th of @got.  If not, *missed is the token.
 */
bool expect_met(const char *expected, const char *got, bool in_order, const char **missed);

#endif
