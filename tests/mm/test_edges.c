/* SPDX-License-Identifier: MIT */
/* Where calls meet: what one has left, and another finds. Each is named for what went wrong. */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)

static struct mm_fixture fixture;
static struct process parent, child;
static struct pt_swap *swap;

static int setup(void **state)
{
	mm_begin(&fixture, *state, &parent, &swap, 64);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mm_end(&fixture, &parent, swap);
	return 0;
}

static pt_va_t page_at(uint64_t i)
{
	return VA + i * fixture.page;
}

/* A file of @nr pages in folios of 2^@order, all of it mapped at VA, which alone has it. */
static struct pt_file *map_file(uint64_t nr, unsigned int order, bool shmem, unsigned int flags)
{
	const struct pt_file_cfg cfg = {
		.name = "/f", .len = nr * fixture.page, .order = order, .shmem = shmem
	};
	struct pt_file *file;

	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	mm_map_area(&parent, VA, cfg.len, PT_MM_FILE, flags, file, 0);
	pt_file_put(file);
	return file;
}

static void no_access_of_an_unknown_kind_faults(void **state)
{
	static const int kinds[] = { -1, PT_ACCESS_FETCH + 1, 1 << 30 };
	enum pt_mm_verdict verdict = PT_VERDICT_NR;

	(void)state;
	mm_map_area(&parent, VA, fixture.page, PT_MM_ANON, RW, NULL, 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		assert_int_equal(pt_mm_fault(parent.mm, VA, (enum pt_access_kind)kinds[i], &verdict),
				 -EINVAL);
	assert_int_equal(verdict, PT_VERDICT_NR);
	assert_int_equal(pt_mm_fault(parent.mm, VA, PT_ACCESS_FETCH, &verdict), 0);
	assert_int_equal(verdict, PT_VERDICT_SEGV_ACCERR);
}

static bool is_used(pt_pa_t pa)
{
	struct pt_mm_page page;

	return !pt_world_page(fixture.world, pa, &page);
}

/* Nobody could have ended it, and the folio would have been held for ever. */
static void a_move_is_over_when_nobody_maps_what_moves(void **state)
{
	pt_pa_t pa;

	(void)state;
	mm_map_area(&parent, VA, 16 * fixture.page, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(pt_mm_populate(parent.mm, VA, 16 * fixture.page, 2, NULL), 0);
	pa = mm_leaf(&parent, VA).pa;
	assert_int_equal(pt_mm_migrate_begin(parent.mm, VA, 16 * fixture.page, NULL), 0);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(pt_mm_unmap(parent.mm, VA, 16 * fixture.page), 0);
	assert_true(is_used(pa));
	mm_verify(&fixture);
	process_exit(&fixture, &child);
	assert_false(is_used(pa));
}

static void a_file_keeps_a_page_that_moved_when_it_was_unmapped(void **state)
{
	struct pt_file *file = map_file(4, 0, false, RW | PT_MM_SHARED);
	pt_pa_t pa, now;

	(void)state;
	mm_store(&fixture, &parent, VA, 7);
	pa = mm_leaf(&parent, VA).pa;
	assert_int_equal(pt_mm_migrate_begin(parent.mm, VA, fixture.page, NULL), 0);
	assert_int_equal(pt_mm_zap(parent.mm, VA, fixture.page), 0);
	assert_int_equal(pt_file_page(file, 0, &now), 0);
	assert_int_equal(now, pa);
	mm_verify(&fixture);
	assert_int_equal(mm_load(&fixture, &parent, VA), 7);
	/* And it can move again. */
	assert_int_equal(pt_mm_migrate_begin(parent.mm, VA, fixture.page, NULL), 0);
	assert_int_equal(pt_mm_migrate_end(parent.mm, VA, fixture.page, NULL), 0);
	assert_int_equal(mm_load(&fixture, &parent, VA), 7);
}

/* Mapped meanwhile, its end would have found a leaf where it expected its word. */
static void a_page_of_a_file_that_moves_is_waited_for(void **state)
{
	struct pt_file *file = map_file(16, 2, false, RW | PT_MM_SHARED);
	uint64_t value = 1, done;

	(void)state;
	mm_store(&fixture, &parent, VA, 7);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, VA, fixture.page, NULL), 0);
	mm_map_area(&parent, page_at(32), 16 * fixture.page, PT_MM_FILE, RW, file, 0);
	for (unsigned int i = 1; i < 34; i += 31) {
		assert_int_equal(mm_access(&fixture, &parent, 0, page_at(i), PT_ACCESS_READ,
					   &value),
				 PT_VERDICT_RETRY);
		assert_int_equal(mm_access(&fixture, &parent, 0, page_at(i), PT_ACCESS_WRITE,
					   &value),
				 PT_VERDICT_RETRY);
	}
	assert_int_equal(pt_mm_populate(parent.mm, page_at(32), 16 * fixture.page, 0, &done), 0);
	assert_int_equal(done, 12 * fixture.page);
	assert_true(mm_is_hole(&parent, page_at(35)));
	assert_int_equal(pt_mm_migrate_end(parent.mm, VA, fixture.page, NULL), 0);
	assert_int_equal(mm_load(&fixture, &parent, page_at(32)), 7);
	mm_store(&fixture, &parent, page_at(1), 8);
	mm_verify(&fixture);
}

