/* SPDX-License-Identifier: MIT */
/* Input that is wrong: the documented error, and nothing changed. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/fixture.h"
#include "unit/unit_dump.h"

/* Every call that takes a range, with harmless other arguments. */
enum call {
	CALL_MAP,
	CALL_PROBE,
	CALL_UNMAP,
	CALL_PROTECT,
	CALL_SPLIT,
	CALL_COLLAPSE,
	CALL_AGE,
	CALL_CLEAN,
	CALLS_NR,
};

static int call_range(struct fixture *f, enum call call, pt_va_t va, uint64_t len,
		      struct pt_change *change)
{
	size_t nr_tables;

	switch (call) {
	case CALL_MAP:
		return pt_map(f->pt, va, f->pa, len, RX, change);
	case CALL_PROBE:
		return pt_map_probe(f->pt, va, f->pa, len, RX, change, &nr_tables);
	case CALL_UNMAP:
		return pt_unmap(f->pt, va, len, change);
	case CALL_PROTECT:
		return pt_protect(f->pt, va, len, 0, PT_ATTR_WRITE, change);
	case CALL_SPLIT:
		return pt_split(f->pt, va, len, 0, change);
	case CALL_COLLAPSE:
		return pt_collapse(f->pt, va, len, 0, change);
	case CALL_AGE:
		return pt_test_and_clear_accessed(f->pt, va, len, change);
	case CALL_CLEAN:
		return pt_test_and_clear_dirty(f->pt, va, len, change);
	case CALLS_NR:
		break;
	}
	fail();
	return 0;
}

/* All calls refuse it, leave everything alone, and write the out fields all the same. */
static void assert_all_refuse(struct fixture *f, pt_va_t va, uint64_t len, int err)
{
	struct dump before = dump_take(f->pt), after;
	size_t live = f->source.nr_live;

	for (unsigned int call = 0; call < CALLS_NR; call++) {
		struct pt_change change = { .bad_va = 77, .done = 99 };

		if (call_range(f, (enum call)call, va, len, &change) != err ||
		    call_range(f, (enum call)call, va, len, NULL) != err)
			print_error("call %u, va %#llx, len %#llx\n", call, (unsigned long long)va,
				    (unsigned long long)len);
		assert_int_equal(call_range(f, (enum call)call, va, len, &change), err);
		assert_int_equal(change.done, 0);
		assert_int_equal(call_range(f, (enum call)call, va, len, NULL), err);
	}
	after = dump_take(f->pt);
	assert_true(dump_equal(&before, &after));
	assert_int_equal(f->source.nr_live, live);
	dump_free(&before);
	dump_free(&after);
}

static void refuses_malformed_ranges(void **state)
{
	struct fixture *f = *state;
	pt_va_t va = page_va(f, 0);
	uint64_t g = f->granule;

	do_map_small(f, 0, 2, 0, RWX | PT_ATTR_ACCESSED | PT_ATTR_DIRTY);
	assert_all_refuse(f, va, 0, -EINVAL);
	assert_all_refuse(f, va, g / 2, -EINVAL);
	assert_all_refuse(f, va, 1, -EINVAL);
	assert_all_refuse(f, va, g + 1, -EINVAL);
	assert_all_refuse(f, va + 1, g, -EINVAL);
	assert_all_refuse(f, va + g / 2, g, -EINVAL);
	assert_all_refuse(f, va - 8, g, -EINVAL);
	/* wrapping */
	assert_all_refuse(f, -g, 2 * g, -EINVAL);
	assert_all_refuse(f, 2 * g, -g, -EINVAL);
	assert_all_refuse(f, va | 2 * g, UINT64_MAX & ~(g - 1), -EINVAL);
	/* malformed comes before out of range */
	assert_all_refuse(f, UINT64_C(1) << 60 | 1, g, -EINVAL);
	assert_all_refuse(f, UINT64_C(1) << 60, 0, -EINVAL);
	agree(f);
}

