/* SPDX-License-Identifier: MIT */
/* What CPUs, spaces, guests and batches are given, registers and tables: what is refused. */
#include "machine_test.h"

#define PWT BIT(3) /* CR3[11:0] without PCIDs */

static const char *const both[] = { "x86_48", "arm_4k_48" };

static struct pt_cpu *enter(struct fixture *f, unsigned int number)
{
	struct pt_cpu *cpu = pt_machine_cpu(f->machine, number);

	assert_int_equal(pt_cpu_enter(cpu), 0);
	return cpu;
}

/* SDM Vol. 3A, 4.10.1: what counts is CR3 as it was, not the one that is loaded with it. */
static void pcids_begin_where_cr3_has_none(void **state)
{
	struct pt_x86_regs plain, pcids;
	struct fixture f;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init(&f, "x86_48", 1, false);
	cpu = enter(&f, 0);
	plain = pcids = x86_registers(&f.fmt, TABLES);
	pcids.cr4 |= CR4_PCIDE;
	plain.cr3 |= PWT;
	assert_int_equal(pt_cpu_load_x86_64(cpu, &plain), 0);
	assert_int_equal(pt_cpu_load_x86_64(cpu, &pcids), -EINVAL);
	assert_int_equal(pt_cpu_x86_64(cpu)->cr3, TABLES | PWT);
	plain.cr3 = TABLES;
	pcids.cr3 = TABLES | 5;
	assert_int_equal(pt_cpu_load_x86_64(cpu, &plain), 0);
	assert_int_equal(pt_cpu_load_x86_64(cpu, &pcids), 0);
	pt_cpu_leave(cpu);
	fixture_exit(&f);
}

/* SDM Vol. 1, 3.3.7.1 "Canonical Addressing": 57 bits, with CR4.LA57. */
static void five_levels_make_more_addresses_canonical(void **state)
{
	struct pt_cpu_stats stats;
	struct fixture f;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init(&f, "x86_57", 1, false);
	cpu = enter(&f, 0);
	load_cpu(&f, cpu, TABLES);
	pt_cpu_invlpg(cpu, BIT(56) - 1);
	pt_cpu_invlpg(cpu, ~(BIT(56) - 1));
	stats = stats_of(cpu);
	assert_int_equal(stats.flushes[PT_FLUSH_BY_HAND][PT_FLUSH_KIND_PAGE], 2);
	pt_cpu_invlpg(cpu, BIT(56));
	pt_cpu_invlpg(cpu, ~BIT(56));
	stats = stats_of(cpu);
	assert_int_equal(stats.flushes[PT_FLUSH_BY_HAND][PT_FLUSH_KIND_PAGE], 2);
	assert_int_equal(pt_cpu_invpcid(cpu, PT_INVPCID_ADDRESS, 1, BIT(56) - 1), 0);
	assert_int_equal(pt_cpu_invpcid(cpu, PT_INVPCID_ADDRESS, 1, BIT(56)), -EINVAL);
	pt_cpu_leave(cpu);
	fixture_exit(&f);
}

/* A PCID of every guest and the host is more than one: PT_FLUSH_KIND_ALL. */
static void one_pcid_of_all_guests_is_more_than_one(void **state)
{
	struct pt_cpu_stats stats;
	struct fixture f;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init(&f, "x86_48", 1, false);
	cpu = enter(&f, 0);
	load_cpu(&f, cpu, TABLES);
	stats = stats_of(cpu);
	assert_int_equal(stats.flushes[PT_FLUSH_BY_HAND][PT_FLUSH_KIND_ALL], 0);
	assert_int_equal(pt_cpu_invlpgb(cpu, 2, 0, 1 << 16), 0);
	pt_cpu_tlbsync(cpu);
	stats = stats_of(cpu);
	assert_int_equal(stats.flushes[PT_FLUSH_BY_HAND][PT_FLUSH_KIND_ALL], 1);
	assert_int_equal(stats.flushes[PT_FLUSH_BY_HAND][PT_FLUSH_KIND_ASID], 0);
	pt_cpu_leave(cpu);
	fixture_exit(&f);
}

