/* SPDX-License-Identifier: MIT */
#ifndef MIRROR_PAGEMAP_H
#define MIRROR_PAGEMAP_H

#include "process.h"

/* Fills in the runs of all areas of @process. */
void pagemap_read(struct process *process);

#endif /* MIRROR_PAGEMAP_H */
