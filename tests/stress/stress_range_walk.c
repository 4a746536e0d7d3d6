/* SPDX-License-Identifier: MIT */
/*
 * Walkers, some of them with locks, against owners of disjoint chunks who map, unmap, swap out and
 * in, fold and unfold, and free the tables that they empty.
 *
 *  - Each walk covers each page of its region exactly once and in order, as a hole, a leaf or a
 *    swap word that the page was at some moment of the walk.
 *  - While a walk holds the lock of a run, every page of the run is what the walk said.
 *  - Whoever stops early has locked nobody out: owners finish, and tables come back.
 */
#include "stress/stress.h"

#define MS_A_CONFIG 700
#define NR_OWNERS 2
#define NR_WALKERS 2
#define NR_LOCKERS 2
#define STATE_SWAP 0x20u

static uint64_t swap_offset(size_t page)
{
	return 1 + page;
}

/* What a walk says of @page is one of those in @state, if that did not change meanwhile. */
static void hold(struct stress *s, size_t page, uint64_t state, const struct pt_range_walk *walk,
		 enum pt_range_walk_type type)
{
	uint64_t at = stress_va(s, page) - walk->va;

	if (type != PTW_SWAP) {
		stress_held(s, page, state, type == PTW_PFN ? 0 : -ENOENT, walk->pa + at,
			    walk->attr, type == PTW_PFN);
		return;
	}
	CHECK(walk->soft.type == 2, walk->va);
	CHECK(walk->soft.offset + at / s->granule == swap_offset(page), walk->va);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&s->page[page].state, memory_order_relaxed) != state)
		return;
	CHECK(state & STATE_SWAP, walk->va);
	atomic_fetch_add_explicit(&s->reads, 1, memory_order_relaxed);
}

/* Nobody changes the run while its lock is held. */
static void hold_under_lock(struct stress *s, const struct pt_range_walk *walk,
			    enum pt_range_walk_type type)
{
	for (uint64_t at = 0; at < walk->len; at += s->granule) {
		struct pt_soft soft;
		pt_pa_t pa = 0;
		int err = pt_translate(s->pt, walk->va + at, &pa);

		if (type == PTW_PFN)
			CHECK(!err && pa == walk->pa + at, walk->va + at);
		else if (walk->level == 0 || type == PTW_SWAP)
			CHECK(err == -ENOENT, walk->va + at);
		if (type == PTW_SWAP)
			CHECK(!pt_soft_lookup(s->pt, walk->va + at, &soft, NULL) &&
				      soft.offset == walk->soft.offset + at / s->granule,
			      walk->va + at);
	}
}

/* One walk over a region; stops behind @stop runs. */
static void walk_region(struct stress *s, size_t region, unsigned int flags, uint64_t *states,
			unsigned int stop)
{
	size_t first = region * s->region_pages, page = first;
	pt_va_t va = stress_va(s, first), last = va + (s->region_pages * s->granule - 1);
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	for (size_t i = 0; i < s->region_pages; i++)
		states[i] = stress_state(s, first + i);
	for (type = pt_range_walk_start(&walk, s->pt, va, last, PT_TYPE_ALL, flags);
	     type != PTW_DONE && stop--; type = pt_range_walk_next(&walk)) {
		CHECK(type == PTW_NONE || type == PTW_PFN || type == PTW_SWAP, walk.va);
		CHECK(walk.va == stress_va(s, page), walk.va);
		if (flags & PT_WALK_LOCKED)
			hold_under_lock(s, &walk, type);
		for (uint64_t at = 0; at < walk.len; at += s->granule, page++) {
			CHECK(page < first + s->region_pages, walk.va);
			hold(s, page, states[page - first], &walk, type);
		}
	}
	CHECK(type != PTW_DONE || page == first + s->region_pages, walk.va);
	CHECK(pt_range_walk_done(&walk) == 0, va);
}

struct walker {
	struct stress *s;
	uint32_t seed;
	unsigned int flags;
};

