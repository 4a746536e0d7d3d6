/* SPDX-License-Identifier: MIT */
/*
 * Entries that are used, held to the tables.
 *
 * An entry from before store s has a stamp below s: the clock as it was before the walk.
 * What differs from the tables is reported if, of the words on the way of now that lead to
 * what is kept, none has a change that is open, and one has a change that is younger than the
 * stamp and had to be flushed: for that flush has returned, and began after the walk did. With
 * two exceptions for leaves: an entry is overdue though changes are open, if it is from before
 * one that is not, and not what any open one replaced; and if the frame that it led to has
 * been freed, however far the flush is.
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

/* What CPUs set in leaves: Arm ARM DDI 0487 J.a, D8.3; Intel SDM Vol. 3A, Table 4-20. */
#define ARM64_AF PTL_BIT(10)
#define ARM64_READ_ONLY PTL_BIT(7) /* cleared, to make it dirty */
#define X86_ACCESSED PTL_BIT(5)
#define X86_DIRTY PTL_BIT(6)

/* The way that an access takes now. */
struct way {
	struct pt_access_step steps[PT_ACCESS_MAX_STEPS];
	unsigned int nr;
	unsigned int nr_leading; /* of them, to what is kept: all, or those above a table */
	bool mapped; /* to a leaf, whatever it allows */
	enum pt_fault_why why; /* if not */
	struct ptl_kept kept;
	struct pt_piece piece;
};

static void find_way(struct way *way, const struct ptl_access *access)
{
	struct pt_fault fault = { .why = PT_WHY_NONE };
	struct ptl_access again = { .mmu = access->mmu,
				    .how = access->how,
				    .first = access->first,
				    .fault = &fault,
				    .steps = way->steps,
				    .kept = &way->kept };

	way->kept.from = PTL_FROM_ROOT;
	for (unsigned int level = 0; level < PT_MAX_LEVELS; level++)
		way->kept.table[level].pa = UINT64_MAX; /* that the way does not come by */
	way->mapped =
		!ptl_access_piece(&again, (unsigned int)(access->va - access->first), &way->piece);
	way->nr = way->nr_leading = again.nr_steps;
	way->why = fault.why;
}

/* But for what CPUs set in it by themselves. */
static bool same_word(const struct pt_machine *machine, uint64_t a, uint64_t b)
{
	const uint64_t marks =
		machine->cfg.arm64 ? ARM64_AF | ARM64_READ_ONLY : X86_ACCESSED | X86_DIRTY;

	return !((a ^ b) & ~marks);
}

static pt_pa_t word_of(const struct pt_access_step *step)
{
	return step->table_pa + 8 * (uint64_t)step->index;
}

/* What an entry should have been flushed for. */
struct cause {
	const struct way *way;
	const struct ptl_regime *r; /* NULL: the entry is of a table */
	const struct pt_tlb_entry *entry;
	uint64_t stamp;
	struct pt_store store;
	unsigned int stage; /* of the table that it is in */
	bool freed; /* before its flush */
};

/*
 * The latest change of the word at @step that is not open and may have been kept. Table pages are
 * used again: what was flushed for one use says nothing of the next, which may be another space's.
 */
static const struct ptl_change *latest_flushed(const struct ptl_checker *c,
					       const struct pt_access_step *step)
{
	const struct ptl_change *found = NULL;
	pt_pa_t pa = word_of(step);

	for (size_t i = 0; i < PTL_JOURNAL; i++) {
		const struct ptl_change *change = &c->journal[i];

		if (change->number && change->kept && change->store.pa == pa &&
		    change->store.level == step->level &&
		    (!found || change->number > found->number) && ptl_check_is_same_table(change))
			found = change;
	}
	return found;
}

