/* SPDX-License-Identifier: MIT */
/*
 * protect_impl.h - pt_protect().
 *
 * What a change of attributes does to a word depends on nothing but the word's
 * attribute bits, so it is worked out once per pattern of those and applied to
 * the run of words that share it, as one exclusive-or.
 */
#ifndef PTL_PROTECT_IMPL_H
#define PTL_PROTECT_IMPL_H

#include "pt/split_impl.h"

struct ptl_recode {
	pt_attr_t set, clear;
	unsigned int level;  /* that @raw is of; PT_MAX_LEVELS: nothing yet */
	uint64_t bits;       /* bits that decide, and those that may change */
	uint64_t raw, delta; /* a word, and what changes in every word like it */
	bool needs_break;
	unsigned int nr;     /* how often it was worked out, and for anything but leaves */
};

static inline void ptl_recode_init(struct ptl_recode *recode, pt_attr_t set, pt_attr_t clear)
{
	recode->set = set;
	recode->clear = clear;
	recode->level = PT_MAX_LEVELS;
	recode->bits = 0;
	recode->raw = recode->delta = 0;
	recode->needs_break = false;
	recode->nr = 0;
}

static inline bool ptl_recode_fits(const struct ptl_recode *recode, uint64_t raw,
				   unsigned int level)
{
	return level == recode->level && !((raw ^ recode->raw) & recode->bits);
}

/* How many of @nr words from @entry on are leaves like @recode's. */
static inline unsigned int ptl_recode_run(const struct ptl_recode *recode, _Atomic uint64_t *entry,
					  unsigned int nr, unsigned int level,
					  const struct ptl_fmt *f)
{
	/* Attributes and what makes a leaf, in one mask: a loop of few instructions. */
	const uint64_t mask = recode->bits | f->leaf_mask[level], want = recode->raw & mask;
	unsigned int i = 0;

	if (level != recode->level)
		return 0;
	/* Four at a time: one decision for them all. */
	for (; i + 4 <= nr; i += 4) {
		uint64_t differ = (ptl_load(&entry[i]) ^ want) | (ptl_load(&entry[i + 1]) ^ want) |
				  (ptl_load(&entry[i + 2]) ^ want) |
				  (ptl_load(&entry[i + 3]) ^ want);

		if (differ & mask)
			break;
	}
	while (i < nr && !((ptl_load(&entry[i]) ^ want) & mask))
		i++;
	return i;
}

/* Work it out for words like the leaf @raw. -EOPNOTSUPP for what cannot be encoded. */
static inline int ptl_recode_for(struct ptl_recode *recode, uint64_t raw, unsigned int level,
				 const struct ptl_fmt *f)
{
	pt_attr_t changed = recode->set | recode->clear;
	pt_attr_t attr = (fmt_decode(raw, level, f) & ~recode->clear) | recode->set;
	pt_attr_t keep = 0;
	uint64_t bits = fmt_attr_bits(changed, level, f), proto;
	int err;

	/* A field that does not change need not be one that we could encode. */
	if (!(changed & PT_ATTR_MEM_MASK))
		keep |= PT_ATTR_MEM_MASK;
	if (!(changed & PT_ATTR_SHARE_MASK))
		keep |= PT_ATTR_SHARE_MASK;
	err = fmt_encode((attr & ~keep) | (f->any_mem & keep), level, f, &proto);
	if (err)
		return err;
	recode->level = level;
	recode->nr++;
	recode->bits = fmt_attr_bits(~(pt_attr_t)0, level, f);
	recode->raw = raw;
	recode->delta = (raw ^ proto) & bits;
	recode->needs_break = fmt_needs_break(raw, raw ^ recode->delta, level, f);
	return 0;
}

/* First pass: that every entry is a leaf whose attributes can change. */
static inline int ptl_protect_check(struct ptl_op *op, pt_va_t first, pt_va_t last,
				    struct ptl_recode *recode)
{
	bool skip_holes = op->change->flags & PT_CHANGE_SKIP_HOLES;
	const struct ptl_fmt *f = &op->pt->fmt;
	pt_va_t va = first;

	for (;;) {
		unsigned int lg2, nr, i;
		enum ptl_kind kind;
		struct ptl_pos pos;
		uint64_t raw;
		int err;

		op->change->bad_va = va;
		err = ptl_descend(op->pt, va, 0, &pos, &raw);
		if (err)
			return err;
		if (!ptl_settle(op->pt, &pos, &raw, &kind))
			continue;
		lg2 = ptl_level_lg2(pos.level);
		if (kind != PTL_LEAF) {
			if (kind == PTL_ILLEGAL)
				return -EFAULT;
			if (!skip_holes)
				return -ENOENT;
			recode->nr += 2;
			nr = i = 1;
		} else {
			uint64_t touched = ((last - ptl_align_down(va, lg2)) >> lg2) + 1;

			nr = ptl_nr_entries(op->pt, pos.level) - pos.index;
			if (touched < nr)
				nr = (unsigned int)touched;
			for (i = 0; i < nr; i++) {
				i += ptl_recode_run(recode, &pos.table[pos.index + i], nr - i,
						    pos.level, f);
				if (i == nr)
					break;
				raw = ptl_load(&pos.table[pos.index + i]);
				if (!fmt_is_leaf(raw, pos.level, f))
					break;
				if (!ptl_recode_fits(recode, raw, pos.level)) {
					err = ptl_recode_for(recode, raw, pos.level, f);
					if (err)
						return err;
				}
			}
		}
		if (!i)
			continue;
		va = ptl_align_down(va, lg2) + ((uint64_t)i << lg2);
		if (va - 1 >= last)
			return 0;
	}
}

