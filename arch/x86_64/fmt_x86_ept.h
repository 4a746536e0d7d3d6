/* SPDX-License-Identifier: MIT */
/*
 * x86 EPT: from guest-physical to physical addresses, 4 and 5 levels.
 *
 *   Intel SDM Vol. 3C, 29.3 "The Extended Page Table Mechanism (EPT)" (rev. 081):
 *   29.3.2 "EPT Translation Mechanism", Tables 29-1 to 29-7; 29.3.3.1 "EPT
 *   Misconfigurations"; 29.3.5 "Accessed and Dirty Flags for EPT"; 29.3.7 "EPT and
 *   Memory Typing"
 *
 *   level   SDM name   leaf     63   62   61  60  59   58:57   56:52 51:M M-1:s   s-1:12 11   10 9 8 7  6    5:3  2 1 0
 *     0     PTE        4 KiB    sve  ign. spp sss ign. pw, vpw ign.  rsvd address -      ign. XU D A i. ipat type X W R
 *     1     PDE        2 MiB    sve  ign. ign.sss ign. pw, vpw ign.  rsvd address rsvd   ign. XU D A 1  ipat type X W R
 *     2     PDPTE      1 GiB    sve  ign. ign.sss ign. pw, vpw ign.  rsvd address rsvd   ign. XU D A 1  ipat type X W R
 *     1..4  to a table          ignored                        rsvd  address (s = 12) i. XU i A 0  rsvd rsvd X W R
 *     3     PML4E, 4 PML5E: always to a table, bit 7 reserved
 *
 * M is MAXPHYADDR. Present: one of R, W, X, and with mode-based execute control XU.
 * The rest of what is not present is ignored, but for bit 63. Misconfigured, and so
 * illegal here: W without R; X or XU without R where the processor lacks execute-only
 * translations; a reserved bit; type 2, 3 or 7 in a leaf.
 *
 * X is the supervisor's and XU the user's with mode-based execute control, else X is
 * both's and bit 10 ignored. A and D are ignored unless EPTP enables them. Bits of
 * controls not modelled here (57, 58, 60, 61) are kept and mean nothing; software
 * bits are 55:52.
 */
#ifndef PTL_FMT_X86_EPT_H
#define PTL_FMT_X86_EPT_H

#define X86_RESERVED_FROM 12
#include "x86_64/fmt_x86_word.h"

#define X86_EPT_R PTL_BIT(0)
#define X86_EPT_W PTL_BIT(1)
#define X86_EPT_X PTL_BIT(2)
#define X86_EPT_RWX PTL_BITS(2, 0)
#define X86_EPT_TYPE PTL_BITS(5, 3)
#define X86_EPT_TYPE_WB (UINT64_C(6) << 3)
#define X86_EPT_IPAT PTL_BIT(6) /* the guest's PAT has no say in the memory type */
#define X86_EPT_TABLE_RESERVED PTL_BITS(6, 3)
#define X86_EPT_A PTL_BIT(8) /* set by hardware if EPTP bit 6 says so */
#define X86_EPT_D PTL_BIT(9) /* the same, leaves only */
#define X86_EPT_XU PTL_BIT(10)
#define X86_EPT_SW PTL_BITS(55, 52)
#define X86_EPT_NO_VE PTL_BIT(63) /* violations do not become #VE */

static inline enum pt_mem x86_mem_of_index(unsigned int index, const struct ptl_fmt *f)
{
	(void)f;
	return x86_mem_of_type(index);
}

/*
 * Which values of bits 5:0 a present entry may have, by bit 10: 29.3.3.1
 * "EPT Misconfigurations".
 */
static inline void x86_ept_init_legal(struct ptl_fmt *f)
{
	bool exec_only = f->cfg.features & PT_FEAT_EXEC_ONLY, mbec = f->cfg.features & PT_FEAT_MBEC;

	f->legal_low[0] = f->legal_low[1] = 0;
	for (uint64_t low = 0; low < 128; low++) {
		bool user_exec = low >> 6 && mbec;
		bool legal = low & X86_EPT_R;

		if (!legal && !(low & X86_EPT_W))
			legal = exec_only && (low & X86_EPT_X || user_exec);
		if (legal && f->mem_of_index[(low & X86_EPT_TYPE) >> 3] != PT_MEM_OTHER)
			f->legal_low[low >> 6] |= PTL_BIT(low & 0x3f);
	}
}

