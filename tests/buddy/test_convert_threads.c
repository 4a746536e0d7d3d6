/* SPDX-License-Identifier: MIT */
/*
 * Requests that find nothing while another thread converts what they could have, step by step: the
 * other one stands in the middle of its conversion until the test lets it go on.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime() */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ptlib/ptlib.h>

#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#define PAGEBLOCK (UINT64_C(2) << 20)

#define UNMOVABLE pt_freetype(PT_MIGRATE_UNMOVABLE, 0)
#define UNMAPPED pt_freetype(PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED)
#define KEYED pt_freetype(PT_MIGRATE_UNMOVABLE, PT_FREETYPE_KEYED)

struct scene {
	struct pt_phys *phys;
	struct pt_zone *zone;
	struct pt_freetype_ops ops;
	struct pt_wait_ops wait;
	pthread_t first, second;
	pt_freetype_t type; /* what the second thread wants */
	sem_t converting, go; /* the second thread stands in convert(); it may go on */
	int err; /* what it got, in the end */
	int answer; /* what its convert() returns */
	unsigned int polls; /* of the first thread */
	int nested; /* what a request in the first thread's convert() got; 1: none was made */
	unsigned int nested_polls; /* and how often that waited */
	bool nests;
	bool joins; /* the first thread's convert() lets the second one end first, and fails */
	pt_pa_t pa; /* the second thread's page */
	pt_pa_t nested_pa; /* of the request in the first thread's convert() */
	_Atomic bool again; /* the second thread converts a pageblock, back and forth */
	sem_t polled; /* either thread waits for the other one */
	_Atomic unsigned int conversions; /* since both set off */
	sem_t answered; /* the second thread has made its request */
};

static int alloc(struct scene *s, unsigned int order, pt_freetype_t type, unsigned int flags,
		 pt_pa_t *pa)
{
	const struct pt_alloc how = { .order = order, .type = type, .flags = flags };

	return pt_alloc_pages(s->zone, NULL, &how, pa);
}

static int convert(void *ctx, const struct pt_extent *extent, size_t nr, unsigned int from,
		   unsigned int to)
{
	struct scene *s = ctx;

	(void)extent;
	(void)nr;
	(void)from;
	(void)to;
	if (pthread_equal(pthread_self(), s->first)) {
		unsigned int polls = s->polls;

		if (s->nests)
			s->nested = alloc(s, 0, UNMOVABLE, 0, &s->nested_pa);
		s->nested_polls += s->polls - polls;
		return s->nested == 1 ? 0 : s->nested;
	}
	sem_post(&s->converting);
	sem_wait(&s->go);
	return s->answer;
}

static void second_end(struct scene *s)
{
	assert_int_equal(pthread_join(s->second, NULL), 0);
}

/* The first thread's; the second one's is the same. */
static int join_and_fail(void *ctx, const struct pt_extent *extent, size_t nr, unsigned int from,
			 unsigned int to)
{
	struct scene *s = ctx;

	if (!pthread_equal(pthread_self(), s->first))
		return convert(ctx, extent, nr, from, to);
	if (s->joins) {
		s->joins = false;
		sem_post(&s->go);
		second_end(s);
	}
	return -ENOMEM;
}

/* The first thread waits: the second one goes on. */
static void poll(void *ctx)
{
	struct scene *s = ctx;

	if (pthread_equal(pthread_self(), s->first) && (!s->polls++ || s->again))
		sem_post(&s->go);
}

static void *second_thread(void *arg)
{
	struct scene *s = arg;

	s->err = 0;
	while (s->again && !s->err) {
		s->err = pt_zone_convert(s->zone, UNMOVABLE, UNMAPPED, 1, NULL);
		if (!s->err)
			s->err = pt_zone_convert(s->zone, UNMAPPED, UNMOVABLE, 1, NULL);
	}
	if (!s->err)
		s->err = alloc(s, 0, s->type, 0, &s->pa);
	return NULL;
}

