/* SPDX-License-Identifier: MIT */
/* pt_pgtable_open(): tables that somebody else made, word by word. */
#include "unit/fixture.h"

#define HAND_PAGES 32 /* in which tables are written by hand: the end of the fixture's range */

/* Tables by hand for the address f->base: one a level, the top one at @root. */
struct hand {
	pt_pa_t table[PT_MAX_LEVELS];
	pt_pa_t word[PT_MAX_LEVELS]; /* the entry for f->base */
	struct pt_pgtable *pt;
};

static void put_word(struct fixture *f, pt_pa_t pa, uint64_t raw)
{
	*(uint64_t *)pt_phys_to_host(f->phys, pa, 8) = raw;
}

/* Maps f->base to f->pa with one page; the rest is holes. Opens it with @cfg. */
static void hand_open(struct fixture *f, struct hand *h, const struct pt_pgtable_cfg *cfg)
{
	pt_pa_t pa = f->source.pa + (NR_TABLE_PAGES - HAND_PAGES) * f->granule;
	unsigned int top = f->info.nr_levels - 1;

	pt_phys_unpoison(f->phys, pa, HAND_PAGES * f->granule);
	memset(pt_phys_to_host(f->phys, pa, HAND_PAGES * f->granule), 0,
	       (size_t)(HAND_PAGES * f->granule));
	for (unsigned int level = 0; level <= top; level++) {
		uint64_t index = f->base >> f->info.leaf_lg2[level] &
				 ((UINT64_C(1) << f->info.entries_lg2[level]) - 1);

		h->table[level] = pa + level * f->granule;
		/* concatenated tables first, aligned to their whole size */
		if (fixture_is_concat(f))
			h->table[level] = level == top ? pa : pa + (16 + level) * f->granule;
		/* a root needs its size's alignment only */
		else if (level == top)
			h->table[level] += UINT64_C(1) << f->info.root_align_lg2;
		if (!fixture_is_concat(f) && h->table[level] + (8 << f->info.entries_lg2[level]) >
						     pa + (level + 2) * f->granule)
			h->table[level] = pa + level * f->granule;
		h->word[level] = h->table[level] + 8 * index;
		put_word(f, h->word[level],
			 level ? raw_table(&f->fmt, h->table[level - 1]) :
				 raw_leaf(&f->fmt, f->pa, 0));
	}
	assert_int_equal(pt_pgtable_open(&h->pt, f->phys, cfg, h->table[top]), 0);
}

static struct pt_pgtable_cfg without_tables(const struct fixture *f)
{
	struct pt_pgtable_cfg cfg = f->cfg;

	cfg.tables = (struct pt_table_ops){ 0 };
	return cfg;
}

static void reads_tables_made_by_hand(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable_cfg cfg = without_tables(f);
	struct pt_range_walk walk;
	struct pt_usage usage;
	struct pt_leaf leaf;
	struct hand h;

	hand_open(f, &h, &cfg);
	assert_int_equal(pt_pgtable_root(h.pt), h.table[f->info.nr_levels - 1]);
	assert_int_equal(pt_lookup(h.pt, f->base + 9, &leaf), 0);
	assert_int_equal(leaf.pa, f->pa + 9);
	assert_int_equal(leaf.raw, raw_leaf(&f->fmt, f->pa, 0));
	assert_true(leaf.attr & PT_ATTR_ACCESSED);
	assert_int_equal(pt_range_walk_start(&walk, h.pt, 0, UINT64_MAX, PT_TYPE_PFN, 0), PTW_PFN);
	assert_int_equal(walk.va, f->base);
	assert_int_equal(walk.len, f->granule);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_verify(h.pt, NULL, NULL), 0);
	assert_int_equal(pt_usage(h.pt, &usage), 0);
	for (unsigned int level = 0; level < f->info.nr_levels; level++)
		assert_int_equal(usage.tables[level], 1);
	pt_pgtable_destroy(h.pt);
	/* nothing of it was freed or changed */
	assert_int_equal(read_word(f, h.word[0]), raw_leaf(&f->fmt, f->pa, 0));
}

