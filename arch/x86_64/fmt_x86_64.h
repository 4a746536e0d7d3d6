/* SPDX-License-Identifier: MIT */
/*
 * x86-64 4-level and 5-level paging.
 *
 *   Intel SDM Vol. 3A, 4.5 "4-Level Paging and 5-Level Paging" (rev. 081):
 *   4.5.4 "Linear-Address Translation", Tables 4-14 to 4-20
 *   AMD APM Vol. 2, 5.3 "Long-Mode Page Translation" (rev. 3.40) says the same
 *
 *   level   SDM name   leaf     63    62:59  58:52    51:M  M-1:s     s-1:13  12   11:9  8  7   6 5  4   3   2  1  0
 *     0     PTE        4 KiB    XD    key    ignored  rsvd  address   -       -    ign.  G  PAT D A PCD PWT US RW P
 *     1     PDE        2 MiB    XD    key    ignored  rsvd  address   rsvd    PAT  ign.  G  1   D A PCD PWT US RW P
 *     2     PDPTE      1 GiB    XD    key    ignored  rsvd  address   rsvd    PAT  ign.  G  1   D A PCD PWT US RW P
 *     1..4  to a table          XD    ignored         rsvd  address (s = 12)       ign.  i. 0   i A PCD PWT US RW P
 *     3     PML4E, 4 PML5E: always to a table, bit 7 reserved
 *
 * M is MAXPHYADDR. Not present (P=0): all other bits are ignored by hardware;
 * words with no bit but A and D count as empty, since some processors set those
 * in passing (Linux calls it the KNL erratum).
 */
#ifndef PTL_FMT_X86_64_H
#define PTL_FMT_X86_64_H

#include "pt/pt_defs.h"

enum {
	FMT_GRANULE_LG2 = 12,
	FMT_INDEX_BITS = 9,
	FMT_MAX_LEVEL = 4,
};

#define X86_64_P PTL_BIT(0)
#define X86_64_RW PTL_BIT(1)
#define X86_64_US PTL_BIT(2)
#define X86_64_PWT PTL_BIT(3)
#define X86_64_PCD PTL_BIT(4)
#define X86_64_A PTL_BIT(5)          /* set by hardware */
#define X86_64_D PTL_BIT(6)          /* set by hardware, leaves only */
#define X86_64_PS PTL_BIT(7)         /* leaf at levels 1 and 2 */
#define X86_64_PAT_4K PTL_BIT(7)     /* SDM 4.9.2: bit 7 of a PTE, ... */
#define X86_64_PAT_LARGE PTL_BIT(12) /* ... bit 12 of a larger leaf */
#define X86_64_G PTL_BIT(8)
#define X86_64_SW_LOW PTL_BITS(11, 9)
#define X86_64_SW_HIGH PTL_BIT(58)
#define X86_64_ADDRESS PTL_BITS(51, 12)
#define X86_64_KEY PTL_BITS(62, 59)
#define X86_64_XD PTL_BIT(63)

static inline unsigned int x86_64_level_lg2(unsigned int level)
{
	return FMT_GRANULE_LG2 + FMT_INDEX_BITS * level;
}

static inline bool x86_64_can_leaf(unsigned int level, const struct ptl_fmt *f)
{
	return level <= 1 || (level == 2 && f->cfg.features & PT_FEAT_1G);
}
#define fmt_can_leaf x86_64_can_leaf

static inline unsigned int x86_64_contig_max_lg2(unsigned int level, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return 0;
}
#define fmt_contig_max_lg2 x86_64_contig_max_lg2

/* IA32_PAT field values, SDM Vol. 3A, 12.12.2 "IA32_PAT MSR", Table 12-10. */
static inline enum pt_mem x86_64_mem_of_pat(unsigned int field)
{
	switch (field) {
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
	case 7:
		return PT_MEM_UC_MINUS;
	default:
		return PT_MEM_OTHER;
	}
}

