/* SPDX-License-Identifier: MIT */
/* translate, lookup and trace: what one address finds, and why it finds nothing. */
#include "unit/fixture.h"

/* All three ask the same question. */
static void assert_all_say(const struct fixture *f, pt_va_t va, int err, enum pt_kind kind,
			   enum pt_illegal why)
{
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_leaf leaf;
	unsigned int nr = 99;
	pt_pa_t pa;

	assert_int_equal(pt_translate(f->pt, va, &pa), err);
	assert_int_equal(pt_lookup(f->pt, va, &leaf), err);
	assert_int_equal(pt_trace(f->pt, va, steps, &nr), err);
	assert_in_range(nr, 1, f->info.nr_levels);
	assert_int_equal(steps[nr - 1].kind, kind);
	if (kind == PT_KIND_ILLEGAL)
		assert_int_equal(steps[nr - 1].why, why);
}

static void finds_nothing_in_an_empty_table(void **state)
{
	struct fixture *f = *state;

	assert_all_say(f, f->info.first, -ENOENT, PT_KIND_EMPTY, 0);
	assert_all_say(f, f->info.last, -ENOENT, PT_KIND_EMPTY, 0);
	assert_all_say(f, f->base, -ENOENT, PT_KIND_EMPTY, 0);
}

static void refuses_addresses_outside_the_input_range(void **state)
{
	struct fixture *f = *state;
	const pt_va_t outside[] = {
		f->fmt.upper_half ? 0 : (f->info.last & (UINT64_MAX >> 1)) + 1,
		fixture_has_gap(f) ? UINT64_C(1) << 63 : f->info.first - 1,
		fixture_has_gap(f) ? ~(UINT64_C(1) << (f->fmt.va_bits - 1)) : f->info.last + 1,
	};
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_leaf leaf;
	unsigned int nr;
	pt_pa_t pa;

	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		if (fixture_has_gap(f) && i == 0)
			continue;
		assert_int_equal(pt_translate(f->pt, outside[i], &pa), -ERANGE);
		assert_int_equal(pt_lookup(f->pt, outside[i], &leaf), -ERANGE);
		nr = 99;
		assert_int_equal(pt_trace(f->pt, outside[i], steps, &nr), -ERANGE);
		assert_int_equal(nr, 0);
	}
}

static void finds_every_byte_of_every_size(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1), b = pages(f, f->block);

	do_map(f, n - b - 1, n + 2 * b + 2, n - b - 1, RWX);
	ref_observe(&f->ref, f->pt, false);
	for (size_t i = n - b - 3; i < 2 * n + b + 3; i++) {
		assert_true(ref_check_va(&f->ref, f->pt, page_va(f, i)));
		assert_true(ref_check_va(&f->ref, f->pt, page_va(f, i) + f->granule - 1));
		assert_true(ref_check_va(&f->ref, f->pt, page_va(f, i) + (i * 37) % f->granule));
	}
}

/*
 * The quick ways look for tables in a power of two of pages beside the root, at
 * either end of memory; what they do is the same in the rest of it.
 */
