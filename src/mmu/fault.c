/* SPDX-License-Identifier: MIT */
/* Faults in words. */
#include <ptlib/fault.h>

static const char *const kind_name[] = {
	[PT_FAULT_NONE] = "no fault",
	[PT_FAULT_PF] = "#PF",
	[PT_FAULT_GP] = "#GP",
	[PT_FAULT_SS] = "#SS",
	[PT_FAULT_EPT_VIOLATION] = "EPT violation",
	[PT_FAULT_EPT_MISCONFIG] = "EPT misconfiguration",
	[PT_FAULT_NPF] = "#NPF",
	[PT_FAULT_DATA_ABORT] = "data abort",
	[PT_FAULT_INSTR_ABORT] = "instruction abort",
	[PT_FAULT_NO_MEMORY] = "no memory",
};

static const char *const why_name[PT_WHY_NR] = {
	[PT_WHY_NONE] = "no reason",
	[PT_WHY_NOT_CANONICAL] = "the address is not canonical",
	[PT_WHY_VA_WIDTH] = "the address is outside the range that the registers select",
	[PT_WHY_DISABLED] = "walks for this address or privilege are disabled",
	[PT_WHY_NOT_PRESENT] = "the entry is not present",
	[PT_WHY_RESERVED] = "the entry has a reserved bit or encoding",
	[PT_WHY_ADDRESS_SIZE] = "the output address is wider than allowed",
	[PT_WHY_ACCESS_FLAG] = "the access flag is clear, and hardware does not set it",
	[PT_WHY_READ] = "reads are not allowed",
	[PT_WHY_WRITE] = "writes are not allowed",
	[PT_WHY_EXEC] = "execution is not allowed",
	[PT_WHY_USER] = "the page is for privileged accesses only",
	[PT_WHY_SMEP] = "SMEP forbids privileged execution of a user page",
	[PT_WHY_SMAP] = "SMAP forbids privileged data accesses to a user page",
	[PT_WHY_PKEY] = "the protection key or overlay forbids it",
	[PT_WHY_PAN] = "PAN forbids privileged data accesses to a user page",
	[PT_WHY_WXN] = "what is writable must not be executed",
	[PT_WHY_OUTSIDE] = "there is no memory at that address",
	[PT_WHY_STAGE2_DEVICE] = "a table of the first stage lies in device memory",
};

const char *pt_fault_kind_name(enum pt_fault_kind kind)
{
	return (unsigned int)kind < sizeof(kind_name) / sizeof(kind_name[0]) ? kind_name[kind]
									     : "unknown";
}

const char *pt_fault_why_name(enum pt_fault_why why)
{
	return (unsigned int)why < PT_WHY_NR ? why_name[why] : "unknown";
}
