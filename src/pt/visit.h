/* SPDX-License-Identifier: MIT */
/*
 * visit.h - every table page of a tree, each once, whatever points at it: time is
 * linear in the number of pages, also where a corrupt image points in circles.
 */
#ifndef PTL_VISIT_H
#define PTL_VISIT_H

#include "pt/pagetable_internal.h"

enum ptl_visit_how {
	PTL_VISIT_BELOW, /* go on with the tables that it points at */
	PTL_VISIT_PAST,  /* not with those */
	PTL_VISIT_STOP,
};

/* What is odd about a table entry. */
enum ptl_visit_odd {
	PTL_ODD_OUTSIDE, /* its table is where there is no memory */
	PTL_ODD_LOOP,    /* its table is one above it */
	PTL_ODD_LEVEL,   /* its table is one of another level too */
};

typedef enum ptl_visit_how (*ptl_visit_fn)(void *ctx, const struct ptl_visit *visit);
/* Returns false to stop. */
typedef bool (*ptl_odd_fn)(void *ctx, const struct ptl_visit *visit,
			   const struct ptl_visit_entry *entry, enum ptl_visit_odd odd);

/*
 * Calls @table once a page, parents first, then @entry for each of its entries, of
 * empty neighbours for the first one only, and @odd for those of its table entries
 * that are not followed. All but @table may be NULL.
 * Return: 0; 1 if a callback stopped it; -ENOMEM.
 */
int ptl_visit_tree(const struct pt_pgtable *pt, ptl_visit_fn table, ptl_entry_fn entry,
		   ptl_odd_fn odd, void *ctx);

/*
 * The same of what translates [@first, @last]: the tables that entries for these addresses point
 * at, and of their entries those whose place in a contiguous block reaches there, so that blocks
 * are seen whole. A page at an end of the range is visited again where it stands wholly inside.
 */
int ptl_visit_range(const struct pt_pgtable *pt, pt_va_t first, pt_va_t last, ptl_visit_fn table,
		    ptl_entry_fn entry, ptl_odd_fn odd, void *ctx);

#endif /* PTL_VISIT_H */
