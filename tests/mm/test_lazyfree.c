/* SPDX-License-Identifier: MIT */
/*
 * MADV_FREE: what is given up, what reclaim takes of it, and what a store keeps. Linux 6.15:
 * mm/madvise.c, madvise_free_pte_range(); mm/huge_memory.c, madvise_free_huge_pmd(); mm/rmap.c,
 * try_to_unmap_one().
 */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)
#define NR UINT64_C(8)

static struct mm_fixture fixture;
static struct process parent, child;
static struct pt_swap *swap; /* of a single slot */

static pt_va_t page_at(uint64_t i)
{
	return VA + i * fixture.page;
}

static int setup(void **state)
{
	mm_begin(&fixture, *state, &parent, &swap, 2);
	mm_map_area(&parent, VA, NR * fixture.page, PT_MM_ANON, RW, NULL, 0);
	for (uint64_t i = 0; i < NR; i++)
		mm_store(&fixture, &parent, page_at(i), 100 + i);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mm_end(&fixture, &parent, swap);
	return 0;
}

static bool is_used(const struct pt_leaf *leaf)
{
	return leaf->attr & (PT_ATTR_ACCESSED | PT_ATTR_DIRTY | fixture.soft.attr_dirty);
}

static struct pt_mm_page page_of(struct process *p, pt_va_t va)
{
	struct pt_mm_page page;

	assert_int_equal(pt_world_page(fixture.world, mm_leaf(p, va).pa, &page), 0);
	return page;
}

static uint64_t lazy_bytes(struct process *p, pt_va_t va, uint64_t len)
{
	const struct pt_view view = pt_mm_view(p->mm);
	struct pt_smaps sum = { 0 };

	assert_int_equal(pt_smaps(&view, va, va + len - 1, &sum), 0);
	assert_true(sum.lazyfree <= sum.anonymous);
	return sum.lazyfree;
}

static uint64_t swap_out(pt_va_t va, uint64_t len)
{
	uint64_t done;

	assert_int_equal(pt_mm_swap_out(parent.mm, va, len, swap, &done), 0);
	mm_verify(&fixture);
	return done;
}

static void clean_pages_go_without_a_slot(void **state)
{
	(void)state;
	assert_int_equal(lazy_bytes(&parent, VA, NR * fixture.page), 0);
	assert_int_equal(pt_mm_lazyfree(parent.mm, VA, NR * fixture.page), 0);
	for (uint64_t i = 0; i < NR; i++) {
		const struct pt_leaf leaf = mm_leaf(&parent, page_at(i));

		assert_false(is_used(&leaf));
		assert_true(page_of(&parent, page_at(i)).lazyfree);
	}
	assert_int_equal(lazy_bytes(&parent, VA, NR * fixture.page), NR * fixture.page);
	mm_verify(&fixture);
	/* Until reclaim comes by, what was in them is there. */
	assert_int_equal(mm_load(&fixture, &parent, VA), 100);
	assert_int_equal(lazy_bytes(&parent, VA, NR * fixture.page), NR * fixture.page);
	assert_int_equal(swap_out(VA, NR * fixture.page), NR * fixture.page);
	assert_int_equal(pt_swap_used(swap), 0);
	for (uint64_t i = 0; i < NR; i++) {
		assert_true(mm_is_hole(&parent, page_at(i)));
		assert_int_equal(mm_load(&fixture, &parent, page_at(i)), 0);
	}
}

/* Both CPUs have translations from before that say dirty: flushed, so that new stores tell. */
static void a_store_keeps_the_page(void **state)
{
	uint64_t value = 200;

	(void)state;
	assert_int_equal(mm_access(&fixture, &parent, 1, page_at(1), PT_ACCESS_WRITE, &value),
			 ACCESS_DONE);
	assert_int_equal(pt_mm_lazyfree(parent.mm, VA, NR * fixture.page), 0);
	assert_int_equal(mm_access(&fixture, &parent, 1, page_at(1), PT_ACCESS_WRITE, &value),
			 ACCESS_DONE);
	assert_int_equal(lazy_bytes(&parent, VA, NR * fixture.page), (NR - 1) * fixture.page);
	/* That one takes the slot, and is a page like others then. */
	assert_int_equal(swap_out(VA, NR * fixture.page), NR * fixture.page);
	assert_int_equal(mm_soft(&parent, page_at(1)).kind, PT_SOFT_SWAP);
	assert_int_equal(pt_swap_used(swap), 1);
	assert_int_equal(mm_load(&fixture, &parent, page_at(1)), 200);
	assert_int_equal(mm_load(&fixture, &parent, page_at(0)), 0);
	assert_false(page_of(&parent, page_at(1)).lazyfree);
}

