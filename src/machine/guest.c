/* SPDX-License-Identifier: MIT */
/* Guests: a second stage is a space whose addresses are intermediate, under a VMID. */
#include <stdlib.h>

#include <ptlib/guest.h>

#include "machine/machine_internal.h"

/* ---- life ---- */

int pt_guest_create(struct pt_guest **out, struct pt_machine *machine)
{
	struct pt_guest *guest = calloc(1, sizeof(*guest));
	unsigned int vmid = PTL_NR_ASIDS;

	if (!guest)
		return -ENOMEM;
	if (!ptl_space_init(&guest->space, machine))
		vmid = ptl_take_asid(machine, machine->vmids);
	if (vmid == PTL_NR_ASIDS) {
		free(guest->space.cpus);
		free(guest);
		return -ENOMEM;
	}
	guest->space.guest = true;
	guest->space.asid = (uint16_t)vmid;
	*out = guest;
	return 0;
}

void pt_guest_destroy(struct pt_guest *guest)
{
	if (!guest)
		return;
	guest->space.machine->policy->all(&guest->space);
	ptl_give_asid(guest->space.machine, guest->space.machine->vmids, guest->space.asid);
	free(guest->space.cpus);
	free(guest);
}

uint16_t pt_guest_vmid(const struct pt_guest *guest)
{
	return guest->space.asid;
}

const struct pt_flush_ops *pt_guest_flush_ops(struct pt_guest *guest)
{
	return &guest->space.ops;
}

const struct pt_watch_ops *pt_guest_watch_ops(const struct pt_guest *guest)
{
	return guest->space.machine->checker ? &guest->space.watch : NULL;
}

int pt_guest_set_table(struct pt_guest *guest, struct pt_pgtable *pt)
{
	enum pt_format fmt = pt_pgtable_fmt(pt)->fmt;
	bool arm64 = fmt >= PT_FMT_ARM64_S2_4K && fmt <= PT_FMT_ARM64_S2_64K;

	if (guest->space.machine->cfg.arm64 != arm64 || (!arm64 && fmt != PT_FMT_X86_EPT))
		return -EINVAL;
	ptl_space_read_table(&guest->space, pt);
	return 0;
}

/* ---- on CPUs ---- */

static bool can_run(const struct pt_cpu *cpu, const struct pt_guest *guest, bool arm64)
{
	return cpu->machine == guest->space.machine && cpu->machine->cfg.arm64 == arm64 &&
	       cpu->has_registers && guest->space.pt;
}

/* From now on entries are of @vmid, and of the ASID that is loaded. */
static void set_vmid(struct pt_cpu *cpu, uint16_t vmid)
{
	cpu->vmid = cpu->now.vpid = vmid;
	pt_tlb_set_context(cpu->tlb, vmid,
			   cpu->machine->cfg.arm64 ? ptl_arm64_asid(&cpu->arm64) : cpu->now.pcid);
}

static void run(struct pt_cpu *cpu, struct pt_guest *guest)
{
	ptl_space_forget(cpu);
	/* Before the first walk: who changes the second stage then knows of this CPU. */
	ptl_space_mark(&guest->space, cpu, true);
	cpu->guest = guest;
	set_vmid(cpu, guest->space.asid);
	if (cpu->contexts)
		ptl_check_context(cpu);
}

int pt_cpu_run_guest_x86_64(struct pt_cpu *cpu, struct pt_guest *guest,
			    const struct pt_x86_ept_regs *regs)
{
	struct pt_x86_ept_regs now = *regs;
	int err;

	if (!can_run(cpu, guest, false))
		return -EINVAL;
	/* SDM Vol. 3C, Table 25-9 "Format of Extended-Page-Table Pointer" */
	now.eptp = (regs->eptp & PTL_BITS(11, 0)) | guest->space.root;
	err = pt_mmu_set_ept(cpu->mmu, &now);
	if (err)
		return err;
	cpu->ept = now;
	run(cpu, guest);
	return 0;
}

#define VTTBR_VMID_SHIFT 48

int pt_cpu_run_guest_arm64(struct pt_cpu *cpu, struct pt_guest *guest,
			   const struct pt_arm64_s2_regs *regs)
{
	struct pt_arm64_s2_regs now = *regs;
	pt_pa_t root = guest->space.root;
	int err;

	if (!can_run(cpu, guest, true))
		return -EINVAL;
	/* D17.2.156 "VTTBR_EL2": of 52-bit addresses, bits 51:48 are in 5:2 */
	now.vttbr = (root & PTL_BITS(47, 1)) | root >> 48 << 2 |
		    (uint64_t)guest->space.asid << VTTBR_VMID_SHIFT;
	err = pt_mmu_set_arm64_s2(cpu->mmu, &now);
	if (err)
		return err;
	cpu->s2 = now;
	run(cpu, guest);
	return 0;
}

void pt_cpu_exit_guest(struct pt_cpu *cpu)
{
	if (!cpu->guest)
		return;
	/* To have no second stage is refused by nobody. */
	PTL_BUG_ON(cpu->machine->cfg.arm64 ? pt_mmu_set_arm64_s2(cpu->mmu, NULL)
					   : pt_mmu_set_ept(cpu->mmu, NULL));
	cpu->guest = NULL;
	set_vmid(cpu, 0);
	if (cpu->contexts)
		ptl_check_no_context(cpu);
}

struct pt_guest *pt_cpu_guest(const struct pt_cpu *cpu)
{
	return cpu->guest;
}

int pt_cpu_invept(struct pt_cpu *cpu, unsigned int type, uint16_t vpid)
{
	struct pt_tlb_flush flush;
	int err = cpu->machine->cfg.arm64 ? -EINVAL : pt_x86_invept(&flush, type, vpid);

	if (!err)
		ptl_cpu_flush(cpu, &flush, PT_FLUSH_BY_HAND);
	return err;
}

int pt_cpu_invvpid(struct pt_cpu *cpu, unsigned int type, uint16_t vpid, pt_va_t va)
{
	struct pt_tlb_flush flush;
	int err = cpu->machine->cfg.arm64 ? -EINVAL : pt_x86_invvpid(&flush, type, vpid, va);

	if (!err)
		ptl_cpu_flush(cpu, &flush, PT_FLUSH_BY_HAND);
	return err;
}
