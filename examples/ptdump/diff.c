/* SPDX-License-Identifier: MIT */
/*
 * Two images side by side. Both are walked at once, and the runs of both are cut where either
 * begins or ends:
 *
 *	before   [---- A ----)[-- B --)
 *	after         [------ C ------)
 *	pieces   [-A-)[A > C )[ B > C )
 *
 * Neighbouring pieces that differ in the same way are one line again.
 */
#include "printer.h"

#include <string.h>

/* One side: its walk and what is left of its current run. */
struct side {
	struct dump_walk walk;
	struct dump_run run;
	bool has_run;
};

static void advance(struct side *side)
{
	side->has_run = dump_walk_next(&side->walk, &side->run);
}

static void start(struct side *side, const struct dump_root *root,
		  const struct dump_options *options)
{
	dump_walk_start(&side->walk, root, options);
	advance(side);
}

/* Takes the part of @side's run that ends at @last. */
static struct dump_run cut(struct side *side, pt_va_t last)
{
	struct dump_run part = side->run;
	uint64_t len = last - part.va + 1;

	if (last == part.last) {
		advance(side);
		return part;
	}
	part.last = last;
	side->run.va += len;
	side->run.pa += len;
	return part;
}

/* Takes the next piece of both; returns false when there is none. */
static bool next_piece(struct side *before, struct side *after, struct dump_piece *piece)
{
	pt_va_t first, last;

	*piece = (struct dump_piece){ .has_before = before->has_run, .has_after = after->has_run };
	if (!before->has_run && !after->has_run)
		return false;
	if (piece->has_before && piece->has_after && before->run.va != after->run.va) {
		if (before->run.va < after->run.va)
			piece->has_after = false;
		else
			piece->has_before = false;
	}
	first = piece->has_before ? before->run.va : after->run.va;
	last = piece->has_before ? before->run.last : after->run.last;
	if (after->has_run && after->run.va > first && after->run.va <= last)
		last = after->run.va - 1;
	if (before->has_run && before->run.va > first && before->run.va <= last)
		last = before->run.va - 1;
	if (piece->has_before && before->run.last < last)
		last = before->run.last;
	if (piece->has_after && after->run.last < last)
		last = after->run.last;
	if (piece->has_before)
		piece->before = cut(before, last);
	if (piece->has_after)
		piece->after = cut(after, last);
	return true;
}

/* Whether two runs say the same, but for where they are. */
static bool is_alike(const struct dump_run *a, const struct dump_run *b, bool ad)
{
	pt_attr_t shown = ~PT_ATTR_SW_MASK;
	unsigned int perms = ~0u;

	if (!ad) {
		shown &= ~(PT_ATTR_ACCESSED | PT_ATTR_DIRTY);
		perms &= ~(unsigned int)(DUMP_A | DUMP_D);
	}
	return a->type == b->type && a->why == b->why && a->level == b->level &&
	       a->size_lg2 == b->size_lg2 && a->contig_lg2 == b->contig_lg2 &&
	       !((a->attr ^ b->attr) & shown) && !((a->perms ^ b->perms) & perms);
}

static bool is_same(const struct dump_run *a, const struct dump_run *b, bool ad)
{
	return is_alike(a, b, ad) && a->pa == b->pa && (a->type == PTW_PFN || a->raw == b->raw);
}

/* Whether @next, of the same side, goes on where @run ends. */
static bool continues(const struct dump_run *run, const struct dump_run *next, bool ad)
{
	return next->va == run->last + 1 && is_alike(run, next, ad) &&
	       (run->type == PTW_PFN ? next->pa == run->pa + (next->va - run->va)
				     : next->raw == run->raw);
}

static bool merge(struct dump_piece *piece, const struct dump_piece *next, bool ad)
{
	if (piece->has_before != next->has_before || piece->has_after != next->has_after ||
	    (piece->has_before && !continues(&piece->before, &next->before, ad)) ||
	    (piece->has_after && !continues(&piece->after, &next->after, ad)))
		return false;
	piece->before.last = next->before.last;
	piece->after.last = next->after.last;
	return true;
}

/* Prints how two roots differ; returns whether they do. */
static bool diff_roots(const struct dump_root *before, const struct dump_root *after,
		       const struct dump_options *options)
{
	const struct dump_printer *print = dump_printer(options);
	bool ad = options->respect_ad, has_pending = false, differ = false;
	struct side sides[2];
	struct dump_piece piece, pending;

	start(&sides[0], before, options);
	start(&sides[1], after, options);
	while (next_piece(&sides[0], &sides[1], &piece)) {
		if (piece.has_before && piece.has_after && is_same(&piece.before, &piece.after, ad))
			continue;
		differ = true;
		if (has_pending && !options->each && merge(&pending, &piece, ad))
			continue;
		if (has_pending)
			print->piece(before, after, &pending, ad);
		pending = piece;
		has_pending = true;
	}
	if (has_pending)
		print->piece(before, after, &pending, ad);
	differ |= dump_walk_done(&sides[0].walk);
	differ |= dump_walk_done(&sides[1].walk);
	return differ;
}

static const struct dump_root *find_root(const struct dump_source *source, const char *label)
{
	for (size_t i = 0; i < source->nr_roots; i++) {
		if (!strcmp(source->roots[i].label, label))
			return &source->roots[i];
	}
	return NULL;
}

bool dump_diff(const struct dump_source *before, const struct dump_source *after,
	       const struct dump_options *options)
{
	bool single = before->nr_roots == 1 && after->nr_roots == 1;
	const struct dump_printer *print = dump_printer(options);
	bool differ = false;

	for (size_t i = 0; i < before->nr_roots; i++) {
		const struct dump_root *root = &before->roots[i];
		const struct dump_root *other = find_root(after, root->label);

		if (!other && single)
			other = &after->roots[0];
		if (!other)
			dump_die("%s: has no root '%s' to compare", after->path, root->label);
		print->start(root, !i);
		if (diff_roots(root, other, options))
			differ = true;
		else
			print->no_difference();
	}
	return differ;
}
