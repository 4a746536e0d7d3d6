/* SPDX-License-Identifier: MIT */
/*
 * arm64 stage 2 by hand: which levels there are, what faults and how it is told.
 *
 * References are to the Arm ARM (DDI 0487 J.a). Rights and hardware updates:
 * test_golden_stage2_rights.c; attributes and HCR_EL2: test_golden_stage2_memory.c.
 */
#include "mmu/golden_stage2.h"

#define READ PT_ACCESS_READ
#define WRITE PT_ACCESS_WRITE
#define RMW PT_ACCESS_RMW
#define FETCH PT_ACCESS_FETCH

static uint64_t wnr_of(enum pt_access_kind kind)
{
	return kind == WRITE ? WNR : 0;
}

/* D17.2.37 "ESR_EL2": EC of a lower EL for EL1 and EL0, the stage 2 level in the fault status */
static void an_invalid_descriptor_of_each_level(void **state)
{
	(void)state;
	for (unsigned int level = 0; level < 4; level++)
		for (enum pt_access_kind kind = READ; kind <= FETCH; kind++)
			for (unsigned int el = 0; el < 2; el++) {
				struct pt_fault fault;
				struct stage2 s;
				uint64_t *entry;

				s2_init(&s);
				*s1_entry(&s, VA, 0) |= kind == FETCH ? RO : 0;
				entry = s2_entry(&s, IPA, level);
				*entry &= ~(uint64_t)1;
				fault = s2_aborts(&s, kind, VA + 0xabc, el,
						  TRANSLATION(3 - level) | wnr_of(kind),
						  IPA + 0xabc);
				assert_int_equal(fault.why, PT_WHY_NOT_PRESENT);
				assert_int_equal(fault.level, level);
				assert_int_equal(fault.raw, *entry);
				s2_exit(&s);
			}
}

/* ISS.S1PTW: a table of stage 1 could not be read; the level is that of stage 2 */
static void a_table_of_stage_1_that_is_not_there(void **state)
{
	(void)state;
	for (unsigned int level = 0; level < 4; level++)
		for (unsigned int second = 0; second < 2; second++)
			for (unsigned int el = 0; el < 2; el++) {
				struct stage2 s;
				uint64_t *entry;
				pt_pa_t ipa;

				s2_init(&s);
				ipa = s1_entry_ipa(&s, VA, level);
				entry = s2_entry(&s, ipa, 0);
				if (second)
					*entry &= ~S2_R; /* may be written only */
				else
					*entry = 0;
				s2_aborts(&s, READ, VA, el,
					  (second ? PERMISSION(3) : TRANSLATION(3)) | S1PTW, ipa);
				s2_aborts(&s, FETCH, VA, el,
					  (second ? PERMISSION(3) : TRANSLATION(3)) | S1PTW, ipa);
				/* reading is enough */
				*entry = ((ipa - GUEST) & ADDRESS) | SH_INNER | AF | S2_R |
					 MEMATTR(15) | XN(2) | PAGE;
				s2_goes(&s, WRITE, VA, el, DATA_PA);
				s2_exit(&s);
			}
}

static void stage_1s_own_faults_come_first(void **state)
{
	struct stage2 s;

	(void)state;
	s2_init(&s);
	*s2_entry(&s, IPA, 0) = 0;
	*s1_entry(&s, VA, 0) = IPA | AF | PAGE;
	assert_int_equal(arm_aborts(&s.a, READ, VA, 4, 0, PERMISSION(3), VA, 4).stage, 1);
	*s1_entry(&s, VA, 0) = 0;
	arm_aborts(&s.a, WRITE, VA, 4, 1, TRANSLATION(3) | WNR, VA, 4);
	*s2_entry(&s, s1_entry_ipa(&s, VA, 0), 0) = 0;
	s2_aborts(&s, READ, VA, 1, TRANSLATION(3) | S1PTW, s1_entry_ipa(&s, VA, 0));
	s2_exit(&s);
}

