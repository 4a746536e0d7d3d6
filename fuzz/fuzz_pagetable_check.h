/* SPDX-License-Identifier: MIT */
/* fuzz_pagetable_check.h - what is to be true around and after each operation. */
#ifndef FUZZ_PAGETABLE_CHECK_H
#define FUZZ_PAGETABLE_CHECK_H

#include "fuzz_pagetable_world.h"

/* Where an entry could go before the map, and at which level. */
static inline void note_holes(struct world *w, pt_va_t first, pt_va_t last)
{
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	w->nr_holes = 0;
	for (type = pt_range_walk_start(&walk, w->pt, first, last, PT_TYPE_NONE, 0);
	     type == PTW_NONE; type = pt_range_walk_next(&walk)) {
		if (w->nr_holes == sizeof(w->holes) / sizeof(w->holes[0]))
			break;
		w->holes[w->nr_holes++] =
			(struct hole){ walk.va, walk.va + (walk.len - 1), walk.level };
	}
}

/* The level of the largest leaf that may begin at or lie around @va. */
static inline unsigned int best_level(const struct world *w, pt_va_t va, pt_va_t first,
				      pt_va_t last, pt_pa_t pa, unsigned int max_lg2)
{
	unsigned int level = 0;

	for (size_t i = 0; i < w->nr_holes; i++)
		if (w->holes[i].first <= va && va <= w->holes[i].last)
			level = w->holes[i].level;
	for (; level; level--) {
		unsigned int lg2 = w->info.leaf_lg2[level];
		uint64_t mask = (UINT64_C(1) << lg2) - 1;

		if (w->info.can_leaf[level] && lg2 <= max_lg2 && (va & ~mask) >= first &&
		    (va | mask) <= last && ((first ^ pa) & mask) == 0)
			break;
	}
	return level;
}

/* "Uses the largest leaves that alignment, len and the tables already there allow." */
static inline void check_sizes(const struct world *w, pt_va_t first, pt_va_t last, pt_pa_t pa,
			       unsigned int flags, unsigned int max_lg2)
{
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	if (!max_lg2)
		max_lg2 = 64;
	for (type = pt_range_walk_start(&walk, w->pt, first, last, PT_TYPE_PFN, PT_WALK_EACH);
	     type == PTW_PFN; type = pt_range_walk_next(&walk)) {
		unsigned int level = best_level(w, walk.va, first, last, pa, max_lg2);
		unsigned int contig = w->info.contig_lg2[level], lg2 = w->info.leaf_lg2[level];
		uint64_t mask = (UINT64_C(1) << (lg2 + contig)) - 1;

		FUZZ_CHECK_EQ(walk.level, level);
		if (w->info.entries_lg2[level] < contig || flags & PT_CHANGE_NO_CONTIG ||
		    lg2 + contig > max_lg2 || (walk.va & ~mask) < first ||
		    (walk.va | mask) > last || (first ^ pa) & mask)
			contig = 0;
		for (uint64_t i = 0; contig && i < UINT64_C(1) << contig; i++)
			if (best_level(w, (walk.va & ~mask) + (i << lg2), first, last, pa,
				       max_lg2) != level)
				contig = 0;
		FUZZ_CHECK_EQ(walk.contig_lg2, contig);
	}
}

/* How an operation is to be done: on what, through which table, with a gather, failing where. */
struct how {
	pt_va_t first, last; /* in w->pt */
	struct pt_pgtable *pt;
	pt_va_t va_xor;
	struct pt_gather gather;
	struct pt_change change;
};

static inline bool inside_links(const struct world *w, size_t first, size_t nr)
{
	unsigned int lg2 = w->info.leaf_lg2[w->link_level];

	for (size_t i = first; i < first + nr; i++) {
		pt_va_t va = ref_va(&w->ref, i);

		if (!w->nr_links || va < w->link_va || (va - w->link_va) >> lg2 >= w->nr_links ||
		    w->unit_lg2 > lg2 || !w->is_linked[(va - w->link_va) >> lg2])
			return false;
	}
	return true;
}

/* Says what no call may leave there. */
static inline void spoil_outputs(struct pt_change *change)
{
	change->bad_va = change->done = 1;
}

