/* SPDX-License-Identifier: MIT */
/* Geometries that exist, those that do not, and no memory. Linked with --wrap=calloc. */
#include "tlb/tlb_test.h"

#include <string.h>

#include <ptlib/profile.h>

void *__real_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size);

/* The call that fails, counted down; 0: none. */
static unsigned int fail_in;

void *__wrap_calloc(size_t nr, size_t size)
{
	if (fail_in && !--fail_in)
		return NULL;
	return __real_calloc(nr, size);
}

#define DATA (1u << PT_TLB_USE_DATA)
#define FETCH (1u << PT_TLB_USE_FETCH)
#define K4 UINT64_C(0x1000)
#define M2 UINT64_C(0x200000)

static const struct pt_tlb_cfg good = {
	.parts = { { .level = 1, .uses = DATA, .sizes = K4, .entries = 64, .ways = 4 },
		   { .level = 1, .uses = DATA, .sizes = M2, .entries = 32, .ways = 32 },
		   { .level = 2, .uses = DATA | FETCH, .sizes = K4 | M2,
		     .entries = 1536, .ways = 12 } },
	.nr_parts = 3,
};

static void every_failing_allocation_is_enomem(void **state)
{
	struct pt_tlb *tlb = NULL;
	unsigned int nr = 0;
	int err;

	(void)state;
	do {
		fail_in = ++nr;
		err = pt_tlb_create(&tlb, &good);
		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_null(tlb);
		}
	} while (err);
	assert_true(nr > 1);
	fail_in = 0;
	assert_int_equal(pt_tlb_verify(tlb), 0);
	pt_tlb_destroy(tlb);
	pt_tlb_destroy(NULL);
}

static void refuses_what_is_no_geometry(void **state)
{
	struct pt_tlb *tlb = NULL;
	struct pt_tlb_cfg cfg;

	(void)state;
#define REFUSES(change)                                                                            \
	do {                                                                                       \
		cfg = good;                                                                        \
		change;                                                                            \
		assert_int_equal(pt_tlb_create(&tlb, &cfg), -EINVAL);                              \
		assert_null(tlb);                                                                  \
	} while (0)
	REFUSES(cfg.nr_parts = 0);
	REFUSES(cfg.nr_parts = PT_TLB_MAX_PARTS + 1);
	REFUSES(cfg.flags = 1u << 2);
	REFUSES(cfg.parts[0].level = 0);
	REFUSES(cfg.parts[0].level = 3);
	REFUSES(cfg.parts[0].uses = 0);
	REFUSES(cfg.parts[0].uses = 1u << PT_TLB_USE_NR);
	REFUSES(cfg.parts[0].sizes = 0);
	REFUSES(cfg.parts[0].sizes |= UINT64_C(1) << 11);
	REFUSES(cfg.parts[0].sizes |= UINT64_C(1) << 53);
	REFUSES(cfg.parts[0].entries = 0);
	REFUSES(cfg.parts[0].ways = 0);
	REFUSES(cfg.parts[0].ways = 128);
	REFUSES(cfg.parts[0].ways = 5);
	REFUSES(cfg.parts[0].entries = PT_TLB_MAX_ENTRIES + 4);
	REFUSES(cfg.parts[0].policy = PT_TLB_RANDOM + 1);
	REFUSES((cfg.parts[2].policy = PT_TLB_PLRU));
	REFUSES(cfg.parts[1].sizes |= K4); /* data of 4K in two structures of a level */
}

static void sets_need_not_be_a_power_of_two(void **state)
{
	struct pt_tlb_cfg cfg = good;
	struct pt_tlb *tlb;

	(void)state;
	cfg.parts[0].entries = 12;
	cfg.parts[1].entries = 33;
	cfg.parts[1].ways = 33;
	cfg.parts[2].entries = PT_TLB_MAX_ENTRIES;
	cfg.parts[2].ways = PT_TLB_MAX_ENTRIES;
	cfg.parts[2].policy = PT_TLB_PLRU;
	assert_int_equal(pt_tlb_create(&tlb, &cfg), 0);
	pt_tlb_destroy(tlb);
}

static void every_profile_is_a_tlb_with_a_source(void **state)
{
	const struct pt_tlb_profile *profile;
	bool x86 = false, arm64 = false;
	size_t nr = 0;

	(void)state;
	for (; (profile = pt_tlb_profile_at(nr)); nr++) {
		const struct pt_tlb_fill fill = { .pa = 0x40000000, .size_lg2 = 30,
						  .global = true };
		struct pt_tlb *tlb;

		assert_ptr_equal(pt_tlb_profile_find(profile->name), profile);
		assert_true(strlen(profile->what) && strlen(profile->source) &&
			    strlen(profile->costs_source));
		assert_true(profile->costs.page);
		assert_int_equal(!profile->costs.shootdown, profile->arm64);
		assert_int_equal(!profile->costs.broadcast, !profile->arm64);
		*(profile->arm64 ? &arm64 : &x86) = true;
		assert_int_equal(pt_tlb_create(&tlb, &profile->tlb), 0);
		for (unsigned int use = 0; use <= PT_TLB_USE_FETCH; use++) {
			assert_int_equal(pt_tlb_fill(tlb, use, 0x12345678, &fill), 0);
			assert_non_null(pt_tlb_lookup(tlb, use, 0x12345678));
		}
		assert_int_equal(pt_tlb_verify(tlb), 0);
		pt_tlb_destroy(tlb);
	}
	assert_true(x86 && arm64);
	assert_null(pt_tlb_profile_at(nr));
	assert_null(pt_tlb_profile_find("nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_failing_allocation_is_enomem),
		cmocka_unit_test(refuses_what_is_no_geometry),
		cmocka_unit_test(sets_need_not_be_a_power_of_two),
		cmocka_unit_test(every_profile_is_a_tlb_with_a_source),
	};

	return cmocka_run_group_tests_name("create", tests, NULL, NULL);
}
