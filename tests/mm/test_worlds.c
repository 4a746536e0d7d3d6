/* SPDX-License-Identifier: MIT */
/* Worlds of unusual shape: memory in many pieces, tables of one level, the largest huge pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <ptlib/ptlib.h>

#include "model/configs.h"

#define MIB UINT64_C(0x100000)
#define GIB UINT64_C(0x40000000)
#define RW (PT_MM_READ | PT_MM_WRITE)

struct small_world {
	struct pt_fmt_cfg fmt;
	struct pt_format_info info;
	struct pt_phys *phys;
	struct pt_zone *zone;
	struct pt_world *world;
	struct pt_mm *mm;
	uint64_t page;
};

static bool find(void *ctx, const struct pt_mm_finding *finding)
{
	(void)ctx;
	fprintf(stderr, "va %#llx pa %#llx: %s\n", (unsigned long long)finding->va,
		(unsigned long long)finding->pa, finding->what);
	return true;
}

static void begin(struct small_world *s, const char *name, const struct pt_phys_region *regions,
		  size_t nr, uint64_t zone_len)
{
	const struct pt_mm_cfg mm_cfg = { .mode = PT_MODE_SHARED };
	struct pt_extent ram = { regions[0].pa, zone_len };
	struct pt_zone_cfg zone_cfg = { .ranges = &ram, .nr_ranges = 1 };
	struct pt_world_cfg cfg = { .flags = PT_WORLD_NO_CONTENT };

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < NR_CONFIGS; i++)
		if (!strcmp(configs[i].name, name))
			s->fmt = config_fmt(&configs[i]);
	assert_int_equal(pt_format_info(&s->fmt, &s->info), 0);
	s->page = UINT64_C(1) << s->info.granule_lg2;
	assert_int_equal(pt_phys_create(&s->phys, regions, nr, s->info.granule_lg2), 0);
	assert_int_equal(pt_zone_create(&s->zone, s->phys, &zone_cfg), 0);
	cfg.zone = s->zone;
	cfg.fmt = s->fmt;
	assert_int_equal(pt_soft_cfg_init(&cfg.soft,
					  format_is_x86(s->fmt.fmt) ? PT_SOFT_X86 : PT_SOFT_ARM64,
					  &s->fmt, 0),
			 0);
	assert_int_equal(pt_world_create(&s->world, s->phys, &cfg), 0);
	assert_int_equal(pt_mm_create(&s->mm, s->world, &mm_cfg), 0);
}

static void end(struct small_world *s)
{
	struct pt_zone_stats stats;

	assert_int_equal(pt_world_verify(s->world, find, NULL), 0);
	pt_mm_destroy(s->mm);
	assert_int_equal(pt_world_destroy(s->world), 0);
	pt_zone_stats(s->zone, &stats);
	assert_int_equal(stats.held, 0);
	assert_int_equal(pt_zone_destroy(s->zone), 0);
	pt_phys_destroy(s->phys);
}

static struct pt_mm_area area(pt_va_t va, uint64_t len, unsigned int flags)
{
	return (struct pt_mm_area){
		.first = va, .last = va + len - 1, .flags = flags, .node = PT_MM_ANY_NODE
	};
}

/* 16 was as many as could be verified. */
static void memory_may_be_in_many_pieces(void **state)
{
	struct pt_phys_region regions[40];
	const size_t nr = sizeof(regions) / sizeof(regions[0]);
	struct small_world s;
	struct pt_mm_area want;

	(void)state;
	for (size_t i = 0; i < nr; i++)
		regions[i] = (struct pt_phys_region){ .pa = i * 64 * MIB,
						      .len = i ? 2 * MIB : 32 * MIB,
						      .fd = -1 };
	begin(&s, "x86_48", regions, nr, 32 * MIB);
	/* Huge pages from the last three. */
	for (size_t i = nr - 3; i < nr; i++) {
		const struct pt_extent extent = { regions[i].pa, 2 * MIB };

		assert_int_equal(pt_world_add_huge(s.world, 21, &extent), 0);
	}
	want = area(GIB, 6 * MIB, RW);
	want.kind = PT_MM_HUGETLB;
	want.page_lg2 = 21;
	assert_int_equal(pt_mm_map(s.mm, &want), 0);
	assert_int_equal(pt_mm_populate(s.mm, GIB, 6 * MIB, 0, NULL), 0);
	want = area(2 * GIB, MIB, RW);
	assert_int_equal(pt_mm_map(s.mm, &want), 0);
	assert_int_equal(pt_mm_populate(s.mm, 2 * GIB, MIB, 4, NULL), 0);
	assert_int_equal(pt_mm_zap(s.mm, 2 * GIB, 4096), 0);
	end(&s);
}

