/* SPDX-License-Identifier: MIT */
/*
 * Flushing address spaces of x86-64 as Linux does: arch/x86/mm/tlb.c.
 *
 * Each flush of a user space takes the next generation of it. What a CPU keeps of a space
 * reflects all changes up to the generation in its slot, so that a CPU which does not run
 * the space now is left alone and catches up when it does again:
 *
 *	flush                                  switch_to()
 *	changes tables
 *	generation++           (seq_cst)       sets its bit in space->cpus   (seq_cst)
 *	reads space->cpus      (seq_cst)       reads the generation          (seq_cst)
 *
 * One of the two sees the other. The same holds of pt_cpu.lazy in place of the bit.
 *
 * With isolation, a slot is a pair of PCIDs, the second for user mode. What is flushed of the
 * first by its page is flushed of the second by INVPCID; anything else, and without INVPCID that
 * too, is owed: the second is flushed when user mode is entered, which it was not meanwhile.
 */
#include "machine/machine_internal.h"
#include "x86_64/fmt_x86_64_regs.h"

struct flush {
	struct ptl_request request; /* first */
	struct pt_space *space;
	struct pt_cpu *self; /* that asks; or NULL */
	pt_va_t first;
	uint64_t nr; /* pages from there on */
	unsigned int stride_lg2;
	bool all, tables;
	uint64_t generation;
	enum pt_flush_cause cause;
};

static bool has_pcids(const struct pt_cpu *cpu)
{
	return cpu->machine->cfg.policy.nr_pcids && cpu->x86.cr4 & X86_64_CR4_PCIDE;
}

/* Linux's kern_pcid(): 0 is for who does not know of slots. */
static uint64_t pcid_of(const struct pt_cpu *cpu)
{
	return has_pcids(cpu) ? cpu->slot + 1 : 0;
}

#define USER_PCID PTL_BIT(11) /* Linux's X86_CR3_PTI_PCID_USER_BIT */

static bool has_pairs(const struct pt_cpu *cpu)
{
	return cpu->machine->cfg.policy.isolation && has_pcids(cpu);
}

static void flush_user_page(struct pt_cpu *cpu, pt_va_t va, enum pt_flush_cause cause)
{
	struct pt_tlb_flush invpcid;

	if (!has_pairs(cpu))
		return;
	if (!cpu->machine->cfg.policy.invpcid) {
		cpu->slots[cpu->slot].user_stale = true;
		return;
	}
	PTL_BUG_ON(pt_x86_invpcid(&invpcid, cpu->now, PT_INVPCID_ADDRESS, pcid_of(cpu) | USER_PCID,
				  va));
	ptl_cpu_flush(cpu, &invpcid, cause);
}

static void flush_pages(struct pt_cpu *cpu, const struct flush *f)
{
	for (uint64_t i = 0; i < f->nr; i++) {
		pt_va_t va = f->first + (i << f->stride_lg2);
		struct pt_tlb_flush invlpg;

		pt_x86_invlpg(&invlpg, cpu->now, va);
		ptl_cpu_flush(cpu, &invlpg, f->cause);
		flush_user_page(cpu, va, f->cause);
	}
}

/* CR3 written with what it has. */
static void flush_pcid(struct pt_cpu *cpu, enum pt_flush_cause cause)
{
	struct pt_tlb_flush flush;

	cpu->slots[cpu->slot].user_stale = has_pairs(cpu);
	pt_x86_mov_cr3(&flush, cpu->now, cpu->x86.cr4, cpu->x86.cr3);
	ptl_cpu_flush(cpu, &flush, cause);
}

/* ---- user mode ---- */

static int to_user(struct pt_cpu *cpu)
{
	struct ptl_slot_of_space *slot = &cpu->slots[cpu->slot];
	bool keep = has_pairs(cpu) && !slot->user_stale;
	int err;

	if (cpu->in_user)
		return 0;
	err = ptl_cpu_write_cr3(cpu,
				ptl_cpu_cr3_at(cpu, cpu->space->user_root) | pcid_of(cpu) |
					(has_pairs(cpu) ? USER_PCID : 0) |
					(keep ? X86_64_CR3_NO_FLUSH : 0),
				PT_FLUSH_BY_SWITCH);
	if (err)
		return err;
	slot->user_stale = false;
	cpu->in_user = true;
	return 0;
}

