/* SPDX-License-Identifier: MIT */
/*
 * EPT by hand: accessed and dirty flags, sizes, memory types, and how it is switched on and off.
 *
 * References are to the Intel SDM Vol. 3C (rev. 081), unless another is named.
 */
#include "mmu/golden_ept.h"

#define READ PT_ACCESS_READ
#define WRITE PT_ACCESS_WRITE
#define RMW PT_ACCESS_RMW
#define FETCH PT_ACCESS_FETCH

#define UC PT_MEM_UC
#define WC PT_MEM_WC
#define WT PT_MEM_WT
#define WB PT_MEM_WB
#define WP PT_MEM_WP

/* A page apart from those of the guest's tables. */
#define GPA (DATA_GPA + BIT(39))

static uint64_t *map_apart(struct ept *e)
{
	uint64_t *leaf = second_entry(&e->n, GPA, 0);

	guest_map(&e->n, VA, GPA);
	*leaf = DATA_PA | RWX | EWB;
	return leaf;
}

/*
 * 29.3.5 "Accessed and Dirty Flags for EPT": A in every entry used, D in the last one by writes,
 * and all processor accesses to the guest's tables are writes.
 */
static void accessed_and_dirty(void **state)
{
	for (enum pt_access_kind kind = READ; kind <= FETCH; kind++) {
		bool write = kind == WRITE || kind == RMW;
		struct pt_access access = access_of(kind, 4, 0);
		struct pt_access_result r;
		struct ept e;
		uint64_t *leaf;

		(void)state;
		ept_init(&e, 4, 4);
		leaf = map_apart(&e);
		nested_goes(&e.n, kind, VA, 0, DATA_PA);
		assert_int_equal(*leaf, DATA_PA | RWX | EWB);
		ept_ad(&e, true);
		assert_int_equal(pt_access_probe(e.n.guest.m.mmu, VA, &access, &r), 0);
		assert_int_equal(*leaf, DATA_PA | RWX | EWB);
		nested_goes(&e.n, kind, VA, 0, DATA_PA);
		assert_int_equal(*leaf, DATA_PA | RWX | EWB | EA | (write ? ED : 0));
		for (unsigned int level = 1; level < 4; level++)
			assert_int_equal(*second_entry(&e.n, GPA, level) & (EA | ED), EA);
		for (unsigned int level = 0; level < 4; level++) {
			pt_pa_t table = guest_entry_gpa(&e.n, VA, level);

			assert_int_equal(*second_entry(&e.n, table, 0) & (EA | ED), EA | ED);
			for (unsigned int l = 1; l < 4; l++)
				assert_int_equal(*second_entry(&e.n, table, l) & (EA | ED), EA);
		}
		/* nothing that was not used */
		assert_int_equal(*second_entry(&e.n, DATA_GPA, 0) & (EA | ED), 0);
		ept_exit(&e);
	}
}

static void accessed_and_dirty_of_large_pages(void **state)
{
	for (unsigned int level = 1; level <= 2; level++) {
		struct pt_access_result r;
		struct ept e;
		uint64_t *leaf;

		(void)state;
		ept_init(&e, 4, 4);
		map_apart(&e);
		ept_ad(&e, true);
		leaf = second_entry(&e.n, GPA, level);
		*leaf = ELARGE | RWX | EWB;
		assert_int_equal(nested_try(&e.n, READ, VA, 4, 0, &r), 0);
		assert_int_equal(*leaf, ELARGE | RWX | EWB | EA);
		assert_int_equal(nested_try(&e.n, RMW, VA, 4, 0, &r), 0);
		assert_int_equal(*leaf, ELARGE | RWX | EWB | EA | ED);
		ept_exit(&e);
	}
}

/* The guest's flags go through the second stage: 4.8 of Vol. 3A */
static void the_guests_own_flags(void **state)
{
	struct ept e;
	uint64_t *entry;

	(void)state;
	ept_init(&e, 4, 4);
	entry = guest_entry(&e.n, VA, 0);
	*entry &= ~(A | D);
	nested_goes(&e.n, READ, VA, 0, DATA_PA);
	assert_int_equal(*entry, DATA_GPA | A | US | RW | P);
	nested_goes(&e.n, WRITE, VA, 0, DATA_PA);
	assert_int_equal(*entry, DATA_GPA | D | A | US | RW | P);
	/* none if the final page cannot be had */
	*entry &= ~(A | D);
	*second_entry(&e.n, DATA_GPA, 0) = 0;
	ept_violates(&e, WRITE, VA, 0, PT_EPT_WRITE | PT_EPT_FINAL, DATA_GPA);
	assert_false(*entry & D);
	ept_exit(&e);
}

