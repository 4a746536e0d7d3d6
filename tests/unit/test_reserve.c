/* SPDX-License-Identifier: MIT */
/* A stock of table pages: from a range, or set aside from another source. */
#include "unit/fixture.h"

static void hands_out_the_pages_of_its_range(void **state)
{
	struct pt_reserve *reserve;
	struct pt_table_ops ops;
	struct pt_phys *phys;
	pt_pa_t pa[4], more;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, MIB), 0);
	assert_int_equal(pt_reserve_create(&reserve, phys, 12), 0);
	assert_int_equal(pt_reserve_available(reserve), 0);
	ops = pt_reserve_ops(reserve);
	assert_int_equal(ops.alloc(ops.ctx, 12, &more), -ENOMEM);
	assert_int_equal(pt_reserve_add_range(reserve, 0x10000, 0x4000), 0);
	assert_int_equal(pt_reserve_available(reserve), 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(ops.alloc(ops.ctx, 12, &pa[i]), 0);
		assert_true(pa[i] >= 0x10000 && pa[i] < 0x14000 && !(pa[i] & 0xfff));
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(pa[i], pa[j]);
		memset(pt_phys_to_host(phys, pa[i], 0x1000), 0x55, 0x1000);
		assert_int_equal(pt_reserve_available(reserve), 3 - i);
		assert_int_equal(pt_reserve_in_use(reserve), i + 1);
	}
	assert_int_equal(ops.alloc(ops.ctx, 12, &more), -ENOMEM);
	assert_int_equal(ops.alloc(ops.ctx, 13, &more), -ENOMEM);
	assert_int_equal(ops.alloc(ops.ctx, 76, &more), -ENOMEM); /* more than addresses can say */
	assert_int_equal(pt_reserve_destroy(reserve), -EBUSY);
	ops.free(ops.ctx, pa[2], 12);
	assert_int_equal(pt_reserve_available(reserve), 1);
	assert_int_equal(ops.alloc(ops.ctx, 12, &more), 0);
	assert_int_equal(more, pa[2]);
	for (size_t i = 0; i < 4; i++)
		ops.free(ops.ctx, pa[i], 12);
	assert_int_equal(pt_reserve_in_use(reserve), 0);
	assert_int_equal(pt_reserve_available(reserve), 4);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
	assert_int_equal(pt_reserve_destroy(NULL), 0);
	pt_phys_destroy(phys);
}

static void a_second_range_may_follow_the_first(void **state)
{
	struct pt_reserve *reserve;
	struct pt_table_ops ops;
	struct pt_phys *phys;
	pt_pa_t pa, last = 0;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, MIB), 0);
	assert_int_equal(pt_reserve_create(&reserve, phys, 14), 0);
	ops = pt_reserve_ops(reserve);
	assert_int_equal(pt_reserve_add_range(reserve, 0x10000, 0x4000), 0);
	assert_int_equal(pt_reserve_add_range(reserve, 0x20000, 0x8000), -EBUSY);
	assert_int_equal(pt_reserve_available(reserve), 1);
	assert_int_equal(ops.alloc(ops.ctx, 14, &pa), 0);
	assert_int_equal(pa, 0x10000);
	assert_int_equal(pt_reserve_add_range(reserve, 0x20000, 0x8000), 0);
	assert_int_equal(pt_reserve_available(reserve), 2);
	assert_int_equal(ops.alloc(ops.ctx, 14, &last), 0);
	ops.free(ops.ctx, last, 14);
	ops.free(ops.ctx, pa, 14);
	assert_int_equal(pt_reserve_available(reserve), 3);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
	/* the range is the caller's again */
	assert_int_equal(pt_reserve_create(&reserve, phys, 14), 0);
	assert_int_equal(pt_reserve_add_range(reserve, 0x10000, 0x4000), 0);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
	pt_phys_destroy(phys);
}

