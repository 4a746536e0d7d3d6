/* SPDX-License-Identifier: MIT */
/*
 * AMD's nested paging by hand.
 *
 * References are to the AMD APM Vol. 2 (rev. 3.40), 15.25 "Nested Paging".
 */
#include "mmu/golden_second_x86.h"

#define READ PT_ACCESS_READ
#define WRITE PT_ACCESS_WRITE
#define RMW PT_ACCESS_RMW
#define FETCH PT_ACCESS_FETCH

/* A page apart from those of the guest's tables. */
#define GPA (DATA_GPA + BIT(39))

#define NP PT_X86_PF_P
#define NW PT_X86_PF_W
#define NU PT_X86_PF_U
#define NR_ PT_X86_PF_RSVD
#define NI PT_X86_PF_I

struct npt {
	struct nested n;
	struct pt_x86_regs host;
};

static void npt_load(struct npt *n)
{
	assert_int_equal(pt_mmu_set_npt(n->n.guest.m.mmu, &n->host), 0);
}

/* Host: WP, NXE, MAXPHYADDR 46. VA leads to GPA, by entries that are used and dirty. */
static void npt_init(struct npt *n, unsigned int guest_levels, unsigned int levels)
{
	*n = (struct npt){ .n = { .table = US | RW | P, .leaf = US | RW | P } };
	nested_init(&n->n, guest_levels, levels);
	n->host = (struct pt_x86_regs){
		.cr0 = 0x80010033,
		.cr3 = n->n.root,
		.cr4 = BIT(5) | (levels == 5 ? BIT(12) : 0),
		.efer = BIT(8) | BIT(10) | BIT(11),
		.maxphyaddr = 46,
	};
	nested_root(&n->n);
	guest_map(&n->n, VA, GPA);
	*second_entry(&n->n, GPA, 0) = DATA_PA | US | RW | P;
	npt_load(n);
}

static void npt_exit(struct npt *n)
{
	nested_exit(&n->n);
}

/* 15.25.6 "Nested versus Guest Page Faults, Fault Ordering": #VMEXIT(NPF) */
static struct pt_fault npt_faults(struct npt *n, enum pt_access_kind kind, unsigned int cpl,
				  uint64_t exitinfo1, pt_pa_t exitinfo2)
{
	struct pt_fault f =
		nested_exits(&n->n, kind, VA + 0x28, cpl, PT_FAULT_NPF, exitinfo1, 0, exitinfo2);

	assert_int_equal(f.in_walk, !!(exitinfo1 & PT_NPF_WALK));
	return f;
}

/*
 * 15.34.6 "Page Table Support": the guest's C-bit is part of no guest-physical address, and the
 * host's, where it is not, of no address in nCR3 and its tables.
 */
static void c_bits_of_both_stages_are_no_addresses(void **state)
{
	const uint64_t host_c = BIT(47), guest_c = BIT(51);

	(void)state;
	for (unsigned int with = 0; with < 256; with++) {
		uint64_t *host[4], *guest[4];
		struct pt_access_result r;
		struct npt n;

		npt_init(&n, 4, 4);
		for (unsigned int level = 0; level < 4; level++) {
			host[level] = second_entry(&n.n, GPA, level);
			guest[level] = guest_entry(&n.n, VA, level);
		}
		for (unsigned int level = 0; level < 4; level++) {
			*host[level] |= with >> level & 1 ? host_c : 0;
			*guest[level] |= with >> (4 + level) & 1 ? guest_c : 0;
		}
		n.n.guest.regs.cr3 |= guest_c;
		n.n.guest.regs.c_bit = 51;
		x86_load(&n.n.guest);
		n.host.cr3 |= host_c;
		assert_int_equal(pt_mmu_set_npt(n.n.guest.m.mmu, &n.host), -EINVAL);
		n.host.c_bit = 47;
		npt_load(&n);
		nested_goes(&n.n, READ, VA, 3, DATA_PA);
		nested_goes(&n.n, WRITE, VA, 0, DATA_PA);
		n.n.guest.regs.cr3 &= ~guest_c;
		n.n.guest.regs.c_bit = 0;
		x86_load(&n.n.guest);
		if (with & 0xf0) { /* without it, it is an address bit */
			assert_int_equal(nested_try(&n.n, READ, VA, 4, 3, &r), 1);
			assert_int_equal(r.fault.kind, PT_FAULT_NPF);
			assert_true(r.fault.ipa & guest_c);
		}
		npt_exit(&n);
	}
}

