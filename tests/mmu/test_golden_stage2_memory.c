/* SPDX-License-Identifier: MIT */
/*
 * arm64 stage 2 by hand: memory types, HCR_EL2, and how it is switched on and off.
 *
 * References are to the Arm ARM (DDI 0487 J.a).
 */
#include "mmu/golden_stage2.h"

#define READ PT_ACCESS_READ
#define WRITE PT_ACCESS_WRITE
#define RMW PT_ACCESS_RMW
#define FETCH PT_ACCESS_FETCH

/* HCR_EL2.PTW: a permission fault for tables of stage 1 in Device memory */
static void tables_in_device_memory(void **state)
{
	struct stage2 s;

	(void)state;
	for (unsigned int fwb = 0; fwb < 2; fwb++)
		for (unsigned int type = 0; type < 4; type++)
			for (unsigned int level = 0; level < 4; level++) {
				uint64_t *limit;
				pt_pa_t ipa;

				s2_init(&s);
				if (fwb) /* the types of the others are what stage 1 says */
					s.regs.hcr |= HCR_FWB;
				ipa = s1_entry_ipa(&s, VA, level);
				limit = s2_entry(&s, ipa, 0);
				*limit = (*limit & ~MEMATTR(15)) | MEMATTR(type);
				s2_load(&s);
				s2_goes(&s, READ, VA, 0, DATA_PA);
				s.regs.hcr |= HCR_PTW;
				s2_load(&s);
				assert_int_equal(
					s2_aborts(&s, READ, VA, 0, PERMISSION(3) | S1PTW, ipa).why,
					PT_WHY_STAGE2_DEVICE);
				/* WnR of an atomic: a read would fault as well */
				s2_aborts(&s, WRITE, VA, 1, PERMISSION(3) | S1PTW | WNR, ipa);
				s2_aborts(&s, RMW, VA, 1, PERMISSION(3) | S1PTW, ipa);
				*limit |= MEMATTR(5); /* Normal */
				s2_goes(&s, READ, VA, 0, DATA_PA);
				/* data may be in Device memory */
				*s2_entry(&s, IPA, 0) &= ~MEMATTR(15);
				s2_goes(&s, READ, VA, 0, DATA_PA);
				s2_exit(&s);
			}
}

#define WB PT_MEM_WB
#define TG PT_MEM_WB_TAGGED
#define WT PT_MEM_WT
#define NC PT_MEM_WC
#define D0 PT_MEM_UC
#define D1 PT_MEM_DEV_nGnRE
#define D2 PT_MEM_DEV_nGRE
#define D3 PT_MEM_DEV_GRE

/* Attributes of MAIR_EL1: Device-nGnRnE, nGnRE, nGRE, GRE, Normal NC, WT, WB, WB tagged. */
static const uint64_t mair = 0xf0ffbb440c080400;

/* What stage 1's eight types become behind a MemAttr of stage 2. */
struct memory_row {
	unsigned int memattr;
	enum pt_mem mem[8]; /* by stage 1 */
};

static void assert_memory(uint64_t hcr, const struct memory_row *rows, size_t nr)
{
	struct stage2 s;

	s2_init(&s);
	s.a.regs.mair = mair;
	s.regs.hcr |= hcr;
	arm_load(&s.a);
	s2_load(&s);
	for (size_t i = 0; i < nr; i++)
		for (unsigned int attr = 0; attr < 8; attr++) {
			*s1_entry(&s, VA, 0) = IPA | AF | EL0 | attr << 2 | PAGE;
			*s2_entry(&s, IPA, 0) = DATA_PA | (S2_LEAF & ~MEMATTR(15)) |
						MEMATTR(rows[i].memattr) | PAGE;
			assert_int_equal(s2_goes(&s, READ, VA, 0, DATA_PA).piece[0].mem,
					 rows[i].mem[attr]);
		}
	s2_exit(&s);
}

/* D8.5.6 "Combining stage 1 and stage 2 memory type attributes": the stricter one */
static void memory_types(void **state)
{
	static const struct memory_row rows[] = {
		{ 0, { D0, D0, D0, D0, D0, D0, D0, D0 } },
		{ 1, { D0, D1, D1, D1, D1, D1, D1, D1 } },
		{ 2, { D0, D1, D2, D2, D2, D2, D2, D2 } },
		{ 3, { D0, D1, D2, D3, D3, D3, D3, D3 } },
		{ 5, { D0, D1, D2, D3, NC, NC, NC, NC } },
		{ 10, { D0, D1, D2, D3, NC, WT, WT, WT } },
		/* tags are stage 1's, where the outcome is write-back */
		{ 15, { D0, D1, D2, D3, NC, WT, WB, TG } },
	};

	(void)state;
	assert_memory(0, rows, NR(rows));
}

