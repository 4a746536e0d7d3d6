/* SPDX-License-Identifier: MIT */
/*
 * What a VMSAv8-64 word is in both stages; one granule per compilation. A file
 * that instantiates a format defines ARM64_GRANULE_LG2 as 12, 14 or 16 and
 * ARM64_LPA2 as 0 or 1; the stage's header defines ARM64_STAGE and what differs.
 *
 *   Arm ARM DDI 0487 J.a, D8.3 "Translation table descriptor formats":
 *   D8.3.1 "VMSAv8-64 descriptor formats"; D8.7 "The Contiguous bit" (tables of D8.7.1)
 *
 *   ours  Arm        4K leaf       16K leaf      64K leaf
 *     0   level 3    4K    x16     16K   x128    64K    x32
 *     1   level 2    2M    x16     32M   x32     512M   x32
 *     2   level 1    1G    x16     64G   (LPA2)  4T     (LPA)
 *     3   level 0    512G  (LPA2)  -             -
 *     4   level -1   -     (LPA2)  -             -
 *
 *   leaf   63:59 58:55 54:53  52     51  50 49:12    11 10 9:8 7:6    5:2    1:0
 *          stage sw    stage  Contig DBM st address  st AF SH  access memory 01 block, 11 page
 *   table  63:59 58:51 ign     address     ignored                           11
 *          stage
 *
 * Address bits 51:50 stand in 9:8, in SH's place, with LPA2; bits 51:48 in 15:12
 * with 64K and LPA. Bit 0 clear is invalid and leaves the rest to software; 01
 * at level 3, or where a level has no blocks, is reserved: hardware takes a
 * translation fault, and so it is illegal here.
 */
#ifndef PTL_FMT_ARM64_WORD_H
#define PTL_FMT_ARM64_WORD_H

#include "arm64/fmt_arm64_bits.h"
#include "pt/pt_defs.h"

enum {
	FMT_GRANULE_LG2 = ARM64_GRANULE_LG2,
	FMT_INDEX_BITS = FMT_GRANULE_LG2 - 3,
	FMT_CONCAT_LG2 = ARM64_STAGE == 2 ? 4 : 0,
	FMT_MAX_LEVEL = ARM64_GRANULE_LG2 == 12 && ARM64_LPA2 ? 4 :
			ARM64_GRANULE_LG2 == 16 ? 2 : 3,
	ARM64_LOW_PA_TOP = ARM64_LPA2 ? 49 : 47, /* address bits up to here stand in place */
	ARM64_NR_MEM = ARM64_STAGE == 2 ? 16 : 8,
};

/* Bit 7 of a leaf that may not be written: AP[2] forbids it, S2AP[1] allows it. */
#define ARM64_NOT_WRITABLE (ARM64_STAGE == 2 ? 0 : ARM64_AP_RO)
/* Stage 1: AttrIndx, 4:2; stage 2: MemAttr, 5:2. */
#define ARM64_MEM ((uint64_t)(ARM64_NR_MEM - 1) << 2)

/* All address bits that stand in their place, and those that stand elsewhere. */
#define ARM64_LOW_PA PTL_BITS(ARM64_LOW_PA_TOP, FMT_GRANULE_LG2)
#define ARM64_HIGH_PA_64K PTL_BITS(15, 12)

/* What a stage says itself: its memory types, what a leaf's bits mean, and a clean leaf. */
static inline enum pt_mem arm64_mem_of_index(unsigned int index, const struct ptl_fmt *f);
static inline pt_attr_t arm64_decode_bits(uint64_t raw, const struct ptl_fmt *f);
static inline uint64_t arm64_mkclean(uint64_t raw, const struct ptl_fmt *f);

static inline unsigned int arm64_level_lg2(unsigned int level)
{
	return FMT_GRANULE_LG2 + FMT_INDEX_BITS * level;
}

/* The descriptor bits that hold address @pa, and back; D8.3.1. */
static inline uint64_t arm64_raw_of_pa(pt_pa_t pa, const struct ptl_fmt *f)
{
	if (ARM64_LPA2)
		return (pa & ARM64_LOW_PA) | (pa >> 42 & ARM64_SH);
	if (FMT_GRANULE_LG2 == 16)
		return (pa & ARM64_LOW_PA) | (pa >> 36 & f->pa_high);
	return pa & ARM64_LOW_PA;
}

static inline pt_pa_t arm64_pa_of_raw(uint64_t raw, const struct ptl_fmt *f)
{
	if (ARM64_LPA2)
		return (raw & ARM64_LOW_PA) | (raw & ARM64_SH) << 42;
	if (FMT_GRANULE_LG2 == 16)
		return (raw & ARM64_LOW_PA) | (raw & f->pa_high) << 36;
	return raw & ARM64_LOW_PA;
}

