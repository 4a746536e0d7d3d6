/* SPDX-License-Identifier: MIT */
/* Results as text, and whether that text is what a job expected. */
#ifndef JOB_VERDICT_H
#define JOB_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "job.h"

#define VERDICT_MAX 1024

void verdict_format(enum job_arch arch, const struct job_access *access,
		    const struct job_result *result, char text[VERDICT_MAX]);

/*
 * Expectation @text with all its numbers evaluated, for the caller to free; NULL
 * with *bad at the token that is none.
 */
char *expect_evaluate(const struct symbols *symbols, const char *text, const char **bad);

/*
 * Whether each token of @expected occurs in @got, and none that is written !token.
 * Numbers compare as numbers, also in lists (walk=1,2).  With @in_order, and as many
 * tokens as @got has, the n-th must be the n-th.  If not, *missed is the token.
 */
bool expect_met(const char *expected, const char *got, bool in_order, const char **missed);

#endif
