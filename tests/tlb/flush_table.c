/* SPDX-License-Identifier: MIT */
#include "tlb/flush_table.h"

#include <stdio.h>

struct size {
	unsigned int size_lg2, leaf_lg2;
};

/* A page, a contiguous block, large pages; a piece of a large page, as nested tables make them. */
static const struct size leaves[] = { { 12, 12 }, { 16, 12 }, { 21, 21 }, { 30, 30 }, { 14, 21 } };
static const struct size tables[] = { { 21, 21 }, { 30, 30 }, { 39, 39 } };

struct pt_tlb *make_roomy_tlb(unsigned int flags)
{
	const struct pt_tlb_cfg cfg = {
		.parts = { { .level = 1, .uses = (1u << PT_TLB_USE_NR) - 1,
			     .sizes = (UINT64_C(1) << 53) - (UINT64_C(1) << 12),
			     .entries = 512, .ways = 512 } },
		.nr_parts = 1,
		.flags = flags,
	};
	struct pt_tlb *tlb;

	assert_int_equal(pt_tlb_create(&tlb, &cfg), 0);
	pt_tlb_set_context(tlb, 1, 1);
	return tlb;
}

void fill_one(struct pt_tlb *tlb, enum pt_tlb_use use, uint64_t va, unsigned int size_lg2,
	      unsigned int leaf_lg2, bool global)
{
	const struct pt_tlb_fill fill = { .size_lg2 = size_lg2, .leaf_lg2 = leaf_lg2,
					  .global = global };

	assert_int_equal(pt_tlb_fill(tlb, use, va, &fill), 0);
}

bool is_there(struct pt_tlb *tlb, enum pt_tlb_use use, uint64_t va)
{
	pt_tlb_set_context(tlb, 1, 1);
	return pt_tlb_lookup(tlb, use, va);
}

/* The column, without the VMID, that an entry stands in. */
static unsigned int column_of(const struct pt_tlb_entry *entry)
{
	bool elsewhere = entry->va >> 40 == TABLE_ELSEWHERE >> 40;

	switch (entry->type) {
	case PT_TLB_LEAF:
		return 2 * (entry->asid - 1u) + elsewhere;
	case PT_TLB_GLOBAL:
		return 4 + elsewhere;
	case PT_TLB_TABLE:
		return 6 + 2 * (entry->asid - 1u) + elsewhere;
	default:
		return 10 + elsewhere;
	}
}

static bool marked(const struct flush_row *row, const struct pt_tlb_entry *entry)
{
	const char *columns = entry->vmid == 1 ? row->vmid1 : row->vmid2;
	unsigned int column = column_of(entry), at = 0;

	for (; *columns; columns++) {
		if (*columns != ' ' && at++ == column)
			return *columns == 'x';
	}
	fail();
	return false;
}

static void fill_sizes(struct pt_tlb *tlb, enum pt_tlb_use use, uint64_t va, bool global)
{
	const struct size *sizes = use == PT_TLB_USE_TABLE ? tables : leaves;
	size_t nr = use == PT_TLB_USE_TABLE ? sizeof(tables) / sizeof(tables[0]) :
					      sizeof(leaves) / sizeof(leaves[0]);

	for (size_t i = 0; i < nr; i++) {
		/* The piece is of another place in its large page: the page is what goes. */
		uint64_t at = sizes[i].size_lg2 == 14 ? va ^ (UINT64_C(1) << 20) : va;

		fill_one(tlb, use, at, sizes[i].size_lg2, sizes[i].leaf_lg2, global);
	}
}

static void fill_all(struct pt_tlb *tlb)
{
	static const uint64_t places[] = { TABLE_VA, TABLE_ELSEWHERE };

	for (uint16_t vmid = 1; vmid <= 2; vmid++) {
		for (uint16_t asid = 1; asid <= 2; asid++) {
			pt_tlb_set_context(tlb, vmid, asid);
			for (size_t i = 0; i < 2; i++) {
				fill_sizes(tlb, PT_TLB_USE_DATA, places[i], false);
				fill_sizes(tlb, PT_TLB_USE_DATA, places[i], true);
				fill_sizes(tlb, PT_TLB_USE_TABLE, places[i], false);
				fill_sizes(tlb, PT_TLB_USE_IPA, places[i], false);
			}
		}
	}
	pt_tlb_set_context(tlb, 1, 1);
}

struct seen {
	const struct flush_row *row;
	size_t nr, nr_staying;
	bool flushed, pure;
};

static bool check(void *ctx, const struct pt_tlb_entry *entry, unsigned int part)
{
	struct seen *seen = ctx;
	bool goes = marked(seen->row, entry);

	(void)part;
	seen->nr++;
	if (!seen->flushed)
		seen->nr_staying += !goes;
	if ((seen->pure && pt_tlb_flush_covers(&seen->row->flush, entry) != goes) ||
	    (seen->flushed && goes)) {
		print_error("%s: type %u, VMID %u, ASID %u, %#llx, 2^%u of 2^%u bytes %s\n",
			    seen->row->name, entry->type, entry->vmid, entry->asid,
			    (unsigned long long)entry->va, entry->size_lg2, entry->leaf_lg2,
			    seen->flushed ? "stays" : "is not what the table says");
		fail();
	}
	return true;
}

void assert_row(const struct flush_row *row, unsigned int flags)
{
	struct seen before = { .row = row, .pure = !flags };
	struct seen after = { .row = row, .flushed = true };
	struct pt_tlb *tlb = make_roomy_tlb(flags);

	fill_all(tlb);
	pt_tlb_for_each(tlb, check, &before);
	/* 2 VMIDs of 2 ASIDs of leaves and tables, and of globals and IPAs, at 2 places */
	assert_int_equal(before.nr, 2 * 2 * (2 * (5 + 3) + 5 + 5));
	pt_tlb_flush(tlb, &row->flush);
	pt_tlb_for_each(tlb, check, &after);
	if (after.nr != before.nr_staying)
		print_error("%s: %zu entries are left, not %zu\n", row->name, after.nr,
			    before.nr_staying);
	assert_int_equal(after.nr, before.nr_staying);
	assert_int_equal(pt_tlb_verify(tlb), 0);
	pt_tlb_destroy(tlb);
}
