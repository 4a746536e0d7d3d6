/* SPDX-License-Identifier: MIT */
/* The command line of ptdump: numbers, regions, registers, filters. */
#include "ptdump.h"

#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: ptdump [--image] FILE REGISTERS... [OPTION]...\n"
	"       ptdump [--tables] FILE [OPTION]...\n"
	"\n"
	"Prints the page tables in a memory image, or in a table image that holds nothing\n"
	"but tables and knows its registers. The file itself never changes.\n"
	"\n"
	"Input\n"
	"  --image FILE            a raw memory image, or a table image\n"
	"  --tables FILE           a table image, see --save-tables\n"
	"  --region PA:LEN:OFFSET  LEN bytes of memory at PA stand at OFFSET of the file; may be\n"
	"                          repeated; LEN 0: to its end. Without: the whole file at 0\n"
	"  --base PA               the whole file stands at PA\n"
	"  --arch x86_64|arm64     usually seen from the registers\n"
	"  --cr3 --cr0 --cr4 --efer --pat --maxphyaddr N, --no-1g\n"
	"  --ttbr0 --ttbr1 --tcr --mair --mmfr0 --mmfr1 --mmfr2 N\n"
	"                          without: long mode, NX, and the memory types of Linux\n"
	"  --root LABEL            only this root: cr3, ttbr0, ttbr1, or as the table image says\n"
	"  --map VA:PA:LEN:PERMS   map this, in a private copy, before anything else; may be\n"
	"                          repeated. PERMS: letters of rwxpug\n"
	"\n"
	"What to print (default: ranges)\n"
	"  --va ADDR               the walk of one address, level by level\n"
	"  --pa ADDR               every address at which that physical page is mapped\n"
	"  --wx                    what is writable and executable, as all levels together allow\n"
	"  --usage                 tables, leaves and memory by level\n"
	"  --verify                check every entry of every table\n"
	"  --diff FILE             what differs in FILE: - gone, + new, ~ changed. Its registers\n"
	"                          are the same but for --cr3-2, --ttbr0-2, --ttbr1-2\n"
	"  --save-tables FILE      write the table pages, and only them, as a table image\n"
	"\n"
	"How to print it\n"
	"  --each                  a line for each leaf, with accessed and dirty\n"
	"  --json                  a JSON object a line\n"
	"  --effective             what the levels above leave of a leaf's permissions\n"
	"  --soft                  non-present words that are not zero, too\n"
	"  --half lower|upper      only that half of the address space\n"
	"  --range FIRST-LAST      only these addresses, LAST included\n"
	"  --filter LIST           only leaves with these of rwxpugad, or without: 'w,!u'\n"
	"  --leaf-size SIZE        only leaves of that size\n"
	"\n"
	"Permissions: r read, w write, x execute (arm64: by user code), p execute by privileged\n"
	"code where that differs, u user, g global, a accessed, d dirty.\n"
	"Numbers: as in C, with K, M, G or T behind. Exit status: 0 fine; 1 findings: a\n"
	"difference, W^X, a corrupt table; 2 usage, or input that cannot be read.\n";

enum option_id {
	OPT_IMAGE = 256,
	OPT_TABLES,
	OPT_REGION,
	OPT_BASE,
	OPT_ARCH,
	OPT_ROOT,
	OPT_MAP,
	OPT_VA,
	OPT_PA,
	OPT_WX,
	OPT_USAGE,
	OPT_VERIFY,
	OPT_DIFF,
	OPT_SAVE,
	OPT_EACH,
	OPT_JSON,
	OPT_EFFECTIVE,
	OPT_SOFT,
	OPT_HALF,
	OPT_RANGE,
	OPT_FILTER,
	OPT_LEAF_SIZE,
	OPT_HELP,
	OPT_NO_1G,
	OPT_CR0,
	OPT_CR3,
	OPT_CR4,
	OPT_EFER,
	OPT_PAT,
	OPT_MAXPHYADDR,
	OPT_TTBR0,
	OPT_TTBR1,
	OPT_TCR,
	OPT_MAIR,
	OPT_MMFR0,
	OPT_MMFR1,
	OPT_MMFR2,
	OPT_CR3_2,
	OPT_TTBR0_2,
	OPT_TTBR1_2,
	OPT_END,
};

