/* SPDX-License-Identifier: MIT */
/*
 * zones.h - zones to test: a memory, a zone over it, and its model, one of each for every test.
 * Tearing down frees everything, converts everything back, and holds that nothing was lost.
 */
#ifndef BUDDY_ZONES_H
#define BUDDY_ZONES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ptlib/ptlib.h>

#include "model/buddy_model.h"
#include "model/thin.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define UNMOVABLE ((pt_freetype_t){ PT_MIGRATE_UNMOVABLE, 0 })
#define MOVABLE ((pt_freetype_t){ PT_MIGRATE_MOVABLE, 0 })
#define RECLAIMABLE ((pt_freetype_t){ PT_MIGRATE_RECLAIMABLE, 0 })
#define UNMAPPED ((pt_freetype_t){ PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED })
#define KEYED ((pt_freetype_t){ PT_MIGRATE_UNMOVABLE, PT_FREETYPE_KEYED })

/* The freetypes that there are. */
static const pt_freetype_t all_types[] = {
	{ PT_MIGRATE_UNMOVABLE, 0 },
	{ PT_MIGRATE_MOVABLE, 0 },
	{ PT_MIGRATE_RECLAIMABLE, 0 },
	{ PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED },
	{ PT_MIGRATE_UNMOVABLE, PT_FREETYPE_KEYED },
};
#define NR_TYPES (sizeof(all_types) / sizeof(all_types[0]))

struct layout {
	const char *name;
	unsigned int frame_lg2;
	struct pt_phys_region regions[4];
	struct pt_zone_cfg cfg;
};

#define REGION(at, bytes) { .pa = (at), .len = (bytes), .fd = -1 }

static const struct layout whole_16m = {
	.name = "whole_16m", .frame_lg2 = 12, .regions = { REGION(0, 16 * MIB) },
};

/* Large enough for caches to keep whole pageblocks. */
static const struct layout whole_256m = {
	.name = "whole_256m", .frame_lg2 = 12, .regions = { REGION(0, 256 * MIB) },
};

/* Neither end of any region on a pageblock, two of them in one, and one far away. */
static const struct layout holes_4k = {
	.name = "holes_4k", .frame_lg2 = 12,
	.regions = { REGION(0x5000, 3 * MIB + 0x6000), REGION(3 * MIB + 0xd000, 5 * MIB - 0x4000),
		     REGION(24 * MIB + 0x1000, 0x1000),
		     REGION((UINT64_C(1) << 51) + 3 * MIB, 6 * MIB + 0x3000) },
};

static const struct layout holes_16k = {
	.name = "holes_16k", .frame_lg2 = 14,
	.regions = { REGION(0x4000, 70 * MIB + 0xc000), REGION(96 * MIB, 33 * MIB),
		     REGION(160 * MIB + 0x8000, 0x14000) },
};

static const struct layout holes_64k = {
	.name = "holes_64k", .frame_lg2 = 16,
	.regions = { REGION(0x30000, 1200 * MIB + 0x10000), REGION(2 * GIB - 0x10000, 600 * MIB) },
};

/* Part of a memory only. */
static const struct pt_extent some_ranges[] = {
	{ 2 * MIB + 0x1000, 8 * MIB }, { 11 * MIB + 0x1000, 0x3000 }, { 12 * MIB, 3 * MIB },
};

static const struct layout part_16m = {
	.name = "part_16m", .frame_lg2 = 12, .regions = { REGION(0, 16 * MIB) },
	.cfg = { .ranges = some_ranges, .nr_ranges = 3 },
};

static const struct layout *const layouts[] = {
	&whole_16m, &holes_4k, &holes_16k, &holes_64k, &part_16m,
};
#define NR_LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

struct zones {
	const struct layout *layout;
	struct pt_phys *phys;
	struct buddy_model m;
	struct pt_zone_cache *cache[2];
	uint32_t seed;
};

static struct zones zones; /* cmocka runs tests one after another */

