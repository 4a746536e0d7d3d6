/* SPDX-License-Identifier: MIT */
/* What faults answer and leave, and what calls leave for the next fault to be told of. */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define OTHER_VA (UINT64_C(4) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)
#define NR UINT64_C(16)

static struct mm_fixture fixture;
static struct process parent, child;
static struct pt_swap *swap;

static int setup(void **state)
{
	mm_begin(&fixture, *state, &parent, &swap, 100);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mm_end(&fixture, &parent, swap);
	return 0;
}

static enum pt_mm_verdict fault_at(pt_va_t va, enum pt_access_kind kind)
{
	enum pt_mm_verdict verdict = PT_VERDICT_NR;

	assert_int_equal(pt_mm_fault(parent.mm, va, kind, &verdict), 0);
	return verdict;
}

static pt_attr_t attr_at(pt_va_t va)
{
	return mm_leaf(&parent, va).attr;
}

static struct pt_mm_page facts_at(pt_va_t va)
{
	struct pt_mm_page page;

	assert_int_equal(pt_world_page(fixture.world, mm_leaf(&parent, va).pa, &page), 0);
	return page;
}

static struct pt_file *map_file(pt_va_t va, unsigned int flags)
{
	struct pt_file_cfg cfg = { .name = "/f", .len = NR * fixture.page };
	struct pt_file *file;

	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	mm_map_area(&parent, va, cfg.len, PT_MM_FILE, flags, file, 0);
	return file;
}

static void map_anon(unsigned int flags)
{
	mm_map_area(&parent, VA, NR * fixture.page, PT_MM_ANON, flags, NULL, 0);
}

/* A disk is read for what a file has there; new pages of a pool are zeroes. */
static void a_files_page_is_major_and_hugetlbs_is_not(void **state)
{
	const struct pt_extent extent = { HUGE_PA, fixture.huge };
	struct pt_file_cfg cfg = {
		.name = "/huge", .len = fixture.huge, .page_lg2 = fixture.huge_lg2
	};
	struct pt_file *file = map_file(VA, RW | PT_MM_SHARED), *huge;

	(void)state;
	assert_int_equal(fault_at(VA, PT_ACCESS_READ), PT_VERDICT_MAJOR);
	assert_int_equal(pt_mm_zap(parent.mm, VA, fixture.page), 0);
	assert_int_equal(fault_at(VA, PT_ACCESS_READ), PT_VERDICT_MINOR);
	assert_int_equal(pt_world_add_huge(fixture.world, fixture.huge_lg2, &extent), 0);
	assert_int_equal(pt_file_create(&huge, fixture.world, &cfg), 0);
	mm_map_area(&parent, OTHER_VA, fixture.huge, PT_MM_HUGETLB, RW | PT_MM_SHARED, huge,
		    fixture.huge_lg2);
	assert_int_equal(fault_at(OTHER_VA, PT_ACCESS_READ), PT_VERDICT_MINOR);
	pt_file_put(huge);
	pt_file_put(file);
}

/* Private hugetlb becomes writable when it is stored to, not before. */
static void private_hugetlb_that_is_read_is_not_writable(void **state)
{
	const struct pt_extent extent = { HUGE_PA, fixture.huge };

	(void)state;
	assert_int_equal(pt_world_add_huge(fixture.world, fixture.huge_lg2, &extent), 0);
	mm_map_area(&parent, VA, fixture.huge, PT_MM_HUGETLB, RW, NULL, fixture.huge_lg2);
	assert_int_equal(fault_at(VA, PT_ACCESS_READ), PT_VERDICT_MINOR);
	assert_false(attr_at(VA) & PT_ATTR_WRITE);
	assert_int_equal(fault_at(VA, PT_ACCESS_WRITE), PT_VERDICT_MINOR);
	assert_true(attr_at(VA) & PT_ATTR_WRITE);
}

