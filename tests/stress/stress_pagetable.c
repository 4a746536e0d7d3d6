/* SPDX-License-Identifier: MIT */
/*
 * Shared mode, everything at once: mappers of disjoint chunks within the same leaf tables, who free
 * the tables that they empty; one who splits and collapses large leaves; lockless readers; and a
 * CPU that walks the tables by itself and sets accessed and dirty by compare-and-swap.
 *
 *  - A reader finds the old or the new translation of an address, nothing else.
 *  - In the end the table is what its owners made of it, pt_verify() has nothing to say, and every
 *    table page comes back.
 *  - No dirty bit is lost: for each page, the times that the CPU set it are the times that it was
 *    taken away by some store, which the watcher sees, and once more if it is still there. In the
 *    area of large leaves, what the CPU made dirty is still so when it pauses to be cleaned.
 *
 * And a few threads with nothing else to do than to fill and empty one branch of the tree, each
 * its own page of it, so that tables are made and freed under each other's hands all the time: also
 * between a map and an unmap of one page, which take no lock.
 */
#include "stress/stress.h"

#define MS_A_CONFIG 700
#define NR_MAPPERS 2
#define SPLITTER NR_MAPPERS /* as an owner */
#define NR_READERS 2

/* The CPU. Flushes wait until it is between two walks, as an interrupt would. */
struct cpu {
	struct stress *s;
	_Atomic uint64_t walks; /* odd: in a walk */
	_Atomic uint64_t nr_set;
};

struct shared {
	struct stress s; /* first: threads of stress.h get it */
	struct cpu cpu;
	struct pt_flush_ops flush;
	struct pt_watch_ops watch;
	bool is_checked;
	size_t nr_pages;              /* of the regions; large ones follow */
	_Atomic int64_t *dirtied;     /* a page: by the CPU and by stores of ours, */
	_Atomic uint64_t cleaned;     /* less what was taken away */
	size_t large_pages;           /* of the area that is split and collapsed */
	pt_va_t large_va;
	pt_pa_t large_pa;
	atomic_bool *large_dirtied;   /* by the CPU, since it was cleaned */
	atomic_bool large_paused;     /* the CPU keeps away from there */
};

static bool is_dirty(const struct pt_fmt_cfg *fmt, uint64_t raw)
{
	if (!(raw & 1))
		return false;
	if (fmt->fmt == PT_FMT_X86_64)
		return raw >> 6 & 1;
	return fmt->features & PT_FEAT_HD && raw >> 51 & 1 && !(raw >> 7 & 1);
}

/* What the CPU makes of a leaf that it stores through; the same word if it need not change. */
static uint64_t dirtied(const struct pt_fmt_cfg *fmt, uint64_t raw, bool store)
{
	if (fmt->fmt == PT_FMT_X86_64)
		return raw | (store && raw & 2 ? 0x60 : 0x20);
	raw |= 1 << 10;
	if (store && fmt->features & PT_FEAT_HD && raw >> 51 & 1)
		raw &= ~(UINT64_C(1) << 7);
	return raw;
}

/* Address bits of an entry, by the manuals: no function of the library knows this CPU. */
static pt_pa_t entry_pa(const struct pt_fmt_cfg *fmt, uint64_t raw, unsigned int granule_lg2)
{
	pt_pa_t pa = raw & ((UINT64_C(1) << 48) - 1) & ~((UINT64_C(1) << granule_lg2) - 1);

	if (fmt->fmt == PT_FMT_X86_64)
		return pa | (raw & UINT64_C(15) << 48);
	if (fmt->features & PT_FEAT_LPA)
		pa |= (raw >> 12 & 15) << 48;
	return pa;
}

