/* SPDX-License-Identifier: MIT */
/* Ephemeral mappings: room, wraps, marks; and the mistakes that the first versions had. */
#include "kspace/mermap.h"

static void maps_and_leaves_a_word_behind(void **state)
{
	struct fixture *f = begin(state);
	pt_pa_t pa = alloc_pages(f, 1), found;
	struct pt_mermap_alloc *alloc;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;
	pt_va_t va;

	f->k->source.fail_all = true; /* never allocates */
	alloc = get(f, 0, pa, 2);
	va = pt_mermap_addr(alloc);
	assert_true(va == f->base);
	for (uint64_t i = 0; i < 2; i++) {
		assert_int_equal(pt_translate(f->pt, va + i * f->k->granule, &found), 0);
		assert_int_equal(found, pa + i * f->k->granule);
	}
	pt_mermap_put(f->mermap, alloc);
	for (uint64_t i = 0; i < 2; i++) {
		assert_int_equal(pt_trace(f->pt, va + i * f->k->granule, steps, &nr), -ENOENT);
		assert_int_equal(steps[nr - 1].level, 0);
		assert_int_equal(steps[nr - 1].kind, PT_KIND_SOFT);
	}
	assert_int_equal(flushed(f->k).requests, 0);
	assert_int_equal(f->k->before.local, 0);
	f->k->source.fail_all = false;
	free_pages(f, pa, 1);
	end(f);
}

/* 7 pages of the region are handed out; each 8th get begins again, after one flush. */
static void one_flush_a_wrap_of_one_cpu_or_broadcast(void **state)
{
	struct fixture *f = begin(state);
	pt_pa_t pa = alloc_pages(f, 0);
	struct pt_flush_counts c;

	for (unsigned int i = 0; i < 3 * (NR_PAGES - 1) + 1; i++)
		pt_mermap_put(f->mermap, get(f, 1, pa, 1));
	c = flushed(f->k);
	assert_int_equal(stats(f).wraps, 3);
	assert_int_equal(c.local, f->k->x86 ? 3 : 0);
	assert_int_equal(c.requests, f->k->x86 ? 0 : 3);
	assert_int_equal(c.full, 0);
	if (f->k->config->policy == PT_FLUSH_ARM64_RANGE &&
	    f->k->config->fmt != PT_FMT_ARM64_4K_LPA2) /* there regions begin off a 64K boundary */
		assert_int_equal(c.range_ops, 3); /* 8 pages: scale 0, num 3 */
	free_pages(f, pa, 0);
	end(f);
}

static void pages_are_marked_until_the_next_wrap(void **state)
{
	struct fixture *f = begin(state);
	pt_pa_t pa = alloc_pages(f, 0), other = alloc_pages(f, 0);

	assert_false(is_stale(f, pa));
	pt_mermap_put(f->mermap, get(f, 0, pa, 1));
	assert_true(is_stale(f, pa));
	assert_int_equal(pt_free_pages_raw(f->zone, NULL, pa, 0), -EBUSY);
	for (unsigned int i = 0; i < NR_PAGES - 2; i++)
		pt_mermap_put(f->mermap, get(f, 0, other, 1));
	assert_true(is_stale(f, pa));
	pt_mermap_put(f->mermap, get(f, 0, other, 1));
	assert_false(is_stale(f, pa));
	assert_true(is_stale(f, other)); /* mapped again after the wrap */
	assert_int_equal(pt_free_pages_raw(f->zone, NULL, pa, 0), 0);
	free_pages(f, other, 0);
	end(f);
}

/* Two CPUs mapped it; the wrap of one says nothing of the other's TLB. */
static void a_mark_stays_while_another_cpu_may_cache_it(void **state)
{
	struct fixture *f = begin(state);
	pt_pa_t pa = alloc_pages(f, 1), other = alloc_pages(f, 0);

	pt_mermap_put(f->mermap, get(f, 0, pa, 1));
	pt_mermap_put(f->mermap, get(f, 1, pa + f->k->granule, 1)); /* the same block */
	for (unsigned int i = 0; i < NR_PAGES; i++)
		pt_mermap_put(f->mermap, get(f, 0, other, 1));
	assert_true(is_stale(f, pa));
	for (unsigned int i = 0; i < NR_PAGES; i++)
		pt_mermap_put(f->mermap, get(f, 1, other, 1));
	assert_false(is_stale(f, pa));
	free_pages(f, pa, 1);
	free_pages(f, other, 0);
	end(f);
}

