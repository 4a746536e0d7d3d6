/* SPDX-License-Identifier: MIT */
/*
 * Changing pages: tables first, then under the lock leaves split, holes filled and words
 * changed, then what has to be flushed. What can fail comes before the first word changes.
 */
#include "kspace/direct_map_internal.h"

#include <ptlib/walk.h>

/*
 * Takes the lock with as many tables in the reserve as the change needs, and with more if
 * some are kept for the refill. *@need: how many it needs.
 */
static int lock_with_tables(struct pt_direct_map *dm, const struct pt_extent *extent, size_t nr,
			    enum ptl_dm_target target, size_t *need)
{
	bool nested = ptl_dm_refilling(dm);
	bool may_allocate = !nested && target != PTL_DM_KEYED;
	size_t own = dm->key && !nested ? PTL_DM_RESERVE_OWN : 0;
	int err;

	for (;;) {
		ptl_dm_lock(dm);
		*need = ptl_dm_cost(dm, extent, nr, target);
		if (!*need || pt_reserve_available(dm->reserve) >= *need + own)
			return 0;
		ptl_dm_unlock(dm);
		err = may_allocate ? ptl_dm_refill(dm, *need + own) : -ENOMEM;
		if (err) {
			if (may_allocate)
				ptl_dm_trim(dm);
			return err;
		}
	}
}

void ptl_dm_flush(const struct pt_direct_map *dm, pt_va_t first, pt_va_t last,
		  unsigned int stride_lg2, bool tables)
{
	const struct pt_flush_ops *ops = dm->flush;

	if (ops && tables && ops->tables_freed)
		ops->tables_freed(ops->ctx, first, last, stride_lg2);
	else if (ops && ops->range)
		ops->range(ops->ctx, first, last, stride_lg2);
}

/*
 * Everything, @times over. Leaves the lock meanwhile, so that an implementation may wait for
 * other CPUs; nobody joins until the lock is left again: what we are about to change stays split.
 */
static void flush_all(struct pt_direct_map *dm, size_t times)
{
	dm->splitting++;
	ptl_dm_unlock(dm);
	for (; times && dm->flush && dm->flush->all; times--)
		dm->flush->all(dm->flush->ctx);
	ptl_dm_lock(dm);
	dm->splitting--;
}

/*
 * Before words change below leaves that were split: x86 may keep both the large translation
 * and small ones of an address, and which of them it uses is undefined while they differ
 * (Intel SDM Vol. 3A, 4.10.2.3 "Details of TLB Use"). @splits: ours, each with its flush. Who
 * made none may still stand on a split of another thread, whose flush is not complete: then
 * one flush.
 */
static void settle_splits(struct pt_direct_map *dm, size_t splits)
{
	if (!dm->flush_splits)
		return;
	if (splits)
		flush_all(dm, splits);
	else if (dm->splitting)
		flush_all(dm, 1);
}

/* Maps what is absent in [@va, @va + @len); the tables are there. */
static void map_holes(struct pt_direct_map *dm, pt_va_t va, uint64_t len, pt_attr_t attr)
{
	struct pt_change change = dm->map_change;
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	int err = pt_map(dm->pt, va, va - dm->base, len, attr, &change);

	if (err != -EEXIST) {
		PTL_BUG_ON(err);
		return;
	}
	for (type = pt_range_walk_start(&walk, dm->pt, va, va + len - 1, PT_TYPE_NONE, 0);
	     type != PTW_DONE; type = pt_range_walk_next(&walk))
		if (type == PTW_NONE)
			map_holes(dm, walk.va, walk.len, attr);
	PTL_BUG_ON(pt_range_walk_done(&walk));
}

/* Whether a page of [@va, @va + @len) is present with another key than @key. */
static bool has_other_key(struct pt_direct_map *dm, pt_va_t va, uint64_t len, unsigned int key)
{
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	bool found = false;

	for (type = pt_range_walk_start(&walk, dm->pt, va, va + len - 1, PT_TYPE_PFN, 0);
	     type != PTW_DONE && !found; type = pt_range_walk_next(&walk))
		found = type == PTW_PFN && pt_attr_key(walk.attr) != key;
	PTL_BUG_ON(pt_range_walk_done(&walk));
	return found;
}

