/* SPDX-License-Identifier: MIT */
/*
 * tree.h - positions in a tree: find them, lock them, store to them. Compiled
 * per format and mode; everything here folds away to what the mode needs.
 *
 * Exclusive mode: one writer, nobody sets A/D. Loads and stores are relaxed,
 * but for the release that publishes a table and the acquire that follows it.
 *
 * Shared mode: writers lock the table page whose words they change, one at a
 * time, and exchange each live word; a new table is published by
 * compare-and-swap into an empty word, without a lock. A table is freed by its
 * locker: it marks the frame dead and replaces every empty word by the dead
 * word, so that no install can win any more, then unhooks it. Whoever locks a
 * table looks whether it is dead or its parent points elsewhere.
 */
#ifndef PTL_TREE_H
#define PTL_TREE_H

#include "base/lock.h"
#include "base/rcu.h"
#include "pt/fmt_api.h"
#include "pt/pagetable_internal.h"

#define PTL_SHARED (PTL_MODE != PTL_MODE_EXCLUSIVE)
#define PTL_CHECKED (PTL_MODE == PTL_MODE_CHECKED)

/* A place in the tree: the table that decides what an address is. */
struct ptl_pos {
	_Atomic uint64_t *table;
	pt_pa_t table_pa;
	_Atomic uint64_t *parent; /* the entry that points at it; NULL: the root */
	pt_pa_t parent_pa;        /* the table that this entry stands in */
	unsigned int level;
	unsigned int index;      /* of the address asked for */
	uint32_t lock_bits;      /* while locked: what its lock word holds beside the lock */
};

/* A change in progress. */
struct ptl_op {
	struct pt_pgtable *pt;
	struct pt_change *change;  /* the caller's, or &own_change */
	struct pt_gather *gather;  /* the caller's, or &own_gather */
	uint64_t spares;           /* list of table pages allocated ahead */
	unsigned int top_first, top_last; /* slots of the top table that changed */
	bool flush_splits;         /* attributes change next: see fmt_flush_after_split() */
	struct pt_change own_change;
	struct ptl_active active;
	struct pt_gather own_gather;
};

static inline unsigned int ptl_level_lg2(unsigned int level)
{
	return FMT_GRANULE_LG2 + FMT_INDEX_BITS * level;
}

static inline unsigned int ptl_index(const struct pt_pgtable *pt, pt_va_t va, unsigned int level)
{
	unsigned int bits = FMT_INDEX_BITS;

	if (FMT_CONCAT_LG2 > 0 && level == pt->fmt.top_level)
		bits += FMT_CONCAT_LG2;
	return (va & pt->fmt.va_mask) >> ptl_level_lg2(level) & (PTL_BIT(bits) - 1);
}

static inline unsigned int ptl_fmt_entries(const struct ptl_fmt *f, unsigned int level)
{
	if (level == f->top_level)
		return (unsigned int)(f->va_mask >> ptl_level_lg2(level)) + 1;
	return 1u << FMT_INDEX_BITS;
}

static inline unsigned int ptl_nr_entries(const struct pt_pgtable *pt, unsigned int level)
{
	return ptl_fmt_entries(&pt->fmt, level);
}

/* Entries from @va's on that @pos's table and [va, last] both hold, whole ones only. */
static inline unsigned int ptl_run_entries(const struct pt_pgtable *pt, const struct ptl_pos *pos,
					   pt_va_t va, pt_va_t last)
{
	unsigned int lg2 = ptl_level_lg2(pos->level);
	unsigned int in_table = ptl_nr_entries(pt, pos->level) - pos->index;
	uint64_t size = PTL_BIT(lg2), behind = last - va;

	if (behind < size - 1)
		return 0;
	behind = (behind - (size - 1)) >> lg2;
	return behind < in_table ? (unsigned int)behind + 1 : in_table;
}

static inline uint64_t ptl_load(_Atomic uint64_t *entry)
{
	return atomic_load_explicit(entry, memory_order_relaxed);
}

/*
 * Acquire pairs with the release in ptl_install() and ptl_make(): who
 * sees a table sees its words.
 */