/* Bits 4:0 as of a page fault by a user; bit 32: for the final address */
static void a_fault_of_the_final_address(void **state)
{
	static const struct {
		uint64_t clear, set; /* in one entry of the nested tables */
		enum pt_access_kind kind;
		uint64_t code;
	} rows[] = {
		{ P, 0, READ, NU },
		{ P, 0, WRITE, NW | NU },
		{ P, 0, RMW, NW | NU },
		{ P, 0, FETCH, NU | NI },
		{ RW, 0, WRITE, NP | NW | NU },
		{ RW, 0, RMW, NP | NW | NU },
		{ US, 0, READ, NP | NU },
		{ US, 0, WRITE, NP | NW | NU },
		{ US, 0, FETCH, NP | NU | NI },
		{ 0, XD, FETCH, NP | NU | NI },
		{ 0, BIT(46), READ, NP | NU | NR_ },
		{ 0, BIT(51), WRITE, NP | NW | NU | NR_ },
		{ 0, BIT(48), FETCH, NP | NU | NR_ | NI },
	};

	(void)state;
	for (size_t i = 0; i < NR(rows); i++)
		for (unsigned int level = 0; level < 4; level++)
			for (unsigned int cpl = 0; cpl < 4; cpl += 3) {
				struct pt_fault fault;
				uint64_t *entry;
				struct npt n;

				npt_init(&n, 4, 4);
				nested_goes(&n.n, rows[i].kind, VA, cpl, DATA_PA);
				entry = second_entry(&n.n, GPA, level);
				*entry = (*entry & ~rows[i].clear) | rows[i].set;
				fault = npt_faults(&n, rows[i].kind, cpl,
						   rows[i].code | PT_NPF_FINAL, GPA + 0x28);
				assert_int_equal(fault.va, VA + 0x28);
				if (rows[i].clear == P || rows[i].code & NR_) {
					assert_int_equal(fault.level, level);
					assert_int_equal(fault.raw, *entry);
				}
				npt_exit(&n);
			}
}

/* 15.25.6: host walks for guest page tables are always data writes, by a user; bit 33 */
static void a_fault_of_a_table_of_the_guest(void **state)
{
	static const struct {
		uint64_t clear, set, code;
	} rows[] = {
		{ P, 0, NW | NU },
		{ RW, 0, NP | NW | NU },
		{ US, 0, NP | NW | NU },
		{ 0, BIT(47), NP | NW | NU | NR_ },
	};

	(void)state;
	for (size_t i = 0; i < NR(rows); i++)
		for (unsigned int level = 0; level < 4; level++)
			for (enum pt_access_kind kind = READ; kind <= FETCH; kind++) {
				uint64_t *entry;
				struct npt n;
				pt_pa_t gpa;

				npt_init(&n, 4, 4);
				gpa = guest_entry_gpa(&n.n, VA, level);
				entry = second_entry(&n.n, gpa, 0);
				*entry = (*entry & ~rows[i].clear) | rows[i].set;
				npt_faults(&n, kind, kind & 1 ? 3 : 0, rows[i].code | PT_NPF_WALK,
					   gpa);
				/* it is never executed */
				*entry = ((gpa - GUEST) & ADDRESS) | XD | US | RW | P;
				nested_goes(&n.n, kind, VA, 0, DATA_PA);
				npt_exit(&n);
			}
}

/* 15.25.6: the guest's own faults are found first, when its tables have been read */
static void the_guests_own_faults_come_first(void **state)
{
	struct npt n;
	uint64_t *entry;

	(void)state;
	npt_init(&n, 4, 4);
	*second_entry(&n.n, GPA, 0) = 0;
	entry = guest_entry(&n.n, VA, 0);
	*entry &= ~US;
	x86_faults(&n.n.guest, READ, VA, 4, 3, NP | NU, VA);
	npt_faults(&n, READ, 0, NU | PT_NPF_FINAL, GPA + 0x28);
	*entry = 0;
	x86_faults(&n.n.guest, WRITE, VA, 4, 0, NW, VA);
	*second_entry(&n.n, guest_entry_gpa(&n.n, VA, 0), 0) = 0;
	npt_faults(&n, READ, 0, NW | NU | PT_NPF_WALK, guest_entry_gpa(&n.n, VA, 0));
	npt_exit(&n);
}

