/* SPDX-License-Identifier: MIT */
/* Where ptdump reads from: a raw memory image with registers, a memory dump, or a table image. */
#define _POSIX_C_SOURCE 200809L

#include "vmcore.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)

static int open_file(const char *path, uint64_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		dump_die("%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		dump_die("%s: %s", path, strerror(EISDIR));
	*len = (uint64_t)st.st_size;
	return fd;
}

/*
 * A region may end in the file's last page, which the file need not fill, and one without a length
 * takes what is left of it.
 */
static struct pt_phys_region region_of(const char *path, int fd, uint64_t file_len,
				       const struct dump_region *wanted)
{
	uint64_t left = wanted->offset < file_len ? file_len - wanted->offset : 0;
	uint64_t len = wanted->len ? wanted->len : left;

	if ((wanted->pa | wanted->offset) % PAGE)
		dump_die("%s: the region at 0x%" PRIx64 " and its place in the file have to be "
			 "multiples of 4K",
			 path, wanted->pa);
	if (!file_len)
		dump_die("%s: is empty, or no file that can be mapped", path);
	if (!left || len > left)
		dump_die("%s: ends before its region at 0x%" PRIx64
			 " does; LEN 0 takes what is there",
			 path, wanted->pa);
	if (len < PAGE)
		dump_die("%s: the region at 0x%" PRIx64 " is less than a page of 4K", path,
			 wanted->pa);
	return (struct pt_phys_region){
		.pa = wanted->pa,
		.len = len & ~(PAGE - 1),
		.fd = fd,
		.offset = wanted->offset,
	};
}

static void open_raw(struct dump_source *source, int fd, uint64_t file_len,
		     const struct dump_options *options)
{
	struct pt_phys_region regions[DUMP_MAX_REGIONS];
	struct dump_region whole = { 0 }, places[DUMP_MAX_REGIONS];
	const struct dump_region *wanted = options->nr_regions ? options->regions : &whole;
	size_t nr = options->nr_regions ? options->nr_regions : 1;
	int err;

	for (size_t i = 0; i < nr; i++) {
		regions[i] = region_of(source->path, fd, file_len, &wanted[i]);
		places[i] = (struct dump_region){
			.pa = regions[i].pa,
			.len = regions[i].len,
			.offset = regions[i].offset,
		};
	}
	err = pt_phys_create(&source->phys, regions, nr, 12);
	if (err == -EINVAL)
		dump_die("%s: regions overlap", source->path);
	if (err == -ERANGE)
		dump_die("%s: a region reaches beyond 2^%d", source->path, PT_PHYS_MAX_BITS);
	if (err)
		dump_die("%s: cannot be used as memory: %s", source->path, pt_strerror(err));
	if (dump_regs_arch(&source->regs) == DUMP_ANY_ARCH)
		dump_hunt(source, fd, places, nr, options);
}

bool dump_source_wants_cpu(const struct dump_source *source, const struct dump_options *options)
{
	return options->has_cpu && source->path == options->path;
}

bool dump_source_load(const struct dump_source *source, pt_pa_t pa, uint64_t len)
{
	return !source->vmcore || dump_vmcore_load(source->vmcore, pa, len);
}

/* A table that a dump leaves out is an empty one: those with nothing but zeroes may be. */
static bool load_table(void *ctx, pt_pa_t pa, unsigned int level, uint64_t bytes)
{
	(void)level;
	(void)dump_vmcore_load(ctx, pa, bytes);
	return true;
}

static bool note_two_levels(void *ctx, const struct pt_finding *finding)
{
	bool *found = ctx;

	*found |= finding->bad == PT_BAD_LEVEL;
	return !*found;
}

void dump_source_load_all(const struct dump_source *source)
{
	if (source->vmcore)
		dump_vmcore_load_all(source->vmcore);
}

/*
 * Has all tables of @pt read. What hangs below a page that is a table of two levels is seen as that
 * of one of them only: then everything is read.
 */
static int load_tables(const struct dump_source *source, const struct pt_pgtable *pt)
{
	bool has_two_levels = false;
	int err;

	if (!source->vmcore)
		return 0;
	err = pt_for_each_table(pt, load_table, source->vmcore);
	if (!err)
		err = pt_verify(pt, note_two_levels, &has_two_levels);
	if (has_two_levels)
		dump_source_load_all(source);
	return err == -EFAULT ? 0 : err; /* findings are for who asks for them */
}

/* A root that --root leaves out: accesses go through it if the registers have it. */
static void skip_root(const struct dump_source *source, const struct pt_pgtable_cfg *cfg,
		      pt_pa_t root_pa)
{
	struct pt_pgtable *pt;

	if (!source->vmcore || pt_pgtable_open(&pt, source->phys, cfg, root_pa))
		return;
	(void)load_tables(source, pt);
	pt_pgtable_destroy(pt);
}

/* Finds the format of @cfg and opens the tables at @root. */
static void add_root(struct dump_source *source, const char *label, const struct pt_fmt_cfg *fmt,
		     pt_pa_t root_pa, const struct dump_options *options)
{
	struct pt_pgtable_cfg cfg = { .fmt = *fmt, .mode = PT_MODE_PRIVATE };
	struct dump_root *root = &source->roots[source->nr_roots];
	int err;

	if (options->root && strcmp(options->root, label)) {
		skip_root(source, &cfg, root_pa);
		return;
	}
	*root = (struct dump_root){ .cfg = *fmt };
	strncpy(root->label, label, sizeof(root->label) - 1);
	err = pt_format_info(fmt, &root->info);
	if (!err && options->has_kernel)
		dump_soft_init(root, options->kernel);
	if (!err && options->nr_maps) {
		err = pt_reserve_create(&root->reserve, source->phys, root->info.granule_lg2);
		if (!err)
			cfg.tables = pt_reserve_ops(root->reserve);
	}
	if (!err)
		err = pt_pgtable_open(&root->pt, source->phys, &cfg, root_pa);
	if (!err)
		err = load_tables(source, root->pt);
	if (err == -EFAULT)
		dump_die("%s: root %s at 0x%" PRIx64 " is outside memory", source->path, label,
			 root_pa);
	if (err)
		dump_die("%s: root %s at 0x%" PRIx64 ": %s", source->path, label, root_pa,
			 pt_strerror(err));
	source->nr_roots++;
}

static void add_arm64_half(struct dump_source *source, const struct dump_regs *regs, bool upper,
			   const struct dump_options *options)
{
	const char *label = upper ? "ttbr1" : "ttbr0";
	struct pt_fmt_cfg cfg;
	pt_pa_t root;
	int err;

	err = pt_fmt_cfg_arm64(&cfg, &root, &regs->arm64, upper);
	if (err == -ENOENT) /* TCR.EPD: this half faults everywhere */
		return;
	if (err)
		dump_die("%s: tcr and the ID registers select no tables for that half", label);
	add_root(source, label, &cfg, root, options);
}

static void add_arm64_stage2(struct dump_source *source, const struct dump_regs *regs,
			     const struct dump_options *options)
{
	struct pt_fmt_cfg cfg;
	pt_pa_t root;
	int err = pt_fmt_cfg_arm64_s2(&cfg, &root, &regs->arm64_s2);

	if (err == -ENOENT) /* HCR: no second stage */
		return;
	if (err)
		dump_die("%s: vtcr and the ID registers select no tables", source->path);
	add_root(source, "vttbr", &cfg, root, options);
}

static void add_roots(struct dump_source *source, const struct dump_regs *regs,
		      const struct dump_options *options)
{
	struct pt_fmt_cfg cfg;
	pt_pa_t root;

	if (dump_has(regs, DUMP_CR3)) {
		if (pt_fmt_cfg_x86_64(&cfg, &root, &regs->x86))
			dump_die("cr0, cr4 and efer select neither 4- nor 5-level paging, which "
				 "takes cr0 with PG (0x80000000), cr4 with PAE (0x20) and efer "
				 "with LME (0x100); or cr3 has bits that are reserved; maxphyaddr "
				 "is 32 to 52");
		add_root(source, "cr3", &cfg, root, options);
	}
	if (dump_has(regs, DUMP_EPTP)) {
		if (pt_fmt_cfg_x86_ept(&cfg, &root, &regs->ept))
			dump_die("VM entry fails with eptp %#" PRIx64 ", as ept-cap has it: bits "
				 "2:0 are the tables' memory type, 0 or 6, 5:3 their levels less "
				 "one, 6 is for A and D; with 4 levels 0x1e is set",
				 regs->ept.eptp);
		add_root(source, "eptp", &cfg, root, options);
	}
	if (dump_has(regs, DUMP_VTTBR))
		add_arm64_stage2(source, regs, options);
	if (dump_has(regs, DUMP_TTBR0))
		add_arm64_half(source, regs, false, options);
	if (dump_has(regs, DUMP_TTBR1))
		add_arm64_half(source, regs, true, options);
}

/* What a file is, by how it begins: a dump is no raw image, and neither is a damaged table image. */
static bool begins_as_tables(int fd)
{
	static const char magic[] = "PTLIMG"; /* as src/pt/image.c has it */
	char start[sizeof(magic) - 1];

	return pread(fd, start, sizeof(start), 0) == sizeof(start) &&
	       !memcmp(start, magic, sizeof(start));
}

/* What no memory is that a raw image could have: a file that something else has to unpack. */
static void refuse_packed(const char *path, int fd)
{
	static const struct {
		const char *magic;
		const char *what;
	} packed[] = {
		{ "\037\213\010", "compressed; gzip -d makes a plain file of it" },
		{ "\050\265\057\375", "compressed; zstd -d makes a plain file of it" },
		{ "\3757zXZ", "compressed; xz -d makes a plain file of it" },
		{ "QFI\373", "a disk image of QEMU's, which qemu-img convert -O raw unpacks" },
	};
	char start[8] = { 0 };

	if (pread(fd, start, sizeof(start), 0) < 0)
		return;
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++)
		if (!memcmp(start, packed[i].magic, strlen(packed[i].magic)))
			dump_die("%s: is %s; --base 0 takes it for memory as it is", path,
				 packed[i].what);
}

