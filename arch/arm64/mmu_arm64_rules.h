/* SPDX-License-Identifier: MIT */
/*
 * The rules of fault_arm64.h as a walk asks them (mmu_api.h): what the words of
 * one walk say, what using them changes, and the report if it may not be.
 */
#ifndef PTL_MMU_ARM64_RULES_H
#define PTL_MMU_ARM64_RULES_H

#include "arm64/fault_arm64.h"
#include "arm64/fault_arm64_code.h"

/* @leaf without what table entries above take away; DBM cannot bring back a right to write. */
static inline uint64_t arm64_limited(uint64_t any, uint64_t leaf)
{
	if (any & ARM64_TABLE_RO)
		leaf = (leaf & ~ARM64_DBM) | ARM64_AP_RO;
	if (any & ARM64_TABLE_NO_USER)
		leaf &= ~ARM64_AP_USER;
	return leaf | (any & ARM64_TABLE_UXN ? ARM64_UXN : 0) |
	       (any & ARM64_TABLE_PXN ? ARM64_PXN : 0);
}

/* The bits of @leaf that decide, with those of the table entries above it worked in. */
static inline uint64_t arm64_with_tables(uint64_t any, uint64_t leaf, const struct ptl_regime *r)
{
	any &= r->table_mask;
	return __builtin_expect(any != 0, 0) ? arm64_limited(any, leaf) : leaf;
}

static inline unsigned int arm64_index(uint64_t all, uint64_t any, uint64_t leaf,
				       const struct ptl_regime *r)
{
	(void)all;
	return arm64_cut(arm64_with_tables(any, leaf, r));
}
#define mmu_says arm64_index

static inline unsigned int arm64_key(uint64_t leaf, const struct ptl_regime *r)
{
	return leaf >> 60 & r->key_mask;
}

static inline unsigned int arm64_perms_of(uint64_t all, uint64_t any, uint64_t leaf,
					  unsigned int class, const struct ptl_regime *r)
{
	unsigned int key = arm64_key(leaf, r);

	/* Who asks for every class asks for those that are not arm64's too: they may nothing. */
	if (!key || class > ARM64_EL1)
		return ptl_right_perms(r->rights[arm64_index(all, any, leaf, r)].of[class]);
	leaf = arm64_with_tables(any, leaf, r);
	return arm64_usable_perms(arm64_perms_of_says(class, key, arm64_says(leaf, r), r), leaf, r);
}
#define mmu_perms arm64_perms_of

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

static inline uint64_t arm64_counting_bits(bool fetch, const struct ptl_regime *r)
{
	return r->va_counts[fetch];
}
#define mmu_counting_bits arm64_counting_bits

static inline void arm64_describe(uint64_t all, uint64_t leaf, unsigned int level,
				  const struct ptl_regime *r, struct ptl_translation *to)
{
	(void)all;
	(void)level;
	to->mem = r->mem[leaf & 0x1c];
}
#define mmu_describe arm64_describe

static inline bool arm64_is_global(uint64_t leaf, const struct ptl_regime *r)
{
	(void)r;
	return !(leaf & ARM64_NG);
}
#define mmu_is_global arm64_is_global

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
		unsigned int says = arm64_says(arm64_with_tables(failure->any, failure->raw, r), r);
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
