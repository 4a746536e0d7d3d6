/* SPDX-License-Identifier: MIT */
/*
 * ptlib/cpu.h - one simulated CPU: registers, a TLB, and accesses through it.
 *
 * What the TLB has is judged by the registers of now, as hardware does it; whatever it
 * does not have or does not allow is walked for, by mmu.h, and entered:
 *
 *	x86      not present and reserved entries are never kept; a #PF, and an EPT
 *	         violation of what the address led to, drop what is kept of it in the
 *	         current PCID
 *	arm64    nothing that faults is kept
 *	both     a store whose leaf is kept clean walks, to make it dirty
 *
 * Rights that registers decide (WP, SMEP, SMAP and AC, keys, PAN, overlays, privilege)
 * are those of now; the memory type is the one that was found when it was walked for,
 * as IA32_PAT and MAIR_EL1 may be cached.
 *
 * Context: all calls but pt_cpu_enter() by the thread that runs the CPU, if nothing else
 * is said. A thread runs one CPU of a machine at a time. None of them allocates, but in checked
 * machines, where memory that is not there is counted and nothing fails; see checker.h.
 */
#ifndef PTLIB_CPU_H
#define PTLIB_CPU_H

#include <ptlib/flush.h>
#include <ptlib/machine.h>
#include <ptlib/mmu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * pt_cpu_enter() - This thread runs @cpu from now on.
 *
 * Waits while somebody flushes it. Return: 0; -EBUSY if a thread runs it.
 */
PT_API PT_MUST_CHECK int pt_cpu_enter(struct pt_cpu *cpu);
/** Parks @cpu, after what is in its mailbox; registers and TLB stay. */
PT_API void pt_cpu_leave(struct pt_cpu *cpu);
/** Performs what is in the mailbox. */
PT_API void pt_cpu_poll(struct pt_cpu *cpu);

PT_API unsigned int pt_cpu_number(const struct pt_cpu *cpu);
PT_API struct pt_machine *pt_cpu_machine(const struct pt_cpu *cpu);
/** Its registers as an MMU without a TLB, e.g. for pt_access_probe(). */
PT_API const struct pt_mmu *pt_cpu_mmu(const struct pt_cpu *cpu);
/** Its TLB, to look at; pt_tlb_lookup() would count and change it. */
PT_API const struct pt_tlb *pt_cpu_tlb(const struct pt_cpu *cpu);

/**
 * pt_cpu_load_x86_64() - Load all control registers, as MOV to CR4, CR0 and CR3 do.
 * @regs: CR3 with the PCID in 11:0 if CR4.PCIDE; bit 63 keeps the PCID's entries. PKRU,
 *        PKRS, EFER, PAT and RFLAGS have no effect on the TLB.
 *
 * CR4 and CR0 are written if they differ from before, CR3 always.
 *
 * TLB: what these instructions remove, flush.h.
 * Return: as pt_mmu_set_x86_64(); -EINVAL also on a machine of arm64 CPUs, and for what
 * raises #GP: CR4.PCIDE set while CR3[11:0] was not 0, bit 63 of CR3 without PCIDE. The registers
 * are then as before.
 */
PT_API PT_MUST_CHECK int pt_cpu_load_x86_64(struct pt_cpu *cpu, const struct pt_x86_regs *regs);

/**
 * pt_cpu_load_arm64() - Load all registers of the EL1&0 regime, then ISB.
 * @regs: ASID in TTBR0 or TTBR1 63:48, as TCR.A1 says; TCR.AS=0: eight bits of it.
 *
 * TLB: nothing is removed.
 * Return: 0; -EINVAL on a machine of x86-64 CPUs.
 */
PT_API PT_MUST_CHECK int pt_cpu_load_arm64(struct pt_cpu *cpu, const struct pt_arm64_regs *regs);

/** The registers as they were loaded last, with what pt_cpu_switch() changed. */
PT_API const struct pt_x86_regs *pt_cpu_x86_64(const struct pt_cpu *cpu);
PT_API const struct pt_arm64_regs *pt_cpu_arm64(const struct pt_cpu *cpu);

/**
 * pt_cpu_access() - Perform one access through the TLB; otherwise as pt_access().
 *
 * The mailbox first. A piece ends where its TLB entry does. What a TLB entry translated
 * counts no loads; pieces of it have the memory type and the leaf word that were kept, and
 * behind a second stage at most the size of the entry.
 *
 * Return: as pt_access().
 */
PT_API PT_MUST_CHECK int pt_cpu_access(struct pt_cpu *cpu, pt_va_t va,
				       const struct pt_access *access,
				       struct pt_access_result *result);
/** As pt_access_read() and pt_access_write(). */
PT_API PT_MUST_CHECK int pt_cpu_read(struct pt_cpu *cpu, pt_va_t va, const struct pt_access *access,
				     void *buf, struct pt_access_result *result);
PT_API PT_MUST_CHECK int pt_cpu_write(struct pt_cpu *cpu, pt_va_t va,
				      const struct pt_access *access, const void *buf,
				      struct pt_access_result *result);

/*
 * Flush instructions, for those who write their own policies. x86: at once, of this CPU. Those of
 * the other architecture are -EINVAL, or do nothing.
 */
/** Nothing for an address that is not canonical. */
PT_API void pt_cpu_invlpg(struct pt_cpu *cpu, pt_va_t va);
/**
 * Return: as pt_x86_invpcid(); -EINVAL also for an ADDRESS that is not canonical, and for a PCID
 * but 0, of ADDRESS and CONTEXT, while CR4.PCIDE is clear.
 */
PT_API PT_MUST_CHECK int pt_cpu_invpcid(struct pt_cpu *cpu, unsigned int type, uint64_t pcid,
					pt_va_t va);

/**
 * pt_cpu_invlpgb() - AMD's INVLPGB, of all CPUs, whatever the machine's delivery.
 *
 * Complete with the next pt_cpu_tlbsync(); until then as pt_cpu_tlbi(). Of what a guest executes
 * the ASID is the guest's, and compared.
 *
 * Return: as pt_x86_invlpgb() with the policy's max_count.
 */
PT_API PT_MUST_CHECK int pt_cpu_invlpgb(struct pt_cpu *cpu, uint64_t rax, uint32_t ecx,
					uint32_t edx);
/** TLBSYNC: waits until the INVLPGB of this CPU before it are complete everywhere. */
PT_API void pt_cpu_tlbsync(struct pt_cpu *cpu);

/**
 * pt_cpu_tlbi() - TLBI @op, of this CPU or, @broadcast, of all (IS).
 *
 * Complete with the next pt_cpu_dsb(); until then nothing may be gone, though what 32
 * operations did not hold is.
 *
 * Return: as pt_arm64_tlbi().
 */
PT_API PT_MUST_CHECK int pt_cpu_tlbi(struct pt_cpu *cpu, enum pt_arm64_tlbi op, uint64_t xt,
				     unsigned int flags, bool broadcast);
/** DSB ISH: waits until the TLBI of this CPU before it are complete everywhere. */
PT_API void pt_cpu_dsb(struct pt_cpu *cpu);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_CPU_H */
