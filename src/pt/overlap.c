/* SPDX-License-Identifier: MIT */
/*
 * Concurrent changes must not overlap: callers exclude that, as mmap_lock does.
 * Builds with assertions keep a list of the ranges being changed and abort on a
 * caller who does not. Not compiled into release builds.
 */
#include "pt/pagetable_internal.h"

#ifndef NDEBUG
void ptl_active_enter(struct pt_pgtable *pt, struct ptl_active *active)
{
	uint32_t bits = ptl_bit_lock(&pt->active_lock);

	for (const struct ptl_active *other = pt->active; other; other = other->next)
		PTL_BUG_ON(active->first <= other->last && other->first <= active->last);
	active->next = pt->active;
	pt->active = active;
	ptl_bit_unlock(&pt->active_lock, bits);
}

void ptl_active_leave(struct pt_pgtable *pt, struct ptl_active *active)
{
	uint32_t bits = ptl_bit_lock(&pt->active_lock);
	struct ptl_active **link = &pt->active;

	while (*link != active)
		link = &(*link)->next;
	*link = active->next;
	ptl_bit_unlock(&pt->active_lock, bits);
}
#else
typedef int ptl_overlap_is_empty; /* ISO C wants a declaration in every file */
#endif
