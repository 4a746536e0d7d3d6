/* SPDX-License-Identifier: MIT */
/* Ephemeral mappings at their edges: sizes, what each flush is of, and what it leaves marked. */
#include "kspace/mermap.h"

/* The last flush of each kind, and how many there were. */
struct flushes {
	pt_va_t first, last;
	unsigned int nr_ranges, nr_all, nr_local, cpu;
};

static void note_range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct flushes *flushes = ctx;

	(void)stride_lg2;
	flushes->first = first;
	flushes->last = last;
	flushes->nr_ranges++;
}

static void note_all(void *ctx)
{
	((struct flushes *)ctx)->nr_all++;
}

static void note_local(void *ctx, unsigned int cpu)
{
	struct flushes *flushes = ctx;

	flushes->cpu = cpu;
	flushes->nr_local++;
}

/* Another mermap in its place, whose flushes are those. */
static void flush_by(struct fixture *f, const struct pt_flush_ops *flush,
		     void (*flush_cpu)(void *ctx, unsigned int cpu))
{
	const struct pt_mermap_cfg cfg = {
		.base = f->base,
		.nr_cpus = NR_CPUS,
		.nr_pages = NR_PAGES,
		.zone = f->zone,
		.flush = flush,
		.flush_cpu = flush_cpu,
		.flush_cpu_ctx = flush ? flush->ctx : NULL,
	};

	pt_mermap_destroy(f->mermap);
	assert_int_equal(pt_mermap_create(&f->mermap, f->pt, &cfg), 0);
	assert_int_equal(pt_mermap_prepare(f->mermap), 0);
}

static struct pt_mermap_alloc *get_reserved(struct fixture *f, unsigned int cpu, pt_pa_t pa)
{
	struct pt_mermap_alloc *alloc;

	assert_int_equal(pt_mermap_get_reserved(f->mermap, cpu, pa, PT_ATTR_RW, &alloc), 0);
	return alloc;
}

/* Maps @pa page by page on @cpu until its region has begun again once more. */
static void wrap(struct fixture *f, unsigned int cpu, pt_pa_t pa)
{
	uint64_t wraps = stats(f).wraps;

	while (stats(f).wraps == wraps)
		pt_mermap_put(f->mermap, get(f, cpu, pa, 1));
}

/* x86: all of that CPU; arm64: all of its region, the reserved page too, and no other. */
static void a_wrap_flushes_the_region_of_its_cpu(void **state)
{
	struct fixture *f = begin(state);
	struct flushes flushes = { 0 };
	const struct pt_flush_ops ops = { .range = note_range, .all = note_all, .ctx = &flushes };
	pt_pa_t pa = alloc_pages(f, 0);

	flush_by(f, &ops, note_local);
	for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
		pt_va_t base = f->base + cpu * NR_PAGES * f->k->granule;

		flushes = (struct flushes){ .cpu = UINT32_MAX };
		wrap(f, cpu, pa);
		assert_int_equal(flushes.nr_all, 0);
		assert_int_equal(flushes.nr_local, f->k->x86);
		assert_int_equal(flushes.nr_ranges, !f->k->x86);
		if (f->k->x86) {
			assert_int_equal(flushes.cpu, cpu);
		} else {
			assert_true(flushes.first == base);
			assert_true(flushes.last == base + NR_PAGES * f->k->granule - 1);
		}
	}
	/* also where the reserved page alone was used */
	flush_by(f, &ops, note_local);
	flushes = (struct flushes){ .cpu = UINT32_MAX };
	for (unsigned int i = 0; i < 2; i++)
		pt_mermap_put(f->mermap, get_reserved(f, 0, pa));
	assert_int_equal(flushes.nr_local, f->k->x86);
	assert_int_equal(flushes.nr_ranges, !f->k->x86);
	free_pages(f, pa, 0);
	end(f);
}

