/* SPDX-License-Identifier: MIT */
/*
 * pt_range_walk of address spaces: folios and software's words. Named for the traps that the
 * RFC's first revisions had, where there was one.
 */
#include "unit/walk_space.h"

static const struct pt_soft device = { .kind = PT_SOFT_DEVICE_WRITE, .pfn = 0x4000 };

static void a_run_ends_with_its_folio(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	pt_pa_t pa;

	space_begin(f);
	/* two neighbours in memory, mapped as one: where one ends the other begins */
	pa = folio(f, 3);
	space.order[0]--;
	space.order[1] = space.order[0];
	space.held[space.nr_held++] = pa + 4 * f->granule;
	assert_int_equal(pt_folio_split(space.zone, pa, space.order[0]), 0);
	map(f, 0, pa, 8, RWX);
	ASSERT_FOUND(f, false, 0, 8, PT_TYPE_ALL, FOLIOS, { PTW_FOLIO, 0, 4 }, { PTW_FOLIO, 4, 4 });
	ASSERT_FOUND(f, false, 2, 4, PT_TYPE_ALL, FOLIOS, { PTW_FOLIO, 2, 2 }, { PTW_FOLIO, 4, 2 });
	ASSERT_FOUND(f, false, 1, 2, PT_TYPE_ALL, FOLIOS | PT_WALK_EACH, { PTW_FOLIO, 1, 1 },
		     { PTW_FOLIO, 2, 1 });
	ASSERT_FOUND(f, false, 0, 8, PT_TYPE_ALL, PT_WALK_LOCKED, { PTW_PFN, 0, 8 });
	assert_int_equal(pt_range_walk_start(&walk, f->pt, page_va(f, 2) + 5, page_va(f, 3),
					     PT_TYPE_FOLIO, FOLIOS),
			 PTW_FOLIO);
	assert_int_equal(walk.va, page_va(f, 2) + 5);
	assert_int_equal(walk.len, f->granule - 4);
	assert_int_equal(walk.pa, pa + 2 * f->granule + 5);
	assert_int_equal(walk.folio, pa);
	assert_int_equal(walk.folio_order, f->info.granule_lg2 - 12 + 2);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	/* what is free, or a table, is no folio */
	map(f, 9, f->pa + POOL - f->granule, 1, RWX);
	map(f, 11, f->source.pa, 1, RWX);
	ASSERT_FOUND(f, false, 9, 3, PT_TYPE_ALL, FOLIOS, { PTW_PFN, 9, 1 }, { PTW_NONE, 10, 1 },
		     { PTW_PFN, 11, 1 });
	space_end(f);
}

