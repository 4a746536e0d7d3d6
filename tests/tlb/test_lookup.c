/* SPDX-License-Identifier: MIT */
/* What is found, in which context, in which level, and what that counts. */
#include "tlb/tlb_test.h"

#define DATA PT_TLB_USE_DATA
#define FETCH PT_TLB_USE_FETCH
#define TABLE PT_TLB_USE_TABLE
#define IPA PT_TLB_USE_IPA
#define BIT(n) (UINT64_C(1) << (n))
#define VA UINT64_C(0x7f0000212345)

/* Split in level 1, one for all in level 2; level 1 has 4K and 2M, level 2 4K, 64K, 2M and 1G. */
static const struct pt_tlb_cfg split = {
	.parts = { { .level = 1,
		     .uses = 1u << PT_TLB_USE_DATA,
		     .sizes = BIT(12),
		     .entries = 8,
		     .ways = 2 },
		   { .level = 1,
		     .uses = 1u << PT_TLB_USE_DATA,
		     .sizes = BIT(21),
		     .entries = 4,
		     .ways = 4 },
		   { .level = 1,
		     .uses = 1u << PT_TLB_USE_FETCH,
		     .sizes = BIT(12) | BIT(21),
		     .entries = 8,
		     .ways = 8 },
		   { .level = 2,
		     .uses = 3,
		     .sizes = BIT(12) | BIT(16) | BIT(21) | BIT(30),
		     .entries = 64,
		     .ways = 4 },
		   { .level = 1,
		     .uses = 1u << PT_TLB_USE_TABLE,
		     .sizes = BIT(21) | BIT(30) | BIT(39),
		     .entries = 32,
		     .ways = 4 },
		   { .level = 1,
		     .uses = 1u << PT_TLB_USE_IPA,
		     .sizes = BIT(12) | BIT(21),
		     .entries = 32,
		     .ways = 32 } },
	.nr_parts = 6,
};

static struct pt_tlb *make(const struct pt_tlb_cfg *cfg)
{
	struct pt_tlb *tlb;

	assert_int_equal(pt_tlb_create(&tlb, cfg), 0);
	return tlb;
}

static void put(struct pt_tlb *tlb, enum pt_tlb_use use, uint64_t va, struct pt_tlb_fill fill)
{
	assert_int_equal(pt_tlb_fill(tlb, use, va, &fill), 0);
}

static const struct pt_tlb_entry *get(struct pt_tlb *tlb, enum pt_tlb_use use, uint64_t va)
{
	return pt_tlb_lookup(tlb, use, va);
}

static void a_page_is_what_was_filled(void **state)
{
	struct pt_tlb *tlb = make(&split);
	const struct pt_tlb_entry *entry;
	struct pt_tlb_stats stats;

	(void)state;
	assert_null(get(tlb, DATA, VA));
	put(tlb, DATA, VA,
	    (struct pt_tlb_fill){ .pa = 0x5000, .raw = 7, .data = 8, .size_lg2 = 12 });
	entry = get(tlb, DATA, VA ^ 0xfff);
	assert_non_null(entry);
	assert_int_equal(entry->va, VA & ~0xfffull);
	assert_int_equal(entry->pa, 0x5000);
	assert_int_equal(entry->raw, 7);
	assert_int_equal(entry->data, 8);
	assert_int_equal(entry->type, PT_TLB_LEAF);
	assert_int_equal(entry->size_lg2, 12);
	assert_int_equal(entry->leaf_lg2, 12);
	assert_null(get(tlb, DATA, VA + 0x1000));
	/* filled again: replaced, not added */
	put(tlb, DATA, VA, (struct pt_tlb_fill){ .pa = 0x6000, .size_lg2 = 12 });
	assert_int_equal(get(tlb, DATA, VA)->pa, 0x6000);
	pt_tlb_stats(tlb, &stats);
	assert_int_equal(stats.lookups[DATA], 4);
	assert_int_equal(stats.misses[0][DATA], 2);
	assert_int_equal(stats.misses[1][DATA], 2);
	assert_int_equal(stats.fills[DATA], 2);
	assert_int_equal(stats.evictions, 0);
	pt_tlb_destroy(tlb);
}

static void instructions_and_data_share_level_2_alone(void **state)
{
	struct pt_tlb *tlb = make(&split);
	struct pt_tlb_stats stats;

	(void)state;
	put(tlb, FETCH, VA, (struct pt_tlb_fill){ .pa = 0x5000, .size_lg2 = 12 });
	assert_non_null(get(tlb, DATA, VA)); /* level 2, and copied */
	assert_non_null(get(tlb, DATA, VA)); /* level 1 */
	pt_tlb_stats(tlb, &stats);
	assert_int_equal(stats.misses[0][DATA], 1);
	assert_int_equal(stats.misses[1][DATA], 0);
	pt_tlb_destroy(tlb);
}

