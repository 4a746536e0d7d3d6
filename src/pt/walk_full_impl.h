/* SPDX-License-Identifier: MIT */
/*
 * walk_full_impl.h - pt_range_walk_next() of walks that know more than a bare table does:
 * software's words, folios, areas, locks. The cursor is that of walk_impl.h.
 *
 * Each round looks at one entry, under the lock of its table if the walk locks; if
 * its type is asked for, the run that begins there is taken as far as it goes, else it is passed
 * over. Whatever changed since a table was found shows in its generation, and the round begins
 * again where it stood: at an address, which only ever grows.
 */
#ifndef PTL_WALK_FULL_IMPL_H
#define PTL_WALK_FULL_IMPL_H

#include "pt/walk_run_impl.h"

/* Bit PTW_x is set if PT_TYPE_x was asked for. */
static inline bool ptl_walk_wants(const struct pt_range_walk *walk, enum pt_range_walk_type type)
{
	/* Both lists are in the same order. */
	return walk->types_ >> (type - PTW_NONE) & 1;
}

static inline void ptl_walk_unlock(struct pt_range_walk *walk)
{
	struct pt_frame *frame = walk->locked_;

	if (!PTL_SHARED || !frame)
		return;
	walk->locked_ = NULL;
	ptl_walk_released(walk->pt_, &walk->held_);
	ptl_bit_unlock(&frame->lock, walk->lock_bits_);
}

/*
 * Locks the table that @at stands in and looks again. False, and nothing is locked: another
 * kind of thing stands there now, or the table has gone; find it again.
 */
static inline bool ptl_walk_lock(struct pt_range_walk *walk, struct ptl_spot *at)
{
	struct pt_pgtable *pt = walk->pt_;
	struct pt_frame *frame;

	if (!PTL_SHARED || !(walk->flags_ & PT_WALK_LOCKED))
		return true;
	ptl_no_walk_lock(pt);
	frame = ptl_frame_at(pt, at->table_pa);
	walk->lock_bits_ = ptl_bit_lock(&frame->lock);
	walk->locked_ = frame;
	ptl_walk_holds(pt, &walk->held_);
	if (!(walk->lock_bits_ & PTL_FRAME_DEAD) &&
	    atomic_load_explicit(&pt->unhooked, memory_order_acquire) == walk->unhooked_) {
		uint64_t raw = ptl_load_acquire(&at->table[at->index]);

		if (raw == at->raw)
			return true;
		at->raw = raw;
		at->kind = fmt_kind(raw, at->level, &pt->fmt);
		at->why = PT_LEGAL;
		if (at->kind == PTL_LEAF || at->kind == PTL_EMPTY || at->kind == PTL_SOFT)
			return true;
	}
	ptl_walk_unlock(walk);
	walk->table_ = NULL;
	return false;
}

static inline void ptl_full_report_leaf(struct pt_range_walk *walk, const struct ptl_full_run *run)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	unsigned int level = run->at.level;
	pt_attr_t merge = PT_ATTR_ACCESSED | PT_ATTR_DIRTY;

	if (run->type == PTW_FOLIO) {
		merge |= PT_ATTR_WRITE | walk->pt_->soft.attr_dirty;
		walk->folio = run->folio.first;
		walk->folio_order = run->folio.order;
	}
	walk->hidden = run->hidden;
	walk->pa = fmt_leaf_pa(run->leaf, level, run->at.index, f) |
		   (walk->va & (PTL_BIT(ptl_level_lg2(level)) - 1));
	walk->attr = fmt_decode(run->leaf, level, f) | (run->merged & merge);
	walk->contig_lg2 = fmt_contig_lg2(run->leaf, level, f);
	if (walk->flags_ & PT_WALK_EFFECTIVE)
		walk->attr = ptl_limit_attr(walk->attr, walk->limits_, f->attrs);
}

static inline void ptl_full_report(struct pt_range_walk *walk, const struct ptl_full_run *run,
				   pt_va_t limit)
{
	unsigned int level = run->at.level, lg2 = ptl_level_lg2(level);
	pt_va_t last = ptl_min(run->last, limit);

	walk->va = walk->next_;
	walk->len = last - walk->va + 1;
	walk->raw = run->at.raw;
	walk->level = level;
	walk->size_lg2 = lg2;
	walk->why = run->at.why;
	walk->pa = 0;
	walk->attr = 0;
	walk->contig_lg2 = 0;
	walk->hidden = false;
	if (run->type == PTW_FOLIO || run->type == PTW_PFN) {
		ptl_full_report_leaf(walk, run);
	} else if (run->at.kind == PTL_SOFT && run->type != PTW_UNKNOWN) {
		uint64_t within = walk->va & (PTL_BIT(lg2) - 1);

		/* Hugetlb's words all say where the page begins; it is never in swap. */
		if (walk->areas_ && walk->area.huge_lg2 > lg2 && run->type != PTW_SWAP)
			within = walk->va & (PTL_BIT(walk->area.huge_lg2) - 1);
		walk->soft = pt_soft_step(run->soft, within >> FMT_GRANULE_LG2);
	}
	walk->done_ = last >= walk->last_;
	walk->next_ = last + 1;
}

/* The entry behind the run; but if an area ended within one, the next may begin in it. */
static inline void ptl_full_remember(struct pt_range_walk *walk, const struct ptl_spot *spot,
				     unsigned int index, bool clamped)
{
	if (clamped)
		walk->table_ = NULL;
	else
		ptl_walk_remember(walk, spot, index);
}

