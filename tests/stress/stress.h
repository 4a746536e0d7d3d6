/* SPDX-License-Identifier: MIT */
/*
 * stress.h - what the stress tests share: pages whose state is known while it changes, and
 * lockless readers that hold the table to it.
 *
 *	region 0        region 1        ...             one leaf table each, far apart, so that
 *	|A0|B0|A1|B1|   |A0|B0|A1|B1|                   whole branches come and go; a chunk is
 *	                                                as large as a contiguous block
 *
 * Each page may translate to one of NR_OUTPUTS addresses, from which the page can be told, with one
 * of NR_MARKS software marks, or to nothing. page.state says which of these a reader may find
 * now. Its owner sets it to (old or new) before it changes the page and to new afterwards, with
 * a new sequence number each time; what a reader finds between two looks at the same state must be
 * in it.
 */
#ifndef STRESS_H
#define STRESS_H

#define _POSIX_C_SOURCE 200809L /* clock_gettime(), nanosleep() */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include <ptlib/ptlib.h>

#include "model/configs.h"
#include "model/page_source.h"

#define NR_REGIONS 4
#define NR_CHUNKS 4 /* in a region */
#define NR_OUTPUTS 4
#define NR_MARKS 4
#define NR_TABLE_PAGES 512
#define MAX_OWNERS 4
#define RWX (PT_ATTR_READ | PT_ATTR_WRITE | PT_ATTR_EXEC)

/* In threads, where cmocka's assertions must not be used. */
#define CHECK(cond, va)                                                                            \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: at %#llx: %s\n", __FILE__, __LINE__,               \
				(unsigned long long)(va), #cond);                                  \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* bits 7:0 a hole, or output n as bit n + 1; 15:8 marks; above, the sequence number */
#define STATE_HOLE 1u
#define STATE_OUTPUT(n) (2u << (n))
#define STATE_MARK(n) (0x100u << (n))
#define STATE_BITS UINT64_C(0xffff)

struct stress_page {
	_Atomic uint64_t state;
};

struct stress {
	const struct config *config;
	struct pt_fmt_cfg fmt;
	struct pt_format_info info;
	struct pt_phys *phys;
	struct page_source source;
	struct pt_pgtable *pt;
	uint64_t granule;
	size_t chunk_pages, region_pages;
	pt_pa_t pa;               /* what is mapped to */
	struct stress_page *page; /* of all regions in a row */
	atomic_bool stop;
	_Atomic uint64_t reads;   /* that were held to a state */
	_Atomic uint64_t ops[MAX_OWNERS]; /* that have ended, by owner */
};

/* xorshift; one a thread */
static inline uint32_t stress_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static inline size_t stress_nr_pages(const struct stress *s)
{
	return NR_REGIONS * s->region_pages;
}

/* Each region in an entry of its own, as high in the tree as there are entries. */
static inline pt_va_t stress_va(const struct stress *s, size_t page)
{
	size_t region = page / s->region_pages;
	unsigned int level = s->info.nr_levels - 1;

	while (level > 1 && s->info.entries_lg2[level] < 4)
		level--;
	return s->info.first + ((region + 2) << s->info.leaf_lg2[level]) +
	       page % s->region_pages * s->granule;
}

static inline pt_pa_t stress_pa(const struct stress *s, size_t page, unsigned int output)
{
	return s->pa + (output * stress_nr_pages(s) + page) * s->granule;
}

static inline const struct config *stress_config(const char *name)
{
	for (size_t i = 0; i < NR_CONFIGS; i++)
		if (!strcmp(configs[i].name, name))
			return &configs[i];
	abort();
}

static inline void stress_init(struct stress *s, const char *name, enum pt_mode mode,
			       const struct pt_flush_ops *flush, const struct pt_watch_ops *watch)
{
	struct pt_phys_region region = { .fd = -1 };
	struct pt_pgtable_cfg cfg;

	memset(s, 0, sizeof(*s));
	s->config = stress_config(name);
	s->fmt = config_fmt(s->config);
	CHECK(pt_format_info(&s->fmt, &s->info) == 0, 0);
	s->granule = UINT64_C(1) << s->info.granule_lg2;
	s->chunk_pages = s->info.contig_lg2[0] ? (size_t)1 << s->info.contig_lg2[0] : 16;
	s->region_pages = NR_CHUNKS * s->chunk_pages;
	s->pa = UINT64_C(1) << (s->fmt.pa_bits - 2);
	region.len = NR_TABLE_PAGES * s->granule;
	region.pa = (UINT64_C(1) << s->fmt.pa_bits) - region.len;
	CHECK(pt_phys_create(&s->phys, &region, 1, 12) == 0, 0);
	page_source_init(&s->source, s->phys, region.pa, s->info.granule_lg2, NR_TABLE_PAGES);
	cfg = (struct pt_pgtable_cfg){ .fmt = s->fmt, .mode = mode,
				       .tables = page_source_ops(&s->source), .flush = flush,
				       .watch = watch };
	CHECK(pt_pgtable_create(&s->pt, s->phys, &cfg) == 0, 0);
	s->page = calloc(stress_nr_pages(s), sizeof(*s->page));
	CHECK(s->page, 0);
	for (size_t i = 0; i < stress_nr_pages(s); i++)
		atomic_init(&s->page[i].state, STATE_HOLE);
}

