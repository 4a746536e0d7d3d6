/* SPDX-License-Identifier: MIT */
/*
 * ptlib/guest.h - virtual machines on CPUs: second stages, and how their changes are flushed.
 *
 * A guest is a second stage with a VMID (arm64) or VPID (x86). A CPU that runs it keeps what
 * both stages make of an address as one entry, of the guest's ASID or PCID. Whatever the
 * guest's own tables say, a change of the second stage has to take such entries too:
 *
 *	arm64      TLBI IPAS2E1IS or RIPAS2E1IS, DSB, and then VMALLE1IS;
 *	           or VMALLS12E1IS; broadcast
 *	x86        INVEPT of the EPTP; IPIs to CPUs that may keep something of it
 *
 * Its struct pt_flush_ops does that. What of the guest's own tables is changed, the guest
 * flushes, with the instructions of cpu.h. What a second stage made of an address alone is
 * not kept, nor the addresses of a guest that has paging off.
 *
 * Source: Arm ARM DDI 0487 J.a, D8.14.5 "TLB maintenance at stage 2"; Intel SDM Vol. 3C,
 * 29.4 "Caching Translation Information"; Linux, arch/arm64/kvm/hyp/nvhe/tlb.c,
 * arch/x86/kvm/vmx/vmx.c.
 */
#ifndef PTLIB_GUEST_H
#define PTLIB_GUEST_H

#include <ptlib/cpu.h>
#include <ptlib/pagetable.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pt_guest;

/**
 * pt_guest_create() - A guest without a second stage, which no CPU runs.
 * @out: Receives the handle; release it with pt_guest_destroy().
 *
 * Return: 0; -ENOMEM, also when 65,535 guests have all VMIDs.
 */
PT_API PT_MUST_CHECK int pt_guest_create(struct pt_guest **out, struct pt_machine *machine);
/**
 * pt_guest_destroy() - Give up a guest that no CPU runs; its table stays. NULL is allowed.
 *
 * TLB: all of its VMID is flushed on all CPUs before another guest gets it.
 */
PT_API void pt_guest_destroy(struct pt_guest *guest);

/** Its VMID or VPID, never 0. */
PT_API uint16_t pt_guest_vmid(const struct pt_guest *guest);
/** For the struct pt_pgtable_cfg of the second stage; valid as long as @guest. */
PT_API const struct pt_flush_ops *pt_guest_flush_ops(struct pt_guest *guest);
/** For the same: the checker's, or NULL if there is none. */
PT_API const struct pt_watch_ops *pt_guest_watch_ops(const struct pt_guest *guest);

/**
 * pt_guest_set_table() - @guest's second stage is @pt, which was made with its flush ops.
 *
 * Context: before any CPU runs it.
 * Return: 0; -EINVAL for a table of the other architecture, or of a first stage.
 */
PT_API PT_MUST_CHECK int pt_guest_set_table(struct pt_guest *guest, struct pt_pgtable *pt);

/**
 * pt_cpu_run_guest_x86_64() - VM entry: what @cpu accesses from now on goes through the EPT.
 * pt_cpu_run_guest_arm64() - The same: HCR_EL2, VTCR_EL2 and VTTBR_EL2.
 * @regs: The root in @eptp or @vttbr, and the VMID in @vttbr, are filled in here.
 *
 * Its other registers stay; load the guest's next. The space that was loaded is not any
 * more, and the guest's are not the machine's: pt_cpu_switch() is refused until
 * pt_cpu_exit_guest().
 *
 * Context: by the thread that runs @cpu.
 * TLB: nothing is removed.
 * Return: 0; -EINVAL for a guest without a table or of another machine, a CPU without
 * registers, and what pt_mmu_set_ept() or pt_mmu_set_arm64_s2() refuses.
 */
PT_API PT_MUST_CHECK int pt_cpu_run_guest_x86_64(struct pt_cpu *cpu, struct pt_guest *guest,
						 const struct pt_x86_ept_regs *regs);
PT_API PT_MUST_CHECK int pt_cpu_run_guest_arm64(struct pt_cpu *cpu, struct pt_guest *guest,
						const struct pt_arm64_s2_regs *regs);
/**
 * pt_cpu_exit_guest() - VM exit: without a second stage, VMID 0. Its other registers are still
 * the guest's; load the host's next. Nothing if @cpu runs no guest.
 *
 * TLB: nothing is removed.
 */
PT_API void pt_cpu_exit_guest(struct pt_cpu *cpu);
/** The guest that @cpu runs, or NULL. */
PT_API struct pt_guest *pt_cpu_guest(const struct pt_cpu *cpu);

/**
 * pt_cpu_invept() - INVEPT, at once, of this CPU.
 * pt_cpu_invvpid() - INVVPID, the same.
 * Return: as pt_x86_invept() and pt_x86_invvpid().
 */
PT_API PT_MUST_CHECK int pt_cpu_invept(struct pt_cpu *cpu, unsigned int type, uint16_t vpid);
PT_API PT_MUST_CHECK int pt_cpu_invvpid(struct pt_cpu *cpu, unsigned int type, uint16_t vpid,
					pt_va_t va);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_GUEST_H */
