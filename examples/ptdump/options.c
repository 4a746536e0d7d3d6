/* SPDX-License-Identifier: MIT */
/* The command line of ptdump: which options there are, and which go together. */
#include "values.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char help_of_input[] =
	"usage: ptdump [--image] FILE REGISTERS... [OPTION]...\n"
	"       ptdump [--tables] FILE [OPTION]...\n"
	"       ptdump DUMP [OPTION]...\n"
	"\n"
	"Prints the page tables in a memory image, in a memory dump, or in a table image, which\n"
	"holds nothing but tables and knows its registers. The file itself never changes.\n"
	"\n"
	"Input\n"
	"  --image FILE            a raw memory image, a table image, or a dump: an ELF core as\n"
	"                          QEMU's dump-guest-memory or /proc/vmcore have it, a kdump\n"
	"                          file, or LiME's, which AVML writes too. makedumpfile -R makes\n"
	"                          a plain one of a flattened one, avml-convert of a compressed\n"
	"                          one\n"
	"  --tables FILE           a table image, see --save-tables\n"
	"  --region PA:LEN:OFFSET  LEN bytes of memory at PA stand at OFFSET of the file; may be\n"
	"                          repeated; LEN 0: to its end. Without: the whole file at 0.\n"
	"                          Of a region whole pages of 4K count, as of LiME's ranges\n"
	"  --base PA               the whole file stands at PA\n"
	"  --cut-short             what is there of a dump of LiME's that ends too early; stderr\n"
	"                          says where. The rest is no memory\n"
	"  --cpu N                 the registers of the N-th processor of QEMU's dump, from 0 on,\n"
	"                          which are what selects tables without registers; of other\n"
	"                          dumps of Linux: those of the kernel's own tables, by its\n"
	"                          VMCOREINFO. In raw images and LiME's dumps that is looked for,\n"
	"                          unless there are registers, --cpu or --root: each page is read\n"
	"                          once, holes of the file are not, and its tables have to map\n"
	"                          themselves. stderr says what it selects\n"
	"  --arch x86_64|arm64|x86_ept|arm64_s2\n"
	"                          usually seen from the registers\n"
	"  --cr3 --cr0 --cr4 --efer --pat --maxphyaddr N, --no-1g\n"
	"  --c-bit N               AMD's bit of memory encryption, CPUID 8000001F, EBX[5:0]\n"
	"  --ttbr0 --ttbr1 --tcr --mair --mmfr0 --mmfr1 --mmfr2 --mmfr3 N\n"
	"  --eptp --ept-cap N, --mbec\n"
	"                          Intel's second stage; IA32_VMX_EPT_VPID_CAP\n"
	"  --vttbr --vtcr --hcr N  arm64's second stage, of that root alone\n"
	"                          without: long mode, NX, the memory types of Linux, HCR.VM, and\n"
	"                          all that EPT and arm64 can have; MAXPHYADDR 52: address bits\n"
	"                          that a processor lacks are found reserved with its own\n"
	"  --root LABEL            only this root: cr3, ttbr0, ttbr1, eptp, vttbr, or as the\n"
	"                          table image says\n"
	"  --map VA:PA:LEN:PERMS   map this, in a private copy, before anything else; may be\n"
	"                          repeated. PERMS: letters of rwxpug. Encrypted with --c-bit\n"
	"\n";

