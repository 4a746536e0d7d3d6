/* SPDX-License-Identifier: MIT */
/*
 * ptlib/walk.h - pt_range_walk: what stands in a range of addresses.
 *
 *	struct pt_range_walk walk;
 *	enum pt_range_walk_type type;
 *
 *	for (type = pt_range_walk_start(&walk, pt, first, last, PT_TYPE_ALL, 0);
 *	     type != PTW_DONE; type = pt_range_walk_next(&walk))
 *		... walk.va, walk.len, walk.pa, walk.attr ...
 *	pt_range_walk_done(&walk);
 *
 * PTW_ABORT and PTW_AGAIN are turns of that loop without a run: pass them over.
 *
 * The pull iterator of Linux RFC 20260412174244.133715-1 (its third version, as
 * far as it can be read): no callbacks, huge leaves and contiguous blocks as what they are,
 * hugetlb no special case, neighbours batched into runs. A walk goes over a bare table, or over
 * the areas of an address space. It follows the RFC, but
 *
 *  - bounds are inclusive, and the cursor is a position: address 0 and the last page are no
 *    special cases; a run is clamped to the walk and its area at both ends, blocks of PMDs too;
 *  - holes are reported at every level, with that level's size, and batched;
 *  - what cannot be classified is UNKNOWN or ILLEGAL; nothing but the end is DONE. Special
 *    pages outside PFN maps are PFN;
 *  - young, dirty and write are merged over the whole run, its first entry included, for
 *    PFN and for leaves of every level too;
 *  - PROT_NONE leaves are leaves, as pte_present() has it, marked as hidden;
 *  - areas come from a callback that also says skip and stop: the RFC has no test_walk yet;
 *  - locks are a choice: PT_WALK_LOCKED is the RFC's contract, the default holds nothing.
 */
#ifndef PTLIB_WALK_H
#define PTLIB_WALK_H

#include <ptlib/attr.h>
#include <ptlib/error.h>
#include <ptlib/ops.h>
#include <ptlib/query.h>
#include <ptlib/soft.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Which types to report; others are passed over. Of a bare page table leaves are PFN; with
 * PT_WALK_FOLIOS, or where areas say so, those that a folio holds whole are FOLIO; all are in areas
 * of hugetlb. Software's words are known with a struct pt_soft_cfg, else they are UNKNOWN.
 */
#define PT_TYPE_NONE (1u << 0)
#define PT_TYPE_FOLIO (1u << 1)
#define PT_TYPE_MARKER (1u << 2)
#define PT_TYPE_PFN (1u << 3)
#define PT_TYPE_SWAP (1u << 4)
#define PT_TYPE_MIGRATION (1u << 5)
#define PT_TYPE_DEVICE (1u << 6)
#define PT_TYPE_HWPOISON (1u << 7)
#define PT_TYPE_UNKNOWN (1u << 8) /* not present, not zero, not known to be software's */
#define PT_TYPE_ILLEGAL (1u << 9) /* hardware would refuse it; walk.why says why */
#define PT_TYPE_ALL 0x3ffu

enum pt_range_walk_type {
	PTW_ABORT, /* no such range; pt_range_walk_done() says why */
	PTW_DONE,  /* nothing more */
	PTW_AGAIN, /* nothing to report yet after PT_WALK_MAX_TABLES tables: call next() */
	PTW_NONE,
	PTW_FOLIO,
	PTW_MARKER,
	PTW_PFN,
	PTW_SWAP,
	PTW_MIGRATION,
	PTW_DEVICE,
	PTW_HWPOISON,
	PTW_UNKNOWN,
	PTW_ILLEGAL,
};

#define PT_WALK_EACH (1u << 0)       /* no batches: one entry a run */
#define PT_WALK_RESPECT_AD (1u << 1) /* accessed and dirty split runs too */
#define PT_WALK_IGNORE_SW (1u << 2)  /* software bits do not split runs */
#define PT_WALK_EFFECTIVE (1u << 3)  /* attr is what the levels above leave of it */
#define PT_WALK_RESPECT_WRITE (1u << 4) /* FOLIO: being writable splits runs too */
#define PT_WALK_FOLIOS (1u << 5)     /* no areas: leaves of folios are FOLIO nevertheless */
#define PT_WALK_LOCKED (1u << 6)     /* the table lock of a run is held until next() or done() */
#define PT_WALK_PFNS (1u << 7)       /* areas, but nobody asks for folios: leaves are PFN */
/*
 * A call reads at most this many tables, so that a corrupt image whose entries
 * all point at each other costs a caller who wants to stop no more than that.
 */
#define PT_WALK_MAX_TABLES 65536u

/* Builds with assertions: whose lock it is. */
struct pt_walk_held {
	struct pt_walk_held *next;
	uint64_t thread;
};

/**
 * struct pt_range_walk - A walk in progress; lives on the caller's stack.
 *
 * The first groups describe the run that start() or next() returned. A run consists of
 * entries of one level, of one type, with equal attributes (first entry's reported; accessed
 * and dirty are merged over the run, of a FOLIO also write) and consecutive output; it may cross
 * from one table page into the next, but for LOCKED. A FOLIO run is within one folio. SWAP:
 * consecutive offsets of one device with the same marks. The other words of software's
 * come one by one; in an area of huge pages as many as make one of them, if they are the same.
 */
