/* SPDX-License-Identifier: MIT */
/*
 * overlap.c: catch overlapping changes, and locks of walks in the way, in builds with assertions.
 *
 * Concurrent changes must not overlap: callers exclude that, as mmap_lock does; and but in
 * shared mode there is one at a time. Builds with assertions keep a list of the ranges being
 * changed and abort on a caller who does not. So they do on a thread that changes a table, or
 * finishes a gather, while a walk of its own holds one of the table's locks. Not compiled into
 * release builds.
 */
#include <pthread.h>

#include "pt/pagetable_internal.h"

#ifndef NDEBUG
static bool is_own(const struct pt_walk_held *held)
{
	return held->thread == (uint64_t)(uintptr_t)pthread_self();
}

void ptl_no_walk_lock(struct pt_pgtable *pt)
{
	uint32_t bits = ptl_bit_lock(&pt->active_lock);

	for (const struct pt_walk_held *held = pt->held; held; held = held->next)
		PTL_BUG_ON(is_own(held));
	ptl_bit_unlock(&pt->active_lock, bits);
}

void ptl_walk_holds(struct pt_pgtable *pt, struct pt_walk_held *held)
{
	uint32_t bits = ptl_bit_lock(&pt->active_lock);

	held->thread = (uint64_t)(uintptr_t)pthread_self();
	held->next = pt->held;
	pt->held = held;
	ptl_bit_unlock(&pt->active_lock, bits);
}

void ptl_walk_released(struct pt_pgtable *pt, struct pt_walk_held *held)
{
	uint32_t bits = ptl_bit_lock(&pt->active_lock);
	struct pt_walk_held **link = &pt->held;

	while (*link != held)
		link = &(*link)->next;
	*link = held->next;
	ptl_bit_unlock(&pt->active_lock, bits);
}

void ptl_active_enter(struct pt_pgtable *pt, struct ptl_active *active)
{
	uint32_t bits;

	ptl_no_walk_lock(pt);
	bits = ptl_bit_lock(&pt->active_lock);
	for (const struct ptl_active *other = pt->active; other; other = other->next) {
		bool is_second_writer = pt->mode != PT_MODE_SHARED;
		bool overlaps = active->first <= other->last && other->first <= active->last;

		PTL_BUG_ON(is_second_writer);
		PTL_BUG_ON(overlaps);
	}
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
