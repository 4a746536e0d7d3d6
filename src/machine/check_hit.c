/* SPDX-License-Identifier: MIT */
/*
 * Entries that are used, held to the tables.
 *
 * An entry from before store s has a stamp below s: the clock as it was before the walk.
 * What differs from the tables is reported if, of the words on the way of now that lead to
 * what is kept, none has a change that is open, and one has a change that is younger than the
 * stamp and had to be flushed: for that flush has returned, and began after the walk did. With
 * two exceptions: an entry is overdue though changes are open, if it is from before one that is
 * not, and not what any open one replaced, be it a table with the word in it; and a leaf's is if
 * the frame that it led to has been freed, however far the flush is. And what an open change took
 * out of a table that has gone since is that change's to flush: for the table itself an operation
 * on any address of it is enough.
 *
 * A store where nothing live stood proves nothing, nor what stands there now, for threads
 * share tables, and their stores are not reported in the order in which they are made:
 *
 *	one thread             another                a CPU
 *	clears word of table A
 *	                       stores table B there
 *	                       reports 0 -> B
 *	                                              uses A, as it may
 *	reports A -> 0
 *	flushes
 */
#include "machine/checker_internal.h"

static pt_pa_t word_of(const struct pt_access_step *step)
{
	return step->table_pa + 8 * (uint64_t)step->index;
}

/* What an entry should have been flushed for. */
struct cause {
	const struct ptl_way *way;
	const struct ptl_regime *r; /* NULL: the entry is of a table */
	const struct pt_tlb_entry *entry;
	uint64_t stamp;
	struct ptl_change change; /* which */
	unsigned int stage; /* of the table that it is in */
	bool freed; /* before its flush */
};

/*
 * The latest change of the word at @pa that is not open. Table pages are used again: what was
 * flushed for one use says nothing of the next, which may be another space's.
 * @unhooked: the table is one that an open change has unhooked, and so not free yet.
 */
static const struct ptl_change *latest_flushed(const struct ptl_checker *c, pt_pa_t pa,
					       bool unhooked)
{
	const struct ptl_change *found = NULL;

	for (const struct ptl_change *change = ptl_journal_of(&c->journal, pa); change;
	     change = ptl_journal_before(&c->journal, change))
		if ((!found || change->number > found->number) &&
		    ptl_check_deaths(change) <= unhooked)
			found = change;
	return found;
}

/* The change that was flushed, or should have been; false: nobody knows yet. */
static bool find_settled(const struct ptl_checker *c, struct cause *cause)
{
	const struct ptl_way *way = cause->way;
	uint64_t latest = cause->stamp;

	for (unsigned int i = 0; i < way->nr_leading; i++)
		if (ptl_changes_of(&c->open, word_of(&way->steps[i])))
			return false;
	for (unsigned int i = 0; i < way->nr_leading; i++) {
		const struct pt_access_step *step = &way->steps[i];
		const struct ptl_change *change = latest_flushed(c, word_of(step), false);

		if (!change || change->number <= latest)
			continue;
		cause->change = *change;
		cause->stage = step->stage;
		latest = change->number;
	}
	return latest > cause->stamp;
}

/* A change that is open, though the frame is somebody else's by now. */
static bool find_freed(struct pt_machine *machine, struct cause *cause)
{
	struct ptl_checker *c = machine->checker;

	for (unsigned int i = 0; i < cause->way->nr; i++) {
		const struct pt_access_step *step = &cause->way->steps[i];
		const struct ptl_change *change = ptl_changes_of(&c->open, word_of(step));

		for (; change; change = ptl_changes_before(&c->open, change)) {
			if (change->number <= cause->stamp ||
			    !ptl_check_was_freed(machine->phys, change))
				continue;
			cause->change = *change;
			cause->stage = step->stage;
			cause->freed = true;
			return true;
		}
	}
	return false;
}

