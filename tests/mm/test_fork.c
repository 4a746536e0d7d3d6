/* SPDX-License-Identifier: MIT */
/* Which areas fork() copies, and what of them. Source: Linux 6.15, mm/memory.c. */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)
#define NR 8 /* pages of an area */

static struct mm_fixture fixture;
static struct process parent, child;
static struct pt_swap *swap;
static struct pt_file *file;

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

static pt_va_t page_at(unsigned int i)
{
	return VA + i * fixture.page;
}

/* An area of a file of shmem if @shmem, of pages of @order. */
static void map_file(unsigned int flags, unsigned int order, bool shmem)
{
	const uint64_t len = (uint64_t)NR << order;
	const struct pt_file_cfg cfg = {
		.name = "/f", .len = len * fixture.page, .order = order, .shmem = shmem
	};

	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	mm_map_area(&parent, VA, cfg.len, PT_MM_FILE, flags, file, 0);
	pt_file_put(file);
}

static void map_anon(void)
{
	mm_map_area(&parent, VA, NR * fixture.page, PT_MM_ANON, RW, NULL, 0);
}

static void fork_it(void)
{
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	mm_verify(&fixture);
}

static void end_child(void)
{
	mm_verify(&fixture);
	process_exit(&fixture, &child);
}

/* What UFFDIO_POISON leaves in a hole. */
static void put_poisoned(unsigned int i)
{
	const struct pt_soft soft = { .kind = PT_SOFT_MARKER, .markers = PT_SOFT_MARKER_POISONED };
	struct pt_change change = { .flags = 0 };

	assert_int_equal(pt_soft_set(pt_mm_pgtable(parent.mm), page_at(i), fixture.page, 0, &soft,
				     &change),
			 0);
}

static bool has_guards(void)
{
	return fixture.soft.markers & PT_SOFT_MARKER_GUARD;
}

static void poison_of_shared_areas_is_not_the_childs(void **state)
{
	(void)state;
	map_file(RW | PT_MM_SHARED, 0, false);
	mm_store(&fixture, &parent, page_at(0), 1);
	mm_store(&fixture, &parent, page_at(1), 2);
	assert_int_equal(pt_mm_poison(parent.mm, page_at(1)), 0);
	put_poisoned(2);
	fork_it();
	for (unsigned int i = 0; i < NR; i++)
		assert_true(mm_is_hole(&child, page_at(i)));
	assert_int_equal(mm_load(&fixture, &child, page_at(0)), 1);
	assert_int_equal(mm_load(&fixture, &child, page_at(1)), 0);
	assert_int_equal(mm_load(&fixture, &child, page_at(2)), 0);
	assert_int_equal(mm_soft(&parent, page_at(1)).kind, PT_SOFT_HWPOISON);
	assert_int_equal(mm_soft(&parent, page_at(2)).kind, PT_SOFT_MARKER);
	end_child();
}

static void poison_of_private_areas_is(void **state)
{
	(void)state;
	map_anon();
	mm_store(&fixture, &parent, page_at(0), 1);
	assert_int_equal(pt_mm_poison(parent.mm, page_at(0)), 0);
	fork_it();
	assert_int_equal(mm_soft(&child, page_at(0)).kind, PT_SOFT_HWPOISON);
	end_child();
	assert_int_equal(pt_mm_zap(parent.mm, VA, NR * fixture.page), 0);
	put_poisoned(2);
	fork_it();
	assert_int_equal(mm_soft(&child, page_at(2)).markers, PT_SOFT_MARKER_POISONED);
	end_child();
}

/* A guard gives an area its anon_vma. */
static void a_guard_has_a_shared_area_copied_as_a_whole(void **state)
{
	struct pt_leaf leaf;

	(void)state;
	if (!has_guards())
		return;
	map_file(RW | PT_MM_SHARED, 0, true);
	mm_store(&fixture, &parent, page_at(0), 1);
	mm_load(&fixture, &parent, page_at(1));
	put_poisoned(2);
	assert_int_equal(pt_mm_guard(parent.mm, page_at(3), fixture.page, true), 0);
	fork_it();
	leaf = mm_leaf(&child, page_at(0));
	assert_int_equal(leaf.pa, mm_leaf(&parent, page_at(0)).pa);
	assert_false(leaf.attr & (PT_ATTR_DIRTY | PT_ATTR_ACCESSED | fixture.soft.attr_dirty));
	/* x86 may store to what is clean, and so may whose hardware marks it. */
	assert_int_equal(!!(leaf.attr & PT_ATTR_WRITE),
			 !fixture.soft.attr_dirty || fixture.info.dirty_is_write);
	assert_true(mm_leaf(&parent, page_at(0)).attr & PT_ATTR_WRITE);
	assert_int_equal(mm_leaf(&child, page_at(1)).pa, mm_leaf(&parent, page_at(1)).pa);
	assert_int_equal(mm_soft(&child, page_at(2)).markers, PT_SOFT_MARKER_POISONED);
	assert_int_equal(mm_soft(&child, page_at(3)).markers, PT_SOFT_MARKER_GUARD);
	assert_true(mm_is_hole(&child, page_at(4)));
	mm_store(&fixture, &child, page_at(0), 5);
	assert_int_equal(mm_load(&fixture, &parent, page_at(0)), 5);
	end_child();
	/* Without it, nothing of it is. */
	assert_int_equal(pt_mm_guard(parent.mm, page_at(3), fixture.page, false), 0);
	fork_it();
	for (unsigned int i = 0; i < NR; i++)
		assert_true(mm_is_hole(&child, page_at(i)));
	end_child();
}

