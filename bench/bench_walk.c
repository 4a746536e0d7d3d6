/* SPDX-License-Identifier: MIT */
/* pt_range_walk over one table, ns per base page of the window, mapped or not. */
#include <errno.h>

#include "bench.h"
#include "limits.h"
#include "pass.h"

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

static const struct pass passes[] = {
	{ .name = "walk_merged", .init = fixture_map, .run = walk_merged,
	  .limit = "limit_load_words", .ratio = 2 },
	{ .name = "walk_each", .init = fixture_map, .run = walk_each, .plus_ns = 4 },
	{ .name = "walk_sparse", .init = map_sparse, .run = walk_sparse },
};

void bench_register_all(void)
{
	limits_register();
	pass_register(passes, sizeof(passes) / sizeof(passes[0]));
}
