/* SPDX-License-Identifier: MIT */
/* Reports of address spaces whose numbers are known by hand. */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)

static struct mm_fixture fixture;
static struct process parent, child;
static struct pt_swap *swap;

static int setup(void **state)
{
	mm_begin(&fixture, *state, &parent, &swap, 100);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mm_end(&fixture, &parent, swap);
	return 0;
}

/*
 *	0 1 2 3   4 5 6 7   8 9 a b
 *	stored    read      swapped: 8 and 9; a and b untouched
 *
 * The child stores to 0.
 */
static void make_pages(void)
{
	const struct pt_mm_area want = { .first = VA,
					 .last = VA + 12 * fixture.page - 1,
					 .flags = PT_MM_READ | PT_MM_WRITE,
					 .node = PT_MM_ANY_NODE,
					 .name = "[heap]" };

	assert_int_equal(pt_mm_map(parent.mm, &want), 0);
	for (unsigned int i = 0; i < 4; i++)
		mm_store(&fixture, &parent, VA + i * fixture.page, 1);
	for (unsigned int i = 4; i < 8; i++)
		mm_load(&fixture, &parent, VA + i * fixture.page);
	for (unsigned int i = 8; i < 10; i++)
		mm_store(&fixture, &parent, VA + i * fixture.page, 1);
	assert_int_equal(
		pt_mm_swap_out(parent.mm, VA + 8 * fixture.page, 2 * fixture.page, swap, NULL), 0);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	mm_store(&fixture, &child, VA, 2);
}

static void smaps_counts_what_is_mapped(void **state)
{
	struct pt_smaps sum = { 0 };
	struct pt_view view;
	char text[2000];

	(void)state;
	make_pages();
	view = pt_mm_view(parent.mm);
	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &sum), 0);
	assert_int_equal(sum.size, 12 * fixture.page);
	assert_int_equal(sum.rss, 4 * fixture.page); /* not the zero page */
	assert_int_equal(sum.anonymous, 4 * fixture.page);
	assert_int_equal(sum.private_dirty, fixture.page);
	assert_int_equal(sum.shared_dirty, 3 * fixture.page);
	assert_int_equal(sum.shared_clean + sum.private_clean, 0);
	assert_int_equal(sum.pss_fine >> 12, fixture.page + 3 * fixture.page / 2);
	assert_int_equal(sum.swap, 2 * fixture.page);
	assert_int_equal(sum.swap_pss_fine >> 12, fixture.page);
	pt_smaps_text(&view, pt_mm_area(parent.mm, 0), &sum, text, sizeof(text));
	if (fixture.page == 4096) {
		assert_non_null(strstr(text, "Rss:                  16 kB\n"));
		assert_non_null(strstr(text, "Private_Dirty:         4 kB\n"));
		assert_non_null(strstr(text, "SwapPss:               4 kB\n"));
	}
	/* Without descriptors what needs them is not there. */
	view.world = NULL;
	sum = (struct pt_smaps){ 0 };
	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &sum), 0);
	assert_int_equal(sum.rss, 4 * fixture.page);
	assert_int_equal(sum.pss_fine, 0);
	pt_smaps_text(&view, NULL, &sum, text, sizeof(text));
	assert_null(strstr(text, "Pss"));
	process_exit(&fixture, &child);
}

/* Whoever maps a page that moves, or is lost, cannot be counted. */
static void smaps_takes_pages_that_move_for_shared(void **state)
{
	struct pt_smaps sum = { 0 };
	struct pt_view view;

	(void)state;
	make_pages();
	process_exit(&fixture, &child);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, VA, 2 * fixture.page, NULL), 0);
	view = pt_mm_view(parent.mm);
	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &sum), 0);
	assert_int_equal(sum.rss, 4 * fixture.page);
	assert_int_equal(sum.referenced, 2 * fixture.page); /* young migration entries are not */
	assert_int_equal(sum.shared_dirty, 2 * fixture.page);
	assert_int_equal(sum.shared_clean, 0);
	assert_int_equal(sum.private_dirty, 2 * fixture.page);
	assert_int_equal(sum.pss_fine >> 12, 4 * fixture.page);
	assert_int_equal(pt_mm_migrate_end(parent.mm, VA, 2 * fixture.page, NULL), 0);
}

