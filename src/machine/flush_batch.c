/* SPDX-License-Identifier: MIT */
/* Batches: which spaces are in one; how to have it done is the architecture's. */
#include <stdlib.h>

#include <ptlib/flush_batch.h>

#include "machine/machine_internal.h"

int pt_flush_batch_create(struct pt_flush_batch **out, struct pt_machine *machine)
{
	struct pt_flush_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return -ENOMEM;
	batch->machine = machine;
	batch->cpus = calloc(ptl_nr_words(machine), sizeof(*batch->cpus));
	if (!batch->cpus) {
		free(batch);
		return -ENOMEM;
	}
	*out = batch;
	return 0;
}

void pt_flush_batch_destroy(struct pt_flush_batch *batch)
{
	if (!batch)
		return;
	PTL_DEBUG_ON(batch->spaces);
	free(batch->cpus);
	free(batch);
}

int pt_flush_batch_defer(struct pt_flush_batch *batch, struct pt_space *space)
{
	if (space->machine != batch->machine || space->is_kernel)
		return -EINVAL;
	if (!space->machine->policy->defer)
		return -EOPNOTSUPP;
	if (space->batch)
		return -EBUSY;
	space->batch = batch;
	space->next_in_batch = batch->spaces;
	batch->spaces = space;
	return 0;
}

void pt_flush_batch_finish(struct pt_flush_batch *batch)
{
	if (batch->nr)
		batch->machine->policy->finish(batch);
	batch->nr = 0;
	while (batch->spaces) {
		struct pt_space *space = batch->spaces;

		batch->spaces = space->next_in_batch;
		space->batch = NULL;
		space->next_in_batch = NULL;
		if (space->machine->checker)
			ptl_check_batch_flushed(space);
	}
}

uint64_t pt_flush_batch_owed(const struct pt_flush_batch *batch)
{
	return batch->nr;
}
