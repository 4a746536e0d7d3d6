/* SPDX-License-Identifier: MIT */
/*
 * --find-roots: what in a memory image can be the root of an address space beside those of the
 * registers, of their configuration. An image holds the tables of every process; registers name
 * those of the one that ran.
 *
 * A kernel puts its own tables into the upper half of each root of x86_64, and all of TTBR1's are
 * its own: such a root is known by at least one of them. Roots of TTBR0 and of second stages share
 * nothing. They are known by what hangs below: tables without one corrupt entry, which map
 * something, and no table of another such tree. So are x86_64's where there is no kernel.
 *
 * Every place for a root is looked at, first for words that no root has. What hangs below the rest
 * is read once a level, see forest.h.
 */
#include "printer.h"

#include <inttypes.h>
#include <stdlib.h>

#define X86_MARKS UINT64_C(0x60) /* A, and where leaves have D */
#define X86_XD (UINT64_C(1) << 63)
#define ARM64_MARKS UINT64_C(0x400) /* AF, of tables with FEAT_HAFT */

struct search {
	const struct dump_source *source;
	const struct dump_root *root; /* the one of the registers */
	struct dump_forest forest;
	unsigned int top, nr_words;
	unsigned int nr_own; /* words of its own, which are counted */
	unsigned int first_kernel; /* ... and the first one of those that the kernel shares */
	uint64_t marks; /* bits of a table's word that hardware sets */
	const uint64_t *kernel[2]; /* roots with the kernel's tables; NULL: there is none */
	struct dump_found *found;
	size_t nr, room;
};

static const uint64_t *words_at(const struct search *search, pt_pa_t pa)
{
	return pt_phys_to_host(search->source->phys, pa, 8 * (uint64_t)search->nr_words);
}

static bool is_table(const struct search *search, uint64_t word)
{
	return word && pt_entry_kind(search->root->pt, word, search->top) == PT_KIND_TABLE;
}

/* ---- the kernel's half ---- */

/*
 * Whether as many of the kernel's entries at least are those of @kernel as are others. Some are
 * each process's own: LDTs under page-table isolation, self-maps.
 */
static bool shares_kernel(const struct search *search, const uint64_t *words,
			  const uint64_t *kernel)
{
	unsigned int nr_same = 0, nr_other = 0;

	for (unsigned int i = search->first_kernel; i < search->nr_words; i++) {
		if (!kernel[i] || !words[i] || !is_table(search, kernel[i]))
			continue;
		if (!((kernel[i] ^ words[i]) & ~search->marks))
			nr_same++;
		else if (is_table(search, words[i]))
			nr_other++;
	}
	return nr_same && nr_same >= nr_other;
}

/*
 * Under Linux's page-table isolation two pages side by side are a process: the kernel's root, and
 * one with little of the kernel. Their own halves are the same, but for XD in the kernel's.
 */
static const uint64_t *find_pair(const struct search *search, const uint64_t *words)
{
	const uint64_t *pair = words_at(search, pt_pgtable_root(search->root->pt) ^ 0x1000);
	bool has_table = false;

	if (search->root->cfg.fmt != PT_FMT_X86_64 || !pair)
		return NULL;
	for (unsigned int i = 0; i < search->nr_own; i++) {
		if ((words[i] ^ pair[i]) & ~(search->marks | X86_XD))
			return NULL;
		has_table |= is_table(search, words[i]);
	}
	return has_table ? pair : NULL;
}

static void find_kernel(struct search *search)
{
	const uint64_t *words = words_at(search, pt_pgtable_root(search->root->pt));

	/* Those that share with themselves have something to share. */
	if (!shares_kernel(search, words, words))
		return;
	search->kernel[0] = words;
	search->kernel[1] = find_pair(search, words);
}

/* ---- candidates ---- */

/* Whether @words may be those of a root, as far as they say themselves. */
static bool is_likely(const struct search *search, const uint64_t *words)
{
	bool has_table = false;

	if (search->kernel[0] && !shares_kernel(search, words, search->kernel[0]) &&
	    (!search->kernel[1] || !shares_kernel(search, words, search->kernel[1])))
		return false;
	for (unsigned int i = 0; i < search->nr_words; i++) {
		enum pt_kind kind;

		if (!words[i])
			continue;
		kind = pt_entry_kind(search->root->pt, words[i], search->top);
		if (kind == PT_KIND_ILLEGAL)
			return false;
		has_table |= kind == PT_KIND_TABLE;
	}
	return has_table;
}

/* Whether another root of the registers stands at @pa, or has it among its tables. */
static bool is_known(const struct search *search, pt_pa_t pa)
{
	for (size_t i = 0; i < search->source->nr_roots; i++) {
		const struct dump_root *root = &search->source->roots[i];

		if (root != search->root && pt_pgtable_root(root->pt) == pa)
			return true;
	}
	return dump_forest_is_claimed(&search->forest, pa);
}

static struct pt_pgtable *open_at(const struct search *search, pt_pa_t pa)
{
	struct pt_pgtable_cfg cfg = { .fmt = search->root->cfg, .mode = PT_MODE_PRIVATE };
	struct pt_pgtable *pt;
	int err = pt_pgtable_open(&pt, search->source->phys, &cfg, pa);

	if (err)
		dump_die("%s: %s", search->source->path, pt_strerror(err));
	return pt;
}

