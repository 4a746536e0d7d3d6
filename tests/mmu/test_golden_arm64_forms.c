/* SPDX-License-Identifier: MIT */
/*
 * arm64 accesses by hand: 52-bit forms, contiguous entries, memory types, and what hardware
 * writes back. References are to the Arm ARM, DDI 0487 K.a.
 */
#include "mmu/golden_arm64.h"

#define READ PT_ACCESS_READ
#define WRITE PT_ACCESS_WRITE
#define RMW PT_ACCESS_RMW
#define FETCH PT_ACCESS_FETCH

/* FEAT_LPA2, TCR.DS = 1: 4K tables begin at level -1, whose status codes are their own */
static void lpa2_begins_at_level_minus_1(void **state)
{
	const pt_va_t va = 0x000f123456789000;
	struct pt_access_result r;
	struct arm a;
	uint64_t *top;

	(void)state;
	arm_init(&a, 12, T0SZ(12) | T1SZ(12) | DS);
	arm_set_ips(&a, 6);
	top = arm_entry(&a, va, 4);
	assert_int_equal(arm_aborts(&a, READ, va, 8, 0, TRANSLATION_MINUS_1, va, 1).level, 4);
	arm_aborts(&a, WRITE, va, 8, 1, TRANSLATION_MINUS_1 | WNR, va, 1);
	arm_aborts(&a, FETCH, va, 4, 1, TRANSLATION_MINUS_1, va, 1);
	*top = AF | BLOCK; /* there are no blocks */
	arm_aborts(&a, READ, va, 8, 0, TRANSLATION_MINUS_1, va, 1);
	*top = 0;
	arm_map(&a, va, DATA_PA);
	assert_int_equal(arm_try(&a, READ, va + 5, 8, 1, &r), 0);
	assert_int_equal(r.nr_loads[0], 5);
	assert_int_equal(r.piece[0].pa, DATA_PA + 5);
	/* what is below has the usual codes */
	*arm_entry(&a, va, 3) = 0;
	arm_aborts(&a, READ, va, 8, 0, TRANSLATION(0), va, 2);
	/* the output of the table, bits 49:48 in place and 51:50 in bits 9:8 */
	arm_set_ips(&a, 5);
	*top |= BIT(48);
	arm_aborts(&a, READ, va, 8, 0, ADDRESS_SIZE_MINUS_1, va, 1);
	*top ^= BIT(48) | BIT(9);
	arm_aborts(&a, RMW, va, 8, 1, ADDRESS_SIZE_MINUS_1, va, 1);
	/* out of range is at level 0 */
	arm_aborts(&a, READ, BIT(52), 8, 0, TRANSLATION(0), BIT(52), 0);
	arm_exit(&a);
}

