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

#include "mmu/keep_impl.h"
#include "mmu/stray.h"

/* The words that a walk came by. */
struct ptl_path {
	pt_pa_t pa[FMT_MAX_LEVEL + 1]; /* as the tables say: of stage 1, intermediate */
	uint64_t raw[FMT_MAX_LEVEL + 1];
};

static inline unsigned int mmu_index(uint64_t in, unsigned int level, const struct ptl_fmt *f)
{
	uint64_t index = (in & f->va_mask) >> mmu_level_lg2(level);

	/* The top table may be shorter than others, or, concatenated, longer. */
	return (unsigned int)(level == f->top_level ? index
						    : index & (PTL_BIT(FMT_INDEX_BITS) - 1));
}

static inline void mmu_translation(uint64_t in, uint64_t all, uint64_t raw, unsigned int level,
				   unsigned int index, unsigned int perms,
				   const struct ptl_regime *r, struct ptl_translation *to)
{
	to->pa = fmt_leaf_pa(raw, level, index, &r->fmt) |
		 (in & (PTL_BIT(mmu_level_lg2(level)) - 1));
	to->raw = raw;
	to->level = level;
	to->size_lg2 = mmu_level_lg2(level);
	to->perms = perms;
	mmu_describe(all, raw, level, r, to);
}

/* What a walker does with a word: an update is also a read's if it sets more than dirty. */
enum mmu_word_use { MMU_LOAD, MMU_UPDATE, MMU_UPDATE_DIRTY };

/*
 * The word at @pa, an address as the tables of @r have it, for the walker itself.
 * 0, or 1 with the fault.
 */
