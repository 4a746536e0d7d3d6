/* SPDX-License-Identifier: MIT */
/*
 * One recorded machine. case.json has a fixed form, so a search for its
 * keys is enough to read it.
 */
#define _POSIX_C_SOURCE 200809L

#include "case.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- case.json ---- */

/* The text behind "key": at or after @text; NULL if it is not before @end. */
static const char *find_key(const char *text, const char *end, const char *key)
{
	char quoted[64];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	at = strstr(text, quoted);
	if (!at || at >= end)
		return NULL;
	at += strlen(quoted);
	return at + strspn(at, " \n\"");
}

static uint64_t number_in(const char *text, const char *end, const char *key)
{
	const char *value = find_key(text, end, key);

	return value ? strtoull(value, NULL, 0) : 0;
}

uint64_t case_number(const struct data_case *c, const char *section, const char *key)
{
	const char *start = c->json, *end = c->json + strlen(c->json);

	if (section) {
		start = find_key(start, end, section);
		if (!start)
			return 0;
		end = strchr(start, '}'); /* these sections have none within */
	}
	return end ? number_in(start, end, key) : 0;
}

/* The list of RAM regions. */
static void read_ram(struct data_case *c)
{
	const char *at = find_key(c->json, c->json + strlen(c->json), "ram");
	const char *list_end = at ? strchr(at, ']') : NULL;

	while (list_end && c->nr_ram < sizeof(c->ram) / sizeof(c->ram[0])) {
		const char *end;

		at = strchr(at, '{');
		if (!at || at > list_end)
			return;
		end = strchr(at, '}');
		if (!end)
			return;
		c->ram[c->nr_ram++] = (struct pt_phys_region){
			.pa = number_in(at, end, "gpa"),
			.len = number_in(at, end, "size"),
			.offset = number_in(at, end, "file_offset"),
		};
		at = end;
	}
}

static char *read_file(FILE *file)
{
	size_t room = 1 << 16, len;
	char *text = malloc(room);

	if (!text)
		abort();
	len = fread(text, 1, room - 1, file);
	text[len] = 0;
	return text;
}

static void read_x86(struct data_case *c)
{
	c->x86 = (struct pt_x86_regs){
		.cr0 = case_number(c, "registers", "cr0"),
		.cr3 = case_number(c, "registers", "cr3"),
		.cr4 = case_number(c, "registers", "cr4"),
		.efer = case_number(c, "registers", "efer"),
		.pat = case_number(c, "kernel_says", "pat_msr"),
	};
	c->target = c->x86.cr3;
	c->kernel = case_number(c, "tables", "target_kernel_view");
	if (!c->kernel)
		c->kernel = c->target;
	c->dialect.mem_types = c->x86.pat;
}

static void read_arm64(struct data_case *c)
{
	c->regs = (struct pt_arm64_regs){
		.ttbr0 = case_number(c, "registers", "TTBR0_EL1"),
		.ttbr1 = case_number(c, "registers", "TTBR1_EL1"),
		.tcr = case_number(c, "registers", "TCR_EL1"),
		.mair = case_number(c, "registers", "MAIR_EL1"),
		.mmfr0 = case_number(c, "registers", "ID_AA64MMFR0_EL1"),
		.mmfr1 = case_number(c, "registers", "ID_AA64MMFR1_EL1"),
		.mmfr2 = case_number(c, "registers", "ID_AA64MMFR2_EL1"),
	};
	c->target = c->regs.ttbr0;
	c->kernel = c->regs.ttbr1;
	c->dialect.mem_types = c->regs.mair;
}

bool case_open(struct data_case *c, const char *dir)
{
	const char *slash = strrchr(dir, '/'), *arch;
	FILE *file;

	*c = (struct data_case){ 0 };
	snprintf(c->dir, sizeof(c->dir), "%s", dir);
	snprintf(c->name, sizeof(c->name), "%s", slash ? slash + 1 : dir);
	file = case_file(c, "case.json");
	if (!file) {
		printf("%s: no case.json\n", dir);
		return false;
	}
	c->json = read_file(file);
	case_file_close(file);
	arch = find_key(c->json, c->json + strlen(c->json), "arch");
	c->arm64 = arch && !strncmp(arch, "aarch64", 7);
	c->dialect.arm64 = c->arm64;
	c->page_size = case_number(c, NULL, "page_size");
	c->helper = case_number(c, "tables", "helper");
	read_ram(c);
	if (c->arm64)
		read_arm64(c);
	else
		read_x86(c);
	if (!c->nr_ram || !c->target || !c->page_size) {
		printf("%s: case.json lacks RAM, registers or page size\n", dir);
		return false;
	}
	return true;
}

void case_close(struct data_case *c)
{
	free(c->json);
	c->json = NULL;
}

/* ---- files and programs ---- */

