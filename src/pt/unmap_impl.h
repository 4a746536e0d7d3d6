/* SPDX-License-Identifier: MIT */
/* unmap_impl.h - pt_unmap(), freeing of empty tables, and the removal of illegal words. */
#ifndef PTL_UNMAP_IMPL_H
#define PTL_UNMAP_IMPL_H

#include "pt/split_impl.h"

/* What one visit to a table page removed. */
struct ptl_cleared {
	unsigned int entries;     /* looked at, before something stopped it */
	unsigned int leaves;      /* of them leaves */
	unsigned int first, last; /* index of the first and last leaf */
};

/*
 * Empties up to @nr entries from @pos on, leaves and software's; stops at tables
 * and, unless @illegal, at illegal words.
 */
static inline struct ptl_cleared ptl_clear_entries(struct ptl_op *op, const struct ptl_pos *pos,
						   pt_va_t va, unsigned int nr, bool illegal)
{
	const struct ptl_fmt *f = &op->pt->fmt;
	unsigned int lg2 = ptl_level_lg2(pos->level), i;
	struct ptl_cleared cleared = { 0 };

	for (i = pos->index; i < pos->index + nr; i++, va += PTL_BIT(lg2)) {
		uint64_t raw = ptl_load(&pos->table[i]);

		if (fmt_is_leaf(raw, pos->level, f)) {
			unsigned int run = i, end = pos->index + nr;

			/* They come in runs: a loop without any other case. */
			do {
				ptl_exchange(op, pos, run, va + ((uint64_t)(run - i) << lg2), raw,
					     0);
				if (++run == end)
					break;
				raw = ptl_load(&pos->table[run]);
			} while (fmt_is_leaf(raw, pos->level, f));
			if (!cleared.leaves)
				cleared.first = i;
			cleared.leaves += run - i;
			cleared.last = run - 1;
			va += (uint64_t)(run - 1 - i) << lg2;
			i = run - 1;
		} else if (raw) {
			enum ptl_kind kind = ptl_settled_kind(op->pt, pos->table_pa, pos->level,
							      &pos->table[i], raw);

			if (kind == PTL_SOFT || (kind == PTL_ILLEGAL && illegal))
				ptl_exchange(op, pos, i, va, raw, 0);
			else if (kind != PTL_EMPTY)
				break;
		}
	}
	cleared.entries = i - pos->index;
	return cleared;
}

/* In the midst of a change, between two positions. */
static inline void ptl_gather_room(struct ptl_op *op)
{
	if (__builtin_expect(!ptl_gather_is_full(op->gather), 1))
		return;
	ptl_write_leave();
	ptl_tell_top(op);
	ptl_gather_force(op->gather);
	ptl_write_enter();
}

/*
 * How many of @nr entries of the locked table at @pos the gather has room for; holes take none.
 * What is left of a contiguous block would be used as all of it, so a block is not cut.
 */
static inline unsigned int ptl_bounded(const struct ptl_op *op, const struct ptl_pos *pos,
				       unsigned int nr)
{
	const struct pt_gather *gather = op->gather;
	const struct ptl_fmt *f = &op->pt->fmt;
	size_t leaves = gather->nr_leaves;

	if (__builtin_expect(!gather->max_leaves, 1))
		return nr;
	for (unsigned int i = pos->index; i < pos->index + nr; i++) {
		uint64_t raw = ptl_load(&pos->table[i]);
		unsigned int block;

		if (!fmt_is_leaf(raw, pos->level, f) || ++leaves < gather->max_leaves)
			continue;
		block = 1u << fmt_contig_lg2(raw, pos->level, f);
		return (unsigned int)ptl_min(nr, (i | (block - 1)) + 1 - pos->index);
	}
	return nr;
}

/* Whether every entry is empty; looks no further than the first that is not. */
static inline bool ptl_table_empty(const struct pt_pgtable *pt, const struct ptl_pos *pos)
{
	for (unsigned int i = 0; i < 1u << FMT_INDEX_BITS; i++) {
		uint64_t raw = ptl_load(&pos->table[i]);

		if (raw && fmt_kind(raw, pos->level, &pt->fmt) != PTL_EMPTY)
			return false;
	}
	return true;
}

/*
 * Turns the empty words of the locked table at @pos into dead words, so that no
 * install can succeed any more. False: one just did; all is as before.
 */
