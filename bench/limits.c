/* SPDX-License-Identifier: MIT */
/* What the words of the window cost, and nothing else. */
#include "limits.h"

#include <string.h>

#include "bench.h"
#include "descent.h"
#include "pass.h"

static int init_limit(struct fixture *fx)
{
	int err = fixture_map(fx);

	return err ? err : fixture_find_leaf_tables(fx);
}

static _Atomic uint64_t *leaf_table(const struct fixture *fx, size_t i)
{
	return (_Atomic uint64_t *)fx->leaf_table[i];
}

static int load_words(struct fixture *fx)
{
	size_t nr = (size_t)1 << fx->info.entries_lg2[0];
	uint64_t sum = 0;

	for (size_t i = 0; i < fx->nr_leaf_tables; i++) {
		_Atomic uint64_t *table = leaf_table(fx, i);

		for (size_t k = 0; k < nr; k++)
			sum += ptl_load(&table[k]);
	}
	bench_use(sum);
	return 0;
}

static int init_folios(struct fixture *fx)
{
	int err = fixture_folios(fx, 0);

	return err ? err : fixture_find_leaf_tables(fx);
}

static int load_words_and_frames(struct fixture *fx)
{
	const struct ptl_region *region = ptl_phys_find(fx->phys, fx->pa);
	const uint64_t address = PTL_BITS(47, fx->info.granule_lg2);
	size_t nr = (size_t)1 << fx->info.entries_lg2[0];
	uint64_t sum = 0;

	for (size_t i = 0; i < fx->nr_leaf_tables; i++) {
		_Atomic uint64_t *table = leaf_table(fx, i);

		for (size_t k = 0; k < nr; k++) {
			uint64_t raw = ptl_load(&table[k]);

			sum += raw + atomic_load_explicit(
					&region->frames[((raw & address) - region->pa) >>
							fx->info.granule_lg2].use,
					memory_order_relaxed);
		}
	}
	bench_use(sum);
	return 0;
}

static int store_words(struct fixture *fx)
{
	unsigned int nr = 1u << fx->info.entries_lg2[0];
	uint64_t raw = fx->pa | 1;

	for (size_t i = 0; i < fx->nr_leaf_tables; i++) {
		const struct ptl_pos pos = { .table = leaf_table(fx, i) };

		memset(fx->leaf_table[i], 0, fx->page);
		bench_escape(fx->leaf_table[i]);
		for (unsigned int k = 0; k < nr; k++, raw += fx->page)
			ptl_store(NULL, &pos, k, 0, raw);
	}
	return 0;
}

static int update_words(struct fixture *fx)
{
	unsigned int nr = 1u << fx->info.entries_lg2[0];

	for (size_t i = 0; i < fx->nr_leaf_tables; i++) {
		const struct ptl_pos pos = { .table = leaf_table(fx, i) };

		for (unsigned int k = 0; k < nr; k++)
			ptl_store(NULL, &pos, k, 0, ptl_load(&pos.table[k]) ^ X86_64_RW);
	}
	return 0;
}

static inline __attribute__((always_inline)) int
descend_pages(const struct fixture *fx, const uint32_t *order, unsigned int granule_lg2,
	      unsigned int levels)
{
	uint8_t *host = pt_phys_to_host(fx->phys, 0, fx->page);
	_Atomic uint64_t *root = (_Atomic uint64_t *)(void *)(host + pt_pgtable_root(fx->pt));
	const pt_va_t va = fx->va;
	uint64_t sum = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++) {
		pt_va_t at = va + ((pt_va_t)(order ? order[i] : i) << granule_lg2);

		sum += ptl_load(descend(host, root, at, granule_lg2, levels));
	}
	bench_use(sum);
	return 0;
}

static inline __attribute__((always_inline)) int
descend_by(const struct fixture *fx, const uint32_t *order)
{
	switch (fx->info.granule_lg2) {
	case 12:
		return descend_pages(fx, order, 12, 4);
	case 14:
		return descend_pages(fx, order, 14, 4);
	default:
		return descend_pages(fx, order, 16, 3);
	}
}

static int descend_seq(struct fixture *fx)
{
	return descend_by(fx, NULL);
}

static int descend_rand(struct fixture *fx)
{
	return descend_by(fx, fx->order);
}

void limits_register(void)
{
	static const struct pass passes[] = {
		{ .name = "limit_load_words", .init = init_limit, .run = load_words },
		{ .name = "limit_load_words_and_frames", .init = init_folios,
		  .run = load_words_and_frames },
		{ .name = "limit_store_words", .init = init_limit, .run = store_words },
		{ .name = "limit_update_words", .init = init_limit, .run = update_words },
		{ .name = "limit_descent_seq", .init = init_limit, .run = descend_seq },
		{ .name = "limit_descent_rand", .init = init_limit, .run = descend_rand },
	};

	pass_register(passes, sizeof(passes) / sizeof(passes[0]));
}
