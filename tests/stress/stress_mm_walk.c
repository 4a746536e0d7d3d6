/* SPDX-License-Identifier: MIT */
/*
 * Walkers, with and without locks, and readers of smaps and pagemap, beside one thread that does to
 * two related address spaces what a kernel does: faults, populates, zaps, forks, collapses,
 * splits, migrates, swaps, hides, moves pages to a device, and frees the tables it empties.
 *
 *  - Each walk covers each page exactly once and in order, as what the page was at some moment
 *    of the walk: a hole, a leaf, a swap, migration or device word; and if it was one leaf all the
 *    time, as that leaf.
 *  - What is read without locks adds up: no more than there is, and nothing twice.
 */
#include "stress/stress.h"

#define MS_A_CONFIG 900
#define NR_MMS 2 /* a parent and the child that it shares pages with */
#define NR_BLOCKS 3
#define NR_WALKERS 2
#define NR_LOCKERS 2
#define ZONE_LEN (UINT64_C(512) << 20)
#define DEVICE_LEN (UINT64_C(64) << 20)
#define VA (UINT64_C(3) << 33)

enum {
	IS_HOLE = 1,
	IS_LEAF = 2,
	IS_SWAP = 4,
	IS_MOVING = 8,
	IS_DEVICE = 16,
	IS_ANY = 31,
};

/* bits 4:0 what it may be; 31:5 its frame, if it is one leaf, else 0; 63:32 a sequence number */
struct page {
	_Atomic uint64_t state;
};

struct world {
	struct pt_fmt_cfg fmt;
	struct pt_format_info info;
	struct pt_phys *phys;
	struct pt_zone *zone, *device;
	struct pt_soft_cfg soft;
	struct pt_world *world;
	struct pt_swap *swap;
	struct pt_mm *mm[NR_MMS];
	unsigned int lg2, block_lg2; /* bytes of a page, and of a leaf of level 1 */
	size_t block, nr; /* pages of a block, and of the area */
	struct page *page[NR_MMS];
	uint32_t seed;
	_Atomic uint64_t ops, held, reports;
	atomic_bool stop;
};

static uint64_t state_of(struct world *w, unsigned int who, size_t page)
{
	/* Pairs with the release in set(). */
	return atomic_load_explicit(&w->page[who][page].state, memory_order_acquire);
}

static void set(struct world *w, unsigned int who, size_t page, uint64_t state)
{
	uint64_t old = atomic_load_explicit(&w->page[who][page].state, memory_order_relaxed);

	atomic_store_explicit(&w->page[who][page].state,
			      ((old >> 32) + 1) << 32 | (state & UINT32_MAX), memory_order_release);
}

static pt_va_t va_of(const struct world *w, size_t page)
{
	return VA + ((uint64_t)page << w->lg2);
}

static uint64_t leaf_state(const struct world *w, pt_pa_t pa)
{
	return IS_LEAF | (pa >> w->lg2) << 5;
}

/* What a run says of the page at @va. */
static uint64_t seen(const struct world *w, const struct pt_range_walk *walk,
		     enum pt_range_walk_type type, pt_va_t va)
{
	switch (type) {
	case PTW_NONE:
		return IS_HOLE;
	case PTW_PFN:
	case PTW_FOLIO:
		return leaf_state(w, walk->pa + (va - walk->va));
	case PTW_SWAP:
		return IS_SWAP;
	case PTW_MIGRATION:
		return IS_MOVING;
	default:
		CHECK(type == PTW_DEVICE, va);
		return IS_DEVICE;
	}
}

/* Between what was announced and the change; pairs with the fence in hold(). */
static void announce(struct world *w, size_t first, size_t nr)
{
	for (unsigned int who = 0; who < NR_MMS; who++)
		for (size_t i = first; i < first + nr; i++)
			set(w, who, i, IS_ANY);
	atomic_thread_fence(memory_order_seq_cst);
}

