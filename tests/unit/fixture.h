/* SPDX-License-Identifier: MIT */
/*
 * fixture.h - one test body, every configuration, every mode.
 *
 * A test gets a struct fixture: an empty table in a memory at the top of the format's output range,
 * a source of table pages that counts, and the model of a window of addresses. do_*() make a change
 * to both and compare what they returned; agree() compares all of both, and verifies the table.
 * Tearing down proves that every table page came back.
 */
#ifndef UNIT_FIXTURE_H
#define UNIT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ptlib/ptlib.h>

#include "model/configs.h"
#include "model/page_source.h"
#include "model/raw_words.h"
#include "model/ref_check.h"
#include "model/ref_table.h"
#include "model/thin.h"
#include "model/watcher.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define NR_TABLE_PAGES 512

/* Attributes that every configuration can express; another_attr() adds one that it may lack. */
#define RX (PT_ATTR_READ | PT_ATTR_EXEC)
#define RWX (RX | PT_ATTR_WRITE)

enum test_mode {
	TEST_PRIVATE,
	TEST_EXCLUSIVE,
	TEST_SHARED,
	TEST_CHECKED, /* shared, and every store reported */
	TEST_MODES_NR,
};

static const char *const test_mode_names[] = { "private", "exclusive", "shared", "checked" };

/* What a test needs of a configuration; it runs on those that have it. */
#define NEEDS_2_LEVELS (1u << 0)
#define NEEDS_3_LEVELS (1u << 1)
#define NEEDS_CONTIG (1u << 2)
#define NEEDS_HALF (1u << 3) /* tables of one half: arm64 stage 1 */
#define NEEDS_X86 (1u << 4)
#define NEEDS_DIRTY (1u << 5) /* a dirty state that hardware keeps */
#define NEEDS_CHECKED (1u << 6)
#define NEEDS_LEVEL_2_LEAF (1u << 7)
#define NEEDS_SHARED (1u << 8) /* or checked */
#define NEEDS_PRIVATE (1u << 9) /* for what no mode makes a difference to */
#define NEEDS_X86_64 (1u << 10)
#define NEEDS_CONCAT (1u << 11) /* a root of several tables */
#define NEEDS_ACCESSED (1u << 12) /* an accessed state that hardware keeps */
#define NEEDS_STAGE2 (1u << 13)

struct variant {
	const struct config *config;
	enum test_mode mode;
};

struct fixture {
	const struct config *config;
	enum test_mode mode;
	struct pt_fmt_cfg fmt;
	struct pt_format_info info;
	struct pt_phys *phys;
	struct page_source source;
	struct watcher watcher; /* flushes always, stores in checked mode */
	struct pt_pgtable_cfg cfg;
	struct pt_pgtable *pt;

	uint64_t granule;
	uint64_t block;  /* bytes of a contiguous block of level 0; a granule where there is none */
	uint64_t leaf1;  /* bytes that an entry of level 1 covers; 0 with one level */
	pt_va_t base;    /* aligned to what an entry of level 2 covers, if that is not everything */
	size_t nr_pages; /* granules from @base on that tests may use */
	pt_pa_t pa;      /* where tests map to: aligned as @base; nothing is there */
	struct ref_table ref;
};

static struct fixture fix; /* cmocka runs tests one after another */

static inline bool fixture_is_x86(const struct fixture *f)
{
	return format_is_x86(f->fmt.fmt);
}

/* One table for both halves of the address space. */
static inline bool fixture_has_gap(const struct fixture *f)
{
	return f->fmt.fmt == PT_FMT_X86_64;
}

/* A dirty state that hardware keeps. */
static inline bool format_has_dirty(const struct pt_fmt_cfg *fmt)
{
	return !format_lost_attrs(fmt, PT_ATTR_WRITE | PT_ATTR_DIRTY);
}

/* The root is several tables side by side. */
static inline bool fixture_is_concat(const struct fixture *f)
{
	return f->info.root_align_lg2 > f->info.granule_lg2;
}

