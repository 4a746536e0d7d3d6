/* SPDX-License-Identifier: MIT */
/*
 * arm64 accesses by hand: which addresses a half has, and what its entries and outputs may be.
 *
 * References are to the Arm ARM, DDI 0487 K.a. Who may do what is the subject of
 * test_rights_arm64.c; how pt_access() is called, of test_golden_calls.c.
 */
#include "mmu/golden_arm64.h"

#define READ PT_ACCESS_READ
#define WRITE PT_ACCESS_WRITE
#define RMW PT_ACCESS_RMW
#define FETCH PT_ACCESS_FETCH

/* D8.2.4, "Translation table start level": bits of input, granule; levels, entries of the top */
static void each_input_width_has_its_edges(void **state)
{
	static const struct {
		unsigned int granule_lg2, bits, loads;
	} rows[] = {
		{ 12, 48, 4 }, { 12, 40, 4 }, { 12, 39, 3 }, { 12, 31, 3 }, { 12, 30, 2 },
		{ 12, 25, 2 }, { 12, 22, 2 }, { 12, 21, 1 }, { 12, 16, 1 }, { 14, 48, 4 },
		{ 14, 47, 3 }, { 14, 37, 3 }, { 14, 36, 2 }, { 14, 26, 2 }, { 14, 25, 1 },
		{ 14, 16, 1 }, { 16, 52, 3 }, { 16, 48, 3 }, { 16, 43, 3 }, { 16, 42, 2 },
		{ 16, 30, 2 }, { 16, 29, 1 }, { 16, 17, 1 },
	};

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		unsigned int sz = 64 - rows[i].bits, loads = rows[i].loads;
		pt_va_t last = BIT(rows[i].bits) - 1, first = ~last;
		struct pt_access_result r;
		struct arm a;

		arm_init(&a, rows[i].granule_lg2, T0SZ(sz) | T1SZ(sz));
		arm_map(&a, last, DATA_PA);
		assert_int_equal(arm_try(&a, READ, last, 1, 0, &r), 0);
		assert_int_equal(r.piece[0].pa, DATA_PA + (BIT(rows[i].granule_lg2) - 1));
		assert_int_equal(r.nr_loads[0], loads);
		arm_map(&a, first, DATA_PA);
		arm_goes(&a, WRITE, first, 64, DATA_PA);
		arm_map(&a, UINT64_MAX, DATA_PA);
		arm_goes(&a, READ, UINT64_MAX - 7, 8, DATA_PA + (BIT(rows[i].granule_lg2) - 8));
		/* one byte further is a level 0 translation fault, before any word is read */
		arm_aborts(&a, READ, last + 1, 1, 0, TRANSLATION(0), last + 1, 0);
		arm_aborts(&a, WRITE, first - 1, 1, 1, TRANSLATION(0) | WNR, first - 1, 0);
		arm_aborts(&a, FETCH, first - 4, 4, 1, TRANSLATION(0), first - 4, 0);
		/* the first byte of an access that is there does not help */
		arm_aborts(&a, RMW, last - 3, 8, 1, TRANSLATION(0), last + 1, loads);
		arm_exit(&a);
	}
}

/* Without FEAT_TTST T0SZ is at most 39, with it 48 or, of 64K, 47; at least 16, or 12 */
static void sizes_out_of_bounds_select_nothing(void **state)
{
	static const struct {
		unsigned int granule_lg2, sz;
		uint64_t tcr;
	} rows[] = { { 12, 15, 0 }, { 12, 49, 0 }, { 14, 15, 0 },  { 14, 49, 0 },
		     { 16, 11, 0 }, { 16, 48, 0 }, { 12, 11, DS }, { 14, 11, DS } };

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		struct arm a;

		arm_init(&a, rows[i].granule_lg2, rows[i].tcr | T0SZ(rows[i].sz) | T1SZ(16));
		assert_int_equal(arm_aborts(&a, READ, 0, 1, 0, TRANSLATION(0), 0, 0).why,
				 PT_WHY_VA_WIDTH);
		/* the other half is as good as ever */
		arm_map(&a, ~UINT64_C(0xffff), DATA_PA);
		arm_goes(&a, READ, ~UINT64_C(0xffff), 8, DATA_PA);
		arm_exit(&a);
	}
}

