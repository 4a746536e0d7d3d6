/* SPDX-License-Identifier: MIT */
/*
 * The runs that ptdump shows: pt_range_walk's, filtered, with neighbours merged that differ in
 * nothing that is shown, and with a bound on the work.
 */
#include "ptdump.h"

#include <inttypes.h>

/*
 * What a walk may cost however small the tables are; beyond, it may look at FACTOR times as many
 * entries as all tables have. Real kernels share tables too: x86's espfix area repeats one page of
 * them 2048 times.
 */
#define MIN_CALLS (UINT64_C(1) << 22)
#define MIN_WORDS (UINT64_C(1) << 30)
#define FACTOR 64

unsigned int dump_perms(const struct dump_root *root, pt_attr_t attr)
{
	bool two_execs = root->info.attrs & PT_ATTR_EXEC_OTHER;
	unsigned int perms = 0;

	if (attr & PT_ATTR_READ)
		perms |= DUMP_R;
	if ((attr & PT_ATTR_WRITE) && (!root->info.dirty_is_write || (attr & PT_ATTR_DIRTY)))
		perms |= DUMP_W;
	if (two_execs ? pt_attr_user_exec(attr) : !!(attr & PT_ATTR_EXEC))
		perms |= DUMP_X;
	if (two_execs ? pt_attr_priv_exec(attr) : !!(attr & PT_ATTR_EXEC))
		perms |= DUMP_P;
	if (attr & PT_ATTR_USER)
		perms |= DUMP_U;
	if (attr & PT_ATTR_GLOBAL)
		perms |= DUMP_G;
	if (attr & PT_ATTR_ACCESSED)
		perms |= DUMP_A;
	if (attr & PT_ATTR_DIRTY)
		perms |= DUMP_D;
	return perms;
}

void dump_walk_start(struct dump_walk *walk, const struct dump_root *root,
		     const struct dump_options *options)
{
	unsigned int flags = PT_WALK_IGNORE_SW;

	if (options->each)
		flags |= PT_WALK_EACH;
	/* Where dirty is what permits a store, it is a permission. */
	if (options->respect_ad || root->info.dirty_is_write)
		flags |= PT_WALK_RESPECT_AD;
	if (options->effective)
		flags |= PT_WALK_EFFECTIVE;
	*walk = (struct dump_walk){
		.root = root,
		.options = options,
		.max_calls = MIN_CALLS,
		.max_words = MIN_WORDS,
	};
	/* Holes are asked for too, since they say how much was read between two leaves. */
	walk->type = pt_range_walk_start(&walk->walk, root->pt, options->first, options->last,
					 PT_TYPE_ALL, flags);
}

/* Whether the walk has cost more than it may. */
static bool is_too_long(struct dump_walk *walk)
{
	const struct pt_range_walk *at = &walk->walk;
	struct pt_usage usage;
	uint64_t limit = 0;

	walk->nr_calls++;
	if (walk->type == PTW_AGAIN)
		walk->nr_words += (uint64_t)PT_WALK_MAX_TABLES
				  << (walk->root->info.granule_lg2 - 3);
	else
		walk->nr_words += ((at->len - 1) >> at->size_lg2) + 1; /* len 0 is 2^64 */
	if (walk->nr_calls <= walk->max_calls && walk->nr_words <= walk->max_words)
		return false;

	if (!pt_usage(walk->root->pt, &usage)) {
		for (unsigned int level = 0; level < PT_MAX_LEVELS; level++)
			limit += FACTOR * (uint64_t)usage.entries[level];
	}
	if (walk->max_calls < limit)
		walk->max_calls = limit;
	if (walk->max_words < limit)
		walk->max_words = limit;
	return walk->nr_calls > walk->max_calls || walk->nr_words > walk->max_words;
}

