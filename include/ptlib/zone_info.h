/* SPDX-License-Identifier: MIT */
/*
 * ptlib/zone_info.h - what a zone is doing: pages, accounts, statistics, checks.
 */
#ifndef PTLIB_ZONE_INFO_H
#define PTLIB_ZONE_INFO_H

#include <ptlib/freetype.h>
#include <ptlib/types.h>
#include <ptlib/zone.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pt_page_state {
	PT_PAGE_FREE,
	PT_PAGE_CACHED, /* free, in a pt_zone_cache or on its way through a conversion */
	PT_PAGE_HELD,
};

struct pt_page_info {
	enum pt_page_state state;
	pt_pa_t head;               /* first byte of the block that the page is in */
	unsigned int order;         /* of that block */
	pt_freetype_t type;         /* of its pageblock */
	struct pt_account *account; /* who was charged; held pages only */
	uint64_t owner;             /* as given to pt_alloc_pages(); a table page's is its table */
	uint32_t refs;              /* held pages only */
	bool is_table;
	bool stale;                 /* see pt_page_mark_stale() */
};

/**
 * pt_page_info() - What is known of the page at @pa.
 * Context: the block must not be allocated, freed or merged meanwhile.
 * Return: 0, or -ERANGE if it is not a page of @zone.
 */
PT_API PT_MUST_CHECK int pt_page_info(const struct pt_zone *zone, pt_pa_t pa,
				      struct pt_page_info *info);

/**
 * A folio is a held block; any byte of it names it. It starts with one reference,
 * its allocator's, and pt_free_pages() wants it to be the only one.
 *
 * pt_folio_get() takes another. Return: 0; -ENOENT if no held block is there; -ERANGE;
 * -EBUSY for a page table, whose references are its entries. Context: the caller has a
 * reference, or knows that somebody keeps one.
 */
PT_API PT_MUST_CHECK int pt_folio_get(struct pt_zone *zone, pt_pa_t pa);
/** Drops one; the last frees it, as pt_free_pages() with its errors. */
PT_API PT_MUST_CHECK int pt_folio_put(struct pt_zone *zone, struct pt_zone_cache *cache,
				      pt_pa_t pa);
/**
 * pt_folio_split() - Make blocks of @order out of the one at @pa, each a folio of its own, and
 * each marked if that was (pt_page_mark_stale()).
 * Return: 0; -ENOENT or -ERANGE as above; -EINVAL if @pa is not its first byte or @order
 * is not smaller; -EBUSY for a page table or a folio with other references.
 */
PT_API PT_MUST_CHECK int pt_folio_split(struct pt_zone *zone, pt_pa_t pa, unsigned int order);

/**
 * pt_account_create() - Somebody who is charged for pages of @zone.
 * @limit: Frames; UINT64_MAX: none. Allocations beyond it are -ENOMEM.
 * Return: 0; -ENOMEM, also for more than 65,535 accounts.
 */
PT_API PT_MUST_CHECK int pt_account_create(struct pt_account **out, struct pt_zone *zone,
					   uint64_t limit);
/** Return: 0, or -EBUSY while it is charged for anything. Before its zone. NULL is allowed. */
PT_API PT_MUST_CHECK int pt_account_destroy(struct pt_account *account);
PT_API void pt_account_set_limit(struct pt_account *account, uint64_t limit);

struct pt_account_stats {
	uint64_t held, peak, limit; /* frames */
	uint64_t charges;           /* allocations that succeeded */
	uint64_t refused;           /* that the limit refused */
};
/** Exact at any time, each figure by itself. */
PT_API void pt_account_stats(const struct pt_account *account, struct pt_account_stats *stats);

struct pt_zone_stats {
	unsigned int max_order, pageblock_order;
	uint64_t managed;  /* frames; = free + cached + held */
	uint64_t free, cached, held;
	uint64_t nr_free[PT_MAX_ORDER + 1][PT_FREETYPE_LISTS]; /* free blocks */
	/* by type; cut by a hole, its parts */
	uint64_t pageblocks[PT_FREETYPE_LISTS];
	/* Since creation. */
	uint64_t claimed;       /* pageblocks whose migratetype a request changed */
	uint64_t stolen;        /* blocks taken from another migratetype's pageblock */
	uint64_t converted[PT_FREETYPE_LISTS]; /* pageblocks, by the type they became */
	uint64_t conversions;   /* calls of pt_freetype_ops.convert that succeeded */
	uint64_t convert_failed;
	uint64_t lock_takes;    /* of the zone's lock */
};
/**
 * Exact while nobody allocates or frees; otherwise each figure is of about
 * now, and held 0 at least.
 */
PT_API void pt_zone_stats(const struct pt_zone *zone, struct pt_zone_stats *stats);

/**
 * pt_zone_fragmentation() - Why would a request of @order fail?
 * Return: -1000 if it would not; else 0 (no memory) to 1000 (fragmentation), as
 * /sys/kernel/debug/extfrag/extfrag_index has it.
 */
PT_API int pt_zone_fragmentation(const struct pt_zone *zone, unsigned int order);
/** The share of free memory that blocks of @order cannot use, in thousandths (unusable_index). */
PT_API int pt_zone_unusable(const struct pt_zone *zone, unsigned int order);

/**
 * pt_zone_pagetypeinfo() - Write counts by order and freetype, like /proc/pagetypeinfo.
 * Return: the length of the whole text, as snprintf() does.
 */
PT_API size_t pt_zone_pagetypeinfo(const struct pt_zone *zone, char *buf, size_t size);

/** Called once a finding; @what names the broken invariant. Return false to stop. */
typedef bool (*pt_buddy_report_fn)(void *ctx, pt_pa_t pa, const char *what);

/**
 * pt_buddy_verify() - Check every invariant of the allocator, frame by frame.
 * @report: May be NULL.
 *
 * Every frame is in exactly one block, free, cached or held, aligned to its size; no two free
 * buddies that could be one; each free block on the list of its pageblock's freetype and order,
 * and nothing else there; each cached one in one cache, of its order and flags; all counts as
 * counted anew, and accounts charged for what they hold.
 *
 * Context: nobody uses the zone or its caches meanwhile.
 * Return: 0 if nothing was found, -EFAULT if something was.
 */
PT_API PT_MUST_CHECK int pt_buddy_verify(const struct pt_zone *zone, pt_buddy_report_fn report,
					 void *ctx);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_ZONE_INFO_H */
