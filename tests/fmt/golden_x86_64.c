/* SPDX-License-Identifier: MIT */
/*
 * x86-64 words by hand.
 *
 *   Intel SDM Vol. 3A, 4.5.5 "Paging-Structure Entries" (rev. 081), Tables 4-14 "PML5E",
 *   4-15 "PML4E", 4-16 "PDPTE 1G", 4-17 "PDPTE to a table", 4-18 "PDE 2M", 4-19 "PDE to a table",
 *   4-20 "PTE":
 *
 *	bit     0 1  2  3   4   5 6 7        8 11:9 12       M-1:s   51:M 58:52 62:59 63
 *	PTE     P RW US PWT PCD A D PAT      G ign  address  s = 12  rsvd ign   key   XD
 *	PDE 2M  P RW US PWT PCD A D PS = 1   G ign  PAT      s = 21  rsvd ign   key   XD  20:13 rsvd
 *	1G      P RW US PWT PCD A D PS = 1   G ign  PAT      s = 30  rsvd ign   key   XD  29:13 rsvd
 *	tables  P RW US PWT PCD A - 0 (PML4E, PML5E: rsvd) - ign     s = 12  rsvd ign   ign   XD
 *
 * The PAT that Linux sets, by index 0 to 7: WB WC UC- UC WB WP UC- WT. The index is PAT:PCD:PWT.
 */
#include "x86_64/fmt_x86_64.h"

#include "fmt/golden.h"

#define RWXAD (R | W | X | A | D)

static void leaves_of_every_size(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_64, 57, 52, 0, 0);
	static const struct golden_leaf leaves[] = {
		/* kernel data: XD G D A RW P */
		{ 0x8000000012345163, 0, 0x12345000, 0, R | W | A | D | G },
		{ 0x80000000402001e3, 1, 0x40200000, 0, R | W | A | D | G },
		{ 0x80000000c00001e3, 2, 0xc0000000, 0, R | W | A | D | G },
		/* kernel text: G A P */
		{ 0x0000000012345121, 0, 0x12345000, 0, R | X | A | G },
		/* user text, user data never touched */
		{ 0x0000000012345025, 0, 0x12345000, 0, R | X | U | A },
		{ 0x8000000012345007, 0, 0x12345000, 0, R | W | U },
		/* the last page of 52 bits, of each size */
		{ 0x000ffffffffff001, 0, 0xffffffffff000, 0, R | X },
		{ 0x000fffffffe00081, 1, 0xfffffffe00000, 0, R | X },
		{ 0x000fffffc0000081, 2, 0xfffffc0000000, 0, R | X },
		/* page 0 */
		{ 0x0000000000000001, 0, 0, 0, R | X },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
}

static void pat_is_bit_7_of_a_pte_and_bit_12_above(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_64, 48, 52, 0, 0);
	static const struct golden_leaf leaves[] = {
		{ 0x0000000012345063, 0, 0x12345000, 0, RWXAD | PT_ATTR_MEM(PT_MEM_WB) },
		{ 0x000000001234506b, 0, 0x12345000, 0, RWXAD | PT_ATTR_MEM(PT_MEM_WC) },
		{ 0x0000000012345073, 0, 0x12345000, 0, RWXAD | PT_ATTR_MEM(PT_MEM_UC_MINUS) },
		{ 0x000000001234507b, 0, 0x12345000, 0, RWXAD | PT_ATTR_MEM(PT_MEM_UC) },
		{ 0x00000000123450eb, 0, 0x12345000, 0, RWXAD | PT_ATTR_MEM(PT_MEM_WP) },
		{ 0x00000000123450fb, 0, 0x12345000, 0, RWXAD | PT_ATTR_MEM(PT_MEM_WT) },
		{ 0x00000000402000eb, 1, 0x40200000, 0, RWXAD | PT_ATTR_MEM(PT_MEM_WC) },
		{ 0x00000000402010eb, 1, 0x40200000, 0, RWXAD | PT_ATTR_MEM(PT_MEM_WP) },
		{ 0x00000000402010fb, 1, 0x40200000, 0, RWXAD | PT_ATTR_MEM(PT_MEM_WT) },
		{ 0x00000000c00010fb, 2, 0xc0000000, 0, RWXAD | PT_ATTR_MEM(PT_MEM_WT) },
	};
	/* what the encoder does not choose: the second index of the same type */
	static const struct golden_leaf second[] = {
		{ 0x00000000123450e3, 0, 0x12345000, 0, RWXAD | PT_ATTR_MEM(PT_MEM_WB) },
		{ 0x00000000402010e3, 1, 0x40200000, 0, RWXAD | PT_ATTR_MEM(PT_MEM_WB) },
		{ 0x00000000c00010f3, 2, 0xc0000000, 0, RWXAD | PT_ATTR_MEM(PT_MEM_UC_MINUS) },
	};

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	for (size_t i = 0; i < NR(second); i++)
		golden_decodes(&f, &second[i]);
	/* and moves when the size changes */
	assert_int_equal(fmt_child(0x402010eb, 1, &f), 0x402000eb);
	assert_int_equal(fmt_child(0x402000e3, 1, &f), 0x40200063);
	assert_int_equal(fmt_child(0xc00010fb, 2, &f), 0xc00010fb);
	assert_int_equal(fmt_parent(0x402000eb, 0, &f), 0x402010eb);
	assert_int_equal(fmt_parent(0x40200063, 0, &f), 0x402000e3);
	assert_int_equal(fmt_parent(0xc00010fb, 1, &f), 0xc00010fb);
}

