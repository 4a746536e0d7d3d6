/* SPDX-License-Identifier: MIT */
/* Reading a job line by line, and the queue of accesses. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "job.h"

static const char *const op_names[ORC_OP_NR] = { "r", "w", "m", "x", "at", "atw", "i" };

int job_bad(const struct job *job, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "mmu-oracle: %s:%u: ", job->name, job->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return JOB_BAD;
}

int job_number(const struct job *job, const char *text, uint64_t *value)
{
	if (!expr_eval(&job->symbols, text, value))
		return job_bad(job, "not a number: %s", text);
	return JOB_OK;
}

int job_need_machine(struct job *job)
{
	const char *missing;

	if (job->o)
		return JOB_OK;
	missing = orc_missing(&job->cfg);
	if (missing) {
		printf("SKIPPED %s: %s\n", job->name, missing);
		return JOB_SKIP;
	}
	job->o = orc_open(&job->cfg);
	if (!job->o)
		return job_bad(job, "cannot start the machine: %s", orc_error());
	return JOB_OK;
}

static void check(struct job *job, unsigned int line, const char *expected, const char *got,
		  bool in_order)
{
	const char *missed;

	job->nr_expected++;
	if (expect_met(expected, got, in_order, &missed))
		return;
	job->nr_failed++;
	printf("%u MISMATCH wanted: %.*s got: %s\n", line, (int)strcspn(missed, " "), missed, got);
}

int job_check_line(struct job *job, const struct job_line *line, const char *got, bool in_order)
{
	const char *bad;
	char *expected;

	if (!line->expected)
		return JOB_OK;
	expected = expect_evaluate(&job->symbols, line->expected, &bad);
	if (!expected)
		return job_bad(job, "cannot evaluate: %.*s", (int)strcspn(bad, " \t\r\n"), bad);
	check(job, job->line, expected, got, in_order);
	free(expected);
	return JOB_OK;
}

static void report(struct job *job, unsigned int i)
{
	const struct orc_vec *vec = &job->vec[i];
	struct job_access *access = &job->queued[i];
	char text[VERDICT_MAX];

	verdict_format((enum orc_arch)job->cfg.arch, vec, &job->res[i], text);
	if (!job->quiet)
		printf("%u %s%u el=%u va=0x%llx %s\n", access->line, op_names[vec->op], vec->size,
		       vec->el, (unsigned long long)vec->va, text);
	if (access->expected)
		check(job, access->line, access->expected, text, false);
	free(access->expected);
	access->expected = NULL;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

int job_flush(struct job *job)
{
	double start = now();

	if (!job->nr_queued)
		return JOB_OK;
	if (orc_run(job->o, job->set, job->nr_set, job->vec, job->res, job->nr_queued))
		return job_bad(job, "the machine failed: %s", orc_error());
	job->seconds += now() - start;
	job->nr_run += job->nr_queued;
	for (unsigned int i = 0; i < job->nr_queued; i++)
		report(job, i);
	fflush(stdout);
	job->nr_queued = 0;
	job->set[0] = job->set[job->nr_set - 1];
	job->nr_set = 1;
	job->set_used = false;
	return JOB_OK;
}

/* Cuts @text in place. */
static int split(const struct job *job, char *text, struct job_line *line)
{
	static const char space[] = " \t\r\n";
	char *arrow;

	text[strcspn(text, "#")] = '\0';
	arrow = strstr(text, "=>");
	line->expected = NULL;
	if (arrow) {
		*arrow = '\0';
		line->expected = arrow + 2;
	}
	line->nr = 0;
	for (char *word = strtok(text, space); word; word = strtok(NULL, space)) {
		if (line->nr == JOB_MAXWORDS)
			return job_bad(job, "more than %u words", JOB_MAXWORDS);
		line->word[line->nr++] = word;
	}
	return JOB_OK;
}

static int run_line(struct job *job, char *text)
{
	struct job_line line;
	int err = split(job, text, &line);

	return err || !line.nr ? err : job_command(job, &line);
}

int job_run(struct job *job, FILE *in)
{
	char *text = NULL;
	size_t size = 0;
	int err = JOB_OK;

	job->nr_set = 1;
	while (!err && getline(&text, &size, in) >= 0) {
		job->line++;
		err = run_line(job, text);
	}
	free(text);
	if (!err)
		err = job_flush(job);
	if (!err)
		err = job_save_regions(job);
	return err;
}

void job_end(struct job *job)
{
	for (unsigned int i = 0; i < job->nr_queued; i++)
		free(job->queued[i].expected);
	for (unsigned int i = 0; i < job->nr_region; i++)
		free(job->region[i].out);
	orc_close(job->o);
	free(job->cpu_extra);
}

