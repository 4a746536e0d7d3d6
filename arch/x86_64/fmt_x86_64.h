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
 * M is MAXPHYADDR. With AMD's memory encryption one of the bits 51:M, the C-bit, is not
 * reserved: at every level it says whether what the entry points at is encrypted (APM Vol. 2,
 * 7.10.2, 15.34 "Secure Encrypted Virtualization").
 *
 * Not present (P=0): all other bits are ignored by hardware;
 * words with no bit but A and D count as empty, since some processors set those
 * in passing (Linux calls it the KNL erratum).
 */
#ifndef PTL_FMT_X86_64_H
#define PTL_FMT_X86_64_H

#define X86_RESERVED_FROM 13 /* bit 12 of a large leaf is PAT */
#include "x86_64/fmt_x86_word.h"

#define X86_64_P PTL_BIT(0)
#define X86_64_RW PTL_BIT(1)
#define X86_64_US PTL_BIT(2)
#define X86_64_PWT PTL_BIT(3)
#define X86_64_PCD PTL_BIT(4)
#define X86_64_A PTL_BIT(5)          /* set by hardware */
#define X86_64_D PTL_BIT(6)          /* set by hardware, leaves only */
#define X86_64_PAT_4K PTL_BIT(7)     /* SDM 4.9.2: bit 7 of a PTE, ... */
#define X86_64_PAT_LARGE PTL_BIT(12) /* ... bit 12 of a larger leaf */
#define X86_64_G PTL_BIT(8)
#define X86_64_SW_LOW PTL_BITS(11, 9)
#define X86_64_SW_HIGH PTL_BIT(58)
#define X86_64_KEY PTL_BITS(62, 59)
#define X86_64_XD PTL_BIT(63)

static inline enum pt_mem x86_mem_of_index(unsigned int index, const struct ptl_fmt *f)
{
	unsigned int type = f->cfg.mem_types >> (8 * index) & 0xff;

	return type == 7 ? PT_MEM_UC_MINUS : x86_mem_of_type(type); /* UC- is IA32_PAT's alone */
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
#define fmt_init_decode x86_64_init_decode

static inline int x86_64_init(struct ptl_fmt *f)
{
	int err = x86_init_word(f, PT_FEAT_NX | PT_FEAT_1G | PT_FEAT_PKEYS);
	uint64_t xd = 0;

	if (err)
		return err;
	f->lower_end = PTL_BIT(f->cfg.va_bits - 1);
	f->upper_first = -f->lower_end;
	if (!(f->cfg.features & PT_FEAT_NX))
		xd = X86_64_XD; /* reserved while EFER.NXE = 0, SDM 4.5.4 */
	f->link_mask = f->address | X86_64_P | X86_PS | xd;
	f->link_match = X86_64_P;
	f->page_mask = f->link_mask & ~X86_PS; /* PAT there */
	f->page_match = X86_64_P;
	f->page_address = f->address & ~f->pa_beyond;
	x86_init_masks(f, X86_64_P, X86_64_P, xd, xd);
	x86_init_memory(f);
	f->attrs = PT_ATTR_RW | PT_ATTR_EXEC | PT_ATTR_USER | PT_ATTR_GLOBAL | PT_ATTR_ACCESSED |
		   PT_ATTR_DIRTY | PT_ATTR_MEM_MASK | PT_ATTR_SW_MASK |
		   (f->cfg.features & PT_FEAT_PKEYS ? PT_ATTR_KEY_MASK : 0) |
		   (f->encrypted ? PT_ATTR_ENCRYPTED : 0);
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

/* Permissive above the leaf, which alone decides; A is set, so hardware need not. */
static inline uint64_t x86_64_make_table(pt_pa_t pa, const struct ptl_fmt *f)
{
	return pa | X86_64_P | X86_64_RW | X86_64_US | X86_64_A | f->encrypted;
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
	raw |= attr & PT_ATTR_ENCRYPTED ? f->encrypted : 0;
	*proto = raw | (level ? X86_PS : 0);
	return 0;
}
#define fmt_encode x86_64_encode

static inline __attribute__((always_inline)) pt_attr_t
x86_64_decode(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	uint64_t low = raw & PTL_BITS(11, 1);
	pt_attr_t attr;

	if (level)
		low = (low & ~X86_64_PAT_4K) | (raw >> 5 & X86_64_PAT_4K);
	attr = f->attr_of_low[low >> 1] | f->attr_of_high[raw >> 58];
	if (__builtin_expect(raw & f->encrypted, 0)) {
		__asm__ volatile(""); /* keeps it a branch, which most never take */
		attr |= PT_ATTR_ENCRYPTED;
	}
	return attr;
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
	bits |= attrs & PT_ATTR_ENCRYPTED ? f->encrypted : 0;
	return bits | (attrs & PT_ATTR_SW(7)) >> (PT_ATTR_SW_SHIFT - 9) |
	       (attrs & PT_ATTR_SW(8)) << 35;
}
#define fmt_attr_bits x86_64_attr_bits

static inline uint64_t x86_64_form_bits(unsigned int level, const struct ptl_fmt *f)
{
	return X86_64_P | x86_form_bits(level, f);
}
#define fmt_form_bits x86_64_form_bits

static inline uint64_t x86_64_child(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	uint64_t pat = raw & X86_64_PAT_LARGE;

	(void)f;
	if (level > 1)
		return raw;
	return (raw & ~(X86_PS | X86_64_PAT_LARGE)) | (pat ? X86_64_PAT_4K : 0);
}
#define fmt_child x86_64_child

static inline uint64_t x86_64_parent(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	uint64_t pat = raw & X86_64_PAT_4K;

	(void)f;
	if (level > 0)
		return raw;
	return raw | X86_PS | (pat ? X86_64_PAT_LARGE : 0);
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

#endif /* PTL_FMT_X86_64_H */
