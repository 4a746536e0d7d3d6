/* SPDX-License-Identifier: MIT */
/*
 * arm64 stage 2 by hand: who may do what, and what hardware updates.
 *
 * References are to the Arm ARM (DDI 0487 J.a).
 */
#include "mmu/golden_stage2.h"

#define READ PT_ACCESS_READ
#define WRITE PT_ACCESS_WRITE
#define RMW PT_ACCESS_RMW
#define FETCH PT_ACCESS_FETCH

/* D8.4 "Memory access control", stage 2: S2AP[0] lets read, S2AP[1] write */
static void data_permissions(void **state)
{
	static const struct {
		unsigned int s2ap;
		uint64_t read, write, rmw; /* WnR of the fault; 1: none */
	} rows[] = {
		{ 0, 0, WNR, 0 },
		{ 1, 1, WNR, WNR },
		{ 2, 0, 1, 0 }, /* of an atomic, a read would have faulted */
		{ 3, 1, 1, 1 },
	};
	struct stage2 s;

	(void)state;
	s2_init(&s);
	for (size_t i = 0; i < NR(rows); i++)
		for (unsigned int n = 0; n < 6; n++) {
			enum pt_access_kind kind = n >> 1;
			uint64_t wnr = n < 2 ? rows[i].read : n < 4 ? rows[i].write : rows[i].rmw;

			*s2_entry(&s, IPA, 0) =
				DATA_PA | (S2_LEAF & ~S2AP(3)) | S2AP(rows[i].s2ap) | PAGE;
			if (wnr == 1)
				s2_goes(&s, kind, VA, n & 1, DATA_PA);
			else
				s2_aborts(&s, kind, VA, n & 1, PERMISSION(3) | wnr, IPA);
		}
	s2_exit(&s);
}

/* D8.4: XN, bits 54:53; without FEAT_XNX bit 53 is RES0. S2AP has no say. */
static void execute_permissions(void **state)
{
	static const bool may_fetch[2][4][2] = {
		/* by XNX, XN, EL */
		{ { true, true }, { true, true }, { false, false }, { false, false } },
		{ { true, true }, { true, false }, { false, false }, { false, true } },
	};
	struct stage2 s;

	(void)state;
	s2_init(&s);
	*s1_entry(&s, VA, 0) |= RO; /* else EL1 executes nothing that EL0 can write */
	for (unsigned int n = 0; n < 2 * 4 * 2 * 4; n++) {
		unsigned int el = n & 1, xn = n >> 1 & 3, xnx = n >> 3 & 1, s2ap = n >> 4;

		s.regs.mmfr0 = UINT64_C(0x5); /* 48 bits, 4K of both stages */
		s.regs.mmfr1 = (uint64_t)xnx << 28;
		s2_load(&s);
		*s2_entry(&s, IPA, 0) = DATA_PA | (S2_LEAF & ~S2AP(3)) | S2AP(s2ap) | XN(xn) | PAGE;
		if (may_fetch[xnx][xn][el])
			s2_goes(&s, FETCH, VA, el, DATA_PA);
		else
			s2_aborts(&s, FETCH, VA, el, PERMISSION(3), IPA);
	}
	/* a block: the level is the block's */
	*s2_entry(&s, IPA, 1) = S2_LEAF | XN(2) | BLOCK;
	s2_aborts(&s, FETCH, VA, 0, PERMISSION(2), IPA);
	*s2_entry(&s, IPA, 2) = S2_LEAF | XN(2) | BLOCK;
	s2_aborts(&s, FETCH, VA, 1, PERMISSION(1), IPA);
	s2_exit(&s);
}

/* D8.5 "Hardware updates to the translation tables": VTCR_EL2.HA */
static void the_access_flag(void **state)
{
	struct stage2 s;
	uint64_t *leaf, *table_leaf;
	pt_pa_t ipa;

	(void)state;
	s2_init(&s);
	leaf = s2_entry(&s, IPA, 0);
	ipa = s1_entry_ipa(&s, VA, 2);
	table_leaf = s2_entry(&s, ipa, 0);
	*leaf = DATA_PA | (S2_LEAF & ~(AF | S2_W)) | PAGE;
	/* before permissions */
	s2_aborts(&s, WRITE, VA, 0, ACCESS_FLAG(3) | WNR, IPA);
	s2_aborts(&s, FETCH, VA, 0, ACCESS_FLAG(3), IPA);
	s2_aborts(&s, RMW, VA, 1, ACCESS_FLAG(3), IPA);
	*table_leaf &= ~AF;
	s2_aborts(&s, READ, VA, 1, ACCESS_FLAG(3) | S1PTW, ipa);
	s.regs.vtcr |= S2_HA;
	s2_load(&s);
	/* a fault sets nothing of the page */
	s2_aborts(&s, WRITE, VA, 0, PERMISSION(3) | WNR, IPA);
	assert_false(*leaf & AF);
	s2_goes(&s, READ, VA, 0, DATA_PA);
	assert_int_equal(*leaf, DATA_PA | (S2_LEAF & ~S2_W) | PAGE);
	assert_true(*table_leaf & AF);
	assert_false(*s2_entry(&s, IPA, 1) & AF);
	/* of a block */
	*s2_entry(&s, IPA, 1) = (S2_LEAF & ~AF) | BLOCK;
	assert_int_equal(arm_try(&s.a, FETCH, VA, 4, 0, &(struct pt_access_result){ 0 }), 0);
	assert_int_equal(*s2_entry(&s, IPA, 1), S2_LEAF | BLOCK);
	/* ID_AA64MMFR1_EL1.HAFDBS of 0, beside 48 bits of 4K: HA is nothing */
	s.regs.mmfr0 = 5;
	s2_load(&s);
	*s2_entry(&s, IPA, 1) &= ~AF;
	s2_aborts(&s, READ, VA, 0, ACCESS_FLAG(2), IPA);
	s2_exit(&s);
}

