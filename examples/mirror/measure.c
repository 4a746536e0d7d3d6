/* SPDX-License-Identifier: MIT */
/* What stands in a twin's table, by pt_range_walk: figures of areas, and costs of the whole. */
#include <string.h>

#include "mirror.h"

static bool is_zero(const struct pt_world *world, pt_pa_t pa)
{
	pt_pa_t huge;

	return pa == pt_world_zero_page(world) ||
	       (!pt_world_huge_zero_page(world, &huge) && pa == huge);
}

/* What counts nowhere in smaps. */
static void add_rest(const struct twin *twin, const struct pt_range_walk *walk,
		     enum pt_range_walk_type type, struct figures *figures)
{
	if (type == PTW_MARKER && walk->soft.markers & PT_SOFT_MARKER_GUARD)
		figures->guards += walk->len;
	else if (type == PTW_PFN && is_zero(twin->world, walk->pa))
		figures->zero += walk->len;
	else if (type == PTW_PFN)
		figures->frames += walk->len;
}

void measure_area(const struct twin *twin, size_t i, struct figures *figures)
{
	const struct process_area *area = &twin->process->areas[i];
	pt_va_t first = twin->first[i], last = first + twin->len[i] - 1;
	struct pt_view view = pt_mm_view(twin->mm);
	struct pt_smaps sum = { 0 };
	struct pt_range_walk walk;
	enum pt_range_walk_type type;

	if (pt_smaps(&view, first, last, &sum))
		mirror_die("the range of %s is none", area->name);
	*figures = (struct figures){
		.present = sum.rss,
		.swapped = sum.swap,
		.anonymous = sum.anonymous,
		.huge = sum.anon_huge + sum.shmem_huge + sum.file_huge,
	};
	for (type = pt_range_walk_start(&walk, pt_mm_pgtable(twin->mm), first, last,
					PT_TYPE_PFN | PT_TYPE_MARKER,
					area->pfnmap ? 0 : PT_WALK_FOLIOS | PT_WALK_EACH);
	     type != PTW_DONE && type != PTW_ABORT; type = pt_range_walk_next(&walk))
		add_rest(twin, &walk, type, figures);
	if (pt_range_walk_done(&walk))
		mirror_die("the table of %s cannot be walked", area->name);
}

/* How many pages the larger level of a real processor's TLB holds. */
static uint64_t capacity(const char *profile)
{
	const struct pt_tlb_profile *tlb = pt_tlb_profile_find(profile);
	uint64_t entries = 0;

	for (unsigned int i = 0; tlb && i < tlb->tlb.nr_parts; i++)
		if (tlb->tlb.parts[i].entries > entries)
			entries = tlb->tlb.parts[i].entries;
	return entries;
}

/* Of all that is mapped, the share that the largest entries reach, as many as the TLB has. */
static double reach(const struct cost *cost, uint64_t left)
{
	double reached = 0;

	for (unsigned int lg2 = MAX_SIZES; lg2--;) {
		uint64_t nr = cost->entries[lg2] < left ? cost->entries[lg2] : left;

		left -= nr;
		reached += (double)nr * (double)(UINT64_C(1) << lg2);
	}
	return cost->mapped ? reached / (double)cost->mapped : 1;
}

void measure_cost(const struct twin *twin, struct cost *cost)
{
	const struct pt_pgtable *pt = pt_mm_pgtable(twin->mm);
	struct pt_range_walk walk;
	enum pt_range_walk_type type;
	struct pt_format_info info;
	struct pt_usage usage;

	memset(cost, 0, sizeof(*cost));
	if (pt_usage(pt, &usage) || pt_format_info(pt_pgtable_fmt(pt), &info))
		mirror_die("out of memory");
	cost->levels = info.nr_levels;
	for (unsigned int level = 0; level < info.nr_levels; level++)
		cost->tables += usage.tables[level];
	cost->bytes = cost->tables * twin->page;
	for (type = pt_range_walk_start(&walk, pt_mm_pgtable(twin->mm), 0, UINT64_MAX, PT_TYPE_PFN,
					PT_WALK_IGNORE_SW);
	     type != PTW_DONE && type != PTW_ABORT; type = pt_range_walk_next(&walk)) {
		unsigned int lg2 = walk.size_lg2 + walk.contig_lg2;

		if (type != PTW_PFN || walk.hidden)
			continue;
		cost->mapped += walk.len;
		cost->entries[lg2] += walk.len >> lg2;
		cost->nr_entries += walk.len >> lg2;
		cost->contiguous += walk.contig_lg2 ? walk.len >> lg2 : 0;
	}
	if (pt_range_walk_done(&walk))
		mirror_die("the table cannot be walked");
	cost->reach = reach(cost, capacity(twin->form->tlb));
}