static void settling_flushes_the_pages_that_were_mapped(void **state)
{
	struct fixture *f = begin(state);
	struct flushes flushes = { 0 };
	const struct pt_flush_ops ops = { .range = note_range, .all = note_all, .ctx = &flushes };
	pt_pa_t pa = alloc_pages(f, 1), other = alloc_pages(f, 0);
	uint64_t granule = f->k->granule;
	pt_va_t at;

	flush_by(f, &ops, note_local);
	at = f->base + NR_PAGES * granule;
	/* at pages 1 to 2 and 5, of the second CPU; and at the last of it, which is reserved */
	pt_mermap_put(f->mermap, get(f, 1, other, 1));
	pt_mermap_put(f->mermap, get(f, 1, pa, 2));
	pt_mermap_put(f->mermap, get(f, 1, other, 1));
	pt_mermap_put(f->mermap, get(f, 1, other, 1));
	pt_mermap_put(f->mermap, get(f, 1, pa + granule, 1));
	free_pages(f, pa, 1);
	assert_int_equal(flushes.nr_ranges, 1);
	assert_true(flushes.first == at + granule && flushes.last == at + 6 * granule - 1);
	pt_mermap_put(f->mermap, get_reserved(f, 1, other));
	free_pages(f, other, 0);
	assert_int_equal(flushes.nr_ranges, 2);
	assert_true(flushes.first == at && flushes.last == at + NR_PAGES * granule - 1);
	/* the last page of one CPU and the first of the next are no range */
	pa = alloc_pages(f, 0);
	pt_mermap_put(f->mermap, get_reserved(f, 0, pa));
	wrap(f, 1, pa);
	assert_int_equal(flushes.nr_all, 0);
	free_pages(f, pa, 0);
	assert_int_equal(flushes.nr_all, 1);
	end(f);
}

/* "What is missing means that none are cached." */
static void where_nothing_caches_nothing_is_flushed(void **state)
{
	static const struct pt_flush_ops none;
	const struct pt_flush_ops *const ways[] = { NULL, &none };
	struct fixture *f = begin(state);

	for (size_t i = 0; i < 2; i++) {
		pt_pa_t pa = alloc_pages(f, 0);

		flush_by(f, ways[i], NULL);
		for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
			wrap(f, cpu, pa);
		assert_true(is_stale(f, pa));
		free_pages(f, pa, 0); /* on both CPUs */
		pa = alloc_pages(f, 0);
		pt_mermap_put(f->mermap, get(f, 0, pa, 1));
		free_pages(f, pa, 0); /* on one */
		assert_int_equal(stats(f).settled, 2);
	}
	end(f);
}

/* What is live in a region stays cached there, and marked, whichever page of it. */
static void a_wrap_unmarks_nothing_that_is_live(void **state)
{
	struct fixture *f = begin(state);
	pt_pa_t pa = alloc_pages(f, 2), other = alloc_pages(f, 0);
	uint64_t granule = f->k->granule;
	struct pt_mermap_alloc *live, *reserved;

	assert_int_equal(pt_folio_split(f->zone, pa, 0), 0);
	live = get(f, 0, pa, 3);
	reserved = get_reserved(f, 0, pa + 3 * granule);
	wrap(f, 0, other);
	for (uint64_t i = 0; i < 4; i++)
		assert_true(is_stale(f, pa + i * granule));
	pt_mermap_put(f->mermap, live);
	pt_mermap_put(f->mermap, reserved);
	wrap(f, 0, other);
	for (uint64_t i = 0; i < 4; i++) {
		assert_false(is_stale(f, pa + i * granule));
		free_pages(f, pa + i * granule, 0);
	}
	free_pages(f, other, 0);
	end(f);
}

/* It was live during the wrap, which therefore does not count for it. */
static void the_reserved_page_wraps_if_it_was_live_at_the_last_one(void **state)
{
	struct fixture *f = begin(state);
	pt_pa_t pa = alloc_pages(f, 0);
	struct pt_mermap_alloc *reserved = get_reserved(f, 0, pa);
	uint64_t wraps;

	wrap(f, 0, pa);
	pt_mermap_put(f->mermap, reserved);
	wraps = stats(f).wraps;
	pt_mermap_put(f->mermap, get_reserved(f, 0, pa));
	assert_int_equal(stats(f).wraps, wraps + 1);
	/* and not if it has not been used since */
	wrap(f, 0, pa);
	pt_mermap_put(f->mermap, get_reserved(f, 0, pa));
	assert_int_equal(stats(f).wraps, wraps + 2);
	free_pages(f, pa, 0);
	end(f);
}

