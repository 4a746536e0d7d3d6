/* SPDX-License-Identifier: MIT */
/* The address space of a live process in simulated memory, and what it would cost elsewhere. */
#define _POSIX_C_SOURCE 200809L

#include "mirror.h"

#include <ctype.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: mirror [OPTION]... [COMMAND [ARGUMENT]...]\n"
	"\n"
	"Builds the address space of a process once more in simulated memory, on x86_64 and on\n"
	"arm64 with pages of 4K, 16K and 64K, and tells what it costs on each, and what it would\n"
	"cost if it were mapped otherwise. The process is the one of --pid, COMMAND half a second\n"
	"after it began, or a demonstration. It is stopped while it is read, if that is allowed.\n"
	"\n"
	"  --pid N   a process of yours, or any as root\n"
	"  --areas   the figures of all areas, not only of those that differ\n"
	"  --json    one JSON object\n"
	"  --help\n"
	"\n"
	"Reads /proc/PID/smaps and pagemap, with PAGEMAP_SCAN where the kernel has it (Linux 6.7\n"
	"and later); without, which pages are huge is not known. Not counted in Rss by the "
	"kernel,\n"
	"and so not here: the page of zeroes, pages of hugetlb, and frames of PFN maps. With "
	"larger\n"
	"pages than the process's, areas begin and end at pages of their own, and a page is\n"
	"present if any part of it is.\n"
	"\n"
	"Exit status: 0; 1 if the figures of an area differ from the kernel's; 2 for usage, or a\n"
	"process that cannot be read.\n";

void mirror_die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "mirror: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static pid_t parse_pid(const char *text)
{
	char *end;
	long pid = strtol(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end || pid <= 0 || pid != (pid_t)pid)
		mirror_die("--pid: %s is no process", text);
	return (pid_t)pid;
}

/* What was printed has arrived, or there is no point in going on. */
static void flush_output(void)
{
	if (fflush(stdout) || ferror(stdout))
		mirror_die("standard output: %s", strerror(errno));
}

static void parse(struct mirror_options *options, int argc, char **argv)
{
	enum { OPT_PID = 256, OPT_AREAS, OPT_JSON, OPT_HELP };
	static const struct option long_options[] = {
		{ "pid", required_argument, NULL, OPT_PID },
		{ "areas", no_argument, NULL, OPT_AREAS },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*options = (struct mirror_options){ 0 };
	while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		switch (option) {
		case OPT_PID:
			options->pid = parse_pid(optarg);
			break;
		case OPT_AREAS:
			options->areas = true;
			break;
		case OPT_JSON:
			options->json = true;
			break;
		case OPT_HELP:
			fputs(help, stdout);
			flush_output();
			exit(0);
		default:
			fputs("mirror: --help says more\n", stderr);
			exit(2);
		}
	}
	if (optind < argc)
		options->command = argv + optind;
	if (options->pid && options->command)
		mirror_die("--pid and a command");
}

static size_t report(const struct mirror_options *options, const struct process *process)
{
	const struct wish as_is = { 0 };
	struct twin twin;
	size_t differ;

	if (options->json)
		return report_json(process);
	report_process(process);
	twin_create(&twin, &forms[0], process, &as_is);
	differ = report_areas(options, &twin);
	twin_destroy(&twin);
	report_whatif(process);
	return differ;
}

int main(int argc, char **argv)
{
	struct mirror_options options;
	struct process process;
	pid_t child = 0;
	size_t differ;

	parse(&options, argc, argv);
	if (!options.pid)
		child = options.command ? command_start(options.command) : demo_start();
	process_read(&process, child ? child : options.pid);
	if (child)
		kill(child, SIGKILL);
	differ = report(&options, &process);
	process_free(&process);
	flush_output();
	return differ ? 1 : 0;
}
