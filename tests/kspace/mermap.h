/* SPDX-License-Identifier: MIT */
/* mermap.h - kspace.h with a zone, and a mermap in an address space of its own. */
#ifndef KSPACE_MERMAP_H
#define KSPACE_MERMAP_H

#include "kspace/kspace.h"

#define NR_CPUS 2
#define NR_PAGES 8 /* of a region, with the reserved one */

struct fixture {
	struct kspace *k;
	struct pt_pgtable *pt;
	struct pt_zone *zone;
	struct pt_mermap *mermap;
	struct pt_freetype_ops ops;
	pt_va_t base;
};

static struct fixture fix;

/* What freeing a marked page calls. */
static inline void settle(void *ctx, const struct pt_extent *extent)
{
	struct fixture *f = ctx;

	pt_mermap_settle(f->mermap, extent);
}

/* An address space of its own, as a process has; and a zone of the first region. */
static inline struct fixture *begin(void **state)
{
	struct fixture *f = &fix;
	struct kspace *k = *state;
	struct pt_extent range = { MEMORY_PA, MEMORY_LEN };
	const struct pt_zone_cfg zone_cfg = { .ranges = &range, .nr_ranges = 1 };
	const struct pt_pgtable_cfg pt_cfg = {
		.fmt = k->fmt,
		.mode = PT_MODE_SHARED,
		.tables = page_source_ops(&k->source),
		.flush = pt_flush_count_ops(k->count),
	};
	struct pt_mermap_cfg cfg = {
		.nr_cpus = NR_CPUS,
		.nr_pages = NR_PAGES,
		.flush = pt_flush_count_ops(k->count),
		.flush_cpu = pt_flush_count_local,
		.flush_cpu_ctx = k->count,
	};

	*f = (struct fixture){ .k = k };
	assert_int_equal(pt_zone_create(&f->zone, k->phys, &zone_cfg), 0);
	f->ops = (struct pt_freetype_ops){ .settle = settle, .ctx = f };
	pt_zone_set_ops(f->zone, &f->ops);
	assert_int_equal(pt_pgtable_create(&f->pt, k->phys, &pt_cfg), 0);
	/* the last regions of the address space */
	f->base = -(NR_CPUS * NR_PAGES * k->granule);
	cfg.base = f->base;
	cfg.zone = f->zone;
	assert_int_equal(pt_mermap_create(&f->mermap, f->pt, &cfg), 0);
	assert_int_equal(pt_mermap_prepare(f->mermap), 0);
	return f;
}

static inline void end(struct fixture *f)
{
	pt_mermap_destroy(f->mermap);
	assert_int_equal(f->k->source.nr_live, 1); /* the root */
	pt_pgtable_destroy(f->pt);
	assert_int_equal(pt_buddy_verify(f->zone, NULL, NULL), 0);
	assert_int_equal(pt_zone_destroy(f->zone), 0);
}

static inline pt_pa_t alloc_pages(struct fixture *f, unsigned int order)
{
	const struct pt_alloc how = { .order = order };
	pt_pa_t pa;

	assert_int_equal(pt_alloc_pages(f->zone, NULL, &how, &pa), 0);
	return pa;
}

static inline void free_pages(struct fixture *f, pt_pa_t pa, unsigned int order)
{
	assert_int_equal(pt_free_pages(f->zone, NULL, pa, order), 0);
}

static inline struct pt_mermap_alloc *get(struct fixture *f, unsigned int cpu, pt_pa_t pa,
					  uint64_t nr)
{
	struct pt_mermap_alloc *alloc;

	assert_int_equal(pt_mermap_get(f->mermap, cpu, pa, nr * f->k->granule, PT_ATTR_RW, &alloc),
			 0);
	return alloc;
}

static inline bool is_stale(struct fixture *f, pt_pa_t pa)
{
	struct pt_page_info info;

	assert_int_equal(pt_page_info(f->zone, pa, &info), 0);
	return info.stale;
}

static inline struct pt_mermap_stats stats(struct fixture *f)
{
	struct pt_mermap_stats s;

	pt_mermap_stats(f->mermap, &s);
	return s;
}

#endif /* KSPACE_MERMAP_H */
