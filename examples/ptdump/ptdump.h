/* SPDX-License-Identifier: MIT */
/*
 * ptdump.h - what the files of ptdump share.
 *
 *	options.c    the command line
 *	registers.c  ... registers
 *	source.c     memory and roots: where tables are read from
 *	vmcore.c     ... and from memory dumps: vmcore.h, which has more files
 *	walk.c       runs of entries: filtered, merged, bounded
 *	print.c      a run as text
 *	json.c       ... as JSON, and how objects are written
 *	soft.c       words that are not present, as a kernel meant them
 *	trace.c      the walk of one address
 *	read.c       the bytes there
 *	access.c     an access to it
 *	machine.c    ... and the registers of the machine that performs it
 *	report.c     counts and findings
 *	diff.c       two images side by side
 *	roots.c      roots that no register names
 *	forest.c     ... and what hangs below them
 *	printer.h    what all of these find out
 *	text.c       ... as text
 *	objects.c    ... as JSON
 *	map.c        new mappings in a private copy
 *	ptdump.c     puts them together
 */
#ifndef PTDUMP_H
#define PTDUMP_H

#include <stdio.h>

#include <ptlib/ptlib.h>

/* Exit codes. */
enum {
	DUMP_FINE,
	DUMP_FINDINGS, /* a difference, W^X, a corrupt table, an access that faults */
	DUMP_UNUSABLE, /* usage, or input that cannot be read */
};

/** Ends the program with DUMP_UNUSABLE and one line on stderr. */
_Noreturn void dump_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Sees to it that what was printed has arrived; dump_die() if not. */
void dump_flush(void);

enum dump_action {
	DUMP_RANGES,
	DUMP_NOTHING, /* only what was asked for beside a dump, as --save-tables */
	DUMP_VA,
	DUMP_READ,
	DUMP_PA,
	DUMP_WX,
	DUMP_USAGE,
	DUMP_DIFF,
	DUMP_VERIFY,
	DUMP_FIND_ROOTS,
};

/* What a leaf allows, each with the letter that stands for it. */
enum dump_perm {
	DUMP_R = 1 << 0,
	DUMP_W = 1 << 1, /* stores, as the word stands */
	DUMP_X = 1 << 2, /* fetches; where formats tell them apart: unprivileged ones */
	DUMP_P = 1 << 3, /* privileged fetches */
	DUMP_U = 1 << 4,
	DUMP_G = 1 << 5,
	DUMP_A = 1 << 6,
	DUMP_D = 1 << 7,
};

#define DUMP_PERM_LETTERS "rwxpugad"
#define DUMP_MAX_REGIONS 64
#define DUMP_MAX_MAPS 64

struct dump_region {
	pt_pa_t pa;
	uint64_t len; /* 0: to the end of the file */
	uint64_t offset;
};

struct dump_mapping {
	pt_va_t va;
	pt_pa_t pa;
	uint64_t len;
	unsigned int perms; /* DUMP_* */
};

/* An access of --access. */
struct dump_access {
	bool wanted, user;
	enum pt_access_kind kind;
	unsigned int size; /* 0: the usual */
};

/* ---- registers.c ---- */

enum dump_arch { DUMP_ANY_ARCH, DUMP_X86_64, DUMP_ARM64, DUMP_X86_EPT, DUMP_ARM64_S2 };

enum dump_reg {
	DUMP_CR0,
	DUMP_CR3,
	DUMP_CR4,
	DUMP_EFER,
	DUMP_PAT,
	DUMP_MAXPHYADDR,
	DUMP_NO_1G,
	DUMP_C_BIT,
	DUMP_RFLAGS,
	DUMP_PKRU,
	DUMP_PKRS,
	DUMP_TTBR0,
	DUMP_TTBR1,
	DUMP_TCR,
	DUMP_MAIR,
	DUMP_MMFR0,
	DUMP_MMFR1,
	DUMP_MMFR2,
	DUMP_MMFR3,
	DUMP_SCTLR,
	DUMP_PAN,
	DUMP_UAO,
	DUMP_TCR2,
	DUMP_PIR,
	DUMP_PIRE0,
	DUMP_POR_EL0,
	DUMP_POR_EL1,
	DUMP_EPTP,
	DUMP_EPT_CAP,
	DUMP_MBEC,
	DUMP_VTTBR,
	DUMP_VTCR,
	DUMP_HCR,
	DUMP_NR_REGS,
};

#define DUMP_NR_ROOT_REGS 5
#define DUMP_NR_REG_OPTIONS (DUMP_NR_REGS + DUMP_NR_ROOT_REGS)

/* Registers, and which of them were given. */
struct dump_regs {
	struct pt_x86_regs x86;
	struct pt_arm64_regs arm64;
	struct pt_x86_ept_regs ept;
	struct pt_arm64_s2_regs arm64_s2;
	uint64_t given; /* bits by enum dump_reg */
};

static inline bool dump_has(const struct dump_regs *regs, enum dump_reg reg)
{
	return regs->given >> reg & 1;
}

