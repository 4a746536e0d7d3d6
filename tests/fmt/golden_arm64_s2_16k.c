/* SPDX-License-Identifier: MIT */
/* arm64 stage 2 words by hand: 16K granule, 48-bit output. */
#define ARM64_GRANULE_LG2 14
#define ARM64_LPA2 0
#include "fmt/golden_arm64_s2.h"

static void sizes_and_addresses(void **state)
{
	struct ptl_fmt f = s2_fmt(48, 48, 0, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x00100000122007ff, 0, 0x12200000, 7, RWX | A },
		{ 0x00000000420007fd, 1, 0x42000000, 0, RWX | A },
		{ 0x00100000400007fd, 1, 0x40000000, 5, RWX | A },
		{ 0x0000ffffffffc7ff, 0, 0xffffffffc000, 0, RWX | A },
	};
	static const struct golden_kind kinds[] = {
		{ 0x00000010000007fd, 2, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_kinds(&f, kinds, NR(kinds));
}

static void top_tables(void **state)
{
	(void)state;
	assert_int_equal(s2_root_lg2(48, 4, 0), 4);  /* 2 entries */
	assert_int_equal(s2_root_lg2(48, 3, 0), 15); /* 2 tables of level 1 */
	assert_int_equal(s2_root_lg2(40, 3, 0), 7);  /* 16 entries */
	assert_int_equal(s2_root_lg2(40, 2, 0), 18); /* 16 tables of level 2 */
	assert_int_equal(s2_root_lg2(41, 2, 0), 0);
	assert_int_equal(s2_root_lg2(29, 1, 0), 18);
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
