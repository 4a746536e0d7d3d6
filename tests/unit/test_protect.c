/* SPDX-License-Identifier: MIT */
/* pt_protect(): attributes of whole and partial ranges. */
#include "unit/fixture.h"

static void changes_one_page_of_many(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 0, 2, 0, RWX);
	do_protect(f, 1, 1, 0, PT_ATTR_WRITE, 0);
	agree(f);
	do_protect(f, 1, 1, PT_ATTR_WRITE, 0, 0);
	agree(f);
}

/* Every attribute on and off again, every value of each field. */
static void changes_every_attribute_it_can_express(void **state)
{
	struct fixture *f = *state;
	static const pt_attr_t bits[] = { PT_ATTR_WRITE,      PT_ATTR_EXEC,     PT_ATTR_USER,
					  PT_ATTR_GLOBAL,     PT_ATTR_ACCESSED, PT_ATTR_DIRTY,
					  PT_ATTR_EXEC_OTHER, PT_ATTR_GUARDED,
					  PT_ATTR_IGNORE_PAT, PT_ATTR_NO_VE,    PT_ATTR_READ };
	static const pt_attr_t fields[] = { PT_ATTR_MEM_MASK, PT_ATTR_SHARE_MASK, PT_ATTR_KEY_MASK,
					    PT_ATTR_SW_MASK };

	do_map_small(f, 1, 1, 1, RX);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		for (size_t j = 0; j < sizeof(bits) / sizeof(bits[0]); j++) {
			do_protect(f, 1, 1, bits[i], bits[j], 0);
			assert_true(ref_check_va(&f->ref, f->pt, page_va(f, 1)));
		}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		for (uint64_t value = 0; value < 16; value++) {
			pt_attr_t set = fields[i] & value << __builtin_ctzll(fields[i]);

			do_protect(f, 1, 1, set, fields[i], 0);
			assert_true(ref_check_va(&f->ref, f->pt, page_va(f, 1)));
		}
	agree(f);
}

/* In a word, bits that no attribute names belong to the caller. */
static void keeps_the_rest_of_the_word(void **state)
{
	struct fixture *f = *state;
	uint64_t extra = fixture_ignored_bits(f);
	struct pt_leaf leaf;
	pt_pa_t pa;

	do_map_small(f, 1, 1, 1, RWX);
	pa = word_pa(f, page_va(f, 1));
	write_word(f, pa, read_word(f, pa) | extra);
	do_protect(f, 1, 1, another_attr(f) | PT_ATTR_SW(8), PT_ATTR_WRITE | PT_ATTR_SW_MASK, 0);
	agree(f);
	assert_int_equal(pt_lookup(f->pt, page_va(f, 1), &leaf), 0);
	assert_int_equal(leaf.raw & extra, extra);
}

static void names_the_first_hole(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_protect(f, 3, 1, 0, PT_ATTR_WRITE, 0); /* no table at all */
	do_map(f, 0, 5, 0, RWX);
	do_map(f, 6, 2 * n - 6, 6, RWX);
	do_protect(f, 0, 5, 0, PT_ATTR_WRITE, 0);
	do_protect(f, 0, 6, PT_ATTR_WRITE, 0, 0); /* -ENOENT at 5 */
	do_protect(f, 6, 2 * n, 0, PT_ATTR_WRITE, 0); /* -ENOENT at 2n */
	do_protect(f, 2 * n, n, 0, PT_ATTR_WRITE, 0);
	agree(f);
}

static void passes_over_holes_when_told(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 1, 1, 1, RWX);
	do_protect(f, 0, f->nr_pages, 0, PT_ATTR_WRITE, PT_CHANGE_SKIP_HOLES);
	agree(f);
	do_unmap(f, 1, 1, 0);
	do_protect(f, 0, f->nr_pages, 0, PT_ATTR_WRITE, PT_CHANGE_SKIP_HOLES);
	agree(f);
}

static void changes_a_whole_large_leaf_in_place(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), live;

	do_map(f, n, 2 * n, n, RWX);
	live = f->source.nr_live;
	do_protect(f, n, n, 0, PT_ATTR_WRITE, 0);
	agree(f);
	assert_int_equal(leaf_level(f, n), 1);
	assert_int_equal(f->source.nr_live, live);
}

