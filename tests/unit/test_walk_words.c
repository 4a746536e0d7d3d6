/* SPDX-License-Identifier: MIT */
/* pt_range_walk over words that are neither leaves nor good tables. */
#include "unit/walk.h"

static void unknown_words_come_with_their_raw_value(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;

	do_map_small(f, 0, 2, 0, RWX);
	write_word(f, word_pa(f, page_va(f, 0)), RAW_SOFT);
	write_word(f, word_pa(f, page_va(f, 1)), RAW_SOFT);
	for (unsigned int flags = 0; flags <= PT_WALK_EACH; flags++) {
		assert_int_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 2) - 1,
					    PT_TYPE_ALL, flags),
				 PTW_UNKNOWN);
		assert_int_equal(walk.raw, RAW_SOFT);
		assert_int_equal(walk.va, page_va(f, 0));
		assert_int_equal(walk.level, 0);
		/* equal words need not be neighbours: one at a time */
		assert_int_equal(walk.len, f->granule);
		assert_int_equal(pt_range_walk_next(&walk), PTW_UNKNOWN);
		assert_int_equal(walk.va, page_va(f, 1));
		assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
		assert_int_equal(pt_range_walk_done(&walk), 0);
	}
}

static void unknown_words_are_found_at_every_level(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_range_walk walk;
	unsigned int nr;

	do_map_small(f, 0, 1, 0, RWX);
	assert_int_equal(pt_trace(f->pt, page_va(f, 0), steps, &nr), 0);
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int level = steps[i].level;
		uint64_t size = UINT64_C(1) << f->info.leaf_lg2[level];
		pt_va_t va = f->base & ~(size - 1);

		write_word(f, steps[i].table_pa + 8 * steps[i].index, RAW_SOFT);
		assert_int_equal(walk_start(&walk, f->pt, va, va + (size - 1), PT_TYPE_ALL, 0),
				 PTW_UNKNOWN);
		assert_int_equal(walk.va, va);
		assert_int_equal(walk.len, size);
		assert_int_equal(walk.level, level);
		assert_int_equal(walk.raw, RAW_SOFT);
		assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
		write_word(f, steps[i].table_pa + 8 * steps[i].index, steps[i].raw);
	}
}

static void stray_accessed_and_dirty_bits_are_holes(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;

	do_map_small(f, 0, 3, 0, RWX);
	for (size_t i = 0; i < 3; i++)
		write_word(f, word_pa(f, page_va(f, i)), 0x20 * (i + 1));
	assert_int_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 3) - 1, PT_TYPE_ALL, 0),
			 PTW_NONE);
	assert_int_equal(walk.len, 3 * f->granule);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	/* and may be mapped over */
	ref_unmap(&f->ref, 0, 3);
	do_map_small(f, 0, 3, 5, RWX);
	assert_int_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 3) - 1, PT_TYPE_ALL, 0),
			 PTW_PFN);
	assert_int_equal(walk.attr, RWX);
}

static void illegal_words_say_why(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	uint64_t raw = raw_reserved(&f->fmt, 0);
	enum pt_illegal why = PT_ILLEGAL_RESERVED;

	if (!raw) {
		raw = raw_beyond(&f->fmt, 0);
		why = PT_ILLEGAL_WIDTH;
	}
	if (!raw)
		skip();
	do_map_small(f, 0, 2, 0, RWX);
	write_word(f, word_pa(f, page_va(f, 1)), raw);
	assert_int_equal(walk_start(&walk, f->pt, page_va(f, 1), page_va(f, 2) - 1, PT_TYPE_ALL, 0),
			 PTW_ILLEGAL);
	assert_int_equal(walk.raw, raw);
	assert_int_equal(walk.why, why);
	assert_int_equal(walk.va, page_va(f, 1));
	assert_int_equal(walk.len, f->granule);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 2) - 1,
				    PT_TYPE_ALL & ~PT_TYPE_ILLEGAL, 0),
			 PTW_PFN);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
}

/* A table that points at itself or out of memory is one illegal entry, and no way down. */
static void bad_tables_are_illegal_entries(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_range_walk walk;
	unsigned int nr;

	do_map_small(f, 0, 1, 0, RWX);
	assert_int_equal(pt_trace(f->pt, page_va(f, 0), steps, &nr), 0);
	for (unsigned int i = 0; i + 1 < nr; i++)
		for (unsigned int bad = 0; bad < 2; bad++) {
			pt_pa_t pa = steps[i].table_pa + 8 * steps[i].index;
			uint64_t size = UINT64_C(1) << f->info.leaf_lg2[steps[i].level];
			pt_va_t va = f->base & ~(size - 1);
			uint64_t raw = raw_table(&f->fmt, bad ? steps[i].table_pa : 0);

			write_word(f, pa, raw);
			assert_int_equal(walk_start(&walk, f->pt, va, va + (size - 1), PT_TYPE_ALL,
						    0),
					 PTW_ILLEGAL);
			assert_int_equal(walk.why, bad ? PT_ILLEGAL_LOOP : PT_ILLEGAL_OUTSIDE);
			assert_int_equal(walk.va, va);
			assert_int_equal(walk.len, size);
			assert_int_equal(walk.level, steps[i].level);
			assert_int_equal(walk.raw, raw);
			assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
			/* nobody asked: passed over, with what is beside it */
			assert_int_equal(walk_start(&walk, f->pt, 0, UINT64_MAX, PT_TYPE_PFN, 0),
					 PTW_DONE);
			write_word(f, pa, steps[i].raw);
		}
}

