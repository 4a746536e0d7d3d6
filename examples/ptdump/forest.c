/* SPDX-License-Identifier: MIT */
/* What hangs below roots, table by table; levels go down on each way, so every way ends. */
#include "forest.h"

#include <stdlib.h>

#define FRAME_LG2 12

/* ---- by frame ---- */

static size_t count_frames(const struct pt_phys *phys)
{
	size_t nr = 0;

	for (size_t i = 0; i < pt_phys_nr_regions(phys); i++) {
		uint64_t len;
		pt_pa_t pa;

		pt_phys_region(phys, i, &pa, &len);
		nr += len >> FRAME_LG2;
	}
	return nr;
}

/* The number of the frame at @pa, which is in memory. */
static size_t frame_of(const struct dump_forest *forest, pt_pa_t pa)
{
	size_t before = 0;

	for (size_t i = 0;; i++) {
		uint64_t len;
		pt_pa_t first;

		pt_phys_region(forest->phys, i, &first, &len);
		if (pa - first < len)
			return before + ((pa - first) >> FRAME_LG2);
		before += len >> FRAME_LG2;
	}
}

static uint32_t *number_of(const struct dump_forest *forest, pt_pa_t pa, unsigned int level)
{
	return &forest->number_of[frame_of(forest, pa) * forest->root->info.nr_levels + level];
}

static void *allocate(void *old, size_t nr, size_t size)
{
	void *memory = old ? realloc(old, nr * size) : calloc(nr, size);

	if (!memory)
		dump_die("no memory for what is known of tables");
	return memory;
}

void dump_forest_init(struct dump_forest *forest, const struct dump_root *root)
{
	struct pt_phys *phys = pt_pgtable_phys(root->pt);

	*forest = (struct dump_forest){
		.root = root,
		.phys = phys,
		.nr_frames = count_frames(phys),
		.nr = 1,
		.room = 1024,
	};
	/* Pages of these that nobody touches cost nothing. */
	forest->number_of = allocate(NULL, forest->nr_frames * root->info.nr_levels,
				     sizeof(*forest->number_of));
	forest->is_claimed = allocate(NULL, forest->nr_frames, sizeof(*forest->is_claimed));
	forest->grown = allocate(NULL, forest->room, sizeof(*forest->grown));
}

void dump_forest_exit(struct dump_forest *forest)
{
	free(forest->number_of);
	free(forest->is_claimed);
	free(forest->grown);
}

/* Keeps what is known of a table. */
static void remember(struct dump_forest *forest, pt_pa_t pa, unsigned int level,
		     const struct dump_tree *tree)
{
	if (forest->nr == forest->room) {
		if (forest->room > UINT32_MAX / 2)
			dump_die("more tables than can be counted");
		forest->room *= 2;
		forest->grown = allocate(forest->grown, forest->room, sizeof(*forest->grown));
	}
	forest->grown[forest->nr] = (struct dump_grown){ .tree = *tree };
	*number_of(forest, pa, level) = forest->nr++;
}

/* ---- ways down ---- */

/* A way from a root, and what it is gone for. */
struct descent {
	struct dump_forest *forest;
	const struct pt_pgtable *pt;
	bool only_sound, root_is_sound;
	pt_pa_t above[PT_MAX_LEVELS]; /* tables, by level */
};

/* A table on it. */
struct place {
	pt_pa_t pa;
	pt_va_t va; /* of its first entry */
	unsigned int level, nr_words;
};

static struct place root_of(const struct pt_pgtable *pt, const struct pt_format_info *info,
			    unsigned int nr_words)
{
	return (struct place){
		.pa = pt_pgtable_root(pt),
		.va = info->first,
		.level = info->nr_levels - 1,
		.nr_words = nr_words,
	};
}

/* NULL: it is not, or not all of it, in memory. */
static const uint64_t *words_of(const struct descent *descent, const struct place *place)
{
	return pt_phys_to_host(descent->forest->phys, place->pa, 8 * (uint64_t)place->nr_words);
}

/* Whether the table at @pa is, or is a part of, one of those from the root to @level. */
static bool is_above(const struct descent *descent, unsigned int level, pt_pa_t pa)
{
	const struct pt_format_info *info = &descent->forest->root->info;
	uint64_t granule = UINT64_C(1) << info->granule_lg2;

	for (; level < info->nr_levels; level++) {
		pt_pa_t first = descent->above[level] & ~(granule - 1);
		uint64_t len = UINT64_C(8) << info->entries_lg2[level];

		if (pa - first < (len > granule ? len : granule))
			return true;
	}
	return false;
}

/* Addresses of x86_64's upper half are sign-extended; those of others are as they are. */
static pt_va_t canonical(const struct dump_root *root, pt_va_t va)
{
	const pt_va_t sign = (pt_va_t)1 << (root->cfg.va_bits - 1);

	return root->cfg.fmt == PT_FMT_X86_64 && va & sign ? va | -sign : va;
}

/* Finds the table that entry @index points at; false if it is one of those above, or not there. */
static bool step_down(const struct descent *descent, const struct place *place, unsigned int index,
		      struct place *below)
{
	const struct pt_format_info *info = &descent->forest->root->info;
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int depth = info->nr_levels - place->level, nr = 0;

