/* SPDX-License-Identifier: MIT */
/*
 * One zone, everything at once: threads that allocate and free with caches of their own, send pages
 * to each other to be freed there, share accounts, and have pageblocks converted; one who converts
 * ahead of time and back; and one who looks at statistics.
 *
 *  - No frame is handed out while somebody has it: who has one says so in holder[], and writes to
 *    it without any atomics, so that ThreadSanitizer finds two of them.
 *  - A block is of the flags that it was asked for as long as it is held, and no pageblock is
 *    converted twice at a time or while anything of it is held.
 *  - In the end everything is free, verified, and can be had in the largest blocks again.
 */
#include "stress/stress.h"

#define NR_THREADS 4
#define NR_BLOCKS 512 /* that a thread may hold */
#define NR_QUEUED 64
#define MAX_FRAMES 65536 /* 256 MiB */
#define MAX_PAGEBLOCKS (MAX_FRAMES / 512)
#define MS_A_RUN 1500

#define UNMOVABLE ((pt_freetype_t){ PT_MIGRATE_UNMOVABLE, 0 })
#define MOVABLE ((pt_freetype_t){ PT_MIGRATE_MOVABLE, 0 })

struct block {
	pt_pa_t pa;
	unsigned int order;
};

/* Blocks that others sent here to be freed. */
struct queue {
	pthread_mutex_t lock;
	struct block block[NR_QUEUED];
	size_t nr;
};

struct shared {
	struct pt_phys *phys;
	struct pt_zone *zone;
	size_t nr_frames;
	struct pt_freetype_ops ops;
	struct pt_account *account[2];
	struct queue queue[NR_THREADS];
	_Atomic uint8_t holder[MAX_FRAMES];    /* 0: nobody that we know of */
	_Atomic uint8_t flags[MAX_PAGEBLOCKS]; /* as the last conversion left them */
	_Atomic uint8_t changing[MAX_PAGEBLOCKS];
	_Atomic uint64_t nr_converts;
	atomic_bool stop;
};

struct worker {
	struct shared *s;
	struct pt_zone_cache *cache;
	struct block block[NR_BLOCKS];
	size_t nr;
	unsigned int index;
	uint32_t seed;
	_Atomic uint64_t ops, remote;
	uint64_t nr_failed;
};

static struct shared shared;

static int convert(void *ctx, const struct pt_extent *extent, size_t nr, unsigned int from,
		   unsigned int to)
{
	struct shared *s = ctx;
	const struct pt_alloc how = { .type = UNMOVABLE };
	bool fails = atomic_fetch_add(&s->nr_converts, 1) % 16 == 7;
	pt_pa_t pa;

	for (size_t i = 0; i < nr; i++) {
		size_t first = (size_t)(extent[i].pa >> 21);

		for (size_t k = first; k < first + (size_t)(extent[i].len >> 21); k++) {
			CHECK(!atomic_exchange(&s->changing[k], 1), extent[i].pa);
			CHECK(atomic_load(&s->flags[k]) == from, extent[i].pa);
			for (size_t frame = 512 * k; frame < 512 * (k + 1); frame++)
				CHECK(!atomic_load(&s->holder[frame]), frame << 12);
		}
	}
	/* as a direct map that wants a table page would */
	if (to & PT_FREETYPE_UNMAPPED && !pt_alloc_pages(s->zone, NULL, &how, &pa)) {
		CHECK(!atomic_exchange(&s->holder[pa >> 12], 0xff), pa);
		sched_yield();
		CHECK(atomic_exchange(&s->holder[pa >> 12], 0) == 0xff, pa);
		CHECK(pt_free_pages(s->zone, NULL, pa, 0) == 0, pa);
	}
	for (size_t i = 0; i < nr; i++) {
		size_t first = (size_t)(extent[i].pa >> 21);

		for (size_t k = first; k < first + (size_t)(extent[i].len >> 21); k++) {
			if (!fails)
				atomic_store(&s->flags[k], (uint8_t)to);
			CHECK(atomic_exchange(&s->changing[k], 0), extent[i].pa);
		}
	}
	return fails ? -EIO : 0;
}

