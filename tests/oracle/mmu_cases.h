/* SPDX-License-Identifier: MIT */
/*
 * Random cases for an MMU: tables, registers and accesses, and what the library
 * makes of them beside what an emulator did. Seeded and free of the library: the
 * same seed makes the same cases everywhere, so recorded answers can stand in for
 * the emulator. Nothing is asked of a table but that it be interesting.
 */
#ifndef MMU_CASES_H
#define MMU_CASES_H

#include <stdio.h>

#include <ptlib/ptlib.h>
#include <ptlib/mmu.h>

#include "oracle.h"

#define CASES_MAX_SLOTS 256
#define CASES_MAX_STEPS 32
#define CASES_MAX_SETS 4
#define CASES_MAX_PAGES 16
#define CASES_MAX_CHANGES 16
#define CASES_NR_HOT 6
#define CASES_DISAGREE 0xbadu /* code with ERROR: the library's calls contradict each other */

/* A machine that answers. */
struct cases_machine {
	const char *name;
	enum orc_arch arch;
	const char *cpu; /* QEMU's properties for it, or NULL */
	unsigned int phys_bits; /* no memory is above; x86: MAXPHYADDR */
	uint64_t mmfr[3]; /* arm64: ID_AA64MMFR0 to 2 */
	bool qemu; /* with QEMU's peculiarities */
	bool kvm; /* with those of KVM's shadow walker */
	bool four_levels; /* x86: no LA57 and no keys */
	bool restarts; /* for each run: many slots, one step */
};

/* Where the cases of one batch stand in physical memory. */
struct cases_layout {
	unsigned int page_lg2; /* the granule */
	unsigned int nr_pages; /* of a slot */
	unsigned int pa_bits; /* no slot lies above */
	unsigned int nr_slots, nr_steps, nr_sets;
	bool dense; /* one region for all slots, else one each */
	pt_pa_t pa[CASES_MAX_SLOTS];
};

/* Tables in one slot, with the registers and accesses that try them. */
struct cases_round {
	pt_pa_t pa;
	uint64_t *words; /* the slot's memory */
	size_t nr_words;
	struct orc_regset set[CASES_MAX_SETS];
	struct orc_vec vec[CASES_MAX_STEPS]; /* regset: of this round */
};

/* A word that an access changed. */
struct cases_change {
	size_t index;
	uint64_t value;
};

/* What came of an access, on either side. */
struct cases_outcome {
	enum orc_status status; /* OK, NOMEM, NOWALK, FAULT, or ERROR for refused registers */
	uint32_t code; /* x86: the vector */
	uint64_t err, addr; /* error code or ESR; CR2 or FAR */
	uint64_t data; /* of a load */
	uint64_t pa; /* if has_pa, or with NOMEM and NOWALK */
	bool has_pa;
	int attr; /* the attribute byte that PAR_EL1 reports, or -1 */
	int mem; /* enum pt_mem, or -1 for not known */
	unsigned int nr_changes; /* more than CASES_MAX_CHANGES: that many, not all listed */
	struct cases_change change[CASES_MAX_CHANGES];
	bool has_walk;
	unsigned int nr_walk;
	uint64_t walk[ORC_MAXTRACE];
};

/* What the library has to say beyond the outcome; read before the access. */
struct cases_insight {
	struct pt_access_result result;
	struct pt_access_step step[PT_ACCESS_MAX_STEPS];
	unsigned int nr_steps;
	bool refused; /* the registers */
};

/* One access with all it depends on. */
struct cases_one {
	const struct cases_machine *machine;
	const struct cases_layout *layout;
	const struct cases_round *round;
	const struct orc_regset *set;
	const struct orc_vec *vec;
};

/* A stateless generator of numbers, with a position. */
struct cases_dice {
	uint64_t seed, at;
};

uint64_t cases_roll(struct cases_dice *dice); /* any 64 bits */
uint64_t cases_below(struct cases_dice *dice, uint64_t sides);
bool cases_percent(struct cases_dice *dice, unsigned int percent);

/* Tables in the making. */
struct cases_builder {
	struct cases_dice dice;
	const struct cases_machine *machine;
	const struct cases_layout *layout;
	struct cases_round *round;
	unsigned int top; /* level of the largest table */
	uint8_t role[CASES_MAX_PAGES]; /* level, or CASES_DATA and on */
	uint16_t hot[CASES_NR_HOT]; /* indices that tables fill and accesses use */
};

enum { CASES_DATA = 8, CASES_JUNK, CASES_HLT };

static inline unsigned int cases_level_lg2(const struct cases_layout *layout, unsigned int level)
{
	return layout->page_lg2 + level * (layout->page_lg2 - 3);
}