static void tables_are_found_in_all_of_a_memory_of_odd_size(void **state)
{
	enum { NR = 11 };
	struct fixture *f = *state;

	if (fixture_is_concat(f))
		skip(); /* its root alone is larger, and not for the quick ways */
	for (unsigned int down = 0; down < 2; down++) {
		struct pt_phys_region region = { .pa = 5 * f->granule, .len = NR * f->granule,
						 .fd = -1 };
		struct pt_pgtable_cfg cfg = { .fmt = f->fmt, .mode = f->cfg.mode };
		size_t nr = NR - f->info.nr_levels + 1;
		struct page_source source;
		struct pt_pgtable *pt;
		struct pt_phys *phys;
		struct pt_leaf leaf;
		pt_pa_t pa;

		assert_int_equal(pt_phys_create(&phys, &region, 1, 12), 0);
		page_source_init(&source, phys, region.pa, f->info.granule_lg2, NR);
		for (unsigned int i = 0; i < NR; i++)
			source.stack[i] = down ? i : NR - 1 - i;
		cfg.tables = page_source_ops(&source);
		assert_int_equal(pt_pgtable_create(&pt, phys, &cfg), 0);
		for (unsigned int turn = 0; turn < 2; turn++) {
			for (size_t i = 0; i < nr; i++)
				assert_int_equal(pt_map(pt, f->base + i * f->leaf1,
							f->pa + i * f->granule, f->granule, RWX,
							NULL),
						 0);
			assert_int_equal(source.nr_live, NR); /* every page is a table */
			for (size_t i = 0; i < nr; i++) {
				pt_va_t va = f->base + i * f->leaf1;

				assert_int_equal(pt_translate(pt, va + 3, &pa), 0);
				assert_int_equal(pa, f->pa + i * f->granule + 3);
				assert_int_equal(pt_lookup(pt, va + 3, &leaf), 0);
				assert_int_equal(leaf.pa, pa);
				assert_int_equal(leaf.level, 0);
				assert_int_equal(pt_unmap(pt, va, f->granule, NULL), 0);
				assert_int_equal(pt_translate(pt, va, &pa), -ENOENT);
			}
		}
		pt_pgtable_destroy(pt);
		page_source_exit(&source);
		pt_phys_destroy(phys);
	}
}

/* Top first, one step a level, each table where the step above pointed. */
static void trace_shows_the_way(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;
	pt_va_t va;

	do_map_small(f, 1, 1, 1, RWX);
	va = page_va(f, 1);
	assert_int_equal(pt_trace(f->pt, va, steps, &nr), 0);
	assert_int_equal(nr, f->info.nr_levels);
	assert_int_equal(steps[0].table_pa, pt_pgtable_root(f->pt));
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int level = nr - 1 - i;
		uint64_t mask = (UINT64_C(1) << f->info.entries_lg2[level]) - 1;

		assert_int_equal(steps[i].level, level);
		assert_int_equal(steps[i].index, va >> f->info.leaf_lg2[level] & mask);
		assert_int_equal(steps[i].kind, level ? PT_KIND_TABLE : PT_KIND_LEAF);
		assert_int_equal(steps[i].raw,
				 read_word(f, steps[i].table_pa + 8 * steps[i].index));
		assert_int_equal(pt_entry_kind(f->pt, steps[i].raw, level), steps[i].kind);
		if (level) {
			pt_pa_t below = steps[i + 1].table_pa;
			uint64_t low = (UINT64_C(1) << f->info.granule_lg2) - 1;

			/* address bits in place are those of the table below */
			if (fixture_is_x86(f))
				low |= UINT64_C(0xfff) << 52 | UINT64_C(1) << f->fmt.c_bit;
			else
				low |= ~((UINT64_C(1) << 48) - 1);
			assert_int_equal(steps[i].raw & ~low, below & ~low);
			assert_int_equal(steps[i].raw, fixture_is_x86(f) ?
							       steps[i].raw :
							       raw_table(&f->fmt, below));
		}
	}
}

/* The table of level @level that maps the fixture's window, made by mapping and unmapping. */
static pt_pa_t word_at_level(struct fixture *f, pt_va_t va, unsigned int level)
{
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	assert_int_equal(pt_map(f->pt, va, f->pa, f->granule, RX, NULL), 0);
	assert_int_equal(pt_trace(f->pt, va, steps, &nr), 0);
	assert_int_equal(pt_unmap(f->pt, va, f->granule, NULL), 0);
	for (unsigned int i = 0; i < nr; i++)
		if (steps[i].level == level)
			return steps[i].table_pa + 8 * steps[i].index;
	fail();
	return 0;
}

