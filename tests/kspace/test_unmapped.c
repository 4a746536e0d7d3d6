/* SPDX-License-Identifier: MIT */
/* The direct map under a zone: what is free where, and how it got there. */
#include "kspace/zone.h"

static const struct pt_zone_cfg plain_zone;

/* Upstream's acceptance test: more than half of memory, page by page, unmapped and then mapped. */
static void most_of_memory_is_unmapped_and_then_mapped(void **state)
{
	struct zoned *z = zoned_begin(state, &plain_zone, 0, 0, false);
	struct kspace *k = z->k;
	uint64_t nr = MEMORY_LEN / k->granule * 5 / 8;
	pt_pa_t *page = malloc(nr * sizeof(*page));
	struct pt_flush_counts f;
	struct pt_zone_stats zs;

	assert_non_null(page);
	flushed(k);
	for (uint64_t i = 0; i < nr; i++) {
		assert_int_equal(zoned_take(z, PT_FREETYPE_UNMAPPED, 0, &page[i]), 0);
		assert_false(pt_kernel_page_present(k->dm, page[i]));
	}
	f = flushed(k);
	zs = zone_stats(z);
	/* pageblocks, by one flush each; x86: and one a split of one of the two 1G leaves */
	assert_true(zs.conversions >= nr / k->pages_per_block);
	assert_int_equal(f.requests, zs.conversions + (k->x86 ? stats_of(k).splits[2] : 0));
	assert_int_equal(stats_of(k).splits[2], k->has_1g ? 2 : 0);
	assert_int_equal(f.pages, zs.conversions * k->pages_per_block);
	assert_int_equal(f.page_ops, 0);
	if (k->config->policy == PT_FLUSH_ARM64_RANGE)
		assert_int_equal(f.range_ops, zs.conversions);
	else
		assert_int_equal(f.full, f.requests);
	zoned_drain(z);
	zoned_verify(z);
	for (uint64_t i = 0; i < nr; i++)
		zoned_give(z, page[i], 0);
	for (uint64_t i = 0; i < nr; i++) {
		assert_int_equal(zoned_take(z, 0, 0, &page[i]), 0);
		assert_true(pt_kernel_page_present(k->dm, page[i]));
	}
	assert_int_equal(flushed(k).requests, 0);
	for (uint64_t i = 0; i < nr; i++)
		zoned_give(z, page[i], 0);
	free(page);
	zoned_drain(z);
	zoned_end(z);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *seed >> 33;
}

/* Random blocks of all three kinds; then all comes back, and with joining every table too. */
static void all_comes_back_whatever_the_history(void **state)
{
	const struct pt_zone_cfg cfg = { .convert_batch = 4, .flags = PT_ZONE_CONVERT_BACK_ANY };
	const struct kspace_config *config = ((struct kspace *)*state)->config;
	bool keys = config->with & PT_FEAT_PKEYS;
	struct zoned *z = zoned_begin(state, &cfg, PT_DIRECT_MAP_JOIN, keys ? TEST_KEY : 0, false);
	static const unsigned int kinds[] = { 0, PT_FREETYPE_UNMAPPED, PT_FREETYPE_KEYED };
	struct { pt_pa_t pa; unsigned int order; } *held = calloc(4096, sizeof(*held));
	uint64_t seed = 7, nr = 0, plain;

	assert_non_null(held);
	for (unsigned int turn = 0; turn < 40000; turn++) {
		uint64_t dice = next_random(&seed);

		if (nr < 4096 && dice % 100 < (turn / 5000 % 2 ? 40 : 60)) {
			unsigned int order = (unsigned int)(next_random(&seed) % 16);
			unsigned int flags = kinds[dice / 100 % (keys ? 3 : 2)];
			int err;

			order = order < 12 ? 0 : order == 15 ? zone_stats(z).max_order : order - 11;
			err = zoned_take(z, flags, order, &held[nr].pa);
			assert_true(!err || err == -ENOMEM);
			if (err)
				continue;
			assert_int_equal(pt_kernel_page_present(z->k->dm, held[nr].pa),
					 flags != PT_FREETYPE_UNMAPPED);
			held[nr++].order = order;
		} else if (nr) {
			uint64_t i = next_random(&seed) % nr;

			zoned_give(z, held[i].pa, held[i].order);
			held[i] = held[--nr];
		}
		if (turn % 8000 == 7999) {
			zoned_drain(z);
			zoned_verify(z);
		}
	}
	while (nr--)
		zoned_give(z, held[nr].pa, held[nr].order);
	free(held);
	zoned_convert_back(z);
	assert_int_equal(pt_direct_map_prepare(z->k->dm), 0);
	zoned_convert_back(z);
	for (pt_pa_t pa = MEMORY_PA; pa != MEMORY_PA + MEMORY_LEN; pa += z->k->granule)
		assert_true(pt_kernel_page_present(z->k->dm, pa));
	plain = zone_stats(z).free;
	assert_int_equal(stats_of(z->k).tables + stats_of(z->k).reserve, z->tables);
	assert_int_equal(plain, MEMORY_LEN / z->k->granule - z->tables);
	zoned_end(z);
}

