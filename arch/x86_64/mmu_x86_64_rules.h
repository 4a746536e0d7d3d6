/* SPDX-License-Identifier: MIT */
/*
 * The rules of fault_x86_64.h as a walk asks them (mmu_api.h): what the words of
 * one walk say, what using them changes, and the report if it may not be.
 */
#ifndef PTL_MMU_X86_64_RULES_H
#define PTL_MMU_X86_64_RULES_H

#include "x86_64/fault_x86_64.h"

static inline unsigned int x86_64_says(uint64_t all, uint64_t any, uint64_t leaf,
				       const struct ptl_regime *r)
{
	(void)r;
	all |= X86_64_SAYS_D; /* which is nothing in a table entry */
	return (unsigned int)(all & leaf & (X86_64_SAYS_W | X86_64_SAYS_U | X86_64_SAYS_D)) |
	       (unsigned int)((any | leaf) >> 63);
}
#define mmu_says x86_64_says

static inline unsigned int x86_64_key(uint64_t leaf, const struct ptl_regime *r)
{
	return leaf >> 59 & r->key_mask;
}

static inline unsigned int x86_64_perms_of(uint64_t all, uint64_t any, uint64_t leaf,
					   unsigned int class, const struct ptl_regime *r)
{
	unsigned int says = x86_64_says(all, any, leaf, r), key = x86_64_key(leaf, r);

	return key ? x86_64_perms_with_key(class, key, says, r) :
		     ptl_right_perms(r->rights[says].of[class]);
}
#define mmu_perms x86_64_perms_of

/* SDM 4.8: A in every entry that was used, D in the leaf of a write. */
static inline uint64_t x86_64_mark(uint64_t raw, bool leaf, bool write, const struct ptl_regime *r)
{
	(void)r;
	return raw | X86_64_A | (leaf && write ? X86_64_D : 0);
}
#define mmu_mark x86_64_mark

static inline bool x86_64_is_marked(uint64_t all, uint64_t leaf, bool write,
				    const struct ptl_regime *r)
{
	(void)r;
	return all & leaf & X86_64_A && (!write || leaf & X86_64_D);
}
#define mmu_is_marked x86_64_is_marked

static inline bool x86_64_leaf_faults(uint64_t leaf, const struct ptl_want *want,
				       const struct ptl_regime *r)
{
	(void)want;
	(void)leaf;
	(void)r;
	return false;
}
#define mmu_leaf_faults x86_64_leaf_faults

static inline uint64_t x86_64_counting_bits(bool fetch, const struct ptl_regime *r)
{
	(void)fetch;
	(void)r;
	return ~UINT64_C(0);
}
#define mmu_counting_bits x86_64_counting_bits

/* PAT, PCD and PWT of a small page, in place. */
static inline void x86_64_init_mem(struct ptl_regime *r)
{
	for (unsigned int pat = 0; pat < 8; pat++)
		r->mem[(pat & 4) << 5 | (pat & 3) << 3] = r->fmt.mem_of_index[pat];
}

static inline void x86_64_describe(uint64_t all, uint64_t leaf, unsigned int level,
				   const struct ptl_regime *r, struct ptl_translation *to)
{
	uint64_t pat = level ? leaf >> 5 & 0x80 : leaf & 0x80;

	to->mem = r->mem[(leaf & 0x18) | pat];
	to->user_page = all & leaf & X86_64_US;
}
#define mmu_describe x86_64_describe

/* Where CR4.PGE is set, which is for the owner of the TLB to know. */
static inline bool x86_64_is_global(uint64_t leaf, const struct ptl_regime *r)
{
	(void)r;
	return leaf & X86_64_G;
}
#define mmu_is_global x86_64_is_global

static int x86_64_fault(struct ptl_access *access, const struct ptl_regime *r,
			const struct ptl_failure *failure)
{
	const struct ptl_want *want = failure->want;
	bool leaf = failure->kind == PTL_LEAF, reserved = failure->kind == PTL_ILLEGAL, key = false;
	struct pt_fault fault = {
		.kind = r->stage == 1 ? PT_FAULT_PF : PT_FAULT_NPF,
		.stage = r->stage,
		.level = failure->level,
		.va = access->va,
		.pa = failure->raw_pa,
		.raw = failure->raw,
	};

	if (leaf) {
		unsigned int says = x86_64_says(failure->all, failure->any, failure->raw, r);
		unsigned int of_key = x86_64_key(failure->raw, r);

		key = x86_64_key_takes_from(want->class, of_key, says, r) & want->perms;
		fault.why = x86_64_why(want, says, r->control);
	} else {
		fault.why = reserved ? PT_WHY_RESERVED : PT_WHY_NOT_PRESENT;
	}
	fault.code = x86_64_error_code(want, r->control, leaf || reserved, reserved, key);
	if (r->stage == 2) {
		fault.ipa = failure->in;
		fault.in_walk = want->in_walk;
		fault.code |= want->in_walk ? PT_NPF_WALK : PT_NPF_FINAL;
	}
	*access->fault = fault;
	return 1;
}
#define mmu_fault x86_64_fault

#endif /* PTL_MMU_X86_64_RULES_H */
