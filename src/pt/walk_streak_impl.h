/* SPDX-License-Identifier: MIT */
/*
 * walk_streak_impl.h - streaks: the next run is as the one before, a whole folio as large and
 * with the same bits, elsewhere in memory. What is compared and stored is no more than where.
 */
#ifndef PTL_WALK_STREAK_IMPL_H
#define PTL_WALK_STREAK_IMPL_H

#include "pt/walk_full_impl.h"

static inline _Atomic uint64_t *ptl_quick_table(const struct pt_range_walk *walk)
{
	return (_Atomic uint64_t *)(uintptr_t)walk->table_;
}

static inline _Atomic uint64_t *ptl_quick_entry(const struct pt_range_walk *walk)
{
	return ptl_quick_table(walk) + walk->index_;
}

/* Whether the table in hand is still what was found. */
static inline bool ptl_quick_alive(const struct pt_range_walk *walk)
{
	struct pt_frame *frame = (struct pt_frame *)(uintptr_t)walk->frame_;

	/* Acquire pairs with the releases in ptl_table_kill() and ptl_tables_unhooked(). */
	return atomic_load_explicit(&frame->generation, memory_order_acquire) == walk->alive_ &&
	       atomic_load_explicit(&walk->pt_->unhooked, memory_order_acquire) == walk->unhooked_;
}

/* Bits of pt_frame.use, from 32 on, that say which folio begins there: state, kind, order. */
#define PTL_QUICK_USE (0xffu | (PTL_BLOCK_KIND | PTL_BLOCK_ORDER) << 8)

static inline uint32_t ptl_frame_use(struct pt_frame *frame)
{
	/* In one go. */
	return atomic_load_explicit(&frame->use, memory_order_relaxed) >> 32 & PTL_QUICK_USE;
}

/* The next entry, if it is the first of one more folio of the streak. */
struct ptl_streak_spot {
	_Atomic uint64_t *entry;
	uint64_t raw;
	pt_pa_t pa;
	unsigned int index;
};

/*
 * Loads decide what this costs, so each field is read once: those behind an acquire are not kept
 * from before it, for then there are not registers enough.
 */
static inline __attribute__((always_inline)) bool
ptl_streak_goes_on(const struct pt_range_walk *walk, struct ptl_streak_spot *at)
{
	const struct ptl_region *region;
	struct pt_frame *frame;
	uint64_t offset;

	at->index = walk->index_;
	if (at->index >= walk->streak_end_ || !ptl_quick_alive(walk))
		return false;
	at->entry = ptl_quick_table(walk) + at->index;
	at->raw = ptl_load_acquire(at->entry);
	at->pa = at->raw ^ walk->streak_form_;
	region = walk->region_;
	offset = at->pa - region->pa;
	if (at->pa & walk->streak_stray_ || offset >= region->len)
		return false;
	frame = &region->frames[offset >> walk->frame_lg2_];
	return ptl_frame_use(frame) == walk->streak_use_;
}

static inline __attribute__((always_inline)) enum pt_range_walk_type
ptl_streak_report(struct pt_range_walk *walk, const struct ptl_streak_spot *at, unsigned int nr)
{
	pt_va_t va = walk->next_;

	walk->va = va;
	walk->pa = walk->folio = at->pa;
	walk->raw = at->raw;
	walk->next_ = va + ((uint64_t)nr << FMT_GRANULE_LG2);
	walk->index_ = at->index + nr;
	return PTW_FOLIO;
}

/* So many folios ahead a descriptor is asked for, and so many pages of several ones. */
#define PTL_QUICK_AHEAD 8
#define PTL_QUICK_PAGES_AHEAD 32

/*
 * Folios of more than one page have their descriptors far from each other: asks for that of
 * @pa ahead of time. No memory need be there: any address may be asked for.
 */
static inline void ptl_quick_prefetch(const struct pt_range_walk *walk, pt_pa_t pa)
{
	const struct ptl_region *region = walk->region_;
	uint64_t i = (pa - region->pa) >> walk->frame_lg2_;

	__builtin_prefetch((void *)((uintptr_t)region->frames + i * sizeof(struct pt_frame)));
}

/* The other words of a folio of the streak are all read before anything is decided. */
static inline __attribute__((always_inline)) bool ptl_streak_whole(const struct pt_range_walk *walk,
								   const struct ptl_streak_spot *at,
								   unsigned int nr)
{
	/*
	 * Addresses are in place, and the folio's first is a multiple of its size: that of each
	 * page is the one before and a page more.
	 */
	const uint64_t step = PTL_BIT(FMT_GRANULE_LG2);
	_Atomic uint64_t *entry = at->entry, *end = entry + nr;
	uint64_t want = at->raw, differ = 0;

	if (nr < 4)
		return !((ptl_load(&entry[1]) ^ (want + step)) & walk->quick_news_);
	for (; entry < end; entry += 4, want += 4 * step)
		differ |= ptl_full_differ4(entry, want, step);
	return !(differ & walk->quick_news_);
}

/* One more folio of a streak of larger ones than pages. */
static inline __attribute__((always_inline)) enum pt_range_walk_type
ptl_streak_folio(struct pt_range_walk *walk, const struct ptl_streak_spot *at)
{
	const unsigned int nr = walk->streak_nr_;

	if (at->index + PTL_QUICK_AHEAD * nr < walk->quick_end_)
		ptl_quick_prefetch(walk,
				   ptl_load(at->entry + PTL_QUICK_AHEAD * nr) ^ walk->streak_form_);
	return ptl_streak_whole(walk, at, nr) ? ptl_streak_report(walk, at, nr) : PTW_ABORT;
}

/* After the report of a whole folio of @nr pages, all with the bits of @raw. */
static inline __attribute__((always_inline)) void
ptl_streak_begin(struct pt_range_walk *walk, unsigned int nr, uint64_t raw, unsigned int order)
{
	const uint64_t address = walk->pt_->fmt.page_address;

	/* What of an address stands elsewhere in the word would be taken for form. */
	if (!address || walk->pa & ~address || nr > walk->quick_end_)
		return;
	walk->streak_form_ = raw & ~address;
	walk->streak_stray_ = ~address;
	walk->streak_use_ = PTL_FRAME_NONE | (PTL_BLOCK_HELD | order) << 8;
	walk->streak_nr_ = nr;
	walk->streak_end_ = walk->quick_end_ - nr + 1;
}

#endif /* PTL_WALK_STREAK_IMPL_H */
