/* SPDX-License-Identifier: MIT */
/*
 * walk_next_impl.h - pt_range_walk_next() of walks over address spaces: a streak, else a quick
 * way, else the long one.
 *
 * While nobody else changes the table, each way calls the next as the last thing that it does, and
 * so saves no registers. What a run that ends with the table means for the cursor is seen to by
 * the long way, which comes next.
 */
#ifndef PTL_WALK_NEXT_IMPL_H
#define PTL_WALK_NEXT_IMPL_H

#include "pt/walk_quick_impl.h"

/* How far the next calls may try the quick way, and what it needs to know. */
static inline void ptl_walk_prepare_quick(struct pt_range_walk *walk)
{
	const struct pt_pgtable *pt = walk->pt_;
	const unsigned int slow = PT_WALK_EACH | PT_WALK_EFFECTIVE | PT_WALK_LOCKED;
	enum pt_range_walk_type leaf = PTW_PFN;
	unsigned int entries = ptl_nr_entries(pt, 0);
	uint64_t room;
	pt_va_t last = walk->last_;

	walk->was_quick_ = false;
	walk->frame_lg2_ = pt->phys->frame_lg2;
	walk->quick_end_ = 0;
	walk->streak_end_ = 0;
	if (!walk->table_ || walk->level_ || walk->done_ || walk->flags_ & slow ||
	    !ptl_aligned(walk->next_, FMT_GRANULE_LG2))
		return;
	if (ptl_walk_looks(walk)) {
		leaf = PTW_FOLIO;
		if (!walk->region_ || ptl_walk_in_huge(walk))
			return;
	}
	if (!ptl_walk_wants(walk, leaf))
		return;
	if (walk->areas_)
		last = ptl_min(last, walk->area.last);
	if (walk->next_ > last)
		return;
	/* All of 64 bits wraps to no room: the long way will do. */
	room = (last - walk->next_ + 1) >> FMT_GRANULE_LG2;
	if (!room)
		return;
	walk->quick_end_ =
		walk->index_ + (unsigned int)ptl_min(room, (uint64_t)(entries - walk->index_));
	/* Software's words in areas of large pages may be those of larger entries, side by side. */
	walk->quick_soft_ = pt->has_soft && !ptl_walk_in_huge(walk);
	if (walk->quick_leaf_ != leaf) {
		walk->quick_leaf_ = leaf;
		ptl_full_masks(walk, leaf, 0, &walk->quick_news_, &walk->quick_same_);
		walk->quick_special_ = fmt_attr_bits(pt->soft.attr_special, 0, &pt->fmt);
	}
}

/* If the run that the long way reported is a whole folio, all alike, more of them may follow. */
static inline void ptl_streak_try(struct pt_range_walk *walk, enum pt_range_walk_type type)
{
	const uint64_t len = PTL_BIT(walk->folio_order + walk->frame_lg2_);
	const unsigned int nr = (unsigned int)(len >> FMT_GRANULE_LG2);

	if (type == PTW_FOLIO && walk->quick_end_ && !walk->level && !walk->hidden && nr &&
	    walk->len == len && walk->pa == walk->folio &&
	    walk->attr == fmt_decode(walk->raw, 0, &walk->pt_->fmt))
		ptl_streak_begin(walk, nr, walk->raw, walk->folio_order);
}

static __attribute__((noinline)) enum pt_range_walk_type
ptl_walk_thoroughly(struct pt_range_walk *walk)
{
	enum pt_range_walk_type type;

	if (walk->quick_end_ && walk->index_ == walk->quick_end_) {
		walk->done_ = walk->next_ - 1 == walk->last_;
		if (walk->index_ == ptl_nr_entries(walk->pt_, 0))
			walk->table_ = NULL;
	}
	type = ptl_walk_fully(walk);
	ptl_walk_prepare_quick(walk);
	ptl_streak_try(walk, type);
	return walk->type_ = type;
}

static inline enum pt_range_walk_type ptl_walk_or_thoroughly(struct pt_range_walk *walk,
							     enum pt_range_walk_type type)
{
	return type ? type : ptl_walk_thoroughly(walk);
}

/* What stands at the next entry of the table in hand, by whichever way is quick. */
static inline enum pt_range_walk_type ptl_quick_entry_type(struct pt_range_walk *walk)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	_Atomic uint64_t *table = ptl_quick_table(walk);
	const unsigned int index = walk->index_;
	uint64_t raw;

	if (index >= walk->quick_end_ || !ptl_quick_alive(walk))
		return PTW_ABORT;
	raw = ptl_load_acquire(&table[index]);
	if (!fmt_is_leaf(raw, 0, f))
		return raw ? ptl_quick_soft(walk, raw) : ptl_quick_holes(walk);
	if (walk->quick_leaf_ == PTW_PFN)
		return ptl_quick_pfns(walk, raw);
	return ptl_quick_page(walk, raw) || ptl_quick_whole(walk, raw) ? PTW_FOLIO
								       : ptl_quick_folio(walk, raw);
}

