/* SPDX-License-Identifier: MIT */
/*
 * EPT by hand: what an exit tells, what a word may be, how many words are read.
 *
 * References are to the Intel SDM Vol. 3C (rev. 081), 29.3 "The Extended Page Table Mechanism
 * (EPT)", unless another is named. A, D, memory types and registers: test_golden_ept_memory.c.
 */
#include "mmu/golden_ept.h"

#define READ PT_ACCESS_READ
#define WRITE PT_ACCESS_WRITE
#define RMW PT_ACCESS_RMW
#define FETCH PT_ACCESS_FETCH

#define Q_R PT_EPT_READABLE
#define Q_W PT_EPT_WRITABLE
#define Q_X PT_EPT_EXECUTABLE
#define Q_XU PT_EPT_USER_EXECUTABLE
#define FINAL PT_EPT_FINAL

/* Table 28-7: bits 2:0 what it was, 5:3 what all entries together allow */
static void a_violation_tells_the_access_and_the_rights(void **state)
{
	static const struct {
		uint64_t table, leaf; /* rights; of one table above the leaf */
		enum pt_access_kind kind;
		uint64_t code;
	} rows[] = {
		{ RWX, 0, READ, PT_EPT_READ },
		{ RWX, 0, WRITE, PT_EPT_WRITE },
		{ RWX, 0, RMW, PT_EPT_WRITE },
		{ RWX, 0, FETCH, PT_EPT_FETCH },
		{ RWX, ER, WRITE, PT_EPT_WRITE | Q_R },
		{ RWX, ER, RMW, PT_EPT_WRITE | Q_R },
		{ RWX, ER, FETCH, PT_EPT_FETCH | Q_R },
		{ RWX, ER | EW, FETCH, PT_EPT_FETCH | Q_R | Q_W },
		{ RWX, ER | EX, WRITE, PT_EPT_WRITE | Q_R | Q_X },
		{ RWX, EX, READ, PT_EPT_READ | Q_X },
		{ RWX, EX, WRITE, PT_EPT_WRITE | Q_X },
		/* any table limits too */
		{ ER, RWX, WRITE, PT_EPT_WRITE | Q_R },
		{ ER | EW, RWX, FETCH, PT_EPT_FETCH | Q_R | Q_W },
		{ EX, RWX, READ, PT_EPT_READ | Q_X },
		{ ER | EX, ER | EW, WRITE, PT_EPT_WRITE | Q_R },
		{ ER | EX, ER | EW, FETCH, PT_EPT_FETCH | Q_R },
		{ EX, ER | EW, READ, PT_EPT_READ },
		/* none is left of what is not present */
		{ ER, 0, READ, PT_EPT_READ },
		{ 0, RWX, READ, PT_EPT_READ },
		{ 0, RWX, FETCH, PT_EPT_FETCH },
	};
	struct ept e;

	(void)state;
	for (size_t i = 0; i < NR(rows); i++)
		for (unsigned int level = 1; level < 4; level++) {
			uint64_t *leaf, *table;
			struct pt_fault fault;

			ept_init(&e, 4, 4);
			/* tables of their own: DATA_GPA's are the guest's tables' too */
			guest_map(&e.n, VA, DATA_GPA + BIT(39));
			leaf = second_entry(&e.n, DATA_GPA + BIT(39), 0);
			*leaf = DATA_PA | EWB | rows[i].leaf;
			table = second_entry(&e.n, DATA_GPA + BIT(39), level);
			*table = (*table & ~(uint64_t)RWX) | rows[i].table;
			fault = ept_violates(&e, rows[i].kind, VA + 0x124, 0, rows[i].code | FINAL,
					     DATA_GPA + BIT(39) + 0x124);
			if (!(rows[i].table && rows[i].leaf)) {
				assert_int_equal(fault.why, PT_WHY_NOT_PRESENT);
				assert_int_equal(fault.level, rows[i].table ? 0 : level);
				assert_int_equal(fault.raw, rows[i].table ? *leaf : *table);
			} else {
				assert_int_equal(fault.why, rows[i].kind == READ    ? PT_WHY_READ
							    : rows[i].kind == FETCH ? PT_WHY_EXEC
										    : PT_WHY_WRITE);
			}
			ept_exit(&e);
		}
}

