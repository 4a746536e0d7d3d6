/* SPDX-License-Identifier: MIT */
/* What TLBI removes, as the pages of Arm ARM DDI 0487 J.a, C5.5 have it. */
#include "tlb/flush_table.h"

#define VA TABLE_VA
#define BIT(n) (UINT64_C(1) << (n))
#define NOTHING "-- -- -- -- -- --"
#define ASID(n) ((uint64_t)(n) << 48)
/* of one page */
#define XT (ASID(1) | VA >> 12)
/* of two pages: TG 4K, SCALE 0, NUM 0 */
#define RANGE (ASID(1) | UINT64_C(1) << 46 | VA >> 12)

static const struct {
	enum pt_arm64_tlbi op;
	uint64_t xt;
	const char *vmid1, *vmid2;
} rows[] = {
	/*                            1  2  G  T1 T2 I */
	{ PT_TLBI_VMALLE1, XT, "xx xx xx xx xx --", NOTHING },
	{ PT_TLBI_VMALLS12E1, XT, "xx xx xx xx xx xx", NOTHING },
	{ PT_TLBI_ALLE1, XT, "xx xx xx xx xx xx", "xx xx xx xx xx xx" },
	{ PT_TLBI_ASIDE1, XT, "xx -- -- xx -- --", NOTHING },
	{ PT_TLBI_ASIDE1, ASID(2), "-- xx -- -- xx --", NOTHING },
	{ PT_TLBI_VAE1, XT, "x- -- x- x- -- --", NOTHING },
	{ PT_TLBI_VALE1, XT, "x- -- x- -- -- --", NOTHING },
	{ PT_TLBI_VAAE1, XT, "x- x- x- x- x- --", NOTHING },
	{ PT_TLBI_VAALE1, XT, "x- x- x- -- -- --", NOTHING },
	{ PT_TLBI_RVAE1, RANGE, "x- -- x- x- -- --", NOTHING },
	{ PT_TLBI_RVALE1, RANGE, "x- -- x- -- -- --", NOTHING },
	{ PT_TLBI_RVAAE1, RANGE, "x- x- x- x- x- --", NOTHING },
	{ PT_TLBI_RVAALE1, RANGE, "x- x- x- -- -- --", NOTHING },
	{ PT_TLBI_IPAS2E1, VA >> 12, "-- -- -- -- -- x-", NOTHING },
	{ PT_TLBI_IPAS2LE1, VA >> 12, "-- -- -- -- -- x-", NOTHING },
	{ PT_TLBI_RIPAS2E1, RANGE, "-- -- -- -- -- x-", NOTHING },
	{ PT_TLBI_RIPAS2LE1, RANGE, "-- -- -- -- -- x-", NOTHING },
};

static void the_table_of_the_manual(void **state)
{
	bool seen[PT_TLBI_NR] = { false };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flush_row row = { .name = pt_arm64_tlbi_name(rows[i].op),
					 .vmid1 = rows[i].vmid1, .vmid2 = rows[i].vmid2 };

		assert_int_equal(pt_arm64_tlbi(&row.flush, rows[i].op, 1, rows[i].xt, 0), 0);
		assert_row(&row, 0);
		seen[rows[i].op] = true;
	}
	for (unsigned int op = 0; op < PT_TLBI_NR; op++)
		assert_true(seen[op]);
}

static void another_vmid_is_another_machine(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flush_row row = { .name = pt_arm64_tlbi_name(rows[i].op),
					 .vmid1 = rows[i].vmid2, .vmid2 = rows[i].vmid1 };

		assert_int_equal(pt_arm64_tlbi(&row.flush, rows[i].op, 2, rows[i].xt, 0), 0);
		assert_row(&row, 0);
	}
}

