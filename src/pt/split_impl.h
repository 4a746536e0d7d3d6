/* SPDX-License-Identifier: MIT */
/*
 * split_impl.h - leaves into smaller leaves, contiguous blocks into entries, and
 * the edges of a range that fall inside either.
 *
 * Every function below needs its pages allocated ahead and cannot fail but for
 * a lost race, after which the caller walks again.
 */
#ifndef PTL_SPLIT_IMPL_H
#define PTL_SPLIT_IMPL_H

#include "pt/op.h"

/* The table at @pa, not yet published, translates as leaf @raw of @level does. */
static inline void ptl_fill_child(struct ptl_op *op, pt_pa_t pa, uint64_t raw, unsigned int level,
				  pt_va_t va)
{
	const struct ptl_fmt *f = &op->pt->fmt;
	const struct ptl_pos child = {
		.table = ptl_table_at(op->pt, pa),
		.table_pa = pa,
		.level = level - 1,
	};
	uint64_t word = fmt_child(raw, level, f);

	va = ptl_align_down(va, ptl_level_lg2(level));
	for (unsigned int i = 0; i < 1u << FMT_INDEX_BITS; i++) {
		ptl_store(op, &child, i, va + ((uint64_t)i << ptl_level_lg2(level - 1)), word);
		word = fmt_leaf_next(word, level - 1, i, f);
	}
}

/*
 * Replaces the leaf @raw at @pos, no contiguous one, by a table of the leaves
 * one level below. False: lost a race, nothing changed.
 */
static inline bool ptl_split_leaf(struct ptl_op *op, struct ptl_pos *pos, pt_va_t va,
				  uint64_t raw)
{
	const struct ptl_fmt *f = &op->pt->fmt;
	pt_pa_t pa = ptl_spare_take(op);
	uint64_t table = fmt_make_table(pa, f);
	bool done;

	if (fmt_needs_break(raw, table, pos->level, f)) {
		done = ptl_try_break(op, pos, pos->index, 1, va, &raw, PTL_LEAF,
				     PTL_ANY_CONTIG);
		if (done) {
			ptl_fill_child(op, pa, raw, pos->level, va);
			ptl_make(op, pos, pos->index, 1, va, &table);
		}
	} else {
		ptl_fill_child(op, pa, raw, pos->level, va);
		/* Fails if hardware set A or D meanwhile: the children must have it. */
		done = ptl_lock(op->pt, pos);
		if (done) {
			done = ptl_install(op, pos, pos->index, va, &raw, table);
			ptl_unlock(op->pt, pos);
		}
		if (done) {
			unsigned int lg2 = ptl_level_lg2(pos->level);

			pt_va_t first = ptl_align_down(va, lg2);

			ptl_top_changed(op, pos, pos->index, 1);
			if (op->flush_splits && fmt_flush_after_split(f)) {
				ptl_write_leave();
				ptl_flush_range(op->pt, first, ptl_last(va, lg2), lg2);
				ptl_write_enter();
			} else {
				ptl_gather_range(op->gather, first, ptl_last(va, lg2), lg2,
						 false);
			}
		}
	}
	if (!done)
		ptl_spare_give(op, pa);
	return done;
}

/*
 * The new words of a block: folded, they go on as @folded; unfolded, each is
 * its old word alone, for in an image they may disagree. Accessed and dirty go to
 * all if any had them.
 */
static inline uint64_t ptl_block_word(const struct ptl_pos *pos, unsigned int index, uint64_t old,
				      uint64_t folded, bool fold, const struct ptl_fmt *f)
{
	return fold ? folded : fmt_merge_ad(fmt_uncontig(old, pos->level, index, f), folded, f);
}

/*
 * Rewrites @nr entries from @index on, a whole contiguous block, or what becomes
 * one. @first_raw: its first new word. False: lost a race.
 */
