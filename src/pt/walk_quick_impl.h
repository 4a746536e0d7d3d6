/* SPDX-License-Identifier: MIT */
/*
 * walk_quick_impl.h - the quick way of walks over address spaces: folio after folio, mapped with
 * base pages, in the table in hand. It decides nothing that walk_full_impl.h would not.
 */
#ifndef PTL_WALK_QUICK_IMPL_H
#define PTL_WALK_QUICK_IMPL_H

#include "pt/walk_full_impl.h"

/*
 * Whether @raw, which is not the word @want, ends the run: it does unless they differ in
 * marks that are merged, or that only the long way can tell.
 */
static inline bool ptl_walk_folio_ends(const struct pt_range_walk *walk, uint64_t raw,
				       uint64_t want)
{
	const struct pt_pgtable *pt = walk->pt_;
	const struct ptl_fmt *f = &pt->fmt;
	const pt_attr_t merged =
		PT_ATTR_WRITE | PT_ATTR_ACCESSED | PT_ATTR_DIRTY | pt->soft.attr_dirty;

	if (walk->flags_ & (PT_WALK_RESPECT_AD | PT_WALK_RESPECT_WRITE))
		return false;
	return (fmt_still(raw, f) ^ fmt_still(want, f)) &
	       (fmt_attr_bits(~merged, 0, f) | fmt_form_bits(0, f));
}

/*
 * The usual case of a walk over folios: the next leaf of level 0 in the table in hand is the
 * first page of one, and its other pages follow with the same bits, or something else does.
 * False, and nothing has happened: the long way.
 */
static inline __attribute__((always_inline)) bool ptl_walk_folio(struct pt_range_walk *walk)
{
	const struct pt_pgtable *pt = walk->pt_;
	const struct ptl_fmt *f = &pt->fmt;
	const struct ptl_region *region = walk->region_;
	_Atomic uint64_t *entry = (_Atomic uint64_t *)(uintptr_t)walk->table_ + walk->index_;
	struct pt_frame *frame = (struct pt_frame *)(uintptr_t)walk->frame_;
	unsigned int nr, order;
	uint64_t raw, use;
	pt_va_t va = walk->next_;
	pt_pa_t pa;

	/* Acquire pairs with the releases in ptl_table_kill() and ptl_tables_unhooked(). */
	if (atomic_load_explicit(&frame->generation, memory_order_acquire) != walk->alive_ ||
	    atomic_load_explicit(&((struct pt_pgtable *)(uintptr_t)pt)->unhooked,
				 memory_order_acquire) != walk->unhooked_)
		return false;
	raw = ptl_load_acquire(entry);
	pa = fmt_leaf_pa(raw, 0, walk->index_, f);
	if (!fmt_is_leaf(raw, 0, f) || raw & walk->quick_special_ || pa - region->pa >= region->len)
		return false;
	frame = &region->frames[(pa - region->pa) >> pt->phys->frame_lg2];
	/* The state, the block and its order in one go. */
	use = atomic_load_explicit(&frame->use, memory_order_relaxed) >> 32;
	if ((use & (0xff | PTL_BLOCK_KIND << 8)) != (PTL_FRAME_NONE | PTL_BLOCK_HELD << 8))
		return false;
	order = use >> 8 & PTL_BLOCK_ORDER;
	if (order + pt->phys->frame_lg2 < FMT_GRANULE_LG2)
		return false;
	nr = 1u << (order + pt->phys->frame_lg2 - FMT_GRANULE_LG2);
	/* What reaches further, into the next table or beyond the end, is the long way's. */
	if (nr > walk->quick_nr_)
		return false;
	if (nr > 1) {
		const uint64_t step = fmt_leaf_step(raw, 0, nr, f);
		uint64_t want = raw;
		unsigned int alike;

		if (!step)
			return false;
		/* The first too: whole groups, mostly. It may have changed since. */
		alike = ptl_full_alike(entry, nr, &want, step, walk->quick_news_);
		if (!alike ||
		    (alike < nr && !ptl_walk_folio_ends(walk, ptl_load(&entry[alike]), want)))
			return false;
		nr = alike;
	}
	walk->va = va;
	walk->len = (uint64_t)nr << FMT_GRANULE_LG2;
	walk->pa = walk->folio = pa;
	walk->folio_order = order;
	walk->attr = fmt_decode(raw, 0, f);
	walk->raw = raw;
	walk->contig_lg2 = fmt_contig_lg2(raw, 0, f);
	if (!walk->was_quick_) {
		walk->was_quick_ = true;
		walk->hidden = false;
		walk->level = 0;
		walk->size_lg2 = FMT_GRANULE_LG2;
		walk->why = PT_LEGAL;
	}
	walk->next_ = va + ((uint64_t)nr << FMT_GRANULE_LG2);
	walk->index_ += nr;
	walk->quick_nr_ -= nr;
	if (!walk->quick_nr_) {
		walk->done_ = walk->next_ - 1 == walk->last_;
		if (walk->index_ == ptl_nr_entries(pt, 0))
			walk->table_ = NULL;
	}
	return true;
}

/* As ptl_walk_folio(), beside writers. */
static __attribute__((noinline)) bool ptl_walk_folio_guarded(struct pt_range_walk *walk)
{
	bool found;

	ptl_rcu_read_lock();
	found = ptl_walk_folio(walk);
	ptl_rcu_read_unlock();
	return found;
}

/* How far the next calls may try the quick way, and what it needs to know. */
static inline void ptl_walk_prepare_quick(struct pt_range_walk *walk)
{
	const struct pt_pgtable *pt = walk->pt_;
	const unsigned int slow =
		PT_WALK_EACH | PT_WALK_EFFECTIVE | PT_WALK_LOCKED | PT_WALK_IGNORE_SW;
	uint64_t room, entries = ptl_nr_entries(pt, 0);
	pt_va_t last = walk->last_;

	walk->was_quick_ = false;
	walk->quick_nr_ = 0;
	if (!walk->table_ || walk->level_ || walk->done_ || !walk->region_ || walk->flags_ & slow ||
	    !ptl_walk_looks(walk) || !ptl_walk_wants(walk, PTW_FOLIO) ||
	    !ptl_aligned(walk->next_, FMT_GRANULE_LG2))
		return;
	if (walk->areas_)
		last = ptl_min(last, walk->area.last);
	if (walk->next_ > last)
		return;
	room = (last - walk->next_ + 1) >> FMT_GRANULE_LG2;
	walk->quick_nr_ = (unsigned int)ptl_min(room, entries - walk->index_);
	if (!walk->quick_news_) {
		walk->quick_news_ =
			fmt_attr_bits(~(pt_attr_t)0, 0, &pt->fmt) | fmt_form_bits(0, &pt->fmt);
		walk->quick_special_ = fmt_attr_bits(pt->soft.attr_special, 0, &pt->fmt);
	}
}

static enum pt_range_walk_type ptl_walk_full(struct pt_range_walk *walk)
{
	enum pt_range_walk_type type;

	if (walk->quick_nr_ && (PTL_SHARED || walk->pt_->readers ? ptl_walk_folio_guarded(walk)
								 : ptl_walk_folio(walk)))
		return PTW_FOLIO;
	type = ptl_walk_fully(walk);
	ptl_walk_prepare_quick(walk);
	return type;
}

static void ptl_walk_end(struct pt_range_walk *walk)
{
	ptl_walk_unlock(walk);
}

#endif /* PTL_WALK_QUICK_IMPL_H */
