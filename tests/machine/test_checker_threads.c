/* SPDX-License-Identifier: MIT */
/*
 * Two threads share a table, step by step: the first has cleared the word that led to it, and
 * stands before its report of that, while the second does what it wants. Only one of them runs
 * at a time.
 */
#include <pthread.h>
#include <semaphore.h>

#include "machine_test.h"

#define ELSEWHERE (VA + BIT(26)) /* the same word of another table, whatever the granule */
#define STAYS (VA + BIT(27))
#define MAX_HOOKED 8

struct meeting;

/* What stands between a table and its space. */
struct watched {
	struct meeting *m;
	struct process p;
	struct pt_watch_ops watch;
	struct pt_flush_ops flush;
};

struct meeting {
	struct fixture f;
	struct watched shared, other; /* by both threads; a space that only the first changes */
	struct pt_cpu *cpu; /* the second thread's */
	sem_t turn[2]; /* who may go on */
	bool stops; /* the first thread, before its report of an unhooked table */
	bool forgets; /* flushes do nothing */
	uint64_t hooked[MAX_HOOKED]; /* words that were made tables of the smallest pages */
	unsigned int nr_hooked;
	int err;
	unsigned int meanwhile; /* reports while the first thread stood there */
	unsigned int nr_reports;
	struct pt_check_report last;
};

static pt_va_t page(const struct meeting *m, unsigned int n)
{
	return VA + n * m->f.page;
}

static void note(void *ctx, const struct pt_check_report *report)
{
	struct meeting *m = ctx;

	m->nr_reports++;
	m->last = *report;
}

static void store(void *ctx, const struct pt_store *store)
{
	const struct watched *w = ctx;
	const struct pt_watch_ops *real = pt_space_watch_ops(w->p.space);
	struct meeting *m = w->m;

	if (m->stops && store->level == 1 && !store->new_) {
		m->stops = false;
		sem_post(&m->turn[1]);
		sem_wait(&m->turn[0]);
	}
	if (store->level == 1 && store->new_ && m->nr_hooked < MAX_HOOKED)
		m->hooked[m->nr_hooked++] = store->new_;
	real->store(real->ctx, store);
}

static void flushed(void *ctx, pt_va_t first, pt_va_t last, bool tables)
{
	const struct watched *w = ctx;
	const struct pt_watch_ops *real = pt_space_watch_ops(w->p.space);

	real->flushed(real->ctx, first, last, tables);
}

static void range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	const struct watched *w = ctx;
	const struct pt_flush_ops *real = pt_space_flush_ops(w->p.space);

	if (!w->m->forgets)
		real->range(real->ctx, first, last, stride_lg2);
}

static void tables_freed(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	const struct watched *w = ctx;
	const struct pt_flush_ops *real = pt_space_flush_ops(w->p.space);

	if (!w->m->forgets)
		real->tables_freed(real->ctx, first, last, stride_lg2);
}

static void watched_init(struct watched *w, struct meeting *m)
{
	w->m = m;
	w->watch = (struct pt_watch_ops){ .store = store, .ctx = w, .flushed = flushed };
	w->flush = (struct pt_flush_ops){ .range = range, .tables_freed = tables_freed, .ctx = w };
	m->f.cfg.watch = &w->watch;
	m->f.cfg.flush = &w->flush;
	assert_int_equal(pt_space_create(&w->p.space, m->f.machine), 0);
	assert_int_equal(pt_pgtable_create(&w->p.pt, m->f.phys, &m->f.cfg), 0);
	assert_int_equal(pt_space_set_table(w->p.space, w->p.pt), 0);
	/* So that tables above those of pages stay. */
	assert_int_equal(pt_map(w->p.pt, STAYS, DATA, m->f.page, RWU, NULL), 0);
}

/* By CPU 1: pages 0 to 2. It may find by its TLB what was there. */
static void use(struct meeting *m)
{
	struct pt_access_result result;

	m->cpu = run_on(&m->f, 1, m->shared.p.space);
	for (unsigned int n = 0; n < 3; n++)
		(void)!touch(&m->f, m->cpu, page(m, n), PT_ACCESS_READ, &result);
	pt_cpu_leave(m->cpu);
}

/*
 * The second thread: hooks another table where the first one was, and uses both. Then a page of
 * the new one goes, whose flush is one of leaves: a kept table stays.
 */
static void *second_thread(void *arg)
{
	struct meeting *m = arg;
	struct pt_pgtable *pt = m->shared.p.pt;
	bool forgets;

	sem_wait(&m->turn[1]);
	forgets = m->forgets;
	m->forgets = false; /* that is the first one's */
	if (!pt_map(pt, page(m, 1), DATA + m->f.page, 2 * m->f.page, RWU, NULL)) {
		use(m);
		m->err = pt_unmap(pt, page(m, 2), m->f.page, NULL);
		use(m);
	}
	m->meanwhile = m->nr_reports;
	m->forgets = forgets;
	sem_post(&m->turn[0]);
	return NULL;
}

