/* SPDX-License-Identifier: MIT */
/*
 * walk_quick_impl.h - the quick ways of walks over address spaces: what stands in the table of
 * level 0 in hand, run after run. They decide nothing that walk_full_impl.h would not.
 *
 *	a streak        the run is as the one before, a whole folio as large and with the same
 *	                bits, elsewhere in memory: all that is new is where
 *	ptl_quick_*()   each kind of run has a function that returns its type, or PTW_ABORT:
 *	                nothing has happened, the long way
 *	the long way    ptl_walk_fully()
 *
 * Each way calls the next as the last thing that it does, and so saves no registers. What a run
 * that ends with the table means for the cursor is seen to by the long way, which comes next.
 */
#ifndef PTL_WALK_QUICK_IMPL_H
#define PTL_WALK_QUICK_IMPL_H

#include "pt/walk_full_impl.h"

static inline _Atomic uint64_t *ptl_quick_entry(const struct pt_range_walk *walk)
{
	return (_Atomic uint64_t *)(uintptr_t)walk->table_ + walk->index_;
}

/* Whether the table in hand is still what was found. */
static inline bool ptl_quick_alive(const struct pt_range_walk *walk)
{
	struct pt_frame *frame = (struct pt_frame *)(uintptr_t)walk->frame_;

	/* Acquire pairs with the releases in ptl_table_kill() and ptl_tables_unhooked(). */
	return atomic_load_explicit(&frame->generation, memory_order_acquire) == walk->alive_ &&
	       atomic_load_explicit(&walk->pt_->unhooked, memory_order_acquire) == walk->unhooked_;
}

/* What all runs report, and steps behind @nr entries. */
static inline __attribute__((always_inline)) void ptl_quick_report(struct pt_range_walk *walk,
								   enum pt_range_walk_type type,
								   unsigned int nr, uint64_t raw)
{
	pt_va_t va = walk->next_, next = va + ((uint64_t)nr << FMT_GRANULE_LG2);

	walk->va = va;
	walk->len = next - va;
	walk->raw = raw;
	walk->type_ = type;
	if (__builtin_expect(!walk->was_quick_, 0)) {
		walk->was_quick_ = true;
		walk->hidden = false;
		walk->level = 0;
		walk->size_lg2 = FMT_GRANULE_LG2;
		walk->why = PT_LEGAL;
	}
	walk->next_ = next;
	walk->index_ += nr;
	walk->streak_end_ = 0;
}

static inline __attribute__((always_inline)) void
ptl_quick_report_folio(struct pt_range_walk *walk, unsigned int nr, uint64_t raw, pt_pa_t pa,
		       unsigned int order, pt_attr_t attr)
{
	walk->pa = walk->folio = pa;
	walk->folio_order = order;
	walk->attr = attr;
	walk->contig_lg2 = fmt_contig_lg2(raw, 0, &walk->pt_->fmt);
	ptl_quick_report(walk, PTW_FOLIO, nr, raw);
}

/* Bits of pt_frame.use, from 32 on, that say which folio begins there: state, kind, order. */
#define PTL_QUICK_USE (0xffu | (PTL_BLOCK_KIND | PTL_BLOCK_ORDER) << 8)

static inline uint32_t ptl_frame_use(struct pt_frame *frame)
{
	/* In one go. */
	return atomic_load_explicit(&frame->use, memory_order_relaxed) >> 32 & PTL_QUICK_USE;
}

static inline uint32_t ptl_quick_use(const struct pt_range_walk *walk, pt_pa_t pa)
{
	const struct ptl_region *region = walk->region_;

	return ptl_frame_use(&region->frames[(pa - region->pa) >> walk->frame_lg2_]);
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
	at->entry = (_Atomic uint64_t *)(uintptr_t)walk->table_ + at->index;
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

/*
 * How many pages the folio has that begins at @pa, which leaf @raw maps; and its order. 0: it is
 * special, or no folio begins there, or one smaller than a page.
 */
static inline unsigned int ptl_quick_folio_pages(const struct pt_range_walk *walk, uint64_t raw,
						 pt_pa_t pa, unsigned int *order)
{
	const struct ptl_region *region = walk->region_;
	uint32_t use;

	if (raw & walk->quick_special_ || pa - region->pa >= region->len)
		return 0;
	use = ptl_quick_use(walk, pa);
	if ((use & (0xff | PTL_BLOCK_KIND << 8)) != (PTL_FRAME_NONE | PTL_BLOCK_HELD << 8))
		return 0;
	*order = use >> 8 & PTL_BLOCK_ORDER;
	return (1u << *order << walk->frame_lg2_) >> FMT_GRANULE_LG2;
}

/* So many folios ahead a descriptor is asked for. */
#define PTL_QUICK_AHEAD 8

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

/* Whether leaf @word differs from @want in what ends a run. */
static inline bool ptl_quick_ends(const struct pt_range_walk *walk, uint64_t word, uint64_t want)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	uint64_t differ = word ^ want;

	if (!(walk->flags_ & PT_WALK_RESPECT_AD))
		differ = fmt_still(word, f) ^ fmt_still(want, f);
	return differ & walk->quick_same_;
}