static inline bool ptl_rewrite_block(struct ptl_op *op, struct ptl_pos *pos, unsigned int index,
				     unsigned int block_lg2, pt_va_t va, uint64_t first_raw,
				     bool fold)
{
	const struct ptl_fmt *f = &op->pt->fmt;
	unsigned int nr = 1u << block_lg2, lg2 = ptl_level_lg2(pos->level);
	unsigned int old_contig_lg2 = fold ? 0 : block_lg2;
	uint64_t words[PTL_BREAK_MAX], merged = first_raw;

	va = ptl_align_down(va, lg2 + block_lg2);
	if (fmt_needs_break(ptl_load(&pos->table[index]), first_raw, pos->level, f)) {
		if (!ptl_try_break(op, pos, index, nr, va, words, PTL_LEAF, old_contig_lg2))
			return false;
		for (unsigned int i = 0; i < nr; i++)
			merged = fmt_merge_ad(merged, words[i], f);
		for (unsigned int i = 0; i < nr; i++) {
			words[i] = ptl_block_word(pos, index + i, words[i], merged, fold, f);
			merged = fmt_leaf_next(merged, pos->level, index + i, f);
		}
		ptl_make(op, pos, index, nr, va, words);
		return true;
	}
	if (!ptl_lock(op->pt, pos))
		return false;
	for (unsigned int i = 0; i < nr; i++) {
		words[i] = ptl_load(&pos->table[index + i]);
		if (!fmt_is_leaf(words[i], pos->level, f) ||
		    fmt_contig_lg2(words[i], pos->level, f) != old_contig_lg2) {
			ptl_unlock(op->pt, pos);
			return false;
		}
		merged = fmt_merge_ad(merged, words[i], f);
	}
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t raw;

		/* What hardware sets until the exchange stays with its own entry. */
		do
			raw = fmt_merge_ad(ptl_block_word(pos, index + i, words[i], merged, fold,
							  f),
					   words[i], f);
		while (!ptl_install(op, pos, index + i, va + ((uint64_t)i << lg2), &words[i],
				    raw));
		merged = fmt_leaf_next(merged, pos->level, index + i, f);
	}
	ptl_unlock(op->pt, pos);
	ptl_gather_range(op->gather, va, ptl_last(va, lg2 + block_lg2), lg2, false);
	ptl_top_changed(op, pos, index, nr);
	return true;
}

/* Makes plain entries of the contiguous block that the leaf @raw at @pos is part of. */
static inline bool ptl_unfold(struct ptl_op *op, struct ptl_pos *pos, pt_va_t va, uint64_t raw)
{
	const struct ptl_fmt *f = &op->pt->fmt;
	unsigned int block_lg2 = fmt_contig_lg2(raw, pos->level, f);
	unsigned int index = pos->index & ~((1u << block_lg2) - 1);
	uint64_t first = ptl_load(&pos->table[index]);

	if (!fmt_is_leaf(first, pos->level, f) || !fmt_contig_lg2(first, pos->level, f))
		return false;
	return ptl_rewrite_block(op, pos, index, block_lg2, va,
				 fmt_uncontig(first, pos->level, index, f), false);
}

/*
 * A block can be one only if its table holds all of it; hardware may ignore the
 * mark where it does not, and so do we.
 */
static inline unsigned int ptl_block_lg2(const struct pt_pgtable *pt, const struct ptl_pos *pos,
					 uint64_t raw)
{
	unsigned int lg2 = fmt_contig_lg2(raw, pos->level, &pt->fmt);

	return ptl_nr_entries(pt, pos->level) >> lg2 ? lg2 : 0;
}

/* Whether all entries of the block around @pos carry its mark, so that it can be unfolded. */
static inline bool ptl_block_whole(const struct pt_pgtable *pt, const struct ptl_pos *pos,
				   unsigned int block_lg2)
{
	unsigned int index = pos->index & ~((1u << block_lg2) - 1);

	for (unsigned int i = 0; i < 1u << block_lg2; i++) {
		uint64_t raw = ptl_load(&pos->table[index + i]);

		if (!fmt_is_leaf(raw, pos->level, &pt->fmt) ||
		    fmt_contig_lg2(raw, pos->level, &pt->fmt) != block_lg2)
			return false;
	}
	return true;
}

