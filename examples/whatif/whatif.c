/* SPDX-License-Identifier: MIT */
/*
 * whatif - what would this processor do with these accesses to these page tables, and why?
 * whatif.h says which file does what.
 */
#include "whatif.h"

#include <getopt.h>
#include <stdlib.h>

enum { EXIT_MISMATCH = 1, EXIT_BAD_JOB = 2 };

static const char help[] =
	"usage: whatif [OPTION]... [JOB | -]\n"
	"\n"
	"Performs single memory accesses on x86_64 or arm64 page tables, as the processor would: "
	"the\n"
	"data or the fault with its code, the physical address, the bits that hardware sets.\n"
	"\n"
	"  -e, --explain  say why: the entries on the way, the rule, what would have to change\n"
	"  -q, --quiet    print only what a job did not expect, and the summary\n"
	"  -s, --speed    print accesses per second to stderr\n"
	"  -h, --help\n"
	"\n"
	"A job has one command a line; # begins a comment. Numbers are C's, with suffix K, M, G or "
	"T,\n"
	"or bN (1 << N), or $NAME, joined by +, - and | without spaces, left to right.\n"
	"\n"
	"  arch x86_64|arm64         first line; without: x86_64\n"
	"  physbits N                x86 MAXPHYADDR, 32 to 52, default 52\n"
	"  let NAME=NUMBER...\n"
	"  mem GPA SIZE [file=F] [out=F]\n"
	"                            physical memory, zero or read from F; written to out= at the "
	"end\n"
	"  nomem                     write and drop all memory\n"
	"  poke GPA WORD...          store 64-bit words\n"
	"  dump GPA [NWORDS]         print words, as the accesses above left them\n"
	"  set REG=VALUE...          for the accesses below\n"
	"                            x86: cr0 cr3 cr4 efer pkru pkrs (PE, PG, LMA, LME always "
	"set),\n"
	"                            and cr4 with PAE, 0x20, or nothing runs\n"
	"                            arm64: sctlr tcr ttbr0 ttbr1 mair pan uao; hcr vtcr vttbr\n"
	"  OP[SIZE] VA [OPTION]... [=> EXPECTATION...]\n"
	"  info, flush               feature words of the machine; run what is queued\n"
	"  cpu LIST, room SIZE       for emulators, see tests/oracle: no effect here\n"
	"\n"
	"OP is r read, w write, m atomic read-modify-write, x fetch, i implicit supervisor read\n"
	"(x86), at or atw the AT instruction (arm64); SIZE is 1, 2, 4 or 8 bytes (8). Options:\n"
	"cpl=0..3 (x86, 0), el=0|1 (arm64, 1), data=WORD to store or add, trace to list the "
	"tables,\n"
	"ac EFLAGS.AC set (x86); unpriv LDTR and STTR, noat no address (arm64). With s12 (arm64) "
	"vtcr,\n"
	"vttbr and hcr select a stage 2 behind stage 1; HCR_EL2.VM is always set, trace lists the\n"
	"tables of stage 1, or of stage 2 if that is off.\n"
	"\n"
	"The answer is LINE OP SIZE el= va= VERDICT, with VERDICT one of\n"
	"  OK [data=] [pa=] [par=] [walk=]    done\n"
	"  FAULT vec= err= [cr2=]             x86\n"
	"  FAULT el= esr= far= ec= fsc=       arm64; of stage 2 also hpfar=; AT: FAULT stage= "
	"fst=\n"
	"  NOMEM pa=                          translated and allowed, but there is no memory\n"
	"  NOWALK tpa=                        a table lies where there is no memory\n"
	"  ERROR code=                        not performed\n"
	"Each token after => must occur in it; !token must not. After dump: among the words; if\n"
	"there are as many, the n-th is the n-th word.\n"
	"\n"
	"Exit status: 0; 1 an expectation failed; 2 usage or bad job, or an ERROR that nothing\n"
	"expected.\n";

/* False: what was printed could not be written, of which it has told. */
static bool has_arrived(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return true;
	perror("whatif: standard output");
	return false;
}

/* False: a second one. */
static bool take_file(const char **file, const char *path)
{
	if (*file)
		fprintf(stderr, "whatif: two jobs: %s and %s; see --help\n", *file, path);
	else
		*file = path;
	return *file == path;
}

/* False: wrong usage, of which it has told. */
static bool parse_options(struct job *job, struct whatif *w, int argc, char **argv, bool *speed,
			  const char **file)
{
	static const struct option options[] = {
		{ "explain", no_argument, NULL, 'e' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "speed", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	opterr = 0; /* what is wrong is said here, in one line */
	for (;;) {
		int argument = optind;

		switch (getopt_long(argc, argv, "-eqsh", options, NULL)) {
		case 'e':
			w->explain = true;
			break;
		case 'q':
			job->quiet = true;
			break;
		case 's':
			*speed = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(has_arrived() ? EXIT_SUCCESS : EXIT_BAD_JOB);
		case 1: /* not an option */
			if (!take_file(file, optarg))
				return false;
			break;
		case -1: /* what is behind "--" */
			for (; optind < argc; optind++)
				if (!take_file(file, argv[optind]))
					return false;
			return true;
		default:
			fprintf(stderr,
				"whatif: %s: no such option, or not like that; see --help\n",
				argv[argument]);
			return false;
		}
	}
}

static int run(struct job *job, const char *file, bool speed)
{
	int err = job_run_file(job, file);

	if (speed && job->seconds > 0)
		fprintf(stderr, "%llu accesses, %.3f s, %.0f/s\n", job->nr_run, job->seconds,
			(double)job->nr_run / job->seconds);
	if (!has_arrived() || err || job->nr_undone)
		return EXIT_BAD_JOB;
	return job->nr_failed ? EXIT_MISMATCH : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct whatif w = { 0 };
	struct job *job = job_create(&whatif_executor, &w);
	int status = EXIT_BAD_JOB;
	const char *file = NULL;
	bool speed = false;

	if (!job)
		perror("whatif");
	else if (parse_options(job, &w, argc, argv, &speed, &file))
		status = run(job, file ? file : "-", speed);
	whatif_close(&w);
	job_destroy(job);
	return status;
}
