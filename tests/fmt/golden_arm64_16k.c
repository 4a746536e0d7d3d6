/* SPDX-License-Identifier: MIT */
/* arm64 words by hand: 16K granule, 48-bit output. */
#define ARM64_GRANULE_LG2 14
#define ARM64_LPA2 0
#include "fmt/golden_arm64.h"

/* D8.7.1: 128 pages, 32 blocks of 32M; no 64G blocks without LPA2 */
static void sizes(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x0060000012344703, 0, 0x12344000, 0, R | W | A | G },
		{ 0x0070000012200703, 0, 0x12200000, 7, R | W | A | G },
		{ 0x0060000042000701, 1, 0x42000000, 0, R | W | A | G },
		{ 0x0070000040000701, 1, 0x40000000, 5, R | W | A | G },
	};
	static const struct golden_kind kinds[] = {
		{ 0x0060001000000701, 2, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0060800000000701, 3, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000001000000003, 2, PTL_TABLE, PT_LEGAL },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_kinds(&f, kinds, NR(kinds));
}

static void addresses(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, 0);
	static const struct golden_leaf leaf = { 0x0060ffffffffc703, 0, 0xffffffffc000, 0,
						 R | W | A | G };

	(void)state;
	golden_leaves(&f, &leaf, 1);
	/* 13:12 are no address bits */
	assert_int_equal(fmt_leaf_pa(0x0060000012347703, 0, 0, &f), 0x12344000);
	assert_int_equal(fmt_leaf_next(0x0060000012344703, 0, 0, &f), 0x0060000012348703);
	assert_int_equal(fmt_leaf_next(0x0060ffffffffc703, 0, 0, &f), 0);
}

static void top_tables(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, 0), f47 = arm_fmt(47, 48, 0), f36 = arm_fmt(36, 48, 0);

	(void)state;
	assert_int_equal(f.top_level, 3); /* 2 entries */
	assert_int_equal(f.va_mask >> 47, 1);
	assert_int_equal(fmt_root_align_lg2(&f), 4);
	assert_int_equal(f47.top_level, 2);
	assert_int_equal(fmt_root_align_lg2(&f47), 14);
	assert_int_equal(f36.top_level, 1);
	assert_int_equal(fmt_root_align_lg2(&f36), 14);
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