static void changes_foreign_tables_in_place(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable_cfg cfg = without_tables(f);
	struct pt_change change = { 0 };
	struct pt_leaf leaf;
	struct hand h;

	hand_open(f, &h, &cfg);
	assert_int_equal(pt_map(h.pt, f->base + f->granule, f->pa, f->granule, RWX, NULL), 0);
	assert_int_equal(pt_protect(h.pt, f->base, f->granule, PT_ATTR_SW(3), PT_ATTR_WRITE, NULL),
			 0);
	assert_int_equal(pt_lookup(h.pt, f->base, &leaf), 0);
	assert_false(leaf.attr & PT_ATTR_WRITE);
	assert_int_equal(pt_attr_sw(leaf.attr), 3);
	assert_int_equal(pt_test_and_clear_accessed(h.pt, f->base, 2 * f->granule, &change), 0);
	assert_int_equal(change.done, f->granule);
	assert_int_equal(pt_unmap(h.pt, f->base, f->granule, &change), 0);
	assert_int_equal(change.done, f->granule);
	assert_int_equal(read_word(f, h.word[0]), 0);
	assert_int_equal(pt_verify(h.pt, NULL, NULL), 0);
	pt_pgtable_destroy(h.pt);
}

static void never_frees_foreign_tables(void **state)
{
	struct fixture *f = *state;
	struct pt_change change = { .flags = PT_CHANGE_FREE_TABLES };
	struct hand h;

	hand_open(f, &h, &f->cfg);
	assert_int_equal(pt_unmap(h.pt, f->base, f->granule, &change), 0);
	assert_int_equal(change.done, f->granule);
	/* every table of theirs still hangs where it hung */
	for (unsigned int level = 1; level < f->info.nr_levels; level++)
		assert_int_equal(read_word(f, h.word[level]),
				 raw_table(&f->fmt, h.table[level - 1]));
	pt_pgtable_destroy(h.pt);
	assert_int_equal(f->source.nr_live, f->info.nr_levels > 0 ? 1 : 0); /* the fixture's root */
}

static void cannot_make_tables_without_table_ops(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable_cfg cfg = without_tables(f);
	struct pt_pgtable *pt = (void *)&cfg;
	pt_va_t elsewhere = f->base + 3 * f->leaf1;
	struct hand h;
	size_t nr_tables;
	pt_pa_t pa;

	assert_int_equal(pt_pgtable_create(&pt, f->phys, &cfg), -EOPNOTSUPP);
	hand_open(f, &h, &cfg);
	assert_int_equal(pt_map(h.pt, elsewhere, f->pa, f->granule, RWX, NULL), -EOPNOTSUPP);
	assert_int_equal(pt_map_probe(h.pt, elsewhere, f->pa, f->granule, RWX, NULL, &nr_tables),
			 -EOPNOTSUPP);
	assert_int_equal(pt_map_probe(h.pt, f->base + f->granule, f->pa, f->granule, RWX, NULL,
				      &nr_tables),
			 0);
	assert_int_equal(nr_tables, 0);
	assert_int_equal(pt_translate(h.pt, elsewhere, &pa), -ENOENT);
	/* a leaf in the table that is there needs none */
	assert_int_equal(pt_map(h.pt, elsewhere, 0, f->leaf1, RWX,
				&(struct pt_change){ .flags = PT_CHANGE_NO_CONTIG }),
			 0);
	/* but a part of it would */
	assert_int_equal(pt_unmap(h.pt, elsewhere, f->granule, NULL), -EOPNOTSUPP);
	assert_int_equal(pt_protect(h.pt, elsewhere, f->granule, 0, PT_ATTR_WRITE, NULL),
			 -EOPNOTSUPP);
	assert_int_equal(pt_split(h.pt, elsewhere, f->leaf1, 0, NULL), -EOPNOTSUPP);
	assert_int_equal(pt_translate(h.pt, elsewhere + f->leaf1 - 1, &pa), 0);
	assert_int_equal(pa, f->leaf1 - 1);
	assert_int_equal(pt_unmap(h.pt, elsewhere, f->leaf1, NULL), 0);
	assert_int_equal(pt_verify(h.pt, NULL, NULL), 0);
	pt_pgtable_destroy(h.pt);
}

