/* SPDX-License-Identifier: MIT */
/*
 * VMCOREINFO in memory that nothing else is known of. Linux keeps it twice: as a page of text, from
 * boot on, and as an ELF note, which begins a page too. Memory may have more: of kernels before a
 * reboot, of guests, of files. A kernel's own is known by its tables, which map what it calls
 * swapper_pg_dir to where they are.
 *
 * Each page is looked at once, as the file has it; holes of the file are not.
 * Source: Linux 6.12, kernel/vmcore_info.c.
 */
#define _GNU_SOURCE

#include "vmcore.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (UINT64_C(64) * DUMP_FRAME) /* read at once */
#define MAX_TEXT UINT64_C(65536) /* a page of the largest that there are */
#define MAX_TEXTS 1024

struct hunt {
	struct dump_source *source;
	const struct dump_options *options;
	int fd;
	struct dump_regs given;
	unsigned char *chunk; /* CHUNK bytes */
	char *text; /* MAX_TEXT bytes and a 0 */
	unsigned int nr_texts;
	bool has_kernel; /* whose registers are @source's now: */
	pt_pa_t kernel_pa;
	char *kernel_text;
	const char *flaw; /* why the first of others is none, NULL: there is none */
	pt_pa_t flaw_pa;
};

/* ---- a text ---- */

/* Where in the page that @bytes are VMCOREINFO begins, or -1. */
static int text_offset(const unsigned char *bytes)
{
	static const char begin[] = "OSRELEASE=", name[12] = "VMCOREINFO";
	static const unsigned char name_len[4] = { 11 };
	const int behind_note = 12 + sizeof(name);

	if (!memcmp(bytes, begin, sizeof(begin) - 1))
		return 0;
	if (!memcmp(bytes, name_len, sizeof(name_len)) && !memcmp(bytes + 12, name, sizeof(name)) &&
	    !memcmp(bytes + behind_note, begin, sizeof(begin) - 1))
		return behind_note;
	return -1;
}

/* Reads the text at @offset of the file, of at most @room bytes. Returns whether it is lines. */
static bool read_text(struct hunt *hunt, uint64_t offset, uint64_t room)
{
	ssize_t len = pread(hunt->fd, hunt->text, room < MAX_TEXT ? room : MAX_TEXT, (off_t)offset);
	const char *at = hunt->text;

	hunt->text[len < 0 ? 0 : len] = 0;
	while (isprint((unsigned char)*at) || *at == '\n')
		at++;
	return !*at && at != hunt->text && at[-1] == '\n';
}

/* ---- whether it is of the kernel that this memory is of ---- */

static int open_root(const struct hunt *hunt, const struct dump_regs *regs, struct pt_pgtable **pt)
{
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_PRIVATE };
	pt_pa_t root;
	int err;

	if (dump_has(regs, DUMP_CR3))
		err = pt_fmt_cfg_x86_64(&cfg.fmt, &root, &regs->x86);
	else
		err = pt_fmt_cfg_arm64(&cfg.fmt, &root, &regs->arm64, true);
	return err ? err : pt_pgtable_open(pt, hunt->source->phys, &cfg, root);
}

/* Whether the tables that @regs select map @va, where the page of the root begins, to there. */
static bool maps_itself(const struct hunt *hunt, const struct dump_regs *regs, pt_va_t va)
{
	struct pt_step steps[PT_MAX_LEVELS];
	unsigned int nr = 0;
	struct pt_pgtable *pt;
	bool is_mapped;
	pt_pa_t pa;
	int err = 0;

	if (open_root(hunt, regs, &pt))
		return false;
	/* Each time one table more has been read; with the last one the walk is what it is. */
	for (unsigned int nr_read = 0; nr_read <= PT_MAX_LEVELS; nr_read++) {
		err = pt_trace(pt, va, steps, &nr);
		for (unsigned int i = 0; i < nr; i++)
			(void)dump_source_load(hunt->source, steps[i].table_pa + 8 * steps[i].index,
					       8);
	}
	is_mapped = !err && !pt_translate(pt, va, &pa) &&
		    pa == (pt_pgtable_root(pt) & ~(pt_granule(pt) - 1));
	pt_pgtable_destroy(pt);
	return is_mapped;
}

static bool are_same(const struct dump_regs *a, const struct dump_regs *b)
{
	return a->given == b->given && a->x86.cr3 == b->x86.cr3 && a->x86.cr4 == b->x86.cr4 &&
	       a->x86.c_bit == b->x86.c_bit && a->arm64.ttbr0 == b->arm64.ttbr0 &&
	       a->arm64.ttbr1 == b->arm64.ttbr1 && a->arm64.tcr == b->arm64.tcr;
}