	below->va = canonical(descent->forest->root,
			      place->va + ((pt_va_t)index << info->leaf_lg2[place->level]));
	below->level = place->level - 1;
	below->nr_words = 1u << info->entries_lg2[below->level];
	if (pt_trace(descent->pt, below->va, steps, &nr) == -ERANGE || nr <= depth)
		return false;
	below->pa = steps[depth].table_pa;
	return words_of(descent, below) && !is_above(descent, place->level, below->pa);
}

/* ---- counting ---- */

static struct dump_tree count(struct descent *descent, const struct place *place);

static void add(struct dump_tree *sum, const struct dump_tree *tree)
{
	sum->tables += tree->tables;
	sum->leaves += tree->leaves;
	sum->user_leaves += tree->user_leaves;
	sum->corrupt += tree->corrupt;
	sum->mapped += tree->mapped;
}

static void spoil(struct descent *descent, const struct place *place, struct dump_tree *tree)
{
	tree->corrupt++;
	if (place->level == descent->forest->root->info.nr_levels - 1)
		descent->root_is_sound = false;
}

/* Of a table, which is counted now if it has not been. */
static uint32_t number_of_known(struct descent *descent, const struct place *place)
{
	struct dump_forest *forest = descent->forest;
	uint32_t *number = number_of(forest, place->pa, place->level);

	if (!*number) {
		struct dump_tree tree = count(descent, place);

		remember(forest, place->pa, place->level, &tree);
	}
	return *number;
}

static void count_table(struct descent *descent, const struct place *place, unsigned int index,
			struct dump_tree *tree)
{
	struct place below;
	uint32_t number;

	if (!step_down(descent, place, index, &below)) {
		spoil(descent, place, tree);
		return;
	}
	tree->tables++;
	number = number_of_known(descent, &below); /* which may move what has grown */
	add(tree, &descent->forest->grown[number].tree);
}

static struct dump_tree count(struct descent *descent, const struct place *place)
{
	const struct dump_root *root = descent->forest->root;
	const uint64_t *words = words_of(descent, place);
	struct dump_tree tree = { 0 };

	descent->above[place->level] = place->pa;
	for (unsigned int i = 0; i < place->nr_words; i++) {
		if (!words[i])
			continue;
		switch (pt_entry_kind(root->pt, words[i], place->level)) {
		case PT_KIND_TABLE:
			count_table(descent, place, i, &tree);
			break;
		case PT_KIND_LEAF:
			tree.leaves++;
			tree.mapped += UINT64_C(1) << root->info.leaf_lg2[place->level];
			if (pt_entry_attr(root->pt, words[i], place->level) & PT_ATTR_USER)
				tree.user_leaves++;
			break;
		case PT_KIND_ILLEGAL:
			spoil(descent, place, &tree);
			break;
		default:
			break;
		}
		if (tree.corrupt && descent->only_sound)
			break;
	}
	return tree;
}

bool dump_forest_grow(struct dump_forest *forest, const struct pt_pgtable *pt,
		      unsigned int nr_words, bool only_sound, struct dump_tree *tree)
{
	struct descent descent = {
		.forest = forest,
		.pt = pt,
		.only_sound = only_sound,
		.root_is_sound = true,
	};
	struct place root = root_of(pt, &forest->root->info, nr_words);

	*tree = count(&descent, &root);
	return descent.root_is_sound;
}

/* ---- claims ---- */

/* Of what is smaller than a frame, the rest may belong to others. */
static bool claim_table(void *ctx, pt_pa_t pa, unsigned int level, uint64_t bytes)
{
	struct dump_forest *forest = ctx;

	(void)level;
	for (uint64_t at = 0; at + (1u << FRAME_LG2) <= bytes; at += 1u << FRAME_LG2)
		forest->is_claimed[frame_of(forest, pa + at)] = true;
	return true;
}

static void claim_below(struct descent *descent, const struct place *place)
{
	struct dump_forest *forest = descent->forest;
	const uint64_t *words = words_of(descent, place);
	struct dump_grown *grown;
	struct place below;
	uint32_t number;

	descent->above[place->level] = place->pa;
	for (unsigned int i = 0; i < place->nr_words; i++) {
		if (pt_entry_kind(descent->pt, words[i], place->level) != PT_KIND_TABLE ||
		    !step_down(descent, place, i, &below))
			continue;
		(void)claim_table(forest, below.pa, below.level, 8 * (uint64_t)below.nr_words);
		number = number_of_known(descent, &below); /* which may move what has grown */
		grown = &forest->grown[number];
		if (!below.level || grown->is_claimed)
			continue;
		grown->is_claimed = true;
		claim_below(descent, &below);
	}
}

void dump_forest_claim(struct dump_forest *forest, const struct pt_pgtable *pt)
{
	const struct pt_format_info *info = &forest->root->info;
	struct descent descent = { .forest = forest, .pt = pt };
	struct place root = root_of(pt, info, 1u << info->entries_lg2[info->nr_levels - 1]);

	claim_below(&descent, &root);
}

void dump_forest_claim_other(struct dump_forest *forest, const struct pt_pgtable *pt)
{
	if (pt_for_each_table(pt, claim_table, forest))
		dump_die("no memory for what is known of tables");
}

bool dump_forest_is_claimed(const struct dump_forest *forest, pt_pa_t pa)
{
	return forest->is_claimed[frame_of(forest, pa)];
}
