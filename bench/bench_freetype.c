/* SPDX-License-Identifier: MIT */
/*
 * Pages that are absent from the direct map of x86_64, per page of order 0: half of 1 GiB, with a
 * direct map of its own each turn, for leaves that were split stay so. The flushes are counted as
 * Linux would make them, and take no time here: what is timed is what a kernel has to do besides.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ptlib/ptlib.h>

#include "bench.h"

#define GIB (UINT64_C(1) << 30)
#define NR_PAGES ((size_t)131072) /* of the zone's 262,144 */
#define TABLES_LEN (UINT64_C(8) << 20)

struct freetype_case {
	const char *name;
	unsigned int batch;  /* pageblocks converted at once */
	pt_freetype_t type;  /* of the pages */
	bool page_at_a_time; /* each is then made absent by itself */
};

struct world {
	struct pt_phys *phys;
	struct pt_reserve *tables; /* beside the zone */
	struct pt_zone *zone;
	struct pt_zone_cache *cache;
	struct pt_flush_count *count;
	struct pt_direct_map *dm;
};

/* Summed up over the turns. */
struct totals {
	double flushes, full, page_ops, splits, converts;
};

static int world_init(struct world *w, unsigned int batch)
{
	const struct pt_phys_region regions[] = { { .pa = GIB, .len = GIB, .fd = -1 },
						  { .pa = 4 * GIB, .len = TABLES_LEN, .fd = -1 } };
	const struct pt_extent range = { GIB, GIB };
	const struct pt_zone_cfg zone_cfg = { .ranges = &range, .nr_ranges = 1,
					      .convert_batch = batch };
	const struct pt_flush_count_cfg count_cfg = { .policy = PT_FLUSH_X86_64,
						      .granule_lg2 = 12 };
	struct pt_direct_map_cfg cfg = { 0 };
	int err;

	memset(w, 0, sizeof(*w));
	err = pt_phys_create(&w->phys, regions, 2, 12);
	if (!err)
		err = pt_reserve_create(&w->tables, w->phys, 12);
	if (!err)
		err = pt_reserve_add_range(w->tables, 4 * GIB, TABLES_LEN);
	if (!err)
		err = pt_zone_create(&w->zone, w->phys, &zone_cfg);
	if (!err)
		err = pt_zone_cache_create(&w->cache, w->zone, 0);
	if (!err)
		err = pt_flush_count_create(&w->count, &count_cfg);
	if (!err)
		err = pt_fmt_cfg_init(&cfg.fmt, PT_FMT_X86_64);
	if (err)
		return err;
	cfg.tables = pt_reserve_ops(w->tables);
	cfg.flush = pt_flush_count_ops(w->count);
	err = pt_direct_map_create(&w->dm, w->phys, &cfg);
	if (!err)
		pt_zone_set_ops(w->zone, pt_direct_map_freetype_ops(w->dm));
	return err;
}

static int get_pages(struct world *w, const struct freetype_case *c, pt_pa_t *page)
{
	const struct pt_alloc how = { .type = c->type };
	int err = 0;

	for (size_t i = 0; i < NR_PAGES && !err; i++) {
		err = pt_alloc_pages(w->zone, w->cache, &how, &page[i]);
		if (!err && c->page_at_a_time)
			err = pt_set_direct_map_invalid(w->dm, page[i], 1);
	}
	return err;
}

/* Touches what the turn will, so that no page fault of the host is timed. */
static int warm_up(struct world *w, pt_pa_t *page)
{
	const struct freetype_case plain = { .type = { PT_MIGRATE_UNMOVABLE, 0 } };
	int err = get_pages(w, &plain, page);

	for (size_t i = 0; i < NR_PAGES && !err; i++)
		err = pt_free_pages(w->zone, w->cache, page[i], 0);
	pt_zone_cache_drain(w->cache);
	return err;
}

static int world_exit(struct world *w, const pt_pa_t *page, struct totals *totals)
{
	struct pt_direct_map_stats stats;
	struct pt_flush_counts counts;
	struct pt_zone_stats zone;
	int err = 0;

	pt_flush_counts(w->count, &counts);
	pt_direct_map_stats(w->dm, &stats);
	pt_zone_stats(w->zone, &zone);
	totals->flushes += (double)counts.requests;
	totals->full += (double)counts.full;
	totals->page_ops += (double)counts.page_ops;
	totals->converts += (double)zone.conversions;
	for (unsigned int level = 0; level < PT_MAX_LEVELS; level++)
		totals->splits += (double)stats.splits[level];
	for (size_t i = 0; i < NR_PAGES && !err; i++)
		err = pt_free_pages(w->zone, w->cache, page[i], 0);
	pt_zone_cache_destroy(w->cache);
	if (!err)
		err = pt_zone_destroy(w->zone);
	pt_direct_map_destroy(w->dm);
	pt_flush_count_destroy(w->count);
	if (!err)
		err = pt_reserve_destroy(w->tables);
	pt_phys_destroy(w->phys);
	return err;
}

static void run_case(struct bench *b, const void *arg)
{
	const struct freetype_case *c = arg;
	pt_pa_t *page = calloc(NR_PAGES, sizeof(*page));
	struct totals totals = { 0 };
	struct world w;
	int err = page ? 0 : -ENOMEM;

	while (!err && bench_keep_running(b, NR_PAGES)) {
		bench_pause(b);
		err = world_init(&w, c->batch);
		if (!err)
			err = warm_up(&w, page);
		bench_resume(b);
		if (!err)
			err = get_pages(&w, c, page);
		bench_pause(b);
		if (!err)
			err = world_exit(&w, page, &totals);
		bench_resume(b);
	}
	bench_counter_per_op(b, "flushes", totals.flushes);
	bench_counter_per_op(b, "full", totals.full);
	bench_counter_per_op(b, "invlpg", totals.page_ops);
	bench_counter_per_op(b, "splits", totals.splits);
	bench_counter_per_op(b, "converts", totals.converts);
	if (err)
		bench_fail(b, pt_strerror(err));
	free(page);
}

#define BATCH 16

static const struct freetype_case cases[] = {
	{ "alloc_mapped", 1, { PT_MIGRATE_UNMOVABLE, 0 }, false },
	{ "alloc_unmapped/page_at_a_time", 1, { PT_MIGRATE_UNMOVABLE, 0 }, true },
	{ "alloc_unmapped/freetype", 1, { PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED }, false },
	{ "alloc_unmapped/freetype_batched", BATCH,
	  { PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED }, false },
};

void bench_register_all(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		bench_register(cases[i].name, run_case, &cases[i]);
}
