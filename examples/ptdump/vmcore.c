/* SPDX-License-Identifier: MIT */
/*
 * Memory dumps through libkdumpfile. Nothing of a dump is mapped: what it compresses has no place in
 * the file, and QEMU does not align what it writes plainly. So the memory is anonymous and empty at
 * first; pages come into it when somebody needs them.
 *
 * Where the kernel's own tables are stands in VMCOREINFO, see Documentation/admin-guide/kdump/
 * vmcoreinfo.rst of Linux.
 */
#define _POSIX_C_SOURCE 200809L

#include "vmcore.h"

#include <libkdumpfile/kdumpfile.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAME UINT64_C(4096)
#define MAX_PIECES 65536

/* A stretch of memory, a region of phys. */
struct piece {
	pt_pa_t pa;
	uint64_t len;
	size_t first; /* of its frames, in is_loaded */
};

struct dump_vmcore {
	const char *path;
	int fd;
	kdump_ctx_t *ctx;
	struct pt_phys *phys;
	struct piece *pieces; /* in ascending order */
	size_t nr_pieces;
	unsigned int page_lg2;
	bool *is_loaded; /* by frame; sparse, as memory is */
};

static _Noreturn void die_of_kdump(const struct dump_vmcore *vmcore, const char *what)
{
	const char *why = kdump_get_err(vmcore->ctx);

	dump_die("%s: %s: %s", vmcore->path, what, why ? why : "libkdumpfile does not say why");
}

/* ---- memory ---- */

static void add_piece(struct dump_vmcore *vmcore, uint64_t first_page, uint64_t nr_pages)
{
	struct piece *piece, *last = NULL;
	size_t nr = vmcore->nr_pieces;

	if (!(nr & (nr + 1))) { /* grows at powers of two */
		piece = realloc(vmcore->pieces, 2 * (nr + 1) * sizeof(*piece));
		if (!piece)
			dump_die("no memory for the regions of a dump");
		vmcore->pieces = piece;
	}
	if (nr)
		last = &vmcore->pieces[nr - 1];
	if (nr == MAX_PIECES)
		dump_die("%s: has memory in more than %d pieces", vmcore->path, MAX_PIECES);
	if (first_page + nr_pages > UINT64_C(1) << (PT_PHYS_MAX_BITS - vmcore->page_lg2))
		dump_die("%s: has memory beyond 2^%d", vmcore->path, PT_PHYS_MAX_BITS);
	vmcore->pieces[vmcore->nr_pieces++] = (struct piece){
		.pa = first_page << vmcore->page_lg2,
		.len = nr_pages << vmcore->page_lg2,
		.first = last ? last->first + last->len / FRAME : 0,
	};
}

/* The memory that the machine had, whether or not the dump has all of its pages. */
static void find_pieces(struct dump_vmcore *vmcore)
{
	kdump_attr_t map = { .type = KDUMP_BITMAP };
	kdump_addr_t first = 0, end;
	kdump_num_t page_lg2;

	/* A core of arm64 without VMCOREINFO does not say; it is read in frames of ours anyway. */
	if (kdump_get_number_attr(vmcore->ctx, KDUMP_ATTR_PAGE_SHIFT, &page_lg2)) {
		page_lg2 = 12;
		kdump_set_number_attr(vmcore->ctx, KDUMP_ATTR_PAGE_SHIFT, page_lg2);
	}
	if (kdump_get_typed_attr(vmcore->ctx, KDUMP_ATTR_MEMORY_PAGEMAP, &map))
		die_of_kdump(vmcore, "has no memory map");
	if (page_lg2 != 12 && page_lg2 != 14 && page_lg2 != 16)
		dump_die("%s: has pages of neither 4K, 16K nor 64K", vmcore->path);
	vmcore->page_lg2 = (unsigned int)page_lg2;
	while (!kdump_bmp_find_set(map.val.bitmap, &first)) {
		end = first;
		if (kdump_bmp_find_clear(map.val.bitmap, &end))
			dump_die("%s: its memory has no end", vmcore->path);
		add_piece(vmcore, first, end - first);
		first = end;
	}
	if (!vmcore->nr_pieces)
		dump_die("%s: is a dump without memory", vmcore->path);
}

