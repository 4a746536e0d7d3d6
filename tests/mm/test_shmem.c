/* SPDX-License-Identifier: MIT */
/* Pages of shmem in swap: their file alone knows where, tables are empty, and smaps tells. */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define COPY_VA (UINT64_C(4) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)
#define NR UINT64_C(16)

static struct mm_fixture fixture;
static struct process parent, child;
static struct pt_swap *swap;
static struct pt_file *file;

/* Shared at VA, and private at COPY_VA. */
static int setup(void **state)
{
	struct pt_file_cfg cfg = { .name = "/shm", .order = 2, .shmem = true };

	mm_fixture_init(&fixture, *state, 0);
	process_init(&fixture, &parent);
	assert_int_equal(pt_swap_create(&swap, fixture.world, 3, 64), 0);
	cfg.len = NR * fixture.page;
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	mm_map_area(&parent, VA, cfg.len, PT_MM_FILE, RW | PT_MM_SHARED | PT_MM_UFFD_WP, file, 0);
	mm_map_area(&parent, COPY_VA, cfg.len, PT_MM_FILE, RW, file, 0);
	for (uint64_t i = 0; i < NR; i++)
		mm_store(&fixture, &parent, VA + i * fixture.page, 100 + i);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	process_exit(&fixture, &parent);
	pt_file_put(file);
	assert_int_equal(pt_swap_used(swap), 0);
	assert_int_equal(pt_swap_destroy(swap), 0);
	mm_fixture_exit(&fixture);
	return 0;
}

static struct pt_smaps smaps_at(pt_va_t va)
{
	const struct pt_view view = pt_mm_view(parent.mm);
	struct pt_smaps sum = { 0 };

	assert_int_equal(pt_smaps(&view, va, va + NR * fixture.page - 1, &sum), 0);
	return sum;
}

static void swap_all(void)
{
	uint64_t done;

	assert_int_equal(pt_mm_swap_out(parent.mm, VA, NR * fixture.page, swap, &done), 0);
	assert_int_equal(done, NR * fixture.page);
	assert_int_equal(pt_swap_used(swap), NR);
	mm_verify(&fixture);
}

static void pages_come_back_once_for_all_who_map_them(void **state)
{
	uint64_t value = 0;
	pt_pa_t pa;

	(void)state;
	assert_int_equal(mm_load(&fixture, &parent, COPY_VA), 100);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(mm_load(&fixture, &child, VA), 100);
	swap_all();
	for (uint64_t i = 0; i < NR; i++) {
		assert_true(mm_is_hole(&parent, VA + i * fixture.page));
		assert_true(mm_is_hole(&parent, COPY_VA + i * fixture.page));
		assert_true(mm_is_hole(&child, VA + i * fixture.page));
	}
	assert_int_equal(pt_file_page(file, 0, &pa), -ENOENT);
	/* The second reader finds what the first has brought back. */
	assert_int_equal(pt_mm_fault(child.mm, VA, PT_ACCESS_READ,
				     (enum pt_mm_verdict[]){ PT_VERDICT_NR }),
			 0);
	assert_int_equal(pt_swap_used(swap), NR - 1);
	assert_int_equal(pt_file_page(file, 0, &pa), 0);
	assert_int_equal(mm_leaf(&child, VA).pa, pa);
	assert_int_equal(mm_load(&fixture, &parent, VA), 100);
	assert_int_equal(mm_leaf(&parent, VA).pa, pa);
	/* A store into one that is in swap, and one into a private copy of it. */
	mm_store(&fixture, &child, VA + fixture.page, 7);
	assert_int_equal(mm_load(&fixture, &parent, VA + fixture.page), 7);
	mm_store(&fixture, &parent, COPY_VA + 2 * fixture.page, 8);
	assert_int_equal(mm_load(&fixture, &parent, VA + 2 * fixture.page), 102);
	assert_int_equal(mm_access(&fixture, &child, 0, VA + 15 * fixture.page, PT_ACCESS_READ,
				   &value),
			 ACCESS_DONE);
	assert_int_equal(value, 115);
	mm_verify(&fixture);
	process_exit(&fixture, &child);
}

static void a_fault_that_reads_swap_is_a_major_one(void **state)
{
	enum pt_mm_verdict verdict;

	(void)state;
	swap_all();
	assert_int_equal(pt_mm_fault(parent.mm, VA, PT_ACCESS_READ, &verdict), 0);
	assert_int_equal(verdict, PT_VERDICT_MAJOR);
	assert_int_equal(pt_mm_fault(parent.mm, COPY_VA, PT_ACCESS_READ, &verdict), 0);
	assert_int_equal(verdict, PT_VERDICT_MINOR);
}

/*
 * Shared areas and those that cannot be written have all of the file's; private ones
 * only what they have no copy of. None is in SwapPss.
 */
static void smaps_tells_what_of_the_file_is_in_swap(void **state)
{
	struct pt_smaps sum;

	(void)state;
	mm_store(&fixture, &parent, COPY_VA + 3 * fixture.page, 1);
	swap_all();
	sum = smaps_at(VA);
	assert_int_equal(sum.swap, NR * fixture.page);
	assert_int_equal(sum.rss, 0);
	assert_int_equal(sum.swap_pss_fine, 0);
	sum = smaps_at(COPY_VA);
	assert_int_equal(sum.swap, (NR - 1) * fixture.page);
	assert_int_equal(sum.rss, fixture.page);
	assert_int_equal(pt_mm_protect(parent.mm, COPY_VA, NR * fixture.page, PT_MM_READ), 0);
	assert_int_equal(smaps_at(COPY_VA).swap, NR * fixture.page);
	assert_int_equal(mm_load(&fixture, &parent, VA + 5 * fixture.page), 105);
	assert_int_equal(smaps_at(VA).swap, (NR - 1) * fixture.page);
	assert_int_equal(smaps_at(VA).rss, fixture.page);
}

