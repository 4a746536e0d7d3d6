/* SPDX-License-Identifier: MIT */
/*
 * walk_quick_impl.h - the quick ways of walks over address spaces: runs in the table of level 0
 * in hand, a function for each kind. Each returns the run's type, or PTW_ABORT, or whether it knew:
 * else nothing has been reported, and the long way, which sets all fields, is next. They decide
 * nothing that walk_full_impl.h would not.
 */
#ifndef PTL_WALK_QUICK_IMPL_H
#define PTL_WALK_QUICK_IMPL_H

#include "pt/walk_streak_impl.h"

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

static inline uint32_t ptl_quick_use(const struct pt_range_walk *walk, pt_pa_t pa)
{
	const struct ptl_region *region = walk->region_;

	return ptl_frame_use(&region->frames[(pa - region->pa) >> walk->frame_lg2_]);
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

/* Whether @word, in the place of leaf @want, ends a run: it differs in what does, or is no leaf. */
static inline bool ptl_quick_ends(const struct pt_range_walk *walk, uint64_t word, uint64_t want)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	uint64_t differ = word ^ want;

	if (!fmt_write_is_legal(word, f))
		return true;
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

/*
 * One page, after which another folio, another page of this one, or something else follows at
 * once: most runs that are no streak. False: there is more to be said.
 */
static inline __attribute__((always_inline)) bool ptl_quick_page(struct pt_range_walk *walk,
								 uint64_t raw)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	const pt_pa_t pa = fmt_leaf_pa(raw, 0, walk->index_, f);
	unsigned int order, nr = ptl_quick_folio_pages(walk, raw, pa, &order);
	_Atomic uint64_t *entry = ptl_quick_entry(walk);

	if (nr <= 1 || walk->quick_end_ - walk->index_ < 2 ||
	    !((ptl_load(entry + 1) ^ (raw + PTL_BIT(FMT_GRANULE_LG2))) & f->page_address))
		return false;
	if (walk->index_ + PTL_QUICK_PAGES_AHEAD < walk->quick_end_)
		ptl_quick_prefetch(walk,
				   fmt_leaf_pa(ptl_load(entry + PTL_QUICK_PAGES_AHEAD), 0, 0, f));
	ptl_quick_report_folio(walk, 1, raw, pa, order, fmt_decode(raw, 0, f));
	return true;
}

/* All of a folio, whose pages all have the same bits: a streak begins. False: as above. */
static inline bool ptl_quick_whole(struct pt_range_walk *walk, uint64_t raw)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	const pt_pa_t pa = fmt_leaf_pa(raw, 0, walk->index_, f);
	unsigned int order, nr = ptl_quick_folio_pages(walk, raw, pa, &order);
	_Atomic uint64_t *entry = ptl_quick_entry(walk);
	uint64_t differ = 0, want = raw;

	if (nr <= 1 || nr > walk->quick_end_ - walk->index_ || !f->page_address)
		return false;
	/* A folio's first address is a multiple of its size: there is no carry. */
	for (unsigned int i = 1; i < nr; i++) {
		want += PTL_BIT(FMT_GRANULE_LG2);
		differ |= ptl_load(&entry[i]) ^ want;
	}
	if (differ & walk->quick_news_)
		return false;
	if (walk->index_ + PTL_QUICK_AHEAD * nr < walk->quick_end_)
		ptl_quick_prefetch(walk,
				   fmt_leaf_pa(ptl_load(entry + PTL_QUICK_AHEAD * nr), 0, 0, f));
	ptl_quick_report_folio(walk, nr, raw, pa, order, fmt_decode(raw, 0, f));
	ptl_streak_begin(walk, nr, raw, order);
	return true;
}