static void refuses_ranges_outside_the_input_width(void **state)
{
	struct fixture *f = *state;
	uint64_t g = f->granule;

	do_map_small(f, 0, 2, 0, RWX);
	if (f->info.first) {
		assert_all_refuse(f, f->info.first - g, g, -ERANGE);
		assert_all_refuse(f, f->info.first - g, 2 * g, -ERANGE);
		assert_all_refuse(f, 0, g, -ERANGE);
	}
	if (f->info.last != UINT64_MAX) {
		assert_all_refuse(f, f->info.last + 1, g, -ERANGE);
		assert_all_refuse(f, f->info.last + 1 - g, 2 * g, -ERANGE);
		assert_all_refuse(f, UINT64_MAX - (g - 1), g, -ERANGE);
		assert_all_refuse(f, 0, UINT64_MAX & ~(g - 1), -ERANGE);
	}
	if (fixture_has_gap(f)) {
		pt_va_t low_end = UINT64_C(1) << (f->fmt.va_bits - 1), high = -low_end;

		assert_all_refuse(f, low_end, g, -ERANGE);
		assert_all_refuse(f, high - g, g, -ERANGE);
		assert_all_refuse(f, low_end - g, 2 * g, -ERANGE);
		assert_all_refuse(f, high - g, 2 * g, -ERANGE);
		/* both ends canonical, the gap between */
		assert_all_refuse(f, low_end - g, high - low_end + 2 * g, -ERANGE);
		assert_all_refuse(f, 0, UINT64_MAX & ~(g - 1), -ERANGE);
	}
	agree(f);
}

static void map_refuses_bad_outputs_and_attributes(void **state)
{
	struct fixture *f = *state;
	pt_pa_t end = UINT64_C(1) << f->fmt.pa_bits;
	uint64_t g = f->granule;
	pt_va_t va = page_va(f, 0);
	struct pt_change change = { .max_lg2 = f->info.granule_lg2 - 1 };
	size_t live;

	/* beside a page that is there: of one page calls have a quick way */
	do_map_small(f, 1, 1, 1, RX);
	live = f->source.nr_live;
	assert_int_equal(pt_map(f->pt, va, f->pa + 1, g, RX, NULL), -EINVAL);
	assert_int_equal(pt_map(f->pt, va, f->pa + g / 2, g, RX, NULL), -EINVAL);
	assert_int_equal(pt_map(f->pt, va, UINT64_MAX & ~(g - 1), 2 * g, RX, NULL), -EINVAL);
	assert_int_equal(pt_map(f->pt, va, end, g, RX, NULL), -ERANGE);
	assert_int_equal(pt_map(f->pt, va, end - g, 2 * g, RX, NULL), -ERANGE);
	assert_int_equal(pt_map(f->pt, va, UINT64_MAX & ~(g - 1), g, RX, NULL), -ERANGE);
	/* in second stages a leaf need not be readable */
	for (pt_attr_t attr = 0; attr <= PT_ATTR_EXEC; attr += PT_ATTR_WRITE)
		if (ref_attr_error(&f->fmt, attr))
			assert_int_equal(pt_map(f->pt, va, f->pa, g, attr, NULL), -EOPNOTSUPP);
		else
			assert_true(format_is_stage2(f->fmt.fmt));
	assert_int_equal(pt_map(f->pt, va, f->pa, g, RX | (pt_attr_t)1 << 63, NULL), -EOPNOTSUPP);
	assert_int_equal(pt_map(f->pt, va, f->pa, g, RX | PT_ATTR_MEM(PT_MEM_OTHER), NULL),
			 -EOPNOTSUPP);
	assert_int_equal(pt_map(f->pt, va, f->pa, g, RX | PT_ATTR_MEM_MASK, NULL), -EOPNOTSUPP);
	assert_int_equal(pt_map(f->pt, va, f->pa, g, RX, &change), -EINVAL);
	assert_int_equal(f->source.nr_live, live);
	agree(f);
}

