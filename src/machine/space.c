/* SPDX-License-Identifier: MIT */
/* Address spaces, and what is the same of them on both architectures. */
#include <stdlib.h>

#include "base/lock.h"
#include "machine/machine_internal.h"
#include "pt/pagetable_internal.h"

/* ---- ASIDs ---- */

unsigned int ptl_take_asid(struct pt_machine *machine, uint64_t *asids)
{
	unsigned int asid = PTL_NR_ASIDS;
	uint32_t bits = ptl_bit_lock(&machine->asid_lock);

	for (unsigned int word = 0; word < PTL_NR_ASIDS / 64; word++) {
		uint64_t taken = asids[word];

		if (!~taken)
			continue;
		asid = (unsigned int)__builtin_ctzll(~taken);
		asids[word] |= PTL_BIT(asid);
		asid += word * 64;
		break;
	}
	ptl_bit_unlock(&machine->asid_lock, bits);
	return asid;
}

void ptl_give_asid(struct pt_machine *machine, uint64_t *asids, unsigned int asid)
{
	uint32_t bits = ptl_bit_lock(&machine->asid_lock);

	asids[asid / 64] &= ~PTL_BIT(asid % 64);
	ptl_bit_unlock(&machine->asid_lock, bits);
}

/* ---- requests ---- */

static void flush_range(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct pt_space *space = ctx;

	space->machine->policy->range(space, first, last, stride_lg2, false);
}

static void flush_all(void *ctx)
{
	struct pt_space *space = ctx;

	space->machine->policy->all(space);
}

static void flush_tables(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2)
{
	struct pt_space *space = ctx;

	space->machine->policy->range(space, first, last, stride_lg2, true);
}

void ptl_count_request(const struct pt_space *space, struct pt_cpu *self, uint64_t pages, bool full)
{
	ptl_count_for(space->machine, self, PTL_COUNT_REQUESTS, 1);
	ptl_count_for(space->machine, self, PTL_COUNT_PAGES, pages);
	ptl_count_for(space->machine, self, PTL_COUNT_FULL, full);
}

/* ---- life ---- */

int ptl_space_init(struct pt_space *space, struct pt_machine *machine)
{
	space->cpus = calloc(ptl_nr_words(machine), sizeof(*space->cpus));
	if (!space->cpus)
		return -ENOMEM;
	space->machine = machine;
	space->granule_lg2 = 12;
	space->user_root = UINT64_MAX;
	space->id = atomic_fetch_add_explicit(&machine->last_id, 1, memory_order_relaxed) + 1;
	space->watch = (struct pt_watch_ops){ .store = ptl_check_store,
					      .ctx = space,
					      .flushed = ptl_check_flushed };
	space->ops = (struct pt_flush_ops){ flush_range, flush_all, flush_tables, space };
	return 0;
}

int pt_space_create(struct pt_space **out, struct pt_machine *machine)
{
	struct pt_space *space = calloc(1, sizeof(*space));
	unsigned int asid = PTL_NR_ASIDS;

	if (!space)
		return -ENOMEM;
	if (!ptl_space_init(space, machine))
		asid = ptl_take_asid(machine, machine->asids);
	if (asid == PTL_NR_ASIDS) {
		ptl_space_free(space);
		return -ENOMEM;
	}
	space->asid = (uint16_t)asid;
	*out = space;
	return 0;
}

void ptl_space_free(struct pt_space *space)
{
	free(space->cpus);
	free(space);
}

void pt_space_destroy(struct pt_space *space)
{
	if (!space)
		return;
	if (space->machine->cfg.arm64 || ptl_pcids_are_global(space->machine))
		flush_all(space);
	ptl_give_asid(space->machine, space->machine->asids, space->asid);
	ptl_space_free(space);
}

const struct pt_flush_ops *pt_space_flush_ops(struct pt_space *space)
{
	return &space->ops;
}

const struct pt_watch_ops *pt_space_watch_ops(const struct pt_space *space)
{
	return space->machine->checker ? &space->watch : NULL;
}

