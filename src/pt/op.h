/* SPDX-License-Identifier: MIT */
/*
 * op.h - the frame of a changing call: begin, end, table pages allocated ahead,
 * new tables, and break-before-make.
 */
#ifndef PTL_OP_H
#define PTL_OP_H

#include "pt/tree.h"

/* The most entries that one break-before-make takes at a time: the largest block. */
#define PTL_BREAK_MAX 128

/* [va, va + len) of a call with @change, whose outputs are reset. */
static inline int ptl_change_range(const struct pt_pgtable *pt, pt_va_t va, uint64_t len,
				   struct pt_change *change, pt_va_t *last)
{
	if (change) {
		change->done = 0;
		change->bad_va = 0;
		if (change->flags & ~PT_CHANGE_FLAGS ||
		    (change->gather && change->gather->pt != pt))
			return -EINVAL;
	}
	return ptl_range_last(pt, va, len, FMT_GRANULE_LG2, last);
}

/*
 * The quick ways of one page: a descent and a store, without the operation below. Whether one can
 * make the change of the page at @va that @change asks for; only @flags are for it.
 */
static inline bool ptl_quick_fits(const struct pt_pgtable *pt, pt_va_t va,
				  const struct pt_change *change, unsigned int flags)
{
	if (!ptl_aligned(va, FMT_GRANULE_LG2) || !ptl_write_ready())
		return false;
	return __builtin_expect(!change || (!(change->flags & ~flags) &&
					    (!change->gather || change->gather->pt == pt)), 1);
}

/* Around the descent and the store. */
static inline void ptl_quick_enter(struct pt_pgtable *pt, struct ptl_active *active, pt_va_t va)
{
	if (PTL_LISTS_CHANGES) {
		active->first = va;
		active->last = ptl_last(va, FMT_GRANULE_LG2);
		ptl_active_enter(pt, active);
	}
	ptl_write_enter();
}

static inline void ptl_quick_leave(struct pt_pgtable *pt, struct ptl_active *active)
{
	ptl_write_leave();
	if (PTL_LISTS_CHANGES)
		ptl_active_leave(pt, active);
}

/* What the TLB is owed for the page at @va, which a quick way changed: now, or by the gather. */
static inline void ptl_flush_page(struct pt_pgtable *pt, pt_va_t va,
				  const struct pt_change *change)
{
	pt_va_t last = ptl_last(va, FMT_GRANULE_LG2);

	if (change && change->gather)
		ptl_gather_range(change->gather, va, last, FMT_GRANULE_LG2, false);
	else
		ptl_flush_range(pt, va, last, FMT_GRANULE_LG2);
}

static inline void ptl_op_begin(struct ptl_op *op, struct pt_pgtable *pt, pt_va_t first,
				pt_va_t last, struct pt_change *change)
{
	op->pt = pt;
	op->change = change;
	if (!change) {
		op->own_change = (struct pt_change){ 0 };
		op->change = &op->own_change;
	}
	op->gather = op->change->gather;
	if (!op->gather) {
		op->gather = &op->own_gather;
		pt_gather_begin(op->gather, pt);
	}
	op->spares = PTL_LINK_END;
	op->top_first = UINT32_MAX;
	op->top_last = 0;
	op->flush_splits = false;
	if (PTL_LISTS_CHANGES) {
		op->active.first = first;
		op->active.last = last;
		ptl_active_enter(pt, &op->active);
	}
	ptl_write_enter();
}

/* Takes a page that was allocated ahead; there is one. */
static inline pt_pa_t ptl_spare_take(struct ptl_op *op)
{
	pt_pa_t pa = ptl_link_pa(op->spares);
	struct pt_frame *frame;

	PTL_BUG_ON(op->spares == PTL_LINK_END);
	frame = ptl_frame_at(op->pt, pa);
	op->spares = frame->link;
	frame->link = PTL_LINK_END;
	return pa;
}

static inline void ptl_spare_give(struct ptl_op *op, pt_pa_t pa)
{
	ptl_frame_at(op->pt, pa)->link = op->spares;
	op->spares = ptl_link_to(pa);
}

/*
 * Allocates @nr pages ahead, all or none. Outside the read-side section: a
 * source may wait for flushes or grace periods of its own.
 */
static inline int ptl_spares_add(struct ptl_op *op, size_t nr)
{
	int err = 0;

	if (!nr)
		return 0;
	ptl_write_leave();
	while (nr-- && !err) {
		pt_pa_t pa;

		err = ptl_table_alloc(op->pt, &pa);
		if (!err)
			ptl_spare_give(op, pa);
	}
	ptl_write_enter();
	return err;
}

/* Who follows the top table does so before what it named is flushed and freed. Outside sections. */
static inline void ptl_tell_top(struct ptl_op *op)
{
	const struct pt_top_ops *top = op->pt->top;

	if (!top || op->top_first == UINT32_MAX)
		return;
	top->changed(top->ctx, op->top_first, op->top_last);
	op->top_first = UINT32_MAX;
	op->top_last = 0;
}

static inline int ptl_op_end(struct ptl_op *op, int err)
{
	struct pt_pgtable *pt = op->pt;

	ptl_write_leave();
	while (op->spares != PTL_LINK_END)
		ptl_table_free(pt, ptl_spare_take(op));
	if (PTL_LISTS_CHANGES)
		ptl_active_leave(pt, &op->active);
	ptl_tell_top(op);
	if (op->gather == &op->own_gather)
		pt_gather_finish(op->gather);
	return err;
}

