/* SPDX-License-Identifier: MIT */
/*
 * Which leaves have to be smaller before pages change, and making them so.
 *
 * For each pageblock that the pages touch: a larger leaf around it is split down to
 * pageblocks; a leaf of the pageblock is split into pages if only a part of it changes.
 */
#include "kspace/direct_map_internal.h"

/* What the walk to @va ends at: its level, and whether it is a leaf. */
static bool find_leaf(const struct pt_direct_map *dm, pt_va_t va, unsigned int *level)
{
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;
	int err = pt_trace(dm->pt, va, steps, &nr);

	PTL_BUG_ON(err && err != -ENOENT);
	*level = steps[nr - 1].level;
	return !err;
}

/* Whether one of the first @nr extents has a byte of the entry of @level at @va. */
static bool is_counted(const struct pt_direct_map *dm, const struct pt_extent *extent, size_t nr,
		       pt_va_t va, unsigned int level)
{
	unsigned int lg2 = dm->info.leaf_lg2[level];

	for (size_t i = 0; i < nr; i++) {
		pt_va_t first = ptl_dm_va(dm, extent[i].pa), last = first + extent[i].len - 1;

		if (first >> lg2 <= va >> lg2 && va >> lg2 <= last >> lg2)
			return true;
	}
	return false;
}

/*
 * Tables below one leaf, or hole, of @level for the part [first, last] of it, one for each
 * entry that has to be smaller, but for those that extents before @extent[nr] need too.
 */
static size_t tables_below(const struct pt_direct_map *dm, unsigned int level,
			   const struct pt_extent *extent, size_t nr, pt_va_t first, pt_va_t last)
{
	size_t tables = 0;

	for (; level; level--) {
		unsigned int lg2 = dm->info.leaf_lg2[level];

		for (pt_va_t va = first;; va = ptl_last(va, lg2) + 1) {
			pt_va_t here_last = ptl_last(va, lg2);
			bool whole = level == 1 && ptl_aligned(va, lg2) && here_last <= last;

			tables += !whole && !is_counted(dm, extent, nr, va, level);
			if (here_last >= last)
				break;
		}
	}
	return tables;
}

size_t ptl_dm_cost(struct pt_direct_map *dm, const struct pt_extent *extent, size_t nr,
		   enum ptl_dm_target target)
{
	bool present = target == PTL_DM_PRESENT || target == PTL_DM_PLAIN;
	size_t tables = 0;

	for (size_t i = 0; i < nr; i++) {
		pt_va_t va = ptl_dm_va(dm, extent[i].pa), last = va + extent[i].len - 1;

		for (;;) {
			unsigned int level;
			bool is_leaf = find_leaf(dm, va, &level);
			pt_va_t here_last = ptl_last(va, dm->info.leaf_lg2[level ? level : 1]);

			here_last = ptl_min(here_last, last);
			/* What is present stays whole when it becomes present. */
			if (level && is_leaf != present)
				tables += tables_below(dm, level, extent, i, va, here_last);
			if (here_last == last)
				break;
			va = here_last + 1;
		}
	}
	return tables;
}

/* Splits the leaf at @va, one of @level. */
static void split_leaf(struct pt_direct_map *dm, pt_va_t va, unsigned int level)
{
	unsigned int lg2 = dm->info.leaf_lg2[level];

	PTL_BUG_ON(pt_split(dm->pt, ptl_align_down(va, lg2), PTL_BIT(lg2), level - 1, NULL));
	dm->stats.splits[level]++;
}

static size_t split_extent(struct pt_direct_map *dm, const struct pt_extent *extent)
{
	unsigned int block_lg2 = ptl_dm_block_lg2(dm);
	pt_va_t first = ptl_dm_va(dm, extent->pa), last = first + extent->len - 1, va = first;
	size_t nr = 0;

	for (;;) {
		pt_va_t here_last = ptl_min(ptl_last(va, block_lg2), last);
		bool whole = here_last - va == PTL_BIT(block_lg2) - 1;
		unsigned int level;

		while (find_leaf(dm, va, &level) && level > whole) {
			split_leaf(dm, va, level);
			nr++;
		}
		if (here_last == last)
			break;
		va = here_last + 1;
	}
	/* Contiguous blocks that reach outside become entries, which needs no table. */
	if (dm->top_leaf)
		PTL_BUG_ON(pt_split(dm->pt, first, extent->len, 1, NULL));
	return nr;
}

size_t ptl_dm_split(struct pt_direct_map *dm, const struct pt_extent *extent, size_t nr)
{
	size_t splits = 0;

	for (size_t i = 0; i < nr; i++)
		splits += split_extent(dm, &extent[i]);
	return splits;
}
