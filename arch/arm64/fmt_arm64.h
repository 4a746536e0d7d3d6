/* SPDX-License-Identifier: MIT */
/*
 * VMSAv8-64 stage 1, EL1&0 regime: what is its own, beside fmt_arm64_word.h.
 *
 *   Arm ARM DDI 0487 J.a, D8.3.1 "VMSAv8-64 descriptor formats"; D8.4.1 "Data
 *   access permissions"
 *
 *   leaf   63  62:60 59   58:55 54  53  52     51  50 49:12    11 10 9:8 7:6 5  4:2  1:0
 *          ign POIdx ign  sw    UXN PXN Contig DBM GP address  nG AF SH  AP  NS Attr 01 block, 11 page
 *   table  NS  62:61 60     59       58:51 ign     address     ignored             11
 *              APTab UXNTab PXNTab
 */
#ifndef PTL_FMT_ARM64_H
#define PTL_FMT_ARM64_H

#define ARM64_STAGE 1
#include "arm64/fmt_arm64_word.h"

/*
 * One cache's half of a MAIR_EL1 byte of Normal memory, not 0. Which allocations are hinted at,
 * and that data is transient, is no part of the type: 0xee, 0xcc and 0x77 are write-back.
 */
static inline enum pt_mem arm64_mem_of_policy(unsigned int nibble)
{
	if (nibble == 4)
		return PT_MEM_WC; /* non-cacheable */
	return nibble & 4 ? PT_MEM_WB : PT_MEM_WT;
}

/* A MAIR_EL1 attribute byte, Arm ARM D17.2.97 "MAIR_EL1". */
static inline enum pt_mem arm64_mem_of_mair(unsigned int byte)
{
	unsigned int outer = byte >> 4, inner = byte & 15;

	switch (byte) {
	case 0x00:
		return PT_MEM_UC; /* Device-nGnRnE */
	case 0x04:
		return PT_MEM_DEV_nGnRE;
	case 0x08:
		return PT_MEM_DEV_nGRE;
	case 0x0c:
		return PT_MEM_DEV_GRE;
	case 0xf0:
		return PT_MEM_WB_TAGGED;
	default:
		if (!outer || !inner || arm64_mem_of_policy(outer) != arm64_mem_of_policy(inner))
			return PT_MEM_OTHER;
		return arm64_mem_of_policy(inner);
	}
}

static inline enum pt_mem arm64_mem_of_index(unsigned int index, const struct ptl_fmt *f)
{
	return arm64_mem_of_mair(f->cfg.mem_types >> (8 * index) & 0xff);
}

/* What the tables of arm64_decode() are made from. */
static inline pt_attr_t arm64_decode_bits(uint64_t raw, const struct ptl_fmt *f)
{
	pt_attr_t attr = PT_ATTR_READ | arm64_decode_memory(raw, f);
	bool user = raw & ARM64_AP_USER;

	if (!(raw & ARM64_AP_RO))
		attr |= PT_ATTR_WRITE | (f->dbm ? PT_ATTR_DIRTY : 0);
	else if (raw & f->dbm)
		attr |= PT_ATTR_WRITE;
	attr |= (raw & ARM64_AP_USER) >> 3;
	attr |= (~raw & ARM64_NG) >> 7 | (raw & ARM64_GP) >> 26;
	if (!(raw & (user ? ARM64_UXN : ARM64_PXN)))
		attr |= PT_ATTR_EXEC;
	if (!(raw & (user ? ARM64_PXN : ARM64_UXN)))
		attr |= PT_ATTR_EXEC_OTHER;
	return attr & f->attrs;
}

static inline int arm64_init(struct ptl_fmt *f)
{
	int err = arm64_init_word(f, PT_FEAT_PKEYS | PT_FEAT_HD | PT_FEAT_TTST | PT_FEAT_NO_HPD);

	if (err)
		return err;
	f->attrs = PT_ATTR_RW | PT_ATTR_EXEC | PT_ATTR_EXEC_OTHER | PT_ATTR_USER | PT_ATTR_GLOBAL |
		   PT_ATTR_ACCESSED | PT_ATTR_DIRTY | PT_ATTR_GUARDED | PT_ATTR_MEM_MASK |
		   PT_ATTR_SHARE_MASK | PT_ATTR_SW_MASK |
		   (f->cfg.features & PT_FEAT_PKEYS ? PT_ATTR_KEY(7) : 0);
	return 0;
}
#define fmt_init arm64_init