/* Hardware may keep nothing of stage 2 alone, and take all combined entries instead. */
static void an_ipa_may_take_everything(void **state)
{
	struct flush_row row = { .name = "IPAS2E1, all of stage 1", .vmid1 = "xx xx xx xx xx x-",
				 .vmid2 = NOTHING };

	(void)state;
	assert_int_equal(pt_arm64_tlbi(&row.flush, PT_TLBI_IPAS2E1, 1, VA >> 12, 0), 0);
	assert_row(&row, PT_TLB_IPA_TAKES_ALL);
	row.flush.any_asid = false; /* it has none */
	assert_row(&row, PT_TLB_IPA_TAKES_ALL);
}

/* ---- level hints ---- */

#define TTL(granule, level) ((uint64_t)((granule) << 2 | (level)) << 44)

struct hint {
	uint64_t ttl;
	unsigned int flags, leaf_lg2; /* 0: it says nothing */
};

/* TTL, D8.14.3: the granule 1 4K, 2 16K, 3 64K; Arm's level. */
static const struct hint hints[] = {
	{ TTL(0, 0), 0, 0 }, { TTL(0, 3), 0, 0 },
	{ TTL(1, 3), 0, 12 }, { TTL(1, 2), 0, 21 }, { TTL(1, 1), 0, 30 },
	{ TTL(1, 0), 0, 0 }, { TTL(1, 0), PT_TLBI_LPA2, 39 },
	{ TTL(2, 3), 0, 14 }, { TTL(2, 2), 0, 25 },
	{ TTL(2, 1), 0, 0 }, { TTL(2, 1), PT_TLBI_LPA2, 36 }, { TTL(2, 0), PT_TLBI_LPA2, 0 },
	{ TTL(3, 3), 0, 16 }, { TTL(3, 2), 0, 29 }, { TTL(3, 1), 0, 42 }, { TTL(3, 0), 0, 0 },
	{ TTL(1, 3), PT_TLBI_NO_TTL, 0 },
};

/* Whether a table that covers 2^@lg2 bytes stands above the hint's leaf, in its granule. */
static bool leads_to(unsigned int lg2, const struct hint *hint)
{
	unsigned int bits = (hint->ttl >> 46 & 3) == 1 ? 9 : (hint->ttl >> 46 & 3) == 2 ? 11 : 13;

	return lg2 > hint->leaf_lg2 && (lg2 - hint->leaf_lg2) % bits == 0;
}

static const unsigned int all_leaves[] = { 12, 14, 16, 21, 25, 29, 30, 36, 39, 42 };

static void a_wrong_hint_need_not_invalidate(void **state)
{
	(void)state;
	for (unsigned int ignores = 0; ignores < 2; ignores++) {
		for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
			for (size_t l = 0; l < sizeof(all_leaves) / sizeof(all_leaves[0]); l++) {
				struct pt_tlb *tlb =
					make_roomy_tlb(ignores ? PT_TLB_IGNORES_HINTS : 0);
				bool right = !hints[i].leaf_lg2 ||
					     hints[i].leaf_lg2 == all_leaves[l];
				struct pt_tlb_flush flush;

				fill_one(tlb, PT_TLB_USE_DATA, VA, all_leaves[l], 0, false);
				fill_one(tlb, PT_TLB_USE_TABLE, VA, all_leaves[l], 0, false);
				assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_VAE1, 1,
							       XT | hints[i].ttl, hints[i].flags),
						 0);
				pt_tlb_flush(tlb, &flush);
				assert_int_equal(is_there(tlb, PT_TLB_USE_DATA, VA),
						 !right && !ignores);
				/* what leads to such a leaf goes, and no other table has to */
				assert_int_equal(is_there(tlb, PT_TLB_USE_TABLE, VA),
						 !ignores && hints[i].leaf_lg2 &&
							 !leads_to(all_leaves[l], &hints[i]));
				pt_tlb_destroy(tlb);
			}
		}
	}
}

