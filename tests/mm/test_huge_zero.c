/* SPDX-License-Identifier: MIT */
/* The huge zero page: who gets it, what counts it not, and what becomes of it. */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)
#define MAX_BLOCKS 2048
#define MAX_PAGES 20000

static struct mm_fixture fixture;
static struct process parent, child;
static struct pt_swap *swap;

/* 512M to clear would be all that a test of 64K does: there pages have no content. */
static bool has_content(void)
{
	return fixture.huge_lg2 <= 25;
}

static int setup(void **state)
{
	const struct mm_config *config = *state;

	mm_fixture_init(&fixture, config, strstr(config->name, "64k") ? PT_WORLD_NO_CONTENT : 0);
	process_init(&fixture, &parent);
	assert_int_equal(pt_swap_create(&swap, fixture.world, 2, 20000), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mm_end(&fixture, &parent, swap);
	return 0;
}

static pt_pa_t huge_zero(void)
{
	pt_pa_t pa;

	assert_int_equal(pt_world_huge_zero_page(fixture.world, &pa), 0);
	return pa;
}

static void read_at(struct process *p, pt_va_t va)
{
	uint64_t value = mm_load(&fixture, p, va);

	if (has_content())
		assert_int_equal(value, 0);
}

static void map_read(pt_va_t va, uint64_t nr, unsigned int flags)
{
	mm_map_area(&parent, va, nr * fixture.huge, PT_MM_ANON, flags | PT_MM_HUGEPAGE, NULL, 0);
	for (uint64_t i = 0; i < nr; i++)
		read_at(&parent, va + i * fixture.huge + fixture.page);
}

static bool is_huge_zero(struct process *p, pt_va_t va)
{
	struct pt_leaf leaf = mm_leaf(p, va);

	return leaf.level == 1 && leaf.pa == huge_zero() + (va & (fixture.huge - 1)) &&
	       !(leaf.attr & (PT_ATTR_WRITE | PT_ATTR_DIRTY | fixture.soft.attr_special));
}

static bool is_zero_page(struct process *p, pt_va_t va)
{
	struct pt_leaf leaf = mm_leaf(p, va);

	return !leaf.level && leaf.pa == pt_world_zero_page(fixture.world) &&
	       leaf.attr & fixture.soft.attr_special && !(leaf.attr & PT_ATTR_WRITE);
}

static struct pt_smaps smaps_of(struct process *p)
{
	const struct pt_view view = pt_mm_view(p->mm);
	struct pt_smaps sum = { 0 };

	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &sum), 0);
	return sum;
}

static void a_read_finds_it_where_a_leaf_fits(void **state)
{
	const pt_va_t small = VA + 8 * fixture.huge;
	pt_pa_t pa;

	(void)state;
	assert_int_equal(pt_world_huge_zero_page(fixture.world, &pa), -ENOENT);
	map_read(VA, 2, RW);
	assert_true(is_huge_zero(&parent, VA) && is_huge_zero(&parent, VA + fixture.huge));
	assert_true(mm_leaf(&parent, VA).attr & PT_ATTR_ACCESSED);
	read_at(&parent, VA + fixture.huge - 8);
	/* Not without being asked for, nor beyond the area, nor where a table is already. */
	mm_map_area(&parent, small, fixture.huge, PT_MM_ANON, RW, NULL, 0);
	read_at(&parent, small);
	assert_true(is_zero_page(&parent, small));
	assert_int_equal(pt_mm_set_flags(parent.mm, small, fixture.huge, PT_MM_HUGEPAGE, 0), 0);
	read_at(&parent, small + fixture.page);
	assert_true(is_zero_page(&parent, small + fixture.page));
	assert_true(mm_is_hole(&parent, small + 2 * fixture.page));
	mm_map_area(&parent, small + 3 * fixture.huge, fixture.huge - fixture.page, PT_MM_ANON,
		    RW | PT_MM_HUGEPAGE, NULL, 0);
	read_at(&parent, small + 3 * fixture.huge);
	assert_true(is_zero_page(&parent, small + 3 * fixture.huge));
	mm_verify(&fixture);
}

