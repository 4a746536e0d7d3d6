/* SPDX-License-Identifier: MIT */
/*
 * What the TLBI operations of the EL1&0 regime remove.
 *
 *   Arm ARM DDI 0487 J.a, C5.5 "A64 System instructions for TLB maintenance", each
 *   operation's page; D8.14 "TLB maintenance"; D8.14.4 "TLB range maintenance
 *   instructions"; FEAT_TTL: D8.14.3 "Translation table level hints"
 *
 *	operation        pages of an ASID   global   tables     stage 2 alone   ASIDs   VMIDs
 *	VMALLE1          all                all      all        -               all     now's
 *	VMALLS12E1       all                all      all        all             all     now's
 *	ALLE1            all                all      all        all             all     all
 *	ASIDE1           all                -        all        -               its     now's
 *	VAE1   RVAE1     address            address  address    -               its     now's
 *	VALE1  RVALE1    address            address  -          -               its     now's
 *	VAAE1  RVAAE1    address            address  address    -               all     now's
 *	VAALE1 RVAALE1   address            address  -          -               all     now's
 *	IPAS2E1, L, R    -                  -        -          address         -       now's
 *
 * "Pages" are entries of stage 1, or of both stages combined. IPAS2* are "not required
 * to apply to caching structures that combine stage 1 and stage 2": VMALLE1 has to
 * follow. Processors are free to remove more.
 */
#ifndef PTL_FLUSH_ARM64_H
#define PTL_FLUSH_ARM64_H

#include <ptlib/flush.h>

#include "base/bits.h"

/* The row and the columns of the table above. */
struct arm64_tlbi {
	const char *name;
	bool address, range;
	uint8_t types; /* PT_FLUSH_* */
	bool any_asid, any_vmid;
};

#define ARM64_PAGES (PT_FLUSH_LEAF | PT_FLUSH_GLOBAL)
#define ARM64_STAGE1 (ARM64_PAGES | PT_FLUSH_TABLE)

static const struct arm64_tlbi arm64_tlbis[PT_TLBI_NR] = {
	[PT_TLBI_VMALLE1] = { "VMALLE1", false, false, ARM64_STAGE1, true, false },
	[PT_TLBI_VMALLS12E1] = { "VMALLS12E1", false, false, ARM64_STAGE1 | PT_FLUSH_IPA, true,
				 false },
	[PT_TLBI_ALLE1] = { "ALLE1", false, false, ARM64_STAGE1 | PT_FLUSH_IPA, true, true },
	[PT_TLBI_ASIDE1] = { "ASIDE1", false, false, PT_FLUSH_LEAF | PT_FLUSH_TABLE, false, false },
	[PT_TLBI_VAE1] = { "VAE1", true, false, ARM64_STAGE1, false, false },
	[PT_TLBI_VALE1] = { "VALE1", true, false, ARM64_PAGES, false, false },
	[PT_TLBI_VAAE1] = { "VAAE1", true, false, ARM64_STAGE1, true, false },
	[PT_TLBI_VAALE1] = { "VAALE1", true, false, ARM64_PAGES, true, false },
	[PT_TLBI_RVAE1] = { "RVAE1", true, true, ARM64_STAGE1, false, false },
	[PT_TLBI_RVALE1] = { "RVALE1", true, true, ARM64_PAGES, false, false },
	[PT_TLBI_RVAAE1] = { "RVAAE1", true, true, ARM64_STAGE1, true, false },
	[PT_TLBI_RVAALE1] = { "RVAALE1", true, true, ARM64_PAGES, true, false },
	[PT_TLBI_IPAS2E1] = { "IPAS2E1", true, false, PT_FLUSH_IPA, true, false },
	[PT_TLBI_IPAS2LE1] = { "IPAS2LE1", true, false, PT_FLUSH_IPA, true, false },
	[PT_TLBI_RIPAS2E1] = { "RIPAS2E1", true, true, PT_FLUSH_IPA, true, false },
	[PT_TLBI_RIPAS2LE1] = { "RIPAS2LE1", true, true, PT_FLUSH_IPA, true, false },
};

/* TG, and TTL bits 3:2: 0 says nothing. */
static inline unsigned int arm64_tlbi_granule_lg2(uint64_t tg)
{
	return tg ? 10 + 2 * (unsigned int)tg : 0;
}

/* A leaf's, and a table's at the level above: what one entry of Arm's @level covers. */
static inline unsigned int arm64_tlbi_level_lg2(unsigned int granule_lg2, unsigned int level)
{
	return granule_lg2 + (3 - level) * (granule_lg2 - 3);
}

/*
 * The leaves that a hint of Arm's @level stands for, a bit a size; 0: it says nothing,
 * which is what reserved values do: level 0, and 16K's level 1, have leaves with LPA2
 * alone.
 */
static inline uint64_t arm64_tlbi_hint(unsigned int granule_lg2, unsigned int level, bool lpa2)
{
	if ((level == 0 && !(granule_lg2 == 12 && lpa2)) ||
	    (level == 1 && granule_lg2 == 14 && !lpa2))
		return 0;
	return PTL_BIT(arm64_tlbi_level_lg2(granule_lg2, level));
}

/* All leaves, or tables, that a granule has; and larger ones, which it has not. */
static inline uint64_t arm64_tlbi_sizes(unsigned int granule_lg2)
{
	uint64_t sizes = 0;

	for (unsigned int lg2 = granule_lg2; lg2 < 64; lg2 += granule_lg2 - 3)
		sizes |= PTL_BIT(lg2);
	return sizes;
}

