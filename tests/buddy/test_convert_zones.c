/* SPDX-License-Identifier: MIT */
/*
 * Conversions that need pages of another zone, whose conversions need pages of a third, and so on
 * round to the first: each of these threads has the only pageblock that the one before it wants.
 */
#define _POSIX_C_SOURCE 200809L /* barriers */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ptlib/ptlib.h>

#include <pthread.h>
#include <semaphore.h>

#define PAGEBLOCK (UINT64_C(2) << 20)
#define MAX_ZONES 3

#define UNMOVABLE pt_freetype(PT_MIGRATE_UNMOVABLE, 0)
#define UNMAPPED pt_freetype(PT_MIGRATE_UNMOVABLE, PT_FREETYPE_UNMAPPED)

struct ring;

/* One zone, and the thread that converts in it. */
struct link {
	struct ring *ring;
	struct link *next; /* whose pages its conversion needs */
	struct pt_phys *phys;
	struct pt_zone *zone;
	struct pt_freetype_ops ops;
	pthread_t thread;
	int err, nested; /* what the thread got, and its conversion */
	pt_pa_t pa, nested_pa;
	bool passes_on; /* its conversion makes another one necessary, by the same thread */
	struct pt_zone *detour; /* which it converts in first, and is done with */
};

struct ring {
	struct link link[MAX_ZONES];
	unsigned int nr;
	pthread_barrier_t all_inside; /* every thread stands in the middle of its conversion */
};

static int alloc(struct link *link, pt_freetype_t type, pt_pa_t *pa)
{
	const struct pt_alloc how = { .type = type };

	return pt_alloc_pages(link->zone, NULL, &how, pa);
}

static int convert(void *ctx, const struct pt_extent *extent, size_t nr, unsigned int from,
		   unsigned int to)
{
	struct link *link = ctx;

	(void)extent;
	(void)nr;
	(void)from;
	if (to != PT_FREETYPE_UNMAPPED)
		return 0;
	if (link->detour)
		assert_int_equal(pt_zone_convert(link->detour,
						 pt_freetype(PT_MIGRATE_MOVABLE, 0), UNMAPPED, 1,
						 NULL),
				 0);
	if (!link->passes_on)
		pthread_barrier_wait(&link->ring->all_inside);
	link->nested = alloc(link->next, link->passes_on ? UNMAPPED : UNMOVABLE, &link->nested_pa);
	return link->nested;
}

static void *allocate_unmapped(void *arg)
{
	struct link *link = arg;

	link->err = alloc(link, UNMAPPED, &link->pa);
	return NULL;
}

static void begin(struct ring *ring, unsigned int nr, unsigned int nr_threads)
{
	*ring = (struct ring){ .nr = nr };
	assert_int_equal(pthread_barrier_init(&ring->all_inside, NULL, nr_threads), 0);
	for (unsigned int i = 0; i < nr; i++) {
		struct link *link = &ring->link[i];

		link->ring = ring;
		link->next = &ring->link[(i + 1) % nr];
		link->ops = (struct pt_freetype_ops){ .convert = convert, .ctx = link };
		assert_int_equal(pt_phys_create_anon(&link->phys, PAGEBLOCK), 0);
		assert_int_equal(pt_zone_create(&link->zone, link->phys, NULL), 0);
		pt_zone_set_ops(link->zone, &link->ops);
	}
}

static void end(struct ring *ring)
{
	for (unsigned int i = 0; i < ring->nr; i++) {
		assert_int_equal(pt_buddy_verify(ring->link[i].zone, NULL, NULL), 0);
		assert_int_equal(pt_zone_destroy(ring->link[i].zone), 0);
		pt_phys_destroy(ring->link[i].phys);
	}
	pthread_barrier_destroy(&ring->all_inside);
}

