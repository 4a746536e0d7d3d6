/* SPDX-License-Identifier: MIT */
/*
 * ptlib/space.h - address spaces on CPUs: who runs them, and how changes are flushed.
 *
 * A space is a table with what an operating system keeps to flush it: the CPUs that may
 * have cached it, and its ASID (arm64) or generation (x86, where each CPU gives it a PCID
 * for a while). Its struct pt_flush_ops does as Linux does, by the machine's policy.
 *
 *	           user space                          the kernel's
 *	x86        up to the ceiling INVLPG each,      INVLPG each or everything,
 *	           else its PCID; IPIs to CPUs         IPIs to all
 *	           that run it
 *	arm64      TLBI VALE1IS, RVALE1IS, or          VAALE1IS, RVAALE1IS, or
 *	           ASIDE1IS; broadcast                 VMALLE1IS; broadcast
 *
 * Source: Linux, arch/x86/mm/tlb.c; arch/arm64/include/asm/tlbflush.h.
 */
#ifndef PTLIB_SPACE_H
#define PTLIB_SPACE_H

#include <ptlib/cpu.h>
#include <ptlib/pagetable.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * pt_space_create() - A space without a table, which no CPU runs.
 * @out: Receives the handle; release it with pt_space_destroy().
 *
 * Return: 0; -ENOMEM, also when 65,535 spaces of arm64 have all ASIDs.
 */
PT_API PT_MUST_CHECK int pt_space_create(struct pt_space **out, struct pt_machine *machine);
/**
 * pt_space_destroy() - Give up a space that no CPU has loaded; its table stays. NULL is allowed.
 *
 * CPUs that have it run another one first, by pt_cpu_switch(); or none, as after
 * pt_cpu_load_x86_64() and pt_cpu_load_arm64(). One that does not do anything more may keep it.
 *
 * TLB: arm64: its ASID is flushed on all CPUs before another space gets it.
 */
PT_API void pt_space_destroy(struct pt_space *space);

/** The kernel's space: its flushes reach every CPU and every ASID. Lives with @machine. */
PT_API struct pt_space *pt_machine_kernel(struct pt_machine *machine);

/** For the struct pt_pgtable_cfg of the table; valid as long as @space. */
PT_API const struct pt_flush_ops *pt_space_flush_ops(struct pt_space *space);

/** For the struct pt_pgtable_cfg of the table: the checker's, or NULL if there is none. */
PT_API const struct pt_watch_ops *pt_space_watch_ops(const struct pt_space *space);

/**
 * pt_space_set_table() - @space translates by @pt, which was made with its flush ops, and with its
 * watch ops: of a table without, a checked machine remembers and reports nothing.
 *
 * A user table that it had is one no longer: that belongs to the table before.
 *
 * Context: before any CPU switches to it.
 * Return: 0; -EINVAL for a table of the other architecture, or of a second stage; or, but for the
 * kernel's space, of arm64's upper half.
 */
PT_API PT_MUST_CHECK int pt_space_set_table(struct pt_space *space, struct pt_pgtable *pt);

/**
 * pt_cpu_switch() - Run @space: CR3 or, on arm64, TTBR0, in registers that were loaded.
 * @space: With a table. The kernel's: x86: its table; arm64: TTBR0 with ASID 0, and a table
 *         that is in the upper half needs nothing.
 *
 * The other registers stay, and nobody compares them with the struct pt_fmt_cfg of the table: the
 * CPU walks by CR4.LA57 and EFER.NXE, or TCR, and takes memory types from IA32_PAT, which is not
 * Linux's where pt_x86_regs.pat was 0, or MAIR.
 *
 * Context: by the thread that runs @cpu.
 * TLB: x86: nothing if the CPU still has the space's PCID and has seen all its flushes.
 * Return: 0; -EINVAL for a space without a table or of another machine, or without
 * registers. The CPU is then as before.
 */
PT_API PT_MUST_CHECK int pt_cpu_switch(struct pt_cpu *cpu, struct pt_space *space);
/**
 * pt_cpu_enter_lazy() - @cpu runs a kernel thread, which borrows the space that is loaded.
 *
 * User mode ends with it, and it ends with the next pt_cpu_switch(). With the policy, leaves
 * that change do not interrupt it; freed tables do, and make it switch to the kernel's space.
 * A kernel thread has no business at addresses of the borrowed space: what it finds there may
 * be stale, and the checker says nothing of it.
 *
 * Return: 0; -EINVAL if the kernel's space has no table.
 */
PT_API PT_MUST_CHECK int pt_cpu_enter_lazy(struct pt_cpu *cpu);
/**
 * pt_space_set_user_table() - What user mode has of @space, where the policy isolates tables.
 * @user: A table whose top words lead to those of @space's that are the user's, and to what else
 *        user mode may see: see pt_pgtable_link(). Made with the same flush and watch ops.
 *
 * The space then has two PCIDs on a CPU, of which user mode's has bit 11. Each page flushed is
 * flushed from both: by INVLPG, and by INVPCID or, without, by the next entry of user mode, which
 * flushes all of its PCID; whatever takes all of one takes all of the other by that.
 *
 * Context: as pt_space_set_table(), after that.
 * Return: 0; -EINVAL without that policy, which x86 alone has; for the kernel's space, a space
 * without a table, or a table of another memory or configuration than the space's: one CR4 and
 * EFER serve both.
 * Source: Linux, arch/x86/mm/tlb.c native_flush_tlb_one_user(), invalidate_user_asid();
 * arch/x86/entry/calling.h SWITCH_TO_USER_CR3.
 */
PT_API PT_MUST_CHECK int pt_space_set_user_table(struct pt_space *space, struct pt_pgtable *user);
/**
 * pt_cpu_to_user() - Run user mode: by the user table of the space that @cpu runs.
 * pt_cpu_to_kernel() - An interrupt or a call: by the space's own table again.
 *
 * Requests to flush interrupt user mode and return to it; pt_cpu_switch() ends it.
 *
 * Context: by the thread that runs @cpu.
 * TLB: nothing is removed but what is owed to user mode; without PCIDs, all but global pages.
 * Return: 0, also if it does so already; -EINVAL for a space without a user table, or a lazy CPU.
 */
PT_API PT_MUST_CHECK int pt_cpu_to_user(struct pt_cpu *cpu);
PT_API void pt_cpu_to_kernel(struct pt_cpu *cpu);
/** The space that @cpu has loaded, or NULL. */
PT_API struct pt_space *pt_cpu_space(const struct pt_cpu *cpu);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_SPACE_H */
