/* SPDX-License-Identifier: MIT */
/* keep_impl.h - the parts of a walk that kept.h is about; included by walk_impl.h. */
#ifndef PTL_KEEP_IMPL_H
#define PTL_KEEP_IMPL_H

#include "mmu/kept.h"
#include "mmu/mmu_api.h"
#include "pt/fmt_api.h"

static inline unsigned int mmu_level_lg2(unsigned int level)
{
	return FMT_GRANULE_LG2 + FMT_INDEX_BITS * level;
}

/* Where a walk starts, if not at the root. */
static inline void mmu_start(const struct ptl_kept *kept, pt_pa_t *table_pa, unsigned int *level,
			     struct ptl_failure *failure)
{
	const struct ptl_kept_table *table = &kept->table[kept->from];

	if (kept->from == PTL_FROM_ROOT)
		return;
	*level = kept->from;
	*table_pa = table->pa;
	failure->all = table->all;
	failure->any = table->any;
}

/* @failure: what the walk has found so far, though it may not fail. */
static inline void mmu_keep_table(struct ptl_kept_table *table, pt_pa_t table_pa,
				  const struct ptl_regime *r, const struct ptl_failure *failure)
{
	table->pa = table_pa;
	/* Kept are only walks that have marked what they used. */
	table->all = failure->all | mmu_mark(0, false, false, r);
	table->any = failure->any;
}

/* A block that is none, by where its entry stands, is used as if it said so. */
static inline unsigned int mmu_block_lg2(uint64_t leaf, uint64_t in,
					 const struct ptl_translation *to,
					 const struct ptl_regime *r)
{
	unsigned int block_lg2 = to->size_lg2 + fmt_contig_lg2(leaf, to->level, &r->fmt);

	return ptl_aligned(to->pa ^ in, block_lg2) ? block_lg2 : to->size_lg2;
}

static inline void mmu_keep_leaf(struct ptl_kept *kept, const struct ptl_regime *r, uint64_t in,
				 const struct ptl_failure *walk, bool write,
				 const struct ptl_translation *to)
{
	kept->raw = mmu_mark(walk->raw, true, write, r);
	kept->words = ptl_kept_pack(walk->all | mmu_mark(0, false, false, r), walk->any);
	kept->level = to->level;
	kept->leaf_lg2 = to->size_lg2;
	kept->size_lg2 = mmu_block_lg2(walk->raw, in, to, r);
	kept->pa = ptl_align_down(to->pa, kept->size_lg2);
	kept->mem = to->mem;
	kept->global = mmu_is_global(walk->raw, r);
	kept->withheld = 0;
}

static unsigned int mmu_judge(const struct ptl_regime *r, uint32_t words, uint64_t leaf,
			      unsigned int class)
{
	uint64_t all = ptl_kept_all(words), any = ptl_kept_any(words);

	return mmu_perms(all, any, leaf, class, r) |
	       (mmu_is_marked(all, leaf, true, r) ? 0 : PTL_JUDGED_CLEAN);
}

#endif /* PTL_KEEP_IMPL_H */
