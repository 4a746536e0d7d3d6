/* SPDX-License-Identifier: MIT */
/* A job: the machine it describes, the accesses queued so far, the counts. */
#ifndef JOB_H
#define JOB_H

#include <stdio.h>

#include "oracle.h"
#include "verdict.h"

#define JOB_MAXWORDS 512u
#define JOB_MAXQUEUE 32768u

/* What reading and running a job returns. */
enum {
	JOB_OK = 0,
	JOB_BAD = -1, /* said so on stderr */
	JOB_SKIP = -2, /* what the job needs is not installed; said so */
};

struct job_region {
	uint64_t gpa, bytes;
	uint8_t *host;
	char *out; /* file to write it to, or NULL */
};

struct job_access {
	unsigned int line;
	char *expected; /* or NULL */
};

struct job {
	const char *name; /* file, for messages */
	unsigned int line;
	bool quiet;
	struct orc_cfg cfg;
	char *cpu_extra;
	struct orc *o; /* opened by the first command that needs it */
	struct symbols symbols;
	struct job_region region[ORC_MAXREG];
	unsigned int nr_region;
	struct orc_regset set[ORC_MAXSET];
	unsigned int nr_set; /* the last is what "set" changes */
	bool set_used; /* by a queued access: "set" must begin another */
	unsigned int nr_queued;
	struct orc_vec vec[JOB_MAXQUEUE];
	struct orc_res res[JOB_MAXQUEUE];
	struct job_access queued[JOB_MAXQUEUE];
	unsigned int nr_expected, nr_failed;
	unsigned long long nr_run;
	double seconds; /* spent in orc_run() */
};

/* A line, cut into words; expected is what follows "=>", or NULL. */
struct job_line {
	char *word[JOB_MAXWORDS];
	unsigned int nr;
	char *expected;
};

/* Run the whole of @in, and write images back. */
int job_run(struct job *job, FILE *in);

/* Close the machine, free everything but @job itself. */
void job_end(struct job *job);

/* Complain about the current line; always JOB_BAD. */
__attribute__((format(printf, 2, 3))) int job_bad(const struct job *job, const char *fmt, ...);

int job_number(const struct job *job, const char *text, uint64_t *value);

/* Open the machine if it is not open yet. */
int job_need_machine(struct job *job);

/* Run and report what is queued. */
int job_flush(struct job *job);

/* Check @got against the line's expectation and count it. */
int job_check_line(struct job *job, const struct job_line *line, const char *got, bool in_order);

/* One line that is not empty.  job_commands.c: what is not an access. */
int job_command(struct job *job, struct job_line *line);
int job_set(struct job *job, struct job_line *line);
int job_access(struct job *job, struct job_line *line);

int job_save_regions(struct job *job);

#endif
