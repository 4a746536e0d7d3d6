/* SPDX-License-Identifier: MIT */
/* All of a zone, and its statistics, held to the model; and everything given back. */
#include "model/buddy_model_internal.h"

#include <stdio.h>
#include <string.h>

void buddy_whole(const struct buddy_model *m, uint64_t nr[PT_MAX_ORDER + 1])
{
	memset(nr, 0, (PT_MAX_ORDER + 1) * sizeof(*nr));
	for (size_t i = 0; i < m->nr_ranges; i++) {
		pt_pa_t pa = m->range[i].pa, end = pa + (m->range[i].nr << m->frame_lg2);

		while (pa < end) {
			unsigned int order = m->max_order;

			while (pa & (buddy_bytes(m, order) - 1) || end - pa < buddy_bytes(m, order))
				order--;
			nr[order]++;
			pa += buddy_bytes(m, order);
		}
	}
}

size_t buddy_whole_pageblocks(const struct buddy_model *m)
{
	size_t nr = 0;

	for (size_t i = 0; i < m->nr_pageblocks; i++)
		nr += m->pageblock[i].frames == UINT64_C(1) << m->pageblock_order;
	return nr;
}

static bool say_finding(void *ctx, pt_pa_t pa, const char *what)
{
	(void)ctx;
	fprintf(stderr, "pt_buddy_verify: %#llx: %s\n", (unsigned long long)pa, what);
	return true;
}

static void check_held(const struct buddy_model *m, const struct pt_page_info *info)
{
	const struct buddy_block *block = buddy_block_at(m, info->head);

	BUDDY_CHECK(block && block->pa == info->head && block->order == info->order);
	BUDDY_CHECK(info->is_table == block->is_table);
	BUDDY_CHECK(info->account == block->account);
	BUDDY_CHECK(info->stale == block->stale);
	if (!block->is_table) {
		BUDDY_CHECK(info->refs == block->refs);
		BUDDY_CHECK(info->owner == block->owner);
	}
}

/* A free block that could be one with its buddy is. */
static void check_merged(const struct buddy_model *m, const struct pt_page_info *info)
{
	pt_pa_t buddy = info->head ^ buddy_bytes(m, info->order);
	struct pt_page_info other;

	if (info->order == m->max_order || !buddy_is_inside(m, info->head & buddy, info->order + 1))
		return;
	BUDDY_CHECK(pt_page_info(m->zone, buddy, &other) == 0);
	BUDDY_CHECK(other.state != PT_PAGE_FREE || other.order != info->order ||
		    other.type.flags != info->type.flags);
}

static void check_blocks(struct buddy_model *m, struct pt_zone_stats *want)
{
	struct pt_page_info info, last;

	for (size_t frame = 0; frame < m->nr_frames; frame += (size_t)1 << info.order) {
		pt_pa_t pa = buddy_pa(m, frame);
		uint64_t nr;

		BUDDY_CHECK(pt_page_info(m->zone, pa, &info) == 0);
		BUDDY_CHECK(info.head == pa && info.order <= m->max_order);
		BUDDY_CHECK(buddy_is_inside(m, pa, info.order));
		BUDDY_CHECK(buddy_type(info.type) >= 0);
		BUDDY_CHECK(buddy_has_flags(m, pa, buddy_bytes(m, info.order), info.type.flags));
		BUDDY_CHECK(pt_page_info(m->zone, pa + (buddy_bytes(m, info.order) - 1), &last) ==
			    0);
		BUDDY_CHECK(last.head == pa && last.order == info.order &&
			    last.state == info.state);
		nr = UINT64_C(1) << info.order;
		if (info.state == PT_PAGE_HELD) {
			check_held(m, &info);
			want->held += nr;
			continue;
		}
		BUDDY_CHECK(buddy_is_free(m, pa, info.order));
		if (info.state == PT_PAGE_CACHED) {
			want->cached += nr;
			continue;
		}
		BUDDY_CHECK(info.state == PT_PAGE_FREE);
		check_merged(m, &info);
		want->free += nr;
		want->nr_free[info.order][buddy_type(info.type)]++;
	}
}

