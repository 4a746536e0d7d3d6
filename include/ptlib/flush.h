/* SPDX-License-Identifier: MIT */
/*
 * ptlib/flush.h - what each flush operation of an architecture removes.
 *
 * An operation with its operands becomes a struct pt_tlb_flush: what hardware must
 * have removed from the TLB of one CPU when it completes. It may always remove more.
 * Who else is reached (IS, OS, INVLPGB), and when it completes (DSB, TLBSYNC), is the
 * machine's to do. All functions are pure.
 */
#ifndef PTLIB_FLUSH_H
#define PTLIB_FLUSH_H

#include <ptlib/error.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a TLB holds. */
enum pt_tlb_type {
	PT_TLB_LEAF,   /* a page of one ASID; of stage 1, or both stages combined */
	PT_TLB_GLOBAL, /* a page of all ASIDs of a VMID */
	PT_TLB_TABLE,  /* where the next table is, of one ASID: walk caches */
	PT_TLB_IPA,    /* a page of stage 2 alone, of a VMID */
	PT_TLB_NR_TYPES,
};

/* Sets of them. */
#define PT_FLUSH_LEAF (1u << PT_TLB_LEAF)
#define PT_FLUSH_GLOBAL (1u << PT_TLB_GLOBAL)
#define PT_FLUSH_TABLE (1u << PT_TLB_TABLE)
#define PT_FLUSH_IPA (1u << PT_TLB_IPA)

/*
 * The addresses are first, first + 2^step_lg2, ..., none above last. An entry translates
 * one of them if its page does: that of the leaf of stage 1, even if the entry holds only
 * a piece of it.
 */
struct pt_tlb_flush {
	uint8_t all;             /* PT_FLUSH_*: goes whatever it translates */
	uint8_t range;           /* PT_FLUSH_*: goes if it translates one of the addresses */
	bool any_asid, any_vmid; /* else only @asid (LEAF, TABLE), only @vmid */
	bool but_host;           /* any VMID but 0 */
	uint16_t asid, vmid;
	unsigned int step_lg2;
	uint64_t first, last;
	uint64_t leaf_sizes;     /* bit n: only leaves of 2^n bytes by themselves; 0: any */
	uint64_t table_sizes;    /* the same of tables, by what they cover; both of @range alone */
};

/* What a processor's registers say; PCID is 0 without CR4.PCIDE. */
struct pt_x86_context {
	uint16_t vpid; /* or AMD's ASID; 0: the host */
	uint16_t pcid;
};

/** INVLPG @va. */
PT_API void pt_x86_invlpg(struct pt_tlb_flush *flush, struct pt_x86_context now, pt_va_t va);

enum pt_invpcid {
	PT_INVPCID_ADDRESS,
	PT_INVPCID_CONTEXT,
	PT_INVPCID_ALL_GLOBALS_TOO,
	PT_INVPCID_ALL,
};

/**
 * pt_x86_invpcid() - INVPCID of @type with the descriptor @pcid, @va.
 *
 * Return: 0, or -EINVAL for a type above 3 or a PCID above 4095, at which the processor raises
 * #GP; that it also does so for an address that is not canonical, and for a PCID while CR4.PCIDE
 * is clear, takes registers that this does not see.
 */
PT_API PT_MUST_CHECK int pt_x86_invpcid(struct pt_tlb_flush *flush, struct pt_x86_context now,
					unsigned int type, uint64_t pcid, pt_va_t va);

/**
 * pt_x86_mov_cr3() - MOV @cr3 to CR3; bit 63 as the instruction has it.
 *
 * @now.pcid does not matter.
 */
PT_API void pt_x86_mov_cr3(struct pt_tlb_flush *flush, struct pt_x86_context now, uint64_t cr4,
			   uint64_t cr3);
/** MOV to CR4 that changes @old into @cr4. */
PT_API void pt_x86_mov_cr4(struct pt_tlb_flush *flush, struct pt_x86_context now, uint64_t old,
			   uint64_t cr4);
/** MOV to CR0 that changes @old into @cr0. */
PT_API void pt_x86_mov_cr0(struct pt_tlb_flush *flush, struct pt_x86_context now, uint64_t old,
			   uint64_t cr0);
/** A page fault at @va. */
PT_API void pt_x86_page_fault(struct pt_tlb_flush *flush, struct pt_x86_context now, pt_va_t va);
/**
 * pt_x86_ept_violation() - An EPT violation of what @va led to, not of a table on its way: of its
 * combined entries; what is kept of the EPT alone has another address.
 */
