/* SPDX-License-Identifier: MIT */
/*
 * fmt_napot.h - 64-byte pages, tables of 8 words; blocks of 4 entries in which
 * every entry holds the same word, as in RISC-V's Svnapot: with C set, the two
 * lowest address bits are 10, which says "4 entries", and where in the block an
 * entry stands is told by its index alone. C with other low bits is reserved.
 *
 *   RISC-V Privileged Architecture (20211203), chapter 5 "Svnapot Standard
 *   Extension for NAPOT Translation Contiguity", Table 5.1
 */
#ifndef FMT_NAPOT_H
#define FMT_NAPOT_H

#include "pt/pt_defs.h"

enum {
	FMT_GRANULE_LG2 = 6,
	FMT_INDEX_BITS = 3,
	FMT_CONCAT_LG2 = 0,
	FMT_MAX_LEVEL = 2,
	NAPOT_LG2 = 2,
};

#include "fmt_tiny_words.h"

/* The address bits that say how large a block is, and what they hold. */
static inline uint64_t napot_size_bits(unsigned int level)
{
	return PTL_BITS(tiny_level_lg2(level) + NAPOT_LG2 - 1, tiny_level_lg2(level));
}

static inline uint64_t napot_size_mark(unsigned int level)
{
	return PTL_BIT(tiny_level_lg2(level) + NAPOT_LG2 - 1);
}

static inline unsigned int napot_contig_max_lg2(unsigned int level, const struct ptl_fmt *f)
{
	(void)f;
	return level < 2 ? NAPOT_LG2 : 0;
}
#define fmt_contig_max_lg2 napot_contig_max_lg2

static inline bool napot_is_leaf(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	if ((raw & f->leaf_mask[level]) != f->leaf_match[level])
		return false;
	return !(raw & TINY_C) ||
	       (level < 2 && (raw & napot_size_bits(level)) == napot_size_mark(level));
}
#define fmt_is_leaf napot_is_leaf

static inline enum ptl_kind napot_kind(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	if (napot_is_leaf(raw, level, f))
		return PTL_LEAF;
	if (tiny_is_table(raw, level, f))
		return PTL_TABLE;
	if (raw & TINY_P)
		return PTL_ILLEGAL;
	if (raw == 0)
		return PTL_EMPTY;
	if (raw == PTL_BREAK_WORD)
		return PTL_BREAK;
	return raw == PTL_DEAD_WORD ? PTL_DEAD : PTL_SOFT;
}
#define fmt_kind napot_kind

static inline uint64_t napot_form_bits(unsigned int level, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return TINY_P | TINY_LEAF | TINY_C | TINY_ADDRESS | TINY_RESERVED;
}
#define fmt_form_bits napot_form_bits

static inline uint64_t napot_make_leaf(uint64_t proto, pt_pa_t pa, unsigned int level,
				       unsigned int contig_lg2, const struct ptl_fmt *f)
{
	(void)f;
	if (!contig_lg2)
		return proto | pa;
	return proto | TINY_C | (pa & ~napot_size_bits(level)) | napot_size_mark(level);
}
#define fmt_make_leaf napot_make_leaf

static inline pt_pa_t napot_leaf_pa(uint64_t raw, unsigned int level, unsigned int index,
				    const struct ptl_fmt *f)
{
	pt_pa_t pa = raw & tiny_address(level);

	(void)f;
	if (!(raw & TINY_C))
		return pa;
	return (pa & ~napot_size_bits(level)) |
	       ((uint64_t)index << tiny_level_lg2(level) & napot_size_bits(level));
}
#define fmt_leaf_pa napot_leaf_pa

static inline uint64_t napot_leaf_next(uint64_t raw, unsigned int level, unsigned int index,
				       const struct ptl_fmt *f)
{
	unsigned int lg2 = tiny_level_lg2(level);
	uint64_t next;

	if (raw & TINY_C) {
		if (~index & ((1u << NAPOT_LG2) - 1))
			return raw;
		lg2 += NAPOT_LG2;
	}
	next = raw + PTL_BIT(lg2);
	return next & PTL_BITS(31, lg2) && !(next & f->pa_beyond) ? next : 0;
}
#define fmt_leaf_next napot_leaf_next

static inline unsigned int napot_contig_lg2(uint64_t raw, unsigned int level,
					    const struct ptl_fmt *f)
{
	return raw & TINY_C ? napot_contig_max_lg2(level, f) : 0;
}
#define fmt_contig_lg2 napot_contig_lg2

static inline uint64_t napot_contig(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	(void)f;
	return (raw & ~napot_size_bits(level)) | napot_size_mark(level) | TINY_C;
}
#define fmt_contig napot_contig

static inline uint64_t napot_uncontig(uint64_t raw, unsigned int level, unsigned int index,
				      const struct ptl_fmt *f)
{
	if (!(raw & TINY_C))
		return raw;
	return (raw & ~(TINY_C | TINY_ADDRESS)) | napot_leaf_pa(raw, level, index, f);
}
#define fmt_uncontig napot_uncontig

#endif /* FMT_NAPOT_H */
