/* SPDX-License-Identifier: MIT */
/* What a zone tells about itself: statistics, fragmentation, a report. */
#include <stdarg.h>
#include <stdio.h>

#include "buddy/zone_internal.h"

void pt_zone_stats(const struct pt_zone *zone, struct pt_zone_stats *stats)
{
	struct pt_zone *lockable = (struct pt_zone *)(uintptr_t)zone;

	ptl_bit_lock(&lockable->lock);
	*stats = zone->stats;
	stats->managed = zone->managed;
	stats->free = zone->nr_free_frames;
	stats->cached = ptl_cached_frames(zone) + zone->nr_transit;
	ptl_zone_unlock(lockable);
	/* Caches may be spilled between the two looks at them: a frame counts twice then. */
	stats->held = stats->managed - ptl_min(stats->managed, stats->free + stats->cached);
}

/* Free memory as the fragmentation indices see it. */
struct free_areas {
	uint64_t frames, blocks; /* of all orders */
	uint64_t suitable;       /* blocks of the order asked for that could be had */
};

static struct free_areas sum_free(const struct pt_zone *zone, unsigned int want)
{
	struct free_areas sum = { 0 };
	struct pt_zone_stats stats;

	pt_zone_stats(zone, &stats);
	for (unsigned int order = 0; order <= zone->max_order; order++) {
		uint64_t blocks = 0;

		for (unsigned int list = 0; list < PT_FREETYPE_LISTS; list++)
			blocks += stats.nr_free[order][list];
		sum.blocks += blocks;
		sum.frames += blocks << order;
		if (order >= want)
			sum.suitable += blocks << (order - want);
	}
	return sum;
}

int pt_zone_fragmentation(const struct pt_zone *zone, unsigned int order)
{
	struct free_areas sum = sum_free(zone, order);

	if (order > zone->max_order || !sum.blocks)
		return 0;
	if (sum.suitable)
		return -1000;
	return 1000 - (int)((1000 + (sum.frames * 1000 >> order)) / sum.blocks);
}

int pt_zone_unusable(const struct pt_zone *zone, unsigned int order)
{
	struct free_areas sum = sum_free(zone, order);

	if (!sum.frames)
		return 1000;
	if (order > zone->max_order)
		return 1000;
	return (int)((sum.frames - (sum.suitable << order)) * 1000 / sum.frames);
}

/* Text that may be longer than its buffer. */
struct text {
	char *buf;
	size_t size, len;
};

static __attribute__((format(printf, 2, 3))) void put(struct text *text, const char *format, ...)
{
	size_t left = text->len < text->size ? text->size - text->len : 0;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(left ? text->buf + text->len : NULL, left, format, args);
	va_end(args);
	PTL_BUG_ON(len < 0);
	text->len += (size_t)len;
}

size_t pt_zone_pagetypeinfo(const struct pt_zone *zone, char *buf, size_t size)
{
	struct text text = { buf, size, 0 };
	struct pt_zone_stats stats;

	pt_zone_stats(zone, &stats);
	put(&text, "Page block order: %u\nPages per block:  %u\n\n", stats.pageblock_order,
	    1u << stats.pageblock_order);
	put(&text, "%-44s", "Free pages count per freetype at order");
	for (unsigned int order = 0; order <= stats.max_order; order++)
		put(&text, " %6u", order);
	for (unsigned int list = 0; list < PT_FREETYPE_LISTS; list++) {
		put(&text, "\n%-44s", pt_freetype_name(list));
		for (unsigned int order = 0; order <= stats.max_order; order++)
			put(&text, " %6llu", (unsigned long long)stats.nr_free[order][list]);
	}
	put(&text, "\n\n%-44s %12s\n", "Number of blocks of freetype", "blocks");
	for (unsigned int list = 0; list < PT_FREETYPE_LISTS; list++)
		put(&text, "%-44s %12llu\n", pt_freetype_name(list),
		    (unsigned long long)stats.pageblocks[list]);
	return text.len;
}
