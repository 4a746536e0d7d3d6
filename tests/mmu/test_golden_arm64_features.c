/* SPDX-License-Identifier: MIT */
/*
 * arm64 accesses by hand: what the ID registers lack. References are to the Arm ARM, DDI 0487 K.a,
 * D24.2 "ID_AA64MMFR0_EL1" and following.
 */
#include "mmu/golden_arm64.h"

#define READ PT_ACCESS_READ
#define WRITE PT_ACCESS_WRITE

static void short_tables_need_feat_ttst(void **state)
{
	struct arm a;

	(void)state;
	arm_init(&a, 12, T0SZ(40) | T1SZ(39));
	arm_map(&a, 0, DATA_PA);
	arm_goes(&a, READ, 0, 8, DATA_PA);
	/* PARange 48 bits, 4K; HAFDBS; VARange 0, ST 0 */
	a.regs.mmfr0 = 5;
	a.regs.mmfr1 = 2;
	arm_load(&a);
	arm_aborts(&a, READ, 0, 8, 0, TRANSLATION(0), 0, 0);
	arm_map(&a, ~UINT64_C(0xfff), DATA_PA);
	arm_goes(&a, READ, ~UINT64_C(0xfff), 8, DATA_PA);
	a.regs.mmfr2 = BIT(28);
	arm_load(&a);
	arm_goes(&a, READ, 0, 8, DATA_PA);
	arm_exit(&a);
}

/* TG0 = 0b11 and TG1 = 0b00 are reserved: they act as a granule that is there, the smallest here */
static void a_reserved_granule_acts_as_one_that_is_there(void **state)
{
	const pt_va_t low = 0x123456788000, high = 0xffff800000124000;

	(void)state;
	for (unsigned int lg2 = 12; lg2 <= 16; lg2 += 2) {
		struct arm a;

		arm_init(&a, lg2, T0SZ(16) | T1SZ(16));
		arm_map(&a, low, DATA_PA);
		arm_map(&a, high, DATA_PA);
		/* PARange 48 bits; TGran4 and TGran16 only as far as wanted; HAFDBS 2 */
		a.regs.mmfr0 = 5 | (lg2 > 12 ? UINT64_C(15) << 28 : 0) | (lg2 > 14 ? 0 : 1u << 20);
		a.regs.mmfr1 = 2;
		a.regs.tcr = (a.regs.tcr & ~(TG0(3) | TG1(3))) | TG0(3);
		arm_load(&a);
		arm_goes(&a, READ, low, 8, DATA_PA + (low & (BIT(lg2) - 1)));
		arm_goes(&a, READ, high, 8, DATA_PA + (high & (BIT(lg2) - 1)));
		arm_exit(&a);
	}
}

/* ID_AA64MMFR1_EL1.{PAN, HPDS}, 2.{UAO, E0PD}, 3.{S1PIE, S1POE}: each alone makes its bits count */
static void what_the_id_registers_lack_does_not_count(void **state)
{
	static const struct {
		const char *what;
		unsigned int reg, low, at_least; /* the field that has to be there, and its value */
	} features[] = {
		{ "PAN", 1, 20, 1 },   { "EPAN", 1, 20, 3 }, { "HPDS", 1, 12, 1 },
		{ "UAO", 2, 4, 1 },    { "E0PD", 2, 60, 1 }, { "S1PIE", 3, 8, 1 },
		{ "S1POE", 3, 16, 1 },
	};
	const pt_va_t va = 0x123456789000;
	struct arm a;

	(void)state;
	for (size_t i = 0; i < NR(features); i++)
		for (unsigned int value = 0; value <= features[i].at_least; value++) {
			bool has = value == features[i].at_least, allowed;
			struct pt_access access = access_of(READ, 8, 1);
			struct pt_access_result r;
			uint64_t field = (uint64_t)value << features[i].low;

			arm_init(&a, 12, T0SZ(16) | T1SZ(16));
			arm_map(&a, va, DATA_PA);
			a.regs.mmfr0 = 5;
			a.regs.mmfr1 = features[i].reg == 1 ? field : 0;
			a.regs.mmfr2 = features[i].reg == 2 ? field : 0;
			a.regs.mmfr3 = features[i].reg == 3 ? field : 0;
			switch (i) {
			case 0: /* EL1 reads what EL0 may read */
				a.regs.pan = true;
				allowed = !has;
				break;
			case 1: /* EL1 reads what EL0 may execute */
				*arm_entry(&a, va, 0) &= ~EL0;
				a.regs.pan = true;
				a.regs.sctlr |= BIT(57);
				allowed = !has;
				break;
			case 2: /* TCR.HPD0, and a table that forbids to write */
				*arm_entry(&a, va, 1) |= BIT(62);
				a.regs.tcr |= BIT(41);
				access.kind = WRITE;
				allowed = has;
				break;
			case 3: /* LDTR from what is EL1's */
				*arm_entry(&a, va, 0) &= ~EL0;
				a.regs.uao = true;
				access.flags = PT_ACCESS_UNPRIV;
				allowed = has;
				break;
			case 4:
				a.regs.tcr |= E0PD0;
				access.priv = 0;
				allowed = !has;
				break;
			case 5: /* PIR_EL1 is 0: nothing may be done */
				a.regs.tcr2 = BIT(1);
				allowed = !has;
				break;
			default: /* POR_EL1 is 0: nothing is left */
				a.regs.tcr2 = BIT(3);
				allowed = !has;
				break;
			}
			arm_load(&a);
			if (pt_access(a.m.mmu, va, &access, &r) != !allowed)
				fail_msg("%s, field %u", features[i].what, value);
			arm_exit(&a);
		}
}