/* The same address through each form of 52 bits: a leaf of each size, and TTBR's bits 5:2 */
static void output_addresses_of_52_bits(void **state)
{
	static const struct {
		unsigned int granule_lg2, level, sz;
		uint64_t tcr, leaf;
		pt_pa_t pa;
	} rows[] = {
		/* LPA2: 49:48 in place, 51:50 in 9:8 */
		{ 12, 0, 12, DS, 0x0003000012345303 | AF, 0x000f000012345000 },
		{ 12, 1, 12, DS, 0x0001000040000201 | AF, 0x0009000040000000 },
		{ 12, 2, 12, DS, 0x0000008000000101 | AF, 0x0004008000000000 },
		{ 12, 3, 12, DS, 0x0002008000000101 | AF, 0x0006008000000000 },
		{ 14, 0, 12, DS, 0x0002000012344103 | AF, 0x0006000012344000 },
		{ 14, 1, 12, DS, 0x0001000040000201 | AF, 0x0009000040000000 },
		{ 14, 2, 12, DS, 0x0001001000000301 | AF, 0x000d001000000000 },
		/* LPA: 51:48 in 15:12 */
		{ 16, 0, 12, 0, 0x000000001234f003 | AF, 0x000f000012340000 },
		{ 16, 1, 12, 0, 0x0000000020009001 | AF, 0x0009000020000000 },
		{ 16, 2, 12, 0, 0x0000040000006001 | AF, 0x0006040000000000 },
	};
	const pt_va_t va = 0x000a840000000000;

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		unsigned int top, level = 3 - rows[i].level;
		struct arm a;

		arm_init(&a, rows[i].granule_lg2, rows[i].tcr | T0SZ(rows[i].sz) | T1SZ(16));
		arm_set_ips(&a, 6);
		*arm_entry(&a, va, rows[i].level) = rows[i].leaf;
		arm_goes(&a, READ, va + 0x123, 8, rows[i].pa + 0x123);
		/* with 48 bits of output, all of these are too large */
		arm_set_ips(&a, 5);
		top = arm_top(&a, va);
		arm_aborts(&a, READ, va, 8, 1, ADDRESS_SIZE(level), va, top + 1 - rows[i].level);
		/* TTBR: 51:48 in 5:2, then a level 0 fault */
		a.regs.ttbr0 |= BIT(2);
		arm_load(&a);
		if (rows[i].tcr & DS)
			arm_aborts(&a, READ, va, 8, 1, ADDRESS_SIZE(0), va, 0);
		arm_set_ips(&a, 6);
		assert_int_equal(arm_try(&a, READ, va, 8, 1, &(struct pt_access_result){ 0 }), 1);
		arm_exit(&a);
	}
}

/* A root in the highest memory there is */
static void ttbr_holds_52_bits(void **state)
{
	const struct pt_phys_region region = { .pa = BIT(52) - MIB, .len = MIB, .fd = -1 };
	static const struct {
		unsigned int granule_lg2;
		uint64_t tcr;
	} rows[] = { { 12, DS }, { 14, DS }, { 16, 0 } };
	const pt_va_t va = 0x000a840000000000;

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		struct arm a;
		pt_pa_t root;

		arm_init(&a, rows[i].granule_lg2, rows[i].tcr | T0SZ(12) | T1SZ(16));
		assert_int_equal(pt_phys_add(a.m.phys, &region), 0);
		arm_set_ips(&a, 6);
		/* the first table is moved there */
		*arm_entry(&a, va, 0) = DATA_PA | AF | PAGE;
		root = BIT(52) - MIB + BIT(rows[i].granule_lg2);
		memcpy(word(&a.m, root, 0), word(&a.m, a.regs.ttbr0, 0), BIT(rows[i].granule_lg2));
		a.regs.ttbr0 = (root & (BIT(48) - 1)) | root >> 48 << 2;
		arm_load(&a);
		arm_goes(&a, READ, va + 8, 8, DATA_PA + 8);
		arm_exit(&a);
	}
}

/* D8.7: an entry of a block translates as it would alone */
static void contiguous_entries_translate_by_themselves(void **state)
{
	static const struct {
		unsigned int granule_lg2, nr;
	} rows[] = { { 12, 16 }, { 14, 128 }, { 16, 32 } };

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		uint64_t page = BIT(rows[i].granule_lg2);
		pt_va_t va = 0x123400000000;
		struct pt_access_result r;
		struct arm a;

		arm_init(&a, rows[i].granule_lg2, T0SZ(16) | T1SZ(16) | HA);
		for (unsigned int n = 0; n < rows[i].nr; n++)
			*arm_entry(&a, va + n * page, 0) = (GIB + n * page) | CONTIG | EL0 | PAGE;
		for (unsigned int n = 0; n < rows[i].nr; n++)
			arm_goes(&a, READ, va + n * page + 0x18, 8, GIB + n * page + 0x18);
		/* over the border of two of them: one piece or two, the same bytes */
		assert_int_equal(arm_try(&a, READ, va + page - 4, 8, 0, &r), 0);
		assert_int_equal(r.piece[0].pa, GIB + page - 4);
		if (r.nr_pieces == 2)
			assert_int_equal(r.piece[1].pa, GIB + page);
		arm_exit(&a);
	}
}

