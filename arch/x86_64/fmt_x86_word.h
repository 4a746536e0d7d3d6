/* SPDX-License-Identifier: MIT */
/*
 * What the words of x86-64 paging and of EPT have in common: addresses, sizes, and
 * bit 7, which makes an entry of levels 1 and 2 a leaf and is reserved above.
 *
 *   Intel SDM Vol. 3A, 4.5.5 "Paging-Structure Entries"; Vol. 3C, 29.3.2 "EPT
 *   Translation Mechanism" (rev. 081)
 *
 *   bits   51:M       M-1:s      s-1:13   12        7
 *          reserved   address    reserved -         leaf; M is MAXPHYADDR
 *
 * The format defines X86_RESERVED_FROM: 13 where bit 12 of a large leaf is PAT, else 12.
 */
#ifndef PTL_FMT_X86_WORD_H
#define PTL_FMT_X86_WORD_H

#include "pt/pt_defs.h"

enum {
	FMT_GRANULE_LG2 = 12,
	FMT_INDEX_BITS = 9,
	FMT_CONCAT_LG2 = 0,
	FMT_MAX_LEVEL = 4,
};

#define X86_PS PTL_BIT(7) /* leaf at levels 1 and 2 */

/* What a format says itself: the memory types that a leaf's index selects. */
static inline enum pt_mem x86_mem_of_index(unsigned int index, const struct ptl_fmt *f);

static inline unsigned int x86_level_lg2(unsigned int level)
{
	return FMT_GRANULE_LG2 + FMT_INDEX_BITS * level;
}

static inline bool x86_can_leaf(unsigned int level, const struct ptl_fmt *f)
{
	return level <= 1 || (level == 2 && f->cfg.features & PT_FEAT_1G);
}
#define fmt_can_leaf x86_can_leaf

static inline unsigned int x86_contig_max_lg2(unsigned int level, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return 0;
}
#define fmt_contig_max_lg2 x86_contig_max_lg2

/* Widths, levels, and the bits of addresses beyond MAXPHYADDR. */
static inline int x86_init_word(struct ptl_fmt *f, unsigned int features)
{
	const struct pt_fmt_cfg *cfg = &f->cfg;

	if ((cfg->va_bits != 48 && cfg->va_bits != 57) || cfg->pa_bits < 32 || cfg->pa_bits > 52 ||
	    cfg->upper_half || cfg->bbm || cfg->share || cfg->features & ~features ||
	    (cfg->c_bit && (cfg->c_bit < cfg->pa_bits || cfg->c_bit > 51)))
		return -EINVAL;
	f->top_level = cfg->va_bits == 57 ? 4 : 3;
	if (cfg->levels && cfg->levels != f->top_level + 1)
		return -EINVAL;
	f->va_mask = PTL_BITS(cfg->va_bits - 1, 0);
	f->encrypted = cfg->c_bit ? PTL_BIT(cfg->c_bit) : 0;
	f->address = PTL_BITS(51, 12) & ~f->encrypted;
	f->pa_beyond = cfg->pa_bits == 52 ? 0 : PTL_BITS(51, cfg->pa_bits) & f->address;
	return 0;
}

/*
 * Masks of tables and leaves: bits @present are as in @match in both; @table and
 * @leaf are 0, beside what is no address in an entry of that kind.
 */
static inline void x86_init_masks(struct ptl_fmt *f, uint64_t present, uint64_t match,
				  uint64_t table, uint64_t leaf)
{
	for (unsigned int level = 0; level <= FMT_MAX_LEVEL; level++) {
		/* Level 0 has no table entries, some no leaves: nothing is 1 under a mask of 0. */
		f->table_mask[level] = level ? present | X86_PS | f->pa_beyond | table : 0;
		f->table_match[level] = level ? match : 1;
		f->leaf_mask[level] = 0;
		f->leaf_match[level] = 1;
		if (!x86_can_leaf(level, f))
			continue;
		f->leaf_mask[level] = present | f->pa_beyond | leaf;
		f->leaf_match[level] = match;
		if (level) {
			f->leaf_mask[level] |=
				X86_PS | PTL_BITS(x86_level_lg2(level) - 1, X86_RESERVED_FROM);
			f->leaf_match[level] |= X86_PS;
		}
	}
}

/* Memory types as IA32_PAT and EPT encode them, SDM Vol. 3A, 12.12.2, Table 12-10. */
static inline enum pt_mem x86_mem_of_type(unsigned int type)
{
	switch (type) {
	case 0:
		return PT_MEM_UC;
	case 1:
		return PT_MEM_WC;
	case 4:
		return PT_MEM_WT;
	case 5:
		return PT_MEM_WP;
	case 6:
		return PT_MEM_WB;
	default:
		return PT_MEM_OTHER;
	}
}

