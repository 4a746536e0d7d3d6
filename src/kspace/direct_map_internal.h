/* SPDX-License-Identifier: MIT */
/* direct_map_internal.h - struct pt_direct_map, and what its files have of each other. */
#ifndef PTL_KSPACE_DIRECT_MAP_INTERNAL_H
#define PTL_KSPACE_DIRECT_MAP_INTERNAL_H

#include <ptlib/direct_map.h>
#include <ptlib/gather.h>
#include <ptlib/map.h>
#include <ptlib/pagetable.h>
#include <ptlib/phys.h>
#include <ptlib/query.h>
#include <ptlib/reserve.h>
#include <ptlib/zone.h>

#include <threads.h>

#include "base/bits.h"
#include "base/bug.h"
#include "base/lock.h"

/* With keys: pages of the reserve, and those that only filling it may draw. */
#define PTL_DM_RESERVE 4
#define PTL_DM_RESERVE_OWN 2

/* A thread that fills the reserve; on its stack. */
struct ptl_dm_refill {
	thrd_t who;
	struct ptl_dm_refill *next;
};

struct pt_direct_map {
	/* constant after create */
	struct pt_phys *phys;
	struct pt_pgtable *pt; /* without pt_flush_ops: what is flushed, and when, is decided
				  here */
	struct pt_format_info info;
	pt_va_t base;
	pt_attr_t attr;
	unsigned int key, flags;
	unsigned int top_leaf;   /* level of the largest leaves; 0: pages alone */
	struct pt_change map_change; /* how pages are mapped */
	bool flush_splits, flush_unkey;
	const struct pt_flush_ops *flush;
	struct pt_freetype_ops freetype_ops;
	struct pt_mermap *mermap;

	struct pt_reserve *reserve; /* every table comes from here */
	struct pt_table_ops source; /* what fills it */

	/* protected tables, direct_map_tables.c */
	struct pt_zone_source plain, keyed;
	struct pt_table_ops boot_source, keyed_source; /* whole pageblocks; pages */
	bool booting;               /* create() is not done: plain pageblocks become ours */
	_Atomic uint32_t boot_lock; /* guards what follows, once that is done */
	pt_pa_t *boot_blocks;       /* pageblocks that are ours */
	size_t nr_boot_blocks;
	uint64_t boot_list;         /* their pages that are in no use, linked by frame */
	size_t nr_boot;

	_Atomic uint32_t lock;          /* guards changes of the table, and what follows */
	size_t splitting;               /* threads about to change pages, which flush splits */
	size_t joining;                 /* joins whose tables are not flushed yet */
	struct ptl_dm_refill *refilling;
	struct pt_direct_map_stats stats;
};

/* What pages shall be. */
enum ptl_dm_target {
	PTL_DM_ABSENT,
	PTL_DM_PRESENT, /* present, and as they are if they were */
	PTL_DM_PLAIN,   /* present, as made at first */
	PTL_DM_KEYED,
};

static inline void ptl_dm_lock(struct pt_direct_map *dm)
{
	ptl_bit_lock(&dm->lock);
}

static inline void ptl_dm_unlock(struct pt_direct_map *dm)
{
	ptl_bit_unlock(&dm->lock, 0);
}

static inline uint64_t ptl_dm_granule(const struct pt_direct_map *dm)
{
	return PTL_BIT(dm->info.granule_lg2);
}

/* log2 bytes of a pageblock: what an entry of level 1 covers. */
static inline unsigned int ptl_dm_block_lg2(const struct pt_direct_map *dm)
{
	return dm->info.leaf_lg2[1];
}

static inline pt_va_t ptl_dm_va(const struct pt_direct_map *dm, pt_pa_t pa)
{
	return dm->base + pa;
}

/* direct_map_tables.c: the reserve, and where it is filled from. */
int ptl_dm_tables_init(struct pt_direct_map *dm, const struct pt_direct_map_cfg *cfg);
void ptl_dm_tables_exit(struct pt_direct_map *dm);
/* Until @nr pages are in the reserve. No lock held; never twice on one thread. */
int ptl_dm_refill(struct pt_direct_map *dm, size_t nr);
/* What is in the reserve beyond what stays there goes back. No lock held. */
void ptl_dm_trim(struct pt_direct_map *dm);
/* Whether this thread is in ptl_dm_refill(). */
bool ptl_dm_refilling(struct pt_direct_map *dm);
/* Everything is mapped: the first tables become KEYED too. */
int ptl_dm_boot_finish(struct pt_direct_map *dm);
bool ptl_dm_is_boot(struct pt_direct_map *dm, pt_pa_t pa);
/* Pages of the first pageblocks that are in no use. */
size_t ptl_dm_nr_boot(struct pt_direct_map *dm);

/* direct_map_split.c. Under the lock: tables that changing these pages to @target needs. */
size_t ptl_dm_cost(struct pt_direct_map *dm, const struct pt_extent *extent, size_t nr,
		   enum ptl_dm_target target);
/*
 * Under the lock, with that many tables in the reserve: no leaf that changes crosses their ends.
 * Splits made.
 */
size_t ptl_dm_split(struct pt_direct_map *dm, const struct pt_extent *extent, size_t nr,
		    enum ptl_dm_target target);

/* direct_map_join.c: leaves around @extent that can be larger are. No lock held. */
void ptl_dm_join(struct pt_direct_map *dm, const struct pt_extent *extent);

/*
 * direct_map_change.c: all or nothing. @flush: what has to be is flushed; else only what splits
 * need. No lock held.
 */
int ptl_dm_change(struct pt_direct_map *dm, const struct pt_extent *extent, size_t nr,
		  enum ptl_dm_target target, bool flush);
/* @tables: paging-structure caches too. No lock held. */
void ptl_dm_flush(const struct pt_direct_map *dm, pt_va_t first, pt_va_t last,
		  unsigned int stride_lg2, bool tables);
int ptl_dm_convert(void *ctx, const struct pt_extent *extent, size_t nr, unsigned int from,
		   unsigned int to);

#endif /* PTL_KSPACE_DIRECT_MAP_INTERNAL_H */