/* Of several live ones the last by address, whenever it was made. */
static void a_region_begins_again_behind_the_last_live_one(void **state)
{
	struct fixture *f = begin(state);
	pt_pa_t pa = alloc_pages(f, 3);
	struct pt_mermap_alloc *first = get(f, 0, pa, 1), *second = get(f, 0, pa, 1), *third, *more;

	pt_mermap_put(f->mermap, first);
	third = get(f, 0, pa, 1); /* where the first was noted, at page 2 */
	assert_int_equal(pt_mermap_get(f->mermap, 0, pa, 5 * f->k->granule, PT_ATTR_RW, &more),
			 -EBUSY);
	assert_int_equal(stats(f).wraps, 0);
	pt_mermap_put(f->mermap, get(f, 0, pa, 2));
	more = get(f, 0, pa, 4);
	assert_int_equal(stats(f).wraps, 1);
	assert_true(pt_mermap_addr(more) == pt_mermap_addr(third) + f->k->granule);
	pt_mermap_put(f->mermap, more);
	pt_mermap_put(f->mermap, second);
	pt_mermap_put(f->mermap, third);
	free_pages(f, pa, 3);
	end(f);
}

/* A CPU that mapped nothing since its last wrap has nothing; the reserved page is something. */
static void teardown_flushes_where_something_may_be_cached(void **state)
{
	struct fixture *f = begin(state);
	struct flushes flushes = { 0 };
	const struct pt_flush_ops ops = { .range = note_range, .all = note_all, .ctx = &flushes };
	pt_pa_t pa = alloc_pages(f, 0);

	for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
		flush_by(f, &ops, note_local);
		flushes = (struct flushes){ 0 };
		pt_mermap_put(f->mermap, get_reserved(f, cpu, pa));
		pt_mermap_destroy(f->mermap);
		f->mermap = NULL;
		assert_int_equal(flushes.nr_ranges, 1);
		assert_true(flushes.first == f->base + cpu * NR_PAGES * f->k->granule);
		assert_false(is_stale(f, pa));
	}
	free_pages(f, pa, 0);
	end(f);
}

/* The word is as hardware would leave it: an access has nothing to write there, nor to fault on. */
static void mappings_are_accessed_and_dirty(void **state)
{
	struct fixture *f = begin(state);
	pt_pa_t pa = alloc_pages(f, 0);
	struct pt_mermap_alloc *alloc = get(f, 0, pa, 1);
	struct pt_leaf leaf;

	assert_int_equal(pt_lookup(f->pt, pt_mermap_addr(alloc), &leaf), 0);
	assert_true(leaf.attr & PT_ATTR_ACCESSED);
	assert_true(leaf.attr & PT_ATTR_DIRTY || !f->k->x86); /* arm64: no DBM, no dirty bit */
	assert_true(leaf.attr & PT_ATTR_WRITE);
	pt_mermap_put(f->mermap, alloc);
	free_pages(f, pa, 0);
	end(f);
}

/* Each page is looked at, and what a CPU's cache has is nobody's. */
static void pages_that_nobody_holds_are_not_mapped(void **state)
{
	struct fixture *f = begin(state);
	const struct pt_alloc how = { .order = 0 };
	struct pt_mermap_alloc *more;
	struct pt_zone_cache *cache;
	pt_pa_t pa = alloc_pages(f, 1), cached;

	assert_int_equal(pt_folio_split(f->zone, pa, 0), 0);
	free_pages(f, pa + f->k->granule, 0);
	assert_int_equal(pt_mermap_get(f->mermap, 0, pa, 2 * f->k->granule, PT_ATTR_RW, &more),
			 -ENOENT);
	assert_false(is_stale(f, pa));
	assert_int_equal(pt_zone_cache_create(&cache, f->zone, 0), 0);
	assert_int_equal(pt_alloc_pages(f->zone, cache, &how, &cached), 0);
	assert_int_equal(pt_free_pages(f->zone, cache, cached, 0), 0);
	assert_int_equal(pt_mermap_get(f->mermap, 0, cached, f->k->granule, PT_ATTR_RW, &more),
			 -ENOENT);
	assert_int_equal(pt_mermap_get_reserved(f->mermap, 0, cached, PT_ATTR_RW, &more), -ENOENT);
	/* which was not used by that */
	pt_mermap_put(f->mermap, get_reserved(f, 0, pa));
	assert_int_equal(stats(f).wraps, 0);
	pt_zone_cache_destroy(cache);
	free_pages(f, pa, 0);
	/* what is no page of the zone is its caller's to know of */
	pa = TABLES_PA + (NR_TABLE_PAGES - 1) * f->k->granule;
	pt_mermap_put(f->mermap, get(f, 0, pa, 1));
	end(f);
}