static void splits_a_large_leaf_that_reaches_outside(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map(f, n, 2 * n, n, RWX | PT_ATTR_ACCESSED | PT_ATTR_DIRTY);
	do_protect(f, 2 * n - 1, 2, PT_ATTR_SW(5), PT_ATTR_WRITE | PT_ATTR_SW_MASK, 0);
	agree(f);
	assert_int_equal(leaf_level(f, n), 0);
	assert_int_equal(leaf_level(f, 3 * n - 1), 0);
}

static void splits_a_level_2_leaf_that_reaches_outside(void **state)
{
	struct fixture *f = *state;
	uint64_t size = UINT64_C(1) << f->info.leaf_lg2[2];
	struct pt_change change = { 0 };
	struct pt_leaf leaf;

	assert_int_equal(pt_map(f->pt, f->base, f->pa, size, RWX, NULL), 0);
	assert_int_equal(pt_protect(f->pt, f->base + size - f->leaf1, f->leaf1, 0, PT_ATTR_WRITE,
				    &change),
			 0);
	assert_int_equal(change.done, f->leaf1);
	assert_int_equal(pt_lookup(f->pt, f->base + size - 1, &leaf), 0);
	assert_int_equal(leaf.level, 1);
	assert_int_equal(leaf.pa, f->pa + size - 1);
	assert_false(leaf.attr & PT_ATTR_WRITE);
	assert_int_equal(pt_lookup(f->pt, f->base + size - f->leaf1 - 1, &leaf), 0);
	assert_int_equal(leaf.level, 1);
	assert_true(leaf.attr & PT_ATTR_WRITE);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

static void unfolds_a_block_that_reaches_outside(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map(f, 0, 4 * b, 0, RWX | PT_ATTR_ACCESSED);
	do_protect(f, b + 1, b, 0, PT_ATTR_WRITE, 0);
	agree(f);
	assert_int_equal(span_lg2(f, 0), lg2(f->block));
	assert_int_equal(span_lg2(f, b), f->info.granule_lg2);
	assert_int_equal(span_lg2(f, 2 * b), f->info.granule_lg2);
	assert_int_equal(span_lg2(f, 3 * b), lg2(f->block));
	/* one page has a way of its own, which is not for pages of blocks */
	do_protect(f, 3 * b + 1, 1, 0, PT_ATTR_WRITE, 0);
	agree(f);
	assert_int_equal(span_lg2(f, 3 * b), f->info.granule_lg2);
}

static void keeps_blocks_that_are_wholly_inside(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);

	do_map(f, 0, 4 * b, 0, RWX);
	do_protect(f, b, 2 * b, another_attr(f), PT_ATTR_WRITE, 0);
	agree(f);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(span_lg2(f, i * b), lg2(f->block));
}

/* A memory type is one that PAT or MAIR holds; it can change on a live leaf of any size. */
static void changes_the_memory_type_of_every_size(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), b = pages(f, f->block);

	do_map(f, n - b - 1, n + 2 * b + 2, n - b - 1, RWX);
	do_protect(f, n - b - 1, n + 2 * b + 2, PT_ATTR_MEM(PT_MEM_UC), PT_ATTR_MEM_MASK, 0);
	agree(f);
	assert_int_equal(leaf_level(f, n), 1);
	do_protect(f, n - b - 1, n + 2 * b + 2, PT_ATTR_MEM(PT_MEM_WB), PT_ATTR_MEM_MASK, 0);
	agree(f);
}

static void refuses_what_it_cannot_express_and_changes_nothing(void **state)
{
	struct fixture *f = *state;

	do_map_small(f, 0, 2, 0, RWX);
	do_protect(f, 0, 2, PT_ATTR_MEM(PT_MEM_OTHER), PT_ATTR_MEM_MASK, 0);
	do_protect(f, 0, 2, (pt_attr_t)1 << 40, 0, 0);
	do_protect(f, 0, 2, 0, PT_ATTR_READ, 0);
	agree(f);
}

/* A table whose memory type 1 has no name, and two pages of which the second has it. */
static struct pt_pgtable *with_odd_type(struct fixture *f, pt_pa_t *word)
{
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_pgtable *pt;
	unsigned int nr;

