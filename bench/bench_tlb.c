/* SPDX-License-Identifier: MIT */
/*
 * Lookups, misses filled from a precomputed leaf, and flushes; 64 entries of 4 ways in front of
 * 1536 of 12, true LRU, 4K pages.
 */
#include <stdlib.h>
#include <string.h>

#include <ptlib/tlb.h>

#include "bench.h"

#define BASE UINT64_C(0x7f0000000000)
#define NR_LOOKUPS ((size_t)1 << 20)
#define BATCH ((size_t)1024)
#define NR_ASIDS 8

static int make_tlb(struct pt_tlb **tlb)
{
	const unsigned int pages = 1u << PT_TLB_USE_DATA | 1u << PT_TLB_USE_FETCH;
	const uint64_t sizes = UINT64_C(1) << 12 | UINT64_C(1) << 21;
	const struct pt_tlb_cfg cfg = {
		.parts = { { .level = 1, .uses = 1u << PT_TLB_USE_DATA, .sizes = sizes,
			     .entries = 64, .ways = 4, .policy = PT_TLB_LRU },
			   { .level = 2, .uses = pages, .sizes = sizes,
			     .entries = 1536, .ways = 12, .policy = PT_TLB_LRU },
			   { .level = 1, .uses = 1u << PT_TLB_USE_TABLE, .sizes = UINT64_C(1) << 21,
			     .entries = 32, .ways = 4, .policy = PT_TLB_LRU } },
		.nr_parts = 3,
	};

	return pt_tlb_create(tlb, &cfg);
}

/* ---- lookups ---- */

enum order { ORDER_RAND1K, ORDER_RAND64K, ORDER_ZIPF64K, ORDER_SEQ };

static const enum order orders[] = { ORDER_RAND1K, ORDER_RAND64K, ORDER_ZIPF64K, ORDER_SEQ };

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 32;
}

/* Pages with weight 1/rank, scattered: multiplying by an odd number permutes them. */
static void make_zipf(uint64_t *trace, uint64_t *seed)
{
	static double cumulative[65536];
	double sum = 0;

	for (size_t i = 0; i < 65536; i++)
		cumulative[i] = sum += 1.0 / (double)(i + 1);
	for (size_t i = 0; i < NR_LOOKUPS; i++) {
		double x = (double)next_random(seed) / 4294967296.0 * sum;
		size_t low = 0, high = 65535;

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (cumulative[middle] < x)
				low = middle + 1;
			else
				high = middle;
		}
		trace[i] = BASE + ((low * 40503 & 0xffff) << 12);
	}
}

static void make_trace(uint64_t *trace, enum order order)
{
	uint64_t seed = 1;

	if (order == ORDER_ZIPF64K) {
		make_zipf(trace, &seed);
		return;
	}
	for (size_t i = 0; i < NR_LOOKUPS; i++) {
		if (order == ORDER_SEQ)
			trace[i] = BASE + i * 64;
		else
			trace[i] = BASE + (next_random(&seed) %
					   (order == ORDER_RAND1K ? 1024 : 65536) << 12);
	}
}

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
}