/* MAIR_EL1, Attr<n>; and AttrIndx, bits 4:2 */
static void memory_types_are_chosen_through_mair(void **state)
{
	static const enum pt_mem types[] = { PT_MEM_UC,	       PT_MEM_DEV_nGnRE, PT_MEM_DEV_nGRE,
					     PT_MEM_DEV_GRE,   PT_MEM_WC,	 PT_MEM_WT,
					     PT_MEM_WB_TAGGED, PT_MEM_WB };
	const pt_va_t va = 0x123456789000;
	struct pt_access_result r;
	struct arm a;

	(void)state;
	arm_init(&a, 12, T0SZ(16) | T1SZ(16));
	a.regs.mair = 0xfff0bb440c080400;
	arm_load(&a);
	for (unsigned int i = 0; i < 8; i++) {
		*arm_map(&a, va, DATA_PA) |= i << 2;
		assert_int_equal(arm_try(&a, READ, va, 8, 0, &r), 0);
		assert_int_equal(r.piece[0].mem, types[i]);
	}
	arm_exit(&a);
}

/* MAIR_EL1: hints of what to allocate are no part of a type, nor is transience */
static void allocation_hints_are_no_memory_type(void **state)
{
	static const struct {
		uint8_t byte;
		enum pt_mem mem;
	} rows[] = {
		{ 0xff, PT_MEM_WB },	{ 0xee, PT_MEM_WB },	{ 0xdd, PT_MEM_WB },
		{ 0xcc, PT_MEM_WB },	{ 0xfc, PT_MEM_WB },	{ 0x77, PT_MEM_WB },
		{ 0x5f, PT_MEM_WB },	{ 0xbb, PT_MEM_WT },	{ 0xaa, PT_MEM_WT },
		{ 0x88, PT_MEM_WT },	{ 0x11, PT_MEM_WT },	{ 0x3b, PT_MEM_WT },
		{ 0x44, PT_MEM_WC },	{ 0x4f, PT_MEM_OTHER }, { 0xb4, PT_MEM_OTHER },
		{ 0xfb, PT_MEM_OTHER }, { 0x01, PT_MEM_OTHER }, { 0x0f, PT_MEM_OTHER },
		{ 0x40, PT_MEM_OTHER }, { 0xa0, PT_MEM_OTHER }, { 0xf0, PT_MEM_WB_TAGGED },
	};
	const pt_va_t va = 0x123456789000;
	struct pt_access_result r;
	struct arm a;

	(void)state;
	arm_init(&a, 12, T0SZ(16) | T1SZ(16));
	*arm_map(&a, va, DATA_PA) |= 5 << 2;
	for (size_t i = 0; i < NR(rows); i++) {
		a.regs.mair = (uint64_t)rows[i].byte << 40;
		arm_load(&a);
		assert_int_equal(arm_try(&a, READ, va, 8, 0, &r), 0);
		assert_int_equal(r.piece[0].mem, rows[i].mem);
	}
	arm_exit(&a);
}

