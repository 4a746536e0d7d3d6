/* SPDX-License-Identifier: MIT */
/* walk_classify_impl.h - which PTW_* an entry is, to a walk that looks at everything. */
#ifndef PTL_WALK_CLASSIFY_IMPL_H
#define PTL_WALK_CLASSIFY_IMPL_H

#include "pt/folio.h"
#include "pt/soft_impl.h"
#include "pt/walk_impl.h"

/* A run as it grows, and what it began with. */
struct ptl_full_run {
	struct ptl_spot at; /* its first entry */
	struct ptl_spot spot; /* where it stops */
	enum pt_range_walk_type type;
	pt_va_t last; /* of its last entry */
	uint64_t leaf; /* FOLIO, PFN: the first entry's word, or what it hides */
	bool hidden;
	struct ptl_folio folio;
	struct pt_soft soft;
	/* while leaves are taken in */
	uint64_t want; /* the word that would continue it, as compared; 0: none */
	uint64_t same, news; /* bits that must agree; those that say something else */
	pt_attr_t merged; /* what is or'ed over the run */
	bool respect_ad;
	const void **looks; /* PFN for want of a folio: the next page may have one; else NULL */
};

/* Whether leaves may be folios'. */
static inline bool ptl_walk_looks(const struct pt_range_walk *walk)
{
	if (!walk->areas_)
		return walk->flags_ & PT_WALK_FOLIOS;
	return !(walk->area.flags & PT_AREA_PFN_MAP) && !(walk->flags_ & PT_WALK_PFNS);
}

/* Whether all folios of the area have its one size, larger than a page. */
static inline bool ptl_walk_in_huge(const struct pt_range_walk *walk)
{
	return walk->areas_ && walk->area.huge_lg2 > FMT_GRANULE_LG2;
}

/*
 * Pages of hugetlb may be larger than any block of an allocator, and their memory is no zone's:
 * descriptors do not tell of them.
 */
static inline bool ptl_huge_folio(const struct pt_range_walk *walk, pt_pa_t pa, unsigned int lg2,
				  struct ptl_folio *folio)
{
	const unsigned int huge_lg2 = walk->area.huge_lg2;

	if (!ptl_walk_in_huge(walk) || lg2 > huge_lg2)
		return false;
	folio->first = ptl_align_down(pa, huge_lg2);
	folio->order = huge_lg2 - walk->pt_->phys->frame_lg2;
	folio->last = ptl_last(pa, huge_lg2);
	return true;
}

/* FOLIO or PFN for the run's first leaf, which may be a hidden one. */
static inline enum pt_range_walk_type ptl_classify_leaf(struct pt_range_walk *walk,
							struct ptl_full_run *run)
{
	const struct pt_pgtable *pt = walk->pt_;
	unsigned int level = run->at.level;
	pt_pa_t pa;

	if (!ptl_walk_looks(walk) ||
	    run->leaf & fmt_attr_bits(pt->soft.attr_special, level, &pt->fmt))
		return PTW_PFN;
	pa = fmt_leaf_pa(run->leaf, level, run->at.index, &pt->fmt);
	if (ptl_folio_find(pt->phys, &walk->region_, pa, ptl_level_lg2(level), &run->folio))
		return PTW_FOLIO;
	return ptl_huge_folio(walk, pa, ptl_level_lg2(level), &run->folio) ? PTW_FOLIO : PTW_PFN;
}

static const uint8_t ptl_walk_type_of_soft[PT_SOFT_NR] = {
	[PT_SOFT_NONE] = PTW_UNKNOWN,
	[PT_SOFT_SWAP] = PTW_SWAP,
	[PT_SOFT_MIGRATION_READ] = PTW_MIGRATION,
	[PT_SOFT_MIGRATION_READ_EXCLUSIVE] = PTW_MIGRATION,
	[PT_SOFT_MIGRATION_WRITE] = PTW_MIGRATION,
	[PT_SOFT_HWPOISON] = PTW_HWPOISON,
	[PT_SOFT_DEVICE_READ] = PTW_DEVICE,
	[PT_SOFT_DEVICE_WRITE] = PTW_DEVICE,
	[PT_SOFT_DEVICE_EXCLUSIVE] = PTW_DEVICE,
	[PT_SOFT_DEVICE_EXCLUSIVE_WRITE] = PTW_DEVICE,
	[PT_SOFT_MARKER] = PTW_MARKER,
	[PT_SOFT_PROT_NONE] = PTW_UNKNOWN, /* whose leaf is none */
	[PT_SOFT_UNKNOWN] = PTW_UNKNOWN,
};

static inline enum pt_range_walk_type ptl_classify_soft(struct pt_range_walk *walk,
							struct ptl_full_run *run)
{
	const struct pt_pgtable *pt = walk->pt_;

	if (!pt->has_soft)
		return PTW_UNKNOWN;
	run->hidden = ptl_hidden_leaf(pt, run->at.raw, run->at.level, &run->leaf);
	if (run->hidden)
		return ptl_classify_leaf(walk, run);
	if (run->at.level || ptl_soft_decode_page(&pt->soft_types, &pt->soft, run->at.raw,
						  &run->soft) == PT_SOFT_UNKNOWN)
		run->soft = pt_soft_decode(&pt->soft, run->at.level, run->at.raw);
	return (enum pt_range_walk_type)ptl_walk_type_of_soft[run->soft.kind];
}

static inline enum pt_range_walk_type ptl_classify(struct pt_range_walk *walk,
						   struct ptl_full_run *run)
{
	run->hidden = false;
	switch (run->at.kind) {
	case PTL_LEAF:
		run->leaf = run->at.raw;
		return ptl_classify_leaf(walk, run);
	case PTL_SOFT:
		return ptl_classify_soft(walk, run);
	case PTL_ILLEGAL:
		return PTW_ILLEGAL;
	default:
		return PTW_NONE;
	}
}

#endif /* PTL_WALK_CLASSIFY_IMPL_H */
