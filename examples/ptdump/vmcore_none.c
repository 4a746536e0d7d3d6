/* SPDX-License-Identifier: MIT */
/* ELF cores and kdump files, without the libraries that read them. */
#include "vmcore.h"

static _Noreturn void refuse(struct dump_vmcore *vmcore)
{
	dump_die("%s: is a memory dump, for which ptdump was built without libkdumpfile and libelf",
		 vmcore->path);
}

static bool read_nothing(struct dump_vmcore *vmcore, pt_pa_t pa,
			 unsigned char frame[static DUMP_FRAME])
{
	(void)vmcore;
	(void)pa;
	(void)frame;
	return false;
}

const struct dump_format dump_format_kdump = {
	.open = refuse,
	.read = read_nothing,
};