/* What of the host's registers counts: NXE and widths; nothing that concerns supervisors */
static void the_hosts_registers(void **state)
{
	struct npt n;

	(void)state;
	npt_init(&n, 4, 4);
	n.host.cr4 |= BIT(20) | BIT(21); /* SMEP, SMAP */
	npt_load(&n);
	nested_goes(&n.n, FETCH, VA, 0, DATA_PA);
	nested_goes(&n.n, READ, VA, 0, DATA_PA);
	/* nor has the host's PKRU a say, whatever is in the bits of a key */
	n.host.cr4 |= BIT(22) | BIT(24);
	n.host.pkru = n.host.pkrs = UINT32_MAX;
	npt_load(&n);
	*second_entry(&n.n, GPA, 0) |= BIT(59);
	nested_goes(&n.n, WRITE, VA, 0, DATA_PA);
	/* a user's writes need RW whatever WP is */
	n.host.cr0 &= ~BIT(16);
	npt_load(&n);
	*second_entry(&n.n, GPA, 0) &= ~RW;
	npt_faults(&n, WRITE, 0, NP | NW | NU | PT_NPF_FINAL, GPA + 0x28);
	/* without NXE, bit 63 is reserved and I/D is not told */
	n.host.efer &= ~BIT(11);
	n.host.cr4 &= ~(BIT(20) | BIT(21));
	npt_load(&n);
	*second_entry(&n.n, GPA, 0) |= XD;
	npt_faults(&n, READ, 0, NP | NU | NR_ | PT_NPF_FINAL, GPA + 0x28);
	npt_exit(&n);
}

/* 15.25.5 "Nested Table Walk": A, and D of what is written; the guest's tables are */
static void accessed_and_dirty(void **state)
{
	for (enum pt_access_kind kind = READ; kind <= FETCH; kind++) {
		bool write = kind == WRITE || kind == RMW;
		struct npt n;

		(void)state;
		npt_init(&n, 4, 4);
		nested_goes(&n.n, kind, VA, 3, DATA_PA);
		assert_int_equal(*second_entry(&n.n, GPA, 0),
				 DATA_PA | A | (write ? D : 0) | US | RW | P);
		for (unsigned int level = 1; level < 4; level++)
			assert_int_equal(*second_entry(&n.n, GPA, level) & (A | D), A);
		for (unsigned int level = 0; level < 4; level++) {
			pt_pa_t table = guest_entry_gpa(&n.n, VA, level);

			assert_int_equal(*second_entry(&n.n, table, 0) & (A | D), A | D);
		}
		npt_exit(&n);
	}
}

/* 15.25.5: each entry of the guest's takes a nested walk, and so does the page */
static void every_entry_of_the_guest_takes_a_walk(void **state)
{
	static const struct {
		unsigned int guest_levels, levels, guest_leaf, leaf, loads[2], size_lg2;
	} rows[] = {
		{ 4, 4, 0, 0, { 4, 20 }, 12 }, { 5, 5, 0, 0, { 5, 30 }, 12 },
		{ 4, 5, 0, 0, { 4, 25 }, 12 }, { 5, 4, 0, 0, { 5, 24 }, 12 },
		{ 4, 4, 1, 0, { 3, 16 }, 12 }, { 4, 4, 0, 1, { 4, 19 }, 12 },
		{ 4, 4, 1, 1, { 3, 15 }, 21 }, { 4, 4, 2, 2, { 2, 10 }, 30 },
		{ 4, 4, 1, 2, { 3, 14 }, 21 }, { 4, 4, 2, 1, { 2, 11 }, 21 },
	};
	static const uint64_t page[] = { 4 * KIB, 2 * MIB, GIB };

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		pt_pa_t gpa = 3 * BIT(39) + (VA & (page[rows[i].guest_leaf] - 1));
		struct pt_access_result r;
		struct npt n;

		npt_init(&n, rows[i].guest_levels, rows[i].levels);
		*guest_entry(&n.n, VA, rows[i].guest_leaf) =
			3 * BIT(39) | D | A | US | RW | P | (rows[i].guest_leaf ? PS : 0);
		*second_entry(&n.n, gpa, rows[i].leaf) =
			(gpa & ~(page[rows[i].leaf] - 1)) | US | RW | P | (rows[i].leaf ? PS : 0);
		r = nested_goes(&n.n, READ, VA + 0x10, 0, gpa + 0x10);
		assert_int_equal(r.nr_loads[0], rows[i].loads[0]);
		assert_int_equal(r.nr_loads[1], rows[i].loads[1]);
		assert_int_equal(r.piece[0].size_lg2, rows[i].size_lg2);
		assert_int_equal(r.piece[0].level, rows[i].guest_leaf);
		npt_exit(&n);
	}
}

