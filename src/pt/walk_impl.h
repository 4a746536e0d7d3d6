/* SPDX-License-Identifier: MIT */
/*
 * walk_impl.h - pt_range_walk_next().
 *
 * The cursor remembers the table that it stopped in, and that page's generation.
 * A table page that dies counts its generation up before it can be freed, and
 * what is freed is freed after a grace period; so inside a read-side section an
 * unchanged generation means that the page is still the table it was.
 */
#ifndef PTL_WALK_IMPL_H
#define PTL_WALK_IMPL_H

#include "pt/query_impl.h"

/* The next entry to look at. */
struct ptl_spot {
	_Atomic uint64_t *table;
	pt_pa_t table_pa;
	unsigned int level, index;
	uint64_t raw;
	enum ptl_kind kind;
	enum pt_illegal why;
};

static const struct {
	unsigned int type;
	enum pt_range_walk_type ret;
} ptl_walk_types[] = {
	[PTL_EMPTY] = { PT_TYPE_NONE, PTW_NONE },
	[PTL_DEAD] = { PT_TYPE_NONE, PTW_NONE },
	[PTL_LEAF] = { PT_TYPE_PFN, PTW_PFN },
	[PTL_SOFT] = { PT_TYPE_UNKNOWN, PTW_UNKNOWN },
	[PTL_ILLEGAL] = { PT_TYPE_ILLEGAL, PTW_ILLEGAL },
};

/* Descends to the entry for @va; a table that cannot be followed is what stands there. */
static inline bool ptl_spot_find(const struct pt_pgtable *pt, pt_va_t va, struct ptl_spot *spot)
{
	struct ptl_pos pos;
	int err = ptl_descend(pt, va, 0, &pos, &spot->raw);

	spot->table = pos.table;
	spot->table_pa = pos.table_pa;
	spot->level = pos.level;
	spot->index = pos.index;
	spot->why = PT_LEGAL;
	if (err) {
		spot->kind = PTL_ILLEGAL;
		spot->why = ptl_table_at(pt, fmt_table_pa(spot->raw, &pt->fmt))
				    ? PT_ILLEGAL_LOOP
				    : PT_ILLEGAL_OUTSIDE;
		return true;
	}
	spot->kind = fmt_kind(spot->raw, spot->level, &pt->fmt);
	if (__builtin_expect(spot->kind == PTL_ILLEGAL, 0))
		spot->why = fmt_illegal(spot->raw, spot->level, &pt->fmt);
	if (__builtin_expect(spot->kind >= PTL_BREAK, 0)) {
		_Atomic uint64_t *entry = &spot->table[spot->index];

		if (!ptl_reader_verdict(pt, spot->table_pa, spot->level, entry, spot->raw))
			return false;
		/* The dead word is a hole; both are software's where an image holds them. */
		spot->kind = ptl_settled_kind(pt, spot->table_pa, spot->level, entry, spot->raw);
		if (spot->kind == PTL_BREAK)
			return false;
	}
	return true;
}

/* What the levels above @level leave of a leaf at @va. */
static inline unsigned int ptl_limits_above(const struct pt_pgtable *pt, pt_va_t va,
					    unsigned int level)
{
	_Atomic uint64_t *table = pt->root;
	unsigned int limits = 0;

	for (unsigned int up = pt->fmt.top_level; up > level; up--) {
		uint64_t raw = ptl_load_acquire(&table[ptl_index(pt, va, up)]);

		if (!fmt_is_table(raw, up, &pt->fmt))
			break; /* changed since; the attributes are from that moment */
		limits |= fmt_limits(raw, &pt->fmt);
		table = ptl_table_at(pt, fmt_table_pa(raw, &pt->fmt));
		if (!table)
			break;
	}
	return limits;
}

