/* SPDX-License-Identifier: MIT */
/*
 * Leaves joined again, after Linux's collapse_pmd_page() and collapse_pud_page() in
 * arch/x86/mm/pat/set_memory.c: from the pageblock upwards as far as whole tables
 * translate as one leaf would. Unhook, flush, free.
 */
#include "kspace/direct_map_internal.h"

static unsigned int leaf_level(const struct pt_direct_map *dm, pt_va_t va)
{
	struct pt_leaf leaf;

	/* Absent again: nothing can be larger there. */
	return pt_lookup(dm->pt, va, &leaf) ? dm->top_leaf : leaf.level;
}

/*
 * Whether what is around @va, of @level, may become larger. A KEYED pageblock stays by itself:
 * that it loses the key must not take a table. Above the next level the ends of a join are not
 * all known from @va.
 */
static bool may_grow(const struct pt_direct_map *dm, pt_va_t va, unsigned int level)
{
	struct pt_leaf leaf;

	if (level >= dm->top_leaf || !dm->key || !level)
		return level < dm->top_leaf;
	return level == 1 && !pt_lookup(dm->pt, va, &leaf) && !pt_attr_key(leaf.attr);
}

/* Under the lock: leaves of up to @level in the 2^@lg2 bytes around @va. Tables that this frees. */
static size_t join_around(struct pt_direct_map *dm, pt_va_t va, unsigned int level,
			  unsigned int lg2, struct pt_change *change)
{
	/* A block of entries may be larger than a short top table. */
	pt_va_t first = ptl_align_down(va, lg2), last = ptl_min(ptl_last(va, lg2), dm->info.last);
	size_t before = change->gather->nr_tables;

	if (first < dm->info.first)
		first = dm->info.first;
	PTL_BUG_ON(pt_collapse(dm->pt, first, last - first + 1, level, change));
	return change->gather->nr_tables - before;
}

/* Under the lock: level by level while that joins what is around @va, then blocks of it. */
static void join_entry(struct pt_direct_map *dm, pt_va_t va, struct pt_gather *gather)
{
	struct pt_change change = { .gather = gather, .flags = PT_CHANGE_NO_CONTIG };
	unsigned int level = leaf_level(dm, va), lg2;

	while (may_grow(dm, va, level)) {
		size_t tables =
			join_around(dm, va, level + 1, dm->info.leaf_lg2[level + 1], &change);
		bool joined = leaf_level(dm, va) > level;

		/* Others, which do not make @va's leaf larger yet, are one level down. */
		dm->stats.joins[level + 1] += joined;
		dm->stats.joins[level] += tables - joined;
		if (!joined)
			break;
		level++;
	}
	if (dm->info.contig_lg2[level]) {
		lg2 = dm->info.leaf_lg2[level] + dm->info.contig_lg2[level];
		change.flags = 0;
		dm->stats.joins[level] += join_around(dm, va, level, lg2, &change);
	}
}

static void flush(const struct pt_direct_map *dm, const struct pt_gather *gather)
{
	for (unsigned int i = 0; i < gather->nr_ranges; i++) {
		const struct pt_gather_range *range = &gather->range[i];

		ptl_dm_flush(dm, range->first, range->last, range->stride_lg2, range->tables);
	}
}

void ptl_dm_join(struct pt_direct_map *dm, const struct pt_extent *extent)
{
	pt_va_t va = ptl_dm_va(dm, extent->pa), last = va + extent->len - 1;
	struct pt_gather gather;
	bool joined;

	if (!dm->top_leaf)
		return;
	pt_gather_begin(&gather, dm->pt);
	ptl_dm_lock(dm);
	/* Who waits for the flush of a split is about to change pages under it. */
	while (!dm->splitting) {
		join_entry(dm, va, &gather);
		va = ptl_last(va, ptl_dm_block_lg2(dm));
		if (va >= last)
			break;
		va++;
	}
	joined = gather.nr_tables;
	dm->joining += joined;
	ptl_dm_unlock(dm);
	flush(dm, &gather);
	if (joined) {
		ptl_dm_lock(dm);
		dm->joining--;
		ptl_dm_unlock(dm);
	}
	pt_gather_finish(&gather);
	/* Not under the feet of whoever fills the reserve, which may have called us. */
	if (!ptl_dm_refilling(dm))
		ptl_dm_trim(dm);
}