/*
 * Whether smaller leaves can say what a leaf of @level does. Hardware compares only a
 * descriptor's own address with the output width, and an arm64 block can be larger than
 * that: most of what it translates to has no descriptors.
 */
static inline bool ptl_can_split(const struct pt_pgtable *pt, unsigned int level)
{
	return ptl_level_lg2(level) <= pt->fmt.cfg.pa_bits;
}

/*
 * Table pages that ptl_split_at(@va) needs, when ptl_split_at(@first) was done:
 * what that splits need not be split again.
 */
static inline int ptl_split_at_cost(struct ptl_op *op, pt_va_t va, pt_va_t first, size_t *nr)
{
	const struct pt_pgtable *pt = op->pt;
	enum ptl_kind kind;
	struct ptl_pos pos;
	uint64_t raw;

	do {
		if (ptl_descend(pt, va, 0, &pos, &raw))
			return 0; /* the change itself will say so */
	} while (!ptl_settle(pt, &pos, &raw, &kind));
	if (kind == PTL_LEAF) {
		unsigned int lg2 = ptl_level_lg2(pos.level);

		if (!ptl_aligned(va, lg2) && !ptl_can_split(pt, pos.level)) {
			pt_va_t leaf = ptl_align_down(va, lg2);

			op->change->bad_va = leaf < first ? first : leaf;
			return -EFAULT;
		}
		for (; !ptl_aligned(va, lg2); lg2 -= FMT_INDEX_BITS)
			if (va == first || ptl_aligned(first, lg2) || (va ^ first) >> lg2)
				++*nr;
	}
	return 0;
}

/* Splits and unfolds until no leaf and no block crosses into @va from below. */
static inline void ptl_split_at(struct ptl_op *op, pt_va_t va)
{
	const struct pt_pgtable *pt = op->pt;

	for (;;) {
		unsigned int lg2, block_lg2;
		enum ptl_kind kind;
		struct ptl_pos pos;
		uint64_t raw;

		if (ptl_descend(pt, va, 0, &pos, &raw))
			return;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		lg2 = ptl_level_lg2(pos.level);
		if (kind != PTL_LEAF || ptl_aligned(va, lg2)) {
			block_lg2 = kind == PTL_LEAF ? ptl_block_lg2(pt, &pos, raw) : 0;
			if (!block_lg2 || ptl_aligned(va, lg2 + block_lg2) ||
			    !ptl_block_whole(pt, &pos, block_lg2))
				return;
			ptl_unfold(op, &pos, va, raw);
			continue;
		}
		block_lg2 = ptl_block_lg2(pt, &pos, raw);
		if (block_lg2 && ptl_block_whole(pt, &pos, block_lg2)) {
			ptl_unfold(op, &pos, va, raw);
			continue;
		}
		if (op->spares == PTL_LINK_END) /* a corrupt tree: what was counted has moved */
			return;
		ptl_split_leaf(op, &pos, va, raw);
	}
}

/*
 * Makes the ends of [first, last] ends of leaves and blocks, or fails before
 * anything has changed.
 */
static inline int ptl_split_edges(struct ptl_op *op, pt_va_t first, pt_va_t last)
{
	pt_va_t behind = last + 1; /* not an address if the range ends at the top */
	bool has_behind = behind && fmt_va_valid(behind, &op->pt->fmt);
	size_t nr = 0;
	int err = ptl_split_at_cost(op, first, first, &nr);

	if (!err && has_behind)
		err = ptl_split_at_cost(op, behind, first, &nr);
	if (!err)
		err = ptl_spares_add(op, nr);
	if (err)
		return err;
	ptl_split_at(op, first);
	if (has_behind)
		ptl_split_at(op, behind);
	return 0;
}

