/* SPDX-License-Identifier: MIT */
/* Batches of cases on one machine: memory, who answers, and the comparison. */
#ifndef MMU_CASES_RUN_H
#define MMU_CASES_RUN_H

#include "mmu_cases.h"

struct cases_run {
	struct cases_machine machine;
	struct orc *oracle; /* NULL: the answers are in a file */
	FILE *in, *out; /* answers kept, or to keep */
	unsigned int nr_steps; /* 0: all */
	struct cases_layout layout;
	struct cases_round round[CASES_MAX_SLOTS];
	uint64_t *before[CASES_MAX_SLOTS]; /* the slots as they were made */
	uint64_t *before_memory;
	struct pt_phys *phys;
	struct pt_mmu *mmu;
	size_t nr_compared, nr_masked, nr_different;
};

/** Make and compare the cases of batch @seed. False: no answers; printed. */
bool cases_run_batch(struct cases_run *s, uint64_t seed);

#endif
