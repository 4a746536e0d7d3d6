/* SPDX-License-Identifier: MIT */
/*
 * edit.h - how operations read and change entries.
 *
 *	ptl_edit        one change: flushes collected, then pages freed
 *	ptl_run         what stands there: holes, leaves, software's words
 *	ptl_piece       leaves of a run that count as one: the pages of a folio, or all of it
 *
 * An operation does first what can fail: splits what its range cuts, makes tables, takes
 * pages. What follows needs no memory.
 */
#ifndef PTL_MM_EDIT_H
#define PTL_MM_EDIT_H

#include <ptlib/soft_map.h>

#include "mm/mm_internal.h"

struct ptl_edit {
	struct pt_mm *mm;
	struct pt_gather gather;
	uint64_t dead; /* folios to free after the flush: a list by offset */
};

void ptl_edit_begin(struct ptl_edit *edit, struct pt_mm *mm);
/* Flushes, and frees what is dead. May go on afterwards. */
void ptl_edit_end(struct ptl_edit *edit);
/* The same by one flush of the whole address space, changed or not: Linux's flush_tlb_mm(). */
void ptl_edit_end_all(struct ptl_edit *edit);
/*
 * Where a change goes on from one area to the next: kernels flush what is collected, each area
 * being a change by itself, or, of calls that have one gather for all (@merges), arm64's does and
 * x86's does not. Nothing for gathers of more ranges than Linux's have.
 * Source: Linux 6.15, include/asm-generic/tlb.h, tlb_end_vma(); arch/x86/Kconfig,
 * MMU_GATHER_MERGE_VMAS; mm/madvise.c, mm/userfaultfd.c, uffd_wp_range().
 */
void ptl_edit_end_area(struct ptl_edit *edit, bool merges);
/* One mapping less of these pages; frees the folio in the end, if it was the last. */
void ptl_edit_drop(struct ptl_edit *edit, pt_pa_t pa, uint64_t len, bool entire);

enum ptl_run_kind {
	PTL_RUN_HOLE,
	PTL_RUN_LEAF, /* PROT_NONE ones too, see @hidden */
	PTL_RUN_SOFT, /* one word */
};

struct ptl_run {
	struct pt_mm *mm;
	struct pt_range_walk walk;
	pt_va_t limit; /* last byte of the walk */
	bool more; /* inside a run of the walk whose words come one by one */
	/* The run. */
	enum ptl_run_kind kind;
	bool hidden; /* LEAF: PROT_NONE, one word */
	pt_va_t va, last;
	pt_pa_t pa; /* LEAF */
	pt_attr_t attr; /* LEAF; accessed and dirty are the same in all of it */
	unsigned int level, size_lg2, contig_lg2;
	struct pt_soft soft; /* SOFT */
};

/* The first run of [first, last], and the next. False: no more. */
bool ptl_run_start(struct ptl_run *run, struct pt_mm *mm, pt_va_t first, pt_va_t last);
bool ptl_run_next(struct ptl_run *run);
/* What stands at @va. */
void ptl_run_at(struct ptl_run *run, struct pt_mm *mm, pt_va_t va);

/*
 * A page of hugetlb is one piece even where it takes several runs: the piece that begins it
 * reaches to its end, and the others are not counted and entire: to be passed over.
 */
struct ptl_piece {
	pt_va_t va, last;
	pt_pa_t pa;
	bool counted; /* else a frame that nobody counts, or a zero page */
	bool entire; /* counts as one mapping of a whole folio */
	struct ptl_page *head; /* or NULL: no page of ours */
};

/* The part of the leaves of @run that begins at @va. */
struct ptl_piece ptl_piece_at(const struct ptl_run *run, pt_va_t va);
/* Whether leaves of @pa with @attr have pages that count. */
static inline bool ptl_is_counted(const struct pt_world *world, pt_pa_t pa, pt_attr_t attr)
{
	return !(attr & world->cfg.soft.attr_special) && !ptl_is_huge_zero(world, pa);
}

/* The page that a software word refers to, if it counts as a mapping of it. */
bool ptl_soft_page(const struct ptl_run *run, struct ptl_piece *piece);

/* Attributes of a new leaf. @write: by a store, so that it is dirty too. */
pt_attr_t ptl_leaf_attr(const struct pt_mm *mm, const struct pt_mm_area *area, bool write);
/* Whether page-table bits say that the page was written. */
static inline bool ptl_is_dirty(const struct pt_world *world, pt_attr_t attr)
{
	return attr & (PT_ATTR_DIRTY | world->cfg.soft.attr_dirty);
}
/*
 * What goes from a leaf that is cleaned. arm64's kernel forbids stores to clean pages where
 * hardware does not mark them.
 */
static inline pt_attr_t ptl_clean_bits(const struct pt_world *world)
{
	pt_attr_t bits = PT_ATTR_DIRTY | world->cfg.soft.attr_dirty;

	if (world->cfg.soft.attr_dirty && !world->info.dirty_is_write)
		bits |= PT_ATTR_WRITE;
	return bits;
}
static inline bool ptl_is_accessible(const struct pt_mm_area *area)
{
	return area->flags & PT_MM_PROT;
}

/* What stands where a leaf is put. */
enum ptl_over {
	PTL_OVER_HOLES,
	PTL_OVER_WORDS, /* software's, whose marks the leaf inherits */
	PTL_OVER_MARKERS, /* nothing is inherited: @attr says it */
};

