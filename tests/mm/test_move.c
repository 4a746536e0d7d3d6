/* SPDX-License-Identifier: MIT */
/* What mremap() marks as written. Source: Linux 6.15, mm/mremap.c, mm/hugetlb.c. */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define TO (VA + (UINT64_C(1) << 32))
#define RW (PT_MM_READ | PT_MM_WRITE)
#define NR 8 /* pages of the area */

static struct mm_fixture fixture;
static struct process process, child;
static struct pt_swap *swap;

static int setup(void **state)
{
	mm_begin(&fixture, *state, &process, &swap, 100);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mm_end(&fixture, &process, swap);
	return 0;
}

static pt_va_t page_at(unsigned int i)
{
	return VA + i * fixture.page;
}

static void put_marker(unsigned int i, unsigned int markers)
{
	const struct pt_soft soft = { .kind = PT_SOFT_MARKER, .markers = markers };
	struct pt_change change = { .flags = 0 };

	assert_int_equal(pt_soft_set(pt_mm_pgtable(process.mm), page_at(i), fixture.page, 0, &soft,
				     &change),
			 0);
}

static void clear_soft_dirty(void)
{
	assert_int_equal(pt_mm_clear_refs(process.mm, PT_MM_CLEAR_SOFT_DIRTY),
			 fixture.soft.soft_dirty ? 0 : -EOPNOTSUPP);
}

static void move_it(pt_va_t to, uint64_t len)
{
	assert_int_equal(pt_mm_move(process.mm, VA, len, to), 0);
	mm_verify(&fixture);
}

/*
 *	0       1       2        3         4          5
 *	page    page    swapped  poison    POISONED   GUARD, if there is such a marker
 */
static void make_area(void)
{
	mm_map_area(&process, VA, NR * fixture.page, PT_MM_ANON, RW, NULL, 0);
	for (unsigned int i = 0; i < 4; i++)
		mm_store(&fixture, &process, page_at(i), i);
	assert_int_equal(pt_mm_swap_out(process.mm, page_at(2), fixture.page, swap, NULL), 0);
	assert_int_equal(pt_mm_poison(process.mm, page_at(3)), 0);
	put_marker(4, PT_SOFT_MARKER_POISONED);
	if (fixture.soft.markers & PT_SOFT_MARKER_GUARD)
		assert_int_equal(pt_mm_guard(process.mm, page_at(5), fixture.page, true), 0);
	clear_soft_dirty();
}

/* Bit 55 of the NR words of pagemap from @va on. */
static unsigned int soft_dirty_pages(struct process *p, pt_va_t va)
{
	struct pt_view view = pt_mm_view(p->mm);
	unsigned int pages = 0;
	uint64_t words[NR];

	assert_int_equal(pt_pagemap(&view, va, va + NR * fixture.page - 1, words), 0);
	for (unsigned int i = 0; i < NR; i++)
		pages |= (unsigned int)!!(words[i] & PT_PAGEMAP_SOFT_DIRTY) << i;
	return pages;
}

static void all_that_moves_counts_as_written(void **state)
{
	const unsigned int guard = fixture.soft.markers & PT_SOFT_MARKER_GUARD ? 1u << 5 : 0;

	(void)state;
	make_area();
	if (!fixture.soft.soft_dirty) {
		move_it(TO + fixture.page, NR * fixture.page);
		assert_int_equal(mm_soft(&process, TO + 4 * fixture.page).flags, 0);
		return;
	}
	assert_int_equal(soft_dirty_pages(&process, VA), 0);
	move_it(TO + fixture.page, NR * fixture.page);
	assert_int_equal(soft_dirty_pages(&process, TO + fixture.page), 0x1f | guard);
	assert_int_equal(mm_soft(&process, TO + 4 * fixture.page).kind, PT_SOFT_HWPOISON);
	assert_int_equal(mm_soft(&process, TO + 4 * fixture.page).flags, PT_SOFT_SOFT_DIRTY);
	assert_int_equal(mm_soft(&process, TO + 5 * fixture.page).markers, PT_SOFT_MARKER_POISONED);
	assert_int_equal(mm_soft(&process, TO + 5 * fixture.page).flags, PT_SOFT_SOFT_DIRTY);
	/* And no more once that is cleared. */
	clear_soft_dirty();
	assert_int_equal(soft_dirty_pages(&process, TO + fixture.page), 0);
	assert_int_equal(mm_soft(&process, TO + 5 * fixture.page).flags, 0);
	assert_int_equal(mm_load(&fixture, &process, TO + 3 * fixture.page), 2);
}

/* copy_nonpresent_pte(): markers are made anew, poison is copied as it stands. */
static void a_childs_markers_do_not_count_as_written(void **state)
{
	(void)state;
	if (!fixture.soft.soft_dirty)
		return;
	make_area();
	move_it(TO + fixture.page, NR * fixture.page);
	assert_int_equal(process_fork(&fixture, &process, &child), 0);
	assert_int_equal(mm_soft(&child, TO + 4 * fixture.page).flags, PT_SOFT_SOFT_DIRTY);
	assert_int_equal(mm_soft(&child, TO + 5 * fixture.page).markers, PT_SOFT_MARKER_POISONED);
	assert_int_equal(mm_soft(&child, TO + 5 * fixture.page).flags, 0);
	assert_int_equal(mm_soft(&process, TO + 5 * fixture.page).flags, PT_SOFT_SOFT_DIRTY);
	process_exit(&fixture, &child);
}

