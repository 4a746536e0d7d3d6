/* SPDX-License-Identifier: MIT */
/* Who runs a CPU; its registers and its flush instructions. */
#include "base/lock.h"
#include "machine/machine_internal.h"
#include "x86_64/fmt_x86_64_regs.h"

int pt_cpu_enter(struct pt_cpu *cpu)
{
	uintptr_t owner = 0;
	unsigned int spins = 0;

	PTL_BUG_ON(ptl_this_thread() & PTL_CLAIMED);
	/* Acquire: pairs with the release of who parked or flushed it. */
	while (!atomic_compare_exchange_weak_explicit(&cpu->owner, &owner, ptl_this_thread(),
						      memory_order_acquire, memory_order_relaxed)) {
		if (owner && !(owner & PTL_CLAIMED))
			return -EBUSY;
		owner = 0;
		ptl_spin_wait(&spins);
	}
	ptl_cpu_poll(cpu);
	return 0;
}

void pt_cpu_leave(struct pt_cpu *cpu)
{
	PTL_DEBUG_ON(atomic_load_explicit(&cpu->owner, memory_order_relaxed) != ptl_this_thread());
	ptl_cpu_poll(cpu);
	/* Release: pairs with the acquire of who runs or claims it next. */
	atomic_store_explicit(&cpu->owner, 0, memory_order_release);
}

void pt_cpu_poll(struct pt_cpu *cpu)
{
	ptl_cpu_poll(cpu);
}

void ptl_cpu_drain(struct pt_cpu *cpu)
{
	/* Acquire: pairs with the release by which mail was pushed. */
	struct ptl_mail *mail = atomic_exchange_explicit(&cpu->mail, NULL, memory_order_acquire);

	while (mail) {
		struct ptl_mail *next = mail->next; /* the initiator may be gone afterwards */
		struct ptl_request *request = mail->request;

		request->run(cpu, request);
		/* Release: pairs with the acquire of the initiator, who waits for 0. */
		atomic_fetch_sub_explicit(&request->pending, 1, memory_order_release);
		mail = next;
	}
}

struct pt_cpu *ptl_cpu_current(const struct pt_machine *machine)
{
	for (unsigned int i = 0; i < machine->cfg.nr_cpus; i++) {
		struct pt_cpu *cpu = machine->cpu[i];

		/* Relaxed: this thread alone makes it its own. */
		if (atomic_load_explicit(&cpu->owner, memory_order_relaxed) == ptl_this_thread())
			return cpu;
	}
	return NULL;
}

void ptl_cpu_poll_own(const struct pt_machine *machine)
{
	struct pt_cpu *cpu = ptl_cpu_current(machine);

	if (cpu)
		ptl_cpu_poll(cpu);
}

unsigned int pt_cpu_number(const struct pt_cpu *cpu)
{
	return cpu->number;
}

struct pt_machine *pt_cpu_machine(const struct pt_cpu *cpu)
{
	return cpu->machine;
}

const struct pt_mmu *pt_cpu_mmu(const struct pt_cpu *cpu)
{
	return cpu->mmu;
}

const struct pt_tlb *pt_cpu_tlb(const struct pt_cpu *cpu)
{
	return cpu->tlb;
}

const struct pt_x86_regs *pt_cpu_x86_64(const struct pt_cpu *cpu)
{
	return &cpu->x86;
}

const struct pt_arm64_regs *pt_cpu_arm64(const struct pt_cpu *cpu)
{
	return &cpu->arm64;
}

/* ---- flushes ---- */

static enum pt_flush_kind kind_of(const struct pt_tlb_flush *flush)
{
	if (flush->range)
		return flush->first == flush->last ? PT_FLUSH_KIND_PAGE : PT_FLUSH_KIND_RANGE;
	return flush->any_asid || flush->any_vmid ? PT_FLUSH_KIND_ALL : PT_FLUSH_KIND_ASID;
}

void ptl_cpu_flush(struct pt_cpu *cpu, const struct pt_tlb_flush *flush, enum pt_flush_cause cause)
{
	if (!(flush->all | flush->range))
		return;
	ptl_count(&cpu->counters, PTL_COUNT_FLUSHES + cause * PT_FLUSH_KIND_NR + kind_of(flush), 1);
	cpu->cause = cause;
	pt_tlb_flush(cpu->tlb, flush);
}

