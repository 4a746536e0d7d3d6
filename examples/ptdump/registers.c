/* SPDX-License-Identifier: MIT */
/* The registers that ptdump can be told: their options, and what stands in for those left out. */
#include "ptdump.h"

#include <getopt.h>
#include <stddef.h>

/* Whose registers, as bits. */
enum {
	X86 = 1 << DUMP_X86_64,
	ARM64 = 1 << DUMP_ARM64,
	EPT = 1 << DUMP_X86_EPT,
	STAGE2 = 1 << DUMP_ARM64_S2,
};

#define AT(field) offsetof(struct dump_regs, field)

static const struct {
	const char *name;
	size_t at; /* in struct dump_regs */
	enum { WORD, HALF, FLAG } is; /* uint64_t; uint32_t or unsigned int; bool */
	unsigned int tables; /* whose tables are as it says */
	unsigned int accesses; /* ... and accesses, to tables that an image knows too */
} registers[DUMP_NR_REGS] = {
	[DUMP_CR0] = { "cr0", AT(x86.cr0), WORD, X86, X86 | EPT },
	[DUMP_CR3] = { "cr3", AT(x86.cr3), WORD, X86, 0 },
	[DUMP_CR4] = { "cr4", AT(x86.cr4), WORD, X86, X86 | EPT },
	[DUMP_EFER] = { "efer", AT(x86.efer), WORD, X86, 0 },
	[DUMP_PAT] = { "pat", AT(x86.pat), WORD, X86, 0 },
	[DUMP_MAXPHYADDR] = { "maxphyaddr", AT(x86.maxphyaddr), HALF, X86 | EPT, 0 },
	[DUMP_NO_1G] = { "no-1g", AT(x86.no_1g), FLAG, X86, 0 },
	[DUMP_C_BIT] = { "c-bit", AT(x86.c_bit), HALF, X86, 0 },
	[DUMP_RFLAGS] = { "rflags", AT(x86.rflags), WORD, 0, X86 | EPT },
	[DUMP_PKRU] = { "pkru", AT(x86.pkru), HALF, 0, X86 | EPT },
	[DUMP_PKRS] = { "pkrs", AT(x86.pkrs), HALF, 0, X86 | EPT },
	[DUMP_TTBR0] = { "ttbr0", AT(arm64.ttbr0), WORD, ARM64, 0 },
	[DUMP_TTBR1] = { "ttbr1", AT(arm64.ttbr1), WORD, ARM64, 0 },
	[DUMP_TCR] = { "tcr", AT(arm64.tcr), WORD, ARM64, ARM64 | STAGE2 },
	[DUMP_MAIR] = { "mair", AT(arm64.mair), WORD, ARM64, 0 },
	[DUMP_MMFR0] = { "mmfr0", AT(arm64.mmfr0), WORD, ARM64 | STAGE2, 0 },
	[DUMP_MMFR1] = { "mmfr1", AT(arm64.mmfr1), WORD, ARM64 | STAGE2, 0 },
	[DUMP_MMFR2] = { "mmfr2", AT(arm64.mmfr2), WORD, ARM64 | STAGE2, 0 },
	[DUMP_MMFR3] = { "mmfr3", AT(arm64.mmfr3), WORD, ARM64, 0 },
	[DUMP_SCTLR] = { "sctlr", AT(arm64.sctlr), WORD, 0, ARM64 | STAGE2 },
	[DUMP_PAN] = { "pan", AT(arm64.pan), FLAG, 0, ARM64 | STAGE2 },
	[DUMP_UAO] = { "uao", AT(arm64.uao), FLAG, 0, ARM64 | STAGE2 },
	[DUMP_TCR2] = { "tcr2", AT(arm64.tcr2), WORD, 0, ARM64 | STAGE2 },
	[DUMP_PIR] = { "pir", AT(arm64.pir), WORD, 0, ARM64 | STAGE2 },
	[DUMP_PIRE0] = { "pire0", AT(arm64.pire0), WORD, 0, ARM64 | STAGE2 },
	[DUMP_POR_EL0] = { "por-el0", AT(arm64.por_el0), WORD, 0, ARM64 | STAGE2 },
	[DUMP_POR_EL1] = { "por-el1", AT(arm64.por_el1), WORD, 0, ARM64 | STAGE2 },
	[DUMP_EPTP] = { "eptp", AT(ept.eptp), WORD, EPT, 0 },
	[DUMP_EPT_CAP] = { "ept-cap", AT(ept.ept_vpid_cap), WORD, EPT, 0 },
	[DUMP_MBEC] = { "mbec", AT(ept.mbec), FLAG, EPT, 0 },
	[DUMP_VTTBR] = { "vttbr", AT(arm64_s2.vttbr), WORD, STAGE2, 0 },
	[DUMP_VTCR] = { "vtcr", AT(arm64_s2.vtcr), WORD, STAGE2, STAGE2 },
	[DUMP_HCR] = { "hcr", AT(arm64_s2.hcr), WORD, STAGE2, STAGE2 },
};