static inline uint64_t ptl_load_acquire(_Atomic uint64_t *entry)
{
	return atomic_load_explicit(entry, memory_order_acquire);
}

static inline void ptl_watch(const struct ptl_op *op, pt_pa_t table_pa, unsigned int index,
			     unsigned int level, pt_va_t va, uint64_t old, uint64_t raw)
{
	if (PTL_CHECKED && op->pt->watch) {
		const struct pt_store store = {
			.pa = table_pa + 8 * index,
			.level = level,
			.va = ptl_align_down(va, ptl_level_lg2(level)),
			.old = old,
			.new_ = raw,
		};

		op->pt->watch->store(op->pt->watch->ctx, &store);
	}
}

/*
 * Entry @index of the table at @pos becomes @raw, where nothing live stands: no
 * hardware writes there, so a store does in every mode.
 */
static inline void ptl_store(const struct ptl_op *op, const struct ptl_pos *pos,
			     unsigned int index, pt_va_t va, uint64_t raw)
{
	uint64_t old = PTL_CHECKED ? ptl_load(&pos->table[index]) : 0;

	atomic_store_explicit(&pos->table[index], raw, memory_order_relaxed);
	ptl_watch(op, pos->table_pa, index, pos->level, va, old, raw);
}

/*
 * A live entry becomes @raw; returns what it was in the end. @old: as it was
 * loaded. In shared mode hardware may set A and D until the exchange.
 */
static inline uint64_t ptl_exchange(const struct ptl_op *op, const struct ptl_pos *pos,
				    unsigned int index, pt_va_t va, uint64_t old, uint64_t raw)
{
	if (PTL_SHARED)
		old = atomic_exchange_explicit(&pos->table[index], raw, memory_order_relaxed);
	else
		atomic_store_explicit(&pos->table[index], raw, memory_order_relaxed);
	ptl_watch(op, pos->table_pa, index, pos->level, va, old, raw);
	return old;
}

/*
 * The entry at @pos becomes @raw if it still is *@old, else *@old is what it is.
 * Release pairs with ptl_load_acquire(): @raw may point at a new table.
 */
static inline bool ptl_install(struct ptl_op *op, const struct ptl_pos *pos, unsigned int index,
			       pt_va_t va, uint64_t *old, uint64_t raw)
{
	if (!PTL_SHARED)
		atomic_store_explicit(&pos->table[index], raw, memory_order_release);
	else if (!atomic_compare_exchange_strong_explicit(&pos->table[index], old, raw,
							  memory_order_release,
							  memory_order_relaxed))
		return false;
	ptl_watch(op, pos->table_pa, index, pos->level, va, *old, raw);
	return true;
}

/* Sections in which a table that was found cannot be freed; writers in shared mode only. */
static inline void ptl_write_enter(void)
{
	if (PTL_SHARED)
		ptl_rcu_read_lock();
}

/*
 * Whether entering one is a matter of a few instructions: a thread's first time is a
 * call, which on a quick way would cost each time, for the registers saved around it.
 */
static inline bool ptl_write_ready(void)
{
	return !PTL_SHARED || __builtin_expect(ptl_rcu_ready(), 1);
}

static inline void ptl_write_leave(void)
{
	if (PTL_SHARED)
		ptl_rcu_read_unlock();
}

/* The same for readers. */
static inline void ptl_read_enter(const struct pt_pgtable *pt)
{
	if (PTL_SHARED || pt->readers)
		ptl_rcu_read_lock();
}

static inline void ptl_read_leave(const struct pt_pgtable *pt)
{
	if (PTL_SHARED || pt->readers)
		ptl_rcu_read_unlock();
}

/*
 * The quick ways: what a call for one page does when nothing is out of the ordinary,
 * in as few instructions as that takes. Each ends in "false" for everything else,
 * which decides nothing: the thorough ways find out what it is. To be quick they
 *
 *  - ask one question of each word: ptl_sift();
 *  - call nothing, so that no register is saved: what may call is left to others;
 *  - take 48 input bits as given, so that every shift is a constant.
 */

