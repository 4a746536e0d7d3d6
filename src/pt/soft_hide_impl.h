/* SPDX-License-Identifier: MIT */
/*
 * soft_hide_impl.h - pt_soft_hide() and pt_soft_show(): leaves that stay where they are, and
 * that hardware does not see.
 */
#ifndef PTL_SOFT_HIDE_IMPL_H
#define PTL_SOFT_HIDE_IMPL_H

#include "pt/protect_impl.h"
#include "pt/soft_impl.h"

struct ptl_hide {
	struct ptl_op op;
	struct ptl_recode recode;
	pt_va_t last;
	bool show, skip, contig, hugetlb;
};

/* The leaf that is to change where @raw stands. */
static inline bool ptl_hide_concerns(const struct ptl_hide *hide, uint64_t raw, unsigned int level,
				     uint64_t *leaf)
{
	const struct pt_pgtable *pt = hide->op.pt;

	if (fmt_is_leaf(raw, level, &pt->fmt)) {
		*leaf = raw;
		return !hide->show;
	}
	return ptl_hidden_leaf(pt, raw, level, leaf);
}

/* Works out what changes in @leaf; -EOPNOTSUPP if it cannot be said. */
static inline int ptl_hide_recode(struct ptl_hide *hide, uint64_t leaf, unsigned int level)
{
	if (ptl_recode_fits(&hide->recode, leaf, level))
		return 0;
	return ptl_recode_for(&hide->recode, leaf, level, &hide->op.pt->fmt);
}

static inline int ptl_hide_check(struct ptl_hide *hide, pt_va_t first)
{
	struct pt_pgtable *pt = hide->op.pt;
	pt_va_t va = first;

	for (;;) {
		unsigned int lg2, i, end;
		enum ptl_kind kind;
		struct ptl_pos pos;
		uint64_t raw, leaf;
		int err;

		hide->op.change->bad_va = va;
		err = ptl_descend(pt, va, 0, &pos, &raw);
		if (err)
			return err;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		lg2 = ptl_level_lg2(pos.level);
		end = ptl_nr_entries(pt, pos.level);
		for (i = pos.index; i < end; i++) {
			pt_va_t here_last = ptl_last(va, lg2);

			if (i != pos.index) {
				raw = ptl_load(&pos.table[i]);
				kind = fmt_kind(raw, pos.level, &pt->fmt);
			}
			hide->op.change->bad_va = va;
			if (kind == PTL_TABLE || kind >= PTL_BREAK)
				break; /* the latter is settled in the next round */
			if (kind == PTL_ILLEGAL)
				return -EFAULT;
			if (ptl_hide_concerns(hide, raw, pos.level, &leaf)) {
				if (kind == PTL_SOFT &&
				    (!ptl_aligned(va, lg2) || here_last > hide->last))
					return -EFAULT;
				err = ptl_hide_recode(hide, leaf, pos.level);
				if (err)
					return err;
			} else if (!hide->skip) {
				return -ENOENT;
			}
			if (here_last >= hide->last)
				return 0;
			va = here_last + 1;
		}
	}
}

/*
 * Whether the hidden words from @index on are a whole contiguous block, so that the leaves may
 * be one again.
 */
static inline bool ptl_hide_whole_block(const struct ptl_hide *hide, const struct ptl_pos *pos,
					unsigned int index, unsigned int end, uint64_t leaf)
{
	const struct pt_pgtable *pt = hide->op.pt;
	const struct ptl_fmt *f = &pt->fmt;
	unsigned int block_lg2 = fmt_contig_lg2(leaf, pos->level, f);
	uint64_t want = fmt_still(leaf, f);

	if (!hide->contig || !ptl_aligned(index, block_lg2) || end - index < 1u << block_lg2)
		return false;
	for (unsigned int i = 0; i < 1u << block_lg2; i++) {
		if (!ptl_hidden_leaf(pt, ptl_load(&pos->table[index + i]), pos->level, &leaf) ||
		    fmt_still(leaf, f) != want)
			return false;
		want = fmt_leaf_next(want, pos->level, index + i, f);
	}
	return true;
}