static void refuses_ranges_that_are_none(void **state)
{
	struct pt_phys_region regions[] = { { .pa = 0x10000, .len = 0x10000, .fd = -1 },
					    { .pa = 0x20000, .len = 0x10000, .fd = -1 } };
	struct pt_reserve *reserve, *other;
	struct pt_table_ops ops;
	struct pt_phys *phys;
	pt_pa_t pa, pa2;

	(void)state;
	assert_int_equal(pt_phys_create(&phys, regions, 2, 14), 0);
	assert_int_equal(pt_reserve_create(&reserve, phys, 12), -EINVAL); /* below a frame */
	assert_int_equal(pt_reserve_create(&reserve, phys, 13), -EINVAL);
	assert_int_equal(pt_reserve_create(&reserve, phys, 15), -EINVAL);
	assert_int_equal(pt_reserve_create(&reserve, phys, 14), 0);
	assert_int_equal(pt_reserve_add_range(reserve, 0x10000, 0), -EINVAL);
	assert_int_equal(pt_reserve_add_range(reserve, 0x11000, 0x4000), -EINVAL);
	assert_int_equal(pt_reserve_add_range(reserve, 0x10000, 0x5000), -EINVAL);
	assert_int_equal(pt_reserve_add_range(reserve, 0, 0x4000), -ERANGE);
	assert_int_equal(pt_reserve_add_range(reserve, 0x2c000, 0x8000), -ERANGE);
	assert_int_equal(pt_reserve_add_range(reserve, 0x1c000, 0x8000), -ERANGE); /* across */
	assert_int_equal(pt_reserve_add_range(reserve, UINT64_C(1) << 60, 0x4000), -ERANGE);
	assert_int_equal(pt_reserve_available(reserve), 0);
	assert_int_equal(pt_reserve_add_range(reserve, 0x10000, 0xc000), 0);
	ops = pt_reserve_ops(reserve);
	assert_int_equal(ops.alloc(ops.ctx, 14, &pa), 0);

	/* what another one uses */
	assert_int_equal(pt_reserve_create(&other, phys, 14), 0);
	assert_int_equal(pt_reserve_add_range(other, pa, 0x4000), 0);
	ops = pt_reserve_ops(other);
	assert_int_equal(ops.alloc(ops.ctx, 14, &pa2), -ENOMEM);
	assert_int_equal(pt_reserve_destroy(other), 0);
	ops = pt_reserve_ops(reserve);
	ops.free(ops.ctx, pa, 14);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
	pt_phys_destroy(phys);
}

static void passes_over_a_used_page_in_the_middle(void **state)
{
	struct pt_reserve *reserve, *other;
	struct pt_table_ops ops, from;
	pt_pa_t pa, more, drawn[0x1f];
	struct pt_phys *phys;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, MIB), 0);
	assert_int_equal(pt_reserve_create(&reserve, phys, 12), 0);
	assert_int_equal(pt_reserve_create(&other, phys, 12), 0);
	assert_int_equal(pt_reserve_add_range(reserve, 0x20000, 0x1000), 0);
	ops = pt_reserve_ops(reserve);
	assert_int_equal(ops.alloc(ops.ctx, 12, &pa), 0);
	assert_int_equal(pt_reserve_add_range(other, 0x10000, 0x20000), 0);
	from = pt_reserve_ops(other);
	for (size_t i = 0; i < 0x1f; i++) {
		assert_int_equal(from.alloc(from.ctx, 12, &drawn[i]), 0);
		assert_int_not_equal(drawn[i], pa);
	}
	assert_int_equal(from.alloc(from.ctx, 12, &more), -ENOMEM);
	for (size_t i = 0; i < 0x1f; i++)
		from.free(from.ctx, drawn[i], 12);
	ops.free(ops.ctx, pa, 12);
	assert_int_equal(pt_reserve_destroy(other), 0);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
	pt_phys_destroy(phys);
}

static void a_reserve_has_ranges_or_one_source(void **state)
{
	struct pt_reserve *reserve;
	struct page_source source;
	struct pt_table_ops from, another;
	struct pt_phys *phys;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, MIB), 0);
	page_source_init(&source, phys, 0x10000, 12, 8);
	from = another = page_source_ops(&source);
	assert_int_equal(pt_reserve_create(&reserve, phys, 12), 0);
	assert_int_equal(pt_reserve_fill(reserve, 1, &from), 0);
	assert_int_equal(pt_reserve_fill(reserve, 2, &another), -EINVAL);
	assert_int_equal(pt_reserve_add_range(reserve, 0x20000, 0x1000), -EINVAL);
	assert_int_equal(pt_reserve_available(reserve), 1);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
	assert_int_equal(pt_reserve_create(&reserve, phys, 12), 0);
	assert_int_equal(pt_reserve_add_range(reserve, 0x20000, 0x1000), 0);
	assert_int_equal(pt_reserve_fill(reserve, 2, &from), -EINVAL);
	assert_int_equal(pt_reserve_available(reserve), 1);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
	assert_int_equal(source.nr_live, 0);
	page_source_exit(&source);
	pt_phys_destroy(phys);
}

