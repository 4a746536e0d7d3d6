/* SPDX-License-Identifier: MIT */
/*
 * ptlib/mm.h - user address spaces: areas, pages and tables that belong together.
 *
 *	struct pt_world   one kernel: its format, its pages, who maps each of them
 *	  struct pt_mm    one address space: areas, and one table
 *	  struct pt_file  page cache            struct pt_swap  swap space
 *
 * What stands in the tables is what Linux would have put there, word for word: leaves and
 * contiguous blocks, swap and migration entries, markers, PROT_NONE. Every change goes
 * through a gather, so flushes reach whoever struct pt_flush_ops says, and a page is free
 * again only after the flush.
 *
 * Who may do what at the same time, in one world and all that belongs to it:
 *
 *	- one thread changes: all calls that are not said to be something else;
 *	- CPUs may access beside it, in PT_MODE_SHARED;
 *	- walks and reports (mm_report.h) may run beside it too, on areas that the call does
 *	  not touch: calls of mm_area.h, pt_mm_unmap(), pt_mm_protect(), pt_mm_move() and
 *	  pt_mm_fork() run alone in their address space, as with mmap_lock held to write.
 */
#ifndef PTLIB_MM_H
#define PTLIB_MM_H

#include <ptlib/format.h>
#include <ptlib/mm_area.h>
#include <ptlib/ops.h>
#include <ptlib/pagetable.h>
#include <ptlib/soft.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pt_world;

/* Pages are neither zeroed nor copied nor kept in swap: only who maps them counts. */
#define PT_WORLD_NO_CONTENT (1u << 0)
/* There is no huge zero page: 0 in transparent_hugepage's use_zero_page. */
#define PT_WORLD_NO_HUGE_ZERO (1u << 1)

struct pt_world_cfg {
	struct pt_zone *zone;   /* pages and tables; frames are as large as the granule */
	struct pt_zone *device; /* memory of a device that CPUs do not reach; NULL: none */
	/* Of all address spaces; a first stage. With a C-bit all leaves are encrypted, as Linux's. */
	struct pt_fmt_cfg fmt;
	struct pt_soft_cfg soft;
	unsigned int flags;     /* PT_WORLD_* */
	/* Where memory is, for numa_maps and PT_MM's nodes; NULL: all of it on node 0. */
	unsigned int (*node_of)(void *ctx, pt_pa_t pa);
	void *ctx;
};

/**
 * pt_world_create() - A world without address spaces, over the memory of @phys.
 * @cfg: Copied; zones must outlive it.
 *
 * Costs host address space for the facts of each page, and memory where they are used.
 * Takes one page of the zone, the zero page. The huge zero page is taken when a fault first asks
 * for it.
 *
 * Return: 0; -EINVAL for a format with another granule than @phys has frames, or a second
 * stage, or an unknown flag; -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_world_create(struct pt_world **out, struct pt_phys *phys,
					 const struct pt_world_cfg *cfg);
/**
 * Frees what pt_world_create() made. NULL is allowed.
 * Return: 0; -EBUSY, and nothing done, while address spaces, files or swap are left.
 */
PT_API PT_MUST_CHECK int pt_world_destroy(struct pt_world *world);

/** The page of zeroes that reads of anonymous memory find. */
PT_API pt_pa_t pt_world_zero_page(const struct pt_world *world);
/**
 * pt_world_huge_zero_page() - Where the huge zero page begins: a leaf of level 1 of zeroes, which
 * reads find in areas with PT_MM_HUGEPAGE.
 *
 * Leaves of it carry no special bit, in none of the kernels that pt_soft_cfg_init() knows: where it
 * is tells it from others. Nobody counts who maps it, and no folio holds it, so that to walks it
 * is PFN as the zero page is. Kept until the world ends, where Linux counts the processes that
 * have seen it, and has a shrinker for when there is none.
 *
 * Return: 0; -ENOENT while no fault has asked for it. Source: Linux 6.15, mm/huge_memory.c,
 * get_huge_zero_folio() and set_huge_zero_folio(); special since 6.18.
 */
PT_API PT_MUST_CHECK int pt_world_huge_zero_page(const struct pt_world *world, pt_pa_t *pa);

