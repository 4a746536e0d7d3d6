/* SPDX-License-Identifier: MIT */
/*
 * The tables of the manuals: a row an operation, a column a class of entries. Every entry of every
 * class stands in a TLB, in all sizes; a flush takes exactly the columns that are marked.
 *
 *	LEAF of ASID 1     at the address   elsewhere
 *	LEAF of ASID 2     at the address   elsewhere
 *	GLOBAL             at the address   elsewhere
 *	TABLE of ASID 1    at the address   elsewhere
 *	TABLE of ASID 2    at the address   elsewhere
 *	IPA                at the address   elsewhere
 *
 * of VMID 1, and then the same of VMID 2.
 */
#ifndef TESTS_TLB_FLUSH_TABLE_H
#define TESTS_TLB_FLUSH_TABLE_H

#include "tlb/tlb_test.h"

#define TABLE_VA UINT64_C(0x7f1234567000)
#define TABLE_ELSEWHERE UINT64_C(0x1234567000) /* shares no table */

struct flush_row {
	const char *name;
	struct pt_tlb_flush flush;
	const char *vmid1, *vmid2; /* twelve columns each: x goes, - stays; spaces do not count */
};

/* Checks the row in a TLB with @flags, and with pt_tlb_flush_covers() if that has none. */
void assert_row(const struct flush_row *row, unsigned int flags);

/* A TLB of one structure with room for everything. */
struct pt_tlb *make_roomy_tlb(unsigned int flags);
/* Fills one entry for @va in the context of VMID 1, ASID 1. */
void fill_one(struct pt_tlb *tlb, enum pt_tlb_use use, uint64_t va, unsigned int size_lg2,
	      unsigned int leaf_lg2, bool global);
/* Whether the first address of that page is found in VMID 1, ASID 1. */
bool is_there(struct pt_tlb *tlb, enum pt_tlb_use use, uint64_t va);

#endif /* TESTS_TLB_FLUSH_TABLE_H */
