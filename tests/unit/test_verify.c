/* SPDX-License-Identifier: MIT */
/* pt_verify() finds what is wrong and names it; pt_usage() and pt_for_each_table() count. */
#include "unit/fixture.h"

#define CONTIG (UINT64_C(1) << 52) /* arm64, leaves of either stage */

struct findings {
	struct pt_finding finding[64];
	size_t nr, stop_at;
};

static bool take(void *ctx, const struct pt_finding *finding)
{
	struct findings *found = ctx;

	if (found->nr < 64)
		found->finding[found->nr] = *finding;
	found->nr++;
	return found->nr != found->stop_at;
}

static void path_to(const struct fixture *f, pt_va_t va, struct pt_step steps[PT_MAX_LEVELS],
		    unsigned int *nr)
{
	int err = pt_trace(f->pt, va, steps, nr);

	assert_true(err == 0 || err == -ENOENT);
}

/* Puts @raw where @step is, and expects exactly that to be found; takes it back. */
static void assert_finds(struct fixture *f, const struct pt_step *step, pt_va_t va, uint64_t raw,
			 enum pt_bad bad, enum pt_illegal why)
{
	pt_pa_t pa = step->table_pa + 8 * step->index;
	struct findings found = { .nr = 0 };
	const struct pt_finding *first = &found.finding[0];

	write_word(f, pa, raw);
	assert_int_equal(pt_verify(f->pt, take, &found), -EFAULT);
	assert_int_equal(found.nr, 1);
	assert_int_equal(first->bad, bad);
	if (bad == PT_BAD_ILLEGAL)
		assert_int_equal(first->why, why);
	assert_int_equal(first->va, va);
	assert_int_equal(first->table_pa, step->table_pa);
	assert_int_equal(first->level, step->level);
	assert_int_equal(first->index, step->index);
	assert_int_equal(first->raw, raw);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), -EFAULT);
	write_word(f, pa, step->raw);
	assert_int_equal(pt_verify(f->pt, take, &found), 0);
}

static pt_va_t entry_va(const struct fixture *f, pt_va_t va, unsigned int level)
{
	return va & ~((UINT64_C(1) << f->info.leaf_lg2[level]) - 1);
}

static void finds_nothing_wrong_with_its_own_tables(void **state)
{
	struct fixture *f = *state;
	struct findings found = { .nr = 0 };

	assert_int_equal(pt_verify(f->pt, take, &found), 0);
	do_map(f, 1, f->nr_pages - 1, 1, RWX);
	assert_int_equal(pt_verify(f->pt, take, &found), 0);
	do_unmap(f, 0, f->nr_pages, 0);
	assert_int_equal(pt_verify(f->pt, take, &found), 0);
	assert_int_equal(found.nr, 0);
}

static void names_reserved_words(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	do_map_small(f, 1, 1, 1, RWX);
	path_to(f, page_va(f, 1), steps, &nr);
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t raw = raw_reserved(&f->fmt, steps[i].level);

		if (!fixture_is_x86(f) && steps[i].level && !f->info.can_leaf[steps[i].level])
			raw = raw_leaf(&f->fmt, 0, steps[i].level);
		if (raw)
			assert_finds(f, &steps[i], entry_va(f, page_va(f, 1), steps[i].level), raw,
				     PT_BAD_ILLEGAL, PT_ILLEGAL_RESERVED);
	}
}

static void names_words_beyond_the_width(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	if (!raw_beyond(&f->fmt, 0))
		skip();
	do_map_small(f, 1, 1, 1, RWX);
	path_to(f, page_va(f, 1), steps, &nr);
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t raw = raw_table(&f->fmt, raw_beyond_pa(&f->fmt));

		if (!steps[i].level)
			raw = raw_beyond(&f->fmt, 0);
		assert_finds(f, &steps[i], entry_va(f, page_va(f, 1), steps[i].level), raw,
			     PT_BAD_ILLEGAL, PT_ILLEGAL_WIDTH);
	}
}

