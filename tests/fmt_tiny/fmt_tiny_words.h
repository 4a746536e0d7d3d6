/* SPDX-License-Identifier: MIT */
/*
 * fmt_tiny_words.h - the words of the two tiny formats, but for contiguity.
 *
 * Made up for tests that go over every range of an address space. The including
 * header has defined the geometry, and names each function below on.
 *
 *	 63:41 40 39:36 35 34 33 32 31:g     4 3 2 1    0
 *	 rsvd  UC sw    G  U  X  W  address  C D A leaf P
 *
 * g is the granule's log2; between it and a larger leaf's own size the address
 * is 0. A table entry has leaf and C clear. Not present (P=0): empty if 0.
 */
#ifndef FMT_TINY_WORDS_H
#define FMT_TINY_WORDS_H

#include "pt/pt_defs.h"

#define TINY_P PTL_BIT(0)
#define TINY_LEAF PTL_BIT(1)
#define TINY_A PTL_BIT(2)
#define TINY_D PTL_BIT(3)
#define TINY_C PTL_BIT(4) /* part of a contiguous block */
#define TINY_W PTL_BIT(32)
#define TINY_X PTL_BIT(33)
#define TINY_U PTL_BIT(34)
#define TINY_G PTL_BIT(35)
#define TINY_SW PTL_BITS(39, 36)
#define TINY_UC PTL_BIT(40)
#define TINY_RESERVED PTL_BITS(63, 41)
#define TINY_ADDRESS PTL_BITS(31, FMT_GRANULE_LG2)

static inline unsigned int tiny_level_lg2(unsigned int level)
{
	return FMT_GRANULE_LG2 + FMT_INDEX_BITS * level;
}

/* Address bits of a leaf of @level. */
static inline uint64_t tiny_address(unsigned int level)
{
	return PTL_BITS(31, tiny_level_lg2(level));
}

static inline bool tiny_can_leaf(unsigned int level, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return true;
}
#define fmt_can_leaf tiny_can_leaf

static inline int tiny_init(struct ptl_fmt *f)
{
	const struct pt_fmt_cfg *cfg = &f->cfg;

	if (cfg->va_bits <= FMT_GRANULE_LG2 || cfg->va_bits > tiny_level_lg2(FMT_MAX_LEVEL + 1) ||
	    cfg->pa_bits < 16 || cfg->pa_bits > 32 || (cfg->bbm && cfg->bbm != 2) ||
	    cfg->features != PT_FEAT_NX)
		return -EINVAL;
	f->top_level = (cfg->va_bits - FMT_GRANULE_LG2 - 1) / FMT_INDEX_BITS;
	f->va_mask = PTL_BITS(cfg->va_bits - 1, 0);
	f->va_high = cfg->upper_half ? ~f->va_mask : 0;
	f->lower_end = cfg->upper_half ? 0 : PTL_BIT(cfg->va_bits);
	f->upper_first = f->va_high;
	f->pa_beyond = cfg->pa_bits == 32 ? 0 : PTL_BITS(31, cfg->pa_bits);
	for (unsigned int level = 0; level <= FMT_MAX_LEVEL; level++) {
		f->table_mask[level] =
			level ? TINY_P | TINY_LEAF | TINY_C | TINY_RESERVED | f->pa_beyond : 0;
		f->table_match[level] = TINY_P;
		f->leaf_mask[level] = TINY_P | TINY_LEAF | TINY_RESERVED | f->pa_beyond |
				      (TINY_ADDRESS & ~tiny_address(level));
		f->leaf_match[level] = TINY_P | TINY_LEAF;
	}
	for (unsigned int mem = 0; mem < 16; mem++)
		f->index_of_mem[mem] = PTL_NO_INDEX;
	f->index_of_mem[PT_MEM_WB] = 0;
	f->index_of_mem[PT_MEM_UC] = 1;
	f->mem_of_index[0] = PT_MEM_WB;
	f->mem_of_index[1] = PT_MEM_UC;
	f->any_mem = PT_ATTR_MEM(PT_MEM_WB);
	f->attrs = PT_ATTR_RW | PT_ATTR_EXEC | PT_ATTR_USER | PT_ATTR_GLOBAL | PT_ATTR_ACCESSED |
		   PT_ATTR_DIRTY | PT_ATTR_MEM_MASK | PT_ATTR_SW_MASK;
	return 0;
}
#define fmt_init tiny_init

static inline bool tiny_va_valid(pt_va_t va, const struct ptl_fmt *f)
{
	return (va & ~f->va_mask) == f->va_high;
}
#define fmt_va_valid tiny_va_valid

static inline unsigned int tiny_root_align_lg2(const struct ptl_fmt *f)
{
	return 3 + f->cfg.va_bits - tiny_level_lg2(f->top_level);
}
#define fmt_root_align_lg2 tiny_root_align_lg2

static inline const char *tiny_level_name(unsigned int level, const struct ptl_fmt *f)
{
	static const char *const name[] = { "tiny 0", "tiny 1", "tiny 2" };

	(void)f;
	return name[level];
}
#define fmt_level_name tiny_level_name