/* Registers that point at tables; --diff takes another of each for the second image. */
static const struct {
	enum dump_reg reg;
	enum dump_arch arch;
	const char *second;
} roots[] = {
	{ DUMP_CR3, DUMP_X86_64, "cr3-2" },	  { DUMP_TTBR0, DUMP_ARM64, "ttbr0-2" },
	{ DUMP_TTBR1, DUMP_ARM64, "ttbr1-2" },	  { DUMP_EPTP, DUMP_X86_EPT, "eptp-2" },
	{ DUMP_VTTBR, DUMP_ARM64_S2, "vttbr-2" },
};

#define NR_ROOTS (sizeof(roots) / sizeof(roots[0]))
_Static_assert(NR_ROOTS == DUMP_NR_ROOT_REGS, "as many as the table of options has room for");

void dump_regs_options(struct option *options, int first)
{
	for (unsigned int i = 0; i < DUMP_NR_REGS; i++)
		options[i] = (struct option){
			.name = registers[i].name,
			.has_arg = registers[i].is == FLAG ? no_argument : required_argument,
			.val = first + (int)i,
		};
	for (unsigned int i = 0; i < NR_ROOTS; i++)
		options[DUMP_NR_REGS + i] = (struct option){
			.name = roots[i].second,
			.has_arg = required_argument,
			.val = first + DUMP_NR_REGS + (int)i,
		};
}

/* Where a register is kept; the table says as what. */
static void *place(struct dump_regs *regs, enum dump_reg reg)
{
	return (unsigned char *)regs + registers[reg].at;
}

static void put(struct dump_regs *regs, enum dump_reg reg, uint64_t value)
{
	switch (registers[reg].is) {
	case WORD:
		*(uint64_t *)place(regs, reg) = value;
		break;
	case HALF:
		*(uint32_t *)place(regs, reg) = (uint32_t)value;
		break;
	case FLAG:
		*(bool *)place(regs, reg) = value;
		break;
	}
}

static void set(struct dump_regs *regs, enum dump_reg reg, const char *option, const char *text)
{
	uint64_t value = registers[reg].is == FLAG ? 1 : dump_parse_number(option, text);

	if (registers[reg].is == HALF && value > UINT32_MAX)
		dump_die("--%s: '%s' is not a number of 32 bits", option, text);
	put(regs, reg, value);
	regs->given |= UINT64_C(1) << reg;
}

void dump_regs_take(struct dump_options *options, unsigned int nr, const char *text)
{
	if (nr < DUMP_NR_REGS)
		set(&options->regs, (enum dump_reg)nr, registers[nr].name, text);
	else
		set(&options->other_regs, roots[nr - DUMP_NR_REGS].reg,
		    roots[nr - DUMP_NR_REGS].second, text);
}

static void usual(struct dump_regs *regs, enum dump_reg reg, uint64_t value)
{
	if (!dump_has(regs, reg))
		put(regs, reg, value);
}

void dump_regs_learn(struct dump_regs *regs, enum dump_reg reg, uint64_t value)
{
	usual(regs, reg, value);
	regs->given |= UINT64_C(1) << reg;
}