/* Table pages to split everything in [first, last] down to @level. */
static inline int ptl_split_cost(const struct pt_pgtable *pt, pt_va_t first, pt_va_t last,
				 unsigned int level, size_t *nr, pt_va_t *bad_va)
{
	pt_va_t va = first;

	for (;;) {
		pt_va_t here_last;
		enum ptl_kind kind;
		struct ptl_pos pos;
		uint64_t raw;

		*bad_va = va;
		if (ptl_descend(pt, va, 0, &pos, &raw))
			return -EFAULT;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		if (kind == PTL_ILLEGAL ||
		    (kind == PTL_LEAF && pos.level > level && !ptl_can_split(pt, pos.level)))
			return -EFAULT;
		here_last = ptl_min(ptl_last(va, ptl_level_lg2(pos.level)), last);
		for (unsigned int up = pos.level; kind == PTL_LEAF && up > level; up--)
			*nr += (here_last >> ptl_level_lg2(up)) - (va >> ptl_level_lg2(up)) + 1;
		/* Whole tables of small leaves need no visit to each entry. */
		if (pos.level <= level)
			here_last = ptl_min(ptl_last(va, ptl_level_lg2(pos.level + 1)), last);
		if (here_last == last)
			return 0;
		va = here_last + 1;
	}
}

/* Unfolds the block of @level or below that crosses into @va, if one does. */
static inline void ptl_unfold_at(struct ptl_op *op, pt_va_t va, unsigned int level)
{
	const struct pt_pgtable *pt = op->pt;

	for (;;) {
		enum ptl_kind kind;
		struct ptl_pos pos;
		unsigned int block_lg2;
		uint64_t raw;

		if (!fmt_va_valid(va, &pt->fmt) || ptl_descend(pt, va, 0, &pos, &raw))
			return;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		block_lg2 =
			kind == PTL_LEAF && pos.level <= level ? ptl_block_lg2(pt, &pos, raw) : 0;
		if (!block_lg2 || ptl_aligned(va, ptl_level_lg2(pos.level) + block_lg2) ||
		    !ptl_block_whole(pt, &pos, block_lg2))
			return;
		ptl_unfold(op, &pos, va, raw);
	}
}

static int ptl_split(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
		     struct pt_change *change)
{
	struct ptl_op op;
	pt_va_t first = va, last, bad_va;
	size_t nr = 0;
	int err = ptl_change_range(pt, va, len, change, &last);

	if (!err && (level > pt->fmt.top_level || !fmt_can_leaf(level, &pt->fmt)))
		err = -EINVAL;
	if (err)
		return err;
	ptl_op_begin(&op, pt, va, last, change);
	err = ptl_split_cost(pt, va, last, level, &nr, &bad_va);
	if (err == -EFAULT)
		op.change->bad_va = bad_va;
	if (!err)
		err = ptl_spares_add(&op, nr);
	while (!err) {
		pt_va_t here_last;
		enum ptl_kind kind;
		struct ptl_pos pos;
		uint64_t raw;

		if (ptl_descend(pt, va, 0, &pos, &raw))
			break;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		here_last = ptl_last(va, ptl_level_lg2(pos.level));
		if (kind == PTL_LEAF && pos.level > level && op.spares != PTL_LINK_END) {
			unsigned int block_lg2 = ptl_block_lg2(pt, &pos, raw);
			uint64_t here = ptl_min(here_last, last) - va + 1;

			if (block_lg2 && ptl_block_whole(pt, &pos, block_lg2))
				ptl_unfold(&op, &pos, va, raw);
			else if (ptl_split_leaf(&op, &pos, va, raw) && pos.level == level + 1)
				op.change->done += here;
			continue;
		}
		/* Whole tables of small leaves need no visit to each entry. */
		if (pos.level <= level)
			here_last = ptl_last(va, ptl_level_lg2(pos.level + 1));
		if (here_last >= last)
			break;
		va = here_last + 1;
	}
	if (!err) {
		ptl_unfold_at(&op, first, level);
		ptl_unfold_at(&op, last + 1, level);
	}
	return ptl_op_end(&op, err);
}

#endif /* PTL_SPLIT_IMPL_H */