static void to_kernel(struct pt_cpu *cpu)
{
	cpu->in_user = false;
	/* It was loaded before. */
	PTL_BUG_ON(ptl_cpu_write_cr3(cpu,
				     ptl_cpu_cr3_at(cpu, cpu->space->root) | pcid_of(cpu) |
					     (has_pairs(cpu) ? X86_64_CR3_NO_FLUSH : 0),
				     PT_FLUSH_BY_SWITCH));
}

/* What a request asks for is done by the kernel. */
static bool interrupt(struct pt_cpu *cpu)
{
	bool in_user = cpu->in_user;

	if (in_user)
		to_kernel(cpu);
	return in_user;
}

static void resume(struct pt_cpu *cpu, bool in_user)
{
	if (in_user)
		PTL_BUG_ON(to_user(cpu)); /* as to_kernel() */
}

/* ---- switching ---- */

static void forget_other_pcids(struct pt_cpu *cpu)
{
	for (unsigned int i = 0; i < cpu->machine->cfg.policy.nr_pcids; i++)
		if (i != cpu->slot)
			cpu->slots[i].id = 0;
	cpu->others_stale = false;
}

/* The slot for @space. Returns whether what is kept under its PCID is good. */
static bool choose_slot(struct pt_cpu *cpu, const struct pt_space *space, uint64_t generation)
{
	unsigned int nr = cpu->machine->cfg.policy.nr_pcids;

	if (!has_pcids(cpu)) {
		cpu->slot = 0;
		return false;
	}
	if (cpu->others_stale)
		forget_other_pcids(cpu);
	for (unsigned int i = 0; i < nr; i++) {
		if (cpu->slots[i].id != space->id)
			continue;
		cpu->slot = i;
		return cpu->slots[i].generation == generation;
	}
	cpu->slot = cpu->next_slot;
	cpu->next_slot = (cpu->next_slot + 1) % nr;
	return false;
}

static uint64_t generation_of(struct pt_space *space)
{
	/* Seq_cst: as drawn above. */
	return atomic_load_explicit(&space->generation, memory_order_seq_cst);
}

/* The space is loaded, and all its flushes so far are behind us. */
static void catch_up(struct pt_cpu *cpu, struct pt_space *space)
{
	struct ptl_slot_of_space *slot = &cpu->slots[cpu->slot];
	uint64_t generation;

	/* Seq_cst: as drawn above. */
	atomic_store_explicit(&cpu->lazy, false, memory_order_seq_cst);
	generation = generation_of(space);
	if (slot->generation == generation)
		return;
	flush_pcid(cpu, PT_FLUSH_BY_SWITCH);
	slot->generation = generation;
}

static int switch_to(struct pt_cpu *cpu, struct pt_space *space)
{
	struct pt_space *old = cpu->space;
	unsigned int old_slot = cpu->slot;
	bool was_user = interrupt(cpu);
	bool keep, lazy = atomic_load_explicit(&cpu->lazy, memory_order_relaxed);
	uint64_t generation, cr3;
	int err;

	if (old == space) {
		catch_up(cpu, space);
		return 0;
	}
	/* Before the bit: who sees that must not take it for lazy. Seq_cst: as drawn above. */
	atomic_store_explicit(&cpu->lazy, false, memory_order_seq_cst);
	ptl_space_mark(space, cpu, true);
	generation = generation_of(space);
	keep = choose_slot(cpu, space, generation);
	cr3 = ptl_cpu_cr3_at(cpu, space->root) | pcid_of(cpu);
	err = ptl_cpu_write_cr3(cpu, cr3 | (keep ? X86_64_CR3_NO_FLUSH : 0), PT_FLUSH_BY_SWITCH);
	if (err) {
		ptl_space_mark(space, cpu, false);
		cpu->slot = old_slot;
		atomic_store_explicit(&cpu->lazy, lazy, memory_order_relaxed);
		resume(cpu, was_user);
		return err;
	}
	cpu->slots[cpu->slot] =
		(struct ptl_slot_of_space){ space->id, generation,
					    !keep || cpu->slots[cpu->slot].user_stale };
	cpu->space = space;
	if (old)
		ptl_space_mark(old, cpu, false);
	ptl_count(&cpu->counters, PTL_COUNT_SWITCHES, 1);
	return 0;
}

