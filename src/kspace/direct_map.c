/* SPDX-License-Identifier: MIT */
/* The life of a direct map, and what is known of it. */
#include "kspace/direct_map_internal.h"

#include <stdlib.h>

#include <ptlib/mermap.h>

#include "phys/phys_internal.h"

/* Linux: __PAGE_OFFSET_BASE_L4 and _L5, Documentation/arch/x86/x86_64/mm.rst. */
#define X86_BASE_L4 UINT64_C(0xffff888000000000)
#define X86_BASE_L5 UINT64_C(0xff11000000000000)

static bool is_stage1(enum pt_format fmt)
{
	return fmt <= PT_FMT_ARM64_64K;
}

static pt_va_t default_base(const struct pt_fmt_cfg *fmt, const struct pt_format_info *info)
{
	if (fmt->fmt != PT_FMT_X86_64)
		return info->first;
	return info->nr_levels == 5 ? X86_BASE_L5 : X86_BASE_L4;
}

/* What the format, and what may be split in it, allow. */
static int set_format(struct pt_direct_map *dm, const struct pt_direct_map_cfg *cfg)
{
	bool x86 = cfg->fmt.fmt == PT_FMT_X86_64;
	int err = pt_format_info(&cfg->fmt, &dm->info);

	if (err)
		return err;
	if (!is_stage1(cfg->fmt.fmt))
		return -EOPNOTSUPP;
	if (dm->info.nr_levels < 2 || dm->info.granule_lg2 != dm->phys->frame_lg2)
		return -EINVAL;
	dm->attr = cfg->attr;
	if (!dm->attr) /* Linux: PAGE_KERNEL has _PAGE_ENC */
		dm->attr = PT_DIRECT_MAP_ATTR | (dm->info.attrs & PT_ATTR_ENCRYPTED);
	if ((dm->attr | PT_ATTR_KEY(cfg->key)) & ~(dm->info.attrs | PT_ATTR_DIRTY) ||
	    cfg->key > PT_ATTR_KEY_MASK >> PT_ATTR_KEY_SHIFT)
		return -EOPNOTSUPP;
	if (pt_attr_key(dm->attr))
		return -EINVAL;
	dm->base = cfg->base ? cfg->base : default_base(&cfg->fmt, &dm->info);
	if (!ptl_aligned(dm->base, dm->info.granule_lg2))
		return -EINVAL;
	if (x86 || cfg->fmt.bbm >= 2)
		for (unsigned int level = 1; level < dm->info.nr_levels; level++)
			if (dm->info.can_leaf[level])
				dm->top_leaf = level;
	if (!dm->top_leaf)
		dm->map_change = (struct pt_change){ .max_lg2 = dm->info.granule_lg2 };
	dm->flush_splits = x86;
	dm->flush_unkey = !x86;
	return 0;
}

static bool cfg_valid(const struct pt_direct_map_cfg *cfg)
{
	bool has_source = cfg->tables.alloc && cfg->tables.free;

	return !(cfg->flags & ~PT_DIRECT_MAP_JOIN) && has_source == !cfg->protect &&
	       !cfg->tables.alloc == !cfg->tables.free && !(cfg->protect && !cfg->key);
}

/* With tables for all of it in the reserve first. */
static int map_region(struct pt_direct_map *dm, pt_pa_t pa, uint64_t len)
{
	struct pt_change change = dm->map_change;
	pt_va_t va = ptl_dm_va(dm, pa);
	size_t nr;
	int err;

	if (va + len - 1 < va || va < dm->base)
		return -ERANGE;
	err = pt_map_probe(dm->pt, va, pa, len, dm->attr, &change, &nr);
	if (!err)
		err = ptl_dm_refill(dm, nr);
	if (!err)
		err = pt_map(dm->pt, va, pa, len, dm->attr, &change);
	return err;
}

static int map_all(struct pt_direct_map *dm, const struct pt_direct_map_cfg *cfg)
{
	const struct pt_pgtable_cfg pt_cfg = {
		.fmt = cfg->fmt,
		.mode = PT_MODE_EXCLUSIVE,
		.tables = pt_reserve_ops(dm->reserve),
		.watch = cfg->watch,
	};
	int err = ptl_dm_refill(dm, 1);

	if (!err)
		err = pt_pgtable_create(&dm->pt, dm->phys, &pt_cfg);
	for (size_t i = 0; i < pt_phys_nr_regions(dm->phys) && !err; i++) {
		uint64_t len;
		pt_pa_t pa;

		pt_phys_region(dm->phys, i, &pa, &len);
		err = map_region(dm, pa, len);
	}
	return err;
}

static int zero_pages(void *ctx, unsigned int cpu, const struct pt_extent *extent,
		      unsigned int flags)
{
	struct pt_direct_map *dm = ctx;

	(void)flags;
	return dm->mermap ? pt_mermap_zero(dm->mermap, cpu, extent) : -EOPNOTSUPP;
}

static void settle_pages(void *ctx, const struct pt_extent *extent)
{
	struct pt_direct_map *dm = ctx;

	if (dm->mermap)
		pt_mermap_settle(dm->mermap, extent);
}

int pt_direct_map_create(struct pt_direct_map **out, struct pt_phys *phys,
			 const struct pt_direct_map_cfg *cfg)
{
	struct pt_direct_map *dm;
	int err;

	if (!cfg_valid(cfg))
		return -EINVAL;
	dm = calloc(1, sizeof(*dm));
	if (!dm)
		return -ENOMEM;
	dm->phys = phys;
	dm->key = cfg->key;
	dm->flags = cfg->flags;
	dm->freetype_ops = (struct pt_freetype_ops){ ptl_dm_convert, zero_pages, settle_pages, dm };
	err = set_format(dm, cfg);
	if (!err)
		err = ptl_dm_tables_init(dm, cfg);
	if (err) {
		free(dm);
		return err;
	}
	err = map_all(dm, cfg);
	if (!err)
		err = ptl_dm_boot_finish(dm);
	if (err) {
		pt_direct_map_destroy(dm);
		return err;
	}
	/* How it came to be counts for nothing, and was seen by no CPU. */
	dm->stats = (struct pt_direct_map_stats){ 0 };
	dm->flush = cfg->flush;
	*out = dm;
	return 0;
}

void pt_direct_map_destroy(struct pt_direct_map *dm)
{
	if (!dm)
		return;
	pt_pgtable_destroy(dm->pt);
	ptl_dm_tables_exit(dm);
	free(dm);
}

struct pt_pgtable *pt_direct_map_pgtable(struct pt_direct_map *dm)
{
	return dm->pt;
}

pt_va_t pt_direct_map_base(const struct pt_direct_map *dm)
{
	return dm->base;
}

const struct pt_freetype_ops *pt_direct_map_freetype_ops(struct pt_direct_map *dm)
{
	return &dm->freetype_ops;
}

void pt_direct_map_set_mermap(struct pt_direct_map *dm, struct pt_mermap *mermap)
{
	dm->mermap = mermap;
}

void pt_direct_map_stats(struct pt_direct_map *dm, struct pt_direct_map_stats *stats)
{
	ptl_dm_lock(dm);
	*stats = dm->stats;
	ptl_dm_unlock(dm);
	stats->tables = pt_reserve_in_use(dm->reserve);
	stats->reserve = pt_reserve_available(dm->reserve);
	stats->boot = ptl_dm_nr_boot(dm);
}
