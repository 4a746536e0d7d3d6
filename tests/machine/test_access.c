/* SPDX-License-Identifier: MIT */
/* Accesses through a TLB: what hits, what walks, and that nobody can tell while tables stay. */
#include "machine_test.h"

static const char *const names[] = {
	"x86_48",     "x86_57",	       "arm_4k_48", "arm_4k_48_hd_bbm2", "arm_16k_lpa2_48_hd_bbm2",
	"arm_64k_48", "arm_4k_lpa2_52"
};

static void second_access_reads_no_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;
		struct pt_cpu_stats s;

		fixture_init(&f, names[i], 1, false);
		process_init(&f, &p);
		assert_int_equal(pt_map(p.pt, VA, DATA, 4 * f.page, RWU, NULL), 0);
		cpu = run_on(&f, 0, p.space);
		for (unsigned int n = 0; n < 4; n++) {
			assert_false(hits(&f, cpu, VA + n * f.page + 8, PT_ACCESS_READ,
					  DATA + n * f.page + 8));
			assert_true(
				hits(&f, cpu, VA + n * f.page, PT_ACCESS_WRITE, DATA + n * f.page));
		}
		s = stats_of(cpu);
		assert_int_equal(s.accesses, 8);
		assert_int_equal(s.hits, 4);
		assert_int_equal(s.misses, 4);
		assert_int_equal(s.refills, 4);
		assert_int_equal(s.faults, 0);
		pt_cpu_leave(cpu);
		process_exit(&p);
		fixture_exit(&f);
	}
}

static void write_through_a_clean_entry_walks(void **state)
{
	static const char *const tracking[] = { "x86_48", "arm_4k_48_hd_bbm2", "arm_64k_42_hd" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;
		struct pt_leaf leaf;

		fixture_init(&f, tracking[i], 1, false);
		process_init(&f, &p);
		assert_int_equal(pt_map(p.pt, VA, DATA, f.page, RW | PT_ATTR_USER, NULL), 0);
		cpu = run_on(&f, 0, p.space);
		assert_false(hits(&f, cpu, VA, PT_ACCESS_READ, DATA));
		assert_int_equal(pt_lookup(p.pt, VA, &leaf), 0);
		assert_true(leaf.attr & PT_ATTR_ACCESSED);
		assert_false(leaf.attr & PT_ATTR_DIRTY);
		assert_true(hits(&f, cpu, VA, PT_ACCESS_READ, DATA));
		assert_false(hits(&f, cpu, VA, PT_ACCESS_WRITE, DATA));
		assert_int_equal(pt_lookup(p.pt, VA, &leaf), 0);
		assert_true(leaf.attr & PT_ATTR_DIRTY);
		assert_true(hits(&f, cpu, VA, PT_ACCESS_WRITE, DATA));
		assert_int_equal(stats_of(cpu).refused, 1);
		pt_cpu_leave(cpu);
		process_exit(&p);
		fixture_exit(&f);
	}
}

static void what_faults_is_not_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;
		struct pt_gather gather;
		struct pt_change change = { .gather = &gather };
		struct pt_access_result result;

		fixture_init(&f, names[i], 1, true);
		process_init(&f, &p);
		assert_int_equal(
			pt_map(p.pt, VA + f.page, DATA, f.page, RWU & ~PT_ATTR_WRITE, NULL), 0);
		cpu = run_on(&f, 0, p.space);
		assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_READ, &result), 1);
		assert_int_equal(result.fault.why, PT_WHY_NOT_PRESENT);
		assert_int_equal(pt_map(p.pt, VA, DATA, f.page, RWU, NULL), 0);
		assert_false(hits(&f, cpu, VA, PT_ACCESS_READ, DATA));
		assert_true(hits(&f, cpu, VA, PT_ACCESS_READ, DATA));

		/* what is kept less permissive than tables never faults: it is walked for */
		assert_false(hits(&f, cpu, VA + f.page, PT_ACCESS_READ, DATA));
		pt_gather_begin(&gather, p.pt);
		assert_int_equal(pt_protect(p.pt, VA + f.page, f.page,
					    PT_ATTR_WRITE | PT_ATTR_DIRTY, 0, &change),
				 0);
		assert_false(hits(&f, cpu, VA + f.page, PT_ACCESS_WRITE, DATA));
		assert_true(hits(&f, cpu, VA + f.page, PT_ACCESS_WRITE, DATA));
		pt_gather_finish(&gather);
		pt_cpu_leave(cpu);
		process_exit(&p);
		fixture_exit(&f);
	}
}