/* What the tables of x86_64_decode() are made from; of a leaf of level 0. */
static inline pt_attr_t x86_64_decode_bits(uint64_t raw, const struct ptl_fmt *f)
{
	unsigned int index = (raw >> 3 & 3) | (raw >> 7 & 1) << 2;
	pt_attr_t attr = PT_ATTR_READ | PT_ATTR_MEM(f->mem_of_index[index]);

	attr |= raw & (X86_64_RW | X86_64_A | X86_64_D);
	attr |= (raw & X86_64_US) << 1 | (raw & X86_64_G) >> 4;
	attr |= (~raw & X86_64_XD) >> 61;
	attr |= (raw & X86_64_KEY) >> (59 - PT_ATTR_KEY_SHIFT);
	return (attr | (raw & X86_64_SW_HIGH) >> 35) & f->attrs;
}

/* Bits 11 to 1, of which 11 to 9 are software's; and 63 to 58. */
static inline void x86_64_init_decode(struct ptl_fmt *f)
{
	const pt_attr_t high = PT_ATTR_EXEC | PT_ATTR_KEY_MASK | PT_ATTR_SW(8);

	for (unsigned int i = 0; i < 256; i++)
		for (unsigned int sw = 0; sw < 8; sw++)
			f->attr_of_low[sw << 8 | i] = (uint32_t)(
				(x86_64_decode_bits(i << 1, f) & ~high) | PT_ATTR_SW(sw));
	for (uint64_t i = 0; i < 64; i++)
		f->attr_of_high[i] = (uint32_t)(x86_64_decode_bits(i << 58, f) & high);
}

static inline int x86_64_init(struct ptl_fmt *f)
{
	const struct pt_fmt_cfg *cfg = &f->cfg;
	uint64_t beyond;

	if (cfg->va_bits != 48 && cfg->va_bits != 57)
		return -EINVAL;
	if (cfg->pa_bits < 32 || cfg->pa_bits > 52 || cfg->upper_half || cfg->bbm || cfg->share ||
	    cfg->features & ~(PT_FEAT_NX | PT_FEAT_1G | PT_FEAT_PKEYS))
		return -EINVAL;
	f->top_level = cfg->va_bits == 57 ? 4 : 3;
	f->va_mask = PTL_BITS(cfg->va_bits - 1, 0);
	f->lower_end = PTL_BIT(cfg->va_bits - 1);
	f->upper_first = -f->lower_end;
	beyond = cfg->pa_bits == 52 ? 0 : PTL_BITS(51, cfg->pa_bits);
	f->pa_beyond = beyond;
	if (!(cfg->features & PT_FEAT_NX))
		beyond |= X86_64_XD; /* reserved while EFER.NXE = 0, SDM 4.5.4 */
	f->link_mask = X86_64_ADDRESS | X86_64_P | X86_64_PS | (beyond & X86_64_XD);
	f->link_match = X86_64_P;
	f->page_mask = f->link_mask & ~X86_64_PS; /* PAT there */
	f->page_match = X86_64_P;
	f->page_address = X86_64_ADDRESS & ~f->pa_beyond;
	for (unsigned int level = 0; level <= FMT_MAX_LEVEL; level++) {
		/* Level 0 has no table entries: a mask of 0 never gives P. */
		f->table_mask[level] = level ? X86_64_P | X86_64_PS | beyond : 0;
		f->table_match[level] = X86_64_P;
		f->leaf_mask[level] = 0;
		f->leaf_match[level] = X86_64_P;
		if (!x86_64_can_leaf(level, f))
			continue;
		f->leaf_mask[level] = X86_64_P | beyond;
		if (level) {
			f->leaf_mask[level] |= X86_64_PS | PTL_BITS(x86_64_level_lg2(level) - 1, 13);
			f->leaf_match[level] |= X86_64_PS;
		}
	}
	for (unsigned int mem = 0; mem < 16; mem++)
		f->index_of_mem[mem] = PTL_NO_INDEX;
	for (unsigned int i = 8; i--;) {
		enum pt_mem mem = x86_64_mem_of_pat(cfg->mem_types >> (8 * i) & 0xff);

		f->mem_of_index[i] = (uint8_t)mem;
		if (mem == PT_MEM_OTHER)
			continue;
		f->index_of_mem[mem] = (uint8_t)i; /* the lowest that selects it */
		f->any_mem = PT_ATTR_MEM(mem);
	}
	f->attrs = PT_ATTR_RW | PT_ATTR_EXEC | PT_ATTR_USER | PT_ATTR_GLOBAL | PT_ATTR_ACCESSED |
		   PT_ATTR_DIRTY | PT_ATTR_MEM_MASK | PT_ATTR_SW_MASK |
		   (cfg->features & PT_FEAT_PKEYS ? PT_ATTR_KEY_MASK : 0);
	x86_64_init_decode(f);
	return 0;
}
#define fmt_init x86_64_init