/* Foreign tables in one region, new ones in another that was added beside it. */
static void new_tables_come_from_an_added_region(void **state)
{
	struct fixture *f = *state;
	struct pt_phys_region room = { .pa = f->granule << 4, .len = f->granule << 5, .fd = -1 };
	pt_va_t elsewhere = f->base + 3 * f->leaf1 + 5 * f->granule;
	struct pt_pgtable_cfg cfg = f->cfg;
	struct pt_change change = { .flags = PT_CHANGE_FREE_TABLES };
	struct page_source source;
	struct hand h;
	pt_pa_t pa;

	assert_int_equal(pt_phys_add(f->phys, &room), 0);
	page_source_init(&source, f->phys, room.pa, f->info.granule_lg2,
			 (size_t)(room.len / f->granule));
	cfg.tables = page_source_ops(&source);
	cfg.watch = NULL;
	hand_open(f, &h, &cfg);
	assert_int_equal(pt_map(h.pt, elsewhere, f->pa, f->granule, RWX, NULL), 0);
	assert_int_equal(source.nr_live, 1);
	assert_int_equal(pt_translate(h.pt, elsewhere, &pa), 0);
	assert_int_equal(pa, f->pa);
	assert_int_equal(pt_verify(h.pt, NULL, NULL), 0);
	/* ours goes when it is empty, theirs stay */
	assert_int_equal(pt_unmap(h.pt, elsewhere, f->granule, &change), 0);
	assert_int_equal(source.nr_live, 0);
	assert_int_equal(pt_map(h.pt, elsewhere, f->pa, f->granule, RWX, NULL), 0);
	/* and when the table is destroyed */
	pt_pgtable_destroy(h.pt);
	assert_int_equal(source.nr_live, 0);
	assert_int_equal(read_word(f, h.word[0]), raw_leaf(&f->fmt, f->pa, 0));
	page_source_exit(&source);
}

/* Split below a foreign entry: the new table is ours, and goes with a collapse. */
static void splits_and_collapses_foreign_leaves(void **state)
{
	struct fixture *f = *state;
	struct hand h;
	uint64_t leaf;
	size_t live = f->source.nr_live;
	struct pt_leaf found;

	hand_open(f, &h, &f->cfg);
	leaf = raw_leaf(&f->fmt, 0, 1);
	put_word(f, h.word[1], leaf);
	assert_int_equal(pt_split(h.pt, f->base, f->leaf1, 0, NULL), 0);
	assert_int_equal(f->source.nr_live, live + 1);
	assert_int_equal(pt_lookup(h.pt, f->base + f->leaf1 - 1, &found), 0);
	assert_int_equal(found.level, 0);
	assert_int_equal(found.pa, f->leaf1 - 1);
	assert_int_equal(pt_verify(h.pt, NULL, NULL), 0);
	assert_int_equal(pt_collapse(h.pt, f->base, f->leaf1, 1, NULL), 0);
	assert_int_equal(f->source.nr_live, live);
	assert_int_equal(read_word(f, h.word[1]), leaf);
	pt_pgtable_destroy(h.pt);
}

