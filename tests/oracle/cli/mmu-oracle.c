/* SPDX-License-Identifier: MIT */
/* mmu-oracle: run a list of accesses against raw page tables on an MMU that is not ours. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

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
static bool parse_options(struct job *job, int argc, char **argv, bool *speed)
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
			job->cfg.kvm = 1;
			break;
		case 'b':
			job->cfg.bochs = 1;
			break;
		case 'v':
			job->cfg.verbose++;
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
	FILE *in = stdin;
	int err, status = EXIT_SUCCESS;

	if (strcmp(file, "-") != 0)
		in = fopen(file, "r");
	if (!in) {
		fprintf(stderr, "mmu-oracle: %s: %s\n", file, strerror(errno));
		return EXIT_BAD_JOB;
	}
	job->name = in == stdin ? "stdin" : file;
	err = job_run(job, in);
	if (in != stdin)
		fclose(in);
	if (err)
		status = err == JOB_SKIP ? EXIT_SKIPPED : EXIT_BAD_JOB;
	else if (job->nr_failed)
		status = EXIT_MISMATCH;
	if (job->nr_expected)
		printf("%u passed, %u failed\n", job->nr_expected - job->nr_failed, job->nr_failed);
	if (speed && job->seconds > 0)
		fprintf(stderr, "%llu accesses, %.3f s, %.0f/s\n", job->nr_run, job->seconds,
			(double)job->nr_run / job->seconds);
	return status;
}

int main(int argc, char **argv)
{
	struct job *job = calloc(1, sizeof(*job));
	bool speed = false;
	int status = EXIT_BAD_JOB;

	if (!job) {
		perror("mmu-oracle");
		return EXIT_BAD_JOB;
	}
	if (parse_options(job, argc, argv, &speed))
		status = run(job, optind < argc ? argv[optind] : "-", speed);
	else
		usage(stderr);
	job_end(job);
	free(job);
	return status;
}
