/* SPDX-License-Identifier: MIT */
/* How x86_64 is told: accesses, tables, entries. */
#include "whatif_x86.h"

#include <inttypes.h>

static void say_access(FILE *out, const struct whatif_walk *walk)
{
	const struct whatif_case *c = walk->c;
	static const char *const kind[JOB_OP_NR] = {
		[JOB_OP_READ] = "read",
		[JOB_OP_WRITE] = "write",
		[JOB_OP_RMW] = "locked read-modify-write",
		[JOB_OP_FETCH] = "fetch",
		[JOB_OP_IMPLICIT] = "implicit read of a descriptor",
	};

	if (c->access->op != JOB_OP_FETCH)
		fprintf(out, "%u-byte ", c->how.size);
	fprintf(out, "%s at CPL %u", kind[c->access->op], c->how.priv);
	fputs(walk->user ? ": a user-mode access" : ": a supervisor-mode access", out);
}

static void say_start(FILE *out, const struct whatif_walk *walk)
{
	fprintf(out, "%s paging, CR3=0x%" PRIx64, walk->cfg.va_bits == 57 ? "5-level" : "4-level",
		walk->w->x86.cr3);
}

static void say_entry(FILE *out, const struct whatif_walk *walk, const struct pt_access_step *step)
{
	uint64_t raw = step->raw;

	(void)walk;
	fprintf(out, "; R/W=%d U/S=%d XD=%d A=%d", !!(raw & RW), !!(raw & US), !!(raw & XD),
		!!(raw & ACCESSED));
	if (step->kind != PT_KIND_LEAF)
		return;
	fprintf(out, " D=%d", !!(raw & DIRTY));
	if (raw & GLOBAL)
		fputs(" G=1", out);
	if (key_of(raw))
		fprintf(out, " key=%u", key_of(raw));
}

static pt_pa_t target(const struct whatif_walk *walk, const struct pt_access_step *step)
{
	unsigned int size_lg2 = step->kind == PT_KIND_LEAF ? 12 + 9 * step->level : 12;

	(void)walk;
	return step->raw & BITS(51, size_lg2);
}

const struct whatif_words whatif_x86_words = {
	.priv = { 3, 0 },
	.who = { "CPL 3", "CPL 0" },
	.stage = "",
	.entry_noun = "",
	.access = say_access,
	.start = say_start,
	.entry = say_entry,
	.bit_name = { [0] = "P",
		      [1] = "R/W",
		      [2] = "U/S",
		      [5] = "A",
		      [6] = "D",
		      [7] = "PS",
		      [63] = "XD" },
	.target = target,
};
