/* SPDX-License-Identifier: MIT */
/*
 * Each operation with one of its allocations from the host failing, for each of them: -ENOMEM, or
 * it did without; areas, pages, swap and what reports say are as they were, and it works when
 * it is tried again.
 */
#include "mm/mm_test.h"
#include "model/failing_host.h"

#define VA (UINT64_C(3) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)
#define NR_AREAS 8 /* as many as fit before their array has to grow */
#define AREA_PAGES UINT64_C(8)
#define NR_PAGES (2 * NR_AREAS * AREA_PAGES)

static struct mm_fixture fixture;
static struct process parent, child;
static struct pt_mm_cfg child_cfg;
static struct pt_swap *swap, *made_swap;
static struct pt_file *shm, *plain, *made_file;
static struct pt_world *made_world, *other_world; /* the other has no huge pages yet */
static struct pt_mm *made_mm;

static int setup(void **state)
{
	mm_fixture_init(&fixture, *state, 0);
	assert_int_equal(pt_swap_create(&swap, fixture.world, 1, 1000), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(pt_swap_destroy(swap), 0);
	mm_fixture_exit(&fixture);
	return 0;
}

static pt_va_t area_at(unsigned int i)
{
	return VA + 2 * i * AREA_PAGES * fixture.page;
}

static int make_world(struct pt_world **world)
{
	const struct pt_world_cfg cfg = { .zone = fixture.zone,
					  .fmt = fixture.fmt,
					  .soft = fixture.soft };

	return pt_world_create(world, fixture.phys, &cfg);
}

static int call_world(void)
{
	return make_world(&made_world);
}

/*
 *	0 to 5  anonymous, each with its own name; folios of 4 pages
 *	6       shmem, in memory
 *	7       a file, none of it in memory
 */
static void prepare(void)
{
	struct pt_file_cfg cfg = { .len = AREA_PAGES * fixture.page, .order = 2 };
	char name[] = "[area 0]";
	struct pt_mm_area want = { .flags = RW, .node = PT_MM_ANY_NODE, .name = name };

	process_init(&fixture, &parent);
	assert_int_equal(make_world(&other_world), 0);
	cfg.name = "/plain";
	assert_int_equal(pt_file_create(&plain, fixture.world, &cfg), 0);
	cfg.name = "/shm";
	cfg.shmem = true;
	assert_int_equal(pt_file_create(&shm, fixture.world, &cfg), 0);
	for (unsigned int i = 0; i < NR_AREAS; i++) {
		want.first = area_at(i);
		want.last = want.first + AREA_PAGES * fixture.page - 1;
		want.kind = i < 6 ? PT_MM_ANON : PT_MM_FILE;
		want.flags = i < 6 ? RW : RW | PT_MM_SHARED;
		want.file = i < 6 ? NULL : i == 6 ? shm : plain;
		name[6] = (char)('0' + i);
		assert_int_equal(pt_mm_map(parent.mm, &want), 0);
		if (i == 7)
			break;
		assert_int_equal(pt_mm_populate(parent.mm, want.first, AREA_PAGES * fixture.page, 2,
						NULL),
				 0);
		for (uint64_t page = 0; page < AREA_PAGES; page++)
			mm_store(&fixture, &parent, want.first + page * fixture.page,
				 1000 * i + page);
	}
	child_cfg = mm_cfg(&fixture, &child);
}

static void finish(void)
{
	process_exit(&fixture, &parent);
	pt_space_destroy(child.space);
	pt_file_put(shm);
	pt_file_put(plain);
	assert_int_equal(pt_swap_used(swap), 0);
	assert_int_equal(pt_world_destroy(other_world), 0);
}

/* All that programs and reports can tell. */
struct snapshot {
	uint64_t words[NR_PAGES];
	char areas[4096];
	struct pt_smaps smaps;
	uint64_t swapped, held;
};

static void take(struct snapshot *s)
{
	const struct pt_view view = pt_mm_view(parent.mm);
	struct pt_zone_stats stats;
	size_t len = 0;

	memset(s, 0, sizeof(*s));
	assert_int_equal(pt_pagemap(&view, VA, VA + NR_PAGES * fixture.page - 1, s->words), 0);
	for (size_t i = 0; i < pt_mm_nr_areas(parent.mm); i++)
		len += pt_mm_area_line(pt_mm_area(parent.mm, i), s->areas + len,
				       sizeof(s->areas) - len);
	assert_true(len < sizeof(s->areas));
	assert_int_equal(pt_smaps(&view, 0, UINT64_MAX, &s->smaps), 0);
	s->swapped = pt_swap_used(swap);
	pt_zone_stats(fixture.device, &stats);
	s->held = stats.held;
}

static void is_as_before(const struct snapshot *before)
{
	struct snapshot now;

	take(&now);
	assert_memory_equal(now.words, before->words, sizeof(now.words));
	assert_string_equal(now.areas, before->areas);
	assert_memory_equal(&now.smaps, &before->smaps, sizeof(now.smaps));
	assert_int_equal(now.swapped, before->swapped);
	assert_int_equal(now.held, before->held);
	assert_null(made_file);
	assert_null(made_swap);
	assert_null(made_world);
	assert_null(made_mm);
	mm_verify(&fixture);
	for (unsigned int i = 0; i < 7; i++)
		assert_int_equal(mm_load(&fixture, &parent, area_at(i) + 5 * fixture.page),
				 1000 * i + 5);
}

static int call_mm(void)
{
	return pt_mm_create(&made_mm, fixture.world, &child_cfg);
}

static int call_fork(void)
{
	return pt_mm_fork(&made_mm, parent.mm, &child_cfg);
}

static int call_file(void)
{
	const struct pt_file_cfg cfg = { .name = "/made", .len = 64 * fixture.page };

	return pt_file_create(&made_file, fixture.world, &cfg);
}

static int call_swap(void)
{
	return pt_swap_create(&made_swap, fixture.world, 3, 100);
}

static int call_pool(void)
{
	const struct pt_extent extent = { HUGE_PA, 4 * fixture.huge };

	return pt_world_add_huge(other_world, fixture.huge_lg2, &extent);
}

static int call_map(void)
{
	const struct pt_mm_area want = { .first = 2 * VA,
					 .last = 2 * VA + fixture.page - 1,
					 .node = PT_MM_ANY_NODE,
					 .name = "[new]" };

	return pt_mm_map(parent.mm, &want);
}

static int call_flags(void)
{
	return pt_mm_set_flags(parent.mm, area_at(1) + fixture.page, fixture.page, PT_MM_LOCKED, 0);
}

static int call_unmap(void)
{
	return pt_mm_unmap(parent.mm, area_at(1) + fixture.page, fixture.page);
}

static int call_protect(void)
{
	return pt_mm_protect(parent.mm, area_at(1) + fixture.page, fixture.page, PT_MM_READ);
}

static int call_move(void)
{
	return pt_mm_move(parent.mm, area_at(1) + fixture.page, fixture.page, 2 * VA);
}

static int call_swap_out(void)
{
	uint64_t done;

	/* What was taken before it failed stays taken, so one folio a call. */
	return pt_mm_swap_out(parent.mm, area_at(1), fixture.page, swap, &done);
}

static int call_swap_out_shmem(void)
{
	return pt_mm_swap_out(parent.mm, area_at(6), fixture.page, swap, NULL);
}

static int call_fault(void)
{
	enum pt_mm_verdict verdict;

	return pt_mm_fault(parent.mm, area_at(7), PT_ACCESS_READ, &verdict);
}

static int call_populate(void)
{
	return pt_mm_populate(parent.mm, area_at(7), fixture.page, 0, NULL);
}

static int call_verify(void)
{
	return pt_world_verify(fixture.world, NULL, NULL);
}

/* What asks the host for nothing. */
static int call_others(void)
{
	uint64_t len = AREA_PAGES * fixture.page;
	int err = pt_mm_migrate_begin(parent.mm, area_at(0), len, NULL);

	if (!err)
		err = pt_mm_migrate_end(parent.mm, area_at(0), len, NULL);
	if (!err)
		err = pt_mm_to_device(parent.mm, area_at(0), fixture.page, NULL);
	if (!err)
		err = pt_mm_device_exclusive(parent.mm, area_at(1), fixture.page, NULL);
	if (!err)
		err = pt_mm_split(parent.mm, area_at(2), len, NULL);
	if (!err)
		err = pt_mm_poison(parent.mm, area_at(3));
	if (!err)
		err = pt_mm_numa_hint(parent.mm, area_at(4), len);
	if (!err)
		err = pt_mm_clear_refs(parent.mm, PT_MM_CLEAR_ACCESSED);
	return err ? err : pt_mm_zap(parent.mm, area_at(5), len);
}

static void give_back(void)
{
	assert_int_equal(pt_world_destroy(made_world), 0);
	pt_mm_destroy(made_mm);
	pt_file_put(made_file);
	assert_int_equal(pt_swap_destroy(made_swap), 0);
	made_world = NULL;
	made_mm = NULL;
	made_file = NULL;
	made_swap = NULL;
}

/* Returns how many allocations @call needs at most. */
static size_t fail_each(int (*call)(void))
{
	struct snapshot before;
	int err;

	for (fail_at = 1;; fail_at++) {
		prepare();
		take(&before);
		nr_allocs = 0;
		counts = true;
		err = call();
		counts = false;
		assert_true(!err || err == -ENOMEM);
		if (err) {
			assert_true(nr_allocs >= fail_at);
			is_as_before(&before);
			assert_int_equal(call(), 0);
		}
		mm_verify(&fixture);
		give_back();
		finish();
		if (nr_allocs < fail_at)
			return nr_allocs;
	}
}

static void every_refusal_of_the_host_is_survived(void **state)
{
	static const struct {
		int (*call)(void);
		size_t least;
	} calls[] = {
		{ call_world, 3 },    { call_mm, 2 },	  { call_fork, 3 },
		{ call_file, 1 },     { call_swap, 3 },	  { call_pool, 2 },
		{ call_map, 2 },      { call_flags, 1 },  { call_unmap, 1 },
		{ call_protect, 1 },  { call_move, 1 },	  { call_swap_out, 4 },
		{ call_fault, 1 },    { call_verify, 2 }, { call_swap_out_shmem, 4 },
		{ call_populate, 1 }, { call_others, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		size_t nr = fail_each(calls[i].call);

		if (nr < calls[i].least)
			fprintf(stderr, "call %zu: %zu\n", i, nr);
		assert_true(nr >= calls[i].least);
		if (!calls[i].least)
			assert_int_equal(nr, 0);
	}
}

int main(void)
{
	static const size_t which[] = { 0, 2, 6 }; /* of mm_configs */
	struct CMUnitTest tests[sizeof(which) / sizeof(which[0])];

	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++)
		tests[i] = (struct CMUnitTest){
			mm_configs[which[i]].name,
			every_refusal_of_the_host_is_survived,
			setup,
			teardown,
			(void *)(uintptr_t)&mm_configs[which[i]],
		};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
