/* SPDX-License-Identifier: MIT */
/*
 * job.h - a small language that describes a machine and single memory accesses,
 * and what may carry them out.
 *
 *	arch x86_64 | arm64
 *	physbits N                x86 MAXPHYADDR, default 52
 *	cpu LIST, room SIZE       for emulators; whatif ignores them
 *	let NAME=NUMBER...
 *	mem GPA SIZE [file=F] [out=F] [ident]
 *	                          physical memory, zero or read from F, written to out= at the end
 *	nomem                     write and drop all memory
 *	poke GPA WORD...          store 64-bit words
 *	dump GPA [NWORDS]         print words, as the accesses above left them
 *	set REG=VALUE...          for the accesses below
 *	OP[SIZE] VA [OPTION]... [=> EXPECTATION...]
 *	info, flush
 *
 * Numbers are C's, with suffix K, M, G or T, or bN (1 << N), or $NAME, joined by +, - and |.
 *
 *	job.c       lines, the queue of accesses, reports
 *	access.c    accesses and registers
 *	commands.c  everything else a line may be
 *	verdict.c   results as text, and expectations
 *	expr.c      numbers
 *
 * What executes accesses is behind struct job_executor_ops: the library (whatif),
 * or an MMU that is not ours (tests/oracle/cli).
 */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "expr.h"

#define JOB_MAX_QUEUE 32768u
#define JOB_MAX_REGIONS 32u
#define JOB_MAX_SETS 256u /* of registers, in one run */
#define JOB_MAX_TRACE 6u
#define JOB_NR_INFO 6u

/* What reading and running a job returns. */
enum {
	JOB_OK = 0,
	JOB_BAD = -1, /* said so on stderr */
	JOB_SKIP = -2, /* what the job needs is not installed; said so */
};

enum job_arch { JOB_X86_64, JOB_ARM64 };

struct job_machine {
	enum job_arch arch;
	uint64_t room; /* for all regions together; 0: not said */
	unsigned int phys_bits; /* x86 MAXPHYADDR; 0: not said */
	char *cpu; /* features of an emulator, or NULL */
};

/* Index into job_regs.r[], x86_64. */
enum job_x86_reg { JOB_CR0, JOB_CR3, JOB_CR4, JOB_EFER, JOB_PKRU, JOB_PKRS };

/* Index into job_regs.r[], arm64. */
enum job_arm64_reg {
	JOB_SCTLR,
	JOB_TCR,
	JOB_TTBR0,
	JOB_TTBR1,
	JOB_MAIR,
	JOB_HCR,
	JOB_VTCR,
	JOB_VTTBR,
	JOB_PAN, /* bit 0: PSTATE.PAN */
	JOB_UAO, /* bit 0: PSTATE.UAO */
};

struct job_regs {
	uint64_t r[16];
};

enum job_op {
	JOB_OP_READ,
	JOB_OP_WRITE,
	JOB_OP_RMW, /* LOCK XADD, LDADD */
	JOB_OP_FETCH,
	JOB_OP_AT, /* arm64: AT instruction for a read */
	JOB_OP_AT_WRITE, /* arm64: AT instruction for a write */
	JOB_OP_IMPLICIT, /* x86: the processor's own read, of the descriptor of VERR */
	JOB_OP_NR,
};

/* job_access.flags */
#define JOB_TRACE 0x01u /* report the tables that were read and the final PA */
#define JOB_AC 0x02u /* x86: EFLAGS.AC */
#define JOB_UNPRIV 0x04u /* arm64: LDTR and STTR */
#define JOB_S12 0x08u /* arm64: through the stage 2 of the register set */
#define JOB_NOAT 0x10u /* arm64: no AT after the access, so neither pa nor par */
#define JOB_EXECOK 0x20u /* the fetched bytes may be executed */

struct job_access {
	uint64_t va;
	uint64_t data; /* stored, or added by JOB_OP_RMW */
	unsigned int set;
	enum job_op op;
	uint8_t size; /* bytes: 1, 2, 4 or 8 */
	uint8_t level; /* x86: CPL; arm64: EL */
	uint8_t flags; /* JOB_TRACE, ... */
	unsigned int line;
	char *expected; /* or NULL */
};