/*
 * Hidden in an area without rights. Needs no memory where the tables are there, as they are
 * over all but holes.
 */
int ptl_put_leaf(struct pt_mm *mm, const struct pt_mm_area *area, pt_va_t va, pt_pa_t pa,
		 uint64_t len, pt_attr_t attr, unsigned int max_lg2, enum ptl_over over, bool hide);

/* Entries that reach over the ends of [first, last] become smaller ones, or go. -ENOMEM. */
int ptl_split_ends(struct ptl_edit *edit, pt_va_t first, pt_va_t last);
/*
 * The entry of level 1 at @va becomes a table of pages, and its mapping one of each. Of the huge
 * zero page they are the zero page.
 */
int ptl_split_entry(struct ptl_edit *edit, pt_va_t va);
/*
 * The same of an entry that is to change in part; but a file's goes, for faults find the pages
 * again. Source: Linux 6.15, mm/huge_memory.c, __split_huge_pmd_locked().
 */
int ptl_cut_entry(struct ptl_edit *edit, pt_va_t va);

/* How leaves of @area are hidden. */
static inline unsigned int ptl_hide_flags(const struct pt_mm_area *area)
{
	return area->kind == PT_MM_HUGETLB ? PT_CHANGE_HUGETLB : 0;
}

/* ptl_cut_entry() of all entries of level 1 in the range. */
int ptl_cut_all(struct ptl_edit *edit, pt_va_t first, pt_va_t last);

/* What is mapped in this part of an address space goes. Its ends were split. */
void ptl_zap(struct ptl_edit *edit, pt_va_t first, pt_va_t last, bool free_tables);
/* The same, over all areas. */
void ptl_zap_range(struct ptl_edit *edit, pt_va_t first, pt_va_t last, bool free_tables);

/* What calls of mm_change.h begin with; @covered: areas have to be everywhere. */
int ptl_mm_begin(struct pt_mm *mm, pt_va_t va, uint64_t len, bool covered, pt_va_t *last);

/* The word of @run says @soft now, at the same level. */
void ptl_soft_rewrite(struct ptl_edit *edit, const struct ptl_run *run, const struct pt_soft *soft);
/*
 * A word whose page may be written says that it may not. @shared: and that it is not this
 * process's alone. Changes @run->soft too; returns whether it did.
 */
bool ptl_soft_wrprotect(struct ptl_edit *edit, struct ptl_run *run, bool shared);

/* No huge page of hugetlb is cut by [first, last]. */
bool ptl_huge_aligned(const struct pt_mm *mm, pt_va_t first, pt_va_t last);

/*
 * Everyone who maps pages of the folio at @head, in all address spaces: calls @fn for each run
 * of entries that refer to it, with its pieces to be found by ptl_piece_at(). Stops at an
 * error and returns it. @fn may change these entries.
 */
typedef int (*ptl_rmap_fn)(void *ctx, struct pt_mm *mm, const struct pt_mm_area *area,
			   const struct ptl_run *run, const struct ptl_piece *piece);
int ptl_rmap(struct pt_world *world, pt_pa_t head, ptl_rmap_fn fn, void *ctx);

/* Nobody maps the folio at @head by an entry of level 1 any more. -ENOMEM. */
int ptl_rmap_split(struct pt_world *world, pt_pa_t head);

/* Leaves in place of what a device had for itself. */
void ptl_end_exclusive(struct pt_mm *mm, const struct pt_mm_area *area, pt_va_t first,
		       pt_va_t last);

/*
 * Maps something at the hole @hole, which @va is in: around it, but only in [lo, hi], which is in
 * the hole and in @area. @order: of the folio, if it fits. @write: pages to be written,
 * private ones copied. @wp: marked for userfaultfd. @marker: no hole is there but a marker for
 * just [lo, hi], which stays on failure. Receives what is mapped now.
 *
 * Return: 0; PTL_FILLED, PTL_FILLED_FROM_SWAP: had to be brought in; -ENOMEM; -ERANGE beyond
 * the end of a file; -ENOENT where nothing can be; -EBUSY while a page of a file moves; -EIO if
 * it is lost.
 */
struct ptl_fill {
	pt_va_t lo, hi;
	unsigned int order;
	bool write, wp, marker;
	pt_va_t first, last; /* out */
};
int ptl_fill(struct pt_mm *mm, const struct pt_mm_area *area, const struct ptl_run *hole,
	     pt_va_t va, struct ptl_fill *fill);

/* New anonymous folio for @va of @area, whose mappings count from 0. */
int ptl_anon_alloc(struct pt_mm *mm, const struct pt_mm_area *area, pt_va_t va, unsigned int order,
		   unsigned int flags, bool zero, pt_pa_t *head);
/* Pages of [pa, pa + len): exclusive to who maps them, or not. */
void ptl_set_exclusive(struct pt_world *world, pt_pa_t pa, uint64_t len, bool entire, bool on);
bool ptl_is_exclusive(struct pt_world *world, pt_pa_t pa);

static inline struct pt_change ptl_change(struct ptl_edit *edit, unsigned int flags)
{
	return (struct pt_change){ .gather = &edit->gather, .flags = flags };
}

#endif /* PTL_MM_EDIT_H */
