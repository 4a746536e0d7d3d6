/* SPDX-License-Identifier: MIT */
/* Entries that flushes drop, and drop needlessly: exact figures, and a count of our own. */
#include "machine_test.h"

#define NEEDED(dropped) (dropped), 0

static const char *const both[] = { "x86_48", "arm_4k_48" };

/* CPUs 0 to @nr - 1 keep @pages pages of @p, in both levels; all are parked. */
static void warm(struct fixture *f, struct process *p, unsigned int nr, unsigned int pages,
		 enum pt_access_kind kind)
{
	struct pt_access_result result;

	for (unsigned int i = 0; i < nr; i++) {
		struct pt_cpu *cpu = run_on(f, i, p->space);

		for (unsigned int page = 0; page < pages; page++)
			assert_int_equal(touch(f, cpu, VA + page * f->page, kind, &result), 0);
		pt_cpu_leave(cpu);
	}
}

static void expect(struct fixture *f, unsigned int number, uint64_t dropped, uint64_t needlessly)
{
	struct pt_cpu_stats s = stats_of(pt_machine_cpu(f->machine, number));

	assert_int_equal(s.dropped, dropped);
	assert_int_equal(s.dropped_needlessly, needlessly);
}

static void expect_all(struct fixture *f, uint64_t dropped, uint64_t needlessly)
{
	struct pt_cpu_stats s;

	pt_machine_stats(f->machine, &s);
	assert_int_equal(s.dropped, dropped);
	assert_int_equal(s.dropped_needlessly, needlessly);
}

static const struct pt_change single = { .flags = PT_CHANGE_NO_CONTIG };

static void map(struct process *p, unsigned int pages, pt_attr_t attr)
{
	struct pt_change change = single;

	assert_int_equal(pt_map(p->pt, VA, DATA, pages * pt_granule(p->pt), attr, &change), 0);
}

static void start(struct fixture *f, struct process *p, unsigned int arch, bool tables)
{
	struct pt_machine_policy policy = {
		.ceiling = 33, .nr_pcids = 6, .generations = true, .max_dvm_ops = 34
	};

	fixture_init_policy(f, both[arch], 3, tables, &policy, true);
	process_init(f, p);
}

static void stop(struct fixture *f, struct process *p)
{
	process_exit(p);
	fixture_exit(f);
}

static void what_was_unmapped_was_needed(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct process p;
		struct fixture f;

		start(&f, &p, arch, false);
		map(&p, 8, RWU);
		warm(&f, &p, 2, 8, PT_ACCESS_READ);
		expect_all(&f, NEEDED(0));
		assert_int_equal(pt_unmap(p.pt, VA + 2 * f.page, 4 * f.page, NULL), 0);
		for (unsigned int cpu = 0; cpu < 2; cpu++)
			expect(&f, cpu, NEEDED(2 * 4));
		expect(&f, 2, NEEDED(0));
		expect_all(&f, NEEDED(2 * 2 * 4));
		stop(&f, &p);
	}
}

/* One flush of everything of the space, which takes constant time where nobody counts. */
static void beyond_the_ceiling_the_others_go_needlessly(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct process p, q;
		struct fixture f;

		start(&f, &p, arch, false);
		process_init(&f, &q);
		map(&p, 40, RWU);
		map(&q, 5, RWU);
		warm(&f, &q, 2, 5, PT_ACCESS_READ);
		warm(&f, &p, 2, 40, PT_ACCESS_READ);
		assert_int_equal(pt_unmap(p.pt, VA, 34 * f.page, NULL), 0);
		for (unsigned int cpu = 0; cpu < 2; cpu++)
			expect(&f, cpu, 2 * 40, 2 * 6);
		for (unsigned int cpu = 0; cpu < 2; cpu++)
			assert_true(has(&f, cpu, q.space, VA + 4 * f.page));
		process_exit(&q);
		stop(&f, &p);
	}
}

/* What allows less than the tables now does harms nobody; what allows more does. */
static void only_rights_that_went_need_it(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct process p;
		struct fixture f;

		start(&f, &p, arch, false);
		map(&p, 4, RWU);
		warm(&f, &p, 1, 4, PT_ACCESS_WRITE);
		assert_int_equal(pt_protect(p.pt, VA, 3 * f.page, 0, PT_ATTR_WRITE, NULL), 0);
		expect(&f, 0, 2 * 3, 0);
		warm(&f, &p, 1, 4, PT_ACCESS_READ);
		expect(&f, 0, 2 * 3, 0);
		assert_int_equal(pt_protect(p.pt, VA, 3 * f.page, PT_ATTR_WRITE, 0, NULL), 0);
		expect(&f, 0, 2 * 6, 2 * 3);
		stop(&f, &p);
	}
}