static const struct option long_options[] = {
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "tables", required_argument, NULL, OPT_TABLES },
	{ "region", required_argument, NULL, OPT_REGION },
	{ "base", required_argument, NULL, OPT_BASE },
	{ "arch", required_argument, NULL, OPT_ARCH },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "map", required_argument, NULL, OPT_MAP },
	{ "va", required_argument, NULL, OPT_VA },
	{ "pa", required_argument, NULL, OPT_PA },
	{ "wx", no_argument, NULL, OPT_WX },
	{ "usage", no_argument, NULL, OPT_USAGE },
	{ "verify", no_argument, NULL, OPT_VERIFY },
	{ "diff", required_argument, NULL, OPT_DIFF },
	{ "save-tables", required_argument, NULL, OPT_SAVE },
	{ "each", no_argument, NULL, OPT_EACH },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "effective", no_argument, NULL, OPT_EFFECTIVE },
	{ "soft", no_argument, NULL, OPT_SOFT },
	{ "half", required_argument, NULL, OPT_HALF },
	{ "range", required_argument, NULL, OPT_RANGE },
	{ "filter", required_argument, NULL, OPT_FILTER },
	{ "leaf-size", required_argument, NULL, OPT_LEAF_SIZE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "no-1g", no_argument, NULL, OPT_NO_1G },
	{ "cr0", required_argument, NULL, OPT_CR0 },
	{ "cr3", required_argument, NULL, OPT_CR3 },
	{ "cr4", required_argument, NULL, OPT_CR4 },
	{ "efer", required_argument, NULL, OPT_EFER },
	{ "pat", required_argument, NULL, OPT_PAT },
	{ "maxphyaddr", required_argument, NULL, OPT_MAXPHYADDR },
	{ "ttbr0", required_argument, NULL, OPT_TTBR0 },
	{ "ttbr1", required_argument, NULL, OPT_TTBR1 },
	{ "tcr", required_argument, NULL, OPT_TCR },
	{ "mair", required_argument, NULL, OPT_MAIR },
	{ "mmfr0", required_argument, NULL, OPT_MMFR0 },
	{ "mmfr1", required_argument, NULL, OPT_MMFR1 },
	{ "mmfr2", required_argument, NULL, OPT_MMFR2 },
	{ "cr3-2", required_argument, NULL, OPT_CR3_2 },
	{ "ttbr0-2", required_argument, NULL, OPT_TTBR0_2 },
	{ "ttbr1-2", required_argument, NULL, OPT_TTBR1_2 },
	{ NULL, 0, NULL, 0 },
};

/* ---- numbers ---- */

/* Reads a number at @text; returns where it ends, or NULL if there is none. */
static const char *scan_number(const char *text, uint64_t *value)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	unsigned int shift;
	char *end;

	if (!isdigit((unsigned char)*text)) /* strtoull() would take blanks and signs */
		return NULL;
	errno = 0;
	*value = strtoull(text, &end, 0);
	if (errno)
		return NULL;
	suffix = *end ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;
	if (suffix) {
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
		if (*value > UINT64_MAX >> shift)
			return NULL;
		*value <<= shift;
		end++;
	}
	return end;
}

static uint64_t parse_number(const char *option, const char *text)
{
	const char *end;
	uint64_t value;

	end = scan_number(text, &value);
	if (!end || *end)
		dump_die("--%s: '%s' is not a number of 64 bits", option, text);
	return value;
}

/* "A:B:C": reads up to @max numbers; *@rest is what stands behind the last one, after a colon. */
static size_t parse_fields(const char *option, const char *text, uint64_t *fields, size_t max,
			   const char **rest)
{
	const char *at = text;
	size_t nr = 0;

	*rest = NULL;
	while (nr < max) {
		at = scan_number(at, &fields[nr]);
		if (!at || (*at && *at != ':'))
			dump_die("--%s: '%s' is not a list of numbers with ':' between", option,
				 text);
		nr++;
		if (!*at)
			return nr;
		at++;
	}
	*rest = at;
	return nr;
}

/* ---- single options ---- */

static void parse_region(struct dump_options *options, const char *text)
{
	struct dump_region *region = &options->regions[options->nr_regions];
	uint64_t fields[3] = { 0 };
	const char *rest;

	if (options->nr_regions == DUMP_MAX_REGIONS)
		dump_die("--region: more than %d of them", DUMP_MAX_REGIONS);
	parse_fields("region", text, fields, 3, &rest);
	if (rest)
		dump_die("--region: '%s' is not PA:LEN:OFFSET", text);
	*region = (struct dump_region){ .pa = fields[0], .len = fields[1], .offset = fields[2] };
	options->nr_regions++;
}

