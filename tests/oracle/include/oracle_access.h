/* SPDX-License-Identifier: MIT */
/*
 * Register sets, accesses and results: what a caller hands to orc_run() and gets
 * back.  The bare-metal guests read and write the same structures in shared
 * memory, so they hold no pointers, are naturally aligned and little-endian.
 */
#ifndef ORACLE_ACCESS_H
#define ORACLE_ACCESS_H

#include <stdint.h>

#define ORC_MAXREG 32u /* memory regions */
#define ORC_MAXSET 256u /* register sets in one orc_run() */

/* Index into orc_regset.r[], x86_64. */
enum orc_x86_reg {
	ORC_XR_CR0, /* PE and PG are forced on */
	ORC_XR_CR3,
	ORC_XR_CR4, /* as given; PCIDE is refused by QEMU */
	ORC_XR_EFER, /* LMA, LME and SVME are forced on */
	ORC_XR_PKRU,
	ORC_XR_PKRS,
};

/* Index into orc_regset.r[], arm64.  With el == 2 sctlr, tcr, ttbr and mair are those of EL2. */
enum orc_arm64_reg {
	ORC_AR_SCTLR,
	ORC_AR_TCR,
	ORC_AR_TTBR0,
	ORC_AR_TTBR1,
	ORC_AR_MAIR,
	ORC_AR_HCR, /* or-ed into what the harness needs (VM, RW) */
	ORC_AR_VTCR, /* read only with ORC_VF_S12 */
	ORC_AR_VTTBR, /* read only with ORC_VF_S12 */
	ORC_AR_PAN, /* bit 0: PSTATE.PAN */
	ORC_AR_UAO, /* bit 0: PSTATE.UAO */
};

struct orc_regset {
	uint64_t r[16];
};

enum orc_op {
	ORC_OP_R, /* load */
	ORC_OP_W, /* store */
	ORC_OP_M, /* atomic read-modify-write: LOCK XADD, LDADD */
	ORC_OP_X, /* instruction fetch */
	ORC_OP_AT, /* arm64: AT instruction for a read */
	ORC_OP_ATW, /* arm64: AT instruction for a write */
	ORC_OP_I, /* x86: implicit supervisor read, the descriptor load of VERR */
	ORC_OP_NR
};

/* orc_vec.flags */
#define ORC_VF_TRACE 0x01u /* report the tables that the walk read and the final PA */
#define ORC_VF_AC 0x02u /* x86: EFLAGS.AC set, which overrides SMAP */
#define ORC_VF_UNPRIV 0x04u /* arm64: LDTR and STTR instead of LDR and STR */
#define ORC_VF_S12 0x08u /* arm64: stage 2 of the register set, not the harness's */
#define ORC_VF_NOAT 0x10u /* arm64: no AT after the access, so no pa and no par */
#define ORC_VF_EXECOK 0x20u /* KVM: the fetched bytes may be executed (they are HLT) */

struct orc_vec {
	uint64_t va;
	uint64_t data; /* stored, or added by ORC_OP_M */
	uint8_t op; /* enum orc_op */
	uint8_t size; /* bytes: 1, 2, 4 or 8 */
	uint8_t el; /* x86: CPL, 0 or 3; arm64: EL, 0 to 2 (2 with AT and ATW only) */
	uint8_t flags; /* ORC_VF_* */
	uint32_t regset; /* index into the sets of the run */
	uint64_t reserved;
};

enum orc_status {
	ORC_ST_NONE,
	ORC_ST_OK, /* performed; a fetch would have executed */
	ORC_ST_FAULT, /* the architecture's fault: code, err, addr */
	ORC_ST_NOMEM, /* translated and permitted, but no region holds pa */
	ORC_ST_NOWALK, /* the walk needed a table at pa, which no region holds */
	ORC_ST_ERROR, /* not performed: code says why */
};

/* orc_res.code with ORC_ST_ERROR */
#define ORC_ERR_CANNOT 1u /* this back end has no such access or feature */
#define ORC_ERR_EL2 2u /* only AT and ATW work at el 2 */
#define ORC_ERR_S2ROOT 3u /* the stage-2 root is outside the ident regions */
#define ORC_ERR_EL3 4u /* exception taken to EL3; err holds its syndrome */
#define ORC_ERR_EL2EXC 5u /* unexpected exception at EL2; err holds its syndrome */
#define ORC_ERR_SREGS 6u /* KVM refused the control registers; err holds errno */
#define ORC_ERR_EMULATOR 0xdeadu /* the emulator died or hung and was started again */
/* x86: any other code is the SVM exit code, or the exit reason under KVM;
 * 0xffffffff is VMEXIT_INVALID: VMRUN refused the control registers. */

/* orc_res.flags: which of the optional fields hold something */
#define ORC_RF_PA 1u
#define ORC_RF_PAR 2u
#define ORC_RF_TRACE 4u

#define ORC_MAXTRACE 6u

struct orc_res {
	uint32_t status; /* enum orc_status */
	uint32_t code; /* FAULT: x86 vector; arm64 EL that took it, or stage for AT */
	uint64_t err; /* x86: error code; arm64: ESR, or PAR_EL1.FST for AT */
	uint64_t addr; /* x86: CR2; arm64: FAR */
	uint64_t data; /* loaded value, zero-extended */
	uint64_t pa; /* final PA (ORC_RF_PA); with NOWALK the table entry's address */
	uint64_t aux; /* x86: error code or exit info as delivered; arm64: HPFAR_EL2 */
	uint64_t par; /* arm64: PAR_EL1 of the AT (ORC_RF_PAR) */
	uint64_t pc; /* of the access */
	uint32_t flags; /* ORC_RF_* */
	uint32_t nr_trace;
	uint64_t trace[ORC_MAXTRACE]; /* x86: table entries; arm64: table pages; root first */
};

_Static_assert(sizeof(struct orc_regset) == 128, "shared with the guests");
_Static_assert(sizeof(struct orc_vec) == 32, "shared with the guests");
_Static_assert(sizeof(struct orc_res) == 120, "shared with the guests");

#endif
