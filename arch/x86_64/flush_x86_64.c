/* SPDX-License-Identifier: MIT */
/* The flush operations of x86-64 as flush.h has them: operands checked as the processor does. */
#include "x86_64/flush_x86_64.h"

void pt_x86_invlpg(struct pt_tlb_flush *flush, struct pt_x86_context now, pt_va_t va)
{
	*flush = x86_64_invlpg(now, va);
}

int pt_x86_invpcid(struct pt_tlb_flush *flush, struct pt_x86_context now, unsigned int type,
		   uint64_t pcid, pt_va_t va)
{
	if (pcid & ~X86_64_PCID)
		return -EINVAL;
	switch (type) {
	case PT_INVPCID_ADDRESS:
		*flush = x86_64_invpcid_address(now, (uint16_t)pcid, va);
		return 0;
	case PT_INVPCID_CONTEXT:
		*flush = x86_64_one_pcid(now, (uint16_t)pcid);
		return 0;
	case PT_INVPCID_ALL_GLOBALS_TOO:
		*flush = x86_64_all_pcids(now, true);
		return 0;
	case PT_INVPCID_ALL:
		*flush = x86_64_all_pcids(now, false);
		return 0;
	default:
		return -EINVAL;
	}
}

int pt_x86_invept(struct pt_tlb_flush *flush, unsigned int type, uint16_t vpid)
{
	if (type != PT_INVEPT_CONTEXT && type != PT_INVEPT_ALL)
		return -EINVAL;
	*flush = x86_64_invept(type == PT_INVEPT_ALL, vpid);
	return 0;
}

int pt_x86_invvpid(struct pt_tlb_flush *flush, unsigned int type, uint16_t vpid, pt_va_t va)
{
	bool canonical = va < PTL_BIT(56) || va >= ~(PTL_BIT(56) - 1);

	if (type > PT_INVVPID_CONTEXT_BUT_GLOBALS || (!vpid && type != PT_INVVPID_ALL) ||
	    (type == PT_INVVPID_ADDRESS && !canonical))
		return -EINVAL;
	if (type == PT_INVVPID_ADDRESS)
		*flush = x86_64_invvpid_address(vpid, va);
	else
		*flush = x86_64_all_pcids((struct pt_x86_context){ .vpid = vpid },
					  type != PT_INVVPID_CONTEXT_BUT_GLOBALS);
	/* SDM Vol. 3C, "INVVPID": "all VPIDs except VPID 0000H" */
	flush->any_vmid = flush->but_host = type == PT_INVVPID_ALL;
	if (flush->any_vmid)
		flush->vmid = 0;
	return 0;
}

void pt_x86_mov_cr3(struct pt_tlb_flush *flush, struct pt_x86_context now, uint64_t cr4,
		    uint64_t cr3)
{
	*flush = x86_64_mov_cr3(now, cr4, cr3);
}

void pt_x86_mov_cr4(struct pt_tlb_flush *flush, struct pt_x86_context now, uint64_t old,
		    uint64_t cr4)
{
	*flush = x86_64_mov_cr4(now, old, cr4);
}

void pt_x86_mov_cr0(struct pt_tlb_flush *flush, struct pt_x86_context now, uint64_t old,
		    uint64_t cr0)
{
	*flush = x86_64_mov_cr0(now, old, cr0);
}

void pt_x86_page_fault(struct pt_tlb_flush *flush, struct pt_x86_context now, pt_va_t va)
{
	*flush = x86_64_page_fault(now, va);
}

void pt_x86_ept_violation(struct pt_tlb_flush *flush, struct pt_x86_context now, pt_va_t va)
{
	*flush = x86_64_ept_violation(now, va);
}

int pt_x86_invlpgb(struct pt_tlb_flush *flush, uint64_t rax, uint32_t ecx, uint32_t edx,
		   unsigned int max_count)
{
	if (rax & X86_64_INVLPGB_RESERVED || ecx & PTL_BITS(30, 16) || edx & PTL_BITS(31, 28) ||
	    (ecx & X86_64_INVLPGB_COUNT) > max_count)
		return -EINVAL;
	if (rax & X86_64_INVLPGB_NESTED)
		return -EOPNOTSUPP;
	*flush = x86_64_invlpgb(rax, ecx, edx);
	return 0;
}