static void keys_and_software_bits(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_64, 48, 52, 0, 0);
	struct ptl_fmt no_keys = golden_fmt(PT_FMT_X86_64, 48, 52, 0, PT_FEAT_PKEYS);
	static const struct golden_leaf leaves[] = {
		{ 0x2800000012345005, 0, 0x12345000, 0, R | X | U | PT_ATTR_KEY(5) },
		{ 0x7800000040200085, 1, 0x40200000, 0, R | X | U | PT_ATTR_KEY(15) },
		{ 0x0000000012345201, 0, 0x12345000, 0, R | X | PT_ATTR_SW(1) },
		{ 0x0000000012345401, 0, 0x12345000, 0, R | X | PT_ATTR_SW(2) },
		{ 0x0000000012345801, 0, 0x12345000, 0, R | X | PT_ATTR_SW(4) },
		{ 0x0400000012345001, 0, 0x12345000, 0, R | X | PT_ATTR_SW(8) },
		{ 0x04000000c0000e81, 2, 0xc0000000, 0, R | X | PT_ATTR_SW(15) },
	};
	/* bits 57:52 mean nothing; without keys nor do 62:59 */
	static const struct golden_leaf ignored = { 0x03f0000012345001, 0, 0x12345000, 0, R | X };
	static const struct golden_leaf key = { 0x7800000012345001, 0, 0x12345000, 0, R | X };

	(void)state;
	golden_leaves(&f, leaves, NR(leaves));
	golden_decodes(&f, &ignored);
	golden_decodes(&no_keys, &key);
	golden_refuses(&no_keys, 0, R | X | PT_ATTR_KEY(1));
	golden_refuses(&f, 0, R | X | PT_ATTR_GUARDED);
	golden_refuses(&f, 0, R | X | XO);
	golden_refuses(&f, 0, R | X | PT_ATTR_SHARE_NONE);
	golden_refuses(&f, 0, X);
	golden_refuses(&f, 0, R | X | PT_ATTR_MEM(PT_MEM_DEV_nGRE));
	golden_refuses(&f, 0, R | X | PT_ATTR_MEM(PT_MEM_OTHER));
}

static void tables(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_64, 57, 52, 0, 0);

	(void)state;
	/* A US RW P: all is allowed above the leaf */
	for (unsigned int level = 1; level <= 4; level++) {
		golden_table(&f, 0x0000000000001027, level, 0x1000);
		golden_table(&f, 0x000ffffffffff027, level, 0xffffffffff000);
		assert_int_equal(fmt_kind(0x1, level, &f), PTL_TABLE);
	}
	assert_int_equal(fmt_limits(0x1027, &f), 0);
	assert_int_equal(fmt_limits(0x1025, &f), PTL_LIMIT_WRITE);
	assert_int_equal(fmt_limits(0x1023, &f), PTL_LIMIT_USER);
	assert_int_equal(fmt_limits(0x8000000000001027, &f),
			 PTL_LIMIT_USER_EXEC | PTL_LIMIT_PRIV_EXEC);
}

