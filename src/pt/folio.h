/* SPDX-License-Identifier: MIT */
/* folio.h - the held block that a leaf maps a part of, as frame descriptors tell it. */
#ifndef PTL_PT_FOLIO_H
#define PTL_PT_FOLIO_H

#include "base/bits.h"
#include "phys/phys_internal.h"

#define PTL_FOLIO_MAX_ORDER 15

struct ptl_folio {
	pt_pa_t first, last;
	unsigned int order;
};

/*
 * Whether one folio holds all 2^@size_lg2 bytes at @pa; table pages and free blocks are none. Only
 * the first frame of a block says so: try those of all that could hold it, the smallest first.
 * *@hint: a region of @phys, or NULL; receives the one that @pa is in.
 */
static inline bool ptl_folio_find(const struct pt_phys *phys, const void **hint, pt_pa_t pa,
				  unsigned int size_lg2, struct ptl_folio *folio)
{
	const struct ptl_region *region = *hint;

	if (!region || pa - region->pa >= region->len) {
		region = ptl_phys_find(phys, pa);
		if (!region)
			return false;
		*hint = region;
	}
	for (unsigned int order = 0; order <= PTL_FOLIO_MAX_ORDER; order++) {
		pt_pa_t first = ptl_align_down(pa, order + phys->frame_lg2);
		struct pt_frame *frame;
		unsigned int block;

		if (first < region->pa)
			return false;
		frame = &region->frames[(first - region->pa) >> phys->frame_lg2];
		block = atomic_load_explicit(&frame->block, memory_order_relaxed);
		if (!block || (block & PTL_BLOCK_ORDER) < order)
			continue;
		folio->first = first;
		folio->order = block & PTL_BLOCK_ORDER;
		folio->last = ptl_last(first, folio->order + phys->frame_lg2);
		return (block & PTL_BLOCK_KIND) == PTL_BLOCK_HELD &&
		       atomic_load_explicit(&frame->state, memory_order_relaxed) ==
			       PTL_FRAME_NONE &&
		       folio->last - pa >= PTL_BIT(size_lg2) - 1;
	}
	return false;
}

#endif /* PTL_PT_FOLIO_H */