static inline bool ptl_table_seal(struct ptl_op *op, struct ptl_pos *pos)
{
	struct pt_frame *frame = ptl_frame_at(op->pt, pos->table_pa);
	unsigned int i;

	if (!PTL_SHARED)
		return true;
	atomic_fetch_or_explicit(&frame->lock, PTL_FRAME_DEAD, memory_order_relaxed);
	/* Who sees the word must see the mark: pairs with the acquire in ptl_is_transient(). */
	atomic_thread_fence(memory_order_release);
	for (i = 0; i < 1u << FMT_INDEX_BITS; i++) {
		uint64_t raw = ptl_load(&pos->table[i]);

		if (fmt_kind(raw, pos->level, &op->pt->fmt) != PTL_EMPTY ||
		    !atomic_compare_exchange_strong_explicit(&pos->table[i], &raw, PTL_DEAD_WORD,
							     memory_order_relaxed,
							     memory_order_relaxed))
			break;
	}
	if (i == 1u << FMT_INDEX_BITS) {
		pos->lock_bits |= PTL_FRAME_DEAD;
		return true;
	}
	while (i--)
		atomic_store_explicit(&pos->table[i], 0, memory_order_release);
	atomic_fetch_and_explicit(&frame->lock, ~PTL_FRAME_DEAD, memory_order_release);
	return false;
}

/* Frees the table at @pos if it is ours, nobody else's too, and empty; then those above it. */
static inline void ptl_free_empty(struct ptl_op *op, struct ptl_pos *pos, pt_va_t va)
{
	struct pt_pgtable *pt = op->pt;

	while (pos->parent) {
		unsigned int up = pos->level + 1, lg2 = ptl_level_lg2(up);
		struct pt_frame *frame = ptl_frame_at(pt, pos->table_pa);
		const struct ptl_pos parent = { .table_pa = pos->parent_pa, .level = up };
		uint64_t raw;

		if (atomic_load_explicit(&frame->state, memory_order_relaxed) != PTL_FRAME_TABLE ||
		    atomic_load_explicit(&frame->refs, memory_order_relaxed) != 1 ||
		    !ptl_lock(pt, pos))
			return;
		if ((PTL_SHARED && pos->lock_bits) || !ptl_table_empty(pt, pos) ||
		    !ptl_table_seal(op, pos)) {
			ptl_unlock(pt, pos);
			return;
		}
		/* Nobody but this table's locker changes the word that points at it. */
		raw = ptl_load(pos->parent);
		if (PTL_SHARED)
			raw = atomic_exchange_explicit(pos->parent, 0, memory_order_relaxed);
		else
			atomic_store_explicit(pos->parent, 0, memory_order_relaxed);
		ptl_watch(op, parent.table_pa, ptl_index(pt, va, up), up, va, raw, 0);
		ptl_unlock(pt, pos);
		ptl_table_kill(pt, pos->table_pa);
		/* Its leaves are flushed by who removed them; any address finds what led there. */
		ptl_gather_range(op->gather, ptl_align_down(va, FMT_GRANULE_LG2),
				 ptl_last(va, FMT_GRANULE_LG2), lg2, true);
		ptl_gather_page(op->gather, pos->table_pa);
		ptl_top_changed(op, &parent, ptl_index(pt, va, up), 1);
		ptl_gather_room(op);
		if (ptl_descend(pt, va, up, pos, &raw) || pos->level != up)
			return;
	}
}

/* Removes the table entry that ptl_descend() refused to follow; its target is left alone. */
static inline void ptl_clear_bad_table(struct ptl_op *op, const struct ptl_pos *pos, pt_va_t va)
{
	unsigned int lg2 = ptl_level_lg2(pos->level);

	ptl_exchange(op, pos, pos->index, va, ptl_load(&pos->table[pos->index]), 0);
	ptl_gather_range(op->gather, ptl_align_down(va, lg2), ptl_last(va, lg2), FMT_GRANULE_LG2,
			 true);
	ptl_top_changed(op, pos, pos->index, 1);
}

