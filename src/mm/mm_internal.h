/* SPDX-License-Identifier: MIT */
/*
 * mm_internal.h - the objects of the layer, and what its files ask of each other.
 *
 * Pages are as large as frames and granule; orders count them.
 */
#ifndef PTL_MM_INTERNAL_H
#define PTL_MM_INTERNAL_H

#include <stdatomic.h>

#include <ptlib/gather.h>
#include <ptlib/map.h>
#include <ptlib/mm.h>
#include <ptlib/mm_store.h>
#include <ptlib/phys.h>
#include <ptlib/walk.h>
#include <ptlib/zone.h>

#include "base/bits.h"
#include "base/bug.h"

/* Bits of ptl_page.flags. */
#define PTL_PAGE_USED 1u /* of a folio */
#define PTL_PAGE_ANON 2u /* of the whole folio, as the next three: on its head */
#define PTL_PAGE_DIRTY 4u
#define PTL_PAGE_HUGETLB 8u
#define PTL_PAGE_DEVICE 0x10u
#define PTL_PAGE_EXCLUSIVE 0x20u /* anonymous, and this page has one mapping */
#define PTL_PAGE_POISONED 0x40u
#define PTL_PAGE_MOVING 0x80u /* head: migration entries refer to it */
#define PTL_PAGE_LAZY 0x100u /* head, ANON: given up by MADV_FREE, unless somebody writes it */

/*
 * What only mm needs to know of a page. Written by the world's one thread, read beside it
 * by reports: relaxed, each figure by itself.
 *
 *	mapcount of a page = maps + entire of its head
 *	total of a head    = sum of maps + entire
 *
 * A folio is free when total and pins are 0.
 */
struct ptl_page {
	_Atomic uint32_t maps; /* entries that map this page alone */
	_Atomic uint32_t entire; /* head: leaves of level 1 and up, and all mappings of hugetlb */
	_Atomic uint32_t total; /* head */
	_Atomic uint16_t flags;
	_Atomic uint8_t order; /* of the folio, in each page of it; heads are aligned to it */
	uint8_t pins; /* head: page cache, migration, poison, being a zero page: one each */
	_Atomic(struct pt_file *) file; /* head: whose cache it is in */
	_Atomic uint64_t offset; /* head: as pt_mm_area.offset; of a free list: the next */
};

_Static_assert(sizeof(struct ptl_page) == 32, "a page's facts are half a cache line");

#define PTL_CHUNK_LG2 9 /* pages of a chunk */

/* The facts of one region of memory. */
struct ptl_page_region {
	pt_pa_t pa;
	uint64_t len;
	struct ptl_page *pages;
	uint64_t *touched; /* behind them: a bit a chunk, 0 if no page of it ever was of a folio */
};

struct ptl_huge_pool {
	unsigned int size_lg2;
	uint64_t nr_free, nr, room;
	pt_pa_t *free; /* a stack */
	struct ptl_huge_pool *next;
};

struct pt_world {
	struct pt_world_cfg cfg;
	struct pt_phys *phys;
	struct ptl_page_region *regions;
	size_t nr_regions;
	unsigned int page_lg2;
	unsigned int huge_lg2; /* of a leaf of level 1; page_lg2 if there is none */
	struct pt_format_info info;
	pt_va_t user_first, user_last;
	pt_pa_t zero_page;
	_Atomic pt_pa_t huge_zero; /* or PTL_NO_PA; written once beside reports: relaxed */
	struct pt_mm *mms; /* all of them; rmap goes over them */
	struct pt_file *files; /* all of them */
	struct pt_swap *swaps;
	struct ptl_huge_pool *pools;
	uint64_t poisoned; /* list of poisoned folios that nobody maps, by offset */
};

struct ptl_areas {
	struct pt_mm_area *at;
	size_t nr, room;
};

struct pt_mm {
	struct pt_world *world;
	struct pt_pgtable *pt;
	struct pt_mm_cfg cfg;
	struct pt_zone_source tables;
	struct ptl_areas areas;
	struct pt_mm *next, **link;
};

#define PTL_NO_PA PTL_BIT(63) /* no address is so large, nor with a leaf's bytes more */

static inline uint64_t ptl_page_bytes(const struct pt_world *world)
{
	return PTL_BIT(world->page_lg2);
}

static inline pt_pa_t ptl_huge_zero(const struct pt_world *world)
{
	return atomic_load_explicit(&world->huge_zero, memory_order_relaxed);
}

