/* SPDX-License-Identifier: MIT */
/* soft_map.h: leaves into software's words, and back. */
#include "unit/soft.h"

static struct pt_leaf leaf_at(const struct fixture *f, size_t page)
{
	struct pt_leaf leaf;

	assert_int_equal(pt_lookup(f->pt, page_va(f, page), &leaf), 0);
	assert_int_equal(leaf.pa, page_pa(f, page));
	return leaf;
}

/* Into the middle of leaves of every size: those are split, and only the range is gone. */
static void leaves_become_words_of_consecutive_offsets(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { 0 };
	size_t first, nr;

	if (!with_soft(f))
		return;
	first = f->nr_pages / 4 + 3;
	nr = f->nr_pages / 2;
	do_map(f, 0, f->nr_pages, 0, RWX | PT_ATTR_ACCESSED);
	watcher_expect(&f->watcher, f->pt);
	assert_int_equal(set(f, first, nr, 0, SWAP(1000), &change), 0);
	assert_true(watcher_was_flushed(&f->watcher, f->pt));
	assert_int_equal(change.done, nr * f->granule);
	assert_int_equal(change.was, PT_ATTR_ACCESSED);
	assert_int_equal(ref_unmap(&f->ref, first, nr), nr * f->granule);
	for (size_t i = first; i < first + nr; i++) {
		struct pt_soft soft = soft_at(f, i, 0);

		assert_int_equal(soft.kind, PT_SOFT_SWAP);
		assert_int_equal(soft.offset, 1000 + i - first);
	}
	leaf_at(f, first - 1);
	leaf_at(f, first + nr);
	agree_on_leaves(f);

	/* and back */
	assert_int_equal(pt_soft_map(f->pt, page_va(f, first), page_pa(f, first), nr * f->granule,
				     RWX | PT_ATTR_ACCESSED, &change),
			 0);
	assert_int_equal(change.done, nr * f->granule);
	for (size_t i = first; i < first + nr; i++)
		leaf_at(f, i);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

/* Also where a part of a large one goes: what becomes not present disagrees with nothing cached. */
static void parts_of_leaves_that_go_are_flushed_by_the_gather(void **state)
{
	struct fixture *f = *state;
	size_t n = pages(f, f->leaf1);
	struct pt_gather gather;
	struct pt_change change = { .gather = &gather };

	assert_true(with_soft(f));
	do_map(f, 0, 2 * n, 0, RWX);
	watcher_expect(&f->watcher, f->pt);
	pt_gather_begin(&gather, f->pt);
	f->watcher.nr_events = 0;
	assert_int_equal(set(f, 1, 1, 0, SWAP(1), &change), 0);
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, n + 1), f->granule, 0, 0, &change), 0);
	for (size_t i = 0; i < f->watcher.nr_events; i++)
		assert_true(f->watcher.event[i].kind == EVENT_STORE ||
			    f->watcher.event[i].kind == EVENT_ALLOC);
	pt_gather_finish(&gather);
	assert_true(watcher_was_flushed(&f->watcher, f->pt));
}

/* Every page as it was, and contiguous blocks where whole ones came back. */
static void a_block_of_words_becomes_a_contiguous_block(void **state)
{
	struct fixture *f = *state;
	struct pt_change small = { .flags = PT_CHANGE_NO_CONTIG };
	size_t block;

	if (!with_soft(f))
		return;
	block = pages(f, f->block);
	assert_int_equal(set(f, 1, 2 * block, 0, SWAP(5), NULL), 0);
	assert_int_equal(pt_soft_map(f->pt, page_va(f, 1), page_pa(f, 1), 2 * f->block, RWX, NULL),
			 0);
	for (size_t i = 1; i <= 2 * block; i++)
		assert_int_equal(leaf_at(f, i).contig_lg2,
				 i >= block && i < 2 * block ? lg2(block) : 0);
	assert_int_equal(set(f, block, block, 0, SWAP(5), NULL), 0);
	assert_int_equal(
		pt_soft_map(f->pt, page_va(f, block), page_pa(f, block), f->block, RWX, &small), 0);
	assert_int_equal(leaf_at(f, block).contig_lg2, 0);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
}

