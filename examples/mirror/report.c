/* SPDX-License-Identifier: MIT */
/* What mirror prints: as text, or as one JSON object. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mirror.h"

#define MIB (1024.0 * 1024.0)

/* What the kernel says of an area, as the same figures. */
static struct figures kernel_figures(const struct process_area *area)
{
	return (struct figures){
		.present = area->smaps[SMAPS_RSS],
		.swapped = area->smaps[SMAPS_SWAP],
		.anonymous = area->smaps[SMAPS_ANONYMOUS],
		.huge = area->smaps[SMAPS_ANON_HUGE] + area->smaps[SMAPS_SHMEM_HUGE] +
			area->smaps[SMAPS_FILE_HUGE],
	};
}

static bool is_equal(const struct figures *a, const struct figures *b)
{
	return a->present == b->present && a->swapped == b->swapped &&
	       a->anonymous == b->anonymous && a->huge == b->huge;
}

void report_process(const struct process *process)
{
	struct figures all = { 0 };

	for (size_t i = 0; i < process->nr_areas; i++) {
		struct figures figures = kernel_figures(&process->areas[i]);

		all.present += figures.present;
		all.swapped += figures.swapped;
		all.huge += figures.huge;
	}
	printf("process %d (%s)%s: %zu areas; %.1f MiB present, %.1f MiB of it in huge pages; "
	       "%.1f MiB in swap\n",
	       (int)process->pid, process->command,
	       process->stopped ? ", stopped to be read" : ", read as it ran", process->nr_areas,
	       (double)all.present / MIB, (double)all.huge / MIB, (double)all.swapped / MIB);
	if (!process->by_scan)
		printf("PAGEMAP_SCAN is not there: which pages are huge or zero is not known\n");
}

static void print_head(void)
{
	printf("\nKiB, of the kernel and here:\n%17s %17s %17s %17s %17s\n%-17s", "", "Rss",
	       "Anonymous", "Swap", "huge", "area");
	for (unsigned int i = 0; i < 4; i++)
		printf(" %8s %8s", "kernel", "here");
	printf("\n");
}

static void print_area(const struct process_area *area, const struct figures *kernel,
		       const struct figures *twin)
{
	const uint64_t kib[] = {
		kernel->present >> 10, twin->present >> 10,   kernel->anonymous >> 10,
		twin->anonymous >> 10, kernel->swapped >> 10, twin->swapped >> 10,
		kernel->huge >> 10,    twin->huge >> 10,
	};

	printf("%12" PRIx64 " %s", area->first, area->prot);
	for (size_t i = 0; i < sizeof(kib) / sizeof(kib[0]); i++)
		printf(" %8" PRIu64, kib[i]);
	printf("  %s%s\n", area->name, is_equal(kernel, twin) ? "" : "  DIFFERS");
}

size_t report_areas(const struct mirror_options *options, const struct twin *twin)
{
	const struct process *process = twin->process;
	struct figures all = { 0 };
	size_t nr = 0, headed = 0;

	for (size_t i = 0; i < process->nr_areas; i++) {
		const struct process_area *area = &process->areas[i];
		struct figures kernel = kernel_figures(area), here = { 0 };

		if (!(area->last >> 63))
			measure_area(twin, i, &here);
		all.zero += here.zero;
		all.frames += here.frames;
		if (!is_equal(&kernel, &here) || options->areas) {
			if (!headed++)
				print_head();
			print_area(area, &kernel, &here);
		}
		nr += !is_equal(&kernel, &here);
	}
	printf("\nin simulated memory, with pages of 4K: %zu of %zu areas have the Rss, Anonymous, "
	       "Swap and\nhuge pages that the kernel tells in smaps",
	       process->nr_areas - nr, process->nr_areas);
	if (all.zero || all.frames)
		printf("; beside them, %" PRIu64 " KiB of the page of zeroes and %" PRIu64
		       " KiB\nof frames that no page stands for, which count nowhere",
		       all.zero >> 10, all.frames >> 10);
	printf("\n");
	return nr;
}

static void print_size(uint64_t bytes)
{
	static const char units[] = "BKMGT";
	unsigned int unit = 0;

	for (; bytes >= 1024 && !(bytes & 1023); bytes >>= 10)
		unit++;
	printf("%" PRIu64 "%c", bytes, units[unit]);
}

static void print_entries(const struct cost *cost)
{
	const char *comma = "";

	for (unsigned int lg2 = 0; lg2 < MAX_SIZES; lg2++) {
		if (!cost->entries[lg2])
			continue;
		printf("%s%" PRIu64 " x ", comma, cost->entries[lg2]);
		print_size(UINT64_C(1) << lg2);
		comma = ", ";
	}
	printf("\n");
}

void report_cost(const struct twin *twin)
{
	struct cost cost;

	measure_cost(twin, &cost);
	printf("%-11s %6u %7" PRIu64 " %8" PRIu64 " %8.1f %7" PRIu64 " %6.1f%%  ", twin->form->name,
	       cost.levels, cost.tables, cost.bytes >> 10, (double)cost.mapped / MIB,
	       cost.nr_entries, 100 * cost.reach);
	print_entries(&cost);
}