/* At least one gives up; it gives its pageblock back, and another may go on. */
static void check_ring(unsigned int nr, struct pt_zone *detour)
{
	unsigned int nr_done = 0;
	struct ring ring;

	begin(&ring, nr, nr);
	ring.link[0].detour = detour;
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(pthread_create(&ring.link[i].thread, NULL, allocate_unmapped,
						&ring.link[i]),
				 0);
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(pthread_join(ring.link[i].thread, NULL), 0);
	for (unsigned int i = 0; i < nr; i++) {
		struct link *link = &ring.link[i];

		assert_int_equal(link->err, link->nested);
		if (link->err) {
			assert_int_equal(link->err, -ENOMEM);
			continue;
		}
		nr_done++;
		assert_int_equal(pt_free_pages(link->next->zone, NULL, link->nested_pa, 0), 0);
		assert_int_equal(pt_free_pages(link->zone, NULL, link->pa, 0), 0);
	}
	assert_in_range(nr_done, 0, nr - 1);
	end(&ring);
}

static void test_two_zones_that_need_each_other_end(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 50; i++)
		check_ring(2, NULL);
}

static int convert_at_once(void *ctx, const struct pt_extent *extent, size_t nr, unsigned int from,
			   unsigned int to)
{
	(void)ctx;
	(void)extent;
	(void)nr;
	(void)from;
	(void)to;
	return 0;
}

/* Who has made another conversion in the middle of one stands in that one still. */
static void test_two_zones_end_after_a_detour_through_a_third(void **state)
{
	static const struct pt_freetype_ops ops = { .convert = convert_at_once };

	(void)state;
	for (unsigned int i = 0; i < 50; i++) {
		struct pt_phys *phys;
		struct pt_zone *zone;

		assert_int_equal(pt_phys_create_anon(&phys, PAGEBLOCK), 0);
		assert_int_equal(pt_zone_create(&zone, phys, NULL), 0);
		pt_zone_set_ops(zone, &ops);
		check_ring(2, zone);
		assert_int_equal(pt_zone_destroy(zone), 0);
		pt_phys_destroy(phys);
	}
}

static void test_a_ring_of_three_zones_ends(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 50; i++)
		check_ring(3, NULL);
}

/* Gives back what there is of @link, and of what its conversion got. */
static void give_back(const struct link *link, bool has_page)
{
	if (!link->nested)
		assert_int_equal(pt_free_pages(link->next->zone, NULL, link->nested_pa, 0), 0);
	if (has_page)
		assert_int_equal(pt_free_pages(link->zone, NULL, link->pa, 0), 0);
}

/*
 * One thread stands in conversions of two zones, one inside the other, and waits for the third; the
 * other one in a conversion of the third, and wants what is under way in the outer one of the two.
 */
static void test_who_stands_in_two_conversions_waits_in_both(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 50; i++) {
		struct ring ring;
		struct link *outer = &ring.link[0], *inner = &ring.link[1], *third = &ring.link[2];

		begin(&ring, 3, 2);
		outer->passes_on = true;
		assert_int_equal(pthread_create(&outer->thread, NULL, allocate_unmapped, outer), 0);
		assert_int_equal(pthread_create(&third->thread, NULL, allocate_unmapped, third), 0);
		assert_int_equal(pthread_join(outer->thread, NULL), 0);
		assert_int_equal(pthread_join(third->thread, NULL), 0);
		assert_int_equal(outer->err, outer->nested);
		assert_int_equal(outer->err, inner->nested);
		assert_int_equal(third->err, third->nested);
		assert_true(outer->err || third->err);
		give_back(outer, !outer->err);
		give_back(inner, false);
		give_back(third, !third->err);
		end(&ring);
	}
}

/* A zone of one pageblock, and the one thread that converts it at a time. */
struct stage {
	struct phases *phases;
	struct pt_phys *phys;
	struct pt_zone *zone;
	struct pt_freetype_ops ops;
	struct pt_wait_ops wait;
	sem_t standing, go; /* its thread stands in convert(); it may go on */
	unsigned int polls; /* waits for that */
	int err;
	pt_pa_t pa, nested_pa;
};

/* Three zones; whose conversion has waited for the second one stands in the first. */
struct phases {
	struct stage first, second, third;
};

static void poll_stage(void *ctx)
{
	struct stage *stage = ctx;

	if (!stage->polls++)
		sem_post(&stage->go);
}

