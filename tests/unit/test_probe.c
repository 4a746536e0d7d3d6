/* SPDX-License-Identifier: MIT */
/* pt_map_probe(): exactly what a map allocates, and a reserve of that many never runs dry. */
#include "unit/fixture.h"

/* Probes, sets that many aside, lets the source fail, maps. */
static void assert_probe_is_exact(struct fixture *f, size_t first, size_t nr, pt_pa_t pa,
				  unsigned int flags, unsigned int max_lg2)
{
	struct pt_change change = { .flags = flags, .max_lg2 = max_lg2 };
	size_t nr_tables = 12345, before = f->source.nr_live, allocs = f->source.nr_allocs;

	assert_int_equal(pt_map_probe(f->pt, page_va(f, first), pa, nr * f->granule, RWX, &change,
				      &nr_tables),
			 0);
	assert_int_equal(f->source.nr_allocs, allocs);
	agree(f);
	/* one less, and it fails */
	if (nr_tables) {
		f->source.fail_at = f->source.nr_allocs + nr_tables;
		assert_int_equal(pt_map(f->pt, page_va(f, first), pa, nr * f->granule, RWX,
					&change),
				 -ENOMEM);
		f->source.fail_at = 0;
		/* empty tables may remain: then it needs fewer */
		assert_int_equal(pt_map_probe(f->pt, page_va(f, first), pa, nr * f->granule, RWX,
					      &change, &nr_tables),
				 0);
		before = f->source.nr_live;
	}
	f->source.fail_at = f->source.nr_allocs + nr_tables + 1;
	do_map_flags(f, first, nr, pa, RWX, flags, max_lg2);
	f->source.fail_at = 0;
	assert_int_equal(f->source.nr_live - before, nr_tables);
	agree(f);
}

static void counts_the_tables_of_one_page(void **state)
{
	struct fixture *f = *state;
	size_t nr_tables;

	assert_int_equal(pt_map_probe(f->pt, page_va(f, 1), page_pa(f, 1), f->granule, RWX, NULL,
				      &nr_tables),
			 0);
	assert_int_equal(nr_tables, f->info.nr_levels - 1);
	assert_probe_is_exact(f, 1, 1, page_pa(f, 1), 0, 0);
	assert_int_equal(pt_map_probe(f->pt, page_va(f, 0), page_pa(f, 1), f->granule, RWX, NULL,
				      &nr_tables),
			 0);
	assert_int_equal(nr_tables, 0);
}

static void counts_no_table_for_large_leaves(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	assert_probe_is_exact(f, n, n, page_pa(f, n), 0, 0);
	assert_probe_is_exact(f, 2 * n, n, page_pa(f, 3 * n), 0, f->info.granule_lg2);
	assert_probe_is_exact(f, 3 * n, n, page_pa(f, 0) + f->granule, 0, 0);
}

/* All phases of both ends and of the output, into empty and half-filled tables. */
static void is_exact_at_every_phase(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), b = pages(f, f->block);
	const size_t edge[] = { 0, 1, b, n - 1, n, n + 1, n + b, 2 * n - 1, 2 * n, 3 * n + 1 };
	size_t nr = sizeof(edge) / sizeof(edge[0]);

	if (fixture_is_concat(f))
		skip(); /* phases are below the root; going over a large one takes long */
	for (size_t i = 0; i < nr; i++)
		for (size_t j = i + 1; j < nr; j++)
			for (unsigned int shift = 0; shift < 2; shift++) {
				if (edge[i] >= edge[j])
					continue;
				if ((i + j) % 3 == 0) /* a table that is there already */
					do_map_small(f, 4 * n - 1, 1, 0, RWX);
				if ((i + j) % 3 == 1)
					do_map_small(f, edge[j] + 1, 1, 0, RWX);
				assert_probe_is_exact(f, edge[i], edge[j] - edge[i],
						      page_pa(f, edge[i] + shift), 0, 0);
				do_unmap(f, 0, f->nr_pages, PT_CHANGE_FREE_TABLES);
			}
}