static unsigned int parse_perms(const char *option, const char *letters)
{
	static const char all[] = DUMP_PERM_LETTERS;
	unsigned int perms = 0;

	for (const char *at = letters; *at; at++) {
		const char *letter = strchr(all, *at);

		if (*at == '-') /* as a dump prints it */
			continue;
		if (!letter)
			dump_die("--%s: '%c' is none of " DUMP_PERM_LETTERS, option, *at);
		perms |= 1u << (letter - all);
	}
	return perms;
}

static void parse_map(struct dump_options *options, const char *text)
{
	struct dump_mapping *map = &options->maps[options->nr_maps];
	const char *letters;
	uint64_t fields[3];

	if (options->nr_maps == DUMP_MAX_MAPS)
		dump_die("--map: more than %d of them", DUMP_MAX_MAPS);
	if (parse_fields("map", text, fields, 3, &letters) != 3 || !letters)
		dump_die("--map: '%s' is not VA:PA:LEN:PERMS", text);
	*map = (struct dump_mapping){
		.va = fields[0],
		.pa = fields[1],
		.len = fields[2],
		.perms = parse_perms("map", letters),
	};
	options->nr_maps++;
}

static void parse_filter(struct dump_options *options, const char *text)
{
	for (const char *at = text; *at; at++) {
		bool negated = *at == '!';
		char letter[2] = { at[negated], 0 };

		if (*at == ',')
			continue;
		if (!*letter)
			dump_die("--filter: '!' wants a letter behind it");
		if (negated)
			options->refuse |= parse_perms("filter", letter);
		else
			options->want |= parse_perms("filter", letter);
		at += negated;
	}
	/* Runs are then cut where these change, or some of their leaves would not match. */
	if ((options->want | options->refuse) & (DUMP_A | DUMP_D))
		options->respect_ad = true;
}

static void narrow(struct dump_options *options, const char *option, pt_va_t first, pt_va_t last)
{
	if (options->first < first)
		options->first = first;
	if (options->last > last)
		options->last = last;
	if (options->first > options->last)
		dump_die("--%s leaves no address", option);
}

static void parse_range(struct dump_options *options, const char *text)
{
	uint64_t first, last;
	const char *at = scan_number(text, &first);

	if (!at || *at != '-')
		dump_die("--range: '%s' is not FIRST-LAST", text);
	at = scan_number(at + 1, &last);
	if (!at || *at || last < first)
		dump_die("--range: '%s' is not FIRST-LAST", text);
	narrow(options, "range", first, last);
}

static void parse_half(struct dump_options *options, const char *text)
{
	const uint64_t middle = UINT64_C(1) << 63;

	if (!strcmp(text, "lower"))
		narrow(options, "half", 0, middle - 1);
	else if (!strcmp(text, "upper"))
		narrow(options, "half", middle, UINT64_MAX);
	else
		dump_die("--half: '%s' is neither lower nor upper", text);
}

/* Returns whether that is arm64. */
static bool parse_arch(const char *text)
{
	if (!strcmp(text, "arm64") || !strcmp(text, "aarch64"))
		return true;
	if (strcmp(text, "x86_64") && strcmp(text, "amd64"))
		dump_die("--arch: '%s' is neither x86_64 nor arm64", text);
	return false;
}

static void set_action(struct dump_options *options, enum dump_action action)
{
	if (options->action != DUMP_RANGES && options->action != action)
		dump_die("only one of --va, --pa, --wx, --usage, --verify and --diff at a time");
	options->action = action;
}

static void set_path(struct dump_options *options, const char *path, bool tables_only)
{
	if (options->path)
		dump_die("two images: '%s' and '%s'; the second one goes to --diff", options->path,
			 path);
	options->path = path;
	options->tables_only = tables_only;
}

/* Where register option @id is kept; the marks say which of those that matter were given. */
static uint64_t *register_of(struct dump_options *options, int id)
{
	struct dump_regs *regs = &options->regs;

	switch (id) {
	case OPT_CR0:
		return &regs->x86.cr0;
	case OPT_CR3:
		regs->has_cr3 = true;
		return &regs->x86.cr3;
	case OPT_CR4:
		return &regs->x86.cr4;
	case OPT_EFER:
		return &regs->x86.efer;
	case OPT_PAT:
		return &regs->x86.pat;
	case OPT_TTBR0:
		regs->has_ttbr0 = true;
		return &regs->arm64.ttbr0;
	case OPT_TTBR1:
		regs->has_ttbr1 = true;
		return &regs->arm64.ttbr1;
	case OPT_TCR:
		regs->has_tcr = true;
		return &regs->arm64.tcr;
	case OPT_MAIR:
		return &regs->arm64.mair;
	case OPT_MMFR0:
		return &regs->arm64.mmfr0;
	case OPT_MMFR1:
		return &regs->arm64.mmfr1;
	case OPT_MMFR2:
		return &regs->arm64.mmfr2;
	case OPT_CR3_2:
		options->other_regs.has_cr3 = true;
		return &options->other_regs.x86.cr3;
	case OPT_TTBR0_2:
		options->other_regs.has_ttbr0 = true;
		return &options->other_regs.arm64.ttbr0;
	case OPT_TTBR1_2:
		options->other_regs.has_ttbr1 = true;
		return &options->other_regs.arm64.ttbr1;
	default:
		return NULL;
	}
}