/* Once found dirty it is a page like others, also when its entry is clean after a while. */
static void a_kept_page_has_to_be_given_up_again(void **state)
{
	(void)state;
	assert_int_equal(pt_mm_lazyfree(parent.mm, VA, fixture.page), 0);
	mm_store(&fixture, &parent, VA, 300);
	assert_int_equal(swap_out(VA, fixture.page), fixture.page);
	assert_int_equal(mm_load(&fixture, &parent, VA), 300);
	/* Clean in its entry, for it was read; but its content is nowhere else. */
	assert_int_equal(lazy_bytes(&parent, VA, fixture.page), 0);
	assert_int_equal(swap_out(VA, fixture.page), fixture.page);
	assert_int_equal(pt_swap_used(swap), 1);
	assert_int_equal(pt_mm_lazyfree(parent.mm, VA, fixture.page), 0);
	assert_true(mm_is_hole(&parent, VA));
	assert_int_equal(pt_swap_used(swap), 0);
	assert_int_equal(mm_load(&fixture, &parent, VA), 0);
}

static void a_page_of_two_goes_when_both_have_given_it_up(void **state)
{
	struct pt_leaf leaf;

	(void)state;
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(pt_mm_lazyfree(child.mm, VA, 2 * fixture.page), 0);
	leaf = mm_leaf(&child, VA);
	assert_false(is_used(&leaf));
	leaf = mm_leaf(&parent, VA);
	assert_true(is_used(&leaf));
	/* To the child's smaps it is lazy, to the parent's it is dirty. */
	assert_int_equal(lazy_bytes(&child, VA, fixture.page), fixture.page);
	assert_int_equal(lazy_bytes(&parent, VA, fixture.page), 0);
	assert_int_equal(swap_out(VA, fixture.page), fixture.page);
	assert_int_equal(pt_swap_used(swap), 1);
	assert_int_equal(mm_load(&fixture, &child, VA), 100);
	assert_int_equal(pt_mm_lazyfree(parent.mm, page_at(1), fixture.page), 0);
	assert_int_equal(swap_out(page_at(1), fixture.page), fixture.page);
	assert_int_equal(mm_load(&fixture, &child, page_at(1)), 0);
	assert_int_equal(mm_load(&fixture, &parent, page_at(1)), 0);
	process_exit(&fixture, &child);
}

/* It came from swap, so that no entry says that it was written; only the page knows. */
static void a_page_of_two_that_itself_is_dirty_is_passed_over(void **state)
{
	(void)state;
	assert_int_equal(swap_out(VA, fixture.page), fixture.page);
	assert_int_equal(mm_load(&fixture, &parent, VA), 100);
	assert_true(page_of(&parent, VA).dirty);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(mm_load(&fixture, &child, VA), 100);
	assert_int_equal(pt_mm_lazyfree(child.mm, VA, fixture.page), 0);
	assert_false(page_of(&child, VA).lazyfree);
	assert_true(mm_leaf(&child, VA).attr & PT_ATTR_ACCESSED);
	process_exit(&fixture, &child);
	assert_int_equal(pt_mm_lazyfree(parent.mm, VA, fixture.page), 0);
	assert_false(page_of(&parent, VA).dirty);
	assert_true(page_of(&parent, VA).lazyfree);
}

