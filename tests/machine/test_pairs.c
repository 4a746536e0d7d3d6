/* SPDX-License-Identifier: MIT */
/* Page-table isolation: two tables and two PCIDs a space, and no flush forgets the second. */
#include "pairs.h"

static void a_page_goes_from_both(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		bool invpcid = i & 1, was_user = i & 2;
		struct pt_machine_policy policy = isolated(invpcid);
		uint64_t switches[2];
		struct pair pair;
		struct fixture f;

		fixture_init_policy(&f, "x86_48", 2, false, &policy, false);
		pair_init(&f, &pair, 8);
		warm(&f, &pair, 2, 8, was_user);
		for (unsigned int c = 0; c < 2; c++)
			switches[c] = flushes(&f, c, PT_FLUSH_BY_SWITCH, PT_FLUSH_KIND_ASID);
		assert_int_equal(pt_cpu_enter(pt_machine_cpu(f.machine, 0)), 0);
		assert_int_equal(pt_unmap(pair.p.pt, VA, 3 * f.page, NULL), 0);
		pt_cpu_leave(pt_machine_cpu(f.machine, 0));
		for (unsigned int c = 0; c < 2; c++) {
			struct pt_cpu *cpu = pt_machine_cpu(f.machine, c);

			assert_int_equal(in_user(cpu), was_user);
			assert_int_equal(flushes(&f, c, c ? PT_FLUSH_BY_IPI : PT_FLUSH_BY_LOCAL,
						 PT_FLUSH_KIND_PAGE),
					 invpcid ? 6 : 3);
			assert_int_equal(pt_cpu_enter(cpu), 0);
			assert_int_equal(pt_cpu_to_user(cpu), 0);
			/* once, however many pages are owed */
			assert_int_equal(flushes(&f, c, PT_FLUSH_BY_SWITCH, PT_FLUSH_KIND_ASID) -
						 switches[c],
					 !invpcid);
			for (unsigned int page = 0; page < 8; page++)
				assert_int_equal(keeps(&f, cpu, page), invpcid && page >= 3);
			pt_cpu_to_kernel(cpu);
			for (unsigned int page = 0; page < 8; page++)
				assert_int_equal(keeps(&f, cpu, page), page >= 3);
			pt_cpu_leave(cpu);
		}
		pair_exit(&pair);
		fixture_exit(&f);
	}
}

static void what_takes_a_pcid_takes_its_pair(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct pt_machine_policy policy = isolated(i);
		uint64_t switches;
		struct pair pair;
		struct fixture f;
		struct pt_cpu *cpu;

		fixture_init_policy(&f, "x86_48", 2, false, &policy, false);
		pair_init(&f, &pair, 40);
		warm(&f, &pair, 2, 40, false);
		cpu = run_on(&f, 0, pair.p.space);
		switches = flushes(&f, 0, PT_FLUSH_BY_SWITCH, PT_FLUSH_KIND_ASID);
		assert_int_equal(pt_unmap(pair.p.pt, VA, 34 * f.page, NULL), 0);
		assert_int_equal(flushes(&f, 0, PT_FLUSH_BY_LOCAL, PT_FLUSH_KIND_ASID), 1);
		assert_int_equal(flushes(&f, 0, PT_FLUSH_BY_LOCAL, PT_FLUSH_KIND_PAGE), 0);
		assert_false(keeps(&f, cpu, 39));
		assert_int_equal(pt_cpu_to_user(cpu), 0);
		assert_false(keeps(&f, cpu, 39));
		assert_true(keeps(&f, cpu, 39));
		assert_int_equal(flushes(&f, 0, PT_FLUSH_BY_SWITCH, PT_FLUSH_KIND_ASID),
				 switches + 1);
		/* what is owed is owed once */
		pt_cpu_to_kernel(cpu);
		assert_int_equal(pt_cpu_to_user(cpu), 0);
		assert_true(keeps(&f, cpu, 39));
		assert_int_equal(flushes(&f, 0, PT_FLUSH_BY_SWITCH, PT_FLUSH_KIND_ASID),
				 switches + 1);
		pt_cpu_leave(cpu);
		pair_exit(&pair);
		fixture_exit(&f);
	}
}

/* Six slots: the seventh space has the first one's pair, and nothing in it. */
static void pairs_are_given_in_turn(void **state)
{
	struct pt_machine_policy policy = isolated(true);
	struct pt_access_result result;
	struct pair pair[7];
	struct fixture f;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init_policy(&f, "x86_48", 1, false, &policy, false);
	for (unsigned int i = 0; i < 7; i++) {
		pair_init(&f, &pair[i], 8);
		cpu = run_on(&f, 0, pair[i].p.space);
		/* a page of its own: all of them find room in the TLB */
		assert_int_equal(touch(&f, cpu, VA + i * f.page, PT_ACCESS_READ, &result), 0);
		assert_int_equal(pt_cpu_to_user(cpu), 0);
		assert_int_equal(touch(&f, cpu, VA + i * f.page, PT_ACCESS_READ, &result), 0);
		pt_cpu_leave(cpu);
	}
	for (unsigned int i = 7; i--;) {
		cpu = run_on(&f, 0, pair[i].p.space); /* ends user mode */
		assert_false(in_user(cpu));
		assert_int_equal(keeps(&f, cpu, i), i > 0);
		assert_int_equal(pt_cpu_to_user(cpu), 0);
		assert_int_equal(keeps(&f, cpu, i), i > 0);
		pt_cpu_leave(cpu);
	}
	for (unsigned int i = 0; i < 7; i++)
		pair_exit(&pair[i]);
	fixture_exit(&f);
}