static inline bool arm64_can_leaf(unsigned int level, const struct ptl_fmt *f)
{
	switch (ARM64_GRANULE_LG2) {
	case 12:
		return level <= (ARM64_LPA2 ? 3u : 2u);
	case 14:
		return level <= (ARM64_LPA2 ? 2u : 1u);
	default:
		return level <= (f->pa_high ? 2u : 1u);
	}
}
#define fmt_can_leaf arm64_can_leaf

static inline unsigned int arm64_contig_max_lg2(unsigned int level, const struct ptl_fmt *f)
{
	(void)f;
	switch (ARM64_GRANULE_LG2) {
	case 12:
		return level <= 2 ? 4 : 0;
	case 14:
		return level == 0 ? 7 : level == 1 ? 5 : 0;
	default:
		return level <= 1 ? 5 : 0;
	}
}
#define fmt_contig_max_lg2 arm64_contig_max_lg2

static inline bool arm64_widths_valid(const struct pt_fmt_cfg *cfg)
{
	unsigned int min = !(cfg->features & PT_FEAT_TTST) ? 25 : FMT_GRANULE_LG2 == 16 ? 17 : 16;
	/* Stage 1's inputs of 52 bits come with LVA, an intermediate address is as an output. */
	bool wide = ARM64_LPA2 || (FMT_GRANULE_LG2 == 16 &&
				   (ARM64_STAGE == 1 || cfg->features & PT_FEAT_LPA));

	if (cfg->va_bits < min || cfg->va_bits > (wide ? 52u : 48u))
		return false;
	switch (cfg->pa_bits) {
	case 32:
	case 36:
	case 40:
	case 42:
	case 44:
	case 48:
		return true;
	case 52:
		return ARM64_LPA2 || cfg->features & PT_FEAT_LPA;
	default:
		return false;
	}
}

/*
 * D8.2 "Translation process": the top table has 2 entries at least; in stage 2 up
 * to 16 tables side by side make one, which may save a level. False: not so.
 */
static inline bool arm64_init_levels(struct ptl_fmt *f)
{
	const struct pt_fmt_cfg *cfg = &f->cfg;
	unsigned int lg2;

	f->top_level = (cfg->va_bits - FMT_GRANULE_LG2 - 1) / FMT_INDEX_BITS;
	if (cfg->levels > f->top_level + 1)
		return false;
	if (cfg->levels)
		f->top_level = cfg->levels - 1;
	lg2 = arm64_level_lg2(f->top_level);
	return cfg->va_bits - lg2 <= FMT_INDEX_BITS + FMT_CONCAT_LG2;
}

/* Everything but attributes: widths, levels, masks and memory types. */
static inline int arm64_init_word(struct ptl_fmt *f, unsigned int features)
{
	const struct pt_fmt_cfg *cfg = &f->cfg;

	if (FMT_GRANULE_LG2 == 16)
		features |= PT_FEAT_LPA;
	if (!arm64_widths_valid(cfg) || !arm64_init_levels(f) || cfg->bbm > 2 ||
	    cfg->features & ~features || cfg->share > (ARM64_LPA2 ? 3u : 0u) || cfg->c_bit)
		return -EINVAL;
	f->va_mask = PTL_BITS(cfg->va_bits - 1, 0);
	f->va_high = cfg->upper_half ? ~f->va_mask : 0;
	f->lower_end = cfg->upper_half ? 0 : PTL_BIT(cfg->va_bits);
	f->upper_first = f->va_high;
	f->pa_high = cfg->features & PT_FEAT_LPA ? ARM64_HIGH_PA_64K : 0;
	f->dbm = cfg->features & PT_FEAT_HD ? ARM64_DBM : 0;
	f->po_index = cfg->features & PT_FEAT_PKEYS ? ARM64_PO_INDEX : 0;
	f->pa_beyond = cfg->pa_bits == 52 ? 0 : arm64_raw_of_pa(PTL_BITS(51, cfg->pa_bits), f);
	f->link_mask = arm64_raw_of_pa(PTL_BITS(51, 0), f) | ARM64_TYPE;
	f->link_match = ARM64_TYPE;
	f->page_mask = f->link_mask;
	f->page_match = ARM64_TYPE;
	f->page_address = ARM64_LOW_PA & ~f->pa_beyond;
	for (unsigned int level = 0; level <= FMT_MAX_LEVEL; level++) {
		/* Masks of 0 match nothing: level 0 has no tables, some levels no blocks. */
		f->table_mask[level] = level ? ARM64_TYPE | f->pa_beyond : 0;
		f->table_match[level] = ARM64_TYPE;
		f->leaf_mask[level] = arm64_can_leaf(level, f) ? ARM64_TYPE | f->pa_beyond : 0;
		f->leaf_match[level] = level ? ARM64_VALID : ARM64_TYPE;
	}
	for (unsigned int mem = 0; mem < 16; mem++)
		f->index_of_mem[mem] = PTL_NO_INDEX;
	for (unsigned int i = ARM64_NR_MEM; i--;) {
		enum pt_mem mem = arm64_mem_of_index(i, f);

		f->mem_of_index[i] = (uint8_t)mem;
		if (mem == PT_MEM_OTHER)
			continue;
		f->index_of_mem[mem] = (uint8_t)i; /* the lowest that selects it */
		f->any_mem = PT_ATTR_MEM(mem) | (ARM64_LPA2 ? (cfg->share ^ 3) << 12 : 0);
	}
	return 0;
}

