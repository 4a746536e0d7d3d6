/* SPDX-License-Identifier: MIT */
/* Checks and counts over whole trees: pt_verify(), pt_usage(), pt_for_each_table(). */
#include <ptlib/verify.h>

#include "pt/visit.h"

struct verify {
	const struct pt_pgtable *pt;
	pt_report_fn report;
	void *ctx;
	bool found, stopped;
	/* Within one table: what the rest of a contiguous block must be. */
	unsigned int block_left;
	uint64_t block_next;
};

static bool report(struct verify *v, enum pt_bad bad, enum pt_illegal why,
		   const struct ptl_visit *visit, const struct ptl_visit_entry *entry)
{
	const struct pt_finding finding = {
		.bad = bad,
		.why = why,
		.va = entry ? entry->va : visit->va,
		.table_pa = visit->table_pa,
		.level = visit->level,
		.index = entry ? entry->index : 0,
		.raw = entry ? entry->raw : 0,
	};

	v->found = true;
	if (v->report && !v->report(v->ctx, &finding))
		v->stopped = true;
	return !v->stopped;
}

static enum ptl_visit_how verify_table(void *ctx, const struct ptl_visit *visit)
{
	struct verify *v = ctx;
	struct pt_frame *frame = ptl_frame_at(v->pt, visit->table_pa);
	bool is_root = visit->table_pa == v->pt->root_pa;

	v->block_left = 0;
	if (atomic_load_explicit(&frame->lock, memory_order_relaxed) &&
	    !report(v, PT_BAD_LOCK, PT_LEGAL, visit, NULL))
		return PTL_VISIT_STOP;
	if ((atomic_load_explicit(&frame->state, memory_order_relaxed) == PTL_FRAME_STOCK ||
	     (atomic_load_explicit(&frame->state, memory_order_relaxed) == PTL_FRAME_TABLE &&
	      !atomic_load_explicit(&frame->refs, memory_order_relaxed))) &&
	    !is_root)
		/* What is in a freed page means nothing, and may not be read. */
		return report(v, PT_BAD_PARENTS, PT_LEGAL, visit, NULL) ? PTL_VISIT_PAST :
									   PTL_VISIT_STOP;
	return PTL_VISIT_BELOW;
}

/* A block is all of it, in place, marked in every entry, and goes on in every entry. */
static bool block_broken(struct verify *v, const struct ptl_visit_entry *entry,
			 unsigned int size_lg2)
{
	unsigned int block = 1u << entry->contig_lg2;
	bool marked = entry->kind == PTL_LEAF && entry->contig_lg2;

	if (v->block_left) {
		v->block_left--;
		if (!marked || entry->still != v->block_next) {
			v->block_left = 0;
			return true;
		}
	} else if (marked) {
		if (entry->index % block || !ptl_aligned(entry->pa, size_lg2 + entry->contig_lg2))
			return true;
		v->block_left = block - 1;
	}
	v->block_next = entry->next;
	return false;
}

static bool verify_entry(void *ctx, const struct ptl_visit *visit,
			 const struct ptl_visit_entry *entry)
{
	struct verify *v = ctx;
	struct pt_frame *frame = ptl_frame_at(v->pt, visit->table_pa);
	struct pt_format_info info;

	if (entry->kind == PTL_ILLEGAL && !report(v, PT_BAD_ILLEGAL, entry->why, visit, entry))
		return false;
	if (entry->kind >= PTL_BREAK &&
	    atomic_load_explicit(&frame->state, memory_order_relaxed) == PTL_FRAME_TABLE &&
	    !report(v, PT_BAD_WORD, PT_LEGAL, visit, entry))
		return false;
	if (!v->block_left && !entry->contig_lg2)
		return true;
	v->pt->ops.describe(&v->pt->fmt, &info);
	if (entry->contig_lg2 > info.entries_lg2[visit->level])
		return true; /* a short table cannot hold a block: the mark means nothing */
	return !block_broken(v, entry, info.leaf_lg2[visit->level]) ||
	       report(v, PT_BAD_CONTIG, PT_LEGAL, visit, entry);
}

