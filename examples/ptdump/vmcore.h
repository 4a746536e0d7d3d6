/* SPDX-License-Identifier: MIT */
/*
 * vmcore.h - memory dumps: ELF cores as QEMU's dump-guest-memory and /proc/vmcore write
 * them, kdump files as makedumpfile compresses them.
 *
 *	vmcore.c       memory and what VMCOREINFO says, by libkdumpfile
 *	vmcore_elf.c   QEMU's notes of its processors, by libelf
 *	vmcore_none.c  instead of both, where these libraries were not there to build with
 */
#ifndef PTDUMP_VMCORE_H
#define PTDUMP_VMCORE_H

#include "ptdump.h"

struct dump_vmcore;

/** Opens the dump that @fd is and keeps @fd; *@phys: its memory, which is empty yet. */
struct dump_vmcore *dump_vmcore_open(const char *path, int fd, uint64_t file_len,
				     struct pt_phys **phys);
void dump_vmcore_close(struct dump_vmcore *vmcore);

/**
 * Has @len bytes at @pa read, those pages that were not yet: a dump may be larger than the memory
 * that there is. Returns whether the dump has all of them; those that it leaves out are zero.
 */
bool dump_vmcore_load(struct dump_vmcore *vmcore, pt_pa_t pa, uint64_t len);

/**
 * Adds to @regs, unless they have roots already, the registers that the dump has: of QEMU's
 * processors those of the @cpu-th, else those that select the kernel's own tables. Returns whether
 * they are a processor's.
 */
bool dump_vmcore_regs(struct dump_vmcore *vmcore, unsigned int cpu, struct dump_regs *regs);

/* ---- vmcore_elf.c, of files that need not be ELF cores ---- */

/* Control registers as a processor's note has them. */
struct dump_qemu_cpu {
	uint64_t cr0, cr3, cr4;
};

/**
 * Finds what QEMU noted of its @nr-th processor, if that is one of x86_64. *@nr_cpus: how many
 * notes there are, none if @fd is no core of QEMU's.
 */
bool dump_elf_cpu(int fd, unsigned int nr, struct dump_qemu_cpu *cpu, unsigned int *nr_cpus);
/**
 * Why an ELF core in a file of @file_len bytes cannot be what somebody wrote, or NULL: libkdumpfile
 * believes sizes, with crashes, or minutes and gigabytes for tables that are not there.
 */
const char *dump_elf_flaw(int fd, uint64_t file_len);

#endif /* PTDUMP_VMCORE_H */
