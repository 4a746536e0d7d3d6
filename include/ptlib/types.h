/* SPDX-License-Identifier: MIT */
/*
 * ptlib/types.h - addresses, opaque handles and the two function marks.
 *
 * Every public header can be included alone.
 */
#ifndef PTLIB_TYPES_H
#define PTLIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PT_API __attribute__((visibility("default")))
#define PT_MUST_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t pt_va_t; /* input address of a translation, bytes */
typedef uint64_t pt_pa_t; /* output address: bytes into simulated physical memory */

/* Tables have at most this many levels; level 0 holds the smallest pages. */
#define PT_MAX_LEVELS 5

struct pt_phys;    /* one simulated physical memory, see phys.h */
struct pt_pgtable; /* one translation tree, see pagetable.h */
struct pt_gather;  /* what a change leaves to be flushed and freed, see gather.h */
struct pt_reserve; /* a stock of table pages, see reserve.h */

struct pt_zone;       /* a page allocator, see zone.h */
struct pt_zone_cache; /* one CPU's free pages, see zone.h */
struct pt_account;    /* somebody charged for pages, see zone_info.h */

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_TYPES_H */