static void *walker_run(void *arg)
{
	struct walker *w = arg;
	uint64_t *states = calloc(w->s->region_pages, sizeof(*states));

	CHECK(states, 0);
	while (!atomic_load_explicit(&w->s->stop, memory_order_relaxed)) {
		uint32_t pick = stress_random(&w->seed);
		unsigned int flags = w->flags | (pick & 0x700 ? 0 : PT_WALK_EACH);

		walk_region(w->s, pick % NR_REGIONS, flags, states,
			    pick & 0x10000 ? UINT32_MAX : pick >> 20 & 15);
	}
	free(states);
	return NULL;
}

static bool all_are(struct stress *s, size_t first, size_t nr, uint32_t state)
{
	for (size_t i = first; i < first + nr; i++)
		if (!(stress_pure(s, i) & state))
			return false;
	return true;
}

/* Leaves become swap words; holes and swap words stay. */
static void swap_out(struct stress *s, size_t first, size_t nr)
{
	const struct pt_soft soft = { .kind = PT_SOFT_SWAP,
				      .type = 2,
				      .offset = swap_offset(first) };
	struct pt_change change = { .flags = PT_CHANGE_ONLY_LEAVES };
	const uint32_t leaf = STATE_OUTPUT(0) | STATE_OUTPUT(1) | STATE_OUTPUT(2) | STATE_OUTPUT(3);
	uint64_t bytes = 0;

	for (size_t i = first; i < first + nr; i++)
		if (stress_pure(s, i) & leaf) {
			bytes += s->granule;
			stress_set(s, i, stress_pure(s, i) | STATE_SWAP);
		}
	stress_announce_done();
	CHECK(pt_soft_set(s->pt, stress_va(s, first), nr * s->granule, 0, &soft, &change) == 0,
	      first);
	CHECK(change.done == bytes, first);
	for (size_t i = first; i < first + nr; i++)
		if (stress_pure(s, i) & leaf)
			stress_set(s, i, STATE_SWAP);
}

static void swap_in(struct stress *s, size_t first, size_t nr, unsigned int pick)
{
	unsigned int output = pick % NR_OUTPUTS;
	uint32_t after = STATE_OUTPUT(output) | STATE_MARK(0);
	bool fits = all_are(s, first, nr, STATE_SWAP);
	int err;

	for (size_t i = first; fits && i < first + nr; i++)
		stress_set(s, i, STATE_SWAP | after);
	stress_announce_done();
	err = pt_soft_map(s->pt, stress_va(s, first), stress_pa(s, first, output), nr * s->granule,
			  RWX, NULL);
	CHECK(fits ? !err : err == -ENOENT || err == -EEXIST || err == -EINVAL, first);
	for (size_t i = first; fits && i < first + nr; i++)
		stress_set(s, i, after);
}

/* Words for everything: over holes too, which takes tables. */
static void swap_all(struct stress *s, size_t first, size_t nr)
{
	const struct pt_soft soft = { .kind = PT_SOFT_SWAP,
				      .type = 2,
				      .offset = swap_offset(first) };

	for (size_t i = first; i < first + nr; i++)
		stress_set(s, i, stress_pure(s, i) | STATE_SWAP);
	stress_announce_done();
	CHECK(pt_soft_set(s->pt, stress_va(s, first), nr * s->granule, 0, &soft, NULL) == 0, first);
	for (size_t i = first; i < first + nr; i++)
		stress_set(s, i, STATE_SWAP);
}

static void zap(struct stress *s, size_t first, size_t nr, unsigned int pick)
{
	struct pt_change change = { .flags = pick & 1 ? PT_CHANGE_FREE_TABLES : 0 };

	for (size_t i = first; i < first + nr; i++)
		stress_set(s, i, stress_pure(s, i) | STATE_HOLE);
	stress_announce_done();
	CHECK(pt_unmap(s->pt, stress_va(s, first), nr * s->granule, &change) == 0, first);
	for (size_t i = first; i < first + nr; i++)
		stress_set(s, i, STATE_HOLE);
}

