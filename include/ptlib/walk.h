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
 * The pull iterator of Linux RFC 20260412174244.133715-1, over a bare page
 * table: no callbacks, huge leaves and contiguous blocks as what they are,
 * neighbours batched into runs. Where it differs: bounds are inclusive, so the
 * last page is no special case; holes are reported at every level; an entry
 * that fits no type is reported as such instead of ending the walk.
 */
#ifndef PTLIB_WALK_H
#define PTLIB_WALK_H

#include <ptlib/attr.h>
#include <ptlib/error.h>
#include <ptlib/query.h>
#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Which types to report; others are passed over. A bare page table knows no
 * page descriptors and no software entries: its leaves are PFN, its non-present
 * words UNKNOWN. FOLIO, MARKER, SWAP, MIGRATION, DEVICE and HWPOISON keep the
 * RFC's bits for walks of an address space.
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
/*
 * A call reads at most this many tables, so that a corrupt image whose entries
 * all point at each other costs a caller who wants to stop no more than that.
 */
#define PT_WALK_MAX_TABLES 65536u

/**
 * struct pt_range_walk - A walk in progress; lives on the caller's stack.
 *
 * The first group describes the run that start() or next() returned. A run
 * consists of entries of one level, of one type, with equal attributes (first
 * entry's reported; accessed and dirty are merged over the run) and consecutive
 * output. It may cross from one table page into the next.
 */
struct pt_range_walk {
	pt_va_t va;              /* first byte of the run, clamped to the walk */
	uint64_t len;            /* bytes; 0 stands for 2^64 */
	pt_pa_t pa;              /* output of @va; PFN only */
	pt_attr_t attr;          /* PFN only */
	uint64_t raw;            /* first entry's word */
	unsigned int level;      /* of the entries */
	unsigned int size_lg2;   /* log2 bytes that an entry covers */
	unsigned int contig_lg2; /* log2 entries of their contiguous blocks; 0: none */
	enum pt_illegal why;     /* ILLEGAL only */

	/* private */
	struct pt_pgtable *pt_;
	const void *table_; /* where the next entry stands, if still alive_ */
	pt_pa_t table_pa_;
	const void *frame_;
	uint32_t alive_, unhooked_;
	pt_va_t next_, last_;
	unsigned int types_, flags_;
	unsigned int index_, level_, limits_;
	enum pt_range_walk_type type_;
	int err_;
	bool done_;
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
 * Return: the first run's type, PTW_DONE, or PTW_ABORT if @last < @first or a
 * flag or type is unknown.
 */
PT_API enum pt_range_walk_type pt_range_walk_start(struct pt_range_walk *walk,
						   struct pt_pgtable *pt, pt_va_t first,
						   pt_va_t last, unsigned int types,
						   unsigned int flags);

/** Returns the next run's type, PTW_AGAIN, or PTW_DONE ever after the last. */
PT_API enum pt_range_walk_type pt_range_walk_next(struct pt_range_walk *walk);

/** Ends a walk at any point. Return: 0, or -EINVAL after PTW_ABORT. */
PT_API int pt_range_walk_done(struct pt_range_walk *walk);

/**
 * pt_range_walk_update() - pt_protect() the run that was returned.
 * @gather: As in struct pt_change. The run's attr is as before the call.
 * Return: as pt_protect(); -EINVAL if the current run is not PFN.
 */
PT_API PT_MUST_CHECK int pt_range_walk_update(struct pt_range_walk *walk, pt_attr_t set,
					      pt_attr_t clear, struct pt_gather *gather);

/**
 * pt_range_walk_clear() - Empty the run that was returned: leaves, software
 * entries, and illegal words too, which nothing else removes; what a bad table
 * entry pointed at is left alone.
 * Return: as pt_unmap(); -EINVAL if there is no run.
 */
PT_API PT_MUST_CHECK int pt_range_walk_clear(struct pt_range_walk *walk,
					     struct pt_gather *gather);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_WALK_H */
