/* SPDX-License-Identifier: MIT */
/*
 * What stands at each page of a process: by PAGEMAP_SCAN, which Linux 6.7 and later have and
 * which passes over holes at once, or else by reading /proc/PID/pagemap page by page where
 * smaps says that there is something.
 */
#define _GNU_SOURCE

#include "pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/*
 * The interface of PAGEMAP_SCAN, which older headers do not have.
 * Source: Linux, Documentation/admin-guide/mm/pagemap.rst.
 */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN_IOCTL _IOWR('f', 16, struct scan_arg)
#define SCAN_FILE (1u << 2)
#define SCAN_PRESENT (1u << 3)
#define SCAN_SWAPPED (1u << 4)
#define SCAN_PFNZERO (1u << 5)
#define SCAN_HUGE (1u << 6)
#define SCAN_SOFT_DIRTY (1u << 7)
#define SCAN_GUARD (1u << 8) /* 6.15 and later */

/* Bits of an entry of pagemap. Source: as above. */
#define PAGEMAP_SOFT_DIRTY (UINT64_C(1) << 55)
#define PAGEMAP_GUARD (UINT64_C(1) << 58)
#define PAGEMAP_FILE (UINT64_C(1) << 61)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)

#define CHUNK 4096 /* regions, or entries, at a time */

static void add_run(struct process *process, struct process_area *area, uint64_t first,
		    uint64_t last, unsigned int flags)
{
	struct process_run *run = area->nr_runs ? &process->runs[process->nr_runs - 1] : NULL;

	if (run && run->last + 1 == first && run->flags == flags) {
		run->last = last;
		return;
	}
	if ((process->nr_runs & (process->nr_runs + 1)) == 0) {
		size_t room = 2 * process->nr_runs + 2;

		process->runs = realloc(process->runs, room * sizeof(*process->runs));
		if (!process->runs)
			mirror_die("out of memory");
	}
	process->runs[process->nr_runs++] = (struct process_run){ first, last, flags };
	area->nr_runs++;
}

static unsigned int flags_of_scan(uint64_t categories)
{
	static const struct {
		unsigned int scan, run;
	} bits[] = {
		{ SCAN_PRESENT, RUN_PRESENT }, { SCAN_SWAPPED, RUN_SWAPPED },
		{ SCAN_FILE, RUN_FILE },       { SCAN_PFNZERO, RUN_ZERO },
		{ SCAN_HUGE, RUN_HUGE },       { SCAN_SOFT_DIRTY, RUN_SOFT_DIRTY },
		{ SCAN_GUARD, RUN_GUARD },
	};
	unsigned int flags = 0;

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		flags |= categories & bits[i].scan ? bits[i].run : 0;
	return flags;
}

/* False if the kernel has no PAGEMAP_SCAN; @guard: it has SCAN_GUARD. */
static bool scan_area(int fd, struct process *process, struct process_area *area, bool *guard)
{
	static struct scan_region regions[CHUNK];
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = area->first,
		.end = area->last + 1,
		.vec = (uintptr_t)regions,
		.vec_len = CHUNK,
		.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
	};

	while (arg.start < arg.end) {
		int nr;

		arg.return_mask = SCAN_PRESENT | SCAN_SWAPPED | SCAN_FILE | SCAN_PFNZERO |
				  SCAN_HUGE | SCAN_SOFT_DIRTY | (*guard ? SCAN_GUARD : 0);
		nr = ioctl(fd, SCAN_IOCTL, &arg);
		if (nr < 0 && errno == EINVAL && *guard) {
			*guard = false;
			continue;
		}
		if (nr < 0 && (errno == ENOTTY || errno == EINVAL) && !process->nr_runs)
			return false;
		if (nr < 0)
			mirror_die("PAGEMAP_SCAN: %s", strerror(errno));
		for (int i = 0; i < nr; i++)
			add_run(process, area, regions[i].start, regions[i].end - 1,
				flags_of_scan(regions[i].categories));
		arg.start = arg.walk_end;
	}
	return true;
}

static unsigned int flags_of_pagemap(uint64_t entry)
{
	return (entry & PAGEMAP_PRESENT ? RUN_PRESENT : 0) |
	       (entry & PAGEMAP_SWAPPED ? RUN_SWAPPED : 0) | (entry & PAGEMAP_FILE ? RUN_FILE : 0) |
	       (entry & PAGEMAP_GUARD ? RUN_GUARD : 0) |
	       (entry & PAGEMAP_SOFT_DIRTY ? RUN_SOFT_DIRTY : 0);
}

static void read_area(int fd, struct process *process, struct process_area *area)
{
	static uint64_t entries[CHUNK];
	uint64_t page = process->page;

	if (!area->smaps[SMAPS_RSS] && !area->smaps[SMAPS_SWAP] && !area->hugetlb)
		return;
	for (uint64_t at = area->first; at < area->last;) {
		size_t nr = CHUNK;
		ssize_t got;

		if ((area->last - at) / page + 1 < nr)
			nr = (size_t)((area->last - at) / page + 1);
		got = pread(fd, entries, nr * sizeof(entries[0]),
			    (off_t)(at / page * sizeof(entries[0])));
		if (got <= 0) /* [vsyscall] is beyond what pagemap shows */
			return;
		for (size_t i = 0; i < (size_t)got / sizeof(entries[0]); i++, at += page) {
			unsigned int flags = flags_of_pagemap(entries[i]);

			if (flags & (RUN_PRESENT | RUN_SWAPPED))
				add_run(process, area, at, at + page - 1, flags);
		}
	}
}

void pagemap_read(struct process *process)
{
	bool guard = true;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)process->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		mirror_die("%s: %s", path, strerror(errno));
	process->by_scan = true;
	for (size_t i = 0; i < process->nr_areas; i++) {
		struct process_area *area = &process->areas[i];

		area->first_run = process->nr_runs;
		if (area->last >> 63) /* [vsyscall]: the kernel's half, which no process maps */
			continue;
		if (process->by_scan)
			process->by_scan = scan_area(fd, process, area, &guard);
		if (!process->by_scan)
			read_area(fd, process, area);
	}
	close(fd);
}