/*
 * Down from @root, the quick or the reader's, through near tables to the one of
 * level 0 that holds @va, if @va is valid. @distinct: also false for a table that
 * is one of those above it; for who would write.
 */
static inline __attribute__((always_inline)) bool
ptl_find_leaf_table(const struct pt_pgtable *pt, _Atomic uint64_t *root, pt_va_t va, bool distinct,
		    _Atomic uint64_t **leaf_table)
{
	enum {
		TOP = (PTL_USUAL_VA_BITS - FMT_GRANULE_LG2 - 1) / FMT_INDEX_BITS,
		TOP_LG2 = FMT_GRANULE_LG2 + FMT_INDEX_BITS * TOP,
	};
	const uint64_t stray = pt->link.stray;
	uint64_t index = (va - pt->va_first) >> TOP_LG2;
	_Atomic uint64_t *table = root, *path[TOP];

	if (__builtin_expect(index >= PTL_BIT(PTL_USUAL_VA_BITS - TOP_LG2), 0))
		return false; /* no valid address */
	index = fmt_slot_index((unsigned int)index);
#pragma GCC unroll 5
	for (unsigned int level = TOP; level > 0; level--) {
		uint64_t offset;

		if (!ptl_sift(&pt->link, stray, ptl_load_acquire(&table[index]), &offset))
			return false;
		table = (_Atomic uint64_t *)(void *)(pt->near + offset);
		/* Loads use table + index as they are; else near + index is computed first. */
		__asm__("" : "+r"(table));
		for (unsigned int up = TOP - 1; distinct && up >= level; up--)
			if (__builtin_expect(table == path[up], 0))
				return false;
		if (distinct && __builtin_expect(table == pt->root_page, 0))
			return false;
		path[level - 1] = table;
		index = va >> ptl_level_lg2(level - 1) & (PTL_BIT(FMT_INDEX_BITS) - 1);
	}
	*leaf_table = table;
	return true;
}

static inline unsigned int ptl_leaf_index(pt_va_t va)
{
	return va >> FMT_GRANULE_LG2 & (PTL_BIT(FMT_INDEX_BITS) - 1);
}

/*
 * Finds the entry that decides what @va is: the first that is no table, or the
 * one at @stop. *@raw: that entry. -EFAULT at a table outside memory, or one that
 * is, in whole or in part, a table above it: no change can be made there.
 */
static inline __attribute__((always_inline)) int
ptl_descend(const struct pt_pgtable *pt, pt_va_t va, unsigned int stop, struct ptl_pos *pos,
	    uint64_t *raw)
{
	pt_pa_t path[PT_MAX_LEVELS];

	pos->table = pt->root;
	pos->table_pa = pt->root_pa;
	pos->parent = NULL;
	pos->parent_pa = 0;
	pos->lock_bits = 0;
#pragma GCC unroll 5
	for (int i = FMT_MAX_LEVEL; i >= 0; i--) {
		unsigned int level = (unsigned int)i;
		_Atomic uint64_t *entry, *table;
		pt_pa_t pa;

		path[level] = UINT64_MAX;
		if (level > pt->fmt.top_level)
			continue;
		path[level] = pos->table_pa;
		pos->level = level;
		pos->index = ptl_index(pt, va, level);
		entry = &pos->table[pos->index];
		*raw = ptl_load_acquire(entry);
		if (level <= stop || !fmt_is_table(*raw, level, &pt->fmt))
			return 0;
		pa = fmt_table_pa(*raw, &pt->fmt);
#pragma GCC unroll 5
		for (unsigned int up = level; up <= FMT_MAX_LEVEL; up++)
			if (__builtin_expect((path[up] ^ pa) >> FMT_GRANULE_LG2 == 0, 0))
				return -EFAULT;
		if (FMT_CONCAT_LG2 > 0 && __builtin_expect(ptl_in_root(pt, pa), 0))
			return -EFAULT; /* a further page of the root */
		table = ptl_table_at(pt, pa);
		if (__builtin_expect(!table, 0))
			return -EFAULT; /* @pos stays at the entry that points there */
		pos->table = table;
		pos->parent_pa = pos->table_pa;
		pos->table_pa = pa;
		pos->parent = entry;
	}
	__builtin_unreachable(); /* level 0 holds no tables */
}