static void what_hardware_refuses(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_64, 57, 46, 0, 0);
	struct ptl_fmt old = golden_fmt(PT_FMT_X86_64, 48, 52, 0, PT_FEAT_NX | PT_FEAT_1G);
	static const struct golden_kind kinds[] = {
		/* PS in a PML4E and a PML5E */
		{ 0x00000000000010a1, 3, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000000010a1, 4, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		/* below a large leaf's address, but for PAT */
		{ 0x00000000402020e3, 1, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000403000e3, 1, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000402010e3, 1, PTL_LEAF, PT_LEGAL },
		{ 0x00000000c00020e3, 2, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000e00000e3, 2, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000c00010e3, 2, PTL_LEAF, PT_LEGAL },
		/* MAXPHYADDR is 46 */
		{ 0x0000200000000003, 0, PTL_LEAF, PT_LEGAL },
		{ 0x0000400000000003, 0, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0008000000000003, 0, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0010000000000003, 0, PTL_LEAF, PT_LEGAL },
		{ 0x0000400000000083, 1, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0000400000000083, 2, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0000200000000027, 3, PTL_TABLE, PT_LEGAL },
		{ 0x0000400000000027, 3, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		{ 0x0008000000000027, 1, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		/* with NXE, XD is fine everywhere */
		{ 0x8000000000001063, 0, PTL_LEAF, PT_LEGAL },
		{ 0x8000000000001027, 4, PTL_TABLE, PT_LEGAL },
	};
	static const struct golden_kind old_kinds[] = {
		/* NXE = 0 */
		{ 0x8000000000001063, 0, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x8000000040200063, 1, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x80000000402000e3, 1, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x8000000000001027, 3, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		/* no 1G pages */
		{ 0x00000000c00000e3, 2, PTL_ILLEGAL, PT_ILLEGAL_RESERVED },
		{ 0x00000000402000e3, 1, PTL_LEAF, PT_LEGAL },
	};

	(void)state;
	golden_kinds(&f, kinds, NR(kinds));
	golden_kinds(&old, old_kinds, NR(old_kinds));
	golden_refuses(&old, 0, R);
	assert_false(fmt_can_leaf(2, &old));
	assert_true(fmt_can_leaf(2, &f));
	assert_false(fmt_can_leaf(3, &f));
}

static void what_is_not_present(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_64, 48, 46, 0, 0);

	(void)state;
	for (unsigned int level = 0; level <= 3; level++) {
		const struct golden_kind kinds[] = {
			{ 0x0000000000000000, level, PTL_EMPTY, PT_LEGAL },
			{ 0x0000000000000020, level, PTL_EMPTY, PT_LEGAL }, /* A in passing */
			{ 0x0000000000000060, level, PTL_EMPTY, PT_LEGAL },
			{ 0x8000000012345162, level, PTL_SOFT, PT_LEGAL },
			{ 0x0000000000000080, level, PTL_SOFT, PT_LEGAL },
			{ 0xfffffffffffffffe, level, PTL_SOFT, PT_LEGAL },
			{ PTL_BREAK_WORD, level, PTL_BREAK, PT_LEGAL },
			{ PTL_DEAD_WORD, level, PTL_DEAD, PT_LEGAL },
		};

		golden_kinds(&f, kinds, NR(kinds));
	}
}

static void the_next_entry(void **state)
{
	struct ptl_fmt f = golden_fmt(PT_FMT_X86_64, 48, 52, 0, 0);

	(void)state;
	assert_int_equal(fmt_leaf_next(0x80000000123451e3, 0, 7, &f), 0x80000000123461e3);
	assert_int_equal(fmt_leaf_next(0x00000000402010eb, 1, 7, &f), 0x00000000404010eb);
	assert_int_equal(fmt_leaf_next(0x00000000c00010eb, 2, 7, &f), 0x00000001000010eb);
	assert_int_equal(fmt_leaf_next(0x000ffffffffff001, 0, 7, &f), 0);
	assert_int_equal(fmt_leaf_next(0x000fffffffe01081, 1, 7, &f), 0);
}

/* SDM Vol. 3A, 2.5 "Control Registers"; Table 4-12 "Use of CR3 with 4-Level Paging" */
static void control_registers(void **state)
{
	/* PG WP NE ET MP PE; LA57 is 12, PCIDE 17, PAE 5; NXE 11, LMA 10, LME 8 */
	struct pt_x86_regs regs = { .cr0 = 0x80050033, .cr4 = 0x0000000000370ef0, .efer = 0xd01,
				    .cr3 = 0x0000000001234000 };
	struct pt_fmt_cfg cfg;
	pt_pa_t root;

	(void)state;
	assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.va_bits, 48);
	assert_int_equal(cfg.pa_bits, 52);
	assert_int_equal(root, 0x1234000);
	assert_int_equal(cfg.features, PT_FEAT_NX | PT_FEAT_1G);
	assert_int_equal(cfg.mem_types, 0x0007040600070406); /* as after reset */
	/* PKE, LA57, a PCID, LAM_U57 and LAM_U48 */
	regs.cr4 |= 1u << 22 | 1u << 12;
	regs.cr3 = 0x6000000001234fff;
	regs.maxphyaddr = 46;
	regs.no_1g = true;
	regs.efer = 0x500;
	regs.pat = 0x0407050600070106;
	assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.va_bits, 57);
	assert_int_equal(cfg.pa_bits, 46);
	assert_int_equal(root, 0x1234000);
	assert_int_equal(cfg.features, PT_FEAT_PKEYS);
	assert_int_equal(cfg.mem_types, 0x0407050600070106);
	/* PKS is key enough */
	regs.cr4 = (regs.cr4 & ~(UINT64_C(1) << 22)) | 1u << 24;
	assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.features, PT_FEAT_PKEYS);
	/* other paging modes, and none */
	regs.cr0 = 0x33;
	assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs), -EINVAL);
	regs.cr0 = 0x80000033;
	regs.cr4 = 0;
	assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs), -EINVAL);
	regs.cr4 = 0x20;
	regs.efer = 0;
	assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs), -EINVAL);
	regs.efer = 0x500;
	regs.maxphyaddr = 53;
	assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs), -EINVAL);
}

