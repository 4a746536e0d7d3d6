/* SPDX-License-Identifier: MIT */
/*
 * unmapped_pages - what it costs to allocate pages that are absent from the direct map.
 *
 * The same workload in three ways, on x86_64 and on arm64 with and without range TLBIs: the
 * flushes are those that Linux would have made, counted one by one. unmapped_pages.h says
 * which file does what.
 */
#include "unmapped_pages.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct um_machine all_machines[] = {
	{ "x86_64", PT_FMT_X86_64, PT_FLUSH_X86_64, NULL, 0, false },
	{ "arm64 with range TLBI", PT_FMT_ARM64_4K, PT_FLUSH_ARM64_RANGE, NULL, 0, false },
	{ "arm64 without", PT_FMT_ARM64_4K, PT_FLUSH_ARM64, NULL, 0, false },
};

#define NR_MACHINES (sizeof(all_machines) / sizeof(all_machines[0]))

static const char help[] =
	"usage: unmapped_pages [OPTION]...\n"
	"\n"
	"Allocates pages that are absent from the direct map, replaces random ones, frees all; "
	"one\n"
	"page at a time with set_direct_map, with freetypes, and with freetypes in batches.\n"
	"\n"
	"  --pages N        pages held at once (100000)\n"
	"  --churn N        pages replaced (as many)\n"
	"  --batch N        pageblocks converted at once in the third way, 1 to 64 (16)\n"
	"  --arch NAME      x86_64, arm64 or all (all)\n"
	"  --cpus LIST      on simulated CPUs instead, so many: e.g. 2,16,128\n"
	"  --profile NAME   their TLBs and costs: of a real processor, or all (all)\n"
	"  --svg FILE       a plot by gnuplot; as text where there is none\n"
	"  --json           figures as JSON, and nothing else\n"
	"  --help           this\n"
	"\n"
	"cycles are modelled, per allocation: x86_64: 45000 for each flush, for reaching other "
	"CPUs,\n"
	"300 for each INVLPG and 192 for flushing everything; arm64: 69 for each TLBI. All at 3 "
	"GHz,\n"
	"see pt_flush_cost_default(); refilling the TLB is not in it. With --cpus they are the\n"
	"profile's: of each CPU that is interrupted, one after the other, or of a broadcast; and "
	"the\n"
	"CPUs look at the pages through their TLBs, to see that they are gone.\n";

#define MAX_CPU_COUNTS 8
#define MAX_PROFILES 32
#define MAX_SIMULATED (2 * MAX_PROFILES * MAX_CPU_COUNTS)

/* The exit code, when everything was printed. */
static int written(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	fputs("unmapped_pages: standard output cannot be written to\n", stderr);
	return 2;
}

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || n < least || n > most) {
		fprintf(stderr, "unmapped_pages: --%s wants a number from %llu to %llu\n", option,
			(unsigned long long)least, (unsigned long long)most);
		exit(2);
	}
	return n;
}

struct options {
	struct um_workload workload;
	unsigned int first, nr; /* of all_machines */
	const char *svg;
	bool json;
	unsigned int cpus[MAX_CPU_COUNTS], nr_cpus;
	const char *profile; /* NULL: all */
};

static void parse_arch(struct options *options, const char *name)
{
	if (!strcmp(name, "x86_64")) {
		options->nr = 1;
	} else if (!strcmp(name, "arm64")) {
		options->first = 1;
		options->nr = 2;
	} else if (strcmp(name, "all")) {
		fprintf(stderr, "unmapped_pages: --arch wants x86_64, arm64 or all\n");
		exit(2);
	}
}

/* Numbers with commas between. */
static void parse_cpus(struct options *options, char *list)
{
	options->nr_cpus = 0;
	for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
		if (options->nr_cpus == MAX_CPU_COUNTS) {
			fprintf(stderr, "unmapped_pages: --cpus wants %d numbers at most\n",
				MAX_CPU_COUNTS);
			exit(2);
		}
		options->cpus[options->nr_cpus++] =
			(unsigned int)number("cpus", item, 1, PT_MACHINE_MAX_CPUS);
	}
	if (!options->nr_cpus)
		(void)number("cpus", "", 1, PT_MACHINE_MAX_CPUS);
}

static void parse_profile(struct options *options, const char *name)
{
	options->profile = strcmp(name, "all") ? name : NULL;
	if (options->profile && !pt_tlb_profile_find(name)) {
		fprintf(stderr, "unmapped_pages: --profile wants one of tlbsim --profile list\n");
		exit(2);
	}
}