/* Bits of a leaf that mean nothing to hardware or to pt_attr_t. */
static inline uint64_t fixture_ignored_bits(const struct fixture *f)
{
	switch (f->fmt.fmt) {
	case PT_FMT_X86_64:
		return UINT64_C(0x15) << 52; /* of 57:52 */
	case PT_FMT_X86_EPT:
		return UINT64_C(0x49) << 56; /* 56, 59 and 62 */
	default:
		return UINT64_C(1) << 63;
	}
}

static inline bool config_meets(const struct config *config, enum test_mode mode,
				unsigned int needs)
{
	struct pt_fmt_cfg fmt = config_fmt(config);
	struct pt_format_info info;

	if (pt_format_info(&fmt, &info))
		return true; /* and let the test fail */
	if (needs & NEEDS_2_LEVELS && info.nr_levels < 2)
		return false;
	if (needs & NEEDS_3_LEVELS && info.nr_levels < 3)
		return false;
	/* a short top table may be smaller than a block */
	if (needs & NEEDS_CONTIG && (!info.contig_lg2[0] || info.nr_levels < 2))
		return false;
	if (needs & NEEDS_LEVEL_2_LEAF && (info.nr_levels < 4 || !info.can_leaf[2]))
		return false;
	if (needs & NEEDS_DIRTY && !format_has_dirty(&fmt))
		return false;
	if (needs & NEEDS_SHARED && mode != TEST_SHARED && mode != TEST_CHECKED)
		return false;
	if (needs & NEEDS_PRIVATE && mode != TEST_PRIVATE)
		return false;
	return !(needs & NEEDS_HALF && (format_is_x86(fmt.fmt) || format_is_stage2(fmt.fmt))) &&
	       !(needs & NEEDS_X86 && !format_is_x86(fmt.fmt)) &&
	       !(needs & NEEDS_X86_64 && fmt.fmt != PT_FMT_X86_64) &&
	       !(needs & NEEDS_STAGE2 && !format_is_stage2(fmt.fmt)) &&
	       !(needs & NEEDS_ACCESSED && format_lost_attrs(&fmt, PT_ATTR_ACCESSED)) &&
	       !(needs & NEEDS_CONCAT &&
		 info.entries_lg2[info.nr_levels - 1] <= info.granule_lg2 - 3) &&
	       !(needs & NEEDS_CHECKED && mode != TEST_CHECKED);
}

/* At the top of the output range, where the address bits are scattered most. */
static inline int fixture_memory(struct fixture *f)
{
	uint64_t len = NR_TABLE_PAGES * f->granule;
	struct pt_phys_region region = { .len = len, .fd = -1 };
	int err;

	region.pa = (UINT64_C(1) << f->fmt.pa_bits) - len;
	err = pt_phys_create(&f->phys, &region, 1, 12);
	if (!err)
		page_source_init(&f->source, f->phys, region.pa, f->info.granule_lg2,
				 NR_TABLE_PAGES);
	return err;
}

static inline void fixture_addresses(struct fixture *f)
{
	const struct pt_format_info *info = &f->info;
	unsigned int nr_levels = info->nr_levels;

	f->block = f->granule << (nr_levels > 1 ? info->contig_lg2[0] : 0);
	f->leaf1 = nr_levels > 1 ? UINT64_C(1) << info->leaf_lg2[1] : 0;
	f->base = info->first;
	if (nr_levels > 2)
		f->base += UINT64_C(1) << info->leaf_lg2[2];
	else if (nr_levels > 1)
		f->base += 4 * f->leaf1;
	f->nr_pages = nr_levels > 1 ? (size_t)(4 * f->leaf1 / f->granule) :
				      (size_t)1 << info->entries_lg2[0];
	f->pa = nr_levels > 2 && info->leaf_lg2[2] < f->fmt.pa_bits - 2 ?
			UINT64_C(1) << info->leaf_lg2[2] :
			UINT64_C(1) << (f->fmt.pa_bits - 1);
}

