/* SPDX-License-Identifier: MIT */
/* Words for software: not present to hardware, not empty to pt_map(). */
#include "pt/pagetable_internal.h"

uint64_t ptl_make_soft(struct pt_pgtable *pt, pt_va_t va, uint64_t raw)
{
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_step *step;
	struct pt_store store;
	unsigned int nr;

	PTL_BUG_ON(pt_entry_kind(pt, raw, 0) != PT_KIND_SOFT);
	PTL_BUG_ON(pt_trace(pt, va, steps, &nr));
	step = &steps[nr - 1];
	PTL_BUG_ON(step->level != 0);
	store = (struct pt_store){
		.pa = step->table_pa + 8 * (uint64_t)step->index,
		.va = ptl_align_down(va, pt->ops.granule_lg2),
		.new_ = raw,
	};
	/* An exchange in every mode: hardware may have marked it meanwhile. */
	store.old = atomic_exchange_explicit(&ptl_table_at(pt, step->table_pa)[step->index], raw,
					     memory_order_relaxed);
	if (pt->watch)
		pt->watch->store(pt->watch->ctx, &store);
	return store.old;
}

/* Whether one of the words from @words on is @word, which means something else to us. */
static bool comes_by(const struct pt_soft_cfg *cfg, const struct ptl_soft_words *words, uint64_t nr,
		     uint64_t word)
{
	const uint64_t field = PTL_BITS(cfg->offset_shift + 49, cfg->offset_shift);
	uint64_t offset = ((word ^ cfg->offset_flip) & field) >> cfg->offset_shift;

	if (((word ^ words->bits) & ~field) || offset < words->offset)
		return false;
	offset -= words->offset;
	if (!words->step)
		return !offset;
	return offset % words->step == 0 && offset / words->step < nr;
}

/* Splits @raw, the word of @soft, into what advances, by @step an entry, and what does not. */
static void cut_word(const struct pt_soft_cfg *cfg, const struct pt_soft *soft, uint64_t raw,
		     uint64_t step, struct ptl_soft_words *words)
{
	const uint64_t field = PTL_BITS(cfg->offset_shift + 49, cfg->offset_shift);
	bool migration =
		soft->kind >= PT_SOFT_MIGRATION_READ && soft->kind <= PT_SOFT_MIGRATION_WRITE;

	words->bits = raw & ~field;
	words->offset = ((raw ^ cfg->offset_flip) & field) >> cfg->offset_shift;
	words->step = soft->kind == PT_SOFT_MARKER ? 0 : step;
	if (migration && cfg->migration_ad) {
		unsigned int young = cfg->offset_shift + cfg->pfn_bits;

		words->young = soft->flags & PT_SOFT_YOUNG ? 0 : PTL_BIT(young);
		words->dirty = soft->flags & PT_SOFT_DIRTY ? 0 : PTL_BIT(young + 1);
	}
	if (soft->kind != PT_SOFT_MARKER && soft->kind != PT_SOFT_HWPOISON) {
		words->uffd_wp = cfg->uffd_wp;
		words->soft_dirty = cfg->soft_dirty;
	}
}

/*
 * What every call begins with: its out fields say that nothing was done, whatever refuses it before
 * the format's own code, which resets all of them but @was.
 */
static int begin(const struct pt_pgtable *pt, struct pt_change *change)
{
	if (change) {
		change->done = 0;
		change->bad_va = 0;
		change->was = 0;
	}
	return pt->has_soft ? 0 : -EOPNOTSUPP;
}

int pt_soft_set(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
		const struct pt_soft *soft, struct pt_change *change)
{
	struct ptl_soft_words words = { .level = level };
	struct pt_format_info info;
	struct pt_soft last;
	uint64_t raw, nr, pages;
	int err = begin(pt, change);

	if (err)
		return err;
	if (soft->kind == PT_SOFT_PROT_NONE)
		return -EINVAL;
	err = pt_soft_encode(&pt->soft, level, soft, &raw);
	if (err)
		return err;
	pt->ops.describe(&pt->fmt, &info);
	if (!len || (va | len) & (PTL_BIT(info.leaf_lg2[level]) - 1))
		return -EINVAL;
	pages = PTL_BIT(info.leaf_lg2[level] - info.granule_lg2);
	if (change && change->flags & PT_CHANGE_SAME)
		pages = 0;
	nr = len >> info.leaf_lg2[level];
	cut_word(&pt->soft, soft, raw, pages, &words);
	last = pt_soft_step(*soft, (nr - 1) * pages);
	err = pt_soft_encode(&pt->soft, level, &last, &raw);
	if (!err && (comes_by(&pt->soft, &words, nr, PTL_BREAK_WORD) ||
		     comes_by(&pt->soft, &words, nr, PTL_DEAD_WORD)))
		err = -EINVAL;
	return err ? err : pt->ops.soft_set(pt, va, len, &words, change);
}

int pt_soft_map(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa, uint64_t len, pt_attr_t attr,
		struct pt_change *change)
{
	int err = begin(pt, change);

	return err ? err : pt->ops.soft_map(pt, va, pa, len, attr, change);
}

int pt_soft_hide(struct pt_pgtable *pt, pt_va_t va, uint64_t len, pt_attr_t set, pt_attr_t clear,
		 struct pt_change *change)
{
	int err = begin(pt, change);

	return err ? err : pt->ops.soft_hide(pt, va, len, set, clear, change);
}

int pt_soft_show(struct pt_pgtable *pt, pt_va_t va, uint64_t len, pt_attr_t set, pt_attr_t clear,
		 struct pt_change *change)
{
	int err = begin(pt, change);

	return err ? err : pt->ops.soft_show(pt, va, len, set, clear, change);
}

int pt_soft_split(struct pt_pgtable *pt, pt_va_t va, uint64_t len, unsigned int level,
		  struct pt_change *change)
{
	int err = begin(pt, change);

	return err ? err : pt->ops.soft_split(pt, va, len, level, change);
}

int pt_soft_lookup(const struct pt_pgtable *pt, pt_va_t va, struct pt_soft *soft,
		   unsigned int *level)
{
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;
	int err;

	if (!pt->has_soft)
		return -EOPNOTSUPP;
	err = pt_trace(pt, va, steps, &nr);
	if (!err)
		return -EEXIST;
	if (err != -ENOENT)
		return err;
	if (steps[nr - 1].kind != PT_KIND_SOFT)
		return -ENOENT;
	*soft = pt_soft_decode(&pt->soft, steps[nr - 1].level, steps[nr - 1].raw);
	if (level)
		*level = steps[nr - 1].level;
	return 0;
}