/* VA's area has eight pages; this one, of folios of sixteen, is its own. */
static pt_va_t map_folios(void)
{
	const pt_va_t va = UINT64_C(5) << 33;
	uint64_t done;

	mm_map_area(&parent, va, 32 * fixture.page, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(pt_mm_populate(parent.mm, va, 32 * fixture.page, 4, &done), 0);
	for (uint64_t i = 0; i < 32; i++)
		mm_store(&fixture, &parent, va + i * fixture.page, 500 + i);
	assert_int_equal(page_of(&parent, va).order, 4);
	return va;
}

static void folios_go_as_a_whole(void **state)
{
	const pt_va_t va = map_folios();

	(void)state;
	assert_int_equal(pt_mm_lazyfree(parent.mm, va, 32 * fixture.page), 0);
	assert_int_equal(page_of(&parent, va).order, 4);
	assert_int_equal(lazy_bytes(&parent, va, 32 * fixture.page), 32 * fixture.page);
	assert_int_equal(swap_out(va, fixture.page), 16 * fixture.page);
	assert_int_equal(pt_swap_used(swap), 0);
	assert_true(mm_is_hole(&parent, va + 15 * fixture.page));
	/* One page that was written keeps all of its folio; there are no slots in a row for it. */
	mm_store(&fixture, &parent, va + 20 * fixture.page, 1);
	assert_int_equal(swap_out(va + 16 * fixture.page, fixture.page), fixture.page);
	assert_int_equal(pt_swap_used(swap), 1);
	for (uint64_t i = 16; i < 32; i++)
		assert_int_equal(mm_load(&fixture, &parent, va + i * fixture.page),
				 i == 20 ? 1 : 500 + i);
}

static void a_folio_that_is_cut_becomes_pages_first(void **state)
{
	const pt_va_t va = map_folios();

	(void)state;
	assert_int_equal(pt_mm_lazyfree(parent.mm, va + 12 * fixture.page, 8 * fixture.page), 0);
	for (uint64_t i = 0; i < 32; i++) {
		const struct pt_mm_page page = page_of(&parent, va + i * fixture.page);

		assert_int_equal(page.order, 0);
		assert_int_equal(page.lazyfree, i >= 12 && i < 20);
	}
	assert_int_equal(swap_out(va + 12 * fixture.page, 8 * fixture.page), 8 * fixture.page);
	for (uint64_t i = 0; i < 32; i++)
		assert_int_equal(mm_load(&fixture, &parent, va + i * fixture.page),
				 i >= 12 && i < 20 ? 0 : 500 + i);
}

/* Each area is given up by itself, and has a part of the folio only. */
static void a_folio_of_two_areas_becomes_pages_first(void **state)
{
	const pt_va_t va = map_folios();

	(void)state;
	assert_int_equal(pt_mm_protect(parent.mm, va, 8 * fixture.page, PT_MM_READ), 0);
	assert_int_equal(pt_mm_lazyfree(parent.mm, va, 16 * fixture.page), 0);
	assert_int_equal(page_of(&parent, va).order, 0);
	assert_int_equal(lazy_bytes(&parent, va, 32 * fixture.page), 16 * fixture.page);
	/* So a store keeps a page, and not the other area's too. */
	mm_store(&fixture, &parent, va + 8 * fixture.page, 1);
	assert_int_equal(swap_out(va, 16 * fixture.page), 16 * fixture.page);
	assert_int_equal(pt_swap_used(swap), 1);
}

static void a_folio_of_two_that_is_cut_is_passed_over(void **state)
{
	const pt_va_t va = map_folios();
	struct pt_mm_page page;

	(void)state;
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(pt_mm_lazyfree(parent.mm, va, 8 * fixture.page), 0);
	page = page_of(&parent, va);
	assert_int_equal(page.order, 4);
	assert_false(page.lazyfree);
	/* Whole ones are not: clean here. */
	assert_int_equal(pt_mm_lazyfree(parent.mm, va, 16 * fixture.page), 0);
	assert_int_equal(lazy_bytes(&parent, va, 32 * fixture.page), 16 * fixture.page);
	assert_int_equal(lazy_bytes(&child, va, 32 * fixture.page), 0);
	process_exit(&fixture, &child);
}

static void leaves_of_level_1(void **state)
{
	const pt_va_t va = UINT64_C(6) << 33;
	const uint64_t len = fixture.huge;
	const unsigned int order = fixture.huge_lg2 - fixture.info.granule_lg2;
	struct pt_leaf leaf;
	uint64_t done;

	(void)state;
	if (fixture.huge_lg2 > 25)
		return;
	mm_map_area(&parent, va, 2 * len, PT_MM_ANON, RW | PT_MM_HUGEPAGE, NULL, 0);
	assert_int_equal(pt_mm_populate(parent.mm, va, 2 * len, order, &done), 0);
	mm_store(&fixture, &parent, va, 1);
	assert_int_equal(pt_mm_lazyfree(parent.mm, va, len), 0);
	leaf = mm_leaf(&parent, va);
	assert_int_equal(leaf.level, 1);
	assert_false(is_used(&leaf));
	assert_int_equal(lazy_bytes(&parent, va, 2 * len), len);
	assert_int_equal(swap_out(va, len), len);
	assert_int_equal(pt_swap_used(swap), 0);
	assert_true(mm_is_hole(&parent, va));
	/* Of two processes: not looked at, be it whole or in part. */
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(pt_mm_lazyfree(child.mm, va + len, i ? len : fixture.page), 0);
		assert_int_equal(mm_leaf(&child, va + len).level, 1);
		assert_false(page_of(&child, va + len).lazyfree);
		assert_true(mm_leaf(&child, va + len).attr &
			    (PT_ATTR_DIRTY | fixture.soft.attr_dirty));
	}
	process_exit(&fixture, &child);
	/* Of one, and in part: pages. */
	assert_int_equal(pt_mm_lazyfree(parent.mm, va + len, fixture.page), 0);
	assert_int_equal(mm_leaf(&parent, va + len).level, 0);
	assert_int_equal(lazy_bytes(&parent, va, 2 * len), fixture.page);
	assert_false(page_of(&parent, va + len + fixture.page).lazyfree);
}

