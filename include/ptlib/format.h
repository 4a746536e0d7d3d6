/* SPDX-License-Identifier: MIT */
/*
 * ptlib/format.h - the hardware formats and their run-time configuration.
 *
 * A format is compiled in; what the registers of one machine choose within it
 * (widths, features, memory types) is a struct pt_fmt_cfg.
 */
#ifndef PTLIB_FORMAT_H
#define PTLIB_FORMAT_H

#include <ptlib/attr.h>
#include <ptlib/error.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pt_format {
	PT_FMT_X86_64,            /* 4- and 5-level paging; AMD's nested paging too */
	PT_FMT_ARM64_4K,          /* stage 1, output up to 48 bits */
	PT_FMT_ARM64_4K_LPA2,     /* TCR.DS=1: 52 bits */
	PT_FMT_ARM64_16K,         /* stage 1, output up to 48 bits */
	PT_FMT_ARM64_16K_LPA2,    /* TCR.DS=1: 52 bits */
	PT_FMT_ARM64_64K,         /* with LVA input, with LPA output up to 52 bits */
	PT_FMT_X86_EPT,           /* Intel's second stage, 4 and 5 levels */
	PT_FMT_ARM64_S2_4K,       /* stage 2; input as output: */
	PT_FMT_ARM64_S2_4K_LPA2,  /* VTCR.DS=1 */
	PT_FMT_ARM64_S2_16K,
	PT_FMT_ARM64_S2_16K_LPA2, /* VTCR.DS=1 */
	PT_FMT_ARM64_S2_64K,      /* with LPA up to 52 bits */
	PT_FMT_NR,
};

/* What the machine has or has switched on; each is independent. */
#define PT_FEAT_NX (1u << 0)        /* x86_64: EFER.NXE; without it bit 63 is reserved */
#define PT_FEAT_1G (1u << 1)        /* x86: 1G pages; without them bit 7 of a PDPTE is reserved */
#define PT_FEAT_PKEYS (1u << 2)     /* x86_64: CR4.PKE or PKS; arm64: POIndex (FEAT_S1POE) */
#define PT_FEAT_LPA (1u << 3)       /* arm64 64K: bits 15:12 hold address bits 51:48 */
#define PT_FEAT_HD (1u << 4)        /* arm64: TCR.HD, DBM makes clean entries writable */
#define PT_FEAT_TTST (1u << 5)      /* arm64: small tables, inputs down to 16 bits (64K: 17) */
#define PT_FEAT_NO_HPD (1u << 6)    /* arm64: TCR.HPD=0, table entries limit what is below */
#define PT_FEAT_EXEC_ONLY (1u << 7) /* EPT: X without R is no misconfiguration */
#define PT_FEAT_MBEC (1u << 8)      /* EPT: bit 10 allows the guest's user to execute, X does not */
#define PT_FEAT_AD (1u << 9)        /* EPT: hardware sets A and D; else it ignores them */
#define PT_FEAT_XNX (1u << 10)      /* arm64 stage 2: XN tells EL1 and EL0 apart */
#define PT_FEAT_FWB (1u << 11)      /* arm64 stage 2: HCR.FWB, the other meaning of MemAttr */

/*
 *	           va_bits          pa_bits            features
 *	x86_64     48, 57           32 to 52           NX 1G PKEYS
 *	x86_ept    48, 57           32 to 52           1G EXEC_ONLY MBEC AD
 *	arm64      25 to 48 or 52   32, 36, 40, 42,    LPA HD TTST NO_HPD PKEYS
 *	arm64_s2   25 to 48 or 52   44, 48, or 52      LPA HD TTST XNX FWB
 *
 * arm64_s2: inputs are at most as wide as the machine's physical addresses; 52 bits
 * with LPA2, or 64K and LPA. TTST: from 16, or with 64K 17, bits on.
 *
 * Concatenated tables, arm64_s2 alone: where the top level would resolve 4 bits at
 * most, @levels may leave it out. Then up to 16 tables of the level below, side by
 * side in memory and aligned to their whole size, are the root; see pt_table_ops.
 */
