/* SPDX-License-Identifier: MIT */
/* What calls of soft_map.h refuse, and what they have written and changed then. */
#include "unit/soft.h"

/* What fails has changed nothing. */
static void refuses_and_leaves_all_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { 0 };
	struct pt_soft soft = SWAP(1);

	assert_int_equal(pt_soft_set(f->pt, f->base, f->granule, 0, &soft, NULL), -EOPNOTSUPP);
	assert_int_equal(pt_soft_map(f->pt, f->base, 0, f->granule, RWX, NULL), -EOPNOTSUPP);
	assert_int_equal(pt_soft_hide(f->pt, f->base, f->granule, 0, 0, NULL), -EOPNOTSUPP);
	assert_int_equal(pt_soft_show(f->pt, f->base, f->granule, 0, 0, NULL), -EOPNOTSUPP);
	assert_int_equal(pt_soft_split(f->pt, f->base, f->granule, 0, NULL), -EOPNOTSUPP);
	assert_int_equal(pt_soft_lookup(f->pt, f->base, &soft, NULL), -EOPNOTSUPP);
	assert_null(pt_pgtable_soft(f->pt));
	if (!with_soft(f))
		return;
	assert_non_null(pt_pgtable_soft(f->pt));
	do_map_small(f, 0, 2, 0, RWX);
	assert_int_equal(set(f, 0, 1, 0, (struct pt_soft){ .kind = PT_SOFT_PROT_NONE, .leaf = 1 },
			     NULL),
			 -EINVAL);
	assert_int_equal(set(f, 0, 0, 0, SWAP(1), NULL), -EINVAL);
	assert_int_equal(set(f, 0, 1, 99, SWAP(1), NULL), -EINVAL);
	assert_int_equal(set(f, 0, 2, 0, SWAP((UINT64_C(1) << 50) - 1), NULL), -EINVAL);
	change.flags = PT_CHANGE_ONLY_HOLES | PT_CHANGE_ONLY_LEAVES;
	assert_int_equal(set(f, 0, 2, 0, SWAP(1), &change), -EINVAL);
	change.flags = 0;
	assert_int_equal(pt_soft_map(f->pt, page_va(f, 0), page_pa(f, 0), f->granule, RWX, &change),
			 -EEXIST);
	assert_int_equal(pt_soft_map(f->pt, page_va(f, 2), page_pa(f, 2), f->granule, RWX, &change),
			 -ENOENT);
	assert_int_equal(change.bad_va, page_va(f, 2));
	assert_int_equal(pt_soft_map(f->pt, page_va(f, 2), 1, f->granule, RWX, &change), -EINVAL);
	assert_int_equal(pt_soft_map(f->pt, page_va(f, 2), UINT64_MAX - f->granule + 1,
				     2 * f->granule, RWX, &change),
			 -EINVAL);
	assert_int_equal(pt_soft_map(f->pt, page_va(f, 2), UINT64_C(1) << f->fmt.pa_bits,
				     f->granule, RWX, &change),
			 -ERANGE);
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, 0), 3 * f->granule, 0, 0, &change),
			 -ENOENT);
	assert_int_equal(change.bad_va, page_va(f, 2));
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, 0), f->granule, PT_ATTR_IGNORE_PAT, 0,
				      NULL),
			 -EOPNOTSUPP);
	assert_int_equal(pt_soft_lookup(f->pt, page_va(f, 0), &soft, NULL), -EEXIST);
	agree_on_leaves(f);
	/* hwpoison in the middle stays when something else is hidden */
	assert_int_equal(set(f, 1, 1, 0, HWPOISON, NULL), 0);
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, 0), 2 * f->granule, 0, 0, &change),
			 -ENOENT);
	change.flags = PT_CHANGE_SKIP_HOLES;
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, 0), 3 * f->granule, 0, 0, &change), 0);
	assert_int_equal(change.done, f->granule);
	assert_int_equal(soft_at(f, 1, 0).kind, PT_SOFT_HWPOISON);
}