static inline bool tiny_is_table(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	return (raw & f->table_mask[level]) == f->table_match[level];
}
#define fmt_is_table tiny_is_table

static inline enum pt_illegal tiny_illegal(uint64_t raw, unsigned int level,
					   const struct ptl_fmt *f)
{
	(void)level;
	return raw & f->pa_beyond ? PT_ILLEGAL_WIDTH : PT_ILLEGAL_RESERVED;
}
#define fmt_illegal tiny_illegal

static inline pt_pa_t tiny_table_pa(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & TINY_ADDRESS;
}
#define fmt_table_pa tiny_table_pa

static inline uint64_t tiny_make_table(pt_pa_t pa, const struct ptl_fmt *f)
{
	(void)f;
	return pa | TINY_P;
}
#define fmt_make_table tiny_make_table

static inline unsigned int tiny_limits(uint64_t raw, const struct ptl_fmt *f)
{
	(void)raw;
	(void)f;
	return 0;
}
#define fmt_limits tiny_limits

static inline uint64_t tiny_bits_of(pt_attr_t attr)
{
	return (attr & PT_ATTR_WRITE ? TINY_W : 0) | (attr & PT_ATTR_EXEC ? TINY_X : 0) |
	       (attr & PT_ATTR_USER ? TINY_U : 0) | (attr & PT_ATTR_GLOBAL ? TINY_G : 0) |
	       (attr & PT_ATTR_ACCESSED ? TINY_A : 0) | (attr & PT_ATTR_DIRTY ? TINY_D : 0) |
	       (attr & PT_ATTR_SW_MASK) << (36 - PT_ATTR_SW_SHIFT);
}

static inline int tiny_encode(pt_attr_t attr, unsigned int level, const struct ptl_fmt *f,
			      uint64_t *proto)
{
	unsigned int index = f->index_of_mem[(attr & PT_ATTR_MEM_MASK) >> PT_ATTR_MEM_SHIFT];

	(void)level;
	if (attr & ~f->attrs || !(attr & PT_ATTR_READ) || index == PTL_NO_INDEX)
		return -EOPNOTSUPP;
	*proto = TINY_P | TINY_LEAF | tiny_bits_of(attr) | (index ? TINY_UC : 0);
	return 0;
}
#define fmt_encode tiny_encode

static inline pt_attr_t tiny_decode(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return PT_ATTR_READ | PT_ATTR_MEM(raw & TINY_UC ? PT_MEM_UC : PT_MEM_WB) |
	       (raw & TINY_W ? PT_ATTR_WRITE : 0) | (raw & TINY_X ? PT_ATTR_EXEC : 0) |
	       (raw & TINY_U ? PT_ATTR_USER : 0) | (raw & TINY_G ? PT_ATTR_GLOBAL : 0) |
	       (raw & TINY_A ? PT_ATTR_ACCESSED : 0) | (raw & TINY_D ? PT_ATTR_DIRTY : 0) |
	       (raw & TINY_SW) >> (36 - PT_ATTR_SW_SHIFT);
}
#define fmt_decode tiny_decode

static inline uint64_t tiny_attr_bits(pt_attr_t attrs, unsigned int level,
				      const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return tiny_bits_of(attrs) | (attrs & PT_ATTR_MEM_MASK ? TINY_UC : 0);
}
#define fmt_attr_bits tiny_attr_bits

static inline uint64_t tiny_child(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return raw;
}
#define fmt_child tiny_child

static inline uint64_t tiny_parent(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return raw;
}
#define fmt_parent tiny_parent

static inline bool tiny_is_young(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & TINY_A;
}
#define fmt_is_young tiny_is_young

static inline uint64_t tiny_mkold(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & ~TINY_A;
}
#define fmt_mkold tiny_mkold

static inline bool tiny_is_dirty(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & TINY_D;
}
#define fmt_is_dirty tiny_is_dirty

static inline uint64_t tiny_mkclean(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & ~TINY_D;
}
#define fmt_mkclean tiny_mkclean

static inline uint64_t tiny_still(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & ~(TINY_A | TINY_D);
}
#define fmt_still tiny_still

static inline uint64_t tiny_merge_ad(uint64_t raw, uint64_t other, const struct ptl_fmt *f)
{
	(void)f;
	return raw | (other & (TINY_A | TINY_D));
}
#define fmt_merge_ad tiny_merge_ad

/* As arm64: sizes and C unless bbm is 2, the memory type always. */
static inline bool tiny_needs_break(uint64_t old, uint64_t new_, unsigned int level,
				    const struct ptl_fmt *f)
{
	bool table = tiny_is_table(old, level, f) || tiny_is_table(new_, level, f);

	if (table || (old ^ new_) & TINY_C)
		return f->cfg.bbm < 2;
	return (old ^ new_) & (TINY_UC | TINY_ADDRESS);
}
#define fmt_needs_break tiny_needs_break

/* As x86 where splits need no break. */
static inline bool tiny_flush_after_split(const struct ptl_fmt *f)
{
	return f->cfg.bbm == 2;
}
#define fmt_flush_after_split tiny_flush_after_split

#endif /* FMT_TINY_WORDS_H */
