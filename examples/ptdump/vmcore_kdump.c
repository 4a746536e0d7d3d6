/* SPDX-License-Identifier: MIT */
/* ELF cores and kdump files, through libkdumpfile. */
#define _POSIX_C_SOURCE 200809L

#include "vmcore.h"

#include <libkdumpfile/kdumpfile.h>

#include <string.h>
#include <unistd.h>

/* The context of libkdumpfile that @vmcore is read with. */
static kdump_ctx_t *ctx_of(const struct dump_vmcore *vmcore)
{
	return vmcore->ctx;
}

static _Noreturn void die_of_kdump(const struct dump_vmcore *vmcore, const char *what)
{
	static const char how[] = "Cannot set file.set.0.fd: "; /* its way to open a file */
	const char *why = kdump_get_err(ctx_of(vmcore));

	if (why && !strncmp(why, how, sizeof(how) - 1))
		why += sizeof(how) - 1;
	dump_die("%s: %s: %s", vmcore->path, what, why ? why : "libkdumpfile does not say why");
}

/* ---- memory ---- */

static void add_pages(struct dump_vmcore *vmcore, uint64_t first, uint64_t end,
		      unsigned int page_lg2)
{
	if (end > UINT64_C(1) << (PT_PHYS_MAX_BITS - page_lg2))
		dump_die("%s: has memory beyond 2^%d", vmcore->path, PT_PHYS_MAX_BITS);
	dump_vmcore_add(vmcore, &(struct dump_region){
					.pa = first << page_lg2,
					.len = (end - first) << page_lg2,
				});
}

/* The memory that the machine had, whether or not the dump has all of its pages. */
static void find_memory(struct dump_vmcore *vmcore)
{
	kdump_attr_t map = { .type = KDUMP_BITMAP };
	kdump_addr_t first = 0, end;
	kdump_num_t page_lg2;

	/* A core of arm64 without VMCOREINFO does not say; it is read in frames of ours anyway. */
	if (kdump_get_number_attr(ctx_of(vmcore), KDUMP_ATTR_PAGE_SHIFT, &page_lg2)) {
		page_lg2 = 12;
		kdump_set_number_attr(ctx_of(vmcore), KDUMP_ATTR_PAGE_SHIFT, page_lg2);
	}
	if (kdump_get_typed_attr(ctx_of(vmcore), KDUMP_ATTR_MEMORY_PAGEMAP, &map))
		die_of_kdump(vmcore, "has no memory map");
	if (page_lg2 != 12 && page_lg2 != 14 && page_lg2 != 16)
		dump_die("%s: has pages of neither 4K, 16K nor 64K", vmcore->path);
	while (!kdump_bmp_find_set(map.val.bitmap, &first)) {
		end = first;
		if (kdump_bmp_find_clear(map.val.bitmap, &end))
			dump_die("%s: its memory has no end", vmcore->path);
		add_pages(vmcore, first, end, (unsigned int)page_lg2);
		first = end;
	}
}

static bool read_kdump(struct dump_vmcore *vmcore, pt_pa_t pa,
		       unsigned char frame[static DUMP_FRAME])
{
	size_t len = DUMP_FRAME;
	kdump_status status = kdump_read(ctx_of(vmcore), KDUMP_MACHPHYSADDR, pa, frame, &len);

	if (status == KDUMP_ERR_NODATA) /* left out: of no interest to who dumped, or not saved */
		return false;
	if (status)
		die_of_kdump(vmcore, "a page cannot be read");
	return true;
}

/* ---- registers ---- */

static bool learn_cpu(const struct dump_vmcore *vmcore, unsigned int nr, struct dump_regs *regs)
{
	struct dump_qemu_cpu cpu;
	unsigned int nr_cpus;

	if (!dump_elf_cpu(vmcore->fd, nr, &cpu, &nr_cpus)) {
		if (nr_cpus)
			dump_die("%s: --cpu: the last one is %u", vmcore->path, nr_cpus - 1);
		return false;
	}
	dump_regs_learn(regs, DUMP_CR0, cpu.cr0);
	dump_regs_learn(regs, DUMP_CR3, cpu.cr3);
	dump_regs_learn(regs, DUMP_CR4, cpu.cr4);
	return true;
}

/* kdump_vmcoreinfo_raw() has it only of dumps that say that they are Linux's. */
static char *vmcoreinfo(const struct dump_vmcore *vmcore)
{
	kdump_attr_t raw = { .type = KDUMP_BLOB };
	char *text;

	if (kdump_get_typed_attr(ctx_of(vmcore), "linux.vmcoreinfo.raw", &raw))
		return NULL;
	text = strndup(kdump_blob_pin(raw.val.blob), kdump_blob_size(raw.val.blob));
	kdump_blob_unpin(raw.val.blob);
	if (!text)
		dump_die("%s: %s", vmcore->path, pt_strerror(-ENOMEM));
	return text;
}

/* ---- opening ---- */

/* As makedumpfile -F and QEMU write to a pipe. */
static bool is_flattened(int fd)
{
	static const char magic[] = "makedumpfile";
	char start[sizeof(magic)];

	return pread(fd, start, sizeof(start), 0) == sizeof(start) &&
	       !memcmp(start, magic, sizeof(magic));
}

static void open_kdump(struct dump_vmcore *vmcore)
{
	const char *flaw = dump_elf_flaw(vmcore->fd, vmcore->file_len);

	if (!flaw)
		flaw = dump_kdump_flaw(vmcore->fd, vmcore->file_len);
	vmcore->ctx = kdump_new();
	if (!vmcore->ctx)
		dump_die("%s: %s", vmcore->path, pt_strerror(-ENOMEM));
	/* libkdumpfile takes what is behind the end of a file for zeroes, however much that is. */
	if (flaw)
		dump_die("%s: %s", vmcore->path, flaw);
	/* What would be mapped of a file that somebody is cutting short ends in SIGBUS. */
	if (kdump_set_number_attr(vmcore->ctx, KDUMP_ATTR_FILE_MMAP_POLICY, KDUMP_MMAP_NEVER) ||
	    kdump_open_fd(vmcore->ctx, vmcore->fd)) {
		if (is_flattened(vmcore->fd))
			dump_die("%s: is flattened; makedumpfile -R makes a plain dump of it",
				 vmcore->path);
		die_of_kdump(vmcore, "is a memory dump that cannot be read");
	}
	find_memory(vmcore);
}

static void close_kdump(struct dump_vmcore *vmcore)
{
	kdump_free(vmcore->ctx);
}

const struct dump_format dump_format_kdump = {
	.open = open_kdump,
	.read = read_kdump,
	.learn_cpu = learn_cpu,
	.vmcoreinfo = vmcoreinfo,
	.close = close_kdump,
};
