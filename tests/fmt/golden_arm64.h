/* SPDX-License-Identifier: MIT */
/*
 * golden_arm64.h - what holds for every granule, by hand; the including file says which one with
 * ARM64_GRANULE_LG2 and ARM64_LPA2, and adds what is its own.
 *
 *   Arm ARM DDI 0487 J.a, D8.3.1 "VMSAv8-64 descriptor formats"; D8.4.1 "Data access permissions"
 *
 *	bit   1:0            4:2  5  6     7     9:8 10 11 50 51  52   53  54  58:55 62:60
 *	leaf  11 page,       Attr NS AP[1] AP[2] SH  AF nG GP DBM Cont PXN UXN sw    POIndex
 *	      01 block
 *	bit   1:0            59       60       61         62         63
 *	table 11             PXNTable UXNTable APTable[0] APTable[1] NSTable
 *
 *	AP[2:1]  EL1  EL0        SH  00 none, 10 outer, 11 inner
 *	  00     RW   -
 *	  01     RW   RW
 *	  10     RO   -
 *	  11     RO   RO
 *
 * Linux's MAIR: index 0 and 1 write-back, 2 Normal non-cacheable, 3 nGnRnE, 4 nGnRE.
 */
#ifndef FMT_GOLDEN_ARM64_H
#define FMT_GOLDEN_ARM64_H

#include "arm64/fmt_arm64.h"

#include "fmt/golden.h"

/* SH=11, which LPA2 has no bits for. */
#define SH_INNER (ARM64_LPA2 ? 0 : UINT64_C(0x300))
/* An address that every granule can map at level 0. */
#define PA UINT64_C(0x12340000)

static inline struct ptl_fmt arm_fmt(unsigned int va_bits, unsigned int pa_bits, unsigned int with)
{
	static const enum pt_format fmt[3][2] = {
		{ PT_FMT_ARM64_4K, PT_FMT_ARM64_4K_LPA2 },
		{ PT_FMT_ARM64_16K, PT_FMT_ARM64_16K_LPA2 },
		{ PT_FMT_ARM64_64K, PT_FMT_ARM64_64K },
	};

	return golden_fmt(fmt[(ARM64_GRANULE_LG2 - 12) / 2][ARM64_LPA2], va_bits, pa_bits, with, 0);
}

static void permissions(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, 0);
	const struct golden_leaf leaves[] = {
		/* kernel data, kernel text, kernel constants */
		{ 0x0060000012340403 | SH_INNER, 0, PA, 0, R | W | A | G },
		{ 0x0040000012340483 | SH_INNER, 0, PA, 0, R | X | A | G },
		{ 0x0060000012340483 | SH_INNER, 0, PA, 0, R | A | G },
		/* user data, user text, both may execute, nobody may */
		{ 0x0060000012340c43 | SH_INNER, 0, PA, 0, R | W | U | A },
		{ 0x0020000012340cc3 | SH_INNER, 0, PA, 0, R | X | U | A },
		{ 0x0000000012340cc3 | SH_INNER, 0, PA, 0, R | X | XO | U | A },
		{ 0x0040000012340cc3 | SH_INNER, 0, PA, 0, R | XO | U | A },
		{ 0x0060000012340cc3 | SH_INNER, 0, PA, 0, R | U | A },
		/* no data for EL0, but code */
		{ 0x0020000012340c83 | SH_INNER, 0, PA, 0, R | XO | A },
		{ 0x0000000012340c83 | SH_INNER, 0, PA, 0, R | X | XO | A },
		/* never accessed; guarded; software bits */
		{ 0x0060000012340003 | SH_INNER, 0, PA, 0, R | W | G },
		{ 0x0044000012340483 | SH_INNER, 0, PA, 0, R | X | A | G | PT_ATTR_GUARDED },
		{ 0x00e0000012340403 | SH_INNER, 0, PA, 0, R | W | A | G | PT_ATTR_SW(1) },
		{ 0x0160000012340403 | SH_INNER, 0, PA, 0, R | W | A | G | PT_ATTR_SW(2) },
		{ 0x0460000012340403 | SH_INNER, 0, PA, 0, R | W | A | G | PT_ATTR_SW(8) },
		/* memory types */
		{ 0x006000001234040b | SH_INNER, 0, PA, 0, R | W | A | G | PT_ATTR_MEM(PT_MEM_WC) },
		{ 0x006000001234040f | SH_INNER, 0, PA, 0, R | W | A | G | PT_ATTR_MEM(PT_MEM_UC) },
		{ 0x0060000012340413 | SH_INNER, 0, PA, 0,
		  R | W | A | G | PT_ATTR_MEM(PT_MEM_DEV_nGnRE) },
	};
	/* the second index of write-back; bit 63 and, without POIndex, 62:60 mean nothing */
	const struct golden_leaf second[] = {
		{ 0x0060000012340407 | SH_INNER, 0, PA, 0, R | W | A | G },
		{ 0xf060000012340403 | SH_INNER, 0, PA, 0, R | W | A | G },
	};
	uint64_t proto = 0;

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_decodes(&f, &second[0]);
	golden_decodes(&f, &second[1]);
	golden_refuses(&f, 0, W);
	golden_refuses(&f, 0, R | PT_ATTR_KEY(1));
	golden_refuses(&f, 0, R | PT_ATTR_MEM(PT_MEM_WT));
	golden_refuses(&f, 0, R | PT_ATTR_SHARE_RESERVED);
	/* without hardware dirty state, DIRTY is taken, and lost */
	assert_int_equal(fmt_encode(R | W | D | A | G, 0, &f, &proto), 0);
	assert_int_equal(fmt_make_leaf(proto, PA, 0, 0, &f), 0x0060000012340403 | SH_INNER);
}

