/* SPDX-License-Identifier: MIT */
/* An access in words: the path, the verdict, the rule behind it, what everybody may do there. */
#define _GNU_SOURCE
#include "whatif_explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *whatif_size(unsigned int size_lg2, char text[static 8])
{
	snprintf(text, 8, "%u%c", 1u << size_lg2 % 10, " KMGTPE"[size_lg2 / 10 % 7]);
	return text;
}

void whatif_label(FILE *out, const char *text)
{
	fprintf(out, "    %-7s ", text);
}

const char *whatif_level_name(const struct whatif_walk *walk, unsigned int level)
{
	return walk->has_info && level < walk->info.nr_levels ? walk->info.level_name[level] : "?";
}

/* "clear bit 7 AP[2], set bit 10 AF" */
void whatif_say_bits(FILE *out, const struct whatif_walk *walk, uint64_t before, uint64_t after)
{
	const char *between = "";

	for (unsigned int i = 0; i < 64; i++) {
		const char *name = walk->w->arch->words->bit_name[i];

		if (!((before ^ after) >> i & 1))
			continue;
		fprintf(out, "%s%s bit %u", between, after >> i & 1 ? "set" : "clear", i);
		if (name)
			fprintf(out, " %s", name);
		between = ", ";
	}
}

/* ---- the path ---- */

static void say_target(FILE *out, const struct whatif_walk *walk, unsigned int i)
{
	const struct pt_access_step *step = &walk->steps[i];
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
			whatif_size(walk->has_info ? walk->info.leaf_lg2[step->level] : 12, size),
			walk->w->arch->words->leaf_pa(walk, step));
		break;
	case PT_KIND_TABLE:
		if (i + 1 < walk->nr)
			fprintf(out, "table 0x%" PRIx64, walk->steps[i + 1].table_pa);
		else
			fputs("table", out);
		break;
	}
	walk->w->arch->words->entry(out, walk, step);
}

static void say_walk(FILE *out, const struct whatif_walk *walk)
{
	whatif_label(out, "walk");
	if (walk->va != walk->c->va)
		fprintf(out, "for 0x%" PRIx64 ": ", walk->va);
	walk->w->arch->words->start(out, walk);
	fputc('\n', out);
	for (unsigned int i = 0; i < walk->nr; i++) {
		const struct pt_access_step *step = &walk->steps[i];

		fprintf(out, "            %-7s [%3u] 0x%" PRIx64 ": 0x%016" PRIx64 "  ",
			whatif_level_name(walk, step->level), step->index, whatif_entry_pa(step),
			step->raw);
		say_target(out, walk, i);
		fputs(whatif_blame(walk, step) ? "  <--\n" : "\n", out);
	}
}

static void say_no_table(FILE *out, const struct whatif_walk *walk)
{
	pt_pa_t pa = walk->c->result.fault.pa;

	whatif_label(out, "stop");
	fprintf(out, "the next entry of the walk is at 0x%" PRIx64 ", where there is no memory\n",
		pa);
	whatif_label(out, "rule");
	fputs("reading nothing gives ones, zeroes or a machine check, as the machine likes\n", out);
	whatif_label(out, "change");
	if (walk->nr)
		fprintf(out, "let the %s at 0x%" PRIx64 " point at a table in memory\n",
			whatif_level_name(walk, whatif_last(walk)->level),
			whatif_entry_pa(whatif_last(walk)));
	else
		fputs("let the root point at a table in memory\n", out);
}

/* ---- success ---- */

static void say_pieces(FILE *out, const struct whatif_walk *walk)
{
	const struct pt_access_result *result = &walk->c->result;

	for (unsigned int i = 0; i < result->nr_pieces; i++) {
		const struct pt_piece *piece = &result->piece[i];
		const char *mem = walk->w->arch->words->mem_name[piece->mem];
		char size[8];

		whatif_label(out, i ? "" : "result");
		if (result->nr_pieces > 1)
			fprintf(out, "%u byte%s at ", piece->len, piece->len > 1 ? "s" : "");
		fprintf(out, "PA 0x%" PRIx64 ", ", piece->pa);
		if (walk->nr)
			fprintf(out, "in a %s page, ", whatif_size(piece->size_lg2, size));
		fprintf(out, "memory type %s\n", mem ? mem : pt_mem_name((enum pt_mem)piece->mem));
	}
}

