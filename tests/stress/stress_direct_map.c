/* SPDX-License-Identifier: MIT */
/*
 * Several threads take pages of all kinds from one zone, change single pages by hand, and free
 * what others took; leaves are split and joined all the while. Each page that a thread holds is
 * looked at: nobody else may have changed it, and no lockless reader may find it otherwise.
 * Absent pages are zeroed through a mermap, in which each thread is a CPU.
 */
#define _POSIX_C_SOURCE 200809L

#include "kspace/zone.h"

#include <pthread.h>
#include <stdatomic.h>

#define NR_THREADS NR_TEST_CPUS
#define NR_SLOTS 64 /* where threads leave pages for others to free */
#define NR_HELD 256
#define NR_TURNS 6000

/* In threads, where cmocka's assertions must not be used. */
#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* What a thread holds: its first byte, and what it is in the low bits. */
#define KIND_FLAGS 3u  /* PT_FREETYPE_* */
#define KIND_ABSENT 4u /* plain, and made absent by hand */
#define KIND_BLOCK 8u  /* 8 pages */

struct stress {
	struct zoned *z;
	struct pt_direct_map *dm;
	bool keys;
	_Atomic uint64_t slot[NR_SLOTS];
	_Atomic uint64_t taken;
};

struct worker {
	struct stress *s;
	struct pt_zone_cache *cache;
	uint64_t seed;
	uint64_t held[NR_HELD];
	size_t nr_held;
};

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *seed >> 33;
}

static pt_pa_t page_of(uint64_t held)
{
	return held & ~UINT64_C(0xfff);
}

static uint64_t pages_of(uint64_t held)
{
	return held & KIND_BLOCK ? 8 : 1;
}

static void look(const struct worker *w, uint64_t held)
{
	bool absent = held & (PT_FREETYPE_UNMAPPED | KIND_ABSENT);
	uint64_t granule = w->s->z->k->granule;

	for (uint64_t i = 0; i < pages_of(held); i++)
		CHECK(pt_kernel_page_present(w->s->dm, page_of(held) + i * granule) == !absent);
}

/* A word at the end of it; not 0 while somebody holds it. */
static uint64_t *word_of(const struct worker *w, uint64_t held)
{
	uint64_t len = pages_of(held) * w->s->z->k->granule;
	uint8_t *host = pt_phys_to_host(w->s->z->k->phys, page_of(held), len);

	return (uint64_t *)(void *)(host + len - 8);
}

static void take(struct worker *w)
{
	static const unsigned int kinds[] = { 0, PT_FREETYPE_UNMAPPED, PT_FREETYPE_KEYED };
	unsigned int flags = kinds[next_random(&w->seed) % (w->s->keys ? 3 : 2)];
	bool block = next_random(&w->seed) % 4 == 0;
	const struct pt_alloc how = {
		.order = block ? 3 : 0,
		.type = pt_freetype(PT_MIGRATE_UNMOVABLE, flags),
		.flags = next_random(&w->seed) % 2 ? PT_ALLOC_ZERO : 0,
	};
	uint64_t held;
	pt_pa_t pa;
	int err;

	if (flags == PT_FREETYPE_KEYED)
		CHECK(!pt_direct_map_prepare(w->s->dm));
	err = pt_alloc_pages(w->s->z->zone, w->cache, &how, &pa);
	CHECK(!err || (err == -ENOMEM && flags == PT_FREETYPE_KEYED));
	if (err)
		return;
	held = pa | flags | (block ? KIND_BLOCK : 0);
	look(w, held);
	CHECK(!(how.flags & PT_ALLOC_ZERO) || *word_of(w, held) == 0);
	*word_of(w, held) = pa;
	w->held[w->nr_held++] = held;
	atomic_fetch_add_explicit(&w->s->taken, 1, memory_order_relaxed);
}

static void give(struct worker *w, uint64_t held)
{
	look(w, held);
	CHECK(*word_of(w, held) == page_of(held));
	if (held & KIND_ABSENT)
		CHECK(!pt_set_direct_map_default(w->s->dm, page_of(held), pages_of(held)));
	CHECK(!pt_free_pages(w->s->z->zone, w->cache, page_of(held), held & KIND_BLOCK ? 3 : 0));
}

/* A plain page is made absent, or present again. */
static void change(struct worker *w, uint64_t *held)
{
	bool absent = *held & KIND_ABSENT;

	look(w, *held);
	if (*held & KIND_FLAGS)
		return;
	CHECK(!pt_set_direct_map_valid(w->s->dm, page_of(*held), pages_of(*held), absent));
	*held ^= KIND_ABSENT;
	look(w, *held);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned int turn = 0; turn < NR_TURNS; turn++) {
		uint64_t dice = next_random(&w->seed) % 16;
		size_t i = w->nr_held ? next_random(&w->seed) % w->nr_held : 0;

		if ((dice < 7 || !w->nr_held) && w->nr_held < NR_HELD) {
			take(w);
		} else if (dice < 10) {
			change(w, &w->held[i]);
		} else {
			uint64_t mine = w->held[i], theirs = mine;

			w->held[i] = w->held[--w->nr_held];
			/*
			 * Acquire and release: what its holder did comes
			 * before what is done next.
			 */
			if (dice < 14)
				theirs = atomic_exchange_explicit(
					&w->s->slot[next_random(&w->seed) % NR_SLOTS], mine,
					memory_order_acq_rel);
			if (theirs)
				give(w, theirs);
		}
	}
	while (w->nr_held)
		give(w, w->held[--w->nr_held]);
	pt_zone_cache_drain(w->cache);
	return NULL;
}

static void threads_change_pages_at_once(void **state)
{
	const struct pt_zone_cfg cfg = { .convert_batch = 2, .flags = PT_ZONE_CONVERT_BACK_ANY };
	struct kspace *k = *state;
	bool keys = k->config->with & PT_FEAT_PKEYS;
	struct zoned *z = zoned_begin(state, &cfg, PT_DIRECT_MAP_JOIN, keys ? TEST_KEY : 0, false);
	struct worker *worker = calloc(NR_THREADS, sizeof(*worker));
	struct stress s = { .z = z, .dm = k->dm, .keys = keys };
	struct pt_mermap_stats m;
	pthread_t thread[NR_THREADS];

	assert_non_null(worker);
	zoned_add_mermap(z);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		worker[i].s = &s;
		worker[i].seed = i + 1;
		assert_int_equal(pt_zone_cache_create(&worker[i].cache, z->zone, i), 0);
		assert_int_equal(pthread_create(&thread[i], NULL, work, &worker[i]), 0);
	}
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	for (unsigned int i = 0; i < NR_SLOTS; i++)
		if (s.slot[i])
			give(&worker[0], s.slot[i]);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		pt_zone_cache_destroy(worker[i].cache);
	free(worker);
	assert_true(s.taken > NR_TURNS);
	zoned_verify(z);
	zoned_convert_back(z);
	/* what was not joined because somebody was about to split it */
	assert_int_equal(pt_set_direct_map_valid(k->dm, MEMORY_PA, MEMORY_LEN / k->granule, true),
			 0);
	assert_int_equal(pt_direct_map_prepare(k->dm), 0);
	zoned_convert_back(z);
	assert_int_equal(stats_of(k).tables + stats_of(k).reserve, z->tables);
	pt_mermap_stats(z->mermap, &m);
	assert_true(m.zeroed > NR_TURNS / 4 && m.wraps && m.settled);
	zoned_end(z);
}

int main(void)
{
	static const struct kspace_test tests[] = { TEST(threads_change_pages_at_once) };

	return RUN_ON_ALL("stress_direct_map", tests);
}
