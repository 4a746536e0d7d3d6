/* SPDX-License-Identifier: MIT */
/* regs.h: the registers that select a table, which pt_fmt_cfg_*() reads as that table again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <ptlib/ptlib.h>

#include "model/configs.h"
#include "model/page_source.h"
#include "model/thin.h"

#define BIT(n) (UINT64_C(1) << (n))
#define BITS(high, low) ((BIT(high) << 1) - BIT(low))
#define NR_FILLS 3

/* Registers of every kind; a format has one of them. */
struct regs {
	struct pt_x86_regs x86;
	struct pt_arm64_regs arm64;
	struct pt_x86_ept_regs ept;
	struct pt_arm64_s2_regs s2;
};

static int select_table(struct regs *regs, const struct pt_fmt_cfg *cfg, pt_pa_t root)
{
	if (cfg->fmt == PT_FMT_X86_64)
		return pt_x86_regs_select(&regs->x86, cfg, root);
	if (cfg->fmt == PT_FMT_X86_EPT)
		return pt_x86_ept_regs_select(&regs->ept, cfg, root);
	if (format_is_stage2(cfg->fmt))
		return pt_arm64_s2_regs_select(&regs->s2, cfg, root);
	return pt_arm64_regs_select(&regs->arm64, cfg, root);
}

static int read_back(const struct regs *regs, const struct pt_fmt_cfg *asked,
		     struct pt_fmt_cfg *cfg, pt_pa_t *root)
{
	if (asked->fmt == PT_FMT_X86_64)
		return pt_fmt_cfg_x86_64(cfg, root, &regs->x86);
	if (asked->fmt == PT_FMT_X86_EPT)
		return pt_fmt_cfg_x86_ept(cfg, root, &regs->ept);
	if (format_is_stage2(asked->fmt))
		return pt_fmt_cfg_arm64_s2(cfg, root, &regs->s2);
	return pt_fmt_cfg_arm64(cfg, root, &regs->arm64, asked->upper_half);
}

static bool is_stage1_arm64(enum pt_format fmt)
{
	return !format_is_x86(fmt) && !format_is_stage2(fmt);
}

static void assert_selected(const struct regs *regs, const struct pt_fmt_cfg *asked, pt_pa_t root)
{
	unsigned int features = asked->features;
	struct pt_format_info info;
	struct pt_fmt_cfg cfg;
	pt_pa_t found;

	if (is_stage1_arm64(asked->fmt))
		features &= ~PT_FEAT_PKEYS; /* of TCR2 and POR */
	assert_int_equal(pt_format_info(asked, &info), 0);
	assert_int_equal(read_back(regs, asked, &cfg, &found), 0);
	assert_int_equal(found, root);
	assert_int_equal(cfg.fmt, asked->fmt);
	assert_int_equal(cfg.va_bits, asked->va_bits);
	assert_int_equal(cfg.pa_bits, asked->pa_bits);
	assert_int_equal(cfg.upper_half, asked->upper_half);
	assert_int_equal(cfg.bbm, asked->bbm);
	assert_int_equal(cfg.features, features);
	assert_int_equal(cfg.share, asked->share);
	assert_int_equal(cfg.c_bit, asked->c_bit);
	assert_int_equal(cfg.mem_types, asked->mem_types);
	assert_true(!cfg.levels || cfg.levels == info.nr_levels);
}

/* The lowest root but 0, one in the middle, and the highest. */
static pt_pa_t root_of(const struct pt_fmt_cfg *cfg, unsigned int i)
{
	struct pt_format_info info;
	uint64_t step;

	assert_int_equal(pt_format_info(cfg, &info), 0);
	step = BIT(info.root_align_lg2);
	return (i == 0 ? step : i == 1 ? BIT(cfg->pa_bits) / 5 * 3 : BIT(cfg->pa_bits) - 1) & -step;
}

/*
 * All zero; all ones but for what no register has and what says what the machine has; and what
 * another table, in the other half if there is one, has left.
 */
