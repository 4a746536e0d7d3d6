/* SPDX-License-Identifier: MIT */
/* Memory dumps, without the libraries that read them. */
#include "vmcore.h"

struct dump_vmcore *dump_vmcore_open(const char *path, int fd, uint64_t file_len,
				     struct pt_phys **phys)
{
	(void)fd;
	(void)file_len;
	(void)phys;
	dump_die("%s: is a memory dump, for which ptdump was built without libkdumpfile and libelf",
		 path);
}

void dump_vmcore_close(struct dump_vmcore *vmcore)
{
	(void)vmcore;
}

bool dump_vmcore_load(struct dump_vmcore *vmcore, pt_pa_t pa, uint64_t len)
{
	(void)vmcore;
	(void)pa;
	(void)len;
	return false;
}

bool dump_vmcore_regs(struct dump_vmcore *vmcore, unsigned int cpu, struct dump_regs *regs)
{
	(void)vmcore;
	(void)cpu;
	(void)regs;
	return false;
}
