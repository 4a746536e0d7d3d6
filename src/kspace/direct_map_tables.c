/* SPDX-License-Identifier: MIT */
/*
 * Where tables come from: a reserve, filled from the caller's source or, if tables are
 * protected, from KEYED pages of a zone.
 *
 * Protected tables and their start. To give pages a key, leaves are split, and that takes
 * tables which must have the key already. So while nothing is mapped, whole pageblocks are
 * taken from the zone without flags; all tables are made from them; the last step gives
 * them the key, with tables from themselves. From then on
 *
 *	another split    fill the reserve to need + 2, with KEYED pages of the zone
 *	  no KEYED page  the zone converts a pageblock: the reserve's own 2 split its leaf
 *
 * and the second line allocates nothing.
 */
#include "kspace/direct_map_internal.h"

#include <stdlib.h>

#include "phys/phys_internal.h"
#include "pt/reserve.h"

bool ptl_dm_is_boot(struct pt_direct_map *dm, pt_pa_t pa)
{
	unsigned int lg2 = ptl_dm_block_lg2(dm);
	bool found = false;
	uint32_t bits = ptl_bit_lock(&dm->boot_lock);

	for (size_t i = 0; i < dm->nr_boot_blocks && !found; i++)
		found = (dm->boot_blocks[i] ^ pa) >> lg2 == 0;
	ptl_bit_unlock(&dm->boot_lock, bits);
	return found;
}

size_t ptl_dm_nr_boot(struct pt_direct_map *dm)
{
	uint32_t bits = ptl_bit_lock(&dm->boot_lock);
	size_t nr = dm->nr_boot;

	ptl_bit_unlock(&dm->boot_lock, bits);
	return nr;
}

/* Under boot_lock. */
static void boot_give(struct pt_direct_map *dm, pt_pa_t pa)
{
	ptl_phys_frame(dm->phys, pa)->link = dm->boot_list;
	dm->boot_list = ptl_link_to(pa);
	dm->nr_boot++;
}

/* One more pageblock becomes ours. Nobody else uses @dm yet. */
static int boot_grow(struct pt_direct_map *dm)
{
	unsigned int block_lg2 = ptl_dm_block_lg2(dm);
	pt_pa_t *blocks = realloc(dm->boot_blocks, (dm->nr_boot_blocks + 1) * sizeof(*blocks));
	pt_pa_t pa;
	int err;

	if (!blocks)
		return -ENOMEM;
	dm->boot_blocks = blocks;
	err = dm->boot_source.alloc(dm->boot_source.ctx, block_lg2, &pa);
	if (err)
		return err;
	blocks[dm->nr_boot_blocks++] = pa;
	for (uint64_t at = 0; at < PTL_BIT(block_lg2); at += ptl_dm_granule(dm))
		boot_give(dm, pa + at);
	return 0;
}

static bool boot_take(struct pt_direct_map *dm, pt_pa_t *pa)
{
	uint32_t bits = ptl_bit_lock(&dm->boot_lock);
	bool found = dm->boot_list != PTL_LINK_END;

	if (found) {
		struct pt_frame *frame;

		*pa = ptl_link_pa(dm->boot_list);
		frame = ptl_phys_frame(dm->phys, *pa);
		dm->boot_list = frame->link;
		frame->link = PTL_LINK_END;
		dm->nr_boot--;
	}
	ptl_bit_unlock(&dm->boot_lock, bits);
	return found;
}

static int protected_alloc(void *ctx, unsigned int size_lg2, pt_pa_t *pa)
{
	struct pt_direct_map *dm = ctx;
	int err;

	PTL_BUG_ON(size_lg2 != dm->info.granule_lg2);
	if (boot_take(dm, pa))
		return 0;
	if (!dm->booting)
		return dm->keyed_source.alloc(dm->keyed_source.ctx, size_lg2, pa);
	err = boot_grow(dm);
	if (!err)
		PTL_BUG_ON(!boot_take(dm, pa));
	return err;
}

