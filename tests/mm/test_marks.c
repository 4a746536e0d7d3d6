/* SPDX-License-Identifier: MIT */
/* What userfaultfd marks: marks that faults lose, or find where nobody watches any more. */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define OTHER_VA (UINT64_C(4) << 33)
#define HUGE_VA (UINT64_C(5) << 33)
#define ANON_VA (UINT64_C(6) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)
#define NR UINT64_C(16)

static struct mm_fixture fixture;
static struct process parent;
static struct pt_file *file;

/* A file, watched at VA and not watched at OTHER_VA. */
static int setup(void **state)
{
	struct pt_file_cfg cfg = { .name = "/shm", .shmem = true };

	mm_fixture_init(&fixture, *state, 0);
	process_init(&fixture, &parent);
	cfg.len = NR * fixture.page;
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	mm_map_area(&parent, VA, cfg.len, PT_MM_FILE, RW | PT_MM_SHARED | PT_MM_UFFD_WP, file, 0);
	mm_map_area(&parent, OTHER_VA, cfg.len, PT_MM_FILE, RW | PT_MM_SHARED, file, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	process_exit(&fixture, &parent);
	pt_file_put(file);
	mm_fixture_exit(&fixture);
	return 0;
}

static bool has_markers(void)
{
	return fixture.soft.attr_uffd_wp && fixture.soft.markers & PT_SOFT_MARKER_UFFD_WP;
}

static bool is_marker(pt_va_t va)
{
	struct pt_soft soft;

	return !pt_soft_lookup(pt_mm_pgtable(parent.mm), va, &soft, NULL) &&
	       soft.kind == PT_SOFT_MARKER && soft.markers == PT_SOFT_MARKER_UFFD_WP;
}

static bool may_write(pt_va_t va)
{
	return mm_leaf(&parent, va).attr & PT_ATTR_WRITE;
}

static enum pt_mm_verdict store_at(pt_va_t va)
{
	enum pt_mm_verdict verdict = PT_VERDICT_NR;

	assert_int_equal(pt_mm_fault(parent.mm, va, PT_ACCESS_WRITE, &verdict), 0);
	return verdict;
}

static void protect_at(pt_va_t va, uint64_t len)
{
	assert_int_equal(pt_mm_write_protect(parent.mm, va, len, true), 0);
}

static void a_marker_outlives_a_fault_on_a_page_that_moves(void **state)
{
	uint64_t done;

	(void)state;
	if (!has_markers())
		skip();
	mm_store(&fixture, &parent, OTHER_VA, 1);
	protect_at(VA, fixture.page);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, OTHER_VA, fixture.page, &done), 0);
	assert_int_equal(done, fixture.page);
	assert_int_equal(store_at(VA), PT_VERDICT_RETRY);
	assert_true(is_marker(VA));
	assert_int_equal(pt_mm_migrate_end(parent.mm, OTHER_VA, fixture.page, &done), 0);
	assert_int_equal(store_at(VA), PT_VERDICT_MINOR);
	assert_int_equal(store_at(VA), PT_VERDICT_UFFD_WP);
	assert_false(may_write(VA));
	mm_verify(&fixture);
}

static void a_marker_outlives_a_fault_without_memory(void **state)
{
	enum pt_mm_verdict verdict;

	(void)state;
	if (!has_markers())
		skip();
	protect_at(VA, fixture.page);
	pt_account_set_limit(fixture.account, 0);
	assert_int_equal(pt_mm_fault(parent.mm, VA, PT_ACCESS_WRITE, &verdict), -ENOMEM);
	pt_account_set_limit(fixture.account, UINT64_MAX);
	assert_true(is_marker(VA));
	mm_verify(&fixture);
}

static void a_marker_outlives_a_fault_without_a_huge_page(void **state)
{
	const unsigned int contig = fixture.info.contig_lg2[0];
	const unsigned int lg2 = contig ? fixture.info.granule_lg2 + contig : fixture.huge_lg2;
	const struct pt_extent extent = { HUGE_PA, BIT(lg2) };
	struct pt_leaf leaf;

	(void)state;
	if (!has_markers())
		skip();
	mm_map_area(&parent, HUGE_VA, BIT(lg2), PT_MM_HUGETLB, RW | PT_MM_UFFD_WP, NULL, lg2);
	protect_at(HUGE_VA, BIT(lg2));
	assert_int_equal(store_at(HUGE_VA + fixture.page), PT_VERDICT_SIGBUS);
	assert_true(is_marker(HUGE_VA));
	assert_true(is_marker(HUGE_VA + fixture.page));
	assert_int_equal(pt_world_add_huge(fixture.world, lg2, &extent), 0);
	assert_int_equal(store_at(HUGE_VA + fixture.page), PT_VERDICT_MINOR);
	assert_int_equal(store_at(HUGE_VA), PT_VERDICT_UFFD_WP);
	leaf = mm_leaf(&parent, HUGE_VA);
	assert_int_equal(leaf.size_lg2 + leaf.contig_lg2, lg2);
	mm_verify(&fixture);
}

