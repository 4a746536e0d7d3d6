/* SPDX-License-Identifier: MIT */
/*
 * Whether an MMU's outcome is the library's, to the bit. Marks that the one may set
 * where the other need not are here, a function each, with the reason; what excuses
 * an access as a whole is in mmu_cases_masks.c.
 */
#include "mmu_cases.h"

#define BIT(n) (UINT64_C(1) << (n))
#define BITS(high, low) ((~UINT64_C(0) >> (63 - (high))) & ~(BIT(low) - 1))

#define X86_A BIT(5)
#define X86_D BIT(6)

/* The word of the slot that the library read as step @i, or SIZE_MAX. */
static size_t step_index(const struct cases_one *one, const struct cases_insight *insight,
			 unsigned int i)
{
	const struct pt_access_step *step = &insight->step[i];
	pt_pa_t offset = step->table_pa + 8 * step->index - one->round->pa;

	return offset / 8 < one->round->nr_words ? offset / 8 : SIZE_MAX;
}

/* The second half faulted, when the first had been translated. */
static bool faulted_behind(const struct cases_one *one, const struct cases_outcome *mmu)
{
	return cases_crosses(one) && cases_faulted(mmu);
}

/*
 * Bits that the MMU may have set in the word at @index although the library did
 * not, as both are legal.
 *
 * x86, upper levels of an access that faults: SDM Vol. 3A, 4.8 "Accessed and
 * Dirty Flags": the processor sets A "whenever [it] uses a paging-structure entry
 * as part of linear-address translation", and may do so for translations that
 * never are completed. QEMU and Bochs set them while they walk.
 *
 * Both, of the first page of an access whose second page faults: that half was
 * translated and permitted, so the processor may have marked it (SDM 4.8; Arm
 * ARM D8.4.5 and D8.4.6: a speculative or abandoned update is allowed of AF, and
 * of dirty state if the store would have been permitted).
 */
static uint64_t may_set(const struct cases_one *one, const struct cases_insight *insight,
			const struct cases_outcome *mmu, size_t index)
{
	bool x86 = one->machine->arch == ORC_X86;
	uint64_t bits = 0;

	if (!cases_faulted(mmu))
		return 0;
	for (unsigned int i = 0; i < insight->nr_steps; i++) {
		const struct pt_access_step *step = &insight->step[i];

		if (step_index(one, insight, i) != index)
			continue;
		if (x86 && step->kind == PT_KIND_TABLE)
			bits |= X86_A;
		else if (x86 && step->kind == PT_KIND_LEAF && faulted_behind(one, mmu))
			bits |= X86_A | (one->vec->op == ORC_OP_W ? X86_D : 0);
		else if (!x86 && step->kind == PT_KIND_LEAF && faulted_behind(one, mmu))
			bits |= BIT(10) | (one->vec->op == ORC_OP_W ? BIT(7) : 0);
	}
	return bits;
}

/*
 * QEMU with one CPU does a locked instruction as a load and a store: a fault of the
 * store finds the A bit of the leaf set by the load. Allowed as above.
 */
static bool rmw_marks_leaf(const struct cases_one *one, const struct cases_outcome *mmu,
			   const struct cases_insight *insight, size_t index, uint64_t differ)
{
	uint64_t mark = one->machine->arch == ORC_X86 ? X86_A : BIT(10);

	return one->vec->op == ORC_OP_M && mmu->status == ORC_ST_FAULT && differ == mark &&
	       insight->nr_steps && step_index(one, insight, insight->nr_steps - 1) == index;
}

/*
 * QEMU sets A in an entry of a 1G page before it looks at its reserved bits and rights,
 * which in other leaves it does after. For rights that is allowed as above; with
 * reserved bits no translation used the entry, and nothing else sets it.
 */
static bool qemu_marks_1g(const struct cases_one *one, const struct cases_outcome *mmu,
			  const struct cases_insight *insight, size_t index, uint64_t differ)
{
	const struct pt_access_step *last = cases_last_step(insight);

	return one->machine->qemu && one->machine->arch == ORC_X86 && cases_faulted(mmu) &&
	       differ == X86_A && last && last->level == 2 && last->raw & BIT(7) &&
	       step_index(one, insight, insight->nr_steps - 1) == index;
}

static bool value_at(const struct cases_outcome *outcome, size_t index, uint64_t *value)
{
	for (unsigned int i = 0; i < outcome->nr_changes; i++)
		if (outcome->change[i].index == index) {
			*value = outcome->change[i].value;
			return true;
		}
	return false;
}

/* Words that one side changed, against the other; @masked: all that differs is legal. */
static bool same_words(const struct cases_one *one, const struct cases_insight *insight,
		       const struct cases_outcome *mmu, const struct cases_outcome *library,
		       bool *masked)
{
	if (mmu->nr_changes > CASES_MAX_CHANGES || library->nr_changes > CASES_MAX_CHANGES)
		return false;
	for (unsigned int i = 0; i < library->nr_changes; i++) {
		uint64_t value;

		/* What both changed is compared below. */
		if (!value_at(mmu, library->change[i].index, &value))
			return false;
	}
	for (unsigned int i = 0; i < mmu->nr_changes; i++) {
		size_t index = mmu->change[i].index;
		uint64_t theirs = mmu->change[i].value, ours = one->round->words[index];

		value_at(library, index, &ours);
		if (theirs == ours)
			continue;
		if ((theirs ^ ours) & ~may_set(one, insight, mmu, index) &&
		    !rmw_marks_leaf(one, mmu, insight, index, theirs ^ ours) &&
		    !qemu_marks_1g(one, mmu, insight, index, theirs ^ ours))
			return false;
		*masked = true;
	}
	return true;
}