/* Loads leave a leaf clean; only what says "dirty" would lose a store. */
static void a_dirty_entry_of_a_clean_page_needs_it(void **state)
{
	struct pt_change change = { 0 };
	struct process p;
	struct fixture f;

	(void)state;
	start(&f, &p, 0, false);
	map(&p, 4, RWU & ~PT_ATTR_DIRTY);
	warm(&f, &p, 1, 4, PT_ACCESS_READ);
	warm(&f, &p, 1, 2, PT_ACCESS_WRITE); /* walks, and takes the place of what was clean */
	assert_int_equal(pt_test_and_clear_dirty(p.pt, VA, 4 * f.page, &change), 0);
	expect(&f, 0, 2 * 2, 0);
	warm(&f, &p, 1, 1, PT_ACCESS_WRITE);
	assert_int_equal(pt_test_and_clear_dirty(p.pt, VA, 4 * f.page, &change), 0);
	expect(&f, 0, 2 * 3, 0);
	stop(&f, &p);
}

/* Walk caches: x86 forgets all of the PCID's with every page; arm64 only where tables went. */
static void tables_count_too(void **state)
{
	struct pt_change free_tables = { .flags = PT_CHANGE_FREE_TABLES };

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		/* small_tlb() keeps tables that cover 2M, 1G and 512G */
		unsigned int nr_tables = 3;
		struct process p;
		struct fixture f;

		start(&f, &p, arch, true);
		map(&p, 3, RWU);
		warm(&f, &p, 1, 3, PT_ACCESS_READ);
		assert_int_equal(pt_unmap(p.pt, VA, f.page, NULL), 0);
		expect(&f, 0, 2 + (arch ? 0 : nr_tables), arch ? 0 : nr_tables);
		stop(&f, &p);

		start(&f, &p, arch, true);
		map(&p, 3, RWU);
		warm(&f, &p, 1, 3, PT_ACCESS_READ);
		assert_int_equal(pt_unmap(p.pt, VA, 3 * f.page, &free_tables), 0);
		/* all of them led to what is gone */
		expect(&f, 0, 2 * 3 + nr_tables, 0);
		stop(&f, &p);
	}
}

/* A page of the kernel's, global: what every space has agrees with every space. */
static void global_pages_are_held_to_what_runs(void **state)
{
	struct process p, q;
	struct pt_cpu *cpu;
	struct fixture f;

	(void)state;
	start(&f, &p, 0, false);
	process_init(&f, &q);
	map(&p, 2, RWU | PT_ATTR_GLOBAL);
	map(&q, 1, RWU | PT_ATTR_GLOBAL);
	warm(&f, &p, 1, 2, PT_ACCESS_READ);
	cpu = run_on(&f, 0, q.space);
	assert_int_equal(pt_cpu_invpcid(cpu, PT_INVPCID_ALL_GLOBALS_TOO, 0, 0), 0);
	pt_cpu_leave(cpu);
	expect(&f, 0, 2 * 2, 2);
	process_exit(&q);
	stop(&f, &p);
}

/* x86: a fault drops what is kept of its address, right or not; no flush has been asked for. */
static void what_a_fault_drops_is_not_counted(void **state)
{
	struct pt_access_result result;
	struct pt_cpu_stats s;
	struct process p;
	struct fixture f;
	struct pt_cpu *cpu;

	(void)state;
	start(&f, &p, 0, true);
	map(&p, 2, RWU & ~PT_ATTR_WRITE);
	cpu = run_on(&f, 0, p.space);
	for (unsigned int i = 0; i < 10; i++) {
		assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_READ, &result), 0);
		assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_WRITE, &result), 1);
	}
	s = stats_of(cpu);
	assert_int_equal(s.flushes[PT_FLUSH_BY_FAULT][PT_FLUSH_KIND_PAGE], 10);
	assert_int_equal(s.dropped, 0);
	assert_int_equal(s.dropped_needlessly, 0);
	/* the next flush, of whatever cause, counts again */
	assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_READ, &result), 0);
	pt_cpu_invlpg(cpu, VA);
	expect(&f, 0, 2 + 3, 2 + 3);
	pt_cpu_leave(cpu);
	stop(&f, &p);
}

