/* SPDX-License-Identifier: MIT */
/*
 * Finding free blocks: of the freetype itself, by claiming another migratetype's
 * pageblock, by stealing from one. Flags are never crossed here. Under the lock.
 */
#include "buddy/fresh.h"
#include "buddy/pageblock.h"

/* Blocks of one pageblock; the largest pieces that are wanted whole are not split. */
static unsigned int take_from(struct pt_zone *zone, struct ptl_pageblock *p,
			      const struct ptl_request *want, unsigned int nr, pt_pa_t *pa)
{
	bool movable = ptl_type_of(want->list).migratetype == PT_MIGRATE_MOVABLE;
	unsigned int got = 0, had = p->nr_free, frames;

	while (got < nr && p->orders >> want->order) {
		unsigned int order =
			want->order + (unsigned int)__builtin_ctz(p->orders >> want->order);
		unsigned int at = ptl_free_pop(zone, p, order), end;

		while (1u << (order - want->order) > nr - got) {
			order--;
			ptl_free_push(zone, p, order, at + (1u << order));
		}
		for (end = at + (1u << order); at != end; at += 1u << want->order)
			pa[got++] = p->pa + ((pt_pa_t)at << zone->frame_lg2);
	}
	frames = got << want->order;
	p->nr_free -= (uint16_t)frames;
	p->nr_movable += (uint16_t)(movable ? frames : 0);
	zone->nr_free_frames -= frames;
	ptl_bin_update(zone, p, had);
	return got;
}

/* The fullest pageblock on @list with a free block of @order or more. */
static struct ptl_pageblock *find_fullest(struct pt_zone *zone, unsigned int list,
					  unsigned int order)
{
	const struct ptl_bins *bins = &zone->bins[list];

	for (unsigned int left = bins->fullness; left; left &= left - 1) {
		unsigned int fullness = (unsigned int)__builtin_ctz(left);
		unsigned int largest = bins->largest[fullness] >> order;

		if (largest)
			return &zone->pageblocks[bins->head[fullness]
							   [order +
							    (unsigned int)__builtin_ctz(largest)]];
	}
	return NULL;
}

/* The emptiest one whose largest free block is of @order. */
static struct ptl_pageblock *find_emptiest(struct pt_zone *zone, unsigned int list,
					   unsigned int order)
{
	const struct ptl_bins *bins = &zone->bins[list];

	for (unsigned int fullness = PTL_FULLNESS; fullness--;)
		if (bins->largest[fullness] >> order & 1)
			return &zone->pageblocks[bins->head[fullness][order]];
	return NULL;
}

/* Takes a free block of *@order or more, a pageblock's at least, off its list; *@order is its. */
static struct ptl_pageblock *pop_whole(struct pt_zone *zone, unsigned int list, unsigned int *order)
{
	for (unsigned int from = *order; from <= zone->max_order; from++) {
		uint32_t head = *ptl_whole_head(zone, list, from);

		if (head == PTL_NO_PAGEBLOCK)
			continue;
		ptl_whole_remove(zone, &zone->pageblocks[head]);
		*order = from;
		return &zone->pageblocks[head];
	}
	return NULL;
}

/* As pop_whole(); memory that was never used is movable and free as a whole. */
static struct ptl_pageblock *find_whole(struct pt_zone *zone, unsigned int list,
					unsigned int *order)
{
	struct ptl_pageblock *p = pop_whole(zone, list, order);

	while (!p && list == PTL_MOVABLE_LIST && ptl_use_fresh(zone))
		p = pop_whole(zone, list, order);
	return p;
}

/* Of a block of order @from that nobody has, all but the first one of @order becomes free. */
static void split_whole(struct pt_zone *zone, struct ptl_pageblock *p, unsigned int from,
			unsigned int order)
{
	while (from-- > order)
		ptl_whole_push(zone, p + (1u << (from - zone->pageblock_order)), from);
}

/* Makes a pageblock that is free as a whole one of two free halves, in a bin. */
static void break_whole(struct pt_zone *zone, struct ptl_pageblock *p)
{
	unsigned int half = zone->pageblock_order - 1;

	ptl_free_push(zone, p, half, 1u << half);
	ptl_free_push(zone, p, half, 0);
	p->nr_free = (uint16_t)(2u << half);
	ptl_bin_update(zone, p, 0);
}

