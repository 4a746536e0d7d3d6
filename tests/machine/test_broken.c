/* SPDX-License-Identifier: MIT */
/*
 * Flushes as people get them wrong, one mistake each, made of the instructions of cpu.h alone, on
 * three CPUs that all have the pages: which CPUs the checker catches, and what it says.
 *
 *	x86      INVLPGB and TLBSYNC, INVLPG for what is local; one PCID a space
 *	arm64    TLBI VAE1IS, VALE1IS and DSB, VAE1 for what is local
 */
#include "machine_test.h"

#define CPUS 3
#define PAGES 4
#define CHANGER 0 /* the CPU that unmaps */
#define ALL_CPUS ((1u << CPUS) - 1)

enum mistake {
	NO_MISTAKE,
	FORGOTTEN,
	TOO_SHORT,
	WRONG_ASID,
	WRONG_CPUS, /* 0 and 2, not 1 */
	LEAVES_ALONE, /* a table is freed */
	BEFORE, /* the change */
	NO_BARRIER,
	LOCAL, /* CPU 0 alone */
	WRONG_HINT, /* arm64: the level of 2M pages; x86: steps of 2M */
	WRONG_HINT_OF_TABLE, /* arm64: the same of a range, and the leaves rightly */
};

struct trial {
	struct fixture f;
	struct process p;
	struct pt_flush_ops ops;
	struct pt_cpu *cpu; /* that this thread runs */
	enum mistake how;
	bool frees_table;
	uint16_t asid;
	unsigned int nr_reports, cpus, kinds; /* that were caught, a bit each */
	struct pt_check_report first;
};

static void note(void *ctx, const struct pt_check_report *report)
{
	struct trial *t = ctx;

	if (!t->nr_reports++)
		t->first = *report;
	t->cpus |= 1u << report->cpu;
	t->kinds |= 1u << report->kind;
}

/* ---- flushes ---- */

#define INVLPGB_VA 1
#define INVLPGB_PCID 2
#define INVLPGB_ASID 4
#define INVLPGB_FINAL 16
#define INVLPGB_2M (UINT32_C(1) << 31)

static void x86_pages(struct trial *t, unsigned int nr, uint16_t pcid, bool leaves, bool by_2m)
{
	uint64_t rax = VA | INVLPGB_VA | INVLPGB_PCID | INVLPGB_ASID;

	assert_int_equal(pt_cpu_invlpgb(t->cpu, leaves ? rax | INVLPGB_FINAL : rax,
					(nr - 1) | (by_2m ? INVLPGB_2M : 0), (uint32_t)pcid << 16),
			 0);
}

static void arm64_pages(struct trial *t, unsigned int nr, uint16_t asid, bool leaves, uint64_t ttl)
{
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(pt_cpu_tlbi(t->cpu, leaves ? PT_TLBI_VALE1 : PT_TLBI_VAE1,
					     (uint64_t)asid << 48 | ttl << 44 | ((VA >> 12) + i), 0,
					     true),
				 0);
}

/* Of @nr pages and, but for @leaves, of what leads to them; not complete. */
static void pages(struct trial *t, unsigned int nr, uint16_t asid, bool leaves)
{
	if (is_x86(&t->f))
		x86_pages(t, nr, asid, leaves, false);
	else
		arm64_pages(t, nr, asid, leaves, 0);
}

static void barrier(struct trial *t)
{
	if (is_x86(&t->f))
		pt_cpu_tlbsync(t->cpu);
	else
		pt_cpu_dsb(t->cpu);
}

static void move_to(struct trial *t, unsigned int number)
{
	pt_cpu_leave(t->cpu);
	t->cpu = pt_machine_cpu(t->f.machine, number);
	assert_int_equal(pt_cpu_enter(t->cpu), 0);
}

static void local(struct trial *t)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		if (is_x86(&t->f))
			pt_cpu_invlpg(t->cpu, VA + i * t->f.page);
		else
			assert_int_equal(pt_cpu_tlbi(t->cpu, PT_TLBI_VAE1,
						     (uint64_t)t->asid << 48 | ((VA >> 12) + i), 0,
						     false),
					 0);
	}
	barrier(t);
}

#define TTL_2M 6 /* 4K granule, level 2 */

