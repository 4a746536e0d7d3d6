/* SPDX-License-Identifier: MIT */
/* What a call a page costs that checks nothing. */
#include "calls.h"

#include <errno.h>

#include "bench.h"
#include "descent.h"
#include "pass.h"

/* ---- a table's queries and changes ---- */

struct bare_table {
	int (*translate)(const struct bare_table *bare, pt_va_t va, pt_pa_t *pa);
	int (*exchange)(const struct bare_table *bare, pt_va_t va);
	int (*access)(const struct bare_table *bare, pt_va_t va, const struct pt_access *how,
		      struct pt_access_result *result);
	uint8_t *host;
	_Atomic uint64_t *root;
};

static inline __attribute__((always_inline)) int
translate(const struct bare_table *bare, pt_va_t va, pt_pa_t *pa, unsigned int lg2,
	  unsigned int levels)
{
	uint64_t raw = ptl_load(descend(bare->host, bare->root, va, lg2, levels));

	*pa = (raw & DESCENT_ADDRESS(lg2)) | (va & (PTL_BIT(lg2) - 1));
	return 0;
}

/* What is exchanged does not matter, so it stays what it is. */
static inline __attribute__((always_inline)) int
exchange(const struct bare_table *bare, pt_va_t va, unsigned int lg2, unsigned int levels)
{
	_Atomic uint64_t *entry = descend(bare->host, bare->root, va, lg2, levels);
	uint64_t raw = ptl_load(entry);

	return atomic_compare_exchange_strong_explicit(entry, &raw, raw, memory_order_release,
						       memory_order_relaxed) ?
		       0 :
		       -EAGAIN;
}

static inline __attribute__((always_inline)) int
access_page(const struct bare_table *bare, pt_va_t va, const struct pt_access *how,
	    struct pt_access_result *result, unsigned int lg2, unsigned int levels)
{
	uint64_t raw = ptl_load(descend(bare->host, bare->root, va, lg2, levels));

	result->piece[0] = (struct pt_piece){
		.pa = (raw & DESCENT_ADDRESS(lg2)) | (va & (PTL_BIT(lg2) - 1)),
		.raw = raw,
		.len = how->size,
		.perms = PT_PERM_READ | PT_PERM_WRITE,
		.mem = PT_MEM_WB,
		.size_lg2 = (uint8_t)lg2,
	};
	result->nr_pieces = 1;
	result->nr_loads[0] = levels;
	result->nr_loads[1] = 0;
	return 0;
}

#define BARE_TABLE(name, lg2, levels)                                                              \
	static int translate_##name(const struct bare_table *bare, pt_va_t va, pt_pa_t *pa)       \
	{                                                                                          \
		return translate(bare, va, pa, lg2, levels);                                       \
	}                                                                                          \
	static int exchange_##name(const struct bare_table *bare, pt_va_t va)                     \
	{                                                                                          \
		return exchange(bare, va, lg2, levels);                                            \
	}                                                                                          \
	static int access_##name(const struct bare_table *bare, pt_va_t va,                       \
				 const struct pt_access *how, struct pt_access_result *result)     \
	{                                                                                          \
		return access_page(bare, va, how, result, lg2, levels);                            \
	}                                                                                          \
	static const struct bare_table bare_##name = { .translate = translate_##name,             \
						       .exchange = exchange_##name,               \
						       .access = access_##name }

BARE_TABLE(4k, 12, 4);
BARE_TABLE(16k, 14, 4);
BARE_TABLE(64k, 16, 3);

/* Out of sight of the compiler, which would know whom it calls. */
static const struct bare_table *bare_table(const struct fixture *fx, struct bare_table *bare)
{
	*bare = fx->info.granule_lg2 == 12 ? bare_4k :
		fx->info.granule_lg2 == 14 ? bare_16k :
					     bare_64k;
	bare->host = pt_phys_to_host(fx->phys, 0, fx->page);
	bare->root = (_Atomic uint64_t *)(void *)(bare->host + pt_pgtable_root(fx->pt));
	bench_escape(bare);
	return bare;
}

static int call_seq(struct fixture *fx)
{
	struct bare_table on_stack;
	const struct bare_table *bare = bare_table(fx, &on_stack);
	uint64_t page = fx->page;
	pt_va_t va = fx->va;
	pt_pa_t pa, sum = 0;
	int err = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++, va += page) {
		err |= bare->translate(bare, va, &pa);
		sum += pa;
	}
	bench_use(sum);
	return err;
}

