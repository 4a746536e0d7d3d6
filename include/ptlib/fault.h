/* SPDX-License-Identifier: MIT */
/*
 * ptlib/fault.h - how simulated hardware reports that an access failed.
 */
#ifndef PTLIB_FAULT_H
#define PTLIB_FAULT_H

#include <ptlib/query.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pt_fault_kind {
	PT_FAULT_NONE,
	PT_FAULT_PF,            /* x86 #PF: code is its error code, va is CR2 */
	PT_FAULT_GP,            /* x86 #GP(0): not canonical */
	PT_FAULT_SS,            /* x86 #SS(0): not canonical, through the stack segment */
	PT_FAULT_EPT_VIOLATION, /* x86 EPT: code is the exit qualification */
	PT_FAULT_EPT_MISCONFIG, /* x86 EPT: code is 0 */
	PT_FAULT_NPF,           /* x86 NPT: code is EXITINFO1, ipa is EXITINFO2 */
	PT_FAULT_DATA_ABORT,    /* arm64: code is ESR_ELx, va is FAR_ELx, ipa see below; no
				 * instruction is known, so ISS.ISV is 0 */
	PT_FAULT_INSTR_ABORT,   /* the same of a fetch */
	PT_FAULT_NO_MEMORY,     /* a table, or for data the piece itself, lies where there is no
				 * memory: pa tells. What a machine does then is its own affair */
};

/* Why, in words that both architectures share. */
enum pt_fault_why {
	PT_WHY_NONE,
	PT_WHY_NOT_CANONICAL,  /* x86: bits above the width differ */
	PT_WHY_VA_WIDTH,       /* arm64: outside both halves, or of a half that selects no size */
	PT_WHY_DISABLED,       /* arm64: TCR.EPD or TCR.E0PD */
	PT_WHY_NOT_PRESENT,    /* entry not present; arm64: invalid */
	PT_WHY_RESERVED,       /* reserved bits or encoding in an entry */
	PT_WHY_ADDRESS_SIZE,   /* output address beyond the width */
	PT_WHY_ACCESS_FLAG,    /* arm64: AF=0, and hardware does not set it */
	PT_WHY_READ,           /* no entry forbids more than this: reads are not allowed */
	PT_WHY_WRITE,          /* ... writes */
	PT_WHY_EXEC,           /* ... fetches */
	PT_WHY_USER,           /* unprivileged access to a privileged page */
	PT_WHY_SMEP,           /* x86: privileged fetch from a user page */
	PT_WHY_SMAP,           /* x86: privileged data access to a user page */
	PT_WHY_PKEY,           /* protection key; arm64: overlay */
	PT_WHY_PAN,            /* arm64: privileged data access to a user page */
	PT_WHY_WXN,            /* arm64: fetch from a writable page; EL0-writable counts at EL1 */
	PT_WHY_OUTSIDE,        /* no memory there */
	PT_WHY_STAGE2_DEVICE,  /* arm64: a first-stage walk read device memory, HCR.PTW */
	PT_WHY_NR,
};

struct pt_fault {
	enum pt_fault_kind kind;
	enum pt_fault_why why;
	unsigned int stage;    /* 1 or 2: whose entry or rule it was */
	unsigned int level;    /* ours, of the entry that decided; where none was read: x86 the top
				* one; arm64 3, which is Arm's level 0, however many there are */
	uint64_t code;         /* as the kind says */
	pt_va_t va;            /* the address that is reported: CR2, FAR */
	/*
	 * Stage 2: the intermediate address that could not be translated, to the byte. Of it
	 * HPFAR_EL2 has the bits from 12 on, at 4; after a permission fault that is not in_walk,
	 * a processor may leave anything there.
	 */
	pt_pa_t ipa;
	pt_pa_t pa;            /* of the entry that decided; NO_MEMORY: what is not there */
	uint64_t raw;          /* that entry, as it was read */
	bool in_walk;          /* stage 2: while reading a table of the first stage */
};

/* x86 #PF error code, Intel SDM Vol. 3A, 4.7 "Page-Fault Exceptions" (rev. 081). */
#define PT_X86_PF_P (1u << 0)    /* 0: not present; 1: rights or reserved bits */
#define PT_X86_PF_W (1u << 1)    /* a write */
#define PT_X86_PF_U (1u << 2)    /* from CPL 3 */
#define PT_X86_PF_RSVD (1u << 3) /* reserved bits */
#define PT_X86_PF_I (1u << 4)    /* a fetch, if SMEP or NXE is on */
#define PT_X86_PF_PK (1u << 5)   /* protection key */

/*
 * EXITINFO1 of #NPF is that error code, of an access that is always a user's, with:
 * AMD APM Vol. 2, 15.25.6 "Nested versus Guest Page Faults" (rev. 3.40).
 */
#define PT_NPF_FINAL (UINT64_C(1) << 32) /* of the address that the guest's tables gave */
#define PT_NPF_WALK (UINT64_C(1) << 33)  /* of a table of the guest's */

/* Exit qualification of EPT violations, SDM Vol. 3C, Table 28-7 (rev. 081). */
#define PT_EPT_READ (UINT64_C(1) << 0)
#define PT_EPT_WRITE (UINT64_C(1) << 1)
#define PT_EPT_FETCH (UINT64_C(1) << 2)
#define PT_EPT_READABLE (UINT64_C(1) << 3)        /* by all entries that were used */
#define PT_EPT_WRITABLE (UINT64_C(1) << 4)
#define PT_EPT_EXECUTABLE (UINT64_C(1) << 5)      /* with mode-based control: by the supervisor */
#define PT_EPT_USER_EXECUTABLE (UINT64_C(1) << 6) /* with mode-based control: by the user */
#define PT_EPT_LINEAR_VALID (UINT64_C(1) << 7)    /* it was for a linear address */
#define PT_EPT_FINAL (UINT64_C(1) << 8)           /* as PT_NPF_FINAL; else of a guest's table */

/** Returns a short static name: "#PF", "EPT violation", "data abort", ... */
PT_API const char *pt_fault_kind_name(enum pt_fault_kind kind);
/** Returns a static phrase: "not present", "SMAP forbids...", ... */
PT_API const char *pt_fault_why_name(enum pt_fault_why why);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_FAULT_H */
