/* SPDX-License-Identifier: MIT */
/*
 * ptlib/image.h - table pages as a small portable file.
 *
 * A table image holds one or more roots, each with its format configuration
 * and a label, and the content of every table page that they reach; nothing of
 * the memory that leaves map. All integers are little-endian; the layout is
 * drawn in src/pt/image.c.
 */
#ifndef PTLIB_IMAGE_H
#define PTLIB_IMAGE_H

#include <ptlib/error.h>
#include <ptlib/format.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PT_IMAGE_MAX_ROOTS 16

struct pt_image_root {
	char label[32]; /* NUL-terminated: "cr3", "ttbr1", ... */
	struct pt_fmt_cfg fmt;
	pt_pa_t root;
};

/**
 * pt_image_save() - Write the tables of @pts to @fd, from its position on.
 * @labels: One a table, up to 31 bytes each.
 * @nr:     1 to PT_IMAGE_MAX_ROOTS; all in the same memory.
 *
 * Return: 0, -EINVAL, -ENOMEM, or -EIO if writing failed: what was written is
 * no image.
 */
PT_API PT_MUST_CHECK int pt_image_save(int fd, struct pt_pgtable *const *pts,
				       const char *const *labels, size_t nr);

/**
 * pt_image_open() - Read a table image from @fd's position into a new memory.
 * @phys:  Receives it; regions are anonymous, 4K frames; free with pt_phys_destroy().
 * @roots: Receives up to PT_IMAGE_MAX_ROOTS roots, for pt_pgtable_open().
 *
 * Return: 0; -EIO for a file that is no image, truncated or inconsistent; -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_image_open(int fd, struct pt_phys **phys,
				       struct pt_image_root roots[PT_IMAGE_MAX_ROOTS],
				       size_t *nr);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_IMAGE_H */