/* By the fault that maps it, and by the one that lets it be written. */
static void a_store_to_a_shared_page_makes_the_file_dirty(void **state)
{
	struct pt_file *file = map_file(VA, RW | PT_MM_SHARED);

	(void)state;
	assert_int_equal(fault_at(VA, PT_ACCESS_WRITE), PT_VERDICT_MAJOR);
	assert_true(facts_at(VA).dirty);
	assert_int_equal(fault_at(VA + fixture.page, PT_ACCESS_READ), PT_VERDICT_MAJOR);
	assert_false(facts_at(VA + fixture.page).dirty);
	assert_int_equal(fault_at(VA + fixture.page, PT_ACCESS_WRITE), PT_VERDICT_MINOR);
	assert_true(facts_at(VA + fixture.page).dirty);
	pt_file_put(file);
}

/* clear_refs "4": what is written from then on is told. */
static void a_store_after_clear_refs_marks_its_page(void **state)
{
	const pt_attr_t mark = fixture.soft.attr_soft_dirty;

	(void)state;
	if (!mark)
		skip();
	map_anon(RW);
	mm_store(&fixture, &parent, VA, 1);
	assert_int_equal(pt_mm_clear_refs(parent.mm, PT_MM_CLEAR_SOFT_DIRTY), 0);
	assert_false(attr_at(VA) & mark);
	/* rights that go and come do not hide the next store */
	assert_int_equal(pt_mm_protect(parent.mm, VA, fixture.page, PT_MM_READ), 0);
	assert_int_equal(pt_mm_protect(parent.mm, VA, fixture.page, RW), 0);
	assert_false(attr_at(VA) & PT_ATTR_WRITE);
	mm_store(&fixture, &parent, VA, 2);
	assert_true(attr_at(VA) & mark);
	/* those of a page that was written do not ask again */
	assert_int_equal(pt_mm_protect(parent.mm, VA, fixture.page, PT_MM_READ), 0);
	assert_int_equal(pt_mm_protect(parent.mm, VA, fixture.page, RW), 0);
	assert_true(attr_at(VA) & PT_ATTR_WRITE);
}

/* mm_change.h: writable at once are dirty pages, ours alone or the file's; and no marked ones. */
static void mprotect_lets_no_store_pass_that_is_to_be_told_of(void **state)
{
	struct pt_file *file = map_file(OTHER_VA, RW | PT_MM_SHARED);

	(void)state;
	assert_int_equal(fault_at(OTHER_VA, PT_ACCESS_READ), PT_VERDICT_MAJOR);
	assert_int_equal(pt_mm_protect(parent.mm, OTHER_VA, fixture.page, PT_MM_READ), 0);
	assert_int_equal(pt_mm_protect(parent.mm, OTHER_VA, fixture.page, RW), 0);
	assert_false(attr_at(OTHER_VA) & PT_ATTR_WRITE); /* clean */
	pt_file_put(file);
	if (!fixture.soft.attr_uffd_wp)
		skip();
	map_anon(RW | PT_MM_UFFD_WP);
	mm_store(&fixture, &parent, VA, 1);
	assert_int_equal(pt_mm_write_protect(parent.mm, VA, fixture.page, true), 0);
	assert_int_equal(pt_mm_protect(parent.mm, VA, fixture.page, PT_MM_READ), 0);
	assert_int_equal(pt_mm_protect(parent.mm, VA, fixture.page, RW), 0);
	assert_false(attr_at(VA) & PT_ATTR_WRITE);
	assert_int_equal(fault_at(VA, PT_ACCESS_WRITE), PT_VERDICT_UFFD_WP);
}

/* A right that went while a page moved is not there when it has. */
static void a_page_that_moves_forgets_a_right_that_goes(void **state)
{
	uint64_t done;

	(void)state;
	map_anon(RW);
	mm_store(&fixture, &parent, VA, 1);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, VA, fixture.page, &done), 0);
	assert_int_equal(mm_soft(&parent, VA).kind, PT_SOFT_MIGRATION_WRITE);
	assert_int_equal(pt_mm_protect(parent.mm, VA, fixture.page, PT_MM_READ), 0);
	assert_int_equal(mm_soft(&parent, VA).kind, PT_SOFT_MIGRATION_READ_EXCLUSIVE);
	assert_int_equal(pt_mm_migrate_end(parent.mm, VA, fixture.page, &done), 0);
	assert_false(attr_at(VA) & PT_ATTR_WRITE);
	assert_true(facts_at(VA).exclusive);
}

