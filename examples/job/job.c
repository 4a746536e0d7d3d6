/* SPDX-License-Identifier: MIT */
/* Reading a job line by line, the queue of accesses, reporting what became of them. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"
#include "verdict.h"

int job_bad(const struct job *job, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: %s:%u: ", job->ops->program, job->name, job->line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
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

	if (job->is_open)
		return JOB_OK;
	missing = job->ops->missing(job->ctx, &job->machine);
	if (missing) {
		printf("SKIPPED %s: %s\n", job->name, missing);
		return JOB_SKIP;
	}
	if (job->ops->open(job->ctx, &job->machine))
		return job_bad(job, "cannot start the machine: %s", job->ops->error(job->ctx));
	job->is_open = true;
	return JOB_OK;
}

static bool check(struct job *job, unsigned int line, const char *expected, const char *got,
		  bool in_order)
{
	const char *missed;

	job->nr_expected++;
	if (expect_met(expected, got, in_order, &missed))
		return true;
	job->nr_failed++;
	printf("%u MISMATCH wanted: %.*s got: %s\n", line, (int)strcspn(missed, " "), missed, got);
	return false;
}

/* What the line expects, for the caller to free; NULL in *expected if nothing. */
static int evaluate(const struct job *job, const struct job_line *line, char **expected)
{
	const char *bad;

	*expected = NULL;
	if (!line->expected)
		return JOB_OK;
	*expected = expect_evaluate(&job->symbols, line->expected, &bad);
	if (!*expected)
		return job_bad(job, "cannot evaluate: %.*s", (int)strcspn(bad, " \t\r\n"), bad);
	return JOB_OK;
}

int job_check_line(struct job *job, const struct job_line *line, const char *got, bool in_order)
{
	char *expected;
	int err = evaluate(job, line, &expected);

	if (!err && expected)
		check(job, job->line, expected, got, in_order);
	free(expected);
	return err;
}

int job_queue(struct job *job, const struct job_access *access, const struct job_line *line)
{
	struct job_access *queued = &job->queue[job->nr_queued];
	char *expected;
	int err = evaluate(job, line, &expected);

	if (err)
		return err;
	*queued = *access;
	queued->line = job->line;
	queued->expected = expected;
	queued->set = job->nr_sets - 1;
	job->set_used = true;
	job->nr_queued++;
	return job->nr_queued == JOB_MAX_QUEUE ? job_flush(job) : JOB_OK;
}

/* Says on stderr why an access was not performed. */
static void report_refusal(const struct job *job, const struct job_access *access,
			   const struct job_result *result)
{
	unsigned int set_line = job->set_lines[access->set];

	fflush(stdout);
	fprintf(stderr, "%s: %s:%u: %s", job->ops->program, job->name, access->line,
		result->refused);
	if (result->code == JOB_ERROR_REGISTERS && set_line)
		fprintf(stderr, ", as of the set in line %u", set_line);
	else if (result->code == JOB_ERROR_REGISTERS)
		fputs(", as nothing is set", stderr);
	fputc('\n', stderr);
}

/* An explanation is printed with its verdict; when quiet, with what went wrong. */
static void report(struct job *job, unsigned int i)
{
	struct job_access *access = &job->queue[i];
	struct job_result *result = &job->results[i];
	char text[VERDICT_MAX];
	bool met = true;

	if (result->refused)
		report_refusal(job, access, result);
	verdict_format(job->machine.arch, access, result, text);
	if (!job->quiet)
		printf("%u %s%u el=%u va=0x%llx %s\n", access->line, job_op_names[access->op],
		       access->size, access->level, (unsigned long long)access->va, text);
	if (access->expected)
		met = check(job, access->line, access->expected, text, false);
	else if (result->status == JOB_ERROR)
		job->nr_undone++;
	if (result->why && (!job->quiet || !met))
		fputs(result->why, stdout);
	free(access->expected);
	access->expected = NULL;
	free(result->why);
	result->why = NULL;
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
	memset(job->results, 0, job->nr_queued * sizeof(job->results[0]));
	if (job->ops->run(job->ctx, job->sets, job->nr_sets, job->queue, job->results,
			  job->nr_queued))
		return job_bad(job, "the machine failed: %s", job->ops->error(job->ctx));
	job->seconds += now() - start;
	job->nr_run += job->nr_queued;
	for (unsigned int i = 0; i < job->nr_queued; i++)
		report(job, i);
	fflush(stdout);
	job->nr_queued = 0;
	job->sets[0] = job->sets[job->nr_sets - 1];
	job->set_lines[0] = job->set_lines[job->nr_sets - 1];
	job->nr_sets = 1;
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
		if (line->nr == JOB_MAX_WORDS)
			return job_bad(job, "more than %u words", JOB_MAX_WORDS);
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

static int run_lines(struct job *job, FILE *in)
{
	char *text = NULL;
	size_t size = 0;
	ssize_t len;
	int err = JOB_OK;

	while (!err && (len = getline(&text, &size, in)) >= 0) {
		job->line++;
		err = strlen(text) == (size_t)len ? run_line(job, text) : job_bad(job, "no text");
	}
	if (!err && ferror(in))
		err = job_bad(job, "%s", strerror(errno));
	free(text);
	if (!err)
		err = job_flush(job);
	if (!err)
		err = job_save_regions(job);
	return err;
}

int job_run_file(struct job *job, const char *name)
{
	FILE *in = stdin;
	int err;

	if (strcmp(name, "-") != 0)
		in = fopen(name, "r");
	if (!in) {
		fprintf(stderr, "%s: %s: %s\n", job->ops->program, name, strerror(errno));
		return JOB_BAD;
	}
	job->name = in == stdin ? "stdin" : name;
	err = run_lines(job, in);
	if (in != stdin)
		fclose(in);
	if (job->nr_expected)
		printf("%u passed, %u failed\n", job->nr_expected - job->nr_failed, job->nr_failed);
	return err;
}

struct job *job_create(const struct job_executor_ops *ops, void *ctx)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->ops = ops;
	job->ctx = ctx;
	job->nr_sets = 1;
	return job;
}

void job_destroy(struct job *job)
{
	if (!job)
		return;
	for (unsigned int i = 0; i < job->nr_queued; i++) {
		free(job->queue[i].expected);
		free(job->results[i].why);
	}
	for (unsigned int i = 0; i < job->nr_regions; i++)
		free(job->regions[i].out);
	free(job->machine.cpu);
	free(job);
}