/* No leaf is larger than a page there: the order of a folio became -1. */
static void one_level_is_enough(void **state)
{
	const struct pt_phys_region region = { .len = 64 * MIB, .fd = -1 };
	enum pt_mm_verdict verdict;
	struct small_world s;
	struct pt_mm_area want;
	struct pt_mm *child;
	const struct pt_mm_cfg cfg = { .mode = PT_MODE_SHARED };

	(void)state;
	begin(&s, "arm_64k_17", &region, 1, 64 * MIB);
	assert_int_equal(s.info.nr_levels, 1);
	want = area(s.info.first, s.info.last - s.info.first + 1, RW | PT_MM_HUGEPAGE);
	assert_int_equal(pt_mm_map(s.mm, &want), 0);
	assert_int_equal(pt_mm_fault(s.mm, want.first, PT_ACCESS_WRITE, &verdict), 0);
	assert_int_equal(verdict, PT_VERDICT_MINOR);
	assert_int_equal(pt_mm_fault(s.mm, want.last, PT_ACCESS_READ, &verdict), 0);
	assert_int_equal(pt_mm_populate(s.mm, want.first, want.last - want.first + 1, 0, NULL), 0);
	assert_int_equal(pt_mm_fork(&child, s.mm, &cfg), 0);
	assert_int_equal(pt_mm_fault(child, want.first, PT_ACCESS_WRITE, &verdict), 0);
	assert_int_equal(pt_mm_collapse(s.mm, want.first, want.last - want.first + 1, NULL), 0);
	assert_int_equal(pt_mm_split(s.mm, want.first, want.last - want.first + 1, NULL), 0);
	assert_int_equal(pt_mm_protect(s.mm, want.first, s.page, 0), 0);
	assert_int_equal(pt_world_verify(s.world, find, NULL), 0);
	pt_mm_destroy(child);
	end(&s);
}

/* 32 leaves of 512M as one page of hugetlb: mapped, shared, hidden, moved, lost. */
static void pages_of_16g_are_blocks_of_large_leaves(void **state)
{
	const struct pt_phys_region regions[] = {
		{ .pa = 0, .len = 64 * MIB, .fd = -1 },
		{ .pa = 16 * GIB, .len = 16 * GIB, .fd = -1 },
	};
	const struct pt_extent extent = { 16 * GIB, 16 * GIB };
	const struct pt_mm_cfg cfg = { .mode = PT_MODE_SHARED };
	const pt_va_t va = 64 * GIB, to = 128 * GIB;
	enum pt_mm_verdict verdict;
	struct small_world s;
	struct pt_mm_area want;
	struct pt_leaf leaf;
	struct pt_soft soft;
	struct pt_mm *child;

	(void)state;
	begin(&s, "arm_64k_48", regions, 2, 64 * MIB);
	assert_int_equal(pt_world_add_huge(s.world, 34, &extent), 0);
	want = area(va, 16 * GIB, RW);
	want.kind = PT_MM_HUGETLB;
	want.page_lg2 = 34;
	assert_int_equal(pt_mm_map(s.mm, &want), 0);
	assert_int_equal(pt_mm_fault(s.mm, va + 5 * GIB, PT_ACCESS_WRITE, &verdict), 0);
	assert_int_equal(verdict, PT_VERDICT_MINOR);
	assert_int_equal(pt_lookup(pt_mm_pgtable(s.mm), va + 7 * GIB, &leaf), 0);
	assert_int_equal(leaf.level, 1);
	assert_int_equal(leaf.size_lg2 + leaf.contig_lg2, 34);
	assert_int_equal(pt_mm_fork(&child, s.mm, &cfg), 0);
	/* There is no second such page to copy to. */
	assert_int_equal(pt_mm_fault(child, va, PT_ACCESS_WRITE, &verdict), 0);
	assert_int_equal(verdict, PT_VERDICT_SIGBUS);
	pt_mm_destroy(child);
	assert_int_equal(pt_mm_fault(s.mm, va, PT_ACCESS_WRITE, &verdict), 0);
	assert_int_equal(verdict, PT_VERDICT_MINOR);
	assert_int_equal(pt_mm_protect(s.mm, va, 16 * GIB, 0), 0);
	assert_int_equal(pt_mm_protect(s.mm, va, 16 * GIB, RW), 0);
	assert_int_equal(pt_mm_move(s.mm, va, 16 * GIB, to), 0);
	assert_int_equal(pt_mm_move(s.mm, to, 16 * GIB, va + GIB), -EINVAL);
	assert_int_equal(pt_lookup(pt_mm_pgtable(s.mm), to + 15 * GIB, &leaf), 0);
	assert_int_equal(leaf.size_lg2 + leaf.contig_lg2, 34);
	assert_int_equal(pt_world_verify(s.world, find, NULL), 0);
	assert_int_equal(pt_mm_poison(s.mm, to + GIB), 0);
	assert_int_equal(pt_soft_lookup(pt_mm_pgtable(s.mm), to + 15 * GIB, &soft, NULL), 0);
	assert_int_equal(soft.kind, PT_SOFT_HWPOISON);
	end(&s);
}

