/* SPDX-License-Identifier: MIT */
/* What the files of the job language share. */
#ifndef JOB_INTERNAL_H
#define JOB_INTERNAL_H

#include "job.h"

#define JOB_MAX_WORDS 512u

/* A line, cut into words; expected is what follows "=>", or NULL. */
struct job_line {
	char *word[JOB_MAX_WORDS];
	unsigned int nr;
	char *expected;
};

extern const char *const job_op_names[JOB_OP_NR];

/* Complain about the current line; always JOB_BAD. */
__attribute__((format(printf, 2, 3))) int job_bad(const struct job *job, const char *format, ...);

int job_number(const struct job *job, const char *text, uint64_t *value);

/* Open the machine if it is not open yet. */
int job_need_machine(struct job *job);

/* Queue @access of this line, with the line's expectation. */
int job_queue(struct job *job, const struct job_access *access, const struct job_line *line);

/* Run and report what is queued. */
int job_flush(struct job *job);

/* Check @got against the line's expectation and count it. */
int job_check_line(struct job *job, const struct job_line *line, const char *got, bool in_order);

/* One line that is not empty. */
int job_command(struct job *job, struct job_line *line);
int job_set(struct job *job, struct job_line *line);
int job_access(struct job *job, struct job_line *line);

int job_save_regions(struct job *job);

#endif
