/* SPDX-License-Identifier: MIT */
/* The life of a zone: which frames it has. */
#define _DEFAULT_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/poison.h"
#include "buddy/fresh.h"
#include "phys/phys_internal.h"

#define NR_ACCOUNTS 65536 /* ids are 16 bits; 0 is nobody */

const struct ptl_span *ptl_span_search(const struct pt_zone *zone, pt_pa_t pa)
{
	size_t low = 0, high = zone->nr_spans;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct ptl_span *span = &zone->spans[mid];

		if (pa - span->pa < span->len)
			return span;
		if (span->pa > pa)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static void set_orders(struct pt_zone *zone)
{
	static const uint8_t orders[][2] = {
		[12] = { 9, 10 }, [14] = { 11, 11 }, [16] = { 13, 13 }
	};

	zone->frame_lg2 = pt_phys_frame_lg2(zone->phys);
	zone->pageblock_order = orders[zone->frame_lg2][0];
	zone->max_order = orders[zone->frame_lg2][1];
	zone->pageblock_lg2 = zone->pageblock_order + zone->frame_lg2;
	zone->stats.pageblock_order = zone->pageblock_order;
	zone->stats.max_order = zone->max_order;
}

static int add_span(struct pt_zone *zone, const struct ptl_region *region, pt_pa_t pa, uint64_t len)
{
	struct ptl_span *spans = realloc(zone->spans, (zone->nr_spans + 1) * sizeof(*spans));
	uint64_t skipped = pa - region->pa;

	if (!spans)
		return -ENOMEM;
	zone->spans = spans;
	spans[zone->nr_spans++] = (struct ptl_span){
		.pa = pa,
		.len = len,
		.frames = region->frames + (skipped >> zone->frame_lg2),
		.host = region->host + skipped,
	};
	return 0;
}

/* A range may go through several regions that are neighbours. */
static int add_range(struct pt_zone *zone, pt_pa_t pa, uint64_t len)
{
	if (!len || !ptl_aligned(pa | len, zone->frame_lg2))
		return -EINVAL;
	while (len) {
		const struct ptl_region *region = ptl_phys_find(zone->phys, pa);
		uint64_t here;
		int err;

		if (!region)
			return -ERANGE;
		here = ptl_min(len, region->len - (pa - region->pa));
		err = add_span(zone, region, pa, here);
		if (err)
			return err;
		pa += here;
		len -= here;
	}
	return 0;
}

static int add_all_memory(struct pt_zone *zone)
{
	for (size_t i = 0; i < zone->phys->nr; i++) {
		const struct ptl_region *region = &zone->phys->regions[i];
		int err = add_span(zone, region, region->pa, region->len);

		if (err)
			return err;
	}
	return 0;
}

static int compare_spans(const void *a, const void *b)
{
	const struct ptl_span *x = a, *y = b;

	return (x->pa > y->pa) - (x->pa < y->pa);
}

/* Sorts the spans, and joins those that are one run of a region's frames. */
static int sort_spans(struct pt_zone *zone)
{
	struct ptl_span *spans = zone->spans, *last = spans;

	qsort(spans, zone->nr_spans, sizeof(*spans), compare_spans);
	for (size_t i = 1; i < zone->nr_spans; i++) {
		const struct ptl_span *next = &spans[i];

		if (next->pa - last->pa < last->len)
			return -EINVAL;
		if (next->pa - last->pa == last->len &&
		    ptl_phys_find(zone->phys, next->pa) == ptl_phys_find(zone->phys, last->pa))
			last->len += next->len;
		else
			*++last = *next;
	}
	zone->nr_spans = (size_t)(last - spans) + 1;
	return 0;
}

static int number_pageblocks(struct pt_zone *zone)
{
	unsigned int lg2 = zone->pageblock_lg2;
	uint64_t nr = 0;

	for (size_t i = 0; i < zone->nr_spans; i++) {
		struct ptl_span *span = &zone->spans[i];

		span->nr_pageblocks =
			(uint32_t)(((span->pa + span->len - 1) >> lg2) - (span->pa >> lg2) + 1);
		span->first_pageblock = (uint32_t)nr;
		span->skip = (uint32_t)(nr - (span->pa >> lg2));
		nr += span->nr_pageblocks + 1; /* and one that does not exist: see give.c */
		if (nr >= PTL_NO_PAGEBLOCK)
			return -ENOMEM;
		ptl_count_fresh(zone, span);
	}
	zone->nr_pageblocks = (uint32_t)nr;
	return 0;
}

static size_t maps_len(const struct pt_zone *zone)
{
	return (size_t)zone->nr_pageblocks << zone->pageblock_order >> 2; /* two bits a frame */
}

/* Zeroed host memory that costs nothing before it is touched. */
static void *map_sparse(size_t len)
{
	void *host = mmap(NULL, len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return host == MAP_FAILED ? NULL : host;
}

static void free_zone(struct pt_zone *zone)
{
	if (zone->pageblocks)
		munmap(zone->pageblocks, zone->nr_pageblocks * sizeof(*zone->pageblocks));
	if (zone->maps)
		munmap(zone->maps, maps_len(zone));
	if (zone->accounts)
		munmap(zone->accounts, NR_ACCOUNTS * sizeof(*zone->accounts));
	free(zone->spans);
	free(zone);
}

static int fill_zone(struct pt_zone *zone, const struct pt_zone_cfg *cfg)
{
	int err = cfg->ranges ? 0 : add_all_memory(zone);

	for (size_t i = 0; cfg->ranges && i < cfg->nr_ranges && !err; i++)
		err = add_range(zone, cfg->ranges[i].pa, cfg->ranges[i].len);
	if (!err)
		err = sort_spans(zone);
	if (!err)
		err = number_pageblocks(zone);
	if (err)
		return err;
	zone->pageblocks = map_sparse(zone->nr_pageblocks * sizeof(*zone->pageblocks));
	zone->maps = map_sparse(maps_len(zone));
	zone->quick = (struct ptl_quick){
		.pa = zone->spans->pa,
		.nr = zone->poisons ? 0 : zone->spans->len >> zone->frame_lg2,
		.frames = zone->spans->frames,
		.skip = zone->spans->skip,
	};
	zone->accounts = map_sparse(NR_ACCOUNTS * sizeof(*zone->accounts));
	return zone->pageblocks && zone->maps && zone->accounts ? 0 : -ENOMEM;
}

static void clear_lists(struct pt_zone *zone)
{
	for (size_t i = 0; i < PT_FREETYPE_LISTS; i++) {
		for (size_t class = 0; class < PTL_FULLNESS; class++)
			for (size_t order = 0; order < PT_MAX_ORDER; order++)
				zone->bins[i].head[class][order] = PTL_NO_PAGEBLOCK;
		zone->whole[0][i] = PTL_NO_PAGEBLOCK;
		zone->whole[1][i] = PTL_NO_PAGEBLOCK;
	}
}

static bool cfg_is_valid(const struct pt_zone_cfg *cfg)
{
	return !(cfg->flags & ~PT_ZONE_CONVERT_BACK_ANY) &&
	       cfg->convert_batch <= PT_ZONE_MAX_BATCH && cfg->ready_low <= cfg->ready_high &&
	       (!cfg->ranges || cfg->nr_ranges) && (!cfg->wait || cfg->wait->poll);
}

int pt_zone_create(struct pt_zone **out, struct pt_phys *phys, const struct pt_zone_cfg *cfg)
{
	static const struct pt_zone_cfg usual;
	struct pt_zone *zone;
	int err;

	cfg = cfg ? cfg : &usual;
	if (!cfg_is_valid(cfg))
		return -EINVAL;
	zone = aligned_alloc(_Alignof(struct pt_zone), sizeof(*zone));
	if (!zone)
		return -ENOMEM;
	memset(zone, 0, sizeof(*zone));
	zone->phys = phys;
	zone->poisons = ptl_poison_is_heard();
	zone->flags = cfg->flags;
	zone->wait = cfg->wait;
	zone->convert_batch = cfg->convert_batch ? cfg->convert_batch : 1;
	zone->ready_low = cfg->ready_low;
	zone->ready_high = cfg->ready_high;
	set_orders(zone);
	clear_lists(zone);
	err = fill_zone(zone, cfg);
	if (err) {
		free_zone(zone);
		return err;
	}
	if (zone->poisons)
		ptl_phys_poisoner(phys, true);
	*out = zone;
	return 0;
}

/* Bytes of @span that were used. */
static uint64_t used_bytes(const struct pt_zone *zone, const struct ptl_span *span)
{
	pt_pa_t end = ((span->pa >> zone->pageblock_lg2) + span->fresh) << zone->pageblock_lg2;

	return span->fresh ? ptl_min(end - span->pa, span->len) : 0;
}

int pt_zone_destroy(struct pt_zone *zone)
{
	if (!zone)
		return 0;
	if (zone->nr_free_frames != zone->managed || zone->caches || zone->nr_accounts)
		return -EBUSY;
	/* All is free: descriptors say nothing that another allocator would mind. */
	for (size_t i = 0; i < zone->nr_spans; i++)
		ptl_unpoison(zone->spans[i].host, used_bytes(zone, &zone->spans[i]));
	if (zone->poisons)
		ptl_phys_poisoner(zone->phys, false);
	free_zone(zone);
	return 0;
}

void pt_zone_set_ops(struct pt_zone *zone, const struct pt_freetype_ops *ops)
{
	zone->ops = ops;
}