/* No rmap finds them: a split of their largest leaves would have lost count. */
static void pages_of_drivers_are_split_and_lost_by_nobody(void **state)
{
	uint64_t done, nr = fixture.huge_lg2 <= 25 ? fixture.huge / fixture.page : 64;
	unsigned int order = (unsigned int)__builtin_ctzll(nr);

	(void)state;
	mm_map_area(&parent, VA, nr * fixture.page, PT_MM_MIXEDMAP, RW, NULL, 0);
	assert_int_equal(pt_mm_populate(parent.mm, VA, nr * fixture.page, order, NULL), 0);
	mm_store(&fixture, &parent, page_at(1), 5);
	assert_int_equal(pt_mm_split(parent.mm, VA, nr * fixture.page, &done), 0);
	assert_int_equal(done, 0);
	assert_int_equal(pt_mm_poison(parent.mm, page_at(1)), -EBUSY);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, VA, nr * fixture.page, &done), 0);
	assert_int_equal(done, 0);
	mm_verify(&fixture);
	/* Private: whoever writes after a fork has a copy. */
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	mm_store(&fixture, &child, page_at(1), 6);
	assert_int_equal(mm_load(&fixture, &parent, page_at(1)), 5);
	mm_verify(&fixture);
	process_exit(&fixture, &child);
	mm_store(&fixture, &parent, page_at(1), 7);
	assert_int_equal(pt_mm_unmap(parent.mm, page_at(1), fixture.page), 0);
	mm_verify(&fixture);
}

/* Written as they are, the device would have had what was meant for a copy. */
static void stores_to_private_frames_of_devices_copy_them(void **state)
{
	const pt_pa_t pa = HUGE_PA;
	uint64_t word = 11, found = 0;

	(void)state;
	assert_int_equal(pt_phys_write(fixture.phys, pa, &word, 8), 0);
	mm_map_area(&parent, VA, fixture.huge, PT_MM_PFNMAP, RW | PT_MM_IO, NULL, 0);
	assert_int_equal(pt_mm_insert_pfn(parent.mm, VA, 4 * fixture.page, pa), 0);
	assert_false(mm_leaf(&parent, VA).attr & PT_ATTR_WRITE);
	assert_int_equal(pt_mm_protect(parent.mm, VA, fixture.huge, PT_MM_READ), 0);
	assert_int_equal(pt_mm_protect(parent.mm, VA, fixture.huge, RW), 0);
	assert_false(mm_leaf(&parent, VA).attr & PT_ATTR_WRITE);
	assert_int_equal(mm_load(&fixture, &parent, VA), 11);
	mm_store(&fixture, &parent, VA, 12);
	assert_int_equal(mm_load(&fixture, &parent, VA), 12);
	assert_int_equal(pt_phys_read(fixture.phys, pa, &found, 8), 0);
	assert_int_equal(found, 11);
	mm_verify(&fixture);
}

