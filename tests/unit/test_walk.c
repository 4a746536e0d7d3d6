/* SPDX-License-Identifier: MIT */
/* pt_range_walk: every address once, in order, as what it is. */
#include "unit/walk.h"

static void batches_equal_neighbours(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 1, 3, 1, RWX);
	do_map_small(f, 4, 2, 4, RX); /* other rights */
	do_map_small(f, 6, 2, 7, RX); /* not where it would go on */
	do_map_small(f, 9, 1, 9, RX);
	ASSERT_RUNS(f, 0, 11, PT_TYPE_ALL, 0, { PTW_NONE, 0, 1, 0 }, { PTW_PFN, 1, 3, 1 },
		    { PTW_PFN, 4, 2, 4 }, { PTW_PFN, 6, 2, 7 }, { PTW_NONE, 8, 1, 0 },
		    { PTW_PFN, 9, 1, 9 }, { PTW_NONE, 10, 1, 0 });
	agree(f);
}

static void reports_each_entry_when_told(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 1, 3, 1, RWX);
	ASSERT_RUNS(f, 0, 5, PT_TYPE_ALL, PT_WALK_EACH, { PTW_NONE, 0, 1, 0 }, { PTW_PFN, 1, 1, 1 },
		    { PTW_PFN, 2, 1, 2 }, { PTW_PFN, 3, 1, 3 }, { PTW_NONE, 4, 1, 0 });
}

static void passes_over_types_not_asked_for(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 1, 2, 1, RWX);
	do_map_small(f, 4, 1, 4, RWX);
	do_map_small(f, 5, 1, 0, RWX);
	write_word(f, word_pa(f, page_va(f, 5)), RAW_SOFT);
	ASSERT_RUNS(f, 0, 8, PT_TYPE_PFN, 0, { PTW_PFN, 1, 2, 1 }, { PTW_PFN, 4, 1, 4 });
	ASSERT_RUNS(f, 0, 7, PT_TYPE_NONE, 0, { PTW_NONE, 0, 1, 0 }, { PTW_NONE, 3, 1, 0 },
		    { PTW_NONE, 6, 1, 0 });
	ASSERT_RUNS(f, 0, 7, PT_TYPE_UNKNOWN, 0, { PTW_UNKNOWN, 5, 1, 0 });
	ASSERT_RUNS(f, 0, 7, PT_TYPE_UNKNOWN | PT_TYPE_PFN, PT_WALK_EACH, { PTW_PFN, 1, 1, 1 },
		    { PTW_PFN, 2, 1, 2 }, { PTW_PFN, 4, 1, 4 }, { PTW_UNKNOWN, 5, 1, 0 });
	/* types of an address space, which a bare table does not know */
	assert_runs(f, 0, 8, PT_TYPE_FOLIO | PT_TYPE_SWAP | PT_TYPE_MIGRATION, 0, NULL, 0);
	assert_runs(f, 0, 8, 0, 0, NULL, 0);
}

/* Both ends cut runs, pages and large leaves, to the byte. */
static void clamps_to_the_byte_at_both_ends(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	pt_va_t first = page_va(f, 0) + 5, last = page_va(f, 1) + 7;

	do_map_small(f, 0, 2, 0, RWX);
	assert_int_equal(walk_start(&walk, f->pt, first, last, PT_TYPE_ALL, 0), PTW_PFN);
	assert_int_equal(walk.va, first);
	assert_int_equal(walk.len, last - first + 1);
	assert_int_equal(walk.pa, page_pa(f, 0) + 5);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);

	/* one byte */
	assert_int_equal(walk_start(&walk, f->pt, last, last, PT_TYPE_ALL, 0), PTW_PFN);
	assert_int_equal(walk.len, 1);
	assert_int_equal(walk.pa, page_pa(f, 1) + 7);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);

	do_unmap(f, 0, 2, 0);
	assert_int_equal(walk_start(&walk, f->pt, first, last, PT_TYPE_ALL, 0), PTW_NONE);
	assert_int_equal(walk.va, first);
	assert_int_equal(walk.len, last - first + 1);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
}

