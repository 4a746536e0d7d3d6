/* SPDX-License-Identifier: MIT */
/*
 * Which pages a CPU may still translate to. A page is marked in its zone from when it is
 * mapped until no region can have it in a TLB; the marks are of whole blocks, so one goes
 * when the last of its block's pages does.
 */
#include "kspace/mermap_internal.h"

#include <ptlib/zone_info.h>

#include "buddy/zone_internal.h"

bool ptl_mermap_held(const struct pt_mermap *mermap, pt_pa_t pa)
{
	struct pt_page_info info;

	return !mermap->cfg.zone || pt_page_info(mermap->cfg.zone, pa, &info) ||
	       info.state == PT_PAGE_HELD;
}

void ptl_mermap_note(struct pt_mermap *mermap, struct ptl_mermap_cpu *cpu, unsigned int index,
		     pt_pa_t pa)
{
	uint32_t bits = ptl_bit_lock(&mermap->lock);
	struct pt_page_info info;

	cpu->page[index] = pa;
	if (mermap->cfg.zone && !pt_page_info(mermap->cfg.zone, pa, &info))
		pt_page_mark_stale(mermap->cfg.zone, pa);
	ptl_bit_unlock(&mermap->lock, bits);
}

/* Under the lock: whether any page of [@pa, @pa + @len) is in a region. */
static bool is_noted(const struct pt_mermap *mermap, pt_pa_t pa, uint64_t len)
{
	size_t nr = (size_t)mermap->cfg.nr_cpus * mermap->cfg.nr_pages;

	for (size_t i = 0; i < nr; i++)
		if (mermap->cpus[0].page[i] - pa < len)
			return true;
	return false;
}

/*
 * Under the lock; this @pa is in the region no more. Of the block nothing but its word is read:
 * all else is its holder's, who need not wait for us once the mark is gone.
 */
static void unmark(struct pt_mermap *mermap, pt_pa_t pa)
{
	const struct pt_zone *zone = mermap->cfg.zone;
	const struct ptl_span *span = zone ? ptl_span_of(zone, pa) : NULL;
	const struct pt_frame *frame = span ? ptl_block_of(zone, span, pa, &pa) : NULL;
	unsigned int block = frame ? ptl_block_load(frame) : 0;

	if (block & PTL_BLOCK_STALE &&
	    !is_noted(mermap, pa, PTL_BIT((block & PTL_BLOCK_ORDER) + zone->frame_lg2)))
		pt_page_clear_stale(mermap->cfg.zone, pa);
}

static bool is_live(const struct ptl_mermap_cpu *cpu, unsigned int index)
{
	const struct pt_mermap_alloc *alloc = &cpu->reserved;
	bool live = alloc->in_use && alloc->first == index;

	for (unsigned int i = 0; i < PT_MERMAP_LIVE && !live; i++) {
		alloc = &cpu->live[i];
		live = alloc->in_use && index - alloc->first < alloc->nr;
	}
	return live;
}

void ptl_mermap_clean(struct pt_mermap *mermap, struct ptl_mermap_cpu *cpu)
{
	uint32_t bits = ptl_bit_lock(&mermap->lock);

	for (unsigned int i = 0; i < mermap->cfg.nr_pages; i++) {
		pt_pa_t pa = cpu->page[i];

		if (pa == PTL_MERMAP_CLEAN || is_live(cpu, i))
			continue;
		cpu->page[i] = PTL_MERMAP_CLEAN;
		unmark(mermap, pa);
	}
	ptl_bit_unlock(&mermap->lock, bits);
}

void pt_mermap_settle(struct pt_mermap *mermap, const struct pt_extent *extent)
{
	const struct pt_flush_ops *flush = mermap->cfg.flush;
	size_t nr = (size_t)mermap->cfg.nr_cpus * mermap->cfg.nr_pages;
	size_t first = nr, last = 0;
	pt_pa_t *page = mermap->cpus[0].page; /* all regions, one after the other */
	uint32_t bits = ptl_bit_lock(&mermap->lock);

	for (size_t i = 0; i < nr; i++) {
		if (page[i] - extent->pa >= extent->len)
			continue;
		page[i] = PTL_MERMAP_CLEAN;
		first = first < i ? first : i;
		last = i;
	}
	ptl_bit_unlock(&mermap->lock, bits);

	/*
	 * Mapped in one region: that range. Nowhere: the mark was copied when a larger folio was
	 * split, and what was mapped of that, in whichever region, is not known: all.
	 */
	if (first < nr && first / mermap->cfg.nr_pages == last / mermap->cfg.nr_pages) {
		if (flush && flush->range)
			flush->range(flush->ctx,
				     mermap->cfg.base + ((uint64_t)first << mermap->granule_lg2),
				     mermap->cfg.base +
					     ((uint64_t)(last + 1) << mermap->granule_lg2) - 1,
				     mermap->granule_lg2);
	} else if (flush && flush->all) {
		flush->all(flush->ctx);
	}
	atomic_fetch_add_explicit(&mermap->settled, 1, memory_order_relaxed);
	if (mermap->cfg.zone)
		pt_page_clear_stale(mermap->cfg.zone, extent->pa);
}
