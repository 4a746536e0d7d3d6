/* SPDX-License-Identifier: MIT */
/*
 * Changes and queries of one table, one thread, ns per base page.
 *
 * Base-page leaves without folding, but for split and collapse. *_one are a
 * call a page, in ascending order; *_bulk one call for the whole window. Both
 * kinds of map start without leaf tables: linking and zeroing them is timed,
 * one per 512 pages with 4K pages. unmap leaves the empty tables in place.
 * Neither gets a gather, so each call ends its own.
 */
#include <errno.h>

#include "bench.h"
#include "calls.h"
#include "limits.h"
#include "pass.h"

static int map_each(struct fixture *fx)
{
	struct pt_change change = fx->change;
	struct pt_pgtable *pt = fx->pt;
	uint64_t page = fx->page;
	pt_va_t va = fx->va;
	pt_pa_t pa = fx->pa;
	int err = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++, va += page, pa += page)
		err |= pt_map(pt, va, pa, page, FIXTURE_ATTR, &change);
	return err;
}

static int map_each_anew(struct fixture *fx)
{
	int err = fixture_clear(fx);

	return err ? err : map_each(fx);
}

static int unmap_each(struct fixture *fx)
{
	struct pt_pgtable *pt = fx->pt;
	uint64_t page = fx->page;
	pt_va_t va = fx->va;
	int err = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++, va += page)
		err |= pt_unmap(pt, va, page, NULL);
	return err;
}

static int unmap_bulk(struct fixture *fx)
{
	struct pt_change change = { 0 };
	int err = pt_unmap(fx->pt, fx->va, fx->len, &change);

	return err || change.done == fx->len ? err : -EIO;
}

/* Takes write access away and gives it back, by turns. */
static int protect_bulk(struct fixture *fx)
{
	struct pt_change change = { 0 };
	pt_attr_t set = fx->turn % 2 ? PT_ATTR_WRITE : 0;
	int err = pt_protect(fx->pt, fx->va, fx->len, set, PT_ATTR_WRITE & ~set, &change);

	return err || change.done == fx->len ? err : -EIO;
}

/* The same, a call a page. */
static int protect_each(struct fixture *fx)
{
	struct pt_pgtable *pt = fx->pt;
	pt_attr_t set = fx->turn % 2 ? PT_ATTR_WRITE : 0;
	uint64_t page = fx->page;
	pt_va_t va = fx->va;
	int err = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++, va += page)
		err |= pt_protect(pt, va, page, set, PT_ATTR_WRITE & ~set, NULL);
	return err;
}

static int set_accessed(struct fixture *fx)
{
	return pt_protect(fx->pt, fx->va, fx->len, PT_ATTR_ACCESSED, 0, NULL);
}

static int age_bulk(struct fixture *fx)
{
	struct pt_change change = { 0 };
	int err = pt_test_and_clear_accessed(fx->pt, fx->va, fx->len, &change);

	return err || change.done == fx->len ? err : -EIO;
}

static int translate_seq(struct fixture *fx)
{
	const struct pt_pgtable *pt = fx->pt;
	uint64_t page = fx->page;
	pt_va_t va = fx->va;
	pt_pa_t pa, sum = 0;
	int err = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++, va += page) {
		err |= pt_translate(pt, va, &pa);
		sum += pa;
	}
	bench_use(sum);
	return err;
}

static int translate_rand(struct fixture *fx)
{
	const struct pt_pgtable *pt = fx->pt;
	unsigned int page_lg2 = fx->info.granule_lg2;
	const uint32_t *order = fx->order;
	pt_va_t va = fx->va;
	pt_pa_t pa, sum = 0;
	int err = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++) {
		err |= pt_translate(pt, va + ((pt_va_t)order[i] << page_lg2), &pa);
		sum += pa;
	}
	bench_use(sum);
	return err;
}

static int lookup_seq(struct fixture *fx)
{
	const struct pt_pgtable *pt = fx->pt;
	uint64_t page = fx->page;
	pt_va_t va = fx->va;
	struct pt_leaf leaf;
	pt_pa_t sum = 0;
	int err = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++, va += page) {
		err |= pt_lookup(pt, va, &leaf);
		sum += leaf.pa;
	}
	bench_use(sum);
	return err;
}

