/* SPDX-License-Identifier: MIT */
/*
 * pt_pagemap_scan() on address spaces that hold what there is: leaves of all sizes, hugetlb,
 * swap, migration, poison, markers. Categories page by page from pt_pagemap() and lookups, and
 * queries evaluated page by page, must come to the same.
 */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define MANY 4096

static struct mm_fixture fixture;
static struct process process;
static struct pt_swap *swap;
static struct pt_file *file, *huge_file;
static unsigned int unit_lg2; /* hugetlb: log2 bytes */

static int setup(void **state)
{
	struct pt_file_cfg cfg = { .name = "/tmp/a", .len = BIT(31), .order = 2 };
	struct pt_extent huge = { HUGE_PA, BIT(31) };

	mm_fixture_init(&fixture, *state, PT_WORLD_NO_CONTENT);
	/* arm64, 4K: a contiguous block of pages; 16K and 64K: one of pages too; x86: a leaf. */
	unit_lg2 = fixture.info.contig_lg2[0] && fixture.page == 4096 ? 16 : 21;
	assert_int_equal(pt_world_add_huge(fixture.world, unit_lg2, &huge), 0);
	if (fixture.huge_lg2 != unit_lg2) {
		huge = (struct pt_extent){ HUGE_PA + BIT(31), BIT(31) };
		assert_int_equal(pt_world_add_huge(fixture.world, fixture.huge_lg2, &huge), 0);
	}
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	cfg = (struct pt_file_cfg){ .name = "/huge/a", .len = BIT(31), .page_lg2 = unit_lg2 };
	assert_int_equal(pt_file_create(&huge_file, fixture.world, &cfg), 0);
	assert_int_equal(pt_swap_create(&swap, fixture.world, 2, 100000), 0);
	process_init(&fixture, &process);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	process_exit(&fixture, &process);
	pt_file_put(file);
	pt_file_put(huge_file);
	assert_int_equal(pt_swap_destroy(swap), 0);
	mm_fixture_exit(&fixture);
	return 0;
}

static int map_area(pt_va_t va, uint64_t len, enum pt_mm_kind kind, unsigned int flags,
		    unsigned int page_lg2)
{
	const bool shared_huge = kind == PT_MM_HUGETLB && flags & PT_MM_SHARED;
	const struct pt_mm_area want = { .first = va,
					 .last = va + len - 1,
					 .kind = kind,
					 .flags = flags,
					 .page_lg2 = page_lg2,
					 .node = PT_MM_ANY_NODE,
					 .file = shared_huge	      ? huge_file
						 : kind == PT_MM_FILE ? file
								      : NULL };

	return pt_mm_map(process.mm, &want);
}

static struct pt_pagemap_scan everything(struct pt_pagemap_region *regions, size_t nr)
{
	return (struct pt_pagemap_scan){ .last = UINT64_MAX,
					 .return_mask = PT_PAGE_CATEGORIES,
					 .regions = regions,
					 .nr_regions = nr };
}

static void assert_region(const struct pt_pagemap_region *region, unsigned int first,
			  unsigned int last, uint64_t categories)
{
	assert_int_equal(region->first, VA + first * fixture.page);
	assert_int_equal(region->last, VA + (last + 1) * fixture.page - 1);
	assert_int_equal(region->categories, categories);
}

/*
 *	0 1 2 3   4 5 6 7   8 9       a b     c d e f
 *	written   zero      swapped   empty   not mapped
 *
 * And far off an area without tables.
 */
static void make_pages(void)
{
	const uint64_t page = fixture.page;

	assert_int_equal(map_area(VA, 4 * page, PT_MM_ANON, PT_MM_READ | PT_MM_WRITE, 0), 0);
	assert_int_equal(map_area(VA + 4 * page, 4 * page, PT_MM_ANON, PT_MM_READ, 0), 0);
	assert_int_equal(map_area(VA + 8 * page, 4 * page, PT_MM_ANON, PT_MM_READ | PT_MM_WRITE, 0),
			 0);
	assert_int_equal(map_area(VA + BIT(32), page, PT_MM_ANON, PT_MM_READ, 0), 0);
	assert_int_equal(pt_mm_populate(process.mm, VA, 10 * page, 0, NULL), 0);
	assert_int_equal(pt_mm_swap_out(process.mm, VA + 8 * page, 2 * page, swap, NULL), 0);
}

