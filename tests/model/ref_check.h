/* SPDX-License-Identifier: MIT */
/*
 * ref_check.h - is this table what the model says?
 *
 * Prints the first difference and returns false. ref_observe() tells the model
 * which leaves there are, after checking that each may be what it is.
 */
#ifndef MODEL_REF_CHECK_H
#define MODEL_REF_CHECK_H

#include <inttypes.h>
#include <stdio.h>

#include <ptlib/pagetable.h>
#include <ptlib/query.h>
#include <ptlib/walk.h>

#include "model/ref_table.h"

#define REF_AD (PT_ATTR_ACCESSED | PT_ATTR_DIRTY)

#define REF_EXPECT(cond, va)                                                                       \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: at %#" PRIx64 ": %s\n", __FILE__, __LINE__,        \
				(uint64_t)(va), #cond);                                            \
			return false;                                                              \
		}                                                                                  \
	} while (0)

static inline pt_va_t ref_last(const struct ref_table *ref)
{
	return ref->base + (ref->nr * ref->unit - 1);
}

/* Slots that one entry, or the whole block that it belongs to, covers. */
static inline bool ref_observe_span(struct ref_table *ref, pt_va_t va, unsigned int span_lg2,
				    bool merge)
{
	size_t first, last;
	pt_attr_t ad = 0;

	if (UINT64_C(1) << span_lg2 < ref->unit)
		return true; /* smaller than a slot: nothing to say about slots together */
	ref->page[ref_index(ref, va)].span_lg2 = span_lg2;
	ref_span(ref, ref_index(ref, va), &first, &last);
	for (size_t i = first; i <= last; i++)
		ad |= ref->page[i].attr & REF_AD;
	for (size_t i = first; i <= last; i++) {
		struct ref_page *page = &ref->page[i];

		REF_EXPECT(page->kind == REF_LEAF, va);
		REF_EXPECT(page->pa == ref->page[first].pa + (i - first) * ref->unit, va);
		REF_EXPECT(!((page->attr ^ ref->page[first].attr) & ~REF_AD), va);
		REF_EXPECT(merge || (page->attr & REF_AD) == ad, va);
		page->attr = ref_attr(&ref->fmt, page->attr | ad);
		page->span_lg2 = span_lg2;
	}
	if (!(ref_va(ref, first) & ((UINT64_C(1) << span_lg2) - 1)))
		REF_EXPECT(!(ref->page[first].pa & ((UINT64_C(1) << span_lg2) - 1)), va);
	return true;
}

/*
 * Reads all leaves of @pt and notes in the model what each slot is part of. Leaves must lie in
 * aligned addresses and translate as the model's slots together do. @merge: leaves may have
 * become larger since; what they were made of had not the same accessed and dirty.
 */
static inline bool ref_observe(struct ref_table *ref, struct pt_pgtable *pt, bool merge)
{
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	for (size_t i = 0; i < ref->nr; i++) {
		ref->page[i].span_lg2 = 0;
		while (UINT64_C(1) << ref->page[i].span_lg2 < ref->unit)
			ref->page[i].span_lg2++;
	}
	for (type = pt_range_walk_start(&walk, pt, ref->base, ref_last(ref), PT_TYPE_PFN,
					PT_WALK_EACH);
	     type == PTW_PFN; type = pt_range_walk_next(&walk))
		if (!ref_observe_span(ref, walk.va, walk.size_lg2 + walk.contig_lg2, merge))
			return false;
	REF_EXPECT(type == PTW_DONE, ref->base);
	return pt_range_walk_done(&walk) == 0;
}

/* One run of a walk with @flags against the slots under it. */
static inline bool ref_check_run(const struct ref_table *ref, const struct pt_range_walk *walk,
				 enum pt_range_walk_type type, unsigned int flags)
{
	bool each = flags & (PT_WALK_EACH | PT_WALK_RESPECT_AD);
	pt_attr_t some = 0, vary = REF_AD;
	pt_va_t va = walk->va, last = walk->va + (walk->len - 1);
	pt_pa_t pa;

	for (;;) {
		size_t i = ref_index(ref, va);
		const struct ref_page *page = &ref->page[i];
		pt_va_t slot_last = ref_va(ref, i) + (ref->unit - 1);
		unsigned int span_lg2 = walk->size_lg2 + walk->contig_lg2;

		switch (type) {
		case PTW_NONE:
			REF_EXPECT(page->kind == REF_HOLE, va);
			break;
		case PTW_PFN:
			REF_EXPECT(page->kind == REF_LEAF, va);
			pa = page->pa + (va - ref_va(ref, i));
			REF_EXPECT(walk->pa + (va - walk->va) == pa, va);
			REF_EXPECT(((walk->attr ^ page->attr) & ~vary) == 0, va);
			if (flags & PT_WALK_IGNORE_SW)
				vary |= PT_ATTR_SW_MASK; /* after the first entry, whose it is */
			REF_EXPECT(page->span_lg2 == span_lg2 ||
					   UINT64_C(1) << span_lg2 < ref->unit,
				   va);
			break;
		case PTW_UNKNOWN:
		case PTW_SWAP: /* of tables that know what these words say */
		case PTW_MARKER:
			REF_EXPECT(page->kind == REF_SOFT, va);
			REF_EXPECT(va != walk->va || page->raw == walk->raw, va);
			break;
		default:
			REF_EXPECT(!"a type that a table of ours cannot have", va);
		}
		some |= page->attr & REF_AD;
		if (slot_last >= last)
			break;
		va = slot_last + 1;
	}
	if (type != PTW_PFN)
		return true;
	/* an entry of a block may have its own accessed and dirty; the model has the block's */
	if (each && !walk->contig_lg2)
		REF_EXPECT((walk->attr & REF_AD) == some, walk->va);
	REF_EXPECT((walk->attr & REF_AD & ~some) == 0, walk->va);
	if (!each)
		REF_EXPECT((walk->attr & REF_AD) == some, walk->va);
	return true;
}

