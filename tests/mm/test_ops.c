/* SPDX-License-Identifier: MIT */
/* What calls leave in tables and in what is known of pages, on every format. */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)

static struct mm_fixture fixture;
static struct process parent, child;
static struct pt_swap *swap;

static int setup(void **state)
{
	mm_begin(&fixture, *state, &parent, &swap, 5000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mm_end(&fixture, &parent, swap);
	return 0;
}

static void map_area(pt_va_t va, uint64_t len, enum pt_mm_kind kind, unsigned int flags,
		     struct pt_file *file, unsigned int page_lg2)
{
	const struct pt_mm_area want = {
		.first = va,
		.last = va + len - 1,
		.kind = kind,
		.flags = flags,
		.file = file,
		.page_lg2 = page_lg2,
		.node = PT_MM_ANY_NODE,
	};

	assert_int_equal(pt_mm_map(parent.mm, &want), 0);
}

static void map_anon(uint64_t nr)
{
	map_area(VA, nr * fixture.page, PT_MM_ANON, PT_MM_READ | PT_MM_WRITE, NULL, 0);
}

static pt_va_t page_at(uint64_t i)
{
	return VA + i * fixture.page;
}

static struct pt_leaf leaf_at(struct process *p, pt_va_t va)
{
	struct pt_leaf leaf;

	assert_int_equal(pt_lookup(pt_mm_pgtable(p->mm), va, &leaf), 0);
	return leaf;
}

static struct pt_soft soft_at(struct process *p, pt_va_t va)
{
	struct pt_soft soft;

	assert_int_equal(pt_soft_lookup(pt_mm_pgtable(p->mm), va, &soft, NULL), 0);
	return soft;
}

static struct pt_mm_page facts_at(struct process *p, pt_va_t va)
{
	struct pt_mm_page page;

	assert_int_equal(pt_world_page(fixture.world, leaf_at(p, va).pa, &page), 0);
	return page;
}

/* 512M to copy would be all that a test of 64K does. */
static bool huge_is_small(void)
{
	return fixture.huge_lg2 <= 25;
}

static void large_folios_are_leaves_and_blocks(void **state)
{
	unsigned int order = fixture.huge_lg2 - fixture.info.granule_lg2;
	unsigned int block = fixture.info.contig_lg2[0];
	uint64_t done;

	(void)state;
	if (huge_is_small()) {
		map_anon(2 * fixture.huge / fixture.page);
		assert_int_equal(pt_mm_populate(parent.mm, VA, fixture.huge, order, &done), 0);
		assert_int_equal(done, fixture.huge);
		assert_int_equal(leaf_at(&parent, VA).level, 1);
		assert_int_equal(facts_at(&parent, VA).order, order);
		assert_int_equal(facts_at(&parent, VA + fixture.page).mapcount, 1);
		assert_int_equal(facts_at(&parent, VA).total, 1);
		/* A hole in it: pages again, each mapped for itself. */
		assert_int_equal(pt_mm_zap(parent.mm, VA + fixture.page, fixture.page), 0);
		assert_int_equal(leaf_at(&parent, VA).level, 0);
		assert_int_equal(facts_at(&parent, VA).total, (1u << order) - 1);
		assert_int_equal(pt_mm_unmap(parent.mm, VA, 2 * fixture.huge), 0);
	}
	map_anon(512);
	assert_int_equal(pt_mm_populate(parent.mm, VA, 256 * fixture.page, block ? block : 4, NULL),
			 0);
	assert_int_equal(leaf_at(&parent, VA).contig_lg2, block);
	assert_int_equal(facts_at(&parent, VA).order, block ? block : 4);
	mm_verify(&fixture);
}

static void reads_find_the_zero_page_and_stores_a_page_of_their_own(void **state)
{
	(void)state;
	map_anon(4);
	assert_int_equal(mm_load(&fixture, &parent, VA), 0);
	assert_int_equal(leaf_at(&parent, VA).pa, pt_world_zero_page(fixture.world));
	assert_true(leaf_at(&parent, VA).attr & fixture.soft.attr_special);
	mm_store(&fixture, &parent, VA, 7);
	assert_int_not_equal(leaf_at(&parent, VA).pa, pt_world_zero_page(fixture.world));
	assert_true(facts_at(&parent, VA).anon && facts_at(&parent, VA).exclusive);
	assert_int_equal(mm_load(&fixture, &parent, VA), 7);
}

static void fork_shares_until_one_writes(void **state)
{
	pt_pa_t pa;

	(void)state;
	map_anon(4);
	mm_store(&fixture, &parent, VA, 1);
	pa = leaf_at(&parent, VA).pa;
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(facts_at(&parent, VA).mapcount, 2);
	assert_false(facts_at(&parent, VA).exclusive);
	assert_false(leaf_at(&parent, VA).attr & PT_ATTR_WRITE);
	assert_int_equal(mm_load(&fixture, &child, VA), 1);
	mm_store(&fixture, &child, VA, 2);
	assert_int_equal(mm_load(&fixture, &parent, VA), 1);
	assert_int_equal(facts_at(&parent, VA).mapcount, 1);
	/* The last one keeps the page. */
	mm_store(&fixture, &parent, VA, 3);
	assert_int_equal(leaf_at(&parent, VA).pa, pa);
	assert_int_equal(mm_load(&fixture, &child, VA), 2);
	mm_verify(&fixture);
	process_exit(&fixture, &child);
}

static void swapped_folios_take_slots_in_a_row(void **state)
{
	struct pt_soft soft;
	uint64_t done;

	(void)state;
	map_anon(16);
	assert_int_equal(pt_mm_populate(parent.mm, VA, 16 * fixture.page, 4, NULL), 0);
	for (uint64_t i = 0; i < 16; i++)
		mm_store(&fixture, &parent, page_at(i), 100 + i);
	assert_int_equal(pt_mm_swap_out(parent.mm, VA, fixture.page, swap, &done), 0);
	assert_int_equal(done, 16 * fixture.page); /* the folio, not the page that named it */
	soft = soft_at(&parent, VA);
	assert_int_equal(soft.kind, PT_SOFT_SWAP);
	assert_int_equal(soft.type, 2);
	assert_true(soft.flags & PT_SOFT_EXCLUSIVE);
	assert_int_equal(soft_at(&parent, page_at(15)).offset, soft.offset + 15);
	assert_int_equal(pt_swap_used(swap), 16);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(pt_swap_count(swap, soft.offset), 2);
	assert_false(soft_at(&parent, VA).flags & PT_SOFT_EXCLUSIVE);
	assert_false(soft_at(&child, VA).flags & PT_SOFT_EXCLUSIVE);
	assert_int_equal(mm_load(&fixture, &child, page_at(3)), 103);
	mm_store(&fixture, &child, page_at(4), 9);
	assert_int_equal(mm_load(&fixture, &parent, page_at(4)), 104);
	assert_int_equal(pt_swap_used(swap), 15);
	mm_verify(&fixture);
	process_exit(&fixture, &child);
	assert_int_equal(pt_mm_zap(parent.mm, VA, 16 * fixture.page), 0);
	assert_int_equal(pt_swap_used(swap), 0);
}

static void pages_move_for_everybody_who_maps_them(void **state)
{
	uint64_t value = 0;
	pt_pa_t pa;

	(void)state;
	map_anon(4);
	mm_store(&fixture, &parent, VA, 1);
	mm_store(&fixture, &parent, page_at(1), 2);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	mm_store(&fixture, &child, page_at(2), 3);
	pa = leaf_at(&parent, VA).pa;
	assert_int_equal(pt_mm_migrate_begin(child.mm, VA, 4 * fixture.page, NULL), 0);
	assert_int_equal(soft_at(&parent, VA).kind, PT_SOFT_MIGRATION_READ);
	assert_int_equal(soft_at(&parent, VA).pfn, pa / fixture.page);
	assert_int_equal(soft_at(&child, page_at(2)).kind, PT_SOFT_MIGRATION_WRITE);
	assert_int_equal(mm_access(&fixture, &parent, 0, VA, PT_ACCESS_READ, &value),
			 PT_VERDICT_RETRY);
	assert_int_equal(pt_mm_migrate_end(child.mm, VA, 4 * fixture.page, NULL), 0);
	assert_int_not_equal(leaf_at(&parent, VA).pa, pa);
	assert_int_equal(leaf_at(&parent, VA).pa, leaf_at(&child, VA).pa);
	assert_int_equal(mm_load(&fixture, &parent, VA), 1);
	assert_int_equal(mm_load(&fixture, &child, page_at(2)), 3);
	assert_true(facts_at(&child, page_at(2)).exclusive);
	mm_verify(&fixture);
	process_exit(&fixture, &child);
}

static void poison_is_told_to_everybody(void **state)
{
	const struct pt_file_cfg cfg = { .name = "/f", .len = 8 * fixture.page };
	struct pt_file *file;
	uint64_t value = 0;

	(void)state;
	map_anon(16);
	assert_int_equal(pt_mm_populate(parent.mm, VA, 16 * fixture.page, 4, NULL), 0);
	mm_store(&fixture, &parent, page_at(5), 5);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(pt_mm_poison(parent.mm, page_at(4)), 0);
	assert_int_equal(soft_at(&child, page_at(4)).kind, PT_SOFT_HWPOISON);
	assert_int_equal(mm_access(&fixture, &child, 0, page_at(4), PT_ACCESS_READ, &value),
			 PT_VERDICT_SIGBUS_POISON);
	assert_int_equal(mm_load(&fixture, &child, page_at(5)), 5);
	assert_int_equal(pt_mm_poison(parent.mm, page_at(4)), -ENOENT);
	mm_verify(&fixture);
	process_exit(&fixture, &child);
	/* A file reads it anew, from its next reader on. */
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	map_area(VA + fixture.huge, 8 * fixture.page, PT_MM_FILE, PT_MM_READ | PT_MM_SHARED, file,
		 0);
	mm_load(&fixture, &parent, VA + fixture.huge);
	assert_int_equal(pt_mm_poison(parent.mm, VA + fixture.huge), 0);
	assert_int_equal(mm_access(&fixture, &parent, 0, VA + fixture.huge, PT_ACCESS_READ, &value),
			 PT_VERDICT_SIGBUS_POISON);
	assert_int_equal(pt_mm_zap(parent.mm, VA + fixture.huge, fixture.page), 0);
	assert_int_equal(mm_load(&fixture, &parent, VA + fixture.huge), 0);
	pt_file_put(file);
}

static void hugetlb_pages_are_of_every_size(void **state)
{
	static const unsigned int sizes[] = { 16, 21, 25, 29, 30 };
	struct pt_mm_area want = { .kind = PT_MM_HUGETLB,
				   .node = PT_MM_ANY_NODE,
				   .flags = PT_MM_READ | PT_MM_WRITE };
	unsigned int nr = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct pt_extent extent = { HUGE_PA + (UINT64_C(2) << 30), UINT64_C(2)
										   << sizes[i] };
		struct pt_leaf leaf;

		if (sizes[i] == 16)
			extent.pa = HUGE_PA;
		else if (sizes[i] < 29)
			extent.pa = HUGE_PA + (UINT64_C(256) << 20) * (sizes[i] == 21 ? 1 : 2);
		want.page_lg2 = sizes[i];
		want.first = UINT64_C(1) << 34;
		want.last = want.first + extent.len - 1;
		if (pt_mm_map(parent.mm, &want))
			continue; /* the format does not have it */
		nr++;
		assert_int_equal(pt_world_add_huge(fixture.world, sizes[i], &extent), 0);
		/* Stores would touch all of it; to map is enough for the largest. */
		if (sizes[i] <= 25) {
			mm_store(&fixture, &parent, want.first, 5);
			assert_int_equal(process_fork(&fixture, &parent, &child), 0);
			assert_int_equal(facts_at(&parent, want.first).mapcount, 2);
			mm_store(&fixture, &child, want.first, 6);
			assert_int_equal(mm_load(&fixture, &parent, want.first), 5);
			mm_verify(&fixture);
			leaf = leaf_at(&child, want.first);
			assert_int_equal(leaf.size_lg2 + leaf.contig_lg2, sizes[i]);
			process_exit(&fixture, &child);
			assert_int_equal(pt_mm_protect(parent.mm, want.first, extent.len, 0), 0);
			assert_int_equal(pt_mm_protect(parent.mm, want.first, extent.len,
						       PT_MM_READ | PT_MM_WRITE),
					 0);
			leaf = leaf_at(&parent, want.first);
			assert_int_equal(leaf.size_lg2 + leaf.contig_lg2, sizes[i]);
			assert_int_equal(
				pt_mm_migrate_begin(parent.mm, want.first, extent.len, NULL), 0);
			mm_verify(&fixture);
			assert_int_equal(pt_mm_migrate_end(parent.mm, want.first, extent.len, NULL),
					 0);
			assert_int_equal(mm_load(&fixture, &parent, want.first), 5);
			assert_int_equal(pt_mm_poison(parent.mm, want.first), 0);
			assert_int_equal(soft_at(&parent, want.first + BIT(sizes[i]) - 1).kind,
					 PT_SOFT_HWPOISON);
			mm_verify(&fixture);
		}
		assert_int_equal(pt_mm_protect(parent.mm, want.first + fixture.page,
					       extent.len - fixture.page, PT_MM_READ),
				 -EINVAL);
		assert_int_equal(pt_mm_unmap(parent.mm, want.first, extent.len), 0);
	}
	assert_int_equal(nr, fixture.fmt.fmt == PT_FMT_X86_64 ? 2
			     : fixture.info.granule_lg2 == 12 ? 4
			     : fixture.info.granule_lg2 == 14 ? 3
							      : 2);
}

