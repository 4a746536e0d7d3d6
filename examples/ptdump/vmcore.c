/* SPDX-License-Identifier: MIT */
/*
 * Memory dumps. Nothing of a dump is mapped: what it compresses has no place in the file, and what
 * stands plainly in it is rarely aligned. So the memory is anonymous and empty at first; pages come
 * into it when somebody needs them, and those of zeroes never do.
 */
#define _GNU_SOURCE

#include "vmcore.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_REGIONS 65536
#define STRETCH (64 * DUMP_FRAME) /* holes are looked for at the beginning of each */

/* ---- formats ---- */

const struct dump_format *dump_vmcore_format(int fd)
{
	static const struct {
		const char *magic;
		const struct dump_format *format;
	} formats[] = {
		{ "\177ELF", &dump_format_kdump },
		{ "KDUMP   ", &dump_format_kdump }, /* makedumpfile's, and its ancestor's */
		{ "DISKDUMP", &dump_format_kdump },
		{ "makedumpfile", &dump_format_kdump }, /* ... flattened to go through a pipe */
		{ "EMiL", &dump_format_lime },
		{ "AVML", &dump_format_lime }, /* LiME's headers, compressed memory */
	};
	char start[16] = { 0 };

	if (pread(fd, start, sizeof(start), 0) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!memcmp(start, formats[i].magic, strlen(formats[i].magic)))
			return formats[i].format;
	return NULL;
}

/* ---- memory ---- */

void dump_vmcore_add(struct dump_vmcore *vmcore, const struct dump_region *region)
{
	uint64_t skipped = -region->pa & (DUMP_FRAME - 1);
	size_t nr = vmcore->nr_regions;

	if (!(nr & (nr + 1))) { /* grows at powers of two */
		size_t room = 2 * (nr + 1) * sizeof(vmcore->regions[0]);
		struct dump_region *regions = realloc(vmcore->regions, room);

		if (!regions)
			dump_die("no memory for the regions of a dump");
		vmcore->regions = regions;
	}
	if (region->pa >> PT_PHYS_MAX_BITS ||
	    region->len > (UINT64_C(1) << PT_PHYS_MAX_BITS) - region->pa)
		dump_die("%s: has memory beyond 2^%d", vmcore->path, PT_PHYS_MAX_BITS);
	if (region->len < skipped || region->len - skipped < DUMP_FRAME)
		return;
	if (nr == MAX_REGIONS)
		dump_die("%s: has memory in more than %d pieces", vmcore->path, MAX_REGIONS);
	vmcore->regions[vmcore->nr_regions++] = (struct dump_region){
		.pa = region->pa + skipped,
		.len = (region->len - skipped) & ~(DUMP_FRAME - 1),
		.offset = region->offset + skipped,
	};
}

static int create_phys(struct dump_vmcore *vmcore)
{
	struct pt_phys_region *regions = calloc(vmcore->nr_regions, sizeof(*regions));
	int err = regions ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < vmcore->nr_regions; i++)
		regions[i] = (struct pt_phys_region){
			.pa = vmcore->regions[i].pa,
			.len = vmcore->regions[i].len,
			.fd = -1,
		};
	if (!err)
		err = pt_phys_create(&vmcore->phys, regions, vmcore->nr_regions, 12);
	free(regions);
	return err;
}

static int create_marks(struct dump_vmcore *vmcore)
{
	size_t nr_frames = 0;

	vmcore->first_frames = calloc(vmcore->nr_regions, sizeof(vmcore->first_frames[0]));
	if (!vmcore->first_frames)
		return -ENOMEM;
	for (size_t i = 0; i < vmcore->nr_regions; i++) {
		vmcore->first_frames[i] = nr_frames;
		nr_frames += vmcore->regions[i].len / DUMP_FRAME;
	}
	vmcore->is_loaded = calloc(nr_frames, sizeof(vmcore->is_loaded[0]));
	return vmcore->is_loaded ? 0 : -ENOMEM;
}

/* The region that @pa is in, or NULL. */
static const struct dump_region *region_of(const struct dump_vmcore *vmcore, pt_pa_t pa)
{
	size_t low = 0, high = vmcore->nr_regions;

	while (low < high) { /* regions before low begin at pa or below, those from high on above */
		size_t mid = low + (high - low) / 2;

		if (vmcore->regions[mid].pa <= pa)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || pa - vmcore->regions[low - 1].pa >= vmcore->regions[low - 1].len)
		return NULL;
	return &vmcore->regions[low - 1];
}

uint64_t dump_skip_hole(int fd, const struct dump_region *region, uint64_t at)
{
	off_t data = lseek(fd, (off_t)(region->offset + at), SEEK_DATA);

	if (data < 0) /* only holes behind it, or a file system that does not tell */
		return errno == ENXIO ? region->len : at;
	return ((uint64_t)data - region->offset) & ~(DUMP_FRAME - 1);
}

