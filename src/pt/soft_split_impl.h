/* SPDX-License-Identifier: MIT */
/* soft_split_impl.h - pt_soft_split(): a word becomes a table of words that say it of its parts. */
#ifndef PTL_SOFT_SPLIT_IMPL_H
#define PTL_SOFT_SPLIT_IMPL_H

#include "pt/soft_impl.h"
#include "pt/split_impl.h"

/* The @index-th word below @raw of @level; @leaf: what it hides, or 0. */
static inline int ptl_soft_child(const struct pt_pgtable *pt, uint64_t raw, uint64_t leaf,
				 unsigned int level, unsigned int index, uint64_t *word)
{
	struct pt_soft soft = pt_soft_decode(&pt->soft, level, raw);

	if (soft.kind != PT_SOFT_PROT_NONE) {
		soft = pt_soft_step(soft, (uint64_t)index << (FMT_INDEX_BITS * (level - 1)));
		return pt_soft_encode(&pt->soft, level - 1, &soft, word) ? -EOPNOTSUPP : 0;
	}
	if (!leaf)
		return -EOPNOTSUPP;
	*word = ptl_hide_leaf(pt, leaf, level - 1);
	return 0;
}

/* Whether the word can be split down to @level. */
static inline int ptl_soft_can_split(const struct pt_pgtable *pt, uint64_t raw, unsigned int from,
				     unsigned int level)
{
	uint64_t leaf = 0, word;

	if (ptl_hidden_leaf(pt, raw, from, &leaf))
		return ptl_can_split(pt, from) ? 0 : -EFAULT;
	for (unsigned int up = from; up > level; up--) {
		/* The last one has the largest pfn; what the first says is split further. */
		if (ptl_soft_child(pt, raw, 0, up, (1u << FMT_INDEX_BITS) - 1, &word) ||
		    ptl_soft_child(pt, raw, 0, up, 0, &raw))
			return -EOPNOTSUPP;
	}
	return 0;
}

static inline void ptl_soft_split_word(struct ptl_op *op, struct ptl_pos *pos, pt_va_t va,
				       uint64_t raw)
{
	struct pt_pgtable *pt = op->pt;
	unsigned int level = pos->level, lg2 = ptl_level_lg2(level - 1);
	pt_pa_t pa = ptl_spare_take(op);
	const struct ptl_pos child = {
		.table = ptl_table_at(pt, pa),
		.table_pa = pa,
		.level = level - 1,
	};
	pt_va_t first = ptl_align_down(va, ptl_level_lg2(level));
	uint64_t leaf = 0, word = 0;
	bool done = ptl_lock(pt, pos);

	if (ptl_hidden_leaf(pt, raw, level, &leaf))
		leaf = fmt_child(fmt_uncontig(leaf, level, pos->index, &pt->fmt), level, &pt->fmt);
	for (unsigned int i = 0; done && i < 1u << FMT_INDEX_BITS; i++) {
		PTL_BUG_ON(ptl_soft_child(pt, raw, leaf, level, i, &word)); /* was checked */
		ptl_store(op, &child, i, first + ((uint64_t)i << lg2), word);
		if (leaf)
			leaf = fmt_leaf_next(leaf, level - 1, i, &pt->fmt);
	}
	if (done) {
		/* Nobody else changes it: software's words are nothing to hardware. */
		done = ptl_install(op, pos, pos->index, va, &raw, fmt_make_table(pa, &pt->fmt));
		ptl_unlock(pt, pos);
	}
	if (done)
		ptl_top_changed(op, pos, pos->index, 1);
	else
		ptl_spare_give(op, pa);
}

static inline int ptl_soft_split_check(struct ptl_op *op, pt_va_t first, pt_va_t last,
				       unsigned int level, size_t *nr)
{
	const struct pt_pgtable *pt = op->pt;
	pt_va_t va = first;

	for (;;) {
		pt_va_t here_last;
		enum ptl_kind kind;
		struct ptl_pos pos;
		uint64_t raw;
		int err;

		op->change->bad_va = va;
		err = ptl_descend(pt, va, level, &pos, &raw);
		if (err)
			return err;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		if (kind == PTL_ILLEGAL)
			return -EFAULT;
		here_last = ptl_min(ptl_last(va, ptl_level_lg2(pos.level)), last);
		if (kind == PTL_SOFT && pos.level > level) {
			err = ptl_soft_can_split(pt, raw, pos.level, level);
			if (err)
				return err;
			for (unsigned int up = pos.level; up > level; up--)
				*nr += (here_last >> ptl_level_lg2(up)) -
				       (va >> ptl_level_lg2(up)) + 1;
		}
		if (pos.level <= level)
			here_last = ptl_min(ptl_last(va, ptl_level_lg2(pos.level + 1)), last);
		if (here_last == last)
			return 0;
		va = here_last + 1;
	}
}

static int ptl_soft_split(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
			  struct pt_change *change)
{
	struct ptl_op op;
	size_t nr = 0;
	pt_va_t last;
	int err = ptl_change_range(pt, va, len, change, &last);

	if (!err && level >= pt->fmt.top_level)
		err = -EINVAL;
	if (err)
		return err;
	ptl_op_begin(&op, pt, va, last, change);
	err = ptl_soft_split_check(&op, va, last, level, &nr);
	if (!err) {
		op.change->bad_va = 0;
		err = ptl_spares_add(&op, nr);
	}
	while (!err) {
		pt_va_t here_last;
		enum ptl_kind kind;
		struct ptl_pos pos;
		uint64_t raw;

		if (ptl_descend(pt, va, level, &pos, &raw))
			break;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		here_last = ptl_last(va, ptl_level_lg2(pos.level));
		if (kind == PTL_SOFT && pos.level > level && op.spares != PTL_LINK_END) {
			if (pos.level == level + 1)
				op.change->done += ptl_min(here_last, last) - va + 1;
			ptl_soft_split_word(&op, &pos, va, raw);
			continue;
		}
		if (pos.level <= level)
			here_last = ptl_last(va, ptl_level_lg2(pos.level + 1));
		if (here_last >= last)
			break;
		va = here_last + 1;
	}
	return ptl_op_end(&op, err);
}

#endif /* PTL_SOFT_SPLIT_IMPL_H */
