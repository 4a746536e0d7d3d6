/* SPDX-License-Identifier: MIT */
/*
 * Where areas are. With pages as large as the process's they stay; with larger ones each
 * begins and ends at a page of its own, so those that met within one page move up, until
 * a gap takes that up again: much as a linker for such pages would have it.
 */
#include "mirror.h"

static bool has_huge(const struct process *process, const struct process_area *area)
{
	for (size_t i = 0; i < area->nr_runs; i++)
		if (process->runs[area->first_run + i].flags & RUN_HUGE)
			return true;
	return area->hugetlb;
}

void layout(struct twin *twin)
{
	const struct process *process = twin->process;
	uint64_t page = twin->page;
	pt_va_t free = 0;

	for (size_t i = 0; i < process->nr_areas; i++) {
		const struct process_area *area = &process->areas[i];
		uint64_t first = area->first & -page, last = area->last | (page - 1);
		uint64_t shift = first < free ? free - first : 0;

		/* what was in huge pages shall fit into them again */
		if (has_huge(process, area)) {
			uint64_t huge = area->smaps[SMAPS_KERNEL_PAGE] > page && area->hugetlb
						? area->smaps[SMAPS_KERNEL_PAGE]
						: UINT64_C(1) << 21;

			shift = (shift + huge - 1) & -huge;
		}
		twin->first[i] = first + shift;
		twin->len[i] = last - first + 1;
		free = twin->first[i] + twin->len[i];
	}
}

pt_va_t twin_va(const struct twin *twin, size_t i, uint64_t va)
{
	return twin->first[i] + (va - (twin->process->areas[i].first & -twin->page));
}