static inline pt_attr_t ptl_limit_attr(pt_attr_t attr, unsigned int limits, pt_attr_t attrs)
{
	bool user_exec = pt_attr_user_exec(attr), priv_exec = pt_attr_priv_exec(attr), user;

	if (!limits)
		return attr;
	if (!(attrs & PT_ATTR_EXEC_OTHER)) /* one bit says both */
		user_exec = priv_exec = attr & PT_ATTR_EXEC;
	user_exec &= !(limits & PTL_LIMIT_USER_EXEC);
	priv_exec &= !(limits & PTL_LIMIT_PRIV_EXEC);
	if (limits & PTL_LIMIT_READ)
		attr &= ~PT_ATTR_READ;
	if (limits & PTL_LIMIT_WRITE)
		attr &= ~PT_ATTR_WRITE;
	if (limits & PTL_LIMIT_USER)
		attr &= ~PT_ATTR_USER;
	user = attr & PT_ATTR_USER;
	attr &= ~(PT_ATTR_EXEC | PT_ATTR_EXEC_OTHER);
	if (user ? user_exec : priv_exec)
		attr |= PT_ATTR_EXEC;
	if (user ? priv_exec : user_exec)
		attr |= PT_ATTR_EXEC_OTHER & attrs;
	return attr;
}

/* Goes over what is no address of this table. False: nothing is left. */
static inline bool ptl_walk_skip_gap(struct pt_range_walk *walk)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;

	if (__builtin_expect(fmt_va_valid(walk->next_, f), 1))
		return true;
	walk->table_ = NULL;
	if (!f->upper_first || walk->next_ > f->upper_first || walk->last_ < f->upper_first)
		return false;
	walk->next_ = f->upper_first;
	return true;
}

/* The last address that the walk may reach without crossing a gap. */
static inline pt_va_t ptl_walk_last(const struct pt_range_walk *walk)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;

	if (walk->next_ < f->lower_end && walk->last_ >= f->lower_end)
		return f->lower_end - 1;
	return walk->last_;
}

/* A run as it grows. */
struct ptl_run {
	struct ptl_spot spot;  /* where it stops */
	pt_va_t last;          /* of its last entry */
	uint64_t want;         /* the word that would continue it, as compared; 0: none */
	uint64_t merged;       /* first entry's, with the marks of all */
	uint64_t same;         /* bits that must agree */
	bool respect_ad;
};

static inline uint64_t ptl_run_view(const struct ptl_run *run, uint64_t raw,
				    const struct ptl_fmt *f)
{
	return run->respect_ad ? raw : fmt_still(raw, f);
}

/* Takes entries of the table in hand into the run of leaves, the first is in already. */
static inline void ptl_run_leaves(const struct pt_pgtable *pt, struct ptl_run *run, pt_va_t limit)
{
	const struct ptl_fmt *f = &pt->fmt;
	unsigned int level = run->spot.level, lg2 = ptl_level_lg2(level);
	unsigned int end = ptl_nr_entries(pt, level), i = run->spot.index;
	uint64_t want = run->want, merged = run->merged;
	uint64_t marks = 0; /* how the last word with news differed from the one wanted */
	const uint64_t same = run->same;
	uint64_t step;
	uint64_t wanted = ((limit - run->last - 1) >> lg2) + 1;

	if (wanted < end - i)
		end = i + (unsigned int)wanted;
	step = want ? fmt_leaf_step(want, level, end - i, f) : 0;
	for (; i < end && want; i++) {
		uint64_t raw = ptl_load(&run->spot.table[i]);

		/* Most words differ from what is wanted as the one before did, in their marks. */
		if (__builtin_expect((raw ^ want ^ marks) & same, 0)) {
			if ((ptl_run_view(run, raw, f) ^ want) & same)
				break;
			marks = raw ^ want;
			merged = fmt_merge_ad(merged, raw, f);
		}
		if (step)
			want += step;
		else
			want = fmt_leaf_next(want, level, i, f);
	}
	run->last += (uint64_t)(i - run->spot.index) << lg2;
	run->spot.index = i;
	run->want = want;
	run->merged = merged;
}