static void populate_of_what_may_only_be_read_maps_it(void **state)
{
	uint64_t done;

	(void)state;
	mm_map_area(&parent, VA, 2 * fixture.huge, PT_MM_ANON, PT_MM_READ, NULL, 0);
	assert_int_equal(pt_mm_populate(parent.mm, VA, 2 * fixture.huge,
					fixture.huge_lg2 - fixture.info.granule_lg2, &done),
			 0);
	assert_int_equal(done, 2 * fixture.huge);
	assert_true(is_huge_zero(&parent, VA) && is_huge_zero(&parent, VA + fixture.huge));
	mm_verify(&fixture);
}

static void a_world_may_have_none(void **state)
{
	const struct pt_world_cfg cfg = {
		.zone = fixture.zone,
		.fmt = fixture.fmt,
		.soft = fixture.soft,
		.flags = PT_WORLD_NO_CONTENT | PT_WORLD_NO_HUGE_ZERO,
	};
	const struct pt_mm_cfg mm_cfg = { .mode = PT_MODE_PRIVATE };
	const struct pt_mm_area want = { .first = VA,
					 .last = VA + fixture.huge - 1,
					 .flags = RW | PT_MM_HUGEPAGE,
					 .node = PT_MM_ANY_NODE };
	struct process other = { 0 };
	enum pt_mm_verdict verdict;
	struct pt_world *world;
	struct pt_leaf leaf;
	pt_pa_t pa;

	(void)state;
	assert_int_equal(pt_world_create(&world, fixture.phys, &cfg), 0);
	assert_int_equal(pt_mm_create(&other.mm, world, &mm_cfg), 0);
	assert_int_equal(pt_mm_map(other.mm, &want), 0);
	assert_int_equal(pt_mm_fault(other.mm, VA, PT_ACCESS_READ, &verdict), 0);
	leaf = mm_leaf(&other, VA);
	assert_int_equal(leaf.level, 0);
	assert_int_equal(leaf.pa, pt_world_zero_page(world));
	assert_int_equal(pt_world_huge_zero_page(world, &pa), -ENOENT);
	pt_mm_destroy(other.mm);
	assert_int_equal(pt_world_destroy(world), 0);
}

/* What is left of the zone are smaller blocks. Returns how many there were. */
static size_t take_all(pt_pa_t *blocks)
{
	const struct pt_alloc how = { .order = fixture.huge_lg2 - fixture.info.granule_lg2,
				      .type = pt_freetype(PT_MIGRATE_MOVABLE, 0) };
	size_t nr = 0;

	while (nr < MAX_BLOCKS && !pt_alloc_pages(fixture.zone, NULL, &how, &blocks[nr]))
		nr++;
	return nr;
}

static void give_back(const pt_pa_t *blocks, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(pt_free_pages(fixture.zone, NULL, blocks[i],
					       fixture.huge_lg2 - fixture.info.granule_lg2),
				 0);
}

static void without_memory_for_it_pages_are_mapped(void **state)
{
	static pt_pa_t blocks[MAX_BLOCKS];
	pt_pa_t pa;
	size_t nr;

	(void)state;
	nr = take_all(blocks);
	map_read(VA, 1, RW);
	assert_true(is_zero_page(&parent, VA + fixture.page));
	assert_true(mm_is_hole(&parent, VA));
	assert_int_equal(pt_world_huge_zero_page(fixture.world, &pa), -ENOENT);
	mm_verify(&fixture);
	give_back(blocks, nr);
	/* There is a table now, but elsewhere it is had. */
	map_read(VA + fixture.huge, 1, RW);
	assert_true(is_huge_zero(&parent, VA + fixture.huge));
	mm_verify(&fixture);
}

