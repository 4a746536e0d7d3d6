/* SPDX-License-Identifier: MIT */
/*
 * ptlib/ops.h - what a table needs from above, each a small struct of functions.
 *
 * Callbacks run on the caller's thread, with no table lock held unless said. They
 * must not change the table they are called for, and a flush in the middle of a
 * change must not ask it about the range either: that waits for the change.
 */
#ifndef PTLIB_OPS_H
#define PTLIB_OPS_H

#include <ptlib/error.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct pt_table_ops - Where table pages come from.
 * @alloc: Hand out 2^@size_lg2 bytes of the table's memory, naturally aligned,
 *         with any content. Return 0 or -ENOMEM; another error is what the
 *         operation then returns. Called from any thread that changes the table.
 *         @size_lg2 is the granule's, or for the root of concatenated tables
 *         (format.h) that of all of them: a source that has only single pages
 *         returns -ENOMEM, and such a table is not created.
 * @free:  Take back what @alloc gave. After the flush and the grace period.
 */
struct pt_table_ops {
	int (*alloc)(void *ctx, unsigned int size_lg2, pt_pa_t *pa);
	void (*free)(void *ctx, pt_pa_t pa, unsigned int size_lg2);
	void *ctx;
};

/**
 * struct pt_flush_ops - How translations are flushed, synchronously.
 *
 * When a function returns, no CPU uses a translation of the range that the
 * tables no longer give. Missing functions and a missing struct mean that
 * nothing caches translations of this table.
 *
 * @range:        Leaves of [@first, @last] changed; each was at least
 *                2^@stride_lg2 bytes.
 * @all:          Everything of this table.
 * @tables_freed: As @range, and paging-structure caches too: table pages were unhooked and
 *                are about to be freed. Of what each translated something in the range is a
 *                part, and not all of it has to be: what is done for an address drops
 *                whatever leads to its leaf. @stride_lg2 is that of the leaves, or of the
 *                entries that named the tables, whichever is smaller.
 */
struct pt_flush_ops {
	void (*range)(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2);
	void (*all)(void *ctx);
	void (*tables_freed)(void *ctx, pt_va_t first, pt_va_t last, unsigned int stride_lg2);
	void *ctx;
};

/**
 * struct pt_wait_ops - What to do while waiting for another thread: for its break-before-make, or
 * for pages that it converts.
 * @poll: Called over and over, outside read-side sections. Who runs a simulated CPU lets it
 *        perform flushes here: the other thread may be waiting for that. It allocates pages
 *        with PT_ALLOC_NOBLOCK alone.
 */
struct pt_wait_ops {
	void (*poll)(void *ctx);
	void *ctx;
};

/**
 * struct pt_top_ops - Told when slots of the top table changed.
 * @changed: Slots @first to @last, inclusive, may hold other words than before.
 *           Called before the change that caused it returns, and before anything that
 *           a slot led to is flushed and freed: that may be in the middle of a change whose
 *           gather is full, and more than once, with later slots still to come. No lock is
 *           held, and no read-side section.
 */
struct pt_top_ops {
	void (*changed)(void *ctx, unsigned int first, unsigned int last);
	void *ctx;
};

/* One store to a table word. */
struct pt_store {
	pt_pa_t pa;         /* of the word */
	unsigned int level; /* of the table it stands in */
	pt_va_t va;         /* first byte that the entry covers; in new, not yet
			       published tables what it will cover */
	uint64_t old, new_; /* raw words */
};

/**
 * struct pt_watch_ops - Told of every store to a table, in the order of stores.
 * @store: Called after the store, perhaps with a table lock held. Giving a
 *         pt_watch_ops selects the checked form of the code, which is shared
 *         mode's with this call.
 * @flushed: Called when [@first, @last] has been flushed, or would have been if there were
 *         pt_flush_ops: from now on nothing may use what this thread stored over there; but
 *         for tables that it unhooked, unless @tables: those are still to be flushed. With
 *         no lock held. May be NULL.
 */
struct pt_watch_ops {
	void (*store)(void *ctx, const struct pt_store *store);
	void *ctx;
	void (*flushed)(void *ctx, pt_va_t first, pt_va_t last, bool tables);
};

/* A stretch of an address space, as its owner sees it. */
struct pt_area {
	pt_va_t first, last;   /* inclusive */
	unsigned int flags;    /* PT_AREA_* */
	/* log2 bytes, below 64, of its pages if all are folios of one size, as hugetlb's; or 0 */
	unsigned int huge_lg2;
	void *owner;           /* the owner's; not looked at */
};

/* No leaf of it is a folio's, whatever it maps: device memory mapped by frame number. */
#define PT_AREA_PFN_MAP (1u << 0)

enum pt_area_verdict {
	PT_AREA_END,  /* there is none */
	PT_AREA_WALK, /* it is to be walked */
	PT_AREA_SKIP, /* it is to be passed over */
	PT_AREA_STOP, /* nothing more is to be walked */
};

/**
 * struct pt_area_ops - Where the areas of an address space are, and which to walk.
 * @next: Write to @area the first one that ends at or behind @va, and say what to do with
 *        it. Called once an area, in ascending order, outside locks and read-side sections.
 */
struct pt_area_ops {
	enum pt_area_verdict (*next)(void *ctx, pt_va_t va, struct pt_area *area);
	void *ctx;
};

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_OPS_H */