static inline void fail_some(struct world *w, uint8_t bits)
{
	w->source->fail_at = (bits & 0x0c) == 0x0c ? w->source->nr_allocs + 1 + (bits >> 4) : 0;
	w->source->failed = false;
}

static inline void begin(struct world *w, struct how *how, uint8_t bits, size_t first, size_t nr)
{
	*how = (struct how){
		.first = ref_va(&w->ref, first),
		.last = ref_va(&w->ref, first) + (nr * w->ref.unit - 1),
		.pt = w->pt,
	};
	spoil_outputs(&how->change);
	if (bits & 1 && inside_links(w, first, nr)) {
		how->pt = w->other;
		how->va_xor = w->other_xor;
	}
	if (bits & 2) {
		pt_gather_begin(&how->gather, how->pt);
		how->change.gather = &how->gather;
	}
	fail_some(w, bits);
	memcpy(w->before, w->ref.page, w->ref.nr * sizeof(*w->before));
	watcher_expect(&w->watcher, w->pt);
}

/* Leaves and blocks that [@first, @last] does not touch are what they were, to the bit. */
static inline void check_elsewhere(const struct world *w, pt_va_t first, pt_va_t last)
{
	for (size_t i = 0; i < w->watcher.nr_seen; i++) {
		const struct seen_leaf *was = &w->watcher.seen[i];
		uint64_t mask = (UINT64_C(1) << (was->size_lg2 + was->contig_lg2)) - 1;
		struct pt_leaf is;

		if (first <= last && (was->va | mask) >= first && (was->va & ~mask) <= last)
			continue;
		FUZZ_CHECK_EQ(pt_lookup(w->pt, was->va, &is), 0);
		FUZZ_CHECK_EQ(is.raw, was->raw);
		FUZZ_CHECK_EQ(is.size_lg2, was->size_lg2);
	}
}

/* @err: what the call returned; @want: what the model did. Returns whether it happened. */
static inline bool end(struct world *w, struct how *how, int err, int want)
{
	if (how->change.gather)
		pt_gather_finish(&how->gather);
	w->source->fail_at = 0;
	FUZZ_CHECK(how->change.done != 1 && how->change.bad_va != 1); /* written in every case */
	if (err) {
		FUZZ_CHECK_EQ(how->change.done, 0);
		check_elsewhere(w, 1, 0);
	} else {
		check_elsewhere(w, how->first, how->last);
	}
	if (err == -ENOMEM && w->source->failed) {
		memcpy(w->ref.page, w->before, w->ref.nr * sizeof(*w->before));
		return false;
	}
	FUZZ_CHECK_EQ(err, want);
	/* the other table's flushes are of its own addresses */
	if (how->pt == w->pt)
		FUZZ_CHECK(watcher_was_flushed(&w->watcher, w->pt));
	return true;
}

/* Tables of [@first, @last] that hold nothing are gone; those of two parents may stay. */
static inline void check_freed(const struct world *w, pt_va_t first, pt_va_t last)
{
	const pt_va_t at[] = { first, first + (last - first) / 2, last };

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]) && !w->nr_links; i++) {
		struct pt_step steps[PT_MAX_LEVELS], *step;
		const uint64_t *word;
		bool empty = true;
		unsigned int nr;

		FUZZ_CHECK_EQ(pt_trace(w->pt, at[i], steps, &nr), -ENOENT);
		step = &steps[nr - 1];
		word = pt_phys_to_host(w->source->phys, step->table_pa, 8);
		for (size_t k = 0; k < (size_t)1 << w->info.entries_lg2[step->level]; k++)
			empty &= !word[k];
		FUZZ_CHECK(nr == 1 || !empty);
	}
}

/* Bytes of [@first, @last] whose leaf is smaller now, or larger. */
static inline uint64_t resized(const struct world *w, pt_va_t first, pt_va_t last, bool larger)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < w->watcher.nr_seen; i++) {
		const struct seen_leaf *was = &w->watcher.seen[i];
		pt_va_t va = was->va, was_last = va + ((UINT64_C(1) << was->size_lg2) - 1);
		struct pt_leaf is;

		if (was_last < first || va > last)
			continue;
		if (va < first)
			va = first;
		if (was_last > last)
			was_last = last;
		FUZZ_CHECK_EQ(pt_lookup(w->pt, va, &is), 0);
		if (larger ? is.size_lg2 > was->size_lg2 : is.size_lg2 < was->size_lg2)
			bytes += was_last - va + 1;
	}
	return bytes;
}

