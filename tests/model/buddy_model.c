/* SPDX-License-Identifier: MIT */
#include "model/buddy_model_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const pt_freetype_t buddy_types[PT_FREETYPE_LISTS] = {
	{ PT_MIGRATE_UNMOVABLE, 0 },
	{ PT_MIGRATE_MOVABLE, 0 },
	{ PT_MIGRATE_RECLAIMABLE, 0 },
	{ PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED },
	{ PT_MIGRATE_UNMOVABLE, PT_FREETYPE_KEYED },
};

_Noreturn void buddy_wrong(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

int buddy_type(pt_freetype_t type)
{
	for (int i = 0; i < PT_FREETYPE_LISTS; i++)
		if (buddy_types[i].migratetype == type.migratetype &&
		    buddy_types[i].flags == type.flags)
			return i;
	return -1;
}

uint64_t buddy_bytes(const struct buddy_model *m, unsigned int order)
{
	return UINT64_C(1) << (m->frame_lg2 + order);
}

size_t buddy_frame(const struct buddy_model *m, pt_pa_t pa)
{
	for (size_t i = 0; i < m->nr_ranges; i++) {
		const struct buddy_range *range = &m->range[i];

		if (pa >= range->pa && (pa - range->pa) >> m->frame_lg2 < range->nr)
			return range->first + (size_t)((pa - range->pa) >> m->frame_lg2);
	}
	return BUDDY_NONE;
}

pt_pa_t buddy_pa(const struct buddy_model *m, size_t frame)
{
	size_t i = m->nr_ranges - 1;

	while (m->range[i].first > frame)
		i--;
	return m->range[i].pa + ((uint64_t)(frame - m->range[i].first) << m->frame_lg2);
}

bool buddy_is_inside(const struct buddy_model *m, pt_pa_t pa, unsigned int order)
{
	size_t first = buddy_frame(m, pa);
	pt_pa_t last = pa + (buddy_bytes(m, order) - 1);

	return first != BUDDY_NONE && last > pa &&
	       buddy_frame(m, last) == first + ((size_t)1 << order) - 1;
}

struct buddy_pageblock *buddy_pageblock_at(const struct buddy_model *m, pt_pa_t pa)
{
	uint64_t number = pa >> (m->frame_lg2 + m->pageblock_order);
	size_t low = 0, high = m->nr_pageblocks;

	while (low + 1 < high) {
		size_t mid = (low + high) / 2;

		if (m->pageblock[mid].number <= number)
			low = mid;
		else
			high = mid;
	}
	BUDDY_CHECK(m->pageblock[low].number == number);
	return &m->pageblock[low];
}

struct buddy_block *buddy_block_at(const struct buddy_model *m, pt_pa_t pa)
{
	size_t frame = buddy_frame(m, pa);
	pt_pa_t head;

	if (frame == BUDDY_NONE || !m->held[frame])
		return NULL;
	head = pa & ~(buddy_bytes(m, m->held[frame] - 1u) - 1);
	return &m->block[m->slot[buddy_frame(m, head)]];
}

bool buddy_is_free(const struct buddy_model *m, pt_pa_t pa, unsigned int order)
{
	size_t first = buddy_frame(m, pa);

	for (size_t i = 0; i < (size_t)1 << order; i++)
		if (m->held[first + i])
			return false;
	return true;
}

bool buddy_has_flags(const struct buddy_model *m, pt_pa_t pa, uint64_t len, unsigned int flags)
{
	uint64_t size = buddy_bytes(m, m->pageblock_order);
	pt_pa_t first = pa & ~(size - 1);

	for (pt_pa_t at = first; at - first < len + (pa - first); at += size) {
		const struct buddy_pageblock *pageblock = buddy_pageblock_at(m, at);

		if (pageblock->flags != flags || pageblock->changing)
			return false;
	}
	return true;
}

static void hold(struct buddy_model *m, const struct buddy_block *block)
{
	size_t first = buddy_frame(m, block->pa), nr = (size_t)1 << block->order;

	BUDDY_CHECK(buddy_is_inside(m, block->pa, block->order));
	BUDDY_CHECK((block->pa & (buddy_bytes(m, block->order) - 1)) == 0);
	BUDDY_CHECK(buddy_is_free(m, block->pa, block->order));
	if (m->nr_blocks == m->max_blocks) {
		m->max_blocks = m->max_blocks ? 2 * m->max_blocks : 1024;
		m->block = realloc(m->block, m->max_blocks * sizeof(*m->block));
		BUDDY_CHECK(m->block);
	}
	memset(&m->held[first], (int)block->order + 1, nr);
	m->slot[first] = (uint32_t)m->nr_blocks;
	m->block[m->nr_blocks++] = *block;
	m->nr_held += nr;
}

static void unhold(struct buddy_model *m, const struct buddy_block *block)
{
	size_t first = buddy_frame(m, block->pa), nr = (size_t)1 << block->order;
	const struct buddy_block *last = &m->block[m->nr_blocks - 1];

	memset(&m->held[first], 0, nr);
	m->slot[buddy_frame(m, last->pa)] = m->slot[first];
	m->block[m->slot[first]] = *last;
	m->nr_blocks--;
	m->nr_held -= nr;
}

static struct buddy_account *account_of(struct buddy_model *m, const struct pt_account *account)
{
	for (size_t i = 0; i < m->nr_accounts; i++)
		if (m->account[i].account == account)
			return &m->account[i];
	return NULL;
}

static void uncharge(struct buddy_model *m, const struct buddy_block *block)
{
	struct buddy_account *account = account_of(m, block->account);

	if (account)
		account->stats.held -= UINT64_C(1) << block->order;
}

/* Of a block that is on its way through convert(). */
static void check_passing(struct buddy_model *m, pt_pa_t pa, unsigned int flags)
{
	uint64_t size = buddy_bytes(m, m->pageblock_order);
	const pt_pa_t at[] = { pa, pa + size - 1 };

	for (size_t i = 0; i < 2; i++) {
		struct pt_page_info info;

		BUDDY_CHECK(pt_page_info(m->zone, at[i], &info) == 0);
		BUDDY_CHECK(info.state == PT_PAGE_CACHED);
		BUDDY_CHECK(info.type.flags == flags);
	}
}

/* No lock of the zone is held: it can be asked for a page. */
static void allocate_meanwhile(struct buddy_model *m)
{
	const struct pt_alloc how = { .type = { PT_MIGRATE_UNMOVABLE, 0 } };
	pt_pa_t pa;
	int err = pt_alloc_pages(m->zone, NULL, &how, &pa);

	BUDDY_CHECK(err == 0 || err == -ENOMEM);
	if (err)
		return;
	BUDDY_CHECK(buddy_is_inside(m, pa, 0) && buddy_is_free(m, pa, 0));
	BUDDY_CHECK(buddy_has_flags(m, pa, buddy_bytes(m, 0), 0));
	BUDDY_CHECK(pt_free_pages(m->zone, NULL, pa, 0) == 0);
}

static int model_convert(void *ctx, const struct pt_extent *extent, size_t nr, unsigned int from,
			 unsigned int to)
{
	struct buddy_model *m = ctx;
	uint64_t size = buddy_bytes(m, m->pageblock_order);
	size_t nr_pageblocks = 0;
	bool fails;

	BUDDY_CHECK(nr && from != to);
	BUDDY_CHECK(buddy_type(pt_freetype(PT_MIGRATE_UNMOVABLE, from)) >= 0);
	BUDDY_CHECK(buddy_type(pt_freetype(PT_MIGRATE_UNMOVABLE, to)) >= 0);
	if (++m->depth > m->most_depth)
		m->most_depth = m->depth;
	/* the page that one conversion wants may be won by another, and that one wants none */
	BUDDY_CHECK(m->depth == 1 || (m->depth == 2 && to == 0));
	m->nr_converts++;
	fails = m->fail_all || (m->fail_convert && m->nr_converts >= m->fail_convert &&
				m->nr_converts - m->fail_convert <= m->fail_more);
	for (size_t i = 0; i < nr; i++) {
		BUDDY_CHECK(extent[i].len && (extent[i].len & (size - 1)) == 0);
		BUDDY_CHECK((extent[i].pa & (size - 1)) == 0);
		for (pt_pa_t pa = extent[i].pa; pa - extent[i].pa < extent[i].len; pa += size) {
			struct buddy_pageblock *pageblock = buddy_pageblock_at(m, pa);

			BUDDY_CHECK(buddy_is_inside(m, pa, m->pageblock_order));
			BUDDY_CHECK(buddy_is_free(m, pa, m->pageblock_order));
			BUDDY_CHECK(buddy_has_flags(m, pa, size, from));
			check_passing(m, pa, from);
			pageblock->changing = true;
			nr_pageblocks++;
		}
	}
	if (m->allocates && to & PT_FREETYPE_UNMAPPED)
		allocate_meanwhile(m);
	for (size_t i = 0; i < nr; i++)
		for (pt_pa_t pa = extent[i].pa; pa - extent[i].pa < extent[i].len; pa += size) {
			struct buddy_pageblock *pageblock = buddy_pageblock_at(m, pa);

			check_passing(m, pa, from);
			pageblock->changing = false;
			pageblock->flags = (uint8_t)(fails ? from : to);
		}
	m->depth--;
	m->last_failed = fails;
	if (fails) {
		m->nr_failed++;
		return -EIO;
	}
	m->nr_flushes += (to & ~from) != 0;
	m->nr_converted += nr_pageblocks;
	if (nr > m->most_extents)
		m->most_extents = nr;
	if (nr_pageblocks > m->most_pageblocks)
		m->most_pageblocks = nr_pageblocks;
	return 0;
}

static int model_zero(void *ctx, unsigned int cpu, const struct pt_extent *extent,
		      unsigned int flags)
{
	struct buddy_model *m = ctx;
	void *host = pt_phys_to_host(m->phys, extent->pa, extent->len);

	BUDDY_CHECK(host && flags & PT_FREETYPE_UNMAPPED && cpu == m->cpu);
	BUDDY_CHECK(buddy_has_flags(m, extent->pa, extent->len, flags));
	if (++m->nr_zeroes == m->fail_zero)
		return -EIO;
	memset(host, 0, (size_t)extent->len);
	return 0;
}

static void model_settle(void *ctx, const struct pt_extent *extent)
{
	struct buddy_model *m = ctx;
	const struct buddy_block *block = buddy_block_at(m, extent->pa);

	BUDDY_CHECK(block && block->stale && block->refs == 1);
	BUDDY_CHECK(extent->pa == block->pa && extent->len == buddy_bytes(m, block->order));
	pt_page_clear_stale(m->zone, extent->pa);
	m->nr_settles++;
}

static void init_frames(struct buddy_model *m, const struct pt_zone_cfg *cfg)
{
	for (size_t i = 0; i < m->nr_ranges; i++) {
		struct buddy_range *range = &m->range[i];
		uint64_t len;

		if (cfg && cfg->ranges) {
			range->pa = cfg->ranges[i].pa;
			len = cfg->ranges[i].len;
		} else {
			pt_phys_region(m->phys, i, &range->pa, &len);
		}
		range->nr = len >> m->frame_lg2;
		range->first = m->nr_frames;
		m->nr_frames += (size_t)range->nr;
		/* blocks do not go from one range into another */
		BUDDY_CHECK(!i || range->pa > range[-1].pa + (range[-1].nr << m->frame_lg2));
	}
	m->held = calloc(m->nr_frames, sizeof(*m->held));
	m->slot = calloc(m->nr_frames, sizeof(*m->slot));
	BUDDY_CHECK(m->held && m->slot);
}

static void init_pageblocks(struct buddy_model *m)
{
	unsigned int lg2 = m->frame_lg2 + m->pageblock_order;
	size_t max = 2 * m->nr_ranges + (m->nr_frames >> m->pageblock_order);
	struct buddy_pageblock *last = NULL;

	m->pageblock = calloc(max, sizeof(*m->pageblock));
	BUDDY_CHECK(m->pageblock);
	for (size_t i = 0; i < m->nr_ranges; i++)
		for (uint64_t k = 0; k < m->range[i].nr; k++) {
			size_t frame = m->range[i].first + (size_t)k;
			uint64_t number = buddy_pa(m, frame) >> lg2;

			if (!k || last->number != number) {
				last = &m->pageblock[m->nr_pageblocks++];
				*last = (struct buddy_pageblock){ .number = number,
								  .first = frame };
			}
			last->frames++;
		}
}

void buddy_init(struct buddy_model *m, struct pt_phys *phys, const struct pt_zone_cfg *cfg,
		bool has_ops)
{
	struct pt_zone_stats stats;

	*m = (struct buddy_model){ .phys = phys, .has_ops = has_ops };
	m->frame_lg2 = pt_phys_frame_lg2(phys);
	m->nr_ranges = cfg && cfg->ranges ? cfg->nr_ranges : pt_phys_nr_regions(phys);
	m->zone_flags = cfg ? cfg->flags : 0;
	BUDDY_CHECK(m->nr_ranges <= BUDDY_MAX_RANGES);
	BUDDY_CHECK(pt_zone_create(&m->zone, phys, cfg) == 0);
	pt_zone_stats(m->zone, &stats);
	m->max_order = m->frame_lg2 == 12 ? 10 : m->frame_lg2 == 14 ? 11 : 13;
	m->pageblock_order = m->frame_lg2 == 12 ? 9 : m->max_order;
	BUDDY_CHECK(stats.max_order == m->max_order);
	BUDDY_CHECK(stats.pageblock_order == m->pageblock_order);
	init_frames(m, cfg);
	init_pageblocks(m);
	m->ops = (struct pt_freetype_ops){ model_convert, model_zero, model_settle, m };
	if (has_ops)
		pt_zone_set_ops(m->zone, &m->ops);
}

void buddy_exit(struct buddy_model *m)
{
	BUDDY_CHECK(m->nr_held == 0);
	for (size_t i = 0; i < m->nr_caches; i++)
		pt_zone_cache_destroy(m->cache[i]);
	for (size_t i = 0; i < m->nr_accounts; i++)
		BUDDY_CHECK(pt_account_destroy(m->account[i].account) == 0);
	BUDDY_CHECK(pt_zone_destroy(m->zone) == 0);
	free(m->held);
	free(m->slot);
	free(m->block);
	free(m->pageblock);
}

struct pt_zone_cache *buddy_cache(struct buddy_model *m, unsigned int cpu)
{
	BUDDY_CHECK(m->nr_caches < BUDDY_MAX_CACHES && cpu == m->nr_caches);
	BUDDY_CHECK(pt_zone_cache_create(&m->cache[cpu], m->zone, cpu) == 0);
	m->nr_caches++;
	return m->cache[cpu];
}

struct pt_account *buddy_account(struct buddy_model *m, uint64_t limit)
{
	struct buddy_account *account = &m->account[m->nr_accounts];

	BUDDY_CHECK(m->nr_accounts < BUDDY_MAX_ACCOUNTS);
	BUDDY_CHECK(pt_account_create(&account->account, m->zone, limit) == 0);
	account->stats = (struct pt_account_stats){ .limit = limit };
	m->nr_accounts++;
	return account->account;
}

void buddy_set_limit(struct buddy_model *m, struct pt_account *account, uint64_t limit)
{
	pt_account_set_limit(account, limit);
	account_of(m, account)->stats.limit = limit;
}

/* What a request must be told, whatever is free: 0 if that decides. */
static int refusal(const struct buddy_model *m, const struct pt_zone_cache *cache,
		   const struct pt_alloc *how)
{
	if (how->order > m->max_order ||
	    how->flags & ~(PT_ALLOC_NOBLOCK | PT_ALLOC_ZERO | PT_ALLOC_NOFRAGMENT))
		return -EINVAL;
	if (buddy_type(how->type) < 0 || (how->type.flags && !m->has_ops))
		return -EOPNOTSUPP;
	if (how->flags & PT_ALLOC_ZERO && how->type.flags & PT_FREETYPE_UNMAPPED && !cache)
		return -EOPNOTSUPP;
	return 0;
}

/* Some free block, on a list, would do. */
static bool could_serve(const struct buddy_model *m, const struct pt_alloc *how)
{
	bool may_mix = !(how->flags & PT_ALLOC_NOFRAGMENT);
	bool may_convert = may_mix && !(how->flags & PT_ALLOC_NOBLOCK) && m->has_ops &&
			   (how->type.migratetype == PT_MIGRATE_UNMOVABLE ||
			    m->zone_flags & PT_ZONE_CONVERT_BACK_ANY);
	unsigned int whole = how->order > m->pageblock_order ? how->order : m->pageblock_order;
	struct pt_page_info info;

	for (size_t frame = 0; frame < m->nr_frames; frame += (size_t)1 << info.order) {
		BUDDY_CHECK(pt_page_info(m->zone, buddy_pa(m, frame), &info) == 0);
		if (info.state != PT_PAGE_FREE)
			continue;
		if (info.type.flags == how->type.flags
			    ? info.order >= how->order &&
				      (may_mix || info.type.migratetype == how->type.migratetype)
			    : may_convert && info.order >= whole)
			return true;
	}
	return false;
}

static void check_zeroed(const struct buddy_model *m, pt_pa_t pa, unsigned int order)
{
	const uint64_t frame = UINT64_C(1) << m->frame_lg2;
	size_t nr = (size_t)1 << order, step = nr > 8 ? nr - 1 : 1;

	for (size_t i = 0; i < nr; i += step) {
		const uint64_t *word = pt_phys_to_host(m->phys, pa + i * frame, frame);

		BUDDY_CHECK(word);
		for (size_t k = 0; k < frame / sizeof(*word); k++)
			BUDDY_CHECK(word[k] == 0);
	}
}

static void scribble(const struct buddy_model *m, pt_pa_t pa, unsigned int order)
{
	const uint64_t frame = UINT64_C(1) << m->frame_lg2;
	size_t nr = (size_t)1 << order, step = nr > 8 ? nr - 1 : 1;

	for (size_t i = 0; i < nr; i += step)
		*(uint64_t *)pt_phys_to_host(m->phys, pa + i * frame + 8 * (i & 15), 8) = ~pa;
}

/* Of a request that was not served for want of memory. */
static void check_refused(struct buddy_model *m, const struct pt_alloc *how, size_t nr_failed)
{
	struct buddy_account *account = account_of(m, how->account);
	struct pt_account_stats stats;

	if (account && account->stats.held + (UINT64_C(1) << how->order) > account->stats.limit) {
		pt_account_stats(account->account, &stats);
		/* without memory it may not have come to that */
		BUDDY_CHECK(stats.refused == account->stats.refused + 1 ||
			    (stats.refused == account->stats.refused && !could_serve(m, how)));
		account->stats.refused = stats.refused;
		return;
	}
	BUDDY_CHECK(m->nr_failed > nr_failed || !could_serve(m, how));
}

int buddy_alloc(struct buddy_model *m, struct pt_zone_cache *cache, const struct pt_alloc *how,
		pt_pa_t *pa)
{
	struct buddy_account *account = account_of(m, how->account);
	size_t nr_converts = m->nr_converts, nr_failed = m->nr_failed, nr_zeroes = m->nr_zeroes;
	int err, refused = refusal(m, cache, how);
	struct pt_page_info info;

	m->cpu = 0;
	while (m->cpu < m->nr_caches && m->cache[m->cpu] != cache)
		m->cpu++;
	err = pt_alloc_pages(m->zone, cache, how, pa);
	BUDDY_CHECK(m->depth == 0);
	if (how->flags & PT_ALLOC_NOBLOCK)
		BUDDY_CHECK(m->nr_converts == nr_converts);
	if (refused) {
		BUDDY_CHECK(err == refused);
		return err;
	}
	if (m->fail_zero > nr_zeroes && m->fail_zero <= m->nr_zeroes) {
		BUDDY_CHECK(err == -EIO);
		return err;
	}
	if (err) {
		BUDDY_CHECK(err == -ENOMEM);
		check_refused(m, how, nr_failed);
		return err;
	}

	hold(m, &(struct buddy_block){ .pa = *pa,
				       .order = how->order,
				       .refs = 1,
				       .owner = how->owner,
				       .account = how->account });
	BUDDY_CHECK(buddy_has_flags(m, *pa, buddy_bytes(m, how->order), how->type.flags));
	if (account) {
		struct pt_account_stats *stats = &account->stats;

		stats->held += UINT64_C(1) << how->order;
		BUDDY_CHECK(stats->held <= stats->limit);
		stats->charges++;
		if (stats->held > stats->peak)
			stats->peak = stats->held;
	}
	/* a cache may have pages that another request stole */
	if (how->flags & PT_ALLOC_NOFRAGMENT && !cache) {
		BUDDY_CHECK(pt_page_info(m->zone, *pa, &info) == 0);
		BUDDY_CHECK(info.type.migratetype == how->type.migratetype);
	}
	if (how->flags & PT_ALLOC_ZERO)
		check_zeroed(m, *pa, how->order);
	if (m->scribbles)
		scribble(m, *pa, how->order);
	return 0;
}

/* Whether @err is an answer that the headers give for freeing 2^@order frames at @pa. */
static bool is_answer(const struct buddy_model *m, pt_pa_t pa, unsigned int order, bool raw,
		      int err)
{
	bool bad_order = order > m->max_order;
	bool unaligned = !bad_order && pa & (buddy_bytes(m, order) - 1);
	bool outside = !bad_order && !buddy_is_inside(m, pa, order);
	const struct buddy_block *block = buddy_block_at(m, pa);

	if (buddy_frame(m, pa) == BUDDY_NONE)
		return err == -ERANGE || (err == -EINVAL && (bad_order || unaligned));
	if (bad_order)
		return err == -EINVAL;
	if (err == -ERANGE)
		return outside;
	if (!block)
		return err == -ENOENT || (err == -EINVAL && unaligned);
	if (pa != block->pa || order != block->order)
		return err == -EINVAL;
	if (block->refs != 1 || block->is_table || (raw && block->stale))
		return err == -EBUSY;
	return err == 0;
}

static void freed(struct buddy_model *m, const struct buddy_block *block, size_t nr_settles)
{
	BUDDY_CHECK(m->nr_settles == nr_settles + block->stale);
	uncharge(m, block);
	unhold(m, block);
}

static int free_block(struct buddy_model *m, struct pt_zone_cache *cache, pt_pa_t pa,
		      unsigned int order, bool raw)
{
	size_t nr_converts = m->nr_converts, nr_settles = m->nr_settles;
	int err = raw ? pt_free_pages_raw(m->zone, cache, pa, order)
		      : pt_free_pages(m->zone, cache, pa, order);

	BUDDY_CHECK(is_answer(m, pa, order, raw, err));
	BUDDY_CHECK(m->nr_converts == nr_converts);
	if (!err)
		freed(m, buddy_block_at(m, pa), nr_settles);
	else
		BUDDY_CHECK(m->nr_settles == nr_settles);
	return err;
}

int buddy_free(struct buddy_model *m, struct pt_zone_cache *cache, pt_pa_t pa, unsigned int order)
{
	return free_block(m, cache, pa, order, false);
}

int buddy_free_raw(struct buddy_model *m, struct pt_zone_cache *cache, pt_pa_t pa,
		   unsigned int order)
{
	return free_block(m, cache, pa, order, true);
}

/* What all of a folio's functions say of @pa. */
static int no_folio(const struct buddy_model *m, pt_pa_t pa)
{
	if (buddy_frame(m, pa) == BUDDY_NONE)
		return -ERANGE;
	return buddy_block_at(m, pa) ? 0 : -ENOENT;
}

int buddy_folio_get(struct buddy_model *m, pt_pa_t pa)
{
	int err = pt_folio_get(m->zone, pa);

	BUDDY_CHECK(err == no_folio(m, pa));
	if (!err)
		buddy_block_at(m, pa)->refs++;
	return err;
}

int buddy_folio_put(struct buddy_model *m, struct pt_zone_cache *cache, pt_pa_t pa)
{
	size_t nr_settles = m->nr_settles;
	int err = pt_folio_put(m->zone, cache, pa);
	struct buddy_block *block = buddy_block_at(m, pa);

	BUDDY_CHECK(err == no_folio(m, pa));
	if (!err && block->refs == 1)
		freed(m, block, nr_settles);
	else if (!err)
		block->refs--;
	return err;
}

int buddy_folio_split(struct buddy_model *m, pt_pa_t pa, unsigned int order)
{
	struct buddy_block *block = buddy_block_at(m, pa), part;
	int err = pt_folio_split(m->zone, pa, order), want = no_folio(m, pa);

	if (!want && (pa != block->pa || order >= block->order))
		want = -EINVAL;
	else if (!want && (block->refs != 1 || block->is_table))
		want = -EBUSY;
	BUDDY_CHECK(err == want);
	if (err)
		return err;
	part = *block;
	unhold(m, &part);
	for (size_t i = 0; i < (size_t)1 << (part.order - order); i++) {
		struct buddy_block one = part;

		one.order = order;
		one.pa += i * buddy_bytes(m, order);
		hold(m, &one);
	}
	return 0;
}

void buddy_mark_stale(struct buddy_model *m, pt_pa_t pa)
{
	pt_page_mark_stale(m->zone, pa);
	buddy_block_at(m, pa)->stale = true;
}

int buddy_convert(struct buddy_model *m, pt_freetype_t from, pt_freetype_t to, size_t max,
		  size_t *nr)
{
	size_t nr_converted = m->nr_converted, nr_failed = m->nr_failed, got = SIZE_MAX;
	bool wrong = buddy_type(from) < 0 || buddy_type(to) < 0 || from.flags == to.flags;
	int err = pt_zone_convert(m->zone, from, to, max, &got);

	if (wrong || !m->has_ops) {
		BUDDY_CHECK(err == (wrong ? -EINVAL : -EOPNOTSUPP) && !got);
		return err;
	}
	/* a callback may have made it convert others, so that it had a page, or fail to */
	BUDDY_CHECK(m->allocates || err == (m->nr_failed > nr_failed && m->last_failed ? -EIO : 0));
	BUDDY_CHECK(m->allocates || got == m->nr_converted - nr_converted);
	BUDDY_CHECK(got <= max && (err == 0 || err == -EIO));
	if (nr)
		*nr = got;
	return err;
}

static int source_alloc(void *ctx, unsigned int size_lg2, pt_pa_t *pa)
{
	struct buddy_source *source = ctx;
	struct buddy_model *m = source->m;
	struct buddy_account *account = account_of(m, source->source.account);
	struct buddy_block block = { .refs = 1,
				     .account = source->source.account,
				     .is_table = true };
	int err = source->ops.alloc(source->ops.ctx, size_lg2, pa);

	BUDDY_CHECK(err == 0 || err == -ENOMEM);
	if (err)
		return err;
	block.pa = *pa;
	block.order = size_lg2 > m->frame_lg2 ? size_lg2 - m->frame_lg2 : 0;
	hold(m, &block);
	BUDDY_CHECK(
		buddy_has_flags(m, *pa, buddy_bytes(m, block.order), source->source.type.flags));
	if (account) {
		account->stats.held += UINT64_C(1) << block.order;
		account->stats.charges++;
		if (account->stats.held > account->stats.peak)
			account->stats.peak = account->stats.held;
	}
	return 0;
}

static void source_free(void *ctx, pt_pa_t pa, unsigned int size_lg2)
{
	struct buddy_source *source = ctx;
	struct buddy_block *block = buddy_block_at(source->m, pa);

	BUDDY_CHECK(block && block->pa == pa && block->is_table);
	source->ops.free(source->ops.ctx, pa, size_lg2);
	uncharge(source->m, block);
	unhold(source->m, block);
}

struct pt_table_ops buddy_table_ops(struct buddy_source *source)
{
	source->source.zone = source->m->zone;
	source->ops = pt_zone_table_ops(&source->source);
	return (struct pt_table_ops){ source_alloc, source_free, source };
}