/* The same for holes. */
static inline void ptl_run_holes(const struct pt_pgtable *pt, struct ptl_run *run, pt_va_t limit)
{
	unsigned int level = run->spot.level, lg2 = ptl_level_lg2(level);
	unsigned int end = ptl_nr_entries(pt, level), i = run->spot.index;

	for (; i < end && run->last < limit; i++) {
		uint64_t raw = ptl_load(&run->spot.table[i]);

		if (raw && fmt_kind(raw, level, &pt->fmt) != PTL_EMPTY)
			break;
		run->last += PTL_BIT(lg2);
	}
	run->spot.index = i;
}

static inline bool ptl_is_hole(enum ptl_kind kind)
{
	return kind == PTL_EMPTY || kind == PTL_DEAD;
}

/*
 * Extends @run over the table in hand and those that follow it. Stops at the
 * first entry that does not belong, or at @limit.
 */
static inline void ptl_run_extend(struct pt_range_walk *walk, struct ptl_run *run, pt_va_t limit,
				  unsigned int *budget)
{
	const struct pt_pgtable *pt = walk->pt_;
	bool holes = ptl_is_hole(run->spot.kind);

	for (;;) {
		struct ptl_spot next;

		if (holes)
			ptl_run_holes(pt, run, limit);
		else
			ptl_run_leaves(pt, run, limit);
		if (run->last >= limit || run->spot.index < ptl_nr_entries(pt, run->spot.level) ||
		    !*budget)
			return;
		--*budget;
		if (!ptl_spot_find(pt, run->last + 1, &next) || next.level != run->spot.level ||
		    ptl_is_hole(next.kind) != holes)
			return;
		if (!holes && (next.kind != PTL_LEAF || !run->want ||
			       (ptl_run_view(run, next.raw, &pt->fmt) ^ run->want) & run->same))
			return;
		if (!holes && walk->flags_ & PT_WALK_EFFECTIVE &&
		    ptl_limits_above(pt, run->last + 1, next.level) != walk->limits_)
			return;
		run->spot = next;
	}
}

/* Goes over entries of a kind that nobody asked for. */
static inline pt_va_t ptl_skip_entries(const struct pt_pgtable *pt, const struct ptl_spot *spot,
				       pt_va_t entry_last, pt_va_t limit)
{
	unsigned int lg2 = ptl_level_lg2(spot->level), end = ptl_nr_entries(pt, spot->level);

	for (unsigned int i = spot->index + 1; i < end && entry_last < limit; i++) {
		uint64_t raw = ptl_load(&spot->table[i]);

		if (raw != spot->raw &&
		    (fmt_kind(raw, spot->level, &pt->fmt) != spot->kind || spot->why != PT_LEGAL))
			break;
		entry_last += PTL_BIT(lg2);
	}
	return entry_last;
}

/* Finds where the cursor stands: in the table it knows, or from the root. */
static inline bool ptl_walk_spot(struct pt_range_walk *walk, struct ptl_spot *spot)
{
	const struct pt_pgtable *pt = walk->pt_;
	const struct pt_frame *frame = walk->frame_;

	/* Acquire pairs with the release in ptl_table_kill(). */
	if (!walk->table_ ||
	    atomic_load_explicit(&((struct pt_frame *)(uintptr_t)frame)->generation,
				 memory_order_acquire) != walk->alive_) {
		walk->table_ = NULL;
		return ptl_spot_find(pt, walk->next_, spot);
	}
	spot->table = (_Atomic uint64_t *)(uintptr_t)walk->table_;
	spot->table_pa = walk->table_pa_;
	spot->level = walk->level_;
	spot->index = walk->index_;
	spot->raw = ptl_load_acquire(&spot->table[spot->index]);
	spot->kind = fmt_kind(spot->raw, spot->level, &pt->fmt);
	spot->why = PT_LEGAL;
	if (__builtin_expect(spot->kind == PTL_LEAF || spot->kind == PTL_EMPTY, 1))
		return true;
	return ptl_spot_find(pt, walk->next_, spot);
}

