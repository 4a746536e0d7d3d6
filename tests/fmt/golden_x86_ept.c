/* SPDX-License-Identifier: MIT */
/*
 * EPT words by hand.
 *
 *   Intel SDM Vol. 3C, 29.3.2 "EPT Translation Mechanism" (rev. 081), Tables 29-1 "PML4E and
 *   PML5E", 29-3 "PDPTE 1G", 29-4 "PDPTE to a directory", 29-5 "PDE 2M", 29-6 "PDE to a table",
 *   29-7 "PTE"; 29.3.3.1 "EPT Misconfigurations"
 *
 *	bit     0 1 2 5:3   6    7        8 9 10 11  12      M-1:s  51:M 62:52 63
 *	PTE     R W X type  IPAT ign      A D XU ign address s = 12 rsvd ign   suppress #VE
 *	PDE 2M  R W X type  IPAT 1        A D XU ign rsvd    s = 21 rsvd ign   suppress #VE
 *	1G      R W X type  IPAT 1        A D XU ign rsvd    s = 30 rsvd ign   suppress #VE
 *	tables  R W X rsvd  rsvd 0        A - XU ign         s = 12 rsvd ign   ign
 *
 *	type    0 UC, 1 WC, 4 WT, 5 WP, 6 WB; 2, 3 and 7 are misconfigured
 */
#include "x86_64/fmt_x86_ept.h"

#include "fmt/golden.h"

#define RWX (R | W | X)

static void leaves_of_every_size(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_EPT, 57, 52, 0, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x0000000012345337, 0, 0x12345000, 0, RWX | A | D },
		{ 0x00000000402003b7, 1, 0x40200000, 0, RWX | A | D },
		{ 0x00000000c00003b7, 2, 0xc0000000, 0, RWX | A | D },
		/* each permission that there is */
		{ 0x0000000012345031, 0, 0x12345000, 0, R },
		{ 0x0000000012345033, 0, 0x12345000, 0, R | W },
		{ 0x0000000012345035, 0, 0x12345000, 0, R | X },
		{ 0x0000000012345034, 0, 0x12345000, 0, X },
		/* the last page of 52 bits, of each size */
		{ 0x000ffffffffff037, 0, 0xffffffffff000, 0, RWX },
		{ 0x000fffffffe000b7, 1, 0xfffffffe00000, 0, RWX },
		{ 0x000fffffc00000b7, 2, 0xfffffc0000000, 0, RWX },
		{ 0x0000000000000031, 0, 0, 0, R },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_refuses(&f, 0, 0);
	golden_refuses(&f, 0, W);
	golden_refuses(&f, 0, W | X);
	golden_refuses(&f, 0, RWX | U);
	golden_refuses(&f, 0, RWX | G);
	golden_refuses(&f, 0, RWX | XO);
	golden_refuses(&f, 0, RWX | PT_ATTR_KEY(1));
	golden_refuses(&f, 0, RWX | PT_ATTR_SHARE_NONE);
	golden_refuses(&f, 0, RWX | PT_ATTR_MEM(PT_MEM_UC_MINUS));
	golden_refuses(&f, 0, RWX | PT_ATTR_MEM(PT_MEM_STAGE1));
}

static void memory_types_and_other_bits(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_EPT, 48, 52, 0, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x0000000012345007, 0, 0x12345000, 0, RWX | PT_ATTR_MEM(PT_MEM_UC) },
		{ 0x000000001234500f, 0, 0x12345000, 0, RWX | PT_ATTR_MEM(PT_MEM_WC) },
		{ 0x0000000012345027, 0, 0x12345000, 0, RWX | PT_ATTR_MEM(PT_MEM_WT) },
		{ 0x000000001234502f, 0, 0x12345000, 0, RWX | PT_ATTR_MEM(PT_MEM_WP) },
		{ 0x00000000402000a7, 1, 0x40200000, 0, RWX | PT_ATTR_MEM(PT_MEM_WT) },
		{ 0x0000000012345077, 0, 0x12345000, 0, RWX | PT_ATTR_IGNORE_PAT },
		{ 0x00000000c00000f7, 2, 0xc0000000, 0, RWX | PT_ATTR_IGNORE_PAT },
		{ 0x8000000012345037, 0, 0x12345000, 0, RWX | PT_ATTR_NO_VE },
		{ 0x80000000402000b7, 1, 0x40200000, 0, RWX | PT_ATTR_NO_VE },
		{ 0x0010000012345037, 0, 0x12345000, 0, RWX | PT_ATTR_SW(1) },
		{ 0x0080000012345037, 0, 0x12345000, 0, RWX | PT_ATTR_SW(8) },
	};
	/* paging-write and shadow-stack controls, 56, 59, 62, 11, bit 7 of a PTE, and XU */
	static const struct golden_leaf ignored[] = {
		{ 0x7f00000012345837, 0, 0x12345000, 0, RWX },
		{ 0x00000000123450b7, 0, 0x12345000, 0, RWX },
		{ 0x0000000012345433, 0, 0x12345000, 0, R | W },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	for (size_t i = 0; i < NR(ignored); i++)
		golden_decodes(&f, &ignored[i]);
}