/* 29.3.3.2: "Reads [...] of guest paging structures [...] are considered to be data reads" */
static void a_table_of_the_guest_that_cannot_be_read(void **state)
{
	struct ept e;

	(void)state;
	for (unsigned int level = 0; level < 4; level++)
		for (enum pt_access_kind kind = READ; kind <= FETCH; kind++)
			for (unsigned int cpl = 0; cpl < 4; cpl += 3) {
				uint64_t *entry;
				pt_pa_t gpa;

				ept_init(&e, 4, 4);
				gpa = guest_entry_gpa(&e.n, VA, level);
				entry = second_entry(&e.n, gpa, 0);
				*entry = (*entry & ~(uint64_t)RWX) | EX;
				/* whatever the access itself is */
				ept_violates(&e, kind, VA, cpl, PT_EPT_READ | Q_X, gpa);
				*entry = 0;
				ept_violates(&e, kind, VA, cpl, PT_EPT_READ, gpa);
				/* "the processor sets both bit 0 and bit 1" */
				ept_ad(&e, true);
				ept_violates(&e, kind, VA, cpl, PT_EPT_READ | PT_EPT_WRITE, gpa);
				*entry = ((gpa - GUEST) & ADDRESS) | EWB | ER | EX;
				ept_violates(&e, kind, VA, cpl,
					     PT_EPT_READ | PT_EPT_WRITE | Q_R | Q_X, gpa);
				*entry |= EW;
				assert_int_equal(guest_table_of(&e.n, VA, level), gpa & ADDRESS);
				nested_goes(&e.n, kind, VA, cpl, DATA_PA);
				ept_exit(&e);
			}
}

/*
 * 29.3.3.2: "Writes [...] to guest paging structures to update accessed and dirty flags are
 * considered to be data writes"; without A and D of its own, EPT need allow no more than that.
 * The update is a read-modify-write, whose bit 0 is up to the implementation.
 */
static void a_table_of_the_guest_that_must_be_written(void **state)
{
	const uint64_t update = PT_EPT_WRITE | PT_EPT_LINEAR_VALID | Q_R,
		       either = PT_EPT_READ | Q_XU;
	struct ept e;

	(void)state;
	for (unsigned int level = 0; level < 4; level++) {
		uint64_t *entry, *limit;
		pt_pa_t gpa;

		ept_init(&e, 4, 4);
		gpa = guest_entry_gpa(&e.n, VA, level);
		entry = guest_entry(&e.n, VA, level);
		limit = second_entry(&e.n, gpa, 0);
		*limit &= ~(EW | EX);
		nested_goes(&e.n, WRITE, VA, 0, DATA_PA);
		*entry &= ~A;
		nested_exits(&e.n, READ, VA, 0, PT_FAULT_EPT_VIOLATION, update, either, gpa);
		assert_false(*entry & A);
		*entry |= A;
		if (level == 0) {
			*entry &= ~D;
			nested_goes(&e.n, READ, VA, 0, DATA_PA);
			nested_exits(&e.n, WRITE, VA, 0, PT_FAULT_EPT_VIOLATION, update, either,
				     gpa);
			assert_false(*entry & D);
		}
		*entry &= ~A;
		*limit |= EW;
		nested_goes(&e.n, WRITE, VA, 0, DATA_PA);
		assert_true(*entry & A);
		ept_exit(&e);
	}
}

