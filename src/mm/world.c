/* SPDX-License-Identifier: MIT */
/* Worlds and address spaces: made, and given up. */
#include "mm/edit.h"

#include <stdlib.h>

#define WORLD_FLAGS (PT_WORLD_NO_CONTENT | PT_WORLD_NO_HUGE_ZERO)

/*
 * arm64: all of the table's half. x86: the lower half without its last page: a SYSCALL at its end
 * would return to an address that is not canonical, so Linux gives nobody that page (6.15,
 * arch/x86/include/asm/page_64.h, task_size_max()).
 */
static int find_limits(struct pt_world *world)
{
	struct pt_format_info *info = &world->info;
	int err = pt_format_info(&world->cfg.fmt, info);

	if (err)
		return -EINVAL;
	world->page_lg2 = info->granule_lg2;
	world->user_first = info->first;
	world->user_last = info->last;
	if (world->cfg.fmt.fmt == PT_FMT_X86_64)
		world->user_last = PTL_BIT(world->cfg.fmt.va_bits - 1) - 4096 - 1;
	if (info->nr_levels > 1 && info->can_leaf[1])
		world->huge_lg2 = info->leaf_lg2[1];
	else
		world->huge_lg2 = world->page_lg2;
	return 0;
}

static bool is_second_stage(enum pt_format fmt)
{
	return fmt == PT_FMT_X86_EPT || fmt >= PT_FMT_ARM64_S2_4K;
}

int pt_world_create(struct pt_world **out, struct pt_phys *phys, const struct pt_world_cfg *cfg)
{
	struct pt_world *world = calloc(1, sizeof(*world));
	int err;

	if (!world)
		return -ENOMEM;
	world->cfg = *cfg;
	world->phys = phys;
	err = find_limits(world);
	if (!err && (is_second_stage(cfg->fmt.fmt) || cfg->flags & ~WORLD_FLAGS ||
		     pt_phys_frame_lg2(phys) != world->page_lg2))
		err = -EINVAL;
	if (!err)
		err = ptl_pages_init(world);
	if (err) {
		free(world);
		return err;
	}
	err = ptl_folio_alloc(NULL, world, 0, 0, true, &world->zero_page);
	if (err) {
		ptl_pages_exit(world);
		free(world);
		return err;
	}
	ptl_page_at(world, world->zero_page)->pins = 1;
	atomic_init(&world->huge_zero, PTL_NO_PA);
	*out = world;
	return 0;
}

/*
 * Pages that no folio holds together, so that walks find no folio in their leaf: for Linux too it
 * is no normal page (mm/memory.c, vm_normal_page_pmd()).
 */
bool ptl_huge_zero_get(struct pt_world *world)
{
	unsigned int order = world->huge_lg2 - world->page_lg2;
	pt_pa_t pa;

	if (!order || world->cfg.flags & PT_WORLD_NO_HUGE_ZERO)
		return false;
	if (ptl_huge_zero(world) != PTL_NO_PA)
		return true;
	if (ptl_folio_alloc(NULL, world, order, 0, true, &pa))
		return false;
	ptl_page_at(world, pa)->pins = 1;
	ptl_folio_split(world, pa);
	atomic_store_explicit(&world->huge_zero, pa, memory_order_relaxed);
	return true;
}

static void free_huge_zero(struct pt_world *world)
{
	pt_pa_t pa = ptl_huge_zero(world);

	for (; pa != PTL_NO_PA && ptl_is_huge_zero(world, pa); pa += ptl_page_bytes(world)) {
		ptl_page_at(world, pa)->pins = 0;
		ptl_folio_free(world, pa);
	}
}

static void free_poisoned(struct pt_world *world)
{
	while (world->poisoned) {
		pt_pa_t head = world->poisoned & ~UINT64_C(1);
		struct ptl_page *page = ptl_page_at(world, head);

		world->poisoned = atomic_load_explicit(&page->offset, memory_order_relaxed);
		page->pins = 0;
		ptl_folio_free(world, head);
	}
}

int pt_world_destroy(struct pt_world *world)
{
	if (!world)
		return 0;
	if (world->mms || world->files || world->swaps)
		return -EBUSY;
	free_poisoned(world);
	free_huge_zero(world);
	ptl_page_at(world, world->zero_page)->pins = 0;
	ptl_folio_free(world, world->zero_page);
	while (world->pools) {
		struct ptl_huge_pool *pool = world->pools;

		world->pools = pool->next;
		free(pool->free);
		free(pool);
	}
	ptl_pages_exit(world);
	free(world);
	return 0;
}

pt_pa_t pt_world_zero_page(const struct pt_world *world)
{
	return world->zero_page;
}

int pt_world_huge_zero_page(const struct pt_world *world, pt_pa_t *pa)
{
	if (ptl_huge_zero(world) == PTL_NO_PA)
		return -ENOENT;
	*pa = ptl_huge_zero(world);
	return 0;
}

int pt_mm_create(struct pt_mm **out, struct pt_world *world, const struct pt_mm_cfg *cfg)
{
	struct pt_pgtable_cfg pt_cfg = {
		.fmt = world->cfg.fmt,
		.mode = cfg->mode,
		.flush = cfg->flush,
		.top = cfg->top,
		.watch = cfg->watch,
		.wait = cfg->wait,
		.soft = &world->cfg.soft,
		.walk_locks = cfg->mode == PT_MODE_SHARED,
		.max_leaves = cfg->max_leaves,
		.max_tables = cfg->max_tables,
		.max_ranges = cfg->max_ranges,
	};
	struct pt_mm *mm = calloc(1, sizeof(*mm));
	int err;

	if (!mm)
		return -ENOMEM;
	mm->world = world;
	mm->cfg = *cfg;
	mm->tables = (struct pt_zone_source){
		.zone = world->cfg.zone,
		.type = pt_freetype(PT_MIGRATE_UNMOVABLE, 0),
		.account = cfg->account,
	};
	pt_cfg.tables = pt_zone_table_ops(&mm->tables);
	err = pt_pgtable_create(&mm->pt, world->phys, &pt_cfg);
	if (err) {
		free(mm);
		return err;
	}
	mm->next = world->mms;
	mm->link = &world->mms;
	if (mm->next)
		mm->next->link = &mm->next;
	world->mms = mm;
	*out = mm;
	return 0;
}

void pt_mm_destroy(struct pt_mm *mm)
{
	struct ptl_edit edit;

	if (!mm)
		return;
	ptl_edit_begin(&edit, mm);
	edit.gather.full = true;
	for (size_t i = 0; i < mm->areas.nr; i++) {
		const struct pt_mm_area *area = &mm->areas.at[i];

		ptl_zap(&edit, area->first, area->last, true);
	}
	ptl_edit_end(&edit);
	*mm->link = mm->next;
	if (mm->next)
		mm->next->link = mm->link;
	ptl_areas_exit(&mm->areas);
	pt_pgtable_destroy(mm->pt);
	free(mm);
}

struct pt_pgtable *pt_mm_pgtable(const struct pt_mm *mm)
{
	return mm->pt;
}

struct pt_world *pt_mm_world(const struct pt_mm *mm)
{
	return mm->world;
}
