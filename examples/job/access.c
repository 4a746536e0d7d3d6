/* SPDX-License-Identifier: MIT */
/* The lines of a job that are accesses, and the registers they run with. */
#include <string.h>

#include "internal.h"

const char *const job_op_names[JOB_OP_NR] = { "r", "w", "m", "x", "at", "atw", "i" };

/* "r8": cuts the size off @word. */
static int parse_op(const struct job *job, char *word, struct job_access *access)
{
	size_t len = strlen(word);
	unsigned int op = 0;

	access->size = 8;
	if (len > 1 && word[len - 1] >= '0' && word[len - 1] <= '9') {
		access->size = (uint8_t)(word[len - 1] - '0');
		word[len - 1] = '\0';
	}
	while (op < JOB_OP_NR && strcmp(word, job_op_names[op]) != 0)
		op++;
	if (op == JOB_OP_NR)
		return job_bad(job, "no such command: %s", word);
	if (access->size != 1 && access->size != 2 && access->size != 4 && access->size != 8)
		return job_bad(job, "no such size: %s%u", word, access->size);
	access->op = (enum job_op)op;
	return JOB_OK;
}

static int parse_option(const struct job *job, const char *word, struct job_access *access)
{
	static const struct {
		const char *name;
		uint8_t flag;
	} flags[] = {
		{ "trace", JOB_TRACE }, { "ac", JOB_AC },     { "unpriv", JOB_UNPRIV },
		{ "s12", JOB_S12 },	{ "noat", JOB_NOAT }, { "execok", JOB_EXECOK },
	};
	uint64_t number = 0;
	int err;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (!strcmp(word, flags[i].name)) {
			access->flags |= flags[i].flag;
			return JOB_OK;
		}
	}
	if (!strncmp(word, "data=", 5))
		return job_number(job, word + 5, &access->data);
	if (!strncmp(word, "el=", 3) || !strncmp(word, "cpl=", 4)) {
		err = job_number(job, strchr(word, '=') + 1, &number);
		access->level = (uint8_t)number;
		return err ? err : number > 3 ? job_bad(job, "no such level: %s", word) : JOB_OK;
	}
	return job_bad(job, "no such option: %s", word);
}

int job_access(struct job *job, struct job_line *line)
{
	struct job_access access = { .level = job->machine.arch == JOB_X86_64 ? 0 : 1 };
	int err = parse_op(job, line->word[0], &access);

	if (err)
		return err;
	if (line->nr < 2)
		return job_bad(job, "OP[SIZE] VA [OPTION]...");
	err = job_number(job, line->word[1], &access.va);
	for (unsigned int i = 2; !err && i < line->nr; i++)
		err = parse_option(job, line->word[i], &access);
	if (!err)
		err = job_need_machine(job);
	return err ? err : job_queue(job, &access, line);
}

/* The place of register @name, or NULL. */
static uint64_t *find_register(struct job *job, const char *name)
{
	static const struct {
		const char *name;
		enum job_arch arch;
		unsigned int index;
	} registers[] = {
		{ "cr0", JOB_X86_64, JOB_CR0 },	   { "cr3", JOB_X86_64, JOB_CR3 },
		{ "cr4", JOB_X86_64, JOB_CR4 },	   { "efer", JOB_X86_64, JOB_EFER },
		{ "pkru", JOB_X86_64, JOB_PKRU },  { "pkrs", JOB_X86_64, JOB_PKRS },
		{ "sctlr", JOB_ARM64, JOB_SCTLR }, { "tcr", JOB_ARM64, JOB_TCR },
		{ "ttbr0", JOB_ARM64, JOB_TTBR0 }, { "ttbr1", JOB_ARM64, JOB_TTBR1 },
		{ "mair", JOB_ARM64, JOB_MAIR },   { "hcr", JOB_ARM64, JOB_HCR },
		{ "vtcr", JOB_ARM64, JOB_VTCR },   { "vttbr", JOB_ARM64, JOB_VTTBR },
		{ "pan", JOB_ARM64, JOB_PAN },	   { "uao", JOB_ARM64, JOB_UAO },
	};

	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		if (registers[i].arch == job->machine.arch && !strcmp(registers[i].name, name))
			return &job->sets[job->nr_sets - 1].r[registers[i].index];
	return NULL;
}

int job_set(struct job *job, struct job_line *line)
{
	int err = JOB_OK;

	if (job->set_used && job->nr_sets == JOB_MAX_SETS)
		err = job_flush(job);
	if (job->set_used && !err) {
		job->sets[job->nr_sets] = job->sets[job->nr_sets - 1];
		job->nr_sets++;
		job->set_used = false;
	}
	for (unsigned int i = 1; !err && i < line->nr; i++) {
		char *equals = strchr(line->word[i], '=');
		uint64_t *reg;

		if (!equals)
			return job_bad(job, "set REG=VALUE...");
		*equals = '\0';
		reg = find_register(job, line->word[i]);
		if (!reg)
			return job_bad(job, "no such register: %s", line->word[i]);
		err = job_number(job, equals + 1, reg);
	}
	job->set_lines[job->nr_sets - 1] = job->line;
	return err;
}
