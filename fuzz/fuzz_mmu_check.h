/* SPDX-License-Identifier: MIT */
/* fuzz_mmu_check.h - what the library answered for fuzz_mmu.c, against what the model did. */
#ifndef FUZZ_MMU_CHECK_H
#define FUZZ_MMU_CHECK_H

#include <ptlib/mmu.h>

#include "fuzz_input.h"
#include "model/mmu_model.h"

static inline void check_fault(const struct pt_fault *got, const struct model_answer *a)
{
	FUZZ_CHECK_EQ(got->kind, a->fault.kind);
	FUZZ_CHECK_EQ(got->code, a->fault.code);
	FUZZ_CHECK_EQ(got->stage, a->fault.stage);
	FUZZ_CHECK_EQ(got->va, a->fault.va);
	FUZZ_CHECK_EQ(got->level, a->fault.level);
	if (!(a->whys >> got->why & 1))
		FUZZ_CHECK_EQ(got->why, a->whys); /* shows both */
	if (a->has_entry) {
		FUZZ_CHECK_EQ(got->pa, a->fault.pa);
		FUZZ_CHECK_EQ(got->raw, a->fault.raw);
	}
	if (got->stage == 2 && got->kind != PT_FAULT_NO_MEMORY) {
		FUZZ_CHECK_EQ(got->ipa, a->fault.ipa);
		FUZZ_CHECK_EQ(got->in_walk, a->fault.in_walk);
	}
}

static inline void check_pieces(const struct pt_access_result *got,
				const struct model_answer *a, uint64_t marked)
{
	FUZZ_CHECK_EQ(got->nr_pieces, a->nr_pieces);
	for (unsigned int i = 0; i < a->nr_pieces; i++) {
		const struct pt_piece *piece = &got->piece[i], *want = &a->piece[i];

		FUZZ_CHECK_EQ(piece->pa, want->pa);
		FUZZ_CHECK_EQ(piece->len, want->len);
		FUZZ_CHECK_EQ(piece->level, want->level);
		FUZZ_CHECK_EQ(piece->size_lg2, want->size_lg2);
		FUZZ_CHECK_EQ(piece->perms, want->perms);
		if (!a->any_mem[i])
			FUZZ_CHECK_EQ(piece->mem, want->mem);
		FUZZ_CHECK_EQ(piece->raw & ~marked, want->raw & ~marked);
	}
}

/* @marked: bits that the same access may have set or cleared before it read its last word. */
static inline void check_result(int err, const struct pt_access_result *got,
				const struct model_answer *a, uint64_t marked)
{
	FUZZ_CHECK_EQ(err, a->faulted);
	FUZZ_CHECK_EQ(got->nr_loads[0], a->nr_loads[0]);
	FUZZ_CHECK_EQ(got->nr_loads[1], a->nr_loads[1]);
	FUZZ_CHECK(got->nr_loads[0] <= 2 * PT_MAX_LEVELS);
	FUZZ_CHECK(got->nr_loads[0] + got->nr_loads[1] <= PT_ACCESS_MAX_STEPS);
	if (a->faulted) {
		FUZZ_CHECK_EQ(got->nr_pieces, 0);
		check_fault(&got->fault, a);
	} else {
		FUZZ_CHECK_EQ(got->fault.kind, PT_FAULT_NONE);
		check_pieces(got, a, marked);
	}
}

static inline void check_steps(const struct pt_access_step *steps, unsigned int nr,
			       const struct model_answer *a)
{
	FUZZ_CHECK_EQ(nr, a->nr_words);
	for (unsigned int i = 0; i < nr; i++) {
		const struct model_word *want = &a->word[i];

		FUZZ_CHECK_EQ(steps[i].stage, want->stage);
		FUZZ_CHECK_EQ(steps[i].level, want->level);
		FUZZ_CHECK_EQ(steps[i].index, want->index);
		FUZZ_CHECK_EQ(steps[i].table_pa + 8 * (uint64_t)steps[i].index, want->pa);
		FUZZ_CHECK_EQ(steps[i].raw, want->raw);
		FUZZ_CHECK_EQ(steps[i].kind, want->kind);
	}
}

#endif /* FUZZ_MMU_CHECK_H */