struct pt_fmt_cfg {
	enum pt_format fmt;
	unsigned int va_bits;  /* input width */
	/* x86: MAXPHYADDR; arm64: the width that TCR.IPS or VTCR.PS stands for */
	unsigned int pa_bits;
	unsigned int levels;   /* 0: as many as va_bits needs without concatenated tables */
	bool upper_half;       /* arm64 stage 1: TTBR1's half; x86 has both halves in one table */
	unsigned int bbm;      /* arm64: FEAT_BBM level 0, 1 or 2; else 0 */
	unsigned int features; /* PT_FEAT_* */
	unsigned int share;    /* arm64 LPA2: TCR.SH, since DS=1 takes SH's place; else 0 */
	/*
	 * x86_64: AMD's C-bit, from pa_bits to 51, which is part of no address; 0: none. Tables
	 * have it, leaves by PT_ATTR_ENCRYPTED. APM Vol. 2, 7.10.2, 15.34.
	 */
	unsigned int c_bit;
	uint64_t mem_types;    /* IA32_PAT or MAIR_EL1; second stages: 0 */
};

/**
 * pt_fmt_cfg_init() - The usual configuration of @fmt.
 *
 * x86_64: 48 input bits, MAXPHYADDR 52, NX, 1G pages, keys, the PAT that Linux
 * sets. x86_ept: 48 input bits, MAXPHYADDR 52, 1G pages, execute-only leaves, A and D.
 * arm64: 48 input and output bits (LPA2: 52), lower half, BBM level 0, no hardware
 * dirty state; stage 1: the MAIR that Linux sets; stage 2: XNX, no FWB.
 *
 * Return: 0, or -EINVAL for a format that does not exist.
 */
PT_API PT_MUST_CHECK int pt_fmt_cfg_init(struct pt_fmt_cfg *cfg, enum pt_format fmt);

/* x86_64 control registers, as a CPU holds them. */
struct pt_x86_regs {
	uint64_t cr0, cr3, cr4, efer;
	uint64_t pat;            /* IA32_PAT; 0: its reset value */
	unsigned int maxphyaddr; /* CPUID 80000008H:EAX[7:0]; 0: 52 */
	bool no_1g;              /* CPUID lacks Page1GB */
	/*
	 * CPUID 8000001FH:EBX[5:0] while SME or SEV is on, which ends the addresses; 0: off. By how
	 * much a host's are shorter still, EBX[11:6], is to be taken off maxphyaddr.
	 */
	unsigned int c_bit;
	/* What follows decides about accesses (mmu.h), not about tables. */
	uint64_t rflags;         /* AC */
	uint32_t pkru, pkrs;     /* PKRU and IA32_PKRS: AD at bit 2k, WD at 2k + 1 */
};

/* arm64 EL1&0 registers. */
struct pt_arm64_regs {
	uint64_t ttbr0, ttbr1, tcr, mair;
	uint64_t mmfr0, mmfr1, mmfr2; /* ID_AA64MMFR{0,1,2}_EL1; all 0: everything is there */
	/* What follows decides about accesses (mmu.h), not about tables. */
	uint64_t mmfr3;            /* ID_AA64MMFR3_EL1; counts as one of the three above */
	uint64_t sctlr;            /* M, WXN, SPAN, EPAN */
	bool pan, uao;             /* PSTATE */
	uint64_t tcr2;             /* PIE, E0POE, POE, ... */
	uint64_t pir, pire0;       /* PIR_EL1 and PIRE0_EL1: four bits an index */
	uint64_t por_el0, por_el1; /* four bits an overlay */
};

/* What selects an EPT. */
struct pt_x86_ept_regs {
	uint64_t eptp;           /* the VMCS field */
	uint64_t ept_vpid_cap;   /* IA32_VMX_EPT_VPID_CAP; 0: everything is there */
	bool mbec;               /* secondary execution control 22, mode-based execute control */
	unsigned int maxphyaddr; /* CPUID 80000008H:EAX[7:0]; 0: 52 */
};

/* arm64 EL2 registers, of stage 2 for a guest whose EL1 is AArch64. */
struct pt_arm64_s2_regs {
	uint64_t vtcr, vttbr, hcr;
	uint64_t mmfr0, mmfr1, mmfr2; /* ID_AA64MMFR{0,1,2}_EL1; all 0: everything is there */
};