/* 1G and 64K are not in level 1: it holds the 2M and the 4K that were touched. */
static void a_level_keeps_the_largest_piece_it_has_a_place_for(void **state)
{
	struct pt_tlb *tlb = make(&split);
	const struct pt_tlb_entry *entry;

	(void)state;
	put(tlb, DATA, VA, (struct pt_tlb_fill){ .pa = 0x80000000, .size_lg2 = 30 });
	entry = get(tlb, DATA, VA);
	assert_int_equal(entry->size_lg2, 21);
	assert_int_equal(entry->leaf_lg2, 30);
	assert_int_equal(entry->va, VA & ~0x1fffffull);
	assert_int_equal(entry->pa, 0x80000000 + (entry->va & 0x3fffffff));
	entry = get(tlb, DATA, VA + 0x10000000);
	assert_int_equal(entry->size_lg2, 21);
	assert_int_equal(entry->pa, 0x80000000 + (entry->va & 0x3fffffff));
	put(tlb, FETCH, 0x412345,
	    (struct pt_tlb_fill){ .pa = 0x30000, .size_lg2 = 16, .leaf_lg2 = 12 });
	entry = get(tlb, FETCH, 0x412345);
	assert_int_equal(entry->size_lg2, 12);
	assert_int_equal(entry->pa, 0x32000);
	/* the whole block is in level 2 */
	assert_int_equal(get(tlb, FETCH, 0x41f000)->pa, 0x3f000);
	pt_tlb_destroy(tlb);
}

static void two_stages_make_an_entry_of_the_smaller(void **state)
{
	struct pt_tlb *tlb = make(&split);
	const struct pt_tlb_entry *entry;

	(void)state;
	put(tlb, DATA, VA, (struct pt_tlb_fill){ .pa = 0x5000, .size_lg2 = 21, .stage2_lg2 = 12 });
	entry = get(tlb, DATA, VA);
	assert_int_equal(entry->size_lg2, 12);
	assert_int_equal(entry->leaf_lg2, 21);
	assert_int_equal(entry->pa, 0x5000);
	assert_null(get(tlb, DATA, VA + 0x1000));
	put(tlb, DATA, VA + 0x1000,
	    (struct pt_tlb_fill){ .pa = 0x9000, .size_lg2 = 12, .stage2_lg2 = 30 });
	assert_int_equal(get(tlb, DATA, VA + 0x1000)->size_lg2, 12);
	pt_tlb_destroy(tlb);
}

static void contexts_do_not_see_each_other_but_for_global_pages(void **state)
{
	struct pt_tlb *tlb = make(&split);

	(void)state;
	pt_tlb_set_context(tlb, 3, 5);
	put(tlb, DATA, VA, (struct pt_tlb_fill){ .pa = 0x5000, .size_lg2 = 12 });
	put(tlb, DATA, VA + 0x1000,
	    (struct pt_tlb_fill){ .pa = 0x6000, .size_lg2 = 12, .global = true });
	put(tlb, TABLE, VA, (struct pt_tlb_fill){ .pa = 0x7000, .size_lg2 = 21 });
	put(tlb, IPA, 0x5000, (struct pt_tlb_fill){ .pa = 0x8000, .size_lg2 = 12 });
	pt_tlb_set_context(tlb, 3, 6);
	assert_null(get(tlb, DATA, VA));
	assert_null(get(tlb, TABLE, VA));
	assert_int_equal(get(tlb, DATA, VA + 0x1000)->asid, 0);
	assert_non_null(get(tlb, IPA, 0x5000));
	pt_tlb_set_context(tlb, 4, 5);
	assert_null(get(tlb, DATA, VA));
	assert_null(get(tlb, DATA, VA + 0x1000));
	assert_null(get(tlb, IPA, 0x5000));
	pt_tlb_set_context(tlb, 3, 5);
	assert_int_equal(get(tlb, DATA, VA)->asid, 5);
	assert_int_equal(get(tlb, DATA, VA)->vmid, 3);
	assert_int_equal(pt_tlb_verify(tlb), 0);
	pt_tlb_destroy(tlb);
}