static void settling_flushes_once_where_it_was(void **state)
{
	struct fixture *f = begin(state);
	pt_pa_t pa = alloc_pages(f, 1);
	const struct pt_extent extent = { pa, 2 * f->k->granule };
	struct pt_flush_counts c;

	pt_mermap_put(f->mermap, get(f, 1, pa, 2));
	pt_mermap_settle(f->mermap, &extent);
	c = flushed(f->k);
	assert_int_equal(c.requests, 1);
	assert_int_equal(c.ranged, 1);
	assert_int_equal(c.pages, 2);
	assert_false(is_stale(f, pa));
	/* in two regions: everything */
	pt_mermap_put(f->mermap, get(f, 0, pa, 2));
	pt_mermap_put(f->mermap, get(f, 1, pa, 2));
	pt_mermap_settle(f->mermap, &extent);
	c = flushed(f->k);
	assert_int_equal(c.requests, 1);
	assert_int_equal(c.full, 1);
	assert_int_equal(stats(f).settled, 2);
	free_pages(f, pa, 1);
	end(f);
}

/* Of a folio that was split, the part that was mapped is flushed; the others only unmarked. */
static void a_part_that_was_not_mapped_settles_without_a_flush(void **state)
{
	struct fixture *f = begin(state);
	pt_pa_t pa = alloc_pages(f, 2);
	uint64_t granule = f->k->granule;
	const struct pt_extent last = { pa + 3 * granule, granule };

	pt_mermap_put(f->mermap, get(f, 1, pa + granule, 1));
	assert_true(is_stale(f, pa));
	assert_int_equal(pt_folio_split(f->zone, pa, 0), 0);
	flushed(f->k);
	assert_true(is_stale(f, last.pa));
	pt_mermap_settle(f->mermap, &last);
	assert_false(is_stale(f, last.pa));
	assert_int_equal(pt_free_pages_raw(f->zone, NULL, last.pa, 0), 0);
	assert_int_equal(flushed(f->k).requests, 0);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(pt_free_pages_raw(f->zone, NULL, pa + i * granule, 0), -EBUSY);
		free_pages(f, pa + i * granule, 0);
		assert_int_equal(flushed(f->k).requests, i == 1);
	}
	assert_int_equal(stats(f).settled, 1);
	end(f);
}

/* A wrap for the reserved page's sake frees the rest of the region as well. */
static void a_wrap_for_the_reserved_page_is_one_for_all(void **state)
{
	struct fixture *f = begin(state);
	pt_pa_t pa = alloc_pages(f, 3);
	struct pt_mermap_alloc *alloc;

	pt_mermap_put(f->mermap, get(f, 0, pa, NR_PAGES - 1));
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(pt_mermap_get_reserved(f->mermap, 0, pa, PT_ATTR_RW, &alloc), 0);
		pt_mermap_put(f->mermap, alloc);
	}
	assert_int_equal(stats(f).wraps, 1);
	pt_mermap_put(f->mermap, get(f, 0, pa, NR_PAGES - 1));
	assert_int_equal(stats(f).wraps, 1);
	free_pages(f, pa, 3);
	end(f);
}