static void a_store_gets_a_huge_page_of_its_own(void **state)
{
	struct pt_mm_page page;

	(void)state;
	map_read(VA, 2, RW);
	mm_store(&fixture, &parent, VA + 5 * fixture.page, 7);
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
	assert_int_not_equal(mm_leaf(&parent, VA).pa, huge_zero());
	assert_int_equal(pt_world_page(fixture.world, mm_leaf(&parent, VA).pa, &page), 0);
	assert_true(page.anon && page.exclusive);
	assert_int_equal(page.order, fixture.huge_lg2 - fixture.info.granule_lg2);
	assert_int_equal(mm_load(&fixture, &parent, VA + 5 * fixture.page), 7);
	read_at(&parent, VA + 6 * fixture.page);
	assert_true(is_huge_zero(&parent, VA + fixture.huge));
	read_at(&parent, VA + fixture.huge + 5 * fixture.page);
	assert_int_equal(smaps_of(&parent).anon_huge, fixture.huge);
	mm_verify(&fixture);
}

static void without_memory_a_store_gets_one_page(void **state)
{
	static pt_pa_t blocks[MAX_BLOCKS];
	size_t nr;

	(void)state;
	map_read(VA, 1, RW);
	nr = take_all(blocks);
	mm_store(&fixture, &parent, VA + 5 * fixture.page, 7);
	assert_int_equal(mm_load(&fixture, &parent, VA + 5 * fixture.page), 7);
	assert_int_equal(mm_leaf(&parent, VA + 5 * fixture.page).level, 0);
	assert_true(is_zero_page(&parent, VA + 4 * fixture.page));
	assert_true(is_zero_page(&parent, VA + fixture.huge - fixture.page));
	assert_int_equal(smaps_of(&parent).rss, fixture.page);
	mm_verify(&fixture);
	give_back(blocks, nr);
}

/* Neither a huge page nor a table: calls fail, and nothing has changed. */
static void without_any_memory_it_stays(void **state)
{
	static pt_pa_t blocks[MAX_BLOCKS], pages[MAX_PAGES];
	const struct pt_alloc how = { .type = pt_freetype(PT_MIGRATE_UNMOVABLE, 0) };
	enum pt_mm_verdict verdict;
	size_t nr, nr_pages = 0;

	(void)state;
	map_read(VA, 1, RW);
	nr = take_all(blocks);
	while (nr_pages < MAX_PAGES && !pt_alloc_pages(fixture.zone, NULL, &how, &pages[nr_pages]))
		nr_pages++;
	assert_true(nr_pages < MAX_PAGES);
	assert_int_equal(pt_mm_fault(parent.mm, VA, PT_ACCESS_WRITE, &verdict), -ENOMEM);
	assert_int_equal(pt_mm_zap(parent.mm, VA, fixture.page), -ENOMEM);
	assert_int_equal(pt_mm_unmap(parent.mm, VA, fixture.page), -ENOMEM);
	assert_int_equal(pt_mm_protect(parent.mm, VA, fixture.page, PT_MM_READ), -ENOMEM);
	assert_true(is_huge_zero(&parent, VA));
	mm_verify(&fixture);
	while (nr_pages)
		assert_int_equal(pt_free_pages(fixture.zone, NULL, pages[--nr_pages], 0), 0);
	mm_store(&fixture, &parent, VA, 1);
	mm_verify(&fixture);
	give_back(blocks, nr);
}