/* D8.5.7 "Stage 2 memory type forcing": HCR_EL2.FWB */
static void forced_memory_types(void **state)
{
	static const struct memory_row rows[] = {
		{ 0, { D0, D0, D0, D0, D0, D0, D0, D0 } },
		{ 1, { D0, D1, D1, D1, D1, D1, D1, D1 } },
		{ 2, { D0, D1, D2, D2, D2, D2, D2, D2 } },
		{ 3, { D0, D1, D2, D3, D3, D3, D3, D3 } },
		{ 5, { D0, D1, D2, D3, NC, NC, NC, NC } },
		{ 6, { WB, WB, WB, WB, WB, WB, WB, TG } },
		{ 7, { D0, D1, D2, D3, NC, WT, WB, TG } },
	};

	(void)state;
	assert_memory(HCR_FWB, rows, NR(rows));
}

/* D8.2.12 "The effects of disabling an address translation stage"; HCR_EL2.DC */
static void stage_1_off(void **state)
{
	struct pt_access_result r;
	struct stage2 s;

	(void)state;
	s2_init(&s);
	s.a.regs.sctlr = 0;
	arm_load(&s.a);
	r = s2_goes(&s, WRITE, IPA + 8, 0, DATA_PA + 8);
	assert_int_equal(r.nr_loads[0], 0);
	assert_int_equal(r.nr_loads[1], 4);
	assert_int_equal(r.piece[0].mem, D0); /* Device-nGnRnE, whatever stage 2 says */
	assert_int_equal(r.piece[0].perms, PT_PERM_READ | PT_PERM_WRITE | PT_PERM_EXEC);
	s2_aborts(&s, FETCH, VA, 1, TRANSLATION(0), VA);
	/* DC: write-back, SCTLR_EL1.M and HCR_EL2.VM are as 0 and 1 */
	for (unsigned int n = 0; n < 4; n++) {
		s.a.regs.sctlr = n & 1;
		s.regs.hcr = HCR_DC | (n & 2 ? HCR_VM : 0);
		arm_load(&s.a);
		s2_load(&s);
		r = s2_goes(&s, READ, IPA, 1, DATA_PA);
		assert_int_equal(r.nr_loads[0], 0);
		assert_int_equal(r.piece[0].mem, WB);
		s2_aborts(&s, READ, VA, 1, TRANSLATION(0), VA);
	}
	/* what stage 2 says still counts */
	*s2_entry(&s, IPA, 0) = DATA_PA | (S2_LEAF & ~(MEMATTR(15) | S2_W)) | MEMATTR(5) | PAGE;
	assert_int_equal(s2_goes(&s, READ, IPA, 1, DATA_PA).piece[0].mem, NC);
	s2_aborts(&s, WRITE, IPA, 1, PERMISSION(3) | WNR, IPA);
	/* beyond the machine's addresses it is a fault of stage 1 */
	s.a.regs.sctlr = 0;
	s.a.regs.mmfr0 = 2;
	arm_load(&s.a);
	assert_int_equal(arm_aborts(&s.a, READ, BIT(40), 4, 0, ADDRESS_SIZE(0), BIT(40), 0).stage,
			 1);
	s2_exit(&s);
}

