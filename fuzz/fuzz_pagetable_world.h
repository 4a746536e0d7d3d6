/* SPDX-License-Identifier: MIT */
/* fuzz_pagetable_world.h - the tables, the model and the memory that a program works on. */
#ifndef FUZZ_PAGETABLE_WORLD_H
#define FUZZ_PAGETABLE_WORLD_H

#include <string.h>

#include <ptlib/ptlib.h>

#include "fuzz_input.h"
#include "model/configs.h"
#include "model/page_source.h"
#include "model/raw_words.h"
#include "model/ref_check.h"
#include "model/ref_table.h"
#include "model/watcher.h"

#define ARENA_PAGES 1024
#define MAX_SLOTS 1024
#define MAX_OPS 48
#define MAX_ENTRIES 4096 /* that one operation may make */

/* Made at the first input that needs it, and used again. */
struct arena {
	struct pt_phys *phys;
	struct page_source source;
};

struct hole {
	pt_va_t first, last;
	unsigned int level;
};

struct world {
	const struct config *config;
	struct pt_fmt_cfg fmt;
	struct pt_format_info info;
	struct page_source *source;
	struct watcher watcher;
	struct pt_pgtable *pt;
	struct ref_table ref;
	unsigned int unit_lg2;
	bool is_private;

	/* borrows from pt */
	struct pt_pgtable *other;
	pt_va_t other_xor; /* turns an address of pt into the same one of other */
	pt_va_t link_va; /* what is linked: nr_links entries of link_level */
	unsigned int link_level, nr_links;
	bool is_linked[64]; /* of those, the ones that were tables */

	struct ref_page *before; /* the model before the operation */
	struct hole holes[MAX_SLOTS * 4];
	size_t nr_holes;
	bool trace;
};

static struct arena arenas[NR_CONFIGS];
static struct world world;

static inline void trace(const struct world *w, const char *what, size_t first, size_t nr,
			 uint64_t x, uint64_t y)
{
	if (w->trace)
		fprintf(stderr, "%s slots %zu+%zu (%#" PRIx64 ") %#" PRIx64 " %#" PRIx64 "\n", what,
			first, nr, ref_va(&w->ref, first), x, y);
}

static inline struct arena *arena_get(size_t i, const struct pt_fmt_cfg *fmt,
				      unsigned int granule_lg2)
{
	struct arena *arena = &arenas[i];
	struct pt_phys_region region = { .len = (uint64_t)ARENA_PAGES << granule_lg2, .fd = -1 };

	if (!arena->phys) {
		region.pa = (UINT64_C(1) << fmt->pa_bits) - region.len;
		FUZZ_CHECK_EQ(pt_phys_create(&arena->phys, &region, 1, 12), 0);
		page_source_init(&arena->source, arena->phys, region.pa, granule_lg2, ARENA_PAGES);
	}
	/* the same pages in the same order, whatever came before */
	for (uint32_t page = 0; page < ARENA_PAGES; page++)
		arena->source.stack[page] = page;
	arena->source.nr_allocs = arena->source.fail_at = 0;
	return arena;
}

/* The level of the largest leaves that always fit into slots: leaves of a map are no smaller. */
static inline unsigned int floor_level(const struct world *w)
{
	unsigned int level = w->info.nr_levels - 1;

	while (level && (!w->info.can_leaf[level] || w->info.leaf_lg2[level] > w->unit_lg2))
		level--;
	return level;
}

/* The most slots that one operation may touch, if it makes entries of @level; 0: not one. */
static inline size_t slots_limit(const struct world *w, unsigned int level)
{
	unsigned int lg2 = w->info.leaf_lg2[level];

	return w->unit_lg2 <= lg2 ? MAX_ENTRIES : MAX_ENTRIES >> (w->unit_lg2 - lg2);
}

/*
 * The window lies across the largest boundary there is, a quarter of it before, so that what
 * it is made of are entries of two tables, and an aligned leaf of the next level fits behind. Or it
 * ends where addresses do: @end is 1 for the last of all, 2 for the last before a gap.
 */
