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

#include "pt/folio.h"
#include "pt/soft_impl.h"
#include "pt/walk_impl.h"

/* A run as it grows, and what it began with. */
struct ptl_full_run {
	struct ptl_spot at; /* its first entry */
	struct ptl_spot spot; /* where it stops */
	enum pt_range_walk_type type;
	pt_va_t last; /* of its last entry */
	uint64_t leaf; /* FOLIO, PFN: the first entry's word, or what it hides */
	bool hidden;
	struct ptl_folio folio;
	struct pt_soft soft;
	/* while leaves are taken in */
	uint64_t want; /* the word that would continue it, as compared; 0: none */
	uint64_t same, news; /* bits that must agree; those that say something else */
	pt_attr_t merged; /* what is or'ed over the run */
	bool respect_ad;
	const void **looks; /* PFN for want of a folio: the next page may have one; else NULL */
};

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

/* Whether leaves may be folios'. */
static inline bool ptl_walk_looks(const struct pt_range_walk *walk)
{
	if (!walk->areas_)
		return walk->flags_ & PT_WALK_FOLIOS;
	return !(walk->area.flags & PT_AREA_PFN_MAP) && !(walk->flags_ & PT_WALK_PFNS);
}

/* Whether all folios of the area have its one size, larger than a page. */
static inline bool ptl_walk_in_huge(const struct pt_range_walk *walk)
{
	return walk->areas_ && walk->area.huge_lg2 > FMT_GRANULE_LG2;
}

/*
 * Pages of hugetlb may be larger than any block of an allocator, and their memory is no zone's:
 * descriptors do not tell of them.
 */
static inline bool ptl_huge_folio(const struct pt_range_walk *walk, pt_pa_t pa, unsigned int lg2,
				  struct ptl_folio *folio)
{
	const unsigned int huge_lg2 = walk->area.huge_lg2;

	if (!ptl_walk_in_huge(walk) || lg2 > huge_lg2)
		return false;
	folio->first = ptl_align_down(pa, huge_lg2);
	folio->order = huge_lg2 - walk->pt_->phys->frame_lg2;
	folio->last = ptl_last(pa, huge_lg2);
	return true;
}

/* FOLIO or PFN for the run's first leaf, which may be a hidden one. */
static inline enum pt_range_walk_type ptl_classify_leaf(struct pt_range_walk *walk,
							struct ptl_full_run *run)
{
	const struct pt_pgtable *pt = walk->pt_;
	unsigned int level = run->at.level;
	pt_pa_t pa;

	if (!ptl_walk_looks(walk) ||
	    run->leaf & fmt_attr_bits(pt->soft.attr_special, level, &pt->fmt))
		return PTW_PFN;
	pa = fmt_leaf_pa(run->leaf, level, run->at.index, &pt->fmt);
	if (ptl_folio_find(pt->phys, &walk->region_, pa, ptl_level_lg2(level), &run->folio))
		return PTW_FOLIO;
	return ptl_huge_folio(walk, pa, ptl_level_lg2(level), &run->folio) ? PTW_FOLIO : PTW_PFN;
}

static const uint8_t ptl_walk_type_of_soft[PT_SOFT_NR] = {
	[PT_SOFT_NONE] = PTW_UNKNOWN,
	[PT_SOFT_SWAP] = PTW_SWAP,
	[PT_SOFT_MIGRATION_READ] = PTW_MIGRATION,
	[PT_SOFT_MIGRATION_READ_EXCLUSIVE] = PTW_MIGRATION,
	[PT_SOFT_MIGRATION_WRITE] = PTW_MIGRATION,
	[PT_SOFT_HWPOISON] = PTW_HWPOISON,
	[PT_SOFT_DEVICE_READ] = PTW_DEVICE,
	[PT_SOFT_DEVICE_WRITE] = PTW_DEVICE,
	[PT_SOFT_DEVICE_EXCLUSIVE] = PTW_DEVICE,
	[PT_SOFT_DEVICE_EXCLUSIVE_WRITE] = PTW_DEVICE,
	[PT_SOFT_MARKER] = PTW_MARKER,
	[PT_SOFT_PROT_NONE] = PTW_UNKNOWN, /* whose leaf is none */
	[PT_SOFT_UNKNOWN] = PTW_UNKNOWN,
};

static inline enum pt_range_walk_type ptl_classify_soft(struct pt_range_walk *walk,
							struct ptl_full_run *run)
{
	const struct pt_pgtable *pt = walk->pt_;

	if (!pt->has_soft)
		return PTW_UNKNOWN;
	run->hidden = ptl_hidden_leaf(pt, run->at.raw, run->at.level, &run->leaf);
	if (run->hidden)
		return ptl_classify_leaf(walk, run);
	if (run->at.level || ptl_soft_decode_page(&pt->soft_types, &pt->soft, run->at.raw,
						  &run->soft) == PT_SOFT_UNKNOWN)
		run->soft = pt_soft_decode(&pt->soft, run->at.level, run->at.raw);
	return (enum pt_range_walk_type)ptl_walk_type_of_soft[run->soft.kind];
}

static inline enum pt_range_walk_type ptl_classify(struct pt_range_walk *walk,
						   struct ptl_full_run *run)
{
	run->hidden = false;
	switch (run->at.kind) {
	case PTL_LEAF:
		run->leaf = run->at.raw;
		return ptl_classify_leaf(walk, run);
	case PTL_SOFT:
		return ptl_classify_soft(walk, run);
	case PTL_ILLEGAL:
		return PTW_ILLEGAL;
	default:
		return PTW_NONE;
	}
}

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
