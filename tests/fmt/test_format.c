/* SPDX-License-Identifier: MIT */
/* Every format, in every width and with every feature, keeps the contract of src/pt/fmt_api.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fmt/contract.h"
#include "model/formats.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static const struct contract *const contracts[PT_FMT_NR] = {
	[PT_FMT_X86_64] = &contract_x86_64,
	[PT_FMT_ARM64_4K] = &contract_arm64_4k,
	[PT_FMT_ARM64_4K_LPA2] = &contract_arm64_4k_lpa2,
	[PT_FMT_ARM64_16K] = &contract_arm64_16k,
	[PT_FMT_ARM64_16K_LPA2] = &contract_arm64_16k_lpa2,
	[PT_FMT_ARM64_64K] = &contract_arm64_64k,
	[PT_FMT_X86_EPT] = &contract_x86_ept,
	[PT_FMT_ARM64_S2_4K] = &contract_arm64_s2_4k,
	[PT_FMT_ARM64_S2_4K_LPA2] = &contract_arm64_s2_4k_lpa2,
	[PT_FMT_ARM64_S2_16K] = &contract_arm64_s2_16k,
	[PT_FMT_ARM64_S2_16K_LPA2] = &contract_arm64_s2_16k_lpa2,
	[PT_FMT_ARM64_S2_64K] = &contract_arm64_s2_64k,
};

#define NR_FEATURES 6

static const unsigned int x86_features[NR_FEATURES] = {
	0,
	PT_FEAT_NX,
	PT_FEAT_1G | PT_FEAT_PKEYS,
	PT_FEAT_NX | PT_FEAT_1G | PT_FEAT_PKEYS,
	PT_FEAT_1G,
	PT_FEAT_NX | PT_FEAT_PKEYS,
};

static const unsigned int ept_features[NR_FEATURES] = {
	0,
	PT_FEAT_AD | PT_FEAT_1G,
	PT_FEAT_EXEC_ONLY | PT_FEAT_1G,
	PT_FEAT_MBEC | PT_FEAT_AD,
	PT_FEAT_MBEC | PT_FEAT_EXEC_ONLY,
	PT_FEAT_MBEC | PT_FEAT_EXEC_ONLY | PT_FEAT_AD | PT_FEAT_1G,
};

static const unsigned int s2_features[NR_FEATURES] = {
	0,
	PT_FEAT_TTST | PT_FEAT_XNX,
	PT_FEAT_HD | PT_FEAT_FWB,
	PT_FEAT_HD | PT_FEAT_XNX | PT_FEAT_TTST,
	PT_FEAT_LPA | PT_FEAT_XNX | PT_FEAT_FWB,
	PT_FEAT_LPA | PT_FEAT_HD | PT_FEAT_TTST,
};

static const unsigned int arm_features[NR_FEATURES] = {
	0,
	PT_FEAT_TTST | PT_FEAT_NO_HPD,
	PT_FEAT_HD,
	PT_FEAT_HD | PT_FEAT_PKEYS | PT_FEAT_TTST,
	PT_FEAT_LPA,
	PT_FEAT_LPA | PT_FEAT_HD | PT_FEAT_TTST | PT_FEAT_NO_HPD,
};

typedef bool (*config_fn)(const struct contract *contract, const struct pt_fmt_cfg *cfg);

static unsigned int features_of(enum pt_format fmt, unsigned int i)
{
	if (fmt == PT_FMT_X86_64)
		return x86_features[i];
	if (fmt == PT_FMT_X86_EPT)
		return ept_features[i];
	return format_is_stage2(fmt) ? s2_features[i] : arm_features[i];
}

/* Calls @fn for every configuration that the library takes; returns how many. */
static unsigned int each_config(config_fn fn)
{
	unsigned int nr = 0;

	for (unsigned int fmt = 0; fmt < PT_FMT_NR; fmt++) {
		bool x86 = format_is_x86(fmt), s2 = format_is_stage2(fmt);

		for (unsigned int i = 0; i < NR_FEATURES; i++)
			for (unsigned int va_bits = 0; va_bits <= 64; va_bits++)
				for (unsigned int pa_bits = 0; pa_bits <= 64; pa_bits++) {
					struct pt_format_info info;
					struct pt_fmt_cfg cfg;

					assert_int_equal(pt_fmt_cfg_init(&cfg, fmt), 0);
					cfg.va_bits = va_bits;
					cfg.pa_bits = pa_bits;
					cfg.features = features_of(fmt, i);
					cfg.bbm = x86 ? 0 : i % 3;
					cfg.upper_half = !x86 && !s2 && i % 2;
					if (pt_format_info(&cfg, &info))
						continue;
					nr++;
					if (!fn(contracts[fmt], &cfg))
						fail();
				}
	}
	return nr;
}

static bool check_geometry(const struct contract *contract, const struct pt_fmt_cfg *cfg)
{
	return contract->geometry(cfg, true);
}