/* But for what CPUs set in a leaf by these registers. */
static bool same_leaf(const struct pt_machine *machine, const struct ptl_regime *r, uint64_t a,
		      uint64_t b)
{
	uint64_t marks = X86_ACCESSED | X86_DIRTY;

	if (machine->cfg.arm64) {
		/* A store clears what makes a leaf read-only only where that means clean. */
		bool tracked = ((a | ARM64_READ_ONLY) & r->clean_mask) == r->clean_match &&
			       ((b | ARM64_READ_ONLY) & r->clean_mask) == r->clean_match;

		marks = ARM64_AF | (tracked ? ARM64_READ_ONLY : 0);
	}
	return !((a ^ b) & ~marks);
}

/* ---- though changes are open ---- */

struct overdue {
	struct pt_machine *machine;
	const struct pt_space *space; /* tables are read as its */
	const struct cause *cause;
	unsigned int level; /* of the word that the entry is from */
	bool notes; /* what was flushed: */
	const struct ptl_change *flushed; /* the latest that it should have gone for */
};

/* Whether the entry is what @raw says. */
static bool says_it(const struct overdue *o, uint64_t raw)
{
	const struct pt_tlb_entry *entry = o->cause->entry;
	struct ptl_visit_entry is;

	if (o->cause->r)
		return same_leaf(o->machine, o->cause->r, raw, entry->raw);
	is = ptl_check_entry(o->space, raw, o->level);
	return is.kind == PTL_TABLE && is.target == entry->pa;
}

static void note_flushed(struct overdue *o, pt_pa_t pa, bool unhooked)
{
	const struct ptl_change *flushed;

	if (!o->notes)
		return;
	flushed = latest_flushed(o->machine->checker, pa, unhooked);
	if (flushed && flushed->number > o->cause->stamp &&
	    (!o->flushed || flushed->number > o->flushed->number))
		o->flushed = flushed;
}

/* Whether a change of the word at @pa that is open lets the entry be used. */
static bool is_allowed(struct overdue *o, pt_pa_t pa, bool unhooked)
{
	struct ptl_checker *c = o->machine->checker;

	for (const struct ptl_change *open = ptl_changes_of(&c->open, pa); open;
	     open = ptl_changes_before(&c->open, open))
		if (says_it(o, open->store.old) || says_it(o, open->store.new_))
			return true;
	note_flushed(o, pa, unhooked);
	return false;
}

static _Atomic uint64_t *word_at(const struct pt_machine *machine, pt_pa_t pa)
{
	const struct ptl_region *region = ptl_phys_find(machine->phys, pa);

	return region ? ptl_region_host(region, pa, 8) : NULL;
}

/*
 * Whether the table that @raw of @level named, until a change that is open, lets the entry be
 * used: its page stays as it was until the flush, which comes first.
 */
static bool is_allowed_below(struct overdue *o, uint64_t raw, unsigned int level)
{
	struct ptl_checker *c = o->machine->checker;

	while (level-- > o->level) {
		struct ptl_visit_entry table = ptl_check_entry(o->space, raw, level + 1);
		unsigned int index_bits = o->space->granule_lg2 - 3;
		uint64_t index = o->cause->entry->va >> ptl_space_entry_lg2(o->space, level) &
				 (PTL_BIT(index_bits) - 1);
		pt_pa_t pa = table.target + 8 * index;
		_Atomic uint64_t *word;

		if (table.kind != PTL_TABLE)
			return false;
		word = word_at(o->machine, pa);
		if (!word)
			return false;
		raw = atomic_load_explicit(word, memory_order_relaxed);
		if (level == o->level)
			return says_it(o, raw) || is_allowed(o, pa, true);
		for (const struct ptl_change *open = ptl_changes_of(&c->open, pa); open;
		     open = ptl_changes_before(&c->open, open))
			if (is_allowed_below(o, open->store.old, level))
				return true;
		note_flushed(o, pa, true);
	}
	return false;
}