/* What stands there now, as nobody but this thread changes it. */
static void settle(struct world *w, size_t first, size_t nr)
{
	for (unsigned int who = 0; who < NR_MMS; who++) {
		enum pt_range_walk_type type;
		struct pt_range_walk walk;
		size_t page = first;

		for (type = pt_range_walk_start(&walk, pt_mm_pgtable(w->mm[who]), va_of(w, first),
						va_of(w, first + nr) - 1, PT_TYPE_ALL, 0);
		     type != PTW_DONE; type = pt_range_walk_next(&walk))
			for (; va_of(w, page) - walk.va < walk.len; page++)
				set(w, who, page, seen(w, &walk, type, va_of(w, page)));
		CHECK(pt_range_walk_done(&walk) == 0 && page == first + nr, page);
	}
}

/* What a walk said of @page was so, if its state has been @state all the time. */
static void hold(struct world *w, unsigned int who, size_t page, uint64_t state,
		 const struct pt_range_walk *walk, enum pt_range_walk_type type)
{
	uint64_t found = seen(w, walk, type, va_of(w, page));

	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&w->page[who][page].state, memory_order_relaxed) != state)
		return;
	CHECK(found & state & IS_ANY, walk->va);
	if ((state & IS_ANY) != IS_ANY)
		CHECK(found == (state & UINT32_MAX), walk->va);
	if ((state & IS_ANY) != IS_ANY)
		atomic_fetch_add_explicit(&w->held, 1, memory_order_relaxed);
}

/* On few CPUs readers would leave the one who changes no time. */
static void nap(void)
{
	const struct timespec time = { .tv_nsec = 200000 };

	nanosleep(&time, NULL);
}

struct walker {
	struct world *w;
	uint32_t seed;
	unsigned int flags;
};

static void walk_all(struct world *w, unsigned int who, unsigned int flags, uint64_t *states,
		     unsigned int stop)
{
	struct pt_pgtable *pt = pt_mm_pgtable(w->mm[who]);
	enum pt_range_walk_type type;
	struct pt_range_walk walk;
	size_t page = 0;

	for (size_t i = 0; i < w->nr; i++)
		states[i] = state_of(w, who, i);
	for (type = pt_range_walk_start(&walk, pt, VA, va_of(w, w->nr) - 1, PT_TYPE_ALL, flags);
	     type != PTW_DONE && stop--; type = pt_range_walk_next(&walk)) {
		CHECK(type == PTW_NONE || type == PTW_FOLIO || type == PTW_PFN ||
			      type == PTW_SWAP || type == PTW_MIGRATION || type == PTW_DEVICE,
		      walk.va);
		CHECK(walk.va == va_of(w, page), walk.va);
		for (uint64_t at = 0; at < walk.len; at += UINT64_C(1) << w->lg2, page++) {
			CHECK(page < w->nr, walk.va);
			hold(w, who, page, states[page], &walk, type);
		}
	}
	CHECK(type != PTW_DONE || page == w->nr, walk.va);
	CHECK(pt_range_walk_done(&walk) == 0, VA);
}

static void *walker_run(void *arg)
{
	struct walker *walker = arg;
	struct world *w = walker->w;
	uint64_t *states = calloc(w->nr, sizeof(*states));

	CHECK(states, 0);
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		uint32_t pick = stress_random(&walker->seed);

		walk_all(w, pick % NR_MMS,
			 walker->flags | (pick & 0x700 ? 0 : PT_WALK_EACH) |
				 (pick & 0x800 ? PT_WALK_FOLIOS : 0),
			 states, pick & 0x10000 ? UINT32_MAX : pick >> 20 & 15);
		nap();
	}
	free(states);
	return NULL;
}

