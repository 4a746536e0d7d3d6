/* SPDX-License-Identifier: MIT */
/*
 * mmu_model.h - what an MMU answers, worked out slowly from the manuals.
 *
 * A model is the registers as the program loaded them and a view of memory. It decodes the
 * registers anew for each access, walks one word after the other, and writes nothing: what a real
 * access would change is a list. Rules of permissions are those of tests/mmu/rules_*.c; nothing
 * of src/ or arch/ is used.
 */
#ifndef MODEL_MMU_MODEL_H
#define MODEL_MMU_MODEL_H

#include <ptlib/mmu.h>

#define MODEL_BIT(n) (UINT64_C(1) << (n))
#define MODEL_FIELD(word, low, nr) ((word) >> (low) & (MODEL_BIT(nr) - 1))

#define MODEL_MAX_REGIONS 8
#define MODEL_MAX_WORDS (PT_ACCESS_MAX_STEPS + 8)

struct model_memory {
	struct {
		pt_pa_t pa;
		uint64_t len;
		const uint8_t *host;
	} region[MODEL_MAX_REGIONS];
	unsigned int nr;
};

/* A table word that was read. */
struct model_word {
	pt_pa_t pa;
	uint64_t raw;
	unsigned int stage, level, index;
	enum pt_kind kind;
};

/* What a successful access does to a word. */
struct model_mark {
	pt_pa_t pa;
	uint64_t set, clear;
};

struct model_answer {
	bool faulted;
	struct pt_fault fault;
	uint32_t whys;           /* every reason that holds, as bits: any may be reported */
	bool has_entry;          /* fault.pa and fault.raw are an entry */
	struct pt_piece piece[2];
	bool any_mem[2];         /* registers hold a reserved memory type: any answer is right */
	unsigned int nr_pieces;
	unsigned int nr_loads[2];
	struct model_word word[MODEL_MAX_WORDS];
	unsigned int nr_words;
	/* Each word of stage 1 that is marked takes one more walk of stage 2, which marks too. */
	struct model_mark mark[2 * MODEL_MAX_WORDS];
	unsigned int nr_marks;
};

/* The form of one tree, and where it is. */
enum model_form {
	MODEL_X86,
	MODEL_EPT,
	MODEL_ARM64,
	MODEL_ARM64_S2,
};

struct model_shape {
	enum model_form form;
	unsigned int stage;
	pt_pa_t root;
	unsigned int granule_lg2, top, in_bits, pa_bits;
	bool ds;      /* arm64: address bits 51:50 stand in 9:8 */
	bool lpa;     /* arm64 64K: address bits 51:48 stand in 15:12 */
	uint64_t encrypted; /* x86: a bit among those of addresses that is none of them */
};

struct mmu_model;
struct model_run;
struct model_want;
struct model_leaf;

/* One kind of second stage. */
struct model_second {
	const char *name;
	/* False: the fault is in the answer. */
	bool (*translate)(struct model_run *run, pt_pa_t ipa, const struct model_want *want,
			  struct model_leaf *to);
	/* Turns the first stage's @to->mem into that of both; false: it may be anything. */
	bool (*combine)(const struct mmu_model *m, struct model_leaf *to,
			const struct model_leaf *second);
	/* Whether its registers select tables. */
	bool (*shape)(const struct mmu_model *m, struct model_shape *shape);
};

enum model_arch {
	MODEL_NO_REGS,
	MODEL_REGS_X86,
	MODEL_REGS_ARM64,
};

struct mmu_model {
	const struct model_memory *memory;
	enum model_arch arch;
	struct pt_x86_regs x86;
	struct pt_arm64_regs arm64;
	const struct model_second *second; /* NULL: none */
	struct pt_x86_regs npt;
	struct pt_x86_ept_regs ept;
	struct pt_arm64_s2_regs s2;
};

extern const struct model_second model_npt, model_ept, model_arm64_s2;

/* What the functions that load these registers return. */
int model_check_x86(const struct pt_x86_regs *regs);
int model_check_npt(const struct pt_x86_regs *host);
int model_check_ept(const struct pt_x86_ept_regs *regs);
/* HCR_EL2: stage 2 is on; stage 1 is off, and write-back. */
bool model_s2_is_on(const struct pt_arm64_s2_regs *regs);
bool model_s2_is_dc(const struct pt_arm64_s2_regs *regs);

/* Whether @access exists on this machine. */
bool model_access_exists(const struct mmu_model *m, const struct pt_access *access);
/* What it does. */
void model_access(const struct mmu_model *m, pt_va_t va, const struct pt_access *access,
		  struct model_answer *answer);

/* The tables that the first stage uses for @va; false if it uses none. */
bool model_shape(const struct mmu_model *m, pt_va_t va, struct model_shape *shape);
/* Position of @in's entry in a table of @level. */
unsigned int model_index(const struct model_shape *shape, uint64_t in, unsigned int level);
/* The bits that hold address @pa, and back. */
uint64_t model_raw_of_pa(const struct model_shape *shape, pt_pa_t pa);
pt_pa_t model_pa_of_raw(const struct model_shape *shape, uint64_t raw);
/* The fewest bits that make an entry, with all rights; the leaf is accessed and dirty. */
uint64_t model_table_word(const struct model_shape *shape, pt_pa_t pa);
uint64_t model_leaf_word(const struct model_shape *shape, unsigned int level, pt_pa_t pa);

#endif /* MODEL_MMU_MODEL_H */