static inline int ptl_unmap_range(struct ptl_op *op, pt_va_t first, pt_va_t last, bool illegal)
{
	struct pt_pgtable *pt = op->pt;
	pt_va_t va = first;

	for (;;) {
		struct ptl_cleared cleared = { 0 };
		enum ptl_kind kind;
		struct ptl_pos pos;
		unsigned int lg2;
		pt_va_t next;
		uint64_t raw;
		int err = ptl_descend(pt, va, 0, &pos, &raw);

		lg2 = ptl_level_lg2(pos.level);
		next = ptl_last(va, lg2);
		if (err && illegal && ptl_aligned(va, lg2) && next <= last) {
			ptl_clear_bad_table(op, &pos, va);
		} else if (err) {
			op->change->bad_va = va;
			return err;
		} else if (!ptl_settle(pt, &pos, &raw, &kind)) {
			continue;
		} else if (ptl_aligned(va, lg2) && next <= last) {
			if (!ptl_lock(pt, &pos))
				continue;
			cleared = ptl_clear_entries(
				op, &pos, va,
				ptl_bounded(op, &pos, ptl_run_entries(pt, &pos, va, last)),
				illegal);
			ptl_unlock(pt, &pos);
			if (!cleared.entries && kind == PTL_ILLEGAL) {
				op->change->bad_va = va;
				return -EFAULT;
			}
			if (cleared.leaves) {
				pt_va_t base = va - ((uint64_t)pos.index << lg2);

				op->change->done += (uint64_t)cleared.leaves << lg2;
				ptl_gather_range(
					op->gather, base + ((uint64_t)cleared.first << lg2),
					base + ((uint64_t)cleared.last << lg2) + (PTL_BIT(lg2) - 1),
					lg2, false);
				op->gather->nr_leaves += cleared.leaves;
			}
			if (!cleared.entries)
				continue;
			ptl_top_changed(op, &pos, pos.index, cleared.entries);
			next = va + ((uint64_t)cleared.entries << lg2) - 1;
		} else if (kind != PTL_EMPTY) {
			/* A software entry for more than the range, or a corrupt tree. */
			op->change->bad_va = va;
			return -EFAULT;
		}
		if (op->change->flags & PT_CHANGE_FREE_TABLES)
			ptl_free_empty(op, &pos, va);
		ptl_gather_room(op);
		if (next >= last)
			return 0;
		va = next + 1;
	}
}

/* What a call owes the caller and the TLB when the page at @va is gone. */
static __attribute__((noinline)) int ptl_unmapped_page(struct pt_pgtable *pt, pt_va_t va,
						       struct pt_change *change)
{
	if (change) {
		change->done = PTL_BIT(FMT_GRANULE_LG2);
		change->bad_va = 0;
	}
	ptl_flush_page(pt, va, change);
	if (change && change->gather) {
		change->gather->nr_leaves++;
		if (ptl_gather_is_full(change->gather))
			ptl_gather_force(change->gather);
	}
	return 0;
}

/*
 * One page, mapped as such. False, and nothing has changed, for everything else.
 */
static inline __attribute__((always_inline)) bool
ptl_unmap_page(struct pt_pgtable *pt, pt_va_t va, struct pt_change *change)
{
	struct ptl_active active;
	_Atomic uint64_t *table;
	bool done = false;

	if (!ptl_quick_fits(pt, va, change, PT_CHANGE_FLAGS & ~PT_CHANGE_FREE_TABLES))
		return false;
	ptl_quick_enter(pt, &active, va);
	if (ptl_find_leaf_table(pt, pt->change_root, va, true, &table)) {
		_Atomic uint64_t *entry = &table[ptl_leaf_index(va)];
		uint64_t raw = ptl_load(entry);
		pt_pa_t pa;

		/* Without a lock: while our leaf is there, nobody frees the table. */
		done = ptl_sift(&pt->page, pt->page.stray, raw, &pa) &&
		       !fmt_contig_lg2(raw, 0, &pt->fmt);
		if (done && PTL_SHARED)
			atomic_exchange_explicit(entry, 0, memory_order_relaxed);
		else if (done)
			atomic_store_explicit(entry, 0, memory_order_relaxed);
	}
	ptl_quick_leave(pt, &active);
	return done;
}

static __attribute__((noinline)) int ptl_unmap_any(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
						   struct pt_change *change)
{
	struct ptl_op op;
	pt_va_t last;
	int err = ptl_change_range(pt, va, len, change, &last);

	if (err)
		return err;
	ptl_op_begin(&op, pt, va, last, change);
	err = ptl_split_edges(&op, va, last);
	if (!err)
		err = ptl_unmap_range(&op, va, last, false);
	return ptl_op_end(&op, err);
}

static int ptl_unmap(struct pt_pgtable *pt, pt_va_t va, uint64_t len, struct pt_change *change)
{
	if (PTL_CHECKED || len != PTL_BIT(FMT_GRANULE_LG2) || !ptl_unmap_page(pt, va, change))
		return ptl_unmap_any(pt, va, len, change);
	if (__builtin_expect(change || pt->flush, 0))
		return ptl_unmapped_page(pt, va, change);
	return 0;
}

static int ptl_clear_illegal(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
			     struct pt_gather *gather)
{
	struct pt_change change = { .gather = gather };
	struct ptl_op op;
	pt_va_t last;
	int err = ptl_change_range(pt, va, len, &change, &last);

	if (err)
		return err;
	ptl_op_begin(&op, pt, va, last, &change);
	return ptl_op_end(&op, ptl_unmap_range(&op, va, last, true));
}

#endif /* PTL_UNMAP_IMPL_H */