static bool is_wanted(const struct dump_walk *walk, const struct dump_run *run)
{
	const struct dump_options *options = walk->options;
	uint64_t granule = UINT64_C(1) << walk->root->info.granule_lg2;
	pt_pa_t page = options->address & ~(granule - 1);

	if (run->type == PTW_ILLEGAL)
		return true;
	if (run->type == PTW_UNKNOWN)
		return options->soft;
	if (options->leaf_size && options->leaf_size != UINT64_C(1) << run->size_lg2)
		return false;
	if ((run->perms & options->want) != options->want || (run->perms & options->refuse))
		return false;
	switch (options->action) {
	case DUMP_PA:
		/* The page's distance from the run's start, which wraps if it is before it. */
		return page - (run->pa & ~(granule - 1)) <= run->last - run->va;
	case DUMP_WX: /* a clean page that hardware makes writable when it is stored to, too */
		return (run->attr & PT_ATTR_WRITE) && (run->perms & (DUMP_X | DUMP_P));
	default:
		return true;
	}
}

/* Finds the next run of the library's that is wanted. */
static bool next_run(struct dump_walk *walk, struct dump_run *run)
{
	const struct pt_range_walk *at = &walk->walk;

	while (!walk->cut_short && walk->type != PTW_DONE && walk->type != PTW_ABORT) {
		if (is_too_long(walk)) {
			walk->cut_short = true;
			walk->cut_va = at->va;
			return false;
		}
		*run = (struct dump_run){
			.va = at->va,
			.last = at->va + (at->len - 1),
			.pa = at->pa,
			.attr = at->attr,
			.raw = at->raw,
			.level = at->level,
			.size_lg2 = at->size_lg2,
			.contig_lg2 = at->contig_lg2,
			.type = walk->type,
			.why = at->why,
		};
		walk->type = pt_range_walk_next(&walk->walk);
		switch (run->type) {
		case PTW_PFN:
			run->perms = dump_perms(walk->root, run->attr);
			break;
		case PTW_UNKNOWN:
		case PTW_ILLEGAL:
			break;
		default:
			continue;
		}
		if (is_wanted(walk, run))
			return true;
	}
	return false;
}

/* Whether @next continues @run, and what is shown of both is the same. */
static bool may_merge(const struct dump_walk *walk, const struct dump_run *run,
		      const struct dump_run *next)
{
	pt_attr_t hidden = PT_ATTR_SW_MASK;

	if (next->type != run->type || next->va != run->last + 1 || next->level != run->level ||
	    next->size_lg2 != run->size_lg2)
		return false;
	if (run->type == PTW_ILLEGAL)
		return next->why == run->why && next->raw == run->raw;
	/* A difference compares words, and cuts runs: they are of equal ones then. */
	if (run->type == PTW_UNKNOWN && walk->options->action != DUMP_DIFF)
		return dump_soft_continues(walk->root, run, next);
	if (run->type == PTW_UNKNOWN)
		return next->raw == run->raw;
	if (!walk->options->respect_ad)
		hidden |= PT_ATTR_ACCESSED | PT_ATTR_DIRTY; /* perms has W where D decides it */
	return next->pa == run->pa + (run->last - run->va) + 1 &&
	       next->contig_lg2 == run->contig_lg2 && !((next->attr ^ run->attr) & ~hidden) &&
	       !((next->perms ^ run->perms) & ~(unsigned int)(DUMP_A | DUMP_D));
}

bool dump_walk_next(struct dump_walk *walk, struct dump_run *run)
{
	if (walk->has_ahead)
		*run = walk->ahead;
	else if (!next_run(walk, run))
		return false;
	walk->has_ahead = false;

	while (!walk->options->each && next_run(walk, &walk->ahead)) {
		if (!may_merge(walk, run, &walk->ahead)) {
			walk->has_ahead = true;
			break;
		}
		run->last = walk->ahead.last;
		run->attr |= walk->ahead.attr;
		run->perms |= walk->ahead.perms;
	}
	return true;
}

bool dump_walk_done(struct dump_walk *walk)
{
	(void)pt_range_walk_done(&walk->walk);
	if (walk->cut_short)
		fprintf(stderr,
			"ptdump: %s: stopped at 0x%016" PRIx64 ": tables point at each other, "
			"%" PRIu64 " entries so far; --range shows what is behind\n",
			walk->root->label, walk->cut_va, walk->nr_words);
	return walk->cut_short;
}