/* Whoever loads registers by hand runs no space any more: nobody else's flushes are for them. */
static void loaded_registers_are_no_space(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct fixture f;
		struct process p;
		struct pt_cpu *cpu;

		fixture_init(&f, both[arch], 1, false);
		process_init(&f, &p);
		cpu = run_on(&f, 0, p.space);
		assert_ptr_equal(pt_cpu_space(cpu), p.space);
		load_cpu(&f, cpu, pt_pgtable_root(p.pt));
		assert_null(pt_cpu_space(cpu));
		pt_cpu_leave(cpu);
		process_exit(&p);
		fixture_exit(&f);
	}
}

/* ---- machines ---- */

static void policies_that_cannot_be_are_refused(void **state)
{
	struct pt_machine *machine = NULL;
	struct fixture f;

	(void)state;
	fixture_init(&f, "x86_48", 1, false);
#define REFUSES(profile, change)                                                                   \
	do {                                                                                       \
		struct pt_machine_cfg cfg;                                                         \
                                                                                                   \
		pt_machine_cfg_init(&cfg, pt_tlb_profile_find(profile), 1);                        \
		change;                                                                            \
		assert_int_equal(pt_machine_create(&machine, f.phys, &cfg), -EINVAL);              \
		assert_null(machine);                                                              \
	} while (0)
	REFUSES("zen4", cfg.nr_cpus = 0);
	REFUSES("zen4", cfg.nr_cpus = PT_MACHINE_MAX_CPUS + 1);
	REFUSES("zen4", cfg.policy.nr_pcids = PT_MACHINE_MAX_PCIDS + 1);
	REFUSES("zen4", cfg.policy.delivery = PT_DELIVERY_NR);
	REFUSES("zen4", cfg.policy.max_count = UINT16_MAX + 1);
	REFUSES("neoverse-n1", cfg.policy.delivery = PT_DELIVER_RAR);
	REFUSES("neoverse-n1", cfg.policy.max_range_pages = (UINT64_C(32) << 16) + 1);
#undef REFUSES
	fixture_exit(&f);
}

struct contents {
	pt_va_t va[64];
	unsigned int nr;
};

static bool note_va(void *ctx, const struct pt_tlb_entry *entry, unsigned int part)
{
	struct contents *contents = ctx;

	(void)part;
	contents->va[contents->nr++] = entry->va;
	return true;
}

/* Who goes at random goes by the seed of the configuration, and a CPU's number more. */
static void each_cpu_has_a_seed_of_its_own(void **state)
{
	const unsigned int pages = 200;
	struct pt_machine_cfg cfg;
	struct process p;
	struct fixture f;

	(void)state;
	fixture_init(&f, "x86_48", 1, false);
	pt_machine_destroy(f.machine);
	pt_machine_cfg_init(&cfg, pt_tlb_profile_find("zen4"), 2);
	cfg.tlb = (struct pt_tlb_cfg){
		.nr_parts = 1,
		.parts = { { 1, 1u << PT_TLB_USE_DATA, BIT(12), 32, 32, PT_TLB_RANDOM } },
		.seed = 77,
	};
	assert_int_equal(pt_machine_create(&f.machine, f.phys, &cfg), 0);
	f.cfg.wait = pt_machine_wait_ops(f.machine);
	process_init(&f, &p);
	assert_int_equal(pt_map(p.pt, VA, DATA, pages * f.page, RWU, NULL), 0);
	for (unsigned int number = 0; number < 2; number++) {
		struct contents cpus = { 0 }, alone = { 0 };
		struct pt_cpu *cpu = run_on(&f, number, p.space);
		struct pt_tlb_cfg tlb_cfg = cfg.tlb;
		struct pt_tlb *tlb;

		tlb_cfg.seed += number;
		assert_int_equal(pt_tlb_create(&tlb, &tlb_cfg), 0);
		for (unsigned int i = 0; i < pages; i++) {
			const pt_va_t va = VA + i * f.page;
			const struct pt_tlb_fill fill = { .pa = DATA, .size_lg2 = 12 };
			struct pt_access_result result;

			assert_int_equal(touch(&f, cpu, va, PT_ACCESS_READ, &result), 0);
			assert_int_equal(pt_tlb_fill(tlb, PT_TLB_USE_DATA, va, &fill), 0);
		}
		pt_tlb_for_each(pt_cpu_tlb(cpu), note_va, &cpus);
		pt_tlb_for_each(tlb, note_va, &alone);
		assert_int_equal(cpus.nr, 32);
		assert_memory_equal(&cpus, &alone, sizeof(cpus));
		pt_tlb_destroy(tlb);
		pt_cpu_leave(cpu);
	}
	process_exit(&p);
	fixture_exit(&f);
}