/*
 * Locks the table at @pos. False if it is no longer where the walk found it:
 * then walk again.
 */
static inline bool ptl_lock(const struct pt_pgtable *pt, struct ptl_pos *pos)
{
	struct pt_frame *frame;
	uint64_t up;

	if (!PTL_SHARED)
		return true;
	frame = ptl_frame_at(pt, pos->table_pa);
	pos->lock_bits = ptl_bit_lock(&frame->lock);
	up = pos->parent ? ptl_load(pos->parent) : 0;
	if (!(pos->lock_bits & PTL_FRAME_DEAD) &&
	    (!pos->parent || (fmt_is_table(up, pos->level + 1, &pt->fmt) &&
			      fmt_table_pa(up, &pt->fmt) == pos->table_pa)))
		return true;
	ptl_bit_unlock(&frame->lock, pos->lock_bits);
	return false;
}

static inline void ptl_unlock(const struct pt_pgtable *pt, const struct ptl_pos *pos)
{
	if (PTL_SHARED)
		ptl_bit_unlock(&ptl_frame_at(pt, pos->table_pa)->lock, pos->lock_bits);
}

/*
 * Whether @raw, our break or dead word, which was read from @entry, is one that
 * we put there and that will go away. One that an image contains stays for ever
 * and is software's.
 */
static inline bool ptl_is_transient(const struct pt_pgtable *pt, pt_pa_t table_pa,
				    _Atomic uint64_t *entry, uint64_t raw)
{
	uint32_t lock = atomic_load_explicit(&ptl_frame_at(pt, table_pa)->lock,
					     memory_order_acquire);

	if (lock & (raw == PTL_BREAK_WORD ? PTL_FRAME_BREAKING_MASK : PTL_FRAME_DEAD))
		return true;
	if (ptl_load_acquire(entry) != raw)
		return true; /* it ended between the two loads */
	/* Or it ended, and another began, before the second. */
	lock = atomic_load_explicit(&ptl_frame_at(pt, table_pa)->lock, memory_order_acquire);
	return lock & (raw == PTL_BREAK_WORD ? PTL_FRAME_BREAKING_MASK : PTL_FRAME_DEAD);
}

/*
 * What @raw, read from @entry of the table at @table_pa, is. PTL_BREAK: wait and
 * read again; PTL_DEAD: walk again.
 */
static inline enum ptl_kind ptl_settled_kind(const struct pt_pgtable *pt, pt_pa_t table_pa,
					     unsigned int level, _Atomic uint64_t *entry,
					     uint64_t raw)
{
	enum ptl_kind kind = fmt_kind(raw, level, &pt->fmt);

	if (__builtin_expect(kind >= PTL_BREAK, 0) && !ptl_is_transient(pt, table_pa, entry, raw))
		return PTL_SOFT;
	return kind;
}

/* Slots of the top table changed: remembered until ptl_tell_top(). */
static inline void ptl_top_changed(struct ptl_op *op, const struct ptl_pos *pos,
				   unsigned int index, unsigned int nr)
{
	if (pos->level != op->pt->fmt.top_level || !nr)
		return;
	if (index < op->top_first)
		op->top_first = index;
	if (index + nr - 1 > op->top_last)
		op->top_last = index + nr - 1;
}

/* [va, va + len) as an inclusive last, or why it is no range of this table. */
static inline int ptl_range_last(const struct pt_pgtable *pt, pt_va_t va, uint64_t len,
				 unsigned int align_lg2, pt_va_t *last)
{
	if (!len || !ptl_aligned(va | len, align_lg2) || __builtin_add_overflow(va, len - 1, last))
		return -EINVAL;
	if (!fmt_va_valid(va, &pt->fmt) || !fmt_va_valid(*last, &pt->fmt) ||
	    va >> 63 != *last >> 63)
		return -ERANGE;
	return 0;
}

#endif /* PTL_TREE_H */