/*
 * How many of @nr words from the next one on, a leaf's that was read as @raw, go on like it;
 * *@merged: what their marks say, if any differ. 0: the first has changed since.
 */
static inline __attribute__((always_inline)) unsigned int
ptl_quick_alike(const struct pt_range_walk *walk, uint64_t raw, unsigned int nr, uint64_t step,
		pt_attr_t *merged)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	const uint64_t news = walk->quick_news_;
	_Atomic uint64_t *entry = ptl_quick_entry(walk);
	uint64_t want = raw;
	unsigned int i;

	*merged = 0;
	/* Runs mostly go as far as they may, or not at all. */
	if (nr > 1) {
		uint64_t word = ptl_load(&entry[1]);

		if ((word ^ (raw + step)) & news && ptl_quick_ends(walk, word, raw + step))
			return 1;
	}
	/* The first too: whole groups, mostly. */
	i = ptl_full_alike(entry, nr, &want, step, news);
	while (i && i < nr) {
		uint64_t word = ptl_load(&entry[i]);

		if (ptl_quick_ends(walk, word, want))
			break;
		*merged |= fmt_decode(word, 0, f);
		want = word + step;
		i++;
		i += ptl_full_alike(&entry[i], nr - i, &want, step, news);
	}
	return i;
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

	if (!address || nr > walk->quick_end_)
		return; /* addresses are not in place */
	walk->streak_form_ = raw & ~address;
	walk->streak_stray_ = ~address;
	walk->streak_use_ = PTL_FRAME_NONE | (PTL_BLOCK_HELD | order) << 8;
	walk->streak_nr_ = nr;
	walk->streak_end_ = walk->quick_end_ - nr + 1;
}

/* A folio of @nr pages: those that follow with the same bits. */
static inline enum pt_range_walk_type ptl_quick_folio(struct pt_range_walk *walk, uint64_t raw,
						      unsigned int nr, unsigned int order)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	const pt_attr_t merge =
		PT_ATTR_ACCESSED | PT_ATTR_DIRTY | PT_ATTR_WRITE | walk->pt_->soft.attr_dirty;
	const uint64_t step = fmt_leaf_step(raw, 0, nr, f);
	unsigned int i, ahead;
	pt_attr_t merged;

	/* What reaches further, into the next table or beyond the end, is the long way's. */
	if (!step || nr > walk->quick_end_ - walk->index_)
		return PTW_ABORT;
	i = ptl_quick_alike(walk, raw, nr, step, &merged);
	if (!i)
		return PTW_ABORT;
	ahead = i == nr && nr > 1 ? PTL_QUICK_AHEAD * nr : 2 * PTL_QUICK_AHEAD;
	if (walk->index_ + ahead < walk->quick_end_)
		ptl_quick_prefetch(walk,
				   fmt_leaf_pa(ptl_load(ptl_quick_entry(walk) + ahead), 0, 0, f));
	ptl_quick_report_folio(walk, i, raw, fmt_leaf_pa(raw, 0, walk->index_, f), order,
			       fmt_decode(raw, 0, f) | (merged & merge));
	if (i == nr && !merged)
		ptl_streak_begin(walk, nr, raw, order);
	return PTW_FOLIO;
}

/* Pages side by side, where nobody asks for folios; if something else follows in this table. */
static inline enum pt_range_walk_type ptl_quick_pfns(struct pt_range_walk *walk, uint64_t raw)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	const unsigned int room = walk->quick_end_ - walk->index_;
	const uint64_t step = fmt_leaf_step(raw, 0, room, f);
	pt_attr_t merged;
	unsigned int nr;

	if (!step)
		return PTW_ABORT;
	nr = ptl_quick_alike(walk, raw, room, step, &merged);
	if (!nr || nr == room)
		return PTW_ABORT;
	walk->pa = fmt_leaf_pa(raw, 0, walk->index_, f);
	walk->attr = fmt_decode(raw, 0, f) | (merged & (PT_ATTR_ACCESSED | PT_ATTR_DIRTY));
	walk->contig_lg2 = fmt_contig_lg2(raw, 0, f);
	ptl_quick_report(walk, PTW_PFN, nr, raw);
	return PTW_PFN;
}

/* What is no leaf has none of these. */
static inline void ptl_quick_no_leaf(struct pt_range_walk *walk)
{
	walk->pa = 0;
	walk->attr = 0;
	walk->contig_lg2 = 0;
}

