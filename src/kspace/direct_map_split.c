/* SPDX-License-Identifier: MIT */
/*
 * Which leaves have to be smaller before pages change, and making them so.
 *
 * For each pageblock that the pages touch: a larger leaf around it is split down to
 * pageblocks; a leaf of the pageblock is split into pages if only a part of it changes.
 * Contiguous blocks become entries as what they are made of changes, which needs no table.
 */
#include "kspace/direct_map_internal.h"

/* What a walk ends at. */
struct end {
	bool is_leaf; /* else a hole */
	unsigned int level, key;
};

static struct end find_end(const struct pt_direct_map *dm, pt_va_t va)
{
	struct pt_step steps[PT_MAX_LEVELS], *step;
	unsigned int nr;
	int err = pt_trace(dm->pt, va, steps, &nr);
	struct end end = { .is_leaf = !err };

	PTL_BUG_ON(err && err != -ENOENT);
	step = &steps[nr - 1];
	end.level = step->level;
	if (end.is_leaf)
		end.key = pt_attr_key(pt_entry_attr(dm->pt, step->raw, step->level));
	return end;
}

/* Whether pages there are not @target yet: what is present stays whole when it becomes present. */
static bool is_changed(const struct pt_direct_map *dm, const struct end *end,
		       enum ptl_dm_target target)
{
	switch (target) {
	case PTL_DM_ABSENT:
		return end->is_leaf;
	case PTL_DM_PRESENT:
		return !end->is_leaf;
	case PTL_DM_PLAIN:
		return !end->is_leaf || end->key;
	case PTL_DM_KEYED:
		return !end->is_leaf || end->key != dm->key;
	}
	return false;
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
	size_t tables = 0;

	for (size_t i = 0; i < nr; i++) {
		pt_va_t va = ptl_dm_va(dm, extent[i].pa), last = va + extent[i].len - 1;

		for (;;) {
			struct end end = find_end(dm, va);
			pt_va_t here_last =
				ptl_last(va, dm->info.leaf_lg2[end.level ? end.level : 1]);

			here_last = ptl_min(here_last, last);
			if (is_changed(dm, &end, target))
				tables += tables_below(dm, end.level, extent, i, va, here_last);
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

static size_t split_extent(struct pt_direct_map *dm, const struct pt_extent *extent,
			   enum ptl_dm_target target)
{
	unsigned int block_lg2 = ptl_dm_block_lg2(dm);
	pt_va_t va = ptl_dm_va(dm, extent->pa), last = va + extent->len - 1;
	size_t nr = 0;

	for (;;) {
		pt_va_t here_last = ptl_min(ptl_last(va, block_lg2), last);
		bool whole = here_last - va == PTL_BIT(block_lg2) - 1;
		struct end end;

		while ((end = find_end(dm, va)).is_leaf && end.level > whole &&
		       is_changed(dm, &end, target)) {
			split_leaf(dm, va, end.level);
			nr++;
		}
		if (here_last == last)
			break;
		va = here_last + 1;
	}
	return nr;
}

size_t ptl_dm_split(struct pt_direct_map *dm, const struct pt_extent *extent, size_t nr,
		    enum ptl_dm_target target)
{
	size_t splits = 0;

	if (target == PTL_DM_PRESENT)
		return 0;
	for (size_t i = 0; i < nr; i++)
		splits += split_extent(dm, &extent[i], target);
	return splits;
}
