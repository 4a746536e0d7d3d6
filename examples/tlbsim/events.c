/* SPDX-License-Identifier: MIT */
/* The language of events: one a line, read whole, since several machines perform them. */
#define _POSIX_C_SOURCE 200809L

#include "tlbsim.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char sim_events_help[] =
	"The language of events: one a line, words between blanks, # begins a comment\n"
	"  cpu N                   what follows happens on CPU N; before the first, on CPU 0\n"
	"  switch P                that CPU runs process P, which begins with no memory\n"
	"  lazy                    it runs a kernel thread until its next switch, and keeps the\n"
	"                          address space that it has loaded\n"
	"  map VA LEN PROT         memory of the process that runs there: PROT of r, w and x,\n"
	"                          or none; pages come with the first access\n"
	"  unmap VA LEN            munmap(): holes are fine\n"
	"  protect VA LEN PROT     mprotect()\n"
	"  fork P                  P becomes a child of the process that runs there; pages are\n"
	"                          shared until they are written\n"
	"  exit P                  P ends; CPUs that run it run none afterwards\n"
	"  access KIND VA [COUNT [STRIDE]]\n"
	"                          r, w or x: a byte, or COUNT, each STRIDE bytes on (1, 4096)\n"
	"  forget                  a mistake, for --check to find: the next event flushes nothing\n"
	"N, P and VA are numbers, 0x1000 or 4096, N and P from 0 on; LEN, COUNT and STRIDE may\n"
	"end in K, M or G.\n";

static const char *const names[SIM_EVENT_NR] = {
	[SIM_CPU] = "cpu",	 [SIM_SWITCH] = "switch", [SIM_LAZY] = "lazy",
	[SIM_MAP] = "map",	 [SIM_UNMAP] = "unmap",	  [SIM_PROTECT] = "protect",
	[SIM_FORK] = "fork",	 [SIM_EXIT] = "exit",	  [SIM_ACCESS] = "access",
	[SIM_FORGET] = "forget",
};

#define MAX_WORDS 6

struct line {
	const char *file;
	unsigned long number;
	char *words[MAX_WORDS];
	unsigned int nr, at;
};

const char *sim_event_name(enum sim_event_kind kind)
{
	return names[kind];
}

static _Noreturn void bad(const struct line *line, const char *what, const char *word)
{
	sim_die("%s:%lu: %s%s%s", line->file, line->number, what, word ? ": " : "",
		word ? word : "");
}

static const char *next_word(struct line *line, const char *what)
{
	if (line->at == line->nr)
		bad(line, "missing", what);
	return line->words[line->at++];
}

static _Noreturn void bad_number(const struct line *line, const char *what, const char *word,
				 bool suffix, uint64_t most)
{
	if (most == UINT64_MAX)
		sim_die("%s:%lu: %s: %s: not a number of 64 bits%s", line->file, line->number, what,
			word, suffix ? ", with K, M or G behind or nothing" : "");
	sim_die("%s:%lu: %s: %s: not a number from 0 to %" PRIu64, line->file, line->number, what,
		word, most);
}

static uint64_t number(struct line *line, const char *what, bool suffix, uint64_t most)
{
	const char *word = next_word(line, what);
	unsigned long long value;
	unsigned int shift = 0;
	char *end;

	errno = 0;
	value = strtoull(word, &end, sim_base(word));
	if (suffix && *end) {
		const char *at = strchr("KMG", *end);

		shift = at ? 10 * (unsigned int)(at - "KMG" + 1) : 0;
		end += at != NULL;
	}
	if (!isdigit((unsigned char)word[0]) || errno || *end || value > most >> shift)
		bad_number(line, what, word, suffix, most);
	return value << shift;
}

static uint8_t rights(struct line *line)
{
	const char *word = next_word(line, "rights");
	uint8_t flags = 0;

	if (!strcmp(word, "none"))
		return 0;
	for (const char *c = word; *c; c++) {
		uint8_t flag = *c == 'r'   ? PT_MM_READ
			       : *c == 'w' ? PT_MM_WRITE
			       : *c == 'x' ? PT_MM_EXEC
					   : 0;

		if (!flag || flags & flag)
			bad(line, "not of r, w and x, nor none", word);
		flags |= flag;
	}
	return flags;
}