static void names_tables_outside_memory_and_loops(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	do_map_small(f, 1, 1, 1, RWX);
	path_to(f, page_va(f, 1), steps, &nr);
	for (unsigned int i = 0; i + 1 < nr; i++) {
		pt_va_t va = entry_va(f, page_va(f, 1), steps[i].level);

		assert_finds(f, &steps[i], va, raw_table(&f->fmt, 0), PT_BAD_ILLEGAL,
			     PT_ILLEGAL_OUTSIDE);
		for (unsigned int up = 0; up <= i; up++)
			assert_finds(f, &steps[i], va, raw_table(&f->fmt, steps[up].table_pa),
				     PT_BAD_ILLEGAL, PT_ILLEGAL_LOOP);
	}
}

/* A page that is a table of two levels, by two ways that are no loop. */
static void names_a_page_that_is_used_as_tables_of_two_levels(void **state)
{
	struct fixture *f = *state;
	struct pt_step a[PT_MAX_LEVELS], b[PT_MAX_LEVELS];
	struct findings found = { .nr = 0 };
	pt_va_t elsewhere = f->base + 3 * f->leaf1;
	unsigned int nr;
	pt_pa_t word;

	/* two branches; the second's level 1 entry to the first's ... */
	do_map_small(f, 0, 1, 0, RWX);
	path_to(f, f->base, a, &nr);
	path_to(f, elsewhere, b, &nr);
	(void)b;
	/* the top entry behind ours points straight at our leaf table, one level too high */
	word = a[0].table_pa + 8 * (a[0].index ^ 1);
	write_word(f, word, raw_table(&f->fmt, a[f->info.nr_levels - 1].table_pa));
	assert_int_equal(pt_verify(f->pt, take, &found), -EFAULT);
	assert_true(found.nr >= 1);
	for (size_t i = 0; i < found.nr && i < 64; i++)
		if (found.finding[i].bad == PT_BAD_LEVEL)
			found.stop_at = i + 1;
	assert_true(found.stop_at);
	write_word(f, word, 0);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
}

/* Every way in which a block can be none. */
static void names_contiguous_blocks_that_are_none(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);
	struct pt_step step;
	struct pt_step steps[PT_MAX_LEVELS];
	struct findings found;
	unsigned int nr;

	do_map(f, 2 * b, b, 2 * b, RWX);
	for (size_t i = 0; i < b; i += b - 1) {
		const uint64_t bad[] = {
			0,                                 /* one is missing */
			CONTIG,                            /* not marked */
			UINT64_C(1) << 54,                 /* another attribute */
			f->granule,                        /* another address */
		};

		path_to(f, page_va(f, 2 * b + i), steps, &nr);
		step = steps[nr - 1];
		for (size_t k = 0; k < 4; k++) {
			pt_pa_t pa = step.table_pa + 8 * step.index;

			memset(&found, 0, sizeof(found));
			write_word(f, pa, k ? step.raw ^ bad[k] : 0);
			assert_int_equal(pt_verify(f->pt, take, &found), -EFAULT);
			assert_int_equal(found.nr, 1); /* once, not again at each entry behind it */
			assert_int_equal(found.finding[0].bad, PT_BAD_CONTIG);
			assert_int_equal(found.finding[0].level, 0);
			assert_int_equal(found.finding[0].table_pa, step.table_pa);
			assert_in_range(found.finding[0].index, step.index & ~(b - 1),
					step.index | (b - 1));
			write_word(f, pa, step.raw);
			assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
		}
		/* accessed and dirty may differ: hardware marks one for all */
		write_word(f, step.table_pa + 8 * step.index, step.raw ^ 1u << 10);
		assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
		write_word(f, step.table_pa + 8 * step.index, step.raw);
	}
	/* one alone that says that it is in a block */
	do_map_small(f, 0, 1, 0, RWX);
	path_to(f, page_va(f, 0), steps, &nr);
	memset(&found, 0, sizeof(found));
	write_word(f, steps[nr - 1].table_pa + 8 * steps[nr - 1].index, steps[nr - 1].raw | CONTIG);
	assert_int_equal(pt_verify(f->pt, take, &found), -EFAULT);
	assert_int_equal(found.finding[0].bad, PT_BAD_CONTIG);
	write_word(f, steps[nr - 1].table_pa + 8 * steps[nr - 1].index, steps[nr - 1].raw);
}