/* What hardware would refuse stands in the way: nothing is changed on either side of it. */
static void illegal_words_stand_in_the_way(void **state)
{
	struct fixture *f = *state;
	uint64_t raw = raw_reserved(&f->fmt, 0) ? raw_reserved(&f->fmt, 0) : raw_beyond(&f->fmt, 0);
	struct dump before, after;
	pt_pa_t pa;

	if (!raw)
		skip();
	do_map_small(f, 0, 3, 0, RWX | PT_ATTR_ACCESSED | PT_ATTR_DIRTY);
	pa = word_pa(f, page_va(f, 1));
	write_word(f, pa, raw);
	before = dump_take(f->pt);
	for (unsigned int call = 0; call < CALLS_NR; call++) {
		struct pt_change change = { .done = 99 };
		int err = call_range(f, (enum call)call, page_va(f, 1), 2 * f->granule, &change);

		switch (call) {
		case CALL_COLLAPSE:
			assert_int_equal(err, 0);
			break;
		case CALL_SPLIT:
			assert_true(err == 0 || err == -EFAULT);
			break;
		case CALL_AGE:
		case CALL_CLEAN:
			continue; /* passes over it: checked below */
		default:
			assert_int_equal(err, -EFAULT);
			assert_int_equal(change.bad_va, page_va(f, 1));
		}
		if (call != CALL_SPLIT)
			assert_int_equal(change.done, 0);
		after = dump_take(f->pt);
		assert_true(dump_equal(&before, &after));
		dump_free(&after);
	}
	assert_int_equal(pt_test_and_clear_accessed(f->pt, page_va(f, 0), 3 * f->granule,
						    &(struct pt_change){ 0 }),
			 0);
	assert_int_equal(read_word(f, pa), raw);
	dump_free(&before);
	write_word(f, pa, 0);
}

/* Nor are tables made below one. */
static void illegal_words_are_in_the_way_of_tables(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	do_map_small(f, 0, 1, 0, RWX);
	assert_int_equal(pt_trace(f->pt, page_va(f, 0), steps, &nr), 0);
	for (unsigned int i = 0; i + 1 < nr; i++) {
		pt_pa_t pa = steps[i].table_pa + 8 * steps[i].index;
		uint64_t raw = raw_reserved(&f->fmt, steps[i].level);
		struct pt_change change = { 0 };

		if (!raw)
			raw = raw_beyond(&f->fmt, steps[i].level);
		if (!raw)
			continue;
		write_word(f, pa, raw);
		assert_int_equal(pt_populate(f->pt, page_va(f, 1), f->granule, 0, &change),
				 -EFAULT);
		assert_int_equal(change.bad_va, page_va(f, 1));
		assert_int_equal(read_word(f, pa), raw);
		write_word(f, pa, steps[i].raw);
	}
	agree(f);
}

/* Tables that lead nowhere, or back: every change says -EFAULT, at every level. */
static void bad_tables_stand_in_the_way(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	do_map_small(f, 0, 2, 0, RWX);
	assert_int_equal(pt_trace(f->pt, page_va(f, 0), steps, &nr), 0);
	for (unsigned int i = 0; i + 1 < nr; i++)
		for (unsigned int bad = 0; bad < 3; bad++) {
			pt_pa_t pa = steps[i].table_pa + 8 * steps[i].index;
			size_t live = f->source.nr_live;
			struct dump before, after;

			write_word(f, pa, raw_table(&f->fmt, bad == 0 ? 0 :
							     bad == 1 ? steps[i].table_pa :
									steps[0].table_pa));
			before = dump_take(f->pt);
			for (unsigned int call = 0; call < CALLS_NR; call++) {
				struct pt_change change = { .done = 99 };
				int err = call_range(f, (enum call)call, page_va(f, 1), f->granule,
						     &change);

				if (call != CALL_COLLAPSE && call != CALL_AGE && call != CALL_CLEAN)
					assert_int_equal(err, -EFAULT);
				else
					assert_true(err == 0 || err == -EFAULT);
				assert_int_equal(change.done, 0);
				if (err)
					assert_int_equal(change.bad_va, page_va(f, 1));
			}
			after = dump_take(f->pt);
			assert_true(dump_equal(&before, &after));
			assert_int_equal(f->source.nr_live, live);
			dump_free(&before);
			dump_free(&after);
			write_word(f, pa, steps[i].raw);
		}
	agree(f);
}