/* Returns whether it made a clean leaf dirty. */
static bool cpu_access(struct cpu *cpu, pt_va_t va, bool store)
{
	struct stress *s = cpu->s;
	pt_pa_t table = pt_pgtable_root(s->pt);

	for (unsigned int level = s->info.nr_levels - 1;; level--) {
		uint64_t index = va >> s->info.leaf_lg2[level] &
				 ((UINT64_C(1) << s->info.entries_lg2[level]) - 1);
		_Atomic uint64_t *entry = pt_phys_to_host(s->phys, table + 8 * index, 8);
		uint64_t raw, after;

		CHECK(entry, va);
		raw = atomic_load_explicit(entry, memory_order_acquire);
		if (!(raw & 1))
			return false;
		if (level && (s->fmt.fmt == PT_FMT_X86_64 ? !(raw >> 7 & 1) : raw >> 1 & 1)) {
			table = entry_pa(&s->fmt, raw, s->info.granule_lg2);
			continue;
		}
		after = dirtied(&s->fmt, raw, store);
		if (after == raw || !atomic_compare_exchange_strong(entry, &raw, after))
			return false; /* the instruction would begin again */
		return is_dirty(&s->fmt, after) && !is_dirty(&s->fmt, raw);
	}
}

static void *cpu_run(void *arg)
{
	struct shared *shared = arg;
	struct cpu *cpu = &shared->cpu;
	struct stress *s = &shared->s;
	uint32_t seed = 99;

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		uint32_t pick = stress_random(&seed);
		bool large = pick & 1, set = false;
		size_t page = (pick >> 4) % (large ? shared->large_pages : shared->nr_pages);
		pt_va_t va = large ? shared->large_va + page * s->granule : stress_va(s, page);

		/* Sequentially consistent: pairs with that in wait_for_cpu(). */
		atomic_fetch_add(&cpu->walks, 1);
		if (!large || !atomic_load(&shared->large_paused))
			set = cpu_access(cpu, va, pick & 2);
		if (set && large)
			atomic_store(&shared->large_dirtied[page], true);
		else if (set)
			atomic_fetch_add(&shared->dirtied[page], 1);
		cpu->nr_set += set;
		atomic_fetch_add(&cpu->walks, 1);
	}
	return NULL;
}

static void wait_for_cpu(struct shared *shared)
{
	uint64_t walks = atomic_load(&shared->cpu.walks);

	while (walks & 1 && atomic_load(&shared->cpu.walks) == walks)
		sched_yield();
}

static void flush_range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	(void)first;
	(void)last;
	(void)stride_lg2;
	wait_for_cpu(ctx);
}

static void flush_all(void *ctx)
{
	wait_for_cpu(ctx);
}

/* Every store to a leaf of the regions: dirty bits that it takes away, or puts there. */
static void watch_store(void *ctx, const struct pt_store *store)
{
	struct shared *shared = ctx;
	struct stress *s = &shared->s;
	int change = is_dirty(&s->fmt, store->new_) - is_dirty(&s->fmt, store->old);

	if (store->level || !change)
		return;
	for (size_t region = 0; region < NR_REGIONS; region++) {
		pt_va_t va = stress_va(s, region * s->region_pages);

		if (store->va - va < s->region_pages * s->granule)
			atomic_fetch_add(&shared->dirtied[region * s->region_pages +
							  (store->va - va) / s->granule],
					 change);
	}
}

static void *mapper(void *arg)
{
	struct stress_owner *o = arg;

	while (!atomic_load_explicit(&o->s->stop, memory_order_relaxed))
		stress_step(o);
	return NULL;
}

/* What the CPU made dirty must be dirty now, whatever became of the leaf; then all is cleaned. */
static void check_and_clean_large(struct shared *shared)
{
	struct stress *s = &shared->s;
	pt_attr_t block = 0;
	struct pt_leaf leaf;

	atomic_store(&shared->large_paused, true);
	wait_for_cpu(shared);
	for (size_t i = 0; i < shared->large_pages; i++) {
		pt_va_t va = shared->large_va + i * s->granule;
		size_t nr = 1;

		CHECK(pt_lookup(s->pt, va, &leaf) == 0, va);
		/* any entry of a block speaks for all of it */
		if (leaf.contig_lg2 && !leaf.level)
			nr = (size_t)1 << leaf.contig_lg2;
		if (i % nr == 0)
			for (size_t k = block = 0; k < nr; k++) {
				CHECK(pt_lookup(s->pt, va + k * s->granule, &leaf) == 0, va);
				block |= leaf.attr;
			}
		if (atomic_exchange(&shared->large_dirtied[i], false))
			CHECK(block & PT_ATTR_DIRTY, va);
	}
	CHECK(pt_test_and_clear_dirty(s->pt, shared->large_va, shared->large_pages * s->granule,
				      NULL) == 0,
	      0);
	atomic_store(&shared->large_paused, false);
}