/* In two, for a compiler need not take longer strings. */
static const char help_of_output[] =
	"What to print (default: ranges)\n"
	"  --va ADDR               the walk of one address, level by level\n"
	"  --access KIND           with --va: what an access would do, and why. KIND: read, "
	"write,\n"
	"                          fetch, or rmw (locked, atomic). Exit status 1 if it faults\n"
	"  --size N                ... of 1 to 64 bytes. Without: 8; fetches 1, on arm64 4\n"
	"  --priv user|kernel      ... by whom. Without: kernel. With --eptp and --vttbr: of a\n"
	"                          guest that has not switched on its own tables\n"
	"  --rflags --pkru --pkrs --sctlr --tcr2 --pir --pire0 --por-el0 --por-el1 N,\n"
	"  --pan, --uao\n"
	"                          ... under these registers, and those above: a table image\n"
	"                          knows what selects its tables, and nothing of these. Without:\n"
	"                          0, but SCTLR.M, and CR0.WP if there is no --cr0; a last line\n"
	"                          says so\n"
	"  --read VA:LEN           the bytes of memory there, and nothing else, whatever "
	"permissions\n"
	"                          say; up to the first one that is not there, and then status 1\n"
	"  --pa ADDR               every address at which that physical page is mapped\n"
	"  --wx                    what is writable and executable, as all levels together allow\n"
	"  --usage                 tables, leaves and memory by level\n"
	"  --verify                check every entry of every table. A slot that points at its\n"
	"                          own table, a self-map, is a finding too: a loop, and status\n"
	"                          1; --half and --range leave it out\n"
	"  --diff FILE             what differs in FILE: - gone, + new, ~ changed. Its registers\n"
	"                          are the same but for --cr3-2, --ttbr0-2, --ttbr1-2, --eptp-2,\n"
	"                          --vttbr-2\n"
	"  --find-roots            every root that there can be in a memory image, as the option\n"
	"                          that selects it: those of the registers, and what shares\n"
	"                          kernel tables with cr3 or ttbr1, or is like ttbr0, eptp or\n"
	"                          vttbr: sound tables, of no other tree. With the tables, leaves\n"
	"                          and bytes below it; of x86_64's, in the lower half\n"
	"  --save-tables FILE      write the table pages, and only them, as a table image; not "
	"over\n"
	"                          what is read\n"
	"\n"
	"How to print it\n"
	"  --each                  a line for each leaf, with accessed and dirty\n"
	"  --json                  a JSON object a line, of all but --read: a range; a level,\n"
	"                          then all; a finding; an entry on the way, then the outcome;\n"
	"                          a root that can be; a difference with its sign. What is sound\n"
	"                          or the same has none. Ranges of corrupt entries have a word\n"
	"                          and a why\n"
	"  --effective             what the levels above leave of a leaf's permissions\n"
	"  --soft                  non-present words that are not zero, too\n"
	"  --kernel NAME           ... and what Linux means by them, here and with --va: swap,\n"
	"                          migration, markers, ... NAME: x86-6.12, x86-6.15, arm64-6.1,\n"
	"                          arm64-6.12, arm64-6.15, built with device private memory\n"
	"  --half lower|upper      only that half of the address space, of --verify too\n"
	"  --range FIRST-LAST      only these addresses, LAST included; the same\n"
	"  --filter LIST           only leaves with these of rwxpugad, or without: 'w,!u'\n"
	"  --leaf-size SIZE        only leaves of that size\n"
	"\n"
	"Permissions: r read, w write, x execute (arm64: by user code), p execute by privileged\n"
	"code where that differs, u user, g global, a accessed, d dirty.\n"
	"Memory types: x86's names, of both; arm64's Device-nGnRnE is UC, Normal Non-cacheable WC.\n"
	"Numbers: as in C, with K, M, G or T behind. Exit status: 0 fine; 1 findings: a\n"
	"difference, W^X, a corrupt table or contiguous block, an access that faults, bytes that\n"
	"are not there; 2 usage, or input that cannot be read.\n";

enum option_id {
	OPT_IMAGE = 256,
	OPT_TABLES,
	OPT_REGION,
	OPT_BASE,
	OPT_CUT_SHORT,
	OPT_CPU,
	OPT_ARCH,
	OPT_ROOT,
	OPT_MAP,
	OPT_VA,
	OPT_ACCESS,
	OPT_SIZE,
	OPT_PRIV,
	OPT_READ,
	OPT_PA,
	OPT_WX,
	OPT_USAGE,
	OPT_VERIFY,
	OPT_DIFF,
	OPT_FIND_ROOTS,
	OPT_SAVE,
	OPT_EACH,
	OPT_JSON,
	OPT_EFFECTIVE,
	OPT_SOFT,
	OPT_KERNEL,
	OPT_HALF,
	OPT_RANGE,
	OPT_FILTER,
	OPT_LEAF_SIZE,
	OPT_HELP,
	OPT_REGS, /* and those behind it, see registers.c */
};

