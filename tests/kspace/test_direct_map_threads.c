/* SPDX-License-Identifier: MIT */
/*
 * Two threads change pages of one leaf, step by step: the first stands in a flush while the
 * second does what it wants. Only one of them runs at a time.
 */
#include "kspace/kspace.h"

#include <pthread.h>
#include <semaphore.h>

/* Flushes that stop where the test wants to do something in between. */
struct meeting {
	struct kspace *k;
	const struct pt_flush_ops *count;
	struct pt_flush_ops ops;
	pthread_t first;
	sem_t turn[2]; /* who may go on */
	bool with_first; /* the first thread's next flush lets the second run */
	bool with_second; /* the second thread's next flush lets the first run */
	unsigned int second[3]; /* what the second flushed: ranges, everything, tables */
	pt_pa_t pa; /* the second thread's page */
	bool noflush; /* it leaves out the flush of that */
	int err;
};

static void meet(struct meeting *m, unsigned int kind)
{
	bool first = pthread_equal(pthread_self(), m->first);
	bool *stops = first ? &m->with_first : &m->with_second;

	m->second[kind] += !first;
	if (!*stops)
		return;
	*stops = false;
	sem_post(&m->turn[first]);
	sem_wait(&m->turn[!first]);
}

static void meet_range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct meeting *m = ctx;

	m->count->range(m->count->ctx, first, last, stride_lg2);
	meet(m, 0);
}

static void meet_all(void *ctx)
{
	struct meeting *m = ctx;

	m->count->all(m->count->ctx);
	meet(m, 1);
}

static void meet_tables_freed(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct meeting *m = ctx;

	m->count->tables_freed(m->count->ctx, first, last, stride_lg2);
	meet(m, 2);
}

/* The second thread: makes its page absent. */
static void *second_thread(void *arg)
{
	struct meeting *m = arg;

	sem_wait(&m->turn[1]);
	m->err = m->noflush ? pt_set_direct_map_invalid_noflush(m->k->dm, m->pa, 1) :
			      pt_set_direct_map_invalid(m->k->dm, m->pa, 1);
	sem_post(&m->turn[0]);
	return NULL;
}

static pthread_t meeting_begin(struct meeting *m, struct kspace *k, pt_pa_t pa)
{
	pthread_t second;

	*m = (struct meeting){
		.k = k,
		.count = pt_flush_count_ops(k->count),
		.first = pthread_self(),
		.pa = pa,
	};
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(sem_init(&m->turn[i], 0, 0), 0);
	k->cfg.flags = PT_DIRECT_MAP_JOIN;
	m->ops = (struct pt_flush_ops){ meet_range, meet_all, meet_tables_freed, m };
	k->cfg.flush = &m->ops;
	kspace_map(k);
	assert_int_equal(pthread_create(&second, NULL, second_thread, m), 0);
	return second;
}

static void meeting_end(struct meeting *m, pthread_t second)
{
	assert_int_equal(pthread_join(second, NULL), 0);
	assert_int_equal(m->err, 0);
	for (unsigned int i = 0; i < 2; i++)
		sem_destroy(&m->turn[i]);
}

/*
 * Who made no split flushes that of another thread before it changes its page. Meanwhile the
 * other one is done, and its leaf may not be joined again.
 */
static void nothing_is_joined_under_who_flushes_anothers_split(void **state)
{
	struct kspace *k = *state;
	pt_pa_t mine = MEMORY_PA + k->block, theirs = mine + 5 * k->granule;
	struct meeting m;
	pthread_t second = meeting_begin(&m, k, theirs);
	size_t live = k->source.nr_live;

	m.with_first = m.with_second = true;
	assert_int_equal(pt_set_direct_map_invalid(k->dm, mine, 1), 0);
	assert_int_equal(m.second[1], 1); /* it stands in there */
	expect_pages(k, mine, k->granule, false, 0);
	expect_pages(k, theirs, k->granule, true, 0);
	assert_int_equal(pt_set_direct_map_default(k->dm, mine, 1), 0);
	assert_int_equal(level_of(k, theirs), 0);
	sem_post(&m.turn[1]);
	meeting_end(&m, second);
	expect_pages(k, mine, k->granule, true, 0);
	expect_pages(k, theirs, k->granule, false, 0);
	assert_int_equal(pt_set_direct_map_default(k->dm, theirs, 1), 0);
	assert_int_equal(k->source.nr_live, live);
	assert_int_equal(pt_verify(pt_direct_map_pgtable(k->dm), NULL, NULL), 0);
	pt_direct_map_destroy(k->dm); /* before the meeting goes */
	k->dm = NULL;
}

/*
 * A table that was unhooked still says that a page is present, and CPUs may walk through it
 * until it is flushed: who makes the page absent meanwhile has to flush that too.
 */
