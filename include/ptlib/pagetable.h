/* SPDX-License-Identifier: MIT */
/*
 * ptlib/pagetable.h - make, open, link and destroy one translation tree.
 *
 * What is in it: map.h changes it, query.h asks about one address, walk.h goes
 * over ranges, verify.h checks it.
 */
#ifndef PTLIB_PAGETABLE_H
#define PTLIB_PAGETABLE_H

#include <ptlib/format.h>
#include <ptlib/ops.h>
#include <ptlib/soft.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Who may use a table at the same time. */
enum pt_mode {
	/* One thread at a time, readers included. No grace periods. */
	PT_MODE_PRIVATE,
	/*
	 * One writer at a time and no CPU that sets A/D bits; lockless readers
	 * beside it. Freeing tables waits for a grace period. Builds without
	 * NDEBUG abort on two writers, in private mode too.
	 */
	PT_MODE_EXCLUSIVE,
	/*
	 * Writers of disjoint ranges, lockless readers and CPUs that set A/D
	 * bits, all at once. Overlapping changes are the callers' to exclude;
	 * builds without NDEBUG abort on them.
	 */
	PT_MODE_SHARED,
};

struct pt_pgtable_cfg {
	struct pt_fmt_cfg fmt;
	enum pt_mode mode;
	struct pt_table_ops tables;       /* all zero: no new tables, see pt_pgtable_open() */
	const struct pt_flush_ops *flush; /* NULL: nothing caches translations */
	const struct pt_top_ops *top;     /* NULL: nobody wants to know */
	const struct pt_watch_ops *watch; /* NULL: the unchecked form */
	const struct pt_wait_ops *wait;   /* NULL: nothing to do while waiting */
	const struct pt_soft_cfg *soft;   /* copied; NULL: software's words are unknown */
	size_t max_leaves, max_tables; /* of gathers: see gather.h; 0: no bound */
	unsigned int max_ranges; /* of gathers: 1: as Linux, one flush from first to last; 0: any */
	/* shared mode: PT_WALK_LOCKED works; one page's changes cost a lock then */
	bool walk_locks;
};

/**
 * pt_pgtable_create() - Make an empty table.
 * @out:  Receives the handle; release it with pt_pgtable_destroy().
 * @phys: Where table pages live; must outlive the table.
 * @cfg:  Copied; the ops structs that it points at must outlive the table.
 *
 * Return: 0; -EINVAL for a configuration that the format does not have;
 * -EOPNOTSUPP without @cfg->tables; -ENOMEM without a page for the root;
 * -EFAULT if that page is outside @phys or beyond the format's output width.
 */
PT_API PT_MUST_CHECK int pt_pgtable_create(struct pt_pgtable **out, struct pt_phys *phys,
					   const struct pt_pgtable_cfg *cfg);

/**
 * pt_pgtable_open() - Take tables that are already in memory.
 * @root: Physical address of the top table, aligned to its size, 64 bytes at least.
 *
 * Nothing is read or checked but the root's place; pt_verify() does that. The
 * tables found are foreign: changed in place, never freed. Without
 * @cfg->tables, what would need a new table is -EOPNOTSUPP.
 *
 * Return: 0; -EINVAL for a bad configuration or an unaligned root; -EFAULT for
 * a root outside memory; -ENOMEM.
 */
PT_API PT_MUST_CHECK int pt_pgtable_open(struct pt_pgtable **out, struct pt_phys *phys,
					 const struct pt_pgtable_cfg *cfg, pt_pa_t root);

/**
 * pt_pgtable_destroy() - Free every table page that is ours and that no other
 * table borrows. The memory that leaves map is the caller's. NULL is allowed.
 * Unlink subtrees borrowed from an opened table before: pages of ours that hang
 * below foreign ones are found only from a foreign root.
 *
 * Context: nobody else uses @pt; borrowers of its subtrees may.
 * TLB: nothing is flushed; no CPU may be running on @pt.
 */
PT_API void pt_pgtable_destroy(struct pt_pgtable *pt);

/**
 * pt_pgtable_link() - Borrow subtrees of @from.
 * @pt:      Borrower; same memory, same pt_table_ops and same format configuration
 *           as @from, but for the half on arm64. May be @from, where the ranges
 *           do not overlap.
 * @va:      First byte of the range in @pt; aligned to what an entry of @level covers.
 * @from_va: First byte of the range in @from; likewise.
 * @len:     Bytes; a non-zero multiple of what an entry of @level covers.
 * @level:   1 or more: entries of this level are copied.
 *
 * Every table entry in the source range is copied; empty ones stay empty, and
 * leaves are refused. From then on both see each other's changes below those
 * entries; their table pages count their parents, and the last to let go frees.
 * pt_unmap() through either changes both; it never frees a page with two parents.
 * What a change flushes goes to the pt_flush_ops of the table it was made
 * through: who shares tables gives both the same.
 *
 * Context: nobody changes either range meanwhile.
 * Return: 0; -EINVAL; -ERANGE; -EEXIST if an entry that a table goes to is not
 * empty or one in @from is neither table nor empty; -EFAULT; -ENOMEM;
 * -EOPNOTSUPP. Unchanged on failure.
 */
PT_API PT_MUST_CHECK int pt_pgtable_link(struct pt_pgtable *pt, pt_va_t va,
					 struct pt_pgtable *from, pt_va_t from_va, uint64_t len,
					 unsigned int level);

/**
 * pt_pgtable_unlink() - Give back what pt_pgtable_link() borrowed.
 * @gather: Receives what is to be flushed, and tables whose last parent this
 *          was; NULL: both happen before the call returns.
 *
 * Return: 0; -EINVAL; -ERANGE; -EFAULT. Empty entries are passed over.
 */
PT_API PT_MUST_CHECK int pt_pgtable_unlink(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
					   unsigned int level, struct pt_gather *gather);

/** Physical address of the top table: what goes into CR3 or TTBR. */
PT_API pt_pa_t pt_pgtable_root(const struct pt_pgtable *pt);
/** The memory that @pt lives in. */
PT_API struct pt_phys *pt_pgtable_phys(const struct pt_pgtable *pt);
/** The configuration it was made with. */
PT_API const struct pt_fmt_cfg *pt_pgtable_fmt(const struct pt_pgtable *pt);
/** How it encodes software's words; NULL if it was not told. */
PT_API const struct pt_soft_cfg *pt_pgtable_soft(const struct pt_pgtable *pt);
/** Bytes of its smallest page. */
PT_API uint64_t pt_granule(const struct pt_pgtable *pt);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_PAGETABLE_H */