/* Could the walk have reported @next together with @prev? */
static inline bool ref_is_one_run(const struct pt_range_walk *prev,
				  enum pt_range_walk_type prev_type,
				  const struct pt_range_walk *next, enum pt_range_walk_type type)
{
	if (type != prev_type || prev->level != next->level || prev->contig_lg2 != next->contig_lg2)
		return false;
	if (type == PTW_PFN)
		return !((prev->attr ^ next->attr) & ~REF_AD) && prev->pa + prev->len == next->pa;
	return type == PTW_NONE;
}

static inline bool ref_check_walk(const struct ref_table *ref, struct pt_pgtable *pt, bool each)
{
	struct pt_range_walk walk, prev = { 0 };
	enum pt_range_walk_type type, prev_type = PTW_DONE;
	pt_va_t next = ref->base;

	for (type = pt_range_walk_start(&walk, pt, ref->base, ref_last(ref), PT_TYPE_ALL,
					each ? PT_WALK_EACH : 0);
	     type != PTW_DONE; type = pt_range_walk_next(&walk)) {
		REF_EXPECT(walk.len && walk.va == next, next);
		REF_EXPECT(walk.len - 1 <= ref_last(ref) - walk.va, next);
		if (!ref_check_run(ref, &walk, type, each ? PT_WALK_EACH : 0))
			return false;
		if (prev_type != PTW_DONE && !each)
			REF_EXPECT(!ref_is_one_run(&prev, prev_type, &walk, type), next);
		prev = walk;
		prev_type = type;
		next = walk.va + walk.len;
	}
	REF_EXPECT(next == ref_last(ref) + 1, next);
	return pt_range_walk_done(&walk) == 0;
}

/* One address, asked in each way there is. */
static inline bool ref_check_va(const struct ref_table *ref, const struct pt_pgtable *pt,
				pt_va_t va)
{
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_leaf leaf;
	unsigned int nr;
	pt_pa_t pa, want_pa = 0;
	pt_attr_t want_attr = 0;
	int err = ref_lookup(ref, va, &want_pa, &want_attr);

	REF_EXPECT(pt_translate(pt, va, &pa) == err, va);
	REF_EXPECT(pt_lookup(pt, va, &leaf) == err, va);
	REF_EXPECT(pt_trace(pt, va, steps, &nr) == err, va);
	REF_EXPECT(nr >= 1, va);
	if (err) {
		const struct ref_page *page = &ref->page[ref_index(ref, va)];

		REF_EXPECT(steps[nr - 1].kind ==
				   (page->kind == REF_SOFT ? PT_KIND_SOFT : PT_KIND_EMPTY),
			   va);
		REF_EXPECT(page->kind != REF_SOFT || steps[nr - 1].raw == page->raw, va);
		return true;
	}
	REF_EXPECT(pa == want_pa && leaf.pa == want_pa, va);
	REF_EXPECT(((leaf.attr ^ want_attr) & ~REF_AD) == 0, va);
	REF_EXPECT(leaf.contig_lg2 || leaf.attr == want_attr, va);
	REF_EXPECT(steps[nr - 1].kind == PT_KIND_LEAF, va);
	REF_EXPECT(steps[nr - 1].raw == leaf.raw && steps[nr - 1].level == leaf.level, va);
	REF_EXPECT(pt_entry_kind(pt, leaf.raw, leaf.level) == PT_KIND_LEAF, va);
	REF_EXPECT(pt_entry_attr(pt, leaf.raw, leaf.level) == leaf.attr, va);
	return true;
}

/* Nothing but holes outside the window. */
static inline bool ref_check_outside(const struct ref_table *ref, struct pt_pgtable *pt)
{
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	unsigned int types = PT_TYPE_ALL & ~PT_TYPE_NONE;

	if (ref->base) {
		type = pt_range_walk_start(&walk, pt, 0, ref->base - 1, types, 0);
		REF_EXPECT(type == PTW_DONE, walk.va);
		REF_EXPECT(pt_range_walk_done(&walk) == 0, 0);
	}
	if (ref_last(ref) != UINT64_MAX) {
		type = pt_range_walk_start(&walk, pt, ref_last(ref) + 1, UINT64_MAX, types, 0);
		REF_EXPECT(type == PTW_DONE, walk.va);
		REF_EXPECT(pt_range_walk_done(&walk) == 0, 0);
	}
	return true;
}

/* All of it. */
static inline bool ref_check(const struct ref_table *ref, struct pt_pgtable *pt)
{
	size_t step = ref->nr / 16 + 1;

	for (size_t i = 0; i < ref->nr; i += step)
		if (!ref_check_va(ref, pt, ref_va(ref, i) + (i * 4093) % ref->unit))
			return false;
	return ref_check_va(ref, pt, ref_last(ref)) && ref_check_walk(ref, pt, true) &&
	       ref_check_walk(ref, pt, false) && ref_check_outside(ref, pt);
}

#endif /* MODEL_REF_CHECK_H */