static int zero(void *ctx, unsigned int cpu, const struct pt_extent *extent, unsigned int flags)
{
	struct shared *s = ctx;

	CHECK(cpu < NR_THREADS && flags & PT_FREETYPE_UNMAPPED, extent->pa);
	memset(pt_phys_to_host(s->phys, extent->pa, extent->len), 0, (size_t)extent->len);
	return 0;
}

static void settle(void *ctx, const struct pt_extent *extent)
{
	struct shared *s = ctx;

	pt_page_clear_stale(s->zone, extent->pa);
}

static uint64_t *content(const struct shared *s, pt_pa_t pa)
{
	return pt_phys_to_host(s->phys, pa, 8);
}

static void get_one(struct worker *w)
{
	struct shared *s = w->s;
	uint32_t pick = stress_random(&w->seed), which = pick >> 8 & 63;
	struct pt_alloc how = {
		.order = which ? which % 4 : 9,
		.type = pt_freetype_from_idx((pick >> 16) % PT_FREETYPE_LISTS),
		.flags = pick & (PT_ALLOC_NOBLOCK | PT_ALLOC_NOFRAGMENT | PT_ALLOC_ZERO),
		.account = pick & 8 ? s->account[pick >> 4 & 1] : NULL,
		.owner = w->index,
	};
	struct block *block = &w->block[w->nr];

	if (how.order > 3)
		how.flags &= ~PT_ALLOC_ZERO;
	if (pt_alloc_pages(s->zone, w->cache, &how, &block->pa)) {
		w->nr_failed++;
		return;
	}
	block->order = how.order;
	for (size_t frame = 0; frame < (size_t)1 << how.order; frame++) {
		pt_pa_t pa = block->pa + frame * 4096;

		CHECK(!atomic_exchange_explicit(&s->holder[pa >> 12], (uint8_t)(w->index + 1),
						memory_order_relaxed),
		      pa);
		CHECK(!(how.flags & PT_ALLOC_ZERO) || !*content(s, pa), pa);
		*content(s, pa) = pa;
	}
	CHECK(atomic_load(&s->flags[block->pa >> 21]) == how.type.flags, block->pa);
	CHECK(!atomic_load(&s->changing[block->pa >> 21]), block->pa);
	w->nr++;
}

static void put_one(struct worker *w, struct block block)
{
	struct shared *s = w->s;
	uint32_t pick = stress_random(&w->seed);

	for (size_t frame = 0; frame < (size_t)1 << block.order; frame++) {
		pt_pa_t pa = block.pa + frame * 4096;

		CHECK(*content(s, pa) == pa, pa);
		CHECK(atomic_exchange_explicit(&s->holder[pa >> 12], 0, memory_order_relaxed), pa);
	}
	if (pick % 16 == 0) {
		CHECK(pt_folio_get(s->zone, block.pa) == 0, block.pa);
		CHECK(pt_folio_put(s->zone, w->cache, block.pa) == 0, block.pa);
	}
	if (pick % 16 == 1)
		pt_page_mark_stale(s->zone, block.pa);
	CHECK(pt_free_pages(s->zone, w->cache, block.pa, block.order) == 0, block.pa);
}

static struct block take_any(struct worker *w)
{
	size_t i = stress_random(&w->seed) % w->nr;
	struct block block = w->block[i];

	w->block[i] = w->block[--w->nr];
	return block;
}

/* False if the other one has too many. */
static bool send_one(struct worker *w, unsigned int to)
{
	struct queue *queue = &w->s->queue[to];
	bool sent;

	pthread_mutex_lock(&queue->lock);
	sent = queue->nr < NR_QUEUED;
	if (sent)
		queue->block[queue->nr++] = take_any(w);
	pthread_mutex_unlock(&queue->lock);
	return sent;
}

