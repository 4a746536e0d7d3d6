/* SPDX-License-Identifier: MIT */
/*
 * soft_set_impl.h - pt_soft_set().
 *
 * Check, allocate, split, make tables, commit. The last cannot fail: as in pt_map(), tables
 * that may be empty are pinned from the moment they are made or found.
 */
#ifndef PTL_SOFT_SET_IMPL_H
#define PTL_SOFT_SET_IMPL_H

#include "pt/soft_impl.h"
#include "pt/split_impl.h"

struct ptl_soft_set {
	struct ptl_op op;
	const struct ptl_soft_words *words;
	pt_va_t origin; /* of the first word */
	pt_va_t first, last; /* less what is passed over at the ends and reaches outside */
	bool holes, leaves; /* that these are replaced; both: software's words too */
};

static inline uint64_t ptl_soft_word(const struct ptl_soft_set *set, pt_va_t va)
{
	const struct ptl_soft_words *words = set->words;
	const struct pt_soft_cfg *soft = &set->op.pt->soft;
	uint64_t i = (va - set->origin) >> ptl_level_lg2(words->level);

	return words->bits |
	       (((words->offset + i * words->step) << soft->offset_shift) ^ soft->offset_flip);
}

/* @word with what it inherits from a thing with @marks. */
static inline uint64_t ptl_soft_inherit(const struct ptl_soft_set *set, uint64_t word,
					unsigned int marks)
{
	const struct ptl_soft_words *words = set->words;

	if (marks & PT_SOFT_YOUNG)
		word ^= words->young;
	if (marks & PT_SOFT_DIRTY)
		word ^= words->dirty;
	if (marks & PT_SOFT_UFFD_WP)
		word |= words->uffd_wp;
	if (marks & PT_SOFT_SOFT_DIRTY)
		word |= words->soft_dirty;
	return word;
}

/* Tables to be made and leaves to be split below an entry above the words' level. */
static inline int ptl_soft_set_above(struct ptl_soft_set *set, const struct ptl_pos *pos,
				     enum ptl_kind kind, pt_va_t va, pt_va_t here_last, size_t *nr)
{
	const struct pt_pgtable *pt = set->op.pt;

	if (kind == PTL_ILLEGAL)
		return -EFAULT;
	if (kind == PTL_SOFT && set->holes && set->leaves)
		return -EEXIST;
	if (kind == PTL_LEAF && set->leaves && !ptl_can_split(pt, pos->level))
		return -EFAULT;
	if ((kind == PTL_EMPTY && set->holes) || (kind == PTL_LEAF && set->leaves))
		for (unsigned int up = pos->level; up > set->words->level; up--)
			*nr += (here_last >> ptl_level_lg2(up)) - (va >> ptl_level_lg2(up)) + 1;
	return 0;
}

/*
 * That nothing is in the way, and table pages needed. Others may change what reaches outside
 * and is passed over: it is left out of the range. 1: nothing remains.
 */
static inline int ptl_soft_set_check(struct ptl_soft_set *set, size_t *nr)
{
	struct pt_pgtable *pt = set->op.pt;
	unsigned int level = set->words->level;
	const pt_va_t last = set->last;
	pt_va_t va = set->first;

	for (;;) {
		pt_va_t here_last;
		enum ptl_kind kind;
		struct ptl_pos pos;
		unsigned int lg2;
		uint64_t raw;
		int err;

		set->op.change->bad_va = va;
		err = ptl_descend(pt, va, level, &pos, &raw);
		if (err)
			return err;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		lg2 = ptl_level_lg2(pos.level);
		here_last = ptl_min(ptl_last(va, lg2), last);
		if (pos.level > level) {
			err = ptl_soft_set_above(set, &pos, kind, va, here_last, nr);
			if (err)
				return err;
			if (kind != PTL_EMPTY && !set->leaves) {
				if (ptl_last(va, lg2) >= last)
					set->last = va - 1;
				if (va == set->first)
					set->first = here_last + 1;
				if (set->last + 1 == set->first)
					return 1;
			}
		} else {
			unsigned int run = ptl_run_entries(pt, &pos, va, last);

			for (unsigned int i = 0; i < run; i++, va += PTL_BIT(lg2)) {
				set->op.change->bad_va = va;
				kind = fmt_kind(ptl_load(&pos.table[pos.index + i]), level,
						&pt->fmt);
				if (kind == PTL_ILLEGAL)
					return -EFAULT;
				if (kind == PTL_TABLE && set->holes && set->leaves)
					return -EEXIST;
			}
			here_last = va - 1;
		}
		if (here_last == last)
			return 0;
		va = here_last + 1;
	}
}

