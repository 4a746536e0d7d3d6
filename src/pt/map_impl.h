/* SPDX-License-Identifier: MIT */
/*
 * map_impl.h - pt_map() and its size probe.
 *
 * Two passes over the range, each a table page at a time. The first makes the
 * missing tables and checks that every entry is empty; it is all that can fail.
 * The second fills them. A range within one table page is checked and filled in
 * one visit. In shared mode the tables of a longer range are pinned in between,
 * so that a neighbour who finds one empty does not free it.
 */
#ifndef PTL_MAP_IMPL_H
#define PTL_MAP_IMPL_H

#include "pt/op.h"

#define PTL_NO_TABLE UINT64_MAX

struct ptl_map {
	struct ptl_op op;
	pt_va_t first, last;
	pt_pa_t pa;              /* of @first */
	unsigned int max_level;  /* of leaves: by format, limit and length */
	unsigned int max_lg2;    /* of leaves and blocks: by limit */
	bool contig;             /* blocks are wanted */
	bool interrupted;        /* tables of ours stand among the entries to fill */
	pt_pa_t fresh_pa;        /* the last table made: known to be empty */
	pt_pa_t pinned_pa;       /* the last table pinned or unpinned */
	uint64_t proto[FMT_MAX_LEVEL + 1];
};

/* Everything about the arguments alone; encodes the attributes for each level in use. */
static inline int ptl_map_init(struct ptl_map *map, struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa,
			       uint64_t len, pt_attr_t attr, struct pt_change *change)
{
	int err = ptl_change_range(pt, va, len, change, &map->last);
	pt_pa_t pa_last;

	if (err)
		return err;
	map->first = va;
	map->pa = pa;
	map->max_lg2 = change && change->max_lg2 ? change->max_lg2 : 64;
	map->contig = !(change && change->flags & PT_CHANGE_NO_CONTIG);
	map->interrupted = false;
	map->max_level = 0;
	map->fresh_pa = map->pinned_pa = PTL_NO_TABLE;
	if (!ptl_aligned(pa, FMT_GRANULE_LG2) || __builtin_add_overflow(pa, len - 1, &pa_last) ||
	    map->max_lg2 < FMT_GRANULE_LG2)
		return -EINVAL;
	if (pa_last >> pt->fmt.cfg.pa_bits)
		return -ERANGE;
	for (unsigned int level = 0; level <= pt->fmt.top_level; level++) {
		unsigned int lg2 = ptl_level_lg2(level);

		if (lg2 > map->max_lg2 || len < PTL_BIT(lg2) || !fmt_can_leaf(level, &pt->fmt))
			break;
		err = fmt_encode(attr, level, &pt->fmt, &map->proto[level]);
		if (err)
			return err;
		map->max_level = level;
	}
	return 0;
}

/* The level of the largest leaf that can begin at @va. */
static inline unsigned int ptl_map_level(const struct ptl_map *map, pt_va_t va)
{
	pt_pa_t pa = map->pa + (va - map->first);
	unsigned int level = map->max_level;

	while (level && (!ptl_aligned(va | pa, ptl_level_lg2(level)) ||
			 map->last - va < PTL_BIT(ptl_level_lg2(level)) - 1))
		level--;
	return level;
}

/* How many of the @nr entries from @pos on are empty before something stands there. */
static inline unsigned int ptl_map_empties(const struct ptl_map *map, const struct ptl_pos *pos,
					   unsigned int nr)
{
	_Atomic uint64_t *entry = &pos->table[pos->index];

	if (pos->table_pa == map->fresh_pa)
		return nr;
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t raw = ptl_load(&entry[i]);

		if (raw && fmt_kind(raw, pos->level, &map->op.pt->fmt) != PTL_EMPTY)
			return i;
	}
	return nr;
}

