/* SPDX-License-Identifier: MIT */
/* The format-independent half of pt_range_walk. */
#include "pt/pagetable_internal.h"

#define KNOWN_FLAGS (PT_WALK_EACH | PT_WALK_RESPECT_AD | PT_WALK_IGNORE_SW | PT_WALK_EFFECTIVE)

enum pt_range_walk_type pt_range_walk_start(struct pt_range_walk *walk, struct pt_pgtable *pt,
					    pt_va_t first, pt_va_t last, unsigned int types,
					    unsigned int flags)
{
	*walk = (struct pt_range_walk){
		.pt_ = pt,
		.next_ = first,
		.last_ = last,
		.types_ = types,
		.flags_ = flags,
	};
	if (last < first || types & ~PT_TYPE_ALL || flags & ~KNOWN_FLAGS) {
		walk->err_ = -EINVAL;
		walk->done_ = true;
		return PTW_ABORT;
	}
	return pt_range_walk_next(walk);
}

enum pt_range_walk_type pt_range_walk_next(struct pt_range_walk *walk)
{
	enum pt_range_walk_type type = walk->pt_->ops.walk_next(walk);

	walk->type_ = type;
	return type;
}

int pt_range_walk_done(struct pt_range_walk *walk)
{
	walk->done_ = true;
	walk->type_ = PTW_DONE;
	return walk->err_;
}

int pt_range_walk_update(struct pt_range_walk *walk, pt_attr_t set, pt_attr_t clear,
			 struct pt_gather *gather)
{
	struct pt_change change = { .gather = gather };

	if (walk->type_ != PTW_PFN)
		return -EINVAL;
	return pt_protect(walk->pt_, walk->va, walk->len, set, clear, &change);
}

int pt_range_walk_clear(struct pt_range_walk *walk, struct pt_gather *gather)
{
	struct pt_change change = { .gather = gather };

	switch (walk->type_) {
	case PTW_PFN:
	case PTW_UNKNOWN:
		return pt_unmap(walk->pt_, walk->va, walk->len, &change);
	case PTW_ILLEGAL:
		return walk->pt_->ops.clear_illegal(walk->pt_, walk->va, walk->len, gather);
	default:
		return -EINVAL;
	}
}