/* Above software's words nothing can be mapped, at any level. */
static void software_words_are_in_the_way_of_a_map(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	struct pt_change change;
	unsigned int nr;

	do_map_small(f, 0, 1, 0, RWX);
	assert_int_equal(pt_trace(f->pt, page_va(f, 0), steps, &nr), 0);
	for (unsigned int i = 0; i < nr; i++) {
		pt_pa_t pa = steps[i].table_pa + 8 * steps[i].index;

		write_word(f, pa, RAW_SOFT);
		memset(&change, 0, sizeof(change));
		assert_int_equal(pt_map(f->pt, page_va(f, 0), f->pa, f->granule, RWX, &change),
				 -EEXIST);
		assert_int_equal(change.bad_va, page_va(f, 0));
		assert_int_equal(pt_protect(f->pt, page_va(f, 0), f->granule, 0, PT_ATTR_WRITE,
					    &change),
				 -ENOENT);
		assert_int_equal(read_word(f, pa), RAW_SOFT);
		write_word(f, pa, steps[i].raw);
	}
	agree(f);
}

static void refuses_configurations_that_are_none(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable *pt = (void *)f;
	size_t allocs = f->source.nr_allocs;
	const struct {
		size_t offset;
		unsigned int value;
	} bad[] = {
		{ offsetof(struct pt_fmt_cfg, fmt), PT_FMT_NR },
		{ offsetof(struct pt_fmt_cfg, fmt), 0x7fffffff },
		{ offsetof(struct pt_fmt_cfg, va_bits), 0 },
		{ offsetof(struct pt_fmt_cfg, va_bits), 15 },
		{ offsetof(struct pt_fmt_cfg, va_bits), 53 },
		{ offsetof(struct pt_fmt_cfg, va_bits), 64 },
		{ offsetof(struct pt_fmt_cfg, va_bits), UINT32_MAX },
		{ offsetof(struct pt_fmt_cfg, pa_bits), 0 },
		{ offsetof(struct pt_fmt_cfg, pa_bits), 31 },
		{ offsetof(struct pt_fmt_cfg, pa_bits), 53 },
		{ offsetof(struct pt_fmt_cfg, pa_bits), UINT32_MAX },
		{ offsetof(struct pt_fmt_cfg, bbm), 3 },
		{ offsetof(struct pt_fmt_cfg, bbm), UINT32_MAX },
		{ offsetof(struct pt_fmt_cfg, features), 1u << 31 },
		{ offsetof(struct pt_fmt_cfg, share), 4 },
		{ offsetof(struct pt_fmt_cfg, levels), f->info.nr_levels + 2 },
		{ offsetof(struct pt_fmt_cfg, levels), UINT32_MAX },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pt_pgtable_cfg cfg = f->cfg;
		struct pt_format_info info;

		memcpy((char *)&cfg.fmt + bad[i].offset, &bad[i].value, sizeof(unsigned int));
		assert_int_equal(pt_format_info(&cfg.fmt, &info), -EINVAL);
		assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), -EINVAL);
		assert_int_equal(pt_pgtable_open(&pt, f->phys, &cfg, f->source.pa), -EINVAL);
	}
	assert_ptr_equal(pt, f);
	assert_int_equal(f->source.nr_allocs, allocs);
	{
		struct pt_pgtable_cfg cfg = f->cfg;

		cfg.mode = (enum pt_mode)(PT_MODE_SHARED + 1);
		assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), -EINVAL);
		cfg = f->cfg;
		cfg.tables.free = NULL;
		assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), -EINVAL);
	}
}