static void clamps_large_leaves(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_range_walk walk;

	do_map(f, n, 2 * n, n, RWX);
	for (unsigned int flags = 0; flags <= PT_WALK_EACH; flags++) {
		assert_int_equal(walk_start(&walk, f->pt, page_va(f, n + 3),
					    page_va(f, 3 * n - 2) - 1, PT_TYPE_ALL, flags),
				 PTW_PFN);
		assert_int_equal(walk.va, page_va(f, n + 3));
		assert_int_equal(walk.pa, page_pa(f, n + 3));
		assert_int_equal(walk.level, 1);
		assert_int_equal(walk.size_lg2, lg2(f->leaf1));
		if (flags) {
			assert_int_equal(walk.len, (n - 3) * f->granule);
			assert_int_equal(pt_range_walk_next(&walk), PTW_PFN);
			assert_int_equal(walk.va, page_va(f, 2 * n));
			assert_int_equal(walk.pa, page_pa(f, 2 * n));
			assert_int_equal(walk.len, (n - 2) * f->granule);
		} else {
			assert_int_equal(walk.len, (2 * n - 5) * f->granule);
		}
		assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
		assert_int_equal(pt_range_walk_done(&walk), 0);
	}
}

static void runs_go_on_in_the_next_table(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map_small(f, n - 2, n + 4, 2, RWX);
	ASSERT_RUNS(f, n - 3, n + 6, PT_TYPE_ALL, 0, { PTW_NONE, n - 3, 1, 0 },
		    { PTW_PFN, n - 2, n + 4, 2 }, { PTW_NONE, 2 * n + 2, 1, 0 });
}

/* A run has entries of one level: what goes on in smaller leaves is another run. */
static void a_change_of_leaf_size_ends_a_run(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map_flags(f, n, n, page_pa(f, n), RWX, PT_CHANGE_NO_CONTIG, 0);
	do_map_small(f, n - 1, 1, n - 1, RWX);
	do_map_small(f, 2 * n, 1, 2 * n, RWX);
	ASSERT_RUNS(f, n - 1, n + 2, PT_TYPE_ALL, 0, { PTW_PFN, n - 1, 1, n - 1 },
		    { PTW_PFN, n, n, n }, { PTW_PFN, 2 * n, 1, 2 * n });
}

static void a_block_is_not_one_run_with_plain_entries(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map(f, b, 2 * b, b, RWX);
	do_map_small(f, 3 * b, 2, 3 * b, RWX);
	ASSERT_RUNS(f, b, 2 * b + 2, PT_TYPE_ALL, 0, { PTW_PFN, b, 2 * b, b },
		    { PTW_PFN, 3 * b, 2, 3 * b });
}

/*
 * A hole is as large as the entry it is found in. An empty table has one hole, in its top
 * entries; mapping one page leaves holes of every level beside it.
 */
static void reports_holes_at_every_level(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	pt_va_t first = f->info.first;
	unsigned int top = f->info.nr_levels - 1, seen = 0;
	uint64_t before = 0, after = 0;
	pt_va_t va = f->base + f->granule, limit;

	if (fixture_has_gap(f))
		limit = (UINT64_C(1) << (f->fmt.va_bits - 1)) - 1;
	else
		limit = f->info.last;
	assert_int_equal(walk_start(&walk, f->pt, first, limit, PT_TYPE_ALL, 0), PTW_NONE);
	assert_int_equal(walk.va, first);
	assert_int_equal(walk.len, limit - first + 1);
	assert_int_equal(walk.level, top);
	assert_int_equal(walk.size_lg2, f->info.leaf_lg2[top]);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);

	do_map_small(f, 1, 1, 1, RWX);
	for (enum pt_range_walk_type type = walk_start(&walk, f->pt, first, limit, PT_TYPE_NONE, 0);
	     type != PTW_DONE; type = pt_range_walk_next(&walk)) {
		assert_int_equal(type, PTW_NONE);
		assert_int_equal(walk.size_lg2, f->info.leaf_lg2[walk.level]);
		assert_int_equal(walk.va & ((UINT64_C(1) << walk.size_lg2) - 1), 0);
		seen |= 1u << walk.level;
		if (walk.va < va)
			before += walk.len;
		else
			after += walk.len;
	}
	assert_int_equal(before, va - first);
	assert_int_equal(after, limit - (va + f->granule - 1));
	assert_int_equal(seen, (1u << f->info.nr_levels) - 1);
}