static inline void stress_exit(struct stress *s)
{
	pt_pgtable_destroy(s->pt);
	CHECK(s->source.nr_live == 0, s->source.nr_live);
	page_source_exit(&s->source);
	pt_phys_destroy(s->phys);
	free(s->page);
}

/* The owner's: pages [@first, @first + @nr) are about to be, or are, in one of @states each. */
static inline void stress_set(struct stress *s, size_t page, uint32_t states)
{
	uint64_t old = atomic_load_explicit(&s->page[page].state, memory_order_relaxed);

	/* Release pairs with the acquire load in stress_state(). */
	atomic_store_explicit(&s->page[page].state, ((old & ~STATE_BITS) + 0x10000) | states,
			      memory_order_release);
}

/* Between what was announced and the change: pairs with the fence in stress_held(). */
static inline void stress_announce_done(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

static inline uint64_t stress_state(struct stress *s, size_t page)
{
	return atomic_load_explicit(&s->page[page].state, memory_order_acquire);
}

/* What a reader saw of @page must be in @state, if that has been its state all the time. */
static inline void stress_held(struct stress *s, size_t page, uint64_t state, int err, pt_pa_t pa,
			       pt_attr_t attr, bool has_attr)
{
	uint32_t seen = 0;

	if (!err) {
		uint64_t offset = pa - s->pa;

		for (unsigned int n = 0; n < NR_OUTPUTS; n++)
			if (pa == stress_pa(s, page, n))
				seen = STATE_OUTPUT(n);
		CHECK(seen, offset);
		CHECK(!has_attr || pt_attr_sw(attr) < NR_MARKS, attr);
	} else {
		CHECK(err == -ENOENT, page);
		seen = STATE_HOLE;
	}
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&s->page[page].state, memory_order_relaxed) != state)
		return; /* changed meanwhile */
	CHECK(state & seen, stress_va(s, page));
	if (!err && has_attr)
		CHECK(state & STATE_MARK(pt_attr_sw(attr)), stress_va(s, page));
	atomic_fetch_add_explicit(&s->reads, 1, memory_order_relaxed);
}

static inline void stress_read_one(struct stress *s, size_t page, bool translate)
{
	pt_va_t va = stress_va(s, page) + page % s->granule;
	uint64_t state = stress_state(s, page);
	struct pt_leaf leaf = { 0 };
	pt_pa_t pa = 0;
	int err;

	if (translate) {
		err = pt_translate(s->pt, va, &pa);
		stress_held(s, page, state, err, pa - page % s->granule, 0, false);
	} else {
		err = pt_lookup(s->pt, va, &leaf);
		stress_held(s, page, state, err, leaf.pa - page % s->granule, leaf.attr, true);
	}
}

/* Every page of the region once, in order, in a state that it had. */
static inline void stress_read_region(struct stress *s, size_t region, unsigned int flags,
				      uint64_t *states)
{
	size_t first = region * s->region_pages, page = first;
	pt_va_t va = stress_va(s, first), last = va + (s->region_pages * s->granule - 1);
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	for (size_t i = 0; i < s->region_pages; i++)
		states[i] = stress_state(s, first + i);
	for (type = pt_range_walk_start(&walk, s->pt, va, last, PT_TYPE_ALL, flags);
	     type != PTW_DONE; type = pt_range_walk_next(&walk)) {
		CHECK(type == PTW_NONE || type == PTW_PFN, walk.va);
		CHECK(walk.va == stress_va(s, page), walk.va);
		for (uint64_t at = 0; at < walk.len; at += s->granule, page++) {
			CHECK(page < first + s->region_pages, walk.va);
			stress_held(s, page, states[page - first],
				    type == PTW_PFN ? 0 : -ENOENT, walk.pa + at, walk.attr,
				    type == PTW_PFN);
		}
	}
	CHECK(page == first + s->region_pages, walk.va);
	CHECK(pt_range_walk_done(&walk) == 0, va);
}

