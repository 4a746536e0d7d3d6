/* SPDX-License-Identifier: MIT */
/*
 * arm64 system registers by hand.
 *
 *   Arm ARM DDI 0487 J.a, D17.2.131 "TCR_EL1", D17.2.144 "TTBR0_EL1",
 *   D17.2.64 to .66 "ID_AA64MMFR0_EL1" and following
 *
 *	TCR   59 DS, 42 HPD1, 41 HPD0, 40 HD, 39 HA, 34:32 IPS, 31:30 TG1, 29:28 SH1, 23 EPD1,
 *	      21:16 T1SZ, 15:14 TG0, 13:12 SH0, 7 EPD0, 5:0 T0SZ
 *	TG0   00 4K, 01 64K, 10 16K         TG1  01 16K, 10 4K, 11 64K
 *	IPS   000 to 110: 32 36 40 42 44 48 52
 *	TTBR  63:48 ASID, 47:1 BADDR, 0 CnP; with 52 bits 5:2 are address bits 51:48
 *	MMFR0 31:28 TGran4 (1: LPA2), 27:24 TGran64, 23:20 TGran16 (2: LPA2), 3:0 PARange
 *	MMFR1 15:12 HPDS, 3:0 HAFDBS;  MMFR2 55:52 BBM, 31:28 ST, 19:16 VARange (1: 52)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ptlib/format.h>

#define IPS(n) ((uint64_t)(n) << 32)
#define TG0(n) ((uint64_t)(n) << 14)
#define TG1(n) ((uint64_t)(n) << 30)
#define SZ(t0sz, t1sz) ((uint64_t)(t1sz) << 16 | (t0sz))
#define DS (UINT64_C(1) << 59)

static struct pt_fmt_cfg cfg;
static pt_pa_t root;

static void granules(void **state)
{
	static const struct {
		uint64_t tcr;
		enum pt_format lower, upper;
	} cases[] = {
		{ TG0(0) | TG1(2), PT_FMT_ARM64_4K, PT_FMT_ARM64_4K },
		{ TG0(2) | TG1(1), PT_FMT_ARM64_16K, PT_FMT_ARM64_16K },
		{ TG0(1) | TG1(3), PT_FMT_ARM64_64K, PT_FMT_ARM64_64K },
		{ TG0(0) | TG1(1), PT_FMT_ARM64_4K, PT_FMT_ARM64_16K },
		{ DS | TG0(0) | TG1(2), PT_FMT_ARM64_4K_LPA2, PT_FMT_ARM64_4K_LPA2 },
		{ DS | TG0(2) | TG1(1), PT_FMT_ARM64_16K_LPA2, PT_FMT_ARM64_16K_LPA2 },
		{ DS | TG0(1) | TG1(3), PT_FMT_ARM64_64K, PT_FMT_ARM64_64K },
	};
	struct pt_arm64_regs regs = { .mair = 0xff };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		regs.tcr = cases[i].tcr | SZ(16, 16) | IPS(5);
		assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
		assert_int_equal(cfg.fmt, cases[i].lower);
		assert_false(cfg.upper_half);
		assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, true), 0);
		assert_int_equal(cfg.fmt, cases[i].upper);
		assert_true(cfg.upper_half);
		assert_int_equal(cfg.mem_types, 0xff);
	}
	/* 11 in TG0 and 00 in TG1 are reserved */
	regs.tcr = SZ(16, 16) | TG0(3) | IPS(5);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), -EINVAL);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, true), -EINVAL);
}

static void widths(void **state)
{
	static const unsigned int pa_bits[] = { 32, 36, 40, 42, 44, 48 };
	struct pt_arm64_regs regs = { .mair = 0xff };

	(void)state;
	for (unsigned int ips = 0; ips < 6; ips++) {
		regs.tcr = SZ(16, 25) | TG1(2) | IPS(ips);
		assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
		assert_int_equal(cfg.pa_bits, pa_bits[ips]);
		assert_int_equal(cfg.va_bits, 48);
		assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, true), 0);
		assert_int_equal(cfg.va_bits, 39);
	}
	/* 52 bits only where a word has room for them */
	regs.tcr = SZ(16, 16) | IPS(6);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(cfg.pa_bits, 48);
	regs.tcr |= DS;
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(cfg.pa_bits, 52);
	/* T0SZ of 12 with DS or with 64K, not otherwise */
	regs.tcr = SZ(12, 12) | IPS(6) | DS;
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(cfg.va_bits, 52);
	regs.tcr = SZ(12, 12) | IPS(6) | TG0(1);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(cfg.va_bits, 52);
	regs.tcr = SZ(12, 12) | IPS(6);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), -EINVAL);
	regs.tcr = SZ(11, 11) | IPS(6) | DS;
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), -EINVAL);
	/* small tables: down to 16 bits, 17 with 64K */
	regs.tcr = SZ(48, 48) | IPS(5);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(cfg.va_bits, 16);
	regs.tcr = SZ(48, 48) | IPS(5) | TG0(1);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), -EINVAL);
}

