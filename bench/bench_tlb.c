/* SPDX-License-Identifier: MIT */
/* Lookups, misses filled from a precomputed leaf, and flushes, of the TLB of tlb_trace.h. */
#include <stdlib.h>
#include <string.h>

#include <ptlib/tlb.h>

#include "bench.h"
#include "tlb_trace.h"

#define NR_ASIDS 8

static int make_tlb(struct pt_tlb **tlb)
{
	const struct pt_tlb_cfg cfg = trace_geometry();

	return pt_tlb_create(tlb, &cfg);
}

/* ---- lookups ---- */

static const enum order orders[] = { ORDER_RAND1K, ORDER_RAND64K, ORDER_ZIPF64K, ORDER_SEQ };

static pt_pa_t lookup(struct pt_tlb *tlb, struct pt_tlb_fill *leaf, uint64_t va)
{
	const struct pt_tlb_entry *entry = pt_tlb_lookup(tlb, PT_TLB_USE_DATA, va);

	if (entry)
		return entry->pa;
	leaf->pa = va & UINT64_C(0xfffff000);
	(void)pt_tlb_fill(tlb, PT_TLB_USE_DATA, va, leaf);
	return leaf->pa;
}

static void tlb_lookup(struct bench *b, const void *arg)
{
	struct pt_tlb_fill leaf = { .size_lg2 = 12 };
	uint64_t *trace = malloc(NR_LOOKUPS * sizeof(*trace));
	struct pt_tlb_stats before, after;
	struct pt_tlb *tlb = NULL;
	size_t at = 0;

	if (!trace || make_tlb(&tlb)) {
		free(trace);
		bench_fail(b, "no memory");
		return;
	}
	make_trace(trace, *(const enum order *)arg);
	for (size_t i = 0; i < NR_LOOKUPS; i++)
		bench_use(lookup(tlb, &leaf, trace[i]));
	pt_tlb_stats(tlb, &before);
	while (bench_keep_running(b, BATCH)) {
		for (size_t i = 0; i < BATCH; i++)
			bench_use(lookup(tlb, &leaf, trace[at + i]));
		at = (at + BATCH) % NR_LOOKUPS;
	}
	pt_tlb_stats(tlb, &after);
	bench_counter_per_op(b, "l1_misses",
			     (double)(after.misses[0][PT_TLB_USE_DATA] -
				      before.misses[0][PT_TLB_USE_DATA]));
	bench_counter_per_op(b, "l2_misses",
			     (double)(after.misses[1][PT_TLB_USE_DATA] -
				      before.misses[1][PT_TLB_USE_DATA]));
	bench_bar(b, NULL, 0, 33.3);
	pt_tlb_destroy(tlb);
	free(trace);
}

/* ---- flushes ---- */

enum flush_kind { FLUSH_PAGE, FLUSH_ASID, FLUSH_ALL };

static const enum flush_kind flush_kinds[] = { FLUSH_PAGE, FLUSH_ASID, FLUSH_ALL };

static void fill_pages(struct pt_tlb *tlb)
{
	struct pt_tlb_fill leaf = { .size_lg2 = 12 };

	for (size_t i = 0; i < BATCH; i++)
		(void)lookup(tlb, &leaf, BASE + (i << 12));
}

/* INVLPG of pages that are there; MOV to CR3 of eight PCIDs in turn; INVPCID of everything. */
static void make_flushes(struct pt_tlb_flush *flushes, enum flush_kind kind)
{
	for (size_t i = 0; i < BATCH; i++) {
		const struct pt_x86_context now = { .pcid = (uint16_t)(i % NR_ASIDS) };

		if (kind == FLUSH_PAGE)
			pt_x86_invlpg(&flushes[i], (struct pt_x86_context){ 0 }, BASE + (i << 12));
		else if (kind == FLUSH_ASID)
			pt_x86_mov_cr3(&flushes[i], now, UINT64_C(1) << 17, now.pcid);
		else if (pt_x86_invpcid(&flushes[i], now, PT_INVPCID_ALL_GLOBALS_TOO, 0, 0))
			return;
	}
}

static void tlb_flush(struct bench *b, const void *arg)
{
	static struct pt_tlb_flush flushes[BATCH];
	enum flush_kind kind = *(const enum flush_kind *)arg;
	struct pt_tlb_stats before, after;
	struct pt_tlb *tlb;

	if (make_tlb(&tlb)) {
		bench_fail(b, "no memory");
		return;
	}
	make_flushes(flushes, kind);
	for (uint16_t asid = NR_ASIDS; asid--;) {
		pt_tlb_set_context(tlb, 0, asid);
		fill_pages(tlb);
	}
	pt_tlb_stats(tlb, &before);
	while (bench_keep_running(b, BATCH)) {
		if (kind == FLUSH_PAGE) {
			bench_pause(b);
			fill_pages(tlb);
			bench_resume(b);
		}
		for (size_t i = 0; i < BATCH; i++)
			pt_tlb_flush(tlb, &flushes[i]);
	}
	pt_tlb_stats(tlb, &after);
	bench_counter_per_op(b, "dropped", (double)(after.dropped - before.dropped));
	if (kind != FLUSH_ALL)
		bench_bar(b, NULL, 0, kind == FLUSH_PAGE ? 41 : 5);
	pt_tlb_destroy(tlb);
}

void bench_register_all(void)
{
	bench_register("tlb_lookup_rand1k", tlb_lookup, &orders[ORDER_RAND1K]);
	bench_register("tlb_lookup_rand64k", tlb_lookup, &orders[ORDER_RAND64K]);
	bench_register("tlb_lookup_zipf64k", tlb_lookup, &orders[ORDER_ZIPF64K]);
	bench_register("tlb_lookup_seq", tlb_lookup, &orders[ORDER_SEQ]);
	bench_register("flush_page", tlb_flush, &flush_kinds[FLUSH_PAGE]);
	bench_register("flush_asid", tlb_flush, &flush_kinds[FLUSH_ASID]);
	bench_register("flush_all", tlb_flush, &flush_kinds[FLUSH_ALL]);
	register_accesses();
}
