/* SPDX-License-Identifier: MIT */
/*
 * The rules of fault_arm64.h as a walk asks them (mmu_api.h): what the words of
 * one walk say, what using them changes, and the report if it may not be.
 */
#ifndef PTL_MMU_ARM64_RULES_H
#define PTL_MMU_ARM64_RULES_H

#include "arm64/fault_arm64.h"
#include "arm64/fault_arm64_code.h"

static inline unsigned int arm64_key(uint64_t leaf, const struct ptl_regime *r)
{
	return leaf >> 60 & r->key_mask;
}

/* D8.5.4: writable by DBM, or indirectly, but marked clean. */
static inline bool arm64_is_clean(uint64_t leaf, const struct ptl_regime *r)
{
	return (leaf & r->clean_mask) == r->clean_match;
}

static inline unsigned int arm64_says(uint64_t any, uint64_t leaf, const struct ptl_regime *r)
{
	if (r->control & ARM64_RULE_PIE)
		return (leaf >> 6 & 1) | (leaf >> 50 & 2) | (leaf >> 51 & 12);
	if (arm64_is_clean(leaf, r))
		leaf &= ~ARM64_AP_RO; /* hardware makes it so before it writes */
	any &= r->table_mask;
	leaf |= (any & ARM64_TABLE_RO) >> (62 - 7) | (any & ARM64_TABLE_UXN) >> (60 - 54) |
		(any & ARM64_TABLE_PXN) >> (59 - 53);
	leaf &= ~((any & ARM64_TABLE_NO_USER) >> (61 - 6));
	return (leaf >> 6 & 3) | (leaf >> 51 & 12);
}

/* With indirect permissions bit 7 marks a clean entry: only hardware that updates it may write. */
static inline bool arm64_is_stuck_clean(uint64_t leaf, const struct ptl_regime *r)
{
	return r->control & ARM64_RULE_PIE && leaf & ARM64_AP_RO && !r->set_dirty;
}

static inline ptl_rights_t arm64_rights(uint64_t all, uint64_t any, uint64_t leaf,
					const struct ptl_regime *r)
{
	ptl_rights_t rights = r->rights[arm64_key(leaf, r)][arm64_says(any, leaf, r)];

	(void)all;
	if (__builtin_expect(arm64_is_stuck_clean(leaf, r), 0))
		rights &= (ptl_rights_t) ~(PTL_RIGHTS(ARM64_EL0, PT_PERM_WRITE) |
					   PTL_RIGHTS(ARM64_EL1, PT_PERM_WRITE));
	return rights;
}
#define mmu_rights arm64_rights

static inline uint64_t arm64_mark(uint64_t raw, bool leaf, bool write, const struct ptl_regime *r)
{
	if (!leaf)
		return raw;
	if (write && arm64_is_clean(raw, r))
		raw &= ~ARM64_AP_RO;
	return raw | ARM64_AF;
}
#define mmu_mark arm64_mark

static inline bool arm64_is_marked(uint64_t all, uint64_t leaf, bool write,
				   const struct ptl_regime *r)
{
	(void)all;
	return leaf & ARM64_AF && !(write && arm64_is_clean(leaf, r));
}
#define mmu_is_marked arm64_is_marked

/* D8.5.2: AF=0 faults unless hardware sets it. */
static inline bool arm64_leaf_faults(uint64_t leaf, const struct ptl_want *want,
				     const struct ptl_regime *r)
{
	(void)want;
	return !(leaf & ARM64_AF) && !r->set_accessed;
}
#define mmu_leaf_faults arm64_leaf_faults

static inline void arm64_describe(uint64_t all, uint64_t leaf, unsigned int level,
				  const struct ptl_regime *r, struct ptl_translation *to)
{
	(void)all;
	(void)level;
	to->mem = r->fmt.mem_of_index[leaf >> 2 & 7];
}
#define mmu_describe arm64_describe

/* AArch64.S1CheckPermissions(): overlays first, reads before writes; then only clean is left. */
static inline void arm64_refuse(struct arm64_fault_report *report, unsigned int wants,
				const struct arm64_limits *limits)
{
	unsigned int missing = wants & ~limits->overlay;

	report->overlay = missing;
	if (!missing)
		missing = wants & ~limits->base;
	report->dirty_bit = !missing;
	report->read_faults = missing & PT_PERM_READ;
}

static int arm64_fault(struct ptl_access *access, const struct ptl_regime *r,
		       const struct ptl_failure *failure)
{
	const struct ptl_want *want = failure->want;
	struct arm64_fault_report report = { .level = failure->level, .read_faults = true };
	struct pt_fault fault = {
		.stage = 1,
		.level = failure->level,
		.va = access->va,
		.pa = failure->raw_pa,
		.raw = failure->raw,
	};

	if (failure->kind == PTL_ILLEGAL && failure->illegal == PT_ILLEGAL_WIDTH) {
		report.status = ARM64_ADDRESS_SIZE;
		fault.why = PT_WHY_ADDRESS_SIZE;
	} else if (failure->kind != PTL_LEAF) {
		report.status = ARM64_TRANSLATION;
		fault.why = failure->kind == PTL_ILLEGAL ? PT_WHY_RESERVED : PT_WHY_NOT_PRESENT;
	} else if (arm64_leaf_faults(failure->raw, want, r)) {
		report.status = ARM64_ACCESS_FLAG;
		fault.why = PT_WHY_ACCESS_FLAG;
	} else {
		unsigned int says = arm64_says(failure->any, failure->raw, r);
		unsigned int key = arm64_key(failure->raw, r);
		struct arm64_perm_regs regs = { r->pir, r->pire0, r->keys, r->priv_keys };
		struct arm64_perms p = arm64_base_perms(says, r->control, &regs);
		struct arm64_limits limits = arm64_limits_of(&p, want->class, key, r->control,
							     &regs);

		report.status = ARM64_PERMISSION;
		arm64_refuse(&report, want->perms, &limits);
		fault.why = arm64_why(want->class, &p, &limits, want->perms);
	}
	arm64_report(access, &report, &fault);
	return 1;
}
#define mmu_fault arm64_fault

#endif /* PTL_MMU_ARM64_RULES_H */
