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

static bool visit_entry(void *ctx, const struct ptl_visit *visit,
			const struct ptl_visit_entry *entry)
{
	struct walk *walk = ctx;
	struct ptl_visit below = {
		.table_pa = entry->target,
		.va = entry->va,
		.level = visit->level - 1,
	};
	uint64_t *slot;

	if (walk->entry && !walk->entry(walk->ctx, visit, entry)) {
		walk->ret = 1;
		return false;
	}
	if (entry->kind != PTL_TABLE)
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
	*slot = entry->target | (below.level + 1);
	walk->seen.nr++;
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

int ptl_visit_tree(const struct pt_pgtable *pt, ptl_visit_fn table, ptl_entry_fn entry,
		   ptl_odd_fn odd, void *ctx)
{
	struct walk walk = { .pt = pt, .table = table, .entry = entry, .odd = odd, .ctx = ctx };
	const struct ptl_visit root = {
		.table = pt->root,
		.table_pa = pt->root_pa,
		.va = pt->fmt.lower_end ? 0 : pt->fmt.upper_first,
		.level = pt->fmt.top_level,
	};

	if (!visit_table(&walk, &root) && !walk.ret)
		walk.ret = 1;
	free(walk.seen.slot);
	return walk.ret;
}
