/* SPDX-License-Identifier: MIT */
/* How x86_64 is told: accesses, tables, entries. */
#include "x86.h"

#include <inttypes.h>

static void say_access(FILE *out, const struct explain_walk *walk)
{
	const struct pt_access *how = &walk->c->how;
	static const char *const kind[] = {
		[PT_ACCESS_READ] = "read",
		[PT_ACCESS_WRITE] = "write",
		[PT_ACCESS_RMW] = "locked read-modify-write",
		[PT_ACCESS_FETCH] = "fetch",
	};
	bool implicit = how->flags & PT_ACCESS_IMPLICIT;

	if (how->kind != PT_ACCESS_FETCH)
		fprintf(out, "%u-byte ", how->size);
	fprintf(out, "%s at CPL %u", implicit ? "implicit read of a descriptor" : kind[how->kind],
		how->priv);
	fputs(walk->user ? ": a user-mode access" : ": a supervisor-mode access", out);
}

static void say_start(FILE *out, const struct explain_walk *walk)
{
	if (!(walk->r->x86.cr0 & CR0_PG)) {
		fprintf(out, "none, CR0.PG=0: the address is the %s address",
			walk->r->two_stages ? "guest-physical" : "physical");
		return;
	}
	fprintf(out, "%s paging, CR3=0x%" PRIx64, walk->cfg.va_bits == 57 ? "5-level" : "4-level",
		walk->r->x86.cr3);
}

pt_pa_t explain_x86_target(const struct explain_walk *walk, const struct pt_access_step *step)
{
	unsigned int size_lg2 = step->kind == PT_KIND_LEAF ? 12 + 9 * step->level : 12;

	return step->raw & BITS(51, size_lg2) & ~explain_c_bit(walk);
}

const struct explain_words explain_x86_words = {
	.priv = { 3, 0 },
	.who = { "CPL 3", "CPL 0" },
	.stage = "",
	.entry_noun = "",
	.output = "GPA",
	.access = say_access,
	.start = say_start,
	.entry = explain_say_fields,
	.target = explain_x86_target,
};

static int config(const struct explain_regime *r, unsigned int stage, pt_va_t va,
		  struct pt_fmt_cfg *cfg, pt_pa_t *root)
{
	(void)va;
	if (stage == 2)
		return pt_fmt_cfg_x86_ept(cfg, root, &r->ept);
	return pt_fmt_cfg_x86_64(cfg, root, &r->x86);
}

const struct explain_arch explain_x86 = {
	.config = config,
	.words = { &explain_x86_words, &explain_ept_words },
	.reasons = { &explain_x86_reasons, &explain_ept_reasons },
};
