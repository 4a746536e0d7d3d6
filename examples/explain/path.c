/* SPDX-License-Identifier: MIT */
/*
 * The entries that an access came by. With two stages each entry of the first is
 * read through a walk of the second, and so is in the end what is accessed:
 *
 *	stage 2 walk  stage 1 entry  stage 2 walk  stage 1 entry ...  stage 2 walk
 */
#include "internal.h"

#include <inttypes.h>

#include "fields.h"

void explain_init_walk(struct explain_walk *walk, const struct explain_regime *r,
		       const struct explain_case *c, unsigned int stage, pt_va_t va)
{
	*walk = (struct explain_walk){
		.r = r,
		.c = c,
		.stage = stage,
		.words = r->arch->words[stage - 1],
		.reasons = r->arch->reasons[stage - 1],
		.va = va,
		.user = c->how.priv == explain_priv(r, EXPLAIN_USER),
	};
	walk->has_info = !explain_config(r, stage, va, &walk->cfg, &walk->root) &&
			 !pt_format_info(&walk->cfg, &walk->info);
	if (c->how.flags & PT_ACCESS_IMPLICIT)
		walk->user = false;
	if (c->how.flags & PT_ACCESS_UNPRIV && !r->arm64.uao)
		walk->user = true;
}

/* Steps of one walk of stage 2, from @first on. */
static unsigned int length_of_second(const struct explain_case *c, unsigned int first)
{
	unsigned int i = first + 1;

	while (i < c->nr_steps && c->steps[i].stage == 2 &&
	       c->steps[i].level < c->steps[i - 1].level)
		i++;
	return i - first;
}

void explain_find_path(struct explain_path *path, const struct explain_regime *r,
		       const struct explain_case *c, pt_va_t va, unsigned int begin)
{
	struct explain_walk *first = &path->first, *second = &path->second;
	unsigned int i = begin;

	explain_init_walk(first, r, c, 1, va);
	first->steps = path->first_steps;
	*second = (struct explain_walk){ 0 };
	if (r->two_stages)
		explain_init_walk(second, r, c, 2, 0);
	while (i < c->nr_steps) {
		const struct pt_access_step *step = &c->steps[i];

		if (step->stage == 1) {
			if (first->nr && step->level >= explain_last(first)->level)
				break;
			path->first_steps[first->nr++] = *step;
			second->nr = 0;
			i++;
		} else {
			if (second->nr)
				break; /* two in a row: of this piece and of the next */
			second->steps = step;
			second->nr = length_of_second(c, i);
			i += second->nr;
		}
	}
	path->begin = begin;
	path->end = i;
}

void explain_end_path(struct explain_path *path, const struct pt_fault *fault)
{
	if (fault->stage == 2) {
		path->second.va = fault->ipa;
		path->second.fault = fault;
	} else {
		path->first.fault = fault;
	}
}

/* ---- one entry ---- */

void explain_say_fields(FILE *out, const struct explain_walk *walk,
			const struct pt_access_step *step)
{
	const struct explain_field *field = NULL;
	const char *before = "; ";

	while ((field = explain_next_field(&walk->cfg, step->level, step->kind, field))) {
		if (field->told != TOLD_ALWAYS &&
		    (field->told == NOT_TOLD || !explain_field_value(field, step->raw)))
			continue;
		fputs(before, out);
		explain_put_field(out, field, step->raw);
		before = " ";
	}
}

static void say_target(FILE *out, const struct explain_walk *walk,
		       const struct pt_access_step *step)
{
	char size[8];

	switch (step->kind) {
	case PT_KIND_EMPTY:
		fputs("empty", out);
		return;
	case PT_KIND_SOFT:
		fputs("not present; the other bits are the operating system's own", out);
		return;
	case PT_KIND_ILLEGAL:
		fputs("present, but reserved", out);
		break;
	case PT_KIND_LEAF:
		fprintf(out, "%s page 0x%" PRIx64,
			explain_size(walk->has_info ? walk->info.leaf_lg2[step->level] : 12, size),
			walk->words->target(walk, step));
		break;
	case PT_KIND_TABLE:
		fprintf(out, "table 0x%" PRIx64, walk->words->target(walk, step));
		break;
	}
	walk->words->entry(out, walk, step);
}