/*
 * Where arm64_decode() looks up high bits: by 58 to 50, and above them bit 6, on
 * which depends whose stage 1's UXN and PXN are. The product brings bit 6 to 59.
 */
#define ARM64_HIGH_ATTR (PTL_BITS(58, 50) | PTL_BIT(6))

static inline uint64_t arm64_high_index(uint64_t raw)
{
	return (raw & ARM64_HIGH_ATTR) * (1 + PTL_BIT(59 - 6)) >> 50;
}

/* By bits 11 to 2, and by arm64_high_index(). */
static inline void arm64_init_decode(struct ptl_fmt *f)
{
	const pt_attr_t exec = PT_ATTR_EXEC | PT_ATTR_EXEC_OTHER;
	const pt_attr_t high = exec | PT_ATTR_WRITE | PT_ATTR_GUARDED;

	for (uint64_t i = 0; i < 1024; i++)
		f->attr_of_low[i] = (uint32_t)(arm64_decode_bits(i << 2, f) & ~exec);
	for (uint64_t i = 0; i < 64; i++) {
		uint64_t raw = (i & 0x1f) << 50 | (i & 0x20) << 1;
		/* Of writing, what DBM adds: bit 7 alone is among the low bits. */
		pt_attr_t attr = arm64_decode_bits(raw | ARM64_NOT_WRITABLE, f) & high;

		for (unsigned int sw = 0; sw < 16; sw++)
			f->attr_of_high[arm64_high_index(raw | (uint64_t)sw << 55)] =
				(uint32_t)(attr | PT_ATTR_SW(sw));
	}
}
#define fmt_init_decode arm64_init_decode

static inline pt_attr_t arm64_decode(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	pt_attr_t attr = f->attr_of_low[(raw & PTL_BITS(11, 2)) >> 2] |
			 f->attr_of_high[arm64_high_index(raw)];

	(void)level;
	if (__builtin_expect((raw & f->po_index) != 0, 0)) {
		__asm__ volatile(""); /* keeps it a branch: few leaves have a key */
		attr |= (raw & f->po_index) >> (60 - PT_ATTR_KEY_SHIFT);
	}
	return attr;
}
#define fmt_decode arm64_decode

/* Memory type, shareability and AF of a leaf, in the three directions. */
static inline pt_attr_t arm64_decode_memory(uint64_t raw, const struct ptl_fmt *f)
{
	uint64_t share = ARM64_LPA2 ? f->cfg.share : (raw & ARM64_SH) >> 8;

	return PT_ATTR_MEM(f->mem_of_index[(raw & ARM64_MEM) >> 2]) | (share ^ 3) << 12 |
	       (raw & ARM64_AF) >> 5;
}

/* With what makes a leaf of @level, and software bits. False: there are no bits for it. */
static inline bool arm64_encode_memory(pt_attr_t attr, unsigned int level, const struct ptl_fmt *f,
				       uint64_t *raw)
{
	uint64_t index = f->index_of_mem[(attr & PT_ATTR_MEM_MASK) >> PT_ATTR_MEM_SHIFT];
	uint64_t share = (attr & PT_ATTR_SHARE_MASK) >> 12 ^ 3; /* so that 0 is inner */

	if (attr & ~f->attrs || index == PTL_NO_INDEX)
		return false;
	if (ARM64_LPA2 ? share != f->cfg.share : share == 1)
		return false; /* SH is TCR's with LPA2, and 01 is reserved */
	*raw = (level ? ARM64_VALID : ARM64_TYPE) | index << 2 | (ARM64_LPA2 ? 0 : share << 8) |
	       (attr & PT_ATTR_ACCESSED) << 5 | (attr & PT_ATTR_SW_MASK) << (55 - PT_ATTR_SW_SHIFT);
	return true;
}

