/* SPDX-License-Identifier: MIT */
/*
 * zone_internal.h - a zone: spans of frames, pageblocks, and where to look for free ones.
 *
 * Free blocks smaller than a pageblock are kept by their pageblock, as bits of its map;
 * pageblocks with free pages stand in bins, by freetype, by how full they are and by the
 * largest block they have. So a pageblock that changes its freetype takes its pages along
 * in one move, and the fullest pageblock that can serve a request is found by two bit
 * scans. Free blocks of a pageblock and more are on lists of their own.
 *
 * Descriptors know of held and cached blocks alone. They are written by who has the block,
 * without the lock: under it only pageblocks, their maps and the zone are touched, which are
 * few cache lines, where the descriptors of pages freed at random are one each.
 */
#ifndef PTL_ZONE_INTERNAL_H
#define PTL_ZONE_INTERNAL_H

#include <stdatomic.h>

#include <ptlib/zone.h>
#include <ptlib/zone_info.h>

#include "base/bits.h"
#include "base/lock.h"
#include "buddy/freetype_internal.h"
#include "phys/frame.h"

#define PTL_FULLNESS 16          /* classes of pageblocks by their free frames; 0: fullest */
#define PTL_NO_PAGEBLOCK UINT32_MAX

/* Everything but freetype, which is read without, is guarded by the zone's lock. */
struct ptl_pageblock {
	uint32_t next, prev;        /* pageblocks in the same bin or list */
	struct pt_frame *frames;    /* descriptor of its first frame; NULL: never used */
	pt_pa_t pa;                 /* its first byte; the block may lack it, see @low */
	uint16_t nr[PT_MAX_ORDER];  /* free blocks of each order, in its map */
	uint16_t orders;            /* which orders have any */
	uint16_t nr_free;           /* frames of them all */
	uint16_t low, high;         /* the frames it has: [low, high) of a pageblock's */
	uint16_t nr_movable;        /* frames handed out as movable memory */
	_Atomic uint8_t list;       /* pt_freetype_idx() of what it is */
	uint8_t order;              /* free as a whole, on zone->whole: the order; else 0 */
	uint8_t fullness, largest;  /* its bin, where nr_free and not @order */
};

_Static_assert(sizeof(struct ptl_pageblock) == 64, "a pageblock is one cache line");

/* Pageblocks of one freetype that have free frames, but are not free as a whole. */
struct ptl_bins {
	uint16_t fullness;              /* which classes have any */
	uint16_t largest[PTL_FULLNESS]; /* which bins of a class have any */
	uint32_t head[PTL_FULLNESS][PT_MAX_ORDER];
};

/* A run of frames in one region. */
struct ptl_span {
	pt_pa_t pa;
	uint64_t len;
	struct pt_frame *frames;   /* descriptor of @pa's frame */
	uint8_t *host;
	uint32_t first_pageblock;  /* index of the one that @pa is in */
	uint32_t skip;             /* add it to pa >> pageblock_lg2 for an index */
	uint32_t nr_pageblocks;
	uint32_t fresh;            /* pageblocks from here on were never used; zone lock */
};

/* The first span as pt_free_pages() asks it: one cache line with what else that needs. */
struct ptl_quick {
	pt_pa_t pa;
	uint64_t nr; /* frames; none where every page has to be gone about thoroughly */
	struct pt_frame *frames;
	uint32_t skip;
};

struct pt_zone {
	_Alignas(64) struct ptl_quick quick;
	struct ptl_pageblock *pageblocks; /* of all spans; sparse */
	unsigned int frame_lg2, pageblock_lg2; /* bytes */
	unsigned int pageblock_order, max_order;
	uint64_t *maps; /* of all pageblocks: see pageblock.h; sparse */
	struct pt_phys *phys;
	const struct pt_freetype_ops *ops;
	const struct pt_wait_ops *wait;
	struct ptl_span *spans; /* ascending, disjoint */
	size_t nr_spans;
	uint32_t nr_pageblocks;
	unsigned int flags, convert_batch, ready_low, ready_high;
	bool poisons; /* somebody wants to know which frames nobody owns */
	uint64_t managed; /* frames */
	struct pt_account **accounts; /* by id; [0] is nobody */

