/* SPDX-License-Identifier: MIT */
/*
 * walk_impl.h - one walk of one regime. Compiled per format, after its format
 * header and its rules; the including file defines MMU_WALKER, the name.
 *
 * A walk is bounded by the number of levels, whatever the words are. It runs
 * beside anybody who changes them: what it read, it read once, and A and D are
 * set by compare-and-swap; who loses against another change walks again.
 */
#ifndef PTL_WALK_IMPL_H
#define PTL_WALK_IMPL_H

#include "mmu/mmu_api.h"
#include "pt/fmt_api.h"

/* The words that a walk came by. */
struct ptl_path {
	pt_pa_t pa[FMT_MAX_LEVEL + 1]; /* as the tables say: of stage 1, intermediate */
	uint64_t raw[FMT_MAX_LEVEL + 1];
};

static inline unsigned int mmu_level_lg2(unsigned int level)
{
	return FMT_GRANULE_LG2 + FMT_INDEX_BITS * level;
}

static inline unsigned int mmu_index(uint64_t in, unsigned int level, const struct ptl_fmt *f)
{
	uint64_t index = (in & f->va_mask) >> mmu_level_lg2(level);

	/* The top table may be shorter than others, or, concatenated, longer. */
	return (unsigned int)(level == f->top_level ? index : index & (PTL_BIT(FMT_INDEX_BITS) - 1));
}

static inline void mmu_translation(uint64_t in, uint64_t all, uint64_t raw, unsigned int level,
				   unsigned int index, unsigned int perms,
				   const struct ptl_regime *r, struct ptl_translation *to)
{
	to->pa = fmt_leaf_pa(raw, level, index, &r->fmt) | (in & (PTL_BIT(mmu_level_lg2(level)) - 1));
	to->raw = raw;
	to->level = level;
	to->size_lg2 = mmu_level_lg2(level);
	to->perms = perms;
	mmu_describe(all, raw, level, r, to);
}

/*
 * The word at @pa, an address as the tables of @r have it, for the walker itself
 * to read, or @write. 0, or 1 with the fault.
 */
static int mmu_find_word(struct ptl_access *access, const struct ptl_regime *r, pt_pa_t pa,
			 unsigned int level, bool write, _Atomic uint64_t **word, pt_pa_t *word_pa)
{
	const struct ptl_regime *second = &access->mmu->second;

	if (r->stage == 1 && second->walker) {
		bool as_write = write || second->walk_writes;
		const struct ptl_want want = {
			.perms = PT_PERM_READ | (as_write ? PT_PERM_WRITE : 0),
			.write = as_write,
			.in_walk = true,
		};
		struct ptl_translation to;

		if (ptl_second_walk(access, pa, &want, &to))
			return 1;
		pa = to.pa;
	}
	*word = ptl_word_at(access->mmu, r, pa);
	*word_pa = pa;
	return *word ? 0 : ptl_no_memory(access, r, pa, level);
}

/*
 * Sets, or in a probe only looks for, A and D in the words of @path from the top
 * to @leaf. 0; 1 with a fault of the second stage; -EAGAIN if a word changed.
 */
static int mmu_mark_path(struct ptl_access *access, const struct ptl_regime *r,
			 const struct ptl_path *path, unsigned int leaf, bool write)
{
	unsigned int loads = access->nr_loads[1], steps = access->nr_steps;

	for (unsigned int level = r->fmt.top_level + 1; level-- > leaf;) {
		uint64_t raw = path->raw[level];
		uint64_t marked = mmu_mark(raw, level == leaf, write, r);
		_Atomic uint64_t *word;
		pt_pa_t word_pa;

		if (marked == raw)
			continue;
		access->owes = true;
		if (mmu_find_word(access, r, path->pa[level], level, true, &word, &word_pa))
			return 1;
		/* The walker still knows where the word is: only its rights were looked at again. */
		access->nr_loads[1] = loads;
		access->nr_steps = steps;
		/* Relaxed: the word orders nothing; its table was found by acquire loads. */
		if (access->commit && !atomic_compare_exchange_strong_explicit(
					      word, &raw, marked, memory_order_relaxed,
					      memory_order_relaxed))
			return -EAGAIN;
	}
	return 0;
}

