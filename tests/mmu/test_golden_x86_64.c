/* SPDX-License-Identifier: MIT */
/*
 * x86-64 accesses by hand: what an address is, what a table may be, and what is written back.
 *
 * References are to the Intel SDM (rev. 081), Vol. 3A unless another is named. Who may do what is
 * the subject of test_rights_x86_64.c; how pt_access() is called, of test_golden_calls.c.
 */
#include "mmu/golden_x86_64.h"

#define READ PT_ACCESS_READ
#define WRITE PT_ACCESS_WRITE
#define RMW PT_ACCESS_RMW
#define FETCH PT_ACCESS_FETCH

static void not_canonical(struct x86 *x, pt_va_t va, unsigned int size)
{
	struct pt_access access = access_of(READ, size, 3);
	struct pt_access_result r;

	for (enum pt_access_kind kind = READ; kind <= FETCH; kind++) {
		access.kind = kind;
		access.flags = 0;
		assert_int_equal(pt_access(x->m.mmu, va, &access, &r), 1);
		assert_int_equal(r.fault.kind, PT_FAULT_GP);
		assert_int_equal(r.fault.why, PT_WHY_NOT_CANONICAL);
		assert_int_equal(r.fault.code, 0);
		assert_int_equal(r.nr_pieces, 0);
		assert_int_equal(r.nr_loads[0], 0);
	}
	access.kind = WRITE;
	access.flags = PT_ACCESS_STACK;
	assert_int_equal(pt_access(x->m.mmu, va, &access, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_SS);
	assert_int_equal(r.fault.code, 0);
}

/* Vol. 1, 3.3.7.1 "Canonical Addressing": bits 63 to 47, or 56, are the same */
static void addresses_of_48_bits_are_canonical_up_to_the_edges(void **state)
{
	struct x86 x;

	(void)state;
	x86_init(&x, 4);
	x86_map(&x, 0x00007ffffffff000, DATA_PA);
	x86_map(&x, 0xffff800000000000, DATA_PA + 0x1000);
	x86_goes(&x, READ, 0x00007fffffffffff, 1, DATA_PA + 0xfff);
	x86_goes(&x, READ, 0x00007ffffffffff8, 8, DATA_PA + 0xff8);
	x86_goes(&x, READ, 0xffff800000000000, 8, DATA_PA + 0x1000);
	not_canonical(&x, 0x0000800000000000, 1);
	not_canonical(&x, 0xffff7fffffffffff, 1);
	not_canonical(&x, 0x8000000000000000, 1);
	not_canonical(&x, 0x7fffffffffffffff, 64);
	not_canonical(&x, 0x0100000000000000, 1);
	/* one byte of it is enough, at either edge */
	not_canonical(&x, 0x00007fffffffffff, 2);
	not_canonical(&x, 0x00007fffffffffc1, 64);
	not_canonical(&x, 0xffff7fffffffffff, 2);
	x86_exit(&x);
}

static void addresses_of_57_bits_are_canonical_up_to_the_edges(void **state)
{
	struct x86 x;

	(void)state;
	x86_init(&x, 5);
	x86_map(&x, 0x00fffffffffff000, DATA_PA);
	x86_map(&x, 0xff00000000000000, DATA_PA + 0x1000);
	x86_map(&x, 0x0000800000000000, DATA_PA + 0x2000);
	x86_goes(&x, READ, 0x00ffffffffffffff, 1, DATA_PA + 0xfff);
	x86_goes(&x, WRITE, 0xff00000000000000, 64, DATA_PA + 0x1000);
	x86_goes(&x, READ, 0x0000800000000000, 1, DATA_PA + 0x2000);
	not_canonical(&x, 0x0100000000000000, 1);
	not_canonical(&x, 0xfeffffffffffffff, 1);
	not_canonical(&x, 0x00ffffffffffffff, 2);
	x86_exit(&x);
}

/* Vol. 1, 3.3.7.1: addresses wrap, and 0 is as canonical as the last byte */
static void an_access_wraps_at_the_end_of_the_address_space(void **state)
{
	struct x86 x;
	struct pt_access_result r;

	(void)state;
	x86_init(&x, 4);
	x86_map(&x, 0xfffffffffffff000, DATA_PA);
	x86_goes(&x, READ, 0xffffffffffffffff, 1, DATA_PA + 0xfff);
	x86_faults(&x, READ, 0xfffffffffffffffe, 8, 3, PT_X86_PF_U, 0);
	x86_map(&x, 0, DATA_PA + 0x5000);
	assert_int_equal(x86_try(&x, WRITE, 0xfffffffffffffffe, 8, 0, &r), 0);
	assert_int_equal(r.nr_pieces, 2);
	assert_int_equal(r.piece[0].pa, DATA_PA + 0xffe);
	assert_int_equal(r.piece[0].len, 2);
	assert_int_equal(r.piece[1].pa, DATA_PA + 0x5000);
	assert_int_equal(r.piece[1].len, 6);
	x86_exit(&x);
}

/* 4.7: CR2 is "the linear address that generated the page fault" */
static void an_access_that_crosses_faults_at_the_page_that_is_absent(void **state)
{
	struct x86 x;
	uint64_t *first, *second;

	(void)state;
	x86_init(&x, 4);
	first = x86_map(&x, 0x7000, DATA_PA);
	second = x86_entry(&x, 0x8000, 0);
	x86_faults(&x, READ, 0x7fff, 2, 0, 0, 0x8000);
	x86_faults(&x, WRITE, 0x7fc1, 64, 3, PT_X86_PF_W | PT_X86_PF_U, 0x8000);
	/* there, but only for reading; by its table; or reserved */
	*second = DATA_PA | US | P;
	x86_faults(&x, RMW, 0x7ffc, 8, 0, PT_X86_PF_P | PT_X86_PF_W, 0x8000);
	*second = DATA_PA | BIT(46) | US | RW | P;
	x86_faults(&x, READ, 0x7ffc, 8, 0, PT_X86_PF_P | PT_X86_PF_RSVD, 0x8000);
	assert_int_equal(*first, DATA_PA | US | RW | P);
	/* the first one, of both */
	*first = 0;
	x86_faults(&x, READ, 0x7ffd, 8, 0, 0, 0x7ffd);
	x86_exit(&x);
}

static void an_access_that_crosses_has_two_pieces_and_marks_both(void **state)
{
	struct x86 x;
	struct pt_access_result r;
	uint64_t *first, *second;

	(void)state;
	x86_init(&x, 4);
	first = x86_map(&x, 0x7000, DATA_PA + 0x3000);
	second = x86_map(&x, 0x8000, DATA_PA + 0x1000);
	assert_int_equal(x86_try(&x, WRITE, 0x7fc1, 64, 3, &r), 0);
	assert_int_equal(r.nr_pieces, 2);
	assert_int_equal(r.piece[0].pa, DATA_PA + 0x3fc1);
	assert_int_equal(r.piece[0].len, 63);
	assert_int_equal(r.piece[1].pa, DATA_PA + 0x1000);
	assert_int_equal(r.piece[1].len, 1);
	assert_int_equal(r.nr_loads[0], 8);
	assert_int_equal(*first, (DATA_PA + 0x3000) | D | A | US | RW | P);
	assert_int_equal(*second, (DATA_PA + 0x1000) | D | A | US | RW | P);
	/* of different sizes: 4K, then 2M */
	x86_map(&x, 0x1ff000, DATA_PA);
	*x86_entry(&x, 0x200000, 1) = 0x600000 | PS | RW | P;
	assert_int_equal(x86_try(&x, READ, 0x1ffffc, 8, 0, &r), 0);
	assert_int_equal(r.piece[0].size_lg2, 12);
	assert_int_equal(r.piece[0].pa, DATA_PA + 0xffc);
	assert_int_equal(r.piece[1].size_lg2, 21);
	assert_int_equal(r.piece[1].pa, 0x600000);
	assert_int_equal(r.piece[1].level, 1);
	/* within one large page there is nothing to cross */
	x86_goes(&x, READ, 0x200ffc, 8, 0x600ffc);
	x86_exit(&x);
}

static void five_levels_are_five_loads(void **state)
{
	struct x86 x;
	struct pt_access_result r;
	uint64_t *entry[5];
	pt_va_t va = 0xff12345678abc123;

	(void)state;
	x86_init(&x, 5);
	x86_map(&x, va, DATA_PA);
	for (unsigned int level = 0; level < 5; level++)
		entry[level] = x86_entry(&x, va, level);
	assert_int_equal(x86_try(&x, READ, va, 1, 0, &r), 0);
	assert_int_equal(r.piece[0].pa, DATA_PA + 0x123);
	assert_int_equal(r.nr_loads[0], 5);
	assert_int_equal(r.nr_loads[1], 0);
	for (unsigned int level = 0; level < 5; level++) {
		assert_true(*entry[level] & A);
		assert_false(*entry[level] & D);
	}
	*entry[4] = 0;
	assert_int_equal(x86_faults(&x, READ, va, 1, 0, 0, va).level, 4);
	x86_exit(&x);
}

/* Tables 4-14 to 4-20: bits 51:MAXPHYADDR; PS of a PML5E and a PML4E; 4.5.4: below the address */
static void reserved_bits_fault_in_every_entry(void **state)
{
	static const struct {
		unsigned int level;
		uint64_t bits; /* one at a time, upon a sound entry */
		bool leaf;
	} rows[] = {
		{ 4, BIT(51) | BIT(46) | PS, false },
		{ 3, BIT(51) | BIT(46) | PS, false },
		{ 2, BIT(51) | BIT(46), false },
		{ 1, BIT(51) | BIT(46), false },
		{ 0, BIT(51) | BIT(50) | BIT(49) | BIT(48) | BIT(47) | BIT(46), true },
		{ 1, BIT(51) | BIT(46) | 0x1fe000, true },
		{ 2, BIT(51) | BIT(46) | 0x3fffe000, true },
	};
	pt_va_t va = 0x123456789000;
	struct x86 x;

	(void)state;
	for (size_t i = 0; i < NR(rows); i++)
		for (unsigned int bit = 0; bit < 64; bit++) {
			uint64_t *entry, sound;
			struct pt_fault fault;

			if (!(rows[i].bits >> bit & 1))
				continue;
			x86_init(&x, 5);
			x86_map(&x, va, DATA_PA);
			entry = x86_entry(&x, va, rows[i].level);
			if (rows[i].leaf)
				*entry = US | RW | P | (rows[i].level ? PS : 0);
			sound = *entry;
			*entry |= BIT(bit);
			fault = x86_faults(&x, READ, va, 8, 3,
					   PT_X86_PF_P | PT_X86_PF_RSVD | PT_X86_PF_U, va);
			assert_int_equal(fault.why, PT_WHY_RESERVED);
			assert_int_equal(fault.level, rows[i].level);
			assert_int_equal(fault.raw, sound | BIT(bit));
			*entry = sound;
			assert_int_equal(
				x86_try(&x, READ, va, 8, 3, &(struct pt_access_result){ 0 }), 0);
			x86_exit(&x);
		}
}

/* 4.5: "If CPUID.80000001H:EDX.Page1GB = 0, PS is reserved" in a PDPTE; without NXE so is bit 63 */
static void what_the_processor_lacks_is_reserved(void **state)
{
	pt_va_t va = 0x123456789000;
	uint64_t *pdpte;
	struct x86 x;

	(void)state;
	x86_init(&x, 4);
	pdpte = x86_entry(&x, va, 2);
	*pdpte = XD | PS | RW | P;
	x86_goes(&x, READ, va, 8, va & (GIB - 1));
	x.regs.no_1g = true;
	x86_load(&x);
	x86_faults(&x, READ, va, 8, 0, PT_X86_PF_P | PT_X86_PF_RSVD, va);
	x.regs.no_1g = false;
	x.regs.efer &= ~BIT(11);
	x86_load(&x);
	x86_faults(&x, WRITE, va, 8, 0, PT_X86_PF_P | PT_X86_PF_RSVD | PT_X86_PF_W, va);
	/* I/D only with SMEP or NXE */
	x86_faults(&x, FETCH, va, 8, 0, PT_X86_PF_P | PT_X86_PF_RSVD, va);
	x.regs.cr4 |= BIT(20);
	x86_load(&x);
	x86_faults(&x, FETCH, va, 8, 0, PT_X86_PF_P | PT_X86_PF_RSVD | PT_X86_PF_I, va);
	x86_exit(&x);
}

/*
 * AMD APM Vol. 2, 7.10.2: where the C-bit is on, entries of every level and CR3 may have it, and it
 * is part of no address; elsewhere it is a reserved bit as others are.
 */
static void the_c_bit_changes_no_address(void **state)
{
	static const uint64_t size[] = { 0x1000, 0x200000, 0x40000000 };
	const uint64_t c = BIT(47);
	pt_va_t va = 0x123456789000;
	struct x86 x;

	(void)state;
	x86_init(&x, 5);
	for (unsigned int leaf = 0; leaf < 3; leaf++)
		for (unsigned int with = 0; with < 64; with++) {
			uint64_t cr3 = x.regs.cr3, *entry[5];

			*x86_entry(&x, va, leaf) = US | RW | P | (leaf ? PS : 0);
			for (unsigned int level = leaf; level < 5; level++) {
				entry[level] = x86_entry(&x, va, level);
				*entry[level] |= with >> level & 1 ? c : 0;
			}
			x.regs.cr3 |= with & 32 ? c : 0;
			x.regs.maxphyaddr = 43;
			x.regs.c_bit = 47;
			x86_load(&x);
			x86_goes(&x, WRITE, va, 8, va & (size[leaf] - 1));
			/* without it the highest entry that has the bit is malformed */
			x.regs.cr3 = cr3;
			x.regs.c_bit = 0;
			x86_load(&x);
			if (with & 31 & -(1u << leaf))
				x86_faults(&x, READ, va, 8, 0, PT_X86_PF_P | PT_X86_PF_RSVD, va);
			x.regs.cr3 = cr3 | c;
			assert_int_equal(pt_mmu_set_x86_64(x.m.mmu, &x.regs), -EINVAL);
			x.regs.cr3 = cr3;
			for (unsigned int level = leaf; level < 5; level++)
				*entry[level] &= ~c;
			*entry[leaf] = 0;
		}
	x86_exit(&x);
}

/*
 * 4.9.2: the index is PAT:PCD:PWT, PAT being bit 7 of a PTE and bit 12 of a larger leaf, where it
 * is no address; the fields of IA32_PAT are 12.12.2, Table 12-10.
 */
static void the_memory_type_is_chosen_through_the_pat(void **state)
{
	static const enum pt_mem types[] = { PT_MEM_UC, PT_MEM_WB,	 PT_MEM_WT, PT_MEM_WC,
					     PT_MEM_WP, PT_MEM_UC_MINUS, PT_MEM_WB, PT_MEM_UC };
	static const unsigned int lg2[] = { 12, 21, 30 };
	struct x86 x;
	struct pt_access_result r;

	(void)state;
	x86_init(&x, 4);
	x.regs.pat = 0x0006070501040600;
	x86_load(&x);
	for (unsigned int level = 0; level < 3; level++)
		for (unsigned int i = 0; i < 8; i++) {
			pt_va_t va = BIT(39) * (level + 1) + BIT(31);
			uint64_t *entry = x86_entry(&x, va, level);

			*entry = BIT(33) | RW | P | (i & 1 ? PWT : 0) | (i & 2 ? PCD : 0) |
				 (level ? PS : 0) | (i & 4 ? (level ? PAT_LARGE : PS) : 0);
			assert_int_equal(x86_try(&x, WRITE, va + 0x25, 4, 0, &r), 0);
			assert_int_equal(r.piece[0].pa, BIT(33) + 0x25);
			assert_int_equal(r.piece[0].mem, types[i]);
			assert_int_equal(r.piece[0].size_lg2, lg2[level]);
		}
	/* after reset, the first four twice: WB WT UC- UC */
	x.regs.pat = 0;
	x86_load(&x);
	*x86_entry(&x, 0, 0) = DATA_PA | PCD | P;
	assert_int_equal(x86_try(&x, READ, 0, 1, 0, &r), 0);
	assert_int_equal(r.piece[0].mem, PT_MEM_UC_MINUS);
	x86_exit(&x);
}

/* 4.8: D is "ignored" in entries that point at a table; the same word is both kinds here */
static void a_table_that_points_at_itself_is_walked_once_a_level(void **state)
{
	const pt_va_t self = 0xfffffffffffff000; /* 511 at all levels */
	struct x86 x;
	struct pt_access_result r;
	uint64_t *entry;

	(void)state;
	for (unsigned int levels = 4; levels <= 5; levels++) {
		x86_init(&x, levels);
		entry = word(&x.m, x.regs.cr3, 511);
		*entry = x.regs.cr3 | RW | P;
		assert_int_equal(x86_try(&x, READ, self + 8, 8, 0, &r), 0);
		assert_int_equal(r.nr_loads[0], levels);
		assert_int_equal(r.piece[0].pa, x.regs.cr3 + 8);
		assert_int_equal(*entry, x.regs.cr3 | A | RW | P);
		/* a write of that entry through itself */
		*entry = x.regs.cr3 | RW | P;
		assert_int_equal(x86_try(&x, WRITE, self + 8 * 511, 8, 0, &r), 0);
		assert_int_equal(*entry, x.regs.cr3 | D | A | RW | P);
		x86_exit(&x);
	}
}

/* The usual recursive slot: the page tables of all addresses in one window of addresses */
static void a_recursive_mapping_shows_the_tables(void **state)
{
	const pt_va_t va = 0x00001234567ff000;
	const pt_va_t pte_va = 0xffffff0000000000 | UINT64_C(0x7f) << 40 >> 1 | va >> 9;
	struct pt_access access = access_of(READ, 8, 0);
	struct pt_access_result r;
	uint64_t *pte, seen, marked;
	struct x86 x;

	(void)state;
	x86_init(&x, 4);
	pte = x86_map(&x, va, DATA_PA);
	*word(&x.m, x.regs.cr3, 511) = x.regs.cr3 | RW | P;
	assert_int_equal(pt_access_read(x.m.mmu, pte_va & ~UINT64_C(7), &access, &seen, &r), 0);
	assert_int_equal(seen, DATA_PA | US | RW | P);
	/* the entry of the table page is a leaf there: D of the PDE, though it is no leaf of va */
	access.kind = WRITE;
	marked = DATA_PA | 0x1000 | P;
	assert_int_equal(pt_access_write(x.m.mmu, pte_va & ~UINT64_C(7), &access, &marked, &r), 0);
	assert_int_equal(*pte, DATA_PA | 0x1000 | P);
	assert_int_equal(*x86_entry(&x, va, 1) & (A | D), A | D);
	assert_int_equal(*x86_entry(&x, va, 2) & (A | D), A);
	x86_goes(&x, READ, va, 8, DATA_PA + 0x1000);
	x86_exit(&x);
}

/* 4.8: A of an entry "as part of linear-address translation", D of the leaf by a write */
static void accessed_and_dirty_are_set_once_and_only_on_success(void **state)
{
	pt_va_t va = 0x123456789000;
	struct x86 x;
	uint64_t *entry[4], leaf = DATA_PA | US | P;

	(void)state;
	x86_init(&x, 4);
	x86_map(&x, va, DATA_PA);
	for (unsigned int level = 0; level < 4; level++)
		entry[level] = x86_entry(&x, va, level);
	*entry[0] = leaf;
	x86_faults(&x, WRITE, va, 8, 0, PT_X86_PF_P | PT_X86_PF_W, va);
	x86_faults(&x, RMW, va, 8, 3, PT_X86_PF_P | PT_X86_PF_W | PT_X86_PF_U, va);
	*entry[0] = leaf & ~P;
	x86_faults(&x, READ, va, 8, 0, 0, va);
	for (unsigned int level = 0; level < 4; level++)
		assert_false(*entry[level] & (A | D));
	*entry[0] = leaf;
	x86_goes(&x, FETCH, va, 15, DATA_PA);
	assert_int_equal(*entry[0], leaf | A);
	for (unsigned int level = 1; level < 4; level++)
		assert_int_equal(*entry[level] & (A | D), A);
	*entry[0] |= RW;
	x86_goes(&x, READ, va, 8, DATA_PA);
	assert_int_equal(*entry[0], leaf | RW | A);
	x86_goes(&x, RMW, va, 8, DATA_PA);
	assert_int_equal(*entry[0], leaf | RW | D | A);
	for (unsigned int level = 1; level < 4; level++)
		assert_int_equal(*entry[level] & (A | D), A);
	x86_exit(&x);
}

/* 4.6: reads of a descriptor table at CPL 3 are supervisor-mode accesses, and AC is no help */
static void implicit_accesses_are_of_the_supervisor(void **state)
{
	pt_va_t va = 0x123456789000;
	struct pt_access access = { PT_ACCESS_READ, 8, 3, PT_ACCESS_IMPLICIT };
	struct pt_access_result r;
	struct x86 x;

	(void)state;
	x86_init(&x, 4);
	*x86_map(&x, va, DATA_PA) = DATA_PA | RW | P;
	assert_int_equal(pt_access(x.m.mmu, va, &access, &r), 0);
	x86_faults(&x, READ, va, 8, 3, PT_X86_PF_P | PT_X86_PF_U, va);
	*x86_entry(&x, va, 0) |= US;
	x.regs.cr4 |= BIT(21);
	x.regs.rflags |= BIT(18);
	x86_load(&x);
	x86_goes(&x, READ, va, 8, DATA_PA);
	assert_int_equal(pt_access(x.m.mmu, va, &access, &r), 1);
	assert_int_equal(r.fault.code, PT_X86_PF_P);
	assert_int_equal(r.fault.why, PT_WHY_SMAP);
	x86_exit(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_48_bits_are_canonical_up_to_the_edges),
		cmocka_unit_test(addresses_of_57_bits_are_canonical_up_to_the_edges),
		cmocka_unit_test(an_access_wraps_at_the_end_of_the_address_space),
		cmocka_unit_test(an_access_that_crosses_faults_at_the_page_that_is_absent),
		cmocka_unit_test(an_access_that_crosses_has_two_pieces_and_marks_both),
		cmocka_unit_test(five_levels_are_five_loads),
		cmocka_unit_test(reserved_bits_fault_in_every_entry),
		cmocka_unit_test(what_the_processor_lacks_is_reserved),
		cmocka_unit_test(the_c_bit_changes_no_address),
		cmocka_unit_test(the_memory_type_is_chosen_through_the_pat),
		cmocka_unit_test(a_table_that_points_at_itself_is_walked_once_a_level),
		cmocka_unit_test(a_recursive_mapping_shows_the_tables),
		cmocka_unit_test(accessed_and_dirty_are_set_once_and_only_on_success),
		cmocka_unit_test(implicit_accesses_are_of_the_supervisor),
	};

	return cmocka_run_group_tests_name("golden_x86_64", tests, NULL, NULL);
}
