/* SPDX-License-Identifier: MIT */
/*
 * Processors at work in tables that change: threads perform accesses through one MMU, which sets
 * accessed and dirty bits, against each other and against threads that map, unmap, protect, fold,
 * age and clean the same pages of a shared table. Large leaves are in stress_mmu_large.c.
 *
 *  - An access finds the old or the new translation, or a fault that a hole explains; a page that
 *    is mapped all the time faults only while its entry is broken, and not for long.
 *  - Nothing that either side did is lost: for each page, the times that an access set A or D are
 *    the times that some store took it away, and once more if it is still there.
 *  - The same by public calls only: bytes found accessed and dirty, beside what is so in the end.
 */
#include "stress/stress_mmu.h"

#define NR_OWNERS 2

struct shared {
	struct processors p; /* first: threads get it */
	struct pt_watch_ops watch;
	size_t nr_pages;
	/* by page: set by accesses and by stores of ours, less what stores took away */
	_Atomic int64_t *dirtied, *accessed;
	_Atomic uint64_t nr_dirtied, nr_accessed; /* by accesses, of all pages */
	/*
	 * All of these have to be exact while pages come and go: an access over two pages may mark
	 * the first, and then find the second gone that was there when it looked.
	 */
	bool counts;
};

/* Every store to a page of the regions: bits that it takes away, or puts there. */
static void watch_store(void *ctx, const struct pt_store *store)
{
	struct shared *shared = ctx;
	struct stress *s = &shared->p.s;

	if (store->level)
		return;
	for (size_t region = 0; region < NR_REGIONS; region++) {
		size_t first = region * s->region_pages, page;

		if (store->va - stress_va(s, first) >= s->region_pages * s->granule)
			continue;
		page = first + (store->va - stress_va(s, first)) / s->granule;
		atomic_fetch_add(&shared->dirtied[page],
				 is_dirty(s, store->new_) - is_dirty(s, store->old));
		atomic_fetch_add(&shared->accessed[page],
				 is_accessed(s, store->new_) - is_accessed(s, store->old));
	}
}

/* What a piece of a successful access did to its leaf: @raw is the word before. */
static void account(struct shared *shared, size_t page, uint64_t raw, bool write)
{
	const struct stress *s = &shared->p.s;

	if (!is_accessed(s, raw)) {
		atomic_fetch_add(&shared->accessed[page], 1);
		atomic_fetch_add(&shared->nr_accessed, 1);
	}
	if (write && keeps_dirty(s) && !is_dirty(s, raw)) {
		atomic_fetch_add(&shared->dirtied[page], 1);
		atomic_fetch_add(&shared->nr_dirtied, 1);
	}
}

/* What the processor saw of @page; whether it may have to be asked again. */
static bool held(struct cpu *cpu, size_t page, uint64_t state, int err, pt_pa_t pa)
{
	struct stress *s = &cpu->all->s;

	cpu->nr_ok += !err;
	if (err && !(state & STATE_HOLE)) {
		/* mapped, unless that changed since: broken, or about to be made */
		cpu->nr_broken++;
		return true;
	}
	cpu->nr_holes += err != 0;
	stress_held(s, page, state, err, pa, 0, false);
	return false;
}

/* One access to @page, and to the next one if @crosses. */
static bool access_once(struct cpu *cpu, size_t page, enum pt_access_kind kind, bool crosses)
{
	struct shared *shared = (struct shared *)cpu->all;
	struct stress *s = &shared->p.s;
	uint64_t offset = crosses ? s->granule - 8 : page % 512 * 8;
	pt_va_t va = stress_va(s, page) + offset, next = stress_va(s, page) + s->granule;
	struct pt_access access = { .kind = kind, .size = crosses ? 16 : 8, .priv = !is_x86(s) };
	uint64_t state[2] = { stress_state(s, page), crosses ? stress_state(s, page + 1) : 0 };
	struct pt_access_result r;
	bool again = false;
	int err;

	begin_access(cpu);
	err = pt_access(shared->p.mmu, va, &access, &r);
	CHECK(err == 0 || err == 1, err);
	for (unsigned int i = 0; !err && i < r.nr_pieces; i++)
		account(shared, page + i, r.piece[i].raw, kind != PT_ACCESS_READ);
	end_access(cpu);
	if (err && r.fault.va == next && crosses) {
		check_fault(s, &r.fault, next);
		return held(cpu, page + 1, state[1], -ENOENT, 0);
	}
	if (err) {
		check_fault(s, &r.fault, va);
		return held(cpu, page, state[0], -ENOENT, 0);
	}
	CHECK(r.nr_pieces == 1u + crosses, va);
	again |= held(cpu, page, state[0], 0, r.piece[0].pa - offset);
	if (crosses)
		again |= held(cpu, page + 1, state[1], 0, r.piece[1].pa);
	return again;
}