/* What is known of a block is known of that table, whatever its entries point at. */
static void names_blocks_of_each_level(void **state)
{
	struct fixture *f = *state;
	const struct pt_format_info *info = &f->info;
	uint64_t large = UINT64_C(1) << info->leaf_lg2[1];
	unsigned int b = 1u << info->contig_lg2[1];
	/* A table in which one entry is a block; behind it such a leaf, a table that is sound, and
	   another such leaf, all of what would be one block. */
	const unsigned int entries[] = { 0, b + 1, b + 2, b + 3 };
	struct findings found = { .nr = 0 };

	if (!info->contig_lg2[1] || b + 4 > 1u << info->entries_lg2[1])
		skip();
	for (size_t i = 0; i < 4; i++) {
		pt_va_t va = info->first + entries[i] * large;

		assert_int_equal(pt_map(f->pt, va, 0, i % 2 ? large : f->granule, RWX, NULL), 0);
		if (i != 2)
			write_word(f, word_pa(f, va), read_word(f, word_pa(f, va)) | CONTIG);
	}
	assert_int_equal(pt_verify(f->pt, take, &found), -EFAULT);
	assert_int_equal(found.nr, 2);
	for (unsigned int level = 0; level < 2; level++) {
		assert_int_equal(found.finding[level].bad, PT_BAD_CONTIG);
		assert_int_equal(found.finding[level].level, level);
		assert_int_equal(found.finding[level].index, level ? b + 1 : 1);
	}
}

/* Whole, marked and going on, but its output not aligned to its size. */
static void names_blocks_that_are_not_aligned(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);
	struct findings found = { .nr = 0 };

	do_map_small(f, 2 * b, b, 2 * b + 1, RWX);
	for (size_t i = 2 * b; i < 3 * b; i++) {
		pt_pa_t pa = word_pa(f, page_va(f, i));

		write_word(f, pa, read_word(f, pa) | CONTIG);
	}
	assert_int_equal(pt_verify(f->pt, take, &found), -EFAULT);
	assert_int_equal(found.finding[0].bad, PT_BAD_CONTIG);
}

static void assert_range_finds(struct fixture *f, pt_va_t first, pt_va_t last, size_t nr,
			       const struct pt_finding *expected)
{
	struct findings found = { .nr = 0 };

	assert_int_equal(pt_verify_range(f->pt, first, last, take, &found), nr ? -EFAULT : 0);
	assert_int_equal(found.nr, nr);
	if (nr && expected) {
		assert_int_equal(found.finding[0].bad, expected->bad);
		assert_int_equal(found.finding[0].va, expected->va);
		assert_int_equal(found.finding[0].level, expected->level);
	}
}

/* Entries to the left and to the right of a range, at each level, are not looked at. */
static void a_range_has_only_its_own_findings(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	do_map_small(f, 1, 1, 1, RWX);
	path_to(f, page_va(f, 1), steps, &nr);
	for (unsigned int i = 0; i < nr; i++) {
		const struct pt_step *step = &steps[i];
		pt_pa_t pa = step->table_pa + 8 * (pt_pa_t)step->index;
		uint64_t size = UINT64_C(1) << f->info.leaf_lg2[step->level];
		struct pt_finding odd = {
			.bad = PT_BAD_ILLEGAL,
			.va = entry_va(f, page_va(f, 1), step->level),
			.level = step->level,
		};
		pt_va_t last = odd.va + (size - 1);
		uint64_t raw = raw_reserved(&f->fmt, 0);

		if (step->level)
			raw = raw_table(&f->fmt, steps[0].table_pa); /* a loop */
		if (!raw)
			continue;
		write_word(f, pa, raw);
		assert_range_finds(f, odd.va, last, 1, &odd);
		assert_range_finds(f, last, last, 1, &odd);
		assert_range_finds(f, odd.va, odd.va, 1, &odd);
		assert_range_finds(f, 0, UINT64_MAX, 1, &odd);
		if (odd.va)
			assert_range_finds(f, 0, odd.va - 1, 0, NULL);
		if (last != UINT64_MAX)
			assert_range_finds(f, last + 1, UINT64_MAX, 0, NULL);
		write_word(f, pa, step->raw);
	}
	assert_int_equal(pt_verify_range(f->pt, 1, 0, NULL, NULL), -EINVAL);
}