/* Tables were made for leaves of the old size, and there was no failing any more. */
static void frames_move_to_where_their_leaves_do_not_fit(void **state)
{
	const uint64_t len = 2 * fixture.huge;
	const pt_pa_t pa = UINT64_C(1) << 33;

	(void)state;
	for (uint64_t n = 0;; n++) {
		struct pt_account_stats stats;
		pt_va_t to = VA + 64 * fixture.huge + fixture.page;
		int err;

		mm_map_area(&parent, VA, len, PT_MM_PFNMAP, RW | PT_MM_SHARED | PT_MM_IO, NULL, 0);
		assert_int_equal(pt_mm_insert_pfn(parent.mm, VA, len, pa), 0);
		pt_account_stats(fixture.account, &stats);
		pt_account_set_limit(fixture.account, stats.held + n);
		err = pt_mm_move(parent.mm, VA, len, to);
		pt_account_set_limit(fixture.account, UINT64_MAX);
		assert_true(!err || err == -ENOMEM);
		mm_verify(&fixture);
		if (err)
			to = VA;
		assert_int_equal(mm_leaf(&parent, to).level, err ? 1 : 0);
		assert_int_equal(mm_leaf(&parent, to + len - fixture.page).pa,
				 pa + len - fixture.page);
		assert_int_equal(pt_mm_unmap(parent.mm, to, len), 0);
		if (!err) {
			assert_true(n > 1 && n < 100);
			return;
		}
	}
}

/* MADV_DONTNEED took them away. */
static void what_is_zapped_leaves_guards_and_the_marks_of_files(void **state)
{
	const unsigned int markers = fixture.soft.markers;
	uint64_t value = 1;

	(void)state;
	if (markers & PT_SOFT_MARKER_GUARD) {
		pt_va_t va = VA + fixture.huge;

		mm_map_area(&parent, va, 8 * fixture.page, PT_MM_ANON, RW, NULL, 0);
		mm_store(&fixture, &parent, va, 1);
		assert_int_equal(pt_mm_guard(parent.mm, va + 2 * fixture.page, fixture.page, true),
				 0);
		mm_store(&fixture, &parent, va + 3 * fixture.page, 1);
		assert_int_equal(pt_mm_zap(parent.mm, va, 8 * fixture.page), 0);
		assert_true(mm_is_hole(&parent, va));
		assert_true(mm_is_hole(&parent, va + 3 * fixture.page));
		assert_int_equal(mm_soft(&parent, va + 2 * fixture.page).markers,
				 PT_SOFT_MARKER_GUARD);
		assert_int_equal(pt_mm_guard(parent.mm, va, 8 * fixture.page, false), 0);
		assert_true(mm_is_hole(&parent, va + 2 * fixture.page));
	}
	if (!fixture.soft.attr_uffd_wp || !(markers & PT_SOFT_MARKER_UFFD_WP))
		return;
	map_file(8, 0, true, RW | PT_MM_SHARED | PT_MM_UFFD_WP);
	mm_store(&fixture, &parent, VA, 1);
	mm_store(&fixture, &parent, page_at(1), 2);
	assert_int_equal(pt_mm_write_protect(parent.mm, page_at(1), 2 * fixture.page, true), 0);
	assert_int_equal(pt_mm_zap(parent.mm, VA, 8 * fixture.page), 0);
	assert_true(mm_is_hole(&parent, VA));
	assert_int_equal(mm_soft(&parent, page_at(1)).markers, PT_SOFT_MARKER_UFFD_WP);
	assert_int_equal(mm_soft(&parent, page_at(2)).markers, PT_SOFT_MARKER_UFFD_WP);
	mm_verify(&fixture);
	assert_int_equal(mm_load(&fixture, &parent, page_at(1)), 2);
	assert_int_equal(mm_access(&fixture, &parent, 0, page_at(1), PT_ACCESS_WRITE, &value),
			 PT_VERDICT_UFFD_WP);
}

