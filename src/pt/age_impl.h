/* SPDX-License-Identifier: MIT */
/* age_impl.h - test-and-clear of accessed and of dirty: one body, a constant apart. */
#ifndef PTL_AGE_IMPL_H
#define PTL_AGE_IMPL_H

#include "pt/op.h"

/* Clears one leaf's mark; returns whether it was there. */
static inline bool ptl_clear_mark(struct ptl_op *op, const struct ptl_pos *pos, unsigned int index,
				  pt_va_t va, uint64_t raw, bool dirty)
{
	const struct ptl_fmt *f = &op->pt->fmt;

	do {
		if (!fmt_is_leaf(raw, pos->level, f) ||
		    !(dirty ? fmt_is_dirty(raw, f) : fmt_is_young(raw, f)))
			return false;
	} while (!ptl_install(op, pos, index, va, &raw,
			      dirty ? fmt_mkclean(raw, f) : fmt_mkold(raw, f)));
	return true;
}

/*
 * Clears the marks of leaves from @index on that are alike but for what they
 * translate to; returns how many, if one had it all had it. Exclusive mode: the
 * words come in runs, and this loop has no other case.
 */
static inline __attribute__((always_inline)) unsigned int
ptl_clear_run(const struct ptl_op *op, const struct ptl_pos *pos, unsigned int index,
	      unsigned int end, bool dirty)
{
	const struct ptl_fmt *f = &op->pt->fmt;
	_Atomic uint64_t *entry = &pos->table[index];
	uint64_t raw = ptl_load(entry), cleared, mask, want;
	unsigned int nr = end - index, i;

	if (!fmt_is_leaf(raw, pos->level, f) || fmt_contig_lg2(raw, pos->level, f) ||
	    !(dirty ? fmt_is_dirty(raw, f) : fmt_is_young(raw, f)))
		return 0;
	cleared = raw ^ (dirty ? fmt_mkclean(raw, f) : fmt_mkold(raw, f));
	mask = fmt_attr_bits(~(pt_attr_t)0, pos->level, f) | f->leaf_mask[pos->level] |
	       (fmt_contig(raw, pos->level, f) ^ raw);
	want = raw & mask;
	for (i = 0; i < nr; i++) {
		raw = ptl_load(&entry[i]);
		if ((raw & mask) != want)
			break;
		atomic_store_explicit(&entry[i], raw ^ cleared, memory_order_relaxed);
	}
	return i;
}

/*
 * Entries [index, end) of the table at @pos, whose entry 0 covers @base. A block
 * is one unit: hardware may have marked any of its entries.
 */
static inline __attribute__((always_inline)) void
ptl_clear_marks(struct ptl_op *op, const struct ptl_pos *pos, pt_va_t base, unsigned int end,
		bool dirty)
{
	const struct ptl_fmt *f = &op->pt->fmt;
	unsigned int lg2 = ptl_level_lg2(pos->level), i = pos->index;
	unsigned int first_found = UINT32_MAX, behind_found = 0;
	uint64_t found = 0;

	while (i < end) {
		unsigned int unit_lg2 = 0, from = i;
		unsigned int run = PTL_SHARED ? 0 : ptl_clear_run(op, pos, i, end, dirty);
		bool any = false;
		uint64_t raw;

		if (run) {
			found += run;
			if (first_found == UINT32_MAX)
				first_found = i;
			i += run;
			behind_found = i;
			continue;
		}
		raw = ptl_load(&pos->table[i]);

		if (fmt_is_leaf(raw, pos->level, f)) {
			unit_lg2 = fmt_contig_lg2(raw, pos->level, f);
			if (__builtin_expect(unit_lg2 &&
					     ptl_nr_entries(op->pt, pos->level) >> unit_lg2, 0)) {
				from = i & ~((1u << unit_lg2) - 1);
				for (unsigned int k = from; k < from + (1u << unit_lg2); k++)
					any |= ptl_clear_mark(op, pos, k,
							      base + ((uint64_t)k << lg2),
							      ptl_load(&pos->table[k]), dirty);
			} else {
				unit_lg2 = 0;
				any = ptl_clear_mark(op, pos, i, base + ((uint64_t)i << lg2), raw,
						     dirty);
			}
		}
		i = from + (1u << unit_lg2);
		if (any) {
			found += UINT64_C(1) << unit_lg2;
			if (first_found == UINT32_MAX)
				first_found = from;
			behind_found = i;
		}
	}
	op->change->done += found << lg2;
	if (dirty && found)
		ptl_gather_range(op->gather, base + ((uint64_t)first_found << lg2),
				 base + ((uint64_t)behind_found << lg2) - 1, lg2, false);
	if (found)
		ptl_top_changed(op, pos, first_found, behind_found - first_found);
}

static inline __attribute__((always_inline)) int
ptl_test_and_clear(struct pt_pgtable *pt, pt_va_t va, uint64_t len, struct pt_change *change,
		   bool dirty)
{
	struct ptl_op op;
	pt_va_t last;
	int err = ptl_change_range(pt, va, len, change, &last);

	if (err)
		return err;
	ptl_op_begin(&op, pt, va, last, change);
	for (;;) {
		struct ptl_pos pos;
		unsigned int lg2;
		uint64_t touched, raw;
		pt_va_t here;

		/* What cannot be followed holds no leaves: pass over it. */
		err = ptl_descend(pt, va, 0, &pos, &raw);
		lg2 = ptl_level_lg2(pos.level);
		here = ptl_align_down(va, lg2);
		touched = 1;
		if (!err && fmt_is_leaf(raw, pos.level, &pt->fmt)) {
			unsigned int end = pos.index;
			pt_va_t base = here - ((uint64_t)pos.index << lg2);

			touched = ((last - here) >> lg2) + 1;
			touched = ptl_min(touched, ptl_nr_entries(pt, pos.level) - pos.index);
			if (!ptl_lock(pt, &pos))
				continue;
			/* Up to the next table: that is for another descent. */
			while (end < pos.index + touched &&
			       (pos.level == 0 ||
				!fmt_is_table(ptl_load(&pos.table[end]), pos.level, &pt->fmt)))
				end = pos.level ? end + 1 : pos.index + (unsigned int)touched;
			touched = end - pos.index;
			ptl_clear_marks(&op, &pos, base, end, dirty);
			ptl_unlock(pt, &pos);
			if (!touched)
				continue;
		}
		here += (touched << lg2) - 1;
		if (here >= last)
			break;
		va = here + 1;
	}
	return ptl_op_end(&op, 0);
}

static int ptl_age(struct pt_pgtable *pt, pt_va_t va, uint64_t len, struct pt_change *change)
{
	return ptl_test_and_clear(pt, va, len, change, false);
}

static int ptl_clean(struct pt_pgtable *pt, pt_va_t va, uint64_t len, struct pt_change *change)
{
	return ptl_test_and_clear(pt, va, len, change, true);
}

#endif /* PTL_AGE_IMPL_H */