/* Linux 6.12, mm/migrate.c, remove_migration_pte(): who moves a page does not use it. */
static void a_page_that_moved_is_as_old_as_before(void **state)
{
	struct pt_smaps sum = { 0 };
	struct pt_view view;
	uint64_t value;

	(void)state;
	make_pages();
	process_exit(&fixture, &child);
	assert_int_equal(pt_mm_clear_refs(parent.mm, PT_MM_CLEAR_ACCESSED), 0);
	/* By a CPU that remembers nothing of it. */
	assert_int_equal(mm_access(&fixture, &parent, 1, VA + fixture.page, PT_ACCESS_READ, &value),
			 ACCESS_DONE);
	assert_int_equal(pt_mm_migrate_begin(parent.mm, VA, 4 * fixture.page, NULL), 0);
	assert_int_equal(pt_mm_migrate_end(parent.mm, VA, 4 * fixture.page, NULL), 0);
	view = pt_mm_view(parent.mm);
	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &sum), 0);
	assert_int_equal(sum.rss, 4 * fixture.page);
	assert_int_equal(sum.referenced, fixture.page);
	assert_int_equal(mm_leaf(&parent, VA).attr & PT_ATTR_ACCESSED, 0);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(mm_load(&fixture, &parent, VA + i * fixture.page), 1);
}

/* What a device keeps in its own memory is this process's; what it only reserved may be shared. */
static void smaps_takes_device_exclusive_pages_for_shared(void **state)
{
	struct pt_smaps sum = { 0 };
	struct pt_view view;
	uint64_t done;

	(void)state;
	if (fixture.soft.special[PT_SOFT_DEVICE_EXCLUSIVE] == PT_SOFT_NO_TYPE)
		return;
	make_pages();
	process_exit(&fixture, &child);
	assert_int_equal(pt_mm_to_device(parent.mm, VA, fixture.page, &done), 0);
	assert_int_equal(done, fixture.page);
	assert_int_equal(pt_mm_device_exclusive(parent.mm, VA + fixture.page, fixture.page, &done),
			 0);
	assert_int_equal(done, fixture.page);
	view = pt_mm_view(parent.mm);
	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &sum), 0);
	assert_int_equal(sum.rss, 4 * fixture.page);
	assert_int_equal(sum.shared_dirty, fixture.page);
	assert_int_equal(sum.private_dirty, 3 * fixture.page);
	assert_int_equal(sum.shared_clean + sum.private_clean, 0);
	assert_int_equal(sum.referenced, 2 * fixture.page);
}

/* /proc/PID/clear_refs: pte_present() holds for PROT_NONE too. */
static void pages_that_nobody_may_use_are_aged_too(void **state)
{
	struct pt_smaps sum = { 0 };
	struct pt_view view;

	(void)state;
	make_pages();
	process_exit(&fixture, &child);
	assert_int_equal(pt_mm_protect(parent.mm, VA, 2 * fixture.page, 0), 0);
	view = pt_mm_view(parent.mm);
	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &sum), 0);
	assert_int_equal(sum.referenced, 4 * fixture.page);
	assert_int_equal(pt_mm_clear_refs(parent.mm, PT_MM_CLEAR_ACCESSED), 0);
	sum = (struct pt_smaps){ 0 };
	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &sum), 0);
	assert_int_equal(sum.rss, 4 * fixture.page);
	assert_int_equal(sum.referenced, 0);
	assert_int_equal(pt_mm_protect(parent.mm, VA, 2 * fixture.page, PT_MM_READ), 0);
	assert_int_equal(mm_load(&fixture, &parent, VA + fixture.page), 1);
}

static _Atomic uint64_t *word_at(pt_va_t va)
{
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	assert_int_equal(pt_trace(pt_mm_pgtable(parent.mm), va, steps, &nr), -ENOENT);
	assert_int_equal(steps[nr - 1].level, 0);
	return pt_phys_to_host(fixture.phys, steps[nr - 1].table_pa + 8 * steps[nr - 1].index, 8);
}

