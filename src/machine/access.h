/* SPDX-License-Identifier: MIT */
/*
 * access.h - what the two ways of an access share: entries of the TLB, judged and made.
 *
 * The data word of an entry:
 *
 *	 63        27 26      23 22     20 19     16 15                       0
 *	+------------+----------+---------+---------+--------------------------+
 *	|   stamp    | withheld |  level  |   mem   | ptl_kept_pack() of words |
 *	+------------+----------+---------+---------+--------------------------+
 *
 * and its raw word the leaf, of entries of tables 0. The stamp is the checker's clock before
 * the walk, or before a table that the walk began at went out of use.
 */
#ifndef PTL_MACHINE_ACCESS_H
#define PTL_MACHINE_ACCESS_H

#include "machine/machine_internal.h"

/* An access that the TLB did not translate, or not for what it wants: a walk may start. */
struct ptl_missed {
	struct ptl_asked asked;
	struct ptl_kept kept;
};

/*
 * The thorough way, which every access can go. @missed: NULL, or what the usual way came to
 * before it had to give up: its first lookup, and the quick way of the walk behind it, are not
 * gone nor counted again.
 */
int ptl_cpu_access_fully(struct pt_cpu *cpu, pt_va_t va, const struct pt_access *how,
			 struct pt_access_result *result, const struct ptl_missed *missed);

static inline enum pt_tlb_use ptl_use_of(const struct pt_access *how)
{
	return how->kind == PT_ACCESS_FETCH ? PT_TLB_USE_FETCH : PT_TLB_USE_DATA;
}

/* What the words in @entry let @asked do, PT_PERM_*, and PTL_JUDGED_CLEAN. */
static inline unsigned int ptl_judge_entry(const struct pt_tlb_entry *entry,
					   const struct ptl_asked *asked)
{
	unsigned int judged = asked->r->walker->judge(asked->r, (uint32_t)entry->data, entry->raw,
						      asked->want.class);

	return ptl_judged_by_both(judged, entry->data >> PTL_WITHHELD_SHIFT & 15);
}

/* @len bytes of the access begin at @in, in the page of @entry. */
static inline void ptl_piece_of_entry(struct pt_piece *piece, const struct pt_tlb_entry *entry,
				      uint64_t in, unsigned int perms, uint32_t len)
{
	*piece = (struct pt_piece){
		.pa = entry->pa + (in - entry->va),
		.raw = entry->raw,
		.len = len,
		.perms = (uint8_t)perms,
		.mem = entry->data >> PTL_MEM_SHIFT & 15,
		.level = entry->data >> PTL_LEVEL_SHIFT & 7,
		.size_lg2 = entry->leaf_lg2,
	};
}

/* Where a walk starts: at the nearest table that is kept, or the root. */
static inline const struct pt_tlb_entry *ptl_find_start(struct pt_cpu *cpu,
							struct ptl_missed *missed)
{
	unsigned int granule_lg2 = missed->asked.r->walker->granule_lg2;
	struct ptl_kept *kept = &missed->kept;
	const struct pt_tlb_entry *entry = NULL;

	kept->from = PTL_FROM_ROOT;
	if (cpu->table_sizes)
		entry = pt_tlb_lookup(cpu->tlb, PT_TLB_USE_TABLE, missed->asked.in);
	if (!entry)
		return NULL;
	kept->from = (entry->size_lg2 - granule_lg2) / (granule_lg2 - 3) - 1;
	kept->table[kept->from] = (struct ptl_kept_table){
		.pa = entry->pa,
		.all = ptl_kept_all(entry->data),
		.any = ptl_kept_any(entry->data),
	};
	return entry;
}

/* From there on, the quick way of the walk. How many words it read, or 0: it decided nothing. */
static inline unsigned int ptl_walk_usually(const struct pt_cpu *cpu, struct ptl_missed *missed,
					    struct ptl_kept_page *page)
{
	const struct ptl_asked *asked = &missed->asked;
	const struct ptl_want *want = &asked->want;
	const struct ptl_walker *walker = asked->r->walker;
	struct ptl_kept *kept = &missed->kept;

	if (kept->from == PTL_FROM_ROOT)
		return walker->keep(asked->r, asked->in, want->perms, want->class,
				    cpu->table_sizes ? kept->table : NULL, page);
	return kept->from ? 0
			  : walker->keep_from(asked->r, asked->in, want->perms, want->class,
					      &kept->table[0], page);
}

/* As ptl_piece_of_entry(), of what that found. */
static inline void ptl_piece_of_page(struct pt_piece *piece, const struct ptl_kept_page *page,
				     unsigned int page_lg2, uint32_t len)
{
	*piece = (struct pt_piece){
		.pa = page->pa,
		.raw = page->raw,
		.len = len,
		.perms = (uint8_t)page->perms,
		.mem = (uint8_t)page->mem,
		.level = 0,
		.size_lg2 = (uint8_t)page_lg2,
	};
}

/* The TLB keeps the tables that a walk came by, from where it started down to @level. */
void ptl_keep_tables(struct pt_cpu *cpu, const struct ptl_missed *missed, unsigned int level,
		     uint64_t stamp);

static inline bool ptl_keeps_as_global(const struct pt_cpu *cpu, bool global)
{
	return global && (cpu->global || cpu->machine->cfg.arm64);
}

/* What the TLB translates it by, if the registers of now allow it so; counted. *@judged: how. */
static inline const struct pt_tlb_entry *ptl_look_up(struct pt_cpu *cpu,
						     const struct ptl_asked *asked,
						     const struct pt_access *how,
						     unsigned int *judged)
{
	const struct pt_tlb_entry *entry = pt_tlb_lookup(cpu->tlb, ptl_use_of(how), asked->in);

	if (!entry) {
		ptl_count(&cpu->counters, PTL_COUNT_MISSES, 1);
		return NULL;
	}
	*judged = ptl_judge_entry(entry, asked);
	if (!ptl_judged_allows(*judged, &asked->want)) {
		ptl_count(&cpu->counters, PTL_COUNT_REFUSED, 1);
		return NULL;
	}
	ptl_count(&cpu->counters, PTL_COUNT_HITS, 1);
	return entry;
}

#endif /* PTL_MACHINE_ACCESS_H */