/* D8.5: AF = 0 faults; with TCR.HA hardware sets it, on success, and never in tables */
static void the_access_flag(void **state)
{
	const pt_va_t va = 0x123456789000;
	uint64_t *leaf, *table;
	struct arm a;

	(void)state;
	arm_init(&a, 12, T0SZ(16) | T1SZ(16));
	leaf = arm_map(&a, va, DATA_PA);
	table = arm_entry(&a, va, 1);
	*leaf = DATA_PA | EL0 | RO | PAGE;
	assert_int_equal(arm_aborts(&a, READ, va, 8, 0, ACCESS_FLAG(3), va, 4).why,
			 PT_WHY_ACCESS_FLAG);
	/* before permissions; of an atomic, a read would have met it */
	arm_aborts(&a, WRITE, va, 8, 0, ACCESS_FLAG(3) | WNR, va, 4);
	arm_aborts(&a, RMW, va, 8, 1, ACCESS_FLAG(3), va, 4);
	arm_aborts(&a, FETCH, va, 4, 1, ACCESS_FLAG(3), va, 4);
	/* level 2, level 1 */
	*table = GIB | BLOCK;
	arm_aborts(&a, READ, va, 8, 1, ACCESS_FLAG(2), va, 3);
	*arm_entry(&a, va, 2) = GIB | BLOCK;
	arm_aborts(&a, READ, va, 8, 1, ACCESS_FLAG(1), va, 2);
	arm_exit(&a);

	arm_init(&a, 12, T0SZ(16) | T1SZ(16) | HA);
	leaf = arm_map(&a, va, DATA_PA);
	table = arm_entry(&a, va, 1);
	*leaf = DATA_PA | EL0 | RO | PAGE;
	arm_aborts(&a, WRITE, va, 8, 0, PERMISSION(3) | WNR, va, 4);
	arm_aborts(&a, RMW, va, 8, 1, PERMISSION(3) | WNR, va, 4);
	assert_int_equal(*leaf, DATA_PA | EL0 | RO | PAGE);
	arm_goes(&a, READ, va, 8, DATA_PA);
	assert_int_equal(*leaf, DATA_PA | AF | EL0 | RO | PAGE);
	assert_false(*table & AF);
	arm_exit(&a);
}

/* D8.5: DBM with TCR.HA and HD: AP[2] is cleared by a write, and only by that */
static void the_dirty_state(void **state)
{
	const uint64_t clean = DATA_PA | DBM | AF | EL0 | RO | PAGE;
	const pt_va_t va = 0x123456789000;
	struct pt_access_result r;
	uint64_t *leaf;
	struct arm a;

	(void)state;
	arm_init(&a, 12, T0SZ(16) | T1SZ(16) | HA | HD);
	leaf = arm_map(&a, va, DATA_PA);
	*leaf = clean & ~AF;
	assert_int_equal(arm_try(&a, READ, va, 8, 0, &r), 0);
	assert_int_equal(*leaf, clean);
	assert_int_equal(r.piece[0].perms & PT_PERM_WRITE, PT_PERM_WRITE);
	assert_int_equal(arm_try(&a, WRITE, va, 8, 0, &r), 0);
	assert_int_equal(*leaf, clean & ~RO);
	/* whoever executes it does not write it: EL1 must not at all */
	*leaf = clean;
	arm_aborts(&a, FETCH, va, 4, 1, PERMISSION(3), va, 4);
	assert_int_equal(arm_try(&a, FETCH, va, 4, 0, &r), 0);
	assert_int_equal(*leaf, clean);
	/* without DBM, without HD, and with HD alone, AP[2] is what it was */
	*leaf = clean & ~DBM;
	arm_aborts(&a, WRITE, va, 8, 0, PERMISSION(3) | WNR, va, 4);
	*leaf = clean;
	a.regs.tcr ^= HD;
	arm_load(&a);
	arm_aborts(&a, WRITE, va, 8, 1, PERMISSION(3) | WNR, va, 4);
	a.regs.tcr ^= HD | HA;
	arm_load(&a);
	arm_aborts(&a, RMW, va, 8, 1, PERMISSION(3) | WNR, va, 4);
	assert_int_equal(*leaf, clean);
	/* HAFDBS says Access flag only */
	a.regs.tcr |= HA;
	a.regs.mmfr0 = 5;
	a.regs.mmfr1 = 1;
	arm_load(&a);
	arm_aborts(&a, WRITE, va, 8, 1, PERMISSION(3) | WNR, va, 4);
	arm_exit(&a);
}