/* Each entry's own marks go into its word, and from there into the leaf. */
static void migration_keeps_the_marks_of_each_page(void **state)
{
	struct fixture *f = *state;
	struct pt_change inherit = { .flags = PT_CHANGE_INHERIT };
	struct pt_soft marked = MIGRATION(0x900);

	if (!with_soft(f))
		return;
	do_map_small(f, 0, 1, 0, RWX);
	do_map_small(f, 1, 1, 1, RWX | PT_ATTR_ACCESSED);
	do_map_small(f, 2, 1, 2, RWX | PT_ATTR_ACCESSED | PT_ATTR_DIRTY | soft_cfg.attr_dirty);
	do_map_small(f, 3, 1, 3, RWX | soft_cfg.attr_uffd_wp | soft_cfg.attr_soft_dirty);
	assert_int_equal(set(f, 0, 4, 0, MIGRATION(0x800), &inherit), 0);
	assert_int_equal(soft_at(f, 0, 0).flags, 0);
	assert_int_equal(soft_at(f, 1, 0).flags, PT_SOFT_YOUNG);
	assert_int_equal(soft_at(f, 2, 0).flags, PT_SOFT_YOUNG | PT_SOFT_DIRTY);
	assert_int_equal(soft_at(f, 3, 0).flags,
			 PT_SOFT_UFFD_WP | (soft_cfg.soft_dirty ? PT_SOFT_SOFT_DIRTY : 0));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(soft_at(f, i, 0).pfn, 0x800 + i);
	/* what a word says already is not taken away again */
	marked.flags = PT_SOFT_YOUNG | PT_SOFT_DIRTY;
	do_map_small(f, 4, 1, 4, RWX | PT_ATTR_ACCESSED | PT_ATTR_DIRTY | soft_cfg.attr_dirty);
	assert_int_equal(set(f, 4, 1, 0, marked, &inherit), 0);
	assert_int_equal(soft_at(f, 4, 0).flags, marked.flags);
	/* swap keeps of it what it can, also from software's words */
	assert_int_equal(set(f, 3, 1, 0, SWAP(9), &inherit), 0);
	assert_int_equal(soft_at(f, 3, 0).flags,
			 PT_SOFT_UFFD_WP | (soft_cfg.soft_dirty ? PT_SOFT_SOFT_DIRTY : 0));
	assert_int_equal(
		pt_soft_map(f->pt, page_va(f, 0), page_pa(f, 0), 4 * f->granule, RWX, &inherit), 0);
	assert_int_equal(leaf_at(f, 0).attr & (PT_ATTR_ACCESSED | PT_ATTR_SW_MASK), 0);
	assert_int_equal(leaf_at(f, 1).attr & PT_ATTR_ACCESSED, PT_ATTR_ACCESSED);
	if (soft_cfg.attr_dirty)
		assert_int_equal(leaf_at(f, 2).attr & PT_ATTR_SW_MASK, soft_cfg.attr_dirty);
	else
		assert_int_equal(leaf_at(f, 2).attr & PT_ATTR_DIRTY, PT_ATTR_DIRTY);
	assert_int_equal(leaf_at(f, 3).attr & PT_ATTR_SW_MASK,
			 soft_cfg.attr_uffd_wp | soft_cfg.attr_soft_dirty);
}

