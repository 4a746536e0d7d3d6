/* SPDX-License-Identifier: MIT */
/* pt_range_walk of address spaces: areas, locks, and runs that are changed. */
#include "unit/walk_space.h"

static void areas_are_walked_skipped_and_end_the_walk(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;

	space_begin(f);
	map(f, 0, folio(f, 3), 8, RX);
	add_area(f, 0, 2, PT_AREA_WALK);
	add_area(f, 2, 2, PT_AREA_SKIP);
	add_area(f, 5, 4, PT_AREA_WALK);
	/* no run crosses from one area into another; nothing between them is reported */
	ASSERT_FOUND(f, true, 0, 10, PT_TYPE_ALL, 0, { PTW_FOLIO, 0, 2 }, { PTW_FOLIO, 5, 3 },
		     { PTW_NONE, 8, 1 });
	ASSERT_FOUND(f, true, 1, 5, PT_TYPE_ALL, 0, { PTW_FOLIO, 1, 1 }, { PTW_FOLIO, 5, 1 });
	assert_found(f, true, 2, 3, PT_TYPE_ALL, 0, NULL, 0);
	space.verdict[1] = PT_AREA_STOP;
	ASSERT_FOUND(f, true, 0, 10, PT_TYPE_ALL, 0, { PTW_FOLIO, 0, 2 });
	/* asked once an area */
	space.verdict[1] = PT_AREA_WALK;
	space.nr_calls = 0;
	assert_found(f, true, 0, 10, PT_TYPE_ALL, PT_WALK_EACH,
		     (const struct want[]){ { PTW_FOLIO, 0, 1 },
					    { PTW_FOLIO, 1, 1 },
					    { PTW_FOLIO, 2, 1 },
					    { PTW_FOLIO, 3, 1 },
					    { PTW_FOLIO, 5, 1 },
					    { PTW_FOLIO, 6, 1 },
					    { PTW_FOLIO, 7, 1 },
					    { PTW_NONE, 8, 1 } },
		     8);
	assert_int_equal(space.nr_calls, 4);
	/* an owner who goes backwards */
	space.area[0].first = page_va(f, 3);
	space.area[0].last = page_va(f, 2);
	space.verdict[0] = PT_AREA_SKIP;
	assert_int_equal(pt_range_walk_start_areas(&walk, f->pt, &area_ops, f->base, page_va(f, 9),
						   PT_TYPE_ALL, 0),
			 PTW_ABORT);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), -EINVAL);
	space_end(f);
}

/* The cursor went on behind the leaf, for the rest of it was in another area. */
static void areas_may_meet_within_a_leaf(void **state)
{
	struct fixture *f = *state;
	size_t leaf = pages(f, f->leaf1);

	if (!f->info.can_leaf[1])
		return;
	space_begin(f);
	assert_int_equal(pt_map(f->pt, f->base, f->pa, f->leaf1, RX, NULL), 0);
	add_area(f, 0, 3, PT_AREA_WALK);
	add_area(f, 3, 2, PT_AREA_WALK);
	add_area(f, 5, 2, PT_AREA_SKIP);
	add_area(f, 7, leaf - 6, PT_AREA_WALK);
	ASSERT_FOUND(f, true, 0, leaf + 1, PT_TYPE_ALL, 0, { PTW_PFN, 0, 3 }, { PTW_PFN, 3, 2 },
		     { PTW_PFN, 7, leaf - 7 }, { PTW_NONE, leaf, 1 });
	ASSERT_FOUND(f, true, 0, leaf + 1, PT_TYPE_NONE, 0, { PTW_NONE, leaf, 1 });
	space_end(f);
}