/* D8.2 "Translation process": VTCR_EL2.SL0 is where to start; tables side by side above that */
static void start_levels_and_concatenated_roots(void **state)
{
	static const struct {
		uint64_t vtcr;
		unsigned int granule_lg2, bits, top, tables;
	} rows[] = {
		{ S2_TG0(0) | SL0(2) | S2_PS(5), 12, 48, 3, 1 },
		{ S2_TG0(0) | SL0(2) | S2_PS(5), 12, 40, 3, 1 },
		{ S2_TG0(0) | SL0(1) | S2_PS(5), 12, 39, 2, 1 },
		{ S2_TG0(0) | SL0(1) | S2_PS(5), 12, 40, 2, 2 },
		{ S2_TG0(0) | SL0(1) | S2_PS(5), 12, 43, 2, 16 },
		{ S2_TG0(0) | SL0(0) | S2_PS(5), 12, 30, 1, 1 },
		{ S2_TG0(0) | SL0(0) | S2_PS(5), 12, 34, 1, 16 },
		{ S2_TG0(0) | SL0(3) | S2_PS(5), 12, 25, 0, 16 },
		{ S2_TG0(0) | SL0(3) | S2_PS(5), 12, 16, 0, 1 },
		{ S2_TG0(2) | SL0(2) | S2_PS(5), 14, 47, 2, 1 },
		{ S2_TG0(2) | SL0(2) | S2_PS(5), 14, 48, 2, 2 },
		{ S2_TG0(2) | SL0(1) | S2_PS(5), 14, 36, 1, 1 },
		{ S2_TG0(2) | SL0(1) | S2_PS(5), 14, 40, 1, 16 },
		{ S2_TG0(2) | SL0(0) | S2_PS(5), 14, 25, 0, 1 },
		{ S2_TG0(1) | SL0(2) | S2_PS(5), 16, 48, 2, 1 },
		{ S2_TG0(1) | SL0(1) | S2_PS(5), 16, 42, 1, 1 },
		{ S2_TG0(1) | SL0(1) | S2_PS(5), 16, 44, 1, 4 },
		{ S2_TG0(1) | SL0(0) | S2_PS(5), 16, 29, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		pt_pa_t last = BIT(rows[i].bits) - 16, size = BIT(rows[i].granule_lg2);
		struct stage2 s;

		s2_init(&s);
		/* aligned to all tables of the root */
		s.granule_lg2 = rows[i].granule_lg2;
		s.top = rows[i].top;
		s.root = MEM_PA + 2 * MIB;
		s.a.m.unused = s.root + rows[i].tables * size;
		s.regs.vttbr = s.root | UINT64_C(0xbeef) << 48 | 1;
		s.regs.vtcr = rows[i].vtcr | IPA_BITS(rows[i].bits);
		s.a.regs.sctlr = 0;
		arm_load(&s.a);
		s2_load(&s);
		/* every table of the root, and the last page */
		for (unsigned int t = 0; t <= rows[i].tables; t++) {
			pt_pa_t ipa = t == rows[i].tables
					      ? last
					      : (BIT(rows[i].bits) / rows[i].tables * t) | 0x120;
			struct pt_access_result r;

			s2_aborts(&s, READ, ipa, 1, TRANSLATION(3 - s.top), ipa);
			*s2_entry(&s, ipa, 0) = DATA_PA | S2_LEAF | PAGE;
			r = s2_goes(&s, READ, ipa, 1, DATA_PA | (ipa & (size - 1)));
			assert_int_equal(r.nr_loads[0], 0);
			assert_int_equal(r.nr_loads[1], s.top + 1);
			assert_int_equal(r.piece[0].size_lg2, 12); /* without stage 1 */
			*s2_entry(&s, ipa, s.top) = 0;
		}
		/* D8.2: an address beyond the input size, at level 0 whatever SL0 is */
		if (rows[i].bits < 48)
			s2_aborts(&s, WRITE, BIT(rows[i].bits), 0, TRANSLATION(0) | WNR,
				  BIT(rows[i].bits));
		s2_exit(&s);
	}
}

/* The same with 52 bits: VTCR_EL2.DS */
static void five_levels(void **state)
{
	const pt_pa_t ipa = BIT(51) | IPA;
	struct pt_access_result r;
	struct stage2 s;

	(void)state;
	s2_init(&s);
	s.top = 4;
	s.root = new_table(&s.a.m, 12);
	s.regs.vttbr = s.root;
	s.regs.vtcr = S2_DS | SL2 | SL0(0) | IPA_BITS(52) | S2_PS(6);
	s.a.regs.sctlr = 0;
	arm_load(&s.a);
	s2_load(&s);
	*s2_entry(&s, ipa, 0) = DATA_PA | S2_LEAF | PAGE;
	*s2_entry(&s, ipa, 0) &= ~SH_INNER; /* there are address bits 51:50 */
	r = s2_goes(&s, READ, ipa, 1, DATA_PA);
	assert_int_equal(r.nr_loads[1], 5);
	*s2_entry(&s, ipa, 4) = 0;
	s2_aborts(&s, READ, ipa, 1, TRANSLATION_MINUS_1, ipa);
	s2_exit(&s);
}

/* D8.2: "a level 0 Translation fault" for all that SL0 and T0SZ do not agree about */
static void start_levels_that_do_not_fit(void **state)
{
	static const uint64_t bad[] = {
		S2_TG0(0) | SL0(2) | IPA_BITS(39), S2_TG0(0) | SL0(1) | IPA_BITS(44),
		S2_TG0(0) | SL0(1) | IPA_BITS(48), S2_TG0(0) | SL0(1) | IPA_BITS(30),
		S2_TG0(0) | SL0(0) | IPA_BITS(35), S2_TG0(0) | SL0(3) | IPA_BITS(26),
		S2_TG0(2) | SL0(2) | IPA_BITS(36), S2_TG0(2) | SL0(1) | IPA_BITS(41),
		S2_TG0(2) | SL0(3) | IPA_BITS(48), S2_TG0(1) | SL0(1) | IPA_BITS(47),
		S2_TG0(1) | SL0(3) | IPA_BITS(48),
	};

	(void)state;
	for (size_t i = 0; i < NR(bad); i++) {
		struct pt_access_result r;
		struct stage2 s;

		s2_init(&s);
		s.regs.vtcr = bad[i] | S2_PS(5);
		s2_load(&s);
		s2_aborts(&s, READ, VA, 0, TRANSLATION(0) | S1PTW, s1_entry_ipa(&s, VA, 3));
		s2_aborts(&s, FETCH, VA, 1, TRANSLATION(0) | S1PTW, s1_entry_ipa(&s, VA, 3));
		s.a.regs.sctlr = 0;
		arm_load(&s.a);
		s2_aborts(&s, WRITE, 0x1000, 1, TRANSLATION(0) | WNR, 0x1000);
		assert_int_equal(arm_try(&s.a, READ, 0, 4, 0, &r), 1);
		assert_int_equal(r.nr_loads[1], 0);
		s2_exit(&s);
	}
}

/* D8.2 "Output address size" */
static void addresses_beyond_ps_are_address_size_faults(void **state)
{
	struct stage2 s;
	uint64_t *entry;

	(void)state;
	for (unsigned int level = 0; level < 4; level++) {
		s2_init(&s);
		s.regs.vtcr = SL0(2) | IPA_BITS(48) | S2_PS(2); /* 40 bits */
		s2_load(&s);
		s2_goes(&s, READ, VA, 1, DATA_PA);
		entry = s2_entry(&s, IPA, level);
		*entry |= BIT(40);
		assert_int_equal(s2_aborts(&s, READ, VA, 1, ADDRESS_SIZE(3 - level), IPA).why,
				 PT_WHY_ADDRESS_SIZE);
		s2_aborts(&s, FETCH, VA, 0, ADDRESS_SIZE(3 - level), IPA);
		/* before the access flag and permissions */
		if (level == 0)
			*entry &= ~(AF | S2_W);
		s2_aborts(&s, WRITE, VA, 0, ADDRESS_SIZE(3 - level) | WNR, IPA);
		s2_exit(&s);
	}
	/* VTTBR_EL2 itself: level 0, no word is read */
	s2_init(&s);
	s.regs.vtcr = SL0(2) | IPA_BITS(48) | S2_PS(2);
	s.regs.vttbr |= BIT(40);
	s2_load(&s);
	s2_aborts(&s, READ, VA, 0, ADDRESS_SIZE(0) | S1PTW, s1_entry_ipa(&s, VA, 3));
	s.a.regs.sctlr = 0;
	arm_load(&s.a);
	s2_aborts(&s, WRITE, IPA, 1, ADDRESS_SIZE(0) | WNR, IPA);
	s2_exit(&s);
}

/* D8.2: what is beyond the input size is a translation fault of level 0, of tables too */
static void intermediate_addresses_beyond_the_input_size(void **state)
{
	struct stage2 s;

	(void)state;
	s2_init(&s);
	/* 42 bits from level 0: 8 entries of the root */
	s.regs.vtcr = SL0(2) | IPA_BITS(42) | S2_PS(5);
	s2_load(&s);
	s2_goes(&s, READ, VA, 0, DATA_PA);
	*s1_entry(&s, VA, 0) |= BIT(42);
	s2_aborts(&s, READ, VA, 0, TRANSLATION(0), IPA | BIT(42));
	s2_aborts(&s, FETCH, VA, 0, TRANSLATION(0), IPA | BIT(42));
	*s1_entry(&s, VA, 1) |= BIT(47);
	assert_int_equal(arm_try(&s.a, READ, VA, 4, 0, &(struct pt_access_result){ 0 }), 1);
	s2_aborts(&s, READ, VA, 1, TRANSLATION(0) | S1PTW,
		  ((*word(&s.a.m, s1_entry_ipa(&s, VA, 1) - GUEST, 0)) & ADDRESS) +
			  8 * (VA >> 12 & 511));
	s2_exit(&s);
}

/* D8.2: each descriptor of stage 1 takes a walk, and so does the page: 24 loads */
static void every_descriptor_of_stage_1_takes_a_walk(void **state)
{
	static const struct {
		unsigned int s1_leaf, s2_leaf, loads[2], size_lg2;
	} rows[] = {
		{ 0, 0, { 4, 20 }, 12 }, { 1, 0, { 3, 16 }, 12 }, { 0, 1, { 4, 19 }, 12 },
		{ 1, 1, { 3, 15 }, 21 }, { 2, 2, { 2, 10 }, 30 }, { 1, 2, { 3, 14 }, 21 },
		{ 2, 0, { 2, 12 }, 12 }, { 0, 2, { 4, 18 }, 12 },
	};
	static const uint64_t size[] = { 4 * KIB, 2 * MIB, GIB };

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		pt_pa_t ipa = 3 * BIT(40) + (VA & (size[rows[i].s1_leaf] - 1));
		struct pt_access_result r;
		struct stage2 s;

		s2_init(&s);
		*s1_entry(&s, VA, rows[i].s1_leaf) =
			3 * BIT(40) | AF | EL0 | (rows[i].s1_leaf ? BLOCK : PAGE);
		*s2_entry(&s, ipa, rows[i].s2_leaf) = (ipa & ~(size[rows[i].s2_leaf] - 1)) |
						      S2_LEAF | (rows[i].s2_leaf ? BLOCK : PAGE);
		r = s2_goes(&s, READ, VA + 0x10, 0, ipa + 0x10);
		assert_int_equal(r.nr_loads[0], rows[i].loads[0]);
		assert_int_equal(r.nr_loads[1], rows[i].loads[1]);
		assert_int_equal(r.piece[0].size_lg2, rows[i].size_lg2);
		assert_int_equal(r.piece[0].level, rows[i].s1_leaf);
		s2_exit(&s);
	}
}

