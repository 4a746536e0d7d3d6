/* SPDX-License-Identifier: MIT */
/*
 * query_impl.h - one address: translate, lookup, trace.
 *
 * The loop counts down from a constant and decodes inside, so that unrolled
 * every level's shifts are immediates.
 */
#ifndef PTL_QUERY_IMPL_H
#define PTL_QUERY_IMPL_H

#include "pt/tree.h"

/*
 * What an entry that is neither table nor leaf means to a reader: a negative
 * errno, or 0 if a writer is about to finish with it: then walk again.
 */
static inline int ptl_reader_verdict(const struct pt_pgtable *pt, pt_pa_t table_pa,
				     unsigned int level, _Atomic uint64_t *entry, uint64_t raw)
{
	unsigned int spins = 63;
	enum ptl_kind kind = ptl_settled_kind(pt, table_pa, level, entry, raw);

	if (kind == PTL_BREAK) {
		ptl_read_leave(pt);
		ptl_spin_wait(&spins);
		ptl_read_enter(pt);
		return 0;
	}
	return kind == PTL_ILLEGAL ? -EFAULT : -ENOENT; /* the dead word is a hole */
}

/* Where a reader's descent ended. */
struct ptl_found {
	uint64_t raw;
	unsigned int level, index;
};

static inline __attribute__((always_inline)) int ptl_find_leaf(const struct pt_pgtable *pt,
							       pt_va_t va, struct ptl_found *found)
{
	_Atomic uint64_t *table;
	pt_pa_t table_pa;

again:
	table = pt->root;
	table_pa = pt->root_pa;
#pragma GCC unroll 5
	for (int i = FMT_MAX_LEVEL; i >= 0; i--) {
		unsigned int level = (unsigned int)i, index;
		uint64_t raw;
		int err;

		if (level > pt->fmt.top_level)
			continue;
		index = ptl_index(pt, va, level);
		raw = ptl_load_acquire(&table[index]);
		if (level && __builtin_expect(fmt_is_table(raw, level, &pt->fmt), 1)) {
			table_pa = fmt_table_pa(raw, &pt->fmt);
			table = ptl_table_at(pt, table_pa);
			if (__builtin_expect(!table, 0))
				return -EFAULT;
			continue;
		}
		if (__builtin_expect(fmt_is_leaf(raw, level, &pt->fmt), 1)) {
			found->raw = raw;
			found->level = level;
			found->index = index;
			return 0;
		}
		err = ptl_reader_verdict(pt, table_pa, level, &table[index], raw);
		if (err)
			return err;
		goto again;
	}
	__builtin_unreachable(); /* level 0 holds no tables */
}

static int ptl_translate(const struct pt_pgtable *pt, pt_va_t va, pt_pa_t *pa)
{
	struct ptl_found found = { 0 };
	int err;

	if (!fmt_va_valid(va, &pt->fmt))
		return -ERANGE;
	ptl_read_enter(pt);
	err = ptl_find_leaf(pt, va, &found);
	ptl_read_leave(pt);
	if (err)
		return err;
	*pa = fmt_leaf_pa(found.raw, found.level, found.index, &pt->fmt) |
	      (va & (PTL_BIT(ptl_level_lg2(found.level)) - 1));
	return 0;
}

static int ptl_lookup(const struct pt_pgtable *pt, pt_va_t va, struct pt_leaf *leaf)
{
	struct ptl_found found = { 0 };
	int err;

	if (!fmt_va_valid(va, &pt->fmt))
		return -ERANGE;
	ptl_read_enter(pt);
	err = ptl_find_leaf(pt, va, &found);
	ptl_read_leave(pt);
	if (err)
		return err;
	leaf->pa = fmt_leaf_pa(found.raw, found.level, found.index, &pt->fmt) |
		   (va & (PTL_BIT(ptl_level_lg2(found.level)) - 1));
	leaf->attr = fmt_decode(found.raw, found.level, &pt->fmt);
	leaf->raw = found.raw;
	leaf->level = found.level;
	leaf->size_lg2 = ptl_level_lg2(found.level);
	leaf->contig_lg2 = fmt_contig_lg2(found.raw, found.level, &pt->fmt);
	return 0;
}

static enum pt_kind ptl_public_kind(enum ptl_kind kind)
{
	switch (kind) {
	case PTL_TABLE:
		return PT_KIND_TABLE;
	case PTL_LEAF:
		return PT_KIND_LEAF;
	case PTL_ILLEGAL:
		return PT_KIND_ILLEGAL;
	case PTL_EMPTY:
		return PT_KIND_EMPTY;
	default:
		return PT_KIND_SOFT; /* ours only while a writer is at it: else an image's */
	}
}

static int ptl_trace(const struct pt_pgtable *pt, pt_va_t va, struct pt_step *steps,
		     unsigned int *nr)
{
	_Atomic uint64_t *table = pt->root;
	pt_pa_t table_pa = pt->root_pa;
	int err = -ENOENT;

	*nr = 0;
	if (!fmt_va_valid(va, &pt->fmt))
		return -ERANGE;
	ptl_read_enter(pt);
	for (unsigned int level = pt->fmt.top_level;; level--) {
		struct pt_step *step = &steps[*nr];
		unsigned int index = ptl_index(pt, va, level);
		uint64_t raw = ptl_load_acquire(&table[index]);
		enum ptl_kind kind = fmt_kind(raw, level, &pt->fmt);

		if (kind >= PTL_BREAK &&
		    !ptl_reader_verdict(pt, table_pa, level, &table[index], raw)) {
			*nr = 0;
			table = pt->root;
			table_pa = pt->root_pa;
			level = pt->fmt.top_level + 1;
			continue;
		}
		if (kind == PTL_DEAD && ptl_is_transient(pt, table_pa, &table[index], raw))
			kind = PTL_EMPTY;
		*step = (struct pt_step){
			.table_pa = table_pa,
			.level = level,
			.index = index,
			.raw = raw,
			.kind = ptl_public_kind(kind),
		};
		++*nr;
		if (kind == PTL_ILLEGAL) {
			step->why = fmt_illegal(raw, level, &pt->fmt);
			err = -EFAULT;
		} else if (kind == PTL_LEAF) {
			err = 0;
		}
		if (kind != PTL_TABLE)
			break;
		table_pa = fmt_table_pa(raw, &pt->fmt);
		table = ptl_table_at(pt, table_pa);
		if (!table) {
			step->kind = PT_KIND_ILLEGAL;
			step->why = PT_ILLEGAL_OUTSIDE;
			err = -EFAULT;
			break;
		}
	}
	ptl_read_leave(pt);
	return err;
}

static enum pt_kind ptl_entry_kind(const struct pt_pgtable *pt, uint64_t raw, unsigned int level)
{
	return ptl_public_kind(fmt_kind(raw, level, &pt->fmt));
}

static pt_attr_t ptl_entry_attr(const struct pt_pgtable *pt, uint64_t raw, unsigned int level)
{
	return fmt_is_leaf(raw, level, &pt->fmt) ? fmt_decode(raw, level, &pt->fmt) : 0;
}

#endif /* PTL_QUERY_IMPL_H */