static void fill(struct regs *regs, const struct pt_fmt_cfg *cfg, unsigned int i)
{
	struct pt_fmt_cfg other = *cfg;

	memset(regs, i == 1 ? 0xff : 0, sizeof(*regs));
	if (i == 1) {
		regs->x86.cr3 &= ~BITS(60, 52); /* reserved in every CR3 */
		regs->x86.maxphyaddr = regs->ept.maxphyaddr = regs->x86.c_bit = 0;
		regs->x86.no_1g = regs->ept.mbec = regs->arm64.pan = regs->arm64.uao = false;
		regs->ept.ept_vpid_cap = 0;
		regs->arm64.mmfr0 = regs->arm64.mmfr1 = regs->arm64.mmfr2 = regs->arm64.mmfr3 = 0;
		regs->s2.mmfr0 = regs->s2.mmfr1 = regs->s2.mmfr2 = 0;
	}
	other.upper_half = is_stage1_arm64(cfg->fmt) && !cfg->upper_half;
	if (i == 2)
		assert_int_equal(select_table(regs, &other, root_of(&other, 1)), 0);
}

static void every_configuration_comes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_CONFIGS; i++) {
		struct pt_fmt_cfg cfg = config_fmt(&configs[i]);

		for (unsigned int j = 0; j < 3 * NR_FILLS; j++) {
			pt_pa_t root = root_of(&cfg, j % 3);
			struct regs regs;

			fill(&regs, &cfg, j / 3);
			assert_int_equal(select_table(&regs, &cfg, root), 0);
			assert_selected(&regs, &cfg, root);
		}
	}
}

/*
 * Arm ARM DDI 0487 J.a, "VTCR_EL2": SL0 of 3 is a start at level 3 with 4K and FEAT_TTST alone,
 * and with 16K one at level 0, which takes DS.
 */
static bool can_start(const struct pt_fmt_cfg *cfg, const struct pt_format_info *info)
{
	if (cfg->fmt == PT_FMT_ARM64_S2_4K || cfg->fmt == PT_FMT_ARM64_S2_4K_LPA2)
		return info->nr_levels > 1 || cfg->features & PT_FEAT_TTST;
	return cfg->fmt != PT_FMT_ARM64_S2_16K || info->nr_levels < 4;
}

static unsigned int try_widths(struct pt_fmt_cfg *cfg)
{
	static const unsigned int pa_bits[] = { 32, 36, 40, 42, 44, 48, 52 };
	struct pt_format_info info;
	unsigned int nr = 0;

	cfg->va_bits = cfg->pa_bits = 48; /* which all have */
	cfg->levels = 0;
	if (pt_format_info(cfg, &info))
		return 0;
	for (cfg->va_bits = 16; cfg->va_bits <= 57; cfg->va_bits += (unsigned int)test_thin()) {
		for (unsigned int i = 0; i < 7 * 6; i++) {
			struct regs regs = { 0 };
			pt_pa_t root;

			cfg->pa_bits = pa_bits[i % 7];
			cfg->levels = i / 7;
			if (pt_format_info(cfg, &info))
				continue;
			root = root_of(cfg, i % 3);
			if (!can_start(cfg, &info)) {
				assert_int_equal(select_table(&regs, cfg, root), -EINVAL);
				continue;
			}
			assert_int_equal(select_table(&regs, cfg, root), 0);
			assert_selected(&regs, cfg, root);
			nr++;
		}
	}
	return nr;
}

static void whatever_a_format_can_be_can_be_selected(void **state)
{
	unsigned int nr = 0;

	(void)state;
	for (unsigned int fmt = 0; fmt < PT_FMT_NR; fmt++) {
		struct pt_fmt_cfg cfg;

		assert_int_equal(pt_fmt_cfg_init(&cfg, (enum pt_format)fmt), 0);
		for (unsigned int features = 0; features < 2 * PT_FEAT_FWB; features++) {
			cfg.features = features;
			cfg.upper_half = is_stage1_arm64(cfg.fmt) && features % 3 == 1;
			cfg.bbm = format_is_x86(cfg.fmt) ? 0 : features % 5 % 3;
			cfg.share = format_is_lpa2(cfg.fmt) ? features % 7 % 4 : 0;
			nr += try_widths(&cfg);
		}
	}
	assert_true(nr * test_thin() > 10000);
}

/* ---- halves ---- */

static void both_halves_are_selected_in_either_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_CONFIGS; i++) {
		struct pt_fmt_cfg cfg[2] = { config_fmt(&configs[i]), config_fmt(&configs[i]) };
		struct regs regs = { 0 };

		if (!is_stage1_arm64(cfg[0].fmt))
			continue;
		cfg[1].upper_half = !cfg[0].upper_half;
		for (unsigned int j = 0; j < 2; j++)
			assert_int_equal(select_table(&regs, &cfg[j], root_of(&cfg[j], j)), 0);
		for (unsigned int j = 0; j < 2; j++)
			assert_selected(&regs, &cfg[j], root_of(&cfg[j], j));
	}
}

