/* SPDX-License-Identifier: MIT */
/*
 * ptlib/mermap.h - ephemeral mappings: pages that are absent from the direct map, mapped
 * for a moment where one CPU alone looks.
 *
 *	region of one CPU
 *	+-----------------------------------------------+----------+
 *	| handed out in ascending order, then a wrap     | reserved |
 *	+-----------------------------------------------+----------+
 *	  ^ free again only after the wrap ... next ^
 *
 * All tables are made ahead: getting a mapping allocates nothing. Putting it back leaves a
 * word that is not present and not empty, and flushes nothing: the CPU may keep the
 * translation until its region is used up and begins again, with one flush: on x86_64 of
 * that CPU alone, for no other uses the region; on arm64 one range, broadcast, since
 * entries there are broken before they are made anew. Pages of a zone that were mapped stay
 * marked until then: see pt_page_mark_stale(), and pt_mermap_settle() for freeing them.
 *
 * Source: "mm: introduce the mermap" (linux-mm, 2026): mermap_get(), at most 4 live, one
 * reserved page. Unlike there, a request is checked against the room without the reserved
 * page, and by subtraction; a failure leaves nothing behind; all CPUs are torn down.
 */
#ifndef PTLIB_MERMAP_H
#define PTLIB_MERMAP_H

#include <ptlib/attr.h>
#include <ptlib/error.h>
#include <ptlib/freetype.h>
#include <ptlib/ops.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PT_MERMAP_LIVE 4     /* mappings of a CPU at once, the reserved one not counted */
#define PT_MERMAP_PAGES 512  /* of a region, the reserved page included, if nobody says */

struct pt_mermap;
struct pt_mermap_alloc; /* one mapping; belongs to the mermap */

struct pt_mermap_cfg {
	/*
	 * Of CPU 0's region, the others follow; aligned to the granule. Nobody empties the
	 * tables there with PT_CHANGE_FREE_TABLES.
	 */
	pt_va_t base;
	unsigned int nr_cpus;
	unsigned int nr_pages; /* of each region, 2 at least; 0: PT_MERMAP_PAGES */
	struct pt_zone *zone;  /* its pages are marked while they may be cached; NULL: none */
	/* How translations go away; what is missing means that none are cached. */
	const struct pt_flush_ops *flush;              /* on all CPUs */
	void (*flush_cpu)(void *ctx, unsigned int cpu); /* all of one CPU, by itself: x86_64 */
	void *flush_cpu_ctx;
};

/**
 * pt_mermap_create() - Make one, not yet prepared.
 * @out: Receives the handle; release it with pt_mermap_destroy().
 * @pt:  Where the regions are; must outlive it. Of PT_MODE_SHARED if CPUs use it at once. Not a
 *       direct map's, which has no tables to give: one beside it, as the kernel's or a process's.
 *
 * Return: 0; -EINVAL for a bad configuration, a region that ends beyond 2^64, or 2^32 - 1
 * pages in all regions; -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_mermap_create(struct pt_mermap **out, struct pt_pgtable *pt,
					  const struct pt_mermap_cfg *cfg);

/**
 * pt_mermap_prepare() - Make all tables of all regions. Done before, it does nothing.
 *
 * Context: one thread at a time; allocates.
 * Return: as pt_populate(); call it again.
 */
PT_API PT_MUST_CHECK int pt_mermap_prepare(struct pt_mermap *mermap);

/**
 * pt_mermap_destroy() - Unmap all regions of all CPUs, free their tables. NULL is allowed.
 *
 * Context: nobody uses it; no mapping is live.
 * TLB: flushed where something may be cached; then no page is marked any more.
 */
PT_API void pt_mermap_destroy(struct pt_mermap *mermap);

/**
 * pt_mermap_get() - Map [@pa, @pa + @len) for @cpu.
 * @len:   Bytes, a multiple of the granule.
 * @attr:  PT_ATTR_READ or PT_ATTR_RW, and what else the format can express.
 * @alloc: Receives the mapping.
 *
 * Context: @cpu's state belongs to one thread at a time, as to a CPU. Allocates nothing.
 * TLB: if the region is used up, once as above.
 * Return: 0; -EINVAL for an unaligned or empty range, a @cpu that is none, or before
 * pt_mermap_prepare(); -EBUSY with PT_MERMAP_LIVE live ones, or no room beside them;
 * -ENOENT for pages of the zone that nobody holds; -ERANGE beyond the output width;
 * -EOPNOTSUPP for @attr. Nothing is mapped, marked or used up on failure.
 */
PT_API PT_MUST_CHECK int pt_mermap_get(struct pt_mermap *mermap, unsigned int cpu, pt_pa_t pa,
				       uint64_t len, pt_attr_t attr,
				       struct pt_mermap_alloc **alloc);

/**
 * pt_mermap_get_reserved() - Map one page for @cpu, whatever else is live there.
 *
 * TLB: as pt_mermap_get(), if the reserved page was used since the last wrap.
 * Return: as pt_mermap_get(), but -EBUSY only while the reserved page itself is live.
 */
PT_API PT_MUST_CHECK int pt_mermap_get_reserved(struct pt_mermap *mermap, unsigned int cpu,
						pt_pa_t pa, pt_attr_t attr,
						struct pt_mermap_alloc **alloc);

/** Gives a mapping back; as pt_mermap_get(), on its CPU. TLB: nothing is flushed. */
PT_API void pt_mermap_put(struct pt_mermap *mermap, struct pt_mermap_alloc *alloc);

/** Its first byte. */
PT_API pt_va_t pt_mermap_addr(const struct pt_mermap_alloc *alloc);

/**
 * pt_mermap_zero() - Write zeroes to a run of pages through mappings on @cpu.
 * Return: as pt_mermap_get(); for pt_freetype_ops.zero.
 */
PT_API PT_MUST_CHECK int pt_mermap_zero(struct pt_mermap *mermap, unsigned int cpu,
					const struct pt_extent *extent);

/**
 * pt_mermap_settle() - No CPU keeps a translation to these pages when this returns.
 * Their marks are gone; for pt_freetype_ops.settle. They must not be mapped here now.
 *
 * Context: any thread.
 * TLB: flushed on all CPUs, once: the range that they were mapped at, or everything where
 * that is not one CPU's. Nothing, if they are mapped nowhere: as pages of a marked folio are
 * that was split (pt_folio_split()), for each part of it stays marked.
 */
PT_API void pt_mermap_settle(struct pt_mermap *mermap, const struct pt_extent *extent);

struct pt_mermap_stats {
	uint64_t gets, reserved; /* that succeeded: pt_mermap_get(), _get_reserved() */
	uint64_t failed;         /* of either kind, -EBUSY */
	uint64_t wraps;          /* flushes for reuse */
	uint64_t settled;        /* flushes for freeing */
	uint64_t zeroed;         /* pages */
};
PT_API void pt_mermap_stats(const struct pt_mermap *mermap, struct pt_mermap_stats *stats);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_MERMAP_H */
