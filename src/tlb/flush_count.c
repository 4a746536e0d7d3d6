/* SPDX-License-Identifier: MIT */
/* Requests to flush, counted as the operations that Linux makes of them. */
#include <ptlib/flush_count.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "arm64/flush_arm64_range.h"
#include "base/bits.h"

/* tlb_single_page_flush_ceiling: up to here INVLPG is thought cheaper than refilling. */
#define X86_CEILING_PAGES 33

/* Counters of what happened: nobody is told anything else by them, so all are relaxed. */
struct pt_flush_count {
	struct pt_flush_ops ops;
	enum pt_flush_policy policy;
	unsigned int granule_lg2;
	bool lpa2;
	bool user;
	struct pt_flush_cost cost;
	_Atomic uint64_t full, ranged, tables, page_ops, range_ops, pages, local;
};

static void add(_Atomic uint64_t *counter, uint64_t nr)
{
	if (nr)
		atomic_fetch_add_explicit(counter, nr, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)counter, memory_order_relaxed);
}

/* Whether a request for @nr granules, @nr_strides leaves at most, flushes everything. */
static bool is_full(const struct pt_flush_count *count, uint64_t nr, uint64_t nr_strides)
{
	switch (count->policy) {
	case PT_FLUSH_X86_64:
		return nr_strides > X86_CEILING_PAGES;
	case PT_FLUSH_ARM64_RANGE:
		return nr > ARM64_TLBI_RANGE_PAGES;
	default: /* MAX_DVM_OPS is PTRS_PER_PTE */
		return nr_strides >= PTL_BIT(count->granule_lg2 - 3) ||
		       nr > ARM64_TLBI_RANGE_PAGES;
	}
}

static void count_range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct pt_flush_count *count = ctx;
	/* Linux flushes kernel ranges by pages. */
	unsigned int lg2 = count->user && stride_lg2 > count->granule_lg2 ? stride_lg2
									 : count->granule_lg2;
	pt_va_t start = ptl_align_down(first, lg2);
	uint64_t nr_strides = ((last - start) >> lg2) + 1;
	uint64_t nr = nr_strides << (lg2 - count->granule_lg2);

	add(&count->pages, nr);
	if (is_full(count, nr, nr_strides)) {
		add(&count->full, 1);
		return;
	}
	add(&count->ranged, 1);
	if (count->policy == PT_FLUSH_ARM64_RANGE) {
		struct arm64_tlbi_ops ops = arm64_tlbi_range_ops(start, nr, count->granule_lg2,
								 count->lpa2);

		add(&count->page_ops, ops.pages);
		add(&count->range_ops, ops.ranges);
	} else {
		add(&count->page_ops, nr_strides);
	}
}

static void count_all(void *ctx)
{
	struct pt_flush_count *count = ctx;

	add(&count->full, 1);
}

static void count_tables_freed(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct pt_flush_count *count = ctx;

	add(&count->tables, 1);
	count_range(count, first, last, stride_lg2);
}

void pt_flush_count_local(void *ctx, unsigned int cpu)
{
	struct pt_flush_count *count = ctx;

	(void)cpu;
	add(&count->local, 1);
}

struct pt_flush_cost pt_flush_cost_default(enum pt_flush_policy policy)
{
	static const struct pt_flush_cost x86 = {
		.request = 45000, .full = 192, .page_op = 300, .local = 192,
	};
	static const struct pt_flush_cost arm64 = {
		.full = 69, .page_op = 69, .range_op = 69, .local = 30,
	};

	return policy == PT_FLUSH_X86_64 ? x86 : arm64;
}

int pt_flush_count_create(struct pt_flush_count **out, const struct pt_flush_count_cfg *cfg)
{
	struct pt_flush_count *count;
	unsigned int lg2 = cfg->granule_lg2;

	if (cfg->policy >= PT_FLUSH_POLICY_NR || (lg2 != 12 && lg2 != 14 && lg2 != 16) ||
	    (cfg->policy == PT_FLUSH_X86_64 && lg2 != 12))
		return -EINVAL;
	count = calloc(1, sizeof(*count));
	if (!count)
		return -ENOMEM;
	count->ops = (struct pt_flush_ops){ count_range, count_all, count_tables_freed, count };
	count->policy = cfg->policy;
	count->granule_lg2 = lg2;
	count->lpa2 = cfg->lpa2;
	count->user = cfg->user;
	count->cost = cfg->cost ? *cfg->cost : pt_flush_cost_default(cfg->policy);
	*out = count;
	return 0;
}

void pt_flush_count_destroy(struct pt_flush_count *count)
{
	free(count);
}

const struct pt_flush_ops *pt_flush_count_ops(struct pt_flush_count *count)
{
	return &count->ops;
}

void pt_flush_counts(const struct pt_flush_count *count, struct pt_flush_counts *counts)
{
	const struct pt_flush_cost *cost = &count->cost;

	counts->full = get(&count->full);
	counts->ranged = get(&count->ranged);
	counts->requests = counts->full + counts->ranged;
	counts->tables = get(&count->tables);
	counts->page_ops = get(&count->page_ops);
	counts->range_ops = get(&count->range_ops);
	counts->pages = get(&count->pages);
	counts->local = get(&count->local);
	counts->cycles = counts->requests * cost->request + counts->full * cost->full +
			 counts->page_ops * cost->page_op + counts->range_ops * cost->range_op +
			 counts->local * cost->local;
}