/* A foreign table is not freed, and may be anything's by then: a walk does not go on in it. */
static void walks_leave_a_foreign_table_that_was_collapsed(void **state)
{
	struct fixture *f = *state;
	struct pt_range_walk walk;
	struct hand h;

	hand_open(f, &h, &f->cfg);
	for (uint64_t i = 0; i < f->leaf1 / f->granule; i++)
		put_word(f, h.table[0] + 8 * i, raw_leaf(&f->fmt, i * f->granule, 0));
	assert_int_equal(pt_range_walk_start(&walk, h.pt, f->base, f->base + f->leaf1 - 1,
					     PT_TYPE_PFN, PT_WALK_EACH),
			 PTW_PFN);
	assert_int_equal(pt_range_walk_next(&walk), PTW_PFN);
	assert_int_equal(pt_collapse(h.pt, f->base, f->leaf1, 1, NULL), 0);
	assert_int_equal(pt_unmap(h.pt, f->base, f->leaf1, NULL), 0);
	assert_int_equal(read_word(f, h.word[1]), 0);
	assert_int_equal(pt_range_walk_next(&walk), PTW_DONE);
	assert_int_equal(pt_range_walk_done(&walk), 0);
	pt_pgtable_destroy(h.pt);
}

/* A root shorter than the contiguous blocks of its level has none, whatever stands behind it. */
static void words_behind_a_short_root_are_not_its(void **state)
{
	struct fixture *f = *state;
	const size_t nr = (size_t)1 << f->info.entries_lg2[0], block = (size_t)1
								       << f->info.contig_lg2[0];
	struct pt_pgtable_cfg cfg = without_tables(f);
	pt_pa_t pa = f->source.pa + (NR_TABLE_PAGES - 1) * f->granule;
	struct pt_pgtable *pt;

	if (f->info.nr_levels > 1 || nr >= block)
		skip();
	pt_phys_unpoison(f->phys, pa, f->granule);
	for (size_t i = 0; i < block; i++)
		put_word(f, pa + 8 * i,
			 raw_leaf(&f->fmt, i * f->granule, 0) | UINT64_C(1) << 52);
	assert_int_equal(pt_pgtable_open(&pt, f->phys, &cfg, pa), 0);
	assert_int_equal(pt_unmap(pt, f->info.first, f->granule, NULL), 0);
	assert_int_equal(read_word(f, pa), 0);
	for (size_t i = 1; i < block; i++)
		assert_int_equal(read_word(f, pa + 8 * i),
				 raw_leaf(&f->fmt, i * f->granule, 0) | UINT64_C(1) << 52);
	pt_pgtable_destroy(pt);
}

/* Where the tables of the system end and memory begins is not ours to know: any word may come. */
static void opens_anything_and_reads_nothing(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable_cfg cfg = without_tables(f);
	uint64_t root_bytes = UINT64_C(8) << f->info.entries_lg2[f->info.nr_levels - 1];
	uint64_t bytes = root_bytes < f->granule ? f->granule : root_bytes;
	pt_pa_t root = f->source.pa + NR_TABLE_PAGES * f->granule - bytes;
	struct pt_pgtable *pt;
	uint64_t *words;

	pt_phys_unpoison(f->phys, root, bytes);
	words = pt_phys_to_host(f->phys, root, bytes);
	for (size_t i = 0; i < bytes / 8; i++)
		words[i] = i * UINT64_C(0x9e3779b97f4a7c15) | 1;
	assert_int_equal(pt_pgtable_open(&pt, f->phys, &cfg, root), 0);
	assert_int_equal(pt_verify(pt, NULL, NULL), -EFAULT);
	pt_pgtable_destroy(pt);
	for (size_t i = 0; i < bytes / 8; i++)
		assert_int_equal(words[i], i * UINT64_C(0x9e3779b97f4a7c15) | 1);
}

