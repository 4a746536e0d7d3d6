/* SPDX-License-Identifier: MIT */
/* arm64 stage 2 words by hand: 16K granule with VTCR_EL2.DS=1, 52-bit output. */
#define ARM64_GRANULE_LG2 14
#define ARM64_LPA2 1
#include "fmt/golden_arm64_s2.h"

static void sizes_and_addresses(void **state)
{
	struct ptl_fmt f = s2_fmt(52, 52, 0, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x00100000122004ff, 0, 0x12200000, 7, RWX | A },
		{ 0x00000010000004fd, 2, 0x1000000000, 0, RWX | A },
		{ 0x0003ffffffffc7ff, 0, 0x000fffffffffc000, 0, RWX | A },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_table(&f, 0x0003ffffffffc303, 3, 0x000fffffffffc000);
}

static void top_tables(void **state)
{
	(void)state;
	assert_int_equal(s2_root_lg2(52, 4, 0), 8); /* 32 entries */
	assert_int_equal(s2_root_lg2(52, 3, 0), 0); /* would be 32 tables */
	assert_int_equal(s2_root_lg2(51, 3, 0), 18);
	assert_int_equal(s2_root_lg2(48, 3, 0), 15);
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
