/* SPDX-License-Identifier: MIT */
/*
 * The TLB and a naive one side by side: random lookups, fills, contexts and flushes, on random
 * geometries of every policy. Each answer, all counters and all contents are the same.
 */
#include "tlb/tlb_test.h"

#include "model/tlb_model.h"

#define K4 (UINT64_C(1) << 12)
#define M2 (UINT64_C(1) << 21)
#define NR_VMIDS 3
#define NR_ASIDS 4

static const unsigned int sizes[] = { 12, 14, 16, 21, 25, 30 };

/* One level, all uses in one structure or each in its own. */
static void random_level(struct pt_tlb_cfg *cfg, uint64_t *seed, unsigned int level)
{
	bool together = random_of(seed, 3) == 0;

	for (unsigned int use = 0; use < PT_TLB_USE_NR; use++) {
		struct pt_tlb_part part = { .level = level, .uses = together ? 15 : 1u << use };
		uint64_t all = 0;

		part.policy = (enum pt_tlb_policy)random_of(seed, 4);
		part.ways = 1 + random_of(seed, random_of(seed, 3) ? 16 : 80);
		if (part.policy == PT_TLB_PLRU)
			part.ways = 1u << random_of(seed, 7);
		part.entries = part.ways * (1 + random_of(seed, part.ways > 16 ? 3 : 9));
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			if (random_of(seed, 3) || use == PT_TLB_USE_TABLE)
				all |= UINT64_C(1) << sizes[i];
		part.sizes = all ? all : K4;
		if (random_of(seed, 5) == 0 && level == 2)
			continue;
		cfg->parts[cfg->nr_parts++] = part;
		/* the smallest size of it in a structure of its own */
		if (!together && cfg->nr_parts < 7 && all & (all - 1) && random_of(seed, 2)) {
			part.sizes = all & -all;
			cfg->parts[cfg->nr_parts - 1].sizes = all & (all - 1);
			cfg->parts[cfg->nr_parts++] = part;
		}
		if (together)
			return;
	}
}

static uint64_t random_va(uint64_t *seed)
{
	uint64_t base = UINT64_C(0x7f0000000000);

	if (random_of(seed, 4) == 0)
		base = UINT64_C(0xffff800000000000);
	if (random_of(seed, 3))
		return base + random_of(seed, 64) * K4 + random_of(seed, 4096);
	return base + random_of(seed, 16) * M2 + random_of(seed, 8) * K4;
}

static struct pt_tlb_fill random_fill(uint64_t *seed, enum pt_tlb_use use)
{
	unsigned int size = sizes[random_of(seed, sizeof(sizes) / sizeof(sizes[0]))];
	struct pt_tlb_fill fill = {
		.raw = random_of(seed, 1000),
		.data = random_of(seed, 1000),
		.size_lg2 = size,
		.global = use <= PT_TLB_USE_FETCH && random_of(seed, 4) == 0,
	};

	fill.pa = (uint64_t)random_of(seed, 1024) << 30;
	if (use <= PT_TLB_USE_FETCH && random_of(seed, 4) == 0)
		fill.stage2_lg2 = sizes[random_of(seed, 4)];
	if (use <= PT_TLB_USE_FETCH && size == 16 && random_of(seed, 2))
		fill.leaf_lg2 = 12; /* contiguous */
	return fill;
}

static struct pt_tlb_flush random_flush(uint64_t *seed)
{
	struct pt_tlb_flush flush = {
		.any_asid = random_of(seed, 3) == 0,
		.any_vmid = random_of(seed, 6) == 0,
		.asid = (uint16_t)random_of(seed, NR_ASIDS + 1),
		.vmid = (uint16_t)random_of(seed, NR_VMIDS + 1),
		.first = random_va(seed),
	};
	unsigned int kind = random_of(seed, 8);