/* ---- all of it ---- */

/* Which options were given, by id. */
struct given {
	bool id[OPT_END - OPT_IMAGE];
};

static bool is_given(const struct given *given, enum option_id id)
{
	return given->id[id - OPT_IMAGE];
}

/* The memory types that the library takes for usual, which are Linux's. */
static uint64_t usual_mem_types(enum pt_format format)
{
	struct pt_fmt_cfg cfg;

	return pt_fmt_cfg_init(&cfg, format) ? 0 : cfg.mem_types;
}

/*
 * A machine in long mode that runs Linux, for what of it was not told. Of arm64's ID registers all
 * zero means that everything is there; once one is given, the others must say so themselves.
 */
static void fill_registers(struct dump_regs *regs, const struct given *given)
{
	if (!is_given(given, OPT_PAT))
		regs->x86.pat = usual_mem_types(PT_FMT_X86_64);
	if (!is_given(given, OPT_MAIR))
		regs->arm64.mair = usual_mem_types(PT_FMT_ARM64_4K);
	if (!is_given(given, OPT_CR0))
		regs->x86.cr0 = 0x80010001; /* PG, WP, PE */
	if (!is_given(given, OPT_CR4))
		regs->x86.cr4 = 0x20; /* PAE */
	if (!is_given(given, OPT_EFER))
		regs->x86.efer = 0xd01; /* NXE, LMA, LME, SCE */
	if (!is_given(given, OPT_MMFR0) && !is_given(given, OPT_MMFR1) &&
	    !is_given(given, OPT_MMFR2))
		return;
	if (!is_given(given, OPT_MMFR0))
		regs->arm64.mmfr0 = 0x10200006; /* TGran4 and TGran16 with 52 bits, PARange 52 */
	if (!is_given(given, OPT_MMFR1))
		regs->arm64.mmfr1 = 0x2002; /* HPDS2, HAFDBS with dirty state */
	if (!is_given(given, OPT_MMFR2))
		regs->arm64.mmfr2 = 0x0020000010010000; /* BBM 2, TTST, VARange 52 */
}

/* What the registers of the second image have in common with those of the first. */
static void fill_other_registers(struct dump_options *options)
{
	struct dump_regs own = options->other_regs;

	options->other_regs = options->regs;
	if (own.has_cr3) {
		options->other_regs.has_cr3 = true;
		options->other_regs.x86.cr3 = own.x86.cr3;
	}
	if (own.has_ttbr0) {
		options->other_regs.has_ttbr0 = true;
		options->other_regs.arm64.ttbr0 = own.arm64.ttbr0;
	}
	if (own.has_ttbr1) {
		options->other_regs.has_ttbr1 = true;
		options->other_regs.arm64.ttbr1 = own.arm64.ttbr1;
	}
}

static void check_options(struct dump_options *options, const struct given *given, bool arm64)
{
	const struct dump_regs *regs = &options->regs, *other = &options->other_regs;
	bool has_ttbr = regs->has_ttbr0 || regs->has_ttbr1 || other->has_ttbr0 || other->has_ttbr1;
	bool has_cr3 = regs->has_cr3 || other->has_cr3;

	if (!options->path)
		dump_die("no image; --help says how to give one");
	if (has_cr3 && has_ttbr)
		dump_die("both --cr3 and --ttbr0 or --ttbr1: these are different machines");
	if (is_given(given, OPT_ARCH) && (arm64 ? has_cr3 : has_ttbr))
		dump_die("--arch is not that of the registers");
	if (has_ttbr && !regs->has_tcr)
		dump_die("--ttbr0 and --ttbr1 say little without --tcr");
	if (is_given(given, OPT_BASE) && options->nr_regions > 1)
		dump_die("--base goes for the whole file, --region for parts of it");
	if (options->json && (options->action == DUMP_VA || options->action == DUMP_USAGE ||
			      options->action == DUMP_VERIFY || options->action == DUMP_DIFF))
		dump_die("--json goes with ranges: a dump, --pa or --wx");
	if (options->save_path && options->action == DUMP_RANGES && !options->each &&
	    !options->json)
		options->action = DUMP_NOTHING;
	if (options->action == DUMP_WX)
		options->effective = true;
}