static void change_while_a_join_is_flushed(struct kspace *k, bool noflush)
{
	pt_pa_t mine = MEMORY_PA + k->block, theirs = mine + 5 * k->granule;
	struct meeting m;
	pthread_t second = meeting_begin(&m, k, theirs);
	size_t live = k->source.nr_live;

	assert_int_equal(pt_set_direct_map_invalid(k->dm, mine, 1), 0);
	m.with_first = true;
	m.noflush = noflush;
	assert_int_equal(pt_set_direct_map_default(k->dm, mine, 1), 0);
	meeting_end(&m, second);
	assert_int_equal(m.second[0], 0);
	assert_int_equal(m.second[2], 1);
	expect_pages(k, mine, k->granule, true, 0);
	expect_pages(k, theirs, k->granule, false, 0);
	assert_int_equal(pt_set_direct_map_default(k->dm, theirs, 1), 0);
	assert_int_equal(k->source.nr_live, live);
	pt_direct_map_destroy(k->dm);
	k->dm = NULL;
}

static void a_change_while_a_join_is_flushed_flushes_tables_too(void **state)
{
	change_while_a_join_is_flushed(*state, false);
}

/* Whose caller would flush the range alone, which is not enough. */
static void so_does_one_that_leaves_out_its_flush(void **state)
{
	change_while_a_join_is_flushed(*state, true);
}

/* A thread that changes pages; the tables for that come when the test lets them. */
struct changer {
	struct pt_direct_map *dm;
	pthread_t thread;
	sem_t asks, go; /* it asks for a table; it may have one */
	sem_t done, again; /* its first page is changed; its second one shall be */
	pt_pa_t pa[2];
	int err;
	bool stands;
};

static _Thread_local struct changer *changer;

static int alloc_in_turn(void *ctx, unsigned int size_lg2, pt_pa_t *pa)
{
	const struct pt_table_ops *from = ctx;

	if (changer && changer->stands) {
		changer->stands = false;
		sem_post(&changer->asks);
		sem_wait(&changer->go);
	}
	return from->alloc(from->ctx, size_lg2, pa);
}

static void free_as_ever(void *ctx, pt_pa_t pa, unsigned int size_lg2)
{
	const struct pt_table_ops *from = ctx;

	from->free(from->ctx, pa, size_lg2);
}

static void *change_two_pages(void *arg)
{
	changer = arg;
	for (unsigned int i = 0; i < 2 && !changer->err; i++) {
		changer->err = pt_set_direct_map_invalid(changer->dm, changer->pa[i], 1);
		sem_post(&changer->done);
		sem_wait(&changer->again);
	}
	return NULL;
}

static void changer_begin(struct changer *c, struct kspace *k, uint64_t block)
{
	*c = (struct changer){
		.dm = k->dm, .stands = true,
		.pa = { blocks(k, block, 1).pa, blocks(k, block + 1, 1).pa },
	};
	assert_int_equal(sem_init(&c->asks, 0, 0), 0);
	assert_int_equal(sem_init(&c->go, 0, 0), 0);
	assert_int_equal(sem_init(&c->done, 0, 0), 0);
	assert_int_equal(sem_init(&c->again, 0, 0), 0);
	assert_int_equal(pthread_create(&c->thread, NULL, change_two_pages, c), 0);
	sem_wait(&c->asks);
}

static void changer_end(struct changer *c)
{
	assert_int_equal(pthread_join(c->thread, NULL), 0);
	assert_int_equal(c->err, 0);
	sem_destroy(&c->asks);
	sem_destroy(&c->go);
	sem_destroy(&c->done);
	sem_destroy(&c->again);
}

/*
 * Two that fill the reserve at once are not one in the middle of the other: each allocates what it
 * needs, and again when both are done, who came first having left first.
 */
static void threads_fill_the_reserve_side_by_side(void **state)
{
	struct kspace *k = *state;
	struct pt_table_ops from = k->cfg.tables;
	struct changer c[2];

	k->cfg.tables = (struct pt_table_ops){ alloc_in_turn, free_as_ever, &from };
	k->cfg.flush = NULL;
	kspace_map(k);
	/* what is larger than a pageblock is split before */
	assert_int_equal(pt_set_direct_map_invalid(k->dm, MEMORY_PA, 1), 0);
	/* 64K: there are four pageblocks, and the first is used */
	assert_true(MEMORY_LEN / k->block >= 4);
	for (size_t i = 0; i < 2; i++)
		changer_begin(&c[i], k, k->block < GIB / 2 ? 1 + 2 * i : 1 + i);
	for (size_t i = 0; i < 2; i++) {
		sem_post(&c[i].go);
		sem_wait(&c[i].done);
	}
	for (size_t i = 0; i < 2; i++) {
		sem_post(&c[i].again);
		sem_wait(&c[i].done);
		sem_post(&c[i].again);
		changer_end(&c[i]);
	}
	pt_direct_map_destroy(k->dm); /* before its source goes */
	k->dm = NULL;
}

static bool wants_splits(const struct kspace_config *config)
{
	return wants_x86(config) || config->bbm == 2;
}

int main(void)
{
	static const struct kspace_test tests[] = {
		TEST_ON(nothing_is_joined_under_who_flushes_anothers_split, wants_x86),
		TEST_ON(a_change_while_a_join_is_flushed_flushes_tables_too, wants_splits),
		TEST_ON(so_does_one_that_leaves_out_its_flush, wants_splits),
		TEST_ON(threads_fill_the_reserve_side_by_side, wants_splits),
	};

	return RUN_ON_ALL("direct_map_threads", tests);
}
