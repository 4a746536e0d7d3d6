/* SPDX-License-Identifier: MIT */
/* walk.h - what the tests of pt_range_walk over bare tables have in common. */
#ifndef UNIT_WALK_H
#define UNIT_WALK_H

#include "unit/fixture.h"

/*
 * Everything holds for the walk of bare tables and for the one that looks for folios, of which
 * there are none here.
 */
static unsigned int form;

static inline enum pt_range_walk_type walk_start(struct pt_range_walk *walk, struct pt_pgtable *pt,
						 pt_va_t first, pt_va_t last, unsigned int types,
						 unsigned int flags)
{
	return pt_range_walk_start(walk, pt, first, last, types, flags | form);
}

/* One expected run, in pages of the window. */
struct run {
	enum pt_range_walk_type type;
	size_t first, nr, pa; /* pa: page of the test's output range */
};

static inline void assert_runs(struct fixture *f, size_t first, size_t nr, unsigned int types,
			       unsigned int flags, const struct run *want, size_t nr_want)
{
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	size_t i = 0;

	for (type = walk_start(&walk, f->pt, page_va(f, first), page_va(f, first + nr) - 1, types,
			       flags);
	     type != PTW_DONE; type = pt_range_walk_next(&walk), i++) {
		assert_true(i < nr_want);
		assert_int_equal(type, want[i].type);
		assert_int_equal(walk.va, page_va(f, want[i].first));
		assert_int_equal(walk.len, want[i].nr * f->granule);
		if (type == PTW_PFN)
			assert_int_equal(walk.pa, page_pa(f, want[i].pa));
	}
	assert_int_equal(i, nr_want);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
}

#define ASSERT_RUNS(f, first, nr, types, flags, ...)                                               \
	do {                                                                                       \
		const struct run want_[] = { __VA_ARGS__ };                                        \
		assert_runs(f, first, nr, types, flags, want_, sizeof(want_) / sizeof(want_[0]));  \
	} while (0)

#define RUN_WALKS(group, tests) run_walks(group, tests, sizeof(tests) / sizeof((tests)[0]))

static inline int run_walks(const char *group, const struct test_case *tests, size_t nr)
{
	char name[64];
	int failed = run_on_all(group, tests, nr);

	form = PT_WALK_FOLIOS;
	snprintf(name, sizeof(name), "%s, for folios", group);
	return failed + run_on_all(name, tests, nr);
}

#endif /* UNIT_WALK_H */