/* Such as a program's text. */
static void files_are_copied_once_a_page_is_the_areas_own(void **state)
{
	(void)state;
	map_file(RW, 0, false);
	mm_load(&fixture, &parent, page_at(0));
	mm_load(&fixture, &parent, page_at(1));
	fork_it();
	assert_true(mm_is_hole(&child, page_at(0)));
	assert_true(mm_is_hole(&child, page_at(1)));
	assert_int_equal(mm_load(&fixture, &child, page_at(1)), 0);
	end_child();
	mm_store(&fixture, &parent, page_at(1), 1);
	fork_it();
	assert_int_equal(mm_leaf(&child, page_at(0)).pa, mm_leaf(&parent, page_at(0)).pa);
	assert_int_equal(mm_leaf(&child, page_at(1)).pa, mm_leaf(&parent, page_at(1)).pa);
	assert_false(mm_leaf(&parent, page_at(1)).attr & PT_ATTR_WRITE);
	end_child();
}

static void the_zero_page_is_not_copied_alone(void **state)
{
	(void)state;
	map_anon();
	mm_load(&fixture, &parent, page_at(0));
	fork_it();
	assert_true(mm_is_hole(&child, page_at(0)));
	end_child();
	mm_store(&fixture, &parent, page_at(1), 1);
	fork_it();
	assert_int_equal(mm_leaf(&child, page_at(0)).pa, pt_world_zero_page(fixture.world));
	assert_int_equal(mm_load(&fixture, &child, page_at(1)), 1);
	end_child();
}

/* copy_huge_pmd(): of files a fault maps them again. */
static void huge_leaves_of_files_are_faulted_in(void **state)
{
	const unsigned int order = fixture.huge_lg2 - fixture.info.granule_lg2;

	(void)state;
	if (fixture.huge_lg2 > 21)
		return; /* copies of it would be all that this does */
	map_file(RW, order, true);
	mm_load(&fixture, &parent, VA);
	mm_load(&fixture, &parent, VA + fixture.huge);
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
	mm_store(&fixture, &parent, VA + fixture.huge + fixture.page, 1);
	assert_int_equal(mm_load(&fixture, &parent, VA + fixture.huge), 0);
	assert_int_equal(mm_leaf(&parent, VA + fixture.huge).level, 0);
	fork_it();
	assert_true(mm_is_hole(&child, VA));
	assert_int_equal(mm_leaf(&child, VA + fixture.huge).pa,
			 mm_leaf(&parent, VA + fixture.huge).pa);
	assert_int_equal(mm_load(&fixture, &child, VA + fixture.huge + fixture.page), 1);
	assert_int_equal(mm_load(&fixture, &child, VA), 0);
	end_child();
}

/* An area all of whose own pages are somewhere else has them all the same. */
static void words_for_own_pages_are_copied(void **state)
{
	uint64_t done;

	(void)state;
	map_anon();
	mm_store(&fixture, &parent, page_at(0), 1);
	assert_int_equal(pt_mm_swap_out(parent.mm, VA, fixture.page, swap, NULL), 0);
	fork_it();
	assert_int_equal(mm_soft(&child, VA).kind, PT_SOFT_SWAP);
	assert_int_equal(mm_load(&fixture, &child, VA), 1);
	end_child();
	mm_store(&fixture, &parent, page_at(0), 2);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, VA, fixture.page, NULL), 0);
	fork_it();
	assert_int_equal(mm_soft(&child, VA).kind, PT_SOFT_MIGRATION_READ);
	assert_int_equal(pt_mm_migrate_end(parent.mm, VA, fixture.page, NULL), 0);
	assert_int_equal(mm_load(&fixture, &child, VA), 2);
	end_child();
	mm_store(&fixture, &parent, page_at(0), 3);
	assert_int_equal(pt_mm_to_device(parent.mm, VA, fixture.page, &done), 0);
	assert_int_equal(done, fixture.page);
	fork_it();
	assert_int_equal(mm_soft(&child, VA).kind, PT_SOFT_DEVICE_READ);
	assert_int_equal(mm_load(&fixture, &child, VA), 3);
	end_child();
	mm_store(&fixture, &parent, page_at(0), 4);
	assert_int_equal(pt_mm_protect(parent.mm, VA, NR * fixture.page, 0), 0);
	fork_it();
	assert_int_equal(mm_soft(&child, VA).kind, PT_SOFT_PROT_NONE);
	end_child();
}