/* Leaves for @va on into @nr empty entries, in contiguous blocks where they fit. */
static inline void ptl_map_fill(struct ptl_map *map, const struct ptl_pos *pos, pt_va_t va,
				unsigned int nr)
{
	const struct ptl_fmt *f = &map->op.pt->fmt;
	unsigned int lg2 = ptl_level_lg2(pos->level);
	unsigned int block_lg2 = fmt_contig_max_lg2(pos->level, f);
	unsigned int index = pos->index, end = index + nr;
	pt_pa_t pa = map->pa + (va - map->first);

	if (!map->contig || lg2 + block_lg2 > map->max_lg2 ||
	    !ptl_aligned(va ^ pa, lg2 + block_lg2))
		block_lg2 = 0;
	while (index < end) {
		unsigned int next = end, contig_lg2 = 0;
		uint64_t raw, step;

		if (block_lg2) {
			next = (index | ((1u << block_lg2) - 1)) + 1;
			if (ptl_aligned(index, block_lg2) && next <= end)
				contig_lg2 = block_lg2;
			else if (next > end)
				next = end;
		}
		raw = fmt_make_leaf(map->proto[pos->level], pa, pos->level, contig_lg2, f);
		pa += (uint64_t)(next - index) << lg2;
		step = fmt_leaf_step(raw, pos->level, next - index, f);
		for (; index < next; index++, va += PTL_BIT(lg2)) {
			ptl_store(&map->op, pos, index, va, raw);
			raw = step ? raw + step : fmt_leaf_next(raw, pos->level, index, f);
		}
	}
}

/* Each table once, at the first visit in a row; under its lock. */
static inline void ptl_map_pin(struct ptl_map *map, struct ptl_pos *pos, bool pin)
{
	if (!PTL_SHARED || pos->table_pa == map->pinned_pa)
		return;
	map->pinned_pa = pos->table_pa;
	pos->lock_bits += pin ? PTL_FRAME_PIN : -PTL_FRAME_PIN;
}

/* First pass. 1: it also did the second's work. On failure *@bad_va is where. */
static inline int ptl_map_prepare(struct ptl_map *map, pt_va_t *bad_va)
{
	struct pt_pgtable *pt = map->op.pt;
	pt_va_t va = map->first;

	for (;;) {
		unsigned int nr, empties;
		enum ptl_kind kind;
		struct ptl_pos pos;
		uint64_t raw;
		int err;

		*bad_va = va;
		err = ptl_descend(pt, va, 0, &pos, &raw);
		if (err)
			return err;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		if (kind != PTL_EMPTY)
			return kind == PTL_ILLEGAL ? -EFAULT : -EEXIST;
		if (pos.level > ptl_map_level(map, va)) {
			err = ptl_new_table(&map->op, &pos, va, raw, &map->fresh_pa);
			if (err)
				return err;
			continue;
		}
		if (!ptl_lock(pt, &pos))
			continue;
		nr = ptl_run_entries(pt, &pos, va, map->last);
		empties = ptl_map_empties(map, &pos, nr);
		if (empties == nr && va == map->first &&
		    map->last - va == ((uint64_t)nr << ptl_level_lg2(pos.level)) - 1) {
			ptl_map_fill(map, &pos, va, nr);
			ptl_unlock(pt, &pos);
			ptl_top_changed(&map->op, &pos, pos.index, nr);
			return 1;
		}
		if (empties)
			ptl_map_pin(map, &pos, true);
		ptl_unlock(pt, &pos);
		map->interrupted |= empties < nr;
		va += (uint64_t)empties << ptl_level_lg2(pos.level);
		if (va - 1 == map->last)
			return 0;
	}
}

/*
 * Second pass, over [first, end): visits the same tables in the same order, for
 * nobody else may change these entries meanwhile. @fill: else it only unpins.
 */