/* At every level that can hold a leaf: over a hole, over a leaf, not over a table. */
static void words_of_every_level(void **state)
{
	struct fixture *f = *state;

	if (!with_soft(f))
		return;
	for (unsigned int level = 1; level < f->info.nr_levels && level < 3; level++) {
		uint64_t size = UINT64_C(1) << f->info.leaf_lg2[level];
		pt_va_t va = f->base + (level == 2 ? 0 : size);
		struct pt_change change = { 0 };
		struct pt_soft soft = MIGRATION(0), found;
		unsigned int at;

		if (level == f->info.nr_levels - 1 || size >> f->fmt.pa_bits)
			break;
		if (!f->info.can_leaf[level]) {
			assert_int_equal(pt_soft_set(f->pt, va, size, level, &soft, NULL),
					 -EOPNOTSUPP);
			continue;
		}
		assert_int_equal(pt_soft_set(f->pt, va, size, level, &soft, NULL), 0);
		assert_int_equal(pt_soft_lookup(f->pt, va + size - 1, &found, &at), 0);
		assert_int_equal(at, level);
		assert_int_equal(pt_soft_set(f->pt, va, f->granule, 0, &soft, &change), -EEXIST);
		assert_int_equal(change.bad_va, va);
		assert_int_equal(pt_soft_map(f->pt, va, 0, size, RWX, NULL), 0);
		assert_int_equal(pt_soft_set(f->pt, va, size, level, &soft, &change), 0);
		assert_int_equal(change.done, size);
		/* its parts, one level down each */
		assert_int_equal(pt_soft_split(f->pt, va + size / 2, f->granule, 0, &change), 0);
		assert_int_equal(pt_soft_lookup(f->pt, va + size / 2, &found, &at), 0);
		assert_int_equal(at, 0);
		assert_int_equal(change.done, f->granule);
		assert_int_equal(found.pfn, size / 2 / f->granule);
		assert_int_equal(pt_soft_lookup(f->pt, va + size - 1, &found, &at), 0);
		assert_int_equal(at, level - 1);
		assert_int_equal(pt_soft_set(f->pt, va, size, level, &soft, &change), -EEXIST);
		assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
		assert_int_equal(pt_unmap(f->pt, va, size,
					  &(struct pt_change){ .flags = PT_CHANGE_FREE_TABLES }),
				 0);
	}
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

/* Markers where nothing is: the rest stays, and no memory changes nothing. */
static void markers_go_into_holes_only(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { .flags = PT_CHANGE_ONLY_HOLES };
	size_t quarter;
	int err = -ENOMEM;

	if (!with_soft(f))
		return;
	quarter = f->nr_pages / 4;
	do_map(f, quarter, quarter, quarter, RWX);
	if (f->info.nr_levels > 1)
		do_map(f, 3 * quarter, 1, 3 * quarter, RWX);
	assert_int_equal(set(f, 2, 1, 0, SWAP(4), NULL), 0);
	for (size_t fail = 1; err; fail++) {
		f->source.nr_allocs = 0;
		f->source.fail_at = fail;
		err = set(f, 1, f->nr_pages - 2, 0, MARKER, &change);
		assert_true(!err || err == -ENOMEM);
		if (err) {
			struct pt_soft soft;

			assert_int_equal(pt_soft_lookup(f->pt, page_va(f, 1), &soft, NULL),
					 -ENOENT);
		}
		agree_on_leaves(f);
	}
	f->source.fail_at = 0;
	assert_int_equal(change.done, 0);
	for (size_t i = 1; i + 1 < f->nr_pages; i++) {
		bool mapped = (i >= quarter && i < 2 * quarter) ||
			      (f->info.nr_levels > 1 && i == 3 * quarter);

		if (mapped)
			leaf_at(f, i);
		else
			assert_int_equal(soft_at(f, i, 0).kind,
					 i == 2 ? PT_SOFT_SWAP : PT_SOFT_MARKER);
	}
	/* and leaves alone become something else */
	change.flags = PT_CHANGE_ONLY_LEAVES;
	assert_int_equal(set(f, 0, 2 * quarter, 0, SWAP(0x1000), &change), 0);
	assert_int_equal(change.done, quarter * f->granule);
	assert_int_equal(soft_at(f, 1, 0).kind, PT_SOFT_MARKER);
	assert_int_equal(soft_at(f, quarter, 0).offset, 0x1000 + quarter);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
}

/* A larger leaf that reaches outside stays whole. */
static void markers_leave_larger_leaves_whole(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { .flags = PT_CHANGE_ONLY_HOLES };
	size_t leaf;

	if (!with_soft(f))
		return;
	leaf = pages(f, f->leaf1);
	do_map(f, 0, leaf, 0, RWX);
	do_map(f, 2 * leaf, leaf, 2 * leaf, RWX);
	assert_int_equal(set(f, leaf / 2, 2 * leaf, 0, MARKER, &change), 0);
	assert_int_equal(soft_at(f, leaf, 0).kind, PT_SOFT_MARKER);
	assert_int_equal(soft_at(f, 2 * leaf - 1, 0).kind, PT_SOFT_MARKER);
	agree_on_leaves(f);
	/* nothing but such a leaf: nothing to do */
	assert_int_equal(set(f, leaf / 2, 1, 0, MARKER, &change), 0);
	agree_on_leaves(f);
}

static void prot_none_comes_back_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { .flags = 0 }, skip = { .flags = PT_CHANGE_SKIP_HOLES };
	const pt_attr_t attr = RWX | PT_ATTR_ACCESSED;
	size_t first, nr, block;
	struct pt_leaf before[8];

	if (!with_soft(f))
		return;
	first = 3;
	nr = f->nr_pages / 2;
	block = pages(f, f->block);
	do_map_flags(f, 0, f->nr_pages / 2 + 8, page_pa(f, 0), attr, 0, lg2(f->block));
	for (size_t i = 0; i < 8; i++)
		before[i] = leaf_at(f, first + i * nr / 8);
	watcher_expect(&f->watcher, f->pt);
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, first), nr * f->granule, 0, 0, &change), 0);
	assert_true(watcher_was_flushed(&f->watcher, f->pt));
	assert_int_equal(change.done, nr * f->granule);
	assert_int_equal(change.was & PT_ATTR_ACCESSED, PT_ATTR_ACCESSED);
	for (size_t i = first; i < first + nr; i++) {
		struct pt_soft soft;

		assert_int_equal(pt_soft_lookup(f->pt, page_va(f, i), &soft, NULL), 0);
		assert_int_equal(soft.kind, PT_SOFT_PROT_NONE);
	}
	/* it is in the way, and nothing else's */
	assert_int_equal(pt_map(f->pt, page_va(f, first), 0, f->granule, RWX, NULL), -EEXIST);
	assert_int_equal(pt_soft_map(f->pt, page_va(f, first), page_pa(f, first), f->granule, RWX,
				     &change),
			 -EEXIST);
	assert_int_equal(pt_soft_show(f->pt, page_va(f, 0), 4 * f->granule, 0, 0, &change),
			 -ENOENT);
	assert_int_equal(change.bad_va, page_va(f, 0));
	/* hidden words take attributes too, and give them back */
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, first), nr * f->granule, 0, PT_ATTR_WRITE,
				      &change),
			 0);
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, first), nr * f->granule,
				      PT_ATTR_WRITE | (before[0].attr & PT_ATTR_DIRTY), 0, &change),
			 0);
	assert_int_equal(pt_soft_show(f->pt, page_va(f, 0), (nr + 8) * f->granule, 0, 0, &skip), 0);
	assert_int_equal(skip.done, nr * f->granule);
	for (size_t i = 0; i < 8; i++) {
		struct pt_leaf leaf = leaf_at(f, first + i * nr / 8);

		assert_int_equal(leaf.attr, before[i].attr & ~PT_ATTR_GLOBAL);
		assert_int_equal(leaf.pa, before[i].pa);
	}
	/* whole blocks inside are blocks again */
	if (block > 1)
		assert_int_equal(leaf_at(f, block).contig_lg2, lg2(block));
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

