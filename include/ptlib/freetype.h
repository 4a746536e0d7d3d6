/* SPDX-License-Identifier: MIT */
/*
 * ptlib/freetype.h - what kind of memory a free page is.
 *
 * A freetype is a migratetype, which says how easily pages can be moved out of
 * the way, and flags, which are independent of that: properties that all pages of
 * a pageblock share and that cost something to change. Free pages are found by
 * their freetype; merging and fallback may change a block's migratetype, and never
 * its flags: those change by conversion of whole pageblocks, see zone.h.
 *
 * Source: "mm: Add __GFP_UNMAPPED" (linux-mm, 2026), which introduces freetypes.
 */
#ifndef PTLIB_FREETYPE_H
#define PTLIB_FREETYPE_H

#include <ptlib/error.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pt_migratetype {
	PT_MIGRATE_UNMOVABLE,
	PT_MIGRATE_MOVABLE,
	PT_MIGRATE_RECLAIMABLE,
	PT_MIGRATE_NR,
};

#define PT_FREETYPE_UNMAPPED (1u << 0) /* absent from the direct map; unmovable only */
#define PT_FREETYPE_KEYED (1u << 1)    /* mapped with a protection key; unmovable only */

/* A value; compare with pt_freetypes_equal(). */
typedef struct {
	uint8_t migratetype; /* enum pt_migratetype */
	uint8_t flags;       /* PT_FREETYPE_* */
} pt_freetype_t;

/* Free lists an order has: one for each freetype that exists. */
#define PT_FREETYPE_LISTS 5

/** The freetype of these two. */
static inline pt_freetype_t pt_freetype(enum pt_migratetype migratetype, unsigned int flags)
{
	pt_freetype_t type = { (uint8_t)migratetype, (uint8_t)flags };

	return type;
}

/** Whether both are the same, flags included. */
static inline bool pt_freetypes_equal(pt_freetype_t a, pt_freetype_t b)
{
	return a.migratetype == b.migratetype && a.flags == b.flags;
}

/** The same flags with another migratetype. */
static inline pt_freetype_t pt_freetype_with_migrate(pt_freetype_t type,
						     enum pt_migratetype migratetype)
{
	return pt_freetype(migratetype, type.flags);
}

/**
 * pt_freetype_idx() - The list of @type: 0 to PT_FREETYPE_LISTS - 1, dense.
 * Return: the index, or -1 for a combination that no page can have.
 */
PT_API int pt_freetype_idx(pt_freetype_t type);

/** The freetype of list @idx < PT_FREETYPE_LISTS: the inverse of pt_freetype_idx(). */
PT_API pt_freetype_t pt_freetype_from_idx(unsigned int idx);

/** Returns a static name of list @idx: "Unmovable", "Unmovable/unmapped", ... */
PT_API const char *pt_freetype_name(unsigned int idx);

/* A run of physical memory. */
struct pt_extent {
	pt_pa_t pa;
	uint64_t len; /* bytes */
};

/**
 * struct pt_freetype_ops - How pages change flags, and how absent ones are written.
 *
 * @convert: The pages of all @nr extents, whole pageblocks that were @from (flags),
 *           become @to. Returns 0 when all tables are changed and, if anything became
 *           absent or less permissive, flushed: one flush may serve all extents. Any
 *           negative code: nothing has changed; -EOPNOTSUPP if pages never can be @to, as
 *           KEYED where there is no key. The pages are on no list meanwhile and
 *           no lock of the zone is held, so it may wait, but not for a thread that waits
 *           for pages of this zone or another; to take flag UNMAPPED it may allocate from the same
 *           zone, without flags and without a cache, which may be the waiting request's; to
 *           take KEYED it may not.
 * @zero:    Write zeroes to the pages of an extent that its flags @flags make absent,
 *           on behalf of CPU @cpu. Returns 0 or a negative code: the allocation fails,
 *           and the pages are freed, by way of @settle if that marked any.
 * @settle:  Some of these pages were marked by pt_page_mark_stale(): their mapping
 *           elsewhere may still be cached. Flush it, and unmark them. Called before
 *           they are freed. May be NULL if nobody marks pages.
 */
struct pt_freetype_ops {
	int (*convert)(void *ctx, const struct pt_extent *extent, size_t nr, unsigned int from,
		       unsigned int to);
	int (*zero)(void *ctx, unsigned int cpu, const struct pt_extent *extent,
		    unsigned int flags);
	void (*settle)(void *ctx, const struct pt_extent *extent);
	void *ctx;
};

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_FREETYPE_H */
