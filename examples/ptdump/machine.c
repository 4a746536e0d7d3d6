/* SPDX-License-Identifier: MIT */
/*
 * The registers of a machine whose tables an image holds. Registers that were given are taken as
 * they are. A table image says what selects its tables, and is believed; the rest of the registers
 * is as given.
 */
#include "ptdump.h"

#include "explain/arm64.h"
#include "explain/x86.h"

#define TCR_EPD0 BIT(7)
#define TCR_EPD1 BIT(23)

/* What the tables say, also of what the machine has and of the half that it has not. */
static void read_root(struct dump_regs *regs, const struct dump_root *root)
{
	regs->x86.maxphyaddr = regs->ept.maxphyaddr = 0;
	regs->x86.no_1g = false;
	regs->x86.c_bit = 0;
	regs->ept.ept_vpid_cap = 0;
	regs->arm64.mmfr0 = regs->arm64.mmfr1 = regs->arm64.mmfr2 = regs->arm64.mmfr3 = 0;
	regs->arm64_s2.mmfr0 = regs->arm64_s2.mmfr1 = regs->arm64_s2.mmfr2 = 0;
	regs->arm64.tcr |= TCR_EPD0 | TCR_EPD1;
	if (dump_regs_select(regs, &root->cfg, pt_pgtable_root(root->pt)))
		dump_die("no registers select the tables of %s", root->label);
}

static int load(struct explain_regime *machine)
{
	int err;

	if (machine->arch == &explain_x86) {
		err = pt_mmu_set_x86_64(machine->mmu, &machine->x86);
		if (!err && machine->two_stages)
			err = pt_mmu_set_ept(machine->mmu, &machine->ept);
		return err;
	}
	err = pt_mmu_set_arm64(machine->mmu, &machine->arm64);
	if (!err && machine->two_stages)
		err = pt_mmu_set_arm64_s2(machine->mmu, &machine->arm64_s2);
	return err;
}

void dump_machine_open(struct explain_regime *machine, const struct dump_source *source,
		       const struct dump_root *root, const struct dump_regs *regs)
{
	/* Registers are of one kind, whether or not the address is in one of their halves. */
	enum pt_format format = root ? root->cfg.fmt : source->roots[0].cfg.fmt;
	bool is_x86 = format == PT_FMT_X86_64 || format == PT_FMT_X86_EPT;
	struct dump_regs loaded = *regs;
	int err;

	if (!source->has_regs)
		read_root(&loaded, root);
	*machine = (struct explain_regime){
		.arch = is_x86 ? &explain_x86 : &explain_arm64,
		.phys = source->phys,
		.x86 = loaded.x86,
		.arm64 = loaded.arm64,
		.arm64_s2 = loaded.arm64_s2,
		.ept = loaded.ept,
		.two_stages = format >= PT_FMT_X86_EPT,
	};
	if (machine->two_stages) { /* of a guest that has not switched on the first one */
		machine->x86.cr0 &= ~CR0_PG;
		machine->arm64.sctlr &= ~SCTLR_M;
	}
	err = pt_mmu_create(&machine->mmu, source->phys);
	if (err)
		dump_die("%s", pt_strerror(err));
	if (load(machine))
		dump_die("a processor refuses these control registers");
}

void dump_machine_close(struct explain_regime *machine)
{
	pt_mmu_destroy(machine->mmu);
}

/* A bit that decides about accesses, as the machine has it. */
static void put_bit(struct dump_line *line, const char *name, uint64_t value)
{
	dump_put_char(line, ' ');
	dump_put(line, name);
	dump_put_char(line, '=');
	dump_put_number(line, value & 1);
}

void dump_put_assumed(struct dump_line *line, const struct explain_regime *machine,
		      const struct dump_regs *regs)
{
	const struct pt_arm64_regs *arm64 = &machine->arm64;
	const struct pt_x86_regs *x86 = &machine->x86;
	bool is_x86 = machine->arch == &explain_x86;

	if (machine->two_stages) /* the first of which, off, asks none of them */
		return;
	if (is_x86 && !dump_has(regs, DUMP_CR0))
		put_bit(line, "CR0.WP", x86->cr0 >> 16);
	if (is_x86 && !dump_has(regs, DUMP_CR4)) {
		put_bit(line, "CR4.SMEP", x86->cr4 >> 20);
		put_bit(line, "SMAP", x86->cr4 >> 21);
		put_bit(line, "PKE", x86->cr4 >> 22);
		put_bit(line, "PKS", x86->cr4 >> 24);
	}
	if (!is_x86 && !dump_has(regs, DUMP_SCTLR)) {
		put_bit(line, "SCTLR.WXN", arm64->sctlr >> 19);
		put_bit(line, "EPAN", arm64->sctlr >> 57);
	}
	if (!is_x86 && !dump_has(regs, DUMP_PAN))
		put_bit(line, "PSTATE.PAN", arm64->pan);
}
