/* SPDX-License-Identifier: MIT */
/* The command line of tlbsim: shapes, policies, profiles, machines. */
#define _POSIX_C_SOURCE 200809L

#include "tlbsim.h"

#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help_of_tlbs[] =
	"usage: tlbsim [OPTION]... FILE|-\n"
	"\n"
	"Sends a trace of addresses through a TLB of one or two levels and counts what misses: "
	"each\n"
	"page is mapped, data side only. A hit in level 1 does not touch level 2, one in\n"
	"level 2 fills level 1, a walk fills both. Or performs a trace of events on a machine "
	"with\n"
	"such TLBs, and counts what is flushed too.\n"
	"\n"
	"The trace\n"
	"  --format u64            64-bit little-endian addresses (default)\n"
	"  --format lackey         as valgrind --tool=lackey --trace-mem=yes prints it: one "
	"lookup\n"
	"                          for each L, S and M, of its first byte; I is left out\n"
	"  --format events         what processes do, in the language below\n"
	"  --passes N              addresses: go over it N times (1)\n"
	"  --page SIZE             addresses: the size of each page, 4K to 1G (4K). Levels of "
	"--l1\n"
	"                          and --l2 hold entries of that size; of a profile's those that\n"
	"                          it has for it, or pieces. A walk reads the words that x86_64\n"
	"                          needs: four, from 2M on three, for 1G two\n"
	"\n"
	"The TLB\n"
	"  --l1 ENTRIESxWAYS       level 1 (64x4). The set is the page number modulo\n"
	"                          ENTRIES / WAYS, which need not be a power of two\n"
	"  --l2 ENTRIESxWAYS|none  level 2 (1536x12)\n"
	"  --policy POLICY         lru, fifo, plru (a tree; WAYS a power of two) or random (lru)\n"
	"  --seed N                of random (0)\n"
	"  --profile NAME          the TLB of a real processor instead; 'list' lists them\n"
	"  --compare LIST          more of them, side by side: profiles, or L1:L2:POLICY, with\n"
	"                          commas between; L2 and POLICY as above if left out\n"
	"  --reach                 addresses: one level of 16, 32, ... 65536 entries instead, with "
	"the\n"
	"                          ways of --l1 where there are so many: misses against the "
	"memory\n"
	"                          that the entries reach\n"
	"\n";

/* In two, for a compiler need not take longer strings. */
static const char help_of_machines[] =
	"The machine, for events\n"
	"  --arch NAME             x86_64 or arm64 (a profile's; else x86_64). Without a profile\n"
	"                          costs are those of skylake-sp or neoverse-n1\n"
	"  --cpus N                as many CPUs (as the trace names)\n"
	"  --ceiling N             flush up to N pages one by one, more as a whole (as Linux: "
	"x86_64\n"
	"                          33, arm64 2097152 or, without ranges, 511)\n"
	"  --batch N               an unmap gathers N pages that are there, flushes them, and so "
	"on\n"
	"                          (as Linux: 9678). 0: all of them\n"
	"  --no-ranges             arm64: without FEAT_TLBIRANGE, which the processors of the\n"
	"                          profiles do not have\n"
	"  --pcids N               x86_64: address spaces whose entries a CPU keeps (as Linux: "
	"6).\n"
	"                          0: no PCIDs, a switch flushes\n"
	"  --delivery NAME         x86_64: ipi, invlpgb or rar (ipi)\n"
	"  --send PS               invlpgb, rar: picoseconds of one INVLPGB to all CPUs, with its\n"
	"                          share of TLBSYNC, or of one RAR to one CPU (0, as no profile\n"
	"                          knows it)\n"
	"  --memory MIB            of the machine (4096); costs what is touched\n"
	"  --check                 report flushes that were missing, and count needless ones\n"
	"  --sweep                 the ceiling and the batch that take the fewest cycles, for one\n"
	"                          TLB, of all ceilings; usual_cycles are those of --ceiling and\n"
	"                          --batch\n"
	"  --ceilings LIST         those alone\n"
	"  --batches LIST          those (1, 2, 4, ... and 0)\n"
	"\n"
	"  --load PS               picoseconds of a table word read by a walk (5000: about a hit "
	"in\n"
	"                          a level 2 cache)\n"
	"  --svg FILE              --reach, --sweep: a plot by gnuplot; as text where there is "
	"none\n"
	"  --json                  one JSON object, or with --compare an array of them\n"
	"\n"
	"Prints a name and its value a line, or with --compare a table. cycles are modelled, at\n"
	"3 GHz, from the profile's costs: flushes, interrupts one after the other, and walks, "
	"which\n"
	"read four words of 5 ns each for 4K where no paging-structure cache is simulated. Exit "
	"status: "
	"0;\n"
	"1 if --check reported something; 2 for usage, or input that cannot be used.\n"
	"\n";