/*
 * SDM Vol. 3A, 4.7 "Page-Fault Exceptions": PK says that it was a data access to an
 * address whose key is disallowed, whatever else forbade it. QEMU looks at the key
 * only after U/S, R/W and the like had no objection.
 */
static bool qemu_omits_key(const struct cases_one *one, const struct cases_outcome *mmu,
			   const struct cases_outcome *library)
{
	return one->machine->qemu && one->machine->arch == ORC_X86 && mmu->code == 14 &&
	       mmu->status == ORC_ST_FAULT && library->status == ORC_ST_FAULT &&
	       library->code == 14 && library->err == (mmu->err | PT_X86_PF_PK);
}

/*
 * The AT by which the guest for arm64 finds address and attributes comes after the
 * access, which may have stored into an entry of its own walk.
 */
static bool stores_into_its_walk(const struct cases_one *one, const struct cases_insight *insight)
{
	if (one->machine->arch != ORC_ARM64 || one->vec->op == ORC_OP_R || one->vec->op == ORC_OP_X)
		return false;
	for (unsigned int i = 0; i < insight->result.nr_pieces; i++)
		for (unsigned int j = 0; j < insight->nr_steps; j++) {
			const struct pt_piece *piece = &insight->result.piece[i];
			pt_pa_t word = insight->step[j].table_pa + 8 * insight->step[j].index;

			if (piece->pa < word + 8 && word < piece->pa + piece->len)
				return true;
		}
	return false;
}

static bool same_pa(const struct cases_one *one, const struct cases_outcome *mmu,
		    const struct cases_outcome *library)
{
	/* A walk of arm64 that finds no memory reports the page. */
	uint64_t ignore =
		mmu->status == ORC_ST_NOWALK && one->machine->arch == ORC_ARM64 ? 0xfff : 0;

	if (mmu->status != ORC_ST_NOWALK && !mmu->has_pa)
		return true;
	return !((mmu->pa ^ library->pa) & ~ignore);
}

static bool same_walk(const struct cases_outcome *mmu, const struct cases_outcome *library)
{
	/* A walk that did not begin, because of a #GP, has the root's entry for the MMU. */
	if (!mmu->has_walk || !library->has_walk ||
	    (mmu->status == ORC_ST_FAULT && mmu->code == 13))
		return true;
	for (unsigned int i = 0; i < mmu->nr_walk && i < library->nr_walk; i++)
		if (mmu->walk[i] != library->walk[i])
			return false;
	return mmu->nr_walk == library->nr_walk ||
	       (mmu->status == ORC_ST_NOWALK && mmu->nr_walk + 1 == library->nr_walk);
}

static const char contradicts_itself[] = "the library contradicts itself";

static const char *difference(const struct cases_one *one, const struct cases_insight *insight,
			      const struct cases_outcome *mmu, const struct cases_outcome *library,
			      const char **mask)
{
	bool masked = false;

	if (library->status == ORC_ST_ERROR && library->code == CASES_DISAGREE)
		return contradicts_itself;
	if (mmu->status != library->status)
		return "verdict";
	if (mmu->status == ORC_ST_ERROR)
		return NULL;
	if (qemu_omits_key(one, mmu, library))
		*mask = "key left out";
	else if (mmu->status == ORC_ST_FAULT &&
		 (mmu->code != library->code || mmu->err != library->err))
		return "fault code";
	if (mmu->status == ORC_ST_FAULT && mmu->addr != library->addr)
		return "fault address";
	if (stores_into_its_walk(one, insight))
		*mask = "address after a store into the walk";
	else if (!same_pa(one, mmu, library))
		return "physical address";
	else if (mmu->mem >= 0 && library->mem >= 0 && mmu->mem != library->mem)
		return "memory type";
	if (mmu->data != library->data)
		return "data";
	if (!same_words(one, insight, mmu, library, &masked))
		return "table words";
	if (!same_walk(mmu, library))
		return "walk";
	if (masked)
		*mask = "marks of a fault";
	return NULL;
}

enum cases_verdict cases_differ(const struct cases_one *one, const struct cases_insight *insight,
				const struct cases_outcome *mmu,
				const struct cases_outcome *library, const char **why)
{
	const char *mask = NULL;

	*why = difference(one, insight, mmu, library, &mask);
	if (!*why) {
		*why = mask;
		return mask ? CASES_MASKED : CASES_SAME;
	}
	if (*why == contradicts_itself)
		return CASES_DIFFERENT;
	mask = cases_mask(one, insight, mmu);
	if (mask)
		*why = mask;
	return mask ? CASES_MASKED : CASES_DIFFERENT;
}