/* Bytes of [@first, @last] that are in a block now and were not, or not in that one. */
static inline uint64_t folded(const struct world *w, pt_va_t first, pt_va_t last)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < w->watcher.nr_seen; i++) {
		const struct seen_leaf *was = &w->watcher.seen[i];
		struct pt_leaf is;

		if (was->va < first || was->va > last)
			continue;
		FUZZ_CHECK_EQ(pt_lookup(w->pt, was->va, &is), 0);
		if (is.contig_lg2 && (!was->contig_lg2 || is.size_lg2 != was->size_lg2))
			bytes += UINT64_C(1) << was->size_lg2;
	}
	return bytes;
}

/* Of [@first, @last]: leaves of @level and below are whole, and blocks of them but at its ends. */
static inline void check_not_split(const struct world *w, pt_va_t first, pt_va_t last,
				   unsigned int level)
{
	for (size_t i = 0; i < w->watcher.nr_seen; i++) {
		const struct seen_leaf *was = &w->watcher.seen[i];
		uint64_t mask = (UINT64_C(1) << (was->size_lg2 + was->contig_lg2)) - 1;
		struct pt_leaf is;

		if (was->va < first || was->va > last || was->size_lg2 > w->info.leaf_lg2[level])
			continue;
		FUZZ_CHECK_EQ(pt_lookup(w->pt, was->va, &is), 0);
		FUZZ_CHECK_EQ(is.size_lg2, was->size_lg2);
		if ((was->va & ~mask) >= first && (was->va | mask) <= last)
			FUZZ_CHECK_EQ(is.contig_lg2, was->contig_lg2);
	}
}

static inline bool can_leaf(const struct world *w, unsigned int level)
{
	return level < w->info.nr_levels && w->info.can_leaf[level];
}

/* Whether @from on, a whole entry of @level, would translate as one leaf; by the model. */
static inline bool is_one_leaf(const struct world *w, pt_va_t from, unsigned int lg2)
{
	size_t first = ref_index(&w->ref, from), nr = (size_t)1 << (lg2 - w->unit_lg2);
	const struct ref_page *page = &w->ref.page[first];

	for (size_t i = 0; i < nr; i++)
		if (page[i].kind != REF_LEAF || page[i].pa != page[0].pa + i * w->ref.unit ||
		    (page[i].attr ^ page[0].attr) & ~REF_AD)
			return false;
	return (page[0].pa & ((UINT64_C(1) << lg2) - 1)) == 0;
}

/* Where a table is linked, both say the same, word for word; else the other has nothing. */
static inline void check_links(const struct world *w)
{
	unsigned int lg2 = w->info.leaf_lg2[w->link_level];
	struct pt_range_walk walk;

	if (!w->nr_links)
		FUZZ_CHECK_EQ(pt_range_walk_start(&walk, w->other, 0, UINT64_MAX,
						  PT_TYPE_ALL & ~PT_TYPE_NONE, 0),
			      PTW_DONE);

	for (unsigned int i = 0; i < w->nr_links; i++) {
		uint64_t size = UINT64_C(1) << lg2,
			 step = size > 64 * w->ref.unit ? size / 64 : w->ref.unit;

		for (uint64_t at = 0; at < size; at += step) {
			pt_va_t va = w->link_va + i * size + at;
			struct pt_leaf a = { 0 }, b = { 0 };
			int err = pt_lookup(w->other, va ^ w->other_xor, &b);

			if (!w->is_linked[i]) {
				FUZZ_CHECK_EQ(err, -ENOENT);
				continue;
			}
			FUZZ_CHECK_EQ(pt_lookup(w->pt, va, &a), err);
			FUZZ_CHECK_EQ(a.raw, b.raw);
			FUZZ_CHECK_EQ(a.pa, b.pa);
		}
	}
}

#endif /* FUZZ_PAGETABLE_CHECK_H */