	_Alignas(64) _Atomic uint32_t lock; /* guards all below, the pageblocks and their maps */
	/* Apart from the lock: who waits for that does not take these from its holder. */
	_Alignas(64) unsigned int used_flags; /* flags that any pageblock ever had */
	uint16_t accounts_full;             /* ids up to here are all taken */
	uint16_t accounts_end;              /* none above was ever given */
	struct pt_zone_cache *caches;
	unsigned int nr_accounts;
	uint64_t nr_free_frames, nr_transit; /* nr_transit: on their way through a conversion */
	struct ptl_transit *transits;        /* conversions under way, convert.c */
	uint64_t departures;                 /* conversions that began */
	struct ptl_bins bins[PT_FREETYPE_LISTS];
	uint32_t whole[2][PT_FREETYPE_LISTS]; /* free blocks of pageblock_order + i */
	/* nr_free, pageblocks and what is counted since creation */
	struct pt_zone_stats stats;
	_Atomic uint32_t drain_wanted;        /* +1 whenever a request failed; no lock */
	_Atomic uint32_t arrivals;            /* +1 whenever a conversion ended */
};

static inline void ptl_zone_lock(struct pt_zone *zone)
{
	ptl_bit_lock(&zone->lock);
	zone->stats.lock_takes++;
}

static inline void ptl_zone_unlock(struct pt_zone *zone)
{
	ptl_bit_unlock(&zone->lock, 0);
}

const struct ptl_span *ptl_span_search(const struct pt_zone *zone, pt_pa_t pa);

/* The span that holds @pa, or NULL. Most zones have one. */
static inline const struct ptl_span *ptl_span_of(const struct pt_zone *zone, pt_pa_t pa)
{
	const struct ptl_span *span = zone->spans;

	if (__builtin_expect(pa - span->pa < span->len, 1))
		return span;
	return ptl_span_search(zone, pa);
}

static inline struct pt_frame *ptl_span_frame(const struct pt_zone *zone,
					      const struct ptl_span *span, pt_pa_t pa)
{
	return &span->frames[(pa - span->pa) >> zone->frame_lg2];
}

static inline struct ptl_pageblock *ptl_pageblock_at(const struct pt_zone *zone,
						     const struct ptl_span *span, pt_pa_t pa)
{
	return &zone->pageblocks[(uint32_t)(pa >> zone->pageblock_lg2) + span->skip];
}

/* Relaxed: who holds a page, or the lock, keeps its pageblock's freetype meaningful. */
static inline unsigned int ptl_pageblock_list(const struct ptl_pageblock *pageblock)
{
	return atomic_load_explicit(&pageblock->list, memory_order_relaxed);
}

/*
 * pt_frame.use of a block that is somebody's or a cache's and nothing else is to be known
 * of: one reference, no table, nobody charged. By shifts: put together in memory, it
 * could not be loaded before its parts have left the store buffer.
 */
static inline uint64_t ptl_plain_use(unsigned int block)
{
	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ &&
			       offsetof(struct pt_frame, refs) == offsetof(struct pt_frame, use) &&
			       offsetof(struct pt_frame, block) ==
				       offsetof(struct pt_frame, use) + 5,
		       "where the parts of pt_frame.use stand");
	return (uint64_t)block << 40 | 1;
}

/* Relaxed: a block is its holder's or its cache's; a free one has none. */
static inline unsigned int ptl_block_load(const struct pt_frame *frame)
{
	return atomic_load_explicit(&frame->block, memory_order_relaxed);
}

static inline void ptl_block_store(struct pt_frame *frame, unsigned int block)
{
	atomic_store_explicit(&frame->block, (uint8_t)block, memory_order_relaxed);
}

