/* SPDX-License-Identifier: MIT */
/*
 * main() of a fuzz target without libFuzzer: replays every input it is given, one file or one
 * directory (with all below it, in order of names) per argument. Arguments that begin with '-' are
 * libFuzzer's and are ignored, so that one command line serves both. Without an input it
 * replays the empty one. Exits with 1 if an argument cannot be read; a failed check aborts.
 */
#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz_input.h"

struct replay {
	size_t nr_inputs;
	size_t nr_unreadable;
};

static void replay_refuse(struct replay *replay, const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	replay->nr_unreadable++;
}

/*
 * The buffer is exactly as long as the input, so that reading past it is
 * seen by ASan or Valgrind.
 */
static void replay_file(struct replay *replay, const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(size ? size : 1);

	if (!file || !data || fread(data, 1, size, file) != size) {
		replay_refuse(replay, path);
	} else {
		LLVMFuzzerTestOneInput(data, size);
		replay->nr_inputs++;
	}
	free(data);
	if (file)
		fclose(file);
}

static void replay_path(struct replay *replay, const char *path)
{
	struct dirent **entries;
	struct stat st;
	int nr;

	if (stat(path, &st)) {
		replay_refuse(replay, path);
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		replay_file(replay, path, (size_t)st.st_size);
		return;
	}

	nr = scandir(path, &entries, NULL, alphasort);
	if (nr < 0) {
		replay_refuse(replay, path);
		return;
	}
	for (int i = 0; i < nr; i++) {
		const char *name = entries[i]->d_name;
		char *child = malloc(strlen(path) + strlen(name) + 2);

		if (child && name[0] != '.') {
			sprintf(child, "%s/%s", path, name);
			replay_path(replay, child);
		}
		free(child);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	struct replay replay = { 0 };
	int nr_paths = 0;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			continue;
		replay_path(&replay, argv[i]);
		nr_paths++;
	}
	if (!nr_paths) {
		LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
		replay.nr_inputs++;
	}
	printf("%zu inputs replayed\n", replay.nr_inputs);
	return replay.nr_unreadable ? 1 : 0;
}
