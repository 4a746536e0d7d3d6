/* SPDX-License-Identifier: MIT */
/* pt_freetype_t: a value, its list, its name. */
#include "buddy/zones.h"

/* All values of both bytes. */
#define NR_VALUES 0x10000u

static pt_freetype_t value(unsigned int i)
{
	pt_freetype_t type = { (uint8_t)i, (uint8_t)(i >> 8) };

	return type;
}

static int list_of(pt_freetype_t type)
{
	for (unsigned int i = 0; i < NR_TYPES; i++)
		if (all_types[i].migratetype == type.migratetype &&
		    all_types[i].flags == type.flags)
			return (int)i;
	return -1;
}

static void only_what_exists_has_a_list_and_lists_are_dense(void **state)
{
	unsigned int nr = 0;

	(void)state;
	assert_int_equal(NR_TYPES, PT_FREETYPE_LISTS);
	for (unsigned int i = 0; i < NR_VALUES; i++) {
		int idx = pt_freetype_idx(value(i));

		assert_true(idx >= -1 && idx < PT_FREETYPE_LISTS);
		assert_int_equal(idx == -1, list_of(value(i)) == -1);
		nr += idx >= 0;
	}
	assert_int_equal(nr, PT_FREETYPE_LISTS);
}

static void the_freetype_of_a_list_has_that_list(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < PT_FREETYPE_LISTS; i++) {
		pt_freetype_t type = pt_freetype_from_idx(i);

		assert_int_equal(pt_freetype_idx(type), i);
		for (unsigned int j = 0; j < i; j++)
			assert_false(pt_freetypes_equal(type, pt_freetype_from_idx(j)));
	}
	for (unsigned int i = 0; i < NR_TYPES; i++)
		assert_true(pt_freetypes_equal(
			pt_freetype_from_idx((unsigned int)pt_freetype_idx(all_types[i])),
			all_types[i]));
}

/* One revision upstream compared the migratetype only. */
static void equality_does_not_forget_the_flags(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NR_VALUES; i += 257)
		for (unsigned int j = 0; j < NR_VALUES; j++)
			assert_int_equal(pt_freetypes_equal(value(i), value(j)), i == j);
	for (unsigned int i = 0; i < NR_TYPES; i++)
		for (unsigned int j = 0; j < NR_TYPES; j++)
			assert_int_equal(pt_freetypes_equal(all_types[i], all_types[j]), i == j);
}

static void another_migratetype_keeps_the_flags(void **state)
{
	(void)state;
	for (unsigned int flags = 0; flags < 256; flags++)
		for (unsigned int from = 0; from < PT_MIGRATE_NR; from++)
			for (unsigned int to = 0; to < PT_MIGRATE_NR; to++) {
				pt_freetype_t type = pt_freetype((enum pt_migratetype)from, flags);

				type = pt_freetype_with_migrate(type, (enum pt_migratetype)to);
				assert_int_equal(type.migratetype, to);
				assert_int_equal(type.flags, flags);
			}
}

static void every_list_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < PT_FREETYPE_LISTS; i++) {
		assert_non_null(pt_freetype_name(i));
		assert_true(strlen(pt_freetype_name(i)) > 0);
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(pt_freetype_name(i), pt_freetype_name(j));
	}
	assert_string_equal(pt_freetype_name((unsigned int)pt_freetype_idx(UNMOVABLE)),
			    "Unmovable");
	assert_string_equal(pt_freetype_name((unsigned int)pt_freetype_idx(UNMAPPED)),
			    "Unmovable/unmapped");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_exists_has_a_list_and_lists_are_dense),
		cmocka_unit_test(the_freetype_of_a_list_has_that_list),
		cmocka_unit_test(equality_does_not_forget_the_flags),
		cmocka_unit_test(another_migratetype_keeps_the_flags),
		cmocka_unit_test(every_list_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests_name("freetype", tests, NULL, NULL);
}