static void page_fault_drops_its_address(void **state)
{
	struct fixture f;
	struct process p;
	struct pt_cpu *cpu;
	struct pt_access_result result;
	struct pt_access kernel = { .kind = PT_ACCESS_READ, .size = 8 };
	unsigned int by_fault;

	(void)state;
	fixture_init(&f, "x86_48", 1, false);
	process_init(&f, &p);
	assert_int_equal(pt_map(p.pt, VA, DATA, 2 * f.page, RW, NULL), 0);
	cpu = run_on(&f, 0, p.space);
	assert_int_equal(pt_cpu_access(cpu, VA, &kernel, &result), 0);
	assert_int_equal(pt_cpu_access(cpu, VA + f.page, &kernel, &result), 0);
	assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_READ, &result), 1);
	assert_int_equal(result.fault.code, PT_X86_PF_P | PT_X86_PF_U);
	by_fault = (unsigned int)stats_of(cpu).flushes[PT_FLUSH_BY_FAULT][PT_FLUSH_KIND_PAGE];
	assert_int_equal(by_fault, 1);
	assert_int_equal(pt_cpu_access(cpu, VA + f.page, &kernel, &result), 0);
	assert_int_equal(result.nr_loads[0], 0);
	assert_int_equal(pt_cpu_access(cpu, VA, &kernel, &result), 0);
	assert_int_equal(result.nr_loads[0], 4);
	pt_cpu_leave(cpu);
	process_exit(&p);
	fixture_exit(&f);
}

static void pieces_are_looked_up_each(void **state)
{
	struct fixture f;
	struct process p;
	struct pt_cpu *cpu;
	struct pt_access_result result;
	struct pt_cpu_stats s;

	(void)state;
	fixture_init(&f, "x86_48", 1, false);
	process_init(&f, &p);
	assert_int_equal(pt_map(p.pt, VA, DATA + f.page, f.page, RWU, NULL), 0);
	assert_int_equal(pt_map(p.pt, VA + f.page, DATA, f.page, RWU & ~PT_ATTR_DIRTY, NULL), 0);
	cpu = run_on(&f, 0, p.space);
	assert_false(hits(&f, cpu, VA, PT_ACCESS_READ, DATA + f.page));
	assert_int_equal(touch(&f, cpu, VA + f.page - 3, PT_ACCESS_READ, &result), 0);
	assert_int_equal(result.nr_pieces, 2);
	assert_int_equal(result.nr_loads[0], 4);
	assert_int_equal(result.piece[0].pa, DATA + 2 * f.page - 3);
	assert_int_equal(result.piece[0].len, 3);
	assert_int_equal(result.piece[1].pa, DATA);
	assert_int_equal(result.piece[1].len, 5);
	/* the second, clean, is walked for and made dirty; the first is not read again */
	assert_int_equal(touch(&f, cpu, VA + f.page - 3, PT_ACCESS_WRITE, &result), 0);
	assert_int_equal(result.nr_loads[0], 4);
	assert_int_equal(touch(&f, cpu, VA + f.page - 3, PT_ACCESS_WRITE, &result), 0);
	assert_int_equal(result.nr_loads[0], 0);
	s = stats_of(cpu);
	assert_int_equal(s.hits, 1 + 1 + 2);
	assert_int_equal(s.misses, 1 + 1);
	assert_int_equal(s.refused, 1);
	/* whichever piece faults, nothing is marked, and its address is what is reported */
	assert_int_equal(touch(&f, cpu, VA + 2 * f.page - 4, PT_ACCESS_WRITE, &result), 1);
	assert_int_equal(result.fault.va, VA + 2 * f.page);
	assert_int_equal(result.nr_pieces, 0);
	pt_cpu_leave(cpu);
	process_exit(&p);
	fixture_exit(&f);
}