/* ---- user spaces ---- */

/* Linux's flush_tlb_func(). False: there is nothing to do. */
static bool flush_user(struct pt_cpu *cpu, const struct flush *f)
{
	struct ptl_slot_of_space *slot = &cpu->slots[cpu->slot];
	bool by_generation = cpu->machine->cfg.policy.generations;
	uint64_t now;

	if (cpu->space != f->space)
		return false;
	if (atomic_load_explicit(&cpu->lazy, memory_order_relaxed)) { /* this thread's own */
		PTL_BUG_ON(switch_to(cpu, cpu->machine->kernel));
		return true;
	}
	if (by_generation && f->generation <= slot->generation)
		return false;
	now = generation_of(f->space);
	if (f->all ||
	    (by_generation && (f->generation != slot->generation + 1 || f->generation != now))) {
		flush_pcid(cpu, f->cause);
		slot->generation = now;
		return true;
	}
	flush_pages(cpu, f);
	if (f->generation == slot->generation + 1)
		slot->generation++;
	return true;
}

static void run_user(struct pt_cpu *cpu, struct ptl_request *request)
{
	bool in_user = interrupt(cpu);

	ptl_count(&cpu->counters, PTL_COUNT_IPIS_RECEIVED, 1);
	if (!flush_user(cpu, (struct flush *)request))
		ptl_count(&cpu->counters, PTL_COUNT_IPIS_IDLE, 1);
	resume(cpu, in_user);
}

/* A lazy CPU catches up later; but it must not walk tables that are freed. */
static bool wants_user(struct pt_cpu *cpu, const struct ptl_request *request)
{
	const struct flush *f = (const struct flush *)request;

	/* Seq_cst: as drawn above. */
	if (f->tables || !atomic_load_explicit(&cpu->lazy, memory_order_seq_cst))
		return true;
	ptl_count_for(cpu->machine, f->self, PTL_COUNT_LAZY_SKIPS, 1);
	return false;
}

static void send_user(struct pt_space *space, struct pt_cpu *self, struct flush *f)
{
	unsigned int nr;

	/* Seq_cst: as drawn above. */
	f->generation = atomic_fetch_add_explicit(&space->generation, 1, memory_order_seq_cst) + 1;
	if (self) {
		bool in_user = interrupt(self);

		f->cause = PT_FLUSH_BY_LOCAL;
		(void)flush_user(self, f);
		resume(self, in_user);
	}
	f->cause = PT_FLUSH_BY_IPI;
	f->request.run = run_user;
	nr = ptl_deliver(space->machine, self, space->cpus, wants_user, &f->request);
	ptl_count_for(space->machine, self, PTL_COUNT_IPIS_SENT, nr);
}

/* ---- the kernel's ---- */

/*
 * Linux's native_flush_tlb_global(): without INVPCID, CR4.PGE is turned over and back, and each
 * of the two flushes everything. A guest is left for this: the host's VPID is 0, and which PCID
 * it had nobody remembers.
 */
