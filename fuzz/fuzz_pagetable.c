/* SPDX-License-Identifier: MIT */
/*
 * A program of changes and questions, done to a table and to the model of tests/model; any
 * difference aborts. On all formats, configurations and modes, with windows whose slots are base
 * pages or as large as a block or a leaf, so that leaves of every level come and go.
 *
 * Checked after each operation: what it returned; every leaf's place, output, attributes and size;
 * that map took the largest leaves there were; that no leaf elsewhere changed; that all that went
 * was flushed, in the order that the architecture wants; that what failed changed nothing; in
 * checked mode, that every store was reported. At the end every table page must be back.
 *
 * Input: [config] [mode and place] [scale] [second table's half], then operations: [op] [how]
 * arguments. PTLIB_FUZZ_TRACE in the environment prints them.
 */
#include <ptlib/ptlib.h>

#include "fuzz_pagetable_check.h"

#define RX (PT_ATTR_READ | PT_ATTR_EXEC)

static void pick_range(const struct world *w, struct fuzz_input *in, size_t limit, size_t *first,
		       size_t *nr)
{
	size_t most;

	*first = fuzz_index(in, w->ref.nr);
	most = w->ref.nr - *first;
	*nr = 1 + fuzz_index(in, most < limit ? most : limit);
}

static pt_attr_t pick_attr(struct fuzz_input *in)
{
	static const pt_attr_t some[] = {
		RX,
		RX | PT_ATTR_WRITE,
		RX | PT_ATTR_WRITE | PT_ATTR_ACCESSED,
		RX | PT_ATTR_WRITE | PT_ATTR_ACCESSED | PT_ATTR_DIRTY,
		RX | PT_ATTR_USER,
		RX | PT_ATTR_USER | PT_ATTR_WRITE | PT_ATTR_GLOBAL,
		RX | PT_ATTR_SW(5),
		RX | PT_ATTR_MEM(PT_MEM_UC) | PT_ATTR_DIRTY,
	};
	uint8_t pick = fuzz_u8(in);

	if (pick < 240)
		return some[pick % (sizeof(some) / sizeof(some[0]))];
	return fuzz_u32(in) &
	       (pick < 250 ? 0x1ffffff & ~(PT_ATTR_MEM_MASK | PT_ATTR_SHARE_MASK) : UINT32_MAX);
}

/* Where a map of slots from @first on goes: aligned as it is, a slot aside, or anywhere. */
static pt_pa_t pick_pa(const struct world *w, struct fuzz_input *in, size_t first)
{
	uint64_t mask = (UINT64_C(1) << w->fmt.pa_bits) - 1;
	pt_pa_t pa = ref_va(&w->ref, first);
	uint8_t pick = fuzz_u8(in);

	if (pick & 1)
		pa += w->ref.unit << (pick >> 5);
	if (pick & 2)
		pa |= mask & ~(mask >> 4); /* the highest bits there are */
	if (pick & 4)
		pa = fuzz_u16(in) * w->ref.unit;
	if ((pick & 24) == 24)
		pa = mask + 1 - (1 + fuzz_u8(in)) * w->ref.unit; /* may not fit */
	return pa & mask;
}

