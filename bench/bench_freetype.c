/* SPDX-License-Identifier: MIT */
/*
 * What the allocator itself adds when pages are wanted unmapped: tables that change and flush for
 * free, so that what is left are lists, locks and the calls. Per page of order 0; all of memory is
 * converted once a turn, and back with the clock stopped.
 */
#include <stdint.h>
#include <stdlib.h>

#include <ptlib/ptlib.h>

#include "bench.h"

#define NR_FRAMES ((size_t)262144) /* 1 GiB */

static const pt_freetype_t movable = { PT_MIGRATE_MOVABLE, 0 };
static const pt_freetype_t unmapped = { PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED };

struct freetype_case {
	const char *name;
	unsigned int batch;
	pt_freetype_t type;
};

static int convert(void *ctx, const struct pt_extent *extent, size_t nr, unsigned int from,
		   unsigned int to)
{
	size_t *nr_calls = ctx;

	(void)extent;
	(void)nr;
	(void)from;
	(void)to;
	++*nr_calls;
	return 0;
}

static int get_all(struct pt_zone *zone, struct pt_zone_cache *cache, pt_freetype_t type,
		   pt_pa_t *page)
{
	const struct pt_alloc how = { .type = type };
	int err = 0;

	for (size_t i = 0; i < NR_FRAMES && !err; i++)
		err = pt_alloc_pages(zone, cache, &how, &page[i]);
	return err;
}

static int put_all(struct pt_zone *zone, struct pt_zone_cache *cache, const pt_pa_t *page)
{
	int err = 0;

	for (size_t i = 0; i < NR_FRAMES && !err; i++)
		err = pt_free_pages(zone, cache, page[i], 0);
	pt_zone_cache_drain(cache);
	return err ? err : pt_zone_convert(zone, unmapped, movable, SIZE_MAX, NULL);
}

static void run_case(struct bench *b, const void *arg)
{
	const struct freetype_case *c = arg;
	const struct pt_zone_cfg cfg = { .convert_batch = c->batch };
	pt_pa_t *page = calloc(NR_FRAMES, sizeof(*page));
	size_t nr_calls = 0, nr_back = 0;
	struct pt_freetype_ops ops = { .convert = convert, .ctx = &nr_calls };
	struct pt_zone_cache *cache = NULL;
	struct pt_zone *zone = NULL;
	struct pt_phys *phys = NULL;
	int err = page ? pt_phys_create_anon(&phys, NR_FRAMES << 12) : -ENOMEM;

	if (!err)
		err = pt_zone_create(&zone, phys, &cfg);
	if (!err)
		err = pt_zone_cache_create(&cache, zone, 0);
	if (!err) {
		pt_zone_set_ops(zone, &ops);
		err = get_all(zone, cache, movable, page);
	}
	if (!err)
		err = put_all(zone, cache, page);
	while (!err && bench_keep_running(b, NR_FRAMES)) {
		err = get_all(zone, cache, c->type, page);
		bench_pause(b);
		nr_back -= nr_calls;
		if (!err)
			err = put_all(zone, cache, page);
		nr_back += nr_calls;
		bench_resume(b);
	}
	bench_counter_per_op(b, "converts", (double)(nr_calls - nr_back));
	pt_zone_cache_destroy(cache);
	if (err || pt_zone_destroy(zone))
		bench_fail(b, pt_strerror(err));
	pt_phys_destroy(phys);
	free(page);
}

static const struct freetype_case cases[] = {
	{ "alloc_mapped", 1, { PT_MIGRATE_UNMOVABLE, 0 } },
	{ "alloc_unmapped_for_free/batch:1", 1, { PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED } },
	{ "alloc_unmapped_for_free/batch:16", 16, { PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED } },
};

void bench_register_all(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		bench_register(cases[i].name, run_case, &cases[i]);
}