static int alloc_in(struct stage *stage, pt_freetype_t type, pt_pa_t *pa)
{
	const struct pt_alloc how = { .type = type };

	return pt_alloc_pages(stage->zone, NULL, &how, pa);
}

static int convert_in_phases(void *ctx, const struct pt_extent *extent, size_t nr,
			     unsigned int from, unsigned int to)
{
	struct stage *stage = ctx;
	struct phases *phases = stage->phases;
	int err = 0;

	(void)extent;
	(void)nr;
	(void)from;
	(void)to;
	if (stage == &phases->first)
		err = alloc_in(&phases->second, UNMOVABLE, &stage->nested_pa);
	if (stage == &phases->third)
		return alloc_in(&phases->first, UNMAPPED, &stage->nested_pa);
	sem_post(&stage->standing);
	sem_wait(&stage->go);
	return stage == &phases->second ? -EIO : err;
}

static void *allocate_in_stage(void *arg)
{
	struct stage *stage = arg;

	stage->err = alloc_in(stage, UNMAPPED, &stage->pa);
	return NULL;
}

static void stage_begin(struct phases *phases, struct stage *stage)
{
	const struct pt_zone_cfg cfg = { .wait = &stage->wait };

	stage->phases = phases;
	stage->ops = (struct pt_freetype_ops){ .convert = convert_in_phases, .ctx = stage };
	stage->wait = (struct pt_wait_ops){ poll_stage, stage };
	assert_int_equal(sem_init(&stage->standing, 0, 0), 0);
	assert_int_equal(sem_init(&stage->go, 0, 0), 0);
	assert_int_equal(pt_phys_create_anon(&stage->phys, PAGEBLOCK), 0);
	assert_int_equal(pt_zone_create(&stage->zone, stage->phys, &cfg), 0);
	pt_zone_set_ops(stage->zone, &stage->ops);
}

static void stage_end(struct stage *stage)
{
	assert_int_equal(pt_buddy_verify(stage->zone, NULL, NULL), 0);
	assert_int_equal(pt_zone_destroy(stage->zone), 0);
	pt_phys_destroy(stage->phys);
	sem_destroy(&stage->standing);
	sem_destroy(&stage->go);
}

/* In the middle of its conversion, but for nobody any more: it will end by itself. */
static void test_who_has_waited_is_waited_for(void **state)
{
	struct phases p = { 0 };
	struct stage *first = &p.first, *second = &p.second, *third = &p.third;
	pthread_t thread[2];

	(void)state;
	stage_begin(&p, first);
	stage_begin(&p, second);
	stage_begin(&p, third);
	assert_int_equal(pthread_create(&thread[1], NULL, allocate_in_stage, second), 0);
	sem_wait(&second->standing);
	/* waits for the second, which fails, and has its page then */
	assert_int_equal(pthread_create(&thread[0], NULL, allocate_in_stage, first), 0);
	sem_wait(&first->standing);
	assert_true(second->polls > 0);
	/* waits for the first */
	third->err = alloc_in(third, UNMAPPED, &third->pa);
	sem_post(&first->go);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(first->err, 0);
	assert_int_equal(second->err, -ENOMEM);
	assert_int_equal(third->err, 0);
	assert_true(first->polls > 0);
	assert_int_equal(pt_free_pages(first->zone, NULL, first->pa, 0), 0);
	assert_int_equal(pt_free_pages(second->zone, NULL, first->nested_pa, 0), 0);
	assert_int_equal(pt_free_pages(first->zone, NULL, third->nested_pa, 0), 0);
	assert_int_equal(pt_free_pages(third->zone, NULL, third->pa, 0), 0);
	stage_end(first);
	stage_end(second);
	stage_end(third);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_zones_that_need_each_other_end),
		cmocka_unit_test(test_two_zones_end_after_a_detour_through_a_third),
		cmocka_unit_test(test_a_ring_of_three_zones_ends),
		cmocka_unit_test(test_who_stands_in_two_conversions_waits_in_both),
		cmocka_unit_test(test_who_has_waited_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