/* TCR.DS where TGran4 does not say 52 bits */
static void ds_is_ignored_without_lpa2(void **state)
{
	const pt_va_t va = 0x123456789000;
	struct arm a;

	(void)state;
	arm_init(&a, 12, T0SZ(16) | T1SZ(16) | DS);
	*arm_map(&a, va, DATA_PA) |= 3u << 8; /* SH, or address bits 51:50 */
	arm_set_ips(&a, 6);
	arm_goes(&a, READ, va, 8, UINT64_C(3) << 50 | DATA_PA);
	a.regs.mmfr0 = 6;
	arm_load(&a);
	arm_goes(&a, READ, va, 8, DATA_PA);
	a.regs.mmfr0 = 6 | 1u << 28;
	arm_load(&a);
	arm_goes(&a, READ, va, 8, UINT64_C(3) << 50 | DATA_PA);
	arm_exit(&a);
}

/* DDI 0487 K.a, R_VFPJF, "Stage 1 Indirect permissions": the pairs that are listed as reserved */
static void reserved_pairs_of_indirect_permissions(void **state)
{
	static const unsigned int at_el1[] = { 2, 3, 6, 7, 9, 10, 14 };
	static const unsigned int at_el0[] = { 5, 6, 7, 9, 12, 14 };
	const uint64_t everywhere = UINT64_C(0x1111111111111111);
	const pt_va_t va = 0x123456789000;
	struct arm a;

	(void)state;
	arm_init(&a, 12, T0SZ(16) | T1SZ(16));
	arm_map(&a, va, DATA_PA);
	a.regs.tcr2 = BIT(1);
	for (size_t i = 0; i < NR(at_el1) * NR(at_el0); i++)
		for (enum pt_access_kind kind = READ; kind <= PT_ACCESS_FETCH; kind++)
			for (unsigned int el = 0; el < 2; el++) {
				const struct pt_access access = access_of(kind, 4, el);
				struct pt_access_result r;

				a.regs.pir = everywhere * at_el1[i / NR(at_el0)];
				a.regs.pire0 = everywhere * at_el0[i % NR(at_el0)];
				arm_load(&a);
				assert_int_equal(pt_access(a.m.mmu, va, &access, &r), 1);
				assert_int_equal(r.fault.code & 0x3f, 0xf);
			}
	/* others next to them are what they say */
	a.regs.pir = everywhere * 9;
	a.regs.pire0 = everywhere * 10;
	arm_load(&a);
	arm_goes(&a, READ, va, 8, DATA_PA);
	a.regs.pir = everywhere * 12;
	a.regs.pire0 = everywhere * 9;
	arm_load(&a);
	arm_goes(&a, READ, va, 8, DATA_PA);
	arm_exit(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_tables_need_feat_ttst),
		cmocka_unit_test(a_reserved_granule_acts_as_one_that_is_there),
		cmocka_unit_test(what_the_id_registers_lack_does_not_count),
		cmocka_unit_test(ds_is_ignored_without_lpa2),
		cmocka_unit_test(reserved_pairs_of_indirect_permissions),
	};

	return cmocka_run_group_tests_name("golden_arm64_features", tests, NULL, NULL);
}
