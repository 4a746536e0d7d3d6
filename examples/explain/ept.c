/* SPDX-License-Identifier: MIT */
/*
 * How EPT is told behind a guest whose paging is off: tables, and why one forbids an access.
 * With CR0.PG=0 all addresses are a user's, which decides between X and XU.
 *
 *   Intel SDM Vol. 3C, 29.3.3 "EPT-Induced VM Exits", Table 28-7 "Exit Qualification for EPT
 *   Violations" (rev. 081)
 */
#include "x86.h"

#include <inttypes.h>

#define EPT_R BIT(0)
#define EPT_W BIT(1)
#define EPT_X BIT(2)
#define EPT_XU BIT(10)

static unsigned int type_of(uint64_t raw)
{
	return raw >> 3 & 7;
}

static void say_start(FILE *out, const struct explain_walk *walk)
{
	fprintf(out, "%u-level EPT, EPTP=0x%" PRIx64, walk->cfg.va_bits == 57 ? 5u : 4u,
		walk->r->ept.eptp);
}

static void say_code(FILE *out, const struct explain_walk *walk)
{
	static const char *const bits[] = { "read",	"write",	  "fetch",
					    "readable", "writable",	  "executable",
					    "by users", "linear address", "of what is accessed" };
	const struct pt_fault *fault = walk->fault;
	const char *between = ": ";

	fputs(pt_fault_kind_name(fault->kind), out);
	if (fault->kind == PT_FAULT_EPT_VIOLATION) {
		fprintf(out, ", exit qualification 0x%" PRIx64, fault->code);
		for (unsigned int i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
			if (!(fault->code >> i & 1))
				continue;
			fprintf(out, "%s%s", between, bits[i]);
			between = ", ";
		}
	}
	fprintf(out, "; guest-physical address 0x%" PRIx64, fault->ipa);
}

/* The bit that has to be set in every entry, and how it is called when it is not. */
static uint64_t ruling_bit(const struct explain_walk *walk, const char **says)
{
	switch (walk->fault->why) {
	case PT_WHY_READ:
		*says = "R=0";
		return EPT_R;
	case PT_WHY_WRITE:
		*says = "W=0";
		return EPT_W;
	case PT_WHY_EXEC:
		*says = walk->r->ept.mbec ? "XU=0" : "X=0";
		return walk->r->ept.mbec ? EPT_XU : EPT_X;
	default:
		*says = NULL;
		return 0;
	}
}

static bool is_leaf(const struct explain_walk *walk, const struct pt_access_step *step)
{
	bool can_be_large =
		step->level == 1 || (step->level == 2 && walk->cfg.features & PT_FEAT_1G);

	return !step->level || (can_be_large && step->raw & PS);
}

/* Bits of a present @step that no entry like it may have. */
static uint64_t reserved_bits(const struct explain_walk *walk, const struct pt_access_step *step)
{
	uint64_t bits = walk->cfg.pa_bits < 52 ? BITS(51, walk->cfg.pa_bits) : 0;

	if (!is_leaf(walk, step))
		bits |= BITS(7, 3);
	else if (step->level)
		bits |= BITS(step->level == 1 ? 20 : 29, 12);
	return step->raw & bits;
}

static bool has_reserved_type(const struct explain_walk *walk, const struct pt_access_step *step)
{
	unsigned int type = type_of(step->raw);

	return is_leaf(walk, step) && (type == 2 || type == 3 || type == 7);
}

static const char *why_misconfigured(const struct explain_walk *walk,
				     const struct pt_access_step *step)
{
	if (step->raw & EPT_W && !(step->raw & EPT_R))
		return "W=1 and R=0";
	if (!(step->raw & EPT_R) && !(walk->cfg.features & PT_FEAT_EXEC_ONLY))
		return "X=1 and R=0";
	return has_reserved_type(walk, step) ? "a reserved memory type" : "set";
}

