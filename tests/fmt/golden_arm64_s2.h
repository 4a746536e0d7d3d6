/* SPDX-License-Identifier: MIT */
/*
 * golden_arm64_s2.h - what holds of stage 2 for every granule, by hand; the including file says
 * which one with ARM64_GRANULE_LG2 and ARM64_LPA2, and adds what is its own.
 *
 *   Arm ARM DDI 0487 J.a, D8.3.1 "VMSAv8-64 descriptor formats"; D8.4 "Memory access control";
 *   D8.5 "Memory region attributes"
 *
 *	bit   1:0            5:2     6    7     9:8 10 51  52   54:53 58:55
 *	leaf  11 page,       MemAttr load store SH  AF DBM Cont XN    sw
 *	      01 block
 *
 *	XN    00 EL1 and EL0, 01 EL0, 10 none, 11 EL1; without FEAT_XNX 54 forbids both
 *	SH    00 none, 10 outer, 11 inner
 */
#ifndef FMT_GOLDEN_ARM64_S2_H
#define FMT_GOLDEN_ARM64_S2_H

#include "arm64/fmt_arm64_s2.h"

#include "fmt/golden.h"

/* SH=11, which LPA2 has no bits for. */
#define SH_INNER (ARM64_LPA2 ? 0 : UINT64_C(0x300))
/* An address that every granule can map at level 0. */
#define PA UINT64_C(0x12340000)
#define RWX (R | W | X | XO)

static inline struct ptl_fmt s2_fmt(unsigned int va_bits, unsigned int pa_bits, unsigned int with,
				    unsigned int without)
{
	static const enum pt_format fmt[3][2] = {
		{ PT_FMT_ARM64_S2_4K, PT_FMT_ARM64_S2_4K_LPA2 },
		{ PT_FMT_ARM64_S2_16K, PT_FMT_ARM64_S2_16K_LPA2 },
		{ PT_FMT_ARM64_S2_64K, PT_FMT_ARM64_S2_64K },
	};

	return golden_fmt(fmt[(ARM64_GRANULE_LG2 - 12) / 2][ARM64_LPA2], va_bits, pa_bits, with,
			  without);
}

/* The root of tables that start one level lower, or that cannot: what it is aligned to, or 0. */
static inline unsigned int s2_root_lg2(unsigned int va_bits, unsigned int levels, unsigned int with)
{
	struct ptl_fmt f = s2_fmt(va_bits, with & PT_FEAT_LPA ? 52 : 48, with, 0);

	f.cfg.levels = levels;
	if (fmt_init(&f))
		return 0;
	assert_int_equal(f.top_level, levels - 1);
	return fmt_root_align_lg2(&f);
}

static void permissions(void **state)
{
	struct ptl_fmt f = s2_fmt(48, 48, 0, 0), no_xnx = s2_fmt(48, 48, 0, PT_FEAT_XNX);
	const struct golden_leaf leaves[] = {
		/* who may fetch */
		{ 0x00000000123404ff | SH_INNER, 0, PA, 0, R | W | X | XO | A },
		{ 0x00200000123404ff | SH_INNER, 0, PA, 0, R | W | XO | A },
		{ 0x00400000123404ff | SH_INNER, 0, PA, 0, R | W | A },
		{ 0x00600000123404ff | SH_INNER, 0, PA, 0, R | W | X | A },
		/* loads alone, stores alone, neither */
		{ 0x000000001234047f | SH_INNER, 0, PA, 0, R | X | XO | A },
		{ 0x00400000123404bf | SH_INNER, 0, PA, 0, W | A },
		{ 0x000000001234043f | SH_INNER, 0, PA, 0, X | XO | A },
		{ 0x004000001234043f | SH_INNER, 0, PA, 0, A },
		/* never accessed; software bits */
		{ 0x00000000123400ff | SH_INNER, 0, PA, 0, RWX },
		{ 0x00800000123404ff | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_SW(1) },
		{ 0x04000000123404ff | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_SW(8) },
	};
	const struct golden_leaf both[] = {
		{ 0x00000000123404ff | SH_INNER, 0, PA, 0, R | W | X | A },
		{ 0x00400000123404ff | SH_INNER, 0, PA, 0, R | W | A },
	};
	/* bits 63:59, 50 and 11 mean nothing, and 53 without FEAT_XNX */
	const struct golden_leaf ignored = { 0xf804000012340cff | SH_INNER, 0, PA, 0, RWX | A };
	const struct golden_leaf res0 = { 0x00200000123404ff | SH_INNER, 0, PA, 0, R | W | X | A };

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_leaves(&no_xnx, both, NR(both));
	golden_decodes(&f, &ignored);
	golden_decodes(&no_xnx, &res0);
	golden_refuses(&no_xnx, 0, RWX);
	golden_refuses(&f, 0, R | U);
	golden_refuses(&f, 0, R | G);
	golden_refuses(&f, 0, R | PT_ATTR_KEY(1));
	golden_refuses(&f, 0, R | PT_ATTR_GUARDED);
	golden_refuses(&f, 0, R | PT_ATTR_IGNORE_PAT);
	golden_refuses(&f, 0, R | PT_ATTR_SHARE_RESERVED);
}