/* D8.5: VTCR_EL2.HD, DBM makes a write set S2AP[1] */
static void dirty_state(void **state)
{
	const uint64_t clean = DATA_PA | (S2_LEAF & ~S2_W) | DBM | PAGE;
	struct pt_access_result r;
	struct pt_access access = access_of(WRITE, 4, 0);
	struct stage2 s;
	uint64_t *leaf;

	(void)state;
	s2_init(&s);
	leaf = s2_entry(&s, IPA, 0);
	*leaf = clean;
	s2_aborts(&s, WRITE, VA, 0, PERMISSION(3) | WNR, IPA);
	s.regs.vtcr |= S2_HA;
	s2_load(&s);
	s2_aborts(&s, WRITE, VA, 0, PERMISSION(3) | WNR, IPA);
	s.regs.vtcr ^= S2_HA | S2_HD; /* HD alone is nothing */
	s2_load(&s);
	s2_aborts(&s, WRITE, VA, 0, PERMISSION(3) | WNR, IPA);
	s.regs.vtcr |= S2_HA;
	s2_load(&s);
	r = s2_goes(&s, READ, VA, 0, DATA_PA);
	assert_int_equal(r.piece[0].perms, PT_PERM_READ | PT_PERM_WRITE | PT_PERM_EXEC);
	assert_int_equal(*leaf, clean);
	assert_int_equal(pt_access_probe(s.a.m.mmu, VA, &access, &r), 0);
	assert_int_equal(*leaf, clean);
	s2_goes(&s, WRITE, VA, 1, DATA_PA);
	assert_int_equal(*leaf, clean | S2_W);
	*leaf = clean & ~(AF | S2_R);
	s2_goes(&s, WRITE, VA, 0, DATA_PA);
	assert_int_equal(*leaf, (clean & ~S2_R) | S2_W);
	*leaf = clean;
	s2_goes(&s, RMW, VA, 0, DATA_PA);
	assert_int_equal(*leaf, clean | S2_W);
	*leaf = clean & ~DBM;
	s2_aborts(&s, WRITE, VA, 0, PERMISSION(3) | WNR, IPA);
	s2_exit(&s);
}

/*
 * D8.5: the update of a stage 1 descriptor is a write, for which stage 2 is asked. WnR is
 * still the access's (D17.2.37 "ESR_EL1", WnR): of an atomic 0 where a read would fault.
 */
static void updates_of_stage_1_need_write_permission(void **state)
{
	struct stage2 s;
	uint64_t *leaf, *limit;
	pt_pa_t ipa;

	(void)state;
	s2_init(&s);
	s.a.regs.tcr |= HA | HD;
	arm_load(&s.a);
	ipa = s1_entry_ipa(&s, VA, 0);
	leaf = s1_entry(&s, VA, 0);
	limit = s2_entry(&s, ipa, 0);
	*limit &= ~S2_W;
	*leaf &= ~AF;
	s2_aborts(&s, READ, VA, 0, PERMISSION(3) | S1PTW, ipa);
	s2_aborts(&s, FETCH, VA, 0, PERMISSION(3) | S1PTW, ipa);
	s2_aborts(&s, WRITE, VA, 1, PERMISSION(3) | S1PTW | WNR, ipa);
	s2_aborts(&s, RMW, VA, 1, PERMISSION(3) | S1PTW, ipa); /* a read wants AF as well */
	assert_false(*leaf & AF);
	*leaf |= AF | RO | DBM;
	s2_goes(&s, READ, VA, 0, DATA_PA);
	s2_aborts(&s, WRITE, VA, 0, PERMISSION(3) | S1PTW | WNR, ipa);
	s2_aborts(&s, RMW, VA, 0, PERMISSION(3) | S1PTW | WNR, ipa);
	assert_true(*leaf & RO);
	*leaf &= ~AF;
	s2_aborts(&s, RMW, VA, 0, PERMISSION(3) | S1PTW, ipa);
	*leaf |= AF;
	/* with dirty state in stage 2, that write is one too */
	s.regs.vtcr |= S2_HA | S2_HD;
	s2_load(&s);
	*limit |= DBM;
	s2_goes(&s, READ, VA, 0, DATA_PA);
	assert_false(*limit & S2_W);
	s2_goes(&s, WRITE, VA, 0, DATA_PA);
	assert_true(*limit & S2_W);
	assert_false(*leaf & RO);
	*limit = ((ipa - GUEST) & ADDRESS) | S2_LEAF | PAGE;
	*leaf &= ~AF;
	s2_goes(&s, READ, VA, 0, DATA_PA);
	assert_true(*leaf & AF);
	s2_exit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_permissions),
		cmocka_unit_test(execute_permissions),
		cmocka_unit_test(the_access_flag),
		cmocka_unit_test(dirty_state),
		cmocka_unit_test(updates_of_stage_1_need_write_permission),
	};

	return cmocka_run_group_tests_name("golden_stage2_rights", tests, NULL, NULL);
}