/* Leaves of the range become as small as the words; blocks end where it does. */
static inline void ptl_soft_set_split(struct ptl_soft_set *set)
{
	struct pt_pgtable *pt = set->op.pt;
	unsigned int level = set->words->level;
	pt_va_t va = set->first;

	for (;;) {
		enum ptl_kind kind;
		struct ptl_pos pos;
		pt_va_t here_last;
		uint64_t raw;

		if (ptl_descend(pt, va, level, &pos, &raw))
			return;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		if (kind == PTL_LEAF && pos.level > level && set->op.spares != PTL_LINK_END) {
			unsigned int block_lg2 = ptl_block_lg2(pt, &pos, raw);

			if (block_lg2 && ptl_block_whole(pt, &pos, block_lg2))
				ptl_unfold(&set->op, &pos, va, raw);
			else
				ptl_split_leaf(&set->op, &pos, va, raw);
			continue;
		}
		here_last = ptl_last(va, ptl_level_lg2(pos.level > level ? pos.level : level + 1));
		if (here_last >= set->last)
			break;
		va = here_last + 1;
	}
	ptl_unfold_at(&set->op, set->first, level);
	ptl_unfold_at(&set->op, set->last + 1, level);
}

static inline bool ptl_soft_set_pin(struct ptl_soft_set *set, struct ptl_pos *pos, bool pin)
{
	if (!PTL_SHARED || !set->holes)
		return true;
	if (!ptl_lock(set->op.pt, pos))
		return false;
	pos->lock_bits += pin ? PTL_FRAME_PIN : -PTL_FRAME_PIN;
	ptl_unlock(set->op.pt, pos);
	return true;
}

/* Makes the tables that words for holes stand in, and keeps all of the range's. */
static inline int ptl_soft_set_tables(struct ptl_soft_set *set, pt_va_t *pinned_end)
{
	struct pt_pgtable *pt = set->op.pt;
	unsigned int level = set->words->level;
	pt_va_t va = set->first;
	pt_pa_t fresh;

	for (;;) {
		enum ptl_kind kind;
		struct ptl_pos pos;
		pt_va_t here_last;
		uint64_t raw;
		int err;

		*pinned_end = va;
		err = ptl_descend(pt, va, level, &pos, &raw);
		if (err)
			return err;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		here_last = ptl_last(va, ptl_level_lg2(pos.level > level ? pos.level : level + 1));
		if (pos.level > level && kind == PTL_EMPTY) {
			err = ptl_new_table(&set->op, &pos, va, raw, &fresh);
			if (err)
				return err;
			continue;
		}
		if (pos.level == level && !ptl_soft_set_pin(set, &pos, true))
			continue;
		if (here_last >= set->last) {
			*pinned_end = set->last + 1;
			return 0;
		}
		va = here_last + 1;
	}
}

