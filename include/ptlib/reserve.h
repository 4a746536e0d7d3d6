/* SPDX-License-Identifier: MIT */
/*
 * ptlib/reserve.h - a stock of pages that can be drawn on without allocating.
 *
 * Two uses: room for tables in a plain range of memory, and pages set aside
 * from another source so that a later pt_map() cannot fail for lack of them. A
 * reserve serves one of the two.
 */
#ifndef PTLIB_RESERVE_H
#define PTLIB_RESERVE_H

#include <ptlib/error.h>
#include <ptlib/ops.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * pt_reserve_create() - Make an empty stock of pages of 2^@size_lg2 bytes.
 * @size_lg2: 12, 14 or 16, at least the frame size of @phys: the granule of the
 *            tables that draw on it.
 *
 * Context: its functions may be called from any thread.
 * Return: 0, -EINVAL or -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_reserve_create(struct pt_reserve **out, struct pt_phys *phys,
					   unsigned int size_lg2);

/**
 * pt_reserve_destroy() - Return what came from a source to it and forget the rest.
 * Every page must be back: -EBUSY, and nothing happens, if tables still hold
 * some. NULL is allowed.
 */
PT_API int pt_reserve_destroy(struct pt_reserve *reserve);

/**
 * pt_reserve_add_range() - Stock the pages of [@pa, @pa + @len).
 *
 * The range becomes the reserve's until it is destroyed, but for pages that are
 * in use already, as another table's or another reserve's: those are passed over
 * when their turn comes. Costs time when pages are drawn, not here.
 *
 * Return: 0; -EINVAL for an unaligned or empty range, or if the reserve has a
 * source; -ERANGE outside memory or across regions; -EBUSY if the reserve has a
 * range that is not used up.
 */
PT_API PT_MUST_CHECK int pt_reserve_add_range(struct pt_reserve *reserve, pt_pa_t pa,
					      uint64_t len);

/**
 * pt_reserve_fill() - Draw pages from @from until @nr are in stock.
 * @from: The same struct at each call; must outlive the reserve.
 *
 * Return: 0; -EINVAL if the reserve has ranges or another source; -ENOMEM, or
 * -EFAULT for a page outside the reserve's memory: what was drawn stays in stock.
 */
PT_API PT_MUST_CHECK int pt_reserve_fill(struct pt_reserve *reserve, size_t nr,
					 const struct pt_table_ops *from);

/** Returns pages to the source until at most @nr are in stock; nothing without a source. */
PT_API void pt_reserve_trim(struct pt_reserve *reserve, size_t nr);

/** Pages in stock, those of a range that are in use elsewhere included; pages handed out. */
PT_API size_t pt_reserve_available(const struct pt_reserve *reserve);
PT_API size_t pt_reserve_in_use(const struct pt_reserve *reserve);

/**
 * The reserve as a source of table pages, for struct pt_pgtable_cfg. From a range it also
 * gives several at once, as the root of concatenated tables; they come back as single pages.
 * Tables of a smaller granule than the reserve's pages are refused with -EINVAL.
 */
PT_API struct pt_table_ops pt_reserve_ops(struct pt_reserve *reserve);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_RESERVE_H */
