/* SPDX-License-Identifier: MIT */
/*
 * internal.h - the words of an architecture for what explain.c tells.
 *
 *	what    4-byte write by CPL 3
 *	walk    4-level paging from CR3=0x1000000000
 *	        PML4E [  0] 0x1000000000: 0x0000001000001027  table 0x1000001000; R/W=1 U/S=1 ...
 *	        ...
 *	fault   #PF, error code 0x7: ...
 *	cause   R/W=0 in the PTE
 *	rule    ...
 *	change  ...
 *	rights  CPL 3: read, execute; not write: R/W=0 in the PTE
 */
#ifndef EXPLAIN_INTERNAL_H
#define EXPLAIN_INTERNAL_H

#include "explain.h"

/* One walk of one stage, and the fault that ended it or would have. */
struct explain_walk {
	const struct explain_regime *r;
	const struct explain_case *c;
	unsigned int stage;
	const struct explain_words *words; /* of this stage */
	const struct explain_reasons *reasons;
	const struct pt_access_step *steps; /* of this walk only */
	unsigned int nr;
	pt_va_t va; /* what is translated; stage 2: an intermediate address */
	pt_pa_t root;
	struct pt_fmt_cfg cfg;
	struct pt_format_info info;
	bool has_info; /* the registers select tables */
	const struct pt_fault *fault;
	bool user; /* who asks: as user, or as kernel */
};

/* What one piece of an access came by. */
struct explain_path {
	struct explain_walk first;
	struct pt_access_step first_steps[PT_MAX_LEVELS];
	struct explain_walk second; /* the last one of stage 2 */
	unsigned int begin, end; /* in c->steps, of both stages */
};

struct explain_words {
	unsigned int priv[EXPLAIN_NR_WHO];
	const char *who[EXPLAIN_NR_WHO];
	const char *stage, *entry_noun; /* before and after the name of a level */
	const char *output; /* of a first stage: what its addresses are to a second one */
	/* Each prints a phrase: who wants what, and by what registers. */
	void (*access)(FILE *out, const struct explain_walk *walk);
	void (*start)(FILE *out, const struct explain_walk *walk);
	/* The fields of a present entry, behind a semicolon. */
	void (*entry)(FILE *out, const struct explain_walk *walk,
		      const struct pt_access_step *step);
	const char *mem_name[PT_MEM_NR]; /* NULL: the library's */
	/* Where @step points, a leaf or a table. */
	pt_pa_t (*target)(const struct explain_walk *walk, const struct pt_access_step *step);
};

struct explain_reasons {
	/* The reported code, taken apart. */
	void (*code)(FILE *out, const struct explain_walk *walk);
	/* What in @step is to blame for walk->fault, as "R/W=0"; "" if cause() says it; or NULL. */
	const char *(*blame)(const struct explain_walk *walk, const struct pt_access_step *step);
	/* A @step that is to blame as it had to be; the same word if no other would help. */
	uint64_t (*repaired)(const struct explain_walk *walk, const struct pt_access_step *step);
	/* What else is to blame, if anything; the rule; and what else would help. */
	void (*cause)(FILE *out, const struct explain_walk *walk);
	void (*rule)(FILE *out, const struct explain_walk *walk);
	void (*change)(FILE *out, const struct explain_walk *walk);
};

struct explain_arch {
	/* As explain_config(). */
	int (*config)(const struct explain_regime *r, unsigned int stage, pt_va_t va,
		      struct pt_fmt_cfg *cfg, pt_pa_t *root);
	/* Of the first stage and of the second. */
	const struct explain_words *words[2];
	const struct explain_reasons *reasons[2];
};

extern const struct explain_words explain_ept_words, explain_x86_words, explain_arm64_words,
	explain_arm64_s2_words;
extern const struct explain_reasons explain_ept_reasons, explain_x86_reasons, explain_arm64_reasons,
	explain_arm64_s2_reasons;

/* The last entry of the walk; not of an empty one. */
static inline const struct pt_access_step *explain_last(const struct explain_walk *walk)
{
	return &walk->steps[walk->nr - 1];
}

/* ---- reasons.c ---- */

/** What in @step is to blame for the fault of its walk, or NULL. */
const char *explain_blame(const struct explain_walk *walk, const struct pt_access_step *step);
void explain_say_fault(FILE *out, const struct explain_walk *walk);
void explain_say_rights(FILE *out, const struct explain_walk *walk);

/* ---- path.c ---- */

/** A walk of @stage for @va, without steps yet. */
void explain_init_walk(struct explain_walk *walk, const struct explain_regime *r,
		       const struct explain_case *c, unsigned int stage, pt_va_t va);
/** The path of the piece at @va, whose steps begin at @begin. */
void explain_find_path(struct explain_path *path, const struct explain_regime *r,
		       const struct explain_case *c, pt_va_t va, unsigned int begin);
/** The fault of the access is where @path ends. */
void explain_end_path(struct explain_path *path, const struct pt_fault *fault);
void explain_say_path(FILE *out, const struct explain_path *path);
/** The fields of a present entry that decide about accesses. */
void explain_say_fields(FILE *out, const struct explain_walk *walk,
			const struct pt_access_step *step);

/* ---- explain.c ---- */

/** Starts a line; "" continues the one before. */
void explain_label(FILE *out, const char *text);
const char *explain_level_name(const struct explain_walk *walk, unsigned int level);
/** What makes @after of the word of @step: "clear bit 7 AP[2], set bit 10 AF" */
void explain_say_bits(FILE *out, const struct explain_walk *walk, const struct pt_access_step *step,
		      uint64_t after);
/** Bytes as "4K", "512G". */
const char *explain_size(unsigned int size_lg2, char text[static 8]);

#endif