static inline uint64_t arm64_memory_bits(pt_attr_t attrs)
{
	return (attrs & PT_ATTR_MEM_MASK ? ARM64_MEM : 0) |
	       (attrs & PT_ATTR_SHARE_MASK && !ARM64_LPA2 ? ARM64_SH : 0) |
	       (attrs & PT_ATTR_ACCESSED) << 5 |
	       (attrs & PT_ATTR_SW_MASK) << (55 - PT_ATTR_SW_SHIFT);
}

/* One table serves one half: the bits above the width are all 0, or all 1. */
static inline bool arm64_va_valid(pt_va_t va, const struct ptl_fmt *f)
{
	return va - f->va_high <= f->va_mask;
}
#define fmt_va_valid arm64_va_valid

/* D8.2.6 "Translation table base address": to its size; 64 bytes at least in 52-bit forms. */
static inline unsigned int arm64_root_align_lg2(const struct ptl_fmt *f)
{
	unsigned int size_lg2 = 3 + f->cfg.va_bits - arm64_level_lg2(f->top_level);

	return (ARM64_LPA2 || f->cfg.pa_bits == 52) && size_lg2 < 6 ? 6 : size_lg2;
}
#define fmt_root_align_lg2 arm64_root_align_lg2

static inline const char *arm64_level_name(unsigned int level, const struct ptl_fmt *f)
{
	static const char *const name[] = { "level 3", "level 2", "level 1", "level 0",
					    "level -1" };

	(void)f;
	return name[level];
}
#define fmt_level_name arm64_level_name

static inline bool arm64_is_table(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	return (raw & f->table_mask[level]) == f->table_match[level];
}
#define fmt_is_table arm64_is_table

static inline bool arm64_is_leaf(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	return (raw & f->leaf_mask[level]) == f->leaf_match[level];
}
#define fmt_is_leaf arm64_is_leaf

static inline enum ptl_kind arm64_kind(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	if (arm64_is_leaf(raw, level, f))
		return PTL_LEAF;
	if (arm64_is_table(raw, level, f))
		return PTL_TABLE;
	if (raw & ARM64_VALID)
		return PTL_ILLEGAL;
	if (raw == 0)
		return PTL_EMPTY;
	if (raw == PTL_BREAK_WORD)
		return PTL_BREAK;
	return raw == PTL_DEAD_WORD ? PTL_DEAD : PTL_SOFT;
}
#define fmt_kind arm64_kind

static inline enum pt_illegal arm64_illegal(uint64_t raw, unsigned int level,
					    const struct ptl_fmt *f)
{
	bool block = !(raw & 2);

	if (level == 0 ? block : block && !arm64_can_leaf(level, f))
		return PT_ILLEGAL_RESERVED;
	return raw & f->pa_beyond ? PT_ILLEGAL_WIDTH : PT_ILLEGAL_RESERVED;
}
#define fmt_illegal arm64_illegal

static inline pt_pa_t arm64_table_pa(uint64_t raw, const struct ptl_fmt *f)
{
	return arm64_pa_of_raw(raw, f);
}
#define fmt_table_pa arm64_table_pa

static inline uint64_t arm64_make_table(pt_pa_t pa, const struct ptl_fmt *f)
{
	return arm64_raw_of_pa(pa, f) | ARM64_TYPE;
}
#define fmt_make_table arm64_make_table

static inline uint64_t arm64_form_bits(unsigned int level, const struct ptl_fmt *f)
{
	return ARM64_TYPE | ARM64_CONT | PTL_BITS(ARM64_LOW_PA_TOP, arm64_level_lg2(level)) |
	       (ARM64_LPA2 ? ARM64_SH : f->pa_high) | f->pa_beyond;
}
#define fmt_form_bits arm64_form_bits

static inline uint64_t arm64_make_leaf(uint64_t proto, pt_pa_t pa, unsigned int level,
				       unsigned int contig_lg2, const struct ptl_fmt *f)
{
	(void)level;
	return proto | arm64_raw_of_pa(pa, f) | (contig_lg2 ? ARM64_CONT : 0);
}
#define fmt_make_leaf arm64_make_leaf

static inline pt_pa_t arm64_leaf_pa(uint64_t raw, unsigned int level, unsigned int index,
				    const struct ptl_fmt *f)
{
	(void)index;
	return arm64_pa_of_raw(raw, f) & ~(PTL_BIT(arm64_level_lg2(level)) - 1);
}
#define fmt_leaf_pa arm64_leaf_pa