/* Of what is present; leaves that have it are not touched. */
static void set_key(struct pt_direct_map *dm, pt_va_t va, uint64_t len, unsigned int key)
{
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	for (type = pt_range_walk_start(&walk, dm->pt, va, va + len - 1, PT_TYPE_PFN, 0);
	     type != PTW_DONE; type = pt_range_walk_next(&walk))
		if (type == PTW_PFN && pt_attr_key(walk.attr) != key)
			PTL_BUG_ON(pt_range_walk_update(&walk, PT_ATTR_KEY(key), PT_ATTR_KEY_MASK,
							NULL));
	PTL_BUG_ON(pt_range_walk_done(&walk));
}

/* The key that @target gives its pages. */
static unsigned int key_of(const struct pt_direct_map *dm, enum ptl_dm_target target)
{
	return target == PTL_DM_KEYED ? dm->key : 0;
}

/* Under the lock: whether words of pages change that are present. */
static bool changes_present(struct pt_direct_map *dm, const struct pt_extent *extent, size_t nr,
			    enum ptl_dm_target target)
{
	bool changes = target == PTL_DM_ABSENT;

	if (target == PTL_DM_PRESENT || !dm->key)
		return changes;
	for (size_t i = 0; i < nr && !changes; i++)
		changes = has_other_key(dm, ptl_dm_va(dm, extent[i].pa), extent[i].len,
					key_of(dm, target));
	return changes;
}

/* Under the lock: pages that are present change; it needs no table. */
static void change_words(struct pt_direct_map *dm, const struct pt_extent *extent,
			 enum ptl_dm_target target)
{
	pt_va_t va = ptl_dm_va(dm, extent->pa);

	if (target == PTL_DM_ABSENT)
		PTL_BUG_ON(pt_unmap(dm->pt, va, extent->len, NULL));
	else
		set_key(dm, va, extent->len, key_of(dm, target));
}

static void count(struct pt_direct_map *dm, uint64_t pages, enum ptl_dm_target target)
{
	if (target == PTL_DM_ABSENT)
		dm->stats.absent += pages;
	else if (target == PTL_DM_KEYED)
		dm->stats.keyed += pages;
	else
		dm->stats.present += pages;
}

int ptl_dm_change(struct pt_direct_map *dm, const struct pt_extent *extent, size_t nr,
		  enum ptl_dm_target target, bool flush)
{
	bool present = target == PTL_DM_PRESENT || target == PTL_DM_PLAIN, stale, joining;
	pt_va_t first = UINT64_MAX, last = 0;
	size_t need, splits;
	int err = lock_with_tables(dm, extent, nr, target, &need);

	if (err)
		return err;
	/* First all that takes tables: others may take what is left while the lock is left. */
	stale = changes_present(dm, extent, nr, target);
	splits = ptl_dm_split(dm, extent, nr, target);
	for (size_t i = 0; i < nr; i++) {
		pt_va_t va = ptl_dm_va(dm, extent[i].pa);

		if (target != PTL_DM_ABSENT)
			map_holes(dm, va, extent[i].len,
				  dm->attr | PT_ATTR_KEY(key_of(dm, target)));
		count(dm, extent[i].len >> dm->info.granule_lg2, target);
		first = ptl_min(first, va);
		if (va + extent[i].len - 1 > last)
			last = va + extent[i].len - 1;
	}
	if (stale) {
		settle_splits(dm, splits);
		for (size_t i = 0; i < nr; i++)
			change_words(dm, &extent[i], target);
	}
	/* Until then a CPU may walk through a table that was unhooked, as if nothing changed. */
	joining = dm->joining;
	ptl_dm_unlock(dm);
	stale &= target != PTL_DM_PLAIN || dm->flush_unkey;
	if (stale && (flush || joining))
		ptl_dm_flush(dm, first, last, dm->info.granule_lg2, joining);
	for (size_t i = 0; present && dm->flags & PT_DIRECT_MAP_JOIN && i < nr; i++)
		ptl_dm_join(dm, &extent[i]);
	return 0;
}

