/* SPDX-License-Identifier: MIT */
/*
 * Address spaces of 64 pages, gone over exhaustively: every pair of changes over every pair of
 * ranges of a window, in every phase of va against pa, in every mode, with and without
 * break-before-make, against the model. After each change the whole window is walked, batched and
 * entry by entry, and the table verified; after each pair everything is unmapped, and all table
 * pages but the root must be back.
 *
 * The windows straddle a boundary of the top table or end at the last byte of the address space.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <ptlib/ptlib.h>

#include "model/page_source.h"
#include "model/ref_check.h"
#include "pt/pagetable_internal.h"

extern const struct ptl_ops ptl_ops_tiny_exclusive, ptl_ops_tiny_shared, ptl_ops_tiny_checked;
extern const struct ptl_ops ptl_ops_napot_exclusive, ptl_ops_napot_shared, ptl_ops_napot_checked;

#define NR_PAGES 64u
#define NR_TABLES 40u /* more than a full tree has */
#define TABLES_PA UINT64_C(0x100000)
#define TARGET_PA UINT64_C(0x40000) /* aligned to more than the address space */

#define ATTR (PT_ATTR_RW | PT_ATTR_EXEC | PT_ATTR_ACCESSED | PT_ATTR_DIRTY)
#define BASE_ATTR (ATTR | PT_ATTR_SW(2))

/* Pages by which pa is ahead of va. */
static const unsigned int phases[] = { 0, 1, 2, 4, 8 };
#define NR_PHASES (sizeof(phases) / sizeof(phases[0]))

struct format {
	const char *name;
	const struct ptl_ops *ops[PTL_NR_MODES];
	unsigned int granule_lg2;
	unsigned int max_level;
};

static const struct format tiny = {
	"tiny",
	{ &ptl_ops_tiny_exclusive, &ptl_ops_tiny_shared, &ptl_ops_tiny_checked },
	5,
	2,
};

static const struct format napot = {
	"napot",
	{ &ptl_ops_napot_exclusive, &ptl_ops_napot_shared, &ptl_ops_napot_checked },
	6,
	1,
};

/* What one run goes over. */
struct plan {
	const struct format *format;
	unsigned int mode; /* PTL_MODE_* */
	unsigned int bbm;
	bool upper;
	unsigned int unit; /* pages a slot of the model */
	unsigned int first, nr; /* slots that the model covers */
	unsigned int from, to; /* slots between which ranges lie, of those */
};

struct range {
	unsigned int first, nr; /* slots, from the model's first on */
};

enum op {
	OP_MAP,
	OP_MAP_SMALL, /* base pages, no blocks */
	OP_UNMAP,
	OP_UNMAP_FREE,
	OP_PROTECT,
	OP_PROTECT_MEM, /* a break where the format wants one */
	OP_SPLIT_0,
	OP_SPLIT_1,
	OP_COLLAPSE_1,
	OP_COLLAPSE_TOP,
	OP_AGE,
	OP_CLEAN,
	OP_NR,
};

static const char *const op_name[OP_NR] = {
	"map",	   "map small", "unmap",      "unmap free",   "protect", "protect memory type",
	"split 0", "split 1",	"collapse 1", "collapse top", "age",	 "clean",
};

struct world {
	const struct plan *plan;
	struct pt_phys *phys;
	struct page_source source;
	struct pt_pgtable *pt;
	struct ref_table ref;
	struct ref_page page[NR_PAGES]; /* the model between the two changes */
	uint64_t granule, nr_cases;
	pt_pa_t pa; /* of the model's slot 0 */
	struct pt_watch_ops watch; /* checked mode */
	size_t nr_stores;
};

static void count_store(void *ctx, const struct pt_store *store)
{
	struct world *w = ctx;

	(void)store;
	w->nr_stores++;
}

static void world_init(struct world *w, const struct plan *plan)
{
	const struct pt_phys_region region = { .pa = TABLES_PA, .len = NR_TABLES << 12, .fd = -1 };
	struct pt_pgtable_cfg cfg = {
		.fmt = {
			/* for the model: attributes mean what they mean on x86 */
			.fmt = PT_FMT_X86_64,
			.va_bits = plan->format->granule_lg2 + 6,
			.pa_bits = 32,
			.upper_half = plan->upper,
			.bbm = plan->bbm,
			.features = PT_FEAT_NX,
			.mem_types = 6, /* WB, then UC */
		},
		.mode = PT_MODE_PRIVATE, /* no grace periods: nobody else reads */
	};
	uint64_t unit;
	pt_va_t base;

	*w = (struct world){ .plan = plan };
	w->granule = UINT64_C(1) << plan->format->granule_lg2;
	assert_int_equal(pt_phys_create(&w->phys, &region, 1, 12), 0);
	/* A frame is the unit of descriptors, so each table gets one to itself. */
	page_source_init(&w->source, w->phys, TABLES_PA, 12, NR_TABLES);
	cfg.tables = page_source_ops(&w->source);
	w->watch = (struct pt_watch_ops){ .store = count_store, .ctx = w };
	cfg.watch = plan->mode == PTL_MODE_CHECKED ? &w->watch : NULL;
	assert_int_equal(ptl_pgtable_create(&w->pt, w->phys, &cfg, plan->format->ops[plan->mode]),
			 0);
	unit = plan->unit * w->granule;
	base = (plan->upper ? -(NR_PAGES * w->granule) : 0) + plan->first * unit;
	ref_init(&w->ref, &cfg.fmt, base, unit, plan->nr);
}