/* An access over two pages: both are marked, or none */
static void an_access_that_crosses_faults_as_a_whole(void **state)
{
	const uint64_t clean = DBM | EL0 | RO | PAGE;
	const pt_va_t va = 0xffffabcdef7ff000;
	uint64_t *first, *second;
	struct pt_access_result r;
	struct arm a;

	(void)state;
	arm_init(&a, 12, T0SZ(16) | T1SZ(16) | HA | HD);
	first = arm_map(&a, va, 0);
	second = arm_map(&a, va + 0x1000, 0);
	*first = DATA_PA | clean;
	*second = 0;
	arm_aborts(&a, WRITE, va + 0xffc, 8, 0, TRANSLATION(3) | WNR, va + 0x1000, 8);
	*second = (DATA_PA + 0x5000) | EL0 | RO | PAGE;
	arm_aborts(&a, WRITE, va + 0xfc1, 64, 1, PERMISSION(3) | WNR, va + 0x1000, 8);
	assert_int_equal(*first, DATA_PA | clean);
	*second |= DBM;
	assert_int_equal(arm_try(&a, WRITE, va + 0xffc, 8, 0, &r), 0);
	assert_int_equal(r.nr_pieces, 2);
	assert_int_equal(r.piece[0].pa, DATA_PA + 0xffc);
	assert_int_equal(r.piece[1].pa, DATA_PA + 0x5000);
	assert_int_equal(*first, DATA_PA | ((clean | AF) & ~RO));
	assert_int_equal(*second, (DATA_PA + 0x5000) | ((clean | AF) & ~RO));
	arm_exit(&a);
}

static void a_trace_of_short_and_of_long_walks(void **state)
{
	static const struct {
		unsigned int granule_lg2, sz, nr, index[5];
		uint64_t tcr;
	} rows[] = {
		/* 16 entries at level -1, then 512 each */
		{ 12, 12, 5, { 0xa, 0x109, 0x91, 0x142, 0x167 }, DS },
		{ 12, 39, 2, { 0xa, 0x167 }, 0 },
		{ 14, 17, 3, { 0x109, 0x122, 0xa1 }, 0 },
		{ 16, 22, 2, { 0x1a28, 0x1456 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		struct pt_access access = access_of(READ, 8, 1);
		struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
		struct pt_access_result r;
		unsigned int nr;
		struct arm a;
		pt_va_t va = 0;

		arm_init(&a, rows[i].granule_lg2, rows[i].tcr | T0SZ(rows[i].sz) | T1SZ(25));
		for (unsigned int n = 0; n < rows[i].nr; n++)
			va = va << (rows[i].granule_lg2 - 3) | rows[i].index[n];
		va <<= rows[i].granule_lg2;
		arm_map(&a, va, DATA_PA);
		assert_int_equal(pt_access_trace(a.m.mmu, va, &access, &r, steps, &nr), 0);
		assert_int_equal(nr, rows[i].nr);
		assert_int_equal(steps[0].table_pa, a.regs.ttbr0);
		for (unsigned int n = 0; n < nr; n++) {
			assert_int_equal(steps[n].level, nr - 1 - n);
			assert_int_equal(steps[n].index, rows[i].index[n]);
			assert_int_equal(steps[n].raw, *arm_entry(&a, va, nr - 1 - n));
			assert_int_equal(steps[n].kind, n == nr - 1 ? PT_KIND_LEAF : PT_KIND_TABLE);
		}
		arm_exit(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lpa2_begins_at_level_minus_1),
		cmocka_unit_test(output_addresses_of_52_bits),
		cmocka_unit_test(ttbr_holds_52_bits),
		cmocka_unit_test(contiguous_entries_translate_by_themselves),
		cmocka_unit_test(memory_types_are_chosen_through_mair),
		cmocka_unit_test(allocation_hints_are_no_memory_type),
		cmocka_unit_test(the_access_flag),
		cmocka_unit_test(the_dirty_state),
		cmocka_unit_test(an_access_that_crosses_faults_as_a_whole),
		cmocka_unit_test(a_trace_of_short_and_of_long_walks),
	};

	return cmocka_run_group_tests_name("golden_arm64_forms", tests, NULL, NULL);
}