/* A folio: those of its pages that follow with the same bits. */
static inline enum pt_range_walk_type ptl_quick_folio(struct pt_range_walk *walk, uint64_t raw)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	const pt_attr_t merge =
		PT_ATTR_ACCESSED | PT_ATTR_DIRTY | PT_ATTR_WRITE | walk->pt_->soft.attr_dirty;
	const pt_pa_t pa = fmt_leaf_pa(raw, 0, walk->index_, f);
	unsigned int i, ahead, order, nr = ptl_quick_folio_pages(walk, raw, pa, &order);
	const uint64_t step = nr ? fmt_leaf_step(raw, 0, nr, f) : 0;
	pt_attr_t merged;

	/* What reaches further, into the next table or beyond the end, is the long way's. */
	if (!step || nr > walk->quick_end_ - walk->index_)
		return PTW_ABORT;
	i = ptl_quick_alike(walk, raw, nr, step, &merged);
	if (!i)
		return PTW_ABORT;
	ahead = i == nr && nr > 1 ? PTL_QUICK_AHEAD * nr : PTL_QUICK_PAGES_AHEAD;
	if (walk->index_ + ahead < walk->quick_end_)
		ptl_quick_prefetch(walk,
				   fmt_leaf_pa(ptl_load(ptl_quick_entry(walk) + ahead), 0, 0, f));
	ptl_quick_report_folio(walk, i, raw, pa, order, fmt_decode(raw, 0, f) | (merged & merge));
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

/*
 * Software's words but for PROT_NONE, of areas of small pages: decoded. Their type, or PTW_ABORT.
 * What hardware sees is PT_SOFT_UNKNOWN to the decoder.
 */
static inline enum pt_range_walk_type ptl_quick_soft_type(struct pt_range_walk *walk, uint64_t raw)
{
	const struct pt_pgtable *pt = walk->pt_;
	enum pt_range_walk_type type;
	enum pt_soft_kind kind;

	if (!walk->quick_soft_ || raw == PTL_BREAK_WORD || raw == PTL_DEAD_WORD ||
	    !(raw & ~pt->soft.stray))
		return PTW_ABORT;
	kind = ptl_soft_decode_page(&pt->soft_types, &pt->soft, raw, &walk->soft);
	type = (enum pt_range_walk_type)ptl_walk_type_of_soft[kind];
	return kind != PT_SOFT_UNKNOWN && ptl_walk_wants(walk, type) ? type : PTW_ABORT;
}

/* @nr entries of @type, from @raw on. */
static inline enum pt_range_walk_type ptl_quick_report_soft(struct pt_range_walk *walk,
							    enum pt_range_walk_type type,
							    unsigned int nr, uint64_t raw)
{
	ptl_quick_no_leaf(walk);
	ptl_quick_report(walk, type, nr, raw);
	return type;
}

/* Swap words from @raw on, which was decoded, that have consecutive offsets. */
static inline enum pt_range_walk_type ptl_quick_swap(struct pt_range_walk *walk, uint64_t raw)
{
	const struct pt_pgtable *pt = walk->pt_;
	_Atomic uint64_t *first = ptl_quick_entry(walk), *entry = first + 1;
	const unsigned int room = walk->quick_end_ - walk->index_;
	const uint64_t step = ptl_swap_step(pt, walk->soft.offset, room), mask = ~pt->soft.stray;
	uint64_t want = raw + step;

	if (!step)
		return PTW_ABORT;
	for (; entry < first + room && !((ptl_load(entry) ^ want) & mask); entry++)
		want += step;
	if (entry == first + room)
		return PTW_ABORT; /* it may go on in the next table */
	return ptl_quick_report_soft(walk, PTW_SWAP, (unsigned int)(entry - first), raw);
}

static inline enum pt_range_walk_type ptl_quick_soft(struct pt_range_walk *walk, uint64_t raw)
{
	enum pt_range_walk_type type = ptl_quick_soft_type(walk, raw);

	if (type == PTW_ABORT)
		return PTW_ABORT;
	return type == PTW_SWAP ? ptl_quick_swap(walk, raw)
				: ptl_quick_report_soft(walk, type, 1, raw);
}

#endif /* PTL_WALK_QUICK_IMPL_H */