/* Canonical: bits 63 to va_bits repeat bit va_bits - 1 (SDM Vol. 1, 3.3.7.1). */
static inline bool x86_64_va_valid(pt_va_t va, const struct ptl_fmt *f)
{
	return va + f->lower_end <= f->va_mask; /* the upper half wraps to below the lower */
}
#define fmt_va_valid x86_64_va_valid

/* The upper half comes first. */
static inline unsigned int x86_64_slot_index(unsigned int slot)
{
	return slot ^ 1u << (FMT_INDEX_BITS - 1);
}
#define fmt_slot_index x86_64_slot_index

static inline unsigned int x86_64_root_align_lg2(const struct ptl_fmt *f)
{
	(void)f;
	return FMT_GRANULE_LG2;
}
#define fmt_root_align_lg2 x86_64_root_align_lg2

static inline const char *x86_64_level_name(unsigned int level, const struct ptl_fmt *f)
{
	static const char *const name[] = { "PTE", "PDE", "PDPTE", "PML4E", "PML5E" };

	(void)f;
	return name[level];
}
#define fmt_level_name x86_64_level_name

static inline bool x86_64_is_table(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	return (raw & f->table_mask[level]) == f->table_match[level];
}
#define fmt_is_table x86_64_is_table

static inline bool x86_64_is_leaf(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	return (raw & f->leaf_mask[level]) == f->leaf_match[level];
}
#define fmt_is_leaf x86_64_is_leaf

static inline enum ptl_kind x86_64_kind(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	if (x86_64_is_leaf(raw, level, f))
		return PTL_LEAF;
	if (x86_64_is_table(raw, level, f))
		return PTL_TABLE;
	if (raw & X86_64_P)
		return PTL_ILLEGAL;
	if ((raw & ~(X86_64_A | X86_64_D)) == 0)
		return PTL_EMPTY;
	if (raw == PTL_BREAK_WORD)
		return PTL_BREAK;
	return raw == PTL_DEAD_WORD ? PTL_DEAD : PTL_SOFT;
}
#define fmt_kind x86_64_kind

static inline enum pt_illegal x86_64_illegal(uint64_t raw, unsigned int level,
					     const struct ptl_fmt *f)
{
	(void)level;
	return raw & f->pa_beyond ? PT_ILLEGAL_WIDTH : PT_ILLEGAL_RESERVED;
}
#define fmt_illegal x86_64_illegal

static inline pt_pa_t x86_64_table_pa(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & X86_64_ADDRESS;
}
#define fmt_table_pa x86_64_table_pa

/* Permissive above the leaf, which alone decides; A is set, so hardware need not. */
static inline uint64_t x86_64_make_table(pt_pa_t pa, const struct ptl_fmt *f)
{
	(void)f;
	return pa | X86_64_P | X86_64_RW | X86_64_US | X86_64_A;
}
#define fmt_make_table x86_64_make_table

/* SDM 4.6 "Access Rights": the strictest of all levels holds. */
static inline unsigned int x86_64_limits(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return (raw & X86_64_RW ? 0 : PTL_LIMIT_WRITE) | (raw & X86_64_US ? 0 : PTL_LIMIT_USER) |
	       (raw & X86_64_XD ? PTL_LIMIT_USER_EXEC | PTL_LIMIT_PRIV_EXEC : 0);
}
#define fmt_limits x86_64_limits