static void nothing_counts_it(void **state)
{
	struct pt_pagemap_region region;
	struct pt_pagemap_scan scan = {
		.first = VA,
		.last = VA + fixture.huge - 1,
		.category_mask = PT_PAGE_IS_PFNZERO,
		.return_mask = PT_PAGE_CATEGORIES & ~PT_PAGE_IS_SOFT_DIRTY,
		.regions = &region,
		.nr_regions = 1,
	};
	const struct pt_area_ops ops = pt_mm_area_ops(parent.mm);
	struct pt_view view;
	struct pt_range_walk walk;
	struct pt_mm_page page;
	struct pt_smaps sum;
	uint64_t word;
	char line[256];

	(void)state;
	map_read(VA, 1, RW);
	view = pt_mm_view(parent.mm);
	sum = smaps_of(&parent);
	assert_int_equal(sum.rss | sum.referenced | sum.anonymous | sum.anon_huge | sum.file_huge,
			 0);
	assert_int_equal(sum.pss_fine | sum.shared_clean | sum.private_clean, 0);
	assert_int_equal(pt_pagemap(&view, VA + 3 * fixture.page, VA + 3 * fixture.page, &word), 0);
	assert_int_equal(word & ~PT_PAGEMAP_SOFT_DIRTY,
			 PT_PAGEMAP_PRESENT | PT_PAGEMAP_FILE | (huge_zero() / fixture.page + 3));
	assert_int_equal(pt_pagemap_scan(&view, &scan), 0);
	assert_int_equal(scan.nr_found, 1);
	assert_int_equal(region.last - region.first, fixture.huge - 1);
	assert_int_equal(region.categories, PT_PAGE_IS_PRESENT | PT_PAGE_IS_WRITTEN |
						    PT_PAGE_IS_PFNZERO | PT_PAGE_IS_HUGE);
	pt_numa_maps_line(&view, pt_mm_area(parent.mm, 0), line, sizeof(line));
	assert_null(strstr(line, "N0="));
	assert_int_equal(pt_world_page(fixture.world, huge_zero(), &page), 0);
	assert_int_equal(page.total, 0);
	/* A walk that looks for folios finds frames, as of the zero page. */
	assert_int_equal(pt_range_walk_start_areas(&walk, pt_mm_pgtable(parent.mm), &ops, VA,
						   VA + fixture.huge - 1, PT_TYPE_ALL, 0),
			 PTW_PFN);
	assert_int_equal(walk.pa, huge_zero());
	assert_int_equal(walk.len, fixture.huge);
	assert_int_equal(pt_range_walk_done(&walk), 0);
}

static void reclaim_leaves_it(void **state)
{
	uint64_t done;

	(void)state;
	map_read(VA, 1, RW);
	assert_int_equal(pt_mm_swap_out(parent.mm, VA, fixture.huge, swap, &done), 0);
	assert_int_equal(done, 0);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, VA, fixture.huge, &done), 0);
	assert_int_equal(done, 0);
	assert_int_equal(pt_mm_migrate_end(parent.mm, VA, fixture.huge, &done), 0);
	assert_int_equal(pt_mm_to_device(parent.mm, VA, fixture.huge, &done), 0);
	assert_int_equal(done, 0);
	assert_int_equal(pt_mm_device_exclusive(parent.mm, VA, fixture.huge, &done), 0);
	assert_int_equal(done, 0);
	assert_int_equal(pt_mm_split(parent.mm, VA, fixture.huge, &done), 0);
	assert_int_equal(done, 0);
	assert_int_equal(pt_mm_collapse(parent.mm, VA, fixture.huge, &done), 0);
	assert_int_equal(done, 0);
	assert_int_equal(pt_mm_poison(parent.mm, VA + fixture.page), -ENOENT);
	assert_true(is_huge_zero(&parent, VA));
	mm_verify(&fixture);
}

/* khugepaged takes zero pages for holes. */
static void pages_of_it_and_an_own_one_collapse(void **state)
{
	uint64_t done;

	(void)state;
	map_read(VA, 1, RW);
	assert_int_equal(pt_mm_zap(parent.mm, VA, fixture.page), 0);
	mm_store(&fixture, &parent, VA + fixture.page, 9);
	assert_true(is_zero_page(&parent, VA + 2 * fixture.page));
	assert_int_equal(pt_mm_collapse(parent.mm, VA, fixture.huge, &done), 0);
	assert_int_equal(done, fixture.huge);
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
	if (has_content())
		assert_int_equal(mm_load(&fixture, &parent, VA + fixture.page), 9);
	mm_verify(&fixture);
}