	flush.but_host = flush.any_vmid && random_of(seed, 2);
	flush.last = flush.first;
	if (kind == 0) {
		flush.all = (uint8_t)random_of(seed, 16);
	} else {
		flush.range = (uint8_t)random_of(seed, 16);
		flush.all = random_of(seed, 3) ? 0 : (uint8_t)(random_of(seed, 16) & ~flush.range);
	}
	if (kind >= 5)
		flush.last += random_of(seed, 3) ? random_of(seed, 40) * K4 :
						   random_of(seed, 4) * M2;
	if (kind == 7) {
		flush.first &= ~(K4 - 1);
		flush.step_lg2 = random_of(seed, 2) ? 21 : 12;
		flush.last = flush.first + ((uint64_t)random_of(seed, 8) << flush.step_lg2);
	}
	if (random_of(seed, 5) == 0) {
		flush.leaf_sizes = UINT64_C(1) << sizes[random_of(seed, 6)] | K4;
		flush.table_sizes = UINT64_C(1) << sizes[random_of(seed, 6)];
	}
	return flush;
}

struct pair {
	struct pt_tlb *tlb;
	struct tlb_model *model;
	size_t nr;
	uint64_t page_flushes, range_flushes, asid_flushes, all_flushes;
};

static void assert_same_entry(const struct pt_tlb_entry *a, const struct pt_tlb_entry *b)
{
	assert_int_equal(a->va, b->va);
	assert_int_equal(a->pa, b->pa);
	assert_int_equal(a->raw, b->raw);
	assert_int_equal(a->data, b->data);
	assert_int_equal(a->asid, b->asid);
	assert_int_equal(a->vmid, b->vmid);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->size_lg2, b->size_lg2);
	assert_int_equal(a->leaf_lg2, b->leaf_lg2);
}

static bool check_entry(void *ctx, const struct pt_tlb_entry *entry, unsigned int part)
{
	struct pair *pair = ctx;

	pair->nr++;
	assert_true(tlb_model_has(pair->model, entry, part));
	return true;
}

static void assert_same(struct pair *pair)
{
	const struct pt_tlb_stats *expected = tlb_model_stats(pair->model);
	struct pt_tlb_stats stats;

	pt_tlb_stats(pair->tlb, &stats);
	for (unsigned int use = 0; use < PT_TLB_USE_NR; use++) {
		assert_int_equal(stats.lookups[use], expected->lookups[use]);
		assert_int_equal(stats.misses[0][use], expected->misses[0][use]);
		assert_int_equal(stats.misses[1][use], expected->misses[1][use]);
		assert_int_equal(stats.fills[use], expected->fills[use]);
	}
	assert_int_equal(stats.evictions, expected->evictions);
	assert_int_equal(stats.dropped, expected->dropped);
	pair->nr = 0;
	pt_tlb_for_each(pair->tlb, check_entry, pair);
	assert_int_equal(pair->nr, tlb_model_nr(pair->model));
	assert_int_equal(pt_tlb_verify(pair->tlb), 0);
}

static void step(struct pair *pair, uint64_t *seed)
{
	enum pt_tlb_use use = (enum pt_tlb_use)random_of(seed, PT_TLB_USE_NR);
	uint64_t va = random_va(seed);
	const struct pt_tlb_entry *entry;
	struct pt_tlb_entry expected;
	struct pt_tlb_flush flush;
	struct pt_tlb_fill fill;
	uint16_t vmid, asid;

	switch (random_of(seed, 40)) {
	case 0:
		flush = random_flush(seed);
		pt_tlb_flush(pair->tlb, &flush);
		tlb_model_flush(pair->model, &flush);
		return;
	case 1:
		vmid = (uint16_t)random_of(seed, NR_VMIDS);
		asid = (uint16_t)random_of(seed, NR_ASIDS);
		pt_tlb_set_context(pair->tlb, vmid, asid);
		tlb_model_set_context(pair->model, vmid, asid);
		return;
	default:
		break;
	}
	entry = pt_tlb_lookup(pair->tlb, use, va);
	assert_int_equal(entry != NULL, tlb_model_lookup(pair->model, use, va, &expected));
	if (entry)
		assert_same_entry(entry, &expected);
	if (entry && random_of(seed, 20))
		return;
	if (random_of(seed, 30) == 0)
		va = random_va(seed);
	fill = random_fill(seed, use);
	assert_int_equal(pt_tlb_fill(pair->tlb, use, va, &fill), 0);
	tlb_model_fill(pair->model, use, va, &fill);
}