/* Remembers entry @index of the table in hand, the next one, if there is such. */
static inline void ptl_walk_remember(struct pt_range_walk *walk, const struct ptl_spot *spot,
				     unsigned int index)
{
	struct pt_pgtable *pt = walk->pt_;

	if (index >= ptl_nr_entries(pt, spot->level)) {
		walk->table_ = NULL;
		return;
	}
	if (walk->table_ != (const void *)spot->table) {
		struct pt_frame *frame = ptl_frame_at(pt, spot->table_pa);

		walk->table_ = (const void *)spot->table;
		walk->table_pa_ = spot->table_pa;
		walk->frame_ = frame;
		walk->alive_ = atomic_load_explicit(&frame->generation, memory_order_acquire);
		walk->level_ = spot->level;
		/* Killed before we looked: then the number is the next life's. */
		if (atomic_load_explicit(&frame->lock, memory_order_acquire) & PTL_FRAME_DEAD)
			walk->table_ = NULL;
	}
	walk->index_ = index;
}

static inline enum pt_range_walk_type ptl_walk_report(struct pt_range_walk *walk,
						      const struct ptl_run *run, pt_va_t limit,
						      enum ptl_kind kind, enum pt_illegal why,
						      uint64_t raw, unsigned int index)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	unsigned int level = run->spot.level, lg2 = ptl_level_lg2(level);
	pt_va_t last = run->last < limit ? run->last : limit;

	walk->va = walk->next_;
	walk->len = last - walk->va + 1;
	walk->raw = raw;
	walk->level = level;
	walk->size_lg2 = lg2;
	walk->why = why;
	walk->pa = 0;
	walk->attr = 0;
	walk->contig_lg2 = 0;
	if (kind == PTL_LEAF) {
		walk->pa = fmt_leaf_pa(raw, level, index, f) | (walk->va & (PTL_BIT(lg2) - 1));
		walk->attr = fmt_decode(run->merged, level, f);
		walk->contig_lg2 = fmt_contig_lg2(raw, level, f);
		if (walk->flags_ & PT_WALK_EFFECTIVE)
			walk->attr = ptl_limit_attr(walk->attr, walk->limits_, f->attrs);
	}
	walk->done_ = last >= walk->last_;
	walk->next_ = last + 1;
	return ptl_walk_types[kind].ret;
}

/*
 * One entry a run: the next leaf of level 0 in the table in hand, where nothing
 * has to be found or compared. False: the long way.
 */
static inline __attribute__((always_inline)) bool ptl_walk_page(struct pt_range_walk *walk)
{
	const struct ptl_fmt *f = &walk->pt_->fmt;
	_Atomic uint64_t *table = (_Atomic uint64_t *)(uintptr_t)walk->table_;
	struct pt_frame *frame = (struct pt_frame *)(uintptr_t)walk->frame_;
	pt_va_t last = walk->next_ + (PTL_BIT(FMT_GRANULE_LG2) - 1);
	uint64_t raw;

	if (!table || walk->level_ || walk->done_ || last > walk->last_ ||
	    !ptl_aligned(walk->next_, FMT_GRANULE_LG2) ||
	    (walk->flags_ & (PT_WALK_EACH | PT_WALK_EFFECTIVE)) != PT_WALK_EACH ||
	    !(walk->types_ & PT_TYPE_PFN))
		return false;
	/* Acquire pairs with the releases in ptl_table_kill() and ptl_tables_unhooked(). */
	if (atomic_load_explicit(&frame->generation, memory_order_acquire) != walk->alive_ ||
	    atomic_load_explicit(&walk->pt_->unhooked, memory_order_acquire) != walk->unhooked_)
		return false;
	raw = ptl_load_acquire(&table[walk->index_]);
	if (!fmt_is_leaf(raw, 0, f))
		return false;
	walk->va = walk->next_;
	walk->len = PTL_BIT(FMT_GRANULE_LG2);
	walk->pa = fmt_leaf_pa(raw, 0, walk->index_, f);
	walk->attr = fmt_decode(raw, 0, f);
	walk->raw = raw;
	walk->level = 0;
	walk->size_lg2 = FMT_GRANULE_LG2;
	walk->contig_lg2 = fmt_contig_lg2(raw, 0, f);
	walk->why = PT_LEGAL;
	walk->done_ = last == walk->last_;
	walk->next_ = last + 1;
	if (++walk->index_ == ptl_nr_entries(walk->pt_, 0))
		walk->table_ = NULL;
	return true;
}