static void say_step(FILE *out, const struct explain_walk *walk, const struct pt_access_step *step)
{
	int width = walk->cfg.fmt == PT_FMT_X86_EPT ? 9 : 7; /* "EPT PML4E", "level 3" */

	fprintf(out, "            %s%-*s [%3u] 0x%" PRIx64 ": 0x%016" PRIx64 "  ",
		walk->stage == 2 ? "    " : "", width, explain_level_name(walk, step->level),
		step->index, explain_entry_pa(step), step->raw);
	say_target(out, walk, step);
	fputs(explain_blame(walk, step) ? "  <--\n" : "\n", out);
}

/* ---- both stages ---- */

/* The level of the entry that stage 1 reads behind @nr others. */
static unsigned int level_of_entry(const struct explain_walk *first, unsigned int nr)
{
	return nr ? first->steps[nr - 1].level - 1 : first->info.nr_levels - 1;
}

/* ... and its intermediate address. */
static pt_pa_t address_of_entry(const struct explain_walk *first, unsigned int nr)
{
	pt_pa_t table = nr ? first->words->target(first, &first->steps[nr - 1]) : first->root;
	unsigned int level = level_of_entry(first, nr);
	uint64_t index = first->va >> first->info.leaf_lg2[level];

	return table + 8 * (index & (BIT(first->info.entries_lg2[level]) - 1));
}

/* What stage 1 yields. */
static pt_pa_t output_of(const struct explain_walk *first)
{
	unsigned int size_lg2;

	if (!first->nr)
		return first->va & BITS(55, 0); /* but for a tag the address itself */
	size_lg2 = first->info.leaf_lg2[explain_last(first)->level];
	return first->words->target(first, explain_last(first)) | (first->va & (BIT(size_lg2) - 1));
}

/* Which address a walk of stage 2 is for that comes behind @nr entries of stage 1. */
static void say_what_for(FILE *out, const struct explain_path *path, unsigned int nr, bool is_last)
{
	const struct explain_walk *first = &path->first;
	const struct pt_fault *fault = is_last ? path->second.fault : NULL;
	const struct pt_access_step *before = nr ? &first->steps[nr - 1] : NULL;

	fprintf(out, "              %s 0x", first->words->output);
	if (before ? before->kind == PT_KIND_TABLE : first->has_info)
		fprintf(out, "%" PRIx64 ", for the %s entry", address_of_entry(first, nr),
			explain_level_name(first, level_of_entry(first, nr)));
	else if (fault && fault->in_walk)
		fprintf(out, "%" PRIx64 ", to mark the %s entry", fault->ipa,
			explain_level_name(first, before->level));
	else
		fprintf(out, "%" PRIx64 ", %s", output_of(first),
			before ? "where stage 1 leads" : "the address itself");
	fputs(is_last && !path->second.nr ? ": no entry is read\n" : ":\n", out);
}

/* A walk of stage 2 whose steps begin at @i; how many they are. */
static unsigned int say_second(FILE *out, const struct explain_path *path, unsigned int i,
			       unsigned int nr_first)
{
	const struct explain_case *c = path->first.c;
	struct explain_walk walk = path->second;
	bool is_last = walk.nr && walk.steps == &c->steps[i];

	if (!is_last) {
		walk.steps = &c->steps[i];
		walk.nr = length_of_second(c, i);
		walk.fault = NULL;
	}
	say_what_for(out, path, nr_first, is_last);
	for (unsigned int k = 0; k < walk.nr; k++)
		say_step(out, &walk, &walk.steps[k]);
	return walk.nr;
}

void explain_say_path(FILE *out, const struct explain_path *path)
{
	const struct explain_walk *first = &path->first, *second = &path->second;
	unsigned int nr = 0;

	explain_label(out, "walk");
	if (first->va != first->c->va)
		fprintf(out, "for 0x%" PRIx64 ": ", first->va);
	first->words->start(out, first);
	fputc('\n', out);
	if (first->r->two_stages) {
		explain_label(out, "stage 2");
		second->words->start(out, second);
		fputc('\n', out);
	}
	for (unsigned int i = path->begin; i < path->end;) {
		if (first->c->steps[i].stage == 2) {
			i += say_second(out, path, i, nr);
		} else {
			say_step(out, first, &first->steps[nr++]);
			i++;
		}
	}
	if (first->r->two_stages && second->fault && !second->nr)
		say_what_for(out, path, nr, true);
}
