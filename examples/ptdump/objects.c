/* SPDX-License-Identifier: MIT */
/* What reports find out, as JSON: an object for each thing, which says of which root it is. */
#include "printer.h"

#include "explain/fields.h"
#include "json.h"

static void begin(struct dump_line *line, const struct dump_root *root)
{
	line->len = 0;
	json_begin(line, "", '{');
	if (root)
		json_text(line, "root", root->label);
}

static void end(struct dump_line *line)
{
	json_end(line, '}');
	dump_put_end(line, stdout);
}

/* Every object says where it belongs, so nothing has to come before the first one. */
static void start(const struct dump_root *root, bool first)
{
	(void)root;
	(void)first;
}

/* ---- --usage ---- */

static void put_share(struct dump_line *line, const struct dump_share *share)
{
	json_number(line, "tables", share->tables);
	json_number(line, "bytes", share->bytes);
	json_number(line, "leaves", share->leaves);
	json_number(line, "mapped", share->mapped);
	json_number(line, "soft", share->soft);
	json_number(line, "corrupt", share->illegal);
	json_number(line, "used", share->used);
	json_number(line, "entries", share->entries);
}

static void usage_level(const struct dump_root *root, unsigned int level,
			const struct dump_share *share)
{
	struct dump_line line;

	begin(&line, root);
	json_number(&line, "level", level);
	json_text(&line, "entry", root->info.level_name[level]);
	if (root->info.can_leaf[level])
		json_number(&line, "size", UINT64_C(1) << root->info.leaf_lg2[level]);
	put_share(&line, share);
	end(&line);
}

static void usage_all(const struct dump_root *root, const struct dump_share *all,
		      uint64_t nr_ranges, uint64_t bytes)
{
	struct dump_line line;

	begin(&line, root);
	json_number(&line, "levels", root->info.nr_levels);
	put_share(&line, all);
	json_number(&line, "ranges", nr_ranges);
	json_number(&line, "addresses", bytes);
	end(&line);
}

/* ---- --verify ---- */

/* Which word of which table. */
static void put_word(struct dump_line *line, const char *entry, pt_pa_t table_pa,
		     unsigned int level, unsigned int index, uint64_t raw)
{
	json_number(line, "level", level);
	json_text(line, "entry", entry);
	json_hex(line, "table", table_pa);
	json_number(line, "index", index);
	json_hex(line, "word", raw);
}

static void put_finding(struct dump_line *line, const char *entry, const struct pt_finding *finding)
{
	put_word(line, entry, finding->table_pa, finding->level, finding->index, finding->raw);
	json_text(line, "why", dump_finding_name(finding));
}

static void print_finding(const struct dump_root *root, const struct pt_finding *finding)
{
	struct dump_line line;

	begin(&line, root);
	json_hex(&line, "va", finding->va);
	put_finding(&line, root->info.level_name[finding->level], finding);
	end(&line);
}

static void verified(const struct dump_root *root, size_t nr_findings, bool empty)
{
	(void)root;
	(void)empty;
	(void)nr_findings;
}

/* ---- --va ---- */

/* The fields of @raw that are not zero, each by its name. */
static void put_fields(struct dump_line *line, const struct pt_fmt_cfg *cfg, unsigned int level,
		       enum pt_kind kind, uint64_t raw)
{
	const struct explain_field *field = NULL;

	json_begin(line, "fields", '{');
	while ((field = explain_next_field(cfg, level, kind, field)))
		if (explain_field_value(field, raw))
			json_number(line, field->name, explain_field_value(field, raw));
	json_end(line, '}');
}

static void print_steps(const struct dump_root *root, const struct pt_step *steps, unsigned int nr)
{
	struct dump_line line;

	for (const struct pt_step *step = steps; step < steps + nr; step++) {
		begin(&line, root);
		put_word(&line, root->info.level_name[step->level], step->table_pa, step->level,
			 step->index, step->raw);
		json_text(&line, "is", dump_kind_name(step->kind));
		if (step->kind == PT_KIND_TABLE || step->kind == PT_KIND_LEAF)
			put_fields(&line, &root->cfg, step->level, step->kind, step->raw);
		else if (step->kind == PT_KIND_SOFT)
			json_soft(&line, root, step->level, step->raw);
		else if (step->kind == PT_KIND_ILLEGAL)
			json_text(&line, "why", pt_illegal_name(step->why));
		end(&line);
	}
}

