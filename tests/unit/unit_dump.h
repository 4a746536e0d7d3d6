/* SPDX-License-Identifier: MIT */
/*
 * unit_dump.h - a table frozen: every entry of a walk of everything, or every word of every
 * table page, to be compared with what is there after a call that must not have changed it.
 */
#ifndef UNIT_DUMP_H
#define UNIT_DUMP_H

#include "unit/fixture.h"

struct dump_entry {
	enum pt_range_walk_type type;
	pt_va_t va;
	uint64_t len, raw;
	pt_pa_t pa;
};

struct dump {
	struct dump_entry *entry;
	size_t nr, max;
};

/* What stands in @pt: leaves, software's and illegal words, one by one, and holes merged. */
static inline struct dump dump_take(struct pt_pgtable *pt)
{
	struct dump dump = { 0 };
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	for (type = pt_range_walk_start(&walk, pt, 0, UINT64_MAX, PT_TYPE_ALL & ~PT_TYPE_NONE,
					PT_WALK_EACH);
	     type != PTW_DONE; type = pt_range_walk_next(&walk)) {
		if (type == PTW_AGAIN)
			continue;
		dump.entry = watcher_grow(dump.entry, dump.nr, &dump.max, sizeof(*dump.entry));
		dump.entry[dump.nr++] = (struct dump_entry){ type, walk.va, walk.len, walk.raw,
							     walk.pa };
	}
	assert_int_equal(pt_range_walk_done(&walk), 0);
	return dump;
}

static inline bool dump_equal(const struct dump *a, const struct dump *b)
{
	if (a->nr != b->nr)
		return false;
	for (size_t i = 0; i < a->nr; i++) {
		const struct dump_entry *x = &a->entry[i], *y = &b->entry[i];

		if (x->type != y->type || x->va != y->va || x->len != y->len || x->raw != y->raw ||
		    x->pa != y->pa)
			return false;
	}
	return true;
}

static inline void dump_free(struct dump *dump)
{
	free(dump->entry);
	*dump = (struct dump){ 0 };
}

#endif /* UNIT_DUMP_H */
