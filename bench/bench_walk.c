/* SPDX-License-Identifier: MIT */
/* pt_range_walk over one table, ns per base page of the window, mapped or not; and smaps. */
#include <errno.h>

#include "bench.h"
#include "calls.h"
#include "limits.h"
#include "pass.h"
#include "process.h"

/* walk_sparse: one page is mapped in so many. */
#define SPARSE 16

/* Reports what it finds; 0 if these are @nr_runs runs of leaves. */
static int walk_window(struct fixture *fx, unsigned int types, unsigned int flags, size_t nr_runs)
{
	enum pt_range_walk_type type;
	struct pt_range_walk walk;
	uint64_t len = 0;
	pt_pa_t sum = 0;
	size_t nr = 0;

	for (type = pt_range_walk_start(&walk, fx->pt, fx->va, fx->va + fx->len - 1, types, flags);
	     type == PTW_PFN || type == PTW_NONE; type = pt_range_walk_next(&walk)) {
		nr += type == PTW_PFN;
		len += walk.len;
		sum += walk.pa;
	}
	bench_use(sum);
	return pt_range_walk_done(&walk) || type != PTW_DONE || nr != nr_runs ||
			       len != (types & PT_TYPE_NONE ? fx->len : nr_runs * fx->page) ?
		       -EIO :
		       0;
}

static int walk_merged(struct fixture *fx)
{
	return walk_window(fx, PT_TYPE_ALL, 0, 1);
}

static int walk_each(struct fixture *fx)
{
	return walk_window(fx, PT_TYPE_ALL, PT_WALK_EACH, WINDOW_PAGES);
}

static int map_sparse(struct fixture *fx)
{
	int err = 0;

	for (uint64_t at = 0; at < fx->len && !err; at += SPARSE * fx->page)
		err = pt_map(fx->pt, fx->va + at, fx->pa + at, fx->page, FIXTURE_ATTR,
			     &fx->change);
	return err;
}

static int walk_sparse(struct fixture *fx)
{
	return walk_window(fx, PT_TYPE_PFN, 0, WINDOW_PAGES / SPARSE);
}

/* A walk as of an address space; 0 if it returns @nr_runs runs, which are the window. */
static int walk_space(struct fixture *fx, unsigned int flags, size_t nr_runs)
{
	enum pt_range_walk_type type;
	struct pt_range_walk walk;
	uint64_t len = 0;
	pt_pa_t sum = 0;
	size_t nr = 0;

	for (type = pt_range_walk_start(&walk, fx->pt, fx->va, fx->va + fx->len - 1, PT_TYPE_ALL,
					flags | PT_WALK_FOLIOS);
	     type != PTW_DONE; type = pt_range_walk_next(&walk)) {
		nr++;
		len += walk.len;
		sum += walk.pa + type;
	}
	bench_use(sum);
	return pt_range_walk_done(&walk) || len != fx->len || nr != nr_runs ? -EIO : 0;
}

static int init_order0(struct fixture *fx)
{
	return fixture_folios(fx, 0);
}

static int init_order4(struct fixture *fx)
{
	return fixture_folios(fx, 4);
}

static int init_order9(struct fixture *fx)
{
	return fixture_folios(fx, 9);
}

static int walk_folios(struct fixture *fx)
{
	return walk_space(fx, 0, fx->nr_folios);
}

static int walk_folios_locked(struct fixture *fx)
{
	/* A run ends with its table too. */
	size_t tables = fx->len / (fx->page << fx->info.entries_lg2[0]);

	return walk_space(fx, PT_WALK_LOCKED, fx->nr_folios > tables ? fx->nr_folios : tables);
}

/* All of the window is swapped out, to consecutive offsets. */
static int init_swap(struct fixture *fx)
{
	const struct pt_soft swap = { .kind = PT_SOFT_SWAP, .type = 1, .offset = 64 };
	int err = fixture_folios(fx, 0);

	return err ? err : pt_soft_set(fx->pt, fx->va, fx->len, 0, &swap, NULL);
}