/* The same; walks look at all of pt_frame.use in one go while it changes. */
static inline unsigned int ptl_account_load(const struct pt_frame *frame)
{
	return atomic_load_explicit(&frame->account, memory_order_relaxed);
}

static inline void ptl_account_store(struct pt_frame *frame, unsigned int account)
{
	atomic_store_explicit(&frame->account, (uint16_t)account, memory_order_relaxed);
}

struct ptl_request {
	unsigned int order;
	unsigned int list; /* pt_freetype_idx() */
	bool nofragment;
};

/* Where the blocks of a request go: room for @max of them, of which @nr have come. */
struct ptl_batch {
	pt_pa_t *pa;
	unsigned int max, nr;
};

/* rmqueue.c: what there is, under the lock. Who gets blocks marks them, without it. */
void ptl_rmqueue(struct pt_zone *zone, const struct ptl_request *want, struct ptl_batch *batch);
/* As PTL_BLOCK_CACHED, allocated for @list. */
void ptl_mark_cached(const struct pt_zone *zone, const pt_pa_t *pa, unsigned int nr,
		     unsigned int order, unsigned int list);
/*
 * Blocks of @order, a pageblock's or more: a larger one whole if all of it is wanted. How many.
 * Under the lock; they are marked.
 */
unsigned int ptl_take_whole(struct pt_zone *zone, unsigned int list, unsigned int order,
			    unsigned int nr, pt_pa_t *pa);
void ptl_set_type(struct pt_zone *zone, struct ptl_pageblock *p, unsigned int order,
		  unsigned int list);

#define PTL_MAX_GIVEN 64 /* blocks at once */

/* give.c: cached blocks of one order become free; under the lock, or taking it. */
void ptl_give_back(struct pt_zone *zone, const pt_pa_t *pa, unsigned int nr);
void ptl_lock_and_give_back(struct pt_zone *zone, const pt_pa_t *pa, unsigned int nr);

/*
 * convert.c: without the lock. Positive: at least one block is in the
 * batch, as of ptl_rmqueue().
 */
int ptl_convert_for(struct pt_zone *zone, const struct ptl_request *want, struct ptl_batch *batch);
int ptl_keep_ready(struct pt_zone *zone, unsigned int list);

/* How long a request that finds nothing waits for other threads' conversions; 0 at first. */
struct ptl_patience {
	bool began, ended;
	bool failed; /* its own conversion, and it has not waited since: it converts no more */
	uint64_t until; /* it waits for those that had begun when it began to, and no others */
};

/*
 * Until one has ended; not at all, once, if none is to be waited for. False: it was told so before,
 * and there is no point in trying again.
 */
bool ptl_wait_for_others(struct pt_zone *zone, struct ptl_patience *patience, bool failed);

/* cache.c */
uint64_t ptl_cached_frames(const struct pt_zone *zone);

/* folio.c: the held or cached block that @pa is in; NULL where none is. */
struct pt_frame *ptl_block_of(const struct pt_zone *zone, const struct ptl_span *span, pt_pa_t pa,
			      pt_pa_t *head);

/* account.c: *@held is what the charge makes, a peak only if the allocation succeeds. */
bool ptl_account_charge(struct pt_account *account, unsigned int order, uint64_t *held);
void ptl_account_uncharge(struct pt_account *account, unsigned int order);
void ptl_account_count(struct pt_account *account, uint64_t held);
/*
 * Checks: what a held block adds is counted anew; agrees: it is as charged,
 * and the next count begins.
 */
void ptl_account_tally(struct pt_account *account, unsigned int order);
bool ptl_account_agrees(struct pt_account *account);
uint16_t ptl_account_id(const struct pt_account *account);
bool ptl_account_is_of(const struct pt_account *account, const struct pt_zone *zone);

#endif /* PTL_ZONE_INTERNAL_H */