/* As in the way of a map: where the words would stand, and above. */
static void illegal_words_are_not_replaced(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	if (!with_soft(f))
		return;
	do_map_small(f, 0, 1, 0, RWX);
	assert_int_equal(pt_trace(f->pt, page_va(f, 0), steps, &nr), 0);
	for (unsigned int i = 0; i < nr; i++) {
		pt_pa_t pa = steps[i].table_pa + 8 * steps[i].index;
		uint64_t raw = raw_reserved(&f->fmt, steps[i].level);
		struct pt_change change = { .done = 99 };

		if (!raw)
			raw = raw_beyond(&f->fmt, steps[i].level);
		if (!raw)
			continue;
		write_word(f, pa, raw);
		assert_int_equal(set(f, 0, 1, 0, SWAP(1), &change), -EFAULT);
		assert_int_equal(change.bad_va, page_va(f, 0));
		assert_int_equal(change.done, 0);
		change.flags = PT_CHANGE_ONLY_HOLES;
		assert_int_equal(set(f, 0, 1, 0, MARKER, &change), -EFAULT);
		assert_int_equal(
			pt_soft_map(f->pt, page_va(f, 0), page_pa(f, 0), f->granule, RWX, NULL),
			-EFAULT);
		change.flags = PT_CHANGE_SKIP_HOLES;
		assert_int_equal(pt_soft_hide(f->pt, page_va(f, 0), f->granule, 0, 0, &change),
				 -EFAULT);
		assert_int_equal(pt_soft_split(f->pt, page_va(f, 0), f->granule, 0, &change),
				 -EFAULT);
		assert_int_equal(read_word(f, pa), raw);
		write_word(f, pa, steps[i].raw);
	}
	agree_on_leaves(f);
}

/* One of each call, each with an argument that its format is not asked about or refuses. */
enum refused {
	SET_NO_KIND,
	SET_NO_LEVEL,
	SET_NO_LENGTH,
	SET_NOTHING,
	MAP_UNALIGNED,
	MAP_BEYOND,
	HIDE_NO_LENGTH,
	SHOW_NO_LENGTH,
	SPLIT_TOP,
	REFUSED_NR,
};

static int refused_call(struct fixture *f, enum refused call, struct pt_change *change)
{
	const uint64_t len = f->granule;

	switch (call) {
	case SET_NO_KIND:
		return set(f, 0, 1, 0, (struct pt_soft){ .kind = PT_SOFT_PROT_NONE, .leaf = 1 },
			   change);
	case SET_NO_LEVEL:
		return set(f, 0, 1, 99, SWAP(1), change);
	case SET_NO_LENGTH:
		return set(f, 0, 0, 0, SWAP(1), change);
	case SET_NOTHING:
		change->flags = PT_CHANGE_ONLY_HOLES | PT_CHANGE_ONLY_LEAVES;
		return set(f, 0, 1, 0, SWAP(1), change);
	case MAP_UNALIGNED:
		return pt_soft_map(f->pt, f->base, 1, len, RWX, change);
	case MAP_BEYOND:
		return pt_soft_map(f->pt, f->base, UINT64_C(1) << f->fmt.pa_bits, len, RWX, change);
	case HIDE_NO_LENGTH:
		return pt_soft_hide(f->pt, f->base, 0, 0, 0, change);
	case SHOW_NO_LENGTH:
		return pt_soft_show(f->pt, f->base, 0, 0, 0, change);
	case SPLIT_TOP:
		return pt_soft_split(f->pt, f->base, len, f->info.nr_levels - 1, change);
	case REFUSED_NR:
		break;
	}
	fail();
	return 0;
}

/* map.h: the out fields are written in every case; -EOPNOTSUPP where words are unknown. */
static void refused_calls_write_their_out_fields(void **state)
{
	struct fixture *f = *state;

	for (unsigned int known = 0; known < 2; known++) {
		if (known && !with_soft(f))
			return;
		for (unsigned int call = 0; call < REFUSED_NR; call++) {
			struct pt_change change = { .bad_va = 77, .done = 99, .was = RWX };
			int err = refused_call(f, (enum refused)call, &change);

			if (!known)
				assert_int_equal(err, -EOPNOTSUPP);
			else
				assert_int_equal(err, call == MAP_BEYOND ? -ERANGE : -EINVAL);
			assert_int_equal(change.bad_va, 0);
			assert_int_equal(change.done, 0);
			assert_int_equal(change.was, 0);
		}
	}
}

/* map.h: bad_va is an offending address, which a call that succeeds has none of. */
static void what_succeeds_names_no_address(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { .bad_va = 77 };

	if (!with_soft(f))
		return;
	do_map_small(f, 0, 4, 0, RWX);
	assert_int_equal(set(f, 0, 4, 0, SWAP(1), &change), 0);
	assert_int_equal(change.bad_va, 0);
	assert_int_equal(
		pt_soft_map(f->pt, page_va(f, 0), page_pa(f, 0), 4 * f->granule, RWX, &change), 0);
	assert_int_equal(change.bad_va, 0);
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, 0), 4 * f->granule, 0, 0, &change), 0);
	assert_int_equal(change.bad_va, 0);
	assert_int_equal(pt_soft_split(f->pt, page_va(f, 0), 4 * f->granule, 0, &change), 0);
	assert_int_equal(change.bad_va, 0);
	assert_int_equal(pt_soft_show(f->pt, page_va(f, 0), 4 * f->granule, 0, 0, &change), 0);
	assert_int_equal(change.bad_va, 0);
}

