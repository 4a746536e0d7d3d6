/* SPDX-License-Identifier: MIT */
/*
 * How pt_access() and its relatives are called: what they refuse, what they leave alone, the
 * bytes that they move, the words that they list, and what lies where there is no memory.
 */
#include "mmu/golden_x86_64.h"

#define READ PT_ACCESS_READ
#define WRITE PT_ACCESS_WRITE
#define RMW PT_ACCESS_RMW
#define FETCH PT_ACCESS_FETCH

#define VA UINT64_C(0x123456789000)

static void without_registers_addresses_are_physical(void **state)
{
	struct pt_access access = access_of(WRITE, 64, 3);
	struct pt_access_result r;
	struct pt_x86_regs off = { .cr0 = 0x11 };
	struct machine m;
	uint64_t value = 0x0123456789abcdef, back = 0;

	(void)state;
	machine_init(&m, 0, MIB);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(pt_access(m.mmu, 0x12345fff, &access, &r), 0);
		/* in one piece or two */
		assert_int_equal(r.piece[0].pa, 0x12345fff);
		assert_int_equal(r.piece[0].len + (r.nr_pieces == 2 ? r.piece[1].len : 0), 64);
		if (r.nr_pieces == 2)
			assert_int_equal(r.piece[1].pa, 0x12346000);
		assert_int_equal(r.piece[0].perms, PT_PERM_READ | PT_PERM_WRITE | PT_PERM_EXEC);
		assert_int_equal(r.nr_loads[0], 0);
		/* x86 with CR0.PG = 0 next */
		assert_int_equal(pt_mmu_set_x86_64(m.mmu, &off), 0);
	}
	access.size = 8;
	assert_int_equal(pt_access_write(m.mmu, 0x1ffc, &access, &value, &r), 0);
	assert_int_equal(pt_phys_read(m.phys, 0x1ffc, &back, 8), 0);
	assert_int_equal(back, value);
	assert_int_equal(pt_access_write(m.mmu, MIB - 4, &access, &value, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_NO_MEMORY);
	pt_mmu_destroy(NULL);
	machine_exit(&m);
}

/* What a processor would refuse to load, or what is not here; then all is as before */
static void registers_that_cannot_be_are_refused(void **state)
{
	static const struct {
		uint64_t cr0, cr3, cr4, efer;
		unsigned int maxphyaddr;
		int err;
	} rows[] = {
		/* PAE and 32-bit paging */
		{ 0x80000033, 0x1000, 0x20, 0, 46, -EOPNOTSUPP },
		{ 0x80000033, 0x1000, 0, 0, 46, -EOPNOTSUPP },
		/* MAXPHYADDR, and CR3 beyond it */
		{ 0x80000033, 0x1000, 0x20, 0xd00, 31, -EINVAL },
		{ 0x80000033, 0x1000, 0x20, 0xd00, 53, -EINVAL },
		{ 0x80000033, BIT(46), 0x20, 0xd00, 46, -EINVAL },
		{ 0x80000033, BIT(51), 0x20, 0xd00, 46, -EINVAL },
		/* more that is reserved in CR3: up to 60, and 63 without PCIDE */
		{ 0x80000033, BIT(52) | 0x1000, 0x20, 0xd00, 52, -EINVAL },
		{ 0x80000033, BIT(60) | 0x1000, 0x20 | BIT(17), 0xd00, 46, -EINVAL },
		{ 0x80000033, BIT(63) | 0x1000, 0x20, 0xd00, 46, -EINVAL },
		/* CR4.CET with WP = 0 */
		{ 0x80000033, 0x1000, 0x20 | BIT(23), 0xd00, 46, -EINVAL },
	};
	struct x86 x;

	(void)state;
	x86_init(&x, 4);
	x86_map(&x, VA, DATA_PA);
	for (size_t i = 0; i < NR(rows); i++) {
		const struct pt_x86_regs regs = {
			.cr0 = rows[i].cr0,
			.cr3 = rows[i].cr3,
			.cr4 = rows[i].cr4,
			.efer = rows[i].efer,
			.maxphyaddr = rows[i].maxphyaddr,
		};

		assert_int_equal(pt_mmu_set_x86_64(x.m.mmu, &regs), rows[i].err);
		x86_goes(&x, READ, VA, 8, DATA_PA);
	}
	/* PWT, PCD, PCID and LAM bits are no address */
	x.regs.cr3 |= UINT64_C(0x6000000000000fff);
	x86_load(&x);
	x86_goes(&x, READ, VA, 8, DATA_PA);
	/* nor is bit 63, which MOV to CR3 takes with PCIDE */
	x.regs.cr4 |= BIT(17);
	x.regs.cr3 |= BIT(63);
	x86_load(&x);
	x86_goes(&x, READ, VA, 8, DATA_PA);
	x86_exit(&x);
}