static void *cpu_run(void *arg)
{
	struct cpu *cpu = arg;
	struct shared *shared = (struct shared *)cpu->all;
	struct stress *s = &shared->p.s;

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		uint32_t pick = stress_random(&cpu->seed);
		size_t page = (pick >> 8) % shared->nr_pages;
		bool crosses = !shared->counts && (pick & 15) == 0 && (page + 1) % s->region_pages;
		struct stress_patience patience = { 0 };

		/* a page that stays mapped is there again soon */
		while (access_once(cpu, page, (enum pt_access_kind)(pick >> 4 & 3) % 3, crosses))
			CHECK(stress_is_patient(s, &patience, NR_OWNERS), stress_va(s, page));
	}
	return NULL;
}

static void shared_init(struct shared *shared, const char *name, bool watched)
{
	memset(shared, 0, sizeof(*shared));
	shared->watch = (struct pt_watch_ops){ .store = watch_store, .ctx = shared };
	processors_init(&shared->p, name, watched ? &shared->watch : NULL);
	shared->nr_pages = stress_nr_pages(&shared->p.s);
	shared->counts = watched;
	shared->dirtied = calloc(shared->nr_pages, sizeof(*shared->dirtied));
	shared->accessed = calloc(shared->nr_pages, sizeof(*shared->accessed));
	CHECK(shared->dirtied && shared->accessed, 0);
}

static void shared_exit(struct shared *shared)
{
	free(shared->dirtied);
	free(shared->accessed);
	processors_exit(&shared->p);
}

/* Runs @work of the owners beside the processors. */
static void run(struct shared *shared, void *(*work)(void *), struct stress_owner *owners)
{
	struct stress *s = &shared->p.s;
	pthread_t threads[NR_OWNERS + NR_CPUS];
	unsigned int nr = 0;
	const struct stress_least least[] = {
		{ &s->ops[0], 8 },
		{ &s->ops[1], 8 },
		{ &s->reads, 16 },
		{ &shared->nr_accessed, 0 },
		{ keeps_dirty(s) ? &shared->nr_dirtied : &shared->nr_accessed, 0 },
	};
	uint64_t ok = 0, holes = 0, broken = 0;

	for (unsigned int i = 0; i < NR_OWNERS; i++) {
		owners[i] = (struct stress_owner){
			.s = s, .seed = 1000 + i, .index = i, .nr = NR_OWNERS
		};
		assert_int_equal(pthread_create(&threads[nr++], NULL, work, &owners[i]), 0);
	}
	for (unsigned int i = 0; i < NR_CPUS; i++)
		assert_int_equal(pthread_create(&threads[nr++], NULL, cpu_run, &shared->p.cpu[i]),
				 0);
	stress_let_run(MS_A_CONFIG, least, sizeof(least) / sizeof(least[0]));
	atomic_store(&s->stop, true);
	while (nr)
		pthread_join(threads[--nr], NULL);
	for (unsigned int i = 0; i < NR_CPUS; i++) {
		ok += shared->p.cpu[i].nr_ok;
		holes += shared->p.cpu[i].nr_holes;
		broken += shared->p.cpu[i].nr_broken;
	}
	print_message("%s: %llu changes; pages: %llu translated, %llu holes, %llu asked again; "
		      "%llu A and %llu D set\n",
		      s->config->name, (unsigned long long)stress_ops(s), (unsigned long long)ok,
		      (unsigned long long)holes, (unsigned long long)broken,
		      (unsigned long long)shared->nr_accessed,
		      (unsigned long long)shared->nr_dirtied);
	stress_final(s);
}

static void *change_anything(void *arg)
{
	struct stress_owner *o = arg;

	while (!atomic_load_explicit(&o->s->stop, memory_order_relaxed))
		stress_step(o);
	return NULL;
}

/* How the table is left, page by page. */
static void check_bits(struct shared *shared)
{
	struct stress *s = &shared->p.s;
	struct pt_leaf leaf;

	for (size_t i = 0; i < shared->nr_pages; i++) {
		uint64_t raw = pt_lookup(s->pt, stress_va(s, i), &leaf) ? 0 : leaf.raw;

		CHECK(shared->dirtied[i] == is_dirty(s, raw), stress_va(s, i));
		CHECK(shared->accessed[i] == is_accessed(s, raw), stress_va(s, i));
	}
}