struct pt_mm_cfg {
	enum pt_mode mode;
	/*
	 * As in struct pt_pgtable_cfg, as the next three. Of a pt_space where CPUs run it; a
	 * pt_flush_count counts as Linux would if it is one for a process (user).
	 */
	const struct pt_flush_ops *flush;
	const struct pt_watch_ops *watch;
	const struct pt_wait_ops *wait;
	const struct pt_top_ops *top;
	struct pt_account *account;       /* charged for its tables and the pages it takes */
	size_t max_leaves, max_tables;    /* of its gathers: see gather.h; 0: no bound */
	unsigned int max_ranges;          /* likewise; 1 as Linux, which on arm64 also flushes
					     at each area's end */
};

/**
 * pt_mm_create() - An empty address space.
 * @cfg: Copied; what it points at must outlive it.
 * Return: 0 or -ENOMEM, and what pt_pgtable_create() returns.
 */
PT_API PT_MUST_CHECK int pt_mm_create(struct pt_mm **out, struct pt_world *world,
				      const struct pt_mm_cfg *cfg);
/**
 * pt_mm_destroy() - Unmap everything, and free what nobody else has. NULL is allowed.
 *
 * Context: CPUs that have it loaded access nothing of it any more, and run another space, or
 * none, before its pages are used again.
 * TLB: flushed as a whole, before pages are freed.
 */
PT_API void pt_mm_destroy(struct pt_mm *mm);

/**
 * Its table: to be walked, with PT_WALK_LOCKED too, asked, aged (pt_test_and_clear_accessed())
 * and loaded, not to be changed otherwise.
 */
PT_API struct pt_pgtable *pt_mm_pgtable(const struct pt_mm *mm);
PT_API struct pt_world *pt_mm_world(const struct pt_mm *mm);
/**
 * pt_mm_area_ops() - Its areas, all to be walked: for pt_range_walk_start_areas() over
 * pt_mm_pgtable(). pt_area.owner is the struct pt_mm_area. As long as @mm.
 */
PT_API struct pt_area_ops pt_mm_area_ops(struct pt_mm *mm);

/* What is known of the page at an address, as struct page and struct folio. */
struct pt_mm_page {
	pt_pa_t head;        /* of its folio, whose order, in pages, is: */
	unsigned int order;
	uint32_t mapcount;   /* entries that map this page, those of the whole folio too */
	uint32_t total;      /* of all pages of the folio; of the whole as 1 */
	/* shared: by several mappings */
	bool anon, exclusive, dirty, hugetlb, poisoned, device, shared;
	bool lazyfree;        /* given up by pt_mm_lazyfree(), unless entries or @dirty say more */
	struct pt_file *file; /* in whose cache it is, or NULL */
	uint64_t offset;      /* of the folio: as in struct pt_mm_area */
};

/**
 * pt_world_page() - What is known of the page at @pa. Context: any thread; as of about now.
 * Return: 0; -ENOENT for a page that no folio holds; -ERANGE outside memory.
 */
PT_API PT_MUST_CHECK int pt_world_page(const struct pt_world *world, pt_pa_t pa,
				       struct pt_mm_page *page);

struct pt_mm_finding {
	const struct pt_mm *mm; /* or NULL */
	pt_va_t va;
	pt_pa_t pa;
	const char *what;
};

/**
 * pt_world_verify() - Look at all there is, and count anew.
 * @report: Called once a finding; false stops. May be NULL.
 *
 * Areas ascend, are disjoint and merged, and no table is for what is outside them alone; each
 * entry is of a kind that its area may have and that its page agrees with, and allows no more
 * than the area; folios are whole, and free pages as they were left; each page is mapped as often
 * as its count says, and each folio held, by its file's cache, a migration or as lost; caches lead
 * to the pages that say so; exclusive pages and swap slots once; each slot is referred to as often
 * as it counts. Tables pass pt_verify(), and no area ends before it begins, or their words are not
 * looked at.
 *
 * Context: nothing else uses @world. Return: 0; -EFAULT if something was found; -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_world_verify(const struct pt_world *world,
					 bool (*report)(void *ctx, const struct pt_mm_finding *),
					 void *ctx);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_MM_H */