static void memory_types(void **state)
{
	struct ptl_fmt f = s2_fmt(48, 48, 0, 0), fwb = s2_fmt(48, 48, PT_FEAT_FWB, 0);
	const struct golden_leaf leaves[] = {
		{ 0x00000000123404c3 | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_UC) },
		{ 0x00000000123404c7 | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_DEV_nGnRE) },
		{ 0x00000000123404cb | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_DEV_nGRE) },
		{ 0x00000000123404cf | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_DEV_GRE) },
		{ 0x00000000123404d7 | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_WC) },
		{ 0x00000000123404eb | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_WT) },
		{ 0x00000000123404ff | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_WB) },
	};
	const struct golden_leaf forced[] = {
		{ 0x00000000123404c3 | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_UC) },
		{ 0x00000000123404c7 | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_DEV_nGnRE) },
		{ 0x00000000123404cf | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_DEV_GRE) },
		{ 0x00000000123404d7 | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_WC) },
		{ 0x00000000123404db | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_WB) },
		{ 0x00000000123404df | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_STAGE1) },
	};
	/* inner and outer that differ, reserved values; with FWB all of 1xxx, and 0100 */
	const struct golden_leaf other[] = {
		{ 0x00000000123404d3 | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_OTHER) },
		{ 0x00000000123404df | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_OTHER) },
		{ 0x00000000123404f7 | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_OTHER) },
	};
	const struct golden_leaf fwb_other[] = {
		{ 0x00000000123404d3 | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_OTHER) },
		{ 0x00000000123404ff | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_OTHER) },
		{ 0x00000000123404e3 | SH_INNER, 0, PA, 0, RWX | A | PT_ATTR_MEM(PT_MEM_OTHER) },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_leaves(&fwb, forced, NR(forced));
	for (size_t i = 0; i < NR(other); i++)
		golden_decodes(&f, &other[i]);
	for (size_t i = 0; i < NR(fwb_other); i++)
		golden_decodes(&fwb, &fwb_other[i]);
	golden_refuses(&f, 0, R | PT_ATTR_MEM(PT_MEM_STAGE1));
	golden_refuses(&f, 0, R | PT_ATTR_MEM(PT_MEM_WB_TAGGED));
	golden_refuses(&fwb, 0, R | PT_ATTR_MEM(PT_MEM_WT));
	golden_refuses(&fwb, 0, R | PT_ATTR_MEM(PT_MEM_OTHER));
}