static unsigned int take_whole(struct pt_zone *zone, unsigned int list, unsigned int order,
			       unsigned int nr, pt_pa_t *pa)
{
	bool movable = ptl_type_of(list).migratetype == PT_MIGRATE_MOVABLE;
	unsigned int nr_pageblocks = 1u << (order - zone->pageblock_order), from = order, got;
	struct ptl_pageblock *p = find_whole(zone, list, &from);

	if (!p)
		return 0;
	got = 1u << (from - order);
	if (got > nr) {
		split_whole(zone, p, from, order);
		got = 1;
	}
	for (unsigned int i = 0; i < got; i++, p += nr_pageblocks) {
		pa[i] = p->pa;
		for (unsigned int k = 0; movable && k < nr_pageblocks; k++)
			p[k].nr_movable = (uint16_t)(1u << zone->pageblock_order);
	}
	zone->nr_free_frames -= (uint64_t)got << order;
	return got;
}

unsigned int ptl_take_whole(struct pt_zone *zone, unsigned int list, unsigned int order,
			    unsigned int nr, pt_pa_t *pa)
{
	unsigned int got = take_whole(zone, list, order, nr, pa);

	ptl_mark_cached(zone, pa, got, order, list);
	return got;
}

void ptl_mark_cached(const struct pt_zone *zone, const pt_pa_t *pa, unsigned int nr,
		     unsigned int order, unsigned int list)
{
	bool movable = ptl_type_of(list).migratetype == PT_MIGRATE_MOVABLE;
	uint64_t use = ptl_plain_use(PTL_BLOCK_CACHED | order | (movable ? PTL_BLOCK_MOVABLE : 0));

	for (unsigned int i = 0; i < nr; i++)
		atomic_store_explicit(&ptl_span_frame(zone, ptl_span_of(zone, pa[i]), pa[i])->use,
				      use, memory_order_relaxed);
}

/* What @want finds without a fallback. */
static unsigned int take_own(struct pt_zone *zone, const struct ptl_request *want, unsigned int nr,
			     pt_pa_t *pa)
{
	struct ptl_pageblock *p;

	if (want->order >= zone->pageblock_order)
		return take_whole(zone, want->list, want->order, nr, pa);
	p = find_fullest(zone, want->list, want->order);
	if (!p) {
		unsigned int order = zone->pageblock_order;

		p = find_whole(zone, want->list, &order);
		if (p) {
			split_whole(zone, p, order, zone->pageblock_order);
			break_whole(zone, p);
		} else { /* fresh memory may have come in pieces of a pageblock */
			p = find_fullest(zone, want->list, want->order);
		}
	}
	return p ? take_from(zone, p, want, nr, pa) : 0;
}

/* Counts the free blocks of @p for another list. */
static void move_counts(struct pt_zone *zone, const struct ptl_pageblock *p, unsigned int to)
{
	unsigned int from = ptl_pageblock_list(p);

	for (unsigned int order = 0; order < zone->pageblock_order; order++) {
		zone->stats.nr_free[order][from] -= p->nr[order];
		zone->stats.nr_free[order][to] += p->nr[order];
	}
}

void ptl_set_type(struct pt_zone *zone, struct ptl_pageblock *p, unsigned int order,
		  unsigned int list)
{
	for (unsigned int i = 0; i < 1u << (order - zone->pageblock_order); i++) {
		zone->stats.pageblocks[ptl_pageblock_list(&p[i])]--;
		zone->stats.pageblocks[list]++;
		atomic_store_explicit(&p[i].list, (uint8_t)list, memory_order_relaxed);
	}
}

/* Whether half of what @p has, or more, would be of the claimer's kind: free, or its like's. */
static bool is_worth_claiming(const struct ptl_pageblock *p, unsigned int migratetype)
{
	unsigned int size = (unsigned int)(p->high - p->low), alike = 0;

	if (migratetype == PT_MIGRATE_MOVABLE)
		alike = p->nr_movable;
	else if (ptl_type_of(ptl_pageblock_list(p)).migratetype == PT_MIGRATE_MOVABLE)
		alike = size - p->nr_free - p->nr_movable;
	return 2 * (p->nr_free + alike) >= size;
}

