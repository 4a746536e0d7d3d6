/* SPDX-License-Identifier: MIT */
/* An access in words: the path, the verdict, the rule behind it, what everybody may do there. */
#include "internal.h"

#include <inttypes.h>

#include "fields.h"

const char *explain_size(unsigned int size_lg2, char text[static 8])
{
	snprintf(text, 8, "%u%c", 1u << size_lg2 % 10, " KMGTPE"[size_lg2 / 10 % 7]);
	return text;
}

void explain_label(FILE *out, const char *text)
{
	fprintf(out, "    %-7s ", text);
}

const char *explain_level_name(const struct explain_walk *walk, unsigned int level)
{
	return walk->has_info && level < walk->info.nr_levels ? walk->info.level_name[level] : "?";
}

void explain_say_bits(FILE *out, const struct explain_walk *walk, const struct pt_access_step *step,
		      uint64_t after)
{
	const char *between = "";

	for (unsigned int i = 0; i < 64; i++) {
		if (!((step->raw ^ after) >> i & 1))
			continue;
		fprintf(out, "%s%s bit %u", between, after >> i & 1 ? "set" : "clear", i);
		explain_put_bit(out, &walk->cfg, step->level, step->kind, i);
		between = ", ";
	}
}

/* ---- where it ends ---- */

static void say_no_table(FILE *out, const struct explain_walk *walk)
{
	pt_pa_t pa = walk->c->result.fault.pa;

	explain_label(out, "stop");
	fprintf(out, "the next entry of the walk is at 0x%" PRIx64 ", where there is no memory\n",
		pa);
	explain_label(out, "rule");
	fputs("reading nothing gives ones, zeroes or a machine check, as the machine likes\n", out);
	explain_label(out, "change");
	if (walk->nr)
		fprintf(out, "let the %s%s at 0x%" PRIx64 " point at a table in memory%s\n",
			walk->words->stage, explain_level_name(walk, explain_last(walk)->level),
			explain_entry_pa(explain_last(walk)),
			walk->r->two_stages && walk->stage == 1 ? ", through stage 2" : "");
	else
		fputs("let the root point at a table in memory\n", out);
}

/* ---- success ---- */

static void say_pieces(FILE *out, const struct explain_walk *walk)
{
	const struct pt_access_result *result = &walk->c->result;

	for (unsigned int i = 0; i < result->nr_pieces; i++) {
		const struct pt_piece *piece = &result->piece[i];
		const char *mem = walk->words->mem_name[piece->mem];
		char size[8];

		explain_label(out, i ? "" : "result");
		if (result->nr_pieces > 1)
			fprintf(out, "%u byte%s at ", piece->len, piece->len > 1 ? "s" : "");
		fprintf(out, "PA 0x%" PRIx64 ", ", piece->pa);
		if (walk->c->nr_steps)
			fprintf(out, "in a %s page, ", explain_size(piece->size_lg2, size));
		fprintf(out, "memory type %s\n", mem ? mem : pt_mem_name((enum pt_mem)piece->mem));
	}
}

/* Whether the access read the entry of @step, which is one of its steps, before. */
static bool is_repeated(const struct explain_case *c, const struct pt_access_step *step)
{
	const struct pt_access_step *first = c->steps;

	while (first < step && explain_entry_pa(first) != explain_entry_pa(step))
		first++;
	return first < step;
}

/* The walk at @path that @step is of. */
static const struct explain_walk *walk_of(const struct explain_path *path,
					  const struct pt_access_step *step)
{
	return step->stage == 2 ? &path->second : &path->first;
}

/* Bits that hardware set: the words now against what was read. */
static void say_marks(FILE *out, const struct explain_case *c, const struct explain_path *path)
{
	const char *what = "marks";

	for (unsigned int i = 0; i < c->nr_steps; i++) {
		const struct pt_access_step *step = &c->steps[i];
		const struct explain_walk *walk = walk_of(path, step);
		uint64_t now;

		if (is_repeated(c, step) ||
		    pt_phys_read(walk->r->phys, explain_entry_pa(step), &now, sizeof(now)) ||
		    now == step->raw)
			continue;
		explain_label(out, what);
		what = "";
		fprintf(out, "%s%s at 0x%" PRIx64 " is now 0x%016" PRIx64 " (", walk->words->stage,
			explain_level_name(walk, step->level), explain_entry_pa(step), now);
		explain_say_bits(out, walk, step, now);
		fputs(")\n", out);
	}
}

/* Whether the access read an entry of the block of the @i-th step before. */
static bool is_told(const struct explain_case *c, unsigned int i, unsigned int contig_lg2)
{
	const struct pt_access_step *step = &c->steps[i], *first = c->steps;

	while (first < step &&
	       (first->table_pa != step->table_pa || (first->index ^ step->index) >> contig_lg2))
		first++;
	return first < step;
}

/* Whether the @i-th step, at @path, is the first that came by a block that is misprogrammed. */
static bool find_block(const struct explain_path *path, unsigned int i, struct pt_finding *finding)
{
	const struct explain_case *c = path->first.c;
	const struct pt_access_step *step = &c->steps[i];
	const struct explain_walk *walk = walk_of(path, step);

	return walk->has_info && !is_told(c, i, walk->info.contig_lg2[step->level]) &&
	       pt_verify_block(walk->r->phys, &walk->cfg, step->table_pa, step->level, step->index,
			       finding) == -EFAULT;
}