static void halves_that_differ_go_together_or_are_refused(void **state)
{
	unsigned int nr_together = 0, nr_refused = 0;

	(void)state;
	for (size_t i = 0; i < NR_CONFIGS * NR_CONFIGS; i++) {
		struct pt_fmt_cfg lower = config_fmt(&configs[i / NR_CONFIGS]);
		struct pt_fmt_cfg upper = config_fmt(&configs[i % NR_CONFIGS]);
		struct regs regs = { 0 }, before;
		int err;

		if (!is_stage1_arm64(lower.fmt) || !is_stage1_arm64(upper.fmt))
			continue;
		lower.upper_half = false;
		upper.upper_half = true;
		assert_int_equal(select_table(&regs, &lower, root_of(&lower, 2)), 0);
		before = regs;
		err = select_table(&regs, &upper, root_of(&upper, 0));
		assert_selected(&regs, &lower, root_of(&lower, 2));
		if (!err) {
			assert_selected(&regs, &upper, root_of(&upper, 0));
			nr_together++;
		} else {
			assert_int_equal(err, -EINVAL);
			assert_memory_equal(&regs, &before, sizeof(regs));
			nr_refused++;
		}
	}
	assert_true(nr_together > 20 && nr_refused > 100);
}

/* 64K with 52 bits of output in one half, 4K in the other: IPS says 52, which 4K takes for 48. */
static void halves_share_a_width_that_both_can_read(void **state)
{
	struct pt_fmt_cfg wide, narrow;
	struct regs regs = { 0 };

	(void)state;
	assert_int_equal(pt_fmt_cfg_init(&wide, PT_FMT_ARM64_64K), 0);
	wide.features |= PT_FEAT_LPA;
	wide.pa_bits = 52;
	assert_int_equal(pt_fmt_cfg_init(&narrow, PT_FMT_ARM64_4K), 0);
	narrow.upper_half = true;
	for (unsigned int i = 0; i < 2; i++) {
		regs = (struct regs){ 0 };
		assert_int_equal(select_table(&regs, i ? &wide : &narrow, 0x20000), 0);
		assert_int_equal(select_table(&regs, i ? &narrow : &wide, 0x40000), 0);
		assert_selected(&regs, &wide, i ? 0x20000 : 0x40000);
		assert_selected(&regs, &narrow, i ? 0x40000 : 0x20000);
	}
}

/* To 64K DS is nothing: as 4K with LPA2 needs it, so it stays. */
static void halves_share_ds_that_one_needs(void **state)
{
	struct pt_fmt_cfg lpa2, other;

	(void)state;
	assert_int_equal(pt_fmt_cfg_init(&lpa2, PT_FMT_ARM64_4K_LPA2), 0);
	assert_int_equal(pt_fmt_cfg_init(&other, PT_FMT_ARM64_64K), 0);
	other.features |= PT_FEAT_LPA;
	other.pa_bits = 52;
	other.upper_half = true;
	for (unsigned int i = 0; i < 2; i++) {
		struct regs regs = { 0 };

		assert_int_equal(select_table(&regs, i ? &lpa2 : &other, 0x20000), 0);
		assert_int_equal(select_table(&regs, i ? &other : &lpa2, 0x40000), 0);
		assert_selected(&regs, &lpa2, i ? 0x20000 : 0x40000);
		assert_selected(&regs, &other, i ? 0x40000 : 0x20000);
	}
}