static void copies_go_to_swap_by_themselves(void **state)
{
	uint64_t done;

	(void)state;
	mm_store(&fixture, &parent, COPY_VA, 1);
	assert_int_equal(pt_mm_swap_out(parent.mm, COPY_VA, fixture.page, swap, &done), 0);
	assert_int_equal(done, fixture.page);
	assert_int_equal(mm_soft(&parent, COPY_VA).kind, PT_SOFT_SWAP);
	assert_int_equal(mm_leaf(&parent, VA).level, 0);
	assert_int_equal(pt_mm_swap_out(parent.mm, VA, fixture.page, swap, &done), 0);
	assert_int_equal(done, 4 * fixture.page); /* the folio */
	assert_int_equal(pt_swap_used(swap), 5);
	assert_int_equal(mm_load(&fixture, &parent, COPY_VA), 1);
	assert_int_equal(mm_load(&fixture, &parent, VA), 100);
	mm_verify(&fixture);
}

static void locked_pages_stay(void **state)
{
	uint64_t done;

	(void)state;
	assert_int_equal(mm_load(&fixture, &parent, COPY_VA), 100);
	assert_int_equal(pt_mm_set_flags(parent.mm, COPY_VA, fixture.page, PT_MM_LOCKED, 0), 0);
	assert_int_equal(pt_mm_swap_out(parent.mm, VA, 4 * fixture.page, swap, &done), 0);
	assert_int_equal(done, 0);
	assert_int_equal(pt_mm_set_flags(parent.mm, COPY_VA, fixture.page, 0, PT_MM_LOCKED), 0);
	swap_all();
}

static void marks_of_userfaultfd_stay_in_the_tables(void **state)
{
	uint64_t value = 1;

	(void)state;
	if (!fixture.soft.attr_uffd_wp || !(fixture.soft.markers & PT_SOFT_MARKER_UFFD_WP))
		return;
	assert_int_equal(pt_mm_write_protect(parent.mm, VA + fixture.page, fixture.page, true), 0);
	swap_all();
	assert_true(mm_is_hole(&parent, VA));
	assert_int_equal(mm_soft(&parent, VA + fixture.page).markers, PT_SOFT_MARKER_UFFD_WP);
	assert_int_equal(smaps_at(VA).swap, NR * fixture.page);
	assert_int_equal(mm_access(&fixture, &parent, 0, VA + fixture.page, PT_ACCESS_WRITE,
				   &value),
			 PT_VERDICT_UFFD_WP);
	assert_int_equal(mm_load(&fixture, &parent, VA + fixture.page), 101);
	mm_verify(&fixture);
}

/* Leaves of level 1 too: what goes is the mapping, and nothing has to be split for it. */
static void large_leaves_go_as_a_whole(void **state)
{
	struct pt_file_cfg cfg = {
		.name = "/large",
		.shmem = true,
		.len = fixture.huge,
		.order = fixture.huge_lg2 - fixture.info.granule_lg2,
	};
	const pt_va_t va = UINT64_C(5) << 33;
	struct pt_file *large;
	struct pt_swap *room;
	uint64_t done;

	(void)state;
	if (fixture.huge_lg2 > 25)
		return;
	assert_int_equal(pt_swap_create(&room, fixture.world, 4, fixture.huge / fixture.page + 1),
			 0);
	assert_int_equal(pt_file_create(&large, fixture.world, &cfg), 0);
	mm_map_area(&parent, va, cfg.len, PT_MM_FILE, RW | PT_MM_SHARED, large, 0);
	mm_store(&fixture, &parent, va + 5 * fixture.page, 55);
	assert_int_equal(mm_leaf(&parent, va).level, 1);
	assert_int_equal(pt_mm_swap_out(parent.mm, va, fixture.page, room, &done), 0);
	assert_int_equal(done, fixture.huge);
	assert_true(mm_is_hole(&parent, va));
	mm_verify(&fixture);
	assert_int_equal(mm_load(&fixture, &parent, va + 5 * fixture.page), 55);
	assert_int_equal(mm_leaf(&parent, va + 5 * fixture.page).level, 0);
	assert_int_equal(pt_swap_used(room), fixture.huge / fixture.page - 1);
	assert_int_equal(pt_swap_destroy(room), -EBUSY);
	assert_int_equal(pt_mm_unmap(parent.mm, va, cfg.len), 0);
	pt_file_put(large);
	assert_int_equal(pt_swap_destroy(room), 0);
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(pages_come_back_once_for_all_who_map_them),
	cmocka_unit_test(a_fault_that_reads_swap_is_a_major_one),
	cmocka_unit_test(smaps_tells_what_of_the_file_is_in_swap),
	cmocka_unit_test(copies_go_to_swap_by_themselves),
	cmocka_unit_test(locked_pages_stay),
	cmocka_unit_test(marks_of_userfaultfd_stay_in_the_tables),
	cmocka_unit_test(large_leaves_go_as_a_whole),
};

int main(void)
{
	return MM_RUN_ON_ALL("shmem", bodies);
}
