/* SPDX-License-Identifier: MIT */
/* Traces: little-endian 64-bit addresses, or what Valgrind's lackey prints. */
#define _POSIX_C_SOURCE 200809L

#include "tlbsim.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct sim_trace {
	FILE *file;
	const char *path;
	enum sim_format format;
	uint64_t bytes; /* of the file, 0: not known */
	uint64_t nr_read; /* addresses in this pass */
	unsigned long line; /* lackey: where we are */
	/* A pipe cannot be read twice: what it gave is kept. */
	bool keep, kept;
	uint64_t *addresses;
	size_t nr_addresses, capacity, at;
};

struct sim_trace *sim_trace_open(const char *path, enum sim_format format, bool again)
{
	struct sim_trace *trace = calloc(1, sizeof(*trace));
	struct stat st;

	if (!trace)
		sim_die("no memory");
	trace->path = strcmp(path, "-") ? path : "standard input";
	trace->format = format;
	trace->file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
	if (!trace->file || fstat(fileno(trace->file), &st))
		sim_die("%s: %s", trace->path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		sim_die("%s: %s", trace->path, strerror(EISDIR));
	if (S_ISREG(st.st_mode))
		trace->bytes = (uint64_t)st.st_size;
	else
		trace->keep = again;
	return trace;
}

/* Whether @bytes print as text. No address does: its top byte is 0, all ones or a tag. */
static bool is_text(const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isprint(bytes[i]) && !isspace(bytes[i]))
			return false;
	return len;
}

static size_t read_u64(struct sim_trace *trace, uint64_t *va, size_t max)
{
	unsigned char *bytes = (unsigned char *)va;
	size_t len = fread(bytes, 1, max * 8, trace->file);

	if (ferror(trace->file))
		sim_die("%s: %s", trace->path, strerror(errno));
	if (!trace->nr_read && is_text(bytes, len))
		sim_die("%s: text, not 64-bit addresses, which --format is unless it is told",
			trace->path);
	if (len % 8)
		sim_die("%s: ends in the middle of an address; --format is u64, or tells another",
			trace->path);
	for (size_t i = 0; i < len / 8; i++) {
		uint64_t address = 0;

		for (unsigned int byte = 8; byte--;)
			address = address << 8 | bytes[8 * i + byte];
		va[i] = address;
	}
	return len / 8;
}

/* " L 1ffefffe40,8", and S and M; "I  04001a30,3" and Valgrind's own lines are passed over. */
static bool parse_lackey(const struct sim_trace *trace, const char *line, uint64_t *va)
{
	char *end;

	if (line[0] != ' ' || !line[1] || !strchr("LSM", line[1]) || line[2] != ' ')
		return false;
	errno = 0;
	*va = strtoull(line + 3, &end, 16);
	if (!isxdigit((unsigned char)line[3]) || errno || *end != ',' ||
	    !isdigit((unsigned char)end[1]))
		sim_die("%s:%lu: no address and size", trace->path, trace->line);
	return true;
}

static size_t read_lackey(struct sim_trace *trace, uint64_t *va, size_t max)
{
	char line[512];
	size_t nr = 0;

	while (nr < max && fgets(line, sizeof(line), trace->file)) {
		trace->line++;
		nr += parse_lackey(trace, line, &va[nr]);
	}
	if (ferror(trace->file))
		sim_die("%s: %s", trace->path, strerror(errno));
	if (!nr && !trace->nr_read && trace->line)
		sim_die("%s: has no data accesses as lackey prints them", trace->path);
	return nr;
}

static void keep(struct sim_trace *trace, const uint64_t *va, size_t nr)
{
	if (trace->nr_addresses + nr > trace->capacity) {
		trace->capacity = 2 * (trace->nr_addresses + nr);
		trace->addresses =
			realloc(trace->addresses, trace->capacity * sizeof(*trace->addresses));
		if (!trace->addresses)
			sim_die("%s: no memory to read it again", trace->path);
	}
	memcpy(trace->addresses + trace->nr_addresses, va, nr * sizeof(*va));
	trace->nr_addresses += nr;
}

size_t sim_trace_read(struct sim_trace *trace, uint64_t *va, size_t max)
{
	size_t nr;

	if (trace->kept) {
		nr = trace->nr_addresses - trace->at;
		nr = nr < max ? nr : max;
		if (nr)
			memcpy(va, trace->addresses + trace->at, nr * sizeof(*va));
		trace->at += nr;
		return nr;
	}
	nr = trace->format == SIM_U64 ? read_u64(trace, va, max) : read_lackey(trace, va, max);
	trace->nr_read += nr;
	if (trace->keep && nr)
		keep(trace, va, nr);
	return nr;
}

void sim_trace_rewind(struct sim_trace *trace)
{
	trace->kept = trace->keep;
	trace->at = 0;
	trace->nr_read = 0;
	trace->line = 0;
	if (!trace->kept && fseeko(trace->file, 0, SEEK_SET))
		sim_die("%s: %s", trace->path, strerror(errno));
}

int sim_trace_percent(const struct sim_trace *trace)
{
	off_t at = trace->bytes ? ftello(trace->file) : -1;

	return at < 0 ? -1 : (int)((uint64_t)at * 100 / trace->bytes);
}

void sim_trace_close(struct sim_trace *trace)
{
	if (trace->file != stdin)
		fclose(trace->file);
	free(trace->addresses);
	free(trace);
}