static void regions_are_as_few_as_can_be(void **state)
{
	const uint64_t base = PT_PAGE_IS_SOFT_DIRTY; /* of all new areas */
	const uint64_t present = base | PT_PAGE_IS_PRESENT | PT_PAGE_IS_WRITTEN;
	struct pt_pagemap_region regions[10];
	struct pt_pagemap_scan scan = everything(regions, 10);
	struct pt_view view;

	(void)state;
	make_pages();
	view = pt_mm_view(process.mm);
	assert_int_equal(pt_pagemap_scan(&view, &scan), 0);
	assert_int_equal(scan.nr_found, 5);
	assert_int_equal(scan.walk_end, 0);
	assert_region(&regions[0], 0, 3, present);
	assert_region(&regions[1], 4, 7, present | PT_PAGE_IS_PFNZERO);
	assert_region(&regions[2], 8, 9, base | PT_PAGE_IS_SWAPPED | PT_PAGE_IS_WRITTEN);
	assert_region(&regions[3], 10, 11, base | PT_PAGE_IS_WRITTEN);
	assert_int_equal(regions[4].first, VA + BIT(32));
	assert_int_equal(regions[4].categories, base);
	/* What is not told of does not part them, areas' borders neither. */
	scan.return_mask = PT_PAGE_IS_WRITTEN;
	scan.first = VA + fixture.page;
	scan.last = VA + 11 * fixture.page - 1;
	assert_int_equal(pt_pagemap_scan(&view, &scan), 0);
	assert_int_equal(scan.nr_found, 1);
	assert_region(&regions[0], 1, 10, PT_PAGE_IS_WRITTEN);
	assert_int_equal(scan.walk_end, scan.last + 1);
	/* Without descriptors the zero page is a page. */
	view.world = NULL;
	scan = everything(regions, 10);
	assert_int_equal(pt_pagemap_scan(&view, &scan), 0);
	assert_int_equal(scan.nr_found, 4);
	assert_region(&regions[0], 0, 7, present);
}

static void a_scan_that_has_to_stop_says_where_to_go_on(void **state)
{
	struct pt_pagemap_region regions[2];
	struct pt_pagemap_scan scan = everything(regions, 2);
	struct pt_view view;

	(void)state;
	make_pages();
	view = pt_mm_view(process.mm);
	assert_int_equal(pt_pagemap_scan(&view, &scan), 0);
	assert_int_equal(scan.nr_found, 2);
	assert_int_equal(scan.walk_end, VA + 8 * fixture.page);
	/* In the middle of a run; and before the next page that would be found. */
	scan.max_pages = 3;
	assert_int_equal(pt_pagemap_scan(&view, &scan), 0);
	assert_int_equal(scan.nr_found, 1);
	assert_region(&regions[0], 0, 2, regions[0].categories);
	assert_int_equal(scan.walk_end, VA + 3 * fixture.page);
	scan.max_pages = 4;
	scan.category_inverted = scan.category_mask = PT_PAGE_IS_PFNZERO;
	assert_int_equal(pt_pagemap_scan(&view, &scan), 0);
	assert_int_equal(scan.walk_end, VA + 8 * fixture.page);
	/* Without room nothing is looked at. */
	scan.nr_regions = 0;
	assert_int_equal(pt_pagemap_scan(&view, &scan), 0);
	assert_int_equal(scan.nr_found, 0);
	assert_int_equal(scan.walk_end, 0);
}

static void refuses_what_means_nothing(void **state)
{
	struct pt_pagemap_region regions[1];
	const struct pt_view view = pt_mm_view(process.mm);
	const struct pt_pagemap_scan good = everything(regions, 1);
	struct pt_pagemap_scan bad[8];

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		bad[i] = good;
		bad[i].nr_found = 7;
		bad[i].walk_end = 9;
	}
	bad[0].category_inverted = PT_PAGE_CATEGORIES + 1;
	bad[1].category_mask = PT_PAGE_CATEGORIES + 1;
	bad[2].category_anyof_mask = PT_PAGE_CATEGORIES + 1;
	bad[3].return_mask = BIT(63);
	bad[4].first = 1;
	bad[5].last = fixture.page;
	bad[6].first = 2 * fixture.page;
	bad[6].last = fixture.page - 1;
	bad[7].regions = NULL;
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(pt_pagemap_scan(&view, &bad[i]), -EINVAL);
		assert_int_equal(bad[i].nr_found, 7);
		assert_int_equal(bad[i].walk_end, 9);
	}
}

static bool is_huge_zero(pt_pa_t pa)
{
	pt_pa_t first;

	return !pt_world_huge_zero_page(fixture.world, &first) && pa - first < fixture.huge;
}

