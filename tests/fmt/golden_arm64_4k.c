/* SPDX-License-Identifier: MIT */
/* arm64 words by hand: 4K granule, 48-bit output. */
#define ARM64_GRANULE_LG2 12
#define ARM64_LPA2 0
#include "fmt/golden_arm64.h"

/* D8.7.1: 16 entries at each level that has leaves */
static void sizes(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x0070000012340703, 0, 0x12340000, 4, R | W | A | G },
		{ 0x0060000040200701, 1, 0x40200000, 0, R | W | A | G },
		{ 0x0070000042000701, 1, 0x42000000, 4, R | W | A | G },
		{ 0x00600000c0000701, 2, 0xc0000000, 0, R | W | A | G },
		{ 0x0070000400000701, 2, 0x400000000, 4, R | W | A | G },
	};
	static const struct golden_kind kinds[] = {
		/* 512G only with LPA2 */
		{ 0x0060008000000701, 3, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000008000000003, 3, PTL_TABLE, PT_LEGAL },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_kinds(&f, kinds, NR(kinds));
	assert_false(fmt_can_leaf(3, &f));
	assert_int_equal(fmt_contig(0x0060000042000701, 1, &f), 0x0070000042000701);
	assert_int_equal(fmt_uncontig(0x0070000042000701, 1, 0, &f), 0x0060000042000701);
	assert_int_equal(fmt_child(0x0060000040200701, 1, &f), 0x0060000040200703);
	assert_int_equal(fmt_parent(0x0060000040200703, 0, &f), 0x0060000040200701);
	assert_int_equal(fmt_child(0x00600000c0000701, 2, &f), 0x00600000c0000701);
}

/* bits 47:12 in place; 49:48 are reserved, 51:50 are DBM and GP */
static void addresses(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, 0);
	static const struct golden_leaf leaf = { 0x0060fffffffff703, 0, 0xfffffffff000, 0,
						 R | W | A | G };

	(void)state;
	golden_leaves(&f, &leaf, 1);
	assert_int_equal(fmt_leaf_pa(0x006f000012345703, 0, 0, &f), 0x12345000);
	assert_int_equal(fmt_leaf_pa(0x0060000012345703, 1, 0, &f), 0x12200000);
	assert_int_equal(fmt_leaf_next(0x0060000012345703, 0, 0, &f), 0x0060000012346703);
	assert_int_equal(fmt_leaf_next(0x0060fffffffff703, 0, 0, &f), 0);
}

static void top_tables(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, 0), f39 = arm_fmt(39, 48, 0), f25 = arm_fmt(25, 48, 0);
	struct ptl_fmt f16 = arm_fmt(16, 48, PT_FEAT_TTST);

	(void)state;
	assert_int_equal(f.top_level, 3);
	assert_int_equal(fmt_root_align_lg2(&f), 12);
	assert_int_equal(f39.top_level, 2);
	assert_int_equal(fmt_root_align_lg2(&f39), 12);
	assert_int_equal(f25.top_level, 1); /* 16 entries */
	assert_int_equal(fmt_root_align_lg2(&f25), 7);
	assert_int_equal(f16.top_level, 0); /* 16 entries */
	assert_int_equal(fmt_root_align_lg2(&f16), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GOLDEN_ARM64_TESTS,
		cmocka_unit_test(sizes),
		cmocka_unit_test(addresses),
		cmocka_unit_test(top_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