/* Linux 6.12, pte_to_pagemap_entry(): type, offset and marks are the word's, whatever it is. */
static void pagemap_tells_words_as_they_stand(void **state)
{
	const struct pt_soft_cfg *cfg = &fixture.soft;
	const struct pt_soft poisoned = { .kind = PT_SOFT_MARKER,
					  .markers = PT_SOFT_MARKER_POISONED };
	const bool old = cfg->swapin_error != PT_SOFT_NO_TYPE;
	const uint64_t offset = old ? 0x61e14 : PT_SOFT_MARKER_POISONED;
	const pt_va_t va = VA + 11 * fixture.page;
	struct pt_pagemap_region region;
	struct pt_pagemap_scan scan = {
		.first = va,
		.last = va + fixture.page - 1,
		.return_mask = PT_PAGE_CATEGORIES,
		.regions = &region,
		.nr_regions = 1,
	};
	struct pt_view view;
	uint64_t raw, word;

	(void)state;
	make_pages();
	process_exit(&fixture, &child);
	assert_int_equal(pt_soft_encode(cfg, 0, &poisoned, &raw), 0);
	if (old)
		raw |= offset << cfg->offset_shift;
	assert_int_equal(pt_mm_clear_refs(parent.mm, PT_MM_CLEAR_SOFT_DIRTY),
			 cfg->soft_dirty ? 0 : -EOPNOTSUPP);
	*word_at(va) = raw | cfg->soft_dirty | cfg->uffd_wp;
	view = pt_mm_view(parent.mm);
	assert_int_equal(pt_pagemap(&view, va, va, &word), 0);
	assert_int_equal(word & PT_PAGEMAP_PFN, 31 | offset << 5);
	assert_true(word & PT_PAGEMAP_SWAP);
	assert_true(!(word & PT_PAGEMAP_UFFD_WP) == !cfg->uffd_wp);
	if (cfg->soft_dirty)
		assert_true(word & PT_PAGEMAP_SOFT_DIRTY);
	assert_int_equal(pt_pagemap_scan(&view, &scan), 0);
	assert_int_equal(scan.nr_found, 1);
	assert_true(!(region.categories & PT_PAGE_IS_WRITTEN) == !!cfg->uffd_wp);
	assert_int_equal(region.categories & PT_PAGE_IS_PRESENT, 0);
	if (cfg->soft_dirty)
		assert_true(region.categories & PT_PAGE_IS_SOFT_DIRTY);
}

/* Linux rounds page by page; a run was divided once. */
static void smaps_divides_page_by_page(void **state)
{
	const unsigned int order = fixture.huge_lg2 - fixture.info.granule_lg2;
	const uint64_t third = (fixture.page << 12) / 3;
	struct pt_smaps sum = { 0 };
	struct process other;
	struct pt_view view;

	(void)state;
	mm_map_area(&parent, VA, fixture.huge, PT_MM_ANON, PT_MM_READ | PT_MM_WRITE, NULL, 0);
	assert_int_equal(pt_mm_populate(parent.mm, VA, fixture.huge, order, NULL), 0);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(process_fork(&fixture, &parent, &other), 0);
	assert_int_equal(mm_leaf(&parent, VA).level, 1);
	view = pt_mm_view(parent.mm);
	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &sum), 0);
	assert_int_equal(sum.pss_fine, third << order);
	assert_int_equal(sum.pss_anon_fine, third << order);
	process_exit(&fixture, &other);
	process_exit(&fixture, &child);
}