static void op_map(struct world *w, struct fuzz_input *in, uint8_t bits)
{
	unsigned int level = (unsigned int)fuzz_index(in, w->info.nr_levels);
	unsigned int max_lg2 = 0, flags = fuzz_bool(in) ? PT_CHANGE_NO_CONTIG : 0;
	size_t first, nr, probed = 0, allocs;
	pt_va_t va, bad_va = 0;
	struct how how;
	pt_attr_t attr;
	pt_pa_t pa;
	int err, want, probe;

	pick_range(w, in, slots_limit(w, floor_level(w)), &first, &nr);
	if (fuzz_bool(in))
		max_lg2 = w->info.leaf_lg2[level] + fuzz_u8(in) % 8;
	if (max_lg2 && nr > slots_limit(w, level))
		max_lg2 = 0;
	pa = pick_pa(w, in, first);
	attr = pick_attr(in);
	trace(w, "map", first, nr, pa, attr);

	va = ref_va(&w->ref, first);
	begin(w, &how, bits, first, nr);
	how.change.flags = flags;
	how.change.max_lg2 = max_lg2;
	note_holes(w, va, va + (nr * w->ref.unit - 1));
	want = ref_map(&w->ref, first, nr, pa, attr, &bad_va);
	probe = pt_map_probe(how.pt, va ^ how.va_xor, pa, nr * w->ref.unit, attr, &how.change,
			     &probed);
	FUZZ_CHECK_EQ(probe, want);
	if (probe == -EEXIST)
		FUZZ_CHECK_EQ(how.change.bad_va ^ how.va_xor, bad_va);
	spoil_outputs(&how.change);
	allocs = w->source->nr_allocs;
	err = pt_map(how.pt, va ^ how.va_xor, pa, nr * w->ref.unit, attr, &how.change);
	if (!end(w, &how, err, want))
		return;
	if (err == -EEXIST)
		FUZZ_CHECK_EQ(how.change.bad_va ^ how.va_xor, bad_va);
	FUZZ_CHECK_EQ(how.change.done, err ? 0 : nr * w->ref.unit);
	if (err)
		return;
	FUZZ_CHECK_EQ(w->source->nr_allocs - allocs, probed);
	check_sizes(w, va, va + (nr * w->ref.unit - 1), pa, flags, max_lg2);
}

static void op_unmap(struct world *w, struct fuzz_input *in, uint8_t bits)
{
	unsigned int flags = fuzz_bool(in) ? PT_CHANGE_FREE_TABLES : 0;
	size_t first, nr;
	struct how how;
	uint64_t done;
	int err;

	pick_range(w, in, MAX_SLOTS, &first, &nr);
	trace(w, "unmap", first, nr, flags, 0);
	begin(w, &how, bits, first, nr);
	how.change.flags = flags;
	done = ref_unmap(&w->ref, first, nr);
	err = pt_unmap(how.pt, ref_va(&w->ref, first) ^ how.va_xor, nr * w->ref.unit, &how.change);
	if (!end(w, &how, err, 0))
		return;
	FUZZ_CHECK_EQ(how.change.done, done);
	if (flags & PT_CHANGE_FREE_TABLES)
		check_freed(w, how.first, how.last);
}

static void op_protect(struct world *w, struct fuzz_input *in, uint8_t bits)
{
	unsigned int flags = fuzz_bool(in) ? PT_CHANGE_SKIP_HOLES : 0;
	pt_attr_t set = pick_attr(in) & ~RX, clear = pick_attr(in) & ~RX;
	pt_va_t bad_va = 0;
	size_t first, nr;
	struct how how;
	uint64_t done;
	bool or_unsupported;
	int err, want;

	pick_range(w, in, MAX_SLOTS, &first, &nr);
	if (set & PT_ATTR_MEM_MASK)
		clear |= PT_ATTR_MEM_MASK;
	if (set & PT_ATTR_SHARE_MASK)
		clear |= PT_ATTR_SHARE_MASK;
	if (set & PT_ATTR_KEY_MASK)
		clear |= PT_ATTR_KEY_MASK;
	if (set & PT_ATTR_SW_MASK)
		clear |= PT_ATTR_SW_MASK;
	trace(w, "protect", first, nr, set, clear);
	begin(w, &how, bits, first, nr);
	how.change.flags = flags;
	want = ref_protect(&w->ref, first, nr, set, clear, flags, &bad_va, &done, &or_unsupported);
	err = pt_protect(how.pt, ref_va(&w->ref, first) ^ how.va_xor, nr * w->ref.unit, set, clear,
			 &how.change);
	if (or_unsupported && err == -EOPNOTSUPP)
		want = err;
	if (!end(w, &how, err, want))
		return;
	if (err == -ENOENT)
		FUZZ_CHECK_EQ(how.change.bad_va ^ how.va_xor, bad_va);
	FUZZ_CHECK_EQ(how.change.done, err ? 0 : done);
}

