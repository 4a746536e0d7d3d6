/* SPDX-License-Identifier: MIT */
/*
 * sieve.h - one question to a table word, for the quick ways of tree.h and of the
 * MMU: is it what it mostly is, and which address does it hold?
 */
#ifndef PTL_SIEVE_H
#define PTL_SIEVE_H

#include "phys/phys_internal.h"
#include "pt/pt_defs.h"

/*
 * What a word has to be to need no second look: what is left of it, of the bits in
 * @mask and when @key is taken off, is an address, with none of the @stray bits.
 */
struct ptl_sieve {
	uint64_t mask, key, stray;
};

/*
 * Whether @raw passes @sieve, and the address in it. Only of a word that has all of
 * the key an address in range is left, with nothing above or below it; of one that is
 * absent, of another kind, or out of range, something else. @stray: @sieve's, which
 * the caller loaded into a register before, for an acquiring load between would make
 * it be loaded again.
 */
static inline bool ptl_sift(const struct ptl_sieve *sieve, uint64_t stray, uint64_t raw,
			    uint64_t *address)
{
	*address = (raw & sieve->mask) - sieve->key;
	return __builtin_expect(!(*address & stray), 1);
}

/* The table pages of a region that a table entry can name. */
struct ptl_window {
	uint8_t *host; /* of @pa; NULL: there are none, and @pa is none's */
	pt_pa_t pa;    /* the first of them */
	uint64_t room; /* the last offset at which a whole one fits */
};

struct ptl_window ptl_window_of(const struct ptl_region *region, const struct ptl_fmt *f,
				unsigned int granule_lg2);

/* A sieve that nothing passes, not even an empty word. */
#define PTL_SIEVE_NOTHING { 0, 1, ~UINT64_C(0) }

/*
 * A sieve that passes tables of @window near @root, a page of it: as many as a mask
 * can bound, the largest power of two at the end where @root is. *@near: the host
 * address of what its offsets count from. False, and nothing passes: the format has
 * no mask for it, or @root is not there.
 */
bool ptl_sieve_links(struct ptl_sieve *sieve, uint8_t **near, const struct ptl_window *window,
		     const struct ptl_fmt *f, unsigned int granule_lg2, pt_pa_t root);

/* A sieve that passes tables at any address within the width, of memory or not. */
void ptl_sieve_tables(struct ptl_sieve *sieve, const struct ptl_fmt *f);

/* A sieve that passes leaves of level 0; what it leaves is their output address. */
void ptl_sieve_pages(struct ptl_sieve *sieve, const struct ptl_fmt *f);

/* Only words with all of @bits pass any more, which the sieve did not look at. */
static inline void ptl_sieve_require(struct ptl_sieve *sieve, uint64_t bits)
{
	sieve->mask |= bits;
	sieve->key += bits;
}

/* The same: only words without any of @bits. */
static inline void ptl_sieve_refuse(struct ptl_sieve *sieve, uint64_t bits)
{
	sieve->mask |= bits;
	sieve->stray |= bits;
}

#endif /* PTL_SIEVE_H */
