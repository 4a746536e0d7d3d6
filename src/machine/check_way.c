/* SPDX-License-Identifier: MIT */
/* What the tables say now, and what of an entry is wrong by them. */
#include "machine/checker_internal.h"

void ptl_check_find_way(struct ptl_way *way, const struct ptl_access *access, unsigned int from)
{
	struct pt_fault fault = { .why = PT_WHY_NONE };
	struct ptl_access again = { .mmu = access->mmu,
				    .how = access->how,
				    .first = access->first,
				    .looks = true,
				    .fault = &fault,
				    .steps = way->steps,
				    .kept = &way->kept };

	way->kept.from = from;
	for (unsigned int level = 0; level < PT_MAX_LEVELS; level++)
		way->kept.table[level].pa = UINT64_MAX; /* that the way does not come by */
	if (from != PTL_FROM_ROOT)
		way->kept.table[from] = (struct ptl_kept_table){
			.pa = access->mmu->half_of[access->va >> 55 & 1]->root_pa,
			.all = ~UINT64_C(0),
		};
	way->mapped =
		!ptl_access_piece(&again, (unsigned int)(access->va - access->first), &way->piece);
	way->nr = way->nr_leading = again.nr_steps;
}

/* Whether any class may do more by the entry than by the tables. */
static bool allows_more(const struct ptl_asked *asked, const struct pt_tlb_entry *entry,
			const struct ptl_way *way)
{
	const struct ptl_regime *r = asked->r;

	for (unsigned int class = 0; class < PTL_NO_CLASS; class ++) {
		unsigned int old = r->walker->judge(r, (uint32_t)entry->data, entry->raw, class);
		unsigned int now = r->walker->judge(r, way->kept.words, way->piece.raw, class);

		old = ptl_judged_by_both(old, entry->data >> PTL_WITHHELD_SHIFT & 15);
		now = ptl_judged_by_both(now, way->kept.withheld);
		if (old & ~now & ~PTL_JUDGED_CLEAN)
			return true;
	}
	return false;
}

/* Of a contiguous block each word may be the one that a store made dirty. */
static bool is_dirty_now(const struct ptl_asked *asked, const struct pt_tlb_entry *entry,
			 const struct ptl_way *way)
{
	const struct ptl_regime *r = asked->r;
	unsigned int now =
		r->walker->judge(r, way->kept.words, way->piece.raw, asked->want.class);

	if (way->kept.withheld & PTL_JUDGED_CLEAN)
		return false;
	return entry->size_lg2 > entry->leaf_lg2 || !(now & PTL_JUDGED_CLEAN);
}

enum pt_check_kind ptl_check_compare(const struct ptl_way *way, const struct ptl_asked *asked,
				     const struct pt_tlb_entry *entry, unsigned int judged)
{
	/* What ends at a leaf all the same: the second stage's, which refuses the walk a table. */
	if (!way->mapped)
		return way->nr && way->steps[way->nr - 1].kind == PT_KIND_LEAF ? PT_CHECK_RIGHTS
									       : PT_CHECK_ADDRESS;
	if (way->piece.pa != entry->pa + (asked->in - entry->va))
		return PT_CHECK_ADDRESS;
	if (way->piece.mem != (entry->data >> PTL_MEM_SHIFT & 15))
		return PT_CHECK_MEMORY;
	if (allows_more(asked, entry, way))
		return PT_CHECK_RIGHTS;
	if (!(judged & PTL_JUDGED_CLEAN) && !is_dirty_now(asked, entry, way))
		return PT_CHECK_DIRTY;
	return PT_CHECK_KIND_NR;
}
