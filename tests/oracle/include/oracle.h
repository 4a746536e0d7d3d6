/* SPDX-License-Identifier: MIT */
/*
 * Run single memory accesses against page tables on an MMU that is not ours:
 * QEMU's, or for x86_64 also Linux KVM's or Bochs'.
 *
 * An oracle is one emulated machine.  Its physical memory is a set of regions,
 * each a stretch of one memfd, so the tables under test are shared with the
 * emulator, never copied: write them through the pointer of orc_region_add(), or
 * map the same pages elsewhere with orc_region_fd().  Every run starts with an
 * empty TLB; tables may be edited freely between runs.
 *
 * Context: one thread per oracle at a time; any number of oracles may be open.  The
 * emulator dies with the thread that opened it.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <stddef.h>
#include <stdint.h>

#include "oracle_access.h"

enum orc_arch { ORC_X86, ORC_ARM64 };

/* All zero is QEMU, x86_64, with every default. */
struct orc_cfg {
	int arch; /* enum orc_arch */
	uint64_t img_bytes; /* room for all regions, sparse; 0: 1 GiB (Bochs: always 768 MiB) */
	unsigned int phys_bits; /* x86 MAXPHYADDR, 0: 52; KVM and Bochs have their own */
	const char *cpu_extra; /* appended to QEMU's "-cpu max", e.g. "lpa2=off" */
	const char *qemu; /* path of the emulator, NULL: searched in $PATH */
	int verbose; /* 1: the emulator's stderr is ours; 2: QEMU logs exceptions there */
	int kvm; /* x86_64: /dev/kvm instead of QEMU */
	int bochs; /* x86_64: Bochs instead of QEMU, one process per orc_run() */
	int park; /* stop the emulator between runs: it polls, using a whole core */
};

struct orc;

/**
 * orc_missing() - say what this machine lacks to open such an oracle
 * @cfg: what would be passed to orc_open()
 *
 * For tests, which skip when the emulator is not installed.
 *
 * Return: NULL when nothing is known to be missing, else a sentence without full
 * stop, valid until the thread's next call into the oracle.
 */
const char *orc_missing(const struct orc_cfg *cfg);

/**
 * orc_open() - start an emulated machine without memory
 * @cfg: copied; the strings must live as long as the oracle
 *
 * Return: the oracle, or NULL with the reason in orc_error().
 */
struct orc *orc_open(const struct orc_cfg *cfg);

/** orc_close() - stop the machine, unmap and free everything; NULL is allowed */
void orc_close(struct orc *o);

/** orc_error() - why the calling thread's last failing call failed; never NULL */
const char *orc_error(void);

/** orc_phys_bits() - width of a physical address in this machine, in bits */
unsigned int orc_phys_bits(const struct orc *o);

/**
 * orc_info() - feature registers as the guest read them, 16 words
 *
 * x86_64: CPUID 80000008.EAX, 7.EBX:ECX, 7.EDX, 80000001.ECX:EDX, 8000000A.EDX.
 * arm64: ID_AA64MMFR0, MMFR1, MMFR2, CurrentEL, ID_AA64PFR0, MIDR.
 * All zero under KVM and Bochs.
 */
const uint64_t *orc_info(const struct orc *o);

/**
 * orc_region_add() - give the machine zeroed physical memory
 * @gpa:   physical address, 4 KiB aligned; (gpa + size) must not wrap
 * @size:  in bytes, 4 KiB aligned, not 0
 * @ident: place it at the same address in the emulator's own memory, which tests
 *         of arm64 stage 2 need: @gpa >= 256 MiB, gpa + size <= 4 GiB + img_bytes
 *
 * Regions must not overlap.  The memory is shared, sparse and stays at the
 * returned address until the oracle is closed, although orc_regions_clear()
 * empties it.
 *
 * Return: the host address of @gpa, or NULL with the reason in orc_error().
 */
void *orc_region_add(struct orc *o, uint64_t gpa, uint64_t size, int ident);

/**
 * orc_region_fd() - where a region's pages are, to map them a second time
 * @host:   an address inside a region, as from orc_region_add()
 * @offset: file offset of that address, 4 KiB aligned if @host is
 *
 * mmap(MAP_SHARED) of the descriptor at *offset gives the very same pages.  The
 * descriptor stays the oracle's: do not close it.  A mapping of it survives
 * orc_close().
 *
 * Return: the descriptor, or -1 if @host is in no region.
 */
int orc_region_fd(struct orc *o, const void *host, uint64_t *offset);

/** orc_regions_clear() - take away all regions and drop their contents */
void orc_regions_clear(struct orc *o);

/**
 * orc_run() - perform accesses in order
 * @sets: register sets, at most ORC_MAXSET
 * @vec:  @n accesses; vec[i].regset indexes @sets
 * @res:  @n results, one per access, in the same order
 *
 * Accesses really happen: stores change memory, and accessed and dirty bits are
 * set where the tables ask for it.  Anything the accesses do, faults included, is
 * a result, not a failure.  An access that kills the emulator gives ORC_ST_ERROR
 * with ORC_ERR_EMULATOR; the emulator is started again for the rest.
 *
 * Return: 0, or -1 with the reason in orc_error().
 */
int orc_run(struct orc *o, const struct orc_regset *sets, unsigned int nset,
	    const struct orc_vec *vec, struct orc_res *res, size_t n);

#endif