static inline void ptl_map_commit(struct ptl_map *map, pt_va_t end, bool fill)
{
	struct pt_pgtable *pt = map->op.pt;
	pt_va_t va = map->first;

	map->pinned_pa = PTL_NO_TABLE;
	while (va != end) {
		enum ptl_kind kind;
		struct ptl_pos pos;
		unsigned int nr;
		uint64_t raw;

		/* A corrupt tree may be reached in two ways; it must not stop us. */
		if (ptl_descend(pt, va, 0, &pos, &raw))
			return;
		if (!ptl_settle(pt, &pos, &raw, &kind) || !ptl_lock(pt, &pos))
			continue;
		nr = ptl_run_entries(pt, &pos, va, end - 1);
		if (map->interrupted || !fill)
			nr = ptl_map_empties(map, &pos, nr);
		ptl_map_pin(map, &pos, false);
		if (fill && nr)
			ptl_map_fill(map, &pos, va, nr);
		ptl_unlock(pt, &pos);
		if (fill)
			ptl_top_changed(&map->op, &pos, pos.index, nr);
		va += nr ? (uint64_t)nr << ptl_level_lg2(pos.level) : PTL_BIT(FMT_GRANULE_LG2);
	}
}

/*
 * One page whose table is there, with attributes as most have them: the whole of
 * pt_map(). False, and no word has changed, for everything else.
 */
static inline __attribute__((always_inline)) bool
ptl_map_page(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa, pt_attr_t attr,
	     struct pt_change *change)
{
	struct ptl_active active;
	_Atomic uint64_t *table;
	bool done = false;

	/* Such addresses stand in the word as they are, all but the highest of some formats. */
	if (attr >= PTL_NR_PLAIN_ATTRS || !ptl_aligned(va, FMT_GRANULE_LG2) ||
	    pa & pt->page.stray || !ptl_write_ready())
		return false;
	if (change) {
		if ((change->max_lg2 && change->max_lg2 < FMT_GRANULE_LG2) ||
		    change->flags & ~PT_CHANGE_FLAGS ||
		    __builtin_expect(change->gather && change->gather->pt != pt, 0))
			return false;
		change->bad_va = 0;
		change->done = PTL_BIT(FMT_GRANULE_LG2);
	}
	ptl_quick_enter(pt, &active, va);
	if (ptl_find_leaf_table(pt, pt->change_root, va, true, &table)) {
		_Atomic uint64_t *entry = &table[ptl_leaf_index(va)];
		uint64_t proto = pt->fmt.page_of_attr[attr], old = 0;

		/*
		 * Without a lock, as a table: an empty word that can be
		 * exchanged is in no dead one.
		 */
		if (PTL_SHARED)
			done = proto && atomic_compare_exchange_strong_explicit(
						entry, &old, proto | pa, memory_order_relaxed,
						memory_order_relaxed);
		else if ((done = proto && !ptl_load(entry)))
			atomic_store_explicit(entry, proto | pa, memory_order_relaxed);
	}
	ptl_quick_leave(pt, &active);
	return done;
}

static __attribute__((noinline)) int ptl_map_range(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa,
						   uint64_t len, pt_attr_t attr,
						   struct pt_change *change)
{
	struct ptl_map map;
	pt_va_t bad_va;
	int err = ptl_map_init(&map, pt, va, pa, len, attr, change);

	if (err)
		return err;
	ptl_op_begin(&map.op, pt, va, map.last, change);
	err = ptl_map_prepare(&map, &bad_va);
	if (err == 0)
		ptl_map_commit(&map, map.last + 1, true);
	else if (err < 0 && PTL_SHARED)
		ptl_map_commit(&map, bad_va, false);
	if (err < 0)
		map.op.change->bad_va = bad_va;
	else
		map.op.change->done = len;
	return ptl_op_end(&map.op, err < 0 ? err : 0);
}

static int ptl_map(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa, uint64_t len, pt_attr_t attr,
		   struct pt_change *change)
{
	const uint64_t page = PTL_BIT(FMT_GRANULE_LG2);

	if (PTL_CHECKED || len != page)
		return ptl_map_range(pt, va, pa, len, attr, change);
	if (ptl_map_page(pt, va, pa, attr, change))
		return 0;
	return ptl_map_range(pt, va, pa, page, attr, change); /* a constant: one register less */
}