/* What pagemap says of @va; false where there is no page. */
static bool naive_categories(pt_va_t va, uint64_t *categories)
{
	const struct pt_view view = pt_mm_view(process.mm);
	const struct pt_mm_area *area = pt_mm_area_at(process.mm, va);
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_soft soft = { 0 };
	struct pt_leaf leaf = { 0 };
	bool huge, dirty, hole, swapped;
	unsigned int nr, level;
	uint64_t word, is = 0;
	int err;

	if (!area || area->first > va || area->kind == PT_MM_PFNMAP)
		return false;
	huge = area->kind == PT_MM_HUGETLB;
	assert_int_equal(pt_pagemap(&view, va, va + fixture.page - 1, &word), 0);
	err = pt_trace(view.pt, va, steps, &nr);
	level = steps[nr - 1].level;
	hole = steps[nr - 1].kind == PT_KIND_EMPTY;
	if (err && !hole)
		assert_int_equal(pt_soft_lookup(view.pt, va, &soft, NULL), 0);
	swapped = !hole && err && soft.kind != PT_SOFT_PROT_NONE;
	if (!huge)
		assert_int_equal(swapped, !!(word & PT_PAGEMAP_SWAP));
	dirty = word & PT_PAGEMAP_SOFT_DIRTY || (swapped && soft.flags & PT_SOFT_SOFT_DIRTY);
	if (word & PT_PAGEMAP_PRESENT) {
		is |= PT_PAGE_IS_PRESENT;
		if ((word & PT_PAGEMAP_PFN) == pt_world_zero_page(fixture.world) / fixture.page)
			is |= PT_PAGE_IS_PFNZERO;
		/* Which pagemap calls a page, and PAGEMAP_SCAN no normal one. */
		if (is_huge_zero((word & PT_PAGEMAP_PFN) * fixture.page)) {
			assert_true(word & PT_PAGEMAP_FILE);
			word &= ~PT_PAGEMAP_FILE;
			is |= PT_PAGE_IS_PFNZERO;
		}
		leaf.raw = soft.kind == PT_SOFT_PROT_NONE ? soft.leaf : steps[nr - 1].raw;
		dirty |= !!(pt_entry_attr(view.pt, leaf.raw, level) & fixture.soft.attr_soft_dirty);
	}
	if (swapped)
		is |= PT_PAGE_IS_SWAPPED;
	if (!(word & PT_PAGEMAP_UFFD_WP) && (!hole || (!level && !huge)))
		is |= PT_PAGE_IS_WRITTEN;
	if (word & PT_PAGEMAP_FILE)
		is |= PT_PAGE_IS_FILE;
	if (word & PT_PAGEMAP_GUARD)
		is |= PT_PAGE_IS_GUARD;
	if (huge ? level <= (area->page_lg2 >= fixture.huge_lg2) : level && !hole)
		is |= PT_PAGE_IS_HUGE;
	if (dirty)
		is |= PT_PAGE_IS_SOFT_DIRTY;
	if (area->flags & PT_MM_UFFD_WP)
		is |= PT_PAGE_IS_WPALLOWED;
	*categories = is;
	return true;
}

struct page {
	bool exists;
	uint64_t categories;
};

struct window {
	size_t nr; /* pages, from VA on */
	struct page *page;
	uint64_t seed, seen;
};

static uint64_t pick(struct window *w, uint64_t n)
{
	return random64(&w->seed) % n;
}

static void naive_scan(const struct window *w, struct pt_pagemap_scan *scan)
{
	uint64_t nr = 0;

	scan->nr_found = 0;
	for (size_t i = (scan->first - VA) / fixture.page; i < w->nr; i++) {
		pt_va_t va = VA + i * fixture.page;
		uint64_t is = w->page[i].categories ^ scan->category_inverted;
		struct pt_pagemap_region *region = &scan->regions[scan->nr_found];

		if (va > scan->last)
			break;
		if (!w->page[i].exists || scan->category_mask & ~is ||
		    (scan->category_anyof_mask && !(scan->category_anyof_mask & is)))
			continue;
		is = w->page[i].categories & scan->return_mask;
		scan->walk_end = va;
		if (scan->max_pages && nr == scan->max_pages)
			return;
		if (scan->nr_found && region[-1].last + 1 == va && region[-1].categories == is) {
			region[-1].last += fixture.page;
		} else {
			if (scan->nr_found == scan->nr_regions)
				return;
			*region = (struct pt_pagemap_region){ va, va + fixture.page - 1, is };
			scan->nr_found++;
		}
		nr++;
	}
	scan->walk_end = scan->last + 1;
}

