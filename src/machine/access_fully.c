/* SPDX-License-Identifier: MIT */
/*
 * An access of a CPU, whatever it is: each piece is looked up, and walked for if the TLB does
 * not have it or does not allow it; if all may be done, what was walked for is marked, and kept.
 */
#include "machine/access.h"

/* A piece that was walked for. */
struct walked {
	struct ptl_missed missed;
	uint64_t stamp;
	unsigned int done; /* bytes of the access before it */
	bool keep; /* it was translated by tables */
};

struct pass {
	struct pt_cpu *cpu;
	struct ptl_access access;
	const struct ptl_missed *missed; /* NULL, or of the first piece */
	uint64_t stamp;
	struct walked walked[2]; /* by piece */
	bool is_walked[2];
};

/* Whether the TLB translates it. */
static bool look_up(struct pass *pass, const struct ptl_asked *asked, unsigned int left,
		    struct pt_piece *piece)
{
	struct pt_cpu *cpu = pass->cpu;
	unsigned int judged;
	const struct pt_tlb_entry *entry = ptl_look_up(cpu, asked, pass->access.how, &judged);
	uint64_t room;

	if (!entry)
		return false;
	if (__builtin_expect(cpu->machine->checker != NULL, 0))
		ptl_check_leaf(cpu, &pass->access, asked, entry, judged);
	room = PTL_BIT(entry->size_lg2) - (asked->in - entry->va);
	ptl_piece_of_entry(piece, entry, asked->in, judged & ~PTL_JUDGED_CLEAN,
			   (uint32_t)ptl_min(left, room));
	/* An entry knows the first stage's leaf, and of the second what both have in common. */
	if (cpu->mmu->second.walker)
		piece->size_lg2 = (uint8_t)ptl_min(piece->size_lg2, entry->size_lg2);
	return true;
}

/* As ptl_access_piece(), for what almost always is asked. */
static bool walk_usually(struct pass *pass, struct ptl_missed *missed, unsigned int left,
			 struct pt_piece *piece)
{
	struct ptl_kept *kept = &missed->kept;
	struct ptl_kept_page page;
	unsigned int nr_loads;
	unsigned int page_lg2 = missed->asked.r->walker->granule_lg2;
	uint64_t size = PTL_BIT(page_lg2);

	if (!missed->asked.r->is_quick)
		return false;
	nr_loads = ptl_walk_usually(pass->cpu, missed, &page);
	if (!nr_loads)
		return false;
	pass->access.nr_loads[0] += nr_loads;
	kept->raw = page.raw;
	kept->words = (uint32_t)page.words;
	kept->pa = page.first;
	kept->level = 0;
	kept->leaf_lg2 = page_lg2;
	kept->size_lg2 = (unsigned int)page.size_lg2;
	kept->mem = (enum pt_mem)page.mem;
	kept->global = page.global;
	kept->withheld = 0;
	ptl_piece_of_page(piece, &page, page_lg2,
			  (uint32_t)ptl_min(left, size - (page.pa & (size - 1))));
	return true;
}

/* One piece, from byte @done on; 0, or 1 with the fault. */
static int look_at(struct pass *pass, unsigned int i, unsigned int done, struct pt_piece *piece)
{
	struct ptl_access *access = &pass->access;
	struct walked *walked = &pass->walked[i];
	const struct pt_tlb_entry *start;
	bool may_be_usual;

	access->va = access->first + done;
	pass->is_walked[i] = false;
	walked->stamp = pass->stamp;
	if (pass->missed) {
		walked->missed = *pass->missed;
		walked->keep = true;
		pass->missed = NULL;
		may_be_usual = false; /* it came here since it is not */
	} else {
		walked->keep = access->mmu->arch->ask(access, &walked->missed.asked);
		if (walked->keep &&
		    look_up(pass, &walked->missed.asked, access->how->size - done, piece))
			return 0;
		start = walked->keep ? ptl_find_start(pass->cpu, &walked->missed) : NULL;
		if (__builtin_expect(start && pass->cpu->machine->checker, 0))
			walked->stamp = ptl_check_table(pass->cpu, access, walked->missed.kept.from,
							start, pass->stamp);
		may_be_usual = walked->keep;
	}
	pass->is_walked[i] = true;
	walked->done = done;
	if (may_be_usual && walk_usually(pass, &walked->missed, access->how->size - done, piece))
		return 0;
	access->kept = walked->keep ? &walked->missed.kept : NULL;
	return ptl_access_piece(access, done, piece);
}

static int look_at_all(struct pass *pass, struct pt_access_result *result)
{
	unsigned int done = 0, nr = 0;

	pass->access.commit = pass->access.owes = false;
	pass->is_walked[0] = pass->is_walked[1] = false;
	while (done < pass->access.how->size) {
		if (look_at(pass, nr, done, &result->piece[nr]))
			return 1;
		done += result->piece[nr++].len;
	}
	result->nr_pieces = nr;
	return 0;
}

/*
 * All of it may be done: A and D are set. What others change meanwhile may still fault it.
 * 0; 1 with the fault; -EAGAIN where a leaf has become smaller than a piece.
 */
