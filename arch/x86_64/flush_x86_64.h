/* SPDX-License-Identifier: MIT */
/*
 * What the flush operations of x86-64 remove.
 *
 *   Intel SDM Vol. 3A (rev. 081), 4.10.4.1 "Operations that Invalidate TLBs and
 *   Paging-Structure Caches", if nothing else is said; 4.10.2.4 "Global Pages";
 *   4.10.3 "Paging-Structure Caches": their entries belong to a PCID, none is global
 *   AMD APM Vol. 3 (rev. 3.36), "INVLPGB"
 *
 * One operation a function. Each says what must be gone afterwards; processors are
 * free to remove more (4.10.4.1 lists examples), and nobody may count on it. Within
 * VMX all of this is of the current VPID: SDM Vol. 3C, 29.4.3.1 "Operations that
 * Invalidate Cached Mappings".
 */
#ifndef PTL_FLUSH_X86_64_H
#define PTL_FLUSH_X86_64_H

#include <ptlib/flush.h>

#include "x86_64/fmt_x86_64_regs.h"

/*
 * "Any TLB entries that are for a page number corresponding to the linear address", of
 * the current PCID, and global ones whatever their PCID; of a large page that stands in
 * the TLB in pieces, all pieces. And *all* entries of the paging-structure caches of
 * the current PCID, whatever their addresses.
 */
static inline struct pt_tlb_flush x86_64_invlpg(struct pt_x86_context now, pt_va_t va)
{
	return (struct pt_tlb_flush){
		.range = PT_FLUSH_LEAF | PT_FLUSH_GLOBAL,
		.all = PT_FLUSH_TABLE,
		.vmid = now.vpid,
		.asid = now.pcid,
		.first = va,
		.last = va,
	};
}

/* Type 0: no globals; of the paging-structure caches what would be used for the address. */
static inline struct pt_tlb_flush x86_64_invpcid_address(struct pt_x86_context now, uint16_t pcid,
							  pt_va_t va)
{
	return (struct pt_tlb_flush){
		.range = PT_FLUSH_LEAF | PT_FLUSH_TABLE,
		.vmid = now.vpid,
		.asid = pcid,
		.first = va,
		.last = va,
	};
}

/* All of one PCID but for global pages: type 1, and MOV to CR3. */
static inline struct pt_tlb_flush x86_64_one_pcid(struct pt_x86_context now, uint16_t pcid)
{
	return (struct pt_tlb_flush){
		.all = PT_FLUSH_LEAF | PT_FLUSH_TABLE,
		.vmid = now.vpid,
		.asid = pcid,
	};
}

/* All PCIDs: type 3, and with global pages type 2. */
static inline struct pt_tlb_flush x86_64_all_pcids(struct pt_x86_context now, bool globals_too)
{
	return (struct pt_tlb_flush){
		.all = PT_FLUSH_LEAF | PT_FLUSH_TABLE | (globals_too ? PT_FLUSH_GLOBAL : 0),
		.vmid = now.vpid,
		.any_asid = true,
	};
}

/*
 * CR4.PCIDE=0: all of PCID 000H but for global pages. PCIDE=1: of the PCID that is
 * loaded; with bit 63 of the operand the instruction "is not required to invalidate".
 */
static inline struct pt_tlb_flush x86_64_mov_cr3(struct pt_x86_context now, uint64_t cr4,
						 uint64_t cr3)
{
	if (!(cr4 & X86_64_CR4_PCIDE))
		return x86_64_one_pcid(now, 0);
	if (cr3 & X86_64_CR3_NO_FLUSH)
		return (struct pt_tlb_flush){ .vmid = now.vpid };
	return x86_64_one_pcid(now, (uint16_t)(cr3 & X86_64_PCID));
}

/*
 * A change of PGE, and PCIDE from 1 to 0: everything. A change of PAE, and SMEP from 0
 * to 1: "all TLB entries ... for the current PCID", which global entries need not be of.
 */
static inline struct pt_tlb_flush x86_64_mov_cr4(struct pt_x86_context now, uint64_t old,
						 uint64_t cr4)
{
	uint64_t changed = old ^ cr4;

	if (changed & X86_64_CR4_PGE || (changed & old & X86_64_CR4_PCIDE))
		return x86_64_all_pcids(now, true);
	if (changed & X86_64_CR4_PAE || (changed & cr4 & X86_64_CR4_SMEP))
		return x86_64_one_pcid(now, now.pcid);
	return (struct pt_tlb_flush){ .vmid = now.vpid };
}

