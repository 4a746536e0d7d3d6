/* SPDX-License-Identifier: MIT */
/* arm64 words by hand: 16K granule with TCR.DS=1, 52-bit output. */
#define ARM64_GRANULE_LG2 14
#define ARM64_LPA2 1
#include "fmt/golden_arm64.h"

static void sizes(void **state)
{
	struct ptl_fmt f = arm_fmt(52, 52, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x0070000012200403, 0, 0x12200000, 7, R | W | A | G },
		{ 0x0070000040000401, 1, 0x40000000, 5, R | W | A | G },
		{ 0x0060001000000401, 2, 0x1000000000, 0, R | W | A | G },
	};
	static const struct golden_kind kinds[] = {
		{ 0x0060800000000401, 3, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_kinds(&f, kinds, NR(kinds));
	assert_int_equal(fmt_contig_max_lg2(2, &f), 0);
}

static void addresses(void **state)
{
	struct ptl_fmt f = arm_fmt(52, 52, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x0060000012344503, 0, 0x0004000012344000, 0, R | W | A | G },
		{ 0x0063ffffffffc703, 0, 0x000fffffffffc000, 0, R | W | A | G },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_table(&f, 0x0003ffffffffc303, 3, 0x000fffffffffc000);
	assert_int_equal(fmt_leaf_next(0x006fffffffffc403, 0, 0, &f), 0x006c000000000503);
	assert_int_equal(fmt_leaf_next(0x0063ffffffffc703, 0, 0, &f), 0);
}

static void top_tables(void **state)
{
	struct ptl_fmt f = arm_fmt(52, 52, 0), f48 = arm_fmt(48, 52, 0);

	(void)state;
	assert_int_equal(f.top_level, 3); /* 32 entries */
	assert_int_equal(fmt_root_align_lg2(&f), 8);
	assert_int_equal(f48.top_level, 3); /* 2 entries, but 64 bytes */
	assert_int_equal(fmt_root_align_lg2(&f48), 6);
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
