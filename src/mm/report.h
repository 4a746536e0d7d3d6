/* SPDX-License-Identifier: MIT */
/* report.h - what reports share: a walk over the areas of a view, and facts of pages. */
#ifndef PTL_MM_REPORT_H
#define PTL_MM_REPORT_H

#include <ptlib/mm_report.h>

#include "mm/mm_internal.h"

/* A walk over a view; walk.area.owner is the struct pt_mm_area. */
struct ptl_view_walk {
	const struct pt_view *view;
	const struct pt_soft_cfg
		*soft; /* the table's; without one, no software bit means anything */
	const struct ptl_page_region *region; /* that a page was in last, or NULL */
	uint64_t rest; /* bytes of the walk's run behind this part of it */
	struct pt_area_ops ops;
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
};

/*
 * The first run, and the next; false at the end. Holes and special areas come too. The huge zero
 * page is a run by itself, though what is next to it in memory may follow in the table too.
 */
bool ptl_view_start(struct ptl_view_walk *walk, const struct pt_view *view, pt_va_t first,
		    pt_va_t last);
bool ptl_view_next(struct ptl_view_walk *walk);

/* Leaves, hidden ones too. */
static inline bool ptl_view_is_leaf(const struct ptl_view_walk *walk)
{
	return walk->type == PTW_FOLIO || walk->type == PTW_PFN;
}

static inline bool ptl_view_is_huge_zero(const struct ptl_view_walk *walk)
{
	const struct pt_world *world = walk->view->world;

	return world && ptl_view_is_leaf(walk) && ptl_is_huge_zero(world, walk->walk.pa);
}

/* Leaves that are a page's: neither special, nor of a PFNMAP, nor the huge zero page. */
static inline bool ptl_view_has_page(const struct ptl_view_walk *walk)
{
	const struct pt_mm_area *area = walk->walk.area.owner;

	return ptl_view_is_leaf(walk) && area->kind != PT_MM_PFNMAP &&
	       !(walk->walk.attr & walk->soft->attr_special) && !ptl_view_is_huge_zero(walk);
}

/* PT_SOFT_UFFD_WP and SOFT_DIRTY of the word of software's that the walk is at. */
unsigned int ptl_view_soft_marks(const struct ptl_view_walk *walk);

#define PTL_PSS_SHIFT 12 /* pss_fine and the like are in 2^-12 bytes */

/* snprintf() that goes on at *@len, where the one before it ended. */
void ptl_report_put(char *buf, size_t size, size_t *len, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The facts of the page at @pa, or NULL if they are unknown. */
const struct ptl_page *ptl_view_page(const struct pt_view *view, pt_pa_t pa);

/* The same, near where the walk was. */
const struct ptl_page *ptl_view_facts_far(struct ptl_view_walk *walk, pt_pa_t pa);
static inline const struct ptl_page *ptl_view_facts(struct ptl_view_walk *walk, pt_pa_t pa)
{
	const struct ptl_page_region *region = walk->region;
	const struct ptl_page *page;

	if (!region || pa - region->pa >= region->len)
		return ptl_view_facts_far(walk, pa);
	page = &region->pages[(pa - region->pa) >> walk->view->world->page_lg2];
	return ptl_page_flags(page) & PTL_PAGE_USED ? page : NULL;
}

#endif /* PTL_MM_REPORT_H */