static void op_split(struct world *w, struct fuzz_input *in, uint8_t bits)
{
	unsigned int level = (unsigned int)fuzz_index(in, PT_MAX_LEVELS);
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	pt_va_t va, last;
	size_t first, nr;
	struct how how;
	int err;

	if (level < w->info.nr_levels && !slots_limit(w, level))
		return;
	pick_range(w, in, level < w->info.nr_levels ? slots_limit(w, level) : MAX_SLOTS, &first,
		   &nr);
	trace(w, "split", first, nr, level, 0);
	begin(w, &how, bits, first, nr);
	va = ref_va(&w->ref, first);
	last = va + (nr * w->ref.unit - 1);
	err = pt_split(how.pt, va ^ how.va_xor, nr * w->ref.unit, level, &how.change);
	if (!end(w, &how, err, can_leaf(w, level) ? 0 : -EINVAL) || err)
		return;
	for (type = pt_range_walk_start(&walk, w->pt, va, last, PT_TYPE_PFN, PT_WALK_EACH);
	     type == PTW_PFN; type = pt_range_walk_next(&walk))
		FUZZ_CHECK(walk.level <= level);
	FUZZ_CHECK_EQ(how.change.done, resized(w, va, last, false));
	check_not_split(w, va, last, level);
}

static void op_collapse(struct world *w, struct fuzz_input *in, uint8_t bits)
{
	unsigned int level = (unsigned int)fuzz_index(in, PT_MAX_LEVELS);
	unsigned int flags = fuzz_bool(in) ? PT_CHANGE_NO_CONTIG : 0;
	pt_va_t va, last;
	size_t first, nr;
	struct how how;
	int err;

	pick_range(w, in, MAX_SLOTS, &first, &nr);
	trace(w, "collapse", first, nr, level, flags);
	begin(w, &how, bits, first, nr);
	how.change.flags = flags;
	va = ref_va(&w->ref, first);
	last = va + (nr * w->ref.unit - 1);
	err = pt_collapse(how.pt, va ^ how.va_xor, nr * w->ref.unit, level, &how.change);
	if (!end(w, &how, err, can_leaf(w, level) ? 0 : -EINVAL) || err)
		return;
	FUZZ_CHECK(ref_observe(&w->ref, w->pt, true));
	FUZZ_CHECK_EQ(how.change.done, resized(w, va, last, true) + folded(w, va, last));
	/* what could be one leaf is; but a table that two trees share stays */
	for (unsigned int up = 1; up <= level && !w->nr_links; up++) {
		uint64_t size = UINT64_C(1) << w->info.leaf_lg2[up];
		pt_va_t at = (va + (size - 1)) & ~(size - 1);

		if (size < w->ref.unit || !w->info.can_leaf[up])
			continue;
		for (; at >= va && at <= last && last - at >= size - 1; at += size) {
			struct pt_leaf leaf;

			if (is_one_leaf(w, at, w->info.leaf_lg2[up])) {
				FUZZ_CHECK_EQ(pt_lookup(w->pt, at, &leaf), 0);
				FUZZ_CHECK(leaf.level >= up);
			}
		}
	}
}

static void op_age(struct world *w, struct fuzz_input *in, uint8_t bits, bool dirty)
{
	size_t first, nr;
	struct how how;
	uint64_t done;
	pt_va_t va;
	int err;

	pick_range(w, in, MAX_SLOTS, &first, &nr);
	trace(w, dirty ? "clean" : "age", first, nr, 0, 0);
	begin(w, &how, bits, first, nr);
	va = ref_va(&w->ref, first) ^ how.va_xor;
	done = ref_test_and_clear(&w->ref, first, nr, dirty ? PT_ATTR_DIRTY : PT_ATTR_ACCESSED);
	err = dirty ? pt_test_and_clear_dirty(how.pt, va, nr * w->ref.unit, &how.change)
		    : pt_test_and_clear_accessed(how.pt, va, nr * w->ref.unit, &how.change);
	if (end(w, &how, err, 0))
		FUZZ_CHECK_EQ(how.change.done, done);
}

/* The last word that a walk to @va reads. */
static pt_pa_t word_pa(const struct world *w, pt_va_t va, struct pt_step *step)
{
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;
	int err = pt_trace(w->pt, va, steps, &nr);

	FUZZ_CHECK(err == 0 || err == -ENOENT);
	*step = steps[nr - 1];
	return step->table_pa + 8 * step->index;
}

