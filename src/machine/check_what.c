/* SPDX-License-Identifier: MIT */
/* What a change did to a word that may be kept, and on which CPU, for reports to name it. */
#include "machine/checker_internal.h"

static enum pt_changed what_of_leaves(const struct pt_space *space, const struct pt_store *store)
{
	pt_attr_t old = pt_entry_attr(space->pt, store->old, store->level);
	pt_attr_t new_ = pt_entry_attr(space->pt, store->new_, store->level);
	pt_attr_t differ = old ^ new_;

	if (ptl_check_entry(space, store->old, store->level).pa !=
	    ptl_check_entry(space, store->new_, store->level).pa)
		return PT_CHANGED_MOVED;
	if (differ & (PT_ATTR_MEM_MASK | PT_ATTR_SHARE_MASK))
		return PT_CHANGED_MEMORY;
	if (differ & ~(PT_ATTR_ACCESSED | PT_ATTR_DIRTY | PT_ATTR_SW_MASK))
		return PT_CHANGED_RIGHTS;
	return old & ~new_ & PT_ATTR_DIRTY ? PT_CHANGED_CLEANED : PT_CHANGED_MARKS;
}

enum pt_changed ptl_check_what(const struct pt_space *space, const struct pt_store *store)
{
	enum pt_kind was = pt_entry_kind(space->pt, store->old, store->level);
	enum pt_kind is = pt_entry_kind(space->pt, store->new_, store->level);

	if (was == PT_KIND_TABLE)
		return is == PT_KIND_LEAF ? PT_CHANGED_COLLAPSED : PT_CHANGED_UNHOOKED;
	switch (is) {
	case PT_KIND_LEAF:
		return what_of_leaves(space, store);
	case PT_KIND_TABLE:
		return PT_CHANGED_SPLIT;
	case PT_KIND_EMPTY:
		return PT_CHANGED_UNMAPPED;
	default:
		return PT_CHANGED_HIDDEN;
	}
}

unsigned int ptl_check_this_cpu(const struct pt_space *space)
{
	const struct pt_cpu *cpu = ptl_cpu_current(space->machine);

	return cpu ? cpu->number : PT_CHECK_NO_CPU;
}

const char *pt_changed_name(enum pt_changed changed)
{
	static const char *const names[PT_CHANGED_NR] = {
		"unmapped", "hidden",	     "moved", "memory type changed", "rights changed",
		"cleaned",  "marks changed", "split", "collapsed",	     "unhooked",
	};

	return (unsigned int)changed < PT_CHANGED_NR ? names[changed] : "unknown";
}
