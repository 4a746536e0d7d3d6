/* SPDX-License-Identifier: MIT */
/*
 * ptlib/direct_map.h - all of memory at a fixed offset, and pages taken out of it.
 *
 *	va = base + pa, for every frame of a pt_phys
 *
 * x86_64: the largest leaves that fit. arm64: pages below FEAT_BBM level 2, for larger
 * leaves could not be split under a running kernel; from there on, if no TLB conflict aborts
 * (Linux: BBML2_NOABORT; pt_fmt_cfg.bbm 2 means both), blocks and contiguous entries. A leaf
 * is split when a part of it changes; one that is larger than a pageblock (a leaf of level 1)
 * also when all of it becomes absent, so that pageblocks come back one by one without a new
 * table.
 *
 * What is flushed (x86: Linux, arch/x86/mm/pat/set_memory.c; arm64: arch/arm64/mm/pageattr.c
 * and split_kernel_leaf_mapping() in mmu.c):
 *
 *	a leaf is split          x86 everything, once a split; arm64 nothing: level 2 allows
 *	                         both sizes at once, and what follows flushes either
 *	pages become absent      one range
 *	pages become present     nothing: what is absent is not cached
 *	pages get a key          one range: they were more permissive
 *	pages lose their key     x86 nothing: a stale key can only deny, and the #PF of that
 *	                         removes it (Intel SDM Vol. 3A, 4.10.4.1 "Operations that
 *	                         Invalidate TLBs...", rev. 081), so trying again succeeds; arm64 one
 *	                         range, for a permission fault removes nothing
 *	leaves are joined again  their tables' range, before the tables are freed; what other
 *	                         threads flush until then includes paging-structure caches
 *
 * Tables come from a reserve that is filled before the direct map's lock is taken, for
 * filling it may allocate, which may convert other pages back. That call needs no table:
 * recursion ends at depth one, which is asserted. Flushes are called without the lock.
 */
#ifndef PTLIB_DIRECT_MAP_H
#define PTLIB_DIRECT_MAP_H

#include <ptlib/format.h>
#include <ptlib/freetype.h>
#include <ptlib/ops.h>
#include <ptlib/types.h>
#include <ptlib/zone_info.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pt_direct_map;
struct pt_mermap; /* see mermap.h */

/* Join leaves again where pages become present; freed tables go back to their source. */
#define PT_DIRECT_MAP_JOIN (1u << 0)

struct pt_direct_map_cfg {
	struct pt_fmt_cfg fmt;            /* stage 1; its granule is the frame size */
	pt_va_t base;                     /* of pa 0; 0: where Linux has it, see below */
	/* Of every page; 0: PT_DIRECT_MAP_ATTR, and encrypted if @fmt has a C-bit. */
	pt_attr_t attr;
	unsigned int flags;               /* PT_DIRECT_MAP_* */
	unsigned int key;                 /* of KEYED pages; 0: there are none */
	struct pt_table_ops tables;       /* where tables come from, if @protect is NULL */
	struct pt_zone *protect;          /* tables are KEYED pages of this zone; needs @key */
	const struct pt_flush_ops *flush; /* NULL: nothing caches translations */
	const struct pt_watch_ops *watch; /* NULL: nobody watches stores; else joining leaves
					     breaks entries for a moment */
};

/* Accessed and dirty, so that hardware has nothing to write. */
#define PT_DIRECT_MAP_ATTR (PT_ATTR_RW | PT_ATTR_GLOBAL | PT_ATTR_ACCESSED | PT_ATTR_DIRTY)

/**
 * pt_direct_map_create() - Map every frame of @phys.
 * @out: Receives the handle; release it with pt_direct_map_destroy().
 *
 * The default base is ffff888000000000 with four levels of x86_64, ff11000000000000 with
 * five, and the first address of its half on arm64.
 *
 * With a key, the reserve holds four pages: two for conversions to KEYED that filling it
 * needs itself, two for other splits. With @cfg->protect they and all tables are KEYED.
 * The first cannot be, while nothing is mapped: whole pageblocks are allocated from the
 * zone without flags, the tables made from them, and they are then given the key. They
 * are used up first, and held until the direct map is destroyed.
 *
 * Context: nothing runs on it yet: nothing is flushed.
 * Return: 0; -EINVAL for a bad configuration, a granule that is not the frame size, or
 * both or neither of @tables and @protect; -ERANGE if memory does not fit behind the base;
 * -EOPNOTSUPP for a second stage, or a key or attribute that the format cannot express;
 * -ENOMEM; -EFAULT for table pages outside memory.
 */
PT_API PT_MUST_CHECK int pt_direct_map_create(struct pt_direct_map **out, struct pt_phys *phys,
					      const struct pt_direct_map_cfg *cfg);

/**
 * pt_direct_map_destroy() - Free all tables. NULL is allowed.
 * Give the zone other ops, or none, before; it must still exist if it protects tables.
 */
PT_API void pt_direct_map_destroy(struct pt_direct_map *dm);