/* Leaves depend on the output width and features, not on the input width but for its levels. */
static bool is_widest(const struct pt_fmt_cfg *cfg)
{
	struct pt_fmt_cfg wider = *cfg;
	struct pt_format_info info;

	while (wider.va_bits++ < 64)
		if (!pt_format_info(&wider, &info))
			return false;
	return true;
}

static bool check_leaves(const struct contract *contract, const struct pt_fmt_cfg *cfg)
{
	return !is_widest(cfg) || contract->leaves(cfg);
}

static bool check_words(const struct contract *contract, const struct pt_fmt_cfg *cfg)
{
	return !is_widest(cfg) || contract->words(cfg);
}

static void every_width_is_tiled_by_its_levels(void **state)
{
	(void)state;
	assert_true(each_config(check_geometry) > 1000);
}

/* Stage 2: each width in which one level fewer will do, with up to 16 tables as the root. */
static bool check_concatenated(const struct contract *contract, const struct pt_fmt_cfg *cfg)
{
	struct pt_fmt_cfg fewer = *cfg;
	struct pt_format_info info, wide;
	unsigned int top;

	assert_int_equal(pt_format_info(cfg, &info), 0);
	top = info.nr_levels - 1;
	/* as many as it has anyway may be said; more, or two fewer, are never right */
	fewer.levels = info.nr_levels;
	assert_int_equal(pt_format_info(&fewer, &wide), 0);
	assert_int_equal(wide.nr_levels, info.nr_levels);
	fewer.levels = info.nr_levels + 1;
	assert_int_equal(pt_format_info(&fewer, &wide), -EINVAL);
	if (top > 1) {
		fewer.levels = info.nr_levels - 2;
		assert_int_equal(pt_format_info(&fewer, &wide), -EINVAL);
	}
	if (!top)
		return true;
	fewer.levels = info.nr_levels - 1;
	if (!format_is_stage2(cfg->fmt) || format_is_x86(cfg->fmt) || info.entries_lg2[top] > 4) {
		assert_int_equal(pt_format_info(&fewer, &wide), -EINVAL);
		return true;
	}
	assert_int_equal(pt_format_info(&fewer, &wide), 0);
	assert_int_equal(wide.nr_levels, info.nr_levels - 1);
	assert_int_equal(wide.entries_lg2[top - 1],
			 info.entries_lg2[top - 1] + info.entries_lg2[top]);
	assert_int_equal(wide.root_align_lg2, 3 + wide.entries_lg2[top - 1]);
	assert_int_equal(wide.last, info.last);
	return contract->geometry(&fewer, true);
}

static void a_level_of_few_entries_can_be_left_out_in_stage_2(void **state)
{
	(void)state;
	each_config(check_concatenated);
}

static void leaves_decode_to_what_was_encoded(void **state)
{
	(void)state;
	each_config(check_leaves);
}

static void every_word_is_one_thing(void **state)
{
	(void)state;
	each_config(check_words);
}

static void the_tiny_formats_keep_it_too(void **state)
{
	(void)state;
	for (unsigned int bits = 16; bits <= 32; bits += 8)
		for (unsigned int bbm = 0; bbm <= 2; bbm += 2) {
			struct pt_fmt_cfg cfg = { .va_bits = 11, .pa_bits = bits, .bbm = bbm,
						  .features = PT_FEAT_NX, .mem_types = 6 };

			assert_true(contract_tiny.geometry(&cfg, false));
			assert_true(contract_tiny.leaves(&cfg));
			assert_true(contract_tiny.words(&cfg));
			cfg.va_bits = 15;
			assert_true(contract_napot.geometry(&cfg, false));
			assert_true(contract_napot.leaves(&cfg));
			assert_true(contract_napot.words(&cfg));
		}
}