/* Quotes @text for the shell; returns where the quoted text ends. */
static char *quote(char *at, const char *end, const char *text)
{
	*at++ = '\'';
	for (; *text && at < end - 6; text++) {
		if (*text == '\'') {
			memcpy(at, "'\\''", 4);
			at += 4;
		} else {
			*at++ = *text;
		}
	}
	*at++ = '\'';
	*at = 0;
	return at;
}

FILE *case_file(const struct data_case *c, const char *name)
{
	char path[1280], command[2 * sizeof(path)], *end = command + sizeof(command);
	size_t len = strlen(name);

	snprintf(path, sizeof(path), "%s/%s", c->dir, name);
	if (access(path, R_OK))
		return NULL;
	if (len < 4 || strcmp(name + len - 4, ".zst"))
		snprintf(command, sizeof(command), "cat ");
	else
		snprintf(command, sizeof(command), "zstd -q -d -c --long=27 ");
	quote(command + strlen(command), end, path);
	return popen(command, "r");
}

bool case_file_close(FILE *file)
{
	int status = pclose(file);

	return WIFEXITED(status) && !WEXITSTATUS(status);
}

bool case_decompress(const struct data_case *c, const char *name, const char *path)
{
	char from[1280], command[3 * sizeof(from)], *at, *end = command + sizeof(command);

	snprintf(from, sizeof(from), "%s/%s", c->dir, name);
	if (access(from, R_OK))
		return false;
	snprintf(command, sizeof(command), "zstd -q -d -f --long=27 --sparse -o ");
	at = quote(command + strlen(command), end, path);
	*at++ = ' ';
	quote(at, end, from);
	return !system(command);
}

FILE *case_ptdump(const struct data_case *c, const char *ptdump, const char *image, uint64_t root,
		  const char *options)
{
	char command[8192], *at, *end = command + sizeof(command);

	fflush(stdout);
	at = quote(command, end, ptdump);
	at += snprintf(at, (size_t)(end - at), " --image ");
	at = quote(at, end, image);
	for (size_t i = 0; i < c->nr_ram; i++)
		at += snprintf(at, (size_t)(end - at),
			       " --region 0x%" PRIx64 ":0x%" PRIx64 ":0x%" PRIx64, c->ram[i].pa,
			       c->ram[i].len, c->ram[i].offset);
	if (c->arm64)
		at += snprintf(at, (size_t)(end - at),
			       " --arch arm64 --ttbr0 0x%" PRIx64 " --ttbr1 0x%" PRIx64
			       " --tcr 0x%" PRIx64 " --mair 0x%" PRIx64 " --mmfr0 0x%" PRIx64
			       " --mmfr1 0x%" PRIx64 " --mmfr2 0x%" PRIx64,
			       root, c->regs.ttbr1, c->regs.tcr, c->regs.mair, c->regs.mmfr0,
			       c->regs.mmfr1, c->regs.mmfr2);
	else
		at += snprintf(at, (size_t)(end - at),
			       " --arch x86_64 --cr0 0x%" PRIx64 " --cr3 0x%" PRIx64
			       " --cr4 0x%" PRIx64 " --efer 0x%" PRIx64 " --pat 0x%" PRIx64,
			       c->x86.cr0, root, c->x86.cr4, c->x86.efer, c->x86.pat);
	snprintf(at, (size_t)(end - at), " %s", options);
	return popen(command, "r");
}

/* ---- the library itself ---- */

bool case_pgtable(const struct data_case *c, uint64_t root, bool upper, struct pt_phys **phys,
		  struct pt_pgtable **pt)
{
	struct pt_pgtable_cfg cfg = { .mode = PT_MODE_PRIVATE };
	struct pt_phys_region ram[sizeof(c->ram) / sizeof(c->ram[0])];
	struct pt_arm64_regs arm64 = c->regs;
	struct pt_x86_regs x86 = c->x86;
	int fd = open(c->image, O_RDONLY | O_CLOEXEC);
	pt_pa_t root_pa;
	int err;

	*phys = NULL;
	*pt = NULL;
	memcpy(ram, c->ram, sizeof(ram));
	for (size_t i = 0; i < c->nr_ram; i++)
		ram[i].fd = fd;
	err = pt_phys_create(phys, ram, c->nr_ram, 12);
	x86.cr3 = root;
	if (upper)
		arm64.ttbr1 = root;
	else
		arm64.ttbr0 = root;
	if (!err)
		err = c->arm64 ? pt_fmt_cfg_arm64(&cfg.fmt, &root_pa, &arm64, upper)
			       : pt_fmt_cfg_x86_64(&cfg.fmt, &root_pa, &x86);
	if (!err)
		err = pt_pgtable_open(pt, *phys, &cfg, root_pa);
	if (fd >= 0)
		close(fd);
	if (err) {
		printf("%s: root 0x%" PRIx64 ": %s\n", c->name, root, pt_strerror(err));
		pt_phys_destroy(*phys);
		*phys = NULL;
	}
	return !err;
}
