/* SPDX-License-Identifier: MIT */
/* collapse_impl.h - whole tables into leaves, and runs of entries into contiguous blocks. */
#ifndef PTL_COLLAPSE_IMPL_H
#define PTL_COLLAPSE_IMPL_H

#include "pt/split_impl.h"

/*
 * Whether @nr entries of the table at @pos from @index on translate as one piece
 * that is aligned to its size; *@word is the first of them, alone, with the
 * accessed and dirty marks of all.
 */
static inline bool ptl_one_piece(const struct pt_pgtable *pt, const struct ptl_pos *pos,
				 unsigned int index, unsigned int nr, uint64_t *word)
{
	const struct ptl_fmt *f = &pt->fmt;
	uint64_t raw = ptl_load(&pos->table[index]), want;

	if (!fmt_is_leaf(raw, pos->level, f))
		return false;
	raw = fmt_uncontig(raw, pos->level, index, f);
	if (fmt_leaf_pa(raw, pos->level, index, f) &
	    (((uint64_t)nr << ptl_level_lg2(pos->level)) - 1))
		return false;
	want = fmt_still(raw, f);
	for (unsigned int i = 1; i < nr; i++) {
		uint64_t next = ptl_load(&pos->table[index + i]);

		want = fmt_leaf_next(want, pos->level, index + i - 1, f);
		if (!fmt_is_leaf(next, pos->level, f))
			return false;
		next = fmt_uncontig(next, pos->level, index + i, f);
		if (fmt_still(next, f) != want)
			return false;
		raw = fmt_merge_ad(raw, next, f);
	}
	*word = raw;
	return true;
}

/* The table below the entry at @pos becomes a leaf, if it can. */
static inline bool ptl_collapse_table(struct ptl_op *op, struct ptl_pos *pos, pt_va_t va)
{
	struct pt_pgtable *pt = op->pt;
	const struct ptl_fmt *f = &pt->fmt;
	unsigned int lg2 = ptl_level_lg2(pos->level);
	struct pt_frame *frame;
	struct ptl_pos child;
	uint64_t raw, word;
	bool ours;

	if (ptl_descend(pt, va, pos->level - 1, &child, &raw) || child.level != pos->level - 1 ||
	    child.parent != &pos->table[pos->index])
		return false;
	frame = ptl_frame_at(pt, child.table_pa);
	ours = atomic_load_explicit(&frame->state, memory_order_relaxed) == PTL_FRAME_TABLE;
	if ((ours && atomic_load_explicit(&frame->refs, memory_order_relaxed) != 1) ||
	    !ptl_one_piece(pt, &child, 0, 1u << FMT_INDEX_BITS, &word))
		return false;
	raw = ptl_load(&pos->table[pos->index]);
	word = fmt_parent(word, child.level, f);
	if (PTL_SHARED || fmt_needs_break(raw, word, pos->level, f)) {
		bool same;

		/* Broken first, so that hardware sets no mark behind our back. */
		if (!ptl_try_break(op, pos, pos->index, 1, va, &raw, PTL_TABLE, PTL_ANY_CONTIG))
			return false;
		same = fmt_table_pa(raw, f) == child.table_pa &&
		       ptl_one_piece(pt, &child, 0, 1u << FMT_INDEX_BITS, &word);
		word = same ? fmt_parent(word, child.level, f) : raw;
		ptl_make(op, pos, pos->index, 1, va, &word);
		if (!same)
			return false;
	} else {
		ptl_install(op, pos, pos->index, va, &raw, word);
		ptl_top_changed(op, pos, pos->index, 1);
		ptl_gather_range(op->gather, ptl_align_down(va, lg2), ptl_last(va, lg2),
				 ptl_level_lg2(child.level), true);
	}
	if (ours) {
		ptl_table_kill(pt, child.table_pa);
		ptl_gather_page(op->gather, child.table_pa);
	} else {
		ptl_tables_unhooked(pt);
	}
	return true;
}

/* Bottom up below the entry of @level at @va. Returns the bytes in larger leaves. */
static uint64_t ptl_collapse_entry(struct ptl_op *op, pt_va_t va, unsigned int level)
{
	struct pt_pgtable *pt = op->pt;
	struct ptl_pos pos;
	uint64_t raw, done = 0;

	if (ptl_descend(pt, va, level, &pos, &raw) || pos.level != level ||
	    !fmt_is_table(raw, level, &pt->fmt))
		return 0;
	for (unsigned int i = 0; level > 1 && i < 1u << FMT_INDEX_BITS; i++)
		done += ptl_collapse_entry(op, va + ((uint64_t)i << ptl_level_lg2(level - 1)),
					   level - 1);
	if (fmt_can_leaf(level, &pt->fmt) && ptl_collapse_table(op, &pos, va))
		return PTL_BIT(ptl_level_lg2(level));
	return done;
}

