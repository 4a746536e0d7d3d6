/* SPDX-License-Identifier: MIT */
/*
 * The rules of fault_arm64_s2.h as a walk asks them (mmu_api.h): what a leaf of
 * stage 2 says, what using it changes, and the report if it may not be.
 */
#ifndef PTL_MMU_ARM64_S2_RULES_H
#define PTL_MMU_ARM64_S2_RULES_H

#include "arm64/fault_arm64_code.h"
#include "arm64/fault_arm64_s2.h"

static inline unsigned int arm64_s2_index(uint64_t all, uint64_t any, uint64_t leaf,
					  const struct ptl_regime *r)
{
	(void)all;
	(void)any;
	(void)r;
	return arm64_cut(leaf);
}
#define mmu_says arm64_s2_index

static inline unsigned int arm64_s2_perms_of(uint64_t all, uint64_t any, uint64_t leaf,
					     unsigned int class, const struct ptl_regime *r)
{
	return ptl_right_perms(r->rights[arm64_s2_index(all, any, leaf, r)].of[class]);
}
#define mmu_perms arm64_s2_perms_of

static inline uint64_t arm64_s2_mark(uint64_t raw, bool leaf, bool write,
				     const struct ptl_regime *r)
{
	if (!leaf)
		return raw;
	if (write && arm64_s2_is_clean(raw, r))
		raw |= ARM64_S2_WRITE;
	return raw | ARM64_AF;
}
#define mmu_mark arm64_s2_mark

static inline bool arm64_s2_is_marked(uint64_t all, uint64_t leaf, bool write,
				      const struct ptl_regime *r)
{
	(void)all;
	return leaf & ARM64_AF && !(write && arm64_s2_is_clean(leaf, r));
}
#define mmu_is_marked arm64_s2_is_marked

/* HCR_EL2.PTW: a table of stage 1 in device memory is a permission fault. */
static inline bool arm64_s2_ptw_forbids(uint64_t leaf, const struct ptl_want *want,
					const struct ptl_regime *r)
{
	return want->in_walk && r->control & ARM64_S2_RULE_PTW &&
	       arm64_s2_is_device(r->fmt.mem_of_index[leaf >> 2 & 15]);
}

static inline bool arm64_s2_needs_af(uint64_t leaf, const struct ptl_regime *r)
{
	return !(leaf & ARM64_AF) && !r->set_accessed;
}

static inline bool arm64_s2_leaf_faults(uint64_t leaf, const struct ptl_want *want,
					const struct ptl_regime *r)
{
	return arm64_s2_needs_af(leaf, r) || arm64_s2_ptw_forbids(leaf, want, r);
}
#define mmu_leaf_faults arm64_s2_leaf_faults

static inline uint64_t arm64_s2_counting_bits(bool fetch, const struct ptl_regime *r)
{
	(void)fetch;
	(void)r;
	return ~UINT64_C(0);
}
#define mmu_counting_bits arm64_s2_counting_bits

static inline void arm64_s2_describe(uint64_t all, uint64_t leaf, unsigned int level,
				     const struct ptl_regime *r, struct ptl_translation *to)
{
	(void)all;
	(void)level;
	to->mem = r->mem[leaf & 0x3c];
	/* FEAT_S2FWB, Normal write-back: whatever stage 1 says. */
	to->ignores_stage1_mem = r->fmt.cfg.features & PT_FEAT_FWB && to->mem == PT_MEM_WB;
	to->user_page = false;
}
#define mmu_describe arm64_s2_describe

static inline bool arm64_s2_is_global(uint64_t leaf, const struct ptl_regime *r)
{
	(void)leaf;
	(void)r;
	return false;
}
#define mmu_is_global arm64_s2_is_global

static int arm64_s2_fault(struct ptl_access *access, const struct ptl_regime *r,
			  const struct ptl_failure *failure)
{
	const struct ptl_want *want = failure->want;
	struct arm64_fault_report report = {
		.level = failure->level,
		.stage2 = true,
		.in_walk = want->in_walk,
		.read_faults = true,
	};
	struct pt_fault fault = {
		.stage = 2,
		.level = failure->level,
		.va = access->va,
		.ipa = failure->in,
		.pa = failure->raw_pa,
		.raw = failure->raw,
		.in_walk = want->in_walk,
	};

	if (failure->kind == PTL_ILLEGAL && failure->illegal == PT_ILLEGAL_WIDTH) {
		report.status = ARM64_ADDRESS_SIZE;
		fault.why = PT_WHY_ADDRESS_SIZE;
	} else if (failure->kind != PTL_LEAF) {
		report.status = ARM64_TRANSLATION;
		fault.why = failure->kind == PTL_ILLEGAL ? PT_WHY_RESERVED : PT_WHY_NOT_PRESENT;
	} else if (arm64_s2_needs_af(failure->raw, r)) {
		report.status = ARM64_ACCESS_FLAG;
		fault.why = PT_WHY_ACCESS_FLAG;
	} else {
		unsigned int perms = arm64_s2_perms_of(0, 0, failure->raw, want->class, r);
		unsigned int missing = want->perms & ~perms;

		report.status = ARM64_PERMISSION;
		/*
		 * Of a table, WnR is the access's, whatever the walker wanted of the word:
		 * AArch64.CheckS2Permission(), issue E.a, failedread = !iswrite.
		 */
		report.read_faults = want->in_walk ? want->as_read : !(perms & PT_PERM_READ);
		fault.why = missing & PT_PERM_READ  ? PT_WHY_READ :
			    missing & PT_PERM_WRITE ? PT_WHY_WRITE :
			    missing		    ? PT_WHY_EXEC :
						      PT_WHY_STAGE2_DEVICE;
	}
	arm64_report(access, &report, &fault);
	return 1;
}
#define mmu_fault arm64_s2_fault

#endif /* PTL_MMU_ARM64_S2_RULES_H */