/* Of a hugetlb page in several words, all of which say the same. */
static void words_of_one_huge_page_are_one_run(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	size_t block = pages(f, f->block);

	if (format_is_stage2(f->fmt.fmt))
		return;
	space_begin(f);
	put(f, 0, 2 * block, 0, migration);
	add_area(f, 0, 2 * block, PT_AREA_WALK);
	space.area[0].huge_lg2 = lg2(f->block);
	ASSERT_FOUND(f, true, 0, 2 * block, PT_TYPE_ALL, 0, { PTW_MIGRATION, 0, block },
		     { PTW_MIGRATION, block, block });
	ASSERT_FOUND(f, true, 1, block, PT_TYPE_ALL, 0, { PTW_MIGRATION, 1, block - 1 },
		     { PTW_MIGRATION, block, 1 });
	assert_int_equal(pt_range_walk_start_areas(&walk, f->pt, &area_ops, page_va(f, 1),
						   page_va(f, 2), PT_TYPE_ALL, 0),
			 PTW_MIGRATION);
	assert_int_equal(walk.soft.pfn, 0x4001);
	/* hugetlb is never in swap: those words are not alike, and each says its own */
	put(f, 0, 2, 0, swap);
	assert_int_equal(pt_range_walk_start_areas(&walk, f->pt, &area_ops, page_va(f, 1),
						   page_va(f, 2) - 1, PT_TYPE_ALL, 0),
			 PTW_SWAP);
	assert_int_equal(walk.soft.offset, swap.offset + 1);
	space_end(f);
}

/* Their memory is no zone's, and they may be larger than any of its blocks. */
static void leaves_of_huge_pages_are_folios_of_that_size(void **state)
{
	struct fixture *f = *state;
	const size_t block = pages(f, f->block);
	const pt_pa_t pa = UINT64_C(3) << 30;
	const unsigned int flags[] = { 0, PT_WALK_LOCKED };
	struct pt_range_walk walk;

	space_begin(f);
	map(f, 0, pa, 2 * block, RX);
	add_area(f, 0, 2 * block, PT_AREA_WALK);
	ASSERT_FOUND(f, true, 0, 2 * block, PT_TYPE_ALL, 0, { PTW_PFN, 0, 2 * block });
	space.area[0].huge_lg2 = lg2(f->block);
	ASSERT_FOUND(f, true, 0, 2 * block, PT_TYPE_ALL, 0, { PTW_FOLIO, 0, block },
		     { PTW_FOLIO, block, block });
	ASSERT_FOUND(f, true, 1, block, PT_TYPE_ALL, 0, { PTW_FOLIO, 1, block - 1 },
		     { PTW_FOLIO, block, 1 });
	ASSERT_FOUND(f, true, 0, 2 * block, PT_TYPE_ALL, PT_WALK_PFNS, { PTW_PFN, 0, 2 * block });
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
			pt_range_walk_start_areas(&walk, f->pt, &area_ops, page_va(f, block + 1),
						  page_va(f, 2 * block) - 1, PT_TYPE_ALL, flags[i]),
			PTW_FOLIO);
		assert_int_equal(walk.folio, pa + f->block);
		assert_int_equal(walk.folio_order, lg2(f->block) - 12);
		assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
		assert_int_equal(pt_range_walk_done(&walk), 0);
	}
	space.area[0].huge_lg2 = 40;
	ASSERT_FOUND(f, true, 0, 2 * block, PT_TYPE_ALL, 0, { PTW_FOLIO, 0, 2 * block });
	space.area[0].flags = PT_AREA_PFN_MAP;
	ASSERT_FOUND(f, true, 0, 2 * block, PT_TYPE_ALL, 0, { PTW_PFN, 0, 2 * block });
	space.area[0].huge_lg2 = 64;
	assert_int_equal(pt_range_walk_start_areas(&walk, f->pt, &area_ops, f->base, page_va(f, 1),
						   PT_TYPE_ALL, 0),
			 PTW_ABORT);
	assert_int_equal(pt_range_walk_done(&walk), -EINVAL);
	space_end(f);
}

static void hidden_leaves_are_leaves(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	pt_pa_t pa;

	if (format_is_stage2(f->fmt.fmt))
		return;
	space_begin(f);
	pa = folio(f, 3);
	map(f, 0, pa, 8, RWX | A);
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, 2), 4 * f->granule, 0, 0, NULL), 0);
	ASSERT_FOUND(f, false, 0, 8, PT_TYPE_ALL, FOLIOS, { PTW_FOLIO, 0, 2 }, { PTW_FOLIO, 2, 4 },
		     { PTW_FOLIO, 6, 2 });
	ASSERT_FOUND(f, false, 0, 8, PT_TYPE_ALL, 0, { PTW_PFN, 0, 2 }, { PTW_PFN, 2, 4 },
		     { PTW_PFN, 6, 2 });
	assert_int_equal(pt_range_walk_start(&walk, f->pt, page_va(f, 3), page_va(f, 7),
					     PT_TYPE_ALL, FOLIOS),
			 PTW_FOLIO);
	assert_true(walk.hidden);
	assert_int_equal(walk.pa, pa + 3 * f->granule);
	assert_int_equal(walk.attr & (RWX | A), RWX | A);
	assert_int_equal(pt_range_walk_update(&walk, 0, PT_ATTR_WRITE, NULL), -EINVAL);
	assert_int_equal(pt_range_walk_next(&walk), PTW_FOLIO);
	assert_false(walk.hidden);
	space_end(f);
}