/* Changes @nr leaves from @index on, whose delta needs break, flush, make. */
static inline bool ptl_protect_break(struct ptl_op *op, struct ptl_pos *pos, unsigned int index,
				     unsigned int nr, pt_va_t va, struct ptl_recode *recode)
{
	uint64_t words[PTL_BREAK_MAX];

	if (!ptl_try_break(op, pos, index, nr, va, words, PTL_LEAF, PTL_ANY_CONTIG))
		return false;
	for (unsigned int i = 0; i < nr; i++) {
		/*
		 * Hardware may have set A or D; what could be encoded then still can. A
		 * word that cannot be was not checked: a tree reached in two ways.
		 */
		if (ptl_recode_fits(recode, words[i], pos->level) ||
		    !ptl_recode_for(recode, words[i], pos->level, &op->pt->fmt))
			words[i] ^= recode->delta;
	}
	ptl_make(op, pos, index, nr, va, words);
	return true;
}

/*
 * Changes leaves like @recode's from @index on; returns how many. Exclusive mode.
 * Where the check found nothing but leaves like these, nobody can have put any
 * other there since. Setting and clearing, not flipping: a table that is linked
 * at two places of the range comes by twice.
 */
static inline unsigned int ptl_recode_store(const struct ptl_op *op, const struct ptl_pos *pos,
					    unsigned int index, unsigned int end,
					    const struct ptl_recode *recode)
{
	const uint64_t set = ~recode->raw & recode->delta, keep = ~(recode->raw & recode->delta);
	_Atomic uint64_t *entry = &pos->table[index];
	unsigned int nr = end - index;

	if (pos->level != recode->level)
		return 0;
	if (recode->nr > 1)
		nr = ptl_recode_run(recode, entry, nr, pos->level, &op->pt->fmt);
#pragma GCC unroll 4
	for (unsigned int i = 0; i < nr; i++)
		atomic_store_explicit(&entry[i], (ptl_load(&entry[i]) | set) & keep,
				      memory_order_relaxed);
	return nr;
}

/* One visit: returns how many entries from @pos on are done. */
static inline unsigned int ptl_protect_entries(struct ptl_op *op, struct ptl_pos *pos, pt_va_t va,
					       unsigned int nr, struct ptl_recode *recode)
{
	const struct ptl_fmt *f = &op->pt->fmt;
	unsigned int lg2 = ptl_level_lg2(pos->level), end = pos->index + nr, i;
	unsigned int leaves = 0, first_changed = end, last_changed = 0, breaks = 0;
	pt_va_t base = va - ((uint64_t)pos->index << lg2);

	if (!ptl_lock(op->pt, pos))
		return 0;
	for (i = pos->index; i < end; i++) {
		uint64_t raw;

		if (!PTL_SHARED && recode->delta && !recode->needs_break) {
			unsigned int run = ptl_recode_store(op, pos, i, end, recode);

			if (run && first_changed == end)
				first_changed = i;
			if (run)
				last_changed = i + run - 1;
			leaves += run;
			i += run;
			if (i == end)
				break;
		}
		raw = ptl_load(&pos->table[i]);
retry:
		if (!fmt_is_leaf(raw, pos->level, f)) {
			enum ptl_kind kind = ptl_settled_kind(op->pt, pos->table_pa, pos->level,
							      &pos->table[i], raw);

			if (kind == PTL_EMPTY || kind == PTL_SOFT)
				continue;
			break;
		}
		if (!ptl_recode_fits(recode, raw, pos->level) &&
		    ptl_recode_for(recode, raw, pos->level, f))
			break; /* checked before: only in a tree that is reached in two ways */
		if (!recode->delta) {
			leaves++;
			continue;
		}
		if (recode->needs_break) {
			breaks++;
			break;
		}
		if (!ptl_install(op, pos, i, base + ((uint64_t)i << lg2), &raw,
				 raw ^ recode->delta))
			goto retry; /* hardware set A or D */
		if (first_changed == end)
			first_changed = i;
		last_changed = i;
		leaves++;
	}
	ptl_unlock(op->pt, pos);
	if (first_changed != end) {
		ptl_gather_range(op->gather, base + ((uint64_t)first_changed << lg2),
				 base + ((uint64_t)last_changed << lg2) + (PTL_BIT(lg2) - 1), lg2,
				 false);
		ptl_top_changed(op, pos, first_changed, last_changed - first_changed + 1);
	}
	if (breaks) {
		/*
		 * All leaves that follow, whole blocks at a time: hardware marks entries
		 * of a block one by one, and a block must not be half old and half new.
		 */
		unsigned int limit = (i | (PTL_BREAK_MAX - 1)) + 1;

		while (i + breaks < end && i + breaks < limit &&
		       fmt_is_leaf(ptl_load(&pos->table[i + breaks]), pos->level, f))
			breaks++;
		if (ptl_protect_break(op, pos, i, breaks, base + ((uint64_t)i << lg2), recode)) {
			leaves += breaks;
			i += breaks;
		}
	}
	op->change->done += (uint64_t)leaves << lg2;
	return i - pos->index;
}