static void never_misses_the_last_page(void **state)
{
	struct fixture *f = *state;
	pt_va_t va = f->info.last - (f->granule - 1);
	struct pt_range_walk walk;

	assert_int_equal(pt_map(f->pt, va, page_pa(f, 0), f->granule, RWX, NULL), 0);
	for (unsigned int flags = 0; flags <= PT_WALK_EACH; flags++) {
		assert_int_equal(walk_start(&walk, f->pt, 0, UINT64_MAX, PT_TYPE_PFN, flags),
				 PTW_PFN);
		assert_int_equal(walk.va, va);
		assert_int_equal(walk.len, f->granule);
		assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
		assert_int_equal(pt_range_walk_done(&walk), 0);
		assert_int_equal(walk_start(&walk, f->pt, UINT64_MAX, UINT64_MAX, PT_TYPE_ALL,
					    flags),
				 f->info.last == UINT64_MAX ? PTW_PFN : PTW_DONE);
		assert_int_equal(pt_range_walk_done(&walk), 0);
	}
	assert_int_equal(walk_start(&walk, f->pt, f->info.last, f->info.last, PT_TYPE_ALL, 0),
			 PTW_PFN);
	assert_int_equal(walk.va, f->info.last);
	assert_int_equal(walk.len, 1);
	assert_int_equal(walk.pa, page_pa(f, 1) - 1);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
}

/* What is no address of the table is passed over silently, by walks of all 64 bits too. */
static void walks_everything_there_is(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	pt_va_t next = f->info.first;
	bool gone_over = false;

	do_map_small(f, 0, 1, 0, RWX);
	for (type = walk_start(&walk, f->pt, 0, UINT64_MAX, PT_TYPE_ALL, 0); type != PTW_DONE;
	     type = pt_range_walk_next(&walk)) {
		if (fixture_has_gap(f) && next == UINT64_C(1) << (f->fmt.va_bits - 1)) {
			next = -next;
			gone_over = true;
		}
		assert_int_equal(walk.va, next);
		next += walk.len;
	}
	assert_int_equal(next, f->info.last + 1);
	assert_int_equal(gone_over, fixture_has_gap(f));
	assert_int_equal(pt_range_walk_done(&walk), 0);
}

static void finds_nothing_outside_the_input_range(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	pt_va_t first = fixture_has_gap(f)  ? UINT64_C(1) << (f->fmt.va_bits - 1)
			: f->fmt.upper_half ? 0
					    : f->info.last + 1;
	pt_va_t last = fixture_has_gap(f)  ? -first - 1
		       : f->fmt.upper_half ? f->info.first - 1
					   : UINT64_MAX;

	assert_int_equal(walk_start(&walk, f->pt, first, last, PT_TYPE_ALL, 0), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	assert_int_equal(walk_start(&walk, f->pt, first + 5, first + 5, PT_TYPE_ALL, 0), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
}

/* The gap is between two addresses that no run may join. */
static void x86_runs_stop_at_the_gap(void **state)
{
	struct fixture *f = *state;
	pt_va_t low = (UINT64_C(1) << (f->fmt.va_bits - 1)) - f->granule, high = -low - f->granule;
	struct pt_range_walk walk;

	high = ~(low + f->granule - 1);
	assert_int_equal(pt_map(f->pt, low, page_pa(f, 0), f->granule, RWX, NULL), 0);
	assert_int_equal(pt_map(f->pt, high, page_pa(f, 1), f->granule, RWX, NULL), 0);
	assert_int_equal(walk_start(&walk, f->pt, 0, UINT64_MAX, PT_TYPE_PFN, 0), PTW_PFN);
	assert_int_equal(walk.va, low);
	assert_int_equal(walk.len, f->granule);
	assert_int_equal(pt_range_walk_next(&walk), PTW_PFN);
	assert_int_equal(walk.va, high);
	assert_int_equal(walk.len, f->granule);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	/* a walk that begins and ends in it */
	assert_int_equal(walk_start(&walk, f->pt, low + 7, high + 7, PT_TYPE_ALL, 0), PTW_PFN);
	assert_int_equal(walk.len, f->granule - 7);
	assert_int_equal(pt_range_walk_next(&walk), PTW_PFN);
	assert_int_equal(walk.va, high);
	assert_int_equal(walk.len, 8);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
}

/* A leaf that ends where the output range ends is followed by a hole, not by itself. */
static void a_run_ends_with_the_output_range(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	pt_pa_t end = UINT64_C(1) << f->fmt.pa_bits;

	do_map_flags(f, 0, 1, end - f->granule, RWX, 0, 0);
	assert_int_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 2) - 1, PT_TYPE_ALL, 0),
			 PTW_PFN);
	assert_int_equal(walk.len, f->granule);
	assert_int_equal(pt_range_walk_next(&walk), PTW_NONE);
	assert_int_equal(walk.va, page_va(f, 1));
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	/* nor by the first page of the range */
	do_map_flags(f, 1, 1, 0, RWX, 0, 0);
	assert_int_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 2) - 1, PT_TYPE_ALL, 0),
			 PTW_PFN);
	assert_int_equal(walk.len, f->granule);
	assert_int_equal(pt_range_walk_next(&walk), PTW_PFN);
	assert_int_equal(walk.pa, 0);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
}

