/* SPDX-License-Identifier: MIT */
/*
 * Fields of the virtual machine control block that the guest uses.
 * Source: AMD64 APM Vol. 2, Appendix B "VMCB Layout", Appendix C "SVM Intercept Exit
 * Codes", 15.25.6 "Nested Table Walk" (EXITINFO1) (rev. 3.40).
 */
#ifndef VMCB_H
#define VMCB_H

#include <stdint.h>

struct vmcb_segment {
	uint16_t selector;
	uint16_t attributes;
	uint32_t limit;
	uint64_t base;
};

struct vmcb {
	/* 0x000 */
	uint32_t intercept[5]; /* CRs, DRs, exceptions, and two of instructions */
	uint8_t reserved_014[0x2c];
	uint64_t iopm_pa; /* 0x040 */
	uint64_t msrpm_pa;
	uint64_t tsc_offset;
	uint32_t asid; /* 0x058 */
	uint8_t tlb_control;
	uint8_t reserved_05d[0x13];
	uint64_t exit_code; /* 0x070 */
	uint64_t exit_info1;
	uint64_t exit_info2;
	uint64_t exit_int_info;
	uint64_t nested_enable; /* 0x090 */
	uint8_t reserved_098[0x10];
	uint64_t event_injection; /* 0x0a8 */
	uint64_t nested_cr3;
	uint8_t reserved_0b8[0x348];
	/* 0x400 */
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved_4a0[0x2b];
	uint8_t cpl; /* 0x4cb */
	uint32_t reserved_4cc;
	uint64_t efer; /* 0x4d0 */
	uint8_t reserved_4d8[0x70];
	uint64_t cr4; /* 0x548 */
	uint64_t cr3;
	uint64_t cr0;
	uint64_t dr7;
	uint64_t dr6;
	uint64_t rflags; /* 0x570 */
	uint64_t rip;
	uint8_t reserved_580[0x58];
	uint64_t rsp; /* 0x5d8 */
	uint8_t reserved_5e0[0x18];
	uint64_t rax; /* 0x5f8 */
	uint8_t reserved_600[0x40];
	uint64_t cr2; /* 0x640 */
	uint8_t reserved_648[0x20];
	uint64_t pat; /* 0x668 */
	uint8_t reserved_670[0x990];
};

_Static_assert(sizeof(struct vmcb) == 4096, "a page");
_Static_assert(__builtin_offsetof(struct vmcb, exit_code) == 0x070, "layout");
_Static_assert(__builtin_offsetof(struct vmcb, event_injection) == 0x0a8, "layout");
_Static_assert(__builtin_offsetof(struct vmcb, es) == 0x400, "layout");
_Static_assert(__builtin_offsetof(struct vmcb, cpl) == 0x4cb, "layout");
_Static_assert(__builtin_offsetof(struct vmcb, cr4) == 0x548, "layout");
_Static_assert(__builtin_offsetof(struct vmcb, rsp) == 0x5d8, "layout");
_Static_assert(__builtin_offsetof(struct vmcb, pat) == 0x668, "layout");

#define EXIT_EXCEPTION(vector) (0x40u + (vector))
#define EXIT_VMMCALL 0x81u
#define EXIT_NPF 0x400u

/* exit_info1 of EXIT_NPF: the fault hit the final address, not a table of the guest. */
#define NPF_FINAL (1ull << 32)

#endif
