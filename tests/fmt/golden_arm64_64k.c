/* SPDX-License-Identifier: MIT */
/* arm64 words by hand: 64K granule, without and with LPA. */
#define ARM64_GRANULE_LG2 16
#define ARM64_LPA2 0
#include "fmt/golden_arm64.h"

/* D8.7.1: 32 pages, 32 blocks of 512M; 4T blocks only with LPA */
static void sizes(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, 0), lpa = arm_fmt(52, 52, PT_FEAT_LPA);
	static const struct golden_leaf leaves[] = {
		{ 0x0070000012200703, 0, 0x12200000, 5, R | W | A | G },
		{ 0x0060000060000701, 1, 0x60000000, 0, R | W | A | G },
		{ 0x0070000400000701, 1, 0x400000000, 5, R | W | A | G },
	};
	static const struct golden_leaf large = { 0x0060040000000701, 2, 0x40000000000, 0,
						  R | W | A | G };
	static const struct golden_kind kinds[] = {
		{ 0x0060040000000701, 2, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_leaves(&lpa, leaves, NR(leaves));
	golden_leaves(&lpa, &large, 1);
	golden_kinds(&f, kinds, NR(kinds));
	assert_int_equal(fmt_contig_max_lg2(2, &lpa), 0);
}

/* 47:16 in place, with LPA 51:48 in bits 15:12 */
static void addresses(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, 0), lpa = arm_fmt(52, 52, PT_FEAT_LPA);
	struct ptl_fmt narrow = arm_fmt(48, 48, PT_FEAT_LPA);
	static const struct golden_leaf leaves[] = {
		{ 0x0060000012341703, 0, 0x0001000012340000, 0, R | W | A | G },
		{ 0x0060000012348703, 0, 0x0008000012340000, 0, R | W | A | G },
		{ 0x0060fffffffff703, 0, 0x000fffffffff0000, 0, R | W | A | G },
		{ 0x0060ffffe000f701, 1, 0x000fffffe0000000, 0, R | W | A | G },
		{ 0x0060fc000000f701, 2, 0x000ffc0000000000, 0, R | W | A | G },
	};
	static const struct golden_kind kinds[] = {
		{ 0x0060000012341703, 0, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0000000012348003, 1, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0060800012340703, 0, PTL_LEAF, PT_LEGAL },
	};

	(void)state;
	golden_leaves(&lpa, leaves, NR(leaves));
	golden_table(&lpa, 0x0000fffffffff003, 2, 0x000fffffffff0000);
	golden_kinds(&narrow, kinds, NR(kinds));
	/* without LPA those bits are reserved, and ignored */
	assert_int_equal(fmt_leaf_pa(0x006000001234f703, 0, 0, &f), 0x12340000);
	/* the carry from bit 47 goes to bit 12 */
	assert_int_equal(fmt_leaf_next(0x006cffffffff0703, 0, 0, &lpa), 0x006c000000001703);
	assert_int_equal(fmt_leaf_next(0x0060ffffffff7703, 0, 0, &lpa), 0x0060000000008703);
	assert_int_equal(fmt_leaf_next(0x0060ffffe0001701, 1, 0, &lpa), 0x0060000000002701);
	assert_int_equal(fmt_leaf_next(0x0060fffffffff703, 0, 0, &lpa), 0);
	assert_int_equal(fmt_leaf_next(0x0060ffffffff0703, 0, 0, &f), 0);
}

static void top_tables(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, 0), f52 = arm_fmt(52, 52, PT_FEAT_LPA);
	struct ptl_fmt f42 = arm_fmt(42, 48, 0), f43 = arm_fmt(43, 52, PT_FEAT_LPA);

	(void)state;
	assert_int_equal(f.top_level, 2); /* 64 entries */
	assert_int_equal(fmt_root_align_lg2(&f), 9);
	assert_int_equal(f52.top_level, 2); /* 1024 entries */
	assert_int_equal(fmt_root_align_lg2(&f52), 13);
	assert_int_equal(f42.top_level, 1);
	assert_int_equal(fmt_root_align_lg2(&f42), 16);
	assert_int_equal(f43.top_level, 2); /* 2 entries, but 64 bytes */
	assert_int_equal(fmt_root_align_lg2(&f43), 6);
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