/* A file's own page is one that a private area copies: that may be refused too. */
static void a_marker_outlives_a_copy_without_memory(void **state)
{
	const pt_va_t va = HUGE_VA;
	enum pt_mm_verdict verdict;
	struct pt_account_stats stats;

	(void)state;
	if (!has_markers())
		skip();
	mm_store(&fixture, &parent, OTHER_VA, 7);
	mm_map_area(&parent, va, NR * fixture.page, PT_MM_FILE, RW | PT_MM_UFFD_WP, file, 0);
	protect_at(va, fixture.page);
	pt_account_stats(fixture.account, &stats);
	pt_account_set_limit(fixture.account, stats.held);
	assert_int_equal(pt_mm_fault(parent.mm, va, PT_ACCESS_WRITE, &verdict), -ENOMEM);
	pt_account_set_limit(fixture.account, UINT64_MAX);
	assert_true(is_marker(va));
	assert_int_equal(mm_load(&fixture, &parent, va), 7);
	assert_int_equal(store_at(va), PT_VERDICT_UFFD_WP);
	mm_verify(&fixture);
}

static void a_write_protect_that_is_refused_marks_nothing(void **state)
{
	const uint64_t half = 4 * fixture.page;
	struct pt_account_stats stats;
	const pt_va_t va = ANON_VA - half;

	(void)state;
	if (!has_markers())
		skip();
	mm_map_area(&parent, va, half, PT_MM_ANON, RW | PT_MM_UFFD_WP, NULL, 0);
	mm_map_area(&parent, ANON_VA, half, PT_MM_FILE, RW | PT_MM_SHARED | PT_MM_UFFD_WP, file, 0);
	mm_store(&fixture, &parent, va, 5);
	pt_account_stats(fixture.account, &stats);
	pt_account_set_limit(fixture.account, stats.held);
	assert_int_equal(pt_mm_write_protect(parent.mm, va, 2 * half, true), -ENOMEM);
	pt_account_set_limit(fixture.account, UINT64_MAX);
	assert_true(may_write(va));
	assert_true(mm_is_hole(&parent, ANON_VA));
	protect_at(va, 2 * half);
	assert_false(may_write(va));
	assert_true(is_marker(ANON_VA));
	mm_verify(&fixture);
}

/* Tables for holes of hugetlb are made first too: none for the top one, which is always there. */
static void holes_of_hugetlb_are_marked_or_refused(void **state)
{
	const bool low = fixture.info.nr_levels > 2;
	/* The first of its table, if that is not the top one. */
	const pt_va_t huge = low ? BIT(fixture.info.leaf_lg2[2]) : HUGE_VA;
	const pt_va_t va = huge - fixture.page;
	struct pt_account_stats stats;

	(void)state;
	if (!has_markers())
		skip();
	mm_map_area(&parent, va, fixture.page, PT_MM_ANON, RW | PT_MM_UFFD_WP, NULL, 0);
	mm_map_area(&parent, huge, fixture.huge, PT_MM_HUGETLB, RW | PT_MM_UFFD_WP, NULL,
		    fixture.huge_lg2);
	mm_store(&fixture, &parent, va, 5);
	pt_account_stats(fixture.account, &stats);
	pt_account_set_limit(fixture.account, stats.held);
	if (low) {
		assert_int_equal(pt_mm_write_protect(parent.mm, va, fixture.page + fixture.huge,
						     true),
				 -ENOMEM);
		assert_true(may_write(va));
		assert_true(mm_is_hole(&parent, huge));
		pt_account_set_limit(fixture.account, UINT64_MAX);
	}
	protect_at(va, fixture.page + fixture.huge);
	pt_account_set_limit(fixture.account, UINT64_MAX);
	assert_false(may_write(va));
	assert_true(is_marker(huge));
	mm_verify(&fixture);
}

/* Stores were allowed, and the mark stayed. */
static void a_mark_that_nobody_watches_goes_with_a_store(void **state)
{
	struct pt_swap *swap;
	uint64_t done;

	(void)state;
	if (!fixture.soft.attr_uffd_wp)
		skip();
	assert_int_equal(pt_swap_create(&swap, fixture.world, 3, 64), 0);
	mm_map_area(&parent, ANON_VA, 2 * fixture.page, PT_MM_ANON, RW | PT_MM_UFFD_WP, NULL, 0);
	mm_store(&fixture, &parent, ANON_VA, 1);
	mm_store(&fixture, &parent, ANON_VA + fixture.page, 1);
	protect_at(ANON_VA, 2 * fixture.page);
	assert_int_equal(
		pt_mm_swap_out(parent.mm, ANON_VA + fixture.page, fixture.page, swap, &done), 0);
	assert_int_equal(done, fixture.page);
	assert_int_equal(pt_mm_set_flags(parent.mm, ANON_VA, 2 * fixture.page, 0, PT_MM_UFFD_WP),
			 0);
	assert_int_equal(store_at(ANON_VA), PT_VERDICT_MINOR);
	assert_true(may_write(ANON_VA));
	assert_false(mm_leaf(&parent, ANON_VA).attr & fixture.soft.attr_uffd_wp);
	mm_verify(&fixture);
	assert_int_equal(store_at(ANON_VA + fixture.page), PT_VERDICT_MAJOR);
	assert_true(may_write(ANON_VA + fixture.page));
	mm_verify(&fixture);
	assert_int_equal(pt_mm_unmap(parent.mm, ANON_VA, 2 * fixture.page), 0);
	assert_int_equal(pt_swap_destroy(swap), 0);
}

