/* SPDX-License-Identifier: MIT */
/*
 * golden_stage2.h - a guest's stage 1 behind arm64 stage 2, both written by hand.
 *
 * Intermediate addresses are physical ones plus GUEST, so that neither passes for the other.
 */
#ifndef MMU_GOLDEN_STAGE2_H
#define MMU_GOLDEN_STAGE2_H

#include "mmu/golden_arm64.h"

/* Arm ARM DDI 0487 J.a, D8.3.1 "VMSAv8-64 descriptor formats": stage 2 */
#define MEMATTR(n) ((uint64_t)(n) << 2)
#define S2AP(n) ((uint64_t)(n) << 6) /* 1 read, 2 write */
#define S2_R S2AP(1)
#define S2_W S2AP(2)
#define SH_INNER ((uint64_t)3 << 8)
#define XN(n) ((uint64_t)(n) << 53)
#define S2_LEAF (SH_INNER | AF | S2_R | S2_W | MEMATTR(15))
#define UXN BIT(54)

/* D17.2 "VTCR_EL2", "HCR_EL2", "ESR_EL2" */
#define S2_PS(n) ((uint64_t)(n) << 16)
#define S2_TG0(n) ((uint64_t)(n) << 14) /* 0: 4K, 1: 64K, 2: 16K */
#define SL0(n) ((uint64_t)(n) << 6)
#define S2_HA BIT(21)
#define S2_HD BIT(22)
#define S2_DS BIT(32)
#define SL2 BIT(33)
#define IPA_BITS(n) (UINT64_C(64) - (n))
#define HCR_VM BIT(0)
#define HCR_PTW BIT(2)
#define HCR_DC BIT(12)
#define HCR_FWB BIT(46)
#define S1PTW BIT(7)

#define GUEST UINT64_C(0x4000000000)
#define IPA (GUEST + BIT(39) + DATA_PA) /* apart from stage 1's tables */
#define VA UINT64_C(0x00002b5aa5c3b000)
#define ADDRESS UINT64_C(0x0000fffffffff000)

struct stage2 {
	struct arm a; /* regs.ttbr0 is intermediate */
	struct pt_arm64_s2_regs regs;
	pt_pa_t root;
	unsigned int top, granule_lg2; /* our level of the root */
};

static inline void s2_load(struct stage2 *s)
{
	assert_int_equal(pt_mmu_set_arm64_s2(s->a.m.mmu, &s->regs), 0);
}

/* The stage 2 entry of our @level for @ipa; tables on the way are made. */
static inline uint64_t *s2_entry(struct stage2 *s, pt_pa_t ipa, unsigned int level)
{
	unsigned int stride = s->granule_lg2 - 3;
	pt_pa_t table = s->root;

	for (unsigned int l = s->top;; l--) {
		uint64_t index = ipa >> (s->granule_lg2 + stride * l);
		uint64_t *entry;

		/* tables of the root stand side by side */
		entry = word(&s->a.m, table, l == s->top ? index : index & (BIT(stride) - 1));
		if (l == level)
			return entry;
		if (!*entry)
			*entry = new_table(&s->a.m, s->granule_lg2) | TABLE;
		table = *entry & ADDRESS & ~(BIT(s->granule_lg2) - 1);
	}
}

/* A table of stage 1: intermediate, mapped. */
static inline pt_pa_t s1_table(struct stage2 *s)
{
	pt_pa_t pa = new_table(&s->a.m, 12);

	*s2_entry(s, GUEST + pa, 0) = pa | S2_LEAF | PAGE;
	return GUEST + pa;
}

/* Intermediate address of the stage 1 entry of our @level for @va; tables on the way are made. */
static inline pt_pa_t s1_entry_ipa(struct stage2 *s, pt_va_t va, unsigned int level)
{
	pt_pa_t table = s->a.regs.ttbr0;

	for (unsigned int l = 3;; l--) {
		pt_pa_t ipa = table + 8 * (va >> (12 + 9 * l) & 511);
		uint64_t *entry = word(&s->a.m, ipa - GUEST, 0);

		if (l == level)
			return ipa;
		if (!*entry)
			*entry = s1_table(s) | TABLE;
		table = *entry & ADDRESS;
	}
}

static inline uint64_t *s1_entry(struct stage2 *s, pt_va_t va, unsigned int level)
{
	return word(&s->a.m, s1_entry_ipa(s, va, level) - GUEST, 0);
}

/* Both of 4K and 48 bits; VA leads to IPA for all, IPA to DATA_PA. */
static inline void s2_init(struct stage2 *s)
{
	arm_init(&s->a, 12, T0SZ(16) | T1SZ(16) | EPD1);
	s->granule_lg2 = 12;
	s->top = 3;
	s->root = s->a.regs.ttbr0;
	s->regs = (struct pt_arm64_s2_regs){ .vttbr = s->root,
					     .vtcr = S2_TG0(0) | SL0(2) | IPA_BITS(48) | S2_PS(5),
					     .hcr = HCR_VM };
	s->a.regs.ttbr0 = s1_table(s);
	arm_load(&s->a);
	*s1_entry(s, VA, 0) = IPA | AF | EL0 | PAGE;
	*s2_entry(s, IPA, 0) = DATA_PA | S2_LEAF | PAGE;
	s2_load(s);
}

static inline void s2_exit(struct stage2 *s)
{
	arm_exit(&s->a);
}

static inline struct pt_access_result s2_goes(struct stage2 *s, enum pt_access_kind kind,
					      pt_va_t va, unsigned int el, pt_pa_t pa)
{
	struct pt_access_result r;

	assert_int_equal(arm_try(&s->a, kind, va, 4, el, &r), 0);
	assert_int_equal(r.fault.kind, PT_FAULT_NONE);
	assert_int_equal(r.nr_pieces, 1);
	assert_int_equal(r.piece[0].pa, pa);
	return r;
}

/* Aborts to EL2, from a lower EL whichever it was; ESR_EL2's ISS, FAR_EL2, HPFAR_EL2 of @ipa. */
static inline struct pt_fault s2_aborts(struct stage2 *s, enum pt_access_kind kind, pt_va_t va,
					unsigned int el, uint64_t iss, pt_pa_t ipa)
{
	bool fetch = kind == PT_ACCESS_FETCH;
	struct pt_access_result r;

	assert_int_equal(arm_try(&s->a, kind, va, 4, el, &r), 1);
	assert_int_equal(r.fault.kind, fetch ? PT_FAULT_INSTR_ABORT : PT_FAULT_DATA_ABORT);
	assert_int_equal(r.fault.code,
			 (fetch ? UINT64_C(0x20) : UINT64_C(0x24)) << 26 | BIT(25) | iss);
	assert_int_equal(r.fault.stage, 2);
	assert_int_equal(r.fault.ipa, ipa);
	assert_int_equal(r.fault.va, va);
	assert_int_equal(r.fault.in_walk, !!(iss & S1PTW));
	assert_int_equal(r.nr_pieces, 0);
	return r.fault;
}

#endif /* MMU_GOLDEN_STAGE2_H */
