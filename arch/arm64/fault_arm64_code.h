/* SPDX-License-Identifier: MIT */
/*
 * How an arm64 processor says that an access failed: ESR_ELx and FAR_ELx.
 *
 *   Arm ARM DDI 0487 J.a, D17.2.37 "ESR_EL1": "ISS encoding for an exception from
 *   a Data Abort", "... from an Instruction Abort"; ISS2 from DDI 0487 K.a
 */
#ifndef PTL_FAULT_ARM64_CODE_H
#define PTL_FAULT_ARM64_CODE_H

#include "mmu/mmu_internal.h"

/* DFSC and IFSC of level 0; lower levels count up. */
enum arm64_status {
	ARM64_ADDRESS_SIZE = 0x00,
	ARM64_TRANSLATION = 0x04,
	ARM64_ACCESS_FLAG = 0x08,
	ARM64_PERMISSION = 0x0c,
};

/* What an abort tells. */
struct arm64_fault_report {
	enum arm64_status status;
	unsigned int level;  /* ours */
	bool stage2;         /* taken to EL2 */
	bool in_walk;        /* S1PTW: stage 2, for a table of stage 1 */
	bool read_faults;    /* a read would have faulted too: so it is not the write's fault */
	bool overlay;        /* ISS2.Overlay */
	bool dirty_bit;      /* ISS2.DirtyBit */
};

#define ARM64_ESR_EC_SHIFT 26
#define ARM64_ESR_IL PTL_BIT(25)
#define ARM64_ESR_S1PTW PTL_BIT(7)
#define ARM64_ESR_WNR PTL_BIT(6)
#define ARM64_ESR_DIRTY_BIT PTL_BIT(37)
#define ARM64_ESR_OVERLAY PTL_BIT(38)

/* 0b0xxxLL with LL the Arm level, our 3 its 0; level -1 has codes of its own. */
static inline uint64_t arm64_status_code(enum arm64_status status, unsigned int level)
{
	if (level <= 3)
		return status + (3 - level);
	return status == ARM64_ADDRESS_SIZE ? 0x29 : 0x2b;
}

/* Data aborts 0x24 and 0x25, instruction aborts 0x20 and 0x21: from a lower EL, from the same. */
static inline uint64_t arm64_exception_class(bool fetch, bool same_el)
{
	return (fetch ? 0x20 : 0x24) + (same_el ? 1 : 0);
}

static inline uint64_t arm64_esr(const struct pt_access *how,
				 const struct arm64_fault_report *report)
{
	bool fetch = how->kind == PT_ACCESS_FETCH;
	bool same_el = !report->stage2 && how->priv == 1;
	uint64_t esr = arm64_exception_class(fetch, same_el) << ARM64_ESR_EC_SHIFT | ARM64_ESR_IL;

	esr |= arm64_status_code(report->status, report->level);
	/* WnR: the write's fault; of an atomic only if its read would have passed. */
	if (how->kind == PT_ACCESS_WRITE || (how->kind == PT_ACCESS_RMW && !report->read_faults))
		esr |= ARM64_ESR_WNR;
	esr |= report->in_walk ? ARM64_ESR_S1PTW : 0;
	esr |= report->overlay ? ARM64_ESR_OVERLAY : 0;
	return esr | (report->dirty_bit ? ARM64_ESR_DIRTY_BIT : 0);
}

/* Completes @fault and hands it to the access. */
static inline void arm64_report(struct ptl_access *access, const struct arm64_fault_report *report,
				struct pt_fault *fault)
{
	fault->kind = access->how->kind == PT_ACCESS_FETCH ? PT_FAULT_INSTR_ABORT :
							     PT_FAULT_DATA_ABORT;
	fault->code = arm64_esr(access->how, report);
	*access->fault = *fault;
}

#endif /* PTL_FAULT_ARM64_CODE_H */