struct dump_line;
struct dump_options;
struct dump_source;
struct option;

/** The DUMP_NR_REG_OPTIONS ones that give registers, for getopt_long(), numbered from @first on. */
void dump_regs_options(struct option *options, int first);
/** Takes the @nr-th of them, with its argument. */
void dump_regs_take(struct dump_options *options, unsigned int nr, const char *text);
/** Checks registers against each other and --arch, and fills in what was not given. */
void dump_regs_finish(struct dump_options *options);
/** Takes what an image knows of a register, unless it was given. */
void dump_regs_learn(struct dump_regs *regs, enum dump_reg reg, uint64_t value);
/** Adds the registers, but flags, that @regs give and @others do not, as options. */
void dump_put_regs(struct dump_line *line, const struct dump_regs *regs,
		   const struct dump_regs *others);
/** Makes the registers of @cfg's kind select tables at @root; as regs.h of the library. */
int dump_regs_select(struct dump_regs *regs, const struct pt_fmt_cfg *cfg, pt_pa_t root);
/** Refuses registers that were given and change nothing of @source, nor of @other's, or NULL. */
void dump_regs_check(const struct dump_options *options, const struct dump_source *source,
		     const struct dump_source *other);
/** Whose roots @regs give; DUMP_ANY_ARCH: none. */
enum dump_arch dump_regs_arch(const struct dump_regs *regs);

/* ---- options.c ---- */

struct dump_options {
	enum dump_action action;
	bool each, json, effective, soft;
	bool has_kernel; /* --kernel, that is: */
	enum pt_soft_release kernel;
	bool respect_ad; /* accessed and dirty are shown, so they split runs */

	const char *path, *other_path, *save_path;
	bool may_be_cut; /* LiME's dumps */
	bool tables_only; /* --tables: a raw image will not do */
	struct dump_region regions[DUMP_MAX_REGIONS];
	size_t nr_regions;
	struct dump_regs regs, other_regs;
	enum dump_arch arch; /* of --arch */
	bool has_cpu;
	unsigned int cpu; /* whose registers, of those in a dump */
	const char *root; /* label, or NULL for all */
	struct dump_mapping maps[DUMP_MAX_MAPS];
	size_t nr_maps;

	uint64_t address; /* of --va, --pa or --read */
	uint64_t read_len;
	struct dump_access access;
	pt_va_t first, last;
	unsigned int want, refuse; /* DUMP_* of --filter */
	uint64_t leaf_size; /* 0: any */
};

void dump_options_parse(struct dump_options *options, int argc, char **argv);
/** The number that @text is, all of it. */
uint64_t dump_parse_number(const char *option, const char *text);
/** The KIND of --access. */
const char *dump_access_name(enum pt_access_kind kind);

/* ---- source.c ---- */

struct dump_root {
	char label[32];
	struct pt_fmt_cfg cfg;
	struct pt_format_info info;
	struct pt_pgtable *pt;
	struct pt_reserve *reserve; /* room for new tables; NULL without --map */
	bool has_soft; /* it is known what words mean that are not present: */
	struct pt_soft_cfg soft;
};

struct dump_vmcore;

struct dump_source {
	const char *path;
	struct pt_phys *phys;
	struct dump_vmcore *vmcore; /* what phys is read from, as needed; NULL: all is there */
	struct dump_regs regs; /* given, and those that a dump knows */
	struct dump_root roots[PT_IMAGE_MAX_ROOTS];
	size_t nr_roots;
	bool is_tables; /* a table image */
	bool has_regs; /* which name the roots; else the table image does */
	bool is_of_cpu; /* the registers are those of a processor in a dump */
};

/** Opens a raw or table image or a memory dump, and the roots that @regs or the file itself name. */
void dump_source_open(struct dump_source *source, const char *path, const struct dump_regs *regs,
		      const struct dump_options *options);
/** Refuses what was given and changes nothing of @source, nor of @other's, or NULL. */
void dump_source_check(const struct dump_options *options, const struct dump_source *source,
		       const struct dump_source *other);
/** Whether --cpu is of this image; it is not of --diff's. */
bool dump_source_wants_cpu(const struct dump_source *source, const struct dump_options *options);
/**
 * Sees to it that [@pa, @pa + @len) has been read, which the tables of roots have been. Returns
 * whether the file has all of it.
 */
bool dump_source_load(const struct dump_source *source, pt_pa_t pa, uint64_t len);
/** The same of all memory. */
void dump_source_load_all(const struct dump_source *source);
void dump_source_close(struct dump_source *source);
/** Refuses to save over what is read, by whatever name: tables are read where they stand. */
void dump_source_guard(const struct dump_options *options);
/** Writes the tables of all roots; returns how many pages they are. */
size_t dump_source_save(const struct dump_source *source, const char *path);

/* ---- walk.c ---- */