static void moved_leaves_stay_large_where_they_fit(void **state)
{
	pt_va_t to = VA + 8 * fixture.huge;

	(void)state;
	if (!huge_is_small())
		return;
	map_anon(fixture.huge / fixture.page);
	assert_int_equal(pt_mm_populate(parent.mm, VA, fixture.huge,
					fixture.huge_lg2 - fixture.info.granule_lg2, NULL),
			 0);
	mm_store(&fixture, &parent, page_at(9), 9);
	assert_int_equal(pt_mm_move(parent.mm, VA, fixture.huge, to), 0);
	assert_int_equal(leaf_at(&parent, to).level, 1);
	assert_int_equal(mm_load(&fixture, &parent, to + 9 * fixture.page), 9);
	assert_int_equal(pt_mm_move(parent.mm, to, fixture.huge, VA + fixture.page), 0);
	assert_int_equal(leaf_at(&parent, VA + fixture.page).level, 0);
	assert_int_equal(mm_load(&fixture, &parent, page_at(10)), 9);
	mm_verify(&fixture);
	/* And back together, at an address that is aligned. */
	assert_int_equal(pt_mm_move(parent.mm, VA + fixture.page, fixture.huge, to), 0);
	assert_int_equal(pt_mm_collapse(parent.mm, to, fixture.huge, NULL), 0);
	assert_int_equal(leaf_at(&parent, to).level, 1);
	assert_int_equal(mm_load(&fixture, &parent, to + 9 * fixture.page), 9);
	assert_int_equal(pt_mm_split(parent.mm, to, fixture.huge, NULL), 0);
	assert_int_equal(facts_at(&parent, to).order, 0);
	mm_verify(&fixture);
}