/* Rights say nothing of who else has the page. */
static void a_page_in_swap_stays_ours_alone_through_mprotect(void **state)
{
	uint64_t done;

	(void)state;
	if (!fixture.soft.exclusive)
		skip();
	map_anon(RW);
	mm_store(&fixture, &parent, VA, 1);
	assert_int_equal(pt_mm_swap_out(parent.mm, VA, fixture.page, swap, &done), 0);
	assert_int_equal(done, fixture.page);
	assert_true(mm_soft(&parent, VA).flags & PT_SOFT_EXCLUSIVE);
	assert_int_equal(pt_mm_protect(parent.mm, VA, fixture.page, PT_MM_READ), 0);
	assert_true(mm_soft(&parent, VA).flags & PT_SOFT_EXCLUSIVE);
}

/* It was not spurious: something was done. And nothing is hinted at of what others have too. */
static void a_hint_that_is_taken_away_is_a_minor_fault(void **state)
{
	struct pt_file *file = map_file(OTHER_VA, RW | PT_MM_SHARED);

	(void)state;
	map_anon(RW);
	mm_store(&fixture, &parent, VA, 1);
	mm_store(&fixture, &parent, OTHER_VA, 1);
	assert_int_equal(pt_mm_numa_hint(parent.mm, VA, fixture.page), 0);
	assert_int_equal(mm_soft(&parent, VA).kind, PT_SOFT_PROT_NONE);
	assert_int_equal(fault_at(VA, PT_ACCESS_READ), PT_VERDICT_MINOR);
	assert_int_equal(fault_at(VA, PT_ACCESS_READ), PT_VERDICT_SPURIOUS);
	assert_int_equal(pt_mm_numa_hint(parent.mm, OTHER_VA, fixture.page), 0);
	assert_true(attr_at(OTHER_VA) & PT_ATTR_WRITE);
	pt_file_put(file);
}