static void respects_accessed_and_dirty_when_told(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 0, 4, 0, RWX);
	ref_observe(&f->ref, f->pt, false);
	touch(f, 1, PT_ATTR_ACCESSED);
	touch(f, 2, PT_ATTR_ACCESSED);
	ASSERT_RUNS(f, 0, 4, PT_TYPE_ALL, 0, { PTW_PFN, 0, 4, 0 });
	ASSERT_RUNS(f, 0, 4, PT_TYPE_ALL, PT_WALK_RESPECT_AD, { PTW_PFN, 0, 1, 0 },
		    { PTW_PFN, 1, 2, 1 }, { PTW_PFN, 3, 1, 3 });
}

/* "Accessed and dirty are merged over the run": one page's are the whole run's. */
static void merges_accessed_and_dirty_over_the_run(void **state)
{
	struct fixture *f = *state;
	pt_attr_t ad = PT_ATTR_ACCESSED | PT_ATTR_DIRTY;
	struct pt_range_walk walk;

	for (size_t i = 0; i < 4; i++) {
		do_map_small(f, 0, 4, 0, RWX);
		ref_observe(&f->ref, f->pt, false);
		touch(f, i, ad);
		assert_int_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 4) - 1,
					    PT_TYPE_ALL, 0),
				 PTW_PFN);
		assert_int_equal(walk.len, 4 * f->granule);
		assert_int_equal(walk.attr, ref_attr(&f->fmt, RWX | ad));
		assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
		do_unmap(f, 0, 4, 0);
	}
}

static void ignores_software_bits_when_told(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;

	do_map_small(f, 0, 1, 0, RWX | PT_ATTR_SW(1));
	do_map_small(f, 1, 1, 1, RWX | PT_ATTR_SW(2));
	ASSERT_RUNS(f, 0, 2, PT_TYPE_ALL, 0, { PTW_PFN, 0, 1, 0 }, { PTW_PFN, 1, 1, 1 });
	ASSERT_RUNS(f, 0, 2, PT_TYPE_ALL, PT_WALK_IGNORE_SW, { PTW_PFN, 0, 2, 0 });
	assert_int_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 2) - 1, PT_TYPE_ALL,
				    PT_WALK_IGNORE_SW),
			 PTW_PFN);
	assert_int_equal(pt_attr_sw(walk.attr), 1); /* the first entry's */
	assert_int_equal(pt_range_walk_done(&walk), 0);
}

/* Bits that no attribute names do not split runs. */
static void ignores_bits_that_are_no_attributes(void **state)
{
	struct fixture *f = *state;
	uint64_t extra = fixture_ignored_bits(f);
	pt_pa_t pa;

	do_map_small(f, 0, 3, 0, RWX);
	pa = word_pa(f, page_va(f, 1));
	write_word(f, pa, read_word(f, pa) | extra);
	ASSERT_RUNS(f, 0, 3, PT_TYPE_ALL, 0, { PTW_PFN, 0, 3, 0 });
}

