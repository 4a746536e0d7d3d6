/* SPDX-License-Identifier: MIT */
/*
 * forest.h - all trees of one configuration in a memory, none of whose tables is read twice.
 *
 * Roots share tables: an image that is out to hurt has as many roots as frames, each over all
 * others. So what was once found out about a table at some level is kept.
 */
#ifndef PTDUMP_FOREST_H
#define PTDUMP_FOREST_H

#include "ptdump.h"

/*
 * What a table holds with all below it; what is reached by two ways counts twice. A way back to a
 * table above is corrupt: of tables that point at each other the first way decides which.
 */
struct dump_tree {
	uint64_t tables; /* the first one not counted */
	uint64_t leaves, user_leaves;
	uint64_t corrupt; /* entries, loops and tables outside memory included */
	uint64_t mapped; /* bytes of addresses */
};

/* A table that was read at some level. */
struct dump_grown {
	struct dump_tree tree;
	bool is_claimed;
};

struct dump_forest {
	const struct dump_root *root; /* whose configuration it is */
	struct pt_phys *phys;
	/* private */
	size_t nr_frames; /* of 4K */
	uint32_t *number_of; /* by frame and level: which of @grown; 0: none yet */
	bool *is_claimed; /* by frame */
	struct dump_grown *grown; /* from 1 on */
	uint32_t nr, room;
};

void dump_forest_init(struct dump_forest *forest, const struct dump_root *root);
void dump_forest_exit(struct dump_forest *forest);

/**
 * Counts below the first @nr_words entries of the root of @pt. With @only_sound it ends at the
 * first corrupt entry, and the other counts mean nothing then. Returns whether no entry of the
 * root itself is corrupt.
 */
bool dump_forest_grow(struct dump_forest *forest, const struct pt_pgtable *pt,
		      unsigned int nr_words, bool only_sound, struct dump_tree *tree);

/** Claims all tables below the root of @pt: no root stands in one of them. */
void dump_forest_claim(struct dump_forest *forest, const struct pt_pgtable *pt);
/** ... of any configuration, with the root. */
void dump_forest_claim_other(struct dump_forest *forest, const struct pt_pgtable *pt);
/** Whether @pa is in a table that was claimed. */
bool dump_forest_is_claimed(const struct dump_forest *forest, pt_pa_t pa);

#endif /* PTDUMP_FOREST_H */