static int walk_swap(struct fixture *fx)
{
	return walk_space(fx, 0, 1);
}

/*
 *	pages    0 1 2 3    4..7     8..11    12 13    14          15
 *	         folios     folio    swap     hole     migration   marker
 */
#define MIXED_PAGES 16
#define MIXED_RUNS 9

static int init_mixed(struct fixture *fx)
{
	const uint64_t page = fx->page;
	int err = fixture_folios(fx, 2);

	/* Folios whose pages are pages of different ones: the last three of four are cut off. */
	for (size_t i = 0; i < WINDOW_PAGES / MIXED_PAGES && !err; i++) {
		pt_va_t va = fx->va + i * MIXED_PAGES * page;
		const struct pt_soft swap = { .kind = PT_SOFT_SWAP, .offset = 2 + 8 * i };
		const struct pt_soft migration = { .kind = PT_SOFT_MIGRATION_READ, .pfn = i };
		const struct pt_soft marker = { .kind = PT_SOFT_MARKER,
						.markers = PT_SOFT_MARKER_POISONED };

		err = pt_unmap(fx->pt, va, 4 * page, NULL);
		for (size_t k = 0; k < 4 && !err; k++)
			err = pt_map(fx->pt, va + k * page, fx->folio[4 * i + (k & 1 ? 2 : 0)],
				     page, FIXTURE_ATTR, &fx->change);
		if (!err)
			err = pt_soft_set(fx->pt, va + 8 * page, 4 * page, 0, &swap, NULL);
		if (!err)
			err = pt_unmap(fx->pt, va + 12 * page, 2 * page, NULL);
		if (!err)
			err = pt_soft_set(fx->pt, va + 14 * page, page, 0, &migration, NULL);
		if (!err)
			err = pt_soft_set(fx->pt, va + 15 * page, page, 0, &marker, NULL);
	}
	return err;
}

static int walk_mixed(struct fixture *fx)
{
	return walk_space(fx, 0, WINDOW_PAGES / MIXED_PAGES * MIXED_RUNS);
}

static const struct pass passes[] = {
	{ .name = "walk_merged", .init = fixture_map, .run = walk_merged,
	  .limit = "limit_load_words", .ratio = 2 },
	{ .name = "walk_each", .init = fixture_map, .run = walk_each, .plus_ns = 4 },
	{ .name = "walk_sparse", .init = map_sparse, .run = walk_sparse },
	{ .name = "walk_folios/order0", .init = init_order0, .run = walk_folios,
	  .limit = "limit_load_words_and_frames", .ratio = 2 },
	{ .name = "walk_folios/order4", .init = init_order4, .run = walk_folios,
	  .limit = "limit_load_words", .ratio = 2 },
	{ .name = "walk_folios/order9", .init = init_order9, .run = walk_folios,
	  .limit = "limit_load_words", .ratio = 2 },
	{ .name = "walk_folios_locked/order0", .init = init_order0, .run = walk_folios_locked,
	  .mode = PT_MODE_SHARED },
	{ .name = "walk_folios_locked/order4", .init = init_order4, .run = walk_folios_locked,
	  .mode = PT_MODE_SHARED },
	{ .name = "walk_folios_locked/order9", .init = init_order9, .run = walk_folios_locked,
	  .mode = PT_MODE_SHARED },
	{ .name = "walk_swap", .init = init_swap, .run = walk_swap,
	  .limit = "limit_load_words", .ratio = 2 },
	/* 4 ns a run, in ns a page. */
	{ .name = "walk_mixed", .init = init_mixed, .run = walk_mixed,
	  .plus_ns = 4.0 * MIXED_RUNS / MIXED_PAGES },
};

void bench_register_all(void)
{
	limits_register();
	calls_register_walk();
	pass_register(passes, sizeof(passes) / sizeof(passes[0]));
	process_register();
}
