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
		const char *name = walk->words->bit_name[i];

		if (!((before ^ after) >> i & 1))
			continue;
		fprintf(out, "%s%s bit %u", between, after >> i & 1 ? "set" : "clear", i);
		if (name)
			fprintf(out, " %s", name);
		between = ", ";
	}
}

/* ---- where it ends ---- */

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
		fprintf(out, "let the %s%s at 0x%" PRIx64 " point at a table in memory%s\n",
			walk->words->stage, whatif_level_name(walk, whatif_last(walk)->level),
			whatif_entry_pa(whatif_last(walk)),
			walk->w->two_stages && walk->stage == 1 ? ", through stage 2" : "");
	else
		fputs("let the root point at a table in memory\n", out);
}

/* ---- success ---- */

static void say_pieces(FILE *out, const struct whatif_walk *walk)
{
	const struct pt_access_result *result = &walk->c->result;

	for (unsigned int i = 0; i < result->nr_pieces; i++) {
		const struct pt_piece *piece = &result->piece[i];
		const char *mem = walk->words->mem_name[piece->mem];
		char size[8];

		whatif_label(out, i ? "" : "result");
		if (result->nr_pieces > 1)
			fprintf(out, "%u byte%s at ", piece->len, piece->len > 1 ? "s" : "");
		fprintf(out, "PA 0x%" PRIx64 ", ", piece->pa);
		if (walk->c->nr_steps)
			fprintf(out, "in a %s page, ", whatif_size(piece->size_lg2, size));
		fprintf(out, "memory type %s\n", mem ? mem : pt_mem_name((enum pt_mem)piece->mem));
	}
}

/* Whether the access read the entry of @step, which is one of its steps, before. */
static bool is_repeated(const struct whatif_case *c, const struct pt_access_step *step)
{
	const struct pt_access_step *first = c->steps;

	while (first < step && whatif_entry_pa(first) != whatif_entry_pa(step))
		first++;
	return first < step;
}

/* Bits that hardware set: the words now against what was read. */
static void say_marks(FILE *out, const struct whatif_case *c, const struct whatif_path *path)
{
	const char *what = "marks";

	for (unsigned int i = 0; i < c->nr_steps; i++) {
		const struct pt_access_step *step = &c->steps[i];
		const struct whatif_walk *walk = step->stage == 2 ? &path->second : &path->first;
		uint64_t now;

		if (is_repeated(c, step) ||
		    pt_phys_read(walk->w->phys, whatif_entry_pa(step), &now, sizeof(now)) ||
		    now == step->raw)
			continue;
		whatif_label(out, what);
		what = "";
		fprintf(out, "%s%s at 0x%" PRIx64 " is now 0x%016" PRIx64 " (", walk->words->stage,
			whatif_level_name(walk, step->level), whatif_entry_pa(step), now);
		whatif_say_bits(out, walk, step->raw, now);
		fputs(")\n", out);
	}
}

/* ---- all of it ---- */

/* The walk that a fault or a lack of memory ended. */
static const struct whatif_walk *where_it_ended(const struct whatif_path *path)
{
	return path->first.c->result.fault.stage == 2 ? &path->second : &path->first;
}

/* Whether the rules for what is accessed were asked: a leaf was found, in each stage. */
static bool has_rights(const struct whatif *w, const struct whatif_path *path)
{
	const struct whatif_walk *first = &path->first, *second = &path->second;

	if (first->c->access->level == 2 || (!first->nr && !w->two_stages))
		return false;
	if (first->nr && whatif_last(first)->kind != PT_KIND_LEAF)
		return false;
	return !w->two_stages || (first->nr && first->fault) ||
	       (second->nr && whatif_last(second)->kind == PT_KIND_LEAF);
}

static void say_end(FILE *out, const struct whatif_path *paths, unsigned int nr,
		    const struct job_result *result)
{
	if (result->status == JOB_FAULT)
		whatif_say_fault(out, where_it_ended(&paths[nr - 1]));
	else if (result->status == JOB_NOWALK)
		say_no_table(out, where_it_ended(&paths[nr - 1]));
	else
		say_pieces(out, &paths[0].first);
	if (result->status == JOB_NOMEM) {
		whatif_label(out, "stop");
		fprintf(out, "translated and allowed, but there is no memory at 0x%" PRIx64 "\n",
			result->pa);
	}
}

static void say_all(FILE *out, const struct whatif *w, const struct whatif_case *c,
		    const struct job_result *result)
{
	bool ended = result->status == JOB_FAULT || result->status == JOB_NOWALK;
	/* The first byte of the next page; a piece may end without an entry read. */
	pt_va_t next = (c->va + c->how.size - 1) & ~UINT64_C(0xfff);
	bool in_next = ended && next != c->va && c->result.fault.va == next;
	struct whatif_path paths[2];
	unsigned int nr = 0, at = 0;

	do {
		struct whatif_path *path = &paths[nr];

		whatif_find_path(path, w, c, nr ? next : c->va, at);
		at = path->end;
		if (!nr++) {
			whatif_label(out, "what");
			w->arch->words[0]->access(out, &path->first);
			fputc('\n', out);
		}
		if (result->status == JOB_FAULT && at >= c->nr_steps && (nr == 2 || !in_next))
			whatif_end_path(path, &c->result.fault);
		whatif_say_path(out, path);
	} while (nr < 2 && (at < c->nr_steps || in_next));

	say_end(out, paths, nr, result);
	if (has_rights(w, &paths[0]))
		whatif_say_rights(out, &paths[0].first);
	say_marks(out, c, &paths[0]);
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