/* D8.4.6 "Hardware management of the dirty state" */
static void dirty_is_dbm_and_ap2(void **state)
{
	struct ptl_fmt hd = arm_fmt(48, 48, PT_FEAT_HD), f = arm_fmt(48, 48, 0);
	const uint64_t clean = 0x0068000012340483 | SH_INNER, dirty = 0x0068000012340403 | SH_INNER;
	const struct golden_leaf leaves[] = {
		{ clean, 0, PA, 0, R | W | A | G },
		{ dirty, 0, PA, 0, R | W | D | A | G },
		{ 0x0060000012340483 | SH_INNER, 0, PA, 0, R | A | G },
	};
	const struct golden_leaf no_dbm = { 0x0060000012340403 | SH_INNER, 0, PA, 0,
					    R | W | D | A | G };
	const struct golden_leaf software_clean = { clean, 0, PA, 0, R | A | G };
	const struct golden_leaf software_dirty = { dirty, 0, PA, 0, R | W | A | G };

	(void)state;
	golden_leaves(&hd, leaves, NR(leaves));
	golden_decodes(&hd, &no_dbm); /* writable at once: as good as dirty */
	/* without HD the bit is the operating system's */
	golden_decodes(&f, &software_clean);
	golden_decodes(&f, &software_dirty);
	assert_true(fmt_is_dirty(dirty, &hd));
	assert_false(fmt_is_dirty(clean, &hd));
	assert_false(fmt_is_dirty(dirty, &f));
	assert_int_equal(fmt_mkclean(dirty, &hd), clean);
	assert_int_equal(fmt_mkclean(dirty, &f), dirty);
	assert_int_equal(fmt_merge_ad(clean, dirty, &hd), dirty);
	assert_int_equal(fmt_merge_ad(dirty, clean, &hd), dirty);
	assert_int_equal(fmt_still(dirty, &hd), 0x0068000012340083 | SH_INNER);
}

static void keys(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, PT_FEAT_PKEYS);
	const struct golden_leaf leaves[] = {
		{ 0x5060000012340403 | SH_INNER, 0, PA, 0, R | W | A | G | PT_ATTR_KEY(5) },
		{ 0x7060000012340403 | SH_INNER, 0, PA, 0, R | W | A | G | PT_ATTR_KEY(7) },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_refuses(&f, 0, R | PT_ATTR_KEY(8));
}

