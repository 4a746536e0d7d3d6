/* SPDX-License-Identifier: MIT */
/*
 * Whole free pageblocks change flags: off every list, tables changed and flushed
 * without the lock, then the pageblock's freetype, then back onto a list. So a page is
 * never on a list whose flags the tables do not show, and a failure leaves no trace.
 *
 * What is on its way is nobody's: a request that finds nothing waits for what is under way then,
 * and not for what sets out later, or it might never end. One that is made in the middle of
 * a conversion does not wait for its zone, as others may be waiting for that; nor, in another
 * zone, for a conversion in whose middle somebody waits: that may be for this one.
 */
#include "buddy/pageblock.h"

#include <threads.h>

/* Blocks on their way: on no list, marked as cached. On the converting thread's stack. */
struct ptl_transit {
	struct pt_extent extent[PT_ZONE_MAX_BATCH];
	unsigned int nr, order;
	thrd_t who;
	uint64_t number;           /* the how manyth conversion it is */
	struct ptl_transit *next;  /* zone->transits */
	struct ptl_transit *outer; /* of another zone, in whose middle it began */
	_Atomic bool waits;        /* a request made in its middle waits for another zone's */
};

/* The innermost that this thread stands in the middle of. */
static _Thread_local struct ptl_transit *inside;

static struct ptl_pageblock *pageblock_of(const struct pt_zone *zone, pt_pa_t pa)
{
	return ptl_pageblock_at(zone, ptl_span_of(zone, pa), pa);
}

static void take_off_lists(struct pt_zone *zone, unsigned int list, unsigned int max,
			   struct ptl_transit *transit)
{
	pt_pa_t pa;

	while (transit->nr < max && ptl_take_whole(zone, list, transit->order, 1, &pa))
		transit->extent[transit->nr++] =
			(struct pt_extent){ pa, PTL_BIT(transit->order + zone->frame_lg2) };
}

static void depart(struct pt_zone *zone, struct ptl_transit *transit)
{
	transit->number = ++zone->departures;
	transit->next = zone->transits;
	zone->transits = transit;
	zone->nr_transit += (uint64_t)transit->nr << transit->order;
}

static void arrive(struct pt_zone *zone, const struct ptl_transit *transit)
{
	struct ptl_transit **link = &zone->transits;

	while (*link != transit)
		link = &(*link)->next;
	*link = transit->next;
	zone->nr_transit -= (uint64_t)transit->nr << transit->order;
	/* Release: pairs with the acquire in ptl_wait_for_others(). */
	atomic_fetch_add_explicit(&zone->arrivals, 1, memory_order_release);
}

/* As what they were before, or if @to >= 0, as that. */
static void put_on_lists(struct pt_zone *zone, const struct ptl_transit *transit, int to)
{
	for (unsigned int i = 0; i < transit->nr; i++) {
		struct ptl_pageblock *p = pageblock_of(zone, transit->extent[i].pa);

		if (to >= 0)
			ptl_set_type(zone, p, transit->order, (unsigned int)to);
		ptl_give_back(zone, &transit->extent[i].pa, 1);
	}
}

struct conversion {
	unsigned int from, from_flags;  /* a set of lists, all of the same flags */
	unsigned int to;                /* a list */
	unsigned int order, max;        /* of so large blocks so many at most */
	const struct ptl_request *want; /* who it is for, or NULL: nobody yet */
	struct ptl_batch *batch;        /* what @want gets of it, before anybody else can */
};