static void accesses_that_do_not_exist_leave_the_result_alone(void **state)
{
	static const struct pt_access rows[] = {
		{ READ, 0, 0, 0 },
		{ READ, 65, 0, 0 },
		{ READ, UINT32_MAX, 0, 0 },
		{ FETCH + 1, 8, 0, 0 },
		{ (enum pt_access_kind) - 1, 8, 0, 0 },
		{ READ, 8, 4, 0 },
		{ READ, 8, 0, PT_ACCESS_UNPRIV },
		{ WRITE, 8, 0, 1u << 31 },
	};
	static const struct pt_access arm_rows[] = {
		{ READ, 8, 2, 0 },
		{ READ, 8, 1, PT_ACCESS_IMPLICIT },
		{ READ, 8, 1, PT_ACCESS_STACK },
	};
	const struct pt_arm64_regs arm = { .sctlr = 0 };
	const struct pt_access plain = { READ, 8, 0, 0 };
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
	struct pt_access_result r, untouched;
	unsigned int nr = 77;
	uint8_t buf[64], same[64];
	struct x86 x;

	(void)state;
	memset(&untouched, 0x5a, sizeof(untouched));
	memset(same, 0xa5, sizeof(same));
	memcpy(&r, &untouched, sizeof(r));
	memcpy(buf, same, sizeof(buf));
	x86_init(&x, 4);
	x86_map(&x, VA, DATA_PA);
	/* Marked, the page is open to the quick way too. */
	assert_int_equal(pt_access(x.m.mmu, VA, &plain, &r), 0);
	memcpy(&r, &untouched, sizeof(r));
	for (size_t i = 0; i < NR(rows) + NR(arm_rows); i++) {
		const struct pt_access *access = i < NR(rows) ? &rows[i] : &arm_rows[i - NR(rows)];

		if (i == NR(rows))
			assert_int_equal(pt_mmu_set_arm64(x.m.mmu, &arm), 0);
		assert_int_equal(pt_access(x.m.mmu, VA, access, &r), -EINVAL);
		assert_int_equal(pt_access_probe(x.m.mmu, VA, access, &r), -EINVAL);
		assert_int_equal(pt_access_trace(x.m.mmu, VA, access, &r, steps, &nr), -EINVAL);
		assert_int_equal(pt_access_read(x.m.mmu, VA, access, buf, &r), -EINVAL);
		assert_int_equal(pt_access_write(x.m.mmu, VA, access, buf, &r), -EINVAL);
	}
	x86_load(&x);
	x86_map(&x, VA, DATA_PA);
	for (enum pt_access_kind kind = READ; kind <= FETCH; kind++) {
		struct pt_access access = access_of(kind, 8, 0);

		/* the one that goes the other way */
		if (kind == READ || kind == FETCH)
			assert_int_equal(pt_access_write(x.m.mmu, VA, &access, buf, &r), -EINVAL);
		else
			assert_int_equal(pt_access_read(x.m.mmu, VA, &access, buf, &r), -EINVAL);
	}
	assert_memory_equal(&r, &untouched, sizeof(r));
	assert_memory_equal(buf, same, sizeof(buf));
	assert_int_equal(nr, 77);
	assert_int_equal(*x86_entry(&x, VA, 0), DATA_PA | US | RW | P);
	x86_exit(&x);
}