static void four_are_live_and_the_reserved_one(void **state)
{
	struct fixture *f = begin(state);
	struct pt_mermap_alloc *live[PT_MERMAP_LIVE], *more, *reserved;
	pt_pa_t pa = alloc_pages(f, 3), found;

	for (unsigned int i = 0; i < PT_MERMAP_LIVE; i++)
		live[i] = get(f, 0, pa, 1);
	assert_int_equal(pt_mermap_get(f->mermap, 0, pa, f->k->granule, PT_ATTR_RW, &more), -EBUSY);
	assert_int_equal(pt_mermap_get_reserved(f->mermap, 0, pa, PT_ATTR_READ, &reserved), 0);
	assert_int_equal(pt_translate(f->pt, pt_mermap_addr(reserved), &found), 0);
	assert_true(pt_mermap_addr(reserved) == f->base + (NR_PAGES - 1) * f->k->granule);
	assert_int_equal(pt_mermap_get_reserved(f->mermap, 0, pa, PT_ATTR_READ, &more), -EBUSY);
	/* another CPU has its own */
	pt_mermap_put(f->mermap, get(f, 1, pa, NR_PAGES - 1));
	pt_mermap_put(f->mermap, reserved);
	/* again before a wrap: that is one */
	assert_int_equal(pt_mermap_get_reserved(f->mermap, 0, pa, PT_ATTR_READ, &reserved), 0);
	assert_int_equal(stats(f).wraps, 1);
	pt_mermap_put(f->mermap, reserved);
	for (unsigned int i = 0; i < PT_MERMAP_LIVE; i++) {
		assert_int_equal(pt_translate(f->pt, pt_mermap_addr(live[i]), &found), 0);
		assert_int_equal(found, pa);
		pt_mermap_put(f->mermap, live[i]);
	}
	assert_int_equal(stats(f).failed, 2);
	free_pages(f, pa, 3);
	end(f);
}

/* What was put back before a live one waits for it. */
static void a_live_mapping_keeps_what_is_before_it(void **state)
{
	struct fixture *f = begin(state);
	struct pt_mermap_alloc *live, *more;
	pt_pa_t pa = alloc_pages(f, 3);

	pt_mermap_put(f->mermap, get(f, 0, pa, 3));
	live = get(f, 0, pa, 2);
	pt_mermap_put(f->mermap, get(f, 0, pa, 2));
	assert_int_equal(pt_mermap_get(f->mermap, 0, pa, 3 * f->k->granule, PT_ATTR_RW, &more),
			 -EBUSY);
	assert_int_equal(stats(f).wraps, 0);
	pt_mermap_put(f->mermap, get(f, 0, pa, 2)); /* behind it */
	assert_int_equal(stats(f).wraps, 1);
	assert_true(is_stale(f, pa));
	pt_mermap_put(f->mermap, live);
	live = get(f, 0, pa, 7);
	assert_true(pt_mermap_addr(live) == f->base);
	pt_mermap_put(f->mermap, live);
	free_pages(f, pa, 3);
	end(f);
}

/* mermap.c left migration disabled when a request failed. */
static void a_failed_get_leaves_nothing_behind(void **state)
{
	struct fixture *f = begin(state);
	struct pt_mermap_alloc *first, *more;
	pt_pa_t pa = alloc_pages(f, 0);

	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(pt_mermap_get(f->mermap, 0, pa, NR_PAGES * f->k->granule,
					       PT_ATTR_RW, &more), -EBUSY);
	assert_int_equal(pt_mermap_get(f->mermap, 0, pa, f->k->granule, PT_ATTR_RW | 1ull << 63,
				       &more), -EOPNOTSUPP);
	assert_int_equal(pt_mermap_get(f->mermap, 0, pa + f->k->granule, f->k->granule, PT_ATTR_RW,
				       &more), -ENOENT);
	assert_int_equal(pt_mermap_get(f->mermap, 0, UINT64_C(1) << 60, f->k->granule, PT_ATTR_RW,
				       &more), -ERANGE);
	assert_false(is_stale(f, pa));
	assert_int_equal(stats(f).wraps, 0);
	first = get(f, 0, pa, 1);
	more = get(f, 0, pa, 1);
	assert_true(pt_mermap_addr(first) == f->base);
	assert_true(pt_mermap_addr(more) == f->base + f->k->granule);
	pt_mermap_put(f->mermap, first);
	pt_mermap_put(f->mermap, more);
	free_pages(f, pa, 0);
	end(f);
}