static void world_exit(struct world *w)
{
	assert_true(w->plan->mode != PTL_MODE_CHECKED || w->nr_stores);
	pt_pgtable_destroy(w->pt);
	assert_int_equal(w->source.nr_live, 0);
	ref_exit(&w->ref);
	page_source_exit(&w->source);
	pt_phys_destroy(w->phys);
}

static bool expect(bool ok, const char *what)
{
	if (!ok)
		fprintf(stderr, "%s: not as the model says\n", what);
	return ok;
}

/* Same output on and aligned, attributes alike: what could be one leaf or block of @slots. */
static bool is_one_piece(const struct world *w, unsigned int first, unsigned int slots)
{
	const struct ref_page *page = &w->ref.page[first];

	for (unsigned int i = 0; i < slots; i++)
		if (page[i].kind != REF_LEAF || page[i].pa != page[0].pa + i * w->ref.unit ||
		    (page[i].attr ^ page[0].attr) & ~REF_AD)
			return false;
	return page[0].pa % (slots * w->ref.unit) == 0;
}

/* No leaf of a level above @level is left in @r. */
static bool is_split(const struct world *w, const struct range *r, unsigned int level)
{
	for (unsigned int i = r->first; i < r->first + r->nr; i++) {
		struct pt_leaf leaf;

		if (!pt_lookup(w->pt, ref_va(&w->ref, i), &leaf) && leaf.level > level)
			return false;
	}
	return true;
}

/* Whatever in @r could be one leaf, up to @level, or one block, is. */
static bool is_collapsed(const struct world *w, const struct range *r, unsigned int level)
{
	struct pt_format_info info;
	pt_va_t end = ref_va(&w->ref, r->first + r->nr);

	w->pt->ops.describe(&w->pt->fmt, &info);
	for (unsigned int up = 0; up <= level; up++) {
		for (unsigned int block = 0; block < 2; block++) {
			unsigned int span_lg2 =
				info.leaf_lg2[up] + (block ? info.contig_lg2[up] : 0);
			uint64_t span = UINT64_C(1) << span_lg2;

			for (unsigned int i = r->first; i < r->first + r->nr; i++) {
				pt_va_t va = ref_va(&w->ref, i);
				struct pt_leaf leaf;

				if (span < w->ref.unit || va & (span - 1) || end - va < span ||
				    !is_one_piece(w, i, (unsigned int)(span / w->ref.unit)))
					continue;
				if (pt_lookup(w->pt, va, &leaf) ||
				    leaf.size_lg2 + leaf.contig_lg2 < span_lg2)
					return false;
			}
		}
	}
	return true;
}

static bool try_map(struct world *w, const struct range *r, pt_pa_t pa, bool small)
{
	struct pt_change change = { .flags = small ? PT_CHANGE_NO_CONTIG : 0,
				    .max_lg2 = small ? w->plan->format->granule_lg2 : 0 };
	uint64_t len = r->nr * w->ref.unit;
	size_t nr_tables = 0, before;
	pt_va_t bad_va = 0;
	int probe =
		pt_map_probe(w->pt, ref_va(&w->ref, r->first), pa, len, ATTR, &change, &nr_tables);
	int err = ref_map(&w->ref, r->first, r->nr, pa, ATTR, &bad_va);

	before = w->source.nr_live;
	if (!expect(probe == err, "map probe") ||
	    !expect(pt_map(w->pt, ref_va(&w->ref, r->first), pa, len, ATTR, &change) == err, "map"))
		return false;
	if (err)
		return expect(change.bad_va == bad_va, "first address in the way");
	return expect(change.done == len, "bytes mapped") &&
	       expect(w->source.nr_live - before == nr_tables, "tables as probed");
}