/* A part of a hidden block becomes pages. */
static void part_of_a_hidden_block_is_no_block(void **state)
{
	struct fixture *f = *state;
	size_t block;

	if (!with_soft(f))
		return;
	block = pages(f, f->block);
	do_map_flags(f, 0, block, page_pa(f, 0), RWX, 0, lg2(f->block));
	assert_int_equal(leaf_at(f, 0).contig_lg2, lg2(block));
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, 0), f->block, 0, 0, NULL), 0);
	assert_int_equal(pt_soft_show(f->pt, page_va(f, 1), f->granule, 0, 0, NULL), 0);
	assert_int_equal(leaf_at(f, 1).contig_lg2, 0);
	assert_int_equal(pt_soft_show(f->pt, page_va(f, 0), f->granule, 0, 0, NULL), 0);
	assert_int_equal(pt_soft_show(f->pt, page_va(f, 2), f->block - 2 * f->granule, 0, 0, NULL),
			 0);
	for (size_t i = 0; i < block; i++)
		assert_int_equal(leaf_at(f, i).contig_lg2, 0);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
}

/* A hidden leaf of level 1 in parts: its pages. */
static void a_hidden_leaf_can_be_split(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { 0 };
	size_t leaf;

	if (!with_soft(f))
		return;
	leaf = pages(f, f->leaf1);
	do_map(f, 0, leaf, 0, RWX);
	if (!leaf_level(f, 0))
		return;
	assert_int_equal(pt_soft_hide(f->pt, f->base, f->leaf1, 0, 0, NULL), 0);
	assert_int_equal(pt_soft_show(f->pt, page_va(f, 1), f->granule, 0, 0, &change), -EFAULT);
	f->source.fail_all = true;
	assert_int_equal(pt_soft_split(f->pt, page_va(f, 1), f->granule, 0, &change), -ENOMEM);
	f->source.fail_all = false;
	assert_int_equal(soft_at(f, 1, 1).kind, PT_SOFT_PROT_NONE);
	assert_int_equal(pt_soft_split(f->pt, page_va(f, 1), f->granule, 0, &change), 0);
	assert_int_equal(pt_soft_show(f->pt, f->base, f->leaf1, 0, 0, &change), 0);
	for (size_t i = 0; i < leaf; i++)
		leaf_at(f, i);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

/* soft_map.h: blocks that reach outside are unfolded, also behind the range. */
static void words_into_a_block_leave_its_rest_as_pages(void **state)
{
	struct fixture *f = *state;
	size_t block;

	if (!with_soft(f))
		return;
	block = pages(f, f->block);
	do_map(f, 0, 2 * block, 0, RWX);
	assert_int_equal(leaf_at(f, block).contig_lg2, lg2(block));
	watcher_expect(&f->watcher, f->pt);
	assert_int_equal(set(f, 0, block + 1, 0, SWAP(1), NULL), 0);
	assert_true(watcher_was_flushed(&f->watcher, f->pt));
	for (size_t i = block + 1; i < 2 * block; i++)
		assert_int_equal(leaf_at(f, i).contig_lg2, 0);
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
}

/* A contiguous block is of entries that differ in nothing but hardware's marks. */
static void pages_that_differ_become_no_block(void **state)
{
	struct fixture *f = *state;
	struct pt_change inherit = { .flags = PT_CHANGE_INHERIT };
	struct pt_soft marked = SWAP(8);
	struct pt_leaf leaf;
	size_t block;

	if (!with_soft(f))
		return;
	block = pages(f, f->block);
	/* by a mark that one word hands down */
	marked.flags = PT_SOFT_UFFD_WP;
	assert_int_equal(set(f, 0, block, 0, SWAP(5), NULL), 0);
	assert_int_equal(set(f, 3, 1, 0, marked, NULL), 0);
	assert_int_equal(
		pt_soft_map(f->pt, page_va(f, 0), page_pa(f, 0), f->block, RWX, &inherit), 0);
	for (size_t i = 0; i < block; i++) {
		assert_int_equal(leaf_at(f, i).contig_lg2, 0);
		assert_int_equal(leaf_at(f, i).attr & soft_cfg.attr_uffd_wp,
				 i == 3 ? soft_cfg.attr_uffd_wp : 0);
	}
	/* by an address that is aligned to no block */
	assert_int_equal(set(f, block, block, 0, SWAP(5), NULL), 0);
	assert_int_equal(
		pt_soft_map(f->pt, page_va(f, block), page_pa(f, 1), f->block, RWX, NULL), 0);
	assert_int_equal(pt_lookup(f->pt, page_va(f, block), &leaf), 0);
	assert_int_equal(leaf.contig_lg2, 0);
	assert_int_equal(leaf.pa, page_pa(f, 1));
	/* by rights that changed while they were hidden */
	do_map(f, 2 * block, block, 2 * block, RWX);
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, 2 * block), f->block, 0, 0, NULL), 0);
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, 2 * block + 3), f->granule, 0,
				      PT_ATTR_WRITE, NULL),
			 0);
	assert_int_equal(pt_soft_show(f->pt, page_va(f, 2 * block), f->block, 0, 0, NULL), 0);
	for (size_t i = 2 * block; i < 3 * block; i++) {
		assert_int_equal(leaf_at(f, i).contig_lg2, 0);
		assert_int_equal(leaf_at(f, i).attr & PT_ATTR_WRITE,
				 i == 2 * block + 3 ? 0 : PT_ATTR_WRITE);
	}
	assert_int_equal(pt_verify(f->pt, NULL, NULL), 0);
}