static void sets_pages_aside_from_a_source_and_gives_them_back(void **state)
{
	struct pt_reserve *reserve;
	struct page_source source;
	struct pt_table_ops from, ops;
	struct pt_phys *phys;
	pt_pa_t pa;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, MIB), 0);
	page_source_init(&source, phys, 0x10000, 12, 8);
	from = page_source_ops(&source);
	assert_int_equal(pt_reserve_create(&reserve, phys, 12), 0);
	assert_int_equal(pt_reserve_fill(reserve, 3, &from), 0);
	assert_int_equal(source.nr_live, 3);
	assert_int_equal(pt_reserve_available(reserve), 3);
	assert_int_equal(pt_reserve_fill(reserve, 2, &from), 0); /* enough is there */
	assert_int_equal(source.nr_live, 3);
	ops = pt_reserve_ops(reserve);
	assert_int_equal(ops.alloc(ops.ctx, 12, &pa), 0);
	assert_int_equal(source.nr_live, 3);
	assert_int_equal(pt_reserve_fill(reserve, 3, &from), 0);
	assert_int_equal(source.nr_live, 4);
	/* what was drawn before it failed stays */
	assert_int_equal(pt_reserve_fill(reserve, 20, &from), -ENOMEM);
	assert_int_equal(source.nr_live, 8);
	assert_int_equal(pt_reserve_available(reserve), 7);
	ops.free(ops.ctx, pa, 12);
	assert_int_equal(pt_reserve_available(reserve), 8);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
	assert_int_equal(source.nr_live, 0);
	page_source_exit(&source);
	pt_phys_destroy(phys);
}

static void tables_live_on_a_reserve_alone(void **state)
{
	struct fixture *f = *state;
	struct pt_table_ops from = page_source_ops(&f->source);
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_reserve *reserve;
	struct pt_pgtable *pt;
	pt_pa_t pa;

	assert_int_equal(pt_reserve_create(&reserve, f->phys, f->info.granule_lg2), 0);
	cfg.tables = pt_reserve_ops(reserve);
	cfg.watch = NULL;
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), -ENOMEM);
	assert_int_equal(pt_reserve_fill(reserve, f->info.nr_levels, &from), 0);
	if (fixture_is_concat(f)) {
		/* what came from a source came page by page */
		assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), -ENOMEM);
		assert_int_equal(pt_reserve_destroy(reserve), 0);
		return;
	}
	f->source.fail_all = true;
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), 0);
	assert_int_equal(pt_map(pt, f->base, f->pa, f->granule, RWX, NULL), 0);
	assert_int_equal(pt_reserve_available(reserve), 0);
	assert_int_equal(pt_reserve_in_use(reserve), f->info.nr_levels);
	assert_int_equal(pt_translate(pt, f->base, &pa), 0);
	assert_int_equal(pt_verify(pt, NULL, NULL), 0);
	assert_int_equal(pt_reserve_destroy(reserve), -EBUSY);
	assert_int_equal(pt_unmap(pt, f->base, f->granule,
				  &(struct pt_change){ .flags = PT_CHANGE_FREE_TABLES }),
			 0);
	assert_int_equal(pt_reserve_available(reserve), f->info.nr_levels - 1);
	assert_int_equal(pt_map(pt, f->base, f->pa, f->granule, RWX, NULL), 0);
	pt_pgtable_destroy(pt);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
	f->source.fail_all = false;
}

static void refuses_tables_of_smaller_pages(void **state)
{
	struct fixture *f = *state;
	const struct pt_phys_region region = { .pa = 0, .len = UINT64_C(4) << 16, .fd = -1 };
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_reserve *reserve;
	struct pt_pgtable *pt = NULL;

	if (f->info.granule_lg2 == 16 || fixture_is_concat(f))
		return;
	assert_int_equal(pt_phys_add(f->phys, &region), 0);
	assert_int_equal(pt_reserve_create(&reserve, f->phys, f->info.granule_lg2 + 2), 0);
	assert_int_equal(pt_reserve_add_range(reserve, region.pa, region.len), 0);
	cfg.tables = pt_reserve_ops(reserve);
	cfg.watch = NULL;
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), -EINVAL);
	assert_null(pt);
	assert_int_equal(pt_reserve_in_use(reserve), 0);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
}