static void reads_leaves_that_others_wrote_at_every_level(void **state)
{
	struct fixture *f = *state;
	struct pt_leaf leaf;

	for (unsigned int level = 0; level < f->info.nr_levels; level++) {
		uint64_t size = UINT64_C(1) << f->info.leaf_lg2[level];
		pt_pa_t pa = word_at_level(f, f->base, level), out, keep = read_word(f, pa);
		/* the highest address that fits: all bits of the width but those below the leaf */
		pt_pa_t target = ((UINT64_C(1) << f->fmt.pa_bits) - 1) & ~(size - 1);
		pt_va_t va = f->base & ~(size - 1);

		if (!f->info.can_leaf[level])
			continue;
		write_word(f, pa, raw_leaf(&f->fmt, target, level));
		assert_int_equal(pt_lookup(f->pt, va + size - 1, &leaf), 0);
		assert_int_equal(leaf.pa, target + size - 1);
		assert_int_equal(leaf.level, level);
		assert_int_equal(leaf.size_lg2, f->info.leaf_lg2[level]);
		assert_int_equal(leaf.raw, raw_leaf(&f->fmt, target, level));
		assert_true(leaf.attr & PT_ATTR_ACCESSED);
		assert_true(leaf.attr & PT_ATTR_WRITE);
		assert_int_equal(pt_translate(f->pt, va + size / 2, &out), 0);
		assert_int_equal(out, target + size / 2);
		write_word(f, pa, keep);
	}
}

static void names_reserved_words_at_every_level(void **state)
{
	struct fixture *f = *state;

	for (unsigned int level = 0; level < f->info.nr_levels; level++) {
		pt_pa_t pa = word_at_level(f, f->base, level);
		uint64_t raw = raw_reserved(&f->fmt, level), keep = read_word(f, pa);

		if (!fixture_is_x86(f) && level && !f->info.can_leaf[level])
			raw = raw_leaf(&f->fmt, 0, level); /* a block where there are none */
		if (!raw)
			continue;
		write_word(f, pa, raw);
		assert_all_say(f, f->base, -EFAULT, PT_KIND_ILLEGAL, PT_ILLEGAL_RESERVED);
		assert_int_equal(pt_entry_kind(f->pt, raw, level), PT_KIND_ILLEGAL);
		write_word(f, pa, keep);
	}
}

static void x86_bit_63_is_reserved_without_nx(void **state)
{
	struct fixture *f = *state;

	if (f->fmt.features & PT_FEAT_NX)
		skip();
	for (unsigned int level = 0; level < f->info.nr_levels; level++) {
		pt_pa_t pa = word_at_level(f, f->base, level);
		uint64_t keep = read_word(f, pa);

		write_word(f, pa, raw_table(&f->fmt, f->source.pa) | UINT64_C(1) << 63);
		assert_all_say(f, f->base, -EFAULT, PT_KIND_ILLEGAL, PT_ILLEGAL_RESERVED);
		write_word(f, pa, keep);
	}
}

static void names_addresses_beyond_the_width(void **state)
{
	struct fixture *f = *state;

	for (unsigned int level = 0; level < f->info.nr_levels; level++) {
		pt_pa_t pa = word_at_level(f, f->base, level);
		uint64_t keep = read_word(f, pa), raw = raw_beyond(&f->fmt, level);

		if (raw && level)
			raw = raw_table(&f->fmt, raw_beyond_pa(&f->fmt));
		if (!raw)
			continue;
		write_word(f, pa, raw);
		assert_all_say(f, f->base, -EFAULT, PT_KIND_ILLEGAL, PT_ILLEGAL_WIDTH);
		write_word(f, pa, keep);
	}
}

static void names_tables_outside_memory(void **state)
{
	struct fixture *f = *state;
	/* just below, and with the last words of a table just above the end */
	const pt_pa_t outside[] = { 0, f->source.pa - f->granule };

	for (unsigned int level = 1; level < f->info.nr_levels; level++)
		for (size_t i = 0; i < 2; i++) {
			pt_pa_t pa = word_at_level(f, f->base, level);
			uint64_t keep = read_word(f, pa);

			write_word(f, pa, raw_table(&f->fmt, outside[i]));
			assert_all_say(f, f->base, -EFAULT, PT_KIND_ILLEGAL, PT_ILLEGAL_OUTSIDE);
			/* as a word alone it is a table like any other */
			assert_int_equal(pt_entry_kind(f->pt, read_word(f, pa), level),
					 PT_KIND_TABLE);
			write_word(f, pa, keep);
		}
}