static void free_sent(struct worker *w)
{
	struct queue *queue = &w->s->queue[w->index];
	struct block block[NR_QUEUED];
	size_t nr;

	pthread_mutex_lock(&queue->lock);
	nr = queue->nr;
	memcpy(block, queue->block, nr * sizeof(*block));
	queue->nr = 0;
	pthread_mutex_unlock(&queue->lock);
	w->remote += nr;
	while (nr)
		put_one(w, block[--nr]);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (!atomic_load_explicit(&w->s->stop, memory_order_relaxed)) {
		uint32_t pick = stress_random(&w->seed);

		w->ops++;
		if (pick % 1024 == 0)
			pt_zone_cache_drain(w->cache);
		else if (pick % 64 == 1)
			free_sent(w);
		else if (pick & 4 ? w->nr < NR_BLOCKS : !w->nr)
			get_one(w);
		else if (pick & 8 || !send_one(w, (w->index + 1 + (pick >> 4) % (NR_THREADS - 1)) %
							  NR_THREADS))
			put_one(w, take_any(w));
	}
	while (w->nr)
		put_one(w, take_any(w));
	return NULL;
}

static void *converter(void *arg)
{
	struct shared *s = arg;
	uint32_t seed = 77;

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		uint32_t pick = stress_random(&seed);
		pt_freetype_t from = pt_freetype_from_idx(pick % PT_FREETYPE_LISTS);
		pt_freetype_t to = pt_freetype_from_idx((pick >> 8) % PT_FREETYPE_LISTS);
		int err = from.flags == to.flags ?
				  pt_zone_balance(s->zone) :
				  pt_zone_convert(s->zone, from, to, (pick >> 16) % 8, NULL);

		CHECK(err == 0 || err == -EIO, err);
		sched_yield();
	}
	return NULL;
}

static void *observer(void *arg)
{
	struct shared *s = arg;
	struct pt_account_stats account;
	struct pt_zone_stats stats;
	char text[4096];

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		pt_zone_stats(s->zone, &stats);
		CHECK(stats.managed == s->nr_frames && stats.free <= s->nr_frames, stats.free);
		pt_account_stats(s->account[0], &account);
		CHECK(account.held <= account.limit && account.held <= s->nr_frames, account.held);
		CHECK(pt_zone_pagetypeinfo(s->zone, text, sizeof(text)) > 0, 0);
		CHECK(pt_zone_fragmentation(s->zone, 9) <= 1000, 0);
		CHECK(pt_zone_unusable(s->zone, 9) <= 1000, 0);
		stress_sleep_ms(1);
	}
	return NULL;
}

static void zone_init(struct shared *s, const struct pt_zone_cfg *cfg, size_t nr_frames)
{
	memset(s, 0, sizeof(*s));
	s->nr_frames = nr_frames;
	s->ops = (struct pt_freetype_ops){ convert, zero, settle, s };
	assert_int_equal(pt_phys_create_anon(&s->phys, (uint64_t)nr_frames << 12), 0);
	assert_int_equal(pt_zone_create(&s->zone, s->phys, cfg), 0);
	pt_zone_set_ops(s->zone, &s->ops);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pt_account_create(&s->account[i], s->zone, i ? 300 : UINT64_MAX),
				 0);
	for (size_t i = 0; i < NR_THREADS; i++)
		pthread_mutex_init(&s->queue[i].lock, NULL);
}