/* PG from 1 to 0: everything. */
static inline struct pt_tlb_flush x86_64_mov_cr0(struct pt_x86_context now, uint64_t old,
						 uint64_t cr0)
{
	if (old & ~cr0 & X86_64_CR0_PG)
		return x86_64_all_pcids(now, true);
	return (struct pt_tlb_flush){ .vmid = now.vpid };
}

/*
 * A page fault takes the TLB entries of its address in the current PCID, and those of the
 * paging-structure caches that would be used for it: not all, as INVLPG does. Whether
 * that includes a global entry the manual leaves open; one that stayed would fault again
 * for ever, and kernels that retry after "spurious" faults rely on its going.
 */
static inline struct pt_tlb_flush x86_64_page_fault(struct pt_x86_context now, pt_va_t va)
{
	struct pt_tlb_flush flush = x86_64_invpcid_address(now, now.pcid, va);

	flush.range |= PT_FLUSH_GLOBAL;
	return flush;
}

/*
 * SDM Vol. 3C, 29.4.3.1: "any combined mappings for that linear address associated with the current
 * PCID, the current VPID"; and it "will not recur" (29.4.3.4), which a global entry would see to.
 */
static inline struct pt_tlb_flush x86_64_ept_violation(struct pt_x86_context now, pt_va_t va)
{
	return x86_64_page_fault(now, va);
}

/*
 * SDM Vol. 3C, "INVEPT" and 29.4.3.1: guest-physical and combined mappings of an EPTP, of
 * all PCIDs, global or not. Those of VPID 0 are linear here: no guest goes without a VPID.
 */
static inline struct pt_tlb_flush x86_64_invept(bool all, uint16_t vpid)
{
	return (struct pt_tlb_flush){
		.all = PT_FLUSH_LEAF | PT_FLUSH_GLOBAL | PT_FLUSH_TABLE | PT_FLUSH_IPA,
		.any_asid = true,
		.any_vmid = all,
		.but_host = all,
		.vmid = all ? 0 : vpid,
	};
}

/* SDM Vol. 3C, "INVVPID", individual-address: linear and combined mappings, of all PCIDs. */
static inline struct pt_tlb_flush x86_64_invvpid_address(uint16_t vpid, pt_va_t va)
{
	return (struct pt_tlb_flush){
		.range = PT_FLUSH_LEAF | PT_FLUSH_GLOBAL | PT_FLUSH_TABLE,
		.any_asid = true,
		.vmid = vpid,
		.first = va,
		.last = va,
	};
}

/* RAX: what is compared, and what is taken. */
#define X86_64_INVLPGB_VA PTL_BIT(0)
#define X86_64_INVLPGB_PCID PTL_BIT(1)
#define X86_64_INVLPGB_ASID PTL_BIT(2)
#define X86_64_INVLPGB_GLOBALS PTL_BIT(3)
#define X86_64_INVLPGB_FINAL PTL_BIT(4) /* not what leads to a page */
#define X86_64_INVLPGB_NESTED PTL_BIT(5)
#define X86_64_INVLPGB_RESERVED PTL_BITS(11, 6)
#define X86_64_INVLPGB_COUNT PTL_BITS(15, 0) /* ECX: pages beyond the first */
#define X86_64_INVLPGB_2M PTL_BIT(31)        /* ECX: the next one is 2M on, not 4K */

/* EDX: ASID 15:0, PCID 27:16. A component that is not valid in RAX is not compared. */
static inline struct pt_tlb_flush x86_64_invlpgb(uint64_t rax, uint32_t ecx, uint32_t edx)
{
	uint8_t types = PT_FLUSH_LEAF | (rax & X86_64_INVLPGB_GLOBALS ? PT_FLUSH_GLOBAL : 0) |
			(rax & X86_64_INVLPGB_FINAL ? 0 : PT_FLUSH_TABLE);
	struct pt_tlb_flush flush = {
		.any_asid = !(rax & X86_64_INVLPGB_PCID),
		.any_vmid = !(rax & X86_64_INVLPGB_ASID),
		.vmid = (uint16_t)edx,
		.asid = edx >> 16 & X86_64_PCID,
	};

	if (!(rax & X86_64_INVLPGB_VA)) {
		flush.all = types;
	} else {
		flush.range = types;
		flush.step_lg2 = ecx & X86_64_INVLPGB_2M ? 21 : 12;
		flush.first = rax & ~PTL_BITS(11, 0);
		flush.last = flush.first + ((ecx & X86_64_INVLPGB_COUNT) << flush.step_lg2);
		if (flush.last < flush.first) /* past the end there is nothing */
			flush.last = UINT64_MAX;
	}
	return flush;
}

#endif /* PTL_FLUSH_X86_64_H */
