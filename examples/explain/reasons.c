/* SPDX-License-Identifier: MIT */
/* Why something is forbidden: for the access that faulted, and for those that would. */
#define _GNU_SOURCE
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_verb[3] = { "read", "write", "execute" };

const char *explain_blame(const struct explain_walk *walk, const struct pt_access_step *step)
{
	return walk->fault ? walk->reasons->blame(walk, step) : NULL;
}

/* "R/W=0 in the PDE and the PTE" */
static void say_cause(FILE *out, const struct explain_walk *walk)
{
	const struct explain_reasons *reasons = walk->reasons;
	const char *before = NULL;

	reasons->cause(out, walk);
	for (unsigned int i = 0; i < walk->nr; i++) {
		const char *what = explain_blame(walk, &walk->steps[i]);

		if (!what || !*what)
			continue;
		if (before)
			fputs(" and ", out);
		if (!before || strcmp(before, what) != 0)
			fprintf(out, "%s in ", what);
		fprintf(out, "the %s%s%s", walk->words->stage,
			explain_level_name(walk, walk->steps[i].level), walk->words->entry_noun);
		before = what;
	}
}

/* What would have to change: words that would do, then other ways. */
static void say_change(FILE *out, const struct explain_walk *walk)
{
	const struct explain_reasons *reasons = walk->reasons;

	explain_label(out, "change");
	for (unsigned int i = 0; i < walk->nr; i++) {
		const struct pt_access_step *step = &walk->steps[i];
		uint64_t repaired = step->raw;

		if (explain_blame(walk, step))
			repaired = reasons->repaired(walk, step);
		if (repaired == step->raw)
			continue;
		fprintf(out, "%s%s at 0x%" PRIx64 " to 0x%016" PRIx64 " (", walk->words->stage,
			explain_level_name(walk, step->level), explain_entry_pa(step), repaired);
		explain_say_bits(out, walk, step, repaired);
		fputs(")\n            ", out);
	}
	reasons->change(out, walk);
	fputc('\n', out);
}

void explain_say_fault(FILE *out, const struct explain_walk *walk)
{
	const struct explain_reasons *reasons = walk->reasons;

	explain_label(out, "fault");
	reasons->code(out, walk);
	fputc('\n', out);
	explain_label(out, "cause");
	say_cause(out, walk);
	fputc('\n', out);
	explain_label(out, "rule");
	reasons->rule(out, walk);
	fputc('\n', out);
	say_change(out, walk);
}

/* The entry of stage 2 that @fault tells of, as a walk of its own. */
static void init_second(struct explain_walk *walk, const struct pt_fault *fault,
			struct pt_access_step *step, const struct explain_walk *first,
			const struct explain_case *c)
{
	*step = (struct pt_access_step){
		.table_pa = fault->pa,
		.raw = fault->raw,
		.stage = 2,
		.level = fault->level,
		.kind = fault->why == PT_WHY_NOT_PRESENT ? PT_KIND_EMPTY
			: fault->why == PT_WHY_RESERVED || fault->why == PT_WHY_ADDRESS_SIZE
				? PT_KIND_ILLEGAL
				: PT_KIND_LEAF,
	};
	explain_init_walk(walk, first->r, c, 2, fault->ipa);
	walk->steps = step;
	walk->nr = 1;
}

/* Why @who may not do @kind of access, as text for the caller to free; NULL without memory. */
static char *denial(const struct explain_walk *walk, unsigned int who, unsigned int kind)
{
	static const enum pt_access_kind kinds[] = { PT_ACCESS_READ, PT_ACCESS_WRITE,
						     PT_ACCESS_FETCH };
	struct explain_case other = *walk->c;
	struct explain_walk denied = *walk;
	struct pt_access_step step;
	const struct pt_fault *fault = &walk->c->denied[who][kind];
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	other.how = (struct pt_access){ .kind = kinds[kind], .priv = walk->words->priv[who] };
	denied.c = &other;
	if (fault->stage == 2)
		init_second(&denied, fault, &step, walk, &other);
	denied.fault = fault;
	denied.user = who == EXPLAIN_USER;
	say_cause(out, &denied);
	fclose(out);
	return text;
}

/* "; not read or write: U/S=0 in the PTE": kinds of access with one reason are told together. */
static void say_denied(FILE *out, const struct explain_walk *walk, unsigned int who)
{
	unsigned int perms = walk->c->perms[who];
	char *why[3] = { NULL };

	for (unsigned int kind = 0; kind < 3; kind++)
		if (!(perms >> kind & 1))
			why[kind] = denial(walk, who, kind);
	for (unsigned int kind = 0; kind < 3; kind++) {
		if (perms >> kind & 1 || !why[kind])
			continue;
		fprintf(out, "; not %s", kind_verb[kind]);
		for (unsigned int same = kind + 1; same < 3; same++) {
			if (perms >> same & 1 || !why[same] || strcmp(why[same], why[kind]) != 0)
				continue;
			fprintf(out, " or %s", kind_verb[same]);
			perms |= 1u << same;
		}
		fprintf(out, ": %s", why[kind]);
	}
	for (unsigned int kind = 0; kind < 3; kind++)
		free(why[kind]);
}

/* What plain accesses to the first byte may do, whatever kind this one is. */
void explain_say_rights(FILE *out, const struct explain_walk *walk)
{
	for (unsigned int who = 0; who < EXPLAIN_NR_WHO; who++) {
		unsigned int perms = walk->c->perms[who];
		const char *between = "";

		explain_label(out, who ? "" : "rights");
		fprintf(out, "%s: ", walk->words->who[who]);
		for (unsigned int kind = 0; kind < 3; kind++) {
			if (!(perms >> kind & 1))
				continue;
			fprintf(out, "%s%s", between, kind_verb[kind]);
			between = ", ";
		}
		if (!perms)
			fputs("nothing", out);
		say_denied(out, walk, who);
		fputc('\n', out);
	}
}