static const struct option plain_options[] = {
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "tables", required_argument, NULL, OPT_TABLES },
	{ "region", required_argument, NULL, OPT_REGION },
	{ "base", required_argument, NULL, OPT_BASE },
	{ "cut-short", no_argument, NULL, OPT_CUT_SHORT },
	{ "cpu", required_argument, NULL, OPT_CPU },
	{ "arch", required_argument, NULL, OPT_ARCH },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "map", required_argument, NULL, OPT_MAP },
	{ "va", required_argument, NULL, OPT_VA },
	{ "access", required_argument, NULL, OPT_ACCESS },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "priv", required_argument, NULL, OPT_PRIV },
	{ "read", required_argument, NULL, OPT_READ },
	{ "pa", required_argument, NULL, OPT_PA },
	{ "wx", no_argument, NULL, OPT_WX },
	{ "usage", no_argument, NULL, OPT_USAGE },
	{ "verify", no_argument, NULL, OPT_VERIFY },
	{ "diff", required_argument, NULL, OPT_DIFF },
	{ "find-roots", no_argument, NULL, OPT_FIND_ROOTS },
	{ "save-tables", required_argument, NULL, OPT_SAVE },
	{ "each", no_argument, NULL, OPT_EACH },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "effective", no_argument, NULL, OPT_EFFECTIVE },
	{ "soft", no_argument, NULL, OPT_SOFT },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "half", required_argument, NULL, OPT_HALF },
	{ "range", required_argument, NULL, OPT_RANGE },
	{ "filter", required_argument, NULL, OPT_FILTER },
	{ "leaf-size", required_argument, NULL, OPT_LEAF_SIZE },
	{ "help", no_argument, NULL, OPT_HELP },
};

/* ---- single options ---- */

