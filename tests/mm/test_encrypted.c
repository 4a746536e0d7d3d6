/* SPDX-License-Identifier: MIT */
/* Address spaces of tables with AMD's C-bit: what they map is encrypted, as all of Linux's is. */
#include "mm/mm_test.h"

#define VA (UINT64_C(3) << 33)
#define RW (PT_MM_READ | PT_MM_WRITE)

static const struct mm_config config = { "x86_48_c_bit", PT_SOFT_X86, false };
static struct mm_fixture fixture;
static struct process parent, child;
static struct pt_swap *swap;

static int setup(void **state)
{
	(void)state;
	mm_begin(&fixture, &config, &parent, &swap, 100);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mm_end(&fixture, &parent, swap);
	return 0;
}

static bool is_encrypted(struct process *p, pt_va_t va)
{
	return mm_leaf(p, va).attr & PT_ATTR_ENCRYPTED;
}

/* The word at @va, of a leaf or of software's. */
static uint64_t word_at(struct process *p, pt_va_t va)
{
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;
	int err = pt_trace(pt_mm_pgtable(p->mm), va, steps, &nr);

	assert_true(!err || err == -ENOENT);
	return steps[nr - 1].raw;
}

static void pages_of_every_kind_are_encrypted(void **state)
{
	const uint64_t page = fixture.page, huge = fixture.huge;
	const struct pt_file_cfg file_cfg = { .len = page };
	struct pt_file *file;

	(void)state;
	mm_map_area(&parent, VA, 2 * page, PT_MM_ANON, RW, NULL, 0);
	assert_int_equal(mm_load(&fixture, &parent, VA), 0);
	mm_store(&fixture, &parent, VA + page, 1);
	assert_true(is_encrypted(&parent, VA) && is_encrypted(&parent, VA + page));
	mm_map_area(&parent, VA + huge, 2 * huge, PT_MM_ANON, RW | PT_MM_HUGEPAGE, NULL, 0);
	assert_int_equal(mm_load(&fixture, &parent, VA + huge), 0);
	mm_store(&fixture, &parent, VA + 2 * huge, 2);
	assert_int_equal(mm_leaf(&parent, VA + huge).level, 1);
	assert_int_equal(mm_leaf(&parent, VA + 2 * huge).level, 1);
	assert_true(is_encrypted(&parent, VA + huge) && is_encrypted(&parent, VA + 2 * huge));
	assert_int_equal(pt_mm_zap(parent.mm, VA + 2 * huge, page), 0);
	assert_true(is_encrypted(&parent, VA + 2 * huge + page));
	assert_int_equal(pt_file_create(&file, fixture.world, &file_cfg), 0);
	mm_map_area(&parent, VA + 4 * huge, page, PT_MM_FILE, RW | PT_MM_SHARED, file, 0);
	mm_store(&fixture, &parent, VA + 4 * huge, 3);
	assert_true(is_encrypted(&parent, VA + 4 * huge));
	mm_verify(&fixture);
	assert_int_equal(pt_mm_unmap(parent.mm, VA + 4 * huge, page), 0);
	pt_file_put(file);
}

static void they_stay_so(void **state)
{
	const uint64_t page = fixture.page, c_bit = BIT(fixture.fmt.c_bit);
	uint64_t word, done;

	(void)state;
	mm_map_area(&parent, VA, page, PT_MM_ANON, RW, NULL, 0);
	mm_store(&fixture, &parent, VA, 7);
	word = word_at(&parent, VA);
	assert_int_equal(process_fork(&fixture, &parent, &child), 0);
	assert_true(is_encrypted(&parent, VA) && is_encrypted(&child, VA));
	mm_store(&fixture, &child, VA, 8);
	assert_true(is_encrypted(&child, VA));
	process_exit(&fixture, &child);
	/* Only what is of the address is inverted in PROT_NONE's words. */
	assert_int_equal(pt_mm_protect(parent.mm, VA, page, 0), 0);
	assert_int_equal(word_at(&parent, VA) & (c_bit | 1), c_bit);
	assert_int_equal((word_at(&parent, VA) ^ word) & (BIT(52) - BIT(12)) & ~c_bit,
			 (BIT(52) - BIT(12)) & ~c_bit);
	assert_int_equal(pt_mm_protect(parent.mm, VA, page, RW), 0);
	assert_true(is_encrypted(&parent, VA));
	assert_int_equal(mm_load(&fixture, &parent, VA), 7);
	assert_int_equal(pt_mm_swap_out(parent.mm, VA, page, swap, &done), 0);
	assert_int_equal(done, page);
	assert_int_equal(mm_load(&fixture, &parent, VA), 7);
	assert_true(is_encrypted(&parent, VA));
	mm_verify(&fixture);
}

static void cr3_of_who_runs_has_the_bit(void **state)
{
	struct pt_cpu *cpu = mm_run(&fixture, 0, parent.space);
	const struct pt_x86_regs *regs = pt_cpu_x86_64(cpu);

	(void)state;
	assert_int_equal(regs->c_bit, fixture.fmt.c_bit);
	assert_true(regs->cr3 & BIT(regs->c_bit));
	assert_int_equal(regs->cr3 & (BIT(52) - BIT(12)) & ~BIT(regs->c_bit),
			 pt_pgtable_root(pt_mm_pgtable(parent.mm)));
	pt_cpu_leave(cpu);
	pt_cpu_leave(mm_run(&fixture, 0, fixture.idle_space));
	assert_true(regs->cr3 & BIT(regs->c_bit));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pages_of_every_kind_are_encrypted, setup, teardown),
		cmocka_unit_test_setup_teardown(they_stay_so, setup, teardown),
		cmocka_unit_test_setup_teardown(cr3_of_who_runs_has_the_bit, setup, teardown),
	};

	return cmocka_run_group_tests_name("mm/encrypted", tests, NULL, NULL);
}