static void a_failing_table_fails_the_allocation_alone(void **state)
{
	struct zoned *z = zoned_begin(state, &plain_zone, 0, 0, false);
	struct kspace *k = z->k;
	struct pt_zone_stats before = zone_stats(z), after;
	pt_pa_t pa;

	z->no_tables = true;
	assert_int_equal(zoned_take(z, PT_FREETYPE_UNMAPPED, 0, &pa), k->has_1g ? -ENOMEM : 0);
	if (k->has_1g) {
		zoned_drain(z);
		after = zone_stats(z);
		assert_int_equal(after.free, before.free);
		assert_int_equal(after.conversions, 0);
		assert_true(after.convert_failed > 0);
		zoned_verify(z);
		z->no_tables = false;
		assert_int_equal(zoned_take(z, PT_FREETYPE_UNMAPPED, 0, &pa), 0);
	}
	assert_false(pt_kernel_page_present(k->dm, pa));
	zoned_give(z, pa, 0);
	zoned_drain(z);
	zoned_end(z);
}

/*
 * All plain pages are held, and pageblocks are free only as unmapped: the table of a split makes
 * the zone convert one back, in the middle of the change, and that takes no table.
 */
static void a_table_may_take_a_conversion_back_and_no_more(void **state)
{
	struct zoned *z = zoned_begin(state, &plain_zone, 0, 0, false);
	struct kspace *k = z->k;
	pt_pa_t *page = malloc(MEMORY_LEN / k->granule * sizeof(*page));
	size_t nr = 0;
	unsigned int splits;

	assert_non_null(page);
	assert_int_equal(pt_zone_convert(z->zone, pt_freetype(PT_MIGRATE_MOVABLE, 0),
					 pt_freetype(PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED),
					 SIZE_MAX, NULL), 0);
	/* the zone without its ops cannot convert back: this takes what is plain */
	pt_zone_set_ops(z->zone, NULL);
	while (!zoned_take(z, 0, 0, &page[nr]))
		nr++;
	pt_zone_set_ops(z->zone, pt_direct_map_freetype_ops(k->dm));
	assert_int_equal(zone_stats(z).converted[PT_MIGRATE_UNMOVABLE], 0);
	splits = level_of(k, TABLES_PA);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, TABLES_PA, 1), 0);
	assert_int_equal(stats_of(k).nested, splits);
	assert_int_equal(zone_stats(z).converted[PT_MIGRATE_UNMOVABLE], splits);
	expect_pages(k, TABLES_PA, k->granule, false, 0);
	assert_int_equal(pt_set_direct_map_default(k->dm, TABLES_PA, 1), 0);
	zoned_verify(z);
	while (nr)
		zoned_give(z, page[--nr], 0);
	zoned_drain(z);
	free(page);
	zoned_end(z);
}

