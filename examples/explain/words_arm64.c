/* SPDX-License-Identifier: MIT */
/* How arm64 is told: accesses, tables, entries. */
#include "arm64.h"

#include <inttypes.h>

static void say_access(FILE *out, const struct explain_walk *walk)
{
	const struct explain_case *c = walk->c;
	static const char *const kind[] = {
		[PT_ACCESS_READ] = "read",
		[PT_ACCESS_WRITE] = "write",
		[PT_ACCESS_RMW] = "atomic read-modify-write",
		[PT_ACCESS_FETCH] = "fetch",
	};

	if (c->ask)
		fputs("address translation (AT) for a ", out);
	else if (c->how.kind != PT_ACCESS_FETCH)
		fprintf(out, "%u-byte ", c->how.size);
	fprintf(out, "%s at EL%u", kind[c->how.kind], c->el2 ? 2 : c->how.priv);
	if (c->el2)
		fputs(", whose registers are shown under their EL1 names", out);
	if (c->how.flags & PT_ACCESS_UNPRIV)
		fputs(walk->r->arm64.uao ? " by LDTR or STTR, privileged because PSTATE.UAO=1"
					 : " by LDTR or STTR, with the rights of EL0",
		      out);
}

static void say_start(FILE *out, const struct explain_walk *walk)
{
	unsigned int upper = is_upper(walk);
	const struct pt_arm64_regs *regs = &walk->r->arm64;
	char size[8];

	if (!(regs->sctlr & SCTLR_M)) {
		fprintf(out, "none, SCTLR_EL1.M=0: the address is the %s address",
			walk->r->two_stages ? "intermediate" : "physical");
		return;
	}
	if (explain_arm64_is_off(walk->r)) {
		fputs("none, HCR_EL2.DC=1: the address is the intermediate address", out);
		return;
	}
	fprintf(out, "bit 55 is %u: TTBR%u_EL1=0x%" PRIx64, upper, upper,
		upper ? regs->ttbr1 : regs->ttbr0);
	if (walk->has_info)
		fprintf(out, ", T%uSZ=%u: %u bits, %s granule%s", upper, 64 - walk->cfg.va_bits,
			walk->cfg.va_bits, explain_size(walk->info.granule_lg2, size),
			is_lpa2(&walk->cfg) ? ", DS=1" : "");
}

static void say_entry(FILE *out, const struct explain_walk *walk, const struct pt_access_step *step)
{
	explain_say_fields(out, walk, step);
	if (step->kind == PT_KIND_TABLE && step->raw & BITS(62, 59) && ignores_tables(walk))
		fputs(" (ignored: HPD=1)", out);
}

pt_pa_t explain_arm64_target(const struct explain_walk *walk, const struct pt_access_step *step)
{
	unsigned int size_lg2 = step->kind == PT_KIND_LEAF ? walk->info.leaf_lg2[step->level]
							   : walk->info.granule_lg2;
	uint64_t raw = step->raw;

	if (is_lpa2(&walk->cfg))
		return (raw & BITS(49, size_lg2)) | (raw & BITS(9, 8)) << 42;
	if (walk->cfg.features & PT_FEAT_LPA)
		return (raw & BITS(47, size_lg2)) | (raw & BITS(15, 12)) << 36;
	return raw & BITS(47, size_lg2);
}

const struct explain_words explain_arm64_words = {
	.priv = { 0, 1 },
	.who = { "EL0", "EL1" },
	.stage = "",
	.entry_noun = " entry",
	.output = "IPA",
	.access = say_access,
	.start = say_start,
	.entry = say_entry,
	.mem_name = { [PT_MEM_WB] = "Normal write-back",
		      [PT_MEM_WT] = "Normal write-through",
		      [PT_MEM_WC] = "Normal non-cacheable",
		      [PT_MEM_UC] = "Device-nGnRnE",
		      [PT_MEM_DEV_nGnRE] = "Device-nGnRE",
		      [PT_MEM_DEV_nGRE] = "Device-nGRE",
		      [PT_MEM_DEV_GRE] = "Device-GRE" },
	.target = explain_arm64_target,
};

/* A reserved TG0 or TG1 acts as a granule that is there; the library takes the smallest. */
static uint64_t without_reserved_granules(uint64_t tcr)
{
	if ((tcr >> 14 & 3) == 3)
		tcr &= ~BITS(15, 14);
	return tcr & BITS(31, 30) ? tcr : tcr | BIT(31);
}

static int config(const struct explain_regime *r, unsigned int stage, pt_va_t va,
		  struct pt_fmt_cfg *cfg, pt_pa_t *root)
{
	struct pt_arm64_regs regs = r->arm64;

	if (stage == 2)
		return pt_fmt_cfg_arm64_s2(cfg, root, &r->arm64_s2);
	if (explain_arm64_is_off(r))
		return -ENOENT;
	regs.tcr = without_reserved_granules(regs.tcr);
	return pt_fmt_cfg_arm64(cfg, root, &regs, va & BIT(55));
}

const struct explain_arch explain_arm64 = {
	.config = config,
	.words = { &explain_arm64_words, &explain_arm64_s2_words },
	.reasons = { &explain_arm64_reasons, &explain_arm64_s2_reasons },
};