static void a_hint_is_of_the_leaves_of_a_contiguous_block(void **state)
{
	struct pt_tlb *tlb = make_roomy_tlb(0);
	struct pt_tlb_flush flush;

	(void)state;
	fill_one(tlb, PT_TLB_USE_DATA, VA, 16, 12, false);
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_VALE1, 1, XT | TTL(1, 2), 0), 0);
	pt_tlb_flush(tlb, &flush);
	assert_true(is_there(tlb, PT_TLB_USE_DATA, VA));
	/* another page of the block will do */
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_VALE1, 1, (XT ^ 8) | TTL(1, 3), 0), 0);
	pt_tlb_flush(tlb, &flush);
	assert_false(is_there(tlb, PT_TLB_USE_DATA, VA));
	pt_tlb_destroy(tlb);
}

/* ---- ranges ---- */

#define RXT(tg, scale, num, ttl, base)                                                             \
	(ASID(1) | (uint64_t)(tg) << 46 | (uint64_t)(scale) << 44 | (uint64_t)(num) << 39 |        \
	 (uint64_t)(ttl) << 37 | (base))

/* (NUM + 1) * 2^(5 * SCALE + 1) granules: the pages at both ends, and those beyond. */
static void a_range_is_exactly_as_long_as_it_says(void **state)
{
	static const unsigned int granules_lg2[] = { 12, 14, 16 };

	(void)state;
	for (unsigned int tg = 1; tg <= 3; tg++) {
		unsigned int granule_lg2 = granules_lg2[tg - 1];
		uint64_t granule = UINT64_C(1) << granule_lg2;

		for (unsigned int scale = 0; scale < 4; scale++) {
			for (unsigned int num = 0; num < 32; num++) {
				uint64_t base = UINT64_C(0x700000000000);
				uint64_t len = (num + 1) * (granule << (5 * scale + 1));
				uint64_t xt = RXT(tg, scale, num, 0, base >> granule_lg2);
				struct pt_tlb *tlb = make_roomy_tlb(0);
				struct pt_tlb_flush flush;
				struct pt_tlb_stats stats;

				fill_one(tlb, PT_TLB_USE_DATA, base - granule, granule_lg2, 0,
					 false);
				fill_one(tlb, PT_TLB_USE_DATA, base, granule_lg2, 0, false);
				fill_one(tlb, PT_TLB_USE_DATA, base + len - granule, granule_lg2, 0,
					 false);
				fill_one(tlb, PT_TLB_USE_DATA, base + len, granule_lg2, 0, false);
				assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_RVAE1, 1, xt, 0), 0);
				assert_int_equal(flush.first, base);
				assert_int_equal(flush.last, base + len - 1);
				pt_tlb_flush(tlb, &flush);
				assert_true(is_there(tlb, PT_TLB_USE_DATA, base - granule));
				assert_false(is_there(tlb, PT_TLB_USE_DATA, base));
				assert_false(is_there(tlb, PT_TLB_USE_DATA, base + len - granule));
				assert_true(is_there(tlb, PT_TLB_USE_DATA, base + len));
				pt_tlb_stats(tlb, &stats);
				assert_int_equal(stats.range_flushes, 1);
				assert_int_equal(stats.dropped, 2);
				pt_tlb_destroy(tlb);
			}
		}
	}
}

static void a_range_is_of_one_granule_and_may_be_of_one_level(void **state)
{
	const uint64_t va = VA & ~(BIT(21) - 1); /* a hint of 2M pages is of a range of such */
	struct pt_tlb *tlb = make_roomy_tlb(0);
	struct pt_tlb_flush flush;

	(void)state;
	fill_one(tlb, PT_TLB_USE_DATA, va, 16, 0, false);
	fill_one(tlb, PT_TLB_USE_DATA, va, 21, 0, false);
	fill_one(tlb, PT_TLB_USE_TABLE, va, 29, 0, false);
	/* 4K: the 64K page and its table stay; level 3: the 2M page does too */
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_RVAE1, 1, RXT(1, 0, 0, 3, va >> 12), 0), 0);
	pt_tlb_flush(tlb, &flush);
	assert_true(is_there(tlb, PT_TLB_USE_DATA, va));
	assert_true(is_there(tlb, PT_TLB_USE_DATA, va ^ 0x80000));
	assert_true(is_there(tlb, PT_TLB_USE_TABLE, va));
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_RVAE1, 1, RXT(1, 0, 0, 2, va >> 12), 0), 0);
	pt_tlb_flush(tlb, &flush);
	assert_true(is_there(tlb, PT_TLB_USE_DATA, va));
	assert_false(is_there(tlb, PT_TLB_USE_DATA, va ^ 0x80000));
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_RVAE1, 1, RXT(3, 0, 0, 0, va >> 16), 0), 0);
	pt_tlb_flush(tlb, &flush);
	assert_false(is_there(tlb, PT_TLB_USE_DATA, va));
	assert_false(is_there(tlb, PT_TLB_USE_TABLE, va));
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_RVAE1, 1, RXT(0, 0, 0, 0, 0), 0), -EINVAL);
	pt_tlb_destroy(tlb);
}

