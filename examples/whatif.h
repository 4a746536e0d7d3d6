/* SPDX-License-Identifier: MIT */
/*
 * whatif.h - what the files of whatif share.
 *
 *	job*.c                 the language of jobs
 *	whatif.c               the command line
 *	whatif_machine.c       the library as what carries out a job
 *	whatif_x86.c           registers and verdicts of x86_64
 *	whatif_arm64.c         ... of arm64
 *	whatif_arm64_par.c     ... PAR_EL1
 *	whatif_explain.c       an access in words: what came of it
 *	whatif_path.c          ... the entries on the way, of both stages
 *	whatif_reasons.c       ... why it is forbidden
 *	whatif_words_*.c       accesses, tables and entries of an architecture
 *	whatif_reasons_*.c     its rules
 */
#ifndef WHATIF_H
#define WHATIF_H

#include <stdio.h>

#include <ptlib/ptlib.h>

#include "job.h"

#define BIT(n) (UINT64_C(1) << (n))
#define BITS(high, low) (~UINT64_C(0) >> (63 - (high)) & ~UINT64_C(0) << (low))

struct whatif_arch;

struct whatif {
	bool explain;
	struct job_machine machine;
	const struct whatif_arch *arch;
	struct pt_phys *phys; /* NULL until there is memory */
	struct pt_mmu *mmu;
	uint64_t info[JOB_NR_INFO];
	char error[128];
	/* Of the access at hand. */
	struct pt_x86_regs x86;
	struct pt_arm64_regs arm64;
	bool two_stages;
	struct pt_arm64_s2_regs arm64_s2; /* if there are two */
};

/* Who may be asked about: user and kernel. */
enum { WHATIF_USER, WHATIF_KERNEL, WHATIF_NR_WHO };

/* An access on its way to a verdict. */
struct whatif_case {
	const struct job_access *access;
	pt_va_t va; /* the same to the library: where, and how */
	struct pt_access how;
	bool ask; /* only translated: an AT instruction */
	struct pt_access_result result;
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS]; /* before it happened */
	unsigned int nr_steps;
	/* What the first byte allows, before it happened; and why not, by kind of access. */
	unsigned int perms[WHATIF_NR_WHO];
	struct pt_fault denied[WHATIF_NR_WHO][3];
};

struct whatif_arch {
	/* The machine as its feature words describe it; false with w->error. */
	bool (*open)(struct whatif *w);
	/* c->how and c->ask; NULL, or why there is no such access, with the code of the verdict. */
	const char *(*describe)(struct whatif_case *c, uint32_t *code);
	/* Load the registers, and set c->va; 0 or a negative errno. */
	int (*load)(struct whatif *w, struct whatif_case *c, const struct job_regs *regs);
	/* Report a fault; what is told of a success; which address of an entry a trace shows. */
	void (*fault)(const struct whatif_case *c, struct job_result *result);
	void (*done)(const struct whatif *w, const struct whatif_case *c,
		     struct job_result *result);
	uint64_t (*traced)(pt_pa_t entry);

	/* What the registers say of a stage's tables for @va; 0 or a negative errno. */
	int (*config)(const struct whatif *w, unsigned int stage, pt_va_t va,
		      struct pt_fmt_cfg *cfg, pt_pa_t *root);
	/* See whatif_explain.h; of the first stage and of the second. */
	const struct whatif_words *words[2];
	const struct whatif_reasons *reasons[2];
};

extern const struct whatif_arch whatif_x86, whatif_arm64;
extern const struct job_executor_ops whatif_executor; /* its ctx is a struct whatif */

void whatif_close(struct whatif *w);

/** The explanation of @result, lines for the job to free; NULL without memory. */
char *whatif_explain(const struct whatif *w, const struct whatif_case *c,
		     const struct job_result *result);

#endif