/* ... but blocks are, for what is asked about may be translated as they are. */
static void a_range_has_whole_blocks(void **state)
{
	struct fixture *f = *state;
	size_t b = pages(f, f->block);
	struct pt_step steps[PT_MAX_LEVELS], *last = steps;
	struct pt_finding odd = { .bad = PT_BAD_CONTIG, .va = page_va(f, 2 * b + 3) };
	pt_va_t end = page_va(f, 4 * b) - 1;
	unsigned int nr;
	pt_pa_t pa;

	do_map(f, 2 * b, 2 * b, 2 * b, RWX);
	assert_range_finds(f, page_va(f, 2 * b + 1), page_va(f, 3 * b + 1), 0, NULL);
	path_to(f, page_va(f, 2 * b + 3), steps, &nr);
	last += nr - 1;
	pa = last->table_pa + 8 * (pt_pa_t)last->index;
	write_word(f, pa, last->raw ^ CONTIG);
	assert_range_finds(f, page_va(f, 2 * b), page_va(f, 2 * b), 1, &odd);
	assert_range_finds(f, page_va(f, 2 * b + 5), end, 1, &odd);
	assert_range_finds(f, page_va(f, 3 * b), end, 0, NULL);
	assert_range_finds(f, 0, page_va(f, 2 * b) - 1, 0, NULL);
	write_word(f, pa, last->raw);
}

/* A table that is at its place a second time, once at an end of the range and once inside it. */
static void a_range_has_tables_that_are_shared(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	uint64_t raw = raw_reserved(&f->fmt, 0) ? raw_reserved(&f->fmt, 0) : raw_beyond(&f->fmt, 0);
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_finding second = { .bad = PT_BAD_ILLEGAL, .va = page_va(f, 2 * n + 1) };
	const struct pt_step *above;
	unsigned int nr;
	pt_pa_t word;

	if (!raw)
		skip();
	do_map_small(f, n, 3, n, RWX);
	path_to(f, page_va(f, n), steps, &nr);
	above = &steps[nr - 2];
	word = above->table_pa + 8 * (pt_pa_t)(above->index + 1);
	write_word(f, word, above->raw);
	write_word(f, word_pa(f, page_va(f, n + 1)), raw);
	assert_range_finds(f, page_va(f, n), page_va(f, 3 * n) - 1, 1, NULL);
	assert_range_finds(f, page_va(f, n + 2), page_va(f, 3 * n) - 1, 1, &second);
	assert_range_finds(f, page_va(f, n + 1), page_va(f, 3 * n) - 1, 2, NULL);
	assert_range_finds(f, page_va(f, n + 2), page_va(f, 2 * n), 0, NULL);
	write_word(f, word, 0);
}

/* One entry of the block of which @step is one, made other than the rest of it. */
static void assert_block_is_none(struct fixture *f, const struct pt_step *step, uint64_t raw)
{
	unsigned int mask = (1u << f->info.contig_lg2[step->level]) - 1;
	pt_pa_t pa = step->table_pa + 8 * step->index;
	struct findings found = { .nr = 0 };
	struct pt_finding finding;

	write_word(f, pa, raw);
	assert_int_equal(pt_verify(f->pt, take, &found), -EFAULT);
	for (unsigned int index = step->index & ~mask; index <= (step->index | mask); index++) {
		int err = pt_verify_block(f->phys, &f->fmt, step->table_pa, step->level, index,
					  &finding);

		/* The odd entry too: what a TLB has of its neighbours may cover it. */
		assert_int_equal(err, -EFAULT);
		assert_int_equal(finding.bad, PT_BAD_CONTIG);
		assert_int_equal(finding.table_pa, step->table_pa);
		assert_int_equal(finding.level, step->level);
		assert_int_equal(finding.index, found.finding[0].index);
		assert_int_equal(finding.raw, found.finding[0].raw);
		assert_int_equal(finding.va,
				 (uint64_t)finding.index << f->info.leaf_lg2[step->level]);
		if (step->index & mask) /* else it is the next one that does not go on */
			assert_int_equal(finding.index, step->index);
	}
	write_word(f, pa, step->raw);
}