/* The common case is an addition; a carry out of the low field goes the long way. */
static inline uint64_t arm64_leaf_next(uint64_t raw, unsigned int level, unsigned int index,
				       const struct ptl_fmt *f)
{
	uint64_t low = PTL_BITS(ARM64_LOW_PA_TOP, arm64_level_lg2(level));
	uint64_t next = raw + PTL_BIT(arm64_level_lg2(level));
	pt_pa_t pa;

	(void)index;
	if (__builtin_expect((next & low) != 0, 1))
		return next & f->pa_beyond ? 0 : next;
	pa = arm64_pa_of_raw(raw, f) + PTL_BIT(arm64_level_lg2(level));
	next = (raw & ~low & ~arm64_raw_of_pa(PTL_BITS(51, 48), f)) | arm64_raw_of_pa(pa, f);
	/* 0: pa is beyond the format, or beyond the width */
	return arm64_pa_of_raw(next, f) == pa && !(next & f->pa_beyond) ? next : 0;
}
#define fmt_leaf_next arm64_leaf_next

static inline uint64_t arm64_leaf_step(uint64_t raw, unsigned int level, unsigned int nr,
				       const struct ptl_fmt *f)
{
	uint64_t step = PTL_BIT(arm64_level_lg2(level));
	uint64_t last = (raw & PTL_BITS(ARM64_LOW_PA_TOP, arm64_level_lg2(level))) + nr * step;

	return last & f->pa_beyond || last >> (ARM64_LOW_PA_TOP + 1) ? 0 : step;
}
#define fmt_leaf_step arm64_leaf_step

static inline unsigned int arm64_contig_lg2(uint64_t raw, unsigned int level,
					    const struct ptl_fmt *f)
{
	return raw & ARM64_CONT ? arm64_contig_max_lg2(level, f) : 0;
}
#define fmt_contig_lg2 arm64_contig_lg2

static inline uint64_t arm64_contig(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	(void)level;
	(void)f;
	return raw | ARM64_CONT;
}
#define fmt_contig arm64_contig

static inline uint64_t arm64_uncontig(uint64_t raw, unsigned int level, unsigned int index,
				      const struct ptl_fmt *f)
{
	(void)level;
	(void)index;
	(void)f;
	return raw & ~ARM64_CONT;
}
#define fmt_uncontig arm64_uncontig

/* Bits between the granule and the block are nT or ignored in a block, address in its child. */
static inline uint64_t arm64_child(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	(void)f;
	raw &= ~(ARM64_CONT | PTL_BITS(arm64_level_lg2(level) - 1, FMT_GRANULE_LG2));
	return raw | (level == 1 ? ARM64_TYPE : 0);
}
#define fmt_child arm64_child

static inline uint64_t arm64_parent(uint64_t raw, unsigned int level, const struct ptl_fmt *f)
{
	(void)f;
	return (raw & ~ARM64_CONT) & (level == 0 ? ~PTL_BIT(1) : ~UINT64_C(0));
}
#define fmt_parent arm64_parent

static inline bool arm64_is_young(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & ARM64_AF;
}
#define fmt_is_young arm64_is_young

static inline uint64_t arm64_mkold(uint64_t raw, const struct ptl_fmt *f)
{
	(void)f;
	return raw & ~ARM64_AF;
}
#define fmt_mkold arm64_mkold

static inline uint64_t arm64_still(uint64_t raw, const struct ptl_fmt *f)
{
	return arm64_mkclean(raw & ~ARM64_AF, f);
}
#define fmt_still arm64_still

/*
 * D8.14.1 "Using break-before-make when updating translation table entries":
 * always for output address, memory type and shareability; for size and the
 * Contiguous bit unless FEAT_BBM level 2 is there.
 */
static inline bool arm64_word_needs_break(uint64_t old, uint64_t new_, unsigned int level,
					  const struct ptl_fmt *f)
{
	bool table = arm64_is_table(old, level, f) || arm64_is_table(new_, level, f);
	uint64_t differ = old ^ new_;

	if (table || differ & ARM64_CONT)
		if (f->cfg.bbm < 2)
			return true;
	return !table && (differ & (ARM64_MEM | ARM64_SH | ARM64_LOW_PA | f->pa_high)) != 0;
}

static inline bool arm64_flush_after_split(const struct ptl_fmt *f)
{
	(void)f;
	return false;
}
#define fmt_flush_after_split arm64_flush_after_split

#endif /* PTL_FMT_ARM64_WORD_H */