static int call_rand(struct fixture *fx)
{
	struct bare_table on_stack;
	const struct bare_table *bare = bare_table(fx, &on_stack);
	unsigned int page_lg2 = fx->info.granule_lg2;
	const uint32_t *order = fx->order;
	pt_va_t va = fx->va;
	pt_pa_t pa, sum = 0;
	int err = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++) {
		err |= bare->translate(bare, va + ((pt_va_t)order[i] << page_lg2), &pa);
		sum += pa;
	}
	bench_use(sum);
	return err;
}

static int call_exchange(struct fixture *fx)
{
	struct bare_table on_stack;
	const struct bare_table *bare = bare_table(fx, &on_stack);
	uint64_t page = fx->page;
	pt_va_t va = fx->va;
	int err = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++, va += page)
		err |= bare->exchange(bare, va);
	return err;
}

static int call_access(struct fixture *fx)
{
	const struct pt_access how = { .kind = PT_ACCESS_READ, .size = 8 };
	struct bare_table on_stack;
	const struct bare_table *bare = bare_table(fx, &on_stack);
	struct pt_access_result result;
	pt_pa_t sum = 0;

	for (size_t i = 0; i < WINDOW_PAGES; i++) {
		pt_va_t va = fx->va + (pt_va_t)i * fx->page;

		if (bare->access(bare, va, &how, &result))
			return -EIO;
		sum += result.piece[0].pa;
	}
	bench_use(sum);
	return 0;
}

/* ---- a walk's runs ---- */

struct bare_walk {
	enum pt_range_walk_type (*step)(struct bare_walk *walk);
	const struct fixture *fx;
	const struct ptl_region *region;
	_Atomic uint64_t *table; /* of the next word, and its index there */
	size_t index, nr_tables;
	struct pt_range_walk run;
};

/* The fields of a run that are another folio's. */
static enum pt_range_walk_type walk_step(struct bare_walk *walk)
{
	const struct fixture *fx = walk->fx;
	struct pt_range_walk *run = &walk->run;
	const unsigned int lg2 = fx->info.granule_lg2;
	uint64_t raw, offset;

	if (walk->index >> fx->info.entries_lg2[0]) {
		if (++walk->nr_tables == fx->nr_leaf_tables)
			return PTW_DONE;
		walk->table = (_Atomic uint64_t *)fx->leaf_table[walk->nr_tables];
		walk->index = 0;
	}
	raw = ptl_load(&walk->table[walk->index++]);
	offset = (raw & DESCENT_ADDRESS(lg2)) - walk->region->pa;
	run->va += run->len;
	run->pa = run->folio = raw & DESCENT_ADDRESS(lg2);
	run->raw = raw;
	run->folio_order = atomic_load_explicit(&walk->region->frames[offset >> lg2].use,
						memory_order_relaxed) & PTL_BLOCK_ORDER;
	return PTW_FOLIO;
}

static int call_folio(struct fixture *fx)
{
	struct bare_walk walk = {
		.step = walk_step,
		.fx = fx,
		.region = ptl_phys_find(fx->phys, fx->pa),
		.table = (_Atomic uint64_t *)fx->leaf_table[0],
		.run = { .va = fx->va - fx->page, .len = fx->page },
	};
	uint64_t len = 0;
	pt_pa_t sum = 0;

	bench_escape(&walk);
	for (enum pt_range_walk_type type = walk.step(&walk); type != PTW_DONE;
	     type = walk.step(&walk)) {
		len += walk.run.len;
		sum += walk.run.pa + type;
	}
	bench_use(sum);
	return len == fx->len ? 0 : -EIO;
}

static int init_folios(struct fixture *fx)
{
	int err = fixture_folios(fx, 0);

	return err ? err : fixture_find_leaf_tables(fx);
}

/* ---- */

void calls_register_pagetable(void)
{
	static const struct pass passes[] = {
		{ .name = "limit_call_seq", .init = fixture_map, .run = call_seq },
		{ .name = "limit_call_rand", .init = fixture_map, .run = call_rand },
		{ .name = "limit_call_exchange", .init = fixture_map, .run = call_exchange },
	};

	pass_register(passes, sizeof(passes) / sizeof(passes[0]));
}

void calls_register_walk(void)
{
	static const struct pass pass = { .name = "limit_call_folio", .init = init_folios,
					  .run = call_folio };

	pass_register(&pass, 1);
}

void calls_register_mmu(void)
{
	static const struct pass pass = { .name = "limit_call_access", .init = fixture_map,
					  .run = call_access };

	pass_register(&pass, 1);
}