/* The child's areas stay: what is done to its pages is no reason not to read. */
static void *reporter_run(void *arg)
{
	struct world *w = arg;
	const struct pt_view view = pt_mm_view(w->mm[1]);
	uint64_t *words = calloc(w->nr, sizeof(*words));
	const uint64_t len = (uint64_t)w->nr << w->lg2;

	CHECK(words, 0);
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		struct pt_smaps sum = { 0 };

		CHECK(pt_smaps(&view, 0, UINT64_MAX, &sum) == 0, 0);
		CHECK(sum.size == len, sum.size);
		CHECK(sum.rss + sum.swap <= len, sum.rss);
		CHECK(sum.shared_clean + sum.shared_dirty + sum.private_clean + sum.private_dirty <=
			      sum.rss,
		      sum.rss);
		CHECK(pt_pagemap(&view, VA, VA + len - 1, words) == 0, 0);
		for (size_t i = 0; i < w->nr; i++)
			CHECK(!(words[i] & PT_PAGEMAP_PRESENT) || !(words[i] & PT_PAGEMAP_SWAP), i);
		atomic_fetch_add_explicit(&w->reports, 1, memory_order_relaxed);
		nap();
	}
	free(words);
	return NULL;
}

static void map_area(struct world *w, unsigned int flags)
{
	const struct pt_mm_area want = {
		.first = VA,
		.last = va_of(w, w->nr) - 1,
		.flags = PT_MM_READ | PT_MM_WRITE | flags,
		.node = PT_MM_ANY_NODE,
	};

	CHECK(pt_mm_map(w->mm[0], &want) == 0, VA);
}

static void fault(struct world *w, unsigned int who, size_t page, bool write)
{
	enum pt_mm_verdict verdict;

	CHECK(pt_mm_fault(w->mm[who], va_of(w, page), write ? PT_ACCESS_WRITE : PT_ACCESS_READ,
			  &verdict) == 0,
	      page);
	CHECK(verdict <= PT_VERDICT_RETRY, verdict);
}

static void fork_and_exit(struct world *w, uint32_t pick)
{
	const struct pt_mm_cfg cfg = { .mode = PT_MODE_SHARED };
	enum pt_mm_verdict verdict;
	struct pt_mm *mm;

	CHECK(pt_mm_fork(&mm, w->mm[0], &cfg) == 0, 0);
	for (unsigned int i = 0; i < 4; i++)
		CHECK(pt_mm_fault(mm, va_of(w, (pick + 37 * i) % w->nr), PT_ACCESS_WRITE,
				  &verdict) == 0,
		      i);
	pt_mm_destroy(mm);
}

