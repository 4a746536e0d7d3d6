/* SPDX-License-Identifier: MIT */
/*
 * Why x86_64 forbids an access, and what would have to change.
 *
 *   Intel SDM Vol. 3A, 4.6 "Access Rights", 4.7 "Page-Fault Exceptions" (rev. 081)
 */
#include "x86.h"

#include <inttypes.h>

/* Bits of a present @step that are reserved under these registers. */
static uint64_t reserved_bits(const struct explain_walk *walk, const struct pt_access_step *step)
{
	uint64_t bits = 0;

	if (!(walk->r->x86.efer & EFER_NXE))
		bits |= XD;
	if (walk->cfg.pa_bits < 52)
		bits |= BITS(51, walk->cfg.pa_bits) & ~explain_c_bit(walk);
	if (step->level > 2)
		bits |= PS;
	else if (step->level && step->raw & PS)
		bits |= BITS(step->level == 1 ? 20 : 29, 13);
	return step->raw & bits;
}

/* Section 4.7: what each bit of the error code says. */
static void say_code(FILE *out, const struct explain_walk *walk)
{
	static const char *const set[6] = {
		"P=1 no entry is missing", "W/R=1 a write", "U/S=1 in user mode",
		"RSVD=1 a reserved bit",   "I/D=1 a fetch", "PK=1 a protection key",
	};
	static const char *const clear[3] = { "P=0 an entry is not present", "W/R=0 not a write",
					      "U/S=0 in supervisor mode" };
	const struct pt_fault *fault = walk->fault;

	if (fault->kind != PT_FAULT_PF) {
		fprintf(out, "%s(0)", pt_fault_kind_name(fault->kind));
		return;
	}
	fprintf(out, "#PF, error code 0x%" PRIx64 ": ", fault->code);
	for (unsigned int i = 0; i < 6; i++) {
		if (fault->code >> i & 1)
			fprintf(out, "%s%s", i ? ", " : "", set[i]);
		else if (i < 3)
			fprintf(out, "%s%s", i ? ", " : "", clear[i]);
	}
	fprintf(out, "; CR2=0x%" PRIx64, fault->va);
}

/* The bit of every entry that the rule looks at, and the value of it that forbids. */
static uint64_t ruling_bit(enum pt_fault_why why, bool *when_set)
{
	*when_set = why == PT_WHY_EXEC;
	switch (why) {
	case PT_WHY_WRITE:
		return RW;
	case PT_WHY_USER:
		return US;
	case PT_WHY_EXEC:
		return XD;
	default:
		return 0;
	}
}

static const char *blame(const struct explain_walk *walk, const struct pt_access_step *step)
{
	bool when_set, last = step == explain_last(walk);
	uint64_t bit = ruling_bit(walk->fault->why, &when_set);

	if (bit)
		return !(step->raw & bit) == when_set ? NULL
		       : bit == RW		      ? "R/W=0"
		       : bit == US		      ? "U/S=0"
						      : "XD=1";
	if (!last)
		return NULL;
	switch (walk->fault->why) {
	case PT_WHY_NOT_PRESENT:
		return "P=0";
	case PT_WHY_RESERVED:
		return "set";
	case PT_WHY_SMEP:
	case PT_WHY_SMAP:
		return "";
	default:
		return NULL;
	}
}

static uint64_t repaired(const struct explain_walk *walk, const struct pt_access_step *step)
{
	bool when_set;

	switch (walk->fault->why) {
	case PT_WHY_RESERVED:
		return step->raw & ~reserved_bits(walk, step);
	case PT_WHY_SMEP:
	case PT_WHY_SMAP:
		return step->raw & ~US;
	default:
		return step->raw ^ ruling_bit(walk->fault->why, &when_set);
	}
}

/* The rights register of the leaf's key, and its two bits of that. */
static uint32_t key_rights(const struct explain_walk *walk, const char **name, unsigned int *key)
{
	bool user_page = true;

	for (unsigned int i = 0; i < walk->nr; i++)
		user_page = user_page && walk->steps[i].raw & US;
	*name = user_page ? "PKRU" : "IA32_PKRS";
	*key = key_of(explain_last(walk)->raw);
	return (user_page ? walk->r->x86.pkru : walk->r->x86.pkrs) >> (2 * *key) & 3;
}

/* Each followed by a comma: what says where they are set comes behind. */
static void say_reserved(FILE *out, const struct explain_walk *walk)
{
	uint64_t bits = reserved_bits(walk, explain_last(walk));

	if (bits & XD)
		fputs("bit 63 (XD), reserved with EFER.NXE=0, ", out);
	if (bits & BITS(51, 32))
		fprintf(out, "address bits beyond MAXPHYADDR=%u, ", walk->cfg.pa_bits);
	if (bits & PS)
		fputs("bit 7 (PS), where no page is possible, ", out);
	if (bits & BITS(29, 13))
		fputs("address bits below the size of the page, ", out);
}