static bool is_canonical(const struct pt_cpu *cpu, pt_va_t va)
{
	uint64_t half = PTL_BIT(cpu->x86.cr4 & X86_64_CR4_LA57 ? 56 : 47);

	return va < half || va >= ~(half - 1);
}

/* Intel SDM Vol. 2A, "INVLPG": of an address that is not canonical "the same as a NOP". */
void pt_cpu_invlpg(struct pt_cpu *cpu, pt_va_t va)
{
	struct pt_tlb_flush flush;

	if (cpu->machine->cfg.arm64 || !is_canonical(cpu, va))
		return;
	pt_x86_invlpg(&flush, cpu->now, va);
	ptl_cpu_flush(cpu, &flush, PT_FLUSH_BY_HAND);
}

/* Intel SDM Vol. 2A, "INVPCID", 64-Bit Mode Exceptions: #GP(0) for what the registers decide. */
static bool can_invpcid(const struct pt_cpu *cpu, unsigned int type, uint64_t pcid, pt_va_t va)
{
	if (type == PT_INVPCID_ADDRESS && !is_canonical(cpu, va))
		return false;
	return cpu->x86.cr4 & X86_64_CR4_PCIDE || !pcid ||
	       (type != PT_INVPCID_ADDRESS && type != PT_INVPCID_CONTEXT);
}

int pt_cpu_invpcid(struct pt_cpu *cpu, unsigned int type, uint64_t pcid, pt_va_t va)
{
	struct pt_tlb_flush flush;
	int err = pt_x86_invpcid(&flush, cpu->now, type, pcid, va);

	if (err)
		return err;
	if (cpu->machine->cfg.arm64 || !can_invpcid(cpu, type, pcid, va))
		return -EINVAL;
	ptl_cpu_flush(cpu, &flush, PT_FLUSH_BY_HAND);
	return 0;
}

#define INVLPGB_ASID PTL_BIT(2) /* RAX: compare EDX 15:0 */

int pt_cpu_invlpgb(struct pt_cpu *cpu, uint64_t rax, uint32_t ecx, uint32_t edx)
{
	struct pt_tlb_flush flush;
	int err = -EINVAL;

	/*
	 * A guest's ASID is its own, and compared, whatever it says: AMD's words in Linux commit
	 * 634ab76159a8, "Always set the ASID valid bit for the INVLPGB instruction".
	 */
	if (cpu->guest) {
		rax |= INVLPGB_ASID;
		edx = (edx & ~UINT32_C(0xffff)) | cpu->now.vpid;
	}
	if (!cpu->machine->cfg.arm64)
		err = pt_x86_invlpgb(&flush, rax, ecx, edx, cpu->machine->cfg.policy.max_count);
	if (!err)
		ptl_cpu_add_pending(cpu, &flush, true);
	return err;
}

void pt_cpu_tlbsync(struct pt_cpu *cpu)
{
	pt_cpu_dsb(cpu);
}

int pt_cpu_tlbi(struct pt_cpu *cpu, enum pt_arm64_tlbi op, uint64_t xt, unsigned int flags,
		bool broadcast)
{
	struct pt_tlb_flush flush;
	int err = -EINVAL;

	if (cpu->machine->cfg.arm64)
		err = pt_arm64_tlbi(&flush, op, cpu->vmid, xt, flags);
	if (!err)
		ptl_cpu_add_pending(cpu, &flush, broadcast);
	return err;
}

void ptl_cpu_add_pending(struct pt_cpu *cpu, const struct pt_tlb_flush *flush, bool broadcast)
{
	if (cpu->nr_pending == PTL_MAX_PENDING)
		pt_cpu_dsb(cpu); /* hardware may be done with them at any time */
	cpu->pending[cpu->nr_pending++] = (struct ptl_pending){
		.flush = *flush,
		.clock = ptl_clock(cpu->machine),
		.broadcast = broadcast,
	};
}

void pt_cpu_dsb(struct pt_cpu *cpu)
{
	unsigned int nr = cpu->nr_pending;

	if (!nr)
		return;
	cpu->nr_pending = 0;
	for (unsigned int i = 0; i < nr; i++) {
		const struct ptl_pending *pending = &cpu->pending[i];

		if (pending->broadcast)
			ptl_broadcast(cpu->machine, cpu, &pending->flush, 1, PT_FLUSH_BY_HAND,
				      pending->clock);
		else
			ptl_cpu_flush(cpu, &pending->flush, PT_FLUSH_BY_HAND);
	}
	ptl_count(&cpu->counters, PTL_COUNT_BARRIERS, 1);
}