/* As those of a range of one leaf. */
static void put_leaf(struct dump_line *line, const struct dump_root *root,
		     const struct dump_outcome *outcome)
{
	const struct pt_leaf *leaf = &outcome->leaf;

	json_hex(line, "pa", leaf->pa);
	json_number(line, "size", UINT64_C(1) << leaf->size_lg2);
	json_number(line, "level", leaf->level);
	json_perms(line, dump_perms(root, leaf->attr));
	json_number(line, "key", pt_attr_key(leaf->attr));
	json_text(line, "type", pt_mem_name(pt_attr_mem(leaf->attr)));
	json_bool(line, "contig", leaf->contig_lg2);
	if (!outcome->has_effective)
		return;
	json_begin(line, "effective", '{');
	json_perms(line, dump_perms(root, outcome->effective));
	json_end(line, '}');
}

static void put_failure(struct dump_line *line, const struct dump_root *root,
			const struct dump_outcome *outcome)
{
	const struct pt_step *last = outcome->last;

	if (!last) {
		json_text(line, "why", pt_strerror(outcome->err));
		return;
	}
	json_number(line, "level", last->level);
	json_text(line, "entry", root->info.level_name[last->level]);
	json_text(line, "is", dump_kind_name(last->kind));
	if (last->kind == PT_KIND_ILLEGAL)
		json_text(line, "why", pt_illegal_name(last->why));
}

static void print_outcome(const struct dump_root *root, const struct dump_outcome *outcome)
{
	struct dump_line line;

	begin(&line, root);
	json_hex(&line, "va", outcome->va);
	json_bool(&line, "translated", !outcome->err);
	if (outcome->err)
		put_failure(&line, root, outcome);
	else
		put_leaf(&line, root, outcome);
	if (outcome->has_block) {
		json_begin(&line, "blocks", '[');
		json_begin(&line, "", '{');
		put_finding(&line, root->info.level_name[outcome->block.level], &outcome->block);
		json_end(&line, '}');
		json_end(&line, ']');
	}
	if (outcome->loop)
		json_hex(&line, "loop", outcome->loop->table_pa);
	end(&line);
}

static void no_root(pt_va_t va, bool access)
{
	struct dump_line line;

	begin(&line, NULL);
	json_hex(&line, "va", va);
	json_bool(&line, access ? "allowed" : "translated", false);
	json_text(&line, "why", "no root's half reaches it");
	end(&line);
}

/* ---- --access ---- */

static void print_access_step(const struct dump_root *root, const struct pt_access_step *step,
			      const struct explain_entry *entry)
{
	struct dump_line line;

	begin(&line, root);
	json_number(&line, "stage", step->stage);
	put_word(&line, entry->name, step->table_pa, step->level, step->index, step->raw);
	json_text(&line, "is", dump_kind_name(step->kind));
	if (entry->has_cfg && (step->kind == PT_KIND_TABLE || step->kind == PT_KIND_LEAF))
		put_fields(&line, &entry->cfg, step->level, step->kind, step->raw);
	end(&line);
}

/* Finds the step that @c's fault is about; NULL if it is about no entry. */
static const struct pt_access_step *find_decisive(const struct explain_case *c)
{
	const struct pt_fault *fault = &c->result.fault;

	for (unsigned int i = c->nr_steps; i--;) {
		const struct pt_access_step *step = &c->steps[i];

		if (step->stage == fault->stage && explain_entry_pa(step) == fault->pa &&
		    step->raw == fault->raw)
			return step;
	}
	return NULL;
}

static void put_fault(struct dump_line *line, const struct explain_regime *machine,
		      const struct explain_case *c)
{
	const struct pt_fault *fault = &c->result.fault;
	const struct pt_access_step *step = find_decisive(c);
	struct explain_entry entry;

	json_begin(line, "fault", '{');
	json_text(line, "kind", pt_fault_kind_name(fault->kind));
	json_hex(line, "code", fault->code);
	json_text(line, "why", pt_fault_why_name(fault->why));
	json_hex(line, "va", fault->va);
	json_number(line, "stage", fault->stage);
	if (fault->stage == 2)
		json_hex(line, "ipa", fault->ipa);
	if (fault->kind == PT_FAULT_NO_MEMORY) {
		json_hex(line, "pa", fault->pa);
	} else if (step) {
		explain_find_entry(&entry, machine, c, (unsigned int)(step - c->steps));
		put_word(line, entry.name, step->table_pa, step->level, step->index, step->raw);
	}
	json_end(line, '}');
}

