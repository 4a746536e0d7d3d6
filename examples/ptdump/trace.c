/* SPDX-License-Identifier: MIT */
/* The walk of one address: each word on the way, taken apart, and where it ends. */
#include "printer.h"

const char *dump_kind_name(enum pt_kind kind)
{
	switch (kind) {
	case PT_KIND_EMPTY:
		return "empty";
	case PT_KIND_TABLE:
		return "table";
	case PT_KIND_LEAF:
		return "leaf";
	case PT_KIND_SOFT:
		return "soft";
	case PT_KIND_ILLEGAL:
		break;
	}
	return "corrupt";
}

/* Finds a step at a table that stands above itself, or NULL. Hardware just goes on. */
static const struct pt_step *find_loop(const struct pt_step *steps, unsigned int nr)
{
	for (unsigned int i = 1; i < nr; i++)
		for (unsigned int above = 0; above < i; above++)
			if (steps[above].table_pa == steps[i].table_pa)
				return &steps[i];
	return NULL;
}

static void find_effective(const struct dump_root *root, struct dump_outcome *outcome)
{
	struct pt_range_walk walk;

	if (pt_range_walk_start(&walk, root->pt, outcome->va, outcome->va, PT_TYPE_PFN,
				PT_WALK_EFFECTIVE) == PTW_PFN) {
		outcome->has_effective = true;
		outcome->effective = walk.attr;
	}
	(void)pt_range_walk_done(&walk);
}

static bool trace_root(const struct dump_root *root, pt_va_t va, const struct dump_printer *print)
{
	struct dump_outcome outcome = { .va = va };
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr = 0;

	outcome.err = pt_trace(root->pt, va, steps, &nr);
	outcome.loop = find_loop(steps, nr);
	if (nr) {
		const struct pt_step *last = &steps[nr - 1];

		outcome.last = last;
		outcome.has_block =
			pt_verify_block(pt_pgtable_phys(root->pt), &root->cfg, last->table_pa,
					last->level, last->index, &outcome.block) == -EFAULT;
	}
	if (!outcome.err)
		outcome.err = pt_lookup(root->pt, va, &outcome.leaf);
	if (!outcome.err)
		find_effective(root, &outcome);
	print->steps(root, steps, nr);
	print->outcome(root, &outcome);
	return outcome.loop || outcome.has_block ||
	       (outcome.err && outcome.last && outcome.last->kind == PT_KIND_ILLEGAL);
}

bool dump_trace(const struct dump_source *source, const struct dump_options *options)
{
	const struct dump_printer *print = dump_printer(options);
	pt_va_t va = options->address;
	bool findings = false, any = false;

	for (size_t i = 0; i < source->nr_roots; i++) {
		const struct dump_root *root = &source->roots[i];

		if (va < root->info.first || va > root->info.last)
			continue;
		print->start(root, !any);
		any = true;
		findings |= trace_root(root, va, print);
	}
	if (!any)
		print->no_root(va, false);
	return findings;
}