/* Its pages are told from others by where they are, as is_huge_zero_pmd() does. */
static inline bool ptl_is_huge_zero(const struct pt_world *world, pt_pa_t pa)
{
	return pa - ptl_huge_zero(world) < PTL_BIT(world->huge_lg2);
}

static inline bool ptl_is_zero(const struct pt_world *world, pt_pa_t pa)
{
	return pa == world->zero_page || ptl_is_huge_zero(world, pa);
}

/* world.c: the huge zero page is there from now on. False: it cannot be, or shall not. */
bool ptl_huge_zero_get(struct pt_world *world);

static inline bool ptl_keeps_content(const struct pt_world *world)
{
	return !(world->cfg.flags & PT_WORLD_NO_CONTENT);
}

/* area.c: all but reserve() cannot fail. */
size_t ptl_areas_find(const struct ptl_areas *areas,
		      pt_va_t va); /* first that ends at @va or above */
int ptl_areas_reserve(struct ptl_areas *areas, size_t more);
void ptl_areas_insert(struct ptl_areas *areas, size_t i, const struct pt_mm_area *area);
void ptl_areas_remove(struct ptl_areas *areas, size_t i, size_t nr);
void ptl_areas_exit(struct ptl_areas *areas);
/*
 * Splits areas at the ends of [first, last], so that those from *@i to before *@end are
 * what is used of it. Room for two more was reserved.
 */
void ptl_areas_isolate(struct ptl_areas *areas, pt_va_t first, pt_va_t last, size_t *i,
		       size_t *end);
/* Makes one of neighbours that are alike, from the one before @i to the one behind @end. */
void ptl_areas_merge(struct ptl_areas *areas, size_t i, size_t end);
bool ptl_area_can_follow(const struct pt_mm_area *area, const struct pt_mm_area *next);
/* Another reference to what @area refers to; ptl_areas_remove() drops it. */
void ptl_area_get(const struct pt_mm_area *area);
/* The area that holds @va, or NULL. */
const struct pt_mm_area *ptl_area_of(const struct pt_mm *mm, pt_va_t va);
/* -EINVAL or -ERANGE, as all calls with a range. */
int ptl_mm_range(const struct pt_mm *mm, pt_va_t va, uint64_t len, pt_va_t *last);
/* Whether the format has protection keys up to this one; all have 0. */
bool ptl_has_key(const struct pt_world *world, unsigned int key);
/* A size that leaves or contiguous blocks have, and no single page. */
bool ptl_is_huge_size(const struct pt_world *world, unsigned int size_lg2);
/* Whether areas cover all of [first, last]. */
bool ptl_areas_cover(const struct ptl_areas *areas, pt_va_t first, pt_va_t last);
/* Whether all that meet [first, last] are of these kinds, and of @mask have just these flags. */
bool ptl_areas_are(const struct ptl_areas *areas, pt_va_t first, pt_va_t last, unsigned int kinds,
		   unsigned int mask, unsigned int flags);
/* The part of @area in [first, last], which it meets. */
struct pt_mm_area ptl_area_part(const struct pt_mm_area *area, pt_va_t first, pt_va_t last);

/* The page's offset in its area's file, or where it was born. */
static inline uint64_t ptl_area_offset(const struct pt_mm_area *area, pt_va_t va)
{
	return area->offset + (va - area->first);
}

/* Private areas may hold anonymous pages, shared ones do not. */
static inline bool ptl_area_is_private(const struct pt_mm_area *area)
{
	return !(area->flags & PT_MM_SHARED);
}

/* page.c */
int ptl_pages_init(struct pt_world *world);
void ptl_pages_exit(struct pt_world *world);
/* NULL outside memory, as the next. */
const struct ptl_page_region *ptl_page_region(const struct pt_world *world, pt_pa_t pa);
struct ptl_page *ptl_page_at(const struct pt_world *world, pt_pa_t pa);
/* The first page from number @i on in a chunk of @region that was touched; or how many it has. */
size_t ptl_page_touched(const struct pt_world *world, const struct ptl_page_region *region,
			size_t i);
static inline unsigned int ptl_page_order(const struct ptl_page *page)
{
	return atomic_load_explicit(&page->order, memory_order_relaxed);
}
static inline unsigned int ptl_page_flags(const struct ptl_page *page)
{
	return atomic_load_explicit(&page->flags, memory_order_relaxed);
}
void ptl_page_set(struct ptl_page *page, unsigned int set, unsigned int clear);
/* First byte of the folio that the page at @pa is of. */
pt_pa_t ptl_folio_head(const struct pt_world *world, pt_pa_t pa);
struct ptl_page *ptl_folio_at(const struct pt_world *world, pt_pa_t pa); /* its head's facts */
uint32_t ptl_page_mapcount(const struct pt_world *world, pt_pa_t pa);