static void smaps_rollup_has_its_own_lines(void **state)
{
	const struct pt_file_cfg cfg = { .name = "/f", .len = 4 * fixture.page };
	struct pt_mm_area want = { .first = 2 * VA,
				   .last = 2 * VA + 4 * fixture.page - 1,
				   .kind = PT_MM_FILE,
				   .flags = PT_MM_READ,
				   .node = PT_MM_ANY_NODE };
	unsigned int kb = (unsigned int)(fixture.page / 1024);
	char text[2000], expected[2000], head[100];
	struct pt_smaps sum = { 0 };
	struct pt_view view;
	uint64_t page = fixture.page;

	(void)state;
	make_pages();
	assert_int_equal(pt_file_create(&want.file, fixture.world, &cfg), 0);
	assert_int_equal(pt_mm_map(parent.mm, &want), 0);
	pt_file_put(want.file);
	mm_load(&fixture, &parent, 2 * VA);
	view = pt_mm_view(parent.mm);
	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &sum), 0);
	assert_int_equal(sum.pss_anon_fine, (page + 3 * page / 2) << 12);
	assert_int_equal(sum.pss_file_fine, page << 12);
	assert_int_equal(sum.pss_fine, sum.pss_anon_fine + sum.pss_file_fine);
	snprintf(head, sizeof(head), "%llx-%llx ---p 00000000 00:00 0", (unsigned long long)VA,
		 (unsigned long long)(2 * VA + 4 * page));
	snprintf(expected, sizeof(expected),
		 "%-73s[rollup]\n"
		 "Rss:            %8u kB\n"
		 "Pss:            %8u kB\n"
		 "Pss_Dirty:      %8u kB\n"
		 "Pss_Anon:       %8u kB\n"
		 "Pss_File:       %8u kB\n"
		 "Pss_Shmem:      %8u kB\n"
		 "Shared_Clean:   %8u kB\n"
		 "Shared_Dirty:   %8u kB\n"
		 "Private_Clean:  %8u kB\n"
		 "Private_Dirty:  %8u kB\n"
		 "Referenced:     %8u kB\n"
		 "Anonymous:      %8u kB\n"
		 "KSM:            %8u kB\n"
		 "LazyFree:       %8u kB\n"
		 "AnonHugePages:  %8u kB\n"
		 "ShmemPmdMapped: %8u kB\n"
		 "FilePmdMapped:  %8u kB\n"
		 "Shared_Hugetlb: %8u kB\n"
		 "Private_Hugetlb: %7u kB\n"
		 "Swap:           %8u kB\n"
		 "SwapPss:        %8u kB\n"
		 "Locked:         %8u kB\n",
		 head, 5 * kb, 5 * kb / 2 + kb, 5 * kb / 2, 5 * kb / 2, kb, 0, 0, 3 * kb, kb, kb,
		 (unsigned int)(sum.referenced / 1024), 4 * kb, 0, 0, 0, 0, 0, 0, 0, 2 * kb, kb, 0);
	pt_smaps_text(&view, NULL, &sum, text, sizeof(text));
	assert_string_equal(text, expected);
	process_exit(&fixture, &child);
}

static void smaps_sees_large_leaves_and_the_parts_of_large_folios(void **state)
{
	const struct pt_mm_area want = { .first = VA,
					 .last = VA + 64 * fixture.page - 1,
					 .flags = PT_MM_READ | PT_MM_WRITE,
					 .node = PT_MM_ANY_NODE };
	struct pt_smaps sum = { 0 };
	struct pt_view view;

	(void)state;
	assert_int_equal(pt_mm_map(parent.mm, &want), 0);
	assert_int_equal(pt_mm_populate(parent.mm, VA, 64 * fixture.page, 4, NULL), 0);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(pt_mm_zap(child.mm, VA, 5 * fixture.page), 0);
	view = pt_mm_view(parent.mm);
	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &sum), 0);
	assert_int_equal(sum.private_dirty, 5 * fixture.page);
	assert_int_equal(sum.shared_dirty, 59 * fixture.page);
	process_exit(&fixture, &child);
}

/* Of a folio whose pages are mapped differently often, ends that were no pages were lost. */
static void smaps_counts_parts_of_pages_in_large_folios(void **state)
{
	const uint64_t page = fixture.page, half = page / 2;
	struct pt_smaps sum = { 0 };
	struct pt_view view;

	(void)state;
	mm_map_area(&parent, VA, 16 * page, PT_MM_ANON, PT_MM_READ | PT_MM_WRITE, NULL, 0);
	assert_int_equal(pt_mm_populate(parent.mm, VA, 16 * page, 4, NULL), 0);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(pt_mm_zap(child.mm, VA, 5 * page), 0);
	view = pt_mm_view(parent.mm);
	assert_int_equal(pt_smaps(&view, VA + half, VA + 15 * page + half - 1, &sum), 0);
	assert_int_equal(sum.rss, 15 * page);
	assert_int_equal(sum.private_dirty, 5 * page - half);
	assert_int_equal(sum.shared_dirty, 10 * page + half);
	assert_int_equal(sum.pss_fine, ((5 * page - half) + (10 * page + half) / 2) << 12);
	process_exit(&fixture, &child);
}