/* What hardware makes of @va, read word by word. */
static int walk_by_hand(const struct fixture *f, pt_va_t va, pt_pa_t *out)
{
	pt_pa_t table = pt_pgtable_root(f->pt);
	uint64_t address = (UINT64_C(1) << 48) - 1;

	if (fixture_is_x86(f) || format_is_lpa2(f->fmt.fmt))
		address = (UINT64_C(1) << (fixture_is_x86(f) ? 52 : 50)) - 1;
	if (f->fmt.c_bit)
		address &= ~(UINT64_C(1) << f->fmt.c_bit);
	for (unsigned int level = f->info.nr_levels - 1;; level--) {
		uint64_t index = va >> f->info.leaf_lg2[level] &
				 ((UINT64_C(1) << f->info.entries_lg2[level]) - 1);
		uint64_t raw = read_word(f, table + 8 * index);
		bool leaf = fixture_is_x86(f) ? !level || raw & 0x80 : !level || !(raw & 2);
		uint64_t low = (UINT64_C(1) << (leaf ? f->info.leaf_lg2[level] :
						       f->info.granule_lg2)) - 1;
		pt_pa_t pa = raw & address & ~low;

		if (!format_is_present(&f->fmt, raw))
			return -ENOENT;
		if (!fixture_is_x86(f) && !level && !(raw & 2))
			return -EFAULT;
		if (format_is_lpa2(f->fmt.fmt))
			pa |= (raw >> 8 & 3) << 50;
		else if (f->fmt.features & PT_FEAT_LPA)
			pa |= (raw >> 12 & 15) << 48;
		if (leaf) {
			*out = pa | (va & low);
			return 0;
		}
		table = pa;
	}
}

/* Some systems map their tables that way on purpose; hardware does not mind. */
static void follows_tables_that_point_at_themselves_as_hardware_does(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS], again[PT_MAX_LEVELS];
	unsigned int nr, nr_again;

	do_map_small(f, 1, 1, 1, RX);
	assert_int_equal(pt_trace(f->pt, page_va(f, 1), steps, &nr), 0);
	for (unsigned int from = 0; from + 1 < nr; from++)
		for (unsigned int to = 0; to <= from; to++) {
			pt_pa_t pa = steps[from].table_pa + 8 * steps[from].index;
			pt_pa_t want = 1, got = 1, tracked;
			struct pt_leaf leaf;
			int err;

			write_word(f, pa, raw_table(&f->fmt, steps[to].table_pa));
			err = walk_by_hand(f, page_va(f, 1) + 8, &want);
			assert_int_equal(pt_translate(f->pt, page_va(f, 1) + 8, &got), err);
			assert_int_equal(got, want);
			assert_int_equal(pt_lookup(f->pt, page_va(f, 1) + 8, &leaf), err);
			if (!err)
				assert_int_equal(leaf.pa, want);
			assert_int_equal(pt_trace(f->pt, page_va(f, 1) + 8, again, &nr_again), err);
			tracked = again[from + 1].table_pa;
			assert_int_equal(tracked, steps[to].table_pa);
			write_word(f, pa, steps[from].raw);
		}
}

static void software_words_translate_nothing(void **state)
{
	struct fixture *f = *state;

	for (unsigned int level = 0; level < f->info.nr_levels; level++) {
		pt_pa_t pa = word_at_level(f, f->base, level);
		uint64_t keep = read_word(f, pa);

		write_word(f, pa, RAW_SOFT);
		assert_all_say(f, f->base, -ENOENT, PT_KIND_SOFT, 0);
		assert_int_equal(pt_entry_kind(f->pt, RAW_SOFT, level), PT_KIND_SOFT);
		assert_int_equal(pt_entry_attr(f->pt, RAW_SOFT, level), 0);
		write_word(f, pa, keep);
	}
}

