/* SPDX-License-Identifier: MIT */
/*
 * Why arm64 forbids an access, and what would have to change.
 *
 *   Arm ARM DDI 0487 J.a, D8.4 "Memory access control", D8.5 "Hardware updates to the
 *   translation tables", D17.2.37 "ESR_EL1"
 */
#include "arm64.h"

#include <inttypes.h>

static void say_status(FILE *out, unsigned int status)
{
	static const char *const name[4] = { "address size fault", "translation fault",
					     "access flag fault", "permission fault" };

	if (status == 0x29 || status == 0x2b)
		fprintf(out, "%s, level -1", name[status == 0x2b]);
	else if (status < 16)
		fprintf(out, "%s, level %u", name[status >> 2], status & 3);
	else
		fputs("?", out);
}

void explain_arm64_say_code(FILE *out, const struct explain_walk *walk)
{
	const struct pt_fault *fault = walk->fault;
	unsigned int ec = fault->code >> 26 & 0x3f, status = fault->code & 0x3f;
	unsigned int el = fault->stage; /* the stage is the one whose faults are its own */

	if (walk->c->ask) {
		fprintf(out, "none taken: PAR_EL1.F=1, FST=0x%x ", status);
		say_status(out, status);
		if (el == 2)
			fprintf(out, ", S=1: of stage 2, PTW=%u", fault->in_walk);
		return;
	}
	fprintf(out, "%s, ESR_EL%u=0x%" PRIx64 ": EC=0x%x from %s EL, %s=0x%x ",
		pt_fault_kind_name(fault->kind), el, fault->code, ec,
		ec & 1 ? "the same" : "a lower", ec < 0x24 ? "IFSC" : "DFSC", status);
	say_status(out, status);
	if (ec >= 0x24)
		fprintf(out, ", WnR=%u", (unsigned int)(fault->code >> 6 & 1));
	if (el == 2)
		fprintf(out, ", S1PTW=%u", fault->in_walk);
	fprintf(out, "; FAR_EL%u=0x%" PRIx64, el, fault->va);
	if (el == 2)
		fprintf(out, ", HPFAR_EL2=0x%" PRIx64, fault->ipa >> 12 << 4);
}

/* ---- which bits are to blame ---- */

/* The bit of a leaf and of tables that a rule looks at; of a leaf, if it is 0 or 1. */
struct ruling {
	uint64_t leaf, table;
	bool when_set;
	const char *leaf_says, *table_says;
};

static struct ruling ruling_bits(const struct explain_walk *walk)
{
	switch (walk->fault->why) {
	case PT_WHY_ACCESS_FLAG:
		return (struct ruling){ AF, 0, false, "AF=0", NULL };
	case PT_WHY_USER:
		return (struct ruling){ AP_USER, TABLE_NO_USER, false, "AP[1]=0", "APTable[0]=1" };
	case PT_WHY_WRITE:
		return (struct ruling){ AP_RO, TABLE_RO, true, "AP[2]=1", "APTable[1]=1" };
	case PT_WHY_EXEC:
		if (walk->user)
			return (struct ruling){ UXN, TABLE_UXN, true, "UXN=1", "UXNTable=1" };
		return (struct ruling){ PXN, TABLE_PXN, true, "PXN=1", "PXNTable=1" };
	case PT_WHY_PAN:
		return (struct ruling){ AP_USER, 0, true, "AP[1]=1", NULL };
	case PT_WHY_WXN:
		return (struct ruling){ AP_RO, 0, false, "AP[2]=0", NULL };
	default:
		return (struct ruling){ 0, 0, false, NULL, NULL };
	}
}

/* Marked clean, but hardware would make it writable. */
static bool is_clean(const struct explain_walk *walk, uint64_t leaf)
{
	return walk->cfg.features & PT_FEAT_HD && leaf & DBM && leaf & AP_RO;
}

static const char *blame(const struct explain_walk *walk, const struct pt_access_step *step)
{
	struct ruling ruling = ruling_bits(walk);

	switch (step->kind) {
	case PT_KIND_TABLE:
		return step->raw & ruling.table && !ignores_tables(walk) ? ruling.table_says : NULL;
	case PT_KIND_LEAF:
		if (is_clean(walk, step->raw) && ruling.leaf == AP_RO)
			return walk->fault->why == PT_WHY_WXN ? "DBM=1" : NULL;
		return !(step->raw & ruling.leaf) != ruling.when_set ? ruling.leaf_says : NULL;
	case PT_KIND_ILLEGAL:
		if (walk->fault->why == PT_WHY_ADDRESS_SIZE)
			return "an address too wide";
		return step->raw & 2 ? "bits [1:0]=11" : "bits [1:0]=01";
	default:
		return "bit 0=0";
	}
}

static uint64_t repaired(const struct explain_walk *walk, const struct pt_access_step *step)
{
	struct ruling ruling = ruling_bits(walk);

	if (step->kind == PT_KIND_TABLE)
		return step->raw & ~ruling.table;
	if (is_clean(walk, step->raw) && ruling.leaf == AP_RO)
		return step->raw & ~DBM;
	return step->kind == PT_KIND_LEAF ? step->raw ^ ruling.leaf : step->raw;
}

/* Where no table was read: what is wrong with the address or with its half. */
static void say_width(FILE *out, const struct explain_walk *walk)
{
	unsigned int upper = is_upper(walk);

	if (!walk->has_info)
		fprintf(out, "TCR_EL1.T%uSZ, TG%u and DS select no size of address that exists",
			upper, upper);
	else
		fprintf(out, "bits 63:%u of the address are not all %u, as bit 55 is",
			walk->cfg.va_bits, upper);
}