static void words_go_at_once_but_guards_and_moving_pages(void **state)
{
	(void)state;
	assert_int_equal(swap_out(VA, fixture.page), fixture.page);
	assert_int_equal(pt_mm_poison(parent.mm, page_at(1)), 0);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, page_at(2), fixture.page, NULL), 0);
	if (fixture.soft.markers & PT_SOFT_MARKER_GUARD)
		assert_int_equal(pt_mm_guard(parent.mm, page_at(3), fixture.page, true), 0);
	assert_int_equal(pt_mm_lazyfree(parent.mm, VA, NR * fixture.page), 0);
	mm_verify(&fixture);
	assert_true(mm_is_hole(&parent, VA));
	assert_int_equal(pt_swap_used(swap), 0);
	assert_true(mm_is_hole(&parent, page_at(1)));
	assert_int_equal(mm_soft(&parent, page_at(2)).kind, PT_SOFT_MIGRATION_WRITE);
	if (fixture.soft.markers & PT_SOFT_MARKER_GUARD)
		assert_int_equal(mm_soft(&parent, page_at(3)).markers, PT_SOFT_MARKER_GUARD);
	assert_int_equal(pt_mm_migrate_end(parent.mm, VA, NR * fixture.page, NULL), 0);
	assert_int_equal(mm_load(&fixture, &parent, page_at(2)), 102);
	assert_int_equal(mm_load(&fixture, &parent, page_at(1)), 0);
}