static void write_word(struct world *w, pt_pa_t pa, uint64_t raw)
{
	*(uint64_t *)pt_phys_to_host(w->source->phys, pa, 8) = raw;
	watcher_note(&w->watcher, pa, raw);
}

/* A CPU's load or store: in one entry, whatever block it is part of. */
static void op_touch(struct world *w, struct fuzz_input *in)
{
	size_t slot = fuzz_index(in, w->ref.nr);
	pt_attr_t bits = PT_ATTR_ACCESSED | (fuzz_bool(in) ? PT_ATTR_DIRTY : 0);
	pt_va_t va = ref_va(&w->ref, slot);
	struct pt_step step;
	uint64_t raw;
	pt_pa_t pa;

	/* of leaves smaller than a slot, the model would have to know which one */
	if (w->ref.page[slot].kind != REF_LEAF)
		return;
	pa = word_pa(w, va, &step);
	if (w->info.leaf_lg2[step.level] < w->unit_lg2)
		return;
	trace(w, "touch", slot, 1, bits, step.raw);
	raw = raw_touch(&w->fmt, step.raw, bits | PT_ATTR_ACCESSED);
	write_word(w, pa, raw);
	ref_touch(&w->ref, slot, bits);
}

/* A word of the operating system's own, where nothing is. */
static void op_plant(struct world *w, struct fuzz_input *in)
{
	size_t slot = fuzz_index(in, w->ref.nr);
	uint64_t raw = ((uint64_t)fuzz_u16(in) << 12 | 0x800) & ~UINT64_C(1);
	struct pt_step step;
	pt_pa_t pa;

	if (w->ref.page[slot].kind != REF_HOLE)
		return;
	pa = word_pa(w, ref_va(&w->ref, slot), &step);
	if (w->info.leaf_lg2[step.level] != w->unit_lg2)
		return;
	trace(w, "plant", slot, 1, raw, step.level);
	write_word(w, pa, raw);
	w->ref.page[slot] = (struct ref_page){ .kind = REF_SOFT, .raw = raw };
}

/* Any bounds, types and flags; every run is what the model says, in order, none missing. */
static void op_walk(struct world *w, struct fuzz_input *in)
{
	size_t slot = fuzz_index(in, w->ref.nr), nr = 1 + fuzz_index(in, w->ref.nr - slot);
	pt_va_t first = ref_va(&w->ref, slot) + fuzz_u16(in) % w->ref.unit;
	pt_va_t last = ref_va(&w->ref, slot + nr - 1) + (w->ref.unit - 1), next = first;
	unsigned int flags = fuzz_u8(in) & (PT_WALK_EACH | PT_WALK_RESPECT_AD | PT_WALK_IGNORE_SW |
					    PT_WALK_EFFECTIVE);
	unsigned int types = 0;
	uint8_t pick = fuzz_u8(in);
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	types |= pick & 1 ? PT_TYPE_NONE : 0;
	types |= pick & 2 ? PT_TYPE_PFN : 0;
	types |= pick & 4 ? PT_TYPE_UNKNOWN : 0;
	last -= fuzz_u16(in) % w->ref.unit;
	if (last < first)
		last = first;
	trace(w, "walk", slot, nr, types, flags);
	for (type = pt_range_walk_start(&walk, w->pt, first, last, types, flags); type != PTW_DONE;
	     type = pt_range_walk_next(&walk)) {
		FUZZ_CHECK(type == PTW_NONE  ? types & PT_TYPE_NONE
			   : type == PTW_PFN ? types & PT_TYPE_PFN
					     : types & PT_TYPE_UNKNOWN);
		FUZZ_CHECK(walk.va >= next && walk.va <= last && walk.len);
		FUZZ_CHECK(walk.len - 1 <= last - walk.va);
		/* passed over: only what was not asked for */
		while (next < walk.va) {
			enum ref_kind kind = w->ref.page[ref_index(&w->ref, next)].kind;

			FUZZ_CHECK(kind == REF_HOLE   ? !(types & PT_TYPE_NONE)
				   : kind == REF_LEAF ? !(types & PT_TYPE_PFN)
						      : !(types & PT_TYPE_UNKNOWN));
			next = (next | (w->ref.unit - 1)) + 1;
		}
		FUZZ_CHECK(ref_check_run(&w->ref, &walk, type, flags));
		if (type == PTW_PFN) {
			struct pt_leaf leaf;

			FUZZ_CHECK_EQ(pt_lookup(w->pt, walk.va, &leaf), 0);
			FUZZ_CHECK_EQ(leaf.raw, walk.raw);
			FUZZ_CHECK_EQ(leaf.level, walk.level);
		}
		next = walk.va + walk.len;
	}
	while (next <= last && next >= first) {
		enum ref_kind kind = w->ref.page[ref_index(&w->ref, next)].kind;

		FUZZ_CHECK(kind == REF_HOLE   ? !(types & PT_TYPE_NONE)
			   : kind == REF_LEAF ? !(types & PT_TYPE_PFN)
					      : !(types & PT_TYPE_UNKNOWN));
		next = (next | (w->ref.unit - 1)) + 1;
	}
	FUZZ_CHECK_EQ(pt_range_walk_done(&walk), 0);
}