static void a_half_without_tables_is_disabled_and_one_with_is_not(void **state)
{
	struct pt_arm64_regs regs = { .ttbr1 = 0x5000 }, before;
	struct pt_fmt_cfg cfg, other;
	pt_pa_t root;

	(void)state;
	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_ARM64_4K), 0);
	assert_int_equal(pt_arm64_regs_select(&regs, &cfg, 0x1000), 0);
	assert_int_equal(pt_fmt_cfg_arm64(&other, &root, &regs, true), -ENOENT);
	assert_int_equal(regs.ttbr1, 0x5000);
	/* T1SZ and TG1 by hand; what the machine has was not said, and is now */
	regs = (struct pt_arm64_regs){
		.ttbr1 = 0x5000,
		.tcr = 16 << 16 | UINT64_C(2) << 30 | UINT64_C(5) << 32 | UINT64_C(1) << 42,
		.mair = cfg.mem_types,
	};
	assert_int_equal(pt_arm64_regs_select(&regs, &cfg, 0x1000), 0);
	assert_int_equal(pt_fmt_cfg_arm64(&other, &root, &regs, true), 0);
	assert_int_equal(root, 0x5000);
	assert_int_equal(other.features, 0);
	/* small tables, which the machine that is filled in for @cfg has not */
	regs = (struct pt_arm64_regs){ .tcr = 48 << 16 | UINT64_C(2) << 30 | UINT64_C(5) << 32,
				       .mair = cfg.mem_types };
	before = regs;
	assert_int_equal(pt_fmt_cfg_arm64(&other, &root, &regs, true), 0);
	assert_int_equal(pt_arm64_regs_select(&regs, &cfg, 0x1000), -EINVAL);
	assert_memory_equal(&regs, &before, sizeof(regs));
	/* EPD1, by whom it may be */
	regs.tcr |= BIT(23);
	assert_int_equal(pt_arm64_regs_select(&regs, &cfg, 0x2000), 0);
	assert_int_equal(regs.tcr & BIT(23), BIT(23));
}

/* ---- what is left alone ---- */

/* Arm ARM DDI 0487 J.a, D17.2.131 "TCR_EL1"; "VTCR_EL2"; Intel SDM Vol. 3A, 2.5 (rev. 081) */
static void other_fields_stay(void **state)
{
	const uint64_t half[2] = { BITS(5, 0) | BIT(7) | BITS(15, 14) | BIT(41),
				   BITS(21, 16) | BIT(23) | BITS(31, 30) | BIT(42) };

	(void)state;
	for (size_t i = 0; i < NR_CONFIGS * 2; i++) {
		struct pt_fmt_cfg cfg = config_fmt(&configs[i / 2]);
		bool lpa2 = format_is_lpa2(cfg.fmt);
		uint64_t tcr = half[cfg.upper_half] | (half[!cfg.upper_half] & (BIT(7) | BIT(23))) |
			       BITS(34, 32) | BITS(40, 39) | BIT(59);
		struct regs regs, was;

		if (lpa2)
			tcr |= UINT64_C(3) << (cfg.upper_half ? 28 : 12);
		fill(&was, &cfg, i % 2);
		regs = was;
		assert_int_equal(select_table(&regs, &cfg, root_of(&cfg, 2)), 0);
		assert_int_equal((regs.x86.cr0 ^ was.x86.cr0) & ~(BIT(31) | BIT(0)), 0);
		assert_int_equal((regs.x86.cr3 ^ was.x86.cr3) & ~BITS(51, 12), 0);
		assert_int_equal(
			(regs.x86.cr4 ^ was.x86.cr4) & ~(BIT(5) | BIT(12) | BIT(22) | BIT(24)), 0);
		assert_int_equal((regs.x86.efer ^ was.x86.efer) & ~(BIT(8) | BIT(10) | BIT(11)), 0);
		assert_int_equal((regs.arm64.tcr ^ was.arm64.tcr) & ~tcr, 0);
		assert_int_equal((regs.arm64.sctlr ^ was.arm64.sctlr) & ~BIT(0), 0);
		assert_int_equal((regs.arm64.ttbr0 ^ was.arm64.ttbr0) & ~BITS(47, 1), 0);
		assert_int_equal((regs.arm64.ttbr1 ^ was.arm64.ttbr1) & ~BITS(47, 1), 0);
		assert_int_equal(regs.arm64.tcr2, was.arm64.tcr2);
		assert_int_equal(regs.arm64.por_el0, was.arm64.por_el0);
		assert_int_equal(regs.arm64.por_el1, was.arm64.por_el1);
		assert_int_equal((regs.s2.vttbr ^ was.s2.vttbr) & ~BITS(47, 1), 0);
		assert_int_equal((regs.s2.vtcr ^ was.s2.vtcr) &
					 ~(BITS(7, 0) | (lpa2 ? BITS(13, 12) : 0) | BITS(18, 14) |
					   BITS(22, 21) | BITS(33, 32)),
				 0);
		assert_int_equal((regs.s2.hcr ^ was.s2.hcr) & ~(BIT(46) | BIT(0)), 0);
		assert_int_equal((regs.ept.eptp ^ was.ept.eptp) & BIT(7), 0);
	}
}

/* ---- words ---- */

