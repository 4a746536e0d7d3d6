/* SPDX-License-Identifier: MIT */
/*
 * ptlib/mmu.h - one memory access, exactly as the hardware performs it.
 *
 * An MMU is control registers over a memory: it walks the tables that the
 * registers point at, whoever wrote them, decides by the architecture's rules,
 * sets accessed and dirty bits as hardware does, and yields physical addresses
 * or the fault that the architecture reports. It has no TLB and keeps nothing of
 * a translation: what stands in memory now is what counts.
 */
#ifndef PTLIB_MMU_H
#define PTLIB_MMU_H

#include <ptlib/attr.h>
#include <ptlib/error.h>
#include <ptlib/fault.h>
#include <ptlib/format.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pt_mmu; /* one translation regime: its registers, its memory */

/**
 * pt_mmu_create() - An MMU over @phys.
 * @out: Receives the handle; release it with pt_mmu_destroy().
 *
 * Translation is off until registers are set: addresses are physical.
 *
 * Return: 0 or -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_mmu_create(struct pt_mmu **out, struct pt_phys *phys);
/** Frees @mmu; the memory and its tables stay. NULL is allowed. */
PT_API void pt_mmu_destroy(struct pt_mmu *mmu);

/**
 * pt_mmu_set_x86_64() - Load all control registers of an x86-64 processor.
 *
 * Cheap enough to call for every access; recomputes some tables of rights.
 * pt_x86_regs_select() makes the registers for a table; so do others in regs.h.
 *
 * Context: one thread at a time, and no access by this MMU meanwhile.
 * Return: 0; -EINVAL for what the processor would refuse: reserved bits in CR3, as
 * pt_fmt_cfg_x86_64() has them, a MAXPHYADDR outside 32 to 52, CR4.CET without CR0.WP;
 * -EOPNOTSUPP for paging modes that are not here (32-bit and PAE paging). The registers
 * are then as before. Without paging nothing but CR4.CET is looked at.
 */
PT_API PT_MUST_CHECK int pt_mmu_set_x86_64(struct pt_mmu *mmu, const struct pt_x86_regs *regs);

/**
 * pt_mmu_set_arm64() - Load all control registers of the EL1&0 regime.
 *
 * Any value can be loaded; a half whose TCR fields select nothing that exists
 * faults at its first access as the architecture says.
 *
 * Context: as pt_mmu_set_x86_64().
 * Return: 0.
 */
PT_API PT_MUST_CHECK int pt_mmu_set_arm64(struct pt_mmu *mmu, const struct pt_arm64_regs *regs);

/**
 * pt_mmu_set_npt() - Put AMD's nested paging behind x86-64 tables.
 * @host: The host's registers, with nCR3 as cr3; NULL: no second stage.
 *
 * Every access it sees is a user's, the reading of a guest's table a write.
 *
 * Context: as pt_mmu_set_x86_64(), which comes first.
 * Return: as pt_mmu_set_x86_64(); -EINVAL also without x86-64 registers, or if
 * @host has paging off or bit 63 of nCR3 set. The second stage is then as before.
 */
PT_API PT_MUST_CHECK int pt_mmu_set_npt(struct pt_mmu *mmu, const struct pt_x86_regs *host);

/**
 * pt_mmu_set_ept() - Put Intel's EPT behind x86-64 tables; NULL: no second stage.
 *
 * With accessed and dirty bits on, the reading of a guest's table is a write.
 *
 * Return: as pt_fmt_cfg_x86_ept(); -EINVAL also without x86-64 registers. The
 * second stage is then as before.
 */
PT_API PT_MUST_CHECK int pt_mmu_set_ept(struct pt_mmu *mmu, const struct pt_x86_ept_regs *regs);

/**
 * pt_mmu_set_arm64_s2() - Put stage 2 behind the EL1&0 regime; NULL: no second stage.
 *
 * HCR_EL2: VM, DC, PTW and FWB. Any values can be loaded; those that select
 * nothing that exists fault at the first access.
 *
 * Return: 0, or -EINVAL without arm64 registers.
 */
PT_API PT_MUST_CHECK int pt_mmu_set_arm64_s2(struct pt_mmu *mmu,
					     const struct pt_arm64_s2_regs *regs);

enum pt_access_kind {
	PT_ACCESS_READ,
	PT_ACCESS_WRITE,
	PT_ACCESS_RMW,   /* one locked or atomic read-modify-write */
	PT_ACCESS_FETCH, /* of an instruction; arm64: a jump has dropped the tag already */
};