/* Whatever the word: a level that the table does not have has no leaves. */
static void leaves_above_the_top_are_none(void **state)
{
	struct fixture *f = *state;

	for (unsigned int level = f->info.nr_levels; level <= PT_MAX_LEVELS; level++)
		assert_int_equal(pt_entry_attr(f->pt, raw_leaf(&f->fmt, 0, 1), level), 0);
}

static void a_stray_accessed_or_dirty_bit_is_a_hole(void **state)
{
	struct fixture *f = *state;

	for (unsigned int level = 0; level < f->info.nr_levels; level++)
		for (uint64_t raw = 0x20; raw <= 0x60; raw += 0x20) {
			pt_pa_t pa = word_at_level(f, f->base, level);
			uint64_t keep = read_word(f, pa);

			write_word(f, pa, raw);
			assert_all_say(f, f->base, -ENOENT, PT_KIND_EMPTY, 0);
			write_word(f, pa, keep);
		}
}

/* Every name is there, and none twice. */
static void names_are_distinct(void **state)
{
	(void)state;
	for (unsigned int i = 0; i <= PT_ILLEGAL_LOOP; i++)
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(pt_illegal_name((enum pt_illegal)i),
						pt_illegal_name((enum pt_illegal)j));
	for (unsigned int i = 0; i < PT_BAD_NR; i++)
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(pt_bad_name((enum pt_bad)i),
						pt_bad_name((enum pt_bad)j));
	for (unsigned int i = 0; i < PT_MEM_NR; i++)
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(pt_mem_name((enum pt_mem)i),
						pt_mem_name((enum pt_mem)j));
	assert_non_null(pt_illegal_name((enum pt_illegal)77));
	assert_non_null(pt_bad_name((enum pt_bad)77));
	assert_non_null(pt_mem_name((enum pt_mem)77));
	assert_non_null(pt_strerror(0));
	assert_non_null(pt_strerror(-12345));
	assert_string_not_equal(pt_strerror(-EEXIST), pt_strerror(-ENOENT));
}

static void knows_what_it_was_made_of(void **state)
{
	struct fixture *f = *state;

	assert_ptr_equal(pt_pgtable_phys(f->pt), f->phys);
	assert_int_equal(pt_granule(f->pt), f->granule);
	assert_int_equal(pt_pgtable_fmt(f->pt)->fmt, f->fmt.fmt);
	assert_int_equal(pt_pgtable_fmt(f->pt)->va_bits, f->fmt.va_bits);
	assert_int_equal(pt_pgtable_root(f->pt) & ((UINT64_C(1) << f->info.root_align_lg2) - 1), 0);
	assert_non_null(pt_phys_to_host(f->phys, pt_pgtable_root(f->pt), 8));
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST(finds_nothing_in_an_empty_table),
		TEST(refuses_addresses_outside_the_input_range),
		TEST_ON(finds_every_byte_of_every_size, NEEDS_2_LEVELS),
		TEST_ON(tables_are_found_in_all_of_a_memory_of_odd_size, NEEDS_2_LEVELS),
		TEST(trace_shows_the_way),
		TEST_ON(reads_leaves_that_others_wrote_at_every_level, NEEDS_ACCESSED),
		TEST(names_reserved_words_at_every_level),
		TEST_ON(x86_bit_63_is_reserved_without_nx, NEEDS_X86_64),
		TEST(names_addresses_beyond_the_width),
		TEST_ON(names_tables_outside_memory, NEEDS_2_LEVELS),
		TEST_ON(follows_tables_that_point_at_themselves_as_hardware_does, NEEDS_2_LEVELS),
		TEST(software_words_translate_nothing),
		TEST_ON(a_stray_accessed_or_dirty_bit_is_a_hole, NEEDS_X86_64),
		TEST(names_are_distinct),
		TEST(knows_what_it_was_made_of),
		TEST(leaves_above_the_top_are_none),
	};

	return RUN_ON_ALL("query", tests);
}