/* In the order of long_options. */
enum option_id {
	OPT_L1 = 256,
	OPT_L2,
	OPT_POLICY,
	OPT_SEED,
	OPT_PROFILE,
	OPT_COMPARE,
	OPT_FORMAT,
	OPT_PASSES,
	OPT_PAGE,
	OPT_REACH,
	OPT_ARCH,
	OPT_CPUS,
	OPT_CEILING,
	OPT_BATCH,
	OPT_NO_RANGES,
	OPT_PCIDS,
	OPT_DELIVERY,
	OPT_SEND,
	OPT_MEMORY,
	OPT_CHECK,
	OPT_SWEEP,
	OPT_CEILINGS,
	OPT_BATCHES,
	OPT_LOAD,
	OPT_SVG,
	OPT_JSON,
	OPT_HELP,
};

static const struct option long_options[] = {
	{ "l1", required_argument, NULL, OPT_L1 },
	{ "l2", required_argument, NULL, OPT_L2 },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "compare", required_argument, NULL, OPT_COMPARE },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "passes", required_argument, NULL, OPT_PASSES },
	{ "page", required_argument, NULL, OPT_PAGE },
	{ "reach", no_argument, NULL, OPT_REACH },
	{ "arch", required_argument, NULL, OPT_ARCH },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "ceiling", required_argument, NULL, OPT_CEILING },
	{ "batch", required_argument, NULL, OPT_BATCH },
	{ "no-ranges", no_argument, NULL, OPT_NO_RANGES },
	{ "pcids", required_argument, NULL, OPT_PCIDS },
	{ "delivery", required_argument, NULL, OPT_DELIVERY },
	{ "send", required_argument, NULL, OPT_SEND },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "sweep", no_argument, NULL, OPT_SWEEP },
	{ "ceilings", required_argument, NULL, OPT_CEILINGS },
	{ "batches", required_argument, NULL, OPT_BATCHES },
	{ "load", required_argument, NULL, OPT_LOAD },
	{ "svg", required_argument, NULL, OPT_SVG },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static uint64_t parse_number(const char *option, const char *text, uint64_t most)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, sim_base(text));
	if (!isdigit((unsigned char)text[0]) || errno || *end)
		sim_die("%s %s: no number", option, text);
	if (value > most)
		sim_die("%s %s: too large", option, text);
	return value;
}

static enum sim_format parse_format(const char *text)
{
	static const char *const names[] = { "u64", "lackey", "events" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i]))
			return (enum sim_format)i;
	sim_die("--format %s: not u64, lackey or events", text);
}

static enum pt_delivery parse_delivery(const char *text)
{
	static const char *const names[PT_DELIVERY_NR] = {
		[PT_DELIVER_IPI] = "ipi",
		[PT_DELIVER_INVLPGB] = "invlpgb",
		[PT_DELIVER_RAR] = "rar",
	};

	for (unsigned int i = 0; i < PT_DELIVERY_NR; i++)
		if (!strcmp(text, names[i]))
			return (enum pt_delivery)i;
	sim_die("--delivery %s: not ipi, invlpgb or rar", text);
}

static bool parse_arm64(const char *text)
{
	if (!strcmp(text, "arm64"))
		return true;
	if (!strcmp(text, "x86_64"))
		return false;
	sim_die("--arch %s: not x86_64 or arm64", text);
}

/* Log2 of a power of two, perhaps with K, M or G behind. */
static unsigned int parse_page(const char *text)
{
	static const char suffixes[] = "KMG";
	unsigned int shift = 0, lg2;
	const char *suffix;
	uint64_t size;
	char *end;

	size = strtoull(text, &end, sim_base(text));
	suffix = *end ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;
	if (suffix) {
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
		end++;
	}
	for (lg2 = SIM_PAGE_LG2; lg2 <= SIM_MAX_PAGE_LG2; lg2++)
		if (isdigit((unsigned char)text[0]) && !*end &&
		    size == (UINT64_C(1) << lg2) >> shift)
			return lg2;
	sim_die("--page %s: no power of two from 4K to 1G", text);
}