	cfg.fmt.mem_types &= ~UINT64_C(0xff00);
	/* SDM Vol. 3A, table 12-10; Arm ARM D17.2.97 "MAIR_EL1": neither encoding has a meaning */
	cfg.fmt.mem_types |= fixture_is_x86(f) ? 0x0200 : 0x0100;
	if (pt_pgtable_create(&pt, f->phys, &cfg))
		return NULL;
	assert_int_equal(pt_map(pt, page_va(f, 0), page_pa(f, 0), 2 * f->granule, RWX,
				&(struct pt_change){ .flags = PT_CHANGE_NO_CONTIG }),
			 0);
	assert_int_equal(pt_trace(pt, page_va(f, 1), steps, &nr), 0);
	*word = steps[nr - 1].table_pa + 8 * steps[nr - 1].index;
	write_word(f, *word, steps[nr - 1].raw | 1 << (fixture_is_x86(f) ? 3 : 2));
	return pt;
}

static pt_attr_t attr_at(const struct fixture *f, const struct pt_pgtable *pt, size_t page)
{
	struct pt_leaf leaf;

	assert_int_equal(pt_lookup(pt, page_va(f, page), &leaf), 0);
	return leaf.attr;
}

/* "Everything else in a word stays", also what nobody could ask for. */
static void keeps_fields_that_it_could_not_encode(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable *pt;
	pt_pa_t word;

	if (format_is_stage2(f->fmt.fmt) || f->fmt.fmt == PT_FMT_X86_EPT)
		skip();
	pt = with_odd_type(f, &word);
	if (!pt)
		skip();
	assert_int_equal(pt_attr_mem(attr_at(f, pt, 1)), PT_MEM_OTHER);
	assert_int_equal(pt_protect(pt, page_va(f, 1), f->granule, 0, PT_ATTR_WRITE, NULL), 0);
	assert_int_equal(pt_protect(pt, page_va(f, 0), 2 * f->granule, PT_ATTR_SW(1), 0, NULL), 0);
	assert_int_equal(pt_attr_mem(attr_at(f, pt, 1)), PT_MEM_OTHER);
	assert_false(attr_at(f, pt, 1) & PT_ATTR_WRITE);
	assert_int_equal(pt_attr_sw(attr_at(f, pt, 1)), 1);
	/* with 52-bit output addresses (LPA2) others stand there */
	if (f->info.attrs & PT_ATTR_SHARE_MASK && f->fmt.fmt != PT_FMT_ARM64_4K_LPA2 &&
	    f->fmt.fmt != PT_FMT_ARM64_16K_LPA2) {
		write_word(f, word, (read_word(f, word) & ~UINT64_C(0x300)) | 0x100);
		assert_int_equal(attr_at(f, pt, 1) & PT_ATTR_SHARE_MASK, PT_ATTR_SHARE_RESERVED);
		assert_int_equal(pt_protect(pt, page_va(f, 1), f->granule, PT_ATTR_WRITE, 0, NULL),
				 0);
		assert_true(attr_at(f, pt, 1) & PT_ATTR_WRITE);
		assert_int_equal(attr_at(f, pt, 1) & PT_ATTR_SHARE_MASK, PT_ATTR_SHARE_RESERVED);
	}
	pt_pgtable_destroy(pt);
}

/* A leaf behind the range has no say. */
static void asks_nothing_of_what_is_behind_the_range(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable *pt;
	pt_pa_t word;

	if (format_is_stage2(f->fmt.fmt) || f->fmt.fmt == PT_FMT_X86_EPT)
		skip();
	pt = with_odd_type(f, &word);
	if (!pt)
		skip();
	assert_int_equal(pt_protect(pt, page_va(f, 0), 2 * f->granule, PT_ATTR_MEM(PT_MEM_UC), 0,
				    NULL),
			 -EOPNOTSUPP);
	assert_int_equal(pt_attr_mem(attr_at(f, pt, 0)), PT_MEM_WB);
	assert_int_equal(pt_protect(pt, page_va(f, 0), f->granule, PT_ATTR_MEM(PT_MEM_UC), 0, NULL),
			 0);
	assert_int_equal(pt_attr_mem(attr_at(f, pt, 0)), PT_MEM_UC);
	pt_pgtable_destroy(pt);
}