/* Why @hunt's text is not of this memory's kernel, or NULL; then *@regs select its tables. */
static const char *flaw_of(const struct hunt *hunt, struct dump_regs *regs)
{
	enum dump_arch arch, wanted = hunt->options->arch;
	const char *flaw;
	uint64_t va = 0;

	*regs = hunt->given;
	flaw = dump_vmcoreinfo_learn(hunt->source, hunt->text, regs);
	if (flaw)
		return flaw;
	if (!dump_vmcoreinfo_swapper(hunt->text, &va) ||
	    (!dump_has(regs, DUMP_CR3) && !dump_has(regs, DUMP_TTBR1)))
		return "does not say where the tables of an x86_64 or arm64 are";
	arch = dump_has(regs, DUMP_CR3) ? DUMP_X86_64 : DUMP_ARM64;
	if (wanted != DUMP_ANY_ARCH && wanted != arch)
		return "is not of --arch";
	if (!maps_itself(hunt, regs, va))
		return "names tables that are not there: do --base or --region say where the file "
		       "stands in memory?";
	return NULL;
}

/* Takes the text at @pa for the kernel's, or not. */
static void weigh(struct hunt *hunt, pt_pa_t pa)
{
	struct dump_source *source = hunt->source;
	struct dump_regs regs;
	const char *flaw = flaw_of(hunt, &regs);

	if (flaw && !hunt->flaw) {
		hunt->flaw = flaw;
		hunt->flaw_pa = pa;
	}
	if (flaw || (hunt->has_kernel && are_same(&regs, &source->regs)))
		return;
	if (hunt->has_kernel)
		dump_die("%s: VMCOREINFO at 0x%" PRIx64 " and at 0x%" PRIx64 " are of two kernels, "
			 "and both have their tables there; --cr3 or --ttbr1 say which one it is",
			 source->path, hunt->kernel_pa, pa);
	hunt->kernel_text = strdup(hunt->text);
	if (!hunt->kernel_text)
		dump_die("%s: %s", source->path, pt_strerror(-ENOMEM));
	source->regs = regs;
	hunt->has_kernel = true;
	hunt->kernel_pa = pa;
}

/* ---- all of memory ---- */

static void try_frame(struct hunt *hunt, const struct dump_region *region, uint64_t at,
		      const unsigned char *bytes)
{
	int offset = text_offset(bytes);

	if (offset < 0)
		return;
	at += (unsigned int)offset;
	if (hunt->nr_texts++ == MAX_TEXTS)
		dump_die(
			"%s: has more than %d pages that begin as VMCOREINFO; --cr3 or --ttbr1 say "
			"where tables are",
			hunt->source->path, MAX_TEXTS);
	if (read_text(hunt, region->offset + at, region->len - at))
		weigh(hunt, region->pa + at);
}

static void try_region(struct hunt *hunt, const struct dump_region *region)
{
	uint64_t at = dump_skip_hole(hunt->fd, region, 0);

	while (at < region->len) {
		uint64_t len = region->len - at < CHUNK ? region->len - at : CHUNK;

		if (pread(hunt->fd, hunt->chunk, len, (off_t)(region->offset + at)) != (ssize_t)len)
			dump_die("%s: cannot be read", hunt->source->path);
		for (uint64_t i = 0; i < len; i += DUMP_FRAME)
			try_frame(hunt, region, at + i, hunt->chunk + i);
		at = dump_skip_hole(hunt->fd, region, at + len);
	}
}

void dump_hunt(struct dump_source *source, int fd, const struct dump_region *regions, size_t nr,
	       const struct dump_options *options)
{
	struct hunt hunt = {
		.source = source,
		.options = options,
		.fd = fd,
		.given = source->regs,
		.chunk = malloc(CHUNK),
		.text = malloc(MAX_TEXT + 1),
	};
	char where[32];

	if (!hunt.chunk || !hunt.text)
		dump_die("%s: %s", source->path, pt_strerror(-ENOMEM));
	if (!options->root && !dump_source_wants_cpu(source, options))
		for (size_t i = 0; i < nr; i++)
			try_region(&hunt, &regions[i]);
	if (hunt.has_kernel) {
		snprintf(where, sizeof(where), " at 0x%" PRIx64, hunt.kernel_pa);
		dump_vmcoreinfo_credit(source, hunt.kernel_text, where, &hunt.given);
	} else if (hunt.flaw) {
		dump_die("%s: VMCOREINFO at 0x%" PRIx64 " %s", source->path, hunt.flaw_pa,
			 hunt.flaw);
	}
	free(hunt.kernel_text);
	free(hunt.chunk);
	free(hunt.text);
}