/* What is locked was taken away for them. */
static void guards_come_to_no_locked_area(void **state)
{
	const uint64_t two = 2 * fixture.page;

	(void)state;
	if (!(fixture.soft.markers & PT_SOFT_MARKER_GUARD))
		skip();
	mm_map_area(&parent, VA, 8 * fixture.page, PT_MM_ANON, RW, NULL, 0);
	mm_store(&fixture, &parent, page_at(1), 5);
	assert_int_equal(pt_mm_guard(parent.mm, page_at(4), two, true), 0);
	assert_int_equal(pt_mm_set_flags(parent.mm, VA, 5 * fixture.page, PT_MM_LOCKED, 0), 0);
	assert_int_equal(pt_mm_guard(parent.mm, VA, two, true), -EINVAL);
	assert_int_equal(pt_mm_guard(parent.mm, page_at(3), 4 * fixture.page, true), -EINVAL);
	assert_int_equal(mm_load(&fixture, &parent, page_at(1)), 5);
	/* To remove them harms nobody. */
	assert_int_equal(pt_mm_guard(parent.mm, page_at(4), two, false), 0);
	assert_true(mm_is_hole(&parent, page_at(4)));
	assert_int_equal(pt_mm_guard(parent.mm, page_at(5), two, true), 0);
}

static unsigned int make_huge_pool(void)
{
	const unsigned int lg2 = fixture.info.granule_lg2 == 12 ? fixture.huge_lg2 : 21;
	const struct pt_extent extent = { HUGE_PA, UINT64_C(4) << lg2 };

	assert_int_equal(pt_world_add_huge(fixture.world, lg2, &extent), 0);
	return lg2;
}

/* They were of files alone: a store to what came there later was told of to nobody. */
static void holes_of_private_hugetlb_are_marked_too(void **state)
{
	unsigned int lg2 = make_huge_pool();
	uint64_t value = 1;

	(void)state;
	if (!fixture.soft.attr_uffd_wp || !(fixture.soft.markers & PT_SOFT_MARKER_UFFD_WP))
		return;
	mm_map_area(&parent, VA, UINT64_C(2) << lg2, PT_MM_HUGETLB, RW | PT_MM_UFFD_WP, NULL, lg2);
	assert_int_equal(pt_mm_write_protect(parent.mm, VA, UINT64_C(2) << lg2, true), 0);
	assert_int_equal(mm_load(&fixture, &parent, VA), 0);
	assert_int_equal(mm_access(&fixture, &parent, 0, VA, PT_ACCESS_WRITE, &value),
			 PT_VERDICT_UFFD_WP);
	/* The mark outlives the page. */
	assert_int_equal(pt_mm_zap(parent.mm, VA, UINT64_C(1) << lg2), 0);
	assert_int_equal(mm_soft(&parent, VA + (UINT64_C(1) << lg2) - 1).markers,
			 PT_SOFT_MARKER_UFFD_WP);
	mm_verify(&fixture);
	assert_int_equal(pt_mm_write_protect(parent.mm, VA, UINT64_C(2) << lg2, false), 0);
	mm_store(&fixture, &parent, VA, 2);
	mm_verify(&fixture);
}