static void put_pieces(struct dump_line *line, const struct explain_case *c)
{
	json_begin(line, "pieces", '[');
	for (unsigned int i = 0; i < c->result.nr_pieces; i++) {
		const struct pt_piece *piece = &c->result.piece[i];

		json_begin(line, "", '{');
		json_hex(line, "pa", piece->pa);
		json_number(line, "len", piece->len);
		if (c->nr_steps) /* else no leaf says how far the translation goes */
			json_number(line, "size", UINT64_C(1) << piece->size_lg2);
		json_text(line, "type", pt_mem_name((enum pt_mem)piece->mem));
		json_end(line, '}');
	}
	json_end(line, ']');
}

/* Names contiguous blocks that are none; returns whether there are. */
static bool put_blocks(struct dump_line *line, const struct explain_regime *machine,
		       const struct explain_case *c)
{
	struct explain_entry entry;
	bool found = false;

	for (unsigned int i = 0; i < c->nr_steps; i++) {
		explain_find_entry(&entry, machine, c, i);
		if (!entry.has_block)
			continue;
		if (!found)
			json_begin(line, "blocks", '[');
		found = true;
		json_begin(line, "", '{');
		json_number(line, "stage", c->steps[i].stage);
		put_finding(line, entry.name, &entry.block);
		json_end(line, '}');
	}
	if (found)
		json_end(line, ']');
	return found;
}

static bool print_access(const struct dump_root *root, const struct explain_regime *machine,
			 const struct explain_case *c)
{
	bool user = c->how.priv == explain_priv(machine, EXPLAIN_USER);
	bool allowed = c->result.nr_pieces, has_blocks;
	struct explain_entry entry;
	struct dump_line line;

	for (unsigned int i = 0; i < c->nr_steps; i++) {
		explain_find_entry(&entry, machine, c, i);
		print_access_step(root, &c->steps[i], &entry);
	}
	begin(&line, root);
	json_hex(&line, "va", c->va);
	json_text(&line, "access", dump_access_name(c->how.kind));
	json_text(&line, "priv", user ? "user" : "kernel");
	json_number(&line, "len", c->how.size);
	json_bool(&line, "allowed", allowed);
	if (allowed)
		put_pieces(&line, c);
	else
		put_fault(&line, machine, c);
	has_blocks = put_blocks(&line, machine, c);
	end(&line);
	return !has_blocks;
}

/* Whoever reads objects knows what he gave. */
static void no_assumed(const struct explain_regime *machine, const struct dump_regs *regs)
{
	(void)machine;
	(void)regs;
}

/* ---- --find-roots ---- */

static void print_found(const struct dump_root *root, const struct dump_found *found, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const struct dump_tree *tree = &found[i].tree;
		struct dump_line line;

		begin(&line, root);
		json_hex(&line, "value", found[i].value);
		json_hex(&line, "pa", found[i].pa);
		json_number(&line, "tables", tree->tables);
		json_number(&line, "leaves", tree->leaves);
		json_number(&line, "user", tree->user_leaves);
		json_number(&line, "mapped", tree->mapped);
		json_number(&line, "corrupt", tree->corrupt);
		json_bool(&line, "given", found[i].is_given);
		end(&line);
	}
}

/* ---- --diff ---- */

static void print_piece(const struct dump_root *before, const struct dump_root *after,
			const struct dump_piece *piece, bool ad)
{
	struct dump_line line;

	(void)ad; /* an object always has both */
	begin(&line, before);
	if (piece->has_after) {
		json_text(&line, "sign", piece->has_before ? "~" : "+");
		json_run(&line, after, &piece->after);
	} else {
		json_text(&line, "sign", "-");
		json_run(&line, before, &piece->before);
	}
	if (piece->has_before && piece->has_after) {
		json_begin(&line, "was", '{');
		json_run(&line, before, &piece->before);
		json_end(&line, '}');
	}
	end(&line);
}

static void no_difference(void)
{
}

const struct dump_printer dump_json_printer = {
	.start = start,
	.usage_level = usage_level,
	.usage_all = usage_all,
	.finding = print_finding,
	.verified = verified,
	.steps = print_steps,
	.outcome = print_outcome,
	.no_root = no_root,
	.access = print_access,
	.assumed = no_assumed,
	.found = print_found,
	.piece = print_piece,
	.no_difference = no_difference,
};