/* D8.9 "Address tagging": bits 63:56 do not count, bit 55 selects; FAR has the address as it was */
static void tags_are_ignored_where_tbi_says_so(void **state)
{
	const pt_va_t low = 0x123456789000, high = 0xffff800000123000;
	const pt_va_t tag = UINT64_C(0x5a) << 56, tagged_high = 0x5affff8000123000 | BIT(55);
	struct arm a;

	(void)state;
	arm_init(&a, 12, T0SZ(16) | T1SZ(16));
	arm_map(&a, low, DATA_PA);
	arm_map(&a, high, DATA_PA + 0x1000);
	arm_map(&a, tagged_high | UINT64_C(0xff) << 56, DATA_PA + 0x2000);
	arm_aborts(&a, READ, low | tag, 8, 0, TRANSLATION(0), low | tag, 0);
	a.regs.tcr |= TBI0;
	arm_load(&a);
	arm_goes(&a, READ, low | tag, 8, DATA_PA);
	arm_goes(&a, FETCH, low | tag, 4, DATA_PA);
	arm_aborts(&a, READ, tagged_high, 8, 1, TRANSLATION(0), tagged_high, 0);
	/* bits 55:48 count */
	arm_aborts(&a, READ, low | BIT(54), 8, 1, TRANSLATION(0), low | BIT(54), 0);
	arm_aborts(&a, WRITE, (low | tag) + 0x1000, 8, 1, TRANSLATION(3) | WNR,
		   (low | tag) + 0x1000, 4);
	a.regs.tcr |= TBI1 | TBID0;
	arm_load(&a);
	arm_goes(&a, WRITE, tagged_high, 8, DATA_PA + 0x2000);
	arm_goes(&a, FETCH, tagged_high, 4, DATA_PA + 0x2000);
	arm_goes(&a, READ, low | tag, 8, DATA_PA);
	/* TBID: data only */
	arm_aborts(&a, FETCH, low | tag, 4, 0, TRANSLATION(0), low | tag, 0);
	arm_goes(&a, FETCH, low, 4, DATA_PA);
	arm_exit(&a);
}

static void a_half_can_be_disabled(void **state)
{
	const pt_va_t low = 0x123456789000, high = 0xffff800000123000;
	struct pt_access access = { READ, 8, 1, PT_ACCESS_UNPRIV };
	struct pt_access_result r;
	struct arm a;

	(void)state;
	arm_init(&a, 12, T0SZ(16) | T1SZ(16) | EPD0);
	arm_map(&a, low, DATA_PA);
	arm_map(&a, high, DATA_PA + 0x1000);
	assert_int_equal(arm_aborts(&a, READ, low, 8, 1, TRANSLATION(0), low, 0).why,
			 PT_WHY_DISABLED);
	arm_goes(&a, READ, high, 8, DATA_PA + 0x1000);
	a.regs.tcr ^= EPD0 | EPD1;
	arm_load(&a);
	arm_goes(&a, READ, low, 8, DATA_PA);
	arm_aborts(&a, FETCH, high, 4, 0, TRANSLATION(0), high, 0);
	/* FEAT_E0PD: for what is unprivileged, LDTR included; PSTATE.UAO makes it privileged */
	a.regs.tcr ^= EPD1 | E0PD1;
	arm_load(&a);
	arm_goes(&a, READ, high, 8, DATA_PA + 0x1000);
	arm_aborts(&a, READ, high, 8, 0, TRANSLATION(0), high, 0);
	arm_aborts(&a, FETCH, high, 4, 0, TRANSLATION(0), high, 0);
	arm_aborts(&a, WRITE, high, 8, 0, TRANSLATION(0) | WNR, high, 0);
	assert_int_equal(arm_try(&a, READ, low, 8, 0, &r), 0);
	assert_int_equal(pt_access(a.m.mmu, high, &access, &r), 1);
	assert_int_equal(r.fault.code, UINT64_C(0x25) << 26 | BIT(25) | TRANSLATION(0));
	a.regs.uao = true;
	arm_load(&a);
	assert_int_equal(pt_access(a.m.mmu, high, &access, &r), 0);
	a.regs.tcr ^= E0PD0 | E0PD1;
	arm_load(&a);
	arm_aborts(&a, READ, low, 8, 0, TRANSLATION(0), low, 0);
	assert_int_equal(arm_try(&a, READ, high, 8, 0, &r), 0);
	arm_exit(&a);
}

