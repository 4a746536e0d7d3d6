/* SPDX-License-Identifier: MIT */
/* Requests to flush, and the operations that Linux makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ptlib/flush_count.h>

#include "arm64/flush_arm64_range.h"

static struct pt_flush_count *counter(enum pt_flush_policy policy, unsigned int granule_lg2,
				      bool lpa2)
{
	const struct pt_flush_count_cfg cfg = { .policy = policy,
						.granule_lg2 = granule_lg2,
						.lpa2 = lpa2 };
	struct pt_flush_count *count;

	assert_int_equal(pt_flush_count_create(&count, &cfg), 0);
	return count;
}

static struct pt_flush_counts after_range(struct pt_flush_count *count, pt_va_t va, uint64_t nr,
					  unsigned int granule_lg2)
{
	const struct pt_flush_ops *ops = pt_flush_count_ops(count);
	struct pt_flush_counts counts;

	ops->range(ops->ctx, va, va + (nr << granule_lg2) - 1, granule_lg2);
	pt_flush_counts(count, &counts);
	pt_flush_count_destroy(count);
	return counts;
}

static void x86_flushes_34_pages_at_once_and_33_one_by_one(void **state)
{
	static const pt_va_t va = UINT64_C(0xffff888000000000);
	struct pt_flush_counts counts;

	(void)state;
	counts = after_range(counter(PT_FLUSH_X86_64, 12, false), va, 33, 12);
	assert_int_equal(counts.requests, 1);
	assert_int_equal(counts.ranged, 1);
	assert_int_equal(counts.page_ops, 33);
	assert_int_equal(counts.pages, 33);
	assert_int_equal(counts.cycles, 45000 + 33 * 300);
	counts = after_range(counter(PT_FLUSH_X86_64, 12, false), va, 34, 12);
	assert_int_equal(counts.full, 1);
	assert_int_equal(counts.ranged, 0);
	assert_int_equal(counts.page_ops, 0);
	assert_int_equal(counts.pages, 34);
	assert_int_equal(counts.cycles, 45000 + 192);
}

/* MAX_DVM_OPS is the number of entries of a table: 512, 2048, 8192; from there on, all. */
static void arm64_without_ranges_has_a_limit_of_one_table(void **state)
{
	static const unsigned int lg2[] = { 12, 14, 16 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		uint64_t entries = UINT64_C(1) << (lg2[i] - 3);
		struct pt_flush_counts counts;

		counts =
			after_range(counter(PT_FLUSH_ARM64, lg2[i], false), 0, entries - 1, lg2[i]);
		assert_int_equal(counts.page_ops, entries - 1);
		assert_int_equal(counts.full, 0);
		counts = after_range(counter(PT_FLUSH_ARM64, lg2[i], false), 0, entries, lg2[i]);
		assert_int_equal(counts.page_ops, 0);
		assert_int_equal(counts.full, 1);
	}
}

