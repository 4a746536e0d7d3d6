/* SPDX-License-Identifier: MIT */
/* Modelled costs, against what was measured once; nothing is timed here. */
#include "machine_test.h"

/* mprotect() of so many pages on one CPU, in microseconds: the step is the ceiling of 33. */
static const struct {
	unsigned int pages;
	double us;
	bool fitted; /* else it is predicted */
} measured[] = {
	{ 1, 0.98, true },   { 2, 1.19, false },  { 4, 1.59, true },	{ 8, 2.33, false },
	{ 16, 3.68, false }, { 32, 6.30, false }, { 33, 6.48, true },	{ 34, 1.75, true },
	{ 48, 2.10, false }, { 64, 2.45, true },  { 128, 4.09, false }, { 512, 14.25, true },
};
#define NR_MEASURED (sizeof(measured) / sizeof(measured[0]))

/* What the machine does for pt_protect() of @pages. */
static struct pt_cpu_stats protect(unsigned int pages)
{
	struct pt_machine_cfg cfg;
	struct pt_cpu_stats before, after;
	struct process p;
	struct fixture f;
	struct pt_cpu *cpu;

	fixture_init(&f, "x86_48", 1, true);
	pt_machine_destroy(f.machine);
	pt_machine_cfg_init(&cfg, pt_tlb_profile_find("xeon-vm"), 1);
	assert_int_equal(pt_machine_create(&f.machine, f.phys, &cfg), 0);
	f.cfg.wait = pt_machine_wait_ops(f.machine);
	process_init(&f, &p);
	assert_int_equal(pt_map(p.pt, VA, DATA + 0x1000, pages * f.page, RWU, NULL), 0);
	cpu = run_on(&f, 0, p.space);
	before = stats_of(cpu);
	assert_int_equal(pt_protect(p.pt, VA, pages * f.page, 0, PT_ATTR_WRITE, NULL), 0);
	after = stats_of(cpu);
	for (size_t i = 0; i < sizeof(after) / sizeof(uint64_t); i++)
		((uint64_t *)&after)[i] -= ((uint64_t *)&before)[i];
	pt_cpu_leave(cpu);
	process_exit(&p);
	fixture_exit(&f);
	return after;
}

#define NR_COSTS 4

/* How often each cost occurs: request, entry, page, everything of a PCID. */
static void counts_of(unsigned int pages, double counts[NR_COSTS])
{
	struct pt_cpu_stats s = protect(pages);

	assert_int_equal(s.flush_pages, pages);
	counts[0] = (double)s.flush_requests;
	counts[1] = (double)s.flush_pages;
	counts[2] = (double)s.flushes[PT_FLUSH_BY_LOCAL][PT_FLUSH_KIND_PAGE];
	counts[3] = (double)s.flushes[PT_FLUSH_BY_LOCAL][PT_FLUSH_KIND_ASID];
}

/* Gauss and Jordan; the diagonal of normal equations is not zero. */
static void solve(double a[NR_COSTS][NR_COSTS + 1])
{
	for (unsigned int i = 0; i < NR_COSTS; i++) {
		double pivot = a[i][i];

		for (unsigned int j = 0; j <= NR_COSTS; j++)
			a[i][j] /= pivot;
		for (unsigned int k = 0; k < NR_COSTS; k++) {
			double factor = a[k][i];

			for (unsigned int j = 0; k != i && j <= NR_COSTS; j++)
				a[k][j] -= factor * a[i][j];
		}
	}
}

static bool is_near(double x, double y, double relative)
{
	return x - y <= relative * y && y - x <= relative * y;
}

/* Least squares of relative errors, with what the machine counts. */
static void costs_of_the_profile_are_the_fit(void **state)
{
	const struct pt_tlb_costs *costs = &pt_tlb_profile_find("xeon-vm")->costs;
	const uint32_t of_profile[NR_COSTS] = { costs->request, costs->entry, costs->page,
						costs->asid };
	double a[NR_COSTS][NR_COSTS + 1] = { { 0 } };

	(void)state;
	for (size_t m = 0; m < NR_MEASURED; m++) {
		double weight = 1 / (measured[m].us * measured[m].us);
		double counts[NR_COSTS];

		if (!measured[m].fitted)
			continue;
		counts_of(measured[m].pages, counts);
		for (unsigned int i = 0; i < NR_COSTS; i++) {
			for (unsigned int j = 0; j < NR_COSTS; j++)
				a[i][j] += weight * counts[i] * counts[j];
			a[i][NR_COSTS] += weight * counts[i] * measured[m].us;
		}
	}
	solve(a);
	for (unsigned int i = 0; i < NR_COSTS; i++)
		assert_true(is_near(of_profile[i] / 1e6, a[i][NR_COSTS], 0.001));
}