static void what_changes_in_part_becomes_the_zero_page(void **state)
{
	const uint64_t page = fixture.page, huge = fixture.huge;
	const pt_va_t to = VA + 64 * huge;

	(void)state;
	map_read(VA, 4, RW);
	assert_int_equal(pt_mm_zap(parent.mm, VA + page, page), 0);
	assert_true(mm_is_hole(&parent, VA + page) && is_zero_page(&parent, VA + 2 * page));
	assert_true(mm_leaf(&parent, VA + 2 * page).attr & PT_ATTR_ACCESSED);
	assert_int_equal(pt_mm_unmap(parent.mm, VA + huge, page), 0);
	assert_true(is_zero_page(&parent, VA + huge + page));
	assert_int_equal(pt_mm_protect(parent.mm, VA + 2 * huge, page, PT_MM_READ), 0);
	assert_true(is_zero_page(&parent, VA + 2 * huge));
	assert_true(is_zero_page(&parent, VA + 2 * huge + page));
	mm_store(&fixture, &parent, VA + 2 * huge + page, 1);
	assert_int_equal(smaps_of(&parent).rss, page);
	/* Whole, but to a place that is not aligned for it. */
	assert_int_equal(pt_mm_move(parent.mm, VA + 3 * huge, huge, to + page), 0);
	assert_true(is_zero_page(&parent, to + page) && is_zero_page(&parent, to + huge));
	read_at(&parent, to + huge);
	mm_verify(&fixture);
}

static void guards_in_it_leave_the_rest(void **state)
{
	(void)state;
	if (!(fixture.soft.markers & PT_SOFT_MARKER_GUARD))
		skip();
	map_read(VA, 1, RW);
	assert_int_equal(pt_mm_guard(parent.mm, VA + fixture.page, fixture.page, true), 0);
	assert_int_equal(mm_soft(&parent, VA + fixture.page).markers, PT_SOFT_MARKER_GUARD);
	assert_true(is_zero_page(&parent, VA) && is_zero_page(&parent, VA + 2 * fixture.page));
	mm_verify(&fixture);
}

static void it_moves_whole_to_an_aligned_place(void **state)
{
	const pt_va_t to = VA + 64 * fixture.huge;
	pt_attr_t mark = fixture.soft.attr_soft_dirty;

	(void)state;
	map_read(VA, 1, RW);
	assert_int_equal(mm_leaf(&parent, VA).attr & mark, 0);
	assert_int_equal(pt_mm_move(parent.mm, VA, fixture.huge, to), 0);
	assert_true(is_huge_zero(&parent, to));
	assert_int_equal(mm_leaf(&parent, to).attr & mark, mark);
	mm_verify(&fixture);
}

/* Its area counts as one with pages: the child gets the zero page of others too. */
static void fork_copies_its_leaf(void **state)
{
	const pt_va_t small = VA + fixture.huge;

	(void)state;
	mm_map_area(&parent, VA, 2 * fixture.huge, PT_MM_ANON, RW, NULL, 0);
	read_at(&parent, small);
	assert_int_equal(pt_mm_set_flags(parent.mm, VA, 2 * fixture.huge, PT_MM_HUGEPAGE, 0), 0);
	read_at(&parent, VA);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_true(is_huge_zero(&child, VA) && is_huge_zero(&parent, VA));
	assert_true(is_zero_page(&child, small));
	assert_false(mm_leaf(&child, VA).attr & PT_ATTR_ACCESSED);
	assert_true(mm_leaf(&parent, VA).attr & PT_ATTR_ACCESSED);
	read_at(&child, VA);
	mm_store(&fixture, &child, VA, 5);
	assert_true(is_huge_zero(&parent, VA));
	mm_verify(&fixture);
	process_exit(&fixture, &child);
	read_at(&parent, VA);
}

static void stores_to_it_are_told_to_who_watches(void **state)
{
	pt_attr_t mark = fixture.soft.attr_uffd_wp;
	uint64_t value = 3;

	(void)state;
	if (!mark)
		skip();
	map_read(VA, 2, RW | PT_MM_UFFD_WP);
	assert_int_equal(pt_mm_write_protect(parent.mm, VA, fixture.huge, true), 0);
	assert_true(is_huge_zero(&parent, VA));
	assert_true(mm_leaf(&parent, VA).attr & mark);
	assert_int_equal(mm_access(&fixture, &parent, 0, VA, PT_ACCESS_WRITE, &value),
			 PT_VERDICT_UFFD_WP);
	assert_true(is_huge_zero(&parent, VA));
	/* A child has nobody who watches. */
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(mm_leaf(&child, VA).attr & mark, 0);
	process_exit(&fixture, &child);
	/* Pages of it are marked as it is. */
	assert_int_equal(pt_mm_write_protect(parent.mm, VA, fixture.page, false), 0);
	assert_true(is_zero_page(&parent, VA) && is_zero_page(&parent, VA + fixture.page));
	assert_int_equal(mm_leaf(&parent, VA).attr & mark, 0);
	assert_int_equal(mm_leaf(&parent, VA + fixture.page).attr & mark, mark);
	mm_store(&fixture, &parent, VA, 3);
	mm_verify(&fixture);
}