/* Intel SDM Vol. 3A, 2.5 "Control Registers", 2.2.1, Table 4-12 "Use of CR3" (rev. 081) */
static void words_of_x86_64(void **state)
{
	struct pt_x86_regs regs = { 0 };
	struct pt_fmt_cfg cfg;

	(void)state;
	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_X86_64), 0);
	assert_int_equal(pt_x86_regs_select(&regs, &cfg, 0x1234000), 0);
	assert_int_equal(regs.cr0, 0x80000001); /* PG, PE */
	assert_int_equal(regs.cr3, 0x1234000);
	assert_int_equal(regs.cr4, 0x400020); /* PKE, PAE */
	assert_int_equal(regs.efer, 0xd00); /* NXE, LMA, LME */
	assert_int_equal(regs.pat, 0x0407050600070106);
	assert_int_equal(regs.maxphyaddr, 52);
	assert_false(regs.no_1g);

	/* Linux's, with PCIDs, SMEP, SMAP, PKS, a PCID and LAM_U57 */
	regs = (struct pt_x86_regs){
		.cr0 = 0x80050033, .cr3 = 0x2000000000000005, .cr4 = 0x1370ef0, .efer = 0xd01
	};
	cfg.va_bits = 57;
	cfg.pa_bits = 46;
	cfg.features = PT_FEAT_PKEYS;
	assert_int_equal(pt_x86_regs_select(&regs, &cfg, 0x3ffffffff000), 0);
	assert_int_equal(regs.cr0, 0x80050033);
	assert_int_equal(regs.cr3, 0x20003ffffffff005);
	assert_int_equal(regs.cr4, 0x1371ef0); /* LA57 */
	assert_int_equal(regs.efer, 0x501);
	assert_int_equal(regs.maxphyaddr, 46);
	assert_true(regs.no_1g);
	cfg.features = PT_FEAT_NX;
	assert_int_equal(pt_x86_regs_select(&regs, &cfg, 0), 0);
	assert_int_equal(regs.cr4, 0x371ef0);
}

/* Intel SDM Vol. 3C, 25.6.11 "Extended-Page-Table Pointer (EPTP)", Table 25-9 (rev. 081) */
static void words_of_ept(void **state)
{
	struct pt_x86_ept_regs regs = { 0 };
	struct pt_fmt_cfg cfg;

	(void)state;
	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_X86_EPT), 0);
	assert_int_equal(pt_x86_ept_regs_select(&regs, &cfg, 0x1234000), 0);
	assert_int_equal(regs.eptp, 0x123405e); /* A and D, 4 levels, write-back */
	assert_false(regs.mbec);
	assert_int_equal(regs.maxphyaddr, 52);

	regs = (struct pt_x86_ept_regs){ .eptp = 0x9f };
	cfg.va_bits = 57;
	cfg.pa_bits = 46;
	cfg.features = PT_FEAT_MBEC;
	assert_int_equal(pt_x86_ept_regs_select(&regs, &cfg, 0x3ffffffff000), 0);
	assert_int_equal(regs.eptp, 0x3ffffffff0a6); /* bit 7 stays, 5 levels, write-back */
	assert_true(regs.mbec);
	assert_int_equal(regs.maxphyaddr, 46);
	assert_int_equal(regs.ept_vpid_cap & (BIT(17) | BIT(14) | BIT(7) | BIT(0)),
			 BIT(14) | BIT(7));
}