/* A CPU that ran another space catches up with both. */
static void who_ran_something_else_catches_up_in_both(void **state)
{
	struct pt_machine_policy policy = isolated(true);
	struct pair pair, other;
	struct fixture f;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init_policy(&f, "x86_48", 2, false, &policy, true);
	pair_init(&f, &pair, 4);
	pair_init(&f, &other, 4);
	warm(&f, &pair, 2, 4, true);
	pt_cpu_leave(run_on(&f, 1, other.p.space));
	cpu = run_on(&f, 0, pair.p.space);
	assert_int_equal(pt_unmap(pair.p.pt, VA, f.page, NULL), 0);
	assert_int_equal(stats_of(cpu).ipis_sent, 0);
	pt_cpu_leave(cpu);
	cpu = run_on(&f, 1, pair.p.space);
	assert_false(keeps(&f, cpu, 3));
	assert_int_equal(pt_cpu_to_user(cpu), 0);
	assert_false(keeps(&f, cpu, 3));
	pt_cpu_leave(cpu);
	pair_exit(&pair);
	pair_exit(&other);
	fixture_exit(&f);
}

static void count_report(void *ctx, const struct pt_check_report *report)
{
	(void)report;
	++*(unsigned int *)ctx;
}

static void flush_kernel_pcid_alone(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	for (pt_va_t va = first; va < last; va += UINT64_C(1) << stride_lg2)
		pt_cpu_invlpg(*(struct pt_cpu **)ctx, va);
}

static void a_forgotten_user_pcid_is_reported(void **state)
{
	struct pt_machine_policy policy = isolated(true);
	struct pt_flush_ops ops = { .range = flush_kernel_pcid_alone };
	struct pt_access_result result;
	unsigned int nr_reports = 0;
	struct pair pair;
	struct fixture f;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init_policy(&f, "x86_48", 1, false, &policy, true);
	ops.ctx = &cpu;
	assert_int_equal(
		pt_machine_set_checker(f.machine, PT_CHECK_WRONG, count_report, &nr_reports), 0);
	assert_int_equal(pt_space_create(&pair.p.space, f.machine), 0);
	f.cfg.flush = &ops;
	f.cfg.watch = pt_space_watch_ops(pair.p.space);
	assert_int_equal(pt_pgtable_create(&pair.p.pt, f.phys, &f.cfg), 0);
	assert_int_equal(pt_space_set_table(pair.p.space, pair.p.pt), 0);
	assert_int_equal(pt_map(pair.p.pt, VA, DATA, 4 * f.page, RWU, NULL), 0);
	assert_int_equal(pt_pgtable_create(&pair.user, f.phys, &f.cfg), 0);
	assert_int_equal(pt_pgtable_link(pair.user, 0, pair.p.pt, 0, SLOT_0, 3), 0);
	assert_int_equal(pt_space_set_user_table(pair.p.space, pair.user), 0);
	warm(&f, &pair, 1, 4, false);
	cpu = run_on(&f, 0, pair.p.space);
	assert_int_equal(pt_unmap(pair.p.pt, VA, f.page, NULL), 0);
	assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_READ, &result), 1);
	assert_int_equal(nr_reports, 0);
	assert_int_equal(pt_cpu_to_user(cpu), 0);
	assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_READ, &result), 0);
	assert_int_equal(nr_reports, 1);
	pt_cpu_to_kernel(cpu);
	load_cpu(&f, cpu, TABLES);
	pt_cpu_leave(cpu);
	pair_exit(&pair);
	fixture_exit(&f);
}