static inline void zones_init(struct zones *z, const struct layout *layout,
			      const struct pt_zone_cfg *cfg, bool has_ops)
{
	size_t nr = 0;

	memset(z, 0, sizeof(*z));
	z->layout = layout;
	z->seed = 0x9e3779b9;
	while (nr < 4 && layout->regions[nr].len)
		nr++;
	assert_int_equal(pt_phys_create(&z->phys, layout->regions, nr, layout->frame_lg2), 0);
	buddy_init(&z->m, z->phys, cfg, has_ops);
	for (unsigned int i = 0; i < 2; i++)
		z->cache[i] = buddy_cache(&z->m, i);
}

static inline int zones_setup(void **state)
{
	const struct layout *layout = *state;

	zones_init(&zones, layout, &layout->cfg, true);
	*state = &zones;
	return 0;
}

static inline int zones_teardown(void **state)
{
	struct zones *z = *state;

	buddy_recover_and_fill(&z->m);
	buddy_exit(&z->m);
	pt_phys_destroy(z->phys);
	return 0;
}

/* With other options than @layout's. */
static inline struct zones *zones_again(struct zones *z, const struct pt_zone_cfg *cfg,
					bool has_ops)
{
	const struct layout *layout = z->layout;

	zones_teardown((void **)&z);
	zones_init(z, layout, cfg, has_ops);
	return z;
}

static inline uint64_t frame_bytes(const struct zones *z)
{
	return UINT64_C(1) << z->m.frame_lg2;
}

static inline uint64_t block_bytes(const struct zones *z, unsigned int order)
{
	return frame_bytes(z) << order;
}

static inline int alloc_flags(struct zones *z, struct pt_zone_cache *cache, unsigned int order,
			      pt_freetype_t type, unsigned int flags, pt_pa_t *pa)
{
	const struct pt_alloc how = { .order = order, .type = type, .flags = flags,
				      .owner = 0x1000 + order };

	return buddy_alloc(&z->m, cache, &how, pa);
}

/* Must succeed; returns where. */
static inline pt_pa_t get(struct zones *z, unsigned int order, pt_freetype_t type)
{
	pt_pa_t pa = 0;

	assert_int_equal(alloc_flags(z, NULL, order, type, 0, &pa), 0);
	return pa;
}

static inline void put(struct zones *z, pt_pa_t pa, unsigned int order)
{
	assert_int_equal(buddy_free(&z->m, NULL, pa, order), 0);
}

/* Allocates blocks until there are no more; returns how many. */
static inline size_t get_all(struct zones *z, struct pt_zone_cache *cache, unsigned int order,
			     pt_freetype_t type, unsigned int flags)
{
	pt_pa_t pa;
	size_t nr = 0;

	while (!alloc_flags(z, cache, order, type, flags, &pa))
		nr++;
	return nr;
}

static inline struct pt_zone_stats stats_of(const struct zones *z)
{
	struct pt_zone_stats stats;

	pt_zone_stats(z->m.zone, &stats);
	return stats;
}

static inline struct pt_page_info info_of(const struct zones *z, pt_pa_t pa)
{
	struct pt_page_info info;

	assert_int_equal(pt_page_info(z->m.zone, pa, &info), 0);
	return info;
}

#define ON(test, where) { #test, test, zones_setup, zones_teardown, (void *)(uintptr_t)&(where) }

/* Runs every test on every layout. */
static inline int run_on_layouts(const char *group, const struct CMUnitTest *tests, size_t nr_tests)
{
	struct CMUnitTest *all = calloc(nr_tests * NR_LAYOUTS, sizeof(*all));
	size_t nr = 0;
	int failed;

	if (!all)
		return 1;
	for (size_t t = 0; t < nr_tests; t++)
		for (size_t i = 0; i < NR_LAYOUTS; i++) {
			char *name = malloc(128);

			if (!name)
				return 1;
			snprintf(name, 128, "%s/%s", tests[t].name, layouts[i]->name);
			all[nr++] = (struct CMUnitTest){ name, tests[t].test_func, zones_setup,
							 zones_teardown,
							 (void *)(uintptr_t)layouts[i] };
		}
	failed = _cmocka_run_group_tests(group, all, nr, NULL, NULL);
	for (size_t i = 0; i < nr; i++)
		free((void *)(uintptr_t)all[i].name);
	free(all);
	return failed;
}

#define RUN_ON_LAYOUTS(group, tests) \
	run_on_layouts(group, tests, sizeof(tests) / sizeof((tests)[0]))

#endif /* BUDDY_ZONES_H */
