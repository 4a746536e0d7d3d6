/* SPDX-License-Identifier: MIT */
/*
 * LiME's dumps, version 1, as the Linux Memory Extractor and AVML write them: one range of memory
 * behind another, each with a header. Numbers are little-endian:
 *
 *	 0  u32 magic: "EMiL", u32 version: 1
 *	 8  u64 first address, last address
 *	24  8 bytes that say nothing
 *	32  the bytes from the first to the last
 *
 * Ranges are what /proc/iomem has as System RAM, which may begin and end within a page: Linux uses
 * whole ones.
 */
#define _POSIX_C_SOURCE 200809L

#include "vmcore.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define HEADER 32
#define MAX_RANGES 65536

/* Says that the dump ends too early: on stderr if what is there is wanted, else for good. */
static void say_cut(const struct dump_vmcore *vmcore, const char *where)
{
	if (!vmcore->may_be_cut)
		dump_die("%s: is cut short%s; --cut-short takes what is there", vmcore->path,
			 where);
	fprintf(stderr, "ptdump: %s: is cut short%s\n", vmcore->path, where);
}

/* How much of @range the file has. */
static uint64_t clip(const struct dump_vmcore *vmcore, const struct dump_region *range)
{
	uint64_t left = vmcore->file_len - range->offset;
	char where[80];

	if (range->len <= left)
		return range->len;
	snprintf(where, sizeof(where), ": the range at 0x%" PRIx64 " is not all there", range->pa);
	say_cut(vmcore, where);
	return left;
}

/* Returns whether there is a range at @offset. */
static bool read_header(const struct dump_vmcore *vmcore, uint64_t offset,
			struct dump_region *range)
{
	const char *path = vmcore->path;
	unsigned char header[HEADER];
	char where[80];
	uint64_t last;

	if (offset == vmcore->file_len)
		return false;
	if (pread(vmcore->fd, header, HEADER, (off_t)offset) != HEADER) {
		snprintf(where, sizeof(where), " in a header of LiME's, at byte %" PRIu64, offset);
		say_cut(vmcore, where);
		return false;
	}
	if (!memcmp(header, "AVML", 4))
		dump_die("%s: is compressed by AVML; avml-convert makes a plain dump of it", path);
	if (memcmp(header, "EMiL", 4) != 0)
		dump_die("%s: is damaged: no header of LiME's at byte %" PRIu64, path, offset);
	if (dump_le(header + 4, 4) != 1)
		dump_die("%s: is a dump of LiME's of version %" PRIu64 ", of which only 1 is known",
			 path, dump_le(header + 4, 4));
	last = dump_le(header + 16, 8);
	*range = (struct dump_region){ .pa = dump_le(header + 8, 8), .offset = offset + HEADER };
	if (last >> PT_PHYS_MAX_BITS)
		dump_die("%s: has memory beyond 2^%d", path, PT_PHYS_MAX_BITS);
	if (last < range->pa)
		dump_die("%s: is damaged: a range that begins at 0x%" PRIx64 " ends at 0x%" PRIx64,
			 path, range->pa, last);
	range->len = last - range->pa + 1;
	range->len = clip(vmcore, range);
	return true;
}

static void open_lime(struct dump_vmcore *vmcore)
{
	struct dump_region range;
	size_t nr_ranges = 0;
	pt_pa_t end = 0; /* of the range before */

	for (uint64_t at = 0; read_header(vmcore, at, &range); at = range.offset + range.len) {
		if (nr_ranges++ == MAX_RANGES)
			dump_die("%s: has more than %d ranges", vmcore->path, MAX_RANGES);
		if (range.pa < end)
			dump_die("%s: is damaged: the range at 0x%" PRIx64 " overlaps the one "
				 "before it, or stands below it",
				 vmcore->path, range.pa);
		end = range.pa + range.len;
		dump_vmcore_add(vmcore, &range);
	}
}

const struct dump_format dump_format_lime = { .open = open_lime };