static void flush_globals_too(struct pt_cpu *cpu, enum pt_flush_cause cause)
{
	const struct pt_x86_context host = { .pcid = cpu->now.pcid };
	const uint64_t cr4 = cpu->x86.cr4;
	struct pt_tlb_flush all;

	if (cpu->machine->cfg.policy.invpcid) {
		PTL_BUG_ON(pt_x86_invpcid(&all, host, PT_INVPCID_ALL_GLOBALS_TOO, 0, 0));
		ptl_cpu_flush(cpu, &all, cause);
		return;
	}
	pt_x86_mov_cr4(&all, host, cr4, cr4 ^ X86_64_CR4_PGE);
	ptl_cpu_flush(cpu, &all, cause);
	pt_x86_mov_cr4(&all, host, cr4 ^ X86_64_CR4_PGE, cr4);
	ptl_cpu_flush(cpu, &all, cause);
}

static void flush_kernel(struct pt_cpu *cpu, const struct flush *f)
{
	if (f->all || cpu->guest) {
		flush_globals_too(cpu, f->cause);
		return;
	}
	flush_pages(cpu, f);
	/*
	 * INVLPG takes no page that is not global, and no
	 * paging-structure entry, of other PCIDs.
	 */
	if (f->tables || cpu->machine->cfg.policy.kernel_not_global ||
	    cpu->machine->cfg.policy.isolation)
		cpu->others_stale = true;
}

static void run_kernel(struct pt_cpu *cpu, struct ptl_request *request)
{
	bool in_user = interrupt(cpu);

	ptl_count(&cpu->counters, PTL_COUNT_IPIS_RECEIVED, 1);
	flush_kernel(cpu, (struct flush *)request);
	resume(cpu, in_user);
}

static void send_kernel(struct pt_space *space, struct pt_cpu *self, struct flush *f)
{
	unsigned int nr;

	if (self) {
		bool in_user = interrupt(self);

		f->cause = PT_FLUSH_BY_LOCAL;
		flush_kernel(self, f);
		resume(self, in_user);
	}
	f->cause = PT_FLUSH_BY_IPI;
	f->request.run = run_kernel;
	nr = ptl_deliver(space->machine, self, NULL, NULL, &f->request);
	ptl_count_for(space->machine, self, PTL_COUNT_IPIS_SENT, nr);
}

/* ---- second stages ---- */

/*
 * INVEPT, whatever the range: nothing finds combined entries by intermediate addresses. KVM,
 * arch/x86/kvm/vmx/vmx.c vmx_flush_tlb_all(). CPUs that ran the guest once are in its bitmap
 * until they are asked for the first time.
 */
static void flush_guest(struct pt_cpu *cpu, const struct flush *f)
{
	struct pt_tlb_flush invept;

	PTL_BUG_ON(pt_x86_invept(&invept, PT_INVEPT_CONTEXT, f->space->asid));
	ptl_cpu_flush(cpu, &invept, f->cause);
	if (!cpu->guest || &cpu->guest->space != f->space)
		ptl_space_mark(f->space, cpu, false);
}

static void run_guest(struct pt_cpu *cpu, struct ptl_request *request)
{
	ptl_count(&cpu->counters, PTL_COUNT_IPIS_RECEIVED, 1);
	flush_guest(cpu, (struct flush *)request);
}

static void send_guest(struct pt_space *space, struct pt_cpu *self, struct flush *f)
{
	unsigned int nr;

	if (self && ptl_space_is_marked(space, self)) {
		f->cause = PT_FLUSH_BY_LOCAL;
		flush_guest(self, f);
	}
	f->cause = PT_FLUSH_BY_IPI;
	f->request.run = run_guest;
	nr = ptl_deliver(space->machine, self, space->cpus, NULL, &f->request);
	ptl_count_for(space->machine, self, PTL_COUNT_IPIS_SENT, nr);
}

/* ---- requests ---- */

static void send(struct pt_space *space, struct flush *f)
{
	struct pt_cpu *self = ptl_cpu_current(space->machine);

	f->space = space;
	f->self = self;
	ptl_count_request(space, self, f->nr, f->all);
	if (space->guest)
		send_guest(space, self, f);
	else if (space->is_kernel)
		send_kernel(space, self, f);
	else
		send_user(space, self, f);
}