static void walks_start_at_tables_that_are_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;
		struct pt_access_result result;
		struct pt_format_info info;

		fixture_init(&f, names[i], 1, true);
		process_init(&f, &p);
		assert_int_equal(pt_format_info(&f.fmt, &info), 0);
		assert_int_equal(pt_map(p.pt, VA, DATA, 2 * f.page, RWU, NULL), 0);
		cpu = run_on(&f, 0, p.space);
		assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_READ, &result), 0);
		assert_int_equal(result.nr_loads[0], info.nr_levels);
		assert_int_equal(touch(&f, cpu, VA + f.page, PT_ACCESS_READ, &result), 0);
		assert_int_equal(result.nr_loads[0], 1);
		assert_int_equal(result.piece[0].pa, DATA + f.page);
		pt_cpu_leave(cpu);
		process_exit(&p);
		fixture_exit(&f);
	}
}

static void global_pages_serve_every_space(void **state)
{
	static const char *const both[] = { "x86_48", "arm_4k_48" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f;
		struct process p[2];
		struct pt_cpu *cpu;

		fixture_init(&f, both[i], 1, false);
		for (unsigned int n = 0; n < 2; n++) {
			process_init(&f, &p[n]);
			assert_int_equal(
				pt_map(p[n].pt, VA, DATA, f.page, RWU | PT_ATTR_GLOBAL, NULL), 0);
			assert_int_equal(pt_map(p[n].pt, VA + f.page, DATA + n * f.page, f.page,
						RWU, NULL),
					 0);
		}
		cpu = run_on(&f, 0, p[0].space);
		assert_false(hits(&f, cpu, VA, PT_ACCESS_READ, DATA));
		assert_false(hits(&f, cpu, VA + f.page, PT_ACCESS_READ, DATA));
		assert_int_equal(pt_cpu_switch(cpu, p[1].space), 0);
		assert_true(hits(&f, cpu, VA, PT_ACCESS_READ, DATA));
		assert_false(hits(&f, cpu, VA + f.page, PT_ACCESS_READ, DATA + f.page));
		assert_int_equal(pt_cpu_switch(cpu, p[0].space), 0);
		assert_true(hits(&f, cpu, VA + f.page, PT_ACCESS_READ, DATA));
		load_cpu(&f, cpu, TABLES);
		pt_cpu_leave(cpu);
		process_exit(&p[0]);
		process_exit(&p[1]);
		fixture_exit(&f);
	}
}

/* ---- nobody can tell ---- */

#define NR_PAGES 48

/* Registers that decide, without those that a TLB may keep. */
static void random_registers(struct fixture *f, struct pt_cpu *cpu, struct process *p,
			     uint64_t *seed)
{
	uint64_t r = random64(seed);

	if (is_x86(f)) {
		struct pt_x86_regs regs = x86_registers(&f->fmt, pt_pgtable_root(p->pt));

		regs.cr0 = (regs.cr0 & ~BIT(16)) | (r & 1) << 16;
		regs.cr4 |= (r >> 1 & 3) << 20 | (r >> 3 & 1) << 22 | (r >> 4 & 1) << 24 |
			    CR4_PCIDE | CR4_PGE;
		regs.rflags = (r >> 5 & 1) << 18;
		regs.pkru = (uint32_t)random64(seed);
		regs.pkrs = (uint32_t)random64(seed);
		regs.cr3 |= BIT(63);
		assert_int_equal(pt_cpu_load_x86_64(cpu, &regs), 0);
	} else {
		struct pt_arm64_regs regs = arm64_registers(&f->fmt, pt_pgtable_root(p->pt));

		regs.sctlr |= (r & 1) << 19 | (r >> 1 & 1) << 57;
		regs.pan = r >> 2 & 1;
		regs.uao = r >> 3 & 1;
		if (f->fmt.features & PT_FEAT_PKEYS) {
			regs.tcr2 = (r >> 4 & 3) << 2;
			regs.por_el0 = random64(seed);
			regs.por_el1 = random64(seed);
		}
		/* E0PD0; TBI0, and TBID0 */
		regs.tcr |= (r >> 6 & 1) << 55 | (r >> 7 & 1) << 37 | (r >> 8 & 1) << 51;
		assert_int_equal(pt_cpu_load_arm64(cpu, &regs), 0);
	}
}