/* Of these three a struct without its function is none; of flushes each may be missing. */
static void refuses_callbacks_that_are_not_there(void **state)
{
	struct fixture *f = *state;
	static const struct pt_top_ops top = { 0 };
	static const struct pt_watch_ops watch = { 0 };
	static const struct pt_wait_ops wait = { 0 };

	for (unsigned int i = 0; i < 3; i++) {
		struct pt_pgtable_cfg cfg = f->cfg;
		struct pt_pgtable *pt = (void *)f;

		if (i == 0)
			cfg.top = &top;
		else if (i == 1)
			cfg.watch = &watch;
		else
			cfg.wait = &wait;
		assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), -EINVAL);
		assert_int_equal(pt_pgtable_open(&pt, f->phys, &cfg, pt_pgtable_root(f->pt)),
				 -EINVAL);
		assert_ptr_equal(pt, f);
	}
}

static void without_a_usable_page_for_the_root_there_is_no_table(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_pgtable *pt = (void *)f;
	size_t live = f->source.nr_live;

	f->source.fail_all = true;
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), -ENOMEM);
	f->source.fail_all = false;
	assert_ptr_equal(pt, f);
	assert_int_equal(f->source.nr_live, live);
}

/* A source that hands out what is no memory. */
static int alloc_outside(void *ctx, unsigned int size_lg2, pt_pa_t *pa)
{
	(void)ctx;
	*pa = UINT64_C(1) << size_lg2;
	return 0;
}

static void free_outside(void *ctx, pt_pa_t pa, unsigned int size_lg2)
{
	size_t *nr = ctx;

	assert_int_equal(pa, UINT64_C(1) << size_lg2);
	(*nr)++;
}

static void pages_outside_memory_are_refused_and_given_back(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_pgtable *pt;
	size_t nr_freed = 0;

	cfg.tables = (struct pt_table_ops){ alloc_outside, free_outside, &nr_freed };
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), -EFAULT);
	assert_int_equal(nr_freed, 1);
}

/* A source whose pages are the fixture's, but half a page further on. */
static int alloc_between(void *ctx, unsigned int size_lg2, pt_pa_t *pa)
{
	struct fixture *f = ctx;
	struct pt_table_ops real = page_source_ops(&f->source);
	int err = real.alloc(real.ctx, size_lg2, pa);

	*pa += f->granule / 2;
	return err;
}

static void free_between(void *ctx, pt_pa_t pa, unsigned int size_lg2)
{
	struct fixture *f = ctx;
	struct pt_table_ops real = page_source_ops(&f->source);

	real.free(real.ctx, pa - f->granule / 2, size_lg2);
}

static void pages_that_are_none_of_the_format_are_given_back(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_format_info info;
	struct pt_pgtable *pt;
	size_t live = f->source.nr_live;

	if (fixture_is_concat(f))
		skip(); /* the source has single pages */
	cfg.tables = (struct pt_table_ops){ alloc_between, free_between, f };
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), -EFAULT);
	assert_int_equal(f->source.nr_live, live);
	/* beyond the output width: the fixture's memory is at the top of its own */
	cfg = f->cfg;
	cfg.fmt.pa_bits = 32;
	cfg.fmt.c_bit = 0;
	if (f->fmt.pa_bits == 32 || pt_format_info(&cfg.fmt, &info))
		return;
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), -EFAULT);
	assert_int_equal(f->source.nr_live, live);
}