/* 29.3.2: with mode-based execute control bit 2 is the supervisor's and bit 10 the user's */
static void mode_based_execute_control(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_EPT, 48, 52, PT_FEAT_MBEC, 0);
	struct ptl_fmt no_exec_only =
		golden_fmt(PT_FMT_X86_EPT, 48, 52, PT_FEAT_MBEC, PT_FEAT_EXEC_ONLY);
	static const struct golden_leaf leaves[] = {
		{ 0x0000000012345437, 0, 0x12345000, 0, RWX | XO },
		{ 0x0000000012345433, 0, 0x12345000, 0, R | W | XO },
		{ 0x0000000012345037, 0, 0x12345000, 0, RWX },
		{ 0x0000000012345434, 0, 0x12345000, 0, X | XO },
		{ 0x0000000012345430, 0, 0x12345000, 0, XO },
	};
	static const struct golden_kind kinds[] = {
		{ 0x0000000012345430, 0, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000000012345434, 0, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000000012345432, 0, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000000000001400, 1, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000000000001401, 1, PTL_TABLE, PT_LEGAL },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_kinds(&no_exec_only, kinds, NR(kinds));
	golden_refuses(&no_exec_only, 0, XO);
	golden_refuses(&no_exec_only, 0, X);
	assert_int_equal(fmt_kind(0x1400, 1, &f), PTL_TABLE);
	golden_table(&f, 0x0000000000001507, 1, 0x1000);
	assert_int_equal(fmt_limits(0x1107, &f), PTL_LIMIT_USER_EXEC);
	assert_int_equal(fmt_limits(0x1503, &f), PTL_LIMIT_PRIV_EXEC);
}

/* 29.3.5 "Accessed and Dirty Flags for EPT" */
static void accessed_and_dirty(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_EPT, 48, 52, 0, 0);
	struct ptl_fmt off = golden_fmt(PT_FMT_X86_EPT, 48, 52, 0, PT_FEAT_AD);
	static const struct golden_leaf ignored = { 0x0000000012345337, 0, 0x12345000, 0, RWX };
	const uint64_t both = 0x12345337;
	uint64_t proto = 0;

	(void)state;
	assert_true(fmt_is_young(both, &f));
	assert_true(fmt_is_dirty(both, &f));
	assert_int_equal(fmt_mkold(both, &f), 0x12345237);
	assert_int_equal(fmt_mkclean(both, &f), 0x12345137);
	assert_int_equal(fmt_still(both, &f), 0x12345037);
	assert_int_equal(fmt_merge_ad(0x12345137, 0x12345237, &f), both);
	/* ignored by hardware: not reported, not changed, and not written */
	golden_decodes(&off, &ignored);
	assert_false(fmt_is_young(both, &off));
	assert_false(fmt_is_dirty(both, &off));
	assert_int_equal(fmt_mkold(both, &off), both);
	assert_int_equal(fmt_mkclean(both, &off), both);
	assert_int_equal(fmt_encode(RWX | A | D, 0, &off, &proto), 0);
	assert_int_equal(fmt_make_leaf(proto, 0x12345000, 0, 0, &off), 0x12345037);
	assert_false(fmt_attr_bits(A | D, 0, &off));
}