/* A frame of memory that stands in the file as it is. */
static void read_plain(const struct dump_vmcore *vmcore, const struct dump_region *region,
		       pt_pa_t pa, unsigned char frame[static DUMP_FRAME])
{
	off_t offset = (off_t)(region->offset + (pa - region->pa));

	if (pread(vmcore->fd, frame, DUMP_FRAME, offset) != (ssize_t)DUMP_FRAME)
		dump_die("%s: the page at 0x%" PRIx64 " cannot be read", vmcore->path, pa);
}

static bool is_zero(const unsigned char *bytes, size_t len)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, len - 1);
}

/* Returns whether the dump has the frame at @pa. */
static bool load_frame(struct dump_vmcore *vmcore, pt_pa_t pa)
{
	const struct dump_region *region = region_of(vmcore, pa);
	unsigned char frame[DUMP_FRAME];
	bool *is_loaded;

	if (!region)
		return false;
	is_loaded = &vmcore->is_loaded[vmcore->first_frames[region - vmcore->regions] +
				       (pa - region->pa) / DUMP_FRAME];
	if (*is_loaded)
		return true;
	if (!vmcore->format->read)
		read_plain(vmcore, region, pa, frame);
	else if (!vmcore->format->read(vmcore, pa, frame))
		return false;
	if (!is_zero(frame, sizeof(frame)))
		memcpy(pt_phys_to_host(vmcore->phys, pa, DUMP_FRAME), frame, sizeof(frame));
	*is_loaded = true;
	return true;
}

bool dump_vmcore_load(struct dump_vmcore *vmcore, pt_pa_t pa, uint64_t len)
{
	bool has_all = true;

	for (pt_pa_t at = pa & ~(DUMP_FRAME - 1); at < pa + len; at += DUMP_FRAME)
		has_all &= load_frame(vmcore, at);
	return has_all;
}

/* The first frame of @region from @at on that has to be read. */
static uint64_t skip(const struct dump_vmcore *vmcore, const struct dump_region *region,
		     uint64_t at)
{
	bool is_plain = !vmcore->format->read;

	return is_plain && at % STRETCH == 0 ? dump_skip_hole(vmcore->fd, region, at) : at;
}

static void load_region(struct dump_vmcore *vmcore, const struct dump_region *region)
{
	uint64_t at = skip(vmcore, region, 0);

	while (at < region->len) {
		(void)load_frame(vmcore, region->pa + at);
		at = skip(vmcore, region, at + DUMP_FRAME);
	}
}

void dump_vmcore_load_all(struct dump_vmcore *vmcore)
{
	for (size_t i = 0; i < vmcore->nr_regions; i++)
		load_region(vmcore, &vmcore->regions[i]);
}

/* ---- registers ---- */

/* The kernel's own tables, of which a processor's registers need not be. */
static void learn_kernel(struct dump_source *source, const struct dump_options *options)
{
	const struct dump_vmcore *vmcore = source->vmcore;
	const struct dump_regs given = source->regs;
	const char *flaw;
	char *text;

	if (!vmcore->format->read) {
		dump_hunt(source, vmcore->fd, vmcore->regions, vmcore->nr_regions, options);
		return;
	}
	text = vmcore->format->vmcoreinfo ? vmcore->format->vmcoreinfo(vmcore) : NULL;
	if (!text)
		return;
	flaw = dump_vmcoreinfo_learn(source, text, &source->regs);
	if (flaw)
		dump_die("%s: %s", source->path, flaw);
	if (dump_regs_arch(&source->regs) != DUMP_ANY_ARCH)
		dump_vmcoreinfo_credit(source, text, "", &given);
	free(text);
}

void dump_vmcore_regs(struct dump_source *source, const struct dump_options *options)
{
	const struct dump_format *format = source->vmcore->format;

	if (dump_regs_arch(&source->regs) != DUMP_ANY_ARCH)
		return;
	source->is_of_cpu =
		format->learn_cpu && format->learn_cpu(source->vmcore, options->cpu, &source->regs);
	if (!source->is_of_cpu && !dump_source_wants_cpu(source, options))
		learn_kernel(source, options);
}

/* ---- opening ---- */

struct dump_vmcore *dump_vmcore_open(const char *path, int fd, uint64_t file_len, bool may_be_cut,
				     const struct dump_format *format)
{
	struct dump_vmcore *vmcore = calloc(1, sizeof(*vmcore));
	int err;

	if (!vmcore)
		dump_die("%s: %s", path, pt_strerror(-ENOMEM));
	*vmcore = (struct dump_vmcore){
		.path = path,
		.fd = fd,
		.file_len = file_len,
		.may_be_cut = may_be_cut,
		.format = format,
	};
	format->open(vmcore);
	if (!vmcore->nr_regions)
		dump_die("%s: is a dump without memory", path);
	err = create_phys(vmcore);
	if (!err)
		err = create_marks(vmcore);
	if (err)
		dump_die("%s: cannot be used as memory: %s", path, pt_strerror(err));
	return vmcore;
}

void dump_vmcore_close(struct dump_vmcore *vmcore)
{
	if (!vmcore)
		return;
	if (vmcore->format->close)
		vmcore->format->close(vmcore);
	close(vmcore->fd);
	free(vmcore->is_loaded);
	free(vmcore->first_frames);
	free(vmcore->regions);
	free(vmcore);
}