/* A change of the run that a walk returned; it stays on whole slots. */
static void op_cursor(struct world *w, struct fuzz_input *in, uint8_t bits)
{
	size_t slot = fuzz_index(in, w->ref.nr), nr = 1 + fuzz_index(in, w->ref.nr - slot);
	unsigned int skip = fuzz_u8(in) % 4, flags = fuzz_bool(in) ? PT_WALK_EACH : 0;
	bool clear = fuzz_bool(in);
	pt_va_t last = ref_va(&w->ref, slot + nr - 1) + (w->ref.unit - 1), bad_va;
	struct pt_gather own, *gather = bits & 2 ? &own : NULL;
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	size_t at, len;
	uint64_t done;
	bool or_unsupported;
	int err;

	trace(w, "cursor", slot, nr, clear, flags);
	fail_some(w, bits);
	watcher_expect(&w->watcher, w->pt);
	if (gather)
		pt_gather_begin(gather, w->pt);
	type = pt_range_walk_start(&walk, w->pt, ref_va(&w->ref, slot), last, PT_TYPE_ALL, flags);
	while (skip-- && type != PTW_DONE)
		type = pt_range_walk_next(&walk);
	if (type != PTW_DONE && walk.len >= w->ref.unit) {
		at = ref_index(&w->ref, walk.va);
		len = (size_t)(walk.len / w->ref.unit);
		if (clear) {
			err = pt_range_walk_clear(&walk, gather);
			if (type == PTW_NONE)
				FUZZ_CHECK_EQ(err, -EINVAL); /* there is nothing to clear */
			else if (err != -ENOMEM || !w->source->failed)
				FUZZ_CHECK_EQ(err, 0);
			if (!err)
				ref_unmap(&w->ref, at, len);
		} else {
			err = pt_range_walk_update(&walk, PT_ATTR_SW(3), PT_ATTR_SW_MASK, gather);
			if (type != PTW_PFN)
				FUZZ_CHECK_EQ(err, -EINVAL);
			else if (err != -ENOMEM || !w->source->failed)
				FUZZ_CHECK_EQ(err, 0);
			if (!err)
				ref_protect(&w->ref, at, len, PT_ATTR_SW(3), PT_ATTR_SW_MASK, 0,
					    &bad_va, &done, &or_unsupported);
		}
		if (err)
			check_elsewhere(w, 1, 0);
		else
			check_elsewhere(w, walk.va, walk.va + (walk.len - 1));
		/* and it goes on behind it */
		if (type != PTW_DONE) {
			pt_va_t behind = walk.va + walk.len;

			type = pt_range_walk_next(&walk);
			if (behind - 1 < last)
				FUZZ_CHECK_EQ(walk.va, behind);
			else
				FUZZ_CHECK_EQ(type, PTW_DONE);
		}
	}
	FUZZ_CHECK_EQ(pt_range_walk_done(&walk), 0);
	if (gather)
		pt_gather_finish(gather);
	w->source->fail_at = 0;
	FUZZ_CHECK(watcher_was_flushed(&w->watcher, w->pt));
}