/* Where a space's table is gone, its entries have nothing left to agree with. */
static void nothing_agrees_with_a_table_that_is_gone(void **state)
{
	struct process p;
	struct fixture f;

	(void)state;
	start(&f, &p, 1, true);
	map(&p, 3, RWU);
	warm(&f, &p, 1, 3, PT_ACCESS_READ);
	process_exit(&p); /* its ASID is flushed before it is given again */
	expect(&f, 0, 2 * 3 + 3, 0);
	fixture_exit(&f);
}

static void nothing_is_counted_unless_checked(void **state)
{
	struct process p;
	struct fixture f;

	(void)state;
	fixture_init(&f, "x86_48", 1, false);
	process_init(&f, &p);
	map(&p, 3, RWU);
	warm(&f, &p, 1, 3, PT_ACCESS_READ);
	assert_int_equal(pt_unmap(p.pt, VA, 3 * f.page, NULL), 0);
	expect_all(&f, 0, 0);
	stop(&f, &p);
}

/* A guest's page, of both stages, and a page of the host's while the guest runs. */
static void each_side_of_a_guest_is_held_to_its_own(void **state)
{
	const struct pt_x86_ept_regs ept = { .eptp = 6 | 3 << 3 };
	const struct pt_access load = { PT_ACCESS_READ, 8, 3, 0 };
	struct pt_access_result result;
	struct pt_pgtable *second;
	struct pt_x86_regs regs;
	struct pt_guest *guest;
	struct pt_cpu *cpu;
	struct process p;
	struct fixture f;

	(void)state;
	start(&f, &p, 0, false);
	map(&p, 3, RWU);
	assert_int_equal(pt_guest_create(&guest, f.machine), 0);
	f.cfg.fmt = config_fmt(config_named("ept_48"));
	f.cfg.flush = pt_guest_flush_ops(guest);
	f.cfg.watch = pt_guest_watch_ops(guest);
	assert_int_equal(pt_pgtable_create(&second, f.phys, &f.cfg), 0);
	assert_int_equal(pt_guest_set_table(guest, second), 0);
	/* tables and pages of the guest are where they are for the host */
	assert_int_equal(pt_map(second, TABLES, TABLES, NR_TABLE_PAGES * f.page,
				RW | PT_ATTR_EXEC | PT_ATTR_ACCESSED | PT_ATTR_DIRTY, NULL),
			 0);
	assert_int_equal(pt_map(second, DATA, DATA, 8 * f.page,
				RW | PT_ATTR_EXEC | PT_ATTR_ACCESSED | PT_ATTR_DIRTY, NULL),
			 0);
	warm(&f, &p, 1, 3, PT_ACCESS_READ);
	cpu = run_on(&f, 0, p.space);
	regs = *pt_cpu_x86_64(cpu);
	assert_int_equal(pt_cpu_run_guest_x86_64(cpu, guest, &ept), 0);
	regs.cr3 = pt_pgtable_root(p.pt) | 1;
	assert_int_equal(pt_cpu_load_x86_64(cpu, &regs), 0);
	for (unsigned int page = 0; page < 2; page++)
		assert_int_equal(pt_cpu_access(cpu, VA + page * f.page, &load, &result), 0);
	/* of the host's three and the guest's two, one of each was changed */
	assert_int_equal(pt_unmap(second, DATA, f.page, NULL), 0);
	expect(&f, 0, 2 * 2, 2);
	assert_int_equal(pt_unmap(p.pt, VA, f.page, NULL), 0);
	expect(&f, 0, 2 * 2, 2);
	/* what the host has is of no EPT */
	assert_int_equal(pt_cpu_invept(cpu, PT_INVEPT_ALL, 0), 0);
	expect(&f, 0, 2 * 2, 2);
	pt_cpu_exit_guest(cpu);
	load_cpu(&f, cpu, TABLES);
	assert_int_equal(pt_cpu_invpcid(cpu, PT_INVPCID_ALL_GLOBALS_TOO, 0, 0), 0);
	expect(&f, 0, 2 * 2 + 2 * 3, 2 + 2 * 2);
	pt_cpu_leave(cpu);
	pt_guest_destroy(guest);
	pt_pgtable_destroy(second);
	stop(&f, &p);
}

/* ---- at random, against a count that shares no code ---- */

#define NR_SPACES 3
#define NR_CPUS 3
#define SPAN 24
#define MAX_KEPT 512

struct kept {
	struct pt_tlb_entry entry[MAX_KEPT];
	unsigned int part[MAX_KEPT];
	unsigned int nr;
};

struct count {
	struct fixture f;
	struct process p[NR_SPACES];
	/* of each CPU, which space an ASID or PCID was for last; plus 1 */
	unsigned int space_of[NR_CPUS][16];
	struct kept before[NR_CPUS], after[NR_CPUS];
};