static void effective_attributes_are_what_the_levels_above_leave(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_range_walk walk;
	unsigned int nr;
	pt_pa_t pa;
	pt_attr_t attr = ref_attr(&f->fmt, RWX | another_attr(f)), want = attr;

	do_map_small(f, 0, 2, 0, RWX | another_attr(f));
	assert_int_equal(pt_trace(f->pt, page_va(f, 0), steps, &nr), 0);
	pa = steps[0].table_pa + 8 * steps[0].index;
	if (f->fmt.fmt == PT_FMT_X86_EPT) {
		/* R, W and XU away: XU is nobody's without mode-based execute control */
		write_word(f, pa, steps[0].raw & ~UINT64_C(0x403));
		want &= ~PT_ATTR_RW;
		if (!(f->fmt.features & PT_FEAT_EXEC_ONLY)) {
			write_word(f, pa, steps[0].raw & ~UINT64_C(0x402));
			want |= PT_ATTR_READ;
		}
	} else if (format_is_stage2(f->fmt.fmt)) {
		/* nothing that a table entry says counts */
		write_word(f, pa, steps[0].raw | UINT64_C(0xfff) << 52);
	} else if (fixture_is_x86(f)) {
		/* RW, US away, and XD if there is one */
		bool nx = f->fmt.features & PT_FEAT_NX;

		write_word(f, pa, (steps[0].raw & ~UINT64_C(6)) | (uint64_t)nx << 63);
		want &= ~(PT_ATTR_WRITE | PT_ATTR_USER | (nx ? PT_ATTR_EXEC : 0));
	} else {
		/* UXNTable, APTable: no EL0 access, read-only; without HPD they do not count */
		write_word(f, pa, steps[0].raw | UINT64_C(7) << 60);
		if (f->fmt.features & PT_FEAT_NO_HPD)
			want &= ~(PT_ATTR_WRITE | PT_ATTR_USER | PT_ATTR_EXEC | PT_ATTR_DIRTY);
	}
	assert_int_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 2) - 1, PT_TYPE_ALL,
				    PT_WALK_EFFECTIVE),
			 PTW_PFN);
	assert_int_equal(walk.attr, want);
	assert_int_equal(walk.len, 2 * f->granule);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	assert_int_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 2) - 1, PT_TYPE_ALL, 0),
			 PTW_PFN);
	assert_int_equal(walk.attr, attr);
	assert_int_equal(pt_range_walk_done(&walk), 0);
}

/* Under two tables with different limits, one run of leaves is two of effective ones. */
static void different_limits_split_effective_runs(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	if (!raw_limits(&f->fmt))
		skip();
	do_map_small(f, n - 2, 4, 0, RWX);
	assert_int_equal(pt_trace(f->pt, page_va(f, n), steps, &nr), 0);
	write_word(f, steps[nr - 2].table_pa + 8 * steps[nr - 2].index,
		   fixture_is_x86(f) ? steps[nr - 2].raw & ~UINT64_C(2)
				     : steps[nr - 2].raw | UINT64_C(1) << 62);
	ASSERT_RUNS(f, n - 2, 4, PT_TYPE_ALL, 0, { PTW_PFN, n - 2, 4, 0 });
	ASSERT_RUNS(f, n - 2, 4, PT_TYPE_ALL, PT_WALK_EFFECTIVE, { PTW_PFN, n - 2, 2, 0 },
		    { PTW_PFN, n, 2, 2 });
}

/* What tables let through says nothing of holes; they were split where it changes. */
static void limits_do_not_split_holes(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	if (!raw_limits(&f->fmt))
		skip();
	do_map_small(f, n - 3, 6, 0, RWX);
	assert_int_equal(pt_trace(f->pt, page_va(f, n), steps, &nr), 0);
	write_word(f, steps[nr - 2].table_pa + 8 * steps[nr - 2].index,
		   fixture_is_x86(f) ? steps[nr - 2].raw & ~UINT64_C(2)
				     : steps[nr - 2].raw | UINT64_C(1) << 62);
	assert_int_equal(pt_unmap(f->pt, page_va(f, n - 2), 4 * f->granule, NULL), 0);
	ASSERT_RUNS(f, n - 3, 6, PT_TYPE_ALL, PT_WALK_EFFECTIVE, { PTW_PFN, n - 3, 1, 0 },
		    { PTW_NONE, n - 2, 4, 0 }, { PTW_PFN, n + 2, 1, 5 });
}