/* 29.3.3.1 "EPT Misconfigurations" */
static void misconfigurations(void **state)
{
	static const struct {
		unsigned int level;
		bool leaf;
		uint64_t clear, set;
	} rows[] = {
		/* writable, not readable */
		{ 0, true, ER | EX, 0 },
		{ 0, true, ER, 0 },
		{ 1, false, ER, 0 },
		{ 2, false, ER | EX, 0 },
		{ 3, false, ER | EX, 0 },
		{ 1, true, ER, 0 },
		/* memory types 2, 3 and 7 */
		{ 0, true, TYPE(7), TYPE(2) },
		{ 0, true, TYPE(7), TYPE(3) },
		{ 0, true, 0, TYPE(7) },
		{ 1, true, TYPE(7), TYPE(3) },
		{ 2, true, 0, TYPE(7) },
		/* beyond MAXPHYADDR, which is 46 */
		{ 0, true, 0, BIT(46) },
		{ 0, true, 0, BIT(51) },
		{ 1, false, 0, BIT(46) },
		{ 2, false, 0, BIT(47) },
		{ 3, false, 0, BIT(51) },
		{ 1, true, 0, BIT(46) },
		{ 2, true, 0, BIT(50) },
		/* reserved: 6:3 of tables, with 7 of the top; 20:12 and 29:12 of large pages */
		{ 1, false, 0, BIT(3) },
		{ 1, false, 0, BIT(6) },
		{ 2, false, 0, BIT(5) },
		{ 2, false, 0, BIT(6) },
		{ 3, false, 0, BIT(3) },
		{ 3, false, 0, BIT(7) },
		{ 1, true, 0, BIT(12) },
		{ 1, true, 0, BIT(20) },
		{ 2, true, 0, BIT(12) },
		{ 2, true, 0, BIT(29) },
	};
	const pt_pa_t gpa = DATA_GPA + BIT(39);
	struct ept e;

	(void)state;
	for (size_t i = 0; i < NR(rows); i++) {
		struct pt_access_result r;
		struct pt_fault fault;
		uint64_t *entry, sound;

		ept_init(&e, 4, 4);
		guest_map(&e.n, VA, gpa);
		*second_entry(&e.n, gpa, 0) = DATA_PA | RWX | EWB;
		entry = second_entry(&e.n, gpa, rows[i].level);
		if (rows[i].leaf && rows[i].level)
			*entry = RWX | EWB | ELARGE;
		sound = *entry;
		*entry = (sound & ~rows[i].clear) | rows[i].set;
		for (enum pt_access_kind kind = READ; kind <= FETCH; kind++) {
			fault = ept_misconfigured(&e, kind, VA + 4, gpa + 4);
			assert_int_equal(fault.level, rows[i].level);
			assert_int_equal(fault.raw, *entry);
			assert_int_equal(fault.why, PT_WHY_RESERVED);
			assert_false(fault.in_walk);
		}
		/* what is not present may have any other bit */
		*entry &= ~(uint64_t)RWX;
		ept_violates(&e, READ, VA, 0, PT_EPT_READ | FINAL, gpa);
		*entry = sound;
		assert_int_equal(nested_try(&e.n, WRITE, VA, 4, 0, &r), 0);
		ept_exit(&e);
	}
}

/* It comes before rights, though not before what is not present above it. */
static void a_misconfiguration_is_found_before_rights_are_looked_at(void **state)
{
	const pt_pa_t gpa = DATA_GPA + BIT(39);
	uint64_t *leaf, *table;
	struct ept e;

	(void)state;
	ept_init(&e, 4, 4);
	guest_map(&e.n, VA, gpa);
	leaf = second_entry(&e.n, gpa, 0);
	table = second_entry(&e.n, gpa, 2);
	*leaf = DATA_PA | ER | TYPE(2);
	*table &= ~(EW | EX);
	ept_misconfigured(&e, WRITE, VA, gpa);
	*table &= ~(uint64_t)RWX;
	ept_violates(&e, WRITE, VA, 0, PT_EPT_WRITE | FINAL, gpa);
	/* a table of the guest's */
	*second_entry(&e.n, e.n.guest.regs.cr3, 0) |= TYPE(7);
	assert_true(ept_misconfigured(&e, READ, VA, guest_entry_gpa(&e.n, VA, 3)).in_walk);
	ept_exit(&e);
}

