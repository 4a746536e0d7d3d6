/* SPDX-License-Identifier: MIT */
/* arm64 stage 2 words by hand: 4K granule with VTCR_EL2.DS=1, 52-bit output. */
#define ARM64_GRANULE_LG2 12
#define ARM64_LPA2 1
#include "fmt/golden_arm64_s2.h"

/* 51:50 stand in 9:8 */
static void sizes_and_addresses(void **state)
{
	struct ptl_fmt f = s2_fmt(52, 52, 0, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x00100000123404ff, 0, 0x12340000, 4, RWX | A },
		{ 0x00000080000004fd, 3, 0x8000000000, 0, RWX | A },
		{ 0x00000000123456ff, 0, 0x0008000012345000, 0, RWX | A },
		{ 0x0003fffffffff7ff, 0, 0x000ffffffffff000, 0, RWX | A },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_refuses(&f, 0, RWX | PT_ATTR_SHARE_NONE); /* VTCR_EL2.SH0 speaks for all */
	golden_table(&f, 0x0003fffffffff303, 4, 0x000ffffffffff000);
	assert_int_equal(fmt_leaf_next(0x0003fffffffff4ff, 0, 0, &f), 0x00000000000005ff);
}

static void top_tables(void **state)
{
	(void)state;
	assert_int_equal(s2_root_lg2(52, 5, 0), 7);  /* 16 entries */
	assert_int_equal(s2_root_lg2(52, 4, 0), 16); /* 16 tables of level 0 */
	assert_int_equal(s2_root_lg2(49, 5, 0), 6);  /* 2 entries, 64 bytes at least */
	assert_int_equal(s2_root_lg2(49, 4, 0), 13);
	assert_int_equal(s2_root_lg2(43, 3, 0), 16);
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
