/* SPDX-License-Identifier: MIT */
/*
 * Which pages a CPU may still translate to. A page is marked in its zone from when it is
 * mapped until no region can have it in a TLB; the marks are of whole blocks, so one goes
 * when the last of its block's pages does.
 */
#include "kspace/mermap_internal.h"

#include <stdlib.h>

#include <ptlib/zone_info.h>

#include "buddy/zone_internal.h"

/*
 * What of the zone a page of the table has: one block's, or where frames are smaller than that, of
 * several blocks. Bytes from one frame to the next.
 */
static uint64_t frame_step(const struct pt_mermap *mermap)
{
	return PTL_BIT(mermap->cfg.zone ? mermap->cfg.zone->frame_lg2 : mermap->granule_lg2);
}

bool ptl_mermap_held(const struct pt_mermap *mermap, pt_pa_t pa)
{
	const uint64_t step = frame_step(mermap);
	struct pt_page_info info;

	for (uint64_t at = 0; mermap->cfg.zone && at < PTL_BIT(mermap->granule_lg2); at += step)
		if (!pt_page_info(mermap->cfg.zone, pa + at, &info) && info.state != PT_PAGE_HELD)
			return false;
	return true;
}

int ptl_mermap_notes_init(struct pt_mermap *mermap)
{
	size_t nr = mermap->nr_pages, chains;

	while (mermap->chains_lg2 < 32 && PTL_BIT(mermap->chains_lg2) < nr)
		mermap->chains_lg2++;
	chains = (size_t)PTL_BIT(mermap->chains_lg2);
	mermap->pages = malloc(nr * sizeof(*mermap->pages));
	mermap->next = malloc(nr * sizeof(*mermap->next));
	mermap->chain = malloc(chains * sizeof(*mermap->chain));
	if (!mermap->pages || !mermap->next || !mermap->chain)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		mermap->pages[i] = PTL_MERMAP_CLEAN;
	for (size_t i = 0; i < chains; i++)
		mermap->chain[i] = PTL_MERMAP_END;
	return 0;
}

void ptl_mermap_notes_exit(struct pt_mermap *mermap)
{
	free(mermap->chain);
	free(mermap->next);
	free(mermap->pages);
}

static uint32_t *chain_of(const struct pt_mermap *mermap, pt_pa_t pa)
{
	/* Fibonacci hashing; with one chain, not a shift by 64. */
	uint64_t hash = (pa >> mermap->granule_lg2) * UINT64_C(0x9e3779b97f4a7c15);

	return &mermap->chain[hash >> 32 >> (32 - mermap->chains_lg2)];
}

/* Under the lock. */
static void note(struct pt_mermap *mermap, uint32_t i, pt_pa_t pa)
{
	uint32_t *chain = chain_of(mermap, pa);

	mermap->pages[i] = pa;
	mermap->next[i] = *chain;
	*chain = i;
}

/* Under the lock: page @i of all regions maps nothing that is cached. */
static void forget(struct pt_mermap *mermap, uint32_t i)
{
	uint32_t *link = chain_of(mermap, mermap->pages[i]);

	while (*link != i)
		link = &mermap->next[*link];
	*link = mermap->next[i];
	mermap->pages[i] = PTL_MERMAP_CLEAN;
}

/* Under the lock: where in all regions @pa is, or PTL_MERMAP_END. */
static uint32_t find_page(const struct pt_mermap *mermap, pt_pa_t pa)
{
	uint32_t i = *chain_of(mermap, pa);

	while (i != PTL_MERMAP_END && mermap->pages[i] != pa)
		i = mermap->next[i];
	return i;
}

/* Under the lock: where any page of @extent is; of several the first by address. */
static uint32_t find(const struct pt_mermap *mermap, const struct pt_extent *extent)
{
	/* A block may be smaller than a page of the table, and begin inside it. */
	pt_pa_t first = ptl_align_down(extent->pa, mermap->granule_lg2);
	uint64_t len = extent->pa - first + extent->len;
	uint32_t i = PTL_MERMAP_END;

	for (uint64_t at = 0; at < len && i == PTL_MERMAP_END; at += PTL_BIT(mermap->granule_lg2))
		i = find_page(mermap, first + at);
	return i;
}