static void what_cannot_be_is_refused(void **state)
{
	struct pt_machine_policy policy = isolated(true);
	struct pt_machine *machine;
	struct pt_machine_cfg cfg;
	struct pair pair;
	struct process p;
	struct fixture f, g;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init_policy(&f, "x86_48", 1, false, &policy, false);
	pair_init(&f, &pair, 1);
	process_init(&f, &p);
	cpu = run_on(&f, 0, p.space);
	assert_int_equal(pt_cpu_to_user(cpu), -EINVAL); /* no user table */
	pt_cpu_to_kernel(cpu);
	pt_cpu_leave(cpu);
	assert_int_equal(pt_space_set_table(pt_machine_kernel(f.machine), pair.p.pt), 0);
	assert_int_equal(pt_space_set_user_table(pt_machine_kernel(f.machine), pair.user), -EINVAL);
	process_exit(&p);
	fixture_init(&g, "x86_48", 1, false);
	process_init(&g, &p);
	assert_int_equal(pt_space_set_user_table(p.space, p.pt), -EINVAL);
	process_exit(&p);
	pt_machine_cfg_init(&cfg, pt_tlb_profile_find("zen4"), 1);
	cfg.policy.isolation = true;
	cfg.policy.nr_pcids = 2047;
	assert_int_equal(pt_machine_create(&machine, f.phys, &cfg), -EINVAL);
	cfg.policy.nr_pcids = 6;
	cfg.policy.delivery = PT_DELIVER_RAR;
	assert_int_equal(pt_machine_create(&machine, f.phys, &cfg), -EINVAL);
	pt_machine_cfg_init(&cfg, pt_tlb_profile_find("neoverse-n1"), 1);
	cfg.policy.isolation = true;
	assert_int_equal(pt_machine_create(&machine, f.phys, &cfg), -EINVAL);
	pair_exit(&pair);
	fixture_exit(&f);
	fixture_exit(&g);
}

/* ---- at random ---- */

#define SPAN 20

static void change(struct fixture *f, struct pair *pair, uint64_t *seed)
{
	struct pt_change how = { .flags = PT_CHANGE_SKIP_HOLES };
	unsigned int first = (unsigned int)(random64(seed) % SPAN), nr = SPAN - first;
	pt_va_t va = VA + first * f->page;

	if (random64(seed) % 4)
		nr = nr < 2 ? nr : 2;
	switch (random64(seed) % 4) {
	case 0:
		/* the table of the first word of the top stays, which both have */
		how.flags |= random64(seed) & 1 ? PT_CHANGE_FREE_TABLES : 0;
		assert_int_equal(pt_unmap(pair->p.pt, va, nr * f->page, &how), 0);
		break;
	case 1:
		assert_int_equal(pt_protect(pair->p.pt, va, nr * f->page, 0, PT_ATTR_WRITE, &how),
				 0);
		break;
	default:
		for (unsigned int i = 0; i < nr; i++)
			(void)!pt_map(pair->p.pt, va + i * f->page,
				      DATA + random64(seed) % 256 * f->page, f->page, RWU, NULL);
		break;
	}
}

static void nothing_stale_is_seen_in_either_mode(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct pt_machine_policy policy = isolated(i & 1);
		struct pt_check_stats checked;
		struct pt_cpu_stats s;
		struct pair pair[3];
		struct fixture f;
		uint64_t seed = 31 + i;

		policy.ceiling = 6;
		policy.nr_pcids = i == 3 ? 0 : 2;
		policy.generations = i != 2;
		fixture_init_policy(&f, "x86_48", 3, true, &policy, true);
		for (unsigned int n = 0; n < 3; n++)
			pair_init(&f, &pair[n], 4);
		for (unsigned int round = 0; round < 1500; round++) {
			struct pair *on = &pair[random64(&seed) % 3];
			struct pt_cpu *cpu =
				run_on(&f, (unsigned int)(random64(&seed) % 3), on->p.space);

			for (unsigned int n = 0; n < 16; n++) {
				struct pt_access how = { .kind = random64(&seed) & 1,
							 .size = 8,
							 .priv = 3 };
				pt_va_t va = VA + random64(&seed) % (SPAN * f.page);
				struct pt_access_result with, without;
				int faulted;

				if (n % 4 == 0 && random64(&seed) & 1)
					pt_cpu_to_kernel(cpu);
				else if (n % 4 == 0)
					assert_int_equal(pt_cpu_to_user(cpu), 0);
				faulted = pt_access_probe(pt_cpu_mmu(cpu), va, &how, &without);
				assert_int_equal(pt_cpu_access(cpu, va, &how, &with), faulted);
				if (!faulted)
					assert_int_equal(with.piece[0].pa, without.piece[0].pa);
			}
			change(&f, random64(&seed) & 1 ? on : &pair[random64(&seed) % 3], &seed);
			pt_cpu_leave(cpu);
		}
		pt_machine_check_stats(f.machine, &checked);
		assert_int_equal(checked.reports, 0);
		assert_true(checked.changes > 300);
		pt_machine_stats(f.machine, &s);
		assert_true(s.hits > 1000 && s.flush_requests > 300 && s.dropped > 500);
		for (unsigned int n = 0; n < 3; n++)
			pair_exit(&pair[n]);
		fixture_exit(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_goes_from_both),
		cmocka_unit_test(what_takes_a_pcid_takes_its_pair),
		cmocka_unit_test(pairs_are_given_in_turn),
		cmocka_unit_test(who_ran_something_else_catches_up_in_both),
		cmocka_unit_test(a_forgotten_user_pcid_is_reported),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(nothing_stale_is_seen_in_either_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
