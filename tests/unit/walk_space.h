/* SPDX-License-Identifier: MIT */
/* walk_space.h - an address space for the tests of pt_range_walk: folios, areas. */
#ifndef UNIT_WALK_SPACE_H
#define UNIT_WALK_SPACE_H

#include "unit/fixture.h"

#define POOL (16 * MIB)
#define NR_AREAS 4

/* An address space: memory for folios, and areas. */
struct space {
	struct pt_soft_cfg soft;
	struct pt_zone *zone;
	pt_pa_t held[32];
	unsigned int order[32];
	size_t nr_held;
	struct pt_area area[NR_AREAS];
	enum pt_area_verdict verdict[NR_AREAS];
	size_t nr_areas, nr_calls;
};

static struct space space;

static inline void space_begin(struct fixture *f)
{
	struct pt_phys_region region = { .pa = f->pa, .len = POOL, .fd = -1 };
	struct pt_extent range = { .pa = f->pa, .len = POOL };
	struct pt_zone_cfg cfg = { .ranges = &range, .nr_ranges = 1 };
	enum pt_soft_release release = fixture_is_x86(f) ? PT_SOFT_X86 : PT_SOFT_ARM64;

	memset(&space, 0, sizeof(space));
	watcher_forget(&f->watcher);
	pt_pgtable_destroy(f->pt);
	assert_int_equal(pt_phys_add(f->phys, &region), 0);
	assert_int_equal(pt_zone_create(&space.zone, f->phys, &cfg), 0);
	if (!format_is_stage2(f->fmt.fmt)) {
		assert_int_equal(
			pt_soft_cfg_init(&space.soft, release, &f->fmt, PT_SOFT_BUILT_DEVICE), 0);
		f->cfg.soft = &space.soft;
	}
	f->cfg.walk_locks = true;
	assert_int_equal(pt_pgtable_create(&f->pt, f->phys, &f->cfg), 0);
}

static inline void space_end(struct fixture *f)
{
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	while (space.nr_held) {
		space.nr_held--;
		assert_int_equal(pt_free_pages(space.zone, NULL, space.held[space.nr_held],
					       space.order[space.nr_held]),
				 0);
	}
	assert_int_equal(pt_zone_destroy(space.zone), 0);
}

/* A folio of 2^@order granules. */
static inline pt_pa_t folio(struct fixture *f, unsigned int order)
{
	struct pt_alloc how = { .order = order + f->info.granule_lg2 - 12 };
	pt_pa_t pa;

	assert_int_equal(pt_alloc_pages(space.zone, NULL, &how, &pa), 0);
	space.order[space.nr_held] = how.order;
	space.held[space.nr_held++] = pa;
	return pa;
}

static inline void map(struct fixture *f, size_t first, pt_pa_t pa, size_t nr, pt_attr_t attr)
{
	struct pt_change change = { .flags = PT_CHANGE_NO_CONTIG, .max_lg2 = f->info.granule_lg2 };

	assert_int_equal(pt_map(f->pt, page_va(f, first), pa, nr * f->granule, attr, &change), 0);
}

static inline void put(struct fixture *f, size_t first, size_t nr, unsigned int level,
		       struct pt_soft soft)
{
	struct pt_change change = { .flags = PT_CHANGE_SAME };

	if (soft.kind == PT_SOFT_SWAP)
		change.flags = 0;
	assert_int_equal(
		pt_soft_set(f->pt, page_va(f, first), nr * f->granule, level, &soft, &change), 0);
}

static inline enum pt_area_verdict next_area(void *ctx, pt_va_t va, struct pt_area *area)
{
	struct space *s = ctx;

	s->nr_calls++;
	for (size_t i = 0; i < s->nr_areas; i++)
		if (s->area[i].last >= va) {
			*area = s->area[i];
			return s->verdict[i];
		}
	return PT_AREA_END;
}

static const struct pt_area_ops area_ops = { next_area, &space };

static inline void add_area(struct fixture *f, size_t first, size_t nr,
			    enum pt_area_verdict verdict)
{
	space.area[space.nr_areas] = (struct pt_area){
		.first = page_va(f, first),
		.last = page_va(f, first + nr) - 1,
	};
	space.verdict[space.nr_areas++] = verdict;
}

struct want {
	enum pt_range_walk_type type;
	size_t first, nr;
};

static inline void assert_found(struct fixture *f, bool areas, size_t first, size_t nr,
				unsigned int types, unsigned int flags, const struct want *want,
				size_t nr_want)
{
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	size_t i = 0;

	for (type = pt_range_walk_start_areas(&walk, f->pt, areas ? &area_ops : NULL,
					      page_va(f, first), page_va(f, first + nr) - 1, types,
					      flags);
	     type != PTW_DONE; type = pt_range_walk_next(&walk), i++) {
		assert_true(i < nr_want);
		assert_int_equal(type, want[i].type);
		assert_int_equal(walk.va, page_va(f, want[i].first));
		assert_int_equal(walk.len, want[i].nr * f->granule);
	}
	assert_int_equal(i, nr_want);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
}

/* The same with locks: no run crosses a table, and these do not. */
#define ASSERT_FOUND(f, areas, first, nr, types, flags, ...)                                       \
	do {                                                                                       \
		const struct want want_[] = { __VA_ARGS__ };                                       \
		for (unsigned int locked_ = 0; locked_ < 2; locked_++)                             \
			assert_found(f, areas, first, nr, types,                                   \
				     (flags) | (locked_ ? PT_WALK_LOCKED : 0), want_,              \
				     sizeof(want_) / sizeof(want_[0]));                            \
	} while (0)

#define FOLIOS PT_WALK_FOLIOS
#define A PT_ATTR_ACCESSED

static const struct pt_soft migration = { .kind = PT_SOFT_MIGRATION_READ, .pfn = 0x4000 };
static const struct pt_soft poison = { .kind = PT_SOFT_HWPOISON, .pfn = 3 };
static const struct pt_soft swap = { .kind = PT_SOFT_SWAP, .type = 1, .offset = 100 };
static const struct pt_soft guard = { .kind = PT_SOFT_MARKER, .markers = PT_SOFT_MARKER_GUARD };

#endif /* UNIT_WALK_SPACE_H */