static void protected_free(void *ctx, pt_pa_t pa, unsigned int size_lg2)
{
	struct pt_direct_map *dm = ctx;

	if (ptl_dm_is_boot(dm, pa)) {
		uint32_t bits = ptl_bit_lock(&dm->boot_lock);

		boot_give(dm, pa);
		ptl_bit_unlock(&dm->boot_lock, bits);
	} else {
		dm->keyed_source.free(dm->keyed_source.ctx, pa, size_lg2);
	}
}

int ptl_dm_tables_init(struct pt_direct_map *dm, const struct pt_direct_map_cfg *cfg)
{
	dm->boot_list = PTL_LINK_END;
	dm->source = cfg->tables;
	if (cfg->protect) {
		dm->booting = true;
		dm->plain.zone = dm->keyed.zone = cfg->protect;
		dm->keyed.type = pt_freetype(PT_MIGRATE_UNMOVABLE, PT_FREETYPE_KEYED);
		dm->boot_source = pt_zone_table_ops(&dm->plain);
		dm->keyed_source = pt_zone_table_ops(&dm->keyed);
		dm->source = (struct pt_table_ops){ protected_alloc, protected_free, dm };
	}
	return pt_reserve_create(&dm->reserve, dm->phys, dm->info.granule_lg2);
}

void ptl_dm_tables_exit(struct pt_direct_map *dm)
{
	PTL_BUG_ON(pt_reserve_destroy(dm->reserve));
	for (size_t i = 0; i < dm->nr_boot_blocks; i++)
		dm->boot_source.free(dm->boot_source.ctx, dm->boot_blocks[i],
				     ptl_dm_block_lg2(dm));
	free(dm->boot_blocks);
}

/* The pageblocks grow in number while they are given the key, for that takes tables. */
int ptl_dm_boot_finish(struct pt_direct_map *dm)
{
	size_t standing = dm->key ? PTL_DM_RESERVE : 0;
	int err = ptl_dm_refill(dm, standing);

	for (size_t i = 0; i < dm->nr_boot_blocks && !err; i++) {
		const struct pt_extent block = {
			dm->boot_blocks[i], PTL_BIT(ptl_dm_block_lg2(dm)),
		};

		err = ptl_dm_change(dm, &block, 1, PTL_DM_KEYED, false);
		if (!err)
			err = ptl_dm_refill(dm, standing);
	}
	dm->booting = false;
	return err;
}

bool ptl_dm_refilling(struct pt_direct_map *dm)
{
	struct ptl_dm_refill *refill;

	ptl_dm_lock(dm);
	for (refill = dm->refilling; refill; refill = refill->next)
		if (thrd_equal(refill->who, thrd_current()))
			break;
	ptl_dm_unlock(dm);
	return refill;
}

int ptl_dm_refill(struct pt_direct_map *dm, size_t nr)
{
	struct ptl_dm_refill me = { .who = thrd_current() }, **link;
	int err;

	PTL_BUG_ON(ptl_dm_refilling(dm)); /* deeper than one */
	ptl_dm_lock(dm);
	me.next = dm->refilling;
	dm->refilling = &me;
	ptl_dm_unlock(dm);
	err = pt_reserve_fill(dm->reserve, nr, &dm->source);
	ptl_dm_lock(dm);
	for (link = &dm->refilling; *link != &me; link = &(*link)->next)
		;
	*link = me.next;
	ptl_dm_unlock(dm);
	return err;
}

void ptl_dm_trim(struct pt_direct_map *dm)
{
	const struct pt_table_ops *from;
	pt_pa_t pa;

	for (;;) {
		/* Pages that somebody counted under the lock are used before it is left. */
		ptl_dm_lock(dm);
		from = ptl_reserve_take_spare(dm->reserve, dm->key ? PTL_DM_RESERVE : 0, &pa);
		ptl_dm_unlock(dm);
		if (!from)
			return;
		from->free(from->ctx, pa, dm->info.granule_lg2);
	}
}

int pt_direct_map_prepare(struct pt_direct_map *dm)
{
	return dm->key ? ptl_dm_refill(dm, PTL_DM_RESERVE) : 0;
}