static void open_tables(struct dump_source *source, int fd, struct pt_image_root *roots,
			size_t *nr_roots)
{
	int err = pt_image_open(fd, &source->phys, roots, nr_roots);

	if (err == -EIO)
		dump_die("%s: is a table image that is cut short or damaged", source->path);
	if (err)
		dump_die("%s: %s", source->path, pt_strerror(err));
	source->is_tables = true;
}

static void open_dump(struct dump_source *source, int fd, uint64_t len,
		      const struct dump_format *format, const struct dump_options *options)
{
	source->vmcore = dump_vmcore_open(source->path, fd, len, options->may_be_cut, format);
	source->phys = source->vmcore->phys;
	dump_vmcore_regs(source, options);
}

/* Opens the file; *@roots: those that a table image has. */
static void open_memory(struct dump_source *source, struct pt_image_root *roots, size_t *nr_roots,
			const struct dump_options *options)
{
	const struct dump_format *format = NULL;
	uint64_t len;
	int fd = open_file(source->path, &len);
	bool is_tables = begins_as_tables(fd);

	if (options->tables_only && !is_tables && source->path == options->path) /* not --diff's */
		dump_die("%s: is no table image", source->path);
	if (!options->nr_regions) { /* who says where it stands in memory says that it is raw */
		format = dump_vmcore_format(fd);
		refuse_packed(source->path, fd);
	}
	if (is_tables)
		open_tables(source, fd, roots, nr_roots);
	else if (format)
		open_dump(source, fd, len, format, options);
	else
		open_raw(source, fd, len, options);
	if (!format) /* which goes on reading */
		close(fd);
	if (dump_source_wants_cpu(source, options) && !source->is_of_cpu)
		dump_die("%s: --cpu: registers were given, or it has none of processors",
			 source->path);
}