/*
 * Tables needed below one empty entry of @level for [@first, @last] of it, when
 * the largest leaf that va and pa can share an alignment for is of @leaf_level:
 * above that, one under each entry that the range touches; from there down, one
 * under each entry that it covers in part, which are those at its ends.
 */
static inline size_t ptl_tables_below(unsigned int level, unsigned int leaf_level, pt_va_t first,
				      pt_va_t last)
{
	size_t nr = 0;

	for (unsigned int up = level; up > 0; up--) {
		unsigned int lg2 = ptl_level_lg2(up);
		uint64_t touched = (last >> lg2) - (first >> lg2) + 1;
		unsigned int head = !ptl_aligned(first, lg2), tail = !ptl_aligned(last + 1, lg2);

		/* No entry has both ends: the range is as long as a leaf of @leaf_level. */
		nr += up > leaf_level ? touched : head + tail;
	}
	return nr;
}

static int ptl_probe(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa, uint64_t len, pt_attr_t attr,
		     struct pt_change *change, size_t *nr_tables)
{
	unsigned int leaf_level;
	struct ptl_map map;
	size_t nr = 0;
	int err = ptl_map_init(&map, pt, va, pa, len, attr, change);

	if (err)
		return err;
	map.op.pt = pt;
	leaf_level = map.max_level;
	while (leaf_level && !ptl_aligned(va ^ pa, ptl_level_lg2(leaf_level)))
		leaf_level--;
	ptl_write_enter();
	while (!err) {
		pt_va_t here_last;
		enum ptl_kind kind;
		struct ptl_pos pos;
		uint64_t raw;

		err = ptl_descend(pt, va, 0, &pos, &raw);
		if (!err && !ptl_settle(pt, &pos, &raw, &kind))
			continue;
		if (!err && kind != PTL_EMPTY)
			err = kind == PTL_ILLEGAL ? -EFAULT : -EEXIST;
		if (err)
			break;
		here_last = ptl_min(ptl_last(va, ptl_level_lg2(pos.level)), map.last);
		if (pos.level > ptl_map_level(&map, va))
			nr += ptl_tables_below(pos.level, leaf_level, va, here_last);
		else
			here_last = va + ((uint64_t)ptl_map_empties(&map, &pos,
					ptl_run_entries(pt, &pos, va, map.last))
					<< ptl_level_lg2(pos.level)) - 1;
		va = here_last + 1;
		if (here_last == map.last)
			break;
	}
	ptl_write_leave();
	if (err && change)
		change->bad_va = va;
	if (!err && nr && !pt->tables.alloc)
		err = -EOPNOTSUPP;
	if (!err)
		*nr_tables = nr;
	return err;
}

/* The tables alone: down to where @level's entries stand, or something that is no table does. */
static int ptl_populate(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
			struct pt_change *change)
{
	pt_pa_t fresh = PTL_NO_TABLE;
	struct ptl_op op;
	pt_va_t last;
	int err = ptl_change_range(pt, va, len, change, &last);

	if (!err && level >= pt->fmt.top_level)
		err = -EINVAL;
	if (err)
		return err;
	ptl_op_begin(&op, pt, va, last, change);
	for (;;) {
		enum ptl_kind kind;
		struct ptl_pos pos;
		pt_va_t next;
		uint64_t raw;

		err = ptl_descend(pt, va, level, &pos, &raw);
		if (!err && !ptl_settle(pt, &pos, &raw, &kind))
			continue;
		if (!err && pos.level > level && kind == PTL_EMPTY) {
			err = ptl_new_table(&op, &pos, va, raw, &fresh);
			if (!err)
				continue;
		} else if (!err && pos.level > level) {
			err = kind == PTL_ILLEGAL ? -EFAULT : -EEXIST;
		}
		if (err) {
			op.change->bad_va = va;
			break;
		}
		next = ptl_last(va, ptl_level_lg2(level + 1));
		if (next >= last)
			break;
		va = next + 1;
	}
	return ptl_op_end(&op, err);
}

#endif /* PTL_MAP_IMPL_H */