static bool try_protect(struct world *w, const struct range *r, pt_attr_t set, pt_attr_t clear,
			unsigned int flags)
{
	struct pt_change change = { .flags = flags };
	pt_va_t bad_va = 0;
	bool or_unsupported; /* never: all of these can be expressed */
	uint64_t done;
	int err = ref_protect(&w->ref, r->first, r->nr, set, clear, flags, &bad_va, &done,
			      &or_unsupported);

	if (!expect(pt_protect(w->pt, ref_va(&w->ref, r->first), r->nr * w->ref.unit, set, clear,
			       &change) == err,
		    "protect"))
		return false;
	return expect(err ? change.bad_va == bad_va : change.done == done, "bytes or address");
}

/* One change to both, and what it returned. */
static bool try_op(struct world *w, enum op op, const struct range *r)
{
	pt_va_t va = ref_va(&w->ref, r->first);
	uint64_t len = r->nr * w->ref.unit, done;
	unsigned int level = op == OP_SPLIT_1 || op == OP_COLLAPSE_1 ? 1
			     : op == OP_COLLAPSE_TOP		     ? w->plan->format->max_level
								     : 0;
	struct pt_change change = { 0 };

	switch (op) {
	case OP_MAP:
	case OP_MAP_SMALL:
		return try_map(w, r, w->pa + r->first * w->ref.unit, op == OP_MAP_SMALL);
	case OP_UNMAP:
	case OP_UNMAP_FREE:
		change.flags = op == OP_UNMAP_FREE ? PT_CHANGE_FREE_TABLES : 0;
		done = ref_unmap(&w->ref, r->first, r->nr);
		return expect(pt_unmap(w->pt, va, len, &change) == 0, "unmap") &&
		       expect(change.done == done, "bytes unmapped");
	case OP_PROTECT:
		return try_protect(w, r, PT_ATTR_SW(1), PT_ATTR_WRITE, PT_CHANGE_SKIP_HOLES);
	case OP_PROTECT_MEM:
		return try_protect(w, r, PT_ATTR_MEM(PT_MEM_UC), PT_ATTR_MEM_MASK, 0);
	case OP_SPLIT_0:
	case OP_SPLIT_1:
		return expect(pt_split(w->pt, va, len, level, &change) == 0, "split") &&
		       expect(is_split(w, r, level), "leaves after a split");
	case OP_COLLAPSE_1:
	case OP_COLLAPSE_TOP:
		return expect(pt_collapse(w->pt, va, len, level, &change) == 0, "collapse") &&
		       expect(is_collapsed(w, r, level), "leaves after a collapse");
	case OP_AGE:
		done = ref_test_and_clear(&w->ref, r->first, r->nr, PT_ATTR_ACCESSED);
		return expect(pt_test_and_clear_accessed(w->pt, va, len, &change) == 0, "age") &&
		       expect(change.done == done, "bytes aged");
	case OP_CLEAN:
		done = ref_test_and_clear(&w->ref, r->first, r->nr, PT_ATTR_DIRTY);
		return expect(pt_test_and_clear_dirty(w->pt, va, len, &change) == 0, "clean") &&
		       expect(change.done == done, "bytes cleaned");
	default:
		return false;
	}
}

/* What both are now, by every way of asking. */
static bool agree(struct world *w, enum op op)
{
	bool merged = op == OP_COLLAPSE_1 || op == OP_COLLAPSE_TOP;

	return expect(ref_observe(&w->ref, w->pt, merged), "leaves") &&
	       expect(ref_check(&w->ref, w->pt), "walks") &&
	       expect(pt_verify(w->pt, NULL, NULL) == 0, "verify");
}

static void start_over(struct world *w)
{
	struct pt_change change = { .flags = PT_CHANGE_FREE_TABLES };
	pt_va_t va = w->plan->upper ? -(NR_PAGES * w->granule) : 0;

	assert_int_equal(pt_unmap(w->pt, va, NR_PAGES * w->granule, &change), 0);
	assert_int_equal(w->source.nr_live, 1);
	memset(w->ref.page, 0, w->ref.nr * sizeof(*w->ref.page));
}

static void fail_case(const struct world *w, const char *base, unsigned int phase, enum op op1,
		      const struct range *r1, enum op op2, const struct range *r2)
{
	print_error("%s mode %u bbm %u base %s phase %u: %s [%u, +%u), then %s [%u, +%u)\n",
		    w->plan->format->name, w->plan->mode, w->plan->bbm, base, phase, op_name[op1],
		    r1->first, r1->nr, op_name[op2], r2->first, r2->nr);
	fail();
}

static bool next_range(const struct plan *plan, struct range *r)
{
	if (r->first + r->nr < plan->to) {
		r->nr++;
		return true;
	}
	r->first++;
	r->nr = 1;
	return r->first < plan->to;
}

/* The table as it is before the first change. */
enum base {
	BASE_EMPTY,
	BASE_LARGE, /* everything mapped, as large as it gets */
	BASE_SMALL, /* as base pages */
	BASE_NR,
};