/* next + size wrapped past the end of a region at the top. */
static void sizes_do_not_wrap_past_the_end(void **state)
{
	struct fixture *f = begin(state);
	struct pt_mermap_alloc *more;
	pt_pa_t pa = alloc_pages(f, 0);

	pt_mermap_put(f->mermap, get(f, 1, pa, 1));
	pt_mermap_put(f->mermap, get(f, 1, pa, 1));
	pt_mermap_put(f->mermap, get(f, 1, pa, 1));
	assert_int_equal(pt_mermap_get(f->mermap, 1, pa, -(4 * f->k->granule), PT_ATTR_RW, &more),
			 -EBUSY);
	assert_int_equal(pt_mermap_get(f->mermap, 1, pa, -f->k->granule, PT_ATTR_RW, &more),
			 -EBUSY);
	assert_int_equal(pt_mermap_get(f->mermap, 1, pa, 0, PT_ATTR_RW, &more), -EINVAL);
	assert_int_equal(pt_mermap_get(f->mermap, 1, pa, 1, PT_ATTR_RW, &more), -EINVAL);
	assert_int_equal(pt_mermap_get(f->mermap, NR_CPUS, pa, f->k->granule, PT_ATTR_RW, &more),
			 -EINVAL);
	free_pages(f, pa, 0);
	end(f);
}

/* The check of the size took the reserved page for room. */
static void the_reserved_page_is_no_room(void **state)
{
	struct fixture *f = begin(state);
	struct pt_mermap_alloc *all, *reserved, *more;
	pt_pa_t pa = alloc_pages(f, 3), found;

	assert_int_equal(pt_mermap_get(f->mermap, 0, pa, NR_PAGES * f->k->granule, PT_ATTR_RW,
				       &more), -EBUSY);
	all = get(f, 0, pa, NR_PAGES - 1);
	assert_int_equal(pt_mermap_get_reserved(f->mermap, 0, pa, PT_ATTR_RW, &reserved), 0);
	assert_int_equal(pt_translate(f->pt, pt_mermap_addr(reserved), &found), 0);
	assert_int_equal(found, pa);
	for (unsigned int i = 0; i < NR_PAGES - 1; i++) {
		assert_int_equal(
			pt_translate(f->pt, pt_mermap_addr(all) + i * f->k->granule, &found), 0);
		assert_int_equal(found, pa + i * f->k->granule);
	}
	pt_mermap_put(f->mermap, all);
	pt_mermap_put(f->mermap, reserved);
	free_pages(f, pa, 3);
	end(f);
}

/* Teardown freed the state of the CPU that it ran on, again and again. */
static void teardown_reaches_every_cpu(void **state)
{
	struct fixture *f = begin(state);
	pt_pa_t pa[NR_CPUS];

	for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
		pa[cpu] = alloc_pages(f, 0);
		pt_mermap_put(f->mermap, get(f, cpu, pa[cpu], 1));
	}
	pt_mermap_destroy(f->mermap);
	f->mermap = NULL;
	assert_int_equal(flushed(f->k).requests, NR_CPUS + 1); /* and the tables */
	assert_int_equal(f->k->source.nr_live, 1);
	for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
		assert_false(is_stale(f, pa[cpu]));
		free_pages(f, pa[cpu], 0);
	}
	end(f);
}