static void the_curve_is_predicted_within_15_percent(void **state)
{
	double before = 0;

	(void)state;
	for (size_t m = 0; m < NR_MEASURED; m++) {
		double us = (double)protect(measured[m].pages).cost_ps / 1e6;

		assert_true(is_near(us, measured[m].us, 0.15));
		/* it goes up, but for the step */
		assert_true(measured[m].pages == 34 ? us < before / 3 : us > before);
		before = us;
	}
}

/* ---- what is sent ---- */

/* Each another number, so that none is taken for another, twice or not at all. */
static const struct pt_machine_costs odd_costs = {
	.page = 1,
	.asid = 100,
	.all = 10000,
	.ipi = 1000000,
	.broadcast = 100000000,
	.action = UINT64_C(10000000000),
	.request = UINT64_C(1000000000000),
	.entry = UINT64_C(100000000000000),
};

/* Of an unmap of @pages by CPU 0 of 4 that run the space, but for the last one. */
static uint64_t cost_of_unmap(const char *config, enum pt_delivery delivery, unsigned int pages)
{
	struct pt_change single = { .flags = PT_CHANGE_NO_CONTIG };
	struct pt_cpu_stats before, after;
	struct pt_machine_cfg cfg;
	struct process p;
	struct fixture f;
	struct pt_cpu *cpu;

	fixture_init(&f, config, 1, true);
	pt_machine_destroy(f.machine);
	pt_machine_cfg_init(&cfg, pt_tlb_profile_find(is_x86(&f) ? "zen4" : "neoverse-n1"), 4);
	assert_int_equal(cfg.costs.action, 0);
	cfg.costs = odd_costs;
	cfg.policy.delivery = delivery;
	cfg.policy.ceiling = 20;
	assert_int_equal(pt_machine_create(&f.machine, f.phys, &cfg), 0);
	f.cfg.wait = pt_machine_wait_ops(f.machine);
	process_init(&f, &p);
	assert_int_equal(pt_map(p.pt, VA, DATA, 22 * f.page, RWU, &single), 0);
	for (unsigned int i = 2; i; i--)
		pt_cpu_leave(run_on(&f, i, p.space));
	cpu = run_on(&f, 0, p.space);
	pt_machine_stats(f.machine, &before);
	assert_int_equal(pt_unmap(p.pt, VA, pages * f.page, NULL), 0);
	pt_machine_stats(f.machine, &after);
	pt_cpu_leave(cpu);
	process_exit(&p);
	fixture_exit(&f);
	return after.cost_ps - before.cost_ps;
}

/* What this CPU does for itself, and what it sends; not what others do when they receive it. */
static void what_is_sent_costs_once(void **state)
{
	const struct pt_machine_costs *c = &odd_costs;

	(void)state;
	/* 10 INVLPG; the PCID */
	assert_int_equal(cost_of_unmap("x86_48", PT_DELIVER_IPI, 10),
			 c->request + 10 * c->entry + 10 * c->page + 2 * c->ipi);
	assert_int_equal(cost_of_unmap("x86_48", PT_DELIVER_IPI, 21),
			 c->request + 21 * c->entry + c->asid + 2 * c->ipi);
	/* 8 pages, and 2 */
	assert_int_equal(cost_of_unmap("x86_48", PT_DELIVER_INVLPGB, 10),
			 c->request + 10 * c->entry + 2 * c->page + 2 * c->broadcast);
	assert_int_equal(cost_of_unmap("x86_48", PT_DELIVER_INVLPGB, 21),
			 c->request + 21 * c->entry + c->asid + c->broadcast);
	/* one action to each of the two others that ran it */
	assert_int_equal(cost_of_unmap("x86_48", PT_DELIVER_RAR, 10),
			 c->request + 10 * c->entry + c->page + 2 * c->action);
	assert_int_equal(cost_of_unmap("x86_48", PT_DELIVER_RAR, 21),
			 c->request + 21 * c->entry + c->asid + 2 * c->action);
	/* (4 + 1) << 1 pages are one range */
	assert_int_equal(cost_of_unmap("arm_4k_48", PT_DELIVER_IPI, 10),
			 c->request + 10 * c->entry + c->page + c->broadcast);
	assert_int_equal(cost_of_unmap("arm_4k_48", PT_DELIVER_IPI, 21),
			 c->request + 21 * c->entry + 2 * c->page + 2 * c->broadcast);
}