static void userfaultfd_is_told_of_stores(void **state)
{
	const struct pt_file_cfg cfg = { .name = "/shm", .len = 8 * fixture.page, .shmem = true };
	pt_va_t shm = VA + fixture.huge;
	struct pt_file *file;
	uint64_t value = 3;

	(void)state;
	map_area(VA, 4 * fixture.page, PT_MM_ANON, PT_MM_READ | PT_MM_WRITE | PT_MM_UFFD_WP, NULL,
		 0);
	assert_int_equal(pt_file_create(&file, fixture.world, &cfg), 0);
	map_area(shm, 8 * fixture.page, PT_MM_FILE,
		 PT_MM_READ | PT_MM_WRITE | PT_MM_SHARED | PT_MM_UFFD_WP, file, 0);
	pt_file_put(file);
	mm_store(&fixture, &parent, VA, 1);
	if (!fixture.soft.attr_uffd_wp) { /* arm64 before it had the bit */
		assert_int_equal(pt_mm_write_protect(parent.mm, VA, fixture.page, true),
				 -EOPNOTSUPP);
		return;
	}
	assert_int_equal(pt_mm_write_protect(parent.mm, VA, fixture.page, true), 0);
	assert_int_equal(mm_access(&fixture, &parent, 0, VA, PT_ACCESS_WRITE, &value),
			 PT_VERDICT_UFFD_WP);
	assert_int_equal(mm_load(&fixture, &parent, VA), 1);
	/* The mark goes with the page to swap, and comes back. */
	assert_int_equal(pt_mm_swap_out(parent.mm, VA, fixture.page, swap, NULL), 0);
	assert_true(soft_at(&parent, VA).flags & PT_SOFT_UFFD_WP);
	assert_int_equal(mm_access(&fixture, &parent, 0, VA, PT_ACCESS_WRITE, &value),
			 PT_VERDICT_UFFD_WP);
	assert_int_equal(pt_mm_write_protect(parent.mm, VA, fixture.page, false), 0);
	mm_store(&fixture, &parent, VA, 2);
	/* What is not there yet, in memory that outlives it. */
	if (fixture.soft.markers & PT_SOFT_MARKER_UFFD_WP) {
		assert_int_equal(pt_mm_write_protect(parent.mm, shm, 8 * fixture.page, true), 0);
		assert_int_equal(soft_at(&parent, shm).markers, PT_SOFT_MARKER_UFFD_WP);
		assert_int_equal(mm_load(&fixture, &parent, shm), 0);
		assert_int_equal(mm_access(&fixture, &parent, 0, shm, PT_ACCESS_WRITE, &value),
				 PT_VERDICT_UFFD_WP);
		assert_int_equal(process_fork(&fixture, &parent, &child), 0);
		mm_store(&fixture, &child, shm + fixture.page, 4);
		mm_verify(&fixture);
		process_exit(&fixture, &child);
		assert_int_equal(pt_mm_write_protect(parent.mm, shm, 8 * fixture.page, false), 0);
		mm_store(&fixture, &parent, shm, 5);
		mm_store(&fixture, &parent, shm + fixture.page, 6);
	}
	mm_verify(&fixture);
}