/* Numbers with commas between; the commas become ends of strings. Returns how many. */
static size_t parse_list(const char *option, char *list, uint64_t most, uint64_t **numbers)
{
	size_t nr = 0;

	free(*numbers);
	*numbers = malloc((strlen(list) / 2 + 1) * sizeof(**numbers));
	if (!*numbers)
		sim_die("no memory");
	for (char *item = list, *next; item; item = next) {
		next = strchr(item, ',');
		if (next)
			*next++ = '\0';
		(*numbers)[nr++] = parse_number(option, item, most);
	}
	return nr;
}

/* What was said, until it is known what it is about. */
struct said {
	struct sim_wanted wanted;
	const struct pt_tlb_profile *profile;
	bool levels, reach;
	const char *of_events, *of_addresses; /* an option that is for them alone */
	char *compared[SIM_MAX];
	size_t nr_compared;
};

static void parse_tlb(struct said *said, int id)
{
	switch (id) {
	case OPT_L1:
		said->wanted.l1 = optarg;
		break;
	case OPT_L2:
		said->wanted.l2 = optarg;
		break;
	case OPT_POLICY:
		said->wanted.policy = optarg;
		break;
	case OPT_SEED:
		said->wanted.seed = parse_number("--seed", optarg, UINT64_MAX);
		return;
	case OPT_PROFILE:
		if (!strcmp(optarg, "list"))
			sim_list_profiles();
		said->profile = pt_tlb_profile_find(optarg);
		if (!said->profile)
			sim_die("--profile %s: unknown; 'list' lists them", optarg);
		return;
	default: /* OPT_COMPARE */
		if (!strcmp(optarg, "list"))
			sim_list_profiles();
		if (said->nr_compared == SIM_MAX)
			sim_die("more than %d TLBs to compare", SIM_MAX);
		said->compared[said->nr_compared++] = optarg;
		return;
	}
	said->levels = true;
}

static void parse_machine(struct sim_options *options, int id)
{
	struct sim_machine *machine = &options->machine;

	switch (id) {
	case OPT_ARCH:
		machine->arm64 = parse_arm64(optarg);
		machine->has_arch = true;
		break;
	case OPT_CPUS:
		machine->nr_cpus =
			(unsigned int)parse_number("--cpus", optarg, PT_MACHINE_MAX_CPUS);
		if (!machine->nr_cpus)
			sim_die("--cpus 0: at least one");
		break;
	case OPT_CEILING:
		machine->ceiling = parse_number("--ceiling", optarg, SIM_MAX_CEILING);
		break;
	case OPT_BATCH:
		machine->batch = parse_number("--batch", optarg, SIM_MAX_BATCH);
		break;
	case OPT_NO_RANGES:
		machine->no_ranges = true;
		break;
	case OPT_PCIDS:
		machine->nr_pcids =
			(unsigned int)parse_number("--pcids", optarg, PT_MACHINE_MAX_PCIDS);
		machine->has_pcids = true;
		break;
	case OPT_DELIVERY:
		machine->delivery = parse_delivery(optarg);
		break;
	case OPT_SEND:
		machine->send_ps = parse_number("--send", optarg, UINT32_MAX);
		machine->has_send = true;
		break;
	case OPT_MEMORY:
		machine->memory_mib = parse_number("--memory", optarg, SIM_MAX_MIB);
		if (!machine->memory_mib)
			sim_die("--memory 0: at least one");
		break;
	case OPT_CHECK:
		machine->check = true;
		break;
	case OPT_SWEEP:
		options->sweep = true;
		break;
	case OPT_CEILINGS:
		options->nr_ceilings =
			parse_list("--ceilings", optarg, SIM_MAX_CEILING, &options->ceilings);
		break;
	default: /* OPT_BATCHES */
		options->nr_batches =
			parse_list("--batches", optarg, SIM_MAX_BATCH, &options->batches);
		break;
	}
}