static void *owner_run(void *arg)
{
	struct stress_owner *o = arg;
	struct stress *s = o->s;

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		const struct stress_part part = stress_pick(o);
		size_t chunk = part.chunk, first = part.first, nr = part.nr;
		uint32_t how = part.how;

		switch (how >> 24 & 15) {
		case 0:
		case 1:
		case 2:
		case 3:
			stress_do_map(o, first, nr, how >> 8);
			break;
		case 4:
		case 5:
		case 6:
		case 7:
			zap(s, first, nr, how >> 8);
			break;
		case 8:
		case 9:
			swap_out(s, first, nr);
			break;
		case 10:
		case 11:
			swap_in(s, first, nr, how >> 8);
			break;
		case 12:
		case 13:
			swap_all(s, first, nr);
			break;
		case 14:
			CHECK(pt_collapse(s->pt, stress_va(s, chunk * s->chunk_pages),
					  s->chunk_pages * s->granule, 0, NULL) == 0,
			      chunk);
			break;
		default:
			CHECK(pt_split(s->pt, stress_va(s, first), nr * s->granule, 0, NULL) == 0,
			      first);
		}
		stress_op_ends(s, o->index);
	}
	return NULL;
}

static void walkers_see_every_page_once(void **state)
{
	const char *name = *state;
	pthread_t thread[NR_OWNERS + NR_WALKERS + NR_LOCKERS];
	struct walker walker[NR_WALKERS + NR_LOCKERS];
	struct stress_owner owner[NR_OWNERS];
	uint64_t *states;
	struct pt_soft_cfg soft;
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_SHARED, .soft = &soft, .walk_locks = true };
	struct stress s;
	const struct stress_least least[] = { { &s.ops[0], 5 },
					      { &s.ops[1], 5 },
					      { &s.reads, 10 } };
	size_t nr = 0;

	stress_init(&s, name, PT_MODE_SHARED, NULL, NULL);
	pt_pgtable_destroy(s.pt);
	CHECK(pt_soft_cfg_init(&soft, format_is_x86(s.fmt.fmt) ? PT_SOFT_X86 : PT_SOFT_ARM64,
			       &s.fmt, 0) == 0,
	      0);
	/* The software bits are this test's marks. */
	soft.attr_special = soft.attr_uffd_wp = soft.attr_soft_dirty = soft.attr_dirty = 0;
	cfg.fmt = s.fmt;
	cfg.tables = page_source_ops(&s.source);
	CHECK(pt_pgtable_create(&s.pt, s.phys, &cfg) == 0, 0);
	for (unsigned int i = 0; i < NR_OWNERS; i++) {
		owner[i] = (struct stress_owner){ &s, 77 + i, i, NR_OWNERS, NULL };
		CHECK(!pthread_create(&thread[nr++], NULL, owner_run, &owner[i]), i);
	}
	for (unsigned int i = 0; i < NR_WALKERS + NR_LOCKERS; i++) {
		walker[i] = (struct walker){ &s, 1234 + i, i < NR_WALKERS ? 0 : PT_WALK_LOCKED };
		CHECK(!pthread_create(&thread[nr++], NULL, walker_run, &walker[i]), i);
	}
	stress_let_run(MS_A_CONFIG, least, sizeof(least) / sizeof(least[0]));
	atomic_store(&s.stop, true);
	while (nr)
		CHECK(!pthread_join(thread[--nr], NULL), nr);
	states = calloc(s.region_pages, sizeof(*states));
	assert_non_null(states);
	for (size_t region = 0; region < NR_REGIONS; region++) {
		walk_region(&s, region, 0, states, UINT32_MAX);
		walk_region(&s, region, PT_WALK_LOCKED, states, UINT32_MAX);
	}
	free(states);
	assert_int_equal(pt_verify(s.pt, NULL, NULL), 0);
	printf("%s: %llu changes, %llu pages held to their state\n", name,
	       (unsigned long long)stress_ops(&s), (unsigned long long)s.reads);
	stress_exit(&s);
}

int main(void)
{
	static const char *const names[] = { "x86_48", "arm_4k_48_hd_bbm2", "arm_4k_48",
					     "arm_16k_48", "arm_64k_48_lpa_bbm2" };
	struct CMUnitTest tests[sizeof(names) / sizeof(names[0])];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tests[i] = (struct CMUnitTest){ names[i], walkers_see_every_page_once, NULL, NULL,
						(void *)(uintptr_t)names[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