static void parse(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "pages", required_argument, NULL, 'p' },
		{ "churn", required_argument, NULL, 'c' },
		{ "batch", required_argument, NULL, 'b' },
		{ "arch", required_argument, NULL, 'a' },
		{ "cpus", required_argument, NULL, 'n' },
		{ "profile", required_argument, NULL, 'r' },
		{ "svg", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t churn = UINT64_MAX;
	int c;

	*options = (struct options){ .workload = { 100000, 0, 16 }, .nr = NR_MACHINES };
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'p':
			options->workload.pages = number("pages", optarg, 1, 1u << 24);
			break;
		case 'c':
			churn = number("churn", optarg, 0, 1u << 30);
			break;
		case 'b':
			options->workload.batch =
				(unsigned int)number("batch", optarg, 1, PT_ZONE_MAX_BATCH);
			break;
		case 'a':
			parse_arch(options, optarg);
			break;
		case 'n':
			parse_cpus(options, optarg);
			break;
		case 'r':
			parse_profile(options, optarg);
			break;
		case 's':
			options->svg = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(written());
		default:
			fputs("unmapped_pages: try --help\n", stderr);
			exit(2);
		}
	}
	if (optind != argc) {
		fprintf(stderr, "unmapped_pages: what is %s? Try --help\n", argv[optind]);
		exit(2);
	}
	options->workload.churn = churn == UINT64_MAX ? options->workload.pages : churn;
	if (options->profile && !options->nr_cpus) {
		fputs("unmapped_pages: --profile is of --cpus\n", stderr);
		exit(2);
	}
	if (options->svg && options->nr_cpus) {
		fputs("unmapped_pages: --svg is not of --cpus\n", stderr);
		exit(2);
	}
}

/*
 * The profiles of the architectures that were asked for, each with each number of CPUs; those of
 * arm64 without range TLBIs, which the processors that there are profiles of do not have, and with.
 */
static unsigned int simulated_machines(const struct options *options,
				       struct um_machine machines[MAX_SIMULATED])
{
	bool x86 = options->first == 0, arm64 = options->first + options->nr == NR_MACHINES;
	const struct pt_tlb_profile *profile;
	unsigned int nr = 0;

	for (unsigned int i = 0; i < MAX_PROFILES && (profile = pt_tlb_profile_at(i)); i++) {
		if (!(profile->arm64 ? arm64 : x86) ||
		    (options->profile && strcmp(profile->name, options->profile)))
			continue;
		for (unsigned int k = 0; k < options->nr_cpus << profile->arm64; k++)
			machines[nr++] = (struct um_machine){
				.name = profile->name,
				.fmt = profile->arm64 ? PT_FMT_ARM64_4K : PT_FMT_X86_64,
				.profile = profile,
				.nr_cpus = options->cpus[k % options->nr_cpus],
				.ranges = k >= options->nr_cpus,
			};
	}
	return nr;
}

static void run_all(const struct um_machine *machines, unsigned int nr,
		    const struct um_workload *workload, struct um_result (*results)[UM_WAY_NR])
{
	for (unsigned int i = 0; i < nr; i++)
		for (unsigned int way = 0; way < UM_WAY_NR; way++)
			um_run(&machines[i], workload, (enum um_way)way, &results[i][way]);
}

static void run_simulated(const struct options *options)
{
	static struct um_result results[MAX_SIMULATED][UM_WAY_NR];
	static struct um_machine machines[MAX_SIMULATED];
	unsigned int nr = simulated_machines(options, machines);

	if (!nr) {
		fprintf(stderr, "unmapped_pages: --profile %s is not of that --arch\n",
			options->profile);
		exit(2);
	}
	run_all(machines, nr, &options->workload, results);
	if (options->json)
		um_report_json(machines, nr, &options->workload, results);
	else
		um_report(machines, nr, results);
}

static void run_counted(const struct options *options)
{
	static struct um_result results[NR_MACHINES][UM_WAY_NR];
	const struct um_machine *machines = all_machines + options->first;

	run_all(machines, options->nr, &options->workload, results);
	if (options->json) {
		um_print_json(machines, options->nr, &options->workload, results);
	} else {
		for (unsigned int i = 0; i < options->nr; i++)
			um_print_table(&machines[i], results[i]);
		um_print_bars(machines, options->nr, results);
	}
	if (options->svg && !um_plot(options->svg, machines, options->nr, results))
		fprintf(stderr, "unmapped_pages: no plot: gnuplot is missing or refused\n");
}

int main(int argc, char **argv)
{
	struct options options;

	parse(&options, argc, argv);
	if (options.nr_cpus)
		run_simulated(&options);
	else
		run_counted(&options);
	return written();
}
