/* SPDX-License-Identifier: MIT */
/* What of an address space is flushed, how often, and what is free only then. */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)

static struct mm_fixture fixture;

static int setup(void **state)
{
	mm_fixture_init(&fixture, *state, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mm_fixture_exit(&fixture);
	return 0;
}

static pt_va_t page_at(uint64_t i)
{
	return VA + i * fixture.page;
}

static bool is_used(pt_pa_t pa)
{
	struct pt_mm_page page;

	return !pt_world_page(fixture.world, pa, &page);
}

struct flushes {
	pt_pa_t pa; /* of a page that has to be in use whenever anything is flushed */
	unsigned int nr, nr_all; /* requests, and those for everything */
};

static void flush_range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct flushes *flushes = ctx;

	(void)first;
	(void)last;
	(void)stride_lg2;
	flushes->nr++;
	assert_true(is_used(flushes->pa));
}

static void flush_all(void *ctx)
{
	struct flushes *flushes = ctx;

	flush_range(ctx, 0, UINT64_MAX, 0);
	flushes->nr_all++;
}

/* The area is the last to have the file, which goes with it, and its pages with that. */
static void pages_of_a_file_are_free_after_the_flush(void **state)
{
	struct flushes flushes = { 0 };
	const struct pt_flush_ops ops = { flush_range, flush_all, flush_range, &flushes };
	const struct pt_mm_cfg cfg = { .mode = PT_MODE_SHARED, .flush = &ops };
	const struct pt_file_cfg file_cfg = { .name = "/f", .len = 4 * fixture.page };
	struct process p = { 0 };
	struct pt_file *file;

	(void)state;
	for (unsigned int how = 0; how < 2; how++) {
		assert_int_equal(pt_mm_create(&p.mm, fixture.world, &cfg), 0);
		assert_int_equal(pt_file_create(&file, fixture.world, &file_cfg), 0);
		mm_map_area(&p, VA, file_cfg.len, PT_MM_FILE, PT_MM_READ | PT_MM_SHARED, file, 0);
		pt_file_put(file);
		assert_int_equal(pt_mm_populate(p.mm, VA, file_cfg.len, 0, NULL), 0);
		flushes = (struct flushes){ .pa = mm_leaf(&p, VA).pa };
		if (how)
			assert_int_equal(pt_mm_unmap(p.mm, VA, file_cfg.len), 0);
		pt_mm_destroy(p.mm);
		assert_true(flushes.nr);
		assert_false(is_used(flushes.pa));
	}
}

/* Whenever it has found as many as its gather holds; what is not there does not count. */
static void an_unmap_flushes_whenever_its_gather_is_full(void **state)
{
	static const struct {
		size_t max_leaves;
		unsigned int flushes;
	} tries[] = { { 0, 1 }, { 1, 6 }, { 2, 3 }, { 4, 2 }, { 6, 1 }, { 7, 1 } };
	struct flushes flushes = { 0 };
	const struct pt_flush_ops ops = { flush_range, flush_all, flush_range, &flushes };
	struct pt_mm_cfg cfg = { .mode = PT_MODE_SHARED, .flush = &ops };
	struct process p = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		cfg.max_leaves = tries[i].max_leaves;
		assert_int_equal(pt_mm_create(&p.mm, fixture.world, &cfg), 0);
		/* the last one keeps the table */
		mm_map_area(&p, VA, 13 * fixture.page, PT_MM_ANON, RW, NULL, 0);
		for (unsigned int page = 0; page < 13; page += 2)
			assert_int_equal(pt_mm_populate(p.mm, page_at(page), fixture.page, 0, NULL),
					 0);
		flushes = (struct flushes){ .pa = mm_leaf(&p, page_at(12)).pa };
		assert_int_equal(pt_mm_unmap(p.mm, VA, 12 * fixture.page), 0);
		assert_int_equal(flushes.nr, tries[i].flushes);
		pt_mm_destroy(p.mm);
	}
}