static void a_walk_starts_at_the_table_nearest_to_the_leaf(void **state)
{
	struct pt_tlb *tlb = make(&split);

	(void)state;
	put(tlb, TABLE, VA, (struct pt_tlb_fill){ .pa = 0x1000, .size_lg2 = 39 });
	put(tlb, TABLE, VA, (struct pt_tlb_fill){ .pa = 0x3000, .size_lg2 = 21 });
	put(tlb, TABLE, VA, (struct pt_tlb_fill){ .pa = 0x2000, .size_lg2 = 30 });
	put(tlb, TABLE, VA,
	    (struct pt_tlb_fill){ .pa = 0x4000, .size_lg2 = 48 }); /* has no place */
	assert_int_equal(get(tlb, TABLE, VA)->pa, 0x3000);
	assert_int_equal(get(tlb, TABLE, VA + BIT(21))->pa, 0x2000);
	assert_int_equal(get(tlb, TABLE, VA + BIT(30))->pa, 0x1000);
	assert_null(get(tlb, TABLE, VA + BIT(39)));
	assert_null(get(tlb, DATA, VA));
	pt_tlb_destroy(tlb);
}

static void refuses_fills_that_are_none(void **state)
{
	struct pt_tlb *tlb = make(&split);
	static const struct {
		enum pt_tlb_use use;
		struct pt_tlb_fill fill;
	} bad[] = {
		{ PT_TLB_USE_NR, { .size_lg2 = 12 } },
		{ DATA, { .size_lg2 = 11 } },
		{ DATA, { .size_lg2 = 53 } },
		{ DATA, { .size_lg2 = 12, .leaf_lg2 = 11 } },
		{ DATA, { .size_lg2 = 12, .stage2_lg2 = 60 } },
		{ DATA, { .pa = 0x800, .size_lg2 = 12 } },
		{ DATA, { .pa = 0x1000, .size_lg2 = 21 } },
		{ TABLE, { .size_lg2 = 21, .global = true } },
		{ IPA, { .size_lg2 = 12, .global = true } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pt_tlb_fill(tlb, bad[i].use, VA, &bad[i].fill), -EINVAL);
	assert_null(pt_tlb_lookup(tlb, PT_TLB_USE_NR, VA));
	put(tlb, TABLE, VA, (struct pt_tlb_fill){ .pa = 0x40, .size_lg2 = 21 }); /* a short table */
	pt_tlb_destroy(tlb);
}

/* More ASIDs than slots: tags come and go, and each flush is of the one it names. */
static void asids_are_recycled(void **state)
{
	struct pt_tlb *tlb = make(&split);
	const struct pt_tlb_flush flush = { .all = PT_FLUSH_LEAF | PT_FLUSH_TABLE,
					    .vmid = 9,
					    .asid = 7 };

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		pt_tlb_set_context(tlb, (uint16_t)(i / 256 % 16), (uint16_t)(i * 7));
		put(tlb, DATA, VA + ((uint64_t)i << 12),
		    (struct pt_tlb_fill){ .pa = 0x1000, .size_lg2 = 12, .global = i % 5 == 0 });
		assert_non_null(get(tlb, DATA, VA + ((uint64_t)i << 12)));
		if (i % 3 == 0)
			pt_tlb_flush(tlb, &flush);
	}
	assert_int_equal(pt_tlb_verify(tlb), 0);
	pt_tlb_destroy(tlb);
}

/* Sixteen ways, a flush, eight fills: they take the places of what was flushed. */
static void flushed_entries_give_way_first(void **state)
{
	const struct pt_tlb_cfg cfg = {
		.parts = { { .level = 1,
			     .uses = 1u << PT_TLB_USE_DATA,
			     .sizes = BIT(12),
			     .entries = 16,
			     .ways = 16 } },
		.nr_parts = 1,
	};
	const struct pt_tlb_flush flush = { .all = PT_FLUSH_LEAF, .asid = 1 };
	struct pt_tlb *tlb = make(&cfg);
	struct pt_tlb_stats stats;

	(void)state;
	for (uint64_t page = 0; page < 16; page++) {
		pt_tlb_set_context(tlb, 0, page % 2);
		put(tlb, DATA, page << 12,
		    (struct pt_tlb_fill){ .pa = page << 12, .size_lg2 = 12 });
	}
	pt_tlb_flush(tlb, &flush);
	pt_tlb_set_context(tlb, 0, 2);
	for (uint64_t page = 0; page < 8; page++)
		put(tlb, DATA, page << 12,
		    (struct pt_tlb_fill){ .pa = page << 12, .size_lg2 = 12 });
	pt_tlb_stats(tlb, &stats);
	assert_int_equal(stats.evictions, 0);
	assert_int_equal(stats.asid_flushes, 1);
	pt_tlb_set_context(tlb, 0, 0);
	for (uint64_t page = 0; page < 16; page += 2)
		assert_non_null(get(tlb, DATA, page << 12));
	pt_tlb_set_context(tlb, 0, 1);
	for (uint64_t page = 1; page < 16; page += 2)
		assert_null(get(tlb, DATA, page << 12));
	pt_tlb_destroy(tlb);
}