/* Two folios side by side are one run, wherever it ends; those that are not, not. */
static void runs_cross_folios_where_nobody_asks_for_them(void **state)
{
	struct fixture *f = *state;
	const unsigned int flags = PT_WALK_PFNS;
	struct pt_range_walk walk;
	pt_pa_t pa;

	space_begin(f);
	pa = folio(f, 3);
	space.order[0]--;
	space.order[1] = space.order[0];
	space.held[space.nr_held++] = pa + 4 * f->granule;
	assert_int_equal(pt_folio_split(space.zone, pa, space.order[0]), 0);
	map(f, 0, pa, 8, RX);
	for (size_t i = 0; i < 8; i++)
		map(f, 8 + i, pa + (7 - i) * f->granule, 1, RX);
	map(f, 16, pa, 4, RX);
	map(f, 22, pa + 2 * f->granule, 4, RX | A);
	add_area(f, 0, 9, PT_AREA_WALK);
	add_area(f, 9, 15, PT_AREA_WALK);
	ASSERT_FOUND(f, true, 0, 10, PT_TYPE_ALL, 0, { PTW_FOLIO, 0, 4 }, { PTW_FOLIO, 4, 4 },
		     { PTW_FOLIO, 8, 1 }, { PTW_FOLIO, 9, 1 });
	ASSERT_FOUND(f, true, 2, 8, PT_TYPE_ALL, flags, { PTW_PFN, 2, 6 }, { PTW_PFN, 8, 1 },
		     { PTW_PFN, 9, 1 });
	ASSERT_FOUND(f, true, 13, 20, PT_TYPE_PFN, flags, { PTW_PFN, 13, 1 }, { PTW_PFN, 14, 1 },
		     { PTW_PFN, 15, 1 }, { PTW_PFN, 16, 4 }, { PTW_PFN, 22, 2 });
	assert_found(f, true, 15, 5, PT_TYPE_FOLIO, flags, NULL, 0);
	/* bare tables have none */
	ASSERT_FOUND(f, false, 0, 9, PT_TYPE_ALL, flags, { PTW_PFN, 0, 8 }, { PTW_PFN, 8, 1 });
	/* marks of each are merged, of what the quick ways find too; being writable ends a run */
	assert_int_equal(pt_protect(f->pt, page_va(f, 5), f->granule, A, 0, NULL), 0);
	assert_int_equal(pt_protect(f->pt, page_va(f, 18), f->granule, A, 0, NULL), 0);
	assert_int_equal(pt_protect(f->pt, page_va(f, 19), f->granule, PT_ATTR_WRITE, 0, NULL), 0);
	ASSERT_FOUND(f, true, 5, 15, PT_TYPE_ALL, flags, { PTW_PFN, 5, 3 }, { PTW_PFN, 8, 1 },
		     { PTW_PFN, 9, 1 }, { PTW_PFN, 10, 1 }, { PTW_PFN, 11, 1 }, { PTW_PFN, 12, 1 },
		     { PTW_PFN, 13, 1 }, { PTW_PFN, 14, 1 }, { PTW_PFN, 15, 1 }, { PTW_PFN, 16, 3 },
		     { PTW_PFN, 19, 1 });
	assert_int_equal(pt_range_walk_start_areas(&walk, f->pt, &area_ops, page_va(f, 15),
						   page_va(f, 20), PT_TYPE_PFN, flags),
			 PTW_PFN);
	assert_int_equal(pt_range_walk_next(&walk), PTW_PFN);
	assert_int_equal(walk.pa, pa);
	assert_int_equal(walk.attr & (PT_ATTR_WRITE | A), A & ~format_lost_attrs(&f->fmt, A));
	assert_int_equal(pt_range_walk_next(&walk), PTW_PFN);
	assert_int_equal(walk.pa, pa + 3 * f->granule);
	assert_int_equal(walk.attr & (PT_ATTR_WRITE | A), PT_ATTR_WRITE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	/* one or the other */
	assert_int_equal(pt_range_walk_start(&walk, f->pt, f->base, f->base, PT_TYPE_ALL,
					     FOLIOS | flags),
			 PTW_ABORT);
	assert_int_equal(pt_range_walk_done(&walk), -EINVAL);
	space_end(f);
}

/* 1.5, 2: the first entry's marks were lost, and young came from the wrong variable. */
static pt_attr_t attr_of(struct fixture *f, size_t first, unsigned int flags)
{
	struct pt_range_walk walk;

	assert_int_equal(pt_range_walk_start(&walk, f->pt, page_va(f, first), page_va(f, first + 4),
					     PT_TYPE_FOLIO, flags | FOLIOS),
			 PTW_FOLIO);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	return walk.attr;
}

static void marks_of_every_entry_are_merged_the_first_too(void **state)
{
	struct fixture *f = *state;
	const pt_attr_t marks = PT_ATTR_WRITE | A;

	space_begin(f);
	for (size_t i = 0; i < 4; i++) {
		pt_pa_t pa = folio(f, 2);

		/* one of four is writable and young */
		map(f, 8 * i, pa, 4, RX);
		assert_int_equal(
			pt_protect(f->pt, page_va(f, 8 * i + i), f->granule, marks, 0, NULL), 0);
		ASSERT_FOUND(f, false, 8 * i, 4, PT_TYPE_ALL, FOLIOS, { PTW_FOLIO, 8 * i, 4 });
		assert_int_equal(attr_of(f, 8 * i, 0) & (marks | RX),
				 (marks | RX) & ~format_lost_attrs(&f->fmt, A));
	}
	/* nothing is invented */
	map(f, 40, folio(f, 2), 4, RX);
	assert_int_equal(attr_of(f, 40, 0) & marks, 0);
	/* respected, it splits runs */
	ASSERT_FOUND(f, false, 16, 4, PT_TYPE_ALL, FOLIOS | PT_WALK_RESPECT_WRITE,
		     { PTW_FOLIO, 16, 2 }, { PTW_FOLIO, 18, 1 }, { PTW_FOLIO, 19, 1 });
	if (!format_lost_attrs(&f->fmt, A)) {
		assert_int_equal(pt_protect(f->pt, page_va(f, 16), 4 * f->granule, PT_ATTR_WRITE, 0,
					    NULL),
				 0);
		ASSERT_FOUND(f, false, 16, 4, PT_TYPE_ALL, FOLIOS | PT_WALK_RESPECT_WRITE,
			     { PTW_FOLIO, 16, 4 });
		ASSERT_FOUND(f, false, 16, 4, PT_TYPE_ALL, FOLIOS | PT_WALK_RESPECT_AD,
			     { PTW_FOLIO, 16, 2 }, { PTW_FOLIO, 18, 1 }, { PTW_FOLIO, 19, 1 });
	}
	space_end(f);
}

/* 1.5, 1: a batch of large leaves ran past the end. */
static void large_leaves_of_a_folio_are_clamped_to_the_range(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	size_t leaf = pages(f, f->leaf1);
	pt_pa_t pa;

	if (f->leaf1 > 2 * MIB || !f->info.can_leaf[1])
		return;
	space_begin(f);
	pa = folio(f, 10);
	assert_int_equal(pt_map(f->pt, f->base, pa, 2 * f->leaf1, RX, NULL), 0);
	assert_int_equal(pt_protect(f->pt, f->base, f->leaf1, PT_ATTR_WRITE, 0, NULL), 0);
	ASSERT_FOUND(f, false, 0, 3 * leaf, PT_TYPE_FOLIO, FOLIOS, { PTW_FOLIO, 0, 2 * leaf });
	ASSERT_FOUND(f, false, 3, leaf, PT_TYPE_FOLIO, FOLIOS, { PTW_FOLIO, 3, leaf });
	assert_int_equal(pt_range_walk_start(&walk, f->pt, page_va(f, 3), page_va(f, leaf),
					     PT_TYPE_ALL, FOLIOS),
			 PTW_FOLIO);
	assert_int_equal(walk.pa, pa + 3 * f->granule);
	assert_int_equal(walk.len, f->leaf1 - 3 * f->granule + 1);
	assert_int_equal(walk.level, 1);
	assert_int_equal(walk.attr & PT_ATTR_WRITE, PT_ATTR_WRITE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	space_end(f);
}

/* The same of a contiguous block of level 1, which no folio here is large enough for. */
static void contiguous_blocks_of_large_leaves_are_clamped_to_the_range(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	uint64_t block;

	if (f->info.nr_levels < 3 || !f->info.contig_lg2[1])
		return;
	block = f->leaf1 << f->info.contig_lg2[1];
	if (3 * block >> f->fmt.pa_bits || f->info.entries_lg2[1] <= f->info.contig_lg2[1])
		return;
	space_begin(f);
	assert_int_equal(pt_map(f->pt, f->base, 0, block, RX, NULL), 0);
	assert_int_equal(pt_range_walk_start(&walk, f->pt, f->base + f->leaf1 + 7,
					     f->base + block - f->leaf1, PT_TYPE_ALL,
					     PT_WALK_LOCKED | FOLIOS),
			 PTW_PFN);
	assert_int_equal(walk.contig_lg2, f->info.contig_lg2[1]);
	assert_int_equal(walk.pa, f->leaf1 + 7);
	assert_int_equal(walk.len, block - 2 * f->leaf1 - 6);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	space_end(f);
}

static void all_types_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	pt_pa_t pa;

	if (format_is_stage2(f->fmt.fmt))
		return;
	space_begin(f);
	pa = folio(f, 0);
	map(f, 0, pa, 1, RX);
	map(f, 1, f->pa + POOL, 1, RX);
	put(f, 2, 3, 0, swap);
	put(f, 5, 2, 0, migration);
	put(f, 7, 1, 0, poison);
	put(f, 8, 1, 0, device);
	put(f, 9, 2, 0, guard);
	ASSERT_FOUND(f, false, 0, 12, PT_TYPE_ALL, FOLIOS, { PTW_FOLIO, 0, 1 }, { PTW_PFN, 1, 1 },
		     { PTW_SWAP, 2, 3 }, { PTW_MIGRATION, 5, 1 }, { PTW_MIGRATION, 6, 1 },
		     { PTW_HWPOISON, 7, 1 }, { PTW_DEVICE, 8, 1 }, { PTW_MARKER, 9, 1 },
		     { PTW_MARKER, 10, 1 }, { PTW_NONE, 11, 1 });
	/* each alone */
	ASSERT_FOUND(f, false, 0, 12, PT_TYPE_FOLIO, FOLIOS, { PTW_FOLIO, 0, 1 });
	ASSERT_FOUND(f, false, 0, 12, PT_TYPE_PFN, FOLIOS, { PTW_PFN, 1, 1 });
	ASSERT_FOUND(f, false, 0, 12, PT_TYPE_SWAP, 0, { PTW_SWAP, 2, 3 });
	ASSERT_FOUND(f, false, 0, 12, PT_TYPE_HWPOISON | PT_TYPE_DEVICE, 0, { PTW_HWPOISON, 7, 1 },
		     { PTW_DEVICE, 8, 1 });
	ASSERT_FOUND(f, false, 0, 12, PT_TYPE_MARKER, PT_WALK_EACH, { PTW_MARKER, 9, 1 },
		     { PTW_MARKER, 10, 1 });
	ASSERT_FOUND(f, false, 0, 12, PT_TYPE_NONE, 0, { PTW_NONE, 11, 1 });
	ASSERT_FOUND(f, false, 3, 1, PT_TYPE_ALL, 0, { PTW_SWAP, 3, 1 });
	assert_int_equal(pt_range_walk_start(&walk, f->pt, page_va(f, 3), page_va(f, 9),
					     PT_TYPE_SWAP | PT_TYPE_MIGRATION, 0),
			 PTW_SWAP);
	assert_int_equal(walk.soft.offset, 101);
	assert_int_equal(pt_range_walk_next(&walk), PTW_MIGRATION);
	assert_int_equal(walk.soft.pfn, 0x4000);
	/* other marks, another offset or device: another run */
	put(f, 3, 1, 0,
	    (struct pt_soft){
		    .kind = PT_SOFT_SWAP, .type = 1, .offset = 101, .flags = PT_SOFT_EXCLUSIVE });
	ASSERT_FOUND(f, false, 2, 3, PT_TYPE_ALL, 0, { PTW_SWAP, 2, 1 }, { PTW_SWAP, 3, 1 },
		     { PTW_SWAP, 4, 1 });
	space_end(f);
}

/* 1.5, 3 and 5: entries of level 1 that nobody asked for, or that do not belong there. */
static void large_words_are_reported_or_passed_over(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	struct pt_step steps[PT_MAX_LEVELS];
	size_t leaf = pages(f, f->leaf1);
	unsigned int nr;
	uint64_t raw;

	if (format_is_stage2(f->fmt.fmt) || !f->info.can_leaf[1])
		return;
	space_begin(f);
	put(f, 0, leaf, 1, device);
	put(f, leaf, leaf, 1, migration);
	map(f, 2 * leaf, folio(f, 0), 1, RX);
	ASSERT_FOUND(f, false, 0, 2 * leaf + 1, PT_TYPE_FOLIO, FOLIOS, { PTW_FOLIO, 2 * leaf, 1 });
	ASSERT_FOUND(f, false, 5, 2 * leaf - 5, PT_TYPE_ALL, 0, { PTW_DEVICE, 5, leaf - 5 },
		     { PTW_MIGRATION, leaf, leaf });
	assert_int_equal(pt_range_walk_start(&walk, f->pt, page_va(f, leaf + 5),
					     page_va(f, leaf + 6), PT_TYPE_ALL, 0),
			 PTW_MIGRATION);
	assert_int_equal(walk.soft.pfn, 0x4005);
	assert_int_equal(walk.size_lg2, f->info.leaf_lg2[1]);
	/* a swap word does not stand at level 1: the walk says so, and goes on */
	assert_int_equal(pt_soft_encode(&space.soft, 0, &swap, &raw), 0);
	assert_int_equal(pt_trace(f->pt, f->base, steps, &nr), -ENOENT);
	assert_int_equal(pt_phys_write(f->phys, steps[nr - 1].table_pa + 8 * steps[nr - 1].index,
				       &raw, 8),
			 0);
	if (f->mode != TEST_CHECKED)
		ASSERT_FOUND(f, false, 0, 2 * leaf + 1, PT_TYPE_ALL, FOLIOS,
			     { PTW_UNKNOWN, 0, leaf }, { PTW_MIGRATION, leaf, leaf },
			     { PTW_FOLIO, 2 * leaf, 1 });
	assert_int_equal(pt_soft_encode(&space.soft, 1, &device, &raw), 0);
	assert_int_equal(pt_phys_write(f->phys, steps[nr - 1].table_pa + 8 * steps[nr - 1].index,
				       &raw, 8),
			 0);
	space_end(f);
}

/* 1.5, 4: pages without a struct page outside PFN maps ended the walk. */
static void special_pages_are_pfn_and_the_walk_goes_on(void **state)
{
	struct fixture *f = *state;
	pt_pa_t pa;

	if (format_is_stage2(f->fmt.fmt))
		return;
	space_begin(f);
	pa = folio(f, 2);
	map(f, 0, pa, 1, RX);
	map(f, 1, pa + f->granule, 1, RX | space.soft.attr_special);
	map(f, 2, pa + 2 * f->granule, 1, RX);
	map(f, 3, f->pa + 2 * POOL, 1, RX); /* no memory there */
	map(f, 4, pa, 1, RX);
	add_area(f, 0, 4, PT_AREA_WALK);
	add_area(f, 4, 1, PT_AREA_WALK);
	space.area[1].flags = PT_AREA_PFN_MAP;
	ASSERT_FOUND(f, true, 0, 5, PT_TYPE_ALL, 0, { PTW_FOLIO, 0, 1 }, { PTW_PFN, 1, 1 },
		     { PTW_FOLIO, 2, 1 }, { PTW_PFN, 3, 1 }, { PTW_PFN, 4, 1 });
	space_end(f);
}

/* 1.5, 6: large leaves without folios lost their marks. */
static void large_pfn_leaves_have_their_marks(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;

	if (!f->info.can_leaf[1])
		return;
	space_begin(f);
	assert_int_equal(pt_map(f->pt, f->base, f->pa, f->leaf1, RWX | A, NULL), 0);
	assert_int_equal(pt_range_walk_start(&walk, f->pt, f->base, f->base, PT_TYPE_ALL, FOLIOS),
			 PTW_PFN);
	assert_int_equal(walk.level, 1);
	assert_int_equal(walk.attr & (RWX | A), (RWX | A) & ~format_lost_attrs(&f->fmt, A));
	space_end(f);
}

/* 1.5, 7 and 8: holes at the top were never reported, and came without their word. */
static void holes_of_every_level_are_found_with_locks_too(void **state)
{
	struct fixture *f = *state;
	unsigned int top = f->info.nr_levels - 1;
	struct pt_range_walk walk;

	space_begin(f);
	assert_int_equal(pt_range_walk_start(&walk, f->pt, f->base, f->base + 1, PT_TYPE_ALL,
					     PT_WALK_LOCKED),
			 PTW_NONE);
	assert_int_equal(walk.level, top);
	assert_int_equal(walk.size_lg2, f->info.leaf_lg2[top]);
	assert_int_equal(walk.len, 2);
	assert_int_equal(walk.raw, 0);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	for (unsigned int level = 0; level < top; level++) {
		assert_int_equal(pt_populate(f->pt, f->base, f->granule, top - 1 - level, NULL), 0);
		assert_int_equal(pt_range_walk_start(&walk, f->pt, f->base, f->base, PT_TYPE_ALL,
						     PT_WALK_LOCKED),
				 PTW_NONE);
		assert_int_equal(walk.level, top - 1 - level);
		assert_int_equal(pt_range_walk_done(&walk), 0);
	}
	space_end(f);
}

/* What the run before was must not be read into it, with locks or without. */
static void a_hole_says_nothing_of_the_run_before(void **state)
{
	struct fixture *f = *state;
	const bool soft = !format_is_stage2(f->fmt.fmt);
	struct pt_range_walk walk;

	space_begin(f);
	map(f, 0, folio(f, 0), 1, RWX | A);
	if (soft)
		put(f, 2, 1, 0, swap);
	for (unsigned int locked = 0; locked < 2; locked++) {
		assert_int_equal(pt_range_walk_start(&walk, f->pt, f->base, page_va(f, 4) - 1,
						     PT_TYPE_ALL,
						     FOLIOS | (locked ? PT_WALK_LOCKED : 0)),
				 PTW_FOLIO);
		for (size_t i = 1; i < 4; i += 2) {
			assert_int_equal(pt_range_walk_next(&walk), PTW_NONE);
			assert_int_equal(walk.va, page_va(f, i));
			assert_int_equal(walk.raw, 0);
			assert_int_equal(walk.level, 0);
			assert_int_equal(walk.size_lg2, f->info.granule_lg2);
			assert_int_equal(walk.contig_lg2, 0);
			assert_false(walk.hidden);
			if (!soft)
				break;
			if (i == 1)
				assert_int_equal(pt_range_walk_next(&walk), PTW_SWAP);
		}
		assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
		assert_int_equal(pt_range_walk_done(&walk), 0);
	}
	space_end(f);
}

/* Each entry of a block of large leaves in turn has been used; the walk says so of the block. */
static void marks_of_large_blocks_are_merged_the_first_too(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	uint64_t block;

	if (f->info.nr_levels < 3 || !f->info.contig_lg2[1] || format_lost_attrs(&f->fmt, A))
		return;
	block = f->leaf1 << f->info.contig_lg2[1];
	if (3 * block >> f->fmt.pa_bits || f->info.entries_lg2[1] <= f->info.contig_lg2[1])
		return;
	space_begin(f);
	assert_int_equal(pt_map(f->pt, f->base, 0, block, RX, NULL), 0);
	for (uint64_t at = 0; at < block; at += f->leaf1) {
		struct pt_step steps[PT_MAX_LEVELS];
		unsigned int nr;
		uint64_t raw, used;
		pt_pa_t word;

		assert_int_equal(pt_trace(f->pt, f->base + at, steps, &nr), 0);
		raw = steps[nr - 1].raw;
		used = raw | UINT64_C(1) << 10; /* AF */
		word = steps[nr - 1].table_pa + 8 * steps[nr - 1].index;
		for (unsigned int is_used = 0; is_used < 2; is_used++) {
			assert_int_equal(pt_phys_write(f->phys, word, is_used ? &used : &raw, 8),
					 0);
			assert_int_equal(pt_range_walk_start(&walk, f->pt, f->base,
							     f->base + block - 1, PT_TYPE_ALL,
							     FOLIOS),
					 PTW_PFN);
			assert_int_equal(walk.len, block);
			assert_int_equal(!!(walk.attr & A), is_used);
			assert_int_equal(pt_range_walk_done(&walk), 0);
		}
		assert_int_equal(pt_phys_write(f->phys, word, &raw, 8), 0);
	}
	space_end(f);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(a_run_ends_with_its_folio, NEEDS_3_LEVELS),
		TEST_ON(runs_cross_folios_where_nobody_asks_for_them, NEEDS_3_LEVELS),
		TEST_ON(marks_of_every_entry_are_merged_the_first_too, NEEDS_3_LEVELS),
		TEST_ON(large_leaves_of_a_folio_are_clamped_to_the_range, NEEDS_3_LEVELS),
		TEST_ON(contiguous_blocks_of_large_leaves_are_clamped_to_the_range, NEEDS_3_LEVELS),
		TEST_ON(all_types_are_told_apart, NEEDS_3_LEVELS),
		TEST_ON(large_words_are_reported_or_passed_over, NEEDS_3_LEVELS),
		TEST_ON(special_pages_are_pfn_and_the_walk_goes_on, NEEDS_3_LEVELS),
		TEST_ON(large_pfn_leaves_have_their_marks, NEEDS_3_LEVELS),
		TEST_ON(holes_of_every_level_are_found_with_locks_too, NEEDS_3_LEVELS),
		TEST_ON(a_hole_says_nothing_of_the_run_before, NEEDS_3_LEVELS),
		TEST_ON(marks_of_large_blocks_are_merged_the_first_too, NEEDS_3_LEVELS),
	};

	return RUN_ON_ALL("walk of address spaces", tests);
}
