/* SPDX-License-Identifier: MIT */
/* Reads /proc/PID of a process that is stopped meanwhile. */
#define _GNU_SOURCE

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pagemap.h"

/* In the order of enum smaps_field, as smaps writes them. */
static const char *const smaps_names[SMAPS_NR] = {
	"Size",		 "KernelPageSize", "Rss",	    "Referenced",     "Anonymous",
	"AnonHugePages", "ShmemPmdMapped", "FilePmdMapped", "Shared_Hugetlb", "Private_Hugetlb",
	"Swap",		 "Locked",
};

const char *smaps_name(enum smaps_field field)
{
	return smaps_names[field];
}

static FILE *proc_open(pid_t pid, const char *name)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	file = fopen(path, "re");
	if (!file)
		mirror_die("%s: %s", path, strerror(errno));
	return file;
}

/* Reads the state letter of /proc/PID/stat, and the command before it. */
static char process_state(pid_t pid, char *command, size_t size)
{
	FILE *file = proc_open(pid, "stat");
	char line[512], *open, *close;

	if (!fgets(line, sizeof(line), file))
		mirror_die("process %d ended", (int)pid);
	fclose(file);
	open = strchr(line, '(');
	close = strrchr(line, ')'); /* a command may have any in it */
	if (!open || !close || close[1] != ' ')
		mirror_die("/proc/%d/stat: not understood", (int)pid);
	*close = '\0';
	snprintf(command, size, "%s", open + 1);
	return close[2];
}

static pid_t stopped_by_us; /* and to be continued, however this program ends */

static void go_on(void)
{
	if (stopped_by_us)
		kill(stopped_by_us, SIGCONT);
	stopped_by_us = 0;
}

/* Whether it stands still: stopped by us, or before. */
static bool stop(struct process *process)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	if (process->pid == getpid())
		return false;
	if (process_state(process->pid, process->command, sizeof(process->command)) == 'T')
		return true;
	if (atexit(go_on) || kill(process->pid, SIGSTOP))
		return false;
	stopped_by_us = process->pid;
	for (unsigned int i = 0; i < 1000; i++) {
		char state =
			process_state(process->pid, process->command, sizeof(process->command));

		if (state == 'T' || state == 't')
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static struct process_area *add_area(struct process *process)
{
	if ((process->nr_areas & (process->nr_areas + 1)) == 0) {
		size_t room = 2 * process->nr_areas + 2;

		process->areas = realloc(process->areas, room * sizeof(*process->areas));
		if (!process->areas)
			mirror_die("out of memory");
	}
	process->areas[process->nr_areas] = (struct process_area){ 0 };
	return &process->areas[process->nr_areas++];
}

/* A line as of maps begins an area. */
static bool parse_head(struct process *process, char *line)
{
	unsigned long long first, end, offset, inode;
	unsigned int major, minor;
	struct process_area *area;
	char prot[5];
	int name = 0;

	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &first, &end, prot, &offset, &major,
		   &minor, &inode, &name) != 7)
		return false;
	line[strcspn(line, "\n")] = '\0';
	area = add_area(process);
	area->first = first;
	area->last = end - 1;
	memcpy(area->prot, prot, sizeof(prot));
	area->offset = offset;
	area->major = major;
	area->minor = minor;
	area->inode = inode;
	area->name = strdup(line + name);
	if (!area->name)
		mirror_die("out of memory");
	return true;
}

static void parse_flags(struct process_area *area, char *flags)
{
	for (char *flag = strtok(flags, " \n"); flag; flag = strtok(NULL, " \n")) {
		area->io |= !strcmp(flag, "io");
		area->pfnmap |= !strcmp(flag, "pf");
		area->mixed |= !strcmp(flag, "mm");
		area->hugetlb |= !strcmp(flag, "ht");
		area->wants_huge |= !strcmp(flag, "hg");
	}
}

static void parse_figure(struct process_area *area, char *line)
{
	char *colon = strchr(line, ':');

	if (!colon)
		return;
	*colon++ = '\0';
	if (!strcmp(line, "VmFlags")) {
		parse_flags(area, colon);
		return;
	}
	for (unsigned int i = 0; i < SMAPS_NR; i++)
		if (!strcmp(line, smaps_names[i]))
			area->smaps[i] = 1024 * strtoull(colon, NULL, 10);
}

static void read_areas(struct process *process)
{
	FILE *file = proc_open(process->pid, "smaps");
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, file) > 0)
		if (!parse_head(process, line) && process->nr_areas)
			parse_figure(&process->areas[process->nr_areas - 1], line);
	free(line);
	fclose(file);
	if (!process->nr_areas)
		mirror_die("/proc/%d/smaps: empty: a kernel thread, or not ours to read",
			   (int)process->pid);
}

static void read_status(struct process *process)
{
	FILE *file = proc_open(process->pid, "status");
	char line[256];

	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmPTE:", 6))
			process->page_tables = 1024 * strtoull(line + 6, NULL, 10);
	fclose(file);
}

void process_read(struct process *process, pid_t pid)
{
	sigset_t all, before;

	*process = (struct process){ .pid = pid, .page = (uint64_t)sysconf(_SC_PAGESIZE) };
	process_state(pid, process->command, sizeof(process->command));
	/* Whoever interrupts this program does not leave the other one stopped. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	process->stopped = stop(process);
	read_areas(process);
	read_status(process);
	pagemap_read(process);
	go_on();
	sigprocmask(SIG_SETMASK, &before, NULL);
}

void process_free(struct process *process)
{
	for (size_t i = 0; i < process->nr_areas; i++)
		free(process->areas[i].name);
	free(process->areas);
	free(process->runs);
}