/* Beside writers. The long way enters a section itself. */
static __attribute__((noinline)) enum pt_range_walk_type
ptl_walk_guarded(struct pt_range_walk *walk)
{
	enum pt_range_walk_type type = PTW_ABORT;
	struct ptl_streak_spot at;

	if (!walk->quick_end_)
		return ptl_walk_thoroughly(walk);
	ptl_rcu_read_lock();
	if (ptl_streak_goes_on(walk, &at))
		type = walk->streak_nr_ == 1 ? ptl_streak_report(walk, &at, 1)
					     : ptl_streak_folio(walk, &at);
	if (!type) {
		walk->streak_end_ = 0;
		type = ptl_quick_entry_type(walk);
	}
	ptl_rcu_read_unlock();
	return ptl_walk_or_thoroughly(walk, type);
}

/* While nobody else changes the table: one way for each kind of entry. */
static __attribute__((noinline)) enum pt_range_walk_type ptl_walk_holes(struct pt_range_walk *walk)
{
	return ptl_walk_or_thoroughly(walk, ptl_quick_holes(walk));
}

static __attribute__((noinline)) enum pt_range_walk_type ptl_walk_swap(struct pt_range_walk *walk,
								       uint64_t raw)
{
	return ptl_walk_or_thoroughly(walk, ptl_quick_swap(walk, raw));
}

static __attribute__((noinline)) enum pt_range_walk_type ptl_walk_soft(struct pt_range_walk *walk,
								       uint64_t raw)
{
	enum pt_range_walk_type type = ptl_quick_soft_type(walk, raw);

	if (type == PTW_SWAP)
		return ptl_walk_swap(walk, raw);
	return type ? ptl_quick_report_soft(walk, type, 1, raw) : ptl_walk_thoroughly(walk);
}

static __attribute__((noinline)) enum pt_range_walk_type ptl_walk_pfns(struct pt_range_walk *walk,
								       uint64_t raw)
{
	return ptl_walk_or_thoroughly(walk, ptl_quick_pfns(walk, raw));
}

static __attribute__((noinline)) enum pt_range_walk_type ptl_walk_pages(struct pt_range_walk *walk,
									uint64_t raw)
{
	return ptl_walk_or_thoroughly(walk, ptl_quick_folio(walk, raw));
}

static __attribute__((noinline)) enum pt_range_walk_type ptl_walk_whole(struct pt_range_walk *walk,
									uint64_t raw)
{
	return ptl_quick_whole(walk, raw) ? PTW_FOLIO : ptl_walk_pages(walk, raw);
}

static __attribute__((noinline)) enum pt_range_walk_type ptl_walk_folio(struct pt_range_walk *walk,
									uint64_t raw)
{
	return ptl_quick_page(walk, raw) ? PTW_FOLIO : ptl_walk_whole(walk, raw);
}

static __attribute__((noinline)) enum pt_range_walk_type ptl_walk_entry(struct pt_range_walk *walk)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	_Atomic uint64_t *table = ptl_quick_table(walk);
	const unsigned int index = walk->index_;
	uint64_t raw;

	if (index >= walk->quick_end_ || !ptl_quick_alive(walk))
		return ptl_walk_thoroughly(walk);
	raw = ptl_load_acquire(&table[index]);
	if (fmt_is_leaf(raw, 0, f))
		return walk->quick_leaf_ == PTW_PFN ? ptl_walk_pfns(walk, raw)
						    : ptl_walk_folio(walk, raw);
	return raw ? ptl_walk_soft(walk, raw) : ptl_walk_holes(walk);
}

static __attribute__((noinline)) enum pt_range_walk_type ptl_walk_streak(struct pt_range_walk *walk)
{
	struct ptl_streak_spot at;

	if (ptl_streak_goes_on(walk, &at) && ptl_streak_folio(walk, &at))
		return PTW_FOLIO;
	walk->streak_end_ = 0;
	return ptl_walk_entry(walk);
}

static enum pt_range_walk_type ptl_walk_alone(struct pt_range_walk *walk)
{
	struct ptl_streak_spot at;

	if (walk->index_ >= walk->streak_end_)
		return ptl_walk_entry(walk);
	if (walk->streak_nr_ > 1)
		return ptl_walk_streak(walk);
	if (ptl_streak_goes_on(walk, &at))
		return ptl_streak_report(walk, &at, 1);
	walk->streak_end_ = 0;
	return ptl_walk_entry(walk);
}

static enum pt_range_walk_type ptl_walk_full(struct pt_range_walk *walk)
{
	walk->step_ = PTL_SHARED || walk->pt_->readers ? ptl_walk_guarded : ptl_walk_alone;
	return ptl_walk_thoroughly(walk);
}

static void ptl_walk_end(struct pt_range_walk *walk)
{
	ptl_walk_unlock(walk);
}

#endif /* PTL_WALK_NEXT_IMPL_H */