static void an_access_that_crosses(void **state)
{
	const pt_va_t va = VA + 0xffc;
	struct pt_access_result r;
	struct stage2 s;

	(void)state;
	s2_init(&s);
	*s1_entry(&s, VA + 0x1000, 0) = (IPA + 0x5000) | AF | EL0 | PAGE;
	*s2_entry(&s, IPA + 0x5000, 0) = (DATA_PA + 0x3000) | (S2_LEAF & ~S2_W) | PAGE;
	assert_int_equal(arm_try(&s.a, READ, va, 8, 1, &r), 0);
	assert_int_equal(r.nr_pieces, 2);
	assert_int_equal(r.nr_loads[0], 8);
	assert_int_equal(r.nr_loads[1], 40);
	assert_int_equal(r.piece[0].pa, DATA_PA + 0xffc);
	assert_int_equal(r.piece[1].pa, DATA_PA + 0x3000);
	assert_int_equal(arm_try(&s.a, WRITE, va, 8, 1, &r), 1);
	assert_int_equal(r.fault.code, UINT64_C(0x24) << 26 | BIT(25) | WNR | PERMISSION(3));
	assert_int_equal(r.fault.ipa, IPA + 0x5000);
	assert_int_equal(r.fault.va, VA + 0x1000);
	s2_exit(&s);
}