static inline void x86_init_memory(struct ptl_fmt *f)
{
	for (unsigned int mem = 0; mem < 16; mem++)
		f->index_of_mem[mem] = PTL_NO_INDEX;
	for (unsigned int i = 8; i--;) {
		enum pt_mem mem = x86_mem_of_index(i, f);

		f->mem_of_index[i] = (uint8_t)mem;
		if (mem == PT_MEM_OTHER)
			continue;
		f->index_of_mem[mem] = (uint8_t)i; /* the lowest that selects it */
		f->any_mem = PT_ATTR_MEM(mem);
	}
}

static inline unsigned int x86_root_align_lg2(const struct ptl_fmt *f)
{
	(void)f;
	return FMT_GRANULE_LG2;
}
#define fmt_root_align_lg2 x86_root_align_lg2

static inline pt_pa_t x86_table_pa(uint64_t raw, const struct ptl_fmt *f)
{
	return raw & f->address;
}
#define fmt_table_pa x86_table_pa

static inline uint64_t x86_form_bits(unsigned int level, const struct ptl_fmt *f)
{
	/* PS, which tables lack, and what is reserved below a large leaf's address. */
	return level ? X86_PS | (f->address & ~PTL_BITS(X86_RESERVED_FROM - 1, 0)) : f->address;
}

static inline uint64_t x86_make_leaf(uint64_t proto, pt_pa_t pa, unsigned int level,
				     unsigned int contig_lg2, const struct ptl_fmt *f)
{
	(void)level;
	(void)contig_lg2;
	(void)f;
	return pa | proto;
}
#define fmt_make_leaf x86_make_leaf

/* Mask by level: bit 12 of a 2M or 1G leaf of x86-64 is PAT, no address bit. */
static inline pt_pa_t x86_leaf_pa(uint64_t raw, unsigned int level, unsigned int index,
				  const struct ptl_fmt *f)
{
	(void)index;
	return raw & f->address & -PTL_BIT(x86_level_lg2(level));
}
#define fmt_leaf_pa x86_leaf_pa

static inline uint64_t x86_leaf_next(uint64_t raw, unsigned int level, unsigned int index,
				     const struct ptl_fmt *f)
{
	uint64_t step = PTL_BIT(x86_level_lg2(level)), next = raw + step;

	(void)index;
	/* Beyond the width, or what has no bits for itself: 2^52, or from the C-bit on. */
	if (__builtin_expect(next & f->pa_beyond || !(next & f->address & -step), 0)) {
		__asm__ volatile(""); /* keeps it a branch: a conditional move chains the words */
		return 0;
	}
	return next;
}
#define fmt_leaf_next x86_leaf_next

static inline uint64_t x86_leaf_step(uint64_t raw, unsigned int level, unsigned int nr,
				     const struct ptl_fmt *f)
{
	uint64_t step = PTL_BIT(x86_level_lg2(level));
	uint64_t last = (raw & f->address & -step) + nr * step;

	return last & ~f->page_address ? 0 : step;
}
#define fmt_leaf_step x86_leaf_step

static inline unsigned int x86_contig_lg2(uint64_t raw, unsigned int level,
					  const struct ptl_fmt *f)
{
	(void)raw;
	(void)level;
	(void)f;
	return 0;
}
#define fmt_contig_lg2 x86_contig_lg2

static inline uint64_t x86_contig(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return raw;
}
#define fmt_contig x86_contig

static inline uint64_t x86_uncontig(uint64_t raw, unsigned int level, unsigned int index,
				    const struct ptl_fmt *f)
{
	(void)level;
	(void)index;
	(void)f;
	return raw;
}
#define fmt_uncontig x86_uncontig

static inline bool x86_needs_break(uint64_t old, uint64_t new_, unsigned int level,
				   const struct ptl_fmt *f)
{
	(void)old;
	(void)new_;
	(void)level;
	(void)f;
	return false;
}
#define fmt_needs_break x86_needs_break

/*
 * SDM 4.10.2.3 "Details of TLB Use": an address may be cached with two page
 * sizes at once, and which one is used is not defined; they must not disagree.
 */
static inline bool x86_flush_after_split(const struct ptl_fmt *f)
{
	(void)f;
	return true;
}
#define fmt_flush_after_split x86_flush_after_split

static inline enum pt_illegal x86_illegal(uint64_t raw, unsigned int level,
					  const struct ptl_fmt *f)
{
	(void)level;
	return raw & f->pa_beyond ? PT_ILLEGAL_WIDTH : PT_ILLEGAL_RESERVED;
}
#define fmt_illegal x86_illegal

#endif /* PTL_FMT_X86_WORD_H */