/* ---- arm64 ---- */

/* (NUM + 1) << (5 * SCALE + 1) granules each, written out: one a digit that is not zero. */
static uint64_t nr_tlbi(uint64_t pages)
{
	uint64_t nr = 0;

	if (pages > 2097152)
		return 1; /* ASIDE1IS */
	if (pages == 2097152)
		return 1;
	nr += pages % 2 != 0;
	nr += pages / 2 % 32 != 0;
	nr += pages / 64 % 32 != 0;
	nr += pages / 2048 % 32 != 0;
	nr += pages / 65536 % 32 != 0;
	return nr;
}

static void range_tlbi_are_counted_exactly(void **state)
{
	uint64_t seed = 5;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		static const char *const names[] = { "arm_4k_48", "arm_16k_48", "arm_64k_48" };
		const struct pt_flush_ops *ops;
		struct pt_cpu_stats s;
		uint64_t sent, barriers;
		struct process p;
		struct fixture f;

		fixture_init(&f, names[i], 1, false);
		process_init(&f, &p);
		ops = pt_space_flush_ops(p.space);
		pt_machine_stats(f.machine, &s);
		for (unsigned int n = 0; n < 6000; n++) {
			/*
			 * all small ones, then any, then around where
			 * one operation is not enough
			 */
			uint64_t pages = n < 4200   ? n + 1
					 : n < 5900 ? 1 + random64(&seed) % 2097152
						    : 2097152 - 50 + (n - 5900);
			pt_va_t va = VA & ~(f.page - 1);

			sent = s.broadcasts_sent;
			barriers = s.barriers;
			ops->range(ops->ctx, va, va + pages * f.page - 1,
				   (unsigned int)__builtin_ctzll(f.page));
			pt_machine_stats(f.machine, &s);
			assert_int_equal(s.broadcasts_sent - sent, nr_tlbi(pages));
			assert_int_equal(s.barriers - barriers, 1);
		}
		process_exit(&p);
		fixture_exit(&f);
	}
}

/* What a fault removes the processor removes by itself: the walk is all that it costs. */
static void faults_cost_their_walks_alone(void **state)
{
	struct pt_access_result result;
	struct pt_machine_cfg cfg;
	uint64_t before, loads;
	struct pt_cpu *cpu;
	struct process p;
	struct fixture f;

	(void)state;
	fixture_init(&f, "x86_48", 1, false);
	pt_machine_destroy(f.machine);
	pt_machine_cfg_init(&cfg, pt_tlb_profile_find("skylake-sp"), 1);
	cfg.costs = odd_costs;
	assert_int_equal(pt_machine_create(&f.machine, f.phys, &cfg), 0);
	f.cfg.wait = pt_machine_wait_ops(f.machine);
	process_init(&f, &p);
	cpu = run_on(&f, 0, p.space);
	before = stats_of(cpu).cost_ps;
	loads = stats_of(cpu).loads;
	assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_READ, &result), 1);
	loads = stats_of(cpu).loads - loads;
	assert_int_equal(stats_of(cpu).flushes[PT_FLUSH_BY_FAULT][PT_FLUSH_KIND_PAGE], 1);
	assert_true(loads > 0);
	assert_int_equal(stats_of(cpu).cost_ps - before, loads * odd_costs.load);
	pt_cpu_leave(cpu);
	process_exit(&p);
	fixture_exit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_of_the_profile_are_the_fit),
		cmocka_unit_test(the_curve_is_predicted_within_15_percent),
		cmocka_unit_test(what_is_sent_costs_once),
		cmocka_unit_test(range_tlbi_are_counted_exactly),
		cmocka_unit_test(faults_cost_their_walks_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
