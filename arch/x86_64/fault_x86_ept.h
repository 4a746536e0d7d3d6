/* SPDX-License-Identifier: MIT */
/*
 * What EPT allows, and how it reports what it does not.
 *
 *   Intel SDM Vol. 3C (rev. 081): 29.3.3 "EPT-Induced VM Exits", 29.3.3.2 "EPT
 *   Violations", 29.3.5 "Accessed and Dirty Flags for EPT", Table 28-7 "Exit
 *   Qualification for EPT Violations"
 */
#ifndef PTL_FAULT_X86_EPT_H
#define PTL_FAULT_X86_EPT_H

#include "mmu/mmu_internal.h"
#include "x86_64/fmt_x86_ept.h"
#include "x86_64/mmu_x86_64.h"

/* What the entries of a walk say together: each right only if all give it; D of the leaf. */
#define X86_EPT_SAYS_R 1u
#define X86_EPT_SAYS_W 2u
#define X86_EPT_SAYS_X 4u
#define X86_EPT_SAYS_D 8u
#define X86_EPT_SAYS_XU 16u

/* Without mode-based execute control, X is everybody's. */
static inline bool x86_ept_may_fetch(enum x86_ept_class class, unsigned int says, bool mbec)
{
	return says & (class == X86_EPT_USER && mbec ? X86_EPT_SAYS_XU : X86_EPT_SAYS_X);
}

static inline void x86_ept_init_rights(struct ptl_regime *r)
{
	bool mbec = r->fmt.cfg.features & PT_FEAT_MBEC;

	r->key_mask = 0;
	for (unsigned int says = 0; says < 32; says++) {
		bool clean = r->set_dirty && !(says & X86_EPT_SAYS_D);

		for (enum x86_ept_class class = 0; class < X86_EPT_NR_CLASSES; class++)
			r->rights[says].of[class] = ptl_right(
				(says & X86_EPT_SAYS_R ? PT_PERM_READ : 0) |
					(says & X86_EPT_SAYS_W ? PT_PERM_WRITE : 0) |
					(x86_ept_may_fetch(class, says, mbec) ? PT_PERM_EXEC : 0),
				clean ? PT_PERM_WRITE : 0);
	}
}

/* The type, bits 5:3, in place. */
static inline void x86_ept_init_mem(struct ptl_regime *r)
{
	for (unsigned int type = 0; type < 8; type++)
		r->mem[type << 3] = r->fmt.mem_of_index[type];
}

static inline unsigned int x86_ept_says(uint64_t all, uint64_t any, uint64_t leaf,
					const struct ptl_regime *r)
{
	uint64_t words = (all | X86_EPT_D) & leaf; /* D is nothing in a table entry */

	(void)any;
	(void)r;
	return (unsigned int)((words & X86_EPT_RWX) |
			      (words >> 6 & (X86_EPT_SAYS_D | X86_EPT_SAYS_XU)));
}
#define mmu_says x86_ept_says

static inline unsigned int x86_ept_perms_of(uint64_t all, uint64_t any, uint64_t leaf,
					    unsigned int class, const struct ptl_regime *r)
{
	return ptl_right_perms(r->rights[x86_ept_says(all, any, leaf, r)].of[class]);
}
#define mmu_perms x86_ept_perms_of

/* 29.3.5: A in every entry that was used, D in the leaf of a write; only if EPTP says so. */
static inline uint64_t x86_ept_mark(uint64_t raw, bool leaf, bool write, const struct ptl_regime *r)
{
	if (!r->set_accessed)
		return raw;
	return raw | X86_EPT_A | (leaf && write ? X86_EPT_D : 0);
}
#define mmu_mark x86_ept_mark

static inline bool x86_ept_is_marked(uint64_t all, uint64_t leaf, bool write,
				     const struct ptl_regime *r)
{
	return !r->set_accessed || (all & leaf & X86_EPT_A && (!write || leaf & X86_EPT_D));
}
#define mmu_is_marked x86_ept_is_marked

static inline bool x86_ept_leaf_faults(uint64_t leaf, const struct ptl_want *want,
				       const struct ptl_regime *r)
{
	(void)want;
	(void)leaf;
	(void)r;
	return false;
}
#define mmu_leaf_faults x86_ept_leaf_faults

static inline uint64_t x86_ept_counting_bits(bool fetch, const struct ptl_regime *r)
{
	(void)fetch;
	(void)r;
	return ~UINT64_C(0);
}
#define mmu_counting_bits x86_ept_counting_bits

static inline void x86_ept_describe(uint64_t all, uint64_t leaf, unsigned int level,
				    const struct ptl_regime *r, struct ptl_translation *to)
{
	(void)all;
	(void)level;
	to->mem = r->mem[leaf & X86_EPT_TYPE];
	to->ignores_stage1_mem = leaf & X86_EPT_IPAT;
	to->user_page = false;
}
#define mmu_describe x86_ept_describe

static inline bool x86_ept_is_global(uint64_t leaf, const struct ptl_regime *r)
{
	(void)leaf;
	(void)r;
	return false;
}
#define mmu_is_global x86_ept_is_global

/* Table 28-7. What the entries allowed: bits 2:0 of all of them, moved to 5:3, and XU to 6. */
static inline uint64_t x86_ept_qualification(const struct ptl_access *access,
					     const struct ptl_regime *r,
					     const struct ptl_failure *failure)
{
	unsigned int perms = failure->want->perms;
	uint64_t words = failure->all & failure->raw, code = PT_EPT_LINEAR_VALID;

	code |= (perms & PT_PERM_READ ? PT_EPT_READ : 0) |
		(perms & PT_PERM_WRITE ? PT_EPT_WRITE : 0) |
		(perms & PT_PERM_EXEC ? PT_EPT_FETCH : 0);
	code |= (words & X86_EPT_RWX) << 3;
	if (r->fmt.cfg.features & PT_FEAT_MBEC && words & X86_EPT_XU)
		code |= PT_EPT_USER_EXECUTABLE;
	(void)access;
	return code | (failure->want->in_walk ? 0 : PT_EPT_FINAL);
}

static int x86_ept_fault(struct ptl_access *access, const struct ptl_regime *r,
			 const struct ptl_failure *failure)
{
	bool misconfigured = failure->kind == PTL_ILLEGAL;
	struct pt_fault fault = {
		.kind = misconfigured ? PT_FAULT_EPT_MISCONFIG : PT_FAULT_EPT_VIOLATION,
		.stage = 2,
		.level = failure->level,
		.va = access->va,
		.ipa = failure->in,
		.pa = failure->raw_pa,
		.raw = failure->raw,
		.in_walk = failure->want->in_walk,
	};

	if (misconfigured) {
		fault.why = PT_WHY_RESERVED;
	} else {
		unsigned int says =
			failure->kind == PTL_LEAF
				? x86_ept_says(failure->all, failure->any, failure->raw, r)
				: 0;

		fault.code = x86_ept_qualification(access, r, failure);
		if (failure->kind != PTL_LEAF)
			fault.why = PT_WHY_NOT_PRESENT;
		else if (failure->want->perms & PT_PERM_EXEC)
			fault.why = PT_WHY_EXEC;
		else
			fault.why = failure->want->perms & PT_PERM_READ && !(says & X86_EPT_SAYS_R)
					    ? PT_WHY_READ
					    : PT_WHY_WRITE;
	}
	*access->fault = fault;
	return 1;
}
#define mmu_fault x86_ept_fault

#endif /* PTL_FAULT_X86_EPT_H */
