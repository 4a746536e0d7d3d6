/* SPDX-License-Identifier: MIT */
/*
 * Random tables, built by libptlib, and accesses to them with what libptlib
 * says they must give. Seeded: the same seed makes the same tables, accesses and
 * expectations everywhere, so recorded answers of a real MMU can stand in for it.
 */
#ifndef TABLES_H
#define TABLES_H

#include <ptlib/ptlib.h>

/* What one access comes to. */
enum answer {
	ANSWER_FAULT,
	ANSWER_ALLOWED, /* and pa says where */
	ANSWER_EITHER,  /* the emulators are known not to be the architecture here */
};

struct access {
	pt_va_t va;
	char op; /* 'r', 'w' or 'x' */
	bool user; /* of second stages: the guest's EL0 */
};

struct expectation {
	enum answer answer;
	pt_pa_t pa;
};

/* One machine that tables are built for. */
struct machine {
	const char *name;
	enum pt_format fmt;
	unsigned int va_bits, pa_bits;
	bool upper;
	unsigned int features; /* added to the format's usual ones */
	bool no_1g;            /* x86: without 1G pages */
	unsigned int levels;   /* arm64 stage 2: as struct pt_fmt_cfg has it */
};

#define TABLES_BASE UINT64_C(0x100000000) /* physical memory that holds the tables */
#define TABLES_BYTES (UINT64_C(16) << 20)
#define TABLES_NR_MACHINES 23

extern const struct machine tables_machines[TABLES_NR_MACHINES];

struct tables;

/* @fd: memory to build them in, at @offset, or -1 for memory of their own. Aborts on failure. */
struct tables *tables_build(const struct machine *machine, uint64_t seed, int fd, uint64_t offset);
void tables_free(struct tables *tables);

/*
 * The registers that select them: CR0, CR3, CR4, EFER; TCR, TTBR0,
 * TTBR1, MAIR; VTCR, VTTBR, HCR.
 */
void tables_x86_regs(const struct tables *tables, struct pt_x86_regs *regs);
void tables_arm64_regs(const struct tables *tables, struct pt_arm64_regs *regs);
void tables_arm64_s2_regs(const struct tables *tables, struct pt_arm64_s2_regs *regs);

/* Access @i of this seed, and what the library expects of it now. */
struct access tables_access(const struct tables *tables, uint64_t i);
struct expectation tables_expect(const struct tables *tables, const struct access *access);

#endif