/* ---- registers ---- */

/* @regs are the MMU's now, bit 63 of CR3 dropped. What is flushed is held to them already. */
static void keep_x86_64(struct pt_cpu *cpu, const struct pt_x86_regs *regs)
{
	cpu->x86 = *regs;
	cpu->has_registers = true;
	cpu->global = regs->cr4 & X86_64_CR4_PGE;
	cpu->now.vpid = cpu->vmid;
	cpu->now.pcid = regs->cr4 & X86_64_CR4_PCIDE ? (uint16_t)(regs->cr3 & X86_64_PCID) : 0;
	pt_tlb_set_context(cpu->tlb, cpu->now.vpid, cpu->now.pcid);
	if (cpu->contexts)
		ptl_check_context(cpu);
}

int ptl_cpu_write_cr3(struct pt_cpu *cpu, uint64_t cr3, enum pt_flush_cause cause)
{
	struct pt_x86_regs regs = cpu->x86;
	struct pt_tlb_flush flush;
	int err;

	regs.cr3 = cr3 & ~X86_64_CR3_NO_FLUSH;
	err = pt_mmu_set_x86_64(cpu->mmu, &regs);
	if (err)
		return err;
	keep_x86_64(cpu, &regs);
	pt_x86_mov_cr3(&flush, cpu->now, regs.cr4, cr3);
	ptl_cpu_flush(cpu, &flush, cause);
	return 0;
}

int pt_cpu_load_x86_64(struct pt_cpu *cpu, const struct pt_x86_regs *regs)
{
	struct pt_x86_regs now = *regs;
	uint64_t old_cr4 = cpu->x86.cr4;
	struct pt_tlb_flush cr0, cr4;
	int err;

	if (cpu->machine->cfg.arm64)
		return -EINVAL;
	/* SDM Vol. 3A, 4.10.1: MOV to CR4 may set PCIDE only while CR3[11:0] is 0 */
	if (regs->cr4 & ~old_cr4 & X86_64_CR4_PCIDE && cpu->x86.cr3 & X86_64_PCID)
		return -EINVAL;
	/* 4.10.4.1: with PCIDE alone bit 63 is an operand; else it is reserved, Table 4-12 */
	if (regs->cr3 & X86_64_CR3_NO_FLUSH && !(regs->cr4 & X86_64_CR4_PCIDE))
		return -EINVAL;
	now.cr3 &= ~X86_64_CR3_NO_FLUSH;
	err = pt_mmu_set_x86_64(cpu->mmu, &now);
	if (err)
		return err;
	pt_x86_mov_cr4(&cr4, cpu->now, old_cr4, regs->cr4);
	pt_x86_mov_cr0(&cr0, cpu->now, cpu->x86.cr0, regs->cr0);
	ptl_space_forget(cpu);
	keep_x86_64(cpu, &now);
	ptl_cpu_flush(cpu, &cr4, PT_FLUSH_BY_REGISTERS);
	ptl_cpu_flush(cpu, &cr0, PT_FLUSH_BY_REGISTERS);
	return ptl_cpu_write_cr3(cpu, regs->cr3, PT_FLUSH_BY_REGISTERS);
}

#define TCR_A1 PTL_BIT(22)
#define TCR_AS PTL_BIT(36)

uint16_t ptl_arm64_asid(const struct pt_arm64_regs *regs)
{
	uint64_t ttbr = regs->tcr & TCR_A1 ? regs->ttbr1 : regs->ttbr0;
	uint16_t asid = (uint16_t)(ttbr >> 48);

	return regs->tcr & TCR_AS ? asid : asid & 0xff;
}

int ptl_cpu_write_arm64(struct pt_cpu *cpu, const struct pt_arm64_regs *regs)
{
	int err = pt_mmu_set_arm64(cpu->mmu, regs);

	if (err)
		return err;
	cpu->arm64 = *regs;
	cpu->has_registers = true;
	pt_tlb_set_context(cpu->tlb, cpu->vmid, ptl_arm64_asid(regs));
	if (cpu->contexts)
		ptl_check_context(cpu);
	return 0;
}

int pt_cpu_load_arm64(struct pt_cpu *cpu, const struct pt_arm64_regs *regs)
{
	if (!cpu->machine->cfg.arm64)
		return -EINVAL;
	ptl_space_forget(cpu);
	return ptl_cpu_write_arm64(cpu, regs);
}