/* Whether another walk of the access read the same entry before. */
static bool is_repeated(const struct whatif_walk *walk, const struct pt_access_step *step)
{
	const struct pt_access_step *first = walk->c->steps;

	while (first < walk->steps && whatif_entry_pa(first) != whatif_entry_pa(step))
		first++;
	return first < walk->steps;
}

/* Bits that hardware set: the words now against what was read. */
static void say_marks(FILE *out, const struct whatif_walk *walk, const char *what)
{
	for (unsigned int i = 0; i < walk->nr; i++) {
		const struct pt_access_step *step = &walk->steps[i];
		uint64_t now;

		if (is_repeated(walk, step) ||
		    pt_phys_read(walk->w->phys, whatif_entry_pa(step), &now, sizeof(now)) ||
		    now == step->raw)
			continue;
		whatif_label(out, what);
		what = "";
		fprintf(out, "%s at 0x%" PRIx64 " is now 0x%016" PRIx64 " (",
			whatif_level_name(walk, step->level), whatif_entry_pa(step), now);
		whatif_say_bits(out, walk, step->raw, now);
		fputs(")\n", out);
	}
}

/* ---- all of it ---- */

/* Steps from @first on up to the next walk. */
static unsigned int length_of_walk(const struct whatif_case *c, unsigned int first)
{
	unsigned int i = first + 1;

	while (i < c->nr_steps && c->steps[i].level < c->steps[i - 1].level)
		i++;
	return i - first;
}

static void init_walk(struct whatif_walk *walk, const struct whatif *w, const struct whatif_case *c,
		      pt_va_t va)
{
	pt_pa_t root;

	*walk = (struct whatif_walk){
		.w = w,
		.c = c,
		.va = va,
		.user = c->how.priv == w->arch->words->priv[WHATIF_USER],
	};
	walk->has_info = !w->arch->config(w, va, &walk->cfg, &root) &&
			 !pt_format_info(&walk->cfg, &walk->info);
	if (c->how.flags & PT_ACCESS_IMPLICIT)
		walk->user = false;
	if (c->how.flags & PT_ACCESS_UNPRIV && !w->arm64.uao)
		walk->user = true;
}

static void say_all(FILE *out, const struct whatif *w, const struct whatif_case *c,
		    const struct job_result *result)
{
	struct whatif_walk walks[2];
	unsigned int nr = 0, at = 0;

	init_walk(&walks[0], w, c, c->va);
	whatif_label(out, "what");
	w->arch->words->access(out, &walks[0]);
	fputc('\n', out);
	do {
		struct whatif_walk *walk = &walks[nr++];

		if (nr > 1) /* the first byte of the next page */
			init_walk(walk, w, c, (c->va + c->how.size - 1) & ~UINT64_C(0xfff));
		walk->nr = at < c->nr_steps ? length_of_walk(c, at) : 0;
		walk->steps = c->steps + at;
		at += walk->nr;
		if (at >= c->nr_steps && result->status == JOB_FAULT)
			walk->fault = &c->result.fault;
		say_walk(out, walk);
	} while (nr < 2 && at < c->nr_steps);

	if (result->status == JOB_FAULT)
		whatif_say_fault(out, &walks[nr - 1]);
	else if (result->status == JOB_NOWALK)
		say_no_table(out, &walks[nr - 1]);
	else
		say_pieces(out, &walks[0]);
	if (result->status == JOB_NOMEM) {
		whatif_label(out, "stop");
		fprintf(out, "translated and allowed, but there is no memory at 0x%" PRIx64 "\n",
			result->pa);
	}
	if (walks[0].nr && whatif_last(&walks[0])->kind == PT_KIND_LEAF && c->access->level != 2)
		whatif_say_rights(out, &walks[0]);
	for (unsigned int i = 0; i < nr; i++)
		say_marks(out, &walks[i], i ? "" : "marks");
}

char *whatif_explain(const struct whatif *w, const struct whatif_case *c,
		     const struct job_result *result)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (result->status != JOB_ERROR)
		say_all(out, w, c, result);
	fclose(out);
	return text;
}
