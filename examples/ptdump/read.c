/* SPDX-License-Identifier: MIT */
/* The bytes at an address, through the tables, whatever they permit. */
#include "ptdump.h"

#include <inttypes.h>

/* The root whose half @va is in; with --root there is only that one. */
static const struct dump_root *root_of(const struct dump_source *source, pt_va_t va)
{
	for (size_t i = 0; i < source->nr_roots; i++)
		if (va >= source->roots[i].info.first && va <= source->roots[i].info.last)
			return &source->roots[i];
	return NULL;
}

/* Writes what of [@va, @last] stands in one frame; returns how much, or says why nothing does. */
static uint64_t read_piece(const struct dump_source *source, pt_va_t va, pt_va_t last)
{
	const struct dump_root *root = root_of(source, va);
	uint64_t frame = UINT64_C(1) << pt_phys_frame_lg2(source->phys);
	struct pt_leaf leaf;
	uint64_t len;
	const void *bytes;
	int err = root ? pt_lookup(root->pt, va, &leaf) : -ERANGE;

	if (err) {
		fprintf(stderr, "ptdump: 0x%016" PRIx64 " is not translated: %s\n", va,
			pt_strerror(err));
		return 0;
	}
	len = frame - (leaf.pa & (frame - 1));
	if (len - 1 > last - va)
		len = last - va + 1;
	bytes = pt_phys_to_host(source->phys, leaf.pa, len);
	if (!bytes || !dump_source_load(source, leaf.pa, len)) {
		fprintf(stderr,
			"ptdump: 0x%016" PRIx64 " is at 0x%" PRIx64 ", which the image does not "
			"have\n",
			va, leaf.pa);
		return 0;
	}
	if (fwrite(bytes, 1, len, stdout) != len)
		dump_flush();
	return len;
}

bool dump_read(const struct dump_source *source, const struct dump_options *options)
{
	pt_va_t va = options->address, last = va + (options->read_len - 1);
	uint64_t len;

	do {
		len = read_piece(source, va, last);
		va += len;
	} while (len && va - 1 != last);
	return !len;
}
