/* SPDX-License-Identifier: MIT */
/* An oracle as what carries out a job. */
#ifndef EXECUTOR_H
#define EXECUTOR_H

#include "job/job.h"
#include "oracle.h"

struct executor {
	struct orc_cfg cfg; /* the job fills in the machine */
	struct orc *o; /* opened by the job's first command that needs it */
	struct orc_regset sets[ORC_MAXSET];
	struct orc_vec vec[JOB_MAX_QUEUE];
	struct orc_res res[JOB_MAX_QUEUE];
};

extern const struct job_executor_ops oracle_executor; /* its ctx is a struct executor */

#endif