/* Arm ARM DDI 0487 J.a, D17.2.131 "TCR_EL1", D17.2.144 "TTBR0_EL1", D17.2.147 "TTBR1_EL1" */
static void words_of_arm64(void **state)
{
	struct pt_arm64_regs regs = { .ttbr1 = 0x00ab000000000001 };
	struct pt_fmt_cfg cfg;

	(void)state;
	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_ARM64_4K), 0);
	assert_int_equal(pt_arm64_regs_select(&regs, &cfg, 0x1234000), 0);
	/* HPD0, IPS of 48 bits, EPD1, T0SZ */
	assert_int_equal(regs.tcr, 0x0000020500800010);
	assert_int_equal(regs.ttbr0, 0x1234000);
	assert_int_equal(regs.mair, 0x000000040044ffff);
	assert_int_equal(regs.sctlr, 1);
	cfg.upper_half = true;
	cfg.va_bits = 39;
	assert_int_equal(pt_arm64_regs_select(&regs, &cfg, 0x800012346000), 0);
	/* HPD1 and HPD0, TG1 of 4K, T1SZ; no EPD1 */
	assert_int_equal(regs.tcr, 0x0000060580190010);
	assert_int_equal(regs.ttbr1, 0x00ab800012346001);

	regs = (struct pt_arm64_regs){ 0 };
	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_ARM64_4K_LPA2), 0);
	cfg.va_bits = 52;
	cfg.features = PT_FEAT_HD | PT_FEAT_NO_HPD;
	assert_int_equal(pt_arm64_regs_select(&regs, &cfg, 0xf800012345080), 0);
	/* DS, HD, HA, IPS of 52 bits, EPD1, SH0, T0SZ; TTBR's 5:2 are 51:48 */
	assert_int_equal(regs.tcr, 0x080001860080300c);
	assert_int_equal(regs.ttbr0, 0x00008000123450bc);

	regs = (struct pt_arm64_regs){ 0 };
	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_ARM64_64K), 0);
	cfg.upper_half = true;
	cfg.va_bits = 42;
	assert_int_equal(pt_arm64_regs_select(&regs, &cfg, 0x40000), 0);
	/* HPD1, IPS of 48 bits, TG1 of 64K, T1SZ, EPD0 */
	assert_int_equal(regs.tcr, 0x00000405c0160080);
	assert_int_equal(regs.mmfr0 & 0xf, 5); /* no LPA */
}

/* Arm ARM DDI 0487 J.a, D17.2 "VTCR_EL2", "VTTBR_EL2", "HCR_EL2" */
static void words_of_arm64_s2(void **state)
{
	struct pt_arm64_s2_regs regs = { .vttbr = 0x0012000000000000 };
	struct pt_fmt_cfg cfg;

	(void)state;
	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_ARM64_S2_4K), 0);
	assert_int_equal(pt_arm64_s2_regs_select(&regs, &cfg, 0x1234000), 0);
	assert_int_equal(regs.vtcr, 0x50090); /* PS of 48 bits, SL0 for 4 levels, T0SZ */
	assert_int_equal(regs.vttbr, 0x0012000001234000);
	assert_int_equal(regs.hcr, 1); /* VM */

	regs = (struct pt_arm64_s2_regs){ .hcr = BIT(46) };
	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_ARM64_S2_16K), 0);
	cfg.va_bits = cfg.pa_bits = 40;
	cfg.levels = 2; /* 16 tables side by side */
	assert_int_equal(pt_arm64_s2_regs_select(&regs, &cfg, 0x40000), 0);
	assert_int_equal(regs.vtcr, 0x28058); /* PS of 40 bits, TG0 of 16K, SL0, T0SZ */
	assert_int_equal(regs.hcr, 1);

	regs = (struct pt_arm64_s2_regs){ 0 };
	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_ARM64_S2_4K_LPA2), 0);
	cfg.va_bits = 52;
	cfg.features = PT_FEAT_FWB | PT_FEAT_HD;
	assert_int_equal(pt_arm64_s2_regs_select(&regs, &cfg, 0xf800012345080), 0);
	/* SL2, DS, HD, HA, PS of 52 bits, SH0, SL0, T0SZ */
	assert_int_equal(regs.vtcr, 0x30066300c);
	assert_int_equal(regs.vttbr, 0x00008000123450bc);
	assert_int_equal(regs.hcr, BIT(46) | BIT(0));
}

/* ---- refused ---- */

static void assert_refused(const struct regs *regs, const struct pt_fmt_cfg *cfg, pt_pa_t root)
{
	struct regs to = *regs;

	assert_int_equal(select_table(&to, cfg, root), -EINVAL);
	assert_memory_equal(&to, regs, sizeof(to));
}

static void refuses_roots_that_registers_cannot_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_CONFIGS; i++) {
		struct pt_fmt_cfg cfg = config_fmt(&configs[i]);
		struct pt_format_info info;
		struct regs regs;

		assert_int_equal(pt_format_info(&cfg, &info), 0);
		for (unsigned int j = 0; j < NR_FILLS; j++) {
			fill(&regs, &cfg, j);
			for (unsigned int bit = 0; bit < 64; bit++) {
				if (bit < info.root_align_lg2 || bit >= cfg.pa_bits)
					assert_refused(&regs, &cfg, root_of(&cfg, 0) | BIT(bit));
			}
		}
	}
}