/* Large leaves come, are split and changed in part, and collapse; translations stay. */
static void *splitter(void *arg)
{
	struct shared *shared = arg;
	struct stress *s = &shared->s;
	uint64_t size = shared->large_pages * s->granule;
	uint32_t seed = 7;
	uint64_t rounds;

	CHECK(pt_map(s->pt, shared->large_va, shared->large_pa, size, RWX, NULL) == 0, 0);
	for (rounds = 1; !atomic_load_explicit(&s->stop, memory_order_relaxed); rounds++) {
		uint32_t pick = stress_random(&seed);
		uint64_t at = (pick >> 8) % shared->large_pages * s->granule;
		uint64_t len = (1 + (pick >> 4) % ((size - at) / s->granule)) * s->granule;
		pt_va_t va = shared->large_va + at;
		struct pt_leaf leaf;

		switch (pick & 3) {
		case 0:
			CHECK(pt_split(s->pt, va, s->granule, 0, NULL) == 0, va);
			break;
		case 1:
			CHECK(pt_protect(s->pt, va, len, PT_ATTR_SW(pick >> 30), PT_ATTR_SW_MASK,
					 NULL) == 0,
			      va);
			break;
		default:
			CHECK(pt_protect(s->pt, shared->large_va, size, 0, PT_ATTR_SW_MASK,
					 NULL) == 0,
			      va);
			CHECK(pt_collapse(s->pt, shared->large_va, size, 1, NULL) == 0, va);
			CHECK(pt_lookup(s->pt, va, &leaf) == 0, va);
			CHECK(leaf.level == 1, va);
			break;
		}
		if (rounds % 8 == 0)
			check_and_clean_large(shared);
		stress_op_ends(s, SPLITTER);
	}
	return NULL;
}

/* The translations of the large area never change: any other answer is wrong. */
static void *large_reader(void *arg)
{
	struct shared *shared = arg;
	struct stress *s = &shared->s;
	uint32_t seed = 31;
	struct pt_range_walk walk;

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		pt_va_t at = stress_random(&seed) % shared->large_pages * s->granule;
		struct pt_leaf leaf;
		enum pt_range_walk_type type;
		pt_va_t next = shared->large_va;
		pt_va_t last = next + (shared->large_pages * s->granule - 1);

		for (unsigned int i = 0; i < 64; i++) {
			CHECK(pt_lookup(s->pt, shared->large_va + at, &leaf) == 0, at);
			CHECK(leaf.pa == shared->large_pa + at, at);
		}
		for (type = pt_range_walk_start(&walk, s->pt, next, last, PT_TYPE_ALL, 0);
		     type != PTW_DONE; type = pt_range_walk_next(&walk)) {
			CHECK(type == PTW_PFN, walk.va);
			CHECK(walk.va == next, walk.va);
			CHECK(walk.pa - shared->large_pa == next - shared->large_va, walk.va);
			next = walk.va + walk.len;
		}
		CHECK(next == last + 1, next);
		CHECK(pt_range_walk_done(&walk) == 0, next);
	}
	return NULL;
}

static void shared_init(struct shared *shared, const char *name, bool checked)
{
	struct stress *s = &shared->s;
	unsigned int top;

	memset(shared, 0, sizeof(*shared));
	shared->flush = (struct pt_flush_ops){ flush_range, flush_all, flush_range, shared };
	shared->watch = (struct pt_watch_ops){ .store = watch_store, .ctx = shared };
	shared->is_checked = checked;
	stress_init(s, name, PT_MODE_SHARED, &shared->flush, checked ? &shared->watch : NULL);
	shared->cpu.s = s;
	shared->nr_pages = stress_nr_pages(s);
	top = s->info.nr_levels - 1;
	/* in an entry of the level above the leaf that no region uses */
	shared->large_va = s->info.first + (UINT64_C(1) << s->info.leaf_lg2[top > 1 ? 2 : 1]);
	shared->large_pages = (size_t)1 << s->info.entries_lg2[0];
	shared->large_pa = UINT64_C(1) << (s->fmt.pa_bits - 3);
	shared->dirtied = calloc(shared->nr_pages, sizeof(*shared->dirtied));
	shared->large_dirtied = calloc(shared->large_pages, sizeof(*shared->large_dirtied));
	CHECK(shared->dirtied && shared->large_dirtied, 0);
}