void dump_source_open(struct dump_source *source, const char *path, const struct dump_regs *regs,
		      const struct dump_options *options)
{
	struct pt_image_root roots[PT_IMAGE_MAX_ROOTS];
	size_t nr_roots = 0;

	*source = (struct dump_source){ .path = path, .regs = *regs };
	open_memory(source, roots, &nr_roots, options);
	source->has_regs = dump_regs_arch(&source->regs) != DUMP_ANY_ARCH;
	if (!source->has_regs && !source->is_tables)
		dump_die("%s: is no table image, and does not know its registers; it needs --cr3, "
			 "--ttbr0, --ttbr1, --eptp or --vttbr",
			 path);

	/* A root that is given comes before those that a table image knows, with its registers. */
	if (source->has_regs)
		add_roots(source, &source->regs, options);
	for (size_t i = 0; !source->has_regs && i < nr_roots; i++)
		add_root(source, roots[i].label, &roots[i].fmt, roots[i].root, options);
	if (!source->nr_roots && options->root)
		dump_die("%s: has no root '%s'", path, options->root);
	if (!source->nr_roots)
		dump_die("%s: has no root that may be walked", path);
}

static bool is_lime(const struct dump_source *source)
{
	return source->vmcore && source->vmcore->format == &dump_format_lime;
}