/* As tables of now are read: by the kernel's format in its half, and by the loaded space's. */
static const struct pt_space *space_of(const struct pt_cpu *cpu, pt_va_t va)
{
	bool kernel = cpu->machine->cfg.arm64 && va >> 55 & 1;
	const struct pt_space *space = kernel ? cpu->machine->kernel : cpu->space;

	return space && space->pt ? space : NULL;
}

static unsigned int level_of(const struct pt_space *space, const struct cause *cause)
{
	if (cause->r)
		return cause->entry->data >> PTL_LEVEL_SHIFT & 7;
	return (cause->entry->size_lg2 - space->granule_lg2) / (space->granule_lg2 - 3);
}

/* Whether one of the changes that are open lets the entry be used, or nobody can tell. */
static bool may_be_used(struct overdue *o)
{
	struct ptl_checker *c = o->machine->checker;

	for (unsigned int i = 0; i < o->cause->way->nr; i++) {
		const struct pt_access_step *step = &o->cause->way->steps[i];

		if (step->stage != 1)
			return true;
		if (step->level < o->level)
			break;
		if (step->level == o->level && is_allowed(o, word_of(step), false))
			return true;
		if (step->level > o->level)
			note_flushed(o, word_of(step), false);
		for (const struct ptl_change *open = ptl_changes_of(&c->open, word_of(step));
		     step->level > o->level && open; open = ptl_changes_before(&c->open, open))
			if (is_allowed_below(o, open->store.old, step->level))
				return true;
	}
	return false;
}

/*
 * A change that was flushed, before others of its word, or of words above it, that were not yet:
 * these allow what they have replaced, and nothing else.
 */
static bool find_overdue(const struct pt_cpu *cpu, struct cause *cause)
{
	const struct pt_tlb_entry *entry = cause->entry;
	struct overdue o = { .machine = cpu->machine,
			     .space = space_of(cpu, entry->va),
			     .cause = cause };

	/* Of a block, which word it is from is not known. */
	if (!o.space || entry->size_lg2 > entry->leaf_lg2)
		return false;
	o.level = level_of(o.space, cause);
	/* Mostly that is all: what was flushed is looked for if nothing allows it. */
	if (may_be_used(&o))
		return false;
	o.notes = true;
	if (may_be_used(&o) || !o.flushed)
		return false;
	cause->change = *o.flushed;
	cause->stage = 1;
	return true;
}

/*
 * The open change that took what is kept out of a table which is none any more, so that no way leads
 * to its word; or NULL.
 */
static const struct ptl_change *left_open(const struct pt_cpu *cpu, const struct cause *cause)
{
	const struct ptl_changes *open = &cpu->machine->checker->open;
	const struct pt_tlb_entry *entry = cause->entry;
	struct overdue o = { .machine = cpu->machine,
			     .space = space_of(cpu, entry->va),
			     .cause = cause };
	pt_va_t last = ptl_last(entry->va, entry->size_lg2);

	for (size_t i = open->nr; o.space && i--;) {
		const struct ptl_change *change = &open->at[i];

		o.level = change->store.level;
		if (change->space == o.space->id && change->number > cause->stamp &&
		    change->store.va <= last &&
		    ptl_last(change->store.va, ptl_space_entry_lg2(o.space, o.level)) >= entry->va &&
		    ptl_check_deaths(change) && says_it(&o, change->store.old))
			return change;
	}
	return NULL;
}

/*
 * A lazy CPU catches up with its space before it runs that again: it is not to be held to what
 * was flushed for that. What was flushed for the kernel has reached it.
 */
static bool is_owed(const struct pt_cpu *cpu, const struct cause *cause)
{
	return !atomic_load_explicit(&cpu->lazy, memory_order_relaxed) || /* this thread's own */
	       cause->change.space == cpu->machine->kernel->id;
}