static void hints_and_rights_hide_leaves(void **state)
{
	struct pt_soft soft;
	uint64_t value = 0;

	(void)state;
	map_anon(4);
	mm_store(&fixture, &parent, VA, 1);
	assert_int_equal(pt_mm_protect(parent.mm, VA, 4 * fixture.page, 0), 0);
	soft = soft_at(&parent, VA);
	assert_int_equal(soft.kind, PT_SOFT_PROT_NONE);
	assert_int_equal(mm_access(&fixture, &parent, 0, VA, PT_ACCESS_READ, &value),
			 PT_VERDICT_SEGV_ACCERR);
	/* A page that moves in between stays hidden. */
	assert_int_equal(pt_mm_migrate_begin(parent.mm, VA, fixture.page, NULL), 0);
	assert_int_equal(pt_mm_migrate_end(parent.mm, VA, fixture.page, NULL), 0);
	assert_int_equal(soft_at(&parent, VA).kind, PT_SOFT_PROT_NONE);
	mm_verify(&fixture);
	assert_int_equal(pt_mm_protect(parent.mm, VA, 4 * fixture.page, PT_MM_READ | PT_MM_WRITE),
			 0);
	assert_int_equal(mm_load(&fixture, &parent, VA), 1);
	assert_int_equal(pt_mm_numa_hint(parent.mm, VA, 4 * fixture.page), 0);
	assert_int_equal(soft_at(&parent, VA).kind, PT_SOFT_PROT_NONE);
	mm_store(&fixture, &parent, VA, 2);
	assert_int_equal(mm_load(&fixture, &parent, VA), 2);
}

