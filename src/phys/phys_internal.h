/* SPDX-License-Identifier: MIT */
/*
 * phys_internal.h - pa to host and pa to frame, for hot paths to inline.
 *
 * A memory is an array of regions in ascending order. Table walks keep a copy
 * of the region that holds their root, the window: there, pa to host is one
 * compare and one add. Everything else is found by bisection, out of line.
 */
#ifndef PTL_PHYS_INTERNAL_H
#define PTL_PHYS_INTERNAL_H

#include <ptlib/phys.h>

#include "phys/frame.h"

struct ptl_region {
	pt_pa_t pa;
	uint64_t len;
	uint8_t *host;           /* host address of @pa */
	struct pt_frame *frames; /* descriptor of @pa's frame */
};

struct pt_phys {
	struct ptl_region *regions; /* ascending, disjoint */
	size_t nr;
	unsigned int frame_lg2;
	/* Zones that poison, and calls of pt_phys_poison(): 0: no frame is poisoned. Relaxed. */
	_Atomic uint64_t poisoners;
};

/* A zone that poisons what is free comes; or goes, and nothing of its is poisoned any more. */
static inline void ptl_phys_poisoner(struct pt_phys *phys, bool comes)
{
	if (comes)
		atomic_fetch_add_explicit(&phys->poisoners, 1, memory_order_relaxed);
	else
		atomic_fetch_sub_explicit(&phys->poisoners, 1, memory_order_relaxed);
}

/* The region that holds @pa, or NULL. */
const struct ptl_region *ptl_phys_find(const struct pt_phys *phys, pt_pa_t pa);

/* Host address of [@pa, @pa + @len) if all of it is in @region, else NULL. */
static inline void *ptl_region_host(const struct ptl_region *region, pt_pa_t pa, uint64_t len)
{
	uint64_t offset = pa - region->pa;

	if (__builtin_expect(offset >= region->len || region->len - offset < len, 0))
		return NULL;
	return region->host + offset;
}

/* Descriptor of the frame of @pa, which must be inside memory. */
static inline struct pt_frame *ptl_phys_frame(const struct pt_phys *phys, pt_pa_t pa)
{
	const struct ptl_region *region = ptl_phys_find(phys, pa);

	PTL_BUG_ON(!region);
	return &region->frames[(pa - region->pa) >> phys->frame_lg2];
}

#endif /* PTL_PHYS_INTERNAL_H */
