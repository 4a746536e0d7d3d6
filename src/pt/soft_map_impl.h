/* SPDX-License-Identifier: MIT */
/*
 * soft_map_impl.h - pt_soft_map(): leaves in place of software's words.
 *
 * Tables that hold such words are not empty, and nobody else changes them: what the check
 * found is there at the commit, and nothing has to be allocated or pinned.
 */
#ifndef PTL_SOFT_MAP_IMPL_H
#define PTL_SOFT_MAP_IMPL_H

#include "pt/soft_impl.h"

struct ptl_soft_map {
	struct ptl_op op;
	pt_va_t first, last;
	pt_pa_t pa; /* of @first */
	pt_attr_t attr;
	bool inherit, contig;
	/* the last encoding, and what it is of */
	unsigned int level, marks;
	uint64_t proto;
};

/* What the leaf that replaces @raw inherits. */
static inline unsigned int ptl_soft_map_marks(const struct ptl_soft_map *map, uint64_t raw,
					      unsigned int level)
{
	if (!map->inherit)
		return 0;
	return pt_soft_decode(&map->op.pt->soft, level, raw).flags & ~PT_SOFT_EXCLUSIVE;
}

static inline int ptl_soft_map_proto(struct ptl_soft_map *map, unsigned int level,
				     unsigned int marks)
{
	const struct pt_pgtable *pt = map->op.pt;
	int err;

	if (map->level == level && map->marks == marks)
		return 0;
	err = fmt_encode(map->attr | ptl_marks_attr(pt, marks), level, &pt->fmt, &map->proto);
	map->level = err ? PT_MAX_LEVELS : level;
	map->marks = marks;
	return err;
}

/* That leaf @va can replace @raw of @level. */
static inline int ptl_soft_map_fits(struct ptl_soft_map *map, uint64_t raw, unsigned int level,
				    pt_va_t va)
{
	const struct pt_pgtable *pt = map->op.pt;
	unsigned int lg2 = ptl_level_lg2(level);
	uint64_t leaf;

	switch (fmt_kind(raw, level, &pt->fmt)) {
	case PTL_SOFT:
	case PTL_BREAK: /* these two only if an image holds them */
	case PTL_DEAD:
		break;
	case PTL_EMPTY:
		return -ENOENT;
	case PTL_ILLEGAL:
		return -EFAULT;
	default:
		return -EEXIST;
	}
	if (ptl_hidden_leaf(pt, raw, level, &leaf))
		return -EEXIST;
	if (!fmt_can_leaf(level, &pt->fmt))
		return -EOPNOTSUPP;
	if (!ptl_aligned(va | (map->pa + (va - map->first)), lg2) ||
	    map->last - va < PTL_BIT(lg2) - 1)
		return -EINVAL;
	return ptl_soft_map_proto(map, level, ptl_soft_map_marks(map, raw, level));
}

static inline int ptl_soft_map_check(struct ptl_soft_map *map)
{
	struct pt_pgtable *pt = map->op.pt;
	pt_va_t va = map->first;

	for (;;) {
		enum ptl_kind kind;
		struct ptl_pos pos;
		unsigned int nr;
		uint64_t raw;
		int err;

		map->op.change->bad_va = va;
		err = ptl_descend(pt, va, 0, &pos, &raw);
		if (err)
			return err;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		nr = ptl_run_entries(pt, &pos, va, map->last);
		for (unsigned int i = 0; i < nr || !i;
		     i++, va += PTL_BIT(ptl_level_lg2(pos.level))) {
			raw = ptl_load(&pos.table[pos.index + i]);
			if (i && fmt_is_table(raw, pos.level, &pt->fmt))
				break;
			map->op.change->bad_va = va;
			err = ptl_soft_map_fits(map, raw, pos.level, va);
			if (err)
				return err;
		}
		if (va - 1 == map->last)
			return 0;
	}
}

