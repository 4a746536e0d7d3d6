/* SPDX-License-Identifier: MIT */
/*
 * arm64: live words replaced without break-before-make, told at the store, whatever a TLB
 * happens to hold.
 *
 *   Arm ARM DDI 0487 J.a, D8.14.1 "Using break-before-make when updating translation table
 *   entries"; FEAT_BBM, D8.14.2 "Support levels for changing block size"
 *
 *	what a live word may not change into at once     FEAT_BBM level 0, 1    2
 *	another output address, of a leaf or a table             yes           yes
 *	another memory type, cacheability or shareability        yes           yes
 *	a global page that was none                              yes           yes
 *	a leaf into a table, or back; the Contiguous bit         yes           no
 *
 * Level 1 would allow the third line with the nT bit, which no table here uses. "At once"
 * is until a TLBI of what may be kept has completed on all CPUs: what was invalid in
 * between, or what somebody called flushed, does not count. A table whose word another
 * thread cleared and will flush is an exception: tables are shared by those who change
 * disjoint ranges, and who needs one again cannot wait for that flush.
 */
#include "machine/checker_internal.h"

static bool note_entry(void *ctx, const struct ptl_visit *visit,
		       const struct ptl_visit_entry *entry)
{
	(void)visit;
	*(struct ptl_visit_entry *)ctx = *entry;
	return false;
}

struct ptl_visit_entry ptl_check_entry(const struct pt_space *space, uint64_t raw,
				       unsigned int level)
{
	_Atomic uint64_t word = raw;
	const struct ptl_visit visit = { .table = &word, .level = level };
	struct ptl_visit_entry entry = { .kind = PTL_EMPTY };

	(void)space->pt->ops.visit_entries(&space->pt->fmt, &visit, 0, 1, note_entry, &entry);
	return entry;
}

static bool is_live(const struct ptl_visit_entry *entry)
{
	return entry->kind == PTL_LEAF || entry->kind == PTL_TABLE;
}

/* The table above. Both are live. */
static bool needs_break(const struct pt_space *space, const struct ptl_visit_entry *was,
			const struct ptl_visit_entry *is, unsigned int level)
{
	bool sizes_may_change = pt_pgtable_fmt(space->pt)->bbm >= 2;
	pt_attr_t old, new_;

	if (was->kind != is->kind)
		return !sizes_may_change;
	if (was->kind == PTL_TABLE)
		return was->target != is->target;
	old = pt_entry_attr(space->pt, was->raw, level);
	new_ = pt_entry_attr(space->pt, is->raw, level);
	return was->pa != is->pa || (old ^ new_) & (PT_ATTR_MEM_MASK | PT_ATTR_SHARE_MASK) ||
	       new_ & ~old & PT_ATTR_GLOBAL ||
	       (was->contig_lg2 != is->contig_lg2 && !sizes_may_change);
}

/* What a TLB may keep of @was. Of the kernel's, with an ASID that no flush of one ASID is for. */
static struct pt_tlb_entry may_be_kept(const struct pt_space *space, const struct pt_store *store,
				       const struct ptl_visit_entry *was)
{
	unsigned int lg2 = ptl_space_entry_lg2(space, store->level);
	struct pt_tlb_entry entry = {
		.va = store->va,
		.pa = was->kind == PTL_LEAF ? was->pa : was->target,
		.raw = was->raw,
		.asid = space->is_kernel ? UINT16_MAX : space->asid,
		.vmid = space->guest ? space->asid : 0,
		.size_lg2 = (uint8_t)lg2,
		.leaf_lg2 = (uint8_t)lg2,
		.type = PT_TLB_LEAF,
	};

	if (space->guest)
		entry.type =
			PT_TLB_IPA; /* whole walks of a second stage are kept, not their tables */
	else if (was->kind == PTL_TABLE)
		entry.type = PT_TLB_TABLE;
	else if (pt_entry_attr(space->pt, was->raw, store->level) & PT_ATTR_GLOBAL)
		entry.type = PT_TLB_GLOBAL;
	return entry;
}

static void fill_report(struct pt_check_report *report, const struct pt_space *space,
			const struct ptl_change *change, const struct pt_tlb_entry *kept)
{
	*report = (struct pt_check_report){
		.kind = PT_CHECK_BREAK,
		.cpu = ptl_check_this_cpu(space),
		.va = change->store.va,
		.entry = *kept,
		.change = change->store,
		.stage = space->guest ? 2 : 1,
		.first = kept->va,
		.last = ptl_last(kept->va, kept->size_lg2),
		.tables = kept->type == PT_TLB_TABLE,
		.global = kept->type == PT_TLB_GLOBAL,
	};
	report->change.old = kept->raw;
	report->changed = ptl_check_what(space, &report->change);
	report->changed_by = report->cpu;
}

bool ptl_check_break(struct ptl_checker *c, const struct pt_space *space,
		     const struct ptl_change *change, struct pt_check_report *report)
{
	const struct pt_store *store = &change->store;
	struct ptl_visit_entry was = ptl_check_entry(space, store->old, store->level);
	struct ptl_visit_entry is = ptl_check_entry(space, store->new_, store->level);
	struct pt_tlb_entry kept = may_be_kept(space, store, &was);
	bool found = is_live(&was) && is_live(&is) && needs_break(space, &was, &is, store->level);
	struct ptl_change owed = *change;

	if (found)
		fill_report(report, space, change, &kept);
	for (const struct ptl_change *before = ptl_changes_of(&c->owed, store->pa);
	     !found && before && is_live(&is); before = ptl_changes_before(&c->owed, before)) {
		struct ptl_visit_entry old =
			ptl_check_entry(space, before->store.old, store->level);

		if (before->space != space->id || !is_live(&old) ||
		    !needs_break(space, &old, &is, store->level))
			continue;
		if (old.kind == PTL_TABLE && before->thread != change->thread)
			continue;
		found = true;
		fill_report(report, space, change, &before->entry);
	}
	if (found)
		ptl_check_count(c, PT_CHECK_BREAK);
	owed.entry = kept;
	if (change->kept && !ptl_changes_add(&c->owed, &owed))
		c->stats.lost++;
	return found;
}

struct completed {
	const struct pt_tlb_flush *flush;
	uint64_t number; /* of the last store before it */
};

/*
 * A second stage's goes in two steps: what is kept of it alone, and then all that is
 * combined with a first stage, which no intermediate address finds.
 */
static bool stays_owed(void *ctx, struct ptl_change *change)
{
	const struct completed *completed = ctx;
	const struct pt_tlb_flush *flush = completed->flush;
	struct pt_tlb_entry combined = change->entry;

	if (change->number > completed->number)
		return true;
	if (change->entry.type != PT_TLB_IPA)
		return !pt_tlb_flush_covers(flush, &change->entry);
	change->combined_left |= pt_tlb_flush_covers(flush, &change->entry);
	combined.type = PT_TLB_LEAF;
	return !change->combined_left || !(flush->all & PT_FLUSH_LEAF) || !flush->any_asid ||
	       !pt_tlb_flush_covers(flush, &combined);
}

void ptl_check_completed(struct ptl_checker *c, const struct pt_tlb_flush *flush, uint64_t number)
{
	struct completed completed = { flush, number };
	uint32_t bits = ptl_bit_lock(&c->lock);

	(void)ptl_changes_drop(&c->owed, stays_owed, &completed);
	ptl_bit_unlock(&c->lock, bits);
}
