/* SPDX-License-Identifier: MIT */
/* Checks and counts over whole trees: pt_verify(), pt_usage(), pt_for_each_table(). */
#include <ptlib/verify.h>

#include "pt/visit.h"

/* Within one table: what the rest of a contiguous block must be, and the end of one that is none. */
struct block {
	unsigned int left, known_end;
	uint64_t next;
};

struct verify {
	const struct pt_pgtable *pt;
	pt_report_fn report;
	void *ctx;
	pt_va_t first, last;
	struct pt_format_info info;
	bool found, stopped;
	struct block block[PT_MAX_LEVELS]; /* of the tables on the way */
};

/* A visit to a range has whole blocks at its ends: only these are of interest past the range. */
static bool is_asked(const struct verify *v, enum pt_bad bad, const struct ptl_visit *visit,
		     const struct ptl_visit_entry *entry)
{
	return !entry || bad == PT_BAD_CONTIG ||
	       (entry->va <= v->last &&
		ptl_last(entry->va, v->info.leaf_lg2[visit->level]) >= v->first);
}

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

	if (!is_asked(v, bad, visit, entry))
		return true;
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

	v->block[visit->level] = (struct block){ 0 };
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

/*
 * A block is all of it, in place, marked in every entry, and goes on in every entry. One that is
 * not is news once: whatever comes behind the first odd entry disagrees with that.
 */
static bool block_broken(struct block *block, const struct ptl_visit_entry *entry,
			 unsigned int size_lg2, unsigned int contig_lg2)
{
	unsigned int nr = 1u << contig_lg2;
	bool marked = entry->kind == PTL_LEAF && entry->contig_lg2;
	bool broken = false;

	if (entry->index < block->known_end)
		return false;
	if (block->left) {
		block->left--;
		broken = !marked || entry->still != block->next;
	} else if (marked) {
		broken = entry->index % nr || !ptl_aligned(entry->pa, size_lg2 + contig_lg2);
		block->left = nr - 1;
	}
	if (broken) {
		block->left = 0;
		block->known_end = (entry->index | (nr - 1)) + 1;
	}
	block->next = entry->next;
	return broken;
}