static int mmu_walk_once(struct ptl_access *access, const struct ptl_regime *r, uint64_t in,
			 const struct ptl_want *want, struct ptl_translation *to)
{
	struct ptl_failure failure = { .want = want, .in = in, .all = ~UINT64_C(0) };
	struct ptl_path path;
	pt_pa_t table_pa = r->root_pa, word_pa;
	unsigned int level = r->fmt.top_level, index, perms;
	_Atomic uint64_t *word;
	uint64_t raw;

	for (;; level--) {

		index = mmu_index(in, level, &r->fmt);
		path.pa[level] = table_pa + 8 * (uint64_t)index;
		if (mmu_find_word(access, r, path.pa[level], level, false, &word, &word_pa))
			return 1;
		/* Acquire: pairs with the release by which a writer publishes the table below. */
		raw = atomic_load_explicit(word, memory_order_acquire);
		path.raw[level] = raw;
		access->nr_loads[r->stage - 1]++;
		if (__builtin_expect(access->steps != NULL, 0))
			ptl_note_step(access, r, word_pa - 8 * (uint64_t)index, level, index, raw,
				      fmt_kind(raw, level, &r->fmt));
		failure.raw_pa = word_pa;
		if (!level || !fmt_is_table(raw, level, &r->fmt))
			break;
		failure.all &= raw;
		failure.any |= raw;
		table_pa = fmt_table_pa(raw, &r->fmt);
	}
	failure.raw = raw;
	failure.level = level;
	if (!fmt_is_leaf(raw, level, &r->fmt)) {
		failure.kind = fmt_kind(raw, level, &r->fmt);
		if (failure.kind == PTL_ILLEGAL)
			failure.illegal = fmt_illegal(raw, level, &r->fmt);
		return mmu_fault(access, r, &failure);
	}
	failure.kind = PTL_LEAF;
	perms = mmu_rights(failure.all, failure.any, raw, r) >> (3 * want->class) & 7;
	if (mmu_leaf_faults(raw, want, r) || (perms & want->perms) != want->perms)
		return mmu_fault(access, r, &failure);
	if (!mmu_is_marked(failure.all, raw, want->write, r)) {
		int err = mmu_mark_path(access, r, &path, level, want->write);

		if (err)
			return err;
	}
	mmu_translation(in, failure.all, raw, level, index, perms, r, to);
	return 0;
}

/* What faults before any table is read, at Arm's level 0 whatever the top level is. */
static bool mmu_leads_nowhere(struct ptl_access *access, const struct ptl_regime *r, uint64_t in,
			      const struct ptl_want *want)
{
	struct ptl_failure failure = { .want = want, .in = in, .level = 3 };

	if (r->broken || (r->stage == 2 && in & ~r->fmt.va_mask)) {
		failure.kind = PTL_EMPTY;
	} else if (r->root_pa >> r->fmt.cfg.pa_bits) {
		failure.kind = PTL_ILLEGAL;
		failure.illegal = PT_ILLEGAL_WIDTH;
	} else {
		return false;
	}
	return mmu_fault(access, r, &failure);
}

static int mmu_walk(struct ptl_access *access, const struct ptl_regime *r, uint64_t in,
		    const struct ptl_want *want, struct ptl_translation *to)
{
	int err;

	if (mmu_leads_nowhere(access, r, in, want))
		return 1;
	do
		err = mmu_walk_once(access, r, in, want, to);
	while (__builtin_expect(err == -EAGAIN, 0)); /* each time, another change got through */
	return err;
}

/*
 * The usual way of an address: 48 input bits, near tables, a leaf of the smallest size,
 * allowed, and nothing to mark. As the quick ways of pt/tree.h it ends in "false" for all
 * else.
 */
