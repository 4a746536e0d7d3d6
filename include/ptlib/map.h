/* SPDX-License-Identifier: MIT */
/*
 * ptlib/map.h - everything that changes what a range translates to.
 *
 * Ranges are (va, len) in bytes, granule aligned, len not 0, so that a range
 * may end at the last byte of the address space.
 *
 * Common to all calls below:
 *
 * On failure nothing has changed, except that empty table pages may remain and
 * except for pt_unmap(), which says how far it got.
 *
 * Return: 0, or -EINVAL for an unaligned, empty or wrapping range, a flag that does
 * not exist, or a gather that was not begun for this table; -ERANGE for a range
 * outside the table's widths, or that spans the non-canonical gap; -EFAULT
 * for a word in the way that hardware would refuse, a table outside memory, one
 * that points back at a table above it, or a leaf to be split that reaches beyond
 * the output width; -ENOMEM; -EOPNOTSUPP where a new table is needed and the table
 * has no pt_table_ops. Further codes at each.
 *
 * Context: in shared mode, any thread; ranges of concurrent changes must not
 * overlap. Takes one table lock at a time. No locks, no read-side section and
 * no RCU state is left when a call returns.
 */
#ifndef PTLIB_MAP_H
#define PTLIB_MAP_H

#include <ptlib/attr.h>
#include <ptlib/error.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PT_CHANGE_FREE_TABLES (1u << 0) /* unmap: free tables that became empty */
#define PT_CHANGE_SKIP_HOLES (1u << 1)  /* protect: pass over holes instead of -ENOENT */
#define PT_CHANGE_NO_CONTIG (1u << 2)   /* map, collapse: no contiguous blocks */
/* soft_map.h: */
#define PT_CHANGE_INHERIT (1u << 3)     /* marks of what was there come over */
#define PT_CHANGE_SAME (1u << 4)        /* soft_set: every entry gets the same word */
#define PT_CHANGE_ONLY_HOLES (1u << 5)  /* soft_set: what is no hole stays */
#define PT_CHANGE_ONLY_LEAVES (1u << 6) /* soft_set: what is no leaf stays */
#define PT_CHANGE_HUGETLB (1u << 7)     /* soft_hide: the form that Linux gives hugetlb */
#define PT_CHANGE_FLAGS 0xffu           /* all of them; what a call has no use for, it ignores */

/**
 * struct pt_change - How a call is to be done, and what it did. NULL does for
 * all calls: no limit, no flags, flush and free before returning.
 */
struct pt_change {
	/* in */
	struct pt_gather *gather; /* collects flushes and freed tables; NULL: done at once */
	unsigned int flags;       /* PT_CHANGE_* */
	unsigned int max_lg2;     /* map: log2 bytes of the largest leaf or contiguous block
				     to use, at least the granule's; 0: no limit */
	/* out, written in every case */
	pt_va_t bad_va; /* first offending address, for -EEXIST, -ENOENT and -EFAULT */
	uint64_t done;  /* bytes of leaves that the call changed or found, see each */
	pt_attr_t was;  /* calls of soft_map.h alone: ACCESSED and DIRTY of the leaves that
			   they replaced, merged */
};

/**
 * pt_map() - Translate [@va, @va + @len) to [@pa, @pa + @len).
 * @pa:   First output byte; granule aligned, within the output width. Need not
 *        be inside the table's memory.
 * @attr: PT_ATTR_*; PT_ATTR_READ is required by all formats here.
 *
 * Uses the largest leaves that alignment, @len and the tables already there
 * allow, and contiguous blocks on arm64. Replaces nothing. @done: @len.
 *
 * TLB: none needed; hardware does not cache what is not present.
 * Return: also -EEXIST, with the first address where anything stands.
 */
PT_API PT_MUST_CHECK int pt_map(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa, uint64_t len,
				pt_attr_t attr, struct pt_change *change);

/**
 * pt_map_probe() - How many table pages would pt_map() of this range allocate?
 * @nr_tables: Receives it. With that many in a reserve, the map cannot fail for
 *             want of memory, as long as nobody else draws on it.
 *
 * Return: as pt_map(), which would fail the same way.
 */
PT_API PT_MUST_CHECK int pt_map_probe(struct pt_pgtable *pt, pt_va_t va, pt_pa_t pa,
				      uint64_t len, pt_attr_t attr, struct pt_change *change,
				      size_t *nr_tables);