static void create_phys(struct dump_vmcore *vmcore)
{
	struct pt_phys_region *regions = calloc(vmcore->nr_pieces, sizeof(*regions));
	struct piece *last = &vmcore->pieces[vmcore->nr_pieces - 1];
	int err = regions ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < vmcore->nr_pieces; i++)
		regions[i] = (struct pt_phys_region){
			.pa = vmcore->pieces[i].pa,
			.len = vmcore->pieces[i].len,
			.fd = -1,
		};
	if (!err)
		err = pt_phys_create(&vmcore->phys, regions, vmcore->nr_pieces, 12);
	free(regions);
	if (!err) {
		vmcore->is_loaded = calloc(last->first + last->len / FRAME, 1);
		err = vmcore->is_loaded ? 0 : -ENOMEM;
	}
	if (err)
		dump_die("%s: cannot be used as memory: %s", vmcore->path, pt_strerror(err));
}

static const struct piece *piece_of(const struct dump_vmcore *vmcore, pt_pa_t pa)
{
	for (size_t i = 0; i < vmcore->nr_pieces; i++)
		if (pa - vmcore->pieces[i].pa < vmcore->pieces[i].len)
			return &vmcore->pieces[i];
	return NULL;
}

/* Returns whether the dump has the frame at @pa. */
static bool load_frame(struct dump_vmcore *vmcore, pt_pa_t pa)
{
	const struct piece *piece = piece_of(vmcore, pa);
	kdump_status status;
	size_t len = FRAME;
	bool *is_loaded;

	if (!piece)
		return false;
	is_loaded = &vmcore->is_loaded[piece->first + (pa - piece->pa) / FRAME];
	if (*is_loaded)
		return true;
	status = kdump_read(vmcore->ctx, KDUMP_MACHPHYSADDR, pa,
			    pt_phys_to_host(vmcore->phys, pa, FRAME), &len);
	if (status == KDUMP_ERR_NODATA) /* left out: of no interest to who dumped, or not saved */
		return false;
	if (status)
		die_of_kdump(vmcore, "a page cannot be read");
	*is_loaded = true;
	return true;
}

bool dump_vmcore_load(struct dump_vmcore *vmcore, pt_pa_t pa, uint64_t len)
{
	bool has_all = true;

	for (pt_pa_t at = pa & ~(FRAME - 1); at < pa + len; at += FRAME)
		has_all &= load_frame(vmcore, at);
	return has_all;
}

/* ---- registers ---- */

/* NUMBER(@name) of VMCOREINFO. */
static bool has_number(const struct dump_vmcore *vmcore, const char *name, uint64_t *value)
{
	char key[64] = "linux.vmcoreinfo.NUMBER.";
	kdump_num_t number;

	strncat(key, name, sizeof(key) - strlen(key) - 1);
	if (kdump_get_number_attr(vmcore->ctx, key, &number))
		return false;
	*value = number;
	return true;
}

/* SYMBOL(swapper_pg_dir): where the kernel's root is, as the kernel's image is mapped. */
static bool has_swapper(const struct dump_vmcore *vmcore, uint64_t *va)
{
	kdump_addr_t value;

	if (kdump_get_address_attr(vmcore->ctx, "linux.vmcoreinfo.SYMBOL.swapper_pg_dir", &value))
		return false;
	*va = value;
	return true;
}

/* x86_64: the image is mapped from __START_KERNEL_map on, physical address phys_base. */
static void learn_x86_kernel(const struct dump_vmcore *vmcore, struct dump_regs *regs)
{
	uint64_t va, phys_base, has_5_levels = 0, sme_mask = 0;

	if (!has_swapper(vmcore, &va) || !has_number(vmcore, "phys_base", &phys_base))
		return;
	has_number(vmcore, "pgtable_l5_enabled", &has_5_levels);
	has_number(vmcore, "sme_mask", &sme_mask);
	if (sme_mask)
		dump_die("%s: its tables have AMD's encryption bit, which is not modelled",
			 vmcore->path);
	dump_regs_learn(regs, DUMP_CR3, va - 0xffffffff80000000 + phys_base);
	dump_regs_learn(regs, DUMP_CR4, has_5_levels ? 0x1020 : 0x20); /* LA57, PAE */
}

/* Whether there is a page at @pa, of zeroes. */
static bool is_empty(struct dump_vmcore *vmcore, pt_pa_t pa)
{
	const unsigned char *bytes;
	uint64_t len = UINT64_C(1) << vmcore->page_lg2;

	if (!dump_vmcore_load(vmcore, pa, len))
		return false;
	bytes = pt_phys_to_host(vmcore->phys, pa, len);
	return bytes && !bytes[0] && !memcmp(bytes, bytes + 1, len - 1);
}