static inline __attribute__((always_inline)) bool
mmu_go(const struct ptl_regime *r, uint64_t in, uint64_t counts, unsigned int need,
       unsigned int class_shift, bool write, struct ptl_translation *to)
{
	enum {
		TOP = (PTL_USUAL_VA_BITS - FMT_GRANULE_LG2 - 1) / FMT_INDEX_BITS,
		TOP_LG2 = FMT_GRANULE_LG2 + FMT_INDEX_BITS * TOP,
	};
	const uint64_t stray = r->link.stray;
	uint64_t all = ~UINT64_C(0), any = 0, raw, index = ((in - r->va_first) & counts) >> TOP_LG2;
	_Atomic uint64_t *table = r->root;

	if (__builtin_expect(index >= PTL_BIT(PTL_USUAL_VA_BITS - TOP_LG2), 0))
		return false;
	index = fmt_slot_index((unsigned int)index);
#pragma GCC unroll 5
	for (unsigned int level = TOP; level > 0; level--) {
		uint64_t offset;

		raw = atomic_load_explicit(&table[index], memory_order_acquire); /* as below */
		if (!ptl_sift(&r->link, stray, raw, &offset))
			return false;
		all &= raw;
		any |= raw;
		table = (_Atomic uint64_t *)(void *)(r->near + offset);
		__asm__("" : "+r"(table)); /* as in pt/tree.h */
		index = in >> mmu_level_lg2(level - 1) & (PTL_BIT(FMT_INDEX_BITS) - 1);
	}
	/* Acquire: as in mmu_walk_once(). */
	raw = atomic_load_explicit(&table[index], memory_order_acquire);
	if (!ptl_sift(&r->page, r->page.stray, raw, &to->pa))
		return false;
	to->perms = mmu_rights(all, any, raw, r) >> class_shift & 7;
	if (need & ~to->perms || !mmu_is_marked(all, raw, write, r))
		return false;
	to->pa |= in & (PTL_BIT(FMT_GRANULE_LG2) - 1);
	to->raw = raw;
	to->level = 0;
	to->size_lg2 = FMT_GRANULE_LG2;
	mmu_describe(all, raw, 0, r, to);
	return true;
}

static bool mmu_through(const struct ptl_regime *r, uint64_t in, const struct ptl_want *want,
			struct ptl_translation *to)
{
	return mmu_go(r, in, ~UINT64_C(0), want->perms, 3 * want->class, want->write, to);
}

_Static_assert(PT_ACCESS_READ + 1 == PT_PERM_READ && PT_ACCESS_WRITE + 1 == PT_PERM_WRITE &&
		       PT_ACCESS_RMW + 1 == (PT_PERM_READ | PT_PERM_WRITE) &&
		       PT_ACCESS_FETCH + 1 == PT_PERM_EXEC, "a kind, plus 1, is what it needs");

/* The usual access: that way, in one page. */
static bool mmu_quick(const struct ptl_regime *r, pt_va_t va, const struct pt_access *how,
		      struct pt_access_result *result)
{
	const uint64_t page_mask = PTL_BIT(FMT_GRANULE_LG2) - 1;
	unsigned int need = (unsigned int)how->kind + 1, size = how->size;
	struct ptl_translation to;

	if (need - 1 > PT_ACCESS_FETCH || size - 1 >= 64 || how->priv > 3 || how->flags ||
	    (va & page_mask) + size > page_mask + 1)
		return false;
	if (!mmu_go(r, va, r->va_counts[need >> 2], need, r->class_shift[how->priv],
		    need & PT_PERM_WRITE, &to))
		return false;
	result->piece[0].pa = to.pa;
	result->piece[0].raw = to.raw;
	result->piece[0].len = size;
	result->piece[0].perms = (uint8_t)to.perms;
	result->piece[0].mem = (uint8_t)to.mem;
	result->piece[0].level = 0;
	result->piece[0].size_lg2 = FMT_GRANULE_LG2;
	result->nr_pieces = 1;
	result->nr_loads[0] = (PTL_USUAL_VA_BITS - FMT_GRANULE_LG2 - 1) / FMT_INDEX_BITS + 1;
	result->nr_loads[1] = 0;
	result->fault.kind = PT_FAULT_NONE;
	return true;
}

extern const struct ptl_walker MMU_WALKER;
const struct ptl_walker MMU_WALKER = {
	.init = fmt_init,
	.granule_lg2 = FMT_GRANULE_LG2,
	.root_align_lg2 = fmt_root_align_lg2,
	.quick = mmu_quick,
	.through = mmu_through,
	.walk = mmu_walk,
};

#endif /* PTL_WALK_IMPL_H */