static bool verify_entry(void *ctx, const struct ptl_visit *visit,
			 const struct ptl_visit_entry *entry)
{
	struct verify *v = ctx;
	struct pt_frame *frame = ptl_frame_at(v->pt, visit->table_pa);
	struct block *block = &v->block[visit->level];

	if (entry->kind == PTL_ILLEGAL && !report(v, PT_BAD_ILLEGAL, entry->why, visit, entry))
		return false;
	if (entry->kind >= PTL_BREAK &&
	    atomic_load_explicit(&frame->state, memory_order_relaxed) == PTL_FRAME_TABLE &&
	    !report(v, PT_BAD_WORD, PT_LEGAL, visit, entry))
		return false;
	if (!block->left && !entry->contig_lg2)
		return true;
	if (entry->contig_lg2 > v->info.entries_lg2[visit->level])
		return true; /* a short table cannot hold a block: the mark means nothing */
	return !block_broken(block, entry, v->info.leaf_lg2[visit->level],
			     v->info.contig_lg2[visit->level]) ||
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

int pt_verify_range(const struct pt_pgtable *pt, pt_va_t first, pt_va_t last, pt_report_fn fn,
		    void *ctx)
{
	struct verify v = { .pt = pt, .report = fn, .ctx = ctx, .first = first, .last = last };
	int ret;

	if (first > last)
		return -EINVAL;
	pt->ops.describe(&pt->fmt, &v.info);
	ret = ptl_visit_range(pt, first, last, verify_table, verify_entry, verify_odd, &v);
	return ret < 0 ? ret : v.found ? -EFAULT : 0;
}

int pt_verify(const struct pt_pgtable *pt, pt_report_fn fn, void *ctx)
{
	return pt_verify_range(pt, 0, UINT64_MAX, fn, ctx);
}

/* One block: the first entry at which it is none. */
struct block_search {
	struct block block;
	unsigned int size_lg2, contig_lg2;
	bool found;
	struct ptl_visit_entry broken;
};

static bool search_block(void *ctx, const struct ptl_visit *visit,
			 const struct ptl_visit_entry *entry)
{
	struct block_search *search = ctx;

	(void)visit;
	if (!search->found &&
	    block_broken(&search->block, entry, search->size_lg2, search->contig_lg2)) {
		search->found = true;
		search->broken = *entry;
	}
	return true;
}

int pt_verify_block(const struct pt_phys *phys, const struct pt_fmt_cfg *cfg, pt_pa_t table_pa,
		    unsigned int level, unsigned int index, struct pt_finding *finding)
{
	const struct ptl_ops *ops = ptl_format_ops(cfg->fmt, PTL_MODE_EXCLUSIVE);
	struct ptl_visit visit = { .table_pa = table_pa, .level = level };
	struct block_search search = { .found = false };
	struct ptl_fmt f = { .cfg = *cfg };
	struct pt_format_info info;
	unsigned int first, nr;

	if (!ops || ops->init(&f))
		return -EINVAL;
	ops->describe(&f, &info);
	if (level >= info.nr_levels || index >> info.entries_lg2[level] || table_pa % 8)
		return -EINVAL;
	visit.table = pt_phys_to_host(phys, table_pa, UINT64_C(8) << info.entries_lg2[level]);
	if (!visit.table)
		return -EINVAL;
	if (info.contig_lg2[level] > info.entries_lg2[level])
		return 0;
	nr = 1u << info.contig_lg2[level];
	first = index & ~(nr - 1);
	search.size_lg2 = info.leaf_lg2[level];
	search.contig_lg2 = info.contig_lg2[level];
	(void)ops->visit_entries(&f, &visit, first, first + nr, search_block, &search);
	if (!search.found)
		return 0;
	*finding = (struct pt_finding){
		.bad = PT_BAD_CONTIG,
		.va = (pt_va_t)search.broken.index << search.size_lg2,
		.table_pa = table_pa,
		.level = level,
		.index = search.broken.index,
		.raw = search.broken.raw,
	};
	return -EFAULT;
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

struct usage {
	struct pt_usage *counts;
	struct pt_format_info info;
};

static enum ptl_visit_how usage_table(void *ctx, const struct ptl_visit *visit)
{
	struct usage *usage = ctx;

	usage->counts->tables[visit->level]++;
	usage->counts->entries[visit->level] += (size_t)1 << usage->info.entries_lg2[visit->level];
	return PTL_VISIT_BELOW;
}

static bool usage_entry(void *ctx, const struct ptl_visit *visit,
			const struct ptl_visit_entry *entry)
{
	struct pt_usage *usage = ((struct usage *)ctx)->counts;
	unsigned int level = visit->level;

	usage->used[level] += entry->kind != PTL_EMPTY;
	usage->leaves[level] += entry->kind == PTL_LEAF;
	usage->soft[level] += entry->kind == PTL_SOFT || entry->kind >= PTL_BREAK;
	usage->illegal[level] += entry->kind == PTL_ILLEGAL;
	return true;
}

static bool usage_odd(void *ctx, const struct ptl_visit *visit,
		      const struct ptl_visit_entry *entry, enum ptl_visit_odd odd)
{
	struct pt_usage *usage = ((struct usage *)ctx)->counts;

	(void)entry;
	usage->illegal[visit->level] += odd != PTL_ODD_LEVEL;
	return true;
}

int pt_usage(const struct pt_pgtable *pt, struct pt_usage *usage)
{
	struct usage count = { .counts = usage };

	*usage = (struct pt_usage){ 0 };
	pt->ops.describe(&pt->fmt, &count.info);
	return ptl_visit_tree(pt, usage_table, usage_entry, usage_odd, &count);
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
