/* SPDX-License-Identifier: MIT */
/* Visits to whole trees, with a set of the pages that were seen. */
#include "pt/visit.h"

#include <limits.h>
#include <stdlib.h>

/*
 * Open addressing, a power of two of slots, at most half full. A key is the
 * table's pa with its level + 1 in the low bits, which are 0 in every pa: tables
 * are aligned to 8 bytes at least, and levels are fewer than 8.
 */
struct seen {
	uint64_t *slot;
	size_t nr, room;
};

static uint64_t *seen_slot(const struct seen *seen, pt_pa_t pa)
{
	size_t at = (pa >> 6) * UINT64_C(0x9e3779b97f4a7c15) >> 20;

	for (;; at++) {
		uint64_t *slot = &seen->slot[at & (seen->room - 1)];

		if (!*slot || (*slot & ~UINT64_C(7)) == pa)
			return slot;
	}
}

static bool seen_grow(struct seen *seen)
{
	struct seen more = { .nr = seen->nr, .room = seen->room ? 2 * seen->room : 1024 };

	more.slot = calloc(more.room, sizeof(*more.slot));
	if (!more.slot)
		return false;
	for (size_t i = 0; i < seen->room; i++)
		if (seen->slot[i])
			*seen_slot(&more, seen->slot[i] & ~UINT64_C(7)) = seen->slot[i];
	free(seen->slot);
	*seen = more;
	return true;
}

struct walk {
	const struct pt_pgtable *pt;
	ptl_visit_fn table;
	ptl_entry_fn entry;
	ptl_odd_fn odd;
	void *ctx;
	pt_va_t first, last;
	struct pt_format_info info;
	struct seen seen;
	pt_pa_t path[PT_MAX_LEVELS];
	int ret;
};

static bool visit_table(struct walk *walk, const struct ptl_visit *visit);

static bool is_above(const struct walk *walk, unsigned int level, pt_pa_t pa)
{
	for (unsigned int up = level; up < walk->pt->fmt.top_level; up++)
		if ((walk->path[up] ^ pa) < ptl_table_bytes(walk->pt))
			return true;
	return ptl_in_root(walk->pt, pa);
}

static bool report_odd(struct walk *walk, const struct ptl_visit *visit,
		       const struct ptl_visit_entry *entry, enum ptl_visit_odd odd)
{
	return !walk->odd || walk->odd(walk->ctx, visit, entry, odd);
}

/* Whether the naturally aligned 2^@size_lg2 bytes around @va have some of the range. */
static bool reaches_range(const struct walk *walk, pt_va_t va, unsigned int size_lg2)
{
	return ptl_align_down(va, size_lg2) <= walk->last && ptl_last(va, size_lg2) >= walk->first;
}

static bool is_inside_range(const struct walk *walk, pt_va_t va, unsigned int size_lg2)
{
	return va >= walk->first && ptl_last(va, size_lg2) <= walk->last;
}

static bool visit_entry(void *ctx, const struct ptl_visit *visit,
			const struct ptl_visit_entry *entry)
{
	struct walk *walk = ctx;
	unsigned int size_lg2 = walk->info.leaf_lg2[visit->level];
	struct ptl_visit below = {
		.table_pa = entry->target,
		.va = entry->va,
		.level = visit->level - 1,
	};
	uint64_t *slot;

	if (!reaches_range(walk, entry->va, size_lg2 + walk->info.contig_lg2[visit->level]))
		return true;
	if (walk->entry && !walk->entry(walk->ctx, visit, entry)) {
		walk->ret = 1;
		return false;
	}
	if (entry->kind != PTL_TABLE || !reaches_range(walk, entry->va, size_lg2))
		return true;
	below.table = ptl_table_at(walk->pt, entry->target);
	if (!below.table)
		return report_odd(walk, visit, entry, PTL_ODD_OUTSIDE);
	if (is_above(walk, visit->level, entry->target))
		return report_odd(walk, visit, entry, PTL_ODD_LOOP);
	if (2 * walk->seen.nr >= walk->seen.room && !seen_grow(&walk->seen)) {
		walk->ret = -ENOMEM;
		return false;
	}
	slot = seen_slot(&walk->seen, entry->target);
	if (*slot)
		return (*slot & 7) == below.level + 1 ||
		       report_odd(walk, visit, entry, PTL_ODD_LEVEL);
	if (is_inside_range(walk, entry->va, size_lg2)) {
		*slot = entry->target | (below.level + 1);
		walk->seen.nr++;
	}
	return visit_table(walk, &below);
}

static bool visit_table(struct walk *walk, const struct ptl_visit *visit)
{
	enum ptl_visit_how how = walk->table(walk->ctx, visit);

	walk->path[visit->level] = visit->table_pa;
	if (how == PTL_VISIT_STOP)
		walk->ret = 1;
	if (how != PTL_VISIT_BELOW)
		return how == PTL_VISIT_PAST;
	return walk->pt->ops.visit_entries(&walk->pt->fmt, visit, 0, UINT_MAX, visit_entry, walk);
}

int ptl_visit_range(const struct pt_pgtable *pt, pt_va_t first, pt_va_t last, ptl_visit_fn table,
		    ptl_entry_fn entry, ptl_odd_fn odd, void *ctx)
{
	struct walk walk = {
		.pt = pt,
		.table = table,
		.entry = entry,
		.odd = odd,
		.ctx = ctx,
		.first = first,
		.last = last,
	};
	const struct ptl_visit root = {
		.table = pt->root,
		.table_pa = pt->root_pa,
		.va = pt->fmt.lower_end ? 0 : pt->fmt.upper_first,
		.level = pt->fmt.top_level,
	};

	pt->ops.describe(&pt->fmt, &walk.info);
	if (!visit_table(&walk, &root) && !walk.ret)
		walk.ret = 1;
	free(walk.seen.slot);
	return walk.ret;
}

int ptl_visit_tree(const struct pt_pgtable *pt, ptl_visit_fn table, ptl_entry_fn entry,
		   ptl_odd_fn odd, void *ctx)
{
	return ptl_visit_range(pt, 0, UINT64_MAX, table, entry, odd, ctx);
}