enum job_status {
	JOB_NONE,
	JOB_DONE, /* performed; a fetch would have executed */
	JOB_FAULT, /* the architecture's fault: code, err, addr */
	JOB_NOMEM, /* translated and permitted, but there is no memory at pa */
	JOB_NOWALK, /* the walk needed a table at pa, where there is no memory */
	JOB_ERROR, /* not performed: code says why */
};

/* job_result.code with JOB_ERROR; those of an emulator are in its own headers. */
#define JOB_ERROR_CANNOT 1u /* this executor has no such access or feature */
#define JOB_ERROR_EL2 2u /* only AT at EL2 */
#define JOB_ERROR_REGISTERS 0xffffffffu /* a processor refuses to load them */

/* job_result.has: which of the optional fields hold something */
#define JOB_HAS_PA 1u
#define JOB_HAS_PAR 2u
#define JOB_HAS_TRACE 4u

struct job_result {
	enum job_status status;
	unsigned int has;
	uint32_t code; /* JOB_FAULT: x86 vector; arm64 EL that took it, or stage for AT */
	uint64_t err; /* x86: error code; arm64: ESR, or PAR_EL1.FST for AT */
	uint64_t addr; /* x86: CR2; arm64: FAR */
	uint64_t data; /* loaded, zero-extended */
	uint64_t pa;
	uint64_t hpfar; /* arm64: HPFAR_EL2 of a stage-2 fault */
	uint64_t par; /* arm64: PAR_EL1 of the AT */
	unsigned int nr_trace;
	uint64_t trace[JOB_MAX_TRACE]; /* x86: table entries; arm64: table pages; root first */
	char *why; /* lines that explain the verdict, for the job to free; or NULL */
	const char *refused; /* JOB_ERROR: why it was not performed, if that is known */
};

/*
 * What carries out a job. Functions that fail return -1 or NULL and leave the
 * reason where error() finds it.
 */
struct job_executor_ops {
	const char *program; /* who complains on stderr */
	/* A sentence without full stop about what has to be installed, or NULL. */
	const char *(*missing)(void *ctx, const struct job_machine *machine);
	int (*open)(void *ctx, const struct job_machine *machine);
	/* Add zeroed memory and return its host address, which holds until regions_clear(). */
	void *(*region_add)(void *ctx, uint64_t gpa, uint64_t bytes, bool ident);
	void (*regions_clear)(void *ctx);
	/* In order. The results come zeroed. */
	int (*run)(void *ctx, const struct job_regs *sets, unsigned int nr_sets,
		   const struct job_access *accesses, struct job_result *results, unsigned int nr);
	const uint64_t *(*info)(void *ctx); /* JOB_NR_INFO feature words of the machine */
	const char *(*error)(void *ctx);
};

struct job_region {
	uint64_t gpa, bytes;
	uint8_t *host;
	char *out; /* file to write it to, or NULL */
};

struct job {
	const struct job_executor_ops *ops;
	void *ctx;
	const char *name; /* of the file, for messages */
	bool quiet; /* print only what was not expected */
	unsigned int nr_expected, nr_failed;
	unsigned int nr_undone; /* accesses that were not performed, and not expected so */
	unsigned long long nr_run;
	double seconds; /* spent in ops->run() */
	/* private to job*.c */
	unsigned int line;
	bool is_open; /* by the first command that needs the machine */
	struct job_machine machine;
	struct symbols symbols;
	struct job_region regions[JOB_MAX_REGIONS];
	unsigned int nr_regions;
	struct job_regs sets[JOB_MAX_SETS];
	unsigned int set_lines[JOB_MAX_SETS]; /* the last one that changed it; 0: none */
	unsigned int nr_sets; /* the last is what "set" changes */
	bool set_used; /* by a queued access: "set" must begin another */
	unsigned int nr_queued;
	struct job_access queue[JOB_MAX_QUEUE];
	struct job_result results[JOB_MAX_QUEUE];
};

/** job_create() - A job without lines; NULL without memory. job_destroy() leaves @ctx alone. */
struct job *job_create(const struct job_executor_ops *ops, void *ctx);
void job_destroy(struct job *job);

/**
 * job_run_file() - Run the whole of file @name, "-" for stdin, and write images back.
 *
 * Prints verdicts to stdout and, if something was expected, how many were met.
 *
 * Return: JOB_OK, whatever the expectations; JOB_BAD; JOB_SKIP.
 */
int job_run_file(struct job *job, const char *name);

#endif