void dump_put_regs(struct dump_line *line, const struct dump_regs *regs,
		   const struct dump_regs *others)
{
	for (unsigned int i = 0; i < DUMP_NR_REGS; i++) {
		const char *at = (const char *)regs + registers[i].at;

		if (registers[i].is == FLAG || !dump_has(regs, i) || dump_has(others, i))
			continue;
		dump_put(line, " --");
		dump_put(line, registers[i].name);
		dump_put_char(line, ' ');
		if (registers[i].is == WORD)
			dump_put_hex(line, *(const uint64_t *)(const void *)at, 1);
		else
			dump_put_number(line, *(const uint32_t *)(const void *)at);
	}
}

/* Whose tables @format is of. */
static enum dump_arch arch_of(enum pt_format format)
{
	switch (format) {
	case PT_FMT_X86_64:
		return DUMP_X86_64;
	case PT_FMT_X86_EPT:
		return DUMP_X86_EPT;
	case PT_FMT_ARM64_4K:
	case PT_FMT_ARM64_4K_LPA2:
	case PT_FMT_ARM64_16K:
	case PT_FMT_ARM64_16K_LPA2:
	case PT_FMT_ARM64_64K:
		return DUMP_ARM64;
	default:
		return DUMP_ARM64_S2;
	}
}

int dump_regs_select(struct dump_regs *regs, const struct pt_fmt_cfg *cfg, pt_pa_t root)
{
	switch (arch_of(cfg->fmt)) {
	case DUMP_X86_64:
		return pt_x86_regs_select(&regs->x86, cfg, root);
	case DUMP_X86_EPT:
		return pt_x86_ept_regs_select(&regs->ept, cfg, root);
	case DUMP_ARM64:
		return pt_arm64_regs_select(&regs->arm64, cfg, root);
	default:
		return pt_arm64_s2_regs_select(&regs->arm64_s2, cfg, root);
	}
}

enum dump_arch dump_regs_arch(const struct dump_regs *regs)
{
	enum dump_arch arch = DUMP_ANY_ARCH;

	for (unsigned int i = 0; i < NR_ROOTS; i++) {
		if (!dump_has(regs, roots[i].reg))
			continue;
		if (arch != DUMP_ANY_ARCH && arch != roots[i].arch)
			dump_die("--%s is not of the machine that the other roots are of",
				 registers[roots[i].reg].name);
		arch = roots[i].arch;
	}
	return arch;
}

/* ---- what was not told ---- */

/* The memory types that the library takes for usual, which are Linux's. */
static uint64_t usual_mem_types(enum pt_format format)
{
	struct pt_fmt_cfg cfg;

	return pt_fmt_cfg_init(&cfg, format) ? 0 : cfg.mem_types;
}

/* All zero means that everything is there; once one is given, the others must say so themselves. */
static void fill_id_registers(struct dump_regs *regs)
{
	if (!dump_has(regs, DUMP_MMFR0) && !dump_has(regs, DUMP_MMFR1) &&
	    !dump_has(regs, DUMP_MMFR2) && !dump_has(regs, DUMP_MMFR3))
		return;
	usual(regs, DUMP_MMFR0, 0x10200006); /* TGran4 and TGran16 with 52 bits, PARange 52 */
	usual(regs, DUMP_MMFR1, 0x10302002); /* XNX, PAN3, HPDS2, HAFDBS with dirty state */
	usual(regs, DUMP_MMFR2, 0x1020010010010010); /* E0PD, BBM 2, FWB, TTST, VARange 52, UAO */
	usual(regs, DUMP_MMFR3, 0x10100); /* S1POE, S1PIE */
}

/* A machine in long mode that runs Linux, or a guest of it, for what of it was not told. */
static void fill_registers(struct dump_regs *regs)
{
	usual(regs, DUMP_PAT, usual_mem_types(PT_FMT_X86_64));
	usual(regs, DUMP_MAIR, usual_mem_types(PT_FMT_ARM64_4K));
	usual(regs, DUMP_CR0, 0x80010001); /* PG, WP, PE */
	usual(regs, DUMP_CR4, 0x20); /* PAE */
	usual(regs, DUMP_EFER, 0xd01); /* NXE, LMA, LME, SCE */
	usual(regs, DUMP_SCTLR, 1); /* M */
	usual(regs, DUMP_HCR, 1); /* VM */
	fill_id_registers(regs);
	/* What machines have, both stages have. */
	regs->ept.maxphyaddr = regs->x86.maxphyaddr;
	regs->arm64_s2.mmfr0 = regs->arm64.mmfr0;
	regs->arm64_s2.mmfr1 = regs->arm64.mmfr1;
	regs->arm64_s2.mmfr2 = regs->arm64.mmfr2;
}