static void refuses_other_formats(void **state)
{
	struct regs regs, before;

	(void)state;
	memset(&regs, 0, sizeof(regs));
	before = regs;
	for (size_t i = 0; i < NR_CONFIGS; i++) {
		struct pt_fmt_cfg cfg = config_fmt(&configs[i]);
		pt_pa_t root = root_of(&cfg, 0);

		if (cfg.fmt != PT_FMT_X86_64)
			assert_int_equal(pt_x86_regs_select(&regs.x86, &cfg, root), -EINVAL);
		if (cfg.fmt != PT_FMT_X86_EPT)
			assert_int_equal(pt_x86_ept_regs_select(&regs.ept, &cfg, root), -EINVAL);
		if (!is_stage1_arm64(cfg.fmt))
			assert_int_equal(pt_arm64_regs_select(&regs.arm64, &cfg, root), -EINVAL);
		if (format_is_x86(cfg.fmt) || !format_is_stage2(cfg.fmt))
			assert_int_equal(pt_arm64_s2_regs_select(&regs.s2, &cfg, root), -EINVAL);
		assert_memory_equal(&regs, &before, sizeof(regs));
		cfg.fmt = PT_FMT_NR;
		assert_int_equal(pt_x86_regs_select(&regs.x86, &cfg, root), -EINVAL);
		assert_int_equal(pt_x86_ept_regs_select(&regs.ept, &cfg, root), -EINVAL);
		assert_int_equal(pt_arm64_regs_select(&regs.arm64, &cfg, root), -EINVAL);
		assert_int_equal(pt_arm64_s2_regs_select(&regs.s2, &cfg, root), -EINVAL);
	}
}

static void refuses_configurations_that_do_not_exist(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_CONFIGS; i++) {
		const struct pt_fmt_cfg good = config_fmt(&configs[i]);
		struct pt_fmt_cfg bad[] = { good, good, good, good, good, good };
		struct regs regs;

		bad[0].va_bits = 64;
		bad[1].pa_bits = 0;
		bad[2].pa_bits = 53;
		bad[3].features ^= 1u << 31;
		bad[4].bbm = 3;
		bad[5].levels = 1 + PT_MAX_LEVELS;
		memset(&regs, 0, sizeof(regs));
		for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++)
			assert_refused(&regs, &bad[j], 0);
	}
}

static void refuses_what_the_machine_does_not_have(void **state)
{
	struct pt_fmt_cfg cfg;
	struct regs regs;

	(void)state;
	memset(&regs, 0, sizeof(regs));
	regs.x86.no_1g = true;
	regs.ept.ept_vpid_cap = 0x0000000006104040; /* 4 levels, write-back */
	regs.arm64.mmfr0 = 0xf000005; /* 4K alone, 48 bits */
	regs.s2.mmfr0 = 0x2; /* 4K and 64K, 40 bits */
	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_X86_64), 0);
	assert_refused(&regs, &cfg, 0x1000);
	cfg.features &= ~PT_FEAT_1G;
	assert_int_equal(select_table(&regs, &cfg, 0x1000), 0);
	cfg.pa_bits = 46; /* it was 52 */
	assert_refused(&regs, &cfg, 0x1000);
	cfg.pa_bits = 52;
	cfg.mem_types = 0; /* of a register: the reset value */
	assert_refused(&regs, &cfg, 0x1000);

	/* a C-bit where @cfg has none, or has it elsewhere */
	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_X86_64), 0);
	cfg.pa_bits = 46;
	regs.x86 = (struct pt_x86_regs){ .maxphyaddr = 46, .c_bit = 47 };
	assert_refused(&regs, &cfg, 0x1000);
	cfg.c_bit = 51;
	assert_refused(&regs, &cfg, 0x1000);
	cfg.c_bit = 47;
	assert_int_equal(select_table(&regs, &cfg, 0x1000), 0);

	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_X86_EPT), 0);
	assert_refused(&regs, &cfg, 0x1000);
	cfg.features = 0;
	assert_int_equal(select_table(&regs, &cfg, 0x1000), 0);
	cfg.va_bits = 57;
	assert_refused(&regs, &cfg, 0x1000);

	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_ARM64_16K), 0);
	cfg.features = PT_FEAT_NO_HPD;
	assert_refused(&regs, &cfg, 0x4000);
	cfg.fmt = PT_FMT_ARM64_4K;
	assert_int_equal(select_table(&regs, &cfg, 0x4000), 0);
	cfg.features |= PT_FEAT_HD;
	assert_refused(&regs, &cfg, 0x4000);

	assert_int_equal(pt_fmt_cfg_init(&cfg, PT_FMT_ARM64_S2_4K), 0);
	cfg.features = 0;
	assert_refused(&regs, &cfg, 0x4000);
	cfg.va_bits = cfg.pa_bits = 40;
	cfg.levels = 3;
	assert_int_equal(select_table(&regs, &cfg, 0x4000), 0);
	cfg.features = PT_FEAT_XNX;
	assert_refused(&regs, &cfg, 0x4000);
}