static void the_zero_page_stays(void **state)
{
	const pt_va_t va = UINT64_C(5) << 33;
	pt_pa_t pa;

	(void)state;
	mm_map_area(&parent, va, fixture.page, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(mm_load(&fixture, &parent, va), 0);
	pa = mm_leaf(&parent, va).pa;
	assert_int_equal(pt_mm_lazyfree(parent.mm, va, fixture.page), 0);
	assert_int_equal(mm_leaf(&parent, va).pa, pa);
	assert_int_equal(lazy_bytes(&parent, va, fixture.page), 0);
	assert_int_equal(swap_out(va, fixture.page), 0);
}

/* Leaves that nobody may use are leaves all the same. */
static void pages_without_rights_are_given_up(void **state)
{
	(void)state;
	assert_int_equal(pt_mm_protect(parent.mm, VA, NR * fixture.page, 0), 0);
	assert_int_equal(pt_mm_lazyfree(parent.mm, VA, NR * fixture.page), 0);
	assert_int_equal(lazy_bytes(&parent, VA, NR * fixture.page), NR * fixture.page);
	assert_int_equal(swap_out(page_at(4), fixture.page), fixture.page);
	assert_int_equal(pt_mm_protect(parent.mm, VA, NR * fixture.page, RW), 0);
	assert_int_equal(mm_load(&fixture, &parent, VA), 100);
	assert_int_equal(mm_load(&fixture, &parent, page_at(4)), 0);
	mm_store(&fixture, &parent, page_at(5), 7);
	assert_int_equal(lazy_bytes(&parent, VA, NR * fixture.page), (NR - 2) * fixture.page);
}

/* A move is no store. */
static void what_was_given_up_is_so_elsewhere_too(void **state)
{
	(void)state;
	assert_int_equal(pt_mm_lazyfree(parent.mm, VA, NR * fixture.page), 0);
	mm_store(&fixture, &parent, page_at(1), 7);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, VA, NR * fixture.page, NULL), 0);
	assert_int_equal(pt_mm_migrate_end(parent.mm, VA, NR * fixture.page, NULL), 0);
	mm_verify(&fixture);
	assert_int_equal(lazy_bytes(&parent, VA, NR * fixture.page), (NR - 1) * fixture.page);
	assert_int_equal(swap_out(VA, NR * fixture.page), NR * fixture.page);
	assert_int_equal(pt_swap_used(swap), 1);
	assert_int_equal(mm_load(&fixture, &parent, VA), 0);
	assert_int_equal(mm_load(&fixture, &parent, page_at(1)), 7);
}

static void what_is_refused(void **state)
{
	const struct pt_file_cfg cfg = { .name = "/f", .len = fixture.page };
	struct pt_file *file;
	const pt_va_t other = VA + NR * fixture.page;
	struct pt_leaf before = mm_leaf(&parent, VA), after;

	(void)state;
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	mm_map_area(&parent, other, fixture.page, PT_MM_FILE, RW, file, 0);
	mm_map_area(&parent, other + fixture.page, fixture.page, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(pt_mm_set_flags(parent.mm, other + fixture.page, fixture.page,
					 PT_MM_LOCKED, 0),
			 0);
	/* What comes before what cannot be is left alone too. */
	assert_int_equal(pt_mm_lazyfree(parent.mm, VA, (NR + 1) * fixture.page), -EINVAL);
	assert_int_equal(pt_mm_lazyfree(parent.mm, other + fixture.page, fixture.page), -EINVAL);
	assert_int_equal(pt_mm_lazyfree(parent.mm, VA - fixture.page, 2 * fixture.page), -ENOENT);
	assert_int_equal(pt_mm_lazyfree(parent.mm, VA + 8, fixture.page), -EINVAL);
	assert_int_equal(pt_mm_lazyfree(parent.mm, VA, 0), -EINVAL);
	after = mm_leaf(&parent, VA);
	assert_int_equal(after.raw, before.raw);
	assert_int_equal(lazy_bytes(&parent, VA, NR * fixture.page), 0);
	pt_file_put(file);
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(clean_pages_go_without_a_slot),
	cmocka_unit_test(a_store_keeps_the_page),
	cmocka_unit_test(a_kept_page_has_to_be_given_up_again),
	cmocka_unit_test(a_page_of_two_goes_when_both_have_given_it_up),
	cmocka_unit_test(a_page_of_two_that_itself_is_dirty_is_passed_over),
	cmocka_unit_test(folios_go_as_a_whole),
	cmocka_unit_test(a_folio_that_is_cut_becomes_pages_first),
	cmocka_unit_test(a_folio_of_two_areas_becomes_pages_first),
	cmocka_unit_test(a_folio_of_two_that_is_cut_is_passed_over),
	cmocka_unit_test(leaves_of_level_1),
	cmocka_unit_test(words_go_at_once_but_guards_and_moving_pages),
	cmocka_unit_test(the_zero_page_stays),
	cmocka_unit_test(pages_without_rights_are_given_up),
	cmocka_unit_test(what_was_given_up_is_so_elsewhere_too),
	cmocka_unit_test(what_is_refused),
};

int main(void)
{
	return MM_RUN_ON_ALL("lazyfree", bodies);
}
