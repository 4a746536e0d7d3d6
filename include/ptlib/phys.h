/* SPDX-License-Identifier: MIT */
/*
 * ptlib/phys.h - simulated physical memory.
 *
 * A memory is a set of regions with holes between them: anonymous and sparse,
 * or a raw image file. It costs host memory only where it was touched, and so
 * do its frame descriptors. Nothing here is global: any number of memories
 * live side by side.
 */
#ifndef PTLIB_PHYS_H
#define PTLIB_PHYS_H

#include <ptlib/error.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PT_PHYS_MAX_BITS 52 /* no region reaches beyond 2^52 */

/* Map the file shared: changes go to it. Without: copy-on-write, it never changes. */
#define PT_PHYS_SHARED (1u << 0)

struct pt_phys_region {
	pt_pa_t pa;         /* first byte; a multiple of the frame size */
	uint64_t len;       /* bytes; a non-zero multiple of the frame size */
	int fd;             /* an open file, or -1 for anonymous memory; not kept */
	uint64_t offset;    /* where in the file @pa stands; any multiple of 4096 */
	unsigned int flags; /* PT_PHYS_SHARED */
};

/**
 * pt_phys_create() - Make a memory of several regions.
 * @out:       Receives the handle; release it with pt_phys_destroy().
 * @regions:   At least one, in any order.
 * @nr:        How many.
 * @frame_lg2: 12, 14 or 16: the frame size, at most the granule of the tables
 *             that will live here.
 *
 * Anonymous memory reads as zero. A file must not be truncated while the
 * memory exists. Creating costs host address space only, whatever the size.
 *
 * Return: 0; -EINVAL for an unaligned, empty, wrapping or overlapping region,
 * a bad frame size or flag; -ERANGE beyond 2^52; -EIO for a file that cannot be
 * mapped or ends before its region does; -ENOMEM when the host has no room.
 */
PT_API PT_MUST_CHECK int pt_phys_create(struct pt_phys **out,
					const struct pt_phys_region *regions, size_t nr,
					unsigned int frame_lg2);

/** Makes a memory of one anonymous region [0, @len) with 4K frames; errors as above. */
PT_API PT_MUST_CHECK int pt_phys_create_anon(struct pt_phys **out, uint64_t len);

/**
 * pt_phys_add() - Add a region, e.g. room for new tables beside an image.
 *
 * Context: nothing else may use @phys meanwhile; tables in it stay valid.
 * Return: as pt_phys_create(); the memory is unchanged on failure.
 */
PT_API PT_MUST_CHECK int pt_phys_add(struct pt_phys *phys, const struct pt_phys_region *region);

/** Unmaps everything. Tables in it must be destroyed before. NULL is allowed. */
PT_API void pt_phys_destroy(struct pt_phys *phys);

/**
 * pt_phys_to_host() - The host address of [@pa, @pa + @len).
 *
 * Return: NULL if any byte of it is outside memory, or if it crosses from one
 * region into another, whose host addresses need not be neighbours.
 */
PT_API void *pt_phys_to_host(const struct pt_phys *phys, pt_pa_t pa, uint64_t len);

/** Copies @len bytes out of memory; -EFAULT, and nothing copied, if any is outside. */
PT_API PT_MUST_CHECK int pt_phys_read(const struct pt_phys *phys, pt_pa_t pa, void *buf,
				      size_t len);
/** Copies @len bytes into memory; -EFAULT, and nothing copied, if any is outside. */
PT_API PT_MUST_CHECK int pt_phys_write(struct pt_phys *phys, pt_pa_t pa, const void *buf,
				       size_t len);

/** The number of regions, and region @i < that number in ascending order of pa. */
PT_API size_t pt_phys_nr_regions(const struct pt_phys *phys);
PT_API void pt_phys_region(const struct pt_phys *phys, size_t i, pt_pa_t *pa, uint64_t *len);

/** log2 of the frame size in bytes. */
PT_API unsigned int pt_phys_frame_lg2(const struct pt_phys *phys);

/**
 * pt_phys_poison() - Tell ASan and Valgrind that nobody owns [@pa, @pa + @len).
 *
 * For allocators over this memory: poison what is freed, unpoison what is
 * handed out. Costs nothing in a plain build. Whole frames inside memory only.
 */
PT_API void pt_phys_poison(struct pt_phys *phys, pt_pa_t pa, uint64_t len);
/** Makes it addressable again; for Valgrind its content is undefined. */
PT_API void pt_phys_unpoison(struct pt_phys *phys, pt_pa_t pa, uint64_t len);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_PHYS_H */
