/* SPDX-License-Identifier: MIT */
/* fresh.h - memory of a zone that was never used. */
#ifndef PTL_FRESH_H
#define PTL_FRESH_H

#include "buddy/zone_internal.h"

/* Counts a new span as free. */
void ptl_count_fresh(struct pt_zone *zone, const struct ptl_span *span);

/* What pageblock @i of @span is before anything of it is free or handed out. */
void ptl_make_pageblock(const struct pt_zone *zone, const struct ptl_span *span, uint32_t i,
			struct ptl_pageblock *p);

/* Brings some of it into use, under the lock; false if there is none. */
bool ptl_use_fresh(struct pt_zone *zone);

/* The order of the block that never used @pa is counted in; *@pa becomes its first byte. */
unsigned int ptl_fresh_block(const struct pt_zone *zone, const struct ptl_span *span, pt_pa_t *pa);

#endif /* PTL_FRESH_H */