#define PT_ACCESS_UNPRIV (1u << 0)   /* arm64: LDTR, STTR; as from EL0 unless UAO */
#define PT_ACCESS_IMPLICIT (1u << 1) /* x86: the processor's own, of descriptors and the TSS */
#define PT_ACCESS_STACK (1u << 2)    /* x86: through SS; #SS where others are #GP */

struct pt_access {
	enum pt_access_kind kind;
	unsigned int size;  /* bytes, 1 to 64 */
	unsigned int priv;  /* x86: CPL, 0 to 3; arm64: EL, 0 or 1 */
	unsigned int flags; /* PT_ACCESS_* */
};

#define PT_PERM_READ 1u
#define PT_PERM_WRITE 2u
#define PT_PERM_EXEC 4u

/* A part of an access that one leaf translates. */
struct pt_piece {
	pt_pa_t pa;
	uint64_t raw;           /* the leaf word of the first stage, as it was read */
	uint32_t len;           /* bytes of the access that are here */
	/* PT_PERM_*: what the same privilege may do here, all rules applied */
	uint8_t perms;
	uint8_t mem;            /* enum pt_mem, of all stages and registers together */
	uint8_t level;          /* of the first stage's leaf */
	uint8_t size_lg2;       /* log2 bytes that translate as one; the smaller of both stages */
};

struct pt_access_result {
	struct pt_piece piece[2]; /* the second one if nr_pieces is 2 */
	unsigned int nr_pieces;   /* 0 if it faulted */
	unsigned int nr_loads[2]; /* table words read, of the first and of the second stage */
	struct pt_fault fault;    /* if it faulted */
};

/**
 * pt_access() - Perform one access.
 * @va:     Any 64-bit value; @va + size may wrap.
 * @result: Filled in but for -EINVAL.
 *
 * Sets accessed and dirty bits where the hardware would, by compare-and-swap, and
 * only if the whole access succeeds. An access that crosses into another leaf has
 * two pieces; both are translated before any bit is set. Pieces may lie outside
 * memory: translating is all that is done here.
 *
 * Context: any thread, beside others and beside changes of the tables in shared
 * mode; one MMU may serve several threads. Where another thread takes the second
 * of two pieces away in between, the first may be marked by an access that faults.
 * Return: 0; 1 if it faulted, with the fault; -EINVAL for an access that
 * does not exist: size, kind, privilege or flags.
 */
PT_API PT_MUST_CHECK int pt_access(const struct pt_mmu *mmu, pt_va_t va,
				   const struct pt_access *access,
				   struct pt_access_result *result);

/** As pt_access(), without side effects: what would happen, A and D left alone. */
PT_API PT_MUST_CHECK int pt_access_probe(const struct pt_mmu *mmu, pt_va_t va,
					 const struct pt_access *access,
					 struct pt_access_result *result);

/**
 * pt_access_read() - Perform a load or fetch, and copy its bytes to @buf.
 * pt_access_write() - Perform a store or read-modify-write of the bytes at @buf.
 *
 * Return: as pt_access(); also 1 with PT_FAULT_NO_MEMORY for a piece that lies
 * outside memory, and -EINVAL for a kind of access that goes the other way. Bytes
 * move only if all of them can.
 */
PT_API PT_MUST_CHECK int pt_access_read(const struct pt_mmu *mmu, pt_va_t va,
					const struct pt_access *access, void *buf,
					struct pt_access_result *result);
PT_API PT_MUST_CHECK int pt_access_write(const struct pt_mmu *mmu, pt_va_t va,
					 const struct pt_access *access, const void *buf,
					 struct pt_access_result *result);

/* One table word that a walk read, in the order of reading. */
struct pt_access_step {
	pt_pa_t table_pa;   /* physical */
	uint64_t raw;
	unsigned int stage; /* 1 or 2 */
	unsigned int level; /* ours: 0 holds the smallest pages */
	unsigned int index;
	enum pt_kind kind;  /* a first stage's leaf whose rights fail is a leaf still */
};

/* Two pieces; in each, five levels whose entries each take a second stage of five, and the last. */
#define PT_ACCESS_MAX_STEPS (2 * (PT_MAX_LEVELS * (PT_MAX_LEVELS + 1) + PT_MAX_LEVELS))

/**
 * pt_access_trace() - As pt_access_probe(), and list every table word it reads.
 * @nr: Receives how many steps were written.
 */
PT_API PT_MUST_CHECK int pt_access_trace(const struct pt_mmu *mmu, pt_va_t va,
					 const struct pt_access *access,
					 struct pt_access_result *result,
					 struct pt_access_step steps[PT_ACCESS_MAX_STEPS],
					 unsigned int *nr);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_MMU_H */
