/* SPDX-License-Identifier: MIT */
/*
 * soft_impl.h - software's words as a format and a kernel's encodings together see them:
 * what the calls of soft_map.h and the range walk share.
 */
#ifndef PTL_SOFT_IMPL_H
#define PTL_SOFT_IMPL_H

#include "pt/op.h"
#include "pt/soft_word.h"

/* The leaf that PROT_NONE word @raw hides, if it is one and its leaf is one. */
static inline bool ptl_hidden_leaf(const struct pt_pgtable *pt, uint64_t raw, unsigned int level,
				   uint64_t *leaf)
{
	const struct pt_soft_cfg *soft = &pt->soft;

	if (!(raw & soft->prot_none) || raw & soft->present)
		return false;
	*leaf = ptl_soft_shown(soft, level, raw);
	return fmt_is_leaf(*leaf, level, &pt->fmt);
}

static inline uint64_t ptl_hide_leaf(const struct pt_pgtable *pt, uint64_t leaf, unsigned int level)
{
	return ptl_soft_hidden(&pt->soft, level, leaf);
}

/*
 * Marks of a leaf, hardware's and those that the kernel keeps: PT_SOFT_YOUNG, ... What may be
 * written and is not tracked is dirty, as it is to pt_lookup().
 */
static inline unsigned int ptl_leaf_marks(const struct pt_pgtable *pt, uint64_t raw,
					  unsigned int level)
{
	const struct pt_soft_cfg *soft = &pt->soft;
	pt_attr_t attr = fmt_decode(raw, level, &pt->fmt);

	return (fmt_is_young(raw, &pt->fmt) ? PT_SOFT_YOUNG : 0) |
	       (attr & (PT_ATTR_DIRTY | soft->attr_dirty) ? PT_SOFT_DIRTY : 0) |
	       (attr & soft->attr_uffd_wp ? PT_SOFT_UFFD_WP : 0) |
	       (attr & soft->attr_soft_dirty ? PT_SOFT_SOFT_DIRTY : 0);
}

/* The other way: what @marks of a software word become in a leaf. */
static inline pt_attr_t ptl_marks_attr(const struct pt_pgtable *pt, unsigned int marks)
{
	const struct pt_soft_cfg *soft = &pt->soft;

	return (marks & PT_SOFT_YOUNG ? PT_ATTR_ACCESSED : 0) |
	       (marks & PT_SOFT_DIRTY ? PT_ATTR_DIRTY | soft->attr_dirty : 0) |
	       (marks & PT_SOFT_UFFD_WP ? soft->attr_uffd_wp : 0) |
	       (marks & PT_SOFT_SOFT_DIRTY ? soft->attr_soft_dirty : 0);
}

static inline void ptl_soft_was(struct ptl_op *op, unsigned int marks)
{
	op->change->was |= ptl_marks_attr(op->pt, marks) & (PT_ATTR_ACCESSED | PT_ATTR_DIRTY);
}

/* Leaves that one visit to a table took away: what is flushed, and who is told. */
struct ptl_gone {
	unsigned int nr, first, last; /* indices */
};

static inline void ptl_gone_add(struct ptl_gone *gone, unsigned int index)
{
	if (!gone->nr++)
		gone->first = index;
	gone->last = index;
}

static inline void ptl_gone_gather(struct ptl_op *op, const struct ptl_pos *pos, pt_va_t base,
				   const struct ptl_gone *gone)
{
	unsigned int lg2 = ptl_level_lg2(pos->level);

	if (!gone->nr)
		return;
	op->change->done += (uint64_t)gone->nr << lg2;
	ptl_gather_range(op->gather, base + ((uint64_t)gone->first << lg2),
			 base + ((uint64_t)gone->last << lg2) + (PTL_BIT(lg2) - 1), lg2, false);
}

#endif /* PTL_SOFT_IMPL_H */