/* A lockless reader, until told to stop. */
static inline void *stress_reader(void *arg)
{
	static _Atomic uint32_t seeds = 1;
	struct stress *s = arg;
	uint32_t seed = 0x9e3779b9u * atomic_fetch_add(&seeds, 1);
	uint64_t *states = calloc(s->region_pages, sizeof(*states));

	CHECK(states, 0);
	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		uint32_t pick = stress_random(&seed);

		for (unsigned int i = 0; i < 64; i++)
			stress_read_one(s, stress_random(&seed) % stress_nr_pages(s), i & 1);
		stress_read_region(s, pick % NR_REGIONS, pick & 256 ? PT_WALK_EACH : 0, states);
	}
	free(states);
	return NULL;
}

/* The table is what the owners left: every page in the one state it may have. */
static inline void stress_final(struct stress *s)
{
	for (size_t i = 0; i < stress_nr_pages(s); i++) {
		stress_read_one(s, i, true);
		stress_read_one(s, i, false);
	}
	CHECK(pt_verify(s->pt, NULL, NULL) == 0, 0);
}

static inline void stress_sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

/* What threads have to come to, however long the machine lets them wait. */
struct stress_least {
	const _Atomic uint64_t *count;
	uint64_t more_than;
};

/* Returns after @ms, but not before every count is as high as it has to be. */
static inline void stress_let_run(unsigned int ms, const struct stress_least *least, size_t nr)
{
	stress_sleep_ms(ms);
	for (size_t i = 0; i < nr; i++)
		while (atomic_load_explicit(least[i].count, memory_order_relaxed) <=
		       least[i].more_than)
			stress_sleep_ms(1);
}

static inline uint64_t stress_ops(struct stress *s)
{
	uint64_t ops = 0;

	for (unsigned int i = 0; i < MAX_OWNERS; i++)
		ops += atomic_load_explicit(&s->ops[i], memory_order_relaxed);
	return ops;
}

static inline void stress_op_ends(struct stress *s, unsigned int owner)
{
	atomic_fetch_add_explicit(&s->ops[owner], 1, memory_order_relaxed);
}

/*
 * For those who find an entry broken, which its owner will soon put right: not by the clock, for
 * an owner may have lost its CPU in the middle. Zeroed to begin with.
 */
struct stress_patience {
	uint64_t ops[MAX_OWNERS];
	unsigned int rounds; /* in each of which every owner has ended an operation */
};

static inline bool stress_is_patient(struct stress *s, struct stress_patience *p,
				     unsigned int nr_owners)
{
	for (unsigned int i = 0; i < nr_owners; i++) {
		if (atomic_load_explicit(&s->ops[i], memory_order_relaxed) == p->ops[i]) {
			sched_yield();
			return true;
		}
	}
	for (unsigned int i = 0; i < nr_owners; i++)
		p->ops[i] = atomic_load_explicit(&s->ops[i], memory_order_relaxed);
	return ++p->rounds < 1000;
}

/*
 * One owner's work: pages that nobody else changes. Its own record of them is the model: what an
 * operation returns is known beforehand.
 */
struct stress_owner {
	struct stress *s;
	uint32_t seed;
	unsigned int index, nr; /* which of how many: owns every nr-th chunk */
	_Atomic uint64_t *cleaned; /* if not NULL: bytes found dirty */
};

static inline uint32_t stress_pure(struct stress *s, size_t page)
{
	return (uint32_t)(stress_state(s, page) & STATE_BITS);
}

static inline void stress_do_map(struct stress_owner *o, size_t first, size_t nr, unsigned int pick)
{
	struct stress *s = o->s;
	unsigned int output = pick % NR_OUTPUTS, mark = pick / NR_OUTPUTS % NR_MARKS;
	struct pt_change change = { .flags = pick & 64 ? PT_CHANGE_NO_CONTIG : 0 };
	uint32_t after = STATE_OUTPUT(output) | STATE_MARK(mark);
	bool taken = false;
	int err;

	for (size_t i = first; i < first + nr; i++)
		taken |= !(stress_pure(s, i) & STATE_HOLE);
	for (size_t i = first; !taken && i < first + nr; i++)
		stress_set(s, i, STATE_HOLE | after);
	stress_announce_done();
	err = pt_map(s->pt, stress_va(s, first), stress_pa(s, first, output), nr * s->granule,
		     RWX | PT_ATTR_SW(mark), &change);
	CHECK(err == (taken ? -EEXIST : 0), stress_va(s, first));
	for (size_t i = first; !taken && i < first + nr; i++)
		stress_set(s, i, after);
}