/* What a register has to hold for tables at @pa. The others are zero: one of these is not. */
static uint64_t register_value(const struct dump_root *root, pt_pa_t pa)
{
	struct dump_regs regs = { 0 };

	if (dump_regs_select(&regs, &root->cfg, pa))
		dump_die("no register holds a root at 0x%" PRIx64, pa);
	return regs.x86.cr3 | regs.ept.eptp | regs.arm64.ttbr0 | regs.arm64.ttbr1 |
	       regs.arm64_s2.vttbr;
}

static void keep(struct search *search, pt_pa_t pa, const struct dump_tree *tree)
{
	if (search->nr == search->room) {
		search->room = search->room ? 2 * search->room : 64;
		search->found = realloc(search->found, search->room * sizeof(*search->found));
		if (!search->found)
			dump_die("no memory for so many roots");
	}
	search->found[search->nr++] = (struct dump_found){
		.pa = pa,
		.value = register_value(search->root, pa),
		.tree = *tree,
		.is_given = pa == pt_pgtable_root(search->root->pt),
	};
}

static void try_root(struct search *search, pt_pa_t pa, const uint64_t *words)
{
	bool by_kernel = search->kernel[0], is_sound;
	struct dump_tree tree;
	struct pt_pgtable *pt;

	if (!is_likely(search, words) || (!by_kernel && is_known(search, pa)))
		return;
	pt = open_at(search, pa);
	is_sound = dump_forest_grow(&search->forest, pt, search->nr_own, !by_kernel, &tree);
	pt_pgtable_destroy(pt);
	if (by_kernel ? is_sound : !tree.corrupt && tree.leaves)
		keep(search, pa, &tree);
}

static void try_region(struct search *search, pt_pa_t first, uint64_t len)
{
	uint64_t step = UINT64_C(1) << search->root->info.root_align_lg2;
	uint64_t bytes = 8 * (uint64_t)search->nr_words;
	const uint64_t *words;
	pt_pa_t end = UINT64_C(1) << search->root->cfg.pa_bits; /* no register holds more */
	pt_pa_t pa = (first + step - 1) & ~(step - 1);

	for (; pa + bytes <= first + len && pa < end; pa += step) {
		words = words_at(search, pa);
		if (words && pa != pt_pgtable_root(search->root->pt))
			try_root(search, pa, words);
	}
}

/* Drops what stands in a table of another one's tree: the tables of middle levels look alike. */
static void drop_claimed(struct search *search)
{
	size_t nr_left = 0;

	for (size_t i = 0; i < search->nr; i++) {
		struct pt_pgtable *pt = open_at(search, search->found[i].pa);

		dump_forest_claim(&search->forest, pt);
		pt_pgtable_destroy(pt);
	}
	for (size_t i = 0; i < search->nr; i++) {
		if (search->found[i].is_given || !is_known(search, search->found[i].pa))
			search->found[nr_left++] = search->found[i];
	}
	search->nr = nr_left;
}

static int compare_found(const void *a, const void *b)
{
	const struct dump_found *first = a, *second = b;

	return first->pa < second->pa ? -1 : first->pa > second->pa;
}

/* ---- all of it ---- */

static void start(struct search *search, const struct dump_source *source,
		  const struct dump_root *root)
{
	unsigned int top = root->info.nr_levels - 1;
	bool is_x86 = root->cfg.fmt == PT_FMT_X86_64;

	*search = (struct search){
		.source = source,
		.root = root,
		.top = top,
		.nr_words = 1u << root->info.entries_lg2[top],
		.marks = is_x86 ? X86_MARKS : ARM64_MARKS,
	};
	search->nr_own = is_x86 ? search->nr_words / 2 : search->nr_words;
	search->first_kernel = root->cfg.upper_half ? 0 : search->nr_own;
	dump_forest_init(&search->forest, root);
	for (size_t i = 0; i < source->nr_roots; i++) {
		if (&source->roots[i] != root)
			dump_forest_claim_other(&search->forest, source->roots[i].pt);
	}
	find_kernel(search);
}

static void find(struct search *search)
{
	struct pt_phys *phys = search->source->phys;
	struct dump_tree tree;

	/* The one of the registers is one, whatever it looks like; all of it is counted. */
	(void)dump_forest_grow(&search->forest, search->root->pt, search->nr_own, false, &tree);
	keep(search, pt_pgtable_root(search->root->pt), &tree);
	if (search->root->cfg.upper_half && !search->kernel[0])
		return; /* nothing that would tell others from roots of processes */
	for (size_t i = 0; i < pt_phys_nr_regions(phys); i++) {
		uint64_t len;
		pt_pa_t pa;

		pt_phys_region(phys, i, &pa, &len);
		try_region(search, pa, len);
	}
	if (!search->kernel[0])
		drop_claimed(search);
	qsort(search->found, search->nr, sizeof(*search->found), compare_found);
}

bool dump_find_roots(const struct dump_source *source, const struct dump_options *options)
{
	const struct dump_printer *print = dump_printer(options);

	if (source->is_tables)
		dump_die("%s: --find-roots wants a memory image; a table image has the tables of "
			 "its own roots, and of no others",
			 source->path);
	/* What a dump leaves out is no root: pages of users and caches, free ones, zeroes. */
	dump_source_load_all(source);
	for (size_t i = 0; i < source->nr_roots; i++) {
		const struct dump_root *root = &source->roots[i];
		struct search search;

		start(&search, source, root);
		find(&search);
		print->start(root, !i);
		print->found(root, search.found, search.nr);
		free(search.found);
		dump_forest_exit(&search.forest);
	}
	return false;
}