/* One run to the hardware, whose pages are mapped by one, two and three. */
static void smaps_counts_every_page_of_a_run_by_itself(void **state)
{
	const unsigned int nr = 64;
	const uint64_t page = fixture.page, fine = page << 12;
	const struct pt_mm_area want = { .first = VA,
					 .last = VA + nr * page - 1,
					 .flags = PT_MM_READ | PT_MM_WRITE,
					 .node = PT_MM_ANY_NODE };
	struct pt_smaps sum = { 0 };
	struct pt_range_walk walk;
	struct process second;
	struct pt_view view;

	(void)state;
	assert_int_equal(pt_mm_map(parent.mm, &want), 0);
	assert_int_equal(pt_mm_populate(parent.mm, VA, nr * page, 0, NULL), 0);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(pt_mm_zap(child.mm, VA + 5 * page, 3 * page), 0);
	assert_int_equal(pt_mm_zap(child.mm, VA + 20 * page, page), 0);
	assert_int_equal(pt_range_walk_start(&walk, pt_mm_pgtable(parent.mm), VA, want.last,
					     PT_TYPE_PFN, PT_WALK_RESPECT_AD),
			 PTW_PFN);
	assert_int_equal(walk.len, nr * page);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	view = pt_mm_view(parent.mm);
	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &sum), 0);
	assert_int_equal(sum.rss, nr * page);
	assert_int_equal(sum.anonymous, nr * page);
	assert_int_equal(sum.private_dirty, 4 * page);
	assert_int_equal(sum.shared_dirty, (nr - 4) * page);
	assert_int_equal(sum.pss_fine, 4 * fine + (nr - 4) * (fine / 2));
	/* Thirds are rounded page by page, as a kernel does. */
	assert_int_equal(process_fork(&fixture, &parent, &second), 0);
	sum = (struct pt_smaps){ 0 };
	assert_int_equal(pt_smaps(&view, VA + page / 2, want.last, &sum), 0);
	assert_int_equal(sum.rss, nr * page - page / 2);
	assert_int_equal(sum.shared_dirty, sum.rss);
	assert_int_equal(sum.pss_fine, fine / 2 / 3 + 4 * (fine / 2) + (nr - 5) * (fine / 3));
	process_exit(&fixture, &second);
	process_exit(&fixture, &child);
}

static void pagemap_has_a_word_a_page(void **state)
{
	struct pt_soft soft;
	struct pt_view view;
	uint64_t words[14];
	pt_pa_t pa;

	(void)state;
	make_pages();
	view = pt_mm_view(parent.mm);
	assert_int_equal(pt_pagemap(&view, VA - fixture.page, VA + 13 * fixture.page - 1, words),
			 0);
	assert_int_equal(words[0], 0);
	assert_int_equal(pt_translate(view.pt, VA, &pa), 0);
	assert_int_equal(words[1] & PT_PAGEMAP_PFN, pa / fixture.page);
	assert_true(words[1] & PT_PAGEMAP_PRESENT && words[1] & PT_PAGEMAP_EXCLUSIVE);
	assert_true(words[2] & PT_PAGEMAP_PRESENT && !(words[2] & PT_PAGEMAP_EXCLUSIVE));
	assert_int_equal(words[5] & PT_PAGEMAP_PFN,
			 pt_world_zero_page(fixture.world) / fixture.page);
	assert_false(words[5] & (PT_PAGEMAP_FILE | PT_PAGEMAP_EXCLUSIVE));
	assert_int_equal(pt_soft_lookup(view.pt, VA + 9 * fixture.page, &soft, NULL), 0);
	assert_int_equal(words[10] & PT_PAGEMAP_PFN, soft.offset << 5 | 2);
	assert_true(words[10] & PT_PAGEMAP_SWAP);
	assert_int_equal(words[11],
			 PT_PAGEMAP_SOFT_DIRTY); /* all of a new area counts as written */
	assert_int_equal(words[13], 0);
	if (fixture.soft.attr_soft_dirty) {
		assert_int_equal(pt_mm_clear_refs(parent.mm, PT_MM_CLEAR_SOFT_DIRTY), 0);
		mm_store(&fixture, &parent, VA + 2 * fixture.page, 3);
		view = pt_mm_view(parent.mm);
		assert_int_equal(pt_pagemap(&view, VA, VA + 12 * fixture.page - 1, words), 0);
		for (unsigned int i = 0; i < 12; i++)
			assert_int_equal(!!(words[i] & PT_PAGEMAP_SOFT_DIRTY), i == 2);
	}
	process_exit(&fixture, &child);
}

