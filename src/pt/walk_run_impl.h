/* SPDX-License-Identifier: MIT */
/*
 * walk_run_impl.h - how far a run goes on from the entry that it begins with.
 *
 * First over the table in hand, by words alone where they continue each other in all bits that
 * matter; then, if no lock is held, over the tables that follow.
 */
#ifndef PTL_WALK_RUN_IMPL_H
#define PTL_WALK_RUN_IMPL_H

#include "pt/walk_classify_impl.h"

static inline uint64_t ptl_full_view(const struct ptl_full_run *run, uint64_t raw,
				     const struct ptl_fmt *f)
{
	return run->respect_ad ? raw : fmt_still(raw, f);
}

/* Whether *@raw goes on where the run ends; receives the leaf that it hides. */
static inline bool ptl_full_fits(const struct pt_pgtable *pt, const struct ptl_full_run *run,
				 uint64_t *raw, unsigned int index)
{
	unsigned int level = run->at.level;
	struct ptl_folio folio;

	if (run->hidden && !ptl_hidden_leaf(pt, *raw, level, raw))
		return false;
	if ((ptl_full_view(run, *raw, &pt->fmt) ^ run->want) & run->same)
		return false;
	if (!fmt_write_is_legal(*raw, &pt->fmt))
		return false;
	return !run->looks ||
	       !ptl_folio_find(pt->phys, run->looks, fmt_leaf_pa(*raw, level, index, &pt->fmt),
			       ptl_level_lg2(level), &folio);
}

/* In which bits any of four words differs from those that begin with @want. */
static inline uint64_t ptl_full_differ4(_Atomic uint64_t *entry, uint64_t want, uint64_t step)
{
	return (ptl_load(&entry[0]) ^ want) | (ptl_load(&entry[1]) ^ (want + step)) |
	       (ptl_load(&entry[2]) ^ (want + 2 * step)) |
	       (ptl_load(&entry[3]) ^ (want + 3 * step));
}

/*
 * How many of @nr words from @entry on are *@want and go on from it by @step in all bits of @mask;
 * *@want: the word behind them. Four at a time: one decision for them all.
 */
static inline unsigned int ptl_full_alike(_Atomic uint64_t *entry, unsigned int nr, uint64_t *want,
					  uint64_t step, uint64_t mask)
{
	_Atomic uint64_t *at = entry, *end = entry + (nr & ~3u);
	uint64_t next = *want;

	for (; at < end; at += 4, next += 4 * step)
		if (ptl_full_differ4(at, next, step) & mask)
			break;
	for (end = entry + nr; at < end && !((ptl_load(at) ^ next) & mask); at++)
		next += step;
	*want = next;
	return (unsigned int)(at - entry);
}

/* Takes leaves of the table in hand into the run, the first is in already. */
static inline void ptl_full_leaves(const struct pt_pgtable *pt, struct ptl_full_run *run,
				   pt_va_t limit)
{
	const struct ptl_fmt *f = &pt->fmt;
	unsigned int level = run->at.level, lg2 = ptl_level_lg2(level);
	unsigned int end = ptl_nr_entries(pt, level), i = run->spot.index;
	uint64_t wanted = ((limit - run->last - 1) >> lg2) + 1;
	uint64_t step, marks = 0;
	const bool slow = run->hidden || run->looks;

	if (run->last >= limit || i >= end)
		return;
	if (wanted < end - i)
		end = i + (unsigned int)wanted;
	step = run->want ? fmt_leaf_step(run->want, level, end - i, f) : 0;
	if (step && !slow) {
		/* Most have the marks that the first has. */
		uint64_t want = run->want ^ (marks = run->leaf ^ ptl_full_view(run, run->leaf, f));

		i += ptl_full_alike(&run->spot.table[i], end - i, &want, step, run->news);
		run->want = want ^ marks;
	}
	for (; i < end && run->want; i++) {
		uint64_t raw = ptl_load(&run->spot.table[i]);

		/* Most words differ from what is wanted as the one before did, in their marks. */
		if (slow || __builtin_expect((raw ^ run->want ^ marks) & run->news, 0)) {
			if (!ptl_full_fits(pt, run, &raw, i))
				break;
			run->merged |= fmt_decode(raw, level, f);
			marks = raw ^ run->want;
		}
		if (step)
			run->want += step;
		else
			run->want = fmt_leaf_next(run->want, level, i, f);
	}
	run->last += (uint64_t)(i - run->spot.index) << lg2;
	run->spot.index = i;
}