static void flush_range(struct pt_space *space, pt_va_t first, pt_va_t last,
			unsigned int stride_lg2, bool tables)
{
	unsigned int lg2 = space->is_kernel ? space->granule_lg2 : stride_lg2;
	struct flush f = { .first = ptl_align_down(first, lg2),
			   .stride_lg2 = lg2,
			   .tables = tables };

	f.nr = ((last - f.first) >> lg2) + 1;
	f.all = space->guest || f.nr > space->machine->cfg.policy.ceiling;
	send(space, &f);
}

static void flush_all(struct pt_space *space)
{
	struct flush f = { .all = true, .tables = true };

	send(space, &f);
}

/* ---- batches ---- */

/* Linux's arch_tlbbatch_add_pending(). Who loads the space from now on sees its generation. */
static void defer(struct pt_flush_batch *batch, struct pt_space *space, pt_va_t first, pt_va_t last,
		  unsigned int stride_lg2)
{
	struct pt_cpu *self = ptl_cpu_current(space->machine);

	ptl_count_request(space, self, ((last - first) >> stride_lg2) + 1, false);
	ptl_count_for(space->machine, self, PTL_COUNT_DEFERRED, 1);
	/* Seq_cst: as drawn above. */
	atomic_fetch_add_explicit(&space->generation, 1, memory_order_seq_cst);
	for (unsigned int word = 0; word < ptl_nr_words(space->machine); word++)
		atomic_fetch_or_explicit(
			&batch->cpus[word],
			atomic_load_explicit(&space->cpus[word], memory_order_seq_cst),
			memory_order_relaxed);
	batch->nr++;
}

/* Whatever the CPU runs now is brought up to date; what it ran before, when it does again. */
static bool flush_batched(struct pt_cpu *cpu, enum pt_flush_cause cause)
{
	struct ptl_slot_of_space *slot = &cpu->slots[cpu->slot];
	uint64_t now;

	if (!cpu->space || atomic_load_explicit(&cpu->lazy, memory_order_relaxed))
		return false; /* it catches up when it is not lazy any more */
	now = generation_of(cpu->space);
	if (slot->generation == now && cpu->machine->cfg.policy.generations)
		return false;
	flush_pcid(cpu, cause);
	slot->generation = now;
	return true;
}

static void run_batch(struct pt_cpu *cpu, struct ptl_request *request)
{
	bool in_user = interrupt(cpu);

	(void)request;
	ptl_count(&cpu->counters, PTL_COUNT_IPIS_RECEIVED, 1);
	if (!flush_batched(cpu, PT_FLUSH_BY_IPI))
		ptl_count(&cpu->counters, PTL_COUNT_IPIS_IDLE, 1);
	resume(cpu, in_user);
}

static bool wants_batch(struct pt_cpu *cpu, const struct ptl_request *request)
{
	(void)request;
	/* Seq_cst: as drawn above. */
	return !atomic_load_explicit(&cpu->lazy, memory_order_seq_cst);
}

static void finish_batch(struct pt_flush_batch *batch)
{
	struct pt_cpu *self = ptl_cpu_current(batch->machine);
	struct ptl_request request = { .run = run_batch };
	unsigned int nr;

	if (self) {
		bool in_user = interrupt(self);

		(void)flush_batched(self, PT_FLUSH_BY_LOCAL);
		resume(self, in_user);
	}
	nr = ptl_deliver(batch->machine, self, batch->cpus, wants_batch, &request);
	ptl_count_for(batch->machine, self, PTL_COUNT_IPIS_SENT, nr);
	for (unsigned int word = 0; word < ptl_nr_words(batch->machine); word++)
		atomic_store_explicit(&batch->cpus[word], 0, memory_order_relaxed);
}

const struct ptl_policy ptl_policy_x86_64 = {
	.range = flush_range,
	.all = flush_all,
	.switch_to = switch_to,
	.to_user = to_user,
	.to_kernel = to_kernel,
	.defer = defer,
	.finish = finish_batch,
};