static void hidden_it_is_split_and_shown_as_others(void **state)
{
	(void)state;
	map_read(VA, 2, RW);
	assert_int_equal(pt_mm_protect(parent.mm, VA, 2 * fixture.huge, 0), 0);
	assert_int_equal(mm_soft(&parent, VA).kind, PT_SOFT_PROT_NONE);
	mm_verify(&fixture);
	assert_int_equal(pt_mm_zap(parent.mm, VA + fixture.page, fixture.page), 0);
	assert_int_equal(mm_soft(&parent, VA).kind, PT_SOFT_PROT_NONE);
	mm_verify(&fixture);
	assert_int_equal(smaps_of(&parent).rss, 0);
	assert_int_equal(pt_mm_protect(parent.mm, VA, 2 * fixture.huge, RW), 0);
	assert_true(is_zero_page(&parent, VA) && is_huge_zero(&parent, VA + fixture.huge));
	mm_store(&fixture, &parent, VA + fixture.huge, 1);
	mm_verify(&fixture);
}

static void hints_are_not_of_zero_pages(void **state)
{
	(void)state;
	map_read(VA, 2, RW);
	assert_int_equal(pt_mm_zap(parent.mm, VA + fixture.page, fixture.page), 0);
	mm_store(&fixture, &parent, VA + 2 * fixture.page, 1);
	assert_int_equal(pt_mm_numa_hint(parent.mm, VA, 2 * fixture.huge), 0);
	assert_true(is_zero_page(&parent, VA) && is_huge_zero(&parent, VA + fixture.huge));
	assert_int_equal(mm_soft(&parent, VA + 2 * fixture.page).kind, PT_SOFT_PROT_NONE);
}

static void clear_refs_ages_it(void **state)
{
	(void)state;
	map_read(VA, 1, RW);
	assert_int_equal(pt_mm_clear_refs(parent.mm, PT_MM_CLEAR_ACCESSED), 0);
	assert_false(mm_leaf(&parent, VA).attr & PT_ATTR_ACCESSED);
	assert_true(is_huge_zero(&parent, VA));
	read_at(&parent, VA);
}

/* Frees one of @blocks, of which the zone has no other then. */
static void give_one_back(pt_pa_t *blocks, size_t *nr, size_t i)
{
	give_back(&blocks[i], 1);
	blocks[i] = blocks[--*nr];
}

/*
 * Where nobody looks for folios it and the frame behind it in memory are one run of leaves, if
 * they are so in the table too; and yet only one of them is a page.
 */