static uint8_t access_kind(struct line *line)
{
	const char *word = next_word(line, "r, w or x");

	if (!strcmp(word, "r"))
		return PT_ACCESS_READ;
	if (!strcmp(word, "w"))
		return PT_ACCESS_WRITE;
	if (!strcmp(word, "x"))
		return PT_ACCESS_FETCH;
	bad(line, "not r, w or x", word);
}

static void parse_range(struct line *line, struct sim_event *event)
{
	event->va = number(line, "address", false, UINT64_MAX);
	event->len = number(line, "length", true, UINT64_MAX);
	if (event->va % SIM_PAGE || event->len % SIM_PAGE || !event->len)
		bad(line, "address and length are of whole pages", NULL);
}

static void parse_access(struct line *line, struct sim_event *event)
{
	event->how = access_kind(line);
	event->va = number(line, "address", false, UINT64_MAX);
	event->len = line->at < line->nr ? number(line, "count", true, UINT64_MAX) : 1;
	event->stride = line->at < line->nr ? number(line, "stride", true, UINT64_MAX) : SIM_PAGE;
	if (event->len && event->stride &&
	    event->len - 1 > (UINT64_MAX - event->va) / event->stride)
		bad(line, "accesses beyond the last address", NULL);
}

static enum sim_event_kind kind_of(const struct line *line)
{
	for (unsigned int kind = 0; kind < SIM_EVENT_NR; kind++)
		if (!strcasecmp(line->words[0], names[kind]))
			return (enum sim_event_kind)kind;
	bad(line, "unknown event", line->words[0]);
}

static void parse(struct line *line, struct sim_event *event)
{
	*event = (struct sim_event){ .line = line->number, .kind = (uint8_t)kind_of(line) };
	line->at = 1;
	switch ((enum sim_event_kind)event->kind) {
	case SIM_CPU:
		event->number = (uint32_t)number(line, "CPU", false, PT_MACHINE_MAX_CPUS - 1);
		break;
	case SIM_SWITCH:
	case SIM_FORK:
	case SIM_EXIT:
		event->number = (uint32_t)number(line, "process", false, SIM_MAX_PROCESSES - 1);
		break;
	case SIM_MAP:
	case SIM_PROTECT:
		parse_range(line, event);
		event->how = rights(line);
		break;
	case SIM_UNMAP:
		parse_range(line, event);
		break;
	case SIM_ACCESS:
		parse_access(line, event);
		break;
	case SIM_LAZY:
	case SIM_FORGET:
	case SIM_EVENT_NR:
		break;
	}
	if (line->at != line->nr)
		bad(line, "one word too many", line->words[line->at]);
}

/* Cuts @text into words; a word more than any event has is kept, to be complained of. */
static void cut(struct line *line, char *text)
{
	static const char blanks[] = " \t\r\n";

	line->nr = 0;
	text[strcspn(text, "#")] = '\0';
	for (char *word = strtok(text, blanks); word && line->nr < MAX_WORDS;
	     word = strtok(NULL, blanks))
		line->words[line->nr++] = word;
}

static struct sim_event *room_for_one(struct sim_events *events, size_t *capacity)
{
	if (events->nr == *capacity) {
		*capacity = *capacity ? 2 * *capacity : 1024;
		events->at = realloc(events->at, *capacity * sizeof(*events->at));
		if (!events->at)
			sim_die("%s: no memory for so many events", events->name);
	}
	return &events->at[events->nr];
}

void sim_events_read(struct sim_events *events, const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
	struct line line = { .file = strcmp(path, "-") ? path : "standard input" };
	size_t capacity = 0, size = 0;
	char *text = NULL;
	ssize_t len;

	*events = (struct sim_events){ .name = line.file, .nr_cpus = 1 };
	if (!file)
		sim_die("%s: %s", line.file, strerror(errno));
	while ((len = getline(&text, &size, file)) >= 0) {
		struct sim_event *event;

		line.number++;
		if (strlen(text) != (size_t)len)
			bad(&line, "no text", NULL);
		cut(&line, text);
		if (!line.nr)
			continue;
		event = room_for_one(events, &capacity);
		parse(&line, event);
		events->nr++;
		if (event->kind == SIM_CPU && event->number >= events->nr_cpus)
			events->nr_cpus = event->number + 1;
		if (!(line.number % 65536))
			sim_progress("lines read", line.number, 0);
	}
	sim_progress(NULL, 0, 0);
	if (ferror(file))
		sim_die("%s: %s", line.file, strerror(errno));
	free(text);
	if (file != stdin)
		fclose(file);
}

void sim_events_free(struct sim_events *events)
{
	free(events->at);
}
