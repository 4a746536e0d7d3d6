/* SPDX-License-Identifier: MIT */
/*
 * An access of a CPU: each piece is looked up, and walked for if the TLB does not have it
 * or does not allow it; if all may be done, what was walked for is marked, and kept.
 *
 * The data word of an entry:
 *
 *	 63        27 26      23 22     20 19     16 15                       0
 *	+------------+----------+---------+---------+--------------------------+
 *	|   stamp    | withheld |  level  |   mem   | ptl_kept_pack() of words |
 *	+------------+----------+---------+---------+--------------------------+
 *
 * and its raw word the leaf, of entries of tables 0. The stamp is the checker's clock before
 * the walk.
 */
#include "machine/machine_internal.h"


/* A piece that was walked for. */
struct walked {
	struct ptl_asked asked;
	struct ptl_kept kept;
	unsigned int done; /* bytes of the access before it */
	bool keep; /* it was translated by tables */
};

struct pass {
	struct pt_cpu *cpu;
	struct ptl_access access;
	uint64_t stamp;
	struct walked walked[2]; /* by piece */
	bool is_walked[2];
};

static enum pt_tlb_use use_of(const struct pt_access *how)
{
	return how->kind == PT_ACCESS_FETCH ? PT_TLB_USE_FETCH : PT_TLB_USE_DATA;
}

static void fill_piece(struct pt_piece *piece, const struct pt_tlb_entry *entry, uint64_t in,
		       unsigned int perms, unsigned int left)
{
	uint64_t offset = in - entry->va, room = PTL_BIT(entry->size_lg2) - offset;

	*piece = (struct pt_piece){
		.pa = entry->pa + offset,
		.raw = entry->raw,
		.len = (uint32_t)ptl_min(left, room),
		.perms = (uint8_t)perms,
		.mem = entry->data >> PTL_MEM_SHIFT & 15,
		.level = entry->data >> PTL_LEVEL_SHIFT & 7,
		.size_lg2 = entry->leaf_lg2,
	};
}

/* As ptl_access_piece(), for what almost always is asked: by one stage, in one page, nothing to mark. */
static bool walk_quickly(struct pass *pass, struct walked *walked, unsigned int left,
			 struct pt_piece *piece)
{
	const struct ptl_regime *r = walked->asked.r;
	struct ptl_translation to;
	unsigned int nr_loads;
	uint64_t room;
	pt_pa_t pa;

	if (r->access != r->walker->access) /* no way for a quick one: see ptl_mmu_stages_changed() */
		return false;
	nr_loads = r->walker->keep(r, walked->asked.in, &walked->asked.want,
				   pass->cpu->table_sizes, &walked->kept, &to);
	if (!nr_loads)
		return false;
	pass->access.nr_loads[0] += nr_loads;
	pa = to.pa;
	/* By itself: a load of it and its neighbour would wait for two stores just made. */
	__asm__("" : "+r"(pa));
	room = PTL_BIT(to.size_lg2) - (pa & (PTL_BIT(to.size_lg2) - 1));
	*piece = (struct pt_piece){
		.pa = pa,
		.raw = to.raw,
		.len = (uint32_t)ptl_min(left, room),
		.perms = (uint8_t)to.perms,
		.mem = (uint8_t)to.mem,
		.level = (uint8_t)to.level,
		.size_lg2 = (uint8_t)to.size_lg2,
	};
	return true;
}

/* Whether the TLB translates it. */
static bool look_up(struct pass *pass, const struct ptl_asked *asked, unsigned int left,
		    struct pt_piece *piece)
{
	struct pt_cpu *cpu = pass->cpu;
	const struct pt_tlb_entry *entry =
		pt_tlb_lookup(cpu->tlb, use_of(pass->access.how), asked->in);
	unsigned int judged;

	if (!entry) {
		ptl_count(&cpu->counters, PTL_COUNT_MISSES, 1);
		return false;
	}
	judged = asked->r->walker->judge(asked->r, ptl_kept_all(entry->data),
					 ptl_kept_any(entry->data), entry->raw, asked->want.class);
	judged = ptl_judged_by_both(judged, entry->data >> PTL_WITHHELD_SHIFT & 15);
	if (!ptl_judged_allows(judged, &asked->want)) {
		ptl_count(&cpu->counters, PTL_COUNT_REFUSED, 1);
		return false;
	}
	ptl_count(&cpu->counters, PTL_COUNT_HITS, 1);
	if (__builtin_expect(cpu->machine->checker != NULL, 0))
		ptl_check_leaf(cpu, &pass->access, asked, entry, judged);
	fill_piece(piece, entry, asked->in, judged & ~PTL_JUDGED_CLEAN, left);
	return true;
}

/* Where a walk starts: at the nearest table that is kept, or the root. */
static void find_start(struct pt_cpu *cpu, const struct ptl_access *access,
		       const struct ptl_asked *asked, struct ptl_kept *kept)
{
	unsigned int granule_lg2 = asked->r->walker->granule_lg2;
	const struct pt_tlb_entry *entry = NULL;

	kept->from = PTL_FROM_ROOT;
	if (cpu->table_sizes)
		entry = pt_tlb_lookup(cpu->tlb, PT_TLB_USE_TABLE, asked->in);
	if (!entry)
		return;
	kept->from = (entry->size_lg2 - granule_lg2) / (granule_lg2 - 3) - 1;
	kept->table[kept->from] = (struct ptl_kept_table){
		.pa = entry->pa,
		.all = ptl_kept_all(entry->data),
		.any = ptl_kept_any(entry->data),
	};
	if (__builtin_expect(cpu->machine->checker != NULL, 0))
		ptl_check_table(cpu, access, kept->from, entry);
}