static inline int fixture_setup(void **state)
{
	const struct variant *variant = *state;
	struct fixture *f = &fix;
	struct pt_table_ops from;

	memset(f, 0, sizeof(*f));
	f->config = variant->config;
	f->mode = variant->mode;
	f->fmt = config_fmt(f->config);
	if (pt_format_info(&f->fmt, &f->info))
		return -1;
	f->granule = UINT64_C(1) << f->info.granule_lg2;
	fixture_addresses(f);
	if (fixture_memory(f))
		return -1;
	from = page_source_ops(&f->source);
	watcher_init(&f->watcher, &f->fmt, f->phys, &from, f->source.pa,
		     NR_TABLE_PAGES, f->mode == TEST_CHECKED);
	f->cfg = (struct pt_pgtable_cfg){
		.fmt = f->fmt,
		.mode = f->mode == TEST_PRIVATE	  ? PT_MODE_PRIVATE :
			f->mode == TEST_EXCLUSIVE ? PT_MODE_EXCLUSIVE :
						    PT_MODE_SHARED,
		.tables = watcher_table_ops(&f->watcher),
		.flush = &f->watcher.flush_ops,
		.watch = f->watcher.checked ? &f->watcher.watch_ops : NULL,
	};
	if (pt_pgtable_create(&f->pt, f->phys, &f->cfg))
		return -1;
	ref_init(&f->ref, &f->fmt, f->base, f->granule, f->nr_pages);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	size_t left;

	watcher_forget(&f->watcher);
	pt_pgtable_destroy(f->pt);
	left = f->source.nr_live;
	if (left)
		fprintf(stderr, "%zu table pages are lost\n", left);
	ref_exit(&f->ref);
	watcher_exit(&f->watcher);
	page_source_exit(&f->source);
	pt_phys_destroy(f->phys);
	return left == 0 ? 0 : -1;
}

struct test_case {
	const char *name;
	void (*run)(void **state);
	unsigned int needs;
};

#define TEST(function) { #function, function, 0 }
#define TEST_ON(function, needs) { #function, function, needs }

/*
 * Runs every test on every variant that has what it needs; slow builds each on every n-th,
 * another n-th from test to test.
 */
static inline int run_on_all(const char *group, const struct test_case *tests, size_t nr_tests)
{
	static struct variant variants[NR_CONFIGS * TEST_MODES_NR];
	size_t max = nr_tests * NR_CONFIGS * TEST_MODES_NR, nr = 0;
	size_t thin = test_thin();
	struct CMUnitTest *all = calloc(max, sizeof(*all));
	int failed;

	if (!all)
		return 1;
	for (size_t i = 0; i < NR_CONFIGS * TEST_MODES_NR; i++)
		variants[i] = (struct variant){ &configs[i / TEST_MODES_NR],
						(enum test_mode)(i % TEST_MODES_NR) };
	for (size_t t = 0; t < nr_tests; t++)
		for (size_t i = 0; i < NR_CONFIGS * TEST_MODES_NR; i++) {
			const struct variant *v = &variants[i];
			char *name;
			size_t size;

			if ((t + i) % thin || !config_meets(v->config, v->mode, tests[t].needs))
				continue;
			size = strlen(tests[t].name) + strlen(v->config->name) + 16;
			name = malloc(size);
			if (!name)
				return 1;
			snprintf(name, size, "%s/%s/%s", tests[t].name, v->config->name,
				 test_mode_names[v->mode]);
			all[nr++] = (struct CMUnitTest){ name, tests[t].run, fixture_setup,
							 fixture_teardown, &variants[i] };
		}
	failed = _cmocka_run_group_tests(group, all, nr, NULL, NULL);
	for (size_t i = 0; i < nr; i++)
		free((void *)(uintptr_t)all[i].name);
	free(all);
	return failed;
}

#define RUN_ON_ALL(group, tests) run_on_all(group, tests, sizeof(tests) / sizeof((tests)[0]))