/* Whether the words from @index on become a contiguous block: all there, with the same marks. */
static inline bool ptl_soft_map_block(const struct ptl_soft_map *map, const struct ptl_pos *pos,
				      unsigned int index, unsigned int end, pt_va_t va,
				      unsigned int block_lg2)
{
	const struct pt_pgtable *pt = map->op.pt;
	const struct pt_soft_cfg *soft = &pt->soft;
	unsigned int lg2 = ptl_level_lg2(pos->level);
	uint64_t first = ptl_load(&pos->table[index]);

	if (!map->contig || !block_lg2 || !ptl_aligned(index, block_lg2) ||
	    end - index < 1u << block_lg2 ||
	    !ptl_aligned(map->pa + (va - map->first), lg2 + block_lg2))
		return false;
	for (unsigned int i = 0; i < 1u << block_lg2; i++) {
		uint64_t raw = ptl_load(&pos->table[index + i]);

		if (fmt_kind(raw, pos->level, &pt->fmt) != PTL_SOFT)
			return false;
		/* Hardware's marks may differ within a block; others may not. */
		if (map->inherit && (raw ^ first) & (soft->uffd_wp | soft->soft_dirty))
			return false;
	}
	return true;
}

static inline unsigned int ptl_soft_map_fill(struct ptl_soft_map *map, const struct ptl_pos *pos,
					     pt_va_t va, unsigned int nr)
{
	const struct pt_pgtable *pt = map->op.pt;
	unsigned int lg2 = ptl_level_lg2(pos->level), end = pos->index + nr, i;
	unsigned int block_lg2 = fmt_contig_max_lg2(pos->level, &pt->fmt), contig_end = 0;
	const uint64_t attrs = fmt_attr_bits(~(pt_attr_t)0, pos->level, &pt->fmt);
	uint64_t next = 0; /* what goes on from the entry before in its block */

	for (i = pos->index; i < end; i++, va += PTL_BIT(lg2)) {
		uint64_t raw = ptl_load(&pos->table[i]);

		if (fmt_kind(raw, pos->level, &pt->fmt) < PTL_SOFT ||
		    ptl_soft_map_proto(map, pos->level, ptl_soft_map_marks(map, raw, pos->level)))
			break; /* a table, or a corrupt tree */
		if (i < contig_end) {
			raw = (next & ~attrs) | (map->proto & attrs);
		} else {
			if (ptl_soft_map_block(map, pos, i, end, va, block_lg2))
				contig_end = i + (1u << block_lg2);
			raw = fmt_make_leaf(map->proto, map->pa + (va - map->first), pos->level,
					    i < contig_end ? block_lg2 : 0, &pt->fmt);
		}
		ptl_store(&map->op, pos, i, va, raw);
		next = fmt_leaf_next(raw, pos->level, i, &pt->fmt);
	}
	ptl_top_changed(&map->op, pos, pos->index, i - pos->index);
	return i - pos->index;
}

static inline void ptl_soft_map_commit(struct ptl_soft_map *map)
{
	struct pt_pgtable *pt = map->op.pt;
	pt_va_t va = map->first;

	for (;;) {
		enum ptl_kind kind;
		struct ptl_pos pos;
		unsigned int nr;
		uint64_t raw;

		if (ptl_descend(pt, va, 0, &pos, &raw))
			return;
		if (!ptl_settle(pt, &pos, &raw, &kind) || !ptl_lock(pt, &pos))
			continue;
		nr = ptl_soft_map_fill(map, &pos, va, ptl_run_entries(pt, &pos, va, map->last));
		ptl_unlock(pt, &pos);
		/* Nothing to fill: a tree that is reached in two ways. */
		va += nr ? (uint64_t)nr << ptl_level_lg2(pos.level)
			 : PTL_BIT(ptl_level_lg2(pos.level));
		if (va - 1 >= map->last)
			return;
	}
}

static int ptl_soft_map(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa, uint64_t len, pt_attr_t attr,
			struct pt_change *change)
{
	unsigned int flags = change ? change->flags : 0;
	struct ptl_soft_map map = {
		.first = va,
		.pa = pa,
		.attr = attr,
		.inherit = flags & PT_CHANGE_INHERIT,
		.contig = !(flags & PT_CHANGE_NO_CONTIG),
		.level = PT_MAX_LEVELS,
	};
	pt_pa_t pa_last;
	int err = ptl_change_range(pt, va, len, change, &map.last);

	if (err)
		return err;
	if (!ptl_aligned(pa, FMT_GRANULE_LG2) || __builtin_add_overflow(pa, len - 1, &pa_last))
		return -EINVAL;
	if (pa_last >> pt->fmt.cfg.pa_bits)
		return -ERANGE;
	ptl_op_begin(&map.op, pt, va, map.last, change);
	err = ptl_soft_map_check(&map);
	if (!err) {
		map.op.change->bad_va = 0;
		map.op.change->done = len;
		ptl_soft_map_commit(&map);
	}
	return ptl_op_end(&map.op, err);
}

#endif /* PTL_SOFT_MAP_IMPL_H */
