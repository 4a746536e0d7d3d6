/* SPDX-License-Identifier: MIT */
/*
 * Why stage 2 of arm64 forbids an access, and what would have to change.
 *
 *   Arm ARM DDI 0487 J.a, D8.4 "Memory access control", D8.5 "Hardware updates to the
 *   translation tables", "HCR_EL2", "VTCR_EL2"
 */
#include "arm64.h"

#include <inttypes.h>

/* Whether the registers or the address already decide, and no entry is read. */
static bool reads_nothing(const struct explain_walk *walk)
{
	return !walk->has_info || walk->va >> walk->cfg.va_bits || walk->root >> walk->cfg.pa_bits;
}

static const char *blame_xn(const struct explain_walk *walk, uint64_t leaf)
{
	static const char *const says[4] = { "XN=00", "XN=01", "XN=10", "XN=11" };

	return walk->cfg.features & PT_FEAT_XNX ? says[leaf >> 53 & 3] : "XN=1";
}

/* Table entries limit nothing: what the last entry says decides. */
static const char *blame(const struct explain_walk *walk, const struct pt_access_step *step)
{
	if (reads_nothing(walk) || step->kind == PT_KIND_TABLE)
		return NULL;
	switch (walk->fault->why) {
	case PT_WHY_NOT_PRESENT:
		return "bit 0=0";
	case PT_WHY_RESERVED:
		return step->raw & 2 ? "bits [1:0]=11" : "bits [1:0]=01";
	case PT_WHY_ADDRESS_SIZE:
		return "an address too wide";
	case PT_WHY_ACCESS_FLAG:
		return "AF=0";
	case PT_WHY_READ:
		return "S2AP[0]=0";
	case PT_WHY_WRITE:
		return "S2AP[1]=0";
	case PT_WHY_EXEC:
		return blame_xn(walk, step->raw);
	case PT_WHY_STAGE2_DEVICE:
		return "Device memory";
	default:
		return NULL;
	}
}

static uint64_t repaired(const struct explain_walk *walk, const struct pt_access_step *step)
{
	switch (walk->fault->why) {
	case PT_WHY_ACCESS_FLAG:
		return step->raw | AF;
	case PT_WHY_READ:
		return step->raw | S2AP_READ;
	case PT_WHY_WRITE:
		return step->raw | S2AP_WRITE;
	case PT_WHY_EXEC:
		return step->raw & ~(walk->cfg.features & PT_FEAT_XNX ? XN0 | XN1 : XN1);
	case PT_WHY_STAGE2_DEVICE: /* Normal write-back */
		return walk->cfg.features & PT_FEAT_FWB ? (step->raw & ~MEMATTR) | 6 << 2
							: step->raw | MEMATTR;
	default:
		return step->raw;
	}
}

static void say_cause(FILE *out, const struct explain_walk *walk)
{
	enum pt_fault_why why = walk->fault->why;

	if (walk->fault->in_walk)
		fprintf(out, "%s the stage 1 entry at IPA 0x%" PRIx64 ": ",
			why == PT_WHY_WRITE ? "marking" : "reading", walk->fault->ipa);
	if (!walk->has_info)
		fputs("VTCR_EL2.T0SZ, SL0, TG0 and DS select no tables that exist", out);
	else if (why == PT_WHY_ADDRESS_SIZE && walk->root >> walk->cfg.pa_bits)
		fprintf(out, "an address of more than %u bits in VTTBR_EL2", walk->cfg.pa_bits);
	else if (reads_nothing(walk))
		fprintf(out, "the intermediate address 0x%" PRIx64 " has more than %u bits",
			walk->va, walk->cfg.va_bits);
	else if (why == PT_WHY_ACCESS_FLAG)
		fputs("VTCR_EL2.HA=0, and ", out);
	else if (why == PT_WHY_WRITE && walk->fault->raw & DBM &&
		 !(walk->r->arm64_s2.vtcr & VTCR_HD))
		fputs("VTCR_EL2.HD=0, so DBM=1 does not count, and ", out);
	else if (why == PT_WHY_STAGE2_DEVICE)
		fputs("HCR_EL2.PTW=1, and ", out);
}