/* Few categories at a time: most queries that ask for many find nothing. */
static uint64_t pick_mask(struct window *w)
{
	uint64_t mask = random64(&w->seed) & PT_PAGE_CATEGORIES;

	for (uint64_t i = pick(w, 5); i; i--)
		mask &= random64(&w->seed);
	return mask;
}

static void check_scan(struct window *w)
{
	static struct pt_pagemap_region regions[MANY + 1], expected[MANY + 1];
	size_t first = pick(w, w->nr), nr = pick(w, 3) ? w->nr - first : 1 + pick(w, 700);
	struct pt_pagemap_scan scan = {
		.first = VA + first * fixture.page,
		.last = VA + (first + nr) * fixture.page - 1,
		.category_inverted = pick_mask(w),
		.category_mask = pick(w, 2) ? pick_mask(w) : 0,
		.category_anyof_mask = pick(w, 2) ? pick_mask(w) : 0,
		.return_mask = pick(w, 2) ? pick_mask(w) : PT_PAGE_CATEGORIES,
		.max_pages = pick(w, 2) ? 0 : 1 + pick(w, 1000),
		.regions = regions,
		.nr_regions = pick(w, 2) ? MANY : 1 + pick(w, 9),
	};
	const struct pt_view view = pt_mm_view(process.mm);
	struct pt_pagemap_scan naive = scan;

	naive.regions = expected;
	naive_scan(w, &naive);
	assert_int_equal(pt_pagemap_scan(&view, &scan), 0);
	assert_int_equal(scan.nr_found, naive.nr_found);
	assert_int_equal(scan.walk_end, naive.walk_end);
	for (size_t i = 0; i < scan.nr_found; i++) {
		assert_int_equal(regions[i].first, expected[i].first);
		assert_int_equal(regions[i].last, expected[i].last);
		assert_int_equal(regions[i].categories, expected[i].categories);
	}
}

static void random_map(struct window *w, pt_va_t va, uint64_t len)
{
	static const enum pt_mm_kind kinds[] = { PT_MM_ANON, PT_MM_ANON,   PT_MM_FILE,
						 PT_MM_FILE, PT_MM_PFNMAP, PT_MM_MIXEDMAP };
	unsigned int flags = (unsigned int)pick(w, 4) ? PT_MM_READ | PT_MM_WRITE : PT_MM_READ;
	enum pt_mm_kind kind = kinds[pick(w, 6)];
	unsigned int lg2 = 0;
	int err;

	if (kind == PT_MM_FILE && pick(w, 2))
		flags |= PT_MM_SHARED;
	if (pick(w, 2) && kind < PT_MM_PFNMAP)
		flags |= PT_MM_UFFD_WP;
	if (!pick(w, 4)) {
		kind = PT_MM_HUGETLB;
		lg2 = pick(w, 2) && fixture.huge_lg2 <= 25 ? fixture.huge_lg2 : unit_lg2;
		flags &= ~PT_MM_SHARED;
		if (lg2 == unit_lg2 && pick(w, 2))
			flags |= PT_MM_SHARED;
		va = VA + ((va - VA) & ~(BIT(lg2) - 1));
		len = BIT(lg2) * (1 + pick(w, 2));
	}
	if (va + len > VA + w->nr * fixture.page)
		return;
	err = map_area(va, len, kind, flags, lg2);
	assert_true(!err || err == -EEXIST);
	if (!err && (kind == PT_MM_PFNMAP || kind == PT_MM_MIXEDMAP) && pick(w, 4))
		assert_int_equal(pt_mm_insert_pfn(process.mm, va, len,
						  BIT(36) + (va & (fixture.huge - 1))),
				 0);
}

