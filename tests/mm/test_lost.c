/* SPDX-License-Identifier: MIT */
/*
 * A page of a file that is lost, to those who map it later. Linux: mm/memory-failure.c,
 * me_pagecache_clean() and me_huge_page(); mm/memory.c, __do_fault().
 */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define LATER_VA (UINT64_C(4) << 33)
#define COPY_VA (UINT64_C(5) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)
#define NR UINT64_C(8)

static struct mm_fixture fixture;
static struct process parent, child;

static int setup(void **state)
{
	mm_fixture_init(&fixture, *state, 0);
	process_init(&fixture, &parent);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	process_exit(&fixture, &parent);
	mm_fixture_exit(&fixture);
	return 0;
}

static struct pt_file *file_of(const struct pt_file_cfg *cfg)
{
	struct pt_file *file;

	assert_int_equal(pt_file_create(&file, fixture.world, cfg), 0);
	return file;
}

static enum pt_mm_verdict fault(pt_va_t va, enum pt_access_kind kind)
{
	enum pt_mm_verdict verdict = PT_VERDICT_NR;

	assert_int_equal(pt_mm_fault(parent.mm, va, kind, &verdict), 0);
	return verdict;
}

/* VA's second page of shmem, in a folio of four, which another process maps too. */
static void shmem_has_nothing_but_the_page(void **state)
{
	struct pt_file_cfg cfg = { .order = 2, .shmem = true };
	struct pt_file *file;
	uint64_t done;
	pt_pa_t pa;

	(void)state;
	cfg.len = NR * fixture.page;
	file = file_of(&cfg);
	mm_map_area(&parent, VA, cfg.len, PT_MM_FILE, RW | PT_MM_SHARED, file, 0);
	for (uint64_t i = 0; i < 4; i++)
		mm_store(&fixture, &parent, VA + i * fixture.page, 100 + i);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(mm_load(&fixture, &child, VA + fixture.page), 101);
	assert_int_equal(pt_mm_poison(child.mm, VA + fixture.page), 0);
	assert_int_equal(fault(VA + fixture.page, PT_ACCESS_READ), PT_VERDICT_SIGBUS_POISON);
	process_exit(&fixture, &child);
	assert_int_equal(pt_file_page(file, fixture.page, &pa), -EIO);
	/* Nor in a hole, in another area, or to be copied; and nobody got another page for it. */
	assert_int_equal(pt_mm_zap(parent.mm, VA + fixture.page, fixture.page), 0);
	mm_map_area(&parent, LATER_VA, cfg.len, PT_MM_FILE, PT_MM_READ | PT_MM_SHARED, file, 0);
	mm_map_area(&parent, COPY_VA, cfg.len, PT_MM_FILE, RW, file, 0);
	assert_int_equal(fault(VA + fixture.page, PT_ACCESS_WRITE), PT_VERDICT_SIGBUS_POISON);
	assert_int_equal(fault(LATER_VA + fixture.page, PT_ACCESS_READ), PT_VERDICT_SIGBUS_POISON);
	assert_int_equal(fault(COPY_VA + fixture.page, PT_ACCESS_WRITE), PT_VERDICT_SIGBUS_POISON);
	assert_true(mm_is_hole(&parent, COPY_VA + fixture.page));
	assert_int_equal(pt_file_page(file, fixture.page, &pa), -EIO);
	/* Its neighbours are as they were, and what was never there comes as ever. */
	assert_int_equal(mm_load(&fixture, &parent, LATER_VA), 100);
	assert_int_equal(mm_load(&fixture, &parent, COPY_VA + 2 * fixture.page), 102);
	assert_int_equal(pt_mm_populate(parent.mm, LATER_VA, cfg.len, 2, &done), 0);
	assert_true(mm_is_hole(&parent, LATER_VA + fixture.page));
	for (uint64_t i = 0; i < NR; i++)
		if (i != 1)
			assert_int_equal(mm_load(&fixture, &parent, LATER_VA + i * fixture.page),
					 i < 4 ? 100 + i : 0);
	mm_verify(&fixture);
	pt_file_put(file);
}