/* 29.3.2, and 4.5 of Vol. 3A: each entry of the guest's takes a walk, and so does the page */
static void every_entry_of_the_guest_takes_a_walk(void **state)
{
	static const struct {
		unsigned int guest_levels, levels, guest_leaf, leaf, loads[2], size_lg2;
	} rows[] = {
		{ 4, 4, 0, 0, { 4, 20 }, 12 }, { 5, 4, 0, 0, { 5, 24 }, 12 },
		{ 4, 5, 0, 0, { 4, 25 }, 12 }, { 5, 5, 0, 0, { 5, 30 }, 12 },
		{ 4, 4, 1, 0, { 3, 16 }, 12 }, { 4, 4, 2, 0, { 2, 12 }, 12 },
		{ 4, 4, 0, 1, { 4, 19 }, 12 }, { 4, 4, 0, 2, { 4, 18 }, 12 },
		{ 4, 4, 1, 1, { 3, 15 }, 21 }, { 4, 4, 2, 1, { 2, 11 }, 21 },
		{ 4, 4, 1, 2, { 3, 14 }, 21 }, { 4, 4, 2, 2, { 2, 10 }, 30 },
	};
	static const uint64_t page[] = { 4 * KIB, 2 * MIB, GIB };

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		pt_pa_t gpa = 3 * BIT(39) + (VA & (page[rows[i].guest_leaf] - 1));
		uint64_t lg2 = page[rows[i].leaf] - 1;
		struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
		struct pt_access access = access_of(READ, 4, 0);
		struct pt_access_result r;
		unsigned int nr;
		struct ept e;

		ept_init(&e, rows[i].guest_levels, rows[i].levels);
		*guest_entry(&e.n, VA, rows[i].guest_leaf) =
			3 * BIT(39) | D | A | US | RW | P | (rows[i].guest_leaf ? PS : 0);
		*second_entry(&e.n, gpa, rows[i].leaf) =
			(gpa & ~lg2) | RWX | EWB | (rows[i].leaf ? ELARGE : 0);
		r = nested_goes(&e.n, READ, VA + 0x10, 0, gpa + 0x10);
		assert_int_equal(r.nr_loads[0], rows[i].loads[0]);
		assert_int_equal(r.nr_loads[1], rows[i].loads[1]);
		assert_int_equal(r.piece[0].size_lg2, rows[i].size_lg2);
		assert_int_equal(r.piece[0].level, rows[i].guest_leaf);
		assert_int_equal(pt_access_trace(e.n.guest.m.mmu, VA, &access, &r, steps, &nr), 0);
		assert_int_equal(nr, rows[i].loads[0] + rows[i].loads[1]);
		/* the second stage's root is the first, its leaf the last */
		assert_int_equal(steps[0].stage, 2);
		assert_int_equal(steps[0].table_pa, e.n.root);
		assert_int_equal(steps[rows[i].levels].stage, 1);
		assert_int_equal(steps[rows[i].levels].level, rows[i].guest_levels - 1);
		assert_int_equal(steps[rows[i].levels].table_pa, e.n.guest.regs.cr3 - GUEST);
		assert_int_equal(steps[nr - 1].stage, 2);
		assert_int_equal(steps[nr - 1].kind, PT_KIND_LEAF);
		assert_int_equal(steps[nr - 1].level, rows[i].leaf);
		ept_exit(&e);
	}
}