static const char *blame(const struct explain_walk *walk, const struct pt_access_step *step)
{
	const char *says;
	uint64_t bit = ruling_bit(walk, &says);

	if (bit)
		return step->raw & bit ? NULL : says;
	if (step != explain_last(walk))
		return NULL;
	return walk->fault->why == PT_WHY_RESERVED ? why_misconfigured(walk, step)
						   : "no right at all";
}

static uint64_t repaired(const struct explain_walk *walk, const struct pt_access_step *step)
{
	const char *says;

	if (walk->fault->why != PT_WHY_RESERVED)
		return step->raw | ruling_bit(walk, &says);
	return (step->raw & ~reserved_bits(walk, step)) | EPT_R;
}

/* Each followed by a comma: what says where they are set comes behind. */
static void say_reserved(FILE *out, const struct explain_walk *walk)
{
	const struct pt_access_step *step = explain_last(walk);
	uint64_t bits = reserved_bits(walk, step);

	if (bits & BITS(51, 32))
		fprintf(out, "address bits beyond MAXPHYADDR=%u, ", walk->cfg.pa_bits);
	if (bits & BITS(29, 12))
		fputs("address bits below the size of the page, ", out);
	if (bits & PS)
		fputs("bit 7, where no page is possible, ", out);
	if (bits & BITS(6, 3))
		fputs("bits of 6:3, which are a page's memory type and not a table's, ", out);
}

/* Of accesses that did not happen only the last entry is known, and it need not be to blame. */
static void say_cause(FILE *out, const struct explain_walk *walk)
{
	const char *says;
	uint64_t bit = ruling_bit(walk, &says);
	unsigned int i = 0;

	if (walk->fault->why == PT_WHY_RESERVED) {
		say_reserved(out, walk);
		return;
	}
	while (i < walk->nr && walk->steps[i].raw & bit)
		i++;
	if (bit && i == walk->nr)
		fprintf(out, "%s in an entry above the last", says);
}

static void say_rule(FILE *out, const struct explain_walk *walk)
{
	static const char *const rule[PT_WHY_NR] = {
		[PT_WHY_NOT_PRESENT] =
			"an entry without R, W and X, or XU where that counts, is not "
			"present",
		[PT_WHY_RESERVED] = "a present entry with a reserved bit, or with rights or a type "
				    "that none can have, ends every access",
		[PT_WHY_READ] = "reads need R=1 in every entry, whatever the guest's tables allow",
		[PT_WHY_WRITE] =
			"writes need W=1 in every entry, whatever the guest's tables allow",
		[PT_WHY_EXEC] =
			"fetches need X=1 in every entry; with mode-based execute control a "
			"user's XU=1",
	};
	const char *text = rule[walk->fault->why];

	fputs(text ? text : pt_fault_why_name(walk->fault->why), out);
}

static void say_change(FILE *out, const struct explain_walk *walk)
{
	char size[8];
	unsigned int leaf_lg2;

	if (walk->fault->why == PT_WHY_RESERVED) {
		fputs(has_reserved_type(walk, explain_last(walk))
			      ? "a memory type in bits 5:3 of 0 UC, 1 WC, 4 WT, 5 WP or 6 WB"
			      : "or another entry that hardware knows",
		      out);
	} else if (walk->fault->why == PT_WHY_NOT_PRESENT && walk->nr) {
		leaf_lg2 = walk->info.leaf_lg2[walk->fault->level];
		fprintf(out, "a present entry there, which covers %s from 0x%" PRIx64 " on",
			explain_size(leaf_lg2, size), walk->va >> leaf_lg2 << leaf_lg2);
	} else {
		fputs("and INVEPT, as the old rights may be cached", out);
	}
}

const struct explain_words explain_ept_words = {
	.stage = "", /* which the names of levels say */
	.entry_noun = "",
	.start = say_start,
	.entry = explain_say_fields,
	.target = explain_x86_target,
};

const struct explain_reasons explain_ept_reasons = {
	.code = say_code,
	.blame = blame,
	.repaired = repaired,
	.cause = say_cause,
	.rule = say_rule,
	.change = say_change,
};