static void absent_pages_are_handed_out_zeroed(void **state)
{
	struct zoned *z = zoned_begin(state, &plain_zone, 0, 0, false);
	struct kspace *k = z->k;
	struct pt_alloc how = {
		.type = pt_freetype(PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED),
		.flags = PT_ALLOC_ZERO,
	};
	struct pt_page_info info;
	pt_pa_t pa;

	assert_int_equal(pt_alloc_pages(z->zone, z->cache[1], &how, &pa), -EOPNOTSUPP);
	zoned_add_mermap(z);
	for (unsigned int order = 0; order < 6; order++) {
		uint64_t len = k->granule << order;
		uint8_t *host;

		how.order = order;
		how.flags = 0;
		assert_int_equal(pt_alloc_pages(z->zone, z->cache[1], &how, &pa), 0);
		host = pt_phys_to_host(k->phys, pa, len);
		memset(host, 0x77, len);
		assert_int_equal(pt_free_pages(z->zone, z->cache[1], pa, order), 0);
		how.flags = PT_ALLOC_ZERO;
		assert_int_equal(pt_alloc_pages(z->zone, z->cache[1], &how, &pa), 0);
		assert_false(pt_kernel_page_present(k->dm, pa));
		host = pt_phys_to_host(k->phys, pa, len);
		for (uint64_t i = 0; i < len; i++)
			assert_int_equal(host[i], 0);
		/* it was mapped elsewhere: freeing it flushes first */
		assert_int_equal(pt_page_info(z->zone, pa, &info), 0);
		assert_true(info.stale);
		assert_int_equal(pt_free_pages_raw(z->zone, z->cache[1], pa, order), -EBUSY);
		flushed(k);
		assert_int_equal(pt_free_pages(z->zone, z->cache[1], pa, order), 0);
		assert_int_equal(flushed(k).requests, 1);
	}
	zoned_drain(z);
	zoned_end(z);
}

/* Every table is KEYED, those of the start too. */
static void expect_protected_tables(struct zoned *z)
{
	struct pt_pgtable *pt = pt_direct_map_pgtable(z->k->dm);
	pt_va_t base = pt_direct_map_base(z->k->dm);

	for (pt_pa_t pa = MEMORY_PA; pa != MEMORY_PA + MEMORY_LEN; pa += z->k->granule) {
		struct pt_page_info info;
		struct pt_leaf leaf;

		assert_int_equal(pt_page_info(z->zone, pa, &info), 0);
		if (!info.is_table)
			continue;
		assert_int_equal(pt_lookup(pt, base + pa, &leaf), 0);
		assert_int_equal(pt_attr_key(leaf.attr), TEST_KEY);
	}
}

static void protected_tables_are_keyed_from_the_start(void **state)
{
	struct zoned *z = zoned_begin(state, &plain_zone, 0, TEST_KEY, true);
	struct kspace *k = z->k;
	struct pt_direct_map_stats s = stats_of(k);
	pt_pa_t pa;

	expect_no_flush(k);
	assert_int_equal(s.reserve, 4);
	/* how it came to be counts for nothing */
	assert_int_equal(s.keyed + s.absent + s.present + s.converted, 0);
	for (unsigned int level = 0; level < PT_MAX_LEVELS; level++)
		assert_int_equal(s.splits[level] + s.joins[level], 0);
	assert_int_equal((s.tables + s.reserve + s.boot) % k->pages_per_block, 0);
	assert_int_equal(zone_stats(z).held, s.tables + s.reserve + s.boot);
	expect_protected_tables(z);
	zoned_verify(z);
	assert_int_equal(zoned_take(z, PT_FREETYPE_KEYED, 0, &pa), 0);
	expect_pages(k, pa, k->granule, true, TEST_KEY);
	zoned_give(z, pa, 0);
	assert_int_equal(zoned_take(z, PT_FREETYPE_UNMAPPED, 0, &pa), 0);
	zoned_give(z, pa, 0);
	zoned_drain(z);
	expect_protected_tables(z);
	zoned_end(z);
}

