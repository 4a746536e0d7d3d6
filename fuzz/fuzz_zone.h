/* SPDX-License-Identifier: MIT */
/*
 * fuzz_zone.h - a zone and its model from a fuzzer's bytes, and the operations that both fuzzers of
 * the allocator have. The model (tests/model/buddy_model.h) holds every answer to what it may be.
 *
 * Input: [frame size] [ranges] [caches], what the fuzzer adds, then operations: [op] arguments.
 */
#ifndef FUZZ_ZONE_H
#define FUZZ_ZONE_H

#include <string.h>

#include <ptlib/ptlib.h>

#include "fuzz_input.h"
#include "model/buddy_model.h"

#define ZONE_FRAMES 4096 /* of the low region; the high one has half of them */
#define ZONE_MAX_OPS 96

/* Made at the first input that needs it, and used again: one a frame size. */
static struct pt_phys *zone_memory[3];

struct zone_world {
	struct buddy_model m;
	struct pt_extent ranges[4];
	struct pt_zone_cfg cfg;
};

static struct zone_world world;

/* Pageblocks of large frames have up to 16 times as many: as many frames as make a few. */
static uint64_t zone_frames(unsigned int size)
{
	return (uint64_t)ZONE_FRAMES << (size ? 2 : 0);
}

static struct pt_phys *zone_phys(unsigned int size)
{
	unsigned int frame_lg2 = 12 + 2 * size;
	uint64_t len = zone_frames(size) << frame_lg2;
	const struct pt_phys_region regions[] = {
		{ .pa = 0, .len = len, .fd = -1 },
		{ .pa = (UINT64_C(1) << 48) - len / 2, .len = len / 2, .fd = -1 },
	};

	if (!zone_memory[size])
		FUZZ_CHECK_EQ(pt_phys_create(&zone_memory[size], regions, 2, frame_lg2), 0);
	return zone_memory[size];
}

/* Up to three ranges of the low region, with holes, and perhaps the end of the high one. */
static void zone_ranges(struct zone_world *w, struct fuzz_input *in, unsigned int size)
{
	unsigned int frame_lg2 = 12 + 2 * size, nr = (unsigned int)fuzz_range(in, 1, 3);
	uint64_t at = 0, end = zone_frames(size), high = fuzz_u8(in);

	for (unsigned int i = 0; i < nr && at < end; i++) {
		uint64_t first = at + (fuzz_u8(in) << (i ? fuzz_u8(in) % 4 : 0));
		uint64_t len = 1 + (fuzz_u16(in) ^ 0x0fff) % end;

		if (first >= end)
			break;
		if (len > end - first)
			len = end - first;
		w->ranges[w->cfg.nr_ranges++] =
			(struct pt_extent){ first << frame_lg2, len << frame_lg2 };
		at = first + len + 1;
	}
	if (high || !w->cfg.nr_ranges) {
		uint64_t len = (1 + high * 8) << frame_lg2;

		w->ranges[w->cfg.nr_ranges++] =
			(struct pt_extent){ (UINT64_C(1) << 48) - len, len };
	}
	w->cfg.ranges = w->ranges;
}

/* @w->cfg is the fuzzer's, but for the ranges. */
static void zone_init(struct zone_world *w, struct fuzz_input *in, bool has_ops)
{
	unsigned int pick = (unsigned int)fuzz_index(in, 32), nr_caches;
	unsigned int size = pick < 29 ? 0 : pick < 31 ? 1 : 2; /* large frames take their time */

	w->cfg.nr_ranges = 0;
	zone_ranges(w, in, size);
	buddy_init(&w->m, zone_phys(size), &w->cfg, has_ops);
	nr_caches = (unsigned int)fuzz_range(in, 0, BUDDY_MAX_CACHES);
	for (unsigned int i = 0; i < nr_caches; i++)
		buddy_cache(&w->m, i);
}

static void zone_exit(struct zone_world *w)
{
	w->m.allocates = false;
	buddy_check(&w->m);
	buddy_recover_and_fill(&w->m);
	buddy_exit(&w->m);
}

static struct pt_zone_cache *pick_cache(const struct zone_world *w, struct fuzz_input *in)
{
	size_t i = fuzz_index(in, w->m.nr_caches + 1);

	return i ? w->m.cache[i - 1] : NULL;
}

static pt_freetype_t pick_type(struct fuzz_input *in)
{
	uint8_t pick = fuzz_u8(in);

	if (pick < 250)
		return pt_freetype_from_idx(pick % PT_FREETYPE_LISTS);
	return pt_freetype((enum pt_migratetype)fuzz_u8(in), fuzz_u8(in));
}

/* A held block, or NULL if there is none. */
static struct buddy_block *pick_block(const struct zone_world *w, struct fuzz_input *in)
{
	size_t pick = fuzz_u16(in);

	return w->m.nr_blocks ? &w->m.block[pick % w->m.nr_blocks] : NULL;
}

/* As many as a number of one byte says, a few or hundreds. */
static unsigned int pick_count(struct fuzz_input *in)
{
	unsigned int pick = fuzz_u8(in);

	return 1 + (pick < 192 ? pick % 16 : (pick - 192) * 32);
}

static void op_get(struct zone_world *w, struct fuzz_input *in)
{
	struct pt_zone_cache *cache = pick_cache(w, in);
	unsigned int order = fuzz_u8(in), count;
	size_t account;
	struct pt_alloc how = { .order = order < 192 ? order % 4 : order % (w->m.max_order + 2) };
	pt_pa_t pa;

	how.type = pick_type(in);
	how.flags = fuzz_u8(in) % 16;
	account = fuzz_index(in, w->m.nr_accounts + 1);
	how.account = account ? w->m.account[account - 1].account : NULL;
	count = pick_count(in);
	/* to zero much takes time and finds no more */
	if (how.order > 3)
		how.flags &= ~PT_ALLOC_ZERO;
	if (how.flags & PT_ALLOC_ZERO)
		count = 1 + count % 4;
	for (unsigned int i = 0; i < count; i++) {
		how.owner = w->m.nr_blocks;
		if (buddy_alloc(&w->m, cache, &how, &pa))
			break;
	}
}

/* Several in the order of the model's list, which frees have mixed up. */
static void op_put(struct zone_world *w, struct fuzz_input *in)
{
	struct pt_zone_cache *cache = pick_cache(w, in);
	size_t first = fuzz_u16(in);
	unsigned int count = pick_count(in);
	bool raw = fuzz_bool(in);

	for (unsigned int i = 0; i < count && w->m.nr_blocks; i++) {
		const struct buddy_block *block = &w->m.block[(first + i) % w->m.nr_blocks];

		if (raw)
			buddy_free_raw(&w->m, cache, block->pa, block->order);
		else
			buddy_free(&w->m, cache, block->pa, block->order);
	}
}

static void op_drain(struct zone_world *w, struct fuzz_input *in)
{
	struct pt_zone_cache *cache = pick_cache(w, in);

	if (cache)
		pt_zone_cache_drain(cache);
}

#endif /* FUZZ_ZONE_H */
