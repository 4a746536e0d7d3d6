/* SPDX-License-Identifier: MIT */
/*
 * ptlib/mm_store.h - where pages come from and go to: files, swap space, huge page pools.
 *
 * They belong to a world, and to its one thread that changes; see mm.h.
 */
#ifndef PTLIB_MM_STORE_H
#define PTLIB_MM_STORE_H

#include <ptlib/freetype.h>
#include <ptlib/mm.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pt_file_cfg {
	const char *name;    /* copied; NULL: none */
	uint64_t len;        /* bytes, a multiple of the page; accesses beyond are SIGBUS */
	unsigned int order;  /* of the folios that faults bring in, where they fit */
	unsigned int page_lg2; /* hugetlbfs: bytes of its pages; 0: not */
	bool shmem;          /* tmpfs, memfd, shared anonymous memory */
	unsigned int major, minor; /* of its device, as maps shows it */
	uint64_t inode;
};

/**
 * pt_file_create() - A file of zeroes, none of which is in memory.
 * @out: Receives the handle, with one reference; pt_file_put() releases it.
 * Return: 0; -EINVAL for a length, order or size that cannot be; -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_file_create(struct pt_file **out, struct pt_world *world,
					const struct pt_file_cfg *cfg);
/** Drops a reference; areas have their own. The last frees all its pages. NULL is allowed. */
PT_API void pt_file_put(struct pt_file *file);
PT_API const struct pt_file_cfg *pt_file_cfg(const struct pt_file *file);

/**
 * pt_file_page() - Where the page of byte @offset is.
 * Return: 0; -ENOENT if it is not in memory; -EIO if it is lost, see pt_mm_poison(); -ERANGE
 * beyond the end.
 */
PT_API PT_MUST_CHECK int pt_file_page(const struct pt_file *file, uint64_t offset, pt_pa_t *pa);

/** Forgets pages that nobody maps, but for dirty ones and shmem. Returns how many. */
PT_API size_t pt_file_reclaim(struct pt_file *file);

/**
 * pt_swap_create() - A swap device.
 * @type:     Its number: below pt_soft_cfg.nr_devices, and no other's.
 * @nr_slots: Pages that it holds. Slot 0 is never used, as on disk.
 *
 * Return: 0; -EINVAL; -EEXIST; -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_swap_create(struct pt_swap **out, struct pt_world *world,
					unsigned int type, uint64_t nr_slots);
/** Return: 0; -EBUSY while pages are in it. NULL is allowed. */
PT_API PT_MUST_CHECK int pt_swap_destroy(struct pt_swap *swap);
/** Slots in use. */
PT_API uint64_t pt_swap_used(const struct pt_swap *swap);
/** How many entries refer to @slot, and a file of shmem as one; 0 beyond the end too. */
PT_API uint32_t pt_swap_count(const struct pt_swap *swap, uint64_t slot);

/**
 * pt_world_add_huge() - Set memory aside for huge pages, as at boot.
 * @size_lg2: Bytes of each: one that the format maps by a leaf or a contiguous block.
 * @extent:   Of whole such pages, aligned; in memory that no zone manages. Stays the
 *            caller's, who keeps it as long as the world.
 *
 * Return: 0; -EINVAL; -ERANGE outside memory; -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_world_add_huge(struct pt_world *world, unsigned int size_lg2,
					   const struct pt_extent *extent);
/** Huge pages of a size: free ones, and all. */
PT_API void pt_world_huge(const struct pt_world *world, unsigned int size_lg2, uint64_t *free,
			  uint64_t *total);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_MM_STORE_H */
