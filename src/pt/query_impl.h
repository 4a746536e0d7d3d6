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
	enum ptl_kind kind = ptl_settled_kind(pt, table_pa, level, entry, raw);

	if (kind == PTL_BREAK) {
		ptl_read_leave(pt);
		ptl_wait(pt);
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

/* The thorough way, with a verdict on what is no leaf. */
static int ptl_find_leaf(const struct pt_pgtable *pt, pt_va_t va, struct ptl_found *found)
{
	for (;;) {
		_Atomic uint64_t *table = pt->root;
		pt_pa_t table_pa = pt->root_pa;
		unsigned int level = pt->fmt.top_level;
		int err;

		for (;; level--) {
			found->level = level;
			found->index = ptl_index(pt, va, level);
			found->raw = ptl_load_acquire(&table[found->index]);
			if (!level || !fmt_is_table(found->raw, level, &pt->fmt))
				break;
			table_pa = fmt_table_pa(found->raw, &pt->fmt);
			table = ptl_table_at(pt, table_pa);
			if (!table)
				return -EFAULT;
		}
		if (fmt_is_leaf(found->raw, level, &pt->fmt))
			return 0;
		err = ptl_reader_verdict(pt, table_pa, level, &table[found->index], found->raw);
		if (err)
			return err;
	}
}

static inline pt_pa_t ptl_found_pa(const struct pt_pgtable *pt, pt_va_t va,
				   const struct ptl_found *found)
{
	return fmt_leaf_pa(found->raw, found->level, found->index, &pt->fmt) |
	       (va & (PTL_BIT(ptl_level_lg2(found->level)) - 1));
}

/* The quick way to a leaf of level 0, *@page its pa; in a section if one is needed. */
static inline __attribute__((always_inline)) bool
ptl_find_page(const struct pt_pgtable *pt, _Atomic uint64_t *root, pt_va_t va, uint64_t *raw,
	      pt_pa_t *page)
{
	const uint64_t stray = pt->page.stray;
	_Atomic uint64_t *table;

	if (!ptl_find_leaf_table(pt, root, va, false, &table))
		return false;
	*raw = ptl_load_acquire(&table[ptl_leaf_index(va)]);
	return ptl_sift(&pt->page, stray, *raw, page);
}

/* The same from outside; false also if the section is more than a few instructions. */
static inline __attribute__((always_inline)) bool
ptl_read_page(const struct pt_pgtable *pt, pt_va_t va, uint64_t *raw, pt_pa_t *page)
{
	bool found;

	if (!PTL_SHARED)
		return ptl_find_page(pt, pt->reader_root, va, raw, page);
	if (!ptl_write_ready())
		return false;
	ptl_write_enter();
	found = ptl_find_page(pt, pt->quick_root, va, raw, page);
	ptl_write_leave();
	return found;
}

/* The thorough way; the quick one too where it needs a section that is not of writers. */
static int ptl_read_leaf(const struct pt_pgtable *pt, pt_va_t va, struct ptl_found *found)
{
	pt_pa_t page;
	int err = 0;

	if (!fmt_va_valid(va, &pt->fmt))
		return -ERANGE;
	ptl_read_enter(pt);
	if (PTL_SHARED || !ptl_find_page(pt, pt->quick_root, va, &found->raw, &page)) {
		err = ptl_find_leaf(pt, va, found);
	} else {
		found->level = 0;
		found->index = ptl_leaf_index(va);
	}
	ptl_read_leave(pt);
	return err;
}

static __attribute__((noinline)) int ptl_translate_fully(const struct pt_pgtable *pt, pt_va_t va,
							 pt_pa_t *pa)
{
	struct ptl_found found;
	int err = ptl_read_leaf(pt, va, &found);

	if (!err)
		*pa = ptl_found_pa(pt, va, &found);
	return err;
}

static int ptl_translate(const struct pt_pgtable *pt, pt_va_t va, pt_pa_t *pa)
{
	pt_pa_t page;
	uint64_t raw;

	if (!ptl_read_page(pt, va, &raw, &page))
		return ptl_translate_fully(pt, va, pa);
	*pa = page | (va & (PTL_BIT(FMT_GRANULE_LG2) - 1));
	return 0;
}

static inline void ptl_fill_leaf(const struct pt_pgtable *pt, uint64_t raw, unsigned int level,
				 pt_pa_t pa, struct pt_leaf *leaf)
{
	leaf->pa = pa;
	leaf->attr = fmt_decode(raw, level, &pt->fmt);
	leaf->raw = raw;
	leaf->level = level;
	leaf->size_lg2 = ptl_level_lg2(level);
	leaf->contig_lg2 = fmt_contig_lg2(raw, level, &pt->fmt);
}

static __attribute__((noinline)) int ptl_lookup_fully(const struct pt_pgtable *pt, pt_va_t va,
						      struct pt_leaf *leaf)
{
	struct ptl_found found;
	int err = ptl_read_leaf(pt, va, &found);

	if (!err)
		ptl_fill_leaf(pt, found.raw, found.level, ptl_found_pa(pt, va, &found), leaf);
	return err;
}

static int ptl_lookup(const struct pt_pgtable *pt, pt_va_t va, struct pt_leaf *leaf)
{
	pt_pa_t page;
	uint64_t raw;

	if (!ptl_read_page(pt, va, &raw, &page))
		return ptl_lookup_fully(pt, va, leaf);
	ptl_fill_leaf(pt, raw, 0, page | (va & (PTL_BIT(FMT_GRANULE_LG2) - 1)), leaf);
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