static void gathers_of_an_address_space_have_its_bounds(void **state)
{
	const struct pt_mm_cfg cfg = {
		.mode = PT_MODE_SHARED, .max_leaves = 3, .max_tables = 2, .max_ranges = 1
	};
	struct pt_gather gather;
	struct process p = { 0 };

	(void)state;
	assert_int_equal(pt_mm_create(&p.mm, fixture.world, &cfg), 0);
	pt_gather_begin(&gather, pt_mm_pgtable(p.mm));
	assert_int_equal(gather.max_leaves, 3);
	assert_int_equal(gather.max_tables, 2);
	assert_int_equal(gather.max_ranges, 1);
	pt_gather_finish(&gather);
	pt_mm_destroy(p.mm);
}

/* Four areas of four pages with rights of their own, a page apart from each other. */
static void make_areas(struct process *p)
{
	static const unsigned int flags[] = { RW, RW | PT_MM_EXEC };

	for (unsigned int i = 0; i < 4; i++) {
		mm_map_area(p, page_at(5 * i), 4 * fixture.page, PT_MM_ANON, flags[i % 2], NULL, 0);
		assert_int_equal(pt_mm_populate(p->mm, page_at(5 * i), 4 * fixture.page, 0, NULL),
				 0);
	}
}

/*
 * x86 once, from the first area to the last; arm64, whose kernel does not merge areas, at the end
 * of each that had anything to flush.
 */
static void a_gather_of_one_range_flushes_as_linux(void **state)
{
	const bool x86 = fixture.fmt.fmt == PT_FMT_X86_64;
	struct flushes flushes = { .pa = pt_world_zero_page(fixture.world) };
	const struct pt_flush_ops ops = { flush_range, flush_all, flush_range, &flushes };
	const struct pt_mm_cfg cfg = { .mode = PT_MODE_SHARED, .flush = &ops, .max_ranges = 1 };
	struct process p = { 0 };

	(void)state;
	assert_int_equal(pt_mm_create(&p.mm, fixture.world, &cfg), 0);
	make_areas(&p);
	/* Areas side by side, each with rights that change. */
	for (unsigned int i = 0; i < 3; i++)
		mm_map_area(&p, page_at(5 * i + 4), fixture.page, PT_MM_ANON, PT_MM_READ, NULL, 0);
	flushes.nr = 0;
	assert_int_equal(pt_mm_protect(p.mm, VA, 19 * fixture.page, PT_MM_READ), 0);
	assert_int_equal(flushes.nr, x86 ? 1 : 4);
	assert_int_equal(pt_mm_nr_areas(p.mm), 1);
	flushes.nr = 0;
	assert_int_equal(pt_mm_zap(p.mm, VA, 9 * fixture.page), 0);
	assert_int_equal(flushes.nr, 1);
	pt_mm_destroy(p.mm);

	assert_int_equal(pt_mm_create(&p.mm, fixture.world, &cfg), 0);
	make_areas(&p);
	flushes = (struct flushes){ .pa = flushes.pa };
	assert_int_equal(pt_mm_unmap(p.mm, VA, 19 * fixture.page), 0);
	assert_int_equal(flushes.nr, x86 ? 1 : 4);
	assert_int_equal(flushes.nr_all, 0);
	pt_mm_destroy(p.mm);
}