static void changes_across_many_tables_and_sizes(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);

	do_map(f, 1, 4 * n - 2, 1, RWX);
	do_protect(f, 2, 4 * n - 4, PT_ATTR_SW(2), 0, 0);
	agree(f);
	do_protect(f, 0, 4 * n, another_attr(f), PT_ATTR_SW_MASK | PT_ATTR_WRITE,
		   PT_CHANGE_SKIP_HOLES);
	agree(f);
}

static void changes_the_last_page_of_the_address_space(void **state)
{
	struct fixture *f = *state;
	pt_va_t va = f->info.last - (2 * f->granule - 1);
	struct pt_change change = { 0 };
	struct pt_leaf leaf;

	assert_int_equal(pt_map(f->pt, va, page_pa(f, 0), 2 * f->granule, RWX, NULL), 0);
	assert_int_equal(pt_protect(f->pt, va + f->granule, f->granule, 0, PT_ATTR_WRITE, &change),
			 0);
	assert_int_equal(change.done, f->granule);
	assert_int_equal(pt_lookup(f->pt, f->info.last, &leaf), 0);
	assert_false(leaf.attr & PT_ATTR_WRITE);
	assert_int_equal(pt_lookup(f->pt, va, &leaf), 0);
	assert_true(leaf.attr & PT_ATTR_WRITE);
}

/* arm64 with HD: writable and clean is a state of its own, and taking WRITE away keeps it clean. */
static void writable_and_dirty_are_two_things(void **state)
{
	struct fixture *f = *state;
	struct pt_leaf leaf;

	do_map_small(f, 1, 1, 1, RWX);
	assert_int_equal(pt_lookup(f->pt, page_va(f, 1), &leaf), 0);
	assert_true(leaf.attr & PT_ATTR_WRITE);
	assert_false(leaf.attr & PT_ATTR_DIRTY);
	do_protect(f, 1, 1, PT_ATTR_DIRTY, 0, 0);
	assert_int_equal(pt_lookup(f->pt, page_va(f, 1), &leaf), 0);
	assert_true(leaf.attr & PT_ATTR_DIRTY);
	do_protect(f, 1, 1, 0, PT_ATTR_WRITE, 0);
	do_protect(f, 1, 1, PT_ATTR_WRITE, 0, 0);
	agree(f);
	do_protect(f, 1, 1, 0, PT_ATTR_DIRTY, 0);
	agree(f);
	assert_int_equal(pt_lookup(f->pt, page_va(f, 1), &leaf), 0);
	assert_true(leaf.attr & PT_ATTR_WRITE);
	assert_false(leaf.attr & PT_ATTR_DIRTY);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST(changes_one_page_of_many),
		TEST(changes_every_attribute_it_can_express),
		TEST(keeps_the_rest_of_the_word),
		TEST_ON(names_the_first_hole, NEEDS_2_LEVELS),
		TEST(passes_over_holes_when_told),
		TEST_ON(changes_a_whole_large_leaf_in_place, NEEDS_2_LEVELS),
		TEST_ON(splits_a_large_leaf_that_reaches_outside, NEEDS_2_LEVELS),
		TEST_ON(splits_a_level_2_leaf_that_reaches_outside, NEEDS_LEVEL_2_LEAF),
		TEST_ON(unfolds_a_block_that_reaches_outside, NEEDS_CONTIG),
		TEST_ON(keeps_blocks_that_are_wholly_inside, NEEDS_CONTIG),
		TEST_ON(changes_the_memory_type_of_every_size, NEEDS_2_LEVELS),
		TEST(refuses_what_it_cannot_express_and_changes_nothing),
		TEST_ON(keeps_fields_that_it_could_not_encode, NEEDS_2_LEVELS),
		TEST_ON(asks_nothing_of_what_is_behind_the_range, NEEDS_2_LEVELS),
		TEST_ON(changes_across_many_tables_and_sizes, NEEDS_2_LEVELS),
		TEST(changes_the_last_page_of_the_address_space),
		TEST_ON(writable_and_dirty_are_two_things, NEEDS_DIRTY),
	};

	return RUN_ON_ALL("protect", tests);
}