/* Table 4-12: 60:M are reserved, and 63 but for MOV to CR3 with PCIDE, as 4.10.4.1 has it */
static void reserved_bits_of_cr3(void **state)
{
	struct pt_x86_regs regs = { .cr0 = 0x80050033, .cr4 = 0x20, .efer = 0xd01 };
	struct pt_fmt_cfg cfg;
	pt_pa_t root;

	(void)state;
	for (unsigned int width = 32; width <= 52; width += 10) {
		regs.maxphyaddr = width == 52 ? 0 : width;
		for (unsigned int bit = 0; bit < 64; bit++) {
			bool legal = bit < width || bit == 61 || bit == 62;

			regs.cr3 = UINT64_C(1) << bit;
			regs.cr4 = 0x20;
			assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs),
					 legal ? 0 : -EINVAL);
			assert_true(!legal || root == (bit < 12 || bit > 52 ? 0 : regs.cr3));
			regs.cr4 |= 1u << 17; /* PCIDE */
			assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs),
					 legal || bit == 63 ? 0 : -EINVAL);
		}
	}
}

/*
 * AMD APM Vol. 2 (rev. 3.40), 7.10.2: the C-bit is among the address bits of every entry and of
 * CR3, where CPUID 8000_001F, EBX[5:0], says.
 */