/* The number of blocks converted, or a negative code. */
static int convert(struct pt_zone *zone, const struct conversion *how)
{
	unsigned int to_flags = ptl_type_of(how->to).flags;
	struct ptl_transit transit = { .order = how->order, .who = thrd_current() };
	int err;

	ptl_zone_lock(zone);
	for (unsigned int list = 0; list < PT_FREETYPE_LISTS; list++)
		if (how->from >> list & 1)
			take_off_lists(zone, list, how->max, &transit);
	if (transit.nr)
		depart(zone, &transit);
	ptl_zone_unlock(zone);
	if (!transit.nr)
		return 0;

	transit.outer = inside;
	inside = &transit;
	err = zone->ops->convert(zone->ops->ctx, transit.extent, transit.nr, how->from_flags,
				 to_flags);
	inside = transit.outer;

	ptl_zone_lock(zone);
	arrive(zone, &transit);
	put_on_lists(zone, &transit, err ? -1 : (int)how->to);
	if (err) {
		zone->stats.convert_failed++;
	} else {
		zone->stats.conversions++;
		zone->stats.converted[how->to] += transit.nr
						  << (how->order - zone->pageblock_order);
		zone->used_flags |= to_flags;
		if (how->want)
			ptl_rmqueue(zone, how->want, how->batch);
	}
	ptl_zone_unlock(zone);
	return err ? err : (int)transit.nr;
}

/* As convert(), up to @max; one block if not so many can be converted at once. */
static int convert_some(struct pt_zone *zone, struct conversion how, uint64_t max)
{
	int nr;

	how.max = (unsigned int)ptl_min(max, PT_ZONE_MAX_BATCH);
	nr = convert(zone, &how);
	if (nr < 0 && how.max > 1) {
		how.max = 1;
		nr = convert(zone, &how);
	}
	return nr;
}

/* The lists of @flags; of the given migratetype only, unless @any. */
static unsigned int lists_of(unsigned int flags, unsigned int migratetype, bool any)
{
	unsigned int lists = 0;

	for (unsigned int list = 0; list < PT_FREETYPE_LISTS; list++) {
		pt_freetype_t type = ptl_type_of(list);

		if (type.flags == flags && (any || type.migratetype == migratetype))
			lists |= 1u << list;
	}
	return lists;
}

/*
 * A whole pageblock, or more for a large order, of which @want gets its blocks: without flags if
 * it wants one, else or if there is none, of another flag. The number, 0 if there is none to
 * convert, or a negative code.
 */
int ptl_convert_for(struct pt_zone *zone, const struct ptl_request *want, struct ptl_batch *batch)
{
	pt_freetype_t type = ptl_type_of(want->list);
	struct conversion how = {
		.to = want->list,
		.order = want->order > zone->pageblock_order ? want->order : zone->pageblock_order,
		.max = 1,
		.want = want,
		.batch = batch,
	};
	bool any = zone->flags & PT_ZONE_CONVERT_BACK_ANY;
	int nr = 0;

	if (!zone->ops)
		return 0;
	if (type.flags) { /* free pageblocks of other migratetypes are as good as claimed */
		how.from = lists_of(0, type.migratetype, true);
		nr = convert_some(zone, how, zone->convert_batch);
	}
	for (unsigned int i = 0; i < ptl_nr_freetype_flags && nr <= 0; i++) {
		unsigned int flag = ptl_freetype_flags[i].flag;
		int more;

		if (flag == type.flags)
			continue;
		how.from = lists_of(flag, type.migratetype, any);
		how.from_flags = flag;
		more = convert(zone, &how);
		nr = more ? more : nr; /* what failed is not forgotten */
	}
	return nr;
}

static void begin_to_wait(struct pt_zone *zone, struct ptl_patience *p)
{
	if (p->began)
		return;
	p->began = true;
	ptl_zone_lock(zone);
	p->until = zone->departures;
	ptl_zone_unlock(zone);
}

/*
 * Sequentially consistent, as is the load in is_waiting(): of two who would wait for each other,
 * one at least sees the other.
 */
static void say_waiting(bool waits)
{
	for (struct ptl_transit *transit = inside; transit; transit = transit->outer)
		atomic_store_explicit(&transit->waits, waits, memory_order_seq_cst);
}

static bool is_waiting(const struct ptl_transit *transit)
{
	return atomic_load_explicit(&transit->waits, memory_order_seq_cst);
}

/* Whether blocks that @p waits for are on their way, and none of this thread's. */
static bool are_coming(struct pt_zone *zone, const struct ptl_patience *p)
{
	const struct ptl_transit *transit;
	bool coming = false, mine = false;

	ptl_zone_lock(zone);
	for (transit = zone->transits; transit; transit = transit->next) {
		coming |= transit->number <= p->until && !(inside && is_waiting(transit));
		mine |= thrd_equal(transit->who, thrd_current()) != 0;
	}
	ptl_zone_unlock(zone);
	return coming && !mine;
}