/*
 * What a hint is "guaranteed to invalidate" (RVAE1, TTL): leaves of its level, and "non-leaf-level
 * entries ... up to but not including the level". So a table that stood where the hint has a leaf,
 * or below, need not go. Of a single address a hint that is wrong need not invalidate anything
 * (VAE1, TTL), and what is wrong for such a table is the same.
 */
static inline void arm64_tlbi_by_hint(struct pt_tlb_flush *flush, unsigned int granule_lg2,
				      uint64_t leaf)
{
	flush->leaf_sizes = leaf;
	flush->table_sizes = arm64_tlbi_sizes(granule_lg2) & ~(leaf | (leaf - 1));
}

static inline uint64_t arm64_sign_extend(uint64_t value, unsigned int top_bit)
{
	return value & PTL_BIT(top_bit) ? value | ~PTL_BITS(top_bit, 0) : value;
}

/* One address: VA[55:12] or IPA[51:12]; TTL in 47:44, its upper half the granule. */
static inline void arm64_tlbi_address(struct pt_tlb_flush *flush, uint64_t xt, bool ipa,
				      unsigned int flags)
{
	unsigned int granule_lg2 = arm64_tlbi_granule_lg2(xt >> 46 & 3);
	uint64_t leaf = 0;

	if (ipa)
		flush->first = (xt & PTL_BITS(39, 0)) << 12;
	else
		flush->first = arm64_sign_extend((xt & PTL_BITS(43, 0)) << 12, 55);
	flush->last = flush->first;
	if (granule_lg2 && !(flags & PT_TLBI_NO_TTL))
		leaf = arm64_tlbi_hint(granule_lg2, xt >> 44 & 3, flags & PT_TLBI_LPA2);
	if (leaf)
		arm64_tlbi_by_hint(flush, granule_lg2, leaf);
}

#define ARM64_TLBI_NO_SIZE PTL_BIT(63) /* that no entry has */

/*
 * "The range of addresses invalidated is UNPREDICTABLE" where BaseADDR is not aligned to the leaf
 * that TTL says: nothing is sure to go. Not so of 16K's level 1.
 */
static inline bool arm64_tlbi_is_predictable(uint64_t first, unsigned int granule_lg2,
					     unsigned int ttl, uint64_t leaf)
{
	return !leaf || !(first & (leaf - 1)) || (granule_lg2 == 14 && ttl == 1);
}

/*
 * [BaseADDR, BaseADDR + (NUM + 1) * 2^(5 * SCALE + 1) * granule). BaseADDR counts granules,
 * or with LPA2 64K. Entries of another granule than TG need not go. What would be beyond
 * the end of the address space is not there.
 */
static inline bool arm64_tlbi_range(struct pt_tlb_flush *flush, uint64_t xt, bool ipa,
				    unsigned int flags)
{
	unsigned int granule_lg2 = arm64_tlbi_granule_lg2(xt >> 46 & 3);
	unsigned int scale = xt >> 44 & 3, ttl = xt >> 37 & 3;
	unsigned int unit_lg2 = flags & PT_TLBI_LPA2 ? 16 : granule_lg2;
	uint64_t nr = ((xt >> 39 & 31) + 1) << (5 * scale + 1), leaf;

	if (!granule_lg2)
		return false;
	flush->first = (xt & PTL_BITS(36, 0)) << unit_lg2;
	if (!ipa)
		flush->first = arm64_sign_extend(flush->first, 36 + unit_lg2);
	flush->last = flush->first + (nr << granule_lg2) - 1;
	if (flush->last < flush->first)
		flush->last = UINT64_MAX;
	leaf = ttl ? arm64_tlbi_hint(granule_lg2, ttl, flags & PT_TLBI_LPA2) : 0;
	if (!arm64_tlbi_is_predictable(flush->first, granule_lg2, ttl, leaf))
		flush->leaf_sizes = flush->table_sizes = ARM64_TLBI_NO_SIZE;
	else if (leaf)
		arm64_tlbi_by_hint(flush, granule_lg2, leaf);
	else
		flush->leaf_sizes = flush->table_sizes = arm64_tlbi_sizes(granule_lg2);
	return true;
}

/* False for a range of a reserved granule. */
static inline bool arm64_tlbi(struct pt_tlb_flush *flush, enum pt_arm64_tlbi op, uint16_t vmid,
			      uint64_t xt, unsigned int flags)
{
	const struct arm64_tlbi *tlbi = &arm64_tlbis[op];
	bool ipa = tlbi->types == PT_FLUSH_IPA;

	*flush = (struct pt_tlb_flush){
		.all = tlbi->address ? 0 : tlbi->types,
		.range = tlbi->address ? tlbi->types : 0,
		.any_asid = tlbi->any_asid,
		.any_vmid = tlbi->any_vmid,
		.vmid = tlbi->any_vmid ? 0 : vmid,
		.asid = tlbi->any_asid ? 0 : (uint16_t)(xt >> 48),
	};
	if (tlbi->range)
		return arm64_tlbi_range(flush, xt, ipa, flags);
	if (tlbi->address)
		arm64_tlbi_address(flush, xt, ipa, flags);
	return true;
}

#endif /* PTL_FLUSH_ARM64_H */