/* Returns whether @id is one of those that only set a field; sets it then. */
static bool take_simple(struct dump_options *options, int id, const char *name)
{
	uint64_t *reg = register_of(options, id);
	uint64_t bits;

	if (reg) {
		*reg = parse_number(name, optarg);
		return true;
	}
	switch (id) {
	case OPT_MAXPHYADDR:
		bits = parse_number(name, optarg);
		if (bits < 32 || bits > 52)
			dump_die("--maxphyaddr: %s is not between 32 and 52", optarg);
		options->regs.x86.maxphyaddr = (unsigned int)bits;
		return true;
	case OPT_NO_1G:
		options->regs.x86.no_1g = true;
		return true;
	case OPT_EACH:
		options->each = true;
		options->respect_ad = true;
		return true;
	case OPT_JSON:
		options->json = true;
		return true;
	case OPT_EFFECTIVE:
		options->effective = true;
		return true;
	case OPT_SOFT:
		options->soft = true;
		return true;
	case OPT_ROOT:
		options->root = optarg;
		return true;
	case OPT_SAVE:
		options->save_path = optarg;
		return true;
	case OPT_LEAF_SIZE:
		options->leaf_size = parse_number(name, optarg);
		return true;
	default:
		return false;
	}
}

static void take_option(struct dump_options *options, int id, const char *name)
{
	switch (id) {
	case OPT_IMAGE:
	case OPT_TABLES:
		set_path(options, optarg, id == OPT_TABLES);
		break;
	case OPT_REGION:
		parse_region(options, optarg);
		break;
	case OPT_BASE:
		if (options->nr_regions == DUMP_MAX_REGIONS)
			dump_die("--base goes for the whole file, --region for parts of it");
		options->regions[options->nr_regions++] =
			(struct dump_region){ .pa = parse_number(name, optarg) };
		break;
	case OPT_MAP:
		parse_map(options, optarg);
		break;
	case OPT_FILTER:
		parse_filter(options, optarg);
		break;
	case OPT_RANGE:
		parse_range(options, optarg);
		break;
	case OPT_HALF:
		parse_half(options, optarg);
		break;
	case OPT_VA:
	case OPT_PA:
		set_action(options, id == OPT_VA ? DUMP_VA : DUMP_PA);
		options->address = parse_number(name, optarg);
		break;
	case OPT_WX:
		set_action(options, DUMP_WX);
		break;
	case OPT_USAGE:
		set_action(options, DUMP_USAGE);
		break;
	case OPT_VERIFY:
		set_action(options, DUMP_VERIFY);
		break;
	case OPT_DIFF:
		set_action(options, DUMP_DIFF);
		options->other_path = optarg;
		break;
	case OPT_HELP:
		fputs(help, stdout);
		exit(DUMP_FINE);
	default:
		break;
	}
}

void dump_options_parse(struct dump_options *options, int argc, char **argv)
{
	struct given given = { 0 };
	bool arm64 = false;
	int id, position;

	*options = (struct dump_options){ .last = UINT64_MAX };
	opterr = 0; /* what is wrong is said here, in one line */
	for (;;) {
		int argument = optind;

		position = -1;
		id = getopt_long(argc, argv, "-:h", long_options, &position);
		if (id == -1)
			break;
		if (id == '?' || id == ':')
			dump_die("%s: %s; --help lists the options", argv[argument],
				 id == ':' ? "wants an argument" : "no such option");
		if (id == 1) { /* not an option */
			set_path(options, optarg, false);
			continue;
		}
		if (id == 'h')
			id = OPT_HELP;
		if (id >= OPT_IMAGE)
			given.id[id - OPT_IMAGE] = true;
		if (id == OPT_ARCH)
			arm64 = parse_arch(optarg);
		else if (!take_simple(options, id, position < 0 ? "" : long_options[position].name))
			take_option(options, id, position < 0 ? "" : long_options[position].name);
	}
	if (optind < argc) /* after "--" */
		set_path(options, argv[optind++], false);
	if (optind < argc)
		dump_die("two images: '%s' and '%s'; the second one goes to --diff", options->path,
			 argv[optind]);
	check_options(options, &given, arm64);
	fill_registers(&options->regs, &given);
	fill_other_registers(options);
}
