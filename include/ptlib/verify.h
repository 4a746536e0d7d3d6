/* SPDX-License-Identifier: MIT */
/*
 * ptlib/verify.h - check every invariant of a table.
 */
#ifndef PTLIB_VERIFY_H
#define PTLIB_VERIFY_H

#include <ptlib/format.h>
#include <ptlib/query.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is wrong with an entry or a table page. */
enum pt_bad {
	PT_BAD_ILLEGAL,  /* see why: reserved bits, address width, outside, loop */
	PT_BAD_CONTIG,   /* a contiguous block is none, from this entry on; once for a block */
	PT_BAD_WORD,     /* a transient word of this library that nobody will take away */
	PT_BAD_LOCK,     /* a table page that is still locked, dead or pinned */
	PT_BAD_PARENTS,  /* a table page of ours that is referenced, but not in use */
	PT_BAD_LEVEL,    /* one page used as tables of two levels */
	PT_BAD_NR,
};

struct pt_finding {
	enum pt_bad bad;
	enum pt_illegal why; /* PT_BAD_ILLEGAL only */
	pt_va_t va;          /* first byte that the entry covers */
	pt_pa_t table_pa;
	unsigned int level;
	unsigned int index;
	uint64_t raw;
};

/** Called once a finding; return false to stop. */
typedef bool (*pt_report_fn)(void *ctx, const struct pt_finding *finding);

/**
 * pt_verify() - Look at every entry of every table page, each page once.
 * @report: May be NULL.
 *
 * Time is linear in the number of distinct table pages, whatever they point at.
 *
 * What hardware follows and we do not is found too: a top table with a slot that points
 * at itself is PT_ILLEGAL_LOOP. Rights are the owner's policy and not looked at: whoever wants no
 * page writable and executable walks with PT_WALK_EFFECTIVE.
 *
 * Context: no concurrent change of @pt.
 * Return: 0 if nothing was found, -EFAULT if something was, -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_verify(const struct pt_pgtable *pt, pt_report_fn report, void *ctx);

/**
 * pt_verify_range() - Look at every entry that is for an address of [@first, @last].
 *
 * As pt_verify(), of these entries at each level and the tables that they point at: a self-map in
 * one half is no finding about the other. Contiguous blocks are looked at whole. A page that
 * stands at an end of the range is looked at again where it stands wholly inside.
 *
 * Return: as pt_verify(); -EINVAL if @first is above @last.
 */
PT_API PT_MUST_CHECK int pt_verify_range(const struct pt_pgtable *pt, pt_va_t first, pt_va_t last,
					 pt_report_fn report, void *ctx);

/**
 * pt_verify_block() - Look at the contiguous block that one entry has its place in.
 * @cfg:      The format of the table, of either stage.
 * @table_pa: Where the table is in @phys, @level and @index: as pt_trace() or
 *            pt_access_trace() report a step.
 * @finding:  Receives the first entry at which the block is none, as pt_verify()
 *            finds it, as PT_BAD_CONTIG; its va counts from where the table begins.
 *
 * What an access to such a block translates to is CONSTRAINED UNPREDICTABLE: as any
 * of the block's entries say, or a fault. pt_access() does as the entry says that a
 * walk reads. That goes for an entry without the Contiguous bit too, where a neighbour has it:
 * what a TLB keeps of that one may cover it.
 *
 * Context: no concurrent change of the table.
 * Return: 0 in a sound block, or where no entry is marked; -EFAULT with @finding; -EINVAL
 * for a configuration, level or index that does not exist, or a table that is not in
 * memory.
 * Source: Arm ARM DDI 0487 J.a, D8.7 "The Contiguous bit".
 */
PT_API PT_MUST_CHECK int pt_verify_block(const struct pt_phys *phys, const struct pt_fmt_cfg *cfg,
					 pt_pa_t table_pa, unsigned int level, unsigned int index,
					 struct pt_finding *finding);

/** Returns a short static description of @bad. */
PT_API const char *pt_bad_name(enum pt_bad bad);

/* What tables a tree is made of; each page counted once. */
struct pt_usage {
	size_t tables[PT_MAX_LEVELS];  /* pages, by level */
	size_t leaves[PT_MAX_LEVELS];  /* entries */
	size_t soft[PT_MAX_LEVELS];    /* non-present, non-zero entries */
	size_t illegal[PT_MAX_LEVELS]; /* entries, targets outside memory and loops included */
	size_t used[PT_MAX_LEVELS];    /* entries that are not empty */
	size_t entries[PT_MAX_LEVELS]; /* entries in all */
};

/** Counts them; context and errors as pt_verify(), -EFAULT excepted. */
PT_API PT_MUST_CHECK int pt_usage(const struct pt_pgtable *pt, struct pt_usage *usage);

/** Called once a table page, parents first; return false to stop. */
typedef bool (*pt_table_fn)(void *ctx, pt_pa_t pa, unsigned int level, uint64_t bytes);

/** Visits each distinct table page of @pt; context and errors as pt_usage(). */
PT_API PT_MUST_CHECK int pt_for_each_table(const struct pt_pgtable *pt, pt_table_fn fn, void *ctx);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_VERIFY_H */
