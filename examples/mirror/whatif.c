/* SPDX-License-Identifier: MIT */
/* What system calls on the whole would cost: tables made, flushes. */
#include <string.h>

#include "mirror.h"

static struct pt_flush_counts since(const struct twin *twin, const struct pt_flush_counts *before)
{
	struct pt_flush_counts now;

	pt_flush_counts(twin->flushes, &now);
	return (struct pt_flush_counts){
		.requests = now.requests - before->requests,
		.full = now.full - before->full,
		.ranged = now.ranged - before->ranged,
		.page_ops = now.page_ops - before->page_ops,
		.range_ops = now.range_ops - before->range_ops,
		.pages = now.pages - before->pages,
		.cycles = now.cycles - before->cycles,
	};
}

static uint64_t nr_tables(const struct pt_mm *mm)
{
	struct pt_usage usage;
	uint64_t nr = 0;

	if (pt_usage(pt_mm_pgtable(mm), &usage))
		mirror_die("out of memory");
	for (unsigned int level = 0; level < PT_MAX_LEVELS; level++)
		nr += usage.tables[level];
	return nr;
}

void whatif_fork(struct twin *twin, struct change *change)
{
	const struct pt_mm_cfg cfg = { .mode = PT_MODE_PRIVATE };
	struct pt_flush_counts before;
	struct pt_mm *child;
	int err;

	pt_flush_counts(twin->flushes, &before);
	err = pt_mm_fork(&child, twin->mm, &cfg);
	if (err)
		mirror_die("fork: %s", strerror(-err));
	*change = (struct change){ .tables = nr_tables(child), .flushes = since(twin, &before) };
	change->bytes = change->tables * twin->page;
	pt_mm_destroy(child);
}

void whatif_protect(struct twin *twin, struct change *change)
{
	const struct process *process = twin->process;
	size_t largest = process->nr_areas;
	struct pt_flush_counts before;
	uint64_t most = 0;
	int err;

	*change = (struct change){ 0 };
	for (size_t i = 0; i < process->nr_areas; i++) {
		struct figures figures;

		if (process->areas[i].prot[1] != 'w' || process->areas[i].pfnmap)
			continue;
		measure_area(twin, i, &figures);
		if (figures.present > most) {
			most = figures.present;
			largest = i;
		}
	}
	if (!most)
		return;
	pt_flush_counts(twin->flushes, &before);
	err = pt_mm_protect(twin->mm, twin->first[largest], twin->len[largest], PT_MM_READ);
	if (err)
		mirror_die("mprotect: %s", strerror(-err));
	change->bytes = most;
	change->flushes = since(twin, &before);
}