static void check_stats(struct buddy_model *m, const struct pt_zone_stats *want)
{
	uint64_t pageblocks[PT_FREETYPE_LISTS] = { 0 };
	struct pt_zone_stats stats;
	struct pt_page_info info;

	pt_zone_stats(m->zone, &stats);
	BUDDY_CHECK(stats.managed == m->nr_frames && stats.held == m->nr_held);
	BUDDY_CHECK(stats.held == want->held && stats.cached == want->cached);
	BUDDY_CHECK(stats.free == want->free);
	BUDDY_CHECK(!memcmp(stats.nr_free, want->nr_free, sizeof(stats.nr_free)));
	for (size_t i = 0; i < m->nr_pageblocks; i++) {
		BUDDY_CHECK(pt_page_info(m->zone, buddy_pa(m, m->pageblock[i].first), &info) == 0);
		pageblocks[buddy_type(info.type)]++;
	}
	BUDDY_CHECK(!memcmp(stats.pageblocks, pageblocks, sizeof(pageblocks)));
}

void buddy_check(struct buddy_model *m)
{
	struct pt_zone_stats want = { 0 };

	check_blocks(m, &want);
	check_stats(m, &want);
	for (size_t i = 0; i < m->nr_accounts; i++) {
		struct pt_account_stats stats;

		pt_account_stats(m->account[i].account, &stats);
		BUDDY_CHECK(!memcmp(&stats, &m->account[i].stats, sizeof(stats)));
	}
	BUDDY_CHECK(pt_buddy_verify(m->zone, say_finding, NULL) == 0);
}

void buddy_free_all(struct buddy_model *m)
{
	for (size_t i = m->nr_blocks; i; i--) {
		const struct buddy_block *block = &m->block[i - 1];
		pt_pa_t pa = block->pa;

		for (uint32_t refs = block->refs; refs; refs--)
			BUDDY_CHECK(buddy_folio_put(m, NULL, pa) == 0);
	}
}

void buddy_recover(struct buddy_model *m)
{
	uint64_t nr[PT_MAX_ORDER + 1];
	struct pt_zone_stats stats;

	buddy_free_all(m);
	for (size_t i = 0; i < m->nr_caches; i++)
		pt_zone_cache_drain(m->cache[i]);
	m->fail_convert = m->fail_more = 0;
	m->fail_all = false;
	for (size_t i = 0; i < PT_FREETYPE_LISTS && m->has_ops; i++)
		if (buddy_types[i].flags)
			BUDDY_CHECK(buddy_convert(m, buddy_types[i],
						  buddy_types[PT_MIGRATE_UNMOVABLE], SIZE_MAX,
						  NULL) == 0);
	buddy_check(m);
	pt_zone_stats(m->zone, &stats);
	BUDDY_CHECK(stats.free == m->nr_frames && !stats.cached && !stats.held);
	buddy_whole(m, nr);
	for (unsigned int order = 0; order <= m->max_order; order++)
		for (size_t i = 0; i < PT_FREETYPE_LISTS; i++) {
			BUDDY_CHECK(!buddy_types[i].flags || !stats.nr_free[order][i]);
			nr[order] -= stats.nr_free[order][i];
		}
	for (unsigned int order = 0; order <= m->max_order; order++)
		BUDDY_CHECK(nr[order] == 0);
}

void buddy_recover_and_fill(struct buddy_model *m)
{
	uint64_t nr[PT_MAX_ORDER + 1];
	struct pt_alloc how = { .type = { PT_MIGRATE_MOVABLE, 0 }, .flags = PT_ALLOC_NOBLOCK };
	pt_pa_t pa;

	buddy_recover(m);
	buddy_whole(m, nr);
	for (how.order = m->max_order + 1; how.order--;)
		for (uint64_t i = 0; i < nr[how.order]; i++)
			BUDDY_CHECK(buddy_alloc(m, NULL, &how, &pa) == 0);
	BUDDY_CHECK(m->nr_held == m->nr_frames);
	how.order = 0;
	BUDDY_CHECK(buddy_alloc(m, NULL, &how, &pa) == -ENOMEM);
	buddy_recover(m);
}