/* By hand, from (num + 1) * 2^(5 * scale + 1). */
static void arm64_ranges_cover_what_was_asked_and_no_more(void **state)
{
	static const struct {
		uint64_t nr;
		unsigned int pages, ranges;
	} cases[] = {
		{ 1, 1, 0 },
		{ 2, 0, 1 },       /* scale 0, num 0 */
		{ 3, 1, 1 },
		{ 62, 0, 1 },      /* scale 0, num 30 */
		{ 64, 0, 1 },      /* scale 1, num 0 */
		{ 66, 0, 2 },      /* 64 + 2 */
		{ 512, 0, 1 },     /* a pageblock of 4K pages: scale 1, num 7 */
		{ 2047, 1, 2 },    /* 31 * 64 + 31 * 2 + 1 */
		{ 2048, 0, 1 },    /* a pageblock of 16K pages: scale 2, num 0 */
		{ 8192, 0, 1 },    /* a pageblock of 64K pages: scale 2, num 3 */
		{ 65536, 0, 1 },   /* scale 3, num 0 */
		{ 2097151, 1, 4 },
		{ 2097152, 0, 1 }, /* scale 3, num 31 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arm64_tlbi_ops ops = arm64_tlbi_range_ops(0, cases[i].nr, 12, false);

		assert_int_equal(ops.pages, cases[i].pages);
		assert_int_equal(ops.ranges, cases[i].ranges);
	}
	assert_int_equal(after_range(counter(PT_FLUSH_ARM64_RANGE, 12, false), 0, 2097152, 12)
				 .range_ops, 1);
	assert_int_equal(after_range(counter(PT_FLUSH_ARM64_RANGE, 12, false), 0, 2097153, 12).full,
			 1);
}

/* The loop of the manual: the largest scale first, the largest number that fits. */
static void arm64_ranges_agree_with_the_loop(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (unsigned int turn = 0; turn < 100000; turn++) {
		uint64_t nr, left;
		unsigned int ranges = 0;
		struct arm64_tlbi_ops ops;

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		nr = left = 1 + (seed >> 33) % (turn % 2 ? 4096 : ARM64_TLBI_RANGE_PAGES);
		for (unsigned int scale = 4; scale--;) {
			uint64_t unit = UINT64_C(1) << (5 * scale + 1);
			uint64_t num = left / unit > 32 ? 32 : left / unit;

			ranges += num != 0;
			left -= num * unit;
		}
		assert_true(left <= 1);
		ops = arm64_tlbi_range_ops(0, nr, 14, false);
		assert_int_equal(ops.pages, left);
		assert_int_equal(ops.ranges, ranges);
	}
}

/* 4K pages from 0xf000 on: one by one up to the 64K boundary. */
static void with_lpa2_ranges_begin_on_64k(void **state)
{
	struct pt_flush_counts counts;

	(void)state;
	counts = after_range(counter(PT_FLUSH_ARM64_RANGE, 12, true), 0xf000, 67, 12);
	assert_int_equal(counts.page_ops, 1);
	assert_int_equal(counts.range_ops, 2); /* 64 + 2 */
	counts = after_range(counter(PT_FLUSH_ARM64_RANGE, 12, true), 0x1000, 3, 12);
	assert_int_equal(counts.page_ops, 3);
	assert_int_equal(counts.range_ops, 0);
	counts = after_range(counter(PT_FLUSH_ARM64_RANGE, 12, false), 0x1000, 3, 12);
	assert_int_equal(counts.page_ops, 1);
	assert_int_equal(counts.range_ops, 1);
}

static void every_kind_of_request_has_its_counter(void **state)
{
	static const struct pt_flush_cost cost = { 1000000, 10000, 100, 10, 1 };
	const struct pt_flush_count_cfg cfg = { .policy = PT_FLUSH_ARM64_RANGE,
						.granule_lg2 = 12,
						.cost = &cost };
	const struct pt_flush_ops *ops;
	struct pt_flush_count *count;
	struct pt_flush_counts counts;

	(void)state;
	assert_int_equal(pt_flush_count_create(&count, &cfg), 0);
	ops = pt_flush_count_ops(count);
	ops->all(ops->ctx);
	ops->tables_freed(ops->ctx, 0, 0x2fff, 12); /* one range operation, one page */
	ops->range(ops->ctx, 0x10800, 0x10fff, 12); /* a part of a page is a page */
	pt_flush_count_local(count, 0);
	pt_flush_counts(count, &counts);
	assert_int_equal(counts.requests, 3);
	assert_int_equal(counts.full, 1);
	assert_int_equal(counts.ranged, 2);
	assert_int_equal(counts.tables, 1);
	assert_int_equal(counts.page_ops, 2);
	assert_int_equal(counts.range_ops, 1);
	assert_int_equal(counts.pages, 4);
	assert_int_equal(counts.local, 1);
	assert_int_equal(counts.cycles, 3000000 + 10000 + 200 + 10 + 1);
	pt_flush_count_destroy(count);
	pt_flush_count_destroy(NULL);
}

/*
 * Two leaves of 2M are two strides, and 33 of them still below the ceiling; without ranges arm64
 * has an operation for each, with them their granules are one number; beyond 2^21 of these it is
 * everything either way. Of kernels all are pages.
 */
static void ranges_of_a_process_go_by_its_leaves(void **state)
{
	static const struct {
		enum pt_flush_policy policy;
		uint64_t nr; /* leaves of 2^@lg2 bytes */
		unsigned int lg2;
		bool user;
		uint64_t full, page_ops, range_ops;
	} cases[] = {
		{ PT_FLUSH_X86_64, 2, 21, true, 0, 2, 0 },
		{ PT_FLUSH_X86_64, 33, 21, true, 0, 33, 0 },
		{ PT_FLUSH_X86_64, 34, 21, true, 1, 0, 0 },
		{ PT_FLUSH_X86_64, 1, 21, false, 1, 0, 0 },
		{ PT_FLUSH_ARM64, 2, 21, true, 0, 2, 0 },
		{ PT_FLUSH_ARM64, 511, 21, true, 0, 511, 0 },
		{ PT_FLUSH_ARM64, 512, 21, true, 1, 0, 0 },
		{ PT_FLUSH_ARM64, 1, 21, false, 1, 0, 0 },
		{ PT_FLUSH_ARM64, 8, 30, true, 0, 8, 0 },
		{ PT_FLUSH_ARM64, 9, 30, true, 1, 0, 0 },
		{ PT_FLUSH_ARM64_RANGE, 2, 21, true, 0, 0, 1 }, /* 1024 granules: 16 of 64 */
		{ PT_FLUSH_ARM64_RANGE, 5, 21, true, 0, 0, 2 }, /* 2560: 2048 and 8 of 64 */
		{ PT_FLUSH_ARM64_RANGE, 4096, 21, true, 0, 0, 1 },
		{ PT_FLUSH_ARM64_RANGE, 4097, 21, true, 1, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct pt_flush_count_cfg cfg = { .policy = cases[i].policy,
							.granule_lg2 = 12,
							.user = cases[i].user };
		const pt_va_t va = UINT64_C(0x40000000);
		const struct pt_flush_ops *ops;
		struct pt_flush_counts counts;
		struct pt_flush_count *count;

		assert_int_equal(pt_flush_count_create(&count, &cfg), 0);
		ops = pt_flush_count_ops(count);
		/* Not all of the first leaf, nor of the last: they are flushed whole. */
		ops->range(ops->ctx, va + (cases[i].user ? 0x1000 : 0),
			   va + (cases[i].nr << cases[i].lg2) - (cases[i].user ? 0x1001 : 1),
			   cases[i].lg2);
		pt_flush_counts(count, &counts);
		assert_int_equal(counts.full, cases[i].full);
		assert_int_equal(counts.page_ops, cases[i].page_ops);
		assert_int_equal(counts.range_ops, cases[i].range_ops);
		assert_int_equal(counts.pages, cases[i].nr << (cases[i].lg2 - 12));
		pt_flush_count_destroy(count);
	}
}

static void refuses_policies_and_granules_that_are_none(void **state)
{
	static const struct pt_flush_count_cfg wrong[] = {
		{ .policy = PT_FLUSH_POLICY_NR, .granule_lg2 = 12 },
		{ .policy = PT_FLUSH_ARM64, .granule_lg2 = 13 },
		{ .policy = PT_FLUSH_X86_64, .granule_lg2 = 14 },
	};
	struct pt_flush_count *count;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(pt_flush_count_create(&count, &wrong[i]), -EINVAL);
}

/* Bytes of two pages are two pages, wherever in them they begin and end. */
static void pages_are_counted_by_what_the_bytes_touch(void **state)
{
	struct pt_flush_count *count = counter(PT_FLUSH_X86_64, 12, false);
	const struct pt_flush_ops *ops = pt_flush_count_ops(count);
	struct pt_flush_counts counts;

	(void)state;
	ops->range(ops->ctx, 0x1fff, 0x2000, 12);
	pt_flush_counts(count, &counts);
	assert_int_equal(counts.pages, 2);
	assert_int_equal(counts.page_ops, 2);
	pt_flush_count_destroy(count);
}

/* At 3 GHz, as the header says where they are from. */
static void default_costs_are_the_published_ones(void **state)
{
	const struct pt_flush_cost x86 = pt_flush_cost_default(PT_FLUSH_X86_64);
	const struct pt_flush_cost arm64 = pt_flush_cost_default(PT_FLUSH_ARM64);

	(void)state;
	assert_int_equal(x86.request, 3 * 15000);
	assert_int_equal(x86.page_op, 3 * 100);
	assert_int_equal(x86.full, 3 * (2 * 32));
	assert_int_equal(x86.local, x86.full);
	assert_int_equal(arm64.request, 0);
	assert_int_equal(arm64.page_op, 3 * 23);
	assert_int_equal(arm64.range_op, 3 * 23);
	assert_int_equal(arm64.full, 3 * 23);
	assert_int_equal(arm64.local, 3 * 10);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(x86_flushes_34_pages_at_once_and_33_one_by_one),
		cmocka_unit_test(arm64_without_ranges_has_a_limit_of_one_table),
		cmocka_unit_test(arm64_ranges_cover_what_was_asked_and_no_more),
		cmocka_unit_test(arm64_ranges_agree_with_the_loop),
		cmocka_unit_test(with_lpa2_ranges_begin_on_64k),
		cmocka_unit_test(every_kind_of_request_has_its_counter),
		cmocka_unit_test(ranges_of_a_process_go_by_its_leaves),
		cmocka_unit_test(refuses_policies_and_granules_that_are_none),
		cmocka_unit_test(pages_are_counted_by_what_the_bytes_touch),
		cmocka_unit_test(default_costs_are_the_published_ones),
	};

	return cmocka_run_group_tests_name("flush_count", tests, NULL, NULL);
}