/* A.10: what the processor lacks makes words misconfigured */
static void capabilities(void **state)
{
	const pt_pa_t gpa = DATA_GPA + BIT(39);
	struct pt_access_result r;
	uint64_t *leaf;
	struct ept e;

	(void)state;
	ept_init(&e, 4, 4);
	guest_map(&e.n, VA, gpa);
	leaf = second_entry(&e.n, gpa, 0);
	*leaf = DATA_PA | EX | EWB;
	nested_goes(&e.n, FETCH, VA, 0, DATA_PA);
	e.regs.ept_vpid_cap = CAPS & ~CAP_EXEC_ONLY;
	ept_load(&e);
	ept_misconfigured(&e, FETCH, VA, gpa);
	*leaf |= ER;
	nested_goes(&e.n, FETCH, VA, 0, DATA_PA);
	/* a table that is execute-only */
	*second_entry(&e.n, gpa, 1) &= ~(ER | EW);
	ept_misconfigured(&e, FETCH, VA, gpa);
	/* 1G pages */
	*second_entry(&e.n, gpa, 2) = ELARGE | RWX | EWB;
	assert_int_equal(nested_try(&e.n, READ, VA, 4, 0, &r), 0);
	e.regs.ept_vpid_cap &= ~CAP_1G;
	ept_load(&e);
	assert_int_equal(ept_misconfigured(&e, READ, VA, gpa).level, 2);
	ept_exit(&e);
}

/*
 * 29.3.2, 29.3.3.2 with mode-based execute control: bit 2 is for supervisor-mode linear addresses,
 * bit 10 for user-mode ones, whoever fetches; bit 10 alone makes an entry present.
 */
static void mode_based_execute_control(void **state)
{
	const pt_pa_t gpa = DATA_GPA + BIT(39);
	static const struct {
		uint64_t rights;
		bool user, allowed; /* a page of the guest's user; fetches from it */
		uint64_t code; /* of that fetch */
	} rows[] = {
		{ ER | EX, false, true, 0 },
		{ ER | EX, true, false, PT_EPT_FETCH | Q_R | Q_X },
		{ ER | EXU, true, true, 0 },
		{ ER | EXU, false, false, PT_EPT_FETCH | Q_R | Q_XU },
		{ ER | EX | EXU, false, true, 0 },
		{ ER | EX | EXU, true, true, 0 },
		{ EXU, true, true, 0 },
		{ EXU, false, false, PT_EPT_FETCH | Q_XU },
		{ EX, true, false, PT_EPT_FETCH | Q_X },
		{ ER | EW, true, false, PT_EPT_FETCH | Q_R | Q_W },
		{ 0, true, false, PT_EPT_FETCH },
	};
	struct ept e;

	(void)state;
	ept_init(&e, 4, 4);
	e.regs.mbec = true;
	ept_load(&e);
	for (size_t i = 0; i < NR(rows); i++)
		/* one entry of the guest's decides about U/S as well as another */
		for (unsigned int level = 0; level < 4; level++) {
			uint64_t *guest = guest_entry(&e.n, VA, level);
			uint64_t *table;

			guest_map(&e.n, VA, gpa);
			*guest = (*guest & ~US) | (rows[i].user ? US : 0);
			*second_entry(&e.n, gpa, 0) = DATA_PA | EWB | rows[i].rights;
			for (unsigned int l = 1; l < 4; l++) {
				table = second_entry(&e.n, gpa, l);
				*table |= EXU;
			}
			for (unsigned int cpl = 0; cpl <= (rows[i].user ? 3 : 0); cpl += 3) {
				if (rows[i].allowed)
					nested_goes(&e.n, FETCH, VA, cpl, DATA_PA);
				else
					ept_violates(&e, FETCH, VA, cpl, rows[i].code | FINAL, gpa);
			}
			*guest |= US;
		}
	/* without it, bit 10 is ignored, and alone it makes nothing present */
	e.regs.mbec = false;
	ept_load(&e);
	*second_entry(&e.n, gpa, 0) = DATA_PA | TYPE(7) | EXU;
	ept_violates(&e, FETCH, VA, 0, PT_EPT_FETCH | FINAL, gpa);
	*second_entry(&e.n, gpa, 0) = DATA_PA | EWB | ER | EX;
	nested_goes(&e.n, FETCH, VA, 3, DATA_PA);
	/* X of either kind without R needs the capability */
	e.regs.mbec = true;
	e.regs.ept_vpid_cap = CAPS & ~CAP_EXEC_ONLY;
	ept_load(&e);
	*second_entry(&e.n, gpa, 0) = DATA_PA | EWB | EXU;
	ept_misconfigured(&e, FETCH, VA, gpa);
	ept_exit(&e);
}