/* D8.2 "Output address size": of tables, pages, TTBR: each at the level that gives the address */
static void addresses_beyond_ips_are_address_size_faults(void **state)
{
	static const unsigned int bits[] = { 32, 36, 40, 42, 44, 48 };
	const pt_va_t va = 0x123456789000;
	struct arm a;
	uint64_t *entry;

	(void)state;
	for (unsigned int ips = 0; ips < 5; ips++)
		for (unsigned int level = 0; level < 4; level++) {
			uint64_t was;

			arm_init(&a, 12, T0SZ(16) | T1SZ(16));
			arm_map(&a, va, DATA_PA);
			arm_set_ips(&a, ips);
			entry = arm_entry(&a, va, level);
			was = *entry;
			*entry |= BIT(bits[ips]);
			arm_aborts(&a, READ, va, 8, 1, ADDRESS_SIZE(3 - level), va, 4 - level);
			/* before the access flag, and before permissions */
			if (level == 0)
				*entry &= ~(AF | EL0);
			assert_int_equal(arm_aborts(&a, WRITE, va, 8, 0,
						    ADDRESS_SIZE(3 - level) | WNR, va, 4 - level)
						 .why,
					 PT_WHY_ADDRESS_SIZE);
			*entry = was;
			arm_goes(&a, READ, va, 8, DATA_PA);
			/* what the ID registers lack does not count either */
			a.regs.mmfr0 = ips;
			a.regs.mmfr1 = 2; /* not all 0 */
			arm_set_ips(&a, 5);
			arm_goes(&a, READ, va, 8, DATA_PA);
			*entry |= BIT(bits[ips]);
			arm_aborts(&a, READ, va, 8, 1, ADDRESS_SIZE(3 - level), va, 4 - level);
			arm_exit(&a);
		}
	/* the largest one that fits */
	arm_init(&a, 12, T0SZ(16) | T1SZ(16));
	arm_set_ips(&a, 0);
	arm_map(&a, va, 0xfffff000);
	arm_goes(&a, READ, va + 8, 8, 0xfffff008);
	arm_exit(&a);
}

/* The root itself: a level 0 address size fault, whether memory is there or not */
static void ttbr_beyond_ips_is_an_address_size_fault_of_level_0(void **state)
{
	const struct pt_phys_region region = { .pa = BIT(40) - MIB, .len = 2 * MIB, .fd = -1 };
	const pt_va_t va = 0x123456789000;
	struct arm a;

	(void)state;
	arm_init(&a, 12, T0SZ(16) | T1SZ(16));
	assert_int_equal(pt_phys_add(a.m.phys, &region), 0);
	/* only the root is too high, within one region: nothing but the rule is in the way */
	a.regs.ttbr0 = BIT(40);
	a.m.unused = BIT(40) - MIB;
	arm_map(&a, va, DATA_PA);
	arm_load(&a);
	arm_goes(&a, READ, va, 8, DATA_PA);
	arm_set_ips(&a, 2);
	arm_aborts(&a, READ, va, 8, 1, ADDRESS_SIZE(0), va, 0);
	arm_aborts(&a, FETCH, va, 4, 0, ADDRESS_SIZE(0), va, 0);
	/* bits 63:48 are the ASID, bit 0 is CnP */
	arm_set_ips(&a, 3);
	a.regs.ttbr0 |= UINT64_C(0xffff) << 48 | 1;
	arm_load(&a);
	arm_goes(&a, READ, va, 8, DATA_PA);
	arm_exit(&a);
}