/**
 * pt_fmt_cfg_x86_64() - What these registers select.
 * @root: Receives the physical address of the top table, from CR3.
 *
 * For the other way, from a table to registers, see regs.h.
 *
 * AMD's nested page tables are the same format: give nCR3 as @regs->cr3, and the host's
 * CR0, CR4, EFER and PAT. Every guest access is a user's there.
 *
 * Return: 0, or -EINVAL if they do not select 4- or 5-level paging, or if CR3 has a
 * reserved bit, with which MOV to CR3 raises #GP: one of 60:MAXPHYADDR, or 63 without
 * CR4.PCIDE. Bits 62:61 may be set, as on a processor with LAM.
 */
PT_API PT_MUST_CHECK int pt_fmt_cfg_x86_64(struct pt_fmt_cfg *cfg, pt_pa_t *root,
					   const struct pt_x86_regs *regs);
/**
 * pt_fmt_cfg_arm64() - What these registers select for one half.
 * @upper: false for TTBR0's half, true for TTBR1's.
 *
 * Return: 0; -ENOENT if TCR.EPD disables walks of that half; -EINVAL for a
 * granule or width that the registers or the ID registers do not allow.
 */
PT_API PT_MUST_CHECK int pt_fmt_cfg_arm64(struct pt_fmt_cfg *cfg, pt_pa_t *root,
					  const struct pt_arm64_regs *regs, bool upper);

/**
 * pt_fmt_cfg_x86_ept() - What this EPTP selects.
 * @root: Receives the physical address of the top table.
 *
 * Return: 0, or -EINVAL for an EPTP with which VM entry fails: a memory type but UC and
 * WB, a walk length but 4 and 5, reserved bits, or what @regs->ept_vpid_cap lacks.
 */
PT_API PT_MUST_CHECK int pt_fmt_cfg_x86_ept(struct pt_fmt_cfg *cfg, pt_pa_t *root,
					    const struct pt_x86_ept_regs *regs);
/**
 * pt_fmt_cfg_arm64_s2() - What these registers select for stage 2.
 * @root: Receives the physical address of the top table, or the first of those side by side.
 *
 * Return: 0; -ENOENT if HCR says that there is no stage 2; -EINVAL for a granule or
 * width that the machine does not have, or a T0SZ that SL0 does not go with: hardware
 * then takes a translation fault at level 0 for every access.
 */
PT_API PT_MUST_CHECK int pt_fmt_cfg_arm64_s2(struct pt_fmt_cfg *cfg, pt_pa_t *root,
					     const struct pt_arm64_s2_regs *regs);

/* What a format is under one configuration; level 0 holds the smallest pages. */
struct pt_format_info {
	const char *name; /* "x86_64", "arm64_4k", ... */
	unsigned int granule_lg2;
	unsigned int nr_levels;
	unsigned int entries_lg2[PT_MAX_LEVELS]; /* entries of a table, the top one may be short */
	unsigned int leaf_lg2[PT_MAX_LEVELS];    /* bytes that one entry covers */
	bool can_leaf[PT_MAX_LEVELS];            /* whether that level holds leaves */
	unsigned int contig_lg2[PT_MAX_LEVELS];  /* entries of a contiguous block; 0: none */
	const char *level_name[PT_MAX_LEVELS];   /* the vendor's: "PTE", "level 3", ... */
	unsigned int root_align_lg2;             /* what a root must be aligned to */
	pt_attr_t attrs;    /* what pt_attr_t bits it can express */
	pt_va_t first, last; /* input range; x86 has the non-canonical gap inside it */
	bool dirty_is_write; /* clean entries forbid stores until hardware marks them dirty */
};

/**
 * pt_format_info() - Describe @cfg.
 * Return: 0, or -EINVAL or -EOPNOTSUPP as pt_pgtable_create() would.
 */
PT_API PT_MUST_CHECK int pt_format_info(const struct pt_fmt_cfg *cfg,
					struct pt_format_info *info);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_FORMAT_H */