static void a_probe_and_a_trace_leave_memory_alone(void **state)
{
	struct pt_access access = access_of(RMW, 64, 3);
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
	struct pt_access_result probe, trace, done;
	uint8_t *before = malloc(4 * MIB);
	unsigned int nr;
	struct x86 x;

	(void)state;
	assert_non_null(before);
	x86_init(&x, 4);
	x86_map(&x, VA, DATA_PA);
	x86_map(&x, VA + 0x1000, DATA_PA + 0x7000);
	assert_int_equal(pt_phys_read(x.m.phys, MEM_PA, before, 4 * MIB), 0);
	assert_int_equal(pt_access_probe(x.m.mmu, VA + 0xff0, &access, &probe), 0);
	assert_int_equal(pt_access_trace(x.m.mmu, VA + 0xff0, &access, &trace, steps, &nr), 0);
	assert_memory_equal(pt_phys_to_host(x.m.phys, MEM_PA, 4 * MIB), before, 4 * MIB);
	/* and say what will be */
	assert_int_equal(pt_access(x.m.mmu, VA + 0xff0, &access, &done), 0);
	assert_int_equal(probe.nr_pieces, 2);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(probe.piece[i].pa, done.piece[i].pa);
		assert_int_equal(probe.piece[i].perms, done.piece[i].perms);
		assert_int_equal(trace.piece[i].pa, done.piece[i].pa);
		assert_int_equal(trace.piece[i].len, done.piece[i].len);
	}
	free(before);
	x86_exit(&x);
}

static void a_trace_lists_the_words_in_the_order_of_reading(void **state)
{
	static const enum pt_kind kinds[4] = { PT_KIND_TABLE, PT_KIND_TABLE, PT_KIND_TABLE,
					       PT_KIND_LEAF };
	struct pt_access access = access_of(READ, 8, 3);
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
	struct pt_access_result r;
	unsigned int nr;
	struct x86 x;

	(void)state;
	x86_init(&x, 4);
	/* rights that are missing do not make a leaf something else */
	*x86_map(&x, VA, 0) = DATA_PA | RW | P;
	x86_map(&x, VA + 0x1000, DATA_PA);
	for (unsigned int crossing = 0; crossing < 2; crossing++) {
		if (crossing)
			*x86_entry(&x, VA, 0) |= US;
		assert_int_equal(pt_access_trace(x.m.mmu, VA + 0xffc, &access, &r, steps, &nr),
				 !crossing);
		assert_int_equal(nr, crossing ? 8 : 4);
		assert_int_equal(r.nr_loads[0], nr);
		for (unsigned int i = 0; i < nr; i++) {
			pt_va_t va = i < 4 ? VA : VA + 0x1000;
			unsigned int level = 3 - i % 4;
			uint64_t *entry = x86_entry(&x, va, level);

			assert_int_equal(steps[i].level, level);
			assert_int_equal(steps[i].stage, 1);
			assert_int_equal(steps[i].index, x86_index(va, level));
			assert_ptr_equal(word(&x.m, steps[i].table_pa, steps[i].index), entry);
			assert_int_equal(steps[i].raw, *entry);
			assert_int_equal(steps[i].kind, kinds[i % 4]);
		}
	}
	*x86_entry(&x, VA, 2) = 0;
	assert_int_equal(pt_access_trace(x.m.mmu, VA, &access, &r, steps, &nr), 1);
	assert_int_equal(nr, 2);
	assert_int_equal(steps[1].kind, PT_KIND_EMPTY);
	*x86_entry(&x, VA, 3) |= BIT(46);
	assert_int_equal(pt_access_trace(x.m.mmu, VA, &access, &r, steps, &nr), 1);
	assert_int_equal(nr, 1);
	assert_int_equal(steps[0].kind, PT_KIND_ILLEGAL);
	assert_int_equal(pt_access_trace(x.m.mmu, BIT(47), &access, &r, steps, &nr), 1);
	assert_int_equal(nr, 0);
	x86_exit(&x);
}

