/* SPDX-License-Identifier: MIT */
/* arm64 stage 2 words by hand: 64K granule, without and with LPA. */
#define ARM64_GRANULE_LG2 16
#define ARM64_LPA2 0
#include "fmt/golden_arm64_s2.h"

static void sizes_and_addresses(void **state)
{
	struct ptl_fmt f = s2_fmt(48, 48, 0, 0), lpa = s2_fmt(52, 52, PT_FEAT_LPA, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x00100000122007ff, 0, 0x12200000, 5, RWX | A },
		{ 0x00000000600007fd, 1, 0x60000000, 0, RWX | A },
		{ 0x00100004000007fd, 1, 0x400000000, 5, RWX | A },
	};
	/* 51:48 stand in 15:12 */
	static const struct golden_leaf wide[] = {
		{ 0x00000400000007fd, 2, 0x40000000000, 0, RWX | A },
		{ 0x00000000123487ff, 0, 0x0008000012340000, 0, RWX | A },
		{ 0x0000fffffffff7ff, 0, 0x000fffffffff0000, 0, RWX | A },
	};
	static const struct golden_kind kinds[] = {
		{ 0x00000400000007fd, 2, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_leaves(&lpa, wide, NR(wide));
	golden_kinds(&f, kinds, NR(kinds));
	golden_table(&lpa, 0x0000fffffffff003, 2, 0x000fffffffff0000);
}

static void top_tables(void **state)
{
	(void)state;
	assert_int_equal(s2_root_lg2(48, 3, 0), 9); /* 64 entries */
	assert_int_equal(s2_root_lg2(48, 2, 0), 0);
	assert_int_equal(s2_root_lg2(46, 3, 0), 7);  /* 16 entries */
	assert_int_equal(s2_root_lg2(46, 2, 0), 20); /* 16 tables of level 2 */
	assert_int_equal(s2_root_lg2(43, 3, PT_FEAT_LPA), 6);
	assert_int_equal(s2_root_lg2(43, 2, PT_FEAT_LPA), 17);
	assert_int_equal(s2_root_lg2(33, 1, 0), 20);
	assert_int_equal(s2_root_lg2(52, 3, PT_FEAT_LPA), 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GOLDEN_ARM64_S2_TESTS,
		cmocka_unit_test(sizes_and_addresses),
		cmocka_unit_test(top_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