static pt_attr_t random_attr(struct fixture *f, uint64_t *seed)
{
	struct pt_format_info info;
	uint64_t r = random64(seed);
	pt_attr_t attr = PT_ATTR_READ | (r & 0xff);

	assert_int_equal(pt_format_info(&f->fmt, &info), 0);
	attr |= PT_ATTR_KEY(r >> 8 & 7) | (r & 0x800 ? PT_ATTR_MEM(PT_MEM_UC) : 0);
	return attr & info.attrs;
}

static void assert_same(const struct pt_access_result *a, const struct pt_access_result *b,
			bool faulted)
{
	if (faulted) {
		assert_int_equal(a->fault.kind, b->fault.kind);
		assert_int_equal(a->fault.why, b->fault.why);
		assert_int_equal(a->fault.code, b->fault.code);
		assert_int_equal(a->fault.va, b->fault.va);
		return;
	}
	assert_int_equal(a->nr_pieces, b->nr_pieces);
	for (unsigned int i = 0; i < a->nr_pieces; i++) {
		assert_int_equal(a->piece[i].pa, b->piece[i].pa);
		assert_int_equal(a->piece[i].len, b->piece[i].len);
		assert_int_equal(a->piece[i].perms, b->piece[i].perms);
		assert_int_equal(a->piece[i].mem, b->piece[i].mem);
		assert_int_equal(a->piece[i].level, b->piece[i].level);
		assert_int_equal(a->piece[i].size_lg2, b->piece[i].size_lg2);
	}
}

static void random_access(struct fixture *f, struct pt_cpu *cpu, uint64_t *seed)
{
	uint64_t r = random64(seed);
	struct pt_access how = {
		.kind = r & 3,
		.size = r & BIT(20) ? 1 + (r >> 2) % 16 : 64 + (r >> 2 & 1), /* 65: none is */
		.priv = is_x86(f) ? (r >> 6 & 1) * 3 : (r >> 6 & 1) + (r & BIT(21) ? 0 : 2),
		.flags = r & 0x700 ? 0 : 1 + (r >> 11 & is_x86(f)),
	};
	pt_va_t va = VA + random64(seed) % ((NR_PAGES + 1) * f->page);
	struct pt_access_result with, without;
	int faulted;

	if (r & 0x1000) /* the border of two pages */
		va = (va & ~(f->page - 1)) - (r >> 13 & 15);
	if (!(r >> 22 & 7)) /* a tag, or an address that the registers do not have */
		va ^= BIT(47 + (r >> 25) % 17);
	faulted = pt_access_probe(pt_cpu_mmu(cpu), va, &how, &without);
	assert_int_equal(pt_cpu_access(cpu, va, &how, &with), faulted);
	if (faulted >= 0) /* else the access does not exist, and there is no result */
		assert_same(&with, &without, faulted);
}

static void registers_of_now_judge_every_hit(void **state)
{
	static const char *const all[] = {
		"x86_48",
		"x86_57_pa40_no_keys",
		"arm_4k_48",
		"arm_4k_48_hd_bbm2",
		"arm_4k_31_hd",
		"arm_4k_lpa2_52",
		"arm_16k_36_hd",
		"arm_16k_lpa2_48_hd_bbm2",
		"arm_64k_48_lpa_bbm2",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint64_t seed = i, rest;
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;
		struct pt_cpu_stats s;

		fixture_init(&f, all[i], 1, i & 1);
		process_init(&f, &p);
		for (unsigned int n = 0; n < NR_PAGES; n++)
			if (n % 9)
				assert_int_equal(pt_map(p.pt, VA + n * f.page,
							DATA + (random64(&seed) % 256) * f.page,
							f.page, random_attr(&f, &seed), NULL),
						 0);
		cpu = pt_machine_cpu(f.machine, 0);
		assert_int_equal(pt_cpu_enter(cpu), 0);
		for (unsigned int round = 0; round < 400; round++) {
			random_registers(&f, cpu, &p, &seed);
			for (unsigned int n = 0; n < 100; n++)
				random_access(&f, cpu, &seed);
		}
		s = stats_of(cpu);
		assert_true(s.hits > 1000 && s.refused > 1000 && s.faults > 1000);
		assert_int_equal(pt_tlb_verify(pt_cpu_tlb(cpu)), 0);
		rest = s.hits + s.misses + s.refused;
		assert_true(rest >= s.accesses - s.faults && rest <= 2 * s.accesses);
		pt_cpu_leave(cpu);
		process_exit(&p);
		fixture_exit(&f);
	}
}