/* What a PROT_NONE word hides has marks too. */
static void words_inherit_from_hidden_leaves(void **state)
{
	struct fixture *f = *state;
	struct pt_change inherit = { .flags = PT_CHANGE_INHERIT };

	if (!with_soft(f))
		return;
	do_map_small(f, 0, 1, 0,
		     RWX | PT_ATTR_ACCESSED | soft_cfg.attr_uffd_wp | soft_cfg.attr_soft_dirty);
	do_map_small(f, 1, 1, 1, RWX);
	assert_int_equal(pt_soft_hide(f->pt, page_va(f, 0), 2 * f->granule, 0, 0, NULL), 0);
	assert_int_equal(set(f, 0, 2, 0, MIGRATION(0x800), &inherit), 0);
	assert_int_equal(soft_at(f, 0, 0).flags,
			 PT_SOFT_YOUNG | PT_SOFT_UFFD_WP |
				 (soft_cfg.soft_dirty ? PT_SOFT_SOFT_DIRTY : 0));
	assert_int_equal(soft_at(f, 1, 0).flags, 0);
}

/* soft_map.h: marks go "into the new word if its kind has them". */
static void words_inherit_no_mark_that_their_kind_has_not(void **state)
{
	struct fixture *f = *state;
	struct pt_change inherit = { .flags = PT_CHANGE_INHERIT };
	const struct pt_soft word[] = { HWPOISON, MARKER };

	if (!with_soft(f))
		return;
	for (size_t i = 0; i < 2; i++) {
		uint64_t raw;

		do_map_small(f, i, 1, i,
			     RWX | PT_ATTR_ACCESSED | soft_cfg.attr_uffd_wp |
				     soft_cfg.attr_soft_dirty);
		assert_int_equal(set(f, i, 1, 0, word[i], &inherit), 0);
		assert_int_equal(pt_soft_encode(&soft_cfg, 0, &word[i], &raw), 0);
		assert_int_equal(read_word(f, word_pa(f, page_va(f, i))), raw);
	}
}

