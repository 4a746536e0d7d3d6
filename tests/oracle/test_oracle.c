/* SPDX-License-Identifier: MIT */
/* The C API of the oracle itself; what the MMUs answer is the jobs' subject. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "oracle.h"

#define BASE 0x100000000ull
#define BYTES 0x10000ull

#define PTE_PWU 7u
#define PTE_A 0x20u

struct machine {
	struct orc *o;
	uint64_t *mem; /* at BASE: a table per page for address 0, then the page it maps */
};

static int setup(void **state)
{
	static struct machine m;

	m.o = orc_open(&(struct orc_cfg){ .arch = ORC_X86, .img_bytes = 64 << 20 });
	if (!m.o)
		return -1;
	m.mem = orc_region_add(m.o, BASE, BYTES, 0);
	for (unsigned int i = 0; i < 4; i++)
		m.mem[i * 512] = (BASE + (i + 1) * 4096) | PTE_PWU;
	m.mem[4 * 512] = 0x1122334455667788;
	*state = &m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	orc_close(m->o);
	return 0;
}

static struct orc_res load(struct machine *m, uint64_t va)
{
	struct orc_regset set = { { [ORC_XR_CR0] = 0x80010033,
				    [ORC_XR_CR3] = BASE,
				    [ORC_XR_CR4] = 0x20,
				    [ORC_XR_EFER] = 0xd01 } };
	struct orc_vec vec = { .va = va, .op = ORC_OP_R, .size = 8, .el = 3 };
	struct orc_res res = { 0 };

	assert_int_equal(orc_run(m->o, &set, 1, &vec, &res, 1), 0);
	return res;
}

static void translates_in_memory_it_shares(void **state)
{
	struct machine *m = *state;
	struct orc_res res = load(m, 0);

	assert_int_equal(res.status, ORC_ST_OK);
	assert_int_equal(res.data, 0x1122334455667788);
	assert_int_equal(m->mem[3 * 512], (BASE + 4 * 4096) | PTE_PWU | PTE_A);
	m->mem[3 * 512] = 0;
	res = load(m, 0x18);
	assert_int_equal(res.status, ORC_ST_FAULT);
	assert_int_equal(res.code, 14);
	assert_int_equal(res.err, 4);
	assert_int_equal(res.addr, 0x18);
}

static void maps_the_pages_of_a_region_a_second_time(void **state)
{
	struct machine *m = *state;
	uint64_t offset, *again;
	int fd = orc_region_fd(m->o, m->mem, &offset);

	assert_true(fd >= 0);
	again = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	assert_ptr_not_equal(again, MAP_FAILED);
	assert_memory_equal(again, m->mem, BYTES);
	again[4 * 512] = 0x99;
	assert_int_equal(load(m, 0).data, 0x99);
	assert_int_equal(orc_region_fd(m->o, (uint8_t *)m->mem + 24, &offset), fd);
	assert_int_equal(offset % 4096, 24);
	munmap(again, BYTES);
}

static void has_no_file_for_other_memory(void **state)
{
	struct machine *m = *state;
	uint64_t offset, elsewhere = 0;

	assert_int_equal(orc_region_fd(m->o, &elsewhere, &offset), -1);
	assert_int_equal(orc_region_fd(m->o, (uint8_t *)m->mem + BYTES, &offset), -1);
	orc_regions_clear(m->o);
	assert_int_equal(orc_region_fd(m->o, m->mem, &offset), -1);
}

static void refuses_regions_that_overlap_or_do_not_fit(void **state)
{
	struct machine *m = *state;

	assert_null(orc_region_add(m->o, BASE + BYTES - 4096, 8192, 0));
	assert_null(orc_region_add(m->o, BASE + 1, 4096, 0));
	assert_null(orc_region_add(m->o, 0, 0, 0));
	assert_null(orc_region_add(m->o, 0, 128 << 20, 0));
	assert_null(orc_region_add(m->o, UINT64_MAX - 4095, 4096, 0));
	assert_null(orc_region_add(m->o, 0x1000, 4096, 1));
	assert_non_null(orc_region_add(m->o, BASE + BYTES, 4096, 0));
	assert_int_equal(load(m, 0).status, ORC_ST_OK);
}

static void hands_out_zeroed_memory_again(void **state)
{
	struct machine *m = *state;
	const uint64_t *mem;

	orc_regions_clear(m->o);
	assert_int_equal(load(m, 0).status, ORC_ST_NOWALK);
	mem = orc_region_add(m->o, BASE, BYTES, 0);
	assert_non_null(mem);
	for (size_t i = 0; i < BYTES / sizeof(*mem); i++)
		assert_int_equal(mem[i], 0);
}

static void refuses_accesses_that_make_no_sense(void **state)
{
	struct machine *m = *state;
	struct orc_regset set = { { 0 } };
	struct orc_vec vec = { .op = ORC_OP_R, .size = 3 };
	struct orc_res res;

	assert_int_equal(orc_run(m->o, &set, 1, &vec, &res, 1), -1);
	vec.size = 8;
	vec.regset = 1;
	assert_int_equal(orc_run(m->o, &set, 1, &vec, &res, 1), -1);
	vec.regset = 0;
	vec.op = ORC_OP_NR;
	assert_int_equal(orc_run(m->o, &set, 1, &vec, &res, 1), -1);
	vec.op = ORC_OP_AT; /* arm64's: a result, not a misuse */
	assert_int_equal(orc_run(m->o, &set, 1, &vec, &res, 1), 0);
	assert_int_equal(res.status, ORC_ST_ERROR);
	assert_int_equal(res.code, ORC_ERR_CANNOT);
}

static void runs_more_accesses_than_fit_in_the_mailbox(void **state)
{
	enum { NR = 40000 };
	static struct orc_vec vec[NR];
	static struct orc_res res[NR];
	struct machine *m = *state;
	struct orc_regset set = { { [ORC_XR_CR0] = 0x80010033,
				    [ORC_XR_CR3] = BASE,
				    [ORC_XR_CR4] = 0x20,
				    [ORC_XR_EFER] = 0xd01 } };

	for (uint64_t i = 0; i < NR; i++)
		vec[i] =
			(struct orc_vec){ .va = i % 512 * 8, .op = ORC_OP_W, .size = 8, .data = i };
	assert_int_equal(orc_run(m->o, &set, 1, vec, res, NR), 0);
	for (uint64_t i = 0; i < NR; i++)
		assert_int_equal(res[i].status, ORC_ST_OK);
	assert_int_equal(m->mem[4 * 512 + (NR - 1) % 512], NR - 1);
}

int main(void)
{
	const char *missing = orc_missing(&(struct orc_cfg){ .arch = ORC_X86 });
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(translates_in_memory_it_shares),
		TEST(maps_the_pages_of_a_region_a_second_time),
		TEST(has_no_file_for_other_memory),
		TEST(refuses_regions_that_overlap_or_do_not_fit),
		TEST(hands_out_zeroed_memory_again),
		TEST(refuses_accesses_that_make_no_sense),
		TEST(runs_more_accesses_than_fit_in_the_mailbox),
	};

	if (missing) {
		printf("SKIPPED: %s\n", missing);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