/* A whole level 2 leaf's range with the output a page aside: a table under each entry. */
static void is_exact_for_ranges_of_many_tables(void **state)
{
	struct fixture *f = *state;
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[2], len = size + 3 * f->leaf1;
	struct pt_change change = { .flags = PT_CHANGE_FREE_TABLES };
	size_t nr_tables, allocs;

	for (unsigned int way = 0; way < 3; way++) {
		pt_va_t va = f->base + (way == 1 ? f->leaf1 : 0);
		pt_pa_t pa = f->pa + (way == 2 ? f->leaf1 : 0);

		assert_int_equal(pt_map_probe(f->pt, va, pa, len, RWX, NULL, &nr_tables), 0);
		allocs = f->source.nr_allocs;
		assert_int_equal(pt_map(f->pt, va, pa, len, RWX, NULL), 0);
		assert_int_equal(f->source.nr_allocs - allocs, nr_tables);
		assert_int_equal(pt_unmap(f->pt, va, len, &change), 0);
		assert_int_equal(f->source.nr_live, 1);
	}
}

static void fails_as_map_would(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { 0 };
	size_t nr_tables = 12345;
	pt_pa_t end = UINT64_C(1) << f->fmt.pa_bits;

	do_map_small(f, 1, 1, 1, RX);
	assert_int_equal(pt_map_probe(f->pt, page_va(f, 0), f->pa, 2 * f->granule, RWX, &change,
				      &nr_tables),
			 -EEXIST);
	assert_int_equal(change.bad_va, page_va(f, 1));
	assert_int_equal(pt_map_probe(f->pt, page_va(f, 0), f->pa, 0, RWX, &change, &nr_tables),
			 -EINVAL);
	assert_int_equal(pt_map_probe(f->pt, page_va(f, 0), f->pa + 8, f->granule, RWX, &change,
				      &nr_tables),
			 -EINVAL);
	assert_int_equal(pt_map_probe(f->pt, page_va(f, 0), end, f->granule, RWX, &change,
				      &nr_tables),
			 -ERANGE);
	assert_int_equal(pt_map_probe(f->pt, page_va(f, 0), f->pa, f->granule,
				      RWX | PT_ATTR_MEM(PT_MEM_OTHER), &change, &nr_tables),
			 -EOPNOTSUPP);
	assert_int_equal(nr_tables, 12345);
	agree(f);
}

/* The use that it is for. */
static void a_reserve_of_that_many_never_runs_dry(void **state)
{
	struct fixture *f = *state;
	struct pt_table_ops from = page_source_ops(&f->source);
	size_t n = pages(f, f->leaf1), nr_tables;
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_reserve *reserve;
	struct pt_pgtable *pt;

	if (fixture_is_concat(f))
		skip(); /* no source gives a reserve such a root */
	assert_int_equal(pt_reserve_create(&reserve, f->phys, f->info.granule_lg2), 0);
	assert_int_equal(pt_reserve_fill(reserve, 1, &from), 0);
	cfg.tables = pt_reserve_ops(reserve);
	cfg.watch = NULL;
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), 0);
	for (unsigned int i = 0; i < 8; i++) {
		pt_va_t va = page_va(f, i * 3);
		pt_pa_t pa = page_pa(f, i * 5);
		uint64_t len = (n + i) * f->granule;

		assert_int_equal(pt_map_probe(pt, va, pa, len, RWX, NULL, &nr_tables), 0);
		assert_int_equal(pt_reserve_fill(reserve, nr_tables, &from), 0);
		f->source.fail_all = true;
		assert_int_equal(pt_map(pt, va, pa, len, RWX, NULL), 0);
		f->source.fail_all = false;
		assert_int_equal(pt_unmap(pt, va, len,
					  &(struct pt_change){ .flags = i & 1 ?
						  PT_CHANGE_FREE_TABLES : 0 }),
				 0);
	}
	pt_pgtable_destroy(pt);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST(counts_the_tables_of_one_page),
		TEST_ON(counts_no_table_for_large_leaves, NEEDS_2_LEVELS),
		TEST_ON(is_exact_at_every_phase, NEEDS_2_LEVELS),
		TEST_ON(is_exact_for_ranges_of_many_tables, NEEDS_LEVEL_2_LEAF),
		TEST(fails_as_map_would),
		TEST_ON(a_reserve_of_that_many_never_runs_dry, NEEDS_2_LEVELS),
	};

	return RUN_ON_ALL("probe", tests);
}