/* One change. All that it may touch, in both address spaces, is in [@first, @first + @nr). */
static void change(struct world *w, uint32_t pick, uint32_t how)
{
	const unsigned int orders[] = { 0, 2, 4, w->block_lg2 - w->lg2 };
	size_t first = pick % NR_BLOCKS * w->block, nr = w->block, part = w->block / 4;
	unsigned int who = pick >> 8 & 1;
	struct pt_mm *mm = w->mm[who];
	pt_va_t va;
	uint64_t len;
	int err = 0;

	if (how % 16 == 14 || how % 16 == 15) {
		first = 0;
		nr = w->nr;
	}
	announce(w, first, nr);
	va = va_of(w, first);
	len = (uint64_t)nr << w->lg2;
	if (pick & 0x1000)
		part = 1;
	switch (how % 16) {
	case 0:
	case 1:
		err = pt_mm_populate(mm, va, len, orders[pick >> 16 & 3], NULL);
		CHECK(err == 0 || err == -ENOMEM, err);
		break;
	case 2:
	case 3:
		for (unsigned int i = 0; i < 8; i++)
			fault(w, who, first + ((pick >> 16) + 5 * i) % nr, i & 1);
		break;
	case 4:
		err = pt_mm_zap(mm, va, len);
		break;
	case 5:
		err = pt_mm_zap(mm, va + ((uint64_t)part << w->lg2), (uint64_t)part << w->lg2);
		break;
	case 6:
	case 7:
		err = pt_mm_collapse(mm, va, len, NULL);
		break;
	case 8:
		err = pt_mm_split(mm, va, len, NULL);
		break;
	case 9:
		err = pt_mm_migrate_begin(mm, va, len, NULL);
		settle(w, first, nr);
		if (err || pick & 0x4000)
			break;
		announce(w, first, nr);
		err = pt_mm_migrate_end(mm, va, len, NULL);
		break;
	case 10:
		err = pt_mm_migrate_end(mm, va, len, NULL);
		break;
	case 11:
		err = pt_mm_swap_out(mm, va, (uint64_t)part << w->lg2, w->swap, NULL);
		break;
	case 12:
		err = pt_mm_numa_hint(mm, va, (uint64_t)part << w->lg2);
		break;
	case 13:
		err = pt_mm_to_device(mm, va, UINT64_C(4) << w->lg2, NULL);
		break;
	case 14:
		fork_and_exit(w, pick >> 16);
		break;
	default:
		/* Tables go; nobody reads the parent's areas. */
		if (pick & 0x30000)
			break;
		err = pt_mm_unmap(w->mm[0], VA, (uint64_t)w->nr << w->lg2);
		CHECK(err == 0, err);
		map_area(w, pick & 0x40000 ? PT_MM_HUGEPAGE : 0);
		break;
	}
	CHECK(err == 0 || err == -ENOMEM, err);
	settle(w, first, nr);
	atomic_fetch_add_explicit(&w->ops, 1, memory_order_relaxed);
}

static void *owner_run(void *arg)
{
	struct world *w = arg;

	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		uint32_t pick = stress_random(&w->seed);

		change(w, pick, stress_random(&w->seed) >> 8);
	}
	return NULL;
}

static void world_init(struct world *w, const char *name)
{
	const struct pt_phys_region region = { .len = ZONE_LEN + DEVICE_LEN, .fd = -1 };
	const struct pt_extent ram = { 0, ZONE_LEN }, device = { ZONE_LEN, DEVICE_LEN };
	struct pt_zone_cfg zone_cfg = { .ranges = &ram, .nr_ranges = 1 };
	const struct pt_mm_cfg mm_cfg = { .mode = PT_MODE_SHARED };
	struct pt_world_cfg cfg = { .flags = PT_WORLD_NO_CONTENT };

	memset(w, 0, sizeof(*w));
	w->seed = 4711;
	w->fmt = config_fmt(stress_config(name));
	CHECK(pt_format_info(&w->fmt, &w->info) == 0, 0);
	w->lg2 = w->info.granule_lg2;
	w->block_lg2 = w->info.leaf_lg2[1];
	w->block = (size_t)1 << (w->block_lg2 - w->lg2);
	w->nr = NR_BLOCKS * w->block;
	CHECK(pt_phys_create(&w->phys, &region, 1, w->lg2) == 0, 0);
	CHECK(pt_zone_create(&w->zone, w->phys, &zone_cfg) == 0, 0);
	zone_cfg.ranges = &device;
	CHECK(pt_zone_create(&w->device, w->phys, &zone_cfg) == 0, 0);
	CHECK(pt_soft_cfg_init(&w->soft, format_is_x86(w->fmt.fmt) ? PT_SOFT_X86 : PT_SOFT_ARM64,
			       &w->fmt, PT_SOFT_BUILT_DEVICE) == 0,
	      0);
	cfg.zone = w->zone;
	cfg.device = w->device;
	cfg.fmt = w->fmt;
	cfg.soft = w->soft;
	CHECK(pt_world_create(&w->world, w->phys, &cfg) == 0, 0);
	CHECK(pt_swap_create(&w->swap, w->world, 1, 4 * w->nr) == 0, 0);
	CHECK(pt_mm_create(&w->mm[0], w->world, &mm_cfg) == 0, 0);
	map_area(w, 0);
	CHECK(pt_mm_populate(w->mm[0], VA, (uint64_t)w->nr << w->lg2, 4, NULL) == 0, 0);
	CHECK(pt_mm_fork(&w->mm[1], w->mm[0], &mm_cfg) == 0, 0);
	for (unsigned int who = 0; who < NR_MMS; who++) {
		w->page[who] = calloc(w->nr, sizeof(struct page));
		CHECK(w->page[who], 0);
	}
	settle(w, 0, w->nr);
}