/*
 * The attribute layout puts W, A and D where the hardware has them; the other
 * single bits move by a shift.
 */
static inline int x86_64_encode(pt_attr_t attr, unsigned int level, const struct ptl_fmt *f,
				uint64_t *proto)
{
	uint64_t index = f->index_of_mem[(attr & PT_ATTR_MEM_MASK) >> PT_ATTR_MEM_SHIFT];
	uint64_t raw;

	if (attr & ~f->attrs || !(attr & PT_ATTR_READ) || index == PTL_NO_INDEX ||
	    !(attr & PT_ATTR_EXEC || f->cfg.features & PT_FEAT_NX))
		return -EOPNOTSUPP;
	raw = X86_64_P | (attr & (PT_ATTR_WRITE | PT_ATTR_ACCESSED | PT_ATTR_DIRTY));
	raw |= (attr & PT_ATTR_USER) >> 1 | (attr & PT_ATTR_GLOBAL) << 4;
	raw |= (~attr & PT_ATTR_EXEC) << 61;
	raw |= (index & 3) << 3 | (index >> 2) << (level ? 12 : 7);
	raw |= (attr & PT_ATTR_KEY_MASK) << (59 - PT_ATTR_KEY_SHIFT);
	raw |= (attr & PT_ATTR_SW(7)) >> (PT_ATTR_SW_SHIFT - 9) | (attr & PT_ATTR_SW(8)) << 35;
	*proto = raw | (level ? X86_64_PS : 0);
	return 0;
}
#define fmt_encode x86_64_encode

static inline pt_attr_t x86_64_decode(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	uint64_t low = raw & PTL_BITS(11, 1);

	if (level)
		low = (low & ~X86_64_PAT_4K) | (raw >> 5 & X86_64_PAT_4K);
	return f->attr_of_low[low >> 1] | f->attr_of_high[raw >> 58];
}
#define fmt_decode x86_64_decode

static inline uint64_t x86_64_attr_bits(pt_attr_t attrs, unsigned int level,
					const struct ptl_fmt *f)
{
	uint64_t bits = attrs & (PT_ATTR_WRITE | PT_ATTR_ACCESSED | PT_ATTR_DIRTY);

	attrs &= f->attrs;
	bits |= (attrs & PT_ATTR_USER) >> 1 | (attrs & PT_ATTR_GLOBAL) << 4;
	bits |= (attrs & PT_ATTR_EXEC) << 61;
	if (attrs & PT_ATTR_MEM_MASK)
		bits |= X86_64_PWT | X86_64_PCD | (level ? X86_64_PAT_LARGE : X86_64_PAT_4K);
	bits |= (attrs & PT_ATTR_KEY_MASK) << (59 - PT_ATTR_KEY_SHIFT);
	return bits | (attrs & PT_ATTR_SW(7)) >> (PT_ATTR_SW_SHIFT - 9) |
	       (attrs & PT_ATTR_SW(8)) << 35;
}
#define fmt_attr_bits x86_64_attr_bits

static inline uint64_t x86_64_form_bits(unsigned int level, const struct ptl_fmt *f)
{
	(void)f;
	/* With PS, which tables lack, and with what is reserved below a large leaf's address. */
	return X86_64_P | (level ? X86_64_PS | PTL_BITS(51, 13) : X86_64_ADDRESS);
}
#define fmt_form_bits x86_64_form_bits

static inline uint64_t x86_64_make_leaf(uint64_t proto, pt_pa_t pa, unsigned int level,
					unsigned int contig_lg2, const struct ptl_fmt *f)
{
	(void)level;
	(void)contig_lg2;
	(void)f;
	return pa | proto;
}
#define fmt_make_leaf x86_64_make_leaf

/* Mask by level: bit 12 of a 2M or 1G leaf is PAT, no address bit. */
static inline pt_pa_t x86_64_leaf_pa(uint64_t raw, unsigned int level, unsigned int index,
				     const struct ptl_fmt *f)
{
	(void)index;
	(void)f;
	return raw & PTL_BITS(51, x86_64_level_lg2(level));
}
#define fmt_leaf_pa x86_64_leaf_pa

