/* SPDX-License-Identifier: MIT */
/* Large leaves: what is asked of a part of them. Each is named for what went wrong. */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define GIANT_VA (UINT64_C(8) << 33)
#define FAR_VA (UINT64_C(16) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)
#define FRAMES_PA BIT(36)

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

static unsigned int huge_order(void)
{
	return fixture.huge_lg2 - fixture.info.granule_lg2;
}

static void forbid_memory(void)
{
	pt_account_set_limit(fixture.account, 0);
}

static void allow_memory(void)
{
	pt_account_set_limit(fixture.account, UINT64_MAX);
}

static bool is_young(struct process *p, pt_va_t va)
{
	return mm_leaf(p, va).attr & PT_ATTR_ACCESSED;
}

static enum pt_mm_verdict fault_at(struct process *p, pt_va_t va, enum pt_access_kind kind)
{
	enum pt_mm_verdict verdict = PT_VERDICT_NR;

	assert_int_equal(pt_mm_fault(p->mm, va, kind, &verdict), 0);
	return verdict;
}

static void map_huge_page(void)
{
	uint64_t done;

	mm_map_area(&parent, VA, fixture.huge, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(pt_mm_populate(parent.mm, VA, fixture.huge, huge_order(), &done), 0);
	assert_int_equal(done, fixture.huge);
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
}

/* Frames that nobody counts, in one leaf of level 1. */
static void map_frames(enum pt_mm_kind kind)
{
	mm_map_area(&parent, VA, fixture.huge, kind, RW | PT_MM_SHARED, NULL, 0);
	assert_int_equal(pt_mm_insert_pfn(parent.mm, VA, fixture.huge, FRAMES_PA), 0);
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
}

/* One of its pages was made young by itself, behind the back of the counts. */
static void an_old_huge_page_is_young_as_a_whole(void **state)
{
	(void)state;
	map_huge_page();
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_false(is_young(&child, VA));
	assert_int_equal(fault_at(&child, VA + fixture.page, PT_ACCESS_READ), PT_VERDICT_MINOR);
	assert_int_equal(mm_leaf(&child, VA).level, 1);
	assert_true(is_young(&child, VA));
	mm_verify(&fixture);
	process_exit(&fixture, &child);
}

static void old_leaves_are_read_without_memory(void **state)
{
	(void)state;
	map_frames(PT_MM_PFNMAP);
	forbid_memory();
	assert_int_equal(
		pt_test_and_clear_accessed(pt_mm_pgtable(parent.mm), VA, fixture.huge, NULL), 0);
	assert_false(is_young(&parent, VA));
	assert_int_equal(fault_at(&parent, VA + fixture.page, PT_ACCESS_READ), PT_VERDICT_MINOR);
	allow_memory();
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
	assert_true(is_young(&parent, VA));
}

/* Of hugetlb all entries of a contiguous block are one page. */
static void an_old_page_of_hugetlb_is_young_as_a_whole(void **state)
{
	const unsigned int contig = fixture.info.contig_lg2[0];
	const unsigned int lg2 = contig ? fixture.info.granule_lg2 + contig : fixture.huge_lg2;
	const struct pt_extent extent = { HUGE_PA, BIT(lg2) };
	struct pt_leaf leaf;

	(void)state;
	assert_int_equal(pt_world_add_huge(fixture.world, lg2, &extent), 0);
	mm_map_area(&parent, VA, BIT(lg2), PT_MM_HUGETLB, RW, NULL, lg2);
	mm_store(&fixture, &parent, VA, 1);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_true(is_young(&child, VA));
	assert_int_equal(pt_test_and_clear_accessed(pt_mm_pgtable(child.mm), VA, BIT(lg2), NULL),
			 0);
	assert_false(is_young(&child, VA));
	assert_int_equal(fault_at(&child, VA + fixture.page, PT_ACCESS_READ), PT_VERDICT_MINOR);
	for (pt_va_t va = VA; va < VA + BIT(lg2); va += BIT(lg2) / 16) {
		leaf = mm_leaf(&child, va);
		assert_true(leaf.attr & PT_ATTR_ACCESSED);
		assert_int_equal(leaf.size_lg2 + leaf.contig_lg2, lg2);
	}
	mm_verify(&fixture);
	process_exit(&fixture, &child);
}

/* The leaf was of two areas, and each counted it. */
static void flags_of_a_part_of_a_huge_page_split_it(void **state)
{
	const size_t nr = 1;

	(void)state;
	map_huge_page();
	forbid_memory();
	assert_int_equal(pt_mm_set_flags(parent.mm, VA, fixture.huge / 2, PT_MM_UFFD_WP, 0),
			 -ENOMEM);
	allow_memory();
	assert_int_equal(pt_mm_nr_areas(parent.mm), nr);
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
	mm_verify(&fixture);
	assert_int_equal(pt_mm_set_flags(parent.mm, VA, fixture.huge / 2, PT_MM_UFFD_WP, 0), 0);
	assert_int_equal(pt_mm_nr_areas(parent.mm), nr + 1);
	assert_int_equal(mm_leaf(&parent, VA).level, 0);
	mm_verify(&fixture);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	mm_verify(&fixture);
	process_exit(&fixture, &child);
	mm_verify(&fixture);
}

static void a_huge_page_of_shmem_in_two_areas_goes_to_swap(void **state)
{
	const struct pt_file_cfg cfg = {
		.name = "/shm",
		.shmem = true,
		.len = fixture.huge,
		.order = huge_order(),
	};
	struct pt_file *file;
	struct pt_swap *swap;
	uint64_t done;

	(void)state;
	if (fixture.huge_lg2 > 25)
		skip();
	assert_int_equal(pt_swap_create(&swap, fixture.world, 3, fixture.huge / fixture.page + 1),
			 0);
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	mm_map_area(&parent, VA, cfg.len, PT_MM_FILE, RW | PT_MM_SHARED, file, 0);
	mm_store(&fixture, &parent, VA + fixture.page, 11);
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
	assert_int_equal(pt_mm_set_flags(parent.mm, VA, fixture.huge / 2, PT_MM_DONTFORK, 0), 0);
	mm_verify(&fixture);
	assert_int_equal(mm_load(&fixture, &parent, VA + fixture.huge / 2), 0);
	assert_int_equal(mm_load(&fixture, &parent, VA), 0);
	assert_int_equal(pt_mm_swap_out(parent.mm, VA, fixture.huge, swap, &done), 0);
	assert_int_equal(done, fixture.huge);
	mm_verify(&fixture);
	assert_int_equal(mm_load(&fixture, &parent, VA + fixture.page), 11);
	assert_int_equal(pt_mm_unmap(parent.mm, VA, fixture.huge), 0);
	pt_file_put(file);
	assert_int_equal(pt_swap_destroy(swap), 0);
}

static uint64_t rss_at(pt_va_t va, uint64_t len)
{
	const struct pt_view view = pt_mm_view(parent.mm);
	struct pt_smaps sum = { 0 };

	assert_int_equal(pt_smaps(&view, va, va + len - 1, &sum), 0);
	return sum.rss;
}

static int change_a_page(unsigned int call, pt_va_t va)
{
	switch (call) {
	case 0:
		return pt_mm_zap(parent.mm, va, fixture.page);
	case 1:
		return pt_mm_protect(parent.mm, va, fixture.page, PT_MM_READ);
	case 2:
		return pt_mm_unmap(parent.mm, va, fixture.page);
	case 3:
		return pt_mm_set_flags(parent.mm, va, fixture.page, PT_MM_LOCKED, 0);
	default:
		return pt_mm_move(parent.mm, va, fixture.page, VA + 2 * fixture.huge);
	}
}

/* The rest stayed mapped, by pages, for which there had to be a table. */
static void a_huge_page_of_a_file_goes_where_a_part_of_it_changes(void **state)
{
	const struct pt_file_cfg cfg = { .len = fixture.huge, .order = huge_order() };

	(void)state;
	if (fixture.huge_lg2 > 25)
		skip();
	for (unsigned int call = 0; call < 5; call++) {
		struct pt_file *file;

		assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
		mm_map_area(&parent, VA, cfg.len, PT_MM_FILE, RW | PT_MM_SHARED, file, 0);
		mm_store(&fixture, &parent, VA, 11);
		mm_store(&fixture, &parent, VA + 5 * fixture.page, 12);
		assert_int_equal(mm_leaf(&parent, VA).level, 1);
		assert_int_equal(rss_at(VA, fixture.huge), fixture.huge);
		forbid_memory();
		assert_int_equal(change_a_page(call, VA + 5 * fixture.page), 0);
		allow_memory();
		mm_verify(&fixture);
		assert_int_equal(rss_at(VA, fixture.huge), 0);
		assert_int_equal(mm_load(&fixture, &parent, VA), 11);
		if (call < 2)
			assert_int_equal(mm_load(&fixture, &parent, VA + 5 * fixture.page), 12);
		/* Where the area is one still, so is the leaf that comes back. */
		assert_int_equal(mm_leaf(&parent, VA).level, !call);
		mm_verify(&fixture);
		assert_int_equal(pt_mm_unmap(parent.mm, VA, fixture.huge), 0);
		assert_int_equal(pt_mm_unmap(parent.mm, VA + 2 * fixture.huge, fixture.page), 0);
		pt_file_put(file);
	}
}

/* What went was not flushed before there was a table: no break before make. */
static void a_huge_page_of_a_file_is_flushed_before_there_are_smaller_ones(void **state)
{
	const struct pt_file_cfg cfg = { .len = fixture.huge, .order = huge_order() };
	bool has_guards = fixture.soft.markers & PT_SOFT_MARKER_GUARD;
	bool has_uffd_wp = fixture.soft.markers & PT_SOFT_MARKER_UFFD_WP;

	(void)state;
	if (fixture.huge_lg2 > 25 || (!has_guards && !has_uffd_wp))
		skip();
	for (unsigned int call = !has_guards; call < 1u + has_uffd_wp; call++) {
		struct pt_file *file;

		assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
		mm_map_area(&parent, VA, cfg.len, PT_MM_FILE,
			    RW | PT_MM_SHARED | (call ? PT_MM_UFFD_WP : 0), file, 0);
		mm_store(&fixture, &parent, VA, 11);
		assert_int_equal(mm_leaf(&parent, VA).level, 1);
		if (call)
			assert_int_equal(pt_mm_write_protect(parent.mm, VA + fixture.page,
							     fixture.page, true),
					 0);
		else
			assert_int_equal(pt_mm_guard(parent.mm, VA + fixture.page, fixture.page,
						     true),
					 0);
		mm_verify(&fixture);
		assert_int_equal(fixture.nr_reports, 0);
		assert_int_equal(mm_load(&fixture, &parent, VA), 11);
		assert_int_equal(mm_leaf(&parent, VA).level, 0);
		assert_int_equal(pt_mm_unmap(parent.mm, VA, fixture.huge), 0);
		pt_file_put(file);
	}
}

/* The pages around it stayed mapped. */
static void a_store_to_a_huge_page_of_a_file_maps_its_copy_alone(void **state)
{
	const struct pt_file_cfg cfg = { .len = fixture.huge, .order = huge_order() };
	const pt_va_t va = VA + 5 * fixture.page;
	struct pt_file *file;

	(void)state;
	if (fixture.huge_lg2 > 25)
		skip();
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	mm_map_area(&parent, VA, cfg.len, PT_MM_FILE, RW, file, 0);
	assert_int_equal(mm_load(&fixture, &parent, VA), 0);
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
	mm_store(&fixture, &parent, va, 12);
	mm_verify(&fixture);
	assert_int_equal(mm_leaf(&parent, va).level, 0);
	assert_true(mm_is_hole(&parent, va - fixture.page));
	assert_true(mm_is_hole(&parent, va + fixture.page));
	assert_int_equal(rss_at(VA, fixture.huge), fixture.page);
	assert_int_equal(mm_load(&fixture, &parent, VA), 0);
	assert_int_equal(mm_load(&fixture, &parent, va), 12);
	mm_verify(&fixture);
	assert_int_equal(pt_mm_unmap(parent.mm, VA, fixture.huge), 0);
	pt_file_put(file);
}

/* What did not fit as more became two, which no anonymous folio of Linux is. */
static void faults_bring_no_folio_of_two_pages(void **state)
{
	struct pt_mm_page page;
	uint64_t done;

	(void)state;
	mm_map_area(&parent, VA, fixture.huge, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(mm_load(&fixture, &parent, VA), 0);
	assert_int_equal(pt_mm_set_flags(parent.mm, VA, fixture.huge, PT_MM_HUGEPAGE, 0), 0);
	mm_store(&fixture, &parent, VA + 2 * fixture.page, 1);
	assert_int_equal(pt_world_page(fixture.world, mm_leaf(&parent, VA + 2 * fixture.page).pa,
				       &page),
			 0);
	assert_int_equal(page.order, 0);
	assert_true(mm_is_hole(&parent, VA + 3 * fixture.page));
	mm_store(&fixture, &parent, VA + 5 * fixture.page, 1);
	assert_int_equal(pt_world_page(fixture.world, mm_leaf(&parent, VA + 4 * fixture.page).pa,
				       &page),
			 0);
	assert_int_equal(page.order, 2);
	/* Who wants to see one says so. */
	assert_int_equal(pt_mm_populate(parent.mm, VA + 8 * fixture.page, 2 * fixture.page, 1,
					&done),
			 0);
	assert_int_equal(pt_world_page(fixture.world, mm_leaf(&parent, VA + 8 * fixture.page).pa,
				       &page),
			 0);
	assert_int_equal(page.order, 1);
	mm_verify(&fixture);
}

/* Where the next smaller leaf begins, a larger one was not split before areas were. */
static int change_giant(unsigned int call, uint64_t at)
{
	switch (call) {
	case 0:
		return pt_mm_protect(parent.mm, GIANT_VA + at, fixture.huge, PT_MM_READ);
	case 1:
		return pt_mm_unmap(parent.mm, GIANT_VA + at, fixture.huge);
	case 2:
		return pt_mm_move(parent.mm, GIANT_VA + at, fixture.huge, FAR_VA + fixture.page);
	case 3:
		return pt_mm_set_flags(parent.mm, GIANT_VA + at, fixture.huge, PT_MM_LOCKED, 0);
	default:
		return pt_mm_zap(parent.mm, GIANT_VA + at, fixture.huge);
	}
}

static void parts_of_giant_leaves_change_or_nothing_does(void **state)
{
	const uint64_t giant = BIT(fixture.info.leaf_lg2[2]);

	(void)state;
	if (fixture.info.nr_levels < 3 || !fixture.info.can_leaf[2])
		skip();
	for (unsigned int call = 0; call < 5; call++) {
		const uint64_t at = call & 1 ? 0 : 3 * fixture.huge;
		uint64_t n = 0;
		int err;

		mm_map_area(&parent, GIANT_VA, giant, PT_MM_PFNMAP, RW | PT_MM_SHARED | PT_MM_IO,
			    NULL, 0);
		assert_int_equal(pt_mm_insert_pfn(parent.mm, GIANT_VA, giant, giant), 0);
		do {
			struct pt_account_stats stats;

			assert_int_equal(pt_mm_nr_areas(parent.mm), 1);
			pt_account_stats(fixture.account, &stats);
			pt_account_set_limit(fixture.account, stats.held + n);
			err = change_giant(call, at);
			allow_memory();
			assert_true(!err || err == -ENOMEM);
			assert_true(err || n);
			for (uint64_t k = 0; err && k < 8; k++)
				assert_int_equal(mm_leaf(&parent, GIANT_VA + k * fixture.huge).pa,
						 giant + k * fixture.huge);
			mm_verify(&fixture);
		} while (err && n++ < 100);
		assert_int_equal(err, 0);
		/* What is aligned for leaves of level 1 needs no smaller ones. */
		assert_int_equal(mm_leaf(&parent, GIANT_VA + 4 * fixture.huge).level, 1);
		assert_int_equal(mm_leaf(&parent, GIANT_VA + 4 * fixture.huge).pa,
				 giant + 4 * fixture.huge);
		if (call == 0)
			assert_int_equal(mm_leaf(&parent, GIANT_VA + at).level, 1);
		assert_int_equal(pt_mm_unmap(parent.mm, GIANT_VA, giant), 0);
		if (call == 2)
			assert_int_equal(
				pt_mm_unmap(parent.mm, FAR_VA + fixture.page, fixture.huge), 0);
	}
}

static void stores_to_large_leaves_of_frames_need_no_memory(void **state)
{
	(void)state;
	if (!fixture.soft.attr_soft_dirty)
		skip();
	map_frames(PT_MM_MIXEDMAP);
	assert_int_equal(pt_mm_clear_refs(parent.mm, PT_MM_CLEAR_SOFT_DIRTY), 0);
	assert_false(mm_leaf(&parent, VA).attr & PT_ATTR_WRITE);
	forbid_memory();
	assert_int_equal(fault_at(&parent, VA + fixture.page, PT_ACCESS_WRITE), PT_VERDICT_MINOR);
	allow_memory();
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
	assert_true(mm_leaf(&parent, VA).attr & PT_ATTR_WRITE);
	mm_verify(&fixture);
}

/* It was dirty, and stores to it went unnoticed. */
static void private_hugetlb_that_is_read_is_clean(void **state)
{
	const struct pt_extent extent = { HUGE_PA, 2 * fixture.huge };
	const pt_attr_t written = PT_ATTR_DIRTY | fixture.soft.attr_dirty;

	(void)state;
	assert_int_equal(pt_world_add_huge(fixture.world, fixture.huge_lg2, &extent), 0);
	mm_map_area(&parent, VA, 2 * fixture.huge, PT_MM_HUGETLB, RW, NULL, fixture.huge_lg2);
	assert_int_equal(fault_at(&parent, VA, PT_ACCESS_READ), PT_VERDICT_MINOR);
	assert_false(mm_leaf(&parent, VA).attr & (PT_ATTR_WRITE | written));
	assert_int_equal(fault_at(&parent, VA, PT_ACCESS_WRITE), PT_VERDICT_MINOR);
	assert_true(mm_leaf(&parent, VA).attr & PT_ATTR_WRITE);
	assert_int_equal(fault_at(&parent, VA + fixture.huge, PT_ACCESS_WRITE), PT_VERDICT_MINOR);
	assert_true(mm_leaf(&parent, VA + fixture.huge).attr & PT_ATTR_WRITE);
	mm_verify(&fixture);
}

/* Nothing is read from a disk for it. */
static void shared_hugetlb_is_no_major_fault(void **state)
{
	const struct pt_extent extent = { HUGE_PA, 2 * fixture.huge };
	const struct pt_file_cfg cfg = { .name = "/huge",
					 .len = 2 * fixture.huge,
					 .page_lg2 = fixture.huge_lg2 };
	struct pt_file *file;

	(void)state;
	assert_int_equal(pt_world_add_huge(fixture.world, fixture.huge_lg2, &extent), 0);
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	mm_map_area(&parent, VA, cfg.len, PT_MM_HUGETLB, RW | PT_MM_SHARED, file, cfg.page_lg2);
	pt_file_put(file);
	assert_int_equal(fault_at(&parent, VA, PT_ACCESS_READ), PT_VERDICT_MINOR);
	/* As Linux: an area that may be written, and is shared, has leaves that may be. */
	assert_true(mm_leaf(&parent, VA).attr & PT_ATTR_WRITE);
	assert_int_equal(fault_at(&parent, VA + fixture.huge, PT_ACCESS_WRITE), PT_VERDICT_MINOR);
	mm_verify(&fixture);
}

/*
 * Tables of pages that had moved away were still there, and large leaves
 * went into them as pages.
 */
static void large_leaves_move_to_where_pages_were(void **state)
{
	const struct pt_extent extent = { HUGE_PA, fixture.huge };
	const pt_va_t far = UINT64_C(5) << 33, odd = far + 8 * fixture.huge + fixture.page;
	struct pt_account_stats stats;
	uint64_t done;

	(void)state;
	/* A move that is refused leaves no table either. */
	map_huge_page();
	pt_account_stats(fixture.account, &stats);
	pt_account_set_limit(fixture.account, stats.held + 2);
	assert_int_equal(pt_mm_move(parent.mm, VA, fixture.huge, odd), -ENOMEM);
	allow_memory();
	assert_int_equal(pt_mm_move(parent.mm, VA, fixture.huge, odd), 0);
	assert_int_equal(mm_leaf(&parent, odd).level, 0);
	assert_int_equal(pt_mm_unmap(parent.mm, odd, fixture.huge), 0);

	mm_map_area(&parent, far, fixture.huge, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(pt_mm_populate(parent.mm, far, fixture.huge, huge_order(), &done), 0);
	assert_int_equal(mm_leaf(&parent, far).level, 1);
	assert_int_equal(pt_mm_move(parent.mm, far, fixture.huge, VA), 0);
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
	mm_verify(&fixture);

	/* The same of hugetlb that is mapped there. */
	assert_int_equal(pt_mm_move(parent.mm, VA, fixture.huge, odd), 0);
	assert_int_equal(pt_world_add_huge(fixture.world, fixture.huge_lg2, &extent), 0);
	mm_map_area(&parent, VA, fixture.huge, PT_MM_HUGETLB, RW, NULL, fixture.huge_lg2);
	mm_store(&fixture, &parent, VA, 1);
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
	mm_verify(&fixture);
}

/* Walks said that its pages were nobody's folios, as their memory is no zone's. */
static void hugetlb_is_walked_as_folios(void **state)
{
	const unsigned int contig = fixture.info.contig_lg2[0];
	const unsigned int sizes[] = { fixture.huge_lg2, fixture.info.granule_lg2 + contig };
	struct pt_area_ops areas = pt_mm_area_ops(parent.mm);
	enum pt_range_walk_type type;
	struct pt_range_walk walk;
	struct pt_mm_page page;

	(void)state;
	for (size_t i = 0; i < (contig ? 2 : 1); i++) {
		const unsigned int lg2 = sizes[i];
		const struct pt_extent extent = { HUGE_PA + i * fixture.huge, BIT(lg2) };
		uint64_t nr = 0;

		assert_int_equal(pt_world_add_huge(fixture.world, lg2, &extent), 0);
		mm_map_area(&parent, VA, BIT(lg2), PT_MM_HUGETLB, RW, NULL, lg2);
		mm_store(&fixture, &parent, VA, 1);
		for (type = pt_range_walk_start_areas(&walk, pt_mm_pgtable(parent.mm), &areas, VA,
						      VA + BIT(lg2) - 1, PT_TYPE_ALL, 0);
		     type != PTW_DONE; type = pt_range_walk_next(&walk)) {
			assert_int_equal(type, PTW_FOLIO);
			assert_int_equal(pt_world_page(fixture.world, walk.pa, &page), 0);
			assert_int_equal(walk.folio, page.head);
			assert_int_equal(walk.folio_order, page.order);
			nr += walk.len;
		}
		assert_int_equal(pt_range_walk_done(&walk), 0);
		assert_int_equal(nr, BIT(lg2));
		assert_int_equal(pt_mm_unmap(parent.mm, VA, BIT(lg2)), 0);
	}
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(an_old_huge_page_is_young_as_a_whole),
	cmocka_unit_test(old_leaves_are_read_without_memory),
	cmocka_unit_test(an_old_page_of_hugetlb_is_young_as_a_whole),
	cmocka_unit_test(flags_of_a_part_of_a_huge_page_split_it),
	cmocka_unit_test(a_huge_page_of_shmem_in_two_areas_goes_to_swap),
	cmocka_unit_test(a_huge_page_of_a_file_goes_where_a_part_of_it_changes),
	cmocka_unit_test(a_huge_page_of_a_file_is_flushed_before_there_are_smaller_ones),
	cmocka_unit_test(a_store_to_a_huge_page_of_a_file_maps_its_copy_alone),
	cmocka_unit_test(faults_bring_no_folio_of_two_pages),
	cmocka_unit_test(parts_of_giant_leaves_change_or_nothing_does),
	cmocka_unit_test(stores_to_large_leaves_of_frames_need_no_memory),
	cmocka_unit_test(private_hugetlb_that_is_read_is_clean),
	cmocka_unit_test(shared_hugetlb_is_no_major_fault),
	cmocka_unit_test(hugetlb_is_walked_as_folios),
	cmocka_unit_test(large_leaves_move_to_where_pages_were),
};

int main(void)
{
	return MM_RUN_ON_ALL("large", bodies);
}
