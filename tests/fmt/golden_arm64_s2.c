/* SPDX-License-Identifier: MIT */
/*
 * arm64 stage 2 registers by hand.
 *
 *   Arm ARM DDI 0487 J.a, D17.2 "General system control registers": "VTCR_EL2", "VTTBR_EL2",
 *   "HCR_EL2", "ID_AA64MMFR0_EL1" and following; D8.2 "Translation process"
 *
 *	VTCR  33 SL2, 32 DS, 22 HD, 21 HA, 18:16 PS, 15:14 TG0, 13:12 SH0, 7:6 SL0, 5:0 T0SZ
 *	TG0   00 4K, 01 64K, 10 16K;  PS 000 to 110: 32 36 40 42 44 48 52
 *	SL0   4K 00 level 2, 01 level 1, 10 level 0, 11 level 3; 1:00 (SL2) level -1
 *	      16K 00 level 3, 01 level 2, 10 level 1, 11 level 0; 64K 00 level 3 to 10 level 1
 *	VTTBR 63:48 VMID, 47:1 BADDR, 0 CnP; with 52 bits 5:2 are address bits 51:48
 *	HCR   46 FWB, 12 DC, 0 VM
 *	MMFR0 43:40 TGran4_2, 39:36 TGran64_2, 35:32 TGran16_2 (0: as stage 1, 1: none, 2: there,
 *	      3: LPA2);  MMFR1 31:28 XNX;  MMFR2 43:40 FWB
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ptlib/format.h>

#define PS(n) ((uint64_t)(n) << 16)
#define TG0(n) ((uint64_t)(n) << 14)
#define SL0(n) ((uint64_t)(n) << 6)
#define IPA(bits) (UINT64_C(64) - (bits))
#define SL2 (UINT64_C(1) << 33)
#define DS (UINT64_C(1) << 32)
#define FWB (UINT64_C(1) << 46)

static struct pt_fmt_cfg cfg;
static pt_pa_t root;

static int select_s2(uint64_t vtcr, uint64_t vttbr)
{
	const struct pt_arm64_s2_regs regs = { .vtcr = vtcr, .vttbr = vttbr, .hcr = 1 };

	return pt_fmt_cfg_arm64_s2(&cfg, &root, &regs);
}

static void formats(void **state)
{
	static const struct {
		uint64_t vtcr;
		enum pt_format fmt;
		unsigned int levels, va_bits, pa_bits;
	} cases[] = {
		{ TG0(0) | SL0(2) | IPA(48) | PS(5), PT_FMT_ARM64_S2_4K, 4, 48, 48 },
		{ TG0(0) | SL0(1) | IPA(40) | PS(2), PT_FMT_ARM64_S2_4K, 3, 40, 40 },
		{ TG0(0) | SL0(2) | IPA(40) | PS(5), PT_FMT_ARM64_S2_4K, 4, 40, 48 },
		{ TG0(0) | SL0(0) | IPA(32) | PS(0), PT_FMT_ARM64_S2_4K, 2, 32, 32 },
		{ TG0(0) | SL0(3) | IPA(20) | PS(5), PT_FMT_ARM64_S2_4K, 1, 20, 48 },
		{ TG0(2) | SL0(2) | IPA(47) | PS(6), PT_FMT_ARM64_S2_16K, 3, 47, 48 },
		{ TG0(2) | SL0(1) | IPA(40) | PS(5), PT_FMT_ARM64_S2_16K, 2, 40, 48 },
		{ TG0(1) | SL0(2) | IPA(48) | PS(5), PT_FMT_ARM64_S2_64K, 3, 48, 48 },
		{ TG0(1) | SL0(1) | IPA(42) | PS(5), PT_FMT_ARM64_S2_64K, 2, 42, 48 },
		{ TG0(1) | SL0(2) | IPA(52) | PS(6), PT_FMT_ARM64_S2_64K, 3, 52, 52 },
		{ DS | SL2 | TG0(0) | SL0(0) | IPA(52) | PS(6), PT_FMT_ARM64_S2_4K_LPA2, 5, 52, 52 },
		{ DS | TG0(0) | SL0(2) | IPA(52) | PS(6), PT_FMT_ARM64_S2_4K_LPA2, 4, 52, 52 },
		{ DS | TG0(2) | SL0(3) | IPA(52) | PS(6), PT_FMT_ARM64_S2_16K_LPA2, 4, 52, 52 },
		{ DS | TG0(2) | SL0(2) | IPA(48) | PS(6), PT_FMT_ARM64_S2_16K_LPA2, 3, 48, 52 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(select_s2(cases[i].vtcr, 0), 0);
		assert_int_equal(cfg.fmt, cases[i].fmt);
		assert_int_equal(cfg.levels, cases[i].levels);
		assert_int_equal(cfg.va_bits, cases[i].va_bits);
		assert_int_equal(cfg.pa_bits, cases[i].pa_bits);
		assert_false(cfg.upper_half);
		assert_int_equal(cfg.mem_types, 0);
	}
}

/* Hardware takes a level 0 translation fault for each of these. */
static void t0sz_and_sl0_that_do_not_go_together(void **state)
{
	static const uint64_t bad[] = {
		/* one entry, or more than 16 tables */
		TG0(0) | SL0(2) | IPA(39) | PS(5), TG0(0) | SL0(1) | IPA(44) | PS(5),
		TG0(0) | SL0(1) | IPA(30) | PS(5), TG0(0) | SL0(0) | IPA(35) | PS(5),
		TG0(0) | SL0(3) | IPA(26) | PS(5), TG0(2) | SL0(2) | IPA(36) | PS(5),
		TG0(2) | SL0(1) | IPA(41) | PS(5), TG0(2) | SL0(0) | IPA(30) | PS(5),
		TG0(1) | SL0(2) | IPA(42) | PS(5), TG0(1) | SL0(1) | IPA(47) | PS(5),
		DS | TG0(0) | SL0(1) | IPA(52) | PS(6), DS | SL2 | TG0(0) | IPA(48) | PS(6),
		DS | TG0(2) | SL0(2) | IPA(52) | PS(6),
		/* start levels that there are not */
		TG0(1) | SL0(3) | IPA(48) | PS(5), TG0(2) | SL0(3) | IPA(48) | PS(5),
		DS | SL2 | TG0(0) | SL0(1) | IPA(52) | PS(6),
		/* a reserved granule; wider than the form */
		TG0(3) | SL0(2) | IPA(48) | PS(5), TG0(0) | SL0(2) | IPA(49) | PS(6),
		TG0(0) | SL0(3) | IPA(15) | PS(5),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(select_s2(bad[i], 0), -EINVAL);
}

static void base_register(void **state)
{
	(void)state;
	/* a VMID above, CnP below; 2 tables of level 1, aligned to both */
	assert_int_equal(select_s2(SL0(1) | IPA(40) | PS(2), 0xbeef000012347001), 0);
	assert_int_equal(root, 0x12346000);
	assert_int_equal(select_s2(SL0(1) | IPA(43) | PS(4), 0xbeef00001234f001), 0);
	assert_int_equal(root, 0x12340000);
	/* 2 entries need 16 bytes */
	assert_int_equal(select_s2(SL0(2) | IPA(40) | PS(5), 0x0000000012345011), 0);
	assert_int_equal(root, 0x12345010);
	/* 52 bits: 5:2 are 51:48 */
	assert_int_equal(select_s2(DS | SL2 | IPA(52) | PS(6), 0x00008000123450a5), 0);
	assert_int_equal(root, 0x9800012345080);
	assert_int_equal(select_s2(TG0(1) | SL0(2) | IPA(52) | PS(6), 0x0000800012346025), 0);
	assert_int_equal(root, 0x9800012346000);
}

static void controls(void **state)
{
	const uint64_t vtcr = SL0(2) | IPA(48) | PS(5);
	struct pt_arm64_s2_regs regs = { .vtcr = vtcr };

	(void)state;
	/* no stage 2; DC is as VM */
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), -ENOENT);
	regs.hcr = 1u << 12;
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.features, PT_FEAT_TTST | PT_FEAT_XNX);
	regs.hcr = 1 | FWB;
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.features, PT_FEAT_TTST | PT_FEAT_XNX | PT_FEAT_FWB);
	/* HD means something only beside HA */
	regs.vtcr = vtcr | 1u << 22;
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), 0);
	assert_false(cfg.features & PT_FEAT_HD);
	regs.vtcr = vtcr | 3u << 21;
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), 0);
	assert_true(cfg.features & PT_FEAT_HD);
	/* SH0 speaks for all entries with DS, which then means nothing here without it */
	regs.vtcr = vtcr | 2u << 12;
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.share, 0);
	regs.vtcr |= DS;
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.share, 2);
}