static void say_disabled(FILE *out, const struct explain_walk *walk)
{
	unsigned int upper = is_upper(walk);

	if (walk->r->arm64.tcr >> (upper ? 23 : 7) & 1)
		fprintf(out, "TCR_EL1.EPD%u=1", upper);
	else
		fprintf(out, "TCR_EL1.E0PD%u=1", upper);
}

static void say_cause(FILE *out, const struct explain_walk *walk)
{
	switch (walk->fault->why) {
	case PT_WHY_VA_WIDTH:
		say_width(out, walk);
		return;
	case PT_WHY_DISABLED:
		say_disabled(out, walk);
		return;
	case PT_WHY_ADDRESS_SIZE:
		if (!walk->has_info)
			fputs("an address wider than physical addresses are", out);
		else if (!walk->nr)
			fprintf(out, "an address of more than %u bits in TTBR%u_EL1",
				walk->cfg.pa_bits, is_upper(walk));
		return;
	case PT_WHY_ACCESS_FLAG:
		fputs("TCR_EL1.HA=0, and ", out);
		return;
	case PT_WHY_WRITE:
		if (explain_last(walk)->raw & DBM && !(walk->r->arm64.tcr & TCR_HD))
			fputs("TCR_EL1.HD=0, so DBM=1 does not count, and ", out);
		return;
	case PT_WHY_PAN:
		fputs("PSTATE.PAN=1, and ", out);
		return;
	case PT_WHY_WXN:
		fputs(walk->r->arm64.sctlr & SCTLR_WXN ? "SCTLR_EL1.WXN=1, and " : "AP[1]=1 and ",
		      out);
		return;
	default:
		return;
	}
}

static bool by_wxn(const struct explain_walk *walk)
{
	return walk->fault->why == PT_WHY_WXN && walk->r->arm64.sctlr & SCTLR_WXN;
}

static void say_rule(FILE *out, const struct explain_walk *walk)
{
	static const char *const rule[PT_WHY_NR] = {
		[PT_WHY_VA_WIDTH] =
			"above the width of its half an address is all 0 (TTBR0) or all 1 (TTBR1)",
		[PT_WHY_DISABLED] =
			"a half without walks faults as if its first entry were invalid",
		[PT_WHY_NOT_PRESENT] =
			"a walk ends at bit 0=0, and hardware ignores the other bits",
		[PT_WHY_RESERVED] =
			"01 is a block, which not every level has; at level 3 a page is 11",
		[PT_WHY_ADDRESS_SIZE] =
			"TCR_EL1.IPS and the machine limit every address that a walk yields",
		[PT_WHY_ACCESS_FLAG] =
			"unless hardware sets AF, the first use faults, for software to see it",
		[PT_WHY_USER] = "EL0 data needs AP[1]=1 in the leaf, and APTable[0]=0 above it",
		[PT_WHY_WRITE] = "writes need AP[2]=0 in the leaf, and APTable[1]=0 above it",
		[PT_WHY_EXEC] = "EL0 fetches need UXN=0 in the leaf, and UXNTable=0 above it",
		[PT_WHY_PAN] = "EL1 must not touch data that EL0 can access, but by LDTR and STTR",
		[PT_WHY_WXN] = "what can be written is not executed",
	};
	static const char *const el1_rule[PT_WHY_NR] = {
		[PT_WHY_EXEC] = "EL1 fetches need PXN=0 in the leaf, and PXNTable=0 above it",
		[PT_WHY_WXN] = "what EL0 can write, EL1 does not execute, whatever PXN",
	};
	enum pt_fault_why why = walk->fault->why;
	const char *text = rule[why];

	if (!walk->user && el1_rule[why] && !by_wxn(walk))
		text = el1_rule[why];
	fputs(text ? text : pt_fault_why_name(why), out);
}

static void say_change(FILE *out, const struct explain_walk *walk)
{
	static const char *const change[PT_WHY_NR] = {
		[PT_WHY_DISABLED] = "clear that bit",
		[PT_WHY_RESERVED] = "set bit 1, which makes it a table, or a page at level 3",
		[PT_WHY_ADDRESS_SIZE] = "an address that fits, or a larger TCR_EL1.IPS",
		[PT_WHY_ACCESS_FLAG] = "or set TCR_EL1.HA (bit 39), and hardware does that",
		[PT_WHY_PAN] = "or use LDTR or STTR, or clear PSTATE.PAN for this access",
		[PT_WHY_WXN] = "and TLBI; or take EL0's access away (AP[1])",
	};
	enum pt_fault_why why = walk->fault->why;
	char size[8];

	if (why == PT_WHY_VA_WIDTH && walk->has_info) {
		fprintf(out, "this half is 0x%" PRIx64 " to 0x%" PRIx64, walk->info.first,
			walk->info.last);
	} else if (why == PT_WHY_VA_WIDTH) {
		fprintf(out, "a T%uSZ from 16 to 39 is there on every machine", is_upper(walk));
	} else if (why == PT_WHY_NOT_PRESENT) {
		unsigned int leaf_lg2 = walk->info.leaf_lg2[walk->fault->level];

		fprintf(out,
			"a valid entry there, which covers %s from 0x%" PRIx64
			" on; invalid ones are not "
			"cached",
			explain_size(leaf_lg2, size), walk->fault->va >> leaf_lg2 << leaf_lg2);
	} else if (by_wxn(walk)) {
		fputs("and TLBI; or clear SCTLR_EL1.WXN", out);
	} else {
		fputs(change[why] ? change[why] : "and TLBI, as the old rights may be cached", out);
	}
}

const struct explain_reasons explain_arm64_reasons = {
	.code = explain_arm64_say_code,
	.blame = blame,
	.repaired = repaired,
	.cause = say_cause,
	.rule = say_rule,
	.change = say_change,
};