static void types(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 40, 0);
	const struct golden_kind kinds[] = {
		/* a block at Arm's level 3 is reserved */
		{ 0x0060000012340401, 0, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000000000000001, 0, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		/* at 2 and up, 11 is a table */
		{ 0x0060000012340403, 1, PTL_TABLE, PT_LEGAL },
		{ 0x0060000012340403, 2, PTL_TABLE, PT_LEGAL },
		/* bit 0 clear is invalid, whatever the rest */
		{ 0x0000000000000000, 0, PTL_EMPTY, PT_LEGAL },
		{ 0x0000000000000002, 0, PTL_SOFT, PT_LEGAL },
		{ 0x0060000012340402, 1, PTL_SOFT, PT_LEGAL },
		{ 0xfffffffffffffffe, 2, PTL_SOFT, PT_LEGAL },
		{ PTL_BREAK_WORD, 0, PTL_BREAK, PT_LEGAL },
		{ PTL_DEAD_WORD, 1, PTL_DEAD, PT_LEGAL },
		/* 40 bits of output */
		{ 0x0060008000000403, 0, PTL_LEAF, PT_LEGAL },
		{ 0x0060010000000403, 0, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0000800000000003, 1, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0000800000000401, 1, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
	};

	(void)state;
	golden_kinds(&f, kinds, NR(kinds));
}

/* D8.4.2 "Hierarchical control of data access permissions" */
static void tables(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, PT_FEAT_NO_HPD), hpd = arm_fmt(48, 48, 0);

	(void)state;
	golden_table(&f, 0x0000000012340003, 1, PA);
	golden_table(&f, 0x0000ffffffff0003, 2, 0x0000ffffffff0000);
	assert_int_equal(fmt_limits(0x0000000012340003, &f), 0);
	assert_int_equal(fmt_limits(0x0800000012340003, &f), PTL_LIMIT_PRIV_EXEC);
	assert_int_equal(fmt_limits(0x1000000012340003, &f), PTL_LIMIT_USER_EXEC);
	assert_int_equal(fmt_limits(0x2000000012340003, &f), PTL_LIMIT_USER);
	assert_int_equal(fmt_limits(0x4000000012340003, &f), PTL_LIMIT_WRITE);
	assert_int_equal(fmt_limits(0x7800000012340003, &hpd), 0);
}

static void shareability(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, 0);

	(void)state;
	if (ARM64_LPA2) {
		/* it is TCR's for all */
		golden_refuses(&f, 0, R | PT_ATTR_SHARE_NONE);
		golden_refuses(&f, 0, R | PT_ATTR_SHARE_OUTER);
		assert_int_equal(fmt_decode(0x0060000012340403, 0, &f), R | W | A | G);
	} else {
		static const struct golden_leaf leaves[] = {
			{ 0x0060000012340403, 0, PA, 0, R | W | A | G | PT_ATTR_SHARE_NONE },
			{ 0x0060000012340603, 0, PA, 0, R | W | A | G | PT_ATTR_SHARE_OUTER },
			{ 0x0060000012340703, 0, PA, 0, R | W | A | G | PT_ATTR_SHARE_INNER },
		};
		static const struct golden_leaf reserved = {
			0x0060000012340503, 0, PA, 0, R | W | A | G | PT_ATTR_SHARE_RESERVED
		};

		golden_leaves(&f, leaves, NR(leaves));
		golden_decodes(&f, &reserved);
	}
}

/* D8.14.1 "Using break-before-make when updating translation table entries" */
static void break_before_make(void **state)
{
	struct ptl_fmt f = arm_fmt(48, 48, 0), bbm2 = f;
	const uint64_t page = 0x0060000012340403 | SH_INNER, block = 0x0060000040000401 | SH_INNER;
	const uint64_t table = 0x12340003, cont = UINT64_C(1) << 52;

	(void)state;
	bbm2.cfg.bbm = 2;
	/* permissions, AF and software bits: never */
	assert_false(fmt_needs_break(page, page ^ 0x00e0000000000480, 0, &f));
	/* memory type, address: always */
	assert_true(fmt_needs_break(page, page ^ 0x4, 0, &bbm2));
	assert_true(fmt_needs_break(page, page ^ 0x10000, 0, &bbm2));
	/* from not global to global only */
	assert_true(fmt_needs_break(page | 0x800, page, 0, &bbm2));
	assert_false(fmt_needs_break(page, page | 0x800, 0, &bbm2));
	/* size and the mark of a block: below FEAT_BBM level 2 */
	assert_true(fmt_needs_break(block, table, 1, &f));
	assert_true(fmt_needs_break(table, block, 1, &f));
	assert_true(fmt_needs_break(page, page | cont, 0, &f));
	assert_true(fmt_needs_break(page | cont, page, 0, &f));
	assert_false(fmt_needs_break(block, table, 1, &bbm2));
	assert_false(fmt_needs_break(table, block, 1, &bbm2));
	assert_false(fmt_needs_break(page | cont, page, 0, &bbm2));
}

#define GOLDEN_ARM64_TESTS                                                                         \
	cmocka_unit_test(permissions), cmocka_unit_test(dirty_is_dbm_and_ap2),                     \
		cmocka_unit_test(keys), cmocka_unit_test(types), cmocka_unit_test(tables),         \
		cmocka_unit_test(shareability), cmocka_unit_test(break_before_make)

#endif /* FMT_GOLDEN_ARM64_H */