static void what_a_device_has_is_taken_back_first(void **state)
{
	uint64_t done;

	(void)state;
	if (fixture.soft.special[PT_SOFT_DEVICE_EXCLUSIVE] == PT_SOFT_NO_TYPE)
		return;
	map_anon();
	mm_store(&fixture, &parent, VA, 1);
	assert_int_equal(pt_mm_device_exclusive(parent.mm, VA, fixture.page, &done), 0);
	assert_int_equal(done, fixture.page);
	fork_it();
	assert_int_equal(mm_leaf(&child, VA).pa, mm_leaf(&parent, VA).pa);
	end_child();
}

static void a_page_of_a_file_that_moves_is_not_the_areas_own(void **state)
{
	(void)state;
	map_file(RW, 0, false);
	mm_load(&fixture, &parent, VA);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, VA, fixture.page, NULL), 0);
	fork_it();
	assert_true(mm_is_hole(&child, VA));
	assert_int_equal(pt_mm_migrate_end(parent.mm, VA, fixture.page, NULL), 0);
	end_child();
}

static void frames_are_copied_always_and_are_clean(void **state)
{
	struct pt_leaf leaf;

	(void)state;
	mm_map_area(&parent, VA, NR * fixture.page, PT_MM_PFNMAP, RW | PT_MM_SHARED, NULL, 0);
	assert_int_equal(pt_mm_insert_pfn(parent.mm, VA, 2 * fixture.page, DEVICE_PA), 0);
	fork_it();
	leaf = mm_leaf(&child, VA + fixture.page);
	assert_int_equal(leaf.pa, DEVICE_PA + fixture.page);
	assert_false(leaf.attr & (PT_ATTR_DIRTY | PT_ATTR_ACCESSED | fixture.soft.attr_dirty));
	end_child();
}

static void shared_pages_of_hugetlb_are_faulted_in(void **state)
{
	const struct pt_extent pool = { HUGE_PA, 2 * fixture.huge };
	const struct pt_file_cfg cfg = { .name = "/h",
					 .len = fixture.huge,
					 .page_lg2 = fixture.huge_lg2 };
	const pt_va_t own = VA + 2 * fixture.huge;

	(void)state;
	assert_int_equal(pt_world_add_huge(fixture.world, fixture.huge_lg2, &pool), 0);
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	mm_map_area(&parent, VA, fixture.huge, PT_MM_HUGETLB, RW | PT_MM_SHARED, file,
		    fixture.huge_lg2);
	pt_file_put(file);
	mm_map_area(&parent, own, fixture.huge, PT_MM_HUGETLB, RW, NULL, fixture.huge_lg2);
	assert_int_equal(pt_mm_populate(parent.mm, VA, fixture.huge, 0, NULL), 0);
	assert_int_equal(pt_mm_populate(parent.mm, own, fixture.huge, 0, NULL), 0);
	fork_it();
	assert_true(mm_is_hole(&child, VA));
	assert_int_equal(mm_leaf(&child, own).pa, mm_leaf(&parent, own).pa);
	/* others come old: here nothing asks whether a leaf was used */
	assert_true(mm_leaf(&child, own).attr & PT_ATTR_ACCESSED);
	end_child();
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(poison_of_shared_areas_is_not_the_childs),
	cmocka_unit_test(poison_of_private_areas_is),
	cmocka_unit_test(a_guard_has_a_shared_area_copied_as_a_whole),
	cmocka_unit_test(files_are_copied_once_a_page_is_the_areas_own),
	cmocka_unit_test(the_zero_page_is_not_copied_alone),
	cmocka_unit_test(huge_leaves_of_files_are_faulted_in),
	cmocka_unit_test(words_for_own_pages_are_copied),
	cmocka_unit_test(what_a_device_has_is_taken_back_first),
	cmocka_unit_test(a_page_of_a_file_that_moves_is_not_the_areas_own),
	cmocka_unit_test(frames_are_copied_always_and_are_clean),
	cmocka_unit_test(shared_pages_of_hugetlb_are_faulted_in),
};

int main(void)
{
	return MM_RUN_ON_ALL("fork", bodies);
}