static void an_access_that_crosses(void **state)
{
	const pt_va_t va = VA + 0xffc;
	struct pt_access_result r;
	uint64_t *second;
	struct npt n;

	(void)state;
	npt_init(&n, 4, 4);
	guest_map(&n.n, VA + 0x1000, GPA + 0x5000);
	second = second_entry(&n.n, GPA + 0x5000, 0);
	*second = (DATA_PA + 0x3000) | US | P;
	assert_int_equal(nested_try(&n.n, READ, va, 8, 3, &r), 0);
	assert_int_equal(r.nr_pieces, 2);
	assert_int_equal(r.nr_loads[0], 8);
	assert_int_equal(r.nr_loads[1], 40);
	assert_int_equal(r.piece[0].pa, DATA_PA + 0xffc);
	assert_int_equal(r.piece[1].pa, DATA_PA + 0x3000);
	assert_int_equal(nested_try(&n.n, WRITE, va, 8, 3, &r), 1);
	assert_int_equal(r.fault.code, NP | NW | NU | PT_NPF_FINAL);
	assert_int_equal(r.fault.ipa, GPA + 0x5000);
	assert_int_equal(r.fault.va, VA + 0x1000);
	assert_false(*second_entry(&n.n, GPA, 0) & D);
	npt_exit(&n);
}

/* Guest-physical addresses have no sign: bit 47 selects the upper half of the root alone */
static void guest_physical_addresses_of_all_widths(void **state)
{
	struct npt n;

	(void)state;
	npt_init(&n, 4, 4);
	guest_map(&n.n, VA, BIT(47) | GPA);
	*second_entry(&n.n, BIT(47) | GPA, 0) = (DATA_PA + 0x1000) | US | RW | P;
	nested_goes(&n.n, READ, VA, 0, DATA_PA + 0x1000);
	for (unsigned int bit = 48; bit < 52; bit++) {
		guest_map(&n.n, VA, BIT(bit) | GPA);
		npt_faults(&n, READ, 0, NU | PT_NPF_FINAL, (BIT(bit) | GPA) + 0x28);
	}
	npt_exit(&n);
	npt_init(&n, 5, 5);
	for (unsigned int bit = 48; bit < 52; bit++) {
		guest_map(&n.n, VA, BIT(bit) | GPA);
		*second_entry(&n.n, BIT(bit) | GPA, 0) = (DATA_PA + 0x2000) | US | RW | P;
		nested_goes(&n.n, WRITE, VA, 0, DATA_PA + 0x2000);
	}
	npt_exit(&n);
}

/* 15.25.8 "Combining Memory Types, MTRRs", where both tables of types give the same */
static void memory_types(void **state)
{
	static const enum pt_mem types[] = { PT_MEM_UC, PT_MEM_WC, PT_MEM_WT, PT_MEM_WB,
					     PT_MEM_WP };
	struct npt n;

	(void)state;
	npt_init(&n, 4, 4);
	n.n.guest.regs.pat = 0x0506040100; /* by PAT:PCD:PWT, the order above */
	n.host.pat = 0x0506040100;
	x86_load(&n.n.guest);
	for (unsigned int guest = 0; guest < NR(types); guest++)
		for (unsigned int host = 0; host < NR(types); host++) {
			enum pt_mem mem, g = types[guest], h = types[host];
			uint64_t *leaf = second_entry(&n.n, GPA, 0);

			*guest_entry(&n.n, VA, 0) = GPA | D | A | US | RW | P |
						    (guest & 1 ? PWT : 0) | (guest & 2 ? PCD : 0) |
						    (guest & 4 ? PS : 0);
			*leaf = DATA_PA | US | RW | P | (host & 1 ? PWT : 0) |
				(host & 2 ? PCD : 0) | (host & 4 ? PS : 0);
			/* the nested tables themselves are of type 0 of their PAT */
			npt_load(&n);
			mem = nested_goes(&n.n, READ, VA, 0, DATA_PA).piece[0].mem;
			if (g == PT_MEM_UC || g == PT_MEM_WC)
				assert_int_equal(mem, g);
			else if (h == PT_MEM_UC)
				assert_int_equal(mem, PT_MEM_UC);
			else if (g == PT_MEM_WB)
				assert_int_equal(mem, h);
			else if (h == PT_MEM_WB || g == h)
				assert_int_equal(mem, g);
		}
	npt_exit(&n);
}

