/* SPDX-License-Identifier: MIT */
/*
 * fmt_tiny.h - 32-byte pages, tables of 4 words, 3 levels: 64 pages in all.
 * Leaves at every level; blocks of 2 entries below the top, as arm64 marks them:
 * each word has its own address.
 */
#ifndef FMT_TINY_H
#define FMT_TINY_H

#include "pt/pt_defs.h"

enum {
	FMT_GRANULE_LG2 = 5,
	FMT_INDEX_BITS = 2,
	FMT_CONCAT_LG2 = 0,
	FMT_MAX_LEVEL = 2,
};

#include "fmt_tiny_words.h"

static inline unsigned int tiny_contig_max_lg2(unsigned int level, const struct ptl_fmt *f)
{
	(void)f;
	return level < 2 ? 1 : 0;
}
#define fmt_contig_max_lg2 tiny_contig_max_lg2

static inline bool tiny_is_leaf(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	return (raw & f->leaf_mask[level]) == f->leaf_match[level] &&
	       !(level == 2 && raw & TINY_C);
}
#define fmt_is_leaf tiny_is_leaf

static inline enum ptl_kind tiny_kind(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	if (tiny_is_leaf(raw, level, f))
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
#define fmt_kind tiny_kind

static inline uint64_t tiny_form_bits(unsigned int level, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return TINY_P | TINY_LEAF | TINY_C | TINY_ADDRESS | TINY_RESERVED;
}
#define fmt_form_bits tiny_form_bits

static inline uint64_t tiny_make_leaf(uint64_t proto, pt_pa_t pa, unsigned int level,
				      unsigned int contig_lg2, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return proto | pa | (contig_lg2 ? TINY_C : 0);
}
#define fmt_make_leaf tiny_make_leaf

static inline pt_pa_t tiny_leaf_pa(uint64_t raw, unsigned int level, unsigned int index,
				   const struct ptl_fmt *f)
{
	(void)index;
	(void)f;
	return raw & tiny_address(level);
}
#define fmt_leaf_pa tiny_leaf_pa

static inline uint64_t tiny_leaf_next(uint64_t raw, unsigned int level, unsigned int index,
				      const struct ptl_fmt *f)
{
	uint64_t next = raw + PTL_BIT(tiny_level_lg2(level));

	(void)index;
	return next & tiny_address(level) && !(next & f->pa_beyond) ? next : 0;
}
#define fmt_leaf_next tiny_leaf_next

static inline unsigned int tiny_contig_lg2(uint64_t raw, unsigned int level,
					   const struct ptl_fmt *f)
{
	return raw & TINY_C ? tiny_contig_max_lg2(level, f) : 0;
}
#define fmt_contig_lg2 tiny_contig_lg2

static inline uint64_t tiny_contig(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return raw | TINY_C;
}
#define fmt_contig tiny_contig

static inline uint64_t tiny_uncontig(uint64_t raw, unsigned int level, unsigned int index,
				     const struct ptl_fmt *f)
{
	(void)level;
	(void)index;
	(void)f;
	return raw & ~TINY_C;
}
#define fmt_uncontig tiny_uncontig

#endif /* FMT_TINY_H */