static void numa_maps_counts_pages(void **state)
{
	struct pt_view view;
	char line[200], expected[200];

	(void)state;
	make_pages();
	view = pt_mm_view(parent.mm);
	pt_numa_maps_line(&view, pt_mm_area(parent.mm, 0), line, sizeof(line));
	snprintf(expected, sizeof(expected),
		 "600000000 default heap anon=4 dirty=4 mapmax=2 N0=4 kernelpagesize_kB=%u\n",
		 (unsigned int)(fixture.page / 1024));
	assert_string_equal(line, expected);
	process_exit(&fixture, &child);
}

/*
 * Hardware marks one word of a contiguous block: the run behind it begins in the middle of one
 * huge page, and holds the next one whole, which was not counted.
 */
static void numa_maps_counts_huge_pages_that_a_run_comes_to(void **state)
{
	const unsigned int contig = fixture.info.contig_lg2[0];
	const unsigned int lg2 = fixture.info.granule_lg2 + contig;
	const struct pt_extent extent = { HUGE_PA, UINT64_C(2) << lg2 };
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_view view;
	unsigned int nr;
	uint64_t *word;
	char line[200];

	(void)state;
	if (!contig)
		return;
	assert_int_equal(pt_world_add_huge(fixture.world, lg2, &extent), 0);
	mm_map_area(&parent, VA, extent.len, PT_MM_HUGETLB, PT_MM_READ | PT_MM_WRITE, NULL, lg2);
	mm_store(&fixture, &parent, VA, 1);
	mm_store(&fixture, &parent, VA + extent.len / 2, 1);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(pt_trace(pt_mm_pgtable(child.mm), VA + 3 * fixture.page, steps, &nr), 0);
	word = pt_phys_to_host(fixture.phys, steps[nr - 1].table_pa + 8 * steps[nr - 1].index, 8);
	*word |= UINT64_C(1) << 10; /* AF: only arm64 has such blocks */
	view = pt_mm_view(child.mm);
	pt_numa_maps_line(&view, pt_mm_area(child.mm, 0), line, sizeof(line));
	assert_non_null(strstr(line, " huge anon=2 dirty=2 mapmax=2 N0=2 "));
	process_exit(&fixture, &child);
}

static enum pt_area_verdict next_area(void *ctx, pt_va_t va, struct pt_area *area)
{
	const struct pt_mm_area *found = pt_mm_area_at(ctx, va);

	if (!found)
		return PT_AREA_END;
	*area = (struct pt_area){ .first = found->first, .last = found->last };
	return PT_AREA_WALK;
}

/* What walks are given by pt_mm_area_ops(): every run is in the area that holds it. */
static void an_address_space_gives_its_areas_to_walks(void **state)
{
	const uint64_t page = fixture.page, frames = VA + 32 * page;
	const struct pt_mm_area pfns = { .first = frames,
					 .last = frames + 4 * page - 1,
					 .kind = PT_MM_PFNMAP,
					 .flags = PT_MM_READ | PT_MM_SHARED,
					 .node = PT_MM_ANY_NODE };
	uint64_t nr[PTW_ILLEGAL + 1] = { 0 };
	enum pt_range_walk_type type;
	struct pt_range_walk walk;
	struct pt_area_ops ops;

	(void)state;
	make_pages();
	assert_int_equal(pt_mm_map(parent.mm, &pfns), 0);
	assert_int_equal(pt_mm_insert_pfn(parent.mm, frames, 2 * page, DEVICE_PA), 0);
	ops = pt_mm_area_ops(parent.mm);
	for (type = pt_range_walk_start_areas(&walk, pt_mm_pgtable(parent.mm), &ops, 0, UINT64_MAX,
					      PT_TYPE_ALL, 0);
	     type != PTW_DONE; type = pt_range_walk_next(&walk)) {
		const struct pt_mm_area *area = pt_mm_area_at(parent.mm, walk.va);

		assert_int_not_equal(type, PTW_ABORT);
		if (type == PTW_AGAIN)
			continue;
		assert_ptr_equal(walk.area.owner, area);
		assert_int_equal(walk.area.first, area->first);
		assert_int_equal(walk.area.last, area->last);
		assert_true(walk.va >= area->first && walk.va + walk.len - 1 <= area->last);
		nr[type] += walk.len / page;
		if (walk.va >= frames)
			assert_true(type == PTW_PFN || type == PTW_NONE);
	}
	assert_int_equal(pt_range_walk_done(&walk), 0);
	/* stored; the zero page, and frames; swapped; untouched of both areas */
	assert_int_equal(nr[PTW_FOLIO], 4);
	assert_int_equal(nr[PTW_PFN], 4 + 2);
	assert_int_equal(nr[PTW_SWAP], 2);
	assert_int_equal(nr[PTW_NONE], 2 + 2);
	process_exit(&fixture, &child);
}