/*
 * arm64: the image is mapped kimage_voffset above where it is; its root is TTBR1's. In the page
 * before that is what TTBR0 points at while no process runs, reserved_pg_dir: an empty table, which
 * nothing else says but that it is one. With it --find-roots has something to go by.
 * Source: Linux 6.1, arch/arm64/kernel/vmlinux.lds.S.
 *
 * Outputs have 52 bits where the format can: words of kernels that use fewer have zeroes there.
 */
static void learn_arm64_kernel(struct dump_vmcore *vmcore, struct dump_regs *regs)
{
	static const enum pt_format formats[][2] = {
		[12] = { PT_FMT_ARM64_4K, PT_FMT_ARM64_4K_LPA2 },
		[14] = { PT_FMT_ARM64_16K, PT_FMT_ARM64_16K_LPA2 },
		[16] = { PT_FMT_ARM64_64K, PT_FMT_ARM64_64K },
	};
	uint64_t va, voffset, t1sz, pa, reserved;
	struct pt_arm64_regs found = { 0 };
	struct pt_fmt_cfg cfg;
	bool has_52;

	if (!has_swapper(vmcore, &va) || !has_number(vmcore, "kimage_voffset", &voffset) ||
	    !has_number(vmcore, "TCR_EL1_T1SZ", &t1sz))
		return;
	has_52 = t1sz < 16 || vmcore->page_lg2 == 16;
	cfg = (struct pt_fmt_cfg){
		.fmt = formats[vmcore->page_lg2][has_52],
		.va_bits = 64 - (t1sz & 0x3f),
		.pa_bits = has_52 ? 52 : 48,
		.upper_half = true,
		.features =
			PT_FEAT_NO_HPD | PT_FEAT_TTST | (vmcore->page_lg2 == 16 ? PT_FEAT_LPA : 0),
	};
	pa = va - voffset;
	if (pt_arm64_regs_select(&found, &cfg, pa))
		dump_die("%s: VMCOREINFO names no tables that an arm64 has", vmcore->path);
	dump_regs_learn(regs, DUMP_TTBR1, found.ttbr1);
	reserved = pa - (UINT64_C(1) << vmcore->page_lg2);
	cfg.upper_half = false;
	if (is_empty(vmcore, reserved) && !pt_arm64_regs_select(&found, &cfg, reserved))
		dump_regs_learn(regs, DUMP_TTBR0, found.ttbr0);
	dump_regs_learn(regs, DUMP_TCR, found.tcr);
}

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

bool dump_vmcore_regs(struct dump_vmcore *vmcore, unsigned int cpu, struct dump_regs *regs)
{
	if (dump_regs_arch(regs) != DUMP_ANY_ARCH)
		return false;
	if (learn_cpu(vmcore, cpu, regs))
		return true;
	/* Not every dump says of what machine it is; VMCOREINFO of each has what no other's has. */
	learn_x86_kernel(vmcore, regs);
	learn_arm64_kernel(vmcore, regs);
	return false;
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

struct dump_vmcore *dump_vmcore_open(const char *path, int fd, uint64_t file_len,
				     struct pt_phys **phys)
{
	struct dump_vmcore *vmcore = calloc(1, sizeof(*vmcore));
	const char *flaw = dump_elf_flaw(fd, file_len);

	if (vmcore)
		vmcore->ctx = kdump_new();
	if (!vmcore || !vmcore->ctx)
		dump_die("%s: %s", path, pt_strerror(-ENOMEM));
	vmcore->path = path;
	vmcore->fd = fd;
	/* libkdumpfile takes what is behind the end of a file for zeroes. */
	if (flaw)
		dump_die("%s: %s", path, flaw);
	/* What would be mapped of a file that somebody is cutting short ends in SIGBUS. */
	if (kdump_set_number_attr(vmcore->ctx, KDUMP_ATTR_FILE_MMAP_POLICY, KDUMP_MMAP_NEVER) ||
	    kdump_open_fd(vmcore->ctx, fd)) {
		if (is_flattened(fd))
			dump_die("%s: is flattened; makedumpfile -R makes a plain dump of it",
				 path);
		die_of_kdump(vmcore, "is a memory dump that cannot be read");
	}
	find_pieces(vmcore);
	create_phys(vmcore);
	*phys = vmcore->phys;
	return vmcore;
}

void dump_vmcore_close(struct dump_vmcore *vmcore)
{
	if (!vmcore)
		return;
	kdump_free(vmcore->ctx);
	close(vmcore->fd);
	free(vmcore->is_loaded);
	free(vmcore->pieces);
	free(vmcore);
}