static void regions_have_as_many_pages_as_can_be(void **state)
{
	struct fixture *f = begin(state);
	struct pt_mermap_cfg cfg = { .nr_cpus = 1 };
	struct pt_mermap_alloc *alloc;
	pt_pa_t pa = alloc_pages(f, 9);
	struct pt_leaf leaf;
	struct pt_mermap *mermap;

	pt_mermap_destroy(f->mermap);
	f->mermap = NULL;
	/* if nobody says */
	cfg.base = -(PT_MERMAP_PAGES * f->k->granule);
	assert_int_equal(pt_mermap_create(&mermap, f->pt, &cfg), 0);
	assert_int_equal(pt_mermap_prepare(mermap), 0);
	assert_int_equal(pt_mermap_get(mermap, 0, pa, PT_MERMAP_PAGES * f->k->granule, PT_ATTR_RW,
				       &alloc),
			 -EBUSY);
	assert_int_equal(pt_mermap_get(mermap, 0, pa, (PT_MERMAP_PAGES - 1) * f->k->granule,
				       PT_ATTR_RW, &alloc),
			 0);
	assert_int_equal(pt_mermap_get(mermap, 1, pa, f->k->granule, PT_ATTR_RW, &alloc), -EINVAL);
	/* page by page, as they are put back, however many stand side by side */
	assert_int_equal(pt_lookup(f->pt, cfg.base, &leaf), 0);
	assert_int_equal(leaf.size_lg2, f->k->info.granule_lg2);
	assert_int_equal(leaf.contig_lg2, 0);
	pt_mermap_put(mermap, alloc);
	pt_mermap_destroy(mermap);
	/* 2^32 - 1 of all regions, and 2^64 bytes, which are none */
	cfg = (struct pt_mermap_cfg){ .nr_cpus = 65537, .nr_pages = 65535 };
	assert_int_equal(pt_mermap_create(&mermap, f->pt, &cfg), -EINVAL);
	cfg.nr_pages = 1u << 31;
	cfg.nr_cpus = 1u << (33 - f->k->info.granule_lg2);
	assert_int_equal(pt_mermap_create(&mermap, f->pt, &cfg), -EINVAL);
	/* where no table can be: said when they are made, and nothing is torn down */
	cfg = (struct pt_mermap_cfg){ .nr_cpus = 1, .nr_pages = 2, .base = UINT64_C(1) << 60 };
	assert_int_equal(pt_mermap_create(&mermap, f->pt, &cfg), 0);
	assert_true(pt_mermap_prepare(mermap) < 0);
	pt_mermap_destroy(mermap);
	free_pages(f, pa, 9);
	end(f);
}

int main(void)
{
	static const struct kspace_test tests[] = {
		TEST(a_wrap_flushes_the_region_of_its_cpu),
		TEST(settling_flushes_the_pages_that_were_mapped),
		TEST(where_nothing_caches_nothing_is_flushed),
		TEST(a_wrap_unmarks_nothing_that_is_live),
		TEST(the_reserved_page_wraps_if_it_was_live_at_the_last_one),
		TEST(a_region_begins_again_behind_the_last_live_one),
		TEST(teardown_flushes_where_something_may_be_cached),
		TEST(mappings_are_accessed_and_dirty),
		TEST(pages_that_nobody_holds_are_not_mapped),
		TEST(regions_have_as_many_pages_as_can_be),
	};

	return RUN_ON_ALL("mermap_edges", tests);
}