static void behaves_as_the_model(void **state)
{
	unsigned int nr_geometries = 400 / thin();

	(void)state;
	for (unsigned int g = 0; g < nr_geometries; g++) {
		struct pt_tlb_cfg cfg = { .seed = g };
		struct pair pair = { 0 };
		uint64_t seed = g;

		random_level(&cfg, &seed, 1);
		if (random_of(&seed, 4))
			random_level(&cfg, &seed, 2);
		assert_int_equal(pt_tlb_create(&pair.tlb, &cfg), 0);
		pair.model = tlb_model_create(&cfg);
		for (unsigned int i = 0; i < 4000; i++) {
			step(&pair, &seed);
			if (i % 200 == 0)
				assert_same(&pair);
		}
		assert_same(&pair);
		tlb_model_destroy(pair.model);
		pt_tlb_destroy(pair.tlb);
	}
}

/* One page size, one context, misses filled: what tlbsim does. */
static void counts_misses_of_traces_as_the_model(void **state)
{
	static const struct pt_tlb_part shapes[][2] = {
		{ { .entries = 64, .ways = 4 }, { .entries = 1536, .ways = 12 } },
		{ { .entries = 96, .ways = 96 }, { .entries = 2048, .ways = 16 } },
		{ { .entries = 48, .ways = 48 }, { .entries = 1280, .ways = 5 } },
		{ { .entries = 30, .ways = 3 }, { .entries = 700, .ways = 7 } },
		{ { .entries = 64, .ways = 64 }, { .entries = 1024, .ways = 32 } },
		{ { .entries = 16, .ways = 1 }, { .entries = 128, .ways = 128 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		for (enum pt_tlb_policy policy = 0; policy <= PT_TLB_RANDOM; policy++) {
			struct pt_tlb_cfg cfg = { .parts = { shapes[i][0], shapes[i][1] },
						  .nr_parts = 2 };
			struct pair pair = { 0 };
			uint64_t seed = 1;

			for (unsigned int level = 0; level < 2; level++) {
				cfg.parts[level].level = level + 1;
				cfg.parts[level].uses = 1u << PT_TLB_USE_DATA;
				cfg.parts[level].sizes = K4;
				cfg.parts[level].policy = policy;
			}
			if (pt_tlb_create(&pair.tlb, &cfg)) {
				assert_int_equal(policy, PT_TLB_PLRU);
				continue;
			}
			pair.model = tlb_model_create(&cfg);
			for (unsigned int n = 0; n < 200000 / thin(); n++) {
				/* the square favours some pages over others */
				uint64_t page = random_of(&seed, 64) * random_of(&seed, 64);
				struct pt_tlb_fill fill = { .pa = page << 12, .size_lg2 = 12 };
				struct pt_tlb_entry expected;
				const struct pt_tlb_entry *entry =
					pt_tlb_lookup(pair.tlb, PT_TLB_USE_DATA, page << 12);

				assert_int_equal(entry != NULL,
						 tlb_model_lookup(pair.model, PT_TLB_USE_DATA,
								  page << 12, &expected));
				if (entry)
					continue;
				assert_int_equal(pt_tlb_fill(pair.tlb, PT_TLB_USE_DATA, page << 12,
							     &fill),
						 0);
				tlb_model_fill(pair.model, PT_TLB_USE_DATA, page << 12, &fill);
			}
			assert_same(&pair);
			tlb_model_destroy(pair.model);
			pt_tlb_destroy(pair.tlb);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behaves_as_the_model),
		cmocka_unit_test(counts_misses_of_traces_as_the_model),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
