/* SPDX-License-Identifier: MIT */
/* mmu-oracle: run a list of accesses against raw page tables on an MMU that is not ours. */
#include <getopt.h>
#include <stdlib.h>

#include "executor.h"

enum { EXIT_MISMATCH = 1, EXIT_BAD_JOB = 2, EXIT_SKIPPED = 77 };

static void usage(FILE *out)
{
	fputs("usage: mmu-oracle [OPTION]... [JOB | -]\n"
	      "  -q, --quiet    print mismatches and the summary only\n"
	      "  -s, --speed    print accesses per second to stderr\n"
	      "  -k, --kvm      use /dev/kvm instead of QEMU (x86_64, 4-level)\n"
	      "  -b, --bochs    use Bochs instead of QEMU (x86_64, 4-level)\n"
	      "  -v, --verbose  show the emulator's stderr; twice: log its exceptions\n"
	      "  -h, --help\n"
	      "Exit status: 0; 1 an expectation failed; 2 bad job; 77 something is missing.\n",
	      out);
}

/* False: wrong usage. */
static bool parse_options(struct job *job, struct orc_cfg *cfg, int argc, char **argv, bool *speed)
{
	static const struct option options[] = {
		{ "quiet", no_argument, NULL, 'q' },
		{ "speed", no_argument, NULL, 's' },
		{ "kvm", no_argument, NULL, 'k' },
		{ "bochs", no_argument, NULL, 'b' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "qskbvh", options, NULL)) != -1) {
		switch (c) {
		case 'q':
			job->quiet = true;
			break;
		case 's':
			*speed = true;
			break;
		case 'k':
			cfg->kvm = 1;
			break;
		case 'b':
			cfg->bochs = 1;
			break;
		case 'v':
			cfg->verbose++;
			break;
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			return false;
		}
	}
	return argc - optind <= 1;
}

static int run(struct job *job, const char *file, bool speed)
{
	int err = job_run_file(job, file);

	if (speed && job->seconds > 0)
		fprintf(stderr, "%llu accesses, %.3f s, %.0f/s\n", job->nr_run, job->seconds,
			(double)job->nr_run / job->seconds);
	if (err)
		return err == JOB_SKIP ? EXIT_SKIPPED : EXIT_BAD_JOB;
	return job->nr_failed ? EXIT_MISMATCH : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct executor *executor = calloc(1, sizeof(*executor));
	struct job *job = job_create(&oracle_executor, executor);
	bool speed = false;
	int status = EXIT_BAD_JOB;

	if (!executor || !job)
		perror("mmu-oracle");
	else if (parse_options(job, &executor->cfg, argc, argv, &speed))
		status = run(job, optind < argc ? argv[optind] : "-", speed);
	else
		usage(stderr);
	if (executor)
		orc_close(executor->o);
	job_destroy(job);
	free(executor);
	return status;
}
