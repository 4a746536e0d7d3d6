/* SPDX-License-Identifier: MIT */
/* nested_impl.h - the quick ways of a first stage in front of a second; included by walk_impl.h. */
#ifndef PTL_NESTED_IMPL_H
#define PTL_NESTED_IMPL_H

/*
 * The usual way of an address whose tables are behind a second stage: each is found by its
 * quick way, and the words are as above, wherever they are. @in is valid.
 */
static bool mmu_find_nested(const struct pt_mmu *mmu, const struct ptl_regime *r, uint64_t in,
			    struct mmu_found *found)
{
	const struct ptl_regime *second = &mmu->second;
	unsigned int need = PT_PERM_READ | (second->walk_writes ? PT_PERM_WRITE : 0);
	pt_pa_t table_pa = r->root_pa;

	found->all = ~UINT64_C(0);
	found->any = 0;
	for (unsigned int level = r->fmt.top_level;; level--) {
		pt_pa_t pa = table_pa + 8 * (uint64_t)mmu_index(in, level, &r->fmt);
		_Atomic uint64_t *word;

		if (!second->walker->leads_to(second, pa, need, &pa))
			return false;
		word = ptl_word_at(mmu, r, pa);
		if (!word)
			return false;
		found->leaf = atomic_load_explicit(word, memory_order_acquire); /* as above */
		if (!level)
			return ptl_sift(&r->page, r->page.stray, found->leaf, &found->page);
		if (!ptl_sift(&r->far, r->far.stray, found->leaf, &table_pa))
			return false;
		found->all &= found->leaf;
		found->any |= found->leaf;
	}
}

/* A first stage's walk that way; false: it decided nothing. */
static bool mmu_walk_nested(struct ptl_access *access, const struct ptl_regime *r, uint64_t in,
			    const struct ptl_want *want, struct ptl_translation *to)
{
	const struct ptl_regime *second = &access->mmu->second;
	unsigned int nr_levels = r->fmt.top_level + 1;
	struct mmu_found found;
	uint8_t right;

	if (r->stage != 1 || !second->walker || !second->may_be_quick || access->steps ||
	    access->kept || !mmu_find_nested(access->mmu, r, in, &found))
		return false;
	right = mmu_rights(r, &found)[want->class];
	if (!mmu_may_use(right, want->perms))
		return false;
	mmu_page_translation(r, &found, in, right, to);
	access->nr_loads[0] += nr_levels;
	access->nr_loads[1] += nr_levels * (second->fmt.top_level + 1);
	return true;
}

/*
 * The usual access: that way, in one page, and on through the second stage, which is to have
 * nothing to say against it and nothing to mark.
 */
static inline __attribute__((always_inline)) bool
mmu_quick_nested(const struct ptl_regime *r, pt_va_t va, const struct pt_access *how,
		 struct pt_access_result *result)
{
	struct ptl_access access = {
		.mmu = r->mmu, .how = how, .first = va, .va = va, .fault = &result->fault
	};
	uint64_t offset = (va - r->va_first) & mmu_counting_bits(how->kind == PT_ACCESS_FETCH, r);
	unsigned int nr_levels = r->fmt.top_level + 1;
	struct ptl_translation to;
	struct mmu_found found;
	uint8_t right;

	if (!mmu_is_usual(va, how) || offset >> PTL_USUAL_VA_BITS ||
	    !mmu_find_nested(r->mmu, r, r->va_first + offset, &found))
		return false;
	right = mmu_rights(r, &found)[r->class_of[how->priv]];
	if (!mmu_may_use(right, (unsigned int)how->kind + 1))
		return false;
	mmu_page_translation(r, &found, va, right, &to);
	if (r->mmu->arch->second_stage(&access, &to) || access.owes)
		return false;
	/* The second stage's page may be smaller, and the access in two of them. */
	if ((to.pa ^ (to.pa + how->size - 1)) >> to.size_lg2)
		return false;
	mmu_report_page(result, how, &to, nr_levels,
			access.nr_loads[1] + nr_levels * (r->mmu->second.fmt.top_level + 1));
	return true;
}

static int mmu_access_nested(const struct ptl_regime *r, pt_va_t va, const struct pt_access *how,
			     struct pt_access_result *result)
{
	return mmu_quick_nested(r, va, how, result) ? 0 : ptl_access_fully(r, va, how, result);
}

static int mmu_probe_nested(const struct ptl_regime *r, pt_va_t va, const struct pt_access *how,
			    struct pt_access_result *result)
{
	return mmu_quick_nested(r, va, how, result) ? 0 : ptl_probe_fully(r, va, how, result);
}

#endif /* PTL_NESTED_IMPL_H */