static bool stop_at_once(void *ctx, const struct pt_tlb_entry *entry, unsigned int part)
{
	(void)entry;
	(void)part;
	++*(unsigned int *)ctx;
	return false;
}

static void a_visit_ends_when_told(void **state)
{
	struct pt_tlb *tlb = make(&split);
	unsigned int nr = 0;

	(void)state;
	put(tlb, DATA, VA, (struct pt_tlb_fill){ .size_lg2 = 12 });
	pt_tlb_for_each(tlb, stop_at_once, &nr);
	assert_int_equal(nr, 1);
	pt_tlb_destroy(tlb);
}

static void flushes_are_counted_by_what_they_reach(void **state)
{
	static const struct pt_tlb_flush flushes[] = {
		{ .range = PT_FLUSH_LEAF, .all = PT_FLUSH_TABLE, .first = 5, .last = 5 },
		{ .range = PT_FLUSH_LEAF, .first = 5, .last = 6 },
		{ .range = PT_FLUSH_LEAF, .last = UINT64_MAX },
		{ .all = PT_FLUSH_LEAF },
		{ .all = PT_FLUSH_LEAF, .any_asid = true },
		{ .all = PT_FLUSH_LEAF, .any_vmid = true },
		{ .all = PT_FLUSH_LEAF, .any_asid = true, .any_vmid = true },
		{ .asid = 5 }, /* MOV to CR3 with bit 63: none */
	};
	struct pt_tlb *tlb = make(&split);
	struct pt_tlb_stats stats;

	(void)state;
	for (size_t i = 0; i < sizeof(flushes) / sizeof(flushes[0]); i++)
		pt_tlb_flush(tlb, &flushes[i]);
	pt_tlb_stats(tlb, &stats);
	assert_int_equal(stats.page_flushes, 1);
	assert_int_equal(stats.range_flushes, 2);
	assert_int_equal(stats.asid_flushes, 1);
	assert_int_equal(stats.all_flushes, 3);
	pt_tlb_destroy(tlb);
}

/* The fetch brings into level 1 what data missed there; the fill then finds it. */
static void what_came_from_level_2_is_not_entered_twice(void **state)
{
	static const struct pt_tlb_cfg unified_above_split = {
		.parts = { { 1, 1u << DATA | 1u << PT_TLB_USE_FETCH, BIT(12), 4, 4, PT_TLB_LRU },
			   { 2, 1u << DATA, BIT(12), 64, 4, PT_TLB_LRU },
			   { 2, 1u << PT_TLB_USE_FETCH, BIT(12), 64, 4, PT_TLB_LRU } },
		.nr_parts = 3,
	};
	struct pt_tlb *tlb = make(&unified_above_split);
	struct pt_tlb_flush flush;

	(void)state;
	put(tlb, PT_TLB_USE_FETCH, VA, (struct pt_tlb_fill){ .pa = 0x1000, .size_lg2 = 12 });
	for (uint64_t i = 1; i <= 4; i++)
		put(tlb, DATA, VA + (i << 12),
		    (struct pt_tlb_fill){ .pa = i << 12, .size_lg2 = 12 });
	assert_null(get(tlb, DATA, VA));
	assert_non_null(get(tlb, PT_TLB_USE_FETCH, VA));
	put(tlb, DATA, VA, (struct pt_tlb_fill){ .pa = 0x9000, .size_lg2 = 12 });
	assert_int_equal(pt_tlb_verify(tlb), 0);
	pt_x86_invlpg(&flush, (struct pt_x86_context){ 0, 0 }, VA);
	pt_tlb_flush(tlb, &flush);
	assert_null(get(tlb, DATA, VA));
	pt_tlb_destroy(tlb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_what_was_filled),
		cmocka_unit_test(instructions_and_data_share_level_2_alone),
		cmocka_unit_test(a_level_keeps_the_largest_piece_it_has_a_place_for),
		cmocka_unit_test(two_stages_make_an_entry_of_the_smaller),
		cmocka_unit_test(contexts_do_not_see_each_other_but_for_global_pages),
		cmocka_unit_test(a_walk_starts_at_the_table_nearest_to_the_leaf),
		cmocka_unit_test(refuses_fills_that_are_none),
		cmocka_unit_test(asids_are_recycled),
		cmocka_unit_test(flushed_entries_give_way_first),
		cmocka_unit_test(a_visit_ends_when_told),
		cmocka_unit_test(flushes_are_counted_by_what_they_reach),
		cmocka_unit_test(what_came_from_level_2_is_not_entered_twice),
	};

	return cmocka_run_group_tests_name("lookup", tests, NULL, NULL);
}
