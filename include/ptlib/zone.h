/* SPDX-License-Identifier: MIT */
/*
 * ptlib/zone.h - the page allocator: a buddy system over ranges of frames.
 *
 * A block is 2^order frames, aligned to its size. Memory is grouped in pageblocks
 * of one freetype each (freetype.h): with 4K frames the largest order is 10 and a
 * pageblock is order 9; with 16K frames both are 11, with 64K frames 13. Pages are
 * taken from the fullest pageblock that has them, so that others stay, or become,
 * whole.
 *
 * What a request finds, in this order: a block of its freetype; one of another
 * migratetype whose pageblock it may claim, largest first; one that it steals, out of
 * the fullest pageblock; then, if it may wait, a whole free pageblock of other flags,
 * which is converted: one without flags first, if it wants a flag; then what other threads
 * were converting when it found nothing, once that is done.
 */
#ifndef PTLIB_ZONE_H
#define PTLIB_ZONE_H

#include <ptlib/freetype.h>
#include <ptlib/ops.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PT_MAX_ORDER 13 /* the largest order of any frame size */

/*
 * Under pressure, requests of any migratetype may convert flagged blocks back,
 * not only unmovable ones.
 */
#define PT_ZONE_CONVERT_BACK_ANY (1u << 0)

struct pt_zone_cfg {
	const struct pt_extent *ranges; /* frames to manage; NULL: all of memory */
	size_t nr_ranges;
	unsigned int flags;         /* PT_ZONE_* */
	unsigned int convert_batch; /* pageblocks to convert at once when one is needed, up to
				       PT_ZONE_MAX_BATCH, and one alone if they cannot be; 0: 1 */
	unsigned int ready_low;     /* when fewer free pageblocks of a flag in use are left, */
	unsigned int ready_high;    /* convert until there are so many; 0 and 0: on demand */
	const struct pt_wait_ops *wait; /* what to do while waiting for another thread's
				       conversion: pt_machine_wait_ops() if threads that
				       allocate run CPUs of a machine that conversions
				       flush; NULL: nothing. Outlives the zone */
};

#define PT_ZONE_MAX_BATCH 64

/**
 * pt_zone_create() - Manage ranges of @phys.
 *
 * Nothing else may use their frames. All is free, movable and without flags at
 * first. Costs nothing per frame until it is touched.
 *
 * Return: 0; -EINVAL for unaligned, empty or overlapping ranges, unknown flags, a
 * batch or a watermark that cannot be, or @cfg->wait without poll; -ERANGE for a range outside
 * @phys; -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_zone_create(struct pt_zone **out, struct pt_phys *phys,
					const struct pt_zone_cfg *cfg);

/**
 * pt_zone_destroy() - Forget a zone. NULL is allowed.
 * Return: 0; -EBUSY, and nothing done, while pages are held, or caches or accounts exist. Flagged
 * free blocks stay as they are in the direct map; see pt_zone_convert().
 */
PT_API PT_MUST_CHECK int pt_zone_destroy(struct pt_zone *zone);

/**
 * pt_zone_set_ops() - How pages of @zone change flags; NULL: they do not.
 * Context: nothing else uses @zone. @ops must outlive it or the next call.
 */
PT_API void pt_zone_set_ops(struct pt_zone *zone, const struct pt_freetype_ops *ops);

/**
 * pt_zone_cache_create() - Make a cache of free pages for one CPU.
 * @cpu: Passed to pt_freetype_ops.zero.
 *
 * Holds blocks of orders 0 to 3 and of pageblock order, fetched and returned in
 * batches. A page may be freed through another cache than it came from.
 *
 * Context: a cache is used by one thread at a time, as a CPU would be. Creating and
 * destroying: any thread.
 * Return: 0 or -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_zone_cache_create(struct pt_zone_cache **out, struct pt_zone *zone,
					      unsigned int cpu);
/** Gives all it holds back to the zone. */
PT_API void pt_zone_cache_drain(struct pt_zone_cache *cache);
/** Drains and frees it. NULL is allowed. */
PT_API void pt_zone_cache_destroy(struct pt_zone_cache *cache);

/* The caller may not wait: nothing is converted for it, nor waited for. */
#define PT_ALLOC_NOBLOCK (1u << 0)
/* Hand it out zeroed. Pages that are absent need a cache, which says on which CPU. */
#define PT_ALLOC_ZERO (1u << 1)
/* Rather fail than mix migratetypes in a pageblock; what a cache has may be mixed already. */
#define PT_ALLOC_NOFRAGMENT (1u << 2)

