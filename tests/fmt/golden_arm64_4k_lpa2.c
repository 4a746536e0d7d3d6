/* SPDX-License-Identifier: MIT */
/* arm64 words by hand: 4K granule with TCR.DS=1, 52-bit output. */
#define ARM64_GRANULE_LG2 12
#define ARM64_LPA2 1
#include "fmt/golden_arm64.h"

/* 512G blocks at Arm's level 0, none at level -1; no contiguous blocks of 512G */
static void sizes(void **state)
{
	struct ptl_fmt f = arm_fmt(52, 52, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x0070000012340403, 0, 0x12340000, 4, R | W | A | G },
		{ 0x0070000042000401, 1, 0x42000000, 4, R | W | A | G },
		{ 0x0070000400000401, 2, 0x400000000, 4, R | W | A | G },
		{ 0x0060008000000401, 3, 0x8000000000, 0, R | W | A | G },
	};
	static const struct golden_kind kinds[] = {
		{ 0x0060008000000401, 4, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000008000000003, 4, PTL_TABLE, PT_LEGAL },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_kinds(&f, kinds, NR(kinds));
	assert_int_equal(fmt_contig_max_lg2(3, &f), 0);
	assert_false(fmt_can_leaf(4, &f));
}

/* 49:12 in place, 51:50 in bits 9:8, where SH stands otherwise */
static void addresses(void **state)
{
	struct ptl_fmt f = arm_fmt(52, 52, 0), narrow = arm_fmt(48, 48, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x0063000012345403, 0, 0x0003000012345000, 0, R | W | A | G },
		{ 0x0060000012345503, 0, 0x0004000012345000, 0, R | W | A | G },
		{ 0x0060000012345603, 0, 0x0008000012345000, 0, R | W | A | G },
		{ 0x0063fffffffff703, 0, 0x000ffffffffff000, 0, R | W | A | G },
		{ 0x0063ffffffe00701, 1, 0x000fffffffe00000, 0, R | W | A | G },
	};
	static const struct golden_kind kinds[] = {
		{ 0x0060000012345503, 0, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0061000012345403, 0, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0000000012345203, 1, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0060800012345403, 0, PTL_LEAF, PT_LEGAL },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_table(&f, 0x0003fffffffff303, 4, 0x000ffffffffff000);
	golden_kinds(&narrow, kinds, NR(kinds));
	/* the carry from bit 49 goes to bit 8, past GP and DBM */
	assert_int_equal(fmt_leaf_next(0x006ffffffffff403, 0, 0, &f), 0x006c000000000503);
	assert_int_equal(fmt_leaf_next(0x0063fffffffff503, 0, 0, &f), 0x0060000000000603);
	assert_int_equal(fmt_leaf_next(0x0063ff8000000601, 3, 0, &f), 0x0060000000000701);
	assert_int_equal(fmt_leaf_next(0x0063fffffffff703, 0, 0, &f), 0);
}

static void top_tables(void **state)
{
	struct ptl_fmt f = arm_fmt(52, 52, 0), f49 = arm_fmt(49, 52, 0), f48 = arm_fmt(48, 52, 0);

	(void)state;
	assert_int_equal(f.top_level, 4); /* 16 entries */
	assert_int_equal(fmt_root_align_lg2(&f), 7);
	assert_int_equal(f49.top_level, 4); /* 2 entries, but 64 bytes at least */
	assert_int_equal(fmt_root_align_lg2(&f49), 6);
	assert_int_equal(f48.top_level, 3);
	assert_int_equal(fmt_root_align_lg2(&f48), 12);
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