/*
 * Page by page, until the first pageblocks are used up: then tables are KEYED pages that the
 * zone converts on the way, with the reserve's own tables.
 */
static void protected_tables_go_on_when_the_first_are_used_up(void **state)
{
	struct zoned *z = zoned_begin(state, &plain_zone, PT_DIRECT_MAP_JOIN, TEST_KEY, true);
	struct kspace *k = z->k;
	struct pt_direct_map_stats s = stats_of(k);
	uint64_t nr_blocks = MEMORY_LEN / k->block, done = 0;
	pt_pa_t pa[2048];

	if (!k->splits || s.boot > nr_blocks)
		goto out; /* no pageblock has tables to spend, or more of them than needed */
	assert_true(nr_blocks <= 2048);
	/* one page of each pageblock but those of the tables is made absent, by hand */
	for (uint64_t i = 0; i < nr_blocks; i++) {
		const struct pt_alloc how = { .order = (unsigned int)(k->info.leaf_lg2[1] -
								     k->info.granule_lg2) };

		if (pt_alloc_pages(z->zone, NULL, &how, &pa[done]))
			break;
		assert_int_equal(pt_set_direct_map_invalid(k->dm, pa[done++], 1), 0);
		if (stats_of(k).nested > 1)
			break;
	}
	s = stats_of(k);
	assert_int_equal(s.boot, 0);
	assert_true(s.nested > 0);
	assert_true(s.reserve >= 2);
	expect_protected_tables(z);
	while (done--) {
		assert_int_equal(pt_set_direct_map_default(k->dm, pa[done], 1), 0);
		assert_int_equal(pt_free_pages(z->zone, NULL, pa[done], (unsigned int)
					       (k->info.leaf_lg2[1] - k->info.granule_lg2)), 0);
	}
	expect_protected_tables(z);
out:
	zoned_end(z);
}

static void verify_finds_what_is_wrong(void **state)
{
	struct zoned *z = zoned_begin(state, &plain_zone, 0, 0, false);
	struct kspace *k = z->k;
	pt_pa_t pa, unmapped;

	assert_int_equal(zoned_take(z, 0, 0, &pa), 0);
	assert_int_equal(zoned_take(z, PT_FREETYPE_UNMAPPED, 0, &unmapped), 0);
	zoned_verify(z);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, pa, 1), 0);
	assert_int_equal(pt_direct_map_verify(k->dm, z->zone, NULL, NULL), -EFAULT);
	assert_int_equal(pt_set_direct_map_default(k->dm, pa, 1), 0);
	zoned_verify(z);
	assert_int_equal(pt_set_direct_map_default(k->dm, unmapped, 1), 0);
	assert_int_equal(pt_direct_map_verify(k->dm, z->zone, NULL, NULL), -EFAULT);
	assert_int_equal(pt_set_direct_map_invalid(k->dm, unmapped, 1), 0);
	zoned_give(z, pa, 0);
	zoned_give(z, unmapped, 0);
	zoned_drain(z);
	zoned_end(z);
}

struct findings {
	unsigned int nr, most; /* it is stopped after so many */
	pt_pa_t pa;
	const char *what;
};

static bool collect(void *ctx, pt_pa_t pa, const char *what)
{
	struct findings *found = ctx;

	found->pa = pa;
	found->what = what;
	return ++found->nr < found->most;
}