static void flush(struct trial *t)
{
	switch (t->how) {
	case FORGOTTEN:
	case BEFORE:
		return;
	case WRONG_CPUS:
		local(t);
		move_to(t, 2);
		local(t);
		move_to(t, 0);
		return;
	case LOCAL:
		local(t);
		return;
	case TOO_SHORT:
		pages(t, PAGES - 1, t->asid, false);
		break;
	case WRONG_ASID:
		pages(t, PAGES, t->asid + 1, false);
		break;
	case LEAVES_ALONE:
		pages(t, PAGES, t->asid, true);
		break;
	case WRONG_HINT:
		if (is_x86(&t->f))
			x86_pages(t, PAGES, t->asid, false, true);
		else
			arm64_pages(t, PAGES, t->asid, false, TTL_2M);
		break;
	case WRONG_HINT_OF_TABLE:
		pages(t, PAGES, t->asid, true);
		/* TG 4K, NUM 1: 4 pages, TTL 2 */
		assert_int_equal(pt_cpu_tlbi(t->cpu, PT_TLBI_RVAE1,
					     (uint64_t)t->asid << 48 | BIT(46) | BIT(39) | BIT(38) |
						     VA >> 12,
					     0, true),
				 0);
		break;
	default:
		pages(t, PAGES, t->asid, false);
		break;
	}
	if (t->how != NO_BARRIER)
		barrier(t);
}

static void range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct trial *t = ctx;

	assert_int_equal(first, VA);
	assert_int_equal(last, VA + PAGES * t->f.page - 1);
	assert_int_equal(stride_lg2, 12);
	flush(t);
}

static void tables(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct trial *t = ctx;

	(void)stride_lg2;
	assert_true(t->frees_table && first <= VA && last >= VA + PAGES * t->f.page - 1);
	flush(t);
}

/* ---- trials ---- */

static void use_all(struct trial *t, bool are_there)
{
	struct pt_access_result result;

	for (unsigned int number = CPUS; number--;) {
		move_to(t, number);
		for (unsigned int i = 0; i < PAGES; i++) {
			int err = touch(&t->f, t->cpu, VA + i * t->f.page, PT_ACCESS_READ, &result);

			assert_true(!are_there || !err);
		}
	}
}

static void trial_init(struct trial *t, const char *name, enum mistake how, bool frees_table)
{
	static const struct pt_machine_policy x86 = { .delivery = PT_DELIVER_INVLPGB,
						      .max_count = 7,
						      .ceiling = 33 };
	struct pt_change single = { .flags = PT_CHANGE_NO_CONTIG };

	memset(t, 0, sizeof(*t));
	fixture_init_policy(&t->f, name, CPUS, frees_table, strcmp(name, "x86_48") ? NULL : &x86,
			    true);
	t->how = how;
	t->frees_table = frees_table;
	t->ops = (struct pt_flush_ops){ .range = range, .tables_freed = tables, .ctx = t };
	assert_int_equal(pt_space_create(&t->p.space, t->f.machine), 0);
	t->f.cfg.flush = &t->ops;
	t->f.cfg.watch = pt_space_watch_ops(t->p.space);
	assert_int_equal(pt_pgtable_create(&t->p.pt, t->f.phys, &t->f.cfg), 0);
	assert_int_equal(pt_space_set_table(t->p.space, t->p.pt), 0);
	assert_int_equal(pt_machine_set_checker(t->f.machine, PT_CHECK_WRONG, note, t), 0);
	assert_int_equal(pt_map(t->p.pt, VA, DATA, PAGES * t->f.page, RWU, &single), 0);
	/* a neighbour keeps the table above */
	assert_int_equal(pt_map(t->p.pt, VA + BIT(21), DATA, t->f.page, RWU, &single), 0);
	for (unsigned int number = CPUS; number--;) {
		t->cpu = run_on(&t->f, number, t->p.space);
		if (number)
			pt_cpu_leave(t->cpu);
	}
	t->asid = is_x86(&t->f) ? pt_cpu_x86_64(t->cpu)->cr3 & 0xfff
				: pt_cpu_arm64(t->cpu)->ttbr0 >> 48;
	assert_true(t->asid);
	use_all(t, true);
}

static void trial_exit(struct trial *t)
{
	barrier(t);
	for (unsigned int number = CPUS; number--;) {
		move_to(t, number);
		load_cpu(&t->f, t->cpu, TABLES);
	}
	pt_cpu_leave(t->cpu);
	process_exit(&t->p);
	fixture_exit(&t->f);
}