static bool keep(void *ctx, const struct pt_tlb_entry *entry, unsigned int part)
{
	struct kept *kept = ctx;

	assert_true(kept->nr < MAX_KEPT);
	kept->part[kept->nr] = part;
	kept->entry[kept->nr++] = *entry;
	return true;
}

static void look(struct count *c, struct kept kept[NR_CPUS])
{
	for (unsigned int i = 0; i < NR_CPUS; i++) {
		kept[i].nr = 0;
		pt_tlb_for_each(pt_cpu_tlb(pt_machine_cpu(c->f.machine, i)), keep, &kept[i]);
	}
}

static bool is_in(const struct kept *kept, const struct pt_tlb_entry *entry, unsigned int part)
{
	for (unsigned int i = 0; i < kept->nr; i++)
		if (kept->part[i] == part && kept->entry[i].va == entry->va &&
		    kept->entry[i].asid == entry->asid && kept->entry[i].type == entry->type &&
		    kept->entry[i].size_lg2 == entry->size_lg2)
			return true;
	return false;
}

#define PA_MASK (BIT(48) - BIT(12))

/* Four levels of 512 words each, by hand: the word of @level on the way to @va, or 0. */
static uint64_t word_of(struct count *c, const struct process *p, pt_va_t va, unsigned int level)
{
	uint64_t table = pt_pgtable_root(p->pt), word = 0;

	for (unsigned int at = 4; at-- > level;) {
		assert_int_equal(pt_phys_read(c->f.phys, table + (va >> (12 + 9 * at) & 511) * 8,
					      &word, 8),
				 0);
		if (!(word & 1))
			return 0;
		table = word & PA_MASK;
	}
	return word;
}

static bool is_writable(const struct count *c, uint64_t word)
{
	return is_x86(&c->f) ? word & BIT(1) : !(word & BIT(7));
}

static bool is_right(struct count *c, unsigned int cpu, const struct pt_tlb_entry *entry)
{
	unsigned int space = c->space_of[cpu][entry->asid];
	const struct process *p = &c->p[space - 1];
	uint64_t word;

	assert_in_range(space, 1, NR_SPACES);
	if (entry->type == PT_TLB_TABLE) {
		/* one that covers 2M is named by a word of level 1 */
		word = word_of(c, p, entry->va, (entry->size_lg2 - 12u) / 9);
		return word && (word & PA_MASK) == entry->pa;
	}
	word = word_of(c, p, entry->va, 0);
	if (!word || (word & PA_MASK) != entry->pa)
		return false;
	if (is_writable(c, entry->raw) && !is_writable(c, word))
		return false;
	/* x86 alone has clean pages here */
	return !is_x86(&c->f) || !(entry->raw & BIT(6)) || word & BIT(6);
}

/* Held to what happened between the two looks. */
static void compare(struct count *c, const struct pt_cpu_stats old[NR_CPUS])
{
	look(c, c->after);
	for (unsigned int i = 0; i < NR_CPUS; i++) {
		struct pt_cpu_stats now = stats_of(pt_machine_cpu(c->f.machine, i));
		uint64_t dropped = 0, needlessly = 0;

		for (unsigned int n = 0; n < c->before[i].nr; n++) {
			const struct pt_tlb_entry *entry = &c->before[i].entry[n];

			if (is_in(&c->after[i], entry, c->before[i].part[n]))
				continue;
			dropped++;
			needlessly += is_right(c, i, entry);
		}
		assert_int_equal(now.dropped - old[i].dropped, dropped);
		assert_int_equal(now.dropped_needlessly - old[i].dropped_needlessly, needlessly);
	}
}

static void begin(struct count *c, struct pt_cpu_stats old[NR_CPUS])
{
	look(c, c->before);
	for (unsigned int i = 0; i < NR_CPUS; i++)
		old[i] = stats_of(pt_machine_cpu(c->f.machine, i));
}

static void note_space(struct count *c, struct pt_cpu *cpu, unsigned int space)
{
	uint64_t asid =
		is_x86(&c->f) ? pt_cpu_x86_64(cpu)->cr3 & 0xfff : pt_cpu_arm64(cpu)->ttbr0 >> 48;

	assert_true(asid < 16);
	c->space_of[pt_cpu_number(cpu)][asid] = space + 1;
}