/*
 * Publishes a new, zeroed table below the empty entry at @pos, which was @raw
 * when it was read. *@table_pa: the new table, or unchanged if another writer
 * was faster; walk again in both cases.
 */
static inline int ptl_new_table(struct ptl_op *op, const struct ptl_pos *pos, pt_va_t va,
				uint64_t raw, pt_pa_t *table_pa)
{
	pt_pa_t pa;
	int err;

	if (PTL_SHARED && op->spares == PTL_LINK_END)
		return ptl_spares_add(op, 1); /* the section was left: walk again */
	if (op->spares != PTL_LINK_END) {
		pa = ptl_spare_take(op);
	} else {
		err = ptl_table_alloc(op->pt, &pa);
		if (err)
			return err;
	}
	if (!ptl_install(op, pos, pos->index, va, &raw, fmt_make_table(pa, &op->pt->fmt))) {
		ptl_spare_give(op, pa);
		return 0;
	}
	ptl_top_changed(op, pos, pos->index, 1);
	*table_pa = pa;
	return 0;
}

/*
 * Break-before-make, as one protocol: ptl_try_break() replaces @nr live entries
 * from @index on by the break word and flushes what may be cached of them;
 * ptl_make() puts the new words there. In between no lock and no read-side
 * section is held, lockless readers and other writers wait, and hardware finds
 * nothing. @old receives the words with all that hardware had set in them.
 *
 * False, and nothing has changed, if the entries are not all of kind @expect, or
 * not all marked as in blocks of @contig_lg2 (PTL_ANY_CONTIG: whatever).
 */
#define PTL_ANY_CONTIG UINT32_MAX

static inline bool ptl_try_break(struct ptl_op *op, struct ptl_pos *pos, unsigned int index,
				 unsigned int nr, pt_va_t va, uint64_t *old, enum ptl_kind expect,
				 unsigned int contig_lg2)
{
	const struct ptl_fmt *f = &op->pt->fmt;
	unsigned int lg2 = ptl_level_lg2(pos->level);
	pt_va_t first = ptl_align_down(va, lg2), last = first + ((uint64_t)nr << lg2) - 1;

	if (!ptl_lock(op->pt, pos))
		return false;
	for (unsigned int i = 0; i < nr; i++) {
		old[i] = ptl_load(&pos->table[index + i]);
		if (fmt_kind(old[i], pos->level, f) != expect ||
		    (contig_lg2 != PTL_ANY_CONTIG &&
		     fmt_contig_lg2(old[i], pos->level, f) != contig_lg2)) {
			ptl_unlock(op->pt, pos);
			return false;
		}
	}
	pos->lock_bits += PTL_FRAME_BREAKING;
	atomic_fetch_add_explicit(&ptl_frame_at(op->pt, pos->table_pa)->lock, PTL_FRAME_BREAKING,
				  memory_order_relaxed);
	/* Who sees the word must see the mark: pairs with the acquire in ptl_is_transient(). */
	atomic_thread_fence(memory_order_release);
	for (unsigned int i = 0; i < nr; i++)
		old[i] = ptl_exchange(op, pos, index + i, first + ((uint64_t)i << lg2),
				      old[i], PTL_BREAK_WORD);
	ptl_unlock(op->pt, pos);
	ptl_write_leave();
	if (expect == PTL_TABLE)
		ptl_flush_tables(op->pt, first, last, FMT_GRANULE_LG2);
	else
		ptl_flush_range(op->pt, first, last, lg2);
	ptl_write_enter();
	return true;
}

/* The table cannot have died: break words are not empty. */
static inline void ptl_make(struct ptl_op *op, struct ptl_pos *pos, unsigned int index,
			    unsigned int nr, pt_va_t va, const uint64_t *raw)
{
	unsigned int lg2 = ptl_level_lg2(pos->level);
	struct pt_frame *frame = ptl_frame_at(op->pt, pos->table_pa);
	pt_va_t first = ptl_align_down(va, lg2);

	if (PTL_SHARED)
		pos->lock_bits = ptl_bit_lock(&frame->lock);
	for (unsigned int i = 0; i < nr; i++) {
		/* Release: a word may point at a table that was filled in between. */
		atomic_store_explicit(&pos->table[index + i], raw[i], memory_order_release);
		ptl_watch(op, pos->table_pa, index + i, pos->level, first + ((uint64_t)i << lg2),
			  PTL_BREAK_WORD, raw[i]);
	}
	if (PTL_SHARED) {
		pos->lock_bits -= PTL_FRAME_BREAKING;
		ptl_unlock(op->pt, pos);
	} else {
		atomic_fetch_sub_explicit(&frame->lock, PTL_FRAME_BREAKING, memory_order_release);
	}
	ptl_top_changed(op, pos, index, nr);
}

/*
 * The kind of the entry at @pos, waiting for a break to end. False: the table
 * is being freed, walk again.
 */
static inline bool ptl_settle(const struct pt_pgtable *pt, const struct ptl_pos *pos,
			      uint64_t *raw, enum ptl_kind *kind)
{
	*kind = ptl_settled_kind(pt, pos->table_pa, pos->level, &pos->table[pos->index],
				 *raw);
	if (__builtin_expect(*kind == PTL_BREAK || *kind == PTL_DEAD, 0)) {
		ptl_write_leave();
		ptl_wait(pt); /* somebody else's: let them finish */
		ptl_write_enter();
		return false;
	}
	return true;
}

#endif /* PTL_OP_H */