/* D8.3: bits 1:0 */
static void invalid_and_reserved_descriptors_are_translation_faults(void **state)
{
	static const struct {
		unsigned int granule_lg2, level;
		uint64_t low;
		bool is_leaf;
	} rows[] = {
		{ 12, 3, 0, false },	 { 12, 2, 2, false },	  { 12, 1, 0, false },
		{ 12, 0, 2, false },	 { 12, 0, BLOCK, false }, { 12, 1, BLOCK, true },
		{ 12, 2, BLOCK, true },	 { 12, 3, BLOCK, false }, { 14, 0, BLOCK, false },
		{ 14, 1, BLOCK, true },	 { 14, 2, BLOCK, false }, { 14, 3, BLOCK, false },
		{ 16, 0, BLOCK, false }, { 16, 1, BLOCK, true },
	};
	const pt_va_t va = 0x120000000000;

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		unsigned int arm_level = 3 - rows[i].level;
		struct pt_access_result r;
		struct pt_fault fault;
		struct arm a;

		arm_init(&a, rows[i].granule_lg2, T0SZ(16) | T1SZ(16));
		*arm_entry(&a, va, rows[i].level) = AF | EL0 | rows[i].low;
		if (rows[i].is_leaf) {
			assert_int_equal(arm_try(&a, READ, va, 8, 0, &r), 0);
			assert_int_equal(r.piece[0].level, rows[i].level);
			assert_int_equal(r.piece[0].pa, 0);
		} else {
			fault = arm_aborts(&a, READ, va, 8, 0, TRANSLATION(arm_level), va,
					   arm_top(&a, va) + 1 - rows[i].level);
			assert_int_equal(fault.level, rows[i].level);
			assert_int_equal(fault.raw, AF | EL0 | rows[i].low);
		}
		arm_exit(&a);
	}
}

/* D8.2.12 "The effects of disabling an address translation stage" */
static void with_the_mmu_off_addresses_are_physical(void **state)
{
	struct pt_access_result r;
	struct arm a;

	(void)state;
	arm_init(&a, 12, T0SZ(16) | T1SZ(16) | EPD0 | EPD1);
	a.regs.sctlr = 0;
	a.regs.mmfr0 = 3; /* 42 bits */
	arm_load(&a);
	arm_goes(&a, WRITE, 0x12345, 8, 0x12345);
	arm_goes(&a, FETCH, BIT(42) - 4, 4, BIT(42) - 4);
	assert_int_equal(arm_try(&a, READ, 0xfff, 2, 0, &r), 0);
	assert_int_equal(r.piece[0].mem, PT_MEM_UC); /* Device-nGnRnE */
	assert_int_equal(r.nr_loads[0], 0);
	arm_aborts(&a, READ, BIT(42), 1, 0, ADDRESS_SIZE(0), BIT(42), 0);
	arm_aborts(&a, WRITE, BIT(63), 8, 1, ADDRESS_SIZE(0) | WNR, BIT(63), 0);
	arm_aborts(&a, FETCH, UINT64_MAX - 3, 4, 1, ADDRESS_SIZE(0), UINT64_MAX - 3, 0);
	/* instructions: Normal, and SCTLR.I says whether cacheable, write-through */
	for (unsigned int cached = 0; cached < 2; cached++) {
		a.regs.sctlr = cached ? BIT(12) : 0;
		arm_load(&a);
		assert_int_equal(arm_try(&a, FETCH, 0x12344, 4, 1, &r), 0);
		assert_int_equal(r.piece[0].mem, cached ? PT_MEM_WT : PT_MEM_WC);
	}
	/* a tag is none still */
	a.regs.tcr |= TBI0;
	arm_load(&a);
	arm_goes(&a, READ, 0x5a00000000012345, 8, 0x12345);
	arm_exit(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_input_width_has_its_edges),
		cmocka_unit_test(sizes_out_of_bounds_select_nothing),
		cmocka_unit_test(tags_are_ignored_where_tbi_says_so),
		cmocka_unit_test(a_half_can_be_disabled),
		cmocka_unit_test(addresses_beyond_ips_are_address_size_faults),
		cmocka_unit_test(ttbr_beyond_ips_is_an_address_size_fault_of_level_0),
		cmocka_unit_test(invalid_and_reserved_descriptors_are_translation_faults),
		cmocka_unit_test(with_the_mmu_off_addresses_are_physical),
	};

	return cmocka_run_group_tests_name("golden_arm64", tests, NULL, NULL);
}