static void controls(void **state)
{
	struct pt_arm64_regs regs = { .mair = 0xff, .tcr = SZ(16, 16) | TG1(2) | IPS(5) };
	const uint64_t tcr = regs.tcr;

	(void)state;
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(cfg.features, PT_FEAT_TTST | PT_FEAT_NO_HPD);
	regs.tcr = tcr | UINT64_C(1) << 41; /* HPD0 */
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(cfg.features, PT_FEAT_TTST);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, true), 0);
	assert_int_equal(cfg.features, PT_FEAT_TTST | PT_FEAT_NO_HPD);
	/* HD means something only beside HA */
	regs.tcr = tcr | UINT64_C(1) << 40;
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_false(cfg.features & PT_FEAT_HD);
	regs.tcr = tcr | UINT64_C(3) << 39;
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_true(cfg.features & PT_FEAT_HD);
	/* EPD0 and EPD1 */
	regs.tcr = tcr | 1u << 7;
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), -ENOENT);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, true), 0);
	regs.tcr = tcr | 1u << 23;
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, true), -ENOENT);
	/* with DS, SH0 and SH1 speak for all entries */
	regs.tcr = tcr | DS | 2u << 12 | 3u << 28;
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(cfg.share, 2);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, true), 0);
	assert_int_equal(cfg.share, 3);
}

static void base_registers(void **state)
{
	struct pt_arm64_regs regs = { .mair = 0xff };

	(void)state;
	/* an ASID above, CnP below */
	regs.ttbr0 = 0xbeef000012345001;
	regs.ttbr1 = 0xffff800012346001;
	regs.tcr = SZ(16, 16) | TG1(2) | IPS(5);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(root, 0x12345000);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, true), 0);
	assert_int_equal(root, 0x800012346000);
	/* 16K, 48 bits: 2 entries, 16 bytes */
	regs.ttbr0 = 0x0001000012345011;
	regs.tcr = SZ(16, 16) | TG0(2) | IPS(5);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(root, 0x12345010);
	/* 52 bits of output: 5:2 are 51:48; 64 bytes at least */
	regs.ttbr0 = 0x000180001234507d;
	regs.tcr = SZ(16, 16) | TG0(2) | IPS(6) | DS;
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(root, 0xf800012345040);
	/* 64K, 52 bits of input: 1024 entries, 8K */
	regs.ttbr0 = 0x0001800012346025;
	regs.tcr = SZ(12, 12) | TG0(1) | IPS(6);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(root, 0x9800012346000);
	assert_true(cfg.features & PT_FEAT_LPA);
	/* the same register with IPS of 48 bits: 5:2 are below the alignment */
	regs.tcr = SZ(12, 12) | TG0(1) | IPS(5);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(root, 0x800012346000);
	/* 4K with DS, 52 bits of input: 16 entries, 128 bytes */
	regs.ttbr0 = 0x00008000123450a5;
	regs.tcr = SZ(12, 12) | IPS(6) | DS;
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(root, 0x9800012345080);
}

static void what_the_machine_has(void **state)
{
	/* 40 bits, 4K and 64K, no 16K; hierarchical disable, AF and dirty; BBM 2 */
	struct pt_arm64_regs regs = { .mair = 0xff, .mmfr0 = 0x2, .mmfr1 = 0x1002,
				      .mmfr2 = 0x0020000000000000 };

	(void)state;
	regs.tcr = SZ(25, 25) | IPS(5) | DS | UINT64_C(3) << 39;
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(cfg.fmt, PT_FMT_ARM64_4K); /* no LPA2: DS is RES0 */
	assert_int_equal(cfg.pa_bits, 40);
	assert_int_equal(cfg.bbm, 2);
	assert_int_equal(cfg.features, PT_FEAT_HD | PT_FEAT_NO_HPD);
	regs.tcr = SZ(25, 25) | IPS(2) | TG0(2);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), -EINVAL);
	/* no small tables, no large inputs */
	regs.tcr = SZ(40, 40) | IPS(2);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), -EINVAL);
	regs.tcr = SZ(12, 12) | IPS(2) | TG0(1);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), -EINVAL);
	/* LPA2 with 4K, 52 bits */
	regs.mmfr0 = 0x10000006;
	regs.tcr = SZ(12, 12) | IPS(6) | DS;
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), 0);
	assert_int_equal(cfg.fmt, PT_FMT_ARM64_4K_LPA2);
	assert_int_equal(cfg.pa_bits, 52);
	/* no 4K at all */
	regs.mmfr0 = 0xf0000005;
	regs.tcr = SZ(25, 25) | IPS(5);
	assert_int_equal(pt_fmt_cfg_arm64(&cfg, &root, &regs, false), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(granules),
		cmocka_unit_test(widths),
		cmocka_unit_test(controls),
		cmocka_unit_test(base_registers),
		cmocka_unit_test(what_the_machine_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