/* ---- tables ---- */

/* Both halves of arm64 are tables of their own; the upper one is the kernel's alone. */
static void upper_halves_are_the_kernels(void **state)
{
	struct fixture f;
	struct pt_space *space;
	struct pt_pgtable *pt;

	(void)state;
	fixture_init(&f, "arm_4k_48_upper_bbm1", 1, false);
	assert_int_equal(pt_space_create(&space, f.machine), 0);
	assert_int_equal(pt_pgtable_create(&pt, f.phys, &f.cfg), 0);
	assert_int_equal(pt_space_set_table(space, pt), -EINVAL);
	assert_int_equal(pt_space_set_table(pt_machine_kernel(f.machine), pt), 0);
	pt_pgtable_destroy(pt);
	pt_space_destroy(space);
	fixture_exit(&f);
}

/* The kernel's flushes reach every CPU at once; and a batch owes a space what is of its table. */
static void batches_owe_spaces_what_is_of_their_tables(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct pt_change change = { 0 };
		struct process kernel, p, q, r;
		struct pt_flush_batch *batch;
		struct pt_gather gather;
		struct fixture f, other;
		struct pt_cpu *cpu;

		fixture_init(&f, both[arch], 1, false);
		fixture_init(&other, both[arch], 1, false);
		process_init(&f, &p);
		process_init(&f, &q);
		process_init(&f, &kernel);
		process_init(&other, &r);
		assert_int_equal(pt_space_set_table(pt_machine_kernel(f.machine), kernel.pt), 0);
		assert_int_equal(pt_flush_batch_create(&batch, f.machine), 0);
		cpu = run_on(&f, 0, p.space);
		pt_gather_begin(&gather, kernel.pt);
		assert_int_equal(pt_flush_batch_take(batch, pt_machine_kernel(f.machine), &gather),
				 -EINVAL);
		pt_gather_finish(&gather);
		pt_gather_begin(&gather, r.pt);
		assert_int_equal(pt_flush_batch_take(batch, r.space, &gather), -EINVAL);
		pt_gather_finish(&gather);
		assert_int_equal(pt_map(p.pt, VA, DATA, f.page, RWU, NULL), 0);
		pt_gather_begin(&gather, p.pt);
		change.gather = &gather;
		assert_int_equal(pt_unmap(p.pt, VA, f.page, &change), 0);
		assert_int_equal(pt_flush_batch_take(batch, q.space, &gather), -EINVAL);
		assert_int_equal(gather.nr_ranges, 1);
		assert_int_equal(pt_flush_batch_owed(batch), 0);
		assert_int_equal(pt_flush_batch_take(batch, p.space, &gather), 0);
		assert_true(pt_flush_batch_owed(batch) > 0);
		pt_flush_batch_finish(batch);
		pt_cpu_leave(cpu);
		pt_flush_batch_destroy(batch);
		process_exit(&r);
		process_exit(&kernel);
		process_exit(&q);
		process_exit(&p);
		fixture_exit(&other);
		fixture_exit(&f);
	}
}

/* A table whose pages are in memory of its own. */
struct second {
	struct page_source source;
	struct pt_pgtable *pt;
};

static void second_init(struct second *s, struct fixture *f, enum pt_format fmt, pt_pa_t pa)
{
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_SHARED };
	struct pt_format_info info;

	assert_int_equal(pt_fmt_cfg_init(&cfg.fmt, fmt), 0);
	if (fmt == PT_FMT_ARM64_S2_64K) {
		cfg.fmt.features |= PT_FEAT_LPA;
		cfg.fmt.pa_bits = 52;
	}
	assert_int_equal(pt_format_info(&cfg.fmt, &info), 0);
	page_source_init(&s->source, f->phys, pa, info.granule_lg2, 8);
	cfg.tables = page_source_ops(&s->source);
	assert_int_equal(pt_pgtable_create(&s->pt, f->phys, &cfg), 0);
}

static void second_exit(struct second *s)
{
	pt_pgtable_destroy(s->pt);
	page_source_exit(&s->source);
}