/* Of every size that has contiguous blocks, and has room for one. */
static void one_block_is_looked_at_as_all_are(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { .flags = PT_CHANGE_FREE_TABLES };
	struct pt_step steps[PT_MAX_LEVELS], step;
	struct pt_finding finding;
	unsigned int nr;

	for (unsigned int level = 0; level < 2 && level + 1 < f->info.nr_levels; level++) {
		unsigned int size_lg2 = f->info.leaf_lg2[level];
		unsigned int last = (1u << f->info.contig_lg2[level]) - 1;
		uint64_t len = UINT64_C(1) << (size_lg2 + f->info.contig_lg2[level]);

		assert_int_equal(pt_map(f->pt, f->base, f->pa, len, RWX, NULL), 0);
		path_to(f, f->base, steps, &nr);
		assert_int_equal(steps[nr - 1].level, level);
		for (unsigned int i = 0; i <= last; i += i ? last - 1 : 1) {
			step = steps[nr - 1];
			step.index += i;
			step.raw = read_word(f, step.table_pa + 8 * step.index);
			assert_int_equal(pt_verify_block(f->phys, &f->fmt, step.table_pa, level,
							 step.index, &finding),
					 0);
			assert_block_is_none(f, &step, 0);
			assert_block_is_none(f, &step, step.raw ^ CONTIG);
			assert_block_is_none(f, &step, step.raw ^ UINT64_C(1) << 54);
			assert_block_is_none(f, &step, step.raw ^ UINT64_C(1) << size_lg2);
			/* hardware marks one for all */
			write_word(f, step.table_pa + 8 * step.index, step.raw ^ 1u << 10);
			assert_int_equal(pt_verify_block(f->phys, &f->fmt, step.table_pa, level,
							 step.index, &finding),
					 0);
			write_word(f, step.table_pa + 8 * step.index, step.raw);
		}
		assert_int_equal(pt_unmap(f->pt, f->base, len, &change), 0);
	}
}

/* No block is looked for where there can be none. */
static void an_entry_may_be_in_no_block(void **state)
{
	struct fixture *f = *state;
	unsigned int nr, top = f->info.nr_levels - 1;
	struct pt_step steps[PT_MAX_LEVELS];
	const struct pt_step *last;
	struct pt_finding finding;
	struct pt_fmt_cfg fmt = f->fmt;
	pt_pa_t pa;

	do_map_small(f, 1, 1, 1, RWX);
	path_to(f, page_va(f, 1), steps, &nr);
	last = &steps[nr - 1];
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(pt_verify_block(f->phys, &f->fmt, steps[i].table_pa,
						 steps[i].level, steps[i].index, &finding),
				 0);
	if (f->info.can_leaf[top] && f->info.contig_lg2[top] > f->info.entries_lg2[top]) {
		pa = steps[0].table_pa + 8 * (steps[0].index ^ 1);
		write_word(f, pa, raw_leaf(&f->fmt, 0, top) | CONTIG);
		assert_int_equal(pt_verify_block(f->phys, &f->fmt, steps[0].table_pa, top,
						 steps[0].index ^ 1, &finding),
				 0);
		write_word(f, pa, 0);
	}
	assert_int_equal(pt_verify_block(f->phys, &f->fmt, last->table_pa, top + 1, 0, &finding),
			 -EINVAL);
	assert_int_equal(pt_verify_block(f->phys, &f->fmt, last->table_pa, 0,
					 1u << f->info.entries_lg2[0], &finding),
			 -EINVAL);
	assert_int_equal(pt_verify_block(f->phys, &f->fmt, last->table_pa + 4, 0, 0, &finding),
			 -EINVAL);
	assert_int_equal(pt_verify_block(f->phys, &f->fmt, 0, 0, 0, &finding), -EINVAL);
	fmt.fmt = PT_FMT_NR;
	assert_int_equal(pt_verify_block(f->phys, &fmt, last->table_pa, 0, 0, &finding), -EINVAL);
	fmt = f->fmt;
	fmt.va_bits = 99;
	assert_int_equal(pt_verify_block(f->phys, &fmt, last->table_pa, 0, 0, &finding), -EINVAL);
}