static void tables(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_EPT, 57, 52, 0, 0);
	struct ptl_fmt no_ad = golden_fmt(PT_FMT_X86_EPT, 57, 52, 0, PT_FEAT_AD);

	(void)state;
	for (unsigned int level = 1; level <= 4; level++) {
		golden_table(&f, 0x0000000000001107, level, 0x1000);
		golden_table(&no_ad, 0x000ffffffffff007, level, 0xffffffffff000);
		assert_int_equal(fmt_kind(0x1001, level, &f), PTL_TABLE);
		assert_int_equal(fmt_kind(0x1004, level, &f), PTL_TABLE);
		/* above 51 and in 11:8 nothing matters */
		assert_int_equal(fmt_kind(0xfff0000000001f07, level, &f), PTL_TABLE);
	}
	assert_int_equal(fmt_limits(0x1007, &f), 0);
	assert_int_equal(fmt_limits(0x1005, &f), PTL_LIMIT_WRITE);
	assert_int_equal(fmt_limits(0x1004, &f), PTL_LIMIT_WRITE | PTL_LIMIT_READ);
	assert_int_equal(fmt_limits(0x1003, &f), PTL_LIMIT_USER_EXEC | PTL_LIMIT_PRIV_EXEC);
}

static void misconfigurations(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_EPT, 57, 46, 0, 0);
	struct ptl_fmt old = golden_fmt(PT_FMT_X86_EPT, 48, 52, 0,
					PT_FEAT_EXEC_ONLY | PT_FEAT_1G);
	static const struct golden_kind kinds[] = {
		/* W without R */
		{ 0x0000000012345032, 0, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000000012345036, 0, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000000012345002, 3, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000402000b6, 1, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		/* memory types */
		{ 0x0000000012345017, 0, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x000000001234501f, 0, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x000000001234503f, 0, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000402000bf, 1, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000c0000097, 2, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		/* 6:3 of a table, 7 above the PDPTE */
		{ 0x000000000000100f, 1, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000000000001047, 1, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000000000001027, 4, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000000000001087, 3, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000000010b7, 4, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		/* below a large leaf's address */
		{ 0x00000000402010b7, 1, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000403000b7, 1, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000c00010b7, 2, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000e00000b7, 2, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		/* MAXPHYADDR is 46 */
		{ 0x0000200000000037, 0, PTL_LEAF, PT_LEGAL },
		{ 0x0000400000000037, 0, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0008000000000037, 0, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0010000000000037, 0, PTL_LEAF, PT_LEGAL },
		{ 0x00004000000000b7, 1, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0000400000000007, 3, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0000200000000007, 3, PTL_TABLE, PT_LEGAL },
	};
	static const struct golden_kind old_kinds[] = {
		{ 0x0000000012345034, 0, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x0000000000001004, 1, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000c00000b7, 2, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000402000b7, 1, PTL_LEAF, PT_LEGAL },
	};

	(void)state;
	golden_kinds(&f, kinds, NR(kinds));
	golden_kinds(&old, old_kinds, NR(old_kinds));
	golden_refuses(&old, 0, X);
	assert_false(fmt_can_leaf(2, &old));
}

static void what_is_not_present(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_EPT, 48, 46, 0, 0);

	(void)state;
	for (unsigned int level = 0; level <= 3; level++) {
		const struct golden_kind kinds[] = {
			{ 0x0000000000000000, level, PTL_EMPTY, PT_LEGAL },
			{ 0x0000000000000100, level, PTL_SOFT, PT_LEGAL },
			{ 0x0000000000000400, level, PTL_SOFT, PT_LEGAL },
			/* an absent entry whose violations exit */
			{ 0x8000000000000000, level, PTL_SOFT, PT_LEGAL },
			{ 0xfffffffffffffff8, level, PTL_SOFT, PT_LEGAL },
			{ PTL_BREAK_WORD, level, PTL_BREAK, PT_LEGAL },
			{ PTL_DEAD_WORD, level, PTL_DEAD, PT_LEGAL },
		};

		golden_kinds(&f, kinds, NR(kinds));
	}
}

static void neighbours_and_sizes(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_EPT, 48, 52, 0, 0);

	(void)state;
	assert_int_equal(fmt_leaf_next(0x80000000123453b7, 0, 7, &f), 0x80000000123463b7);
	assert_int_equal(fmt_leaf_next(0x00000000402000b7, 1, 7, &f), 0x00000000404000b7);
	assert_int_equal(fmt_leaf_next(0x00000000c00000b7, 2, 7, &f), 0x00000001000000b7);
	assert_int_equal(fmt_leaf_next(0x000ffffffffff037, 0, 7, &f), 0);
	assert_int_equal(fmt_child(0x402000f7, 1, &f), 0x40200077);
	assert_int_equal(fmt_child(0xc00000b7, 2, &f), 0xc00000b7);
	assert_int_equal(fmt_parent(0x40200077, 0, &f), 0x402000f7);
	assert_int_equal(fmt_parent(0xc00000b7, 1, &f), 0xc00000b7);
	/* no half of the addresses is at the other end */
	assert_true(fmt_va_valid(0xffffffffffff, &f));
	assert_false(fmt_va_valid(0x1000000000000, &f));
	assert_false(fmt_va_valid(0xffff800000000000, &f));
}

/*
 * SDM Vol. 3C, 25.6.11 "Extended-Page-Table Pointer (EPTP)": 2:0 memory type, 5:3 length less
 * one, 6 A and D, 11:8 reserved. A.10 "VPID and EPT Capabilities": 0 execute-only, 6 length 4,
 * 7 length 5, 8 UC, 14 WB, 16 2M, 17 1G, 21 A and D.
 */
static void eptp(void **state)
{
	struct pt_x86_ept_regs regs = { .eptp = 0x000f000012345058 | 6 };
	struct pt_fmt_cfg cfg;
	pt_pa_t root;

	(void)state;
	/* WB, 4 levels, A and D */
	assert_int_equal(pt_fmt_cfg_x86_ept(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.fmt, PT_FMT_X86_EPT);
	assert_int_equal(root, 0xf000012345000);
	assert_int_equal(cfg.va_bits, 48);
	assert_int_equal(cfg.pa_bits, 52);
	assert_int_equal(cfg.features, PT_FEAT_AD | PT_FEAT_1G | PT_FEAT_EXEC_ONLY);
	/* UC, 5 levels, no A and D */
	regs.eptp = 0x0000000012345020;
	regs.mbec = true;
	regs.maxphyaddr = 46;
	assert_int_equal(pt_fmt_cfg_x86_ept(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.va_bits, 57);
	assert_int_equal(cfg.pa_bits, 46);
	assert_int_equal(cfg.features, PT_FEAT_MBEC | PT_FEAT_1G | PT_FEAT_EXEC_ONLY);
	/* a processor with little: WB, 4 levels, 2M */
	regs = (struct pt_x86_ept_regs){ .eptp = 0x1234501e, .ept_vpid_cap = 0x14040 };
	assert_int_equal(pt_fmt_cfg_x86_ept(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.features, 0);
	regs.eptp = 0x1234505e;
	assert_int_equal(pt_fmt_cfg_x86_ept(&cfg, &root, &regs), -EINVAL);
	regs.eptp = 0x12345018;
	assert_int_equal(pt_fmt_cfg_x86_ept(&cfg, &root, &regs), -EINVAL);
	regs.eptp = 0x12345026;
	assert_int_equal(pt_fmt_cfg_x86_ept(&cfg, &root, &regs), -EINVAL);
	/* with everything: other types, lengths, reserved bits, addresses */
	regs.ept_vpid_cap = 0;
	for (unsigned int type = 0; type < 8; type++) {
		regs.eptp = 0x12345018 | type;
		assert_int_equal(pt_fmt_cfg_x86_ept(&cfg, &root, &regs),
				 type == 0 || type == 6 ? 0 : -EINVAL);
		regs.eptp = 0x12345006 | type << 3;
		assert_int_equal(pt_fmt_cfg_x86_ept(&cfg, &root, &regs),
				 type == 3 || type == 4 ? 0 : -EINVAL);
	}
	regs.eptp = 0x1234591e;
	assert_int_equal(pt_fmt_cfg_x86_ept(&cfg, &root, &regs), -EINVAL);
	regs.eptp = 0x001000001234501e;
	assert_int_equal(pt_fmt_cfg_x86_ept(&cfg, &root, &regs), -EINVAL);
	regs.eptp = 0x000040000000001e;
	regs.maxphyaddr = 46;
	assert_int_equal(pt_fmt_cfg_x86_ept(&cfg, &root, &regs), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_of_every_size),
		cmocka_unit_test(memory_types_and_other_bits),
		cmocka_unit_test(mode_based_execute_control),
		cmocka_unit_test(accessed_and_dirty),
		cmocka_unit_test(tables),
		cmocka_unit_test(misconfigurations),
		cmocka_unit_test(what_is_not_present),
		cmocka_unit_test(neighbours_and_sizes),
		cmocka_unit_test(eptp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