static inline int x86_ept_init(struct ptl_fmt *f)
{
	const struct pt_fmt_cfg *cfg = &f->cfg;
	int err = x86_init_word(f, PT_FEAT_1G | PT_FEAT_EXEC_ONLY | PT_FEAT_MBEC | PT_FEAT_AD);

	if (!err && (cfg->mem_types || cfg->c_bit))
		err = -EINVAL;
	if (err)
		return err;
	f->lower_end = PTL_BIT(cfg->va_bits);
	f->hw_ad = cfg->features & PT_FEAT_AD ? X86_EPT_A | X86_EPT_D : 0;
	/* Tables that the library makes allow all; any other is followed the long way. */
	f->link_mask = f->address | X86_PS | X86_EPT_TABLE_RESERVED | X86_EPT_RWX;
	f->link_match = X86_EPT_RWX;
	/* And of leaves any that may be read and are write-back: always legal. */
	f->page_mask = f->address | X86_EPT_R | X86_EPT_TYPE;
	f->page_match = X86_EPT_R | X86_EPT_TYPE_WB;
	f->page_address = f->address & ~f->pa_beyond;
	x86_init_masks(f, 0, 0, X86_EPT_TABLE_RESERVED, 0);
	x86_init_memory(f);
	x86_ept_init_legal(f);
	f->attrs = PT_ATTR_RW | PT_ATTR_EXEC | PT_ATTR_ACCESSED | PT_ATTR_DIRTY | PT_ATTR_MEM_MASK |
		   PT_ATTR_SW_MASK | PT_ATTR_IGNORE_PAT | PT_ATTR_NO_VE |
		   (cfg->features & PT_FEAT_MBEC ? PT_ATTR_EXEC_OTHER : 0);
	return 0;
}
#define fmt_init x86_ept_init

static inline bool x86_ept_va_valid(pt_va_t va, const struct ptl_fmt *f)
{
	return va <= f->va_mask;
}
#define fmt_va_valid x86_ept_va_valid

static inline const char *x86_ept_level_name(unsigned int level, const struct ptl_fmt *f)
{
	static const char *const name[] = { "EPT PTE", "EPT PDE", "EPT PDPTE", "EPT PML4E",
					    "EPT PML5E" };

	(void)f;
	return name[level];
}
#define fmt_level_name x86_ept_level_name

/* What the masks cannot say; a table's reserved bits are 0, as type 0 is, and that is one. */
static inline bool x86_ept_is_legal(uint64_t raw, const struct ptl_fmt *f)
{
	return f->legal_low[raw >> 10 & 1] >> (raw & 0x3f) & 1;
}
#define fmt_write_is_legal x86_ept_is_legal

static inline bool x86_ept_is_table(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	return (raw & f->table_mask[level]) == f->table_match[level] && x86_ept_is_legal(raw, f);
}
#define fmt_is_table x86_ept_is_table

static inline bool x86_ept_is_leaf(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	return (raw & f->leaf_mask[level]) == f->leaf_match[level] && x86_ept_is_legal(raw, f);
}
#define fmt_is_leaf x86_ept_is_leaf

static inline enum ptl_kind x86_ept_kind(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	if (x86_ept_is_leaf(raw, level, f))
		return PTL_LEAF;
	if (x86_ept_is_table(raw, level, f))
		return PTL_TABLE;
	if (raw & (X86_EPT_RWX | (f->cfg.features & PT_FEAT_MBEC ? X86_EPT_XU : 0)))
		return PTL_ILLEGAL;
	if (raw == 0)
		return PTL_EMPTY;
	if (raw == PTL_BREAK_WORD)
		return PTL_BREAK;
	return raw == PTL_DEAD_WORD ? PTL_DEAD : PTL_SOFT;
}
#define fmt_kind x86_ept_kind

static inline uint64_t x86_ept_make_table(pt_pa_t pa, const struct ptl_fmt *f)
{
	return pa | X86_EPT_RWX | (f->hw_ad & X86_EPT_A) |
	       (f->cfg.features & PT_FEAT_MBEC ? X86_EPT_XU : 0);
}
#define fmt_make_table x86_ept_make_table

/* 29.3.3.2 "EPT Violations": what any level forbids is forbidden. */
static inline unsigned int x86_ept_limits(uint64_t raw, const struct ptl_fmt *f)
{
	uint64_t user_exec = f->cfg.features & PT_FEAT_MBEC ? X86_EPT_XU : X86_EPT_X;

	return (raw & X86_EPT_R ? 0 : PTL_LIMIT_READ) | (raw & X86_EPT_W ? 0 : PTL_LIMIT_WRITE) |
	       (raw & X86_EPT_X ? 0 : PTL_LIMIT_PRIV_EXEC) |
	       (raw & user_exec ? 0 : PTL_LIMIT_USER_EXEC);
}
#define fmt_limits x86_ept_limits