static void what_the_machine_has(void **state)
{
	/* 40 bits; stage 2: 4K as stage 1, no 64K, 16K alone; no XNX, no FWB; BBM 1 */
	struct pt_arm64_s2_regs regs = { .hcr = 1 | FWB, .mmfr0 = 0x1200000002,
					 .mmfr2 = 0x0010000000000000 };

	(void)state;
	regs.vtcr = SL0(1) | IPA(40) | PS(5) | 3u << 21;
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.fmt, PT_FMT_ARM64_S2_4K);
	assert_int_equal(cfg.pa_bits, 40);
	assert_int_equal(cfg.bbm, 1);
	assert_int_equal(cfg.features, 0);
	regs.vtcr = TG0(2) | SL0(1) | IPA(36) | PS(2);
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.fmt, PT_FMT_ARM64_S2_16K);
	regs.vtcr = TG0(1) | SL0(1) | IPA(40) | PS(2);
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), -EINVAL);
	/* inputs wider than its addresses, a start level that only wider machines have, TTST */
	regs.vtcr = SL0(1) | IPA(41) | PS(2);
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), -EINVAL);
	regs.vtcr = SL0(2) | IPA(40) | PS(2);
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), -EINVAL);
	regs.vtcr = SL0(3) | IPA(25) | PS(2);
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), -EINVAL);
	/* LPA2 in stage 2 alone, with XNX and FWB */
	regs = (struct pt_arm64_s2_regs){ .hcr = 1 | FWB, .mmfr0 = 0x0000030000000006,
					  .mmfr1 = 0x10000000, .mmfr2 = 0x10000000000 };
	regs.vtcr = DS | SL2 | IPA(52) | PS(6);
	assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), 0);
	assert_int_equal(cfg.fmt, PT_FMT_ARM64_S2_4K_LPA2);
	assert_int_equal(cfg.features, PT_FEAT_XNX | PT_FEAT_FWB);
}