/* Bytes of what an entry of Arm's level covers, written out; 0: the granule has no leaf there. */
static const struct {
	unsigned int granule_lg2, level_lg2[4], flags;
} levels[] = {
	{ 12, { 0, 30, 21, 12 }, 0 },
	{ 12, { 39, 30, 21, 12 }, PT_TLBI_LPA2 },
	{ 14, { 0, 0, 25, 14 }, 0 },
	{ 14, { 0, 36, 25, 14 }, PT_TLBI_LPA2 },
	{ 16, { 0, 42, 29, 16 }, 0 },
	{ 16, { 0, 42, 29, 16 }, PT_TLBI_LPA2 },
};

/* What a descriptor of level 3 - i covers. */
static unsigned int covers_lg2(unsigned int granule_lg2, unsigned int i)
{
	return granule_lg2 + i * (granule_lg2 - 3);
}

/*
 * A hint of a range is of leaves of that level, and of tables "up to but not including the level":
 * found where a table was freed, and the range with the level of 2M pages took it all the same.
 */
static void a_hint_of_a_range_keeps_tables_at_its_level(void **state)
{
	(void)state;
	for (size_t g = 0; g < sizeof(levels) / sizeof(levels[0]); g++) {
		unsigned int lg2 = levels[g].granule_lg2, tg = (lg2 - 10) / 2;
		const uint64_t base = UINT64_C(0x7c0000000000); /* of 4T pages too */

		for (unsigned int ttl = 0; ttl < 4; ttl++) {
			unsigned int leaf = ttl ? levels[g].level_lg2[ttl] : 0;
			uint64_t unit_lg2 = levels[g].flags ? 16 : lg2;
			struct pt_tlb_flush flush;

			assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_RVAE1, 1,
						       RXT(tg, 0, 0, ttl, base >> unit_lg2),
						       levels[g].flags),
					 0);
			for (unsigned int i = 0; covers_lg2(lg2, i) <= 48; i++) {
				struct pt_tlb_entry entry = {
					.va = base & ~(BIT(covers_lg2(lg2, i)) - 1),
					.vmid = 1,
					.asid = 1,
					.type = PT_TLB_LEAF,
					.size_lg2 = (uint8_t)covers_lg2(lg2, i),
					.leaf_lg2 = (uint8_t)covers_lg2(lg2, i),
				};

				assert_int_equal(pt_tlb_flush_covers(&flush, &entry),
						 !leaf || covers_lg2(lg2, i) == leaf);
				entry.type = PT_TLB_TABLE;
				assert_int_equal(pt_tlb_flush_covers(&flush, &entry),
						 !leaf || covers_lg2(lg2, i) > leaf);
			}
		}
	}
}