/* The library's own words, where nobody is at work. */
static void names_transient_words_left_behind(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	do_map_small(f, 1, 1, 1, RWX);
	path_to(f, page_va(f, 1), steps, &nr);
	assert_finds(f, &steps[nr - 1], page_va(f, 1), UINT64_C(0xb4ea4b4ea4b4e000), PT_BAD_WORD,
		     0);
	assert_finds(f, &steps[nr - 1], page_va(f, 1), UINT64_C(0xdead7ab1edead000), PT_BAD_WORD,
		     0);
}

/* A page that was given back, and that a stray entry still points at. */
static void names_tables_that_are_not_in_use(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct findings found = { .nr = 0 };
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather, .flags = PT_CHANGE_FREE_TABLES };
	pt_pa_t word;
	unsigned int nr;
	bool named = false;

	/* a neighbour, so that only the leaf table goes */
	do_map_small(f, n, 1, n, RWX);
	do_map_small(f, 2 * n, 1, n, RWX);
	path_to(f, page_va(f, n), steps, &nr);
	pt_gather_begin(&gather, f->pt);
	assert_int_equal(pt_unmap(f->pt, page_va(f, n), f->granule, &change), 0);
	assert_int_equal(gather.nr_tables, 1);
	word = steps[nr - 2].table_pa + 8 * steps[nr - 2].index;
	assert_int_equal(read_word(f, word), 0);
	write_word(f, word, steps[nr - 2].raw);
	assert_int_equal(pt_verify(f->pt, take, &found), -EFAULT);
	for (size_t i = 0; i < found.nr && i < 64; i++)
		named |= found.finding[i].bad == PT_BAD_LOCK ||
			 found.finding[i].bad == PT_BAD_PARENTS;
	assert_true(named);
	write_word(f, word, 0);
	pt_gather_finish(&gather);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
}

static void stops_when_told(void **state)
{
	struct fixture *f = *state;
	struct findings found = { .stop_at = 2 };
	uint64_t raw = raw_reserved(&f->fmt, 0) ? raw_reserved(&f->fmt, 0) : raw_beyond(&f->fmt, 0);

	if (!raw)
		skip();
	do_map_small(f, 0, 2, 0, RWX);
	do_map_small(f, f->nr_pages - 1, 1, 0, RWX);
	write_word(f, word_pa(f, page_va(f, 0)), raw);
	write_word(f, word_pa(f, page_va(f, 1)), raw);
	write_word(f, word_pa(f, page_va(f, f->nr_pages - 1)), raw);
	assert_int_equal(pt_verify(f->pt, take, &found), -EFAULT);
	assert_int_equal(found.nr, 2);
	found.stop_at = 0;
	found.nr = 0;
	assert_int_equal(pt_verify(f->pt, take, &found), -EFAULT);
	assert_int_equal(found.nr, 3);
}

/* All entries of all tables point at one table below: time is linear in pages, not in ways. */
static void time_is_linear_whatever_the_entries_point_at(void **state)
{
	struct fixture *f = *state;
	struct pt_usage usage;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	do_map_small(f, 1, 1, 1, RWX);
	path_to(f, page_va(f, 1), steps, &nr);
	for (unsigned int i = 0; i + 1 < nr; i++)
		for (uint64_t k = 0; k < UINT64_C(1) << f->info.entries_lg2[steps[i].level]; k++)
			write_word(f, steps[i].table_pa + 8 * k, steps[i].raw);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_int_equal(pt_usage(f->pt, &usage), 0);
	for (unsigned int level = 0; level < nr; level++) {
		assert_int_equal(usage.tables[level], 1);
		assert_int_equal(usage.used[level],
				 level ? (size_t)1 << f->info.entries_lg2[level] : 1);
	}
	for (unsigned int i = 0; i + 1 < nr; i++)
		for (uint64_t k = 0; k < UINT64_C(1) << f->info.entries_lg2[steps[i].level]; k++)
			if (k != steps[i].index)
				write_word(f, steps[i].table_pa + 8 * k, 0);
}