/* "ID_AA64MMFR0_EL1": TGran4_2 and TGran16_2, each value, whatever stage 1 has; TGran64_2 */
static void granules_of_stage_2_alone(void **state)
{
	static const struct {
		uint64_t vtcr, mmfr0;
		int fmt; /* -1: refused */
	} rows[] = {
		/* 4K: as stage 1, which has LPA2; none; there; with LPA2 */
		{ DS | SL0(2) | IPA(48), UINT64_C(1) << 28, PT_FMT_ARM64_S2_4K_LPA2 },
		{ DS | SL0(2) | IPA(48), UINT64_C(1) << 28 | UINT64_C(1) << 40, -1 },
		{ DS | SL0(2) | IPA(48), UINT64_C(1) << 28 | UINT64_C(2) << 40,
		  PT_FMT_ARM64_S2_4K },
		{ DS | SL0(2) | IPA(48), UINT64_C(15) << 28 | UINT64_C(3) << 40,
		  PT_FMT_ARM64_S2_4K_LPA2 },
		/* 16K: stage 1 without, with LPA2 and without it */
		{ DS | TG0(2) | SL0(2) | IPA(47), 0, -1 },
		{ DS | TG0(2) | SL0(2) | IPA(47), UINT64_C(1) << 20, PT_FMT_ARM64_S2_16K },
		{ DS | TG0(2) | SL0(2) | IPA(47), UINT64_C(2) << 20, PT_FMT_ARM64_S2_16K_LPA2 },
		{ DS | TG0(2) | SL0(2) | IPA(47), UINT64_C(2) << 20 | UINT64_C(1) << 32, -1 },
		{ DS | TG0(2) | SL0(2) | IPA(47), UINT64_C(2) << 20 | UINT64_C(2) << 32,
		  PT_FMT_ARM64_S2_16K },
		{ DS | TG0(2) | SL0(2) | IPA(47), UINT64_C(3) << 32, PT_FMT_ARM64_S2_16K_LPA2 },
		/* 64K */
		{ TG0(1) | SL0(2) | IPA(48), UINT64_C(1) << 36, -1 },
		{ TG0(1) | SL0(2) | IPA(48), UINT64_C(15) << 24 | UINT64_C(2) << 36,
		  PT_FMT_ARM64_S2_64K },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct pt_arm64_s2_regs regs = { .vtcr = rows[i].vtcr | PS(5),
						       .hcr = 1,
						       .mmfr0 = rows[i].mmfr0 | 6 };
		int err = rows[i].fmt < 0 ? -EINVAL : 0;

		assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), err);
		if (!err)
			assert_int_equal(cfg.fmt, rows[i].fmt);
	}
}

/* AArch64.S2InvalidSL(): where a walk may begin depends on PARange, not on T0SZ alone */
static void start_levels_of_wide_machines(void **state)
{
	static const struct {
		uint64_t vtcr, parange;
		int err;
	} rows[] = {
		/* 4 levels of 4K from 44 bits on; 3 of 16K from 42 bits on */
		{ TG0(0) | SL0(2) | IPA(40), 3, -EINVAL }, { TG0(0) | SL0(2) | IPA(40), 4, 0 },
		{ TG0(2) | SL0(2) | IPA(40), 2, -EINVAL }, { TG0(2) | SL0(2) | IPA(40), 3, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct pt_arm64_s2_regs regs = { .vtcr = rows[i].vtcr | PS(5),
						       .hcr = 1,
						       .mmfr0 = 1u << 20 | rows[i].parange };

		assert_int_equal(pt_fmt_cfg_arm64_s2(&cfg, &root, &regs), rows[i].err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats),
		cmocka_unit_test(t0sz_and_sl0_that_do_not_go_together),
		cmocka_unit_test(base_register),
		cmocka_unit_test(controls),
		cmocka_unit_test(what_the_machine_has),
		cmocka_unit_test(granules_of_stage_2_alone),
		cmocka_unit_test(start_levels_of_wide_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