static int queue(struct job *job, const struct orc_vec *vec, const struct job_line *line)
{
	struct job_access *access = &job->queued[job->nr_queued];
	const char *bad;

	access->line = job->line;
	access->expected = NULL;
	if (line->expected) {
		access->expected = expect_evaluate(&job->symbols, line->expected, &bad);
		if (!access->expected)
			return job_bad(job, "cannot evaluate: %.*s", (int)strcspn(bad, " \t\r\n"),
				       bad);
	}
	job->vec[job->nr_queued++] = *vec;
	job->set_used = true;
	return job->nr_queued == JOB_MAXQUEUE ? job_flush(job) : JOB_OK;
}

/* "r8": cuts the size off @word. */
static int parse_op(const struct job *job, char *word, struct orc_vec *vec)
{
	size_t len = strlen(word);

	vec->size = 8;
	if (len > 1 && word[len - 1] >= '0' && word[len - 1] <= '9') {
		vec->size = (uint8_t)(word[len - 1] - '0');
		word[len - 1] = '\0';
	}
	for (vec->op = 0; vec->op < ORC_OP_NR; vec->op++)
		if (!strcmp(word, op_names[vec->op]))
			return JOB_OK;
	return job_bad(job, "no such command: %s", word);
}

static int parse_option(const struct job *job, const char *word, struct orc_vec *vec)
{
	static const struct {
		const char *name;
		uint8_t flag;
	} flags[] = {
		{ "trace", ORC_VF_TRACE }, { "ac", ORC_VF_AC },	    { "unpriv", ORC_VF_UNPRIV },
		{ "s12", ORC_VF_S12 },	   { "noat", ORC_VF_NOAT }, { "execok", ORC_VF_EXECOK },
	};
	uint64_t number = 0;
	int err;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (!strcmp(word, flags[i].name)) {
			vec->flags |= flags[i].flag;
			return JOB_OK;
		}
	}
	if (!strncmp(word, "data=", 5))
		return job_number(job, word + 5, &vec->data);
	if (!strncmp(word, "el=", 3) || !strncmp(word, "cpl=", 4)) {
		err = job_number(job, strchr(word, '=') + 1, &number);
		vec->el = (uint8_t)number;
		return err ? err : number > 3 ? job_bad(job, "no such level: %s", word) : JOB_OK;
	}
	return job_bad(job, "no such option: %s", word);
}

int job_access(struct job *job, struct job_line *line)
{
	struct orc_vec vec = { .el = job->cfg.arch == ORC_X86 ? 0 : 1 };
	int err = parse_op(job, line->word[0], &vec);

	if (err)
		return err;
	if (line->nr < 2)
		return job_bad(job, "OP[SIZE] VA [OPTION]...");
	err = job_number(job, line->word[1], &vec.va);
	for (unsigned int i = 2; !err && i < line->nr; i++)
		err = parse_option(job, line->word[i], &vec);
	if (!err)
		err = job_need_machine(job);
	if (err)
		return err;
	vec.regset = job->nr_set - 1;
	return queue(job, &vec, line);
}

int job_set(struct job *job, struct job_line *line)
{
	static const struct {
		const char *name;
		int arch, index;
	} registers[] = {
		{ "cr0", ORC_X86, ORC_XR_CR0 },	      { "cr3", ORC_X86, ORC_XR_CR3 },
		{ "cr4", ORC_X86, ORC_XR_CR4 },	      { "efer", ORC_X86, ORC_XR_EFER },
		{ "pkru", ORC_X86, ORC_XR_PKRU },     { "pkrs", ORC_X86, ORC_XR_PKRS },
		{ "sctlr", ORC_ARM64, ORC_AR_SCTLR }, { "tcr", ORC_ARM64, ORC_AR_TCR },
		{ "ttbr0", ORC_ARM64, ORC_AR_TTBR0 }, { "ttbr1", ORC_ARM64, ORC_AR_TTBR1 },
		{ "mair", ORC_ARM64, ORC_AR_MAIR },   { "hcr", ORC_ARM64, ORC_AR_HCR },
		{ "vtcr", ORC_ARM64, ORC_AR_VTCR },   { "vttbr", ORC_ARM64, ORC_AR_VTTBR },
		{ "pan", ORC_ARM64, ORC_AR_PAN },     { "uao", ORC_ARM64, ORC_AR_UAO },
	};
	int err = JOB_OK;

	if (job->set_used && job->nr_set == ORC_MAXSET)
		err = job_flush(job);
	if (job->set_used && !err) {
		job->set[job->nr_set] = job->set[job->nr_set - 1];
		job->nr_set++;
		job->set_used = false;
	}
	for (unsigned int i = 1; !err && i < line->nr; i++) {
		char *equals = strchr(line->word[i], '=');
		size_t k = 0;

		if (!equals)
			return job_bad(job, "set REG=VALUE...");
		*equals = '\0';
		while (k < sizeof(registers) / sizeof(registers[0]) &&
		       (registers[k].arch != job->cfg.arch ||
			strcmp(registers[k].name, line->word[i])))
			k++;
		if (k == sizeof(registers) / sizeof(registers[0]))
			return job_bad(job, "no such register: %s", line->word[i]);
		err = job_number(job, equals + 1, &job->set[job->nr_set - 1].r[registers[k].index]);
	}
	return err;
}