/* Registers that differ in one field alone are other registers. */
static void registers_change(void **state)
{
	const uint64_t vtcr = IPA_BITS(40) | S2_PS(2);
	const pt_pa_t ipa = BIT(39) | IPA;
	struct stage2 s;
	pt_pa_t root;

	(void)state;
	s2_init(&s);
	s.a.regs.sctlr = 0;
	arm_load(&s.a);
	root = s.root = MEM_PA + 2 * MIB;
	s.a.m.unused = root + 4 * MIB / 256;
	/* the same 40 bits from level 0, then from two tables of level 1 */
	s.regs = (struct pt_arm64_s2_regs){ .vttbr = root, .vtcr = vtcr | SL0(2), .hcr = HCR_VM };
	s2_load(&s);
	*s2_entry(&s, ipa, 0) = DATA_PA | S2_LEAF | PAGE;
	s2_goes(&s, READ, ipa, 1, DATA_PA);
	s.top = 2;
	s.root = root + 0x2000;
	s.regs.vttbr = s.root;
	s.regs.vtcr = vtcr | SL0(1);
	s2_load(&s);
	*s2_entry(&s, ipa, 0) = (DATA_PA + 0x1000) | S2_LEAF | PAGE;
	assert_int_equal(s2_goes(&s, READ, ipa, 1, DATA_PA + 0x1000).nr_loads[1], 3);
	s.regs.vttbr = root;
	s.regs.vtcr = vtcr | SL0(2);
	s2_load(&s);
	assert_int_equal(s2_goes(&s, READ, ipa, 1, DATA_PA).nr_loads[1], 4);
	s2_exit(&s);
}

static void order_of_setting(void **state)
{
	struct pt_x86_regs x86 = { .cr0 = 0x80010033, .cr4 = BIT(5), .efer = 0xd00 };
	struct pt_access_result r;
	struct pt_mmu *mmu;
	struct stage2 s;
	uint64_t *top;

	(void)state;
	s2_init(&s);
	top = s1_entry(&s, VA, 3);
	/* stage 1 loads its registers: stage 2 stays */
	arm_load(&s.a);
	s2_goes(&s, READ, VA, 0, DATA_PA);
	/* no stage 2, said in either way */
	for (unsigned int n = 0; n < 2; n++) {
		s.regs.hcr = 0;
		assert_int_equal(pt_mmu_set_arm64_s2(s.a.m.mmu, n ? &s.regs : NULL), 0);
		assert_int_equal(arm_try(&s.a, READ, VA, 4, 0, &r), 1);
		assert_int_equal(r.fault.kind, PT_FAULT_NO_MEMORY);
		s.regs.hcr = HCR_VM;
		s2_load(&s);
		s2_goes(&s, READ, VA, 0, DATA_PA);
	}
	assert_int_equal(pt_mmu_set_arm64_s2(s.a.m.mmu, NULL), 0);
	s.a.regs.ttbr0 -= GUEST;
	arm_load(&s.a);
	*top = 0;
	assert_int_equal(arm_aborts(&s.a, READ, VA, 4, 0, TRANSLATION(0), VA, 1).stage, 1);
	/* arm64 registers come first */
	assert_int_equal(pt_mmu_create(&mmu, s.a.m.phys), 0);
	assert_int_equal(pt_mmu_set_arm64_s2(mmu, &s.regs), -EINVAL);
	assert_int_equal(pt_mmu_set_arm64_s2(mmu, NULL), -EINVAL);
	assert_int_equal(pt_mmu_set_x86_64(mmu, &x86), 0);
	assert_int_equal(pt_mmu_set_arm64_s2(mmu, &s.regs), -EINVAL);
	assert_int_equal(pt_mmu_set_arm64(mmu, &s.a.regs), 0);
	assert_int_equal(pt_mmu_set_arm64_s2(mmu, &s.regs), 0);
	pt_mmu_destroy(mmu);
	s2_exit(&s);
}

/* What the other architecture's second stage was is forgotten: there, reading tables is writing. */
static void the_architecture_changes(void **state)
{
	struct pt_x86_regs x86 = { .cr0 = 0x80010033, .cr4 = BIT(5), .efer = 0xd00 };
	struct stage2 s;

	(void)state;
	s2_init(&s);
	assert_int_equal(pt_mmu_set_x86_64(s.a.m.mmu, &x86), 0);
	assert_int_equal(pt_mmu_set_npt(s.a.m.mmu, &x86), 0);
	arm_load(&s.a);
	s2_load(&s);
	*s2_entry(&s, s1_entry_ipa(&s, VA, 1), 0) &= ~S2_W;
	s2_goes(&s, READ, VA, 0, DATA_PA);
	s2_exit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_in_device_memory),  cmocka_unit_test(memory_types),
		cmocka_unit_test(forced_memory_types),	    cmocka_unit_test(stage_1_off),
		cmocka_unit_test(registers_change),	    cmocka_unit_test(order_of_setting),
		cmocka_unit_test(the_architecture_changes),
	};

	return cmocka_run_group_tests_name("golden_stage2_memory", tests, NULL, NULL);
}