struct pt_range_walk {
	pt_va_t va;              /* first byte of the run, clamped to the walk */
	uint64_t len;            /* bytes; 0 stands for 2^64 */
	pt_pa_t pa;              /* output of @va; FOLIO and PFN only, as the next two */
	pt_attr_t attr;
	bool hidden;             /* PROT_NONE: @attr is what was allowed, hardware sees nothing */
	uint64_t raw;            /* first entry's word */
	unsigned int level;      /* of the entries */
	unsigned int size_lg2;   /* log2 bytes that an entry covers */
	unsigned int contig_lg2; /* log2 entries of their contiguous blocks; 0: none */
	enum pt_illegal why;     /* ILLEGAL only */

	pt_pa_t folio;            /* FOLIO: its first byte */
	unsigned int folio_order; /* log2 frames */
	struct pt_soft soft;      /* MARKER, SWAP, MIGRATION, DEVICE, HWPOISON: the first entry's;
				     of one that begins before @va, stepped on to @va */
	struct pt_area area;      /* that the run is in, if there are areas */

	/* private */
	struct pt_pgtable *pt_;
	const void *table_; /* where the next entry stands, if still alive_ */
	pt_pa_t table_pa_;
	const void *frame_;
	uint32_t alive_, unhooked_;
	pt_va_t next_, last_;
	enum pt_range_walk_type (*step_)(struct pt_range_walk *walk);
	const struct pt_area_ops *areas_;
	const void *region_; /* of memory, where leaves pointed last */
	unsigned int streak_end_, quick_end_; /* indices behind what the quick ways may return */
	unsigned int streak_nr_;
	uint32_t streak_use_, frame_lg2_;
	uint64_t streak_form_, streak_stray_;
	uint64_t quick_news_, quick_same_, quick_special_;
	enum pt_range_walk_type quick_leaf_; /* what leaves are, if they are nothing else */
	bool was_quick_, quick_soft_;
	void *locked_;       /* frame whose lock is held */
	struct pt_walk_held held_;
	uint32_t lock_bits_;
	unsigned int types_, flags_;
	unsigned int index_, level_, limits_;
	enum pt_range_walk_type type_;
	int err_;
	bool done_, in_area_;
};

/**
 * pt_range_walk_start() - Begin a walk and find its first run.
 * @first: First byte; need not be aligned.
 * @last:  Last byte, inclusive. (0, UINT64_MAX) is everything; what is not an
 *         address of @pt, as the non-canonical gap, is passed over silently.
 * @types: PT_TYPE_* to report.
 * @flags: PT_WALK_*.
 *
 * Context: any thread. Nothing is held between calls: the table may change, and
 * each call finds its place again. Every address is covered at most once, with a
 * state that it had during the call.
 *
 * PT_WALK_LOCKED, in shared mode: after each run the lock of the one table page that it stands
 * in is held. Until next() or done(), by any thread that changes tables, nothing in that page
 * changes but that hardware marks entries and that a hole above level 0 gets a table; a folio
 * mapped by pages may be split, for which Linux would wait. The caller changes nothing of this
 * table, finishes no gather, waits for no grace period, holds no second such lock, and allocates
 * pages with PT_ALLOC_NOBLOCK alone. Builds with assertions abort on the first three. In other
 * modes the caller is the one writer, and there is nothing to lock.
 *
 * Return: the first run's type, PTW_DONE, or PTW_ABORT if @last < @first, a flag or type is
 * unknown, FOLIOS meets PFNS, or locks are asked for in shared mode and the table was not made with
 * walk_locks.
 */
PT_API enum pt_range_walk_type pt_range_walk_start(struct pt_range_walk *walk,
						   struct pt_pgtable *pt, pt_va_t first,
						   pt_va_t last, unsigned int types,
						   unsigned int flags);

/**
 * pt_range_walk_start_areas() - The same over the areas of an address space.
 * @areas: As pt_mm_area_ops() gives; outlives the walk. Nothing between areas is reported, no run
 *         crosses from one to the next. PTW_ABORT also for one that ends before where it was asked.
 */
PT_API enum pt_range_walk_type
pt_range_walk_start_areas(struct pt_range_walk *walk, struct pt_pgtable *pt,
			  const struct pt_area_ops *areas, pt_va_t first, pt_va_t last,
			  unsigned int types, unsigned int flags);

/** Returns the next run's type, PTW_AGAIN, or PTW_DONE ever after the last. */
PT_API enum pt_range_walk_type pt_range_walk_next(struct pt_range_walk *walk);

/** Ends a walk at any point. Return: 0, or after PTW_ABORT -EINVAL or -EOPNOTSUPP. */
PT_API int pt_range_walk_done(struct pt_range_walk *walk);

/**
 * pt_range_walk_update() - pt_protect() the run that was returned.
 * @gather: As in struct pt_change. The run's attr is as before the call.
 * Return: as pt_protect(); -EINVAL if the current run is not FOLIO or PFN, or hidden; -EBUSY if
 * its lock is held.
 */
PT_API PT_MUST_CHECK int pt_range_walk_update(struct pt_range_walk *walk, pt_attr_t set,
					      pt_attr_t clear, struct pt_gather *gather);

/**
 * pt_range_walk_clear() - Empty the run that was returned: leaves, software
 * entries, and illegal words too, which nothing else removes; what a bad table
 * entry pointed at is left alone.
 * Return: as pt_unmap(); -EINVAL if there is no run; -EBUSY if its lock is held.
 */
PT_API PT_MUST_CHECK int pt_range_walk_clear(struct pt_range_walk *walk,
					     struct pt_gather *gather);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_WALK_H */
