/* SPDX-License-Identifier: MIT */
/* A zone as a source of table pages. */
#include "buddy/zone_internal.h"

static int source_alloc(void *ctx, unsigned int size_lg2, pt_pa_t *pa)
{
	const struct pt_zone_source *source = ctx;
	struct pt_alloc how = {
		.type = source->type,
		.flags = source->flags,
		.account = source->account,
	};

	if (size_lg2 < source->zone->frame_lg2)
		return -ENOMEM;
	how.order = size_lg2 - source->zone->frame_lg2;
	return pt_alloc_pages(source->zone, NULL, &how, pa) ? -ENOMEM : 0;
}

/* Tables leave their marks on each frame that they were in. */
static void source_free(void *ctx, pt_pa_t pa, unsigned int size_lg2)
{
	const struct pt_zone_source *source = ctx;
	struct pt_zone *zone = source->zone;
	unsigned int order = size_lg2 - zone->frame_lg2;
	const struct ptl_span *span = ptl_span_of(zone, pa);
	struct pt_frame *frame;

	PTL_BUG_ON(!span);
	frame = ptl_span_frame(zone, span, pa);
	for (unsigned int i = 0; i < 1u << order; i++) {
		atomic_store_explicit(&frame[i].state, PTL_FRAME_NONE, memory_order_relaxed);
		atomic_store_explicit(&frame[i].refs, !i, memory_order_relaxed);
	}
	PTL_BUG_ON(pt_free_pages(zone, NULL, pa, order));
}

struct pt_table_ops pt_zone_table_ops(struct pt_zone_source *source)
{
	return (struct pt_table_ops){ source_alloc, source_free, source };
}
