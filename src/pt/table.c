/* SPDX-License-Identifier: MIT */
/* The life of table pages: allocated, in use, dead, freed. */
#include "pt/pagetable_internal.h"

#include <string.h>

#include "base/poison.h"

_Atomic uint64_t *ptl_table_far(const struct pt_pgtable *pt, pt_pa_t pa)
{
	return pt_phys_to_host(pt->phys, pa, ptl_table_bytes(pt));
}

struct pt_frame *ptl_frame_far(const struct pt_pgtable *pt, pt_pa_t pa)
{
	return ptl_phys_frame(pt->phys, pa);
}

/*
 * Relaxed stores: the page is ours alone until the release that publishes it.
 * The lock word is not reset from DEAD before the page is handed out again: a
 * walker that still knew it as the table it was finds it dead, or finds that
 * its parent points elsewhere.
 */
static int table_alloc(struct pt_pgtable *pt, unsigned int size_lg2, pt_pa_t *pa)
{
	void *host;
	int err;

	if (!pt->tables.alloc)
		return -EOPNOTSUPP;
	err = pt->tables.alloc(pt->tables.ctx, size_lg2, pa);
	if (err)
		return err;
	host = size_lg2 == pt->ops.granule_lg2 ? ptl_table_at(pt, *pa) :
						  pt_phys_to_host(pt->phys, *pa, PTL_BIT(size_lg2));
	if (!host || *pa >> pt->fmt.cfg.pa_bits || !ptl_aligned(*pa, size_lg2)) {
		pt->tables.free(pt->tables.ctx, *pa, size_lg2);
		return -EFAULT;
	}
	ptl_unpoison(host, PTL_BIT(size_lg2));
	memset(host, 0, PTL_BIT(size_lg2));
	for (uint64_t at = 0; at < PTL_BIT(size_lg2); at += ptl_table_bytes(pt)) {
		struct pt_frame *frame = ptl_frame_at(pt, *pa + at);

		atomic_store_explicit(&frame->refs, 1, memory_order_relaxed);
		atomic_store_explicit(&frame->state, PTL_FRAME_TABLE, memory_order_relaxed);
		atomic_store_explicit(&frame->lock, 0, memory_order_relaxed);
		frame->link = PTL_LINK_END;
		frame->owner = (uintptr_t)pt;
		atomic_fetch_add_explicit(&pt->nr_tables, 1, memory_order_relaxed);
	}
	return 0;
}

int ptl_table_alloc(struct pt_pgtable *pt, pt_pa_t *pa)
{
	return table_alloc(pt, pt->ops.granule_lg2, pa);
}

/*
 * The tables of a concatenated root are allocated, and freed, as one; the
 * first one's lock is all's.
 */
int ptl_root_alloc(struct pt_pgtable *pt, pt_pa_t *pa)
{
	return table_alloc(pt, pt->root_lg2, pa);
}

/* Nobody can reach it any more: unpublished, or flushed and past its grace period. */
void ptl_table_free(struct pt_pgtable *pt, pt_pa_t pa)
{
	bool is_root = pt->root_is_ours && pa == pt->root_pa;
	unsigned int size_lg2 = is_root ? pt->root_lg2 : pt->ops.granule_lg2;

	for (uint64_t at = 0; at < PTL_BIT(size_lg2); at += ptl_table_bytes(pt)) {
		struct pt_frame *frame = ptl_frame_at(pt, pa + at);

		PTL_BUG_ON(atomic_load_explicit(&frame->state, memory_order_relaxed) !=
			   PTL_FRAME_TABLE);
		atomic_store_explicit(&frame->state, PTL_FRAME_STOCK, memory_order_relaxed);
		frame->owner = 0;
		atomic_fetch_sub_explicit(&pt->nr_tables, 1, memory_order_relaxed);
	}
	pt->tables.free(pt->tables.ctx, pa, size_lg2);
}

/* The release pairs with the acquire in a walk cursor's check of the generation. */
void ptl_table_kill(const struct pt_pgtable *pt, pt_pa_t pa)
{
	struct pt_frame *frame = ptl_frame_at(pt, pa);

	atomic_fetch_or_explicit(&frame->lock, PTL_FRAME_DEAD, memory_order_relaxed);
	atomic_fetch_add_explicit(&frame->generation, 1, memory_order_release);
}