static void set_action(struct dump_options *options, enum dump_action action)
{
	if (options->action != DUMP_RANGES && options->action != action)
		dump_die("only one of --va, --read, --pa, --wx, --usage, --verify, --diff and "
			 "--find-roots at a time");
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

/* ---- all of it ---- */

/* Which options were given, by id. */
struct given {
	bool id[OPT_REGS - OPT_IMAGE];
};

static bool is_given(const struct given *given, enum option_id id)
{
	return given->id[id - OPT_IMAGE];
}

/* --save-tables alone: nothing is printed but how much it wrote. */
static bool is_only_saving(const struct dump_options *options)
{
	return options->save_path && options->action == DUMP_RANGES && !options->each &&
	       !options->json;
}

#define BIT_OF(action) (1u << (action))
#define RUNS (BIT_OF(DUMP_RANGES) | BIT_OF(DUMP_PA) | BIT_OF(DUMP_WX) | BIT_OF(DUMP_DIFF))

/* Options that would change nothing of what is done: whoever gave one takes it for heeded. */
static void check_ties(enum dump_action action, const struct given *given)
{
	static const struct {
		enum option_id id;
		unsigned int actions;
		const char *what;
	} ties[] = {
		{ OPT_EACH, RUNS, "--each goes with ranges, --pa, --wx and --diff" },
		{ OPT_EFFECTIVE, RUNS, "--effective goes with ranges, --pa, --wx and --diff" },
		{ OPT_SOFT, RUNS, "--soft goes with ranges, --pa, --wx and --diff" },
		{ OPT_KERNEL, RUNS | BIT_OF(DUMP_VA),
		  "--kernel goes with ranges, --va, --pa, --wx and --diff" },
		{ OPT_HALF, RUNS | BIT_OF(DUMP_VERIFY),
		  "--half goes with ranges, --pa, --wx, --diff and --verify" },
		{ OPT_RANGE, RUNS | BIT_OF(DUMP_VERIFY),
		  "--range goes with ranges, --pa, --wx, --diff and --verify" },
		{ OPT_FILTER, RUNS, "--filter goes with ranges, --pa, --wx and --diff" },
		{ OPT_LEAF_SIZE, RUNS, "--leaf-size goes with ranges, --pa, --wx and --diff" },
	};

	for (size_t i = 0; i < sizeof(ties) / sizeof(ties[0]); i++)
		if (is_given(given, ties[i].id) && !(ties[i].actions & BIT_OF(action)))
			dump_die("%s; nothing else heeds it", ties[i].what);
}

static void check_options(struct dump_options *options, const struct given *given)
{
	if (!options->path)
		dump_die("no image; --help says how to give one");
	if (is_given(given, OPT_BASE) && options->nr_regions > 1)
		dump_die("--base goes for the whole file, --region for parts of it");
	if (options->json && options->action == DUMP_READ)
		dump_die("--json goes with everything but --read, which writes bytes");
	if (options->access.wanted && options->action != DUMP_VA)
		dump_die("--access goes with --va");
	if ((is_given(given, OPT_SIZE) || is_given(given, OPT_PRIV)) && !options->access.wanted)
		dump_die("--size and --priv are of an --access");
	if (is_only_saving(options))
		options->action = DUMP_NOTHING;
	check_ties(options->action, given);
	if (options->action == DUMP_WX)
		options->effective = true;
}

/* Returns whether @id is one of those that only set a field; sets it then. */
static bool take_simple(struct dump_options *options, int id)
{
	switch (id) {
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
	case OPT_CUT_SHORT:
		options->may_be_cut = true;
		return true;
	case OPT_SOFT:
		options->soft = true;
		return true;
	case OPT_KERNEL:
		options->kernel = dump_parse_kernel(optarg);
		options->has_kernel = true;
		options->soft = true;
		return true;
	case OPT_ROOT:
		options->root = optarg;
		return true;
	case OPT_SAVE:
		options->save_path = optarg;
		return true;
	case OPT_CPU:
		options->cpu = dump_parse_cpu(optarg);
		options->has_cpu = true;
		return true;
	case OPT_LEAF_SIZE:
		dump_parse_leaf_size(options, optarg);
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
		dump_parse_region(options, optarg);
		break;
	case OPT_BASE:
		if (options->nr_regions == DUMP_MAX_REGIONS)
			dump_die("--base goes for the whole file, --region for parts of it");
		options->regions[options->nr_regions++] =
			(struct dump_region){ .pa = dump_parse_number(name, optarg) };
		break;
	case OPT_MAP:
		dump_parse_map(options, optarg);
		break;
	case OPT_FILTER:
		dump_parse_filter(options, optarg);
		break;
	case OPT_RANGE:
		dump_parse_range(options, optarg);
		break;
	case OPT_HALF:
		dump_parse_half(options, optarg);
		break;
	case OPT_VA:
	case OPT_PA:
		set_action(options, id == OPT_VA ? DUMP_VA : DUMP_PA);
		options->address = dump_parse_number(name, optarg);
		break;
	case OPT_READ:
		set_action(options, DUMP_READ);
		dump_parse_read(options, optarg);
		break;
	case OPT_ACCESS:
		dump_parse_access(&options->access, optarg);
		break;
	case OPT_SIZE:
		dump_parse_size(&options->access, optarg);
		break;
	case OPT_PRIV:
		dump_parse_priv(&options->access, optarg);
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
	case OPT_FIND_ROOTS:
		set_action(options, DUMP_FIND_ROOTS);
		break;
	case OPT_HELP:
		fputs(help_of_input, stdout);
		fputs(help_of_output, stdout);
		dump_flush();
		exit(DUMP_FINE);
	default:
		break;
	}
}

#define NR_PLAIN (sizeof(plain_options) / sizeof(plain_options[0]))

void dump_options_parse(struct dump_options *options, int argc, char **argv)
{
	struct option all[NR_PLAIN + DUMP_NR_REG_OPTIONS + 1] = { { NULL, 0, NULL, 0 } };
	struct given given = { 0 };
	int id, position;

	memcpy(all, plain_options, sizeof(plain_options));
	dump_regs_options(&all[NR_PLAIN], OPT_REGS);
	*options = (struct dump_options){ .last = UINT64_MAX };
	opterr = 0; /* what is wrong is said here, in one line */
	for (;;) {
		int argument = optind;

		position = -1;
		id = getopt_long(argc, argv, "-:h", all, &position);
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
		if (id >= OPT_REGS) {
			dump_regs_take(options, (unsigned int)(id - OPT_REGS), optarg);
			continue;
		}
		given.id[id - OPT_IMAGE] = true;
		if (id == OPT_ARCH)
			options->arch = dump_parse_arch(optarg);
		else if (!take_simple(options, id))
			take_option(options, id, position < 0 ? "" : all[position].name);
	}
	if (optind < argc) /* after "--" */
		set_path(options, argv[optind++], false);
	if (optind < argc)
		dump_die("two images: '%s' and '%s'; the second one goes to --diff", options->path,
			 argv[optind]);
	check_options(options, &given);
	dump_regs_finish(options);
}