static void usage_counts_each_kind(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	uint64_t raw = raw_reserved(&f->fmt, 0) ? raw_reserved(&f->fmt, 0) : raw_beyond(&f->fmt, 0);
	struct pt_usage usage;

	do_map_small(f, 0, 5, 0, RWX);
	do_map_flags(f, n, n, page_pa(f, n), RWX, PT_CHANGE_NO_CONTIG, 0);
	do_map_small(f, 2 * n, 1, 0, RWX);
	write_word(f, word_pa(f, page_va(f, 3)), RAW_SOFT);
	if (raw)
		write_word(f, word_pa(f, page_va(f, 4)), raw);
	assert_int_equal(pt_usage(f->pt, &usage), 0);
	assert_int_equal(usage.tables[0], 2);
	assert_int_equal(usage.tables[1], 1);
	assert_int_equal(usage.leaves[0], raw ? 4 : 5);
	assert_int_equal(usage.leaves[1], 1);
	assert_int_equal(usage.soft[0], 1);
	assert_int_equal(usage.illegal[0], raw ? 1 : 0);
	assert_int_equal(usage.used[0], 6);
	assert_int_equal(usage.used[1], 3);
	assert_int_equal(usage.entries[0], (size_t)2 << f->info.entries_lg2[0]);
	assert_int_equal(usage.entries[1], (size_t)1 << f->info.entries_lg2[1]);
}

struct tables {
	struct fixture *f;
	size_t nr, stop_at;
	unsigned int last_level;
	pt_pa_t pa[32];
};

static bool count_table(void *ctx, pt_pa_t pa, unsigned int level, uint64_t bytes)
{
	struct tables *t = ctx;
	const struct fixture *f = t->f;

	assert_int_equal(bytes, UINT64_C(8) << f->info.entries_lg2[level]);
	assert_non_null(pt_phys_to_host(f->phys, pa, bytes));
	for (size_t i = 0; i < t->nr && i < 32; i++)
		assert_int_not_equal(t->pa[i], pa);
	if (!t->nr) {
		assert_int_equal(pa, pt_pgtable_root(f->pt));
		assert_int_equal(level, f->info.nr_levels - 1);
	}
	if (t->nr < 32)
		t->pa[t->nr] = pa;
	t->nr++;
	return t->nr != t->stop_at;
}

static void visits_each_table_once_parents_first(void **state)
{
	struct fixture *f = *state;
	struct tables tables = { .f = f };

	do_map_small(f, 0, f->nr_pages, 0, RWX);
	assert_int_equal(pt_for_each_table(f->pt, count_table, &tables), 0);
	assert_int_equal(tables.nr, f->source.nr_live);
	tables = (struct tables){ .f = f, .stop_at = 1 };
	assert_int_equal(pt_for_each_table(f->pt, count_table, &tables), 0);
	assert_int_equal(tables.nr, 1);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST(finds_nothing_wrong_with_its_own_tables),
		TEST(names_reserved_words),
		TEST(names_words_beyond_the_width),
		TEST_ON(names_tables_outside_memory_and_loops, NEEDS_2_LEVELS),
		TEST_ON(names_a_page_that_is_used_as_tables_of_two_levels, NEEDS_3_LEVELS),
		TEST_ON(names_contiguous_blocks_that_are_none, NEEDS_CONTIG),
		TEST_ON(names_blocks_of_each_level, NEEDS_CONTIG),
		TEST_ON(names_blocks_that_are_not_aligned, NEEDS_CONTIG),
		TEST(a_range_has_only_its_own_findings),
		TEST_ON(a_range_has_whole_blocks, NEEDS_CONTIG),
		TEST_ON(a_range_has_tables_that_are_shared, NEEDS_2_LEVELS),
		TEST_ON(one_block_is_looked_at_as_all_are, NEEDS_CONTIG),
		TEST(an_entry_may_be_in_no_block),
		TEST(names_transient_words_left_behind),
		TEST_ON(names_tables_that_are_not_in_use, NEEDS_2_LEVELS),
		TEST_ON(stops_when_told, NEEDS_2_LEVELS),
		TEST_ON(time_is_linear_whatever_the_entries_point_at, NEEDS_2_LEVELS),
		TEST_ON(usage_counts_each_kind, NEEDS_2_LEVELS),
		TEST(visits_each_table_once_parents_first),
	};

	return RUN_ON_ALL("verify", tests);
}