/* soft_map.h: -EOPNOTSUPP for a word that cannot say it of its parts, down to the last of them. */
static void a_word_whose_last_part_has_no_frame_is_not_split(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { .done = 99 };
	uint64_t last;

	if (!with_soft(f) || !f->info.can_leaf[1])
		return;
	last = (UINT64_C(1) << soft_cfg.pfn_bits) - 1;
	assert_int_equal(set(f, 0, pages(f, f->leaf1), 1, MIGRATION(last), NULL), 0);
	assert_int_equal(pt_soft_split(f->pt, f->base, f->leaf1, 0, &change), -EOPNOTSUPP);
	assert_int_equal(change.done, 0);
	assert_int_equal(soft_at(f, 0, 1).pfn, last);
	assert_int_equal(pt_unmap(f->pt, f->base, f->leaf1, NULL), 0);
	last -= pages(f, f->leaf1) - 1;
	assert_int_equal(set(f, 0, pages(f, f->leaf1), 1, MIGRATION(last), NULL), 0);
	assert_int_equal(pt_soft_split(f->pt, f->base, f->leaf1, 0, &change), 0);
	assert_int_equal(change.done, f->leaf1);
	assert_int_equal(soft_at(f, pages(f, f->leaf1) - 1, 0).pfn,
			 (UINT64_C(1) << soft_cfg.pfn_bits) - 1);
}

/* An attribute that no leaf of the format has is refused where there is none to change, too. */
static void attributes_of_no_format_are_refused_over_holes(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { .flags = PT_CHANGE_SKIP_HOLES };
	const pt_attr_t no_such = (pt_attr_t)1 << 63;

	assert_false(f->info.attrs & no_such);
	assert_int_equal(pt_protect(f->pt, f->base, f->granule, no_such, 0, &change), -EOPNOTSUPP);
	assert_int_equal(pt_protect(f->pt, f->base, 2 * f->granule, no_such, 0, &change),
			 -EOPNOTSUPP);
	if (!with_soft(f))
		return;
	assert_int_equal(pt_soft_hide(f->pt, f->base, f->granule, no_such, 0, &change),
			 -EOPNOTSUPP);
	assert_int_equal(pt_soft_show(f->pt, f->base, f->granule, no_such, 0, &change),
			 -EOPNOTSUPP);
}

/* Where an image has software's word at a level without leaves, none can take its place. */
static void a_word_where_no_leaf_may_stand_stays(void **state)
{
	struct fixture *f = *state;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr;

	if (!with_soft(f))
		return;
	do_map_small(f, 0, 1, 0, RWX);
	assert_int_equal(pt_trace(f->pt, page_va(f, 0), steps, &nr), 0);
	for (unsigned int i = 0; i < nr; i++) {
		const unsigned int level = steps[i].level, size_lg2 = f->info.leaf_lg2[level];
		const pt_pa_t pa = steps[i].table_pa + 8 * steps[i].index;
		struct pt_change change = { 0 };

		if (f->info.can_leaf[level] || size_lg2 > f->fmt.pa_bits)
			continue;
		write_word(f, pa, RAW_SOFT);
		assert_int_equal(pt_soft_map(f->pt, f->base >> size_lg2 << size_lg2, 0,
					     UINT64_C(1) << size_lg2, RWX, &change),
				 -EOPNOTSUPP);
		assert_int_equal(read_word(f, pa), RAW_SOFT);
		write_word(f, pa, steps[i].raw);
	}
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(refuses_and_leaves_all_as_it_was, NEEDS_2_LEVELS),
		TEST_ON(illegal_words_are_not_replaced, NEEDS_2_LEVELS),
		TEST_ON(refused_calls_write_their_out_fields, NEEDS_2_LEVELS),
		TEST_ON(what_succeeds_names_no_address, NEEDS_2_LEVELS),
		TEST_ON(a_word_whose_last_part_has_no_frame_is_not_split, NEEDS_3_LEVELS),
		TEST_ON(attributes_of_no_format_are_refused_over_holes, NEEDS_2_LEVELS),
		TEST(a_word_where_no_leaf_may_stand_stays),
	};

	return RUN_ON_ALL("soft_refused", tests);
}