/* Goes over what nobody asked for. */
static inline void ptl_full_skip(struct pt_range_walk *walk, const struct ptl_full_run *run,
				 pt_va_t limit)
{
	const struct pt_pgtable *pt = walk->pt_;
	pt_va_t last = ptl_last(walk->next_, ptl_level_lg2(run->at.level));
	bool all = run->at.kind == PTL_EMPTY ||
		   (run->at.kind == PTL_LEAF && !ptl_walk_wants(walk, PTW_FOLIO) &&
		    !ptl_walk_wants(walk, PTW_PFN));

	/* Other kinds are one word each: what the next one is has to be seen. */
	if (all)
		last = ptl_skip_entries(pt, &run->at, last, limit);
	ptl_walk_unlock(walk);
	ptl_full_remember(walk, &run->at, ptl_index(pt, last, run->at.level) + 1, last > limit);
	last = ptl_min(last, limit);
	walk->done_ = last >= walk->last_;
	walk->next_ = last + 1;
}

/*
 * The next run up to the end of the area. False: there is none; walk->done_ says whether
 * there is another area to come.
 */
static inline bool ptl_full_find(struct pt_range_walk *walk, unsigned int *budget,
				 enum pt_range_walk_type *type)
{
	struct pt_pgtable *pt = walk->pt_;

	while (!walk->done_ && (!walk->areas_ || walk->in_area_) && ptl_walk_skip_gap(walk)) {
		pt_va_t limit = ptl_walk_last(walk);
		struct ptl_full_run run;
		uint32_t unhooked;

		if (walk->areas_) {
			if (walk->next_ > walk->area.last)
				return false; /* the gap reaches beyond it */
			limit = ptl_min(limit, walk->area.last);
		}
		/* As of now: a table found later may leave the tree, and then this is too old. */
		unhooked = atomic_load_explicit(&pt->unhooked, memory_order_acquire);
		if (unhooked != walk->unhooked_)
			walk->table_ = NULL;
		walk->unhooked_ = unhooked;
		if (!ptl_walk_spot(walk, &run.at) || !ptl_walk_lock(walk, &run.at))
			continue;
		run.type = ptl_classify(walk, &run);
		if (!ptl_walk_wants(walk, run.type)) {
			ptl_full_skip(walk, &run, limit);
			if (!walk->table_ && !walk->done_ && !--*budget) {
				*type = PTW_AGAIN;
				return true;
			}
		} else {
			run.spot = run.at;
			run.spot.index++;
			run.last = ptl_last(walk->next_, ptl_level_lg2(run.at.level));
			run.merged = 0;
			if (walk->flags_ & PT_WALK_EFFECTIVE &&
			    (run.type == PTW_PFN || run.type == PTW_FOLIO))
				walk->limits_ = ptl_limits_above(pt, walk->next_, run.at.level);
			if (!(walk->flags_ & PT_WALK_EACH) && run.last < limit)
				ptl_full_extend(walk, &run, limit, budget);
			ptl_full_remember(walk, &run.spot, run.spot.index, run.last > limit);
			ptl_full_report(walk, &run, limit);
			*type = run.type;
			return true;
		}
		if (walk->areas_ && !walk->done_ && walk->next_ > walk->area.last)
			walk->in_area_ = false;
	}
	if (!walk->areas_ || walk->in_area_)
		walk->done_ = true; /* nothing but a gap is left */
	return false;
}

/* Sees to it that the cursor is in an area that is to be walked. False: there is none. */
static inline bool ptl_walk_enter_area(struct pt_range_walk *walk)
{
	while (!walk->done_) {
		enum pt_area_verdict verdict;

		if (walk->in_area_ && walk->next_ <= walk->area.last)
			return true;
		walk->in_area_ = false;
		verdict = walk->areas_->next(walk->areas_->ctx, walk->next_, &walk->area);
		if (verdict == PT_AREA_END || verdict == PT_AREA_STOP ||
		    walk->area.first > walk->last_)
			break;
		if (walk->area.last < walk->next_ || walk->area.last < walk->area.first ||
		    walk->area.huge_lg2 > 63) {
			walk->err_ = -EINVAL;
			break;
		}
		if (walk->area.first > walk->next_) {
			walk->next_ = walk->area.first;
			walk->table_ = NULL;
		}
		walk->in_area_ = verdict == PT_AREA_WALK;
		if (walk->in_area_)
			return true;
		walk->done_ = walk->area.last >= walk->last_;
		walk->next_ = walk->area.last + 1;
		walk->table_ = NULL;
	}
	walk->done_ = true;
	return false;
}

static inline enum pt_range_walk_type ptl_walk_fully(struct pt_range_walk *walk)
{
	unsigned int budget = PT_WALK_MAX_TABLES;
	enum pt_range_walk_type type = PTW_DONE;
	bool found;

	ptl_walk_unlock(walk);
	if (walk->done_)
		return PTW_DONE;
	do {
		if (walk->areas_ && !ptl_walk_enter_area(walk))
			return walk->err_ ? PTW_ABORT : PTW_DONE;
		ptl_read_enter(walk->pt_);
		found = ptl_full_find(walk, &budget, &type);
		ptl_read_leave(walk->pt_);
	} while (!found && !walk->done_);
	return type;
}

#endif /* PTL_WALK_FULL_IMPL_H */
