/* SPDX-License-Identifier: MIT */
/* arm64 stage 2 words by hand: 4K granule, 48-bit output. */
#define ARM64_GRANULE_LG2 12
#define ARM64_LPA2 0
#include "fmt/golden_arm64_s2.h"

static void sizes_and_addresses(void **state)
{
	struct ptl_fmt f = s2_fmt(48, 48, 0, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x00100000123407ff, 0, 0x12340000, 4, RWX | A },
		{ 0x00000000402007fd, 1, 0x40200000, 0, RWX | A },
		{ 0x00100000420007fd, 1, 0x42000000, 4, RWX | A },
		{ 0x00100004000007fd, 2, 0x400000000, 4, RWX | A },
		{ 0x0000fffffffff7ff, 0, 0xfffffffff000, 0, RWX | A },
		/* SH */
		{ 0x00000000123454ff, 0, 0x12345000, 0, RWX | A | PT_ATTR_SHARE_NONE },
		{ 0x00000000123456ff, 0, 0x12345000, 0, RWX | A | PT_ATTR_SHARE_OUTER },
	};
	static const struct golden_kind kinds[] = {
		{ 0x00000080000007fd, 3, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_kinds(&f, kinds, NR(kinds));
}

/* D8.2 "Translation process": up to 16 tables side by side */
static void top_tables(void **state)
{
	(void)state;
	assert_int_equal(s2_root_lg2(48, 4, 0), 12);
	assert_int_equal(s2_root_lg2(40, 4, 0), 4);  /* 2 entries */
	assert_int_equal(s2_root_lg2(40, 3, 0), 13); /* 2 tables of level 1 */
	assert_int_equal(s2_root_lg2(43, 3, 0), 16); /* 16 */
	assert_int_equal(s2_root_lg2(44, 3, 0), 0);
	assert_int_equal(s2_root_lg2(39, 3, 0), 12);
	assert_int_equal(s2_root_lg2(39, 4, 0), 0); /* 1 entry */
	assert_int_equal(s2_root_lg2(34, 2, 0), 16);
	assert_int_equal(s2_root_lg2(35, 2, 0), 0);
	assert_int_equal(s2_root_lg2(25, 1, 0), 16);
	assert_int_equal(s2_root_lg2(22, 1, PT_FEAT_TTST), 13);
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
