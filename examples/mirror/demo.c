/* SPDX-License-Identifier: MIT */
/*
 * Processes to look at: a demonstration with memory of many kinds, or a command. Each ends with
 * the one that started it.
 */
#define _GNU_SOURCE

#include "mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

static void *reserve(uint64_t len, int prot, int flags)
{
	void *memory = mmap(NULL, len, prot, flags | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		_exit(1);
	return memory;
}

static void touch(volatile char *memory, uint64_t len, uint64_t step)
{
	for (uint64_t at = 0; at < len; at += step)
		memory[at] = 1;
}

/* What an address space may have; each in an area of its own. */
static void fill(void)
{
	const int rw = PROT_READ | PROT_WRITE;
	char *memory, sum = 0;

	/* pages in a row; every other one; and some that are only read: the page of zeroes */
	touch(reserve(6 * MIB, rw, MAP_PRIVATE), 6 * MIB, 4 * KIB);
	touch(reserve(6 * MIB, rw, MAP_PRIVATE), 6 * MIB, 8 * KIB);
	memory = reserve(1 * MIB, rw, MAP_PRIVATE);
	for (uint64_t at = 0; at < 512 * KIB; at += 4 * KIB)
		sum = (char)(sum + memory[at]);
	touch(memory + 768 * KIB + (sum ? 4 * KIB : 0), 64 * KIB, 4 * KIB);

	/* huge pages where the kernel gives them, one of them with a piece of other rights */
	memory = reserve(32 * MIB, rw, MAP_PRIVATE);
	madvise(memory, 32 * MIB, MADV_HUGEPAGE);
	touch(memory, 24 * MIB, 4 * KIB);
	mprotect(memory + 9 * MIB, 64 * KIB, PROT_READ);

	touch(reserve(4 * MIB, rw, MAP_SHARED), 3 * MIB, 4 * KIB);

	/* pages that nobody may use any more, and a large reservation of nothing */
	memory = reserve(2 * MIB, rw, MAP_PRIVATE);
	touch(memory, 1 * MIB, 4 * KIB);
	mprotect(memory, 2 * MIB, PROT_NONE);
	reserve(1024 * 1024 * MIB, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE);

	/* pages of hugetlb, where some are free: those of a file, and its own */
	for (int i = 0; i < 2; i++) {
		int flags = (i ? MAP_PRIVATE : MAP_SHARED) | MAP_ANONYMOUS | MAP_HUGETLB;

		memory = mmap(NULL, 4 * MIB, rw, flags, -1, 0);
		if (memory != MAP_FAILED)
			touch(memory, 2 * MIB, 2 * MIB);
	}

	/* some in swap, if there is any */
	memory = reserve(4 * MIB, rw, MAP_PRIVATE);
	touch(memory, 4 * MIB, 4 * KIB);
	madvise(memory, 2 * MIB, MADV_PAGEOUT);
}

static pid_t start(int *ready)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		mirror_die("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		mirror_die("fork: %s", strerror(errno));
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(fds[pid != 0]);
	*ready = fds[pid == 0];
	return pid;
}

pid_t demo_start(void)
{
	int ready;
	char byte = 1;
	pid_t pid = start(&ready);

	if (!pid) {
		fill();
		if (write(ready, &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(ready, &byte, 1) != 1)
		mirror_die("the demonstration could not get its memory");
	close(ready);
	return pid;
}

/* As it is a moment after it began: when exec() has succeeded, and half a second. */
pid_t command_start(char **command)
{
	const struct timespec moment = { .tv_nsec = 500000000 };
	int ready, err = 0;
	pid_t pid = start(&ready);

	if (!pid) {
		execvp(command[0], command);
		err = errno;
		if (write(ready, &err, sizeof(err)) != sizeof(err))
			_exit(1);
		_exit(2);
	}
	if (read(ready, &err, sizeof(err)) > 0)
		mirror_die("%s: %s", command[0], strerror(err));
	close(ready);
	nanosleep(&moment, NULL);
	if (waitpid(pid, NULL, WNOHANG) == pid)
		mirror_die("%s ended before it could be looked at", command[0]);
	return pid;
}
