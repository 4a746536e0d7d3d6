/* SPDX-License-Identifier: MIT */
/* The table and the window that benchmarks work on. */
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Room for the 2 MiB of leaf tables, and for those above them at any granule. */
#define TABLES_LEN ((uint64_t)8 << 20)

const struct fmt_case fmt_cases[NR_FMT_CASES] = {
	{ "x86_64", PT_FMT_X86_64 },
	{ "arm64_4k", PT_FMT_ARM64_4K },
	{ "arm64_16k", PT_FMT_ARM64_16K },
	{ "arm64_64k", PT_FMT_ARM64_64K },
};

static int make_table(struct fixture *fx, const struct fmt_case *fmt, enum pt_mode mode)
{
	struct pt_pgtable_cfg cfg = { .mode = mode };
	int err = pt_fmt_cfg_init(&cfg.fmt, fmt->fmt);

	if (!err)
		err = pt_format_info(&cfg.fmt, &fx->info);
	if (!err)
		err = pt_phys_create_anon(&fx->phys, TABLES_LEN);
	if (err)
		return err;
	memset(pt_phys_to_host(fx->phys, 0, TABLES_LEN), 0xa5, TABLES_LEN);
	err = pt_reserve_create(&fx->reserve, fx->phys, fx->info.granule_lg2);
	if (!err)
		err = pt_reserve_add_range(fx->reserve, 0, TABLES_LEN);
	if (err)
		return err;
	cfg.tables = pt_reserve_ops(fx->reserve);
	return pt_pgtable_create(&fx->pt, fx->phys, &cfg);
}

/* Fisher and Yates's shuffle over a linear congruential generator (Knuth's MMIX). */
static int make_order(struct fixture *fx)
{
	uint64_t state = 1;

	fx->order = malloc(WINDOW_PAGES * sizeof(*fx->order));
	if (!fx->order)
		return -ENOMEM;
	for (uint32_t i = 0; i < WINDOW_PAGES; i++) {
		uint32_t other;

		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		other = (uint32_t)((state >> 33) % (i + 1));
		fx->order[i] = fx->order[other];
		fx->order[other] = i;
	}
	return 0;
}

int fixture_init(struct fixture *fx, const struct fmt_case *fmt, enum pt_mode mode)
{
	int err;

	*fx = (struct fixture){
		.fmt = fmt->fmt,
		.mode = mode,
		.va = (pt_va_t)1 << 40,
		.pa = (pt_pa_t)1 << 38,
	};
	err = make_table(fx, fmt, mode);
	if (!err)
		err = make_order(fx);
	if (!err) {
		fx->page = pt_granule(fx->pt);
		fx->len = WINDOW_PAGES * fx->page;
		fx->change.flags = PT_CHANGE_NO_CONTIG;
		fx->change.max_lg2 = fx->info.granule_lg2;
		err = fixture_map(fx);
	}
	if (!err)
		err = fixture_clear(fx);
	if (err)
		fixture_exit(fx);
	return err;
}

static int make_table_with_folios(struct fixture *fx)
{
	struct pt_phys_region regions[] = {
		{ .pa = 0, .len = TABLES_LEN, .fd = -1 },
		{ .pa = fx->pa, .len = fx->len, .fd = -1 },
	};
	const struct pt_extent window = { .pa = fx->pa, .len = fx->len };
	const struct pt_zone_cfg zone = { .ranges = &window, .nr_ranges = 1 };
	struct pt_pgtable_cfg cfg = { .mode = fx->mode, .walk_locks = true };
	struct pt_soft_cfg soft;
	int err = pt_fmt_cfg_init(&cfg.fmt, fx->fmt);

	if (!err)
		err = pt_soft_cfg_init(
			&soft, fx->fmt == PT_FMT_X86_64 ? PT_SOFT_X86 : PT_SOFT_ARM64, &cfg.fmt, 0);
	cfg.soft = &soft;
	if (!err)
		err = pt_phys_create(&fx->phys, regions, 2, fx->info.granule_lg2);
	if (err)
		return err;
	memset(pt_phys_to_host(fx->phys, 0, TABLES_LEN), 0xa5, TABLES_LEN);
	err = pt_reserve_create(&fx->reserve, fx->phys, fx->info.granule_lg2);
	if (!err)
		err = pt_reserve_add_range(fx->reserve, 0, TABLES_LEN);
	if (err)
		return err;
	cfg.tables = pt_reserve_ops(fx->reserve);
	err = pt_pgtable_create(&fx->pt, fx->phys, &cfg);
	return err ? err : pt_zone_create(&fx->zone, fx->phys, &zone);
}