static void what_hardware_does_not_have_is_refused(void **state)
{
	static const struct {
		enum pt_format fmt;
		unsigned int va_bits, pa_bits, features, bbm, share;
		bool upper_half;
		unsigned int c_bit;
	} bad[] = {
		{ PT_FMT_X86_64, 47, 52, 0, 0, 0, false, 0 },
		{ PT_FMT_X86_64, 52, 52, 0, 0, 0, false, 0 },
		{ PT_FMT_X86_64, 48, 53, 0, 0, 0, false, 0 },
		{ PT_FMT_X86_64, 48, 31, 0, 0, 0, false, 0 },
		{ PT_FMT_X86_64, 48, 52, 0, 1, 0, false, 0 },
		{ PT_FMT_X86_64, 48, 52, 0, 0, 0, true, 0 },
		{ PT_FMT_X86_64, 48, 52, PT_FEAT_HD, 0, 0, false, 0 },
		{ PT_FMT_X86_64, 48, 52, 0, 0, 3, false, 0 },
		{ PT_FMT_ARM64_4K, 49, 48, 0, 0, 0, false, 0 },
		{ PT_FMT_ARM64_4K, 24, 48, 0, 0, 0, false, 0 },
		{ PT_FMT_ARM64_4K, 15, 48, PT_FEAT_TTST, 0, 0, false, 0 },
		{ PT_FMT_ARM64_4K, 48, 52, 0, 0, 0, false, 0 },
		{ PT_FMT_ARM64_4K, 48, 52, PT_FEAT_LPA, 0, 0, false, 0 },
		{ PT_FMT_ARM64_4K, 48, 41, 0, 0, 0, false, 0 },
		{ PT_FMT_ARM64_4K, 48, 48, 0, 3, 0, false, 0 },
		{ PT_FMT_ARM64_4K, 48, 48, PT_FEAT_NX, 0, 0, false, 0 },
		{ PT_FMT_ARM64_4K, 48, 48, 0, 0, 1, false, 0 },
		{ PT_FMT_ARM64_4K, 48, 48, 1u << 31, 0, 0, false, 0 },
		{ PT_FMT_ARM64_16K, 49, 48, 0, 0, 0, false, 0 },
		{ PT_FMT_ARM64_16K_LPA2, 53, 52, 0, 0, 3, false, 0 },
		{ PT_FMT_ARM64_64K, 16, 48, PT_FEAT_TTST, 0, 0, false, 0 },
		{ PT_FMT_ARM64_64K, 48, 52, 0, 0, 0, false, 0 },
		{ PT_FMT_X86_EPT, 52, 52, 0, 0, 0, false, 0 },
		{ PT_FMT_X86_EPT, 48, 53, 0, 0, 0, false, 0 },
		{ PT_FMT_X86_EPT, 48, 52, PT_FEAT_NX, 0, 0, false, 0 },
		{ PT_FMT_X86_EPT, 48, 52, PT_FEAT_PKEYS, 0, 0, false, 0 },
		{ PT_FMT_X86_64, 48, 52, PT_FEAT_AD, 0, 0, false, 0 },
		{ PT_FMT_ARM64_4K, 48, 48, PT_FEAT_XNX, 0, 0, false, 0 },
		{ PT_FMT_ARM64_S2_4K, 49, 48, 0, 0, 0, false, 0 },
		{ PT_FMT_ARM64_S2_4K, 48, 48, PT_FEAT_NO_HPD, 0, 0, false, 0 },
		{ PT_FMT_ARM64_S2_4K, 48, 48, 0, 0, 0, true, 0 },
		{ PT_FMT_ARM64_S2_64K, 52, 48, 0, 0, 0, false, 0 },
		{ PT_FMT_X86_64, 48, 48, 0, 0, 0, false, 47 },
		{ PT_FMT_X86_64, 48, 48, 0, 0, 0, false, 52 },
		{ PT_FMT_X86_EPT, 48, 46, 0, 0, 0, false, 47 },
		{ PT_FMT_ARM64_4K, 48, 44, 0, 0, 0, false, 47 },
		{ PT_FMT_ARM64_S2_4K, 48, 44, 0, 0, 0, false, 47 },
		{ PT_FMT_NR, 48, 48, 0, 0, 0, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < NR(bad); i++) {
		const struct pt_fmt_cfg cfg = {
			.fmt = bad[i].fmt,
			.va_bits = bad[i].va_bits,
			.pa_bits = bad[i].pa_bits,
			.features = bad[i].features,
			.bbm = bad[i].bbm,
			.share = bad[i].share,
			.upper_half = bad[i].upper_half,
			.c_bit = bad[i].c_bit,
			.mem_types = format_is_stage2(bad[i].fmt) ? 0 : 0xff06,
		};
		struct pt_format_info info;

		assert_int_equal(pt_format_info(&cfg, &info), -EINVAL);
	}
}

/* format.h, struct pt_fmt_cfg: "second stages: 0" */
static void second_stages_have_no_table_of_memory_types(void **state)
{
	(void)state;
	for (unsigned int fmt = 0; fmt < PT_FMT_NR; fmt++) {
		struct pt_format_info info;
		struct pt_fmt_cfg cfg;

		assert_int_equal(pt_fmt_cfg_init(&cfg, (enum pt_format)fmt), 0);
		assert_int_equal(pt_format_info(&cfg, &info), 0);
		cfg.mem_types = 0xff06;
		assert_int_equal(pt_format_info(&cfg, &info),
				 format_is_stage2(cfg.fmt) ? -EINVAL : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_width_is_tiled_by_its_levels),
		cmocka_unit_test(a_level_of_few_entries_can_be_left_out_in_stage_2),
		cmocka_unit_test(leaves_decode_to_what_was_encoded),
		cmocka_unit_test(every_word_is_one_thing),
		cmocka_unit_test(the_tiny_formats_keep_it_too),
		cmocka_unit_test(what_hardware_does_not_have_is_refused),
		cmocka_unit_test(second_stages_have_no_table_of_memory_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