/* One page, mapped behind the direct map's back as @to with @attr, and what is said of it. */
static void expect_finding(struct zoned *z, pt_pa_t pa, pt_pa_t to, pt_attr_t attr,
			   const char *what)
{
	struct pt_pgtable *pt = pt_direct_map_pgtable(z->k->dm);
	pt_va_t va = pt_direct_map_base(z->k->dm) + pa;
	struct findings found = { .most = 2 };

	assert_int_equal(pt_unmap(pt, va, z->k->granule, NULL), 0);
	assert_int_equal(pt_map(pt, va, to, z->k->granule, attr, NULL), 0);
	assert_int_equal(pt_direct_map_verify(z->k->dm, z->zone, collect, &found),
			 what ? -EFAULT : 0);
	assert_int_equal(found.nr, what ? 1 : 0);
	if (what) {
		assert_int_equal(found.pa, pa);
		assert_string_equal(found.what, what);
	}
}

/* "Present at their place with the attributes they were made with, and the key if KEYED." */
static void verify_says_what_is_wrong_with_a_page(void **state)
{
	static const char attributes[] = "a page has other attributes than it was made with";
	const pt_attr_t attr = PT_DIRECT_MAP_ATTR;
	bool keys = ((struct kspace *)*state)->config->with & PT_FEAT_PKEYS;
	struct zoned *z = zoned_begin(state, &plain_zone, 0, keys ? TEST_KEY : 0, false);
	struct kspace *k = z->k;
	struct findings found = { .most = 1 };
	pt_pa_t pa, keyed;

	assert_int_equal(zoned_take(z, 0, 0, &pa), 0);
	/* leaves of one page each around it */
	assert_int_equal(pt_set_direct_map_invalid(k->dm, pa, 1), 0);
	assert_int_equal(pt_set_direct_map_default(k->dm, pa, 1), 0);
	expect_finding(z, pa, pa + k->granule, attr, "a page is mapped elsewhere");
	expect_finding(z, pa, pa, attr & ~PT_ATTR_WRITE, attributes);
	expect_finding(z, pa, pa, attr & ~PT_ATTR_GLOBAL, attributes);
	expect_finding(z, pa, pa, attr | PT_ATTR_EXEC, attributes);
	/* these hardware writes */
	expect_finding(z, pa, pa, attr & ~PT_ATTR_ACCESSED, NULL);
	expect_finding(z, pa, pa, attr & ~PT_ATTR_DIRTY, NULL);
	if (keys) {
		expect_finding(z, pa, pa, attr | PT_ATTR_KEY(TEST_KEY),
			       "a page has a key that is not keyed");
		expect_finding(z, pa, pa, attr, NULL);
		assert_int_equal(zoned_take(z, PT_FREETYPE_KEYED, 0, &keyed), 0);
		expect_finding(z, keyed, keyed, attr, "a keyed page has not the key");
		expect_finding(z, keyed, keyed, attr | PT_ATTR_KEY(TEST_KEY), NULL);
		zoned_give(z, keyed, 0);
	}
	expect_finding(z, pa, pa, attr, NULL);
	/* it stops where it is told to */
	assert_int_equal(pt_set_direct_map_invalid(k->dm, TABLES_PA, 4), 0);
	assert_int_equal(pt_direct_map_verify(k->dm, z->zone, collect, &found), -EFAULT);
	assert_int_equal(found.nr, 1);
	assert_int_equal(found.pa, TABLES_PA);
	assert_int_equal(pt_set_direct_map_default(k->dm, TABLES_PA, 4), 0);
	zoned_give(z, pa, 0);
	zoned_drain(z);
	zoned_end(z);
}

int main(void)
{
	static const struct kspace_test tests[] = {
		TEST(most_of_memory_is_unmapped_and_then_mapped),
		TEST(all_comes_back_whatever_the_history),
		TEST(a_failing_table_fails_the_allocation_alone),
		TEST(a_table_may_take_a_conversion_back_and_no_more),
		TEST(absent_pages_are_handed_out_zeroed),
		TEST_ON(protected_tables_are_keyed_from_the_start, wants_keys),
		TEST_ON(protected_tables_go_on_when_the_first_are_used_up, wants_keys),
		TEST(verify_finds_what_is_wrong),
		TEST(verify_says_what_is_wrong_with_a_page),
	};

	return RUN_ON_ALL("unmapped", tests);
}