/* A size that no leaf and no block has was taken, and could never be mapped. */
static void huge_pages_have_sizes_of_the_format(void **state)
{
	const struct pt_phys_region region = { .len = 64 * MIB, .fd = -1 };
	const struct pt_extent extent = { 32 * MIB, 4 * MIB };
	struct pt_file_cfg cfg = { .name = "/huge", .len = 4 * MIB, .page_lg2 = 20 };
	struct pt_file *file;
	struct small_world s;

	(void)state;
	begin(&s, "x86_48", &region, 1, 32 * MIB);
	assert_int_equal(pt_world_add_huge(s.world, 20, &extent), -EINVAL);
	assert_int_equal(pt_world_add_huge(s.world, 12, &extent), -EINVAL);
	assert_int_equal(pt_file_create(&file, s.world, &cfg), -EINVAL);
	cfg.page_lg2 = 21;
	assert_int_equal(pt_file_create(&file, s.world, &cfg), 0);
	pt_file_put(file);
	end(&s);
}

/* The call said 0, and nothing was marked. */
static void what_marks_need_markers_for_is_refused_without(void **state)
{
	const struct pt_phys_region region = { .len = 32 * MIB, .fd = -1 };
	const struct pt_mm_cfg mm_cfg = { .mode = PT_MODE_SHARED };
	const unsigned int flags = RW | PT_MM_UFFD_WP;
	struct pt_file_cfg file_cfg = { .len = 2 * MIB };
	struct pt_world_cfg cfg = { .flags = PT_WORLD_NO_CONTENT };
	struct pt_mm_area want;
	struct pt_world *world;
	struct small_world s;
	struct pt_file *file;
	struct pt_mm *mm;

	(void)state;
	begin(&s, "x86_48", &region, 1, 32 * MIB);
	cfg.zone = s.zone;
	cfg.fmt = s.fmt;
	assert_int_equal(pt_soft_cfg_init(&cfg.soft, PT_SOFT_X86, &s.fmt, PT_SOFT_BUILT_MARKERS), 0);
	cfg.soft.markers &= ~PT_SOFT_MARKER_UFFD_WP;
	assert_int_equal(pt_world_create(&world, s.phys, &cfg), 0);
	assert_int_equal(pt_mm_create(&mm, world, &mm_cfg), 0);
	assert_int_equal(pt_file_create(&file, world, &file_cfg), 0);
	want = area(GIB, 2 * MIB, flags);
	assert_int_equal(pt_mm_map(mm, &want), 0);
	want = area(2 * GIB, 2 * MIB, flags | PT_MM_SHARED);
	want.kind = PT_MM_FILE;
	want.file = file;
	assert_int_equal(pt_mm_map(mm, &want), 0);
	assert_int_equal(pt_mm_write_protect(mm, GIB, 2 * MIB, true), 0);
	assert_int_equal(pt_mm_write_protect(mm, 2 * GIB, 2 * MIB, true), -EOPNOTSUPP);
	pt_mm_destroy(mm);
	pt_file_put(file);
	assert_int_equal(pt_world_destroy(world), 0);
	end(&s);
}

/* mm_store.h: -EINVAL for a length, order, size, type or number of slots that cannot be. */
static void files_and_swap_that_cannot_be_are_refused(void **state)
{
	const struct pt_phys_region region = { .pa = 0, .len = 64 * MIB, .fd = -1 };
	const struct pt_mm_cfg mm_cfg = { .mode = PT_MODE_SHARED };
	struct pt_file_cfg cfg = { .len = 4 * MIB, .page_lg2 = 21 };
	struct pt_swap *swap, *other;
	struct small_world s;
	struct pt_file *file;

	(void)state;
	begin(&s, "x86_48", &region, 1, 32 * MIB);
	cfg.order = 1; /* its pages have one size */
	assert_int_equal(pt_file_create(&file, s.world, &cfg), -EINVAL);
	cfg.page_lg2 = 0;
	cfg.order = 10;
	assert_int_equal(pt_file_create(&file, s.world, &cfg), -EINVAL);
	cfg.order = 9;
	cfg.len = 0;
	assert_int_equal(pt_file_create(&file, s.world, &cfg), -EINVAL);
	/* slot 0 is the header's */
	assert_int_equal(pt_swap_create(&swap, s.world, 0, 1), -EINVAL);
	assert_int_equal(pt_swap_create(&swap, s.world, 0, (UINT64_C(1) << 40) + 1), -EINVAL);
	assert_int_equal(pt_swap_create(&swap, s.world, 31, 2), -EINVAL);
	assert_int_equal(pt_swap_create(&swap, s.world, 0, 2), 0);
	assert_int_equal(pt_swap_create(&other, s.world, 0, 2), -EEXIST);
	/* it is the world's as long as it lives */
	pt_mm_destroy(s.mm);
	assert_int_equal(pt_world_destroy(s.world), -EBUSY);
	assert_int_equal(pt_swap_destroy(swap), 0);
	assert_int_equal(pt_mm_create(&s.mm, s.world, &mm_cfg), 0);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_may_be_in_many_pieces),
		cmocka_unit_test(one_level_is_enough),
		cmocka_unit_test(pages_of_16g_are_blocks_of_large_leaves),
		cmocka_unit_test(huge_pages_have_sizes_of_the_format),
		cmocka_unit_test(files_and_swap_that_cannot_be_are_refused),
		cmocka_unit_test(what_marks_need_markers_for_is_refused_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