/* D8.4.6 "Hardware management of the dirty state": stores set S2AP[1] where DBM is set */
static void dirty_is_dbm_and_s2ap1(void **state)
{
	struct ptl_fmt hd = s2_fmt(48, 48, PT_FEAT_HD, 0), f = s2_fmt(48, 48, 0, 0);
	const uint64_t clean = 0x000800001234047f | SH_INNER, dirty = 0x00080000123404ff | SH_INNER;
	const struct golden_leaf leaves[] = {
		{ clean, 0, PA, 0, RWX | A },
		{ dirty, 0, PA, 0, RWX | D | A },
		{ 0x000000001234047f | SH_INNER, 0, PA, 0, R | X | XO | A },
	};
	const struct golden_leaf no_dbm = { 0x00000000123404ff | SH_INNER, 0, PA, 0, RWX | D | A };
	const struct golden_leaf software_clean = { clean, 0, PA, 0, R | X | XO | A };
	const struct golden_leaf software_dirty = { dirty, 0, PA, 0, RWX | A };

	(void)state;
	golden_leaves(&hd, leaves, NR(leaves));
	golden_decodes(&hd, &no_dbm); /* writable at once: as good as dirty */
	golden_decodes(&f, &software_clean);
	golden_decodes(&f, &software_dirty);
	assert_true(fmt_is_dirty(dirty, &hd));
	assert_false(fmt_is_dirty(clean, &hd));
	assert_false(fmt_is_dirty(dirty, &f));
	assert_int_equal(fmt_mkclean(dirty, &hd), clean);
	assert_int_equal(fmt_mkclean(dirty, &f), dirty);
	assert_int_equal(fmt_merge_ad(clean, dirty, &hd), dirty);
	assert_int_equal(fmt_merge_ad(dirty, clean, &hd), dirty);
	assert_int_equal(fmt_still(dirty, &hd), 0x000800001234007f | SH_INNER);
}

static void types_and_tables(void **state)
{
	struct ptl_fmt f = s2_fmt(48, 40, 0, 0);
	const struct golden_kind kinds[] = {
		/* 01 at Arm's level 3 is reserved */
		{ 0x00000000123404fd, 0, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000123404ff, 1, PTL_TABLE, PT_LEGAL },
		{ 0x0000000000000001, 1, PTL_LEAF, PT_LEGAL }, /* allows nothing, and is there */
		{ 0x0000000000000000, 0, PTL_EMPTY, PT_LEGAL },
		{ 0xfffffffffffffffe, 1, PTL_SOFT, PT_LEGAL },
		{ PTL_BREAK_WORD, 0, PTL_BREAK, PT_LEGAL },
		{ PTL_DEAD_WORD, 1, PTL_DEAD, PT_LEGAL },
		/* 40 bits of output */
		{ 0x00000080000004ff, 0, PTL_LEAF, PT_LEGAL },
		{ 0x00000100000004ff, 0, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0000800000000003, 1, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
	};

	(void)state;
	golden_kinds(&f, kinds, NR(kinds));
	golden_table(&f, 0x0000000012340003, 1, PA);
	/* nothing in a table entry limits what is below: no APTable, no XNTable */
	assert_int_equal(fmt_limits(0xfff8000012340003, &f), 0);
}

/* D8.14.1 "Using break-before-make when updating translation table entries" */
static void break_before_make(void **state)
{
	struct ptl_fmt f = s2_fmt(48, 48, 0, 0), bbm2 = f;
	const uint64_t page = 0x00000000123404ff | SH_INNER, block = 0x00000000400004fd | SH_INNER;
	const uint64_t table = 0x12340003, cont = UINT64_C(1) << 52;

	(void)state;
	bbm2.cfg.bbm = 2;
	/* permissions, AF, software bits */
	assert_false(fmt_needs_break(page, page ^ 0x00e00000000004c0, 0, &f));
	/* memory type, all four bits of it; address */
	assert_true(fmt_needs_break(page, page ^ 0x4, 0, &bbm2));
	assert_true(fmt_needs_break(page, page ^ 0x20, 0, &bbm2));
	assert_true(fmt_needs_break(page, page ^ 0x10000, 0, &bbm2));
	/* bit 11 is no nG here */
	assert_false(fmt_needs_break(page | 0x800, page, 0, &bbm2));
	assert_true(fmt_needs_break(block, table, 1, &f));
	assert_true(fmt_needs_break(page, page | cont, 0, &f));
	assert_false(fmt_needs_break(block, table, 1, &bbm2));
	assert_false(fmt_needs_break(page | cont, page, 0, &bbm2));
}

#define GOLDEN_ARM64_S2_TESTS                                                                      \
	cmocka_unit_test(permissions), cmocka_unit_test(memory_types),                             \
		cmocka_unit_test(dirty_is_dbm_and_s2ap1), cmocka_unit_test(types_and_tables),      \
		cmocka_unit_test(break_before_make)

#endif /* FMT_GOLDEN_ARM64_S2_H */
