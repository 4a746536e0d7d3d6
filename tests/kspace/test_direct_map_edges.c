/* SPDX-License-Identifier: MIT */
/* Ends of a direct map: where it begins and memory ends, and from where to where it flushes. */
#include "kspace/kspace.h"

struct flushes {
	pt_va_t first, last;
	unsigned int nr;
};

static void note_range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct flushes *flushes = ctx;

	(void)stride_lg2;
	flushes->first = first;
	flushes->last = last;
	flushes->nr++;
}

/* "Flushed at once, as one range from the first to the last", whatever order they come in. */
static void one_range_has_all_extents(void **state)
{
	static const unsigned int orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 },
						  { 1, 0, 2 }, { 0, 2, 1 }, { 2, 0, 1 } };
	struct kspace *k = *state;
	struct flushes flushes = { 0 };
	const struct pt_flush_ops ops = { .range = note_range, .ctx = &flushes };

	k->cfg.flush = &ops;
	kspace_map(k);
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct pt_extent some[3];
		pt_pa_t first = MEMORY_PA + 4 * i * k->block;

		if (first + 3 * k->block > MEMORY_PA + MEMORY_LEN)
			break;
		for (unsigned int n = 0; n < 3; n++)
			some[n] = (struct pt_extent){ first + orders[i][n] * k->block, k->block };
		flushes.nr = 0;
		assert_int_equal(convert(k, some, 3, 0, PT_FREETYPE_UNMAPPED), 0);
		assert_int_equal(flushes.nr, 1);
		assert_int_equal(flushes.first, pt_direct_map_base(k->dm) + first);
		assert_int_equal(flushes.last,
				 pt_direct_map_base(k->dm) + first + 3 * k->block - 1);
	}
}

static void refuses_bases_and_sources_that_are_none(void **state)
{
	struct kspace *k = *state;
	struct pt_direct_map_cfg cfg;
	struct pt_direct_map *dm = NULL;
	struct pt_zone *zone;

	assert_int_equal(pt_zone_create(&zone, k->phys, NULL), 0);
#define REFUSES(change, err)                                                                       \
	do {                                                                                       \
		cfg = k->cfg;                                                                      \
		change;                                                                            \
		assert_int_equal(pt_direct_map_create(&dm, k->phys, &cfg), err);                   \
		assert_null(dm);                                                                   \
		assert_int_equal(k->source.nr_live, 0);                                            \
	} while (0)
	REFUSES(cfg.base = k->info.first + k->granule / 2, -EINVAL);
	REFUSES(cfg.tables.alloc = NULL, -EINVAL);
	REFUSES(cfg.tables.free = NULL, -EINVAL);
	REFUSES((cfg.protect = zone, cfg.key = TEST_KEY, cfg.tables.alloc = NULL), -EINVAL);
	REFUSES((cfg.protect = zone, cfg.key = TEST_KEY, cfg.tables.free = NULL), -EINVAL);
	REFUSES(cfg.flags = PT_DIRECT_MAP_JOIN << 1, -EINVAL);
	/* its memory ends before addresses do; its table pages would begin again at the first */
	REFUSES(cfg.base = -(4 * GIB), -ERANGE);
#undef REFUSES
	assert_int_equal(pt_zone_destroy(zone), 0);
}

int main(void)
{
	static const struct kspace_test tests[] = {
		TEST(one_range_has_all_extents),
		TEST(refuses_bases_and_sources_that_are_none),
	};

	return RUN_ON_ALL("direct_map_edges", tests);
}