static void random_change(struct window *w)
{
	static const unsigned int prots[] = { 0, PT_MM_READ, PT_MM_READ | PT_MM_WRITE };
	const unsigned int orders[] = { 0, 2, 4, fixture.huge_lg2 - fixture.info.granule_lg2 };
	struct pt_mm *mm = process.mm;
	size_t first = pick(w, w->nr);
	uint64_t nr = pick(w, 3) ? 1 + pick(w, 60) : w->nr, len;
	const struct pt_mm_area *area;
	pt_va_t va;
	int err = 0;

	if (!pick(w, 2))
		first -= first % (fixture.huge / fixture.page);
	if (nr > w->nr - first)
		nr = w->nr - first;
	va = VA + first * fixture.page;
	len = nr * fixture.page;
	/* Calls for areas of some kinds would seldom find nothing but them. */
	area = pt_mm_area_at(mm, va);
	if (area && pick(w, 2)) {
		va = area->first;
		len = area->last - va + 1;
	}
	switch (pick(w, 16)) {
	case 0:
	case 1:
	case 2:
		random_map(w, va, len);
		break;
	case 3:
	case 4:
		for (size_t i = 0; i < pt_mm_nr_areas(mm); i++) {
			area = pt_mm_area(mm, i);
			if (area->kind == PT_MM_PFNMAP || pick(w, 2))
				continue;
			err = pt_mm_populate(mm, area->first, area->last - area->first + 1,
					     orders[pick(w, fixture.huge_lg2 > 25 ? 3 : 4)], NULL);
		}
		break;
	case 5:
		err = pt_mm_unmap(mm, va, len);
		break;
	case 6:
		err = pt_mm_zap(mm, va, len);
		break;
	case 7:
		err = pt_mm_protect(mm, va, len, prots[pick(w, 3)]);
		break;
	case 8:
		err = pt_mm_swap_out(mm, va, len, swap, NULL);
		break;
	case 9:
		err = pick(w, 2) ? pt_mm_to_device(mm, va, len, NULL)
				 : pt_mm_device_exclusive(mm, va, len, NULL);
		break;
	case 10:
		err = pt_mm_guard(mm, va, len, pick(w, 3));
		break;
	case 11:
	case 12:
		err = pt_mm_write_protect(mm, va, len, pick(w, 4));
		break;
	case 13:
		err = pt_mm_clear_refs(mm, PT_MM_CLEAR_SOFT_DIRTY);
		break;
	case 14:
		err = pt_mm_lazyfree(mm, va, len);
		break;
	default:
		err = pick(w, 2) ? pt_mm_numa_hint(mm, va, len) : pt_mm_poison(mm, va);
		break;
	}
	/* Which of them a call has to return test_ops and test_random know. */
	assert_true(!err || err == -ENOENT || err == -EINVAL || err == -EOPNOTSUPP ||
		    err == -EBUSY || err == -ENOMEM);
}

/* Some folios of each area are moving, or none is any more. */
static void migrate(struct window *w, bool begin)
{
	for (size_t i = 0; i < pt_mm_nr_areas(process.mm); i++) {
		const struct pt_mm_area *area = pt_mm_area(process.mm, i);
		uint64_t len = area->last - area->first + 1;
		int err;

		if (begin && pick(w, 2))
			len = area->kind == PT_MM_HUGETLB ? BIT(area->page_lg2) : fixture.page;
		err = begin ? pt_mm_migrate_begin(process.mm, area->first, len, NULL)
			    : pt_mm_migrate_end(process.mm, area->first, len, NULL);
		assert_true(!err || err == -ENOMEM);
	}
}

static void random_queries_find_what_a_look_at_each_page_finds(void **state)
{
	uint64_t expected = PT_PAGE_CATEGORIES;
	struct window w = { 0 };

	(void)state;
	w.nr = fixture.huge_lg2 <= 25 ? 3 * fixture.huge / fixture.page : 1000;
	w.page = calloc(w.nr, sizeof(*w.page));
	assert_non_null(w.page);
	if (!(fixture.soft.markers & PT_SOFT_MARKER_GUARD))
		expected &= ~PT_PAGE_IS_GUARD;
	/* However thin, every category has to come. */
	for (unsigned int i = 0; i < 300 && (i < 300 / test_thin() || w.seen != expected); i++) {
		for (unsigned int k = 0; k < 4; k++)
			random_change(&w);
		if (!pick(&w, 3))
			migrate(&w, true);
		for (size_t p = 0; p < w.nr; p++) {
			w.page[p].categories = 0;
			w.page[p].exists =
				naive_categories(VA + p * fixture.page, &w.page[p].categories);
			w.seen |= w.page[p].categories;
		}
		for (unsigned int k = 0; k < 50; k++)
			check_scan(&w);
		migrate(&w, false);
	}
	assert_int_equal(w.seen, expected);
	free(w.page);
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(regions_are_as_few_as_can_be),
	cmocka_unit_test(a_scan_that_has_to_stop_says_where_to_go_on),
	cmocka_unit_test(refuses_what_means_nothing),
	cmocka_unit_test(random_queries_find_what_a_look_at_each_page_finds),
};

int main(void)
{
	return MM_RUN_ON_ALL("scan", bodies);
}