static inline void stress_do_unmap(struct stress_owner *o, size_t first, size_t nr,
				   unsigned int pick)
{
	struct stress *s = o->s;
	struct pt_gather gather;
	struct pt_change change = { .flags = pick & 3 ? PT_CHANGE_FREE_TABLES : 0 };
	uint64_t bytes = 0;

	for (size_t i = first; i < first + nr; i++) {
		bytes += stress_pure(s, i) & STATE_HOLE ? 0 : s->granule;
		stress_set(s, i, stress_pure(s, i) | STATE_HOLE);
	}
	stress_announce_done();
	if (pick & 4) {
		pt_gather_begin(&gather, s->pt);
		change.gather = &gather;
	}
	CHECK(pt_unmap(s->pt, stress_va(s, first), nr * s->granule, &change) == 0, first);
	CHECK(change.done == bytes, stress_va(s, first));
	for (size_t i = first; i < first + nr; i++)
		stress_set(s, i, STATE_HOLE);
	if (pick & 4)
		pt_gather_finish(&gather);
}

static inline void stress_do_protect(struct stress_owner *o, size_t first, size_t nr,
				     unsigned int pick)
{
	struct stress *s = o->s;
	struct pt_change change = { .flags = PT_CHANGE_SKIP_HOLES };
	unsigned int mark = pick % NR_MARKS;
	uint64_t bytes = 0;

	for (size_t i = first; i < first + nr; i++) {
		uint32_t now = stress_pure(s, i);

		bytes += now & STATE_HOLE ? 0 : s->granule;
		if (!(now & STATE_HOLE))
			stress_set(s, i, now | STATE_MARK(mark));
	}
	stress_announce_done();
	CHECK(pt_protect(s->pt, stress_va(s, first), nr * s->granule, PT_ATTR_SW(mark),
			 PT_ATTR_SW_MASK, &change) == 0,
	      first);
	CHECK(change.done == bytes, stress_va(s, first));
	for (size_t i = first; i < first + nr; i++) {
		uint32_t now = stress_pure(s, i);

		if (!(now & STATE_HOLE))
			stress_set(s, i, (now & 0xff) | STATE_MARK(mark));
	}
}

static inline void stress_do_clean(struct stress_owner *o, size_t first, size_t nr)
{
	struct stress *s = o->s;
	struct pt_change change = { 0 };

	CHECK(pt_test_and_clear_dirty(s->pt, stress_va(s, first), nr * s->granule, &change) == 0,
	      first);
	CHECK(change.done <= s->chunk_pages * s->granule, change.done);
	if (o->cleaned)
		atomic_fetch_add_explicit(o->cleaned, change.done, memory_order_relaxed);
}

/* Some pages of one chunk of the owner's: half of the time all, so that tables become empty. */
struct stress_part {
	size_t chunk, first, nr;
	uint32_t how; /* at random; its low bits are used up */
};

static inline struct stress_part stress_pick(struct stress_owner *o)
{
	struct stress *s = o->s;
	uint32_t pick = stress_random(&o->seed), how = stress_random(&o->seed);
	size_t nr_chunks = NR_REGIONS * NR_CHUNKS / o->nr;
	size_t chunk = pick % nr_chunks * o->nr + o->index;
	size_t first = 0, nr = s->chunk_pages;

	if (pick & 0x10000) {
		first = (pick >> 20) % s->chunk_pages;
		nr = 1 + how % (s->chunk_pages - first);
	}
	return (struct stress_part){ chunk, chunk * s->chunk_pages + first, nr, how };
}

/* One operation on a part of one chunk of the owner's. */
static inline void stress_step(struct stress_owner *o)
{
	struct stress *s = o->s;
	const struct stress_part part = stress_pick(o);
	size_t chunk = part.chunk, first = part.first, nr = part.nr;
	uint32_t how = part.how;

	switch (how >> 24 & 15) {
	case 0: case 1: case 2: case 3: case 4:
		stress_do_map(o, first, nr, how >> 8);
		break;
	case 5: case 6: case 7: case 8: case 9:
		stress_do_unmap(o, first, nr, how >> 8);
		break;
	case 10: case 11:
		stress_do_protect(o, first, nr, how >> 8);
		break;
	case 12:
		CHECK(pt_test_and_clear_accessed(s->pt, stress_va(s, first), nr * s->granule,
						 NULL) == 0,
		      first);
		break;
	case 13:
		stress_do_clean(o, first, nr);
		break;
	case 14:
		CHECK(pt_collapse(s->pt, stress_va(s, chunk * s->chunk_pages),
				  s->chunk_pages * s->granule, 0, NULL) == 0,
		      chunk);
		break;
	default:
		CHECK(pt_split(s->pt, stress_va(s, first), nr * s->granule, 0, NULL) == 0, first);
		break;
	}
	stress_op_ends(s, o->index);
}

#endif /* STRESS_H */