/* D8.4.2 "Hierarchical control of data access permissions"; none with TCR.HPD=1. */
static inline unsigned int arm64_limits(uint64_t raw, const struct ptl_fmt *f)
{
	if (!(f->cfg.features & PT_FEAT_NO_HPD))
		return 0;
	return (raw & ARM64_TABLE_RO ? PTL_LIMIT_WRITE : 0) |
	       (raw & ARM64_TABLE_NO_USER ? PTL_LIMIT_USER : 0) |
	       (raw & ARM64_TABLE_UXN ? PTL_LIMIT_USER_EXEC : 0) |
	       (raw & ARM64_TABLE_PXN ? PTL_LIMIT_PRIV_EXEC : 0);
}
#define fmt_limits arm64_limits

/*
 * AP[2] and DBM (D8.4.1, D8.4.6 "Hardware management of the dirty state"):
 *
 *                      DBM AP[2]
 *   not writable        0    1
 *   writable, clean     1    1     only where hardware honours DBM; else as below
 *   writable, dirty     1    0     DBM is left to software where it does not
 */
static inline uint64_t arm64_write_bits(pt_attr_t attr, const struct ptl_fmt *f)
{
	if (!(attr & PT_ATTR_WRITE))
		return ARM64_AP_RO;
	return f->dbm && !(attr & PT_ATTR_DIRTY) ? f->dbm | ARM64_AP_RO : f->dbm;
}

static inline int arm64_encode(pt_attr_t attr, unsigned int level, const struct ptl_fmt *f,
			       uint64_t *proto)
{
	pt_attr_t user_exec = attr & PT_ATTR_USER ? PT_ATTR_EXEC : PT_ATTR_EXEC_OTHER;
	pt_attr_t priv_exec = user_exec ^ (PT_ATTR_EXEC | PT_ATTR_EXEC_OTHER);
	uint64_t raw;

	if (!(attr & PT_ATTR_READ) || !arm64_encode_memory(attr, level, f, &raw))
		return -EOPNOTSUPP;
	raw |= arm64_write_bits(attr, f) | (attr & PT_ATTR_USER) << 3;
	raw |= (~attr & PT_ATTR_GLOBAL) << 7 | (attr & PT_ATTR_GUARDED) << 26;
	raw |= (attr & user_exec ? 0 : ARM64_UXN) | (attr & priv_exec ? 0 : ARM64_PXN);
	raw |= (attr & PT_ATTR_KEY_MASK) << (60 - PT_ATTR_KEY_SHIFT);
	*proto = raw;
	return 0;
}
#define fmt_encode arm64_encode

static inline uint64_t arm64_attr_bits(pt_attr_t attrs, unsigned int level,
				       const struct ptl_fmt *f)
{
	uint64_t bits;

	(void)level;
	attrs &= f->attrs;
	bits = arm64_memory_bits(attrs) | (attrs & PT_ATTR_USER) << 3;
	if (attrs & (PT_ATTR_WRITE | PT_ATTR_DIRTY))
		bits |= ARM64_AP_RO | f->dbm;
	if (attrs & (PT_ATTR_EXEC | PT_ATTR_EXEC_OTHER | PT_ATTR_USER))
		bits |= ARM64_UXN | ARM64_PXN; /* whose is whose depends on USER */
	bits |= (attrs & PT_ATTR_GLOBAL) << 7 | (attrs & PT_ATTR_GUARDED) << 26;
	return bits | (attrs & PT_ATTR_KEY_MASK) << (60 - PT_ATTR_KEY_SHIFT);
}
#define fmt_attr_bits arm64_attr_bits

static inline bool arm64_is_dirty(uint64_t raw, const struct ptl_fmt *f)
{
	return raw & f->dbm && !(raw & ARM64_AP_RO);
}
#define fmt_is_dirty arm64_is_dirty

/* DBM is bit 51 and AP[2] bit 7: writable-clean is both. */
static inline uint64_t arm64_mkclean(uint64_t raw, const struct ptl_fmt *f)
{
	return raw | (raw & f->dbm) >> 44;
}
#define fmt_mkclean arm64_mkclean

static inline uint64_t arm64_merge_ad(uint64_t raw, uint64_t other, const struct ptl_fmt *f)
{
	uint64_t clean = ARM64_AP_RO & (raw & f->dbm) >> 44; /* AP[2], where it says clean */

	return (raw | (other & ARM64_AF)) & ~(clean & ~other);
}
#define fmt_merge_ad arm64_merge_ad

/* D8.14.1 as for both stages; and for a global entry where there was a non-global one. */
static inline bool arm64_needs_break(uint64_t old, uint64_t new_, unsigned int level,
				     const struct ptl_fmt *f)
{
	bool table = arm64_is_table(old, level, f) || arm64_is_table(new_, level, f);

	return arm64_word_needs_break(old, new_, level, f) ||
	       (!table && old & ~new_ & ARM64_NG);
}
#define fmt_needs_break arm64_needs_break

#endif /* PTL_FMT_ARM64_H */
