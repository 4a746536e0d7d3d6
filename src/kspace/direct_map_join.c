/* SPDX-License-Identifier: MIT */
/*
 * Leaves joined again, after Linux's collapse_pmd_page() and collapse_pud_page() in
 * arch/x86/mm/pat/set_memory.c: from the pageblock upwards as far as whole tables
 * translate as one leaf would. Unhook, flush, free.
 */
#include "kspace/direct_map_internal.h"

/* What @va is mapped by; PT_MAX_LEVELS for nothing. */
static unsigned int leaf_level(struct pt_direct_map *dm, pt_va_t va)
{
	struct pt_leaf leaf;

	return pt_lookup(dm->pt, va, &leaf) ? PT_MAX_LEVELS : leaf.level;
}

/* Under the lock: the leaves of @level around @va and, in a second step, their blocks. */
static void join_around(struct pt_direct_map *dm, pt_va_t va, unsigned int level,
			unsigned int lg2, struct pt_change *change)
{
	pt_va_t first = ptl_align_down(va, lg2);

	PTL_BUG_ON(pt_collapse(dm->pt, first, PTL_BIT(lg2), level, change));
}

/* Under the lock. */
static void join_entry(struct pt_direct_map *dm, pt_va_t va, struct pt_gather *gather)
{
	struct pt_change change = { .gather = gather, .flags = PT_CHANGE_NO_CONTIG };
	unsigned int level;
	size_t before;

	for (level = 1; level <= dm->top_leaf; level++) {
		bool joined = leaf_level(dm, va) == level;

		if (joined)
			continue;
		before = gather->nr_tables;
		join_around(dm, va, level, dm->info.leaf_lg2[level], &change);
		joined = leaf_level(dm, va) == level;
		dm->stats.joins[level] += joined;
		/* Its other tables, which were of leaves one level down. */
		dm->stats.joins[level - 1] += gather->nr_tables - before - joined;
		if (!joined)
			break;
	}
	level--;
	if (dm->info.contig_lg2[level]) {
		change.flags = 0;
		before = gather->nr_tables;
		join_around(dm, va, level, dm->info.leaf_lg2[level] + dm->info.contig_lg2[level],
			    &change);
		dm->stats.joins[level] += gather->nr_tables - before;
	}
}

static void flush(struct pt_direct_map *dm, const struct pt_gather *gather)
{
	const struct pt_flush_ops *ops = dm->flush;

	for (unsigned int i = 0; ops && i < gather->nr_ranges; i++) {
		const struct pt_gather_range *range = &gather->range[i];

		if (range->tables && ops->tables_freed)
			ops->tables_freed(ops->ctx, range->first, range->last);
		else if (!range->tables && ops->range)
			ops->range(ops->ctx, range->first, range->last, range->stride_lg2);
	}
}

void ptl_dm_join(struct pt_direct_map *dm, const struct pt_extent *extent)
{
	pt_va_t va = ptl_dm_va(dm, extent->pa), last = va + extent->len - 1;
	struct pt_gather gather;

	if (!dm->top_leaf)
		return;
	pt_gather_begin(&gather, dm->pt);
	ptl_dm_lock(dm);
	/* Who waits for the flush of a split is about to change pages under it. */
	while (!dm->unflushed) {
		join_entry(dm, va, &gather);
		va = ptl_last(va, ptl_dm_block_lg2(dm));
		if (va >= last)
			break;
		va++;
	}
	ptl_dm_unlock(dm);
	flush(dm, &gather);
	pt_gather_finish(&gather);
	/* Not under the feet of whoever fills the reserve, which may have called us. */
	if (!ptl_dm_refilling(dm))
		ptl_dm_trim(dm);
}