/* What the registers of the second image have in common with those of the first. */
static void fill_other_registers(struct dump_options *options)
{
	struct dump_regs own = options->other_regs;
	struct dump_regs *other = &options->other_regs;

	*other = options->regs;
	for (unsigned int i = 0; i < NR_ROOTS; i++) {
		enum dump_reg reg = roots[i].reg;

		if (!dump_has(&own, reg))
			continue;
		*(uint64_t *)place(other, reg) = *(uint64_t *)place(&own, reg);
		other->given |= UINT64_C(1) << reg;
	}
}

void dump_regs_finish(struct dump_options *options)
{
	struct dump_regs *regs = &options->regs;
	enum dump_arch arch = options->arch, found;

	if (options->other_regs.given && !options->other_path)
		dump_die("--cr3-2, --ttbr0-2, --ttbr1-2, --eptp-2 and --vttbr-2 go with --diff");
	fill_registers(regs);
	fill_other_registers(options);
	found = dump_regs_arch(&options->other_regs); /* which has those of both */
	if (arch != DUMP_ANY_ARCH && found != DUMP_ANY_ARCH && arch != found)
		dump_die("--arch is not that of the registers");
	if (found == DUMP_ARM64 && !dump_has(regs, DUMP_TCR))
		dump_die("--ttbr0 and --ttbr1 say little without --tcr");
	if (found == DUMP_ARM64_S2 && !dump_has(regs, DUMP_VTCR))
		dump_die("--vttbr says little without --vtcr");
	if (dump_has(regs, DUMP_MAXPHYADDR) &&
	    (regs->x86.maxphyaddr < 32 || regs->x86.maxphyaddr > 52))
		dump_die("--maxphyaddr: %u is not between 32 and 52", regs->x86.maxphyaddr);
	if (dump_has(regs, DUMP_C_BIT) && (regs->x86.c_bit < 32 || regs->x86.c_bit > 51))
		dump_die("--c-bit: %u is not between 32 and 51", regs->x86.c_bit);
}

/* ---- what would not be heeded ---- */

/* Whose tables @source has, as bits. */
static unsigned int archs_of(const struct dump_source *source)
{
	unsigned int archs = 0;

	for (size_t i = 0; i < source->nr_roots; i++)
		archs |= 1u << arch_of(source->roots[i].cfg.fmt);
	return archs;
}

static bool is_heeded(const struct dump_source *source, enum dump_reg reg, bool access)
{
	unsigned int archs = archs_of(source);

	return (source->has_regs && (registers[reg].tables & archs)) ||
	       (access && (registers[reg].accesses & archs));
}

static _Noreturn void refuse(enum dump_reg reg, unsigned int archs)
{
	const char *why = "of a table image is as that says, unless a root is given too";

	if (!((registers[reg].tables | registers[reg].accesses) & archs))
		why = "is not of the machine whose tables these are";
	else if (!(registers[reg].tables & archs))
		why = "is of an --access";
	dump_die("--%s %s", registers[reg].name, why);
}

void dump_regs_check(const struct dump_options *options, const struct dump_source *source,
		     const struct dump_source *other)
{
	unsigned int archs = archs_of(source) | (other ? archs_of(other) : 0);
	bool access = options->access.wanted;

	if (options->arch != DUMP_ANY_ARCH && !(archs >> options->arch & 1))
		dump_die("--arch is not that of the tables");
	for (unsigned int i = 0; i < DUMP_NR_REGS; i++)
		if (dump_has(&options->regs, i) && !is_heeded(source, i, access) &&
		    !(other && is_heeded(other, i, access)))
			refuse(i, archs);
}