/*
 * One page, mapped as such, to what it can be without a break. False, and nothing has changed, for
 * everything else. *@changed: whether the word did.
 */
static inline __attribute__((always_inline)) bool
ptl_protect_page(struct pt_pgtable *pt, pt_va_t va, pt_attr_t set, pt_attr_t clear,
		 struct pt_change *change, bool *changed)
{
	struct ptl_active active;
	_Atomic uint64_t *table;
	bool done = false;

	if (set & ~pt->fmt.attrs || !ptl_quick_fits(pt, va, change, PT_CHANGE_FLAGS))
		return false;
	ptl_quick_enter(pt, &active, va);
	if (ptl_find_leaf_table(pt, pt->change_root, va, true, &table)) {
		_Atomic uint64_t *entry = &table[ptl_leaf_index(va)];
		uint64_t raw = ptl_load(entry);
		struct ptl_recode recode;
		pt_pa_t pa;

		ptl_recode_init(&recode, set, clear);
		done = ptl_sift(&pt->page, pt->page.stray, raw, &pa) &&
		       !fmt_contig_lg2(raw, 0, &pt->fmt) &&
		       !ptl_recode_for(&recode, raw, 0, &pt->fmt) && !recode.needs_break;
		*changed = recode.delta;
		/* Without a lock: while our leaf is there, nobody frees the table. */
		if (done && recode.delta && PTL_SHARED)
			done = atomic_compare_exchange_strong_explicit(
				entry, &raw, raw ^ recode.delta, memory_order_relaxed,
				memory_order_relaxed); /* else hardware set A or D */
		else if (done && recode.delta)
			atomic_store_explicit(entry, raw ^ recode.delta, memory_order_relaxed);
	}
	ptl_quick_leave(pt, &active);
	return done;
}

static __attribute__((noinline)) int ptl_protect_range(struct pt_pgtable *pt, pt_va_t va,
						       uint64_t len, pt_attr_t set,
						       pt_attr_t clear, struct pt_change *change)
{
	struct ptl_recode recode;
	struct ptl_op op;
	pt_va_t last;
	int err = ptl_change_range(pt, va, len, change, &last);

	if (err)
		return err;
	if (set & ~pt->fmt.attrs)
		return -EOPNOTSUPP;
	ptl_recode_init(&recode, set, clear);
	ptl_op_begin(&op, pt, va, last, change);
	op.flush_splits = true;
	err = ptl_protect_check(&op, va, last, &recode);
	if (!err)
		op.change->bad_va = 0;
	if (!err)
		err = ptl_split_edges(&op, va, last);
	while (!err) {
		unsigned int lg2, nr = 0;
		enum ptl_kind kind;
		struct ptl_pos pos;
		pt_va_t next;
		uint64_t raw;

		if (ptl_descend(pt, va, 0, &pos, &raw))
			break;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		lg2 = ptl_level_lg2(pos.level);
		next = ptl_last(va, lg2);
		if (kind == PTL_LEAF && ptl_aligned(va, lg2) && next <= last) {
			nr = ptl_protect_entries(&op, &pos, va, ptl_run_entries(pt, &pos, va, last),
						 &recode);
			if (!nr)
				continue;
			next = va + ((uint64_t)nr << lg2) - 1;
		}
		if (next >= last)
			break;
		va = next + 1;
	}
	return ptl_op_end(&op, err);
}

static int ptl_protect(struct pt_pgtable *pt, pt_va_t va, uint64_t len, pt_attr_t set,
		       pt_attr_t clear, struct pt_change *change)
{
	bool changed;

	if (PTL_CHECKED || len != PTL_BIT(FMT_GRANULE_LG2) ||
	    !ptl_protect_page(pt, va, set, clear, change, &changed))
		return ptl_protect_range(pt, va, len, set, clear, change);
	if (change) {
		change->done = len;
		change->bad_va = 0;
	}
	if (changed)
		ptl_flush_page(pt, va, change);
	return 0;
}

#endif /* PTL_PROTECT_IMPL_H */
