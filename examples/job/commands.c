/* SPDX-License-Identifier: MIT */
/* The lines of a job that describe its machine and look into its memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* For commands that only make sense before the machine is started. */
static int need_closed(const struct job *job, const struct job_line *line, const char *usage)
{
	if (line->nr != 2)
		return job_bad(job, "%s", usage);
	if (job->is_open)
		return job_bad(job, "%s: too late, the machine runs", line->word[0]);
	return JOB_OK;
}

static int cmd_arch(struct job *job, struct job_line *line)
{
	int err = need_closed(job, line, "arch x86_64 | arm64");

	if (err)
		return err;
	if (!strcmp(line->word[1], "x86_64"))
		job->machine.arch = JOB_X86_64;
	else if (!strcmp(line->word[1], "arm64") || !strcmp(line->word[1], "aarch64"))
		job->machine.arch = JOB_ARM64;
	else
		return job_bad(job, "no such architecture: %s", line->word[1]);
	return JOB_OK;
}

static int cmd_cpu(struct job *job, struct job_line *line)
{
	int err = need_closed(job, line, "cpu PROPERTY[,PROPERTY...]");

	if (err)
		return err;
	free(job->machine.cpu);
	job->machine.cpu = strdup(line->word[1]);
	return job->machine.cpu ? JOB_OK : job_bad(job, "out of memory");
}

static int cmd_physbits(struct job *job, struct job_line *line)
{
	int err = need_closed(job, line, "physbits N");
	uint64_t bits;

	if (!err)
		err = job_number(job, line->word[1], &bits);
	if (!err)
		job->machine.phys_bits = bits > 64 ? 64 : (unsigned int)bits;
	return err;
}

static int cmd_room(struct job *job, struct job_line *line)
{
	int err = need_closed(job, line, "room SIZE");

	return err ? err : job_number(job, line->word[1], &job->machine.room);
}

static int cmd_let(struct job *job, struct job_line *line)
{
	for (unsigned int i = 1; i < line->nr; i++) {
		char *equals = strchr(line->word[i], '=');
		uint64_t value;
		int err;

		if (!equals)
			return job_bad(job, "let NAME=NUMBER...");
		*equals = '\0';
		err = job_number(job, equals + 1, &value);
		if (err)
			return err;
		if (!symbols_set(&job->symbols, line->word[i], value))
			return job_bad(job,
				       "cannot define '%s': of %u names at most, each has 1 to %u "
				       "characters",
				       line->word[i], SYMBOLS_MAX, SYMBOL_NAME_MAX - 1u);
	}
	return JOB_OK;
}

static int load(const struct job *job, const struct job_region *region, const char *name)
{
	FILE *file = fopen(name, "rb");
	bool whole;

	if (!file)
		return job_bad(job, "%s: %s", name, strerror(errno));
	whole = fread(region->host, 1, region->bytes, file) < region->bytes || fgetc(file) == EOF;
	whole = !ferror(file) && whole;
	fclose(file);
	return whole ? JOB_OK : job_bad(job, "%s: unreadable, or longer than its region", name);
}

int job_save_regions(struct job *job)
{
	for (unsigned int i = 0; i < job->nr_regions; i++) {
		const struct job_region *region = &job->regions[i];
		FILE *file;
		bool ok;

		if (!region->out)
			continue;
		file = fopen(region->out, "wb");
		if (!file)
			return job_bad(job, "%s: %s", region->out, strerror(errno));
		ok = fwrite(region->host, 1, region->bytes, file) == region->bytes;
		ok = fclose(file) == 0 && ok;
		if (!ok)
			return job_bad(job, "%s: %s", region->out, strerror(errno));
	}
	return JOB_OK;
}

static int cmd_mem(struct job *job, struct job_line *line)
{
	struct job_region *region = &job->regions[job->nr_regions];
	const char *file = NULL, *out = NULL;
	bool ident = false;
	int err;

	if (line->nr < 3)
		return job_bad(job, "mem GPA SIZE [file=F] [out=F] [ident]");
	for (unsigned int i = 3; i < line->nr; i++) {
		if (!strcmp(line->word[i], "ident"))
			ident = true;
		else if (!strncmp(line->word[i], "file=", 5))
			file = line->word[i] + 5;
		else if (!strncmp(line->word[i], "out=", 4))
			out = line->word[i] + 4;
		else
			return job_bad(job, "mem: no such option: %s", line->word[i]);
	}
	err = job_need_machine(job);
	if (!err)
		err = job_flush(job);
	if (!err && job->nr_regions == JOB_MAX_REGIONS)
		err = job_bad(job, "more than %u regions", JOB_MAX_REGIONS);
	if (!err)
		err = job_number(job, line->word[1], &region->gpa);
	if (!err)
		err = job_number(job, line->word[2], &region->bytes);
	if (err)
		return err;
	region->host = job->ops->region_add(job->ctx, region->gpa, region->bytes, ident);
	if (!region->host)
		return job_bad(job, "mem: %s", job->ops->error(job->ctx));
	region->out = out ? strdup(out) : NULL;
	job->nr_regions++;
	return file ? load(job, region, file) : JOB_OK;
}

