/* SPDX-License-Identifier: MIT */
/*
 * Processors at work in a large leaf that is split, changed in part and collapsed again.
 *
 *  - Its translations never change; a fault means that an entry is broken, and not for long.
 *  - What was written is dirty when the processors pause, whatever became of its leaf: the word
 *    that was marked may just have been replaced by a table, or its table by a leaf.
 */
#include "stress/stress_mmu.h"

struct shared {
	struct processors p; /* first: threads get it */
	size_t large_pages; /* of one table */
	pt_va_t large_va;
	pt_pa_t large_pa;
	atomic_bool *large_written; /* by page, since it was cleaned */
	atomic_bool paused; /* processors keep away */
	_Atomic uint64_t nr_ok; /* accesses */
};

/* Accesses in the large area: always mapped, to the same memory. */
static void *large_cpu(void *arg)
{
	struct cpu *cpu = arg;
	struct shared *shared = (struct shared *)cpu->all;
	struct stress *s = &shared->p.s;
	struct stress_patience patience = { 0 };

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		uint32_t pick = stress_random(&cpu->seed);
		size_t page = (pick >> 8) % shared->large_pages;
		pt_va_t va = shared->large_va + page * s->granule + (pick & 0xff0);
		struct pt_access access = { .kind = pick & 1 ? PT_ACCESS_WRITE : PT_ACCESS_READ,
					    .size = 8,
					    .priv = !is_x86(s) };
		struct pt_access_result r;
		int err = 0;

		begin_access(cpu);
		if (!atomic_load(&shared->paused)) {
			err = pt_access(shared->p.mmu, va, &access, &r);
			if (!err && pick & 1)
				atomic_store(&shared->large_written[page], true);
			if (!err)
				CHECK(r.piece[0].pa - shared->large_pa == va - shared->large_va,
				      va);
			atomic_fetch_add_explicit(&shared->nr_ok, !err, memory_order_relaxed);
		}
		end_access(cpu);
		if (!err) {
			patience.rounds = 0;
			continue;
		}
		check_fault(s, &r.fault, va);
		cpu->nr_broken++;
		CHECK(stress_is_patient(s, &patience, 1), va);
	}
	return NULL;
}

/* What was written is dirty now, whatever became of its leaf; then all is cleaned. */
static void check_and_clean(struct shared *shared)
{
	struct stress *s = &shared->p.s;
	struct pt_leaf leaf;

	atomic_store(&shared->paused, true);
	wait_for_cpus(&shared->p);
	for (size_t i = 0; i < shared->large_pages; i++) {
		pt_va_t va = shared->large_va + i * s->granule;

		CHECK(pt_lookup(s->pt, va, &leaf) == 0, va);
		if (atomic_exchange(&shared->large_written[i], false))
			CHECK(leaf.attr & PT_ATTR_DIRTY || !keeps_dirty(s), va);
	}
	CHECK(pt_test_and_clear_dirty(s->pt, shared->large_va, shared->large_pages * s->granule,
				      NULL) == 0,
	      0);
	atomic_store(&shared->paused, false);
}

/* One large leaf, split, changed in part, and collapsed again; its translations stay. */
static void *splitter(void *arg)
{
	struct shared *shared = arg;
	struct stress *s = &shared->p.s;
	uint64_t size = shared->large_pages * s->granule;
	uint32_t seed = 7;

	for (; !atomic_load_explicit(&s->stop, memory_order_relaxed); stress_op_ends(s, 0)) {
		uint32_t pick = stress_random(&seed);
		pt_va_t va = shared->large_va + (pick >> 8) % shared->large_pages * s->granule;
		struct pt_change change = { .flags = PT_CHANGE_NO_CONTIG };

		CHECK(pt_split(s->pt, va, s->granule, 0, NULL) == 0, va);
		CHECK(pt_protect(s->pt, va, s->granule, PT_ATTR_SW(pick >> 30), PT_ATTR_SW_MASK,
				 NULL) == 0,
		      va);
		if (pick & 1)
			check_and_clean(shared);
		CHECK(pt_protect(s->pt, shared->large_va, size, 0, PT_ATTR_SW_MASK, NULL) == 0, va);
		CHECK(pt_collapse(s->pt, shared->large_va, size, 1, &change) == 0, va);
		if (pick & 2)
			check_and_clean(shared);
	}
	return NULL;
}

static void what_is_written_stays_dirty_in_leaves_of_any_size(void **state)
{
	static struct shared shared;
	struct stress *s = &shared.p.s;
	pthread_t threads[NR_CPUS + 1];
	unsigned int top, nr = 0;
	const struct stress_least least[] = { { &s->ops[0], 0 }, { &shared.nr_ok, 16 } };
	uint64_t broken = 0;

	memset(&shared, 0, sizeof(shared));
	processors_init(&shared.p, *state, NULL);
	top = s->info.nr_levels - 1;
	/* in an entry of the level above the leaf */
	shared.large_va = s->info.first + (UINT64_C(1) << s->info.leaf_lg2[top > 1 ? 2 : 1]);
	shared.large_pages = (size_t)1 << s->info.entries_lg2[0];
	shared.large_pa = UINT64_C(1) << (s->fmt.pa_bits - 3);
	shared.large_written = calloc(shared.large_pages, sizeof(*shared.large_written));
	CHECK(shared.large_written, 0);
	CHECK(pt_map(s->pt, shared.large_va, shared.large_pa, shared.large_pages * s->granule, RWX,
		     NULL) == 0,
	      0);
	assert_int_equal(pthread_create(&threads[nr++], NULL, splitter, &shared), 0);
	for (unsigned int i = 0; i < NR_CPUS; i++)
		assert_int_equal(pthread_create(&threads[nr++], NULL, large_cpu, &shared.p.cpu[i]),
				 0);
	stress_let_run(MS_A_CONFIG, least, sizeof(least) / sizeof(least[0]));
	atomic_store(&s->stop, true);
	while (nr)
		pthread_join(threads[--nr], NULL);
	check_and_clean(&shared);
	for (unsigned int i = 0; i < NR_CPUS; i++)
		broken += shared.p.cpu[i].nr_broken;
	print_message("%s: %llu accesses, %llu to broken entries\n", s->config->name,
		      (unsigned long long)shared.nr_ok, (unsigned long long)broken);
	free(shared.large_written);
	processors_exit(&shared.p);
}

#define ON(name)                                                                                   \
	{                                                                                          \
		"what_is_written_stays_dirty_in_leaves_of_any_size/" name,                         \
			what_is_written_stays_dirty_in_leaves_of_any_size, NULL, NULL,             \
			(void *)(uintptr_t)name                                                    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON("x86_48"),	     ON("x86_57"),
		ON("arm_4k_48"),     ON("arm_4k_48_hd_bbm2"),
		ON("arm_16k_36_hd"), ON("arm_64k_52_lpa_upper_hd"),
	};

	return cmocka_run_group_tests_name("stress_mmu_large", tests, NULL, NULL);
}