/* Pages from @pa on, in one region of memory. */
static int page_extent(const struct pt_direct_map *dm, pt_pa_t pa, uint64_t nr,
		       struct pt_extent *extent)
{
	if (!nr || !ptl_aligned(pa, dm->info.granule_lg2))
		return -EINVAL;
	extent->pa = pa;
	if (__builtin_mul_overflow(nr, ptl_dm_granule(dm), &extent->len) ||
	    !pt_phys_to_host(dm->phys, pa, extent->len))
		return -ERANGE;
	return 0;
}

static int set_pages(struct pt_direct_map *dm, pt_pa_t pa, uint64_t nr, enum ptl_dm_target target,
		     bool flush)
{
	struct pt_extent extent;
	int err = page_extent(dm, pa, nr, &extent);

	return err ? err : ptl_dm_change(dm, &extent, 1, target, flush);
}

int pt_set_direct_map_invalid_noflush(struct pt_direct_map *dm, pt_pa_t pa, uint64_t nr)
{
	return set_pages(dm, pa, nr, PTL_DM_ABSENT, false);
}

int pt_set_direct_map_default_noflush(struct pt_direct_map *dm, pt_pa_t pa, uint64_t nr)
{
	return set_pages(dm, pa, nr, PTL_DM_PLAIN, false);
}

int pt_set_direct_map_valid_noflush(struct pt_direct_map *dm, pt_pa_t pa, uint64_t nr, bool valid)
{
	return set_pages(dm, pa, nr, valid ? PTL_DM_PRESENT : PTL_DM_ABSENT, false);
}

int pt_set_direct_map_invalid(struct pt_direct_map *dm, pt_pa_t pa, uint64_t nr)
{
	return set_pages(dm, pa, nr, PTL_DM_ABSENT, true);
}

int pt_set_direct_map_default(struct pt_direct_map *dm, pt_pa_t pa, uint64_t nr)
{
	return set_pages(dm, pa, nr, PTL_DM_PLAIN, true);
}

int pt_set_direct_map_valid(struct pt_direct_map *dm, pt_pa_t pa, uint64_t nr, bool valid)
{
	return set_pages(dm, pa, nr, valid ? PTL_DM_PRESENT : PTL_DM_ABSENT, true);
}

bool pt_kernel_page_present(const struct pt_direct_map *dm, pt_pa_t pa)
{
	pt_pa_t found;

	return !pt_translate(dm->pt, ptl_dm_va(dm, pa), &found);
}

/* What the pages were is in the tables. */
int ptl_dm_convert(void *ctx, const struct pt_extent *extent, size_t nr, unsigned int from,
		   unsigned int to)
{
	struct pt_direct_map *dm = ctx;
	enum ptl_dm_target target;
	int err;

	(void)from;
	switch (to) {
	case PT_FREETYPE_UNMAPPED:
		target = PTL_DM_ABSENT;
		break;
	case PT_FREETYPE_KEYED:
		if (!dm->key)
			return -EOPNOTSUPP;
		target = PTL_DM_KEYED;
		break;
	case 0:
		target = PTL_DM_PLAIN;
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (target == PTL_DM_PLAIN) {
		/* A pageblock that comes back, whole, needs no table: recursion ends here. */
		ptl_dm_lock(dm);
		PTL_BUG_ON(ptl_dm_cost(dm, extent, nr, target));
		ptl_dm_unlock(dm);
	}
	err = ptl_dm_change(dm, extent, nr, target, true);
	if (!err) {
		bool nested = ptl_dm_refilling(dm);

		ptl_dm_lock(dm);
		dm->stats.converted++;
		dm->stats.nested += nested;
		ptl_dm_unlock(dm);
	}
	return err;
}