static bool verify_odd(void *ctx, const struct ptl_visit *visit,
		       const struct ptl_visit_entry *entry, enum ptl_visit_odd odd)
{
	switch (odd) {
	case PTL_ODD_OUTSIDE:
		return report(ctx, PT_BAD_ILLEGAL, PT_ILLEGAL_OUTSIDE, visit, entry);
	case PTL_ODD_LOOP:
		return report(ctx, PT_BAD_ILLEGAL, PT_ILLEGAL_LOOP, visit, entry);
	case PTL_ODD_LEVEL:
		return report(ctx, PT_BAD_LEVEL, PT_LEGAL, visit, entry);
	}
	return true;
}

int pt_verify(const struct pt_pgtable *pt, pt_report_fn fn, void *ctx)
{
	struct verify v = { .pt = pt, .report = fn, .ctx = ctx };
	int ret = ptl_visit_tree(pt, verify_table, verify_entry, verify_odd, &v);

	return ret < 0 ? ret : v.found ? -EFAULT : 0;
}

const char *pt_bad_name(enum pt_bad bad)
{
	static const char *const name[PT_BAD_NR] = {
		[PT_BAD_ILLEGAL] = "illegal entry",
		[PT_BAD_CONTIG] = "inconsistent contiguous block",
		[PT_BAD_WORD] = "transient word left behind",
		[PT_BAD_LOCK] = "table locked, dead or pinned",
		[PT_BAD_PARENTS] = "table in use that was freed",
		[PT_BAD_LEVEL] = "table of two levels",
	};

	return (unsigned int)bad < PT_BAD_NR ? name[bad] : "unknown";
}

static enum ptl_visit_how usage_table(void *ctx, const struct ptl_visit *visit)
{
	struct pt_usage *usage = ctx;

	usage->tables[visit->level]++;
	return PTL_VISIT_BELOW;
}

static bool usage_entry(void *ctx, const struct ptl_visit *visit,
			const struct ptl_visit_entry *entry)
{
	struct pt_usage *usage = ctx;
	unsigned int level = visit->level;

	usage->entries[level]++;
	usage->used[level] += entry->kind != PTL_EMPTY;
	usage->leaves[level] += entry->kind == PTL_LEAF;
	usage->soft[level] += entry->kind == PTL_SOFT || entry->kind >= PTL_BREAK;
	usage->illegal[level] += entry->kind == PTL_ILLEGAL;
	return true;
}

static bool usage_odd(void *ctx, const struct ptl_visit *visit,
		      const struct ptl_visit_entry *entry, enum ptl_visit_odd odd)
{
	struct pt_usage *usage = ctx;

	(void)entry;
	usage->illegal[visit->level] += odd != PTL_ODD_LEVEL;
	return true;
}

int pt_usage(const struct pt_pgtable *pt, struct pt_usage *usage)
{
	*usage = (struct pt_usage){ 0 };
	return ptl_visit_tree(pt, usage_table, usage_entry, usage_odd, usage);
}

struct each_table {
	const struct pt_pgtable *pt;
	pt_table_fn fn;
	void *ctx;
	struct pt_format_info info;
};

static enum ptl_visit_how each_table(void *ctx, const struct ptl_visit *visit)
{
	struct each_table *each = ctx;
	uint64_t bytes = UINT64_C(8) << each->info.entries_lg2[visit->level];

	return each->fn(each->ctx, visit->table_pa, visit->level, bytes) ? PTL_VISIT_BELOW :
									   PTL_VISIT_STOP;
}

int pt_for_each_table(const struct pt_pgtable *pt, pt_table_fn fn, void *ctx)
{
	struct each_table each = { .pt = pt, .fn = fn, .ctx = ctx };
	int ret;

	pt->ops.describe(&pt->fmt, &each.info);
	ret = ptl_visit_tree(pt, each_table, NULL, NULL, &each);
	return ret < 0 ? ret : 0;
}