/* Neighbouring entries that are alike: a line of output. */
struct dump_run {
	pt_va_t va, last;
	pt_pa_t pa;
	pt_attr_t attr;
	uint64_t raw;
	unsigned int perms; /* DUMP_* */
	unsigned int level, size_lg2, contig_lg2;
	enum pt_range_walk_type type; /* PTW_PFN, PTW_UNKNOWN or PTW_ILLEGAL */
	enum pt_illegal why;
};

/*
 * A walk over one root. It ends early, with cut_short set, when it has read
 * many more entries than all tables together have: that is how an image whose
 * tables all point at each other looks.
 */
struct dump_walk {
	const struct dump_root *root;
	const struct dump_options *options;
	pt_va_t cut_va; /* where it was cut short */
	bool cut_short;
	/* private */
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	struct dump_run ahead;
	bool has_ahead;
	uint64_t nr_calls, nr_words, max_calls, max_words;
};

void dump_walk_start(struct dump_walk *walk, const struct dump_root *root,
		     const struct dump_options *options);
bool dump_walk_next(struct dump_walk *walk, struct dump_run *run);
/** Ends a walk; says on stderr if it was cut short. Returns whether it was. */
bool dump_walk_done(struct dump_walk *walk);
/** DUMP_* of @attr in @root's format. */
unsigned int dump_perms(const struct dump_root *root, pt_attr_t attr);

/* ---- print.c ---- */

/* A line under construction; cut off at its end, which no line reaches. */
struct dump_line {
	char text[512];
	size_t len;
};

void dump_put(struct dump_line *line, const char *text);
void dump_put_char(struct dump_line *line, char c);
void dump_put_hex(struct dump_line *line, uint64_t value, unsigned int digits);
void dump_put_number(struct dump_line *line, uint64_t value);
/** Adds blanks up to @column. */
void dump_put_column(struct dump_line *line, size_t column);
void dump_put_end(struct dump_line *line, FILE *out);

/** Bytes as "4K", "1.5G"; 0 is 2^64. */
const char *dump_size(uint64_t bytes, char text[static 24]);
/** Permissions as "rw- u -". */
const char *dump_perms_text(const struct dump_root *root, unsigned int perms, bool ad,
			    char text[static 16]);

/* Text output: runs of one root, with a page that repeats folded into one line. */
struct dump_table {
	const struct dump_root *root;
	const struct dump_options *options;
	struct dump_run last;
	uint64_t stride, nr_repeats;
	bool has_last, has_head;
};

void dump_table_start(struct dump_table *table, const struct dump_root *root,
		      const struct dump_options *options);
void dump_table_row(struct dump_table *table, const struct dump_run *run);
void dump_table_done(struct dump_table *table);
void dump_title(const struct dump_root *root);
/** Adds everything about @run that stands right of its addresses. */
void dump_put_run(struct dump_line *line, const struct dump_root *root, const struct dump_run *run,
		  bool ad);

/* ---- json.c; json.h has what objects are made with ---- */

/** One JSON object: a leaf, a word that is not present, or a corrupt one, which says why. */
void dump_json(const struct dump_root *root, const struct dump_run *run);

/* ---- machine.c ---- */

struct explain_regime;

/** Finds what performs accesses to @root, or without one by @regs alone, and loads it. */
void dump_machine_open(struct explain_regime *machine, const struct dump_source *source,
		       const struct dump_root *root, const struct dump_regs *regs);
void dump_machine_close(struct explain_regime *machine);
/** Adds the bits of registers that decide about accesses and were not among @regs; or nothing. */
void dump_put_assumed(struct dump_line *line, const struct explain_regime *machine,
		      const struct dump_regs *regs);

/* ---- what is done ---- */

/** Each returns whether there are findings. */
bool dump_trace(const struct dump_source *source, const struct dump_options *options);
bool dump_access(const struct dump_source *source, const struct dump_options *options);
bool dump_usage(const struct dump_source *source, const struct dump_options *options);
bool dump_verify(const struct dump_source *source, const struct dump_options *options);
bool dump_diff(const struct dump_source *before, const struct dump_source *after,
	       const struct dump_options *options);
bool dump_find_roots(const struct dump_source *source, const struct dump_options *options);
void dump_map(struct dump_source *source, const struct dump_options *options);

/* ---- read.c ---- */

/** Writes --read's bytes to standard output; returns whether some are not there. */
bool dump_read(const struct dump_source *source, const struct dump_options *options);

/* ---- soft.c ---- */

/** The kernel that @text names. */
enum pt_soft_release dump_parse_kernel(const char *text);
/** @root was written by @release. */
void dump_soft_init(struct dump_root *root, enum pt_soft_release release);
/** What @raw means; UNKNOWN without --kernel. */
struct pt_soft dump_soft(const struct dump_root *root, unsigned int level, uint64_t raw);
/** Whether the word of @next, behind @run, says what would follow: the next page of swap, ... */
bool dump_soft_continues(const struct dump_root *root, const struct dump_run *run,
			 const struct dump_run *next);
/** Adds what @raw means; false, and nothing, if that is not known. */
bool dump_put_soft(struct dump_line *line, const struct dump_root *root, unsigned int level,
		   uint64_t raw);

#endif /* PTDUMP_H */