/* Addresses of page @i of the window, and of what tests map it to. */
static inline pt_va_t page_va(const struct fixture *f, size_t i)
{
	return f->base + i * f->granule;
}

static inline pt_pa_t page_pa(const struct fixture *f, size_t i)
{
	return f->pa + i * f->granule;
}

/* Pages in @bytes. */
static inline size_t pages(const struct fixture *f, uint64_t bytes)
{
	return (size_t)(bytes / f->granule);
}

/* The log2 of a power of two. */
static inline unsigned int lg2(uint64_t x)
{
	return 63 - (unsigned int)__builtin_clzll(x);
}

static inline void agree_after(struct fixture *f, bool merged)
{
	assert_true(ref_observe(&f->ref, f->pt, merged));
	assert_true(ref_check(&f->ref, f->pt));
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

static inline void agree(struct fixture *f)
{
	agree_after(f, false);
}

/* Maps pages [@first, @first + @nr) to output page @pa of the test's range. */
static inline void do_map_flags(struct fixture *f, size_t first, size_t nr, pt_pa_t pa,
				pt_attr_t attr, unsigned int flags, unsigned int max_lg2)
{
	struct pt_change change = { .flags = flags, .max_lg2 = max_lg2 };
	pt_va_t bad_va = 0;
	int err;

	assert_true(first + nr <= f->nr_pages);
	err = ref_map(&f->ref, first, nr, pa, attr, &bad_va);
	assert_int_equal(pt_map(f->pt, page_va(f, first), pa, nr * f->granule, attr, &change), err);
	if (err == -EEXIST)
		assert_int_equal(change.bad_va, bad_va);
	if (!err)
		assert_int_equal(change.done, nr * f->granule);
}

static inline void do_map(struct fixture *f, size_t first, size_t nr, size_t pa_page,
			  pt_attr_t attr)
{
	do_map_flags(f, first, nr, page_pa(f, pa_page), attr, 0, 0);
}

/* Maps them one by one, as base pages that are in no block. */
static inline void do_map_small(struct fixture *f, size_t first, size_t nr, size_t pa_page,
				pt_attr_t attr)
{
	do_map_flags(f, first, nr, page_pa(f, pa_page), attr, PT_CHANGE_NO_CONTIG,
		     f->info.granule_lg2);
}

static inline void do_unmap(struct fixture *f, size_t first, size_t nr, unsigned int flags)
{
	struct pt_change change = { .flags = flags };
	uint64_t done;

	assert_true(first + nr <= f->nr_pages);
	done = ref_unmap(&f->ref, first, nr);
	watcher_expect(&f->watcher, f->pt);
	assert_int_equal(pt_unmap(f->pt, page_va(f, first), nr * f->granule, &change), 0);
	assert_int_equal(change.done, done);
	assert_true(watcher_was_flushed(&f->watcher, f->pt));
}

static inline void do_protect(struct fixture *f, size_t first, size_t nr, pt_attr_t set,
			      pt_attr_t clear, unsigned int flags)
{
	struct pt_change change = { .flags = flags };
	pt_va_t bad_va = 0;
	uint64_t done;
	bool or_unsupported;
	int err;

	assert_true(first + nr <= f->nr_pages);
	err = ref_protect(&f->ref, first, nr, set, clear, flags, &bad_va, &done, &or_unsupported);
	watcher_expect(&f->watcher, f->pt);
	assert_false(or_unsupported);
	assert_int_equal(pt_protect(f->pt, page_va(f, first), nr * f->granule, set, clear, &change),
			 err);
	if (err == -ENOENT)
		assert_int_equal(change.bad_va, bad_va);
	if (!err)
		assert_int_equal(change.done, done);
	assert_true(watcher_was_flushed(&f->watcher, f->pt));
}

/* Returns the bytes whose leaf is smaller now. */
static inline uint64_t do_split(struct fixture *f, size_t first, size_t nr, unsigned int level)
{
	struct pt_change change = { 0 };

	watcher_expect(&f->watcher, f->pt);
	assert_int_equal(pt_split(f->pt, page_va(f, first), nr * f->granule, level, &change), 0);
	assert_true(watcher_was_flushed(&f->watcher, f->pt));
	return change.done;
}

/* Returns the bytes whose leaf is larger now. */
static inline uint64_t do_collapse(struct fixture *f, size_t first, size_t nr, unsigned int level,
				   unsigned int flags)
{
	struct pt_change change = { .flags = flags };

	watcher_expect(&f->watcher, f->pt);
	assert_int_equal(pt_collapse(f->pt, page_va(f, first), nr * f->granule, level, &change), 0);
	assert_true(watcher_was_flushed(&f->watcher, f->pt));
	return change.done;
}

static inline void do_age(struct fixture *f, size_t first, size_t nr)
{
	struct pt_change change = { 0 };
	uint64_t done = ref_test_and_clear(&f->ref, first, nr, PT_ATTR_ACCESSED);

	assert_int_equal(pt_test_and_clear_accessed(f->pt, page_va(f, first), nr * f->granule,
						    &change),
			 0);
	assert_int_equal(change.done, done);
}

static inline void do_clean(struct fixture *f, size_t first, size_t nr)
{
	struct pt_change change = { 0 };
	uint64_t done = ref_test_and_clear(&f->ref, first, nr, PT_ATTR_DIRTY);

	watcher_expect(&f->watcher, f->pt);
	assert_int_equal(pt_test_and_clear_dirty(f->pt, page_va(f, first), nr * f->granule,
						 &change),
			 0);
	assert_int_equal(change.done, done);
	assert_true(watcher_was_flushed(&f->watcher, f->pt));
}

/* The physical address of the last word that a walk to @va reads. */
static inline pt_pa_t word_pa(const struct fixture *f, pt_va_t va)
{
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;
	int err = pt_trace(f->pt, va, steps, &nr);

	assert_true(err == 0 || err == -ENOENT || err == -EFAULT);
	return steps[nr - 1].table_pa + 8 * steps[nr - 1].index;
}

static inline uint64_t read_word(const struct fixture *f, pt_pa_t pa)
{
	return *(const uint64_t *)pt_phys_to_host(f->phys, pa, 8);
}

/* Behind the library's back, as an operating system or a CPU does. */
static inline void write_word(struct fixture *f, pt_pa_t pa, uint64_t raw)
{
	*(uint64_t *)pt_phys_to_host(f->phys, pa, 8) = raw;
	watcher_note(&f->watcher, pa, raw);
}

/* A CPU's load (accessed) or store (dirty) of page @i, in the one entry that maps it. */
static inline void touch(struct fixture *f, size_t i, pt_attr_t bits)
{
	pt_pa_t pa = word_pa(f, page_va(f, i));
	uint64_t raw = read_word(f, pa);

	write_word(f, pa, raw_touch(&f->fmt, raw, bits));
	ref_touch(&f->ref, i, bits);
}

/* USER, or where leaves have no privilege a software bit. */
static inline pt_attr_t another_attr(const struct fixture *f)
{
	return f->info.attrs & PT_ATTR_USER ? PT_ATTR_USER : PT_ATTR_SW(1);
}

/* What kind of leaf page @i is mapped by: -1 for none. */
static inline int leaf_level(const struct fixture *f, size_t i)
{
	struct pt_leaf leaf;

	return pt_lookup(f->pt, page_va(f, i), &leaf) ? -1 : (int)leaf.level;
}

/* log2 bytes of the leaf, or of the whole block, that page @i is mapped by; 0: none. */
static inline unsigned int span_lg2(const struct fixture *f, size_t i)
{
	struct pt_leaf leaf;

	return pt_lookup(f->pt, page_va(f, i), &leaf) ? 0 : leaf.size_lg2 + leaf.contig_lg2;
}

#endif /* UNIT_FIXTURE_H */