/* mm_fault.h: SIGBUS where there is no frame to copy from. */
static void a_frame_outside_memory_is_not_copied(void **state)
{
	const pt_pa_t outside = 2 * MEMORY_LEN;

	(void)state;
	mm_map_area(&parent, VA, 2 * fixture.page, PT_MM_PFNMAP, RW, NULL, 0);
	assert_int_equal(pt_mm_insert_pfn(parent.mm, VA, fixture.page, outside), 0);
	assert_int_equal(fault_at(VA, PT_ACCESS_WRITE), PT_VERDICT_SIGBUS);
	assert_int_equal(mm_leaf(&parent, VA).pa, outside);
	/* nor beyond the area, whatever stands there */
	mm_map_area(&parent, VA + 2 * fixture.page, fixture.page, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(pt_mm_insert_pfn(parent.mm, VA + fixture.page, 2 * fixture.page, 0),
			 -EINVAL);
	assert_true(mm_is_hole(&parent, VA + fixture.page));
}

/* A copy in a driver's area is an anonymous page as any other: reused when it is ours alone. */
static void a_copy_in_mixedmap_is_ours_again_when_the_child_goes(void **state)
{
	(void)state;
	mm_map_area(&parent, VA, fixture.page, PT_MM_MIXEDMAP, RW, NULL, 0);
	assert_int_equal(pt_mm_insert_pfn(parent.mm, VA, fixture.page, HUGE_PA), 0);
	mm_store(&fixture, &parent, VA, 1);
	assert_true(facts_at(VA).anon && facts_at(VA).exclusive);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_false(facts_at(VA).exclusive);
	process_exit(&fixture, &child);
	mm_store(&fixture, &parent, VA, 2);
	assert_true(facts_at(VA).exclusive);
}

/* mm_fault.h: -EINVAL for a second stage's; cache maintenance is no write, whatever WnR says. */
static void hardware_may_report_what_is_no_store_of_ours(void **state)
{
	struct pt_fault fault = { .kind = PT_FAULT_DATA_ABORT, .stage = 2, .va = VA };
	enum pt_mm_verdict verdict = PT_VERDICT_NR;

	(void)state;
	map_anon(PT_MM_READ);
	if (fixture.fmt.fmt == PT_FMT_X86_64)
		fault.kind = PT_FAULT_PF;
	assert_int_equal(pt_mm_fault_hw(parent.mm, &fault, &verdict), -EINVAL);
	assert_int_equal(verdict, PT_VERDICT_NR);
	fault.stage = 1;
	assert_int_equal(pt_mm_fault_hw(parent.mm, &fault, &verdict), 0);
	assert_int_equal(verdict, PT_VERDICT_MINOR);
	if (fault.kind == PT_FAULT_PF)
		return;
	fault.code = BIT(6); /* WnR */
	assert_int_equal(pt_mm_fault_hw(parent.mm, &fault, &verdict), 0);
	assert_int_equal(verdict, PT_VERDICT_SEGV_ACCERR);
	fault.code |= BIT(8); /* CM */
	assert_int_equal(pt_mm_fault_hw(parent.mm, &fault, &verdict), 0);
	assert_int_equal(verdict, PT_VERDICT_SPURIOUS);
}

/* Who was watched and is no more has nothing left to be told: MADV_DONTNEED takes markers too. */
static void markers_of_an_area_that_nobody_watches_go(void **state)
{
	struct pt_file *file;

	(void)state;
	if (!fixture.soft.attr_uffd_wp || !(fixture.soft.markers & PT_SOFT_MARKER_UFFD_WP))
		skip();
	file = map_file(VA, RW | PT_MM_SHARED | PT_MM_UFFD_WP);
	assert_int_equal(pt_mm_write_protect(parent.mm, VA, 2 * fixture.page, true), 0);
	assert_int_equal(pt_mm_zap(parent.mm, VA, fixture.page), 0);
	assert_int_equal(mm_soft(&parent, VA).kind, PT_SOFT_MARKER);
	assert_int_equal(pt_mm_set_flags(parent.mm, VA, NR * fixture.page, 0, PT_MM_UFFD_WP), 0);
	assert_int_equal(pt_mm_zap(parent.mm, VA, fixture.page), 0);
	assert_true(mm_is_hole(&parent, VA));
	assert_int_equal(mm_soft(&parent, VA + fixture.page).kind, PT_SOFT_MARKER);
	pt_file_put(file);
}

/* mm_area.h: no leaf is of two areas. */
static void flags_of_half_a_leaf_split_it(void **state)
{
	(void)state;
	if (fixture.huge_lg2 > 25)
		skip(); /* 512M are much to clear */
	mm_map_area(&parent, VA, fixture.huge, PT_MM_ANON, RW | PT_MM_HUGEPAGE, NULL, 0);
	mm_store(&fixture, &parent, VA, 1);
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
	assert_int_equal(pt_mm_set_flags(parent.mm, VA, fixture.huge / 2, PT_MM_LOCKED, 0), 0);
	assert_int_equal(mm_leaf(&parent, VA).level, 0);
	mm_verify(&fixture);
}

/* Linux 6.15, kernel/fork.c, dup_mmap(): a child has none of its pages locked. */
static void a_childs_areas_are_not_locked(void **state)
{
	const uint64_t half = NR / 2 * fixture.page;

	(void)state;
	map_anon(RW);
	assert_int_equal(pt_mm_set_flags(parent.mm, VA, half, PT_MM_LOCKED, 0), 0);
	assert_int_equal(pt_mm_nr_areas(parent.mm), 2);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	/* alike without it, and so one */
	assert_int_equal(pt_mm_nr_areas(child.mm), 1);
	assert_false(pt_mm_area(child.mm, 0)->flags & PT_MM_LOCKED);
	assert_true(pt_mm_area(parent.mm, 0)->flags & PT_MM_LOCKED);
	process_exit(&fixture, &child);
}

/* mm_change.h: of shared frames a child's leaves of level 0 are clean, larger ones as they are. */
static void a_childs_large_frames_are_as_dirty_as_the_parents(void **state)
{
	(void)state;
	mm_map_area(&parent, VA, fixture.huge + fixture.page, PT_MM_PFNMAP, RW | PT_MM_SHARED, NULL,
		    0);
	assert_int_equal(pt_mm_insert_pfn(parent.mm, VA, fixture.huge + fixture.page, HUGE_PA), 0);
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
	assert_true(attr_at(VA) & attr_at(VA + fixture.huge) &
		    (PT_ATTR_DIRTY | fixture.soft.attr_dirty));
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(mm_leaf(&child, VA).level, 1);
	assert_true(mm_leaf(&child, VA).attr & (PT_ATTR_DIRTY | fixture.soft.attr_dirty));
	assert_int_equal(mm_leaf(&child, VA + fixture.huge).level, 0);
	assert_false(mm_leaf(&child, VA + fixture.huge).attr & fixture.soft.attr_dirty);
	process_exit(&fixture, &child);
}

/* Of MIXEDMAP a fork copies all, whether it has pages of its own or not. */
static void a_childs_mixedmap_has_the_frames(void **state)
{
	(void)state;
	mm_map_area(&parent, VA, fixture.page, PT_MM_MIXEDMAP, RW | PT_MM_SHARED, NULL, 0);
	assert_int_equal(pt_mm_insert_pfn(parent.mm, VA, fixture.page, HUGE_PA), 0);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(mm_leaf(&child, VA).pa, HUGE_PA);
	process_exit(&fixture, &child);
}

/* A folio holds pages of the file alone, and behind its last page there is nothing. */
static void nothing_is_brought_in_from_beyond_a_file(void **state)
{
	struct pt_file_cfg cfg = { .name = "/f", .len = 3 * fixture.page, .order = 2 };
	struct pt_file *file;

	(void)state;
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	mm_map_area(&parent, VA, NR * fixture.page, PT_MM_FILE, RW | PT_MM_SHARED, file, 0);
	assert_int_equal(fault_at(VA, PT_ACCESS_READ), PT_VERDICT_MAJOR);
	assert_true(facts_at(VA).order < 2);
	assert_int_equal(fault_at(VA + 2 * fixture.page, PT_ACCESS_READ), PT_VERDICT_MAJOR);
	assert_int_equal(facts_at(VA + 2 * fixture.page).order, 0);
	assert_int_equal(fault_at(VA + 3 * fixture.page, PT_ACCESS_READ), PT_VERDICT_SIGBUS);
	assert_true(mm_is_hole(&parent, VA + 3 * fixture.page));
	pt_file_put(file);
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(a_files_page_is_major_and_hugetlbs_is_not),
	cmocka_unit_test(private_hugetlb_that_is_read_is_not_writable),
	cmocka_unit_test(a_store_to_a_shared_page_makes_the_file_dirty),
	cmocka_unit_test(a_store_after_clear_refs_marks_its_page),
	cmocka_unit_test(mprotect_lets_no_store_pass_that_is_to_be_told_of),
	cmocka_unit_test(a_page_that_moves_forgets_a_right_that_goes),
	cmocka_unit_test(a_page_in_swap_stays_ours_alone_through_mprotect),
	cmocka_unit_test(a_hint_that_is_taken_away_is_a_minor_fault),
	cmocka_unit_test(a_frame_outside_memory_is_not_copied),
	cmocka_unit_test(a_copy_in_mixedmap_is_ours_again_when_the_child_goes),
	cmocka_unit_test(hardware_may_report_what_is_no_store_of_ours),
	cmocka_unit_test(markers_of_an_area_that_nobody_watches_go),
	cmocka_unit_test(flags_of_half_a_leaf_split_it),
	cmocka_unit_test(a_childs_areas_are_not_locked),
	cmocka_unit_test(a_childs_mixedmap_has_the_frames),
	cmocka_unit_test(nothing_is_brought_in_from_beyond_a_file),
	cmocka_unit_test(a_childs_large_frames_are_as_dirty_as_the_parents),
};

int main(void)
{
	return MM_RUN_ON_ALL("faults", bodies);
}
