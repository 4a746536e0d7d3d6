/* SPDX-License-Identifier: MIT */
/*
 * printer.h - what reports find out, and how it is printed: as text, or a JSON object for
 * each thing they have to say. A report says it once; what finds out nothing prints nothing.
 */
#ifndef PTDUMP_PRINTER_H
#define PTDUMP_PRINTER_H

#include "explain/explain.h"
#include "forest.h"

/* What tables are made of: those of a level, or all. */
struct dump_share {
	size_t tables, leaves, soft, illegal, used, entries;
	uint64_t mapped; /* bytes, leaves of tables that are used more than once counted once */
	uint64_t bytes; /* of tables */
};

/* Where the walk of an address ended. */
struct dump_outcome {
	pt_va_t va;
	int err; /* 0: at @leaf */
	struct pt_leaf leaf;
	bool has_effective; /* permissions that all levels together leave: */
	pt_attr_t effective;
	const struct pt_step *last; /* NULL: nothing was read */
	const struct pt_step *loop; /* at a table that stands above itself; NULL: none does */
	bool has_block; /* of a contiguous block that is none: */
	struct pt_finding block;
};

/* A part of the difference; a side has nothing there if it does not have it. */
struct dump_piece {
	struct dump_run before, after;
	bool has_before, has_after;
};

/* What can be the root of an address space. */
struct dump_found {
	pt_pa_t pa;
	uint64_t value; /* of the register that selects it */
	struct dump_tree tree; /* what is its own, not the kernel's */
	bool is_given; /* by the registers */
};

struct dump_printer {
	/** What follows is about @root; @first: nothing came before. */
	void (*start)(const struct dump_root *root, bool first);

	/* --usage: each level from the top, then all. The walk saw ranges of @bytes in all. */
	void (*usage_level)(const struct dump_root *root, unsigned int level,
			    const struct dump_share *share);
	void (*usage_all)(const struct dump_root *root, const struct dump_share *all,
			  uint64_t nr_ranges, uint64_t bytes);

	/* --verify: each finding, then how many there were; @empty: none, for there is nothing. */
	void (*finding)(const struct dump_root *root, const struct pt_finding *finding);
	void (*verified)(const struct dump_root *root, size_t nr_findings, bool empty);

	/* --va */
	void (*steps)(const struct dump_root *root, const struct pt_step *steps, unsigned int nr);
	void (*outcome)(const struct dump_root *root, const struct dump_outcome *outcome);
	/** No root reaches @va. */
	void (*no_root)(pt_va_t va, bool access);

	/**
	 * ... with --access; @root is NULL if no root reaches it. Returns whether the verdict is
	 * the only one there can be, as explain_access() does.
	 */
	bool (*access)(const struct dump_root *root, const struct explain_regime *machine,
		       const struct explain_case *c);

	/* ... and what of the registers it holds for was not among @regs, which were given. */
	void (*assumed)(const struct explain_regime *machine, const struct dump_regs *regs);

	/* --find-roots: all that were found beside @root, and itself. */
	void (*found)(const struct dump_root *root, const struct dump_found *found, size_t nr);

	/* --diff */
	void (*piece)(const struct dump_root *before, const struct dump_root *after,
		      const struct dump_piece *piece, bool ad);
	void (*no_difference)(void);
};

extern const struct dump_printer dump_text_printer, dump_json_printer;

static inline const struct dump_printer *dump_printer(const struct dump_options *options)
{
	return options->json ? &dump_json_printer : &dump_text_printer;
}

/** "table", "leaf", "soft", ... */
const char *dump_kind_name(enum pt_kind kind);

/** What is wrong in @finding, in a few words. */
static inline const char *dump_finding_name(const struct pt_finding *finding)
{
	return finding->bad == PT_BAD_ILLEGAL ? pt_illegal_name(finding->why)
					      : pt_bad_name(finding->bad);
}

#endif /* PTDUMP_PRINTER_H */