static void guests_take_second_stages_of_their_architecture(void **state)
{
	static const enum pt_format formats[] = {
		PT_FMT_X86_EPT,	     PT_FMT_ARM64_S2_4K,      PT_FMT_ARM64_S2_16K,
		PT_FMT_ARM64_S2_64K, PT_FMT_ARM64_S2_4K_LPA2, PT_FMT_ARM64_S2_16K_LPA2,
		PT_FMT_X86_64,	     PT_FMT_ARM64_4K,	      PT_FMT_ARM64_64K,
	};

	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct pt_guest *guest;
		struct fixture f;

		fixture_init(&f, both[arch], 1, false);
		assert_int_equal(pt_guest_create(&guest, f.machine), 0);
		for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
			bool fits = arch ? i >= 1 && i <= 5 : i == 0;
			struct second s;

			second_init(&s, &f, formats[i], DATA);
			assert_int_equal(pt_guest_set_table(guest, s.pt), fits ? 0 : -EINVAL);
			second_exit(&s);
		}
		pt_guest_destroy(guest);
		fixture_exit(&f);
	}
}

/* ---- guests ---- */

static int run_guest(struct pt_cpu *cpu, struct pt_guest *guest, const struct pt_pgtable *pt)
{
	struct pt_arm64_s2_regs s2 = { 0 };
	struct pt_x86_ept_regs ept = { 0 };

	if (pt_pgtable_fmt(pt)->fmt != PT_FMT_X86_EPT) {
		assert_int_equal(pt_arm64_s2_regs_select(&s2, pt_pgtable_fmt(pt), 0), 0);
		return pt_cpu_run_guest_arm64(cpu, guest, &s2);
	}
	assert_int_equal(pt_x86_ept_regs_select(&ept, pt_pgtable_fmt(pt), 0), 0);
	return pt_cpu_run_guest_x86_64(cpu, guest, &ept);
}

static void guests_need_registers_and_their_own_machine(void **state)
{
	(void)state;
	for (unsigned int arch = 0; arch < 2; arch++) {
		struct fixture f, other;
		struct pt_cpu *cpu, *foreign;
		struct pt_guest *guest;
		struct second s;

		fixture_init(&f, both[arch], 1, false);
		fixture_init(&other, both[arch], 1, false);
		second_init(&s, &f, arch ? PT_FMT_ARM64_S2_4K : PT_FMT_X86_EPT, DATA);
		assert_int_equal(pt_guest_create(&guest, f.machine), 0);
		assert_int_equal(pt_guest_set_table(guest, s.pt), 0);
		cpu = enter(&f, 0);
		assert_int_equal(run_guest(cpu, guest, s.pt), -EINVAL);
		assert_null(pt_cpu_guest(cpu));
		foreign = enter(&other, 0);
		load_cpu(&other, foreign, TABLES);
		assert_int_equal(run_guest(foreign, guest, s.pt), -EINVAL);
		assert_null(pt_cpu_guest(foreign));
		load_cpu(&f, cpu, TABLES);
		assert_int_equal(run_guest(cpu, guest, s.pt), 0);
		pt_cpu_exit_guest(cpu);
		pt_cpu_leave(cpu);
		pt_cpu_leave(foreign);
		pt_guest_destroy(guest);
		second_exit(&s);
		fixture_exit(&other);
		fixture_exit(&f);
	}
}

/* SDM Vol. 3C, Table 25-9: bits 11:8 of EPTP are reserved, and not the root's to fill in. */
static void reserved_bits_of_eptp_are_refused(void **state)
{
	struct pt_guest *guest;
	struct fixture f;
	struct second s;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init(&f, "x86_48", 1, false);
	second_init(&s, &f, PT_FMT_X86_EPT, DATA);
	assert_int_equal(pt_guest_create(&guest, f.machine), 0);
	assert_int_equal(pt_guest_set_table(guest, s.pt), 0);
	cpu = enter(&f, 0);
	load_cpu(&f, cpu, TABLES);
	for (unsigned int bit = 8; bit < 12; bit++) {
		const struct pt_x86_ept_regs ept = { .eptp = BIT(bit) | 3 << 3 | 6 };

		assert_int_equal(pt_cpu_run_guest_x86_64(cpu, guest, &ept), -EINVAL);
	}
	pt_cpu_leave(cpu);
	pt_guest_destroy(guest);
	second_exit(&s);
	fixture_exit(&f);
}