static const char *const base_name[BASE_NR] = { "empty", "large", "small" };

static bool build(struct world *w, enum base base, enum op op1, const struct range *r1)
{
	const struct range all = { 0, (unsigned int)w->ref.nr };

	if (base != BASE_EMPTY && !try_map(w, &all, w->pa, base == BASE_SMALL))
		return false;
	return (base == BASE_EMPTY || ref_observe(&w->ref, w->pt, false)) && try_op(w, op1, r1);
}

/* @op1 over @r1, then every change over every range. */
static void go_over(struct world *w, enum base base, unsigned int phase, enum op op1,
		    const struct range *r1)
{
	bool first = true;

	w->pa = TARGET_PA + (w->plan->first * w->plan->unit + phase) * w->granule;
	for (enum op op2 = 0; op2 < OP_NR; op2++) {
		struct range r2 = { w->plan->from, 1 };

		if (base != BASE_EMPTY && op2 == OP_MAP_SMALL)
			continue;
		do {
			bool ok = build(w, base, op1, r1);

			if (ok && first) {
				ok = agree(w, op1);
				memcpy(w->page, w->ref.page, w->ref.nr * sizeof(*w->page));
				first = false;
			}
			memcpy(w->ref.page, w->page, w->ref.nr * sizeof(*w->page));
			if (!ok || !try_op(w, op2, &r2) || !agree(w, op2))
				fail_case(w, base_name[base], phase, op1, r1, op2, &r2);
			start_over(w);
			w->nr_cases++;
		} while (next_range(w->plan, &r2));
	}
}

/* Every phase in exclusive mode; in the others they take turns, each range and change once. */
static void go_over_phases(struct world *w, enum base base, enum op op1, const struct range *r1,
			   unsigned int *turn)
{
	if (w->plan->mode != PTL_MODE_EXCLUSIVE) {
		go_over(w, base, phases[++*turn % NR_PHASES], op1, r1);
		return;
	}
	for (size_t i = 0; i < NR_PHASES; i++)
		go_over(w, base, phases[i], op1, r1);
}

static void every_pair(const struct plan *plan)
{
	struct range r1 = { plan->from, 1 };
	unsigned int turn = 0;
	struct world w;

	world_init(&w, plan);
	do {
		go_over_phases(&w, BASE_EMPTY, OP_MAP, &r1, &turn);
		go_over_phases(&w, BASE_EMPTY, OP_MAP_SMALL, &r1, &turn);
		for (enum op op1 = OP_UNMAP; op1 < OP_NR; op1++) {
			go_over_phases(&w, BASE_LARGE, op1, &r1, &turn);
			go_over_phases(&w, BASE_SMALL, op1, &r1, &turn);
		}
	} while (next_range(plan, &r1));
	print_message("%s mode %u bbm %u: %llu pairs\n", plan->format->name, plan->mode, plan->bbm,
		      (unsigned long long)w.nr_cases);
	world_exit(&w);
}

static void every_mode(struct plan plan)
{
	for (plan.mode = 0; plan.mode < PTL_NR_MODES; plan.mode++)
		every_pair(&plan);
}

static void tiny_pages_around_a_top_boundary(void **state)
{
	(void)state;
	every_mode((struct plan){ &tiny, 0, 0, false, 1, 0, 32, 11, 19 });
}

static void tiny_pages_up_to_the_last_byte(void **state)
{
	(void)state;
	every_mode((struct plan){ &tiny, 0, 2, true, 1, 32, 32, 24, 32 });
}

static void tiny_level_1_leaves_everywhere(void **state)
{
	(void)state;
	every_mode((struct plan){ &tiny, 0, 0, false, 4, 0, 16, 2, 10 });
}

static void napot_pages_around_a_block_of_blocks(void **state)
{
	(void)state;
	every_mode((struct plan){ &napot, 0, 0, false, 1, 16, 32, 11, 19 });
}

static void napot_pages_up_to_the_last_byte(void **state)
{
	(void)state;
	every_mode((struct plan){ &napot, 0, 2, true, 1, 32, 32, 24, 32 });
}

static void napot_blocks_everywhere(void **state)
{
	(void)state;
	every_mode((struct plan){ &napot, 0, 0, false, 4, 0, 16, 6, 14 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiny_pages_around_a_top_boundary),
		cmocka_unit_test(tiny_pages_up_to_the_last_byte),
		cmocka_unit_test(tiny_level_1_leaves_everywhere),
		cmocka_unit_test(napot_pages_around_a_block_of_blocks),
		cmocka_unit_test(napot_pages_up_to_the_last_byte),
		cmocka_unit_test(napot_blocks_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