void ptl_space_read_table(struct pt_space *space, struct pt_pgtable *pt)
{
	enum pt_format fmt = pt_pgtable_fmt(pt)->fmt;

	space->pt = pt;
	space->root = pt_pgtable_root(pt);
	space->granule_lg2 = (unsigned int)__builtin_ctzll(pt_granule(pt));
	space->lpa2 = fmt == PT_FMT_ARM64_4K_LPA2 || fmt == PT_FMT_ARM64_16K_LPA2 ||
		      fmt == PT_FMT_ARM64_S2_4K_LPA2 || fmt == PT_FMT_ARM64_S2_16K_LPA2;
}

int pt_space_set_table(struct pt_space *space, struct pt_pgtable *pt)
{
	const struct pt_fmt_cfg *fmt = pt_pgtable_fmt(pt);
	bool arm64 = fmt->fmt >= PT_FMT_ARM64_4K && fmt->fmt <= PT_FMT_ARM64_64K;

	if (arm64 != space->machine->cfg.arm64 || (!arm64 && fmt->fmt != PT_FMT_X86_64))
		return -EINVAL;
	if (fmt->upper_half && !space->is_kernel)
		return -EINVAL;
	ptl_space_read_table(space, pt);
	space->user_root = UINT64_MAX; /* it was of another table */
	space->upper_half = fmt->upper_half;
	space->wide_root = arm64 && fmt->pa_bits == 52;
	return 0;
}

int pt_space_set_user_table(struct pt_space *space, struct pt_pgtable *user)
{
	if (!space->machine->cfg.policy.isolation || space->is_kernel || !space->pt ||
	    !ptl_pgtable_has_words_of(user, space->pt))
		return -EINVAL;
	space->user_root = pt_pgtable_root(user);
	return 0;
}

/* ---- on CPUs ---- */

int pt_cpu_switch(struct pt_cpu *cpu, struct pt_space *space)
{
	bool needs_table = !(space->is_kernel && cpu->machine->cfg.arm64);

	if (space->machine != cpu->machine || !cpu->has_registers || cpu->guest ||
	    (needs_table && !space->pt))
		return -EINVAL;
	return cpu->machine->policy->switch_to(cpu, space);
}

int pt_cpu_enter_lazy(struct pt_cpu *cpu)
{
	if (!cpu->machine->kernel->pt)
		return -EINVAL;
	pt_cpu_to_kernel(cpu);
	/* Where nobody is interrupted there is nobody to leave alone. */
	if (cpu->machine->cfg.policy.lazy && !cpu->machine->cfg.arm64 &&
	    !ptl_pcids_are_global(cpu->machine))
		/* Relaxed: who does not see it yet sends an IPI more. */
		atomic_store_explicit(&cpu->lazy, true, memory_order_relaxed);
	return 0;
}

int pt_cpu_to_user(struct pt_cpu *cpu)
{
	if (!cpu->space || cpu->space->user_root == UINT64_MAX ||
	    atomic_load_explicit(&cpu->lazy, memory_order_relaxed)) /* this thread's own */
		return -EINVAL;
	return cpu->machine->policy->to_user(cpu);
}

void pt_cpu_to_kernel(struct pt_cpu *cpu)
{
	if (cpu->in_user)
		cpu->machine->policy->to_kernel(cpu);
}

struct pt_space *pt_cpu_space(const struct pt_cpu *cpu)
{
	return cpu->space;
}

void ptl_space_mark(struct pt_space *space, const struct pt_cpu *cpu, bool loaded)
{
	_Atomic uint64_t *word = &space->cpus[cpu->number / 64];
	uint64_t bit = PTL_BIT(cpu->number % 64);

	/* Seq_cst: pairs with the loads in ptl_deliver(), see policy_x86_64.c. */
	if (loaded)
		atomic_fetch_or_explicit(word, bit, memory_order_seq_cst);
	else
		atomic_fetch_and_explicit(word, ~bit, memory_order_seq_cst);
}

void ptl_space_forget(struct pt_cpu *cpu)
{
	unsigned int nr = cpu->machine->cfg.policy.nr_pcids;

	if (cpu->space && !ptl_pcids_are_global(cpu->machine))
		ptl_space_mark(cpu->space, cpu, false);
	cpu->space = NULL;
	cpu->in_user = false;
	atomic_store_explicit(&cpu->lazy, false, memory_order_relaxed); /* it keeps nothing */
	for (unsigned int i = 0; i < (nr ? nr : 1); i++)
		cpu->slots[i].id = 0;
}