static void scene_begin(struct scene *s, unsigned int nr_pageblocks, unsigned int batch)
{
	struct pt_zone_cfg cfg = { .convert_batch = batch, .wait = &s->wait };

	*s = (struct scene){ .first = pthread_self(), .type = UNMAPPED, .nested = 1 };
	s->ops = (struct pt_freetype_ops){ .convert = convert, .ctx = s };
	s->wait = (struct pt_wait_ops){ poll, s };
	assert_int_equal(sem_init(&s->converting, 0, 0), 0);
	assert_int_equal(sem_init(&s->go, 0, 0), 0);
	assert_int_equal(pt_phys_create_anon(&s->phys, nr_pageblocks * PAGEBLOCK), 0);
	assert_int_equal(pt_zone_create(&s->zone, s->phys, &cfg), 0);
	pt_zone_set_ops(s->zone, &s->ops);
}

/* It stands in convert() when this returns. */
static void second_begin(struct scene *s)
{
	assert_int_equal(pthread_create(&s->second, NULL, second_thread, s), 0);
	sem_wait(&s->converting);
}

static void scene_end(struct scene *s)
{
	assert_int_equal(pt_buddy_verify(s->zone, NULL, NULL), 0);
	assert_int_equal(pt_zone_destroy(s->zone), 0);
	pt_phys_destroy(s->phys);
	sem_destroy(&s->converting);
	sem_destroy(&s->go);
}

static void put(struct scene *s, pt_pa_t pa)
{
	assert_int_equal(pt_free_pages(s->zone, NULL, pa, 0), 0);
}

/* All is on its way to UNMAPPED, more than the other thread needs: the rest comes back. */
static void what_is_on_its_way_is_waited_for(void **state)
{
	const pt_freetype_t types[] = { UNMOVABLE, UNMAPPED, KEYED };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct scene s;
		pt_pa_t pa;

		scene_begin(&s, 2, 2);
		second_begin(&s);
		assert_int_equal(alloc(&s, 0, types[i], 0, &pa), 0);
		assert_true(s.polls > 0);
		second_end(&s);
		assert_int_equal(s.err, 0);
		put(&s, pa);
		put(&s, s.pa);
		scene_end(&s);
	}
}

/* So does what could not be converted. */
static void what_comes_back_as_it_was_is_waited_for(void **state)
{
	struct scene s;
	pt_pa_t pa;

	(void)state;
	scene_begin(&s, 1, 1);
	s.answer = -EIO;
	second_begin(&s);
	assert_int_equal(alloc(&s, 0, UNMOVABLE, 0, &pa), 0);
	assert_true(s.polls > 0);
	second_end(&s);
	assert_int_equal(s.err, -ENOMEM);
	put(&s, pa);
	scene_end(&s);
}

/* Once all have arrived, a request that still finds nothing fails. */
static void nothing_is_waited_for_that_is_not_on_its_way(void **state)
{
	struct scene s;
	pt_pa_t pa;

	(void)state;
	scene_begin(&s, 1, 1);
	second_begin(&s);
	assert_int_equal(alloc(&s, 0, UNMOVABLE, 0, &pa), -ENOMEM);
	assert_true(s.polls > 0);
	second_end(&s);
	assert_int_equal(s.err, 0);
	s.polls = 0;
	assert_int_equal(alloc(&s, 0, UNMOVABLE, 0, &pa), -ENOMEM);
	assert_int_equal(s.polls, 0);
	put(&s, s.pa);
	scene_end(&s);
}

static void noblock_waits_for_nothing(void **state)
{
	struct scene s;
	pt_pa_t pa;

	(void)state;
	scene_begin(&s, 1, 1);
	second_begin(&s);
	assert_int_equal(alloc(&s, 0, UNMOVABLE, PT_ALLOC_NOBLOCK, &pa), -ENOMEM);
	assert_int_equal(s.polls, 0);
	sem_post(&s.go);
	second_end(&s);
	assert_int_equal(s.err, 0);
	put(&s, s.pa);
	scene_end(&s);
}

/*
 * Two conversions that each want a page of what the other one has would wait for each other. The
 * one that is refused waits when it has failed, and tries again.
 */