/* Nothing else removes them; what a bad table entry points at is left alone. */
static void clears_illegal_words(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_range_walk walk;
	uint64_t raw;
	unsigned int nr;
	size_t keep;

	do_map_small(f, 0, 1, 0, RWX);
	assert_int_equal(pt_trace(f->pt, page_va(f, 0), steps, &nr), 0);
	raw = raw_reserved(&f->fmt, 0) ? raw_reserved(&f->fmt, 0) : raw_beyond(&f->fmt, 0);
	if (raw) {
		write_word(f, steps[nr - 1].table_pa + 8 * steps[nr - 1].index, raw);
		assert_int_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 1) - 1,
					    PT_TYPE_ALL, 0),
				 PTW_ILLEGAL);
		assert_int_equal(pt_range_walk_clear(&walk, NULL), 0);
		assert_int_equal(read_word(f, steps[nr - 1].table_pa + 8 * steps[nr - 1].index), 0);
	}
	if (nr < 2)
		return;
	/* a table outside memory, one that points at itself; ours below stays allocated */
	keep = f->source.nr_live;
	for (unsigned int loop = 0; loop < 2; loop++) {
		pt_pa_t pa = steps[nr - 2].table_pa + 8 * steps[nr - 2].index;

		raw = raw_table(&f->fmt, loop ? steps[nr - 2].table_pa : 0);
		write_word(f, pa, raw);
		assert_int_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 1) - 1,
					    PT_TYPE_ALL, PT_WALK_EACH),
				 PTW_ILLEGAL);
		assert_int_equal(walk.why, loop ? PT_ILLEGAL_LOOP : PT_ILLEGAL_OUTSIDE);
		/* only whole entries can be cleared */
		assert_int_equal(pt_range_walk_clear(&walk, NULL), -EFAULT);
		assert_int_equal(read_word(f, pa), raw);
		assert_int_equal(pt_range_walk_done(&walk), 0);
		assert_int_equal(walk_start(&walk, f->pt, f->base, f->base + (f->leaf1 - 1),
					    PT_TYPE_ALL, PT_WALK_EACH),
				 PTW_ILLEGAL);
		assert_int_equal(pt_range_walk_clear(&walk, NULL), 0);
		assert_int_equal(read_word(f, pa), 0);
		assert_int_equal(pt_range_walk_done(&walk), 0);
		assert_int_equal(f->source.nr_live, keep);
	}
	write_word(f, steps[nr - 2].table_pa + 8 * steps[nr - 2].index, steps[nr - 2].raw);
}

/* What a page was that the operating system's image happens to hold is the system's own. */
static void transient_words_of_an_image_are_unknown(void **state)
{
	static const uint64_t words[] = { UINT64_C(0xb4ea4b4ea4b4e000),
					  UINT64_C(0xdead7ab1edead000) };
	struct fixture *f = *state;
	struct pt_range_walk walk;
	pt_pa_t pa;

	do_map_small(f, 0, 1, 0, RWX);
	pa = word_pa(f, page_va(f, 0));
	for (size_t i = 0; i < 2; i++) {
		write_word(f, pa, words[i]);
		assert_int_not_equal(pt_translate(f->pt, page_va(f, 0), &pa), 0);
		pa = word_pa(f, page_va(f, 0));
		/* it ends, and never as a leaf */
		assert_int_not_equal(walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 1) - 1,
						PT_TYPE_ALL, 0),
				     PTW_PFN);
		assert_int_equal(walk.len, f->granule);
		assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	}
	write_word(f, pa, 0);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST(unknown_words_come_with_their_raw_value),
		TEST(unknown_words_are_found_at_every_level),
		TEST_ON(stray_accessed_and_dirty_bits_are_holes, NEEDS_X86_64),
		TEST(illegal_words_say_why),
		TEST_ON(bad_tables_are_illegal_entries, NEEDS_2_LEVELS),
		TEST(clears_illegal_words),
		TEST(transient_words_of_an_image_are_unknown),
	};

	return RUN_WALKS("walk over other words", tests);
}
