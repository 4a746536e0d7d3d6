/* SPDX-License-Identifier: MIT */
/*
 * kept.h - what of a walk a TLB may keep, and how an access is judged by it.
 *
 * A TLB entry is the leaf word, as the walk left it in memory, and what the table
 * words above said: and-ed and or-ed. That is all that rights depend on beside
 * registers, so whoever keeps both judges every access by the registers of now, and
 * reads no table. What an entry does not allow is walked for: an access never faults
 * by what was kept. So is a write whose leaf has to be marked dirty first.
 */
#ifndef PTL_MMU_KEPT_H
#define PTL_MMU_KEPT_H

#include "mmu/mmu_internal.h"

/* Bits of the words above a leaf that rights can depend on. */
#define PTL_KEPT_ALL PTL_BITS(7, 0)
#define PTL_KEPT_ANY_SHIFT 56

/* What words above a leaf, and-ed and or-ed, come down to, in 16 bits; and back. */
static inline uint32_t ptl_kept_pack(uint64_t all, uint64_t any)
{
	return (uint32_t)((all & PTL_KEPT_ALL) | any >> PTL_KEPT_ANY_SHIFT << 8);
}

#define PTL_KEPT_NO_TABLES UINT32_C(0xff) /* of ~0 and 0 */

static inline uint64_t ptl_kept_all(uint64_t packed)
{
	return packed | ~PTL_KEPT_ALL;
}

static inline uint64_t ptl_kept_any(uint64_t packed)
{
	return (packed >> 8 & 0xff) << PTL_KEPT_ANY_SHIFT;
}

#define PTL_FROM_ROOT PT_MAX_LEVELS

/* A table on the way, and what the words that lead there say. */
struct ptl_kept_table {
	pt_pa_t pa;
	uint64_t all, any;
};

struct ptl_kept {
	/*
	 * The level of the table that the walk starts at, which the caller kept, or
	 * PTL_FROM_ROOT; the tables below it that were read, down to @level, are the walk's.
	 */
	unsigned int from;
	struct ptl_kept_table table[PT_MAX_LEVELS];
	/* The leaf. */
	uint64_t raw; /* as the walk marked it */
	uint32_t words; /* above it: ptl_kept_pack() */
	pt_pa_t pa; /* of the first of 2^size_lg2 bytes */
	unsigned int level;
	unsigned int leaf_lg2; /* bytes of the leaf, and of its contiguous block if there is one */
	unsigned int size_lg2;
	enum pt_mem mem;
	bool global;
	/* What a second stage takes from them: PT_PERM_*, and adds: PTL_JUDGED_CLEAN. */
	unsigned int withheld;
};

/*
 * What of a page of the smallest size, whose words there is nothing to mark in. All fields are
 * as wide as what is made of them, and none stands beside one that it is copied beside: what is
 * read back wider than it was written waits.
 */
struct ptl_kept_page {
	pt_pa_t pa; /* of the address */
	uint64_t words; /* ptl_kept_pack() */
	uint64_t raw;
	uint64_t size_lg2; /* of its contiguous block, or its own */
	pt_pa_t first; /* as ptl_kept.pa */
	uint64_t mem;
	uint64_t perms; /* PT_PERM_* of the class that asked */
	uint64_t global; /* or 0 */
};

/* What an access asks a TLB for. */
struct ptl_asked {
	const struct ptl_regime *r;
	uint64_t in; /* the address, without a tag */
	struct ptl_want want;
};

#define PTL_USUAL_PAGE_LG2 12 /* what is whole in such a page is so in every leaf and TLB entry */

_Static_assert(PT_ACCESS_READ + 1 == PT_PERM_READ && PT_ACCESS_WRITE + 1 == PT_PERM_WRITE &&
		       PT_ACCESS_RMW + 1 == (PT_PERM_READ | PT_PERM_WRITE) &&
		       PT_ACCESS_FETCH + 1 == PT_PERM_EXEC,
	       "a kind, plus 1, is what it needs");

/*
 * The same of the usual access: in one page, without flags, of an address that tables with a
 * quick way translate. False: ask ptl_mmu_arch.ask(), if there is such an access.
 */
static inline bool ptl_ask_usual(const struct pt_mmu *mmu, pt_va_t va, const struct pt_access *how,
				 struct ptl_asked *asked)
{
	const struct ptl_regime *r = mmu->half_of[va >> 55 & 1];
	unsigned int kind = (unsigned int)how->kind, more = how->size - 1;
	uint64_t offset;

	if (kind > PT_ACCESS_FETCH || more >= 64 || how->priv > 3 || how->flags || !r->is_quick ||
	    (va ^ (va + more)) >> PTL_USUAL_PAGE_LG2)
		return false;
	asked->r = r;
	asked->want.perms = kind + 1;
	asked->want.class = r->class_of[how->priv];
	asked->want.write = (kind + 1) & PT_PERM_WRITE;
	asked->want.in_walk = false;
	offset = (va - r->va_first) & r->va_counts[kind == PT_ACCESS_FETCH];
	asked->in = r->va_first + offset;
	return !(offset >> PTL_USUAL_VA_BITS) && asked->want.class != PTL_NO_CLASS;
}

/* Beside PT_PERM_* in what ptl_walker.judge() returns: a write walks, to make the leaf dirty. */
#define PTL_JUDGED_CLEAN 8u
#define PTL_ALL_PERMS (PT_PERM_READ | PT_PERM_WRITE | PT_PERM_EXEC)

/* @judged by the first stage, and what the second had said. */
static inline unsigned int ptl_judged_by_both(unsigned int judged, unsigned int withheld)
{
	return (judged & ~withheld) | (withheld & PTL_JUDGED_CLEAN);
}

/*
 * @host is what the second stage made of what is kept; @to is both. @perms: what @host lets
 * every class do that may use the entry. @accessed: what the walk sets in @host->raw first.
 */
static inline void ptl_keep_second(const struct ptl_access *access, const struct ptl_want *want,
				   const struct ptl_translation *host,
				   const struct ptl_translation *to, unsigned int perms,
				   uint64_t accessed)
{
	const struct ptl_regime *second = &access->mmu->second;
	struct ptl_kept *kept = access->kept;
	bool clean;

	if (!kept)
		return;
	clean = second->walker->judge(second, PTL_KEPT_NO_TABLES, host->raw | accessed,
				      want->class) &
		PTL_JUDGED_CLEAN;
	kept->size_lg2 = (unsigned int)ptl_min(kept->size_lg2, host->size_lg2);
	kept->pa = ptl_align_down(host->pa, kept->size_lg2);
	kept->mem = to->mem;
	kept->withheld = (PTL_ALL_PERMS & ~perms) |
			 /* @host is from before the walk that has just marked it */
			 (clean && !(want->write && access->commit) ? PTL_JUDGED_CLEAN : 0);
}

/* Whether @judged lets it be done at once. */
static inline bool ptl_judged_allows(unsigned int judged, const struct ptl_want *want)
{
	return (judged & want->perms) == want->perms && !(want->write && judged & PTL_JUDGED_CLEAN);
}

#endif /* PTL_MMU_KEPT_H */