/* ---- accesses ---- */

static int load(struct pt_mmu *mmu, const struct regs *regs, enum pt_format fmt)
{
	int err;

	if (format_is_x86(fmt)) {
		err = pt_mmu_set_x86_64(mmu, &regs->x86);
		return err || fmt == PT_FMT_X86_64 ? err : pt_mmu_set_ept(mmu, &regs->ept);
	}
	err = pt_mmu_set_arm64(mmu, &regs->arm64);
	return err || !format_is_stage2(fmt) ? err : pt_mmu_set_arm64_s2(mmu, &regs->s2);
}

static void access_through(struct pt_phys *phys, const struct config *config)
{
	struct pt_pgtable_cfg cfg = { .fmt = config_fmt(config) };
	enum pt_format fmt = cfg.fmt.fmt;
	uint64_t page = BIT(format_granule_lg2(fmt));
	pt_attr_t attr = PT_ATTR_RW | PT_ATTR_ACCESSED | PT_ATTR_DIRTY |
			 (format_is_stage2(fmt) ? 0 : PT_ATTR_USER);
	struct pt_access how = { .kind = PT_ACCESS_WRITE, .size = 8 };
	struct regs regs = { 0 };
	struct pt_access_result result;
	struct page_source source;
	struct pt_format_info info;
	struct pt_pgtable *pt;
	struct pt_mmu *mmu;

	how.priv = format_is_x86(fmt) ? 3 : 0;
	if (fmt == PT_FMT_X86_64 && !(cfg.fmt.features & PT_FEAT_NX))
		attr |= PT_ATTR_EXEC; /* nothing forbids it */
	page_source_init(&source, phys, 16 * page, format_granule_lg2(fmt), 64);
	cfg.tables = page_source_ops(&source);
	assert_int_equal(pt_format_info(&cfg.fmt, &info), 0);
	assert_int_equal(pt_mmu_create(&mmu, phys), 0);
	assert_int_equal(pt_pgtable_create(&pt, phys, &cfg), 0);
	assert_int_equal(pt_map(pt, info.first + page, 4 * page, page, attr, NULL), 0);
	assert_int_equal(select_table(&regs, pt_pgtable_fmt(pt), pt_pgtable_root(pt)), 0);
	assert_int_equal(load(mmu, &regs, fmt), 0);
	assert_int_equal(pt_access(mmu, info.first + page + 8, &how, &result), 0);
	assert_int_equal(result.piece[0].pa, 4 * page + 8);
	assert_int_equal(pt_access(mmu, info.first, &how, &result), 1);
	pt_mmu_destroy(mmu);
	pt_pgtable_destroy(pt);
	page_source_exit(&source);
}

static void registers_of_zeroes_are_enough_for_accesses(void **state)
{
	struct pt_phys *phys;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, UINT64_C(64) << 20), 0);
	for (size_t i = 0; i < NR_CONFIGS; i++)
		access_through(phys, &configs[i]);
	pt_phys_destroy(phys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_configuration_comes_back),
		cmocka_unit_test(whatever_a_format_can_be_can_be_selected),
		cmocka_unit_test(both_halves_are_selected_in_either_order),
		cmocka_unit_test(halves_that_differ_go_together_or_are_refused),
		cmocka_unit_test(halves_share_a_width_that_both_can_read),
		cmocka_unit_test(halves_share_ds_that_one_needs),
		cmocka_unit_test(a_half_without_tables_is_disabled_and_one_with_is_not),
		cmocka_unit_test(other_fields_stay),
		cmocka_unit_test(words_of_x86_64),
		cmocka_unit_test(words_of_ept),
		cmocka_unit_test(words_of_arm64),
		cmocka_unit_test(words_of_arm64_s2),
		cmocka_unit_test(refuses_roots_that_registers_cannot_hold),
		cmocka_unit_test(refuses_other_formats),
		cmocka_unit_test(refuses_configurations_that_do_not_exist),
		cmocka_unit_test(refuses_what_the_machine_does_not_have),
		cmocka_unit_test(registers_of_zeroes_are_enough_for_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