static void order_of_setting(void **state)
{
	static const struct pt_arm64_regs arm_regs = { .sctlr = 0 };
	struct pt_x86_regs bad;
	struct pt_access_result r;
	struct pt_mmu *mmu;
	uint64_t *top;
	struct npt n;

	(void)state;
	npt_init(&n, 4, 4);
	top = guest_entry(&n.n, VA, 3);
	bad = n.host;
	bad.cr0 &= ~BIT(31);
	assert_int_equal(pt_mmu_set_npt(n.n.guest.m.mmu, &bad), -EINVAL);
	bad = n.host;
	bad.cr3 |= BIT(46);
	assert_int_equal(pt_mmu_set_npt(n.n.guest.m.mmu, &bad), -EINVAL);
	/* APM2 15.25.4: nCR3 has no bit that keeps a PCID's entries, with PCIDE or without */
	bad = n.host;
	bad.cr3 |= BIT(63);
	assert_int_equal(pt_mmu_set_npt(n.n.guest.m.mmu, &bad), -EINVAL);
	bad.cr4 |= BIT(17);
	assert_int_equal(pt_mmu_set_npt(n.n.guest.m.mmu, &bad), -EINVAL);
	bad = n.host;
	bad.efer &= ~(BIT(8) | BIT(10));
	assert_int_equal(pt_mmu_set_npt(n.n.guest.m.mmu, &bad), -EOPNOTSUPP);
	/* it is as before, also when the guest loads its registers */
	nested_goes(&n.n, READ, VA, 0, DATA_PA);
	x86_load(&n.n.guest);
	nested_goes(&n.n, READ, VA, 0, DATA_PA);
	assert_int_equal(pt_mmu_set_npt(n.n.guest.m.mmu, NULL), 0);
	assert_int_equal(nested_try(&n.n, READ, VA, 4, 0, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_NO_MEMORY);
	n.n.guest.regs.cr3 -= GUEST;
	x86_load(&n.n.guest);
	*top = 0;
	x86_faults(&n.n.guest, READ, VA, 4, 0, 0, VA);
	/* x86-64 registers come first */
	assert_int_equal(pt_mmu_create(&mmu, n.n.guest.m.phys), 0);
	assert_int_equal(pt_mmu_set_npt(mmu, &n.host), -EINVAL);
	assert_int_equal(pt_mmu_set_arm64(mmu, &arm_regs), 0);
	assert_int_equal(pt_mmu_set_npt(mmu, &n.host), -EINVAL);
	assert_int_equal(pt_mmu_set_x86_64(mmu, &n.n.guest.regs), 0);
	assert_int_equal(pt_mmu_set_npt(mmu, &n.host), 0);
	pt_mmu_destroy(mmu);
	npt_exit(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(c_bits_of_both_stages_are_no_addresses),
		cmocka_unit_test(a_fault_of_the_final_address),
		cmocka_unit_test(a_fault_of_a_table_of_the_guest),
		cmocka_unit_test(the_guests_own_faults_come_first),
		cmocka_unit_test(the_hosts_registers),
		cmocka_unit_test(accessed_and_dirty),
		cmocka_unit_test(every_entry_of_the_guest_takes_a_walk),
		cmocka_unit_test(an_access_that_crosses),
		cmocka_unit_test(guest_physical_addresses_of_all_widths),
		cmocka_unit_test(memory_types),
		cmocka_unit_test(order_of_setting),
	};

	return cmocka_run_group_tests_name("golden_npt", tests, NULL, NULL);
}
