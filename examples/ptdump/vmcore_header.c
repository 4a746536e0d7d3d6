/* SPDX-License-Identifier: MIT */
/*
 * The headers of a kdump file, as makedumpfile and, before it, diskdump write them. Numbers are as
 * the machine has them, in either order of bytes. Of machines of 32 and 64 bits stand at
 *
 *	  8    8  s32 version
 *	416  428  u32 bytes of a block; s32 blocks of the second header, u32 of both bitmaps
 *	428  440  u32 pages of memory
 *
 * and in the second one, which begins with the second block, where something else is:
 *
 *	 20   32  u64 offset, u32 or u64 length of VMCOREINFO; of notes; of what was erased
 *	 72   96  u64 pages of memory, of version 6
 */
#define _POSIX_C_SOURCE 200809L

#include "vmcore.h"

#include <string.h>
#include <unistd.h>

#define MIN_BLOCK 4096
#define MAX_BLOCK 65536

struct layout {
	bool is_big; /* the order of bytes */
	unsigned int word; /* bytes of a long */
	unsigned int block_size, places, nr_pages; /* where they are */
};

/* The first header, as one layout has it. */
struct sizes {
	uint64_t version, block, second, bitmaps, pages;
};

static uint64_t number(const struct layout *layout, const unsigned char *bytes, unsigned int nr)
{
	unsigned char turned[8];

	for (unsigned int i = 0; i < nr; i++)
		turned[i] = bytes[layout->is_big ? nr - 1 - i : i];
	return dump_le(turned, nr);
}

static struct sizes sizes_of(const struct layout *layout, const unsigned char *header)
{
	const unsigned char *at = header + layout->block_size;

	return (struct sizes){
		.version = number(layout, header + 8, 4),
		.block = number(layout, at, 4),
		.second = number(layout, at + 4, 4),
		.bitmaps = number(layout, at + 8, 4),
		.pages = number(layout, at + 12, 4),
	};
}

/* Whether libkdumpfile would take that for a header of this layout. */
static bool may_be(const struct sizes *sizes)
{
	return sizes->block >= MIN_BLOCK && sizes->block <= MAX_BLOCK &&
	       !(sizes->block & (sizes->block - 1)) &&
	       sizes->pages <= 8 * sizes->bitmaps * sizes->block;
}

static bool is_inside(uint64_t offset, uint64_t len, uint64_t file_len)
{
	return offset <= file_len && len <= file_len - offset;
}

/* Whether the file has all that the second header names. */
static bool has_all_places(const struct layout *layout, const struct sizes *sizes,
			   const unsigned char *second, uint64_t file_len)
{
	for (unsigned int i = 0; i < 3 && sizes->version >= 3 + i; i++) {
		const unsigned char *at = second + layout->places + i * (8 + layout->word);

		if (!is_inside(number(layout, at, 8), number(layout, at + 8, layout->word),
			       file_len))
			return false;
	}
	return sizes->version < 6 ||
	       number(layout, second + layout->nr_pages, 8) <= 8 * sizes->bitmaps * sizes->block;
}

static bool has_all(int fd, const struct layout *layout, const struct sizes *sizes,
		    uint64_t file_len)
{
	unsigned char second[128];

	return is_inside(0, (1 + sizes->second + sizes->bitmaps) * sizes->block, file_len) &&
	       pread(fd, second, sizeof(second), (off_t)sizes->block) == sizeof(second) &&
	       has_all_places(layout, sizes, second, file_len);
}

const char *dump_kdump_flaw(int fd, uint64_t file_len)
{
	static const struct layout layouts[] = {
		{ .word = 4, .block_size = 416, .places = 20, .nr_pages = 72 },
		{ .word = 8, .block_size = 428, .places = 32, .nr_pages = 96 },
		{ .is_big = true, .word = 4, .block_size = 416, .places = 20, .nr_pages = 72 },
		{ .is_big = true, .word = 8, .block_size = 428, .places = 32, .nr_pages = 96 },
	};
	unsigned char header[448] = { 0 };
	bool is_one = false;

	if (pread(fd, header, sizeof(header), 0) < 0 ||
	    (memcmp(header, "KDUMP   ", 8) != 0 && memcmp(header, "DISKDUMP", 8) != 0))
		return NULL;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		struct sizes sizes = sizes_of(&layouts[i], header);

		if (!may_be(&sizes))
			continue;
		is_one = true;
		if (!has_all(fd, &layouts[i], &sizes, file_len))
			return "is damaged or cut short: not all that its headers name is there";
	}
	return is_one ? NULL : "is damaged: it begins as a kdump file does, and is none";
}