static bool claim_whole(struct pt_zone *zone, const struct ptl_request *want, unsigned int order,
			unsigned int from)
{
	uint32_t head = *ptl_whole_head(zone, from, order);
	struct ptl_pageblock *p;

	if (head == PTL_NO_PAGEBLOCK)
		return false;
	p = &zone->pageblocks[head];
	ptl_whole_remove(zone, p);
	ptl_set_type(zone, p, order, want->list);
	ptl_whole_push(zone, p, order);
	zone->stats.claimed += 1u << (order - zone->pageblock_order);
	return true;
}

static bool claim_part(struct pt_zone *zone, const struct ptl_request *want, unsigned int order,
		       unsigned int from)
{
	pt_freetype_t type = ptl_type_of(want->list);
	struct ptl_pageblock *p = find_emptiest(zone, from, order);

	if (!p || !is_worth_claiming(p, type.migratetype))
		return false;
	ptl_bin_leave(zone, p);
	move_counts(zone, p, want->list);
	ptl_set_type(zone, p, zone->pageblock_order, want->list);
	ptl_bin_enter(zone, p);
	zone->stats.claimed++;
	return true;
}

/*
 * Makes a pageblock of another migratetype one of ours, the one with the largest free
 * block first. Movable requests claim no pageblock for small blocks: their pages do
 * not stay.
 */
static bool claim(struct pt_zone *zone, const struct ptl_request *want)
{
	pt_freetype_t type = ptl_type_of(want->list);
	unsigned int least = want->order;

	if (want->nofragment && least < zone->pageblock_order)
		least = zone->pageblock_order;
	else if (type.migratetype == PT_MIGRATE_MOVABLE && least < zone->pageblock_order / 2)
		least = zone->pageblock_order / 2;
	for (unsigned int order = zone->max_order + 1; order-- > least;) {
		for (unsigned int i = 0; i < PT_MIGRATE_NR - 1; i++) {
			int from = pt_freetype_idx(
				pt_freetype_with_migrate(type, ptl_fallbacks[type.migratetype][i]));

			if (from < 0)
				continue;
			if (order >= zone->pageblock_order
				    ? claim_whole(zone, want, order, (unsigned int)from)
				    : claim_part(zone, want, order, (unsigned int)from))
				return true;
		}
	}
	return false;
}

/* Takes blocks out of another migratetype's pageblock, which keeps its type; no whole one. */
static unsigned int steal(struct pt_zone *zone, const struct ptl_request *want, unsigned int nr,
			  pt_pa_t *pa)
{
	pt_freetype_t type = ptl_type_of(want->list);

	for (unsigned int i = 0; i < PT_MIGRATE_NR - 1; i++) {
		int from = pt_freetype_idx(
			pt_freetype_with_migrate(type, ptl_fallbacks[type.migratetype][i]));
		struct ptl_pageblock *p;

		if (from < 0)
			continue;
		p = find_fullest(zone, (unsigned int)from, want->order);
		if (p) {
			unsigned int got = take_from(zone, p, want, nr, pa);

			zone->stats.stolen += got;
			return got;
		}
	}
	return 0;
}

/* What was never used may be the largest there is to claim. */
static void use_largest_fresh(struct pt_zone *zone, const struct ptl_request *want)
{
	const uint32_t *head = ptl_whole_head(zone, PTL_MOVABLE_LIST, zone->max_order);

	if (!ptl_type_of(want->list).flags)
		while (*head == PTL_NO_PAGEBLOCK && ptl_use_fresh(zone))
			;
}

/* Fewer than there is room for rather than fall back for the sake of a full batch. */
void ptl_rmqueue(struct pt_zone *zone, const struct ptl_request *want, struct ptl_batch *batch)
{
	unsigned int max = batch->max, got = 0, more;

	while (got < max && (more = take_own(zone, want, max - got, batch->pa + got)))
		got += more;
	if (!got) {
		use_largest_fresh(zone, want);
		if (claim(zone, want))
			got = take_own(zone, want, max, batch->pa);
		else if (!want->nofragment)
			got = steal(zone, want, max, batch->pa);
	}
	batch->nr = got;
}
