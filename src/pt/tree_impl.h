/* SPDX-License-Identifier: MIT */
/* tree_impl.h - whole trees: roots, destroy, link and unlink, and visits to every table. */
#ifndef PTL_TREE_IMPL_H
#define PTL_TREE_IMPL_H

#include "pt/op.h"

static int ptl_init(struct ptl_fmt *f)
{
	int err = fmt_init(f);

	if (!err)
		fmt_init_decode(f);
	for (pt_attr_t attr = 0; attr < PTL_NR_PLAIN_ATTRS && !err; attr++)
		if (fmt_encode(attr, 0, f, &f->page_of_attr[attr]))
			f->page_of_attr[attr] = 0;
	return err;
}

static void ptl_describe(const struct ptl_fmt *f, struct pt_format_info *info)
{
	*info = (struct pt_format_info){
		.name = PTL_STR(PT_FMT),
		.granule_lg2 = FMT_GRANULE_LG2,
		.nr_levels = f->top_level + 1,
		.root_align_lg2 = fmt_root_align_lg2(f),
		.attrs = f->attrs,
		.first = f->lower_end ? 0 : f->upper_first,
		.last = f->upper_first ? UINT64_MAX : f->lower_end - 1,
		.dirty_is_write = f->dbm != 0,
	};
	for (unsigned int level = 0; level <= f->top_level; level++) {
		info->entries_lg2[level] = FMT_INDEX_BITS;
		info->leaf_lg2[level] = ptl_level_lg2(level);
		info->can_leaf[level] = fmt_can_leaf(level, f);
		info->contig_lg2[level] = fmt_contig_max_lg2(level, f);
		info->level_name[level] = fmt_level_name(level, f);
	}
	info->entries_lg2[f->top_level] =
		(unsigned int)__builtin_popcountll(f->va_mask >> ptl_level_lg2(f->top_level));
}

static int ptl_create_root(struct pt_pgtable *pt)
{
	return ptl_root_alloc(pt, &pt->root_pa);
}

/* Lets go of the table at @pa and, if nobody else holds it, of all that it holds. */
static void ptl_put_tree(struct pt_pgtable *pt, pt_pa_t pa, unsigned int level,
			 struct pt_gather *gather)
{
	_Atomic uint64_t *table = ptl_table_at(pt, pa);
	struct pt_frame *frame;

	if (!table)
		return;
	frame = ptl_frame_at(pt, pa);
	if (atomic_load_explicit(&frame->state, memory_order_relaxed) != PTL_FRAME_TABLE ||
	    atomic_load_explicit(&frame->lock, memory_order_relaxed) & PTL_FRAME_DEAD)
		return; /* foreign, or reached a second time */
	/* Acquire and release: who lets go last sees what all others did. */
	if (atomic_fetch_sub_explicit(&frame->refs, 1, memory_order_acq_rel) != 1)
		return;
	ptl_table_kill(pt, pa);
	for (unsigned int i = 0; level && i < ptl_nr_entries(pt, level); i++) {
		uint64_t raw = ptl_load(&table[i]);

		if (fmt_is_table(raw, level, &pt->fmt))
			ptl_put_tree(pt, fmt_table_pa(raw, &pt->fmt), level - 1, gather);
	}
	if (gather)
		ptl_gather_page(gather, pa);
	else
		ptl_table_free(pt, pa);
}

static int ptl_link_check(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
			  pt_va_t *last)
{
	if (!level || level > pt->fmt.top_level)
		return -EINVAL;
	return ptl_range_last(pt, va, len, ptl_level_lg2(level), last);
}

/* The entry of @level for @from_va: a table's word, or 0 for a hole. */
static int ptl_link_source(const struct pt_pgtable *from, pt_va_t from_va, unsigned int level,
			   uint64_t *word)
{
	enum ptl_kind kind;
	struct ptl_pos pos;
	uint64_t raw;

	do {
		if (ptl_descend(from, from_va, level, &pos, &raw))
			return -EFAULT;
	} while (!ptl_settle(from, &pos, &raw, &kind));
	*word = 0;
	if (kind == PTL_EMPTY)
		return 0;
	if (kind == PTL_ILLEGAL)
		return -EFAULT;
	if (kind != PTL_TABLE)
		return -EEXIST;
	if (!ptl_table_at(from, fmt_table_pa(raw, &from->fmt)))
		return -EFAULT;
	*word = raw;
	return 0;
}

/* The empty entry of @level for @va, with tables made down to it. */
static int ptl_link_target(struct ptl_op *op, pt_va_t va, unsigned int level, struct ptl_pos *pos,
			   uint64_t *raw)
{
	for (;;) {
		enum ptl_kind kind;
		pt_pa_t fresh;
		int err = ptl_descend(op->pt, va, level, pos, raw);

		if (err)
			return err;
		if (!ptl_settle(op->pt, pos, raw, &kind))
			continue;
		if (kind != PTL_EMPTY)
			return kind == PTL_ILLEGAL ? -EFAULT : -EEXIST;
		if (pos->level == level)
			return 0;
		err = ptl_new_table(op, pos, va, *raw, &fresh);
		if (err)
			return err;
	}
}