/* The change that was flushed, or should have been; false: nobody knows yet. */
static bool find_settled(const struct ptl_checker *c, struct cause *cause)
{
	const struct way *way = cause->way;
	bool found = false;

	for (unsigned int i = 0; i < way->nr_leading; i++) {
		const struct ptl_change *change;

		if (ptl_changes_of(&c->open, word_of(&way->steps[i])))
			return false;
		change = latest_flushed(c, &way->steps[i]);
		if (!change || change->number <= cause->stamp)
			continue;
		cause->store = change->store;
		cause->stage = way->steps[i].stage;
		found = true;
	}
	return found;
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
			cause->store = change->store;
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

/* A change that was flushed, before others of the same word that were not yet. */
static bool find_overdue(struct pt_machine *machine, struct cause *cause)
{
	struct ptl_checker *c = machine->checker;
	const struct pt_tlb_entry *entry = cause->entry;
	const struct pt_access_step *step = &cause->way->steps[cause->way->nr - 1];
	const struct ptl_change *flushed;

	/* Of a block, which word it is from is not known. */
	if (!cause->r || !cause->way->nr || entry->size_lg2 > entry->leaf_lg2 || step->stage != 1 ||
	    step->level != (entry->data >> PTL_LEVEL_SHIFT & 7))
		return false;
	flushed = latest_flushed(c, step);
	if (!flushed || flushed->number <= cause->stamp)
		return false;
	for (const struct ptl_change *open = ptl_changes_of(&c->open, word_of(step)); open;
	     open = ptl_changes_before(&c->open, open))
		if (same_leaf(machine, cause->r, open->store.old, entry->raw) ||
		    same_leaf(machine, cause->r, open->store.new_, entry->raw))
			return false;
	cause->store = flushed->store;
	cause->stage = 1;
	return true;
}

static bool find_cause(struct pt_machine *machine, struct cause *cause, enum pt_check_kind kind)
{
	struct ptl_checker *c = machine->checker;
	uint32_t bits = ptl_bit_lock(&c->lock);
	bool found = !c->stats.lost && (find_settled(c, cause) || find_overdue(machine, cause) ||
					find_freed(machine, cause));

	if (found)
		ptl_check_count(c, cause->freed ? PT_CHECK_FRAME : kind);
	ptl_bit_unlock(&c->lock, bits);
	return found;
}

static void report(struct pt_cpu *cpu, const struct way *way, enum pt_check_kind kind, pt_va_t va,
		   const struct ptl_regime *r_of_leaf, const struct pt_tlb_entry *entry)
{
	struct cause cause = {
		.way = way, .r = r_of_leaf, .entry = entry, .stamp = entry->data >> PTL_STAMP_SHIFT
	};
	struct pt_check_report r;

	if (!find_cause(cpu->machine, &cause, kind))
		return;
	r = (struct pt_check_report){
		.kind = cause.freed ? PT_CHECK_FRAME : kind,
		.cpu = cpu->number,
		.va = va,
		.entry = *entry,
		.mapped = way->mapped,
		.pa = way->mapped ? way->piece.pa : 0,
		.change = cause.store,
		.stage = cause.stage,
		.first = entry->va,
		.last = ptl_last(entry->va, entry->size_lg2),
		.tables = entry->type == PT_TLB_TABLE,
		.global = entry->type == PT_TLB_GLOBAL,
	};
	ptl_check_tell(cpu->machine->checker, &r);
}

/* Whether any class may do more by the entry than by the tables. */
static bool allows_more(const struct ptl_asked *asked, const struct pt_tlb_entry *entry,
			const struct way *way)
{
	const struct ptl_regime *r = asked->r;

	for (unsigned int class = 0; class < PTL_NO_CLASS; class ++) {
		unsigned int old = r->walker->judge(r, ptl_kept_all(entry->data),
						    ptl_kept_any(entry->data), entry->raw, class);
		unsigned int now =
			r->walker->judge(r, way->kept.all, way->kept.any, way->piece.raw, class);

		old = ptl_judged_by_both(old, entry->data >> PTL_WITHHELD_SHIFT & 15);
		now = ptl_judged_by_both(now, way->kept.withheld);
		if (old & ~now & ~PTL_JUDGED_CLEAN)
			return true;
	}
	return false;
}

/* Of a contiguous block each word may be the one that a store made dirty. */
static bool is_dirty_now(const struct pt_cpu *cpu, const struct ptl_asked *asked,
			 const struct pt_tlb_entry *entry, const struct way *way)
{
	const struct ptl_regime *r = asked->r;
	/* A store also walks for a leaf that was made old: that is no question here. */
	uint64_t raw = way->piece.raw | (cpu->machine->cfg.arm64 ? ARM64_AF : X86_ACCESSED);
	unsigned int now =
		r->walker->judge(r, way->kept.all, way->kept.any, raw, asked->want.class);

	if (way->kept.withheld & PTL_JUDGED_CLEAN)
		return false;
	return entry->size_lg2 > entry->leaf_lg2 || !(now & PTL_JUDGED_CLEAN);
}

/*
 * The tables refuse it for want of the access flag, and for that alone: it was aged, which need not
 * be flushed. In a contiguous block the entry's word is another one of the block.
 */
static bool is_only_old(const struct pt_machine *machine, const struct way *way,
			const struct pt_tlb_entry *entry)
{
	return way->why == PT_WHY_ACCESS_FLAG && way->nr &&
	       (entry->size_lg2 > entry->leaf_lg2 ||
		same_word(machine, way->steps[way->nr - 1].raw, entry->raw));
}

void ptl_check_leaf(struct pt_cpu *cpu, const struct ptl_access *access,
		    const struct ptl_asked *asked, const struct pt_tlb_entry *entry,
		    unsigned int judged)
{
	struct way way;

	if (atomic_load_explicit(&cpu->lazy, memory_order_relaxed))
		return; /* it catches up before it uses the space again */
	find_way(&way, access);
	if (!way.mapped && is_only_old(cpu->machine, &way, entry))
		return;
	if (!way.mapped)
		report(cpu, &way,
		       way.nr && way.steps[way.nr - 1].kind == PT_KIND_LEAF ? PT_CHECK_RIGHTS
									    : PT_CHECK_ADDRESS,
		       access->va, asked->r, entry);
	else if (way.piece.pa != entry->pa + (asked->in - entry->va))
		report(cpu, &way, PT_CHECK_ADDRESS, access->va, asked->r, entry);
	else if (way.piece.mem != (entry->data >> PTL_MEM_SHIFT & 15))
		report(cpu, &way, PT_CHECK_MEMORY, access->va, asked->r, entry);
	else if (allows_more(asked, entry, &way))
		report(cpu, &way, PT_CHECK_RIGHTS, access->va, asked->r, entry);
	else if (!(judged & PTL_JUDGED_CLEAN) && !is_dirty_now(cpu, asked, entry, &way))
		report(cpu, &way, PT_CHECK_DIRTY, access->va, asked->r, entry);
}

void ptl_check_table(struct pt_cpu *cpu, const struct ptl_access *access, unsigned int level,
		     const struct pt_tlb_entry *entry)
{
	struct way way;

	if (atomic_load_explicit(&cpu->lazy, memory_order_relaxed))
		return;
	find_way(&way, access);
	if (way.kept.table[level].pa == entry->pa)
		return;
	/* What stands in the table of now, and what becomes of that, is nothing to the kept one. */
	way.nr_leading = 0;
	while (way.nr_leading < way.nr &&
	       (way.steps[way.nr_leading].stage == 2 || way.steps[way.nr_leading].level > level))
		way.nr_leading++;
	report(cpu, &way, PT_CHECK_TABLE, access->va, NULL, entry);
}