/* What such a range takes is UNPREDICTABLE: nobody may count on it. */
static void a_range_that_its_hint_does_not_divide_takes_nothing_for_sure(void **state)
{
	(void)state;
	for (size_t g = 0; g < sizeof(levels) / sizeof(levels[0]); g++) {
		unsigned int lg2 = levels[g].granule_lg2, tg = (lg2 - 10) / 2;
		unsigned int unit_lg2 = levels[g].flags ? 16 : lg2;

		for (unsigned int ttl = 1; ttl < 4; ttl++) {
			unsigned int leaf = levels[g].level_lg2[ttl];
			/* one unit too far; of 16K's level 1 the manual does not say so */
			const uint64_t base = UINT64_C(0x7c0000000000) + BIT(unit_lg2);
			bool sure = leaf <= unit_lg2 || (lg2 == 14 && ttl == 1);
			struct pt_tlb_flush flush;

			assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_RVAALE1, 1,
						       RXT(tg, 0, 0, ttl, base >> unit_lg2),
						       levels[g].flags),
					 0);
			for (unsigned int i = 0; covers_lg2(lg2, i) <= 48; i++) {
				struct pt_tlb_entry entry = {
					.va = base & ~(BIT(covers_lg2(lg2, i)) - 1),
					.vmid = 1,
					.type = PT_TLB_GLOBAL,
					.size_lg2 = (uint8_t)covers_lg2(lg2, i),
					.leaf_lg2 = (uint8_t)covers_lg2(lg2, i),
				};

				assert_int_equal(pt_tlb_flush_covers(&flush, &entry),
						 sure && (!leaf || covers_lg2(lg2, i) == leaf));
			}
		}
	}
}

/* Upper halves are sign-extended, each from the bit that its field ends at; IPAs are not. */
static void addresses_are_what_their_fields_say(void **state)
{
	struct pt_tlb_flush flush;
	const uint64_t kernel = UINT64_C(0xffff800012345000);

	(void)state;
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_VAALE1, 0,
				       kernel >> 12 & ((UINT64_C(1) << 44) - 1), 0), 0);
	assert_int_equal(flush.first, kernel);
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_RVAALE1, 0,
				       RXT(1, 0, 0, 0, kernel >> 12 & ((UINT64_C(1) << 37) - 1)),
				       0),
			 0);
	assert_int_equal(flush.first, kernel);
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_RVAALE1, 0,
				       RXT(1, 0, 0, 0,
					   (kernel & ~UINT64_C(0xffff)) >> 16 &
						   ((UINT64_C(1) << 37) - 1)),
				       PT_TLBI_LPA2), 0);
	assert_int_equal(flush.first, kernel & ~UINT64_C(0xffff));
	assert_int_equal(flush.last, flush.first + 0x1fff);
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_IPAS2E1, 0, UINT64_C(0xffffffffff), 0), 0);
	assert_int_equal(flush.first, UINT64_C(0xffffffffff000));
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_RIPAS2E1, 0,
				       RXT(3, 3, 31, 0, (UINT64_C(1) << 37) - 1), 0), 0);
	assert_int_equal(flush.first, UINT64_C(0x1fffffffff0000));
	/* up to the end, and no further */
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_RVAE1, 0,
				       RXT(1, 3, 31, 0, (UINT64_C(1) << 37) - 1), 0), 0);
	assert_int_equal(flush.first, UINT64_C(0xfffffffffffff000));
	assert_int_equal(flush.last, UINT64_MAX);
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_NR, 0, 0, 0), -EINVAL);
	assert_int_equal(pt_arm64_tlbi(&flush, PT_TLBI_VAE1, 0, 0, 4), -EINVAL);
	assert_string_equal(pt_arm64_tlbi_name(PT_TLBI_NR), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_of_the_manual),
		cmocka_unit_test(another_vmid_is_another_machine),
		cmocka_unit_test(an_ipa_may_take_everything),
		cmocka_unit_test(a_wrong_hint_need_not_invalidate),
		cmocka_unit_test(a_hint_is_of_the_leaves_of_a_contiguous_block),
		cmocka_unit_test(a_range_is_exactly_as_long_as_it_says),
		cmocka_unit_test(a_range_is_of_one_granule_and_may_be_of_one_level),
		cmocka_unit_test(a_hint_of_a_range_keeps_tables_at_its_level),
		cmocka_unit_test(a_range_that_its_hint_does_not_divide_takes_nothing_for_sure),
		cmocka_unit_test(addresses_are_what_their_fields_say),
	};

	return cmocka_run_group_tests_name("flush_arm64", tests, NULL, NULL);
}