/* One visit: how many entries from @pos on are done. */
static inline unsigned int ptl_soft_set_entries(struct ptl_soft_set *set, struct ptl_pos *pos,
						pt_va_t va, unsigned int nr)
{
	const struct pt_pgtable *pt = set->op.pt;
	const struct pt_soft_cfg *soft = &pt->soft;
	bool inherit = set->op.change->flags & PT_CHANGE_INHERIT;
	unsigned int lg2 = ptl_level_lg2(pos->level), i;
	pt_va_t base = va - ((uint64_t)pos->index << lg2);
	struct ptl_gone gone = { 0 };

	for (i = pos->index; i < pos->index + nr; i++, va += PTL_BIT(lg2)) {
		uint64_t raw = ptl_load(&pos->table[i]), word, leaf;
		unsigned int marks = 0;
		enum ptl_kind kind =
			ptl_settled_kind(pt, pos->table_pa, pos->level, &pos->table[i], raw);

		if (kind == PTL_BREAK)
			break; /* a neighbour unfolds a block that reaches in here */
		if (kind == PTL_LEAF	? !set->leaves
		    : kind == PTL_EMPTY ? !set->holes
					: kind != PTL_SOFT || !set->holes || !set->leaves)
			continue;
		word = ptl_soft_word(set, va);
		if (kind == PTL_LEAF) {
			if (!inherit)
				raw = ptl_exchange(&set->op, pos, i, va, raw, word);
			else
				while (marks = ptl_leaf_marks(pt, raw, pos->level),
				       !ptl_install(&set->op, pos, i, va, &raw,
						    ptl_soft_inherit(set, word, marks)))
					; /* hardware set A or D */
			ptl_soft_was(&set->op, ptl_leaf_marks(pt, raw, pos->level));
			ptl_gone_add(&gone, i);
			continue;
		}
		if (inherit && ptl_hidden_leaf(pt, raw, pos->level, &leaf))
			marks = ptl_leaf_marks(pt, leaf, pos->level);
		else if (inherit)
			marks = (raw & soft->uffd_wp ? PT_SOFT_UFFD_WP : 0) |
				(raw & soft->soft_dirty ? PT_SOFT_SOFT_DIRTY : 0);
		ptl_store(&set->op, pos, i, va, ptl_soft_inherit(set, word, marks));
	}
	ptl_gone_gather(&set->op, pos, base, &gone);
	ptl_top_changed(&set->op, pos, pos->index, i - pos->index);
	return i - pos->index;
}

/* Last pass, up to @end; @fill: else it only lets tables go. */
static inline void ptl_soft_set_commit(struct ptl_soft_set *set, pt_va_t end, bool fill)
{
	struct pt_pgtable *pt = set->op.pt;
	unsigned int level = set->words->level;
	pt_va_t va = set->first, last = end - 1;

	if (end == set->first)
		return;
	for (;;) {
		enum ptl_kind kind;
		struct ptl_pos pos;
		pt_va_t here_last;
		uint64_t raw;

		/* A corrupt tree may be reached in two ways; it must not stop us. */
		if (ptl_descend(pt, va, level, &pos, &raw))
			return;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		here_last = ptl_last(va, ptl_level_lg2(pos.level));
		if (pos.level == level && fill) {
			unsigned int nr = ptl_run_entries(pt, &pos, va, last);

			if (!ptl_lock(pt, &pos))
				continue;
			nr = ptl_soft_set_entries(set, &pos, va, nr);
			ptl_unlock(pt, &pos);
			if (!nr)
				continue;
			here_last = va + ((uint64_t)nr << ptl_level_lg2(level)) - 1;
		} else if (pos.level == level) {
			here_last = ptl_last(va, ptl_level_lg2(level + 1));
		}
		/*
		 * A table is let go when its last entry in the range is
		 * done; until then it lives.
		 */
		if (pos.level == level &&
		    (here_last >= last || ptl_aligned(here_last + 1, ptl_level_lg2(level + 1))))
			while (!ptl_soft_set_pin(set, &pos, false))
				;
		if (here_last >= last)
			return;
		va = here_last + 1;
	}
}

static int ptl_soft_set(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
			const struct ptl_soft_words *words, struct pt_change *change)
{
	struct ptl_soft_set set = { .words = words, .origin = va, .first = va };
	unsigned int flags = change ? change->flags : 0;
	pt_va_t end = 0;
	size_t nr = 0;
	int err = ptl_change_range(pt, va, len, change, &set.last);

	if (err)
		return err;
	set.holes = !(flags & PT_CHANGE_ONLY_LEAVES);
	set.leaves = !(flags & PT_CHANGE_ONLY_HOLES);
	if (!set.holes && !set.leaves)
		return -EINVAL;
	ptl_op_begin(&set.op, pt, va, set.last, change);
	err = ptl_soft_set_check(&set, &nr);
	if (err < 0)
		return ptl_op_end(&set.op, err);
	set.op.change->bad_va = 0;
	if (err > 0)
		return ptl_op_end(&set.op, 0);
	err = ptl_spares_add(&set.op, nr);
	if (!err && set.leaves)
		ptl_soft_set_split(&set);
	if (!err && set.holes) {
		err = ptl_soft_set_tables(&set, &end);
		if (err)
			ptl_soft_set_commit(&set, end, false);
	}
	if (!err)
		ptl_soft_set_commit(&set, set.last + 1, true);
	return ptl_op_end(&set.op, err);
}

#endif /* PTL_SOFT_SET_IMPL_H */