static void who_converts_waits_for_nobody(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct scene s;
		pt_pa_t pa;

		scene_begin(&s, 2, 1);
		/* two blocks of one pageblock each, of which one may be taken alone */
		assert_int_equal(alloc(&s, 9, UNMOVABLE, 0, &pa), 0);
		s.answer = i ? -EIO : 0; /* then what the first one lacked comes back */
		second_begin(&s);
		assert_int_equal(pt_free_pages(s.zone, NULL, pa, 9), 0);
		s.nests = true;
		assert_int_equal(alloc(&s, 0, KEYED, 0, &pa), i ? 0 : -ENOMEM);
		assert_int_equal(s.nested, i ? 0 : -ENOMEM);
		assert_int_equal(s.nested_polls, 0);
		assert_true(s.polls > 0);
		second_end(&s);
		assert_int_equal(s.err, i ? -ENOMEM : 0);
		if (i)
			put(&s, s.nested_pa);
		put(&s, i ? pa : s.pa);
		scene_end(&s);
	}
}

/*
 * What the other thread has brought while this one's own conversion failed is there, though nothing
 * is on its way any more.
 */
static void what_came_while_a_conversion_failed_is_found(void **state)
{
	struct scene s;
	pt_pa_t pa;

	(void)state;
	scene_begin(&s, 3, 2);
	s.ops.convert = join_and_fail;
	pt_zone_set_ops(s.zone, &s.ops);
	s.joins = true;
	second_begin(&s);
	assert_int_equal(alloc(&s, 0, UNMAPPED, 0, &pa), 0);
	assert_false(s.joins);
	assert_int_equal(s.err, 0);
	put(&s, pa);
	put(&s, s.pa);
	scene_end(&s);
}

/* Others who convert back and forth all the time keep nobody waiting. */
static void what_sets_out_later_is_not_waited_for(void **state)
{
	pt_pa_t pa, block;
	struct scene s;

	(void)state;
	scene_begin(&s, 2, 1);
	/* the other pageblock is free and unmovable, which is what the second thread converts */
	assert_int_equal(alloc(&s, 0, UNMOVABLE, 0, &pa), 0);
	assert_int_equal(alloc(&s, 9, UNMOVABLE, 0, &block), 0);
	assert_int_equal(pt_free_pages(s.zone, NULL, block, 9), 0);
	s.again = true;
	second_begin(&s);
	assert_int_equal(alloc(&s, 10, UNMOVABLE, 0, &block), -ENOMEM);
	s.again = false;
	for (unsigned int i = 0; i < 3; i++) /* what it is at, the way back, and its page */
		sem_post(&s.go);
	second_end(&s);
	assert_int_equal(s.err, 0);
	put(&s, pa);
	put(&s, s.pa);
	scene_end(&s);
}

/* A thread that converts a pageblock, and stands in the middle of that until it may go on. */
struct converter {
	struct pt_zone *zone;
	pthread_t thread;
	sem_t standing, go;
	int err;
};

/* Two of them; the second one sets out when the first thread waits for the first one. */
struct departures {
	struct scene s;
	struct converter converter[2];
	unsigned int polls; /* of the first thread */
	uint64_t on_their_way; /* frames, when the first one had ended */
};

static _Thread_local struct converter *converting;

static int stand_in_conversion(void *ctx, const struct pt_extent *extent, size_t nr,
			       unsigned int from, unsigned int to)
{
	(void)ctx;
	(void)extent;
	(void)nr;
	(void)from;
	(void)to;
	sem_post(&converting->standing);
	sem_wait(&converting->go);
	return 0;
}

static void *convert_one(void *arg)
{
	struct converter *c = arg;

	converting = c;
	c->err = pt_zone_convert(c->zone, pt_freetype(PT_MIGRATE_MOVABLE, 0), UNMAPPED, 1, NULL);
	return NULL;
}

static void converter_begin(struct departures *d, unsigned int i)
{
	struct converter *c = &d->converter[i];

	c->zone = d->s.zone;
	assert_int_equal(sem_init(&c->standing, 0, 0), 0);
	assert_int_equal(sem_init(&c->go, 0, 0), 0);
	assert_int_equal(pthread_create(&c->thread, NULL, convert_one, c), 0);
	sem_wait(&c->standing);
}

static void converter_end(struct converter *c)
{
	assert_int_equal(pthread_join(c->thread, NULL), 0);
	assert_int_equal(c->err, 0);
	sem_destroy(&c->standing);
	sem_destroy(&c->go);
}

/* The first one ends while the second one stands. */
static void another_departs(void *ctx)
{
	struct departures *d = ctx;
	struct pt_zone_stats stats;

	if (!d->polls++) {
		converter_begin(d, 1);
		sem_post(&d->converter[0].go);
		converter_end(&d->converter[0]);
		pt_zone_stats(d->s.zone, &stats);
		d->on_their_way = stats.cached;
	} else {
		sem_post(&d->converter[1].go);
	}
}