static void bytes_go_through_the_translation(void **state)
{
	struct pt_access write = access_of(WRITE, 64, 3), read = access_of(READ, 64, 3);
	struct pt_access rmw = access_of(RMW, 3, 3), fetch = access_of(FETCH, 15, 3);
	struct pt_access_result r;
	uint8_t out[64], in[64], *first, *second;
	struct x86 x;

	(void)state;
	for (unsigned int i = 0; i < 64; i++)
		out[i] = (uint8_t)(i * 7 + 1);
	x86_init(&x, 5);
	/* neighbours in addresses, and the other way round in memory */
	x86_map(&x, VA, DATA_PA + 0x9000);
	x86_map(&x, VA + 0x1000, DATA_PA);
	first = pt_phys_to_host(x.m.phys, DATA_PA + 0x9000, 0x1000);
	second = pt_phys_to_host(x.m.phys, DATA_PA, 0x1000);
	for (unsigned int in_first = 0; in_first <= 64; in_first++) {
		memset(first, 0, 0x1000);
		memset(second, 0, 0x1000);
		memset(in, 0, sizeof(in));
		assert_int_equal(pt_access_write(x.m.mmu, VA + 0x1000 - in_first, &write, out, &r),
				 0);
		assert_memory_equal(first + 0x1000 - in_first, out, in_first);
		assert_memory_equal(second, out + in_first, 64 - in_first);
		assert_int_equal(first[0x1000 - in_first - 1], 0);
		assert_int_equal(second[64 - in_first], 0);
		assert_int_equal(pt_access_read(x.m.mmu, VA + 0x1000 - in_first, &read, in, &r), 0);
		assert_memory_equal(in, out, 64);
	}
	assert_int_equal(pt_access_write(x.m.mmu, VA + 0xfff, &rmw, out, &r), 0);
	assert_int_equal(first[0xfff], out[0]);
	assert_int_equal(second[1], out[2]);
	assert_int_equal(pt_access_read(x.m.mmu, VA + 0xff8, &fetch, in, &r), 0);
	assert_int_equal(in[7], out[0]);
	x86_exit(&x);
}

