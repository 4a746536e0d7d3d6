/* SPDX-License-Identifier: MIT */
/* golden_arm64.h - words, registers and trees for tests of single cases. */
#ifndef MMU_GOLDEN_ARM64_H
#define MMU_GOLDEN_ARM64_H

#include "mmu/machine.h"

/* Arm ARM DDI 0487 K.a, D8.3 "Translation table descriptor formats" */
#define PAGE 3u
#define BLOCK 1u
#define TABLE 3u
#define EL0 BIT(6) /* AP[1] */
#define RO BIT(7) /* AP[2] */
#define AF BIT(10)
#define DBM BIT(51)
#define CONTIG BIT(52)

/* D24.2.40 "ESR_EL1": DFSC and IFSC */
#define ADDRESS_SIZE(level) (0x00u + (level))
#define TRANSLATION(level) (0x04u + (level))
#define ACCESS_FLAG(level) (0x08u + (level))
#define PERMISSION(level) (0x0cu + (level))
#define ADDRESS_SIZE_MINUS_1 0x29u /* 0b101001 */
#define TRANSLATION_MINUS_1 0x2bu /* 0b101011 */
#define WNR BIT(6)

/* TCR_EL1 */
#define T0SZ(n) ((uint64_t)(n))
#define T1SZ(n) ((uint64_t)(n) << 16)
#define EPD0 BIT(7)
#define EPD1 BIT(23)
#define TG0(n) ((uint64_t)(n) << 14) /* 0: 4K, 1: 64K, 2: 16K */
#define TG1(n) ((uint64_t)(n) << 30) /* 1: 16K, 2: 4K, 3: 64K */
#define IPS(n) ((uint64_t)(n) << 32) /* 0: 32, 1: 36, 2: 40, 3: 42, 4: 44, 5: 48, 6: 52 bits */
#define TBI0 BIT(37)
#define TBI1 BIT(38)
#define HA BIT(39)
#define HD BIT(40)
#define TBID0 BIT(51)
#define TBID1 BIT(52)
#define E0PD0 BIT(55)
#define E0PD1 BIT(56)
#define DS BIT(59)

#define MEM_PA UINT64_C(0x1000000) /* of memory: 8 MiB, the first 4 for tables */
#define DATA_PA UINT64_C(0x1400000)

struct arm {
	struct machine m;
	struct pt_arm64_regs regs;
	unsigned int granule_lg2;
};

static inline void arm_load(struct arm *a)
{
	assert_int_equal(pt_mmu_set_arm64(a->m.mmu, &a->regs), 0);
}

/* MMU on, both halves with the same root; @tcr has all but TG1, TG0 and IPS of 48 bits. */
static inline void arm_init(struct arm *a, unsigned int granule_lg2, uint64_t tcr)
{
	uint64_t tg = granule_lg2 == 12	  ? TG0(0) | TG1(2)
		      : granule_lg2 == 14 ? TG0(2) | TG1(1)
					  : TG0(1) | TG1(3);

	machine_init(&a->m, MEM_PA, 8 * MIB);
	a->granule_lg2 = granule_lg2;
	a->regs = (struct pt_arm64_regs){
		.ttbr0 = new_table(&a->m, granule_lg2),
		.tcr = tcr | tg | IPS(5),
		.mair = 0xff,
		.sctlr = BIT(0),
	};
	a->regs.ttbr1 = a->regs.ttbr0;
	arm_load(a);
}

static inline void arm_set_ips(struct arm *a, unsigned int ips)
{
	a->regs.tcr = (a->regs.tcr & ~IPS(7)) | IPS(ips);
	arm_load(a);
}

static inline void arm_exit(struct arm *a)
{
	machine_exit(&a->m);
}

static inline unsigned int arm_va_bits(const struct arm *a, pt_va_t va)
{
	return 64 - (a->regs.tcr >> (va >> 55 & 1 ? 16 : 0) & 63);
}

/* Our level of the top table. */
static inline unsigned int arm_top(const struct arm *a, pt_va_t va)
{
	unsigned int stride = a->granule_lg2 - 3;

	return (arm_va_bits(a, va) - a->granule_lg2 + stride - 1) / stride - 1;
}

static inline unsigned int arm_index(const struct arm *a, pt_va_t va, unsigned int level)
{
	uint64_t in = va & (BIT(arm_va_bits(a, va)) - 1);
	unsigned int stride = a->granule_lg2 - 3;

	in >>= a->granule_lg2 + stride * level;
	return level == arm_top(a, va) ? in : in & (BIT(stride) - 1);
}

/* The entry of our @level for @va; tables on the way are made. */
static inline uint64_t *arm_entry(struct arm *a, pt_va_t va, unsigned int level)
{
	pt_pa_t table = a->regs.ttbr0;

	for (unsigned int l = arm_top(a, va);; l--) {
		uint64_t *entry = word(&a->m, table, arm_index(a, va, l));

		if (l == level)
			return entry;
		if (!*entry)
			*entry = new_table(&a->m, a->granule_lg2) | TABLE;
		table = *entry & (BIT(48) - BIT(a->granule_lg2));
	}
}

/* A page for both ELs, used before. */
static inline uint64_t *arm_map(struct arm *a, pt_va_t va, pt_pa_t pa)
{
	uint64_t *entry = arm_entry(a, va, 0);

	*entry = pa | AF | EL0 | PAGE;
	return entry;
}

static inline int arm_try(struct arm *a, enum pt_access_kind kind, pt_va_t va, unsigned int size,
			  unsigned int el, struct pt_access_result *r)
{
	struct pt_access access = access_of(kind, size, el);

	return pt_access(a->m.mmu, va, &access, r);
}

/* Succeeds in one piece, at @pa; data at EL1, fetches at EL0, which may write what is mapped. */
static inline void arm_goes(struct arm *a, enum pt_access_kind kind, pt_va_t va, unsigned int size,
			    pt_pa_t pa)
{
	struct pt_access_result r;

	assert_int_equal(arm_try(a, kind, va, size, kind != PT_ACCESS_FETCH, &r), 0);
	assert_int_equal(r.fault.kind, PT_FAULT_NONE);
	assert_int_equal(r.nr_pieces, 1);
	assert_int_equal(r.piece[0].pa, pa);
	assert_int_equal(r.piece[0].len, size);
}

/* Aborts with fault status and WnR @iss, after @loads words. */
static inline struct pt_fault arm_aborts(struct arm *a, enum pt_access_kind kind, pt_va_t va,
					 unsigned int size, unsigned int el, uint64_t iss,
					 pt_va_t far, unsigned int loads)
{
	bool fetch = kind == PT_ACCESS_FETCH;
	uint64_t ec = (fetch ? 0x20 : 0x24) + el;
	struct pt_access_result r;

	assert_int_equal(arm_try(a, kind, va, size, el, &r), 1);
	assert_int_equal(r.fault.kind, fetch ? PT_FAULT_INSTR_ABORT : PT_FAULT_DATA_ABORT);
	assert_int_equal(r.fault.code, ec << 26 | BIT(25) | iss);
	assert_int_equal(r.fault.va, far);
	assert_int_equal(r.nr_loads[0], loads);
	assert_int_equal(r.nr_pieces, 0);
	return r.fault;
}

#endif /* MMU_GOLDEN_ARM64_H */