int fixture_folios(struct fixture *fx, unsigned int order)
{
	const struct pt_alloc how = { .order = order };
	const uint64_t bytes = fx->page << order;
	int err;

	pt_pgtable_destroy(fx->pt);
	pt_reserve_destroy(fx->reserve);
	pt_phys_destroy(fx->phys);
	fx->pt = NULL;
	fx->reserve = NULL;
	fx->phys = NULL;
	err = make_table_with_folios(fx);
	fx->folio_order = order;
	fx->folio = malloc((WINDOW_PAGES >> order) * sizeof(*fx->folio));
	if (!err && !fx->folio)
		err = -ENOMEM;
	for (uint64_t at = 0; at < fx->len && !err; at += bytes) {
		pt_pa_t *pa = &fx->folio[fx->nr_folios];

		err = pt_alloc_pages(fx->zone, NULL, &how, pa);
		if (err)
			break;
		fx->nr_folios++;
		err = pt_map(fx->pt, fx->va + at, *pa, bytes, FIXTURE_ATTR, &fx->change);
	}
	return err;
}

static void free_folios(struct fixture *fx)
{
	while (fx->nr_folios)
		(void)!pt_free_pages(fx->zone, NULL, fx->folio[--fx->nr_folios], fx->folio_order);
	free(fx->folio);
	(void)!pt_zone_destroy(fx->zone);
}

void fixture_exit(struct fixture *fx)
{
	free_folios(fx);
	pt_mmu_destroy(fx->mmu);
	pt_pgtable_destroy(fx->second);
	pt_reserve_destroy(fx->second_reserve);
	pt_pgtable_destroy(fx->pt);
	pt_reserve_destroy(fx->reserve);
	pt_phys_destroy(fx->phys);
	free(fx->order);
	free(fx->leaf_table);
}

int fixture_map(struct fixture *fx)
{
	return pt_map(fx->pt, fx->va, fx->pa, fx->len, FIXTURE_ATTR, &fx->change);
}

int fixture_clear(struct fixture *fx)
{
	struct pt_change change = { .flags = PT_CHANGE_FREE_TABLES };

	return pt_unmap(fx->pt, fx->va, fx->len, &change);
}

int fixture_map_blocks(struct fixture *fx)
{
	struct pt_change change = { .flags = PT_CHANGE_NO_CONTIG,
				    .max_lg2 = fx->info.leaf_lg2[1] };

	return pt_map(fx->pt, fx->va, fx->pa, fx->len, FIXTURE_ATTR, &change);
}

int fixture_find_leaf_tables(struct fixture *fx)
{
	uint64_t reach = fx->page << fx->info.entries_lg2[0];

	fx->nr_leaf_tables = fx->len / reach;
	fx->leaf_table = calloc(fx->nr_leaf_tables, sizeof(*fx->leaf_table));
	if (!fx->leaf_table)
		return -ENOMEM;
	for (size_t i = 0; i < fx->nr_leaf_tables; i++) {
		struct pt_step steps[PT_MAX_LEVELS];
		unsigned int nr;
		int err = pt_trace(fx->pt, fx->va + i * reach, steps, &nr);

		if (err)
			return err;
		if (steps[nr - 1].level != 0)
			return -EIO;
		fx->leaf_table[i] = pt_phys_to_host(fx->phys, steps[nr - 1].table_pa, fx->page);
	}
	return 0;
}