static void zeroes_through_the_mapping(void **state)
{
	struct fixture *f = begin(state);
	struct pt_mermap_alloc *live[PT_MERMAP_LIVE];
	pt_pa_t pa = alloc_pages(f, 4), other = alloc_pages(f, 0);
	const struct pt_extent extent = { pa, 16 * f->k->granule };
	uint8_t *host = pt_phys_to_host(f->k->phys, pa, extent.len);

	memset(host, 0x5a, extent.len);
	assert_int_equal(pt_mermap_zero(f->mermap, 0, &extent), 0);
	for (uint64_t i = 0; i < extent.len; i++)
		assert_int_equal(host[i], 0);
	assert_int_equal(stats(f).zeroed, 16);
	assert_int_equal(stats(f).gets, 3); /* 7 + 7 + 2 */
	/* with all four live: through the reserved page */
	for (unsigned int i = 0; i < PT_MERMAP_LIVE; i++)
		live[i] = get(f, 0, other, 1);
	memset(host, 0x5a, extent.len);
	assert_int_equal(pt_mermap_zero(f->mermap, 0, &extent), 0);
	for (uint64_t i = 0; i < extent.len; i++)
		assert_int_equal(host[i], 0);
	assert_int_equal(stats(f).reserved, 16);
	for (unsigned int i = 0; i < PT_MERMAP_LIVE; i++)
		pt_mermap_put(f->mermap, live[i]);
	pt_mermap_settle(f->mermap, &extent);
	free_pages(f, pa, 4);
	free_pages(f, other, 0);
	end(f);
}

static struct fixture *begin_with_frames_of_4k(void **state)
{
	struct kspace *k = *state;
	const struct pt_phys_region regions[] = {
		{ .pa = MEMORY_PA, .len = MEMORY_LEN, .fd = -1 },
		{ .pa = TABLES_PA, .len = NR_TABLE_PAGES * k->granule, .fd = -1 },
	};

	page_source_exit(&k->source);
	pt_phys_destroy(k->phys);
	assert_int_equal(pt_phys_create(&k->phys, regions, 2, 12), 0);
	page_source_init(&k->source, k->phys, TABLES_PA, k->info.granule_lg2, NR_TABLE_PAGES);
	return begin(state);
}

/*
 * Frames may be smaller than pages of the table: 16 blocks in one that is mapped. Each is marked,
 * and whichever is freed first, all that is cached of it goes.
 */
static void a_mapped_page_is_of_all_the_blocks_in_it(void **state)
{
	struct fixture *f = begin_with_frames_of_4k(state);
	struct kspace *k = f->k;

	for (uint64_t first = 0; first < 16; first++) {
		pt_pa_t pa = alloc_pages(f, 4);
		struct pt_mermap_alloc *more;

		assert_int_equal(pt_folio_split(f->zone, pa, 0), 0);
		pt_mermap_put(f->mermap, get(f, 0, pa, 1));
		for (uint64_t i = 0; i < 16; i++)
			assert_true(is_stale(f, pa + (i << 12)));
		flushed(k);
		free_pages(f, pa + (first << 12), 0);
		assert_int_equal(flushed(k).requests, 1);
		/* and what is partly nobody's is not mapped */
		assert_int_equal(pt_mermap_get(f->mermap, 0, pa, k->granule, PT_ATTR_RW, &more),
				 -ENOENT);
		flushed(k); /* that may have been a wrap */
		for (uint64_t i = 0; i < 16; i++)
			if (i != first)
				free_pages(f, pa + (i << 12), 0);
		assert_int_equal(flushed(k).requests, 0);
	}
	end(f);
}

/* A wrap takes the marks of all of them. */
static void a_wrap_unmarks_all_blocks_of_a_page(void **state)
{
	struct fixture *f = begin_with_frames_of_4k(state);
	pt_pa_t pa = alloc_pages(f, 4), other = alloc_pages(f, 4);

	assert_int_equal(pt_folio_split(f->zone, pa, 0), 0);
	pt_mermap_put(f->mermap, get(f, 0, pa, 1));
	for (unsigned int i = 0; i < NR_PAGES - 1; i++)
		pt_mermap_put(f->mermap, get(f, 0, other, 1));
	assert_int_equal(stats(f).wraps, 1);
	for (uint64_t i = 0; i < 16; i++)
		assert_int_equal(pt_free_pages_raw(f->zone, NULL, pa + (i << 12), 0), 0);
	free_pages(f, other, 4);
	end(f);
}