static void a_device_has_pages_and_gives_them_back(void **state)
{
	uint64_t done;

	(void)state;
	map_anon(4);
	mm_store(&fixture, &parent, VA, 1);
	mm_store(&fixture, &parent, page_at(1), 2);
	assert_int_equal(pt_mm_to_device(parent.mm, VA, 2 * fixture.page, &done), 0);
	assert_int_equal(done, 2 * fixture.page);
	assert_int_equal(soft_at(&parent, VA).kind, PT_SOFT_DEVICE_WRITE);
	assert_true(soft_at(&parent, VA).pfn * fixture.page >= DEVICE_PA);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(soft_at(&parent, VA).kind, PT_SOFT_DEVICE_READ);
	mm_store(&fixture, &child, VA, 3);
	assert_int_equal(mm_load(&fixture, &parent, VA), 1);
	assert_int_equal(mm_load(&fixture, &child, page_at(1)), 2);
	mm_verify(&fixture);
	process_exit(&fixture, &child);
	assert_int_equal(pt_mm_device_exclusive(parent.mm, VA, fixture.page, &done), 0);
	assert_int_equal(done, fixture.page);
	assert_int_equal(mm_load(&fixture, &parent, VA), 1);
}

static void frames_of_devices_are_mapped_and_not_counted(void **state)
{
	const pt_pa_t pa = UINT64_C(1) << 33; /* no memory */
	uint64_t value = 0;

	(void)state;
	map_area(VA, 4 * fixture.huge, PT_MM_PFNMAP,
		 PT_MM_READ | PT_MM_WRITE | PT_MM_SHARED | PT_MM_IO, NULL, 0);
	assert_int_equal(mm_access(&fixture, &parent, 0, VA, PT_ACCESS_READ, &value),
			 PT_VERDICT_SIGBUS);
	assert_int_equal(pt_mm_insert_pfn(parent.mm, VA, 2 * fixture.huge, pa), 0);
	assert_int_equal(pt_mm_insert_pfn(parent.mm, VA, fixture.page, pa), -EEXIST);
	assert_int_equal(leaf_at(&parent, VA).level, 1);
	assert_int_equal(pt_mm_unmap(parent.mm, VA + fixture.page, fixture.page), 0);
	assert_int_equal(leaf_at(&parent, VA + 2 * fixture.page).pa, pa + 2 * fixture.page);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_int_equal(leaf_at(&child, VA).pa, pa);
	mm_verify(&fixture);
	process_exit(&fixture, &child);
}