static void words_of(struct pt_range_walk *walk, uint64_t *words, unsigned int flags)
{
	const struct pt_area_ops ops = { next_area, parent.mm };
	struct pt_pgtable *pt = pt_mm_pgtable(parent.mm);
	size_t nr_leaves = 0;

	for (enum pt_range_walk_type type =
		     pt_range_walk_start_areas(walk, pt, &ops, 0, UINT64_MAX, PT_TYPE_ALL, flags);
	     type != PTW_DONE; type = pt_range_walk_next(walk)) {
		assert_int_not_equal(type, PTW_ABORT);
		if (type == PTW_AGAIN)
			continue;
		for (uint64_t at = 0; at < walk->len; at += fixture.page)
			words[(walk->va + at - VA) / fixture.page] =
				(uint64_t)type | (walk->pa ? walk->pa + at : 0);
		nr_leaves += type == PTW_FOLIO || type == PTW_PFN;
		/* What stands in a table whose lock is held is not to be removed. */
		if (type != PTW_NONE && flags & PT_WALK_LOCKED)
			assert_int_equal(pt_range_walk_clear(walk, NULL), -EBUSY);
	}
	assert_int_equal(pt_range_walk_done(walk), 0);
	assert_true(nr_leaves);
}

static void areas_are_walked_with_locks_too(void **state)
{
	struct pt_range_walk walk;
	uint64_t words[12] = { 0 }, locked[12] = { 0 };

	(void)state;
	make_pages();
	words_of(&walk, words, 0);
	words_of(&walk, locked, PT_WALK_LOCKED);
	assert_memory_equal(words, locked, sizeof(words));
	for (unsigned int i = 0; i < 12; i++)
		assert_true(words[i]);
	/* Nothing is held any more. */
	mm_store(&fixture, &parent, VA + 11 * fixture.page, 1);
	process_exit(&fixture, &child);
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(smaps_counts_what_is_mapped),
	cmocka_unit_test(smaps_takes_pages_that_move_for_shared),
	cmocka_unit_test(a_page_that_moved_is_as_old_as_before),
	cmocka_unit_test(smaps_takes_device_exclusive_pages_for_shared),
	cmocka_unit_test(pages_that_nobody_may_use_are_aged_too),
	cmocka_unit_test(pagemap_tells_words_as_they_stand),
	cmocka_unit_test(smaps_divides_page_by_page),
	cmocka_unit_test(smaps_rollup_has_its_own_lines),
	cmocka_unit_test(smaps_sees_large_leaves_and_the_parts_of_large_folios),
	cmocka_unit_test(smaps_counts_parts_of_pages_in_large_folios),
	cmocka_unit_test(smaps_counts_every_page_of_a_run_by_itself),
	cmocka_unit_test(pagemap_has_a_word_a_page),
	cmocka_unit_test(numa_maps_counts_pages),
	cmocka_unit_test(numa_maps_counts_huge_pages_that_a_run_comes_to),
	cmocka_unit_test(an_address_space_gives_its_areas_to_walks),
	cmocka_unit_test(areas_are_walked_with_locks_too),
};

int main(void)
{
	return MM_RUN_ON_ALL("report", bodies);
}