static void an_access_that_crosses(void **state)
{
	const pt_va_t va = VA + 0xffc;
	uint64_t *first, *second;
	struct pt_access_result r;
	struct ept e;

	(void)state;
	ept_init(&e, 4, 4);
	ept_ad(&e, true);
	first = map_apart(&e);
	guest_map(&e.n, VA + 0x1000, GPA + 0x5000);
	second = second_entry(&e.n, GPA + 0x5000, 0);
	*second = (DATA_PA + 0x3000) | EWB | ER;
	assert_int_equal(nested_try(&e.n, READ, va, 8, 3, &r), 0);
	assert_int_equal(r.nr_pieces, 2);
	assert_int_equal(r.nr_loads[0], 8);
	assert_int_equal(r.nr_loads[1], 40);
	assert_int_equal(r.piece[0].pa, DATA_PA + 0xffc);
	assert_int_equal(r.piece[0].perms, PT_PERM_READ | PT_PERM_WRITE | PT_PERM_EXEC);
	assert_int_equal(r.piece[1].pa, DATA_PA + 0x3000);
	assert_int_equal(r.piece[1].perms, PT_PERM_READ);
	/* the second page alone is in the way, and then nothing is dirty */
	assert_int_equal(nested_try(&e.n, WRITE, va, 8, 3, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_EPT_VIOLATION);
	assert_int_equal(r.fault.ipa, GPA + 0x5000);
	assert_int_equal(r.fault.va, VA + 0x1000);
	assert_int_equal(r.nr_pieces, 0);
	assert_false(*first & ED);
	*second |= EW;
	assert_int_equal(nested_try(&e.n, WRITE, va, 8, 3, &r), 0);
	assert_true(*first & ED);
	assert_true(*second & ED);
	/* one large page of the guest's over two of the second stage's */
	*guest_entry(&e.n, VA, 1) = 5 * BIT(39) | PS | D | A | US | RW | P;
	for (unsigned int i = 0; i < 2; i++)
		*second_entry(&e.n, 5 * BIT(39) + (VA & (2 * MIB - 1)) + 0x1000 * i, 0) =
			(DATA_PA + (i ? 0x7000 : 0x2000)) | EWB | RWX;
	assert_int_equal(nested_try(&e.n, READ, va, 8, 0, &r), 0);
	assert_int_equal(r.nr_pieces, 2);
	assert_int_equal(r.piece[0].pa, DATA_PA + 0x2ffc);
	assert_int_equal(r.piece[1].pa, DATA_PA + 0x7000);
	ept_exit(&e);
}

/*
 * 29.3.7.2 "Memory Type Used for Translated Guest-Physical Addresses": Vol. 3A, Table 12-7, with
 * the EPT memory type as that of the MTRRs, unless it ignores the PAT.
 */
static void memory_types(void **state)
{
	static const struct {
		unsigned int type;
		enum pt_mem alone;
		enum pt_mem by_pat[6]; /* UC UC- WC WT WB WP */
	} rows[] = {
		{ 0, UC, { UC, UC, WC, UC, UC, UC } }, { 1, WC, { UC, WC, WC, UC, WC, UC } },
		{ 4, WT, { UC, UC, WC, WT, WT, WP } }, { 6, WB, { UC, UC, WC, WT, WB, WP } },
		{ 5, WP, { UC, WC, WC, WT, WP, WP } },
	};
	struct ept e;
	uint64_t *leaf;

	(void)state;
	ept_init(&e, 4, 4);
	e.n.guest.regs.pat = 0x050604010700; /* by PAT:PCD:PWT, the order above */
	x86_load(&e.n.guest);
	leaf = map_apart(&e);
	for (size_t i = 0; i < NR(rows); i++)
		for (unsigned int pat = 0; pat < 6; pat++) {
			struct pt_access_result r;

			*guest_entry(&e.n, VA, 0) = GPA | D | A | US | RW | P |
						    (pat & 1 ? PWT : 0) | (pat & 2 ? PCD : 0) |
						    (pat & 4 ? PS : 0);
			*leaf = DATA_PA | RWX | TYPE(rows[i].type);
			r = nested_goes(&e.n, READ, VA, 0, DATA_PA);
			assert_int_equal(r.piece[0].mem, rows[i].by_pat[pat]);
			*leaf |= IPAT;
			r = nested_goes(&e.n, READ, VA, 0, DATA_PA);
			assert_int_equal(r.piece[0].mem, rows[i].alone);
		}
	ept_exit(&e);
}

/*
 * 29.3.1: without paging linear addresses, of 32 bits, are guest-physical; 29.3.7.2: their PAT type
 * is WB; 29.3.2: they are user-mode ones
 */
static void a_guest_without_paging(void **state)
{
	const pt_pa_t gpa = 0x12345000;
	struct pt_access_result r;
	struct ept e;
	uint64_t *leaf;

	(void)state;
	ept_init(&e, 4, 4);
	ept_ad(&e, true);
	leaf = second_entry(&e.n, gpa, 0);
	*leaf = DATA_PA | RWX | EWB;
	e.n.guest.regs.cr0 = 0x11;
	e.n.guest.regs.efer = 0;
	x86_load(&e.n.guest);
	r = nested_goes(&e.n, WRITE, gpa + 8, 0, DATA_PA + 8);
	assert_int_equal(r.nr_loads[0], 0);
	assert_int_equal(r.nr_loads[1], 4);
	assert_int_equal(r.piece[0].mem, PT_MEM_WB);
	assert_int_equal(*leaf, DATA_PA | RWX | EWB | EA | ED);
	*leaf = DATA_PA | ER | TYPE(4);
	assert_int_equal(nested_goes(&e.n, READ, gpa, 0, DATA_PA).piece[0].mem, PT_MEM_WT);
	ept_violates(&e, WRITE, gpa, 0, PT_EPT_WRITE | PT_EPT_READABLE | PT_EPT_FINAL, gpa);
	for (unsigned int level = 0; level < 4; level++)
		*second_entry(&e.n, gpa, level) |= EXU | ER;
	e.regs.mbec = true;
	ept_load(&e);
	nested_goes(&e.n, FETCH, gpa, 0, DATA_PA);
	ept_exit(&e);
}

static void order_of_setting(void **state)
{
	static const struct pt_arm64_regs arm_regs = { .sctlr = 0 };
	struct pt_x86_ept_regs bad;
	struct pt_access_result r;
	struct pt_mmu *mmu;
	struct ept e;
	uint64_t *top;

	(void)state;
	ept_init(&e, 4, 4);
	top = guest_entry(&e.n, VA, 3);
	/* what 25.2.1.1 "VM-Execution Control Fields" refuses leaves the second stage as it was */
	for (unsigned int i = 0; i < 4; i++) {
		bad = e.regs;
		bad.eptp = i == 0   ? e.regs.eptp | 1
			   : i == 1 ? e.regs.eptp ^ BIT(3)
			   : i == 2 ? e.regs.eptp | BIT(46)
				    : e.regs.eptp | BIT(11);
		assert_int_equal(pt_mmu_set_ept(e.n.guest.m.mmu, &bad), -EINVAL);
		nested_goes(&e.n, READ, VA, 0, DATA_PA);
	}
	/* the guest loads its registers: its second stage stays */
	x86_load(&e.n.guest);
	nested_goes(&e.n, READ, VA, 0, DATA_PA);
	/* NULL: the guest's addresses are physical */
	assert_int_equal(pt_mmu_set_ept(e.n.guest.m.mmu, NULL), 0);
	assert_int_equal(nested_try(&e.n, READ, VA, 4, 0, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_NO_MEMORY);
	e.n.guest.regs.cr3 -= GUEST;
	x86_load(&e.n.guest);
	*top = 0;
	assert_int_equal(nested_try(&e.n, READ, VA, 4, 0, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_PF);
	assert_int_equal(r.nr_loads[1], 0);
	/* x86-64 registers come first */
	assert_int_equal(pt_mmu_create(&mmu, e.n.guest.m.phys), 0);
	assert_int_equal(pt_mmu_set_ept(mmu, &e.regs), -EINVAL);
	assert_int_equal(pt_mmu_set_arm64(mmu, &arm_regs), 0);
	assert_int_equal(pt_mmu_set_ept(mmu, &e.regs), -EINVAL);
	assert_int_equal(pt_mmu_set_x86_64(mmu, &e.n.guest.regs), 0);
	assert_int_equal(pt_mmu_set_ept(mmu, &e.regs), 0);
	pt_mmu_destroy(mmu);
	ept_exit(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accessed_and_dirty),
		cmocka_unit_test(accessed_and_dirty_of_large_pages),
		cmocka_unit_test(the_guests_own_flags),
		cmocka_unit_test(every_entry_of_the_guest_takes_a_walk),
		cmocka_unit_test(an_access_that_crosses),
		cmocka_unit_test(memory_types),
		cmocka_unit_test(a_guest_without_paging),
		cmocka_unit_test(order_of_setting),
	};

	return cmocka_run_group_tests_name("golden_ept_memory", tests, NULL, NULL);
}