static void op_link(struct world *w, struct fuzz_input *in, uint8_t bits)
{
	unsigned int level = (unsigned int)fuzz_index(in, w->info.nr_levels), nr, lg2;
	size_t slot = fuzz_index(in, w->ref.nr);
	struct pt_gather own, *gather = bits & 2 ? &own : NULL;
	bool exists = false;
	uint64_t size;
	pt_va_t va;
	int err;

	if (w->nr_links) {
		if (gather)
			pt_gather_begin(gather, w->other);
		trace(w, "unlink", 0, 0, w->link_va, w->link_level);
		lg2 = w->info.leaf_lg2[w->link_level];
		FUZZ_CHECK_EQ(pt_pgtable_unlink(w->other, w->link_va ^ w->other_xor,
						(uint64_t)w->nr_links << lg2, w->link_level,
						gather),
			      0);
		if (gather)
			pt_gather_finish(gather);
		w->nr_links = 0;
		return;
	}
	if (!level)
		return;
	size = UINT64_C(1) << w->info.leaf_lg2[level];
	va = ref_va(&w->ref, slot) & ~(size - 1);
	nr = 1 + fuzz_u8(in) % 4;
	if (va < w->ref.base || size < w->ref.unit || ref_last(&w->ref) - va < nr * size - 1)
		return;
	trace(w, "link", slot, 0, va, level);
	fail_some(w, bits);
	for (unsigned int i = 0; i < nr; i++) {
		struct pt_step step;

		word_pa(w, va + i * size, &step);
		/* a leaf or a software word at or above the level is refused */
		exists |= step.level >= level && step.kind != PT_KIND_EMPTY;
		w->is_linked[i] = step.level < level;
	}
	err = pt_pgtable_link(w->other, va ^ w->other_xor, w->pt, va, nr * size, level);
	w->source->fail_at = 0;
	if (err == -ENOMEM && w->source->failed)
		return;
	FUZZ_CHECK_EQ(err, exists ? -EEXIST : 0);
	if (err)
		return;
	w->link_va = va;
	w->link_level = level;
	w->nr_links = nr;
	for (unsigned int i = 0; i < nr; i++)
		if (w->is_linked[i])
			FUZZ_CHECK_EQ(pt_pgtable_link(w->other, va ^ w->other_xor, w->pt, va,
						      nr * size, level),
				      -EEXIST);
}

static void run_op(struct world *w, struct fuzz_input *in)
{
	uint8_t op = fuzz_u8(in) % 16, bits = fuzz_u8(in);

	switch (op) {
	case 0:
	case 1:
	case 2:
		op_map(w, in, bits);
		break;
	case 3:
	case 4:
		op_unmap(w, in, bits);
		break;
	case 5:
	case 6:
		op_protect(w, in, bits);
		break;
	case 7:
		op_split(w, in, bits);
		break;
	case 8:
	case 9:
		op_collapse(w, in, bits);
		break;
	case 10:
		op_age(w, in, bits, bits >> 7);
		break;
	case 11:
		op_touch(w, in);
		break;
	case 12:
		op_plant(w, in);
		break;
	case 13:
		op_walk(w, in);
		break;
	case 14:
		op_cursor(w, in, bits);
		break;
	case 15:
		op_link(w, in, bits);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct world *w = &world;
	bool other_first;

	world_init(w, &in);
	other_first = fuzz_bool(&in);
	for (unsigned int i = 0; i < MAX_OPS && in.left; i++) {
		run_op(w, &in);
		FUZZ_CHECK(ref_observe(&w->ref, w->pt, false));
		FUZZ_CHECK(ref_check(&w->ref, w->pt));
		check_links(w);
		if (i % 8 == 7)
			FUZZ_CHECK(watcher_agrees(&w->watcher, w->pt));
		FUZZ_CHECK(!w->watcher.bad);
		if (i % 8 == 7 || w->unit_lg2 > 12)
			FUZZ_CHECK_EQ(pt_verify(w->pt, NULL, NULL), 0);
	}
	FUZZ_CHECK(watcher_agrees(&w->watcher, w->pt));
	FUZZ_CHECK_EQ(pt_verify(w->pt, NULL, NULL), 0);
	FUZZ_CHECK_EQ(pt_verify(w->other, NULL, NULL), 0);
	check_pages(w);
	world_exit(w, other_first);
	return 0;
}