/* Lets go of what the table entries of @level in [va, last] point at. */
static int ptl_unlink_range(struct ptl_op *op, pt_va_t va, pt_va_t last, unsigned int level)
{
	struct pt_pgtable *pt = op->pt;

	for (;;) {
		enum ptl_kind kind;
		struct ptl_pos pos;
		pt_va_t next;
		uint64_t raw;
		int err = ptl_descend(pt, va, level, &pos, &raw);

		if (err)
			return err;
		if (!ptl_settle(pt, &pos, &raw, &kind))
			continue;
		next = ptl_last(va, ptl_level_lg2(pos.level));
		if (kind == PTL_TABLE && pos.level == level) {
			if (!ptl_lock(pt, &pos))
				continue;
			raw = ptl_exchange(op, &pos, pos.index, va, raw, 0);
			ptl_unlock(pt, &pos);
			ptl_top_changed(op, &pos, pos.index, 1);
			ptl_tables_unhooked(pt);
			ptl_gather_range(op->gather, va, next, ptl_level_lg2(0), true);
			ptl_put_tree(pt, fmt_table_pa(raw, &pt->fmt), level - 1, op->gather);
		}
		if (next >= last)
			return 0;
		va = next + 1;
	}
}

/* One entry: the table word @word, which its new parent counts, goes to @va. */
static int ptl_link_entry(struct ptl_op *op, pt_va_t va, unsigned int level, uint64_t word)
{
	struct pt_frame *frame = ptl_frame_at(op->pt, fmt_table_pa(word, &op->pt->fmt));
	struct ptl_pos pos;
	uint64_t raw;
	int err;

	atomic_fetch_add_explicit(&frame->refs, 1, memory_order_relaxed);
	do {
		err = ptl_link_target(op, va, level, &pos, &raw);
		if (err) {
			atomic_fetch_sub_explicit(&frame->refs, 1, memory_order_relaxed);
			return err;
		}
		/* Fails if a neighbour frees this still empty table: then make another. */
	} while (!ptl_install(op, &pos, pos.index, va, &raw, word));
	ptl_top_changed(op, &pos, pos.index, 1);
	return 0;
}

static int ptl_link(struct pt_pgtable *pt, pt_va_t va, struct pt_pgtable *from, pt_va_t from_va,
		    uint64_t len, unsigned int level)
{
	struct ptl_op op;
	pt_va_t last, from_last;
	uint64_t size, at = 0;
	int err = ptl_link_check(pt, va, len, level, &last);

	if (!err)
		err = ptl_link_check(from, from_va, len, level, &from_last);
	if (!err && pt == from && va <= from_last && from_va <= last)
		err = -EINVAL;
	if (err)
		return err;
	size = PTL_BIT(ptl_level_lg2(level));
	ptl_op_begin(&op, pt, va, last, NULL);
	/* First that everything can be, with the tables made; then it is. */
	for (uint64_t check = 0; check < len && !err; check += size) {
		struct ptl_pos pos;
		uint64_t word, raw;

		err = ptl_link_source(from, from_va + check, level, &word);
		if (!err && word)
			err = ptl_link_target(&op, va + check, level, &pos, &raw);
	}
	for (; at < len && !err; at += size) {
		uint64_t word;

		err = ptl_link_source(from, from_va + at, level, &word);
		if (!err && word)
			err = ptl_link_entry(&op, va + at, level, word);
		if (err)
			break;
	}
	/* Only where a neighbour freed a table in between and there was no other. */
	if (err && at)
		PTL_BUG_ON(ptl_unlink_range(&op, va, va + at - 1, level));
	return ptl_op_end(&op, err);
}

static int ptl_unlink(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
		      struct pt_gather *gather)
{
	struct pt_change change = { .gather = gather };
	struct ptl_op op;
	pt_va_t last;
	int err = ptl_link_check(pt, va, len, level, &last);

	if (!err && gather && gather->pt != pt)
		err = -EINVAL;
	if (err)
		return err;
	ptl_op_begin(&op, pt, va, last, &change);
	return ptl_op_end(&op, ptl_unlink_range(&op, va, last, level));
}

/* Hands entries of the table at @visit to their callback. Most tables are mostly empty. */
static bool ptl_visit_entries(const struct ptl_fmt *f, const struct ptl_visit *visit,
			      unsigned int first, unsigned int end, ptl_entry_fn fn, void *ctx)
{
	unsigned int level = visit->level, nr = ptl_fmt_entries(f, level);

	for (unsigned int i = first; i < end && i < nr; i++) {
		struct ptl_visit_entry entry = { .raw = ptl_load(&visit->table[i]), .index = i };

		entry.kind = fmt_kind(entry.raw, level, f);
		entry.va = visit->va + ((uint64_t)i << ptl_level_lg2(level));
		if (level == f->top_level && entry.va >= f->lower_end)
			entry.va |= f->upper_first; /* x86: the sign extension */
		if (entry.kind == PTL_TABLE)
			entry.target = fmt_table_pa(entry.raw, f);
		if (entry.kind == PTL_ILLEGAL)
			entry.why = fmt_illegal(entry.raw, level, f);
		if (entry.kind == PTL_LEAF) {
			entry.contig_lg2 = fmt_contig_lg2(entry.raw, level, f);
			entry.still = fmt_still(entry.raw, f);
			entry.next = fmt_leaf_next(entry.still, level, i, f);
			entry.pa = fmt_leaf_pa(entry.raw, level, i, f);
		}
		if (!fn(ctx, visit, &entry))
			return false;
		while (entry.kind == PTL_EMPTY && i + 1 < end && i + 1 < nr &&
		       ptl_load(&visit->table[i + 1]) == entry.raw)
			i++;
	}
	return true;
}

#endif /* PTL_TREE_IMPL_H */
