/* SPDX-License-Identifier: MIT */
/*
 * kspace.h - a memory, its direct map, and a counter of flushes, in every configuration.
 *
 * Memory is 2 GiB from 1 GiB on, then a hole, then a small region for table pages, which
 * come from a source that counts and fails on order.
 */
#ifndef KSPACE_KSPACE_H
#define KSPACE_KSPACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ptlib/ptlib.h>

#include "model/page_source.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define MEMORY_PA GIB
#define MEMORY_LEN (2 * GIB)
#define TABLES_PA (UINT64_C(1) << 37)
#define NR_TABLE_PAGES 2048
#define TEST_KEY 3

struct kspace_config {
	const char *name;
	enum pt_format fmt;
	unsigned int va_bits, bbm;
	enum pt_flush_policy policy;
	unsigned int with; /* PT_FEAT_* */
};

static const struct kspace_config kspace_configs[] = {
	{ "x86_4", PT_FMT_X86_64, 48, 0, PT_FLUSH_X86_64, PT_FEAT_PKEYS },
	{ "x86_5", PT_FMT_X86_64, 57, 0, PT_FLUSH_X86_64, PT_FEAT_PKEYS },
	{ "arm64_4k", PT_FMT_ARM64_4K, 48, 0, PT_FLUSH_ARM64, PT_FEAT_PKEYS },
	{ "arm64_4k_range", PT_FMT_ARM64_4K, 48, 0, PT_FLUSH_ARM64_RANGE, PT_FEAT_PKEYS },
	{ "arm64_4k_bbm2", PT_FMT_ARM64_4K, 48, 2, PT_FLUSH_ARM64_RANGE, PT_FEAT_PKEYS },
	{ "arm64_4k_lpa2_bbm2", PT_FMT_ARM64_4K_LPA2, 52, 2, PT_FLUSH_ARM64_RANGE, PT_FEAT_PKEYS },
	{ "arm64_16k_bbm1", PT_FMT_ARM64_16K, 48, 1, PT_FLUSH_ARM64_RANGE, 0 },
	{ "arm64_16k_bbm2", PT_FMT_ARM64_16K, 48, 2, PT_FLUSH_ARM64, PT_FEAT_PKEYS },
	{ "arm64_64k", PT_FMT_ARM64_64K, 48, 0, PT_FLUSH_ARM64_RANGE, PT_FEAT_PKEYS },
	{ "arm64_64k_bbm2", PT_FMT_ARM64_64K, 48, 2, PT_FLUSH_ARM64, 0 },
};

#define NR_KSPACE_CONFIGS (sizeof(kspace_configs) / sizeof(kspace_configs[0]))

struct kspace {
	const struct kspace_config *config;
	struct pt_fmt_cfg fmt;
	struct pt_format_info info;
	uint64_t granule, block; /* bytes of a page, of a pageblock */
	uint64_t pages_per_block;
	bool x86;
	bool splits;             /* leaves are larger than pages */
	bool has_1g;             /* and as large as 1G */
	struct pt_phys *phys;
	struct page_source source;
	struct pt_flush_count *count;
	struct pt_direct_map_cfg cfg;
	struct pt_direct_map *dm;
	struct pt_flush_counts before; /* at the last look */
};

static struct kspace kspace; /* cmocka runs tests one after another */

static inline int kspace_setup(void **state)
{
	const struct kspace_config *config = *state;
	struct kspace *k = &kspace;
	struct pt_flush_count_cfg count_cfg = { .policy = config->policy };
	struct pt_phys_region regions[2];

	memset(k, 0, sizeof(*k));
	k->config = config;
	if (pt_fmt_cfg_init(&k->fmt, config->fmt))
		return -1;
	k->fmt.va_bits = config->va_bits;
	k->fmt.bbm = config->bbm;
	k->fmt.features |= config->with;
	k->x86 = config->fmt == PT_FMT_X86_64;
	k->splits = k->x86 || config->bbm == 2;
	k->fmt.upper_half = !k->x86;
	if (pt_format_info(&k->fmt, &k->info))
		return -1;
	k->has_1g = k->splits && k->info.can_leaf[2] && k->info.leaf_lg2[2] == 30;
	k->granule = UINT64_C(1) << k->info.granule_lg2;
	k->block = UINT64_C(1) << k->info.leaf_lg2[1];
	k->pages_per_block = k->block / k->granule;
	regions[0] = (struct pt_phys_region){ .pa = MEMORY_PA, .len = MEMORY_LEN, .fd = -1 };
	regions[1] = (struct pt_phys_region){ .pa = TABLES_PA, .len = NR_TABLE_PAGES * k->granule,
					      .fd = -1 };
	if (pt_phys_create(&k->phys, regions, 2, k->info.granule_lg2))
		return -1;
	page_source_init(&k->source, k->phys, TABLES_PA, k->info.granule_lg2, NR_TABLE_PAGES);
	count_cfg.granule_lg2 = k->info.granule_lg2;
	count_cfg.lpa2 = config->fmt == PT_FMT_ARM64_4K_LPA2;
	if (pt_flush_count_create(&k->count, &count_cfg))
		return -1;
	k->cfg = (struct pt_direct_map_cfg){
		.fmt = k->fmt,
		.tables = page_source_ops(&k->source),
		.flush = pt_flush_count_ops(k->count),
	};
	*state = k;
	return 0;
}

