/* SPDX-License-Identifier: MIT */
/* The geometry and the traces of bench_tlb. */
#include "tlb_trace.h"

struct pt_tlb_cfg trace_geometry(void)
{
	const unsigned int pages = 1u << PT_TLB_USE_DATA | 1u << PT_TLB_USE_FETCH;
	const uint64_t sizes = UINT64_C(1) << 12 | UINT64_C(1) << 21;
	return (struct pt_tlb_cfg){
		.parts = { { .level = 1,
			     .uses = 1u << PT_TLB_USE_DATA,
			     .sizes = sizes,
			     .entries = 64,
			     .ways = 4,
			     .policy = PT_TLB_LRU },
			   { .level = 2,
			     .uses = pages,
			     .sizes = sizes,
			     .entries = 1536,
			     .ways = 12,
			     .policy = PT_TLB_LRU },
			   { .level = 1,
			     .uses = 1u << PT_TLB_USE_TABLE,
			     .sizes = UINT64_C(1) << 21,
			     .entries = 32,
			     .ways = 4,
			     .policy = PT_TLB_LRU } },
		.nr_parts = 3,
	};
}

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

void make_trace(uint64_t *trace, enum order order)
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
			trace[i] =
				BASE +
				(next_random(&seed) % (order == ORDER_RAND1K ? 1024 : 65536) << 12);
	}
}
