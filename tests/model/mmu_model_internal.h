/* SPDX-License-Identifier: MIT */
/* mmu_model_internal.h - an access on its way through the model; see mmu_model.h. */
#ifndef MODEL_MMU_MODEL_INTERNAL_H
#define MODEL_MMU_MODEL_INTERNAL_H

#include "model/mmu_model.h"

/* Who wants what of a stage. */
struct model_want {
	enum pt_access_kind kind;
	bool in_walk;   /* a table of the first stage */
	bool for_all;   /* in_walk: what a read needs too, not only a write */
	bool user_page; /* the first stage's: a user-mode address */
};

/* Where it led. */
struct model_leaf {
	pt_pa_t pa;
	uint64_t raw;
	unsigned int level, size_lg2, perms;
	enum pt_mem mem;
	bool any_mem;
	bool user_page;
	bool ignores_first; /* a second stage's: its memory type alone counts */
};

struct model_run {
	const struct mmu_model *m;
	const struct pt_access *how;
	pt_va_t first, va;
	struct model_answer *answer;
};

/* The words of one walk. */
struct model_path {
	pt_pa_t in_pa[PT_MAX_LEVELS];   /* as the tables above say it */
	pt_pa_t word_pa[PT_MAX_LEVELS]; /* where it is */
	uint64_t raw[PT_MAX_LEVELS];
};

static inline bool model_writes(enum pt_access_kind kind)
{
	return kind == PT_ACCESS_WRITE || kind == PT_ACCESS_RMW;
}

/* Records a fault; returns false. */
bool model_fault(struct model_run *run, const struct pt_fault *fault, bool has_entry);
/* Reads the entry for @in at @level of @table_pa; false: the fault is in the answer. */
bool model_load(struct model_run *run, const struct model_shape *shape, pt_pa_t table_pa,
		uint64_t in, unsigned int level, struct model_path *path);
/* What the word that was loaded last is. */
void model_is(struct model_run *run, enum pt_kind kind);
/*
 * The entry of @path at @level will change; with a second stage, if that allows the write. False:
 * the fault is in the answer.
 */
bool model_change(struct model_run *run, const struct model_shape *shape,
		  const struct model_path *path, unsigned int level, uint64_t set, uint64_t clear);

/* The part of an access that begins at run->va, first stage. */
bool model_first_x86(struct model_run *run, struct model_leaf *to);
bool model_first_arm64(struct model_run *run, struct model_leaf *to);

bool model_x86_shape(const struct pt_x86_regs *regs, unsigned int stage,
		     struct model_shape *shape);
bool model_arm64_shape(const struct pt_arm64_regs *regs, bool upper, struct model_shape *shape);

/* No tables: @pa with all rights. */
void model_flat(pt_pa_t pa, enum pt_mem mem, struct model_leaf *to);

#endif /* MODEL_MMU_MODEL_INTERNAL_H */