static void say_cause(FILE *out, const struct explain_walk *walk)
{
	bool smap = walk->fault->why == PT_WHY_SMAP;
	const char *name;
	unsigned int key;
	uint32_t rights;

	switch (walk->fault->why) {
	case PT_WHY_NOT_CANONICAL:
		fprintf(out, "bits 63:%u of the address are not all the same",
			walk->cfg.va_bits - 1);
		return;
	case PT_WHY_RESERVED:
		say_reserved(out, walk);
		return;
	case PT_WHY_SMEP:
	case PT_WHY_SMAP:
		fprintf(out, "CR4.%s=1, and U/S=1 in every entry", smap ? "SMAP" : "SMEP");
		return;
	case PT_WHY_PKEY:
		rights = key_rights(walk, &name, &key);
		fprintf(out, "%s%u=1 in %s, for protection key %u of the page",
			rights & 1 ? "AD" : "WD", key, name, key);
		return;
	default:
		return;
	}
}

static void say_rule(FILE *out, const struct explain_walk *walk)
{
	static const char *const rule[PT_WHY_NR] = {
		[PT_WHY_NOT_PRESENT] =
			"a walk ends at an entry with P=0, whose other bits hardware ignores",
		[PT_WHY_RESERVED] =
			"in a present entry every reserved bit must be 0, whatever the access",
		[PT_WHY_WRITE] = "user-mode writes need R/W=1 in every entry of the walk",
		[PT_WHY_USER] = "user-mode accesses need U/S=1 in every entry of the walk",
		[PT_WHY_EXEC] = "with EFER.NXE=1 a single XD=1 in the walk forbids fetches",
		[PT_WHY_SMEP] = "supervisor mode must not execute what user mode can access",
		[PT_WHY_SMAP] = "supervisor mode must not touch data that user mode can access",
		[PT_WHY_PKEY] = "AD: no data access by this key. WD: no write by it",
	};
	static const char *const kernel_rule[PT_WHY_NR] = {
		[PT_WHY_WRITE] =
			"with CR0.WP=1 supervisor-mode writes, too, need R/W=1 in every entry",
		[PT_WHY_PKEY] = "AD: no data access by this key. WD: with CR0.WP=1, no write by it",
	};
	enum pt_fault_why why = walk->fault->why;
	const char *text = rule[why];

	if (why == PT_WHY_NOT_CANONICAL) {
		fprintf(out,
			"linear addresses have %u bits (CR4.LA57=%d); those above repeat bit %u",
			walk->cfg.va_bits, walk->cfg.va_bits == 57, walk->cfg.va_bits - 1);
		return;
	}
	if (!walk->user && kernel_rule[why])
		text = kernel_rule[why];
	fputs(text ? text : pt_fault_why_name(why), out);
	if (why == PT_WHY_SMAP)
		fputs(walk->c->how.flags & PT_ACCESS_IMPLICIT
			      ? ": the processor's own accesses never, whatever EFLAGS.AC"
			      : ", unless EFLAGS.AC=1",
		      out);
}

static void say_change(FILE *out, const struct explain_walk *walk)
{
	/* SDM 4.10.4.3 "Optional Invalidation" */
	static const char no_flush[] = "without INVLPG: a stale entry costs one more fault at most";
	static const char *const change[PT_WHY_NR] = {
		[PT_WHY_RESERVED] = "or change what makes the bits reserved",
		[PT_WHY_WRITE] = no_flush,
		[PT_WHY_USER] = "or access it in supervisor mode",
		[PT_WHY_EXEC] = no_flush,
		[PT_WHY_SMEP] = "and INVLPG, as that takes rights away; or clear CR4.SMEP",
		[PT_WHY_SMAP] = "or set EFLAGS.AC for this access (STAC), or clear CR4.SMAP",
	};
	enum pt_fault_why why = walk->fault->why;
	unsigned int high = walk->cfg.va_bits - 1, key;
	pt_va_t va = walk->fault->va;
	const char *name;
	uint32_t rights;
	char size[8];

	if (why == PT_WHY_NOT_CANONICAL) {
		fprintf(out, "the canonical address with the same low bits is 0x%" PRIx64,
			va >> high & 1 ? va | ~BITS(high, 0) : va & BITS(high, 0));
	} else if (why == PT_WHY_NOT_PRESENT) {
		unsigned int leaf_lg2 = walk->info.leaf_lg2[walk->fault->level];

		fprintf(out,
			"a present entry there, which covers %s from 0x%" PRIx64
			" on; absent entries are "
			"not cached",
			explain_size(leaf_lg2, size), va >> leaf_lg2 << leaf_lg2);
	} else if (why == PT_WHY_PKEY) {
		rights = key_rights(walk, &name, &key);
		fprintf(out, "clear bit %u of %s, or give the page another key (bits 62:59)",
			2 * key + !(rights & 1), name);
	} else if (why == PT_WHY_WRITE && !walk->user) {
		fputs("or clear CR0.WP, for all of supervisor mode", out);
	} else if (why == PT_WHY_SMAP && walk->c->how.flags & PT_ACCESS_IMPLICIT) {
		fputs("or clear CR4.SMAP", out);
	} else {
		fputs(change[why] ? change[why] : "unknown", out);
	}
}

const struct explain_reasons explain_x86_reasons = {
	.code = say_code,
	.blame = blame,
	.repaired = repaired,
	.cause = say_cause,
	.rule = say_rule,
	.change = say_change,
};
