/* SPDX-License-Identifier: MIT */
/* The TLBI operations of arm64 as flush.h has them. */
#include "arm64/flush_arm64.h"

int pt_arm64_tlbi(struct pt_tlb_flush *flush, enum pt_arm64_tlbi op, uint16_t vmid, uint64_t xt,
		  unsigned int flags)
{
	struct pt_tlb_flush wanted;

	if ((unsigned int)op >= PT_TLBI_NR || flags & ~(PT_TLBI_NO_TTL | PT_TLBI_LPA2) ||
	    !arm64_tlbi(&wanted, op, vmid, xt, flags))
		return -EINVAL;
	*flush = wanted;
	return 0;
}

const char *pt_arm64_tlbi_name(enum pt_arm64_tlbi op)
{
	return (unsigned int)op < PT_TLBI_NR ? arm64_tlbis[op].name : "unknown";
}