/* Everything is the zone's again, whatever happened. */
static void zone_exit(struct shared *s)
{
	struct pt_alloc how = { .order = 10, .type = MOVABLE };
	struct pt_account_stats account;
	struct pt_zone_stats stats;
	pt_pa_t pa;

	for (size_t i = 0; i < 2; i++) {
		pt_account_stats(s->account[i], &account);
		assert_int_equal(account.held, 0);
		assert_true(account.peak <= account.limit && account.charges > 0);
		assert_int_equal(pt_account_destroy(s->account[i]), 0);
	}
	for (unsigned int i = 0; i < PT_FREETYPE_LISTS; i++)
		while (pt_freetype_from_idx(i).flags &&
		       pt_zone_convert(s->zone, pt_freetype_from_idx(i), MOVABLE, SIZE_MAX, NULL))
			;
	assert_int_equal(pt_buddy_verify(s->zone, NULL, NULL), 0);
	pt_zone_stats(s->zone, &stats);
	assert_int_equal(stats.free, s->nr_frames);
	assert_int_equal(stats.held + stats.cached, 0);
	for (size_t i = 0; i < s->nr_frames / 512; i++)
		assert_int_equal(s->flags[i], 0);
	for (size_t i = 0; i < s->nr_frames >> 10; i++)
		assert_int_equal(pt_alloc_pages(s->zone, NULL, &how, &pa), 0);
	for (pa = 0; pa < (pt_pa_t)s->nr_frames << 12; pa += 4 << 20)
		assert_int_equal(pt_free_pages(s->zone, NULL, pa, 10), 0);
	assert_int_equal(pt_zone_destroy(s->zone), 0);
	pt_phys_destroy(s->phys);
	for (size_t i = 0; i < NR_THREADS; i++)
		pthread_mutex_destroy(&s->queue[i].lock);
}

static void run(const struct pt_zone_cfg *cfg, size_t nr_frames)
{
	static struct worker worker[NR_THREADS];
	struct shared *s = &shared;
	pthread_t thread[NR_THREADS + 2];
	struct stress_least least[2 * NR_THREADS + 1] = { { &s->nr_converts, 0 } };
	uint64_t ops = 0, remote = 0, nr_failed = 0;

	zone_init(s, cfg, nr_frames);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		worker[i] = (struct worker){ .s = s, .index = i, .seed = 1000 + i };
		least[2 * i + 1] = (struct stress_least){ &worker[i].ops, 250 };
		least[2 * i + 2] = (struct stress_least){ &worker[i].remote, 0 };
		assert_int_equal(pt_zone_cache_create(&worker[i].cache, s->zone, i), 0);
	}
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, &worker[i]), 0);
	assert_int_equal(pthread_create(&thread[NR_THREADS], NULL, converter, s), 0);
	assert_int_equal(pthread_create(&thread[NR_THREADS + 1], NULL, observer, s), 0);
	stress_let_run(MS_A_RUN, least, sizeof(least) / sizeof(least[0]));
	atomic_store(&s->stop, true);
	for (unsigned int i = 0; i < NR_THREADS + 2; i++)
		pthread_join(thread[i], NULL);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		free_sent(&worker[i]);
		pt_zone_cache_destroy(worker[i].cache);
		ops += worker[i].ops;
		remote += worker[i].remote;
		nr_failed += worker[i].nr_failed;
	}
	print_message("%llu operations, %llu remote frees, %llu refused, %llu conversions\n",
		      (unsigned long long)ops, (unsigned long long)remote,
		      (unsigned long long)nr_failed, (unsigned long long)s->nr_converts);
	zone_exit(s);
}

static void everybody_allocates_frees_and_converts(void **state)
{
	(void)state;
	run(NULL, MAX_FRAMES);
}

static void with_batches_and_watermarks(void **state)
{
	const struct pt_zone_cfg cfg = { .flags = PT_ZONE_CONVERT_BACK_ANY, .convert_batch = 4,
					 .ready_low = 2, .ready_high = 5 };

	(void)state;
	run(&cfg, MAX_FRAMES);
}

/* Memory nearly all taken: caches are drained for others, and everybody falls back. */
static void where_memory_is_short(void **state)
{
	const struct pt_zone_cfg cfg = { .convert_batch = 2 };

	(void)state;
	run(&cfg, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_allocates_frees_and_converts),
		cmocka_unit_test(with_batches_and_watermarks),
		cmocka_unit_test(where_memory_is_short),
	};

	return cmocka_run_group_tests_name("stress_zone", tests, NULL, NULL);
}
