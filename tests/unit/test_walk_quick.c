/* SPDX-License-Identifier: MIT */
/*
 * The quick ways of pt_range_walk_next() decide nothing by themselves: whatever stands in the
 * tables, each run of a walk is the one that a walk which begins there finds first. That one
 * has had no chance to be quick.
 */
#include "unit/walk_space.h"

#define NR_PAGES 64
#define NR_ORDERS 4
#define NR_FOLIOS 4
#define NR_SEEDS 12

static uint32_t seed;
static size_t origin; /* the first page; behind the middle of them, mostly, a table ends */

static pt_va_t va_of(const struct fixture *f, size_t page)
{
	return page_va(f, origin + page);
}

static uint32_t random_below(uint32_t end)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % end;
}

static pt_attr_t random_marks(struct fixture *f)
{
	const pt_attr_t marks[] = {
		0, 0, 0, A, PT_ATTR_WRITE, PT_ATTR_WRITE | PT_ATTR_DIRTY, PT_ATTR_SW(1)
	};
	pt_attr_t mark = marks[random_below(sizeof(marks) / sizeof(marks[0]))];

	return RX | (mark & ~format_lost_attrs(&f->fmt, mark));
}

static struct pt_soft random_soft(void)
{
	const struct pt_soft device = { .kind = PT_SOFT_DEVICE_WRITE, .pfn = 0x4000 };
	const struct pt_soft kinds[] = { migration, poison, device, guard };

	return kinds[random_below(sizeof(kinds) / sizeof(kinds[0]))];
}

/* Folios whole, in parts, turned round, and with marks of their own; of which some are hidden. */
static void put_pages(struct fixture *f, size_t first, size_t nr, pt_pa_t pa, bool has_soft)
{
	const pt_attr_t attr = random_marks(f);
	const bool turns = !random_below(4), differs = !random_below(3);

	for (size_t i = 0; i < nr; i++)
		map(f, origin + first + i, pa + (turns ? nr - 1 - i : i) * f->granule, 1,
		    differs ? random_marks(f) : attr);
	if (has_soft && !random_below(6))
		assert_int_equal(pt_soft_hide(f->pt, va_of(f, first), f->granule, 0, 0, NULL), 0);
}

static void put_swap(struct fixture *f, size_t first, size_t nr)
{
	struct pt_soft word = swap;

	word.offset += random_below(2) * 7;
	word.type = random_below(3);
	word.flags = random_below(4) ? 0 : PT_SOFT_EXCLUSIVE;
	put(f, origin + first, nr, 0, word);
}

/* The last words of a device, and then the first one of the device that a carry would make of it. */
static void put_last_swap(struct fixture *f, size_t first, size_t nr)
{
	const struct pt_soft next = { .kind = PT_SOFT_SWAP, .type = fixture_is_x86(f) ? 0 : 2 };
	struct pt_soft word = swap;

	word.offset = (UINT64_C(1) << 50) - nr + 1;
	if (nr > 1)
		put(f, origin + first, nr - 1, 0, word);
	put(f, origin + first + nr - 1, 1, 0, next);
}

/* Pages from @first to @end, which are numbered from @origin on. */
static void fill(struct fixture *f, size_t first, size_t end, pt_pa_t pool[NR_ORDERS][NR_FOLIOS])
{
	const bool has_soft = !format_is_stage2(f->fmt.fmt);
	size_t nr;

	for (; first < end; first += nr) {
		unsigned int order = random_below(NR_ORDERS);
		uint32_t kind = random_below(has_soft ? 11 : 6);

		nr = (size_t)1 << order;
		if (kind > 6)
			nr = 1 + random_below(11);
		if (nr > end - first)
			nr = end - first;
		if (kind < 4)
			put_pages(f, first, nr, pool[order][random_below(NR_FOLIOS)], has_soft);
		else if (kind == 4)
			map(f, origin + first, f->pa + POOL, nr, random_marks(f)); /* of no folio */
		else if (kind == 6)
			put(f, origin + first, nr, 0, random_soft());
		else if (kind == 7)
			put_last_swap(f, first, nr);
		else if (kind > 7)
			put_swap(f, first, nr);
	}
}