static int lookup_rand(struct fixture *fx)
{
	const struct pt_pgtable *pt = fx->pt;
	unsigned int page_lg2 = fx->info.granule_lg2;
	const uint32_t *order = fx->order;
	pt_va_t va = fx->va;
	struct pt_leaf leaf;
	pt_pa_t sum = 0;
	int err = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++) {
		err |= pt_lookup(pt, va + ((pt_va_t)order[i] << page_lg2), &leaf);
		sum += leaf.pa;
	}
	bench_use(sum);
	return err;
}

static int map_blocks_anew(struct fixture *fx)
{
	int err = fixture_clear(fx);

	return err ? err : fixture_map_blocks(fx);
}

static int split_block(struct fixture *fx)
{
	struct pt_change change = { 0 };
	int err = pt_split(fx->pt, fx->va, fx->len, 0, &change);

	return err || change.done == fx->len ? err : -EIO;
}

static int map_anew(struct fixture *fx)
{
	int err = fixture_clear(fx);

	return err ? err : fixture_map(fx);
}

static int collapse_block(struct fixture *fx)
{
	struct pt_change change = { .flags = PT_CHANGE_NO_CONTIG };
	int err = pt_collapse(fx->pt, fx->va, fx->len, 1, &change);

	return err || change.done == fx->len ? err : -EIO;
}

static const struct pass passes[] = {
	{ .name = "map_one", .prepare = fixture_clear, .run = map_each,
	  .limit = "limit_descent_seq", .ratio = 2 },
	{ .name = "unmap_one", .prepare = map_each_anew, .run = unmap_each,
	  .limit = "limit_descent_seq", .ratio = 2.5 },
	{ .name = "translate_seq", .init = fixture_map, .run = translate_seq,
	  .limit = "limit_descent_seq", .ratio = 1.5 },
	{ .name = "translate_rand", .init = fixture_map, .run = translate_rand,
	  .limit = "limit_descent_rand", .ratio = 1.5 },
	{ .name = "lookup_seq", .init = fixture_map, .run = lookup_seq,
	  .limit = "limit_descent_seq", .ratio = 2 },
	{ .name = "lookup_rand", .init = fixture_map, .run = lookup_rand,
	  .limit = "limit_descent_rand", .ratio = 2 },
	{ .name = "map_bulk", .prepare = fixture_clear, .run = fixture_map,
	  .limit = "limit_store_words", .ratio = 3.5 },
	{ .name = "unmap_bulk", .prepare = map_anew, .run = unmap_bulk,
	  .limit = "limit_update_words", .ratio = 2 },
	{ .name = "protect_one", .init = fixture_map, .run = protect_each },
	{ .name = "protect_one_shared", .init = fixture_map, .run = protect_each,
	  .mode = PT_MODE_SHARED },
	{ .name = "protect_bulk", .init = fixture_map, .run = protect_bulk,
	  .limit = "limit_update_words", .ratio = 2 },
	{ .name = "age_bulk", .init = fixture_map, .prepare = set_accessed, .run = age_bulk,
	  .limit = "limit_update_words", .ratio = 2 },
	{ .name = "map_one_shared", .prepare = fixture_clear, .run = map_each,
	  .mode = PT_MODE_SHARED, .limit = "limit_descent_seq", .ratio = 4.5 },
	{ .name = "unmap_one_shared", .prepare = map_each_anew, .run = unmap_each,
	  .mode = PT_MODE_SHARED, .limit = "limit_descent_seq", .ratio = 6 },
	{ .name = "lookup_rand_shared", .init = fixture_map, .run = lookup_rand,
	  .mode = PT_MODE_SHARED, .limit = "lookup_rand", .ratio = 1, .plus_ns = 3 },
	{ .name = "split_block", .prepare = map_blocks_anew, .run = split_block },
	{ .name = "collapse_block", .prepare = map_anew, .run = collapse_block },
};

void bench_register_all(void)
{
	limits_register();
	calls_register_pagetable();
	pass_register(passes, sizeof(passes) / sizeof(passes[0]));
}
