/* SPDX-License-Identifier: MIT */
/*
 * explain.h - one access in words: the entries on the way, what came of it, and why.
 *
 *	explain.c    the path, the verdict, what everybody may do there
 *	path.c       the entries on the way, of both stages
 *	block.c      a contiguous block that is none
 *	fields.c     the names of bits
 *	reasons.c    why it is forbidden
 *	words_*.c    accesses, tables and entries of an architecture
 *	reasons_*.c  its rules
 *	ept.c        both, of EPT
 *
 * whatif tells so of the accesses of a job, ptdump of one to an image.
 */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stdio.h>

#include <ptlib/ptlib.h>

#define BIT(n) (UINT64_C(1) << (n))
#define BITS(high, low) (~UINT64_C(0) >> (63 - (high)) & ~UINT64_C(0) << (low))

struct explain_arch; /* see internal.h */

extern const struct explain_arch explain_x86, explain_arm64;

/* The registers that decide about an access, and what they are loaded into. */
struct explain_regime {
	const struct explain_arch *arch;
	struct pt_phys *phys;
	struct pt_mmu *mmu;
	struct pt_x86_regs x86;
	struct pt_arm64_regs arm64;
	bool two_stages;
	struct pt_arm64_s2_regs arm64_s2; /* if there are two */
	struct pt_x86_ept_regs ept;
};

/* Who may be asked about: user and kernel. */
enum { EXPLAIN_USER, EXPLAIN_KERNEL, EXPLAIN_NR_WHO };

/* An access on its way to a verdict. */
struct explain_case {
	pt_va_t va;
	struct pt_access how;
	bool ask; /* only translated: an AT instruction */
	bool el2; /* ... of EL2, with registers that stand for its own */
	struct pt_access_result result;
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS]; /* before it happened */
	unsigned int nr_steps;
	bool lost; /* allowed, but there is no memory at lost_pa */
	pt_pa_t lost_pa;
	/* What the first byte allows, before it happened; and why not, by kind of access. */
	unsigned int perms[EXPLAIN_NR_WHO];
	struct pt_fault denied[EXPLAIN_NR_WHO][3];
};

/* What is to be told of one entry on the way, beside what its step says. */
struct explain_entry {
	const char *name; /* of its level */
	bool has_cfg; /* the registers select tables, of this format: */
	struct pt_fmt_cfg cfg;
	bool has_block; /* it is the first one met of a contiguous block that is none: */
	struct pt_finding block;
};

static inline pt_pa_t explain_entry_pa(const struct pt_access_step *step)
{
	return step->table_pa + 8 * (uint64_t)step->index;
}

/** What the registers say of a stage's tables for @va; 0 or a negative errno. */
int explain_config(const struct explain_regime *r, unsigned int stage, pt_va_t va,
		   struct pt_fmt_cfg *cfg, pt_pa_t *root);
/** The privilege of @who, as struct pt_access has it. */
unsigned int explain_priv(const struct explain_regime *r, unsigned int who);
/** Finds what the first byte of @c allows to whom. */
void explain_ask_rights(const struct explain_regime *r, struct explain_case *c);
/**
 * Prints all of it, a line a thing, indented, each beginning with what it is about. Returns
 * whether the verdict is the only one that there can be: no contiguous block is misprogrammed.
 */
bool explain_access(FILE *out, const struct explain_regime *r, const struct explain_case *c);
/** Finds the same for whoever prints it otherwise: of the @i-th step of @c. */
void explain_find_entry(struct explain_entry *entry, const struct explain_regime *r,
			const struct explain_case *c, unsigned int i);
/** Prints a phrase about what pt_verify_block() found in a table that is as @info says. */
void explain_say_block(FILE *out, const struct pt_format_info *info,
		       const struct pt_finding *finding);

#endif