static int cmd_nomem(struct job *job, struct job_line *line)
{
	int err = job_flush(job);

	(void)line;
	if (!err)
		err = job_save_regions(job);
	if (err)
		return err;
	for (unsigned int i = 0; i < job->nr_regions; i++)
		free(job->regions[i].out);
	job->nr_regions = 0;
	if (job->is_open)
		job->ops->regions_clear(job->ctx);
	return JOB_OK;
}

/* NULL, having complained, if no region holds all of the word. */
static void *word_at(const struct job *job, uint64_t gpa)
{
	for (unsigned int i = 0; i < job->nr_regions; i++) {
		const struct job_region *region = &job->regions[i];
		uint64_t offset = gpa - region->gpa;

		if (offset < region->bytes && region->bytes - offset >= sizeof(uint64_t))
			return region->host + offset;
	}
	job_bad(job, "no region holds %#llx", (unsigned long long)gpa);
	return NULL;
}

static int cmd_poke(struct job *job, struct job_line *line)
{
	uint64_t gpa, value;
	int err;

	if (line->nr < 3)
		return job_bad(job, "poke GPA WORD...");
	err = job_flush(job);
	if (!err)
		err = job_number(job, line->word[1], &gpa);
	for (unsigned int i = 2; !err && i < line->nr; i++, gpa += sizeof(value)) {
		void *word = word_at(job, gpa);

		if (!word)
			return JOB_BAD;
		err = job_number(job, line->word[i], &value);
		if (!err)
			memcpy(word, &value, sizeof(value));
	}
	return err;
}

static int cmd_dump(struct job *job, struct job_line *line)
{
	uint64_t gpa, nr = 1;
	char *text = NULL;
	size_t size;
	FILE *out;
	int err;

	if (line->nr < 2 || line->nr > 3)
		return job_bad(job, "dump GPA [NWORDS]");
	err = job_flush(job);
	if (!err)
		err = job_number(job, line->word[1], &gpa);
	if (!err && line->nr > 2)
		err = job_number(job, line->word[2], &nr);
	if (err)
		return err;
	out = open_memstream(&text, &size);
	if (!out)
		return job_bad(job, "out of memory");
	for (uint64_t i = 0; !err && i < nr; i++) {
		const void *word = word_at(job, gpa + i * sizeof(uint64_t));
		uint64_t value = 0;

		if (word)
			memcpy(&value, word, sizeof(value));
		else
			err = JOB_BAD;
		fprintf(out, "%s0x%llx", i ? " " : "", (unsigned long long)value);
	}
	fclose(out);
	if (!err && !job->quiet)
		printf("%u dump 0x%llx %s\n", job->line, (unsigned long long)gpa, text);
	if (!err)
		err = job_check_line(job, line, text, true);
	free(text);
	return err;
}

static int cmd_flush(struct job *job, struct job_line *line)
{
	int err = job_flush(job);

	(void)line;
	fflush(stdout);
	return err;
}

static int cmd_info(struct job *job, struct job_line *line)
{
	int err = job_need_machine(job);

	(void)line;
	if (err)
		return err;
	printf("%u info", job->line);
	for (unsigned int i = 0; i < JOB_NR_INFO; i++)
		printf(" 0x%llx", (unsigned long long)job->ops->info(job->ctx)[i]);
	putchar('\n');
	fflush(stdout);
	return JOB_OK;
}

int job_command(struct job *job, struct job_line *line)
{
	static const struct {
		const char *name;
		int (*run)(struct job *job, struct job_line *line);
	} commands[] = {
		{ "arch", cmd_arch },	{ "cpu", cmd_cpu },   { "physbits", cmd_physbits },
		{ "room", cmd_room },	{ "let", cmd_let },   { "mem", cmd_mem },
		{ "nomem", cmd_nomem }, { "poke", cmd_poke }, { "dump", cmd_dump },
		{ "flush", cmd_flush }, { "info", cmd_info }, { "set", job_set },
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(line->word[0], commands[i].name))
			return commands[i].run(job, line);
	return job_access(job, line);
}