static int mark(struct pass *pass, struct pt_access_result *result)
{
	struct ptl_access *access = &pass->access;

	access->commit = true;
	for (unsigned int i = 0; i < result->nr_pieces; i++) {
		struct walked *walked = &pass->walked[i];
		uint32_t len = result->piece[i].len;

		if (!pass->is_walked[i])
			continue;
		access->kept = walked->keep ? &walked->missed.kept : NULL;
		if (ptl_access_piece(access, walked->done, &result->piece[i]))
			return 1;
		if (result->piece[i].len < len)
			return -EAGAIN;
		result->piece[i].len = len;
	}
	return 0;
}

void ptl_keep_tables(struct pt_cpu *cpu, const struct ptl_missed *missed, unsigned int level,
		     uint64_t stamp)
{
	const struct ptl_regime *r = missed->asked.r;
	const struct ptl_kept *kept = &missed->kept;
	unsigned int granule_lg2 = r->walker->granule_lg2;
	unsigned int top = kept->from == PTL_FROM_ROOT ? r->fmt.top_level : kept->from;

	while (top-- > level) {
		const struct ptl_kept_table *table = &kept->table[top];
		const struct pt_tlb_fill fill = {
			.pa = table->pa,
			.data = ptl_kept_pack(table->all, table->any) | stamp << PTL_STAMP_SHIFT,
			.size_lg2 = granule_lg2 + (granule_lg2 - 3) * (top + 1),
		};

		if (!(cpu->table_sizes >> fill.size_lg2 & 1))
			continue;
		PTL_BUG_ON(pt_tlb_fill(cpu->tlb, PT_TLB_USE_TABLE, missed->asked.in, &fill));
	}
}

static void keep(struct pass *pass)
{
	struct pt_cpu *cpu = pass->cpu;

	for (unsigned int i = 0; i < 2; i++) {
		const struct walked *walked = &pass->walked[i];
		const struct ptl_kept *kept = &walked->missed.kept;
		struct pt_tlb_fill fill;

		if (!pass->is_walked[i] || !walked->keep)
			continue;
		fill = (struct pt_tlb_fill){
			.pa = kept->pa,
			.raw = kept->raw,
			.data = kept->words | (uint64_t)kept->mem << PTL_MEM_SHIFT |
				(uint64_t)kept->level << PTL_LEVEL_SHIFT |
				(uint64_t)kept->withheld << PTL_WITHHELD_SHIFT |
				walked->stamp << PTL_STAMP_SHIFT,
			.size_lg2 = kept->size_lg2,
			.leaf_lg2 = kept->leaf_lg2,
			.global = ptl_keeps_as_global(cpu, kept->global),
		};
		PTL_BUG_ON(pt_tlb_fill(cpu->tlb, ptl_use_of(pass->access.how),
				       walked->missed.asked.in, &fill));
		ptl_count(&cpu->counters, PTL_COUNT_REFILLS, 1);
		if (cpu->table_sizes)
			ptl_keep_tables(cpu, &walked->missed, kept->level, walked->stamp);
	}
}

static int fault(struct pt_cpu *cpu, struct pt_access_result *result)
{
	struct pt_tlb_flush flush;

	result->nr_pieces = 0;
	ptl_count(&cpu->counters, PTL_COUNT_FAULTS, 1);
	if (result->fault.kind == PT_FAULT_PF)
		pt_x86_page_fault(&flush, cpu->now, result->fault.va);
	else if (result->fault.kind == PT_FAULT_EPT_VIOLATION && !result->fault.in_walk)
		pt_x86_ept_violation(&flush, cpu->now, result->fault.va);
	else
		return 1;
	ptl_cpu_flush(cpu, &flush, PT_FLUSH_BY_FAULT);
	return 1;
}

int ptl_cpu_access_fully(struct pt_cpu *cpu, pt_va_t va, const struct pt_access *how,
			 struct pt_access_result *result, const struct ptl_missed *missed)
{
	struct pass pass;
	int faulted;

	if (!ptl_access_exists(cpu->mmu, how))
		return -EINVAL;
	pass.cpu = cpu;
	pass.access = (struct ptl_access){
		.mmu = cpu->mmu, .how = how, .first = va, .fault = &result->fault
	};
	pass.missed = missed;
	result->fault.kind = PT_FAULT_NONE;
	ptl_count(&cpu->counters, PTL_COUNT_ACCESSES, 1);
	pass.stamp = ptl_clock(cpu->machine);
	do {
		faulted = look_at_all(&pass, result);
		result->nr_loads[0] = pass.access.nr_loads[0];
		result->nr_loads[1] = pass.access.nr_loads[1];
		if (!faulted && pass.access.owes)
			faulted = mark(&pass, result);
	} while (faulted == -EAGAIN);
	ptl_count(&cpu->counters, PTL_COUNT_LOADS, result->nr_loads[0] + result->nr_loads[1]);
	if (faulted)
		return fault(cpu, result);
	keep(&pass);
	return 0;
}