/**
 * pt_populate() - Make the tables that entries of @level in [@va, @va + @len) stand in.
 * @level: Below the top. 0: then pt_map() of pages there allocates nothing, as long as
 *         nobody unmaps them with PT_CHANGE_FREE_TABLES.
 *
 * Entries do not change. Tables made before a failure remain.
 *
 * TLB: none needed.
 * Return: also -EINVAL for a @level that does not exist or is the top; -EEXIST, with the
 * address, where a leaf or a software entry stands above @level.
 */
PT_API PT_MUST_CHECK int pt_populate(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
				     unsigned int level, struct pt_change *change);

/**
 * pt_unmap() - Empty every entry in [@va, @va + @len): leaves and non-present
 * software entries alike. Holes are fine.
 *
 * A leaf or contiguous block that reaches outside the range is split first, or
 * the call fails before it changes anything. It stops at an illegal word, or at a
 * software entry that reaches outside the range, with -EFAULT; @done, the bytes
 * of leaves that are gone, is right then too.
 *
 * TLB: the range goes to the gather.
 */
PT_API PT_MUST_CHECK int pt_unmap(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
				  struct pt_change *change);

/**
 * pt_protect() - Change attributes of the leaves in [@va, @va + @len).
 * @set:   Attributes to add, bit by bit: a field (memory type, key, software, share) that
 *         @clear does not name whole becomes the old one or-ed with this.
 * @clear: Attributes to take away first; PT_ATTR_MEM_MASK and the like to replace a field.
 *
 * Everything else in a word stays. Leaves and blocks that reach outside the
 * range are split. @done: bytes of leaves in the range.
 *
 * TLB: the range goes to the gather; flushed at once where the architecture
 * wants it in between (arm64 memory types, x86 after a split).
 * Return: also -ENOENT with the first hole or software entry, unless
 * PT_CHANGE_SKIP_HOLES; -EOPNOTSUPP for what the format cannot express.
 */
PT_API PT_MUST_CHECK int pt_protect(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
				    pt_attr_t set, pt_attr_t clear, struct pt_change *change);

/**
 * pt_split() - Leave no leaf larger than those of @level in [@va, @va + @len).
 *
 * Translations do not change. Contiguous blocks of @level and below remain,
 * unless they reach outside the range. @done: bytes in the range whose leaf is smaller now.
 *
 * TLB: arm64 below BBM level 2: break, flush, make for each leaf; otherwise to
 * the gather.
 * Return: also -EINVAL for a @level that has no leaves.
 */
PT_API PT_MUST_CHECK int pt_split(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
				  unsigned int level, struct pt_change *change);

/**
 * pt_collapse() - Replace tables by leaves of up to @level where a whole table
 * translates as one leaf would, and fold contiguous blocks.
 *
 * The largest leaves first, then blocks of them. Accessed and dirty are merged.
 * Only entries wholly inside the range change.
 * @done: bytes of tables replaced by leaves, and of blocks folded.
 *
 * TLB: as pt_split(); freed tables go to the gather.
 * Return: also -EINVAL for a @level that has no leaves.
 */
PT_API PT_MUST_CHECK int pt_collapse(struct pt_pgtable *pt, pt_va_t va, uint64_t len,
				     unsigned int level, struct pt_change *change);

/**
 * pt_test_and_clear_accessed() - Age the leaves that touch [@va, @va + @len).
 *
 * Leaves and contiguous blocks count as a whole, also where they reach outside.
 * What is no leaf, illegal words too, is passed over. @done: bytes of leaves that had been
 * accessed.
 *
 * TLB: nothing is flushed: a CPU that keeps the translation leaves the bit clear until it
 * walks again, which costs only precision; in a simulated TLB that has room for all,
 * for ever. Who wants to know exactly flushes, by @range of the table's struct
 * pt_flush_ops.
 */
PT_API PT_MUST_CHECK int pt_test_and_clear_accessed(struct pt_pgtable *pt, pt_va_t va,
						    uint64_t len, struct pt_change *change);

/**
 * pt_test_and_clear_dirty() - Clean the leaves that touch [@va, @va + @len).
 *
 * As above; @done: bytes of leaves that had been dirty. Formats without dirty
 * tracking find none.
 *
 * TLB: what was dirty goes to the gather: until it is flushed, a store through
 * a cached dirty translation is not recorded.
 */
PT_API PT_MUST_CHECK int pt_test_and_clear_dirty(struct pt_pgtable *pt, pt_va_t va,
						 uint64_t len, struct pt_change *change);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_MAP_H */
