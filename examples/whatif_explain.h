/* SPDX-License-Identifier: MIT */
/*
 * whatif_explain.h - the words of an architecture for what whatif_explain.c tells.
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
#ifndef WHATIF_EXPLAIN_H
#define WHATIF_EXPLAIN_H

#include "whatif.h"

/* One walk of one stage, and the fault that ended it or would have. */
struct whatif_walk {
	const struct whatif *w;
	const struct whatif_case *c;
	unsigned int stage;
	const struct whatif_words *words; /* of this stage */
	const struct whatif_reasons *reasons;
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
struct whatif_path {
	struct whatif_walk first;
	struct pt_access_step first_steps[PT_MAX_LEVELS];
	struct whatif_walk second; /* the last one of stage 2 */
	unsigned int begin, end; /* in c->steps, of both stages */
};

struct whatif_words {
	unsigned int priv[WHATIF_NR_WHO];
	const char *who[WHATIF_NR_WHO];
	const char *stage, *entry_noun; /* before and after the name of a level */
	/* Each prints a phrase: who wants what, and by what registers. */
	void (*access)(FILE *out, const struct whatif_walk *walk);
	void (*start)(FILE *out, const struct whatif_walk *walk);
	/* The fields of a present entry, behind a semicolon; and the names of bits that may change. */
	void (*entry)(FILE *out, const struct whatif_walk *walk, const struct pt_access_step *step);
	const char *bit_name[64];
	const char *mem_name[PT_MEM_NR]; /* NULL: the library's */
	/* Where @step points, a leaf or a table. */
	pt_pa_t (*target)(const struct whatif_walk *walk, const struct pt_access_step *step);
};

struct whatif_reasons {
	/* The reported code, taken apart. */
	void (*code)(FILE *out, const struct whatif_walk *walk);
	/* What in @step is to blame for walk->fault, as "R/W=0"; "" if cause() says it; or NULL. */
	const char *(*blame)(const struct whatif_walk *walk, const struct pt_access_step *step);
	/* A @step that is to blame as it had to be; the same word if no other would help. */
	uint64_t (*repaired)(const struct whatif_walk *walk, const struct pt_access_step *step);
	/* What else is to blame, if anything; the rule; and what else would help. */
	void (*cause)(FILE *out, const struct whatif_walk *walk);
	void (*rule)(FILE *out, const struct whatif_walk *walk);
	void (*change)(FILE *out, const struct whatif_walk *walk);
};

extern const struct whatif_words whatif_x86_words, whatif_arm64_words, whatif_arm64_s2_words;
extern const struct whatif_reasons whatif_x86_reasons, whatif_arm64_reasons,
	whatif_arm64_s2_reasons;

static inline pt_pa_t whatif_entry_pa(const struct pt_access_step *step)
{
	return step->table_pa + 8 * (uint64_t)step->index;
}

/* The last entry of the walk; not of an empty one. */
static inline const struct pt_access_step *whatif_last(const struct whatif_walk *walk)
{
	return &walk->steps[walk->nr - 1];
}

/* ---- whatif_reasons.c ---- */

/** What in @step is to blame for the fault of its walk, or NULL. */
const char *whatif_blame(const struct whatif_walk *walk, const struct pt_access_step *step);
void whatif_say_fault(FILE *out, const struct whatif_walk *walk);
void whatif_say_rights(FILE *out, const struct whatif_walk *walk);

/* ---- whatif_path.c ---- */

/** A walk of @stage for @va, without steps yet. */
void whatif_init_walk(struct whatif_walk *walk, const struct whatif *w, const struct whatif_case *c,
		      unsigned int stage, pt_va_t va);
/** The path of the piece at @va, whose steps begin at @begin. */
void whatif_find_path(struct whatif_path *path, const struct whatif *w, const struct whatif_case *c,
		      pt_va_t va, unsigned int begin);
/** The fault of the access is where @path ends. */
void whatif_end_path(struct whatif_path *path, const struct pt_fault *fault);
void whatif_say_path(FILE *out, const struct whatif_path *path);

/* ---- whatif_explain.c ---- */

/** Starts a line; "" continues the one before. */
void whatif_label(FILE *out, const char *text);
const char *whatif_level_name(const struct whatif_walk *walk, unsigned int level);
/** "clear bit 7 AP[2], set bit 10 AF" */
void whatif_say_bits(FILE *out, const struct whatif_walk *walk, uint64_t before, uint64_t after);
/** Bytes as "4K", "512G". */
const char *whatif_size(unsigned int size_lg2, char text[static 8]);

#endif