static void its_neighbour_in_memory_counts_alone(void **state)
{
	const pt_attr_t marks =
		PT_ATTR_DIRTY | fixture.soft.attr_dirty | fixture.soft.attr_soft_dirty;
	const unsigned int order = fixture.huge_lg2 - fixture.info.granule_lg2;
	static pt_pa_t blocks[MAX_BLOCKS];
	struct pt_change change = { 0 };
	size_t nr = take_all(blocks), i = 0, next = nr;
	struct pt_mm_page page;

	(void)state;
	for (; i < nr && next == nr; i += next == nr)
		for (next = 0; next < nr && blocks[next] != blocks[i] + fixture.huge; next++)
			;
	assert_true(next < nr);
	give_one_back(blocks, &nr, i);
	next = next == nr ? i : next;
	map_read(VA, 1, RW);
	mm_map_area(&parent, VA + fixture.huge, fixture.huge, PT_MM_ANON, RW | PT_MM_HUGEPAGE, NULL,
		    0);
	give_one_back(blocks, &nr, next);
	assert_int_equal(pt_mm_populate(parent.mm, VA + fixture.huge, fixture.huge, order, NULL),
			 0);
	assert_int_equal(mm_leaf(&parent, VA + fixture.huge).pa, huge_zero() + fixture.huge);
	assert_int_equal(pt_mm_protect(parent.mm, VA, 2 * fixture.huge, PT_MM_READ), 0);
	assert_int_equal(
		pt_protect(pt_mm_pgtable(parent.mm), VA, 2 * fixture.huge, 0, marks, &change), 0);
	assert_int_equal(mm_leaf(&parent, VA).attr, mm_leaf(&parent, VA + fixture.huge).attr);
	assert_int_equal(smaps_of(&parent).rss, fixture.huge);
	assert_int_equal(smaps_of(&parent).anonymous, fixture.huge);
	assert_int_equal(pt_world_page(fixture.world, huge_zero() + fixture.huge, &page), 0);
	assert_int_equal(page.total, 1);
	mm_verify(&fixture);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	mm_verify(&fixture);
	process_exit(&fixture, &child);
	assert_int_equal(pt_mm_unmap(parent.mm, VA, fixture.huge), 0);
	mm_verify(&fixture);
	give_back(blocks, nr);
}

static void the_verifier_finds_it_written(void **state)
{
	struct pt_pgtable *pt = pt_mm_pgtable(parent.mm);
	struct pt_change change = { 0 };

	(void)state;
	map_read(VA, 1, RW);
	assert_int_equal(pt_protect(pt, VA, fixture.huge, PT_ATTR_WRITE, 0, &change), 0);
	mm_finds(&fixture, "a huge zero page that may be, or was, written");
	assert_int_equal(pt_protect(pt, VA, fixture.huge, 0, PT_ATTR_WRITE, &change), 0);
	mm_verify(&fixture);
}

static void the_verifier_finds_parts_of_it(void **state)
{
	struct pt_pgtable *pt = pt_mm_pgtable(parent.mm);
	struct pt_change change = { 0 };

	(void)state;
	map_read(VA, 1, RW);
	assert_int_equal(pt_split(pt, VA, fixture.huge, 0, &change), 0);
	mm_finds(&fixture, "a part of the huge zero page, or one that is not special");
	assert_int_equal(pt_collapse(pt, VA, fixture.huge, 1, &change), 0);
	mm_verify(&fixture);
}

int main(void)
{
	const struct CMUnitTest bodies[] = {
		cmocka_unit_test(a_read_finds_it_where_a_leaf_fits),
		cmocka_unit_test(populate_of_what_may_only_be_read_maps_it),
		cmocka_unit_test(a_world_may_have_none),
		cmocka_unit_test(without_memory_for_it_pages_are_mapped),
		cmocka_unit_test(a_store_gets_a_huge_page_of_its_own),
		cmocka_unit_test(without_memory_a_store_gets_one_page),
		cmocka_unit_test(without_any_memory_it_stays),
		cmocka_unit_test(nothing_counts_it),
		cmocka_unit_test(reclaim_leaves_it),
		cmocka_unit_test(pages_of_it_and_an_own_one_collapse),
		cmocka_unit_test(what_changes_in_part_becomes_the_zero_page),
		cmocka_unit_test(guards_in_it_leave_the_rest),
		cmocka_unit_test(it_moves_whole_to_an_aligned_place),
		cmocka_unit_test(fork_copies_its_leaf),
		cmocka_unit_test(stores_to_it_are_told_to_who_watches),
		cmocka_unit_test(hidden_it_is_split_and_shown_as_others),
		cmocka_unit_test(hints_are_not_of_zero_pages),
		cmocka_unit_test(clear_refs_ages_it),
		cmocka_unit_test(its_neighbour_in_memory_counts_alone),
		cmocka_unit_test(the_verifier_finds_it_written),
		cmocka_unit_test(the_verifier_finds_parts_of_it),
	};

	return MM_RUN_ON_ALL("mm/huge_zero", bodies);
}