/*
 * Bits of leaves of @type at @level: those that say something else than the first did (*@news), and
 * those of them that end the run (*@same), if both are seen through ptl_full_view().
 */
static inline void ptl_full_masks(const struct pt_range_walk *walk, enum pt_range_walk_type type,
				  unsigned int level, uint64_t *news, uint64_t *same)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	pt_attr_t differ = walk->flags_ & PT_WALK_IGNORE_SW ? PT_ATTR_SW_MASK : 0, merge = 0;
	const pt_attr_t marks = PT_ATTR_ACCESSED | PT_ATTR_DIRTY;
	const struct pt_soft_cfg *soft = &walk->pt_->soft; /* all 0 without one */

	differ &= ~soft->attr_special;
	if (type == PTW_FOLIO && !(walk->flags_ & PT_WALK_RESPECT_WRITE))
		merge = PT_ATTR_WRITE;
	/* arm64 has one pair of bits for write and dirty: with respect for the latter for both. */
	if (merge && !(walk->flags_ & PT_WALK_RESPECT_AD))
		merge |= marks | soft->attr_dirty;
	*news = fmt_attr_bits(~differ, level, f) | fmt_form_bits(level, f);
	*same = fmt_attr_bits(~(differ | merge), level, f) | fmt_form_bits(level, f);
}

static inline void ptl_full_leaf_run(struct pt_range_walk *walk, struct ptl_full_run *run)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	unsigned int level = run->at.level;
	const struct pt_soft_cfg *soft = &walk->pt_->soft; /* all 0 without one */

	run->looks = NULL;
	if (run->type == PTW_PFN && ptl_walk_looks(walk) && !ptl_walk_in_huge(walk) &&
	    !(run->leaf & fmt_attr_bits(soft->attr_special, level, f)))
		run->looks = &walk->region_;
	run->respect_ad = walk->flags_ & PT_WALK_RESPECT_AD;
	if (!level && walk->quick_leaf_ == run->type) {
		run->news = walk->quick_news_;
		run->same = walk->quick_same_;
	} else {
		ptl_full_masks(walk, run->type, level, &run->news, &run->same);
	}
	run->want = fmt_leaf_next(ptl_full_view(run, run->leaf, f), level, run->at.index, f);
	run->merged = 0;
}

/* The word of the next offset, or 0 at the end of the field. */
static inline uint64_t ptl_swap_next(const struct pt_soft_cfg *soft, uint64_t raw)
{
	const uint64_t field = PTL_BITS(soft->offset_shift + 49, soft->offset_shift);
	uint64_t next = (raw ^ soft->offset_flip) + PTL_BIT(soft->offset_shift);

	return next & field ? next ^ soft->offset_flip : 0;
}

/*
 * What ptl_swap_next() adds to a word each time, if that is all it does for the @nr
 * words from that of @offset on; 0: it is not.
 */
static inline uint64_t ptl_swap_step(const struct pt_pgtable *pt, uint64_t offset, unsigned int nr)
{
	return offset + nr < PTL_BIT(PTL_SOFT_OFFSET_BITS) ? pt->soft_types.swap_step : 0;
}

/* Consecutive offsets of one device. */
static inline void ptl_full_swap(const struct pt_pgtable *pt, struct ptl_full_run *run,
				 pt_va_t limit)
{
	unsigned int level = run->at.level, lg2 = ptl_level_lg2(level);
	unsigned int end = ptl_nr_entries(pt, level), i = run->spot.index;
	uint64_t step = 0;

	if (i >= end || run->last >= limit)
		return;
	if (((limit - run->last - 1) >> lg2) + 1 < end - i)
		end = i + (unsigned int)((limit - run->last - 1) >> lg2) + 1;
	if (run->want)
		step = ptl_swap_step(pt, ptl_soft_offset(&pt->soft, run->want), end - i);
	if (step)
		i += ptl_full_alike(&run->spot.table[i], end - i, &run->want, step,
				    ~pt->soft.stray);
	else
		for (; i < end && run->want; i++) {
			if ((ptl_load(&run->spot.table[i]) ^ run->want) & ~pt->soft.stray)
				break;
			run->want = ptl_swap_next(&pt->soft, run->want);
		}
	run->last += (uint64_t)(i - run->spot.index) << lg2;
	run->spot.index = i;
}