static void refuses_roots_that_cannot_be(void **state)
{
	struct fixture *f = *state;
	struct pt_pgtable_cfg cfg = f->cfg;
	uint64_t align = UINT64_C(1) << f->info.root_align_lg2;
	struct pt_pgtable *pt = (void *)&cfg;
	pt_pa_t end = f->source.pa + NR_TABLE_PAGES * f->granule;
	uint64_t size = UINT64_C(8) << f->info.entries_lg2[f->info.nr_levels - 1];

	assert_int_equal(pt_pgtable_open(&pt, f->phys, &cfg, f->source.pa + align / 2), -EINVAL);
	assert_int_equal(pt_pgtable_open(&pt, f->phys, &cfg, f->source.pa + 8), align == 8 ? 0 :
									    -EINVAL);
	assert_int_equal(pt_pgtable_open(&pt, f->phys, &cfg, 0), -EFAULT);
	assert_int_equal(pt_pgtable_open(&pt, f->phys, &cfg, end), -EFAULT);
	assert_int_equal(pt_pgtable_open(&pt, f->phys, &cfg, f->source.pa - align), -EFAULT);
	assert_int_equal(pt_pgtable_open(&pt, f->phys, &cfg, UINT64_MAX & ~(align - 1)), -EFAULT);
	/* the last place where it fits */
	assert_int_equal(pt_pgtable_open(&pt, f->phys, &cfg, end - (size < align ? align : size)),
			 0);
	pt_pgtable_destroy(pt);
}

/* Hardware compares a block's own address with the output width, not where the block ends. */
static void does_not_split_a_block_larger_than_the_output_width(void **state)
{
	struct fixture *f = *state;
	struct pt_phys_region region = { .pa = 0x10000, .len = 64 << 16, .fd = -1 };
	pt_va_t va = UINT64_C(4) << 40, middle = va + (UINT64_C(2) << 40);
	struct pt_pgtable_cfg cfg = { .mode = f->cfg.mode };
	const struct pt_soft swap = { .kind = PT_SOFT_SWAP, .type = 1, .offset = 1 };
	struct pt_soft_cfg soft;
	struct pt_change change;
	struct page_source source;
	struct pt_pgtable *pt;
	struct pt_phys *phys;
	pt_pa_t word, pa;
	uint64_t raw;

	assert_int_equal(pt_fmt_cfg_init(&cfg.fmt, PT_FMT_ARM64_64K), 0);
	cfg.fmt.va_bits = 48;
	cfg.fmt.pa_bits = 32;
	cfg.fmt.features |= PT_FEAT_LPA;
	assert_int_equal(pt_soft_cfg_init(&soft, PT_SOFT_ARM64, &cfg.fmt, 0), 0);
	cfg.soft = &soft;
	assert_int_equal(pt_phys_create(&phys, &region, 1, 12), 0);
	page_source_init(&source, phys, region.pa + 0x10000, 16, 60);
	cfg.tables = page_source_ops(&source);
	assert_int_equal(pt_pgtable_open(&pt, phys, &cfg, region.pa), 0);
	word = region.pa + 8;
	raw = raw_leaf(&cfg.fmt, 0, 2);
	assert_int_equal(pt_phys_write(phys, word, &raw, 8), 0);
	assert_int_equal(pt_translate(pt, middle, &pa), 0);
	assert_int_equal(pa, middle - va);

	change = (struct pt_change){ .bad_va = 1, .done = 1 };
	assert_int_equal(pt_split(pt, middle, 0x10000, 0, &change), -EFAULT);
	assert_int_equal(change.bad_va, middle);
	assert_int_equal(change.done, 0);
	assert_int_equal(pt_unmap(pt, middle, 0x10000, &change), -EFAULT);
	assert_int_equal(change.bad_va, middle);
	assert_int_equal(change.done, 0);
	/* the leaf is in the way where the range meets it: at its beginning */
	assert_int_equal(pt_unmap(pt, va - 0x10000, 0x20000, &change), -EFAULT);
	assert_int_equal(change.bad_va, va);
	assert_int_equal(pt_protect(pt, va, 0x10000, 0, PT_ATTR_WRITE, &change), -EFAULT);
	assert_int_equal(change.bad_va, va);
	assert_int_equal(change.done, 0);
	assert_int_equal(source.nr_live, 0);
	assert_int_equal(pt_phys_read(phys, word, &raw, 8), 0);
	assert_int_equal(raw, raw_leaf(&cfg.fmt, 0, 2));

	/* nor do software's words come into a part of it, nor into one of what hides it */
	change = (struct pt_change){ 0 };
	assert_int_equal(pt_soft_set(pt, middle, 0x10000, 0, &swap, &change), -EFAULT);
	assert_int_equal(change.bad_va, middle);
	assert_int_equal(pt_soft_hide(pt, va, UINT64_C(4) << 40, 0, 0, NULL), 0);
	assert_int_equal(pt_soft_split(pt, middle, 0x10000, 0, &change), -EFAULT);
	assert_int_equal(change.bad_va, middle);
	assert_int_equal(pt_soft_show(pt, va, UINT64_C(4) << 40, 0, 0, NULL), 0);
	assert_int_equal(source.nr_live, 0);

	/* as a whole it changes as any other */
	assert_int_equal(pt_split(pt, va, UINT64_C(4) << 40, 2, NULL), 0);
	assert_int_equal(pt_protect(pt, va, UINT64_C(4) << 40, 0, PT_ATTR_WRITE, &change), 0);
	assert_int_equal(change.done, UINT64_C(4) << 40);
	assert_int_equal(pt_unmap(pt, va, UINT64_C(4) << 40, &change), 0);
	assert_int_equal(change.done, UINT64_C(4) << 40);
	pt_pgtable_destroy(pt);
	page_source_exit(&source);
	pt_phys_destroy(phys);
}