static void refuses_what_is_no_walk(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;

	assert_int_equal(walk_start(&walk, f->pt, 1, 0, PT_TYPE_ALL, 0), PTW_ABORT);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_clear(&walk, NULL), -EINVAL);
	assert_int_equal(pt_range_walk_done(&walk), -EINVAL);
	assert_int_equal(walk_start(&walk, f->pt, 0, 1, PT_TYPE_ALL + 1, 0), PTW_ABORT);
	assert_int_equal(pt_range_walk_done(&walk), -EINVAL);
	assert_int_equal(walk_start(&walk, f->pt, 0, 1, PT_TYPE_ALL, 1u << 31), PTW_ABORT);
	assert_int_equal(pt_range_walk_done(&walk), -EINVAL);
}

/* Every alignment of both ends against a pattern with all sizes, checked by the model. */
static void every_window_of_a_pattern_is_right(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), b = pages(f, f->block);
	const size_t edge[] = { n - b - 2, n - b - 1, n - b,	 n - 1,	       n, n + 3, 2 * n - 1,
				2 * n,	   2 * n + 1, 2 * n + b, 2 * n + b + 2 };
	size_t nr = sizeof(edge) / sizeof(edge[0]);

	do_map(f, n - b - 1, n + 2 * b + 2, n - b - 1, RWX);
	do_protect(f, 2 * n + 1, 1, 0, PT_ATTR_WRITE, 0);
	ref_observe(&f->ref, f->pt, false);
	for (size_t i = 0; i < nr; i++)
		for (size_t j = i + 1; j < nr; j++)
			for (unsigned int flags = 0; flags < 2; flags++) {
				struct pt_range_walk walk;
				enum pt_range_walk_type type;
				pt_va_t first = page_va(f, edge[i]) + (i & 1 ? 9 : 0);
				pt_va_t last = page_va(f, edge[j]) - (j & 1 ? 5 : 1), next = first;

				if (first > last) /* x86: blocks of one page */
					continue;
				for (type = walk_start(&walk, f->pt, first, last, PT_TYPE_ALL,
						       flags);
				     type != PTW_DONE; type = pt_range_walk_next(&walk)) {
					assert_int_equal(walk.va, next);
					assert_true(ref_check_run(&f->ref, &walk, type, flags));
					next += walk.len;
				}
				assert_int_equal(next, last + 1);
			}
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(batches_equal_neighbours, NEEDS_2_LEVELS),
		TEST_ON(reports_each_entry_when_told, NEEDS_2_LEVELS),
		TEST_ON(passes_over_types_not_asked_for, NEEDS_2_LEVELS),
		TEST(clamps_to_the_byte_at_both_ends),
		TEST_ON(clamps_large_leaves, NEEDS_2_LEVELS),
		TEST_ON(runs_go_on_in_the_next_table, NEEDS_2_LEVELS),
		TEST_ON(a_change_of_leaf_size_ends_a_run, NEEDS_2_LEVELS),
		TEST_ON(a_block_is_not_one_run_with_plain_entries, NEEDS_CONTIG),
		TEST(reports_holes_at_every_level),
		TEST(never_misses_the_last_page),
		TEST(walks_everything_there_is),
		TEST(finds_nothing_outside_the_input_range),
		TEST_ON(x86_runs_stop_at_the_gap, NEEDS_X86_64),
		TEST(a_run_ends_with_the_output_range),
		TEST_ON(respects_accessed_and_dirty_when_told, NEEDS_ACCESSED | NEEDS_2_LEVELS),
		TEST_ON(merges_accessed_and_dirty_over_the_run, NEEDS_2_LEVELS),
		TEST(ignores_software_bits_when_told),
		TEST_ON(ignores_bits_that_are_no_attributes, NEEDS_2_LEVELS),
		TEST_ON(effective_attributes_are_what_the_levels_above_leave, NEEDS_2_LEVELS),
		TEST_ON(different_limits_split_effective_runs, NEEDS_2_LEVELS),
		TEST_ON(limits_do_not_split_holes, NEEDS_2_LEVELS),
		TEST(refuses_what_is_no_walk),
		TEST_ON(every_window_of_a_pattern_is_right, NEEDS_2_LEVELS),
	};

	return RUN_WALKS("walk", tests);
}
