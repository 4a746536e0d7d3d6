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

/* Whether any of it is more than leaves. */
static bool has_tables(const struct pt_gather *gather)
{
	bool tables = gather->full || gather->nr_tables;

	for (unsigned int i = 0; i < gather->nr_ranges; i++)
		tables |= gather->range[i].tables;
	return tables;
}

static void join(struct pt_flush_batch *batch, struct pt_space *space)
{
	if (space->batch)
		return;
	space->batch = batch;
	space->next_in_batch = batch->spaces;
	batch->spaces = space;
}

int pt_flush_batch_take(struct pt_flush_batch *batch, struct pt_space *space,
			struct pt_gather *gather)
{
	if (space->machine != batch->machine || space->is_kernel || gather->pt != space->pt)
		return -EINVAL;
	if (!space->machine->policy->defer)
		return -EOPNOTSUPP;
	if (space->batch && space->batch != batch)
		return -EBUSY;
	if (has_tables(gather)) {
		pt_gather_finish(gather);
		return 0;
	}
	for (unsigned int i = 0; i < gather->nr_ranges; i++) {
		const struct pt_gather_range *range = &gather->range[i];

		join(batch, space);
		space->machine->policy->defer(batch, space, range->first, range->last,
					      range->stride_lg2);
		if (space->machine->checker)
			ptl_check_deferred(space, range->first, range->last);
	}
	pt_gather_begin(gather, gather->pt);
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