static void assert_report(const struct trial *t, enum pt_check_kind kind, pt_va_t va)
{
	const struct pt_check_report *report = &t->first;
	char text[600], expected[80];

	assert_int_equal(report->kind, kind);
	assert_int_equal(report->cpu, 31 - __builtin_clz(t->cpus)); /* who uses it first */
	assert_int_equal(report->va, va);
	assert_false(report->mapped);
	assert_int_equal(report->entry.asid, t->asid);
	assert_true(report->first <= va && report->last >= va);
	assert_int_equal(report->tables, kind == PT_CHECK_TABLE);
	if (kind == PT_CHECK_ADDRESS) {
		assert_int_equal(report->entry.pa, DATA + (va - VA));
		assert_int_equal(report->change.va, va);
		assert_int_equal(report->change.new_ & 1, 0);
	}
	assert_int_equal(report->changed,
			 kind == PT_CHECK_TABLE ? PT_CHANGED_UNHOOKED : PT_CHANGED_UNMAPPED);
	assert_int_equal(report->changed_by, CHANGER);
	(void)pt_check_report_text(report, text, sizeof(text));
	(void)snprintf(expected, sizeof(expected), "missing flush (%s): CPU %u, address %#llx",
		       pt_check_kind_name(kind), report->cpu, (unsigned long long)va);
	assert_non_null(strstr(text, expected));
	assert_non_null(strstr(text, kind == PT_CHECK_TABLE ? "\n  unhooked by CPU 0: word "
							    : "\n  unmapped by CPU 0: word "));
}

/* Pages of @name's format unmapped, and their table with them: caught on @cpus, or none. */
static void try_one(const char *name, enum mistake how, bool frees_table, unsigned int cpus)
{
	struct pt_change change = { .flags = frees_table ? PT_CHANGE_FREE_TABLES : 0 };
	enum pt_check_kind kind = how == LEAVES_ALONE || how == WRONG_HINT_OF_TABLE
					  ? PT_CHECK_TABLE
					  : PT_CHECK_ADDRESS;
	struct trial t;

	trial_init(&t, name, how, frees_table);
	if (how == BEFORE) {
		pages(&t, PAGES, t.asid, false);
		barrier(&t);
		use_all(&t, true);
	}
	assert_int_equal(t.nr_reports, 0);
	assert_int_equal(pt_unmap(t.p.pt, VA, PAGES * t.f.page, &change), 0);
	use_all(&t, false);
	assert_int_equal(t.cpus, cpus);
	assert_int_equal(t.kinds, cpus ? 1u << kind : 0);
	if (cpus) {
		/* the first that is used; of a short flush the last, and of steps the second */
		unsigned int page = how == TOO_SHORT			? PAGES - 1
				    : how == WRONG_HINT && is_x86(&t.f) ? 1
									: 0;

		assert_report(&t, kind, VA + page * t.f.page);
	}
	trial_exit(&t);
}

static void try_both(enum mistake how, bool frees_table, unsigned int cpus)
{
	try_one("x86_48", how, frees_table, cpus);
	try_one("arm_4k_48", how, frees_table, cpus);
}

static void none_raises_nothing(void **state)
{
	(void)state;
	try_both(NO_MISTAKE, false, 0);
	try_both(NO_MISTAKE, true, 0);
}

static void forgotten(void **state)
{
	(void)state;
	try_both(FORGOTTEN, false, ALL_CPUS);
}

static void too_short(void **state)
{
	(void)state;
	try_both(TOO_SHORT, false, ALL_CPUS);
}

static void of_the_wrong_asid(void **state)
{
	(void)state;
	try_both(WRONG_ASID, false, ALL_CPUS);
}

static void on_the_wrong_cpus(void **state)
{
	(void)state;
	try_both(WRONG_CPUS, false, 1u << 1);
}

static void of_leaves_alone_where_a_table_was_freed(void **state)
{
	(void)state;
	try_both(LEAVES_ALONE, false, 0); /* where none was it is enough */
	try_both(LEAVES_ALONE, true, ALL_CPUS);
}

static void before_the_change(void **state)
{
	(void)state;
	try_both(BEFORE, false, ALL_CPUS);
}

static void without_its_barrier(void **state)
{
	(void)state;
	try_both(NO_BARRIER, false, ALL_CPUS);
}

static void local_where_it_has_to_be_broadcast(void **state)
{
	(void)state;
	try_both(LOCAL, false, ALL_CPUS & ~1u);
}

static void with_the_wrong_level_or_step(void **state)
{
	(void)state;
	try_both(WRONG_HINT, false, ALL_CPUS);
	try_one("arm_4k_48", WRONG_HINT_OF_TABLE, true, ALL_CPUS);
	try_one("arm_4k_48", WRONG_HINT_OF_TABLE, false, 0);
}

