/* SPDX-License-Identifier: MIT */
/*
 * What Linux says of its own tables: VMCOREINFO, lines of NAME=VALUE that kernels keep for whoever
 * reads a dump of them. See Documentation/admin-guide/kdump/vmcoreinfo.rst of Linux.
 */
#include "vmcore.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CREDIT 128 /* characters in front of registers */

/* The value of the line that begins with @name and '=', up to the line's end; or NULL. */
static const char *value_of(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (; text; text = text[0] ? text + 1 : NULL) { /* behind the end of each line */
		if (!strncmp(text, name, len) && text[len] == '=')
			return text + len + 1;
		text += strcspn(text, "\n");
	}
	return NULL;
}

static bool has_value(const char *text, const char *name, int base, uint64_t *value)
{
	const char *digits = value_of(text, name);
	uint64_t found;
	char *end;

	if (!digits || isspace((unsigned char)*digits))
		return false;
	found = strtoull(digits, &end, base); /* negative ones as the kernel's long has them */
	if (end == digits || (*end && *end != '\n'))
		return false;
	*value = found;
	return true;
}

bool dump_vmcoreinfo_swapper(const char *text, uint64_t *va)
{
	return has_value(text, "SYMBOL(swapper_pg_dir)", 16, va);
}

static unsigned int lg2_of(uint64_t bit)
{
	unsigned int lg2 = 0;

	while (bit >>= 1)
		lg2++;
	return lg2;
}

/* x86_64: the image is mapped from __START_KERNEL_map on, physical address phys_base. */
static const char *learn_x86(const char *text, struct dump_regs *regs)
{
	uint64_t va, phys_base, has_5_levels = 0, sme_mask = 0;

	if (!dump_vmcoreinfo_swapper(text, &va) ||
	    !has_value(text, "NUMBER(phys_base)", 0, &phys_base))
		return NULL;
	(void)has_value(text, "NUMBER(pgtable_l5_enabled)", 0, &has_5_levels);
	(void)has_value(text, "NUMBER(sme_mask)", 0, &sme_mask);
	if (sme_mask & (sme_mask - 1) || sme_mask >> 52 || (sme_mask && !(sme_mask >> 32)))
		return "has a mask of AMD's encryption that is none of the bits 32 to 51";
	dump_regs_learn(regs, DUMP_CR3, (va - 0xffffffff80000000 + phys_base) | sme_mask);
	dump_regs_learn(regs, DUMP_CR4, has_5_levels ? 0x1020 : 0x20); /* LA57, PAE */
	if (sme_mask)
		dump_regs_learn(regs, DUMP_C_BIT, lg2_of(sme_mask));
	return NULL;
}

/* Whether there is a page at @pa, of zeroes. */
static bool is_empty(const struct dump_source *source, pt_pa_t pa, uint64_t len)
{
	const unsigned char *bytes;

	if (!dump_source_load(source, pa, len))
		return false;
	bytes = pt_phys_to_host(source->phys, pa, len);
	return bytes && !bytes[0] && !memcmp(bytes, bytes + 1, len - 1);
}

/*
 * How far TTBR1 points into the table at swapper_pg_dir: kernels of 52 bits in pages of 64K have it
 * so large on machines of 48, too, and there only its end is used.
 * Source: Linux 6.1, offset_ttbr1 of arch/arm64/include/asm/assembler.h.
 */
static uint64_t root_offset(const char *text, uint64_t page, uint64_t t1sz)
{
	uint64_t va_bits;

	if (page != 65536 || t1sz != 16 || !has_value(text, "NUMBER(VA_BITS)", 0, &va_bits) ||
	    va_bits != 52)
		return 0;
	return ((1u << (52 - 42)) - (1u << (48 - 42))) * sizeof(uint64_t);
}

/*
 * arm64: the image is mapped kimage_voffset above where it is; its root is TTBR1's. In the page
 * before that is what TTBR0 points at while no process runs, reserved_pg_dir: an empty table, which
 * nothing else says but that it is one. With it --find-roots has something to go by.
 * Source: Linux 6.1, arch/arm64/kernel/vmlinux.lds.S.
 *
 * Outputs have 52 bits where the format can: words of kernels that use fewer have zeroes there.
 */
static const char *learn_arm64(const struct dump_source *source, const char *text,
			       struct dump_regs *regs)
{
	uint64_t va, voffset, t1sz, page, pa, reserved;
	struct pt_arm64_regs found = { 0 };
	struct pt_fmt_cfg cfg;
	bool has_52;

	if (!dump_vmcoreinfo_swapper(text, &va) ||
	    !has_value(text, "NUMBER(kimage_voffset)", 0, &voffset) ||
	    !has_value(text, "NUMBER(TCR_EL1_T1SZ)", 0, &t1sz))
		return NULL;
	if (!has_value(text, "PAGESIZE", 10, &page) ||
	    (page != 4096 && page != 16384 && page != 65536))
		return "VMCOREINFO has pages of neither 4K, 16K nor 64K";
	has_52 = t1sz < 16 || page == 65536;
	cfg = (struct pt_fmt_cfg){
		.va_bits = 64 - (t1sz & 0x3f),
		.pa_bits = has_52 ? 52 : 48,
		.upper_half = true,
		.features = PT_FEAT_NO_HPD | PT_FEAT_TTST | (page == 65536 ? PT_FEAT_LPA : 0),
	};
	if (page == 65536)
		cfg.fmt = PT_FMT_ARM64_64K;
	else if (page == 16384)
		cfg.fmt = has_52 ? PT_FMT_ARM64_16K_LPA2 : PT_FMT_ARM64_16K;
	else
		cfg.fmt = has_52 ? PT_FMT_ARM64_4K_LPA2 : PT_FMT_ARM64_4K;
	pa = va - voffset;
	if (pt_arm64_regs_select(&found, &cfg, pa + root_offset(text, page, t1sz)))
		return "VMCOREINFO names no tables that an arm64 has";
	dump_regs_learn(regs, DUMP_TTBR1, found.ttbr1);
	reserved = pa - page;
	cfg.upper_half = false;
	if (is_empty(source, reserved, page) && !pt_arm64_regs_select(&found, &cfg, reserved))
		dump_regs_learn(regs, DUMP_TTBR0, found.ttbr0);
	dump_regs_learn(regs, DUMP_TCR, found.tcr);
	return NULL;
}

const char *dump_vmcoreinfo_learn(const struct dump_source *source, const char *text,
				  struct dump_regs *regs)
{
	/* Not every dump says of what machine it is; VMCOREINFO of each has what no other's has. */
	const char *flaw = learn_x86(text, regs);

	return flaw || dump_has(regs, DUMP_CR3) ? flaw : learn_arm64(source, text, regs);
}

void dump_vmcoreinfo_credit(const struct dump_source *source, const char *text, const char *where,
			    const struct dump_regs *given)
{
	const char *release = value_of(text, "OSRELEASE");
	struct dump_line line = { .len = 0 };

	dump_put(&line, "VMCOREINFO");
	dump_put(&line, where);
	if (release) {
		dump_put(&line, ", of Linux ");
		for (; isgraph((unsigned char)*release) && line.len < MAX_CREDIT; release++)
			dump_put_char(&line, *release);
	}
	dump_put(&line, ", selects");
	dump_put_regs(&line, &source->regs, given);
	fprintf(stderr, "ptdump: %s: ", source->path);
	dump_put_end(&line, stderr);
}