static void bytes_move_only_if_all_of_them_can(void **state)
{
	struct pt_access write = access_of(WRITE, 8, 3), read = access_of(READ, 8, 3);
	struct pt_access_result r;
	uint64_t value = UINT64_MAX, *first;
	struct x86 x;

	(void)state;
	x86_init(&x, 4);
	x86_map(&x, VA, DATA_PA);
	x86_map(&x, VA + 0x1000, OUTSIDE);
	first = pt_phys_to_host(x.m.phys, DATA_PA + 0xff8, 8);
	assert_int_equal(pt_access_write(x.m.mmu, VA + 0xffc, &write, &value, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_NO_MEMORY);
	assert_int_equal(r.fault.why, PT_WHY_OUTSIDE);
	assert_int_equal(r.fault.pa, OUTSIDE);
	assert_int_equal(r.fault.va, VA + 0x1000);
	assert_int_equal(r.nr_pieces, 0);
	assert_int_equal(*first, 0);
	value = 5;
	assert_int_equal(pt_access_read(x.m.mmu, VA + 0xffc, &read, &value, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_NO_MEMORY);
	assert_int_equal(value, 5);
	/* a page that forbids it does as well */
	*x86_entry(&x, VA + 0x1000, 0) = DATA_PA | US | P;
	value = UINT64_MAX;
	assert_int_equal(pt_access_write(x.m.mmu, VA + 0xffc, &write, &value, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_PF);
	assert_int_equal(*first, 0);
	/* translating alone does not care */
	x86_goes(&x, READ, VA, 8, DATA_PA);
	*x86_entry(&x, VA + 0x1000, 0) = OUTSIDE | US | P;
	x86_goes(&x, READ, VA + 0x1000, 8, OUTSIDE);
	x86_exit(&x);
}

/* Two regions side by side are one memory */
static void bytes_cross_from_one_region_into_the_next(void **state)
{
	const struct pt_phys_region next = { .pa = MEM_PA + 4 * MIB, .len = MIB, .fd = -1 };
	struct pt_access write = access_of(WRITE, 16, 0), read = access_of(READ, 16, 0);
	struct pt_access_result r;
	uint8_t out[16], in[16];
	struct x86 x;

	(void)state;
	memset(out, 0x3c, sizeof(out));
	x86_init(&x, 4);
	assert_int_equal(pt_phys_add(x.m.phys, &next), 0);
	x86_load(&x);
	/* 1G, so that the border is within a leaf */
	*x86_entry(&x, 0, 2) = PS | RW | P;
	assert_int_equal(pt_access_write(x.m.mmu, next.pa - 5, &write, out, &r), 0);
	assert_int_equal(r.nr_pieces, 1);
	assert_int_equal(pt_access_read(x.m.mmu, next.pa - 5, &read, in, &r), 0);
	assert_memory_equal(in, out, 16);
	assert_int_equal(pt_phys_read(x.m.phys, next.pa - 5, in, 16), 0);
	assert_memory_equal(in, out, 16);
	/* and where the second one ends, the first byte that is not there is told */
	assert_int_equal(pt_access_write(x.m.mmu, next.pa + MIB - 5, &write, out, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_NO_MEMORY);
	assert_int_equal(r.fault.pa, next.pa + MIB);
	assert_int_equal(r.fault.va, next.pa + MIB);
	x86_exit(&x);
}

static void a_table_outside_memory_is_told_by_its_address(void **state)
{
	struct pt_access access = access_of(WRITE, 8, 0);
	struct pt_access_result r;
	uint64_t *entry;
	struct x86 x;

	(void)state;
	x86_init(&x, 4);
	x86_map(&x, VA, DATA_PA);
	for (unsigned int level = 3; level >= 1; level--) {
		uint64_t was;

		entry = x86_entry(&x, VA, level);
		was = *entry;
		*entry = OUTSIDE | RW | P;
		assert_int_equal(pt_access(x.m.mmu, VA, &access, &r), 1);
		assert_int_equal(r.fault.kind, PT_FAULT_NO_MEMORY);
		assert_int_equal(r.fault.why, PT_WHY_OUTSIDE);
		assert_int_equal(r.fault.pa, OUTSIDE + 8 * x86_index(VA, level - 1));
		assert_int_equal(r.fault.level, level - 1);
		assert_int_equal(r.fault.va, VA);
		assert_int_equal(r.nr_loads[0], 4 - level);
		assert_int_equal(r.nr_pieces, 0);
		assert_int_equal(*entry, OUTSIDE | RW | P);
		*entry = was;
	}
	/* of the second of two pieces: the address at which that begins */
	entry = x86_entry(&x, VA + 2 * MIB, 1);
	x86_map(&x, (VA | (2 * MIB - 1)) & ~UINT64_C(0xfff), DATA_PA);
	*entry = OUTSIDE | RW | P;
	assert_int_equal(pt_access(x.m.mmu, (VA | (2 * MIB - 1)) - 3, &access, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_NO_MEMORY);
	assert_int_equal(r.fault.va, (VA | (2 * MIB - 1)) + 1);
	assert_int_equal(r.nr_pieces, 0);
	x.regs.cr3 = OUTSIDE;
	x86_load(&x);
	assert_int_equal(pt_access(x.m.mmu, VA, &access, &r), 1);
	assert_int_equal(r.fault.kind, PT_FAULT_NO_MEMORY);
	assert_int_equal(r.fault.pa, OUTSIDE + 8 * x86_index(VA, 3));
	assert_int_equal(r.nr_loads[0], 0);
	x86_exit(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_registers_addresses_are_physical),
		cmocka_unit_test(registers_that_cannot_be_are_refused),
		cmocka_unit_test(accesses_that_do_not_exist_leave_the_result_alone),
		cmocka_unit_test(a_probe_and_a_trace_leave_memory_alone),
		cmocka_unit_test(a_trace_lists_the_words_in_the_order_of_reading),
		cmocka_unit_test(bytes_go_through_the_translation),
		cmocka_unit_test(bytes_move_only_if_all_of_them_can),
		cmocka_unit_test(bytes_cross_from_one_region_into_the_next),
		cmocka_unit_test(a_table_outside_memory_is_told_by_its_address),
	};

	return cmocka_run_group_tests_name("golden_calls", tests, NULL, NULL);
}