static int mmu_find_word(struct ptl_access *access, const struct ptl_regime *r, pt_pa_t pa,
			 unsigned int level, enum mmu_word_use use, _Atomic uint64_t **word,
			 pt_pa_t *word_pa)
{
	const struct ptl_regime *second = &access->mmu->second;

	if (r->stage == 1 && second->walker) {
		bool as_write = use != MMU_LOAD || second->walk_writes;
		const struct ptl_want want = {
			.perms = PT_PERM_READ | (as_write ? PT_PERM_WRITE : 0),
			.write = as_write,
			.in_walk = true,
			.as_read = use != MMU_UPDATE_DIRTY,
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
 * Sets, or in a probe only looks for, A and D in the words of @path from level @top
 * to @leaf. 0; 1 with a fault of the second stage; -EAGAIN if a word changed.
 */
static int mmu_mark_path(struct ptl_access *access, const struct ptl_regime *r,
			 const struct ptl_path *path, unsigned int top, unsigned int leaf,
			 bool write, bool stray)
{
	unsigned int loads = access->nr_loads[1], steps = access->nr_steps;

	for (unsigned int level = top + 1; level-- > leaf;) {
		uint64_t raw = path->raw[level];
		uint64_t marked = mmu_mark(raw, level == leaf, write, r);
		enum mmu_word_use use = mmu_mark(raw, level == leaf, false, r) != raw ?
						MMU_UPDATE :
						MMU_UPDATE_DIRTY;
		_Atomic uint64_t *word;
		pt_pa_t word_pa;

		if (marked == raw)
			continue;
		access->owes = true;
		if (mmu_find_word(access, r, path->pa[level], level, use, &word, &word_pa))
			return 1;
		/*
		 * The walker still knows where the word is: only its
		 * rights were looked at again.
		 */
		access->nr_loads[1] = loads;
		access->nr_steps = steps;
		if (access->commit && !ptl_walker_exchange(word, raw, marked, stray))
			return -EAGAIN;
	}
	return 0;
}

static int mmu_walk_once(struct ptl_access *access, const struct ptl_regime *r, uint64_t in,
			 const struct ptl_want *want, struct ptl_translation *to)
{
	struct ptl_failure failure = { .want = want, .in = in, .all = ~UINT64_C(0) };
	struct ptl_kept *kept = r->stage == 1 ? access->kept : NULL;
	struct ptl_path path;
	pt_pa_t table_pa = r->root_pa, word_pa;
	unsigned int level = r->fmt.top_level, top, index, perms;
	bool stray = kept && kept->from != PTL_FROM_ROOT;
	_Atomic uint64_t *word;
	uint64_t raw;

	if (kept)
		mmu_start(kept, &table_pa, &level, &failure);
	for (top = level;; level--) {
		index = mmu_index(in, level, &r->fmt);
		path.pa[level] = table_pa + 8 * (uint64_t)index;
		if (mmu_find_word(access, r, path.pa[level], level, MMU_LOAD, &word, &word_pa))
			return 1;
		raw = ptl_walker_load(word, stray);
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
		if (kept)
			mmu_keep_table(&kept->table[level - 1], table_pa, r, &failure);
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
	if (__builtin_expect(access->looks, 0))
		raw = mmu_mark(raw, true, false, r);
	perms = mmu_perms(failure.all, failure.any, raw, want->class, r);
	if ((mmu_leaf_faults(raw, want, r) || (perms & want->perms) != want->perms) &&
	    !(access->looks && !want->in_walk))
		return mmu_fault(access, r, &failure);
	if (!mmu_is_marked(failure.all, raw, want->write, r) && !access->looks) {
		int err = mmu_mark_path(access, r, &path, top, level, want->write, stray);

		if (err)
			return err;
	}
	mmu_translation(in, failure.all, raw, level, index, perms, r, to);
	if (kept)
		mmu_keep_leaf(kept, r, in, &failure, want->write, to);
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

/* The words that a quick way came by, and where the last of them, a leaf, leads. */
struct mmu_found {
	uint64_t all, any, leaf; /* as everywhere: table words and-ed, and or-ed */
	pt_pa_t page;
};

/*
 * As ptl_sift(), of a table entry that is followed: *@link is the address plus the sieve's key,
 * which is taken off r->near_link instead, so that the next load does not wait for it.
 */
static inline bool mmu_sift_link(const struct ptl_regime *r, uint64_t stray, uint64_t raw,
				 uint64_t *link)
{
	*link = raw & r->link.mask;
	return __builtin_expect(!((*link - r->link.key) & stray), 1);
}

/*
 * The usual way of an address: 48 input bits, near tables, a leaf of the smallest size, all
 * of them as the sieves want them. As the quick ways of pt/tree.h it ends in "false" for all
 * else. @counts: bits of @in that do. @words: NULL, or receives table words, by their level.
 */
static inline __attribute__((always_inline)) bool
mmu_find_page(const struct ptl_regime *r, uint64_t in, uint64_t counts, struct mmu_found *found,
	      uint64_t *words)
{
	enum {
		TOP = (PTL_USUAL_VA_BITS - FMT_GRANULE_LG2 - 1) / FMT_INDEX_BITS,
		TOP_LG2 = FMT_GRANULE_LG2 + FMT_INDEX_BITS * TOP,
	};
	const uint64_t stray = r->link.stray;
	uint64_t all = ~UINT64_C(0), any = 0, index = ((in - r->va_first) & counts) >> TOP_LG2;
	_Atomic uint64_t *word;
	uint64_t page_stray;

	if (__builtin_expect(index >= PTL_BIT(PTL_USUAL_VA_BITS - TOP_LG2), 0))
		return false;
	word = &r->root[fmt_slot_index((unsigned int)index)];
#pragma GCC unroll 5
	for (unsigned int level = TOP; level > 0; level--) {
		uint64_t raw = atomic_load_explicit(word, memory_order_acquire); /* as below */
		/* All but the table's address is there before the word is: see mmu_sift_link(). */
		uintptr_t base = r->near_link + (in >> (mmu_level_lg2(level - 1) - 3) &
						 (PTL_BIT(FMT_GRANULE_LG2) - 8));
		uint64_t link;

		__asm__("" : "+r"(base));
		if (!mmu_sift_link(r, stray, raw, &link))
			return false;
		all &= raw;
		any |= raw;
		if (words)
			words[level] = raw;
		word = (_Atomic uint64_t *)(base + link);
		/* Words and-ed at once need no register until the last one. */
		__asm__("" : "+r"(all));
		__asm__("" : "+r"(any));
	}
	page_stray = r->page.stray;
	/* Acquire: as in mmu_walk_once(). */
	found->leaf = atomic_load_explicit(word, memory_order_acquire);
	found->all = all;
	found->any = any;
	return ptl_sift(&r->page, page_stray, found->leaf, &found->page);
}

/* By class, what these words let it do. */
static inline const uint8_t *mmu_rights(const struct ptl_regime *r, const struct mmu_found *found)
{
	return r->rights[mmu_says(found->all, found->any, found->leaf, r)].of;
}

/*
 * Whether @right is all of @need, and at once: the sieves, made by the arch, have seen to
 * the rest of what a walk can have to mark.
 */
static inline bool mmu_may_use(uint8_t right, unsigned int need)
{
	return __builtin_expect(!(right & need), 1);
}

static inline void mmu_page_translation(const struct ptl_regime *r,
					const struct mmu_found *found, uint64_t in, uint8_t right,
					struct ptl_translation *to)
{
	to->pa = found->page | (in & (PTL_BIT(FMT_GRANULE_LG2) - 1));
	to->raw = found->leaf;
	to->level = 0;
	to->size_lg2 = FMT_GRANULE_LG2;
	to->perms = ptl_right_perms(right);
	mmu_describe(found->all, found->leaf, 0, r, to);
}

/* First stages have quick ways through a second one, in nested_impl.h; others have none. */
static bool mmu_walk_nested(struct ptl_access *access, const struct ptl_regime *r, uint64_t in,
			    const struct ptl_want *want, struct ptl_translation *to);

static int mmu_walk(struct ptl_access *access, const struct ptl_regime *r, uint64_t in,
		    const struct ptl_want *want, struct ptl_translation *to)
{
	int err;

	if (mmu_leads_nowhere(access, r, in, want))
		return 1;
	if (mmu_walk_nested(access, r, in, want, to))
		return 0;
	do
		err = mmu_walk_once(access, r, in, want, to);
	while (__builtin_expect(err == -EAGAIN, 0)); /* each time, another change got through */
	return err;
}

static bool mmu_through(const struct ptl_regime *r, uint64_t in, const struct ptl_want *want,
			struct ptl_translation *to)
{
	struct mmu_found found;
	uint8_t right;

	if (!mmu_find_page(r, in, ~UINT64_C(0), &found, NULL))
		return false;
	right = mmu_rights(r, &found)[want->class];
	if (!mmu_may_use(right, want->perms))
		return false;
	mmu_page_translation(r, &found, in, right, to);
	return true;
}

/* The same, of who wants to know the address alone. */
static bool mmu_leads_to(const struct ptl_regime *r, uint64_t in, unsigned int need, pt_pa_t *pa)
{
	struct mmu_found found;

	if (!mmu_find_page(r, in, ~UINT64_C(0), &found, NULL) ||
	    !mmu_may_use(mmu_rights(r, &found)[PTL_WALK_CLASS], need))
		return false;
	*pa = found.page | (in & (PTL_BIT(FMT_GRANULE_LG2) - 1));
	return true;
}

enum { MMU_USUAL_TOP = (PTL_USUAL_VA_BITS - FMT_GRANULE_LG2 - 1) / FMT_INDEX_BITS };

/* The leaf of @in in the table of level 0 that a TLB has kept. */
static inline bool mmu_find_kept(const struct ptl_regime *r, uint64_t in,
				 const struct ptl_kept_table *table, struct mmu_found *found)
{
	uint64_t index = in >> FMT_GRANULE_LG2 & (PTL_BIT(FMT_INDEX_BITS) - 1);
	_Atomic uint64_t *word = ptl_word_at(r->mmu, r, table->pa + 8 * index);

	if (!word)
		return false;
	found->all = table->all;
	found->any = table->any;
	found->leaf = ptl_walker_load(word, true);
	return ptl_sift(&r->page, r->page.stray, found->leaf, &found->page);
}

static inline void mmu_keep_tables(struct ptl_kept_table *tables, const struct ptl_regime *r,
				   const uint64_t words[MMU_USUAL_TOP + 1])
{
	struct ptl_failure walk = { .all = ~UINT64_C(0) };

	for (unsigned int level = MMU_USUAL_TOP; level > 0; level--) {
		walk.all &= words[level];
		walk.any |= words[level];
		mmu_keep_table(&tables[level - 1], fmt_table_pa(words[level], &r->fmt), r, &walk);
	}
}

/* Whether @class may use what was found as @need says, and at once; what is kept of it. */
static inline __attribute__((always_inline)) bool
mmu_keep_found(const struct ptl_regime *r, uint64_t in, const struct mmu_found *found,
	       unsigned int need, unsigned int class, struct ptl_kept_page *page)
{
	uint8_t right = mmu_rights(r, found)[class];
	struct ptl_translation to;
	unsigned int size_lg2;

	if (!mmu_may_use(right, need))
		return false;
	mmu_page_translation(r, found, in, right, &to);
	size_lg2 = mmu_block_lg2(found->leaf, in, &to, r);
	page->pa = to.pa;
	page->first = ptl_align_down(to.pa, size_lg2);
	page->raw = found->leaf;
	page->words = ptl_kept_pack(found->all, found->any);
	page->size_lg2 = size_lg2;
	page->mem = to.mem;
	page->perms = to.perms;
	page->global = mmu_is_global(found->leaf, r);
	return true;
}

static unsigned int mmu_keep(const struct ptl_regime *r, uint64_t in, unsigned int need,
			     unsigned int class, struct ptl_kept_table *tables,
			     struct ptl_kept_page *page)
{
	uint64_t words[MMU_USUAL_TOP + 1];
	struct mmu_found found;

	if (!mmu_find_page(r, in, ~UINT64_C(0), &found, words) ||
	    !mmu_keep_found(r, in, &found, need, class, page))
		return 0;
	if (tables)
		mmu_keep_tables(tables, r, words);
	return MMU_USUAL_TOP + 1;
}

static unsigned int mmu_keep_from(const struct ptl_regime *r, uint64_t in, unsigned int need,
				  unsigned int class, const struct ptl_kept_table *table,
				  struct ptl_kept_page *page)
{
	struct mmu_found found;

	return mmu_find_kept(r, in, table, &found) &&
	       mmu_keep_found(r, in, &found, need, class, page);
}

/* Whether an access is whole in a page, and exists; what remains to be asked is its privilege. */
static inline bool mmu_is_usual(pt_va_t va, const struct pt_access *how)
{
	uint64_t who = how->priv | (uint64_t)how->flags << 32; /* both in one load */
	unsigned int more = how->size - 1;

	return (unsigned int)how->kind <= PT_ACCESS_FETCH && more < 64 && who <= 3 &&
	       !((va ^ (va + more)) >> FMT_GRANULE_LG2);
}

/* What the quick ways say of an access to the page @to, and the table words read for it. */
static inline __attribute__((always_inline)) void
mmu_report_page(struct pt_access_result *result, const struct pt_access *how,
		const struct ptl_translation *to, unsigned int loads, unsigned int second_loads)
{
	result->piece[0] = (struct pt_piece){
		.pa = to->pa,
		.raw = to->raw,
		.len = how->size,
		.perms = (uint8_t)to->perms,
		.mem = (uint8_t)to->mem,
		.level = 0,
		.size_lg2 = (uint8_t)to->size_lg2,
	};
	result->nr_pieces = 1;
	result->nr_loads[0] = loads;
	result->nr_loads[1] = second_loads;
	result->fault.kind = PT_FAULT_NONE;
}

/* The usual access: that way, in one page. */
static inline __attribute__((always_inline)) bool
mmu_quick(const struct ptl_regime *r, pt_va_t va, const struct pt_access *how,
	  struct pt_access_result *result)
{
	struct mmu_found found;
	struct ptl_translation to;
	const uint8_t *rights;
	uint8_t right;

	if (__builtin_expect(!mmu_is_usual(va, how), 0) ||
	    !mmu_find_page(r, va, mmu_counting_bits(how->kind == PT_ACCESS_FETCH, r), &found,
			   NULL))
		return false;
	rights = mmu_rights(r, &found);
	/* @how is read again: kept in registers, it would cost their saving. */
	right = rights[r->class_of[how->priv]];
	if (!mmu_may_use(right, (unsigned int)how->kind + 1))
		return false;
	mmu_page_translation(r, &found, va, right, &to);
	mmu_report_page(result, how, &to, MMU_USUAL_TOP + 1, 0);
	return true;
}

static int mmu_access(const struct ptl_regime *r, pt_va_t va, const struct pt_access *how,
		      struct pt_access_result *result)
{
	return mmu_quick(r, va, how, result) ? 0 : ptl_access_fully(r, va, how, result);
}

/* What the quick way does has no side effects: a probe may go it too. */
static int mmu_probe(const struct ptl_regime *r, pt_va_t va, const struct pt_access *how,
		     struct pt_access_result *result)
{
	return mmu_quick(r, va, how, result) ? 0 : ptl_probe_fully(r, va, how, result);
}

#include "mmu/nested_impl.h"

extern const struct ptl_walker MMU_WALKER;
const struct ptl_walker MMU_WALKER = {
	.init = fmt_init,
	.granule_lg2 = FMT_GRANULE_LG2,
	.root_align_lg2 = fmt_root_align_lg2,
	.access = mmu_access,
	.probe = mmu_probe,
	.access_nested = mmu_access_nested,
	.probe_nested = mmu_probe_nested,
	.through = mmu_through,
	.leads_to = mmu_leads_to,
	.keep = mmu_keep,
	.keep_from = mmu_keep_from,
	.walk = mmu_walk,
	.judge = mmu_judge,
};

#endif /* PTL_WALK_IMPL_H */