struct pt_alloc {
	unsigned int order;         /* 2^order frames */
	pt_freetype_t type;         /* exactly these flags; the migratetype may fall back */
	unsigned int flags;         /* PT_ALLOC_* */
	struct pt_account *account; /* charged until the pages are freed; NULL: nobody */
	uint64_t owner;             /* whose pages these are: anything, for pt_page_info() */
};

/**
 * pt_alloc_pages() - Hand out one block.
 * @cache: Of this zone, or NULL. Another zone's is -EINVAL, but for blocks that it has, or has
 *         room for: there builds with assertions abort, and others do not look.
 * @pa:    Receives its first byte.
 *
 * Context: any thread, each with its own @cache. No lock is held when ops are called, nor while
 * waiting for a conversion; who is called in the middle of one does not wait for others of that
 * zone, nor for such of another zone in whose middle somebody waits. Without
 * PT_ALLOC_NOBLOCK the caller holds nothing that another thread's conversion may need: no lock of
 * a table (PT_WALK_LOCKED), no read-side section.
 * Return: 0; -EINVAL for an order or flag that does not exist, or an account of
 * another zone; -EOPNOTSUPP for a
 * freetype that no page can have, or whose flags need pt_freetype_ops that @zone does
 * not have or whose convert says so, or zeroing of absent pages without a cache; -ENOMEM,
 * also for other failures of convert, or if the account's limit is reached; what
 * pt_freetype_ops.zero returned. Nothing is lost on failure.
 */
PT_API PT_MUST_CHECK int pt_alloc_pages(struct pt_zone *zone, struct pt_zone_cache *cache,
					const struct pt_alloc *how, pt_pa_t *pa);

/**
 * pt_free_pages() - Take a block back.
 * @cache: As pt_alloc_pages() has it.
 * @order: As it was allocated.
 *
 * Return: 0; -ERANGE for frames that are not @zone's; -EINVAL for a wrong order, an
 * unaligned address, or a part of a block; -ENOENT for what is free already; -EBUSY for
 * a page table in use or a folio with other references. Nothing changes on failure.
 */
PT_API PT_MUST_CHECK int pt_free_pages(struct pt_zone *zone, struct pt_zone_cache *cache,
				       pt_pa_t pa, unsigned int order);

/**
 * pt_free_pages_raw() - As pt_free_pages(), for callers that may not flush.
 * Return: also -EBUSY for pages that pt_page_mark_stale() marked.
 */
PT_API PT_MUST_CHECK int pt_free_pages_raw(struct pt_zone *zone, struct pt_zone_cache *cache,
					   pt_pa_t pa, unsigned int order);

/**
 * pt_zone_convert() - Convert free pageblocks ahead of time, or back.
 * @from, @to: Freetypes that exist and differ in flags.
 * @max:       Pageblocks, at most.
 * @nr:        Receives how many were converted, also on failure; may be NULL.
 *
 * Only whole free pageblocks can be; drain caches first to find more.
 *
 * Context: may wait.
 * Return: 0, also if there were fewer; -EINVAL; -EOPNOTSUPP without ops; what
 * pt_freetype_ops.convert returned.
 */
PT_API PT_MUST_CHECK int pt_zone_convert(struct pt_zone *zone, pt_freetype_t from,
					 pt_freetype_t to, size_t max, size_t *nr);

/**
 * pt_zone_balance() - Bring ready pageblocks of each flag in use between the watermarks.
 * For a background thread: converts up to ready_high below ready_low, and back above
 * ready_high. Without watermarks it does nothing.
 * Return: as pt_zone_convert().
 */
PT_API PT_MUST_CHECK int pt_zone_balance(struct pt_zone *zone);

/**
 * Says that a mapping of this held page elsewhere may be cached after it
 * is gone; and that none is.
 */
PT_API void pt_page_mark_stale(struct pt_zone *zone, pt_pa_t pa);
PT_API void pt_page_clear_stale(struct pt_zone *zone, pt_pa_t pa);

/* A table source that draws on a zone; the caller's storage. Any thread. */
struct pt_zone_source {
	struct pt_zone *zone;
	pt_freetype_t type;
	unsigned int flags;         /* PT_ALLOC_* */
	struct pt_account *account; /* charged for the tables; NULL: nobody */
};

/** The pt_table_ops of @source, which must outlive their use. */
PT_API struct pt_table_ops pt_zone_table_ops(struct pt_zone_source *source);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_ZONE_H */
