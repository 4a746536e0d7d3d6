/* SPDX-License-Identifier: MIT */
/*
 * VMSAv8-64 stage 2 of the EL1&0 regime, from intermediate to physical addresses:
 * what is its own, beside fmt_arm64_word.h.
 *
 *   Arm ARM DDI 0487 J.a, D8.3.1 "VMSAv8-64 descriptor formats"; D8.4 "Memory
 *   access control"; D8.5 "Memory region attributes"
 *
 *   leaf   63:59 58:55 54:53 52     51  50   49:12    11  10 9:8 7:6  5:2     1:0
 *          ign.  sw    XN    Contig DBM res0 address  ign AF SH  S2AP MemAttr 01 block, 11 page
 *   table  63:51 ign         address       ignored                            11
 *
 * Table entries limit nothing. A leaf has no privilege: XN says for EL1 and for EL0
 * who may fetch, so PT_ATTR_EXEC is EL1's and PT_ATTR_EXEC_OTHER EL0's.
 *
 *   S2AP   bit 7 stores, bit 6 loads; 00 and 10 are valid leaves too
 *   XN     FEAT_XNX: 00 EL1 and EL0, 01 EL0, 10 nobody, 11 EL1; else bit 54 for both
 *
 *   MemAttr   HCR_EL2.FWB = 0          FWB = 1
 *    00xx     Device: nGnRnE, nGnRE, nGRE, GRE, in both
 *    0100     reserved                 reserved
 *    0101     Normal non-cacheable     Normal non-cacheable
 *    0110     outer nc, inner wt       Normal write-back
 *    0111     outer nc, inner wb       what stage 1 says
 *    1010     write-through            reserved, as all 1xxx
 *    1111     write-back               reserved
 *    others   mixed, or reserved
 */
#ifndef PTL_FMT_ARM64_S2_H
#define PTL_FMT_ARM64_S2_H

#define ARM64_STAGE 2
#include "arm64/fmt_arm64_word.h"

/* D8.5 "Memory region attributes": stage 2, without and with FEAT_S2FWB in use. */
static inline enum pt_mem arm64_mem_of_index(unsigned int index, const struct ptl_fmt *f)
{
	bool fwb = f->cfg.features & PT_FEAT_FWB;

	switch (index) {
	case 0x0:
		return PT_MEM_UC; /* Device-nGnRnE */
	case 0x1:
		return PT_MEM_DEV_nGnRE;
	case 0x2:
		return PT_MEM_DEV_nGRE;
	case 0x3:
		return PT_MEM_DEV_GRE;
	case 0x5:
		return PT_MEM_WC; /* Normal, non-cacheable */
	case 0x6:
		return fwb ? PT_MEM_WB : PT_MEM_OTHER;
	case 0x7:
		return fwb ? PT_MEM_STAGE1 : PT_MEM_OTHER;
	case 0xa:
		return fwb ? PT_MEM_OTHER : PT_MEM_WT;
	case 0xf:
		return fwb ? PT_MEM_OTHER : PT_MEM_WB;
	default:
		return PT_MEM_OTHER;
	}
}

/* What the tables of arm64_decode() are made from. */
static inline pt_attr_t arm64_decode_bits(uint64_t raw, const struct ptl_fmt *f)
{
	bool el0_exec = !(raw & ARM64_S2_XN1), el1_exec = el0_exec;
	pt_attr_t attr = arm64_decode_memory(raw, f);

	if (f->cfg.features & PT_FEAT_XNX && raw & ARM64_S2_XN0)
		el1_exec = !el0_exec;
	attr |= (raw & ARM64_S2_READ ? PT_ATTR_READ : 0) | (el1_exec ? PT_ATTR_EXEC : 0) |
		(el0_exec ? PT_ATTR_EXEC_OTHER : 0);
	if (raw & ARM64_S2_WRITE)
		attr |= PT_ATTR_WRITE | (f->dbm ? PT_ATTR_DIRTY : 0);
	else if (raw & f->dbm)
		attr |= PT_ATTR_WRITE;
	return attr & f->attrs;
}

