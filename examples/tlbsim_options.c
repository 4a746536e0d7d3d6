/* SPDX-License-Identifier: MIT */
/* The command line of tlbsim: shapes, policies, profiles. */
#include "tlbsim.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: tlbsim [OPTION]... FILE|-\n"
	"\n"
	"Sends a trace of addresses through a TLB of one or two levels and counts what misses.\n"
	"Each page is 4K and mapped, data side only. A hit in level 1 does not touch level 2, one\n"
	"in level 2 fills level 1, a walk fills both.\n"
	"\n"
	"The trace\n"
	"  --format u64            64-bit little-endian addresses (default)\n"
	"  --format lackey         as valgrind --tool=lackey --trace-mem=yes prints it: one "
	"lookup\n"
	"                          for each L, S and M, of its first byte; I is left out\n"
	"  --passes N              go over it N times (1)\n"
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
	"\n"
	"  --json                  one JSON object, or with --compare an array of them\n"
	"\n"
	"Prints a name and its value a line, or with --compare a table. Exit status: 0; 2 for\n"
	"usage, or input that cannot be read.\n";

enum option_id {
	OPT_L1 = 256,
	OPT_L2,
	OPT_POLICY,
	OPT_SEED,
	OPT_PROFILE,
	OPT_COMPARE,
	OPT_FORMAT,
	OPT_PASSES,
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
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

/* What --l1, --l2, --policy and --seed said, as text. */
struct wanted {
	const char *l1, *l2, *policy;
	uint64_t seed;
};

static uint64_t parse_number(const char *option, const char *text)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (!isdigit((unsigned char)text[0]) || errno || *end)
		sim_die("%s %s: no number", option, text);
	return value;
}

static enum pt_tlb_policy parse_policy(const char *text)
{
	static const char *const names[] = { "lru", "fifo", "plru", "random" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i]))
			return (enum pt_tlb_policy)i;
	sim_die("policy %s: not lru, fifo, plru or random", text);
}

/* ENTRIESxWAYS; false for none. */
static bool parse_level(const char *text, unsigned int level, enum pt_tlb_policy policy,
			struct pt_tlb_part *part)
{
	unsigned long entries, ways;
	char *end, *last;

	if (level == 2 && !strcmp(text, "none"))
		return false;
	entries = strtoul(text, &end, 10);
	ways = *end == 'x' && isdigit((unsigned char)end[1]) ? strtoul(end + 1, &last, 10) : 0;
	if (!isdigit((unsigned char)text[0]) || !entries || !ways || *last)
		sim_die("level %u of %s: not ENTRIESxWAYS", level, text);
	if (entries > PT_TLB_MAX_ENTRIES)
		sim_die("level %u of %s: more than %d entries", level, text, PT_TLB_MAX_ENTRIES);
	if (ways > entries || entries % ways)
		sim_die("level %u of %s: the entries are no multiple of the ways", level, text);
	if (policy == PT_TLB_PLRU && ways & (ways - 1))
		sim_die("level %u of %s: tree-PLRU needs ways that are a power of two", level,
			text);
	*part = (struct pt_tlb_part){
		.level = level,
		.uses = 1u << PT_TLB_USE_DATA,
		.sizes = UINT64_C(1) << 12,
		.entries = (unsigned int)entries,
		.ways = (unsigned int)ways,
		.policy = policy,
	};
	return true;
}

static struct sim_shape *add_shape(struct sim_options *options)
{
	if (options->nr_shapes == SIM_MAX)
		sim_die("more than %d TLBs to compare", SIM_MAX);
	return &options->shapes[options->nr_shapes++];
}

static void add_levels(struct sim_options *options, const struct wanted *wanted)
{
	struct sim_shape *shape = add_shape(options);
	enum pt_tlb_policy policy = parse_policy(wanted->policy);

	shape->cfg.seed = wanted->seed;
	shape->cfg.nr_parts = 1;
	(void)parse_level(wanted->l1, 1, policy, &shape->cfg.parts[0]);
	shape->has_l2 = parse_level(wanted->l2, 2, policy, &shape->cfg.parts[1]);
	shape->cfg.nr_parts += shape->has_l2;
	snprintf(shape->label, sizeof(shape->label), "%s:%s:%s", wanted->l1, wanted->l2,
		 wanted->policy);
}