/* 29.3.2: four levels translate 48 bits; an address beyond them violates, nothing is readable */
static void guest_physical_addresses_beyond_the_width(void **state)
{
	struct pt_access_result r;
	struct ept e;

	(void)state;
	ept_init(&e, 4, 4);
	for (unsigned int bit = 48; bit < 52; bit++) {
		guest_map(&e.n, VA, BIT(bit) | DATA_GPA);
		ept_violates(&e, READ, VA, 0, PT_EPT_READ | FINAL, BIT(bit) | DATA_GPA);
		ept_violates(&e, FETCH, VA, 0, PT_EPT_FETCH | FINAL, BIT(bit) | DATA_GPA);
	}
	/* one of the guest's tables */
	*guest_entry(&e.n, VA, 2) |= BIT(50);
	assert_int_equal(nested_try(&e.n, READ, VA, 4, 0, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_EPT_VIOLATION);
	assert_int_equal(r.fault.code & ~Q_XU, PT_EPT_READ | PT_EPT_LINEAR_VALID);
	assert_true(r.fault.ipa & BIT(50));
	ept_exit(&e);
	/* five levels have all 52 */
	ept_init(&e, 4, 5);
	for (unsigned int bit = 48; bit < 52; bit++) {
		guest_map(&e.n, VA, BIT(bit) | DATA_GPA);
		*second_entry(&e.n, BIT(bit) | DATA_GPA, 0) = DATA_PA | RWX | EWB;
		nested_goes(&e.n, READ, VA + 8, 0, DATA_PA + 8);
	}
	ept_exit(&e);
}

/* fault.h: of the entry that decided, the physical address, which is not what the guest has */
static void a_guests_fault_tells_where_its_entry_is(void **state)
{
	struct pt_fault fault;
	struct ept e;

	(void)state;
	ept_init(&e, 4, 4);
	for (unsigned int level = 0; level < 4; level++) {
		uint64_t *entry = guest_entry(&e.n, VA, level), was = *entry;

		*entry = 0;
		fault = x86_faults(&e.n.guest, READ, VA, 4, 0, 0, VA);
		assert_int_equal(fault.level, level);
		*entry = was;
		assert_int_equal(fault.pa, guest_entry_gpa(&e.n, VA, level) - GUEST);
	}
	ept_exit(&e);
}

/* 4.6, 4.7 of Vol. 3A: what the guest's own tables forbid never gets to the final page */
static void the_guests_own_faults_come_first(void **state)
{
	uint64_t *entry;
	struct ept e;

	(void)state;
	ept_init(&e, 4, 4);
	*second_entry(&e.n, DATA_GPA, 0) = 0;
	entry = guest_entry(&e.n, VA, 0);
	*entry &= ~(RW | A | D);
	x86_faults(&e.n.guest, WRITE, VA, 4, 3, PT_X86_PF_P | PT_X86_PF_W | PT_X86_PF_U, VA);
	*entry = 0;
	x86_faults(&e.n.guest, READ, VA, 4, 0, 0, VA);
	/* but the tables are read by then */
	*second_entry(&e.n, guest_entry_gpa(&e.n, VA, 0), 0) = 0;
	ept_violates(&e, READ, VA, 0, PT_EPT_READ, guest_entry_gpa(&e.n, VA, 0));
	ept_exit(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_violation_tells_the_access_and_the_rights),
		cmocka_unit_test(a_table_of_the_guest_that_cannot_be_read),
		cmocka_unit_test(a_table_of_the_guest_that_must_be_written),
		cmocka_unit_test(misconfigurations),
		cmocka_unit_test(a_misconfiguration_is_found_before_rights_are_looked_at),
		cmocka_unit_test(capabilities),
		cmocka_unit_test(mode_based_execute_control),
		cmocka_unit_test(guest_physical_addresses_beyond_the_width),
		cmocka_unit_test(a_guests_fault_tells_where_its_entry_is),
		cmocka_unit_test(the_guests_own_faults_come_first),
	};

	return cmocka_run_group_tests_name("golden_ept", tests, NULL, NULL);
}