static void change(struct count *c, uint64_t *seed)
{
	struct process *p = &c->p[random64(seed) % NR_SPACES];
	unsigned int first = (unsigned int)(random64(seed) % SPAN);
	unsigned int nr = 1 + (unsigned int)(random64(seed) % 4);
	struct pt_change how = { .flags = PT_CHANGE_SKIP_HOLES | PT_CHANGE_NO_CONTIG };
	pt_va_t va = VA + first * c->f.page;
	uint64_t len;

	if (random64(seed) % 8 == 0)
		nr = SPAN;
	if (nr > SPAN - first)
		nr = SPAN - first;
	len = nr * c->f.page;
	switch (random64(seed) % 8) {
	case 0:
		how.flags |= PT_CHANGE_FREE_TABLES;
		assert_int_equal(pt_unmap(p->pt, va, len, &how), 0);
		break;
	case 1:
		assert_int_equal(pt_unmap(p->pt, va, len, &how), 0);
		break;
	case 2:
		assert_int_equal(pt_protect(p->pt, va, len, 0, PT_ATTR_WRITE, &how), 0);
		break;
	case 3:
		assert_int_equal(pt_protect(p->pt, va, len, PT_ATTR_WRITE, 0, &how), 0);
		break;
	case 4:
		if (is_x86(&c->f))
			assert_int_equal(pt_test_and_clear_dirty(p->pt, va, len, &how), 0);
		break;
	default:
		for (unsigned int i = 0; i < nr; i++)
			(void)!pt_map(p->pt, va + i * c->f.page,
				      DATA + random64(seed) % 64 * c->f.page, c->f.page,
				      random64(seed) & 1 ? RWU : RWU & ~PT_ATTR_WRITE, &how);
		break;
	}
}

static void a_count_of_our_own_agrees(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 4; arch++) {
		const struct pt_machine_policy policy = { .ceiling = 6,
							  .nr_pcids = 2,
							  .generations = arch < 2,
							  .ranges = arch < 2,
							  .max_dvm_ops = 8,
							  .max_range_pages = 12 };
		static struct count c;
		struct pt_cpu_stats all;
		struct pt_check_stats checked;
		uint64_t seed = 77 + arch;

		memset(&c, 0, sizeof(c));
		fixture_init_policy(&c.f, both[arch & 1], NR_CPUS, true, &policy, true);
		for (unsigned int n = 0; n < NR_SPACES; n++)
			process_init(&c.f, &c.p[n]);
		for (unsigned int round = 0; round < 1200; round++) {
			struct pt_cpu_stats old[NR_CPUS];
			unsigned int space = (unsigned int)(random64(&seed) % NR_SPACES);
			struct pt_access_result result;
			struct pt_cpu *cpu = pt_machine_cpu(
				c.f.machine, (unsigned int)(random64(&seed) % NR_CPUS));

			begin(&c, old);
			(void)run_on(&c.f, pt_cpu_number(cpu), c.p[space].space);
			note_space(&c, cpu, space);
			compare(&c, old);
			begin(&c, old);
			for (unsigned int n = 0; n < 12; n++)
				(void)!touch(&c.f, cpu, VA + random64(&seed) % SPAN * c.f.page,
					     random64(&seed) & 1 ? PT_ACCESS_READ : PT_ACCESS_WRITE,
					     &result);
			/* what accesses push out or drop is none of it */
			for (unsigned int n = 0; n < NR_CPUS; n++)
				expect(&c.f, n, old[n].dropped, old[n].dropped_needlessly);
			begin(&c, old);
			change(&c, &seed);
			compare(&c, old);
			pt_cpu_leave(cpu);
		}
		pt_machine_stats(c.f.machine, &all);
		assert_true(all.dropped > 2000);
		assert_true(all.dropped_needlessly > 500);
		assert_true(all.dropped - all.dropped_needlessly > 500);
		pt_machine_check_stats(c.f.machine, &checked);
		assert_int_equal(checked.reports, 0);
		assert_int_equal(checked.lost, 0);
		for (unsigned int n = 0; n < NR_SPACES; n++)
			process_exit(&c.p[n]);
		fixture_exit(&c.f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_unmapped_was_needed),
		cmocka_unit_test(beyond_the_ceiling_the_others_go_needlessly),
		cmocka_unit_test(only_rights_that_went_need_it),
		cmocka_unit_test(a_dirty_entry_of_a_clean_page_needs_it),
		cmocka_unit_test(tables_count_too),
		cmocka_unit_test(global_pages_are_held_to_what_runs),
		cmocka_unit_test(what_a_fault_drops_is_not_counted),
		cmocka_unit_test(nothing_agrees_with_a_table_that_is_gone),
		cmocka_unit_test(nothing_is_counted_unless_checked),
		cmocka_unit_test(each_side_of_a_guest_is_held_to_its_own),
		cmocka_unit_test(a_count_of_our_own_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