/*
 * The table page that the second thread is about to take is used by @w for @va, where all is
 * flushed: words of it have changed, which is nothing to what CPU 1 keeps.
 */
static void use_table_page(struct meeting *m, struct watched *w, pt_va_t va)
{
	struct pt_change how = { .flags = PT_CHANGE_FREE_TABLES };

	assert_int_equal(pt_map(w->p.pt, va, DATA, m->f.page, RWU, NULL), 0);
	assert_int_equal(pt_unmap(w->p.pt, va, m->f.page, &how), 0);
	assert_true(has(&m->f, 1, m->shared.p.space, VA));
}

struct where {
	const char *name;
	bool same_space; /* where a table can be flushed without the rest of its space */
};

static const struct where wheres[] = {
	{ "x86_48", false },
	{ "arm_4k_48", false },
	{ "arm_4k_48", true },
	{ "arm_16k_lpa2_48_hd_bbm2", false },
};
#define NR_WHERES (sizeof(wheres) / sizeof(wheres[0]))

/* The first thread unmaps page 0, which was all of its table; CPU 1 has used it. */
static void meet(struct meeting *m, const struct where *where, bool forgets)
{
	struct pt_change how = { .flags = PT_CHANGE_FREE_TABLES };
	struct pt_pgtable *pt;
	struct pt_leaf leaf;
	pthread_t second;

	memset(m, 0, sizeof(*m));
	fixture_init_policy(&m->f, where->name, 2, true, NULL, true);
	watched_init(&m->other, m);
	watched_init(&m->shared, m);
	pt = m->shared.p.pt;
	assert_int_equal(pt_machine_set_checker(m->f.machine, PT_CHECK_WRONG, note, m), 0);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(sem_init(&m->turn[i], 0, 0), 0);
	m->nr_hooked = 0;
	assert_int_equal(pt_map(pt, VA, DATA, m->f.page, RWU, NULL), 0);
	use(m);
	if (where->same_space)
		use_table_page(m, &m->shared, ELSEWHERE);
	else
		use_table_page(m, &m->other, VA);
	m->stops = true;
	m->forgets = forgets;
	assert_int_equal(pthread_create(&second, NULL, second_thread, m), 0);
	assert_int_equal(pt_unmap(pt, VA, m->f.page, &how), 0);
	assert_int_equal(pthread_join(second, NULL), 0);
	assert_false(m->stops); /* it stood there */
	assert_int_equal(pt_lookup(pt, page(m, 1), &leaf), 0);
	assert_int_equal(m->nr_hooked, 3);
	assert_int_not_equal(m->hooked[1], m->hooked[0]);
	assert_int_equal(m->hooked[2], m->hooked[1]);
	assert_int_equal(m->err, 0);
	assert_int_equal(m->meanwhile, 0);
	assert_int_equal(m->nr_reports, 0);
	m->forgets = false;
}

static void meeting_end(struct meeting *m)
{
	struct pt_cpu *cpu = run_on(&m->f, 1, m->shared.p.space);

	load_cpu(&m->f, cpu, TABLES);
	pt_cpu_leave(cpu);
	process_exit(&m->shared.p);
	process_exit(&m->other.p);
	for (unsigned int i = 0; i < 2; i++)
		sem_destroy(&m->turn[i]);
	fixture_exit(&m->f);
}

/*
 * What is kept of the table that was unhooked may be used until it is flushed, though the only
 * store that was reported of the word above is another thread's, which needs no flush.
 */
static void anothers_table_in_its_place_is_no_reason_to_flush(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NR_WHERES; i++) {
		struct meeting m;

		meet(&m, &wheres[i], false);
		use(&m);
		assert_int_equal(m.nr_reports, 0);
		assert_false(has(&m.f, 1, m.shared.p.space, page(&m, 0)));
		assert_true(has(&m.f, 1, m.shared.p.space, page(&m, 1)));
		meeting_end(&m);
	}
}

/* The stores were reported in another order than they were made. What is not flushed is told. */
static void a_flush_forgotten_under_anothers_table_is_caught(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NR_WHERES; i++) {
		struct meeting m;

		meet(&m, &wheres[i], true);
		use(&m);
		assert_true(m.nr_reports > 0);
		assert_int_equal(m.last.change.level, 1);
		assert_int_equal(m.last.change.new_, 0);
		assert_true(m.last.change.old != 0);
		meeting_end(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anothers_table_in_its_place_is_no_reason_to_flush),
		cmocka_unit_test(a_flush_forgotten_under_anothers_table_is_caught),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