/* As of a struct pt_change that nobody filled in. */
static void refuses_flags_that_do_not_exist(void **state)
{
	struct fixture *f = *state;
	struct dump before, after;

	do_map_small(f, 0, 1, 0, RWX | PT_ATTR_ACCESSED | PT_ATTR_DIRTY);
	before = dump_take(f->pt);
	/* pages that are there, and some beside them: of one page calls have a quick way */
	for (unsigned int i = 0; i < CALLS_NR * 4; i++) {
		pt_va_t va = page_va(f, i & 1);
		uint64_t len = f->granule << (i >> 1 & 1);

		for (unsigned int bit = 0; bit < 32; bit++) {
			struct pt_change change = { .flags = 1u << bit, .done = 99 };

			if (change.flags & PT_CHANGE_FLAGS)
				continue;
			assert_int_equal(call_range(f, (enum call)(i / 4), va, len, &change),
					 -EINVAL);
			assert_int_equal(change.done, 0);
		}
	}
	after = dump_take(f->pt);
	assert_true(dump_equal(&before, &after));
	dump_free(&before);
	dump_free(&after);
}

#ifndef NDEBUG
/* A source that changes the table that it is asked for, in the midst of another change. */
struct meddler {
	struct fixture *f;
	struct pt_table_ops real;
	struct pt_pgtable *pt;
	pt_va_t va;
};

static int alloc_and_meddle(void *ctx, unsigned int size_lg2, pt_pa_t *pa)
{
	struct meddler *m = ctx;

	if (m->pt)
		(void)!pt_unmap(m->pt, m->va, m->f->granule, NULL);
	return m->real.alloc(m->real.ctx, size_lg2, pa);
}

static void free_for_meddler(void *ctx, pt_pa_t pa, unsigned int size_lg2)
{
	struct meddler *m = ctx;

	m->real.free(m->real.ctx, pa, size_lg2);
}

/* Whether the library finds two changes at once, of pages @first and @second. */
static bool aborts_on_two_changes(struct fixture *f, size_t first, size_t second)
{
	struct meddler m = { .f = f, .real = f->cfg.tables };
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_pgtable *pt;
	int status;
	pid_t child;

	cfg.tables = (struct pt_table_ops){ alloc_and_meddle, free_for_meddler, &m };
	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), 0);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		fclose(stderr); /* where it says so */
		m.pt = pt;
		m.va = page_va(f, second);
		_exit(pt_map(pt, page_va(f, first), page_pa(f, first), f->granule, RWX, NULL));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	pt_pgtable_destroy(pt);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void builds_with_assertions_find_two_writers(void **state)
{
	struct fixture *f = *state;

	assert_true(aborts_on_two_changes(f, 0, 0));
	assert_int_equal(aborts_on_two_changes(f, 0, 1), f->cfg.mode != PT_MODE_SHARED);
}
#endif

int main(void)
{
	static const struct test_case tests[] = {
		TEST(refuses_malformed_ranges),
		TEST(refuses_flags_that_do_not_exist),
		TEST(refuses_ranges_outside_the_input_width),
		TEST(map_refuses_bad_outputs_and_attributes),
		TEST_ON(illegal_words_stand_in_the_way, NEEDS_2_LEVELS),
		TEST_ON(illegal_words_are_in_the_way_of_tables, NEEDS_2_LEVELS),
		TEST_ON(bad_tables_stand_in_the_way, NEEDS_2_LEVELS),
		TEST(software_words_are_in_the_way_of_a_map),
		TEST(refuses_configurations_that_are_none),
		TEST(refuses_callbacks_that_are_not_there),
		TEST(without_a_usable_page_for_the_root_there_is_no_table),
		TEST(pages_outside_memory_are_refused_and_given_back),
		TEST(pages_that_are_none_of_the_format_are_given_back),
#ifndef NDEBUG
		TEST_ON(builds_with_assertions_find_two_writers, NEEDS_2_LEVELS),
#endif
	};

	return RUN_ON_ALL("badinput", tests);
}
