/* SPDX-License-Identifier: MIT */
/* zone.h - kspace.h with a zone over the first region, from which tables come too. */
#ifndef KSPACE_ZONE_H
#define KSPACE_ZONE_H

#include "kspace/kspace.h"

#define NR_TEST_CPUS 3

struct zoned {
	struct kspace *k;
	struct pt_zone *zone;
	struct pt_zone_source plain;  /* tables of a direct map that does not protect them */
	bool no_tables;               /* it fails */
	struct pt_zone_cache *cache[NR_TEST_CPUS];
	struct pt_zone_source mm_tables;
	struct pt_pgtable *mm;        /* where the mermap is */
	struct pt_mermap *mermap;
	uint64_t tables;              /* of the direct map, at the start */
};

static struct zoned zoned;

static inline int zoned_alloc(void *ctx, unsigned int size_lg2, pt_pa_t *pa)
{
	struct zoned *z = ctx;
	struct pt_table_ops from = pt_zone_table_ops(&z->plain);

	return z->no_tables ? -ENOMEM : from.alloc(from.ctx, size_lg2, pa);
}

static inline void zoned_free(void *ctx, pt_pa_t pa, unsigned int size_lg2)
{
	struct zoned *z = ctx;
	struct pt_table_ops from = pt_zone_table_ops(&z->plain);

	from.free(from.ctx, pa, size_lg2);
}

/* @flags of the direct map; @key: 0 for none; @protect: its tables. */
static inline struct zoned *zoned_begin(void **state, const struct pt_zone_cfg *how,
					unsigned int flags, unsigned int key, bool protect)
{
	struct zoned *z = &zoned;
	struct kspace *k = *state;
	struct pt_extent range = { MEMORY_PA, MEMORY_LEN };
	struct pt_zone_cfg cfg = *how;

	*z = (struct zoned){ .k = k };
	cfg.ranges = &range;
	cfg.nr_ranges = 1;
	assert_int_equal(pt_zone_create(&z->zone, k->phys, &cfg), 0);
	z->plain = (struct pt_zone_source){ .zone = z->zone };
	k->cfg.flags = flags;
	k->cfg.key = key;
	k->cfg.tables = (struct pt_table_ops){ zoned_alloc, zoned_free, z };
	if (protect) {
		k->cfg.tables = (struct pt_table_ops){ 0 };
		k->cfg.protect = z->zone;
	}
	kspace_map(k);
	pt_zone_set_ops(z->zone, pt_direct_map_freetype_ops(k->dm));
	for (unsigned int i = 0; i < NR_TEST_CPUS; i++)
		assert_int_equal(pt_zone_cache_create(&z->cache[i], z->zone, i), 0);
	z->tables = stats_of(k).tables + stats_of(k).reserve;
	return z;
}

/* An mm with a mermap, through which absent pages are zeroed. */
static inline void zoned_add_mermap(struct zoned *z)
{
	struct kspace *k = z->k;
	struct pt_pgtable_cfg pt_cfg = { .fmt = k->fmt, .mode = PT_MODE_SHARED };
	const struct pt_mermap_cfg cfg = {
		.base = k->info.last + 1 - (UINT64_C(1) << 32),
		.nr_cpus = NR_TEST_CPUS,
		.nr_pages = 16,
		.zone = z->zone,
		.flush = pt_flush_count_ops(k->count),
		.flush_cpu = pt_flush_count_local,
		.flush_cpu_ctx = k->count,
	};

	z->mm_tables = (struct pt_zone_source){ .zone = z->zone };
	pt_cfg.tables = pt_zone_table_ops(&z->mm_tables);
	assert_int_equal(pt_pgtable_create(&z->mm, k->phys, &pt_cfg), 0);
	assert_int_equal(pt_mermap_create(&z->mermap, z->mm, &cfg), 0);
	assert_int_equal(pt_mermap_prepare(z->mermap), 0);
	pt_direct_map_set_mermap(k->dm, z->mermap);
}

static inline bool zoned_report(void *ctx, pt_pa_t pa, const char *what)
{
	(void)ctx;
	fprintf(stderr, "%#llx: %s\n", (unsigned long long)pa, what);
	return false;
}

static inline void zoned_drain(struct zoned *z)
{
	for (unsigned int i = 0; i < NR_TEST_CPUS; i++)
		pt_zone_cache_drain(z->cache[i]);
}

static inline void zoned_verify(struct zoned *z)
{
	assert_int_equal(pt_direct_map_verify(z->k->dm, z->zone, zoned_report, NULL), 0);
	assert_int_equal(pt_buddy_verify(z->zone, zoned_report, NULL), 0);
	assert_int_equal(pt_verify(pt_direct_map_pgtable(z->k->dm), NULL, NULL), 0);
}

static inline struct pt_zone_stats zone_stats(struct zoned *z)
{
	struct pt_zone_stats stats;

	pt_zone_stats(z->zone, &stats);
	return stats;
}

/* All flagged pageblocks that are free become plain again. */
static inline void zoned_convert_back(struct zoned *z)
{
	static const unsigned int flags[] = { PT_FREETYPE_UNMAPPED, PT_FREETYPE_KEYED };

	zoned_drain(z);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
			pt_zone_convert(z->zone, pt_freetype(PT_MIGRATE_UNMOVABLE, flags[i]),
					pt_freetype(PT_MIGRATE_UNMOVABLE, 0), SIZE_MAX, NULL),
			0);
}

static inline void zoned_end(struct zoned *z)
{
	zoned_verify(z);
	pt_direct_map_set_mermap(z->k->dm, NULL);
	pt_mermap_destroy(z->mermap);
	pt_pgtable_destroy(z->mm);
	for (unsigned int i = 0; i < NR_TEST_CPUS; i++)
		pt_zone_cache_destroy(z->cache[i]);
	pt_zone_set_ops(z->zone, NULL);
	pt_direct_map_destroy(z->k->dm);
	z->k->dm = NULL;
	assert_int_equal(zone_stats(z).held, 0);
	assert_int_equal(pt_zone_destroy(z->zone), 0);
}

static inline int zoned_take(struct zoned *z, unsigned int flags, unsigned int order, pt_pa_t *pa)
{
	const struct pt_alloc how = {
		.order = order,
		.type = pt_freetype(PT_MIGRATE_UNMOVABLE, flags),
	};

	return pt_alloc_pages(z->zone, z->cache[0], &how, pa);
}

static inline void zoned_give(struct zoned *z, pt_pa_t pa, unsigned int order)
{
	assert_int_equal(pt_free_pages(z->zone, z->cache[0], pa, order), 0);
}

#endif /* KSPACE_ZONE_H */