/* A root of several tables comes from the range, aligned; what is passed over is not lost. */
static void a_range_gives_concatenated_tables(void **state)
{
	struct fixture *f = *state;
	unsigned int root_lg2 = f->info.root_align_lg2;
	size_t root_pages = (size_t)1 << (root_lg2 - f->info.granule_lg2), all;
	const struct pt_phys_region region = { .pa = 0, .len = 80 * f->granule, .fd = -1 };
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_pgtable *pt, *other;
	struct pt_reserve *reserve;
	pt_pa_t pa;

	assert_int_equal(pt_phys_add(f->phys, &region), 0);
	assert_int_equal(pt_reserve_create(&reserve, f->phys, f->info.granule_lg2), 0);
	assert_int_equal(pt_reserve_add_range(reserve, 3 * f->granule, 77 * f->granule), 0);
	all = pt_reserve_available(reserve);
	cfg.tables = pt_reserve_ops(reserve);
	cfg.watch = NULL;
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), 0);
	assert_int_equal(pt_pgtable_root(pt), root_pages > 2 ? UINT64_C(1) << root_lg2 :
								UINT64_C(2) << root_lg2);
	assert_int_equal(pt_reserve_in_use(reserve), root_pages);
	assert_int_equal(pt_reserve_available(reserve), all - root_pages);
	/* single pages: those before it first */
	assert_int_equal(pt_map(pt, f->info.first, f->pa, f->granule, RWX, NULL), 0);
	assert_int_equal(pt_map(pt, f->info.last - (f->granule - 1), f->pa, f->granule, RWX, NULL),
			 0);
	assert_int_equal(pt_reserve_in_use(reserve), root_pages + 2 * (f->info.nr_levels - 1));
	assert_int_equal(pt_pgtable_create(&other, f->phys, &cfg), 0);
	assert_int_equal(pt_translate(pt, f->info.last, &pa), 0);
	assert_int_equal(pa, f->pa + f->granule - 1);
	assert_int_equal(pt_verify(pt, NULL, NULL), 0);
	pt_pgtable_destroy(pt);
	assert_int_equal(pt_reserve_in_use(reserve), root_pages);
	pt_pgtable_destroy(other);
	assert_int_equal(pt_reserve_available(reserve), all);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
}

static void what_is_too_much_goes_back_to_the_source(void **state)
{
	struct pt_reserve *from, *reserve;
	struct pt_table_ops source, ops;
	struct pt_phys *phys;
	pt_pa_t pa;

	(void)state;
	assert_int_equal(pt_phys_create_anon(&phys, MIB), 0);
	assert_int_equal(pt_reserve_create(&from, phys, 12), 0);
	assert_int_equal(pt_reserve_add_range(from, 0x10000, 0x8000), 0);
	source = pt_reserve_ops(from);
	assert_int_equal(pt_reserve_create(&reserve, phys, 12), 0);
	ops = pt_reserve_ops(reserve);
	pt_reserve_trim(reserve, 0); /* has no source yet */
	assert_int_equal(pt_reserve_fill(reserve, 5, &source), 0);
	assert_int_equal(ops.alloc(ops.ctx, 12, &pa), 0);
	pt_reserve_trim(reserve, 7);
	assert_int_equal(pt_reserve_available(reserve), 4);
	pt_reserve_trim(reserve, 1);
	assert_int_equal(pt_reserve_available(reserve), 1);
	assert_int_equal(pt_reserve_in_use(reserve), 1);
	assert_int_equal(pt_reserve_in_use(from), 2);
	ops.free(ops.ctx, pa, 12);
	pt_reserve_trim(reserve, 0);
	assert_int_equal(pt_reserve_in_use(from), 0);
	assert_int_equal(pt_reserve_destroy(reserve), 0);
	/* a range is nobody's to give back */
	pt_reserve_trim(from, 0);
	assert_int_equal(pt_reserve_available(from), 8);
	assert_int_equal(pt_reserve_destroy(from), 0);
	pt_phys_destroy(phys);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST(tables_live_on_a_reserve_alone),
		TEST(refuses_tables_of_smaller_pages),
		TEST_ON(a_range_gives_concatenated_tables, NEEDS_CONCAT),
	};
	const struct CMUnitTest alone[] = {
		cmocka_unit_test(hands_out_the_pages_of_its_range),
		cmocka_unit_test(a_second_range_may_follow_the_first),
		cmocka_unit_test(refuses_ranges_that_are_none),
		cmocka_unit_test(passes_over_a_used_page_in_the_middle),
		cmocka_unit_test(a_reserve_has_ranges_or_one_source),
		cmocka_unit_test(sets_pages_aside_from_a_source_and_gives_them_back),
		cmocka_unit_test(what_is_too_much_goes_back_to_the_source),
	};

	return cmocka_run_group_tests_name("reserve", alone, NULL, NULL) +
	       RUN_ON_ALL("reserve on all formats", tests);
}