static void add_profile(struct sim_options *options, const struct pt_tlb_profile *profile)
{
	struct sim_shape *shape = add_shape(options);

	snprintf(shape->label, sizeof(shape->label), "%s", profile->name);
	shape->cfg = profile->tlb;
	shape->has_l2 = true;
}

static _Noreturn void list_profiles(void)
{
	const struct pt_tlb_profile *profile;

	for (size_t i = 0; (profile = pt_tlb_profile_at(i)); i++)
		printf("%-16s %s\n", profile->name, profile->what);
	exit(0);
}

/* Commas and colons become ends of strings: the list is the program's own argument. */
static void add_compared(struct sim_options *options, char *list, const struct wanted *wanted)
{
	options->compare = true;
	for (char *item = list, *next; item; item = next) {
		const struct pt_tlb_profile *profile;
		struct wanted levels = *wanted;
		char *colon;

		next = strchr(item, ',');
		if (next)
			*next++ = '\0';
		profile = pt_tlb_profile_find(item);
		if (profile) {
			add_profile(options, profile);
			continue;
		}
		if (!isdigit((unsigned char)item[0]))
			sim_die("--compare %s: neither a profile nor L1:L2:POLICY", item);
		levels.l1 = item;
		colon = strchr(item, ':');
		if (colon) {
			*colon++ = '\0';
			levels.l2 = colon;
			colon = strchr(colon, ':');
		}
		if (colon) {
			*colon++ = '\0';
			levels.policy = colon;
		}
		add_levels(options, &levels);
	}
}

static enum sim_format parse_format(const char *text)
{
	if (!strcmp(text, "u64"))
		return SIM_U64;
	if (!strcmp(text, "lackey"))
		return SIM_LACKEY;
	sim_die("--format %s: not u64 or lackey", text);
}

void sim_options_parse(struct sim_options *options, int argc, char **argv)
{
	struct wanted wanted = { .l1 = "64x4", .l2 = "1536x12", .policy = "lru" };
	const struct pt_tlb_profile *profile = NULL;
	bool levels = false;
	char *compared[SIM_MAX];
	size_t nr_compared = 0;
	int id;

	*options = (struct sim_options){ .passes = 1 };
	opterr = 0;
	while ((id = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		switch (id) {
		case OPT_L1:
			wanted.l1 = optarg;
			levels = true;
			break;
		case OPT_L2:
			wanted.l2 = optarg;
			levels = true;
			break;
		case OPT_POLICY:
			wanted.policy = optarg;
			levels = true;
			break;
		case OPT_SEED:
			wanted.seed = parse_number("--seed", optarg);
			break;
		case OPT_PROFILE:
			if (!strcmp(optarg, "list"))
				list_profiles();
			profile = pt_tlb_profile_find(optarg);
			if (!profile)
				sim_die("--profile %s: unknown; 'list' lists them", optarg);
			break;
		case OPT_COMPARE:
			if (nr_compared == SIM_MAX)
				sim_die("more than %d TLBs to compare", SIM_MAX);
			compared[nr_compared++] = optarg;
			break;
		case OPT_FORMAT:
			options->format = parse_format(optarg);
			break;
		case OPT_PASSES:
			options->passes = parse_number("--passes", optarg);
			if (!options->passes)
				sim_die("--passes 0: at least one");
			break;
		case OPT_JSON:
			options->json = true;
			break;
		case OPT_HELP:
			fputs(help, stdout);
			exit(0);
		case ':':
			sim_die("%s needs a value; --help tells", argv[optind - 1]);
		default:
			sim_die("%s: unknown option; --help tells", argv[optind - 1]);
		}
	}
	if (optind != argc - 1)
		sim_die("give one trace, a file or -; --help tells");
	options->path = argv[optind];
	if (profile && levels)
		sim_die("--profile has its own levels and policy");
	if (profile)
		add_profile(options, profile);
	else
		add_levels(options, &wanted);
	for (size_t i = 0; i < nr_compared; i++)
		add_compared(options, compared[i], &wanted);
}