/*
 * Fills the window, and puts a contiguous block somewhere into it, where there are such: a folio as
 * large as a block, or pages of none. CPUs mark what entry of a block they like.
 */
static void fill_all(struct fixture *f, pt_pa_t pool[NR_ORDERS][NR_FOLIOS], pt_pa_t block)
{
	const size_t nr = pages(f, f->block), at = origin + random_below(NR_PAGES);
	const size_t first = at - at % nr, end = first + nr;
	const pt_attr_t attr = random_marks(f);
	const bool is_folio = random_below(3);

	if (nr == 1 || !random_below(3)) {
		fill(f, 0, NR_PAGES, pool);
		return;
	}
	assert_int_equal(pt_map(f->pt, page_va(f, first), is_folio ? block : f->pa + POOL, f->block,
				attr, NULL),
			 0);
	for (uint32_t i = random_below(4); i--;) {
		pt_pa_t word = word_pa(f, page_va(f, first + random_below((uint32_t)nr)));

		write_word(f, word, raw_touch(&f->fmt, read_word(f, word), A | PT_ATTR_DIRTY));
	}
	if (first > origin)
		fill(f, 0, first - origin, pool);
	if (end < origin + NR_PAGES)
		fill(f, end - origin, NR_PAGES, pool);
}

/* The window in areas of all sorts, with gaps between some. */
static void random_areas(struct fixture *f)
{
	size_t first = 0;

	space.nr_areas = 0;
	while (space.nr_areas < NR_AREAS && first < NR_PAGES) {
		struct pt_area *area = &space.area[space.nr_areas];
		size_t nr = 1 + random_below(40);

		if (nr > NR_PAGES - first)
			nr = NR_PAGES - first;
		add_area(f, origin + first, nr, random_below(5) ? PT_AREA_WALK : PT_AREA_SKIP);
		area->flags = random_below(4) ? 0 : PT_AREA_PFN_MAP;
		area->huge_lg2 = random_below(4) ? 0 : lg2(f->block);
		first += nr + (random_below(3) ? 0 : random_below(5));
	}
}

static void assert_same_run(const struct pt_range_walk *a, const struct pt_range_walk *b)
{
	assert_int_equal(a->va, b->va);
	assert_int_equal(a->len, b->len);
	assert_int_equal(a->raw, b->raw);
	assert_int_equal(a->pa, b->pa);
	assert_int_equal(a->attr, b->attr);
	assert_int_equal(a->hidden, b->hidden);
	assert_int_equal(a->level, b->level);
	assert_int_equal(a->size_lg2, b->size_lg2);
	assert_int_equal(a->contig_lg2, b->contig_lg2);
	assert_int_equal(a->why, b->why);
}

static void assert_same_details(enum pt_range_walk_type type, const struct pt_range_walk *a,
				const struct pt_range_walk *b)
{
	if (type == PTW_FOLIO) {
		assert_int_equal(a->folio, b->folio);
		assert_int_equal(a->folio_order, b->folio_order);
	} else if (type != PTW_NONE && type != PTW_PFN) {
		assert_int_equal(a->soft.kind, b->soft.kind);
		assert_int_equal(a->soft.flags, b->soft.flags);
		assert_int_equal(a->soft.type, b->soft.type);
		assert_int_equal(a->soft.markers, b->soft.markers);
		assert_int_equal(a->soft.offset, b->soft.offset);
		assert_int_equal(a->soft.pfn, b->soft.pfn);
		assert_int_equal(a->soft.leaf, b->soft.leaf);
	}
}

static void check_walk(struct fixture *f, const struct pt_area_ops *areas, unsigned int types,
		       unsigned int flags)
{
	const pt_va_t last = va_of(f, NR_PAGES) - 1;
	struct pt_range_walk walk, fresh;
	enum pt_range_walk_type type;

	for (type = pt_range_walk_start_areas(&walk, f->pt, areas, va_of(f, 0), last, types, flags);
	     type != PTW_DONE; type = pt_range_walk_next(&walk)) {
		assert_int_equal(pt_range_walk_start_areas(&fresh, f->pt, areas, walk.va, last,
							   types, flags),
				 type);
		assert_same_run(&walk, &fresh);
		assert_same_details(type, &walk, &fresh);
		assert_int_equal(pt_range_walk_done(&fresh), 0);
	}
	assert_int_equal(pt_range_walk_done(&walk), 0);
}