/* One piece, from byte @done on; 0, or 1 with the fault. */
static int look_at(struct pass *pass, unsigned int i, unsigned int done, struct pt_piece *piece)
{
	struct ptl_access *access = &pass->access;
	struct walked *walked = &pass->walked[i];

	access->va = access->first + done;
	walked->keep = access->mmu->arch->ask(access, &walked->asked);
	pass->is_walked[i] = false;
	if (walked->keep && look_up(pass, &walked->asked, access->how->size - done, piece))
		return 0;
	pass->is_walked[i] = true;
	walked->done = done;
	access->kept = NULL;
	if (walked->keep) {
		find_start(pass->cpu, access, &walked->asked, &walked->kept);
		access->kept = &walked->kept;
		if (walk_quickly(pass, walked, access->how->size - done, piece))
			return 0;
	}
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
		access->kept = walked->keep ? &walked->kept : NULL;
		if (ptl_access_piece(access, walked->done, &result->piece[i]))
			return 1;
		if (result->piece[i].len < len)
			return -EAGAIN;
		result->piece[i].len = len;
	}
	return 0;
}

static void keep_tables(struct pt_cpu *cpu, const struct walked *walked, uint64_t stamp)
{
	const struct ptl_regime *r = walked->asked.r;
	unsigned int granule_lg2 = r->walker->granule_lg2;
	unsigned int top =
		walked->kept.from == PTL_FROM_ROOT ? r->fmt.top_level : walked->kept.from;

	for (unsigned int level = top; level-- > walked->kept.level;) {
		const struct ptl_kept_table *table = &walked->kept.table[level];
		const struct pt_tlb_fill fill = {
			.pa = table->pa,
			.data = ptl_kept_pack(table->all, table->any) | stamp << PTL_STAMP_SHIFT,
			.size_lg2 = granule_lg2 + (granule_lg2 - 3) * (level + 1),
		};

		if (!(cpu->table_sizes >> fill.size_lg2 & 1))
			continue;
		PTL_BUG_ON(pt_tlb_fill(cpu->tlb, PT_TLB_USE_TABLE, walked->asked.in, &fill));
	}
}

static void keep(struct pass *pass)
{
	struct pt_cpu *cpu = pass->cpu;

	for (unsigned int i = 0; i < 2; i++) {
		const struct walked *walked = &pass->walked[i];
		const struct ptl_kept *kept = &walked->kept;
		struct pt_tlb_fill fill;

		if (!pass->is_walked[i] || !walked->keep)
			continue;
		fill = (struct pt_tlb_fill){
			.pa = kept->pa,
			.raw = kept->raw,
			.data = ptl_kept_pack(kept->all, kept->any) |
				(uint64_t)kept->mem << PTL_MEM_SHIFT |
				(uint64_t)kept->level << PTL_LEVEL_SHIFT |
				(uint64_t)kept->withheld << PTL_WITHHELD_SHIFT |
				pass->stamp << PTL_STAMP_SHIFT,
			.size_lg2 = kept->size_lg2,
			.leaf_lg2 = kept->leaf_lg2,
			.global = kept->global && (cpu->global || cpu->machine->cfg.arm64),
		};
		PTL_BUG_ON(
			pt_tlb_fill(cpu->tlb, use_of(pass->access.how), walked->asked.in, &fill));
		ptl_count(&cpu->counters, PTL_COUNT_REFILLS, 1);
		if (cpu->table_sizes)
			keep_tables(cpu, walked, pass->stamp);
	}
}

static int fault(struct pt_cpu *cpu, struct pt_access_result *result)
{
	struct pt_tlb_flush flush;

	result->nr_pieces = 0;
	ptl_count(&cpu->counters, PTL_COUNT_FAULTS, 1);
	if (result->fault.kind == PT_FAULT_PF) {
		pt_x86_page_fault(&flush, cpu->now, result->fault.va);
		ptl_cpu_flush(cpu, &flush, PT_FLUSH_BY_FAULT);
	}
	return 1;
}

int pt_cpu_access(struct pt_cpu *cpu, pt_va_t va, const struct pt_access *how,
		  struct pt_access_result *result)
{
	struct pass pass;
	int faulted;

	if (!ptl_access_exists(cpu->mmu, how))
		return -EINVAL;
	ptl_cpu_poll(cpu);
	pass.cpu = cpu;
	pass.access = (struct ptl_access){
		.mmu = cpu->mmu, .how = how, .first = va, .fault = &result->fault
	};
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

int pt_cpu_read(struct pt_cpu *cpu, pt_va_t va, const struct pt_access *how, void *buf,
		struct pt_access_result *result)
{
	int err = ptl_writes(how->kind) ? -EINVAL : pt_cpu_access(cpu, va, how, result);

	return err ? err : ptl_pieces_read(cpu->mmu, va, result, buf);
}

int pt_cpu_write(struct pt_cpu *cpu, pt_va_t va, const struct pt_access *how, const void *buf,
		 struct pt_access_result *result)
{
	int err = !ptl_writes(how->kind) ? -EINVAL : pt_cpu_access(cpu, va, how, result);

	return err ? err : ptl_pieces_write(cpu->mmu, va, result, buf);
}