/* Only its first address was known to be in use. */
static void a_huge_page_is_lost_at_any_of_its_addresses(void **state)
{
	unsigned int lg2 = make_huge_pool();
	uint64_t value;

	(void)state;
	mm_map_area(&parent, VA, UINT64_C(2) << lg2, PT_MM_HUGETLB, RW, NULL, lg2);
	mm_store(&fixture, &parent, VA, 1);
	assert_int_equal(pt_mm_poison(parent.mm, VA + 3 * fixture.page), 0);
	assert_int_equal(mm_access(&fixture, &parent, 0, VA, PT_ACCESS_READ, &value),
			 PT_VERDICT_SIGBUS_POISON);
	assert_int_equal(pt_mm_poison(parent.mm, VA), -ENOENT);
	mm_verify(&fixture);
}

static uint64_t raw_at(pt_va_t va)
{
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	assert_int_equal(pt_trace(pt_mm_pgtable(parent.mm), va, steps, &nr), -ENOENT);
	return steps[nr - 1].raw;
}

/*
 * x86 inverts the address of what it hides: of a large leaf from its lowest bit on, of hugetlb
 * from bit 12 on, as of a page.
 */
static void hidden_leaves_of_hugetlb_are_written_as_linux_does(void **state)
{
	const uint64_t address = UINT64_C(0x000ffffffffff000), low = UINT64_C(0x1ff000);
	const bool x86 = fixture.fmt.fmt == PT_FMT_X86_64;
	unsigned int lg2 = make_huge_pool();
	pt_va_t thp = 2 * VA;
	pt_pa_t pa;

	(void)state;
	mm_map_area(&parent, VA, UINT64_C(1) << lg2, PT_MM_HUGETLB, RW, NULL, lg2);
	mm_store(&fixture, &parent, VA, 1);
	pa = mm_leaf(&parent, VA).pa;
	assert_int_equal(pt_mm_protect(parent.mm, VA, UINT64_C(1) << lg2, 0), 0);
	assert_int_equal(raw_at(VA) & address, x86 ? ~pa & address : pa);
	assert_int_equal(pt_mm_protect(parent.mm, VA, UINT64_C(1) << lg2, RW), 0);
	assert_int_equal(mm_load(&fixture, &parent, VA), 1);
	assert_int_equal(mm_leaf(&parent, VA).pa, pa);
	if (!x86)
		return;
	mm_map_area(&parent, thp, fixture.huge, PT_MM_ANON, RW | PT_MM_HUGEPAGE, NULL, 0);
	mm_store(&fixture, &parent, thp, 1);
	pa = mm_leaf(&parent, thp).pa;
	assert_int_equal(pt_mm_protect(parent.mm, thp, fixture.huge, 0), 0);
	assert_int_equal(raw_at(thp) & address, ~pa & address & ~low);
}

static bool is_young(pt_va_t va)
{
	return mm_leaf(&parent, va).attr & PT_ATTR_ACCESSED;
}

/* As the kernel's walk of it: "2" and "3" choose areas, and hugetlb is not walked at all. */
static void clear_refs_ages_the_areas_that_it_is_told_to(void **state)
{
	static const struct {
		enum pt_mm_clear what;
		bool anon, file;
	} cases[] = {
		{ PT_MM_CLEAR_ACCESSED, false, false },
		{ PT_MM_CLEAR_ACCESSED_ANON, false, true },
		{ PT_MM_CLEAR_ACCESSED_FILE, true, false },
	};
	unsigned int lg2 = make_huge_pool();
	pt_va_t anon = VA + 64 * fixture.huge, huge = 2 * VA;

	(void)state;
	map_file(4, 0, false, RW);
	mm_map_area(&parent, anon, 4 * fixture.page, PT_MM_ANON, RW, NULL, 0);
	mm_map_area(&parent, huge, UINT64_C(1) << lg2, PT_MM_HUGETLB, RW, NULL, lg2);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mm_store(&fixture, &parent, VA, 1);
		mm_store(&fixture, &parent, anon, 1);
		mm_store(&fixture, &parent, huge, 1);
		assert_int_equal(pt_mm_clear_refs(parent.mm, cases[i].what), 0);
		/* What a TLB has says nothing more to the table. */
		assert_int_equal(is_young(anon), cases[i].anon);
		assert_int_equal(is_young(VA), cases[i].file);
		assert_true(is_young(huge));
		assert_int_equal(pt_mm_zap(parent.mm, VA, 4 * fixture.page), 0);
		assert_int_equal(pt_mm_zap(parent.mm, anon, 4 * fixture.page), 0);
	}
	assert_int_equal(pt_mm_clear_refs(parent.mm, (enum pt_mm_clear)0), -EINVAL);
	assert_int_equal(pt_mm_clear_refs(parent.mm, (enum pt_mm_clear)5), -EINVAL);
	if (!fixture.soft.attr_soft_dirty)
		return;
	assert_int_equal(pt_mm_clear_refs(parent.mm, PT_MM_CLEAR_SOFT_DIRTY), 0);
	assert_true(mm_leaf(&parent, huge).attr & PT_ATTR_WRITE);
	assert_false(pt_mm_area_at(parent.mm, huge)->flags & PT_MM_SOFT_DIRTY);
}