static inline int arm64_s2_init(struct ptl_fmt *f)
{
	int err = arm64_init_word(f, PT_FEAT_HD | PT_FEAT_TTST | PT_FEAT_XNX | PT_FEAT_FWB);

	if (!err && (f->cfg.upper_half || f->cfg.mem_types))
		err = -EINVAL;
	if (err)
		return err;
	f->attrs = PT_ATTR_RW | PT_ATTR_EXEC | PT_ATTR_ACCESSED | PT_ATTR_DIRTY | PT_ATTR_MEM_MASK |
		   PT_ATTR_SHARE_MASK | PT_ATTR_SW_MASK |
		   (f->cfg.features & PT_FEAT_XNX ? PT_ATTR_EXEC_OTHER : 0);
	return 0;
}
#define fmt_init arm64_s2_init

static inline unsigned int arm64_s2_limits(uint64_t raw, const struct ptl_fmt *f)
{
	(void)raw;
	(void)f;
	return 0;
}
#define fmt_limits arm64_s2_limits

/*
 * S2AP[1] and DBM (D8.4.6 "Hardware management of the dirty state"):
 *
 *                      DBM S2AP[1]
 *   not writable        0    0
 *   writable, clean     1    0     only where hardware honours DBM; else as below
 *   writable, dirty     1    1     DBM is left to software where it does not
 */
static inline uint64_t arm64_s2_write_bits(pt_attr_t attr, const struct ptl_fmt *f)
{
	if (!(attr & PT_ATTR_WRITE))
		return 0;
	return f->dbm && !(attr & PT_ATTR_DIRTY) ? f->dbm : f->dbm | ARM64_S2_WRITE;
}

static inline uint64_t arm64_s2_xn(pt_attr_t attr, const struct ptl_fmt *f)
{
	bool exec = attr & PT_ATTR_EXEC, el0_exec = attr & PT_ATTR_EXEC_OTHER;

	if (!(f->cfg.features & PT_FEAT_XNX))
		return exec ? 0 : ARM64_S2_XN1;
	return (el0_exec ? 0 : ARM64_S2_XN1) | (exec != el0_exec ? ARM64_S2_XN0 : 0);
}

static inline int arm64_s2_encode(pt_attr_t attr, unsigned int level, const struct ptl_fmt *f,
				  uint64_t *proto)
{
	uint64_t raw;

	if (!arm64_encode_memory(attr, level, f, &raw))
		return -EOPNOTSUPP;
	*proto = raw | arm64_s2_write_bits(attr, f) | arm64_s2_xn(attr, f) |
		 (attr & PT_ATTR_READ ? ARM64_S2_READ : 0);
	return 0;
}
#define fmt_encode arm64_s2_encode

static inline uint64_t arm64_s2_attr_bits(pt_attr_t attrs, unsigned int level,
					  const struct ptl_fmt *f)
{
	uint64_t bits;

	(void)level;
	attrs &= f->attrs;
	bits = arm64_memory_bits(attrs) | (attrs & PT_ATTR_READ ? ARM64_S2_READ : 0);
	if (attrs & (PT_ATTR_WRITE | PT_ATTR_DIRTY))
		bits |= ARM64_S2_WRITE | f->dbm;
	if (attrs & (PT_ATTR_EXEC | PT_ATTR_EXEC_OTHER))
		bits |= ARM64_S2_XN1 | (f->cfg.features & PT_FEAT_XNX ? ARM64_S2_XN0 : 0);
	return bits;
}
#define fmt_attr_bits arm64_s2_attr_bits

static inline bool arm64_s2_is_dirty(uint64_t raw, const struct ptl_fmt *f)
{
	return raw & f->dbm && raw & ARM64_S2_WRITE;
}
#define fmt_is_dirty arm64_s2_is_dirty

/* DBM is bit 51 and S2AP[1] bit 7: writable-clean is the first alone. */
static inline uint64_t arm64_mkclean(uint64_t raw, const struct ptl_fmt *f)
{
	return raw & ~((raw & f->dbm) >> 44);
}
#define fmt_mkclean arm64_mkclean

static inline uint64_t arm64_s2_merge_ad(uint64_t raw, uint64_t other, const struct ptl_fmt *f)
{
	uint64_t may_be_dirty = (raw & f->dbm) >> 44; /* S2AP[1], where it says dirty */

	return raw | (other & (ARM64_AF | may_be_dirty));
}
#define fmt_merge_ad arm64_s2_merge_ad

#define fmt_needs_break arm64_word_needs_break

#endif /* PTL_FMT_ARM64_S2_H */
