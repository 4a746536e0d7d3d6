/* SPDX-License-Identifier: MIT */
/* The gather: ranges merged as they come, pages linked, then flush, grace period, free. */
#include "base/rcu.h"
#include "pt/pagetable_internal.h"

void pt_gather_begin(struct pt_gather *gather, struct pt_pgtable *pt)
{
	gather->pt = pt;
	gather->nr_ranges = 0;
	gather->nr_tables = 0;
	gather->over_flush = 0;
	gather->full = false;
	gather->nr_leaves = 0;
	gather->max_leaves = pt->max_leaves;
	gather->max_tables = pt->max_tables;
	gather->max_ranges = pt->max_ranges;
	gather->nr_forced = 0;
	gather->tables_ = PTL_LINK_END;
}

/* Takes range @i + 1 into range @i. */
static void merge(struct pt_gather *gather, unsigned int i)
{
	struct pt_gather_range *into = &gather->range[i], *from = &gather->range[i + 1];

	if (from->first > into->last)
		gather->over_flush += from->first - into->last - 1;
	if (from->last > into->last)
		into->last = from->last;
	if (from->stride_lg2 < into->stride_lg2)
		into->stride_lg2 = from->stride_lg2;
	into->tables |= from->tables;
	gather->nr_ranges--;
	for (unsigned int k = i + 1; k < gather->nr_ranges; k++)
		gather->range[k] = gather->range[k + 1];
}

static bool touches(const struct pt_gather_range *low, const struct pt_gather_range *high)
{
	return high->first <= low->last || high->first - low->last == 1;
}

static unsigned int most_ranges(const struct pt_gather *gather)
{
	unsigned int most = gather->max_ranges;

	return most && most < PT_GATHER_RANGES ? most : PT_GATHER_RANGES;
}

/* Merges the two neighbours with the least between them. */
static void make_room(struct pt_gather *gather)
{
	uint64_t least = UINT64_MAX;
	unsigned int at = 0;

	for (unsigned int i = 0; i + 1 < gather->nr_ranges; i++) {
		uint64_t gap = gather->range[i + 1].first - gather->range[i].last;

		if (gap < least) {
			least = gap;
			at = i;
		}
	}
	merge(gather, at);
}

void ptl_gather_range(struct pt_gather *gather, pt_va_t first, pt_va_t last,
		      unsigned int stride_lg2, bool tables)
{
	const struct pt_gather_range range = { first, last, stride_lg2, tables };
	unsigned int at = gather->nr_ranges;

	while (at && gather->range[at - 1].first > first)
		at--;
	/* The common case: it goes on where the one before it ends. */
	if (!at || !touches(&gather->range[at - 1], &range)) {
		if (gather->nr_ranges == PT_GATHER_RANGES) {
			make_room(gather);
			ptl_gather_range(gather, first, last, stride_lg2, tables);
			return;
		}
		for (unsigned int k = gather->nr_ranges++; k > at; k--)
			gather->range[k] = gather->range[k - 1];
		gather->range[at++] = range;
	} else {
		struct pt_gather_range *into = &gather->range[at - 1];

		if (last > into->last)
			into->last = last;
		if (stride_lg2 < into->stride_lg2)
			into->stride_lg2 = stride_lg2;
		into->tables |= tables;
	}
	while (at < gather->nr_ranges && touches(&gather->range[at - 1], &gather->range[at]))
		merge(gather, at - 1);
	while (gather->nr_ranges > most_ranges(gather))
		make_room(gather);
}

void ptl_gather_page(struct pt_gather *gather, pt_pa_t pa)
{
	ptl_frame_at(gather->pt, pa)->link = gather->tables_;
	gather->tables_ = ptl_link_to(pa);
	gather->nr_tables++;
}

/* Unhooked long ago; now nothing may reach the pages, and then they go. */
static void flush(struct pt_gather *gather)
{
	struct pt_pgtable *pt = gather->pt;

	ptl_no_walk_lock(pt);
	if (gather->full && gather->nr_ranges && pt->flush && pt->flush->all) {
		pt->flush->all(pt->flush->ctx);
		ptl_flushed(pt, 0, UINT64_MAX, true);
		gather->nr_ranges = 0;
	}
	for (unsigned int i = 0; i < gather->nr_ranges; i++) {
		const struct pt_gather_range *range = &gather->range[i];

		if (range->tables)
			ptl_flush_tables(pt, range->first, range->last, range->stride_lg2);
		else
			ptl_flush_range(pt, range->first, range->last, range->stride_lg2);
	}
	if (gather->tables_ != PTL_LINK_END && pt->readers)
		ptl_rcu_synchronize();
	while (gather->tables_ != PTL_LINK_END) {
		pt_pa_t pa = ptl_link_pa(gather->tables_);

		gather->tables_ = ptl_frame_at(pt, pa)->link;
		ptl_table_free(pt, pa);
	}
	gather->nr_ranges = 0;
	gather->nr_tables = 0;
	gather->nr_leaves = 0;
}

void pt_gather_finish(struct pt_gather *gather)
{
	flush(gather);
	pt_gather_begin(gather, gather->pt);
}

void ptl_gather_force(struct pt_gather *gather)
{
	flush(gather);
	gather->nr_forced++;
}