static void report_forms(const struct process *process, const struct wish *wish)
{
	printf("%-11s %6s %7s %8s %8s %7s %7s  %s\n", "", "levels", "tables", "KiB", "MiB", "TLB",
	       "reach", "leaves and contiguous blocks");
	for (unsigned int i = 0; i < NR_FORMS; i++) {
		struct twin twin;

		twin_create(&twin, &forms[i], process, wish);
		report_cost(&twin);
		twin_destroy(&twin);
	}
}

static void print_change(const struct form *form, const struct change *change)
{
	const struct pt_flush_counts *f = &change->flushes;

	printf("%-11s %7" PRIu64 " %10.1f %8" PRIu64 " %6" PRIu64 " %8" PRIu64 " %8" PRIu64
	       " %10.1f\n",
	       form->name, change->tables, (double)change->bytes / MIB, f->requests, f->full,
	       f->page_ops, f->range_ops, (double)f->cycles / 3000);
}

static void report_changes(const struct process *process, const char *what,
			   void (*change_it)(struct twin *, struct change *))
{
	printf("\n%s\n%-11s %7s %10s %8s %6s %8s %8s %10s\n", what, "", "tables", "MiB", "flushes",
	       "full", "by page", "by range", "us at 3GHz");
	for (unsigned int i = 0; i < NR_FORMS; i++) {
		const struct wish as_is = { 0 };
		struct change change;
		struct twin twin;

		twin_create(&twin, &forms[i], process, &as_is);
		change_it(&twin, &change);
		print_change(&forms[i], &change);
		twin_destroy(&twin);
	}
}

void report_whatif(const struct process *process)
{
	const struct wish as_is = { 0 }, folded = { .fold_lg2 = 16 }, huge = { .huge = true };

	printf("\nas it is: tables, what is mapped, TLB entries that takes, and how much of it the "
	       "second\nlevel of a TLB reaches (Skylake-SP 1536 entries, Neoverse N1 1280)\n");
	report_forms(process, &as_is);
	printf("\nif its own pages came in folios of 64K (arm64: contiguous entries)\n");
	report_forms(process, &folded);
	printf("\nif its own pages came in huge pages of the format wherever one fits\n");
	report_forms(process, &huge);
	report_changes(process, "fork(): tables of the child, and write-protecting the parent",
		       whatif_fork);
	report_changes(process, "mprotect() to read-only of the largest area that can be written",
		       whatif_protect);
}

static void json_cost(const struct process *process, const struct form *form)
{
	const struct wish as_is = { 0 };
	struct twin twin;
	struct cost cost;

	twin_create(&twin, form, process, &as_is);
	measure_cost(&twin, &cost);
	printf("{\"form\": \"%s\", \"levels\": %u, \"tables\": %" PRIu64 ", \"mapped\": %" PRIu64
	       ", \"entries\": %" PRIu64 ", \"contiguous\": %" PRIu64 ", \"reach\": %.4f}",
	       form->name, cost.levels, cost.tables, cost.mapped, cost.nr_entries, cost.contiguous,
	       cost.reach);
	twin_destroy(&twin);
}

size_t report_json(const struct process *process)
{
	const struct wish as_is = { 0 };
	struct figures kernel = { 0 }, here = { 0 };
	size_t differ = 0;
	struct twin twin;

	twin_create(&twin, &forms[0], process, &as_is);
	for (size_t i = 0; i < process->nr_areas; i++) {
		struct figures theirs = kernel_figures(&process->areas[i]), ours = { 0 };

		if (!(process->areas[i].last >> 63))
			measure_area(&twin, i, &ours);
		differ += !is_equal(&theirs, &ours);
		kernel.present += theirs.present;
		kernel.swapped += theirs.swapped;
		kernel.huge += theirs.huge;
		here.present += ours.present;
		here.swapped += ours.swapped;
		here.huge += ours.huge;
		here.zero += ours.zero;
		here.guards += ours.guards;
	}
	twin_destroy(&twin);
	printf("{\"areas\": %zu, \"differ\": %zu, \"by_scan\": %s,\n"
	       " \"kernel\": {\"present\": %" PRIu64 ", \"swapped\": %" PRIu64
	       ", \"huge\": %" PRIu64 "},\n"
	       " \"here\": {\"present\": %" PRIu64 ", \"swapped\": %" PRIu64 ", \"huge\": %" PRIu64
	       ", \"zero\": %" PRIu64 ", \"guards\": %" PRIu64 "},\n \"forms\": [",
	       process->nr_areas, differ, process->by_scan ? "true" : "false", kernel.present,
	       kernel.swapped, kernel.huge, here.present, here.swapped, here.huge, here.zero,
	       here.guards);
	for (unsigned int i = 0; i < NR_FORMS; i++) {
		printf("%s", i ? ",\n  " : "\n  ");
		json_cost(process, &forms[i]);
	}
	printf("]}\n");
	return differ;
}