/*
 * A new folio without mappings, zeroed if @zero; @flags: PTL_PAGE_*. From the zone, the
 * device's zone (DEVICE), or the pool of its size (HUGETLB).
 */
int ptl_folio_alloc(struct pt_mm *mm, struct pt_world *world, unsigned int order,
		    unsigned int flags, bool zero, pt_pa_t *head);
void ptl_folio_free(struct pt_world *world, pt_pa_t head);
void ptl_folio_copy(struct pt_world *world, pt_pa_t to, pt_pa_t from, uint64_t len);
/* Becomes folios of single pages; facts of the head go to each. Nobody maps it as a whole. */
void ptl_folio_split(struct pt_world *world, pt_pa_t head);

/*
 * Mappings counted: of [pa, pa + len), as a whole folio or page by page. del returns
 * whether the folio has neither mappings nor pins now.
 */
void ptl_map_add(struct pt_world *world, pt_pa_t pa, uint64_t len, bool entire);
bool ptl_map_del(struct pt_world *world, pt_pa_t pa, uint64_t len, bool entire);

/* store.c, swap.c */
void ptl_file_get(struct pt_file *file);
struct pt_world *ptl_file_world(const struct pt_file *file);
/* The page of @offset. 0 if it was there, else how it was brought in. */
#define PTL_FILLED 1
#define PTL_FILLED_FROM_SWAP 2
/* Or -EIO: it is lost. */
int ptl_file_fill(struct pt_file *file, struct pt_mm *mm, uint64_t offset, pt_pa_t *pa);
/* The cache's folio at @head is at @to now: of the same order. */
void ptl_file_replace(struct pt_file *file, uint64_t offset, pt_pa_t head, pt_pa_t to);
void ptl_file_forget(struct pt_file *file, uint64_t offset, uint64_t len);
/*
 * What was there is lost: a disk has it anew, shmem and hugetlb have not, and remember so.
 * Source: Linux 6.15, mm/memory-failure.c, me_pagecache_clean(), me_huge_page().
 */
void ptl_file_lose(struct pt_file *file, uint64_t offset, uint64_t len);
/* The page of @offset is in @slot from now on, whose content is written by the caller. */
void ptl_file_swap_out(struct pt_file *file, uint64_t offset, struct pt_swap *swap, uint64_t slot);
/* Bytes of [offset, offset + len) that are in swap. */
uint64_t ptl_file_swapped(const struct pt_file *file, uint64_t offset, uint64_t len);
struct pt_file *ptl_file_next(const struct pt_file *file);
/* The first page in memory from *@offset on; false: there is none. */
bool ptl_file_next_page(const struct pt_file *file, uint64_t *offset, pt_pa_t *pa);
/* By ptl_swap_count_anew(); whether all are of slots, and as many as the file counts. */
bool ptl_file_count_swap(const struct pt_file *file);

struct pt_swap *ptl_swap_of(const struct pt_world *world, unsigned int type);
unsigned int ptl_swap_type(const struct pt_swap *swap);
/* @nr free slots in a row, not taken yet; -ENOMEM. */
int ptl_swap_find(struct pt_swap *swap, uint64_t nr, uint64_t *slot);
/* Room for the content of slots that are written next; -ENOMEM. */
int ptl_swap_prepare(struct pt_swap *swap, uint64_t slot, uint64_t nr);
/* No content is kept of those that nobody refers to. */
void ptl_swap_trim(struct pt_swap *swap, uint64_t slot, uint64_t nr);
void ptl_swap_write(struct pt_swap *swap, uint64_t slot, pt_pa_t pa);
void ptl_swap_read(struct pt_swap *swap, uint64_t slot, pt_pa_t pa);
/* One more entry refers to @slot; one less, and the last frees it. */
void ptl_swap_get(struct pt_swap *swap, uint64_t slot);
void ptl_swap_put(struct pt_swap *swap, uint64_t slot);
struct pt_swap *ptl_swap_next(const struct pt_swap *swap);
/* For pt_world_verify(): a reference that was found; false: there is no such slot. */
bool ptl_swap_count_anew(struct pt_swap *swap, uint64_t slot);
/* Whether they are as counted, once. */
bool ptl_swap_counts_agree(struct pt_swap *swap);

struct ptl_huge_pool *ptl_huge_pool(const struct pt_world *world, unsigned int size_lg2);
void ptl_huge_free(struct pt_world *world, pt_pa_t pa, unsigned int size_lg2);

#endif /* PTL_MM_INTERNAL_H */