/* ---- what table entries say, of walks that begin below them ---- */

/* The table entry of level 1 for @va: what leads to its leaf, and to its neighbours'. */
static uint64_t *table_entry(struct fixture *f, struct pt_cpu *cpu, pt_va_t va)
{
	const struct pt_access how = { .kind = PT_ACCESS_READ, .size = 1, .priv = user_priv(f) };
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
	struct pt_access_result result;
	uint64_t *entry;
	unsigned int nr;

	assert_int_equal(pt_access_trace(pt_cpu_mmu(cpu), va, &how, &result, steps, &nr), 0);
	assert_int_equal(steps[nr - 2].level, 1);
	entry = pt_phys_to_host(f->phys, steps[nr - 2].table_pa + 8 * steps[nr - 2].index, 8);
	assert_non_null(entry);
	return entry;
}

/*
 * Intel SDM Vol. 3A, 4.6; Arm ARM DDI 0487 J.a, D8.4.2: a table entry that forbids writes does so
 * for a walk that begins at the table below, which a TLB has kept with what led there.
 */
static void tables_that_are_kept_limit_what_is_below(void **state)
{
	static const char *const limiting[] = { "x86_48", "x86_57", "arm_4k_48", "arm_16k_48",
						"arm_4k_48_hd_bbm2" };

	(void)state;
	for (size_t i = 0; i < sizeof(limiting) / sizeof(limiting[0]); i++) {
		struct pt_access_result result;
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;

		fixture_init(&f, limiting[i], 1, true);
		process_init(&f, &p);
		assert_int_equal(pt_map(p.pt, VA, DATA, 2 * f.page, RWU, NULL), 0);
		cpu = run_on(&f, 0, p.space);
		/* R/W of x86 is set where writes are allowed, APTable[1] where not */
		*table_entry(&f, cpu, VA) ^= is_x86(&f) ? BIT(1) : BIT(62);
		assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_READ, &result), 0);
		assert_int_equal(touch(&f, cpu, VA + f.page, PT_ACCESS_READ, &result), 0);
		assert_int_equal(result.nr_loads[0], 1);
		assert_int_equal(result.piece[0].perms & PT_PERM_WRITE, 0);
		assert_int_equal(touch(&f, cpu, VA + f.page, PT_ACCESS_WRITE, &result), 1);
		assert_int_equal(result.fault.why, PT_WHY_WRITE);
		pt_cpu_leave(cpu);
		process_exit(&p);
		fixture_exit(&f);
	}
}

/* SDM Vol. 3A, 4.8: a walk sets A in every entry that it uses, so what is kept of it has A. */
static void what_a_walk_has_marked_is_kept_as_marked(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		bool tables = i & 1;
		struct pt_access_result result;
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;

		fixture_init(&f, i & 2 ? "x86_57" : "x86_48", 1, tables);
		process_init(&f, &p);
		assert_int_equal(pt_map(p.pt, VA, DATA, 2 * f.page, RWU, NULL), 0);
		cpu = run_on(&f, 0, p.space);
		*table_entry(&f, cpu, VA) &= ~BIT(5);
		assert_int_equal(touch(&f, cpu, VA, PT_ACCESS_READ, &result), 0);
		assert_int_equal(*table_entry(&f, cpu, VA) & BIT(5), BIT(5));
		assert_true(hits(&f, cpu, VA, PT_ACCESS_WRITE, DATA));
		assert_false(hits(&f, cpu, VA + f.page, PT_ACCESS_READ, DATA + f.page));
		assert_true(hits(&f, cpu, VA + f.page, PT_ACCESS_WRITE, DATA + f.page));
		pt_cpu_leave(cpu);
		process_exit(&p);
		fixture_exit(&f);
	}
}