/* All that it translates to has descriptors then. */
static void splits_a_block_as_large_as_the_output_width(void **state)
{
	struct fixture *f = *state;
	struct pt_phys_region region = { .pa = 0x10000, .len = 64 << 16, .fd = -1 };
	const uint64_t size = UINT64_C(4) << 40;
	struct pt_pgtable_cfg cfg = { .mode = f->cfg.mode };
	struct page_source source;
	struct pt_pgtable *pt;
	struct pt_phys *phys;
	pt_pa_t pa;

	assert_int_equal(pt_fmt_cfg_init(&cfg.fmt, PT_FMT_ARM64_64K), 0);
	cfg.fmt.va_bits = 48;
	cfg.fmt.pa_bits = 42;
	cfg.fmt.features |= PT_FEAT_LPA;
	assert_int_equal(pt_phys_create(&phys, &region, 1, 12), 0);
	page_source_init(&source, phys, region.pa, 16, 60);
	cfg.tables = page_source_ops(&source);
	assert_int_equal(pt_pgtable_create(&pt, phys, &cfg), 0);
	assert_int_equal(pt_map(pt, size, 0, size, RWX, NULL), 0);
	assert_int_equal(source.nr_live, 1);
	assert_int_equal(pt_protect(pt, 2 * size - 0x10000, 0x10000, 0, PT_ATTR_WRITE, NULL), 0);
	assert_int_equal(pt_translate(pt, 2 * size - 1, &pa), 0);
	assert_int_equal(pa, size - 1);
	assert_int_equal(pt_verify(pt, NULL, NULL), 0);
	pt_pgtable_destroy(pt);
	page_source_exit(&source);
	pt_phys_destroy(phys);
}

int main(void)
{
	static const struct test_case tests[] = {
		TEST_ON(reads_tables_made_by_hand, NEEDS_ACCESSED),
		TEST_ON(changes_foreign_tables_in_place, NEEDS_ACCESSED),
		TEST(never_frees_foreign_tables),
		TEST_ON(cannot_make_tables_without_table_ops, NEEDS_2_LEVELS),
		TEST_ON(new_tables_come_from_an_added_region, NEEDS_2_LEVELS),
		TEST_ON(splits_and_collapses_foreign_leaves, NEEDS_2_LEVELS),
		TEST_ON(walks_leave_a_foreign_table_that_was_collapsed, NEEDS_2_LEVELS),
		TEST_ON(words_behind_a_short_root_are_not_its, NEEDS_HALF),
		TEST(opens_anything_and_reads_nothing),
		TEST(refuses_roots_that_cannot_be),
		TEST_ON(does_not_split_a_block_larger_than_the_output_width, NEEDS_HALF),
		TEST_ON(splits_a_block_as_large_as_the_output_width, NEEDS_HALF),
	};

	return RUN_ON_ALL("open", tests);
}