static const char *rule_of(const struct explain_walk *walk)
{
	static const char *const rule[PT_WHY_NR] = {
		[PT_WHY_NOT_PRESENT] =
			"a walk ends at bit 0=0, and hardware ignores the other bits",
		[PT_WHY_RESERVED] =
			"01 is a block, which not every level has; at level 3 a page is 11",
		[PT_WHY_ADDRESS_SIZE] =
			"VTCR_EL2.PS and the machine limit every address that a walk yields",
		[PT_WHY_ACCESS_FLAG] =
			"unless hardware sets AF, the first use faults, for software to see it",
		[PT_WHY_READ] = "reads need S2AP[0]=1, whatever stage 1 allows",
		[PT_WHY_WRITE] = "writes need S2AP[1]=1, whatever stage 1 allows",
		[PT_WHY_EXEC] = "XN=00 lets EL1 and EL0 fetch, 01 only EL0, 10 nobody, 11 only EL1",
		[PT_WHY_STAGE2_DEVICE] = "tables of stage 1 must not be in Device memory",
	};
	enum pt_fault_why why = walk->fault->why;

	if (reads_nothing(walk) && why == PT_WHY_NOT_PRESENT)
		return "where stage 2 has no tables, every access is a translation fault, level 0";
	if (walk->fault->in_walk && why == PT_WHY_READ)
		return "a walk of stage 1 reads its tables through stage 2: S2AP[0]=1";
	if (walk->fault->in_walk && why == PT_WHY_WRITE)
		return "hardware that sets AF or the dirty state writes the entry: S2AP[1]=1";
	if (why == PT_WHY_EXEC && !(walk->cfg.features & PT_FEAT_XNX))
		return "fetches need XN=0";
	return rule[why] ? rule[why] : pt_fault_why_name(why);
}

static void say_rule(FILE *out, const struct explain_walk *walk)
{
	fputs(rule_of(walk), out);
}

static void say_change(FILE *out, const struct explain_walk *walk)
{
	static const char *const change[PT_WHY_NR] = {
		[PT_WHY_RESERVED] = "set bit 1, which makes it a table, or a page at level 3",
		[PT_WHY_ADDRESS_SIZE] = "an address that fits, or a larger VTCR_EL2.PS",
		[PT_WHY_ACCESS_FLAG] = "or set VTCR_EL2.HA (bit 21), and hardware does that",
		[PT_WHY_STAGE2_DEVICE] = "and TLBI IPAS2E1; or clear HCR_EL2.PTW",
	};
	enum pt_fault_why why = walk->fault->why;
	char size[8];

	if (!walk->has_info) {
		fputs("T0SZ=24, SL0=1, TG0=0 and DS=0, 40 bits, are there on most machines", out);
	} else if (why == PT_WHY_NOT_PRESENT && reads_nothing(walk)) {
		fprintf(out, "stage 2 translates 0x%" PRIx64 " to 0x%" PRIx64, walk->info.first,
			walk->info.last);
	} else if (why == PT_WHY_NOT_PRESENT) {
		unsigned int leaf_lg2 = walk->info.leaf_lg2[walk->fault->level];

		fprintf(out,
			"a valid entry there, which covers %s from IPA 0x%" PRIx64
			" on; invalid ones are not cached",
			explain_size(leaf_lg2, size), walk->va >> leaf_lg2 << leaf_lg2);
	} else {
		fputs(change[why] ? change[why]
				  : "and TLBI IPAS2E1, as the old rights may be cached",
		      out);
	}
}

const struct explain_reasons explain_arm64_s2_reasons = {
	.code = explain_arm64_say_code,
	.blame = blame,
	.repaired = repaired,
	.cause = say_cause,
	.rule = say_rule,
	.change = say_change,
};