static void check_dirty(struct shared *shared)
{
	struct stress *s = &shared->s;
	struct pt_leaf leaf;

	for (size_t i = 0; i < shared->nr_pages && shared->is_checked; i++) {
		bool dirty = !pt_lookup(s->pt, stress_va(s, i), &leaf) &&
			     leaf.attr & PT_ATTR_DIRTY;

		CHECK(shared->dirtied[i] == dirty, stress_va(s, i));
	}
	check_and_clean_large(shared);
}

static void run(const char *name, bool checked)
{
	static struct shared shared;
	struct stress *s = &shared.s;
	struct stress_owner owners[NR_MAPPERS];
	pthread_t threads[NR_MAPPERS + NR_READERS + 3];
	struct stress_least least[] = { { &s->ops[0], 8 },
					{ &s->ops[1], 8 },
					{ &s->ops[SPLITTER], 8 },
					{ &s->reads, 16 },
					{ &shared.cpu.nr_set, 0 } };
	size_t nr_least = sizeof(least) / sizeof(least[0]);
	unsigned int nr = 0;

	shared_init(&shared, name, checked);
	assert_int_equal(pthread_create(&threads[nr++], NULL, splitter, &shared), 0);
	/* its first map is done before anybody looks */
	while (stress_sleep_ms(1), pt_translate(s->pt, shared.large_va, &(pt_pa_t){ 0 }))
		;
	for (unsigned int i = 0; i < NR_MAPPERS; i++) {
		owners[i] = (struct stress_owner){ .s = s, .seed = 1000 + i, .index = i,
						   .nr = NR_MAPPERS };
		assert_int_equal(pthread_create(&threads[nr++], NULL, mapper, &owners[i]), 0);
	}
	for (unsigned int i = 0; i < NR_READERS; i++)
		assert_int_equal(pthread_create(&threads[nr++], NULL,
						i ? large_reader : stress_reader, &shared),
				 0);
	assert_int_equal(pthread_create(&threads[nr++], NULL, cpu_run, &shared), 0);
	if (s->fmt.fmt != PT_FMT_X86_64 && !(s->fmt.features & PT_FEAT_HD))
		nr_least--; /* nothing is ever dirtied */
	stress_let_run(MS_A_CONFIG, least, nr_least);
	atomic_store(&s->stop, true);
	while (nr)
		pthread_join(threads[--nr], NULL);

	print_message("%s: %llu changes, %llu reads held to a state, %llu dirtied\n",
		      s->config->name, (unsigned long long)stress_ops(s),
		      (unsigned long long)s->reads, (unsigned long long)shared.cpu.nr_set);
	stress_final(s);
	check_dirty(&shared);
	free(shared.dirtied);
	free(shared.large_dirtied);
	stress_exit(s);
}

/* One of those who share a branch: maps and unmaps @nr pages at @va, over and over. */
struct branch {
	struct stress *s;
	pt_va_t va;
	pt_pa_t pa;
	size_t nr;
	_Atomic uint64_t rounds;
};