/** The physical address of a page of the slot: of that role, mostly. */
pt_pa_t cases_page(struct cases_builder *b, unsigned int role);
/** An address that lies in no slot: below 2^@bits. */
pt_pa_t cases_outside(struct cases_builder *b, unsigned int bits);
/** Indices of some entries that exist, below @top + 1 levels, and an offset. */
uint64_t cases_va_bits(struct cases_builder *b, unsigned int top, unsigned int root_entries);

typedef uint64_t cases_entry_fn(struct cases_builder *b, unsigned int level);
/** Fill @nr entries, of level @level, from word @first of the slot on. */
void cases_fill(struct cases_builder *b, size_t first, size_t nr, unsigned int level,
		cases_entry_fn *entry);
/** Give the pages their roles and fill all but @nr_roots roots, which come first. */
void cases_fill_pages(struct cases_builder *b, unsigned int nr_roots, cases_entry_fn *entry);

/** Choose where the cases of batch @seed stand. */
void cases_plan(const struct cases_machine *machine, uint64_t seed, struct cases_layout *layout);
/** Make the cases of one slot; its memory is @round->words. */
void cases_make(const struct cases_machine *machine, const struct cases_layout *layout,
		uint64_t seed, unsigned int slot, struct cases_round *round);
void cases_make_x86(struct cases_builder *b);
void cases_make_arm64(struct cases_builder *b);
/** A number that changes with anything that cases_make() makes. */
uint64_t cases_sum(const struct cases_round *round, const struct cases_layout *layout);

/** Load a register set; false: the library refuses it. */
bool cases_set_x86(struct pt_mmu *mmu, const struct cases_one *one);
bool cases_set_arm64(struct pt_mmu *mmu, const struct cases_one *one);

/** Perform the access by the library; without the changes. */
void cases_ask_library(struct pt_mmu *mmu, struct pt_phys *phys, const struct cases_one *one,
		       struct cases_insight *insight, struct cases_outcome *outcome);
/** What an attribute byte of MAIR_EL1 means, as enum pt_mem; -1 of -1. */
int cases_mem_of_attr(int byte);
/** The emulator's answer in our words. False: none (ORC_ST_NONE), @res says why. */
bool cases_of_result(const struct cases_one *one, const struct orc_res *res,
		     struct cases_outcome *outcome);

/* arm64: ID_AA64MMFR0_EL1.TGRAN4 and TGRAN16: TCR.DS means something with that granule. */
static inline bool cases_has_lpa2(const struct cases_machine *machine, unsigned int page_lg2)
{
	return page_lg2 == 12 ? (machine->mmfr[0] >> 28 & 15) == 1
			      : page_lg2 == 14 && (machine->mmfr[0] >> 20 & 15) == 2;
}

/* The last word that the library read; NULL if none. */
static inline const struct pt_access_step *cases_last_step(const struct cases_insight *insight)
{
	return insight->nr_steps ? &insight->step[insight->nr_steps - 1] : NULL;
}

static inline bool cases_faulted(const struct cases_outcome *outcome)
{
	return outcome->status == ORC_ST_FAULT || outcome->status == ORC_ST_NOWALK;
}

static inline bool cases_crosses(const struct cases_one *one)
{
	return (one->vec->va & 0xfff) + one->vec->size > 0x1000;
}

/* Why the whole access may come out differently, or NULL. */
const char *cases_mask(const struct cases_one *one, const struct cases_insight *insight,
		       const struct cases_outcome *mmu);

/* What cases_differ() says. */
enum cases_verdict {
	CASES_SAME,
	CASES_MASKED, /* both are legal, or the emulator is known to be wrong */
	CASES_DIFFERENT,
};

/**
 * cases_differ() - Compare the MMU's outcome with the library's.
 * @why: Receives what differs, or the name of the mask.
 */
enum cases_verdict cases_differ(const struct cases_one *one, const struct cases_insight *insight,
				const struct cases_outcome *mmu,
				const struct cases_outcome *library, const char **why);

/** Print the case as a job for mmu-oracle; @brief: without the memory. */
void cases_print_job(const struct cases_one *one, const struct cases_insight *insight,
		     const struct cases_outcome *mmu, const struct cases_outcome *library,
		     bool brief);
void cases_write(FILE *out, const struct cases_outcome *outcome);
bool cases_read(FILE *in, struct cases_outcome *outcome);

/* How often which outcome came with which setting. */
void cases_count(const struct cases_one *one, const struct cases_outcome *outcome);
void cases_print_counts(enum orc_arch arch);
void cases_count_mask(const char *why);
void cases_print_masks(void);
/** The kinds of outcome that never came; prints each. */
unsigned int cases_missing(const struct cases_machine *machine);

#endif