/* A request waits for what was under way when it found nothing, not for what followed that. */
static void what_follows_what_was_waited_for_is_not_waited_for(void **state)
{
	struct departures d;
	pt_pa_t pa;

	(void)state;
	scene_begin(&d.s, 2, 1);
	d.polls = 0;
	d.s.ops.convert = stand_in_conversion;
	d.s.wait = (struct pt_wait_ops){ another_departs, &d };
	pt_zone_set_ops(d.s.zone, &d.s.ops);
	converter_begin(&d, 0);
	assert_int_equal(alloc(&d.s, 10, UNMOVABLE, 0, &pa), -ENOMEM);
	assert_int_equal(d.polls, 1);
	assert_int_equal(d.on_their_way, 512);
	sem_post(&d.converter[1].go);
	converter_end(&d.converter[1]);
	scene_end(&d.s);
}

#define ROUNDS 20000
#define PATIENCE_NS 50000

/*
 * Gives the rival time to find nothing, and to wait for what is under way. Asleep: on a busy machine
 * a thread that yields instead is set back a time slice, each time.
 */
static int convert_before_a_rival(void *ctx, const struct pt_extent *extent, size_t nr,
				  unsigned int from, unsigned int to)
{
	struct scene *s = ctx;
	struct timespec until;

	(void)extent;
	(void)nr;
	(void)from;
	(void)to;
	while (!sem_trywait(&s->polled))
		; /* by whom, and when, is forgotten */
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PATIENCE_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)sem_timedwait(&s->polled, &until);
	s->conversions++;
	return 0;
}

static void rival_poll(void *ctx)
{
	struct scene *s = ctx;
	int value;

	if (!sem_getvalue(&s->polled, &value) && !value)
		sem_post(&s->polled);
}

/* A request whenever it may go; then it tells that it has its answer. */
static void *rival(void *arg)
{
	struct scene *s = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		sem_wait(&s->go);
		s->err = alloc(s, 9, KEYED, 0, &s->pa);
		sem_post(&s->answered);
	}
	return NULL;
}

/*
 * What a request has converted is its own, though another one waits for it to come onto a list: two
 * that want the last pageblock with different flags would else turn it over and back.
 */
static void who_converts_gets_it(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s, 1, 1);
	s.wait.poll = rival_poll;
	s.ops.convert = convert_before_a_rival;
	pt_zone_set_ops(s.zone, &s.ops);
	assert_int_equal(sem_init(&s.polled, 0, 0), 0);
	assert_int_equal(sem_init(&s.answered, 0, 0), 0);
	assert_int_equal(pthread_create(&s.second, NULL, rival, &s), 0);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		pt_pa_t pa;
		int err;

		s.conversions = 0;
		sem_post(&s.go);
		err = alloc(&s, 9, UNMAPPED, 0, &pa);
		sem_wait(&s.answered);
		assert_int_equal(s.conversions, 1);
		assert_int_equal(err ? err : s.err, -ENOMEM);
		assert_int_equal(pt_free_pages(s.zone, NULL, err ? s.pa : pa, 9), 0);
		assert_int_equal(
			pt_zone_convert(s.zone, err ? KEYED : UNMAPPED, UNMOVABLE, 1, NULL), 0);
	}
	second_end(&s);
	sem_destroy(&s.answered);
	sem_destroy(&s.polled);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_on_its_way_is_waited_for),
		cmocka_unit_test(what_comes_back_as_it_was_is_waited_for),
		cmocka_unit_test(nothing_is_waited_for_that_is_not_on_its_way),
		cmocka_unit_test(noblock_waits_for_nothing),
		cmocka_unit_test(who_converts_waits_for_nobody),
		cmocka_unit_test(what_sets_out_later_is_not_waited_for),
		cmocka_unit_test(what_follows_what_was_waited_for_is_not_waited_for),
		cmocka_unit_test(what_came_while_a_conversion_failed_is_found),
		cmocka_unit_test(who_converts_gets_it),
	};

	return cmocka_run_group_tests_name("convert_threads", tests, NULL, NULL);
}