void ptl_mermap_note(struct pt_mermap *mermap, struct ptl_mermap_cpu *cpu, unsigned int index,
		     pt_pa_t pa)
{
	uint32_t bits = ptl_bit_lock(&mermap->lock);
	const uint64_t step = frame_step(mermap);
	struct pt_zone *zone = mermap->cfg.zone;
	struct pt_page_info info;

	note(mermap, (uint32_t)(cpu->page - mermap->pages) + index, pa);
	for (uint64_t at = 0; zone && at < PTL_BIT(mermap->granule_lg2); at += step)
		if (!pt_page_info(zone, pa + at, &info))
			pt_page_mark_stale(zone, pa + at);
	ptl_bit_unlock(&mermap->lock, bits);
}

/*
 * Under the lock; this frame @pa is in the region no more. Of its block nothing is read but its
 * word: all else is its holder's, who need not wait for us once the mark is gone.
 */
static void unmark_block(struct pt_mermap *mermap, pt_pa_t pa)
{
	const struct pt_zone *zone = mermap->cfg.zone;
	const struct ptl_span *span = zone ? ptl_span_of(zone, pa) : NULL;
	const struct pt_frame *frame = span ? ptl_block_of(zone, span, pa, &pa) : NULL;
	unsigned int block = frame ? ptl_block_load(frame) : 0;
	struct pt_extent whole;

	if (!(block & PTL_BLOCK_STALE))
		return;
	whole = (struct pt_extent){ pa, PTL_BIT((block & PTL_BLOCK_ORDER) + zone->frame_lg2) };
	if (find(mermap, &whole) == PTL_MERMAP_END)
		pt_page_clear_stale(mermap->cfg.zone, pa);
}

/* Under the lock: all of the page at @pa. */
static void unmark(struct pt_mermap *mermap, pt_pa_t pa)
{
	const uint64_t step = frame_step(mermap);

	for (uint64_t at = 0; at < PTL_BIT(mermap->granule_lg2); at += step)
		unmark_block(mermap, pa + at);
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
		forget(mermap, (uint32_t)(cpu->page - mermap->pages) + i);
		unmark(mermap, pa);
	}
	ptl_bit_unlock(&mermap->lock, bits);
}

/* On all CPUs: pages @first to @last of all regions; everything, if they are not one CPU's. */
static void flush_pages(const struct pt_mermap *mermap, uint32_t first, uint32_t last)
{
	const struct pt_flush_ops *flush = mermap->cfg.flush;
	pt_va_t va = mermap->cfg.base + ((uint64_t)first << mermap->granule_lg2);

	if (!flush)
		return;
	if (first / mermap->cfg.nr_pages != last / mermap->cfg.nr_pages) {
		if (flush->all)
			flush->all(flush->ctx);
	} else if (flush->range) {
		flush->range(flush->ctx, va,
			     va + (((uint64_t)(last - first) + 1) << mermap->granule_lg2) - 1,
			     mermap->granule_lg2);
	}
}

void pt_mermap_settle(struct pt_mermap *mermap, const struct pt_extent *extent)
{
	uint32_t first = PTL_MERMAP_END, last = 0, i;
	uint32_t bits = ptl_bit_lock(&mermap->lock);

	while ((i = find(mermap, extent)) != PTL_MERMAP_END) {
		forget(mermap, i);
		first = i < first ? i : first;
		last = i > last ? i : last;
	}
	ptl_bit_unlock(&mermap->lock, bits);

	/* Mapped nowhere: the mark was copied when a larger folio was split. */
	if (first != PTL_MERMAP_END) {
		flush_pages(mermap, first, last);
		atomic_fetch_add_explicit(&mermap->settled, 1, memory_order_relaxed);
	}
	if (mermap->cfg.zone)
		pt_page_clear_stale(mermap->cfg.zone, extent->pa);
}