void dump_source_check(const struct dump_options *options, const struct dump_source *source,
		       const struct dump_source *other)
{
	if (options->nr_regions && source->is_tables && (!other || other->is_tables))
		dump_die("%s: knows where its tables stand in memory: no --base or --region",
			 source->path);
	if (options->may_be_cut && !is_lime(source) && !(other && is_lime(other)))
		dump_die("%s: --cut-short is of LiME's dumps", source->path);
	dump_regs_check(options, source, other);
}

void dump_source_close(struct dump_source *source)
{
	for (size_t i = 0; i < source->nr_roots; i++) {
		pt_pgtable_destroy(source->roots[i].pt);
		(void)pt_reserve_destroy(source->roots[i].reserve);
	}
	pt_phys_destroy(source->phys);
	dump_vmcore_close(source->vmcore);
}

/* ---- saving ---- */

static bool count_table(void *ctx, pt_pa_t pa, unsigned int level, uint64_t bytes)
{
	size_t *nr = ctx;

	(void)pa;
	(void)level;
	(void)bytes;
	++*nr;
	return true;
}

static void refuse_overwriting(const struct stat *saved, const char *input, const char *path)
{
	struct stat st;

	if (input && !stat(input, &st) && st.st_dev == saved->st_dev && st.st_ino == saved->st_ino)
		dump_die("--save-tables: '%s' is what is read, which never changes", path);
}

void dump_source_guard(const struct dump_options *options)
{
	struct stat saved;

	if (!options->save_path || stat(options->save_path, &saved))
		return;
	refuse_overwriting(&saved, options->path, options->save_path);
	refuse_overwriting(&saved, options->other_path, options->save_path);
}

size_t dump_source_save(const struct dump_source *source, const char *path)
{
	struct pt_pgtable *pts[PT_IMAGE_MAX_ROOTS];
	const char *labels[PT_IMAGE_MAX_ROOTS];
	size_t nr_tables = 0;
	int fd, err = 0;

	for (size_t i = 0; i < source->nr_roots; i++) {
		pts[i] = source->roots[i].pt;
		labels[i] = source->roots[i].label;
		if (!err)
			err = pt_for_each_table(pts[i], count_table, &nr_tables);
	}
	if (err) /* before a file that is there loses what it holds */
		dump_die("%s: %s", source->path, pt_strerror(err));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		dump_die("%s: %s", path, strerror(errno));
	err = pt_image_save(fd, pts, labels, source->nr_roots);
	if (close(fd) && !err)
		err = -EIO;
	if (err == -EIO)
		dump_die("%s: writing failed; what is there is no table image", path);
	if (err)
		dump_die("%s: cannot be written: %s", path, pt_strerror(err));
	return nr_tables;
}
