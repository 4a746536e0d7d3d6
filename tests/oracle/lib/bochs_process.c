/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bochs_internal.h"

int bochs_dir_make(struct bochs_dir *dir)
{
	const char *tmp = getenv("TMPDIR");
	int len;

	len = snprintf(dir->path, sizeof(dir->path), "%s/orc-bochs-XXXXXX",
		       tmp && *tmp ? tmp : "/tmp");
	if (len < 0 || (size_t)len >= sizeof(dir->path))
		return orc_fail("the temporary directory's name is too long");
	if (!mkdtemp(dir->path))
		return orc_fail("%s: %s", dir->path, strerror(errno));
	return 0;
}

static void file_path(const struct bochs_dir *dir, const char *name, char path[300])
{
	snprintf(path, 300, "%s/%s", dir->path, name);
}

void bochs_dir_remove(const struct bochs_dir *dir)
{
	static const char *const names[] = { BOCHS_CONFIG,  BOCHS_COMMANDS, BOCHS_ROM,
					     BOCHS_VGA_ROM, BOCHS_GUEST,    BOCHS_MAILBOX,
					     BOCHS_DISK,    BOCHS_LOG };
	char path[300];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		file_path(dir, names[i], path);
		unlink(path);
	}
	rmdir(dir->path);
}

int bochs_dir_put(const struct bochs_dir *dir, const char *name, const void *data, size_t bytes)
{
	char path[300];
	FILE *file;
	bool ok;

	file_path(dir, name, path);
	file = fopen(path, "wbe");
	if (!file)
		return orc_fail("%s: %s", path, strerror(errno));
	ok = fwrite(data, 1, bytes, file) == bytes;
	ok = fclose(file) == 0 && ok;
	return ok ? 0 : orc_fail("%s: %s", path, strerror(errno));
}

int bochs_dir_get(const struct bochs_dir *dir, const char *name, void *data, size_t bytes)
{
	char path[300];
	FILE *file;
	bool ok;

	file_path(dir, name, path);
	file = fopen(path, "rbe");
	if (!file)
		return orc_fail("%s: %s", path, strerror(errno));
	ok = fread(data, 1, bytes, file) == bytes;
	fclose(file);
	return ok ? 0 : orc_fail("%s: too short", path);
}

const char *bochs_last_line(const struct bochs_dir *dir, char *text, size_t text_bytes)
{
	char path[300];
	FILE *file;
	char *line;
	size_t len = 0;

	file_path(dir, BOCHS_LOG, path);
	file = fopen(path, "rbe");
	if (file) {
		if (fseek(file, -(long)(text_bytes - 1), SEEK_END))
			rewind(file);
		len = fread(text, 1, text_bytes - 1, file);
		fclose(file);
		text[len] = '\0';
	}
	len = strlen(text);
	while (len && strchr("\r\n", text[len - 1]))
		text[--len] = '\0';
	line = strrchr(text, '\n');
	return line ? line + 1 : text;
}

/* The terminal display wants a terminal. */
static int open_terminal(char name[64])
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, name, 64)) {
		orc_fail("pty: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static _Noreturn void exec_bochs(const struct bochs_dir *dir, const char *terminal, pid_t parent)
{
	char config[300], commands[300];
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	setsid();
	fd = open(terminal, O_RDWR);
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	setenv("TERM", "xterm", 1);
	file_path(dir, BOCHS_CONFIG, config);
	file_path(dir, BOCHS_COMMANDS, commands);
	execlp("bochs", "bochs", "-q", "-f", config, "-rc", commands, NULL);
	_exit(127);
}

/* Read what there is, keeping the end of it in @text.  Return: whether there was any. */
static bool drain(int fd, char *text, size_t text_bytes)
{
	size_t used = strlen(text), keep = text_bytes / 2;
	ssize_t len;

	if (used + 1 >= text_bytes) {
		memmove(text, text + used - keep, keep);
		used = keep;
	}
	len = read(fd, text + used, text_bytes - 1 - used);
	if (len < 0)
		len = 0; /* EIO: the other end is not open yet, or closed */
	text[used + (size_t)len] = '\0';
	/* Screen updates may hold NULs, which would hide what follows. */
	for (char *c = text + used; c < text + used + len; c++)
		if (!*c)
			*c = ' ';
	return len != 0;
}

int bochs_execute(const struct bochs_dir *dir, double seconds, char *text, size_t text_bytes)
{
	double end = orc_now() + seconds;
	pid_t parent = getpid(), pid;
	struct pollfd output = { .events = POLLIN };
	char terminal[64];
	int status = -1;

	text[0] = '\0';
	output.fd = open_terminal(terminal);
	if (output.fd < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		exec_bochs(dir, terminal, parent);
	if (pid < 0) {
		close(output.fd);
		return orc_fail("fork: %s", strerror(errno));
	}
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (poll(&output, 1, 20) > 0 && !drain(output.fd, text, text_bytes))
			usleep(5000);
		if (orc_now() > end)
			kill(pid, SIGKILL);
	}
	while (poll(&output, 1, 0) > 0 && drain(output.fd, text, text_bytes))
		;
	close(output.fd);
	return status;
}