static bool find(void *ctx, const struct pt_mm_finding *finding)
{
	(void)ctx;
	fprintf(stderr, "va %#llx pa %#llx: %s\n", (unsigned long long)finding->va,
		(unsigned long long)finding->pa, finding->what);
	return true;
}

static void world_exit(struct world *w)
{
	struct pt_zone_stats stats;

	CHECK(pt_world_verify(w->world, find, NULL) == 0, 0);
	for (unsigned int who = 0; who < NR_MMS; who++) {
		pt_mm_destroy(w->mm[who]);
		free(w->page[who]);
	}
	CHECK(pt_swap_used(w->swap) == 0, 0);
	CHECK(pt_swap_destroy(w->swap) == 0, 0);
	CHECK(pt_world_destroy(w->world) == 0, 0);
	pt_zone_stats(w->zone, &stats);
	CHECK(stats.held == 0, stats.held);
	pt_zone_stats(w->device, &stats);
	CHECK(stats.held == 0, stats.held);
	CHECK(pt_zone_destroy(w->device) == 0, 0);
	CHECK(pt_zone_destroy(w->zone) == 0, 0);
	pt_phys_destroy(w->phys);
}

static void walkers_see_what_was_there(void **state)
{
	const char *name = *state;
	pthread_t thread[NR_WALKERS + NR_LOCKERS + 2];
	struct walker walker[NR_WALKERS + NR_LOCKERS];
	uint64_t *states;
	struct world w;
	size_t nr = 0;

	world_init(&w, name);
	CHECK(!pthread_create(&thread[nr++], NULL, owner_run, &w), 0);
	CHECK(!pthread_create(&thread[nr++], NULL, reporter_run, &w), 0);
	for (unsigned int i = 0; i < NR_WALKERS + NR_LOCKERS; i++) {
		walker[i] = (struct walker){ &w, 99 + i, i < NR_WALKERS ? 0 : PT_WALK_LOCKED };
		CHECK(!pthread_create(&thread[nr++], NULL, walker_run, &walker[i]), i);
	}
	stress_let_run(
		MS_A_CONFIG,
		(const struct stress_least[]){ { &w.ops, 10 }, { &w.held, 10 }, { &w.reports, 1 } },
		3);
	atomic_store(&w.stop, true);
	while (nr)
		CHECK(!pthread_join(thread[--nr], NULL), nr);
	states = calloc(w.nr, sizeof(*states));
	assert_non_null(states);
	for (unsigned int who = 0; who < NR_MMS; who++) {
		walk_all(&w, who, PT_WALK_FOLIOS, states, UINT32_MAX);
		walk_all(&w, who, PT_WALK_LOCKED, states, UINT32_MAX);
	}
	free(states);
	printf("%s: %llu changes, %llu pages held to their state, %llu reports\n", name,
	       (unsigned long long)atomic_load(&w.ops), (unsigned long long)atomic_load(&w.held),
	       (unsigned long long)atomic_load(&w.reports));
	world_exit(&w);
}

int main(void)
{
	static const char *const names[] = { "x86_48", "arm_4k_48_hd_bbm2", "arm_4k_48",
					     "arm_16k_48" };
	struct CMUnitTest tests[sizeof(names) / sizeof(names[0])];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tests[i] = (struct CMUnitTest){ names[i], walkers_see_what_was_there, NULL, NULL,
						(void *)(uintptr_t)names[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