/* What raises #GP, and what is of the other architecture. */
static void what_the_processor_refuses_flushes_nothing(void **state)
{
	struct trial t;
	struct pt_x86_regs regs;
	struct pt_cpu_stats before, after;

	(void)state;
	trial_init(&t, "arm_4k_48", NO_MISTAKE, false);
	before = stats_of(t.cpu);
	assert_int_equal(pt_cpu_invlpgb(t.cpu, 0, 0, 0), -EINVAL);
	assert_int_equal(pt_cpu_invpcid(t.cpu, PT_INVPCID_ALL, 0, 0), -EINVAL);
	assert_int_equal(pt_cpu_invept(t.cpu, PT_INVEPT_ALL, 0), -EINVAL);
	assert_int_equal(pt_cpu_invvpid(t.cpu, PT_INVVPID_ALL, 0, 0), -EINVAL);
	pt_cpu_invlpg(t.cpu, VA);
	pt_cpu_tlbsync(t.cpu);
	after = stats_of(t.cpu);
	assert_memory_equal(&before, &after, sizeof(before));
	trial_exit(&t);
	trial_init(&t, "x86_48", NO_MISTAKE, false);
	before = stats_of(t.cpu);
	assert_int_equal(pt_cpu_tlbi(t.cpu, PT_TLBI_VMALLE1, 0, 0, true), -EINVAL);
	pt_cpu_dsb(t.cpu);
	assert_int_equal(pt_cpu_invlpgb(t.cpu, INVLPGB_VA, 8, 0), -EINVAL);
	assert_int_equal(pt_cpu_invlpgb(t.cpu, BIT(5), 0, 0), -EOPNOTSUPP);
	pt_cpu_tlbsync(t.cpu);
	pt_cpu_invlpg(t.cpu, BIT(47)); /* whose walk caches would all go */
	pt_cpu_invlpg(t.cpu, ~BIT(47));
	assert_int_equal(pt_cpu_invpcid(t.cpu, PT_INVPCID_ADDRESS, 1, BIT(47)), -EINVAL);
	assert_int_equal(pt_cpu_invpcid(t.cpu, PT_INVPCID_ADDRESS, 1, ~BIT(47)), -EINVAL);
	assert_int_equal(pt_cpu_invpcid(t.cpu, 4, 1, 0), -EINVAL);
	after = stats_of(t.cpu);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(pt_cpu_invpcid(t.cpu, PT_INVPCID_ADDRESS, 1, BIT(47) - 1), 0);
	assert_int_equal(pt_cpu_invpcid(t.cpu, PT_INVPCID_ADDRESS, 1, ~(BIT(47) - 1)), 0);
	assert_int_equal(pt_cpu_invpcid(t.cpu, PT_INVPCID_CONTEXT, 4095, BIT(47)), 0);
	/* without PCIDs there is 0 */
	regs = *pt_cpu_x86_64(t.cpu);
	regs.cr4 &= ~CR4_PCIDE;
	regs.cr3 = TABLES | BIT(63); /* an operand of PCIDs alone */
	assert_int_equal(pt_cpu_load_x86_64(t.cpu, &regs), -EINVAL);
	assert_true(pt_cpu_x86_64(t.cpu)->cr4 & CR4_PCIDE);
	regs.cr3 = TABLES;
	assert_int_equal(pt_cpu_load_x86_64(t.cpu, &regs), 0);
	assert_int_equal(pt_cpu_invpcid(t.cpu, PT_INVPCID_ADDRESS, 1, VA), -EINVAL);
	assert_int_equal(pt_cpu_invpcid(t.cpu, PT_INVPCID_CONTEXT, 1, 0), -EINVAL);
	assert_int_equal(pt_cpu_invpcid(t.cpu, PT_INVPCID_ADDRESS, 0, VA), 0);
	assert_int_equal(pt_cpu_invpcid(t.cpu, PT_INVPCID_CONTEXT, 0, 0), 0);
	assert_int_equal(pt_cpu_invpcid(t.cpu, PT_INVPCID_ALL, 1, 0), 0);
	trial_exit(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_raises_nothing),
		cmocka_unit_test(forgotten),
		cmocka_unit_test(too_short),
		cmocka_unit_test(of_the_wrong_asid),
		cmocka_unit_test(on_the_wrong_cpus),
		cmocka_unit_test(of_leaves_alone_where_a_table_was_freed),
		cmocka_unit_test(before_the_change),
		cmocka_unit_test(without_its_barrier),
		cmocka_unit_test(local_where_it_has_to_be_broadcast),
		cmocka_unit_test(with_the_wrong_level_or_step),
		cmocka_unit_test(what_the_processor_refuses_flushes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