static void runs_are_what_a_walk_that_begins_there_finds(void **state)
{
	const unsigned int flags[] = { 0, PT_WALK_FOLIOS, PT_WALK_FOLIOS | PT_WALK_RESPECT_AD,
				       PT_WALK_FOLIOS | PT_WALK_RESPECT_WRITE,
				       PT_WALK_FOLIOS | PT_WALK_IGNORE_SW };
	const unsigned int types[] = { PT_TYPE_ALL, PT_TYPE_FOLIO | PT_TYPE_PFN,
				       PT_TYPE_FOLIO | PT_TYPE_SWAP | PT_TYPE_NONE,
				       PT_TYPE_ALL &
					       ~(unsigned int)(PT_TYPE_FOLIO | PT_TYPE_SWAP) };
	pt_pa_t pool[NR_ORDERS][NR_FOLIOS], block;
	struct fixture *f = *state;
	pt_va_t first, last;

	origin = (size_t)1 << f->info.entries_lg2[0];
	origin = origin > NR_PAGES ? origin - NR_PAGES / 2 - 3 : 0;
	space_begin(f);
	for (unsigned int order = 0; order < NR_ORDERS; order++)
		for (size_t i = 0; i < NR_FOLIOS; i++)
			pool[order][i] = folio(f, order);
	block = folio(f, lg2(f->block) - f->info.granule_lg2);
	first = va_of(f, 0) & ~(f->block - 1);
	last = (va_of(f, NR_PAGES) - 1) | (f->block - 1);
	for (uint32_t number = 1; number <= NR_SEEDS; number++) {
		seed = number * 2654435761u;
		fill_all(f, pool, block);
		random_areas(f);
		for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++) {
			for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
				check_walk(f, NULL, types[k], flags[i]);
			check_walk(f, &area_ops, types[k], random_below(2) ? 0 : PT_WALK_PFNS);
			check_walk(f, &area_ops, types[k], PT_WALK_RESPECT_AD);
		}
		assert_int_equal(pt_unmap(f->pt, first, last - first + 1, NULL), 0);
	}
	space_end(f);
}

/* Memory on both sides of an address, all of it folios of one page each. */
struct straddle {
	struct pt_zone *zone;
	pt_pa_t block[2];
	unsigned int order; /* of the folios */
};

#define STRADDLE_ORDER 9
#define STRADDLE_HALF (UINT64_C(4096) << STRADDLE_ORDER)

static void straddle_begin(struct fixture *f, struct straddle *s, pt_pa_t middle)
{
	const pt_pa_t first = middle - STRADDLE_HALF;
	struct pt_phys_region region = { .pa = first, .len = 2 * STRADDLE_HALF, .fd = -1 };
	struct pt_extent range = { .pa = first, .len = 2 * STRADDLE_HALF };
	struct pt_zone_cfg cfg = { .ranges = &range, .nr_ranges = 1 };
	const struct pt_alloc how = { .order = STRADDLE_ORDER };

	s->order = f->info.granule_lg2 - 12;
	assert_int_equal(pt_phys_add(f->phys, &region), 0);
	assert_int_equal(pt_zone_create(&s->zone, f->phys, &cfg), 0);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(pt_alloc_pages(s->zone, NULL, &how, &s->block[i]), 0);
		assert_int_equal(pt_folio_split(s->zone, s->block[i], s->order), 0);
	}
}

static void straddle_end(struct fixture *f, struct straddle *s)
{
	for (unsigned int i = 0; i < 2; i++)
		for (uint64_t at = 0; at < STRADDLE_HALF; at += f->granule)
			assert_int_equal(pt_free_pages(s->zone, NULL, s->block[i] + at, s->order),
					 0);
	assert_int_equal(pt_zone_destroy(s->zone), 0);
}

