/* SPDX-License-Identifier: MIT */
/* A direct map of 1 TiB at 2^50: leaves of 512G where the format has them. */
#include "kspace/kspace.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define LARGE_PA (UINT64_C(1) << 50)
#define LARGE_LEN (UINT64_C(1) << 40)

static bool wants_52_bits(const struct kspace_config *config)
{
	return config->fmt == PT_FMT_ARM64_4K_LPA2 ||
	       (config->fmt == PT_FMT_X86_64 && config->va_bits == 57);
}

/* Instead of the memory that there is. */
static void large_memory(struct kspace *k)
{
	const struct pt_phys_region regions[] = {
		{ .pa = TABLES_PA, .len = NR_TABLE_PAGES * k->granule, .fd = -1 },
		{ .pa = LARGE_PA, .len = LARGE_LEN, .fd = -1 },
	};

	if (SANITIZED || getenv("LD_PRELOAD")) /* they keep books of every byte of a mapping */
		skip();
	page_source_exit(&k->source);
	pt_phys_destroy(k->phys);
	assert_int_equal(pt_phys_create(&k->phys, regions, 2, k->info.granule_lg2), 0);
	page_source_init(&k->source, k->phys, TABLES_PA, k->info.granule_lg2, NR_TABLE_PAGES);
}

/* 512G to 1G, 1G to 2M, 2M to 4K: a table each; pageblocks of one 512G leaf share theirs. */
static void leaves_are_split_level_by_level(void **state)
{
	struct kspace *k = *state;
	unsigned int top = k->x86 ? 2 : 3;
	struct pt_extent some[3];
	struct pt_direct_map_stats s;
	size_t tables;

	large_memory(k);
	k->cfg.flags = PT_DIRECT_MAP_JOIN;
	kspace_map(k);
	tables = stats_of(k).tables;
	assert_int_equal(level_of(k, LARGE_PA), top);
	some[0] = (struct pt_extent){ LARGE_PA + 5 * k->block, k->block };
	some[1] = (struct pt_extent){ LARGE_PA + 100 * GIB, k->block };
	some[2] = (struct pt_extent){ LARGE_PA + 5 * k->block + GIB / 2, k->granule };
	assert_int_equal(convert(k, some, 3, 0, PT_FREETYPE_UNMAPPED), 0);
	s = stats_of(k);
	assert_int_equal(s.splits[3], top == 3);
	assert_int_equal(s.splits[2], 2);
	assert_int_equal(s.splits[1], 1);
	assert_int_equal(s.tables, tables + s.splits[3] + 3);
	assert_int_equal(s.reserve, 0);
	assert_int_equal(flushed(k).requests, k->x86 ? 3 + 1 : 1);
	for (size_t i = 0; i < 3; i++)
		expect_pages(k, some[i].pa, some[i].len, false, 0);
	assert_int_equal(level_of(k, LARGE_PA + LARGE_LEN / 2), top);
	assert_int_equal(level_of(k, LARGE_PA), 1);
	assert_int_equal(convert(k, some, 3, PT_FREETYPE_UNMAPPED, 0), 0);
	s = stats_of(k);
	for (unsigned int level = 0; level < PT_MAX_LEVELS; level++)
		assert_int_equal(s.joins[level], s.splits[level]);
	assert_int_equal(s.tables, tables);
	assert_int_equal(level_of(k, some[2].pa), top);
	assert_int_equal(pt_verify(pt_direct_map_pgtable(k->dm), NULL, NULL), 0);
}

static bool wants_512g_and_keys(const struct kspace_config *config)
{
	return config->fmt == PT_FMT_ARM64_4K_LPA2 && wants_keys(config);
}

/*
 * What becomes larger may be far away in the same 512G: 1G of pageblocks with the key stays in
 * pageblocks, so that each loses it without a table.
 */
static void keyed_pageblocks_far_away_stay_by_themselves(void **state)
{
	struct kspace *k = *state;
	struct pt_extent keyed = { LARGE_PA + 100 * GIB, GIB };

	large_memory(k);
	k->cfg.key = TEST_KEY;
	k->cfg.flags = PT_DIRECT_MAP_JOIN;
	kspace_map(k);
	assert_int_equal(convert(k, &keyed, 1, 0, PT_FREETYPE_KEYED), 0);
	assert_int_equal(level_of(k, LARGE_PA), 2);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, LARGE_PA, 1), 0);
	assert_int_equal(pt_set_direct_map_default(k->dm, LARGE_PA, 1), 0);
	assert_int_equal(level_of(k, LARGE_PA), 2);
	assert_int_equal(pt_set_direct_map_default(k->dm, LARGE_PA, 1), 0);
	assert_int_equal(level_of(k, LARGE_PA), 2);
	assert_int_equal(level_of(k, keyed.pa), 1);
	k->source.fail_all = true;
	keyed.len = k->block;
	assert_int_equal(convert(k, &keyed, 1, PT_FREETYPE_KEYED, 0), 0);
	k->source.fail_all = false;
}

int main(void)
{
	static const struct kspace_test tests[] = {
		TEST_ON(leaves_are_split_level_by_level, wants_52_bits),
		TEST_ON(keyed_pageblocks_far_away_stay_by_themselves, wants_512g_and_keys),
	};

	return RUN_ON_ALL("direct_map_large", tests);
}