static void a_marker_that_nobody_watches_is_a_hole(void **state)
{
	(void)state;
	if (!has_markers())
		skip();
	protect_at(VA, fixture.page);
	assert_int_equal(pt_mm_set_flags(parent.mm, VA, NR * fixture.page, 0, PT_MM_UFFD_WP), 0);
	assert_int_equal(store_at(VA), PT_VERDICT_MINOR);
	assert_true(may_write(VA));
	mm_verify(&fixture);
}

/* Pages of a driver in an area that is only read: they were put there to be written, and dirty. */
static void drivers_areas_that_are_only_read_have_no_page_to_write(void **state)
{
	enum pt_mm_verdict verdict;

	(void)state;
	mm_map_area(&parent, ANON_VA, 4 * fixture.page, PT_MM_MIXEDMAP, PT_MM_READ, NULL, 0);
	assert_int_equal(pt_mm_populate(parent.mm, ANON_VA, fixture.page, 0, NULL), 0);
	assert_int_equal(pt_mm_fault(parent.mm, ANON_VA + fixture.page, PT_ACCESS_READ, &verdict),
			 0);
	assert_int_equal(verdict, PT_VERDICT_MINOR);
	for (unsigned int i = 0; i < 2; i++)
		assert_false(mm_leaf(&parent, ANON_VA + i * fixture.page).attr &
			     (PT_ATTR_WRITE | PT_ATTR_DIRTY | fixture.soft.attr_dirty));
	mm_verify(&fixture);
}

static struct pt_mm_page page_of(pt_pa_t pa)
{
	struct pt_mm_page page;

	assert_int_equal(pt_world_page(fixture.world, pa, &page), 0);
	return page;
}

/*
 * A page that was written must be written back before it can go, also when its leaf, which said
 * so, is another's by then: where it moves to, and what comes back from swap, which forgets it.
 */
static void a_written_page_stays_dirty_wherever_it_goes(void **state)
{
	static const pt_va_t places[] = { ANON_VA, OTHER_VA };
	struct pt_swap *swap;
	uint64_t done;
	pt_pa_t pa;

	(void)state;
	assert_int_equal(pt_swap_create(&swap, fixture.world, 1, 64), 0);
	mm_map_area(&parent, ANON_VA, 4 * fixture.page, PT_MM_ANON, RW, NULL, 0);
	for (size_t i = 0; i < 2; i++) {
		const pt_va_t va = places[i];

		mm_store(&fixture, &parent, va, 1);
		pa = mm_leaf(&parent, va).pa;
		assert_int_equal(pt_mm_migrate_begin(parent.mm, va, fixture.page, NULL), 0);
		assert_true(page_of(pa).dirty);
		assert_int_equal(pt_mm_migrate_end(parent.mm, va, fixture.page, NULL), 0);
		assert_int_not_equal(mm_leaf(&parent, va).pa, pa);
		assert_true(page_of(mm_leaf(&parent, va).pa).dirty);
		assert_int_equal(pt_mm_swap_out(parent.mm, va, fixture.page, swap, &done), 0);
		assert_int_equal(done, fixture.page);
		assert_int_equal(mm_load(&fixture, &parent, va), 1);
		assert_true(page_of(mm_leaf(&parent, va).pa).dirty);
		mm_verify(&fixture);
	}
	if (!pt_mm_to_device(parent.mm, ANON_VA, fixture.page, &done)) {
		assert_int_equal(done, fixture.page);
		assert_true(page_of(mm_soft(&parent, ANON_VA).pfn * fixture.page).dirty);
	}
	assert_int_equal(pt_mm_unmap(parent.mm, ANON_VA, 4 * fixture.page), 0);
	assert_int_equal(pt_mm_unmap(parent.mm, OTHER_VA, NR * fixture.page), 0);
	assert_int_equal(pt_swap_destroy(swap), 0);
	mm_verify(&fixture);
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(a_marker_outlives_a_fault_on_a_page_that_moves),
	cmocka_unit_test(a_marker_outlives_a_fault_without_memory),
	cmocka_unit_test(a_marker_outlives_a_fault_without_a_huge_page),
	cmocka_unit_test(a_marker_outlives_a_copy_without_memory),
	cmocka_unit_test(a_write_protect_that_is_refused_marks_nothing),
	cmocka_unit_test(holes_of_hugetlb_are_marked_or_refused),
	cmocka_unit_test(a_mark_that_nobody_watches_goes_with_a_store),
	cmocka_unit_test(a_marker_that_nobody_watches_is_a_hole),
	cmocka_unit_test(drivers_areas_that_are_only_read_have_no_page_to_write),
	cmocka_unit_test(a_written_page_stays_dirty_wherever_it_goes),
};

int main(void)
{
	return MM_RUN_ON_ALL("marks", bodies);
}