/*
 * The highest bits of a wide address stand apart from the others. What is nowhere in memory but
 * for them is no folio.
 */
static void high_bits_of_addresses_count(void **state)
{
	struct fixture *f = *state;
	const pt_pa_t middle = UINT64_C(1) << (f->info.granule_lg2 == 16 ? 48 : 50);
	struct pt_range_walk walk;
	struct straddle s;

	if (f->info.granule_lg2 < 12 || f->fmt.pa_bits < 52)
		return;
	space_begin(f);
	straddle_begin(f, &s, middle);
	map(f, 0, middle, 1, RX);
	map(f, 1, 2 * middle - f->granule, 1, RX);
	assert_int_equal(pt_range_walk_start(&walk, f->pt, page_va(f, 0), page_va(f, 2) - 1,
					     PT_TYPE_ALL, FOLIOS),
			 PTW_FOLIO);
	assert_int_equal(walk.pa, middle);
	assert_int_equal(pt_range_walk_next(&walk), PTW_PFN);
	assert_int_equal(walk.pa, 2 * middle - f->granule);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	straddle_end(f, &s);
	space_end(f);
}

/* Where runs end if @raw stands for the third of a folio's four pages, behind a page of another. */
static void check_illegal_word(struct fixture *f, pt_pa_t word, uint64_t raw, unsigned int flags)
{
	const pt_va_t last = page_va(f, 5) - 1, bad = page_va(f, 3);
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	write_word(f, word, raw);
	type = pt_range_walk_start(&walk, f->pt, bad, last, PT_TYPE_ALL, flags | PT_WALK_EACH);
	if (type == PTW_ILLEGAL)
		for (size_t first = 0; first < 3; first++) {
			for (type = pt_range_walk_start(&walk, f->pt, page_va(f, first), last,
							PT_TYPE_ALL, flags);
			     walk.va + (walk.len - 1) < bad; type = pt_range_walk_next(&walk))
				assert_int_equal(type, PTW_FOLIO);
			assert_int_equal(type, PTW_ILLEGAL);
			assert_int_equal(walk.va, bad);
			assert_int_equal(walk.len, f->granule);
		}
}

/*
 * Also at a word that differs from a legal one only in bits that a run of a folio does not look
 * at: EPT's leaves that may be written need to be readable.
 */
static void runs_of_folios_end_at_illegal_words(void **state)
{
	const unsigned int flags[] = { FOLIOS, FOLIOS | PT_WALK_RESPECT_AD,
				       FOLIOS | PT_WALK_RESPECT_WRITE };
	const pt_attr_t attrs[] = { RX, RWX, PT_ATTR_EXEC, PT_ATTR_EXEC | A };
	struct pt_change change = { .flags = PT_CHANGE_NO_CONTIG };
	struct fixture *f = *state;
	pt_pa_t other, pa;

	space_begin(f);
	other = folio(f, 0);
	pa = folio(f, 2);
	for (size_t i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++) {
		const pt_attr_t attr = attrs[i] & ~format_lost_attrs(&f->fmt, attrs[i]);
		pt_pa_t word;
		uint64_t raw;

		if (pt_map(f->pt, page_va(f, 0), other, f->granule, attr, &change) == -EOPNOTSUPP)
			continue;
		map(f, 1, pa, 4, attr);
		word = word_pa(f, page_va(f, 3));
		raw = read_word(f, word);
		for (unsigned int bit = 0; bit < 64; bit++)
			for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++)
				check_illegal_word(f, word, raw ^ UINT64_C(1) << bit, flags[k]);
		write_word(f, word, raw);
		assert_int_equal(pt_unmap(f->pt, page_va(f, 0), 5 * f->granule, NULL), 0);
	}
	space_end(f);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(runs_are_what_a_walk_that_begins_there_finds, NEEDS_3_LEVELS),
		TEST_ON(high_bits_of_addresses_count, NEEDS_3_LEVELS),
		TEST_ON(runs_of_folios_end_at_illegal_words, NEEDS_3_LEVELS),
	};

	return RUN_ON_ALL("quick ways of walks", tests);
}
