/* SPDX-License-Identifier: MIT */
/*
 * vmcore.h - memory dumps: files that say which memory they have.
 *
 *	vmcore.c        memory that is read as needed, whatever the format; the table of formats
 *	vmcore_lime.c   LiME
 *	vmcore_kdump.c  ELF cores as QEMU's dump-guest-memory and /proc/vmcore have them, and kdump
 *	                files as makedumpfile compresses them: by libkdumpfile
 *	vmcore_elf.c    ... what else stands in an ELF core, by libelf
 *	vmcore_header.c ... whether the headers of a kdump file can be true
 *	vmcore_none.c   instead of these, where these libraries were not there to build with
 *	vmcoreinfo.c    Linux's VMCOREINFO as registers
 *	hunt.c          ... found in memory that nothing else is known of
 *
 * A new format is a file with a struct dump_format, and a line in vmcore.c's table.
 */
#ifndef PTDUMP_VMCORE_H
#define PTDUMP_VMCORE_H

#include "ptdump.h"

#define DUMP_FRAME UINT64_C(4096) /* what dumps are read in */

/* A little-endian number of @nr bytes, as files have them. */
static inline uint64_t dump_le(const unsigned char *bytes, unsigned int nr)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < nr; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

struct dump_format;

struct dump_vmcore {
	const char *path;
	int fd;
	uint64_t file_len;
	bool may_be_cut; /* --cut-short: what is there of it will do */
	const struct dump_format *format;
	void *ctx; /* the format's own */
	struct pt_phys *phys; /* empty at first */
	struct dump_region *regions; /* whole frames, in ascending order */
	size_t nr_regions;
	size_t *first_frames; /* of each region, in is_loaded */
	bool *is_loaded; /* by frame; sparse, as memory is */
};

/* A format of dumps: which memory a file has, a frame of it, and what it knows of registers. */
struct dump_format {
	/** Reads what stands before memory, and adds each region; dump_die() if that is unsound. */
	void (*open)(struct dump_vmcore *vmcore);
	/**
	 * Reads the frame at @pa of a region. Returns whether the dump has it. NULL: memory stands
	 * in the file as it is, where the regions say, and VMCOREINFO somewhere in it.
	 */
	bool (*read)(struct dump_vmcore *vmcore, pt_pa_t pa,
		     unsigned char frame[static DUMP_FRAME]);
	/** Adds the registers of the @nr-th processor to @regs; false, or NULL: it has none. */
	bool (*learn_cpu)(const struct dump_vmcore *vmcore, unsigned int nr,
			  struct dump_regs *regs);
	/** The text of VMCOREINFO, to be freed, or NULL. */
	char *(*vmcoreinfo)(const struct dump_vmcore *vmcore);
	/** NULL: it has nothing of its own. */
	void (*close)(struct dump_vmcore *vmcore);
};

extern const struct dump_format dump_format_kdump, dump_format_lime;

/* ---- vmcore.c ---- */

/** The format that a file begins as, or NULL. */
const struct dump_format *dump_vmcore_format(int fd);
/** Opens the dump that @fd is and keeps @fd. */
struct dump_vmcore *dump_vmcore_open(const char *path, int fd, uint64_t file_len, bool may_be_cut,
				     const struct dump_format *format);
void dump_vmcore_close(struct dump_vmcore *vmcore);

/** For formats: adds memory behind what was added; of its ends, whole frames count. */
void dump_vmcore_add(struct dump_vmcore *vmcore, const struct dump_region *region);

/**
 * Has @len bytes at @pa read, those pages that were not yet: a dump may be larger than the memory
 * that there is. Returns whether the dump has all of them; those that it leaves out are zero.
 */
bool dump_vmcore_load(struct dump_vmcore *vmcore, pt_pa_t pa, uint64_t len);
/** The same of all memory but what stands in holes of a file. */
void dump_vmcore_load_all(struct dump_vmcore *vmcore);

/**
 * Of a @region that stands in @fd as it is: the first frame from @at on, both from its beginning,
 * that is not all in a hole of the file; its length if there is none.
 */
uint64_t dump_skip_hole(int fd, const struct dump_region *region, uint64_t at);

/**
 * Adds to the registers of @source, unless they have roots already, those that its dump has: of
 * QEMU's processors those of --cpu, else those that select the kernel's own tables.
 */
void dump_vmcore_regs(struct dump_source *source, const struct dump_options *options);

/* ---- vmcoreinfo.c ---- */

/**
 * Adds to @regs what selects, in @source's memory, the tables of the kernel that wrote @text:
 * nothing if it does not say where they are. Returns why they cannot be shown, or NULL.
 */
const char *dump_vmcoreinfo_learn(const struct dump_source *source, const char *text,
				  struct dump_regs *regs);
/** SYMBOL(swapper_pg_dir) of @text: where the kernel's root is, as the kernel's image is mapped. */
bool dump_vmcoreinfo_swapper(const char *text, uint64_t *va);
/** Says on stderr which registers of @source's, beside those @given, @text told, and @where. */
void dump_vmcoreinfo_credit(const struct dump_source *source, const char *text, const char *where,
			    const struct dump_regs *given);

/* ---- hunt.c ---- */

/**
 * Looks for VMCOREINFO in @nr regions of @source's memory, as @fd has them, and adds to @source's
 * registers what selects the kernel's own tables. dump_die() if there is some, and it is not plain
 * which tables those are. Does nothing where options say what to show.
 */
void dump_hunt(struct dump_source *source, int fd, const struct dump_region *regions, size_t nr,
	       const struct dump_options *options);

/* ---- vmcore_header.c ---- */

/** The same as dump_elf_flaw(), of a kdump file: a header of nonsense costs as much. */
const char *dump_kdump_flaw(int fd, uint64_t file_len);

/* ---- vmcore_elf.c, of files that need not be ELF cores ---- */

/* Control registers as a processor's note has them. */
struct dump_qemu_cpu {
	uint64_t cr0, cr3, cr4;
};

/**
 * Finds what QEMU noted of its @nr-th processor, if that is one of x86_64. *@nr_cpus: how many
 * notes there are, none if @fd is no core of QEMU's.
 */
bool dump_elf_cpu(int fd, unsigned int nr, struct dump_qemu_cpu *cpu, unsigned int *nr_cpus);
/**
 * Why an ELF core in a file of @file_len bytes cannot be what somebody wrote, or NULL: libkdumpfile
 * believes sizes, with crashes, or minutes and gigabytes for tables that are not there.
 */
const char *dump_elf_flaw(int fd, uint64_t file_len);

#endif /* PTDUMP_VMCORE_H */