static __attribute__((noinline)) enum pt_range_walk_type ptl_walk_run(struct pt_range_walk *walk)
{
	const struct pt_pgtable *pt = walk->pt_;
	unsigned int budget = PT_WALK_MAX_TABLES;
	enum pt_range_walk_type ret = PTW_DONE;
	uint32_t unhooked;

	ptl_read_enter(pt);
	/* As of now: a table found later may leave the tree, and then this is too old. */
	unhooked = atomic_load_explicit(&walk->pt_->unhooked, memory_order_acquire);
	if (unhooked != walk->unhooked_)
		walk->table_ = NULL;
	walk->unhooked_ = unhooked;
	while (!walk->done_ && ptl_walk_skip_gap(walk)) {
		pt_va_t limit = ptl_walk_last(walk);
		struct ptl_run run;
		struct ptl_spot at;

		if (!ptl_walk_spot(walk, &run.spot))
			continue;
		at = run.spot;
		run.last = ptl_last(walk->next_, ptl_level_lg2(at.level));
		if (!(ptl_walk_types[at.kind].type & walk->types_)) {
			run.last = ptl_skip_entries(pt, &at, run.last, limit);
			ptl_walk_remember(walk, &at, ptl_index(pt, run.last, at.level) + 1);
			walk->done_ = run.last >= walk->last_;
			walk->next_ = run.last + 1;
			if (!walk->table_ && !--budget) {
				ret = walk->done_ ? PTW_DONE : PTW_AGAIN;
				break;
			}
			continue;
		}
		run.spot.index++;
		run.merged = at.raw;
		if (walk->flags_ & PT_WALK_EFFECTIVE && at.kind == PTL_LEAF)
			walk->limits_ = ptl_limits_above(pt, walk->next_, at.level);
		if (!(walk->flags_ & PT_WALK_EACH) && run.last < limit &&
		    (at.kind == PTL_LEAF || ptl_is_hole(at.kind))) {
			pt_attr_t attrs = walk->flags_ & PT_WALK_IGNORE_SW ? ~PT_ATTR_SW_MASK :
									     ~(pt_attr_t)0;

			run.respect_ad = walk->flags_ & PT_WALK_RESPECT_AD;
			run.same = fmt_attr_bits(attrs, at.level, &pt->fmt) |
				   fmt_form_bits(at.level, &pt->fmt);
			run.want = fmt_leaf_next(ptl_run_view(&run, at.raw, &pt->fmt), at.level,
						 at.index, &pt->fmt);
			ptl_run_extend(walk, &run, limit, &budget);
		}
		ptl_walk_remember(walk, &run.spot, run.spot.index);
		ret = ptl_walk_report(walk, &run, limit, at.kind, at.why, at.raw, at.index);
		break;
	}
	ptl_read_leave(pt);
	return walk->type_ = ret;
}

/* As ptl_walk_page(), beside writers. */
static __attribute__((noinline)) bool ptl_walk_page_guarded(struct pt_range_walk *walk)
{
	bool found;

	ptl_rcu_read_lock();
	found = ptl_walk_page(walk);
	ptl_rcu_read_unlock();
	return found;
}

static enum pt_range_walk_type ptl_walk_next(struct pt_range_walk *walk)
{
	if (walk->table_ && walk->flags_ & PT_WALK_EACH &&
	    (PTL_SHARED || walk->pt_->readers ? ptl_walk_page_guarded(walk) : ptl_walk_page(walk)))
		return walk->type_ = PTW_PFN;
	return ptl_walk_run(walk);
}

#endif /* PTL_WALK_IMPL_H */