/* madvise() and userfaultfd go area by area, each with a gather of its own. */
static void calls_for_areas_one_by_one_flush_so(void **state)
{
	struct flushes flushes = { .pa = pt_world_zero_page(fixture.world) };
	const struct pt_flush_ops ops = { flush_range, flush_all, flush_range, &flushes };
	const struct pt_mm_cfg cfg = { .mode = PT_MODE_SHARED, .flush = &ops, .max_ranges = 1 };
	const uint64_t len = 19 * fixture.page;
	struct process p = { 0 };
	int err;

	(void)state;
	assert_int_equal(pt_mm_create(&p.mm, fixture.world, &cfg), 0);
	make_areas(&p);
	for (unsigned int i = 0; i < 3; i++)
		mm_map_area(&p, page_at(5 * i + 4), fixture.page, PT_MM_ANON, PT_MM_READ, NULL, 0);
	flushes.nr = 0;
	assert_int_equal(pt_mm_lazyfree(p.mm, VA, len), 0);
	assert_int_equal(flushes.nr, 4);
	assert_int_equal(pt_mm_numa_hint(p.mm, VA, len), 0);
	assert_int_equal(flushes.nr, 8);
	assert_int_equal(pt_mm_zap(p.mm, VA, len), 0);
	assert_int_equal(flushes.nr, 8); /* hidden: nothing had them any more */
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pt_mm_populate(p.mm, page_at(5 * i), 4 * fixture.page, 0, NULL),
				 0);
	assert_int_equal(pt_mm_set_flags(p.mm, VA, len, PT_MM_UFFD_WP, 0), 0);
	flushes.nr = 0;
	err = pt_mm_write_protect(p.mm, VA, len, true);
	assert_int_equal(err, fixture.soft.attr_uffd_wp ? 0 : -EOPNOTSUPP);
	assert_int_equal(flushes.nr, err ? 0 : 4);
	flushes.nr = 0;
	assert_int_equal(pt_mm_zap(p.mm, VA, len), 0);
	assert_int_equal(flushes.nr, 4);
	pt_mm_destroy(p.mm);
}

/* Whatever there was to change: dup_mmap() and clear_refs_write() end with flush_tlb_mm(). */
static void fork_and_soft_dirty_flush_everything_once(void **state)
{
	struct flushes flushes = { .pa = pt_world_zero_page(fixture.world) };
	const struct pt_flush_ops ops = { flush_range, flush_all, flush_range, &flushes };
	const struct pt_mm_cfg cfg = { .mode = PT_MODE_SHARED, .flush = &ops };
	const struct pt_mm_cfg quiet = { .mode = PT_MODE_SHARED };
	struct process p = { 0 };
	struct pt_mm *child;

	(void)state;
	assert_int_equal(pt_mm_create(&p.mm, fixture.world, &cfg), 0);
	for (unsigned int i = 0; i < 3; i++) {
		if (i == 1)
			make_areas(&p);
		flushes.nr = flushes.nr_all = 0;
		assert_int_equal(pt_mm_fork(&child, p.mm, &quiet), 0);
		assert_int_equal(flushes.nr, 1);
		assert_int_equal(flushes.nr_all, 1);
		pt_mm_destroy(child);
	}
	flushes.nr = flushes.nr_all = 0;
	assert_int_equal(pt_mm_clear_refs(p.mm, PT_MM_CLEAR_ACCESSED), 0);
	assert_int_equal(flushes.nr, 0);
	if (fixture.soft.attr_soft_dirty) {
		for (unsigned int i = 1; i < 3; i++) {
			assert_int_equal(pt_mm_clear_refs(p.mm, PT_MM_CLEAR_SOFT_DIRTY), 0);
			assert_int_equal(flushes.nr, i);
			assert_int_equal(flushes.nr_all, i);
		}
	}
	pt_mm_destroy(p.mm);
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(pages_of_a_file_are_free_after_the_flush),
	cmocka_unit_test(an_unmap_flushes_whenever_its_gather_is_full),
	cmocka_unit_test(gathers_of_an_address_space_have_its_bounds),
	cmocka_unit_test(a_gather_of_one_range_flushes_as_linux),
	cmocka_unit_test(calls_for_areas_one_by_one_flush_so),
	cmocka_unit_test(fork_and_soft_dirty_flush_everything_once),
};

int main(void)
{
	return MM_RUN_ON_ALL("flushes", bodies);
}
