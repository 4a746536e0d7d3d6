/* SPDX-License-Identifier: MIT */
/* reserve.h - what a reserve does for its owner inside the library. */
#ifndef PTL_RESERVE_H
#define PTL_RESERVE_H

#include <ptlib/reserve.h>

/*
 * One step of pt_reserve_trim(): if more than @nr pages are in stock, one of them leaves it,
 * and the caller gives it to the source that is returned. NULL: no more than that are.
 *
 * For an owner who counts pages under a lock of its own, and trims under that lock too: what
 * it counted is still there when it is used. Giving back may take other locks.
 */
const struct pt_table_ops *ptl_reserve_take_spare(struct pt_reserve *reserve, size_t nr,
						  pt_pa_t *pa);

#endif /* PTL_RESERVE_H */
