/* SPDX-License-Identifier: MIT */
/* tlb_trace.h - what lookups and accesses are measured with: one geometry, and traces of pages. */
#ifndef BENCH_TLB_TRACE_H
#define BENCH_TLB_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include <ptlib/tlb.h>

#define BASE UINT64_C(0x7f0000000000)
#define NR_LOOKUPS ((size_t)1 << 20)
#define BATCH ((size_t)1024)
#define TRACE_PAGES 65536 /* none is above BASE plus so many */

enum order { ORDER_RAND1K, ORDER_RAND64K, ORDER_ZIPF64K, ORDER_SEQ };

/* 64 entries of 4 ways in front of 1536 of 12, true LRU, 4K pages; walk caches or none. */
struct pt_tlb_cfg trace_geometry(void);
void make_trace(uint64_t *trace, enum order order);

/* tlb_access.c: benchmarks of CPUs. */
void register_accesses(void);

#endif /* BENCH_TLB_TRACE_H */
