/* SPDX-License-Identifier: MIT */
/* golden_ept.h - a guest behind EPT. */
#ifndef MMU_GOLDEN_EPT_H
#define MMU_GOLDEN_EPT_H

#include "mmu/golden_second_x86.h"

/* Intel SDM Vol. 3C, 29.3.2 "EPT Translation Mechanism", Tables 29-1 to 29-7 (rev. 081) */
#define ER BIT(0)
#define EW BIT(1)
#define EX BIT(2)
#define TYPE(n) ((uint64_t)(n) << 3) /* 0 UC, 1 WC, 4 WT, 5 WP, 6 WB */
#define EWB TYPE(6)
#define IPAT BIT(6)
#define ELARGE BIT(7)
#define EA BIT(8)
#define ED BIT(9)
#define EXU BIT(10)
#define RWX (ER | EW | EX)

/* A.10 "VPID and EPT Capabilities", all but what is named */
#define CAP_EXEC_ONLY BIT(0)
#define CAP_5_LEVELS BIT(7)
#define CAP_1G BIT(17)
#define CAP_AD BIT(21)
#define CAPS (CAP_EXEC_ONLY | BIT(6) | CAP_5_LEVELS | BIT(8) | BIT(14) | BIT(16) | CAP_1G | CAP_AD)

struct ept {
	struct nested n;
	struct pt_x86_ept_regs regs;
};

static inline void ept_load(struct ept *e)
{
	assert_int_equal(pt_mmu_set_ept(e->n.guest.m.mmu, &e->regs), 0);
}

/* Without A and D; a guest's page at VA that is used and dirty, and its page. */
static inline void ept_init(struct ept *e, unsigned int guest_levels, unsigned int levels)
{
	*e = (struct ept){ .n = { .table = RWX, .leaf = RWX | EWB } };
	nested_init(&e->n, guest_levels, levels);
	e->regs = (struct pt_x86_ept_regs){
		.eptp = e->n.root | (levels - 1) << 3 | 6,
		.maxphyaddr = 46,
	};
	nested_root(&e->n);
	second_map(&e->n, DATA_GPA);
	guest_map(&e->n, VA, DATA_GPA);
	ept_load(e);
}

static inline void ept_ad(struct ept *e, bool on)
{
	e->regs.eptp = (e->regs.eptp & ~BIT(6)) | (on ? BIT(6) : 0);
	ept_load(e);
}

static inline void ept_exit(struct ept *e)
{
	nested_exit(&e->n);
}

/*
 * Table 28-7 "Exit Qualification for EPT Violations": bit 6 is undefined without mode-based
 * control, bits 11:9 are of a capability that is not here, and the read of a read-modify-write may
 * or may not be told.
 */
static inline struct pt_fault ept_violates(struct ept *e, enum pt_access_kind kind, pt_va_t va,
					   unsigned int cpl, uint64_t code, pt_pa_t gpa)
{
	uint64_t undefined =
		(e->regs.mbec ? 0 : PT_EPT_USER_EXECUTABLE) |
		(kind == PT_ACCESS_RMW && code & PT_EPT_WRITE ? PT_EPT_READ & ~code : 0);
	struct pt_fault fault = nested_exits(&e->n, kind, va, cpl, PT_FAULT_EPT_VIOLATION,
					     code | PT_EPT_LINEAR_VALID, undefined, gpa);

	assert_int_equal(fault.in_walk, !(code & PT_EPT_FINAL));
	assert_int_equal(fault.va, va);
	return fault;
}

static inline struct pt_fault ept_misconfigured(struct ept *e, enum pt_access_kind kind, pt_va_t va,
						pt_pa_t gpa)
{
	return nested_exits(&e->n, kind, va, 0, PT_FAULT_EPT_MISCONFIG, 0, 0, gpa);
}

#endif /* MMU_GOLDEN_EPT_H */