/* What is settled may begin inside a page, and end inside the next. */
static void all_pages_that_an_extent_touches_are_settled(void **state)
{
	struct fixture *f = begin_with_frames_of_4k(state);
	pt_pa_t pa = alloc_pages(f, 5);
	const struct pt_extent middle = { pa + 0x8000, 0x10000 };

	pt_mermap_put(f->mermap, get(f, 0, pa, 2));
	flushed(f->k);
	pt_mermap_settle(f->mermap, &middle);
	assert_int_equal(flushed(f->k).pages, 2);
	free_pages(f, pa, 5);
	assert_int_equal(flushed(f->k).requests, 0);
	end(f);
}

static bool wants_64k(const struct kspace_config *config)
{
	return config->fmt == PT_FMT_ARM64_64K;
}

static void preparing_is_idempotent_and_may_fail(void **state)
{
	struct fixture *f = begin(state);
	struct pt_mermap_cfg cfg = { .base = f->base, .nr_cpus = 1 };
	struct pt_mermap *mermap;
	struct pt_mermap_alloc *alloc;
	pt_pa_t pa = alloc_pages(f, 0);

	assert_int_equal(pt_mermap_prepare(f->mermap), 0);
	pt_mermap_destroy(f->mermap);
	f->mermap = NULL;
	cfg.nr_pages = 2;
	assert_int_equal(pt_mermap_create(&mermap, f->pt, &cfg), 0);
	assert_int_equal(pt_mermap_get(mermap, 0, pa, f->k->granule, PT_ATTR_RW, &alloc), -EINVAL);
	f->k->source.fail_all = true;
	assert_int_equal(pt_mermap_prepare(mermap), -ENOMEM);
	assert_int_equal(pt_mermap_get(mermap, 0, pa, f->k->granule, PT_ATTR_RW, &alloc), -EINVAL);
	f->k->source.fail_all = false;
	assert_int_equal(pt_mermap_prepare(mermap), 0);
	assert_int_equal(pt_mermap_get(mermap, 0, pa, f->k->granule, PT_ATTR_RW, &alloc), 0);
	assert_false(is_stale(f, pa)); /* it has no zone */
	pt_mermap_put(mermap, alloc);
	pt_mermap_destroy(mermap);
	cfg.nr_pages = 1;
	assert_int_equal(pt_mermap_create(&mermap, f->pt, &cfg), -EINVAL);
	cfg.nr_pages = 2;
	cfg.nr_cpus = 0;
	assert_int_equal(pt_mermap_create(&mermap, f->pt, &cfg), -EINVAL);
	cfg.nr_cpus = NR_CPUS * NR_PAGES;
	assert_int_equal(pt_mermap_create(&mermap, f->pt, &cfg), -EINVAL); /* beyond 2^64 */
	cfg.nr_cpus = 1;
	cfg.base++;
	assert_int_equal(pt_mermap_create(&mermap, f->pt, &cfg), -EINVAL);
	pt_mermap_destroy(NULL);
	free_pages(f, pa, 0);
	end(f);
}

int main(void)
{
	static const struct kspace_test tests[] = {
		TEST(maps_and_leaves_a_word_behind),
		TEST(one_flush_a_wrap_of_one_cpu_or_broadcast),
		TEST(pages_are_marked_until_the_next_wrap),
		TEST(a_mark_stays_while_another_cpu_may_cache_it),
		TEST(settling_flushes_once_where_it_was),
		TEST(a_part_that_was_not_mapped_settles_without_a_flush),
		TEST(a_wrap_for_the_reserved_page_is_one_for_all),
		TEST(four_are_live_and_the_reserved_one),
		TEST(a_live_mapping_keeps_what_is_before_it),
		TEST(a_failed_get_leaves_nothing_behind),
		TEST(sizes_do_not_wrap_past_the_end),
		TEST(the_reserved_page_is_no_room),
		TEST(teardown_reaches_every_cpu),
		TEST(zeroes_through_the_mapping),
		TEST_ON(a_mapped_page_is_of_all_the_blocks_in_it, wants_64k),
		TEST_ON(a_wrap_unmarks_all_blocks_of_a_page, wants_64k),
		TEST_ON(all_pages_that_an_extent_touches_are_settled, wants_64k),
		TEST(preparing_is_idempotent_and_may_fail),
	};

	return RUN_ON_ALL("mermap", tests);
}