/* R, W and X stand where the attribute layout has them; A, D and XU three bits above. */
static inline int x86_ept_encode(pt_attr_t attr, unsigned int level, const struct ptl_fmt *f,
				 uint64_t *proto)
{
	const pt_attr_t moved = PT_ATTR_ACCESSED | PT_ATTR_DIRTY | PT_ATTR_EXEC_OTHER;
	uint64_t index = f->index_of_mem[(attr & PT_ATTR_MEM_MASK) >> PT_ATTR_MEM_SHIFT];
	uint64_t raw;

	if (attr & ~f->attrs || index == PTL_NO_INDEX)
		return -EOPNOTSUPP;
	raw = (attr & (PT_ATTR_RW | PT_ATTR_EXEC)) | index << 3;
	raw |= (attr & moved) << 3 & (f->hw_ad | X86_EPT_XU);
	raw |= (attr & PT_ATTR_IGNORE_PAT) >> 19 | (attr & PT_ATTR_NO_VE) << 37;
	raw |= (attr & PT_ATTR_SW_MASK) << (52 - PT_ATTR_SW_SHIFT);
	if (!x86_ept_is_legal(raw, f))
		return -EOPNOTSUPP; /* not present, or misconfigured */
	*proto = raw | (level ? X86_PS : 0);
	return 0;
}
#define fmt_encode x86_ept_encode

static inline pt_attr_t x86_ept_decode(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	pt_attr_t attr = raw & X86_EPT_RWX;

	(void)level;
	attr |= PT_ATTR_MEM(f->mem_of_index[(raw & X86_EPT_TYPE) >> 3]);
	attr |= (raw & (f->hw_ad | X86_EPT_XU)) >> 3;
	attr |= (raw & X86_EPT_IPAT) << 19 | (raw & X86_EPT_NO_VE) >> 37;
	attr |= (raw & X86_EPT_SW) >> (52 - PT_ATTR_SW_SHIFT);
	return attr & f->attrs;
}
#define fmt_decode x86_ept_decode

static inline uint64_t x86_ept_attr_bits(pt_attr_t attrs, unsigned int level,
					 const struct ptl_fmt *f)
{
	const pt_attr_t moved = PT_ATTR_ACCESSED | PT_ATTR_DIRTY | PT_ATTR_EXEC_OTHER;
	uint64_t bits;

	(void)level;
	attrs &= f->attrs;
	bits = (attrs & (PT_ATTR_RW | PT_ATTR_EXEC)) |
	       (attrs & PT_ATTR_MEM_MASK ? X86_EPT_TYPE : 0);
	bits |= (attrs & moved) << 3 & (f->hw_ad | X86_EPT_XU);
	bits |= (attrs & PT_ATTR_IGNORE_PAT) >> 19 | (attrs & PT_ATTR_NO_VE) << 37;
	return bits | (attrs & PT_ATTR_SW_MASK) << (52 - PT_ATTR_SW_SHIFT);
}
#define fmt_attr_bits x86_ept_attr_bits

#define fmt_form_bits x86_form_bits

/* Below a large leaf's address all is reserved, and bit 7 of a PTE ignored. */
static inline uint64_t x86_ept_child(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	(void)f;
	return level > 1 ? raw : raw & ~X86_PS;
}
#define fmt_child x86_ept_child

static inline uint64_t x86_ept_parent(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return raw | X86_PS;
}
#define fmt_parent x86_ept_parent

static inline bool x86_ept_is_young(uint64_t raw, const struct ptl_fmt *f)
{
	return raw & f->hw_ad & X86_EPT_A;
}
#define fmt_is_young x86_ept_is_young

static inline uint64_t x86_ept_mkold(uint64_t raw, const struct ptl_fmt *f)
{
	return raw & ~(f->hw_ad & X86_EPT_A);
}
#define fmt_mkold x86_ept_mkold

static inline bool x86_ept_is_dirty(uint64_t raw, const struct ptl_fmt *f)
{
	return raw & f->hw_ad & X86_EPT_D;
}
#define fmt_is_dirty x86_ept_is_dirty

static inline uint64_t x86_ept_mkclean(uint64_t raw, const struct ptl_fmt *f)
{
	return raw & ~(f->hw_ad & X86_EPT_D);
}
#define fmt_mkclean x86_ept_mkclean

static inline uint64_t x86_ept_still(uint64_t raw, const struct ptl_fmt *f)
{
	return raw & ~f->hw_ad;
}
#define fmt_still x86_ept_still

static inline uint64_t x86_ept_merge_ad(uint64_t raw, uint64_t other, const struct ptl_fmt *f)
{
	return raw | (other & f->hw_ad);
}
#define fmt_merge_ad x86_ept_merge_ad

#endif /* PTL_FMT_X86_EPT_H */
