/* SPDX-License-Identifier: MIT */
/* The format-independent half of pt_range_walk. */
#include "pt/pagetable_internal.h"

#define KNOWN_FLAGS                                                                                \
	(PT_WALK_EACH | PT_WALK_RESPECT_AD | PT_WALK_IGNORE_SW | PT_WALK_EFFECTIVE |               \
	 PT_WALK_RESPECT_WRITE | PT_WALK_FOLIOS | PT_WALK_LOCKED | PT_WALK_PFNS)

/* What a walk of a table that knows nothing but hardware's words can do without. */
#define FULL_FLAGS (PT_WALK_FOLIOS | PT_WALK_LOCKED)

static enum pt_range_walk_type abort_walk(struct pt_range_walk *walk, int err)
{
	walk->err_ = err;
	walk->done_ = true;
	return PTW_ABORT;
}

enum pt_range_walk_type pt_range_walk_start_areas(struct pt_range_walk *walk, struct pt_pgtable *pt,
						  const struct pt_area_ops *areas, pt_va_t first,
						  pt_va_t last, unsigned int types,
						  unsigned int flags)
{
	*walk = (struct pt_range_walk){
		.pt_ = pt,
		.areas_ = areas,
		.next_ = first,
		.last_ = last,
		.types_ = types,
		.flags_ = flags,
		.step_ = areas || pt->has_soft || flags & FULL_FLAGS ? pt->ops.walk_full
								     : pt->ops.walk_next,
	};
	if (last < first || types & ~PT_TYPE_ALL || flags & ~KNOWN_FLAGS)
		return abort_walk(walk, -EINVAL);
	if (flags & PT_WALK_FOLIOS && flags & PT_WALK_PFNS)
		return abort_walk(walk, -EINVAL);
	if (flags & PT_WALK_LOCKED && !pt->walk_locks && pt->mode == PT_MODE_SHARED)
		return abort_walk(walk, -EOPNOTSUPP);
	return pt_range_walk_next(walk);
}

enum pt_range_walk_type pt_range_walk_start(struct pt_range_walk *walk, struct pt_pgtable *pt,
					    pt_va_t first, pt_va_t last, unsigned int types,
					    unsigned int flags)
{
	return pt_range_walk_start_areas(walk, pt, NULL, first, last, types, flags);
}

enum pt_range_walk_type pt_range_walk_next(struct pt_range_walk *walk)
{
	return walk->step_(walk); /* notes the type itself: this is a jump */
}

int pt_range_walk_done(struct pt_range_walk *walk)
{
	if (walk->locked_)
		walk->pt_->ops.walk_end(walk);
	walk->done_ = true;
	walk->type_ = PTW_DONE;
	return walk->err_;
}

int pt_range_walk_update(struct pt_range_walk *walk, pt_attr_t set, pt_attr_t clear,
			 struct pt_gather *gather)
{
	struct pt_change change = { .gather = gather };

	if ((walk->type_ != PTW_PFN && walk->type_ != PTW_FOLIO) || walk->hidden)
		return -EINVAL;
	if (walk->locked_)
		return -EBUSY;
	return pt_protect(walk->pt_, walk->va, walk->len, set, clear, &change);
}

int pt_range_walk_clear(struct pt_range_walk *walk, struct pt_gather *gather)
{
	struct pt_change change = { .gather = gather };

	if (walk->locked_)
		return -EBUSY;
	switch (walk->type_) {
	case PTW_ABORT:
	case PTW_DONE:
	case PTW_AGAIN:
	case PTW_NONE:
		return -EINVAL;
	case PTW_ILLEGAL:
		return walk->pt_->ops.clear_illegal(walk->pt_, walk->va, walk->len, gather);
	default:
		return pt_unmap(walk->pt_, walk->va, walk->len, &change);
	}
}