/* No slots in a row was taken for no slots. */
static void a_folio_goes_to_swap_page_by_page_if_it_must(void **state)
{
	uint64_t done, used;

	(void)state;
	mm_map_area(&parent, VA, 128 * fixture.page, PT_MM_ANON, RW, NULL, 0);
	for (uint64_t i = 0; i < 63; i++)
		mm_store(&fixture, &parent, page_at(i), i);
	assert_int_equal(pt_mm_swap_out(parent.mm, VA, 63 * fixture.page, swap, &done), 0);
	assert_int_equal(done, 63 * fixture.page);
	/* Every third slot is free again. */
	for (uint64_t i = 0; i < 63; i += 3)
		assert_int_equal(mm_load(&fixture, &parent, page_at(i)), i);
	used = pt_swap_used(swap);
	assert_int_equal(pt_mm_populate(parent.mm, page_at(64), 8 * fixture.page, 3, NULL), 0);
	for (uint64_t i = 64; i < 72; i++)
		mm_store(&fixture, &parent, page_at(i), i);
	assert_int_equal(pt_mm_swap_out(parent.mm, page_at(64), 8 * fixture.page, swap, &done), 0);
	assert_int_equal(done, 8 * fixture.page);
	assert_int_equal(pt_swap_used(swap), used + 8);
	mm_verify(&fixture);
	for (uint64_t i = 0; i < 72; i++)
		if (i != 63)
			assert_int_equal(mm_load(&fixture, &parent, page_at(i)), i);
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(no_access_of_an_unknown_kind_faults),
	cmocka_unit_test(a_move_is_over_when_nobody_maps_what_moves),
	cmocka_unit_test(a_file_keeps_a_page_that_moved_when_it_was_unmapped),
	cmocka_unit_test(a_page_of_a_file_that_moves_is_waited_for),
	cmocka_unit_test(pages_of_drivers_are_split_and_lost_by_nobody),
	cmocka_unit_test(stores_to_private_frames_of_devices_copy_them),
	cmocka_unit_test(frames_move_to_where_their_leaves_do_not_fit),
	cmocka_unit_test(what_is_zapped_leaves_guards_and_the_marks_of_files),
	cmocka_unit_test(guards_come_to_no_locked_area),
	cmocka_unit_test(holes_of_private_hugetlb_are_marked_too),
	cmocka_unit_test(a_huge_page_is_lost_at_any_of_its_addresses),
	cmocka_unit_test(hidden_leaves_of_hugetlb_are_written_as_linux_does),
	cmocka_unit_test(clear_refs_ages_the_areas_that_it_is_told_to),
	cmocka_unit_test(a_folio_goes_to_swap_page_by_page_if_it_must),
};

int main(void)
{
	return MM_RUN_ON_ALL("edges", bodies);
}