/*
 * Names misprogrammed blocks of leaves that the piece at @path came by;
 * returns whether there are.
 */
static bool say_blocks(FILE *out, const struct explain_path *path)
{
	struct pt_finding finding;
	bool found = false;

	for (unsigned int i = path->begin; i < path->end; i++) {
		const struct explain_walk *walk = walk_of(path, &path->first.c->steps[i]);

		if (!find_block(path, i, &finding))
			continue;
		explain_label(out, "contig");
		fputs(walk->words->stage, out);
		explain_say_block(out, &walk->info, &finding);
		fputc('\n', out);
		found = true;
	}
	return found;
}

/* ---- all of it ---- */

/* The walk that a fault or a lack of memory ended. */
static const struct explain_walk *where_it_ended(const struct explain_path *path)
{
	return path->first.c->result.fault.stage == 2 ? &path->second : &path->first;
}

/* Whether the rules for what is accessed were asked: a leaf was found, in each stage. */
static bool has_rights(const struct explain_regime *r, const struct explain_path *path)
{
	const struct explain_walk *first = &path->first, *second = &path->second;

	if (first->c->el2 || (!first->nr && !r->two_stages))
		return false;
	if (first->nr && explain_last(first)->kind != PT_KIND_LEAF)
		return false;
	return !r->two_stages || (first->nr && first->fault) ||
	       (second->nr && explain_last(second)->kind == PT_KIND_LEAF);
}

/*
 * Whether the access ended in a fault of the architecture; else a table
 * was not there, if it ended.
 */
static bool has_faulted(const struct explain_case *c)
{
	return !c->result.nr_pieces && c->result.fault.kind != PT_FAULT_NO_MEMORY;
}

static void say_end(FILE *out, const struct explain_path *paths, unsigned int nr,
		    const struct explain_case *c)
{
	if (has_faulted(c))
		explain_say_fault(out, where_it_ended(&paths[nr - 1]));
	else if (!c->result.nr_pieces)
		say_no_table(out, where_it_ended(&paths[nr - 1]));
	else
		say_pieces(out, &paths[0].first);
	if (c->lost) {
		explain_label(out, "stop");
		fprintf(out, "translated and allowed, but there is no memory at 0x%" PRIx64 "\n",
			c->lost_pa);
	}
}

/* The first byte of the next page, if the access reaches there. */
static pt_va_t next_page(const struct explain_case *c)
{
	return (c->va + c->how.size - 1) & ~UINT64_C(0xfff);
}

void explain_find_entry(struct explain_entry *entry, const struct explain_regime *r,
			const struct explain_case *c, unsigned int i)
{
	const struct pt_access_step *step = &c->steps[i];
	const struct explain_walk *walk;
	struct explain_path path;

	explain_find_path(&path, r, c, c->va, 0);
	if (i >= path.end)
		explain_find_path(&path, r, c, next_page(c), path.end);
	walk = walk_of(&path, step);
	entry->name = explain_level_name(walk, step->level);
	entry->has_cfg = walk->has_info;
	entry->cfg = walk->cfg;
	entry->has_block = find_block(&path, i, &entry->block);
}

bool explain_access(FILE *out, const struct explain_regime *r, const struct explain_case *c)
{
	pt_va_t next = next_page(c);
	/* A piece may end without an entry read. */
	bool in_next = !c->result.nr_pieces && next != c->va && c->result.fault.va == next;
	struct explain_path paths[2];
	unsigned int nr = 0, at = 0;
	bool certain = true;

	do {
		struct explain_path *path = &paths[nr];

		explain_find_path(path, r, c, nr ? next : c->va, at);
		at = path->end;
		if (!nr++) {
			explain_label(out, "what");
			r->arch->words[0]->access(out, &path->first);
			fputc('\n', out);
		}
		if (has_faulted(c) && at >= c->nr_steps && (nr == 2 || !in_next))
			explain_end_path(path, &c->result.fault);
		explain_say_path(out, path);
	} while (nr < 2 && (at < c->nr_steps || in_next));

	say_end(out, paths, nr, c);
	for (unsigned int i = 0; i < nr; i++)
		certain &= !say_blocks(out, &paths[i]);
	if (has_rights(r, &paths[0]))
		explain_say_rights(out, &paths[0].first);
	say_marks(out, c, &paths[0]);
	return certain;
}

/* ---- questions ---- */

int explain_config(const struct explain_regime *r, unsigned int stage, pt_va_t va,
		   struct pt_fmt_cfg *cfg, pt_pa_t *root)
{
	return r->arch->config(r, stage, va, cfg, root);
}

unsigned int explain_priv(const struct explain_regime *r, unsigned int who)
{
	return r->arch->words[0]->priv[who];
}

void explain_ask_rights(const struct explain_regime *r, struct explain_case *c)
{
	static const enum pt_access_kind kinds[] = { PT_ACCESS_READ, PT_ACCESS_WRITE,
						     PT_ACCESS_FETCH };
	struct pt_access_result result;

	for (unsigned int who = 0; who < EXPLAIN_NR_WHO; who++) {
		for (unsigned int i = 0; i < 3; i++) {
			struct pt_access how = {
				.kind = kinds[i],
				.size = 1,
				.priv = explain_priv(r, who),
			};

			if (!pt_access_probe(r->mmu, c->va, &how, &result))
				c->perms[who] |= 1u << i;
			else
				c->denied[who][i] = result.fault;
		}
	}
}