/* As above. It is said before the last look, and not at all if the first one decides. */
static bool will_wait(struct pt_zone *zone, const struct ptl_patience *p)
{
	if (!are_coming(zone, p))
		return false;
	say_waiting(true);
	if (are_coming(zone, p))
		return true;
	say_waiting(false);
	return false;
}

static uint32_t arrivals(const struct pt_zone *zone)
{
	return atomic_load_explicit(&zone->arrivals, memory_order_acquire);
}

bool ptl_wait_for_others(struct pt_zone *zone, struct ptl_patience *patience, bool failed)
{
	uint32_t before = arrivals(zone);
	unsigned int spins = 0;

	if (patience->ended)
		return false;
	begin_to_wait(zone, patience);
	if (!will_wait(zone, patience)) {
		/* Once more, for what came since it looked; but what failed would fail again. */
		patience->ended = true;
		patience->failed = failed;
		return true;
	}
	while (arrivals(zone) == before) {
		if (zone->wait)
			zone->wait->poll(zone->wait->ctx);
		ptl_spin_wait(&spins);
	}
	say_waiting(false);
	return true;
}

int pt_zone_convert(struct pt_zone *zone, pt_freetype_t from, pt_freetype_t to, size_t max,
		    size_t *nr)
{
	int from_list = pt_freetype_idx(from), to_list = pt_freetype_idx(to), did = 1;
	struct conversion how = { .from_flags = from.flags, .order = zone->pageblock_order };
	size_t done = 0;

	if (nr)
		*nr = 0;
	if (from_list < 0 || to_list < 0 || from.flags == to.flags)
		return -EINVAL;
	if (!zone->ops)
		return -EOPNOTSUPP;
	how.from = 1u << from_list;
	how.to = (unsigned int)to_list;
	while (done < max && did > 0) {
		did = convert_some(zone, how, max - done);
		if (did > 0)
			done += (unsigned int)did;
	}
	if (nr)
		*nr = done;
	return did < 0 ? did : 0;
}

/* Free pageblocks on @list. */
static uint64_t nr_ready(struct pt_zone *zone, unsigned int list)
{
	uint64_t nr = 0;

	ptl_zone_lock(zone);
	for (unsigned int order = zone->pageblock_order; order <= zone->max_order; order++)
		nr += zone->stats.nr_free[order][list] << (order - zone->pageblock_order);
	ptl_zone_unlock(zone);
	return nr;
}

int ptl_keep_ready(struct pt_zone *zone, unsigned int list)
{
	pt_freetype_t type = ptl_type_of(list);
	const struct conversion how = {
		.from = lists_of(0, type.migratetype, true),
		.to = list,
		.order = zone->pageblock_order,
	};
	uint64_t ready;

	if (!type.flags || (ready = nr_ready(zone, list)) >= zone->ready_low)
		return 0;
	while (ready < zone->ready_high) {
		int nr = convert_some(zone, how, zone->ready_high - ready);

		if (nr <= 0)
			return nr;
		ready += (unsigned int)nr;
	}
	return 0;
}

int pt_zone_balance(struct pt_zone *zone)
{
	unsigned int used;

	if (!zone->ready_high)
		return 0;
	if (!zone->ops)
		return -EOPNOTSUPP;
	ptl_zone_lock(zone);
	used = zone->used_flags;
	ptl_zone_unlock(zone);
	for (unsigned int list = 0; list < PT_FREETYPE_LISTS; list++) {
		pt_freetype_t type = ptl_type_of(list);
		uint64_t ready;
		int err;

		if (!(type.flags & used))
			continue;
		err = ptl_keep_ready(zone, list);
		ready = nr_ready(zone, list);
		if (!err && ready > zone->ready_high)
			err = pt_zone_convert(zone, type, pt_freetype(type.migratetype, 0),
					      ready - zone->ready_high, NULL);
		if (err)
			return err;
	}
	return 0;
}