/* Whole entries of levels up to @level in [va, last], the largest first. */
static inline void ptl_collapse_tables(struct ptl_op *op, pt_va_t va, pt_va_t last,
				       unsigned int max_level)
{
	for (;;) {
		unsigned int level = max_level;
		struct ptl_pos pos;
		pt_va_t next;
		uint64_t raw;

		while (level && (!ptl_aligned(va, ptl_level_lg2(level)) ||
				 last - va < PTL_BIT(ptl_level_lg2(level)) - 1))
			level--;
		if (ptl_descend(op->pt, va, level, &pos, &raw) || pos.level > level) {
			next = ptl_last(va, ptl_level_lg2(pos.level)); /* a hole, or a leaf */
		} else if (!level) {
			/* an edge: no table is whole there */
			next = ptl_last(va, ptl_level_lg2(1));
		} else {
			op->change->done += ptl_collapse_entry(op, va, level);
			next = ptl_last(va, ptl_level_lg2(level));
		}
		if (next >= last)
			return;
		va = next + 1;
	}
}

/* Contiguous blocks out of the entries of one visit; returns bytes that were folded. */
static inline uint64_t ptl_fold_entries(struct ptl_op *op, struct ptl_pos *pos, pt_va_t va,
					unsigned int nr)
{
	const struct ptl_fmt *f = &op->pt->fmt;
	unsigned int block_lg2 = fmt_contig_max_lg2(pos->level, f), size = 1u << block_lg2;
	unsigned int lg2 = ptl_level_lg2(pos->level), end = pos->index + nr;
	pt_va_t base = va - ((uint64_t)pos->index << lg2);
	uint64_t done = 0, word;

	for (unsigned int i = (pos->index + size - 1) & ~(size - 1); i + size <= end; i += size) {
		uint64_t raw = ptl_load(&pos->table[i]);

		if (!fmt_is_leaf(raw, pos->level, f) || fmt_contig_lg2(raw, pos->level, f) ||
		    !ptl_one_piece(op->pt, pos, i, size, &word))
			continue;
		if (ptl_rewrite_block(op, pos, i, block_lg2, base + ((uint64_t)i << lg2),
				      fmt_contig(word, pos->level, f), true))
			done += (uint64_t)size << lg2;
	}
	return done;
}

static inline void ptl_fold_range(struct ptl_op *op, pt_va_t va, pt_va_t last,
				  unsigned int max_level)
{
	struct pt_pgtable *pt = op->pt;

	for (;;) {
		struct ptl_pos pos;
		unsigned int lg2, nr;
		pt_va_t next;
		uint64_t raw;
		int err = ptl_descend(pt, va, 0, &pos, &raw);

		lg2 = ptl_level_lg2(pos.level);
		next = ptl_last(va, lg2);
		if (!err && ptl_aligned(va, lg2) && pos.level <= max_level &&
		    fmt_contig_max_lg2(pos.level, &pt->fmt)) {
			nr = ptl_run_entries(pt, &pos, va, last);
			/* Up to the next table: that is for another descent. */
			for (unsigned int i = 0; pos.level && i < nr; i++)
				if (fmt_is_table(ptl_load(&pos.table[pos.index + i]), pos.level,
						 &pt->fmt))
					nr = i;
			if (nr) {
				op->change->done += ptl_fold_entries(op, &pos, va, nr);
				next = va + ((uint64_t)nr << lg2) - 1;
			}
		}
		if (next >= last)
			return;
		va = next + 1;
	}
}

static int ptl_collapse(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
			struct pt_change *change)
{
	struct ptl_op op;
	pt_va_t last;
	int err = ptl_change_range(pt, va, len, change, &last);

	if (!err && (level > pt->fmt.top_level || !fmt_can_leaf(level, &pt->fmt)))
		err = -EINVAL;
	if (err)
		return err;
	ptl_op_begin(&op, pt, va, last, change);
	ptl_collapse_tables(&op, va, last, level);
	if (!(op.change->flags & PT_CHANGE_NO_CONTIG))
		ptl_fold_range(&op, va, last, level);
	return ptl_op_end(&op, 0);
}

#endif /* PTL_COLLAPSE_IMPL_H */