static inline void place_window(struct world *w, unsigned int scale, unsigned int end)
{
	const struct pt_format_info *info = &w->info;
	unsigned int ib = info->granule_lg2 - 3, granule = info->granule_lg2;
	const unsigned int shifts[] = { 0, ib - 9, ib - 5, 2 * ib - 9, 2 * ib - 5, 3 * ib - 9 };
	unsigned int space_lg2 = w->fmt.va_bits - (w->fmt.fmt == PT_FMT_X86_64 ? 1 : 0);
	size_t nr = MAX_SLOTS;
	pt_va_t base = info->first;

	w->unit_lg2 = granule;
	if (granule + shifts[scale] + 3 <= space_lg2 &&
	    granule + shifts[scale] + 3 <= w->fmt.pa_bits)
		w->unit_lg2 += shifts[scale];
	if (!slots_limit(w, floor_level(w)))
		w->unit_lg2 = granule;
	while (nr > UINT64_C(1) << (space_lg2 - w->unit_lg2))
		nr /= 2;
	if (end)
		base = (w->fmt.fmt == PT_FMT_X86_64 && end == 2 ? (UINT64_C(1) << space_lg2) - 1
								: info->last) -
		       (((uint64_t)nr << w->unit_lg2) - 1);
	for (unsigned int level = info->nr_levels - 1; level && !end; level--) {
		uint64_t at = UINT64_C(1) << info->leaf_lg2[level];

		if (at >> w->unit_lg2 >= nr / 4 &&
		    at < (UINT64_C(1) << space_lg2) - nr * ((uint64_t)1 << w->unit_lg2)) {
			base = info->first + at - ((uint64_t)(nr / 4) << w->unit_lg2);
			break;
		}
	}
	ref_init(&w->ref, &w->fmt, base, UINT64_C(1) << w->unit_lg2, nr);
	w->before = calloc(nr, sizeof(*w->before));
	FUZZ_CHECK(w->before);
}

static inline void world_init(struct world *w, struct fuzz_input *in)
{
	size_t i = fuzz_index(in, NR_CONFIGS);
	uint8_t place = fuzz_u8(in);
	unsigned int mode = place % 4, scale = fuzz_u8(in) % 6;
	struct pt_pgtable_cfg cfg;
	struct pt_table_ops from;
	struct arena *arena;

	memset(w, 0, sizeof(*w));
	w->trace = getenv("PTLIB_FUZZ_TRACE") != NULL;
	w->config = &configs[i];
	w->fmt = config_fmt(w->config);
	FUZZ_CHECK_EQ(pt_format_info(&w->fmt, &w->info), 0);
	arena = arena_get(i, &w->fmt, w->info.granule_lg2);
	w->source = &arena->source;
	from = page_source_ops(w->source);
	watcher_init(&w->watcher, &w->fmt, arena->phys, &from, w->source->pa, ARENA_PAGES,
		     mode == 3);
	cfg = (struct pt_pgtable_cfg){
		.fmt = w->fmt,
		.mode = mode == 0   ? PT_MODE_PRIVATE
			: mode == 1 ? PT_MODE_EXCLUSIVE
				    : PT_MODE_SHARED,
		.tables = watcher_table_ops(&w->watcher),
		.flush = &w->watcher.flush_ops,
		.watch = w->watcher.checked ? &w->watcher.watch_ops : NULL,
	};
	place_window(w, scale, place < 128 ? 0 : place < 192 ? 1 : 2);
	FUZZ_CHECK_EQ(pt_pgtable_create(&w->pt, arena->phys, &cfg), 0);
	if (!format_is_x86(w->fmt.fmt) && !format_is_stage2(w->fmt.fmt) && fuzz_bool(in)) {
		cfg.fmt.upper_half = !cfg.fmt.upper_half;
		w->other_xor = ~((UINT64_C(1) << w->fmt.va_bits) - 1);
	}
	FUZZ_CHECK_EQ(pt_pgtable_create(&w->other, arena->phys, &cfg), 0);
	if (w->trace)
		fprintf(stderr, "%s mode %u unit 2^%u x %zu from %#" PRIx64 "\n", w->config->name,
			mode, w->unit_lg2, w->ref.nr, w->ref.base);
}

/* Every page that was handed out is in one of the two trees. */
static inline void check_pages(const struct world *w)
{
	struct pt_usage usage, other;
	size_t nr = 0;

	FUZZ_CHECK_EQ(pt_usage(w->pt, &usage), 0);
	FUZZ_CHECK_EQ(pt_usage(w->other, &other), 0);
	for (unsigned int level = 0; level < PT_MAX_LEVELS; level++)
		nr += usage.tables[level] + other.tables[level];
	FUZZ_CHECK(w->nr_links ? nr >= w->source->nr_live : nr == w->source->nr_live);
}

static inline void world_exit(struct world *w, bool other_first)
{
	watcher_forget(&w->watcher);
	if (other_first) {
		pt_pgtable_destroy(w->other);
		FUZZ_CHECK_EQ(pt_verify(w->pt, NULL, NULL), 0);
		FUZZ_CHECK(ref_check(&w->ref, w->pt));
		pt_pgtable_destroy(w->pt);
	} else {
		pt_pgtable_destroy(w->pt);
		FUZZ_CHECK_EQ(pt_verify(w->other, NULL, NULL), 0);
		pt_pgtable_destroy(w->other);
	}
	FUZZ_CHECK_EQ(w->source->nr_live, 0);
	watcher_exit(&w->watcher);
	ref_exit(&w->ref);
	free(w->before);
}

#endif /* FUZZ_PAGETABLE_WORLD_H */