/* One visit: how many entries from @pos on are done. */
static inline unsigned int ptl_hide_entries(struct ptl_hide *hide, struct ptl_pos *pos, pt_va_t va,
					    unsigned int nr)
{
	const struct pt_pgtable *pt = hide->op.pt;
	const struct ptl_fmt *f = &pt->fmt;
	unsigned int lg2 = ptl_level_lg2(pos->level), end = pos->index + nr, contig_end = 0, i;
	pt_va_t base = va - ((uint64_t)pos->index << lg2);
	struct ptl_gone gone = { 0 };

	for (i = pos->index; i < end; i++, va += PTL_BIT(lg2)) {
		uint64_t raw = ptl_load(&pos->table[i]), leaf, word;
		enum ptl_kind kind =
			ptl_settled_kind(pt, pos->table_pa, pos->level, &pos->table[i], raw);

		if (kind == PTL_BREAK || kind == PTL_TABLE)
			break;
		if (!ptl_hide_concerns(hide, raw, pos->level, &leaf) ||
		    ptl_hide_recode(hide, leaf, pos->level))
			continue; /* the latter was checked: a tree reached in two ways */
		if (hide->show && i >= contig_end && fmt_contig_lg2(leaf, pos->level, f) &&
		    ptl_hide_whole_block(hide, pos, i, end, leaf))
			contig_end = i + (1u << fmt_contig_lg2(leaf, pos->level, f));
		for (;;) {
			word = leaf ^ hide->recode.delta;
			if (hide->show ? i >= contig_end : !hide->contig)
				word = fmt_uncontig(word, pos->level, i, f);
			if (!hide->show)
				word = ptl_hide_leaf(pt, word, pos->level);
			if (!hide->show && hide->hugetlb)
				word ^= ptl_soft_hugetlb(&pt->soft, pos->level);
			if (kind == PTL_SOFT) {
				ptl_store(&hide->op, pos, i, va, word);
				break;
			}
			if (ptl_install(&hide->op, pos, i, va, &leaf, word))
				break;
			/* Hardware set A or D, which a hidden leaf keeps. */
		}
		if (kind == PTL_LEAF) {
			ptl_soft_was(&hide->op, ptl_leaf_marks(pt, leaf, pos->level));
			ptl_gone_add(&gone, i);
		} else {
			hide->op.change->done += PTL_BIT(lg2);
		}
	}
	ptl_gone_gather(&hide->op, pos, base, &gone);
	ptl_top_changed(&hide->op, pos, pos->index, i - pos->index);
	return i - pos->index;
}

static inline void ptl_hide_commit(struct ptl_hide *hide, pt_va_t first)
{
	struct pt_pgtable *pt = hide->op.pt;
	pt_va_t va = first;

	for (;;) {
		enum ptl_kind kind;
		struct ptl_pos pos;
		unsigned int lg2;
		pt_va_t next;
		uint64_t raw;

		if (ptl_descend(pt, va, 0, &pos, &raw))
			return;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		lg2 = ptl_level_lg2(pos.level);
		next = ptl_last(va, lg2);
		if (kind != PTL_EMPTY && ptl_aligned(va, lg2) && next <= hide->last) {
			unsigned int nr = ptl_run_entries(pt, &pos, va, hide->last);

			if (!ptl_lock(pt, &pos))
				continue;
			nr = ptl_hide_entries(hide, &pos, va, nr);
			ptl_unlock(pt, &pos);
			if (!nr)
				continue;
			next = va + ((uint64_t)nr << lg2) - 1;
		}
		if (next >= hide->last)
			return;
		va = next + 1;
	}
}

static int ptl_hide_or_show(struct pt_pgtable *pt, pt_va_t va, uint64_t len, pt_attr_t set,
			    pt_attr_t clear, struct pt_change *change, bool show)
{
	unsigned int flags = change ? change->flags : 0;
	struct ptl_hide hide = {
		.show = show,
		.skip = flags & PT_CHANGE_SKIP_HOLES,
		.contig = !(flags & PT_CHANGE_NO_CONTIG),
		.hugetlb = flags & PT_CHANGE_HUGETLB,
	};
	int err = ptl_change_range(pt, va, len, change, &hide.last);

	if (err)
		return err;
	if (set & ~pt->fmt.attrs)
		return -EOPNOTSUPP;
	ptl_recode_init(&hide.recode, set, clear);
	ptl_op_begin(&hide.op, pt, va, hide.last, change);
	err = ptl_hide_check(&hide, va);
	if (!err)
		hide.op.change->bad_va = 0;
	if (!err && !show)
		err = ptl_split_edges(&hide.op, va, hide.last);
	if (!err)
		ptl_hide_commit(&hide, va);
	return ptl_op_end(&hide.op, err);
}

static int ptl_soft_hide(struct pt_pgtable *pt, pt_va_t va, uint64_t len, pt_attr_t set,
			 pt_attr_t clear, struct pt_change *change)
{
	return ptl_hide_or_show(pt, va, len, set, clear, change, false);
}

static int ptl_soft_show(struct pt_pgtable *pt, pt_va_t va, uint64_t len, pt_attr_t set,
			 pt_attr_t clear, struct pt_change *change)
{
	return ptl_hide_or_show(pt, va, len, set, clear, change, true);
}

#endif /* PTL_SOFT_HIDE_IMPL_H */