static inline int kspace_teardown(void **state)
{
	struct kspace *k = *state;
	size_t left;

	pt_direct_map_destroy(k->dm);
	left = k->source.nr_live;
	if (left)
		fprintf(stderr, "%zu table pages are lost\n", left);
	page_source_exit(&k->source);
	pt_flush_count_destroy(k->count);
	pt_phys_destroy(k->phys);
	return left ? -1 : 0;
}

static inline void kspace_map(struct kspace *k)
{
	assert_int_equal(pt_direct_map_create(&k->dm, k->phys, &k->cfg), 0);
}

/* What was flushed since the last look. */
static inline struct pt_flush_counts flushed(struct kspace *k)
{
	struct pt_flush_counts now, then = k->before;

	pt_flush_counts(k->count, &now);
	k->before = now;
	return (struct pt_flush_counts){
		.requests = now.requests - then.requests,
		.full = now.full - then.full,
		.ranged = now.ranged - then.ranged,
		.tables = now.tables - then.tables,
		.page_ops = now.page_ops - then.page_ops,
		.range_ops = now.range_ops - then.range_ops,
		.pages = now.pages - then.pages,
		.local = now.local - then.local,
		.cycles = now.cycles - then.cycles,
	};
}

static inline void expect_no_flush(struct kspace *k)
{
	assert_int_equal(flushed(k).requests, 0);
}

static inline struct pt_direct_map_stats stats_of(struct kspace *k)
{
	struct pt_direct_map_stats stats;

	pt_direct_map_stats(k->dm, &stats);
	return stats;
}

/* All of [@pa, @pa + @len) is present, at its place and with @key; or all of it is absent. */
static inline void expect_pages(struct kspace *k, pt_pa_t pa, uint64_t len, bool present,
				unsigned int key)
{
	struct pt_pgtable *pt = pt_direct_map_pgtable(k->dm);
	pt_va_t base = pt_direct_map_base(k->dm);

	for (pt_pa_t at = pa; at != pa + len; at += k->granule) {
		struct pt_leaf leaf;
		int err = pt_lookup(pt, base + at, &leaf);

		assert_int_equal(pt_kernel_page_present(k->dm, at), present);
		assert_int_equal(err, present ? 0 : -ENOENT);
		if (present) {
			assert_int_equal(leaf.pa, at);
			assert_int_equal(pt_attr_key(leaf.attr), key);
		}
	}
}

static inline unsigned int level_of(struct kspace *k, pt_pa_t pa)
{
	struct pt_leaf leaf;

	assert_int_equal(pt_lookup(pt_direct_map_pgtable(k->dm),
				   pt_direct_map_base(k->dm) + pa, &leaf), 0);
	return leaf.level;
}

static inline int convert(struct kspace *k, const struct pt_extent *extent, size_t nr,
			  unsigned int from, unsigned int to)
{
	const struct pt_freetype_ops *ops = pt_direct_map_freetype_ops(k->dm);

	return ops->convert(ops->ctx, extent, nr, from, to);
}

/* Pageblock @i of the first region, @nr of them. */
static inline struct pt_extent blocks(const struct kspace *k, uint64_t i, uint64_t nr)
{
	return (struct pt_extent){ MEMORY_PA + i * k->block, nr * k->block };
}

struct kspace_test {
	const char *name;
	void (*run)(void **state);
	bool (*wants)(const struct kspace_config *config); /* NULL: all */
};

static inline bool wants_x86(const struct kspace_config *config)
{
	return config->fmt == PT_FMT_X86_64;
}

static inline bool wants_arm64(const struct kspace_config *config)
{
	return config->fmt != PT_FMT_X86_64;
}

static inline bool wants_keys(const struct kspace_config *config)
{
	return config->with & PT_FEAT_PKEYS;
}

#define TEST(function) { #function, function, NULL }
#define TEST_ON(function, wants) { #function, function, wants }

/* Runs every test in every configuration that it wants. */
static inline int run_on_all(const char *group, const struct kspace_test *tests, size_t nr_tests)
{
	struct CMUnitTest *all = calloc(nr_tests * NR_KSPACE_CONFIGS, sizeof(*all));
	size_t nr = 0;
	int failed;

	if (!all)
		return 1;
	for (size_t t = 0; t < nr_tests; t++)
		for (size_t i = 0; i < NR_KSPACE_CONFIGS; i++) {
			const struct kspace_config *config = &kspace_configs[i];
			size_t size = strlen(tests[t].name) + strlen(config->name) + 2;
			char *name;

			if (tests[t].wants && !tests[t].wants(config))
				continue;
			name = malloc(size);
			if (!name)
				return 1;
			snprintf(name, size, "%s/%s", tests[t].name, config->name);
			all[nr++] = (struct CMUnitTest){ name, tests[t].run, kspace_setup,
							 kspace_teardown,
							 (void *)(uintptr_t)config };
		}
	failed = _cmocka_run_group_tests(group, all, nr, NULL, NULL);
	for (size_t i = 0; i < nr; i++)
		free((void *)(uintptr_t)all[i].name);
	free(all);
	return failed;
}

#define RUN_ON_ALL(group, tests) run_on_all(group, tests, sizeof(tests) / sizeof((tests)[0]))

#endif /* KSPACE_KSPACE_H */