/* Arm ARM DDI 0487 J.a, VTTBR_EL2: of 52-bit addresses, bits 51:48 are in 5:2. */
static void a_second_root_may_be_above_48_bits(void **state)
{
	const struct pt_phys_region high = { .pa = BIT(51) | BIT(48), .len = BIT(20), .fd = -1 };
	const struct pt_access read = { .kind = PT_ACCESS_READ, .size = 8 };
	struct pt_access_result result;
	struct pt_arm64_regs off;
	struct pt_guest *guest;
	struct fixture f;
	struct second s;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init(&f, "arm_64k_48_lpa_bbm2", 1, false);
	assert_int_equal(pt_phys_add(f.phys, &high), 0);
	second_init(&s, &f, PT_FMT_ARM64_S2_64K, high.pa);
	assert_true(pt_pgtable_root(s.pt) >> 48);
	assert_int_equal(pt_map(s.pt, VA, DATA, f.page, RW | PT_ATTR_ACCESSED, NULL), 0);
	assert_int_equal(pt_guest_create(&guest, f.machine), 0);
	assert_int_equal(pt_guest_set_table(guest, s.pt), 0);
	cpu = enter(&f, 0);
	off = arm64_registers(&f.fmt, TABLES);
	off.sctlr &= ~BIT(0); /* no first stage */
	assert_int_equal(pt_cpu_load_arm64(cpu, &off), 0);
	assert_int_equal(run_guest(cpu, guest, s.pt), 0);
	assert_int_equal(pt_cpu_access(cpu, VA, &read, &result), 0);
	assert_int_equal(result.piece[0].pa, DATA);
	pt_cpu_exit_guest(cpu);
	pt_cpu_leave(cpu);
	pt_guest_destroy(guest);
	second_exit(&s);
	fixture_exit(&f);
}

/* Arm ARM DDI 0487 J.a, "TLBI RIPAS2E1": with LPA2 what it begins at is in units of 64K. */
static void ranges_of_guests_with_lpa2_begin_on_64k(void **state)
{
	const struct pt_flush_ops *ops;
	struct pt_cpu_stats stats;
	struct pt_guest *guest;
	struct fixture f;
	struct second s;
	struct pt_cpu *cpu;

	(void)state;
	fixture_init(&f, "arm_4k_lpa2_52", 1, false);
	second_init(&s, &f, PT_FMT_ARM64_S2_4K_LPA2, DATA);
	assert_int_equal(pt_guest_create(&guest, f.machine), 0);
	assert_int_equal(pt_guest_set_table(guest, s.pt), 0);
	cpu = enter(&f, 0);
	load_cpu(&f, cpu, TABLES);
	ops = pt_guest_flush_ops(guest);
	ops->range(ops->ctx, VA + f.page, VA + 40 * f.page - 1, 12); /* 15, 1, and 12 times 2 */
	stats = stats_of(cpu);
	assert_int_equal(stats.flushes[PT_FLUSH_BY_LOCAL][PT_FLUSH_KIND_PAGE], 15);
	assert_int_equal(stats.flushes[PT_FLUSH_BY_LOCAL][PT_FLUSH_KIND_RANGE], 1);
	pt_cpu_leave(cpu);
	pt_guest_destroy(guest);
	second_exit(&s);
	fixture_exit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pcids_begin_where_cr3_has_none),
		cmocka_unit_test(five_levels_make_more_addresses_canonical),
		cmocka_unit_test(one_pcid_of_all_guests_is_more_than_one),
		cmocka_unit_test(loaded_registers_are_no_space),
		cmocka_unit_test(policies_that_cannot_be_are_refused),
		cmocka_unit_test(each_cpu_has_a_seed_of_its_own),
		cmocka_unit_test(upper_halves_are_the_kernels),
		cmocka_unit_test(batches_owe_spaces_what_is_of_their_tables),
		cmocka_unit_test(guests_take_second_stages_of_their_architecture),
		cmocka_unit_test(guests_need_registers_and_their_own_machine),
		cmocka_unit_test(reserved_bits_of_eptp_are_refused),
		cmocka_unit_test(a_second_root_may_be_above_48_bits),
		cmocka_unit_test(ranges_of_guests_with_lpa2_begin_on_64k),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