/*
 * Each call with the n-th page refused, for every n until it has enough: it says so, everything
 * adds up, and what programs see is as before.
 */
static void fail_each(int (*call)(void), void (*prepare)(void))
{
	uint64_t value;

	for (uint64_t n = 0;; n++) {
		struct pt_account_stats stats;
		int err;

		map_anon(4 * 512);
		prepare();
		pt_account_stats(fixture.account, &stats);
		pt_account_set_limit(fixture.account, stats.held + n);
		err = call();
		pt_account_set_limit(fixture.account, UINT64_MAX);
		assert_true(!err || err == -ENOMEM);
		mm_verify(&fixture);
		for (uint64_t i = 0; err && i < 40; i += 13) {
			value = mm_load(&fixture, &parent, page_at(i));
			assert_int_equal(value, 100 + i);
		}
		assert_int_equal(pt_mm_unmap(parent.mm, VA, 4 * 512 * fixture.page), 0);
		if (!err) {
			assert_true(n < 3000);
			return;
		}
	}
}

static void prepare_pages(void)
{
	for (uint64_t i = 0; i < 40; i++)
		mm_store(&fixture, &parent, page_at(i), 100 + i);
}

static void prepare_large(void)
{
	/* In the place of the pages that a 64K format would need 512M for. */
	unsigned int order = huge_is_small() ? fixture.huge_lg2 - fixture.info.granule_lg2 : 4;

	assert_int_equal(pt_mm_populate(parent.mm, VA,
					huge_is_small() ? fixture.huge : 32 * fixture.page, order,
					NULL),
			 0);
	prepare_pages();
}

static int call_move(void)
{
	return pt_mm_move(parent.mm, VA, 600 * fixture.page, (UINT64_C(7) << 33) + fixture.page);
}

static int call_moved(void)
{
	int err = call_move();

	if (!err)
		err = pt_mm_unmap(parent.mm, (UINT64_C(7) << 33) + fixture.page,
				  600 * fixture.page);
	return err;
}

static int call_fork(void)
{
	int err = process_fork(&fixture, &parent, &child);

	if (!err)
		process_exit(&fixture, &child);
	return err;
}

static int call_guard(void)
{
	return fixture.soft.markers & PT_SOFT_MARKER_GUARD
		       ? pt_mm_guard(parent.mm, page_at(50), 700 * fixture.page, true)
		       : 0;
}

static int call_protect(void)
{
	return pt_mm_protect(parent.mm, page_at(3), 30 * fixture.page, PT_MM_READ);
}

static int call_swap(void)
{
	return pt_mm_swap_out(parent.mm, VA, 40 * fixture.page, swap, NULL);
}