static void *fill_and_empty(void *arg)
{
	struct branch *b = arg;
	struct stress *s = b->s;
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather };
	pt_pa_t pa;

	pt_gather_begin(&gather, s->pt);
	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		CHECK(pt_map(s->pt, b->va, b->pa, b->nr * s->granule, RWX, NULL) == 0, b->va);
		for (size_t i = 0; i < b->nr; i++) {
			CHECK(pt_translate(s->pt, b->va + i * s->granule, &pa) == 0, b->va);
			CHECK(pa == b->pa + i * s->granule, b->va);
		}
		/* by turns: one who leaves the empty table to be freed by the others */
		change.flags = (b->rounds + (b->va >> 12)) % 3 ? PT_CHANGE_FREE_TABLES : 0;
		CHECK(pt_unmap(s->pt, b->va, b->nr * s->granule, &change) == 0, b->va);
		CHECK(change.done == b->nr * s->granule, b->va);
		CHECK(pt_translate(s->pt, b->va, &pa) == -ENOENT, b->va);
		if (++b->rounds % 32 == 0)
			pt_gather_finish(&gather);
	}
	pt_gather_finish(&gather);
	return NULL;
}

/*
 * Where they are, in leaf tables 0 and 1 of the branch:
 *
 *	together   |AB      |        |
 *	siblings   |A       |B       |
 *	across     |      BA|AC      |
 */
static void fill_and_empty_one_branch(void **state)
{
	static const unsigned int nr_threads[] = { 2, 2, 3 };
	struct stress s;
	uint64_t rounds = 0;

	stress_init(&s, *state, PT_MODE_SHARED, NULL, NULL);
	for (unsigned int way = 0; way < 3; way++) {
		uint64_t leaf1 = UINT64_C(1) << s.info.leaf_lg2[1];
		pt_va_t va = s.info.first + 2 * leaf1, edge = va + leaf1;
		const struct branch ways[3][3] = {
			{ { .va = va, .nr = 1 }, { .va = va + s.granule, .nr = 1 } },
			{ { .va = va, .nr = 1 }, { .va = edge, .nr = 1 } },
			{ { .va = edge - s.granule, .nr = 2 },
			  { .va = edge - 2 * s.granule, .nr = 1 },
			  { .va = edge + s.granule, .nr = 1 } },
		};
		struct branch branch[3];
		struct stress_least least[3];
		pthread_t threads[3];

		atomic_store(&s.stop, false);
		for (unsigned int i = 0; i < nr_threads[way]; i++) {
			branch[i] = ways[way][i];
			branch[i].s = &s;
			branch[i].pa = s.pa + i * 16 * s.granule;
			least[i] = (struct stress_least){ &branch[i].rounds, 2 };
			assert_int_equal(pthread_create(&threads[i], NULL, fill_and_empty,
							&branch[i]),
					 0);
		}
		stress_let_run(MS_A_CONFIG / 3, least, nr_threads[way]);
		atomic_store(&s.stop, true);
		for (unsigned int i = 0; i < nr_threads[way]; i++) {
			pthread_join(threads[i], NULL);
			rounds += branch[i].rounds;
		}
		CHECK(pt_verify(s.pt, NULL, NULL) == 0, way);
	}
	print_message("%s: %llu rounds\n", s.config->name, (unsigned long long)rounds);
	stress_exit(&s);
}

static void everybody_at_once(void **state)
{
	run(*state, false);
}

static void no_dirty_bit_is_lost(void **state)
{
	run(*state, true);
}

#define ON(test, name) { #test "/" name, test, NULL, NULL, (void *)(uintptr_t)name }

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(fill_and_empty_one_branch, "x86_48"),
		ON(fill_and_empty_one_branch, "x86_57"),
		ON(fill_and_empty_one_branch, "arm_4k_lpa2_52"),
		ON(fill_and_empty_one_branch, "arm_64k_48"),
		ON(everybody_at_once, "x86_48"),
		ON(everybody_at_once, "arm_4k_48"),
		ON(everybody_at_once, "arm_4k_48_hd_bbm2"),
		ON(everybody_at_once, "arm_16k_47_upper_bbm2"),
		ON(everybody_at_once, "arm_64k_52_lpa_upper_hd"),
		ON(no_dirty_bit_is_lost, "x86_57"),
		ON(no_dirty_bit_is_lost, "x86_48"),
		ON(no_dirty_bit_is_lost, "arm_4k_48_hd_bbm2"),
		ON(no_dirty_bit_is_lost, "arm_16k_36_hd"),
		ON(no_dirty_bit_is_lost, "arm_64k_42_hd"),
	};

	return cmocka_run_group_tests_name("stress_pagetable", tests, NULL, NULL);
}