/**
 * Its table: to look at, to link into others, not to change; its tables are set aside for its own
 * splits, so that others find none (-ENOMEM). Mode: PT_MODE_EXCLUSIVE.
 */
PT_API struct pt_pgtable *pt_direct_map_pgtable(struct pt_direct_map *dm);
/** Where pa 0 is, or would be. */
PT_API pt_va_t pt_direct_map_base(const struct pt_direct_map *dm);

/**
 * Pages [@pa, @pa + @nr granules) become absent; present as they were made; or absent or
 * present by @valid, where what is present stays as it is. Idempotent.
 *
 * Context: any thread, and concurrently for different pages. May wait and allocate.
 * TLB: as above. The _noflush forms leave out the flush of the range, which is then the
 * caller's; not that of splits, and not while tables that a join unhooked are unflushed.
 * Return: 0; -EINVAL for an unaligned @pa or no page; -ERANGE for pages that are not in one
 * region of memory; -ENOMEM and what the source of tables returns. All or nothing.
 */
PT_API PT_MUST_CHECK int pt_set_direct_map_invalid(struct pt_direct_map *dm, pt_pa_t pa,
						   uint64_t nr);
PT_API PT_MUST_CHECK int pt_set_direct_map_default(struct pt_direct_map *dm, pt_pa_t pa,
						   uint64_t nr);
PT_API PT_MUST_CHECK int pt_set_direct_map_valid(struct pt_direct_map *dm, pt_pa_t pa,
						 uint64_t nr, bool valid);
PT_API PT_MUST_CHECK int pt_set_direct_map_invalid_noflush(struct pt_direct_map *dm, pt_pa_t pa,
							   uint64_t nr);
PT_API PT_MUST_CHECK int pt_set_direct_map_default_noflush(struct pt_direct_map *dm, pt_pa_t pa,
							   uint64_t nr);
PT_API PT_MUST_CHECK int pt_set_direct_map_valid_noflush(struct pt_direct_map *dm, pt_pa_t pa,
							 uint64_t nr, bool valid);

/** Whether the page at @pa is present in it. */
PT_API bool pt_kernel_page_present(const struct pt_direct_map *dm, pt_pa_t pa);

/**
 * pt_direct_map_freetype_ops() - For pt_zone_set_ops(); as long as @dm.
 *
 * convert: UNMAPPED pages are absent, KEYED ones have the key. All extents of a call are
 * changed, or none, and flushed at once, as one range from the first to the last. It is
 * -EOPNOTSUPP for KEYED without a key, and -ENOMEM where a conversion to KEYED finds less
 * in the reserve than it needs and two: see pt_direct_map_prepare().
 * zero and settle: through the mermap of pt_direct_map_set_mermap(), which is in another table;
 * -EOPNOTSUPP without.
 */
PT_API const struct pt_freetype_ops *pt_direct_map_freetype_ops(struct pt_direct_map *dm);

/** Says where absent pages are written; NULL: nowhere. Context: nothing uses @dm. */
PT_API void pt_direct_map_set_mermap(struct pt_direct_map *dm, struct pt_mermap *mermap);

/**
 * pt_direct_map_prepare() - Fill the reserve, if there is a key.
 *
 * Calls that split do it themselves; a conversion to KEYED may not allocate. Who asks a
 * zone for KEYED pages calls this before, as kpkeys_prepare_direct_map_split() in Linux.
 *
 * Return: 0; -ENOMEM and what the source of tables returns.
 */
PT_API PT_MUST_CHECK int pt_direct_map_prepare(struct pt_direct_map *dm);

struct pt_direct_map_stats {
	size_t tables;                   /* pages that are tables, the root too */
	size_t reserve;                  /* pages in the reserve */
	size_t boot;                     /* of pageblocks held from the start, not used now */
	uint64_t splits[PT_MAX_LEVELS];  /* of leaves of each level */
	uint64_t joins[PT_MAX_LEVELS];   /* into leaves of each level */
	uint64_t converted;              /* calls of convert that succeeded */
	uint64_t nested;                 /* of them: while the reserve was filled */
	uint64_t absent, present, keyed; /* pages that calls asked to make so */
};
/** Exact while nobody changes anything. */
PT_API void pt_direct_map_stats(struct pt_direct_map *dm, struct pt_direct_map_stats *stats);

/**
 * pt_direct_map_verify() - Check every frame of memory against its freetype in @zone.
 * @report: May be NULL.
 *
 * Frames of UNMAPPED pageblocks are absent; all others, and those that are not of @zone, are
 * present at their place with the attributes they were made with, and the key if KEYED.
 * Pages changed one by one do not agree with their freetypes.
 *
 * Context: nobody uses either meanwhile.
 * Return: 0 if nothing was found, -EFAULT if something was.
 */
PT_API PT_MUST_CHECK int pt_direct_map_verify(struct pt_direct_map *dm, const struct pt_zone *zone,
					      pt_buddy_report_fn report, void *ctx);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_DIRECT_MAP_H */