static void the_c_bit_is_no_address_bit(void **state)
{
	static const unsigned int at[] = { 47, 51 };
	const pt_attr_t e = PT_ATTR_ENCRYPTED;

	(void)state;
	for (size_t i = 0; i < NR(at); i++) {
		uint64_t c = UINT64_C(1) << at[i];
		struct ptl_fmt f = { 0 };
		const struct golden_leaf leaves[] = {
			{ c | 0x8000000012345163, 0, 0x12345000, 0, R | W | A | D | G | e },
			{ 0x8000000012345163, 0, 0x12345000, 0, R | W | A | D | G },
			{ c | 0x80000000402001e3, 1, 0x40200000, 0, R | W | A | D | G | e },
			{ c | 0x80000000c00001e3, 2, 0xc0000000, 0, R | W | A | D | G | e },
			{ c | 0x000007fffffff025, 0, 0x7fffffff000, 0, R | X | U | A | e },
		};
		const struct golden_kind kinds[] = {
			{ c, 0, PTL_SOFT, PT_LEGAL },
			{ c | 0x12345067, 1, PTL_TABLE, PT_LEGAL },
			{ c | 0x12345067, 3, PTL_TABLE, PT_LEGAL },
			{ 0x12345067, 3, PTL_TABLE, PT_LEGAL },
			/* between the width and the C-bit all is reserved */
			{ c | 0x0000080012345067, 0, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
			{ c | 0x0000400012345067, 3, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
			{ (c ^ 0x0008800000000000) | 0x12345067, 2, PTL_ILLEGAL, PT_ILLEGAL_WIDTH },
		};

		assert_int_equal(pt_fmt_cfg_init(&f.cfg, PT_FMT_X86_64), 0);
		f.cfg.pa_bits = 43;
		f.cfg.c_bit = at[i];
		assert_int_equal(fmt_init(&f), 0);
		fmt_init_decode(&f);
		golden_leaves(&f, leaves, NR(leaves));
		golden_kinds(&f, kinds, NR(kinds));
		assert_int_equal(fmt_make_table(0x12345000, &f), c | 0x12345027);
		assert_int_equal(fmt_table_pa(c | 0x12345067, &f), 0x12345000);
		assert_int_equal(fmt_child(c | 0x402010eb, 1, &f), c | 0x402000eb);
		assert_int_equal(fmt_parent(c | 0x402000eb, 0, &f), c | 0x402010eb);
	}
}

/* Behind the last address comes nothing, with or without the C-bit right above it. */
static void no_carry_reaches_the_c_bit(void **state)
{
	(void)state;
	for (unsigned int c_bit = 47; c_bit <= 51; c_bit += 4) {
		uint64_t c = UINT64_C(1) << c_bit;
		struct ptl_fmt f = { 0 };

		assert_int_equal(pt_fmt_cfg_init(&f.cfg, PT_FMT_X86_64), 0);
		f.cfg.pa_bits = f.cfg.c_bit = c_bit;
		assert_int_equal(fmt_init(&f), 0);
		for (unsigned int level = 0; level < 3; level++) {
			uint64_t size = UINT64_C(0x1000) << 9 * level;
			uint64_t last = (c - size) | (level ? 0xe3 : 0x63);

			assert_int_equal(fmt_leaf_next(last - size, level, 0, &f), last);
			assert_int_equal(fmt_leaf_next((last - size) | c, level, 0, &f), last | c);
			assert_int_equal(fmt_leaf_next(last, level, 0, &f), 0);
			assert_int_equal(fmt_leaf_next(last | c, level, 0, &f), 0);
			assert_int_equal(fmt_leaf_step(last - 8 * size, level, 8, &f), size);
			assert_int_equal(fmt_leaf_step((last - 8 * size) | c, level, 8, &f), size);
			assert_int_equal(fmt_leaf_step(last - 7 * size, level, 8, &f), 0);
			assert_int_equal(fmt_leaf_step((last - 7 * size) | c, level, 8, &f), 0);
		}
	}
}

static void registers_with_a_c_bit(void **state)
{
	struct pt_x86_regs regs = { .cr0 = 0x80050033,
				    .cr3 = 0x0008000001234000,
				    .cr4 = 0x20,
				    .efer = 0xd01,
				    .c_bit = 51 };
	struct pt_fmt_cfg cfg;
	pt_pa_t root;

	(void)state;
	/* CR3's says that the top table is encrypted, or is not */
	for (unsigned int i = 0; i < 2; i++, regs.cr3 &= ~(UINT64_C(1) << 51)) {
		assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs), 0);
		assert_int_equal(root, 0x1234000);
		assert_int_equal(cfg.c_bit, 51);
		assert_int_equal(cfg.pa_bits, 51); /* addresses end there, ... */
	}
	regs.maxphyaddr = 43; /* ... or before */
	assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.pa_bits, 43);
	regs.cr3 |= UINT64_C(1) << 47;
	assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs), -EINVAL);
	regs.c_bit = 47;
	assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs), 0);
	assert_int_equal(root, 0x1234000);
	regs.cr3 = 0x1234000;
	regs.maxphyaddr = 0;
	for (regs.c_bit = 1; regs.c_bit < 70; regs.c_bit++)
		assert_int_equal(pt_fmt_cfg_x86_64(&cfg, &root, &regs),
				 regs.c_bit >= 32 && regs.c_bit <= 51 ? 0 : -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_of_every_size),
		cmocka_unit_test(pat_is_bit_7_of_a_pte_and_bit_12_above),
		cmocka_unit_test(keys_and_software_bits),
		cmocka_unit_test(tables),
		cmocka_unit_test(what_hardware_refuses),
		cmocka_unit_test(what_is_not_present),
		cmocka_unit_test(the_next_entry),
		cmocka_unit_test(control_registers),
		cmocka_unit_test(reserved_bits_of_cr3),
		cmocka_unit_test(the_c_bit_is_no_address_bit),
		cmocka_unit_test(no_carry_reaches_the_c_bit),
		cmocka_unit_test(registers_with_a_c_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