/* Leaving early, in the middle or at the end, leaves nothing locked. */
static void leaving_early_leaves_nothing_locked(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	space_begin(f);
	map(f, 0, folio(f, 3), 8, RX);
	map(f, 12, folio(f, 0), 1, RX);
	for (unsigned int stop = 1; stop < 8; stop++) {
		unsigned int i = 1;

		for (type = pt_range_walk_start(&walk, f->pt, f->base, page_va(f, 14), PT_TYPE_ALL,
						FOLIOS | PT_WALK_LOCKED);
		     type != PTW_DONE && i < stop; type = pt_range_walk_next(&walk))
			i++;
		if (type == PTW_FOLIO && f->mode >= TEST_SHARED) {
			assert_int_equal(pt_range_walk_update(&walk, A, 0, NULL), -EBUSY);
			assert_int_equal(pt_range_walk_clear(&walk, NULL), -EBUSY);
		}
		assert_int_equal(pt_range_walk_done(&walk), 0);
		assert_int_equal(pt_range_walk_done(&walk), 0);
		/* whoever needs the lock has it now */
		assert_int_equal(pt_protect(f->pt, f->base, 8 * f->granule, 0, PT_ATTR_WRITE, NULL),
				 0);
		assert_int_equal(pt_unmap(f->pt, page_va(f, 12), f->granule, NULL), 0);
		map(f, 12, space.held[space.nr_held - 1], 1, RX);
	}
	space_end(f);
}

static void locks_are_for_tables_that_were_made_for_them(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;

	if (f->mode < TEST_SHARED)
		return;
	assert_int_equal(pt_range_walk_start(&walk, f->pt, f->base, f->base, PT_TYPE_ALL,
					     PT_WALK_LOCKED),
			 PTW_ABORT);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), -EOPNOTSUPP);
}

/* What the walk returned can be changed, whatever its type. */
static void runs_of_every_type_can_be_cleared(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	if (format_is_stage2(f->fmt.fmt))
		return;
	space_begin(f);
	map(f, 0, folio(f, 1), 2, RX);
	put(f, 2, 3, 0, swap);
	put(f, 5, 1, 0, poison);
	put(f, 6, 1, 0, guard);
	type = pt_range_walk_start(&walk, f->pt, f->base, page_va(f, 8) - 1, PT_TYPE_ALL, FOLIOS);
	assert_int_equal(type, PTW_FOLIO);
	assert_int_equal(pt_range_walk_update(&walk, PT_ATTR_WRITE, 0, NULL), 0);
	for (; type != PTW_DONE; type = pt_range_walk_next(&walk))
		assert_int_equal(pt_range_walk_clear(&walk, NULL), type == PTW_NONE ? -EINVAL : 0);
	ASSERT_FOUND(f, false, 0, 8, PT_TYPE_ALL, 0, { PTW_NONE, 0, 8 });
	space_end(f);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(areas_are_walked_skipped_and_end_the_walk, NEEDS_3_LEVELS),
		TEST_ON(areas_may_meet_within_a_leaf, NEEDS_3_LEVELS),
		TEST_ON(words_of_one_huge_page_are_one_run, NEEDS_3_LEVELS | NEEDS_CONTIG),
		TEST_ON(leaves_of_huge_pages_are_folios_of_that_size,
			NEEDS_3_LEVELS | NEEDS_CONTIG),
		TEST_ON(hidden_leaves_are_leaves, NEEDS_3_LEVELS),
		TEST_ON(leaving_early_leaves_nothing_locked, NEEDS_3_LEVELS),
		TEST(locks_are_for_tables_that_were_made_for_them),
		TEST_ON(runs_of_every_type_can_be_cleared, NEEDS_3_LEVELS),
	};

	return RUN_ON_ALL("walk of areas", tests);
}
