/* SPDX-License-Identifier: MIT */
/*
 * The bits of VMSAv8-64 descriptors that all granules share, drawn in fmt_arm64.h
 * and fmt_arm64_s2.h.
 */
#ifndef PTL_FMT_ARM64_BITS_H
#define PTL_FMT_ARM64_BITS_H

#include "base/bits.h"

/* Both stages. */
#define ARM64_VALID PTL_BIT(0)
#define ARM64_TYPE PTL_BITS(1, 0) /* 11: table, or page at level 3; 01: block */
#define ARM64_SH PTL_BITS(9, 8)
#define ARM64_AF PTL_BIT(10) /* accessed; hardware sets it if HA */
#define ARM64_DBM PTL_BIT(51)
#define ARM64_CONT PTL_BIT(52)
#define ARM64_SW PTL_BITS(58, 55)

/* Stage 1. */
#define ARM64_AP_USER PTL_BIT(6) /* AP[1]: EL0 has access */
#define ARM64_AP_RO PTL_BIT(7)   /* AP[2]: no stores; hardware clears it if DBM and HD */
#define ARM64_NG PTL_BIT(11)
#define ARM64_GP PTL_BIT(50)
#define ARM64_PXN PTL_BIT(53)
#define ARM64_UXN PTL_BIT(54)
#define ARM64_PO_INDEX PTL_BITS(62, 60)

#define ARM64_TABLE_PXN PTL_BIT(59)
#define ARM64_TABLE_UXN PTL_BIT(60)
#define ARM64_TABLE_NO_USER PTL_BIT(61) /* APTable[0] */
#define ARM64_TABLE_RO PTL_BIT(62)      /* APTable[1] */

/* Stage 2. */
#define ARM64_S2_READ PTL_BIT(6)  /* S2AP[0] */
#define ARM64_S2_WRITE PTL_BIT(7) /* S2AP[1]; hardware sets it if DBM and HD */
#define ARM64_S2_XN0 PTL_BIT(53)  /* FEAT_XNX: EL1 is not as EL0; else res0 */
#define ARM64_S2_XN1 PTL_BIT(54)  /* EL0 may not fetch; without FEAT_XNX nobody may */

/*
 * All bits of a leaf that rights depend on, as both stages' walks look them up: AP[2:1] or
 * S2AP, bits 7:6; DBM, PXN and UXN, or XN, bits 51, 53 and 54 with the hole between.
 */
#define ARM64_NR_CUTS 64
#define ARM64_CUT_LOW 0x03u
#define ARM64_CUT_HIGH 0x34u

static inline unsigned int arm64_cut(uint64_t leaf)
{
	return (leaf >> 6 & ARM64_CUT_LOW) | (leaf >> 49 & ARM64_CUT_HIGH);
}

/* After @cut, over the hole. */
static inline unsigned int arm64_next_cut(unsigned int cut)
{
	const unsigned int hole = (ARM64_NR_CUTS - 1) & ~(ARM64_CUT_LOW | ARM64_CUT_HIGH);

	return ((cut | hole) + 1) & ~hole;
}

/* A leaf of which that is cut. */
static inline uint64_t arm64_leaf_of_cut(unsigned int cut)
{
	return (uint64_t)(cut & ARM64_CUT_LOW) << 6 | (uint64_t)(cut & ARM64_CUT_HIGH) << 49;
}

#endif /* PTL_FMT_ARM64_BITS_H */