/* A word is changed as a whole or not at all, whichever of its ends the range leaves out. */
static void words_that_reach_outside_are_refused(void **state)
{
	struct fixture *f = *state;
	const uint64_t rest = f->leaf1 - f->granule;
	struct pt_change change;

	if (!with_soft(f) || !f->info.can_leaf[1])
		return;
	do_map(f, 0, pages(f, f->leaf1), 0, RWX);
	assert_int_equal(pt_soft_hide(f->pt, f->base, f->leaf1, 0, 0, NULL), 0);
	for (size_t i = 0; i < 2; i++) {
		change = (struct pt_change){ .done = 99 };
		assert_int_equal(pt_soft_hide(f->pt, page_va(f, i), rest, 0, 0, &change), -EFAULT);
		assert_int_equal(change.bad_va, page_va(f, i));
		assert_int_equal(change.done, 0);
		assert_int_equal(pt_soft_show(f->pt, page_va(f, i), rest, 0, 0, &change), -EFAULT);
		assert_int_equal(change.bad_va, page_va(f, i));
		assert_int_equal(pt_unmap(f->pt, page_va(f, i), rest, &change), -EFAULT);
		assert_int_equal(change.bad_va, page_va(f, i));
		assert_int_equal(soft_at(f, 0, 1).kind, PT_SOFT_PROT_NONE);
	}
	assert_int_equal(pt_unmap(f->pt, f->base, f->leaf1, NULL), 0);
	assert_int_equal(set(f, 0, pages(f, f->leaf1), 1, MIGRATION(0), NULL), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pt_soft_map(f->pt, page_va(f, i), page_pa(f, i), rest, RWX,
					     &change),
				 -EINVAL);
		assert_int_equal(soft_at(f, 0, 1).kind, PT_SOFT_MIGRATION_WRITE);
	}
	/* nor to an address that its leaf cannot have */
	assert_int_equal(pt_soft_map(f->pt, f->base, page_pa(f, 1), f->leaf1, RWX, &change),
			 -EINVAL);
	assert_int_equal(soft_at(f, 0, 1).kind, PT_SOFT_MIGRATION_WRITE);
	assert_true(watcher_agrees(&f->watcher, f->pt));
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(leaves_become_words_of_consecutive_offsets, NEEDS_2_LEVELS),
		TEST_ON(parts_of_leaves_that_go_are_flushed_by_the_gather, NEEDS_X86_64),
		TEST_ON(a_block_of_words_becomes_a_contiguous_block, NEEDS_CONTIG),
		TEST_ON(migration_keeps_the_marks_of_each_page, NEEDS_2_LEVELS),
		TEST_ON(words_of_every_level, NEEDS_2_LEVELS),
		TEST_ON(markers_go_into_holes_only, NEEDS_2_LEVELS),
		TEST_ON(markers_leave_larger_leaves_whole, NEEDS_3_LEVELS),
		TEST_ON(prot_none_comes_back_as_it_was, NEEDS_2_LEVELS),
		TEST_ON(part_of_a_hidden_block_is_no_block, NEEDS_CONTIG),
		TEST_ON(a_hidden_leaf_can_be_split, NEEDS_3_LEVELS),
		TEST_ON(words_into_a_block_leave_its_rest_as_pages, NEEDS_CONTIG),
		TEST_ON(pages_that_differ_become_no_block, NEEDS_CONTIG),
		TEST_ON(words_inherit_from_hidden_leaves, NEEDS_2_LEVELS),
		TEST_ON(words_inherit_no_mark_that_their_kind_has_not, NEEDS_2_LEVELS),
		TEST_ON(words_that_reach_outside_are_refused, NEEDS_3_LEVELS),
	};

	return RUN_ON_ALL("soft", tests);
}