/* D8.2: the leaves of both stages need not be of one size; what crosses the smaller is in two */
static void a_page_of_stage_1_that_is_many_of_stage_2(void **state)
{
	const pt_va_t va = VA & ~(64 * KIB - 1);
	struct pt_access_result r;
	struct stage2 s;

	(void)state;
	arm_init(&s.a, 16, T0SZ(16) | T1SZ(16) | EPD1);
	*arm_entry(&s.a, va, 0) = BIT(40) | AF | EL0 | PAGE; /* before the smaller tables */
	s.granule_lg2 = 12;
	s.top = 3;
	s.root = new_table(&s.a.m, 12);
	s.regs = (struct pt_arm64_s2_regs){ .vttbr = s.root,
					    .vtcr = S2_TG0(0) | SL0(2) | IPA_BITS(48) | S2_PS(5),
					    .hcr = HCR_VM };
	for (pt_pa_t pa = MEM_PA; pa < MEM_PA + 3 * 64 * KIB; pa += 4 * KIB)
		*s2_entry(&s, pa, 0) = pa | S2_LEAF | PAGE;
	*s2_entry(&s, BIT(40), 0) = DATA_PA | S2_LEAF | PAGE;
	*s2_entry(&s, BIT(40) + 0x1000, 0) = (DATA_PA + 0x3000) | S2_LEAF | PAGE;
	s2_load(&s);
	assert_int_equal(s2_goes(&s, READ, va + 0xff8, 0, DATA_PA + 0xff8).piece[0].size_lg2, 12);
	assert_int_equal(arm_try(&s.a, READ, va + 0xffc, 8, 0, &r), 0);
	assert_int_equal(r.nr_pieces, 2);
	assert_int_equal(r.piece[0].pa, DATA_PA + 0xffc);
	assert_int_equal(r.piece[0].len, 4);
	assert_int_equal(r.piece[1].pa, DATA_PA + 0x3000);
	assert_int_equal(r.piece[1].len, 4);
	s2_exit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_invalid_descriptor_of_each_level),
		cmocka_unit_test(a_table_of_stage_1_that_is_not_there),
		cmocka_unit_test(stage_1s_own_faults_come_first),
		cmocka_unit_test(start_levels_and_concatenated_roots),
		cmocka_unit_test(five_levels),
		cmocka_unit_test(start_levels_that_do_not_fit),
		cmocka_unit_test(addresses_beyond_ps_are_address_size_faults),
		cmocka_unit_test(intermediate_addresses_beyond_the_input_size),
		cmocka_unit_test(every_descriptor_of_stage_1_takes_a_walk),
		cmocka_unit_test(an_access_that_crosses),
		cmocka_unit_test(a_page_of_stage_1_that_is_many_of_stage_2),
	};

	return cmocka_run_group_tests_name("golden_stage2", tests, NULL, NULL);
}
