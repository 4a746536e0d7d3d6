/* SPDX-License-Identifier: MIT */
/* What the flush operations of x86-64 remove, as Intel SDM Vol. 3A, 4.10.4.1 has it. */
#include "tlb/flush_table.h"

#define VA TABLE_VA
#define NOW ((struct pt_x86_context){ .vpid = 1, .pcid = 1 })
#define PCIDE (UINT64_C(1) << 17)
#define PGE (UINT64_C(1) << 7)
#define PAE (UINT64_C(1) << 5)
#define SMEP (UINT64_C(1) << 20)
#define SMAP (UINT64_C(1) << 21)
#define ALL_OF_CR4 (PAE | PGE | PCIDE | SMEP)
#define PG (UINT64_C(1) << 31)
#define NOTHING "-- -- -- -- -- --"

/*                 1  2  G  T1 T2 I */
#define NON_GLOBAL "xx -- -- xx -- --"
#define ALL_NON_GLOBAL "xx xx -- xx xx --"
#define EVERYTHING "xx xx xx xx xx --"

static void the_table_of_the_manual(void **state)
{
	struct flush_row rows[32];
	size_t nr = 0;

	(void)state;
#define ROW(make, vmid1_)                                                                          \
	do {                                                                                       \
		rows[nr] = (struct flush_row){ .name = #make, .vmid1 = vmid1_, .vmid2 = NOTHING }; \
		make;                                                                              \
		nr++;                                                                              \
	} while (0)
#define F (&rows[nr].flush)
	ROW(pt_x86_invlpg(F, NOW, VA), "x- -- x- xx -- --");
	ROW(pt_x86_invlpg(F, NOW, VA + 0xfff), "x- -- x- xx -- --");
	ROW(assert_false(pt_x86_invpcid(F, NOW, 0, 1, VA)), "x- -- -- x- -- --");
	ROW(assert_false(pt_x86_invpcid(F, NOW, 0, 2, VA)), "-- x- -- -- x- --");
	ROW(assert_false(pt_x86_invpcid(F, NOW, 1, 1, 0)), NON_GLOBAL);
	ROW(assert_false(pt_x86_invpcid(F, NOW, 1, 2, 0)), "-- xx -- -- xx --");
	ROW(assert_false(pt_x86_invpcid(F, NOW, 2, 1, 0)), EVERYTHING);
	ROW(assert_false(pt_x86_invpcid(F, NOW, 3, 1, 0)), ALL_NON_GLOBAL);
	ROW(pt_x86_mov_cr3(F, NOW, PCIDE, 0x5001), NON_GLOBAL);
	ROW(pt_x86_mov_cr3(F, NOW, PCIDE, 0x5002), "-- xx -- -- xx --");
	ROW(pt_x86_mov_cr3(F, NOW, PCIDE, UINT64_C(1) << 63 | 0x5001), NOTHING);
	/* without PCIDE: PCID 0, which is neither of the two here */
	ROW(pt_x86_mov_cr3(F, NOW, 0, 0x5001), NOTHING);
	ROW(pt_x86_mov_cr4(F, NOW, PAE | PGE, PAE), EVERYTHING);
	ROW(pt_x86_mov_cr4(F, NOW, PAE, PAE | PGE), EVERYTHING);
	ROW(pt_x86_mov_cr4(F, NOW, PCIDE, 0), EVERYTHING);
	ROW(pt_x86_mov_cr4(F, NOW, 0, PCIDE), NOTHING);
	ROW(pt_x86_mov_cr4(F, NOW, PAE, 0), NON_GLOBAL);
	ROW(pt_x86_mov_cr4(F, NOW, 0, SMEP), NON_GLOBAL);
	ROW(pt_x86_mov_cr4(F, NOW, SMEP, 0), NOTHING);
	/* what is set before and after is no change */
	ROW(pt_x86_mov_cr4(F, NOW, ALL_OF_CR4, ALL_OF_CR4 | SMAP), NOTHING);
	ROW(pt_x86_mov_cr4(F, NOW, PCIDE | SMEP, SMEP), EVERYTHING);
	ROW(pt_x86_mov_cr4(F, NOW, PCIDE, PCIDE | SMEP), NON_GLOBAL);
	ROW(pt_x86_mov_cr0(F, NOW, PG, PG | 1), NOTHING);
	ROW(pt_x86_mov_cr0(F, NOW, PG | 1, 1), EVERYTHING);
	ROW(pt_x86_mov_cr0(F, NOW, 1, PG | 1), NOTHING);
	ROW(pt_x86_page_fault(F, NOW, VA), "x- -- x- x- -- --");
	ROW(pt_x86_ept_violation(F, NOW, VA), "x- -- x- x- -- --");
	for (size_t i = 0; i < nr; i++)
		assert_row(&rows[i], 0);
}

/* Of VMID @vmid, ASID @asid: a page, a global one and a table. */
static void fill_context(struct pt_tlb *tlb, uint16_t vmid, uint16_t asid)
{
	pt_tlb_set_context(tlb, vmid, asid);
	fill_one(tlb, PT_TLB_USE_DATA, VA, 12, 0, false);
	fill_one(tlb, PT_TLB_USE_DATA, TABLE_ELSEWHERE, 12, 0, true);
	fill_one(tlb, PT_TLB_USE_TABLE, VA, 21, 0, false);
}

static void assert_context(struct pt_tlb *tlb, uint16_t vmid, uint16_t asid, bool keeps_own,
			   bool keeps_globals)
{
	pt_tlb_set_context(tlb, vmid, asid);
	assert_int_equal(!pt_tlb_lookup(tlb, PT_TLB_USE_DATA, VA), !keeps_own);
	assert_int_equal(!pt_tlb_lookup(tlb, PT_TLB_USE_TABLE, VA), !keeps_own);
	assert_int_equal(!pt_tlb_lookup(tlb, PT_TLB_USE_DATA, TABLE_ELSEWHERE), !keeps_globals);
}

static void without_pcids_cr3_takes_pcid_0(void **state)
{
	static const struct pt_x86_context now = { .vpid = 1 };
	struct pt_tlb *tlb = make_roomy_tlb(0);
	struct pt_tlb_flush flush;

	(void)state;
	fill_context(tlb, 1, 0);
	fill_context(tlb, 1, 1);
	fill_context(tlb, 2, 0);
	pt_x86_mov_cr3(&flush, now, 0, 0x5fff); /* whose lower bits are no PCID then */
	pt_tlb_flush(tlb, &flush);
	assert_context(tlb, 1, 0, false, true);
	assert_context(tlb, 1, 1, true, true);
	assert_context(tlb, 2, 0, true, true);
	pt_tlb_destroy(tlb);
}

static bool is_covered_if_a_guests(void *ctx, const struct pt_tlb_entry *entry, unsigned int part)
{
	(void)part;
	assert_int_equal(pt_tlb_flush_covers(ctx, entry), entry->vmid != 0);
	return true;
}

/* INVEPT and INVVPID of all contexts: "all VPIDs except VPID 0000H", which is the host's. */
static void all_contexts_are_the_guests_alone(void **state)
{
	(void)state;
	for (unsigned int op = 0; op < 2; op++) {
		for (uint16_t running = 0; running < 2; running++) {
			struct pt_tlb *tlb = make_roomy_tlb(0);
			struct pt_tlb_flush flush;

			for (uint16_t vmid = 0; vmid < 3; vmid++)
				for (uint16_t asid = 0; asid < 2; asid++)
					fill_context(tlb, vmid, asid);
			assert_int_equal(op ? pt_x86_invvpid(&flush, PT_INVVPID_ALL, 0, 0)
					    : pt_x86_invept(&flush, PT_INVEPT_ALL, 0),
					 0);
			pt_tlb_set_context(tlb, running, 1);
			pt_tlb_for_each(tlb, is_covered_if_a_guests, &flush);
			pt_tlb_flush(tlb, &flush);
			assert_int_equal(pt_tlb_verify(tlb), 0);
			assert_context(tlb, running, 1, !running, !running);
			for (uint16_t vmid = 0; vmid < 3; vmid++)
				for (uint16_t asid = 0; asid < 2; asid++)
					assert_context(tlb, vmid, asid, !vmid, !vmid);
			/* what is filled afterwards is there */
			fill_context(tlb, 1, 1);
			assert_context(tlb, 1, 1, true, true);
			pt_tlb_destroy(tlb);
		}
	}
}

/* SDM Vol. 3C, 29.4.3.1: what a guest's addresses lead to, and what its EPT says by itself. */
static void guests_are_flushed_by_vpid_and_eptp(void **state)
{
	struct flush_row rows[16];
	size_t nr = 0;

	(void)state;
#define ROWS(make, vmid1_, vmid2_)                                                                 \
	do {                                                                                       \
		rows[nr] = (struct flush_row){ .name = #make, .vmid1 = vmid1_, .vmid2 = vmid2_ };  \
		assert_int_equal(make, 0);                                                         \
		nr++;                                                                              \
	} while (0)
	ROWS(pt_x86_invept(F, PT_INVEPT_CONTEXT, 1), "xx xx xx xx xx xx", NOTHING);
	ROWS(pt_x86_invept(F, PT_INVEPT_CONTEXT, 2), NOTHING, "xx xx xx xx xx xx");
	ROWS(pt_x86_invept(F, PT_INVEPT_ALL, 1), "xx xx xx xx xx xx", "xx xx xx xx xx xx");
	ROWS(pt_x86_invvpid(F, PT_INVVPID_ADDRESS, 1, VA), "x- x- x- x- x- --", NOTHING);
	ROWS(pt_x86_invvpid(F, PT_INVVPID_CONTEXT, 2, 0), NOTHING, EVERYTHING);
	ROWS(pt_x86_invvpid(F, PT_INVVPID_ALL, 2, 0), EVERYTHING, EVERYTHING);
	ROWS(pt_x86_invvpid(F, PT_INVVPID_ALL, 0, 0), EVERYTHING, EVERYTHING);
	ROWS(pt_x86_invvpid(F, PT_INVVPID_CONTEXT_BUT_GLOBALS, 1, 0), ALL_NON_GLOBAL, NOTHING);
	for (size_t i = 0; i < nr; i++)
		assert_row(&rows[i], 0);
}

/* RAX: VA 1, PCID 2, ASID 4, globals 8, final only 16. EDX: ASID, PCID << 16. */
static void invlpgb_compares_what_rax_says(void **state)
{
	static const struct {
		uint64_t rax;
		const char *vmid1, *vmid2;
	} rows[] = {
		{ 0, ALL_NON_GLOBAL, ALL_NON_GLOBAL },
		{ 8, EVERYTHING, EVERYTHING },
		{ 4, ALL_NON_GLOBAL, NOTHING },
		{ 4 | 8, EVERYTHING, NOTHING },
		{ 4 | 16, "xx xx -- -- -- --", NOTHING },
		{ 2, NON_GLOBAL, NON_GLOBAL },
		{ 2 | 4, NON_GLOBAL, NOTHING },
		{ 2 | 4 | 8, "xx -- xx xx -- --", NOTHING },
		{ 1 | VA, "x- x- -- x- x- --", "x- x- -- x- x- --" },
		{ 1 | 8 | VA, "x- x- x- x- x- --", "x- x- x- x- x- --" },
		{ 1 | 4 | VA, "x- x- -- x- x- --", NOTHING },
		{ 1 | 2 | 4 | VA, "x- -- -- x- -- --", NOTHING },
		{ 1 | 2 | 4 | 8 | 16 | VA, "x- -- x- -- -- --", NOTHING },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flush_row row = { .name = "INVLPGB", .vmid1 = rows[i].vmid1,
					 .vmid2 = rows[i].vmid2 };

		assert_int_equal(pt_x86_invlpgb(&row.flush, rows[i].rax, 0, 1 | 1 << 16, 7), 0);
		assert_row(&row, 0);
	}
}

/* The count is of pages beyond the first, of 4K or 2M each; what lies between 2M steps stays. */
static void invlpgb_takes_as_many_pages_as_it_counts(void **state)
{
	(void)state;
	for (unsigned int large = 0; large < 2; large++) {
		unsigned int step_lg2 = large ? 21 : 12;
		struct pt_tlb *tlb = make_roomy_tlb(0);
		struct pt_tlb_flush flush;

		for (unsigned int i = 0; i < 6; i++)
			fill_one(tlb, PT_TLB_USE_DATA, VA + ((uint64_t)i << step_lg2), 12, 0,
				 false);
		fill_one(tlb, PT_TLB_USE_DATA, VA - 0x1000, 12, 0, false);
		if (large)
			fill_one(tlb, PT_TLB_USE_DATA, VA + 0x1000, 12, 0, false);
		assert_int_equal(pt_x86_invlpgb(&flush, VA | 7, large << 31 | 3, 1 | 1 << 16, 7),
				 0);
		pt_tlb_flush(tlb, &flush);
		for (unsigned int i = 0; i < 6; i++)
			assert_int_equal(is_there(tlb, PT_TLB_USE_DATA,
						  VA + ((uint64_t)i << step_lg2)),
					 i > 3);
		assert_true(is_there(tlb, PT_TLB_USE_DATA, VA - 0x1000));
		if (large)
			assert_true(is_there(tlb, PT_TLB_USE_DATA, VA + 0x1000));
		pt_tlb_destroy(tlb);
	}
}

/* What is counted past the last address there is does not begin again at the first. */
static void invlpgb_ends_where_addresses_end(void **state)
{
	const uint64_t last = ~UINT64_C(0xfff);
	struct pt_tlb *tlb = make_roomy_tlb(0);
	struct pt_tlb_flush flush;

	(void)state;
	fill_one(tlb, PT_TLB_USE_DATA, last, 12, 0, false);
	fill_one(tlb, PT_TLB_USE_DATA, last - 0x1000, 12, 0, false);
	fill_one(tlb, PT_TLB_USE_DATA, last - 0x2000, 12, 0, false);
	fill_one(tlb, PT_TLB_USE_DATA, 0, 12, 0, false);
	assert_int_equal(pt_x86_invlpgb(&flush, (last - 0x1000) | 7, 5, 1 | 1 << 16, 7), 0);
	pt_tlb_flush(tlb, &flush);
	assert_false(is_there(tlb, PT_TLB_USE_DATA, last));
	assert_false(is_there(tlb, PT_TLB_USE_DATA, last - 0x1000));
	assert_true(is_there(tlb, PT_TLB_USE_DATA, last - 0x2000));
	assert_true(is_there(tlb, PT_TLB_USE_DATA, 0));
	pt_tlb_destroy(tlb);
}

/* Nor does a step from the first of them lead below it, past the last address. */
static void invlpgb_by_steps_stays_where_it_begins(void **state)
{
	const struct pt_tlb_entry top = {
		.va = ~UINT64_C(0xfff), .asid = 1, .vmid = 1, .type = PT_TLB_LEAF,
		.size_lg2 = 12, .leaf_lg2 = 12,
	};
	struct pt_tlb_flush flush;

	(void)state;
	assert_int_equal(pt_x86_invlpgb(&flush, 7, UINT32_C(1) << 31 | 3, 1 | 1 << 16, 7), 0);
	assert_false(pt_tlb_flush_covers(&flush, &top));
}

static void refuses_what_the_processor_refuses(void **state)
{
	struct pt_tlb_flush flush;

	(void)state;
	for (unsigned int type = 0; type < 4; type++)
		for (unsigned int bit = 12; bit < 64; bit++)
			assert_int_equal(
				pt_x86_invpcid(&flush, NOW, type, UINT64_C(1) << bit, 0), -EINVAL);
	for (unsigned int bit = 6; bit < 12; bit++)
		assert_int_equal(pt_x86_invlpgb(&flush, UINT64_C(1) << bit, 0, 0, 7), -EINVAL);
	for (unsigned int bit = 16; bit < 31; bit++)
		assert_int_equal(pt_x86_invlpgb(&flush, 1, UINT32_C(1) << bit, 0, 0xffff), -EINVAL);
	for (unsigned int bit = 28; bit < 32; bit++)
		assert_int_equal(pt_x86_invlpgb(&flush, 1, 0, UINT32_C(1) << bit, 7), -EINVAL);
	assert_int_equal(pt_x86_invlpgb(&flush, 1 | 31 << 1, 7 | UINT32_C(1) << 31, 0xfffffff, 7),
			 -EOPNOTSUPP);
	assert_int_equal(pt_x86_invlpgb(&flush, 1 | 15 << 1, 7 | UINT32_C(1) << 31, 0xfffffff, 7),
			 0);
	assert_int_equal(pt_x86_invept(&flush, 0, 1), -EINVAL);
	assert_int_equal(pt_x86_invept(&flush, 3, 1), -EINVAL);
	assert_int_equal(pt_x86_invvpid(&flush, 4, 1, 0), -EINVAL);
	for (unsigned int type = 0; type < 4; type++)
		assert_int_equal(pt_x86_invvpid(&flush, type, 0, VA),
				 type == PT_INVVPID_ALL ? 0 : -EINVAL);
	/* canonical for a processor of five levels, whatever the guest has */
	for (unsigned int type = 0; type < 4; type++) {
		const int err = type == PT_INVVPID_ADDRESS ? -EINVAL : 0;

		assert_int_equal(pt_x86_invvpid(&flush, type, 1, UINT64_C(1) << 56), err);
		assert_int_equal(pt_x86_invvpid(&flush, type, 1, ~(UINT64_C(1) << 56)), err);
		assert_int_equal(pt_x86_invvpid(&flush, type, 1, (UINT64_C(1) << 56) - 1), 0);
		assert_int_equal(pt_x86_invvpid(&flush, type, 1, ~((UINT64_C(1) << 56) - 1)), 0);
	}
	assert_int_equal(pt_x86_invpcid(&flush, NOW, 4, 0, 0), -EINVAL);
	assert_int_equal(pt_x86_invpcid(&flush, NOW, 0, 4096, 0), -EINVAL);
	assert_int_equal(pt_x86_invlpgb(&flush, 1 << 6, 0, 0, 7), -EINVAL);
	assert_int_equal(pt_x86_invlpgb(&flush, 1, 1 << 16, 0, 7), -EINVAL);
	assert_int_equal(pt_x86_invlpgb(&flush, 1, 0, 1 << 28, 7), -EINVAL);
	assert_int_equal(pt_x86_invlpgb(&flush, 1, 8, 0, 7), -EINVAL);
	assert_int_equal(pt_x86_invlpgb(&flush, 1 << 5, 0, 0, 7), -EOPNOTSUPP);
}

/* A 2M page that a TLB without 2M entries holds in pieces: INVLPG of any address takes all. */
static void a_page_in_pieces_goes_as_a_whole(void **state)
{
	const struct pt_tlb_cfg cfg = {
		.parts = { { .level = 1, .uses = 1u << PT_TLB_USE_DATA, .sizes = 0x1000,
			     .entries = 64, .ways = 4 } },
		.nr_parts = 1,
	};
	const struct pt_tlb_fill fill = { .pa = 0x40000000, .size_lg2 = 21 };
	const struct pt_tlb_entry *entry;
	struct pt_tlb_flush flush;
	struct pt_tlb *tlb;

	(void)state;
	assert_int_equal(pt_tlb_create(&tlb, &cfg), 0);
	pt_tlb_set_context(tlb, 1, 1);
	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(pt_tlb_fill(tlb, PT_TLB_USE_DATA, 0x7f0000200123 + i * 0x1000,
					     &fill),
				 0);
		entry = pt_tlb_lookup(tlb, PT_TLB_USE_DATA, 0x7f0000200123 + i * 0x1000);
		assert_non_null(entry);
		assert_int_equal(entry->pa, 0x40000000 + i * 0x1000);
		assert_int_equal(entry->size_lg2, 12);
		assert_int_equal(entry->leaf_lg2, 21);
	}
	pt_x86_invlpg(&flush, NOW, 0x7f0000400000);
	pt_tlb_flush(tlb, &flush);
	assert_true(is_there(tlb, PT_TLB_USE_DATA, 0x7f0000203000));
	pt_x86_invlpg(&flush, NOW, 0x7f00003ff000);
	pt_tlb_flush(tlb, &flush);
	for (uint64_t i = 0; i < 4; i++)
		assert_false(is_there(tlb, PT_TLB_USE_DATA, 0x7f0000200000 + i * 0x1000));
	pt_tlb_destroy(tlb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_of_the_manual),
		cmocka_unit_test(without_pcids_cr3_takes_pcid_0),
		cmocka_unit_test(all_contexts_are_the_guests_alone),
		cmocka_unit_test(guests_are_flushed_by_vpid_and_eptp),
		cmocka_unit_test(invlpgb_compares_what_rax_says),
		cmocka_unit_test(invlpgb_takes_as_many_pages_as_it_counts),
		cmocka_unit_test(invlpgb_ends_where_addresses_end),
		cmocka_unit_test(invlpgb_by_steps_stays_where_it_begins),
		cmocka_unit_test(refuses_what_the_processor_refuses),
		cmocka_unit_test(a_page_in_pieces_goes_as_a_whole),
	};

	return cmocka_run_group_tests_name("flush_x86", tests, NULL, NULL);
}