static void translations_are_old_or_new(void **state)
{
	static struct shared shared;
	struct stress_owner owners[NR_OWNERS];

	shared_init(&shared, *state, false);
	run(&shared, change_anything, owners);
	shared_exit(&shared);
}

static void no_bit_is_lost(void **state)
{
	static struct shared shared;
	struct stress_owner owners[NR_OWNERS];

	shared_init(&shared, *state, true);
	run(&shared, change_anything, owners);
	check_bits(&shared);
	shared_exit(&shared);
}

/* Bytes that pages were found accessed, and dirty. */
static _Atomic uint64_t aged, cleaned;

static void *age_and_clean(void *arg)
{
	struct stress_owner *o = arg;
	struct stress *s = o->s;
	struct pt_change change = { 0 };

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		uint32_t pick = stress_random(&o->seed);
		size_t nr_chunks = NR_REGIONS * NR_CHUNKS / o->nr;
		size_t chunk = pick % nr_chunks * o->nr + o->index;
		size_t first = (pick >> 8) % s->chunk_pages, nr = 1 + (pick >> 16) % 8;
		pt_va_t va = stress_va(s, chunk * s->chunk_pages + first);

		nr = nr < s->chunk_pages - first ? nr : s->chunk_pages - first;
		switch (pick >> 30) {
		case 0:
			CHECK(pt_protect(s->pt, va, nr * s->granule, 0, PT_ATTR_SW_MASK, &change) ==
				      0,
			      va);
			break;
		case 1:
			CHECK(pt_test_and_clear_accessed(s->pt, va, nr * s->granule, &change) == 0,
			      va);
			atomic_fetch_add(&aged, change.done);
			break;
		default:
			CHECK(pt_test_and_clear_dirty(s->pt, va, nr * s->granule, &change) == 0,
			      va);
			atomic_fetch_add(&cleaned, change.done);
			break;
		}
		stress_op_ends(s, o->index);
	}
	return NULL;
}

static void bytes_found_dirty_are_bytes_made_dirty(void **state)
{
	static struct shared shared;
	struct stress *s = &shared.p.s;
	struct stress_owner owners[NR_OWNERS];
	struct pt_change change = { .flags = PT_CHANGE_NO_CONTIG };
	struct pt_leaf leaf;

	shared_init(&shared, *state, false);
	atomic_store(&aged, 0);
	atomic_store(&cleaned, 0);
	for (size_t i = 0; i < shared.nr_pages; i++) {
		CHECK(pt_map(s->pt, stress_va(s, i), stress_pa(s, i, 0), s->granule, RWX,
			     &change) == 0,
		      i);
		stress_set(s, i, STATE_OUTPUT(0) | STATE_MARK(0));
	}
	run(&shared, age_and_clean, owners);
	for (size_t i = 0; i < shared.nr_pages; i++) {
		CHECK(pt_lookup(s->pt, stress_va(s, i), &leaf) == 0, i);
		aged += is_accessed(s, leaf.raw) ? s->granule : 0;
		cleaned += is_dirty(s, leaf.raw) ? s->granule : 0;
	}
	assert_int_equal(aged, shared.nr_accessed * s->granule);
	assert_int_equal(cleaned, shared.nr_dirtied * s->granule);
	for (unsigned int i = 0; i < NR_CPUS; i++)
		assert_int_equal(shared.p.cpu[i].nr_holes + shared.p.cpu[i].nr_broken, 0);
	shared_exit(&shared);
}

#define ON(test, name)                                                                             \
	{                                                                                          \
#test "/" name, test, NULL, NULL, (void *)(uintptr_t)name                          \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(translations_are_old_or_new, "x86_48"),
		ON(translations_are_old_or_new, "arm_4k_48"),
		ON(translations_are_old_or_new, "arm_16k_47_upper_bbm2"),
		ON(translations_are_old_or_new, "arm_64k_52_lpa_upper_hd"),
		ON(no_bit_is_lost, "x86_48"),
		ON(no_bit_is_lost, "x86_57"),
		ON(no_bit_is_lost, "arm_4k_48_hd_bbm2"),
		ON(no_bit_is_lost, "arm_4k_lpa2_48_upper_hd_bbm2"),
		ON(no_bit_is_lost, "arm_16k_36_hd"),
		ON(no_bit_is_lost, "arm_64k_42_hd"),
		ON(bytes_found_dirty_are_bytes_made_dirty, "x86_57"),
		ON(bytes_found_dirty_are_bytes_made_dirty, "arm_4k_48_hd_bbm2"),
		ON(bytes_found_dirty_are_bytes_made_dirty, "arm_64k_52_lpa_upper_hd"),
	};

	return cmocka_run_group_tests_name("stress_mmu", tests, NULL, NULL);
}