static int call_migrate(void)
{
	int err = pt_mm_migrate_begin(parent.mm, VA, 40 * fixture.page, NULL);

	if (!err)
		err = pt_mm_migrate_end(parent.mm, VA, 40 * fixture.page, NULL);
	return err;
}

static int call_collapse(void)
{
	return huge_is_small() ? pt_mm_collapse(parent.mm, VA, fixture.huge, NULL) : 0;
}

static int call_poison(void)
{
	return pt_mm_poison(parent.mm, page_at(1));
}

static void every_refused_page_is_survived(void **state)
{
	static int (*const calls[])(
		void) = { call_moved, call_fork,    call_guard,	   call_protect,
			  call_swap,  call_migrate, call_collapse, call_poison };

	(void)state;
	if (fixture.info.granule_lg2 == 14 && test_thin() > 1)
		return; /* the same code with larger pages */
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		fail_each(calls[i], prepare_pages);
		fail_each(calls[i], prepare_large);
	}
}

/* Poisoned, it would have been freed with what was lost, and again with the world. */
static void the_zero_page_is_never_lost(void **state)
{
	(void)state;
	map_anon(1);
	mm_load(&fixture, &parent, VA);
	assert_int_equal(leaf_at(&parent, VA).pa, pt_world_zero_page(fixture.world));
	assert_int_equal(pt_mm_poison(parent.mm, VA), -ENOENT);
}

/* What only the other pages of a folio kept is free when they part. */
static void split_folios_give_back_what_nobody_maps(void **state)
{
	struct pt_mm_page facts;

	(void)state;
	for (unsigned int how = 0; how < 3; how++) {
		pt_pa_t pa;

		map_anon(4);
		assert_int_equal(pt_mm_populate(parent.mm, VA, 4 * fixture.page, 2, NULL), 0);
		assert_int_equal(facts_at(&parent, VA).order, 2);
		pa = leaf_at(&parent, VA).pa;
		assert_int_equal(pt_mm_zap(parent.mm, VA, fixture.page), 0);
		assert_int_equal(pt_mm_zap(parent.mm, page_at(2), fixture.page), 0);
		assert_int_equal(pt_world_page(fixture.world, pa, &facts), 0);
		if (how == 0)
			assert_int_equal(pt_mm_split(parent.mm, page_at(1), 3 * fixture.page, NULL),
					 0);
		else if (how == 1)
			assert_int_equal(pt_mm_poison(parent.mm, page_at(3)), 0);
		else
			assert_int_equal(
				pt_mm_to_device(parent.mm, page_at(1), 3 * fixture.page, NULL), 0);
		assert_int_equal(pt_world_page(fixture.world, pa, &facts), -ENOENT);
		assert_int_equal(pt_world_page(fixture.world, pa + 2 * fixture.page, &facts),
				 -ENOENT);
		mm_verify(&fixture);
		assert_int_equal(pt_mm_unmap(parent.mm, VA, 4 * fixture.page), 0);
	}
}

static const struct CMUnitTest bodies[] = {
	cmocka_unit_test(large_folios_are_leaves_and_blocks),
	cmocka_unit_test(reads_find_the_zero_page_and_stores_a_page_of_their_own),
	cmocka_unit_test(fork_shares_until_one_writes),
	cmocka_unit_test(swapped_folios_take_slots_in_a_row),
	cmocka_unit_test(pages_move_for_everybody_who_maps_them),
	cmocka_unit_test(poison_is_told_to_everybody),
	cmocka_unit_test(the_zero_page_is_never_lost),
	cmocka_unit_test(split_folios_give_back_what_nobody_maps),
	cmocka_unit_test(hugetlb_pages_are_of_every_size),
	cmocka_unit_test(moved_leaves_stay_large_where_they_fit),
	cmocka_unit_test(userfaultfd_is_told_of_stores),
	cmocka_unit_test(hints_and_rights_hide_leaves),
	cmocka_unit_test(a_device_has_pages_and_gives_them_back),
	cmocka_unit_test(frames_of_devices_are_mapped_and_not_counted),
	cmocka_unit_test(every_refused_page_is_survived),
};

int main(void)
{
	return MM_RUN_ON_ALL("ops", bodies);
}
