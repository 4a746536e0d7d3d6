/* SPDX-License-Identifier: MIT */
/*
 * whatif.h - what the files of whatif share.
 *
 *	../job/      the language of jobs
 *	whatif.c     the command line
 *	machine.c    the library as what carries out a job
 *	x86.c        registers and verdicts of x86_64
 *	arm64.c      ... of arm64
 *	arm64_par.c  ... PAR_EL1
 *	../explain/  an access in words
 */
#ifndef WHATIF_H
#define WHATIF_H

#include "explain/explain.h"
#include "job/job.h"

struct whatif_arch;

struct whatif {
	bool explain;
	struct job_machine machine;
	const struct whatif_arch *arch;
	uint64_t info[JOB_NR_INFO];
	char error[128];
	/* No phys until there is memory; registers are those of the access at hand. */
	struct explain_regime regime;
};

struct whatif_case {
	const struct job_access *access;
	struct explain_case seen; /* the same as the library sees it: where, how, what came of it */
};

struct whatif_arch {
	/* The machine as its feature words describe it; false with w->error. */
	bool (*open)(struct whatif *w);
	/* c->seen.how, .ask and .el2. NULL, or why there is no such access, with the code. */
	const char *(*describe)(struct whatif_case *c, uint32_t *code);
	/* Load the registers, and set c->seen.va; 0 or a negative errno. */
	int (*load)(struct whatif *w, struct whatif_case *c, const struct job_regs *regs);
	/* What a processor refuses of the registers that it could not load. */
	const char *(*flaw)(const struct whatif *w);
	/* Report a fault; what is told of a success; which address of an entry a trace shows. */
	void (*fault)(const struct whatif_case *c, struct job_result *result);
	void (*done)(const struct whatif *w, const struct whatif_case *c,
		     struct job_result *result);
	uint64_t (*traced)(pt_pa_t entry);
};

extern const struct whatif_arch whatif_x86, whatif_arm64;
extern const struct job_executor_ops whatif_executor; /* its ctx is a struct whatif */

void whatif_close(struct whatif *w);

/** PAR_EL1 of an AT at the address of @c that succeeds. */
uint64_t whatif_arm64_par(const struct whatif *w, const struct whatif_case *c);

#endif
