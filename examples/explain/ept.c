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

static const char *why_misconfigured(const struct explain_walk *walk, uint64_t raw)
{
	if (raw & EPT_W && !(raw & EPT_R))
		return "W=1 and R=0";
	if (!(raw & EPT_R) && !(walk->cfg.features & PT_FEAT_EXEC_ONLY))
		return "X=1 and R=0";
	if (type_of(raw) == 2 || type_of(raw) == 3 || type_of(raw) == 7)
		return "a reserved memory type";
	return "reserved bits";
}

static const char *blame(const struct explain_walk *walk, const struct pt_access_step *step)
{
	const char *says;
	uint64_t bit = ruling_bit(walk, &says);

	if (bit)
		return step->raw & bit ? NULL : says;
	if (step != explain_last(walk))
		return NULL;
	return walk->fault->why == PT_WHY_RESERVED ? why_misconfigured(walk, step->raw)
						   : "no right at all";
}

static uint64_t repaired(const struct explain_walk *walk, const struct pt_access_step *step)
{
	const char *says;

	return step->raw | ruling_bit(walk, &says);
}

/* Of accesses that did not happen only the last entry is known, and it need not be to blame. */
static void say_cause(FILE *out, const struct explain_walk *walk)
{
	const char *says;
	uint64_t bit = ruling_bit(walk, &says);
	unsigned int i = 0;

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
		[PT_WHY_RESERVED] = "a present entry whose rights or type no access can have ends "
				    "every one of them",
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
		fputs("an entry that hardware knows", out);
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