/* A page of a hugetlb area is as many words as it has entries, and they are the same. */
static inline void ptl_full_same(const struct pt_range_walk *walk, struct ptl_full_run *run,
				 pt_va_t limit)
{
	const struct pt_pgtable *pt = walk->pt_;
	unsigned int level = run->at.level, lg2 = ptl_level_lg2(level);
	unsigned int end = ptl_nr_entries(pt, level), i = run->spot.index;

	if (!walk->areas_ || walk->area.huge_lg2 <= lg2)
		return;
	limit = ptl_min(limit, ptl_last(walk->next_, walk->area.huge_lg2));
	for (; i < end && run->last < limit; i++) {
		if ((ptl_load(&run->spot.table[i]) ^ run->at.raw) & ~pt->soft.stray)
			break;
		run->last += PTL_BIT(lg2);
	}
	run->spot.index = i;
}

static inline void ptl_full_holes(const struct pt_pgtable *pt, struct ptl_full_run *run,
				  pt_va_t limit)
{
	struct ptl_run holes = { .spot = run->spot, .last = run->last };

	ptl_run_holes(pt, &holes, limit);
	run->spot.index = holes.spot.index;
	run->last = holes.last;
}

/* Whether the run goes on with the entry behind it, which stands in another table. */
static inline bool ptl_full_goes_on(struct pt_range_walk *walk, struct ptl_full_run *run,
				    const struct ptl_spot *next)
{
	const struct pt_pgtable *pt = walk->pt_;

	if (next->level != run->at.level)
		return false;
	switch (run->type) {
	case PTW_NONE:
		return ptl_is_hole(next->kind);
	case PTW_SWAP:
		return next->kind == PTL_SOFT && run->want &&
		       !((next->raw ^ run->want) & ~pt->soft.stray);
	default: {
		uint64_t raw = next->raw;

		if (next->kind != (run->hidden ? PTL_SOFT : PTL_LEAF) || !run->want ||
		    !ptl_full_fits(pt, run, &raw, next->index))
			return false;
		return !(walk->flags_ & PT_WALK_EFFECTIVE) ||
		       ptl_limits_above(pt, run->last + 1, next->level) == walk->limits_;
	}
	}
}

/* Extends @run over its table and, if no lock is held, those that follow. */
static inline void ptl_full_extend(struct pt_range_walk *walk, struct ptl_full_run *run,
				   pt_va_t limit, unsigned int *budget)
{
	const struct pt_pgtable *pt = walk->pt_;

	switch (run->type) {
	case PTW_FOLIO:
	case PTW_PFN:
		ptl_full_leaf_run(walk, run);
		break;
	case PTW_SWAP:
		run->want = ptl_swap_next(&pt->soft, run->at.raw);
		break;
	case PTW_NONE:
		break;
	default:
		if (run->at.kind == PTL_SOFT && run->type != PTW_UNKNOWN &&
		    run->soft.kind < PT_SOFT_PROT_NONE)
			ptl_full_same(walk, run, limit);
		return;
	}
	if (run->type == PTW_FOLIO) {
		uint64_t room = run->folio.last -
				fmt_leaf_pa(run->leaf, run->at.level, run->at.index, &pt->fmt);
		pt_va_t first = ptl_align_down(walk->next_, ptl_level_lg2(run->at.level));

		if (limit - first > room)
			limit = first + room;
	}
	for (;;) {
		struct ptl_spot next;

		if (run->type == PTW_NONE)
			ptl_full_holes(pt, run, limit);
		else if (run->type == PTW_SWAP)
			ptl_full_swap(pt, run, limit);
		else
			ptl_full_leaves(pt, run, limit);
		if (run->last >= limit || run->spot.index < ptl_nr_entries(pt, run->at.level) ||
		    walk->flags_ & PT_WALK_LOCKED || !*budget)
			return;
		--*budget;
		if (!ptl_spot_find(pt, run->last + 1, &next) || !ptl_full_goes_on(walk, run, &next))
			return;
		run->spot = next;
	}
}

#endif /* PTL_WALK_RUN_IMPL_H */