static void a_disk_has_it_anew(void **state)
{
	struct pt_file_cfg cfg = { .name = "/f" };
	struct pt_file *file;
	pt_pa_t lost, pa;

	(void)state;
	cfg.len = NR * fixture.page;
	file = file_of(&cfg);
	mm_map_area(&parent, VA, cfg.len, PT_MM_FILE, PT_MM_READ | PT_MM_SHARED, file, 0);
	mm_map_area(&parent, LATER_VA, cfg.len, PT_MM_FILE, RW, file, 0);
	assert_int_equal(mm_load(&fixture, &parent, VA), 0);
	assert_int_equal(pt_file_page(file, 0, &lost), 0);
	assert_int_equal(pt_mm_poison(parent.mm, VA), 0);
	assert_int_equal(pt_file_page(file, 0, &pa), -ENOENT);
	assert_int_equal(fault(LATER_VA, PT_ACCESS_READ), PT_VERDICT_MAJOR);
	assert_int_equal(pt_file_page(file, 0, &pa), 0);
	assert_int_not_equal(pa, lost);
	assert_int_equal(fault(VA, PT_ACCESS_READ), PT_VERDICT_SIGBUS_POISON);
	mm_verify(&fixture);
	pt_file_put(file);
}

/* The smallest size of huge pages that the format has; a page, and one that is whole. */
static void hugetlb_loses_a_whole_page(void **state)
{
	const unsigned int lg2 =
		fixture.info.granule_lg2 == 12 && fixture.fmt.fmt != PT_FMT_X86_64 ? 16 : 21;
	const struct pt_extent extent = { HUGE_PA + (lg2 == 21 ? UINT64_C(256) << 20 : 0),
					  UINT64_C(3) << lg2 };
	const struct pt_file_cfg cfg = { .name = "/huge", .len = 2 * BIT(lg2), .page_lg2 = lg2 };
	struct pt_mm_area want = { .kind = PT_MM_HUGETLB,
				   .node = PT_MM_ANY_NODE,
				   .flags = RW | PT_MM_SHARED,
				   .page_lg2 = lg2 };
	uint64_t free, total, done;
	pt_pa_t pa;

	(void)state;
	assert_int_equal(pt_world_add_huge(fixture.world, lg2, &extent), 0);
	want.file = file_of(&cfg);
	want.first = VA;
	want.last = VA + cfg.len - 1;
	assert_int_equal(pt_mm_map(parent.mm, &want), 0);
	mm_store(&fixture, &parent, VA, 5);
	mm_store(&fixture, &parent, VA + BIT(lg2), 6);
	assert_int_equal(pt_mm_poison(parent.mm, VA + fixture.page), 0);
	for (uint64_t at = 0; at < BIT(lg2); at += BIT(lg2) - fixture.page)
		assert_int_equal(pt_file_page(want.file, at, &pa), -EIO);
	want.first = LATER_VA;
	want.last = LATER_VA + cfg.len - 1;
	assert_int_equal(pt_mm_map(parent.mm, &want), 0);
	assert_int_equal(fault(LATER_VA, PT_ACCESS_READ), PT_VERDICT_SIGBUS_POISON);
	assert_int_equal(pt_mm_populate(parent.mm, LATER_VA, cfg.len, 0, &done), 0);
	assert_int_equal(done, BIT(lg2));
	assert_int_equal(mm_load(&fixture, &parent, LATER_VA + BIT(lg2)), 6);
	pt_world_huge(fixture.world, lg2, &free, &total);
	assert_int_equal(free, 1);
	mm_verify(&fixture);
	pt_file_put(want.file);
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(shmem_has_nothing_but_the_page),
	cmocka_unit_test(a_disk_has_it_anew),
	cmocka_unit_test(hugetlb_loses_a_whole_page),
};

int main(void)
{
	return MM_RUN_ON_ALL("lost", bodies);
}