/* Holes, if something else follows them in this table. */
static inline enum pt_range_walk_type ptl_quick_holes(struct pt_range_walk *walk)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	_Atomic uint64_t *entry = ptl_quick_entry(walk);
	unsigned int nr = 1, room = walk->quick_end_ - walk->index_;

	for (; nr < room; nr++) {
		uint64_t raw = ptl_load(&entry[nr]);

		if (raw && fmt_kind(raw, 0, f) != PTL_EMPTY)
			break;
	}
	if (nr == room || !ptl_walk_wants(walk, PTW_NONE))
		return PTW_ABORT;
	ptl_quick_no_leaf(walk);
	ptl_quick_report(walk, PTW_NONE, nr, 0);
	return PTW_NONE;
}

/* How many swap words from @raw on have consecutive offsets. 0: the long way. */
static inline unsigned int ptl_quick_swap(const struct pt_range_walk *walk, uint64_t raw)
{
	const struct pt_soft_cfg *soft = &walk->pt_->soft;
	unsigned int room = walk->quick_end_ - walk->index_, nr;
	uint64_t step = ptl_swap_step(soft, raw, room), want = raw;

	if (!step)
		return 0;
	nr = ptl_full_alike(ptl_quick_entry(walk), room, &want, step, ~soft->stray);
	return nr < room ? nr : 0;
}

/* Software's words but for PROT_NONE, of areas of small pages. */
static inline enum pt_range_walk_type ptl_quick_soft(struct pt_range_walk *walk, uint64_t raw)
{
	const struct pt_pgtable *pt = walk->pt_;
	enum pt_range_walk_type type;
	enum pt_soft_kind kind;
	unsigned int nr = 1;

	if (!pt->has_soft || fmt_kind(raw, 0, &pt->fmt) != PTL_SOFT || !(raw & ~pt->soft.stray) ||
	    (walk->areas_ && walk->area.huge_lg2 > FMT_GRANULE_LG2))
		return PTW_ABORT;
	kind = ptl_soft_decode_page(&pt->soft_types, &pt->soft, raw, &walk->soft);
	type = (enum pt_range_walk_type)ptl_walk_type_of_soft[kind];
	if (kind == PT_SOFT_UNKNOWN || !ptl_walk_wants(walk, type))
		return PTW_ABORT;
	if (type == PTW_SWAP) {
		nr = ptl_quick_swap(walk, raw);
		if (!nr)
			return PTW_ABORT;
	}
	ptl_quick_no_leaf(walk);
	ptl_quick_report(walk, type, nr, raw);
	return type;
}

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
		if (!walk->region_)
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

/* What stands at the next entry of the table in hand. */
static inline enum pt_range_walk_type ptl_quick_entry_type(struct pt_range_walk *walk)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	uint64_t raw = ptl_load_acquire(ptl_quick_entry(walk));
	unsigned int order, nr;
	pt_pa_t pa;

	if (!fmt_is_leaf(raw, 0, f))
		return raw ? ptl_quick_soft(walk, raw) : ptl_quick_holes(walk);
	if (walk->quick_leaf_ == PTW_PFN)
		return ptl_quick_pfns(walk, raw);
	pa = fmt_leaf_pa(raw, 0, walk->index_, f);
	nr = ptl_quick_folio_pages(walk, raw, pa, &order);
	return nr ? ptl_quick_folio(walk, raw, nr, order) : PTW_ABORT;
}

static __attribute__((noinline)) enum pt_range_walk_type
ptl_walk_quickly(struct pt_range_walk *walk)
{
	enum pt_range_walk_type type = PTW_ABORT;

	if (walk->index_ < walk->quick_end_ && ptl_quick_alive(walk))
		type = ptl_quick_entry_type(walk);
	return type ? type : ptl_walk_thoroughly(walk);
}

/* The quick ways beside writers. The long way enters a section itself. */
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
	if (!type && walk->index_ < walk->quick_end_ && ptl_quick_alive(walk))
		type = ptl_quick_entry_type(walk);
	ptl_rcu_read_unlock();
	return type ? type : ptl_walk_thoroughly(walk);
}

/* The quick ways while nobody else changes the table. */
static __attribute__((noinline)) enum pt_range_walk_type ptl_walk_streak(struct pt_range_walk *walk)
{
	struct ptl_streak_spot at;

	return ptl_streak_goes_on(walk, &at) && ptl_streak_folio(walk, &at)
		       ? PTW_FOLIO
		       : ptl_walk_quickly(walk);
}

static enum pt_range_walk_type ptl_walk_alone(struct pt_range_walk *walk)
{
	struct ptl_streak_spot at;

	if (walk->streak_nr_ > 1)
		return ptl_walk_streak(walk);
	return ptl_streak_goes_on(walk, &at) ? ptl_streak_report(walk, &at, 1)
					     : ptl_walk_quickly(walk);
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

#endif /* PTL_WALK_QUICK_IMPL_H */