static bool find_cause(const struct pt_cpu *cpu, struct cause *cause, enum pt_check_kind kind)
{
	struct ptl_checker *c = cpu->machine->checker;
	uint32_t bits = ptl_bit_lock(&c->lock);
	const struct ptl_change *left = left_open(cpu, cause);
	bool found;

	if (left) {
		cause->change = *left;
		cause->stage = 1;
		cause->freed = ptl_check_was_freed(cpu->machine->phys, left);
		found = cause->freed;
	} else {
		found = find_settled(c, cause) || find_overdue(cpu, cause) ||
			find_freed(cpu->machine, cause);
	}
	found = found && !c->stats.lost && is_owed(cpu, cause);
	if (found)
		ptl_check_count(c, cause->freed ? PT_CHECK_FRAME : kind);
	ptl_bit_unlock(&c->lock, bits);
	return found;
}

static void report(struct pt_cpu *cpu, const struct ptl_way *way, enum pt_check_kind kind,
		   pt_va_t va, const struct ptl_regime *r_of_leaf, const struct pt_tlb_entry *entry)
{
	struct cause cause = {
		.way = way, .r = r_of_leaf, .entry = entry, .stamp = entry->data >> PTL_STAMP_SHIFT
	};
	struct pt_check_report r;

	if (!find_cause(cpu, &cause, kind))
		return;
	r = (struct pt_check_report){
		.kind = cause.freed ? PT_CHECK_FRAME : kind,
		.cpu = cpu->number,
		.va = va,
		.entry = *entry,
		.mapped = way->mapped,
		.pa = way->mapped ? way->piece.pa : 0,
		.change = cause.change.store,
		.changed = cause.change.what,
		.changed_by = cause.change.by,
		.stage = cause.stage,
		.first = entry->va,
		.last = ptl_last(entry->va, entry->size_lg2),
		.tables = entry->type == PT_TLB_TABLE,
		.global = entry->type == PT_TLB_GLOBAL,
	};
	ptl_check_tell(cpu->machine->checker, &r);
}

void ptl_check_leaf(struct pt_cpu *cpu, const struct ptl_access *access,
		    const struct ptl_asked *asked, const struct pt_tlb_entry *entry,
		    unsigned int judged)
{
	enum pt_check_kind kind;
	struct ptl_way way;

	ptl_check_find_way(&way, access, PTL_FROM_ROOT);
	kind = ptl_check_compare(&way, asked, entry, judged);
	if (kind != PT_CHECK_KIND_NR)
		report(cpu, &way, kind, access->va, asked->r, entry);
}

/*
 * From when on what a table leads to is stale, which the tables do not lead to any more: since the
 * change that took it out of use. One that is not reported yet will have a number beyond @stamp.
 */
static uint64_t stamp_below(struct ptl_checker *c, const struct ptl_way *way,
			    const struct pt_tlb_entry *table, uint64_t stamp)
{
	uint64_t kept_at = table->data >> PTL_STAMP_SHIFT;
	uint32_t bits = ptl_bit_lock(&c->lock);

	for (unsigned int i = 0; i < way->nr_leading; i++)
		for (const struct ptl_change *open =
			     ptl_changes_of(&c->open, word_of(&way->steps[i]));
		     open; open = ptl_changes_before(&c->open, open))
			if (open->number > kept_at)
				stamp = ptl_min(stamp, open->number - 1);
	ptl_bit_unlock(&c->lock, bits);
	return stamp;
}

uint64_t ptl_check_table(struct pt_cpu *cpu, const struct ptl_access *access, unsigned int level,
			 const struct pt_tlb_entry *entry, uint64_t stamp)
{
	struct ptl_way way;

	ptl_check_find_way(&way, access, PTL_FROM_ROOT);
	if (way.kept.table[level].pa == entry->pa)
		return stamp;
	/* What stands in the table of now, and what becomes of that, is nothing to the kept one. */
	way.nr_leading = 0;
	while (way.nr_leading < way.nr &&
	       (way.steps[way.nr_leading].stage == 2 || way.steps[way.nr_leading].level > level))
		way.nr_leading++;
	report(cpu, &way, PT_CHECK_TABLE, access->va, NULL, entry);
	return stamp_below(cpu->machine->checker, &way, entry, stamp);
}