PT_API void pt_x86_ept_violation(struct pt_tlb_flush *flush, struct pt_x86_context now, pt_va_t va);

enum pt_invept {
	PT_INVEPT_CONTEXT = 1, /* of one EPTP */
	PT_INVEPT_ALL,
};

/**
 * pt_x86_invept() - INVEPT of @type.
 * @vpid: Whose EPTP it is: a TLB here tells EPTs apart by VPID. CONTEXT alone.
 *
 * What the host has is no EPT's, and stays.
 *
 * Return: 0; -EINVAL where the instruction fails: a type that does not exist.
 */
PT_API PT_MUST_CHECK int pt_x86_invept(struct pt_tlb_flush *flush, unsigned int type,
				       uint16_t vpid);

enum pt_invvpid {
	PT_INVVPID_ADDRESS,
	PT_INVVPID_CONTEXT,
	PT_INVVPID_ALL, /* but the host's, which is VPID 0 */
	PT_INVVPID_CONTEXT_BUT_GLOBALS,
};

/**
 * pt_x86_invvpid() - INVVPID of @type with the descriptor @vpid, @va: what linear addresses
 * lead to, whether an EPT was behind it or not; what is kept of the EPT alone stays.
 *
 * Return: 0; -EINVAL where the instruction fails: a type that does not exist, VPID 0 with
 * another type than ALL, an address that is not canonical.
 */
PT_API PT_MUST_CHECK int pt_x86_invvpid(struct pt_tlb_flush *flush, unsigned int type,
					uint16_t vpid, pt_va_t va);

/**
 * pt_x86_invlpgb() - AMD's INVLPGB, on each of the CPUs that it reaches.
 * @max_count: CPUID 80000008H:EDX[15:0], pages beyond the first.
 *
 * Return: 0; -EINVAL where the processor raises #GP: reserved bits, a count above
 * @max_count; -EOPNOTSUPP for nested translations (RAX bit 5).
 */
PT_API PT_MUST_CHECK int pt_x86_invlpgb(struct pt_tlb_flush *flush, uint64_t rax, uint32_t ecx,
					uint32_t edx, unsigned int max_count);

/*
 * TLBI operations of the EL1&0 regime; the suffixes IS, OS and nXS change who and when,
 * not what. L: only the last level. R: a range.
 */
enum pt_arm64_tlbi {
	PT_TLBI_VMALLE1,
	PT_TLBI_VMALLS12E1,
	PT_TLBI_ALLE1,
	PT_TLBI_ASIDE1,
	PT_TLBI_VAE1,
	PT_TLBI_VALE1,
	PT_TLBI_VAAE1,
	PT_TLBI_VAALE1,
	PT_TLBI_RVAE1,
	PT_TLBI_RVALE1,
	PT_TLBI_RVAAE1,
	PT_TLBI_RVAALE1,
	PT_TLBI_IPAS2E1,
	PT_TLBI_IPAS2LE1,
	PT_TLBI_RIPAS2E1,
	PT_TLBI_RIPAS2LE1,
	PT_TLBI_NR,
};

#define PT_TLBI_NO_TTL (1u << 0) /* no FEAT_TTL: bits 47:44 say nothing */
#define PT_TLBI_LPA2 (1u << 1)   /* TCR.DS or VTCR.DS: a range starts in units of 64K */

/**
 * pt_arm64_tlbi() - TLBI @op, <@xt>, executed with @vmid current.
 * @xt:    As the register holds it: ASID 63:48, TTL 47:44, VA 55:12 at 43:0; for a range
 *         TG 47:46, SCALE 45:44, NUM 43:39, TTL 38:37, BaseADDR 36:0.
 * @flags: PT_TLBI_*.
 *
 * A page of other size or granule than a hint says need not be removed, nor a table where the hint
 * has a leaf, nor anything by a range with a hint whose leaves its start is not aligned to.
 *
 * Return: 0; -EINVAL for an @op or @flags that do not exist, or a range whose TG is reserved.
 */
PT_API PT_MUST_CHECK int pt_arm64_tlbi(struct pt_tlb_flush *flush, enum pt_arm64_tlbi op,
				       uint16_t vmid, uint64_t xt, unsigned int flags);

/** Returns "VMALLE1", ... */
PT_API const char *pt_arm64_tlbi_name(enum pt_arm64_tlbi op);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_FLUSH_H */
