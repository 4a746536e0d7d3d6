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
	pthread_barrier_wait(&link->ring->all_inside);
	link->nested = alloc(link->next, UNMOVABLE, &link->nested_pa);
	return link->nested;
}

static void *allocate_unmapped(void *arg)
{
	struct link *link = arg;

	link->err = alloc(link, UNMAPPED, &link->pa);
	return NULL;
}

static void begin(struct ring *ring, unsigned int nr)
{
	*ring = (struct ring){ .nr = nr };
	assert_int_equal(pthread_barrier_init(&ring->all_inside, NULL, nr), 0);
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
static void check_ring(unsigned int nr)
{
	unsigned int nr_done = 0;
	struct ring ring;

	begin(&ring, nr);
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
		check_ring(2);
}

static void test_a_ring_of_three_zones_ends(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 50; i++)
		check_ring(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_zones_that_need_each_other_end),
		cmocka_unit_test(test_a_ring_of_three_zones_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