static void parse_one(struct sim_options *options, struct said *said, int id, char **argv)
{
	switch (id) {
	case OPT_FORMAT:
		options->format = parse_format(optarg);
		break;
	case OPT_PASSES:
		options->passes = parse_number("--passes", optarg, ULONG_MAX);
		if (!options->passes)
			sim_die("--passes 0: at least one");
		said->of_addresses = "--passes";
		break;
	case OPT_PAGE:
		options->page_lg2 = parse_page(optarg);
		said->of_addresses = "--page";
		break;
	case OPT_REACH:
		said->reach = true;
		said->of_addresses = "--reach";
		break;
	case OPT_LOAD:
		options->machine.load_ps = parse_number("--load", optarg, UINT32_MAX);
		break;
	case OPT_SVG:
		options->svg = optarg;
		break;
	case OPT_JSON:
		options->json = true;
		break;
	case OPT_HELP:
		fputs(help_of_tlbs, stdout);
		fputs(help_of_machines, stdout);
		fputs(sim_events_help, stdout);
		sim_flush();
		exit(0);
	case ':':
		sim_die("%s needs a value; --help tells", argv[optind - 1]);
	default:
		if (id >= OPT_L1 && id <= OPT_COMPARE) {
			parse_tlb(said, id);
		} else if (id >= OPT_ARCH && id <= OPT_BATCHES) {
			parse_machine(options, id);
			said->of_events = long_options[id - OPT_L1].name;
		} else {
			sim_die("%s: unknown option; --help tells", argv[optind - 1]);
		}
	}
}

/* A machine is of one architecture, and so are the TLBs that it is tried with. */
static void check_events(struct sim_options *options, const struct said *said)
{
	struct sim_machine *machine = &options->machine;

	if (!machine->has_arch)
		machine->arm64 = options->shapes[0].profile && options->shapes[0].profile->arm64;
	for (size_t i = 0; i < options->nr_shapes; i++) {
		const struct pt_tlb_profile *profile = options->shapes[i].profile;

		if (profile && profile->arm64 != machine->arm64)
			sim_die("%s is no processor of %s", profile->name,
				machine->arm64 ? "arm64" : "x86_64");
	}
	if (machine->arm64 && machine->delivery != PT_DELIVER_IPI)
		sim_die("--delivery: arm64 broadcasts");
	if (machine->has_pcids && (machine->arm64 || machine->delivery != PT_DELIVER_IPI))
		sim_die("--pcids: of x86_64 with --delivery ipi");
	if (machine->has_send && machine->delivery == PT_DELIVER_IPI)
		sim_die("--send: of --delivery invlpgb or rar");
	if (!machine->arm64 && machine->no_ranges)
		sim_die("--no-ranges: x86_64 has none");
	if (options->sweep && (options->compare || machine->check))
		sim_die("--sweep: of one TLB, and without --check");
	if (said->of_addresses)
		sim_die("%s: of addresses, not of events", said->of_addresses);
}

/* The trace is read before the plot is written, and would be gone: whichever name says it. */
static void check_svg(const struct sim_options *options)
{
	struct stat trace, svg;

	if (!options->svg)
		return;
	if (!options->reach && !options->sweep)
		sim_die("--svg: of --reach or --sweep");
	if (stat(options->svg, &svg))
		return;
	if (strcmp(options->path, "-") ? stat(options->path, &trace) : fstat(STDIN_FILENO, &trace))
		return;
	if (svg.st_dev == trace.st_dev && svg.st_ino == trace.st_ino)
		sim_die("--svg: '%s' is the trace that is read, which never changes", options->svg);
}

void sim_options_parse(struct sim_options *options, int argc, char **argv)
{
	struct said said = { .wanted = { .l1 = "64x4", .l2 = "1536x12", .policy = "lru" } };
	int id;

	*options = (struct sim_options){
		.passes = 1,
		.page_lg2 = SIM_PAGE_LG2,
		.machine = { .ceiling = SIM_NO_CEILING,
			     .batch = PT_GATHER_LINUX_LEAVES,
			     .load_ps = 5000,
			     .memory_mib = 4096 },
	};
	opterr = 0;
	while ((id = getopt_long(argc, argv, ":", long_options, NULL)) != -1)
		parse_one(options, &said, id, argv);
	if (optind != argc - 1)
		sim_die("give one trace, a file or -; --help tells");
	options->path = argv[optind];
	if (said.profile && said.levels)
		sim_die("--profile has its own levels and policy");
	if (said.reach && (said.profile || said.nr_compared))
		sim_die("--reach: of --l1 and --policy alone");
	if (said.reach)
		sim_add_reach(options, &said.wanted);
	else if (said.profile)
		sim_add_profile(options, said.profile);
	else
		sim_add_levels(options, &said.wanted);
	for (size_t i = 0; i < said.nr_compared; i++)
		sim_add_compared(options, said.compared[i], &said.wanted);
	if (options->format == SIM_EVENTS)
		check_events(options, &said);
	else if (said.of_events)
		sim_die("--%s: of --format events", said.of_events);
	check_svg(options);
	if (!options->sweep && (options->nr_batches || options->nr_ceilings))
		sim_die("--ceilings, --batches: of --sweep");
}