/* Arm ARM DDI 0487 J.a, D8.7 "The Contiguous bit": one entry serves the whole block */
static void a_contiguous_block_is_kept_as_one(void **state)
{
	static const char *const blocks[] = { "arm_4k_48", "arm_4k_31_hd", "arm_16k_48",
					      "arm_64k_48" };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(blocks) / sizeof(blocks[0]); i++) {
		struct pt_access_result result;
		struct pt_format_info info;
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;
		uint64_t len;

		fixture_init(&f, blocks[i / 2], 1, i & 1);
		process_init(&f, &p);
		assert_int_equal(pt_format_info(&f.fmt, &info), 0);
		len = f.page << info.contig_lg2[0];
		assert_int_equal(pt_map(p.pt, VA, DATA, 2 * len, RWU, NULL), 0);
		cpu = run_on(&f, 0, p.space);
		assert_int_equal(touch(&f, cpu, VA + f.page, PT_ACCESS_READ, &result), 0);
		assert_true(result.nr_loads[0] > 0);
		assert_true(hits(&f, cpu, VA, PT_ACCESS_READ, DATA));
		assert_true(hits(&f, cpu, VA + len - 8, PT_ACCESS_WRITE, DATA + len - 8));
		assert_false(hits(&f, cpu, VA + len, PT_ACCESS_READ, DATA + len));
		pt_cpu_leave(cpu);
		process_exit(&p);
		fixture_exit(&f);
	}
}

/*
 * The Contiguous bit where output and input are not aligned alike: which addresses such an entry
 * serves is nobody's to know, so it serves its own, and its neighbours have theirs.
 */
static void a_block_that_is_none_serves_its_own_page(void **state)
{
	static const char *const blocks[] = { "arm_4k_48", "arm_4k_31_hd", "arm_16k_48" };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(blocks) / sizeof(blocks[0]); i++) {
		struct pt_leaf leaf;
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;
		uint64_t *word;

		fixture_init(&f, blocks[i / 2], 1, i & 1);
		process_init(&f, &p);
		assert_int_equal(pt_map(p.pt, VA, DATA + f.page, 2 * f.page, RWU, NULL), 0);
		assert_int_equal(pt_lookup(p.pt, VA, &leaf), 0);
		cpu = run_on(&f, 0, p.space);
		/* the first word of the table that the entry above leads to */
		word = pt_phys_to_host(f.phys, *table_entry(&f, cpu, VA) & 0xfffffffff000, 8);
		word += VA >> (f.page == BIT(14) ? 14 : 12) & (f.page / 8 - 1);
		assert_int_equal(*word, leaf.raw);
		*word |= BIT(52);
		assert_false(hits(&f, cpu, VA, PT_ACCESS_READ, DATA + f.page));
		assert_true(hits(&f, cpu, VA, PT_ACCESS_READ, DATA + f.page));
		assert_false(hits(&f, cpu, VA + f.page, PT_ACCESS_READ, DATA + 2 * f.page));
		pt_cpu_leave(cpu);
		process_exit(&p);
		fixture_exit(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(second_access_reads_no_table),
		cmocka_unit_test(write_through_a_clean_entry_walks),
		cmocka_unit_test(what_faults_is_not_kept),
		cmocka_unit_test(page_fault_drops_its_address),
		cmocka_unit_test(pieces_are_looked_up_each),
		cmocka_unit_test(walks_start_at_tables_that_are_kept),
		cmocka_unit_test(global_pages_serve_every_space),
		cmocka_unit_test(registers_of_now_judge_every_hit),
		cmocka_unit_test(tables_that_are_kept_limit_what_is_below),
		cmocka_unit_test(what_a_walk_has_marked_is_kept_as_marked),
		cmocka_unit_test(a_contiguous_block_is_kept_as_one),
		cmocka_unit_test(a_block_that_is_none_serves_its_own_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