static void hugetlb_that_moves_does_not(void **state)
{
	const struct pt_extent pool = { HUGE_PA, 2 * fixture.huge };
	const pt_attr_t mark = fixture.soft.attr_soft_dirty;

	(void)state;
	assert_int_equal(pt_world_add_huge(fixture.world, fixture.huge_lg2, &pool), 0);
	mm_map_area(&process, VA, fixture.huge, PT_MM_HUGETLB, RW, NULL, fixture.huge_lg2);
	assert_int_equal(pt_mm_populate(process.mm, VA, fixture.huge, 0, NULL), 0);
	/* Nothing of hugetlb is cleared, so that the mark has to go by hand. */
	assert_int_equal(pt_protect(pt_mm_pgtable(process.mm), VA, fixture.huge, 0, mark, NULL), 0);
	move_it(TO, fixture.huge);
	assert_false(mm_leaf(&process, TO).attr & mark);
	assert_int_equal(pt_mm_move(process.mm, TO, fixture.huge, VA), 0);
	assert_int_equal(pt_mm_migrate_begin(process.mm, VA, fixture.huge, NULL), 0);
	move_it(TO, fixture.huge);
	assert_false(mm_soft(&process, TO).flags & PT_SOFT_SOFT_DIRTY);
	assert_int_equal(pt_mm_migrate_end(process.mm, TO, fixture.huge, NULL), 0);
	assert_false(mm_leaf(&process, TO).attr & mark);
}

static bool is_written(pt_va_t va)
{
	return mm_leaf(&process, va).attr & fixture.soft.attr_soft_dirty;
}

/* Stores to the page at @offset of VA, and to the next. */
static void store_two(uint64_t offset)
{
	mm_store(&fixture, &process, VA + offset, 1);
	mm_store(&fixture, &process, VA + offset + fixture.page, 2);
}

/*
 *	|      ..|........|........|..      |	tables, and the area in them
 *	    moves    moves    moves entry by entry
 */
static void what_moves_with_its_table_does_not(void **state)
{
	const uint64_t huge = fixture.huge, page = fixture.page, begin = huge - 2 * page;
	const pt_va_t to = TO + 4 * huge;

	(void)state;
	if (!fixture.soft.soft_dirty)
		return;
	mm_map_area(&process, VA + begin, 2 * huge + 4 * page, PT_MM_ANON, RW, NULL, 0);
	store_two(begin);
	store_two(huge);
	store_two(3 * huge - 2 * page);
	store_two(3 * huge);
	clear_soft_dirty();
	assert_int_equal(pt_mm_move(process.mm, VA + begin, 2 * huge + 4 * page, to + begin), 0);
	mm_verify(&fixture);
	assert_false(is_written(to + begin) || is_written(to + huge - page));
	assert_false(is_written(to + huge) || is_written(to + 3 * huge - page));
	assert_true(is_written(to + 3 * huge) && is_written(to + 3 * huge + page));
	/* Where somebody else stands in the first table, its entries move; and back from there. */
	mm_map_area(&process, VA, page, PT_MM_ANON, RW, NULL, 0);
	clear_soft_dirty();
	assert_int_equal(pt_mm_move(process.mm, to + begin, 2 * huge + 4 * page, VA + begin), 0);
	assert_true(is_written(VA + begin) && is_written(VA + huge - page));
	assert_false(is_written(VA + huge));
	clear_soft_dirty();
	assert_int_equal(pt_mm_move(process.mm, VA + begin, 2 * huge + 4 * page, to + begin), 0);
	assert_true(is_written(to + begin));
	assert_false(is_written(to + huge));
	/* Nor does a table move to another place in a table. */
	clear_soft_dirty();
	assert_int_equal(pt_mm_move(process.mm, to + begin, 2 * huge + 4 * page, VA + huge), 0);
	assert_true(is_written(VA + huge + 2 * page) && is_written(VA + 3 * huge + page));
	mm_verify(&fixture);
}

/* A run of entries goes over from a table that moves to one that does not. */
static void runs_are_written_in_part(void **state)
{
	const uint64_t huge = fixture.huge, page = fixture.page;
	const pt_va_t to = TO + 4 * huge;

	(void)state;
	if (!fixture.soft.soft_dirty)
		return;
	mm_map_area(&process, VA, huge + 4 * page, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(pt_mm_populate(process.mm, VA, huge + 4 * page, 0, NULL), 0);
	clear_soft_dirty();
	move_it(to, huge + 4 * page);
	for (pt_va_t at = 0; at < huge + 4 * page; at += page)
		assert_int_equal(is_written(to + at), at >= huge);
}

static void a_large_leaf_that_moves_does_unless_its_table_moves(void **state)
{
	const uint64_t table = BIT(fixture.info.leaf_lg2[2]);

	(void)state;
	if (!fixture.soft.soft_dirty)
		return;
	mm_map_area(&process, VA, table, PT_MM_ANON, RW | PT_MM_HUGEPAGE, NULL, 0);
	mm_store(&fixture, &process, VA, 1);
	clear_soft_dirty();
	move_it(VA + 4 * table, table);
	assert_int_equal(mm_leaf(&process, VA + 4 * table).level, 1);
	assert_false(is_written(VA + 4 * table));
	assert_int_equal(
		pt_mm_move(process.mm, VA + 4 * table, table, VA + 8 * table + fixture.huge), 0);
	assert_int_equal(mm_leaf(&process, VA + 8 * table + fixture.huge).level, 1);
	assert_true(is_written(VA + 8 * table + fixture.huge));
	mm_verify(&fixture);
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(all_that_moves_counts_as_written),
	cmocka_unit_test(a_childs_markers_do_not_count_as_written),
	cmocka_unit_test(hugetlb_that_moves_does_not),
	cmocka_unit_test(what_moves_with_its_table_does_not),
	cmocka_unit_test(runs_are_written_in_part),
	cmocka_unit_test(a_large_leaf_that_moves_does_unless_its_table_moves),
};

int main(void)
{
	return MM_RUN_ON_ALL("move", bodies);
}