static inline uint64_t x86_64_leaf_next(uint64_t raw, unsigned int level, unsigned int index,
					const struct ptl_fmt *f)
{
	uint64_t step = PTL_BIT(x86_64_level_lg2(level)), address = PTL_BIT(52) - step;
	uint64_t next = raw + step;

	(void)index;
	/* Beyond the width, or 2^52, which has no bits for itself. */
	if (__builtin_expect(next & f->pa_beyond || !(next & address), 0)) {
		__asm__ volatile(""); /* keeps it a branch: a conditional move chains the words */
		return 0;
	}
	return next;
}
#define fmt_leaf_next x86_64_leaf_next

static inline uint64_t x86_64_leaf_step(uint64_t raw, unsigned int level, unsigned int nr,
					const struct ptl_fmt *f)
{
	uint64_t step = PTL_BIT(x86_64_level_lg2(level));
	uint64_t last = (raw & (PTL_BIT(52) - step)) + nr * step;

	return last & f->pa_beyond || last >> 52 ? 0 : step;
}
#define fmt_leaf_step x86_64_leaf_step

static inline unsigned int x86_64_contig_lg2(uint64_t raw, unsigned int level,
					     const struct ptl_fmt *f)
{
	(void)raw;
	(void)level;
	(void)f;
	return 0;
}
#define fmt_contig_lg2 x86_64_contig_lg2

static inline uint64_t x86_64_contig(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return raw;
}
#define fmt_contig x86_64_contig

static inline uint64_t x86_64_uncontig(uint64_t raw, unsigned int level, unsigned int index,
				       const struct ptl_fmt *f)
{
	(void)level;
	(void)index;
	(void)f;
	return raw;
}
#define fmt_uncontig x86_64_uncontig

static inline uint64_t x86_64_child(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	uint64_t pat = raw & X86_64_PAT_LARGE;

	(void)f;
	if (level > 1)
		return raw;
	return (raw & ~(X86_64_PS | X86_64_PAT_LARGE)) | (pat ? X86_64_PAT_4K : 0);
}
#define fmt_child x86_64_child

static inline uint64_t x86_64_parent(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	uint64_t pat = raw & X86_64_PAT_4K;

	(void)f;
	if (level > 0)
		return raw;
	return raw | X86_64_PS | (pat ? X86_64_PAT_LARGE : 0);
}
#define fmt_parent x86_64_parent

static inline bool x86_64_is_young(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & X86_64_A;
}
#define fmt_is_young x86_64_is_young

static inline uint64_t x86_64_mkold(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & ~X86_64_A;
}
#define fmt_mkold x86_64_mkold

static inline bool x86_64_is_dirty(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & X86_64_D;
}
#define fmt_is_dirty x86_64_is_dirty

static inline uint64_t x86_64_mkclean(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & ~X86_64_D;
}
#define fmt_mkclean x86_64_mkclean

static inline uint64_t x86_64_still(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & ~(X86_64_A | X86_64_D);
}
#define fmt_still x86_64_still

static inline uint64_t x86_64_merge_ad(uint64_t raw, uint64_t other, const struct ptl_fmt *f)
{
	(void)f;
	return raw | (other & (X86_64_A | X86_64_D));
}
#define fmt_merge_ad x86_64_merge_ad

static inline bool x86_64_needs_break(uint64_t old, uint64_t new_, unsigned int level,
				      const struct ptl_fmt *f)
{
	(void)old;
	(void)new_;
	(void)level;
	(void)f;
	return false;
}
#define fmt_needs_break x86_64_needs_break

/*
 * SDM 4.10.2.3 "Details of TLB Use": an address may be cached with two page
 * sizes at once, and which one is used is not defined; they must not disagree.
 */
static inline bool x86_64_flush_after_split(const struct ptl_fmt *f)
{
	(void)f;
	return true;
}
#define fmt_flush_after_split x86_64_flush_after_split

#endif /* PTL_FMT_X86_64_H */
