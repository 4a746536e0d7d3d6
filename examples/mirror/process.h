/* SPDX-License-Identifier: MIT */
/*
 * process.h - what the kernel tells of a live process: its areas with the figures
 * of /proc/PID/smaps, and what stands at each page.
 *
 * The process is stopped while it is read, so that all files tell of the same moment.
 */
#ifndef MIRROR_PROCESS_H
#define MIRROR_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Figures of smaps that this looks at, in bytes. */
enum smaps_field {
	SMAPS_SIZE,
	SMAPS_KERNEL_PAGE,
	SMAPS_RSS,
	SMAPS_REFERENCED,
	SMAPS_ANONYMOUS,
	SMAPS_ANON_HUGE,
	SMAPS_SHMEM_HUGE,
	SMAPS_FILE_HUGE,
	SMAPS_SHARED_HUGETLB,
	SMAPS_PRIVATE_HUGETLB,
	SMAPS_SWAP,
	SMAPS_LOCKED,
	SMAPS_NR,
};

const char *smaps_name(enum smaps_field field);

/* Pages in a row that are alike. */
#define RUN_PRESENT (1u << 0)
#define RUN_SWAPPED (1u << 1) /* any word that is not present: swap, migration, marker */
#define RUN_FILE (1u << 2) /* of a file, or shared anonymous memory */
#define RUN_ZERO (1u << 3) /* the page of zeroes, which counts nowhere */
#define RUN_HUGE (1u << 4) /* mapped by a leaf of 2M or more */
#define RUN_GUARD (1u << 5) /* a guard marker */
#define RUN_SOFT_DIRTY (1u << 6)

struct process_run {
	uint64_t first, last; /* bytes, inclusive */
	unsigned int flags; /* RUN_* */
};

struct process_area {
	uint64_t first, last; /* bytes, inclusive */
	char prot[5]; /* "rw-p" */
	uint64_t offset, inode;
	unsigned int major, minor;
	char *name; /* "" for none */
	uint64_t smaps[SMAPS_NR];
	bool io, pfnmap, mixed, hugetlb, wants_huge; /* VmFlags io, pf, mm, ht, hg */
	size_t first_run, nr_runs;
};

struct process {
	pid_t pid;
	char command[32];
	uint64_t page; /* bytes */
	struct process_area *areas;
	size_t nr_areas;
	struct process_run *runs;
	size_t nr_runs;
	bool by_scan; /* runs come from PAGEMAP_SCAN; else from pagemap, and say less */
	bool stopped; /* it could be stopped */
	uint64_t page_tables; /* VmPTE of status, bytes */
};

/* Ends the program with a message if the process cannot be read. */
void process_read(struct process *process, pid_t pid);
void process_free(struct process *process);

/* Prints a line and ends the program with status 2. */
_Noreturn void mirror_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* MIRROR_PROCESS_H */
